"""The gates before anything runs: what the project's files hold, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from groundtune.errors import WeightsError
from groundtune.experiment.leakage import find_leaks, leak_findings
from groundtune.experiment.plan import plan_experiment
from groundtune.project.results import CheckReport
from groundtune.project.workspace import Workspace, file_hash
from groundtune.training.cleaning import Cleaned, write_cleaned
from groundtune.training.examples import read_example_file
from groundtune.training.gate import Against, Embed, Finding, GateReport, Room, examine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from groundtune.records import Example


def check_project(workspace: Workspace, *, skip_bad: bool, fix: bool = False) -> CheckReport:
    """Read all files and count, compare and plan; nothing is indexed or trained.

    Args:
        workspace: The project.
        skip_bad: Broken example rows are counted, and do not close the gate.
        fix: Write a cleaned copy of the examples next to them, where there is anything to clean.
    """
    file = read_example_file(workspace.examples_path)
    split = workspace.split
    gate = gate_report(workspace, skip_bad=skip_bad)
    return CheckReport(
        documents=_documents(workspace),
        examples=len(file.examples),
        queries=len(workspace.queries),
        dev=len(split.dev),
        test=len(split.test),
        faults=() if skip_bad else tuple(f"{workspace.examples_path.name} {fault}" for fault in file.faults),
        gate=gate,
        plan=plan_experiment([split.clusters[query.id] for query in split.test]),
        warnings=tuple(_warnings(workspace, file.examples)),
        cleaned=_cleaned(workspace, gate) if fix else None,
    )


def gate_report(workspace: Workspace, *, skip_bad: bool) -> GateReport:
    """Everything that the gates find in the project's examples, leakage into its queries included.

    Examining the same files again costs nothing.
    """
    files = (file_hash(workspace.examples_path), file_hash(workspace.queries_path))
    return _gate_report(workspace, skip_bad, files)


@lru_cache(maxsize=1)
def _gate_report(workspace: Workspace, skip_bad: bool, files: tuple[str | None, ...]) -> GateReport:
    del files  # Part of the key: other content is examined anew.
    file = read_example_file(workspace.examples_path)
    task = workspace.settings.project.task
    queries = workspace.queries
    embed, unseen = _embed(workspace)
    against = Against(
        lines=file.lines,
        faults=file.faults,
        skip_faults=skip_bad,
        labels=workspace.settings.project.labels,
        schema=workspace.schema,
        queries=[query.question for query in queries],
        embed=embed,
        room=_room(workspace) if embed else None,
    )
    leakage = find_leaks(file.examples, queries, embed=embed)
    leaks = leak_findings(leakage, file.examples, task, file.lines)
    return examine(file.examples, task, against).with_findings([*leaks, *unseen])


def _embed(workspace: Workspace) -> tuple[Embed | None, list[Finding]]:
    """The embedded model, asked once for each text; without its weights a note that says so.

    Whatever model the project embeds with: nothing leaves the machine before it was looked through for private data,
    and the gates' thresholds are this model's.
    """
    try:
        model = workspace.encoder
    except WeightsError as error:
        message = f"repeats and leaks in other words and label errors were not looked for: {error}"
        return None, [Finding(kind="not_examined", severity="note", message=message)]
    return _remembering(model.embed), []


def _remembering(embed: Embed) -> Embed:
    known: dict[str, NDArray[np.float32]] = {}

    def remembered(texts: Sequence[str]) -> NDArray[np.float32]:
        new = list(dict.fromkeys(text for text in texts if text not in known))
        if new:
            known.update(zip(new, embed(new), strict=True))
        return np.stack([known[text] for text in texts])

    return remembered


def _room(workspace: Workspace) -> Room | None:
    """What the model reads; other models' tokens are estimated by the embedded model's."""
    from groundtune.models.embedded.embed import MAX_TEXT_TOKENS

    tokens = workspace.encoder.tokens

    def count(texts: Sequence[str]) -> list[int]:
        return [len(encoding.ids) for encoding in tokens.encode_batch(texts)]

    model, training = workspace.settings.model, workspace.settings.training
    if model.provider == "embedded":
        return Room(tokens=MAX_TEXT_TOKENS, count=count, whole=False)
    limits = [model.context_window, training.max_tokens if model.provider == "transformers" else None]
    known = [limit for limit in limits if limit is not None]
    return Room(tokens=min(known), count=count) if known else None


def _cleaned(workspace: Workspace, gate: GateReport) -> Cleaned | None:
    if not any(finding.fix and finding.rows for finding in gate.findings):
        return None
    return write_cleaned(workspace.examples_path, gate.findings)


def _documents(workspace: Workspace) -> int | None:
    if workspace.draws_on_examples:
        return None
    from groundtune.project.sources import count_files

    return count_files(workspace)


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
