"""Which class a network decided for in each trial."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neurohw.errors import InputError, UnknownName
from neurohw.network.events import Spikes
from neurohw.recording import Recording

MEMBRANE = "v"
"""The variable that decides where an output population does not spike."""

Populations = str | Sequence[str]


def _names(population: Populations) -> list[str]:
    return [population] if isinstance(population, str) else list(population)


def decides_by_membrane(recording: Recording, population: Populations) -> bool:
    """Whether these populations never spike and the membrane of all their neurons was recorded."""
    for name in _names(population):
        if name not in recording.sizes:
            raise UnknownName.of("population", name, recording.sizes)
        if name in recording.spikes and recording.spikes[name].count:
            return False
        trace = recording.traces.get(name, {}).get(MEMBRANE)
        everyone = np.arange(recording.sizes[name])
        if trace is None or not np.array_equal(np.sort(trace.neurons), everyone):
            return False
        if not trace.values.shape[1]:
            return False
    return True


def predictions(
    recording: Recording, population: Populations, *, by: str | None = None
) -> NDArray[np.int64]:
    """The class of each trial, int64 (trials,): the index of the neuron with the most spikes.

    Spikes with a value count that often. Ties, and a silent trial, go to the lowest index. With
    ``by='v'`` it is the neuron with the largest ``v`` at the last sample; without ``by`` that is
    so for a population that never spikes and has ``v`` recorded from all neurons. Neurons of
    several populations are numbered through, in the order given.
    """
    names = _names(population)
    membrane = decides_by_membrane(recording, names)
    if by not in (None, "spikes", MEMBRANE) or (by == MEMBRANE and not membrane):
        raise InputError(
            f"outputs {names} can't decide by '{by}': it is 'spikes', or '{MEMBRANE}' if they "
            f"never spike and '{MEMBRANE}' of all neurons was recorded"
        )
    scores = []
    for name in names:
        if by == MEMBRANE or (by is None and membrane):
            trace = recording.trace(name, MEMBRANE)
            scores.append(trace.values[:, -1][:, np.argsort(trace.neurons)])
        else:
            spikes = recording.spikes.get(name, Spikes.none(recording.sizes[name]))
            scores.append(spikes.counts(recording.trials))
    if not sum(score.shape[1] for score in scores):
        raise InputError(f"outputs {names} have no neurons; name at least one output population")
    return np.asarray(np.concatenate(scores, axis=1).argmax(axis=1), dtype=np.int64)
