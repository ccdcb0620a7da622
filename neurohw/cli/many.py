"""``neurohw run --chip all``: one network on many chips, in one table."""

from __future__ import annotations

import argparse
import json
import math
import re
import shlex
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurohw.cli.options import read_changes, read_inputs, read_network, read_quantiser

if TYPE_CHECKING:
    from neurohw.chip import Chip
    from neurohw.cli.pipeline import Outcome
    from neurohw.errors import NeurohwError

SHORT = 56
"""Characters of a reason that the table shows: two lines of its column."""


@dataclass(frozen=True)
class Row:
    """One chip: what the run came to, or why there is none."""

    chip: str
    outcome: Outcome | None
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the figures of the table, and the whole reason."""
        if self.outcome is None:
            return {"chip": self.chip, "fits": False, "reason": self.reason}
        chip, comparison = self.outcome.chip, self.outcome.comparison
        worst = worst_error(self.outcome)
        return {
            "chip": self.chip, "fits": True, "reason": "",
            "accuracy": comparison.accuracy_other if comparison else None,
            "accuracy_reference": comparison.accuracy_reference if comparison else None,
            "same_decision": comparison.same_decision if comparison else None,
            "spike_agreement": agreement(self.outcome),
            "worst_error": worst[0] if worst else None,
            "worst_error_at": worst[1] if worst else None,
            "overflows": sum(sum(v.values()) for v in chip.overflows.values()),
            "synaptic_operations": sum(chip.synaptic_events.values()) / chip.trials,
            "clipped": len(self.outcome.fixed.record.clips) if self.outcome.fixed.record else 0,
        }  # fmt: skip

    def cells(self) -> tuple[str, ...]:
        """For the table."""
        d = self.as_dict()
        if not d["fits"]:
            return (self.chip, "no", *["-"] * 5, short(self.reason))
        error = "-" if d["worst_error"] is None else f"{d['worst_error']:.3g}"
        return (
            self.chip, "yes", _percent(d["accuracy"]), _percent(d["spike_agreement"]), error,
            f"{d['overflows']:,}", f"{d['synaptic_operations']:,.0f}",
            f"{d['clipped']} values clipped" if d["clipped"] else "",
        )  # fmt: skip


def short(reason: str) -> str:
    """A reason for the table: of several neurons' reasons the first, cut at a word."""
    inner = re.search(r"no neuron of \S+ can be this (\w+) \((?:\w+: )?(.*)\)$", reason)
    text = f"{inner[1]}: {inner[2]}" if inner else reason
    return textwrap.shorten(text, SHORT, placeholder=" …")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"


def agreement(outcome: Outcome) -> float | None:
    """Share of all neurons' spikes that are in both at the same step; None without any."""
    if outcome.comparison is None:
        return None
    from neurohw.study import metrics

    run = metrics.Run(outcome.network, outcome.fixed, outcome.chip, outcome.comparison)
    return metrics.agreement(run)


def worst_error(outcome: Outcome) -> tuple[float, str] | None:
    """The largest difference of a membrane, in the model's unit, and its population."""
    if outcome.comparison is None:
        return None
    found = [
        (float(p.traces["v"].largest), name)
        for name, p in outcome.comparison.populations.items() if "v" in p.traces
    ]  # fmt: skip
    return max((f for f in found if math.isfinite(f[0])), default=None)


def chosen(text: str) -> list[str]:
    """Names of chips: 'all' that ship, or a list with commas; one name is no list."""
    from neurohw.chip import list_chips
    from neurohw.errors import InputError

    if text == "all":
        return list_chips()
    names = [name.strip() for name in text.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise InputError(f"--chip {text}: a name is missing or there twice; write a,b,c or all")
    return names


def is_many(text: str) -> bool:
    """Whether ``--chip`` names more than one chip."""
    return text == "all" or ("," in text and not Path(text).is_file())


def _load(name: str, changes: dict[str, Any], one_of_all: bool) -> Chip | NeurohwError:
    """A chip, or why it can't be: an error at once only for a name that the user wrote."""
    from neurohw.chip import load_chip
    from neurohw.errors import NeurohwError

    try:
        return load_chip(name, changes)
    except NeurohwError as error:
        if not one_of_all:
            raise
        return error


def run(options: argparse.Namespace) -> int:
    """Run on every chip; the reference is simulated once."""
    from neurohw import files
    from neurohw.cli import console, late, pipeline
    from neurohw.cli.meant import mean
    from neurohw.errors import NeurohwError
    from neurohw.watched import check_labels

    names = chosen(options.chip)
    changes = read_changes(options)
    chips = {name: _load(name, changes, options.chip == "all") for name in names}
    network = read_network(options)
    inputs, steps = read_inputs(options, network)
    check_labels(network, inputs)
    meant = None
    if not options.no_reference:
        meant = mean(network, inputs, steps, substeps=options.fine, quiet=options.json)
    folder = Path(options.output) if options.output else None
    command = shlex.join(["neurohw", *sys.argv[1:]])
    rows = []
    for name, chip in chips.items():
        if isinstance(chip, NeurohwError):
            rows.append(Row(name, None, str(chip)))
            continue
        try:
            outcome = pipeline.carry_out(
                network, chip, inputs, steps, clip=options.clip, scale=options.scale, seed=options.seed,
                reference=meant is not None, meant=meant, quiet=options.json,
                quantiser=read_quantiser(options, network),
            )  # fmt: skip
        except NeurohwError as error:
            rows.append(Row(chip.name, None, str(error)))
            continue
        rows.append(Row(chip.name, outcome))
        if folder is not None:
            with console.waiting(f"writing {chip.name}", options.json):
                title = f"{network.name} on {chip.name}"
                pipeline.write(outcome, folder / chip.name.replace(":", "-"), title, command)
    if folder is not None:
        text = json.dumps([row.as_dict() for row in rows], indent=2, allow_nan=False) + "\n"
        files.write_text(folder / "table.json", text)
    show(rows, f"{network.name}, {inputs.trials:,} trials of {steps} steps", options.json)
    ran = next((row.outcome for row in rows if row.outcome), None)
    if ran is not None and not options.json:
        late.say(ran.late, "network")
    if folder is not None and not options.json:
        console.line(f"written: {folder / 'table.json'} and a folder for each chip that fits")
    return 0


def show(rows: Sequence[Row], title: str, as_json: bool) -> None:
    """Print the table, or JSON."""
    from neurohw.cli import console

    if as_json:
        console.as_json([row.as_dict() for row in rows])
        return
    console.table(
        title,
        ("chip", "fits", "accuracy", "spikes agree", "worst v", "overflows", "operations",
         "why not"),
        [row.cells() for row in rows],
    )  # fmt: skip
    reference = next((r.outcome.comparison.accuracy_reference for r in rows
                      if r.outcome and r.outcome.comparison), None)  # fmt: skip
    if reference is not None:
        console.line(f"accuracy in floating point: {_percent(reference)}")
    console.line(
        "worst v: largest error of a membrane, in the model's unit; operations: synaptic, of a trial"
    )
    if any(row.reason for row in rows):
        console.line("--json gives the whole reason why a network does not fit")
