"""What one chip is: equations of every phase, inputs, generators, machine, numbers and sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurohw.chip import Chip
    from neurohw.chip.machine import Branch, Machine, Operation, Rule
    from neurohw.chip.model import Neuron

WIDTH = 100


def show(chip: Chip) -> None:
    """Print everything about a chip."""
    from neurohw.cli import console

    for text in (*_head(chip), ""):
        console.line(text)
    for neuron in chip.neurons.values():
        for text in (*_neuron(neuron, chip), ""):
            console.line(text)
    if chip.weight.delivered_text:
        console.line("a synapse delivers, for a spike of value 1:")
        for text in (*_indented(chip.weight.delivered_text), ""):
            console.line(text)
    if chip.machine is not None:
        for text in (*_machine(chip.machine), ""):
            console.line(text)
    console.table("Numbers", ("what", "value", "source", "status"), list(_numbers(chip)))
    console.table("Sources", ("name", "document"), list(chip.sources.items()))


def _head(chip: Chip) -> Iterator[str]:
    from neurohw.cli import verified

    yield f"{chip.name}: {chip.title}"
    for text in chip.notes.splitlines():
        yield f"  {text}"
    yield from _wrapped("  oracle:   ", chip.oracle.name)
    yield from _wrapped("  claim:    ", chip.oracle.claim)
    known = verified.vectors(chip)
    count = f"{known['files']} files, " if known["files"] else ""
    variants = f", as {', '.join(known['as'])}" if known.get("as") else ""
    yield from _wrapped("  vectors:  ", f"{count}{known['verdict']}{variants}")
    if chip.variants:
        base = chip.name.partition(":")[0]
        yield from _wrapped("  variants: ", ", ".join(f"{base}:{v}" for v in chip.variants))


def _neuron(neuron: Neuron, chip: Chip) -> Iterator[str]:
    yield f"neuron {neuron.name}: {neuron.summary}"
    yield f"  source: {neuron.source} ({neuron.status})"
    if neuron.relay:
        yield "  relay: runs before the other neurons and passes on within the tick"
    inputs = neuron.inputs or neuron.tick.inputs
    yield from _formats("inputs" if len(inputs) > 1 else "input", inputs)
    if neuron.aliased:
        told = (
            f"{neuron.tick.inputs[neuron.aliased]}, the spikes of the neurons aliased to this one"
        )
        yield from _wrapped("  aliased input: ", f"{neuron.aliased} {told}")
    yield from _formats("registers", neuron.tick.registers)
    yield from _formats("parameters", neuron.tick.parameters)
    yield from _wrapped("  models: ", ", ".join(neuron.from_physical) or "none")
    phases = {"start": neuron.start_text, "tick": neuron.text, **neuron.phase_texts}
    for phase, text in phases.items():
        if text:
            yield f"  {phase} ({_when(phase, chip)}):"
            yield from _indented(text)


def _when(phase: str, chip: Chip) -> str:
    if phase == "start":
        return "before the first tick" if chip.machine is None else "before the first word"
    if chip.machine is not None:
        users = [o.name for o in chip.machine.operations.values() if o.phase == phase]
        return f"at the operations {', '.join(users)}" if len(users) > 1 else f"at {users[0]}"
    if phase == "tick":
        return "every tick"
    return {
        "source": "at each synaptic event", "index": "once for each index whose sources spiked",
    }[chip.delivery.order]  # fmt: skip


def _formats(label: str, formats: Mapping[str, Any]) -> Iterator[str]:
    if formats:
        yield from _wrapped(f"  {label}: ", ", ".join(f"{k} {f}" for k, f in formats.items()))


def _wrapped(label: str, text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(
        text, WIDTH, initial_indent=label, subsequent_indent=" " * len(label), break_on_hyphens=False
    ) or [label.rstrip()]  # fmt: skip


def _indented(text: str) -> list[str]:
    return [f"    {line}" if line else "" for line in text.splitlines()]


def _machine(m: Machine) -> Iterator[str]:
    yield (
        f"machine: {m.neurons} rows and columns of synapses {m.synapse}; the host sends words {m.word}; "
        f"a queue holds {m.queue} items {m.item}"
    )
    for name, form in m.configuration.items():
        yield f"  configuration {name} {form} = {m.defaults[name]}"
    for label, branches in (("a word", m.receive), ("an item of the queue", m.serve)):
        yield f"  {label}, the first that holds:"
        for branch in branches:
            yield from _wrapped("    ", _branch(branch))
    for operation in m.operations.values():
        yield from _operation(operation)
    yield from _wrapped(
        "  a spike of `neuron`: ",
        f"pushes {m.spike_push.text} unless {m.spike_unless.text}; sends {m.spike_output.text} to the "
        f"host when {m.spike_output_when.text}",
    )
    ends = ", ".join(map(str, m.step_end)) or "none"
    yield f"  in time steps: the word {m.step_spike.text} for a spike of `address`, at the end {ends}"


def _branch(branch: Branch) -> str:
    given = "" if branch.argument is None else f" of {branch.argument.text}"
    does = f"operation {branch.operation}{given}" if branch.operation else ""
    if branch.push is not None:
        does = f"push {branch.push.text}"
    idle = ", once the queue is empty" if branch.idle_only else ""
    return f"when {branch.when.text}: {does}{idle}"


def _operation(o: Operation) -> Iterator[str]:
    def more(label: str, rule: Rule | None) -> str:
        return "" if rule is None else f"; {label} {rule.text}"

    rows = more("row", o.row) + more("to row", o.row_last)
    inputs = "".join(f"; {name} = {rule.text}" for name, rule in o.inputs.items())
    sends = more("sends", o.output) + (more("when", o.output_when) if o.output else "")
    yield from _wrapped(
        f"  operation {o.name} ({o.kind}): ",
        f"{o.phase} on neurons {o.first.text} to {o.last.text}{rows}{inputs}{sends}"
        f"{more('cycles', o.cycles)}",
    )


def _numbers(chip: Chip) -> Iterator[tuple[str, str, str, str]]:
    w, d, e = chip.weight, chip.delay, chip.delivery
    weight, delivery = (w.source, w.status), (e.source, e.status)
    yield ("weight bits", str(w.bits), *weight)
    yield ("weight exponent", f"{w.exponent[0]}..{w.exponent[1]}", *weight)
    if w.mantissa is not None:
        yield ("weight mantissa", f"{w.mantissa}", *weight)
    for m in w.modes:
        yield (f"weights {m.name}", f"{m.low}..{m.high} by {m.step}", *weight)
    yield ("right shift", f"of each {w.right_shift}", *weight)
    yield ("delay (ticks)", f"{d.low}..{d.high}, each {d.where}", d.source, d.status)
    order = f", by {e.order}" if e.engine == "ordered" else ""
    yield ("delivery", f"{e.engine}{order}, latency {e.latency}", *delivery)
    yield ("a spike carries", f"{e.payload}, an input's {e.input_payload}", *delivery)
    if chip.machine is not None:
        queue = chip.machine
        yield ("queue", f"{queue.queue} items {queue.item}, words {queue.word}", *delivery)
    for g in chip.generators.values():
        lanes = f", {g.lanes} lanes" if g.lanes > 1 else ""
        seed = ", ".join(map(str, g.seed))
        yield (
            f"random {g.name}", f"{g.bits} bits a draw, taps {g.taps[0]} and {g.taps[1]}{lanes}, "
            f"seed {seed}", g.source, g.status,
        )  # fmt: skip
    for key, v in chip.limits.items():
        yield (key.replace("_", " "), f"{int(v.value):,}", v.source, v.status)
