"""Vectors of ReckOn's RTL: one sample of one network, its state after every time step.

The README beside the vectors lists the arrays of a file.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw import files
from neurohw.chip.model import Chip, Neuron
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.network.events import Spikes
from neurohw.network.inputs import Inputs
from neurohw.recording import Recording
from neurohw.vectors.case import Case, Check

Arrays = Mapping[str, NDArray[Any]]

TRACES = ("trace_inp", "trace_rec", "trace_out")
"""Neurons that are traces, in the order of the last axis of ``tr_snap``."""
SEEDS = {
    "rounding": "seed_strnd_neur",
    "readout_rounding": "seed_strnd_oneur",
    "noise": "seed_noise_neur",
    "trace_inp_rounding": "seed_strnd_tinp",
    "trace_rec_rounding": "seed_strnd_trec",
    "trace_out_rounding": "seed_strnd_tout",
}
"""Generator of the profile: the register that its seeds are in, lane 0 in the low bits."""


def cases(path: Path, chip: Chip) -> list[Case]:
    """The one case of a file; none if the file has learning switched on."""
    data = files.read_npz(path)
    if int(data["do_eprop"]):
        return []
    network = network_of(data, chip)
    steps, swept = data["z"].shape[0], max(_count(data, "inp"), _count(data, "rec"))
    step, channel = data["ev_tick"].astype(np.int64), data["ev_inp"].astype(np.int64)
    seen = channel < swept
    spikes = Spikes.of(swept, np.zeros(int(seen.sum()), int), step[seen], channel[seen])
    record = {
        k: ["trace" if k in TRACES else "o" if k == "o" else "u"] for k in network.populations
    }
    run = {"inputs": Inputs(steps, spikes={"input": spikes}), "steps": steps, "record": record}
    return [Case(path.stem, network, run, lambda got: checks(data, got))]


def network_of(data: Arrays, chip: Chip) -> FixedPointNetwork:
    """The network that the arrays of a file describe."""
    inputs, neurons, outputs = (_count(data, key) for key in ("inp", "rec", "out"))
    swept = max(inputs, neurons)
    n = max(swept, outputs)  # all of these take part in a time step
    pair = np.arange(n) // 2
    lif, readout = chip.neurons["lif"], chip.neurons["readout"]
    alpha, kappa = data["alpha"].astype(np.int64)[pair], int(data["kappa"])
    stochastic = int(data["en_stoch_round"])
    populations = {
        "h": FixedPopulation.of(
            "h", n, lif,
            {
                "growth": alpha - _one(lif), "thr": data["thr"][pair], "stochastic": stochastic,
                "rst_mode": int(data["rst_mode"]), "noisy": int(data["noise_en"]),
                "noise_str": int(data["noise_str"]),
                "reached": (np.arange(n) < neurons).astype(int),
            },
        ),
        "o": FixedPopulation.of(
            "o", min(n, data["out"].shape[1]), readout,
            {"growth": kappa - _one(readout), "stochastic": stochastic},
        ),
    }  # fmt: skip
    weights = [
        ("input", "h", "inp", data["winp"][:swept, :neurons], data["fp_loc_winp"]),
        ("h", "h", "rec", data["wrec"][:swept, :neurons], data["fp_loc_wrec"]),
        ("h", "o", "rec", data["wout"][:swept, :outputs], data["fp_loc_wout"]),
    ]
    if int(data["force_traces"]):
        # They are part of the neurons and count for none of the chip's limits.
        chip = replace(chip, limits={})
        for name, source, end in zip(
            TRACES, ("input", "h", "h"), ("inp", "rec", "out"), strict=True
        ):
            neuron = chip.neurons[name]
            decay = kappa if end == "out" else alpha
            codes = {
                "growth": decay - _one(neuron), "stochastic": stochastic,
                "location": int(data[f"fp_loc_t{end}"]),
            }  # fmt: skip
            populations[name] = FixedPopulation.of(name, n, neuron, codes)
            length = swept if source == "input" else neurons
            weights.append((source, name, neuron.port, np.eye(length, dtype=np.int64), np.array(0)))
    projections = []
    for source, target, port, weight, exponent in weights:
        pre, post = np.nonzero(weight)
        projections.append(
            FixedProjection.of(
                source, target, pre, post, weight[pre, post], exponent=int(exponent), port=port
            )
        )
    return FixedPointNetwork(
        chip, 1e-3, {"input": swept}, populations, tuple(projections), input_latency=0,
        seeds={name: _seeds(data, name, chip) for name in SEEDS},
    )  # fmt: skip


def checks(data: Arrays, got: Recording) -> Sequence[Check]:
    """Everything that the file recorded, against what the run gave."""
    steps, slots = data["z"].shape[0], data["z"].shape[1] * 8
    u = _padded(got.trace("h", "u").values[0], slots)
    out = _padded(got.trace("o", "o").values[0], data["out"].shape[1])
    z = np.unpackbits(data["z"], axis=1, bitorder="little")
    at = data["u_snap_tick"].astype(np.int64)
    found = [
        Check("z", z.astype(np.int64), _padded(got.spikes["h"].dense(1, steps)[0], slots)),
        Check("u_crc32", data["u_crc32"].astype(np.int64), _sums(u, "<i2")),
        Check("u_snap", data["u_snap"].astype(np.int64), u[at]),
        Check("u_rec", data["u_rec"].astype(np.int64), u[:, data["u_rec_idx"].astype(np.int64)]),
        Check("out", data["out"].astype(np.int64), out),
    ]
    if int(data["force_traces"]):
        rows = [_padded(got.trace(name, "trace").values[0], slots) for name in TRACES]
        traces = np.stack(rows, axis=2)
        found += [
            Check("tr_crc32", data["tr_crc32"].astype(np.int64), _sums(traces, "<u2")),
            Check("tr_snap", data["tr_snap"].astype(np.int64), traces[at]),
        ]
    return found


def _count(data: Arrays, key: str) -> int:
    return int(data[f"num_{key}_neur"]) + 1  # the registers hold the last index


def _one(neuron: Neuron) -> int:
    """The decay factor that keeps everything."""
    return 1 << neuron.tick.constants["decay_bits"]


def _seeds(data: Arrays, name: str, chip: Chip) -> list[int]:
    generator, value = chip.generators[name], int(data[SEEDS[name]])
    size = generator.taps[1]
    return [value >> (size * lane) & ((1 << size) - 1) for lane in range(generator.lanes)]


def _padded(values: NDArray[Any], n: int) -> NDArray[np.int64]:
    """Columns up to ``n``; what the run has none of is 0."""
    wide = np.zeros((values.shape[0], n), np.int64)
    wide[:, : values.shape[1]] = values
    return wide


def _sums(values: NDArray[np.int64], form: str) -> NDArray[np.int64]:
    return np.array([zlib.crc32(row.astype(form).tobytes()) for row in values], np.int64)
