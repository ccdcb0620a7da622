"""The worst parameters: weights that became 0, codes that clipped, time constants that moved, neurons
that became identical."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurohw.explain.twin import Twin
from neurohw.explain.wanted import wanted_codes
from neurohw.fixed import FixedPopulation
from neurohw.quantise.record import QuantisationRecord, percent

MOVED = 1e-3
"""Relative error from which a time constant is worth a line."""


@dataclass(frozen=True)
class Loss:
    """One thing that quantising lost: ``kind`` is 'vanished', 'clipped', 'moved' or 'identical';
    ``share`` 0 to 1 is the share that is lost, or the relative error."""

    kind: str
    where: str
    text: str
    share: float


def worst(twin: Twin) -> list[Loss]:
    """All losses, by kind and then by share."""
    found = [*_vanished(twin), *_clipped(twin), *_moved(twin.fixed.record), *_identical(twin)]
    order = ("clipped", "vanished", "moved", "identical")
    return sorted(found, key=lambda w: (order.index(w.kind), -w.share))


def _vanished(twin: Twin) -> Iterator[Loss]:
    for s in twin.synapses:
        there = s.meant != 0
        gone = int(np.sum(there & (s.stored == 0)))
        if gone:
            share = gone / max(int(there.sum()), 1)
            text = f"{gone:,} of {int(there.sum()):,} weights became 0"
            yield Loss("vanished", s.fixed.name, text, share)


def _clipped(twin: Twin) -> Iterator[Loss]:
    for name, population in twin.fixed.populations.items():
        wanted = wanted_codes(population, lambda k: False)
        for code, real in wanted.codes.items():
            held = population.parameters[code]
            form = population.neuron.tick.parameters[code]
            off = np.flatnonzero(np.abs(held - real) > 1)
            if off.size:
                k = int(off[np.argmax(np.abs(held - real)[off])])
                neurons = (
                    f"neuron {k}" if off.size == 1 else f"{off.size:,} neurons, neuron {k} most"
                )
                text = f"{neurons}: wanted {real[k]:.6g}, holds {held[k]} ({form})"
                yield Loss("clipped", f"{code} of {name}", text, off.size / population.n)
    for s in twin.synapses:
        off = np.flatnonzero(s.delay != s.steps)
        if off.size:
            text = f"{off.size:,} of {s.delay.size:,} delays, the longest {s.steps.max()} ticks"
            yield Loss("clipped", f"delays of {s.fixed.name}", text, off.size / s.delay.size)


def _moved(record: QuantisationRecord | None) -> Iterator[Loss]:
    for e in record.parameters if record else ():
        if e.unit == "s" and e.worst > MOVED:
            error = percent(e.worst) if e.worst < 10 else "no time constant any more"
            text = f"{_span(e.wanted)} s became {_span(e.got)} s ({error})"
            yield Loss("moved", f"{e.parameter} of {e.population}", text, e.worst)


def _identical(twin: Twin) -> Iterator[Loss]:
    for name, population in twin.fixed.populations.items():
        before, after = _different(population)
        if after < before:
            text = f"{before:,} different neurons became {after:,}"
            yield Loss("identical", name, text, 1 - after / before)


def _different(population: FixedPopulation) -> tuple[int, int]:
    """How many different rows of parameters there are before and after rounding."""
    wanted = wanted_codes(population, lambda k: False)
    rows: list[NDArray[np.float64]] = list(wanted.codes.values())
    codes = [v.astype(np.float64) for v in population.parameters.values()]
    return tuple(np.unique(np.stack(r), axis=1).shape[1] if r else 1 for r in (rows, codes))  # type: ignore[return-value]


def _span(ends: tuple[float, float]) -> str:
    low, high = (f"{x:.4g}" for x in ends)
    return low if low == high else f"{low} .. {high}"
