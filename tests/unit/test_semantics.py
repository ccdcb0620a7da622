"""How a network is meant to be stepped: named, printed, stored, and kept when layers get a latency."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neurohw_backends import brian2

from neurohw.chip import load_chip
from neurohw.emulate import emulate
from neurohw.errors import NetworkError, UnknownName
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.in_step import delayed
from neurohw.network import LIF, CubaLIF, CurrentInput, Inputs, Network, Projection, SpikeInput
from neurohw.network.semantics import (
    PRESETS,
    SOURCES,
    Semantics,
    differences,
    parse,
    preset,
    require,
)


def every() -> list[Semantics]:
    return [
        Semantics(i, r, t, k, c)
        for i in ("exact", "euler") for r in ("zero", "subtract") for t in ("same", "next")
        for k in (0, 1) for c in (">", ">=")
    ]  # fmt: skip


def test_each_has_its_own_words_and_comes_back_from_its_record() -> None:
    assert len({str(s) for s in every()}) == 32
    for s in every():
        assert parse(json.loads(json.dumps(s.as_dict()))) == s
    assert str(PRESETS["snntorch"]) == (
        "Euler steps, 1 - dt/tau; reset by subtracting the threshold in the step after the spike; "
        "spikes pass through all layers in one step; a neuron spikes above its threshold"
    )


def test_presets_have_sources_and_differ_as_their_makers_do() -> None:
    assert set(PRESETS) == set(SOURCES)
    assert {"snntorch", "norse", "sinabs", "rockpool", "lava", "spinnaker"} <= set(PRESETS)
    assert preset("norse") == preset("snntorch").with_(reset="zero", reset_time="same")
    assert preset("spinnaker").comparison == ">=" and preset("lava").comparison == ">"
    assert [k for k, s in PRESETS.items() if s.latency == 0] == [
        "snntorch",
        "norse",
        "sinabs",
        "rockpool",
    ]
    with pytest.raises(UnknownName, match="did you mean 'snntorch'"):
        preset("snnTorch")


@pytest.mark.parametrize(
    "wrong",
    [{"integrator": "rk4"}, {"reset": "none"}, {"reset_time": "later"}, {"latency": 2},
     {"latency": True}, {"comparison": "=="}],
)  # fmt: skip
def test_choices_that_there_are_not(wrong: dict[str, object]) -> None:
    with pytest.raises(NetworkError, match=f"semantics: {next(iter(wrong))} is"):
        Semantics().with_(**wrong)
    with pytest.raises(NetworkError):
        parse({**Semantics().as_dict(), **wrong})


def test_what_would_be_lost_is_named() -> None:
    require(PRESETS["lava"], PRESETS["loihi"], "loihi2", "")
    with pytest.raises(NetworkError) as caught:
        require(PRESETS["snntorch"], PRESETS["loihi"], "loihi2", "train with reset to zero")
    message = str(caught.value)
    assert message.startswith("loihi2 can't hold the network's semantics: reset by subtracting")
    assert "train with reset to zero" in message and "\n" not in message
    for a in every():
        for b in every():
            changed = sum(x != y for x, y in zip(a.as_dict().values(), b.as_dict().values()))
            assert len(differences(a, b)) == changed


# Layers in one step.


def layered(rng: np.random.Generator) -> Network:
    """Layers with skips, recurrence, delays and biases."""
    populations: dict[str, object] = {"x": SpikeInput(4)}
    sizes = {"x": 4}
    for k in range(int(rng.integers(1, 4))):
        n = int(rng.integers(1, 5))
        sizes[f"l{k}"] = n
        shared = {"bias": rng.normal(0, 0.3, n), "v_threshold": 0.8}
        populations[f"l{k}"] = (
            LIF(n, tau=8e-3, r=8.0, **shared) if rng.random() < 0.5
            else CubaLIF(n, tau_syn=4e-3, tau_mem=8e-3, r=8.0, w_in=4.0, **shared)
        )  # fmt: skip
    names = list(populations)
    projections = []
    for k, target in enumerate(names[1:], 1):
        for source in {names[k - 1], names[int(rng.integers(0, k + 1))]}:
            weight = rng.normal(0.2, 0.5, (sizes[target], sizes[source]))
            delay = 1e-3 * float(rng.integers(0, 3))
            projections.append(Projection.dense(source, target, weight, delay))
    return Network(populations, tuple(projections), 1e-3, "euler")  # type: ignore[arg-type]


def in_one_step(net: Network, raster: np.ndarray, steps: int) -> dict[str, np.ndarray]:
    """The definition: layer after layer in each step; a later layer sees the spikes at once."""
    names = list(net.populations)
    fired = {k: np.zeros((steps + 9, p.n)) for k, p in net.populations.items()}
    fired["x"][: len(raster)] = raster
    v = {k: np.zeros(p.n) for k, p in net.populations.items()}
    i = {k: np.zeros(p.n) for k, p in net.populations.items()}
    for t in range(steps):
        for name in names[1:]:
            p = net.populations[name]
            total = np.array(p.bias)  # type: ignore[attr-defined]
            for q in net.projections:
                if q.target == name:
                    back = names.index(q.source) >= names.index(name)
                    for pre, post, w, d in zip(q.pre, q.post, q.weight, q.delay):
                        at = t - round(d / net.dt) - back
                        total[post] += w * fired[q.source][at, pre] if at >= 0 else 0
            if isinstance(p, CubaLIF):
                i[name] = i[name] * (1 - net.dt / p.tau_syn) + p.w_in * net.dt / p.tau_syn * total
                total, tau = i[name], p.tau_mem
            else:
                tau = p.tau  # type: ignore[attr-defined]
            v[name] = v[name] + net.dt / tau * (8.0 * total - v[name])
            fired[name][t] = v[name] > 0.8
            v[name] = np.where(fired[name][t], 0, v[name])
    return {k: fired[k][:steps] for k in names[1:]}


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_with_a_latency_the_same_spikes_come_later(seed: int, spikes: bool) -> None:
    rng = np.random.default_rng(seed)
    net = layered(rng)
    raster = rng.integers(0, 2, (30, 4))
    late = delayed(net, spikes)
    got = brian2.reference(late.network, late.inputs(Inputs.from_dense({"x": raster})))
    for name, want in in_one_step(net, raster, 30).items():
        assert np.array_equal(late.aligned(name, got.spikes[name], 30).dense(1, 30)[0], want)


def chain(**changes: object) -> Network:
    populations = {"x": SpikeInput(1), "a": LIF(1, tau=1e-2), "b": LIF(1, tau=1e-2, bias=1.0)}
    projections = (Projection.dense("x", "a", [[1.0]]), Projection.dense("a", "b", [[1.0]]))
    return Network(populations, projections, 1e-3).with_(**changes)  # type: ignore[arg-type]


def test_only_biases_behind_the_first_step_become_inputs() -> None:
    late = delayed(chain())
    assert dict(late.lag) == {"x": 0, "a": 1, "b": 2, "bias": 0} and late.longest == 2
    assert late.network.inputs == ("bias", "x") and not late.network.populations["b"].bias.any()
    (p,) = (p for p in late.network.projections if p.source == "bias")
    assert (p.target, p.weight.tolist(), p.delay.tolist()) == ("b", [1.0], [0.0])
    assert late.begins == (1,)
    taken = {**chain().populations, "bias": CurrentInput(1)}
    assert delayed(chain(populations=taken)).start == "bias_"
    plain = {**chain().populations, "b": LIF(1, tau=1e-2)}
    assert delayed(chain(populations=plain)).start == ""


def test_feedback_and_moving_membranes_are_refused() -> None:
    back = Projection.dense("b", "a", [[1.0]])
    with pytest.raises(NetworkError, match=r"goes back from 'b' to 'a'.*a delay of 1 steps"):
        delayed(chain(projections=(*chain().projections, back)))
    slow = Projection.dense("b", "a", [[1.0]], 1e-3)
    late = delayed(chain(projections=(*chain().projections, slow)))
    assert late.network.projections[2].delay.tolist() == [0.0]
    moving = {**chain().populations, "b": LIF(1, tau=1e-2, v_leak=0.5)}
    with pytest.raises(NetworkError, match=r"population 'b': v_leak\[0\] is 0\.5"):
        delayed(chain(populations=moving))


def test_presets_of_chips_are_what_their_profiles_do() -> None:
    """Latency 1, reset to zero in the step, strictly above: on the integers themselves."""
    chip = load_chip("loihi2")
    codes = {"du": 4095, "dv": 0, "vth": 10, "bias_mant": 0, "bias_exp": 0}
    net = FixedPointNetwork(
        chip, 1e-3, {"in": 1}, {"n": FixedPopulation.of("n", 1, chip.neurons["lif"], codes)},
        (FixedProjection.of("in", "n", [0], [0], [10]),),
    )  # fmt: skip
    got = emulate(net, Inputs.from_dense({"in": np.ones((1, 6, 1), int)}), record={"n": ["v"]})
    assert got.trace("n", "v").values[0, :, 0].tolist() == [0, 640, 0, 640, 0, 640]
    assert got.spikes["n"].step.tolist() == [2, 4]
    assert PRESETS["loihi"] == Semantics("euler", "zero", "same", 1, ">")
