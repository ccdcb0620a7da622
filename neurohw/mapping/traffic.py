"""Where a spike goes: the cores its synapses are on, the messages it takes, the links they pass.

Connectivity is a CSR by source neuron: the targets of neuron i are
``targets[offsets[i]:offsets[i + 1]]``. Several synapses between two neurons each count, be they
listed several times or once with a ``multiplicity``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from neurohw.errors import InputError
from neurohw.mapping.mesh import Mesh, walk
from neurohw.network.checks import MOST, integers

Int64 = NDArray[np.int64]
Casting = Literal["unicast", "multicast"]


@dataclass(frozen=True, eq=False)
class Connections:
    """Synapses of ``n`` neurons: ``offsets`` int64 (n + 1,), ``targets`` int32 (edges,), and how many
    synapses each edge stands for, ``multiplicity`` int64 (edges,), None for one each."""

    offsets: Int64
    targets: NDArray[np.int32]
    multiplicity: Int64 | None = None

    def __post_init__(self) -> None:
        offsets = np.atleast_1d(integers("synapses: offsets", self.offsets, 0, 2**62))
        targets = np.atleast_1d(integers("synapses: targets", self.targets))
        if offsets.ndim != 1 or targets.ndim != 1 or offsets.size < 1:
            raise InputError("synapses: offsets and targets are lists; give (n + 1,) and (edges,)")
        if offsets[0] or offsets[-1] != targets.size or (np.diff(offsets) < 0).any():
            raise InputError(
                f"synapses: offsets rise from 0 to the number of edges, {targets.size}; these go from "
                f"{offsets[0]} to {offsets[-1]}"
            )
        if targets.size and targets.max() >= offsets.size - 1:
            raise InputError(
                f"synapses: target {targets.max()} of {offsets.size - 1} neurons; give 0.."
                f"{offsets.size - 2}"
            )
        object.__setattr__(self, "offsets", offsets)
        object.__setattr__(self, "targets", targets.astype(np.int32))
        if self.multiplicity is not None:
            times = np.atleast_1d(integers("synapses: multiplicity", self.multiplicity, 1))
            if times.shape != targets.shape:
                raise InputError(
                    f"synapses: multiplicity has shape {times.shape} for {targets.size} edges; give "
                    "one for each"
                )
            object.__setattr__(self, "multiplicity", times)

    @classmethod
    def of(cls, n: int, pre: ArrayLike, post: ArrayLike) -> Connections:
        """From two columns in any order, one entry each for every synapse of ``n`` neurons."""
        sources = np.atleast_1d(integers("synapses: pre", pre, 0, n - 1))
        targets = np.atleast_1d(integers("synapses: post", post, 0, n - 1))
        if sources.shape != targets.shape:
            raise InputError(
                f"synapses: {sources.size} pre and {targets.size} post; give as many of both"
            )
        order = np.argsort(sources.astype(np.int64) * n + targets, kind="stable")
        offsets = np.concatenate(([0], np.cumsum(np.bincount(sources, minlength=n))))
        return cls(offsets.astype(np.int64), targets[order].astype(np.int32))

    @property
    def n(self) -> int:
        """Number of neurons."""
        return int(self.offsets.size - 1)

    @property
    def fan_out(self) -> Int64:
        """Synapses that leave each neuron, int64 (n,)."""
        if self.multiplicity is None:
            return np.diff(self.offsets)
        total = np.concatenate(([0], np.cumsum(self.multiplicity)))
        return np.asarray(total[self.offsets[1:]] - total[self.offsets[:-1]], np.int64)


@dataclass(frozen=True, eq=False)
class FanOut:
    """Fan-out by target core, a CSR by source neuron: the distinct ``cores`` int32 (pairs,) that
    neuron i has targets on are ``cores[offsets[i]:offsets[i + 1]]``, ascending, with so many synapses
    on each, ``events`` int64 (pairs,)."""

    offsets: Int64
    cores: NDArray[np.int32]
    events: Int64

    @classmethod
    def of(cls, synapses: Connections, core_of: NDArray[np.int32], cores: int) -> FanOut:
        """For neurons on the cores ``core_of`` int32 (n,), each in 0 .. cores - 1, or -1 for the host,
        which takes no spikes: InputError if a synapse leads there."""
        nowhere = synapses.targets[core_of[synapses.targets] < 0]
        if nowhere.size:
            raise InputError(
                f"synapses lead to neuron {nowhere[0]}, which is on the host (core -1); give it a core"
            )
        times = synapses.multiplicity
        if times is None:
            times = np.zeros(0, np.int64)
        offsets = np.zeros(synapses.n + 1, np.int64)
        none, room = np.zeros(0, np.int32), np.zeros(0, np.int64)
        args = synapses.offsets, synapses.targets, times, core_of, cores
        _spread(*args, offsets, none, room)
        np.cumsum(offsets, out=offsets)
        found, events = np.empty(offsets[-1], np.int32), np.empty(offsets[-1], np.int64)
        _spread(*args, offsets, found, events)
        return cls(offsets, found, events)


@njit(cache=True, nogil=True)
def _spread(
    edges: Any, targets: Any, times: Any, core_of: Any, cores: int, offsets: Any, found: Any,
    events: Any,
) -> None:  # fmt: skip
    """Without room in ``found`` the number of cores of source i into ``offsets[i + 1]``; else fill."""
    tally = np.zeros(cores, np.int64)
    here = np.empty(cores, np.int32)
    for i in range(edges.size - 1):
        n = 0
        for k in range(edges[i], edges[i + 1]):
            core = core_of[targets[k]]
            if tally[core] == 0:
                here[n] = core
                n += 1
            tally[core] += times[k] if times.size else 1
        if found.size:
            ordered = np.sort(here[:n])
            for k in range(n):
                found[offsets[i] + k] = ordered[k]
                events[offsets[i] + k] = tally[ordered[k]]
        else:
            offsets[i + 1] = n
        for k in range(n):
            tally[here[k]] = 0


def unicast_loads(packets: Int64, mesh: Mesh) -> Int64:
    """Packets that pass each link, int64 (links,), from the matrix of packets (cores, cores)."""
    loads = np.zeros(mesh.links, np.int64)
    source, target = np.nonzero(packets)
    x, y = mesh.place(source)
    dx, dy = mesh.turns(source, target)
    row = np.empty(mesh.width + mesh.height, np.int64)
    _add_routes(
        x,
        y,
        dx,
        dy,
        packets[source, target],
        mesh.width,
        mesh.height,
        mesh.order == "x",
        row,
        loads,
    )
    return loads


@njit(cache=True, nogil=True)
def _add_routes(
    x: Any, y: Any, dx: Any, dy: Any, packets: Any, width: int, height: int, rows: bool, row: Any,
    loads: Any,
) -> None:  # fmt: skip
    for k in range(x.size):
        walk(x[k], y[k], dx[k], dy[k], width, height, rows, row)
        for j in range(abs(dx[k]) + abs(dy[k])):
            loads[row[j]] += packets[k]


def multicast_loads(core_of: NDArray[np.int32], fan: FanOut, fired: Int64, mesh: Mesh) -> Int64:
    """Packets that pass each link, int64 (links,), if a spike is copied where its ways part.

    ``fired`` int64 (n,) are the spikes of each source; its tree is the union of the unicast routes.
    Where the host's enter the chip is not known: they pass no link.
    """
    loads = np.zeros(mesh.links, np.int64)
    fired = np.where(core_of < 0, 0, fired)
    home = np.repeat(np.maximum(core_of, 0), np.diff(fan.offsets))
    x, y = mesh.place(np.maximum(core_of, 0))
    dx, dy = mesh.turns(home, fan.cores)
    row, passed = np.empty(mesh.width + mesh.height, np.int64), np.full(mesh.links, -1, np.int64)
    _add_trees(
        fan.offsets, x, y, dx, dy, fired, mesh.width, mesh.height, mesh.order == "x", row, passed,
        loads,
    )  # fmt: skip
    return loads


@njit(cache=True, nogil=True)
def _add_trees(
    offsets: Any, x: Any, y: Any, dx: Any, dy: Any, fired: Any, width: int, height: int, rows: bool,
    row: Any, passed: Any, loads: Any,
) -> None:  # fmt: skip
    for i in range(fired.size):
        if fired[i] == 0:
            continue
        for k in range(offsets[i], offsets[i + 1]):
            walk(x[i], y[i], dx[k], dy[k], width, height, rows, row)
            for j in range(abs(dx[k]) + abs(dy[k])):
                if passed[row[j]] != i:
                    passed[row[j]] = i
                    loads[row[j]] += fired[i]


def spikes_of(
    step: ArrayLike, neuron: ArrayLike, n: int, steps: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Two columns of spikes, checked: steps below ``steps``, neurons below ``n``."""
    when = np.atleast_1d(integers("spikes: step", step, 0, min(steps - 1, MOST)))
    which = np.atleast_1d(integers("spikes: neuron", neuron, 0, n - 1))
    if when.shape != which.shape or when.ndim != 1:
        raise InputError(
            f"spikes: step has shape {when.shape}, neuron {which.shape}; give an entry of both for "
            "every spike"
        )
    return when.astype(np.int32), which.astype(np.int32)
