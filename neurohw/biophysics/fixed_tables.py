"""Look-up tables of a profile's neurons: gates over the potential, and powers of two."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from neurohw.biophysics.conductances import HODGKIN_HUXLEY
from neurohw.biophysics.gating import steady_gates
from neurohw.biophysics.model import Model
from neurohw.errors import InputError

BITS: Final = 30
"""Fraction bits of every table."""
LOW: Final = -100
HIGH: Final = 60
"""Millivolts of the first and the last entry over the potential."""
STEP: Final = 2.0**-6
"""Milliseconds of a tick of the chip's Hodgkin-Huxley neuron."""
FINEST: Final = 2


def gate_tables(model: Model = HODGKIN_HUXLEY, spacing: int = 1) -> dict[str, list[int]]:
    """Two tables for each gate of ``model`` at -100 .. 60 mV in steps of 2^-spacing mV.

    ``X_inf``: 2^30 times the steady value; ``X_rate``: 2^30 times ``1 - exp(-dt/tau)``, the share of
    the way to it that the gate goes in a tick of 2^-6 ms (exponential Euler; Rush & Larsen, IEEE
    Trans. Biomed. Eng. 25, 389, 1978). Each table has 160 * 2^spacing + 1 entries.
    InputError for a model without gates, or a spacing outside 0 .. 2.
    """
    if type(spacing) is not int or not 0 <= spacing <= FINEST:
        raise InputError(
            f"spacing is {spacing!r}; the tables have 2^spacing entries a mV, spacing 0 .. {FINEST}"
        )
    volts = 1e-3 * np.linspace(LOW, HIGH, ((HIGH - LOW) << spacing) + 1)
    found = {}
    for gate, (steady, tau) in steady_gates(model, volts).items():
        found[f"{gate}_inf"] = _codes(steady)
        found[f"{gate}_rate"] = _codes(-np.expm1(-1e-3 * STEP / tau))
    return found


def power_table(bits: int = 6) -> list[int]:
    """2^30 times 2^(j/64) for j = 0 .. 64."""
    return [round(math.ldexp(2 ** (j / (1 << bits)), BITS)) for j in range((1 << bits) + 1)]


def table_changes(model: Model = HODGKIN_HUXLEY, spacing: int = 1) -> dict[str, Any]:
    """The same chip with tables of another model with gates m, h and n, or finer ones: changes for
    ``neurohw.load_chip("biophysical", changes)``."""
    tables = gate_tables(model, spacing)
    if set(tables) != set(gate_tables()):
        raise InputError(f"{model.name} has tables {', '.join(tables)}; the neuron has m, h and n")
    return {
        **{f"tables.{k}": v for k, v in tables.items()},
        "neuron.hodgkin_huxley.constants.spacing": spacing,
        "neuron.hodgkin_huxley.constants.last": ((HIGH - LOW) << spacing) - 1,
    }


def _codes(fractions: np.ndarray[Any, Any]) -> list[int]:
    return [round(x) for x in np.ldexp(fractions, BITS).tolist()]
