"""Which membranes a run is asked for, and whether labels fit its outputs: the same for run and study."""

from __future__ import annotations

from collections.abc import Sequence

from neurohw.errors import InputError
from neurohw.fixed import FixedPopulation
from neurohw.network.inputs import Inputs
from neurohw.network.model import Network

TRACED = 8
"""Neurons of each population whose membrane is recorded, unless the population is read out."""
SAMPLES = 50_000_000
"""Register samples that a run may record."""


def traced(network: Network, moments: int) -> dict[str, Sequence[int]]:
    """Neurons to record over so many ``moments`` (trials times steps): all of a population that is read
    out, the first few of others; none if that would be too many samples."""
    chosen: dict[str, Sequence[int]] = {
        name: range(p.n if name in network.outputs and p.n <= 1000 else min(p.n, TRACED))
        for name, p in network.populations.items() if name not in network.inputs
    }  # fmt: skip
    return chosen if moments * sum(map(len, chosen.values())) <= SAMPLES else {}


def membranes(population: FixedPopulation) -> list[str]:
    """The registers that a population's membrane is read from."""
    meaning = population.meaning
    read = meaning.rules.registers["v"].names if meaning and "v" in meaning.rules.registers else ()
    return [r for r in population.neuron.formats if r in (read or ("v",))]


def check_labels(network: Network, inputs: Inputs) -> None:
    """InputError if the outputs have no neuron for a label."""
    classes = sum(network.populations[name].n for name in network.outputs)
    if inputs.labels is not None and inputs.labels.max() >= classes:
        raise InputError(
            f"a label is {inputs.labels.max()}, the outputs ({', '.join(network.outputs)}) have "
            f"{classes} neurons, 0..{classes - 1}: check the labels or name the right outputs"
        )
