"""``neurohw demo``: a real trained network on a chip, from the file to the report."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from neurohw.cli.options import Commands, command, json_option, place

NETWORKS = {
    "lif": "96 LIF neurons",
    "cuba": "64 current-based LIF neurons",
    "rlif": "recurrent LIF",
}
TRAINED = {"lif": "96.11 %", "cuba": "95.56 %", "rlif": "93.52 %"}
"""Accuracy in snnTorch on the same 540 samples (examples/digits/README.md). There all layers act in
one step; on a chip, and so in the float reference, each layer is a step later and biases are not."""
TRAINED_DT = 1e-4
"""Seconds; what snnTorch's NIR exporter writes its time constants for."""


def add(commands: Commands) -> None:
    parser = command(
        commands, "demo", "run the digits classifier, trained in snnTorch, on Loihi 2",
        "  neurohw demo\n  neurohw demo --verify      also run it in Lava and compare every bit\n"
        "  neurohw demo --network cuba --chip prototype",
    )  # fmt: skip
    parser.add_argument(
        "--network", choices=tuple(NETWORKS), default="lif", help="which classifier"
    )
    parser.add_argument("--chip", default="loihi2", metavar="NAME|FILE.toml", help="default loihi2")
    parser.add_argument("-o", "--output", type=place, default="neurohw-demo", metavar="FOLDER")
    parser.add_argument("--verify", action="store_true", help="run the Lava program too (needs uv)")
    json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from neurohw import files
    from neurohw.chip import load_chip
    from neurohw.cli import console, pipeline
    from neurohw.cli.export import verdict_line, verify, write_program
    from neurohw.errors import CapacityError
    from neurohw.loading import load_inputs, load_network
    from neurohw.study.content import packaged

    began = time.monotonic()
    files.check_folder(options.output)
    chip = load_chip(options.chip)
    network = load_network(
        packaged(f"{options.network}.nir"), dt=TRAINED_DT, integrator="euler"
    ).with_(name=f"digits-{options.network}")
    inputs = load_inputs(packaged("test_data.npz"), network)
    steps = inputs.steps + network.latency()
    outcome = pipeline.carry_out(network, chip, inputs, steps, quiet=options.json)
    output = Path(options.output)
    with console.waiting("writing the report", options.json):
        pipeline.write(
            outcome, output, f"Handwritten digits on {chip.name}", "neurohw demo"
        )  # fmt: skip
    one = inputs.first(1)
    verdict, script, refused = None, None, ""
    try:
        script = write_program(outcome.fixed, one, output / "digits_lava.py", steps)
    except CapacityError as error:
        refused = str(error)
    if options.verify and script is not None:
        with console.waiting("running in Lava", options.json):
            verdict = verify(outcome.fixed, one, script, steps, timeout=600)
    seconds = time.monotonic() - began
    if options.json:
        console.as_json(
            outcome.as_dict()
            | {"script": str(script) if script else None, "lava": verdict, "seconds": seconds}
        )
    else:
        title = f"Handwritten digits, {NETWORKS[options.network]}, on {chip.title}"
        rows = pipeline.summary(outcome)
        rows.insert(2, ("accuracy, in training (snnTorch)", TRAINED[options.network]))
        console.table(title, ("what", "value"), rows)
        console.line(f"report:       {output / 'report.html'}")
        if script is None:
            console.line(f"Lava program: none ({refused})")
        else:
            console.line(f"Lava program: {script}  (uv run {script})")
            console.line(
                verdict_line(verdict) if verdict else "verify it:    neurohw demo --verify"
            )  # fmt: skip
        console.line(f"all this took {seconds:.1f} s")
    return 0 if verdict is None or verdict["identical"] else 1
