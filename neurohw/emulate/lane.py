"""A lane: the state of one run of a network, which its kernels work on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.emulate.definition import neuron_key
from neurohw.emulate.engine import Engine
from neurohw.emulate.streams import lane_states
from neurohw.emulate.summed import FAILED
from neurohw.emulate.table import Tables
from neurohw.emulate.ticks import BLOCK, OF, PORTS
from neurohw.fixed import FixedPointNetwork
from neurohw.machine import line_zeros

EVENTS = 1 << 22
"""Spikes that the buffer of a part holds (at least those of two ticks)."""
TICKS, UPDATES = 1 << 16, 1 << 26
"""Ticks, and updates of neurons, that a kernel runs at most before Python has its turn."""
AHEAD, STRETCH = 4, 128
"""Segments ahead of which memory is asked for one; of a deferred layout, how many at once."""
Int = NDArray[np.int64]
Fired = tuple[Int, NDArray[np.int32], NDArray[np.int32] | None]
"""Of a part: where what each population sent in each tick ends, from 0 on; sources; payloads if any."""


class Lane:
    """The state of one run: arrays by bank, and for each part its sums, spikes and counters."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        e, layout, net = engine, engine.layout, engine.net
        self.tables = np.zeros((e.parts, e.driver_slots.size), np.int64)
        self.parts = [Tables(row, e.driver_slots, e.delivery_slots, e.slots) for row in self.tables]
        self.rows = np.array([row.ctypes.data for row in self.tables], np.int64)
        self.address = self.rows.ctypes.data
        self.barrier = np.zeros(16, np.int64)
        self.failure = [np.zeros(4, np.int64) for _ in self.parts]
        share = layout.places.shares
        self.own = [
            sum(int(share[n][k + 1] - share[n][k]) for n in e.order) for k in range(e.parts)
        ]  # fmt: skip
        most = max(1, *self.own)
        self.chunk = max(1, min(TICKS, UPDATES // most, EVENTS // max(len(e.order), 1)))
        self.state: dict[str, NDArray[Any]] = {}
        self.resets: list[tuple[NDArray[Any], NDArray[Any]]] = []
        self.events: list[NDArray[np.int32]] = []
        self.payload: list[NDArray[np.int32]] = []
        self.marks: list[Int] = []
        self.overflows: list[dict[str, Int]] = []
        self.zeroed: list[NDArray[Any]] = []
        for k in range(len(e.kinds)):
            self._bank(k)
        for k in range(e.parts):
            self._part(k)
        self._everywhere(net)
        nothing = np.zeros(0, np.int32)
        self.give(nothing, nothing, np.zeros(e.plan.steps + 1, np.int64))
        for part in self.parts:
            part.close()

    def _all(self, name: str, value: NDArray[Any] | int, kind: int | None = None) -> None:
        for part in self.parts:
            part.put(name, value, kind)

    def _everywhere(self, net: FixedPointNetwork) -> None:
        e, layout = self.engine, self.engine.layout
        banks = [e.banks.bank(n) for n in e.order]
        self._all("_barrier", self.barrier)
        self._all("_kind", np.array(banks, np.int64))
        self._all("_update", np.array(e.updates, np.int64))
        self._all("_deliver", e.deliver)
        self._all("_sampler", e.sampler)
        assert net.input_latency is not None
        s = layout.sparse
        past = 1
        if s.kind == "deferred":
            past = (
                1
                << (
                    s.nearest + s.runs + max(net.chip.delivery.latency, net.input_latency)
                ).bit_length()
            )
        for name, number in {
            "_seed": e.plan.seed, "_mask": layout.slots - 1, "_stride": layout.stride,
            "_latency": net.chip.delivery.latency, "_input_latency": net.input_latency,
            "_relays": e.banks.relays, "_bits": s.bits, "_runs": s.runs, "_span": s.span,
            "_nearest": s.nearest, "_blocks": s.blocks, "_sources": layout.sources,
            "_kinds": len(e.order), "_past_mask": past - 1, "_ahead": AHEAD, "_stretch": STRETCH,
            "_mean": s.mean, "_sample_stride": e.plan.stride,
        }.items():  # fmt: skip
            self._all(name, number)
        for name, seeds in net.seeds.items():
            fresh = lane_states(net.chip.generators[name], seeds).ravel()
            self._own_array(f"_bits_{name}", fresh)
        for k, part in enumerate(self.parts):
            rows = slice(k * s.rows * s.runs, None)
            part.put("_start", s.start[rows])
            part.put("_packed", s.packed)
            part.put("_target", s.target)
            part.put("_weight", s.weight)
            part.put("_sign", s.sign[k * s.rows :] if s.sign.size else s.sign)
            part.put("_block_low", np.arange(s.blocks, dtype=np.int64) * s.block)
            if s.kind == "deferred":
                part.put("_past", np.empty(past * layout.sources, np.int32))
                part.put("_past_value", np.empty(
                    past * layout.sources if e.graded else 1, np.int32))  # fmt: skip
                part.put("_jobs", np.empty(s.runs * layout.sources, np.int64))
                count = np.zeros(past, np.int64)
                part.put("_past_count", count)
                self.zeroed.append(count)
            if layout.dense_dtype:
                part.put("_matrix", layout.dense[k].matrix)
                part.put("_dense", layout.dense[k].table)
            stage = layout.stage
            part.put("_staged_start", stage.start)
            part.put("_staged_target", stage.target)
            part.put("_staged_weight", stage.weight)
            if stage.used:
                part.put("_staged", stage.groups[k])
                part.put("_scratch", np.zeros(stage.width, stage.scratch))

    def _own_array(self, name: str, fresh: NDArray[Any], kind: int | None = None) -> None:
        """An array that a reset fills again."""
        mine = fresh.copy()
        self.resets.append((mine, fresh))
        self._all(name, mine, kind)

    def _bank(self, k: int) -> None:
        e = self.engine
        bank, kind = e.banks.banks[k], e.kinds[k]
        members = [e.net.populations[name] for name in bank.low]
        self._all("_base", bank.base, k)
        if kind.neuron.aliased:
            self._own_array("_counts", np.zeros(bank.size, np.int64), k)
            aliases = [
                np.full(m.n, -1, np.int64) if m.alias is None
                else np.where(m.alias >= 0, m.alias + bank.low[m.name], -1) for m in members
            ]  # fmt: skip
            self._all("_alias", np.concatenate(aliases), k)
        samples = -(-e.plan.steps // e.plan.stride)
        for key in kind.written:
            register = bank.neuron.tick.registers.get(key)
            array = line_zeros(bank.size, e.shapes[kind.name].storage(register, key))
            self.state[f"{kind.name}.{key}"] = array
            self._all(f"_all_{key}", array, k)
            places = [
                low + e.plan.probes[name][key] for name, low in bank.low.items()
                if key in e.plan.probes.get(name, {})
            ]  # fmt: skip
            if not places:
                continue
            probe = np.concatenate(places)
            trace = np.zeros(samples * max(probe.size, 1), np.int64)
            self.state[f"{kind.name}.{key}.trace"] = trace
            for part, owned in zip(self.parts, self._owners(k), strict=True):
                mine = np.flatnonzero(owned[probe])
                part.sample(array, np.ascontiguousarray(probe[mine]), mine, trace, probe.size)
        self._parameters(k, 0)

    def _owners(self, k: int) -> list[NDArray[np.bool_]]:
        """For each part, which neurons of a bank are its own."""
        e = self.engine
        bank, shares = e.banks.banks[k], e.layout.places.shares
        found = []
        for part in range(e.parts):
            mine = np.zeros(bank.size, np.bool_)
            for name, low in bank.low.items():
                mine[low + shares[name][part] : low + shares[name][part + 1]] = True
            found.append(mine)
        return found

    def _parameters(self, k: int, trial: int) -> None:
        """Parameter codes of a bank in a trial: one of each population, or one of each neuron."""
        e = self.engine
        bank, kind = e.banks.banks[k], e.kinds[k]
        scalars = [x for x in bank.neuron.tick.parameters if x in e.shapes[kind.name].scalars]
        values = np.zeros((len(e.order), len(scalars)), np.int64)
        for key, form in bank.neuron.tick.parameters.items():
            codes = {n: e.plan.codes(n, key, trial) for n in bank.low}
            if key in scalars:
                for n, code in codes.items():
                    values[e.order.index(n), scalars.index(key)] = code[0]
            else:
                whole = line_zeros(bank.size, form.storage)
                np.concatenate(list(codes.values()), out=whole, casting="unsafe")
                self._all(f"_all_{key}", whole, k)
        self._all("_values", values.ravel(), k)

    def _part(self, k: int) -> None:
        e, part, layout = self.engine, self.parts[k], self.engine.layout
        shares, column = layout.places.shares, layout.places.column[k]
        names = list(e.net.populations)
        of = np.zeros((len(e.order), len(OF) + PORTS), np.int64)
        blocks = 0
        for p, n in enumerate(e.order):
            ends, origin = shares[n][k : k + 2], e.banks.banks[e.banks.bank(n)].low[n]
            ports = e.net.populations[n].neuron.ports
            of[p, : len(OF)] = (
                ends[0] + origin, ends[1] + origin, origin, column[n, ports[0]] if ports else 0,
                neuron_key(names.index(n), 0), blocks,
            )  # fmt: skip
            of[p, len(OF) :] = layout.units[names.index(n)]
            blocks += -(-int(ends[1] - ends[0]) // BLOCK)
        part.put("_of", of.ravel())
        # Behind the ring is where the loops that deliver add nothing to what comes next.
        sparse = layout.sparse
        more = 0 if sparse.kind in ("none", "flat") else sparse.block
        rows = layout.slots + sparse.span - 1
        sums = line_zeros(rows * layout.stride + more, layout.row)
        self.zeroed.append(sums)
        part.put("_sums", sums)
        part.put("_flag", line_zeros(BLOCK + 64, np.uint8))
        quiet = np.zeros(blocks + 1, np.uint8)
        part.put("_quiet", quiet)
        self.zeroed.append(quiet)
        capacity = max(EVENTS, 2 * self.own[k])
        part.put("_room", capacity - self.own[k])
        event = np.empty(capacity, np.int32)
        self.events.append(event)
        self.marks.append(np.zeros(self.chunk * len(e.order) + 1, np.int64))
        part.put("_event", event)
        part.put("_marks", self.marks[-1])
        payload = np.empty(capacity if e.graded else 1, np.int32)
        self.payload.append(payload)
        part.put("_payload", payload)
        part.put("_sent", np.zeros(self.chunk + 1, np.int64))
        part.put("_cursor", np.zeros(1, np.int64))
        part.put("_failure", self.failure[k])
        counters = {}
        for q, kind in enumerate(e.kinds):
            counters[kind.name] = np.zeros(len(e.order) * max(len(kind.sites), 1), np.int64)
            part.put("_overflows", counters[kind.name], q)
            largest = max(int(np.diff(shares[n]).max()) for n in e.banks.banks[q].low)
            for name, dtype in e.scratch[q].items():
                part.put(name, line_zeros(max(BLOCK, largest), dtype), q)
        self.overflows.append(counters)
        if e.plan.injected:
            self._injection(k)

    def _injection(self, k: int) -> None:
        e, part = self.engine, self.parts[k]
        columns, index, at = [], [], 0
        for name, by in e.plan.injected.items():
            ends = e.layout.places.shares[name]
            for port, values in by.items():
                mine = np.arange(ends[k], ends[k + 1])
                columns.append(e.layout.places.column[k][name, port] + mine - ends[k])
                index.append(at + mine)
                at += values.shape[2]
        part.put("_injected_column", np.concatenate(columns).astype(np.int64))
        part.put("_injected_index", np.concatenate(index).astype(np.int64))
        part.put("_injected_width", at)
        part.put("_injected", np.zeros(1, np.int64))

    def reset(self, trial: int) -> None:
        """The state before the first tick of a trial."""
        e = self.engine
        for array in self.zeroed:
            array[:] = 0
        for mine, fresh in self.resets:
            mine[:] = fresh
        starts = e.starts
        if e.plan.variants:
            for k in range(len(e.kinds)):
                self._parameters(k, trial)
            starts = {n: e.plan.population(n, trial).start() for n in e.net.populations}
        for bank, kind in zip(e.banks.banks, e.kinds, strict=True):
            for key in kind.written:
                values = self.state[f"{kind.name}.{key}"]
                if key in bank.neuron.tick.registers:
                    for name, low in bank.low.items():
                        values[low : low + e.net.sizes[name]] = starts[name][key]
                else:
                    values[:] = 0
        self._all("_trial", trial)
        self._all("_begin", 0)
        if e.plan.injected:
            rows = [v[trial] for by in e.plan.injected.values() for v in by.values()]
            self._all("_injected", np.ascontiguousarray(np.concatenate(rows, axis=1)).ravel())

    def give(self, spikes: NDArray[np.int32], values: NDArray[np.int32], start: Int) -> None:
        """Spikes of the inputs: sources by tick, ``start`` (ticks + 1,)."""
        for name, array in (("_given", spikes), ("_given_value", values), ("_given_start", start)):
            self._all(name, array)

    def advance(self, first: int, last: int, pool: ThreadPoolExecutor | None) -> int:
        """Ticks first .. last, at most ``chunk``; where it stopped, before ``last`` if a store failed
        or a buffer of spikes might not hold the next."""
        e = self.engine
        self._all("_from", first)
        self.barrier[:] = 0
        if pool is None:
            return e.kernel(self.address, e.parts, 0, e.parts, 1, first, last)
        others = [
            pool.submit(e.kernel, self.address, e.parts, k, k + 1, e.parts, first, last)
            for k in range(1, e.parts)
        ]  # fmt: skip
        done = e.kernel(self.address, e.parts, 0, 1, e.parts, first, last)
        for other in others:
            other.result()
        return done

    @property
    def failed(self) -> bool:
        """Whether a store failed when it last advanced."""
        return bool(self.barrier[FAILED])

    def fired(self, ticks: int) -> list[Fired]:
        """What each part sent in the last ``ticks`` ticks."""
        found = []
        for marks, event, payload in zip(self.marks, self.events, self.payload, strict=True):
            mine = marks[: ticks * len(self.engine.order) + 1]
            n = int(mine[-1])
            found.append((mine, event[:n], payload[:n] if self.engine.graded else None))
        return found

    def traces(self) -> dict[str, dict[str, Int]]:
        """What was recorded in this trial, (samples, neurons) by population and register."""
        e, found = self.engine, dict[str, dict[str, Int]]()
        for bank, kind in zip(e.banks.banks, e.kinds, strict=True):
            for register in kind.written:
                probed = {n: e.plan.probes.get(n, {}).get(register) for n in bank.low}
                width = sum(p.size for p in probed.values() if p is not None)
                if not width:
                    continue
                whole, at = self.state[f"{kind.name}.{register}.trace"].reshape(-1, width), 0
                for name, indices in probed.items():
                    if indices is not None:
                        found.setdefault(name, {})[register] = whole[
                            :, at : at + indices.size
                        ].copy()
                        at += indices.size
        return found

    def counted(self) -> dict[str, dict[str, int]]:
        """Overflows by population and site."""
        e, found = self.engine, dict[str, dict[str, int]]()
        if not any(c.any() for by in self.overflows for c in by.values()):
            return found
        for k, name in enumerate(e.order):
            kind = e.kinds[e.banks.bank(name)]
            sites = len(kind.sites)
            mine = slice(k * sites, (k + 1) * sites)
            whole = np.sum([c[kind.name][mine] for c in self.overflows], axis=0)
            for site, count in zip(kind.sites, whole.tolist(), strict=True):
                if count:
                    by = found.setdefault(name, {})
                    by[site] = by.get(site, 0) + count
        return found
