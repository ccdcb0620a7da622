"""Files from strangers, and files that can't be written: one line, nothing half-done."""

from __future__ import annotations

import errno
import json
import os
import pickle
import random
import struct
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurohw import files
from neurohw.errors import FileError, InputError, NeurohwError
from neurohw.loading import load_inputs, load_network
from neurohw.network import LIF, CurrentInput, Inputs, Network, Projection, SpikeInput
from neurohw.network.events import Spikes
from neurohw.recording import Recording, Trace, load_recording

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
N = 4
SILENT = np.zeros((2, 5, N), np.uint8)


def network(kind: type[Any] = SpikeInput) -> Network:
    populations = {"in": kind(N), "out": LIF(2, tau=1e-2)}
    return Network(populations, (Projection.dense("in", "out", np.ones((2, N))),), 1e-3)


def refused(path: Path, read: Callable[[], object], said: str) -> None:
    """One line that names the file and says ``said``."""
    with pytest.raises(NeurohwError) as caught:
        read()
    message = str(caught.value)
    assert message.isprintable()
    assert str(path) in message
    assert said in message


def fill(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("raster", "said"),
    [
        (SILENT.astype(object), "Python objects, which are never loaded"),
        (np.zeros((2, 5), [("a", "i4"), ("b", "f8")]), "has dtype"),
        (SILENT.astype("M8[s]"), "has dtype datetime64[s]"),
        (SILENT.astype(complex), "complex128 holds no numbers of spikes"),
        (SILENT.astype(str), "holds no numbers of spikes"),
        (SILENT + 0.5, "0.5 is not a number of spikes"),
        (SILENT * np.nan, "nan is not a number of spikes"),
        (SILENT + np.inf, "inf is not a number of spikes"),
        (SILENT - 1.0, "-1.0 is no number of spikes; it must be in 0..2147483647"),
        (SILENT.astype(int) - 1, "-1 is no number of spikes"),
        (SILENT.astype("u8") + 2**63, "9223372036854775808 is no number of spikes"),
        (SILENT.astype("i8") + 2**32 + 1, "4294967297 is no number of spikes"),
        (SILENT + 1e300, "1e+300 is no number of spikes"),
        (np.zeros(N), "shape (4,); give (steps, n) or (trials, steps, n)"),
        (np.zeros((1, 2, 5, N)), "shape (1, 2, 5, 4)"),
        (np.float64(3), "shape ()"),
        (np.zeros((0, 5, N)), "trials is 0; it must be a whole number"),
        (np.zeros((2, 0, N)), "steps is 0; it must be a whole number"),
        (np.zeros((2, 5, N + 1)), "has 4 channels; the spikes have 5"),
        (np.zeros((2, 5, 0)), "has 4 channels; the spikes have 0"),
    ],
)
def test_rasters(tmp_path: Path, raster: Any, said: str) -> None:
    path = fill(tmp_path / "x.npz", spikes=raster)
    refused(path, lambda: load_inputs(path, network()), said)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"labels": np.zeros(3, int)}, "labels have shape (3,) for 2 trials"),
        ({"labels": np.array([-1, 2])}, "'labels' has -1"),
        ({"labels": np.array([0.0, 1.0])}, "'labels' must be a list of class numbers"),
        ({"labels": np.zeros((2, 1), int)}, "'labels' must be a list of class numbers"),
        ({"labels": np.array([2**64 - 1, 1], np.uint64)}, "'labels' has 18446744073709551615"),
        ({"spikes_shape": np.array([2, 5, N])}, "does not unpack to 'spikes_shape' (2, 5, 4)"),
        ({"spikes_shape": np.array([2, 5, -N])}, "does not unpack"),
        ({"spikes_shape": np.array(["a"] * 3)}, "'spikes_shape' holds <U1 values"),
        ({"spikes_shape": np.array([np.nan, 5, N])}, "'spikes_shape' holds float64 values"),
        ({"spikes_shape": np.array([])}, "'spikes_shape' holds float64 values"),
        ({"spikes_shape": np.array([], int)}, "is not bit-packed as 'spikes_shape' [] says"),
    ],
)
def test_what_stands_beside_a_raster(tmp_path: Path, arrays: Any, said: str) -> None:
    path = fill(tmp_path / "x.npz", spikes=SILENT, **arrays)
    refused(path, lambda: load_inputs(path, network()), said)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"step": [0], "neuron": [N]}, "neuron 4 is outside 0..3"),
        ({"step": [-1], "neuron": [0]}, "'spikes.step' has -1..-1"),
        ({"step": [2**31], "neuron": [0]}, "'spikes.step' has 2147483648"),
        ({"step": [9], "neuron": [0], "steps": 5}, "step 9 is outside 0..4"),
        ({"step": [4], "neuron": [0], "trial": [5], "trials": 2}, "trial 5 is outside 0..1"),
        ({"step": [0, 1], "neuron": [0]}, "'spikes.neuron' must be a list of integers"),
        ({"step": [0.5], "neuron": [0]}, "'spikes.step' must be a list of integers"),
        ({"step": [[0]], "neuron": [[0]]}, "'spikes.step' must be a list of integers"),
        ({"step": [True], "neuron": [0]}, "'spikes.step' must be a list of integers"),
        ({"step": [0]}, "has 'spikes.step' but no 'spikes.neuron'"),
        ({"neuron": [0]}, "has no 'in' or 'spikes' for the input"),
        ({"step": np.zeros(0, int), "neuron": np.zeros(0, int), "steps": 0}, "steps is 0"),
        ({"step": [0], "neuron": [0], "steps": 2**40}, "steps is 1099511627776"),
        ({"step": [0], "neuron": [0], "trials": 2**40}, "trials is 1099511627776"),
        ({"step": [0], "neuron": [0], "steps": 5.0}, "'steps' must be one whole number"),
        ({"step": [0], "neuron": [0], "labels": [1, 2]}, "labels have shape (2,) for 1 trials"),
    ],
)
def test_event_lists(tmp_path: Path, columns: dict[str, Any], said: str) -> None:
    arrays = {
        f"spikes.{k}" if k in ("step", "neuron", "trial") else k: np.asarray(v)
        for k, v in columns.items()
    }
    path = fill(tmp_path / "x.npz", **arrays)
    refused(path, lambda: load_inputs(path, network()), said)


@pytest.mark.parametrize(
    ("currents", "said"),
    [
        (np.full((5, N), np.nan), "a value that is not finite"),
        (np.full((5, N), 1j), "no array of numbers (it has dtype complex128)"),
        (np.full((5, N), "1"), "no array of numbers"),
        (np.zeros((5, N + 1)), "has 4 channels; the currents have 5"),
    ],
)
def test_currents(tmp_path: Path, currents: Any, said: str) -> None:
    path = fill(tmp_path / "x.npz", currents=currents)
    refused(path, lambda: load_inputs(path, network(CurrentInput)), said)


def packed(path: Path, header: str, data: bytes = b"", version: bytes = b"\x01\x00") -> Path:
    """An .npz whose one array has this header and this data."""
    text = header.encode() + b"\n"
    size = struct.pack("<H" if version == b"\x01\x00" else "<I", len(text))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("spikes.npy", b"\x93NUMPY" + version + size + text + data)
    return path


HEADER = "{'descr': %r, 'fortran_order': False, 'shape': %s}"


@pytest.mark.parametrize(
    ("header", "data", "said"),
    [
        (HEADER % ("<f8", "(1000000000000,)"), b"", "8,000,000,000,000 bytes, but holds at most"),
        (HEADER % ("<f8", "(4294967296, 4294967296, 4)"), b"", "the file is damaged"),
        (HEADER % ("<f8", "(0, 9999999999999999999999, 5)"), b"", "not a readable .npz"),
        (HEADER % ("<f8", "(-5,)"), b"", "claims shape (-5,)"),
        (HEADER % ("<f8", "(-5, -5)"), bytes(200), "claims shape (-5, -5)"),
        (HEADER % ("<f8", "(5.0,)"), b"", "not a readable .npz"),
        (HEADER % ("<f8", "(4,)"), bytes(8), "is not as long as its shape (4,) says"),
        (HEADER % ("<f8", "(1,)"), bytes(16), "is not as long as its shape (1,) says"),
        (HEADER % ("|O", "(1,)"), pickle.dumps([1]), "Python objects, which are never loaded"),
        (HEADER % ([("a", "|O")], "(1,)"), b"", "Python objects, which are never loaded"),
        (HEADER % ("|V8", "(1,)"), bytes(8), "has dtype"),
        (HEADER % ("|S0", "(99999999999,)"), b"", "not a readable .npz"),
        (HEADER % ("<f99", "(1,)"), b"", "not a readable .npz"),
        (HEADER % ("<f8", "(2**999999999,)"), b"", "not a readable .npz"),
        (HEADER % ("<f8", "(" + "1," * 5000 + ")"), b"", "not a readable .npz"),
        ("(" * 500, b"", "not a readable .npz"),
        ("", b"", "not a readable .npz"),
    ],
)
def test_headers_that_lie(tmp_path: Path, header: str, data: bytes, said: str) -> None:
    path = packed(tmp_path / "x.npz", header, data)
    refused(path, lambda: files.read_npz(path), said)


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "exploded",)

    path = fill(tmp_path / "x.npz", spikes=np.array([Bomb()], object))
    with pytest.raises(FileError, match="never loaded"):
        load_inputs(path, network())
    assert not (tmp_path / "exploded").exists()


def test_large_archives_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for k in range(4):
            archive.writestr(f"a{k}.npy", bytes(2**20))
    assert path.stat().st_size < 2**14
    with pytest.raises(FileError, match="4,194,304 bytes, more than the 1,048,576 allowed"):
        files.read_npz(path, largest=2**20)


def test_other_files_and_damage(tmp_path: Path) -> None:
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "empty.npz").touch()
    (tmp_path / "text.npz").write_text("hello")
    with zipfile.ZipFile(tmp_path / "other.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    for name, said in (
        ("none.npz", "no such file"), ("folder.npz", "no such file"),
        ("empty.npz", "not a readable .npz"), ("text.npz", "not a readable .npz"),
        ("other.npz", "holds no arrays"),
    ):  # fmt: skip
        path = tmp_path / name
        refused(path, lambda path=path: files.read_npz(path), said)
    sound = fill(tmp_path / "sound.npz", spikes=np.arange(40, dtype=np.uint8).reshape(10, N))
    raw, rng, path = sound.read_bytes(), random.Random(1), tmp_path / "damaged.npz"
    for k in range(200):
        damaged = bytearray(raw[: rng.randrange(len(raw))] if k % 4 == 0 else raw)
        for _ in range(rng.choice((1, 3, 20)) if damaged else 0):
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try:
            found = files.read_npz(path)
        except FileError as error:
            assert str(error).isprintable() and str(path) in str(error)
        else:  # a bit that means nothing, or an array of another name or shape
            assert all(a.dtype.kind in "biufcSU" for a in found.values())


def test_networks_are_read_from_nir_files_only(tmp_path: Path) -> None:
    (tmp_path / "x.nir").write_bytes((DIGITS / "test_data.npz").read_bytes())
    (tmp_path / "cut.nir").write_bytes((DIGITS / "lif.nir").read_bytes()[:40_000])
    (tmp_path / "empty.nir").touch()
    for name, said in (
        ("x.nir", "not a readable NIR file"), ("cut.nir", "not a readable NIR file"),
        ("empty.nir", "not a readable NIR file"), ("none.nir", "no such file"),
        ("x.npz", "networks are read from .nir files"),
    ):  # fmt: skip
        path = tmp_path / name
        refused(path, lambda path=path: load_network(path, dt=1e-3), said)
    for dt in (0, -1, float("nan"), float("inf"), 1e300, 1e-300):
        with pytest.raises(NeurohwError, match=r"dt is .*; give the time step in seconds"):
            load_network(DIGITS / "lif.nir", dt=dt)
    with pytest.raises(NeurohwError, match="shorter than the time step 0.01 s: Euler steps"):
        load_network(DIGITS / "lif.nir", dt=1e-2, integrator="euler")


def recording() -> Recording:
    return Recording(
        dt=1e-3, steps=5, trials=2, sizes={"in": 3, "out": 2},
        spikes={"in": Spikes.of(3, [0, 1], [1, 4], [2, 0]), "out": Spikes.of(2, [1], [3], [1], [7])},
        traces={"out": {"v": Trace(np.zeros((2, 3, 2), np.int64), np.arange(2), stride=2)}},
        overflows={"out": {"v": 3}}, synaptic_events={"in->out": 4}, source="a test",
    )  # fmt: skip


def test_recordings_round_trip(tmp_path: Path) -> None:
    recording().save(tmp_path / "a.npz")
    back = load_recording(tmp_path / "a.npz")
    assert all(back.spikes[k].same_as(s) for k, s in recording().spikes.items())
    assert back.trace("out", "v").stride == 2 and back.overflows["out"]["v"] == 3


Change = Callable[[dict[str, Any], dict[str, Any]], object]
CHANGES: list[tuple[Change, str]] = [
    (lambda m, a: m.pop("dt"), "'dt'"),
    (lambda m, a: m.pop("kind"), "is no neurohw recording"),
    (lambda m, a: m.update(format=2), "this version reads format 1"),
    (lambda m, a: m.update(dt=-1), "dt is -1"),
    (lambda m, a: m.update(dt=float("nan")), "dt is nan"),
    (lambda m, a: m.update(dt="x"), "could not convert"),
    (lambda m, a: m.update(steps=0), "steps is 0"),
    (lambda m, a: m.update(steps=2**40), "steps is 1099511627776"),
    (lambda m, a: m.update(steps=2.5), "steps is 2.5"),
    (lambda m, a: m.update(steps=2), "'in': step has 4; give integers in 0..1"),
    (lambda m, a: m.update(trials=-1), "trials is -1"),
    (lambda m, a: m.update(trials=1), "trial has 1; give integers in 0..0"),
    (lambda m, a: m.update(sizes={}), "population 'in' has no size"),
    (lambda m, a: m.update(sizes=3), "not a complete neurohw recording"),
    (lambda m, a: m["sizes"].update({"in": 2**40}), "size of 'in' is 1099511627776"),
    (lambda m, a: m["spikes"][0].update(n=2**30), "has 3 neurons, its spikes 1073741824"),
    (lambda m, a: m["spikes"][0].update(n=-1), "n is -1"),
    (lambda m, a: m["spikes"][0].update(population=["a"]), "not a complete"),
    (lambda m, a: m["spikes"][0].update(graded=True), "spikes0.value"),
    (lambda m, a: m["traces"][0].update(stride=0), "stride is 0"),
    (lambda m, a: m["traces"][0].update(stride=1), "has shape (2, 3, 2), not (2, 5, 2)"),
    (lambda m, a: m["traces"][0].update(population="zz"), "population 'zz' has no size"),
    (lambda m, a: m.update(overflows={"out": {"v": "x"}}), "count of 'v' is 'x'"),
    (lambda m, a: m.update(synaptic_events=[1]), "not a complete"),
    (lambda m, a: a.pop("spikes0.step"), "spikes0.step"),
    (lambda m, a: a.update({"spikes0.step": np.array([1])}), "have shapes"),
    (lambda m, a: a.update({"spikes0.step": np.array([1, -9])}), "spikes: step has -9"),
    (lambda m, a: a.update({"spikes0.step": np.array([1.5, 2])}), "holds float64 values"),
    (lambda m, a: a.update({"spikes0.neuron": np.array([0, 3])}), "neuron has 3"),
    (lambda m, a: a.update({"spikes0.trial": np.array([0, 2])}), "trial has 2"),
    (lambda m, a: a.update({"trace0.values": np.zeros((2, 3))}), "has shape (2, 3), not"),
    (lambda m, a: a.update({"trace0.values": np.full((2, 3, 2), 1j)}), "complex128 values"),
    (lambda m, a: a.update({"trace0.neurons": np.array([0, 2])}), "neurons has 2"),
    (lambda m, a: a.update({"trace0.neurons": np.array([0, 0.5])}), "float64 values"),
    (lambda m, a: a.update(meta=np.array("[" * 100_000)), "is no JSON"),
    (lambda m, a: a.update(meta=np.array("{")), "is no JSON"),
    (lambda m, a: a.update(meta=np.array('{"a": 1' + "0" * 6000 + "}")), "is no JSON"),
    (lambda m, a: a.update(meta=np.array("3")), "is no neurohw recording"),
    (lambda m, a: a.update(meta=np.array(["{}"])), "it has no 'meta'"),
]


@pytest.mark.parametrize("k", range(len(CHANGES)))
def test_recordings_that_contradict_themselves(tmp_path: Path, k: int) -> None:
    change, said = CHANGES[k]
    path = tmp_path / "a.npz"
    recording().save(path)
    arrays = files.read_npz(path)
    meta = json.loads(str(arrays.pop("meta")))
    change(meta, arrays)
    np.savez(path, **{"meta": np.array(json.dumps(meta)), **arrays})
    refused(path, lambda: load_recording(path), said)


# Writing.


def full_disk(stream: Any, **arrays: Any) -> None:
    stream.write(b"half of it")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.npz"
    recording().save(path)
    before = path.read_bytes()
    monkeypatch.setattr(np, "savez_compressed", full_disk)
    refused(path, lambda: recording().save(path), "can't be written (No space left on device)")
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.npz"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_interrupted_write_leaves_what_was_there(
    tmp_path: Path, error: type[BaseException]
) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(error), files.replacing(tmp_path / "a") as stream:  # noqa: PT012
        stream.write(b"half")
        raise error
    with pytest.raises(error), files.filling(tmp_path / "out") as place:  # noqa: PT012
        (place / "a").write_text("half")
        raise error
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def test_a_folder_is_filled_completely_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def write(text: str) -> None:
        with files.filling(out) as place:
            files.write_text(place / "one.txt", text)
            recording().save(place / "two.npz")

    write("first")
    (out / "mine.txt").write_text("keep")
    write("second")
    assert sorted(os.listdir(out)) == ["mine.txt", "one.txt", "two.npz"]
    monkeypatch.setattr(np, "savez_compressed", full_disk)
    refused(out / "two.npz", lambda: write("third"), "No space left on device")
    assert (out / "one.txt").read_text() == "second"
    assert os.listdir(tmp_path) == ["out"]


def test_a_folder_in_the_way_of_a_file_stops_everything(tmp_path: Path) -> None:
    (tmp_path / "out" / "two").mkdir(parents=True)

    def write() -> None:
        with files.filling(tmp_path / "out") as place:
            (place / "one").write_text("x")
            (place / "two").write_text("x")

    refused(tmp_path / "out" / "two", write, "is a folder in the way")
    assert os.listdir(tmp_path / "out") == ["two"]
    refused(
        tmp_path / "out", lambda: files.write_text(tmp_path / "out", "x"), "can't be written (Is a"
    )
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("file", "is a file; name a folder"),
        ("file/below", "can't be written"),
        ("a" * 300, "can't be written (File name too long)"),
        ("a\0b", "leave the NUL out"),
    ],
)
def test_places_that_can_not_be_written(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileError) as caught, files.filling(tmp_path / name):
        raise AssertionError("no work may be done")
    assert said in str(caught.value)
    assert os.listdir(tmp_path) == ["file"]


def test_two_runs_into_one_folder_give_whole_files(tmp_path: Path) -> None:
    meet = threading.Barrier(4)
    failed: list[BaseException] = []

    def run(k: int) -> None:
        try:
            for _ in range(10):
                with files.filling(tmp_path / "out") as place:
                    for name in "abc":
                        files.write_text(place / name, str(k) * 50_000)
                    meet.wait(20)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    assert os.listdir(tmp_path) == ["out"]
    for name in "abc":
        text = (tmp_path / "out" / name).read_text()
        assert len(text) == 50_000 and len(set(text)) == 1


def test_names_that_are_no_unicode_can_be_written(tmp_path: Path) -> None:
    files.write_text(tmp_path / "a", "run \udcff.npz")
    assert (tmp_path / "a").read_text() == "run \\udcff.npz"


def test_inputs_may_not_repeat_a_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="given twice"):
        Inputs.from_dense({"in": SILENT}, {"in": SILENT})
