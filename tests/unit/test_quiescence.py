"""Blocks of neurons in which nothing moves are left out, and wake when something comes."""

import numpy as np
import pytest

import neurohw as nh
from neurohw.emulate import interpret
from neurohw.emulate.session import Session
from neurohw.emulate.ticks import BLOCK, WATCH
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.testing import assert_same

N = 2 * BLOCK + 100
CODES = {"du": 3000, "dv": 3000, "vth": 100, "bias_mant": 0, "bias_exp": 0}


@pytest.fixture
def silent(loihi2):
    """A neuron in each block that one input drives, and no drive else."""
    targets = np.array([5, BLOCK + 7, N - 1])
    neurons = FixedPopulation.of("net", N, loihi2.neurons["lif"], CODES)
    synapses = FixedProjection.of("in", "net", [0, 1, 2], targets, [120, 60, 60], [0, 0, 3])
    return FixedPointNetwork(loihi2, 1e-3, {"in": 3}, {"net": neurons}, (synapses,))


def test_what_comes_later_finds_its_neuron(silent):
    ticks = np.array([0, 1, 100, 100, 101, 117, 118, 119, 150])
    channels = np.array([0, 1, 0, 1, 1, 2, 2, 2, 0])
    given = nh.network.events.Spikes.of(3, np.zeros(9, np.int64), ticks, channels)
    inputs = nh.Inputs(170, spikes={"in": given})
    run = nh.emulate(silent, inputs, record={"net": ["u", "v"]}, threads=1)
    assert_same(run, interpret(silent, inputs, record={"net": ["u", "v"]}))
    assert run.spikes["net"].count > 3


def test_blocks_rest_and_wake(silent):
    with Session(silent, threads=1) as session:
        quiet = session.lane.parts[0].kinds[0].held["_quiet"]
        session.run(1)
        assert quiet[:3].all()
        session.step({"in": [1]})
        session.run(1)
        assert quiet[:3].tolist() == [1, 0, 1]
        assert session.register("net", "u")[BLOCK + 7] == 60 << 6
        session.run(8 * WATCH)
        assert quiet[:3].all()


def test_a_block_that_sends_or_overflows_does_not_rest(loihi2):
    """Registers that stand still: a spike each tick from a bias, a membrane at its lower end."""
    for bias, counted in ((200, 0), (-4095, 1)):
        codes = {**CODES, "dv": 0, "bias_mant": bias, "bias_exp": 7 if counted else 6}
        neurons = FixedPopulation.of("net", 9, loihi2.neurons["lif"], codes)
        alone = FixedPointNetwork(loihi2, 1e-3, {}, {"net": neurons}, ())
        inputs = nh.Inputs(100)
        run = nh.emulate(alone, inputs, threads=1)
        assert_same(run, interpret(alone, inputs))
        assert bool(run.overflows) == bool(counted)
        assert counted or run.spikes["net"].count == 900
