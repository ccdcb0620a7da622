"""What to change first, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from neurohw.explain.causes import Cause
from neurohw.explain.explanation import count
from neurohw.explain.ladder import Rung, size
from neurohw.fixed import FixedPointNetwork

LINES = 6
SMALL = 0.02
"""Rungs below this share of the largest are not worth a sentence."""
_SAID = {
    "time step": "stepping the model with its own time step",
    "integrator": "another time stepping than the author's",
    "latency": "one step of latency in each layer",
    "reset": "another reset than the author's",
    "comparison": "another threshold test than the author's",
    "equations": "a neuron that is not the model's, even in real numbers,",
    "delays": "cutting delays to what the chip holds",
    "parameters": "rounding parameters to codes",
    "weights": "rounding weights",
    "rounding": "rounding registers to integers",
    "overflow": "overflow of registers",
    "mapping": "losing or delaying spikes in tables",
    "chip": "the chip as a whole",
}
_DO = {
    "time step": "train or step with a smaller dt",
    "equations": "train with the chip's equations, or choose a neuron or chip that has the model's",
    "mapping": "give the mapping more room",
    "chip": "compare chips, or change one limit at a time with --set",
}


def advice(
    fixed: FixedPointNetwork, rungs: Sequence[Rung], causes: Sequence[Cause], measure: str
) -> tuple[str, ...]:
    """One sentence for each rung that matters, the largest first."""
    ordered = sorted(rungs, key=lambda r: -size(r.direct, measure))
    most = size(ordered[0].direct, measure) if ordered else 0.0
    lines = []
    for rung in ordered[:LINES]:
        mine = size(rung.direct, measure)
        if mine <= 0 or mine < SMALL * most:
            break
        lines.append(_sentence(fixed, rung, [c for c in causes if c.rung == rung.name], measure))
    return tuple(lines) or (f"Nothing to change: {fixed.chip.name} does what the model does.",)


def _sentence(fixed: FixedPointNetwork, rung: Rung, parts: Sequence[Cause], measure: str) -> str:
    d = rung.direct
    if measure == "spikes":
        share = f" ({100 * d.changed / max(d.spikes, 1):.3g} % of all)"
        text = f"{_SAID[rung.name]} changes {d.changed:,} spikes{share}"
    else:
        text = f"{_SAID[rung.name]} moves membranes by {size(d, measure):.3g} rms"
    text = text[0].upper() + text[1:]
    if not parts:
        neurons = ", ".join(dict.fromkeys(p.neuron.name for p in fixed.populations.values()))
        more = f" ({fixed.chip.name}: {neurons})" if rung.name == "equations" else ""
        return f"{text}{more}. To do: {_DO.get(rung.name, 'see its parts')}."
    part = parts[0]
    if part.effect == size(d, measure) and not part.detail:
        text += f": {part.what}"
    else:
        most = "Most of it" if part.effect > size(d, measure) / 2 else "The largest part"
        text += f". {most}: {part.what}, {count(part.effect, measure)} alone ({part.detail})"
    if part.remedy:
        left = "" if part.left is None else f", which leaves {count(part.left, measure)}"
        text += f". To do: {part.remedy}{left}"
    return text + "."
