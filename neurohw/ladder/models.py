"""The simpler models, in the units of the one above: exponential, leaky, adaptive integrate-and-fire.

All are ``C dV/dt = g_L (E_L - V) + ... + I``; a spike resets V and holds it for ``t_ref``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from neurohw.biophysics import Drive, Model, Parameter
from neurohw.errors import InputError

FITTED: Final = "fitted"
UNITS: Final[Mapping[str, tuple[str, str, str]]] = {
    "amp/meter**2": ("volt", "siemens/meter**2", "farad/meter**2"),
    "amp": ("volt", "siemens", "farad"),
    "1": ("1", "1", "second"),
}
"""By the unit of the drive: those of the membrane, a conductance and a capacitance."""
_LEAK = "g_l*(e_l - v)"
_SPIKE = "g_l*delta_t*exp(clip((v - v_t)/delta_t, -700, 25))"
MEANING: Final[Mapping[str, str]] = {
    "c_m": "membrane capacitance", "g_l": "leak conductance", "e_l": "leak reversal potential",
    "v_t": "where a spike starts at rheobase", "delta_t": "sharpness of the spike's start",
    "v_peak": "where a spike is counted", "v_threshold": "threshold",
    "v_reset": "potential after a spike", "t_ref": "refractory time",
    "tau_theta": "decay of the adaptation", "delta_theta": "jump of the threshold at a spike",
}  # fmt: skip
_POSITIVE = {"c_m", "g_l", "delta_t", "tau_theta"}
_NOT_NEGATIVE = {"t_ref", "delta_theta"}


def simpler(kind: str, above: Model, values: Mapping[str, float], rest: float) -> Model:
    """An ``eif``, ``lif`` or ``alif`` with these parameters, SI, that takes the drive of ``above``.

    It begins at ``rest``. InputError if ``above`` takes something else than a current.
    """
    drive, (volt, siemens, farad) = checked(above)
    unit = {"c_m": farad, "g_l": siemens, "t_ref": "second", "tau_theta": "second"}
    parameters = {
        name: Parameter(
            float(value), unit.get(name, volt), MEANING[name], FITTED,
            "positive" if name in _POSITIVE else "non-negative" if name in _NOT_NEGATIVE else "any",
        )
        for name, value in values.items()
    }  # fmt: skip
    spike = f" + {_SPIKE}" if kind == "eif" else ""
    equations = f"dv/dt = ({_LEAK}{spike} + {drive.name})/c_m : {volt} (unless refractory)"
    start, reset, threshold = {"v": rest}, "v = v_reset", "v_threshold"
    if kind == "eif":
        threshold = "v_peak"
    if kind == "alif":
        equations += f"\ndtheta/dt = -theta/tau_theta : {volt}"
        start, reset = {**start, "theta": 0.0}, reset + "\ntheta += delta_theta"
        threshold = "v_threshold + theta"
    return Model(
        name=kind, title=f"{kind.upper()} fitted to {above.name}", summary=f"Fitted to {above.name}.",
        equations=equations, parameters=parameters, start=start, sources=(FITTED,), drive=drive,
        rests=False, threshold=f"v > {threshold}", reset=reset,
        refractory="t_ref" if "t_ref" in values else "", step=5e-5, coarsest=1e-3,
    )  # fmt: skip


def checked(model: Model) -> tuple[Drive, tuple[str, str, str]]:
    """The drive of a model that spikes, and its units; InputError for one that has no ladder."""
    if not isinstance(model, Model):
        raise InputError(f"{getattr(model, 'name', model)} is no point model; take one that spikes")
    if model.drive is None or not model.threshold or "v" not in model.states:
        raise InputError(f"{model.name} takes no current or has no spikes; take another model")
    if model.drive.unit not in UNITS:
        raise InputError(
            f"{model.name} is driven by {model.drive.meaning} in {model.drive.unit}, not by a current; "
            "take another model"
        )
    return model.drive, UNITS[model.drive.unit]


def thousandth(model: Model) -> float:
    """A millivolt in the unit of the model's membrane: 1e-3 V, or a hundredth of a pure number."""
    return 1e-3 if checked(model)[1][0] == "volt" else 1e-2
