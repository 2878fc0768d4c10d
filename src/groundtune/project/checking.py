"""The gates before anything runs: what the project's files hold, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from groundtune.experiment.leakage import find_leaks
from groundtune.experiment.plan import plan_experiment
from groundtune.project.results import CheckReport
from groundtune.project.workspace import Workspace
from groundtune.records import Example
from groundtune.training.examples import read_examples
from groundtune.training.gate import examine


def check_project(workspace: Workspace, *, skip_bad: bool) -> CheckReport:
    """Read all files and count, compare and plan; nothing is indexed or trained.

    Args:
        workspace: The project.
        skip_bad: Broken example rows are counted, and do not close the gate.
    """
    examples, faults = read_examples(workspace.examples_path)
    split = workspace.split
    leakage = find_leaks(examples, workspace.queries)
    return CheckReport(
        documents=_documents(workspace),
        examples=len(examples),
        queries=len(workspace.queries),
        dev=len(split.dev),
        test=len(split.test),
        faults=() if skip_bad else tuple(f"{workspace.examples_path.name} {fault}" for fault in faults),
        leaks=tuple(str(leak) for leak in leakage.certain),
        gate=examine(examples, workspace.settings.project.task),
        plan=plan_experiment([split.clusters[query.id] for query in split.test]),
        warnings=tuple(_warnings(workspace, examples)),
    )


def _documents(workspace: Workspace) -> int | None:
    if workspace.draws_on_examples:
        return None
    from groundtune.sources import discover

    return sum(1 for _ in discover(workspace.settings.knowledge.sources, workspace.folder))


def _warnings(workspace: Workspace, examples: Sequence[Example]) -> Iterator[str]:
    from groundtune.experiment.queries import is_labelled

    unlabelled = sum(not is_labelled(query) for query in workspace.queries)
    if unlabelled:
        yield f"{unlabelled} of {len(workspace.queries)} queries have no accepted answer and cannot be scored"
    if workspace.settings.project.task == "classify":
        labels = set(workspace.labels(list(examples)))
        unknown = sorted({answer for query in workspace.queries for answer in query.answers} - labels)
        if unknown:
            yield f"queries expect labels that no example shows: {', '.join(map(repr, unknown[:5]))}"
    elif not any(query.evidence for query in workspace.queries) and not workspace.draws_on_examples:
        yield "no query names its evidence, so retrieval and reading cannot be told apart in the diagnosis"
