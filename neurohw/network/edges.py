"""Synapses from a rule and a seed: any block of them, in any order, on any machine the same.

Each random number is a mixed counter: the finaliser of splitmix64 (G. Steele, D. Lea, C. Flood,
Fast splittable pseudorandom number generators, OOPSLA 2014) over a key and the place of the draw.
Nothing carries over from one synapse to the next but within a row of Probability, so blocks can be
made by several threads. Only integers decide; floating point ends in tables made beforehand.

Importing this module imports numba.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from neurohw.errors import NetworkError
from neurohw.network.projections import Block
from neurohw.network.rules import (
    LONGEST,
    MOST_NEURONS,
    Distance,
    FixedInDegree,
    FixedTotal,
    Probability,
    Rule,
)

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]

U = np.uint64
GOLDEN, FIRST, SECOND = U(0x9E3779B97F4A7C15), U(0xBF58476D1CE4E5B9), U(0x94D049BB133111EB)
S16, S27, S30, S31, S32, S52 = U(16), U(27), U(30), U(31), U(32), U(52)
LOW16, ONE, TWO = U(0xFFFF), U(1), U(2)
ALL = (1 << 64) - 1

F = TypeVar("F", bound=Callable[..., Any])


def _jit(function: F) -> F:
    return cast(F, njit(cache=True, nogil=True)(function))


@dataclass(frozen=True, eq=False)
class Plan:
    """A rule between populations of known sizes: what is needed to make any of its synapses.

    ``offsets`` int64 (rows + 1): where the synapses of each row begin; a row is a source, of
    FixedInDegree a target. ``limits`` and ``steps`` are the tables of the rule.
    """

    rule: Rule
    n_source: int
    n_target: int
    key: int
    same: bool
    offsets: Int64
    limits: NDArray[np.uint64]
    steps: Int64

    @property
    def synapses(self) -> int:
        """Number of synapses."""
        return int(self.offsets[-1])

    def cuts(self, most: int) -> list[tuple[int, int]]:
        """Ranges of synapses of about ``most`` that can be made one by one, in order."""
        total = self.synapses
        most = max(int(most), 1)
        if isinstance(self.rule, (FixedInDegree, FixedTotal)):
            ends = [*range(0, total, most), total]
        else:  # a row is drawn from its beginning
            ends = [0]
            while ends[-1] < total:
                row = int(np.searchsorted(self.offsets, ends[-1] + most, "right")) - 1
                if self.offsets[row] <= ends[-1]:  # this row is longer than a block
                    row = int(np.searchsorted(self.offsets, ends[-1], "right"))
                ends.append(int(self.offsets[row]))
        return list(pairwise(ends))

    def block(
        self,
        low: int,
        high: int,
        weight_table: NDArray[Any],
        delay_table: NDArray[Any],
        into: Block | None = None,
    ) -> Block:
        """Synapses ``low`` to ``high`` - 1 of the order, one of the ranges of :meth:`cuts`.

        Written to the beginning of the arrays ``into`` if given, else to new ones.
        """
        rule, key = self.rule, U(self.key)
        dtypes = (np.int32, np.int32, weight_table.dtype, delay_table.dtype)
        if into is None:
            pre, post, weight, delay = (np.empty(high - low, dtype) for dtype in dtypes)
        else:
            pre, post, weight, delay = (array[: high - low] for array in into)
        rest = (weight, delay, weight_table, delay_table)
        alone = self.same and not getattr(rule, "self_connections", True)
        if isinstance(rule, FixedInDegree):
            _drawn(key, low, high, self.offsets, U(self.n_source - alone), alone, post, pre, *rest)
        elif isinstance(rule, FixedTotal):
            _drawn(key, low, high, self.offsets, U(self.n_target), alone, pre, post, *rest)
        else:
            rows = np.searchsorted(self.offsets, [low, high], "right") - 1
            first, after = int(rows[0]), int(rows[1])
            if isinstance(rule, Probability):
                guide = _guide(rule.p)
                _pairs(
                    key, first, after, self.n_target, alone, self.limits, guide, True, _NONE,
                    pre, post, *rest,
                )  # fmt: skip
            else:
                _near(
                    key, first, after, *_grid(self), alone, self.limits, self.steps, True, _NONE,
                    pre, post, *rest,
                )  # fmt: skip
        return pre, post, weight, delay


@lru_cache(maxsize=256)
def plan(rule: Rule, n_source: int, n_target: int, key: int, same: bool = False) -> Plan:
    """The plan of a rule; ``same`` if source and target are one population.

    FixedTotal draws the source of every synapse here, to know how many each has; Probability and
    Distance make a first pass over the pairs. NetworkError for sizes that the rule can't serve.
    """
    if max(n_source, n_target) > MOST_NEURONS:
        raise NetworkError(
            f"a rule between {n_source:,} and {n_target:,} neurons; {MOST_NEURONS:,} are the most at "
            "either end: split the population"
        )
    limits, steps = np.zeros(0, np.uint64), np.zeros((0, 2), np.int64)

    def made(offsets: Int64) -> Plan:
        offsets.setflags(write=False)
        return Plan(rule, n_source, n_target, key, same, offsets, limits, steps)

    if isinstance(rule, FixedInDegree):
        if rule.k and same and not rule.self_connections and n_source == 1:
            raise NetworkError("FixedInDegree without self-connections on 1 neuron; allow them")
        return made(rule.k * np.arange(n_target + 1, dtype=np.int64))
    counts = np.zeros(n_source, np.int64)
    alone = same and not getattr(rule, "self_connections", True)
    if isinstance(rule, FixedTotal):
        # Another key than that of the targets, or source and target would be one draw.
        _histogram(U(mixed(key, 1)), rule.synapses, U(n_source), counts)
    elif isinstance(rule, Probability):
        limits = _gaps(rule.p)
        if limits.size:
            _pairs(
                U(key), 0, n_source, n_target, alone, limits, _guide(rule.p), False, counts, *_EMPTY
            )
    else:
        limits, steps = _disc(rule, n_source, n_target)
        empty = made(np.zeros(n_source + 1, np.int64))
        _near(U(key), 0, n_source, *_grid(empty), alone, limits, steps, False, counts, *_EMPTY)
    return made(np.concatenate([[0], np.cumsum(counts)]))


def count(rule: Rule, n_source: int, n_target: int, seed: int = 0, same: bool = False) -> int:
    """Number of synapses; Probability and Distance count pairs for it, the others just say it."""
    if isinstance(rule, FixedInDegree):
        return rule.k * n_target
    if isinstance(rule, FixedTotal):
        return rule.synapses
    return plan(rule, n_source, n_target, seed, same).synapses


def blocks(
    rule: Rule,
    n_source: int,
    n_target: int,
    seed: int,
    weight_table: NDArray[Any],
    delay_table: NDArray[Any],
    most: int = 1 << 18,
    same: bool = False,
) -> Iterator[Block]:
    """All synapses in order, in blocks of about ``most``: pre, post (int32), weight, delay.

    ``seed`` is any integer of 64 bits. The tables are (entries,) with up to 65,536 equally likely
    values; weight and delay have their dtypes. The order does not depend on ``most``: by target for
    FixedInDegree, else by source.
    """
    for table in (weight_table, delay_table):
        if not 1 <= table.size <= LONGEST:
            raise NetworkError(f"a table has {table.size} values; give 1..{LONGEST}")
    made = plan(rule, n_source, n_target, seed & ALL, same)
    cuts = made.cuts(most)
    largest = max((high - low for low, high in cuts), default=0)
    dtypes = (np.int32, np.int32, weight_table.dtype, delay_table.dtype)
    used: list[list[NDArray[Any]]] = []
    for low, high in cuts:
        into = next((arrays for arrays in used if _free(arrays)), None)
        if into is None:
            into = [np.empty(largest, dtype) for dtype in dtypes]
            used = [*used[-1:], into]
        yield made.block(low, high, weight_table, delay_table, cast(Block, tuple(into)))
        del into


def _holders(arrays: list[NDArray[Any]]) -> int:
    return max(sys.getrefcount(array) for array in arrays)


_UNHELD = _holders([np.empty(0) for _ in range(4)])
_COUNTED = getattr(sys, "_is_gil_enabled", lambda: True)()


def _free(arrays: list[NDArray[Any]]) -> bool:
    """Whether nobody holds a slice of these arrays, so that they can be written again: new pages cost
    several times what a synapse does. How Python counts is measured, not assumed; without its lock the
    counts are no proof."""
    return _COUNTED and _holders(arrays) <= _UNHELD


def mixed(key: int, k: int) -> int:
    """The ``k``-th number of a key's sequence, as the kernels make it."""
    x = (key + k * int(GOLDEN)) & ALL
    x = ((x ^ (x >> 30)) * int(FIRST)) & ALL
    x = ((x ^ (x >> 27)) * int(SECOND)) & ALL
    return x ^ (x >> 31)


def draws(key: int, n: int) -> NDArray[np.uint64]:
    """Numbers 1 to ``n`` of a key's sequence, uint64 (n,)."""
    found = np.empty(n, np.uint64)
    _draws(U(key & ALL), found)
    return found


def add_by_target(post: Int32, weight: NDArray[np.float64], sums: NDArray[np.float64]) -> None:
    """Add weights to the ``sums`` of their targets, float64 (2, n): of negative and of positive ones."""
    _add(post, weight, sums)


def positions(post: Int32, chosen: NDArray[np.bool_]) -> Int64:
    """Where in ``post`` the chosen targets are, int64 (found,)."""
    found = np.empty(post.size, np.int64)
    return found[: _positions(post, chosen, found)]


@lru_cache(maxsize=32)
def _gaps(p: float) -> NDArray[np.uint64]:
    """``limits[g]``: a draw up to it means that g or fewer pairs are passed over before a synapse.

    Integers of 128 bits, so exact to the last of 64 for every machine; beyond the last entry the
    pairs so far are passed over and the draw repeated, as geometric gaps have no memory.
    """
    one = 1 << 128
    chance = int(p * (1 << 64)) << 64  # exact: a power of two times a double, then whole
    if chance == 0:
        return np.zeros(0, np.uint64)
    rest, left, found = one - chance, one, []
    for _ in range(min(LONGEST, int(12 / p) + 1)):
        left = left * rest >> 128
        found.append(max(((one - left) >> 64) - 1, 0))
    return np.array(found, np.uint64)


@lru_cache(maxsize=32)
def _guide(p: float) -> Int64:
    """Where to begin the search in ``limits`` for a draw with given upper 12 bits, int64 (4096,)."""
    begins = np.arange(4096, dtype=np.uint64) << S52
    return np.searchsorted(_gaps(p), begins, "left").astype(np.int64)


def _disc(rule: Distance, n_source: int, n_target: int) -> tuple[NDArray[np.uint64], Int64]:
    """Limits uint64 (candidates,) and displacements int64 (candidates, 2) of the targets in reach."""
    width = rule.width or n_target
    if rule.width and (n_source != n_target or n_target % width):
        raise NetworkError(
            f"Distance: {n_source} and {n_target} neurons on a torus with rows of {width}; give both "
            "ends one size, a multiple of width"
        )
    spans = []
    for length in (width, n_target // width):
        reach = int(min(rule.radius, length))
        spans.append(np.arange(max(-reach, -((length - 1) // 2)), min(reach, length // 2) + 1))
    y, x = np.meshgrid(spans[1], spans[0], indexing="ij")
    square = (x.astype(float) ** 2 + y.astype(float) ** 2).ravel()
    near = square <= rule.radius**2
    chance = rule.p * np.exp(-square[near] / (2 * rule.sigma**2))
    limits = np.array([int(c * 2**64) - 1 for c in chance.tolist()], dtype=object)
    possible = limits >= 0
    steps = np.stack([x.ravel(), y.ravel()], axis=1)[near][possible].astype(np.int64)
    return limits[possible].astype(np.uint64), steps


def _grid(made: Plan) -> tuple[int, int, int]:
    """Width and height of the targets' grid, and the number of sources on a ring (0 on a torus)."""
    width = made.rule.width if isinstance(made.rule, Distance) else 0
    if width:
        return width, made.n_target // width, 0
    return made.n_target, 1, made.n_source


# --- kernels ---------------------------------------------------------------------------------------
# In this file all: numba's cache of a kernel does not see changes of what it inlines from another.


@_jit
def _mix(x: Any) -> Any:
    x = (x ^ (x >> S30)) * FIRST
    x = (x ^ (x >> S27)) * SECOND
    return x ^ (x >> S31)


@_jit
def _draws(key: Any, into: Any) -> None:
    for k in range(into.size):
        into[k] = _mix(key + U(k + 1) * GOLDEN)


@_jit
def _add(post: Any, weight: Any, sums: Any) -> None:
    for k in range(post.size):
        w = weight[k]
        sums[np.uint64(w > 0), np.uint64(post[k])] += w


@_jit
def _positions(post: Any, chosen: Any, found: Any) -> int:
    n = np.uint64(0)
    for k in range(post.size):
        found[n] = k
        n += np.uint64(chosen[np.uint64(post[k])])
    return int(n)


@_jit
def _histogram(key: Any, m: int, n: Any, counts: Any) -> None:
    for e in range(m):
        counts[((_mix(key + U(e + 1) * GOLDEN) >> S32) * n) >> S32] += 1


@_jit
def _drawn(
    key: Any, low: int, high: int, offsets: Any, n: Any, alone: bool,
    row: Any, other: Any, weight: Any, delay: Any, weights: Any, delays: Any,
) -> None:  # fmt: skip
    """Rules that draw the other end of each synapse of a row among ``n``."""
    many_weights, many_delays = U(weights.size), U(delays.size)
    bits = np.empty(1024, np.uint32)
    # In stages, so that the compiler vectorises the mixing: half the time of one loop.
    for begin in range(0, high - low, 1024):
        size = min(1024, high - low - begin)
        first = key + U(low + begin + 1) * GOLDEN
        ends = other[begin : begin + size]
        for i in range(size):
            h = _mix(first + U(i) * GOLDEN)
            ends[i] = np.int32(((h >> S32) * n) >> S32)
            bits[i] = np.uint32(h)
        some_weights, some_delays = weight[begin : begin + size], delay[begin : begin + size]
        for i in range(size):
            h = U(bits[i])
            some_weights[i] = weights[((h & LOW16) * many_weights) >> S16]
            some_delays[i] = delays[((h >> S16) * many_delays) >> S16]
    at = np.searchsorted(offsets, low, "right") - 1
    e = low
    while e < high:
        after = min(high, offsets[at + 1])
        row[e - low : after - low] = at
        if alone:
            for k in range(e - low, after - low):
                other[k] += other[k] >= at
        e = after
        at += 1


@_jit
def _pairs(
    key: Any, first: int, after: int, n_target: int, alone: bool, limits: Any, guide: Any,
    make: bool, counts: Any,
    pre: Any, post: Any, weight: Any, delay: Any, weights: Any, delays: Any,
) -> None:  # fmt: skip
    """Sources ``first`` to ``after`` - 1: their synapses if ``make``, else only how many."""
    many_weights, many_delays = U(weights.size), U(delays.size)
    most = limits.size
    row_size = n_target - 1 if alone else n_target
    at = 0
    for source in range(first, after):
        row = _mix(key + U(source + 1) * GOLDEN)
        begin, target, c = at, -1, U(0)
        while True:
            c += TWO
            u = _mix(row + c * GOLDEN)
            gap = guide[u >> S52]
            while gap < most and u > limits[gap]:
                gap += 1
            target += gap
            if gap == most:
                if target >= row_size:
                    break
                continue
            target += 1
            if target >= row_size:
                break
            if make:
                h = _mix(row + (c + ONE) * GOLDEN)
                pre[at] = source
                post[at] = target + 1 if alone and target >= source else target
                weight[at] = weights[((h & LOW16) * many_weights) >> S16]
                delay[at] = delays[(((h >> S16) & LOW16) * many_delays) >> S16]
            at += 1
        if not make:
            counts[source] = at - begin


@_jit
def _near(
    key: Any, first: int, after: int, width: int, height: int, ring: int, alone: bool,
    limits: Any, steps: Any, make: bool, counts: Any,
    pre: Any, post: Any, weight: Any, delay: Any, weights: Any, delays: Any,
) -> None:  # fmt: skip
    """As _pairs, over the targets within reach of a source."""
    many_weights, many_delays = U(weights.size), U(delays.size)
    at = 0
    for source in range(first, after):
        row = _mix(key + U(source + 1) * GOLDEN)
        begin = at
        x, y = (source * width // ring, 0) if ring else (source % width, source // width)
        for k in range(limits.size):
            if _mix(row + U(2 * k + 2) * GOLDEN) > limits[k]:
                continue
            target = (x + steps[k, 0]) % width + (y + steps[k, 1]) % height * width
            if alone and target == source:
                continue
            if make:
                h = _mix(row + U(2 * k + 3) * GOLDEN)
                pre[at] = source
                post[at] = target
                weight[at] = weights[((h & LOW16) * many_weights) >> S16]
                delay[at] = delays[(((h >> S16) & LOW16) * many_delays) >> S16]
            at += 1
        if not make:
            counts[source] = at - begin


_NONE = np.zeros(0, np.int64)
_EMPTY = (
    np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int32),
    np.zeros(1, np.int32), np.zeros(1, np.int32),
)  # fmt: skip
