"""The verb: check what is asked, choose the engine, run it, and make the Recording."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.emulate.definition import overflow_message, spiking_sources
from neurohw.emulate.engine import Engine, Lane
from neurohw.emulate.generate import FAIL_NEURON, FAIL_POPULATION, FAIL_SITE, FAIL_VALUE
from neurohw.emulate.plan import OnOverflow, Plan, plan_run
from neurohw.errors import InputError, RegisterOverflow
from neurohw.fixed import FixedPointNetwork
from neurohw.network.checks import whole
from neurohw.network.events import Spikes
from neurohw.network.inputs import Inputs
from neurohw.recording import Recording, Trace

Int = NDArray[np.int64]
Progress = Callable[[int, int], None]
WORTH = 16_384
"""Neurons of a part that make a thread worth its meeting once a tick."""


def emulate(
    network: FixedPointNetwork,
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
    threads: cores to use, by default as many as pay. The result is the same for any number.
    progress: called with (ticks done, ticks in all).

    Returns a Recording whose traces are int64 register codes; ``network.physical`` translates them.
    Raises RegisterOverflow for a store that its register can't hold and whose format says nothing.
    """
    plan = plan_run(
        network, inputs, steps, record, neurons, stride, seed, on_overflow, injected, parameters
    )  # fmt: skip
    threads = None if threads is None else whole("threads", threads, 1, 1024)
    if network.chip.machine is not None:
        if plan.variants:
            raise InputError(
                f"{network.chip.name} takes no parameters by trial; run it once for each"
            )
        from neurohw.emulate.stepped import run_stepped

        return run_stepped(plan, progress=progress)
    if network.chip.delivery.engine == "ordered":
        from neurohw.emulate.ordered_run import OrderedEngine

        return OrderedEngine(plan).run(progress)
    return _Run(plan, threads, progress).record()


@dataclass
class _Found:
    """What a trial left: spikes by part as (steps, sources, payloads), traces."""

    steps: list[NDArray[np.int32]] = field(default_factory=list)
    sources: list[NDArray[np.int32]] = field(default_factory=list)
    payloads: list[NDArray[np.int32]] = field(default_factory=list)
    traces: dict[str, dict[str, Int]] = field(default_factory=dict)


class _Run:
    """All trials of a plan: side by side where there are several, else one in several parts."""

    def __init__(self, plan: Plan, threads: int | None, progress: Progress | None) -> None:
        self.plan, self.net, self.progress = plan, plan.network, progress
        neurons = self.net.neurons
        cores = (
            len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count() or 1
        )
        small = neurons * plan.steps * plan.trials < 20_000_000
        if threads is None:
            threads = 1 if small else cores
            parts = max(1, min(cores, neurons // WORTH))
        else:
            parts = threads
        self.lanes_wanted = min(threads, plan.trials)
        self.engine = Engine(
            plan, 1 if self.lanes_wanted > 1 else min(parts, max(neurons // 64, 1))
        )
        self.adaptive = threads is None
        self.given = _Given(plan, self.engine.layout.first)
        self.done = 0
        self.lock = threading.Lock()
        self.stopped = False

    def record(self) -> Recording:
        plan, net = self.plan, self.net
        lanes = [Lane(self.engine) for _ in range(self.lanes_wanted)]
        found: list[_Found] = [_Found() for _ in range(plan.trials)]
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
        spikes = self._spikes(found)
        return Recording(
            dt=net.dt, steps=plan.steps, trials=plan.trials, sizes=net.sizes, spikes=spikes,
            traces={
                name: {
                    r: Trace(np.stack([f.traces[name][r] for f in found]), indices, plan.stride)
                    for r, indices in registers.items()
                } for name, registers in plan.probes.items()
            },
            overflows=overflows, synaptic_events=self._carried(spikes),
            source=f"{net.chip.name}, generated kernel",
        )  # fmt: skip

    def _side_by_side(self, lanes: list[Lane], found: list[_Found]) -> None:
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

    def _trial(self, lane: Lane, trial: int, pool: ThreadPoolExecutor | None) -> _Found:
        plan, found = self.plan, _Found()
        lane.reset(trial)
        lane.give(*self.given.trial(trial))
        pace, at = _Pace(pool), 0
        most = lane.chunk if self.progress is None else min(lane.chunk, 2000)
        while at < plan.steps and not self.stopped:
            last, use = pace.next(at, min(plan.steps, at + most))
            began = time.perf_counter()
            reached = lane.advance(at, last, use)
            pace.took(time.perf_counter() - began, last - at, use)
            if reached < last:
                self._fail(lane, trial, reached)
            for ends, source, payload in lane.fired(last - at):
                if source.size:
                    found.steps.append(
                        np.repeat(np.arange(at, last, dtype=np.int32), np.diff(ends))
                    )
                    found.sources.append(source.copy())
                    if payload is not None:
                        found.payloads.append(payload.copy())
            if self.progress is not None:
                with self.lock:
                    self.done += last - at
                    self.progress(self.done, plan.trials * plan.steps)
            at = last
        found.traces = lane.traces()
        return found

    def _fail(self, lane: Lane, trial: int, step: int) -> None:
        engine, failure = self.engine, next(f for f in lane.failure if f.any())
        name = engine.order[int(failure[FAIL_POPULATION])]
        kind = engine.kinds[engine.banks.bank(name)]
        raise RegisterOverflow(
            overflow_message(
                self.plan, name, kind.sites[int(failure[FAIL_SITE])], int(failure[FAIL_VALUE]),
                int(failure[FAIL_NEURON]), step, trial,
            )
        )  # fmt: skip

    def _spikes(self, found: list[_Found]) -> dict[str, Spikes]:
        """Events of each population, sorted by trial, step and neuron."""
        trial = [np.full(s.size, k, np.int32) for k, f in enumerate(found) for s in f.steps]
        empty = np.zeros(0, np.int32)
        columns = [
            np.concatenate([empty, *part]) for part in (
                trial, [s for f in found for s in f.steps], [s for f in found for s in f.sources],
                [s for f in found for s in f.payloads],
            )
        ]  # fmt: skip
        made = {}
        for name in spiking_sources(self.net):
            if name in self.plan.spikes:
                made[name] = self.plan.spikes[name]
                continue
            n, low = self.net.sizes[name], self.engine.banks.first[name]
            mine = (columns[2] >= low) & (columns[2] < low + n)
            when, steps, who = (c[mine] for c in columns[:3])
            value = columns[3][mine] if columns[3].size else None
            if self.engine.parts > 1:
                # Parts come one after the other, each in order: a merge, which a stable sort does.
                order = np.argsort(when.astype(np.int64) * self.plan.steps + steps, kind="stable")
                when, steps, who = when[order], steps[order], who[order]
                value = None if value is None else value[order]
            if value is not None and (value == 1).all():
                value = None
            made[name] = Spikes(n, when, steps, who - np.int32(low), value)
            for array in (when, steps, who):
                array.setflags(write=False)
        return made

    def _carried(self, spikes: Mapping[str, Spikes]) -> dict[str, int]:
        """Synaptic operations: fan-out times spikes that were sent."""
        sent = {n: np.bincount(s.neuron, minlength=s.n) for n, s in spikes.items()}
        fan_out = self.engine.layout.fan_out
        return {
            p.name: int((fan_out[p.name] * sent[p.source]).sum()) if p.name in fan_out else 0
            for p in self.net.projections
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

    TRIAL, AGAIN = 32, 64

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
