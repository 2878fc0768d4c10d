"""Cut the four demo projects from the public data sets: ``python recipes/samples.py DATA_FOLDER``.

Every choice is made by rule and by hash, sizes also for time; one was looked for, and says so (ROUTING_INTENTS).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from groundtune.experiment.leakage import find_leaks
from groundtune.experiment.queries import parse_query
from groundtune.training.examples import parse_example

OUT = Path(__file__).parents[1] / "src" / "groundtune" / "samples"
Row = dict[str, Any]

BANK_EXAMPLES_PER_INTENT = 20
BANK_QUERIES_PER_INTENT = 6
ROUTING_INTENTS = (
    "age_limit",
    "change_pin",
    "exchange_rate",
    "lost_or_stolen_card",
    "passcode_forgotten",
    "terminate_account",
)
"""Six requests that a help desk sends to six places: looked for, on training rows, as a job that a prompt does well.

With ten such requests and one example of each, a prompt had 0.88 there and retrieval 0.99; with these six, 0.99 and
1.00.
"""
ROUTING_EXAMPLES_PER_INTENT = 12
ROUTING_QUERIES_PER_INTENT = 40
LONGEST_PEP = 18_000
AWS_OTHER_PAGES = 120
LONGEST_AWS_PAGE = 30_000


def by_hash(key: str) -> str:
    """A fixed, arbitrary order."""
    return hashlib.sha256(key.encode()).hexdigest()


def read(path: Path) -> list[Row]:
    """The rows of a JSONL file, packed or not."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in data.splitlines()]  # bytes: text may hold U+2028


def write(path: Path, rows: Iterable[Row]) -> None:
    """Rows as JSONL."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def example(identity: str, question: str, answer: str, evidence: Sequence[Row] = ()) -> Row:
    """One training conversation."""
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    row: Row = {"id": identity, "messages": turns}
    return row | ({"evidence": list(evidence)} if evidence else {})


def halves(keys: Iterable[str]) -> set[str]:
    """One half of the clusters, by hash: they become examples, the rest queries."""
    ordered = sorted(set(keys), key=by_hash)
    return set(ordered[: len(ordered) // 2])


def aws(data: Path, out: Path) -> None:
    """Questions over product documentation: every gold page, and other pages of the same guides."""
    queries = read(data / "aws-docs-qa" / "queries.jsonl")
    gold = {e["doc"] for q in queries for e in q["evidence"]}
    pages = {d["id"]: d for d in read(data / "aws-docs-qa" / "documents.jsonl.gz")}
    others = sorted((i for i in pages if i not in gold and len(pages[i]["text"]) <= LONGEST_AWS_PAGE), key=by_hash)
    for identity in sorted(gold) + others[:AWS_OTHER_PAGES]:
        path = out / "docs" / identity
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages[identity]["text"], encoding="utf-8")
    train = halves(q["evidence"][0]["doc"] for q in queries)
    is_example = [q["evidence"][0]["doc"] in train for q in queries]
    rows = [q for q, chosen in zip(queries, is_example, strict=True) if chosen]
    write(out / "examples.jsonl", (example(q["id"], q["question"], q["answers"][0], q["evidence"]) for q in rows))
    kept = ("id", "question", "answers", "answerable", "evidence")
    asked = [q for q, chosen in zip(queries, is_example, strict=True) if not chosen]
    write(out / "queries.jsonl", ({key: q[key] for key in kept} for q in asked))


def bank(data: Path, out: Path, labels: Sequence[str], examples: int, queries: int) -> None:
    """Messages of a bank's customers with their intent: examples from the published train, queries from the test.

    The published files hold messages that are almost the same; examples that the program would refuse as leaks into the
    queries are passed over.
    """
    pools = {
        name: [row | {"id": f"{name}-{n}"} for n, row in enumerate(read(data / "banking77" / file))]
        for name, file in (("examples", "train.jsonl"), ("queries", "test.jsonl"))
    }
    asked = per_label([row for row in pools["queries"] if row["label"] in labels], queries)
    shown = [row for row in pools["examples"] if row["label"] in labels]
    leaks = find_leaks(
        [parse_example(example(row["id"], row["text"], row["label"])) for row in shown],
        [parse_query({"id": row["id"], "question": row["text"], "answers": [row["label"]]}) for row in asked],
    )
    refused = {leak.example for leak in leaks.certain}
    chosen = per_label([row for row in shown if row["id"] not in refused], examples)
    write(out / "examples.jsonl", (example(row["id"], row["text"], row["label"]) for row in chosen))
    rows = ({"id": row["id"], "question": row["text"], "answers": [row["label"]]} for row in asked)
    write(out / "queries.jsonl", rows)


def per_label(rows: Sequence[Row], count: int) -> list[Row]:
    """The first rows of each label, in the order of the hashes of their texts."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda r: by_hash(r["text"])):
        groups[row["label"]].append(row)
    return [row for label in sorted(groups) for row in groups[label][:count]]


def peps(data: Path, out: Path) -> None:
    """Facts of Python Enhancement Proposals, which stand in a header; examples and queries from different PEPs."""
    folder = data / "peps-changing" / "2026-08-22"
    facts = [f for f in read(data / "peps-changing" / "facts.jsonl") if f["new_answer"] is not None]
    facts = [f for f in facts if (folder / f"{f['doc']}.rst").stat().st_size <= LONGEST_PEP]
    train = halves(f["doc"] for f in facts)
    for identity in sorted({f["doc"] for f in facts}):
        path = out / "docs" / f"{identity}.rst"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / path.name, path)
    examples, queries = [], []
    for fact in facts:
        evidence = [{"doc": f"{fact['doc']}.rst", "quote": f"{fact['field']}: {fact['new_answer']}"}]
        if fact["doc"] in train:
            examples.append(example(fact["id"], fact["question"], fact["new_answer"], evidence))
        else:
            row: Row = {"id": fact["id"], "question": fact["question"], "answers": [fact["new_answer"]]}
            queries.append(row | {"answerable": True, "evidence": evidence})
    write(out / "examples.jsonl", examples)
    write(out / "queries.jsonl", queries)


def main(data: Path) -> None:
    """Write all four samples anew."""
    for name in ("product-docs", "bank-intents", "pep-facts", "help-desk"):
        for part in ("docs", "examples.jsonl", "queries.jsonl"):
            shutil.rmtree(OUT / name / part) if (OUT / name / part).is_dir() else (OUT / name / part).unlink(True)
        (OUT / name).mkdir(parents=True, exist_ok=True)
    labels = json.loads((data / "banking77" / "labels.json").read_text())
    aws(data, OUT / "product-docs")
    bank(data, OUT / "bank-intents", labels, BANK_EXAMPLES_PER_INTENT, BANK_QUERIES_PER_INTENT)
    peps(data, OUT / "pep-facts")
    bank(data, OUT / "help-desk", ROUTING_INTENTS, ROUTING_EXAMPLES_PER_INTENT, ROUTING_QUERIES_PER_INTENT)
    sizes = Counter({p.name: sum(f.stat().st_size for f in p.rglob("*") if f.is_file()) for p in OUT.iterdir()})
    print(f"{sum(sizes.values()) / 1e6:.1f} MB: " + ", ".join(f"{k} {v / 1e6:.2f}" for k, v in sizes.items()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
