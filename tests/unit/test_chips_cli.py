"""``neurohw chips``: the list, one chip, verify, new; and ``run --chip all``."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurohw.chip import list_chips, load_chip
from neurohw.cli import main

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
DIGITS = ROOT / "examples" / "digits"
NET = ["run", str(DIGITS / "lif.nir"), "--dt", "1e-4", "--integrator", "euler",
       "--input", str(DIGITS / "test_data.npz"), "--trials", "3", "--fine", "1"]  # fmt: skip


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for results; kernels are cached where they always are."""
    folder = tmp_path / "cache"
    monkeypatch.setattr("neurohw.cli.verified.folder", lambda: folder)
    return folder


def out_of(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(list(arguments)) == code
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_the_list(capsys: Any, cache: Path) -> None:
    out = out_of(capsys, "chips")
    assert max(map(len, out.splitlines())) <= 100
    rows = {line.split()[0]: line.split() for line in out.splitlines() if line.strip()}
    assert rows["xylo1"][1:] == [
        "hidden", "+", "1", "1,008", "104k", "16", "8", "0..0", "xylosim", "8:", "not", "run"
    ]  # fmt: skip
    assert rows["prototype"][-2:] == ["none", "none"]
    assert ":brian2" in rows
    chips = {c["name"]: c for c in json.loads(out_of(capsys, "chips", "--json"))}
    assert set(chips) > set(list_chips())
    assert chips["loihi1:brian2"]["vectors"] == {"files": 4, "verdict": "not run"}
    assert chips["odin"]["neuron_limit"] == 256


def test_one_chip(capsys: Any) -> None:
    for name in json.loads(out_of(capsys, "chips", "--json")):
        out = out_of(capsys, "chips", name["name"])
        chip = load_chip(name["name"])
        for neuron in chip.neurons.values():
            for text in (neuron.text, neuron.start_text, *neuron.phase_texts.values()):
                assert all(line in out for line in text.splitlines())
            assert all(f"{k} {f}" in " ".join(out.split()) for k, f in neuron.inputs.items())
        assert all(line in out for line in chip.weight.delivered_text.splitlines())
        assert all(f"random {g}" in out for g in chip.generators)
        assert all(f"{chip.name.partition(':')[0]}:{v}" in out for v in chip.variants)
        head = out[out.index("\nNumbers") :]
        assert all(k.replace("_", " ") in head for k in chip.limits)
        if chip.machine is not None:
            for o in chip.machine.operations.values():
                assert f"operation {o.name} ({o.kind}): {o.phase} on" in out


def test_verify_and_what_the_list_says_then(capsys: Any, cache: Path) -> None:
    out = out_of(capsys, "chips", "verify", "loihi2", "prototype")
    assert max(map(len, out.splitlines())) <= 100
    row = next(line.split() for line in out.splitlines() if line.strip().startswith("loihi2"))
    assert row[1:5] == ["20", "+", "5", "own"]
    assert int(row[5].replace(",", "")) > 250_000
    assert row[6] == "0" and row[-1] == "equal"
    assert "own: made by this project's interpreter" in out
    assert "prototype: has no vectors (oracle: none" in out
    assert "loihi2" in next(x for x in out_of(capsys, "chips").splitlines() if "20: equal" in x)
    assert "20 files, equal" in out_of(capsys, "chips", "loihi2")
    # TrueNorth's vectors are of another chip of its family, and the list says so.
    assert "(as truenorth:paicore)" in out_of(capsys, "chips", "verify", "truenorth")
    assert "1 files, equal, as truenorth:paicore" in out_of(capsys, "chips", "truenorth")
    listed = out_of(capsys, "chips")
    assert max(map(len, listed.splitlines())) <= 100
    assert "as" in next(x for x in listed.splitlines() if x.strip().startswith("truenorth"))
    # Of another version it is not the result.
    import neurohw

    version = neurohw.__version__
    try:
        neurohw.__version__ = "999"
        assert "20: not run" in out_of(capsys, "chips")
    finally:
        neurohw.__version__ = version


def test_a_damaged_memory_is_no_memory(capsys: Any, cache: Path) -> None:
    out_of(capsys, "chips", "verify", "tinyodin", "--json")
    (kept,) = cache.glob("verified_*.json")
    for text in ("", "[]", '{"verdict": 3}', '{"verdict": "equal"}', "\x00"):
        kept.write_text(text)
        assert "8: not run" in out_of(capsys, "chips")


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    folder = tmp_path / "vectors"
    folder.mkdir()
    shutil.copy(GOLDEN / "lava" / "LIF_0.npz", folder / "good.npz")
    return folder


def test_verify_elsewhere(capsys: Any, vectors: Path, cache: Path) -> None:
    where = ["--vectors", str(vectors)]
    (result,) = json.loads(out_of(capsys, "chips", "verify", "loihi2", *where, "--json"))
    assert (result["verdict"], len(result["files"]), result["run"]) == ("equal", 1, "kernel")
    (slow,) = json.loads(
        out_of(capsys, "chips", "verify", "loihi2", *where, "--interpreter", "--json")
    )
    assert (slow["verdict"], slow["run"]) == ("equal", "interpreter")
    assert slow["compared"] == result["compared"]
    with np.load(vectors / "good.npz") as archive:
        data = dict(archive)
    data["out_v"] = data["out_v"].copy()
    data["out_v"][3, 1] += 1
    np.savez(vectors / "wrong.npz", **data)
    out = out_of(capsys, "chips", "verify", "loihi2", *where, code=1)
    assert "DIFFERENT" in out
    assert "first: loihi2: wrong.npz: wrong: v at [3, 1]: the oracle has" in out
    (result,) = json.loads(out_of(capsys, "chips", "verify", "loihi2", *where, "--json", code=1))
    assert result["different"] == 1
    (vectors / "wrong.npz").write_bytes(b"junk")
    out = out_of(capsys, "chips", "verify", "loihi2", *where, code=1)
    assert "ERROR" in out and "wrong.npz: can't be read as vectors of loihi2" in out
    assert list(cache.glob("verified_*")) == []  # only what ships is remembered
    assert "none of" not in out
    assert "there are no files" in out_of(capsys, "chips", "verify", "xylo1", *where)
    assert main(["chips", "verify", "loihi2", "--vectors", str(vectors / "none")]) == 2
    assert "no such folder" in capsys.readouterr().err
    assert main(["chips", "verify", "loihi3"]) == 2
    assert "did you mean 'loihi" in capsys.readouterr().err


@pytest.mark.parametrize("like", [None, *list_chips()])
def test_new(like: str | None, capsys: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    more = ["--like", like] if like else []
    out = out_of(capsys, "chips", "new", "mine", *more)
    assert len(out.splitlines()) == 10
    assert "neurohw chips ./mine.toml" in out and "neurohw run" in out
    assert os.listdir(tmp_path) == ["mine.toml"]
    original, mine = load_chip(like or "prototype"), load_chip("./mine.toml")
    assert mine.name == "mine" and mine.title.startswith("mine")
    assert mine.oracle.vectors == "" and mine.oracle.files == ("*",) and mine.variants == ()
    assert mine.oracle.name.startswith("none")
    assert mine.neurons.keys() == original.neurons.keys()
    assert [n.text for n in mine.neurons.values()] == [n.text for n in original.neurons.values()]
    assert mine.limits == original.limits
    text, before = (tmp_path / "mine.toml").read_text(), Path(original.path).read_text()
    if not original.variants:
        assert text.count("#") == before.count("#")  # comments stay
    if original.oracle.vectors:
        assert before.count("\n") > text.count("\n")


def test_new_leaves_nothing_behind(capsys: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.toml").write_text("mine")
    for arguments, said in (
        (["there"], "there.toml: is there already"),
        (["Bad"], "'Bad' is no name"),
        (["verify"], "'verify' is no name"),
        (["x:y"], "is no name"),
        (["x", "-o", "x.txt"], "x.txt: a profile ends in .toml"),
        (["x", "-o", "there.toml/x.toml"], "can't be written"),
        (["x", "--like", "loihi3"], "unknown chip 'loihi3'"),
        (["x", "--like", "loihi1:brian2"], "a variant is part of its chip"),
    ):
        assert main(["chips", "new", *arguments]) == 2
        out, err = capsys.readouterr()
        assert out == "" and said in err and len(err.splitlines()) == 1
        assert os.listdir(tmp_path) == ["there.toml"]
    assert (tmp_path / "there.toml").read_text() == "mine"


def test_a_new_chip_runs(capsys: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    out_of(capsys, "chips", "new", "mine")
    out = out_of(capsys, *NET, "--chip", "./mine.toml", "--no-reference", "--json")
    assert json.loads(out)["chip"] == "mine"


def test_run_on_all_chips(capsys: Any, tmp_path: Path) -> None:
    out = out_of(capsys, *NET, "--chip", "all")
    assert max(map(len, out.splitlines())) <= 100
    assert all(name in out for name in list_chips())
    assert "accuracy in floating point: 100.00 %" in out
    folder = tmp_path / "out"
    rows = json.loads(out_of(capsys, *NET, "--chip", "all", "--json", "-o", str(folder)))
    assert [row["chip"] for row in rows] == list_chips()
    fits = {row["chip"]: row for row in rows if row["fits"]}
    assert fits.keys() >= {"loihi2", "prototype"}
    assert all(row["reason"] for row in rows if not row["fits"])
    assert {p.name for p in folder.iterdir()} == {*fits, "table.json"}
    assert json.loads((folder / "table.json").read_text()) == rows
    for name, row in fits.items():
        results = json.loads((folder / name / "results.json").read_text())
        assert results["chip"] == name
        assert results["comparison"]["accuracy_other"] == row["accuracy"]
        total = sum(results["synaptic_events"].values())
        assert row["synaptic_operations"] == total / results["trials"]
        worst = max(
            p["traces"]["v"]["largest"]
            for p in results["comparison"]["populations"].values() if "v" in p["traces"]
        )  # fmt: skip
        assert row["worst_error"] == worst > 0
        assert 0 < row["spike_agreement"] <= 1


def test_run_on_some_chips_simulates_the_reference_once(
    capsys: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from neurohw import backend

    calls = []
    honest = backend.reference

    def counted(*a: Any, **k: Any) -> Any:
        calls.append(k["substeps"])
        return honest(*a, **k)

    monkeypatch.setattr(backend, "reference", counted)
    chips = "loihi2,prototype"
    many = json.loads(out_of(capsys, *NET, "--chip", chips, "--json"))
    assert calls == [1]
    one = json.loads(out_of(capsys, *NET, "--chip", "prototype", "--json"))
    assert many[1]["accuracy"] == one["comparison"]["accuracy_other"]
    assert many[1]["overflows"] == sum(sum(v.values()) for v in one["overflows"].values())
    none = json.loads(out_of(capsys, *NET, "--chip", chips, "--no-reference", "--json"))
    assert [row["accuracy"] for row in none] == [None, None]
    assert none[1]["synaptic_operations"] == many[1]["synaptic_operations"]


def test_a_list_of_chips_is_checked(capsys: Any, tmp_path: Path) -> None:
    for chips, said in (
        ("loihi2,", "a name is missing"), ("loihi2,loihi2", "there twice"),
        ("loihi2,loihi3", "unknown chip 'loihi3'"), (",", "a name is missing"),
    ):  # fmt: skip
        assert main([*NET, "--chip", chips, "-o", str(tmp_path / "out")]) == 2
        out, err = capsys.readouterr()
        assert out == "" and said in err and len(err.splitlines()) == 1
    assert os.listdir(tmp_path) == []


def test_an_interrupt_leaves_whole_folders(
    capsys: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from neurohw.cli import pipeline

    honest = pipeline.carry_out

    def stop(network: Any, chip: Any, *a: Any, **k: Any) -> Any:
        if chip.name == "prototype":
            raise KeyboardInterrupt
        return honest(network, chip, *a, **k)

    monkeypatch.setattr(pipeline, "carry_out", stop)
    folder = tmp_path / "out"
    assert main([*NET, "--chip", "loihi2,prototype", "-o", str(folder)]) == 130
    assert capsys.readouterr().err == "neurohw: interrupted\n"
    assert os.listdir(folder) == ["loihi2"]
    assert (folder / "loihi2" / "report.html").is_file()
