"""Keys: an aligned power-of-two block for every slice of a population."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.errors import CapacityError, InputError

BITS = 32


def allocate_keys(
    sizes: ArrayLike, groups: ArrayLike | None = None
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """``keys, masks`` uint32 (n,) of disjoint blocks for slices of ``sizes`` atoms (n,).

    The block of a slice has the least power of two of keys that holds its atoms and is aligned to
    it: atom a of slice s sends ``keys[s] | a``, and ``key & ~masks[s]`` is the atom again. Largest
    blocks first, equal ones in the order given, so blocks lie side by side without gaps.

    ``groups`` int (n,): slices of a group share an aligned block of their own. One entry serves a
    group wherever its slices' packets go the same way, so group slices that have the same targets
    and are on the same chip. :class:`CapacityError` if the blocks don't fit 32 bits.
    """
    atoms = np.asarray(sizes)
    if atoms.ndim != 1 or (atoms.size and atoms.dtype.kind not in "iu"):
        raise InputError(
            f"sizes of shape {atoms.shape}, {atoms.dtype}: give one whole number a slice"
        )
    if atoms.size and int(atoms.min()) < 1:
        s = int(np.argmin(atoms))
        raise InputError(f"slice {s} has {atoms[s]} atoms; give at least 1, or leave the slice out")
    if atoms.size and int(atoms.max()) > 1 << BITS:
        _no_room(atoms.size, int(atoms.max()))
    block = np.array([_power(a) for a in atoms.tolist()], dtype=np.int64)
    keys = _lay(block) if groups is None else _grouped(block, np.asarray(groups))
    return keys.astype(np.uint32), ((1 << BITS) - block).astype(np.uint32)


def _power(size: int) -> int:
    return 1 << (size - 1).bit_length()


def _grouped(block: NDArray[np.int64], group: NDArray[np.generic]) -> NDArray[np.int64]:
    if group.shape != block.shape:
        raise InputError(f"groups of shape {group.shape} for {block.size} slices: give one a slice")
    _, member = np.unique(group, return_inverse=True)
    order = np.argsort(member, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(member[order])) + 1)
    sums = [_power(sum(block[part].tolist())) for part in parts if part.size]
    keys = np.zeros(block.size, dtype=np.int64)
    for part, begin in zip(parts, _lay(np.array(sums, dtype=np.int64)).tolist()):
        keys[part] = begin + _lay(block[part])
    return keys


def _lay(block: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each of these blocks begins, largest first."""
    total = sum(block.tolist())
    if total > 1 << BITS:
        _no_room(block.size, total)
    order = np.argsort(-block, kind="stable")
    begin = np.zeros(block.size, dtype=np.int64)
    begin[order] = np.cumsum(block[order]) - block[order]
    return begin


def _no_room(blocks: int, total: int) -> None:
    raise CapacityError(
        f"{blocks} key blocks of powers of two need {total} keys, a key has {BITS} bits: "
        f"{1 << BITS}; use fewer or smaller slices, or slices of just a power of two of atoms"
    )
