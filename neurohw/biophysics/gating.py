"""Gating curves: where a gate settles at a potential, and how fast."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.biophysics.model import Model
from neurohw.biophysics.program import compile_model, derivatives
from neurohw.errors import InputError

Floats = NDArray[np.float64]


def steady_gates(model: Model, v: ArrayLike) -> dict[str, tuple[Floats, Floats]]:
    """By gate, its steady value and its time constant in s at each potential in V, (n,) both.

    For gates ``dx/dt = (x∞(V) − x)/τ(V)``, which are straight lines in x. InputError if there are none.
    """
    volts = np.asarray(v, np.float64)
    if "v" not in model.states or volts.ndim != 1:
        raise InputError(f"{model.name} has no potential v, or v is no list of potentials")
    gates = [s for s in model.states if s != "v" and model.unit(s) == "1"]
    if not gates or "Im" not in model.lines:
        raise InputError(f"{model.name} has no gates; hodgkin-huxley has")
    program, curves = compile_model(model), {}
    for gate in gates:
        k = model.states.index(gate)
        x = np.zeros((len(model.states), volts.size))
        x[model.states.index("v")] = volts
        at_0 = derivatives(program, x)[k]
        x[k] = 1.0
        slope = derivatives(program, x)[k] - at_0
        curves[gate] = (-at_0 / slope, -1.0 / slope)
    return curves
