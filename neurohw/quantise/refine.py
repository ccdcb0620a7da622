"""From the plain choice of a population to a better one, by the steps of a method.

Each step proposes choices and one of them is kept, so that no step makes worse what it is judged by: with
a bench the spikes that differ from the model's on the sample, without one the squared error of the
weights, or of the membrane as far as that is known. Nothing that turns values over may become possible;
what saturates in the worst case may, if it never happened on the sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neurohw.fixed import FixedCurrent
from neurohw.quantise.activity import decays
from neurohw.quantise.compensate import biases_to_try, has_bias, thresholds_to_try, with_moved
from neurohw.quantise.groups import group, may_group, most_groups
from neurohw.quantise.method import Method
from neurohw.quantise.neurons import fed_back_choice, too_many
from neurohw.quantise.sample import Bench, Judged
from neurohw.quantise.scale import (
    SAFETY,
    Choice,
    Target,
    at_scale,
    each_its_own,
    safe,
    scales_to_try,
)

Floats = NDArray[np.float64]
OCTAVES_UP, OCTAVES_DOWN = 8, 2
MEASURED = 16
"""Scales that are run on the sample."""
CHANCE = 0.05
"""The share of errors by which choices may differ by chance."""
Board = list[tuple[Choice, Judged, str]]
FINALISTS = 3
"""Of these, how many are rounded by feedback and run again."""


@dataclass(frozen=True, eq=False)
class Refinement:
    """How one population is refined: what may be done, on which bench, and its currents at a choice."""

    method: Method
    delays: Mapping[str, NDArray[np.int32]]
    bench: Bench | None
    currents: Callable[[Choice], tuple[FixedCurrent, ...]]

    def judge(self, choice: Choice) -> Judged | None:
        """On the bench; None without one, or if the chip can't be run so."""
        return None if self.bench is None else self.bench.judge(choice, self.currents(choice))


def refined(plain: Choice, r: Refinement) -> tuple[Choice, str]:
    """A choice at least as good as ``plain``, and one line that says what was done."""
    start = r.judge(plain) if r.method.measure else None
    if r.method.measure and start is None:
        return plain, "plain: the chip can't be run on the sample with this population alone"
    if start is None:
        return _unmeasured(plain, r)
    return _measured(plain, start, r)


def _unmeasured(plain: Choice, r: Refinement) -> tuple[Choice, str]:
    level = next((m for m in SAFETY if safe(plain, m)), ())
    best, words = plain, []
    search = r.method.groups or len(r.method.clip) > 1 or r.method.clip[0] < 1
    proposals = _proposals(plain, r.method) if search else ()
    for choice, word in sorted(proposals, key=lambda c: c[0].cost):
        if choice.cost >= plain.cost:
            break
        if safe(choice, level):
            best, words = choice, [word]
            break
    if r.method.rounding == "feedback":
        if too_many(best):
            words.append("nearest codes, for feedback takes too long")
        else:
            activity = None if r.bench is None else r.bench.activity()
            found = fed_back_choice(best, activity, r.delays)
            if found is not None and safe(found, level):
                best = found
                words.append(f"rounded by feedback, {'sample' if activity else 'even'} activity")
    return best, ", ".join(words) or "plain"


def _measured(plain: Choice, start: Judged, r: Refinement) -> tuple[Choice, str]:
    board: Board = [(plain, start, "scale and weights as plain")]
    allowed = SAFETY[1] if safe(plain, SAFETY[1]) else ()

    def consider(found: Iterable[tuple[Choice | None, str]]) -> None:
        for choice, word in found:
            if choice is None or not safe(choice, allowed):
                continue
            judged = r.judge(choice)
            if judged is not None and judged.overflows <= start.overflows:
                board.append((choice, judged, word))
        board[:] = _ranked(board)

    consider(_few(plain, r.method))
    finalists = board[:FINALISTS]
    if r.method.each:
        own = [
            (each_its_own(choice), f"{word}, a scale for each neuron")
            for choice, _, word in finalists if np.ndim(choice.scale) == 0
        ]  # fmt: skip
        consider(own)
        finalists += [row for row in board if row[2] in [word for _, word in own]]
    if r.method.rounding == "feedback" and r.bench is not None and not too_many(plain):
        activity = r.bench.activity()
        consider([
            (fed_back_choice(choice, activity, r.delays, refit), f"{word}, {how}")
            for choice, _, word in finalists
            for refit, how in ((False, "feedback"), (True, "feedback for the chip's decays"))
        ])  # fmt: skip
    choice, judged, word = board[0]
    choice, judged, moved = _compensated(choice, judged, r, allowed, start.overflows)
    word = ", ".join([word, *moved])
    return choice, f"{word}; errors on the sample {start.total:.6g} -> {judged.total:.6g}"


def _ranked(board: Board) -> Board:
    """The least errors first. Of those that differ by chance only the smallest scale first, because
    it leaves most room for what the sample did not show."""
    board = sorted(board, key=lambda row: row[1].total)
    least = board[0][1].total
    near = [row for row in board if row[1].total <= (1 + CHANCE) * least]
    near.sort(key=lambda row: float(np.median(row[0].scale)))
    return near + board[len(near) :]


def _proposals(plain: Choice, method: Method) -> Iterator[tuple[Choice, str]]:
    """Other scales, groups and clips, with nearest codes and nothing lost that the plain has."""
    target = plain.target
    trouble = set(plain.coded.trouble(target.rules))
    for grouped in _groupings(target, plain, method):
        for scale, octave in _scales(plain):
            for clip in method.clip if grouped is target else (1.0,):
                choice = at_scale(grouped, scale, clip)
                if choice is None or set(choice.coded.trouble(target.rules)) - trouble:
                    continue
                words = [f"scale x {2**octave:.3g}"]
                if grouped is not target:
                    words.append(f"{len(grouped.incoming)} groups")
                if clip < 1:
                    words.append(f"largest {100 * (1 - clip):.3g} % clipped")
                yield choice, ", ".join(words)


def _groupings(target: Target, plain: Choice, method: Method) -> Iterator[Target]:
    yield target
    if method.groups and may_group(target.chip) and target.incoming:
        most = most_groups(target.chip, len(target.incoming))
        parts = tuple(
            p for part in target.incoming for p in group(part, plain.factor, target.chip, most)
        )
        if len(parts) > len(target.incoming):
            yield replace(target, incoming=parts)


def _scales(plain: Choice) -> list[tuple[float | Floats, float]]:
    """Scales and by how many octaves they exceed the plain one."""
    octaves: set[float] = {float(k) for k in range(-OCTAVES_DOWN, OCTAVES_UP + 1)}
    if np.ndim(plain.scale) == 0:
        for scale in scales_to_try(plain.target):
            found = float(np.log2(scale / float(plain.scale)))
            if -OCTAVES_DOWN <= found <= OCTAVES_UP:
                octaves.add(found)
    return [(plain.scale * 2.0**k if k else plain.scale, k) for k in sorted(octaves)]


def _few(plain: Choice, method: Method) -> list[tuple[Choice, str]]:
    """Of each scale the proposal with the least error of weights and codes; of these the best, and
    those that are spread evenly over what is left: at large scales it is the state that gets finer."""
    by_scale: dict[float, tuple[Choice, str]] = {}
    for choice, word in _proposals(plain, method):
        key = float(np.median(choice.scale))
        if key not in by_scale or choice.cost < by_scale[key][0].cost:
            by_scale[key] = (choice, word)
    ranked = sorted(by_scale.values(), key=lambda c: c[0].cost)
    if len(ranked) <= MEASURED:
        return ranked
    best, rest = ranked[: MEASURED // 2], ranked[MEASURED // 2 :]
    rest.sort(key=lambda c: float(np.median(c[0].scale)))
    picked = np.unique(np.linspace(0, len(rest) - 1, MEASURED - len(best)).astype(int))
    return best + [rest[k] for k in picked]


def _compensated(
    choice: Choice, judged: Judged, r: Refinement, allowed: tuple[str, ...], overflows: int
) -> tuple[Choice, Judged, list[str]]:
    """Thresholds of all, then the bias of each neuron on its own, where that takes errors away."""
    target, words = choice.target, []

    def tried(moved: Mapping[str, Floats]) -> tuple[Choice, Judged] | None:
        found = with_moved(choice, moved)
        if found is None or not safe(found, allowed):
            return None
        result = r.judge(found)
        return (found, result) if result is not None and result.overflows <= overflows else None

    if target.population.spiking and "v_threshold" in target.population.parameter_names():
        steps = thresholds_to_try(target.population)
        found = [f for f in (tried({"v_threshold": s}) for s in steps) if f is not None]
        best = min(found, key=lambda f: f[1].total, default=None)
        if best is not None and best[1].total < judged.total:
            shift = float(np.median(_threshold(best[0]) / _threshold(choice)))
            choice, judged = best
            words.append(f"threshold x {shift:.4g}")
    if target.population.spiking and has_bias(target, choice):
        model = decays(target.population, target.functions)
        steps = biases_to_try(target, model.beta)
        results = [(s, tried({"bias": s})) for s in steps]
        never = np.full_like(judged.errors, np.inf)
        # One spike more or less is chance.
        errors = np.stack(
            [judged.errors - 1.5, *(never if f is None else f[1].errors for _, f in results)]
        )
        pick = np.argmin(errors, axis=0)
        moves = np.stack([np.zeros_like(judged.errors), *steps])[pick, np.arange(pick.size)]
        if pick.any() and (both := tried({"bias": moves})) and both[1].total < judged.total:
            choice, judged = both
            words.append(f"{int((pick > 0).sum())} biases moved")
    return choice, judged, words


def _threshold(choice: Choice) -> Floats:
    return np.asarray(choice.target.population.v_threshold)  # type: ignore[attr-defined]
