"""How far the delivery engines are from what their chips' arithmetic costs at least.

Each engine runs a random network of one chip, and so does a kernel written by hand for that chip
and that network: the same integer arithmetic in the same order, and nothing else. No register is
recorded, no overflow counted, parameters are numbers, arrays as narrow as they can be. That kernel
is the limit. Both must give the same spikes, or nothing is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from statistics import median

import numpy as np

from neurohw.bench.limits.contest import Contest
from neurohw.errors import NeurohwError, UnknownName

ROUNDS = 7


@dataclass(frozen=True)
class EngineSpeed:
    """CPU seconds that ``events`` synaptic events take, ticks included: ours, the hand-written
    kernel's, and the median over the rounds of how many times longer ours is."""

    chip: str
    engine: str
    events: int
    ours_s: float
    limit_s: float
    factor: float


def _contest(chip: str, name: str) -> Callable[[float], Contest]:
    def make(size: float = 1.0) -> Contest:
        made: Contest = getattr(import_module(f"neurohw.bench.limits.{chip}"), name)(size)
        return made

    return make


CONTESTS: dict[str, Callable[[float], Contest]] = {
    chip: _contest(chip, name)
    for chip, name in {
        "spinnaker1": "ring_contest", "xylo2": "ordered_contest", "reckon": "by_index_contest",
        "tinyodin": "queue_contest", "odin": "closed_loop_contest",
    }.items()
}  # fmt: skip
"""A contest for each chip, scaled by a number."""


def measure(
    rounds: int = ROUNDS, size: float = 1.0, chips: Sequence[str] = (),
    progress: Callable[[str, int, int], None] | None = None,
) -> list[EngineSpeed]:  # fmt: skip
    """Every engine against its limit, in turns; ``size`` scales how much each run does.

    ``chips`` are those of ``CONTESTS``, by default all. Raises NeurohwError if ours and the
    hand-written kernel do not fire alike. ``progress`` is told each chip, how many are done, of how many.
    """
    found = []
    for k, chip in enumerate(chips or CONTESTS):
        if chip not in CONTESTS:
            raise UnknownName.of("chip with a limit", chip, CONTESTS)
        if progress is not None:
            progress(chip, k, len(chips or CONTESTS))
        contest = CONTESTS[chip](size)
        results = [_round(contest) for _ in range(rounds + 1)][1:]
        ours, limit, events = (list(column) for column in zip(*results, strict=True))
        factor = median(a / max(b, 1e-9) for a, b in zip(ours, limit, strict=True))
        found.append(
            EngineSpeed(
                chip, contest.engine, int(median(events)), median(ours), median(limit), factor
            )
        )
    return found


def _round(contest: Contest) -> tuple[float, float, int]:
    ours, fired = contest.ours()
    limit, expected = contest.limit()
    if not np.array_equal(fired, expected):
        raise NeurohwError(
            f"{contest.chip}: {fired.size} spikes by us and {expected.size} by the hand-written "
            "kernel are not the same: one of them is wrong"
        )
    return ours, limit, contest.count(fired)
