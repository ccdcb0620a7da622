"""Rounding the weights of a neuron so that their errors make up for one another.

Rounding each weight to the nearest code leaves errors e that add up in the membrane to e.z, where z is
what each synapse has put into it. What matters is the mean of (e.z)^2 = e'He with H = mean of zz', and
its minimum over the lattice of codes is looked for in two passes. First one weight after the
other, largest share of the error first: it goes to the nearest code, and those not yet rounded move to
where they best make up for what it leaves (successive cancellation; for weights of neural networks:
Frantar et al., GPTQ, ICLR 2023). Then single weights go a code up or down as long as that helps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DAMPING = 0.01
"""Of the mean of H's diagonal, added to it: sources that were never active still have a cost."""


@dataclass(frozen=True, eq=False)
class Lattice:
    """The codes of one neuron's weights: whole multiples of ``step`` from ``low`` to ``high``, (m,)."""

    step: Floats
    low: Floats
    high: Floats

    def nearest(self, x: Floats) -> Floats:
        """The nearest point to ``x``."""
        return np.clip(np.rint(x / self.step), self.low, self.high) * self.step


def fed_back(aim: Floats, lattice: Lattice, moments: Floats) -> Floats:
    """The point of ``lattice`` that is near ``aim`` in the metric of ``moments`` (m, m)."""
    from neurohw.quantise.cancel import cancelled

    if not aim.size:
        return aim
    m = damped(moments)
    order = np.argsort(-np.diag(m) * lattice.step**2, kind="stable")
    m = m[np.ix_(order, order)]
    turned = Lattice(lattice.step[order], lattice.low[order], lattice.high[order])
    start = cancelled(aim[order], turned.step, turned.low, turned.high, np.ascontiguousarray(m))
    plain = turned.nearest(aim[order])
    if _cost(plain - aim[order], m) < _cost(start - aim[order], m):
        start = plain
    found = np.empty_like(aim)
    found[order] = _descended(start, aim[order], turned, m)
    return found


def damped(moments: Floats) -> Floats:
    """``moments`` with a little more on the diagonal, so that they have an inverse."""
    mean = float(np.mean(np.diag(moments))) or 1.0
    return np.asarray(moments + DAMPING * mean * np.eye(len(moments)))


def without(moments: Floats, free: int) -> tuple[Floats, Floats]:
    """Moments of all but column ``free``, which takes any value and the best one; and the row that
    gives that value, negated, from the errors of the others."""
    keep = np.arange(len(moments)) != free
    own = float(moments[free, free])
    row = moments[free, keep] / own if own > 0 else np.zeros(int(keep.sum()))
    return moments[np.ix_(keep, keep)] - own * np.outer(row, row), row


def _cost(error: Floats, moments: Floats) -> float:
    return float(error @ moments @ error)


def _descended(start: Floats, aim: Floats, lattice: Lattice, moments: Floats) -> Floats:
    found, slope = start.copy(), moments @ (start - aim)
    curve, step = np.diag(moments), lattice.step
    for _ in range(4 * aim.size):
        move = -np.sign(slope) * step
        gain = 2 * move * slope + move**2 * curve
        code = np.rint((found + move) / step)
        gain[(code < lattice.low) | (code > lattice.high)] = 0.0
        k = int(np.argmin(gain))
        if gain[k] >= -1e-9 * curve[k] * step[k] ** 2:
            break
        found[k] += move[k]
        slope += move[k] * moments[:, k]
    return np.asarray(np.rint(found / step) * step)
