"""Biophysical models in Brian 2: the same text, run by somebody else's simulator.

Trials are neurons of one group. A step sets the drive, advances the states, tests the threshold, lets
arriving spikes act, resets, and is recorded at its end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neurohw.biophysics.cable import Cable
from neurohw.biophysics.circuit import Circuit
from neurohw.biophysics.model import Model
from neurohw.biophysics.run import Run, diverged, prepare, recording
from neurohw.biophysics.stimulus import Stimulus
from neurohw.errors import InputError
from neurohw.network.events import Spikes
from neurohw.recording import Recording
from neurohw_backends.brian2_library import library, settings

SCHEDULE = ("start", "groups", "thresholds", "synapses", "resets", "end")


def biophysics(
    model: Model | Cable | Circuit, stimulus: Stimulus, *, record: Sequence[str] | None = None,
    stride: int = 1, start: Mapping[str, ArrayLike] | None = None, seed: int = 0,
) -> Recording:  # fmt: skip
    """Run a model; see ``neurohw.biophysics.reference``."""
    if isinstance(model, (Cable, Circuit)):
        if start:
            raise InputError(
                f"{model.name}: start is for point models; a {type(model).__name__} rests"
            )
        if isinstance(model, Cable):
            from neurohw_backends.brian2_biophysics_cable import run_cable

            return run_cable(model, stimulus, record, stride)
        from neurohw_backends.brian2_biophysics_circuit import run_circuit

        return run_circuit(model, stimulus, record, stride, seed)
    run = prepare(model, stimulus, record=record, stride=stride, start=start, seed=seed)
    b2 = library()
    with settings(b2), np.errstate(all="ignore"):
        return _simulated(b2, run)


def equations(model: Model, lines: Sequence[str] | None = None) -> str:
    """A model's text as Brian takes it, parameters as shared constants."""
    chosen = model.lines.values() if lines is None else [model.lines[k] for k in lines]
    text = []
    for e in chosen:
        left = f"d{e.name}/dt" if e.kind == "state" else e.name
        flag = (
            " (unless refractory)" if e.held else " (constant over dt)" if e.kind == "drawn" else ""
        )
        text.append(f"{left} = {e.text} : {e.unit}{flag}")
    text += [f"{k} : {p.unit} (shared, constant)" for k, p in model.parameters.items()]
    return "\n".join(text)


def set_parameters(group: Any, model: Model) -> None:
    """Give a group the model's parameter values."""
    for name, parameter in model.parameters.items():
        group.variables[name].set_value(float(parameter.value))


def _simulated(b2: Any, run: Run) -> Recording:
    model, stimulus = run.model, run.stimulus
    clock = b2.Clock(stimulus.dt * b2.second)
    text = equations(model)
    options: dict[str, Any] = {}
    if model.drive:
        text += f"\n{model.drive.name} : {model.drive.unit}"
    if model.refractory:
        text += "\nfrozen : integer (constant)"
        options["refractory"] = "(frozen + 1) * dt" if run.frozen else False
    if model.threshold and not model.reset:
        options["refractory"] = model.threshold  # a spike is counted once while it lasts
    group = b2.NeuronGroup(
        stimulus.trials, text, threshold=model.threshold or None, reset=model.reset or None,
        method=model.method, clock=clock, namespace={}, **options,
    )  # fmt: skip
    set_parameters(group, model)
    if model.refractory:
        group.variables["frozen"].set_value(run.frozen)
    for name, values in zip(model.states, run.start.T):
        group.variables[name].set_value(values)
    objects = [group, *_arrivals(b2, run, group, clock)]
    if model.drive:
        objects.append(
            held_drive(b2, stimulus, group.variables[model.drive.name].get_value(), clock)
        )
    spikes = b2.SpikeMonitor(group) if model.threshold else None
    state = monitor(b2, group, run.record, stimulus.dt * run.stride)
    network = b2.Network(*objects, *[m for m in (spikes, state) if m is not None])
    network.schedule = list(SCHEDULE)
    b2.seed(run.seed)
    network.run(stimulus.steps * stimulus.dt * b2.second, namespace={})
    out = np.empty((stimulus.trials, run.samples, len(run.record)))
    for k, name in enumerate(run.record):
        out[:, :, k] = samples(state, name, run.samples)
    final = np.stack([group.variables[name].get_value() for name in model.states], axis=-1)
    finite = np.isfinite(final).all(axis=1) & np.isfinite(out).all(axis=(1, 2))
    if not finite.all():
        raise diverged(model, stimulus.dt, int(np.argmin(finite)))
    found = Spikes.none(1) if spikes is None else spikes_of(spikes, stimulus.dt, 1)
    return recording(run, found, out, f"brian2 {b2.__version__} {model.method}")


def monitor(b2: Any, group: Any, names: Sequence[str], dt: float, which: Any = True) -> Any:
    """A monitor of values at the end of every ``dt``; None if there is nothing to record."""
    if not names:
        return None
    return b2.StateMonitor(group, list(names), record=which, dt=dt * b2.second, when="end")


def samples(state: Any, name: str, count: int) -> Any:
    """What was recorded, (neurons, samples)."""
    values = np.asarray(getattr(state, f"{name}_"), np.float64)
    assert values.shape[1] == count
    return values


def spikes_of(monitored: Any, dt: float, n: int) -> Spikes:
    """Spikes of trials side by side, each with ``n`` neurons."""
    index = np.asarray(monitored.i[:], np.int64)
    step = np.rint(np.asarray(monitored.t_[:]) / dt).astype(np.int64)
    return Spikes.of(n, index // n, step, index % n)


def held_drive(b2: Any, stimulus: Stimulus, target: Any, clock: Any) -> Any:
    """Sets ``target`` (trials,) to the stimulus at the start of every step."""
    values, counter = stimulus.values, [0]

    def set_drive() -> None:
        target[:] = values[:, min(counter[0], values.shape[1] - 1)]
        counter[0] += 1

    return b2.NetworkOperation(set_drive, clock=clock, when="start")


def _arrivals(b2: Any, run: Run, group: Any, clock: Any) -> list[Any]:
    """Generators of the arriving spikes and the synapses that they act through."""
    made: list[Any] = []
    trials, dt = run.stimulus.trials, run.stimulus.dt
    for name, statements in run.model.events.items():
        seen: dict[tuple[int, int], int] = {}
        index, when = [], []
        for trial, step, kind in run.stimulus.event_steps():
            if kind == name:
                again = seen.get((trial, step), 0)  # a generator's neuron spikes once a step
                seen[trial, step] = again + 1
                index.append(again * trials + trial)
                when.append(step)
        if index:
            n = (max(seen.values())) * trials
            source = b2.SpikeGeneratorGroup(
                n, index, np.array(when) * dt * b2.second, clock=clock, sorted=False
            )
            synapses = b2.Synapses(source, group, on_pre=statements, clock=clock, namespace={})
            synapses.connect(i=np.arange(n), j=np.arange(n) % trials)
            made += [source, synapses]
    return made
