"""``neurohw chips``: which chips there are, and what each one is."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

from neurohw.cli import new, verify
from neurohw.cli.options import Commands, command, json_option

if TYPE_CHECKING:
    from neurohw.chip import Chip

VERBS = new.TAKEN


def add(commands: Commands) -> None:
    parser = command(
        commands, "chips", "list the chips, or show one: equations, numbers, sources",
        "  neurohw chips\n  neurohw chips loihi2\n  neurohw chips loihi1:brian2\n"
        "  neurohw chips loihi2 --show-kernel lif\n  neurohw chips ./mychip.toml\n"
        "  neurohw chips verify --help    replay the vectors that each chip is held to\n"
        "  neurohw chips new --help       start a chip of your own",
    )  # fmt: skip
    parser.add_argument(
        "chip", nargs="?", metavar="NAME|FILE.toml", help="one chip, or NAME:VARIANT"
    )
    parser.add_argument(
        "--show-kernel", metavar="NEURON", help="print the kernel that is generated for a neuron"
    )
    json_option(parser)
    parser.set_defaults(run=run)
    verify.add(commands)
    new.add(commands)


def run(options: argparse.Namespace) -> int:
    from neurohw.chip import load_chip
    from neurohw.cli import console
    from neurohw.cli.show_chip import show
    from neurohw.errors import InputError

    if options.chip is None:
        if options.show_kernel:
            raise InputError(
                "--show-kernel: say of which chip: neurohw chips NAME --show-kernel NEURON"
            )
        _list(options.json)
        return 0
    chip = load_chip(options.chip)
    if options.show_kernel:
        _show_kernel(chip, options.show_kernel)
    elif options.json:
        console.as_json(describe(chip))
    else:
        show(chip)
    return 0


def _list(as_json: bool) -> None:
    from neurohw.cli import console

    chips = verify.shipped()
    if as_json:
        console.as_json([describe(chip) for chip in chips])
        return
    console.table(
        "Chips",
        ("name", "kinds", "neurons", "synapses", "state", "weight", "delay", "oracle", "vectors"),
        [_row(chip) for chip in chips],
    )  # fmt: skip
    console.line("state: bits of the widest register; weight: bits; delay: ticks; k: 1,000, M: 10⁶")
    console.line(
        "neurohw chips NAME (or NAME:VARIANT) shows one, 'chips verify' replays the vectors, "
        "'chips new'\nstarts your own."
    )


def _row(chip: Chip) -> tuple[str, ...]:
    from neurohw.cli import verified

    known = verified.vectors(chip)
    verdict = verify.WORDS.get(known["verdict"], known["verdict"])
    kind, *more = chip.neurons
    name, _, variant = chip.name.partition(":")
    return (
        f"  :{variant}" if variant else name, f"{kind} + {len(more)}" if more else kind,
        _short(neurons(chip)), _short(_limit(chip, "synapses")), str(state_bits(chip)),
        str(chip.weight.bits), f"{chip.delay.low}..{chip.delay.high}", _oracle(chip),
        f"{known['files']}: {verdict}{_elsewhere(known)}" if known["files"] else verdict,
    )  # fmt: skip


def _elsewhere(known: dict[str, Any]) -> str:
    """The variants that a result is of, if it is not of the chip itself."""
    variants = [str(name).partition(":")[2] or str(name) for name in known.get("as", ())]
    return f" as :{', :'.join(variants)}" if variants else ""


def _limit(chip: Chip, name: str) -> int | None:
    return int(chip.limits[name].value) if name in chip.limits else None


def neurons(chip: Chip) -> int | None:
    """Neurons that a chip has: as its profile says, or those of all its cores."""
    cores, each = _limit(chip, "cores"), _limit(chip, "neurons_per_core")
    found = _limit(chip, "neurons")
    return found if found is not None else cores * each if cores and each else None


def state_bits(chip: Chip) -> int:
    """Bits of the widest register."""
    formats = (f for n in chip.neurons.values() for f in n.tick.registers.values())
    return max((f.bits for f in formats), default=0)


def _short(value: int | None) -> str:
    if value is None:
        return "-"
    if value >= 10**6:
        return f"{value / 10**6:.3g}M"
    return f"{value / 1000:.3g}k" if value >= 10**4 else f"{value:,}"


def _oracle(chip: Chip) -> str:
    """The first words of an oracle's name."""
    short = re.split(r"[,(:/]|'s | \d| RTL", chip.oracle.name)[0].strip()
    return short if len(short) <= 14 else f"{short[:13]}…"


def describe(chip: Chip) -> dict[str, Any]:
    """A chip as plain values."""
    from neurohw.cli import verified

    return {
        "name": chip.name, "title": chip.title, "oracle": chip.oracle.__dict__,
        "vectors": verified.vectors(chip), "variants": list(chip.variants),
        "neurons": {
            n.name: {
                "summary": n.summary, "status": n.status, "tick": n.text, "start": n.start_text,
                "phases": dict(n.phase_texts),
                "inputs": {k: str(f) for k, f in (n.inputs or n.tick.inputs).items()},
                "registers": {k: str(f) for k, f in n.tick.registers.items()},
                "parameters": {k: str(f) for k, f in n.tick.parameters.items()},
                "models": list(n.from_physical), "relay": n.relay, "aliased": n.aliased,
            } for n in chip.neurons.values()
        },
        "neuron_limit": neurons(chip), "state_bits": state_bits(chip),
        "delivery": chip.delivery.engine, "latency": chip.delivery.latency,
        "generators": {
            g.name: {"bits": g.bits, "taps": list(g.taps), "lanes": g.lanes, "seed": list(g.seed)}
            for g in chip.generators.values()
        },
        "weight_bits": chip.weight.bits, "weight_exponent": list(chip.weight.exponent),
        "weight_delivered": chip.weight.delivered_text,
        "weight_modes": {m.name: [m.low, m.high, m.step] for m in chip.weight.modes},
        "delay": [chip.delay.low, chip.delay.high],
        "limits": {k: v.__dict__ for k, v in chip.limits.items()}, "sources": dict(chip.sources),
    }  # fmt: skip


def _show_kernel(chip: Chip, name: str) -> None:
    from neurohw.cli import console
    from neurohw.emulate.entries import entry_decorator
    from neurohw.emulate.generate import Kind, Setting, event_source, tick_source
    from neurohw.emulate.ticks import Shape, Tick
    from neurohw.errors import UnknownName

    if name not in chip.neurons:
        raise UnknownName.of(f"neuron of {chip.name}", name, chip.neurons)
    kind, setting = Kind(chip.neurons[name]), Setting(chip.delivery, chip.generators)
    if chip.machine is None and chip.delivery.engine != "ordered":
        shape = Shape(
            frozenset(kind.neuron.tick.parameters),
            dict.fromkeys(kind.neuron.ports, (-(2**15), 2**15 - 1)),
        )
        source = Tick(kind, setting, shape).source()
        console.line(source[source.index(f"{entry_decorator()}def update") :].rstrip())
        return
    for text in (tick_source(kind, setting), event_source(kind, setting)):
        if text:
            console.line(text.rstrip())
