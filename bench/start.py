"""How long `groundtune --help` takes: what a person waits for before anything is done.

    python bench/start.py [--rounds 9]

Each round is a process of its own. Prints one JSON object with the median of the rounds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from statistics import median
from time import perf_counter


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    seconds = [started() for _ in range(parser.parse_args().rounds)]
    row = {"name": "groundtune --help, seconds", "value": median(seconds), "target": 0.4, "lower_is_better": True}
    print(json.dumps({"bench": "start", "rows": [row]}, indent=1))


def started() -> float:
    """Seconds from the start of the process to its end."""
    began = perf_counter()
    subprocess.run([sys.executable, "-m", "groundtune", "--help"], stdout=subprocess.DEVNULL, check=True)
    return perf_counter() - began


if __name__ == "__main__":
    main()
