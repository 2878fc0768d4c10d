"""How many more examples are needed: training on growing shares, each scored on the same dev queries."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING

from groundtune.errors import GateClosed
from groundtune.project.measuring import Measuring
from groundtune.project.providers import tuned_at
from groundtune.project.recipes import Bench
from groundtune.project.tuning import RECIPE_VERSION, RECIPES, determinants, kind_of, training_cases
from groundtune.project.workspace import Workspace, fingerprint
from groundtune.systems import System, build_systems
from groundtune.training.learning_curve import LearningCurve, Measurement, learning_curve
from groundtune.training.registry import workshop

if TYPE_CHECKING:
    from groundtune.project.measuring import Progress
    from groundtune.records import Example
    from groundtune.training.rows import TrainingRow

__all__ = ["measure_curve"]

_LEAST_DEV = 10


def measure_curve(
    workspace: Workspace, examples: Sequence[Example], target: float | None, progress: Progress
) -> LearningCurve:
    """Train on nested shares and say how many more examples the target takes; an interrupted curve goes on.

    Args:
        workspace: The project.
        examples: All training examples.
        target: Score in [0, 1] of the deciding scorer, on dev.
        progress: Called with (stage, done, total).

    Raises:
        GateClosed: when each training would be a job that somebody charges for, or there are too few dev queries.
    """
    kind = kind_of(workspace, "generator")
    if kind == "hosted":
        raise GateClosed(
            "A learning curve trains eight times, and each would be a paid job at the provider. Measure it with local "
            "weights of the same family, or with the embedded model."
        )
    if len(workspace.split.dev) < _LEAST_DEV:
        raise GateClosed(
            f"A learning curve is scored on dev, which has {len(workspace.split.dev)} queries; {_LEAST_DEV} are needed."
        )
    curve = _Curve(workspace, examples, kind, progress)
    return learning_curve(
        examples,
        curve.train_and_score,
        strata=[example.answer for example in examples] if workspace.settings.project.task == "classify" else None,
        target=target,
        done=curve.done(),
        report=curve.keep,
    )


class _Curve:
    """One curve: what it trains on, and what is measured of it already."""

    def __init__(self, workspace: Workspace, examples: Sequence[Example], kind: str, progress: Progress) -> None:
        self._workspace = workspace
        self._kind = kind
        self._progress = progress
        self._measuring = Measuring(workspace, examples, None, progress)
        cases, self._dev = training_cases(workspace, examples, progress)
        self._cases: dict[str, TrainingRow] = {case.id: case for case in cases}
        key = fingerprint("curve", RECIPE_VERSION, determinants(workspace, kind))
        self._kept = workspace.home / "training" / f"curve-{key}.jsonl"

    def done(self) -> list[Measurement]:
        """What an interrupted curve has measured."""
        if not self._kept.is_file():
            return []
        return [Measurement(**json.loads(line)) for line in self._kept.read_bytes().splitlines() if line.endswith(b"}")]

    def keep(self, measurement: Measurement) -> None:
        """Keep one training's score at once."""
        self._kept.parent.mkdir(parents=True, exist_ok=True)
        with self._kept.open("a", encoding="utf-8") as lines:
            lines.write(f"{json.dumps(asdict(measurement))}\n")

    def train_and_score(self, examples: Sequence[Example], seed: int) -> tuple[float, float]:
        """Mean score on dev after training on these examples, and its standard error."""
        workspace = self._workspace
        made = workshop(workspace.home / "models")
        try:
            bench = Bench(
                workspace=workspace,
                cases=[self._cases[example.id] for example in examples],
                dev=self._dev,
                seed=seed,
                made=made,
                state=made.with_name(f"{made.name}-state"),
                progress=self._progress,
                confirm=lambda shown: False,
            )
            RECIPES[self._kind](bench)
            return self._score(made)
        finally:
            for path in (made, made.with_name(f"{made.name}-state")):
                shutil.rmtree(path, ignore_errors=True)
                path.unlink(missing_ok=True)

    def _score(self, made: Path) -> tuple[float, float]:
        system = self._system(made)
        dev = self._workspace.split.dev
        scores = []
        for done, query in enumerate(dev, start=1):
            score = self._measuring.score(system.answer(query), query)
            scores.append(0.0 if score is None else score)
            self._progress("Answering dev queries", done, len(dev))
        return mean(scores), stdev(scores) / math.sqrt(len(scores))

    def _system(self, made: Path) -> System:
        """The tuned weights as they will be used: over documents with retrieval, else alone."""
        parts = self._measuring.parts_with(tuned_at(self._workspace, made))
        # Over examples, retrieval would show those that the share left out.
        name = "tuned" if self._workspace.draws_on_examples else "tuned_rag"
        return build_systems(parts)[name]
