"""Reading the [machine] of a profile: its rules are expressions of the equation language."""

from __future__ import annotations

from collections.abc import Mapping

from neurohw.chip.machine import Branch, Machine, Operation, Rule
from neurohw.chip.model import Neuron
from neurohw.chip.table import Table
from neurohw.equations import compile_program
from neurohw.errors import EquationError
from neurohw.fixedpoint import EXACT, Format, parse_format

Names = Mapping[str, Format]


def read_machine(table: Table, sources: Mapping[str, str]) -> Machine:
    """The machine in ``[machine]``; ProfileError or EquationError if it can't be."""
    source, status = table.source(sources), table.status()
    word, item = _format(table, "word"), _format(table, "item")
    synapse = _format(table, "synapse")
    neurons = table.integer("neurons", 1, 1 << 16)
    inner = table.table("configuration", required=False)
    configuration = {key: _format(inner, key) for key in inner.data}
    defaults = table.table("defaults", required=False)
    values = {k: defaults.integer(k, f.low, f.high, f.low) for k, f in configuration.items()}
    defaults.finish()
    number = Format(max(neurons - 1, 1).bit_length(), False)
    argument = Format(max(word.bits, item.bits), False)
    operations = table.table("operation")
    known = tuple(operations.data)
    receive = _branches(table, "receive", {**configuration, "word": word}, known, True)
    serve = _branches(table, "serve", {**configuration, "item": item}, known, False)
    names = {**configuration, "argument": argument}
    found = {
        key: _operation(key, operations.table(key), names, k, neurons)
        for k, key in enumerate(known)
    }
    spike = table.table("spike")
    about = {**configuration, "neuron": number}
    step = table.table("step")
    end = step.get("end", list, "a list of words")
    if not all(type(w) is int and word.holds(w) for w in end):
        raise step.error(f"end is a list of words, {word}", "end")
    machine = Machine(
        word, item, synapse, neurons, table.integer("queue", 1, 1 << 20), configuration, values,
        receive, serve, found,
        spike_push=_rule(spike, "push", about), spike_unless=_rule(spike, "unless", about, "0"),
        spike_output=_rule(spike, "output", about, "neuron"),
        spike_output_when=_rule(spike, "output_when", about, "1"),
        step_spike=_rule(step, "spike", {**configuration, "address": number}),
        step_end=tuple(end), source=source, status=status,
    )  # fmt: skip
    for part in (spike, step, table):
        part.finish()
    return machine


def _format(table: Table, key: str) -> Format:
    try:
        return parse_format(table.text(key))
    except ValueError as error:
        raise table.error(f"{table.label(key)}: {error}", key) from None


def _rule(table: Table, key: str, names: Names, default: str | None = None) -> Rule:
    text = table.get(key, (str, int), "an integer expression", default)
    try:
        program = compile_program(
            f"value = {text}", registers={}, wires={"value": EXACT}, inputs=dict(names)
        )
    except EquationError as error:
        moved = EquationError(error.message, error.line, max(1, error.column - 8))
        raise table.located(moved, key) from None
    return Rule(str(text), program)


def _branches(
    table: Table, key: str, names: Names, operations: tuple[str, ...], words: bool
) -> tuple[Branch, ...]:
    found = []
    for k, data in enumerate(table.get(key, list, f"a list of tables [[machine.{key}]]")):
        if not isinstance(data, dict):
            raise table.error(f"every entry of machine.{key} is a table", key)
        inner = Table(data, (*table.path, key, str(k)), table.file, table.positions, table.changed)
        push = _rule(inner, "push", names) if words and inner.has("push") else None
        operation = "" if push else inner.choice("operation", operations)
        argument = None if push else _rule(inner, "argument", names)
        idle = inner.flag("idle_only") if words else False
        when = _rule(inner, "when", names, "1")
        found.append(Branch(when, push, operation, argument, idle))
        inner.finish()
    if not found or found[-1].when.program.ranges[0][0] < 1:
        raise table.error(
            f"the last of machine.{key} has a 'when'; leave it out, so that every value means something",
            key,
        )
    return tuple(found)


def _operation(name: str, table: Table, names: Names, number: int, neurons: int) -> Operation:
    def optional(key: str) -> Rule | None:
        return _rule(table, key, names) if table.has(key) else None

    inputs = table.table("inputs", required=False)
    operation = Operation(
        name, table.integer("type", 0, 255, number), table.text("phase"),
        _rule(table, "first", names), _rule(table, "last", names), optional("row"),
        optional("row_last"), {key: _rule(inputs, key, names) for key in inputs.data},
        optional("cycles"), optional("output"), optional("output_when"),
    )  # fmt: skip
    for key in ("first", "last", "row", "row_last"):
        rule = getattr(operation, key)
        low, high = (0, 0) if rule is None else rule.program.ranges[0]
        if low < 0 or high >= neurons:
            raise table.error(
                f"{table.label(key)} can reach {low}..{high}; there are {neurons} addresses, "
                f"0..{neurons - 1}: mask it", key,
            )  # fmt: skip
    table.finish()
    return operation


def check_inputs(table: Table, machine: Machine, neurons: Mapping[str, Neuron]) -> None:
    """ProfileError if an operation gives a neuron's phase something that its input can't hold, or
    names a phase that a neuron has not."""
    for name, operation in machine.operations.items():
        inner = table.table("operation").table(name)
        for neuron in neurons.values():
            if operation.phase not in neuron.phases:
                raise inner.error(
                    f"neuron '{neuron.name}' has no phase '{operation.phase}'", "phase"
                )
            for key, rule in operation.inputs.items():
                form, (low, high) = neuron.inputs.get(key), rule.program.ranges[0]
                if form is not None and not (form.holds(low) and form.holds(high)):
                    raise inner.error(
                        f"input '{key}' can be {low}..{high}; {form} of neuron '{neuron.name}' holds "
                        f"{form.low}..{form.high}: mask it", "inputs",
                    )  # fmt: skip
