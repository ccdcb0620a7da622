"""What a population's codes and weights would be if they were not rounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.errors import InputError
from neurohw.explain.arithmetic import plain
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection, Meaning
from neurohw.network.model import Network
from neurohw.network.projections import Projection
from neurohw.quantise.bias import with_bias_spikes
from neurohw.quantise.weights import split
from neurohw.weights import delivered

Floats = NDArray[np.float64]
_UNROUNDED = {"round": lambda x: x, "floor": lambda x: x, "ceil": lambda x: x}
_WHOLE = 1e-9
"""Relative distance from a whole number that is float64's, not the formula's."""


@dataclass(frozen=True, eq=False)
class Wanted:
    """A population before rounding.

    ``codes`` float64 (n,) by code, ``initial`` by register, ``factor`` float64 (n,) weight units for a
    float weight of 1. ``held`` are codes that are not told apart from what the chip holds: counts of
    ticks, and those that only integers can compute with. ``derived``: whether the registers that the
    chip derives at the start can be computed without rounding.
    """

    codes: Mapping[str, Floats]
    initial: Mapping[str, Floats]
    factor: Floats
    held: frozenset[str]
    derived: bool


def wanted_codes(population: FixedPopulation) -> Wanted:
    """The codes that the formulas of the profile give, not rounded; the codes held if it has none."""
    meaning, tick = population.meaning, population.neuron.tick
    if meaning is None:
        raise InputError(
            f"population '{population.name}' was written in integers; explain needs a network made by "
            "quantise, which knows what its codes stand for"
        )
    rules, start = meaning.rules, population.neuron.start
    derived = start is None or all(plain(a.value) for a in start.assigns)
    functions = {**meaning.functions, **(_UNROUNDED if derived else {})}
    values = {k: v for k, v in meaning.values.items() if k not in rules.codes}
    read = set() if start is None or derived else _reads(population)
    held, codes = set(), {}
    for name, formula in rules.codes.items():
        if name not in tick.parameters:
            values[name] = formula(values, functions)
        elif name in read or "t_ref" in formula.names:
            held.add(name)
            codes[name] = population.parameters[name].astype(np.float64)
            values[name] = codes[name]
        else:
            values[name] = codes[name] = _each(formula(values, functions), population.n)
    initial = {k: _each(f(values, functions), population.n) for k, f in rules.initial.items()}
    factor = _each(rules.weight(values, functions), population.n)
    return Wanted(codes, initial, factor, frozenset(held), derived)


def _reads(population: FixedPopulation) -> set[str]:
    """Codes that only the equations of the start read: what counts is what is derived from them."""
    from neurohw.equations.tree import Expression, Name, children

    def names(node: Expression) -> set[str]:
        mine = {node.name} if isinstance(node, Name) else set()
        return mine.union(*(names(c) for c in children(node)))

    start = population.neuron.start
    assert start is not None
    return {k for a in start.assigns for k in names(a.value)} & set(population.parameters)


def _each(value: Any, n: int) -> Floats:
    """float64 (n,), snapped to whole numbers where only float64 keeps it from one."""
    array = np.array(np.broadcast_to(np.asarray(value, np.float64), (n,)))
    array = np.nan_to_num(array, nan=0.0, posinf=2.0**52, neginf=-(2.0**52))
    near = np.rint(array)
    return np.where(np.abs(array - near) <= _WHOLE * np.maximum(np.abs(array), 1), near, array)


@dataclass(frozen=True, eq=False)
class Synapses:
    """A projection on the chip and before rounding, all (synapses,).

    ``meant`` are the float weights, with the sign that its port takes off; ``steps`` their delays in
    steps of the float network, ``delay`` those on the chip; both count from the earliest arrival.
    ``stored`` is what arrives of the stored weights: in weight units, or before the sum is shifted
    right by ``drop`` bits.
    """

    fixed: FixedProjection
    port: str
    meant: Floats
    steps: NDArray[np.int64]
    delay: NDArray[np.int64]
    stored: NDArray[np.int64]
    drop: int
    unit: float


def wanted_synapses(network: Network, fixed: FixedPointNetwork) -> list[Synapses]:
    """Every projection of the fixed network beside the float one that it was made from."""
    rules = {k: p.meaning.rules for k, p in fixed.populations.items() if p.meaning}
    meant, _ = with_bias_spikes(network, rules)
    known = {p.name: p for p in meant.projections}
    return [_pair(fixed, p, known, network.dt) for p in fixed.projections]


def _pair(
    fixed: FixedPointNetwork, p: FixedProjection, known: Mapping[str, Projection], dt: float
) -> Synapses:
    origin = known.get(p.name) or known.get(p.name.rpartition(" (")[0])
    if origin is None:
        raise InputError(
            f"projection '{p.name}' of the chip is none of the network's ({', '.join(known)}); give the "
            "network that was quantised"
        )
    population = fixed.populations[p.target]
    meaning = population.meaning
    assert meaning is not None
    factor = coded_factor(population, meaning)
    port = fixed.port(p)
    parts = split(origin, factor, meaning.rules, p.source not in fixed.inputs)
    mine = [q for q in parts if (q.port or population.neuron.port) == port] or parts
    part = mine[0]
    if part.which.size != p.synapses:
        raise InputError(
            f"projection '{p.name}' has {p.synapses} synapses on the chip, {part.which.size} in the "
            "network; give the network that was quantised"
        )
    latency = max(fixed.chip.delivery.latency, 1)
    summed = p.exponent < 0 and fixed.chip.weight.right_shift == "sum"
    arrives = delivered(fixed.chip, p.weight, 0 if summed else p.exponent, p.bits, fixed.mixed(p))
    return Synapses(
        p, port, part.sign * origin.weight[part.which],
        np.rint(origin.delay[part.which] / dt).astype(np.int64),
        p.delay.astype(np.int64) + latency - 1, arrives, -p.exponent if summed else 0,
        2.0**p.exponent,
    )  # fmt: skip


def coded_factor(population: FixedPopulation, meaning: Meaning) -> Floats:
    """Weight units for a float weight of 1 as quantising took them, float64 (n,)."""
    value = np.asarray(meaning.rules.weight(meaning.values, meaning.functions), np.float64)
    return np.array(np.broadcast_to(value, (population.n,)))
