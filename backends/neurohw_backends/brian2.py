"""The float reference: a network in Brian 2, float64, without any of the chip's arithmetic.

The same Network object, the same inputs, the same timing as on chips: a spike at step k acts on its
targets' next state update. With ``substeps`` above 1 the equations are solved exactly on a finer
grid, which shows what the time step itself costs.
M. Stimberg, R. Brette, D. F. M. Goodman, Brian 2, an intuitive and efficient simulator, 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.errors import InputError, UnknownName
from neurohw.in_step import delayed
from neurohw.network import Inputs, Network
from neurohw.network.events import Spikes
from neurohw.recording import Recording, Trace
from neurohw_backends.brian2_chunk import Chunk, Plan, Result, cut, recordable
from neurohw_backends.brian2_library import library, settings

_SYNAPSES, _NEURONS = 4_000_000, 200_000
_TICKS = 200


def biophysics(model: Any, stimulus: Any, **options: Any) -> Recording:
    """A model of ``neurohw.biophysics``; see its ``reference``."""
    from neurohw_backends.brian2_biophysics import biophysics as run

    return run(model, stimulus, **options)


def reference(
    network: Network,
    inputs: Inputs,
    *,
    steps: int | None = None,
    record: Mapping[str, Sequence[str]] | None = None,
    neurons: Mapping[str, Sequence[int]] | None = None,
    stride: int = 1,
    substeps: int = 1,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Recording:
    """``network`` on ``inputs`` for ``steps`` steps (default: as many as the inputs have).

    With ``substeps`` 1 the network is stepped as its ``integrator`` says, 'exact' or 'euler'. With
    more the equations are solved exactly every ``dt / substeps`` seconds, whatever the integrator;
    the Recording then has that ``dt`` and ``steps * substeps`` steps, and threshold, refractory
    time and delays are resolved on the finer grid. Spikes still last, or carry the charge of, one
    ``dt`` of the network. Where ``tau_syn`` equals ``tau_mem`` the exact solution is taken with
    ``tau_syn`` a relative 1e-7 or so beside it, see ``brian2_models``.

    ``record`` maps populations to variables: ``v``; ``a`` (ALIF); ``i`` (behind a synaptic filter);
    ``theta`` and ``ref`` (ATRLIF); of all neurons or those listed in ``neurons``. A sample is the
    value at the end of a step, after resets, but ``i`` is the one that drove ``v`` in that step.
    Every ``stride``-th simulated step is kept. Trials are independent. Nothing is random: ``seed``
    is there for backends in which something is. ``progress`` is called with simulated steps done
    and to do.
    """
    del seed
    steps = inputs.steps if steps is None else steps
    for what, value in (("steps", steps), ("stride", stride), ("substeps", substeps)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise InputError(f"{what} is {value!r}; give a whole number from 1")
    sizes = {name: p.n for name, p in network.populations.items()}
    inputs.check(
        {name: sizes[name] for name in network.inputs},
        {name: network.populations[name].spiking for name in network.inputs},
    )
    chosen = _record(network, record or {})
    subset = _neurons(network, chosen, neurons or {})
    if network.semantics.latency == 0:
        late = delayed(network)
        longer = reference(
            late.network, late.inputs(inputs, int(steps)), steps=int(steps) + late.longest, record=record,
            neurons=neurons, substeps=substeps, progress=progress,
        )  # fmt: skip
        found = late.recording(longer, int(steps) * int(substeps), int(substeps), int(stride))
        return replace(found, synaptic_events=_events(network, found.spikes))
    b2 = library()
    method = "exact" if substeps > 1 else network.integrator
    at_once = _trials_at_once(network, inputs.trials)
    starts = range(0, inputs.trials, at_once)
    plan = Plan(
        network, int(steps), int(substeps), method, chosen, subset, int(stride),
        _ticker(progress, len(starts) * int(steps) * int(substeps)),
    )  # fmt: skip
    results = []
    with settings(b2):
        for first in starts:
            trials = min(at_once, inputs.trials - first)
            results.append(Chunk(b2, plan, inputs, first, trials).run())
    spikes = _spikes(plan, inputs, results)
    return Recording(
        dt=plan.step, steps=plan.fine, trials=inputs.trials, sizes=sizes, spikes=spikes,
        traces=_traces(plan, results), synaptic_events=_events(network, spikes),
        source=f"brian2 {b2.__version__} {method}, {substeps} step{'s'[: substeps > 1]} per dt",
    )  # fmt: skip


def _record(network: Network, record: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    chosen = {}
    for name, variables in record.items():
        if name not in network.populations:
            raise UnknownName.of("population", name, network.populations)
        there = recordable(network, name)
        for variable in variables:
            if variable not in there:
                raise UnknownName.of(f"variable of '{name}'", variable, there)
        chosen[name] = tuple(dict.fromkeys(variables))
    return chosen


def _neurons(
    network: Network, record: Mapping[str, object], neurons: Mapping[str, Sequence[int]]
) -> dict[str, NDArray[np.int64]]:
    subset = {name: np.arange(network.populations[name].n, dtype=np.int64) for name in record}
    for name, chosen in neurons.items():
        if name not in record:
            raise UnknownName.of("recorded population", name, record)
        index, n = np.atleast_1d(np.asarray(chosen, dtype=np.int64)), subset[name].size
        if index.size and (index.min() < 0 or index.max() >= n):
            bad = index[(index < 0) | (index >= n)][0]
            raise InputError(f"neurons to record of '{name}': {bad} is outside 0..{n - 1}")
        subset[name] = index
    return subset


def _trials_at_once(network: Network, trials: int) -> int:
    """As many trials side by side as keep memory bounded."""
    neurons = sum(p.n for p in network.populations.values())
    return max(1, min(trials, _SYNAPSES // max(network.synapses, 1), _NEURONS // neurons))


def _ticker(progress: Callable[[int, int], None] | None, total: int) -> Callable[[], None] | None:
    if progress is None:
        return None
    report, done, every = progress, 0, max(1, total // _TICKS)

    def tick() -> None:
        nonlocal done
        done += 1
        if done % every == 0 or done == total:
            report(done, total)

    return tick


def _spikes(plan: Plan, inputs: Inputs, results: Sequence[Result]) -> dict[str, Spikes]:
    spikes = {}
    for name, population in plan.network.populations.items():
        if name in plan.network.inputs:
            if not population.spiking:
                continue
            given = inputs.spikes.get(name, Spikes.none(population.n))
            s = cut(given, 0, inputs.trials, plan.steps)
            step = (s.step + 1) * plan.substeps - 1
            spikes[name] = Spikes.of(s.n, s.trial, step, s.neuron, s.value)
        elif population.spiking:
            trial, step, neuron = (
                np.concatenate([r.spikes[name][column] for r in results]).astype(np.int64)
                for column in range(3)
            )
            spikes[name] = Spikes.of(population.n, trial, step, neuron)
        else:
            spikes[name] = Spikes.none(population.n)
    return spikes


def _traces(plan: Plan, results: Sequence[Result]) -> dict[str, dict[str, Trace]]:
    return {
        name: {
            v: Trace(
                np.concatenate([r.traces[name][v] for r in results]),
                plan.neurons[name],
                plan.stride,
            )
            for v in variables
        }
        for name, variables in plan.record.items()
    }


def _events(network: Network, spikes: Mapping[str, Spikes]) -> dict[str, int]:
    """Synapses that carried a spike, by projection; a current carries none."""
    events = {}
    for p in network.projections:
        fan_out = np.bincount(p.pre, minlength=network.populations[p.source].n)
        events[p.name] = int(fan_out[spikes[p.source].neuron].sum()) if p.source in spikes else 0
    return events
