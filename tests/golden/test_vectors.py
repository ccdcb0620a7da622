"""What the oracles left, replayed: every case of every chip, variant and file, every value.

Any file of a known format that is put into a folder beside this file is replayed too.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from neurohw.chip import list_chips, load_chip
from neurohw.vectors.find import vector_files
from neurohw.vectors.replay import replay

SMALL = 100_000
"""Bytes of files whose beginning runs in the interpreter too."""
BEGINNING = 20
"""Steps or words of a case that it runs."""

load = cache(load_chip)


def chips() -> list[str]:
    """Every shipped chip and variant that has an oracle."""
    names = []
    for name in list_chips():
        names += [name, *(f"{name}:{variant}" for variant in load(name).variants)]
    return [name for name in names if load(name).oracle.vectors]


LEARNING = {"brian_stdp.npz", "nengo_pes.npz"}
"""Vectors of learning rules, which these chips' profiles do not claim."""


def files(largest: int) -> list[tuple[str, str]]:
    return [
        (name, path.name) for name in chips() for path in vector_files(load(name))
        if path.stat().st_size < largest and path.name not in LEARNING
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "file"), files(2**40))
def test_kernel(name: str, file: str) -> None:
    result = replay(load(name), files=[file])
    assert not result.first
    assert len(result.replayed) == 1  # a shipped file that a chip names holds something for it
    assert result.verdict == "equal"


@pytest.mark.parametrize(("name", "file"), files(SMALL))
def test_interpreter(name: str, file: str) -> None:
    result = replay(load(name), files=[file], run="interpreter", limit=BEGINNING)
    assert result.verdict == "equal", result.first


def test_every_chip_with_an_oracle_has_vectors() -> None:
    assert len(chips()) >= 12
    for name in chips():
        assert vector_files(load(name)), name


def test_every_file_is_somebodys() -> None:
    folder = Path(__file__).parent
    others = ("mapping", "real")  # of routers and trained networks, not of one chip
    there = {
        p for p in folder.glob("*/*")
        if p.suffix in (".npz", ".json") and p.parent.name not in others
    }  # fmt: skip
    assert there == {p for name in chips() for p in vector_files(load(name))}


WRONG = [
    ("loihi2", "x = shr0(u", "x = shrf(u", "LIF_0.npz"),
    ("spinnaker1", "mulhi(i_inh, decay_inh, 32)", "mulhi(i_inh, decay_exc, 32)", "lif_normal*"),
    ("xylo1", "isyn = isyn + count * w1", "isyn = isyn + w1", "small0_v1.npz"),
    ("reckon", "taps = [1, 15]", "taps = [2, 15]", "c06_*"),
    ("tinyodin", "queue = 128", "queue = 127", "c06_*"),
    ("ranc", "spike = v >= pos", "spike = v > pos", "c04_*"),
]


@pytest.mark.parametrize(("name", "right", "wrong", "file"), WRONG)
def test_a_wrong_chip_is_found_out(
    name: str, right: str, wrong: str, file: str, tmp_path: Path
) -> None:
    text = Path(load(name).path).read_text()
    assert right in text
    path = tmp_path / f"{name}.toml"
    path.write_text(text.replace(right, wrong, 1))
    result = replay(load_chip(path), files=[file])
    assert result.verdict == "different"
    assert 0 < result.different < result.compared
    assert "the oracle has" in result.first


def test_an_interpreter_that_differs_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from neurohw.vectors import prefix

    honest = prefix.interpret

    def wrong(network: Any, **run: Any) -> Any:
        got = honest(network, **run)
        got.trace("x", "v").values[0, -1, 0] += 1
        return got

    monkeypatch.setattr(prefix, "interpret", wrong)
    result = replay(load("loihi2"), files=["LIF_0.npz"], run="interpreter", limit=3)
    assert result.different == 1
    assert "LIF_0: x.v, interpreted at [0, 2, 0]" in result.first
