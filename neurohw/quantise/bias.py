"""The bias of neurons that have none: a channel that spikes at every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from neurohw.chip.model import FromPhysical
from neurohw.network.model import Network
from neurohw.network.populations import SpikeInput
from neurohw.network.projections import Projection


def with_bias_spikes(
    network: Network, rules: Mapping[str, FromPhysical]
) -> tuple[Network, tuple[str, ...]]:
    """The network with biases as spikes where ``rules`` ask for it, and the name of that input.

    A weight of b is a current b for one step; a spike at every step makes it the bias, from the first
    arrival on.
    """
    biased = {
        name: np.asarray(network.populations[name].bias)  # type: ignore[attr-defined]
        for name, r in rules.items()
        if r.bias_spikes and np.any(network.populations[name].bias)  # type: ignore[attr-defined]
    }
    if not biased:
        return network, ()
    label = "bias"
    while label in network.populations:
        label += "_"
    populations = {**network.populations, label: SpikeInput(1)}
    projections = list(network.projections)
    for name, bias in biased.items():
        populations[name] = replace(populations[name], bias=0.0)  # type: ignore[call-arg]
        post = np.flatnonzero(bias)
        projections.append(
            Projection.sparse(label, name, np.zeros(post.size, np.int64), post, bias[post])
        )
    return network.with_(populations=populations, projections=tuple(projections)), (label,)
