"""What the synapses of a neuron put into its membrane: the second moments that rounding errors meet.

A spike of a source enters a synaptic current that decays by alpha a step (0 where there is none), which
enters a membrane that decays by beta and is emptied by the neuron's own spikes. The equations are linear
between spikes, so the error of each weight reaches the membrane by z[t] = beta z[t-1] + y[t],
y[t] = alpha y[t-1] + s[t], with the source's spikes s, and z = 0 at the neuron's spikes.

An error of the membrane makes or loses a spike only where the membrane is near its threshold, so these
steps count most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from neurohw.formulas import Functions
from neurohw.network.populations import Population

Floats = NDArray[np.float64]
PRIOR = 0.05
"""Spikes a source sends in a step, where no sample says how many."""
KEPT = 50_000_000
"""Values of moments that are kept at a time."""
LARGEST = 4_000_000
"""Values of z kept for a neuron at a time; a longer sample is cut."""
NEAR = 0.15
"""How near the threshold, as a share of it, a step counts most."""
FAR = 0.05
"""What a step far from the threshold counts, if one at the threshold counts 1."""


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
        return np.asarray(np.clip(np.nan_to_num(value, nan=0.0), 0.0, 1.0))

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
    """Rasters float32 (steps, trials, n) of the sources by name, and bool of the target's ``fired``
    (None where it never empties its membrane). What was asked of it is kept."""

    rasters: Mapping[str, NDArray[np.float32]]
    fired: NDArray[np.bool_] | None
    known: dict[tuple[int, bool], Moments] = field(default_factory=dict, repr=False)

    def moments(
        self, j: int, synapses: Sequence[tuple[str, NDArray[np.int32], NDArray[np.int64]]],
        model: tuple[float, float], chip: tuple[float, float], aim: Floats,
    ) -> Moments:  # fmt: skip
        """Of neuron j. ``synapses``: source, indices in it, and steps from spike to arrival, all of the
        neuron's in any order; the last column of the result is a constant current of 1 a step.
        ``aim``: what each column weighs in the model, in any unit."""
        names = list(self.rasters)
        source = np.concatenate([np.full(pre.size, names.index(k)) for k, pre, _ in synapses])
        pre = np.concatenate([p for _, p, _ in synapses])
        delay = np.concatenate([d for _, _, d in synapses])
        order = np.lexsort((pre, delay, source))
        key = (j, model == chip)
        if key not in self.known:
            columns = (source[order], pre[order], delay[order])
            sorted_aim = np.append(aim[:-1][order], aim[-1]).astype(np.float32)
            found = self._moments(j, columns, names, model, chip, sorted_aim)
            if found.chip.size * len(self.known) > KEPT:
                self.known.clear()
            self.known[key] = found
        place = np.append(np.argsort(order, kind="stable"), order.size)
        rows = np.ix_(place, place)
        return Moments(self.known[key].chip[rows], self.known[key].both[rows])

    def _moments(
        self, j: int, columns: tuple[NDArray[np.int64], ...], names: Sequence[str],
        model: tuple[float, float], chip: tuple[float, float], aim: NDArray[np.float32],
    ) -> Moments:  # fmt: skip
        source, pre, delay = columns
        steps, trials = next(iter(self.rasters.values())).shape[:2]
        trials = max(1, min(trials, LARGEST // (steps * (pre.size + 1))))
        arriving = np.zeros((steps, trials, pre.size + 1), np.float32)
        for k, d in sorted(set(zip(source.tolist(), delay.tolist(), strict=True))):
            mine = np.flatnonzero((source == k) & (delay == d))
            here = slice(int(mine[0]), int(mine[-1]) + 1)
            raster = self.rasters[names[k]][: max(steps - d, 0), :trials]
            arriving[d:, :, here] = np.take(raster, pre[mine], axis=2)
        arriving[:, :, -1] = 1
        fired = None if self.fired is None else self.fired[:, :trials, j]
        own = _held(arriving, fired, *chip)
        meant = own if model == chip else _held(arriving, fired, *model)
        if fired is None:
            weighted = own / np.float32(len(own))
        else:
            weighted = own * _nearness(meant @ aim, fired.reshape(-1))[:, None]
        squares = (own.T @ weighted).astype(np.float64)
        if meant is own:
            return Moments(squares, squares)
        return Moments(squares, (weighted.T @ meant).astype(np.float64))


def _nearness(v: NDArray[np.float32], fired: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How much each step counts, of 1 in all, by the membrane before a spike empties it. The threshold
    is where it fires, between almost all values at which it does not and almost all at which it does."""
    if not fired.any() or fired.all():
        return np.full(v.size, 1 / v.size, np.float32)
    threshold = (np.quantile(v[~fired], 0.999) + np.quantile(v[fired], 0.001)) / 2
    width = NEAR * abs(threshold) or 1.0
    weight = np.exp(-(((v - threshold) / width) ** 2) / 2) + FAR
    return np.asarray(weight / weight.sum(), np.float32)


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
