"""Do the statistics keep their promises? The simulations of METHODS section 12, with the shares they should give.

    python bench/simulations.py [--replications 4000]

Prints one JSON object: rows of name, value, target. Needs no data; takes about five minutes on one core.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from groundtune.testing.simulations import (
    coverage_of_clusters,
    coverage_of_pairs,
    coverage_of_rates,
    error_of_clusters,
    error_of_families,
    error_of_mcnemar,
    power_of_effects,
    verdicts,
)

Row = dict[str, Any]
COVERAGE, ERROR = "0.93 to 0.97", "at most 0.06"


def main() -> None:
    """Replay everything and print the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replications", type=int, default=4000)
    replications = parser.parse_args().replications
    rows = [*_coverage(replications), *_errors(replications), *_power(replications), *_verdicts(replications // 20)]
    print(json.dumps({"bench": "simulations", "replications": replications, "rows": rows}, indent=1))


def _coverage(replications: int) -> Iterator[Row]:
    for n in (30, 50, 100):
        for method, bootstrap in (("Dirichlet", False), ("percentile bootstrap", True)):
            value = coverage_of_pairs(
                n, gap=0.05, disagreement=0.1, seed=n, replications=replications, bootstrap=bootstrap
            )
            target = "worse, for comparison" if bootstrap else COVERAGE
            yield _row(f"coverage, right-or-wrong pairs, n={n}, {method}", value, target)
    for name, sizes in (("20 equal", [5] * 20), ("20 unequal", [1, 1, 2, 3, 18] * 4), ("10 equal", [5] * 10)):
        for icc in (0.2, 0.5):
            value = coverage_of_clusters(sizes, icc=icc, seed=1, replications=replications)
            yield _row(f"coverage, {name} clusters, ICC {icc}, cluster t", value, COVERAGE)
    for n, rate in ((30, 0.7), (50, 0.9), (100, 0.7)):
        value = coverage_of_rates(n, rate=rate, seed=1, replications=replications)
        yield _row(f"coverage, one rate of {rate}, n={n}, Wilson", value, COVERAGE)


def _errors(replications: int) -> Iterator[Row]:
    for n in (50, 100, 200):
        value = error_of_mcnemar(n, disagreement=0.2, seed=n, replications=5 * replications)
        yield _row(f"false positives, McNemar mid-p, n={n}", value, ERROR)
    for clusters in (10, 20, 40):
        for method in ("naive", "t", "sign flip"):
            count = replications // 4 if method == "sign flip" else replications
            value = error_of_clusters(clusters, 5, icc=0.2, method=method, seed=clusters, replications=count)
            target = "0.14, for comparison" if method == "naive" else ERROR
            yield _row(f"false positives, {clusters} clusters of 5, ICC 0.2, {method}", value, target)
    value = error_of_families(150, seed=1, replications=replications // 4)
    yield _row("false positives, three contrasts at once, step-down maxT, n=150", value, ERROR)


def _power(replications: int) -> Iterator[Row]:
    for n, effect, pair in ((100, 0.67, 0.40), (200, 0.93, 0.68)):
        found = power_of_effects(n, seed=n, replications=replications // 8)
        yield _row(f"power for 10 points of retrieval, main effect, n={n}", found[0], f"about {effect}")
        yield _row(f"power for 10 points of retrieval, one pair, n={n}", found[1], f"about {pair}")


def _verdicts(replications: int) -> Iterator[Row]:
    """What the verdict says where the truth is known: how often it settles, and how often on the wrong system."""
    truths = {
        "all equal": (0.7, 0.7, 0.7, 0.7),
        "retrieval +15": (0.5, 0.65, 0.5, 0.65),
        "each +10": (0.5, 0.6, 0.6, 0.7),
        "retrieval +40": (0.3, 0.7, 0.3, 0.7),
    }
    for name, rates in truths.items():
        for n in (50, 200, 600):
            settled, wrong = verdicts(rates, n, seed=n, replications=replications)
            yield _row(f"verdict settles, {name}, n={n}", settled, "more with n")
            yield _row(f"verdict settles on a system more than 3 points too bad, {name}, n={n}", wrong, "at most 0.1")


def _row(name: str, value: float, target: str) -> Row:
    return {"name": name, "value": round(value, 3), "target": target}


if __name__ == "__main__":
    main()
