"""What a run leaves behind, the same for the chip, the float reference and a foreign simulator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw import files
from neurohw.errors import FileError, InputError, UnknownName
from neurohw.network.checks import integers, whole
from neurohw.network.events import Spikes

FORMAT = 1


@dataclass(frozen=True, eq=False)
class Trace:
    """One register or variable of some neurons over time.

    ``values`` has shape (trials, samples, neurons): int64 register codes from a chip, float64
    physical values from a float simulation. Sample s holds the value at the end of step
    ``s * stride``. ``neurons`` are the int64 indices recorded, within the population.
    """

    values: NDArray[Any]
    neurons: NDArray[np.int64]
    stride: int = 1

    def steps(self) -> NDArray[np.int64]:
        """The step after which each sample was taken."""
        return np.arange(self.values.shape[1], dtype=np.int64) * self.stride


@dataclass(frozen=True, eq=False)
class Recording:
    """Spikes, traces and counters of ``trials`` runs of ``steps`` steps of ``dt`` seconds.

    ``sizes``: neurons by population (inputs included, whose spikes are recorded too).
    ``traces``: by population, then register name. ``overflows``: how often a store or a sizing
    primitive changed a value, by population and register. ``synaptic_events``: synaptic operations
    by projection name. ``lost``: spikes that a chip's tables did not deliver, by cause and place. A
    spike at step k happened at the end of that step, time (k + 1) * dt.
    """

    dt: float
    steps: int
    trials: int
    sizes: Mapping[str, int]
    spikes: Mapping[str, Spikes]
    traces: Mapping[str, Mapping[str, Trace]] = field(default_factory=dict)
    overflows: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    synaptic_events: Mapping[str, int] = field(default_factory=dict)
    source: str = ""
    lost: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("sizes", "spikes", "traces", "overflows", "synaptic_events", "lost"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @property
    def duration(self) -> float:
        """Length of a trial in seconds."""
        return self.steps * self.dt

    def trace(self, population: str, register: str) -> Trace:
        """The trace of one register; UnknownName if it was not recorded."""
        if population not in self.traces:
            raise UnknownName.of("recorded population", population, self.traces)
        if register not in self.traces[population]:
            raise UnknownName.of(
                f"recorded register of '{population}'", register, self.traces[population]
            )
        return self.traces[population][register]

    def first(self, trials: int) -> Recording:
        """The first ``trials`` trials only, without counters, which are of the whole run."""
        if trials >= self.trials:
            return self
        spikes = {}
        for name, s in self.spikes.items():
            k = int(np.searchsorted(s.trial, trials))
            value = None if s.value is None else s.value[:k]
            spikes[name] = Spikes(s.n, s.trial[:k], s.step[:k], s.neuron[:k], value)
        traces = {
            name: {r: Trace(t.values[:trials], t.neurons, t.stride) for r, t in registers.items()}
            for name, registers in self.traces.items()
        }
        return Recording(
            self.dt, self.steps, trials, self.sizes, spikes, traces, source=self.source
        )

    def times(self, population: str, trial: int, neuron: int) -> NDArray[np.float64]:
        """Spike times in seconds of one neuron in one trial."""
        if population not in self.spikes:
            raise UnknownName.of("population", population, self.spikes)
        s = self.spikes[population].in_trial(trial)
        return np.asarray((s.step[s.neuron == neuron] + 1) * self.dt, dtype=np.float64)

    def save(self, path: str | Path) -> None:
        """Write as .npz: arrays plus a JSON 'meta'; complete or not at all."""
        arrays: dict[str, NDArray[Any]] = {}
        meta: dict[str, Any] = {
            "format": FORMAT, "kind": "neurohw recording", "dt": self.dt, "steps": self.steps,
            "trials": self.trials, "source": self.source, "sizes": dict(self.sizes),
            "overflows": {k: dict(v) for k, v in self.overflows.items()},
            "synaptic_events": dict(self.synaptic_events), "traces": [], "spikes": [],
            "lost": dict(self.lost),
        }  # fmt: skip
        for k, (name, s) in enumerate(self.spikes.items()):
            meta["spikes"].append({"population": name, "n": s.n, "graded": s.value is not None})
            for column in ("trial", "step", "neuron"):
                arrays[f"spikes{k}.{column}"] = getattr(s, column)
            if s.value is not None:
                arrays[f"spikes{k}.value"] = s.value
        for name, registers in self.traces.items():
            for register, trace in registers.items():
                k = len(meta["traces"])
                meta["traces"].append(
                    {"population": name, "register": register, "stride": trace.stride}
                )
                arrays[f"trace{k}.values"], arrays[f"trace{k}.neurons"] = (
                    trace.values,
                    trace.neurons,
                )
        files.write_npz(path, {"meta": np.array(json.dumps(meta)), **arrays})


def load_recording(path: str | Path) -> Recording:
    """Read what :meth:`Recording.save` wrote; FileError if it is anything else."""
    data = files.read_npz(path)
    try:
        meta = files.read_meta(path, data, "neurohw recording", FORMAT)
        spikes = {
            entry["population"]: Spikes.of(
                whole("n", entry["n"]),
                data[f"spikes{k}.trial"],
                data[f"spikes{k}.step"],
                data[f"spikes{k}.neuron"],
                data[f"spikes{k}.value"] if entry["graded"] else None,
            )
            for k, entry in enumerate(meta["spikes"])
        }
        traces: dict[str, dict[str, Trace]] = {}
        for k, entry in enumerate(meta["traces"]):
            traces.setdefault(entry["population"], {})[entry["register"]] = Trace(
                data[f"trace{k}.values"],
                data[f"trace{k}.neurons"],
                whole("stride", entry["stride"]),
            )
        recording = Recording(
            dt=float(meta["dt"]), steps=whole("steps", meta["steps"]),
            trials=whole("trials", meta["trials"]),
            sizes={k: whole(f"size of '{k}'", v) for k, v in meta["sizes"].items()},
            spikes=spikes, traces=traces,
            overflows={k: _counts(v) for k, v in meta["overflows"].items()},
            synaptic_events=_counts(meta["synaptic_events"]), source=str(meta["source"]),
            lost=_counts(meta.get("lost", {})),
        )  # fmt: skip
        _check(recording)
        return recording
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(
            f"{path}: not a complete neurohw recording ({error}); write it again"
        ) from None


def _counts(values: Mapping[str, Any]) -> dict[str, int]:
    return {k: whole(f"count of '{k}'", v, 0, 2**63 - 1) for k, v in values.items()}


def _check(recording: Recording) -> None:
    """InputError unless spikes and traces lie within what the recording says it holds."""
    r = recording
    if not (np.isfinite(r.dt) and r.dt > 0):
        raise InputError(f"dt is {r.dt}")
    for name in (*r.spikes, *r.traces):
        if name not in r.sizes:
            raise InputError(f"population '{name}' has no size")
    for name, s in r.spikes.items():
        if s.n != r.sizes[name]:
            raise InputError(f"population '{name}' has {r.sizes[name]} neurons, its spikes {s.n}")
        for what, column, limit in (
            ("trial", s.trial, r.trials), ("step", s.step, r.steps), ("neuron", s.neuron, s.n),
        ):  # fmt: skip
            integers(f"spikes of '{name}': {what}", column, 0, limit - 1)
    for name, registers in r.traces.items():
        for register, trace in registers.items():
            what = f"trace '{register}' of '{name}'"
            integers(f"{what}: neurons", trace.neurons, 0, r.sizes[name] - 1)
            shape = (r.trials, -(-r.steps // trace.stride), trace.neurons.size)
            if trace.values.shape != shape or trace.neurons.ndim != 1:
                raise InputError(f"{what} has shape {trace.values.shape}, not {shape}")
            if trace.values.dtype.kind not in "if":
                raise InputError(f"{what} holds {trace.values.dtype} values")
