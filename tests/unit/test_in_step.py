"""Networks given a latency: biases as currents or spikes, on chips that take the one or the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neurohw_backends import brian2

from neurohw.chip import load_chip
from neurohw.emulate import interpret
from neurohw.errors import CapacityError, NetworkError
from neurohw.in_step import delayed, for_chip, takes_currents
from neurohw.network import (
    ALIF,
    IF,
    LI,
    LIF,
    CubaLI,
    CubaLIF,
    CurrentInput,
    Inputs,
    Network,
    Population,
    Projection,
    SpikeInput,
)
from neurohw.network.semantics import PRESETS
from neurohw.quantise import quantise
from neurohw.recording import Recording

STEPS = 50
CURRENTS = ("loihi1", "loihi2")
SPIKES = (
    "odin",
    "ranc",
    "reckon",
    "spinnaker1",
    "tinyodin",
    "truenorth",
    "xylo1",
    "xylo2",
)


def population(kind: int, n: int, rng: np.random.Generator) -> Population:
    bias = rng.normal(0.2, 0.5, n)
    leaky = {"r": 2.0, "bias": bias}
    filtered = {"tau_syn": 4e-3, "tau_mem": 9e-3, "w_in": 3.0, **leaky}
    made: list[Population] = [
        LIF(n, tau=8e-3, t_ref=2e-3, **leaky),
        IF(n, r=150.0, bias=bias),
        CubaLIF(n, **filtered),
        ALIF(n, tau=8e-3, tau_adapt=3e-2, adaptation=0.3, **leaky),
        LI(n, tau=8e-3, **leaky),
        CubaLI(n, **filtered),
    ]
    return made[kind]


def random_network(rng: np.random.Generator, integrator: str) -> Network:
    """A chain of 2 or 3 spiking layers of any kind, a skip to the readout, recurrence."""
    kinds = [*rng.integers(0, 4, rng.integers(2, 4)), rng.integers(4, 6)]
    populations: dict[str, Population] = {"x": SpikeInput(3)}
    projections = []
    for k, kind in enumerate(kinds):
        before, name, n = list(populations)[-1], f"l{k}", int(rng.integers(1, 5))
        populations[name] = population(int(kind), n, rng)
        for source in {before, "x"} if kind > 3 else {before, name}:
            weight = rng.normal(0.5, 1.0, (n, populations[source].n))
            projections.append(Projection.dense(source, name, weight))
    return Network(populations, tuple(projections), 1e-3, integrator)  # type: ignore[arg-type]


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["euler", "exact"]), st.sampled_from([1, 3]))
def test_biases_as_spikes_are_biases_as_currents(seed: int, integrator: str, fine: int) -> None:
    rng = np.random.default_rng(seed)
    net = random_network(rng, integrator)
    inputs = Inputs.from_dense({"x": rng.integers(0, 2, (2, STEPS, 3))})
    record = {k: ["v"] for k in net.populations if k != "x"}
    runs = []
    for spikes in (False, True):
        late = delayed(net, spikes)
        given_ = late.inputs(inputs)
        kind = late.network.populations[late.start].kind
        assert kind == ("SpikeInput" if spikes else "CurrentInput")
        run = brian2.reference(late.network, given_, record=record, substeps=fine)
        runs.append(late.recording(run, STEPS * fine, fine))
    current, spike = runs
    assert sum(current.spikes[k].count for k in record) > 0
    for name in record:
        assert current.spikes[name].same_as(spike.spikes[name]), name
        a, b = (r.trace(name, "v").values for r in runs)
        assert np.abs(a - b).max() < 1e-9
    assert "bias" not in current.sizes and "bias" not in spike.spikes


def biased() -> Network:
    """Two layers of one bias, at 1 and 2 steps from an input that may be silent."""
    bias = {"bias": [1.5, 2.0, 3.0]}
    w = np.eye(3)
    return Network(
        {
            "x": SpikeInput(3), "m": LIF(3, tau=2e-2), "a": LIF(3, tau=2e-2, **bias),
            "b": LIF(3, tau=2e-2, **bias),
        },
        tuple(Projection.dense(*ends, w) for ends in (("x", "m"), ("x", "a"), ("m", "b"))),
        1e-3,
        semantics=PRESETS["norse"],
    )  # fmt: skip


@pytest.mark.parametrize("name", [*CURRENTS, *SPIKES])
def test_on_every_chip_biases_begin_with_their_layer(name: str) -> None:
    """Without input both layers do the same at the same steps of the network, on chips that have
    delays and on those that have none."""
    chip, net = load_chip(name), biased()
    with pytest.raises(CapacityError, match=r"for_chip\(network, chip\)"):
        quantise(net, chip)
    late = for_chip(net, chip)
    assert (late.start, late.begins, late.longest) == ("bias", (0, 1), 2)
    source = late.network.populations["bias"]
    assert isinstance(source, CurrentInput if name in CURRENTS else SpikeInput) and source.n == 2
    for population_ in ("a", "b"):
        assert not late.network.populations[population_].bias.any()  # type: ignore[attr-defined]
    fixed = quantise(late.network, chip)
    assert fixed.constant == ()
    got = late.recording(interpret(fixed, late.inputs(Inputs(STEPS)), steps=STEPS + 2), STEPS)
    a, b = (got.spikes[k].dense(1, STEPS)[0] for k in ("a", "b"))
    assert np.array_equal(a, b)
    counts = (a > 0).sum(axis=0)
    assert counts[0] >= 2 and counts[0] < counts[1] < counts[2]


def test_neurons_that_nothing_is_ahead_of_keep_their_bias() -> None:
    """On chips without one it is an input that the chip adds; both drive what is behind them."""
    net = Network(
        {"a": LIF(1, tau=2e-2, bias=3.0), "b": LIF(1, tau=2e-2, bias=0.5)},
        (Projection.dense("a", "b", [[30.0]]),), 1e-3, semantics=PRESETS["norse"],
    )  # fmt: skip
    for name in ("loihi2", "reckon"):
        late = for_chip(net, load_chip(name))
        assert dict(late.lag) == {"a": 0, "b": 1, "bias": 0}
        fixed = quantise(late.network, load_chip(name))
        run = interpret(fixed, late.inputs(Inputs(STEPS)), steps=STEPS + 1)
        got = late.recording(run, STEPS)
        assert got.spikes["a"].count == got.spikes["b"].count > 4
        assert np.array_equal(got.spikes["a"].step, got.spikes["b"].step)
    assert fixed.constant == ("bias_",)


def test_which_chips_take_a_bias_as_a_current() -> None:
    assert all(takes_currents(load_chip(name)) for name in CURRENTS)
    assert not any(takes_currents(load_chip(name)) for name in SPIKES)


def test_a_network_with_a_latency_is_left_alone() -> None:
    net = biased().with_(semantics=PRESETS["nir"])
    for name in ("loihi2", "reckon"):
        late = for_chip(net, load_chip(name))
        assert late.network is net and late.longest == 0
        inputs = Inputs(STEPS)
        assert late.inputs(inputs) is inputs
        run = Recording(1e-3, STEPS, 1, {"a": 3}, {}, overflows={"a": {"v": 4}})
        assert late.recording(run, STEPS) is run


@pytest.mark.parametrize("spikes", [False, True])
def test_inputs_last_as_long_as_the_run(spikes: bool) -> None:
    late = delayed(biased(), spikes)
    current = Network(
        {**biased().populations, "c": CurrentInput(2)}, biased().projections, 1e-3,
        semantics=PRESETS["norse"],
    )  # fmt: skip
    with_current = delayed(current, spikes).inputs(Inputs(3, currents={"c": np.ones((1, 3, 2))}), 5)
    assert with_current.steps == 7
    assert with_current.currents["c"][0, :, 0].tolist() == [1, 1, 1, 0, 0, 0, 0]
    for steps, length in ((None, 6), (2, 6), (7, 9)):
        found = late.inputs(Inputs(4), steps)
        assert found.steps == length
        on = (
            found.spikes["bias"].dense(1, length) if spikes else found.currents["bias"]
        )  # (1, steps, 2)
        assert on[0, :, 0].tolist() == [1] * length
        assert on[0, :, 1].tolist() == [0] + [1] * (length - 1)


def test_counters_stay_those_of_the_run() -> None:
    late = delayed(biased())
    run = Recording(
        1e-3, 12, 1, {"a": 3, "bias": 2}, {}, overflows={"a": {"v": 4}}, synaptic_events={"x->a": 7}
    )
    found = late.recording(run, 10)
    assert (found.steps, dict(found.sizes)) == (10, {"a": 3})
    assert found.overflows["a"]["v"] == 4 and found.synaptic_events["x->a"] == 7


def test_feedback_within_a_step_is_refused_on_a_chip() -> None:
    net = biased()
    back = (*net.projections, Projection.dense("b", "m", np.eye(3)))
    with pytest.raises(NetworkError, match="goes back from 'b' to 'm' in one step") as caught:
        for_chip(net.with_(projections=back), load_chip("reckon"))
    assert "\n" not in str(caught.value)


def test_biases_last_as_long_as_the_reference() -> None:
    """Steps behind the end of the inputs: both layers go on spiking by their biases alone."""
    layer = LIF(3, tau=1e-2, r=1.0, bias=2.0)
    network = Network(
        {"in": SpikeInput(1), "a": layer, "b": layer},
        [Projection.dense("in", "a", np.zeros((3, 1))), Projection.dense("a", "b", np.zeros((3, 3)))],
        dt=1e-3, semantics=PRESETS["norse"],
    )  # fmt: skip
    silence = Inputs.from_dense({"in": np.zeros((1, 5, 1))})
    found = brian2.reference(network, silence, steps=60)
    raster = found.spikes["a"].dense(1, 60)
    assert np.array_equal(raster, found.spikes["b"].dense(1, 60))
    assert raster[0, 40:].sum() >= 3
