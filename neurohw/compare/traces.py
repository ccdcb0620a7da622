"""How far apart two traces of equal sampling are."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.errors import InputError


def difference(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """b - a as float64 (exact for integers below 2**53); InputError unless the shapes agree."""
    x, y = np.asarray(a), np.asarray(b)
    if x.shape != y.shape:
        raise InputError(f"traces of shapes {x.shape} and {y.shape}; sample both at the same times")
    return y.astype(np.float64) - x.astype(np.float64)


def rmse(a: ArrayLike, b: ArrayLike) -> float:
    """Root mean square of b - a over all samples, in the unit of the traces; NaN without any."""
    gap = difference(a, b)
    return float(np.sqrt(np.mean(gap * gap))) if gap.size else float("nan")


def largest(a: ArrayLike, b: ArrayLike) -> tuple[float, tuple[int, ...]]:
    """The largest |b - a| and the index of the first sample that has it.

    A sample that is NaN counts as the largest. InputError without any samples.
    """
    gap = np.abs(difference(a, b))
    if not gap.size:
        raise InputError(f"traces of shape {gap.shape} have no samples; record at least one")
    where = np.unravel_index(int(np.argmax(gap)), gap.shape)
    return float(gap[where]), tuple(int(k) for k in where)
