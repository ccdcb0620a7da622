"""Multicast: a key for every neuron, routers that know where keys go, and on each core a table of the
blocks of rows that keys stand for.

The way of SpiNNaker. A core's neurons have one block of keys; on a core that hears of them the rows of
a block are of one length, so that a row is found by its number: ``row = first + (key - block's key)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.chip.cores import Cores
from neurohw.chip.model import Chip
from neurohw.errors import CapacityError
from neurohw.mapping.blocks import arranged, columns, measured
from neurohw.mapping.delivered import arrive, row_arrays, rows_of
from neurohw.mapping.follow import Arrivals
from neurohw.mapping.image import ChipImage, Losses
from neurohw.mapping.multicast.build import build as build_tables
from neurohw.mapping.multicast.defaults import without_defaults
from neurohw.mapping.multicast.deliver_all import Deliveries, deliver_all
from neurohw.mapping.multicast.grid import HEXAGONAL, Grid
from neurohw.mapping.multicast.keys import allocate_keys
from neurohw.mapping.multicast.minimise import minimise_all
from neurohw.mapping.multicast.nets import Nets
from neurohw.mapping.multicast.table import Table, Tables
from neurohw.mapping.rows import Memory, write_rows
from neurohw.mapping.sound import column, damaged, offsets
from neurohw.mapping.synapses import Synapses

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
FOUR = ((1, 0), (0, 1), (-1, 0), (0, -1))


def measure(chip: Chip, s: Synapses, core: Int32, slot: Int32) -> Mapping[str, Int64]:
    """Bits and formats of every core; a router's entries are known when parts are placed."""
    assert chip.cores is not None and chip.cores.row is not None
    found = measured(s, chip.cores.row, core, slot)
    return {k: found[k] for k in ("synapse_bits", "synapse_formats")}


def build(chip: Chip, s: Synapses, core: Int32, slot: Int32) -> Mapping[str, NDArray[Any]]:
    """``key`` of each core's neurons (``mask``), ``router`` tables, ``master`` tables of the cores, rows."""
    cores = chip.cores
    assert cores is not None and cores.row is not None
    count = int(core.max(initial=-1)) + 1
    order = np.lexsort((slot, core))
    rank = np.empty(s.vertices, np.int32)
    rank[order] = np.arange(s.vertices, dtype=np.int32)
    by, row, source, _, row_core = arranged(s, core, slot, bool(cores.row.typed), rank)
    atoms = np.bincount(core[core >= 0], minlength=count)
    # A block for each pair of a core and one that it hears of, with a row for each neuron of that.
    pair = row_core.astype(np.int64) * count + core[source]
    pairs, of_pair = np.unique(pair, return_inverse=True)
    here, there = pairs // max(count, 1), pairs % max(count, 1)
    first = np.concatenate([[0], np.cumsum(atoms[there])]).astype(np.int64)
    wanted = first[of_pair.reshape(-1)] + slot[source]
    memory = write_rows(
        cores.row, s.forms, np.repeat(here, atoms[there]).astype(np.int32), wanted[row],
        *columns(s, by), slot[s.target[by]],
        np.repeat(np.arange(pairs.size), atoms[there]) if cores.row.strided else None,
    )  # fmt: skip
    key, mask = np.zeros(count, np.uint32), np.zeros(count, np.uint32)
    heard = np.unique(there)
    key[heard], mask[heard] = allocate_keys(atoms[heard], tile_index(cores, heard, s.chips))
    if count > cores.count * s.chips:
        raise CapacityError(
            f"{chip.name} has {cores.count * s.chips:,} cores, core {count - 1} is beyond; use fewer"
        )
    tables = _tables(chip, s.chips, key, mask, atoms, heard, there, here)
    e = tables.entries
    return {
        "key": key, "mask": mask, "router.start": np.array(tables.start), "router.key": e.keys,
        "router.mask": e.masks, "router.route": e.routes,
        "master.first": np.searchsorted(here, np.arange(count + 1)).astype(np.int64),
        "master.key": key[there], "master.mask": mask[there], "master.atoms": atoms[there],
        "master.row": first[:-1], **row_arrays(memory),
    }  # fmt: skip


def grid_of(chip: Chip, chips: int) -> Grid:
    """The chips, links and routers of a machine."""
    cores = chip.cores
    assert cores is not None
    entries = chip.limits.get("table_entries")
    return Grid(
        cores.width * chips, cores.height, cores.wraps, HEXAGONAL if cores.diagonal else FOUR,
        cores.per_tile, int(entries.value) if entries else 1 << 20,
    )  # fmt: skip


def tile_index(cores: Cores, core: NDArray[Any], chips: int) -> Int64:
    """The index x + width * y of the chip that a core is on."""
    tile = np.asarray(core, np.int64) // cores.per_tile
    if cores.order == "x":
        return tile
    return tile // cores.height + cores.width * chips * (tile % cores.height)


def _tables(
    chip: Chip, chips: int, key: NDArray[np.uint32], mask: NDArray[np.uint32], atoms: Int64, heard: Int64,
    there: Int64, here: Int64,
) -> Tables:  # fmt: skip
    """Routers' tables, minimised, for cores ``heard`` that core ``there`` is heard of at ``here``."""
    cores, grid = chip.cores, grid_of(chip, chips)
    assert cores is not None
    order = np.argsort(there, kind="stable")
    sizes = np.bincount(there, minlength=key.size)[heard]
    targets = here[order]
    nets = Nets.packed(
        grid, key[heard], mask[heard], tile_index(cores, heard, chips), sizes,
        tile_index(cores, targets, chips),
        targets % cores.per_tile, atoms[heard],
    )  # fmt: skip
    return minimise_all(without_defaults(build_tables(nets)), nets)


def router_tables(image: ChipImage) -> Tables:
    """The routers' tables of an image."""
    arrays = image.arrays
    grid = grid_of(image.network.chip, image.network.chips)
    names = {"key": np.uint32, "mask": np.uint32, "route": np.uint64}
    columns = [column(arrays, f"router.{k}", dtype) for k, dtype in names.items()]
    start = offsets(arrays, "router.start", columns[0].size, grid.chips)
    return Tables.packed(grid, np.array(start), Table.of(*columns))


@dataclass(frozen=True, eq=False)
class Master:
    """The tables of all cores: rows of blocks of keys."""

    first: Int64
    key: NDArray[np.uint32]
    mask: NDArray[np.uint32]
    atoms: Int64
    row: Int64


def send(image: ChipImage) -> tuple[Int32, Int64, Deliveries]:
    """The vertices that have a key, their keys, and what became of a packet of each."""
    cores, arrays = image.network.chip.cores, image.arrays
    assert cores is not None
    most = column({"core": image.core}, "core", np.int32).max(initial=-1) + 1
    for name in ("key", "mask"):
        if column(arrays, name, np.uint32).size < most:
            raise damaged(f"'{name}' has {arrays[name].size:,} entries for {most:,} cores")
    sends = np.flatnonzero(arrays["mask"][image.core] != 0).astype(np.int32)
    keys = arrays["key"][image.core[sends]].astype(np.int64) + image.slot[sends]
    return (
        sends,
        keys,
        deliver_all(
            router_tables(image), tile_index(cores, image.core[sends], image.network.chips), keys
        ),
    )


def follow(image: ChipImage) -> Arrivals:
    """Every vertex' key sent through the routers, looked up on the cores where it arrives, and the
    synapses of the row that it stands for."""
    cores = image.network.chip.cores
    assert cores is not None
    memory = rows_of(image)
    _check_masters(image.arrays, memory)
    sends, keys, found = send(image)
    lost = np.flatnonzero(found.dropped | found.looped)
    losses = Losses.of("a router dropped it", sends[lost], image.core[sends[lost]])
    source = np.repeat(sends, np.diff(found.start))
    key = np.repeat(keys, np.diff(found.start))
    tile = found.chips
    if cores.order == "y":
        width = cores.width * image.network.chips
        tile = tile % width * cores.height + tile // width
    core = tile * cores.per_tile + found.cores
    row = _lookup(image.arrays, core, key)
    known = row >= 0
    nowhere = Losses.of("no entry on the core", source[~known], core[~known].astype(np.int32))
    return arrive(image, memory, source[known], row[known], None, losses.and_also(nowhere))


def _check_masters(arrays: Mapping[str, NDArray[Any]], memory: Memory) -> None:
    """FileError unless each core's blocks are rows of its own."""
    row = column(arrays, "master.row", np.int64, None, 0, memory.at.size)
    first = offsets(arrays, "master.first", row.size)
    atoms = column(arrays, "master.atoms", np.int64, row.size, 0, memory.at.size)
    for name in ("master.key", "master.mask"):
        column(arrays, name, np.uint32, row.size)
    core = np.repeat(np.arange(first.size - 1), np.diff(first))
    if (row + atoms > memory.at.size).any() or (np.diff(memory.core) < 0).any():
        raise damaged("a core's table leads beyond its rows")
    some = atoms > 0
    for at in (row[some], (row + atoms)[some] - 1):
        if (memory.core[at] != core[some]).any():
            raise damaged("a core's table leads to another core's row")


def _lookup(arrays: Mapping[str, NDArray[Any]], core: Int64, key: Int64) -> Int64:
    """The row that a key stands for on a core, -1 if the core has no entry for it.

    A core's entries are blocks of keys that don't overlap: the last that begins at or before the key.
    """
    m = Master(**{k: arrays[f"master.{k}"] for k in Master.__dataclass_fields__})
    if not m.key.size:
        return np.full(key.size, -1, np.int64)
    of_core = np.repeat(np.arange(m.first.size - 1), np.diff(m.first))
    name = (of_core.astype(np.int64) << 32) | m.key.astype(np.int64)
    order = np.argsort(name, kind="stable")
    at = np.searchsorted(name[order], (core << 32) | key, "right") - 1
    entry = order[np.maximum(at, 0)]
    offset = key - m.key[entry].astype(np.int64)
    good = (
        (at >= 0) & (of_core[entry] == core) & ((key & m.mask[entry].astype(np.int64)) == m.key[entry])
        & (offset < m.atoms[entry])
    )  # fmt: skip
    return np.where(good, m.row[entry] + offset, -1)
