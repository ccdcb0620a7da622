"""What every backend must do, as checks that a backend's own tests can call.

``check_reference(backend)`` for a float simulator, ``check_exporter(backend, folder, chip)`` for a
foreign simulator of integers. Each raises AssertionError with what went wrong. A third party runs
them on its own backend; ours are run the same way.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from neurohw.chip.model import Chip
from neurohw.emulate import emulate
from neurohw.network import (
    IF,
    LI,
    LIF,
    CubaLIF,
    CurrentInput,
    Inputs,
    Network,
    Projection,
    SpikeInput,
)
from neurohw.network.events import Spikes
from neurohw.testing.equality import assert_same
from neurohw.testing.networks import random_inputs, random_network

DT = 1e-3


def check_reference(backend: Any) -> None:
    """Timing, reset, refractoriness, currents, trials, recording: all with known answers."""
    for check in (_latency, _leak, _refractory, _currents, _trials, _subset, _fine_steps):
        check(backend)


def _one(spikes: list[int], steps: int, name: str = "in") -> Inputs:
    zeros = np.zeros(len(spikes), np.int32)
    return Inputs(steps, 1, {name: Spikes.of(1, zeros, spikes, zeros)})


def _run(backend: Any, network: Network, inputs: Inputs, **options: Any) -> Any:
    options = {
        "steps": None, "record": None, "neurons": None, "stride": 1, "substeps": 1,
        "progress": None, **options,
    }  # fmt: skip
    return backend.reference(network, inputs, **options)


def _latency(backend: Any) -> None:
    """A spike acts one step later, a delay adds its steps."""
    network = Network(
        {"in": SpikeInput(1), "a": IF(1, r=2 / DT), "b": IF(1, r=2 / DT)},
        (
            Projection.dense("in", "a", [[1.0]]),
            Projection.dense("a", "b", [[1.0]], delay=3 * DT),
        ),
        DT,
    )
    run = _run(backend, network, _one([4], 20))
    assert run.spikes["in"].step.tolist() == [4]
    assert run.spikes["a"].step.tolist() == [5], "a spike must act one step after it was sent"
    assert run.spikes["b"].step.tolist() == [9], "a delay of 3 steps must add 3 steps"
    assert dict(run.synaptic_events) == {"in->a": 1, "a->b": 1}


def _leak(backend: Any) -> None:
    """Both integrators, one step after another."""
    for integrator, beta in (("exact", float(np.exp(-DT / 0.02))), ("euler", 1 - DT / 0.02)):
        network = Network(
            {"in": SpikeInput(1), "x": LI(1, tau=0.02)},
            (Projection.dense("in", "x", [[5.0]]),),
            DT,
            integrator=integrator,  # type: ignore[arg-type]
        )
        v = _run(backend, network, _one([0], 6), record={"x": ["v"]}).trace("x", "v").values
        expected = [0.0, *(5 * (1 - beta) * beta**k for k in range(5))]
        assert np.allclose(v[0, :, 0], expected, atol=1e-12), f"{integrator}: {v} != {expected}"


def _refractory(backend: Any) -> None:
    """After a spike the membrane is held for t_ref / dt steps."""
    network = Network({"x": LIF(1, tau=0.02, bias=1e6, t_ref=4 * DT)}, (), DT)
    run = _run(backend, network, Inputs(20))
    assert run.spikes["x"].step.tolist() == [0, 5, 10, 15]


def _currents(backend: Any) -> None:
    """An analogue current acts one step after its step, for one step."""
    network = Network(
        {"in": CurrentInput(1), "x": IF(1, r=1 / DT, v_threshold=100.0)},
        (Projection.dense("in", "x", [[2.0]]),),
        DT,
    )
    current = np.zeros((1, 6, 1))
    current[0, 2] = 1.5
    run = _run(backend, network, Inputs(6, 1, {}, {"in": current}), record={"x": ["v"]})
    assert np.allclose(run.trace("x", "v").values[0, :, 0], [0, 0, 0, 3, 3, 3], atol=1e-12)


def _noisy() -> tuple[Network, Inputs]:
    rng = np.random.default_rng(0)
    network = Network(
        {"in": SpikeInput(10), "x": CubaLIF(8, tau_syn=5e-3, tau_mem=0.02), "o": LI(2, tau=0.01)},
        (
            Projection.dense("in", "x", rng.normal(8, 8, (8, 10))),
            Projection.dense("x", "x", rng.normal(0, 4, (8, 8)), delay=2 * DT),
            Projection.dense("x", "o", rng.normal(0, 1, (2, 8))),
        ),
        DT,
    )
    return network, Inputs.from_dense({"in": rng.random((3, 60, 10)) < 0.2})


def _trials(backend: Any) -> None:
    """Trials start afresh and don't touch one another; a run repeats itself."""
    network, inputs = _noisy()
    together = _run(backend, network, inputs)
    assert_same(together, _run(backend, network, inputs), counters=False)
    alone = _run(backend, network, inputs.first(1))
    assert together.spikes["x"].count > 50
    for name, spikes in alone.spikes.items():
        assert spikes.same_as(together.spikes[name].in_trial(0)), f"trial 0 of {name}"


def _subset(backend: Any) -> None:
    """Some neurons at a stride are those of the whole; every population has spikes in the result."""
    network, inputs = _noisy()
    whole = _run(backend, network, inputs, record={"x": ["v"]})
    some = _run(backend, network, inputs, record={"x": ["v"]}, neurons={"x": [1, 6]}, stride=7)
    trace = some.trace("x", "v")
    assert trace.neurons.tolist() == [1, 6]
    assert np.array_equal(trace.values, whole.trace("x", "v").values[:, ::7][:, :, [1, 6]])
    assert set(whole.spikes) == {"in", "x", "o"}


def _fine_steps(backend: Any) -> None:
    """With substeps the clock is finer and the answer the same where nothing spikes."""
    network, inputs = _noisy()
    silent = network.with_(
        populations={**network.populations, "x": CubaLIF(8, 5e-3, 0.02, v_threshold=1e9)}
    )
    record = {"x": ["v"]}
    coarse = _run(backend, silent, inputs, record=record)
    fine = _run(backend, silent, inputs, record=record, substeps=5)
    assert fine.dt == coarse.dt / 5
    assert fine.steps == 5 * coarse.steps
    difference = fine.trace("x", "v").values[:, 4::5] - coarse.trace("x", "v").values
    assert np.abs(difference).max() < 1e-9


def check_exporter(backend: Any, folder: Path, chip: Chip, networks: int = 3) -> None:
    """What is exported, run there, gives the same spikes and registers as the emulator."""
    for seed in range(networks):
        network = random_network(seed, chip, largest=15)
        inputs = random_inputs(seed, network, steps=25, trials=1 + seed % 2)
        script = backend.export(network, inputs, folder / f"program{seed}.py", steps=None)
        theirs = backend.run(script, timeout=300.0, python=None, fast=False)
        record = {name: list(registers) for name, registers in theirs.traces.items()}
        assert_same(emulate(network, inputs, record=record), theirs, counters=False)
