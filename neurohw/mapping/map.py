"""``map_network``: from a network in a chip's integers to the image of that chip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.chip.cores import Cores
from neurohw.errors import CapacityError, InputError, UnknownName
from neurohw.fixed import FixedPointNetwork
from neurohw.mapping.activity import activity_of
from neurohw.mapping.assign import assign, chip_cores, slots
from neurohw.mapping.image import ChipImage, End
from neurohw.mapping.mesh import Mesh
from neurohw.mapping.neuron_words import write_neurons
from neurohw.mapping.partition import ALGORITHMS
from neurohw.mapping.place import hilbert, place
from neurohw.mapping.schemes import scheme
from neurohw.mapping.synapses import Synapses, synapses
from neurohw.mapping.traffic import Connections, FanOut
from neurohw.mapping.usage import DoesNotFit, Excess, core_limits
from neurohw.network.checks import whole
from neurohw.recording import Recording

Int32 = NDArray[np.int32]
Objective = Literal["traffic", "makespan"]


def map_network(
    network: FixedPointNetwork,
    *,
    activity: Recording | Mapping[str, ArrayLike] | None = None,
    method: str = "auto",
    placement: str = "auto",
    cores: int | None = None,
    seed: int = 0,
) -> ChipImage:
    """The image of the chip that holds the network: every neuron on a core, synapses in memories, spikes
    led by tables.

    ``activity``: a recording of a run, or rates in Hz by population (a number or one each); without it
    all are alike. ``method`` divides (``chunks`` in declared order, ``multilevel``, ``metis``,
    ``mtkahypar``, ``scattered``; ``auto`` the best of those installed), ``placement`` puts the parts on the
    mesh (``identity``, ``curve``, ``swaps``, ``assignment``, ``auto``). ``cores``: how many to use at least;
    by default as few as suffice. DoesNotFit, a CapacityError, lists every limit that is exceeded.
    """
    if not isinstance(network, FixedPointNetwork):
        raise InputError(f"network is a {type(network).__name__}; quantise it for a chip first")
    chip = network.chip
    if chip.cores is None:
        raise CapacityError(
            f"{chip.name}: the profile says nothing of cores; add a [cores] section"
        )
    if method != "auto" and method not in ALGORITHMS:
        raise UnknownName.of("partition method", method, ["auto", *ALGORITHMS])
    _check_kinds(network)
    if cores is not None:
        cores = whole("cores", cores, 1, chip_cores(network))
    seed = whole("seed", seed, 0, 2**32 - 1)
    s = synapses(network)
    rates = activity_of(network, activity)
    way = scheme(chip.cores)
    if chip.cores.count == 1 and chip.cores.routing == "local":
        core, slot, name = _alone(s), slots(_alone(s)), "one core"
    else:
        found = assign(
            network, s, rates, lambda s, core, slot: way.measure(chip, s, core, slot), method=method,
            cores=cores, seed=seed,
        )  # fmt: skip
        where = placed(
            found.part, found.parts, s, rates, chip.cores, network.chips, placement, seed
        )
        core, slot, name = where, found.slot, found.method
    arrays = dict(way.build(chip, s, core, slot))
    if chip.cores.neuron_words is not None:
        arrays.update(write_neurons(network, chip.cores.neuron_words))
    ends = tuple(
        End(p.name, p.source, p.target, int(s.form[k])) for k, p in enumerate(network.projections)
    )
    return ChipImage(replace(network, projections=()), core, slot, arrays, ends, s.forms, name)


def _check_kinds(network: FixedPointNetwork) -> None:
    """CapacityError for what no mapping holds: relays, which are the axons that mapping makes, and more
    than one chip where neurons of one can't reach another."""
    chip = network.chip
    for p in network.populations.values():
        if p.neuron.relay:
            raise CapacityError(
                f"population '{p.name}': a relay is an axon, which mapping makes itself; leave it out and "
                "connect its sources to the neurons behind it"
            )
    limits, one = core_limits(chip), chip.cores is not None and chip.cores.routing == "local"
    if one and network.neurons > limits.get("neurons", network.neurons):
        used = Excess("neurons", 0, network.neurons, limits["neurons"], "all populations together")
        raise DoesNotFit(chip, [used])


def _alone(s: Synapses) -> Int32:
    """All neurons on core 0, inputs with the host."""
    core = np.zeros(s.vertices, np.int32)
    core[: s.inputs] = -1
    return core


def mesh_of(cores: Cores, chips: int = 1) -> Mesh:
    """The mesh of the chip, or of several side by side."""
    return Mesh(cores.width * chips, cores.height, cores.per_tile, cores.order, cores.wraps)


def placed(
    part: Int32, parts: int, s: Synapses, rates: NDArray[np.float64], cores: Cores, chips: int,
    method: str, seed: int,
) -> Int32:  # fmt: skip
    """The core of every vertex, int32 (vertices,); -1 for inputs."""
    mesh = mesh_of(cores, chips)
    fan = FanOut.of(Connections.of(s.vertices, s.source, s.target), np.maximum(part, 0), parts)
    source = np.repeat(np.arange(s.vertices), np.diff(fan.offsets))
    real = part[source] >= 0
    traffic = np.zeros((parts, parts))
    np.add.at(traffic, (part[source[real]], fan.cores[real]), rates[source[real]])
    every = np.arange(mesh.cores)
    x, y = mesh.place(every)
    tiles = hilbert(mesh.width, mesh.height)
    order = np.argsort(np.argsort(tiles)[y * mesh.width + x], kind="stable").astype(np.int32)
    # Neighbours on the curve are the cores to fill: a small network stays together.
    use = np.sort(order[: max(parts, min(mesh.cores, 2 * parts))])
    near = mesh.hops_x(use[:, None], use[None]) + mesh.hops_y(use[:, None], use[None])
    curve = np.searchsorted(use, order[np.isin(order, use)]).astype(np.int32)
    where = use[place(traffic, near.astype(np.float64), curve, method, seed)].astype(np.int32)
    core = np.full(part.size, -1, np.int32)
    core[part >= 0] = where[part[part >= 0]]
    return core
