"""Integrate-and-fire: leaky, with adaptation by a conductance, a current or the threshold; exponential."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.biophysics.model import Drive, Model, Parameter

DA01: Final = "Dayan & Abbott, Theoretical Neuroscience (2001), sec. 5.4"
FT03: Final = "Fourcaud-Trocmé et al., J. Neurosci. 23, 11628 (2003), fitted to Wang-Buzsáki"
BG05: Final = "Brette & Gerstner, J. Neurophysiol. 94, 3637 (2005), with a = 0"
BE18: Final = "Bellec et al., NeurIPS 31 (2018), the neuron of their LSNN"
CURRENT: Final = Drive("I", "amp", "current into the cell")


def _second(value: float, meaning: str, source: str, limit: str = "positive") -> Parameter:
    return Parameter(value, "second", meaning, source, limit)


def _volt(value: float, meaning: str, source: str) -> Parameter:
    return Parameter(value, "volt", meaning, source)


def _cell(tau: float, r: float, e_l: float, t_ref: float) -> dict[str, Parameter]:
    return {
        "tau_m": _second(tau, "membrane time constant", DA01),
        "r_m": Parameter(r, "ohm", "membrane resistance", DA01, "positive"),
        "e_l": _volt(e_l, "leak reversal potential", DA01),
        "v_threshold": _volt(-0.050, "threshold", DA01),
        "v_reset": _volt(-0.065, "potential after a spike", DA01),
        "t_ref": _second(t_ref, "refractory time", DA01, "non-negative"),
    }


def _leaky(
    name: str, title: str, summary: str, equations: str, parameters: dict[str, Parameter],
    start: dict[str, float], sources: tuple[str, ...], reset: str = "", threshold: str = "v_threshold",
) -> Model:  # fmt: skip
    return Model(
        name=name, title=title, summary=summary, equations=equations, parameters=parameters,
        start={"v": -0.065, **start}, sources=sources, drive=CURRENT, threshold=f"v > {threshold}",
        reset="v = v_reset" + reset, refractory="t_ref", step=1e-4, coarsest=1e-3,
        shows=("v", *start),
    )  # fmt: skip


LIF: Final = _leaky(
    "lif", "Leaky integrate-and-fire", "A leak, a threshold and a reset.",
    "dv/dt = (e_l - v + r_m*I)/tau_m : volt (unless refractory)",
    _cell(0.010, 10e6, -0.065, 0.002), {}, (DA01,),
)  # fmt: skip

_SRA = """\
dv/dt = (e_l - v - r_m*g_sra*(v - e_k) + r_m*I)/tau_m : volt (unless refractory)
dg_sra/dt = -g_sra/tau_sra : siemens
"""


def _sra(name: str, title: str, summary: str, tau: float, jump: float) -> Model:
    cell = {
        **_cell(0.030, 90e6, -0.065, 0.0),
        "e_k": _volt(-0.070, "potassium equilibrium potential", DA01),
        "tau_sra": _second(tau, "decay of the adaptation", DA01),
        "delta_g": Parameter(jump / 90e6, "siemens", "jump at a spike", DA01, "non-negative"),
    }
    return _leaky(name, title, summary, _SRA, cell, {"g_sra": 0.0}, (DA01,), "\ng_sra += delta_g")


LIF_SRA: Final = _sra(
    "lif-sra", "LIF with spike-rate adaptation",
    "Each spike opens a slow potassium conductance: the rate falls to a lower steady value.",
    0.100, 0.06,
)  # fmt: skip
LIF_RELATIVE: Final = _sra(
    "lif-relative-refractory", "LIF with a relative refractory period",
    "The same conductance, large and fast: after a spike the cell is hard to excite for some ms.",
    0.002, 20.0,
)  # fmt: skip

LIF_CURRENT: Final = _leaky(
    "lif-current-adaptation", "Adaptive LIF, by a current",
    "Each spike adds to a slow current that hyperpolarises.",
    """\
dv/dt = (e_l - v - r_m*w + r_m*I)/tau_m : volt (unless refractory)
dw/dt = -w/tau_w : amp
""",
    {
        **_cell(0.030, 90e6, -0.065, 0.0),
        "tau_w": _second(0.100, "decay of the adaptation", BG05),
        "delta_w": Parameter(1e-11, "amp", "jump at a spike", BG05, "non-negative"),
    },
    {"w": 0.0}, (BG05,), "\nw += delta_w",
)  # fmt: skip

LIF_THRESHOLD: Final = _leaky(
    "lif-threshold-adaptation", "Adaptive LIF, by the threshold (ALIF)",
    "Each spike lifts the threshold, as on chips.",
    """\
dv/dt = (e_l - v + r_m*I)/tau_m : volt (unless refractory)
dtheta/dt = -theta/tau_theta : volt
""",
    {
        **_cell(0.030, 90e6, -0.065, 0.0),
        "tau_theta": _second(0.100, "decay of the adaptation", BE18),
        "delta_theta": Parameter(1e-3, "volt", "jump at a spike", BE18, "non-negative"),
    },
    {"theta": 0.0}, (BE18,), "\ntheta += delta_theta", "v_threshold + theta",
)  # fmt: skip

EIF: Final = Model(
    name="eif",
    title="Exponential integrate-and-fire",
    summary="A spike is initiated by an exponential current, of sharpness Δ_T at V_T.",
    equations="dv/dt = (g_l*(e_l - v) + g_l*delta_t*exp(clip((v - v_t)/delta_t, -700, 25)) + I)/c_m"
    " : volt (unless refractory)",
    parameters={
        "c_m": Parameter(0.01, "farad/meter**2", "membrane capacitance per area", FT03, "positive"),
        "g_l": Parameter(1.0, "siemens/meter**2", "leak conductance", FT03, "positive"),
        "e_l": _volt(-0.065, "leak reversal potential", FT03),
        "v_t": _volt(-0.0599, "potential of least slope, where a spike starts at rheobase", FT03),
        "delta_t": Parameter(0.00348, "volt", "sharpness of the spike's start", FT03, "positive"),
        "v_peak": _volt(-0.030, "where a spike is counted", FT03),
        "v_reset": _volt(-0.068, "potential after a spike", FT03),
        "t_ref": _second(0.0017, "refractory time", FT03, "non-negative"),
    },
    start={"v": -0.064},
    sources=(FT03,),
    drive=Drive("I", "amp/meter**2", "current density into the cell"),
    threshold="v > v_peak",
    reset="v = v_reset",
    refractory="t_ref",
    step=2e-5,
    coarsest=2e-4,
)


def lif_interval(model: Model, current: ArrayLike) -> NDArray[np.float64]:
    """The time between spikes of a LIF at a constant current in A, in seconds; inf below threshold.

    ``t_ref + τ ln((RI + E_L − V_reset) / (RI + E_L − V_th))``: Dayan & Abbott (2001), eq. 5.11, with
    a refractory time.
    """
    value = model.value
    end = np.asarray(current, np.float64) * value("r_m") + value("e_l")
    with np.errstate(all="ignore"):
        ratio = (end - value("v_reset")) / (end - value("v_threshold"))
        interval = value("t_ref") + value("tau_m") * np.log(ratio)
    return np.where(end > value("v_threshold"), interval, math.inf)


def eif_rheobase(model: Model) -> float:
    """The current density in A/m² above which an EIF fires: ``g_l (V_T − E_L − Δ_T)``.

    Where the minimum over V of ``−dV/dt`` is 0. Fourcaud-Trocmé et al., J. Neurosci. 23, 11628 (2003).
    """
    value = model.value
    return value("g_l") * (value("v_t") - value("e_l") - value("delta_t"))
