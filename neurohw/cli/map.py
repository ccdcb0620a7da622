"""``neurohw map``: does it fit, where does everything go, what does it cost."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
)

if TYPE_CHECKING:
    from neurohw.fixed import FixedPointNetwork
    from neurohw.mapping.contest import Entry
    from neurohw.mapping.summary import Summary
    from neurohw.recording import Recording


def add(commands: Commands) -> None:
    parser = command(
        commands, "map", "place a network on a chip's cores: what fits, what it sends, what it costs",
        "  neurohw map NET.nir --dt 1e-4 --integrator euler --chip loihi1\n"
        "  neurohw map NET.nir --dt 1e-4 --chip loihi1 --input x.npz -o out/   run the image, count, price\n"
        "  neurohw map NET.nir --dt 1e-4 --chip loihi1 --compare               every way to divide it\n"
        "  neurohw map NET.nir --dt 1e-4 --chip prototype --set cores.width=8 --set cores.height=8 \\\n"
        "      --set limits.cores.value=64 --set limits.neurons_per_core.value=64",
    )  # fmt: skip
    network_options(parser)
    chip_options(parser)
    quantiser_options(parser)
    parser.add_argument("--input", metavar="SPIKES.npz", help="run the image with these spikes")
    parser.add_argument("--steps", type=positive, metavar="N", help="steps of each trial")
    parser.add_argument("--trials", type=positive, metavar="N", help="only the first N trials")
    parser.add_argument(
        "--method", default="auto", metavar="NAME",
        help="how to divide: auto, chunks, multilevel, scattered, metis, mtkahypar",
    )  # fmt: skip
    parser.add_argument(
        "--placement", default="auto", metavar="NAME",
        help="how to place: auto, identity, curve, swaps, assignment",
    )  # fmt: skip
    parser.add_argument(
        "--objective", default="traffic", metavar="WHAT",
        help="traffic (default), makespan, or weights such as traffic=1,makespan=0.5; the latter two "
        "compare all methods and need --input",
    )  # fmt: skip
    parser.add_argument("--cores", type=positive, metavar="N", help="use at least N cores")
    parser.add_argument("--chips", type=positive, default=1, metavar="N", help="chips side by side")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--compare", action="store_true", help="try every way to divide the network"
    )
    parser.add_argument(
        "-o", "--output", type=place, metavar="FOLDER", help="write the image and pictures here"
    )
    json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from neurohw import files
    from neurohw.cli import console
    from neurohw.cli.late import quantised, say
    from neurohw.errors import InputError
    from neurohw.mapping.activity import activity_of
    from neurohw.mapping.contest import compete, objective_of
    from neurohw.mapping.map import map_network
    from neurohw.mapping.summary import summarise
    from neurohw.mapping.usage import DoesNotFit

    if options.output:
        files.check_folder(options.output)
    objective = objective_of(_objective(options.objective))
    if objective.get("makespan") and not options.input:
        raise InputError("--objective makespan needs the spikes of a run: give --input")
    network, chip = read_network(options), read_chip(options)
    with console.waiting("quantising", options.json):
        late, fixed = quantised(
            network, chip, on_limit="clip" if options.clip else "error", scale=options.scale,
            chips=options.chips, **read_quantiser(options, network),
        )  # fmt: skip
    recording = None
    if options.input:
        inputs, steps = read_inputs(options, network)
        inputs, steps = late.inputs(inputs, steps), steps + late.longest
        registers = _registers(fixed, inputs.trials * steps)
        with console.progress(f"on {chip.name}", options.json) as bar:
            from neurohw.emulate import emulate

            recording = emulate(
                fixed, inputs, steps=steps, seed=options.seed, record=registers, progress=bar
            )
    try:
        if options.compare or set(objective) != {"traffic"}:
            with console.progress("mapping", options.json) as bar:
                entries = compete(
                    fixed, activity=recording, objective=objective, placement=options.placement,
                    cores=options.cores, seed=options.seed, progress=bar,
                )  # fmt: skip
            if entries[0].summary is None:
                map_network(fixed, cores=options.cores)  # raises what does not fit
            summary = entries[0].summary
        else:
            entries = []
            with console.waiting("mapping", options.json):
                image = map_network(
                    fixed, activity=recording, method=options.method, placement=options.placement,
                    cores=options.cores, seed=options.seed,
                )  # fmt: skip
                summary = summarise(image, activity_of(fixed, recording), recording)
    except DoesNotFit as error:
        if not options.json:
            console.line(error.table)
        raise
    assert summary is not None
    same = None
    if recording is not None:
        same = _same(summary, recording, inputs, steps, options.seed)
    if options.output:
        _write(summary, Path(options.output))
    if options.json:
        found = summary.as_dict()
        found["image_equals_network"] = same
        found["compared"] = [_as_dict(e) for e in entries]
        console.as_json(found)
        return 0 if same is not False else 1
    _show(summary, entries, fixed, same)
    say(late, "chip" if options.input else "")
    if options.output:
        console.line(f"image and pictures: {options.output}")
    return 0 if same is not False else 1


def _objective(text: str) -> Any:
    if "=" not in text:
        return text
    from neurohw.errors import InputError

    try:
        return {k.strip(): float(v) for k, v in (part.split("=") for part in text.split(","))}
    except ValueError:
        raise InputError(
            f"--objective {text}: write traffic, makespan, or traffic=1,makespan=0.5"
        ) from None


def _registers(fixed: FixedPointNetwork, steps: int) -> dict[str, list[str]]:
    """All registers, which say who is idle, unless that would fill the memory."""
    if steps * fixed.neurons * 3 > 30_000_000:
        return {}
    return {k: list(p.neuron.tick.registers) for k, p in fixed.populations.items()}


def _same(summary: Summary, recording: Recording, inputs: Any, steps: int, seed: int) -> bool:
    """Whether the image, run by its tables alone, spikes as the network does."""
    from neurohw.emulate import emulate

    found = emulate(summary.image, inputs, steps=steps, seed=seed)
    return all(recording.spikes[k].same_as(found.spikes[k]) for k in recording.spikes)


def _write(summary: Summary, folder: Path) -> None:
    import json

    from neurohw import files
    from neurohw.mapping.store import save_image
    from neurohw.report import mapping
    from neurohw.report.style import png

    with files.filling(folder) as here:
        save_image(summary.image, here / "image.npz")
        files.write_text(here / "map.json", json.dumps(summary.as_dict(), indent=2) + "\n")
        for name in ("occupancy", "traffic", "hops"):
            data, _, _ = png(getattr(mapping, name)(summary))
            with files.replacing(here / f"{name}.png") as stream:
                stream.write(data)


def _show(
    summary: Summary, entries: list[Entry], fixed: FixedPointNetwork, same: bool | None
) -> None:
    from neurohw.cli import console
    from neurohw.mapping.map import mesh_of

    chip, image = fixed.chip, summary.image
    assert chip.cores is not None
    total = mesh_of(chip.cores, fixed.chips).cores
    title = f"{fixed.name} on {chip.name}: {image.cores:,} of {total:,} cores, divided by {image.method}"
    console.table(title, ("a core's", "mean", "most", "limit", "fullest"), summary.rows())
    console.line(
        f"{summary.remote:,.4g} packets a step between cores over {summary.hops_a_packet:.2f} links each, "
        f"{summary.from_host:,.4g} from the host"
    )
    if entries:
        console.table("every way to divide it", COLUMNS, [_row(e) for e in entries])
    if same is not None:
        verdict = "equal to the network's, spike by spike" if same else "NOT equal to the network's"
        console.line(f"the image, run by its own tables: {verdict}")
    if summary.cost is not None:
        console.line(str(summary.cost))
    if summary.counts is not None:
        link, passed = summary.counts.peak_link
        console.line(
            f"busiest link: {summary.counts.mesh.link_name(link)}, {passed:,} packets; busiest core in a "
            f"step: {int(summary.counts.events.max(initial=0)):,} synaptic events"
        )
    if summary.workload is not None:
        w = summary.workload
        console.line(
            f"NeuroBench: {w.parameters:,} parameters, connection sparsity {w.connection_sparsity:.4f}, "
            f"activation sparsity {w.activation_sparsity:.4f},\n  {w.effective_acs:,.1f} effective ACs of "
            f"{w.dense:,.0f} dense a trial, {w.weight_bits:,} bits of weights"
        )
    console.line(f"image {image.hash[:16]}")


COLUMNS = (
    "method",
    "objective",
    "cores",
    "packets/step",
    "links each",
    "step",
    "energy/step",
    "CPU",
)


def _row(e: Entry) -> tuple[str, ...]:
    s = e.summary
    if s is None:
        return (e.method, "does not fit", "-", "-", "-", "-", "-", f"{e.seconds:.2f} s")
    from neurohw.mapping.cost import si

    step = (
        "-" if s.makespan is None else si(s.makespan, "s") if s.timed else f"{s.makespan:,.0f} ops"
    )
    energy = "-"
    if s.cost is not None and s.cost.energy is not None:
        energy = si(s.cost.energy / s.cost.steps, "J")
    return (
        e.method, f"{e.value:.3f}", f"{s.image.cores:,}", f"{s.remote:,.4g}", f"{s.hops_a_packet:.2f}",
        step, energy, f"{e.seconds:.2f} s",
    )  # fmt: skip


def _as_dict(e: Entry) -> dict[str, Any]:
    value = None if e.value == float("inf") else e.value
    found: dict[str, Any] = {
        "method": e.method, "objective": value, "cpu_s": e.seconds, "why_not": e.why_not,
    }  # fmt: skip
    if e.summary is not None:
        found.update(
            cores=e.summary.image.cores, packets_a_step=e.summary.remote,
            hops_a_packet=e.summary.hops_a_packet, makespan=e.summary.makespan,
        )  # fmt: skip
    return found
