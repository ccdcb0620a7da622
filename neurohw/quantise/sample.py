"""Sample input, and what a population makes of it on the chip when its sources do as they should.

Each population is judged on its own: the spikes of its sources, itself included, are those of the
float model, so that an error early in a network does not hide what a later population does. Neurons
are then independent of one another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurohw.chip.model import Chip
from neurohw.errors import InputError, NeurohwError
from neurohw.fixed import (
    FixedCurrent,
    FixedPointNetwork,
    FixedPopulation,
    FixedProjection,
    Meaning,
)
from neurohw.network.events import Spikes
from neurohw.network.inputs import Inputs
from neurohw.network.model import Network
from neurohw.quantise.activity import Activity
from neurohw.quantise.scale import Choice, Target
from neurohw.recording import Recording

Floats = NDArray[np.float64]
SPARE_CHIPS = 1024
"""Chips that the judged population may take: its sources stand in for inputs, which chips have few of."""
QUEUED = 20
"""Trials for chips that work off one event after the other, which take longest."""
RASTER = 256 << 20
"""Bytes of rasters kept; of a longer sample the first trials are looked at."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """Sample input without labels, and what the float model does with it: ``meant`` is the recording
    of :func:`neurohw.reference` on the same inputs, with ``v`` of populations that don't spike."""

    inputs: Inputs
    meant: Recording

    def __post_init__(self) -> None:
        if self.meant.trials != self.inputs.trials or self.meant.steps < self.inputs.steps:
            raise InputError(
                f"calibration: the reference has {self.meant.trials} trials of {self.meant.steps} steps, "
                f"the inputs {self.inputs.trials} of {self.inputs.steps}; run it on these inputs"
            )


def calibration_of(network: Network, given: Inputs | Calibration) -> Calibration:
    """The given one, or the float reference run on these inputs until they have reached the output."""
    if isinstance(given, Calibration):
        return given
    if not isinstance(given, Inputs):
        raise InputError(f"calibration is a {type(given).__name__}; give Inputs")
    from neurohw.backend import reference

    quiet = [k for k, p in network.populations.items() if k not in network.inputs and not p.spiking]
    meant = reference(
        network, given, steps=given.steps + network.latency(), record={k: ["v"] for k in quiet}
    )
    return Calibration(given, meant)


@dataclass(frozen=True, eq=False)
class Judged:
    """Errors by neuron, float64 (n,): spikes that are not those of the model, both missing and extra
    ones, or the summed squared error of the membrane; and stores that overflowed."""

    errors: Floats
    overflows: int

    @property
    def total(self) -> float:
        """Of all neurons."""
        return float(self.errors.sum())


@dataclass(frozen=True, eq=False)
class Bench:
    """One population, ready to be run with any codes: its sources' spikes and what it should do."""

    name: str
    chip: Chip
    dt: float
    sizes: Mapping[str, int]
    inputs: Inputs
    constant: tuple[str, ...]
    delays: Mapping[str, NDArray[np.int32]]
    meant: Recording

    @classmethod
    def of(
        cls, name: str, network: Network, chip: Chip, constant: tuple[str, ...],
        delays: Mapping[str, NDArray[np.int32]], sample: Calibration,
    ) -> Bench:  # fmt: skip
        """For population ``name``; ``delays``: codes by projection."""
        if chip.machine is not None:
            few = min(sample.inputs.trials, QUEUED)
            sample = Calibration(sample.inputs.first(few), sample.meant.first(few))
        meant, steps = sample.meant, sample.meant.steps
        sources = dict.fromkeys(p.source for p in network.projections if p.target == name)
        spikes, currents, sizes = {}, {}, {}
        for source in sources:
            n = network.populations[source].n
            sizes[stand_for(source, name)] = n
            if source in sample.inputs.currents:
                given = sample.inputs.currents[source]
                currents[source] = np.zeros((meant.trials, steps, n))
                currents[source][:, : given.shape[1]] = given
            elif source not in constant:
                spikes[stand_for(source, name)] = meant.spikes.get(source, Spikes.none(n))
        inputs = Inputs(steps, meant.trials, spikes, currents)
        return cls(name, chip, network.dt, sizes, inputs, constant, delays, meant)

    def judge(self, choice: Choice, currents: tuple[FixedCurrent, ...] = ()) -> Judged | None:
        """What the chip does with these codes; None if it can't be run so."""
        from neurohw.emulate import emulate

        target = choice.target
        meaning = Meaning(target.rules, choice.coded.values, target.functions, choice.scale)
        population = FixedPopulation.of(
            self.name, target.population.n, target.neuron, choice.coded.codes,
            choice.coded.initial, meaning,
        )  # fmt: skip
        projections = tuple(
            FixedProjection(
                part.label, stand_for(part.projection.source, self.name), self.name,
                part.projection.pre[part.which], part.projection.post[part.which], r.mantissa,
                self.delays[part.projection.name][part.which], r.exponent, r.mode.name, part.port,
            )
            for part, r in zip(target.incoming, choice.rounded, strict=True)
        )  # fmt: skip
        try:
            fixed = FixedPointNetwork(
                self.chip, self.dt, self.sizes, {self.name: population}, projections, currents,
                {k: k not in self.inputs.currents for k in self.sizes},
                constant=tuple(k for k in self.constant if k in self.sizes), chips=SPARE_CHIPS,
            )  # fmt: skip
            record = {} if target.population.spiking else {self.name: _membrane(target)}
            run = emulate(fixed, self.inputs, steps=self.inputs.steps, record=record)
        except NeurohwError:
            return None
        over = sum(run.overflows.get(self.name, {}).values())
        if not record:
            return Judged(mismatches(self.meant, run, self.name), over)
        errors = _membrane_errors(self.meant, fixed.physical(run), self.name)
        return None if errors is None else Judged(errors, over)

    def activity(self) -> Activity:
        """The rasters of the sources and of the population itself."""
        steps, trials = self.inputs.steps, self.inputs.trials
        total = steps * (sum(self.sizes.values()) + self.meant.sizes[self.name])
        trials = max(1, min(trials, RASTER // (4 * total)))
        rasters = {}
        for source, n in self.sizes.items():
            if source in self.constant:
                rasters[source] = np.ones((steps, trials, n), np.float32)
            elif source in self.inputs.spikes:
                first = self.inputs.first(trials).spikes[source]
                rasters[source] = _steps_first(first.dense(trials, steps)).astype(np.float32)
        own = self.meant.first(trials).spikes.get(self.name)
        fired = None if own is None else _steps_first(own.dense(trials, steps)) > 0
        return Activity(rasters, fired)


def _membrane(target: Target) -> list[str]:
    read = target.rules.registers["v"].names if "v" in target.rules.registers else ()
    return [r for r in target.neuron.tick.registers if r in read]


def _steps_first(raster: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.ascontiguousarray(raster.transpose(1, 0, 2))


def stand_for(source: str, target: str) -> str:
    """The name of the input that plays ``source``; a population can't be its own input."""
    return f"{source} (meant)" if source == target else source


def mismatches(meant: Recording, run: Recording, name: str) -> Floats:
    """Spikes of each neuron that only one of the recordings has, float64 (n,)."""
    n = meant.sizes[name]
    keys = []
    for recording in (meant, run):
        s = recording.spikes.get(name, Spikes.none(n))
        step = s.trial.astype(np.int64) * max(meant.steps, run.steps) + s.step
        keys.append(np.asarray(step * n + s.neuron, np.int64))
    different = np.setxor1d(keys[0], keys[1], assume_unique=True)
    return np.bincount(different % n, minlength=n).astype(np.float64)


def _membrane_errors(meant: Recording, run: Recording, name: str) -> Floats | None:
    a, b = meant.traces.get(name, {}).get("v"), run.traces.get(name, {}).get("v")
    if a is None or b is None or a.values.shape != b.values.shape:
        return None
    return np.asarray(((a.values - b.values) ** 2).sum(axis=(0, 1)), np.float64)
