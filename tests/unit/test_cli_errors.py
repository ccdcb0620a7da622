"""The command line with everything that can be wrong: exit code, one line on stderr, no debris."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurohw.cli import main

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
NET, DATA = str(DIGITS / "lif.nir"), str(DIGITS / "test_data.npz")
STEP = ["--dt", "1e-4", "--integrator", "euler"]
CHIP = ["--chip", "prototype"]
QUANTISE = ["quantise", NET, *STEP]
RUN = ["run", NET, *STEP, *CHIP, "--input", DATA]


def call(*arguments: Any) -> int:
    try:
        return main([str(a) for a in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)


@pytest.fixture
def fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """Runs a command in an empty folder: it must fail, say one line and leave nothing behind."""
    monkeypatch.chdir(tmp_path)

    def check(*arguments: Any, said: str = "", code: int = 2) -> str:
        before = sorted(os.listdir(tmp_path))
        assert call(*arguments) == code
        out, err = capsys.readouterr()
        assert out == ""
        assert err.endswith("\n")
        line = err[:-1]
        assert line.isprintable()
        assert line.startswith("neurohw")
        assert said in line
        assert sorted(os.listdir(tmp_path)) == before
        return line

    return check


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bogus"], "neurohw: argument COMMAND: invalid choice: 'bogus'"),
        (["run"], "the following arguments are required: NET.nir, --chip, --input"),
        (["quantise", NET, *CHIP, "--dt", "abc"], "argument --dt: invalid float value: 'abc'"),
        (["quantise", NET, *CHIP, "--dt", "1", "--integrator", "eulr"], "invalid choice: 'eulr'"),
        ([*QUANTISE, *CHIP, "--bogus"], "unrecognized arguments: --bogus"),
        ([*QUANTISE, *CHIP, "a\nb\x1b[31m"], r"unrecognized arguments: a\nb\x1b[31m"),
        ([*RUN, "--trials", "0"], "'0' is no whole number from 1"),
        ([*RUN, "--trials", "1.5"], "'1.5' is no whole number from 1"),
        ([*RUN, "--steps", "-1"], "'-1' is no whole number from 1"),
        ([*RUN, "--fine", "0"], "'0' is no whole number from 1"),
        ([*RUN, "--seed", "x"], "invalid int value: 'x'"),
        ([*RUN, "-o", ""], "argument -o/--output: is empty; name a place"),
        (["export"], "required: TARGET"),
        (["export", "bogus"], "invalid choice: 'bogus'"),
        (["demo", "--network", "x"], "invalid choice: 'x'"),
        (["compare", "a.npz"], "required: B.npz"),
        (["compare", "a.npz", "b.npz", "--tau", "x"], "invalid float value: 'x'"),
        (["chips", "--show-kernel", "lif"], "say of which chip"),
        (["chips", "prototype", "--show-kernel", "liif"], "did you mean 'lif'"),
    ],
)
def test_usage(fails: Any, arguments: list[str], said: str) -> None:
    fails(*arguments, said=said)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none.nir", "none.nir: no such file"),
        ("none", "networks are read from .nir files"),
        ("a\nb.nir", r"neurohw: a\nb.nir: no such file"),
        ("\x1b[31m.nir", r"neurohw: \x1b[31m.nir: no such file"),
        ("[bold].nir", "neurohw: [bold].nir: no such file"),
        (DATA, "networks are read from .nir files"),
        ("", "networks are read from .nir files"),
    ],
)
def test_networks(fails: Any, name: str, said: str) -> None:
    fails("quantise", name, *STEP, *CHIP, said=said)
    fails("run", name, *STEP, *CHIP, "--input", DATA, "-o", "out", said=said)
    export = ["export", "lava", name, *STEP, *CHIP, "--input", DATA, "-o", "out.py"]
    fails(*export, said=said)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("prototipe", "unknown chip 'prototipe': did you mean 'prototype'?"),
        ("none.toml", "none.toml: no such profile"),
        ("../none", "no such profile"),
        (NET + "/x.toml", "no such profile"),
        ("[red]x", "unknown chip '[red]x'"),
    ],
)
def test_chips(fails: Any, name: str, said: str) -> None:
    fails(*QUANTISE, "--chip", name, said=said)
    fails("demo", "--chip", name, "-o", "out", said=said)
    fails("chips", name, said=said)


@pytest.mark.parametrize("dt", ["0", "-1", "nan", "inf", "1e300", "1e-300"])
def test_time_steps(fails: Any, dt: str) -> None:
    fails("quantise", NET, f"--dt={dt}", *CHIP, said="; give the time step in seconds")


def test_a_time_step_is_never_guessed(fails: Any) -> None:
    fails("quantise", NET, *CHIP, said="NIR stores no time step; give dt in seconds")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("weight.bits", "--set weight.bits: write KEY=VALUE"),
        ("=", "'' can't be changed"),
        ("weight.bist=4", "'weight.bist' can't be changed: there are only bits"),
        ("foo.bar=4", "there is no table 'foo'"),
        ("..=1", "'..' can't be changed"),
        ("weight=1", "weight is 1; it must be a table"),
        ("weight.bits=x", "weight.bits is 'x'; it must be an integer 1..31"),
        ("weight.bits=" + "9" * 5000, "it must be an integer 1..31"),
        ("weight.bits=" + "9" * 400, "weight.bits is an integer of 1329 bits"),
        ("neuron.lif.registers.v=s99", "'s99' has 99 bits"),
        ("neuron.lif.tick=v = foo", "with another 'neuron.lif.tick': 'foo' is not declared"),
        ("limits.synapses.value=10", "7,094 too many; use a larger chip or a smaller network"),
    ],
)
def test_changes_of_a_profile(fails: Any, change: str, said: str) -> None:
    fails(*QUANTISE, *CHIP, "--set", change, said=said)


def test_inputs(fails: Any, tmp_path: Path) -> None:
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "empty.npz").touch()
    np.savez(tmp_path / "wide.npz", spikes=np.zeros((2, 5, 65)))
    np.savez(tmp_path / "two.npz", spikes=np.full((2, 5, 64), 2))
    np.savez(tmp_path / "pickle.npz", spikes=np.array([None], object))
    base = ["run", NET, *STEP, *CHIP, "--no-reference", "-o", "out", "--input"]
    for name, said in (
        ("none.npz", "none.npz: no such file"),
        ("folder.npz", "folder.npz: no such file"),
        ("empty.npz", "empty.npz: not a readable .npz"),
        (NET, "lif.nir: not a readable .npz"),
        ("pickle.npz", "never loaded"),
        ("wide.npz", "wide.npz: input 'input' has 64 channels; the spikes have 65"),
        ("two.npz", "has 2 spikes of one channel in one step"),
    ):
        fails(*base, name, said=said)
    fails(*QUANTISE, *CHIP, "--analogue", "inptu", said="did you mean 'input'?")
    few = [*RUN, "--no-reference", "--trials", "1"]
    fails(*few, "--seed", "-1", said="seed is -1; it must be a whole number in 0..4294967295")
    fails(*few, "--steps", 2**40, said="steps is 1099511627776; it must be a whole number")


def test_places(fails: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "data.npz").mkdir()
    few = [*RUN, "--no-reference", "--trials", "1", "-o"]
    fails(*few, "file", said="file: is a file; name a folder")
    fails(*few, "file/below", said="can't be written")
    fails(*few, "a" * 300, said="can't be written (File name too long)")
    fails("demo", "-o", "file", said="file: is a file; name a folder")
    export = ["export", "lava", NET, *STEP, *CHIP, "--input", DATA, "--trials", "1", "-o"]
    fails(*export, "x.txt", said="give a name ending in .py")
    fails(*export, "data.py", said="data.npz: can't be written (Is a directory)")


def test_a_disk_that_fills_up(
    fails: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    few = [*RUN, "--no-reference", "--trials", "1", "--json", "-o", "out"]
    assert call(*few) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["trials"] == 1
    assert err == ""
    before = {p: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    assert {p.name for p in before} >= {"chip.npz", "results.json", "report.html"}

    def full(self: Path, text: str) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("neurohw.files.write_text", full)
    fails(*few, said="out: can't be written (No space left on device)")
    assert {p: p.read_bytes() for p in (tmp_path / "out").iterdir()} == before


def test_comparisons(fails: Any, tmp_path: Path) -> None:
    for name, said in (
        ("none.npz", "none.npz: no such file"), (DATA, "is no neurohw recording"),
        (NET, "not a readable .npz"),
    ):  # fmt: skip
        fails("compare", name, name, said=said)


def test_json_stays_json_when_recordings_differ(tmp_path: Path, capsys: Any) -> None:
    from neurohw.network.events import Spikes
    from neurohw.recording import Recording

    for name, step in (("a.npz", 1), ("b.npz", 2)):
        spikes = {"n": Spikes.of(2, [0], [step], [1])}
        Recording(1e-3, 5, 1, {"n": 2}, spikes).save(tmp_path / name)
    a, b = tmp_path / "a.npz", tmp_path / "b.npz"
    assert call("compare", a, b, "--json", "--exact") == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["divergence"]["step"] == 1
    assert err == ""
    assert call("compare", a, a, "--exact") == 0
    assert call("compare", a, b, "--exact") == 1
    assert "different: " in capsys.readouterr().out


def test_a_missing_program_is_exit_code_3(
    fails: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from neurohw.errors import BackendMissing, ChildError

    for error in (ChildError("uv failed:\nno network"), BackendMissing("h5py is missing")):

        def fail(*_: Any, error: Exception = error, **__: Any) -> None:
            raise error

        monkeypatch.setattr("neurohw.loading.load_network", fail)
        fails(*QUANTISE, *CHIP, said=f"neurohw: {error}", code=3)
    for other, code, said in (
        (MemoryError(), 2, "not enough memory; run fewer trials"),
        (KeyboardInterrupt(), 130, "neurohw: interrupted"),
        (PermissionError(13, "Permission denied", "x\ny"), 2, r"x\ny: Permission denied"),
    ):

        def stop(*_: Any, error: BaseException = other, **__: Any) -> None:
            raise error

        monkeypatch.setattr("neurohw.loading.load_network", stop)
        fails(*QUANTISE, *CHIP, said=said, code=code)


def test_names_can_not_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    from neurohw.cli import console

    console.line("a\x1b[31mb\nc")
    console.table("t\x1b]0;x\x07", ("what",), [("v\x1b[2J[bold]\ud800",)])
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\x07" not in out
    assert r"a\x1b[31mb" in out and r"v\x1b[2J[bold]\ud800" in out


def test_help_is_quick_and_needs_no_numpy() -> None:
    program = (
        "import sys\nfrom neurohw.cli import main\n"
        "try:\n    main(['run', '--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'numba', 'matplotlib', 'brian2', 'h5py', 'rich'} & set(sys.modules)\n"
        "sys.exit(f'imports {heavy}' if heavy else 0)\n"
    )
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "examples:" in done.stdout
    assert done.stderr == ""
    assert time.monotonic() - began < 5


def test_a_terminal_without_greek_letters(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    program = "import sys; from neurohw.cli import main, console; sys.exit(main(['chips']) or "
    done = subprocess.run(
        [sys.executable, "-c", program + "print('\\u0393'))"],
        capture_output=True, text=True, check=False, env=environment, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "\\u0393" in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="SIGINT by id")
def test_an_interrupt_ends_a_run_without_debris(tmp_path: Path) -> None:
    arguments = [*RUN, "--fine", "2000", "-o", "out"]
    run = subprocess.Popen(
        [sys.executable, "-m", "neurohw.cli", *arguments], cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        time.sleep(2.5)
        assert run.poll() is None, run.communicate()
        # Python drops an interrupt that falls into a finaliser of some library; people press again.
        for _ in range(20):
            run.send_signal(signal.SIGINT)
            try:
                out, err = run.communicate(timeout=2)
                break
            except subprocess.TimeoutExpired:
                continue
    finally:
        run.kill()
    assert run.returncode == 130
    assert out == ""
    assert err.splitlines()[-1] == "neurohw: interrupted"
    assert os.listdir(tmp_path) == []
