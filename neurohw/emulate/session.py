"""Running a network step by step, with Python in between: closed loops, live input, inspection."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.emulate.engine import Engine
from neurohw.emulate.lane import Lane
from neurohw.emulate.plan import OnOverflow, plan_run
from neurohw.emulate.run import Found, parts_for, recording, register_overflow
from neurohw.errors import InputError, UnknownName
from neurohw.fixed import FixedPointNetwork
from neurohw.mapping.image import ChipImage
from neurohw.network.checks import whole
from neurohw.network.events import Spikes
from neurohw.recording import Recording

Indices = NDArray[np.int32]


class Session:
    """A network that keeps its state between calls: what ``emulate`` does, a few steps at a time.

        with Session(network) as chip:
            for k in range(1000):
                fired = chip.step({"input": camera(k)})

    ``threads`` as in ``emulate``. Raises InputError for chips whose engine is not summed (their
    networks run as a whole), RegisterOverflow as ``emulate``.
    """

    def __init__(
        self, network: FixedPointNetwork | ChipImage, *, seed: int = 0, threads: int | None = None,
        on_overflow: OnOverflow = "count",
    ) -> None:  # fmt: skip
        plan = plan_run(network, None, 1, None, None, 1, seed, on_overflow, None)
        network = plan.network
        engine = network.chip.delivery.engine
        if engine not in ("summed", "ring buffer"):
            raise InputError(
                f"{network.chip.name} has the engine '{engine}'; run it with emulate()"
            )
        self.network, self.now = network, 0
        self.engine = Engine(plan, parts_for(network, 1, threads))
        self.lane = lane = Lane(self.engine)
        lane.reset(0)
        self.pool = ThreadPoolExecutor(self.engine.parts - 1) if self.engine.parts > 1 else None
        self._given = np.zeros(max(self.engine.layout.sources, 1), np.int32)
        self._values = np.ones(self._given.size, np.int32)
        # Inputs that spike at every tick come first, whatever else is given.
        first, sizes = self.engine.layout.first, network.inputs
        always = [first[name] + np.arange(sizes[name], dtype=np.int32) for name in network.constant]
        self._constant = np.concatenate([np.zeros(0, np.int32), *always]).astype(np.int32)
        self._given[: self._constant.size] = self._constant
        self._start = np.zeros(2, np.int64)
        lane.give(self._given, self._values, self._start)
        first = self.engine.banks.first
        self._lows = [(name, np.int32(first[name])) for name in self.engine.order]
        self._clock = [
            (table.row, table.slots.places[name]) for part in lane.parts
            for table in (part.driver, part.delivery) for name in ("_from", "_begin")
            if name in table.slots.places
        ]  # fmt: skip

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:  # fmt: skip
        if self.pool is not None:
            self.pool.shutdown()

    def step(self, spikes: Mapping[str, ArrayLike] | None = None) -> dict[str, Indices]:
        """One tick. ``spikes``: for each input the channels that spike, in any order, each once.

        Returns the neurons of each population that spiked, int32, ascending.
        """
        n = self._constant.size
        for name, given in (spikes or {}).items():
            channels = np.asarray(given)
            self._check(name, channels)
            if channels.size:
                self._given[n : n + channels.size] = channels
                self._given[n : n + channels.size] += self.engine.layout.first[name]
                n += channels.size
        self._start[1] = n
        for row, place in self._clock:
            row[place] = self.now
        lane, parts = self.lane, self.engine.parts
        if self.pool is None:
            reached = self.engine.kernel(lane.address, parts, 0, parts, 1, self.now, self.now + 1)
        else:
            reached = lane.advance(self.now, self.now + 1, self.pool)
        if reached == self.now:
            raise register_overflow(self.engine, lane, 0, self.now)
        self.now += 1
        # What each population sent stands together, in each part after what those before it sent.
        ends = [marks[: len(self._lows) + 1].tolist() for marks in lane.marks]
        if parts == 1:
            (mine,), (events,) = ends, lane.events
            return {
                name: events[mine[k] : mine[k + 1]] - low
                for k, (name, low) in enumerate(self._lows)
            }
        return {
            name: np.concatenate(
                [s[e[k] : e[k + 1]] for e, s in zip(ends, lane.events, strict=True)]
            )
            - low
            for k, (name, low) in enumerate(self._lows)
        }

    def _check(self, name: str, channels: NDArray[np.generic]) -> None:
        if name not in self.network.inputs or not self.network.spiking_inputs[name]:
            raise UnknownName.of("spiking input", name, self.network.inputs)
        if name in self.network.constant:
            raise InputError(
                f"input '{name}' spikes at every tick by itself; give spikes of others"
            )
        if channels.size == 0:
            return
        if channels.ndim != 1 or channels.dtype.kind not in "iu":
            raise InputError(
                f"spikes of '{name}' are {channels.dtype} {channels.shape}; give a list of channels"
            )
        limit, listed = self.network.inputs[name], channels.tolist()
        if min(listed) < 0 or max(listed) >= limit:
            bad = next(c for c in listed if not 0 <= c < limit)
            raise InputError(f"spikes of '{name}': channel {bad} is outside 0..{limit - 1}")
        if len(set(listed)) < len(listed):
            raise InputError(f"spikes of '{name}': a channel is there twice; give each once")

    def run(self, steps: int) -> Recording:
        """So many ticks without input; the Recording's step 0 is the first of them, its counts theirs."""
        steps, found, before = whole("steps", steps), Found(), self.overflows
        given = np.tile(self._constant, steps)
        start = np.arange(steps + 1, dtype=np.int64) * self._constant.size
        self.lane.give(given, np.ones(given.size, np.int32), start)
        begin, end = self.now, self.now + steps
        while self.now < end:
            last = min(end, self.now + self.lane.chunk)
            for row, place in self._clock:
                row[place] = begin
            reached = self.lane.advance(self.now, last, self.pool)
            if self.lane.failed:
                raise register_overflow(self.engine, self.lane, 0, reached)
            found.take(self.lane, self.now - begin, reached - begin)
            self.now = reached
        self.lane.give(self._given, self._values, self._start)
        overflows = {
            name: {
                site: new for site, count in by.items()
                if (new := count - before.get(name, {}).get(site, 0))
            }
            for name, by in self.overflows.items()
        }  # fmt: skip
        overflows = {k: v for k, v in overflows.items() if v}
        return recording(self.engine, [found], steps, overflows, self._always(steps))

    def _always(self, steps: int) -> dict[str, Spikes]:
        """The spikes of the inputs in a run: those that spike at every tick."""
        found = {}
        for name, n in self.network.inputs.items():
            if name in self.network.constant:
                step, channel = np.indices((steps, n)).reshape(2, -1)
                found[name] = Spikes.of(n, np.zeros_like(step), step, channel)
            elif self.network.spiking_inputs[name]:
                found[name] = Spikes.none(n)
        return found

    def register(self, population: str, name: str) -> NDArray[np.int64]:
        """The codes of a register now, int64 (n,)."""
        if population not in self.network.populations:
            raise UnknownName.of("population", population, self.network.populations)
        neuron = self.network.populations[population].neuron
        if name not in neuron.tick.registers:
            raise UnknownName.of(f"register of {neuron.name}", name, neuron.tick.registers)
        bank = self.engine.banks.banks[self.engine.banks.bank(population)]
        values = self.lane.state[f"{neuron.name}.{name}"]
        low = bank.low[population]
        return values[low : low + self.network.sizes[population]].astype(np.int64)

    @property
    def overflows(self) -> dict[str, dict[str, int]]:
        """How often a store changed a value so far, by population and register."""
        return self.lane.counted()
