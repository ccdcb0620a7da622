"""Interpreter = kernel = Lava with values on spikes: ternary neurons, graded inputs, all weights."""

import json

import numpy as np
import pytest

from neurohw.chip import load_chip
from neurohw.emulate import emulate, interpret
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.network import Inputs
from neurohw.network.events import Spikes
from neurohw.testing import assert_same, random_inputs, random_network
from neurohw.testing.networks import random_codes

pytest.importorskip("lava")
pytestmark = [pytest.mark.lava, pytest.mark.filterwarnings("default")]

KINDS = ("ternary", "ternary", "lif_reset", "lif", "atrlif", "alif", "lif_refractory")
WIDEST = 2**23 - 1


def in_lava(network, inputs, fast=False):
    from neurohw_backends import lava

    data = lava.program_data(network, inputs)
    results = lava.runtime(network).run(data, fast_delays=fast)
    return lava.as_recording(json.loads(str(data["meta"])), results)


def check(network, inputs, fast=False, kernel=False):
    """``kernel``: the emulator too, which has to compile for each set of neurons."""
    from neurohw_backends.lava import registers_in_lava

    record = registers_in_lava(network)
    expected = interpret(network, inputs, record=record)
    if kernel:
        assert_same(expected, emulate(network, inputs, record=record))
    assert_same(expected, in_lava(network, inputs, fast=fast), counters=False)
    return expected


def population(rng, chip, name, kind, n):
    neuron = chip.neurons[kind]
    codes = random_codes(rng, neuron, n)
    if kind == "ternary":
        size = n if rng.random() < 0.5 else 1
        low, high = rng.integers(-60, 10, size), rng.integers(-10, 60, size)
        codes["vth_lo"], codes["vth_hi"] = np.resize(low, n), np.resize(high, n)
    if kind == "lif_reset":
        size = n if rng.random() < 0.3 else 1  # one for each neuron is beyond Lava's own process
        codes["reset_interval"] = np.resize(rng.integers(0, 9, size), n)
        codes["reset_offset"] = np.resize(rng.integers(0, 30, size), n)
    return FixedPopulation.of(name, n, neuron, codes)


def projection(rng, name, source, target, sizes):
    pre, post = np.nonzero(rng.random((sizes[source], sizes[target])) < rng.choice([0.3, 1.0]))
    if rng.random() < 0.3 and pre.size:  # several synapses of one pair
        again = rng.integers(0, pre.size, 1 + pre.size // 5)
        pre, post = np.append(pre, pre[again]), np.append(post, post[again])
    low, high = ((-256, 255), (-256, 255), (0, 255), (-255, 0), (-40, 40))[rng.integers(5)]
    return FixedProjection.of(
        source, target, pre, post, rng.integers(low, high + 1, pre.size),
        rng.integers(0, int(rng.choice([1, 4, 64])), pre.size), int(rng.integers(-8, 8)), name,
        bits=None if rng.random() < 0.3 else int(rng.integers(0, 10)),
        mode=str(rng.choice(["", "", "mixed", "excitatory", "inhibitory"])),
    )  # fmt: skip


def graded_network(seed, chip):
    rng = np.random.default_rng([seed, 7])
    sizes = {"input": int(rng.integers(1, 12))}
    populations = {}
    for k in range(int(rng.integers(1, 4))):
        kind = "ternary" if k == seed % 2 else str(rng.choice(KINDS))
        populations[f"p{k}"] = population(rng, chip, f"p{k}", kind, int(rng.integers(1, 12)))
        sizes[f"p{k}"] = populations[f"p{k}"].n
    projections = []
    for k in range(int(rng.integers(2, 7))):
        source = "input" if k == 0 else str(rng.choice(list(sizes)))
        target = "p0" if k == 0 else str(rng.choice(list(populations)))
        projections.append(projection(rng, f"q{k}", source, target, sizes))
    inputs = {"input": sizes["input"]}
    return FixedPointNetwork(chip, 1e-3, inputs, populations, tuple(projections))


def graded_inputs(seed, n, steps, trials=1):
    rng = np.random.default_rng([seed, 8])
    trial, step, neuron = np.nonzero(rng.random((trials, steps, n)) < rng.choice([0.1, 0.6]))
    low, high = ((-WIDEST - 1, WIDEST), (-9, 9), (WIDEST - 3, WIDEST), (1, 1))[seed % 4]
    value = rng.integers(low, high + 1, trial.size)
    return Inputs(steps, trials, {"input": Spikes.of(n, trial, step, neuron, value)})


@pytest.mark.parametrize("block", range(10))
def test_random_networks(loihi2, block):
    """50 networks: weights of both signs odd and even, 0 to 9 bits, values up to s24."""
    sent = set()
    for seed in range(5 * block, 5 * block + 5):
        network = graded_network(seed, loihi2)
        inputs = graded_inputs(seed, network.inputs["input"], 30, trials=1 + seed % 2)
        got = check(network, inputs, fast=seed % 3 == 0, kernel=seed % 10 == 0)
        for name, spikes in got.spikes.items():
            if name != "input" and spikes.value is not None:
                sent |= set(spikes.value.tolist())
    assert sent == {-1, 1}


def shown(chip, bits, mode, weights, exponent, values, delay=0):
    """One source for each weight to one neuron, whose current is what arrives."""
    lif = chip.neurons["lif"]
    codes = {**dict.fromkeys(lif.tick.parameters, 0), "du": 4095, "vth": 2**17 - 1}
    n = len(weights)
    network = FixedPointNetwork(
        chip, 1e-3, {"input": n}, {"x": FixedPopulation.of("x", n + 1, lif, codes)},
        (
            FixedProjection.of("input", "x", [*range(n)] * 2, [*range(n), *[n] * n], [*weights] * 2,
                               delay, exponent, bits=bits, mode=mode),
        ),
    )  # fmt: skip
    steps = np.arange(len(values)).repeat(n)
    neuron = np.tile(np.arange(n), len(values))
    spikes = Spikes.of(n, 0 * steps, steps, neuron, np.repeat(values, n))
    return network, Inputs(len(values) + 4, 1, {"input": spikes})


@pytest.mark.parametrize("mode", ["mixed", "excitatory", "inhibitory"])
@pytest.mark.parametrize("bits", [1, 3, 7, 8, 9])
def test_every_width(loihi2, mode, bits):
    weights = {
        "mixed": [-256, -255, -129, -3, -1, 0, 1, 2, 77, 128, 254, 255],
        "excitatory": [0, 1, 2, 3, 127, 128, 200, 255],
        "inhibitory": [-255, -254, -128, -7, -1, 0],
    }[mode]
    exponent = {1: 0, 3: 4, 7: -3, 8: -1, 9: -8}[bits]
    check(*shown(loihi2, bits, mode, weights, exponent, [1, -1, 5, -1000]), fast=bits == 3)


@pytest.mark.parametrize("delay", [0, 2])
@pytest.mark.parametrize(
    "weights", [[255] * 3, [-256, -254, -200], [255, -255, 253, 251], [3, 255]]
)
@pytest.mark.parametrize("bits", [8, 9])
def test_sums_wrap_before_the_right_shift(loihi2, weights, bits, delay):
    """2^23 times 255 times 3 is more than Lava's 32 bits; so is half of it, of doubled weights."""
    values = [WIDEST, -WIDEST - 1, WIDEST // 2, 12345]
    check(*shown(loihi2, bits, "", weights, -1, values, delay), fast=bits == 9)


def test_new_neurons_are_native(loihi2):
    from neurohw_backends import lava

    rng = np.random.default_rng(0)
    codes = {k: population(rng, loihi2, k, k, 3).parameters for k in ("ternary", "lif_reset")}
    codes["lif_reset"] = {k: v[:1].repeat(3) for k, v in codes["lif_reset"].items()}
    populations = {k: FixedPopulation.of(k, 3, loihi2.neurons[k], v) for k, v in codes.items()}
    network = FixedPointNetwork(loihi2, 1e-3, {}, populations, ())
    assert "def tick_" not in lava.program_text(network).split("class LavaRunError")[0]
    built = lava.build(network, Inputs(3))
    names = [type(built.processes[k]).__name__ for k in populations]
    assert names == ["TernaryLIF", "LIFReset"]


@pytest.mark.parametrize("name", ["loihi1", "loihi1:brian2"])
@pytest.mark.parametrize("seed", range(4))
def test_loihi1(name, seed):
    """Generated neurons whose input wraps at 16 bits, every weight shifted by itself."""
    chip = load_chip(name)
    network = random_network(seed, chip, largest=15, kinds=("lif", "li"))
    check(network, random_inputs(seed, network, steps=40, trials=1 + seed % 2), fast=seed % 2 == 1)
