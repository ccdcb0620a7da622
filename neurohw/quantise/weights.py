"""Rounding the weights of a projection onto the chip's lattices of mantissas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurohw.chip.model import WeightFormat, WeightMode


@dataclass(frozen=True, eq=False)
class Rounded:
    """Mantissas int32 in one mode with one exponent, and their squared error in weight units."""

    mantissa: NDArray[np.int32]
    mode: WeightMode
    exponent: int
    squared_error: float


def round_weights(wanted: NDArray[np.float64], form: WeightFormat) -> Rounded | None:
    """The mode and exponent that come nearest to ``wanted`` (weight units), or None if none fits.

    In each mode the smallest exponent whose range holds all weights resolves them best; among the
    modes the one with the smaller squared error is taken, the first of equals.
    """
    if wanted.size == 0:
        return Rounded(np.zeros(0, np.int32), form.modes[0], max(0, form.exponent[0]), 0.0)
    best: Rounded | None = None
    low, high = float(wanted.min()), float(wanted.max())
    for mode in form.modes:
        if (low < 0 and mode.low >= 0) or (high > 0 and mode.high <= 0):
            continue
        exponent = _smallest_exponent(low, high, mode, form)
        if exponent is None:
            continue
        unit = 2.0**exponent
        mantissa = np.rint(wanted / (unit * mode.step)) * mode.step
        error = float(np.sum((mantissa * unit - wanted) ** 2))
        if best is None or error < best.squared_error:
            best = Rounded(mantissa.astype(np.int32), mode, exponent, error)
    return best


def _smallest_exponent(low: float, high: float, mode: WeightMode, form: WeightFormat) -> int | None:
    for exponent in range(form.exponent[0], form.exponent[1] + 1):
        step = 2.0**exponent * mode.step
        if (
            np.rint(low / step) * mode.step >= mode.low
            and np.rint(high / step) * mode.step <= mode.high
        ):
            return exponent
    return None
