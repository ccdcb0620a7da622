"""Whether a chip's neurons reset, and pass spikes on, as the network's author meant."""

from __future__ import annotations

from collections.abc import Mapping

from neurohw.chip.model import Neuron
from neurohw.errors import CapacityError
from neurohw.network.model import Network


def semantics_held(network: Network, neurons: Mapping[str, Neuron], chip: str) -> tuple[str, ...]:
    """Notes on what differs by the neurons' own nature; CapacityError for what would be lost silently.

    The threshold's comparison is no difference: a chip's codes say from which value on a neuron fires.
    """
    meant = network.semantics
    if meant.latency == 0:
        raise CapacityError(
            f"the network lets spikes pass all layers in one step, {chip} takes a step for each: use "
            "neurohw.in_step.for_chip(network, chip), the same network with a step of latency"
        )
    spiking = {k: n for k, n in neurons.items() if n.spikes and not n.relay}
    if meant.reset_time == "next" and spiking:
        raise CapacityError(
            f"the network resets in the step after a spike, {chip} in the spike's own: train with "
            "reset_delay=False, or give semantics with reset_time 'same'"
        )
    other = {k: n for k, n in spiking.items() if n.reset != meant.reset}
    if meant.reset == "subtract" and other:
        name, neuron = next(iter(other.items()))
        raise CapacityError(
            f"population '{name}' resets by subtracting its threshold, '{neuron.name}' of {chip} to a "
            "value: use a chip whose neuron subtracts, or give semantics with reset 'zero'"
        )
    return tuple(
        f"'{name}' is meant to reset to a value; '{neuron.name}' of {chip} subtracts its threshold"
        for name, neuron in other.items()
    )
