"""Which spikes two recordings share, and which part of a long recording to show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurohw.network.events import Spikes
from neurohw.recording import Recording

Columns = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Match:
    """Spikes of one population, sorted into those that agree and those of one recording only.

    Each is int64 (3, spikes): trial, step, neuron. Steps are those of the coarser recording,
    ``steps`` of ``dt`` seconds; several spikes of a neuron within one of them count once.
    """

    n: int
    steps: int
    dt: float
    both: Columns
    only_reference: Columns
    only_chip: Columns

    def differing(self) -> Columns:
        """The spikes that are in one recording only."""
        return np.concatenate([self.only_reference, self.only_chip], axis=1)

    def part(self, neurons: range, steps: range) -> Match:
        """Those of consecutive ``neurons`` in consecutive ``steps``."""
        parts = []
        for columns in (self.both, self.only_reference, self.only_chip):
            _, step, neuron = columns
            keep = (neuron >= neurons.start) & (neuron < neurons.stop)
            parts.append(columns[:, keep & (step >= steps.start) & (step < steps.stop)])
        return Match(self.n, self.steps, self.dt, *parts)


def match(
    reference: Recording | None, chip: Recording, population: str, trial: int | None = None
) -> Match:
    """The spikes of one trial, or of all; without a reference all are in ``both``."""
    n = chip.sizes[population]
    recordings = [chip] if reference is None else [reference, chip]
    coarse = min(recordings, key=lambda r: r.steps)
    places = [_places(r, population, trial, coarse.steps) for r in recordings]
    a, b = places[0], places[-1]
    kinds = (np.intersect1d(a, b, assume_unique=True), np.setdiff1d(a, b), np.setdiff1d(b, a))
    columns = []
    for place in kinds:
        rest, neuron = np.divmod(place, n)
        columns.append(np.stack([*np.divmod(rest, coarse.steps), neuron]))
    return Match(n, coarse.steps, coarse.dt, *columns)


def _places(recording: Recording, name: str, trial: int | None, steps: int) -> Columns:
    n = recording.sizes[name]
    spikes = recording.spikes.get(name, Spikes.none(n))
    if trial is not None:
        spikes = spikes.in_trial(trial)
    step = ((spikes.step.astype(np.int64) + 1) * steps - 1) // recording.steps
    return np.unique((spikes.trial.astype(np.int64) * steps + step) * n + spikes.neuron)


def some_neurons(found: Match, limit: int) -> range:
    """At most ``limit`` consecutive neurons: those that differ most, or spike most."""
    if found.n <= limit:
        return range(found.n)
    telling = found.differing() if found.differing().size else found.both
    blocks = np.bincount(telling[2] // limit, minlength=1)
    start = min(int(np.argmax(blocks)) * limit, found.n - limit)
    return range(start, start + limit)


def some_steps(found: Match, limit: int) -> range:
    """Consecutive steps with at most ``limit`` spikes, the first difference among them.

    A spike in one recording only, drawn larger, counts as five.
    """
    where = np.concatenate([found.both[1], np.repeat(found.differing()[1], 5)])
    total = np.concatenate([[0], np.cumsum(np.bincount(where, minlength=found.steps))])
    if total[-1] <= limit:
        return range(found.steps)
    first = int(found.differing()[1].min()) if found.differing().size else 0
    low = int(np.searchsorted(total, total[first] - limit // 5))
    high = int(np.searchsorted(total, total[low] + limit, side="right")) - 1
    return range(low, max(high, low + 1))


def by_divergence(
    reference: Recording | None, chip: Recording, population: str, trial: int, variable: str = ""
) -> list[int]:
    """Neurons by the step of their first differing spike; then others that spike, then the rest,
    by the largest difference of ``variable`` where both recorded it alike."""
    found = match(reference, chip, population, trial)
    never = np.iinfo(np.int64).max
    first = np.full(found.n, never, np.int64)
    np.minimum.at(first, found.differing()[2], found.differing()[1])
    silent = np.bincount(found.both[2], minlength=found.n) == 0
    error = np.zeros(found.n)
    mine = chip.traces.get(population, {}).get(variable)
    theirs = None if reference is None else reference.traces.get(population, {}).get(variable)
    if mine is not None and theirs is not None and mine.values.shape == theirs.values.shape:
        gap = np.abs(mine.values[trial] - theirs.values[trial])
        error[mine.neurons] = gap.max(axis=0, initial=0.0)
    return [int(j) for j in np.lexsort((np.arange(found.n), -error, silent, first))]
