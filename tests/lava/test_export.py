"""Interpreter = kernel = Lava, bit for bit, on random networks; and Lava's own models by name."""

import json
import os

import pytest

from neurohw.chip import load_chip, parse_chip
from neurohw.emulate import emulate, interpret
from neurohw.network import Inputs
from neurohw.testing import assert_same, random_inputs, random_network

pytest.importorskip("lava")
pytestmark = [pytest.mark.lava, pytest.mark.filterwarnings("default")]


def in_lava(network, inputs, steps=None, fast=False):
    from neurohw_backends import lava

    data = lava.program_data(network, inputs, steps=steps)
    results = lava.runtime(network).run(data, fast_delays=fast)
    return lava.as_recording(json.loads(str(data["meta"])), results)


def check(network, inputs, fast=False):
    from neurohw_backends.lava import registers_in_lava

    record = registers_in_lava(network)
    expected = interpret(network, inputs, record=record)
    assert_same(expected, emulate(network, inputs, record=record))
    assert_same(expected, in_lava(network, inputs, fast=fast), counters=False)
    return expected


BLOCKS = int(os.environ.get("NEUROHW_LAVA_BLOCKS", "8"))
"""Of ten networks each. Lava starts processes for every one of them: 20 take half an hour of two cores."""


@pytest.mark.parametrize("block", range(BLOCKS))
def test_random_networks(loihi2, block):
    """Networks of 1 to 500 neurons a population, delays, recurrence, extreme weights."""
    spikes = 0
    for seed in range(10 * block, 10 * block + 10):
        largest = 500 if seed % 10 == 0 else 150 if seed % 10 == 1 else 20
        network = random_network(30_000 + seed, loihi2, largest=largest)
        inputs = random_inputs(seed, network, steps=12 if largest == 500 else 30)
        got = check(network, inputs, fast=seed % 2 == 1)
        spikes += sum(s.count for n, s in got.spikes.items() if n != "input")
    assert spikes > 0


def test_trials_side_by_side(loihi2):
    network = random_network(3, loihi2, largest=20)
    check(network, random_inputs(3, network, steps=30, trials=4))


@pytest.mark.parametrize("seed", range(6))
def test_a_chip_lava_does_not_know(prototype, seed):
    """Every neuron of the prototype as a generated process model, random draws included."""
    network = random_network(seed, prototype, largest=20)
    check(network, random_inputs(seed, network, steps=40, trials=1 + seed % 2))


def test_a_user_profile(tmp_path):
    from neurohw.chip import profile_folder

    text = (profile_folder() / "prototype.toml").read_text()
    changed = text.replace("spike = awake and v > vth", "spike = awake and v >= vth")
    assert changed != text
    network = random_network(1, parse_chip(changed), largest=15, kinds=("lif",))
    check(network, random_inputs(1, network, steps=40))


def test_live_processes_have_their_names(loihi2):
    from neurohw_backends import lava

    network = random_network(2, loihi2, largest=8, kinds=("lif",))
    built = lava.build(network, Inputs(10))
    assert set(network.populations) <= set(built.processes)
    assert type(built.processes["p0"]).__name__ == "LIF"
    assert built.processes["p0"].vth is not None


def test_native_models_are_native(loihi2):
    from neurohw_backends.lava import program_text

    network = random_network(2, loihi2, largest=8, kinds=("lif", "atrlif"))
    assert "def tick_" not in program_text(network).split("class LavaRunError")[0]
    assert load_chip("loihi2").neurons["lif"].lava.model == "native"
