"""``neurohw run``: a network on a chip, against floating point, with a report."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from neurohw.cli.options import (
    Commands,
    chip_options,
    command,
    json_option,
    network_options,
    place,
    positive,
    quantiser_options,
    read_chip,
    read_inputs,
    read_network,
    read_quantiser,
    run_options,
)


def add(commands: Commands) -> None:
    parser = command(
        commands, "run", "run a network on a chip, compare with floating point, write a report",
        "  neurohw run NET.nir --dt 1e-4 --integrator euler --chip loihi2 --input spikes.npz -o out/\n"
        "  neurohw run NET.nir --dt 1e-3 --chip ./mychip.toml --input x.npz --set weight.bits=4 -o out/\n"
        "  neurohw run NET.nir --dt 1e-4 --chip all --input x.npz    one table: loihi1,xylo2 too",
    )  # fmt: skip
    network_options(parser)
    chip_options(parser)
    quantiser_options(parser)
    run_options(parser)
    parser.add_argument(
        "-o", "--output", type=place, metavar="FOLDER", help="write results and report here"
    )
    parser.add_argument("--seed", type=int, default=0, help="for chips that draw random numbers")
    parser.add_argument(
        "--fine", type=positive, default=10, metavar="N",
        help="steps per time step of the fine reference; 1: none (default 10)",
    )  # fmt: skip
    parser.add_argument(
        "--no-reference", action="store_true", help="only the chip, no floating point beside it"
    )
    json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from neurohw import files
    from neurohw.cli import console, late, many, pipeline

    if options.output:
        files.check_folder(options.output)
    if many.is_many(options.chip):
        return many.run(options)
    chip = read_chip(options)
    network = read_network(options)
    inputs, steps = read_inputs(options, network)
    outcome = pipeline.carry_out(
        network, chip, inputs, steps, clip=options.clip, scale=options.scale, seed=options.seed,
        reference=not options.no_reference, substeps=options.fine, quiet=options.json,
        quantiser=read_quantiser(options, network),
    )  # fmt: skip
    if options.output:
        command = shlex.join(["neurohw", *sys.argv[1:]])
        title = f"{network.name} on {chip.name}"
        with console.waiting("writing the report", options.json):
            pipeline.write(outcome, Path(options.output), title, command)
    if options.json:
        console.as_json(outcome.as_dict())
        return 0
    console.table(f"{network.name} on {chip.name}", ("what", "value"), pipeline.summary(outcome))
    late.say(outcome.late, "network")
    if options.output:
        console.line(f"report: {Path(options.output) / 'report.html'}")
    return 0
