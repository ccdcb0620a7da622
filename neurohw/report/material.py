"""Everything that one page is made from, and what follows from it without simulating."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurohw.compare import Comparison, compare, predictions
from neurohw.compare.decisions import decides_by_membrane
from neurohw.fixed import FixedPointNetwork
from neurohw.network import Inputs, Network
from neurohw.recording import Recording

Classes = NDArray[np.int64]


@dataclass(frozen=True)
class Material:
    """What was meant, what the chip holds, and what came out of both.

    ``chip`` holds register codes, ``physical`` the same in units of the float model. ``parts`` are
    the comparisons that the distance from the model consists of, by what causes each; empty without
    the fine reference.
    """

    network: Network
    fixed: FixedPointNetwork
    inputs: Inputs
    reference: Recording | None
    chip: Recording
    physical: Recording
    comparison: Comparison | None
    fine: Recording | None
    parts: dict[str, Comparison]
    decisions: dict[str, Classes]
    title: str
    command: str

    @property
    def layers(self) -> tuple[str, ...]:
        """Spiking populations that are no inputs, in the network's order."""
        inputs = self.network.inputs
        return tuple(
            name for name, p in self.network.populations.items()
            if p.spiking and name not in inputs and name in self.chip.sizes
        )  # fmt: skip

    @property
    def spiking_inputs(self) -> tuple[str, ...]:
        """Inputs that give spikes."""
        fed = [n for n in self.network.inputs if self.network.populations[n].spiking]
        return tuple(n for n in fed if n in self.chip.spikes)

    @property
    def labels(self) -> Classes | None:
        """The right class of each trial, where known and decided."""
        labels = self.inputs.labels
        return labels if labels is not None and labels.size == self.chip.trials else None

    def accuracy(self, name: str) -> float | None:
        """Share of trials that ``name`` (of ``decisions``) decides rightly."""
        if self.labels is None or name not in self.decisions:
            return None
        return float(np.mean(self.decisions[name] == self.labels[: self.decisions[name].size]))

    def trial(self) -> tuple[int, str]:
        """The trial to show, and why that one."""
        if {"float", "chip"} <= set(self.decisions):
            other = np.flatnonzero(self.decisions["float"] != self.decisions["chip"])
            if other.size:
                return int(other[0]), "the first that the two decide differently"
        if self.comparison is not None and self.comparison.divergence is not None:
            return self.comparison.divergence.trial, "the one with the first difference"
        return 0, "the first"

    def common_traces(self) -> Iterator[tuple[str, str]]:
        """(population, variable) of every trace in physical units, membranes first."""
        found = [(p, v) for p, variables in self.physical.traces.items() for v in variables]
        yield from sorted(found, key=lambda item: item[1] != "v")


def material(
    *, network: Network, fixed: FixedPointNetwork, inputs: Inputs, reference: Recording | None,
    chip: Recording, comparison: Comparison | None, fine: Recording | None,
    fine_comparison: Comparison | None, title: str, command: str,
) -> Material:  # fmt: skip
    """Translate the chip's registers, make comparisons that are missing, and read the decisions."""
    physical = fixed.physical(chip)
    runs = {"fine": fine, "float": reference, "chip": physical}
    decisions = {
        name: predictions(run, network.outputs)
        for name, run in runs.items() if run is not None and _decides(run, network)
    }  # fmt: skip
    if reference is not None and comparison is None:
        comparison = compare(reference, physical)
    parts = {}
    if fine is not None and reference is not None and comparison is not None:
        window, tau, cost = comparison.window, comparison.tau, comparison.cost
        # The fine run may have fewer trials; all three parts are told of those.
        few, few_on_chip = reference.first(fine.trials), physical.first(fine.trials)
        if fine_comparison is None:
            fine_comparison = compare(fine, few, window=window, tau=tau, cost=cost)
        parts = {
            "discretisation": fine_comparison,
            "quantisation": compare(few, few_on_chip, window=window, tau=tau, cost=cost),
            "whole": compare(fine, few_on_chip, window=window, tau=tau, cost=cost),
        }
    return Material(
        network, fixed, inputs, reference, chip, physical, comparison, fine, parts, decisions,
        title or f"{network.name} on {fixed.chip.title}", command,
    )  # fmt: skip


def _decides(run: Recording, network: Network) -> bool:
    """Whether the outputs say anything: spikes, or recorded membranes."""
    outputs = network.outputs
    if not outputs or any(name not in run.sizes for name in outputs):
        return False
    spikes = any(run.spikes[name].count for name in outputs if name in run.spikes)
    return spikes or decides_by_membrane(run, outputs)
