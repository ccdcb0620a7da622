"""Activity in numbers: rates, irregularity and correlation, and what is published of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from neurohw.errors import InputError, UnknownName
from neurohw.network.events import Spikes
from neurohw.recording import Recording

Floats = NDArray[np.float64]

PUBLISHED: Mapping[str, float] = MappingProxyType(
    {
        "L23E": 0.903, "L23I": 2.965, "L4E": 4.414, "L4I": 5.876,
        "L5E": 7.569, "L5I": 8.633, "L6E": 1.105, "L6I": 7.829,
    }
)  # fmt: skip
"""Mean rates (Hz) of the full microcircuit: ``full_mean_rates`` in parameter_definitions.py of
github.com/INM-6/microcircuit-PD14-model. That package publishes no spread of them across seeds, only
figures of Kolmogorov-Smirnov distances between distributions."""


@dataclass(frozen=True)
class RateComparison:
    """The rate of a population (Hz) against a published one: ``relative`` is found / published - 1.

    ``inside``: within ``spread`` (Hz) of it; None where no spread is known.
    """

    population: str
    found: float
    published: float
    relative: float
    spread: float | None = None
    inside: bool | None = None


def rates(recording: Recording, start: float = 0.0) -> dict[str, float]:
    """Mean rate in Hz of every population, over its neurons and trials, from ``start`` seconds on."""
    first = _first(recording, start)
    seconds = (recording.steps - first) * recording.dt * recording.trials
    return {
        name: float(_count(spikes, spikes.step >= first) / (spikes.n * seconds))
        for name, spikes in recording.spikes.items()
    }


def interval_cv(recording: Recording, population: str, start: float = 0.0) -> Floats:
    """Standard deviation over mean of each neuron's intervals, float64 (neurons with 3 spikes or
    more in a trial,): about 1 for a Poisson process, 0 for a clock."""
    spikes, first = _of(recording, population), _first(recording, start)
    late = spikes.step >= first
    cell = spikes.trial[late].astype(np.int64) * spikes.n + spikes.neuron[late]
    order = np.lexsort((spikes.step[late], cell))
    cell, step = cell[order], spikes.step[late][order].astype(np.float64)
    same = cell[1:] == cell[:-1]
    gaps, owner = np.diff(step)[same], cell[1:][same]
    cells = spikes.n * recording.trials
    count = np.bincount(owner, minlength=cells)
    with np.errstate(all="ignore"):
        mean = np.bincount(owner, gaps, minlength=cells) / count
        square = np.bincount(owner, (gaps - mean[owner]) ** 2, minlength=cells) / count
        found = np.sqrt(square) / mean
    return np.asarray(found[count >= 2], np.float64)


def correlations(
    recording: Recording,
    population: str,
    neurons: int = 200,
    bin_width: float = 2e-3,
    start: float = 0.0,
    seed: int = 0,
) -> Floats:
    """Pearson coefficients of spike counts in bins, float64 (pairs,), of ``neurons`` random neurons
    of those that spike in the first trial. Empty with fewer than two."""
    spikes, first = _of(recording, population), _first(recording, start)
    width = round(bin_width / recording.dt)
    if width < 1 or abs(width * recording.dt / bin_width - 1) > 1e-6:
        raise InputError(
            f"bins of {bin_width:g} s are no whole number of steps of {recording.dt:g} s; change them"
        )
    bins = (recording.steps - first) // width
    mine = (spikes.trial == 0) & (spikes.step >= first) & (spikes.step < first + bins * width)
    active = np.unique(spikes.neuron[mine])
    chosen = np.random.default_rng(seed).permutation(active)[:neurons]
    if chosen.size < 2 or bins < 2:
        return np.zeros(0)
    row = np.full(spikes.n, -1, np.int64)
    row[chosen] = np.arange(chosen.size)
    mine &= row[spikes.neuron] >= 0
    counts = np.zeros((chosen.size, bins))
    weight = 1 if spikes.value is None else spikes.value[mine]
    np.add.at(counts, (row[spikes.neuron[mine]], (spikes.step[mine] - first) // width), weight)
    counts = counts[counts.std(axis=1) > 0]
    if counts.shape[0] < 2:
        return np.zeros(0)
    matrix = np.corrcoef(counts)
    return np.asarray(matrix[np.triu_indices(counts.shape[0], 1)], np.float64)


def against(
    recording: Recording,
    published: Mapping[str, float] = PUBLISHED,
    start: float = 0.0,
    spread: Mapping[str, float] | None = None,
) -> tuple[RateComparison, ...]:
    """Each population's rate next to the published one. ``spread``: Hz by population, such as the
    standard deviation over seeds of one's own reference runs; nobody has published it."""
    found = rates(recording, start)
    rows = []
    for name, value in published.items():
        if name not in found:
            raise UnknownName.of("population", name, found)
        room = None if spread is None else spread.get(name)
        inside = None if room is None else abs(found[name] - value) <= room
        rows.append(RateComparison(name, found[name], value, found[name] / value - 1, room, inside))
    return tuple(rows)


def _first(recording: Recording, start: float) -> int:
    """The step that a time is the beginning of."""
    first = round(start / recording.dt)
    if not 0 <= first < recording.steps:
        raise InputError(
            f"start is {start:g} s; the recording lasts {recording.duration:g} s: begin inside it"
        )
    return first


def _of(recording: Recording, population: str) -> Spikes:
    if population not in recording.spikes:
        raise UnknownName.of("population", population, recording.spikes)
    return recording.spikes[population]


def _count(spikes: Spikes, which: NDArray[np.bool_]) -> int:
    return int(which.sum() if spikes.value is None else spikes.value[which].sum())
