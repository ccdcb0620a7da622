"""Checks of plain values that callers hand in, for messages instead of numpy's exceptions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.errors import InputError, NeurohwError

MOST = 2**31 - 1
"""The largest step, trial, neuron and number of spikes: events are int32 columns."""


def whole(what: str, value: object, low: int = 1, high: int = MOST) -> int:
    """``value`` as an int; InputError unless it is a whole number in low..high."""
    number = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not number or not low <= int(value) <= high:  # type: ignore[call-overload]
        raise InputError(f"{what} is {value!r}; it must be a whole number in {low}..{high}")
    return int(value)  # type: ignore[call-overload, no-any-return]


def numbers(
    what: str, value: ArrayLike, error: type[NeurohwError] = InputError
) -> NDArray[np.float64]:
    """float64 array; ``error`` for text, complex numbers, lists of unequal lengths."""
    try:
        array = np.asarray(value)
        if array.dtype.kind in "biufO":
            return array.astype(np.float64, copy=False)
        why = f"it has dtype {array.dtype}"
    except (TypeError, ValueError, OverflowError) as reason:
        why = str(reason).split(". ", maxsplit=1)[0]
    raise error(f"{what} is no array of numbers ({why}); give real numbers, rows of equal length")


def integers(
    what: str,
    value: ArrayLike,
    low: int = 0,
    high: int = MOST,
    error: type[NeurohwError] = InputError,
) -> NDArray[np.int64]:
    """int64 array of integers in low..high; ``error`` otherwise. Nothing is rounded or wrapped."""
    try:
        array = np.asarray(value)
    except ValueError:
        raise error(f"{what} has rows of unequal lengths; give integers in {low}..{high}") from None
    if not array.size:
        return array.astype(np.int64) if array.dtype.kind in "iuf" else np.zeros(0, np.int64)
    if array.dtype.kind not in "iu":
        raise error(f"{what} holds {array.dtype} values; give integers in {low}..{high}")
    least, most = int(array.min()), int(array.max())
    if least < low or most > high:
        bad = least if least < low else most
        raise error(f"{what} has {bad}; give integers in {low}..{high}")
    return array.astype(np.int64, copy=False)
