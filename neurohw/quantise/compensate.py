"""Thresholds and biases moved a little, to make up for what the chip's arithmetic does on average.

A decay that rounds toward zero takes up to one code a step from a membrane, one that rounds down takes
it from both signs, and rounded weights have a mean error; all of these add up to a shift of the membrane
that a bias or a threshold of some codes less undoes. The shift is moved in the float model, so that the
formulas of the profile say what it is in codes, within their formats.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neurohw.network.populations import Population
from neurohw.quantise.scale import Choice, Target

Floats = NDArray[np.float64]
SHARES = (0.001, 0.0025, 0.006, 0.015, 0.04)
"""Of the threshold: how far a bias or a threshold is moved."""


def has_bias(target: Target, choice: Choice) -> bool:
    """Whether codes, not weights, hold the bias of this population."""
    population = target.population
    if target.rules.bias_spikes or "bias" not in population.parameter_names():
        return False
    moved = replace(target, population=_with(population, {"bias": _of(population, "bias") + 1.0}))
    other = moved.codes(choice.scale).wanted
    return any(not np.array_equal(v, other[k]) for k, v in choice.coded.wanted.items())


def with_moved(choice: Choice, moved: Mapping[str, Floats]) -> Choice | None:
    """The choice with parameters of the model moved by so much; None if a code would be lost."""
    target = choice.target
    population = target.population
    values = {k: _of(population, k) + v for k, v in moved.items()}
    if "v_threshold" in values and (values["v_threshold"] <= _of(population, "v_reset")).any():
        return None
    target = replace(target, population=_with(population, values))
    coded = target.codes(choice.scale)
    if set(coded.trouble(target.rules)) - set(choice.coded.trouble(target.rules)):
        return None
    return replace(choice, target=target, coded=coded)


def biases_to_try(target: Target, beta: Floats) -> list[Floats]:
    """Steps of the bias that at rest move the membrane by a share of the threshold, both ways."""
    population = target.population
    span = _of(population, "v_threshold") - _of(population, "v_reset")
    gain = np.ones(population.n)
    for name in ("r", "w_in"):
        if name in population.parameter_names():
            gain = gain * _of(population, name)
    # At rest a leaky membrane follows its bias with this gain, an integrator gains r * bias * dt a step.
    if not (beta < 1).all():
        gain = gain * target.dt
    size = np.divide(span, np.abs(gain), out=np.zeros_like(span), where=gain != 0)
    return [sign * share * size for share in SHARES for sign in (1, -1)]


def thresholds_to_try(population: Population) -> list[Floats]:
    """Steps of the threshold by a share of it, the same for all neurons, both ways."""
    span = _of(population, "v_threshold") - _of(population, "v_reset")
    return [sign * share * span for share in SHARES for sign in (1, -1)]


def _of(population: Population, name: str) -> Floats:
    return np.asarray(getattr(population, name), np.float64)


def _with(population: Population, values: Mapping[str, Floats]) -> Population:
    return replace(population, **values)  # type: ignore[arg-type]
