"""The loop over ticks of the summed engine as source text.

A network may be split into parts, each with its own neurons and the synapses to them. A tick of a
part: add what the inputs send, run the equations, which list the spikes; then, when all parts have
done so, add what they sent. Threads share out the parts and meet once a tick.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from neurohw.emulate.entries import entry_decorator
from neurohw.emulate.generate import FAIL_POPULATION, INNER, compiled_module, indented
from neurohw.emulate.stage import FIELDS
from neurohw.emulate.table import Slots
from neurohw.equations.emit import prelude

Sparse = Literal["none", "flat", "slots", "deferred"]
FAILED, FULL = 1, 2
"""Why parts stop, and where the barrier has the tick after which they do: a store failed; a buffer
might not hold another tick's spikes."""


@dataclass(frozen=True)
class Delivery:
    """What the network's synapses make of the kernel: the layout of the sparse ones and the dtypes
    of its arrays; the dtype of dense rows, '' for none; those of weights whose sums are shifted and of
    the scratch row, '' for none."""

    sparse: Sparse = "none"
    packed: str = "int32"
    start: str = "int64"
    target: str = "uint16"
    weight: str = "int8"
    dense: str = ""
    staged: str = "int16"
    scratch: str = ""
    row: str = "int32"
    relays: bool = False
    injected: bool = False
    padded: bool = True
    words: bool = False
    graded: bool = False


def _sparse_names(delivery: Delivery) -> list[tuple[str, str]]:
    if delivery.sparse == "flat":
        return [
            ("_start", delivery.start),
            ("_packed", delivery.packed),
            ("_bits", ""),
            ("_mean", ""),
        ]
    if delivery.sparse == "none":
        return []
    arrays = [("_target", delivery.target), ("_weight", delivery.weight), ("_sign", "int64")]
    if delivery.words:
        arrays = [("_packed", delivery.packed), ("_bits", "")]
    return [
        ("_start", delivery.start), *arrays, ("_runs", ""), ("_span", ""), ("_nearest", ""), ("_blocks", ""),
        ("_sources", ""), ("_block_low", "int64"), ("_mean", ""), ("_ahead", ""),
    ]  # fmt: skip


def _segments(
    delivery: Delivery, spikes: str, values: str, first: str, last: str, base: str
) -> str:
    """A call that adds the segments ``_d`` of block ``_b`` into the row at ``base`` and those behind."""
    graded = "_graded" if delivery.graded else ""
    arrays = "_packed, _bits" if delivery.words else "_target, _weight, _sign"
    value = f"{values}, " if delivery.graded else ""
    last_ = "" if delivery.graded else ", _mean, _ahead"
    return (
        f"_segment{'_packed' if delivery.words else ''}{graded}(_sums, _start, {arrays}, {spikes}, {value}"
        f"{first}, {last}, _d, _runs, _b * _sources, {base} + _block_low[_b]{last_})"
    )


def delivery_source(delivery: Delivery, slots: Slots) -> str:
    """The module of a layout: ``deliver(table, what, step)`` adds what the inputs send (``what`` is 0),
    what relays of this part just sent (-1), or what the part with the table ``what`` sent."""
    binary = not delivery.graded
    names = [
        ("_sums", delivery.row), ("_mask", ""), ("_stride", ""), ("_given", "int32"),
        ("_given_value", "int32"), ("_given_start", "int64"), ("_input_latency", ""), ("_begin", ""),
        ("_latency", ""), ("_from", ""), ("_event", "int32"), ("_marks", "int64"), ("_kinds", ""),
        ("_cursor", "int64"), ("_sent", "int64"), *_sparse_names(delivery),
    ]  # fmt: skip
    payload = "_event" if binary else "_payload"
    if not binary:
        names.append(("_payload", "int32"))
    theirs = [
        f"    _event = {slots.array('_event', 'int32', '_o')}",
        f"    _marks = {slots.array('_marks', 'int64', '_o')}",
        f"    _sent = {slots.array('_sent', 'int64', '_o')}",
        *([] if binary else [f"    _payload = {slots.array('_payload', 'int32', '_o')}"]),
    ]  # fmt: skip
    before: list[str] = []
    if delivery.injected:
        names += [("_injected", "int64"), ("_injected_column", "int64"), ("_injected_index", "int64"),
                  ("_injected_width", "")]  # fmt: skip
        before += [
            "for _k in range(_injected_column.size):",
            "    _sums[(_step & _mask) * _stride + _injected_column[_k]] += "
            "_injected[(_step - _begin) * _injected_width + _injected_index[_k]]",
        ]
    if delivery.sparse == "slots":
        before += [
            "if (_step & _mask) < _span - 1:",
            "    _wrapped(_sums, (_step & _mask) * _stride, (_mask + 1) * _stride, _stride)",
        ]
    more, lines, arrive = _add(delivery)
    names += more
    body = [
        "_t = view(_table, 1 << 20, np.int64)",
        *slots.declare(names),
        f"_list, _values = _event, {payload}",
        "_at = _step - _from",
        "if _what == 0:",
        "    _list, _values = _given, _given_value",
        "    _first, _last = _given_start[_step - _begin], _given_start[_step - _begin + 1]",
        "    _tick = _step + _input_latency",
        *(f"    {line}" for line in before),
        "elif _what == -1:",
        "    _first, _last, _tick = _sent[_at], _cursor[0], _step",
        "    _sent[_at] = _last",
        "else:",
        "    _o = view(_what, 1 << 20, np.int64)",
        *theirs,
        f"    _list, _values = _event, {payload}",
        "    _first, _last = max(_marks[_at * _kinds], _sent[_at]), _marks[(_at + 1) * _kinds]",
        "    _tick = _step + _latency",
        "if _last > _first:",
        *(f"    {line}" for line in lines or ["pass"]),
        *arrive,
        "return 0",
    ]
    return compiled_module(
        [], [
            prelude("neurohw.emulate.rows", INNER), prelude("neurohw.emulate.deliver", INNER),
            f"{entry_decorator()}def deliver(_table, _what, _step):\n{indented(chr(10).join(body), 4)}\n",
        ],
    )  # fmt: skip


def _add(delivery: Delivery) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """Arrays, and statements that add spikes ``_first .. _last`` of ``_list``, sent so that a delay of
    0 arrives at ``_tick``; and what else arrives at this tick."""
    binary = not delivery.graded
    graded, kind = ("", "") if binary else ("_values, ", "_graded")
    names, lines, arrive = list[tuple[str, str]](), list[str](), list[str]()
    if delivery.sparse == "flat":
        mean = ", _mean" if delivery.padded and not kind else ""
        lines += [
            f"_flat{kind or ('' if delivery.padded else '_short')}(_sums, _start, _packed, _list, "
            f"{graded}_first, _last, (_tick & _mask) * _stride, _bits{mean})"
        ]
    elif delivery.sparse == "slots":
        lines += [
            "for _b in range(_blocks):",
            "    for _d in range(_runs):",
            "        _base = ((_tick + _nearest + _d * _span) & _mask) * _stride",
            f"        {_segments(delivery, '_list', '_values', '_first', '_last', '_base')}",
        ]
    elif delivery.sparse == "deferred":
        names += [("_past", "int32"), ("_past_count", "int64"), ("_past_mask", ""),
                  ("_past_value", "int32"), ("_stretch", "")]  # fmt: skip
        lines += [
            "_slot = _tick & _past_mask",
            "_n = _past_count[_slot]",
            "for _k in range(_first, _last):",
            "    _past[_slot * _sources + _n] = _list[_k]",
            *([] if binary else ["    _past_value[_slot * _sources + _n] = _values[_k]"]),
            "    _n += 1",
            "_past_count[_slot] = _n",
        ]
        if delivery.graded:
            past = ("_past[_slot * _sources:]", "_past_value[_slot * _sources:]")
            call = _segments(delivery, *past, "0", "_n", "(_step & _mask) * _stride")
            inner = [
                "        for _d in range(_runs):",
                "            _slot = (_step - _nearest - _d) & _past_mask",
                "            _n = _past_count[_slot]",
                "            if _n > 0:",
                f"                {call}",
            ]
        else:
            names.append(("_jobs", "int64"))
            arrays = "_packed, _bits" if delivery.words else "_target, _weight, _sign, _runs"
            inner = [
                "        _n = _jobs_of(_jobs, _start, _past, _past_count, _past_mask, _sources, _step, "
                "_nearest, _runs, _b * _sources)",
                f"        _arrive{'_packed' if delivery.words else ''}(_sums, _start, {arrays}, _jobs, _n, "
                "(_step & _mask) * _stride + _block_low[_b], _stretch)",
            ]
        arrive += [
            "if _what == 0:",
            "    for _b in range(_blocks):",
            *inner,
            "    _past_count[(_step - _nearest - _runs + 1) & _past_mask] = 0",
        ]
    if delivery.dense:
        names += [("_matrix", delivery.dense), ("_dense", "int64")]
        lines += [
            "for _g in range(_dense.size // 6):",
            "    _low, _high, _width, _offset, _place, _later = _dense[6 * _g], _dense[6 * _g + 1], "
            "_dense[6 * _g + 2], _dense[6 * _g + 3], _dense[6 * _g + 4], _dense[6 * _g + 5]",
            f"    _dense{kind}_rows(_sums, _matrix[_offset:], _width, _low, _high, _list, {graded}_first, "
            "_last, ((_tick + _later) & _mask) * _stride + _place)",
        ]
    if delivery.scratch:
        names += [
            ("_staged_start", "int64"), ("_staged_target", "uint16"), ("_staged_weight", delivery.staged),
            ("_scratch", delivery.scratch), ("_staged", "int64"),
        ]  # fmt: skip
        at = {name: f"_staged[_g + {k}]" for k, name in enumerate(FIELDS)}
        lines += [
            f"for _g in range(0, _staged.size, {len(FIELDS)}):",
            f"    for _d in range({at['delays']}):",
            f"        _place = ((_tick + {at['nearest']} + _d) & _mask) * _stride + {at['base']}",
            "        _shifted(_sums, _scratch, _staged_start, _staged_target, _staged_weight, _list, "
            f"{'_values[:0]' if binary else '_values'}, _first, _last, {at['low']}, {at['high']}, "
            f"{at['offset']} + _d, {at['delays']}, _place, {at['width']}, {at['shift']}, {at['bits']})",
        ]
    return names, lines, arrive


def _table(part: str) -> str:
    """Text that makes a part's table; ``_rows`` are the addresses of all."""
    return f"view(_rows[{part}], 1 << 20, np.int64)"


def driver_source(slots: Slots) -> str:
    """The module that every network shares: ``run`` goes through ticks, populations and parts."""
    names = [
        ("_kind", "int64"), ("_update", "int64"), ("_update_table", "int64"), ("_deliver", ""),
        ("_deliver_table", ""), ("_relays", ""), ("_cursor", "int64"), ("_sent", "int64"),
        ("_failure", "int64"), ("_from", ""), ("_begin", ""), ("_sampler", ""), ("_samples", ""),
        ("_sampled", ""), ("_sample_stride", ""), ("_marks", "int64"), ("_room", ""),
    ]  # fmt: skip
    declared = "\n".join(slots.declare(names))
    barrier = slots.array("_barrier", "int64", _table("_first"))
    theirs = slots.number("_deliver_table", _table("_q"))
    deliver_ = slots.number("_deliver", _table("_part"))
    own = slots.number("_deliver_table", _table("_part"))
    return compiled_module(
        [],
        [
            prelude("neurohw.emulate.meeting", INNER),
            f'''
{INNER}def _tick(_t, _step):
    """One tick of a part, up to its spikes; why it stops, or 0."""
{indented(declared, 4)}
    _at = _step - _from
    _cursor[0] = _sent[_at] = _marks[_at * _kind.size]
    call(_deliver, _deliver_table, 0, _step)
    for _p in range(_kind.size):
        _k = _kind[_p]
        if call(_update[_k], _update_table[_k], _p, _step) != 0:
            _failure[{FAIL_POPULATION}] = _p
            return {FAILED}
        _marks[_at * _kind.size + _p + 1] = _cursor[0]
        if _p < _relays:
            call(_deliver, _deliver_table, -1, _step)
    if _sampler != 0 and _step % _sample_stride == 0:
        call(_sampler, _samples, _sampled, (_step - _begin) // _sample_stride)
    return {FULL} if _cursor[0] > _room else 0


{entry_decorator(7)}def run(_addresses, _parts, _first, _last, _threads, _from_, _to):
    """Ticks _from_ .. _to of parts _first .. _last. The tick at which a store failed, else the one after
    that whose spikes filled a buffer, else _to."""
    _rows = view(_addresses, _parts, np.int64)
    _shared = {barrier}
    _turn = 0
    for _step in range(_from_, _to):
        for _part in range(_first, _last):
            _why = _tick({_table("_part")}, _step)
            if _why != 0:
                _shared[_why] = _step + 1
        if _threads > 1:
            _turn += 1
            _wait(_shared, _threads, _turn)
        if _shared[{FAILED}] == _step + 1:
            return _step
        for _part in range(_first, _last):
            for _q in range(_parts):
                call({deliver_}, {own}, {theirs}, _step)
        if _shared[{FULL}] == _step + 1:
            return _step + 1
    return _to
''',
        ],
    )


def sampler_source() -> str:
    """The module of ``sample(address, size, row)``: registers into traces, for runs that record any."""
    return compiled_module(
        [],
        [
            prelude("neurohw.emulate.sampling", INNER),
            f"""
{entry_decorator()}def sample(_address, _size, _row):
    _sample(view(_address, _size, np.int64), _row)
    return 0
""",
        ],
    )
