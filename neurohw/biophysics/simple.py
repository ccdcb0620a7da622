"""The passive membrane, and FitzHugh-Nagumo: excitability in two dimensions without units."""

from __future__ import annotations

from typing import Final

from neurohw.biophysics.model import Drive, Model, Parameter

FN61: Final = "FitzHugh, Biophys. J. 1, 445 (1961); Nagumo et al., Proc. IRE 50, 2061 (1962)"
DA01: Final = "Dayan & Abbott, Theoretical Neuroscience (2001), chapter 5"

PASSIVE: Final = Model(
    name="passive",
    title="Passive membrane",
    summary="A capacitor and a leak: R = r_m/A, C = c_m A, τ = r_m c_m whatever the area.",
    equations="""\
dv/dt = ((e_l - v)/R + I)/C : volt
R = r_m/area : ohm
C = c_m*area : farad
tau = r_m*c_m : second
""",
    parameters={
        "r_m": Parameter(1.0, "ohm*meter**2", "specific membrane resistance", DA01, "positive"),
        "c_m": Parameter(0.01, "farad/meter**2", "specific capacitance", DA01, "positive"),
        "area": Parameter(2e-8, "meter**2", "membrane area, 0.02 mm²", DA01, "positive"),
        "e_l": Parameter(-0.065, "volt", "leak reversal potential", DA01),
    },
    start={"v": -0.065},
    sources=(DA01,),
    drive=Drive("I", "amp", "current into the cell"),
    step=1e-4,
    coarsest=5e-3,
)

FITZHUGH_NAGUMO: Final = Model(
    name="fitzhugh-nagumo",
    title="FitzHugh-Nagumo",
    summary="A cubic v and a slow linear w: the skeleton of excitability; time in units of 1 ms.",
    equations="""\
dv/dt = (v - v**3/3 - w + I)/unit : 1
dw/dt = phi*(v + a - b*w)/unit : 1
""",
    parameters={
        "a": Parameter(0.7, "1", "offset of the w nullcline", FN61),
        "b": Parameter(0.8, "1", "slope of the w nullcline", FN61, "positive"),
        "phi": Parameter(0.08, "1", "how slow w is", FN61, "positive"),
        "unit": Parameter(
            1e-3, "second", "the unit of time, which the model leaves open", FN61, "positive"
        ),
    },
    start={"v": -1.2, "w": -0.625},
    sources=(FN61,),
    drive=Drive("I", "1", "stimulus"),
    threshold="v > 1",
    step=5e-5,
    coarsest=4e-4,
    shows=("v", "w"),
)
