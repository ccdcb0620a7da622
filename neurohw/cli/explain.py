"""``neurohw explain``: why the chip differs from the model, and what to change first."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

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
    show_doubts,
)

if TYPE_CHECKING:
    from neurohw.explain import Explanation
    from neurohw.fixed import FixedPointNetwork
    from neurohw.mapping.image import ChipImage

ROWS = 10
"""Rows of each table on the terminal; the page has all."""


def add(commands: Commands) -> None:
    parser = command(
        commands, "explain", "say why a chip differs from the model: error budget, causes, what to change",
        "  neurohw explain NET.nir --dt 1e-4 --integrator euler --chip loihi2 --input spikes.npz -o out/\n"
        "  neurohw explain NET.nir --dt 1e-3 --chip ./mychip.toml --input x.npz --set weight.bits=4\n"
        "  neurohw explain NET.nir --dt 1e-3 --chip xylo2 --input x.npz --fine 10 --json",
    )  # fmt: skip
    network_options(parser)
    chip_options(parser)
    quantiser_options(parser)
    run_options(parser)
    parser.add_argument(
        "-o", "--output", type=place, metavar="FOLDER", help="write explanation.html and .json here"
    )
    parser.add_argument("--seed", type=int, default=0, help="for chips that draw random numbers")
    parser.add_argument(
        "--fine", type=positive, default=1, metavar="N",
        help="start from the model solved N times finer: what the time step costs (default 1: not)",
    )  # fmt: skip
    parser.add_argument(
        "--meant", metavar="FRAMEWORK",
        help="start from how this framework steps it: snntorch, norse, sinabs, rockpool, nir, ...",
    )  # fmt: skip
    json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from neurohw import files
    from neurohw.cli import console
    from neurohw.cli.late import quantised, say
    from neurohw.explain import explain
    from neurohw.network.semantics import preset
    from neurohw.watched import check_labels

    semantics = preset(options.meant) if options.meant else None
    if options.output:
        files.check_folder(options.output)
    chip = read_chip(options)
    network = read_network(options)
    inputs, steps = read_inputs(options, network)
    check_labels(network, inputs)
    late, fixed = quantised(
        network, chip, on_limit="clip" if options.clip else "error", scale=options.scale,
        **read_quantiser(options, network),
    )  # fmt: skip
    if late.longest and semantics is not None:
        semantics = semantics.with_(latency=1)  # the network has taken that rung already
    image, unmapped = mapped(fixed)
    with console.progress("taking the chip apart", options.json) as bar:
        found = explain(
            late.network, fixed, late.inputs(inputs, steps), steps=steps + late.longest, image=image,
            semantics=semantics, substeps=options.fine, seed=options.seed, progress=bar,
        )  # fmt: skip
    if options.output:
        write(found, Path(options.output), shlex.join(["neurohw", *sys.argv[1:]]))
    if options.json:
        console.as_json(found.as_dict())
        return 0
    show(found)
    say(late, "chip")
    show_doubts(options)
    if unmapped:
        console.line(f"mapping is left out: {unmapped}")
    if options.output:
        console.line(f"report: {Path(options.output) / 'explanation.html'}")
    return 0


def mapped(fixed: FixedPointNetwork) -> tuple[ChipImage | None, str]:
    """The network on the chip's cores, or why it can't be there."""
    from neurohw.errors import CapacityError
    from neurohw.mapping.map import map_network

    if fixed.chip.cores is None:
        return None, ""
    try:
        return map_network(fixed), ""
    except CapacityError as error:
        return None, str(error)


def write(found: Explanation, folder: Path, command: str) -> None:
    """Page and JSON into ``folder``: both, or none."""
    from neurohw import files
    from neurohw.report.budget import explain_page

    with files.filling(folder) as place:
        text = json.dumps(found.as_dict(), indent=2, allow_nan=False)
        files.write_text(place / "explanation.json", text + "\n")
        files.write_text(place / "explanation.html", explain_page(found, command=command))


def show(found: Explanation) -> None:
    """The budget and what follows from it, on a terminal."""
    from neurohw.cli import console
    from neurohw.explain.explanation import count, margin_text

    title = f"{found.network} on {found.chip}: {found.trials:,} trials of {found.steps:,} steps"
    console.table(title, found.head, found.table())
    console.line("What to change first:")
    for k, text in enumerate(found.advice, 1):
        console.line(textwrap.fill(f"{k}. {text}", console.WIDTH, subsequent_indent="   "))
    console.line()
    if found.divergence is not None:
        console.line(f"First difference: {found.divergence}")
        rows = [
            (str(v.step), v.register, f"{v.chip:,}", _number(v.real), _number(v.chip_physical),
             _number(v.real_physical))
            for v in found.divergence.values
        ]  # fmt: skip
        head = ("step", "register", "chip", "real numbers", "chip, physical", "real, physical")
        console.table("", head, rows)
    if found.causes:
        columns = ("rung", "part", "by itself")
        parts = [(c.rung, c.what, count(c.effect, found.measure)) for c in found.causes[:ROWS]]
        console.table("Each part of a rung alone", columns, parts)
    for name, lines in (
        ("lost", [f"{w.where}: {w.text}" for w in found.worst]),
        ("tightest", [margin_text(m) for m in found.margins if m.bits is not None]),
        ("note", list(found.notes)),
    ):
        for line in lines[:ROWS]:
            console.line(f"{name}: {line}")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.6g}"
