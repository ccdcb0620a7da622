"""A chip taken apart is the chip when everything is on, and its budget sums to the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurohw as nh
from neurohw.equations.interpret import execute
from neurohw.explain.arithmetic import Evaluator, down, settled, stored, times
from neurohw.explain.distance import Distance
from neurohw.explain.ladder import ON, Stage, rungs
from neurohw.explain.settings import Settings
from neurohw.explain.twin import Twin
from neurohw.network.events import Spikes
from neurohw.recording import Recording
from neurohw.testing import random_neuron
from neurohw.testing.networks import random_values

STEPS, TRIALS = 25, 2
EVERYTHING = ON["overflow"]


def population(kind: str, n: int, rng: np.random.Generator) -> nh.Population:
    def some(low: float, high: float):
        return rng.uniform(low, high, n if rng.random() < 0.5 else 1)

    tau, slow, bias = some(4e-3, 3e-2), some(4e-3, 3e-2), some(-0.3, 0.3)
    if kind == "LIF":
        return nh.LIF(n, tau=tau, r=5.0, v_leak=0.1, v_reset=0.1, bias=bias)
    if kind == "CubaLIF":
        return nh.CubaLIF(n, tau_syn=slow, tau_mem=tau, r=5.0, bias=bias)
    if kind == "IF":
        return nh.IF(n, r=300.0, bias=bias)
    if kind == "LI":
        return nh.LI(n, tau=tau, bias=bias)
    if kind == "CubaLI":
        return nh.CubaLI(n, tau_syn=slow, tau_mem=tau)
    if kind == "ALIF":
        return nh.ALIF(n, tau=tau, tau_adapt=3e-2, adaptation=0.2, r=5.0)
    return nh.ATRLIF(
        n, tau_syn=5e-3, tau_mem=1e-2, tau_adapt=5e-2, tau_ref=5e-3, adaptation=0.1, r=5.0
    )


def random_float_network(seed: int, kinds: tuple[str, ...], delays: bool = True) -> nh.Network:
    """Populations of these kinds behind spikes, currents and each other, with delays and biases."""
    rng = np.random.default_rng(seed)
    populations: dict[str, nh.Population] = {"in": nh.SpikeInput(int(rng.integers(1, 6)))}
    populations["current"] = nh.CurrentInput(2)
    for k, kind in enumerate(kinds):
        populations[f"p{k}"] = population(kind, int(rng.integers(1, 6)), rng)
    projections = []
    for name in list(populations)[2:]:
        spiking = [k for k, p in populations.items() if p.spiking]
        sources = ["in", str(rng.choice(spiking)), *(["current"] if rng.random() < 0.5 else [])]
        for source in dict.fromkeys(sources):
            shape = (populations[name].n, populations[source].n)
            delay = rng.integers(0, 4, shape) * 1e-3 if delays and rng.random() < 0.5 else 0.0
            size = 0.5 if source != "current" else 0.05
            projections.append(
                nh.Projection.dense(source, name, rng.normal(size, 2 * size, shape), delay)
            )
    return nh.Network(populations, projections, dt=1e-3)


def inputs_for(net: nh.Network, seed: int) -> nh.Inputs:
    rng = np.random.default_rng([seed, 1])
    n = net.populations["in"].n
    return nh.Inputs.from_dense(
        {"in": rng.random((TRIALS, STEPS, n)) < 0.3},
        {"current": rng.normal(0.0, 1.0, (TRIALS, STEPS, 2))},
    )


CHIPS = {
    "prototype": ("LIF", "CubaLIF", "IF", "LI", "CubaLI", "ALIF"),
    "loihi1": ("LIF", "CubaLIF", "IF", "LI"),
    "loihi2": ("LIF", "CubaLIF", "IF", "ATRLIF"),
    "spinnaker1": ("LIF", "CubaLIF", "LI"),
    "truenorth": ("LIF", "IF", "LI"),
}
NARROW = {
    "neuron.lif.registers": {"i": "s9 wrap", "v": "s8 clamp", "wait": "u4"},
    "neuron.lif.inputs": {"syn": "s10 clamp"},
}


def same_as_chip(chip: nh.Chip, seed: int, kinds: tuple[str, ...]) -> int:
    """Whether the twin with everything on is the definition of the chip; how often it overflowed."""
    net = random_float_network(seed, kinds, delays=chip.delay.where == "synapse")
    inputs = inputs_for(net, seed)
    fixed = nh.quantise(net, chip, on_limit="clip")
    record = {k: list(p.neuron.tick.registers) for k, p in fixed.populations.items()}
    expected = nh.interpret(fixed, inputs, record=record, seed=seed)
    probes = {k: (r, range(fixed.populations[k].n)) for k, r in record.items()}
    got = Twin.of(net, fixed, inputs, STEPS, seed).run(EVERYTHING, probes)
    for name in fixed.populations:
        assert expected.spikes[name].same_as(got.spikes[name])
        for register, trace in expected.traces[name].items():
            np.testing.assert_array_equal(trace.values, got.traces[name][register].values)
    return sum(sum(v.values()) for v in expected.overflows.values())


@pytest.mark.parametrize("name", CHIPS)
@settings(max_examples=5, deadline=None, derandomize=True)
@given(data=st.data(), seed=st.integers(0, 10**6))
def test_everything_on_is_the_chip(name, data, seed):
    kinds = data.draw(st.lists(st.sampled_from(CHIPS[name]), min_size=1, max_size=2))
    same_as_chip(nh.load_chip(name), seed, tuple(kinds))


def test_everything_on_is_the_chip_where_it_overflows():
    chip = nh.load_chip("prototype", NARROW)
    assert sum(same_as_chip(chip, seed, ("LIF", "CubaLIF")) for seed in range(6)) > 100


@settings(max_examples=100, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6))
def test_expressions_are_those_of_the_definition(seed):
    neuron = random_neuron(seed)
    rng = np.random.default_rng(seed)
    program, n = neuron.tick, 6
    formats = {**program.registers, **program.parameters, **program.inputs}
    values = {k: random_values(rng, f, n) for k, f in formats.items()}
    cell = {**program.constants, **{k: v[None, :] for k, v in values.items()}}
    for assign in program.assigns:
        made = Evaluator(cell, program.tables, ("", 0), True, lambda b, s: 0).of(assign.value)
        form = program.targets[assign.target]
        cell[assign.target] = settled(stored(made, form), (1, n))
    for j in range(n):
        one = {k: int(v[j]) for k, v in values.items()}
        try:
            execute(program, one)
        except OverflowError:
            continue
        for target in program.targets:
            if target in one:
                assert one[target] == cell[target][0, j]


@given(
    x=st.integers(-(2**70), 2**70), y=st.integers(-(2**70), 2**70), n=st.integers(0, 40),
    name=st.sampled_from(["shr0", "shrf", "shrn", "shre"]),
)  # fmt: skip
def test_products_beyond_64_bits_are_exact(x, y, n, name):
    from neurohw.equations.primitives import PRIMITIVES

    a, b = (np.array([v], object) for v in (x, y))
    assert times(a, b)[0] == x * y
    assert int(down(times(a, b), n, name)[0]) == PRIMITIVES[name].define(x * y, n)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 8))
def test_shares_sum_to_the_whole(seed, count):
    """Of any recordings, also where errors make up for one another."""
    rng = np.random.default_rng(seed)

    def recording() -> Recording:
        raster = rng.random((2, 9, 3)) < rng.choice([0.0, 0.2, 0.6])
        return Recording(1e-3, 9, 2, {"a": 3}, {"a": Spikes.from_dense(raster)})

    top = recording()
    below = [Stage(f"{k}", recording() if rng.random() < 0.8 else None) for k in range(count)]
    found, measure, start = rungs(top, below, ["a"], (), None)
    assert start.changed == 0
    last = [s.recording for s in below if s.recording] or [top]
    a, b = (r.spikes["a"].dense(2, 9) for r in (top, last[-1]))
    if measure == "spikes":
        assert sum(r.share for r in found) == found[-1].whole.changed == np.sum(a != b)
    assert all(isinstance(r.direct, Distance) for r in found)


def test_the_reference_is_the_author_with_the_references_choices():
    """Two independent steppings of one model: neurohw's own and brian2's."""
    from neurohw.explain.author import step_as
    from neurohw.network.semantics import Semantics

    for integrator in ("exact", "euler"):
        net = random_float_network(5, ("LIF", "CubaLIF", "IF", "LI", "CubaLI", "ALIF"))
        net = net.with_(integrator=integrator)
        inputs = inputs_for(net, 5)
        record = {k: ["v"] for k in net.populations if k not in net.inputs}
        expected = nh.reference(net, inputs, record=record)
        got = step_as(net, inputs, STEPS, Semantics(integrator=integrator), record)
        assert sum(expected.spikes[k].count for k in record) > 20
        for name in record:
            assert expected.spikes[name].same_as(got.spikes[name])
            np.testing.assert_allclose(
                expected.traces[name]["v"].values, got.traces[name]["v"].values, atol=1e-12
            )


def test_equations_in_real_numbers_are_the_model():
    """Where a chip's equations are the model's, nothing but float64's rounding is between them."""
    net = random_float_network(7, ("CubaLIF", "LIF", "IF"))
    inputs = inputs_for(net, 7)
    meant = nh.reference(net, inputs)
    for name in ("prototype", "loihi2", "loihi1"):
        fixed = nh.quantise(net, nh.load_chip(name), on_limit="clip")
        run = Twin.of(net, fixed, inputs, STEPS).run(Settings())
        for k in fixed.populations:
            assert run.spikes[k].same_as(meant.spikes[k]), (name, k)
