"""The scale of a population: how many membrane codes one physical unit becomes.

All weights into a population, its threshold and its bias share one scale. Candidates are the scales
at which some projection uses a mantissa to its end, or some code its format. Each is judged by the
error it leaves in weights and codes and by whether anything could overflow if every source spiked at
every step. Among those of (nearly) the least error, the largest that is safe resolves state best.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from neurohw.chip.model import Chip, FromPhysical, Neuron
from neurohw.equations.primitives import Interval
from neurohw.fixed import FixedPopulation
from neurohw.fixedpoint import Format
from neurohw.formulas import Functions
from neurohw.network.populations import Population
from neurohw.quantise.codes import Coded, compute_codes
from neurohw.quantise.headroom import Phase, worst_case
from neurohw.quantise.weights import Part, Rounded, round_weights
from neurohw.weights import delivered

HALVINGS = 12
ROOM = 64.0
"""The most by which the scale of one neuron may exceed that of its population."""
SAFETY = (("wrap", "fold", "error", "clamp", "clamp symmetric"), ("wrap", "fold", "error"))
"""Overflow modes that must not be met: first none at all, then none that turns values over."""
Scale = float | NDArray[np.float64]
"""Codes per physical unit: of a whole population, or of each neuron (n,)"""


@dataclass(frozen=True, eq=False)
class Choice:
    """One scale and everything that follows from it."""

    target: Target
    scale: Scale
    coded: Coded
    rounded: tuple[Rounded, ...]
    factor: NDArray[np.float64]
    cost: float

    @cached_property
    def reach(self) -> Mapping[str, Interval | None]:
        """How far each register could go if every source spiked at every step."""
        return _reach(self.target, self.coded, self.rounded)


@dataclass(frozen=True, eq=False)
class Target:
    """A population about to be quantised: what it is on the chip, and what projects to it."""

    name: str
    population: Population
    neuron: Neuron
    rules: FromPhysical
    incoming: tuple[Part, ...]
    chip: Chip
    functions: Functions
    dt: float

    def codes(self, scale: Scale) -> Coded:
        """Codes at this scale."""
        return compute_codes(
            self.population, self.neuron, self.rules, self.functions, self.dt, scale
        )

    def factor(self, coded: Coded) -> NDArray[np.float64]:
        """Weight units for a float weight of 1, float64 (n,)."""
        value = np.asarray(self.rules.weight(coded.values, self.functions), float)
        return np.array(np.broadcast_to(value, (self.population.n,)))


def choose_scale(target: Target) -> tuple[Choice | None, list[Choice]]:
    """The best scale, or None if none holds every code and weight; and all that were possible."""
    options = [c for c in (at_scale(target, s) for s in scales_to_try(target)) if c is not None]
    sound = [c for c in options if not c.coded.trouble(target.rules)]
    if not sound:
        return None, options
    return _pick(sound), options


def clipped_choice(options: Sequence[Choice]) -> Choice | None:
    """The option that clips the fewest codes and then errs least, for those who allow clipping."""
    return min(
        options,
        key=lambda c: (sum(c.coded.clipped.values()) + sum(c.coded.vanished.values()), c.cost),
        default=None,
    )


def formats(neuron: Neuron) -> dict[str, Format]:
    """Formats of registers, wires and inputs that could overflow; none for a chip without ticks,
    whose worst case depends on the order of events."""
    return {
        k: f for k, f in neuron.formats.items()
        if f.overflow != "exact" and f.bits > 1 and neuron.tick.assigns
    }  # fmt: skip


def scales_to_try(target: Target) -> list[float]:
    """Scales at which some weights use a mode, or some code its format, to its end."""
    one, two = target.codes(1.0), target.codes(2.0)
    factor = target.factor(one)
    found: set[float] = set()
    for part in target.incoming:
        wanted = part.wanted(factor)
        if not np.any(wanted):
            continue
        low, high = float(wanted.min(initial=0.0)), float(wanted.max(initial=0.0))
        for mode in target.chip.weight.modes:
            ends = [end / x for end, x in ((mode.low, low), (mode.high, high)) if x and end]
            for exponent in range(
                target.chip.weight.exponent[0], target.chip.weight.exponent[1] + 1
            ):
                if ends:
                    found.add(min(ends) * 2.0**exponent)
    for name, wanted in one.wanted.items():
        largest = float(np.abs(wanted).max())
        if largest and np.array_equal(two.wanted[name], 2 * wanted):
            top = target.neuron.tick.parameters[name].high / largest
            found.update(top * 2.0**-k for k in range(HALVINGS))
    found.update(_filling(target, factor))
    return sorted(s for s in found if np.isfinite(s) and s > 0) or [1.0]


def _filling(target: Target, factor: NDArray[np.float64]) -> Iterator[float]:
    """Scales at which all weights of a neuron together just fill an input."""
    for port, (low, high) in _sums(target, [p.wanted(factor) for p in target.incoming]).items():
        form = target.neuron.inputs[port]
        for sum_, end in ((low, form.low), (high, form.high)):
            if sum_ and end:
                # A little below, so that rounding half of the weights up does not overfill it.
                yield from (0.999 * end / sum_ * 2.0**-k for k in range(HALVINGS))


def _sums(target: Target, values: Sequence[NDArray[np.float64]]) -> dict[str, tuple[float, float]]:
    """The least and largest sum over the synapses of a neuron, by input port."""
    n = target.population.n
    sums = {port: np.zeros((2, n)) for port in target.neuron.ports}
    for part, value in zip(target.incoming, values, strict=True):
        mine = sums[part.port or target.neuron.port]
        mine[0] += np.bincount(part.post, np.minimum(value, 0), minlength=n)
        mine[1] += np.bincount(part.post, np.maximum(value, 0), minlength=n)
    return {k: (float(v[0].min()), float(v[1].max())) for k, v in sums.items()}


def each_its_own(choice: Choice) -> Choice:
    """The choice with a larger scale for each neuron whose weights and codes leave room, so that its
    largest weight fills the mode: what Xylo's tools call scaling by channel.

    Less of that (a share of the octaves) if all of it could overflow; the choice itself if nothing of
    it is sound.
    """
    target, n = choice.target, choice.target.population.n
    room = np.full(n, ROOM)
    for part, r in zip(target.incoming, choice.rounded, strict=True):
        size = np.zeros(n)
        np.maximum.at(size, part.post, np.abs(part.wanted(choice.factor)))
        top = min(abs(e) for e in (r.mode.low, r.mode.high) if e) * 2.0**r.exponent
        room = np.minimum(room, np.divide(top, size, out=np.full(n, ROOM), where=size > 0))
    twice = target.codes(2.0 * choice.scale)
    for name, wanted in choice.coded.wanted.items():
        if np.array_equal(twice.wanted[name], 2 * wanted):
            form = target.neuron.tick.parameters[name]
            end = np.where(wanted > 0, form.high, -form.low)
            ends = np.divide(end, np.abs(wanted), out=np.full(n, ROOM), where=wanted != 0)
            room = np.minimum(room, ends)
    modes = next((m for m in SAFETY if safe(choice, m)), ())
    for share in (1.0, 0.9, 0.8, 0.65, 0.5, 0.25):
        finer = at_scale(target, choice.scale * np.maximum(room, 1.0) ** share)
        if finer and not finer.coded.trouble(target.rules) and safe(finer, modes):
            return finer
    return choice


def clipped(wanted: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Weights of which ``share`` keep their size; the larger ones are cut to the largest of these."""
    if share >= 1 or not wanted.size:
        return wanted
    end = float(np.quantile(np.abs(wanted), share, method="higher"))
    return np.clip(wanted, -end, end)


def at_scale(target: Target, scale: Scale, clip: float = 1.0) -> Choice | None:
    """What follows from a scale, with weights :func:`clipped`; None if some weights fit no mode."""
    # Codes that do not depend on the scale err the same at every scale.
    coded, steady = target.codes(scale), target.codes(2 * scale)
    factor = target.factor(coded)
    rounded, squared, total = [], 0.0, 0.0
    dropped = 0.0
    for part in target.incoming:
        wanted = part.wanted(factor)
        result = round_weights(clipped(wanted, clip), target.chip)
        if result is None:
            return None
        if clip < 1:
            got = result.mantissa * 2.0**result.exponent
            result = replace(result, squared_error=float(np.sum((got - wanted) ** 2)))
        rounded.append(result)
        squared += result.squared_error
        total += float(np.sum(wanted**2))
        if result.exponent < 0 and wanted.size:
            # Bits below the unit are dropped from every sum: half a unit against a typical weight.
            dropped = max(dropped, 0.5 / float(np.sqrt(np.mean(wanted**2)) or 1.0))
    cost = (squared / total) ** 0.5 if total else 0.0
    cost += dropped
    for name, wanted in coded.wanted.items():
        if name in target.rules.may_vanish or np.array_equal(wanted, steady.wanted[name]):
            continue
        with np.errstate(all="ignore"):
            error = np.where(wanted != 0, np.abs(coded.codes[name] - wanted) / np.abs(wanted), 0.0)
        cost += float(np.sqrt(np.mean(error**2)))
    return Choice(target, scale, coded, tuple(rounded), factor, cost)


def _reach(target: Target, coded: Coded, rounded: Sequence[Rounded]) -> dict[str, Interval | None]:
    chip, neuron = target.chip, target.neuron
    if chip.machine is not None:
        return {}
    weights: list[NDArray[np.float64]] = []
    for r in rounded:
        mixed = r.mode.low < 0 < r.mode.high
        if r.exponent < 0 and chip.weight.right_shift == "sum":
            unit, exponent = 2.0**r.exponent, 0
        else:
            unit, exponent = 1.0, r.exponent
        weights.append(np.asarray(delivered(chip, r.mantissa, exponent, None, mixed) * unit, float))
    sums = _sums(target, weights)
    arriving: dict[str, Interval] = {
        port: (int(np.floor(low)), int(np.ceil(high))) for port, (low, high) in sums.items()
    }
    population = FixedPopulation.of(
        target.name, target.population.n, neuron, coded.codes, coded.initial
    )
    aliased = (
        {neuron.aliased: (0, neuron.tick.inputs[neuron.aliased].high)} if neuron.aliased else {}
    )
    if "event" in neuron.phases:
        # All events of a tick as one that carries their sum.
        event = Phase(neuron.phases["event"], {**arriving, "count": (1, 1)})
        phases = [event, Phase(neuron.tick, aliased)]
        if chip.delivery.latency == 0:
            phases.reverse()
    else:
        phases = [Phase(neuron.tick, {**arriving, **aliased})]
    return {**worst_case(phases, coded.codes, population.start()), **arriving}


def margin(reach: Interval | None, form: Format) -> float:
    """Bits to spare: log2 of what the format holds over what is needed; -inf without a bound."""
    if reach is None:
        return float("-inf")
    need = max(reach[1] / max(form.high, 1), -reach[0] / max(-form.low, 1), 1e-9)
    return -float(np.log2(need))


def safe(choice: Choice, modes: tuple[str, ...]) -> bool:
    """Whether no store with one of these overflow modes could ever meet its end."""
    return all(
        margin(choice.reach.get(name), form) >= 0
        for name, form in formats(choice.target.neuron).items()
        if form.overflow in modes
    )


def _safe_ones(ascending: Sequence[Choice], modes: tuple[str, ...]) -> Sequence[Choice]:
    """The choices that can't overflow. What a register needs grows with the scale, so they are the
    first so many, and bisection finds how many."""
    low, high = 0, len(ascending)
    while low < high:
        middle = (low + high) // 2
        if safe(ascending[middle], modes):
            low = middle + 1
        else:
            high = middle
    return ascending[:low]


def _pick(sound: Sequence[Choice]) -> Choice:
    """Nothing may overflow if that costs little; else nothing may wrap; else the least error.

    Among equals the largest scale resolves state best; where something could saturate, the smallest
    leaves most room.
    """
    ascending = sorted(sound, key=lambda c: c.scale)
    least = min(c.cost for c in ascending)
    for modes in SAFETY:
        safe = _safe_ones(ascending, modes)
        best = min((c.cost for c in safe), default=float("inf"))
        if best <= 3 * least + 0.01:
            near = [c for c in safe if c.cost <= 1.05 * best + 1e-4]
            return near[-1] if "clamp" in modes else near[0]
    return next(c for c in ascending if c.cost <= 1.05 * least + 1e-4)
