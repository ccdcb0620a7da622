"""Spikes, currents and traces to NIRData files, as ``nir.write_data`` lays them out."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neurohw import files
from neurohw.errors import InputError
from neurohw.network import Inputs
from neurohw.network.events import Spikes
from neurohw.recording import Recording
from neurohw_backends.nir_hdf5 import library


def write_recording(recording: Recording, path: str | Path) -> Path:
    """Write spikes as events and traces as grids; what NIRData has no place for is left out.

    An event lies in the middle of its step. InputError for a trace of some of the neurons only.
    """
    tree: dict[str, dict[str, Any]] = {name: {} for name in recording.sizes}
    for name, s in recording.spikes.items():
        tree[name]["spikes"] = (s, recording.trials, recording.dt, recording.duration)
    for name, registers in recording.traces.items():
        for key, trace in registers.items():
            if not np.array_equal(trace.neurons, np.arange(recording.sizes[name])):
                raise InputError(
                    f"trace '{key}' of '{name}' is of {trace.neurons.size} of {recording.sizes[name]} "
                    "neurons; NIRData holds all of a node: record all"
                )
            tree[name][key] = (trace.values, trace.stride * recording.dt)
    return _write(tree, Path(path))


def write_inputs(inputs: Inputs, dt: float, path: str | Path) -> Path:
    """Write spikes as events and currents as grids of ``dt`` seconds."""
    tree: dict[str, dict[str, Any]] = {}
    for name, s in inputs.spikes.items():
        tree[name] = {"spikes": (s, inputs.trials, dt, inputs.steps * dt)}
    for name, current in inputs.currents.items():
        tree[name] = {"current": (current, dt)}
    return _write(tree, Path(path))


def _write(tree: Mapping[str, Mapping[str, Any]], path: Path) -> Path:
    stream = io.BytesIO()
    with library().File(stream, "w") as file:
        file.attrs["__type__"] = "NIRGraphData"
        nodes = file.create_group("nodes")
        for name, observables in tree.items():
            node = nodes.create_group(name)
            node.attrs["__type__"] = "NIRNodeData"
            held = node.create_group("observables")
            for key, record in observables.items():
                group = held.create_group(key)
                if isinstance(record[0], Spikes):
                    _events(group, *record)
                else:
                    group.attrs["__type__"], group.attrs["dt"] = "TimeGriddedData", record[1]
                    group.create_dataset("data", data=record[0], compression="gzip")
    with files.replacing(path) as out:
        out.write(stream.getvalue())
    return path


def _events(group: Any, s: Spikes, trials: int, dt: float, duration: float) -> None:
    counts = np.bincount(s.trial, minlength=trials)
    index = np.full((trials, max(int(counts.max(initial=0)), 1)), -1, np.int64)
    time, value = np.full(index.shape, np.inf), np.zeros(index.shape)
    place = np.arange(s.count) - np.repeat(np.cumsum(counts) - counts, counts)
    index[s.trial, place], time[s.trial, place] = s.neuron, (s.step + 0.5) * dt
    group.attrs["__type__"] = "EventData" if s.value is None else "ValuedEventData"
    group.attrs["n_neurons"], group.attrs["t_max"] = s.n, duration
    columns = {"idx": index, "time": time}
    if s.value is not None:
        value[s.trial, place] = s.value
        columns["value"] = value
    for key, column in columns.items():
        group.create_dataset(key, data=column, compression="gzip")
