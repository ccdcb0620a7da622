"""SpiNNaker 1: the time step of sPyNNaker's binaries, from the content of the ring buffer on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.chip.model import Chip
from neurohw.fixed import FixedPointNetwork, FixedPopulation
from neurohw.recording import Recording
from neurohw.vectors.case import Case, Check

Arrays = Mapping[str, NDArray[Any]]

_PARAMETERS = {
    "p_v": "v_init", "p_v_rest": "v_rest", "p_c_m": "c_m", "p_tau_m": "tau_m",
    "p_i_offset": "i_offset", "p_v_reset": "reset", "p_t_refrac": "t_refrac",
    "p_refr0": "refract_init", "p_ts": "ts", "p_thr": "thr", "p_tau_e": "tau_exc",
    "p_ie": "i_exc_init", "p_tau_i": "tau_inh", "p_ii": "i_inh_init", "p_tau_ca": "tau_ca",
    "p_i_ca": "ca_init", "p_i_alpha": "ca_step",
}  # fmt: skip
_DERIVED = {
    "d_R": "r_membrane", "d_exp_tc": "exp_tc", "d_T_refract": "t_refract",
    "d_exc_decay": "decay_exc", "d_exc_init": "init_exc", "d_inh_decay": "decay_inh",
    "d_inh_init": "init_inh", "d_exp_tau_ca2": "exp_ca",
}  # fmt: skip
_RECORDED = {
    "v": "seen_v", "gsyn_exc": "seen_exc", "gsyn_inh": "seen_inh", "i_ca2": "ca",
}  # fmt: skip


def cases(path: Path, chip: Chip) -> list[Case]:
    """The one population of a file, or the table of expk and expulr."""
    with np.load(path) as archive:
        data = dict(archive)
    if "x_s1615" in data:
        return [_exponential(path.stem, data, chip)]
    if "ring" not in data:
        return []
    return [_population(path.stem, data, chip)]


def _population(name: str, data: Arrays, chip: Chip) -> Case:
    neuron = chip.neurons["lif_ca2" if "p_tau_ca" in data else "lif"]
    steps, _, n = data["ring"].shape
    parameters = {_PARAMETERS[k]: data[k] for k in _PARAMETERS if k in data}
    parameters["shift_exc"], parameters["shift_inh"] = data["p_shift"]
    derived = {k: r for k, r in _DERIVED.items() if k in data}
    recorded = {k: r for k, r in _RECORDED.items() if k in data}
    population = FixedPopulation.of("x", n, neuron, parameters)

    def check(got: Recording) -> list[Check]:
        checks = [Check("spikes", data["spikes"], got.spikes["x"].dense(1, steps)[0])]
        for key, wire in recorded.items():
            checks.append(Check(key, data[key], got.trace("x", wire).values[0]))
        for key, register in derived.items():
            checks.append(Check(key, data[key], got.trace("x", register).values[0, -1]))
        return checks

    run = {
        "steps": steps,
        "record": {"x": [*recorded.values(), *derived.values()]},
        "injected": {"x": _ports(data["ring"])},
    }
    return Case(name, _network(chip, population), run, check)


def _exponential(name: str, data: Arrays, chip: Chip) -> Case:
    x = data["x_s1615"]
    population = FixedPopulation.of("x", x.size, chip.neurons["exponential"], {"x": x})

    def check(got: Recording) -> list[Check]:
        return [
            Check(key, data[f"{key}_bits"], got.trace("x", key).values[0, 0])
            for key in ("expk", "expulr")
        ]

    run = {"steps": 1, "record": {"x": ["expk", "expulr"]}}
    return Case(name, _network(chip, population), run, check)


def _network(chip: Chip, population: FixedPopulation) -> FixedPointNetwork:
    return FixedPointNetwork(chip, 1e-3, {}, {"x": population}, ())


def _ports(ring: NDArray[Any]) -> dict[str, NDArray[np.int64]]:
    """Ring buffer (steps, 2, n) by port."""
    whole = ring.astype(np.int64)
    return {"exc": whole[:, 0], "inh": whole[:, 1]}
