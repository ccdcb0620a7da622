"""The scale of a population: how many membrane codes one physical unit becomes.

All weights into a population, its threshold and its bias share one scale. Candidates are the scales
at which some projection uses a mantissa to its end, or some code its format. Each is judged by the
error it leaves in weights and codes and by whether anything could overflow if every source spiked at
every step. Among those of (nearly) the least error, the largest that is safe resolves state best.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from neurohw.chip.model import Chip, FromPhysical, Neuron
from neurohw.equations.primitives import Interval
from neurohw.fixedpoint import Format
from neurohw.formulas import Functions
from neurohw.network.populations import Population
from neurohw.network.projections import Projection
from neurohw.quantise.codes import Coded, compute_codes
from neurohw.quantise.headroom import worst_case
from neurohw.quantise.weights import Rounded, round_weights

HALVINGS = 12


@dataclass(frozen=True, eq=False)
class Choice:
    """One scale and everything that follows from it."""

    target: Target
    scale: float
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
    incoming: tuple[Projection, ...]
    chip: Chip
    functions: Functions
    dt: float

    def codes(self, scale: float) -> Coded:
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
    options = [c for c in (_try(target, s) for s in _candidates(target)) if c is not None]
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
    """Formats of registers, wires and input that could overflow."""
    return {
        k: f for k, f in {**neuron.tick.inputs, **neuron.tick.targets}.items()
        if f.overflow != "exact" and f.bits > 1
    }  # fmt: skip


def _candidates(target: Target) -> list[float]:
    one, two = target.codes(1.0), target.codes(2.0)
    factor = target.factor(one)
    found: set[float] = set()
    for projection in target.incoming:
        wanted = projection.weight * factor[projection.post]
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
    return sorted(s for s in found if np.isfinite(s) and s > 0) or [1.0]


def _try(target: Target, scale: float) -> Choice | None:
    coded = target.codes(scale)
    factor = target.factor(coded)
    rounded, squared, total = [], 0.0, 0.0
    dropped = 0.0
    for projection in target.incoming:
        wanted = projection.weight * factor[projection.post]
        result = round_weights(wanted, target.chip.weight)
        if result is None:
            return None
        rounded.append(result)
        squared += result.squared_error
        total += float(np.sum(wanted**2))
        if result.exponent < 0 and wanted.size:
            # Bits below the unit are dropped from every sum: half a unit against a typical weight.
            dropped = max(dropped, 0.5 / float(np.sqrt(np.mean(wanted**2)) or 1.0))
    cost = (squared / total) ** 0.5 if total else 0.0
    cost += dropped
    for name, wanted in coded.wanted.items():
        if name in target.rules.may_vanish:
            continue
        with np.errstate(all="ignore"):
            error = np.where(wanted != 0, np.abs(coded.codes[name] - wanted) / np.abs(wanted), 0.0)
        cost += float(np.sqrt(np.mean(error**2)))
    return Choice(target, scale, coded, tuple(rounded), factor, cost)


def _reach(target: Target, coded: Coded, rounded: Sequence[Rounded]) -> dict[str, Interval | None]:
    n = target.population.n
    low, high = np.zeros(n), np.zeros(n)
    for projection, r in zip(target.incoming, rounded, strict=True):
        weight = r.mantissa.astype(np.float64) * 2.0**r.exponent
        low += np.bincount(projection.post, np.minimum(weight, 0), minlength=n)
        high += np.bincount(projection.post, np.maximum(weight, 0), minlength=n)
    arriving = (int(np.floor(low.min())), int(np.ceil(high.max())))
    registers = target.neuron.tick.registers
    initial = {r: coded.initial.get(r, np.zeros(1, np.int64)) for r in registers}
    reach = worst_case(target.neuron.tick, coded.codes, initial, arriving)
    return {**reach, target.neuron.port: arriving}


def margin(reach: Interval | None, form: Format) -> float:
    """Bits to spare: log2 of what the format holds over what is needed; -inf without a bound."""
    if reach is None:
        return float("-inf")
    need = max(reach[1] / max(form.high, 1), -reach[0] / max(-form.low, 1), 1e-9)
    return -float(np.log2(need))


def _safe(choice: Choice, modes: tuple[str, ...]) -> bool:
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
        if _safe(ascending[middle], modes):
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
    for modes in (("wrap", "fold", "error", "clamp", "clamp symmetric"), ("wrap", "fold", "error")):
        safe = _safe_ones(ascending, modes)
        best = min((c.cost for c in safe), default=float("inf"))
        if best <= 3 * least + 0.01:
            near = [c for c in safe if c.cost <= 1.05 * best + 1e-4]
            return near[-1] if "clamp" in modes else near[0]
    return next(c for c in ascending if c.cost <= 1.05 * least + 1e-4)
