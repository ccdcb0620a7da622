"""Who is to blame within a rung: each part of it alone, measured by a run of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np

from neurohw.equations.tree import show
from neurohw.explain.arithmetic import rounds
from neurohw.explain.ladder import ON
from neurohw.explain.margins import spare
from neurohw.explain.settings import Key, Manner, Settings, only
from neurohw.explain.twin import Ends, Probes, Twin, sums_only
from neurohw.explain.wanted import held_codes, meaning_of, wanted_codes
from neurohw.fixed import FixedPopulation
from neurohw.recording import Recording

MOST, LEAST = 10, 2
"""Parts of a rung that are tried alone, those with the largest errors first."""
WORK = 2_000_000_000
"""Neuron updates and synaptic events that the trials of a rung may take; a second is some 50 million."""
FINER = (1, 2, 3, 4)
"""Bits more that weights are tried with."""
OUTLIER = 32
"""Times the median from which a weight leaves the others no bits."""
FRACTION = 3
"""Bits behind the point that a rounding is tried with."""
ASSIGNMENT = re.compile(r"\s*\w+\s*=(?!=)")
ABOVE = {"delays": "equations", "parameters": "delays", "weights": "parameters",
         "rounding": "weights", "overflow": "rounding"}  # fmt: skip
Measure = Callable[[Recording, Recording], float]


@dataclass(frozen=True)
class Cause:
    """One part of a rung. ``effect``: the distance that it alone makes, from the rung above;
    ``detail`` says what is wrong with it; ``remedy`` what would help, and ``left`` the effect that
    was measured with it, None where it was not tried."""

    rung: str
    population: str
    what: str
    effect: float
    detail: str = ""
    remedy: str = ""
    left: float | None = None


@dataclass(frozen=True, eq=False)
class Part:
    """A part to be tried: the settings with it alone, and what is known about it."""

    rung: str
    population: str
    what: str
    settings: Settings
    detail: str
    size: float
    key: Key = ("", "")


def causes(
    twin: Twin, chip: Recording, rung: str, above: Recording, measure: Measure, probes: Probes,
    ends: Ends, tick: Callable[[], None],
) -> list[Cause]:  # fmt: skip
    """The parts of a rung by what each alone does to the run of the rung above, largest first.

    ``ends`` are the extremes of every register if nothing overflows.
    """
    parts = sorted(_parts(twin, chip, rung), key=lambda p: -p.size)[: affordable(twin, chip)]
    found = []
    for part in parts:
        run = twin.fixed.physical(twin.run(part.settings, probes))
        found.append((part, measure(above, run)))
        tick()
    found.sort(key=lambda item: -item[1])
    result = []
    for k, (part, effect) in enumerate(found):
        remedy, left = "", None
        if k == 0 and effect > 0:
            remedy, left = _remedy(twin, part, effect, above, measure, probes, ends, tick)
        result.append(Cause(rung, part.population, part.what, effect, part.detail, remedy, left))
    return [c for c in result if c.effect > 0]


def affordable(twin: Twin, chip: Recording) -> int:
    """How many parts of a rung can be tried."""
    updates = chip.trials * chip.steps * sum(
        p.n * len(p.neuron.tick.assigns) for p in twin.fixed.populations.values()
    )  # fmt: skip
    work = updates + sum(chip.synaptic_events.values())
    return max(LEAST, min(MOST, WORK // max(work, 1)))


def _parts(twin: Twin, chip: Recording, rung: str) -> Iterator[Part]:
    base = ON[ABOVE[rung]]
    if rung == "delays":
        for s in twin.synapses:
            wrong = np.flatnonzero(s.delay != s.steps)
            if wrong.size:
                k = wrong[np.argmax(np.abs(s.delay - s.steps)[wrong])]
                detail = (
                    f"{wrong.size:,} of {s.delay.size:,} delays differ, that of {s.fixed.pre[k]} -> "
                    f"{s.fixed.post[k]} is {s.delay[k]} ticks instead of {s.steps[k]}"
                )
                settings = base.with_(delays=only(s.fixed.name))
                yield Part(
                    rung, s.fixed.target, f"delays of {s.fixed.name}", settings, detail, wrong.size
                )
    if rung == "parameters":
        for population in twin.fixed.populations.values():
            yield from _parameters(population, base)
    if rung == "weights":
        for s in twin.synapses:
            yield _weights(twin, s.fixed.name, base)
    if rung == "rounding":
        yield from _sites(twin, base)
    if rung == "overflow" and sums_only(twin.fixed):
        for name, counts in chip.overflows.items():
            formats = twin.fixed.populations[name].neuron.formats
            for register, count in counts.items():
                detail = f"{count:,} times a value did not fit {formats[register]}"
                settings = base.with_(stores=only(name, register))
                key = (name, register)
                yield Part(
                    rung, name, f"register {register} of {name}", settings, detail, count, key
                )


def _parameters(population: FixedPopulation, base: Settings) -> Iterator[Part]:
    wanted, meaning = wanted_codes(population, lambda k: False), meaning_of(population)
    for name, real in wanted.codes.items():
        code = population.parameters[name]
        error = np.abs(code - real)
        if name in held_codes(population) or not error.any():
            continue
        scale = np.maximum(np.abs(real), 1.0)
        worst = int(np.argmax(error / scale))
        physical = [k for k, f in meaning.rules.realised.items() if name in f.names]
        stands = f" ({', '.join(physical)})" if physical else ""
        form = population.neuron.tick.parameters[name]
        clipped = np.flatnonzero(error > 1)
        whose = f"neuron {worst}: {code[worst]} instead of {real[worst]:.6g}"
        if clipped.size:
            whose += f"; {clipped.size} of {population.n} are off by more than one code ({form})"
        settings = base.with_(parameters=only(population.name, name))
        size = float(np.sqrt(np.mean((error / scale) ** 2)))
        what = f"{name}{stands} of {population.name}"
        if 0 < clipped.size <= 3 and population.n > 3:
            what += ", neuron" + "s" * (clipped.size > 1) + " " + ", ".join(map(str, clipped))
        yield Part(
            "parameters", population.name, what, settings, whose, size, (population.name, name)
        )


def _weights(twin: Twin, name: str, base: Settings) -> Part:
    s = next(s for s in twin.synapses if s.fixed.name == name)
    population = twin.fixed.populations[s.fixed.target]
    factor = wanted_codes(population, lambda k: True).factor
    real = s.meant * factor[s.fixed.post]
    have = s.stored * 2.0**-s.drop
    rms = float(np.sqrt(np.mean(real**2))) if real.size else 0.0
    error = float(np.sqrt(np.mean((have - real) ** 2))) if real.size else 0.0
    gone = int(np.sum((have == 0) & (real != 0)))
    detail = (
        f"{np.unique(have).size:,} different values, rms error {100 * error / (rms or 1):.3g} %"
    )
    if gone:
        detail += f", {gone:,} of {real.size:,} became 0"
    settings = base.with_(weights=only(name))
    what = f"weights of {name}"
    return Part(
        "weights", s.fixed.target, what, settings, detail, error * real.size**0.5, (name, "")
    )


def _sites(twin: Twin, base: Settings) -> Iterator[Part]:
    for name, population in twin.fixed.populations.items():
        neuron = population.neuron
        for phase, program in neuron.programs.items():
            text = neuron.text if phase == "tick" else neuron.phase_texts[phase]
            lines = [x.split("#")[0].strip() for x in text.splitlines() if ASSIGNMENT.match(x)]
            for k, assign in enumerate(program.assigns):
                if rounds(assign.value):
                    line = f"{assign.target} = {show(assign.value)}"
                    if len(lines) == len(program.assigns):
                        line = lines[k]
                    site = (name, f"{phase}{k}")
                    settings = base.with_(rounding=frozenset({site}))
                    what = f"{assign.target} of {name}"
                    yield Part("rounding", name, what, settings, line, 1.0, site)
    for s in twin.synapses:
        if s.drop:
            site = (s.fixed.target, f"sum {s.fixed.name}")
            settings = base.with_(rounding=frozenset({site}))
            detail = f"the sum is shifted right by {s.drop} bits"
            yield Part(
                "rounding", s.fixed.target, f"sum of {s.fixed.name}", settings, detail, 0.5, site
            )


def _remedy(
    twin: Twin, part: Part, effect: float, above: Recording, measure: Measure, probes: Probes,
    ends: Ends, tick: Callable[[], None],
) -> tuple[str, float | None]:  # fmt: skip
    """What would help, as far as a run can tell, and the effect that is left with it."""

    def tried(settings: Settings) -> float:
        tick()
        return measure(above, twin.fixed.physical(twin.run(settings, probes)))

    if part.rung == "weights":
        for bits in FINER:
            finer = part.settings.with_(weights=False, finer={part.key[0]: bits})
            left = tried(finer)
            if left <= effect / 2:
                return f"{bits} more bit{'s'[: bits > 1]} for them", left
        return _outliers(twin, part.key[0]), None
    if part.rung == "rounding" and not part.key[1].startswith("sum"):
        ways: dict[str, Manner] = {
            "rounding with shr0 there": ("shr0", 0), "rounding with shrf there": ("shrf", 0),
            "rounding with shrn there": ("shrn", 0),
            f"{FRACTION} bits behind the point there": ("", FRACTION),
        }  # fmt: skip
        lefts = {
            text: tried(part.settings.with_(instead={part.key: how})) for text, how in ways.items()
        }
        best = min(lefts, key=lambda text: lefts[text])
        if lefts[best] < effect:
            return best, lefts[best]
        return "more bits behind the point there", None
    if part.rung == "overflow":
        form = twin.fixed.populations[part.population].neuron.formats[part.key[1]]
        short = spare(ends.get(part.key, (0.0, 0.0)), form)
        more = 1 if short is None else max(1, ceil(-short))
        return f"{more} more bit{'s'[: more > 1]} there, or a scale that much smaller", None
    if part.rung == "delays":
        return "shorter delays, or a longer time step", None
    if part.rung == "parameters":
        return "a value that the chip holds, or train with it", None
    return "", None


def _outliers(twin: Twin, name: str) -> str:
    """What to do about weights that a few bits more don't mend."""
    s = next(s for s in twin.synapses if s.fixed.name == name)
    ratio = float(np.abs(s.meant).max() / np.sqrt(np.mean(s.meant**2)))
    median = float(np.median(np.abs(s.meant)))
    if median and np.abs(s.meant).max() > OUTLIER * median:
        return (
            f"the largest is {np.abs(s.meant).max() / median:.3g} times the median weight: clip it, or put "
            "it in a projection of its own"
        )
    return f"more than {FINER[-1]} more bits (the largest is {ratio:.2g} times the rms)"
