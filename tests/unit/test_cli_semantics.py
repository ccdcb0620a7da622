"""Commands on networks whose spikes pass all layers in one step: in the network's steps, and said so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurohw.cli import main
from neurohw.network import LIF, Inputs, Network, Projection, SpikeInput
from neurohw.network.semantics import PRESETS
from neurohw.quantise import quantise
from neurohw.recording import Recording, load_recording

HERE = Path(__file__).parents[1] / "golden" / "real"
TRIALS, STEPS = 30, 25
DATA = ["--input", str(HERE / "digits.npz")]
NOTE = "spikes pass all layers in one step; on the chip lif1 is 1 step late, lif2 2"


def network(name: str, *more: str) -> list[str]:
    return [str(HERE / f"{name}.nir"), "--dt", "1e-4", "--semantics", "norse", *more]


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def raster(recording: Recording, name: str) -> np.ndarray:
    return recording.spikes[name].dense(recording.trials, recording.steps) > 0


def agreement(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


@pytest.mark.parametrize(
    ("name", "chip", "least"),
    [("lif", "loihi2", 0.93), ("cuba", "loihi2", 0.91), ("lif", "reckon", 0.91),
     # Recurrence makes the errors of 8-bit weights grow: with 16 bits they are few.
     ("rlif", "loihi2", 0.75), ("rlif", "spinnaker1", 0.97)],
)  # fmt: skip
def test_a_run_is_in_the_steps_of_the_framework(
    name: str, chip: str, least: float, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if chip != "reckon":  # one page is enough
        monkeypatch.setattr("neurohw.report.run_page", lambda **_: "1 step late")
    out = ["--trials", str(TRIALS), "--fine", "1", "-o", str(tmp_path / "out")]
    assert main(["run", *network(name, "--chip", chip), *DATA, *out]) == 0
    text = said(capsys)
    assert f"{TRIALS} trials of {STEPS} steps" in text and "steps here are the network's" in text
    reference, on_chip = (
        load_recording(tmp_path / "out" / f"{k}.npz") for k in ("reference", "chip_physical")
    )
    framework = np.load(HERE / f"{name}.npz")
    layers = [k for k in reference.sizes if k != "input"]
    for layer, key in zip(layers, ("hidden", "out"), strict=True):
        n = reference.sizes[layer]
        want = np.unpackbits(framework[key], axis=-1)[:TRIALS, :, :n] > 0
        assert np.array_equal(raster(reference, layer), want)
        if key == "hidden":
            got = raster(on_chip, layer)
            assert agreement(got, want) > least
            assert agreement(np.roll(got, 1, axis=1), want) < least - 0.15  # it is the right step
    assert set(on_chip.sizes) == set(reference.sizes)
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["steps"] == STEPS
    assert ("bias->lif2" in results["synaptic_events"]) == (chip != "loihi2")  # currents have none
    assert any("1 step late" in note for note in results["quantisation"]["notes"])
    assert "1 step late" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_many_chips_in_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*network("lif", "--chip", "loihi2,reckon"), *DATA, "--trials", "5", "--fine", "1"]
    assert main(["run", *arguments]) == 0
    text = said(capsys)
    assert text.count(NOTE) == 1 and "5 trials of 25 steps" in text
    assert main(["run", *arguments, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["chip"] for row in rows if row["fits"]] == ["loihi2", "reckon"]
    assert all(row["spike_agreement"] > 0.85 for row in rows)


@pytest.mark.parametrize("chip", ["loihi2", "reckon"])
def test_quantise_and_map_take_the_network_with_a_latency(
    chip: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["quantise", *network("lif", "--chip", chip)]) == 0
    text = said(capsys)
    assert f"note: {NOTE}" in text and "steps here" not in text
    assert ("bias->lif1" in text) == (chip == "reckon")  # spikes have weights, currents no codes
    assert main(["map", *network("lif", "--chip", chip), *DATA, "--trials", "2"]) == 0
    text = said(capsys)
    assert NOTE in text and "spike by spike" in text


def test_a_calibrated_quantiser_gets_the_longer_sample(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Inputs] = []

    def spy(*args: Any, **how: Any) -> Any:
        seen.append(how["calibration"])
        return quantise(*args, **how)

    monkeypatch.setattr("neurohw.quantise.quantise", spy)
    net, _, sample = written(tmp_path)
    how = ["--quantiser", "calibrated", "--calibrate", sample]
    assert main(["quantise", net, "--chip", "reckon", *how]) == 0
    text = said(capsys)
    assert "calibrated: spikes that differ from the model's" in text
    assert text.count("on the chip a is 1 step late, b 2") == 1
    (given,) = seen
    assert (given.trials, given.steps) == (2, 11)
    assert given.spikes["bias"].count == 2 * (11 + 10)  # from step 0 for a, from step 1 for b


def test_explain_takes_the_rung_of_latency_first(capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--trials", "3", "--meant", "norse"]
    assert main(["explain", *network("lif", "--chip", "loihi2"), *DATA, *few]) == 0
    text = said(capsys)
    assert "3 trials of 27 steps" in text and "latency same" in text
    assert NOTE in text and "steps here are the chip's" in text


def test_export_is_of_the_network_with_a_latency(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = ["-o", str(tmp_path / "net.py"), "--trials", "1"]
    assert main(["export", "lava", *network("lif", "--chip", "loihi2"), *DATA, *script]) == 0
    assert NOTE in said(capsys)


def test_ladder(capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--trials", "2", "--fine", "2"]
    assert main(["ladder", *network("lif", "--chip", "loihi2"), *DATA, *few]) == 0
    assert NOTE in said(capsys)


def written(tmp_path: Path, *more: Projection) -> list[str]:
    """A network whose file says how it is stepped."""
    from neurohw_backends.nir_write import write

    one = {"tau": 1e-2, "r": 1.0, "bias": 0.2}
    net = Network(
        {"x": SpikeInput(2), "a": LIF(2, **one), "b": LIF(2, **one)},
        (
            Projection.dense("x", "a", 9 * np.eye(2)),
            Projection.dense("a", "b", 9 * np.eye(2)),
            *more,
        ),
        1e-3,
        semantics=PRESETS["norse"],
    )
    np.savez(tmp_path / "x.npz", x=np.ones((2, 9, 2), int))
    return [str(write(net, tmp_path / "net.nir")), "--input", str(tmp_path / "x.npz")]


def test_a_file_may_say_it_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*written(tmp_path), "--chip", "loihi2", "--fine", "1", "--json"]
    assert main(["run", *arguments]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["steps"] == 9 and found["spikes"]["a"] > found["spikes"]["b"] > 0
    assert [found["comparison"]["populations"][k]["agreement"] for k in ("a", "b")] == [1.0, 1.0]


@pytest.mark.parametrize("chip", ["loihi2", "reckon"])
@pytest.mark.parametrize("command", ["run", "quantise"])
def test_feedback_within_a_step_is_one_line(
    command: str, chip: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = written(tmp_path, Projection.dense("b", "a", np.eye(2)))
    assert main([command, *arguments[: 1 if command == "quantise" else 3], "--chip", chip]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "goes back from 'b' to 'a' in one step" in error


def test_what_a_chip_can_t_do_is_still_said(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(HERE / "lif.nir"), "--dt", "1e-4", "--chip", "loihi2"]
    assert main(["quantise", *arguments, "--semantics", "snntorch"]) == 2
    assert "resets in the step after a spike" in capsys.readouterr().err
    assert main(["quantise", *arguments, "--semantics", "sinabs"]) == 2
    assert "resets by subtracting its threshold" in capsys.readouterr().err
