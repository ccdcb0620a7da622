"""The float reference: closed forms, and a plain loop over the discrete equations."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from neurohw_backends import brian2 as backend
from neurohw_backends import brian2_library
from neurohw_backends.brian2 import reference

from neurohw.errors import BackendMissing, InputError, UnknownName
from neurohw.network import (
    ALIF,
    ATRLIF,
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
from neurohw.network.events import Spikes

try:
    brian2_library.library()
except BackendMissing as error:
    pytest.skip(str(error), allow_module_level=True)

DT = 1e-3
VARIABLES = {
    "LIF": ["v"], "LI": ["v"], "IF": ["v"], "ALIF": ["v", "a"], "CubaLIF": ["v", "i"],
    "CubaLI": ["v", "i"], "ATRLIF": ["v", "i", "theta", "ref"],
}  # fmt: skip


def plain(network: Network, inputs: Inputs, steps: int) -> tuple[Any, Any]:
    """Spike rasters and traces (trials, steps, n) by the discrete equations, step by step."""
    h, exact = network.dt, network.integrator == "exact"
    pops = {k: p for k, p in network.populations.items() if k not in network.inputs}
    late = steps + 2 + max([round(float(p.delay.max()) / h) for p in network.projections] or [0])
    shape = {k: (inputs.trials, steps, p.n) for k, p in network.populations.items()}
    raster = {k: np.zeros(s) for k, s in shape.items()}
    traces = {k: {v: np.zeros(shape[k]) for v in VARIABLES[p.kind]} for k, p in pops.items()}
    for name in network.inputs:
        if name in inputs.currents:
            raster[name] = inputs.currents[name]
        elif name in inputs.spikes:
            raster[name] = inputs.spikes[name].dense(inputs.trials, steps).astype(float)

    def keep(tau: Any) -> Any:
        return np.exp(-h / tau) if exact else 1 - h / tau

    for trial in range(inputs.trials):
        arriving = {k: np.zeros((late, p.n)) for k, p in pops.items()}
        state: dict[str, dict[str, Any]] = {}
        for k, p in pops.items():
            v = getattr(p, "v_reset", getattr(p, "v_leak", np.zeros(p.n))).copy()
            state[k] = {"v": v, "a": np.zeros(p.n), "ref": np.zeros(p.n), "rest": np.zeros(p.n)}
            if hasattr(p, "tau_syn"):
                state[k]["i"] = p.w_in * p.bias * (1 - keep(p.tau_syn))
            if p.kind == "ATRLIF":
                state[k]["theta"] = p.v_threshold.copy()
        for t in range(steps):
            for k, p in pops.items():
                s = state[k]
                held = s["rest"] > 0
                s["rest"] = np.maximum(s["rest"] - 1, 0)
                leak = getattr(p, "v_leak", np.zeros(p.n))
                if hasattr(p, "tau_syn"):
                    s["i"] = s["i"] + p.w_in * arriving[k][t] * h / p.tau_syn
                    traces[k]["i"][trial, t] = s["i"]
                    level, d = p.w_in * p.bias, keep(p.tau_mem)
                    gain = np.where(
                        p.tau_syn == p.tau_mem,
                        h / p.tau_mem * d,
                        p.tau_syn * (keep(p.tau_syn) - d)
                        / np.where(p.tau_syn == p.tau_mem, 1, p.tau_syn - p.tau_mem),
                    ) if exact else h / p.tau_mem  # fmt: skip
                    v = leak + (s["v"] - leak) * d + p.r * gain * (s["i"] - level)
                    v = v + p.r * level * (1 - d)
                    s["i"] = level + (s["i"] - level) * keep(p.tau_syn)
                elif p.kind == "IF":
                    v = s["v"] + p.r * h * (arriving[k][t] + p.bias)
                else:
                    goal = leak + p.r * (arriving[k][t] + p.bias)
                    v = goal + (s["v"] - goal) * keep(p.tau)
                s["v"] = np.where(held, s["v"], v)
                if p.kind == "ALIF":
                    s["a"] = s["a"] * keep(p.tau_adapt)
                    fired = s["v"] > p.v_threshold + s["a"]
                    s["a"] = s["a"] + fired * p.adaptation
                elif p.kind == "ATRLIF":
                    s["theta"] = p.v_threshold + (s["theta"] - p.v_threshold) * keep(p.tau_adapt)
                    s["ref"] = s["ref"] * keep(p.tau_ref)
                    fired = s["v"] - s["ref"] >= s["theta"]
                    s["ref"] = s["ref"] + fired * 2 * s["theta"]
                    s["theta"] = s["theta"] + fired * p.adaptation
                else:
                    fired = s["v"] > p.v_threshold if p.spiking else np.zeros(p.n, bool)
                if p.spiking and p.kind != "ATRLIF":
                    s["v"] = np.where(fired, p.v_reset, s["v"])
                if hasattr(p, "t_ref"):
                    s["rest"] = np.where(fired, np.rint(p.t_ref / h), s["rest"])
                raster[k][trial, t] = fired
                for variable in set(VARIABLES[p.kind]) - {"i"}:
                    traces[k][variable][trial, t] = s[variable]
            for p in network.projections:
                if t < raster[p.source].shape[1]:
                    at = t + 1 + np.rint(p.delay / h).astype(int)
                    value = raster[p.source][trial, t, p.pre] * p.weight
                    np.add.at(arriving[p.target], (at, p.post), value)
    return raster, traces


def everything(network: Network) -> dict[str, list[str]]:
    return {k: VARIABLES[p.kind] for k, p in network.populations.items() if k not in network.inputs}


def same(network: Network, inputs: Inputs, steps: int, tolerance: float = 1e-12) -> int:
    """Compare with the plain loop; the number of spikes that agreed."""
    got = reference(network, inputs, steps=steps, record=everything(network))
    raster, traces = plain(network, inputs, steps)
    count = 0
    for name, variables in everything(network).items():
        if network.populations[name].spiking:
            dense = got.spikes[name].dense(inputs.trials, steps)
            assert np.array_equal(dense, raster[name]), name
            count += int(dense.sum())
        for variable in variables:
            values, expected = got.trace(name, variable).values, traces[name][variable]
            assert values.shape == expected.shape
            assert np.abs(values - expected).max() <= tolerance, (name, variable)
    return count


def spread(rng: np.random.Generator, n: int, low: float, high: float) -> np.ndarray:
    return rng.uniform(low, high, n)


def random_population(rng: np.random.Generator, kind: str, n: int) -> Population:
    def u(low: float, high: float) -> np.ndarray:
        return spread(rng, n, low, high)

    tau, syn = u(8e-3, 3e-2), u(2e-3, 7e-3)
    leak, bias, t_ref = u(-0.1, 0.1), u(-0.1, 0.5), rng.integers(0, 4, n) * DT
    fire = {"v_leak": leak, "v_threshold": u(0.3, 0.6), "v_reset": u(-0.2, 0.0)}
    r, w = u(0.8, 2), u(0.5, 2)
    match kind:
        case "LIF":
            return LIF(n, tau, r, **fire, t_ref=t_ref, bias=bias)
        case "CubaLIF":
            return CubaLIF(n, syn, tau, r, **fire, w_in=w, t_ref=t_ref, bias=bias)
        case "LI":
            return LI(n, tau, r, leak, bias)
        case "CubaLI":
            return CubaLI(n, syn, tau, r, leak, w, bias)
        case "IF":
            return IF(n, 60 * r, u(0.3, 0.6), u(-0.2, 0.0), t_ref, bias)
        case "ALIF":
            return ALIF(n, tau, u(3e-2, 9e-2), u(0, 0.3), r, **fire, bias=bias)
    return ATRLIF(n, syn, tau, u(3e-2, 9e-2), u(5e-3, 2e-2), u(0, 0.3), r, u(0.3, 0.6), w, bias)


@pytest.mark.parametrize("integrator", ["exact", "euler"])
@pytest.mark.parametrize("kind", list(VARIABLES))
def test_random_networks_equal_the_plain_loop(kind: str, integrator: Any) -> None:
    rng = np.random.default_rng([list(VARIABLES).index(kind), integrator == "exact"])
    populations = {
        "x": SpikeInput(6), "c": CurrentInput(2), "a": random_population(rng, kind, 5),
        "b": random_population(rng, "LIF", 4), "out": random_population(rng, "CubaLI", 2),
    }  # fmt: skip
    projections = [
        Projection.dense("x", "a", rng.normal(0.4, 1, (5, 6)), rng.integers(0, 3, (5, 6)) * DT),
        Projection.dense("c", "a", rng.normal(0, 0.4, (5, 2)), rng.integers(0, 3, (5, 2)) * DT),
        Projection.dense("x", "b", rng.normal(0.5, 1, (4, 6)), 2 * DT),
        Projection.dense("b", "b", rng.normal(0, 1, (4, 4)), rng.integers(0, 3, (4, 4)) * DT),
        Projection.dense("b", "out", rng.normal(0, 1, (2, 4))),
    ]  # fmt: skip
    if populations["a"].spiking:
        projections.append(Projection.dense("a", "a", rng.normal(0, 1, (5, 5))))
        projections.append(Projection.dense("a", "b", rng.normal(0, 1, (4, 5)), DT))
    network = Network(populations, tuple(projections), DT, integrator)
    inputs = Inputs.from_dense(
        {"x": rng.random((3, 50, 6)) < 0.25}, {"c": rng.normal(0, 1, (3, 50, 2))}
    )
    assert same(network, inputs, 60) > 40


def driven(population: Population, integrator: Any = "exact") -> Network:
    return Network({"x": SpikeInput(1), "n": population}, (), DT, integrator)


def quiet(steps: int, n: int = 1) -> Inputs:
    return Inputs(steps, 1, {"x": Spikes.none(n)})


def steps_of(recording: Any, name: str = "n", neuron: int = 0) -> list[int]:
    s = recording.spikes[name]
    return list(s.step[s.neuron == neuron])


@pytest.mark.parametrize("frozen", [0, 1, 5])
def test_interval_of_a_lif_under_constant_bias(frozen: int) -> None:
    tau, r, bias, threshold = 20e-3, 2.0, 0.8, 1.0
    network = driven(LIF(1, tau, r, v_threshold=threshold, t_ref=frozen * DT, bias=bias))
    rise = math.ceil(-tau / DT * math.log(1 - threshold / (r * bias)))
    expected = list(range(rise - 1, 200, rise + frozen))
    got = reference(network, quiet(200), record={"n": ["v"]})
    assert steps_of(got) == expected
    v = got.trace("n", "v").values[0, :, 0]
    k = np.arange(1, rise)
    assert np.abs(v[: rise - 1] - r * bias * (1 - np.exp(-k * DT / tau))).max() < 1e-14
    assert (v[rise - 1 : rise + frozen] == 0).all() and v[rise + frozen] > 0


def test_many_refractory_times_are_exact() -> None:
    frozen = np.arange(40)
    network = driven(IF(40, r=2 / DT, t_ref=frozen * DT, bias=1.0))
    got = reference(network, quiet(200))
    for k in frozen:
        assert steps_of(got, neuron=int(k)) == list(range(0, 200, k + 1))


def test_refractory_membrane_ignores_input_but_the_filter_goes_on() -> None:
    cell = CubaLIF(1, 5e-3, 20e-3, v_threshold=0.5, v_reset=-0.25, t_ref=4 * DT)
    network = Network(
        {"x": SpikeInput(2), "n": cell}, (Projection.dense("x", "n", [[120.0, -120.0]]),), DT
    )
    x = np.zeros((20, 2))
    x[0, 0] = x[2, 1] = 1
    got = reference(network, Inputs.from_dense({"x": x}), record={"n": ["v", "i"]})
    v, i = (got.trace("n", k).values[0, :, 0] for k in "vi")
    assert steps_of(got) == [1]
    assert (v[1:6] == -0.25).all() and v[6] < -0.25
    jump, d = 120 * DT / 5e-3, math.exp(-DT / 5e-3)
    expected = [0, jump, jump * d, jump * d**2 - jump, (jump * d**2 - jump) * d]
    assert np.abs(i[:5] - expected).max() < 1e-12


@pytest.mark.parametrize("substeps", [1, 4])
def test_response_of_a_lif_to_one_spike(substeps: int) -> None:
    tau, w, r = 20e-3, 0.3, 1.5
    network = Network(
        {"x": SpikeInput(1), "n": LI(1, tau, r)}, (Projection.dense("x", "n", [[w]], 2 * DT),), DT
    )
    got = reference(
        network, Inputs.from_dense({"x": np.eye(1, 30).T}), record={"n": ["v"]}, substeps=substeps
    )
    t = (np.arange(30 * substeps) + 1) * DT / substeps - 3 * DT  # since the pulse began
    on = r * w * (1 - np.exp(-np.clip(t, 0, DT) / tau))
    expected = on * np.exp(-np.maximum(t - DT, 0) / tau)
    assert np.abs(got.trace("n", "v").values[0, :, 0] - expected).max() < 1e-14


@pytest.mark.parametrize("substeps", [1, 4])
@pytest.mark.parametrize("tau_mem", [20e-3, 5e-3, 5e-3 * (1 + 1e-9)])
def test_response_behind_a_filter_to_one_spike(tau_mem: float, substeps: int) -> None:
    tau_syn, w, w_in, r, leak = 5e-3, 3.0, 2.0, 1.5, 0.4
    cell = CubaLI(1, tau_syn, tau_mem, r, leak, w_in)
    network = Network({"x": SpikeInput(1), "n": cell}, (Projection.dense("x", "n", [[w]]),), DT)
    got = reference(
        network, Inputs.from_dense({"x": np.eye(1, 60).T}), record={"n": ["v", "i"]},
        substeps=substeps,
    )  # fmt: skip
    t = np.maximum((np.arange(60 * substeps) + 1) * DT / substeps - DT, 0)
    i0 = w_in * w * DT / tau_syn
    if abs(tau_mem / tau_syn - 1) < 1e-6:
        shape, tolerance = t / tau_syn * np.exp(-t / tau_syn), 2e-6
    else:
        difference = np.exp(-t / tau_syn) - np.exp(-t / tau_mem)
        shape, tolerance = tau_syn / (tau_syn - tau_mem) * difference, 1e-13
    values = got.trace("n", "v").values[0, :, 0]
    assert np.abs(values - leak - r * i0 * shape).max() < tolerance
    i = got.trace("n", "i").values[0, :, 0]
    since = t - DT / substeps  # 'i' is the one at the start of the step
    assert np.abs(i - np.where(t > 0, i0 * np.exp(-since / tau_syn), 0)).max() < tolerance


def test_bias_behind_a_filter_is_on_before_the_first_step() -> None:
    for integrator, d in (("exact", math.exp(-0.2)), ("euler", 0.8)):
        network = driven(CubaLI(1, 5e-3, 20e-3, w_in=2.0, bias=3.0), integrator)
        got = reference(network, quiet(5), record={"n": ["i"]})
        expected = 6 * (1 - d ** np.arange(1, 6))
        assert np.abs(got.trace("n", "i").values[0, :, 0] - expected).max() < 1e-14


def test_bias_behind_a_filter_in_a_fine_run() -> None:
    network = driven(CubaLI(1, 5e-3, 20e-3, w_in=2.0, bias=3.0), "euler")
    got = reference(network, quiet(5), record={"n": ["i"]}, substeps=4)
    expected = 6 * (1 - np.exp(-(np.arange(20) / 4 + 1) / 5))
    assert np.abs(got.trace("n", "i").values[0, :, 0] - expected).max() < 1e-13


def test_threshold_is_strict_but_atrlif_fires_on_it() -> None:
    lif = driven(IF(1, r=0.5 / DT, v_threshold=1.0, bias=1.0), "euler")
    got = reference(lif, quiet(6), record={"n": ["v"]})
    assert np.array_equal(got.trace("n", "v").values[0, :3, 0], [0.5, 1.0, 0.0])
    assert steps_of(got) == [2, 5]
    # tau = dt in Euler steps: v is r * i of the step before, here 1 = theta from step 0 on.
    atrlif = driven(ATRLIF(1, DT, DT, 0.1, 0.1, 0.0, bias=1.0), "euler")
    assert steps_of(reference(atrlif, quiet(3)))[0] == 0


@pytest.mark.parametrize("integrator", ["exact", "euler"])
def test_adaptation_slows_down(integrator: Any) -> None:
    x = np.zeros((1, 400, 1))
    for cell in (
        ALIF(1, 20e-3, 0.2, 0.3, bias=3.0), ATRLIF(1, 5e-3, 20e-3, 0.2, 20e-3, 0.3, bias=6.0)
    ):  # fmt: skip
        network = driven(cell, integrator)
        assert same(network, Inputs.from_dense({"x": x}), 400) > 5
        gaps = np.diff(steps_of(reference(network, quiet(400))))
        assert gaps[0] < gaps[-1]


def test_latency_and_delays_of_spikes() -> None:
    relay = {"v_threshold": 0.5, "r": 1 / DT}
    network = Network(
        {"x": SpikeInput(3), "a": IF(3, **relay), "b": IF(3, **relay)},
        (
            Projection.sparse("x", "a", [0, 1, 2], [0, 1, 2], 1.0, [0, DT, 7 * DT]),
            Projection.sparse("a", "b", [0, 1, 2], [0, 1, 2], 1.0, 3 * DT),
        ),
        DT,
    )
    x = np.zeros((30, 3))
    x[4] = 1
    for substeps in (1, 5):
        got = reference(network, Inputs.from_dense({"x": x}), substeps=substeps)
        for neuron, delay in enumerate((0, 1, 7)):
            # In a fine run the pulse of one dt crosses 0.5 in its 3rd of 5 steps, and so on.
            late = 0 if substeps == 1 else 3
            at = (5 + delay) * substeps + max(late - 1, 0)
            assert steps_of(got, "a", neuron)[0] == at
            assert steps_of(got, "b", neuron)[0] == at + 3 * substeps + max(late, 1)


def test_delay_is_resolved_on_the_finer_grid() -> None:
    network = Network(
        {"x": SpikeInput(1), "n": LI(1, 20e-3)},
        (Projection.dense("x", "n", [[1.0]], 0.75 * DT),), DT,
    )  # fmt: skip
    x = Inputs.from_dense({"x": np.eye(1, 6).T})
    first = {
        s: int(np.flatnonzero(reference(network, x, substeps=s, record={"n": ["v"]})
                              .trace("n", "v").values[0, :, 0])[0]) for s in (1, 4)
    }  # fmt: skip
    assert first == {1: 2, 4: 4 + 3}


@pytest.mark.parametrize("cell", [LI(2, 20e-3, 1.5, bias=0.3), CubaLI(2, 5e-3, 20e-3, bias=0.3)])
def test_exact_and_fine_runs_agree_below_threshold(cell: Population) -> None:
    rng = np.random.default_rng(3)
    network = Network(
        {"x": SpikeInput(4), "c": CurrentInput(2), "n": cell},
        (
            Projection.dense("x", "n", rng.normal(size=(2, 4)), rng.integers(0, 3, (2, 4)) * DT),
            Projection.dense("c", "n", rng.normal(size=(2, 2)), rng.integers(0, 3, (2, 2)) * DT),
        ),
        DT,
    )
    inputs = Inputs.from_dense(
        {"x": rng.random((2, 300, 4)) < 0.4}, {"c": rng.normal(size=(2, 300, 2))}
    )
    coarse, fine = (
        reference(network, inputs, steps=310, substeps=s, record={"n": ["v"]})
        .trace("n", "v")
        .values
        for s in (1, 6)
    )
    assert np.abs(coarse).max() > 0.3
    assert np.abs(fine[:, 5::6] - coarse).max() < 1e-12


def test_fine_runs_find_the_true_spike_time() -> None:
    tau, drive = 20e-3, 1.3
    network = driven(LIF(1, tau, bias=drive), "euler")
    true = -tau * math.log(1 - 1 / drive)
    errors = []
    for substeps in (2, 8, 32):
        got = reference(network, quiet(40), substeps=substeps)
        assert got.dt == DT / substeps and got.steps == 40 * substeps
        assert "exact" in got.source and f"{substeps} steps" in got.source
        errors.append(got.times("n", 0, 0)[0] - true)
        assert 0 <= errors[-1] <= got.dt
    euler = (math.ceil(math.log(1 - 1 / drive) / math.log(1 - DT / tau))) * DT
    assert reference(network, quiet(40)).times("n", 0, 0)[0] == pytest.approx(euler, rel=1e-12)
    assert errors[-1] < errors[0]


def test_euler_traces_approach_the_fine_run() -> None:
    x = np.random.default_rng(1).random((100, 1)) < 0.3
    errors = []
    for scale in (1, 2, 4):
        network = Network(
            {"x": SpikeInput(1), "n": CubaLI(1, 5e-3, 20e-3)},
            (Projection.dense("x", "n", [[1.0 * scale]]),), DT / scale, "euler",
        )  # fmt: skip
        sparse = np.zeros((100 * scale, 1))
        sparse[scale - 1 :: scale] = x
        inputs = Inputs.from_dense({"x": sparse})
        rough = reference(network, inputs, record={"n": ["v"]}).trace("n", "v").values
        fine = reference(network, inputs, record={"n": ["v"]}, substeps=4).trace("n", "v").values
        errors.append(np.abs(rough - fine[:, 3::4]).max())
    assert errors[0] > 1.7 * errors[1] > 2.5 * errors[2] > 0


def small(trials: int = 5, steps: int = 30) -> tuple[Network, Inputs]:
    rng = np.random.default_rng(8)
    network = Network(
        {"x": SpikeInput(4), "h": random_population(rng, "LIF", 6),
         "o": random_population(rng, "CubaLIF", 3)},
        (
            Projection.dense("x", "h", rng.normal(0.5, 1, (6, 4))),
            Projection.dense("h", "o", rng.normal(0.5, 2, (3, 6)), DT),
        ),
        DT,
    )  # fmt: skip
    return network, Inputs.from_dense({"x": rng.random((trials, steps, 4)) < 0.3})


def test_trials_are_independent(monkeypatch: pytest.MonkeyPatch) -> None:
    network, inputs = small()
    record = everything(network)
    whole = reference(network, inputs, record=record)
    monkeypatch.setattr(backend, "_SYNAPSES", 2 * network.synapses)
    parts = reference(network, inputs, record=record)
    for trial in range(5):
        alone = Inputs(30, 1, {"x": inputs.spikes["x"].in_trial(trial)})
        one = reference(network, alone, record=record)
        for name in network.populations:
            assert whole.spikes[name].in_trial(trial).same_as(one.spikes[name])
        for name, variables in record.items():
            for v in variables:
                values = whole.trace(name, v).values
                assert np.array_equal(values[trial], one.trace(name, v).values[0])
                assert np.array_equal(values, parts.trace(name, v).values)
    assert all(whole.spikes[k].same_as(parts.spikes[k]) for k in network.populations)
    assert len({tuple(c) for c in whole.spikes["h"].counts(5)}) > 1


def test_currents_and_counted_spikes_of_later_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(
        {"c": CurrentInput(2), "x": SpikeInput(2), "n": LI(2, 20e-3)},
        (Projection.dense("c", "n", np.eye(2)), Projection.dense("x", "n", np.eye(2))),
        DT,
    )
    rng = np.random.default_rng(4)
    inputs = Inputs.from_dense(
        {"x": rng.integers(0, 3, (5, 12, 2))}, {"c": rng.normal(size=(5, 12, 2))}
    )
    whole = reference(network, inputs, record={"n": ["v"]}).trace("n", "v").values
    monkeypatch.setattr(backend, "_SYNAPSES", 2 * network.synapses)
    parts = reference(network, inputs, record={"n": ["v"]}).trace("n", "v").values
    assert np.array_equal(whole, parts)
    assert len(np.unique(whole[:, -1, 0])) == 5


def test_spikes_of_inputs_and_synaptic_events() -> None:
    network, inputs = small()
    got = reference(network, inputs, steps=20)
    x = inputs.spikes["x"]
    assert got.spikes["x"].count == int((x.step < 20).sum()) > 0
    assert got.synaptic_events == {
        "x->h": 6 * got.spikes["x"].count, "h->o": 3 * got.spikes["h"].count,
    }  # fmt: skip
    assert (got.dt, got.steps, got.trials, dict(got.sizes)) == (DT, 20, 5, {"x": 4, "h": 6, "o": 3})
    assert got.source.startswith("brian2 ") and got.source.endswith(" exact, 1 step per dt")
    longer = reference(network, inputs, steps=40)
    assert longer.spikes["x"].same_as(x)
    fine = reference(network, inputs, substeps=2)
    assert np.array_equal(fine.spikes["x"].step, 2 * x.step + 1)
    assert fine.spikes["x"].count == x.count


def test_spikes_that_count_several_times() -> None:
    network, _ = small(1)
    raster = np.random.default_rng(2).integers(0, 3, (2, 30, 4))
    assert same(network, Inputs.from_dense({"x": raster}), 35) > 5
    s = Spikes.of(4, [0, 0], [3, 3], [1, 1])  # the same event twice, without a value
    twice = Spikes.of(4, [0], [3], [1], [2])
    a, b = (
        reference(network, Inputs(30, 1, {"x": k}), record={"h": ["v"]}).trace("h", "v").values
        for k in (s, twice)
    )
    assert np.array_equal(a, b) and (a != 0).any()


def test_no_input_at_all_and_only_currents() -> None:
    network, _ = small()
    assert reference(network, Inputs(5)).spikes["x"].count == 0
    network = Network(
        {"c": CurrentInput(1), "n": LI(1, 20e-3)}, (Projection.dense("c", "n", [[2.0]]),), DT
    )
    got = reference(
        network, Inputs.from_dense(currents={"c": np.ones((3, 1))}), steps=8, record={"n": ["v"]}
    )
    d, v = math.exp(-DT / 20e-3), got.trace("n", "v").values[0, :, 0]
    up = [0, *(2 * (1 - d**k) for k in (1, 2, 3))]
    assert np.abs(v - [*up, *(up[3] * d**k for k in (1, 2, 3, 4))]).max() < 1e-14
    assert got.synaptic_events == {"c->n": 0}
    assert got.spikes["n"].count == 0  # a readout never spikes


def test_subset_and_stride_of_traces() -> None:
    network, inputs = small()
    every = reference(network, inputs, record={"h": ["v"], "o": ["i"]})
    some = reference(
        network, inputs, record={"h": ["v"], "o": ["i"]}, neurons={"h": [4, 1]}, stride=4
    )
    assert np.array_equal(some.trace("h", "v").neurons, [4, 1])
    for name, chosen in (("h", [4, 1]), ("o", [0, 1, 2])):
        (variable,) = some.traces[name]
        trace = some.trace(name, variable)
        assert trace.stride == 4 and list(trace.steps()) == list(range(0, 30, 4))
        full = every.trace(name, variable).values
        assert np.array_equal(trace.values, full[:, ::4][:, :, chosen])


def test_progress_ends_at_the_total(monkeypatch: pytest.MonkeyPatch) -> None:
    network, inputs = small(3)
    monkeypatch.setattr(backend, "_SYNAPSES", network.synapses)
    calls: list[tuple[int, int]] = []
    reference(network, inputs, substeps=2, progress=lambda *a: calls.append(a))
    assert calls == [(k, 180) for k in range(1, 181)]


@pytest.mark.parametrize(
    ("options", "error", "part"),
    [
        ({"steps": 0}, InputError, "steps is 0"),
        ({"stride": 1.5}, InputError, "stride is 1.5"),
        ({"substeps": -1}, InputError, "substeps is -1"),
        ({"record": {"spam": ["v"]}}, UnknownName, "'spam'"),
        ({"record": {"h": ["i"]}}, UnknownName, "there are: v"),
        ({"record": {"x": ["v"]}}, UnknownName, "there are: none"),
        ({"record": {"h": ["v"]}, "neurons": {"h": [6]}}, InputError, "6 is outside 0..5"),
        ({"neurons": {"h": [1]}}, UnknownName, "'h'"),
    ],
)
def test_bad_options(options: dict[str, Any], error: type[Exception], part: str) -> None:
    network, inputs = small()
    with pytest.raises(error) as caught:
        reference(network, inputs, **options)
    assert part in str(caught.value) and "\n" not in str(caught.value)


def test_inputs_must_fit() -> None:
    network, _ = small()
    with pytest.raises(UnknownName, match="'y'"):
        reference(network, Inputs.from_dense({"y": np.ones((2, 4))}))
    with pytest.raises(InputError, match="4 channels"):
        reference(network, Inputs.from_dense({"x": np.ones((2, 5))}))


def test_nothing_is_printed_and_settings_come_back(capfd: pytest.CaptureFixture[str]) -> None:
    b2 = brian2_library.library()
    before = {k: b2.prefs[k] for k in brian2_library._PREFERENCES if k in b2.prefs}
    clock = float(b2.defaultclock.dt)
    b2.prefs["codegen.target"] = "auto"
    try:
        network, inputs = small(1)
        reference(network, inputs)
        assert b2.prefs["codegen.target"] == "auto"
    finally:
        b2.prefs["codegen.target"] = before["codegen.target"]
    assert {k: b2.prefs[k] for k in before} == before
    assert len(before) >= 3
    assert float(b2.defaultclock.dt) == clock
    assert capfd.readouterr() == ("", "")


IN_A_CHILD = """
import logging, sys, warnings
sys.modules["pylab"] = None  # which Brian imports where it is; it has caches of its own
hook, show = sys.excepthook, warnings.showwarning
from neurohw.network import *
from neurohw_backends.brian2 import reference
assert "brian2" not in sys.modules
net = Network({"x": SpikeInput(1), "n": LIF(1, 0.02, bias=2.0)}, (), 1e-3)
assert reference(net, Inputs(50)).spikes["n"].count == 3
assert sys.excepthook is hook and warnings.showwarning is show
assert not logging.getLogger("py.warnings").handlers
"""


def test_importing_it_leaves_the_process_and_the_disk_alone(tmp_path: Path) -> None:
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", IN_A_CHILD], capture_output=True, text=True,
        timeout=120, check=False, cwd=tmp_path,
        env={
            **os.environ, "HOME": str(home), "TMPDIR": str(temporary),
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not [p for folder in (home, temporary) for p in folder.rglob("*") if p.is_file()]


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "brian2", None)
    network, inputs = small(1)
    with pytest.raises(BackendMissing, match="pip install") as caught:
        reference(network, inputs)
    assert "\n" not in str(caught.value)
