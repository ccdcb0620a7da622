"""What a rung costs: four distances between two runs, and budgets that sum up to the last bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise

from neurohw.compare import compare
from neurohw.recording import Recording

WINDOW = 2e-3
"""Seconds by which spikes may differ and still coincide, or two steps of the chip, if that is longer."""
TAU = 10e-3
"""Seconds of the van Rossum distance, or ten steps."""
GRID = 2.0**-30
"""Distances are rounded to this, so that differences and sums of them are exact in float64."""


@dataclass(frozen=True)
class Cost:
    """From one run to another, each 0 for equal runs; means over spike trains with a spike.

    ``coincidence`` is 1 - Γ with the window of the ladder, ``rate`` in Hz, ``van_rossum`` without unit,
    ``spike`` the SPIKE-distance, 0 to 1. Where Γ is undefined (windows cover the whole trial), it
    counts as 0: no better than chance.
    """

    coincidence: float = 0.0
    rate: float = 0.0
    van_rossum: float = 0.0
    spike: float = 0.0

    @property
    def gamma(self) -> float:
        """The coincidence factor Γ."""
        return 1.0 - self.coincidence

    def minus(self, other: Cost) -> Cost:
        """Figure by figure."""
        mine, theirs = asdict(self), asdict(other)
        return Cost(**{k: mine[k] - theirs[k] for k in mine})


NAMES = tuple(f.name for f in fields(Cost))


def window(dt: float) -> float:
    """The precision of Γ at a time step, seconds."""
    return max(WINDOW, 2 * dt)


def cost(a: Recording, b: Recording, names: Sequence[str], dt: float) -> Cost:
    """From ``a`` to ``b`` over the populations ``names``; ``dt`` is the chip's."""
    found = compare(a, b, window=window(dt), tau=max(TAU, 10 * dt)).populations
    total = sum(found[k].trains for k in names)
    if not total:
        return Cost()

    def mean(figure: str, undefined: float = 0.0) -> float:
        values = [(found[k].trains, getattr(found[k], figure)) for k in names if found[k].trains]
        value = sum(n * (undefined if v is None else v) for n, v in values) / total
        return round(value / GRID) * GRID

    return Cost(
        round((1 - mean("gamma")) / GRID) * GRID, mean("rate_error"), mean("van_rossum"),
        mean("spike_distance"),
    )  # fmt: skip


def budget(
    recordings: Sequence[Recording], names: Sequence[str], dt: float
) -> list[tuple[Cost, Cost, Cost]]:
    """For each recording below the first: from its neighbour, from the top, and what the latter grew by."""
    whole, found = Cost(), []
    for above, below in pairwise(recordings):
        if below is above:
            found.append((Cost(), whole, Cost()))
            continue
        now = cost(recordings[0], below, names, dt)
        found.append((cost(above, below, names, dt), now, now.minus(whole)))
        whole = now
    return found
