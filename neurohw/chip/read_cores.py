"""Reading the [cores] of a profile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neurohw.chip.cores import Cores, NeuronWords, RowFormat
from neurohw.chip.model import Neuron
from neurohw.chip.table import Table

MEMORIES = {
    "local": ("rows", "crossbar"), "axons": ("rows",), "multicast": ("rows",),
    "relative": ("types",),
}  # fmt: skip


def read_cores(table: Table, sources: Mapping[str, str], neurons: Mapping[str, Neuron]) -> Cores:
    """The cores in ``[cores]``; ProfileError if they can't be."""
    routing = table.choice("routing", tuple(MEMORIES))
    memory = table.choice("memory", MEMORIES[routing], MEMORIES[routing][0])
    known = {p for n in neurons.values() for p in n.tick.parameters}
    sets = table.table("sets", required=False)
    found = {}
    for key in sets.data:
        inner = sets.table(key)
        found[key] = (
            inner.names("parameters", known, "parameter"),
            inner.integer("most", 1, 1 << 20),
        )
        inner.finish()
    types = table.get("types", list, "a list of weights, one for each axon type", [])
    if (memory == "types") != bool(types) or not all(type(t) is int for t in types):
        raise table.error(
            "memory 'types' and a list of whole numbers 'types' come together", "types"
        )
    cores = Cores(
        routing, memory, table.integer("width", 1, 1 << 12, 1), table.integer("height", 1, 1 << 12, 1),
        table.integer("per_tile", 1, 1 << 10, 1), table.choice("order", ("x", "y"), "x"),
        table.flag("wraps"), table.flag("diagonal"), table.source(sources), table.status(),
        _row(table.table("row")) if memory == "rows" else None,
        table.integer("word", 1, 32) if memory == "crossbar" else 0, tuple(types),
        frozenset(table.names("shared", known, "parameter")), found, table.flag("one_kind"),
        table.flag("signed_rows"),
        _neuron_words(table.table("neuron_words"), neurons) if table.has("neuron_words") else None,
        table.integer("offset_bits", 2, 16) if routing == "relative" else 0,
    )  # fmt: skip
    table.finish()
    if routing == "local" and cores.count != 1:
        raise table.error(f"routing 'local' has one core, the mesh {cores.count}", "routing")
    return cores


def _row(table: Table) -> RowFormat:
    header, group = table.integer("header", 1, 128), table.integer("group", 1, 1 << 12)
    typed = table.integer("typed", 0, 8, 0)
    row = RowFormat(
        table.integer("word", 1, 64), header, group, table.integer("index", 1, 24),
        table.integer("delay", 0, 12) if table.has("delay") else None,
        table.integer("pad", 1, 64, 1), table.flag("dense"), typed, table.flag("strided"),
    )  # fmt: skip
    most = 1 << count_bits(row)
    if group > most - row.strided:
        raise table.error(f"a header of {header} bits counts to {most - row.strided}", "group")
    table.finish()
    return row


def _neuron_words(table: Table, neurons: Mapping[str, Neuron]) -> NeuronWords:
    bits = table.integer("bits", 1, 1 << 12)
    fields, fixed = {}, {}
    for kind in (k for k in neurons if table.has(k)):
        inner = table.table(kind)
        known = {**neurons[kind].tick.parameters, **neurons[kind].tick.registers}
        fixed[kind] = tuple(
            _place(inner, "fixed", entry, 3, bits)
            for entry in inner.get("fixed", list, "a list of [bit, width, value]", [])
        )  # fmt: skip
        fields[kind] = {
            key: _place(inner, key, inner.get(key, list, "[lowest bit, width]"), 2, bits)
            for key in known if inner.has(key)
        }  # fmt: skip
        for key, (_, width) in fields[kind].items():
            if width != known[key].bits:
                raise inner.error(f"'{key}' has {known[key].bits} bits, its place {width}", key)
        inner.finish()
    table.finish()
    return NeuronWords(bits, fields, fixed)


def _place(table: Table, key: str, entry: Any, size: int, bits: int) -> Any:
    """A tuple of ``size`` whole numbers that begins with a place within a word."""
    good = isinstance(entry, list) and len(entry) == size and all(type(n) is int for n in entry)
    if not good or entry[0] < 0 or entry[1] < 1 or entry[0] + entry[1] > bits:
        raise table.error(f"{key} is no place in a word of {bits} bits: [lowest bit, width]", key)
    return tuple(entry)


def count_bits(row: RowFormat) -> int:
    """Bits of a group's header that count its synapses; the others name its format."""
    return min((row.group - 1 + row.strided).bit_length(), row.header)
