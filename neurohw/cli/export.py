"""``neurohw export``: hand a network on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from neurohw.cli.options import (
    Commands,
    chip_options,
    command,
    json_option,
    network_options,
    place,
    positive,
    read_chip,
    read_inputs,
    read_network,
    run_options,
)


def add(commands: Commands) -> None:
    parser = command(commands, "export", "hand a quantised network on to another simulator")
    targets = parser.add_subparsers(title="targets", metavar="TARGET", required=True)
    lava = command(
        targets, "lava", "write a Lava program: a script that 'uv run' executes, and its data",
        "  neurohw export lava NET.nir --dt 1e-4 --chip loihi2 --input spikes.npz -o net.py\n"
        "  neurohw export lava NET.nir --dt 1e-4 --chip loihi2 --input spikes.npz -o net.py --verify",
    )  # fmt: skip
    network_options(lava)
    chip_options(lava)
    run_options(lava)
    lava.add_argument(
        "-o", "--output", type=place, metavar="SCRIPT.py", required=True, help="the script to write"
    )
    lava.add_argument(
        "--verify", action="store_true",
        help="run it in Lava and compare every spike and every register with the emulator",
    )  # fmt: skip
    lava.add_argument(
        "--fast-delays", action="store_true", help="with --verify: a faster delay model"
    )
    lava.add_argument("--python", metavar="PATH", help="with --verify: a Python 3.10 for uv to use")
    lava.add_argument(
        "--timeout",
        type=positive,
        default=600,
        metavar="SECONDS",
        help="with --verify: give up after",
    )
    json_option(lava)
    lava.set_defaults(run=run_lava)
    parser.set_defaults(run=None)


def run_lava(options: argparse.Namespace) -> int:
    from neurohw.cli import console
    from neurohw.quantise import quantise

    chip = read_chip(options)
    network = read_network(options)
    inputs, steps = read_inputs(options, network)
    fixed = quantise(
        network, chip, on_limit="clip" if options.clip else "error", scale=options.scale
    )
    script = write_program(fixed, inputs, Path(options.output), steps)
    answer: dict[str, Any] = {"script": str(script), "data": str(script.with_suffix(".npz"))}
    code = 0
    if options.verify:
        with console.waiting("running in Lava", options.json):
            verdict = verify(
                fixed, inputs, script, steps, timeout=options.timeout, python=options.python,
                fast=options.fast_delays,
            )  # fmt: skip
        answer |= verdict
        code = 0 if verdict["identical"] else 1
    if options.json:
        console.as_json(answer)
        return code
    console.line(f"script: {answer['script']}")
    console.line(f"data:   {answer['data']}")
    if options.verify:
        console.line(verdict_line(answer))
    else:
        console.line(f"run it: uv run {answer['script']}")
    return code


def write_program(fixed: Any, inputs: Any, path: Path, steps: int) -> Path:
    """The Lava script and its data."""
    from neurohw.backend import export

    return export("lava", fixed, inputs, path, steps=steps)


def verify(
    fixed: Any, inputs: Any, script: Path, steps: int, *, timeout: float, python: str | None = None,
    fast: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Run the script in Lava and compare; what was compared, and the first difference if any."""
    from neurohw.compare.divergence import first_divergence
    from neurohw.emulate import emulate
    from neurohw.entry import load_backend

    lava = load_backend("lava")
    theirs = lava.run(script, timeout=timeout, python=python, fast=fast)
    ours = emulate(fixed, inputs, steps=steps, record=lava.registers_in_lava(fixed))
    different = first_divergence(ours, theirs)
    return {
        "lava": theirs.source,
        "identical": different is None,
        "spikes": sum(s.count for s in ours.spikes.values()),
        "values": sum(t.values.size for r in ours.traces.values() for t in r.values()),
        "difference": None if different is None else str(different),
    }


def verdict_line(answer: dict[str, Any]) -> str:
    """The verdict in words."""
    if answer["identical"]:
        return (
            f"verified: {answer['lava']} gives the same {answer['spikes']:,} spikes and "
            f"{answer['values']:,} register values, bit for bit"
        )
    return f"DIFFERENT from {answer['lava']}: {answer['difference']}"
