"""One task from content to figures: load, quantise, emulate, compare. Knows no files but blobs."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurohw.errors import BackendMissing, NeurohwError, one_line
from neurohw.study.content import Blobs
from neurohw.study.metrics import Run, compares, figures, of_population
from neurohw.study.model import canonical
from neurohw.watched import check_labels, membranes, traced

if TYPE_CHECKING:
    from neurohw.chip import Chip
    from neurohw.network import Inputs, Network
    from neurohw.network.events import Spikes
    from neurohw.recording import Recording

Answer = dict[str, Any]
"""``figures`` by name, ``error`` (one line, or None), ``seconds`` it took."""
KEPT = 4
"""References that a worker keeps."""


@dataclass(frozen=True)
class Meant:
    """What is the same for many tasks: the model, its inputs, and its run in floating point."""

    network: Network
    inputs: Inputs
    steps: int
    neurons: Mapping[str, Sequence[int]]
    reference: Recording | None


class Evaluator:
    """Computes tasks; keeps the last few references, which many tasks share.

    ``threads`` for emulation, None for as many as pay.
    """

    def __init__(self, blobs: Blobs, threads: int | None = 1) -> None:
        self.blobs, self.threads = blobs, threads
        self._meant: dict[str, Meant] = {}

    def answer(self, task: Mapping[str, Any]) -> Answer:
        """The figures of a task, or why there are none. BackendMissing is raised: no task can run."""
        began = time.perf_counter()
        found: dict[str, Any] = {}
        error = None
        try:
            found = self.figures(task)
        except BackendMissing:
            raise
        except NeurohwError as fault:
            error = str(fault)
        except MemoryError:
            error = "not enough memory; run fewer samples"
        except Exception as fault:  # a mistake of ours ends one task, not the study
            error = one_line(f"{type(fault).__name__}: {fault}")
        return {"figures": found, "error": error, "seconds": time.perf_counter() - began}

    def figures(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """The figures of a task; a NeurohwError says why there are none."""
        from neurohw.compare import compare
        from neurohw.emulate import emulate
        from neurohw.in_step import for_chip
        from neurohw.quantise import quantise

        chip = self.chip(task)
        meant = self.meant(task)
        late = for_chip(meant.network, chip)
        fixed = quantise(late.network, chip, **task["quantise"])
        record = {name: membranes(fixed.populations[name]) for name in meant.neurons}
        ran = emulate(
            fixed, late.inputs(meant.inputs, meant.steps), steps=meant.steps + late.longest,
            record=record, neurons=meant.neurons, seed=task["seed"], threads=self.threads,
        )  # fmt: skip
        comparison = None
        if meant.reference is not None:
            comparison = compare(
                meant.reference, fixed.physical(late.recording(ran, meant.steps)),
                outputs=meant.network.outputs, labels=meant.inputs.labels,
            )  # fmt: skip
        return figures(Run(meant.network, fixed, ran, comparison), task["metrics"])

    def chip(self, task: Mapping[str, Any]) -> Chip:
        """The chip of a task, with its changes."""
        from neurohw.chip import parse_chip

        text = self.blobs[task["shown"]["profile"]].decode("utf-8-sig")
        of = task["chip"]
        return parse_chip(text, task["shown"]["chip"], of["changes"], of["variant"])

    def meant(self, task: Mapping[str, Any]) -> Meant:
        """The model of a task, run in floating point if any figure needs that."""
        parts = ("network", "inputs", "reference")
        compared = compares(task["metrics"])
        key = canonical([compared, {k: task[k] for k in parts}])
        if key not in self._meant:
            if len(self._meant) >= KEPT:
                self._meant.pop(next(iter(self._meant)))
            self._meant[key] = self._mean(task, compared)
        return self._meant[key]

    def _mean(self, task: Mapping[str, Any], compared: bool) -> Meant:
        from neurohw.backend import reference

        network, inputs = self.model(task)
        steps = task["inputs"]["steps"] or inputs.steps + network.latency()
        neurons = traced(network, inputs.trials * steps) if compared else {}
        if not compared:
            return Meant(network, inputs, steps, neurons, None)
        recording = reference(
            network, inputs, steps=steps, record={name: ["v"] for name in neurons}, neurons=neurons,
            **task["reference"],
        )  # fmt: skip
        return Meant(network, inputs, steps, neurons, recording)

    def model(self, task: Mapping[str, Any]) -> tuple[Network, Inputs]:
        """The network and the inputs of a task, at its time step."""
        from neurohw.loading import load_inputs, load_network

        of, put = task["network"], task["inputs"]
        with tempfile.TemporaryDirectory(prefix="neurohw-study-") as folder:
            try:
                network = load_network(
                    self._write(folder, of["file"], task["shown"]["network"]), dt=of["dt"],
                    integrator=of["integrator"], outputs=of["outputs"], analogue=of["analogue"],
                )  # fmt: skip
                inputs = load_inputs(
                    self._write(folder, put["file"], task["shown"]["inputs"]), network
                )  # fmt: skip
            except NeurohwError as error:  # the same text wherever it ran
                raise type(error)(str(error).replace(f"{folder}/", "")) from None
        if put["samples"]:
            inputs = inputs.first(put["samples"])
        if put["dt"] is not None and put["dt"] != network.dt:
            inputs = retimed(inputs, put["dt"], network.dt)
        _check(network, inputs, task["metrics"])
        return network, inputs

    def _write(self, folder: str, digest: str, name: str) -> Path:
        path = Path(folder) / name
        path.write_bytes(self.blobs[digest])
        return path


def retimed(inputs: Inputs, dt: float, new: float) -> Inputs:
    """Inputs of steps of ``dt`` seconds for steps of ``new`` seconds.

    A spike at step k happens at the end of that step, (k + 1) dt, and goes into the step which that
    moment is in; those that meet add up. A current is the one that flows at the end of a step.
    """
    steps = _whole(inputs.steps * dt / new, math.ceil)
    spikes = {name: _moved(s, dt / new, steps) for name, s in inputs.spikes.items()}
    ends = [_whole((k + 1) * new / dt, math.ceil) - 1 for k in range(steps)]
    columns = np.minimum(ends, inputs.steps - 1)
    currents = {name: c[:, columns] for name, c in inputs.currents.items()}
    return replace(inputs, steps=steps, spikes=spikes, currents=currents)


def _moved(s: Spikes, ratio: float, steps: int) -> Spikes:
    from neurohw.network.events import Spikes

    table = np.array(
        [_whole((k + 1) * ratio, math.ceil) - 1 for k in range(int(s.step.max(initial=0)) + 1)]
    )
    step = np.minimum(table[s.step], steps - 1)
    place, inverse = np.unique(
        np.stack([s.trial.astype(np.int64), step, s.neuron]), axis=1, return_inverse=True
    )
    value = np.zeros(place.shape[1], np.int64)
    np.add.at(value, np.ravel(inverse), 1 if s.value is None else s.value)
    trial, step, neuron = place
    return Spikes.of(s.n, trial, step, neuron, value)


def _whole(value: float, rounding: Callable[[float], int]) -> int:
    """``rounding`` of a quotient that may be a rounding error beside a whole number."""
    near = round(value)
    return near if math.isclose(value, near, rel_tol=1e-9) else rounding(value)


def _check(network: Network, inputs: Inputs, metrics: Sequence[str]) -> None:
    """InputError if a figure can't be had from these."""
    from neurohw.errors import UnknownName

    check_labels(network, inputs)
    for name in metrics:
        pair = of_population(name)
        if pair and pair[0] not in network.populations:
            raise UnknownName.of(f"population of metric '{name}':", pair[0], network.populations)
