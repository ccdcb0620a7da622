"""``neurohw ladder``: what each abstraction costs, from a squid's axon, or from a network, to a chip."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from neurohw.cli.options import (
    Commands,
    chip_options,
    command,
    json_option,
    place,
    positive,
    read_chip,
    read_inputs,
    read_network,
)

if TYPE_CHECKING:
    from neurohw.in_step import Delayed
    from neurohw.ladder import Ladder

SUFFIXES = (".nir", ".h5")
"""Files that are networks; any other name is a model's."""


def add(commands: Commands) -> None:
    parser = command(
        commands, "ladder", "fit each simpler model to the one above, then go down to a chip: what it costs",
        "  neurohw ladder hodgkin_huxley --chip loihi2\n"
        "  neurohw ladder hodgkin_huxley --chip spinnaker1 --dt 1e-4 --plot ladder.png\n"
        "  neurohw ladder wang-buzsaki --chip prototype --simple lif --json\n"
        "  neurohw ladder NET.nir --dt 1e-3 --chip loihi2 --input spikes.npz",
    )  # fmt: skip
    parser.add_argument(
        "network", metavar="MODEL|NET.nir",
        help="a biophysical model that spikes (see neurohw models), or a network, a NIR file",
    )  # fmt: skip
    parser.add_argument(
        "--dt", type=float, metavar="SECONDS",
        help="the chip's time step: by default 1 ms for a model, and that of the network's file",
    )  # fmt: skip
    parser.add_argument("--integrator", choices=("exact", "euler"), help="of a network's author")
    parser.add_argument("--semantics", metavar="NAME", help="of a network's author: snntorch, ...")
    parser.add_argument(
        "--analogue", action="append", default=[], metavar="NODE",
        help="an input node of a network that takes currents (may be repeated)",
    )  # fmt: skip
    chip_options(parser)
    parser.add_argument(
        "--simple", choices=("lif", "alif"), help="the simplest model; by default what fits better"
    )
    parser.add_argument(
        "--duration",
        type=float,
        metavar="SECONDS",
        help="of each of 4 noisy currents (default 0.5)",
    )
    parser.add_argument("--input", metavar="SPIKES.npz", help="input of a network")
    parser.add_argument(
        "--steps", type=positive, metavar="N", help="steps of each trial of a network"
    )
    parser.add_argument(
        "--trials", type=positive, metavar="N", help="noisy currents, or trials of a network"
    )
    parser.add_argument(
        "--fine", type=positive, metavar="N",
        help="start from a network solved N times finer (default 10)",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=int, default=0, help="of the noise, and of chips that draw numbers"
    )
    parser.add_argument(
        "--plot", type=place, metavar="FILE.png", help="draw it (.png, .pdf or .svg)"
    )
    json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from neurohw.cli import console
    from neurohw.cli.late import say
    from neurohw.errors import InputError

    if options.plot and Path(options.plot).suffix.lower() not in {".png", ".pdf", ".svg"}:
        raise InputError(
            f"{options.plot}: can't draw that kind of file; name it .png, .pdf or .svg"
        )
    of_network = Path(options.network).suffix.lower() in SUFFIXES
    _check(options, of_network)
    late = None
    with console.progress("down the ladder", options.json) as bar:
        if of_network:
            late, found = _network(options, bar)
        else:
            found = _model(options, bar)
    if options.plot:
        _save(found, options.plot)
    if options.json:
        console.as_json(found.as_dict())
        return 0
    show(found)
    if late is not None:
        say(late, "chip")
    if options.plot:
        console.line(f"figure: {options.plot}")
    return 0


def _check(options: argparse.Namespace, of_network: bool) -> None:
    """InputError for an option that belongs to the other kind of ladder."""
    from neurohw.errors import InputError

    if of_network:
        if options.input is None:
            raise InputError("a network needs --input SPIKES.npz; or name a model")
        wrong = [k for k in ("simple", "duration") if getattr(options, k) is not None]
    else:
        wrong = [
            k for k in ("input", "steps", "fine", "integrator", "semantics") if getattr(options, k)
        ]
        wrong += ["clip"] if options.clip else []
        wrong += ["analogue"] if options.analogue else []
    if wrong:
        kind = "a network" if of_network else "a model; a network's file ends in .nir"
        raise InputError(f"--{wrong[0]} is not for {kind}; leave it out")


def _model(options: argparse.Namespace, bar: object) -> Ladder:
    from neurohw.ladder import ladder

    given = {
        "dt": options.dt, "duration": options.duration, "trials": options.trials,
        "simple": options.simple,
    }  # fmt: skip
    chosen = {k: v for k, v in given.items() if v is not None}
    return ladder(options.network, read_chip(options), seed=options.seed, progress=bar, **chosen)  # type: ignore[arg-type]


def _network(options: argparse.Namespace, bar: object) -> tuple[Delayed, Ladder]:
    from neurohw.cli.late import quantised
    from neurohw.ladder import network_ladder

    chip, network = read_chip(options), read_network(options)
    inputs, steps = read_inputs(options, network)
    limit = "clip" if options.clip else "error"
    late, fixed = quantised(network, chip, on_limit=limit, scale=options.scale)
    return late, network_ladder(
        late.network, fixed, late.inputs(inputs, steps), steps=steps + late.longest,
        substeps=options.fine or 10, seed=options.seed, progress=bar,  # type: ignore[arg-type]
    )  # fmt: skip


def _save(found: Ladder, path: str) -> None:
    from neurohw.ladder import ladder_figure

    ladder_figure(found).savefig(path, dpi=200)


def show(found: Ladder) -> None:
    """Budget and fits on a terminal."""
    from neurohw.cli import console

    console.line(f"{found.model} on {found.chip}, {1e3 * found.dt:g} ms a step")
    console.line(str(found))
