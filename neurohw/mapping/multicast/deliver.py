"""Where packets go, by nothing but the tables: the definition.

A chip looks a packet's key up in its table, first match wins, and sends a copy by every link and to
every core of the route. Without a match, a packet that came by a link goes straight on, by the link
opposite the one it arrived by; a packet of one of the chip's own cores is dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from neurohw.mapping.multicast.grid import Chip, Grid
from neurohw.mapping.multicast.table import Table


@dataclass(frozen=True)
class Delivery:
    """What became of one packet.

    ``cores``: ((x, y, core), copies) in order; ``links``: traversals of links by all copies;
    ``hops``: links to the core that is farthest away; ``dropped_at``: the chip where the packet or a
    copy was lost, for want of an entry at its source, of a link at the grid's edge, or since its
    route is empty; ``looped``: copies took more links than there are ways to enter a chip, which no
    tree has, and were stopped somewhere.
    """

    cores: tuple[tuple[tuple[int, int, int], int], ...]
    links: int
    hops: int
    dropped_at: Chip | None
    looped: bool

    def reaches_once(self, targets: object) -> bool:
        """Whether exactly ``targets``, (x, y, core) each, got one copy each, and none was lost."""
        wanted = sorted(set(targets))  # type: ignore[call-overload]
        return self.cores == tuple((t, 1) for t in wanted) and not (self.dropped_at or self.looped)


def deliver(grid: Grid, tables: Mapping[Chip, Table], source: Chip, key: int) -> Delivery:
    """Send one packet with ``key`` from a core of chip ``source``."""
    links = (1 << grid.links) - 1
    cores: Counter[tuple[int, int, int]] = Counter()
    wave = Counter({(grid.index(source), -1): 1})
    traversals, hops, farthest, dropped = 0, 0, 0, None
    most = grid.chips * (grid.links + 1)
    while wave and traversals <= most:
        following: Counter[tuple[int, int]] = Counter()
        for (c, arrival), copies in wave.items():
            chip = grid.chip(c)
            route = lookup(tables[chip], key) if chip in tables else None
            if route is None:
                route = 1 << grid.opposite(arrival) if arrival >= 0 else 0
            if not route and dropped is None:
                dropped = chip
            if route > links:
                farthest = hops
            for p in range(grid.cores):
                if route >> (grid.links + p) & 1:
                    cores[(*chip, p)] += copies
            for link in range(grid.links):
                if route >> link & 1:
                    traversals += copies
                    there = int(grid.neighbours[c, link])
                    if there >= 0:
                        following[there, grid.opposite(link)] += copies
                    elif dropped is None:
                        dropped = chip
        wave, hops = following, hops + 1
    return Delivery(tuple(sorted(cores.items())), traversals, farthest, dropped, traversals > most)


def lookup(table: Table, key: int) -> int | None:
    """The route word of the first entry that matches ``key``; None without one."""
    for k, m, route in zip(table.keys.tolist(), table.masks.tolist(), table.routes.tolist()):
        if key & m == k:
            return int(route)
    return None
