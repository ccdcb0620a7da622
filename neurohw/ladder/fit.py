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
from neurohw.ladder.polish import least_squares, residuals
from neurohw.ladder.probe import Answer, Passive, Probe, Trains, answer, to_fit

Floats = NDArray[np.float64]
Tick = Callable[[], None]
TAU = (0.010, 0.005)
"""Seconds of the van Rossum distance: first wide, to find the spikes, then narrow, to place them."""
BEST = 2
"""Starts that are followed."""
MOST = (40, 120)
"""Evaluations of each stage."""
WEIGHT = 0.25
"""Of the f-I curve against the spike times."""
HOPELESS = 2.0
ROUNDS = 6
"""Of least squares, which need most spikes to be matched: a loss below the next number."""
MATCHED = 0.3
STARTS = 48
EVALUATIONS = STARTS + BEST * MOST[0] + MOST[1] + 20 * ROUNDS
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
        """Parameters from the free numbers.

        These are ln(C / C measured), rheobase over resting conductance and reset from rest in mV, t_ref
        in ms, and ln Δ_T in mV; or, of an ``alif``, ln τ in ms and the threshold's jump in mV.
        """
        passive, mv = self.target.passive, self.unit
        c = passive.capacitance * math.exp(x[0])
        if self.kind == "eif":
            delta = mv * math.exp(x[4])
            # The resting potential and conductance are those measured, the leak's own follow:
            # at rest the exponential current flows too.
            above = _above_rest(x[1] * mv / delta)
            lift, top = math.exp(-above), passive.rest + above * delta
            return {
                "c_m": c, "g_l": passive.conductance / (1 - lift),
                "e_l": passive.rest - delta * lift, "v_t": top, "delta_t": delta,
                "v_peak": top + 8 * delta, "v_reset": passive.rest + x[2] * mv, "t_ref": abs(x[3]) * 1e-3,
            }  # fmt: skip
        top = passive.rest + x[1] * mv
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

    def answers(self, x: Floats) -> tuple[Floats, Trains] | None:
        """Rates and spike times; None where there is no model, or it can't be run."""
        self.evaluations += 1
        self.tick()
        model = self.model(x)
        if model is None:
            return None
        try:
            return answer(model, self.stimulus, self.target.rate.size)
        except NeurohwError:
            return None

    def run(self, x: Floats, tau: float) -> tuple[float, Floats]:
        """The loss, and the f-I curve."""
        found, target = self.answers(x), self.target
        if found is None:
            return PENALTY, np.zeros(target.rate.size)
        return loss(target.rate, found[0], target.trains, found[1], tau), found[0]

    def off(self, x: Floats) -> Floats | None:
        """The residuals at a point."""
        found, target = self.answers(x), self.target
        return None if found is None else residuals(target.rate, found[0], target.trains, found[1])

    def polished(self, x: Floats) -> Floats:
        """A point that least squares lead to, unless it lost or gained spikes on the way."""
        now = self.run(x, TAU[1])[0]
        if now > MATCHED:
            return x
        near = least_squares(self.off, x, self.moves(x), ROUNDS)
        return near if self.run(near, TAU[1])[0] < 1.25 * now else x

    def starts(self) -> list[Floats]:
        """Where to begin: around the onset and the highest rate that were measured."""
        target, p = self.target, self.probe
        fires = p.currents[target.rate > 0]
        least = float(fires.min()) if fires.size else float(p.currents[-1])
        mv = least / target.passive.conductance / self.unit  # from rest to threshold
        shortest = 1e3 / max(float(target.rate.max(initial=0.0)), 1.0)
        resets = (0.0, -0.8) if self.kind == "eif" else (0.0, -0.4, -1.2)
        found = []
        for speed, share, reset, part in product((0.0, 1.2), (1.0, 0.6, 0.35), resets, (0.15, 0.7)):
            x = [speed, share * mv, reset * mv]
            if self.kind == "alif":
                found.append([*x, math.log(50.0), 0.5 * part * x[1]])
            elif self.kind == "lif":
                found.append([*x, part * shortest])
            else:
                for sharp in (0.15, 1.0):
                    found.append([*x, part * shortest, math.log(max(sharp * x[1], 0.1))])
        return [np.array(x) for x in found]

    def moves(self, x: Floats) -> Floats:
        """As far as each number may well be off."""
        size = max(abs(float(x[1])), 2.0)
        last = [0.5, 0.1 * size] if self.kind == "alif" else [1.0, 0.3]
        return np.array([0.3, 0.15 * size, 0.25 * size, *last])[: x.size]


def _above_rest(q: float) -> float:
    """How far V_T is above rest, over Δ_T, if the rheobase is ``q`` Δ_T times the conductance at rest.

    The root u of ``(u + exp(-u) - 1) / (1 - exp(-u)) = q``: rheobase ``g_L (V_T - E_L - Δ_T)`` with the
    leak's g_L and E_L by what is measured at rest. ValueError for a q too small to have a rest.
    """
    if not q > 0.01:
        raise ValueError("no rest")
    low, high = 0.0, q + 2
    for _ in range(60):
        u = (low + high) / 2
        if (u + math.exp(-u) - 1) / -math.expm1(-u) < q:
            low = u
        else:
            high = u
    return high


def fit(
    kind: str, above: Model, target: Answer, p: Probe, *, k: int = 1, most: Sequence[int] | None = None,
    bound: float = math.inf, tick: Tick = lambda: None,
) -> Fit:  # fmt: skip
    """The ``eif``, ``lif`` or ``alif`` that is nearest to what ``above`` did (``target``) on ``p``.

    ``bound``: a loss at which another model is kept: one that is far above it after the first stage is
    not followed. ``k``: steps of the probe that are one of the fitted model. Deterministic. J. A. Nelder,
    R. Mead, Computer J. 7, 308 (1965).
    """
    from scipy.optimize import minimize

    near_by, last = most or MOST
    fitting = _Fitting(kind, above, target, p, k, tick)
    starts = fitting.starts()

    def search(x: Floats, tau: float, evaluations: int, size: float) -> Any:
        options = {
            "initial_simplex": np.vstack([x, x + size * np.diag(fitting.moves(x))]),
            "maxfev": evaluations, "xatol": 1e-4, "fatol": 1e-6,
        }  # fmt: skip
        return minimize(lambda y: fitting.run(y, tau)[0], x, method="Nelder-Mead", options=options)

    order = np.argsort([fitting.run(x, TAU[0])[0] for x in starts], kind="stable")[:BEST]
    tried = [search(starts[i], TAU[0], near_by, 1.0) for i in order]
    x = min(tried, key=lambda r: float(r.fun)).x
    if fitting.run(x, TAU[1])[0] < HOPELESS * bound:
        x = fitting.polished(x)
        x = fitting.polished(search(x, TAU[1], last, 0.4).x)
    value, rate = fitting.run(x, TAU[-1])
    model = fitting.model(x)
    assert model is not None
    return Fit(
        model, above.name, target.passive, p.currents, target.rate, rate, value, fitting.evaluations
    )


def parameters(fit: Fit) -> Mapping[str, tuple[float, str]]:
    """Value in SI units and unit of each parameter."""
    return {name: (p.value, p.unit) for name, p in fit.model.parameters.items()}
