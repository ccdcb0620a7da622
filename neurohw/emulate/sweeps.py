"""The kernel of an event-driven chip, as source text: words, queue, sweeps."""

from __future__ import annotations

from collections.abc import Sequence

from neurohw.chip.machine import Branch, Machine, Operation, Rule
from neurohw.emulate.generate import (
    FAIL_POPULATION,
    INNER,
    Body,
    Kind,
    Setting,
    function_source,
    generated_module,
    indented,
    state_arguments,
)
from neurohw.emulate.listing import list_flagged
from neurohw.emulate.straight import Loop, Scopes, is_straight
from neurohw.equations.emit import Emitter
from neurohw.equations.narrow import is_narrow

QUEUE_AT, QUEUED, DONE, SPIKES, OUTPUTS, CHANGES, NEXT, TURN, EVENT = range(9)
"""Places in ``_status``: head and length of the queue, how many operations, spikes, outputs and
changes are in the buffers, the next word, whether the queue's turn has come, the last word accepted."""

_STATE = (
    "_status", "_queue", "_synapses", "_owner", "_place", "_low", "_overflows", "_failure",
    "_operations", "_spikes", "_outputs", "_changes", "_flag", "_codes",
)  # fmt: skip


def machine_source(kinds: Sequence[Kind], machine: Machine, setting: Setting) -> str:
    """The whole module for these neurons and this machine."""
    phases = dict.fromkeys(o.phase for o in machine.operations.values())
    parts = [spike_source(machine)]
    scopes = Scopes(kinds)
    parts += [neurons_source(k, p, machine, setting, scopes) for k in kinds for p in phases]
    parts += [_sweep(phase, kinds, machine) for phase in phases]
    parts += [_operation(o, kinds, machine) for o in machine.operations.values()]
    parts.append(_run(kinds, machine, setting))
    return generated_module(kinds, parts)


def machine_arguments(kinds: Sequence[Kind], machine: Machine, setting: Setting) -> list[str]:
    """Names of the arguments of ``run``, in order."""
    names = [
        "_words",
        "_saturate",
        "_limit",
        "_spare",
        "_record",
        *_STATE,
        *_common(kinds, machine),
    ]
    for kind in kinds:
        names += [f"_log_{kind.name}_{r}" for r in kind.neuron.tick.registers]
    return names


def _common(kinds: Sequence[Kind], machine: Machine) -> list[str]:
    arrays = [f"_all_{kind.name}_{x}" for kind in kinds for x in kind.arrays]
    return [*machine.configuration, *arrays]


def _value(rule: Rule) -> str:
    return Emitter(rule.program, arrays=False).value(rule.program.assigns[0].value)


def phase_source(kind: Kind, phase: str, setting: Setting) -> str:
    """One phase on neuron ``_j`` of its bank: whether it went well, its spike, its synapse."""
    body = Body(kind, phase, setting, "return False, 0, 0", "_local")
    for name in kind.neuron.inputs:
        body.lines.append(f"{name} = np.int64(_given_{name})")
    if "syn" not in kind.neuron.inputs:
        body.lines.append("syn = np.int64(_given_syn)")
    body.load()
    body.run("0, 0, 0, 0")
    body.keep()
    spikes = any(a.target == "spike" for a in body.program.assigns)
    given = dict.fromkeys([*(f"_given_{n}" for n in kind.neuron.inputs), "_given_syn"])
    return function_source(
        f"{phase}_{kind.name}",
        ["_j", "_local", *given, *state_arguments(kind, setting), "_overflows", "_failure"],
        kind.neuron.phase_texts[phase], body.lines, body.counted,
        f"True, {'spike' if spikes else 0}, syn",
    )  # fmt: skip


def spike_source(machine: Machine) -> str:
    """What a spike does: into the queue, into the log, onto the bus."""
    return f"""
{INNER}def _emit(neuron, {", ".join([*machine.configuration, "_status", "_queue", "_spikes", "_outputs"])}):
    _fate = 0
    if {_value(machine.spike_unless)} != 0:
        _fate = 2
    elif _status[{QUEUED}] >= _queue.size:
        _fate = 1
    else:
        _queue[(_status[{QUEUE_AT}] + _status[{QUEUED}]) % _queue.size] = {_value(machine.spike_push)}
        _status[{QUEUED}] += 1
    _k = _status[{SPIKES}]
    _spikes[_k, 0] = _status[{DONE}]
    _spikes[_k, 1] = neuron
    _spikes[_k, 2] = _fate
    _status[{SPIKES}] += 1
    if {_value(machine.spike_output_when)} != 0:
        _outputs[_status[{OUTPUTS}], 0] = _status[{DONE}]
        _outputs[_status[{OUTPUTS}], 1] = {_value(machine.spike_output)}
        _status[{OUTPUTS}] += 1
"""


def given_to(machine: Machine, phase: str) -> list[str]:
    """What the operations that run a phase give it, `syn` always."""
    inputs = [name for o in machine.operations.values() if o.phase == phase for name in o.inputs]
    return sorted({*inputs, "syn"})


def _settings(machine: Machine) -> list[str]:
    """The configuration where equations stand, whose names may be the same."""
    return [f"_set_{name}" for name in machine.configuration]


_NEURONS = ("_r", "_begin", "_end", "_shift", "_stored")


def neurons_source(
    kind: Kind, phase: str, machine: Machine, setting: Setting, scopes: Scopes
) -> str:
    """A phase on the neurons ``_begin .. _end`` of one population, in order, with their synapses of
    row ``_r`` if ``_stored``; ``_shift`` is how far their places in the bank are from their numbers.

    The equations of ``phase_source`` in a loop: a call for each neuron costs more than they do.
    """
    if is_straight(kind, phase, setting):
        return _straight_neurons(kind, phase, machine, setting, scopes)
    body = Body(kind, phase, setting, "return False", "_n")
    names = given_to(machine, phase)
    for name in kind.neuron.inputs:
        if name != "syn":
            body.lines.append(f"{name} = np.int64({f'_in_{name}' if name in names else '0'})")
    body.lines.append(
        f"syn = np.int64(_synapses[_r * {machine.neurons} + _n]) if _stored else np.int64(_in_syn)"
    )
    body.load()
    body.run("0, 0, 0, 0")
    body.keep()
    targets = {a.target for a in body.program.assigns}
    if "syn" in targets:
        body.lines += [
            f"if _stored and syn != _synapses[_r * {machine.neurons} + _n]:",
            *(f"    {line}" for line in _changed(machine, "_n", "syn")),
        ]
    after = []
    if "spike" in targets:
        # Listed here and sent behind the loop, which is faster without a call in it; a neuron's
        # spike changes the queue only, which no other neuron of this sweep sees.
        body.lines += ["if spike != 0:", "    _spikes[_listed, 1] = _n", "    _listed += 1"]
        after = _send(machine)
    loop = [
        f"_listed = _status[{SPIKES}]",
        "for _n in range(_begin, _end):",
        "    _j = np.uint64(_n + _shift)",
    ]
    return function_source(
        f"{phase}_neurons_{kind.name}", _neurons_arguments(kind, phase, machine, setting),
        kind.neuron.phase_texts[phase], [*loop, *(f"    {line}" for line in body.lines), *after],
        body.counted, "True",
    )  # fmt: skip


def _neurons_arguments(kind: Kind, phase: str, machine: Machine, setting: Setting) -> list[str]:
    return [
        *_NEURONS, *(f"_in_{name}" for name in given_to(machine, phase)), *_settings(machine),
        *_STATE_OF_NEURONS, *state_arguments(kind, setting), "_overflows", "_failure",
    ]  # fmt: skip


def _send(machine: Machine) -> list[str]:
    """Send the spikes that are listed."""
    emit = ", ".join([*_settings(machine), "_status", "_queue", "_spikes", "_outputs"])
    return [
        f"for _k in range(_status[{SPIKES}], _listed):",
        f"    _emit(_spikes[_k, 1], {emit})",
    ]


def _changed(machine: Machine, neuron: str, code: str) -> list[str]:
    """Store and log the new code of a synapse."""
    return [
        f"_synapses[_r * {machine.neurons} + {neuron}] = {code}",
        f"_k = _status[{CHANGES}]",
        f"_changes[_k, 0] = _status[{DONE}]",
        "_changes[_k, 1] = _r",
        f"_changes[_k, 2] = {neuron}",
        f"_changes[_k, 3] = {code}",
        f"_status[{CHANGES}] += 1",
    ]


def _straight_neurons(
    kind: Kind, phase: str, machine: Machine, setting: Setting, scopes: Scopes
) -> str:
    """The same in a loop without branches; spikes and new codes are looked through afterwards."""
    loop, names = Loop(kind, phase, scopes), given_to(machine, phase)
    for name, form in loop.program.inputs.items():
        if name != "syn":
            cast = "_i32" if is_narrow(form) else "_i64"
            loop.lines.append(f"{name} = {cast}({f'_in_{name}' if name in names else '0'})")
    loop.read_code()
    loop.load()
    loop.run()
    loop.keep()
    loop.keep_code()
    after = []
    if loop.assigns("syn"):
        after += [
            "if _stored and _moved != _c0:", "    for _n in range(_begin, _end):",
            f"        if _codes[_n - _begin] != _synapses[_r * {machine.neurons} + _n]:",
            *(f"            {line}" for line in _changed(machine, "_n", "_codes[_n - _begin]")),
        ]  # fmt: skip
    if loop.assigns("spike"):
        loop.flag_spikes("_n - _begin")
        listed = list_flagged("_end - _begin", ["_spikes[_listed, 1] = _begin + _k"], "_listed")
        after += listed + [f"    {line}" for line in _send(machine)]
    before = [
        f"_listed, _moved = _status[{SPIKES}], _c0",
        f"_row, _read = _r * {machine.neurons}, _stored != 0",
        "for _n in range(_begin, _end):", "    _j = _n + _shift",
    ]  # fmt: skip
    return loop.function(
        f"{phase}_neurons_{kind.name}", _neurons_arguments(kind, phase, machine, setting),
        kind.neuron.phase_texts[phase], before, after, "True",
    )  # fmt: skip


_STATE_OF_NEURONS = (
    "_status", "_queue", "_synapses", "_spikes", "_outputs", "_changes", "_flag", "_codes",
)  # fmt: skip


def _sweep(phase: str, kinds: Sequence[Kind], machine: Machine) -> str:
    """A phase on rows and neurons: one function for all operations that run it, because compiling
    its equations is what takes long."""
    names, branches = given_to(machine, phase), []
    for k, kind in enumerate(kinds):
        arrays = [f"_all_{kind.name}_{x}" for x in kind.arrays]
        arguments = ", ".join(
            [*_NEURONS, *(f"_in_{name}" for name in names), *machine.configuration,
             *_STATE_OF_NEURONS, *arrays]
        )  # fmt: skip
        call = f"{phase}_neurons_{kind.name}({arguments}, _overflows[_p], _failure)"
        branches.append(f"{'elif' if k else 'if'} _bank == {k}:\n    _good = {call}")
    given_ = ", ".join(f"_in_{name}" for name in names)
    return f"""
{INNER}def _sweep_{phase}(
    _row, _row_last, _first, _last, _stored, {given_}, {", ".join([*_STATE, *_common(kinds, machine)])},
):
    _stop = min(_last, _owner.size - 1) + 1
    for _r in range(_row, _row_last + 1):
        _begin = _first
        while _begin < _stop:
            _p = _owner[_begin]
            _end = _stop
            if _owner[_stop - 1] != _p:
                _end = _begin + 1
                while _owner[_end] == _p:
                    _end += 1
            _bank, _shift, _good = _low[_p], _place[_begin] - _begin, True
{indented(chr(10).join(branches), 12)}
            if not _good:
                _failure[{FAIL_POPULATION}] = _p
                return False
            _begin = _end
    return True
"""


def _operation(operation: Operation, kinds: Sequence[Kind], machine: Machine) -> str:
    """One operation: its sweep, its output, its entry in the log."""
    row = _value(operation.row) if operation.row else "0"
    row_last = _value(operation.row_last) if operation.row_last else "_row"
    names = given_to(machine, operation.phase)
    # One statement each: numba takes no choice inside a call of so many arguments.
    inputs = "\n".join(
        f"_in_{name} = np.int64("
        f"{_value(operation.inputs[name]) if name in operation.inputs else 0})"
        for name in names
    )
    given = ", ".join(f"_in_{name}" for name in names)
    state = ", ".join([*_STATE, *_common(kinds, machine)])
    output = ""
    if operation.output:
        when = _value(operation.output_when) if operation.output_when else "1"
        output = f"""
if {when} != 0:
    _outputs[_status[{OUTPUTS}], 0] = _status[{DONE}]
    _outputs[_status[{OUTPUTS}], 1] = {_value(operation.output)}
    _status[{OUTPUTS}] += 1
"""
    return f"""
{INNER}def _operate_{operation.name}(argument, {state}):
    _row = np.int64({row})
    _row_last = np.int64({row_last})
    _first = np.int64({_value(operation.first)})
    _last = np.int64({_value(operation.last)})
{indented(inputs, 4)}
    if not _sweep_{operation.phase}(
        _row, _row_last, _first, _last, {operation.row is not None}, {given}, {state},
    ):
        return False
{indented(output or "pass", 4)}
    _k = _status[{DONE}]
    _operations[_k, 0] = {operation.kind}
    _operations[_k, 1] = argument
    _operations[_k, 2] = _status[{EVENT}]
    _operations[_k, 3] = {_value(operation.cycles) if operation.cycles else 0}
    return True
"""


def _branches(branches: Sequence[Branch], calls: str) -> str:
    """Statements that act on ``_branch``."""
    lines = []
    for k, branch in enumerate(branches):
        lines.append(f"{'elif' if k else 'if'} _branch == {k}:")
        if branch.push is not None:
            lines += [
                f"    _queue[(_status[{QUEUE_AT}] + _status[{QUEUED}]) % _queue.size] = "
                f"{_value(branch.push)}",
                f"    _status[{QUEUED}] += 1",
            ]
        else:
            assert branch.argument is not None
            lines += [
                f"    _good = _operate_{branch.operation}({_value(branch.argument)}, {calls})",
                "    _worked = True",
            ]
    return "\n".join(lines)


def _which(branches: Sequence[Branch]) -> str:
    lines = []
    for k, branch in enumerate(branches):
        lines += [f"{'elif' if k else 'if'} {_value(branch.when)} != 0:", f"    _branch = {k}"]
    return "\n".join(lines)


def _run(kinds: Sequence[Kind], machine: Machine, setting: Setting) -> str:
    calls = ", ".join([*_STATE, *_common(kinds, machine)])
    idle = " or ".join(f"_branch == {k}" for k, b in enumerate(machine.receive) if b.idle_only)
    logs = "\n".join(
        f"for _j in range(_all_{kind.name}_{r}.size):\n"
        f"    _log_{kind.name}_{r}[_status[{DONE}], _j] = _all_{kind.name}_{r}[_j]"
        for kind in kinds for r in kind.neuron.tick.registers
    )  # fmt: skip
    arguments = ",\n    ".join(machine_arguments(kinds, machine, setting))
    return f"""
{INNER}def run(
    {arguments},
):
    \"\"\"Work off the words. Returns 0 when all are accepted and the queue is empty, 1 if the buffers
    are full, 2 if a store failed, 3 after _limit operations.\"\"\"
    while True:
        if _status[{NEXT}] >= _words.size and _status[{QUEUED}] == 0:
            return 0
        if _status[{DONE}] >= _limit:
            return 3
        if _status[{DONE}] >= len(_operations) or _status[{SPIKES}] + _spare > len(_spikes) or (
            _status[{OUTPUTS}] + _spare >= len(_outputs)) or _status[{CHANGES}] + _spare > len(_changes):
            return 1
        _branch, _held, _worked, _good = -1, True, False, True
        if _status[{NEXT}] < _words.size:
            word = _words[_status[{NEXT}]]
{indented(_which(machine.receive), 12)}
            _held = ({idle or "False"}) and _status[{QUEUED}] > 0
        if _status[{QUEUED}] > 0 and (
            _status[{QUEUED}] >= _queue.size or _held or _status[{TURN}] != 0 or not _saturate
        ):
            item = _queue[_status[{QUEUE_AT}]]
{indented(_which(machine.serve), 12)}
{indented(_branches(machine.serve, calls), 12)}
            _status[{QUEUE_AT}] = (_status[{QUEUE_AT}] + 1) % _queue.size
            _status[{QUEUED}] -= 1
            _status[{TURN}] = 0
        elif _branch >= 0:
            _status[{EVENT}] += 1
{indented(_branches(machine.receive, calls), 12)}
            _status[{NEXT}] += 1
            _status[{TURN}] = 1
        if not _good:
            return 2
        if _worked:
            if _record:
{indented(logs, 16)}
            _status[{DONE}] += 1
"""
