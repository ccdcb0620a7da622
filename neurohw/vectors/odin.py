"""Vectors made by the Verilog of ODIN: neurons, synapses and SDSP flags after every operation."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np

from neurohw.chip.model import Chip
from neurohw.emulate.log import OperationLog
from neurohw.fixed import FixedPointNetwork, FixedPopulation
from neurohw.vectors.case import Check, WordCase
from neurohw.vectors.tinyodin import Array, Data, bits_of, field, memory_of, nibbles, operations

Places = Mapping[str, tuple[int, int]]

STATE = 70
"""First bit of a neuron's word that an event may change."""
KINDS = ("izhikevich", "lif")
"""By bit 0 of the word."""

CONFIGURATION = {
    "open_loop": "open_loop",
    "source_control": "aer_src",
    "propagate_unmapped": "prop_unmapped",
    "update_unmapped": "upd_unmapped",
    "sdsp_on_synapse": "sdsp_on_syn",
}
"""Our name of a configuration register and the file's."""


def cases(path: Path, chip: Chip) -> list[WordCase]:
    """The one case of a file; neurons of one kind in a row are a population, named by its first."""
    with np.load(path) as archive:
        data = dict(archive)
    if "v_up_init" not in data:
        return []
    bits = bits_of(data["neur_mem"])
    spans = _spans(bits[:, 0])
    populations = {}
    for first, last in spans:
        kind, part = KINDS[bits[first, 0]], bits[first:last]
        start = {name: field(part, *place) for name, place in places(chip, kind)[1].items()}
        for flag in ("up", "down"):
            start[flag] = data[f"v_{flag}_init"][first:last].astype(np.int64)
        populations[f"n{first}"] = FixedPopulation.of(
            f"n{first}", last - first, chip.neurons[kind],
            {name: field(part, *place) for name, place in places(chip, kind)[0].items()}, start,
        )  # fmt: skip
    signs = data["syn_sign"].astype(np.int64)[:, None] << 4
    network = FixedPointNetwork(
        chip, 1e-3, {}, populations, (),
        synapse_memory=signs | nibbles(data["syn_mem"]),
        configuration={ours: int(data[theirs]) for ours, theirs in CONFIGURATION.items()},
    )  # fmt: skip

    def check(log: OperationLog) -> list[Check]:
        checks = operations(data, log)
        for first, last in spans:
            kind = KINDS[bits[first, 0]]
            checks += _neurons(data, log, first, last, places(chip, kind)[1])
        return [*checks, *_synapses(data, log)]

    words, options = data["events"].astype(np.int64), {"saturate": bool(data["saturate"])}
    return [WordCase(path.stem, network, words, check, options)]


def places(chip: Chip, kind: str) -> tuple[Places, Places]:
    """Lowest bit and width of each parameter, and of each register, in the word of a neuron."""
    assert chip.cores is not None and chip.cores.neuron_words is not None
    fields = chip.cores.neuron_words.fields[kind]
    own = chip.neurons[kind].tick.parameters
    return {k: v for k, v in fields.items() if k in own}, {
        k: v for k, v in fields.items() if k not in own
    }


def _spans(kinds: Array) -> list[tuple[int, int]]:
    ends = [0, *(np.flatnonzero(np.diff(kinds)) + 1).tolist(), len(kinds)]
    return list(pairwise(ends))


def _neurons(
    data: Data, log: OperationLog, first: int, last: int, registers: Places
) -> list[Check]:
    """Each register of a population (operations, neurons), and the bits that none of them holds."""
    name, got = f"n{first}", log.registers[f"n{first}"]
    states = _states(data, first, last)
    expected: dict[str, Array] = {}
    rest = np.full_like(states, (1 << (128 - STATE)) - 1)
    for register, (low, width) in registers.items():
        mask = ((1 << width) - 1) << (low - STATE)
        expected[register] = ((states & mask) >> (low - STATE)).T
        rest &= ~mask
    for flag in ("up", "down"):
        flags = np.unpackbits(data[f"v_{flag}"], axis=1, bitorder="little")
        expected[flag] = flags[:, first:last]
    start = _word(data, first, last)[:, None]
    return [
        *(Check(f"{name}.{key}", value, got[key]) for key, value in expected.items()),
        Check(f"{name}: bits that no register holds", states & rest, start & rest),
    ]


def _word(data: Data, first: int, last: int) -> Array:
    """Bits 70 .. 127 of the initial words, int64 (neurons,)."""
    return field(bits_of(data["neur_mem"][first:last]), STATE, 128 - STATE)


def _states(data: Data, first: int, last: int) -> Array:
    """Bits 70 .. 127 of the words after every operation, int64 (neurons, operations)."""
    start = _word(data, first, last)[:, None]
    if "state_xor_planes" in data:
        planes = np.bitwise_xor.accumulate(data["state_xor_planes"][:, first:last], axis=2)
        change = np.zeros(planes.shape[1:], np.int64)
        for k, plane in enumerate(planes):
            change |= plane.astype(np.int64) << (8 * k)
        return start ^ change
    core = (start + np.cumsum(data["dcore_T"][first:last], axis=1, dtype=np.int64)) & 255
    calcium = np.bitwise_xor.accumulate(data["ca_xor_T"][first:last], axis=1).astype(np.int64)
    return (start & ~255 | core) ^ (calcium << 8)


def _synapses(data: Data, log: OperationLog) -> list[Check]:
    """The checksum of the synapse memory after every operation, and the memory at the end."""
    codes = nibbles(data["syn_mem"])
    found = np.zeros(len(log.type), np.int64)
    operation, row, neuron, code = (np.asarray(column) for column in log.changes)
    ends = np.searchsorted(operation, np.arange(len(found)), side="right")
    done, crc = 0, zlib.crc32(memory_of(codes).tobytes())
    for k, end in enumerate(ends.tolist()):
        if end > done:
            codes[row[done:end], neuron[done:end]] = code[done:end] & 15
            done, crc = end, zlib.crc32(memory_of(codes).tobytes())
        found[k] = crc
    last = data["syn_mem"] ^ data.get("syn_final_xor", np.uint32(0))
    return [
        Check("checksum of the synapses", data["syn_crc"], found),
        Check("synapses at the end", last, memory_of(codes)),
    ]
