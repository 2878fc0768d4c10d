"""Run the benchmarks and write docs/benchmarks.md.

    python bench/run.py [--data DIR] [--only NAME ...]

Each benchmark is a process of its own and prints one JSON object, which is kept with its date and machine below
docs/benchmarks/; the page shows all that are kept. All of them take some two hours on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
KEPT = DOCS / "benchmarks"
COMMANDS = {
    "start": ["start.py"],
    "embedding": ["embedding.py"],
    "encoder": ["encoder.py"],
    "retrieval": ["retrieval.py"],
    "reranking": ["reranking.py"],
    "tuned_retrieval": ["tuned_retrieval.py"],
    "context": ["context.py"],
    "abstention": ["abstention.py"],
    "freshness": ["freshness.py"],
    "reader": ["reader.py"],
    "banking": ["banking.py", "--full"],
    "formats": ["formats.py"],
    "sync": ["sync.py", "--rivals-python", sys.executable],
    "scale": ["scale.py"],
    "scale_million": ["scale.py", "--passages", "1000000"],
    "simulations": ["simulations.py", "--replications", "1000"],
}


def main() -> None:
    """Run what was asked for and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the folder with the data sets")
    parser.add_argument("--only", nargs="*", choices=list(COMMANDS), default=list(COMMANDS))
    options = parser.parse_args()
    failed = [name for name in options.only if not run(name, options.data)]
    (DOCS / "benchmarks.md").write_text(page(), encoding="utf-8")
    if failed:
        sys.exit(f"These did not finish: {', '.join(failed)}. What they printed stands above.")


def run(name: str, data: Path) -> bool:
    """Run one benchmark and keep what it printed; False when it failed."""
    print(f"{name} …", file=sys.stderr, flush=True)
    began = perf_counter()
    environment = {**os.environ, "GROUNDTUNE_DATA": str(data.resolve())}
    script, *arguments = COMMANDS[name]
    done = subprocess.run(
        [sys.executable, str(HERE / script), *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        return False
    KEPT.mkdir(exist_ok=True)
    record = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "seconds": round(perf_counter() - began),
        "figures": json.loads(done.stdout),
    }
    (KEPT / f"{name}.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return True


def machine() -> str:
    """Processor, cores, system, Python."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.is_file() else ""
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")]
    formats = [name for name in ("amx_bf16", "avx512_bf16") if name in text] or ["no bf16"]
    processor = names[0] if names else platform.processor()
    python = platform.python_version()
    return f"{processor} ({', '.join(formats)}), {os.cpu_count()} cores, {platform.system()}, Python {python}"


def page() -> str:
    """The page, from everything that is kept."""
    parts = [
        "# Benchmarks\n\nWritten by `make bench`. Ratios come from one run, side by side; absolute times vary with the "
        "machine and what else it does. The data sets are described in [bench/README.md](../bench/README.md).\n"
    ]
    for name, (script, *arguments) in COMMANDS.items():
        path = KEPT / f"{name}.json"
        if not path.is_file():
            parts.append(f"## {name}\n\nNot measured yet.\n")
            continue
        record = json.loads(path.read_text(encoding="utf-8"))
        took = f", {record['seconds']} s" if record["seconds"] is not None else ""
        command = " ".join([script, *(word for word in arguments if sys.executable not in arguments)])
        head = f"`bench/{command}`, {record['date']}{took}, {record['machine']}."
        parts.append(f"## {name}\n\n{head}\n\n{table(record['figures'])}\n")
    return "\n".join(parts)


def table(figures: Mapping[str, Any]) -> str:
    """Rows of name, value and target where the benchmark gives them; else one table of each group of like figures."""
    if "rows" in figures:
        rows = [[row["name"], row["value"], row.get("target", "")] for row in figures["rows"]]
        return drawn(["what", "measured", "target"], rows)
    groups: dict[tuple[str, ...], list[list[Any]]] = {}
    for path, leaf in leaves(figures):
        groups.setdefault(tuple(leaf), []).append([path, *leaf.values()])
    single = [[f"{row[0]}: {k}" if row[0] else k, v] for keys, rows in groups.items() if len(rows) == 1
              for row in rows for k, v in zip(keys, row[1:], strict=True)]  # fmt: skip
    tables = [drawn(["", *keys], rows) for keys, rows in groups.items() if len(rows) > 1]
    return "\n\n".join([*tables, *([drawn(["what", "measured"], single)] if single else [])])


def leaves(figures: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """The plain figures that stand together, with the path to them."""
    plain = {key: value for key, value in figures.items() if not isinstance(value, dict)}
    if plain:
        yield path, plain
    for key, value in figures.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{path}: {key}" if path else key)


def drawn(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table in Markdown."""
    lines = [
        [name.replace("_", " ") for name in head],
        ["---"] * len(head),
        *([shown(cell) for cell in row] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def shown(value: Any) -> str:
    """A number with six digits that count, a range, a list; nothing where there is none."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return (" to " if len(value) == 2 else ", ").join(shown(part) for part in value)
    return str(value)


if __name__ == "__main__":
    main()
