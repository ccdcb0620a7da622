"""Rounding the weights of a projection onto the chip's lattices of mantissas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurohw.chip.model import Chip, FromPhysical, WeightMode
from neurohw.network.projections import Projection
from neurohw.weights import delivered


@dataclass(frozen=True, eq=False)
class Part:
    """The synapses of a projection that go to one input: all, or those of one sign as their size.

    ``which`` are their places in the projection; ``tag`` tells groups of one input apart.
    """

    projection: Projection
    which: NDArray[np.int64]
    sign: int = 1
    port: str = ""
    tag: str = ""

    @property
    def label(self) -> str:
        """What its projection on the chip is called."""
        words = ([self.port] if self.sign < 0 else []) + ([self.tag] if self.tag else [])
        return f"{self.projection.name} ({' '.join(words)})" if words else self.projection.name

    @property
    def post(self) -> NDArray[np.int32]:
        """Target neurons."""
        return self.projection.post[self.which]

    def wanted(self, factor: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weights in weight units, by the factor of each target neuron."""
        return np.asarray(self.sign * self.projection.weight[self.which] * factor[self.post])


def split(
    projection: Projection, factor: NDArray[np.float64], rules: FromPhysical, from_neurons: bool
) -> list[Part]:
    """The parts of a projection that go to one input of the target each."""
    everything, ports = np.arange(projection.synapses), rules.ports
    if ports[0] == ports[1]:
        return [Part(projection, everything, 1, rules.by_source[from_neurons])]
    negative = projection.weight * factor[projection.post] < 0
    parts = [
        Part(projection, everything[~negative], 1, ports[0]),
        Part(projection, everything[negative], -1, ports[1]),
    ]
    return [p for p in parts if p.which.size] or parts[:1]


@dataclass(frozen=True, eq=False)
class Rounded:
    """Mantissas int32 in one mode with one exponent, and their squared error in weight units."""

    mantissa: NDArray[np.int32]
    mode: WeightMode
    exponent: int
    squared_error: float


def round_weights(wanted: NDArray[np.float64], chip: Chip) -> Rounded | None:
    """The mode and exponent that come nearest to ``wanted`` (weight units), or None if none fits.

    In each mode the smallest exponent whose range holds all weights resolves them best; among the
    modes the one with the smaller squared error is taken, the first of equals.
    """
    form = chip.weight
    if wanted.size == 0:
        return Rounded(np.zeros(0, np.int32), form.modes[0], max(0, form.exponent[0]), 0.0)
    best: Rounded | None = None
    low, high = float(wanted.min()), float(wanted.max())
    for mode in form.modes:
        if (low < 0 and mode.low >= 0) or (high > 0 and mode.high <= 0):
            continue
        exponent = _smallest_exponent(low, high, mode, chip)
        if exponent is None:
            continue
        unit = 2.0**exponent
        mantissa = np.rint(wanted / (unit * mode.step)) * mode.step
        error = float(np.sum((mantissa * unit - wanted) ** 2))
        if best is None or error < best.squared_error:
            best = Rounded(mantissa.astype(np.int32), mode, exponent, error)
    return best


def _smallest_exponent(low: float, high: float, mode: WeightMode, chip: Chip) -> int | None:
    form = chip.weight
    for exponent in range(form.exponent[0], form.exponent[1] + 1):
        step = 2.0**exponent * mode.step
        if (
            np.rint(low / step) * mode.step >= mode.low
            and np.rint(high / step) * mode.step <= mode.high
        ):
            return exponent if _delivers(chip, mode, exponent) else None
    return None


def _delivers(chip: Chip, mode: WeightMode, exponent: int) -> bool:
    """Whether the ends of a mode arrive with this exponent as they should, in proportion to the
    smallest weight: what a chip stores may leave what its synapses deliver."""
    if chip.weight.delivered is None or chip.machine is not None or exponent <= 0:
        return True
    mixed = mode.low < 0 < mode.high
    ends = np.array([mode.low, mode.high])
    plain = delivered(chip, ends, 0, None, mixed)
    return bool(np.array_equal(delivered(chip, ends, exponent, None, mixed), plain << exponent))
