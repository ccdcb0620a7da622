"""A chip's own random numbers: the bit streams of its shift registers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neurohw.chip.model import Generator


class Stream:
    """One lane of a generator: s_n = s_(n-a) xor e_n, with e_n from the seed, then s_(n-L)."""

    def __init__(self, generator: Generator, seed: int) -> None:
        self.near, self.far = generator.taps
        self.bits = generator.bits
        self.seed = [(generator.entering(seed) >> k) & 1 for k in range(self.far)]
        self.history: list[int] = []

    def next_bit(self) -> int:
        """The next bit of the stream."""
        n, s = len(self.history), self.history
        entering = self.seed[n] if n < self.far else s[n - self.far]
        bit = entering ^ (s[n - self.near] if n >= self.near else 0)
        s.append(bit)
        return bit

    def draw(self) -> int:
        """The next ``bits`` of them as a number, the first as bit 0."""
        return sum(self.next_bit() << k for k in range(self.bits))


def lane_states(generator: Generator, seeds: Sequence[int]) -> NDArray[np.int64]:
    """What the kernels keep of each lane, int64 (lanes, 2): the bits that will enter, and the last
    bits that came out."""
    return np.array([[generator.entering(seed), 0] for seed in seeds], np.int64)
