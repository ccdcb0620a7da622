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
    sanafe = command(
        targets, "sanafe", "write SANA-FE's architecture and network files of a mapped run",
        "  neurohw export sanafe NET.nir --dt 1e-4 --chip loihi1 --input spikes.npz -o folder/\n"
        "  neurohw export sanafe NET.nir --dt 1e-4 --chip loihi1 --input spikes.npz -o folder/ \\\n"
        "      --verify --python other/bin/python        with sanafe (GPL-3) in another environment",
    )  # fmt: skip
    network_options(sanafe)
    chip_options(sanafe)
    run_options(sanafe)
    sanafe.add_argument("-o", "--output", type=place, metavar="FOLDER", required=True)
    sanafe.add_argument("--method", default="auto", metavar="NAME", help="how to divide, see map")
    sanafe.add_argument("--cores", type=positive, metavar="N", help="use at least N cores")
    sanafe.add_argument(
        "--verify", action="store_true", help="run it in SANA-FE and compare counts and energies"
    )
    sanafe.add_argument("--python", metavar="PATH", help="with --verify: a Python that has sanafe")
    sanafe.add_argument("--timeout", type=positive, default=600, metavar="SECONDS")
    json_option(sanafe)
    sanafe.set_defaults(run=run_sanafe)
    parser.set_defaults(run=None)


def run_lava(options: argparse.Namespace) -> int:
    from neurohw.cli import console
    from neurohw.cli.late import quantised, say

    chip = read_chip(options)
    network = read_network(options)
    inputs, steps = read_inputs(options, network)
    late, fixed = quantised(
        network, chip, on_limit="clip" if options.clip else "error", scale=options.scale
    )
    inputs, steps = late.inputs(inputs, steps), steps + late.longest
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
    say(late, "chip")
    if options.verify:
        console.line(verdict_line(answer))
    else:
        console.line(f"run it: uv run {answer['script']}")
    return code


def run_sanafe(options: argparse.Namespace) -> int:
    from neurohw.cli import console
    from neurohw.cli.late import quantised, say
    from neurohw.emulate import emulate
    from neurohw.entry import load_backend
    from neurohw.errors import InputError
    from neurohw.mapping.cost import cost
    from neurohw.mapping.map import map_network
    from neurohw.mapping.replayed import replay

    chip, network = read_chip(options), read_network(options)
    if chip.prices is None:
        raise InputError(
            f"{chip.name} has no [cost], and SANA-FE needs energies; add them to its profile"
        )
    inputs, steps = read_inputs(options, network)
    late, fixed = quantised(
        network, chip, on_limit="clip" if options.clip else "error", scale=options.scale
    )
    inputs, steps = late.inputs(inputs, steps), steps + late.longest
    with console.waiting("mapping", options.json):
        recording = emulate(fixed, inputs, steps=steps)
        image = map_network(fixed, activity=recording, method=options.method, cores=options.cores)
        run = replay(image, recording)
    sanafe = load_backend("sanafe")
    folder = sanafe.export(
        options.output, run.core, run.connections, run.mesh, chip.prices, spikes=run.spikes
    )
    ours = cost(run.counts(), chip.prices)
    answer: dict[str, Any] = {
        "folder": str(folder), "steps": run.steps, "units": int(run.core.size),
        "host_core": run.host if run.host >= 0 else None, "events": dict(ours.events),
        "energy_J": dict(ours.parts),
    }  # fmt: skip
    same = True
    if options.verify:
        with console.waiting("running in SANA-FE", options.json):
            theirs = sanafe.run(folder, run.steps, options.timeout, options.python)
        known = {k: v for k, v in ours.parts.items() if k in theirs.energy}
        rows = [
            ("spikes", ours.events["spike"], theirs.fired),
            ("synaptic events", ours.events["synapse"], theirs.synaptic_events),
            ("packets", ours.events["packet"], theirs.packets),
            *((f"energy of {k}, J", v, theirs.energy[k]) for k, v in known.items()),
        ]  # fmt: skip
        same = all(abs(a - b) <= 1e-9 * max(abs(a), abs(b)) for _, a, b in rows if a is not None)
        answer |= {"sanafe": theirs.version, "identical": same, "compared": rows}
    if options.json:
        console.as_json(answer)
        return 0 if same else 1
    console.line(f"architecture and network: {answer['folder']}")
    say(late, "chip")
    if options.verify:
        shown = [(k, f"{a:.9g}", f"{b:.9g}") for k, a, b in rows]
        console.table(
            f"a run of {run.steps:,} steps", ("what", "neurohw", f"SANA-FE {theirs.version}"), shown
        )
        console.line("equal to 1e-9" if same else "DIFFERENT")
    return 0 if same else 1


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
