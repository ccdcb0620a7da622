"""``neurohw map`` on a trained classifier: what it prints, writes and refuses."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

import neurohw as nh
from neurohw.cli import main

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
NET = ["map", str(DIGITS / "lif.nir"), "--dt", "1e-4", "--integrator", "euler"]
RUN = ["--input", str(DIGITS / "test_data.npz"), "--trials", "1", "--steps", "40"]


def out_of(capsys: Any, *arguments: str) -> str:
    assert main([*NET, *arguments]) == 0
    return str(capsys.readouterr().out)


def json_of(capsys: Any, *arguments: str) -> Any:
    return json.loads(out_of(capsys, *arguments, "--json"))


def said_of(err: str) -> list[str]:
    """What is on the error stream but for notes on how the file was read."""
    return [line for line in err.splitlines() if not line.startswith("note: ")]


def refused(capsys: Any, *arguments: str) -> str:
    """Exit code 2, one line on the error stream."""
    try:
        code = main([*NET, *arguments])
    except SystemExit as stopped:  # the parser's own
        code = int(stopped.code or 0)
        return str(capsys.readouterr().err)
    assert code == 2
    (line,) = said_of(capsys.readouterr().err)
    assert line.startswith("neurohw: ")
    return line


@pytest.mark.parametrize("chip", ["loihi1", "loihi2", "spinnaker1", "prototype"])
def test_what_fits(capsys: Any, chip: str) -> None:
    out = out_of(capsys, "--chip", chip)
    assert f"lif on {chip}: " in out and "neurons" in out and "image " in out
    assert max(map(len, out.splitlines())) <= 100
    found = json_of(capsys, "--chip", chip, "--cores", "3")
    assert found["chip"] == chip and found["cores"] >= 3
    assert found["cores"] <= found["cores_of_chip"]
    assert found["image_equals_network"] is None and found["compared"] == []
    for resource in found["used"].values():
        assert resource["mean"] <= resource["most"]
        assert resource["limit"] is None or resource["most"] <= resource["limit"]
    assert len(found["hash"]) == 64
    assert json_of(capsys, "--chip", chip, "--cores", "3")["hash"] == found["hash"]


def test_a_run_of_the_image(capsys: Any, tmp_path: Path) -> None:
    out = out_of(capsys, "--chip", "prototype", "--cores", "6", *RUN, "-o", str(tmp_path / "o"))
    assert "the image, run by its own tables: equal to the network's, spike by spike" in out
    assert "synapse" in out and "energy" in out
    written = {p.name for p in (tmp_path / "o").iterdir()}
    assert written == {"image.npz", "map.json", "occupancy.png", "traffic.png", "hops.png"}
    stored = json.loads((tmp_path / "o" / "map.json").read_text())
    image = nh.load_image(tmp_path / "o" / "image.npz")
    assert image.hash == stored["hash"] and stored["hash"][:16] in out
    assert image.cores == stored["cores"] >= 6
    for name in ("occupancy", "traffic", "hops"):
        data = (tmp_path / "o" / f"{name}.png").read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", data[16:24])
        assert width >= 600 and height >= 300
    same = json_of(capsys, "--chip", "prototype", "--cores", "6", *RUN)
    assert same["image_equals_network"] is True
    assert same["events"]["synapse"] > 0 and same["energy_J"] > 0 and same["time_s"] > 0
    assert same["makespan"]["unit"] == "s"


@pytest.mark.parametrize(
    "more", [["--compare"], ["--objective", "makespan"], ["--objective", "traffic=1, makespan=0.5"]],
    ids=["compare", "makespan", "both"],
)  # fmt: skip
def test_ways_side_by_side(capsys: Any, more: list[str]) -> None:
    found = json_of(capsys, "--chip", "prototype", "--cores", "4", *RUN, *more)
    values = [e["objective"] for e in found["compared"]]
    assert values == sorted(values) and {"chunks", "multilevel", "scattered"} <= {
        e["method"] for e in found["compared"]
    }
    best = found["compared"][0]
    assert (best["packets_a_step"], best["cores"]) == (found["packets_a_step"], found["cores"])
    chunks = next(e for e in found["compared"] if e["method"] == "chunks")
    assert chunks["objective"] == pytest.approx(1.5 if "0.5" in more[-1] else 1.0)
    out = out_of(capsys, "--chip", "prototype", "--cores", "4", *RUN, *more)
    assert "every way to divide it" in out


def test_what_does_not_fit_is_a_table(capsys: Any) -> None:
    limit = ["--chip", "prototype", "--set", "limits.input_axons.value=90"]
    assert main([*NET, *limit]) == 2
    found = capsys.readouterr()
    assert "input axons" in found.out and "90" in found.out and "mostly 'lif1'" in found.out
    assert len(said_of(found.err)) == 1 and "does not fit on prototype" in found.err
    assert main([*NET, *limit, "--json"]) == 2
    found = capsys.readouterr()
    assert found.out == "" and "does not fit on prototype" in found.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--cores", "17"], "cores is 17; it must be a whole number in 1..16"),
        (["--cores", "0"], "--cores"),
        (["--cores", "many"], "--cores"),
        (["--cores", "2", "--method", "nope"], "'nope'"),
        (["--cores", "2", "--placement", "nope"], "unknown placement 'nope'"),
        (["--objective", "speed"], "objective 'speed'"),
        (["--objective", "traffic=x"], "--objective traffic=x"),
        (["--objective", "traffic=-1"], "-1"),
        (["--objective", "makespan"], "needs the spikes of a run"),
        (["--seed", "-1"], "seed is -1"),
        (["--chips", "0"], "--chips"),
        (["--input", "nowhere.npz"], "nowhere.npz: no such file"),
        (["-o", str(DIGITS / "lif.nir")], "is a file"),
    ],
    ids=lambda a: " ".join(a)[:24] if isinstance(a, list) else "",
)
def test_errors_are_one_line(capsys: Any, arguments: list[str], said: str) -> None:
    assert said in refused(capsys, "--chip", "prototype", *arguments)


@pytest.mark.parametrize(
    ("chip", "said"),
    [
        ("odin", "weights of both signs"), ("truenorth", "96 fan-in"), ("xylo2", "room for"),
        ("ranc", "97 fan-in"), ("biophysical", "biophysical"), ("nochip", "nochip"),
    ],
)  # fmt: skip
def test_chips_that_cannot(capsys: Any, chip: str, said: str) -> None:
    assert said in refused(capsys, "--chip", chip)
