"""Equilibrium potentials, in volt: Nernst, Goldman-Hodgkin-Katz, and the chord conductance.

Constants are exact in the SI of 2019.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from neurohw.errors import InputError

R: Final = 8.31446261815324
"""Gas constant, J/(mol K)."""
F: Final = 96485.33212331
"""Faraday constant, C/mol."""


def _kelvin(celsius: float) -> float:
    if not (math.isfinite(celsius) and celsius > -273.15):
        raise InputError(f"temperature is {celsius!r} °C; give one above -273.15")
    return celsius + 273.15


def _positive(what: str, value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"{what} is {value!r}; it must be above 0")
    return value


def nernst(outside: float, inside: float, valence: int = 1, celsius: float = 25.0) -> float:
    """``E = RT/(zF) ln(outside / inside)`` of an ion, concentrations in any one unit."""
    if valence == 0:
        raise InputError("valence is 0; an ion has a charge")
    ratio = _positive("outside", outside) / _positive("inside", inside)
    return R * _kelvin(celsius) / (valence * F) * math.log(ratio)


def ghk(
    permeability: Sequence[float], outside: Sequence[float], inside: Sequence[float],
    valence: Sequence[int] | None = None, celsius: float = 25.0,
) -> float:  # fmt: skip
    """The potential at which univalent ions carry no net current.

    ``RT/F ln((Σ P⁺ out + Σ P⁻ in) / (Σ P⁺ in + Σ P⁻ out))``; ``valence`` 1 or -1 for each ion, default 1.
    D. E. Goldman, J. Gen. Physiol. 27, 37 (1943); Hodgkin & Katz, J. Physiol. 108, 37 (1949).
    """
    charges = [1] * len(permeability) if valence is None else list(valence)
    if not len(permeability) == len(outside) == len(inside) == len(charges) > 0:
        raise InputError(
            "give a permeability, a concentration outside and inside, and a valence an ion"
        )
    above = below = 0.0
    for p, out, within, z in zip(permeability, outside, inside, charges):
        if z not in {1, -1}:
            raise InputError(f"valence is {z}; the equation holds for 1 and -1")
        if not (math.isfinite(p) and p >= 0):
            raise InputError(f"permeability is {p!r}; it must be non-negative")
        pair = p * _positive("outside", out), p * _positive("inside", within)
        above += pair[z < 0]
        below += pair[z > 0]
    _positive("the sum of the permeabilities", above)
    return R * _kelvin(celsius) / F * math.log(above / below)


def chord(conductance: Sequence[float], reversal: Sequence[float]) -> float:
    """Where currents through these conductances cancel: ``V = Σ gᵢ Eᵢ / Σ gᵢ``."""
    if len(conductance) != len(reversal) or not len(conductance):
        raise InputError("give a reversal potential for each conductance")
    for g in conductance:
        if not (math.isfinite(g) and g >= 0):
            raise InputError(f"conductance is {g!r}; it must be non-negative")
    total = _positive("the sum of the conductances", sum(conductance))
    return sum(g * e for g, e in zip(conductance, reversal)) / total
