"""An experiment asks everyone the same, keeps every answer, and goes on where it stopped."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from groundtune.errors import GateClosed, StorageError
from groundtune.experiment.baseline import constant_baseline
from groundtune.experiment.results import ExperimentResult
from groundtune.experiment.run import Measured, analyse, answer_all, judge, run_experiment
from groundtune.experiment.scorers import SCORERS
from groundtune.models.prices import NoPrice, find_price
from groundtune.records import SYSTEM_IDS, Answer, Query, Usage
from groundtune.settings import ModelSettings, PriceSettings
from groundtune.storage.ledger import Ledger
from groundtune.testing.scripted import ABSTAINS, F1, FAILS, Scripted, queries, result_of, right_on, run, say


def systems(count: int, rates: tuple[int, int, int, int] = (5, 2, 4, 1)) -> list[Scripted]:
    """System k is right on every rates[k]-th query."""

    def every(step: int) -> dict[str, str]:
        return right_on(count, lambda n: n % step == 0)

    return [Scripted(name, every(step)) for name, step in zip(SYSTEM_IDS, rates, strict=True)]


def test_every_system_is_measured_on_every_query(tmp_path: Path) -> None:
    result = run(tmp_path, systems(20), queries(20))
    assert {name: system.score for name, system in result.systems.items()} == {
        "prompt": 0.2,
        "rag": 0.5,
        "tuned": 0.25,
        "tuned_rag": 1.0,
    }
    rag = result.systems["rag"]
    assert (rag.n, rag.wrong_rate, rag.abstain_rate, rag.failed, rag.uncited) == (20, 0.5, 0.0, 0, 0)
    assert rag.interval is not None
    assert rag.latency is not None
    assert rag.cost_per_query_usd is None
    assert result.systems["prompt"].uncited == 20
    assert result.effects is not None
    assert result.effects.retrieval.mean == pytest.approx((0.3 + 0.75) / 2)
    assert result.effects.tuning.mean == pytest.approx((0.05 + 0.5) / 2)
    assert result.effects.interaction.mean == pytest.approx(0.75 - 0.3)
    assert result.baseline.score == 0


def test_the_json_has_the_fields_that_other_programs_read(tmp_path: Path) -> None:
    shown = run(tmp_path, systems(20), queries(20)).to_json()
    assert shown["run"] == "r"
    assert {"score", "interval", "n", "wrong_rate", "abstain_rate", "cost_per_query_usd", "latency_ms"} <= set(
        shown["systems"]["rag"]
    )
    assert set(shown["systems"]["rag"]["latency_ms"]) == {"p50", "p95"}
    assert shown["systems"]["rag"]["timed"] == {"n": 20, "from_cache": 0}
    assert shown["systems"]["rag"]["price"] is None
    assert shown["effects"]["retrieval"]["points"] == 52.5
    assert set(shown["effects"]) == {"retrieval", "tuning", "interaction"}


def test_systems_take_turns_and_the_order_rotates(tmp_path: Path) -> None:
    order: list[tuple[str, str]] = []

    class Noted(Scripted):
        def answer(self, query: Query) -> Answer:
            order.append((self.id, query.id))
            return super().answer(query)

    run(tmp_path, [Noted(name, right_on(3, lambda _: True)) for name in ("a", "b", "c")], queries(3))
    warm_up, measured = order[:3], order[3:]
    assert warm_up == [("a", "q0"), ("b", "q0"), ("c", "q0")]
    assert [name for name, _ in measured] == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]
    assert [query for _, query in measured] == ["q0"] * 3 + ["q1"] * 3 + ["q2"] * 3


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    class Interrupted(Scripted):
        def answer(self, query: Query) -> Answer:
            if query.id == "q5" and "q5" not in self.asked:
                self.asked.append("q5")
                raise KeyboardInterrupt
            return super().answer(query)

    system = Interrupted("rag", right_on(10, lambda _: True))
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, [system], queries(10))
    assert system.asked == ["q0", "q0", "q1", "q2", "q3", "q4", "q5"]
    system.asked[:] = ["q5"]
    result = run(tmp_path, [system], queries(10))
    assert system.asked == ["q5", "q0", "q5", "q6", "q7", "q8", "q9"]
    assert result.systems["rag"].score == 1


def test_a_finished_run_asks_nothing_and_finds_the_same(tmp_path: Path) -> None:
    first = run(tmp_path, systems(12), queries(12))
    again = systems(12)
    second = run(tmp_path, again, queries(12))
    assert all(system.asked == [] for system in again)
    assert second.to_json() == first.to_json()


def test_a_failing_answer_is_a_record_and_is_asked_for_again(tmp_path: Path) -> None:
    script = right_on(10, lambda _: True) | {"q3": FAILS}
    other = Scripted("prompt", right_on(10, lambda _: False))
    result = run(tmp_path, [other, Scripted("rag", script)], queries(10))
    assert result.systems["rag"].failed == 1
    assert result.systems["rag"].n == result.systems["prompt"].n == 9
    assert result.systems["rag"].wrong_rate == 0
    assert result.rows[3].scores["rag"].value is None
    assert "rag failed on 1 of 10 queries, the first time with: ModelError: the endpoint did not answer" in result.notes
    assert "1 of 10 queries could not be scored for every system and do not count." in result.notes
    mended = Scripted("rag", right_on(10, lambda _: True))
    assert run(tmp_path, [other, mended], queries(10)).systems["rag"].n == 10
    assert mended.asked == ["q0", "q3"]


def test_a_full_disk_stops_the_run(tmp_path: Path) -> None:
    class Full(Scripted):
        def answer(self, query: Query) -> Answer:
            raise StorageError("no space left")

    with pytest.raises(StorageError, match="no space left"):
        run(tmp_path, [Full("rag", {})], queries(3))


def test_scores_are_kept_with_the_scorers_version(tmp_path: Path) -> None:
    run(tmp_path, [Scripted("rag", right_on(2, lambda n: n == 0) | {"q1": ABSTAINS})], queries(2))
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        kept = {(score.query, score.scorer, score.version): score.value for score in ledger.scores("r")}
    assert kept == {
        ("q0", "token_f1", "1"): 1.0,
        ("q0", "token_f1.right", "1"): 1.0,
        ("q1", "token_f1", "1"): 0.0,
        ("q1", "token_f1.right", "1"): 0.0,
    }


def test_an_abstention_is_not_wrong(tmp_path: Path) -> None:
    result = run(tmp_path, [Scripted("rag", dict.fromkeys(right_on(4, lambda _: True), ABSTAINS))], queries(4))
    rag = result.systems["rag"]
    assert (rag.score, rag.wrong_rate, rag.abstain_rate, rag.uncited) == (0, 0, 1, 0)


def test_progress_counts_what_was_kept(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    script = right_on(3, lambda _: True)
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        ledger.start_run("r", kind="experiment", record={})
        answer_all({"rag": Scripted("rag", script)}, queries(2), ledger, "r")
        answer_all(
            {"rag": Scripted("rag", script)},
            queries(3),
            ledger,
            "r",
            progress=lambda done, total: seen.append((done, total)),
        )
    assert seen == [(3, 3)]


def test_without_queries_there_is_nothing_to_compare(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger, pytest.raises(GateClosed, match="no test query"):
        run_experiment({}, [], ledger, "r", scorer=F1, clusters={}, seed=1)


def test_a_system_that_times_itself_is_believed(tmp_path: Path) -> None:
    result = result_of({"prompt": lambda _: True}, 5, milliseconds=123.0)
    latency = result.systems["prompt"].latency
    assert latency is not None
    assert (latency.p50, latency.p95) == (123.0, 123.0)


def test_answers_from_the_cache_are_reported_and_have_no_latency() -> None:
    asked = queries(3)

    def shown(again: int) -> ExperimentResult:
        answers = {}
        for number, query in enumerate(asked):
            given = say("prompt", query, "x", milliseconds=5.0)
            answers["prompt", query.id] = replace(given, from_cache=number < again)
        rows = judge(answers, ["prompt"], asked, F1, clusters={query.id: query.id for query in asked})
        return analyse("r", rows, F1, seed=1, measured=Measured())

    partly = shown(2)
    assert partly.to_json()["systems"]["prompt"]["timed"] == {"n": 1, "from_cache": 2}
    note = "Of 3 answers each, these came from the cache, and their times do not count: prompt 2."
    assert note in partly.notes
    wholly = shown(3).to_json()["systems"]["prompt"]
    assert (wholly["latency_ms"], wholly["timed"], wholly["first_token_ms"]) == (None, None, None)
    assert not any("cache" in note for note in shown(1).notes)


def test_the_json_says_what_tokens_cost_and_where_the_price_is_from() -> None:
    asked = queries(2)
    usage = Usage(input_tokens=1000, output_tokens=100, cached_tokens=500, reasoning_tokens=20)
    answers = {
        (name, query.id): replace(say(name, query, "x"), usage=usage, model="m")
        for name in ("prompt", "rag")
        for query in asked
    }
    own = ModelSettings(provider="openai", name="m", prices=PriceSettings(input=2, output=10, cached_input=1))
    price = find_price(own, on=date(2026, 1, 1))
    rows = judge(answers, ["prompt", "rag"], asked, F1, clusters={query.id: query.id for query in asked})
    measured = Measured(prices={"prompt": price, "rag": NoPrice(reason="nobody lists it")})
    shown = analyse("r", rows, F1, seed=1, measured=measured).to_json()["systems"]
    assert shown["prompt"]["cost_per_query_usd"] == pytest.approx(0.0025)
    assert shown["prompt"]["tokens"] == {"input": 1000, "cached": 500, "output": 100, "reasoning": 20}
    assert shown["prompt"]["price"] == {
        "input_usd_per_million": 2,
        "cached_input_usd_per_million": 1,
        "output_usd_per_million": 10,
        "source": "[model.prices] in groundtune.toml",
        "date": "2026-01-01",
    }
    assert (shown["rag"]["cost_per_query_usd"], shown["rag"]["price"]) == (None, {"unknown": "nobody lists it"})


def test_the_best_constant_reply_is_known() -> None:
    scorer = SCORERS["label_match"]
    asked = [Query(id=str(n), question="?", answers=("yes" if n % 3 else "no",)) for n in range(9)]
    labels = constant_baseline(asked, scorer)
    assert labels.score == pytest.approx(6 / 9)
    assert str(labels) == "always answering 'yes'"
    silent = constant_baseline([replace(query, answers=(), answerable=False) for query in asked], scorer)
    assert (silent.reply, silent.score, str(silent)) == (None, 1.0, "always abstaining")
    assert constant_baseline([], scorer).score == 0


def test_a_row_without_a_score_has_no_value() -> None:
    result: ExperimentResult = result_of({"prompt": lambda _: True}, 1)
    row = replace(result.rows[0], scores={"prompt": replace(result.rows[0].scores["prompt"], value=None, note="why")})
    with pytest.raises(ValueError, match="has no score: why"):
        row.value("prompt")
