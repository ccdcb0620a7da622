"""Random register states through the loops without branches of ordered and event-driven engines."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurohw.chip.model import Chip, Neuron
from neurohw.emulate.generate import Kind, Setting, generated_module
from neurohw.emulate.store import load_kernel
from neurohw.emulate.straight import (
    Scopes,
    is_straight,
    is_straight_events,
    is_straight_tick,
    straight_events,
    straight_tick,
)
from neurohw.emulate.sweeps import SPIKES, given_to, neurons_source, spike_source
from neurohw.testing.states import Case, Codes

KERNEL = '@njit(cache=True, nogil=True, _nrt=False, error_model="numpy")\n'
SWITCHES = (0, 1)
"""What parameters of one bit are, in turn, where a loop is straight only if they are known."""


class StraightCase(Case):
    """A phase on every state for itself, then on all at once, for which the kernel uses vectors.
    ``known``: parameters that have one value in all states."""

    def __init__(
        self, chip: Chip, setting: Setting, neuron: Neuron, phase: str, known: dict[str, int]
    ) -> None:
        self.known = known
        super().__init__(chip, setting, neuron, phase, f"{phase} in vectors")

    def _kind(self) -> Kind:
        return Kind(self.neuron, self.kind.kept, known=self.known)

    def _source(self) -> str:
        kind, setting, n = self._kind(), self.setting, len(self.neuron.inputs)
        scopes = Scopes([kind])
        arrays = ", ".join([*(f"_all_{x}" for x in kind.arrays), *setting.states])
        parts, more = list[str](), ""
        if self.queued:
            machine = self.chip.machine
            assert machine is not None
            parts = [
                spike_source(machine), neurons_source(kind, self.phase, machine, setting, scopes)
            ]  # fmt: skip
            names, zeros = given_to(machine, self.phase), ["0"] * len(machine.configuration)
            inputs = list(self.program.inputs)
            row = [
                f"_given[{inputs.index(k)} * _n + _j]" if k in inputs else "0" for k in names
            ]  # fmt: skip
            one = f"""_status[:] = 0
        _good[_j] = {self.phase}_neurons_{kind.name}(0, _j, _j + 1, 0, True, {", ".join([*row, *zeros])},
            _status, _queue, _synapse, _spikes, _outputs, _changes, _flag, _codes, {arrays},
            _overflows[_j], _failure[_j])
        _spike[_j] = 1 if _status[{SPIKES}] > 0 else 0"""
            more = "_status, _queue, _spikes, _outputs, _changes, _codes, "
            whole = "return"
        elif self.phase == "tick":
            parts = [straight_tick(kind, setting, scopes)]
            call = f"""tick_{kind.name}(%s, 0, {arrays}, _counts, _alias, _fired, _value, 0, %s,
            _seed, 0, 0, %s, _flag)"""
            one = f"""_spike[_j] = {call % ("_j, _j + 1", "_overflows[_j], _failure[_j]", "_j + _at")}
        _good[_j] = True"""
            whole = call % ("0, _n", "_sums, _failure[0]", "_at")
        else:
            parts = [straight_events(kind, setting, scopes)]
            rows = ", ".join(f"{k} * _n + %s" for k in range(n))
            call = f"events_{kind.name}(%s, _given, %s, {arrays}, %s)"
            each = rows.replace("%s", "_j"), "_overflows[_j], _failure[_j]"
            one = f"_good[_j] = {call % ('1, _j', *each)}"
            whole = call % ("_n, 0", rows.replace("%s", "0"), "_sums, _failure[0]")
        head = f"""_n, _given, _synapse, {arrays}, _counts, _alias, _overflows, _failure, _good, _spike,
    _seed, _at, {more}_flag, _fired, _value, _sums,"""
        return generated_module([kind], [*parts, f"""{KERNEL}def run(
    {head}
):
    for _j in range(_n):
        {one}
""", f"""{KERNEL}def whole(
    {head}
):
    {whole}
"""])  # fmt: skip

    def draw(self, rng: np.random.Generator, n: int) -> dict[str, Codes]:
        found, fixed = super().draw(rng, n), dict(self.known)
        if self.chip.machine is not None:
            # What no operation gives is 0.
            given = given_to(self.chip.machine, self.phase)
            fixed |= {k: 0 for k in self.program.inputs if k not in given}
        return {**found, **{k: np.full(n, v) for k, v in fixed.items() if k in found}}

    def run(
        self, given: dict[str, Codes], n: int, at: int, seed: int, seeds: dict[str, list[int]]
    ) -> dict[str, Codes]:
        module = load_kernel(self._source())
        flag = np.zeros(-(-n // 64) * 64, np.uint8)
        more: list[Any] = [
            flag, np.zeros(n, np.int64), np.zeros(n, np.int64),
            np.zeros(max(1, len(self.kind.sites)), np.int64),
        ]  # fmt: skip
        if self.queued:
            tables = [np.zeros((20, k), np.int64) for k in (3, 2, 4)]
            more = [
                np.zeros(9, np.int64),
                np.zeros(8, np.int64),
                *tables,
                np.zeros(n, np.int64),
                *more,
            ]
        self.function = lambda *arguments: module.run(*arguments, *more)
        found = super().run(given, n, at, seed, seeds)
        if not self.queued:
            # All at once, with what the states were: every register must come out the same.
            self.function = lambda *arguments: module.whole(*arguments, *more)
            every = super().run(given, n, at, seed, seeds)
            for key in self.kind.written:
                found[key] = np.where(every[key] != found[key], every[key], found[key])
            counted = found["overflows"].sum(axis=0)
            found["overflows"][0] += more[-1] - counted
        return found


def straight_cases(neuron: Neuron, chip: Chip) -> list[Case]:
    """The phases of a neuron that run in loops without branches, or do once their switches are known."""
    setting, found = Setting(chip.delivery, chip.generators), list[Case]()
    if chip.machine is None and chip.delivery.engine != "ordered":
        return found
    ones = [k for k, form in neuron.tick.parameters.items() if form.bits == 1]
    for phase, program in neuron.programs.items():
        for known in ({}, *(dict.fromkeys(ones, v) for v in SWITCHES)):
            kind = Kind(neuron, known=known)
            if program.assigns and _straight(kind, phase, setting, chip):
                found.append(StraightCase(chip, setting, neuron, phase, known))
                break
    return found


def _straight(kind: Kind, phase: str, setting: Setting, chip: Chip) -> bool:
    if chip.machine is not None:
        return is_straight(kind, phase, setting)
    if phase == "tick":
        return is_straight_tick(kind, setting)
    return is_straight_events(kind, setting)
