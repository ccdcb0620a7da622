"""Linear maps with few entries: convolutions and pools as lists of synapses, and their products.

A map has ``weight[k]`` from input channel ``pre[k]`` to output channel ``post[k]``; entries for the
same pair add up. Channels are in row-major order of (channel, y, x), as PyTorch flattens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurohw.errors import NetworkError
from neurohw_backends.nir_hdf5 import LARGEST

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Pair = tuple[int, int]

_ENTRY = 24
_CHUNK = 1 << 22
_KERNEL = 1 << 18


@dataclass(frozen=True, eq=False)
class Sparse:
    """A map of ``shape`` (n_out, n_in): int64 ``post`` and ``pre``, float64 ``weight``, (entries,)."""

    shape: Pair
    post: Ints
    pre: Ints
    weight: Floats

    @classmethod
    def of(cls, matrix: Floats) -> Sparse:
        """The entries of a matrix (n_out, n_in), or of the diagonal (n,), that are not 0."""
        if matrix.ndim == 1:
            k = np.flatnonzero(matrix)
            return cls((matrix.size, matrix.size), k, k, matrix[k])
        post, pre = np.nonzero(matrix)
        return cls((matrix.shape[0], matrix.shape[1]), post, pre, matrix[post, pre])

    def picked(self, which: NDArray[np.bool_]) -> Sparse:
        """Only the entries with a True in ``which``, (entries,)."""
        return Sparse(self.shape, self.post[which], self.pre[which], self.weight[which])

    def scaled(self, factor: Floats) -> Sparse:
        """Followed by a factor per output channel, (n_out,)."""
        return Sparse(self.shape, self.post, self.pre, self.weight * factor[self.post])

    def applied(self, x: Floats) -> Floats:
        """The map of a vector (n_in,), (n_out,)."""
        total = np.zeros(self.shape[0])
        np.add.at(total, self.post, self.weight * x[self.pre])
        return total

    def plus(self, other: Sparse) -> Sparse:
        """The sum of two maps of one shape."""
        return _summed(
            self.shape, np.concatenate([self.post, other.post]),
            np.concatenate([self.pre, other.pre]), np.concatenate([self.weight, other.weight]),
        )  # fmt: skip

    def after(self, first: Sparse, where: str) -> Sparse:
        """This map after ``first``: each pair of entries that share a middle channel makes one.

        NetworkError, which names ``where``, if there are more of them than memory allows.
        """
        order = np.argsort(first.post, kind="stable")
        counts = np.bincount(first.post, minlength=first.shape[0])
        starts = np.concatenate([[0], np.cumsum(counts)])
        each = counts[self.pre]
        check_room(int(each.sum()), f"{where}: composed with the map before it")
        ends = np.cumsum(each)
        parts = [Sparse((self.shape[0], first.shape[1]), *_none())]
        low = 0
        while low < self.pre.size:  # in pieces, each summed up before the next is made
            high = int(np.searchsorted(ends, (ends[low - 1] if low else 0) + _CHUNK, "right"))
            high = max(high, low + 1)
            rows, n = self.pre[low:high], each[low:high]
            within = np.arange(int(n.sum())) - np.repeat(np.cumsum(n) - n, n)
            entry = order[np.repeat(starts[rows], n) + within]
            parts.append(
                _summed(
                    parts[0].shape, np.repeat(self.post[low:high], n), first.pre[entry],
                    np.repeat(self.weight[low:high], n) * first.weight[entry],
                )
            )  # fmt: skip
            low = high
        if len(parts) == 2:
            return parts[1]
        return _summed(
            parts[0].shape, np.concatenate([p.post for p in parts]),
            np.concatenate([p.pre for p in parts]), np.concatenate([p.weight for p in parts]),
        )  # fmt: skip


def check_room(entries: int, what: str) -> None:
    """NetworkError if so many entries take more memory than allowed."""
    if _ENTRY * entries > LARGEST:
        raise NetworkError(
            f"{what} has {entries:,} synapses and takes {_ENTRY * entries:,} bytes, more than the "
            f"{LARGEST:,} allowed; put a population between them or split the network"
        )


def extents(
    kernel: Pair, size: Pair, stride: Pair, padding: tuple[Pair, Pair], dilation: Pair, where: str
) -> Pair:
    """Positions that a window takes along y and x: ``(size + padding - span) // stride + 1``."""
    y, x = (
        (size[a] + sum(padding[a]) - dilation[a] * (kernel[a] - 1) - 1) // stride[a] + 1
        for a in (0, 1)
    )
    if min(y, x) < 1:
        raise NetworkError(
            f"{where}: a kernel of {kernel[0]} x {kernel[1]} with dilation {dilation[0]}, "
            f"{dilation[1]} does not fit into images of {size[0]} x {size[1]}; check the padding and "
            "the shape before it"
        )
    return y, x


def convolution(
    weight: Floats,
    size: Pair,
    stride: Pair,
    padding: tuple[Pair, Pair],
    dilation: Pair,
    groups: int,
    where: str,
) -> Sparse:
    """Cross-correlation with kernels (out, in / groups, ky, kx) over images of ``size`` (y, x).

    ``padding`` is (before, after) for y and x, with zeros.
    ``y[o, j] = sum_c sum_k weight[o, c, k] x[c, stride j + dilation k - before]``, as PyTorch's.
    """
    n_out, each, ky, kx = weight.shape
    out = extents((ky, kx), size, stride, padding, dilation, where)
    if each * ky * kx > _KERNEL:
        raise NetworkError(
            f"{where}: a kernel of {ky} x {kx} for {each} channels has more than the {_KERNEL:,} weights "
            "allowed; use a Linear node"
        )
    area_in, area_out = size[0] * size[1], out[0] * out[1]
    check_room(n_out * each * ky * kx * area_out, where)
    channel = np.arange(n_out) // (n_out // groups) * each
    found: list[tuple[Ints, Ints, Floats]] = []
    for i in range(ky):
        y, row = _reach(i, 0, out, stride, padding, dilation, size)
        for j in range(kx):
            x, column = _reach(j, 1, out, stride, padding, dilation, size)
            to = (y[:, None] * out[1] + x).ravel()
            of = (row[:, None] * size[1] + column).ravel()
            for c in range(each):
                w = weight[:, c, i, j]
                used = np.flatnonzero(w)
                found.append(
                    (
                        (used[:, None] * area_out + to).ravel(),
                        ((channel[used] + c)[:, None] * area_in + of).ravel(),
                        np.repeat(w[used], to.size),
                    )
                )
    post, pre, weights = (np.concatenate([part[k] for part in found]) for k in range(3))
    shape = (n_out * area_out, each * groups * area_in)
    return Sparse(shape, post, pre, weights)


def _reach(
    k: int, axis: int, out: Pair, stride: Pair, padding: tuple[Pair, Pair],
    dilation: Pair, size: Pair,
) -> tuple[Ints, Ints]:  # fmt: skip
    """Output positions whose window's ``k``-th element lies in the image, and where it lies there."""
    at = np.arange(out[axis]) * stride[axis] + k * dilation[axis] - padding[axis][0]
    inside = np.flatnonzero((at >= 0) & (at < size[axis]))
    return inside, at[inside]


def _none() -> tuple[Ints, Ints, Floats]:
    return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)


def _summed(shape: Pair, post: Ints, pre: Ints, weight: Floats) -> Sparse:
    """One entry for each pair, its weights added in the order given; sums of 0 make none."""
    key, inverse = np.unique(post * shape[1] + pre, return_inverse=True)
    sums = np.zeros(key.size)
    np.add.at(sums, np.ravel(inverse), weight)
    kept = np.flatnonzero(sums)
    key = key[kept]
    return Sparse(shape, key // max(shape[1], 1), key % max(shape[1], 1), sums[kept])
