"""Which of a chip's limits are in force: the switch that every rung of the ladder turns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

Key = tuple[str, str]
Which = bool | frozenset[Key]
Rounding = Literal["", "shr0", "shrf", "shrn", "shre"]
Manner = tuple[Rounding, int]
"""how to round, '' as written; bits that are kept behind the point"""


@dataclass(frozen=True)
class Settings:
    """Each limit is off, on, or on for those named.

    ``delays``: delays as the chip holds them, by (projection, ''). ``parameters``: codes instead of
    the numbers they were rounded from, by (population, code). ``weights``: stored instead of wanted
    weights, by (projection, ''). ``rounding``: shifts round as the equations say instead of dividing
    exactly, by (population, site). ``stores``: registers hold what their formats hold instead of any
    number, by (population, register). ``finer``: bits that the weights of a projection have beyond
    those of the chip. ``instead``: how every right shift of a site rounds, '' as written, and to how
    many bits behind the point.
    """

    delays: Which = False
    parameters: Which = False
    weights: Which = False
    rounding: Which = False
    stores: Which = False
    finer: Mapping[str, int] = field(default_factory=dict)
    instead: Mapping[Key, Manner] = field(default_factory=dict)

    def with_(self, **changes: object) -> Settings:
        """The same with some switches turned."""
        return replace(self, **changes)  # type: ignore[arg-type]

    @property
    def whole(self) -> bool:
        """Whether everything is a whole number, so that integers compute it."""
        return self.parameters is True and self.weights is True and self.rounding is True


def on(which: Which, first: str, second: str = "") -> bool:
    """Whether a limit is in force for this key."""
    return which if isinstance(which, bool) else (first, second) in which


def only(first: str, second: str = "") -> frozenset[Key]:
    """A switch that is on for one key."""
    return frozenset({(first, second)})
