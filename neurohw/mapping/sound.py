"""What the arrays of an image must be before they are followed: kernels trust their indices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from neurohw.errors import FileError

Int64 = NDArray[np.int64]


def damaged(what: str) -> FileError:
    """The error for an image that no mapping made."""
    return FileError(f"the image is damaged: {what}; map the network again")


def column(
    arrays: Mapping[str, NDArray[Any]], name: str, dtype: DTypeLike, size: int | None = None,
    low: int = 0, high: int | None = None,
) -> NDArray[Any]:  # fmt: skip
    """One array of an image, (size,) of ``dtype`` from ``low`` to ``high``; FileError if it is not."""
    if name not in arrays:
        raise damaged(f"it has no '{name}'")
    array = arrays[name]
    if array.dtype != np.dtype(dtype) or array.ndim != 1:
        raise damaged(
            f"'{name}' is {array.dtype} of shape {array.shape}, not one {np.dtype(dtype)}"
        )
    if size is not None and array.size != size:
        raise damaged(f"'{name}' has {array.size:,} entries, not {size:,}")
    if array.size and array.dtype.kind in "iu":
        least, most = int(array.min()), int(array.max())
        if least < low or (high is not None and most > high):
            bad, end = (least, low) if least < low else (most, high)
            raise damaged(f"'{name}' holds {bad}, beyond {end}")
    return array


def offsets(
    arrays: Mapping[str, NDArray[Any]], name: str, end: int, groups: int | None = None
) -> Int64:
    """Where each of ``groups`` begins in something of ``end`` entries, int64 (groups + 1,), ascending."""
    found = column(arrays, name, np.int64, None if groups is None else groups + 1)
    if not found.size or found[0] or found[-1] != end or (np.diff(found) < 0).any():
        raise damaged(f"'{name}' does not divide {end:,} entries")
    return found
