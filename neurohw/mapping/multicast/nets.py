"""What is to be routed: one source of keys and its targets, many times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.errors import InputError
from neurohw.mapping.multicast.grid import Chip, Grid

Int = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Nets:
    """n nets: net i sends keys ``keys[i] | a``, a < ``atoms[i]``, from chip ``sources[i]`` to
    targets ``start[i]:start[i + 1]``.

    ``keys, masks`` uint32 (n,); ``atoms`` int64 (n,); ``sources`` int64 (n,), chip indices;
    ``start`` int64 (n + 1,); ``chips, cores`` int64: a target is a core of a chip. Targets of a net
    are sorted, each once.
    """

    grid: Grid
    keys: NDArray[np.uint32]
    masks: NDArray[np.uint32]
    atoms: Int
    sources: Int
    start: Int
    chips: Int
    cores: Int

    @classmethod
    def of(
        cls, grid: Grid, keys: ArrayLike, masks: ArrayLike, sources: ArrayLike,
        targets: Iterable[Iterable[tuple[Chip, int]]], atoms: ArrayLike | None = None,
    ) -> Nets:  # fmt: skip
        """``sources`` (n, 2) chips; for each net the ((x, y), core) it is to reach; ``atoms`` that are
        in use, whole blocks by default."""
        lists = [list(t) for t in targets]
        sizes = np.array([len(t) for t in lists], dtype=np.int64)
        flat = np.array([(x, y, p) for t in lists for (x, y), p in t], dtype=np.int64).reshape(
            -1, 3
        )
        xy = np.asarray(sources, dtype=np.int64).reshape(-1, 2)
        return cls.packed(grid, keys, masks, grid.indices(xy), sizes, grid.indices(flat[:, :2]),
                          flat[:, 2], atoms)  # fmt: skip

    @classmethod
    def packed(
        cls, grid: Grid, keys: ArrayLike, masks: ArrayLike, sources: Int, sizes: Int,
        chips: Int, cores: Int, atoms: ArrayLike | None = None,
    ) -> Nets:  # fmt: skip
        """From arrays: ``sizes`` (n,) targets of each net, ``chips, cores`` (sum of sizes,) in turn."""
        key, mask = np.asarray(keys, dtype=np.int64), np.asarray(masks, dtype=np.int64)
        n = key.size
        if (
            not n == mask.size == sources.size == sizes.size
            or sizes.sum() != chips.size != cores.size
        ):
            raise InputError(
                f"nets: {n} keys, {mask.size} masks, {sources.size} sources, {sizes.size} target lists: "
                "give one of each for every net"
            )
        block = (~mask & 0xFFFFFFFF) + 1
        used = block if atoms is None else np.asarray(atoms, dtype=np.int64)
        _check_keys(key, mask, block, used)
        if (sizes < 1).any():
            i = int(np.argmax(sizes < 1))
            raise InputError(f"net {i} has no targets; its source needs no key: leave it out")
        if cores.size and not 0 <= int(cores.min()) <= int(cores.max()) < grid.cores:
            bad = int(cores.min()) if int(cores.min()) < 0 else int(cores.max())
            grid.core_bit(bad)
        net = np.repeat(np.arange(n, dtype=np.int64), sizes)
        order = np.lexsort((cores, chips, net))
        net, chips, cores = net[order], chips[order], cores[order]
        first = np.ones(net.size, dtype=bool)
        first[1:] = (np.diff(net) != 0) | (np.diff(chips) != 0) | (np.diff(cores) != 0)
        start = np.zeros(n + 1, dtype=np.int64)
        np.cumsum(np.bincount(net[first], minlength=n), out=start[1:])
        columns = (
            key.astype(np.uint32), mask.astype(np.uint32), np.array(used), np.array(sources), start,
            chips[first], cores[first],
        )  # fmt: skip
        for column in columns:
            column.setflags(write=False)
        return cls(grid, *columns)

    def __len__(self) -> int:
        return int(self.keys.size)

    def probes(self) -> tuple[Int, NDArray[np.uint32]]:
        """First and last key in use of every net: ``nets`` int64 (2n,), ``keys`` uint32 (2n,)."""
        net = np.repeat(np.arange(len(self), dtype=np.int64), 2)
        keys = self.keys.astype(np.int64)[net]
        keys[1::2] += self.atoms - 1
        return net, keys.astype(np.uint32)


def _check_keys(key: Int, mask: Int, block: Int, used: Int) -> None:
    bad = (block & (block - 1) != 0) | (key & ~mask != 0) | (key < 0) | (key > 0xFFFFFFFF)
    if bad.any():
        i = int(np.argmax(bad))
        raise InputError(
            f"net {i}: key {key[i]:#x}, mask {mask[i]:#x}: not an aligned block of keys; "
            "take keys from allocate_keys"
        )
    if used.shape != key.shape or (used < 1).any() or (used > block).any():
        i = int(np.argmax((used < 1) | (used > block))) if used.shape == key.shape else 0
        raise InputError(
            f"net {i}: atoms must be 1 to the size of its key block; give one number a net"
        )
    order = np.argsort(key, kind="stable")
    over = key[order][1:] < (key + block)[order][:-1]
    if over.any():
        i, j = order[int(np.argmax(over))], order[int(np.argmax(over)) + 1]
        raise InputError(
            f"nets {min(i, j)} and {max(i, j)} share keys from {key[j]:#x} on; give each its own block"
        )
