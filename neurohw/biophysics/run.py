"""A model on a stimulus: checked once, then run by the kernel here, by Brian 2, or by scipy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.biophysics.model import Model
from neurohw.biophysics.phase import jacobian, rest
from neurohw.biophysics.program import Program, compile_model
from neurohw.biophysics.stimulus import Stimulus
from neurohw.errors import InputError, NeurohwError, UnknownName
from neurohw.network.checks import numbers, whole
from neurohw.network.events import Spikes
from neurohw.recording import Recording, Trace

if TYPE_CHECKING:
    from neurohw.biophysics.cable import Cable
    from neurohw.biophysics.circuit import Circuit

Floats = NDArray[np.float64]
_SAMPLES = 200_000_000


@dataclass(frozen=True, eq=False)
class Run:
    """What to run: the state at the start (trials, states), what to record and how often."""

    model: Model
    stimulus: Stimulus
    record: tuple[str, ...]
    stride: int
    start: Floats
    frozen: int
    seed: int

    @property
    def samples(self) -> int:
        """Samples of each trace."""
        return -(-self.stimulus.steps // self.stride)


def prepare(
    model: Model, stimulus: Stimulus, *, record: Sequence[str] | None = None, stride: int = 1,
    start: Mapping[str, ArrayLike] | None = None, seed: int = 0,
) -> Run:  # fmt: skip
    """Check everything; InputError or UnknownName for what can't be."""
    if not isinstance(model, Model):
        raise InputError(f"{type(model).__name__} is no Model; take one from biophysics.load_model")
    if model.drive is None and stimulus.values.any():
        raise InputError(f"{model.name} takes no stimulus; give constant(0.0, ...)")
    chosen = tuple(dict.fromkeys(model.shows if record is None else record))
    for name in chosen:
        if name not in model.recordable:
            raise UnknownName.of(f"variable of {model.name}", name, model.recordable)
    for name in stimulus.events:
        if name not in model.events:
            raise UnknownName.of(f"event of {model.name}", name, model.events)
    whole("stride", stride)
    if -(-stimulus.steps // stride) * stimulus.trials * max(len(chosen), 1) > _SAMPLES:
        raise InputError(f"over {_SAMPLES} samples to record; raise stride or record fewer")
    begin = np.tile(rest(model), (stimulus.trials, 1))
    for name, value in (start or {}).items():
        if name not in model.states:
            raise UnknownName.of(f"state variable of {model.name}", name, model.states)
        given = numbers(f"start of {name}", value)
        if given.shape not in {(), (stimulus.trials,)} or not np.isfinite(given).all():
            raise InputError(
                f"start of {name} has shape {given.shape}; give a finite number, or one for each of "
                f"{stimulus.trials} trials"
            )
        begin[:, model.states.index(name)] = given
    check_step(model, stimulus.dt)
    frozen = round(model.value(model.refractory) / stimulus.dt) if model.refractory else 0
    return Run(model, stimulus, chosen, stride, begin, frozen, whole("seed", seed, 0, 2**32 - 1))


def check_step(model: Model, dt: float) -> None:
    """InputError if ``dt`` is too coarse for the model as it stands, or at its rest."""
    fastest = float(np.abs(np.linalg.eigvals(jacobian(model, rest(model)))).max(initial=0.0))
    limit = model.coarsest if fastest * model.coarsest < 1 else 1 / fastest
    if dt > limit * (1 + 1e-9):
        raise InputError(
            f"dt of {dt * 1e3:g} ms is too coarse for {model.name}; take {limit * 1e3:.3g} ms or less"
        )


def simulate(
    model: Model, stimulus: Stimulus, *, record: Sequence[str] | None = None, stride: int = 1,
    start: Mapping[str, ArrayLike] | None = None, seed: int = 0,
) -> Recording:  # fmt: skip
    """The model on the stimulus, by the compiled kernel: what Brian 2 computes, much sooner.

    Fourth-order Runge-Kutta (Euler-Maruyama where the model draws noise) at the stimulus' dt.
    ``record``: variables, by default those that the model shows; a sample is the value at the end of a
    step. ``start``: initial values in SI units, a number or one for each trial; default: the state of rest.
    The one population of the Recording has the model's name and one neuron.
    """
    return _march(prepare(model, stimulus, record=record, stride=stride, start=start, seed=seed))


def reference(
    model: Model | Cable | Circuit, stimulus: Stimulus, *, record: Sequence[str] | None = None,
    stride: int = 1, start: Mapping[str, ArrayLike] | None = None, seed: int = 0,
    backend: str = "brian2",
) -> Recording:  # fmt: skip
    """The same in Brian 2; also of a Cable (neurons are compartments) or a Circuit.

    See :func:`simulate`. BackendMissing if Brian 2 is not there.
    """
    from neurohw.entry import load_backend

    return cast(
        Recording,
        load_backend(backend).biophysics(
            model, stimulus, record=record, stride=stride, start=start, seed=seed
        ),
    )


def _march(run: Run) -> Recording:
    from neurohw.biophysics.machine import march

    model, stimulus = run.model, run.stimulus
    program = compile_model(model, stimulus.dt)
    kinds = list(model.events)
    events = sorted((step, trial, name) for trial, step, name in stimulus.event_steps())
    parts = [program.parts[f"event {name}"] for name in kinds] or [(0, 0)]
    drive = stimulus.values[:, :, None]
    if model.drive is None:
        drive = np.zeros((1, 1, 0))
    probes = np.array([program.slots[name] for name in run.record], np.int64)
    out = np.empty((stimulus.trials, run.samples, probes.size))
    room = 1 << 16
    while True:
        spike_trial, spike_step = np.empty(room, np.int64), np.empty(room, np.int64)
        found = march(
            program.code, program.constants, program.parts["rhs"], program.parts["drawn"],
            program.parts.get("threshold", (0, 0)), program.parts.get("reset", (0, 0)),
            np.array(parts, np.int64), _column(events, 0), _column(events, 1),
            np.array([kinds.index(e[2]) for e in events], np.int64), np.ascontiguousarray(drive),
            np.ascontiguousarray(run.start.T), held(model), len(program.slots), program.depth,
            float(stimulus.dt),
            stimulus.steps, model.method == "euler", run.frozen, run.seed, probes, run.stride, out,
            spike_trial, spike_step,
        )  # fmt: skip
        if found < 0:
            raise diverged(model, stimulus.dt, -1 - found)
        if found <= room:
            break
        room = found
    spikes = Spikes.of(1, spike_trial[:found], spike_step[:found], np.zeros(found, np.int64))
    return recording(run, spikes, out, f"neurohw {model.method}")


def _column(events: list[tuple[int, int, str]], k: int) -> NDArray[np.int64]:
    return np.array([e[k] for e in events], np.int64)


def held(model: Model) -> NDArray[np.bool_]:
    """Which states stand still while the model is refractory."""
    return np.array([model.lines[name].held for name in model.states], np.bool_)


def diverged(model: Model, dt: float, trial: int) -> NeurohwError:
    """The error for a state that is no longer finite."""
    return InputError(
        f"{model.name} diverged in trial {trial} at dt of {dt * 1e3:g} ms; take a shorter dt or a weaker "
        "stimulus"
    )


def recording(run: Run, spikes: Spikes, samples: Floats, source: str) -> Recording:
    """The Recording of a point model from samples (trials, samples, variables)."""
    name, neuron = run.model.name, np.zeros(1, np.int64)
    traces = {
        variable: Trace(samples[:, :, k : k + 1].copy(), neuron, run.stride)
        for k, variable in enumerate(run.record)
    }
    return Recording(
        dt=float(run.stimulus.dt), steps=run.stimulus.steps, trials=run.stimulus.trials,
        sizes={name: 1}, spikes={name: spikes}, traces={name: traces}, source=source,
    )  # fmt: skip


def trace(recording: Recording, variable: str, trial: int | None = None) -> Floats:
    """A variable of a point model: (samples,) of one trial, or (trials, samples)."""
    (name,) = recording.sizes
    values = cast(Any, recording.trace(name, variable).values)[:, :, 0]
    return cast(Floats, values if trial is None else values[trial])


def times(recording: Recording, trial: int = 0) -> Floats:
    """Spike times of a point model in seconds."""
    (name,) = recording.sizes
    return recording.times(name, trial, 0)


def bound(run: Run) -> Program:
    """The program of a run."""
    return compile_model(run.model, run.stimulus.dt)
