"""What an experimenter measures of a cell before modelling it: rest, resistance, time constant, onset.

Then the stimuli that everything below is fitted to and judged by: constant currents around the onset,
and noisy currents of two seeds, one to fit to and one to judge by.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurohw.biophysics import Model, Stimulus, ornstein_uhlenbeck, simulate, step, trace
from neurohw.biophysics.curves import fi_curve, steady_rate
from neurohw.biophysics.run import times
from neurohw.errors import InputError
from neurohw.ladder.models import checked, thousandth

Floats = NDArray[np.float64]
Trains = tuple[Floats, ...]
SHARES = (0.9, 1.0, 1.2, 1.5, 2.0, 3.0)
"""Currents of the f-I curve, over the onset of lasting firing."""
CORRELATION = 5e-3
"""Seconds over which the noisy current is correlated: about a fast synapse."""
MEAN = 0.5
"""Of the noisy current, over the onset."""
DEVIATIONS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""Of the noisy current, over the onset: the least at which the cell fires with :data:`LIVELY` of the rate
that it has at twice the onset. It is fluctuations that make the spikes, and a slow membrane damps them."""
LIVELY = 1 / 3
SETTLE = 0.1
FINEST = 5e-5


@dataclass(frozen=True)
class Passive:
    """Rest in V, conductance (S or S/m²) and time constant in s, all from a small step downward."""

    rest: float
    conductance: float
    tau: float

    @property
    def capacitance(self) -> float:
        """What charges with ``tau`` through the conductance."""
        return self.conductance * self.tau


@dataclass(frozen=True, eq=False)
class Probe:
    """The stimuli, all with the step ``dt`` of the finest model.

    ``currents`` (n,) constant, ``train`` and ``held`` noisy (trials, steps); ``onset`` is the least
    constant current that makes firing that lasts.
    """

    dt: float
    onset: float
    currents: Floats
    train: Stimulus
    held: Stimulus


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model does: rate in 1/s at each constant current, spike times at each noisy one."""

    passive: Passive
    rate: Floats
    trains: Trains


def finest(model: Model) -> float:
    """The time step for a model: fine, but not finer than it needs."""
    return min(model.coarsest / 2, FINEST)


def passive(model: Model, dt: float, seconds: float = 0.15) -> Passive:
    """Rest, conductance and time constant from a step that hyperpolarises by half a millivolt."""
    small = 0.5 * thousandth(model)
    size, rest, change = 1e-15, 0.0, np.zeros(1)
    for _ in range(60):
        made = step(-size, start=dt, duration=seconds, dt=dt)
        v = trace(simulate(model, made, record=["v"]), "v", 0)
        rest, change = float(v[0]), v[0] - v
        last = float(change[-1])
        if 0.5 * small <= last <= 2 * small:
            break
        size *= min(max(small / last, 0.25), 1e3) if last > 0 else 1e3
    else:
        raise InputError(f"{model.name}: no small current moves its membrane by {small:g}; no fit")
    reached = int(np.argmax(change >= (1 - np.exp(-1)) * change[-1]))
    return Passive(rest, size / float(change[-1]), max(reached - 1, 1) * dt)


def onset(model: Model, conductance: float, dt: float) -> float:
    """The least constant current that makes firing that lasts, to 2 %; InputError if none does."""
    size = 2 * thousandth(model) * conductance
    ratio = 1.25
    for _ in range(3):
        tried = size * ratio ** np.arange(16)
        rate = fi_curve(model, tried, duration=0.4, settle=SETTLE, dt=dt).rate
        if rate.any():
            first = int(np.argmax(rate > 0))
            low = tried[first] / ratio
            between = np.linspace(low, tried[first], 9)[1:]
            again = fi_curve(model, between, duration=0.4, settle=SETTLE, dt=dt).rate
            return float(between[np.argmax(again > 0)])
        size *= ratio**16
    unit = checked(model)[0].unit
    raise InputError(
        f"{model.name} fires at no constant current up to {tried[-1]:.3g} {unit}; take another model"
    )


def probe(
    model: Model, found: Passive, *, seed: int, duration: float, trials: int, dt: float
) -> Probe:
    """The stimuli for a model: constant currents around the onset, noise of two seeds.

    The noise that models are fitted to takes six trials, as long as ten spikes or so need.
    """
    least = onset(model, found.conductance, dt)
    currents = least * np.array(SHARES)

    def noisy(deviation: float, seed: int, trials: int, seconds: float) -> Stimulus:
        return ornstein_uhlenbeck(
            MEAN * least, deviation * least, CORRELATION, seed=seed, duration=seconds, dt=dt,
            trials=trials,
        )  # fmt: skip

    tonic = fi_curve(model, 2 * least, duration=0.5, settle=SETTLE, dt=dt).rate[0]
    best, rate = DEVIATIONS[0], 0.0
    for deviation in DEVIATIONS:
        run = simulate(model, noisy(deviation, 2 * seed, 4, 0.5), record=[])
        now = sum(times(run, k).size for k in range(4)) / 2
        if now > rate:
            best, rate = deviation, now
        if rate >= LIVELY * tonic:
            break
    return Probe(
        dt, least, currents, noisy(best, 2 * seed, 6, min(max(10 / max(rate, 1.0), 0.5), 1.5)),
        noisy(best, 2 * seed + 1, trials, duration),
    )  # fmt: skip


def coarser(stimulus: Stimulus, k: int) -> Stimulus:
    """The mean over every ``k`` steps."""
    steps = stimulus.steps // k
    values = stimulus.values[:, : steps * k].reshape(len(stimulus.values), steps, k).mean(axis=2)
    return Stimulus(values, stimulus.dt * k, steps, stimulus.trials)


def to_fit(p: Probe, k: int = 1) -> Stimulus:
    """All that a model is fitted to, side by side: constant currents, then noise."""
    noise = coarser(p.train, k)
    constant = np.repeat(p.currents[:, None], noise.steps, axis=1)
    values = np.concatenate([constant, noise.values])
    return Stimulus(values, noise.dt, noise.steps, len(values))


def answer(model: Model, stimulus: Stimulus, constant: int) -> tuple[Floats, Trains]:
    """Rates at the first ``constant`` trials of the stimulus, spike times in the others."""
    run = simulate(model, stimulus, record=[])
    rate = steady_rate(run, SETTLE)[:constant]
    return rate, tuple(times(run, t) for t in range(constant, stimulus.trials))


def measure(model: Model, p: Probe, known: Passive | None = None) -> Answer:
    """All of it for one model."""
    rate, trains = answer(model, to_fit(p), p.currents.size)
    return Answer(known or passive(model, p.dt), rate, trains)
