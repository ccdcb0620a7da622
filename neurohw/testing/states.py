"""Random register states through the kernels' text and through the definition.

    python -m neurohw.testing.states CHIP [NEURON] -n 1000000

Every program of a neuron (tick, event, the phases of a queue, start) is run on states drawn from all
that its formats hold; every register, wire, spike, overflow and failed store is compared.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.chip import load_chip
from neurohw.chip.model import Chip, Neuron
from neurohw.emulate.entries import load_entry
from neurohw.emulate.generate import (
    FAIL_SITE,
    FAIL_VALUE,
    Kind,
    Setting,
    event_source,
    generated_module,
    tick_source,
)
from neurohw.emulate.store import load_kernel
from neurohw.emulate.streams import Stream, lane_states
from neurohw.emulate.sweeps import phase_source
from neurohw.emulate.table import Table
from neurohw.emulate.ticks import BLOCK, OF, PORTS, Shape, Tick
from neurohw.equations.kernel_primitives import random_bits
from neurohw.fixedpoint import INT64, Format
from neurohw.testing.plain import Outcome, Plain, plain

BATCH = 20_000
JIT = "@njit(cache=True, nogil=True)\n"
INT16 = (-(2**15), 2**15 - 1)
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class States:
    """What running one program on ``states`` random states gave.

    ``failed``: states in which a format without an overflow mode could not hold a value, on both
    sides; ``first``: the first state in which the sides differ, '' if there is none.
    """

    chip: str
    neuron: str
    program: str
    states: int
    spikes: int
    overflows: int
    failed: int
    different: int
    first: str = ""

    def __str__(self) -> str:
        text = (
            f"{self.chip} {self.neuron}.{self.program}: {self.states:,} states, {self.spikes:,} "
            f"spikes, {self.overflows:,} overflows, {self.failed:,} refused, "
            f"{self.different:,} different"
        )
        return f"{text}: {self.first}" if self.first else text


def compare_states(neuron: Neuron, chip: Chip, states: int, seed: int = 0) -> Iterator[States]:
    """Run every program of a neuron on so many random states, in the kernel and in the definition."""
    for case in cases(neuron, chip):
        rng = np.random.default_rng([seed, *case.name.encode(), *neuron.name.encode()])
        counts, first = np.zeros(4, np.int64), ""
        for at in range(0, states, BATCH):
            found, difference = case.compare(rng, min(BATCH, states - at), at)
            counts += found
            first = first or difference
        spikes, overflows, failed, different = counts.tolist()
        yield States(
            chip.name, neuron.name, case.name, states, spikes, overflows, failed, different, first
        )


def cases(neuron: Neuron, chip: Chip) -> list[Case]:
    """The programs of a neuron, compiled."""
    setting = Setting(chip.delivery, chip.generators)
    in_blocks = chip.machine is None and chip.delivery.engine != "ordered"
    found: list[Case] = []
    for name, program in neuron.programs.items():
        if program.assigns and name == "tick" and in_blocks:
            found += [BlockCase(chip, setting, neuron, narrow) for narrow in (False, True)]
        elif program.assigns:
            found.append(Case(chip, setting, neuron, name))
    from neurohw.testing.straight_states import straight_cases

    found += straight_cases(neuron, chip)
    if neuron.start is not None:
        # A start is never compiled in a run; it is here, as a tick without inputs.
        alone = replace(neuron, tick=neuron.start, inputs={}, aliased="", phases={})
        found.append(Case(chip, setting, alone, "tick", "start"))
    return found


class Case:
    """One program of a neuron: the function that the engines call, and the definition."""

    def __init__(
        self, chip: Chip, setting: Setting, neuron: Neuron, phase: str, name: str = ""
    ) -> None:
        self.chip, self.setting, self.phase, self.name = chip, setting, phase, name or phase
        self.neuron, self.program = neuron, neuron.programs[phase]
        self.queued = chip.machine is not None
        kept = [a.target for a in self.program.assigns if a.target in self.program.wires]
        wires = (*kept, *self.program.inputs)
        self.kind = Kind(
            neuron, tuple(k for k in dict.fromkeys(wires) if not (self.queued and k == "syn"))
        )
        self.function = load_kernel(self._source()).run
        first = self.kind.first_site(phase)
        self.definition: Plain = plain(
            self.program,
            {} if self.queued else {
                k: (form, self.kind.inputs.index(k)) for k, form in self.program.inputs.items()
            }, first,
        )  # fmt: skip

    def _source(self) -> str:
        kind, setting = self.kind, self.setting
        arrays = ", ".join([*(f"_all_{x}" for x in kind.arrays), *setting.states])
        if self.phase == "tick":
            text = tick_source(kind, setting)
            call = f"""_found = tick_{kind.name}(_j, _j + 1, 0, {arrays}, _counts, _alias,
            _fired, _value, 0, _overflows[_j], _failure[_j], _seed, 0, 0, _j + _at)
        _good[_j] = _found >= 0
        _spike[_j] = _value[0] if _found > 0 else 0"""  # fmt: skip
        elif self.queued:
            text = phase_source(kind, self.phase, setting)
            names = list(self.program.inputs)
            row = [f"_given[{k} * _n + _j]" for k in range(len(names))]
            more = [] if "syn" in names else ["_synapse[_j]"]
            call = f"""_good[_j], _spike[_j], _syn = {self.phase}_{kind.name}(_j, _j,
            {", ".join([*row, *more])}, {arrays}, _overflows[_j], _failure[_j])
        if _good[_j]:
            _synapse[_j] = _syn"""
        else:
            text = event_source(kind, setting)
            row = [f"_given[{k} * _n + _j]" for k in range(len(kind.neuron.inputs))]
            call = f"""_good[_j] = event_{kind.name}(_j, 0, {", ".join([*row, arrays])},
            _overflows[_j], _failure[_j])"""
        loop = f"""{JIT}def run(
    _n, _given, _synapse, {arrays}, _counts, _alias, _overflows, _failure, _good, _spike, _seed, _at,
):
    _fired, _value = np.zeros(1, np.int64), np.zeros(1, np.int64)
    for _j in range(_n):
        {call}
"""
        return generated_module([kind], [text, loop])

    def compare(
        self, rng: np.random.Generator, n: int, at: int
    ) -> tuple[tuple[int, int, int, int], str]:
        """Spikes, overflows, failed and different states among n new ones, and the first of these."""
        seed = int(rng.integers(2**32))
        seeds = {
            name: rng.integers(0, 1 << g.taps[1], g.lanes).tolist()
            for name, g in self.chip.generators.items()
        }
        given = self.draw(rng, n)
        expected = self.define(given, n, at, seed, seeds)
        got = self.run(given, n, at, seed, seeds)
        spikes = 0 if "spike" not in got else int(np.count_nonzero(got["spike"]))
        wrong = np.zeros(n, np.bool_)
        for key, values in expected.items():
            wrong |= (values != got[key]).reshape(n, -1).any(axis=1)
        first = ""
        if wrong.any():
            j = int(np.argmax(wrong))
            keys = [k for k in expected if not np.array_equal(expected[k][j], got[k][j])]
            first = "; ".join(
                f"{k} is {expected[k][j].tolist()}, the kernel has {got[k][j].tolist()}"
                for k in keys
            ) + f", with {({k: int(v[j]) for k, v in given.items()})}"  # fmt: skip
        overflows, failed = int(expected["overflows"].sum()), int((expected["good"] == 0).sum())
        return (spikes, overflows, failed, int(wrong.sum())), first

    def draw(self, rng: np.random.Generator, n: int) -> dict[str, Codes]:
        """States of everything that is given: registers, parameters, and inputs before the store."""
        program = self.program
        found = {
            k: draw_codes(rng, form, n)
            for k, form in (*program.registers.items(), *program.parameters.items())
        }
        for k, form in program.inputs.items():
            found[k] = draw_codes(rng, form, n)
            beyond = not self.queued and form.overflow != "error" and form.bits < 50
            if beyond or (not self.queued and k != "count" and self.phase == "event"):
                wide = Format(min(form.bits + 3, 62), True)
                found[k] = np.where(rng.random(n) < 0.2, draw_codes(rng, wide, n), found[k])
        return found

    def define(
        self, given: dict[str, Codes], n: int, at: int, seed: int, seeds: dict[str, list[int]]
    ) -> dict[str, Codes]:
        """What the definition makes of the states."""
        streams = {k: Stream(self.chip.generators[k], s[0]) for k, s in seeds.items()}
        outcome = Outcome()

        def random(number: int, bits: int, site: int) -> int:
            return random_bits(bits, seed, 0, 0, number + at, site) if self.phase == "tick" else (
                random_bits(bits, 0, 0, 0, 0, site)
            )  # fmt: skip

        columns = [given[k].tolist() for k in self.definition.given]
        self.definition.run(
            zip(range(n), *columns, strict=True), random, lambda name: streams[name].draw(), outcome
        )
        names = self.definition.names
        rows = [
            row if row is not None else tuple(
                int(given[k][j]) if k in self.program.registers else 0 for k in names
            ) for j, row in enumerate(outcome.rows)
        ]  # fmt: skip
        table = np.array(rows, np.int64).reshape(n, len(names))
        found = {k: table[:, c] for c, k in enumerate(names)}
        good = np.ones(n, np.int64)
        failure = np.zeros((n, 2), np.int64)
        for j, (site, value) in outcome.failures.items():
            good[j], failure[j] = 0, (site, value)
        overflows = np.zeros((n, max(1, len(self.kind.sites))), np.int64)
        if outcome.overflows:
            np.add.at(overflows, tuple(np.array(outcome.overflows).T), 1)
        overflows[good == 0] = 0
        if "spike" in found and self.setting.delivery.payload.bits == 1 and self.phase == "tick":
            found["sent"] = np.minimum(np.abs(found["spike"]), 1)
        elif "spike" in found:
            found["sent"] = found["spike"]
        return {**found, "good": good, "failure": failure, "overflows": overflows}

    def run(
        self, given: dict[str, Codes], n: int, at: int, seed: int, seeds: dict[str, list[int]]
    ) -> dict[str, Codes]:
        """What the kernel makes of the states."""
        kind, program = self.kind, self.program
        registers = {**kind.neuron.tick.registers, **program.parameters}
        arrays: dict[str, Any] = {
            x: (given[x] if x in given else np.zeros(n, np.int64)).astype(registers[x].storage)
            if x in registers else np.zeros(n, np.int64) for x in kind.arrays
        }  # fmt: skip
        aliased = kind.neuron.aliased
        if self.phase == "tick":
            names: tuple[str, ...] = ()
        else:
            names = tuple(kind.neuron.inputs)
        row = np.concatenate([np.zeros(0, np.int64), *(given[k] for k in names)])
        syn = given["syn"].copy() if "syn" in given else np.zeros(n, np.int64)
        counts = given[aliased].copy() if aliased in given else np.zeros(n, np.int64)
        overflows = np.zeros((n, max(1, len(kind.sites))), np.int64)
        failure, good = np.zeros((n, 4), np.int64), np.zeros(n, np.bool_)
        spike = np.zeros(n, np.int64)
        states = [lane_states(self.chip.generators[k], s) for k, s in seeds.items()]
        self.function(
            n, row, syn, *arrays.values(), *states, counts, np.full(n, -1, np.int64), overflows,
            failure, good, spike, seed, at,
        )  # fmt: skip
        found = {k: arrays[k].astype(np.int64) for k in kind.written}
        overflows[~good] = 0
        if self.queued:
            found["syn"] = syn
        return {
            **found, "sent": spike, "good": good.astype(np.int64), "overflows": overflows,
            "failure": failure[:, [FAIL_SITE, FAIL_VALUE]],
        }  # fmt: skip


class BlockCase(Case):
    """The tick of the summed engines: every state is a population of its own. ``narrow``: sums of 16
    bits and registers in their nominal ranges, from which most of the text follows in 32 bits."""

    def __init__(self, chip: Chip, setting: Setting, neuron: Neuron, narrow: bool) -> None:
        self.narrow = narrow
        super().__init__(chip, setting, neuron, "tick", "tick in 32 bits" if narrow else "tick")

    def _source(self) -> str:
        names = self.kind.neuron.ports
        sums = dict.fromkeys(names, INT16 if self.narrow else INT64)
        registers = self.kind.neuron.tick.registers
        self.ranges = {r: (f.low, f.high) for r, f in registers.items()} if self.narrow else {}
        self.shape = Shape(
            sums=sums, row="int16" if self.narrow else "int64", graded=not self.setting.delivery.binary,
            ranges=self.ranges,
        )  # fmt: skip
        tick = Tick(self.kind, self.setting, self.shape)
        self.update, self.tick = load_entry(tick.source(), "update").address, tick
        return generated_module([], [
            "from neurohw.native import call",
            f"""{JIT}def run(_update, _table, _n, _cursor, _good, _found, _failed, _failure):
    for _j in range(_n):
        _cursor[0] = _j
        _good[_j] = call(_update, _table, _j, 0) == 0
        _found[_j] = _cursor[0] - _j
        _failed[_j] = _failure
""",
        ])  # fmt: skip

    def draw(self, rng: np.random.Generator, n: int) -> dict[str, Codes]:
        found = super().draw(rng, n)
        if self.narrow:
            for port in self.kind.neuron.ports:
                found[port] = np.clip(found[port], -(2**15), 2**15 - 1)
            for register, ends in self.ranges.items():
                found[register] = np.clip(found[register], *ends)
        return found

    def run(
        self, given: dict[str, Codes], n: int, at: int, seed: int, seeds: dict[str, list[int]]
    ) -> dict[str, Codes]:
        kind, program, shape = self.kind, self.program, self.shape
        slots, parameters = self.tick.slots, program.parameters
        table = Table(slots, np.zeros(slots.size, np.int64))
        arrays = {
            x: (given[x] if x in given and x not in program.inputs else np.zeros(n, np.int64)).astype(
                parameters[x].storage if x in parameters else self.tick.storage(x)
            ) for x in kind.arrays
        }  # fmt: skip
        for x, array in arrays.items():
            table.put(f"_all_{x}", array)
        ports = kind.neuron.ports
        sums = (
            np.array([given[p] for p in ports], shape.row).reshape(len(ports), n).T.ravel().copy()
        )
        of = np.zeros((n, len(OF) + PORTS), np.int64)
        number = np.arange(n)
        of[:, : len(OF)] = np.stack(
            [number, number + 1, number, number * len(ports), number + at, number], axis=1
        )
        of[:, len(OF) :] = 1
        sites, cursor = max(1, len(kind.sites)), np.zeros(1, np.int64)
        overflows, failure = np.zeros((n, sites), np.int64), np.zeros(4, np.int64)
        aliased = kind.neuron.aliased
        counts = given[aliased].copy() if aliased in given else np.zeros(n, np.int64)
        flag, event = np.zeros(64, np.uint8), np.zeros(n + 16, np.int32)
        payload = np.zeros(n + 16, np.int32)
        given_: dict[str, NDArray[Any]] = {
            "_sums": sums.copy(), "_event": event, "_overflows": overflows.ravel(),
            "_cursor": cursor, "_quiet": np.zeros(n, np.uint8), "_of": of.ravel(), "_flag": flag,
            "_payload": payload, "_failure": failure,
            "_counts": counts, "_alias": np.full(n, -1, np.int64),
            **{k: np.zeros(BLOCK, dtype) for k, dtype in self.tick.scratch.items()},
        }  # fmt: skip
        for name, value in given_.items():
            table.put(name, value)
        for name, number_ in {
            "_mask": 0,
            "_stride": 0,
            "_base": 0,
            "_seed": seed,
            "_trial": 0,
        }.items():
            table.put(name, number_)
        for name, s in seeds.items():
            table.put(f"_bits_{name}", lane_states(self.chip.generators[name], s).ravel())
        assert not table.missing(), table.missing()
        good, found = np.zeros(n, np.bool_), np.zeros(n, np.int64)
        failed = np.zeros((n, 4), np.int64)
        before = {x: a.copy() for x, a in arrays.items()}
        self.function(self.update, table.row.ctypes.data, n, cursor, good, found, failed, failure)
        if good.all() and not aliased and not program.drawn:
            self._as_one(table, before, arrays, sums, n, at)
        sent = np.where(found > 0, payload[:n] if shape.graded else 1, 0)
        overflows[~good] = 0
        failed[good] = 0
        return {
            **{k: arrays[k].astype(np.int64) for k in kind.written}, "sent": sent.astype(np.int64),
            "good": good.astype(np.int64), "overflows": overflows,
            "failure": failed[:, [FAIL_SITE, FAIL_VALUE]],
        }  # fmt: skip

    def _as_one(
        self, table: Table, before: dict[str, Codes], after: dict[str, Codes], sums: Codes, n: int, at: int
    ) -> None:  # fmt: skip
        """All states once more as one population, for which the kernel uses vectors; what differs is
        put into ``after``."""
        ports = len(self.kind.neuron.ports)
        table.put("_sums", np.ascontiguousarray(sums.reshape(n, ports).T).ravel())
        of = np.zeros((1, len(OF) + PORTS), np.int64)
        of[0, : len(OF)] = 0, n, 0, 0, at, 0
        of[0, len(OF) :] = 1
        table.put("_of", of.ravel())
        extra: dict[str, NDArray[Any]] = {
            "_flag": np.zeros(BLOCK + 64, np.uint8),
            "_overflows": np.zeros(max(1, len(self.kind.sites)), np.int64),
            "_quiet": np.zeros(n, np.uint8), "_cursor": np.zeros(1, np.int64),
            "_event": np.zeros(n + 16, np.int32), "_payload": np.zeros(n + 16, np.int32),
        }  # fmt: skip
        for name, value in extra.items():
            table.put(name, value)
        for x, array in before.items():
            table.put(f"_all_{x}", array)
        one = [np.zeros(1, np.bool_), np.zeros(1, np.int64), np.zeros((1, 4), np.int64)]
        self.function(
            self.update, table.row.ctypes.data, 1, extra["_cursor"], *one, np.zeros(4, np.int64)
        )
        for x, array in before.items():
            after[x][:] = np.where(array != after[x], array, after[x])


def draw_codes(rng: np.random.Generator, form: Format, n: int) -> Codes:
    """Codes that a register of this format may hold: each uniform, small, about a power of two, or at
    an end; in one state of ten everything is at an end."""
    low, high = form.reads
    ends = np.array([low, high, low + 1, high - 1, 0, 1, -1])
    choice = rng.integers(0, 5, n)
    choice[::10] = 4
    power = 1 << rng.integers(0, form.bits, n)
    values = np.select(
        [choice < 2, choice == 2, choice == 3],
        [
            rng.integers(low, high, n, endpoint=True),
            rng.integers(-20, 21, n),
            (power + rng.integers(-1, 2, n)) * rng.choice([-1, 1], n),
        ],
        rng.choice(ends, n),
    )  # fmt: skip
    return np.clip(values, low, high)


def main(arguments: list[str] | None = None) -> int:
    """The command line: one line for each program, 1 if anything differs."""
    parser = argparse.ArgumentParser("python -m neurohw.testing.states", description=__doc__)
    parser.add_argument("chip", help="a chip or a profile, as in --chip")
    parser.add_argument("neuron", nargs="?", help="one of its neurons; all by default")
    parser.add_argument("-n", type=int, default=20_000, help="states of each program")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    chip = load_chip(options.chip)
    bad = 0
    for neuron in chip.neurons.values():
        if options.neuron in (None, neuron.name):
            began = time.perf_counter()
            for result in compare_states(neuron, chip, options.n, options.seed):
                print(f"{result} ({time.perf_counter() - began:.1f} s)", flush=True)
                bad += result.different
                began = time.perf_counter()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
