"""Where two runs that should be the same first are not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isclose

import numpy as np

from neurohw.errors import InputError, UnknownName
from neurohw.network.events import Spikes
from neurohw.recording import Recording, Trace


@dataclass(frozen=True)
class Divergence:
    """The first difference: ``what`` is 'spike' or the name of a register.

    ``reference`` and ``other`` are the values there; for a spike its payload, 0 if there is none.
    """

    trial: int
    step: int
    population: str
    neuron: int
    what: str
    reference: int
    other: int

    def __str__(self) -> str:
        what = "spike" if self.what == "spike" else f"register '{self.what}'"
        return (
            f"first difference at step {self.step}, trial {self.trial}, population "
            f"'{self.population}', neuron {self.neuron}: {what} {self.reference} in the reference, "
            f"{self.other} in the other"
        )


def common_populations(reference: Recording, other: Recording) -> list[str]:
    """Populations in both, in the reference's order; InputError if none, or if sizes differ."""
    names = [name for name in reference.sizes if name in other.sizes]
    if not names:
        raise InputError(
            f"no common population: {list(reference.sizes)} and {list(other.sizes)}; compare "
            "recordings of the same network"
        )
    for name in names:
        if reference.sizes[name] != other.sizes[name]:
            raise InputError(
                f"population '{name}' has {reference.sizes[name]} neurons in the reference, "
                f"{other.sizes[name]} in the other; compare recordings of the same network"
            )
    return names


def same_trials(reference: Recording, other: Recording) -> None:
    """InputError unless both have as many trials."""
    if reference.trials != other.trials:
        raise InputError(
            f"the reference has {reference.trials} trials, the other {other.trials}; run both on "
            "the same inputs"
        )


def first_divergence(
    reference: Recording, other: Recording, populations: Sequence[str] | None = None
) -> Divergence | None:
    """The first step at which spikes or integer registers differ, None if there is none.

    At that step the lowest trial, then the first of ``populations`` (all common ones in the
    reference's order), then the lowest neuron, then its spike before its registers in the
    reference's order. A register counts if both recorded it as integers, for the same neurons and
    with the same stride. Repeated events at one place add up, as in ``Spikes.dense``. InputError if
    trials, steps, dt or sizes differ; UnknownName for a population that is not in both.
    """
    common = common_populations(reference, other)
    same_trials(reference, other)
    if reference.steps != other.steps or not isclose(reference.dt, other.dt):
        raise InputError(
            f"the reference has {reference.steps} steps of {reference.dt} s, the other "
            f"{other.steps} of {other.dt} s; steps can be compared only if they are the same"
        )
    found = []
    for order, name in enumerate(common if populations is None else populations):
        if name not in common:
            raise UnknownName.of("population of both recordings", name, common)
        for rank, d in enumerate(_differences(reference, other, name)):
            if d is not None:
                found.append(((d.step, d.trial, order, d.neuron, rank), d))
    return min(found, key=lambda item: item[0])[1] if found else None


def _differences(reference: Recording, other: Recording, name: str) -> Iterator[Divergence | None]:
    nothing = Spikes.none(reference.sizes[name])
    yield _spikes(
        name, reference.spikes.get(name, nothing), other.spikes.get(name, nothing), reference.trials
    )
    theirs = other.traces.get(name, {})
    for register, trace in reference.traces.get(name, {}).items():
        if register in theirs:
            yield _trace(name, register, trace, theirs[register])


def _spikes(name: str, a: Spikes, b: Spikes, trials: int) -> Divergence | None:
    if a.same_as(b):
        return None
    place = [  # one number that sorts by step, then trial, then neuron
        (s.step.astype(np.int64) * trials + s.trial) * s.n + s.neuron for s in (a, b)
    ]
    value = [
        np.ones(s.count, np.int64) if s.value is None else s.value.astype(np.int64) for s in (a, b)
    ]
    places, index = np.unique(np.concatenate(place), return_inverse=True)
    totals = np.zeros((2, places.size), np.int64)
    np.add.at(totals[0], index[: a.count], value[0])
    np.add.at(totals[1], index[a.count :], value[1])
    wrong = np.flatnonzero(totals[0] != totals[1])
    if not wrong.size:
        return None
    k = int(wrong[0])
    rest, neuron = divmod(int(places[k]), a.n)
    step, trial = divmod(rest, trials)
    return Divergence(trial, step, name, neuron, "spike", int(totals[0, k]), int(totals[1, k]))


def _trace(name: str, register: str, a: Trace, b: Trace) -> Divergence | None:
    integers = a.values.dtype.kind in "iu" and b.values.dtype.kind in "iu"
    if not integers or a.stride != b.stride or not np.array_equal(a.neurons, b.neurons):
        return None
    if a.values.shape != b.values.shape:
        raise InputError(
            f"register '{register}' of '{name}' has shapes {a.values.shape} and {b.values.shape}; "
            "both need the same trials, samples and neurons"
        )
    wrong = a.values != b.values
    at = wrong.any(axis=2).T  # (samples, trials): the first True is the first step, lowest trial
    if not at.any():
        return None
    sample, trial = divmod(int(np.argmax(at)), at.shape[1])
    columns = np.flatnonzero(wrong[trial, sample])
    column = int(columns[np.argmin(a.neurons[columns])])
    return Divergence(
        trial, sample * a.stride, name, int(a.neurons[column]), register,
        int(a.values[trial, sample, column]), int(b.values[trial, sample, column]),
    )  # fmt: skip
