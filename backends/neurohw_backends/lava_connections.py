"""Weights in the encodings that Lava's 8-bit synapses hold exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# == program ==

# ---- weights: the encodings that Lava's 8-bit synapses hold exactly ------------------------------


@dataclass
class Encoded:
    """Synapses of one Lava connection: int64 (synapses,) each, at most one per pair and copy."""

    sign_mode: str
    exponent: int
    pre: np.ndarray
    post: np.ndarray
    delay: np.ndarray
    weight: np.ndarray
    copy: np.ndarray  # which repetition of the source; all 0: the source itself
    bits: int = 8

    def by_copy(self) -> list[Encoded]:
        """The same synapses as several connections from the source itself."""
        parts = []
        for one in range(int(self.copy.max()) + 1):
            of = self.copy == one
            columns = (self.pre[of], self.post[of], self.delay[of], self.weight[of])
            alone = np.zeros(int(of.sum()), dtype=np.int64)
            parts.append(Encoded(self.sign_mode, self.exponent, *columns, copy=alone))
        return parts


def pieces(weight: np.ndarray, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    """``weight`` as sums of values within [low, high]: index into ``weight``, and value."""
    index, rest = np.arange(weight.size), weight
    found = []
    while index.size:
        part = np.clip(rest, low, high)
        found.append((index, part))
        more = rest != part
        index, rest = index[more], (rest - part)[more]
    return np.concatenate([i for i, _ in found]), np.concatenate([v for _, v in found])


def rank_in_pair(pre: np.ndarray, post: np.ndarray) -> np.ndarray:
    """0, 1, 2, ... for the synapses that share their pair of neurons."""
    order = np.lexsort((post, pre))
    new = np.ones(order.size, dtype=bool)
    new[1:] = (np.diff(pre[order]) != 0) | (np.diff(post[order]) != 0)
    place = np.arange(order.size)
    rank = np.empty(order.size, dtype=np.int64)
    rank[order] = place - np.maximum.accumulate(np.where(new, place, 0))
    return rank


def encode(
    pre: np.ndarray,
    post: np.ndarray,
    delay: np.ndarray,
    weight: np.ndarray,
    exponent: int,
    graded: bool = False,
) -> list[Encoded]:
    """Connections whose sums over spikes, shifted by ``exponent``, add up to exactly ours.

    Lava holds -255..0, 0..255, or with both signs the even numbers of -256..254: an odd weight
    is stored as its double under the next lower exponent. A connection has one weight and one
    delay per pair of neurons; what is more goes to further connections. But a right shift drops
    bits of the sum over all synapses of a delay, so there all stay in one connection, and the
    surplus comes from repetitions of the source. A double has a bit less before Lava's 32-bit sum
    wraps, which the values of ``graded`` spikes may need: such odd weights take 9 bits, which
    Lava's model takes and a synapse of the chip has not.
    """
    low, high = int(weight.min()), int(weight.max())
    one_sided = low >= 0 or high <= 0
    even, bits = not (weight & 1).any(), 8
    if even and low >= -256 and high <= 254 and not (one_sided and low >= -255):
        groups = [("MIXED", weight, -256, 254, 0)]
    elif one_sided:
        groups = [("EXCITATORY" if low >= 0 else "INHIBITORY", weight, -255, 255, 0)]
    elif exponent < 0 and even:
        groups = [("MIXED", weight, -256, 254, 0)]
    elif exponent < 0 and graded:
        groups, bits = [("MIXED", weight, -256, 255, 0)], 9
    elif not graded and (exponent < 0 or (low >= -128 and high <= 127)):
        groups = [("MIXED", weight, -128, 127, 1)]
    else:
        groups = [
            ("EXCITATORY", np.maximum(weight, 0), 0, 255, 0),
            ("INHIBITORY", np.minimum(weight, 0), -255, 0, 0),
        ]
    encoded = []
    for mode, part, least, most, doubled in groups:
        used = np.flatnonzero(part)
        index, value = pieces(part[used], least, most)
        index = used[index]
        of = Encoded(
            mode,
            exponent - doubled,
            pre[index],
            post[index],
            delay[index],
            value << doubled,
            rank_in_pair(pre[index], post[index]),
            bits,
        )
        encoded += [of] if exponent < 0 else of.by_copy()
    return encoded


def merged(*columns: np.ndarray, weight: np.ndarray) -> list[np.ndarray]:
    """Equal rows of ``columns`` as one, their weights added; rows that add up to 0 dropped."""
    if weight.size == 0:
        return [*columns, weight]
    order = np.lexsort(columns[::-1])
    rows = [column[order] for column in columns]
    new = np.ones(order.size, dtype=bool)
    new[1:] = np.any([row[1:] != row[:-1] for row in rows], axis=0)
    starts = np.flatnonzero(new)
    total = np.add.reduceat(weight[order], starts)
    keep = total != 0
    return [row[starts][keep] for row in rows] + [total[keep]]
