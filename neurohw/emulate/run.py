"""The verb: check what is asked, choose the engine, run it, and make the Recording."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.emulate.definition import overflow_message, spiking_sources
from neurohw.emulate.engine import Engine
from neurohw.emulate.generate import FAIL_NEURON, FAIL_POPULATION, FAIL_SITE, FAIL_VALUE
from neurohw.emulate.lane import Fired, Lane
from neurohw.emulate.plan import OnOverflow, Plan, plan_run
from neurohw.errors import InputError, RegisterOverflow
from neurohw.fixed import FixedPointNetwork
from neurohw.machine import cores
from neurohw.mapping.image import ChipImage
from neurohw.network.checks import whole
from neurohw.network.events import Spikes, joined
from neurohw.network.inputs import Inputs
from neurohw.recording import Recording, Trace

Int = NDArray[np.int64]
Progress = Callable[[int, int], None]
WORTH, LEAST, RARE = 16_384, 2_048, 64
"""Neurons of a part that make a thread worth its meeting once a tick; and without which it only costs
time, whoever asks for it; synapses that take, spikes being rare, as long as a neuron."""
MANY = 20_000
"""Events from which a compiled pass over them pays."""
SMALL = 20_000_000
"""Neurons times ticks below which trials side by side gain nothing."""


def emulate(
    network: FixedPointNetwork | ChipImage,
    inputs: Inputs | None = None,
    *,
    steps: int | None = None,
    record: Mapping[str, Sequence[str]] | None = None,
    neurons: Mapping[str, ArrayLike] | None = None,
    stride: int = 1,
    seed: int = 0,
    on_overflow: OnOverflow = "count",
    injected: Mapping[str, ArrayLike | Mapping[str, ArrayLike]] | None = None,
    parameters: Mapping[str, Mapping[str, ArrayLike]] | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Recording:
    """Run the network as the chip would, bit for bit.

    A ChipImage is run by what its tables and memories say; spikes that they lose are counted in
    ``lost`` of the Recording.

    Parameters
    ----------
    inputs: spikes and currents; each trial starts from the initial state.
    steps: ticks of each trial; by default as many as the inputs have.
    record: registers (or wires, or inputs) to record, by population, of all neurons or those in
        ``neurons``, after every ``stride``-th tick (the first included).
    seed: 0 .. 2^32 - 1, for chips that draw random numbers; a draw depends on seed, trial, tick,
        neuron and place in the equations only.
    on_overflow: ``count`` what the chip's overflow modes change, or ``raise`` at the first.
    injected: integers (trials, steps, n) added to a population's input at each tick, by population,
        or by population and input.
    parameters: codes that replace a population's own, one a trial (trials,) or one a trial and neuron
        (trials, n), by population and parameter. Inputs of one trial serve all of them.
    threads: cores to use at most, by default as many as pay; a network whose tick takes a few
        microseconds runs on one. The result is the same for any number.
    progress: called with (ticks done, ticks in all).

    Returns a Recording whose traces are int64 register codes; ``network.physical`` translates them.
    Raises RegisterOverflow for a store that its register can't hold and whose format says nothing.
    """
    plan = plan_run(
        network, inputs, steps, record, neurons, stride, seed, on_overflow, injected, parameters
    )  # fmt: skip
    threads = None if threads is None else whole("threads", threads, 1, 1024)
    chip = plan.network.chip
    if chip.machine is not None:
        if plan.variants:
            raise InputError(f"{chip.name} takes no parameters by trial; run it once for each")
        from neurohw.emulate.stepped import run_stepped

        found = run_stepped(plan, progress=progress)
    elif chip.delivery.engine == "ordered":
        from neurohw.emulate.ordered_run import OrderedEngine

        found = OrderedEngine(plan).run(progress)
    else:
        found = _Run(plan, threads, progress).record()
    return network.counted(found) if isinstance(network, ChipImage) else found


Events = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32] | None]
"""steps, neurons, payloads"""


@dataclass
class Found:
    """What a trial left: events of each population, stretch by stretch, and how many each neuron
    ``sent``; traces."""

    events: dict[str, list[Events]] = field(default_factory=dict)
    sent: dict[str, Int] = field(default_factory=dict)
    traces: dict[str, dict[str, Int]] = field(default_factory=dict)

    def take(self, lane: Lane, first: int, last: int) -> None:
        """Keep the spikes of the ticks ``first`` .. ``last`` that a lane just ran."""
        engine, fired = lane.engine, lane.fired(last - first)
        if all(source.size == 0 for _, source, _ in fired):
            return
        for k, name in enumerate(engine.order):
            sent = self.sent.setdefault(name, np.zeros(engine.net.sizes[name], np.int64))
            low = engine.banks.first[name]
            mine = _events_of(fired, k, len(engine.order), first, low, sent)
            if mine[0].size:
                self.events.setdefault(name, []).append(mine)


def _events_of(
    parts: Sequence[Fired], k: int, many: int, first: int, low: int, sent: Int
) -> Events:
    """The events of the k-th of ``many`` populations, whose sources are numbered from ``low`` on, tick by
    tick from ``first`` on, those of each part after another; counted in ``sent``."""
    sizes = [int(marks[k + 1 :: many].sum() - marks[k:-1:many].sum()) for marks, _, _ in parts]
    total, places = sum(sizes), [np.zeros(0, np.int64)] * len(parts)
    step, neuron = np.empty(total, np.int32), np.empty(total, np.int32)
    if len(parts) > 1:
        counts = np.stack([m[k + 1 :: many] - m[k:-1:many] for m, _, _ in parts], axis=1)
        behind = (np.cumsum(counts) - counts.ravel()).reshape(counts.shape)
        places = list(np.ascontiguousarray(behind.T))
    payload = None if parts[0][2] is None else np.empty(total, np.int32)
    pays = sum(source.size for _, source, _ in parts) > MANY  # of all populations
    for (marks, source, values), place in zip(parts, places, strict=True):
        if values is None and pays:
            from neurohw.emulate.sorting import pick_events

            pick_events(source, marks, k, many, place, first, low, step, neuron, sent)
            continue
        begin, counts = marks[k:-1:many], marks[k + 1 :: many] - marks[k:-1:many]
        # What comes after the n events before it is n further on than its tick's first would be.
        before = np.cumsum(counts) - counts
        later = np.arange(before[-1] + counts[-1])
        at = later + np.repeat(begin - before, counts)
        to = later + np.repeat(place - before, counts) if place.size else slice(None)
        step[to] = np.repeat(np.arange(first, first + counts.size, dtype=np.int32), counts)
        neurons = source[at] - np.int32(low)
        neuron[to] = neurons
        sent += np.bincount(neurons, minlength=sent.size)
        if payload is not None and values is not None:
            payload[to] = values[at]
    return step, neuron, payload


def parts_for(network: FixedPointNetwork, trials: int, threads: int | None) -> int:
    """Into how many parts a network is split for so many threads, by default as many as pay, at most
    as many as do no harm."""
    work = network.neurons + network.synapses // RARE
    if threads is None:
        threads = min(cores(), work // WORTH)
    return 1 if trials > 1 else max(1, min(threads, work // LEAST, network.neurons // 64))


class _Run:
    """All trials of a plan: side by side where there are several, else one in several parts."""

    def __init__(self, plan: Plan, threads: int | None, progress: Progress | None) -> None:
        self.plan, self.net, self.progress = plan, plan.network, progress
        few = self.net.neurons * plan.steps * plan.trials < SMALL
        self.lanes_wanted = min(threads or (1 if few else cores()), plan.trials)
        self.engine = Engine(plan, parts_for(self.net, self.lanes_wanted, threads))
        self.given = _Given(plan, self.engine.layout.first)
        self.done = 0
        self.lock = threading.Lock()
        self.stopped = False

    def record(self) -> Recording:
        plan = self.plan
        lanes = [Lane(self.engine) for _ in range(self.lanes_wanted)]
        found: list[Found] = [Found() for _ in range(plan.trials)]
        if len(lanes) == 1:
            with _pool(self.engine.parts) as pool:
                for trial in range(plan.trials):
                    found[trial] = self._trial(lanes[0], trial, pool)
        else:
            self._side_by_side(lanes, found)
        overflows: dict[str, dict[str, int]] = {}
        for lane in lanes:
            for name, by in lane.counted().items():
                mine = overflows.setdefault(name, {})
                for site, count in by.items():
                    mine[site] = mine.get(site, 0) + count
        return recording(self.engine, found, plan.steps, overflows, plan.spikes)

    def _side_by_side(self, lanes: list[Lane], found: list[Found]) -> None:
        """Each lane takes the next trial that nobody has."""
        turn = itertools.count()

        def work(lane: Lane) -> None:
            while (trial := next(turn)) < self.plan.trials and not self.stopped:
                found[trial] = self._trial(lane, trial, None)

        with ThreadPoolExecutor(len(lanes)) as pool:
            jobs = [pool.submit(work, lane) for lane in lanes]
            try:
                for job in jobs:
                    job.result()
            finally:
                self.stopped = True

    def _trial(self, lane: Lane, trial: int, pool: ThreadPoolExecutor | None) -> Found:
        plan, found = self.plan, Found()
        lane.reset(trial)
        lane.give(*self.given.trial(trial))
        pace, at = _Pace(pool), 0
        most = lane.chunk if self.progress is None else min(lane.chunk, 2000)
        while at < plan.steps and not self.stopped:
            last, use = pace.next(at, min(plan.steps, at + most))
            began = time.perf_counter()
            reached = lane.advance(at, last, use)
            pace.took(time.perf_counter() - began, reached - at, use)
            if lane.failed:
                raise register_overflow(self.engine, lane, trial, reached)
            found.take(lane, at, reached)
            if self.progress is not None:
                with self.lock:
                    self.done += reached - at
                    self.progress(self.done, plan.trials * plan.steps)
            at = reached
        found.traces = lane.traces()
        return found


def register_overflow(engine: Engine, lane: Lane, trial: int, step: int) -> RegisterOverflow:
    """The error for a store that failed at this tick, in the first part where one did."""
    failure = next(f for f in lane.failure if f.any())
    name = engine.order[int(failure[FAIL_POPULATION])]
    kind = engine.kinds[engine.banks.bank(name)]
    return RegisterOverflow(
        overflow_message(
            engine.plan, name, kind.sites[int(failure[FAIL_SITE])], int(failure[FAIL_VALUE]),
            int(failure[FAIL_NEURON]), step, trial,
        )
    )  # fmt: skip


def recording(
    engine: Engine, found: Sequence[Found], steps: int, overflows: Mapping[str, Mapping[str, int]],
    given: Mapping[str, Spikes],
) -> Recording:  # fmt: skip
    """What the trials left as one Recording, beside the ``given`` spikes of the inputs."""
    plan, net = engine.plan, engine.net
    spikes = _spikes(engine, found, given)
    return Recording(
        dt=net.dt, steps=steps, trials=len(found), sizes=net.sizes, spikes=spikes,
        traces={
            name: {
                r: Trace(np.stack([f.traces[name][r] for f in found]), indices, plan.stride)
                for r, indices in registers.items()
            } for name, registers in plan.probes.items()
        },
        overflows=overflows, synaptic_events=_carried(engine, found, given),
        source=f"{net.chip.name}, generated kernel",
    )  # fmt: skip


def _spikes(
    engine: Engine, found: Sequence[Found], given: Mapping[str, Spikes]
) -> dict[str, Spikes]:
    """Events of each population, sorted by trial, step and neuron."""
    made = {}
    for name in spiking_sources(engine.net):
        if name in given:
            made[name] = given[name]
            continue
        stretches = [(k, e) for k, f in enumerate(found) for e in f.events.get(name, [])]
        step = joined([e[0] for _, e in stretches])
        neuron = joined([e[1] for _, e in stretches])
        sizes = [e[0].size for _, e in stretches]
        if len(found) == 1:
            trial = np.zeros(step.size, np.int32)  # of untouched memory, which costs nothing
        else:
            trial = np.repeat(np.array([k for k, _ in stretches], np.int32), sizes)
        value = joined([e[2] for _, e in stretches if e[2] is not None]) if engine.graded else None
        made[name] = Spikes.in_order(engine.net.sizes[name], trial, step, neuron, value)
    return made


def _carried(engine: Engine, found: Sequence[Found], given: Mapping[str, Spikes]) -> dict[str, int]:
    """Synaptic operations: fan-out times spikes that were sent."""
    sent = {n: np.bincount(s.neuron, minlength=s.n) for n, s in given.items()}
    for f in found:
        for name, mine in f.sent.items():
            sent[name] = sent[name] + mine if name in sent else mine
    fan_out = engine.layout.fan_out
    return {
        p.name: int(fan_out[p.name] @ sent[p.source])
        if p.name in fan_out and p.source in sent
        else 0
        for p in engine.net.projections
    }


class _Given:
    """Input spikes of all trials, sorted by trial and tick, as source numbers."""

    def __init__(self, plan: Plan, first: Mapping[str, int]) -> None:
        columns: list[list[NDArray[np.int32]]] = [[np.zeros(0, np.int32)] for _ in range(4)]
        for name, s in plan.spikes.items():
            value = np.ones(s.count, np.int32) if s.value is None else s.value
            for column, part in zip(
                columns, (s.trial, s.step, s.neuron + np.int32(first[name]), value), strict=True
            ):
                column.append(part)
        trial, step, what, how = (np.concatenate(c) for c in columns)
        if len(plan.spikes) > 1:
            order = np.lexsort((step, trial))
            trial, step, what, how = trial[order], step[order], what[order], how[order]
        self.bounds = np.searchsorted(trial, np.arange(plan.trials + 1))
        self.step, self.what, self.how, self.steps = step, what, how, plan.steps

    def trial(self, k: int) -> tuple[NDArray[np.int32], NDArray[np.int32], Int]:
        """Sources, payloads, and where each tick's begin."""
        mine = slice(int(self.bounds[k]), int(self.bounds[k + 1]))
        start = np.searchsorted(self.step[mine], np.arange(self.steps + 1)).astype(np.int64)
        return (
            np.ascontiguousarray(self.what[mine], np.int32),
            np.ascontiguousarray(self.how[mine], np.int32), start,
        )  # fmt: skip


class _Pace:
    """Short stretches at first, alternately with all threads and with one, then what was faster:
    on a machine whose cores are taken, one thread is."""

    TRIAL, AGAIN = 32, 16

    def __init__(self, pool: ThreadPoolExecutor | None) -> None:
        self.pool, self.turn = pool, 0
        self.best: dict[bool, float] = {}

    def next(self, at: int, last: int) -> tuple[int, ThreadPoolExecutor | None]:
        if self.pool is None:
            return last, None
        self.turn += 1
        if self.turn % self.AGAIN <= 4:
            return min(last, at + self.TRIAL), self.pool if self.turn % 2 else None
        many = self.best.get(True, 0.0) <= self.best.get(False, float("inf"))
        return last, self.pool if many else None

    def took(self, seconds: float, ticks: int, used: ThreadPoolExecutor | None) -> None:
        if self.pool is not None and self.turn > 1:
            mine = seconds / max(ticks, 1)
            before = self.best.get(used is not None, mine)
            self.best[used is not None] = min(mine, 1.1 * before)


@contextmanager
def _pool(parts: int) -> Iterator[ThreadPoolExecutor | None]:
    """Threads for all parts but the first, which runs here."""
    if parts == 1:
        yield None
        return
    with ThreadPoolExecutor(parts - 1) as pool:
        yield pool
