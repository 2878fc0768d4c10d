"""Tuning what the search uses: which rows teach, and a cross-encoder by path from examples to serving."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from groundtune.errors import GateClosed
from groundtune.project.recipes import Bench
from groundtune.project.rerankers import reranker_at
from groundtune.project.workspace import Workspace
from groundtune.records import Passage
from groundtune.testing.embedding import HashedWords
from groundtune.training.rows import TrainingRow

pytest.importorskip("sentence_transformers")
from groundtune.project.retrieval_recipes import NEGATIVES, WEIGHTS, _with_negatives, tune_reranker_of

WORDS = ["gate", "closes", "eight", "pump", "starts", "noon", "valve", "opens", "dawn", "when", "?", "."]


def passage(text: str, id_: str) -> Passage:
    return Passage(id=id_, document=id_, source="", title="", headings=(), start=0, end=len(text), text=text)


RIGHT = passage("The gate closes at eight.", "gate")
OTHERS = tuple(passage(f"The pump starts at noon {n}.", f"pump{n}") for n in range(6))
SAID_TOO = passage("In short: it closes at eight.", "short")


def case(name: str = "q", gold: tuple[Passage, ...] = (RIGHT,)) -> TrainingRow:
    return TrainingRow(
        id=name, question="When does it close?", answer="at eight", passages=(RIGHT, SAID_TOO, *OTHERS), gold=gold
    )


def test_a_passage_that_says_the_answer_is_never_held_against_the_question() -> None:
    row = _with_negatives(case())
    assert row.positives == (RIGHT.text,)
    assert row.negatives == tuple(other.text for other in OTHERS[:NEGATIVES])


def bench(folder: Path, cases: list[TrainingRow]) -> Bench:
    (folder / "docs").mkdir()
    for found in (RIGHT, *OTHERS):
        (folder / "docs" / f"{found.id}.md").write_text(found.text, "utf-8")
    rows = [
        {"id": str(n), "question": "When does the gate close?", "answers": ["at eight"], "split": "dev",
         "evidence": [{"doc": "gate.md"}], "cluster": str(n)}
        for n in range(3)
    ]  # fmt: skip
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    settings = '[project]\nname = "p"\n[model.reranker]\nprovider = "transformers"\nname = "weights"\n'
    (folder / "groundtune.toml").write_text(settings, "utf-8")
    workspace = Workspace(folder)
    workspace.__dict__["embedding"] = HashedWords()
    workspace.knowledge.sync(["docs/"], folder)
    (folder / "made").mkdir()
    return Bench(
        workspace=workspace, cases=cases, dev=[], seed=1, made=folder / "made", state=folder / "state",
        progress=lambda *_: None, confirm=lambda _: True,
    )  # fmt: skip


def test_cases_that_nothing_answers_close_the_gate(tmp_path: Path) -> None:
    unanswered = TrainingRow(id="q", question="When?", answer="never said", passages=OTHERS)
    with pytest.raises(GateClosed, match="names its evidence"):
        tune_reranker_of(bench(tmp_path, [unanswered]))


@pytest.mark.slow
def test_a_cross_encoder_by_path_is_tuned_and_serves(tmp_path: Path) -> None:
    from groundtune.testing.cross_encoder import tiny_cross_encoder

    tiny_cross_encoder(tmp_path / "weights", WORDS)
    made = tune_reranker_of(bench(tmp_path, [case(str(n)) for n in range(8)]))
    assert made.base_name == "weights"
    assert made.metrics["weight"] in WEIGHTS
    reranker = reranker_at(Workspace(tmp_path), tmp_path / "made")
    assert len(reranker.score("When does the gate close?", [RIGHT.text, OTHERS[0].text])) == 2
