"""``neurohw bench``: how fast, beside other simulators on equal networks."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from neurohw.cli.options import Commands, command, place, positive
from neurohw.errors import InputError

if TYPE_CHECKING:
    from neurohw.bench.outcome import Outcome
    from neurohw.chip import Chip
    from neurohw.fixed import FixedPointNetwork

CHOICES = {
    "w1": ("w1",), "w2": ("w2",), "w3": ("w3",), "lava": ("lava", "lava-plain"),
    "microcircuit": ("microcircuit",),
}  # fmt: skip
CHOICES["all"] = tuple(name for names in CHOICES.values() for name in names)
ENGINES = "engines"
NOT_OF_ENGINES = ("chip", "peers", "threads", "seconds", "figure")
"""Options that say nothing there: each engine has its chip, one thread and one peer."""
MICROCIRCUIT_SECONDS = (0.1, 0.5)
"""Warm-up and timed part."""


def add(commands: Commands) -> None:
    parser = command(
        commands, "bench", "measure speed, in turns with NEST, Brian2 and Lava on equal networks",
        "  neurohw bench w2\n"
        "  neurohw bench all --rounds 5 --json bench.json --figure bench.png\n"
        "  neurohw bench microcircuit --scale 1 --seconds 10\n"
        "w1: 10,000 neurons, 10 M synapses; w2: 1,000, 0.1 M; w3: 100,000, 10 M, few spikes;\n"
        "lava: w2 as Lava can have it, with delays and without;\n"
        "engines: each delivery engine beside a kernel written by hand for one chip;\n"
        "microcircuit: Potjans and Diesmann's, 77,169 neurons, 299 M synapses, ours only.\n"
        "A peer runs in the Python that NEUROHW_BENCH_NEST, _BRIAN2 or _LAVA names, else in this one\n"
        "if it is installed here, else in an environment that uv makes. Brian2 needs a C++ compiler.",
    )  # fmt: skip
    parser.add_argument(
        "workload", nargs="?", choices=(*CHOICES, ENGINES), default="w2", metavar="WORKLOAD",
        help=f"{', '.join(CHOICES)}, {ENGINES} (default w2)",
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
    parser.add_argument(
        "--seconds", type=float, default=0.0, metavar="S",
        help="microcircuit: also so many seconds for rates, CV and correlations",
    )  # fmt: skip
    parser.add_argument("--json", type=place, metavar="FILE", help="write every single run here")
    parser.add_argument("--figure", type=place, metavar="FILE", help="write a figure: .png or .svg")
    parser.set_defaults(run=run, unused={k: parser.get_default(k) for k in NOT_OF_ENGINES})


def run(options: argparse.Namespace) -> int:
    from neurohw import files
    from neurohw.bench.contest import chosen_peers
    from neurohw.bench.outcome import missing
    from neurohw.bench.table import COLUMNS, NOTE, rows
    from neurohw.chip import load_chip
    from neurohw.cli import console

    if options.workload == ENGINES:
        return _engines(options)
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


def _engines(options: argparse.Namespace) -> int:
    """Every delivery engine beside its limit, each on the chip that it is for."""
    from dataclasses import asdict

    from neurohw import files
    from neurohw.bench.engines import measure
    from neurohw.bench.table import digits
    from neurohw.cli import console

    for key, default in options.unused.items():
        if getattr(options, key) != default:
            raise InputError(f"bench engines has no --{key}; leave it out")
    found = measure(
        options.rounds, options.scale,
        progress=lambda chip, done, total: _say(f"engines: {chip}, {done + 1} of {total}"),
    )  # fmt: skip
    _clear()
    console.table(
        f"Engines beside their limits, {options.rounds} rounds in turns",
        ("engine", "chip", "ns/event", "limit", "times the limit"),
        [
            (
                e.engine, e.chip, *(digits(1e9 * s / e.events) for s in (e.ours_s, e.limit_s)),
                digits(e.factor),
            ) for e in found
        ],
    )  # fmt: skip
    console.line(
        "limit: the same integers in the same order and nothing else, equal spikes; ticks are in both"
    )
    if options.json:
        text = json.dumps([asdict(e) for e in found], indent=2, allow_nan=False)
        files.write_text(options.json, text + "\n")
        console.line(f"written: {options.json}")
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
        fixed = _microcircuit(options.scale, chip)
        found = alone(name, fixed, MICROCIRCUIT_SECONDS, options.rounds, options.threads, announce)
        if options.seconds:
            _say(f"{name}: {options.seconds:g} s for the statistics")
            _statistics(fixed, options)
        return found
    w = replace(workload(name).scaled(options.scale), threads=options.threads)
    return compete(w, chip, peers, options.rounds, announce)


def _microcircuit(scale: float, chip: Chip) -> FixedPointNetwork:
    """The microcircuit on as many of these chips as it needs."""
    from neurohw.bench.pd14 import initial_v, microcircuit
    from neurohw.bench.workloads import whole_weights
    from neurohw.quantise import quantise

    network = microcircuit(scale)
    used = {"neurons": network.neurons, "synapses": network.synapses}
    chips = max(
        [1, *(-(-n // int(chip.limits[k].value)) for k, n in used.items() if k in chip.limits)]
    )
    return initial_v(quantise(network, whole_weights(chip), chips=chips))


def _statistics(fixed: FixedPointNetwork, options: argparse.Namespace) -> None:
    """Rates, irregularity and synchrony of each population, beside the published rates."""
    import numpy as np

    from neurohw.bench.statistics import against, correlations, interval_cv
    from neurohw.cli import console
    from neurohw.emulate.session import Session

    warmup = round(MICROCIRCUIT_SECONDS[0] / fixed.dt)
    with Session(fixed, threads=options.threads) as session:
        session.run(warmup)
        run = session.run(round(options.seconds / fixed.dt))
        overflows = session.overflows
    rows = []
    for r in against(run):
        cv, pairs = interval_cv(run, r.population), correlations(run, r.population)
        rows.append((
            r.population, f"{r.found:.3f}", f"{r.published:.3f}", f"{r.relative:+.1%}",
            f"{np.mean(cv):.2f}" if cv.size else "-", f"{np.mean(pairs):.4f}" if pairs.size else "-",
            f"{sum(overflows.get(r.population, {}).values()):,}",
        ))  # fmt: skip
    _clear()
    console.table(
        f"microcircuit, {options.seconds:g} s after {MICROCIRCUIT_SECONDS[0]:g} s",
        (
            "population",
            "rate Hz",
            "published",
            "off by",
            "CV of intervals",
            "correlation",
            "overflows",
        ),
        rows,
    )


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
