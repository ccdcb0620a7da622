"""A few mutants of each profile must be noticed by its vectors, by their first ticks or words."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from mutants import of_text, profile_data, written
from verdicts import ALIKE, Mutation

from neurohw.chip import load_chip
from neurohw.chip.load import parse_chip

CHIPS = {
    "loihi1": ("own_nengo_*", 14, 1), "loihi1:brian2": ("own_brian_*", 14, 0),
    "loihi2": ("own_[lt]*", 12, 0), "xylo1": ("own_[03]*", 24, 3), "xylo2": ("own_[03]*", 24, 1),
    "spinnaker1": ("own_lif.npz", 10, 42), "tinyodin": ("own_*", 15, 21),
    "odin": ("own_*[12].npz", 5, 1), "ranc": ("c04*", 12, 13), "truenorth:paicore": ("*", 6, 0),
    "reckon": ("own_[12]*", 10, 2),
}  # fmt: skip
"""Files that are read, ticks or words, and the seed of the sample."""
SAMPLE = 5


@pytest.mark.parametrize("name", CHIPS)
def test_mutants_are_noticed(name):
    """Of a sample that is neither refused nor alike in every execution that can be drawn, five are
    noticed before a third one is not: these are the first ticks of few files."""
    files, steps, seed = CHIPS[name]
    mutation = Mutation(name, quick=True, steps=steps, files=[files])
    order = np.random.default_rng(seed).permutation(len(mutation.mutants))
    killed, survived = 0, []
    for k in order.tolist():
        verdict = mutation.verdict(mutation.mutants[k])
        killed += verdict.result == "killed"
        if verdict.result == "survived" and not verdict.how.endswith(ALIKE):
            survived.append(verdict)
        assert len(survived) <= 2, survived
        if killed == SAMPLE:
            return
    pytest.fail(f"{killed} mutants in all")


@pytest.mark.parametrize("name", CHIPS)
def test_written_profile_is_the_profile(name):
    chip, again = load_chip(name), parse_chip(written(profile_data(name)))
    assert {k: (n.programs, n.start) for k, n in again.neurons.items()} == {
        k: (n.programs, n.start) for k, n in chip.neurons.items()
    }
    assert (again.weight, again.machine, again.generators) == (
        chip.weight, chip.machine, chip.generators
    )  # fmt: skip


def test_mutants_of_an_equation():
    found = [m.what for m in of_text("tick", ("tick",), "v = shr0(v, 1) if v > 0 else -1\n", None)]
    assert found == [
        "v > 0: > -> >=", "v > 0: > -> <=", "0 -> 1", "0 -> -1", "shr0(v, 1): -> shrf",
        "shr0(v, 1): -> shrn", "shr0(v, 1): -> shre", "1 -> 2", "1 -> 0", "-1 -> 0", "-1 -> -2",
    ]  # fmt: skip
