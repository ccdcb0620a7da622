"""Which part every neuron goes to: divided, measured against what a core holds, and repaired."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurohw.fixed import FixedPointNetwork
from neurohw.mapping.graph import Graph
from neurohw.mapping.partition import partition
from neurohw.mapping.synapses import Synapses
from neurohw.mapping.usage import DoesNotFit, Excess, Usage, core_limits, exceeded, parameter_sets

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Measure = Callable[[Synapses, Int32, Int32], Mapping[str, Int64]]
ROUNDS = 64
MANY = 64
"""Parts that are too large at once, above which they are cut in declared order: there is no use in care."""


@dataclass(frozen=True, eq=False)
class Assignment:
    """``part`` int32 (vertices,), -1 for inputs; ``slot`` the place of each in its part."""

    part: Int32
    slot: Int32
    parts: int
    method: str
    usage: Usage


def assign(
    network: FixedPointNetwork,
    s: Synapses,
    activity: NDArray[np.float64],
    measure: Measure,
    *,
    method: str = "auto",
    cores: int | None = None,
    seed: int = 0,
) -> Assignment:
    """Parts that a core of the chip holds, as few as ``method`` finds, or into ``cores``.

    Additive limits bind the division itself. Axons, rows and tables are counted afterwards; a part that
    exceeds one is divided in two until it fits, which is what decides whether a network does.
    """
    chip = network.chip
    limits, groups = core_limits(chip), _classes(network)
    part = np.full(s.vertices, -1, np.int32)
    used = 0
    names = []
    share = _shares(groups, s, limits, cores)
    for members, k in zip(groups, share, strict=True):
        found, name = _divide(s, activity, members, k, limits, method, seed)
        part[members] = found + used
        used += int(found.max(initial=-1)) + 1
        names.append(name)
    extra = _input_parts(network, limits)
    most = chip_cores(network) - (int(extra.max(initial=-1)) + 1)
    for _ in range(ROUNDS):
        part, used = _closed(part)
        measured = part
        slot = slots(part)
        usage = Usage(
            {
                "neurons": np.bincount(part[part >= 0], minlength=used),
                **measure(s, part, slot), **parameter_sets(network, part),
            }, limits,
        )  # fmt: skip
        over = usage.over()
        if not over:
            break
        worst = np.unique(np.concatenate(list(over.values())))
        alone = [c for c in worst.tolist() if (part == c).sum() < 2]
        if alone or used + worst.size > most:
            raise DoesNotFit(chip, _all(usage, s, part, used + worst.size, most))
        part = _split(s, activity, part, _pieces(usage, over), used, seed)
    else:
        raise DoesNotFit(chip, _all(usage, s, measured, used, most))
    if used > most:
        raise DoesNotFit(chip, [Excess("cores", -1, used, most, "all neurons together")])
    part[: s.inputs] = np.where(extra >= 0, extra + used, -1)
    used += int(extra.max(initial=-1)) + 1
    return Assignment(part, slots(part), used, " + ".join(dict.fromkeys(names)), usage)


def _input_parts(network: FixedPointNetwork, limits: Mapping[str, int]) -> Int32:
    """Parts for inputs, int32 (inputs,), where cores send them; -1 where the host does."""
    per = limits.get("neurons", 1 << 62)
    assert network.chip.cores is not None
    found, at = [np.zeros(0, np.int32)], 0
    for n in network.inputs.values():
        if network.chip.cores.routing == "multicast":
            found.append((np.arange(n) // per + at).astype(np.int32))
            at += -(-n // per)
        else:
            found.append(np.full(n, -1, np.int32))
    return np.concatenate(found)


def chip_cores(network: FixedPointNetwork) -> int:
    """Cores of the chips that hold the network together."""
    chip = network.chip
    assert chip.cores is not None
    limit = chip.limits.get("cores")
    return (int(limit.value) if limit else chip.cores.count) * network.chips


def slots(part: Int32) -> Int32:
    """The place of every vertex in its part, in the order of vertices; -1 where there is no part."""
    found = np.full(part.size, -1, np.int32)
    order = np.argsort(part, kind="stable")
    order = order[part[order] >= 0]
    begins = np.searchsorted(part[order], part[order], "left")
    found[order] = np.arange(order.size) - begins
    return found


def _pieces(usage: Usage, over: Mapping[str, Int64]) -> dict[int, int]:
    """How many pieces each part that exceeds something is cut into: as many as it is too large, at most
    four at once, for a piece seldom needs a share of everything."""
    found: dict[int, int] = {}
    for resource, parts in over.items():
        for c in parts.tolist():
            times = -(-int(usage.used[resource][c]) // usage.limits[resource])
            found[c] = max(found.get(c, 2), min(times, 4))
    return dict(sorted(found.items()))


def _all(usage: Usage, s: Synapses, part: Int32, cores: int, most: int) -> list[Excess]:
    found = exceeded(usage, s, part)
    if cores > most:
        found.append(Excess("cores", -1, cores, most, "parts small enough for a core"))
    return found


def _classes(network: FixedPointNetwork) -> list[Int64]:
    """Vertices that may share a core: of one kind of neuron where a core runs one program, and with
    equal codes of parameters that a core has once."""
    cores = network.chip.cores
    assert cores is not None
    inputs = sum(network.inputs.values())
    keys: dict[tuple[object, ...], int] = {}
    which = []
    for p in network.populations.values():
        shared = [k for k in p.parameters if k in cores.shared]
        rows = np.stack([p.parameters[k] for k in shared] or [np.zeros(p.n, np.int64)])
        columns, inverse = np.unique(rows, axis=1, return_inverse=True)
        kind = p.neuron.name if cores.one_kind or p.neuron.relay else ""
        numbers = [
            keys.setdefault((kind, *zip(shared or [""], c, strict=True)), len(keys))
            for c in columns.T.tolist()
        ]
        which.append(np.array(numbers, np.int64)[inverse.reshape(-1)])
    classes = np.concatenate(which) if which else np.zeros(0, np.int64)
    return [np.flatnonzero(classes == k) + inputs for k in range(len(keys))]


def _shares(
    groups: list[Int64], s: Synapses, limits: Mapping[str, int], cores: int | None
) -> list[int]:
    """Parts to begin with for each class: as many as its neurons and synapses need at least, or its
    share of those wanted."""
    per = limits.get("neurons", max(s.vertices, 1))
    bits = _bits(s)
    least = [
        max(-(-g.size // per), -(-int(bits[g].sum()) // limits.get("synapse_bits", 1 << 62)), 1)
        for g in groups
    ]
    if cores is None:
        return least
    total = max(sum(g.size for g in groups), 1)
    return [max(n, -(-cores * g.size // total)) for n, g in zip(least, groups, strict=True)]


def _bits(s: Synapses) -> Int64:
    """Bits of weights and delays that reach each vertex: what its rows take at least, int64 (vertices,)."""
    each = np.array([f.weight_bits + f.delay_bits for f in s.forms] or [0], np.int64)
    if not s.projection.size:
        return np.zeros(s.vertices, np.int64)
    bits = each[s.form][s.projection].astype(np.float64)
    return np.bincount(s.target, weights=bits, minlength=s.vertices).astype(np.int64)


def _divide(
    s: Synapses, activity: NDArray[np.float64], members: Int64, k: int, limits: Mapping[str, int],
    method: str, seed: int,
) -> tuple[Int32, str]:  # fmt: skip
    """The part of each member, int32 (members,), and the method that found it."""
    if k == 1:
        return np.zeros(members.size, np.int32), "one core"
    inside = np.full(s.vertices, -1, np.int32)
    inside[members] = np.arange(members.size, dtype=np.int32)
    here = (inside[s.source] >= 0) & (inside[s.target] >= 0)
    bits = _bits(s)[members]
    weights = np.stack([np.ones(members.size, np.int64), bits], axis=1)
    graph = Graph.of(
        members.size, inside[s.source[here]], inside[s.target[here]], activity[members], weights
    )
    even = -(-members.size // k)
    room = min(limits.get("neurons", members.size), max(even, int(1.05 * members.size / k)))
    space = limits.get("synapse_bits", 1 << 62)
    if int(bits.max(initial=0)) > space:
        space = 1 << 62  # one neuron alone exceeds it: the table will say so
    found = partition(graph, k, method=method, capacity=np.array([room, space]), seed=seed)
    return _closed(found.parts)[0], found.method


def _split(
    s: Synapses, activity: NDArray[np.float64], part: Int32, pieces: Mapping[int, int], used: int,
    seed: int,
) -> Int32:  # fmt: skip
    """Parts in so many ``pieces``, by part, along their inner structure."""
    part = part.copy()
    wanted = np.zeros(used, bool)
    wanted[list(pieces)] = True
    home = part[s.target]
    inner = np.flatnonzero((part[s.source] == home) & wanted[home])
    inner = inner[np.argsort(home[inner], kind="stable")]
    ends = np.searchsorted(home[inner], np.arange(used + 1))
    order = np.argsort(part, kind="stable")
    begins = np.searchsorted(part[order], np.arange(used + 1))
    local = np.zeros(s.vertices, np.int32)
    method = "auto" if len(pieces) <= MANY else "chunks"
    for c, k in pieces.items():
        members = order[begins[c] : begins[c + 1]]
        k = min(k, members.size)
        local[members] = np.arange(members.size, dtype=np.int32)
        edges = inner[ends[c] : ends[c + 1]]
        graph = Graph.of(
            members.size, local[s.source[edges]], local[s.target[edges]], activity[members]
        )  # fmt: skip
        # An even share, and a little more: pieces that are all but empty would help nobody.
        room = np.array([min(int(np.ceil(1.05 * members.size / k)), members.size - 1)])
        found = partition(graph, k, method=method, capacity=room, seed=seed).parts
        part[members[found > 0]] = used + found[found > 0] - 1
        used += k - 1
    return part


def _closed(part: Int32) -> tuple[Int32, int]:
    """Parts renumbered without gaps in their order, and how many there are."""
    kept = np.unique(part[part >= 0])
    found = part.copy()
    found[part >= 0] = np.searchsorted(kept, part[part >= 0])
    return found, int(kept.size)
