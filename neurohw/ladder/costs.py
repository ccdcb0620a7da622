"""What a rung costs: four distances between two runs, and budgets that sum up to the last bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise

from neurohw.compare import compare
from neurohw.recording import Recording


@dataclass(frozen=True)
class Precision:
    """Seconds: by how much spikes may differ and still coincide, and the van Rossum distance's tau."""

    window: float
    tau: float

    @classmethod
    def of_cell(cls, dt: float) -> Precision:
        """2 and 10 ms, as usual for neurons, or 2 and 10 steps of the chip, if these are longer."""
        return cls(max(2e-3, 2 * dt), max(10e-3, 10 * dt))

    @classmethod
    def of_network(cls, dt: float) -> Precision:
        """2 and 10 steps, as :func:`neurohw.compare` has them."""
        return cls(2 * dt, 10 * dt)


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


def cost(a: Recording, b: Recording, names: Sequence[str], precision: Precision) -> Cost:
    """From ``a`` to ``b`` over the populations ``names``."""
    found = compare(a, b, window=precision.window, tau=precision.tau).populations
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
    recordings: Sequence[Recording], names: Sequence[str], precision: Precision
) -> list[tuple[Cost, Cost, Cost]]:
    """For each recording below the first: from its neighbour, from the top, and what the latter grew by."""
    whole, found = Cost(), []
    for above, below in pairwise(recordings):
        if below is above:
            found.append((Cost(), whole, Cost()))
            continue
        now = cost(recordings[0], below, names, precision)
        found.append((cost(above, below, names, precision), now, now.minus(whole)))
        whole = now
    return found
