"""Fitting a simpler model to the one above: Nelder-Mead on f-I curve and spike times.

Rest and resting conductance are measured and kept; what is left is searched for from what else was
measured. Spike times alone leave the membrane's scale and origin open: the two set these.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.biophysics import Model
from neurohw.compare.spikes import van_rossum
from neurohw.errors import NeurohwError
from neurohw.ladder.models import simpler, thousandth
from neurohw.ladder.probe import Answer, Passive, Probe, answer, to_fit

Floats = NDArray[np.float64]
Tick = Callable[[], None]
TAU = (0.010, 0.005)
"""Seconds of the van Rossum distance: first wide, to find the spikes, then narrow, to place them."""
BEST = 2
"""Starts that are followed."""
MOST = (40, 160)
"""Evaluations of each stage."""
WEIGHT = 0.25
"""Of the f-I curve against the spike times."""
HOPELESS = 2.0
STARTS = 36
EVALUATIONS = STARTS + BEST * MOST[0] + MOST[1] + 2
"""At most, of one fit."""
PENALTY = 10.0


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted model, and how it does on what it was fitted to.

    ``above`` is the name of the model that it was fitted to; ``rate`` (n,) in 1/s at ``currents``,
    beside ``wanted``; ``loss`` is the sum of :func:`loss` with the narrow ``tau``.
    """

    model: Model
    above: str
    passive: Passive
    currents: Floats
    wanted: Floats
    rate: Floats
    loss: float
    evaluations: int

    @property
    def rate_error(self) -> float:
        """Root mean square error of the f-I curve, 1/s."""
        return float(np.sqrt(np.mean((self.rate - self.wanted) ** 2)))


def loss(
    wanted: Floats, rate: Floats, above: Sequence[Floats], below: Sequence[Floats], tau: float
) -> float:
    """Relative squared error of the f-I curve, and squared van Rossum distance for each spike.

    Either is 0 for equality and about 1 for a model that has nothing in common with the one above.
    """
    curve = float(((rate - wanted) ** 2).sum() / max(float((wanted**2).sum()), 1e-12))
    total = sum(a.size + b.size for a, b in zip(above, below, strict=True))
    squared = sum(van_rossum(a, b, tau) ** 2 for a, b in zip(above, below, strict=True))
    return WEIGHT * curve + squared / max(total, 1)


class _Fitting:
    """One kind of model, fitted to one answer."""

    def __init__(
        self, kind: str, above: Model, target: Answer, p: Probe, k: int, tick: Tick
    ) -> None:
        self.kind, self.above, self.target, self.probe, self.tick = kind, above, target, p, tick
        self.stimulus = to_fit(p, k)
        self.unit = thousandth(above)
        self.evaluations = 0

    def values(self, x: Floats) -> dict[str, float]:
        """Parameters from the free numbers: ln(C/C0), thresholds and resets in mV from rest, ms."""
        passive, mv = self.target.passive, self.unit
        c = passive.capacitance * math.exp(x[0])
        top = passive.rest + x[1] * mv
        if self.kind == "eif":
            delta = mv * math.exp(x[4])
            # The resting potential and conductance are those measured, the leak's own follow:
            # at rest the exponential current flows too.
            lift = math.exp(min((passive.rest - top) / delta, 50.0))
            if lift > 0.95:
                raise ValueError("no rest")
            return {
                "c_m": c, "g_l": passive.conductance / (1 - lift),
                "e_l": passive.rest - delta * lift, "v_t": top, "delta_t": delta,
                "v_peak": top + 8 * delta, "v_reset": passive.rest + x[2] * mv, "t_ref": abs(x[3]) * 1e-3,
            }  # fmt: skip
        values = {
            "c_m": c, "g_l": passive.conductance, "e_l": passive.rest, "v_threshold": top,
            "v_reset": passive.rest + x[2] * mv,
        }  # fmt: skip
        if self.kind == "lif":
            return {**values, "t_ref": abs(x[3]) * 1e-3}
        return {**values, "tau_theta": 1e-3 * math.exp(x[3]), "delta_theta": abs(x[4]) * mv}

    def model(self, x: Floats) -> Model | None:
        """The model at a point; None where there is none."""
        try:
            values = self.values(x)
        except (ValueError, OverflowError):
            return None
        top = values.get("v_peak", values.get("v_threshold", 0.0))
        if not values["v_reset"] < top - 0.1 * self.unit or values["c_m"] / values["g_l"] < 2e-4:
            return None
        return simpler(self.kind, self.above, values, self.target.passive.rest)

    def run(self, x: Floats, tau: float) -> tuple[float, Floats]:
        """The loss, and the f-I curve."""
        self.evaluations += 1
        self.tick()
        model = self.model(x)
        nothing = np.zeros(self.target.rate.size)
        if model is None:
            return PENALTY, nothing
        try:
            rate, trains = answer(model, self.stimulus, self.target.rate.size)
        except NeurohwError:
            return PENALTY, nothing
        return loss(self.target.rate, rate, self.target.trains, trains, tau), rate

    def starts(self) -> list[Floats]:
        """Where to begin: around the onset and the highest rate that were measured."""
        target, p = self.target, self.probe
        fires = p.currents[target.rate > 0]
        least = float(fires.min()) if fires.size else float(p.currents[-1])
        mv = least / target.passive.conductance / self.unit  # from rest to threshold
        shortest = 1e3 / max(float(target.rate.max(initial=0.0)), 1.0)
        found = []
        for speed, share, reset in product((0.0, 1.2), (1.0, 0.6, 0.35), (0.0, -0.4, -1.2)):
            x = [speed, share * mv, reset * mv]
            for part in (0.15, 0.7):
                if self.kind == "alif":
                    found.append([*x, math.log(50.0), 0.5 * part * x[1]])
                else:
                    found.append([*x, part * shortest])
        if self.kind == "eif":
            found = [
                [x[0], 1.15 * x[1], x[2], x[3], math.log(max(0.15 * x[1], 0.1))] for x in found
            ]
        return [np.array(x) for x in found]

    def simplex(self, x: Floats, size: float) -> Floats:
        """Corners around a point, as far as each number may well be off."""
        moves = [0.3, 0.15 * max(abs(x[1]), 2.0), 0.25 * max(abs(x[1]), 2.0), 1.0, 0.3]
        if self.kind == "alif":
            moves[3:] = [0.5, 0.1 * max(abs(x[1]), 1.0)]
        return np.vstack([x, x + size * np.diag(moves[: x.size])])


def fit(
    kind: str, above: Model, target: Answer, p: Probe, *, k: int = 1, most: Sequence[int] = MOST,
    bound: float = math.inf, tick: Tick = lambda: None,
) -> Fit:  # fmt: skip
    """The ``eif``, ``lif`` or ``alif`` that is nearest to what ``above`` did (``target``) on ``p``.

    ``bound``: a loss at which another model is kept: one that is far above it after the first stage is
    not followed. ``k``: steps of the probe that are one of the fitted model. Deterministic. J. A. Nelder,
    R. Mead, Computer J. 7, 308 (1965).
    """
    from scipy.optimize import minimize

    fitting = _Fitting(kind, above, target, p, k, tick)
    starts = fitting.starts()

    def search(x: Floats, tau: float, evaluations: int, size: float) -> Any:
        options = {
            "initial_simplex": fitting.simplex(x, size), "maxfev": evaluations, "xatol": 1e-4,
            "fatol": 1e-6,
        }  # fmt: skip
        return minimize(lambda y: fitting.run(y, tau)[0], x, method="Nelder-Mead", options=options)

    order = np.argsort([fitting.run(x, TAU[0])[0] for x in starts], kind="stable")[:BEST]
    near = [search(starts[i], TAU[0], most[0], 1.0) for i in order]
    x = min(near, key=lambda r: float(r.fun)).x
    if fitting.run(x, TAU[1])[0] < HOPELESS * bound:
        x = search(x, TAU[1], most[1], 0.4).x
    value, rate = fitting.run(x, TAU[-1])
    model = fitting.model(x)
    assert model is not None
    return Fit(
        model, above.name, target.passive, p.currents, target.rate, rate, value, fitting.evaluations
    )


def parameters(fit: Fit) -> Mapping[str, tuple[float, str]]:
    """Value in SI units and unit of each parameter."""
    return {name: (p.value, p.unit) for name, p in fit.model.parameters.items()}
