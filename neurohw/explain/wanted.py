"""What a population's codes and weights would be if they were not rounded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.equations.tree import names_in
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
    """A population before rounding, but for the codes that are to be rounded.

    ``codes`` (n,) by code, ``initial`` by register, ``factor`` float64 (n,) weight units for a float
    weight of 1. ``derived``: whether the registers that the chip derives at the start can be
    computed without rounding.
    """

    codes: Mapping[str, NDArray[Any]]
    initial: Mapping[str, NDArray[Any]]
    factor: Floats
    derived: bool


def wanted_codes(population: FixedPopulation, rounded: Callable[[str], bool]) -> Wanted:
    """The codes that the formulas of the profile give, not rounded but for those ``rounded``."""
    meaning = meaning_of(population)
    rules = meaning.rules
    free = derived(population)
    functions = {**meaning.functions, **(_UNROUNDED if free else {})}
    values = {k: v for k, v in meaning.values.items() if k not in rules.codes}
    held, codes = held_codes(population), {}
    for name, formula in rules.codes.items():
        if name not in population.parameters:
            values[name] = formula(values, functions)
        else:
            mine = name in held or rounded(name)
            coded = population.parameters[name].astype(np.float64)
            codes[name] = coded if mine else _each(formula(values, functions), population.n)
            values[name] = codes[name]
    initial = {k: _each(f(values, functions), population.n) for k, f in rules.initial.items()}
    factor = _each(rules.weight(values, functions), population.n)
    return Wanted(codes, initial, factor, free)


def meaning_of(population: FixedPopulation) -> Meaning:
    """What the codes of a population stand for; InputError if nobody knows."""
    if population.meaning is None:
        raise InputError(
            f"population '{population.name}' was written in integers; explain needs a network made by "
            "quantise, which knows what its codes stand for"
        )
    return population.meaning


def held_codes(population: FixedPopulation) -> frozenset[str]:
    """Codes that are whole numbers on purpose: counts of ticks, exponents that a mantissa makes up
    for, and those that only integers can compute with."""
    rules = meaning_of(population).rules
    held = set() if derived(population) else _reads(population)
    for name, formula in rules.codes.items():
        later = list(rules.codes)[list(rules.codes).index(name) + 1 :]
        exponent = "ceil" in formula.text and any(name in rules.codes[k].names for k in later)
        if name in population.parameters and ("t_ref" in formula.names or exponent):
            held.add(name)
    return frozenset(held)


def derived(population: FixedPopulation) -> bool:
    """Whether what a chip derives at the start can be computed without rounding."""
    start = population.neuron.start
    return start is None or all(plain(a.value) for a in start.assigns)


def _reads(population: FixedPopulation) -> set[str]:
    """Codes that the equations of the start read: what counts is what is derived from them."""
    start = population.neuron.start
    assigns = () if start is None else start.assigns
    return {k for a in assigns for k in names_in(a.value)} & set(population.parameters)


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
    meaning = meaning_of(population)
    factor = coded_factor(population)
    port = fixed.port(p)
    parts = split(origin, factor, meaning.rules, p.source not in fixed.inputs)
    mine = [q for q in parts if (q.port or population.neuron.port) == port] or parts
    part, which = mine[0], mine[0].which
    if which.size != p.synapses:  # a group of a projection's synapses, as 'grouped' makes them
        pairs = p.pre.astype(np.int64) * population.n + p.post
        there = origin.pre[which].astype(np.int64) * population.n + origin.post[which]
        which = which[np.isin(there, pairs)]
    if which.size != p.synapses:
        raise InputError(
            f"projection '{p.name}' has {p.synapses} synapses on the chip, {which.size} in the "
            "network; give the network that was quantised"
        )
    latency = max(fixed.chip.delivery.latency, 1)
    summed = p.exponent < 0 and fixed.chip.weight.right_shift == "sum"
    arrives = delivered(fixed.chip, p.weight, 0 if summed else p.exponent, p.bits, fixed.mixed(p))
    return Synapses(
        p, port, part.sign * origin.weight[which],
        np.rint(origin.delay[which] / dt).astype(np.int64),
        p.delay.astype(np.int64) + latency - 1, arrives, -p.exponent if summed else 0,
        2.0**p.exponent,
    )  # fmt: skip


def coded_factor(population: FixedPopulation) -> Floats:
    """Weight units for a float weight of 1 as quantising took them, float64 (n,)."""
    meaning = meaning_of(population)
    value = np.asarray(meaning.rules.weight(meaning.values, meaning.functions), np.float64)
    return np.array(np.broadcast_to(value, (population.n,)))
