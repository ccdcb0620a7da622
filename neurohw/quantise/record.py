"""What quantising cost: every parameter's wanted and realised value, clips, and lost weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class ParameterEntry:
    """One parameter of one population: ranges over its neurons.

    ``wanted`` and ``got`` are (smallest, largest); ``worst`` is the largest error relative to the
    wanted value, or absolute where that is 0; ``clipped`` counts values that met the end of the
    format, ``vanished`` those that were not 0 and became 0.
    """

    population: str
    parameter: str
    unit: str
    wanted: tuple[float, float]
    got: tuple[float, float]
    worst: float
    clipped: int = 0
    vanished: int = 0


@dataclass(frozen=True)
class WeightEntry:
    """The weights of one projection: rms error relative to the rms weight, worst absolute error,
    and how many clipped, vanished, or were made equal to another (distinct values before, after)."""

    projection: str
    synapses: int
    mode: str
    exponent: int
    step: float
    rms_error: float
    worst: float
    vanished: int
    distinct: tuple[int, int]
    moved_delays: int = 0
    worst_delay: float = 0.0


@dataclass(frozen=True)
class HeadroomEntry:
    """How far the worst case goes: every source spiking at every step, all with the same sign.

    ``reach`` is the largest size a register would need (infinite without a leak), ``limit`` what it
    holds, ``margin`` their ratio in bits, negative if it could overflow.
    """

    population: str
    register: str
    reach: float
    limit: int
    margin: float


@dataclass(frozen=True)
class QuantisationRecord:
    """Everything that quantising changed. Plain values; ``rows`` is the table that people read.

    ``scales``: codes per physical unit by population, the median where each neuron has its own.
    """

    chip: str
    scales: dict[str, float]
    neurons: dict[str, str]
    parameters: tuple[ParameterEntry, ...]
    weights: tuple[WeightEntry, ...]
    headroom: tuple[HeadroomEntry, ...]
    clips: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """For JSON: no NaN, no infinity."""
        return _plain(asdict(self))  # type: ignore[no-any-return]

    def rows(self) -> list[tuple[str, str, str, str, str, str]]:
        """(what, parameter, wanted, on chip, worst error, note), all text."""
        table = []
        for e in self.parameters:
            note = ", ".join(
                f"{count} {word}" for count, word in ((e.clipped, "clipped"), (e.vanished, "became 0"))
                if count
            )  # fmt: skip
            unit = f" {e.unit}" if e.unit else ""
            table.append(
                (e.population, e.parameter, _span(e.wanted) + unit, _span(e.got) + unit,
                 percent(e.worst), note)
            )  # fmt: skip
        for w in self.weights:
            note = f"{w.vanished} became 0" if w.vanished else ""
            if w.moved_delays:
                note += f"{', ' if note else ''}{w.moved_delays} delays moved"
            table.append(
                (w.projection, f"{w.synapses} weights", f"{w.distinct[0]} values",
                 f"{w.distinct[1]} values, {w.mode}, step {w.step:.3g}", f"{percent(w.rms_error)} rms", note)
            )  # fmt: skip
        for h in self.headroom:
            reach = "unbounded" if np.isinf(h.reach) else f"{h.reach:,.0f}"
            verdict = f"{h.margin:+.1f} bits"
            note = "" if h.margin >= 0 else "could overflow"
            table.append(
                (
                    h.population,
                    f"register {h.register}",
                    f"reach {reach}",
                    f"{h.limit:,}",
                    verdict,
                    note,
                )
            )
        return table


def percent(x: float) -> str:
    """A relative error as text."""
    if not np.isfinite(x):
        return "all of it"
    return "0" if x == 0 else f"{100 * x:.3g} %"


def entry(
    population: str,
    parameter: str,
    unit: str,
    wanted: ArrayLike,
    got: ArrayLike,
    clipped: int = 0,
    vanished: int = 0,
) -> ParameterEntry:
    """An entry from arrays of what was wanted and what the chip holds."""
    want, have = np.broadcast_arrays(np.asarray(wanted, float), np.asarray(got, float))
    same = (want == have) | (np.isinf(want) & np.isinf(have))
    with np.errstate(all="ignore"):
        error = np.where(same, 0.0, np.abs(have - want))
        relative = np.where(want != 0, error / np.abs(np.where(want == 0, 1.0, want)), error)
    return ParameterEntry(
        population, parameter, unit, (float(want.min()), float(want.max())),
        (float(have.min()), float(have.max())), float(np.max(relative)), clipped, vanished,
    )  # fmt: skip


def _span(ends: Sequence[float]) -> str:
    low, high = (f"{x:.4g}" for x in ends)
    return low if low == high else f"{low} .. {high}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
