"""What a network is meant to do: the float reference of a run, the same for every chip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurohw.compare import Comparison
    from neurohw.network import Inputs, Network
    from neurohw.recording import Recording

FINE_TRIALS = 20
"""Trials that the fine reference runs: it tells discretisation from quantisation, not accuracy."""


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
    from neurohw.watched import check_labels, traced

    check_labels(network, inputs)
    neurons = traced(network, inputs.trials * steps)
    record = {name: ["v"] for name in neurons}
    meant = _reference(network, inputs, steps, record, neurons, 1, "in floating point", quiet)
    if substeps < 2:
        return Meant(meant, None, None)
    few = inputs.first(FINE_TRIALS)
    fine = _reference(network, few, steps, {}, {}, substeps, "at a fine step", quiet)
    comparison = compare(fine, meant.first(few.trials), outputs=network.outputs, labels=few.labels)
    return Meant(meant, fine, comparison)


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
