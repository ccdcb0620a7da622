"""``neurohw bench``: how fast, beside other simulators on equal networks."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from neurohw.cli.options import Commands, command, place, positive

if TYPE_CHECKING:
    from neurohw.bench.outcome import Outcome
    from neurohw.chip import Chip

CHOICES = {
    "w1": ("w1",), "w2": ("w2",), "w3": ("w3",), "lava": ("lava", "lava-plain"),
    "microcircuit": ("microcircuit",),
}  # fmt: skip
CHOICES["all"] = tuple(name for names in CHOICES.values() for name in names)
MICROCIRCUIT_SECONDS = (0.1, 0.5)
"""Warm-up and timed part."""


def add(commands: Commands) -> None:
    parser = command(
        commands, "bench", "measure speed, in turns with NEST, Brian2 and Lava on equal networks",
        "  neurohw bench w2\n"
        "  neurohw bench all --rounds 5 --json bench.json --figure bench.png\n"
        "  neurohw bench microcircuit --scale 0.1 --peers none\n"
        "w1: 10,000 neurons, 10 M synapses; w2: 1,000, 0.1 M; w3: 100,000, 10 M, few spikes;\n"
        "lava: w2 as Lava can have it, with delays and without;\n"
        "microcircuit: Potjans and Diesmann's, 77,169 neurons, 299 M synapses, ours only.\n"
        "A peer runs in the Python that NEUROHW_BENCH_NEST, _BRIAN2 or _LAVA names, else in this one\n"
        "if it is installed here, else in an environment that uv makes. Brian2 needs a C++ compiler.",
    )  # fmt: skip
    parser.add_argument(
        "workload", nargs="?", choices=tuple(CHOICES), default="w2", metavar="WORKLOAD",
        help=f"{', '.join(CHOICES)} (default w2)",
    )  # fmt: skip
    parser.add_argument(
        "--scale", type=float, default=1.0, metavar="S",
        help="neurons, times this; synapses of each stay (default 1)",
    )  # fmt: skip
    parser.add_argument(
        "--chip", default="loihi2", metavar="NAME|FILE.toml", help="which chip (default loihi2)"
    )
    parser.add_argument(
        "--peers", default="nest,brian2,lava", metavar="A,B|none",
        help="other simulators (default nest,brian2,lava)",
    )  # fmt: skip
    parser.add_argument(
        "--rounds", type=positive, default=3, metavar="N", help="runs of each (default 3)"
    )
    parser.add_argument(
        "--threads", type=positive, default=1, metavar="N", help="of each simulator (default 1)"
    )
    parser.add_argument("--json", type=place, metavar="FILE", help="write every single run here")
    parser.add_argument("--figure", type=place, metavar="FILE", help="write a figure: .png or .svg")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from neurohw import files
    from neurohw.bench.contest import chosen_peers
    from neurohw.bench.outcome import missing
    from neurohw.bench.table import COLUMNS, NOTE, rows
    from neurohw.chip import load_chip
    from neurohw.cli import console

    peers, chip = chosen_peers(options.peers), load_chip(options.chip)
    if options.figure:
        from neurohw.bench.figure import check_path

        check_path(options.figure)
    outcomes = []
    for name in CHOICES[options.workload]:
        outcomes.append(_one(name, chip, peers, options))
    _clear()
    scale = "" if options.scale == 1 else f", scale {options.scale:g}"
    title = (
        f"Speed on {chip.name}{scale}, {options.rounds} round{'s' * (options.rounds > 1)} in turns"
    )
    console.table(title, COLUMNS, rows(outcomes))
    console.line(NOTE)
    for name, reason in missing(outcomes).items():
        console.line(f"missing: {reason if reason.startswith(name) else f'{name}: {reason}'}")
    if options.json:
        text = json.dumps(_as_dict(outcomes, options, chip), indent=2, allow_nan=False)
        files.write_text(options.json, text + "\n")
        console.line(f"written: {options.json}")
    if options.figure:
        _draw(outcomes, options.figure)
        console.line(f"written: {options.figure}")
    return 0


def _one(name: str, chip: Chip, peers: tuple[str, ...], options: argparse.Namespace) -> Outcome:
    """One workload; says on a terminal what it is at.

    Not with a bar or spinner: the thread that draws it would run on the CPU time that is measured.
    """
    from dataclasses import replace

    from neurohw.bench.contest import alone, compete
    from neurohw.bench.workloads import workload

    def announce(simulator: str, done: int, total: int) -> None:
        _say(f"{name}: {simulator}, run {done + 1} of {total}")

    _say(f"{name}: making the network")
    if name == "microcircuit":
        from neurohw.bench.pd14 import initial_v, microcircuit
        from neurohw.quantise import quantise

        fixed = initial_v(quantise(microcircuit(options.scale), chip))
        return alone(name, fixed, MICROCIRCUIT_SECONDS, options.rounds, options.threads, announce)
    w = replace(workload(name).scaled(options.scale), threads=options.threads)
    return compete(w, chip, peers, options.rounds, announce)


def _say(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[2K{text} ...")
        sys.stderr.flush()


def _clear() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[2K")
        sys.stderr.flush()


def _draw(outcomes: list[Outcome], path: str) -> None:
    from neurohw.bench.ceiling import measure_ceiling
    from neurohw.bench.figure import roofline, save
    from neurohw.cli import console

    with console.progress("memory") as bar:
        ceiling = measure_ceiling(bar)
    save(roofline(outcomes, ceiling), path)


def _as_dict(outcomes: list[Outcome], options: argparse.Namespace, chip: Chip) -> dict[str, Any]:
    import os
    import platform

    from neurohw import __version__

    return {
        "neurohw": __version__, "chip": chip.name, "scale": options.scale,
        "rounds": options.rounds, "threads": options.threads,
        "machine": {
            "python": platform.python_version(), "system": platform.system(),
            "architecture": platform.machine(), "cores": os.cpu_count(),
        },
        "workloads": [outcome.as_dict() for outcome in outcomes],
    }  # fmt: skip
