"""How much work a network is, wherever it runs: the metrics of NeuroBench 2.3.0, by its definitions.

They are of the network and its spikes alone; what a mapping adds is in neurohw.mapping.counts.
Definitions: Yik et al., NeuroBench, Nature Communications 16:1545, 2025, as its package implements them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.errors import InputError
from neurohw.fixed import FixedPointNetwork
from neurohw.network.checks import numbers
from neurohw.network.inputs import Inputs
from neurohw.recording import Recording


@dataclass(frozen=True)
class Workload:
    """NeuroBench's metrics; operations and updates are of one sample (one trial) on average.

    ``parameters``: weights of the layers, zeros too. ``footprint``: bytes of them and of what is
    stored beside them. ``connection_sparsity``: zeros among them, four digits. ``activation_sparsity``:
    silent ones among all outputs of neurons, steps and samples (inputs are not neurons); ``by_layer``
    the same of each layer. ``effective_acs``: additions, one for each nonzero weight of each nonzero
    activation, at those steps and layers where all of these are -1, 0 or 1; ``effective_macs`` at the
    others. ``dense``: all of them, zeros too. ``membrane_updates``: membranes that changed from one
    step to the next, and at the first step all; None without their traces. ``weight_bits``: bits that
    a chip stores for weights, None if there is no chip.
    """

    parameters: int
    footprint: int
    connection_sparsity: float
    activation_sparsity: float
    by_layer: tuple[float, ...]
    effective_acs: float
    effective_macs: float
    dense: float
    membrane_updates: float | None = None
    weight_bits: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """By NeuroBench's own names."""
        found: dict[str, Any] = {
            "Footprint": self.footprint,
            "ConnectionSparsity": self.connection_sparsity,
            "ParameterCount": self.parameters,
            "ActivationSparsity": self.activation_sparsity,
            "SynapticOperations": {
                "Effective_MACs": self.effective_macs,
                "Effective_ACs": self.effective_acs,
                "Dense": self.dense,
            },
        }
        if self.membrane_updates is not None:
            found["MembraneUpdates"] = self.membrane_updates
        return found


def neurobench(
    weights: Sequence[ArrayLike],
    inputs: ArrayLike,
    outputs: Sequence[ArrayLike],
    *,
    membranes: Sequence[ArrayLike] | None = None,
    buffers: int = 0,
) -> Workload:
    """The metrics of layers in a row.

    ``weights`` (n_out, n_in) of each, ``inputs`` (samples, steps, n_in) of the first, ``outputs``
    (samples, steps, n_out) of each; the outputs of one are the inputs of the next. ``membranes`` are
    the potentials after each step, shaped as outputs. ``buffers``: bytes stored beside the weights,
    such as the 20 of an snnTorch Leaky layer. InputError for shapes that don't fit together.
    """
    matrices = [np.asarray(w) for w in weights]
    layers = [np.asarray(s) for s in outputs]
    source = np.asarray(inputs)
    if not matrices or len(matrices) != len(layers) or source.ndim != 3 or not source.size:
        raise InputError(
            f"{len(matrices)} layers of weights, {len(layers)} of outputs, inputs {source.shape}; give "
            "as many of both, and inputs (samples, steps, n)"
        )
    samples, steps = source.shape[:2]
    acs = macs = dense = 0
    for k, (w, out) in enumerate(zip(matrices, layers, strict=True)):
        n = source.shape[2]
        if w.ndim != 2 or w.shape[1] != n or out.shape != (samples, steps, w.shape[0]):
            raise InputError(
                f"layer {k}: weights {w.shape}, outputs {out.shape}; give (n_out, {n}) and "
                f"({samples}, {steps}, n_out)"
            )
        fan_out = np.count_nonzero(w, axis=0)
        done = (source != 0).sum(axis=0) @ fan_out
        spiking = np.isin(source, (-1, 0, 1)).all(axis=(0, 2))
        acs += int(done[spiking].sum())
        macs += int(done[~spiking].sum())
        dense += steps * w.size
        source = out
    nonzero = [int(np.count_nonzero(s)) for s in layers]
    size = sum(w.size for w in matrices)
    updates = None if membranes is None else membrane_updates(membranes)
    return Workload(
        parameters=size,
        footprint=sum(w.nbytes for w in matrices) + buffers,
        connection_sparsity=round(1 - sum(np.count_nonzero(w) for w in matrices) / size, 4),
        activation_sparsity=_silent(sum(nonzero), sum(s.size for s in layers)),
        by_layer=tuple(_silent(k, s.size) for k, s in zip(nonzero, layers, strict=True)),
        effective_acs=acs / samples,
        effective_macs=macs / samples,
        dense=float(dense),
        membrane_updates=updates,
    )


def _silent(active: int, total: int) -> float:
    return (total - active) / total if total else 0.0


def membrane_updates(membranes: Sequence[ArrayLike]) -> float:
    """Membranes that changed from one step to the next, for one sample on average; at the first step
    all count. ``membranes`` (samples, steps, n) of each layer, after each step."""
    total = samples = 0
    for k, value in enumerate(membranes):
        v = numbers(f"membranes {k}", value)
        if v.ndim != 3 or not v.size or samples not in (0, v.shape[0]):
            raise InputError(
                f"membranes {k}: shape {v.shape}; give (samples, steps, n), as many each"
            )
        samples = v.shape[0]
        total += samples * v.shape[2] + int(np.count_nonzero(v[:, 1:] != v[:, :-1]))
    return total / samples if samples else 0.0


def workload(
    fixed: FixedPointNetwork, recording: Recording, inputs: Inputs | None = None
) -> Workload:
    """The metrics of a run here, or of several trials.

    A projection is a layer of n_target x n_source weights, those that are not stored being 0, of four
    bytes each in ``footprint``; several synapses between two neurons each count. Sources that spike at
    every step for the host's sake are biases, which don't count. ``inputs`` are needed for currents
    only. Membranes are those recorded as 'v' for every neuron at every step, else not counted.
    """
    trials, steps = recording.trials, recording.steps
    for name, n in fixed.sizes.items():
        if recording.sizes.get(name) != n:
            raise InputError(
                f"population '{name}' has {n} neurons, the recording {recording.sizes.get(name)}: give "
                "the recording of this network"
            )
    acs = macs = dense = size = nonzero = bits = 0
    for p in fixed.projections:
        if p.source in fixed.constant:
            continue
        shape = fixed.sizes[p.source], fixed.sizes[p.target]
        fan_out = np.zeros(shape[0], np.int64)
        for pre, _, weight, _ in p.blocks():
            fan_out += np.bincount(pre[weight != 0], minlength=shape[0])
        add, multiply = _spike_operations(recording, p.source, fan_out)
        acs, macs = acs + add, macs + multiply
        dense, size = dense + steps * shape[0] * shape[1], size + shape[0] * shape[1]
        nonzero += int(fan_out.sum())
        bits += p.synapses * (p.bits or fixed.chip.weight.bits)
    for c in fixed.currents:
        given = inputs.currents.get(c.source) if inputs is not None else None
        if given is None or given.shape != (trials, steps, c.weight.shape[1]):
            raise InputError(
                f"current '{c.source}' is not in the inputs; give those that were recorded"
            )
        add, multiply = _analogue_operations(given, np.count_nonzero(c.weight, axis=0))
        acs, macs = acs + add, macs + multiply
        dense, size = dense + steps * c.weight.size, size + c.weight.size
        nonzero += int(np.count_nonzero(c.weight))
    active = {
        name: _distinct(recording, name) if name in recording.spikes else 0
        for name in fixed.populations
    }
    cells = {name: trials * steps * p.n for name, p in fixed.populations.items()}
    return Workload(
        parameters=size,
        footprint=4 * size,
        connection_sparsity=round(1 - nonzero / size, 4) if size else 0.0,
        activation_sparsity=_silent(sum(active.values()), sum(cells.values())),
        by_layer=tuple(_silent(active[k], cells[k]) for k in cells),
        effective_acs=acs / trials,
        effective_macs=macs / trials,
        dense=float(dense),
        membrane_updates=_recorded_updates(fixed, recording),
        weight_bits=bits,
    )


def _distinct(recording: Recording, name: str) -> int:
    """Neurons and steps with a spike, several at once counted once."""
    s = recording.spikes[name]
    cell = (s.trial.astype(np.int64) * recording.steps + s.step) * s.n + s.neuron
    value = np.ones(s.count, np.int64) if s.value is None else s.value
    return int(np.unique(cell[value != 0]).size)


def _spike_operations(
    recording: Recording, name: str, fan_out: NDArray[np.int64]
) -> tuple[int, int]:
    """Effective ACs and MACs of one projection, over all trials."""
    s = recording.spikes.get(name)
    if s is None or not s.count:
        return 0, 0
    cell = (s.step.astype(np.int64) * recording.trials + s.trial) * s.n + s.neuron
    value = np.ones(s.count, np.int64) if s.value is None else s.value.astype(np.int64)
    cells, where = np.unique(cell, return_inverse=True)
    activation = np.zeros(cells.size, np.int64)
    np.add.at(activation, np.ravel(where), value)
    step, work = cells // (recording.trials * s.n), fan_out[cells % s.n] * (activation != 0)
    graded = np.zeros(recording.steps, np.bool_)
    graded[step[np.abs(activation) > 1]] = True
    return int(work[~graded[step]].sum()), int(work[graded[step]].sum())


def _analogue_operations(values: NDArray[np.float64], fan_out: NDArray[np.intp]) -> tuple[int, int]:
    done = (values != 0).sum(axis=0) @ fan_out
    spiking = np.isin(values, (-1, 0, 1)).all(axis=(0, 2))
    return int(done[spiking].sum()), int(done[~spiking].sum())


def _recorded_updates(fixed: FixedPointNetwork, recording: Recording) -> float | None:
    traces = [recording.traces.get(name, {}).get("v") for name in fixed.populations]
    whole = (recording.steps,)
    found = []
    for trace, p in zip(traces, fixed.populations.values(), strict=True):
        if trace is None or trace.stride != 1 or trace.values.shape[1:] != (*whole, p.n):
            return None
        found.append(trace.values)
    return membrane_updates(found)
