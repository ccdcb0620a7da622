"""Vectors made by the Verilog of tinyODIN: every membrane after every operation.

ODIN's have the same conventions; its reader takes from here what both need.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.chip.model import Chip
from neurohw.emulate.log import OperationLog
from neurohw.fixed import FixedPointNetwork, FixedPopulation
from neurohw.vectors.case import Check, WordCase

Array = NDArray[Any]
Data = Mapping[str, Array]


def cases(path: Path, chip: Chip) -> list[WordCase]:
    """The one case of a file."""
    with np.load(path) as archive:
        data = dict(archive)
    if "dv_T" not in data:
        return []
    assert chip.cores is not None and chip.cores.neuron_words is not None
    bits, words = bits_of(data["neur_mem"].reshape(-1, 1)), chip.cores.neuron_words
    population = FixedPopulation.of(
        "n0", len(bits), chip.neurons["lif"],
        {name: field(bits, *place) for name, place in words.fields["lif"].items() if name != "v"},
        {"v": data["v_init"].astype(np.int64)},
    )  # fmt: skip
    codes = nibbles(data["syn_mem"])
    network = FixedPointNetwork(
        chip, 1e-3, {}, {"n0": population}, (),
        synapse_memory=codes - ((codes & 8) << 1),
        configuration={
            "open_loop": int(data["open_loop"]),
            "source_control": int(data["aer_src"]),
            "max_neuron": int(data["max_neur"]),
        },
    )  # fmt: skip

    def check(log: OperationLog) -> list[Check]:
        return [*operations(data, log), _membranes(data, log)]

    sent, options = data["events"].astype(np.int64), {"saturate": bool(data["saturate"])}
    return [WordCase(path.stem, network, sent, check, options)]


def _membranes(data: Data, log: OperationLog) -> Check:
    change = np.cumsum(data["dv_T"].T, axis=0, dtype=np.int64)
    return Check("v", data["v_init"] + change, log.registers["n0"]["v"])


def bits_of(words: Array) -> Array:
    """The bits of the rows of a uint32 array (n, k), lowest first, as (n, 32 k)."""
    octets = np.ascontiguousarray(words, "<u4").reshape(len(words), -1).view(np.uint8)
    return np.unpackbits(octets, axis=1, bitorder="little")


def field(bits: Array, low: int, width: int) -> Array:
    """The number in bits ``low`` .. ``low + width - 1`` of each row, int64."""
    return bits[:, low : low + width].astype(np.int64) @ (1 << np.arange(width))


def nibbles(memory: Array) -> Array:
    """Synapses (256, 256) as [row][neuron] from 8192 words of eight nibbles, lowest first."""
    shifts = np.arange(0, 32, 4, dtype=np.uint32)
    return ((memory.astype(np.uint32)[:, None] >> shifts) & 15).astype(np.int64).reshape(256, 256)


def memory_of(synapses: Array) -> Array:
    """8192 words from nibbles (256, 256), the inverse of ``nibbles``."""
    pairs = synapses.reshape(-1, 2).astype(np.uint8)
    return (pairs[:, 0] | (pairs[:, 1] << 4)).view("<u4")


def operations(data: Data, log: OperationLog) -> list[Check]:
    """Which operations ran, for which word, for how long; the spikes; what the address bus carried.

    ``ev_cycles`` counts the hand-shakes of the test bench and is not compared.
    """
    checks = [
        Check("type of operation", data["op_type"], log.type),
        Check("argument", data["op_arg"], log.argument),
        Check("last word accepted", data["op_event"], log.event),
        Check("cycles", data["op_cycles"], log.cycles),
    ]
    names = ("operation", "neuron", "fate")
    for name, key, got in zip(names, ("op", "neuron", "flag"), log.spikes, strict=True):
        checks.append(Check(f"{name} of spikes", data[f"spk_{key}"], np.asarray(got)))
    operation, address = (np.asarray(column) for column in log.output)
    checks.append(Check("addresses on the bus", data["aer_addr"], address))
    seen = data["aer_op"].astype(np.int64)
    if seen.shape == operation.shape:
        # A receiver that is slow to acknowledge sees an address in a later operation, never before.
        operation = np.where(seen > operation, seen, operation)
    checks.append(Check("operation of bus addresses", seen, operation))
    return checks
