"""Feedback rounding of a whole population: neuron by neuron, all projections to it together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neurohw.quantise.activity import Activity, Decays, Moments, assumed, decays
from neurohw.quantise.codes import realised
from neurohw.quantise.compensate import has_bias, with_moved
from neurohw.quantise.feedback import Lattice, fed_back, without
from neurohw.quantise.sample import stand_for
from neurohw.quantise.scale import Choice
from neurohw.quantise.weights import Part, Rounded

Floats = NDArray[np.float64]
MOST = 20_000_000_000
"""Neurons times the cube of their synapses up to which weights are rounded by feedback: minutes."""


def too_many(choice: Choice) -> bool:
    """Whether feedback rounding would take too long."""
    target = choice.target
    degree = np.zeros(target.population.n)
    for part in target.incoming:
        degree += np.bincount(part.post, minlength=target.population.n)
    return float(np.sum(degree**3)) > MOST


def fed_back_choice(
    choice: Choice, activity: Activity | None, delays: Mapping[str, NDArray[np.int32]],
    refit: bool = False,
) -> Choice | None:  # fmt: skip
    """The choice with its weights rounded by feedback, and its biases moved to make up for the rest.

    ``activity``: of a sample, else all sources are taken to be alike. ``refit``: aim at what makes up
    for the error of the chip's time constants too. None if nothing would change, or a bias can't move.
    """
    target = choice.target
    population = target.population
    model = decays(population, target.functions)
    known = realised(target.rules, choice.coded, target.functions)
    own = decays(population, target.functions, known) if refit else model
    if refit and np.array_equal(own.alpha, model.alpha) and np.array_equal(own.beta, model.beta):
        return None
    free = has_bias(target, choice)
    places = [_by_neuron(part, population.n) for part in target.incoming]
    mantissas = [r.mantissa.astype(np.int64) for r in choice.rounded]
    bias = np.asarray(getattr(population, "bias", np.zeros(population.n)), np.float64)
    moved = np.zeros(population.n)
    for j in range(population.n):
        mine = [order[first[j] : first[j + 1]] for order, first in places]
        if not any(m.size for m in mine) or not choice.factor[j]:
            continue
        aim = np.concatenate(
            [p.projection.weight[p.which[m]] for p, m in zip(target.incoming, mine, strict=True)]
            + [bias[j : j + 1]]
        ) * choice.factor[j]  # fmt: skip
        moments = _moments(choice, j, mine, activity, delays, model, own, aim)
        keep = slice(None) if free else slice(0, -1)
        moments = Moments(moments.chip[keep, keep], moments.both[keep, keep])
        aim = moments.refitted(aim[keep]) if refit else aim[keep]
        lattice = _lattice(choice.rounded, target.incoming, mine)
        if free:
            squares, row = without(moments.chip, aim.size - 1)
            found = fed_back(aim[:-1], lattice, squares)
            best = aim[-1] - row @ (found - aim[:-1])
            moved[j] = best / choice.factor[j] - bias[j]
        else:
            found = fed_back(aim, lattice, moments.chip)
        at = 0
        for k, (part, r, m) in enumerate(zip(target.incoming, choice.rounded, mine, strict=True)):
            units = part.sign * found[at : at + m.size] / 2.0**r.exponent
            mantissas[k][m] = np.rint(units).astype(np.int64)
            at += m.size
    rounded = tuple(
        _as(part, r, m, choice)
        for part, r, m in zip(target.incoming, choice.rounded, mantissas, strict=True)
    )  # fmt: skip
    choice = replace(choice, rounded=rounded)
    return with_moved(choice, {"bias": moved}) if free and moved.any() else choice


def _as(part: Part, r: Rounded, mantissa: NDArray[np.int64], choice: Choice) -> Rounded:
    error = mantissa * 2.0**r.exponent - part.wanted(choice.factor)
    return replace(r, mantissa=mantissa.astype(np.int32), squared_error=float(np.sum(error**2)))


def _by_neuron(part: Part, n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places in the part sorted by target, and where each target's begin."""
    order = np.argsort(part.post, kind="stable")
    return order, np.searchsorted(part.post[order], np.arange(n + 1))


def _lattice(
    rounded: Sequence[Rounded], parts: Sequence[Part], mine: Sequence[NDArray[np.intp]]
) -> Lattice:
    step, low, high = [], [], []
    for r, part, m in zip(rounded, parts, mine, strict=True):
        ends = sorted(part.sign * end / r.mode.step for end in (r.mode.low, r.mode.high))
        step.append(np.full(m.size, 2.0**r.exponent * r.mode.step))
        low.append(np.full(m.size, ends[0]))
        high.append(np.full(m.size, ends[1]))
    return Lattice(np.concatenate(step), np.concatenate(low), np.concatenate(high))


def _moments(
    choice: Choice, j: int, mine: Sequence[NDArray[np.intp]], activity: Activity | None,
    delays: Mapping[str, NDArray[np.int32]], model: Decays, own: Decays, aim: Floats,
) -> Moments:  # fmt: skip
    if activity is None:
        return assumed(1 + sum(m.size for m in mine), *own.of(j))
    target = choice.target
    latency = max(target.chip.delivery.latency, 1)
    synapses = [
        (stand_for(p.projection.source, target.name), p.projection.pre[p.which[m]],
         delays[p.projection.name][p.which[m]].astype(np.int64) + latency)
        for p, m in zip(target.incoming, mine, strict=True)
    ]  # fmt: skip
    return activity.moments(j, synapses, model.of(j), own.of(j), aim)
