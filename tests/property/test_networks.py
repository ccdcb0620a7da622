"""Random networks: the generated kernels give what the interpreter gives, in every register."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurohw.emulate import emulate, interpret, layouts
from neurohw.emulate.layouts import Forced
from neurohw.emulate.run import parts_for
from neurohw.emulate.session import Session
from neurohw.emulate.sparse_rows import SparseBuilder
from neurohw.errors import RegisterOverflow
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.testing import assert_same, random_inputs, random_network
from neurohw.testing.uncompiled import uncompile

LAYOUTS = [
    Forced("flat"), Forced("slots"), Forced("slots", block=64), Forced("deferred"),
    Forced("flat", dense=True), Forced("slots", words=True), Forced("deferred", words=True),
    Forced("deferred", dense=True, block=64), Forced("slots", span=1),
    Forced("slots", words=True, span=3), Forced("slots", block=64, span=2),
]  # fmt: skip


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


@pytest.fixture
def uncompiled(monkeypatch):
    """The generated source as plain Python: what numba makes of it is tested on a few networks."""
    uncompile(monkeypatch)


@pytest.mark.parametrize("name", ["loihi2", "prototype"])
@pytest.mark.parametrize("layout", [None, *LAYOUTS], ids=str)
def test_source_equals_interpreter(name, layout, request, uncompiled, monkeypatch):
    """Every layout on networks that would not choose it; relays or shifted sums decide for some."""
    monkeypatch.setattr(layouts, "FORCED", layout)
    chip = request.getfixturevalue(name)
    spikes = overflows = 0
    start = 1000 * (LAYOUTS.index(layout) + 1 if layout else 0)
    for seed in range(start, start + 30):
        network = random_network(seed, chip, largest=24)
        got = both(network, random_inputs(seed, network, steps=40, trials=1 + seed % 2), seed=seed)
        if got is not None:
            spikes += sum(s.count for n, s in got.spikes.items() if n != "input")
            overflows += sum(sum(v.values()) for v in got.overflows.values())
    assert spikes > 100  # the networks are alive
    assert overflows > 0  # and go to the ends of their registers


@pytest.mark.parametrize("name", ["loihi2", "prototype"])
def test_kernel_equals_interpreter(name, request):
    chip = request.getfixturevalue(name)
    spikes = overflows = 0
    for seed in range(8):
        network = random_network(seed, chip, largest=24)
        got = both(network, random_inputs(seed, network, steps=40, trials=1 + seed % 2), seed=seed)
        if got is not None:
            spikes += sum(s.count for n, s in got.spikes.items() if n != "input")
            overflows += sum(sum(v.values()) for v in got.overflows.values())
    assert spikes > 100  # the networks are alive
    assert overflows > 0  # and go to the ends of their registers


def test_one_weight_a_source_equals_interpreter(loihi2, uncompiled, monkeypatch):
    """Rows of targets alone: one projection from each source, of one weight; spikes with and without
    values."""
    monkeypatch.setattr(layouts, "FORCED", Forced("slots"))
    made, weights = [], SparseBuilder._weights
    monkeypatch.setattr(
        SparseBuilder, "_weights", lambda self: made.append(weights(self)) or made[-1]
    )
    spikes = graded = 0
    for seed in range(40):
        network = random_network(seed, loihi2, largest=24)
        first = {p.source: p for p in reversed(network.projections) if p.synapses}
        one = [replace(p, weight=np.full_like(p.weight, p.weight[0])) for p in first.values()]
        network = replace(network, projections=tuple(one))
        before = len(made)
        got = both(network, random_inputs(seed, network, steps=30), seed=seed)
        if got is not None and len(made) > before:
            assert made[-1][0].size == 0
            spikes += sum(s.count for n, s in got.spikes.items() if n != "input")
            graded += sum(s.value is not None for s in got.spikes.values())
    assert len(made) > 20
    assert spikes > 100
    assert graded > 0


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(10**6, 10**7))
def test_more_networks(loihi2, uncompiled, seed):
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
    monkeypatch.setattr("neurohw.emulate.lane.EVENTS", 1)
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


def test_strict_overflow_raises_in_both(loihi2, uncompiled):
    for seed in range(30):
        network = random_network(seed, loihi2, largest=12)
        both(network, random_inputs(seed, network, steps=30), on_overflow="raise")


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_compiled_layouts_and_threads(loihi2, layout, monkeypatch):
    """Each layout, compiled, in one part and in several, gives the same bits."""
    network = balanced_integers(loihi2, 400, 40)
    options = {"steps": 60, "record": {"net": ["u", "v"]}}
    expected = emulate(network, **options)
    monkeypatch.setattr(layouts, "FORCED", layout)
    for threads in (1, 2, 3):
        assert_same(expected, emulate(network, threads=threads, **options))


def test_a_large_layout_equals_the_interpreter(loihi2):
    network = balanced_integers(loihi2, 400, 40)
    options = {"steps": 60, "record": {"net": ["u", "v"]}}
    got = emulate(network, **options)
    assert got.spikes["net"].count > 200
    assert_same(interpret(network, **options), got)


def test_one_weight_a_source_compiled(loihi2):
    """The same compiled, in one part and in several; the layout is that of W2."""
    whole = balanced_integers(loihi2, 400, 40)
    made = [replace(p, weight=np.where(p.pre < 320, 3, -12)) for p in whole.projections]
    network = replace(whole, projections=tuple(made))
    assert Session(network).engine.layout.sparse.weight.size == 0
    options = {"steps": 60, "record": {"net": ["u", "v"]}}
    expected = interpret(network, **options)
    assert expected.spikes["net"].count > 200
    for threads in (1, 2, 3):
        assert_same(expected, emulate(network, threads=threads, **options))


def balanced_integers(chip, n, k):
    """A recurrent network of two signs with delays, driven by a constant bias."""
    rng = np.random.default_rng(0)
    codes = {"du": 740, "dv": 199, "vth": 2000, "bias_mant": rng.integers(300, 500, n), "bias_exp": 4,
             "refractory": 2}  # fmt: skip
    neurons = FixedPopulation.of(
        "net", n, chip.neurons["lif_refractory"], codes, {"v": rng.integers(0, 2000 * 64, n)}
    )
    pre, post = rng.integers(0, n, (2, n * k))
    weight = np.where(pre < 0.8 * n, rng.integers(1, 9, n * k), -rng.integers(1, 40, n * k))
    delay = rng.integers(0, 16, n * k)
    parts = [
        FixedProjection.of("net", "net", pre[m], post[m], weight[m], delay[m], name=name)
        for name, m in (("e", weight > 0), ("i", weight < 0))
    ]
    return FixedPointNetwork(chip, 1e-3, {}, {"net": neurons}, tuple(parts))


def test_many_events_are_listed_alike(loihi2, monkeypatch):
    """From some number of events on, a compiled pass sorts them by population."""
    network = balanced_integers(loihi2, 400, 40)
    expected = emulate(network, steps=60)
    for many in (-1, 1 << 30):
        monkeypatch.setattr("neurohw.emulate.run.MANY", many)
        for threads in (1, 2, 3):
            assert_same(expected, emulate(network, steps=60, threads=threads))


def test_values_of_several_parts(loihi2):
    """Spikes that carry values are put together from the parts as those are that carry none."""
    network = random_network(6, loihi2, largest=400, kinds=("ternary",))
    assert parts_for(network, 1, 3) == 3
    inputs = random_inputs(6, network, steps=30)
    expected = emulate(network, inputs, threads=1)
    signed = [s for n, s in expected.spikes.items() if n in network.populations]
    assert any(s.value is not None and (s.value < 0).any() for s in signed)
    assert_same(expected, emulate(network, inputs, threads=3))
