"""The summed engine: a network laid out once and compiled, for lanes to run."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.emulate import layouts
from neurohw.emulate.entries import load_entry
from neurohw.emulate.generate import Kind, Setting
from neurohw.emulate.layout import place
from neurohw.emulate.layouts import Layout, lay_out
from neurohw.emulate.plan import Plan
from neurohw.emulate.summed import Delivery, delivery_source, driver_source, sampler_source
from neurohw.emulate.table import Slots
from neurohw.emulate.ticks import Shape, Tick, invariants
from neurohw.fixed import FixedPointNetwork

LARGE = 10_000_000
"""Synapses from which only the last layout of a network is kept."""
Int = NDArray[np.int64]
_LAYOUTS: weakref.WeakKeyDictionary[FixedPointNetwork, dict[Any, Layout]] = (
    weakref.WeakKeyDictionary()
)


class Engine:
    """What all runs of a plan share: layout, kernel, and the banks of neurons."""

    def __init__(self, plan: Plan, parts: int) -> None:
        self.plan, self.net = plan, plan.network
        self.banks = place(self.net)
        chip = self.net.chip
        self.setting = Setting(chip.delivery, chip.generators, plan.on_overflow == "raise")
        self.kinds = [Kind(bank.neuron, self._kept(tuple(bank.low))) for bank in self.banks.banks]
        self.order = self.banks.order
        self.parts = parts if divisible(self.net) else 1
        self.graded = self._graded()
        self.layout = self._laid_out()
        self.starts = {name: p.start() for name, p in self.net.populations.items()}
        self.shapes = {kind.name: self._shape(k) for k, kind in enumerate(self.kinds)}
        s = self.layout.sparse
        self.delivery = Delivery(
            sparse=s.kind, packed=str(s.packed.dtype), start=str(s.start.dtype),
            weight=str(s.weight.dtype), dense=self.layout.dense_dtype, row=self.layout.row,
            staged=str(self.layout.stage.weight.dtype),
            scratch=self.layout.stage.scratch if self.layout.stage.used else "",
            relays=self.banks.relays > 0, injected=bool(plan.injected), graded=self.graded,
            padded=s.padded, words=s.words,
        )  # fmt: skip
        ticks = [Tick(kind, self.setting, self.shapes[kind.name]) for kind in self.kinds]
        self.updates = [load_entry(tick.source(), "update").address for tick in ticks]
        self.slots = [tick.slots for tick in ticks]
        self.scratch = [tick.scratch for tick in ticks]
        self.delivery_slots, self.driver_slots = Slots(), Slots()
        source = delivery_source(self.delivery, self.delivery_slots)
        self.deliver = load_entry(source, "deliver").address
        self.kernel = load_entry(driver_source(self.driver_slots), "run")
        self.sampler = load_entry(sampler_source(), "sample").address if plan.probes else 0

    def _kept(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Wires and inputs that are recorded of any of these populations."""
        found = {r for n in names for r in self.plan.probes.get(n, {})}
        neuron = self.net.populations[names[0]].neuron
        return tuple(sorted(found - set(neuron.tick.registers)))

    def _graded(self) -> bool:
        """Whether any spike of this network has another value than 1."""
        if self.net.chip.delivery.binary:
            return False
        kinds = [p.neuron for p in self.net.populations.values() if p.neuron.spikes]
        forms = [n.formats["spike"] for n in kinds]
        return (
            any(f.low < 0 or f.high > 1 for f in forms) or any(n.aliased for n in kinds)
            or any(s.value is not None for s in self.plan.spikes.values())
        )  # fmt: skip

    def _laid_out(self) -> Layout:
        payloads, injected = self._payloads(), {}
        for name, by in self.plan.injected.items():
            for port, values in by.items():
                # To a power of two, so that one layout serves runs with other currents.
                size = 1 << int(np.abs(values).max(initial=0)).bit_length()
                injected[name, port] = (-size, size)
        key = (
            self.parts, tuple(payloads.items()), tuple(injected.items()), layouts.FORCED,
        )  # fmt: skip
        known = _LAYOUTS.setdefault(self.net, {})
        if key not in known:
            if self.net.synapses > LARGE:
                known.clear()  # one layout of a large network is enough
            known[key] = lay_out(
                self.net, self.parts, payloads, injected, self.banks.relays > 0
            )  # fmt: skip
        return known[key]

    def _payloads(self) -> dict[str, int]:
        """The largest payload that each source can send."""
        net, form = self.net, self.net.chip.delivery.payload
        found = dict.fromkeys(net.sizes, 1)
        if not self.graded:
            return found
        for name, spikes in self.plan.spikes.items():
            most = 1 if spikes.value is None else int(np.abs(spikes.value).max(initial=1))
            found[name] = 1 if most == 1 else 1 << most.bit_length()
        for name, p in net.populations.items():
            own = p.neuron.formats.get("spike")
            if own is not None and form.bits > 1:
                found[name] = max(1, own.high, -own.low)
        return found

    def _shape(self, k: int) -> Shape:
        bank, kind = self.banks.banks[k], self.kinds[k]
        names, index = list(bank.low), list(self.net.populations)
        scalars = frozenset(
            x for x in kind.neuron.tick.parameters
            if all(_equal(self.net.populations[n].parameters[x]) for n in names)
            and all(_equal_rows(self.plan.variants.get(n, {}).get(x)) for n in names)
        )  # fmt: skip
        sums = {}
        for q, port in enumerate(kind.neuron.ports):
            low = high = 0
            for n in names:
                ends, unit = self.layout.reach[n, port], int(self.layout.units[index.index(n), q])
                low, high = min(low, ends[0] * unit), max(high, ends[1] * unit)
            sums[port] = (low, high)
        starts = {
            r: (min(int(self.starts[n][r].min()) for n in names),
                max(int(self.starts[n][r].max()) for n in names))
            for r in kind.neuron.tick.registers
        }  # fmt: skip
        ranges = {x: self._range(names, x) for x in kind.neuron.tick.parameters}
        if self.plan.variants and kind.neuron.start is not None:
            # What a start derives from other parameters is not known here.
            return Shape(scalars, sums, self.layout.row, self.graded, ranges)
        found = invariants(kind, sums, starts, ranges)
        return Shape(scalars, sums, self.layout.row, self.graded, {**ranges, **found})

    def _range(self, names: list[str], parameter: str) -> tuple[int, int]:
        """Least and largest code of a parameter in these populations, in any trial."""
        codes = [self.net.populations[n].parameters[parameter] for n in names]
        codes += [v[parameter] for n in names if parameter in (v := self.plan.variants.get(n, {}))]
        return min(int(c.min()) for c in codes), max(int(c.max()) for c in codes)


def divisible(net: FixedPointNetwork) -> bool:
    """Whether the network can be split: nothing in it passes between neurons within a tick, no
    generator is shared."""
    return not any(
        p.neuron.relay or p.neuron.aliased or p.neuron.tick.drawn for p in net.populations.values()
    )


def _equal(values: Int) -> bool:
    return bool((values == values[0]).all())


def _equal_rows(values: Int | None) -> bool:
    return values is None or bool((values == values[:, :1]).all())
