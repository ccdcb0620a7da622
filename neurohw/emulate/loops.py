"""The loop over ticks of the ordered engine as source text."""

from __future__ import annotations

from collections.abc import Sequence

from neurohw.emulate.generate import (
    FAIL_POPULATION,
    INNER,
    Kind,
    Setting,
    events_source,
    generated_module,
    indented,
    tick_source,
)
from neurohw.emulate.straight import (
    Scopes,
    is_straight_events,
    is_straight_tick,
    straight_events,
    straight_tick,
)

_BY_SOURCE = ("_input_latency", "_due", "_due_value", "_waiting", "_start", "_bank", "_target",
              "_owner", "_port", "_weight", "_row_end")  # fmt: skip
_BY_INDEX = (
    "_input_latency", "_due", "_due_value", "_waiting", "_place", "_active", "_words",
    "_indices", "_group_population", "_group_bank", "_group_lane", "_rows", "_weight",
)  # fmt: skip


def _engine_arguments(setting: Setting) -> Sequence[str]:
    return _BY_SOURCE if setting.delivery.order == "source" else _BY_INDEX


def loop_arguments(kinds: Sequence[Kind], setting: Setting) -> list[str]:
    """Names of the arguments of ``run``, in order."""
    names = [
        "_ended", "_from", "_to", "_seed", "_trial", "_stride", "_failure", "_given_start", "_given",
        "_given_value", "_fired", "_value", "_event_step", "_event_source", "_event_value",
        "_flag", "_population_bank", "_population_low", "_population_high",
        "_population_key", "_overflows",
        *_engine_arguments(setting), *setting.states,
    ]  # fmt: skip
    for kind in kinds:
        p = f"_n_{kind.name}"
        names += [f"{p}_base", f"{p}_counts", f"{p}_alias"]
        names += [f"_all_{kind.name}_{x}" for x in kind.arrays]
        for r in kind.written:
            names += [f"_probe_{kind.name}_{r}", f"_trace_{kind.name}_{r}"]
    return names


def kernel_source(kinds: Sequence[Kind], setting: Setting) -> str:
    """The whole module for these neurons."""
    scopes = Scopes(kinds)
    parts = [
        straight_tick(k, setting, scopes) if is_straight_tick(k, setting)
        else tick_source(k, setting) for k in kinds
    ]  # fmt: skip
    parts += [
        straight_events(k, setting, scopes) if is_straight_events(k, setting)
        else events_source(k, setting) for k in kinds
    ]  # fmt: skip
    return generated_module(kinds, [*parts, _loop_source(kinds, setting)])


def _ticks(kinds: Sequence[Kind], setting: Setting) -> str:
    """Run the equations of population ``_p``."""
    branches = []
    for k, kind in enumerate(kinds):
        p = f"_n_{kind.name}"
        arrays = [f"_all_{kind.name}_{x}" for x in kind.arrays]
        flags = ", _flag" if is_straight_tick(kind, setting) else ""
        branches.append(f"""
{"elif" if k else "if"} _population_bank[_p] == {k}:
    _count = tick_{kind.name}(
        _population_low[_p], _population_high[_p], {p}_base,
        {", ".join([*arrays, *setting.states, f"{p}_counts", f"{p}_alias"])},
        _fired, _value, _count, _overflows[_p], _failure,
        _seed, _trial, _step, _population_key[_p]{flags},
    )
""".strip("\n"))  # fmt: skip
    return "\n".join([*branches, "if _count < 0:", f"    _failure[{FAIL_POPULATION}] = _p",
                      "    _ended[0], _ended[1] = _events, 1", "    return _step"])  # fmt: skip


def _probes(kinds: Sequence[Kind]) -> str:
    lines = []
    for kind in kinds:
        for r in kind.written:
            name = f"{kind.name}_{r}"
            lines += [
                f"for _k in range(_probe_{name}.size):",
                f"    _trace_{name}[_step // _stride, _k] = _all_{name}[_probe_{name}[_k]]",
            ]
    return "\n".join(lines) or "pass"


def _loop_source(kinds: Sequence[Kind], setting: Setting) -> str:
    arguments = ",\n    ".join(loop_arguments(kinds, setting))
    before, after = _ordered_parts(kinds, setting)
    return f'''
{INNER}def run(
    {arguments},
):
    """Ticks _from .. _to of one trial. Returns where it stopped; in _ended how many spikes it wrote, and
    whether a store failed. It stops before _to if the spikes of another tick might not fit."""
    _events = 0
    for _step in range(_from, _to):
        if _events + _fired.size > _event_source.size:
            _ended[0], _ended[1] = _events, 0
            return _step
        _count = 0
{indented(before, 8)}
        for _p in range(_population_bank.size):
{indented(_ticks(kinds, setting), 12)}
{indented(after, 8)}
        for _k in range(_count):
            _event_step[_events] = _step
            _event_source[_events] = _fired[_k]
{"" if setting.delivery.payload.bits == 1 else "            _event_value[_events] = _value[_k]"}
            _events += 1
        if _step % _stride == 0:
{indented(_probes(kinds), 12)}
    _ended[0], _ended[1] = _events, 0
    return _to
'''


def _ordered_parts(kinds: Sequence[Kind], setting: Setting) -> tuple[str, str]:
    by_source = setting.delivery.order == "source"
    deliver = _by_source(kinds, setting) if by_source else _by_index(kinds, setting)
    inputs = """
_many = 0
if _step >= _input_latency:
    for _k in range(_given_start[_step - _input_latency], _given_start[_step - _input_latency + 1]):
        _due[_many] = _given[_k]
        _due_value[_many] = _given_value[_k]
        _many += 1
"""
    if setting.delivery.latency == 0:
        mine = """
for _k in range(_count):
    _due[_many] = _fired[_k]
    _due_value[_many] = _value[_k]
    _many += 1
"""
        return inputs, f"{mine}\n{deliver}"
    # The spikes of the tick before wait in _fired, their number in _waiting.
    mine = """
for _k in range(_waiting[0]):
    _due[_many] = _fired[_k]
    _due_value[_many] = _value[_k]
    _many += 1
"""
    return f"{inputs}\n{mine}\n{deliver}", "_waiting[0] = _count"


def _events_call(kind: Kind, setting: Setting, where: Sequence[str], owner: str, count: str) -> str:
    others = [count for name in kind.neuron.inputs if name not in kind.neuron.ports]
    arrays = [f"_all_{kind.name}_{x}" for x in kind.arrays]
    arguments = ", ".join([*where, *others, *arrays, *setting.states])
    return f"events_{kind.name}({arguments}, _overflows[{owner}], _failure)"


def _failing(owner: str) -> str:
    return (
        f"    _failure[{FAIL_POPULATION}] = {owner}\n    _ended[0], _ended[1] = _events, 1\n"
        "    return _step"
    )


def _by_source(kinds: Sequence[Kind], setting: Setting) -> str:
    """Synapses of one source with one population and port are a row: where a row ends is looked
    for when its first synapse delivers for the first time, and kept in ``_row_end``."""
    branches: list[str] = []
    where = ["_s", "_end", "_population_low[_owner[_s]]", "_port[_s]", "_target", "_weight"]
    for k, kind in enumerate(kinds):
        if "event" not in kind.neuron.phases:
            continue
        call = _events_call(kind, setting, where, "_owner[_s]", "_due_value[_k]")
        branches.append(f"{'elif' if branches else 'if'} _bank[_s] == {k}:\n    _good = {call}")
    return f"""
for _k in range(_many):
    _s, _last = _start[_due[_k]], _start[_due[_k] + 1]
    while _s < _last:
        _end = _row_end[_s]
        if _end == 0:
            _end = _s + 1
            while _end < _last and _owner[_end] == _owner[_s] and _port[_end] == _port[_s]:
                _end += 1
            _row_end[_s] = _end
        _good = True
{indented(chr(10).join(branches), 8)}
        if not _good:
{indented(_failing("_owner[_s]"), 8)}
        _s = _end
"""


def _by_index(kinds: Sequence[Kind], setting: Setting) -> str:
    """``_active`` says for each lane and index whether its source spiked, ``_words`` is the same eight at
    a time; ``_rows`` where the weights for a group and port begin at an index, -1 if there are none."""
    branches: list[str] = []
    for k, kind in enumerate(kinds):
        if "event" not in kind.neuron.phases:
            continue
        ports = range(len(kind.neuron.ports))
        rows = "\n".join(
            f"_o{q} = _rows[_g, {q}, _index] if _active[_group_lane[_g, {q}] * _half + _index] != 0 "
            "else -1"
            for q in ports
        )
        # The weights end with as many zeros as a row has: the row of a silent source.
        starts = "\n".join(f"    _o{q} = _o{q} if _o{q} >= 0 else _weight.size - _n" for q in ports)
        where = ["_n", "_low", "_weight", *(f"_o{q}" for q in ports)]
        call = _events_call(kind, setting, where, "_owner", "1")
        branches.append(f"""
{"elif" if branches else "if"} _group_bank[_g] == {k}:
{indented(rows, 4)}
    if {" or ".join(f"_o{q} >= 0" for q in ports)}:
{indented(starts, 4)}
        if not {call}:
{indented(_failing("_owner"), 8)}
""".strip("\n"))  # fmt: skip
    return f"""
_half = _active.size // 2
for _k in range(_many):
    if _place[_due[_k]] >= 0:
        _active[_place[_due[_k]]] = 1
if _many:
    _listed = 0
    for _word in range(_half // 8):
        if (_words[_word] | _words[_half // 8 + _word]) != 0:
            for _index in range(8 * _word, 8 * _word + 8):
                # No branch: what is not active is overwritten by the next.
                _indices[_listed] = _index
                _listed += np.int64(_active[_index] | _active[_half + _index])
    for _k in range(_listed):
        _index = _indices[_k]
        for _g in range(_group_bank.size):
            _owner = _group_population[_g]
            _low = _population_low[_owner]
            _n = _population_high[_owner] - _low
{indented(chr(10).join(branches), 12)}
        _active[_index] = 0
        _active[_half + _index] = 0
"""
