"""Synapses onto a passive cell: by current or conductance; and a gap junction between two cells."""

from __future__ import annotations

from typing import Final

from neurohw.biophysics.model import Drive, Model, Parameter

CELL: Final = "chosen: a cell of 100 MΩ and 20 ms"
DMS: Final = "Destexhe, Mainen & Sejnowski, in Methods in Neuronal Modeling, 2nd ed. (1998)"
JS90: Final = "Jahr & Stevens, J. Neurosci. 10, 3178 (1990)"
C00: Final = "Compte et al., Cereb. Cortex 10, 910 (2000)"
DA01: Final = "Dayan & Abbott, Theoretical Neuroscience (2001), sec. 5.8"
MS72: Final = "Magleby & Stevens, J. Physiol. 223, 173 (1972)"
CURRENT: Final = Drive("I", "amp", "current into the cell")

_PASSIVE: Final = {
    "c_m": Parameter(200e-12, "farad", "membrane capacitance", CELL, "positive"),
    "g_l": Parameter(10e-9, "siemens", "leak conductance", CELL, "positive"),
    "e_l": Parameter(-0.065, "volt", "leak reversal potential", CELL),
}


def _s(value: float, meaning: str, source: str) -> Parameter:
    return Parameter(value, "second", meaning, source, "positive")


def _g(value: float) -> Parameter:
    return Parameter(value, "siemens", "maximal synaptic conductance", CELL, "non-negative")


def _e(value: float, source: str) -> Parameter:
    return Parameter(value, "volt", "reversal potential", source)


def _synapse(
    name: str, title: str, summary: str, current: str, gates: str, event: str,
    parameters: dict[str, Parameter], start: dict[str, float], source: str,
    shows: tuple[str, ...] = ("v",),
) -> Model:  # fmt: skip
    return Model(
        name=f"synapse-{name}", title=title, summary=summary,
        equations=f"dv/dt = (g_l*(e_l - v) + i_syn + I)/c_m : volt\ni_syn = {current} : amp\n{gates}",
        parameters={**_PASSIVE, **parameters}, start={"v": -0.065, **start}, sources=(source,),
        drive=CURRENT, events={"spike": event}, step=1e-4, coarsest=5e-4, shows=shows,
    )  # fmt: skip


def _conductance(
    name: str, receptor: str, summary: str, tau: float, reversal: float, source: str
) -> Model:
    return _synapse(
        name, f"{receptor} synapse", summary, "g*(e_syn - v)", "dg/dt = -g/tau_syn : siemens",
        "g += g_max",
        {"tau_syn": _s(tau, "decay of the conductance", source), "g_max": _g(1e-9),
         "e_syn": _e(reversal, source)},
        {"g": 0.0}, source, ("v", "g"),
    )  # fmt: skip


DELTA: Final = _synapse(
    "delta", "Current synapse, a jump", "A spike carries a charge: the potential jumps by q/C.",
    "0*I", "", "v += q/c_m",
    {"q": Parameter(0.1e-12, "second*amp", "charge of a spike", CELL)}, {}, DA01,
)  # fmt: skip
EXPONENTIAL: Final = _synapse(
    "exponential", "Current synapse, exponential",
    "A spike adds to a current that decays, whatever the potential.",
    "i_exp", "di_exp/dt = -i_exp/tau_syn : amp",
    "i_exp += i_max",
    {"tau_syn": _s(0.005, "decay of the current", CELL),
     "i_max": Parameter(2e-11, "amp", "current added by a spike", CELL)},
    {"i_exp": 0.0}, DA01, ("v", "i_exp"),
)  # fmt: skip
AMPA: Final = _conductance("ampa", "AMPA", "Fast excitation, reversal at 0 mV.", 0.002, 0.0, C00)
GABA_A: Final = _conductance(
    "gaba-a", "GABA-A", "Fast inhibition, reversal at -70 mV: it shunts.",
    0.010, -0.070, C00,
)  # fmt: skip
ACH: Final = _conductance(
    "ach", "Nicotinic acetylcholine", "The end plate of a muscle fibre, reversal at 0 mV.", 0.001, 0.0,
    MS72,
)  # fmt: skip
NMDA: Final = _synapse(
    "nmda", "NMDA synapse", "Slow excitation through channels that Mg²⁺ blocks at rest.",
    "g_max*s*open*(e_syn - v)",
    """\
ds/dt = -s/tau_decay + alpha*x*(1 - s) : 1
dx/dt = -x/tau_rise : 1
open = 1/(1 + mg/(3.57*mM)*exp(-62*v/volt)) : 1
""",
    "x += 1",
    {
        "tau_rise": _s(0.002, "rise of the conductance", C00),
        "tau_decay": _s(0.100, "decay of the conductance", C00),
        "alpha": Parameter(500.0, "Hz", "rate at which channels open", C00, "positive"),
        "g_max": _g(2e-9), "e_syn": _e(0.0, C00),
        "mg": Parameter(1.0, "mM", "magnesium outside", JS90, "non-negative"),
    },
    {"s": 0.0, "x": 0.0}, f"{C00}; {JS90}", ("v", "s", "open"),
)  # fmt: skip
GABA_B: Final = _synapse(
    "gaba-b", "GABA-B synapse",
    "Slow inhibition by potassium channels that G proteins open; a burst is needed.",
    "g_max*s**4/(s**4 + k_d)*(e_syn - v)",
    """\
dr/dt = -k_2*r : 1
ds/dt = k_3*r - k_4*s : 1
""",
    "r += (1 - r)*bound",
    {
        "bound": Parameter(0.086, "1", "receptors bound by 1 mM for 1 ms: 1 - exp(-0.09)", DMS, "positive"),
        "k_2": Parameter(1.2, "Hz", "unbinding", DMS, "positive"),
        "k_3": Parameter(180.0, "Hz", "G protein made, µM by a bound receptor", DMS, "positive"),
        "k_4": Parameter(34.0, "Hz", "G protein cleared", DMS, "positive"),
        "k_d": Parameter(100.0, "1", "dissociation constant, µM⁴", DMS, "positive"),
        "g_max": _g(5e-9), "e_syn": _e(-0.095, DMS),
    },
    {"r": 0.0, "s": 0.0}, DMS, ("v", "s"),
)  # fmt: skip

GAP_JUNCTION: Final = Model(
    name="gap-junction",
    title="Two cells with a gap junction",
    summary="A conductance between two cells: current into one also moves the other.",
    equations="""\
dv/dt = (g_l*(e_l - v) + g_gap*(v_2 - v) + I)/c_m : volt
dv_2/dt = (g_l*(e_l - v_2) + g_gap*(v - v_2))/c_m : volt
""",
    parameters={
        **_PASSIVE,
        "g_gap": Parameter(10e-9, "siemens", "conductance of the junction", CELL, "non-negative"),
    },
    start={"v": -0.065, "v_2": -0.065},
    sources=(DA01,),
    drive=CURRENT,
    step=1e-4,
    coarsest=2e-3,
    shows=("v", "v_2"),
)

SYNAPSES: Final = (DELTA, EXPONENTIAL, AMPA, NMDA, GABA_A, GABA_B, ACH)
