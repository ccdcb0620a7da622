"""``neurohw compare``: how far two recordings are apart."""

from __future__ import annotations

import argparse

from neurohw.cli.options import Commands, command, json_option


def add(commands: Commands) -> None:
    parser = command(
        commands, "compare", "compare two recordings: spikes, distances, traces, first divergence",
        "  neurohw compare out/reference.npz out/chip_physical.npz\n"
        "  neurohw compare a.npz b.npz --exact    (exit code 1 if any spike or register differs)",
    )  # fmt: skip
    parser.add_argument("reference", metavar="A.npz", help="a recording, taken as the reference")
    parser.add_argument("other", metavar="B.npz", help="another recording of the same network")
    parser.add_argument("--window", type=float, metavar="SECONDS", help="coincidence window of Γ")
    parser.add_argument("--tau", type=float, metavar="SECONDS", help="van Rossum's time constant")
    parser.add_argument("--cost", type=float, metavar="1/SECONDS", help="Victor and Purpura's cost")
    parser.add_argument(
        "--exact", action="store_true", help="exit with 1 unless all spikes and registers are equal"
    )
    json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from neurohw.cli import console
    from neurohw.compare import compare
    from neurohw.compare.divergence import first_divergence
    from neurohw.recording import load_recording

    reference, other = load_recording(options.reference), load_recording(options.other)
    with console.waiting("comparing", options.json):
        result = compare(
            reference, other, window=options.window, tau=options.tau, cost=options.cost
        )
    if options.json:
        console.as_json(result.as_dict())
    else:
        console.table(
            f"{options.other} against {options.reference}", ("what", "value"), result.rows()
        )
    if options.exact:
        different = first_divergence(reference, other)
        if different is not None:
            if not options.json:
                console.line(f"different: {different}")
            return 1
    return 0
