"""The units that equations may name, in SI, and how values are shown to people."""

from __future__ import annotations

from typing import Final

SI: Final[dict[str, float]] = {
    "second": 1.0, "ms": 1e-3, "us": 1e-6, "Hz": 1.0, "hertz": 1.0, "kHz": 1e3,
    "volt": 1.0, "mV": 1e-3, "amp": 1.0, "nA": 1e-9, "pA": 1e-12,
    "siemens": 1.0, "nS": 1e-9, "ohm": 1.0, "Mohm": 1e6, "farad": 1.0, "pF": 1e-12,
    "meter": 1.0, "mM": 1.0,
}  # fmt: skip
"""Unit names as Brian 2 has them; millimolar is mol/m³, 1 in SI."""

SHOWN: Final[dict[str, tuple[float, str]]] = {
    "1": (1.0, ""),
    "second": (1e3, "ms"),
    "Hz": (1.0, "1/s"),
    "volt": (1e3, "mV"),
    "amp": (1e9, "nA"),
    "siemens": (1e9, "nS"),
    "ohm": (1e-6, "MΩ"),
    "farad": (1e12, "pF"),
    "meter": (1e6, "µm"),
    "meter**2": (1e12, "µm²"),
    "mM": (1.0, "mM"),
    "second*amp": (1e12, "pC"),
    "amp/meter**2": (100.0, "µA/cm²"),
    "siemens/meter**2": (0.1, "mS/cm²"),
    "farad/meter**2": (100.0, "µF/cm²"),
    "ohm*meter**2": (10.0, "kΩ·cm²"),
    "ohm*meter": (100.0, "Ω·cm"),
}
"""(factor, label): an SI value times the factor is in the unit that the field writes."""


def shown(value: float, unit: str) -> str:
    """``value`` in the field's unit, as text: ``shown(1200, "siemens/meter**2")`` is "120 mS/cm²"."""
    factor, label = SHOWN.get(unit, (1.0, unit))
    return f"{value * factor:.6g} {label}".rstrip()
