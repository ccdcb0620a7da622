"""Curves that experimenters measure: f–I, strength–duration, refractoriness, post-synaptic potentials.

All are found by simulation, many stimuli side by side; a threshold is closed in on by splitting its
bracket into sections until it is known to :data:`CLOSE` of itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.biophysics import stimulus as st
from neurohw.biophysics.model import Model
from neurohw.biophysics.run import simulate, times, trace
from neurohw.errors import InputError
from neurohw.network.checks import numbers
from neurohw.recording import Recording

Floats = NDArray[np.float64]
Fires = Callable[[Floats], NDArray[np.bool_]]
CLOSE = 1e-4
_SECTIONS = 8


@dataclass(frozen=True, eq=False)
class Curve:
    """Firing rate in 1/s, (n,), at each constant stimulus, (n,), in the SI unit of the model's drive."""

    model: Model
    drive: Floats
    rate: Floats


def _needs(model: Model) -> None:
    if model.drive is None or not model.threshold:
        raise InputError(f"{model.name} takes no stimulus or has no spikes; take another model")


def _counts(recording: Recording) -> NDArray[np.int64]:
    (spikes,) = recording.spikes.values()
    return spikes.counts(recording.trials)[:, 0]


def steady_rate(recording: Recording, after: float) -> Floats:
    """Rate of lasting firing in each trial, 1/s: of the intervals after ``after`` seconds.

    0 for fewer than two spikes, or if the firing stopped: no spike in the last two intervals.
    """
    rates = np.zeros(recording.trials)
    for trial in range(recording.trials):
        when = times(recording, trial)
        when = when[when > after]
        if when.size >= 2:
            gap = (when[-1] - when[0]) / (when.size - 1)
            rates[trial] = 1 / gap if when[-1] + 2 * gap > recording.duration else 0.0
    return rates


def fi_curve(
    model: Model, drive: ArrayLike, *, duration: float = 0.5, settle: float = 0.1,
    dt: float | None = None,
) -> Curve:  # fmt: skip
    """The rate of lasting firing at each constant stimulus from rest on; ``settle`` s are left out."""
    _needs(model)
    values = np.atleast_1d(numbers("drive", drive))
    made = st.constant(values, duration=duration, dt=dt or model.step)
    return Curve(model, values, steady_rate(simulate(model, made, record=[]), settle))


def _close_in(low: Floats, high: Floats, fires: Fires) -> Floats:
    """The least amplitude that fires in each case, (cases,); inf where ``high`` does not.

    ``fires`` takes amplitudes (cases, k) and tells for each whether it fires.
    """
    reached = fires(high[:, None])[:, 0]
    low, high = low.copy(), high.copy()
    for _ in range(60):
        if (high - low <= CLOSE * np.abs(high)).all():
            break
        share = np.arange(1, _SECTIONS + 1) / (_SECTIONS + 1)
        tried = low[:, None] + (high - low)[:, None] * share
        first = np.concatenate([fires(tried), np.ones((low.size, 1), bool)], axis=1).argmax(axis=1)
        edges = np.concatenate([low[:, None], tried, high[:, None]], axis=1)
        rows = np.arange(low.size)
        low, high = edges[rows, first], edges[rows, first + 1]
    return np.where(reached, high, math.inf)


def rheobase(
    model: Model,
    high: float,
    *,
    duration: float = 0.1,
    dt: float | None = None,
    tonic: bool = False,
) -> float:
    """The least constant stimulus that makes a spike within ``duration``, up to ``high``; else inf.

    ``tonic``: that makes firing which lasts.
    """
    _needs(model)

    def fires(amplitude: Floats) -> NDArray[np.bool_]:
        made = st.constant(amplitude.ravel(), duration=duration, dt=dt or model.step)
        run = simulate(model, made, record=[])
        found = steady_rate(run, 0.0) > 0 if tonic else _counts(run) > 0
        return found.reshape(amplitude.shape)

    return float(_close_in(np.zeros(1), np.array([high]), fires)[0])


@dataclass(frozen=True, eq=False)
class StrengthDuration:
    """Least amplitude (n,) of a pulse of each width (n,) in s that makes a spike, SI."""

    width: Floats
    amplitude: Floats
    rheobase: float

    @property
    def chronaxie(self) -> float:
        """The width in s at which twice the rheobase is needed; NaN if it is not among the widths."""
        order = np.argsort(self.amplitude)
        level = 2 * self.rheobase
        if not self.amplitude.min() <= level <= self.amplitude.max():
            return math.nan
        logs = np.log(self.amplitude[order])
        return float(np.exp(np.interp(np.log(level), logs, np.log(self.width[order]))))


def strength_duration(
    model: Model, widths: ArrayLike, high: float, *, after: float = 0.02, dt: float | None = None
) -> StrengthDuration:
    """Thresholds of rectangular pulses up to ``high``; a spike counts until ``after`` s past the pulse.

    L. Lapicque, J. Physiol. Pathol. Gén. 9, 620 (1907).
    """
    _needs(model)
    width = np.atleast_1d(numbers("widths", widths))
    step = dt or model.step
    if not (width >= step).all():
        raise InputError(f"a width of {width.min():g} s is shorter than dt, {step:g} s")
    duration = float(width.max()) + after

    def fires(amplitude: Floats) -> NDArray[np.bool_]:
        stop = np.repeat(width, amplitude.shape[1])
        made = st.step(amplitude.ravel(), stop=stop, duration=duration, dt=step)
        return (_counts(simulate(model, made, record=[])) > 0).reshape(amplitude.shape)

    found = _close_in(np.zeros(width.size), np.full(width.size, high), fires)
    least = rheobase(model, high, duration=max(duration, 0.1), dt=dt)
    return StrengthDuration(width, found, least)


@dataclass(frozen=True, eq=False)
class Refractoriness:
    """Threshold of a second pulse (n,) after each interval (n,) in s; inf where none suffices."""

    interval: Floats
    threshold: Floats
    alone: float
    most: float

    @property
    def absolute(self) -> float:
        """Longest interval in s after which no pulse up to ``most`` makes a spike; 0 if there is none."""
        return float(self.interval[np.isinf(self.threshold)].max(initial=0.0))

    @property
    def relative(self) -> float:
        """Longest interval in s after which more than 1.05 of the threshold alone is needed."""
        return float(self.interval[self.threshold > 1.05 * self.alone].max(initial=0.0))


def refractory_curve(
    model: Model, intervals: ArrayLike, high: float, *, width: float = 5e-4, after: float = 0.01,
    dt: float | None = None,
) -> Refractoriness:  # fmt: skip
    """Paired pulses: the first twice at threshold, the second, up to ``high``, after each interval.

    Intervals are from start to start, in s, and longer than ``width``.
    """
    _needs(model)
    gap, step = np.atleast_1d(numbers("intervals", intervals)), dt or model.step
    if not (gap >= width).all():
        raise InputError(f"an interval of {gap.min():g} s is shorter than the pulse of {width:g} s")
    alone = float(strength_duration(model, [width], high, after=after, dt=step).amplitude[0])
    if math.isinf(alone):
        raise InputError(f"{model.name}: no pulse up to {high:g} makes a spike; give a higher one")
    duration = float(gap.max()) + width + after
    first = st.step(2 * alone, stop=width, duration=duration, dt=step)

    def fires(amplitude: Floats) -> NDArray[np.bool_]:
        start = np.repeat(gap, amplitude.shape[1])
        second = st.step(
            amplitude.ravel(), start=start, stop=start + width, duration=duration, dt=step
        )
        return (_counts(simulate(model, first + second, record=[])) > 1).reshape(amplitude.shape)

    found = _close_in(np.zeros(gap.size), np.full(gap.size, high), fires)
    return Refractoriness(gap, found, alone, high)


@dataclass(frozen=True, eq=False)
class Potential:
    """A post-synaptic potential: ``change`` from before the spike in V over ``time`` in s, (n,) both."""

    time: Floats
    change: Floats

    @property
    def peak(self) -> float:
        """The largest change, with its sign, V."""
        return float(self.change[np.abs(self.change).argmax()])

    @property
    def time_to_peak(self) -> float:
        """Seconds from the spike's arrival to the peak."""
        return float(self.time[np.abs(self.change).argmax()])

    @property
    def half_width(self) -> float:
        """Seconds for which the change is beyond half of the peak."""
        over = np.abs(self.change) >= np.abs(self.peak) / 2
        return float(over.sum() * (self.time[1] - self.time[0]))


def psp(
    model: Model, *, at: float | None = None, spikes: ArrayLike = (0.0,), duration: float = 0.2,
    dt: float | None = None,
) -> Potential:  # fmt: skip
    """What spikes at these times do to a cell with a synapse that is held at ``at`` V by a current.

    The current that holds it is what cancels the leak there; the synapses are at rest before.
    """
    if "spike" not in model.events or "g_l" not in model.parameters:
        raise InputError(f"{model.name} has no synapse; take one of the models named synapse-...")
    step = dt or model.step
    rest_at = model.value("e_l")
    level = rest_at if at is None else at
    lead = 2 * step
    hold = model.value("g_l") * (level - rest_at)
    made = st.constant(hold, duration=duration + lead, dt=step).with_events(
        spike=np.asarray(numbers("spikes", spikes)) + lead
    )
    v = trace(simulate(model, made, record=["v"], start={"v": level}), "v", 0)
    quiet = trace(simulate(model, st.constant(hold, duration=duration + lead, dt=step),
                           record=["v"], start={"v": level}), "v", 0)  # fmt: skip
    return Potential(np.arange(-1, v.size - 1, dtype=np.float64) * step, v - quiet)


def adaptation_index(when: ArrayLike) -> float:
    """How intervals between spikes at these times grow: mean of ``(next − this) / (next + this)``.

    0 without adaptation; NaN for fewer than three spikes. S. Druckmann et al., Front. Neurosci. 1, 7 (2007).
    """
    gaps = np.diff(numbers("times", when))
    if gaps.size < 2:
        return math.nan
    return float(((gaps[1:] - gaps[:-1]) / (gaps[1:] + gaps[:-1])).mean())
