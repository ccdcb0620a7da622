"""One run from network to report: quantise, emulate, reference, compare, write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from neurohw.chip import Chip
    from neurohw.cli.meant import Meant
    from neurohw.compare import Comparison
    from neurohw.fixed import FixedPointNetwork
    from neurohw.in_step import Delayed
    from neurohw.network import Inputs, Network
    from neurohw.recording import Recording


@dataclass(frozen=True)
class Outcome:
    """Everything a run leaves, as values; ``fine`` and ``fine_comparison`` are of the first trials.

    Recordings are in the network's own steps; ``late`` is what ran on the chip.
    """

    network: Network
    late: Delayed
    fixed: FixedPointNetwork
    inputs: Inputs
    chip: Recording
    reference: Recording | None
    comparison: Comparison | None
    fine: Recording | None
    fine_comparison: Comparison | None

    @property
    def physical(self) -> Recording:
        """The chip's recording with traces in the units of the model."""
        return self.fixed.physical(self.chip)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        assert self.fixed.record is not None
        return {
            "network": self.network.name, "chip": self.fixed.chip.name,
            "neurons": self.fixed.neurons, "synapses": self.fixed.synapses,
            "trials": self.chip.trials, "steps": self.chip.steps, "dt": self.chip.dt,
            "spikes": {k: s.count for k, s in self.chip.spikes.items()},
            "synaptic_events": dict(self.chip.synaptic_events),
            "overflows": {k: dict(v) for k, v in self.chip.overflows.items()},
            "comparison": self.comparison.as_dict() if self.comparison else None,
            "discretisation": self.fine_comparison.as_dict() if self.fine_comparison else None,
            "quantisation": self.fixed.record.as_dict(),
        }  # fmt: skip


def carry_out(
    network: Network, chip: Chip, inputs: Inputs, steps: int, *, clip: bool = False,
    scale: Literal["population", "neuron"] = "population", seed: int = 0,
    reference: bool = True, substeps: int = 10, quiet: bool = False, meant: Meant | None = None,
    quantiser: Mapping[str, Any] = MappingProxyType({}),
) -> Outcome:  # fmt: skip
    """Quantise, run on the chip and in floating point at both steps, and compare.

    ``meant``: the float reference of the same network, inputs and steps, if it was run before.
    ``quantiser``: more of what ``quantise`` takes.
    """
    from neurohw.cli import console
    from neurohw.cli.late import quantised
    from neurohw.cli.meant import mean
    from neurohw.compare import compare
    from neurohw.emulate import emulate
    from neurohw.watched import check_labels, membranes, traced

    check_labels(network, inputs)
    limit: Literal["error", "clip"] = "clip" if clip else "error"
    with console.waiting("quantising", quiet):
        late, fixed = quantised(network, chip, on_limit=limit, scale=scale, **quantiser)
    neurons = traced(network, inputs.trials * steps)
    record = {name: membranes(fixed.populations[name]) for name in neurons}
    with console.progress(f"on {chip.name}", quiet) as bar:
        longer = emulate(
            fixed, late.inputs(inputs, steps), steps=steps + late.longest, record=record,
            neurons=neurons, seed=seed, progress=bar,
        )  # fmt: skip
    on_chip = late.recording(longer, steps)
    if not reference:
        return Outcome(network, late, fixed, inputs, on_chip, None, None, None, None)
    meant = meant or mean(network, inputs, steps, substeps=substeps, quiet=quiet)
    with console.waiting("comparing", quiet):
        comparison = compare(
            meant.reference, fixed.physical(on_chip), outputs=network.outputs, labels=inputs.labels
        )
    return Outcome(
        network, late, fixed, inputs, on_chip, meant.reference, comparison, meant.fine,
        meant.fine_comparison,
    )  # fmt: skip


def write(outcome: Outcome, folder: Path, title: str, command: str) -> None:
    """All files of a run into ``folder``: complete, or none of them."""
    from neurohw import files
    from neurohw.report import run_page

    with files.filling(folder) as place:
        outcome.chip.save(place / "chip.npz")
        if outcome.reference is not None:
            outcome.physical.save(place / "chip_physical.npz")
            outcome.reference.save(place / "reference.npz")
        if outcome.fine is not None:
            outcome.fine.save(place / "fine.npz")
        files.write_text(
            place / "results.json", json.dumps(outcome.as_dict(), indent=2, allow_nan=False) + "\n"
        )
        page = run_page(
            network=outcome.network, fixed=outcome.fixed, inputs=outcome.inputs,
            reference=outcome.reference, chip=outcome.chip, comparison=outcome.comparison,
            fine=outcome.fine, fine_comparison=outcome.fine_comparison, title=title,
            command=command,
        )  # fmt: skip
        files.write_text(place / "report.html", page)
        written = {path.name for path in place.iterdir()}
    for stale in {"chip_physical.npz", "reference.npz", "fine.npz"} - written:
        (folder / stale).unlink(missing_ok=True)  # of an earlier run, not of this one


def summary(outcome: Outcome) -> list[tuple[str, str]]:
    """What a run came to, in a few rows."""
    chip, comparison = outcome.chip, outcome.comparison
    operations = sum(chip.synaptic_events.values())
    rows = [
        ("network", f"{outcome.fixed.neurons:,} neurons, {outcome.fixed.synapses:,} synapses"),
        ("run", f"{chip.trials:,} trials of {chip.steps} steps of {chip.dt:g} s"),
    ]
    if comparison is not None:
        if comparison.accuracy_reference is not None and comparison.accuracy_other is not None:
            rows.append(
                ("accuracy, floating point", f"{100 * comparison.accuracy_reference:.2f} %")
            )
            rows.append((f"accuracy, on {outcome.fixed.chip.name}",
                         f"{100 * comparison.accuracy_other:.2f} %"))  # fmt: skip
        if comparison.same_decision is not None:
            rows.append(("same decision", f"{100 * comparison.same_decision:.2f} % of trials"))
        for name, p in comparison.populations.items():
            if name not in outcome.network.inputs:
                rows.append((f"spikes that agree, {name}", _agreement(p)))
    over = sum(sum(v.values()) for v in chip.overflows.values())
    rows.append(("on-chip overflows", f"{over:,}"))
    rows.append(
        ("synaptic operations", f"{operations:,} ({operations / chip.trials:,.0f} a trial)")
    )
    return rows


def _agreement(p: Any) -> str:
    share = "" if p.agreement is None else f"{100 * p.agreement:.2f} % "
    return f"{share}({p.spikes_reference:,} in float, {p.spikes_other:,} on chip)"
