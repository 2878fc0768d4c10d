"""Facts that change: what each system says before and after its documents change, and what keeping up costs.

Usage: python bench/freshness.py [--untuned]; needs peps-changing below GROUNDTUNE_DATA (default ../shared/data). Prints
one JSON object. The 285 facts are asked over the tree of 2024, then over that of 2026: after a sync for the systems
with retrieval, and again after tuning anew for the system without. Half of the documents give the examples (with the
old answers), the facts of the others set the thresholds. An answer is stale when it is the old one and no longer true;
where a fact does not hold (yet), the right reply is an abstention. About six minutes on two cores; --untuned asks
retrieval with base weights alone, in three.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Literal, get_args

from groundtune.experiment.calibrate import calibrate
from groundtune.experiment.scorers import Scorer, is_right, primary_scorer, score_answer
from groundtune.project import Project
from groundtune.project.measuring import make_retriever
from groundtune.project.providers import base_model, own_checkpoint, tuned_model
from groundtune.project.workspace import Workspace
from groundtune.records import Answer, Query
from groundtune.systems import Parts, PromptTemplate, System, build_systems

DATA = Path(os.environ.get("GROUNDTUNE_DATA", "../shared/data")) / "peps-changing"
OLD, NEW = DATA / "2024-01-01", DATA / "2026-08-22"
ASKED = ("rag", "tuned", "tuned_rag")
UNTUNED = ASKED[:1]
ONE_BY_ONE = 10
"""Changed documents that are synced alone, to time one change."""

SETTINGS = '[project]\nname = "peps"\ninstruction = "Answer with the value of the field."\n'
SCORER: Scorer = primary_scorer("auto", "answer")

Outcome = Literal["right", "stale", "wrong", "abstained"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact; None where it does not hold."""

    id: str
    doc: str
    field: str
    kind: str
    question: str
    old: str | None
    new: str | None

    @property
    def taught(self) -> bool:
        """Whether its document is in the half that gives the examples."""
        return int(hashlib.sha256(self.doc.encode()).hexdigest(), 16) % 2 == 0

    def query(self, answer: str | None) -> Query:
        """The fact as a labelled query."""
        return Query(
            id=self.id, question=self.question, answers=(answer,) if answer else (), answerable=answer is not None
        )

    def outcome(self, answer: Answer, *, changed: bool) -> Outcome:
        """What an answer is worth, before or after the change."""
        true = self.new if changed else self.old
        if self._says(answer, true):
            return "right"
        if answer.abstained:
            return "abstained"
        return "stale" if changed and self.old is not None and self._says(answer, self.old) else "wrong"

    def _says(self, answer: Answer, value: str | None) -> bool:
        query = self.query(value)
        return bool(is_right(SCORER, score_answer(SCORER, answer, query), answer, query))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--untuned", action="store_true", help="retrieval with base weights alone")
    untuned = parser.parse_args().untuned
    with TemporaryDirectory() as temporary:
        print(json.dumps(measured(Path(temporary), facts(), UNTUNED if untuned else ASKED), indent=1))


def facts() -> list[Fact]:
    """All facts."""
    rows = [json.loads(line) for line in (DATA / "facts.jsonl").open(encoding="utf-8")]
    return [
        Fact(row["id"], row["doc"], row["field"], row["kind"], row["question"], row["old_answer"], row["new_answer"])
        for row in rows
    ]


def measured(folder: Path, known: Sequence[Fact], names: Sequence[str]) -> dict[str, Any]:
    """The old tree, the change, and the new tree."""
    shutil.copytree(OLD, folder / "docs")
    (folder / "groundtune.toml").write_text(SETTINGS, encoding="utf-8")
    write_rows(folder, known, changed=False)
    project = Project.open(folder, progress=lambda stage, done, total: said(f"{stage} {done}/{total}"))
    first_sync = project.sync()
    first_tuning = project.tune()[0] if "tuned" in names else None
    systems = calibrated(folder, known, names, changed=False)
    before = asked(systems, known, changed=False)
    one = one_by_one(project, folder, systems[names[-1]], known)
    replace_documents(folder, (path.name for path in NEW.glob("*.rst")))
    rest = project.sync()
    after = asked(systems, known, changed=True)
    figures: dict[str, Any] = {
        "facts": dict(Counter(fact.kind for fact in known)),
        "before": before,
        "after the sync": after,
        "seconds": {
            "first sync of the old tree": round(first_sync.seconds, 1),
            **one,
            f"sync of the other {rest.added + rest.changed} documents": round(rest.seconds, 1),
        },
    }
    if first_tuning is not None:
        figures["tuning"] = tuned_anew(project, folder, known) | {
            "examples": first_tuning.examples,
            "seconds at first": round(first_tuning.seconds, 1),
        }
    return figures


def tuned_anew(project: Project, folder: Path, known: Sequence[Fact]) -> dict[str, Any]:
    """What the weights by themselves know after learning the new facts, and the seconds of that."""
    write_rows(folder, known, changed=True)
    tuning = project.tune()[0]
    systems = calibrated(folder, known, ["tuned"], changed=True)
    return {"after tuning anew": asked(systems, known, changed=True), "seconds anew": round(tuning.seconds, 1)}


def write_rows(folder: Path, known: Sequence[Fact], *, changed: bool) -> None:
    """Examples of the taught half as the facts are now, queries of the other half."""
    examples, queries = [], []
    for fact in known:
        answer = fact.new if changed else fact.old
        if not fact.taught:
            queries.append({"id": fact.id, "question": fact.question, "answers": [answer] if answer else [],
                            "answerable": answer is not None})  # fmt: skip
        elif answer is not None:
            turns = [{"role": "user", "content": fact.question}, {"role": "assistant", "content": answer}]
            evidence = [{"doc": f"{fact.doc}.rst", "quote": f"{fact.field}: {answer}"}]
            examples.append({"id": fact.id, "messages": turns, "evidence": evidence})
    (folder / "examples.jsonl").write_text("\n".join(map(json.dumps, examples)), encoding="utf-8")
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)), encoding="utf-8")


def calibrated(folder: Path, known: Sequence[Fact], names: Sequence[str], *, changed: bool) -> dict[str, System]:
    """The systems as tuned now, their thresholds set on the facts that were not taught, as they are now."""
    workspace = Workspace(folder)
    parts = Parts(
        base=base_model(workspace),
        tuned=tuned_model(workspace, own_checkpoint(workspace)),
        template=PromptTemplate(task="answer", instruction=workspace.settings.project.instruction),
        retriever=make_retriever(workspace),
        answer_from={},
    )
    held_out = [fact for fact in known if not fact.taught]
    queries = [fact.query(fact.new if changed else fact.old) for fact in held_out]
    clusters = {fact.id: fact.doc for fact in held_out}
    systems = {}
    for name in names:
        system = build_systems(parts)[name]
        answers = [system.answer(query) for query in queries]
        found = calibrate(answers, queries, SCORER, clusters=clusters)
        systems[name] = replace(system, answer_from=found.answer_from, sufficiency=found.sufficiency)
    return systems


def asked(systems: Mapping[str, System], known: Sequence[Fact], *, changed: bool) -> dict[str, Any]:
    """What each system says, over all facts and by kind."""
    figures: dict[str, Any] = {}
    for name, system in systems.items():
        outcomes: dict[str, Counter[str]] = {"all": Counter()}
        for number, fact in enumerate(known):
            said(f"asking {name} {number}/{len(known)}")
            outcome = fact.outcome(system.answer(fact.query(None)), changed=changed)
            outcomes["all"][outcome] += 1
            outcomes.setdefault(fact.kind, Counter())[outcome] += 1
        figures[name] = {
            kind: {outcome: counts[outcome] for outcome in get_args(Outcome)}
            for kind, counts in sorted(outcomes.items())
        }
    return figures


def one_by_one(project: Project, folder: Path, system: System, known: Sequence[Fact]) -> dict[str, float]:
    """Seconds from the change of one document to the system's answer over it; and how many answers were right."""
    changed = [fact for fact in known if fact.kind == "changed" and fact.new is not None and not fact.taught]
    synced, answered, right = [], [], 0
    for fact in changed[:ONE_BY_ONE]:
        replace_documents(folder, [f"{fact.doc}.rst"])
        began = perf_counter()
        project.sync()
        synced.append(perf_counter() - began)
        answer = system.answer(fact.query(None))
        answered.append(perf_counter() - began)
        right += fact.outcome(answer, changed=True) == "right"
    return {
        "one changed document: sync, median": round(median(synced), 2),
        "one changed document: to the answer, median": round(median(answered), 2),
        f"one changed document: right of {len(answered)}": right,
    }


def replace_documents(folder: Path, names: Iterable[str]) -> None:
    """Put documents of the new tree into the project."""
    for name in names:
        shutil.copyfile(NEW / name, folder / "docs" / name)


def said(text: str) -> None:
    """Progress on one line."""
    print(f"\r{text:60}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
