"""Vectors made by Lava's fixed_pt models: every register at every tick, interpreter and kernel.

Any LIF, LIFRefractory or ATRLIF vector put into the folder beside this file is replayed.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from neurohw.emulate import emulate, interpret
from neurohw.fixed import FixedPointNetwork, FixedPopulation

FOLDER = Path(__file__).parent / "lava"
NEURON = {"LIF": "lif", "LIFRefractory": "lif_refractory", "ATRLIF": "atrlif"}
RENAMED = {"refractory_period": "refractory"}


def vectors() -> list[Path]:
    return sorted(p for p in FOLDER.glob("*.npz") if p.name.split("_")[0].startswith((*NEURON,))
                  and not p.name.startswith("LIFReset"))  # fmt: skip


def network_of(meta: dict, n: int, chip) -> FixedPointNetwork:
    neuron = chip.neurons[NEURON[meta["model"].split()[0]]]
    parameters = {RENAMED.get(k, k): np.asarray(v) for k, v in meta["params"].items()}
    population = FixedPopulation.of("x", n, neuron, parameters)
    return FixedPointNetwork(chip, 1e-3, {}, {"x": population}, ())


def test_vectors_are_here():
    assert {p.name.split("_")[0] for p in vectors()} == {"LIF", "LIFRefractoryCustom", "ATRLIF"}


@pytest.mark.parametrize("path", vectors(), ids=lambda p: p.stem)
@pytest.mark.parametrize("run", [emulate, interpret], ids=["kernel", "interpreter"])
def test_vector(path, run, loihi2):
    with np.load(path) as archive:
        data = dict(archive)
    meta = json.loads(str(data["meta"]))
    arriving = data["in_a_in"].T
    steps, n = arriving.shape
    network = network_of(meta, n, loihi2)
    registers = list(network.populations["x"].neuron.tick.registers)
    got = run(network, steps=steps, record={"x": registers}, injected={"x": arriving})
    compared = 0
    for register in registers:
        if f"out_{register}" in data:
            values = got.trace("x", register).values[0]
            assert np.array_equal(values, data[f"out_{register}"]), register
            compared += values.size
    assert np.array_equal(got.spikes["x"].dense(1, steps)[0], data["out_s_out"])
    assert compared >= 2 * steps * n
