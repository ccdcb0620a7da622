"""Vectors of Lava's fixed_pt models: one population or one connection, and what it gave at each step.

The README beside the vectors lists the arrays of a file. Column t of an input is Lava's time step
t + 1 and our tick t.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw import files
from neurohw.chip.model import Chip
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.network.events import Spikes
from neurohw.network.inputs import Inputs
from neurohw.recording import Recording
from neurohw.vectors.case import Case, Check

NEURONS = {
    "LIF": "lif", "LIFRefractory": "lif_refractory", "LIFReset": "lif_reset",
    "TernaryLIF": "ternary", "ATRLIF": "atrlif",
}  # fmt: skip
"""Lava's process and our neuron."""
CONNECTIONS = ("Dense", "Sparse", "DelayDense", "DelaySparse")
RENAMED = {"refractory_period": "refractory"}
MODES = {"M": "mixed", "E": "excitatory", "I": "inhibitory", "N": "excitatory"}
"""First letter of Lava's sign mode; it treats NULL like EXCITATORY."""

Data = dict[str, NDArray[Any]]


def cases(path: Path, chip: Chip) -> list[Case]:
    """The one case of a file; none if it is of another kind or of a process the chip has not."""
    if Path(path).suffix != ".npz" or not chip.oracle.name.startswith("lava"):
        return []
    data = files.read_npz(path)
    if "meta" not in data:
        return []
    meta = json.loads(str(data["meta"]))
    model = meta["model"].split()[0]
    if model in CONNECTIONS:
        return [_connection(Path(path).stem, data, meta["params"], chip)]
    if NEURONS.get(model) in chip.neurons:
        return [_neuron(Path(path).stem, data, NEURONS[model], meta["params"], chip)]
    return []


def _neuron(name: str, data: Data, kind: str, params: Mapping[str, Any], chip: Chip) -> Case:
    """A population whose input is injected: its spikes and all registers that the file has."""
    neuron = chip.neurons[kind]
    codes = {}
    for key, value in params.items():
        if key.startswith("delta_"):  # ATRLIF's decays are fractions k / 4096
            whole = np.rint(np.asarray(value) * 2 ** neuron.tick.constants["decay_bits"])
            codes["k_" + key[6:]] = whole.astype(np.int64)
        else:
            codes[RENAMED.get(key, key)] = np.asarray(value)
    arriving = data["in_a_in"].T.astype(np.int64)
    steps, n = arriving.shape
    population = FixedPopulation.of("x", n, neuron, codes)
    network = FixedPointNetwork(chip, 1e-3, {}, {"x": population}, (), name=name)
    registers = [r for r in neuron.tick.registers if f"out_{r}" in data]
    run = {"steps": steps, "record": {"x": registers}, "injected": {"x": arriving}}

    def check(got: Recording) -> Sequence[Check]:
        raster = got.spikes["x"].dense(1, steps)[0]
        return [
            Check("s_out", data["out_s_out"].astype(np.int64), raster.astype(np.int64)),
            *(
                Check(r, data[f"out_{r}"].astype(np.int64), got.trace("x", r).values[0])
                for r in registers
            ),
        ]

    return Case(name, network, run, check)


def _connection(name: str, data: Data, params: Mapping[str, Any], chip: Chip) -> Case:
    """A projection from spiking inputs: what arrives at its target."""
    matrix = np.asarray(params["weights"], np.int64)
    mode = _mode(params.get("sign_mode"), matrix)
    # Lava clips what its format can't hold and drops weights of the wrong sign; the chip's rule
    # does the rest.
    form = chip.weight.mantissa
    assert form is not None
    low = 0 if mode == "excitatory" else form.low
    high = 0 if mode == "inhibitory" else form.high
    post, pre = np.nonzero(matrix)
    weight = np.clip(matrix, low, high)[post, pre]
    delays = np.broadcast_to(np.asarray(params.get("delays", 0), np.int64), matrix.shape)
    values = data["in_s_in"].T.astype(np.int64)
    if not params.get("num_message_bits", 0):
        values = (values != 0).astype(np.int64)
    steps, channels = values.shape
    step, channel = np.nonzero(values)
    spikes = Spikes.of(channels, np.zeros_like(step), step, channel, values[step, channel])
    neuron = chip.neurons["lif"]
    codes = dict.fromkeys(neuron.tick.parameters, 0)
    network = FixedPointNetwork(
        chip, 1e-3, {"in": channels},
        {"x": FixedPopulation.of("x", len(matrix), neuron, codes)},
        (
            FixedProjection.of(
                "in", "x", pre, post, weight, delays[post, pre], int(params.get("weight_exp", 0)),
                bits=int(params.get("num_weight_bits", 8)), mode=mode,
            ),
        ), name=name,
    )  # fmt: skip
    port = neuron.port
    run = {
        "inputs": Inputs(steps, spikes={"in": spikes}), "steps": steps, "record": {"x": [port]}
    }  # fmt: skip

    def check(got: Recording) -> Sequence[Check]:
        arrived = got.trace("x", port).values[0]
        return [Check("a_out", data["out_a_out"].astype(np.int64), arrived)]

    return Case(name, network, run, check)


def _mode(given: Any, matrix: NDArray[np.int64]) -> str:
    """The weight mode: as given, or what Lava chooses by the signs of the weights."""
    if given and str(given)[0].upper() in MODES:
        return MODES[str(given)[0].upper()]
    if (matrix >= 0).all():
        return "excitatory"
    return "inhibitory" if (matrix <= 0).all() else "mixed"
