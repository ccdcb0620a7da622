"""Runs in turns, and what one costs against another.

Simulators take turns (A B A B ...), so that a machine that slows down slows all of them; a ratio is
taken within each round, and the median of those counts. What is compared is the CPU time of the run
phase for each synaptic event: it holds whatever else the machine does, and where rates differ a bit.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from neurohw.errors import InputError

if TYPE_CHECKING:
    from neurohw.fixed import FixedPointNetwork

ENOUGH = 0.1
"""CPU seconds that a timed run takes at least: noise is some milliseconds."""
LONGEST = 1_000_000
"""Steps beyond which it is not made longer."""


@dataclass(frozen=True)
class Result:
    """One timed run: ``cpu_s`` user + system of all its threads and processes, ``wall_s``, and the
    ``seconds_bio`` that it simulated; synaptic ``events`` and ``spikes`` in that time.

    ``bytes_per_synapse``: memory that the network took, None where nobody knows.
    """

    cpu_s: float
    wall_s: float
    seconds_bio: float
    events: int
    spikes: int
    threads: int = 1
    bytes_per_synapse: float | None = None

    @property
    def cost(self) -> float:
        """CPU seconds for each synaptic event; for each run if there was none."""
        return self.cpu_s / max(self.events, 1)


@dataclass(frozen=True)
class Missing:
    """Why a simulator gives no result, in one line."""

    reason: str


@dataclass(frozen=True)
class Rounds:
    """The results of each simulator, one for each round; the reasons of those that have none."""

    results: Mapping[str, tuple[Result, ...]]
    missing: Mapping[str, str]


@dataclass(frozen=True)
class Span:
    """A median with the least and the most."""

    median: float
    low: float
    high: float


def interleave(
    runs: Mapping[str, Callable[[], Result | Missing]],
    rounds: int,
    progress: Callable[[str, int, int], None] | None = None,
) -> Rounds:
    """Every run once in each round, in the same order; what is missing once is not asked again.

    ``progress`` is told before each run: its name, how many are done, and how many there will be.
    """
    if rounds < 1:
        raise InputError(f"rounds is {rounds}; it must be 1 or more")
    results: dict[str, list[Result]] = {name: [] for name in runs}
    missing: dict[str, str] = {}
    for k in range(rounds):
        for place, (name, run) in enumerate(runs.items()):
            if name in missing:
                continue
            if progress is not None:
                progress(name, k * len(runs) + place, rounds * len(runs))
            result = run()
            if isinstance(result, Missing):
                missing[name] = result.reason
                continue
            results[name].append(result)
    # One with fewer results than rounds would pair with the wrong ones.
    whole = {name: tuple(r) for name, r in results.items() if name not in missing}
    return Rounds(whole, missing)


def span(values: list[float]) -> Span:
    """Median, least and most."""
    return Span(median(values), min(values), max(values))


def ratio(slower: tuple[Result, ...], faster: tuple[Result, ...]) -> Span:
    """How many times less CPU an event takes in ``faster``: round by round."""
    return span([a.cost / max(b.cost, 1e-15) for a, b in zip(slower, faster, strict=True)])


def cpu() -> float:
    """User and system seconds of this process, all its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def run_own(fixed: FixedPointNetwork, steps: int, warmup: int, threads: int = 1) -> Result:
    """Emulate ``warmup`` steps, then ``steps`` more, whose cost is given: ticks, overflow counts and
    the recording of every spike, as in any run.

    What takes less than ``ENOUGH`` CPU seconds can't be timed; then more steps are, and the result
    says how many seconds of the network they were.
    """
    from neurohw.emulate.session import Session

    with Session(fixed, threads=threads) as session:
        session.run(max(warmup, 1))
        done = events = spikes = 0
        used = wall = 0.0
        while done < steps or (used < ENOUGH and done < LONGEST):
            began, clock = cpu(), time.perf_counter()
            run = session.run(steps)
            used, wall = used + cpu() - began, wall + time.perf_counter() - clock
            done += steps
            events += sum(run.synaptic_events.values())
            spikes += sum(run.spikes[name].count for name in fixed.populations)
        size = session.engine.layout.nbytes / max(fixed.synapses, 1)
    return Result(used, wall, done * fixed.dt, events, spikes, session.engine.parts, size)
