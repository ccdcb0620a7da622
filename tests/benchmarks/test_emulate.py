"""How fast, as ratios within one run: `pytest tests/benchmarks --benchmark-only`.

One network in every row: compare the medians of a group, not the seconds.
"""

import numpy as np
import pytest

import neurohw as nh

N, STEPS = 1000, 200


@pytest.fixture(scope="module")
def network():
    """1,000 current-based LIF neurons, 10 % connected with delays, driven by 100 channels."""
    rng = np.random.default_rng(0)
    weight = rng.normal(0.02, 0.1, (N, N)) * (rng.random((N, N)) < 0.1)
    return nh.Network(
        {"in": nh.SpikeInput(100), "net": nh.CubaLIF(N, tau_syn=5e-3, tau_mem=20e-3)},
        [
            nh.Projection.dense("in", "net", rng.normal(0.5, 0.5, (N, 100))),
            nh.Projection.dense("net", "net", weight, delay=1e-3 * rng.integers(0, 16, (N, N))),
        ],
        dt=1e-3,
    )


@pytest.fixture(scope="module")
def inputs():
    rng = np.random.default_rng(1)
    return nh.Inputs.from_dense({"in": rng.random((STEPS, 100)) < 0.1})


@pytest.mark.benchmark(group="1,000 neurons, 100,000 synapses, 200 steps")
def test_kernel(benchmark, network, inputs, loihi2):
    fixed = nh.quantise(network, loihi2)
    run = benchmark(nh.emulate, fixed, inputs)
    assert run.spikes["net"].count


@pytest.mark.benchmark(group="1,000 neurons, 100,000 synapses, 200 steps")
def test_brian2(benchmark, network, inputs):
    run = benchmark.pedantic(nh.reference, (network, inputs), rounds=3, warmup_rounds=1)
    assert run.spikes["net"].count


@pytest.mark.benchmark(group="host")
def test_quantise(benchmark, network, loihi2):
    assert benchmark.pedantic(nh.quantise, (network, loihi2), rounds=3).synapses
