"""Dev and test, split by cluster before anything is tuned: what belongs together stays on one side."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from groundtune.experiment.normalise import tokens
from groundtune.records import Query

__all__ = ["Split", "cluster_queries", "split_queries"]

_NEAR_DUPLICATE = 0.8
_SMALL_SET = 100
_DEV_SHARE_SMALL, _DEV_SHARE = 0.4, 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The evaluation set in two halves.

    Attributes:
        dev: For choices (thresholds, weights, few-shot examples); never reported.
        test: For the comparison; never looked at before.
        clusters: Query id -> cluster id, of all queries.
        straddling: Clusters that the user's own split puts on both sides, a leak that only the user can mend.
    """

    dev: tuple[Query, ...]
    test: tuple[Query, ...]
    clusters: Mapping[str, str]
    straddling: tuple[str, ...] = ()


def split_queries(queries: Sequence[Query], *, seed: int) -> Split:
    """Split by cluster: 40 % dev below 100 queries, else 30 %; a user's own assignment always wins.

    Clusters are ordered by a hash of their id and the seed and fill dev until its share is reached. So the split is
    the same in every process, whatever the order of the rows, and added rows move at most clusters at the boundary.
    Queries that stand alone and share a label are dealt out within their label.

    Args:
        queries: With distinct ids.
        seed: Another seed, another split.
    """
    clusters = cluster_queries(queries)
    members: dict[str, list[Query]] = defaultdict(list)
    for query in queries:
        members[clusters[query.id]].append(query)
    sides = {cluster: _own_side(rows) for cluster, rows in members.items()}
    share = _DEV_SHARE_SMALL if len(queries) < _SMALL_SET else _DEV_SHARE
    free = [cluster for cluster, side in sides.items() if side is None]
    # Where the user assigned some queries, the free ones are split by the same share among themselves.
    sides |= _fill(free, members, share, seed)
    dev: list[Query] = []
    test: list[Query] = []
    for query in queries:
        (dev if (query.split or sides[clusters[query.id]]) == "dev" else test).append(query)
    on_both = {clusters[query.id] for query in dev} & {clusters[query.id] for query in test}
    return Split(dev=tuple(dev), test=tuple(test), clusters=clusters, straddling=tuple(sorted(on_both)))


def cluster_queries(queries: Sequence[Query]) -> dict[str, str]:
    """Query id -> cluster id: which queries are not independent of each other.

    By the first that applies: the query's own ``cluster``; the documents of its evidence (queries that share one are
    together); a group of near-duplicate questions (Jaccard similarity of the normalised words at least 0.8); itself.
    """
    groups = _Groups()
    for query in queries:
        own = f"query:{query.id}"
        groups.add(own)
        if query.cluster is not None:
            groups.join(own, f"cluster:{query.cluster}")
        else:
            for evidence in query.evidence:
                groups.join(own, f"document:{evidence.doc}")
    alone = [query for query in queries if query.cluster is None and not query.evidence]
    for first, second in _near_duplicates([frozenset(tokens(query.question)) for query in alone]):
        groups.join(f"query:{alone[first].id}", f"query:{alone[second].id}")
    return {query.id: groups.name(f"query:{query.id}") for query in queries}


class _Groups:
    """Disjoint sets of names; a set is called after its first member in sorted order, whatever joined first."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def add(self, name: str) -> None:
        self._parent.setdefault(name, name)

    def join(self, first: str, second: str) -> None:
        self.add(first)
        self.add(second)
        low, high = sorted((self.name(first), self.name(second)))
        self._parent[high] = low

    def name(self, name: str) -> str:
        root = name
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[name] != root:
            self._parent[name], name = root, self._parent[name]
        return root


def _near_duplicates(sets: Sequence[frozenset[str]]) -> Iterable[tuple[int, int]]:
    """Pairs with Jaccard similarity >= 0.8, by prefix filtering (Chaudhuri et al. 2006): only the rarest words of each
    set are indexed, for two sets this similar share at least one of them."""
    frequency = Counter(word for words in sets for word in words)
    index: dict[str, list[int]] = defaultdict(list)
    for number, words in enumerate(sets):
        ordered = sorted(words, key=lambda word: (frequency[word], word))
        prefix = ordered[: len(ordered) - math.ceil(_NEAR_DUPLICATE * len(ordered)) + 1] if ordered else [""]
        candidates = {other for word in prefix for other in index[word]}
        yield from ((other, number) for other in sorted(candidates) if _similar(sets[other], words))
        for word in prefix:
            index[word].append(number)


def _similar(first: frozenset[str], second: frozenset[str]) -> bool:
    return len(first & second) >= _NEAR_DUPLICATE * len(first | second)


def _own_side(rows: Sequence[Query]) -> str | None:
    sides = {query.split for query in rows if query.split is not None}
    if not sides:
        return None
    # Unassigned members of a cluster go where its test queries are not: dev may be looked at, test may not.
    return "test" if sides == {"test"} else "dev"


def _fill(free: Sequence[str], members: Mapping[str, Sequence[Query]], share: float, seed: int) -> dict[str, str]:
    sides: dict[str, str] = {}
    # Rounding is carried from stratum to stratum, so that dev as a whole comes as near to its share as it can.
    room = 0.0
    for stratum in _strata(free, members, smallest=math.ceil(1 / share)):
        room += share * sum(len(members[cluster]) for cluster in stratum)
        for cluster in sorted(stratum, key=lambda name: _hash(name, seed)):
            size = len(members[cluster])
            sides[cluster] = "dev" if size / 2 <= room else "test"
            room -= size if sides[cluster] == "dev" else 0
    return sides


def _strata(free: Sequence[str], members: Mapping[str, Sequence[Query]], smallest: int) -> list[list[str]]:
    """Clusters of one query by their label where that has at least ``smallest`` of them, all others together."""
    labelled: dict[str, list[str]] = defaultdict(list)
    for cluster in free:
        if len(members[cluster]) == 1 and len(members[cluster][0].answers) == 1:
            labelled[members[cluster][0].answers[0]].append(cluster)
    own = [labelled[label] for label in sorted(labelled) if len(labelled[label]) >= smallest]
    dealt = {cluster for stratum in own for cluster in stratum}
    return [*own, [cluster for cluster in free if cluster not in dealt]]


def _hash(name: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()
