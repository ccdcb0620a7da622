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

PARAMETERS: Mapping[str, Places] = {
    "lif": {
        "leak_str": (1, 7), "leak_en": (8, 1), "thr": (9, 8), "ca_en": (17, 1),
        "thetamem": (18, 8), "th1": (26, 3), "th2": (29, 3), "th3": (32, 3), "ca_leak": (35, 5),
        "disable": (127, 1),
    },
    "izhikevich": {
        "leak_str": (1, 7), "leak_en": (8, 1), "fi_sel": (9, 3), "spk_ref": (12, 3),
        "isi_ref": (15, 3), "reson_sharp_en": (18, 1), "thr": (19, 3), "rfr": (22, 3),
        "dapdel": (25, 3), "spklat_en": (28, 1), "dap_en": (29, 1), "stim_thr": (30, 3),
        "phasic_en": (33, 1), "mixed_en": (34, 1), "class2_en": (35, 1), "neg_en": (36, 1),
        "rebound_en": (37, 1), "inhin_en": (38, 1), "bist_en": (39, 1), "reson_en": (40, 1),
        "thrvar_en": (41, 1), "thr_sel_of": (42, 1), "thrleak": (43, 4), "acc_en": (47, 1),
        "ca_en": (48, 1), "thetamem": (49, 3), "th1": (52, 3), "th2": (55, 3), "th3": (58, 3),
        "ca_leak": (61, 5), "burst_incr": (66, 1), "reson_sharp_amt": (67, 3),
        "disable": (127, 1),
    },
}  # fmt: skip
"""Lowest bit and width of each parameter in the word of a neuron."""

REGISTERS: Mapping[str, Places] = {
    "lif": {"core": (70, 8), "calcium": (78, 3), "caleak_cnt": (81, 5)},
    "izhikevich": {
        "inacc": (70, 11), "refrac": (81, 1), "core": (82, 4), "dapdel_cnt": (86, 3),
        "stim": (89, 4), "tmp": (93, 4), "phasic_lock": (97, 1), "mixed_lock": (98, 1),
        "spkout_done": (99, 1), "stim0": (100, 2), "inhexc": (102, 2), "bist_lock": (104, 1),
        "inhin_lock": (105, 1), "rsign": (106, 2), "thrmod": (108, 4), "thrleak_cnt": (112, 4),
        "calcium": (116, 3), "caleak_cnt": (119, 5), "burst_lock": (124, 1),
    },
}  # fmt: skip
"""Lowest bit and width of each register in the word of a neuron."""

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
        start = {name: field(part, *place) for name, place in REGISTERS[kind].items()}
        for flag in ("up", "down"):
            start[flag] = data[f"v_{flag}_init"][first:last].astype(np.int64)
        populations[f"n{first}"] = FixedPopulation.of(
            f"n{first}", last - first, chip.neurons[kind],
            {name: field(part, *place) for name, place in PARAMETERS[kind].items()}, start,
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
            checks += _neurons(data, log, first, last, KINDS[bits[first, 0]])
        return [*checks, *_synapses(data, log)]

    words, options = data["events"].astype(np.int64), {"saturate": bool(data["saturate"])}
    return [WordCase(path.stem, network, words, check, options)]


def _spans(kinds: Array) -> list[tuple[int, int]]:
    ends = [0, *(np.flatnonzero(np.diff(kinds)) + 1).tolist(), len(kinds)]
    return list(pairwise(ends))


def _neurons(data: Data, log: OperationLog, first: int, last: int, kind: str) -> list[Check]:
    """Each register of a population (operations, neurons), and the bits that none of them holds."""
    name, got = f"n{first}", log.registers[f"n{first}"]
    states = _states(data, first, last)
    expected: dict[str, Array] = {}
    rest = np.full_like(states, (1 << (128 - STATE)) - 1)
    for register, (low, width) in REGISTERS[kind].items():
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
