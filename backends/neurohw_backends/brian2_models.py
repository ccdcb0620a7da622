"""The populations of the float model as Brian 2 equations, with their parameters and initial state.

``I`` is the sum of weights that act in this step, ``drive`` the bias plus what analogue inputs add.
Behind a synaptic filter ``drive`` is ``w_in * bias`` and weights are jumps of ``i_syn``. ``frozen``
counts the state updates that a spike makes the membrane skip; Brian skips one less than it is told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.network import Population
from neurohw.network.semantics import Semantics

Floats = NDArray[np.float64]

_HELD = "I : 1\ndrive : 1\n"
_LEAKY = "dv/dt = ((v_leak - v) + r * (I + drive)) / tau : 1"
_FILTER = "drive : 1\ndi_syn/dt = (drive - i_syn) / tau_syn : 1\n"
_BEHIND = "dv/dt = ((v_leak - v) + r * i_syn) / tau_mem : 1"
_EQUATIONS = {
    "LIF": _HELD + _LEAKY,
    "LI": _HELD + _LEAKY,
    "IF": _HELD + "dv/dt = r * (I + drive) : 1",
    "ALIF": _HELD + "da/dt = -a / tau_adapt : 1\n" + _LEAKY,
    "CubaLIF": _FILTER + _BEHIND,
    "CubaLI": _FILTER + _BEHIND,
    "ATRLIF": _FILTER
    + "dtheta/dt = (v_threshold - theta) / tau_adapt : 1\ndref/dt = -ref / tau_ref : 1\n"
    + "dv/dt = (-v + r * i_syn) / tau_mem : 1",
}
_THRESHOLDS = {"ALIF": "v > v_threshold + a", "ATRLIF": "v - ref >= theta"}
_RESETS = {
    "ALIF": "v = v_reset\na += adaptation",
    "ATRLIF": "ref += 2 * theta\ntheta += adaptation",
}
VARIABLES = {
    "LIF": ("v",), "LI": ("v",), "IF": ("v",), "ALIF": ("v", "a"), "CubaLIF": ("v", "i"),
    "CubaLI": ("v", "i"), "ATRLIF": ("v", "i", "theta", "ref"),
}  # fmt: skip
"""What can be recorded of each kind."""


@dataclass(frozen=True)
class Model:
    """What a NeuronGroup is made of; arrays of shape (n,), times in seconds."""

    equations: str
    threshold: str | None
    reset: str | None
    refractory: str | None
    method: str
    target: str
    gain: Floats
    values: dict[str, NDArray[Any]] = field(default_factory=dict)


def model(
    population: Population, method: str, step: float, dt: float, semantics: Semantics
) -> Model:
    """Equations stepped with ``method`` every ``step`` seconds; spikes last ``dt`` seconds.

    A reset in the next step comes after the leak: as if it were ``1 / keep`` larger in its own step.
    """
    kind, n = population.kind, population.n
    given = dict(population.parameters())
    filtered = "tau_syn" in given
    equations = _EQUATIONS[kind]
    values: dict[str, NDArray[Any]] = {}
    for name, value in given.items():
        if name in ("bias", "t_ref", "w_in"):
            continue
        unit = "second" if name.startswith("tau") else "Hz" if (kind, name) == ("IF", "r") else "1"
        equations += f"\n{name} : {unit} (constant)"
        values[name] = value
    gain = np.ones(n)
    values["drive"] = given["bias"]
    if filtered:
        gain = given["w_in"] * dt / given["tau_syn"]
        values["drive"] = given["w_in"] * given["bias"]
        decay = np.exp(-dt / given["tau_syn"]) if method == "exact" else 1 - dt / given["tau_syn"]
        values["i_syn"] = values["drive"] * (1 - decay)
        if method == "exact":
            values["tau_syn"] = _apart(given["tau_syn"], given["tau_mem"], step)
    values["v"] = given.get("v_reset", given.get("v_leak", np.zeros(n)))
    if kind == "ATRLIF":
        values["theta"] = given["v_threshold"]
    threshold, reset = _THRESHOLDS.get(kind, "v > v_threshold"), _RESETS.get(kind, "v = v_reset")
    if semantics.comparison == ">=":
        threshold = threshold.replace(" > ", " >= ")
    if semantics.reset == "subtract" and reset.startswith("v = v_reset"):
        tau = given.get("tau_mem", given.get("tau"))
        keep = (
            np.ones(n)
            if tau is None
            else np.exp(-step / tau)
            if method == "exact"
            else 1 - step / tau
        )
        late = semantics.reset_time == "next"
        values["drop"] = (given["v_threshold"] - given["v_reset"]) / (keep if late else 1)
        equations += "\ndrop : 1 (constant)"
        reset = reset.replace("v = v_reset", "v -= drop")
    refractory = None
    frozen = np.rint(given.get("t_ref", np.zeros(n)) / step).astype(np.int64)
    if frozen.any():
        lines = equations.split("\n")
        lines = [k + " (unless refractory)" * k.startswith("dv/") for k in lines]
        equations = "\n".join([*lines, "frozen : integer (constant)"])
        values["frozen"] = frozen
        refractory = "(frozen + 1) * dt"
    return Model(
        equations,
        threshold if population.spiking else None,
        reset if population.spiking else None,
        refractory,
        # Under a current held for the step both are the same, and A = 0 has no 'exact' in Brian.
        "euler" if kind == "IF" else method,
        "i_syn" if filtered else "I",
        gain,
        values,
    )


def _apart(tau_syn: Floats, tau_mem: Floats, step: float) -> Floats:
    """``tau_syn`` moved off ``tau_mem``, where Brian's exact solution is 0 / 0.

    The solution divides ``exp(-h/tau_syn) - exp(-h/tau_mem)`` by ``tau_syn - tau_mem``. At a
    relative distance d the quotient loses about eps * tau / (h d) to rounding, the shift itself
    costs about d; both are least at d = sqrt(eps * tau / h): 7e-8 for tau = 20 h.
    """
    distance = np.sqrt(np.finfo(np.float64).eps * np.maximum(tau_mem / step, 1.0))
    near = np.abs(tau_syn - tau_mem) < distance * tau_mem
    side = np.where(tau_syn < tau_mem, -1.0, 1.0)
    return np.where(near, tau_mem * (1 + side * distance), tau_syn)
