"""In what the chip's neuron is another one: which choices of a framework bring the model nearest to it.

The chip's equations in real numbers are compared with the model stepped in other ways
(:mod:`neurohw.explain.author`). A choice that makes both alike is what the equations do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from neurohw.explain.author import KINDS, step_as
from neurohw.explain.causes import Cause, Measure
from neurohw.explain.twin import Probes, Twin
from neurohw.network.semantics import Semantics, differences
from neurohw.recording import Recording

WORTH = 0.1
"""Share of the rung that a choice has to explain."""


def likeness(
    twin: Twin, held: Semantics, meant: Recording, equations: Recording, measure: Measure,
    probes: Probes, tick: Callable[[], None],
) -> list[Cause]:  # fmt: skip
    """The choices that explain most of rung 'equations', each with what it explains of it.

    One after the other, the best first, as long as each explains a tenth of the rung.
    """
    kinds = {twin.network.populations[k].kind for k in twin.fixed.populations}
    whole = measure(meant, equations)
    if whole <= 0 or not kinds <= set(KINDS):
        return []
    found, now, left = list[Cause](), held, whole
    while left > 0:
        tried = []
        for other in _others(now):
            run = step_as(twin.network, twin.inputs, twin.steps, other, probes)
            tried.append((measure(run, equations), other))
            tick()
        rest, best = min(tried, key=lambda item: item[0])
        if left - rest < WORTH * whole:
            break
        said = differences(best, now)[0]
        detail = (
            f"so stepped, the model is {rest:,.6g} from the chip's equations instead of {left:,.6g}"
        )
        found.append(Cause("equations", "", said, left - rest, detail, "train with that", rest))
        now, left = best, rest
    return found


def _others(now: Semantics) -> Iterator[Semantics]:
    yield now.with_(reset="subtract" if now.reset == "zero" else "zero")
    yield now.with_(reset_time="next" if now.reset_time == "same" else "same")
    yield now.with_(comparison=">=" if now.comparison == ">" else ">")
    yield now.with_(integrator="euler" if now.integrator == "exact" else "exact")
