"""A run of an image as another tool can repeat it: units on cores, what they reach, when they fire."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurohw.errors import CapacityError
from neurohw.mapping.counts import Counts, count
from neurohw.mapping.image import ChipImage
from neurohw.mapping.map import mesh_of
from neurohw.mapping.mesh import Mesh
from neurohw.mapping.spent import unit_spikes
from neurohw.mapping.traffic import Connections
from neurohw.recording import Recording

Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Replay:
    """``core`` int32 (units,), ``connections``, ``mesh``, and ``spikes``, step and unit. What the host
    sends comes from ``host``, a core that holds nothing else, for a tool that knows no host."""

    core: NDArray[np.int32]
    connections: Connections
    mesh: Mesh
    spikes: tuple[Int64, Int64]
    steps: int
    host: int

    def counts(self) -> Counts:
        """What happens if units only fire and are otherwise idle."""
        first = count(self.core, self.connections, self.spikes, self.steps, self.mesh)
        return count(
            self.core, self.connections, self.spikes, self.steps, self.mesh, updates=first.spikes
        )


def replay(image: ChipImage, recording: Recording) -> Replay:
    """The recorded run on the image's cores; CapacityError if no core is free for the host's spikes."""
    cores, work = image.network.chip.cores, image.wires
    assert cores is not None
    mesh = mesh_of(cores, image.network.chips)
    core, host = work.core.copy(), -1
    if (core < 0).any():
        free = np.setdiff1d(np.arange(mesh.cores), core)
        if not free.size:
            raise CapacityError(
                f"all {mesh.cores:,} cores of {image.network.chip.name} hold neurons, and inputs need one "
                "where there is no host; use a larger mesh (--set cores.width=...)"
            )
        host = int(free[0])
        core[core < 0] = host
    steps = recording.steps * recording.trials
    spikes = unit_spikes(image, recording)
    return Replay(core, work.connections, mesh, spikes, steps, host)
