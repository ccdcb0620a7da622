"""The neuron memory of a chip that has one word for each neuron, as it is programmed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.chip.cores import NeuronWords
from neurohw.errors import CapacityError, FileError
from neurohw.fixed import FixedPointNetwork, FixedPopulation

Bits = NDArray[np.uint8]


def write_neurons(network: FixedPointNetwork, words: NeuronWords) -> dict[str, NDArray[Any]]:
    """``neuron.bytes`` uint8: the words of all addresses, in the order of populations, lowest bits
    first; addresses without a neuron hold 0."""
    machine = network.chip.machine
    rows = machine.neurons if machine is not None else network.neurons
    bits = np.zeros((rows, words.bits), np.uint8)
    at = 0
    for p in network.populations.values():
        if p.neuron.name not in words.fields:
            raise CapacityError(
                f"population '{p.name}': {network.chip.name} says nothing of the word of a "
                f"'{p.neuron.name}'; add it to [cores.neuron_words]"
            )
        values = {**p.parameters, **p.start()}
        for name, (low, width) in words.fields[p.neuron.name].items():
            _put(bits[at : at + p.n], low, width, values[name])
        for low, width, value in words.fixed[p.neuron.name]:
            _put(bits[at : at + p.n], low, width, np.full(p.n, value))
        at += p.n
    return {"neuron.bytes": np.packbits(bits.reshape(-1), bitorder="little")}


def read_neurons(
    network: FixedPointNetwork, words: NeuronWords, memory: NDArray[np.uint8]
) -> dict[str, FixedPopulation]:
    """The populations with the codes and states that ``memory`` holds."""
    size = sum(p.n for p in network.populations.values()) * words.bits
    if memory.size * 8 < size:
        raise FileError(
            f"the image's neuron memory has {memory.size:,} bytes for {size // 8:,}; map again"
        )
    bits = np.unpackbits(memory, bitorder="little")
    found, at = {}, 0
    for name, p in network.populations.items():
        part = bits[at : at + p.n * words.bits].reshape(p.n, words.bits)
        at += p.n * words.bits
        parameters, initial, start = dict(p.parameters), dict(p.initial), p.start()
        for key, (low, width) in words.fields[p.neuron.name].items():
            code = part[:, low : low + width].astype(np.int64) @ (1 << np.arange(width))
            if p.neuron.formats.get(key, p.neuron.tick.parameters.get(key)).signed:  # type: ignore[union-attr]
                code -= (code >> (width - 1)) << width
            if key in parameters:
                parameters[key] = code
            elif not np.array_equal(code, start[key]):
                initial[key] = code
        found[name] = replace(p, parameters=parameters, initial=initial)
    return found


def _put(bits: Bits, low: int, width: int, codes: NDArray[np.int64]) -> None:
    bits[:, low : low + width] = (codes[:, None] >> np.arange(width)) & 1
