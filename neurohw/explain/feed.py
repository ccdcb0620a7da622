"""What reaches the neurons of a chip that is taken apart: weights, inputs, and sums on their way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurohw.explain.arithmetic import stored
from neurohw.explain.settings import Settings, on
from neurohw.explain.wanted import Synapses
from neurohw.fixed import FixedCurrent
from neurohw.network.populations import CurrentInput

if TYPE_CHECKING:
    from neurohw.explain.twin import Twin

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Lane:
    """The synapses of a projection that arrive after the same ``lag`` of steps: a sparse matrix
    (n_source, n_target). The sum is shifted right by ``drop`` bits."""

    name: str
    target: str
    port: str
    lag: int
    matrix: Any
    drop: int


class Feed:
    """Weights under some settings, and what the inputs of some trials give."""

    def __init__(
        self, twin: Twin, settings: Settings, factors: Mapping[str, Array], first: int, last: int
    ) -> None:
        self.twin, self.settings, self.first, self.last = twin, settings, first, last
        self.factors = factors
        self.lanes: dict[str, list[Lane]] = {}
        for s in twin.synapses:
            for lane in self._lanes(s):
                self.lanes.setdefault(s.fixed.source, []).append(lane)
        self.currents = [] if settings.whole else _meant_currents(self)
        lags = [k.lag for lanes in self.lanes.values() for k in lanes]
        lags += [lag for _, lag, *_ in self.currents]
        latency = twin.fixed.input_latency or 0
        self.longest = max([1, *lags, *(latency + c.delay for c in twin.fixed.currents)])
        self.events = {name: self._by_step(name) for name in twin.fixed.inputs}

    def _lanes(self, s: Synapses) -> list[Lane]:
        from scipy import sparse

        p, fixed, settings = s.fixed, self.twin.fixed, self.settings
        late = on(settings.delays, p.name)
        lags = 1 + (s.delay if late else s.steps)
        if late and p.source in fixed.inputs:
            assert fixed.input_latency is not None
            lags = lags + fixed.input_latency - fixed.chip.delivery.latency
        if on(settings.weights, p.name):
            weight: Array = s.stored if settings.whole else s.stored * 2.0**-s.drop
        else:
            weight = s.meant * self.factors[p.target][p.post]
            if p.name in settings.finer:
                modes = {m.name: m.step for m in fixed.chip.weight.modes}
                unit = s.unit * modes.get(p.mode, 1) * 2.0 ** -settings.finer[p.name]
                weight = np.rint(weight / unit) * unit
        shape = (fixed.sizes[p.source], fixed.sizes[p.target])
        drop = s.drop if on(settings.weights, p.name) else 0
        found = []
        for lag in np.unique(lags):
            mine = lags == lag
            matrix = sparse.csr_array((weight[mine], (p.pre[mine], p.post[mine])), shape=shape)
            found.append(Lane(p.name, p.target, s.port, int(lag), matrix, drop))
        return found

    def _by_step(self, name: str) -> dict[int, tuple[Array, Array, Array]]:
        """Spikes of an input in these trials, by step: trial from 0, channel, value."""
        twin = self.twin
        if name in twin.fixed.constant:
            shape = (self.last - self.first, twin.fixed.inputs[name])
            trial, channel = np.indices(shape).reshape(2, -1)
            always = (trial, channel, np.ones(trial.size, np.int64))
            return dict.fromkeys(range(twin.steps), always)
        given = twin.inputs.spikes.get(name)
        if given is None:
            return {}
        keep = (given.trial >= self.first) & (given.trial < self.last) & (given.step < twin.steps)
        step = given.step[keep]
        order = np.argsort(step, kind="stable")
        value = (
            np.ones(step.size, np.int64)
            if given.value is None
            else given.value[keep].astype(np.int64)
        )
        if on(self.settings.stores, name):
            value = np.asarray(stored(value, twin.fixed.chip.delivery.input_payload))
        columns = (given.trial[keep][order] - self.first, given.neuron[keep][order], value[order])
        ends = np.searchsorted(step[order], np.arange(twin.steps + 1))
        return {
            k: tuple(c[ends[k] : ends[k + 1]] for c in columns)  # type: ignore[misc]
            for k in range(twin.steps) if ends[k] < ends[k + 1]
        }  # fmt: skip


class Arriving:
    """The sums on their way to every input, in a ring of steps."""

    def __init__(self, feed: Feed, trials: int) -> None:
        fixed, settings = feed.twin.fixed, feed.settings
        self.feed, self.fixed, self.settings, self.trials = feed, fixed, settings, trials
        self.slots = feed.longest + 1
        kind = np.int64 if settings.whole else np.float64
        self.rows = {
            (name, port): np.zeros((self.slots, trials, p.n), kind)
            for name, p in fixed.populations.items() for port in p.neuron.ports
        }  # fmt: skip

    def take(self, name: str, step: int) -> dict[str, Array]:
        """What arrived at a population for this step; its room is free again."""
        found = {}
        for port in self.fixed.populations[name].neuron.ports:
            slot = self.rows[name, port][step % self.slots]
            found[port] = slot.copy()
            slot[:] = 0
        return found

    def send(self, source: str, trial: Array, neuron: Array, value: Array, step: int) -> None:
        """Send spikes through all synapses of their source."""
        from scipy import sparse

        lanes = self.feed.lanes.get(source)
        if not lanes:
            return
        shape = (self.trials, self.fixed.sizes[source])
        fired = sparse.csr_array((value, (trial, neuron)), shape=shape)
        for lane in lanes:
            total = (fired @ lane.matrix).toarray()
            if lane.drop:
                total = self._dropped(lane, total)
            self.rows[lane.target, lane.port][(step + lane.lag) % self.slots] += total

    def _dropped(self, lane: Lane, total: Array) -> Array:
        form = self.fixed.populations[lane.target].neuron.inputs[lane.port]
        if self.settings.whole:
            if form.overflow == "wrap" and on(self.settings.stores, lane.target, lane.port):
                total = np.asarray(stored(total, form))
            return total >> lane.drop
        if on(self.settings.rounding, lane.target, f"sum {lane.name}"):
            return np.floor(total)
        return total

    def inputs(self, step: int) -> None:
        """Send what the inputs give at this step."""
        for name, by_step in self.feed.events.items():
            if step in by_step:
                self.send(name, *by_step[step], step)
        given = self.feed.twin.inputs
        if self.settings.whole:
            for current in self.fixed.currents:
                if current.source in given.currents and step < given.steps:
                    self._coded(current, given.currents[current.source], step)
        for source, lag, target, ports, matrix in self.feed.currents:
            if source in given.currents and step < given.steps:
                values = given.currents[source][self.feed.first : self.feed.last, step]
                self._add(target, ports, values @ matrix, step + lag)

    def _coded(self, current: FixedCurrent, values: Array, step: int) -> None:
        codes = current.codes(values[self.feed.first : self.feed.last, step])
        assert self.fixed.input_latency is not None
        lag = self.fixed.input_latency + current.delay
        self._add(current.target, current.ports, codes, step + lag)

    def _add(self, target: str, ports: tuple[str, str], total: Array, step: int) -> None:
        first = ports[0] or self.fixed.populations[target].neuron.port
        if ports[0] == ports[1]:
            self.rows[target, first][step % self.slots] += total
        else:
            self.rows[target, first][step % self.slots] += np.maximum(total, 0)
            self.rows[target, ports[1]][step % self.slots] += np.maximum(-total, 0)


def _meant_currents(feed: Feed) -> list[tuple[str, int, str, tuple[str, str], Array]]:
    """Source, lag, target, ports and weights (n_source, n_target) of every analogue projection."""
    twin, found = feed.twin, []
    ports = {c.target: c.ports for c in twin.fixed.currents}
    for p in twin.network.projections:
        source = twin.network.populations[p.source]
        if not isinstance(source, CurrentInput):
            continue
        steps = np.rint(p.delay / twin.network.dt).astype(np.int64)
        for lag in np.unique(steps):
            mine = steps == lag
            matrix = np.zeros((source.n, twin.fixed.sizes[p.target]))
            weight = p.weight[mine] * feed.factors[p.target][p.post[mine]]
            np.add.at(matrix, (p.pre[mine], p.post[mine]), weight)
            found.append((p.source, 1 + int(lag), p.target, ports[p.target], matrix))
    return found
