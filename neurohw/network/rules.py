"""Connectivity as a rule: who is drawn, and from which values weights and delays are drawn.

Descriptions only; :mod:`neurohw.network.edges` generates the synapses that they describe. A value
distribution is a table of equally likely values: a synapse takes the entry that its random bits
name, so rounding the table for a chip rounds every synapse, without one of them being made.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import erfc, inf, isfinite, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from neurohw.errors import NetworkError

TABLE = 4096
"""Entries of a table by default: its values lie 1/4096 of probability apart."""
LONGEST = 65536
"""Entries that a table can have: an index has 16 random bits."""
MOST_NEURONS = 1 << 26
"""Neurons at either end: 32 random bits choose among so many with a bias below 2 %."""


@dataclass(frozen=True)
class FixedInDegree:
    """Every target has exactly ``k`` synapses, their sources drawn independently and uniformly.

    A source may be drawn twice, then both synapses exist. ``self_connections=False``: within a
    population no neuron is its own source.
    """

    k: int
    self_connections: bool = True

    def __post_init__(self) -> None:
        _whole("FixedInDegree: k", self.k, 0, 1 << 31)


@dataclass(frozen=True)
class FixedTotal:
    """``synapses`` pairs, each drawn independently and uniformly; a pair may be drawn again.

    The rule of T. C. Potjans and M. Diesmann, Cerebral Cortex 24 (2014) 785-806.
    """

    synapses: int

    def __post_init__(self) -> None:
        _whole("FixedTotal: synapses", self.synapses, 0, 1 << 40)


@dataclass(frozen=True)
class Probability:
    """Each pair is connected once with probability ``p``, independently of all others."""

    p: float
    self_connections: bool = True

    def __post_init__(self) -> None:
        _within("Probability: p", self.p, 0.0, 1.0)


@dataclass(frozen=True)
class Distance:
    """Each pair is connected once with probability ``p * exp(-d**2 / (2 sigma**2))`` up to
    ``radius``, all in units of one neuron's spacing.

    ``width`` 0: both populations on rings of the same length, a source facing the target at its
    place on the ring, whatever their numbers. Else a torus with rows of ``width`` neurons, both
    populations of one size, neuron ``x + width * y`` at (x, y).
    """

    p: float
    sigma: float
    radius: float
    width: int = 0
    self_connections: bool = True

    def __post_init__(self) -> None:
        _within("Distance: p", self.p, 0.0, 1.0)
        _within("Distance: sigma", self.sigma, 1e-9, 1e9)
        _within("Distance: radius", self.radius, 0.0, 1e9)
        _whole("Distance: width", self.width, 0, MOST_NEURONS)


Rule = FixedInDegree | FixedTotal | Probability | Distance


@dataclass(frozen=True)
class Constant:
    """The same ``value`` for every synapse."""

    value: float

    def __post_init__(self) -> None:
        _within("Constant: value", self.value, -inf, inf)

    def table(self, size: int = TABLE) -> NDArray[np.float64]:
        """One value, float64 (1,), whatever ``size``."""
        return np.array([float(self.value)])


@dataclass(frozen=True)
class Normal:
    """Normal values; one outside ``low..high`` is drawn again, which truncates the distribution."""

    mean: float
    sd: float
    low: float = -inf
    high: float = inf

    def __post_init__(self) -> None:
        _within("Normal: mean", self.mean, -inf, inf)
        _within("Normal: sd", self.sd, 0.0, inf)
        if not self.low < self.high:
            raise NetworkError(f"Normal: low {self.low} is not below high {self.high}; swap them")
        inside = self.low <= self.mean <= self.high
        if not inside and not _share(*self._ends()) > 0:
            raise NetworkError(
                f"Normal: {self.low}..{self.high} has no part of mean {self.mean}, sd {self.sd}; "
                "widen the limits"
            )

    def _ends(self) -> tuple[float, float]:
        """The limits in standard deviations from the mean, rounded so that tables are shared."""
        if self.sd == 0:
            return (-inf, inf) if self.low <= self.mean <= self.high else (inf, inf)
        low, high = (self.low - self.mean) / self.sd, (self.high - self.mean) / self.sd
        return round(low, 9) if isfinite(low) else low, round(high, 9) if isfinite(high) else high

    def table(self, size: int = TABLE) -> NDArray[np.float64]:
        """The middle of each of ``size`` equally likely intervals, ascending float64 (size,)."""
        if self.sd == 0:
            return np.array([float(self.mean)])
        values = self.mean + self.sd * _standard(*self._ends(), size)
        return np.asarray(np.clip(values, self.low, self.high))


@dataclass(frozen=True)
class Uniform:
    """Any value in ``low..high``; with a ``step`` only low, low + step, ..., high."""

    low: float
    high: float
    step: float = 0.0

    def __post_init__(self) -> None:
        _within("Uniform: low", self.low, -inf, inf)
        _within("Uniform: high", self.high, self.low, inf)
        _within("Uniform: step", self.step, 0.0, inf)
        if self.step and (self.high - self.low) / self.step > LONGEST - 1:
            raise NetworkError(
                f"Uniform: steps of {self.step:g} make more than {LONGEST} values in "
                f"{self.low:g}..{self.high:g}; use a larger step or none"
            )

    def table(self, size: int = TABLE) -> NDArray[np.float64]:
        """The middle of ``size`` equal intervals, or the values by step; ascending float64."""
        if self.step:
            count = round((self.high - self.low) / self.step) + 1
            return np.asarray(self.low + self.step * np.arange(count))
        if self.low == self.high:
            return np.array([float(self.low)])
        return np.asarray(self.low + (self.high - self.low) * (np.arange(size) + 0.5) / size)


Distribution = Constant | Normal | Uniform


def distribution(what: str, value: object) -> Distribution:
    """``value`` itself, or a number as Constant; NetworkError for anything else."""
    if isinstance(value, (Constant, Normal, Uniform)):
        return value
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        return Constant(float(value))
    raise NetworkError(f"{what} is {value!r}; give a number, Constant, Normal or Uniform")


@lru_cache(maxsize=64)
def _standard(low: float, high: float, size: int) -> NDArray[np.float64]:
    """Mid-quantiles of the standard normal distribution between two limits."""
    if low > 0:  # probabilities next to 1 have few digits: use those of the other tail
        return -_standard(-high, -low, size)[::-1]
    inverse, first, share = NormalDist().inv_cdf, _below(low), _share(low, high)
    table = np.array([inverse(first + share * (k + 0.5) / size) for k in range(size)])
    table.setflags(write=False)
    return table


def _share(low: float, high: float) -> float:
    """The probability between two limits of a standard normal variable."""
    if low == high:
        return 0.0
    if low > 0:
        low, high = -high, -low
    return _below(high) - _below(low)


def _below(z: float) -> float:
    """The probability below a limit; exact to the last digits far down too, which 1 + erf is not."""
    return 0.5 * erfc(-z / sqrt(2.0))


def _whole(what: str, value: object, low: int, high: int) -> None:
    number = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not number or not low <= int(value) <= high:  # type: ignore[call-overload]
        raise NetworkError(f"{what} is {value!r}; it is a whole number in {low}..{high}")


def _within(what: str, value: object, low: float, high: float) -> None:
    number = isinstance(value, (int, float, np.integer, np.floating))
    if not number or not isfinite(value) or not low <= value <= high:  # type: ignore[arg-type,operator]
        raise NetworkError(f"{what} is {value!r}; it is a finite number in {low:g}..{high:g}")
