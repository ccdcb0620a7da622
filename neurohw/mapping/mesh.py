"""A chip's tiles on a rectangular grid, several cores to a tile, routes first along x and then along y.

The link ``4 * tile + d`` leaves a tile toward d = 0 east (+x), 1 north (+y), 2 west, 3 south. On a
mesh that wraps, a packet takes the shorter way round, of two equal ones that to the east or north.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from neurohw.errors import InputError
from neurohw.network.checks import integers, whole

Int64 = NDArray[np.int64]
LARGEST = 1 << 20
"""Tiles along one side, and cores of all: more is a mistake."""


@dataclass(frozen=True)
class Mesh:
    """``width`` x ``height`` tiles of ``cores_per_tile`` cores; core c is on tile c // cores_per_tile.

    ``order`` says where tile t is: "x" row by row, x = t % width and y = t // width; "y" column by
    column, x = t // height and y = t % height, as SANA-FE counts Loihi's. ``wraps`` makes it a torus.
    """

    width: int
    height: int
    cores_per_tile: int = 1
    order: Literal["x", "y"] = "x"
    wraps: bool = False

    def __post_init__(self) -> None:
        for name in ("width", "height", "cores_per_tile"):
            value = whole(f"mesh: {name}", getattr(self, name), 1, LARGEST)
            object.__setattr__(self, name, value)
        if self.order not in ("x", "y"):
            raise InputError(f"mesh: order is {self.order!r}; it is 'x' or 'y'")
        if not isinstance(self.wraps, bool):
            raise InputError(f"mesh: wraps is {self.wraps!r}; it is True or False")
        if self.cores > LARGEST:
            raise InputError(
                f"mesh: {self.width} x {self.height} x {self.cores_per_tile} is {self.cores:,} cores; "
                f"at most {LARGEST:,} are counted: use a smaller mesh"
            )

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return self.width * self.height

    @property
    def cores(self) -> int:
        """Number of cores."""
        return self.tiles * self.cores_per_tile

    @property
    def links(self) -> int:
        """Number of link ids, those at the edge of a mesh that does not wrap included."""
        return 4 * self.tiles

    def tile(self, core: ArrayLike) -> Int64:
        """The tile of each core, int64 of the same shape."""
        return integers("mesh: core", core, 0, self.cores - 1) // self.cores_per_tile

    def place(self, core: ArrayLike) -> tuple[Int64, Int64]:
        """x and y of each core's tile, int64 of the same shape."""
        t = self.tile(core)
        return (t % self.width, t // self.width) if self.order == "x" else (
            t // self.height, t % self.height
        )  # fmt: skip

    def turns(self, source: ArrayLike, target: ArrayLike) -> tuple[Int64, Int64]:
        """Signed steps along x and y from each source core to its target core, east and north positive."""
        (x0, y0), (x1, y1) = self.place(source), self.place(target)
        dx, dy = x1 - x0, y1 - y0
        if self.wraps:
            dx, dy = _shorter(dx, self.width), _shorter(dy, self.height)
        return dx, dy

    def hops_x(self, source: ArrayLike, target: ArrayLike) -> Int64:
        """Links along x between cores."""
        return np.abs(self.turns(source, target)[0])

    def hops_y(self, source: ArrayLike, target: ArrayLike) -> Int64:
        """Links along y between cores."""
        return np.abs(self.turns(source, target)[1])

    def route(self, source: int, target: int) -> Int64:
        """The ids of the links from one core to another in the order they are passed."""
        dx, dy = (int(d) for d in self.turns(source, target))
        found = np.empty(abs(dx) + abs(dy), np.int64)
        x, y = (int(p) for p in self.place(source))
        walk(x, y, dx, dy, self.width, self.height, self.order == "x", found)
        return found

    def link_name(self, link: int) -> str:
        """A link in words, such as '(2, 1) east'."""
        tile, d = divmod(whole("mesh: link", link, 0, self.links - 1), 4)
        x, y = self.place(tile * self.cores_per_tile)
        return f"({int(x)}, {int(y)}) {('east', 'north', 'west', 'south')[d]}"


def _shorter(steps: Int64, size: int) -> Int64:
    """The same place on a ring of ``size``, in -(size - 1) // 2 .. size // 2 steps."""
    return (steps + (size - 1) // 2) % size - (size - 1) // 2


@njit(cache=True, nogil=True)
def walk(x: int, y: int, dx: int, dy: int, width: int, height: int, rows: bool, found: Any) -> None:
    """The link ids of one route into ``found``: |dx| along x, then |dy| along y."""
    toward = 0 if dx > 0 else 2
    step = 1 if dx > 0 else -1
    for k in range(abs(dx)):
        found[k] = 4 * (y * width + x if rows else x * height + y) + toward
        x = (x + step) % width
    toward = 1 if dy > 0 else 3
    step = 1 if dy > 0 else -1
    for k in range(abs(dx), abs(dx) + abs(dy)):
        found[k] = 4 * (y * width + x if rows else x * height + y) + toward
        y = (y + step) % height
