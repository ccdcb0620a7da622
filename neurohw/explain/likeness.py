"""How a chip steps, found from its equations: which choices bring the model nearest to them.

The chip's equations in real numbers are compared with the model stepped in other ways
(:mod:`neurohw.explain.author`). A choice that makes both more alike is what the equations do; what
is left then is what no choice can say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from neurohw.explain.author import KINDS, step_as
from neurohw.explain.causes import Measure
from neurohw.explain.twin import Probes, Twin
from neurohw.network.semantics import Semantics
from neurohw.recording import Recording

WORTH = 0.5
"""Share of what is left that a choice has to explain, or it is taken for chance."""


def choices_of_chip(
    twin: Twin, held: Semantics, meant: Recording, equations: Recording, measure: Measure,
    probes: Probes, tick: Callable[[], None],
) -> Semantics:  # fmt: skip
    """The choices under which the model is nearest to the chip's equations, beginning with ``held``.

    One after the other is changed, the best first, as long as each explains half of what is left. The
    integrator is none of them: codes are made from the network's own.
    """
    kinds = {twin.network.populations[k].kind for k in twin.fixed.populations}
    now, left = held, measure(meant, equations)
    while left > 0 and kinds <= set(KINDS):
        tried = []
        for other in _others(now):
            run = step_as(twin.network, twin.inputs, twin.steps, other, probes)
            tried.append((measure(run, equations), other))
            tick()
        rest, best = min(tried, key=lambda item: item[0])
        if left - rest < WORTH * left:
            break
        now, left = best, rest
    return now


def _others(now: Semantics) -> Iterator[Semantics]:
    yield now.with_(reset="subtract" if now.reset == "zero" else "zero")
    yield now.with_(reset_time="next" if now.reset_time == "same" else "same")
    yield now.with_(comparison=">=" if now.comparison == ">" else ">")
