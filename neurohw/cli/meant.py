"""What a network is meant to do: the float reference of a run, the same for every chip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurohw.compare import Comparison
    from neurohw.network import Inputs, Network
    from neurohw.recording import Recording

TRACED = 8
"""Neurons of each population whose membrane is recorded, unless the population is read out."""
FINE_TRIALS = 20
"""Trials that the fine reference runs: it tells discretisation from quantisation, not accuracy."""
SAMPLES = 50_000_000
"""Register samples that a run may record."""


@dataclass(frozen=True)
class Meant:
    """A network in floating point: at its own step, and of the first trials at a finer one."""

    reference: Recording
    fine: Recording | None
    fine_comparison: Comparison | None


def mean(
    network: Network, inputs: Inputs, steps: int, *, substeps: int = 10, quiet: bool = False
) -> Meant:
    """Run the float reference, which is the same for every chip."""
    from neurohw.compare import compare

    check_labels(network, inputs)
    neurons = recorded(network, inputs, steps)
    record = {name: ["v"] for name in neurons}
    meant = _reference(network, inputs, steps, record, neurons, 1, "in floating point", quiet)
    if substeps < 2:
        return Meant(meant, None, None)
    few = inputs.first(FINE_TRIALS)
    fine = _reference(network, few, steps, {}, {}, substeps, "at a fine step", quiet)
    comparison = compare(fine, meant.first(few.trials), outputs=network.outputs, labels=few.labels)
    return Meant(meant, fine, comparison)


def recorded(network: Network, inputs: Inputs, steps: int) -> dict[str, Sequence[int]]:
    """Neurons whose membrane is recorded; none if that would be too many samples."""
    chosen = _traced(network)
    samples = inputs.trials * steps * sum(map(len, chosen.values()))
    return chosen if samples <= SAMPLES else {}


def check_labels(network: Network, inputs: Inputs) -> None:
    """InputError if the outputs have no neuron for a label."""
    from neurohw.errors import InputError

    classes = sum(network.populations[name].n for name in network.outputs)
    if inputs.labels is not None and inputs.labels.max() >= classes:
        raise InputError(
            f"a label is {inputs.labels.max()}, the outputs ({', '.join(network.outputs)}) have "
            f"{classes} neurons, 0..{classes - 1}: check the labels or name the right outputs"
        )


def _reference(
    network: Network, inputs: Inputs, steps: int, record: Any, neurons: Any, substeps: int,
    label: str, quiet: bool,
) -> Recording:  # fmt: skip
    from neurohw.backend import reference
    from neurohw.cli import console

    with console.progress(label, quiet) as bar:
        return reference(
            network, inputs, steps=steps, record=record, neurons=neurons, substeps=substeps,
            progress=bar,
        )  # fmt: skip


def _traced(network: Network) -> dict[str, Sequence[int]]:
    """Neurons to record: all of a population that is read out, the first few of others."""
    return {
        name: range(p.n if name in network.outputs and p.n <= 1000 else min(p.n, TRACED))
        for name, p in network.populations.items() if name not in network.inputs
    }  # fmt: skip
