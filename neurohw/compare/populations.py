"""The figures of one population, and how its spikes and traces are brought onto common times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from neurohw.compare import batch
from neurohw.compare.pairs import Pairs, Trains, starts_of
from neurohw.compare.traces import largest, rmse
from neurohw.network.events import Spikes
from neurohw.recording import Recording, Trace

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class TraceComparison:
    """One register: root mean square and largest |difference|, in its unit, and where that is.

    ``step`` counts in steps of the other recording; ``samples`` is how many were compared.
    """

    rmse: float
    largest: float
    trial: int
    step: int
    neuron: int
    samples: int


@dataclass(frozen=True)
class PopulationComparison:
    """Figures of one population; None where undefined (no spikes at all, Γ of crowded trains).

    ``trains`` neuron-trials have a spike in at least one recording; the means go over these.
    ``agreeing`` spikes have the same trial, step and neuron; ``agreement`` is their share,
    2 agreeing / (spikes_reference + spikes_other). ``gamma`` to ``spike_distance`` are means of the
    figures in :mod:`neurohw.compare.spikes`; ``rate_error`` and ``rate_bias`` the absolute and the
    signed mean of (other - reference) in Hz. Here each event is one spike, whatever its value.
    """

    size: int
    trains: int
    spikes_reference: int
    spikes_other: int
    agreeing: int
    agreement: float | None
    gamma: float | None
    van_rossum: float | None
    victor_purpura: float | None
    isi_distance: float | None
    spike_distance: float | None
    rate_error: float | None
    rate_bias: float | None
    traces: Mapping[str, TraceComparison] = field(default_factory=dict)


@dataclass(frozen=True)
class Clock:
    """Steps of one recording on the coarser of two grids of equal duration.

    Whole numbers as long as possible: the same moment is the same float in both recordings.
    """

    steps: int
    coarse_steps: int
    coarse_dt: float

    def bins(self, step: NDArray[np.int32]) -> NDArray[np.int64]:
        """The coarse step that each step ends in: step // r for dt smaller by a whole number r."""
        return ((step.astype(np.int64) + 1) * self.coarse_steps - 1) // self.steps

    def seconds(self, step: NDArray[np.int32]) -> NDArray[np.float64]:
        """The time at the end of each step."""
        ticks = (step.astype(np.int64) + 1) * self.coarse_steps
        return np.asarray(ticks / self.steps * self.coarse_dt)


def agreeing(a: Spikes, b: Spikes, clock_a: Clock, clock_b: Clock) -> int:
    """How many spikes have a partner of the same trial, neuron and coarse step; one to one."""
    places, counts = [], []
    for s, clock in ((a, clock_a), (b, clock_b)):
        key = (s.trial.astype(np.int64) * s.n + s.neuron) * clock.coarse_steps + clock.bins(s.step)
        place, count = np.unique(key, return_counts=True)
        places.append(place)
        counts.append(count)
    _, i, j = np.intersect1d(places[0], places[1], assume_unique=True, return_indices=True)
    return int(np.minimum(counts[0][i], counts[1][j]).sum())


def pairs_of(a: Spikes, b: Spikes, clock_a: Clock, clock_b: Clock, trials: int) -> Pairs:
    """The trains of every neuron in every trial in which either has a spike."""
    keys = [s.trial.astype(np.int64) * s.n + s.neuron for s in (a, b)]
    counts = [np.bincount(key, minlength=trials * a.n).astype(np.int64) for key in keys]
    active = (counts[0] + counts[1]) > 0
    trains = []
    for s, clock, key, count in zip((a, b), (clock_a, clock_b), keys, counts, strict=True):
        order = np.lexsort((s.step, key))
        trains.append(Trains(clock.seconds(s.step[order]), starts_of(count[active])))
    return Pairs(trains[0], trains[1], clock_a.coarse_steps * clock_a.coarse_dt)


def compare_traces(reference: Recording, other: Recording, name: str) -> dict[str, TraceComparison]:
    """Registers recorded in both from the same neurons, at the times at which both were sampled.

    Left out: a register without common times, and one that is integer codes in one recording and
    physical values in the other, because the units differ.
    """
    found = {}
    theirs = other.traces.get(name, {})
    for register, a in reference.traces.get(name, {}).items():
        b = theirs.get(register)
        if b is None or not np.array_equal(a.neurons, b.neurons):
            continue
        if (a.values.dtype.kind == "f") != (b.values.dtype.kind == "f"):
            continue
        # End of step k is at (k + 1) duration / steps: whole numbers say exactly which are equal.
        _, i, j = np.intersect1d(
            (a.steps() + 1) * other.steps, (b.steps() + 1) * reference.steps, return_indices=True
        )
        if i.size and a.neurons.size and a.values.shape[0]:
            found[register] = _trace(a, b, i, j)
    return found


def _trace(a: Trace, b: Trace, i: NDArray[np.intp], j: NDArray[np.intp]) -> TraceComparison:
    x, y = a.values[:, i], b.values[:, j]
    top, (trial, sample, column) = largest(x, y)
    return TraceComparison(
        rmse(x, y), top, trial, int(j[sample]) * b.stride, int(b.neurons[column]), int(i.size)
    )


def mean(values: NDArray[np.float64]) -> float | None:
    """The mean of those that are defined; None if none is."""
    values = values[~np.isnan(values)]
    return float(values.mean()) if values.size else None


def compare_population(
    reference: Recording, other: Recording, name: str,
    *, window: float, tau: float, cost: float,
) -> PopulationComparison:  # fmt: skip
    """All figures of one population that is in both recordings."""
    n = reference.sizes[name]
    a, b = (recording.spikes.get(name, Spikes.none(n)) for recording in (reference, other))
    coarse = reference if reference.steps <= other.steps else other
    clock_a = Clock(reference.steps, coarse.steps, coarse.dt)
    clock_b = Clock(other.steps, coarse.steps, coarse.dt)
    pairs = pairs_of(a, b, clock_a, clock_b, reference.trials)
    rate = (pairs.b.counts - pairs.a.counts) / pairs.duration
    same = agreeing(a, b, clock_a, clock_b)
    return PopulationComparison(
        size=n,
        trains=pairs.count,
        spikes_reference=a.count,
        spikes_other=b.count,
        agreeing=same,
        agreement=2 * same / (a.count + b.count) if a.count + b.count else None,
        gamma=mean(batch.coincidence(pairs, window)),
        van_rossum=mean(batch.van_rossum(pairs, tau)),
        victor_purpura=mean(batch.victor_purpura(pairs, cost)),
        isi_distance=mean(batch.isi_distance(pairs)),
        spike_distance=mean(batch.spike_distance(pairs)),
        rate_error=mean(np.abs(rate)),
        rate_bias=mean(rate),
        traces=compare_traces(reference, other, name),
    )
