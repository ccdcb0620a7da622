"""The command line on a good day."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from neurohw.cli import main

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
NET = [str(DIGITS / "lif.nir"), "--dt", "1e-4", "--integrator", "euler"]
DATA = ["--input", str(DIGITS / "test_data.npz")]


def test_chips(capsys):
    assert main(["chips"]) == 0
    out = capsys.readouterr().out
    assert "loihi2" in out
    assert "prototype" in out
    assert max(map(len, out.splitlines())) <= 100
    assert main(["chips", "loihi2"]) == 0
    assert "shr0(v * ((1 << decay_bits) - dv), decay_bits) + u" in capsys.readouterr().out
    assert main(["chips", "--json"]) == 0
    assert {"loihi1", "loihi2", "odin", "xylo2"} <= {
        c["name"] for c in json.loads(capsys.readouterr().out)
    }


def test_show_kernel_is_readable_python(capsys):
    assert main(["chips", "loihi2", "--show-kernel", "lif"]) == 0
    out = capsys.readouterr().out
    compile(out, "kernel", "exec")
    assert "def update(" in out
    assert "# spike = v > vth << unit_bits" in out


def test_quantise(capsys):
    assert main(["quantise", *NET, "--chip", "loihi2"]) == 0
    out = capsys.readouterr().out
    assert "6144 weights" in out
    assert max(map(len, out.splitlines())) <= 100
    assert main(["quantise", *NET, "--chip", "loihi2", "--set", "weight.bits=4", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["weights"][0]["distinct"][1] <= 16


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "out"
    arguments = ["run", *NET, "--chip", "loihi2", *DATA, "--trials", "6", "-o", str(folder)]
    assert main(arguments) == 0
    return folder


def test_run_writes_everything(run_folder):
    names = {p.name for p in run_folder.iterdir()}
    assert names == {
        "chip.npz", "chip_physical.npz", "reference.npz", "fine.npz", "results.json", "report.html",
    }  # fmt: skip
    assert list(run_folder.parent.iterdir()) == [run_folder]  # no temporary folder is left
    results = json.loads((run_folder / "results.json").read_text())
    assert results["comparison"]["accuracy_other"] == 1.0
    assert results["spikes"]["lif1"] > 100
    assert "<title>" in (run_folder / "report.html").read_text()


def test_compare(run_folder, capsys):
    pair = [str(run_folder / "reference.npz"), str(run_folder / "chip_physical.npz")]
    assert main(["compare", *pair]) == 0
    assert "lif1" in capsys.readouterr().out
    assert main(["compare", *pair, "--exact"]) == 1
    assert main(["compare", pair[0], pair[0], "--exact", "--json"]) == 0


def test_run_json(capsys):
    arguments = ["run", *NET, "--chip", "prototype", *DATA, "--trials", "2", "--no-reference"]
    assert main([*arguments, "--json"]) == 0
    out = capsys.readouterr()
    assert json.loads(out.out)["chip"] == "prototype"
    assert out.err == ""


def test_export_lava(tmp_path, capsys):
    script = tmp_path / "net.py"
    arguments = [*NET, "--chip", "loihi2", *DATA, "--trials", "1", "-o", str(script)]
    assert main(["export", "lava", *arguments]) == 0
    text = script.read_text()
    assert text.startswith("# /// script")
    compile(text, str(script), "exec")
    assert {p.name for p in tmp_path.iterdir()} == {"net.py", "net.npz"}
    assert "uv run" in capsys.readouterr().out


def test_help_imports_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-m", "neurohw", "--help"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert "examples:" in done.stdout
    imported = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "neurohw", "--help"],
        capture_output=True, text=True, timeout=60,
    ).stderr  # fmt: skip
    for heavy in ("numpy", "numba", "brian2", "matplotlib", "rich"):
        assert f"| {heavy}\n" not in imported
