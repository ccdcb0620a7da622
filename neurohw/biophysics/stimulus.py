"""What drives a model: a held value for every step, and the spikes that arrive, in SI units."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.errors import InputError
from neurohw.network.checks import numbers, whole

Floats = NDArray[np.float64]
LARGEST = 400_000_000
"""Samples that a stimulus may have."""


@dataclass(frozen=True, eq=False)
class Stimulus:
    """``steps`` steps of ``dt`` seconds for ``trials`` independent runs.

    ``values`` float64 (trials or 1, steps or 1) are held for a step each, in the SI unit of the model's
    drive. ``events``: by name of the model's event, the arrival times in seconds, float64 (trials,
    spikes) with NaN where there is none; a spike acts at the end of the step that ends nearest to it.
    """

    values: Floats
    dt: float
    steps: int
    trials: int = 1
    events: Mapping[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (isinstance(self.dt, (int, float)) and math.isfinite(self.dt) and self.dt > 0):
            raise InputError(f"dt is {self.dt!r}; give the time step in seconds, above 0")
        whole("steps of a stimulus", self.steps)
        whole("trials of a stimulus", self.trials)
        values = np.array(numbers("stimulus", self.values), np.float64)
        if values.ndim != 2 or values.shape[0] not in {1, self.trials} or (
            values.shape[1] not in {1, self.steps}
        ):  # fmt: skip
            raise InputError(
                f"stimulus has shape {values.shape}; give ({self.trials} or 1, {self.steps} or 1) values"
            )
        if not np.isfinite(values).all():
            raise InputError(
                "stimulus has a value that is not finite; give finite numbers in SI units"
            )
        values.setflags(write=False)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "events", MappingProxyType(dict(self.events)))

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.steps * self.dt

    @property
    def times(self) -> Floats:
        """When each step ends, which is when it is recorded, in seconds, (steps,)."""
        return np.arange(1, self.steps + 1, dtype=np.float64) * self.dt

    def __add__(self, other: Stimulus) -> Stimulus:
        """Both at once; they must have the same steps, and the same trials or one."""
        if (self.dt, self.steps) != (other.dt, other.steps):
            raise InputError(
                f"stimuli of {self.steps} steps of {self.dt:g} s and {other.steps} of {other.dt:g} s "
                "can't be added; make them of one duration and dt"
            )
        trials = max(self.trials, other.trials)
        if {self.trials, other.trials} - {1, trials}:
            raise InputError(f"stimuli of {self.trials} and {other.trials} trials can't be added")
        return Stimulus(
            self.values + other.values, self.dt, self.steps, trials, {**self.events, **other.events}
        )

    def with_events(self, **times: ArrayLike) -> Stimulus:
        """With spikes that arrive at these times in seconds: (spikes,) or (trials, spikes)."""
        events = dict(self.events)
        for name, given in times.items():
            array = np.atleast_2d(numbers(f"times of event '{name}'", given))
            if array.ndim != 2 or array.shape[0] not in {1, self.trials}:
                raise InputError(
                    f"times of event '{name}' have shape {array.shape}; give (spikes,) or "
                    f"({self.trials}, spikes)"
                )
            late = array[np.isfinite(array)]
            if late.size and (late.min() < 0 or late.max() > self.duration):
                bad = late.min() if late.min() < 0 else late.max()
                raise InputError(f"event '{name}' at {bad:g} s is outside 0..{self.duration:g} s")
            events[name] = np.broadcast_to(array, (self.trials, array.shape[1]))
        return replace(self, events=events)

    def event_steps(self) -> list[tuple[int, int, str]]:
        """(trial, step, name) of every arriving spike, sorted."""
        found = []
        for name, times in self.events.items():
            for trial, row in enumerate(times):
                steps = np.maximum(np.rint(row[np.isfinite(row)] / self.dt) - 1, 0)
                found += [(trial, int(step), name) for step in steps]
        return sorted(found)


def _grid(duration: float, dt: float) -> int:
    if not (isinstance(dt, (int, float)) and math.isfinite(dt) and dt > 0):
        raise InputError(f"dt is {dt!r}; give the time step in seconds, above 0")
    if not (isinstance(duration, (int, float)) and math.isfinite(duration) and duration >= dt):
        raise InputError(f"duration is {duration!r}; give seconds, at least one dt of {dt:g}")
    steps = round(duration / dt)
    if steps > LARGEST:
        raise InputError(
            f"{duration:g} s in steps of {dt:g} s are {steps} steps; at most {LARGEST}"
        )
    return steps


def _column(what: str, value: ArrayLike) -> Floats:
    array = np.atleast_1d(numbers(what, value))
    if array.ndim != 1 or not array.size:
        raise InputError(f"{what} has shape {array.shape}; give a number, or one for each trial")
    return array[:, None]


def _together(
    duration: float, dt: float, **columns: ArrayLike
) -> tuple[Floats, dict[str, Floats], int]:
    """Start times of the steps (steps,), the columns (trials or 1, 1), and how many trials."""
    steps = _grid(duration, dt)
    made = {k: _column(k, v) for k, v in columns.items()}
    sizes = {c.shape[0] for c in made.values()} - {1}
    if len(sizes) > 1:
        raise InputError(f"{', '.join(columns)} have {sorted(sizes)} trials; give as many of each")
    trials = max(sizes, default=1)
    if steps * trials > LARGEST:
        raise InputError(f"{trials} trials of {steps} steps are more than {LARGEST} samples")
    return np.arange(steps, dtype=np.float64) * dt, made, trials


def constant(value: ArrayLike, *, duration: float, dt: float = 1e-5) -> Stimulus:
    """The same value all the time; one trial for each value."""
    t, c, trials = _together(duration, dt, value=value)
    return Stimulus(c["value"], dt, t.size, trials)


def step(
    amplitude: ArrayLike, *, start: ArrayLike = 0.0, stop: ArrayLike = math.inf, duration: float,
    dt: float = 1e-5,
) -> Stimulus:  # fmt: skip
    """``amplitude`` from ``start`` to ``stop`` seconds, else 0; arrays make one trial an entry."""
    t, c, trials = _together(duration, dt, amplitude=amplitude, start=start, stop=stop)
    edge = 1e-6 * dt  # a step that begins at the edge, but for rounding, belongs to it
    on = (t >= c["start"] - edge) & (t < c["stop"] - edge)
    return Stimulus(np.where(on, c["amplitude"], 0.0), dt, t.size, trials)


def pulses(
    amplitude: ArrayLike,
    starts: Sequence[float],
    *,
    width: float,
    duration: float,
    dt: float = 1e-5,
) -> Stimulus:
    """A pulse of ``width`` seconds at each of ``starts``."""
    made = constant(0.0, duration=duration, dt=dt)
    for start in starts:
        made = made + step(amplitude, start=start, stop=start + width, duration=duration, dt=dt)
    return made


def ramp(
    amplitude: ArrayLike, *, start: float = 0.0, stop: ArrayLike, duration: float, dt: float = 1e-5
) -> Stimulus:
    """From 0 at ``start`` in a straight line to ``amplitude`` at ``stop``, where it stays."""
    t, c, trials = _together(duration, dt, amplitude=amplitude, start=start, stop=stop)
    if not (c["stop"] > c["start"]).all():
        raise InputError("a ramp stops before it starts; give stop > start")
    share = np.clip((t + dt / 2 - c["start"]) / (c["stop"] - c["start"]), 0, 1)
    return Stimulus(c["amplitude"] * share, dt, t.size, trials)


def sine(
    amplitude: ArrayLike, frequency: ArrayLike, *, offset: ArrayLike = 0.0, duration: float,
    dt: float = 1e-5,
) -> Stimulus:  # fmt: skip
    """``offset + amplitude sin(2 π frequency t)`` at the middle of each step."""
    t, c, trials = _together(duration, dt, amplitude=amplitude, frequency=frequency, offset=offset)
    values = c["offset"] + c["amplitude"] * np.sin(2 * np.pi * c["frequency"] * (t + dt / 2))
    return Stimulus(values, dt, t.size, trials)


def ornstein_uhlenbeck(
    mean: ArrayLike, sigma: ArrayLike, tau: float, *, seed: int, duration: float, dt: float = 1e-5,
    trials: int = 1,
) -> Stimulus:  # fmt: skip
    """Gaussian noise of standard deviation ``sigma`` and correlation time ``tau`` around ``mean``.

    ``dx = (mean − x) dt/τ + σ √(2/τ) dW``, which is what many small synaptic currents add up to; stepped
    exactly, begun in its steady state. G. E. Uhlenbeck, L. S. Ornstein, Phys. Rev. 36, 823 (1930).
    """
    t, c, n = _together(duration, dt, mean=mean, sigma=sigma)
    trials = max(whole("trials", trials), n)
    if n not in {1, trials}:
        raise InputError(f"mean or sigma have {n} trials, {trials} are asked for")
    if not (math.isfinite(tau) and tau > 0):
        raise InputError(f"tau is {tau!r}; give seconds, above 0")
    rng = np.random.default_rng(seed)
    keep = math.exp(-dt / tau)
    unit = rng.standard_normal((trials, t.size))
    x = np.empty((t.size, trials))
    x[0], kick = unit[:, 0], math.sqrt(1 - keep * keep)
    for k in range(1, t.size):
        x[k] = keep * x[k - 1] + kick * unit[:, k]
    return Stimulus(c["mean"] + c["sigma"] * x.T, dt, t.size, trials)
