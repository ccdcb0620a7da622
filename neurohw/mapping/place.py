"""Which core of the mesh each part goes to: little traffic over long ways.

The cost is the sum over pairs of parts of the spikes between them times the hops between their cores,
a quadratic assignment problem (Koopmans and Beckmann, Econometrica 25:53, 1957).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numba import njit
from numpy.typing import NDArray

from neurohw.errors import CapacityError, UnknownName

Int32 = NDArray[np.int32]
Float = NDArray[np.float64]
MOST_EXACT = 300
"""Parts up to which scipy's quadratic assignment is tried: it takes cubic time."""


def place(
    traffic: Float, distance: Float, curve: Int32, method: str = "auto", seed: int = 0
) -> Int32:
    """The core of each part, int32 (parts,), all different.

    ``traffic`` float64 (parts, parts): spikes a step from one part to another; ``distance`` float64
    (cores, cores): hops; ``curve`` int32 (cores,): cores along a curve that fills the mesh. Methods:
    ``identity``, ``curve`` (parts in order along it), ``swaps`` (parts exchanged), ``assignment`` (scipy's
    approximate quadratic assignment, then swaps), ``auto``: the best of them.
    """
    parts, cores = traffic.shape[0], distance.shape[0]
    if parts > cores:
        raise CapacityError(f"{parts:,} parts for {cores:,} cores; use a larger chip or more chips")
    if method != "auto" and method not in METHODS:
        raise UnknownName.of("placement", method, ["auto", *METHODS])
    both = traffic + traffic.T
    np.fill_diagonal(both, 0.0)
    tried = METHODS if method == "auto" else {method: METHODS[method]}
    found = [make(both, distance, curve, seed) for make in tried.values()]
    costs = [cost(both, distance, p) for p in found]
    return found[int(np.argmin(costs))]


def hilbert(width: int, height: int) -> Int32:
    """The tiles of a mesh, y * width + x, along Hilbert's curve, int32 (tiles,)."""
    side = 1
    while side < max(width, height):
        side *= 2
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    x, y = x.ravel(), y.ravel()
    tile, along = y * width + x, np.zeros(width * height, np.int64)
    half = side // 2
    while half:
        right, up = (x & half) > 0, (y & half) > 0
        along += half * half * ((3 * right) ^ up)
        flip = ~up & right
        x, y = np.where(flip, side - 1 - x, x), np.where(flip, side - 1 - y, y)
        x, y = np.where(~up, y, x), np.where(~up, x, y)
        half //= 2
    order: Int32 = tile[np.argsort(along, kind="stable")].astype(np.int32)
    return order


def cost(both: Float, distance: Float, core: Int32) -> float:
    """Spikes times hops; ``both`` is symmetric and counts each pair twice."""
    return float((both * distance[np.ix_(core, core)]).sum() / 2)


def identity(both: Float, distance: Float, curve: Int32, seed: int) -> Int32:
    """In the order of the parts."""
    return np.arange(both.shape[0], dtype=np.int32)


def along(both: Float, distance: Float, curve: Int32, seed: int) -> Int32:
    """In the order of the parts, along the curve."""
    return curve[: both.shape[0]].astype(np.int32)


def swaps(
    both: Float, distance: Float, curve: Int32, seed: int, start: Int32 | None = None
) -> Int32:
    """Pairs of parts, and parts and empty cores, exchanged while that makes ways shorter; then, with a
    temperature that falls, also where it makes them longer (simulated annealing), the best kept."""
    parts, cores = both.shape[0], distance.shape[0]
    core = curve.astype(np.int32)
    if start is not None:
        core = np.concatenate([start, np.setdiff1d(core, start)]).astype(np.int32)
    full = np.zeros((cores, cores))
    full[:parts, :parts] = both
    rounds = min(4000 * parts, 2_000_000)
    _anneal(full, np.ascontiguousarray(distance), core, parts, rounds, np.uint64(seed + 1))
    _descend(full, np.ascontiguousarray(distance), core, parts)
    return core[:parts].copy()


def assignment(both: Float, distance: Float, curve: Int32, seed: int) -> Int32:
    """scipy's fast approximate quadratic assignment (Vogelstein et al., PLoS ONE 10:e0121002, 2015) on the
    first cores, then pair swaps; where there are too many parts, only these."""
    parts = both.shape[0]
    if not 1 < parts <= MOST_EXACT:
        return swaps(both, distance, curve, seed)
    from scipy.optimize import quadratic_assignment

    best, least = identity(both, distance, curve, seed), np.inf
    near = np.ascontiguousarray(distance[:parts, :parts])
    for k in range(3):
        options = {
            "rng": np.random.default_rng(seed + k),
            "P0": "randomized" if k else "barycenter",
        }
        found = quadratic_assignment(both, near, method="faq", options=options)
        here = found.col_ind.astype(np.int32)
        if cost(both, distance, here) < least:
            best, least = here, cost(both, distance, here)
    return swaps(both, distance, curve, seed, best)


METHODS: Mapping[str, Callable[[Float, Float, Int32, int], Int32]] = MappingProxyType(
    {"identity": identity, "curve": along, "swaps": swaps, "assignment": assignment}
)


@njit(cache=True, nogil=True)
def _gain(full, distance, core, a, b, parts):  # type: ignore[no-untyped-def] # pragma: no cover
    """How much the cost falls if ``a`` and ``b`` change places; b may be an empty core."""
    here, there = core[a], core[b]
    gain = 0.0
    for k in range(parts):
        if k not in (a, b):
            change = distance[there, core[k]] - distance[here, core[k]]
            gain += (full[b, k] - full[a, k]) * change
    return gain


@njit(cache=True, nogil=True)
def _descend(full, distance, core, parts):  # type: ignore[no-untyped-def] # pragma: no cover
    better = True
    rounds = 0
    while better and rounds < 20:
        better = False
        rounds += 1
        for a in range(parts):
            for b in range(a + 1, core.size):
                if _gain(full, distance, core, a, b, parts) > 1e-12:
                    core[a], core[b] = core[b], core[a]
                    better = True


@njit(cache=True, nogil=True)
def _anneal(full, distance, core, parts, rounds, state):  # type: ignore[no-untyped-def] # pragma: no cover
    if parts < 2 or core.size < 2:
        return
    best = core.copy()
    total, least = 0.0, 0.0
    heat = 0.0
    for a in range(parts):
        for k in range(parts):
            heat += full[a, k] * distance[core[a], core[k]]
    heat = 0.1 * heat / parts
    for t in range(rounds):
        state ^= state << np.uint64(13)
        state ^= state >> np.uint64(7)
        state ^= state << np.uint64(17)
        a = int(state % np.uint64(parts))
        b = int((state >> np.uint64(32)) % np.uint64(core.size))
        if a == b:
            continue
        gain = _gain(full, distance, core, a, b, parts)
        now = heat * (1.0 - t / rounds) ** 2 + 1e-300
        state ^= state << np.uint64(13)
        state ^= state >> np.uint64(7)
        state ^= state << np.uint64(17)
        chance = float(state >> np.uint64(11)) / 9007199254740992.0
        if gain > 0 or chance < np.exp(gain / now):
            core[a], core[b] = core[b], core[a]
            total -= gain
            if total < least - 1e-9:
                least = total
                best[:] = core
    core[:] = best
