"""The keys of a study that are not a profile's, and what they may be."""

from __future__ import annotations

import math
from typing import Any

from neurohw.errors import UnknownName

Kinds = tuple[tuple[type, ...], str]
"""Types of a value, and what to give."""
TOP: dict[str, Kinds] = {
    "chip": ((str,), "a chip's name or a profile"),
    "seed": ((int,), "a whole number from 0"),
}
OWN: dict[str, dict[str, Kinds]] = {
    "network": {
        "file": ((str,), "a NIR file, or digits:lif"),
        "dt": ((int, float), "the time step in seconds"),
        "integrator": ((str,), "'exact' or 'euler'"),
        "outputs": ((list,), "a list of populations"),
        "analogue": ((list,), "a list of input nodes"),
    },
    "inputs": {
        "file": ((str,), "an .npz file, or digits"),
        "samples": ((int,), "a number of trials, from 1"),
        "steps": ((int,), "a number of steps, from 1"),
        "dt": ((int, float), "the time step of the input in seconds"),
    },
    "reference": {"substeps": ((int,), "a whole number from 1")},
    "quantise": {
        "on_limit": ((str,), "'error' or 'clip'"),
        "scale": ((str,), "'population' or 'neuron'"),
        "chips": ((int,), "a whole number from 1"),
    },
}
WORDS = {
    "network.integrator": ("exact", "euler"), "quantise.on_limit": ("error", "clip"),
    "quantise.scale": ("population", "neuron"),
}  # fmt: skip
"""What a text may be."""
DEFAULTS: dict[str, Any] = {
    "network.integrator": "exact", "network.outputs": [], "network.analogue": [],
    "inputs.samples": None, "inputs.steps": None, "inputs.dt": None, "reference.substeps": 1,
    "quantise.on_limit": "error", "quantise.scale": "population", "quantise.chips": 1, "seed": 0,
}  # fmt: skip
REQUIRED = ("chip", "network.file", "network.dt", "inputs.file")
RESERVED = ("id", "error", "seconds", "neurohw")
"""Columns of every row."""


def is_own(key: str) -> bool:
    """Whether a key is the study's own, not the profile's."""
    return key in TOP or key.partition(".")[0] in OWN


def kinds_of(key: str) -> Kinds:
    """What one of the study's own keys may be; UnknownName if there is no such key."""
    outer, dot, last = key.partition(".")
    if not dot and key in TOP:
        return TOP[key]
    if last not in OWN.get(outer, {}):
        raise UnknownName.of(f"key of [{outer}]", last, OWN.get(outer, {}))
    return OWN[outer][last]


def fault_of(key: str, value: Any) -> str:
    """What is wrong with a value of a key; '' if nothing is."""
    if key in RESERVED:
        return f"'{key}' is a column of every row; it can't be an axis"
    if not _plain(value):
        return f"{key} is {value!r}; give text, numbers, lists or tables"
    if not is_own(key):
        return ""
    try:
        kinds, what = kinds_of(key)
    except UnknownName as error:
        return str(error)
    if not isinstance(value, kinds) or isinstance(value, bool):
        return f"{key} is {value!r}; it must be {what}"
    if key.endswith(".dt") and isinstance(value, (int, float)):
        fine = 1e-15 <= value <= 1e9
    elif isinstance(value, list):
        fine = all(isinstance(entry, str) for entry in value)
    elif isinstance(value, int):
        fine = (key != "seed") <= value < 2**32
    else:
        fine = value in WORDS.get(key, (value,))
    return "" if fine else f"{key} is {value!r}; it must be {what}"


def _plain(value: Any) -> bool:
    """Whether JSON holds the value as it is: no dates, no infinities."""
    if isinstance(value, dict):
        return all(map(_plain, value.values()))
    if isinstance(value, list):
        return all(map(_plain, value))
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, (str, int)) and not (isinstance(value, int) and abs(value) >= 2**63)
