"""The verb: every population, projection and current in the integers of one chip."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neurohw.chip.model import Chip
from neurohw.errors import CapacityError, InputError, NetworkError
from neurohw.fixed import (
    FixedCurrent,
    FixedPointNetwork,
    FixedPopulation,
    FixedProjection,
    Meaning,
    check_limits,
)
from neurohw.network.checks import whole
from neurohw.network.inputs import Inputs
from neurohw.network.model import Network
from neurohw.network.populations import CurrentInput
from neurohw.quantise.bias import with_bias_spikes
from neurohw.quantise.codes import choose_neuron, realised
from neurohw.quantise.currents import quantise_currents
from neurohw.quantise.delays import Delays, OnLimit, quantise_delays
from neurohw.quantise.judge import not_worse
from neurohw.quantise.meant import semantics_held
from neurohw.quantise.method import METHODS, Method, method_of
from neurohw.quantise.record import (
    HeadroomEntry,
    ParameterEntry,
    QuantisationRecord,
    WeightEntry,
    entry,
)
from neurohw.quantise.refine import Refinement, refined
from neurohw.quantise.sample import Bench, Calibration, calibration_of
from neurohw.quantise.sampled import by_table, expected, fixed_rule, of_all, small, stand_in
from neurohw.quantise.scale import (
    Choice,
    Target,
    choose_scale,
    clipped_choice,
    each_its_own,
    formats,
    margin,
)
from neurohw.quantise.stepping import stepping
from neurohw.quantise.weights import Part, Rounded, split

ScaleOf = Literal["population", "neuron"]
_SECONDS = ("tau", "tau_syn", "tau_mem", "tau_adapt", "tau_ref", "t_ref")


def quantise(
    network: Network,
    chip: Chip,
    *,
    on_limit: OnLimit = "error",
    scale: ScaleOf = "population",
    chips: int = 1,
    method: str | Method = "plain",
    calibration: Inputs | Calibration | None = None,
) -> FixedPointNetwork:
    """The network in the chip's integers. The network itself is not changed.

    ``on_limit``: what to do with a time constant, threshold or delay that the chip can't hold:
    ``error`` (CapacityError says which, and what the chip holds) or ``clip`` (the nearest it holds,
    recorded). ``scale``: codes per physical unit are chosen for each ``population``, or for each
    ``neuron`` of it, so that its largest weight fills the weight format. Raises CapacityError also if
    the network is larger than the chip, or ``chips`` of them together. Projections by rule stay rules:
    of a large network only a sample of the synapses is looked at.

    ``method``: ``plain`` scales by the largest weights; ``percentile`` clips them where that leaves less
    error; ``feedback`` lets the rounding errors of a neuron's weights make up for one another;
    ``grouped`` gives weights of different sign and size exponents of their own where a chip has these;
    ``calibrated`` does all of it and moves thresholds and biases, as the spikes of ``calibration`` input
    say: unlabelled trials, or a :class:`Calibration` if their float reference was run before. It is
    never worse than plain on them. What was done is in the record's notes.
    """
    if not isinstance(network, Network):
        raise NetworkError(f"network is a {type(network).__name__}; give a Network")
    if not isinstance(chip, Chip):
        raise NetworkError(f"chip is a {type(chip).__name__}; give what load_chip(NAME) returns")
    if scale not in ("population", "neuron"):
        raise NetworkError(f"scale is {scale!r}; it is 'population' or 'neuron'")
    if on_limit not in ("error", "clip"):
        raise NetworkError(f"on_limit is {on_limit!r}; it is 'error' or 'clip'")
    chips = whole("chips", chips)
    how = method_of(method)
    if calibration is None and how.measure:
        raise InputError(
            f"method '{how.name}' chooses by what the chip does; give calibration=INPUTS "
            "(--calibrate FILE): some trials of typical input"
        )
    if how.plain:
        return _quantised(network, chip, on_limit, scale, chips, how, None)
    looks = calibration is not None and (how.measure or how.rounding == "feedback")
    sample = calibration_of(network, calibration) if looks and calibration is not None else None
    better = _quantised(network, chip, on_limit, scale, chips, how, sample)
    if sample is None or not how.measure:
        return better
    plain = _quantised(network, chip, on_limit, scale, chips, METHODS["plain"], None)
    return not_worse(plain, better, sample, how)


def _quantised(
    network: Network, chip: Chip, on_limit: OnLimit, scale: ScaleOf, chips: int, method: Method,
    sample: Calibration | None,
) -> FixedPointNetwork:  # fmt: skip
    neurons = {
        name: choose_neuron(chip, name, network.populations[name])
        for name in network.populations if name not in network.inputs
    }  # fmt: skip
    notes = semantics_held(network, {k: neuron for k, (neuron, _) in neurons.items()}, chip.name)
    network, constant = with_bias_spikes(network, {k: rules for k, (_, rules) in neurons.items()})
    sizes = {name: network.populations[name].n for name in neurons}
    inputs = {name: network.populations[name].n for name in network.inputs}
    check_limits(chip, inputs, sizes, network.projections, chips)
    functions = stepping(network)
    targets = {
        name: Target(
            name, network.populations[name], neuron, rules, (), chip, functions, network.dt
        )
        for name, (neuron, rules) in neurons.items()
    }
    stand = stand_in(network, targets, scale == "neuron")
    network = stand.network
    populations, projections = {}, []
    currents: list[FixedCurrent] = []
    parameters: list[ParameterEntry] = []
    weights: list[WeightEntry] = []
    headroom: list[HeadroomEntry] = []
    clips: list[str] = []
    for name, (neuron, rules) in neurons.items():
        incoming = [p for p in network.projections if p.target == name]
        target = targets[name]
        factor = target.factor(target.codes(1.0))
        spiking = tuple(
            part for p in incoming if network.populations[p.source].spiking
            for part in split(p, factor, rules, p.source not in network.inputs)
        )  # fmt: skip
        target = replace(target, incoming=spiking)
        if stand.sampled and (few := small(target)).population.n < target.population.n:
            choice = of_all(_choose(few, on_limit, clips), target) or _choose(
                target, on_limit, clips
            )
        else:
            choice = _choose(target, on_limit, clips)
        if scale == "neuron":
            choice = each_its_own(choice)
        delayed = {
            p.name: quantise_delays(p, chip, network.dt, on_limit) for p in incoming
            if network.populations[p.source].spiking
        }  # fmt: skip
        if not method.plain:
            if any(p.name in stand.rules for p in incoming) or stand.sampled:
                notes += (f"{method.name}: '{name}' plain, for it has projections by rule",)
            else:
                choice, words = refined(choice, Refinement(
                    method, {k: d.codes for k, d in delayed.items()},
                    Bench.of(
                        name, network, chip, constant, {k: d.codes for k, d in delayed.items()}, sample
                    ) if sample else None,
                    partial(_currents_into, name, network, chip, on_limit),
                ))  # fmt: skip
                notes += (f"{method.name}: '{name}' {words}",)
        target = replace(target, incoming=choice.target.incoming)
        population = network.populations[name]
        meaning = Meaning(rules, choice.coded.values, functions, choice.scale)
        populations[name] = FixedPopulation.of(
            name, population.n, neuron, choice.coded.codes, choice.coded.initial, meaning
        )
        parameters += _parameter_entries(target, choice)
        headroom += _headroom_entries(target, choice)
        for part, rounded in zip(choice.target.incoming, choice.rounded, strict=True):
            p, which = part.projection, part.which
            delays, label = delayed[p.name], part.label
            if delays.clipped and part.sign > 0 and which[:1] == np.zeros(1, np.int64):
                of = " of those looked at" if stand.sampled else ""
                clips.append(f"{p.name}: {delays.clipped} delays{of} clipped")
            rule = stand.rules.get(p.name)
            if rule is None:
                projections.append(
                    FixedProjection(
                        label, p.source, p.target, p.pre[which], p.post[which], rounded.mantissa,
                        delays.codes[which], rounded.exponent, rounded.mode.name, part.port,
                    )
                )  # fmt: skip
                weights.append(_weight_entry(label, part, choice, rounded, delays))
                continue
            table = by_table(rule, part, rounded, choice, chip, network.dt)
            projections.append(fixed_rule(rule, label, *table))
            if stand.sampled:
                found = _weight_entry(label, table[0], choice, *table[1:])
                weights.append(expected(found, rule, table[0].which.size))
            else:
                weights.append(_weight_entry(label, part, choice, rounded, delays))
        currents += _currents_into(name, network, chip, on_limit, choice)
    record = QuantisationRecord(
        chip.name,
        {n: float(np.median(p.meaning.scale)) for n, p in populations.items() if p.meaning},
        {n: p.neuron.name for n, p in populations.items()}, tuple(parameters), tuple(weights),
        tuple(headroom), tuple(clips), notes,
    )  # fmt: skip
    order = {p.name: k for k, p in enumerate(network.projections)}

    def place(p: FixedProjection) -> tuple[int, str]:
        name = p.name if p.name in order else p.name.rpartition(" (")[0]
        return order[name], p.name

    return FixedPointNetwork(
        chip=chip, dt=network.dt, inputs=inputs,
        populations=populations,
        projections=tuple(sorted(projections, key=place)),
        currents=tuple(currents),
        spiking_inputs={n: network.populations[n].spiking for n in network.inputs},
        outputs=network.outputs, record=record, name=network.name, constant=constant,
        chips=chips,
    )  # fmt: skip


def _currents_into(
    name: str, network: Network, chip: Chip, on_limit: OnLimit, choice: Choice
) -> tuple[FixedCurrent, ...]:
    """The analogue currents into population ``name`` at this choice."""
    return tuple(
        current for p in network.projections
        if p.target == name and isinstance(network.populations[p.source], CurrentInput)
        for current in quantise_currents(p, network, choice, chip, on_limit)
    )  # fmt: skip


def _choose(target: Target, on_limit: OnLimit, clips: list[str]) -> Choice:
    choice, options = choose_scale(target)
    if choice is not None:
        return choice
    least = clipped_choice(options)
    chip = target.chip
    if least is None:
        raise CapacityError(
            f"population '{target.name}': its weights fit no weight mode and exponent of {chip.name} "
            f"({chip.weight.bits} bits, exponents {chip.weight.exponent[0]}..{chip.weight.exponent[1]})"
            "; split projections of very different weights or choose another chip"
        )
    trouble = []
    for name in least.coded.trouble(target.rules):
        form = {**target.neuron.tick.parameters, **target.neuron.tick.registers}[name.split()[-1]]
        wanted = least.coded.wanted.get(name)
        span = "" if wanted is None else f" {_span(wanted)}"
        trouble.append(f"{name} would be{span}; {form} holds {form.low}..{form.high}")
    if on_limit == "error":
        raise CapacityError(
            f"population '{target.name}' on {chip.name} ({target.neuron.name}): {'; '.join(trouble)}. "
            f"{_advice(target, least)}, or let it clip (on_limit='clip')"
        )
    clips.extend(f"{target.name}: {line}" for line in trouble)
    return least


def _advice(target: Target, choice: Choice) -> str:
    physical = realised(target.rules, choice.coded, target.functions)
    parameters = dict(target.population.parameters())
    worst = [
        name for name in physical
        if name.startswith("t") and not np.allclose(physical[name], parameters[name], rtol=0.5)
    ]  # fmt: skip
    if worst:
        return f"Change {' and '.join(worst)} or the time step ({target.dt:g} s)"
    return "Change the weights against the threshold, or the time step"


def _span(values: NDArray[np.float64]) -> str:
    low, high = f"{values.min():.4g}", f"{values.max():.4g}"
    return low if low == high else f"{low}..{high}"


def _parameter_entries(target: Target, choice: Choice) -> list[ParameterEntry]:
    physical = realised(target.rules, choice.coded, target.functions)
    entries = []
    for name, wanted in target.population.parameters():
        if name in physical:
            unit = "s" if name in _SECONDS else ""
            entries.append(entry(target.name, name, unit, wanted, physical[name]))
    for name, codes in choice.coded.codes.items():
        clipped, vanished = choice.coded.clipped[name], choice.coded.vanished[name]
        real = choice.coded.wanted[name]
        entries.append(entry(target.name, f"code {name}", "", real, codes, clipped, vanished))
    return entries


def _headroom_entries(target: Target, choice: Choice) -> list[HeadroomEntry]:
    entries = []
    for name, form in formats(target.neuron).items():
        reach = choice.reach.get(name)
        size = float("inf") if reach is None else float(max(reach[1], -reach[0]))
        entries.append(HeadroomEntry(target.name, name, size, form.high, margin(reach, form)))
    return entries


def _weight_entry(
    label: str, part: Part, choice: Choice, rounded: Rounded, delays: Delays
) -> WeightEntry:
    unit, wanted = 2.0**rounded.exponent, part.wanted(choice.factor)
    got = rounded.mantissa * unit
    rms = float(np.sqrt(np.mean(wanted**2))) if wanted.size else 0.0
    error = float(np.sqrt(np.mean((got - wanted) ** 2))) if wanted.size else 0.0
    with np.errstate(all="ignore"):
        factor = choice.factor[part.post]
        worst = np.where(factor != 0, np.abs(got - wanted) / np.abs(factor), 0.0)
        step = unit * rounded.mode.step / float(np.abs(choice.factor).max() or 1.0)
    return WeightEntry(
        projection=label, synapses=int(part.which.size), mode=rounded.mode.name, exponent=rounded.exponent,
        step=step, rms_error=error / rms if rms else 0.0, worst=float(worst.max(initial=0.0)),
        vanished=int(np.sum((rounded.mantissa == 0) & (wanted != 0))),
        distinct=(
            int(np.unique(part.projection.weight[part.which]).size),
            int(np.unique(rounded.mantissa).size),
        ),
        moved_delays=delays.moved, worst_delay=delays.worst,
    )  # fmt: skip
