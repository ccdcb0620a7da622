"""Type I or type II: whether firing sets in at any rate however low, or at a finite one.

At a saddle-node on a circle the rate grows as ``√(I − I_c)`` from 0 (type I); at a Hopf bifurcation it jumps
(type II). A. L. Hodgkin, J. Physiol. 107, 165 (1948); Rinzel & Ermentrout (1998).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurohw.biophysics.curves import Curve, fi_curve
from neurohw.biophysics.model import Model
from neurohw.errors import InputError

POINTS = 4
"""Lowest points of an f–I curve that the square-root law is fitted to."""


@dataclass(frozen=True)
class Excitability:
    """``kind`` 'type I' or 'type II'; ``onset`` the least stimulus that fires, SI; ``rate`` there, 1/s.

    ``origin``: where the square of the rate, extended in a straight line, is 0.
    """

    kind: str
    onset: float
    rate: float
    origin: float


def classify(curve: Curve) -> Excitability:
    """The type of a model from its f–I curve.

    The line through the squares of its lowest rates is followed down to 0. For type I it gets there
    where firing sets in, between the last silent stimulus and the first that fires, give or take three
    such steps (a LIF sets in more steeply than a square root); for type II far below, where the model
    is silent. InputError for a curve that does not show its onset.
    """
    order = np.argsort(curve.drive)
    drive, rate = curve.drive[order], curve.rate[order]
    firing = rate > 0
    first = int(firing.argmax())
    if first == 0 or firing[first:].sum() < POINTS or not firing[first : first + POINTS].all():
        raise InputError(
            f"the f–I curve of {curve.model.name} does not show how firing sets in; give silent stimuli "
            f"and {POINTS} that fire, from the onset on"
        )
    part = slice(first, first + POINTS)
    slope, offset = np.polyfit(drive[part], rate[part] ** 2, 1)
    origin = float(-offset / slope) if slope > 0 else -np.inf
    gap = drive[first] - drive[first - 1]
    kind = "type I" if origin > drive[first - 1] - 3 * gap else "type II"
    return Excitability(kind, float(drive[first]), float(rate[first]), origin)


def onset_curve(
    model: Model, low: float, high: float, *, points: int = 24, duration: float = 1.0,
    rounds: int = 2, dt: float | None = None,
) -> Curve:  # fmt: skip
    """An f–I curve from ``low``, which is silent, to ``high``, closely spaced around the onset of firing."""
    curve = fi_curve(model, np.linspace(low, high, points), duration=duration, dt=dt)
    for _ in range(rounds):
        firing = curve.rate > 0
        first = int(firing.argmax())
        if first == 0:
            raise InputError(
                f"{model.name} does not go from silence to firing in {low:g}..{high:g}"
            )
        gap = curve.drive[first] - curve.drive[first - 1]
        finer = np.linspace(curve.drive[first - 1], curve.drive[first] + gap, 2 * POINTS + 2)[1:-1]
        more = fi_curve(model, finer, duration=duration, dt=dt)
        drive = np.concatenate([curve.drive, more.drive])
        order = np.unique(drive, return_index=True)[1]
        curve = Curve(model, drive[order], np.concatenate([curve.rate, more.rate])[order])
    return curve
