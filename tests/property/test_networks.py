"""Random networks: the generated kernels give what the interpreter gives, in every register."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurohw.emulate import emulate, interpret
from neurohw.errors import RegisterOverflow
from neurohw.testing import assert_same, random_inputs, random_network


def both(network, inputs, **options):
    record = {name: list(p.neuron.tick.registers) for name, p in network.populations.items()}
    options = {"record": record, **options}
    try:
        expected = interpret(network, inputs, **options)
    except RegisterOverflow as error:
        with pytest.raises(RegisterOverflow) as got:
            emulate(network, inputs, **options)
        assert str(got.value) == str(error)
        return None
    got = emulate(network, inputs, **options)
    assert_same(expected, got)
    return got


@pytest.mark.parametrize("name", ["loihi2", "prototype"])
@pytest.mark.parametrize("block", range(5))
def test_kernel_equals_interpreter(name, block, request):
    chip = request.getfixturevalue(name)
    spikes = overflows = 0
    for seed in range(20 * block, 20 * block + 20):
        network = random_network(seed, chip, largest=24)
        got = both(network, random_inputs(seed, network, steps=40, trials=1 + seed % 2), seed=seed)
        if got is not None:
            spikes += sum(s.count for n, s in got.spikes.items() if n != "input")
            overflows += sum(sum(v.values()) for v in got.overflows.values())
    assert spikes > 100  # the networks are alive
    assert overflows > 0  # and go to the ends of their registers


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(10**6, 10**7))
def test_more_networks(loihi2, seed):
    network = random_network(seed, loihi2, largest=12, kinds=("lif",))
    both(network, random_inputs(seed, network, steps=25))


def test_large_networks(loihi2):
    for seed in (1, 2):
        network = random_network(seed, loihi2, largest=500, kinds=("lif", "lif_refractory"))
        both(network, random_inputs(seed, network, steps=12))


def test_recording_a_part_changes_nothing(loihi2):
    network = random_network(7, loihi2, largest=30)
    inputs = random_inputs(7, network, steps=50)
    name, population = next(iter(network.populations.items()))
    register = next(iter(population.neuron.tick.registers))
    whole = emulate(network, inputs, record={name: [register]})
    some = np.arange(0, population.n, 2)
    part = emulate(network, inputs, record={name: [register]}, neurons={name: some}, stride=3)
    assert np.array_equal(
        part.trace(name, register).values, whole.trace(name, register).values[:, ::3][:, :, some]
    )
    assert part.trace(name, register).steps().tolist() == list(range(0, 50, 3))
    for key, spikes in whole.spikes.items():
        assert spikes.same_as(part.spikes[key])


def test_progress_in_chunks_changes_nothing(loihi2, monkeypatch):
    """Short chunks and a small spike buffer: the kernel stops and goes on where it was."""
    network = random_network(3, loihi2, largest=40)
    inputs = random_inputs(3, network, steps=60)
    expected = emulate(network, inputs)
    monkeypatch.setattr("neurohw.emulate.run.EVENTS", 1)
    seen = []
    got = emulate(network, inputs, progress=lambda done, total: seen.append((done, total)))
    assert_same(expected, got)
    assert seen[-1] == (60, 60)


def test_trials_are_independent(loihi2):
    network = random_network(11, loihi2, largest=30)
    inputs = random_inputs(11, network, steps=40, trials=3)
    together = emulate(network, inputs)
    first = emulate(network, inputs.first(1))
    for name, spikes in first.spikes.items():
        assert spikes.same_as(together.spikes[name].in_trial(0))


def test_silence_is_skipped_exactly(prototype):
    """A population at rest is not computed, and wakes with its input."""
    network = random_network(5, prototype, largest=30, kinds=("lif",))
    inputs = random_inputs(5, network, steps=150)
    both(network, inputs)


def test_strict_overflow_raises_in_both(loihi2):
    for seed in range(30):
        network = random_network(seed, loihi2, largest=12)
        both(network, random_inputs(seed, network, steps=30), on_overflow="raise")
