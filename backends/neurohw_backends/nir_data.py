"""Spikes, currents and traces from NIRData files, the records beside NIR networks.

The layout is that of ``nir.write_data`` (nir 1.0.6 on): a tree of groups with an attribute
``__type__``; for each node its observables, on a grid of time (samples, steps, neurons) or as padded
lists of events (samples, events). Here the observables are ``spikes``, ``current`` of analogue inputs,
and the variables or registers of a Recording.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.errors import InputError
from neurohw.network import Inputs, Network
from neurohw.network.checks import MOST
from neurohw.network.events import Spikes
from neurohw.recording import Recording, Trace
from neurohw_backends.nir_hdf5 import Checked, opened

_DEPTH = 64
_LATE = 1e-6
"""Part of a step by which a stored time may fall short of its step: k * dt / dt is not always k."""


@dataclass(frozen=True)
class _Events:
    index: NDArray[np.int64]
    time: NDArray[np.float64]
    value: NDArray[np.float64] | None
    n: int
    duration: float

    def spikes(self, dt: float, what: str) -> Spikes:
        trial, place = np.nonzero((self.index >= 0) & np.isfinite(self.time))
        step = np.floor(self.time[trial, place] / dt + _LATE)
        value = None if self.value is None else self.value[trial, place]
        if step.size and (step.min() < 0 or step.max() > MOST):
            raise InputError(f"{what} has an event at step {step.max():g}; give another dt")
        if value is not None and (value != np.rint(value)).any():
            raise InputError(
                f"{what} has values that are no whole numbers; spikes carry those only"
            )
        return Spikes.of(
            self.n, trial, step.astype(np.int64), self.index[trial, place],
            None if value is None else value.astype(np.int64),
        )  # fmt: skip


@dataclass(frozen=True)
class _Grid:
    data: NDArray[Any]
    dt: float

    @property
    def n(self) -> int:
        return int(self.data.shape[2])


@dataclass
class _Records:
    """What a file holds: each observable by node and name."""

    path: Path
    found: dict[str, dict[str, _Events | _Grid]] = field(default_factory=dict)

    def dt(self, given: float | None) -> float:
        grids = [
            r.dt for node in self.found.values() for r in node.values() if isinstance(r, _Grid)
        ]
        dt = given if given is not None else min(grids, default=None)
        if dt is None or not np.isfinite(dt) or dt <= 0:
            raise InputError(f"{self.path}: its events have times but no step; give dt in seconds")
        return float(dt)

    def shape(self, dt: float) -> tuple[int, int]:
        """Trials, which all records must share, and steps: of the longest that has all of them."""
        trials, steps, coarse = set(), {0}, {0}
        for node in self.found.values():
            for r in node.values():
                trials.add(int((r.index if isinstance(r, _Events) else r.data).shape[0]))
                length = r.duration if isinstance(r, _Events) else r.data.shape[1] * r.dt
                if not 0 <= length / dt <= MOST:
                    raise InputError(f"{self.path}: a record lasts {length:g} s; give another dt")
                skips = isinstance(r, _Grid) and r.dt > dt * (1 + _LATE)
                (coarse if skips else steps).add(round(length / dt))
        if len(trials) != 1:
            raise InputError(
                f"{self.path}: its records have {sorted(trials)} samples; give one number"
            )
        return trials.pop(), max(steps) or max(coarse)


def read_recording(path: str | Path, dt: float | None = None) -> Recording:
    """A Recording from a NIRData file: ``spikes``, and every other observable on a grid as a trace.

    ``dt`` (seconds) is needed where the file has events only. FileError for another file.
    """
    records = _load(Path(path))
    dt = records.dt(dt)
    trials, steps = records.shape(dt)
    sizes: dict[str, int] = {}
    spikes: dict[str, Spikes] = {}
    traces: dict[str, dict[str, Trace]] = {}
    for name, node in records.found.items():
        sizes[name] = next(iter(node.values())).n if node else 0
        spikes[name] = Spikes.none(sizes[name])
        for key, record in node.items():
            what = f"{path}: '{key}' of node '{name}'"
            if record.n != sizes[name]:
                raise InputError(f"{what} has {record.n} neurons, another record {sizes[name]}")
            if key == "spikes":
                spikes[name] = _spikes(record, dt, what)
            elif isinstance(record, _Grid):
                stride = round(record.dt / dt)
                if abs(stride * dt - record.dt) > _LATE * dt or stride < 1:
                    raise InputError(
                        f"{what} is sampled every {record.dt:g} s, no multiple of {dt:g}"
                    )
                if record.data.shape[1] != -(-steps // stride):
                    raise InputError(f"{what} has {record.data.shape[1]} samples for {steps} steps")
                neurons = np.arange(record.n, dtype=np.int64)
                traces.setdefault(name, {})[key] = Trace(record.data, neurons, stride)
    return Recording(dt, steps, trials, sizes, spikes, traces, source=f"NIRData {Path(path).name}")


def read_inputs(path: str | Path, network: Network) -> Inputs:
    """Inputs of ``network`` from a NIRData file with records of its input nodes.

    A SpikeInput takes ``spikes``, a CurrentInput ``current``, or the only record of its node.
    """
    records = _load(Path(path))
    dt = network.dt
    kept = {k: v for k, v in records.found.items() if k in network.inputs}
    if not kept:
        raise InputError(
            f"{path}: has records of {', '.join(records.found) or 'nothing'}; the inputs are "
            f"{', '.join(network.inputs)}"
        )
    records = _Records(records.path, kept)
    trials, steps = records.shape(dt)
    spikes, currents = {}, {}
    for name, node in kept.items():
        spiking = network.populations[name].spiking
        key = "spikes" if spiking else "current"
        record = node.get(key) or (next(iter(node.values())) if len(node) == 1 else None)
        if record is None:
            raise InputError(f"{path}: node '{name}' has {', '.join(node)}, but no '{key}'")
        what = f"{path}: '{key}' of node '{name}'"
        if isinstance(record, _Grid) and abs(record.dt - dt) > _LATE * dt:
            raise InputError(f"{what} has steps of {record.dt:g} s, the network of {dt:g} s")
        if spiking:
            spikes[name] = _spikes(record, dt, what)
        elif isinstance(record, _Grid):
            currents[name] = np.asarray(record.data, np.float64)
        else:
            raise InputError(f"{what} holds events; a current is given on a grid")
    inputs = Inputs(steps, trials, spikes, currents)
    sizes = {k: network.populations[k].n for k in network.inputs}
    inputs.check(sizes, {k: network.populations[k].spiking for k in network.inputs})
    return inputs


def _spikes(record: _Events | _Grid, dt: float, what: str) -> Spikes:
    if isinstance(record, _Events):
        return record.spikes(dt, what)
    if abs(record.dt - dt) > _LATE * dt:
        raise InputError(f"{what} has steps of {record.dt:g} s, not {dt:g} s")
    return Spikes.from_dense(record.data, what)


def _load(path: Path) -> _Records:
    records = _Records(path)

    def use(file: Checked, root: Any) -> _Records:
        if _kind(root) != "NIRGraphData":
            raise file.fail("is HDF5 but no NIRData: its root is no NIRGraphData")
        _graph(file, root, "", records, 0)
        return records

    return opened(path, "NIRData file", use)


def _kind(group: Any) -> str:
    kind = group.attrs.get("__type__", "")
    return kind.decode(errors="replace") if isinstance(kind, bytes) else str(kind)


def _graph(file: Checked, group: Any, prefix: str, records: _Records, depth: int) -> None:
    if depth > _DEPTH:
        raise file.fail(f"graphs are nested more than {_DEPTH} deep; flatten them")
    nodes = file.member(group, "nodes", prefix) if "nodes" in group else {}
    for name in nodes:
        item, full = file.member(nodes, name, prefix), f"{prefix}{name}"
        if _kind(item) == "NIRGraphData":
            _graph(file, item, f"{full}.", records, depth + 1)
            continue
        if _kind(item) != "NIRNodeData" or "observables" not in item:
            raise file.fail(f"node '{full}' is a {_kind(item) or 'group'}, no NIRNodeData")
        held = file.member(item, "observables", full)
        records.found[full] = {
            key: _record(file, file.member(held, key, full), f"'{key}' of node '{full}'")
            for key in held
        }


def _record(file: Checked, group: Any, what: str) -> _Events | _Grid:
    kind = _kind(group)
    if kind == "TimeGriddedData":
        data = file.numbers(file.member(group, "data", what), what)
        if data.ndim != 3:
            raise file.fail(f"{what} has shape {data.shape}; it is (samples, steps, neurons)")
        return _Grid(data, _number(file, group, "dt", what))
    if kind not in ("EventData", "ValuedEventData"):
        raise file.fail(f"{what} is a {kind or 'group'}; TimeGriddedData and EventData are read")
    index, time = (file.numbers(file.member(group, key, what), what) for key in ("idx", "time"))
    value = None
    if kind == "ValuedEventData":
        value = file.numbers(file.member(group, "value", what), what).astype(np.float64)
    shapes = {a.shape for a in (index, time, value) if a is not None}
    if len(shapes) > 1 or index.ndim != 2 or index.dtype.kind not in "iu":
        raise file.fail(
            f"{what} has columns of shapes {shapes}; each is (samples, events), idx whole"
        )
    n = _number(file, group, "n_neurons", what)
    if n != int(n) or not 0 <= n <= MOST or (index.size and index.max() >= n):
        raise file.fail(f"{what} has n_neurons {n:g} and an index {index.max(initial=0)}")
    duration = _number(file, group, "t_max", what)
    return _Events(index.astype(np.int64), time.astype(np.float64), value, int(n), duration)


def _number(file: Checked, group: Any, key: str, what: str) -> float:
    try:
        value = float(group.attrs[key])
    except (KeyError, TypeError, ValueError):
        raise file.fail(f"{what} has no number '{key}'; export it again") from None
    if not np.isfinite(value) or value < 0:
        raise file.fail(f"{what} has {key} = {value}; it must be finite and 0 or more")
    return value
