"""Synaptic memory as a core holds it: rows of bits, written and read back.

A row is groups of synapses of one format. A group has a header: the synapses in it in the low
``count_bits`` (0 for as many as these bits count to; in a strided row 0 is the end), above them the
number of the format among the core's. A synapse is its weight's code, delay and target, lowest bits
first; a dense group has the first target before its synapses, which follow one another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from neurohw.chip.cores import RowFormat
from neurohw.chip.read_cores import count_bits
from neurohw.errors import FileError
from neurohw.machine import check_room
from neurohw.mapping.sound import column, damaged, offsets
from neurohw.mapping.synapses import Form

Int64 = NDArray[np.int64]
Int32 = NDArray[np.int32]
_jit = njit(cache=True, nogil=True, boundscheck=False)


@dataclass(frozen=True, eq=False)
class Memory:
    """Rows of all cores: uint64 ``words``, row r begins at bit ``at[r]`` and takes ``length[r]`` bits.

    ``tables`` int32 (entries, 4): form, dense, weight bits and delay bits of every format; a core's
    are ``table_first[c]`` to ``table_first[c + 1]``.
    """

    words: NDArray[np.uint64]
    at: Int64
    length: Int64
    core: Int32
    tables: Int32
    table_first: Int64


def describe(row: RowFormat) -> Int64:
    """The numbers of a row format as the kernels read them."""
    return np.array(
        [
            row.word,
            row.header,
            row.group,
            row.index,
            row.pad,
            row.typed,
            row.strided,
            count_bits(row),
        ],
        np.int64,
    )


@_jit
def runs(row: Any, form: Any, slot: Any, wanted: bool, typed: bool) -> Any:  # pragma: no cover
    """Begins of runs of one row and form (one row if ``typed``), and whether their targets follow
    one another. Sorted by row, form, slot."""
    first = np.empty(row.size + 1, np.int64)
    dense = np.zeros(row.size, np.bool_)
    n = 0
    for k in range(row.size):
        if k == 0 or row[k] != row[k - 1] or (not typed and form[k] != form[k - 1]):
            first[n] = k
            dense[n] = wanted
            n += 1
        elif slot[k] != slot[k - 1] + 1:
            dense[n - 1] = False
    first[n] = row.size
    return first[: n + 1].copy(), dense[:n].copy()


@_jit
def measure(
    spec: Any, first: Any, row: Any, weight_bits: Any, delay_bits: Any, dense: Any, rows: int
) -> Any:
    """Bits of every row; ``weight_bits`` and ``delay_bits`` of each run."""
    word, header, group, index, pad, typed, _, _ = spec
    length = np.zeros(rows, np.int64)
    for k in range(first.size - 1):
        n = first[k + 1] - first[k]
        each = weight_bits[k] + delay_bits[k] + typed + (0 if dense[k] else index)
        each = (each + pad - 1) // pad * pad
        top = header + (index if dense[k] else 0)
        whole, rest = n // group, n % group
        size = whole * ((top + group * each + word - 1) // word * word)
        if rest:
            size += (top + rest * each + word - 1) // word * word
        length[row[first[k]]] += size
    return length


@_jit
def _put(words: Any, at: int, value: Any, bits: int) -> int:
    k, shift = at >> 6, np.uint64(at & 63)
    words[k] |= value << shift
    if int(shift) + bits > 64:
        words[k + 1] |= value >> (np.uint64(64) - shift)
    return at + bits


@_jit
def _take(words: Any, at: int, bits: int) -> Any:
    if bits == 0:
        return np.int64(0)
    k, shift = at >> 6, np.uint64(at & 63)
    value = words[k] >> shift
    if int(shift) + bits > 64:
        value |= words[k + 1] << (np.uint64(64) - shift)
    return np.int64(value & ((np.uint64(1) << np.uint64(bits)) - np.uint64(1)))


@_jit
def write(
    spec: Any, first: Any, row: Any, local: Any, weight_bits: Any, delay_bits: Any, dense: Any,
    code: Any, delay: Any, slot: Any, kind: Any, at: Any, words: Any,
) -> None:  # fmt: skip
    """Every run into its row; ``local``: the format's number in its core, ``kind`` the same for each
    synapse of a typed row."""
    word, header, group, index, pad, typed, _, count = spec
    here = at.copy()
    for k in range(first.size - 1):
        r = row[first[k]]
        each = weight_bits[k] + delay_bits[k] + typed + (0 if dense[k] else index)
        skip = (each + pad - 1) // pad * pad - each
        for begin in range(first[k], first[k + 1], group):
            n = min(group, first[k + 1] - begin)
            p, start = here[r], here[r]
            low = np.uint64(n) & ((np.uint64(1) << np.uint64(count)) - np.uint64(1))
            _put(words, p, low, count)
            if header > count:
                _put(words, p + count, np.uint64(0 if typed else local[k]), min(header - count, 32))
            p += header
            if dense[k]:
                p = _put(words, p, np.uint64(slot[begin]), index)
            for e in range(begin, begin + n):
                p = _put(words, p, np.uint64(code[e]), weight_bits[k])
                if delay_bits[k]:
                    p = _put(words, p, np.uint64(delay[e]), delay_bits[k])
                if typed:
                    p = _put(words, p, np.uint64(kind[e]), typed)
                if not dense[k]:
                    p = _put(words, p, np.uint64(slot[e]), index)
                p += skip
            here[r] = start + (p - start + word - 1) // word * word


@_jit
def read(
    spec: Any, words: Any, at: Any, length: Any, core: Any, tables: Any, table_first: Any,
    make: bool, row: Any, form: Any, code: Any, delay: Any, slot: Any,
) -> int:  # fmt: skip
    """Synapses of all rows in order, written if ``make``; how many, or -1 - r if row r is damaged."""
    word, header, group, index, pad, typed, strided, count = spec
    full = 1 << count
    limit = words.size * 64
    n = 0
    for r in range(at.size):
        p, end = at[r], at[r] + length[r]
        if p < 0 or length[r] < 0 or end > limit:
            return -1 - r
        base, above = table_first[core[r]], table_first[core[r] + 1]
        while p < end:
            start = p
            if p + header > end:
                if strided:
                    break
                return -1 - r
            many = _take(words, p, count)
            if many == 0:
                if strided:
                    break
                many = full
            kind = np.int64(0)
            if header > count and not typed:
                kind = _take(words, p + count, min(header - count, 32))
            if base + kind >= above or many > group:
                return -1 - r
            dense = tables[base + kind, 1] != 0
            wide, late = tables[base + kind, 2], tables[base + kind, 3]
            each = wide + late + typed + (0 if dense else index)
            skip = (each + pad - 1) // pad * pad - each
            p += header
            if p + (index if dense else 0) + many * (each + skip) > end:
                return -1 - r
            s = np.int64(0)
            if dense:
                s = _take(words, p, index)
                p += index
            for _ in range(many):
                c = _take(words, p, wide)
                d = _take(words, p + wide, late)
                p += wide + late
                if typed:
                    kind = _take(words, p, typed)
                    if base + kind >= above:
                        return -1 - r
                    p += typed
                if dense:
                    at_slot = s
                    s += 1
                else:
                    at_slot = _take(words, p, index)
                    p += index
                p += skip
                if make:
                    row[n], form[n] = r, tables[base + kind, 0]
                    code[n], delay[n], slot[n] = c, d, at_slot
                n += 1
            p = start + (p - start + word - 1) // word * word
    return n


@dataclass(frozen=True, eq=False)
class _Shape:
    """Runs of synapses and the format that each has: what decides how long rows are."""

    first: Int64
    dense: NDArray[np.bool_]
    wide: Int64
    late: Int64
    local: Int64
    tables: Int32
    table_core: Int64
    kind: Int64


def _shape(
    spec: RowFormat, forms: tuple[Form, ...], core: Int32, row: Int64, form: Int32, slot: Int32
) -> _Shape:
    wide = np.array([f.weight_bits for f in forms] or [1], np.int64)
    late = np.array([f.delay_bits for f in forms] or [0], np.int64)
    if spec.typed:  # one width for all, or a reader could not tell where a synapse ends
        wide[:], late[:] = wide.max(), late.max()
    first, dense = runs(row, form, slot, spec.dense and not spec.typed, bool(spec.typed))
    run_row, run_form = row[first[:-1]], form[first[:-1]]
    # Every core numbers the formats that it uses; of a typed row each synapse names one.
    whose = row if spec.typed else run_row
    keys = core[whose].astype(np.int64) * len(wide) + (form if spec.typed else run_form)
    keys = keys * 2 + (0 if spec.typed else dense)
    used = np.unique(keys)
    table_core, table_form = used // 2 // len(wide), used // 2 % len(wide)
    table_first = np.searchsorted(table_core, np.arange(_cores(core) + 1))
    numbers = np.searchsorted(used, keys) - table_first[core[whose]]
    tables = np.stack([table_form, used % 2, wide[table_form], late[table_form]], axis=1)
    none = np.zeros(run_row.size if spec.typed else 0, np.int64)
    local, kind = (none, numbers) if spec.typed else (numbers, none)
    return _Shape(
        first,
        dense,
        wide[run_form],
        late[run_form],
        local,
        tables.astype(np.int32),
        table_core,
        kind,
    )


def row_lengths(
    spec: RowFormat, forms: tuple[Form, ...], core: Int32, row: Int64, form: Int32, slot: Int32
) -> tuple[Int64, Int64]:
    """Bits of every row, and the core of every format that a core needs."""
    shape = _shape(spec, forms, core, row, form, slot)
    found = measure(
        describe(spec), shape.first, row, shape.wide, shape.late, shape.dense, core.size
    )  # fmt: skip
    return found, shape.table_core


def write_rows(
    spec: RowFormat, forms: tuple[Form, ...], core: Int32, row: Int64, form: Int32, code: Int64,
    delay: Int32, slot: Int32, stride_of: Int64 | None = None,
) -> Memory:  # fmt: skip
    """Rows from columns sorted by row, form and slot; ``core`` int32 (rows,) is ascending.

    ``stride_of`` int64 (rows,): rows of one number get the length of the longest of them.
    """
    shape, numbers = _shape(spec, forms, core, row, form, slot), describe(spec)
    length = measure(numbers, shape.first, row, shape.wide, shape.late, shape.dense, core.size)
    if stride_of is not None and core.size:
        longest = np.zeros(int(stride_of.max()) + 1, np.int64)
        np.maximum.at(longest, stride_of, length)
        length = longest[stride_of]
    at = np.zeros(core.size, np.int64)
    np.cumsum(length[:-1], out=at[1:])
    bits = int(length.sum())
    check_room("the image's synaptic memory", bits // 8)
    words = np.zeros(bits // 64 + 2, np.uint64)
    write(
        numbers, shape.first, row, shape.local, shape.wide, shape.late, shape.dense, code, delay, slot,
        shape.kind, at, words,
    )  # fmt: skip
    table_first = np.searchsorted(shape.table_core, np.arange(_cores(core) + 1))
    return Memory(words, at, length, core, shape.tables, table_first.astype(np.int64))


def _cores(core: Int32) -> int:
    return int(core[-1]) + 1 if core.size else 0


def check_rows(memory: Memory, forms: int) -> None:
    """FileError unless rows lie one after the other in the words, and each names formats of its core."""
    given, rows = memory.__dict__, memory.at.size
    column(given, "words", np.uint64)
    column(given, "at", np.int64)
    length = column(given, "length", np.int64, rows, 0, 64 * memory.words.size)
    cores = memory.table_first.size - 1
    column(given, "core", np.int32, rows, 0, cores - 1)
    whole = np.concatenate([[0], np.cumsum(length)])
    # One word more than bits need: a value may end in the word after its first.
    if (memory.at != whole[:-1]).any() or int(whole[-1]) // 64 + 1 >= memory.words.size:
        raise damaged("its synaptic rows do not lie one after the other in its words")
    if memory.tables.dtype != np.int32 or memory.tables.ndim != 2 or memory.tables.shape[1] != 4:
        raise damaged(f"'tables' is {memory.tables.dtype} of shape {memory.tables.shape}")
    offsets(given, "table_first", memory.tables.shape[0], cores)
    table = dict(zip(("form", "dense", "weight bits", "delay bits"), memory.tables.T, strict=True))
    for key, least, most in (
        ("form", 0, forms - 1), ("dense", 0, 1), ("weight bits", 1, 62), ("delay bits", 0, 31),
    ):  # fmt: skip
        column(table, key, np.int32, None, least, most)


def read_rows(spec: RowFormat, memory: Memory) -> tuple[Int64, Int32, Int64, Int32, Int32]:
    """Row, form, code, delay and slot of all synapses in ``memory``; FileError if it is damaged."""
    numbers = describe(spec)
    inside = (
        numbers, memory.words, memory.at, memory.length, memory.core, memory.tables, memory.table_first,
    )  # fmt: skip
    n = read(*inside, False, *_columns(0))
    check_room("the image's synapses", 28 * n)
    if n < 0:
        raise FileError(
            f"synaptic row {-1 - n} of the image is damaged: its groups do not fit its length; map again"
        )
    made = _columns(n)
    read(*inside, True, *made)
    return made


def _columns(n: int) -> tuple[Int64, Int32, Int64, Int32, Int32]:
    wide, narrow = (
        (np.empty(n, np.int64) for _ in range(2)),
        (np.empty(n, np.int32) for _ in range(3)),
    )
    row, code = wide
    form, delay, slot = narrow
    return row, form, code, delay, slot
