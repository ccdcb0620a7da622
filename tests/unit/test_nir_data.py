"""NIRData files: what we write the nir library reads, and the other way round."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurohw.errors import FileError, InputError, UnknownName
from neurohw.network import LIF, CurrentInput, Inputs, Network, Projection, SpikeInput
from neurohw.network.events import Spikes
from neurohw.recording import Recording, Trace

nir = pytest.importorskip("nir", exc_type=ImportError)
pytest.importorskip("nir.data_ir", reason="NIRData came with nir 1.0.7", exc_type=ImportError)

from neurohw_backends.nir import (  # noqa: E402
    read_inputs,
    read_recording,
    write_inputs,
    write_recording,
)  # fmt: skip


def spikes(rng: np.random.Generator, trials: int, steps: int, n: int, graded: bool) -> Spikes:
    raster = rng.random((trials, steps, n)) < 0.3
    return Spikes.from_dense(raster * (rng.integers(1, 4, raster.shape) if graded else 1))


def recording(seed: int) -> Recording:
    rng = np.random.default_rng(seed)
    trials, steps, n = (int(k) for k in rng.integers(1, 7, 3))
    dt = float(rng.choice([1e-4, 0.1, 1 / 3, 7e-3]))
    stride = int(rng.integers(1, 4))
    values = rng.integers(-9, 9, (trials, -(-steps // stride), n))
    traces = {
        "v": Trace(values, np.arange(n), stride),
        "i": Trace(rng.normal(size=(trials, steps, n)), np.arange(n)),
    }
    return Recording(
        dt, steps, trials, {"in.a": 3, "b": n},
        {"in.a": spikes(rng, trials, steps, 3, False), "b": spikes(rng, trials, steps, n, True)},
        {"b": traces},
    )  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_recordings_come_back(seed: int) -> None:
    want = recording(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = write_recording(want, Path(folder) / "data.nir")
        got = read_recording(path)
        theirs = nir.read_data(path)
    assert (got.dt, got.trials, dict(got.sizes)) == (want.dt, want.trials, dict(want.sizes))
    assert got.steps == want.steps
    for name, s in want.spikes.items():
        assert got.spikes[name].same_as(s)
        grid = theirs.nodes[name].observables["spikes"].to_time_gridded(want.dt).data
        assert np.array_equal(
            grid[:, : want.steps], s.dense(want.trials, want.steps)[:, : grid.shape[1]]
        )
    for key, trace in want.traces["b"].items():
        back = got.trace("b", key)
        assert np.array_equal(back.values, trace.values) and back.stride == trace.stride
        assert back.values.dtype == trace.values.dtype


def net() -> Network:
    return Network(
        {"x": SpikeInput(3), "c": CurrentInput(2), "n": LIF(3, tau=1.0)},
        (Projection.sparse("x", "n", [0], [0], 1.0), Projection.sparse("c", "n", [0], [0], 1.0)),
        1e-3,
    )


def test_inputs_come_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    want = Inputs.from_dense(
        {"x": rng.integers(0, 2, (4, 9, 3))}, {"c": rng.normal(size=(4, 9, 2))}
    )
    got = read_inputs(write_inputs(want, 1e-3, tmp_path / "in.nir"), net())
    assert (got.steps, got.trials) == (9, 4)
    assert got.spikes["x"].same_as(want.spikes["x"])
    assert np.array_equal(got.currents["c"], want.currents["c"])


def theirs(path: Path, **nodes: dict[str, Any]) -> Path:
    made = {k: nir.NIRNodeData(observables=v) for k, v in nodes.items()}
    nir.write_data(path / "data.nir", nir.NIRGraphData(nodes=made))
    return path / "data.nir"


def test_records_of_the_library_are_read(tmp_path: Path) -> None:
    raster = np.random.default_rng(2).random((2, 400, 3)) < 0.2
    grid = nir.TimeGriddedData(raster, 1e-3)
    want = Spikes.from_dense(raster)
    for record in (grid, grid.to_event(400), grid.to_event(400, 0.9e-3)):  # times are k dt + shift
        path = theirs(tmp_path, x={"spikes": record}, other={"v": grid})
        assert read_inputs(path, net()).spikes["x"].same_as(want)
        assert read_recording(path).spikes["x"].same_as(want)
    assert read_inputs(theirs(tmp_path, x={"S": grid}), net()).spikes["x"].same_as(want)


def test_events_alone_need_a_time_step(tmp_path: Path) -> None:
    events = nir.EventData(np.array([[2, -1]]), np.array([[4.2e-3, np.inf]]), 3, 6e-3)
    path = theirs(tmp_path, x={"spikes": events})
    with pytest.raises(InputError, match="have times but no step; give dt"):
        read_recording(path)
    got = read_recording(path, dt=1e-3)
    assert (got.steps, got.spikes["x"].step.tolist(), got.spikes["x"].neuron.tolist()) == (
        6,
        [4],
        [2],
    )


GRID = nir.TimeGriddedData(np.ones((1, 4, 3), bool), 1e-3)
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "other names": ({"y": {"spikes": GRID}}, "has records of y; the inputs are x, c"),
    "other step": (
        {"x": {"spikes": nir.TimeGriddedData(GRID.data, 2e-3)}}, "has steps of 0.002 s, the network",
    ),
    "no spikes": ({"x": {"v": GRID, "w": GRID}}, "node 'x' has v, w, but no 'spikes'"),
    "fractions": (
        {"x": {"spikes": nir.TimeGriddedData(np.full((1, 4, 3), 0.5), 1e-3)}}, "0.5 is not a number",
    ),
    "channels": (
        {"x": {"spikes": nir.TimeGriddedData(np.ones((1, 4, 2)), 1e-3)}}, "has 3 channels",
    ),
    "samples": (
        {"x": {"spikes": GRID}, "c": {"current": nir.TimeGriddedData(np.ones((2, 4, 2)), 1e-3)}},
        "records have [1, 2] samples",
    ),
    "event currents": (
        {"c": {"current": nir.EventData(np.array([[0]]), np.array([[0.0]]), 2, 4e-3)}},
        "a current is given on a grid",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_inputs_that_don_t_fit(tmp_path: Path, case: str) -> None:
    nodes, part = BAD[case]
    with pytest.raises((InputError, UnknownName)) as caught:
        read_inputs(theirs(tmp_path, **nodes), net())
    assert part in str(caught.value) and "\n" not in str(caught.value)


def test_traces_of_some_neurons_have_no_place(tmp_path: Path) -> None:
    some = Trace(np.zeros((1, 2, 1)), np.array([1]))
    made = Recording(1e-3, 2, 1, {"n": 3}, {}, {"n": {"v": some}})
    with pytest.raises(InputError, match="'v' of 'n' is of 1 of 3 neurons"):
        write_recording(made, tmp_path / "data.nir")


@pytest.mark.parametrize(
    ("key", "attribute", "value"),
    [
        ("", "__type__", "Spam"), ("nodes/x", "__type__", "Spam"),
        ("nodes/x/observables/spikes", "__type__", "Spam"),
        ("nodes/x/observables/spikes", "n_neurons", 1),
        ("nodes/x/observables/spikes", "n_neurons", "many"),
        ("nodes/x/observables/spikes", "t_max", np.nan),
    ],
)  # fmt: skip
def test_hostile_attributes(tmp_path: Path, key: str, attribute: str, value: Any) -> None:
    want = Inputs.from_dense({"x": np.ones((1, 4, 3), int)})
    path = write_inputs(want, 1e-3, tmp_path / "data.nir")
    with h5py.File(path, "a") as f:
        (f[key] if key else f).attrs[attribute] = value
    with pytest.raises(FileError) as caught:
        read_inputs(path, net())
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_every_damage_gives_one_line(tmp_path: Path) -> None:
    want = Inputs.from_dense({"x": np.ones((1, 4, 3), int)}, {"c": np.ones((1, 4, 2))})
    data = write_inputs(want, 1e-3, tmp_path / "data.nir").read_bytes()
    rng, bad, refused = np.random.default_rng(3), tmp_path / "bad.nir", 0
    for k in range(150):
        broken = np.frombuffer(data[: len(data) if k > 20 else 90 * k], np.uint8).copy()
        if k > 20:
            broken[rng.integers(0, len(data), 20)] = rng.integers(0, 256, 20)
        bad.write_bytes(broken.tobytes())
        try:
            read_inputs(bad, net())
        except (FileError, InputError, UnknownName) as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 50
