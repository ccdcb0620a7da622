"""Where the chip first does something else, and what stood in its registers then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from neurohw.compare import Divergence, first_divergence
from neurohw.emulate import emulate
from neurohw.explain.ladder import Stage
from neurohw.explain.settings import Settings
from neurohw.explain.twin import Twin
from neurohw.explain.wanted import wanted_codes
from neurohw.network.inputs import Inputs
from neurohw.recording import Recording

BEFORE, AFTER = 3, 1
"""Steps shown before and after the one that differs."""


@dataclass(frozen=True)
class Value:
    """A register of the neuron at one step: the code on the chip, the same in real numbers (None for
    a chip that can't be taken apart), and both in the model's units where the profile has a formula."""

    step: int
    register: str
    chip: int
    real: float | None
    chip_physical: float | None = None
    real_physical: float | None = None


@dataclass(frozen=True)
class First:
    """The first neuron and step that diverge. ``rung`` is where that difference comes in: from it on
    every rung has what the chip has; '' where it comes and goes. ``codes`` are the neuron's parameters:
    name, code, and what was rounded."""

    trial: int
    step: int
    population: str
    neuron: int
    what: str
    meant: int
    chip: int
    rung: str
    values: tuple[Value, ...]
    codes: tuple[tuple[str, int, float], ...] = ()

    def __str__(self) -> str:
        spikes = "spikes" if self.chip and not self.meant else "does not spike"
        said = f"{spikes} on the chip" if self.what == "spike" else f"register {self.what} differs"
        rung = f", since rung '{self.rung}'" if self.rung else ""
        return (
            f"step {self.step} of trial {self.trial}: neuron {self.neuron} of {self.population} {said}"
            f"{rung}"
        )


def first(
    twin: Twin, apart: bool, meant: Recording, chip: Recording, below: Sequence[Stage],
    names: Sequence[str],
) -> First | None:  # fmt: skip
    """The first spike of ``names`` that differs; None if all are the same. ``apart``: whether the chip
    can be taken apart."""
    d = first_divergence(replace(meant, traces={}), replace(chip, traces={}), names)
    if d is None:
        return None
    population = twin.fixed.populations[d.population]
    wanted = wanted_codes(population, lambda k: False).codes
    codes = [
        (k, int(population.parameters[k][d.neuron]), float(v[d.neuron])) for k, v in wanted.items()
    ]
    return First(
        d.trial, d.step, d.population, d.neuron, d.what, d.reference, d.other, _rung(below, d),
        _values(twin, apart, d), tuple(codes),
    )  # fmt: skip


def _rung(below: Sequence[Stage], d: Divergence) -> str:
    """The rung from which on all have what the chip has."""
    found, has = "", False
    for stage in below:
        if stage.recording is None:
            continue
        s = stage.recording.spikes[d.population]
        there = (s.trial == d.trial) & (s.step == d.step) & (s.neuron == d.neuron)
        now = bool(there.any()) == bool(d.other)
        if now and not has:
            found = stage.name
        has = now
    return found if has else ""


def _values(twin: Twin, apart: bool, d: Divergence) -> tuple[Value, ...]:
    fixed, neuron = twin.fixed, twin.fixed.populations[d.population].neuron
    written = {a.target for p in neuron.programs.values() for a in p.assigns}
    registers = [r for r in neuron.tick.registers if r in written]
    if not neuron.phases:
        registers = [*neuron.ports, *registers]
    # The equations and the input of this trial alone, unless draws depend on its number.
    inputs, trial = twin.inputs, d.trial
    if not neuron.random:
        inputs, trial = _alone(inputs, d.trial), 0
    shorter = replace(twin, inputs=inputs, steps=min(twin.steps, d.step + AFTER + 1))
    on_chip = emulate(
        fixed, inputs, steps=shorter.steps, record={d.population: registers},
        neurons={d.population: [d.neuron]}, seed=twin.seed,
    )  # fmt: skip
    real = None
    if apart:
        probes = {d.population: (registers, [d.neuron])}
        real = _of(shorter.run(Settings(), probes), d.population, d.neuron)
    formulas = fixed.physical(_of(on_chip, d.population, d.neuron))
    meant = None if real is None else fixed.physical(real)
    found = []
    for step in range(max(0, d.step - BEFORE), shorter.steps):
        for register in registers:
            code = on_chip.traces[d.population][register].values[trial, step, 0]
            exact = (
                None if real is None else real.traces[d.population][register].values[trial, step, 0]
            )
            variable = _variable(twin, d.population, register)
            found.append(
                Value(
                    step, register, int(code), None if exact is None else float(exact),
                    _at(formulas, d.population, variable, trial, step),
                    _at(meant, d.population, variable, trial, step),
                )
            )  # fmt: skip
    return tuple(found)


def _alone(inputs: Inputs, trial: int) -> Inputs:
    """One trial of the inputs."""
    spikes = {k: s.in_trial(trial) for k, s in inputs.spikes.items()}
    currents = {k: v[trial : trial + 1] for k, v in inputs.currents.items()}
    return Inputs(inputs.steps, 1, spikes, currents)


def _of(recording: Recording, population: str, neuron: int) -> Recording:
    """The recording with traces that know which neuron they are of."""
    traces = {
        r: replace(t, neurons=np.array([neuron])) for r, t in recording.traces[population].items()
    }
    return replace(recording, traces={population: traces})


def _variable(twin: Twin, population: str, register: str) -> str:
    """The physical variable that a register stands for, '' if none."""
    p = twin.fixed.populations[population]
    for variable, formula in p.meaning.rules.registers.items() if p.meaning else ():
        if [r for r in formula.names if r in p.neuron.formats] == [register]:
            return variable
    return ""


def _at(r: Recording | None, population: str, variable: str, trial: int, step: int) -> float | None:
    if r is None or variable not in r.traces.get(population, {}):
        return None
    return float(r.traces[population][variable].values[trial, step, 0])
