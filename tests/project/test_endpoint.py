"""The whole comparison with models behind an endpoint: a base model, one tuned already, a budget, and a bill."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from groundtune.cli import run
from groundtune.errors import BudgetSpent, ProjectError
from groundtune.project import Decision, Project
from groundtune.records import SYSTEM_IDS
from groundtune.testing.endpoint import ScriptedEndpoint, Turns
from groundtune.testing.serving import running

COUNT = 24
WIDTHS = {f"valve {n}": f"{11 + n} mm" for n in range(COUNT)}
SETTINGS = """\
[project]
name = "valves"
instruction = "Answer from the manual."
[model]
provider = "openai"
name = "base"
tuned = "tuned"
base_url = "{url}"
key = ""
prices = {{ input = 1.0, output = 2.0 }}
[experiment]
examples_in_prompt = 0
"""


def say(turns: Turns) -> str:
    """A model that reads what it is given, and knows nothing by itself."""
    asked = str(turns[-1]["content"])
    question = asked.rsplit("\n\n", 1)[-1]
    wanted = re.search(r"valve \d+", question)
    for passage, text in re.findall(r'<passage id="(S\d+)"[^>]*>\n(.*?)\n</passage>', asked, re.DOTALL):
        if wanted and (found := re.search(rf"The {wanted[0]} is (\d+ mm) wide", text)):
            return f'{found[1]}\n[{passage}] "{found[0]}"'
    return "NOT IN THE SOURCES" if "<passage" in asked else "I DO NOT KNOW"


def desk() -> ScriptedEndpoint:
    """The base model, and tuned ones that know half of the valves by heart."""
    server = ScriptedEndpoint(say, models=("base", "tuned", "another"))
    plain = server.say

    def knows(turns: Turns) -> str:
        said = plain(turns)
        wanted = re.search(r"valve (\d+)", str(turns[-1]["content"]).rsplit("\n\n", 1)[-1])
        tuned = server.asked[-1]["model"] != "base"
        return WIDTHS[wanted[0]] if tuned and wanted and int(wanted[1]) % 2 and said == "I DO NOT KNOW" else said

    server.say = knows
    return server


def project(folder: Path, url: str, extra: str = "") -> Path:
    (folder / "docs").mkdir(parents=True)
    rows = []
    for name, width in WIDTHS.items():
        text = f"# The {name}\n\nThe {name} is {width} wide. It is made of brass."
        (folder / "docs" / f"{name.replace(' ', '-')}.md").write_text(text, "utf-8")
        evidence = [{"doc": f"{name.replace(' ', '-')}.md", "quote": f"The {name} is {width} wide."}]
        rows.append({"id": name, "question": f"How wide is {name}?", "answers": [width], "evidence": evidence})
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    taught = [{"messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "We."}]}]
    (folder / "examples.jsonl").write_text("\n".join(map(json.dumps, taught)), "utf-8")
    (folder / "groundtune.toml").write_text(SETTINGS.format(url=url) + extra, "utf-8")
    return folder


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Decision, ScriptedEndpoint]]:
    server = desk()
    with running(server.app()) as address:
        extra = f'[arms.ours]\nbase_url = "{address}/v1"\nmodel = "another"\n'
        folder = project(tmp_path_factory.mktemp("valves"), f"{address}/v1", extra)
        yield folder, Project.open(folder).experiment(), server


def test_retrieval_and_tuned_weights_are_measured_and_so_is_the_users_own(
    measured: tuple[Path, Decision, ScriptedEndpoint],
) -> None:
    _, decision, _ = measured
    scores = {name: system.score for name, system in decision.result.systems.items()}
    assert tuple(scores) == (*SYSTEM_IDS, "ours")
    assert scores["rag"] == scores["tuned_rag"] == 1.0
    assert scores["prompt"] == 0.0
    assert 0 < (scores["tuned"] or 0) < 1
    assert scores["ours"] == scores["tuned"]
    assert decision.result.effects is not None
    assert decision.verdict.system == "rag"


def test_answers_cite_their_document_and_tell_model_and_template(
    measured: tuple[Path, Decision, ScriptedEndpoint],
) -> None:
    _, decision, _ = measured
    for row in decision.result.rows:
        answer = row.answers["rag"]
        (citation,) = answer.citations
        assert citation.quote == f"The {row.query.id} is {WIDTHS[row.query.id]} wide"
        assert answer.model is not None
        assert answer.model.startswith("openai/base@http://127.0.0.1")
        assert answer.template
        assert row.answers["prompt"].abstained


def test_the_bill_is_made_of_tokens_and_the_settings_prices(
    measured: tuple[Path, Decision, ScriptedEndpoint],
) -> None:
    _, decision, _ = measured
    for name, system in decision.result.systems.items():
        usages = [row.answers[name].usage for row in decision.result.rows]
        spent = [u.input_tokens * 1e-6 + u.output_tokens * 2e-6 for u in usages if u]
        if name in SYSTEM_IDS:
            assert system.cost_per_query_usd == pytest.approx(sum(spent) / len(spent))
    shown = decision.to_json()["systems"]["rag"]
    assert shown["price"]["source"] == "[model.prices] in groundtune.toml"


def test_a_repeated_experiment_asks_nothing(measured: tuple[Path, Decision, ScriptedEndpoint]) -> None:
    folder, decision, server = measured
    before = len(server.asked)
    again = Project.open(folder, budget_usd=0.000001).experiment()
    assert len(server.asked) == before
    assert again.result.run == decision.result.run


def test_a_month_costs_what_was_measured_and_a_load_run_asks_anew(
    measured: tuple[Path, Decision, ScriptedEndpoint], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, decision, server = measured
    settings = folder / "groundtune.toml"
    before = settings.read_text("utf-8")
    # 26.28 million a month are ten a second, and a hundred in the busiest hour.
    volume = "[constraints]\nqueries_per_month = 26_280_000\nlatency_p95_ms = 60_000\n[economics]\npeak_factor = 10\n"
    settings.write_text(before + volume, "utf-8")
    asked = len(server.asked)
    assert run(["experiment", "--load", "0.7", "--json", "--project", str(folder)]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["run"] == decision.result.run, "volume, limits and load do not make another comparison"
    found = shown["load"]
    assert set(found) == {*SYSTEM_IDS, "ours"}
    assert found["rag"]["arrivals_per_second"] == pytest.approx(100)
    assert found["rag"]["n"] > 20
    assert found["rag"]["failed"] == 0
    assert found["rag"]["concurrency"] == 4
    assert len(server.asked) - asked >= 5 * found["rag"]["n"], "nothing came from the cache"
    each = decision.result.systems["rag"].cost_per_query_usd
    assert each is not None
    assert shown["bill_per_month_usd"]["rag"] == pytest.approx(26_280_000 * each)
    assert shown["costs"]["systems"]["rag"]["per_query_usd"][1] == pytest.approx(each)
    assert shown["busy_hour_p95_ms"]["rag"] is None or shown["busy_hour_p95_ms"]["rag"] > 0
    assert run(["experiment", "--project", str(folder)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert (
        f"Bill for a month: prompt ${26_280_000 * (decision.result.systems['prompt'].cost_per_query_usd or 0):,.0f}"
        in said
    )
    assert "Under load (100 queries a second, 4 at a time) rag: p50" in said
    assert run(["report", "--project", str(folder)]) == 0
    page = Path(capsys.readouterr().out.strip()).read_text("utf-8")
    assert "Latency under load" in page
    assert 'data-name="queries_per_month" type="number"' in page
    settings.write_text(before, "utf-8")


def test_no_setting_of_the_key_reaches_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = "sk-donotkeepthisanywhere"
    monkeypatch.setenv("DESK_KEY", secret)
    server = desk()
    server.key = secret
    with running(server.app()) as address:
        folder = project(tmp_path / "p", f"{address}/v1")
        text = (folder / "groundtune.toml").read_text("utf-8").replace('key = ""', 'key = "DESK_KEY"')
        (folder / "groundtune.toml").write_text(text, "utf-8")
        assert run(["experiment", "--project", str(folder), "--json"]) == 0
        assert run(["report", "--project", str(folder)]) == 0
    shown = capsys.readouterr()
    kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert secret.encode() not in kept
    assert secret not in shown.out + shown.err


def test_a_budget_stops_before_it_is_exceeded_and_the_run_goes_on_with_a_new_one(tmp_path: Path) -> None:
    server = desk()
    with running(server.app()) as address:
        folder = project(tmp_path / "p", f"{address}/v1", "")
        with pytest.raises(BudgetSpent) as stopped:
            Project.open(folder, budget_usd=0.006).experiment()
        assert stopped.value.spent <= stopped.value.limit
        asked = len(server.asked)
        assert asked > 0
        finished = Project.open(folder, budget_usd=50).experiment()
        assert all(system.failed == 0 for system in finished.result.systems.values())
        keys = [json.dumps(body, sort_keys=True) for body in server.asked]
        assert len(keys) == len(set(keys))


def test_a_wrong_model_ends_the_run_at_once(tmp_path: Path) -> None:
    server = desk()
    server.models = ("other",)
    with running(server.app()) as address:
        folder = project(tmp_path / "p", f"{address}/v1")
        with pytest.raises(ProjectError, match="'base' at http://127"):
            Project.open(folder).experiment()
    assert server.asked == []


def test_a_server_that_dies_half_way_leaves_a_run_that_goes_on(tmp_path: Path) -> None:
    server = desk()
    plain = server.say

    def dying(turns: Turns) -> str:
        if len(server.asked) > 30:
            raise RuntimeError("died")
        return plain(turns)

    server.say = dying
    with running(server.app()) as address:
        limits = "total_timeout_seconds = 0.2\n"
        folder = project(tmp_path / "p", f"{address}/v1")
        text = (folder / "groundtune.toml").read_text("utf-8")
        (folder / "groundtune.toml").write_text(text.replace('key = ""\n', 'key = ""\n' + limits), "utf-8")
        half = Project.open(folder).experiment()
        failed = {name: system.failed for name, system in half.result.systems.items()}
        assert sum(failed.values()) > 0
        assert any("failed on" in note for note in half.result.notes)
        server.say = plain
        whole = Project.open(folder).experiment()
    assert whole.result.run == half.result.run
    assert {system.failed for system in whole.result.systems.values()} == {0}
    assert whole.verdict.system == "rag"
