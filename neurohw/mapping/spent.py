"""What a run of an image costs: its recording's spikes, counted on cores and links, and priced."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neurohw.errors import InputError
from neurohw.mapping.cost import Cost, cost
from neurohw.mapping.counts import Counts, arrivals, count
from neurohw.mapping.image import ChipImage
from neurohw.mapping.map import mesh_of
from neurohw.mapping.mesh import Mesh
from neurohw.mapping.wires import Wires
from neurohw.recording import Recording

Int64 = NDArray[np.int64]


def counts_of(image: ChipImage, recording: Recording) -> Counts:
    """Counts of all trials of a recording of this network, one after the other."""
    work, spikes = image.wires, unit_spikes(image, recording)
    cores = image.network.chip.cores
    assert cores is not None
    mesh = mesh_of(cores, image.network.chips)
    casting = "multicast" if cores.routing == "multicast" else "unicast"
    steps = recording.steps * recording.trials
    updates = _updates(image, recording, work, spikes, mesh)
    found = count(
        work.core, work.connections, spikes, steps, mesh, casting=casting, updates=updates  # type: ignore[arg-type]
    )  # fmt: skip
    if cores.routing != "multicast":
        return found
    return replace(found, routers=_router_passes(image, spikes[1]))


def _updates(
    image: ChipImage, recording: Recording, work: Wires, spikes: tuple[Int64, Int64], mesh: Mesh
) -> Int64:
    """Neurons that were not idle, int64 (steps, cores): a register was not 0 before the step or changed
    in it, a spike came or went. All of them, if registers were not recorded."""
    steps = recording.steps * recording.trials
    if not idle_known(image, recording):
        placed = np.bincount(work.core[work.core >= 0], minlength=mesh.cores)
        return np.tile(placed.astype(np.int64), (steps, 1))
    busy = np.ones((steps, work.vertex.size), np.bool_)
    came = arrivals(work.connections, spikes, steps) > 0
    at = sum(image.network.inputs.values())
    for name, p in image.network.populations.items():
        units = (work.vertex >= at) & (work.vertex < at + p.n) & (work.core >= 0)
        moved, start = np.zeros((recording.trials, recording.steps, p.n), np.bool_), p.start()
        for key in p.neuron.tick.registers:
            now = recording.traces[name][key].values
            first = np.tile(start[key], (recording.trials, 1, 1))
            before = np.concatenate([first, now[:, :-1]], axis=1)
            moved |= (before != 0) | (now != before)
        busy[:, units] = moved.reshape(steps, p.n)[:, work.vertex[units] - at] | came[:, units]
        at += p.n
    busy[spikes[0], spikes[1]] = True
    found = np.zeros((steps, mesh.cores), np.int64)
    for core in np.unique(work.core[work.core >= 0]).tolist():
        found[:, core] = busy[:, work.core == core].sum(axis=1)
    return found


def idle_known(image: ChipImage, recording: Recording) -> bool:
    """Whether a recording says which neurons were idle: all registers of all neurons at every step."""
    return all(
        (t := recording.traces.get(name, {}).get(k)) is not None and t.stride == 1
        and t.neurons.size == p.n
        for name, p in image.network.populations.items() for k in p.neuron.tick.registers
    )  # fmt: skip


def _router_passes(image: ChipImage, vertex: Int64) -> int:
    """Passes of packets through routers, the first and the last included, by the routers' own tables."""
    from neurohw.mapping.keys import send

    sends, _, found = send(image)
    fired = np.bincount(vertex, minlength=image.core.size)[sends]
    return int((fired * (found.links + 1)).sum())


def cost_of(image: ChipImage, recording: Recording, counts: Counts | None = None) -> Cost:
    """What the run cost, by the chip's own prices; counts only where it has none."""
    net = image.network
    counts = counts_of(image, recording) if counts is None else counts
    return cost(
        counts, net.chip.prices, duration=recording.duration * recording.trials, chips=net.chips
    )


def unit_spikes(image: ChipImage, recording: Recording) -> tuple[Int64, Int64]:
    """Step and unit of every spike: that of a vertex is one of each of its copies."""
    step, vertex = spikes_of(image, recording)
    order = np.argsort(image.wires.vertex, kind="stable")
    first = np.searchsorted(image.wires.vertex[order], np.arange(image.core.size + 1))
    many = np.diff(first)[vertex]
    at = np.repeat(first[vertex] - (np.cumsum(many) - many), many) + np.arange(int(many.sum()))
    return np.repeat(step, many), order[at].astype(np.int64)


def spikes_of(image: ChipImage, recording: Recording) -> tuple[Int64, Int64]:
    """Step (trials one after the other) and vertex of every spike, int64 (spikes,)."""
    steps, vertices, at = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], 0
    for name, n in image.network.sizes.items():
        if recording.sizes.get(name, n) != n:
            raise InputError(
                f"the recording has {recording.sizes[name]} neurons in '{name}', the image {n}; give a "
                "recording of the same network"
            )
        if name in recording.spikes:
            s = recording.spikes[name]
            steps.append(s.trial.astype(np.int64) * recording.steps + s.step)
            vertices.append(s.neuron.astype(np.int64) + at)
        at += n
    return np.concatenate(steps), np.concatenate(vertices)
