"""Analogue inputs: the currents that the host computes and writes into a population."""

from __future__ import annotations

import numpy as np

from neurohw.chip.model import Chip
from neurohw.errors import CapacityError
from neurohw.fixed import FixedCurrent
from neurohw.network.model import Network
from neurohw.network.projections import Projection
from neurohw.quantise.delays import OnLimit, quantise_delays
from neurohw.quantise.scale import Choice


def quantise_currents(
    p: Projection, network: Network, choice: Choice, chip: Chip, on_limit: OnLimit
) -> list[FixedCurrent]:
    """The projection of a CurrentInput, one for each delay; CapacityError where a chip takes spikes."""
    if chip.delivery.engine not in ("summed", "ring buffer"):
        raise CapacityError(
            f"projection '{p.name}' brings an analogue current; {chip.name} takes spikes only: encode "
            "the input as spikes or choose another chip"
        )
    delays = quantise_delays(p, chip, network.dt, on_limit)
    source, target = network.populations[p.source], network.populations[p.target]
    found = []
    for k, delay in enumerate(np.unique(delays.codes)):
        mine = delays.codes == delay
        matrix = np.zeros((target.n, source.n))
        np.add.at(matrix, (p.post[mine], p.pre[mine]), p.weight[mine] * choice.factor[p.post[mine]])
        name = p.name if k == 0 else f"{p.name}@{delay}"
        ports = choice.target.rules.ports
        found.append(FixedCurrent(name, p.source, p.target, matrix, int(delay), ports))
    return found
