"""Room in every register: what a run reached, and what the worst case would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, log2

from neurohw.fixed import FixedPointNetwork
from neurohw.fixedpoint import Format


@dataclass(frozen=True)
class Margin:
    """One register, wire or input of a population.

    ``reached``: the least and largest value before it was stored, in a run in which nothing
    overflows; ``bits`` to spare in that run, negative where it did not fit, None where it stayed 0 or
    the run can't be taken apart. ``proven`` bits are those of the worst case, None where there is no
    bound or no proof; ``overflows`` counts those on the chip.
    """

    population: str
    register: str
    form: str
    reached: tuple[float, float] | None
    bits: float | None
    proven: float | None
    overflows: int


def margins(
    fixed: FixedPointNetwork,
    ends: Mapping[tuple[str, str], tuple[float, float]],
    overflows: Mapping[str, Mapping[str, int]],
) -> list[Margin]:
    """The margins of everything that can overflow, the smallest first."""
    record = fixed.record
    proven = {(h.population, h.register): h.margin for h in record.headroom} if record else {}
    found = []
    for name, population in fixed.populations.items():
        for register, form in population.neuron.formats.items():
            if form.bits < 3 or form.overflow in ("exact", "error"):
                continue
            reached, sure = ends.get((name, register)), proven.get((name, register))
            found.append(
                Margin(
                    name, register, str(form), reached,
                    None if reached is None else spare(reached, form),
                    sure if sure is not None and isfinite(sure) else None,
                    int(overflows.get(name, {}).get(register, 0)),
                )
            )  # fmt: skip
    return sorted(found, key=lambda m: (-m.overflows, float("inf") if m.bits is None else m.bits))


def spare(reached: tuple[float, float], form: Format) -> float | None:
    """log2 of what a format holds over what was reached; None if that was 0 only."""
    low, high = reached
    need = max(high / max(form.high, 1), -low / max(-form.low, 1))
    return -log2(need) if need > 0 else None
