"""What a mapped network does on its cores, counted exactly from its spikes; nothing is priced here.

A spike of step k is a packet to each core on which its neuron has synapses, its own included (as
SANA-FE counts), and there one message that sets off a synaptic event for every synapse. The spikes of
a source on the host arrive in the same way, but no core has fired or sent them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from neurohw.errors import InputError
from neurohw.mapping.mesh import Mesh
from neurohw.mapping.traffic import (
    Casting,
    Connections,
    FanOut,
    Int64,
    multicast_loads,
    spikes_of,
    unicast_loads,
)
from neurohw.network.checks import integers, whole

LARGEST = 1 << 27
"""Entries of one table of steps and cores, or of cores and cores."""


@dataclass(frozen=True, eq=False)
class Counts:
    """Everything that happened in ``steps`` steps on the cores of ``mesh``; integers, all int64.

    Shape (steps, cores): ``spikes`` fired, ``events`` synaptic events done, ``messages_in`` taken,
    ``packets_out`` sent, ``updates`` of neurons that were not idle (None if not known). Shape
    (cores,): ``neurons`` present. ``packets`` (cores, cores): deliveries from source core to target
    core. ``links`` (mesh.links,): packets that passed each link. ``hops_x``, ``hops_y``: links passed
    along x and y. ``casting``: "unicast", a packet for each target core; or "multicast", one for each
    spike, copied where its ways part. ``routers``: passes of a packet through a tile's router, the
    first and the last included.
    """

    mesh: Mesh
    steps: int
    casting: Casting
    neurons: Int64
    spikes: Int64
    events: Int64
    messages_in: Int64
    packets_out: Int64
    updates: Int64 | None
    packets: Int64
    links: Int64
    hops_x: int
    hops_y: int
    routers: int

    @cached_property
    def totals(self) -> dict[str, int]:
        """Sums over the run by the names of priced events (neurohw.chip.prices.EVENTS).

        ``update`` is missing where updates are not known.
        """
        t = np.arange(self.mesh.cores) // self.mesh.cores_per_tile
        found = {
            "synapse": int(self.events.sum()),
            "neuron": self.steps * int(self.neurons.sum()),
            "spike": int(self.spikes.sum()),
            "axon_in": int(self.messages_in.sum()),
            "packet": int(self.packets_out.sum()),
            "hop_x": self.hops_x,
            "hop_y": self.hops_y,
            "local": int(self.packets[t[:, None] == t[None, :]].sum()),
            "router": self.routers,
        }
        return found if self.updates is None else {**found, "update": int(self.updates.sum())}

    @property
    def own_core(self) -> int:
        """Deliveries to the core that sent them."""
        return int(np.trace(self.packets))

    @property
    def from_host(self) -> int:
        """Deliveries that the host sent."""
        return int(self.messages_in.sum() - self.packets.sum())

    @property
    def active_tiles(self) -> int:
        """Tiles with a neuron on them."""
        return int(self.neurons.reshape(self.mesh.tiles, -1).any(axis=1).sum())

    @property
    def active_cores(self) -> int:
        """Cores with a neuron on them."""
        return int((self.neurons > 0).sum())

    @property
    def peak_link(self) -> tuple[int, int]:
        """The busiest link and the packets that passed it in the whole run."""
        link = int(self.links.argmax())
        return link, int(self.links[link])


def count(
    core_of: ArrayLike,
    synapses: Connections,
    spikes: tuple[ArrayLike, ArrayLike],
    steps: int,
    mesh: Mesh,
    *,
    updates: ArrayLike | None = None,
    casting: Casting = "unicast",
) -> Counts:
    """Counts of a run of neurons on the cores ``core_of`` (n,), -1 for sources on the host.

    ``spikes`` are two columns, step and neuron, one entry for each spike, in any order. ``updates``
    (steps, cores) are neurons that were not idle, see :func:`active`. InputError for what does not
    fit together.
    """
    homes = np.atleast_1d(integers("core_of", core_of, -1, mesh.cores - 1)).astype(np.int32)
    if homes.shape != (synapses.n,):
        raise InputError(f"core_of has shape {homes.shape} for {synapses.n} neurons; give one each")
    if casting not in ("unicast", "multicast"):
        raise InputError(f"casting is {casting!r}; it is 'unicast' or 'multicast'")
    steps = whole("steps", steps)
    if steps * mesh.cores > LARGEST:
        raise InputError(
            f"{steps:,} steps of {mesh.cores:,} cores are {steps * mesh.cores:,} entries, more than "
            f"{LARGEST:,}: count at most {LARGEST // mesh.cores:,} steps at a time"
        )
    if mesh.cores**2 > LARGEST:
        raise InputError(
            f"{mesh.cores:,} cores: at most {int(LARGEST**0.5):,} are counted together; count chip by chip"
        )
    shape = (steps, mesh.cores)
    if updates is not None:
        updates = integers("updates", updates)
        if updates.shape != shape:
            raise InputError(f"updates have shape {updates.shape}; give (steps, cores) = {shape}")
    step, neuron = spikes_of(*spikes, synapses.n, steps)
    fan = FanOut.of(synapses, homes, mesh.cores)
    fired = np.bincount(neuron, minlength=synapses.n)
    done, events, messages, sent = np.zeros((4, *shape), np.int64)
    packets = np.zeros((mesh.cores, mesh.cores), np.int64)
    _count(
        step, neuron, homes, fan.offsets, fan.cores, fan.events, fired, done, events, messages, sent,
        packets,
    )  # fmt: skip
    if casting == "unicast":
        links = unicast_loads(packets, mesh)
    else:
        links = multicast_loads(homes, fan, fired, mesh)
        sent = np.zeros(shape, np.int64)
        which = (np.diff(fan.offsets)[neuron] > 0) & (homes[neuron] >= 0)
        np.add.at(sent, (step[which], homes[neuron[which]]), 1)
    hops = links.reshape(mesh.tiles, 4).sum(axis=0)
    present = np.bincount(homes[homes >= 0], minlength=mesh.cores)
    counts = Counts(
        mesh, steps, casting, present, done, events, messages, sent, updates, packets, links,
        int(hops[0] + hops[2]), int(hops[1] + hops[3]), int(hops.sum() + sent.sum()),
    )  # fmt: skip
    for array in (present, done, events, messages, sent, packets, links):
        array.setflags(write=False)
    return counts


@njit(cache=True, nogil=True)
def _count(
    step: Any, neuron: Any, homes: Any, offsets: Any, cores: Any, synapses: Any, fired: Any,
    spikes: Any, events: Any, messages: Any, sent: Any, packets: Any,
) -> None:  # fmt: skip
    for s in range(step.size):
        k, i = step[s], neuron[s]
        low, high = offsets[i], offsets[i + 1]
        if homes[i] >= 0:
            spikes[k, homes[i]] += 1
            sent[k, homes[i]] += high - low
        for j in range(low, high):
            events[k, cores[j]] += synapses[j]
            messages[k, cores[j]] += 1
    for i in range(fired.size):
        if fired[i] and homes[i] >= 0:
            for j in range(offsets[i], offsets[i + 1]):
                packets[homes[i], cores[j]] += fired[i]


def arrivals(
    synapses: Connections, spikes: tuple[ArrayLike, ArrayLike], steps: int
) -> NDArray[np.bool_]:
    """Which neurons have input at which step, bool (steps, n), if a spike of step k acts at k + 1."""
    step, neuron = spikes_of(*spikes, synapses.n, whole("steps", steps))
    found = np.zeros((steps, synapses.n), np.bool_)
    _mark(step, neuron, synapses.offsets, synapses.targets, found)
    return found


@njit(cache=True, nogil=True)
def _mark(step: Any, neuron: Any, offsets: Any, targets: Any, found: Any) -> None:
    for s in range(step.size):
        if step[s] + 1 < found.shape[0]:
            for k in range(offsets[neuron[s]], offsets[neuron[s] + 1]):
                found[step[s] + 1, targets[k]] = True


def active(
    core_of: ArrayLike,
    mesh: Mesh,
    before: ArrayLike,
    arrived: ArrayLike,
    bias: ArrayLike = 0,
    spikes: tuple[ArrayLike, ArrayLike] | None = None,
) -> Int64:
    """Neurons that were not idle, int64 (steps, cores), by SANA-FE's rule for Loihi's LIF neuron.

    A neuron is updated at a step if its potential was not 0 ``before`` the step (steps, n), if a
    synaptic event ``arrived`` (bool (steps, n), also one of weight 0), if its ``bias`` (n,) is not 0,
    or if it fires.
    """
    state, came = np.asarray(before), np.asarray(arrived)
    homes = np.atleast_1d(integers("core_of", core_of, -1, mesh.cores - 1))
    if state.ndim != 2 or state.shape != came.shape or state.shape[1] != homes.size:
        raise InputError(
            f"before has shape {state.shape}, arrived {came.shape}; give (steps, {homes.size}) of both"
        )
    busy = (state != 0) | (came != 0) | (np.broadcast_to(bias, homes.shape) != 0)
    if spikes is not None:
        busy[spikes_of(*spikes, homes.size, state.shape[0])] = True
    found = np.zeros((state.shape[0], mesh.cores), np.int64)
    step, neuron = np.nonzero(busy & (homes >= 0))
    np.add.at(found, (step, homes[neuron]), 1)
    return found
