"""Images of chips: damage is counted or refused, files of strangers give one line, nothing crashes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neurohw as nh
from neurohw.errors import FileError, NeurohwError
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.mapping.image import ChipImage
from neurohw.network.events import Spikes
from neurohw.testing.equality import assert_same

CHIPS = ["loihi1", "spinnaker1", "xylo2", "odin", "reckon", "truenorth", "prototype"]


@cache
def image_of(name: str) -> ChipImage:
    """Three inputs, five neurons and two more, on two or three cores if the chip has as many."""
    chip = nh.load_chip(name)
    kind = next(n for n in chip.neurons.values() if not n.relay)
    codes = {k: np.clip(1, f.low, f.high) for k, f in kind.tick.parameters.items()}
    populations = {k: FixedPopulation.of(k, n, kind, codes) for k, n in (("a", 5), ("b", 2))}
    late = min(2, chip.delay.high)
    made = FixedProjection.of
    projections = (
        made("in", "a", [0, 1, 2, 2], [0, 1, 2, 3], [1, 2, 3, 7]),
        made("a", "b", [0, 1, 4], [0, 1, 1], [2, 5, 4], late),
        made("b", "a", [0, 0, 1], [1, 4, 3], [1, 6, 0]),
    )
    net = FixedPointNetwork(chip, 1e-3, {"in": 3}, populations, projections, name="small")
    many = None if chip.cores is None or chip.cores.routing == "local" else 3
    return nh.map_network(net, cores=many, method="chunks")


def synapses(net: FixedPointNetwork) -> list[Any]:
    return [
        (
            p.name,
            sorted(zip(*(c.tolist() for c in (p.pre, p.post, p.weight, p.delay)), strict=True)),
        )
        for p in net.projections
    ]


def with_(image: ChipImage, name: str, array: Any) -> ChipImage:
    return replace(image, arrays={**image.arrays, name: array})


def changed(image: ChipImage, name: str, at: Any, value: Any) -> ChipImage:
    array = image.arrays[name].copy()
    array[at] = value
    return with_(image, name, array)


def outcome(image: ChipImage, good: ChipImage) -> str:
    """What became of damage: ``refused`` in one line, ``lost``, ``different`` or ``unnoticed``."""
    try:
        if image.losses.source.size:
            return "lost"
        same = synapses(image.delivered) == synapses(good.delivered)
    except NeurohwError as error:
        assert str(error).isprintable()
        return "refused"
    return "unnoticed" if same else "different"


def spikes_of_all(image: ChipImage) -> nh.Recording:
    net = image.network
    inputs = nh.Inputs(6, 1, {"in": Spikes.of(3, [0] * 3, [0, 1, 4], [0, 1, 2])})
    return nh.emulate(image, inputs, injected={k: np.full((6, p.n), 90) for k, p in
                                               net.populations.items()})  # fmt: skip


# Losses.


@pytest.mark.parametrize(
    ("name", "array", "value", "cause"),
    [
        ("loihi1", "out.core", 77, "no such axon, core 77"),
        ("loihi1", "out.axon", 4000, "no such axon, core "),
        ("prototype", "out.axon", -1, "no such axon, core "),
        ("spinnaker1", "router.route", 0, "a router dropped it, core "),
        ("spinnaker1", "master.atoms", 0, "no entry on the core, core "),
        ("truenorth", "neuron.axon", 255, "no such core or axon, core "),
        ("truenorth", "neuron.dx", -200, "no such core or axon, core -1"),
        ("truenorth", "input.core", 3000, "no such core or axon, core 3000"),
    ],
)
def test_lost_spikes_are_counted_by_cause_and_core(
    name: str, array: str, value: int, cause: str, tmp_path: Path
) -> None:
    good = image_of(name)
    values = good.arrays[array]
    at = int(np.flatnonzero(values >= 0)[0])
    if array == "neuron.dx":
        at = int(np.flatnonzero(good.arrays["neuron.axon"] >= 0)[0])
    bad = changed(good, array, at, value)
    assert bad.losses.source.size
    recording = spikes_of_all(bad)
    expected: dict[str, int] = {}
    sizes = list(bad.network.sizes.items())
    owner = [(k, j) for k, n in sizes for j in range(n)]
    columns = (getattr(bad.losses, k).tolist() for k in ("source", "cause", "place", "times"))
    for source, which, place, times in zip(*columns, strict=True):
        population, j = owner[source]
        fired = int((recording.spikes[population].neuron == j).sum())
        key = f"{bad.losses.causes[which]}, core {place}"
        expected[key] = expected.get(key, 0) + fired * times
    assert recording.lost == {k: n for k, n in expected.items() if n}
    assert any(k.startswith(cause) for k in recording.lost)
    recording.save(tmp_path / "r.npz")
    assert nh.load_recording(tmp_path / "r.npz").lost == recording.lost
    assert spikes_of_all(good).lost == {}
    # A file of it is no other than any image's: it runs, and loses as much.
    nh.save_image(bad, tmp_path / "i.npz")
    assert spikes_of_all(nh.load_image(tmp_path / "i.npz")).lost == recording.lost


def test_a_synapse_to_an_empty_slot_is_a_loss() -> None:
    good = image_of("prototype")
    found = set()
    for bit in range(64 * good.arrays["rows.words"].size):
        words = good.arrays["rows.words"].copy()
        words[bit // 64] ^= np.uint64(1) << np.uint64(bit % 64)
        bad = with_(good, "rows.words", words)
        found.add(outcome(bad, good))
        if outcome(bad, good) == "lost":
            assert bad.losses.causes[-1] == "no neuron in the slot"
    assert found >= {"lost", "different", "refused"}


# One bit.


@pytest.mark.parametrize(
    ("name", "array"),
    [("odin", "crossbar.bytes"), ("reckon", "crossbar.bytes"), ("truenorth", "crossbar")],
)
def test_every_bit_of_a_crossbar_counts(name: str, array: str) -> None:
    good = image_of(name)
    values = good.arrays[array]
    some = np.flatnonzero(values)[:12].tolist() + np.flatnonzero(values == 0)[:4].tolist()
    for k in some:
        for bit in range(8):
            bad = changed(good, array, k, values[k] ^ np.uint8(1 << bit))
            assert outcome(bad, good) != "unnoticed", (k, bit)


@pytest.mark.parametrize("name", ["loihi1", "spinnaker1", "xylo2", "prototype"])
def test_bits_of_rows_count(name: str) -> None:
    """But for what fills a row up to its word."""
    good = image_of(name)
    words, seen = good.arrays["rows.words"], []
    for bit in range(int(good.arrays["rows.length"].sum())):
        flipped = words.copy()
        flipped[bit // 64] ^= np.uint64(1) << np.uint64(bit % 64)
        seen.append(outcome(with_(good, "rows.words", flipped), good))
    payload = sum(
        good.forms[good.ends[k].form].weight_bits * p.synapses
        for k, p in enumerate(good.delivered.projections)
    )
    assert len(seen) - seen.count("unnoticed") >= payload
    assert seen.count("different") >= payload // 2


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("loihi1", "out.axon"), ("prototype", "out.core"), ("truenorth", "neuron.dx"),
        ("truenorth", "neuron.axon"), ("truenorth", "axon.type"), ("truenorth", "neuron.weights"),
        ("spinnaker1", "master.row"), ("xylo2", "out.axon"),
    ],
)  # fmt: skip
def test_every_entry_of_a_table_counts(name: str, array: str) -> None:
    good = image_of(name)
    values = good.arrays[array]
    used = values >= 0
    if array == "neuron.dx":
        used = good.arrays["neuron.axon"] >= 0
    heard = []
    for at in np.argwhere(used)[:10].tolist():
        other = values[tuple(at)] + (1 if array != "axon.type" or values[tuple(at)] < 3 else -1)
        heard.append(outcome(changed(good, array, tuple(at), other), good))
    # Of a group of axons, one of each type, some may have no bit that is set.
    assert heard.count("unnoticed") <= (len(heard) - 1 if name == "truenorth" else 0), heard
    everywhere = np.zeros_like(values)
    assert outcome(with_(good, array, everywhere), good) != "unnoticed" or not values.any()


# Files.


def edited(
    tmp_path: Path, name: str, edit: Callable[[dict[str, Any], dict[str, Any]], None]
) -> Path:
    """The image's file, with its arrays and its JSON changed, and its hash as it was."""
    path = tmp_path / "image.npz"
    nh.save_image(image_of(name), path)
    with np.load(path) as data:
        arrays = dict(data)
    meta = json.loads(str(arrays.pop("meta")))
    edit(arrays, meta)
    np.savez(path, **arrays, meta=np.array(json.dumps(meta)))
    return path


def refused(path: Path, said: str = "") -> None:
    with pytest.raises(FileError) as caught:
        nh.load_image(path)
    message = str(caught.value)
    assert message.isprintable() and str(path) in message and said in message


@pytest.mark.parametrize("name", CHIPS)
def test_a_file_is_the_image(name: str, tmp_path: Path) -> None:
    image = image_of(name)
    nh.save_image(image, tmp_path / "i.npz")
    loaded = nh.load_image(tmp_path / "i.npz")
    assert loaded.hash == image.hash and loaded.method == image.method
    assert synapses(loaded.delivered) == synapses(image.delivered)
    assert set(loaded.arrays) == set(image.arrays)
    for array in loaded.arrays.values():
        assert not array.flags.writeable
    assert_same(spikes_of_all(image), spikes_of_all(loaded)) if name == "prototype" else None


def test_an_untouched_copy_is_read(tmp_path: Path) -> None:
    path = edited(tmp_path, "loihi1", lambda arrays, meta: None)
    assert nh.load_image(path).hash == image_of("loihi1").hash


def test_truncated_and_foreign_files(tmp_path: Path) -> None:
    path = tmp_path / "i.npz"
    nh.save_image(image_of("loihi1"), path)
    whole = path.read_bytes()
    for size in (0, 1, 10, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        refused(path)
    for k in range(40, len(whole), len(whole) // 7):
        path.write_bytes(whole[:k] + bytes([whole[k] ^ 255]) + whole[k + 1 :])
        try:
            nh.load_image(path)
        except FileError as error:
            assert str(error).isprintable()
    spikes_of_all(image_of("prototype")).save(path)
    refused(path, "is no neurohw chip image")
    refused(tmp_path / "nowhere.npz", "no such file")
    path.write_bytes(json.dumps({"kind": "neurohw chip image"}).encode())
    refused(path)


META: list[tuple[str, Any, str]] = [
    ("hash", "0" * 64, "has the hash"),
    ("hash", None, "has the hash"),
    ("name", "another", "has the hash"),
    ("method", "by hand", "has the hash"),
    ("format", 2, "this version reads format 1"),
    ("kind", "neurohw recording", "is no neurohw chip image"),
    ("dt", -1, "dt is -1"),
    ("dt", "nan", "dt is nan"),
    ("dt", "soon", "not a complete chip image"),
    ("dt", 10**400, "not a complete chip image"),
    ("chips", 0, "chips is 0"),
    ("chips", "many", "chips is 'many'"),
    ("chip", {"text": "nonsense", "changes": {}, "variant": ""}, "not a complete chip image"),
    ("chip", [], "not a complete chip image"),
    ("inputs", {"in": -3}, "size of 'in' is -3"),
    ("inputs", {"in": 4}, "'core' has 10 entries, not 11"),
    ("inputs", {"in": 1 << 62}, "size of 'in'"),
    ("inputs", [3], "not a complete chip image"),
    ("populations", [], "'core' has 10 entries, not 3"),
    ("populations", [{}], "'n'"),
    ("outputs", ["nobody"], "populations that it has not"),
    ("constant", ["nobody"], "populations that it has not"),
    ("constant", [[]], "not a complete chip image"),
    ("spiking", 3, "not a complete chip image"),
    ("seeds", {"nobody": [1]}, "nobody"),
    ("input_latency", -1, "input_latency is -1"),
    ("configuration", {"nobody": 1}, "nobody"),
    ("ends", [], "has the hash"),
    ("ends", [{"name": "x", "source": "in", "target": "in", "form": 0}], "from 'in' to 'in'"),
    ("ends", [{"name": "x", "source": "in", "target": "a", "form": 9}], "form of projection 'x'"),
    ("ends", [{"name": "x", "source": "in", "target": "a", "form": -1}], "form of projection 'x'"),
    ("ends", [{"name": "x"}], "missing"),
    ("forms", [], "form of projection"),
    ("forms", [{"port": "", "low": "x"}], "missing"),
    ("currents", [{"name": "c"}], "source"),
    ("arrays", ["nothing"], "image.nothing"),
    ("arrays", [], "has the hash"),
    ("arrays", 7, "not a complete chip image"),
]


@pytest.mark.parametrize(
    ("key", "value", "said"), META, ids=[f"{k}-{n}" for n, (k, _, _) in enumerate(META)]
)
def test_hostile_meta(key: str, value: Any, said: str, tmp_path: Path) -> None:
    def edit(arrays: dict[str, Any], meta: dict[str, Any]) -> None:
        meta[key] = float("nan") if value == "nan" else value

    refused(edited(tmp_path, "loihi1", edit), said)


PLACES: list[tuple[str, Any, str]] = [
        ("core", lambda a: a.astype(np.float64), "not one int32"),
        ("core", lambda a: a.astype(str), "not one int32"),
        ("core", lambda a: a[:-1], "entries, not"),
        ("core", lambda a: a.reshape(1, -1), "not one int32"),
        ("core", lambda a: np.full_like(a, -7), "beyond -1"),
        ("core", lambda a: np.full_like(a, -1), "no core or no slot"),
        ("core", lambda a: np.where(a == 0, 1 << 30, a).astype(np.int32), "core 1073741824 of 128"),
        ("core", lambda a: np.full_like(a, 0), "no core or no slot"),
        ("slot", lambda a: np.where(a >= 0, 0, a).astype(np.int32), "numbered from 0"),
        ("slot", lambda a: np.where(a >= 0, a + (1 << 29), a).astype(np.int32), "numbered from 0"),
        ("parameter.a.vth", lambda a: a[:2], "parameter.a.vth"),
        ("parameter.a.vth", lambda a: a + (1 << 40), "a.vth"),
        ("parameter.a.vth", lambda a: a.astype(np.float32), "float32"),
        ("parameter.a.vth", lambda a: a + 1, "has the hash"),
        ("image.rows.words", lambda a: a ^ np.uint64(1), "has the hash"),
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "make", "said"), PLACES, ids=[str(k) for k in range(len(PLACES))])
def test_hostile_places_and_codes(name: str, make: Any, said: str, tmp_path: Path) -> None:
    def edit(arrays: dict[str, Any], meta: dict[str, Any]) -> None:
        arrays[name] = make(arrays[name])

    refused(edited(tmp_path, "loihi1", edit), said)


WRONG: list[Callable[[Any], Any]] = [
    lambda a: a[:-1], lambda a: a[:0], lambda a: np.concatenate([a, a[-1:], a[-1:]]),
    lambda a: a.astype(np.float64), lambda a: a.reshape(*a.shape, 1), lambda a: a.astype("S8"),
    lambda a: a[::-1].copy(), lambda a: a + a.dtype.type(1) if a.dtype != bool else ~a,
    lambda a: np.full_like(a, np.iinfo(a.dtype).max) if a.dtype != bool else ~a,
    lambda a: np.full_like(a, np.iinfo(a.dtype).min) if a.dtype != bool else ~a,
    lambda a: np.where(np.arange(a.size).reshape(a.shape) == a.size // 2,
                       a.max() // 2 + (1 << (8 * a.itemsize - 3)), a).astype(a.dtype)
    if a.dtype != bool else ~a,
]  # fmt: skip


@pytest.mark.parametrize("name", CHIPS)
def test_hostile_tables_with_a_right_hash(name: str, tmp_path: Path) -> None:
    """Wrong in every way that an array can be: refused in one line, or run without a crash."""
    good, path = image_of(name), tmp_path / "i.npz"
    said = set()
    for key, array in good.arrays.items():
        if not array.size:
            continue
        for wrong in WRONG:
            bad = with_(good, key, wrong(array))
            try:
                if name in ("loihi1", "odin"):
                    nh.save_image(bad, path)
                    bad = nh.load_image(path)
                assert bad.delivered.synapses <= 10_000
            except NeurohwError as error:
                message = str(error)
                assert message.isprintable()
                if name in ("loihi1", "odin"):
                    assert isinstance(error, FileError) and str(path) in message
                said.add(key)
    checked = set(good.arrays) - {"zero.source", "zero.target", "zero.delay", "zero.form"}
    assert said >= {k for k in checked if good.arrays[k].size}


def test_many_rows_on_the_same_bits_are_refused() -> None:
    """A small file can't stand for a large network."""
    good = image_of("prototype")
    rows = good.arrays["rows.at"].size
    bad = with_(good, "rows.at", np.zeros(rows, np.int64))
    with pytest.raises(FileError, match="one after the other"):
        _ = bad.delivered
