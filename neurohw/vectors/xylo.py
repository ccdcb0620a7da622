"""Vectors of SynSense's simulator xylosim: one network of Xylo and its state after every tick.

The README beside the vectors lists the arrays of a file.
"""

from __future__ import annotations

from collections.abc import Sequence
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

REGISTERS = {
    "isyn": ("hidden", "isyn"), "isyn2": ("hidden", "isyn2"), "vmem": ("hidden", "vmem"),
    "isyn_out": ("output", "isyn"), "vmem_out": ("output", "vmem"),
}  # fmt: skip
"""Recorded array: the population and register that it is."""
SPIKES = {"hidden_spikes": "hidden", "out_spikes": "output"}


def cases(path: Path, chip: Chip) -> list[Case]:
    """The one case of a file; none if the file is of the other version of the core."""
    data = files.read_npz(path)
    has_bias = {"v1": False, "v2": True}.get(str(data["version"]))
    if has_bias is None or has_bias != ("offset" in chip.neurons["hidden"].tick.parameters):
        return []
    counts = data["input_counts"].astype(np.int64)
    steps, channels = counts.shape
    trial, step, channel = np.nonzero(counts[None])
    spikes = Spikes.of(channels, trial, step, channel, counts[step, channel])
    record: dict[str, list[str]] = {}
    for population, register in REGISTERS.values():
        record.setdefault(population, []).append(register)
    run = {"inputs": Inputs(steps, spikes={"input": spikes}), "steps": steps, "record": record}

    def check(got: Recording) -> Sequence[Check]:
        traces = [
            Check(key, data[key].astype(np.int64), got.trace(population, register).values[0])
            for key, (population, register) in REGISTERS.items()
        ]
        rasters = [
            Check(key, data[key].astype(np.int64), got.spikes[name].dense(1, steps)[0])
            for key, name in SPIKES.items()
        ]
        return traces + rasters

    return [Case(Path(path).stem, network_of(data, chip), run, check)]


def network_of(data: dict[str, NDArray[Any]], chip: Chip) -> FixedPointNetwork:
    """The network that the arrays of a file describe."""
    hidden, output = (
        FixedPopulation.of(
            name, data[f"threshold{end}"].size, chip.neurons[name],
            {
                "dash_mem": data[f"dash_mem{end}"], "vth": data[f"threshold{end}"],
                **dash_syn, **_offset(data, f"bias{end}", chip),
            },
            alias=alias,
        )
        for name, end, dash_syn, alias in (
            ("hidden", "", dict(zip(("dash_syn", "dash_syn2"), data["dash_syn"].T, strict=True)),
             data["alias"]),
            ("output", "_out", {"dash_syn": data["dash_syn_out"]}, None),
        )
    )  # fmt: skip
    shift = data["weight_shift"].tolist()
    weights = [
        ("input", "hidden", "w1", data["w_in"][:, :, 0], shift[0]),
        ("input", "hidden", "w2", data["w_in"][:, :, 1], shift[0]),
        ("hidden", "hidden", "w1", data["w_rec"][:, :, 0], shift[1]),
        ("hidden", "hidden", "w2", data["w_rec"][:, :, 1], shift[1]),
        ("hidden", "output", "w1", data["w_out"], shift[2]),
    ]
    projections = []
    for source, target, port, weight, exponent in weights:
        pre, post = np.nonzero(weight)  # the chip stores no synapse of weight 0
        projections.append(
            FixedProjection.of(
                source, target, pre, post, weight[pre, post], exponent=exponent, port=port,
                name=f"{source}->{target}.{port}",
            )
        )  # fmt: skip
    return FixedPointNetwork(
        chip, 1e-3, {"input": data["input_counts"].shape[1]}, {"hidden": hidden, "output": output},
        tuple(projections), input_latency=0,
    )  # fmt: skip


def _offset(data: dict[str, NDArray[Any]], key: str, chip: Chip) -> dict[str, Any]:
    if "offset" not in chip.neurons["hidden"].tick.parameters:
        return {}
    return {"offset": data[key] if data["has_bias"] else 0}
