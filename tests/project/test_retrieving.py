"""Retrieval of a project by itself: labelled or synthetic, reranked, swept; without generating and without writing."""

from __future__ import annotations

import json
from collections.abc import Sequence, Set
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from groundtune.errors import ProjectError
from groundtune.knowledge import KnowledgeBase
from groundtune.knowledge.fusion import DEFAULT_ALPHA
from groundtune.project import retrieving, sweeping
from groundtune.project.retrieving import measure_retrieval
from groundtune.project.searching import learn_fusion, search_plan
from groundtune.project.sweeping import sweep_retrieval
from groundtune.project.workspace import Workspace
from groundtune.testing.embedding import HashedWords

PARTS = 24
QUIET = lambda *_: None  # noqa: E731


class Backwards:
    """Likes texts that come late in the alphabet."""

    name = "fake/backwards"

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        return [float(sum(map(ord, text[-6:]))) for text in texts]


@pytest.fixture(autouse=True)
def _reranker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieving, "embedded_reranker", lambda _: Backwards())


class Blind(HashedWords):
    """Sees no words: every text looks the same to it."""

    name = "fake/blind"

    def embed_ids(self, ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        return super().embed_ids([[] for _ in ids])


def project(
    folder: Path, *, labelled: bool = True, settings: str = "", embedding: HashedWords | None = None
) -> Workspace:
    (folder / "docs").mkdir()
    for n in range(PARTS):
        text = f"# Part {n}\n\nThe valve named code{n} opens whenever somebody turns wheel{n} slowly towards house{n}. "
        (folder / "docs" / f"{n}.md").write_text(text + f"Operators record opening{n} inside ledger{n}. " * 6, "utf-8")
    rows = [
        {
            "id": str(n),
            "question": f"When does code{n} open?",
            "answers": ["slowly"],
            "evidence": [{"doc": f"{n}.md", "quote": f"wheel{n}"}] if labelled else [],
            "split": "dev" if n % 2 else "test",
        }
        for n in range(PARTS)
    ]
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    (folder / "groundtune.toml").write_text(f'[project]\nname = "valves"\n{settings}', "utf-8")
    workspace = Workspace(folder)
    workspace.__dict__["embedding"] = embedding or HashedWords(64)
    workspace.knowledge.sync(["docs/"], folder)
    return workspace


def test_the_searches_are_measured_on_the_labelled_test_queries(tmp_path: Path) -> None:
    result = measure_retrieval(project(tmp_path), QUIET)
    assert (result.kind, result.queries, result.notes) == ("labelled", PARTS // 2, ())
    assert set(result.documents.searches) == {"dense", "lexical", "hybrid", "reranked"}
    assert result.documents.searches["lexical"]["recall@1"].value == 1.0
    assert (result.documents.searches["reranked"]["mrr"].value or 0) <= 1.0
    assert set(result.documents.gains) == {"dense", "lexical", "reranked"}


def test_a_search_of_the_settings_own_is_measured_too(tmp_path: Path) -> None:
    result = measure_retrieval(project(tmp_path, settings="[knowledge]\nmmr = 0.5\nper_document = 1\n"), QUIET)
    assert "as configured" in result.documents.searches


def test_without_labels_the_queries_are_synthetic_and_called_so(tmp_path: Path) -> None:
    result = measure_retrieval(project(tmp_path, labelled=False), QUIET)
    assert result.kind == "synthetic"
    assert 0 < result.queries <= PARTS
    assert result.passages is not None
    assert "synthetic" in result.notes[0]
    assert result.unanswerable > 0
    assert result.told_apart["coverage"] > 0.5
    assert result.to_json()["kind"] == "synthetic"


def test_a_project_without_any_query_is_measured_on_synthetic_ones(tmp_path: Path) -> None:
    workspace = project(tmp_path)
    workspace.queries_path.unlink()
    learn_fusion(workspace)
    assert measure_retrieval(workspace, QUIET).kind == "synthetic"
    workspace.queries_path.write_text("\n", encoding="utf-8")
    assert measure_retrieval(workspace, QUIET).kind == "synthetic"


def test_demonstrations_have_no_right_ones(tmp_path: Path) -> None:
    workspace = project(tmp_path, settings="[knowledge]\nsources = []\n")
    with pytest.raises(ProjectError, match="no label says which"):
        measure_retrieval(workspace, QUIET)


def test_a_sweep_gives_lines_to_copy_and_leaves_the_settings_alone(tmp_path: Path) -> None:
    workspace = project(tmp_path, settings='[knowledge]\nsearch = "dense"\npassages = 20\n', embedding=Blind(64))
    before = (tmp_path / "groundtune.toml").read_text("utf-8")
    found = sweep_retrieval(workspace, QUIET)
    assert found.arms == 3 * 3 * 2
    assert found.rounds[0] == (18, PARTS // 2)
    assert found.unit == "passages"
    # With a blind embedding the words decide in both other searches; of equals the first one wins.
    assert found.changed["knowledge.search"] == "hybrid"
    assert found.changed["knowledge.passages"] in (3, 5, 8, 12)
    assert found.lines[0] == "[knowledge]"
    assert 'search = "hybrid"' in found.lines
    assert found.chosen.n == PARTS // 2
    assert found.gain.value is not None
    assert found.gain.value > 0
    assert found.gain.significant
    assert (tmp_path / "groundtune.toml").read_text("utf-8") == before


def test_a_sweep_learns_the_weight_of_the_hybrid_search_for_each_length_of_passages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = project(tmp_path, settings='[knowledge]\nsearch = "dense"\n', embedding=Blind(64))
    assert sweep_retrieval(workspace, QUIET).alpha == DEFAULT_ALPHA  # too few labels to learn from
    monkeypatch.setattr(sweeping, "ENOUGH_LABELS", PARTS // 2)
    learned: list[int] = []
    learn = KnowledgeBase.learn_alpha

    def watched(self: KnowledgeBase, labelled: Sequence[tuple[str, Set[str]]]) -> float:
        learned.append(len(labelled))
        return learn(self, labelled)

    monkeypatch.setattr(KnowledgeBase, "learn_alpha", watched)
    found = sweep_retrieval(workspace, QUIET)
    assert learned == [PARTS // 2] * 3
    assert found.changed["knowledge.search"] == "hybrid"
    assert found.alpha == workspace.knowledge.alpha


def test_a_sweep_without_labels_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"in dev \(0 now\) and in test \(0 now\)"):
        sweep_retrieval(project(tmp_path, labelled=False), QUIET)


def test_rewording_needs_a_model_that_writes(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="needs a model that writes"):
        search_plan(project(tmp_path, settings="[knowledge]\nrewrite = true\n"))


def test_the_settings_reach_every_stage(tmp_path: Path) -> None:
    settings = '[knowledge]\nsearch = "lexical"\ncollapse = 0.9\nper_document = 2\nmmr = 0.6\nfetch_k = 9\n'
    plan = search_plan(project(tmp_path, settings=settings))
    assert (plan.mode, plan.collapse, plan.per_document, plan.mmr, plan.fetch_k) == ("lexical", 0.9, 2, 0.6, 9)
    assert plan.reranker is None
