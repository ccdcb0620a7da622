"""Vectors of PAICORE's offline neuron: single neurons, and what they did with their input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neurohw.chip import Chip, load_chip
from neurohw.fixed import FixedPointNetwork, FixedPopulation
from neurohw.recording import Recording
from neurohw.vectors.case import Case, Check

_CODES = {
    "eps": "eps", "lam": "lam", "alpha": "alpha", "beta": "beta", "reset": "R", "gamma": "gamma",
    "kappa": "kappa", "leak_after": "leak_after",
}  # fmt: skip


def cases(path: Path, chip: Chip) -> list[Case]:
    """The neurons of ``path`` as one population of the profile's variant ``paicore``."""
    with np.load(path) as file:
        if not {*_CODES.values(), "syn", "v", "spikes"} <= set(file.files):
            return []
        data = {k: file[k].astype(np.int64) for k in file.files}
    if not chip.name.endswith(":paicore"):
        chip = load_chip(f"{chip.path}:paicore")
    ticks, n = data["syn"].shape
    codes = {ours: data[theirs] for ours, theirs in _CODES.items()}
    population = FixedPopulation.of("neurons", n, chip.neurons["neuron"], codes)
    network = FixedPointNetwork(chip, 1e-3, {}, {"neurons": population}, ())

    def check(recording: Recording) -> Sequence[Check]:
        fired = recording.spikes["neurons"].dense(1, ticks)[0]
        return [
            Check("v", data["v"], recording.trace("neurons", "v").values[0]),
            Check("spikes", data["spikes"], fired),
        ]

    run = {"steps": ticks, "record": {"neurons": ["v"]}, "injected": {"neurons": data["syn"]}}
    return [Case(path.stem, network, run, check)]
