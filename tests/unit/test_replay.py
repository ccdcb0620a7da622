"""Replaying vectors: finding them, damaged ones, hostile profiles, and what a result says."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurohw.chip import Chip, list_chips, load_chip
from neurohw.errors import FileError, InputError, ProfileError, UnknownName
from neurohw.vectors.case import Check
from neurohw.vectors.find import reader_of, readers, vector_files, vector_folder
from neurohw.vectors.replay import compare, replay

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"


def with_oracle(chip: Chip, **changes: Any) -> Chip:
    return replace(chip, oracle=replace(chip.oracle, **changes))


def test_a_replay_is_a_value(loihi2: Chip) -> None:
    done: list[tuple[int, int]] = []
    result = replay(loihi2, files=["Dense_*"], progress=lambda k, n: done.append((k, n)))
    assert result.verdict == "equal"
    assert result.first == ""
    assert [f.file for f in result.files] == ["Dense_0.npz", "Dense_2.npz"]
    assert result.compared == sum(f.compared for f in result.files) > 100
    assert done == [(0, 2), (1, 2), (2, 2)]
    assert all(f.chips == ("loihi2",) and f.cases == 1 for f in result.files)
    json.dumps(result.as_dict(), allow_nan=False)
    with pytest.raises(FrozenInstanceError):
        result.run = "interpreter"  # type: ignore[misc]


def test_interpreter_and_kernel_compare_the_same_values(loihi2: Chip) -> None:
    kernel = replay(loihi2, files=["DelayDense_0.npz"])
    slow = replay(loihi2, files=["DelayDense_0.npz"], run="interpreter")
    assert slow.verdict == "equal"
    assert slow.compared == kernel.compared


def test_compare_finds_the_first_difference() -> None:
    a = np.arange(6).reshape(2, 3)
    b = a.copy()
    assert compare("c", Check("v", a, b)) == (6, 0, None)
    b[1, 0] = b[1, 2] = 9
    size, count, first = compare("c", Check("v", a, b))
    assert (size, count) == (6, 2)
    assert str(first) == "c: v at [1, 0]: the oracle has 3, the chip 9"
    size, count, first = compare("c", Check("v", a, b[:1]))
    assert (size, count) == (6, 3)
    assert str(first) == "c: v: the oracle has shape (2, 3), the chip shape (1, 3)"
    assert compare("c", Check("v", a[:0], b[:1]))[1] == 3  # values that the oracle has none of
    assert compare("c", Check("v", a[1:], b))[:2] == (6, 6)
    assert compare("c", Check("v", a, a.ravel()))[:2] == (6, 6)
    assert compare("c", Check("v", np.array(1), np.array([1])))[:2] == (1, 1)
    wide = np.array([2**64 - 1], np.uint64)
    assert compare("c", Check("v", wide, np.array([-1])))[1] == 1


def test_files_are_found(loihi2: Chip, prototype: Chip, tmp_path: Path) -> None:
    assert vector_folder() == GOLDEN
    found = vector_files(loihi2)
    assert {p.parent.name for p in found} == {"lava", "loihi1"}
    assert len(found) == len(list((GOLDEN / "lava").glob("*.npz"))) + 2
    assert vector_files(prototype) == []
    assert vector_files(load_chip("xylo1"), GOLDEN / "xylo") == vector_files(load_chip("xylo1"))
    assert vector_files(load_chip("xylo1"), GOLDEN) == vector_files(load_chip("xylo1"))
    assert {p.name[-7:] for p in vector_files(load_chip("xylo1"))} == {"_v1.npz"}
    assert vector_files(loihi2, tmp_path) == []
    with pytest.raises(FileError, match="no such folder"):
        vector_files(loihi2, tmp_path / "none")
    assert replay(prototype).verdict == "nothing compared"


def test_every_reader_is_a_shipped_chips() -> None:
    assert set(readers()) == {load_chip(n).oracle.vectors for n in list_chips()} - {""}


def test_every_folder_of_vectors_is_in_the_wheel() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    included = build["targets"]["wheel"]["force-include"]
    for name in list_chips():
        vectors = load_chip(name).oracle.vectors
        if vectors:
            assert included[f"tests/golden/{vectors}"] == f"neurohw/_golden/{vectors}"
    shipped = [p for k in included if k.startswith("tests/golden/") for p in (ROOT / k).rglob("*")]
    assert {p.suffix for p in shipped} == {".npz", ".json", ".md"}


@pytest.mark.parametrize(
    "name",
    ["case", "replay", "os", "../lava", "lava.os", "__init__", "lava/..", "lava\x00", "Lava"],
)
def test_a_profile_chooses_among_our_readers_only(name: str, loihi2: Chip) -> None:
    hostile = with_oracle(loihi2, vectors=name)
    for call in (replay, vector_files, reader_of):
        with pytest.raises(UnknownName, match="unknown format of vectors"):
            call(hostile)
    with pytest.raises(ProfileError, match="names none"):
        reader_of(with_oracle(loihi2, vectors=""))


def test_damage_is_one_line_and_does_not_stop_the_rest(loihi2: Chip, tmp_path: Path) -> None:
    shutil.copy(GOLDEN / "lava" / "Dense_0.npz", tmp_path / "c.npz")
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 no zip")
    with np.load(GOLDEN / "lava" / "LIF_0.npz") as archive:
        data = dict(archive)
    np.savez(tmp_path / "b.npz", **{k: v for k, v in data.items() if k != "in_a_in"})
    np.savez(tmp_path / "d.npz", **{**data, "out_v": data["out_v"][:-1]})
    np.savez(tmp_path / "e.npz", other=np.arange(3))
    (tmp_path / "f.txt").touch()
    result = replay(loihi2, tmp_path)
    a, b, c, d, e = result.files
    for broken in (a, b):
        assert broken.error.isprintable()
        assert "can't be read as vectors of loihi2" in broken.error
        assert broken.cases == 0
    assert c.compared > 0 and not c.error and not c.different
    assert d.different == data["out_v"][-1].size and "shape" in str(d.first)
    assert e.cases == 0 and not e.error
    assert result.verdict == "different"
    assert result.first.startswith("d.npz: ")
    assert replay(loihi2, tmp_path, ["a*", "c*"]).verdict == "error"
    assert replay(loihi2, tmp_path, ["e*"]).verdict == "nothing compared"


def test_a_case_that_can_not_run_is_an_error(loihi2: Chip, tmp_path: Path) -> None:
    with np.load(GOLDEN / "lava" / "LIF_0.npz") as archive:
        data = dict(archive)
    data.pop("out_s_out")
    np.savez(tmp_path / "a.npz", **data)
    (file,) = replay(loihi2, tmp_path).files
    assert file.error == "a can't be run (KeyError: 'out_s_out')"
    assert file.cases == 1 and file.compared == 0


def test_options_are_checked(loihi2: Chip) -> None:
    for run, limit, said in (
        ("gpu", None, "run is 'gpu'"), ("kernel", 3, "limit is for the interpreter"),
        ("interpreter", 0, "limit is 0"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=said):
            replay(loihi2, run=run, limit=limit)  # type: ignore[arg-type]
