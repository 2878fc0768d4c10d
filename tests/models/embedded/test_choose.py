from __future__ import annotations

import math

import numpy as np
import pytest

from groundtune.models.embedded.choose import MAX_PAIR_TOKENS, Chooser, question_rows, verbalise
from groundtune.models.embedded.embed import EmbeddedEmbedding
from groundtune.records import Demonstration, Passage


def passage(text: str, answer: str | None = None) -> Passage:
    return Passage(
        id=text, document=text, source="", title="", headings=(), start=0, end=len(text), text=text, answer=answer
    )


def test_the_mass_of_a_label_is_its_prototype_and_its_cases(tiny_embedding: EmbeddedEmbedding) -> None:
    question, cases = "where is my card ?", [("my card is late", "a"), ("how old must i be", "b")]
    prototypes = dict(zip("ab", np.eye(8, dtype=np.float32), strict=False))
    choice = Chooser(tiny_embedding, prototypes, label_weight=2.0).choose(
        question,
        ["a", "b"],
        [Demonstration(question=cases[0][0], answer="a"), Demonstration(question="pin", answer="unknown")],
        [passage(cases[1][0], "b")],
    )
    asked, one, two = tiny_embedding.embed([question, cases[0][0], cases[1][0]])
    mass = {
        label: 2 * math.exp((prototypes[label] @ asked - 1) / 0.05) + math.exp((case @ asked - 1) / 0.05)
        for label, case in (("a", one), ("b", two))
    }
    assert choice.label == max(mass, key=mass.__getitem__)
    assert choice.probability == pytest.approx(mass[choice.label] / sum(mass.values()), rel=1e-4)
    assert choice.support == ((0,) if choice.label == "b" else ())


def test_documents_enter_through_the_vector_of_the_question(tiny_embedding: EmbeddedEmbedding) -> None:
    chooser = Chooser(tiny_embedding)
    alone = chooser.choose("my pin", ["age limit", "lost card"])
    with_text = chooser.choose("my pin", ["age limit", "lost card"], (), [passage("the new account is blocked .")])
    assert alone.probability != with_text.probability


def test_a_question_with_texts_is_cut_to_what_the_model_takes(tiny_embedding: EmbeddedEmbedding) -> None:
    tokens = tiny_embedding.tokens
    assert question_rows(tokens, "my pin", []) == [[2, 16, 7, 3]]
    alone, paired = question_rows(tokens, "my pin", ["card", "lost"])
    assert paired == [*alone, 4, 5, 3]
    assert [len(row) for row in question_rows(tokens, "pin " * 900, ["card " * 900])] == [194, MAX_PAIR_TOKENS]


def test_names_are_said_in_words() -> None:
    assert verbalise("card_arrival") == "card arrival"
    assert verbalise("top-up  by_card") == "top up by card"


def test_base_weights_know_what_names_mean(embedding: EmbeddedEmbedding) -> None:
    labels = ["card_arrival", "age_limit", "exchange_rate"]
    chooser = Chooser(embedding)
    assert chooser.choose("My new card has not come yet", labels).label == "card_arrival"
    assert chooser.choose("Can my 12 year old open an account?", labels).label == "age_limit"


def test_a_demonstration_teaches_what_the_name_does_not_say(embedding: EmbeddedEmbedding) -> None:
    labels = ["alpha", "beta"]
    passages = [passage("I forgot my PIN", "beta"), passage("I lost my card", "alpha")]
    choice = Chooser(embedding).choose("I cannot remember my PIN", labels, (), passages)
    assert (choice.label, choice.support) == ("beta", (0,))
    assert 0.5 < choice.probability <= 1
