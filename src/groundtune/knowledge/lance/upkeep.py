"""Keeping a table fast and small: indexes brought up to date, small files joined, old versions dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from groundtune.knowledge.lance import approximate
from groundtune.knowledge.lance.published import Tuning

if TYPE_CHECKING:
    from lancedb.table import Table

__all__ = ["COMPACT_NUMBERS", "EXACT_NUMBERS", "number_of", "tend"]

EXACT_NUMBERS = 12_000_000
"""Numbers in all vectors of a table up to which an exact scan is fast: about 5 ms on one core (31,000 x 384)."""
COMPACT_NUMBERS = 500_000_000
"""Up to which two bytes each may be held in memory: 1 GB (1,300,000 x 384)."""
_KEEP_OLD = timedelta(minutes=10)
"""Readers take the newest version with every query, so a version that was replaced is soon nobody's."""
_MARGIN = timedelta(minutes=1)
_NOTHING = timedelta(days=36_500)
_UNINDEXED = 0.02
"""Share of the rows that searches may scan because no index holds them yet."""
_SPARE_VERSIONS = 64
_GROWN = 2.0
"""Growth since the approximate index was built from which on its partitions are made anew."""


def number_of(table: Table) -> int:
    """The number of the version that a handle sees."""
    return int(table.version)


def tend(table: Table, dimensions: int, tuning: Tuning | None) -> Tuning | None:
    """Do what is due, and nothing where nothing is; what a killed run left undone is done by the next.

    Args:
        table: The newest version.
        dimensions: Of its vectors.
        tuning: Of the search until now, None where it was exact.

    Returns:
        The tuning from now on; None for an exact scan.
    """
    written = {int(made["version"]): made["timestamp"] for made in table.list_versions()}
    dispensable = _dispensable_before(table, written)
    rows = int(table.count_rows())
    large, indexed = rows * dimensions > EXACT_NUMBERS, rows * dimensions > COMPACT_NUMBERS
    anew = large and (tuning is None or rows > _GROWN * tuning.rows or indexed != (tuning.probes > 0))
    if anew:
        _index_columns(table)
        _index_vectors(table, indexed)
    statistics = [table.index_stats(index.name) for index in table.list_indices()]
    unindexed = max((found.num_unindexed_rows for found in statistics if found is not None), default=0)
    spare = sum(moment < dispensable - _MARGIN for moment in written.values())
    untidy = unindexed > _UNINDEXED * rows or spare > _SPARE_VERSIONS
    if untidy:
        # The first may take long, and may join and split partitions; the second has only old versions left to drop,
        # so that the age it is given still is theirs when it looks.
        table.optimize(cleanup_older_than=_NOTHING)
        table.optimize(cleanup_older_than=datetime.now(dispensable.tzinfo) - dispensable + _MARGIN)
    if not large:
        return None
    tuned = _tune(table, indexed) if anew or untidy or tuning is None else tuning
    return tuned if anew or tuning is None else replace(tuned, rows=tuning.rows)


def _dispensable_before(table: Table, written: Mapping[int, datetime]) -> datetime:
    """The moment before which nobody reads a version any more: none with a tag is older, for the store would refuse to
    drop any version then."""
    tagged = {int(tag["version"]) for tag in table.tags.list().values()}
    now = datetime.now(next(iter(written.values())).tzinfo)
    return min([now - _KEEP_OLD, *(moment for number, moment in written.items() if number in tagged)])


def _index_vectors(table: Table, indexed: bool) -> None:
    """Build the index of the vectors anew where it is used, else take it out."""
    if indexed:
        approximate.build(table)
        return
    for index in table.list_indices():
        if index.columns == ["vector"]:
            table.drop_index(index.name)


def _tune(table: Table, indexed: bool) -> Tuning:
    if indexed:
        return approximate.tune(table)
    from groundtune.knowledge.lance.narrowing import narrow

    return narrow(table)


def _index_columns(table: Table) -> None:
    """Make filters and look-ups fast."""
    from lancedb.index import Bitmap, BTree, LabelList

    table.create_index("access", config=Bitmap(), replace=True)
    table.create_index("labels", config=LabelList(), replace=True)
    for column in ("id", "document", "key"):
        table.create_index(column, config=BTree(), replace=True)
