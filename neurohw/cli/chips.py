"""``neurohw chips``: which chips there are, and what each one is."""

from __future__ import annotations

import argparse
from typing import Any

from neurohw.cli.options import Commands, command, json_option


def add(commands: Commands) -> None:
    parser = command(
        commands, "chips", "list the chips, or show one: equations, numbers, sources",
        "  neurohw chips\n  neurohw chips loihi2\n  neurohw chips loihi2 --show-kernel lif\n"
        "  neurohw chips ./mychip.toml",
    )  # fmt: skip
    parser.add_argument("chip", nargs="?", metavar="NAME|FILE.toml", help="one chip")
    parser.add_argument(
        "--show-kernel", metavar="NEURON", help="print the kernel that is generated for a neuron"
    )
    json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from neurohw.chip import list_chips, load_chip
    from neurohw.cli import console
    from neurohw.errors import InputError

    if options.chip is None:
        if options.show_kernel:
            raise InputError(
                "--show-kernel: say of which chip: neurohw chips NAME --show-kernel NEURON"
            )
        chips = [load_chip(name) for name in list_chips()]
        if options.json:
            console.as_json([describe(chip) for chip in chips])
            return 0
        console.table(
            "Chips", ("name", "neurons", "weights", "delays", "verified against"),
            [
                (c.name, ", ".join(c.neurons), f"{c.weight.bits} bits", f"{c.delay.low}..{c.delay.high}",
                 c.oracle.name) for c in chips
            ],
        )  # fmt: skip
        console.line(
            "neurohw chips NAME shows one; a chip of your own is a copy of prototype.toml."
        )
        return 0
    chip = load_chip(options.chip)
    if options.show_kernel:
        _show_kernel(chip, options.show_kernel)
    elif options.json:
        console.as_json(describe(chip))
    else:
        _show(chip)
    return 0


def describe(chip: Any) -> dict[str, Any]:
    """A chip as plain values."""
    return {
        "name": chip.name, "title": chip.title, "oracle": chip.oracle.__dict__,
        "neurons": {
            n.name: {
                "summary": n.summary, "status": n.status, "tick": n.text,
                "registers": {k: str(f) for k, f in n.tick.registers.items()},
                "parameters": {k: str(f) for k, f in n.tick.parameters.items()},
                "models": list(n.from_physical),
            } for n in chip.neurons.values()
        },
        "weight_bits": chip.weight.bits, "weight_exponent": list(chip.weight.exponent),
        "weight_modes": {m.name: [m.low, m.high, m.step] for m in chip.weight.modes},
        "delay": [chip.delay.low, chip.delay.high],
        "limits": {k: v.__dict__ for k, v in chip.limits.items()}, "sources": dict(chip.sources),
    }  # fmt: skip


def _show_kernel(chip: Any, name: str) -> None:
    from neurohw.cli import console
    from neurohw.emulate.generate import tick_source
    from neurohw.errors import UnknownName

    if name not in chip.neurons:
        raise UnknownName.of(f"neuron of {chip.name}", name, chip.neurons)
    console.line(tick_source(chip.neurons[name]).rstrip())


def _show(chip: Any) -> None:
    from neurohw.cli import console

    console.line(f"{chip.name}: {chip.title}")
    for text in chip.notes.splitlines():
        console.line(f"  {text}")
    console.line(f"  oracle: {chip.oracle.name}")
    console.line(f"  claim:  {chip.oracle.claim}")
    console.line()
    for neuron in chip.neurons.values():
        console.line(f"neuron {neuron.name}: {neuron.summary}")
        console.line(f"  source: {neuron.source} ({neuron.status})")
        for label, formats in (
            ("input", neuron.tick.inputs), ("registers", neuron.tick.registers),
            ("parameters", neuron.tick.parameters),
        ):  # fmt: skip
            listed = ", ".join(f"{k} {f}" for k, f in formats.items())
            console.line(f"  {label}: {listed}")
        console.line(f"  models: {', '.join(neuron.from_physical) or 'none'}")
        for text in neuron.start_text.splitlines():
            console.line(f"    (before the first tick) {text}")
        for text in neuron.text.splitlines():
            console.line(f"    {text}")
        console.line()
    w, d = chip.weight, chip.delay
    rows = [
        ("weight bits", str(w.bits), w.source, w.status),
        ("weight exponent", f"{w.exponent[0]}..{w.exponent[1]}", w.source, w.status),
        *((f"weights {m.name}", f"{m.low}..{m.high} by {m.step}", w.source, w.status) for m in w.modes),
        ("delay (ticks)", f"{d.low}..{d.high}, each {d.where}", d.source, d.status),
        ("delivery", f"{chip.delivery.engine}, {chip.delivery.latency} tick", chip.delivery.source,
         chip.delivery.status),
        *((k.replace("_", " "), f"{int(v.value):,}", v.source, v.status) for k, v in chip.limits.items()),
    ]  # fmt: skip
    console.table("Numbers", ("what", "value", "source", "status"), rows)
    console.table("Sources", ("name", "document"), list(chip.sources.items()))
