"""Vectors of RANC's Verilog: a mesh of cores, its packets, and every neuron at every tick."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.chip import Chip, load_chip
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.network.events import Spikes
from neurohw.network.inputs import Inputs
from neurohw.recording import Recording
from neurohw.vectors.case import Case, Check

Ints = NDArray[np.int64]


def cases(path: Path, chip: Chip) -> list[Case]:
    """The mesh in ``path`` as one network; nothing if the file holds no mesh."""
    with np.load(path) as file:
        if not {"conn_bits", "axon_type", "packets"} <= set(file.files):
            return []
        mesh = Mesh({k: file[k].astype(np.int64) for k in file.files})
    network = mesh.network(load_chip(chip.path, mesh.changes()))
    return [Case(path.stem, network, mesh.run(), mesh.check)]


class Mesh:
    """The arrays of one file, and which packet goes where.

    All cores but the output are numbered in their order in the file; axon a of core c is number
    c * NA + a of the population ``axons``, neuron n is c * NN + n of ``neurons``.
    """

    def __init__(self, data: Mapping[str, Ints]) -> None:
        self.data = data
        self.axons, self.neurons = int(data["NA"]), int(data["NN"])
        self.cores, self.ticks = data["core_index"].size, int(data["T"])
        width, height = int(data["GX"]), int(data["GY"])
        self.number = np.full(width * height, -1)
        self.number[data["core_index"]] = np.arange(self.cores)
        self.shape = width, height
        self.output = int(data["OX"]) + int(data["OY"]) * width
        x, y = data["core_index"] % width, data["core_index"] // width
        self.core, self.to_output = self._where(x[:, None] + data["dx"], y[:, None] + data["dy"])
        # The host's packets enter at core 0.
        packets = data["packets"].reshape(-1, 6)
        self.tick, self.phase, dx, dy, self.axon, self.delay = packets.T
        self.packet_core, self.packet_out = self._where(dx, dy)

    def _where(self, x: Ints, y: Ints) -> tuple[Ints, NDArray[np.bool_]]:
        """The core at each place (-1 if there is none), and whether it is the output."""
        width, height = self.shape
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        place = np.where(inside, x + y * width, 0)
        return np.where(inside, self.number[place], -1), inside & (place == self.output)

    def changes(self) -> dict[str, Any]:
        """The profile with the widths of this file. The mesh is given, so that no limits apply."""
        d = {k: int(self.data[k]) for k in ("PW", "WW", "LW", "TW", "NT")}
        neuron = "neuron.neuron"
        return {
            f"{neuron}.registers.v": f"s{d['PW']} wrap",
            f"{neuron}.parameters.reset": f"s{d['PW']}",
            f"{neuron}.parameters.leak": f"s{d['LW']}",
            f"{neuron}.parameters.pos": f"s{d['TW']}",
            f"{neuron}.parameters.neg": f"s{d['TW']}",
            "weight.mantissa": f"s{d['WW']}",
            "delay.max": d["NT"] - 2,
            "limits": {},
        }

    def network(self, chip: Chip) -> FixedPointNetwork:
        """Axons and neurons of all cores, the output bus, and one input channel for each packet."""
        d, cores = self.data, self.cores
        neuron, axon = chip.neurons["neuron"], chip.neurons["axon"]
        codes = {
            "reset": d["v_reset"], "leak": d["leak"], "pos": d["pos_thr"], "neg": d["neg_thr"],
            "mode": d["reset_mode"],
        }  # fmt: skip
        populations = [
            FixedPopulation.of("axons", cores * self.axons, axon, {}),
            FixedPopulation.of(
                "neurons", cores * self.neurons, neuron,
                {k: v.ravel() for k, v in codes.items()}, {"v": d["v_init"].ravel()},
            ),
            FixedPopulation.of("output", self.axons, axon, {}),
        ]  # fmt: skip
        return FixedPointNetwork(
            chip, 1e-3, {"host": max(self.tick.size, 1)}, {p.name: p for p in populations},
            tuple(self._projections(chip.delay.high)), input_latency=0,
        )  # fmt: skip

    def _projections(self, longest: int) -> list[FixedProjection]:
        d = self.data
        bits = np.unpackbits(d["conn_bits"].astype(np.uint8), axis=2, bitorder="little")
        core, n, a = np.nonzero(bits[:, :, : self.axons])
        weight = d["weights"][core, n, d["axon_type"][core, a]]
        crossbar = FixedProjection.of(
            "axons", "neurons", core * self.axons + a, core * self.neurons + n, weight
        )
        flat = {k: d[k].ravel() for k in ("dst_axon", "dst_tick")}
        inner = np.flatnonzero(self.core >= 0)
        outer = np.flatnonzero(self.to_output)
        target = self.core.ravel() * self.axons + flat["dst_axon"]
        given, out = np.flatnonzero(self.packet_core >= 0), np.flatnonzero(self.packet_out)
        place = self.packet_core * self.axons + self.axon
        delay = np.minimum(self.delay, longest)
        return [
            crossbar,
            FixedProjection.of(
                "neurons", "axons", inner, target[inner], 1, flat["dst_tick"][inner]
            ),
            FixedProjection.of("neurons", "output", outer, flat["dst_axon"][outer], 1),
            FixedProjection.of("host", "axons", given, place[given], 1, delay[given]),
            FixedProjection.of("host", "output", out, self.axon[out], 1),
        ]

    def run(self) -> dict[str, Any]:
        """One tick more than the file has, in which the last packets reach the output."""
        longest, steps = int(self.data["NT"]) - 2, self.ticks + 1
        # Before a tick starts, a packet may have one more tick of delay than a neuron's: then the
        # host waits for that long. The output takes a packet at once and counts it to its tick.
        step = self.tick + self.phase + np.maximum(self.delay - longest, 0)
        step = np.where(self.packet_out, self.tick + 1, step)
        seen = np.flatnonzero(step < steps)
        host = Spikes.of(max(self.tick.size, 1), np.zeros_like(seen), step[seen], seen)
        return {
            "inputs": Inputs(steps, spikes={"host": host}),
            "record": {"neurons": ["v"], "axons": ["packets"], "output": ["packets"]},
        }

    def check(self, recording: Recording) -> Sequence[Check]:
        """Potentials and spikes; what arrived at each axon, and at the output, at each tick."""
        d, ticks = self.data, self.ticks
        shape = ticks, self.cores, self.neurons
        spikes = np.zeros(shape, np.int64)
        t, core, n = d["spikes"].reshape(-1, 3).T
        spikes[t, self.number[core], n] = 1
        fired = recording.spikes["neurons"].dense(1, ticks + 1)[0, :ticks]
        output = np.zeros((ticks, self.axons), np.int64)
        np.add.at(output, tuple(d["out"].reshape(-1, 2).T), 1)
        got = {k: recording.trace(k, "packets").values[0] for k in ("axons", "output")}
        return [
            Check("v", d["v"], recording.trace("neurons", "v").values[0, :ticks].reshape(shape)),
            Check("spikes", spikes, fired.reshape(shape)),
            Check("packets at axons", self._arrivals(), got["axons"][:ticks]),
            Check("packets at the output", output, got["output"][1:]),
        ]

    def _arrivals(self) -> Ints:
        """Packets that each axon has for each tick, from the writes that the RTL made.

        A write in tick t is for tick t + 1 + d; one of the host before that tick, for t + d.
        """
        found = np.zeros((self.ticks + 1, self.cores * self.axons), np.int64)

        def add(tick: Ints, core: Ints, axon: Ints, count: int) -> None:
            seen = (tick <= self.ticks) & (core >= 0)
            np.add.at(found, (tick[seen], core[seen] * self.axons + axon[seen]), count)

        tick, core, axon, delay = self.data["sched_writes"].reshape(-1, 4).T
        add(tick + 1 + delay, self.number[core], axon, 1)
        early = self.phase == 0
        given = self.tick[early] + self.delay[early]
        place = self.packet_core[early], self.axon[early]
        add(given + 1, *place, -1)
        add(given, *place, 1)
        return found[: self.ticks]
