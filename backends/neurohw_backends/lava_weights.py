"""What of a network Lava can be, and its weights as Lava's connections hold them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurohw.emulate.definition import sum_shifted
from neurohw.emulate.plan import Plan
from neurohw.errors import CapacityError
from neurohw.fixed import FixedPointNetwork, FixedProjection
from neurohw.fixedpoint import Format
from neurohw.weights import delivered
from neurohw_backends.lava_script import LARGEST_WEIGHT, LONGEST_DELAY

Codes = NDArray[np.int64]
WORD = 32
"""Bits in which Lava adds what arrives."""
LOW, HIGH = -256, 255
"""Mantissas that a Lava synapse holds, the one or the other in each sign mode."""


def check_expressible(network: FixedPointNetwork) -> None:
    """CapacityError for a chip or a neuron that Lava has no counterpart of."""
    chip = network.chip
    if chip.delivery.engine != "summed":
        raise CapacityError(
            f"{chip.name}'s engine is '{chip.delivery.engine}', Lava adds what arrives in a tick: it "
            "can't be exported"
        )
    if chip.delivery.latency != 1:
        raise CapacityError(
            f"{chip.name} delivers after {chip.delivery.latency} ticks, Lava after 1: it can't be "
            "exported"
        )
    if network.input_latency != 1:
        raise CapacityError(
            f"inputs arrive after {network.input_latency} ticks, in Lava after 1: leave out "
            "input_latency"
        )
    for name, population in network.populations.items():
        neuron = population.neuron
        why = ""
        if neuron.relay:
            why = "is a relay, which passes spikes on within the tick"
        elif neuron.aliased:
            why = "takes spikes of its population within the tick"
        elif len(neuron.ports) != 1 or set(neuron.inputs or neuron.tick.inputs) != {neuron.port}:
            why = f"has the inputs {', '.join(neuron.inputs or neuron.tick.inputs)}"
        elif neuron.phases:
            why = f"has the phases {', '.join(neuron.phases)}"
        elif any(p.drawn for p in neuron.programs.values()):
            why = "draws from a random generator of the chip"
        if why:
            raise CapacityError(
                f"population '{name}': {neuron.name} {why}; a Lava process has one input and runs "
                "once a tick: it can't be exported"
            )


def message_bits(plan: Plan, source: str) -> int:
    """Bits of what a spike of this population carries, 0 if nothing but itself."""
    delivery = plan.network.chip.delivery
    if source in plan.spikes:
        return 0 if plan.spikes[source].value is None else delivery.input_payload.bits
    neuron = plan.network.populations[source].neuron
    if delivery.payload.bits == 1 or not neuron.spikes:
        return 0
    bits = neuron.formats["spike"].bits
    return 0 if bits == 1 else bits


def stored_weights(network: FixedPointNetwork, p: FixedProjection) -> list[tuple[Codes, int]]:
    """Mantissas and exponent of each Lava projection that together deliver what the chip does.

    Mantissas are those that the chip's own truncation leaves, so Lava's changes nothing. More than
    one where a weight needs more than 8 bits and a sign.
    """
    if p.synapses and int(p.delay.max()) > LONGEST_DELAY:
        raise CapacityError(
            f"projection '{p.name}': a delay of {p.delay.max()} ticks; Lava holds 0..{LONGEST_DELAY}"
        )
    shifted = sum_shifted(network, p)
    weight = delivered(
        network.chip, p.weight, 0 if shifted else p.exponent, p.bits, network.mixed(p)
    )
    if shifted:  # all of it in one connection: Lava shifts the sum of each right by itself
        low, high = int(weight.min(initial=0)), int(weight.max(initial=0))
        if low < -LARGEST_WEIGHT or high > LARGEST_WEIGHT:
            raise CapacityError(
                f"projection '{p.name}': weights {low}..{high} whose sum is shifted right; Lava's can "
                f"be -{LARGEST_WEIGHT}..{LARGEST_WEIGHT}"
            )
        return [(weight, p.exponent)]
    used = int(np.bitwise_or.reduce(weight, initial=0))
    zeros = (used & -used).bit_length() - 1 if used else 0
    exponent = min(zeros, max(p.exponent, 0))
    while exponent < zeros and not _holds(weight >> exponent):
        exponent += 1
    weight = weight >> exponent
    parts = []
    while not _holds(weight):
        sign, size = np.sign(weight), np.abs(weight)
        parts.append((sign * (size & HIGH), exponent))
        weight, exponent = sign * (size >> 8), exponent + 8
    return [*parts, (weight, exponent)]


def _holds(weight: Codes) -> bool:
    return int(weight.min(initial=0)) >= LOW and int(weight.max(initial=0)) <= HIGH


def check_sums(plan: Plan) -> None:
    """CapacityError where Lava's 32 bits could wrap what the chip does not, or not there.

    An input that wraps at 32 bits or fewer forgets the same bits; any other must be known to stay
    inside.
    """
    network = plan.network
    word = Format(WORD, True)
    for name, population in network.populations.items():
        port = population.neuron.port
        form = population.neuron.formats[port]
        wraps = form.overflow == "wrap" and form.bits <= WORD
        total = np.zeros(population.n)
        for injected in plan.injected.get(name, {}).values():
            total += np.abs(injected.astype(np.float64)).max(axis=(0, 1), initial=0)
        for p in network.projections:
            if p.target != name:
                continue
            shifted = sum_shifted(network, p)
            weight = delivered(
                network.chip, p.weight, 0 if shifted else p.exponent, p.bits, network.mixed(p)
            )
            sizes = np.abs(weight.astype(np.float64)) * _largest_message(plan, p.source)
            sums = np.bincount(p.post, sizes, population.n)
            if shifted:
                # The chip wraps the sum to the input's format before the shift, Lava to 32 bits.
                inside = form if form.overflow == "wrap" else word
                same = form.overflow == "wrap" and form.bits == WORD and form.signed
                if not same and sums.max() > min(inside.high, -inside.low, word.high):
                    raise CapacityError(
                        f"projection '{p.name}': its sum can reach {sums.max():.0f} before the right "
                        "shift, where Lava has 32 bits: use smaller weights"
                    )
            total += sums
        if not wraps and total.max() > word.high:
            raise CapacityError(
                f"population '{name}': its input can reach {total.max():.0f}, Lava adds in 32 bits: "
                "use smaller weights"
            )


def _largest_message(plan: Plan, source: str) -> int:
    if not message_bits(plan, source):
        return 1
    if source in plan.spikes:
        value = plan.spikes[source].value
        return 1 if value is None else int(np.abs(value.astype(np.int64)).max(initial=1))
    form = plan.network.populations[source].neuron.formats["spike"]
    return max(form.high, -form.low)
