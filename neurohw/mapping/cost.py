"""Prices put on counts: joules and seconds, with the source and the status of every number used.

Energy is the sum over events of count times price, nothing else, so it is linear in the counts.
Time is SANA-FE's "simple" model, which knows no contention and no time on links: a step takes as long
as the busiest core, where neurons are worked off beside messages,

    max over cores of max(neurons * neuron + updates * update + spikes * spike + packets * packet,
                          messages * axon_in + events * synapse)

in latencies, and then the barrier of the active tiles. Where a number that is needed is not known,
the result is None and says why: a chip of which nothing is published has counts and no joules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neurohw.chip.model import Number, Status
from neurohw.chip.prices import EVENTS, PARTS, STATIC, Prices
from neurohw.errors import InputError
from neurohw.mapping.counts import Counts
from neurohw.network.checks import whole

STATUSES: tuple[Status, ...] = ("measured", "documented", "assumed")
"""From the surest to the least sure."""


@dataclass(frozen=True, eq=False)
class Cost:
    """What the counts cost: joules and seconds of the whole run.

    ``events``: count by event. ``energies``: J by event; what has no price or no count is missing, and
    what is ``included`` in others is 0.
    ``energy``: their sum, without static power, or None, and then ``why_no_energy``. ``times``: s of
    each step, float64 (steps,), or None, and then ``why_no_time``. ``static``: J by what static power
    is known of, if the run's ``duration`` in s is known. ``status`` is the worst of the numbers used
    ("" if none), ``sources`` are theirs.
    """

    prices: str
    steps: int
    events: Mapping[str, int]
    energies: Mapping[str, float]
    energy: float | None
    why_no_energy: str
    times: NDArray[np.float64] | None
    why_no_time: str
    static: Mapping[str, float]
    duration: float | None
    status: Status | Literal[""]
    sources: tuple[str, ...]
    included: frozenset[str] = frozenset()

    @property
    def parts(self) -> dict[str, float | None]:
        """J of synapse, soma and network; None for a part with an event that has no price."""
        found: dict[str, float | None] = {}
        for part, keys in PARTS.items():
            known = all(k in self.energies for k in keys)
            found[part] = sum(self.energies[k] for k in keys) if known else None
        return found

    @property
    def time(self) -> float | None:
        """s of all steps together, as the chip could do them; None if not known."""
        return None if self.times is None else float(self.times.sum())

    def __str__(self) -> str:
        lines = [f"{'event':<10} {'count':>16} {'energy':>11}  {'part':<8}"]
        for part, keys in PARTS.items():
            for k in (k for k in keys if k in self.events):
                joules = si(self.energies[k], "J") if k in self.energies else "no price"
                joules = "included" if k in self.included else joules
                lines.append(f"{k:<10} {self.events[k]:>16,} {joules:>11}  {part:<8}")
        lines.append("-" * 48)
        if self.energy is None:
            lines += _wrapped(f"no energy: {self.why_no_energy}")
        else:
            lines.append(
                f"{'energy':<10} {'':>16} {si(self.energy, 'J'):>11}  "
                f"{si(self.energy / self.steps, 'J')} a step, static power not included"
            )
        if self.times is None or self.time is None:
            lines += _wrapped(f"no time: {self.why_no_time}")
        else:
            worst = si(float(self.times.max()), "s")
            lines.append(f"{'time':<10} {'':>16} {si(self.time, 's'):>11}  longest step {worst}")
        for key, drawn in self.static.items():
            lines.append(f"{'static':<10} {key:>16} {si(drawn, 'J'):>11}  in {self.duration:g} s")
        if self.status:
            lines += _wrapped(f"{self.status} numbers: {self.prices} ({', '.join(self.sources)})")
        return "\n".join(line.rstrip() for line in lines)


def cost(
    counts: Counts, prices: Prices | None, *, duration: float | None = None, chips: int = 1
) -> Cost:
    """The cost of ``counts``. ``duration`` s of the run, where it is known: static power of the cores
    in use and of so many ``chips`` is drawn for that long, or else for the time of the model."""
    if duration is not None and not (np.isfinite(duration) and duration >= 0):
        raise InputError(f"duration is {duration} s; give a number from 0 up, or None")
    chips = whole("chips", chips)
    events = {k: counts.totals[k] for k in EVENTS if k in counts.totals}
    if prices is None:
        why = "no energies or latencies of this chip are published; counts only"
        return Cost("", counts.steps, events, {}, None, why, None, why, {}, duration, "", ())
    used: list[tuple[str, Status]] = []
    energies, missing = _energies(events, prices, used)
    times, untimed = _times(counts, prices, used)
    if duration is None and times is not None:
        duration = float(times.sum())
    number = {"core": counts.active_cores, "chip": chips}
    static = {}
    for key in (k for k in STATIC if k in prices.static and duration is not None):
        power: Number = prices.static[key]
        static[key] = power.value * 1e-3 * number[key] * (duration or 0.0)
        used.append((power.source, power.status))
    return Cost(
        prices.name, counts.steps, events, energies,
        None if missing else sum(energies.values()), _why(missing, prices, "energy"),
        times, _why(untimed, prices, "latency"), static, duration,
        max((s for _, s in used), key=STATUSES.index, default=""),
        tuple(dict.fromkeys(source for source, _ in used)), prices.included,
    )  # fmt: skip


def _energies(
    events: Mapping[str, int], prices: Prices, used: list[tuple[str, Status]]
) -> tuple[dict[str, float], list[str]]:
    """J by event, and the events that have none though there were some (or nobody knows how many)."""
    found: dict[str, float] = {}
    missing = []
    for key in EVENTS:
        price = prices.events.get(key)
        if key in prices.included or events.get(key) == 0 or (price and price.energy == 0):
            found[key] = 0.0
        elif price is None or price.energy is None or key not in events:
            missing.append(key)
            continue
        else:
            found[key] = events[key] * price.energy * 1e-12
        if price is not None and events.get(key):
            used.append((price.source, price.status))
    return found, missing


def _times(
    counts: Counts, prices: Prices, used: list[tuple[str, Status]]
) -> tuple[NDArray[np.float64] | None, list[str]]:
    """s of each step, or None and what is missing."""
    rows = {
        "neuron": np.broadcast_to(counts.neurons, counts.spikes.shape),
        "update": counts.updates,
        "spike": counts.spikes,
        "packet": counts.packets_out,
        "axon_in": counts.messages_in,
        "synapse": counts.events,
    }
    sums = np.zeros((2, *counts.spikes.shape))
    missing = []
    for key, row in rows.items():
        price = prices.events.get(key)
        if (price and price.latency == 0) or (row is not None and not row.any()):
            continue
        if price is None or price.latency is None:
            if key not in prices.included or not any(p.latency for p in prices.events.values()):
                missing.append(key)
            continue
        if row is None:
            missing.append(key)
            continue
        sums[int(key in ("axon_in", "synapse"))] += row * price.latency
        used.append((price.source, price.status))
    barrier = prices.barrier(counts.active_tiles)
    if barrier is None:
        missing.append("sync")
    if missing or barrier is None:
        return None, missing
    used.append((prices.sync_source, prices.sync_status))
    return (sums.max(axis=(0, 2), initial=0) + barrier) * 1e-9, []


def _why(missing: list[str], prices: Prices, what: str) -> str:
    if not missing:
        return ""
    if missing == ["update"] and "update" in prices.events:
        return "it is not known which neurons were idle: count(..., updates=...)"
    return f"{prices.name} has no {what} of {', '.join(missing)}"


def si(value: float, unit: str) -> str:
    """A number with four digits and the unit's prefix, such as '35.50 pJ'."""
    if value == 0 or not np.isfinite(value):
        return f"{value:g} {unit}"
    power = min(max(int(np.floor(np.log10(abs(value)) / 3)), -6), 4)
    scaled = value / 10.0 ** (3 * power)
    if abs(float(f"{scaled:.4g}")) >= 1000 and power < 4:
        power, scaled = power + 1, scaled / 1000
    return f"{scaled:.4g} {'afpnµm kMGT'[power + 6].strip()}{unit}"


def _wrapped(text: str) -> Iterable[str]:
    import textwrap

    return textwrap.wrap(text, 98, subsequent_indent="  ")
