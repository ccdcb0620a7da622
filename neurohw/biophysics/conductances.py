"""Membranes with voltage-gated channels: Hodgkin-Huxley, Wang-Buzsáki, Morris-Lecar.

Rates of the form ``x / (exp(x) - 1)`` are written ``1 / exprel(x)``, which is exact where both sides are 0.
"""

from __future__ import annotations

from typing import Final

from neurohw.biophysics.model import Drive, Model, Parameter

HH52: Final = "Hodgkin & Huxley, J. Physiol. 117, 500 (1952), table 3; rest put at -65 mV"
WB96: Final = "Wang & Buzsáki, J. Neurosci. 16, 6402 (1996)"
RE98: Final = "Rinzel & Ermentrout, in Methods in Neuronal Modeling, 2nd ed. (1998), table 7.1"
CURRENT: Final = Drive("I", "amp/meter**2", "current density into the cell")

HH_CHANNELS: Final = """\
Im = g_na*m**3*h*(e_na - v) + g_k*n**4*(e_k - v) + g_l*(e_l - v) : amp/meter**2
dm/dt = phi*(a_m*(1 - m) - b_m*m) : 1
dh/dt = phi*(a_h*(1 - h) - b_h*h) : 1
dn/dt = phi*(a_n*(1 - n) - b_n*n) : 1
"""
HH_RATES: Final = """\
a_m = (1/ms)/exprel(-(v + 40*mV)/(10*mV)) : Hz
b_m = (4/ms)*exp(-(v + 65*mV)/(18*mV)) : Hz
a_h = (0.07/ms)*exp(-(v + 65*mV)/(20*mV)) : Hz
b_h = (1/ms)/(exp(-(v + 35*mV)/(10*mV)) + 1) : Hz
a_n = (0.1/ms)/exprel(-(v + 55*mV)/(10*mV)) : Hz
b_n = (0.125/ms)*exp(-(v + 65*mV)/(80*mV)) : Hz
"""


def density(value: float, meaning: str, source: str) -> Parameter:
    """A conductance per area, S/m²."""
    return Parameter(value, "siemens/meter**2", meaning, source, "non-negative")


def capacitance(value: float, source: str) -> Parameter:
    """A specific capacitance, F/m²."""
    return Parameter(value, "farad/meter**2", "membrane capacitance per area", source, "positive")


def volt(value: float, meaning: str, source: str) -> Parameter:
    """A potential, V."""
    return Parameter(value, "volt", meaning, source)


def q10(celsius: float, measured_at: float = 6.3, factor: float = 3.0) -> float:
    """How much faster gates are at ``celsius``: ``factor ** ((T - T0) / 10)``; 3 for the squid axon.

    Hodgkin & Huxley, J. Physiol. 117, 500 (1952), eq. 23.
    """
    return float(factor ** ((celsius - measured_at) / 10))


HH_PARAMETERS: Final = {
    "g_na": density(1200, "maximal sodium conductance", HH52),
    "g_k": density(360, "maximal potassium conductance", HH52),
    "g_l": density(3, "leak conductance", HH52),
    "e_na": volt(0.050, "sodium equilibrium potential", HH52),
    "e_k": volt(-0.077, "potassium equilibrium potential", HH52),
    "e_l": volt(-0.054387, "leak reversal potential, for a rest of -65 mV", HH52),
    "c_m": capacitance(0.01, HH52),
    "phi": Parameter(1.0, "1", "speed of the gates: 3^((T - 6.3 °C)/10)", HH52, "positive"),
}
HH_START: Final = {"v": -0.065, "m": 0.053, "h": 0.596, "n": 0.318}

HODGKIN_HUXLEY: Final = Model(
    name="hodgkin-huxley",
    title="Hodgkin-Huxley, the squid giant axon",
    summary="Sodium and potassium channels with gates m, h, n: the action potential, type II.",
    equations="dv/dt = (Im + I)/c_m : volt\n" + HH_CHANNELS + HH_RATES,
    parameters=HH_PARAMETERS,
    start=HH_START,
    sources=(HH52,),
    drive=CURRENT,
    threshold="v > 0*mV",
    step=1e-5,
    coarsest=5e-5,
    shows=("v", "m", "h", "n"),
)

WANG_BUZSAKI: Final = Model(
    name="wang-buzsaki",
    title="Wang-Buzsáki, a fast-spiking interneuron",
    summary="Sodium, delayed rectifier and leak; fires from zero rate on: type I.",
    equations="""\
dv/dt = (Im + I)/c_m : volt
Im = g_na*m_inf**3*h*(e_na - v) + g_k*n**4*(e_k - v) + g_l*(e_l - v) : amp/meter**2
dh/dt = phi*(a_h*(1 - h) - b_h*h) : 1
dn/dt = phi*(a_n*(1 - n) - b_n*n) : 1
m_inf = a_m/(a_m + b_m) : 1
a_m = (1/ms)/exprel(-(v + 35*mV)/(10*mV)) : Hz
b_m = (4/ms)*exp(-(v + 60*mV)/(18*mV)) : Hz
a_h = (0.07/ms)*exp(-(v + 58*mV)/(20*mV)) : Hz
b_h = (1/ms)/(exp(-(v + 28*mV)/(10*mV)) + 1) : Hz
a_n = (0.1/ms)/exprel(-(v + 34*mV)/(10*mV)) : Hz
b_n = (0.125/ms)*exp(-(v + 44*mV)/(80*mV)) : Hz
""",
    parameters={
        "g_na": density(350, "maximal sodium conductance", WB96),
        "g_k": density(90, "maximal potassium conductance", WB96),
        "g_l": density(1, "leak conductance", WB96),
        "e_na": volt(0.055, "sodium equilibrium potential", WB96),
        "e_k": volt(-0.090, "potassium equilibrium potential", WB96),
        "e_l": volt(-0.065, "leak reversal potential", WB96),
        "c_m": capacitance(0.01, WB96),
        "phi": Parameter(5.0, "1", "speed of the gates", WB96, "positive"),
    },
    start={"v": -0.064, "h": 0.78, "n": 0.09},
    sources=(WB96,),
    drive=CURRENT,
    threshold="v > 0*mV",
    step=1e-5,
    coarsest=5e-5,
    shows=("v", "h", "n"),
)

_ML = """\
dv/dt = (Im + I)/c_m : volt
Im = g_ca*m_inf*(e_ca - v) + g_k*w*(e_k - v) + g_l*(e_l - v) : amp/meter**2
dw/dt = phi*(w_inf - w)*cosh((v - v_3)/(2*v_4))/ms : 1
m_inf = (1 + tanh((v - v_1)/v_2))/2 : 1
w_inf = (1 + tanh((v - v_3)/v_4))/2 : 1
"""


def _morris_lecar(name: str, kind: str, g_ca: float, v_3: float, v_4: float, phi: float) -> Model:
    slope = "slope of the potassium gate"
    return Model(
        name=name,
        title=f"Morris-Lecar, a muscle fibre, {kind}",
        summary="Instant calcium and slow potassium channels: spikes in the plane.",
        equations=_ML,
        parameters={
            "g_ca": density(g_ca, "maximal calcium conductance", RE98),
            "g_k": density(80, "maximal potassium conductance", RE98),
            "g_l": density(20, "leak conductance", RE98),
            "e_ca": volt(0.120, "calcium equilibrium potential", RE98),
            "e_k": volt(-0.084, "potassium equilibrium potential", RE98),
            "e_l": volt(-0.060, "leak reversal potential", RE98),
            "v_1": volt(-0.0012, "where half of the calcium gates are open", RE98),
            "v_2": Parameter(0.018, "volt", "slope of the calcium gate", RE98, "positive"),
            "v_3": volt(v_3, "where half of the potassium gates are open", RE98),
            "v_4": Parameter(v_4, "volt", slope, RE98, "positive"),
            "c_m": capacitance(0.2, RE98),
            "phi": Parameter(phi, "1", "speed of the potassium gate", RE98, "positive"),
        },
        start={"v": -0.0599, "w": 0.012},
        sources=("Morris & Lecar, Biophys. J. 35, 193 (1981)", RE98),
        drive=CURRENT,
        threshold="v > 0*mV",
        step=5e-5,
        coarsest=5e-4,
        shows=("v", "w"),
    )


MORRIS_LECAR_1: Final = _morris_lecar("morris-lecar-1", "type I", 40, 0.012, 0.0174, 1 / 15)
MORRIS_LECAR_2: Final = _morris_lecar("morris-lecar-2", "type II", 44, 0.002, 0.030, 0.04)
