"""A report with made-up numbers that has one of everything, hostile text included."""

from __future__ import annotations

import random
from dataclasses import replace

from groundtune.advice.scoring import Checked, ForecastScore
from groundtune.economics.forecast import forecast_costs
from groundtune.records import SYSTEM_IDS, Answer, Citation, Evidence, Query
from groundtune.verdict.report import (
    Causes,
    Cell,
    Effect,
    Facts,
    Gate,
    Outcome,
    QueryRow,
    Recommendation,
    Remedy,
    Report,
    SystemMeasure,
    TokenMeans,
    TunedModel,
)

HOSTILE = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title='taken'\">"
OWN = "our-current-chatbot"
"""The system beside the four in `paid_report`."""

TOPICS = ("buckets", "queues", "tables", "functions", "alarms", "keys")


def sample_report(count: int = 24, *, project: str = "support-desk", system: str | None = "rag") -> Report:
    """The report of one project with ``count`` queries."""
    generator = random.Random(5)
    return Report(
        project=project,
        run="8f2c1a90",
        created="2026-11-20 17:04",
        scorer="token_f1/1",
        retrieval="documents",
        minimum_gain=0.03,
        recommendation=_recommendation(system),
        systems=tuple(_measure(name, generator, count) for name in SYSTEM_IDS),
        effects=(
            Effect(name="retrieval", points=0.284, interval=(0.221, 0.349)),
            Effect(name="tuning", points=0.021, interval=(-0.018, 0.061)),
            Effect(name="interaction", points=-0.012, interval=(-0.071, 0.049), note="too few queries to tell"),
        ),
        queries=tuple(_row(number, generator) for number in range(count)),
        diagnosis=(_causes(), Causes(system="prompt", counts={"missing_knowledge": 9, "reading": 1})),
        diagnosis_notes=("Each arm was run once.",),
        latency_limit_ms=800.0,
        warnings=(
            f"Only {count} test queries: a difference below 11.5 points would go unnoticed.",
            "The queries fall into 14 clusters; intervals rest on few independent cases.",
        ),
        facts=(
            Facts(title="Settings", rows=(("task", "answer"), ("model", "embedded"), ("passages", "5"))),
            Facts(title="Data", rows=(("queries.jsonl", "sha256 " + "3f9a" * 16), ("documents", "412, snapshot 77ab"))),
            Facts(title="Versions", rows=(("groundtune", "0.1.0"), ("python", "3.11.4"))),
        ),
    )


def paid_report(count: int = 24) -> Report:
    """The same with a model that is paid for, a system of the user's own, and a tuned model that was examined."""
    report = sample_report(count)
    own = replace(report.systems[0], id=OWN, latency_ms={"p50": 640.0, "p95": 2210.0}, infeasible=("cites nothing",))
    systems = [_paid(measure, place) for place, measure in enumerate(report.systems)]
    rows = [replace(row, cells={**row.cells, OWN: row.cells["prompt"]}) for row in report.queries]
    gates = (
        Gate(name="overfit: verbatim", status="passed", note="It recites 0 of 24 training answers."),
        Gate(name="forgetting: refusal", status="failed", note=f"It refuses 31 points less often. {HOSTILE}"),
        Gate(name="forgetting: format", status="not shown", note="With 12 questions the change may be -9 to 6 points."),
    )
    tuned = TunedModel(id="hosted-1f2e3d", base="gpt-4o-mini", examples=1240, cost_usd=3.5, gates=gates)
    models = Facts(
        title="Models that answered", rows=(("rag", "openai/gpt-4o-mini@https://api.openai.com; template 1"),)
    )
    return replace(
        report,
        systems=(*systems, own),
        queries=tuple(rows),
        tuned=tuned,
        facts=(models, *report.facts),
        concurrency=4,
        costs=forecast_costs(),
        forecast=_forecast(),
    )


def _forecast() -> ForecastScore:
    made = [
        Checked(
            what="the system to build", forecast="rag, in 81% of the ways", measured="rag", right=True, why="It held."
        ),
        Checked(what="what tuning brings", forecast="a gain", measured="2.1 points", right=None, why=HOSTILE),
        Checked(
            what="cost of a query", forecast="$0.01 to $0.02", measured="$0.03", right=False, why="Longer prompts."
        ),
    ]
    return ForecastScore(made_at="2026-11-19T09:12:00", sentence="Of 3 statements 1 came true.", checks=tuple(made))


def _paid(measure: SystemMeasure, place: int) -> SystemMeasure:
    tokens = TokenMeans(read=812.4 + place, cached=512.0, written=41.2, reasoning=12.0 if place else None)
    price = f"A million tokens read cost $0.15, written $0.60. From {HOSTILE}, as of 2026-11-20."
    return replace(
        measure,
        tokens=tokens,
        cost_per_query_usd=0.00000341 * (place + 1),
        cost_per_right_answer_usd=0.0000055 * (place + 1),
        bill_per_month_usd=0.68 * (place + 1),
        price=price,
        latency_ms={**measure.latency_ms, "first_token": 4.4},
        timed=23,
        from_cache=1,
    )


def _recommendation(system: str | None) -> Recommendation:
    if system is None:
        sentence = "Undecided: the queries cannot tell the four systems apart."
        return Recommendation(kind="inconclusive", system=None, sentence=sentence, queries_needed=640)
    return Recommendation(
        kind="choose",
        system=system,
        sentence="Use retrieval, without fine-tuning.",
        because=(
            "Retrieval adds 28.4 points (95 % interval 22.1 to 34.9).",
            "Fine-tuning adds 2.1 points on top, less than the 3 points that would count.",
            "Answers must cite their source, which rules out the two systems without retrieval.",
        ),
        runner_up="tuned_rag",
        queries_needed=None,
        flips_if=("the documents may no longer be read at run time", "a gain of 2 points would be worth having"),
    )


def _measure(name: str, generator: random.Random, count: int) -> SystemMeasure:
    retrieves = "rag" in name
    score = (0.62 if retrieves else 0.33) + (0.02 if "tuned" in name else 0.0)
    return SystemMeasure(
        id=name,
        n=count,
        score=score,
        interval=(score - 0.06, score + 0.06),
        wrong_rate=0.2 if retrieves else 0.35,
        abstain_rate=0.18 if retrieves else 0.32,
        latency_ms={"p50": 14.2 if retrieves else 5.1, "p95": 31.0 if retrieves else 8.4 + generator.random()},
        seconds_to_build={"prompt": 0.0, "rag": 12.4, "tuned": 88.0}.get(name, 100.4),
        cost_per_query_usd=None,
        infeasible=() if retrieves else ("cannot cite its sources",),
    )


def _row(number: int, generator: random.Random) -> QueryRow:
    topic = TOPICS[number % len(TOPICS)]
    answerable = number % 7 != 3
    quote = f"An account can hold up to {number + 10} {topic} in each region; ask support for more."
    question = f"How many {topic} can one account hold?" if number else f"What does {HOSTILE} do?"
    query = Query(
        id=f"q{number:03}",
        question=question,
        answers=(str(number + 10), f"up to {number + 10}") if answerable else (),
        answerable=answerable,
        evidence=(Evidence(doc=f"guide/{topic}.md", start=40, end=40 + len(quote), quote=quote),) if answerable else (),
    )
    return QueryRow(query=query, cells={name: _cell(name, query, quote, generator) for name in SYSTEM_IDS})


def _cell(name: str, query: Query, quote: str, generator: random.Random) -> Cell:
    retrieves = "rag" in name
    chance = generator.random()
    if chance < (0.62 if retrieves else 0.33) and query.answerable:
        return Cell(
            answer=_answer(name, query, query.answers[0], quote if retrieves else None), outcome="right", score=1.0
        )
    if chance > 0.97:
        return Cell(
            answer=Answer(query=query.id, system=name, text="", error="the model ran out of memory"), outcome="failed"
        )
    if chance > 0.8 or not query.answerable:
        reason = "No passage says anything about this."
        outcome: Outcome = "abstained" if query.answerable else "right"
        cause = "wrong_abstention" if query.answerable else None
        answer = Answer(query=query.id, system=name, text="", reason=reason)
        return Cell(answer=answer, outcome=outcome, score=0.0, cause=cause, proven=True)
    answer = _answer(name, query, f"Fifty of them. {HOSTILE}", None)
    return Cell(answer=answer, outcome="wrong", score=0.0, cause="retrieval_miss" if retrieves else "missing_knowledge")


def _answer(name: str, query: Query, text: str, quote: str | None) -> Answer:
    citations: tuple[Citation, ...] = ()
    if quote is not None:
        doc = query.evidence[0].doc
        end = 40 + len(quote)
        citations = (Citation(passage=f"{doc}#1", document=doc, source=f"docs/{doc}", quote=quote, start=40, end=end),)
    return Answer(query=query.id, system=name, text=text, citations=citations, milliseconds={"total": 12.0})


def _causes() -> Causes:
    return Causes(
        system="rag",
        counts={"retrieval_miss": 5, "reading": 3, "wrong_abstention": 2, "not_proven": 1},
        ladder=(
            Effect(name="no context", points=0.31, interval=(0.24, 0.38), note="score without any passage"),
            Effect(name="retrieval now", points=0.284, interval=(0.221, 0.349), note="what retrieval already adds"),
            Effect(name="better retrieval", points=0.142, interval=(0.082, 0.2), note="gold evidence instead"),
            Effect(name="better reading", points=0.238, interval=(0.18, 0.3), note="what is left"),
        ),
        remedies=(
            Remedy(remedy="better retrieval: smaller passages, a reranker", points=0.142, cost="hours"),
            Remedy(remedy="a better reader", points=0.238, cost="labelled examples"),
        ),
    )
