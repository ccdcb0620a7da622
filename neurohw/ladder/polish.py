"""The last stage of a fit: least squares on each spike's time, from where most spikes already match."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
REACH = 4e-3
"""Seconds: a spike without a partner is off by this."""
NARROWEST = 0.05
"""Half of a difference, over how far a number may be off."""
CURVE = 10.0
"""Weight of the f-I curve's relative errors: as many spikes."""


def residuals(
    wanted: Floats, rate: Floats, above: Sequence[Floats], below: Sequence[Floats]
) -> Floats:
    """How far off each spike of ``above`` is, over :data:`REACH`, and each rate over the mean rate."""
    off = []
    for a, b in zip(above, below, strict=True):
        padded = np.concatenate([[-np.inf], np.sort(b), [np.inf]])
        place = np.searchsorted(padded, a)
        late, early = padded[place] - a, padded[place - 1] - a
        nearest = np.where(late < -early, late, early)
        off.append(np.clip(nearest / REACH, -1.0, 1.0))
    curve = CURVE * (rate - wanted) / max(float(wanted.mean()), 1e-9)
    return np.concatenate([*off, curve])


def least_squares(
    function: Callable[[Floats], Floats | None], x: Floats, moves: Floats, rounds: int
) -> Floats:
    """Levenberg-Marquardt with wide central differences, in units of ``moves``.

    Spike times are whole steps: the differences must be wide enough to see through that. ``function``
    gives None where there is nothing. D. W. Marquardt, J. SIAM 11, 431 (1963).
    """
    now = function(x)
    if now is None:
        return x
    damping, width = 1e-2, 2 * NARROWEST
    for _ in range(rounds):
        columns = []
        for k in range(x.size):
            step = np.zeros(x.size)
            step[k] = width * moves[k]
            ends = function(x + step), function(x - step)
            known = [e for e in ends if e is not None]
            columns.append(
                (known[0] - known[1]) / (2 * width) if len(known) == 2 else np.zeros(now.size)
            )
        j = np.stack(columns, axis=1)
        square = j.T @ j
        better = False
        for _ in range(3):
            scaled = square + damping * np.diag(np.diag(square) + 1e-12)
            move = np.linalg.lstsq(scaled, -(j.T @ now), rcond=None)[0]
            tried = x + np.clip(move, -1.0, 1.0) * moves
            there = function(tried)
            if there is not None and there @ there < now @ now:
                x, now, damping, better = tried, there, damping / 10, True
                break
            damping *= 10
        if not better and width == NARROWEST:
            break
        width = max(width / 2, NARROWEST)
    return x
