"""``neurohw quantise``: what a network becomes on a chip, and what that loses."""

from __future__ import annotations

import argparse
from typing import Any

from neurohw.cli.options import (
    Commands,
    chip_options,
    command,
    json_option,
    network_options,
    quantiser_options,
    read_chip,
    read_network,
    read_quantiser,
    show_doubts,
)


def add(commands: Commands) -> None:
    parser = command(
        commands, "quantise", "show what a network becomes in a chip's integers, and what is lost",
        "  neurohw quantise NET.nir --dt 1e-4 --integrator euler --chip loihi2\n"
        "  neurohw quantise NET.nir --dt 1e-4 --chip loihi2 --set weight.bits=4 --json\n"
        "  neurohw quantise NET.nir --dt 1e-4 --chip loihi2 --quantiser calibrated --calibrate SPIKES.npz",
    )  # fmt: skip
    network_options(parser)
    chip_options(parser)
    quantiser_options(parser)
    json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from neurohw.cli import console
    from neurohw.cli.late import quantised, say

    chip = read_chip(options)
    network = read_network(options)
    with console.waiting("quantising", options.json):
        late, fixed = quantised(
            network, chip, on_limit="clip" if options.clip else "error", scale=options.scale,
            **read_quantiser(options, network),
        )  # fmt: skip
    assert fixed.record is not None
    if options.json:
        console.as_json(fixed.record.as_dict())
    else:
        show(fixed)
        if options.quantiser == "plain":
            say(late, "")
        for note in fixed.record.notes if options.quantiser != "plain" else ():
            console.line(note)
        show_doubts(options)
    return 0


def show(fixed: Any) -> None:
    """Print the quantisation table."""
    from neurohw.cli import console

    record = fixed.record
    console.table(
        f"{fixed.name} on {record.chip}: {fixed.neurons:,} neurons, {fixed.synapses:,} synapses",
        ("what", "parameter", "wanted", "on chip", "worst error", "note"), record.rows(),
    )  # fmt: skip
    for clip in record.clips:
        console.line(f"clipped: {clip}")
