"""Several ways to divide one network, side by side, and the best of them for what is wanted."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from numpy.typing import ArrayLike

from neurohw.errors import CapacityError, InputError
from neurohw.fixed import FixedPointNetwork
from neurohw.mapping.activity import activity_of
from neurohw.mapping.map import map_network
from neurohw.mapping.partition import ALGORITHMS
from neurohw.mapping.partition.foreign import installed
from neurohw.mapping.summary import Summary, summarise
from neurohw.recording import Recording

Objective = Mapping[str, float]
PARTS = ("traffic", "makespan")


@dataclass(frozen=True)
class Entry:
    """One way: its summary, or why it found no mapping; CPU seconds; and the objective, relative to
    declared-order chunks: less is better."""

    method: str
    summary: Summary | None
    why_not: str
    seconds: float
    value: float = float("inf")


def objective_of(given: str | Mapping[str, float]) -> Objective:
    """``traffic``, ``makespan``, or weights of both."""
    if isinstance(given, str):
        given = {given: 1.0}
    for key, weight in given.items():
        if key not in PARTS:
            raise InputError(
                f"objective '{key}': it is one of {', '.join(PARTS)}, or weights of them"
            )
        if not isinstance(weight, (int, float)) or not 0 <= weight < float("inf"):
            raise InputError(f"objective '{key}' has the weight {weight!r}; give a number from 0")
    if not any(given.values()):
        raise InputError("objective: no weight is above 0; give traffic or makespan")
    return dict(given)


def methods() -> list[str]:
    """The ways to divide that can be had here."""
    return [m for m in ALGORITHMS if m not in ("metis", "mtkahypar") or installed(m)]


def compete(
    network: FixedPointNetwork,
    *,
    activity: Recording | Mapping[str, ArrayLike] | None = None,
    objective: str | Mapping[str, float] = "traffic",
    placement: str = "auto",
    cores: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Entry]:
    """Map by every method and value each, best first. ``makespan`` needs a recorded run as ``activity``:
    balancing mean loads does not shorten steps, because what works together lies together."""
    wanted = objective_of(objective)
    recording = activity if isinstance(activity, Recording) else None
    if wanted.get("makespan") and recording is None:
        raise InputError(
            "objective 'makespan' needs the spikes of a run; give a Recording as activity"
        )
    rates, entries = activity_of(network, activity), []
    names = methods()
    for k, method in enumerate(names):
        began = time.process_time()
        try:
            image = map_network(
                network,
                activity=activity,
                method=method,
                placement=placement,
                cores=cores,
                seed=seed,
            )
            entry = Entry(
                method, summarise(image, rates, recording), "", time.process_time() - began
            )
        except CapacityError as error:
            entry = Entry(method, None, str(error), time.process_time() - began)
        entries.append(entry)
        if progress is not None:
            progress(k + 1, len(names))
    base = next((e.summary for e in entries if e.summary is not None), None)
    if base is None:
        return entries
    valued = [
        Entry(e.method, e.summary, e.why_not, e.seconds, _value(e.summary, base, wanted))
        for e in entries
    ]
    return sorted(valued, key=lambda e: e.value)


def _value(summary: Summary | None, base: Summary, wanted: Objective) -> float:
    if summary is None:
        return float("inf")
    traffic = summary.remote / base.remote if base.remote else 1.0
    spans = (summary.makespan, base.makespan)
    slow = spans[0] / spans[1] if spans[0] is not None and spans[1] else 1.0
    return wanted.get("traffic", 0.0) * traffic + wanted.get("makespan", 0.0) * slow
