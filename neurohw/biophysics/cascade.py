"""The linear-nonlinear cascade: a filter, a static nonlinearity, random spikes; and how to find the filter.

A stimulus goes through ``k(t) = (e^(−t/τ₁) − e^(−t/τ₂)) / (τ₁ − τ₂)``; its output y sets the rate
``r₀ exp(y/y₀)``. For Gaussian white noise the mean stimulus before a spike is proportional to k:
E. J. Chichilnisky, Network 12, 199 (2001).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from neurohw.biophysics.model import Drive, Model, Parameter
from neurohw.biophysics.stimulus import Stimulus, constant
from neurohw.errors import InputError
from neurohw.network.checks import whole
from neurohw.recording import Recording

Floats = NDArray[np.float64]
C01: Final = "Chichilnisky, Network 12, 199 (2001)"

CASCADE: Final = Model(
    name="cascade",
    title="Linear-nonlinear cascade",
    summary="A filter, an exponential, random spikes: what reverse correlation recovers.",
    equations="""\
dx/dt = (I - x)/tau_1 : 1
dy/dt = (x - y)/tau_2 : 1
rate = clip(r_0*exp(y/y_0)*second, 0, 0.2*second/dt)/second : Hz
chance = rand() : 1 (constant over dt)
""",
    parameters={
        "tau_1": Parameter(0.020, "second", "slow time constant of the filter", C01, "positive"),
        "tau_2": Parameter(0.008, "second", "fast time constant of the filter", C01, "positive"),
        "r_0": Parameter(20.0, "Hz", "rate without stimulus", C01, "positive"),
        "y_0": Parameter(0.5, "1", "what multiplies the rate by e", C01, "positive"),
    },
    start={"x": 0.0, "y": 0.0},
    sources=(C01,),
    drive=Drive("I", "1", "stimulus"),
    threshold="chance < rate*dt",
    reset="x += 0",
    step=1e-3,
    coarsest=2e-3,
    method="euler",
    shows=("y", "rate"),
)


def white_noise(
    sigma: float, *, seed: int, duration: float, dt: float = 1e-3, trials: int = 1
) -> Stimulus:
    """Independent Gaussian values of standard deviation ``sigma``, one a step."""
    blank = constant(0.0, duration=duration, dt=dt)
    rng = np.random.default_rng(seed)
    values = sigma * rng.standard_normal((whole("trials", trials), blank.steps))
    return Stimulus(values, dt, blank.steps, trials)


def cascade_filter(model: Model, lags: Floats) -> Floats:
    """The filter of the cascade at ``lags`` in s, (n,), in 1/s."""
    a, b = model.value("tau_1"), model.value("tau_2")
    return np.asarray((np.exp(-lags / a) - np.exp(-lags / b)) / (a - b), np.float64)


def reverse_correlation(
    stimulus: Stimulus, recording: Recording, window: float
) -> tuple[Floats, Floats]:
    """Mean stimulus before a spike: (lags in s, values), both (n,); lag 0 is the step of the spike."""
    (name,) = recording.sizes
    spikes, n = recording.spikes[name], round(window / stimulus.dt)
    late = spikes.step >= n - 1
    if not late.any():
        raise InputError(
            f"no spike of {name} is later than {window:g} s; run longer or drive harder"
        )
    values = np.broadcast_to(stimulus.values, (stimulus.trials, stimulus.steps))
    lag = np.arange(n)
    before = values[spikes.trial[late][:, None], spikes.step[late][:, None] - lag]
    return lag.astype(np.float64) * stimulus.dt, before.mean(axis=0)
