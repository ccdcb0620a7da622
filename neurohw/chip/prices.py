"""What one event on a chip takes in energy and time, as far as anybody has published it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType

from neurohw.chip.model import Number, Status
from neurohw.errors import InputError, UnknownName

EVENTS = {
    "synapse": "a synaptic event",
    "neuron": "a neuron, at every step",
    "update": "a neuron that is not idle, beyond `neuron`",
    "spike": "a spike, beyond `update`",
    "axon_in": "a message that a core takes",
    "packet": "a packet that a core sends",
    "hop_x": "a link along x",
    "hop_y": "a link along y",
    "local": "a packet that stays within its tile",
    "router": "a packet's pass through a router",
}
"""Everything that can have a price, and what it is the price of."""

PARTS = {
    "synapse": ("synapse",),
    "soma": ("neuron", "update", "spike"),
    "network": ("axon_in", "packet", "hop_x", "hop_y", "local", "router"),
}
"""The events of each component of a chip's energy."""

STATIC = ("core", "chip")
"""What static power may be given for: each core in use, each chip."""


@dataclass(frozen=True)
class Price:
    """``energy`` in pJ and ``latency`` in ns of one event, None where unknown."""

    energy: float | None
    latency: float | None
    source: str
    status: Status

    def __post_init__(self) -> None:
        for name, value in (("energy", self.energy), ("latency", self.latency)):
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise InputError(f"price: {name} is {value}; give a number from 0 up, or None")


@dataclass(frozen=True)
class Prices:
    """A chip's prices by event (a key of EVENTS).

    ``included``: events that the others' prices pay for. ``sync``: (active tiles, ns) of the barrier
    that ends a step, each from that many tiles on. ``static``: mW by a name of STATIC. ``name``: what
    the table is called where its numbers are shown. ``sync_source`` and ``sync_status`` are the barrier's.
    """

    events: Mapping[str, Price]
    sync: tuple[tuple[int, float], ...] = ()
    static: Mapping[str, Number] = field(default_factory=dict)
    included: frozenset[str] = frozenset()
    name: str = "prices"
    sync_source: str = ""
    sync_status: Status = "assumed"

    def __post_init__(self) -> None:
        for key in (*self.events, *self.included):
            if key not in EVENTS:
                raise UnknownName.of("event with a price", key, EVENTS)
        for key in self.included & self.events.keys():
            raise InputError(f"prices: '{key}' has a price and is included in others; keep one")
        for key, number in self.static.items():
            if key not in STATIC:
                raise UnknownName.of("static power", key, STATIC)
            if not (math.isfinite(number.value) and number.value >= 0):
                raise InputError(f"static power of a {key} is {number.value} mW; give 0 or more")
        tiles = [t for t, _ in self.sync]
        if any(t < 1 for t in tiles) or any(a >= b for a, b in pairwise(tiles)):
            raise InputError(f"prices: sync is for {tiles} tiles; give rising numbers from 1 up")
        for _, time in self.sync:
            if not (math.isfinite(time) and time >= 0):
                raise InputError(f"prices: sync takes {time} ns; give a number from 0 up")
        object.__setattr__(self, "events", MappingProxyType(dict(self.events)))
        object.__setattr__(self, "static", MappingProxyType(dict(self.static)))

    def barrier(self, tiles: int) -> float | None:
        """ns of the barrier of so many active tiles: the entry with the most tiles that are not
        more, else the first; None if the chip's is not known."""
        if not self.sync:
            return None
        fits = [time for least, time in self.sync if least <= tiles]
        return fits[-1] if fits else self.sync[0][1]
