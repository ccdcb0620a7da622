"""How a chip stores and routes, chosen by its profile: each way makes the arrays and follows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from neurohw.chip.cores import Cores
from neurohw.chip.model import Chip
from neurohw.mapping.follow import Arrivals
from neurohw.mapping.image import ChipImage
from neurohw.mapping.synapses import Synapses


class Scheme(Protocol):
    """``measure`` says what every core uses, ``build`` makes tables and memories for synapses of
    vertices on cores and in slots; ``follow`` says where every spike gets by them alone."""

    def measure(
        self, chip: Chip, s: Synapses, core: NDArray[np.int32], slot: NDArray[np.int32]
    ) -> Mapping[str, NDArray[np.int64]]: ...

    def build(
        self, chip: Chip, s: Synapses, core: NDArray[np.int32], slot: NDArray[np.int32]
    ) -> Mapping[str, NDArray[Any]]: ...

    def follow(self, image: ChipImage) -> Arrivals: ...


def scheme(cores: Cores) -> Scheme:
    """The way of a chip with these cores."""
    from neurohw.mapping import axons, crossbar, keys, relative

    ways: dict[tuple[str, str], Scheme] = {
        ("axons", "rows"): axons, ("local", "rows"): axons, ("multicast", "rows"): keys,
        ("local", "crossbar"): crossbar, ("relative", "types"): relative,
    }  # fmt: skip
    return ways[cores.routing, cores.memory]
