"""Options that several commands share, and reading what they name."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurohw.chip import Chip
    from neurohw.network import Inputs, Network

Commands = Any
CALIBRATION_TRIALS = 100


def command(
    commands: Commands, name: str, text: str, examples: str = ""
) -> argparse.ArgumentParser:
    """A subcommand with its help and examples."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + ".",
        epilog=f"examples:\n{examples}" if examples else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    return parser


def network_options(parser: argparse.ArgumentParser) -> None:
    """A network file, and what NIR does not say about time."""
    parser.add_argument("network", metavar="NET.nir", help="the network, a NIR file")
    parser.add_argument(
        "--dt", type=float, metavar="SECONDS",
        help="time step of the network; NIR stores none (snnTorch exports for 1e-4), neurohw's files do",
    )  # fmt: skip
    parser.add_argument(
        "--integrator", choices=("exact", "euler"),
        help="how its author steps it: euler for snnTorch and Norse, exact (default) for Nengo, Rockpool",
    )  # fmt: skip
    parser.add_argument(
        "--semantics", metavar="NAME",
        help="how neurons step, reset, compare and pass spikes on: snntorch, norse, sinabs, rockpool, "
        "lava, spinnaker",
    )  # fmt: skip
    parser.add_argument(
        "--analogue", action="append", default=[], metavar="NODE",
        help="an input node that takes currents instead of spikes (may be repeated)",
    )  # fmt: skip


def chip_options(parser: argparse.ArgumentParser) -> None:
    """A chip, changes to its profile, and what to do at its limits."""
    parser.add_argument(
        "--chip", required=True, metavar="NAME|FILE.toml", help="a chip's name, or your own profile"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="changes",
        help="change a value of the profile, such as weight.bits=4 (may be repeated)",
    )  # fmt: skip
    parser.add_argument(
        "--clip", action="store_true",
        help="clip what the chip can't hold (and say so) instead of refusing it",
    )  # fmt: skip
    parser.add_argument(
        "--scale", choices=("population", "neuron"), default="population",
        help="what shares codes per physical unit: a population, or each neuron has its own",
    )  # fmt: skip


def quantiser_options(parser: argparse.ArgumentParser) -> None:
    """How weights become codes, and sample input for quantisers that look at some."""
    parser.add_argument(
        "--quantiser", default="plain", metavar="NAME",
        help="plain (default), percentile, feedback, grouped, calibrated",
    )  # fmt: skip
    parser.add_argument(
        "--calibrate", metavar="SPIKES.npz",
        help="typical input, without labels; its first 100 trials calibrate the quantiser",
    )  # fmt: skip


def read_quantiser(options: argparse.Namespace, network: Network) -> dict[str, Any]:
    """What ``quantise`` is given for these options."""
    from neurohw.loading import load_inputs

    if not options.calibrate:
        return {"method": options.quantiser}
    sample = load_inputs(options.calibrate, network).first(CALIBRATION_TRIALS)
    return {"method": options.quantiser, "calibration": sample}


def run_options(parser: argparse.ArgumentParser) -> None:
    """Inputs, and how much of them to run."""
    parser.add_argument(
        "--input",
        required=True,
        metavar="SPIKES.npz",
        help="spikes or currents, and labels if known",
    )
    parser.add_argument("--steps", type=positive, metavar="N", help="steps of each trial")
    parser.add_argument("--trials", type=positive, metavar="N", help="only the first N trials")


def json_option(parser: argparse.ArgumentParser) -> None:
    """``--json``: machine-readable output, nothing else on stdout."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def positive(text: str) -> int:
    """A whole number from 1."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 1")
    return value


def place(text: str) -> str:
    """The name of a file or folder to write."""
    if not text:
        raise argparse.ArgumentTypeError("is empty; name a place")
    return text


def read_network(options: argparse.Namespace) -> Network:
    """The network that the options name."""
    from neurohw.loading import load_network

    return load_network(
        options.network,
        dt=options.dt,
        integrator=options.integrator,
        semantics=options.semantics,
        analogue=options.analogue,
    )


def show_doubts(options: argparse.Namespace) -> None:
    """Print what the network's file leaves open, and where its framework is known to mislead."""
    import textwrap

    from neurohw.cli import console
    from neurohw.entry import load_backend

    nir = load_backend("nir")
    for doubt in nir.doubts(options.network, dt=options.dt, semantics=options.semantics):
        console.line(textwrap.fill(f"note: {doubt}", 100, subsequent_indent="  "))


def read_chip(options: argparse.Namespace) -> Chip:
    """The chip that the options name, with its changes."""
    from neurohw.chip import load_chip

    return load_chip(options.chip, read_changes(options))


def read_changes(options: argparse.Namespace) -> dict[str, Any]:
    """What ``--set`` changes, by key."""
    return dict(map(_change, options.changes))


def _change(text: str) -> tuple[str, Any]:
    from neurohw.errors import InputError

    key, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"--set {text}: write KEY=VALUE, such as weight.bits=4")
    try:
        return key.strip(), int(value)
    except ValueError:
        return key.strip(), value.strip()


def read_inputs(options: argparse.Namespace, network: Network) -> tuple[Inputs, int]:
    """The inputs, and how many steps to run: theirs, and as many more as spikes need to the outputs.

    Where spikes pass all layers in one step they need none; delays are not waited for.
    """
    from neurohw.loading import load_inputs

    inputs = load_inputs(options.input, network)
    if options.trials:
        inputs = inputs.first(options.trials)
    more = network.latency() if network.semantics.latency else 0
    return inputs, options.steps or inputs.steps + more
