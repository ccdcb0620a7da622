"""What the synapses of a neuron put into its membrane: the second moments that rounding errors meet.

A spike of a source enters a synaptic current that decays by alpha a step (0 where there is none), which
enters a membrane that decays by beta and is emptied by the neuron's own spikes. The equations are linear
between spikes, so the error of each weight reaches the membrane by z[t] = beta z[t-1] + y[t],
y[t] = alpha y[t-1] + s[t], with the source's spikes s, and z = 0 at the neuron's spikes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurohw.formulas import Functions
from neurohw.network.populations import Population

Floats = NDArray[np.float64]
PRIOR = 0.05
"""Spikes a source sends in a step, where no sample says how many."""
LARGEST = 4_000_000
"""Values of z kept for a neuron at a time; a longer sample is cut."""


@dataclass(frozen=True, eq=False)
class Decays:
    """What is left after a step of the synaptic current (0: there is none) and of the membrane, (n,)."""

    alpha: Floats
    beta: Floats

    def of(self, j: int) -> tuple[float, float]:
        """Those of neuron j."""
        return float(self.alpha[j]), float(self.beta[j])


def decays(
    population: Population, functions: Functions, realised: Mapping[str, Floats] | None = None
) -> Decays:
    """Of the model, or with the time constants that a chip's codes stand for."""
    values = {**dict(population.parameters()), **(realised or {})}
    none = np.zeros(population.n)

    def left(name: str) -> Floats:
        with np.errstate(all="ignore"):
            value = np.asarray(functions["decay"](np.broadcast_to(values[name], (population.n,))))
        return np.clip(np.nan_to_num(value, nan=0.0), 0.0, 1.0)

    alpha = left("tau_syn") if "tau_syn" in values else none
    membrane = next((k for k in ("tau_mem", "tau") if k in values), None)
    return Decays(alpha, none + 1 if membrane is None else left(membrane))


@dataclass(frozen=True, eq=False)
class Moments:
    """``chip``: mean of zz' with the chip's decays; ``both``: mean of z (chip) times z' (model)."""

    chip: Floats
    both: Floats

    def refitted(self, aim: Floats) -> Floats:
        """The weights that with the chip's decays come nearest to ``aim`` with the model's."""
        from neurohw.quantise.feedback import DAMPING

        extra = DAMPING * float(np.mean(np.diag(self.chip)) or 1.0) * np.eye(aim.size)
        return np.asarray(np.linalg.solve(self.chip + extra, self.both @ aim + extra @ aim))


@dataclass(frozen=True, eq=False)
class Activity:
    """Rasters uint8 (trials, steps, n) of the sources by name, and of the target's ``fired`` (None
    where it never empties its membrane)."""

    rasters: Mapping[str, NDArray[np.uint8]]
    fired: NDArray[np.uint8] | None

    def moments(
        self, j: int, synapses: Sequence[tuple[str, NDArray[np.int32], NDArray[np.int64]]],
        model: tuple[float, float], chip: tuple[float, float],
    ) -> Moments:  # fmt: skip
        """Of neuron j. ``synapses``: source, indices in it, and steps from spike to arrival; the last
        column of the result is a constant current of 1 a step."""
        trials, steps = next(iter(self.rasters.values())).shape[:2]
        columns = 1 + sum(pre.size for _, pre, _ in synapses)
        trials = max(1, min(trials, LARGEST // (steps * columns)))
        arriving = np.zeros((steps, trials, columns), np.float32)
        at = 0
        for source, pre, delay in synapses:
            raster = self.rasters[source][:trials, :, pre]
            for d in np.unique(delay):
                mine = np.flatnonzero(delay == d)
                arriving[d:, :, at + mine] = raster[:, : max(steps - d, 0), mine].transpose(1, 0, 2)
            at += pre.size
        arriving[:, :, -1] = 1
        fired = None if self.fired is None else self.fired[:trials, :, j].T > 0
        own = _held(arriving, fired, *chip)
        meant = own if model == chip else _held(arriving, fired, *model)
        count = steps * trials
        squares = (own.T @ own).astype(np.float64) / count
        if meant is own:
            return Moments(squares, squares)
        return Moments(squares, (own.T @ meant).astype(np.float64) / count)


def _held(
    arriving: NDArray[np.float32], fired: NDArray[np.bool_] | None, alpha: float, beta: float
) -> NDArray[np.float32]:
    steps, trials, columns = arriving.shape
    held = np.empty_like(arriving)
    current = np.zeros((trials, columns), np.float32)
    membrane = np.zeros_like(current)
    for t in range(steps):
        current = alpha * current + arriving[t] if alpha else arriving[t]
        membrane = np.float32(beta) * membrane + current
        held[t] = membrane
        if fired is not None:
            membrane[fired[t]] = 0
    return held.reshape(steps * trials, columns)


def assumed(columns: int, alpha: float, beta: float) -> Moments:
    """Without a sample: sources that spike by chance, each as often, and never empty the membrane.

    z then has a mean p / ((1 - alpha)(1 - beta)) that all share, and a variance of its own.
    """
    kernel = np.convolve(alpha ** np.arange(200), min(beta, 0.99) ** np.arange(200))[:200]
    mean, spread = PRIOR * kernel.sum(), PRIOR * (1 - PRIOR) * float(kernel @ kernel)
    own = np.full((columns, columns), mean**2) + spread * np.eye(columns)
    own[-1], own[:, -1] = mean * kernel.sum(), mean * kernel.sum()
    own[-1, -1] = kernel.sum() ** 2
    return Moments(own, own)
