"""The vector column as a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["matrix_of"]


def matrix_of(rows: pa.Table) -> NDArray[np.float32]:
    """The column ``vector``, shape (rows, dimensions), also of no rows."""
    column = rows["vector"].combine_chunks()
    matrix: NDArray[np.float32] = column.values.to_numpy().reshape(len(column), column.type.list_size)
    return matrix
