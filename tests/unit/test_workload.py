"""NeuroBench's metrics: equal to its own on its networks, and by hand on a network run here."""

import json
from pathlib import Path

import numpy as np
import pytest

import neurohw as nh
from neurohw.errors import InputError
from neurohw.fixed import FixedCurrent
from neurohw.mapping.workload import membrane_updates, neurobench, workload

GOLDEN = Path(__file__).parents[1] / "golden" / "mapping"
EXPECTED = json.loads((GOLDEN / "neurobench230_expected.json").read_text())


@pytest.mark.parametrize("name", EXPECTED)
def test_equal_to_neurobench(name):
    expected = EXPECTED[name]
    data = np.load(GOLDEN / f"neurobench230_{name}.npz", allow_pickle=False)
    layers = range(len(expected["sizes"]) - 1)
    # An snnTorch Leaky layer stores five float32 beside the weights.
    found = neurobench(
        [data[f"w{k}"] for k in layers], data["x"], [data[f"s{k}"] for k in layers],
        buffers=20 * len(layers),
    ).as_dict()  # fmt: skip
    assert found == {k: expected[k] for k in found}
    assert len(found) == 5


def test_macs_are_of_the_steps_with_other_values():
    weights = [np.array([[1.0, 0.0], [2.0, 3.0]])]
    inputs = np.array([[[1, 0], [0.5, 1], [0, -1]], [[0, 0], [1, 0], [1, 1]]])
    outputs = [np.zeros((2, 3, 2))]
    found = neurobench(weights, inputs, outputs, membranes=[np.arange(12).reshape(2, 3, 2)])
    assert found.effective_acs == (2 + 1 + (2 + 1)) / 2
    assert found.effective_macs == (2 + 1 + 2) / 2  # step 1 of both samples: one holds 0.5
    assert found.dense == 3 * 4 and found.activation_sparsity == 1.0
    assert found.membrane_updates == 6.0 == found.as_dict()["MembraneUpdates"]


def test_membranes_that_stay_are_no_updates():
    v = np.zeros((2, 4, 3))
    assert membrane_updates([v]) == 3.0
    v[0, 2:, 1] = 5
    assert membrane_updates([v, v[:, :, :1]]) == 3.5 + 1
    with pytest.raises(InputError, match="as many each"):
        membrane_updates([v, v[:1]])


def test_shapes_that_do_not_fit():
    w, x, s = np.ones((3, 2)), np.ones((1, 4, 2)), np.ones((1, 4, 3))
    for args in (
        ([], x, []),
        ([w], x, []),
        ([w], x[0], [s]),
        ([w.T], x, [s]),
        ([w], x, [s[:, :2]]),
    ):
        with pytest.raises(InputError):
            neurobench(*args)


@pytest.fixture(scope="module")
def run(prototype):
    rng = np.random.default_rng(5)
    net = nh.Network(
        {"in": nh.SpikeInput(6), "a": nh.LIF(5, tau=1e-2), "b": nh.LIF(3, tau=1e-2)},
        [
            nh.Projection.dense("in", "a", rng.uniform(1, 6, (5, 6))),
            nh.Projection.sparse("a", "b", [0, 1, 4, 4], [2, 0, 1, 2], [15.0, 20.0, 25.0, 9.0]),
        ],
        dt=1e-3,
    )
    fixed = nh.quantise(net, prototype)
    raster = rng.integers(0, 2, (2, 30, 6))
    return fixed, nh.interpret(
        fixed, nh.Inputs.from_dense({"in": raster}), record={"a": ["v"], "b": ["v"]}
    )


def test_of_a_network_run_here(run):
    fixed, recording = run
    found = workload(fixed, recording)
    stored = [p.synapses for p in fixed.projections]
    assert found.parameters == 6 * 5 + 5 * 3 and found.footprint == 4 * 45
    assert found.connection_sparsity == round(1 - sum(stored) / 45, 4)
    assert found.weight_bits == 8 * sum(stored)
    assert found.dense == 30 * 45
    # Every weight here is stored and none is 0: an addition for each synaptic event that can arrive.
    fan_out = {"in": np.full(6, 5), "a": np.bincount([0, 1, 4, 4], minlength=5)}
    acs = sum((s.counts(2) * fan_out[k]).sum() for k, s in recording.spikes.items() if k in fan_out)
    assert found.effective_acs == acs / 2 and found.effective_macs == 0
    fired = [recording.spikes[k].count for k in "ab"]
    assert min(fired) > 0
    assert found.activation_sparsity == (480 - sum(fired)) / 480
    assert found.by_layer == ((300 - fired[0]) / 300, (180 - fired[1]) / 180)
    traces = [recording.traces[k]["v"].values for k in "ab"]
    assert found.membrane_updates == membrane_updates(traces)


def test_equal_to_the_same_layers_as_matrices(run):
    fixed, recording = run
    weights = []
    for p in fixed.projections:
        matrix = np.zeros((fixed.sizes[p.target], fixed.sizes[p.source]), np.float32)
        matrix[p.post, p.pre] = p.weight
        weights.append(matrix)
    raster = {k: s.dense(2, 30) for k, s in recording.spikes.items()}
    ours = workload(fixed, recording).as_dict()
    theirs = neurobench(weights, raster["in"], [raster["a"], raster["b"]]).as_dict()
    assert {k: ours[k] for k in theirs} == theirs


def test_currents_and_several_spikes_at_once_are_macs(run):
    fixed, recording = run
    current = FixedCurrent("c", "amps", "a", np.array([[1.0], [0.0], [2.0], [0.0], [0.5]]))
    fields = {**fixed.__dict__, "inputs": {**fixed.inputs, "amps": 1}, "currents": (current,)}
    fields["spiking_inputs"] = {"in": True, "amps": False}
    wider = nh.FixedPointNetwork(**fields)
    seen = nh.Recording(**{**recording.__dict__, "sizes": {**recording.sizes, "amps": 1}})
    values = np.zeros((2, 30, 1))
    values[0, 3], values[1, 3], values[0, 9] = 0.25, 1.0, 1.0
    found = workload(wider, seen, nh.Inputs(30, 2, {}, {"amps": values}))
    plain = workload(fixed, recording)
    assert found.effective_macs == 2 * 3 / 2
    assert found.effective_acs == plain.effective_acs + 3 / 2
    assert found.parameters == plain.parameters + 5
    with pytest.raises(InputError, match="'amps' is not in the inputs"):
        workload(wider, seen)
    with pytest.raises(InputError, match="population 'in' has 6 neurons"):
        workload(fixed, nh.Recording(**{**recording.__dict__, "sizes": {"in": 5}}))
