"""Causes are named by what was seen, and proven only where an intervention flips the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from groundtune.diagnosis.causes import Arms, Outcome, cause_of, evidence_rank, has_failed
from groundtune.diagnosis.diagnose import diagnose, gold_id, needs_gold
from groundtune.diagnosis.records import Diagnosis
from groundtune.errors import GateClosed
from groundtune.experiment.results import QueryRow
from groundtune.experiment.run import judge, run_experiment
from groundtune.experiment.scorers import SCORERS, Scorer
from groundtune.records import Answer, Evidence, Hit, Passage, Query
from groundtune.storage.ledger import Ledger
from groundtune.testing.scripted import ABSTAINS, F1, Scripted, right_on, say

EVIDENCE = (Evidence(doc="d", start=10, end=20),)
ASKED = Query(id="q", question="?", answers=("port 8421",), evidence=EVIDENCE)


def hit(rank: int, start: int, document: str = "d") -> Hit:
    passage = Passage(
        id=f"{document}#{start}",
        document=document,
        source="d.md",
        title="",
        headings=(),
        start=start,
        end=start + 10,
        text="x",
    )
    return Hit(rank=rank, score=1.0, passage=passage)


def outcome(right: bool | None, text: str = "x") -> Outcome:
    return Outcome(answer=say("arm", ASKED, text), right=right)


def row(system: str, answer: Answer, query: Query = ASKED, scorer: Scorer = F1) -> QueryRow:
    (made,) = judge({(system, query.id): answer}, [system], [query], scorer, clusters={query.id: "c"})
    return made


def cause(
    text: str,
    *,
    gold: Outcome | None = None,
    no_context: Outcome | None = None,
    hits: tuple[Hit, ...] = (),
    query: Query = ASKED,
    scorer: Scorer = F1,
    retrieves: bool = True,
) -> tuple[str, bool]:
    said = say("rag", query, text)
    answer = Answer(query=query.id, system="rag", text=said.text, reason=said.reason, hits=hits)
    made = row("rag", answer, query, scorer)
    assert has_failed(made, "rag")
    found = cause_of(made, "rag", Arms(gold=gold, no_context=no_context), scorer, retrieves=retrieves)
    return found.cause, found.proven


RIGHT, WRONG, SILENT = outcome(True), outcome(False), outcome(False, ABSTAINS)
HELD, MISSED = (hit(1, 500), hit(2, 15)), (hit(1, 500), hit(2, 15, "other"))


def test_without_retrieval_gold_shows_that_knowledge_was_missing() -> None:
    assert cause("no", gold=RIGHT, retrieves=False) == ("missing_knowledge", True)
    assert cause(ABSTAINS, gold=RIGHT, retrieves=False) == ("missing_knowledge", True)
    assert cause("no", gold=WRONG, retrieves=False) == ("reading", False)
    assert cause("no", retrieves=False) == ("not_proven", False)


def test_evidence_that_was_not_found_is_a_miss_when_gold_flips() -> None:
    assert cause("no", gold=RIGHT, hits=MISSED) == ("retrieval_miss", True)
    assert cause(ABSTAINS, gold=RIGHT, hits=MISSED) == ("retrieval_miss", True)
    assert cause("no", gold=WRONG, hits=MISSED) == ("not_proven", False)


def test_evidence_that_was_found_and_not_used_is_reading() -> None:
    assert cause("no", gold=RIGHT, hits=HELD) == ("reading", True)
    assert cause("no", gold=SILENT, hits=HELD) == ("reading", False)


def test_an_abstention_with_the_evidence_at_hand_is_wrong() -> None:
    assert cause(ABSTAINS, gold=RIGHT, hits=HELD) == ("wrong_abstention", True)
    assert cause(ABSTAINS, gold=SILENT, hits=HELD) == ("wrong_abstention", False)


def test_an_answer_where_there_is_none_should_have_been_an_abstention() -> None:
    unanswerable = Query(id="q", question="?", answerable=False)
    assert cause("no", query=unanswerable) == ("wrong_abstention", True)


def test_passages_that_turned_a_right_answer_wrong_did_the_harm() -> None:
    assert cause("no", gold=WRONG, no_context=RIGHT, hits=HELD) == ("reading", True)


def test_without_labelled_evidence_nothing_is_proven() -> None:
    assert cause("no", hits=HELD, query=Query(id="q", question="?", answers=("yes",))) == ("not_proven", False)


@pytest.mark.parametrize(
    ("scorer", "accepted", "text"),
    [
        ("json_match", '{"time": "7 pm"}', 'Here you are: {"time": "7 pm"}'),
        ("label_match", "card_arrival", "The label is card_arrival."),
    ],
)
def test_the_right_thing_in_the_wrong_form_is_format(scorer: str, accepted: str, text: str) -> None:
    query = Query(id="q", question="?", answers=(accepted,))
    assert cause(text, query=query, scorer=SCORERS[scorer], gold=WRONG) == ("format", True)


@pytest.mark.parametrize("text", ['{"time": "8 pm"}', "no braces", "{broken"])
def test_the_wrong_thing_in_any_form_is_not_format(text: str) -> None:
    query = Query(id="q", question="?", answers=('{"time": "7 pm"}',))
    assert cause(text, query=query, scorer=SCORERS["json_match"])[0] == "not_proven"


def test_evidence_is_found_by_overlap_or_by_document() -> None:
    assert evidence_rank(HELD, ASKED) == 2
    assert evidence_rank((hit(1, 20),), ASKED) is None
    assert evidence_rank((hit(1, 19),), ASKED) == 1
    whole = Query(id="q", question="?", evidence=(Evidence(doc="d"),))
    assert evidence_rank((hit(3, 500),), whole) == 3


COUNT = 40


def asked() -> list[Query]:
    return [
        Query(id=f"q{n}", question=f"thing{n}", answers=(f"answer{n}",), evidence=(Evidence(doc=f"d{n}"),))
        for n in range(COUNT)
    ] + [Query(id=f"q{COUNT}", question="none", answerable=False, evidence=(Evidence(doc="near miss"),))]


def diagnosed(
    folder: Path, scripts: Mapping[str, Mapping[str, str]], gold: Mapping[str, Mapping[str, str]]
) -> Diagnosis:
    queries = asked()
    with Ledger.open(folder / "ledger.sqlite") as ledger:
        ledger.start_run("r", kind="experiment", record={})
        result = run_experiment(
            {name: Scripted(name, {f"q{COUNT}": ABSTAINS, **script}) for name, script in scripts.items()},
            queries,
            ledger,
            "r",
            scorer=F1,
            clusters={query.id: query.id for query in queries},
            seed=7,
        )
        arms = {gold_id(name): Scripted(gold_id(name), script) for name, script in gold.items()}
        found = diagnose(result, arms, ledger, scorer=F1)
        assert {system for system, _ in ledger.answers("r")} == {*scripts, *map(gold_id, gold)}
    return found


def test_the_ladder_returns_the_points_of_each_stage(tmp_path: Path) -> None:
    found = diagnosed(
        tmp_path,
        {"prompt": right_on(COUNT, lambda n: n < 4), "rag": right_on(COUNT, lambda n: n < 20)},
        {"rag": right_on(COUNT, lambda n: n < 32)},
    )
    shown = found.to_json()
    assert [(step["step"], step["from"], step["to"], step["points"], step["n"]) for step in shown["ladder"]] == [
        ("retrieval as it is", "prompt", "rag", 40.0, COUNT),
        ("better retrieval", "rag", "rag+gold", 30.0, COUNT),
        ("better reading", "rag+gold", None, 20.0, COUNT),
    ]
    for step in found.ladder:
        assert step.difference.interval is not None
        assert step.difference.interval.low < (step.difference.mean or 0) < step.difference.interval.high
    assert [(remedy["remedy"], remedy["points"], remedy["cost"]) for remedy in shown["remedies"]] == [
        ("better retrieval", 30.0, None),
        ("better reading", 20.0, None),
    ]
    assert found.system == "rag"
    assert shown["causes"] == {"retrieval_miss": 12, "not_proven": 8}
    assert shown["causes_by_system"]["prompt"] == {"missing_knowledge": 28, "reading": 8}
    assert {"id", "system", "cause", "proven", "evidence"} == set(shown["queries"][0])
    assert "40 of 41 test queries that have labelled evidence" in " ".join(found.notes)


def test_the_better_system_with_retrieval_gets_the_ladder(tmp_path: Path) -> None:
    scripts = {name: right_on(COUNT, lambda n: n < 20) for name in ("prompt", "rag", "tuned")}
    scripts["tuned_rag"] = right_on(COUNT, lambda n: n < 30)
    gold = {name: right_on(COUNT, lambda _: True) for name in ("rag", "tuned_rag")}
    found = diagnosed(tmp_path, scripts, gold)
    assert found.system == "tuned_rag"
    assert found.ladder[0].start == "tuned"
    assert found.causes("tuned_rag") == {"retrieval_miss": 10}


def test_without_gold_arms_there_are_causes_and_no_points(tmp_path: Path) -> None:
    found = diagnosed(tmp_path, {"rag": right_on(COUNT, lambda n: n < 20)}, {})
    assert found.causes() == {"not_proven": 20}
    assert found.remedies == ()
    assert [step.to_json()["points"] for step in found.ladder] == [None] * 3


def test_only_labelled_answerable_queries_go_to_the_gold_arms() -> None:
    assert len(needs_gold(asked())) == COUNT


def test_without_retrieval_there_is_nothing_to_diagnose(tmp_path: Path) -> None:
    with pytest.raises(GateClosed, match="Run rag or tuned_rag first"):
        diagnosed(tmp_path, {"prompt": right_on(COUNT, lambda _: True)}, {})


def test_a_system_of_the_users_own_is_never_proven_guilty() -> None:
    def found(hits: tuple[Hit, ...]) -> tuple[str, bool]:
        answer = Answer(query=ASKED.id, system="ours", text="no", hits=hits)
        failure = cause_of(row("ours", answer), "ours", None, F1, retrieves=bool(hits))
        return failure.cause, failure.proven

    assert found(()) == ("not_proven", False)
    assert found(MISSED) == ("retrieval_miss", False)
    assert found(HELD) == ("reading", False)


def test_a_passage_without_a_place_holds_evidence_when_it_quotes_it() -> None:
    quoted = Query(id="q", question="?", evidence=(Evidence(doc="d", start=10, end=20, quote="port  8421"),))
    foreign = Passage(
        id="f", document="elsewhere", source="e", title="", headings=(), start=0, end=0, text="It is port\n8421."
    )
    assert evidence_rank([hit(1, 500), Hit(rank=2, score=1.0, passage=foreign)], quoted) == 2
