"""Networks to NIR files: read back they are equal, and the nir library reads them too."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurohw.errors import FileError, InputError, NetworkError
from neurohw.network import (
    ALIF,
    ATRLIF,
    IF,
    LI,
    LIF,
    CubaLI,
    CubaLIF,
    CurrentInput,
    FixedInDegree,
    Network,
    Population,
    Projection,
    SpikeInput,
)  # fmt: skip
from neurohw.network.semantics import Semantics

nir = pytest.importorskip("nir", exc_type=ImportError)

from neurohw_backends import nir_write  # noqa: E402
from neurohw_backends.nir import doubts, read, write  # noqa: E402

PLAIN = (LIF, CubaLIF, IF)
READOUTS = (LI, CubaLI)


def same(a: Network, b: Network) -> None:
    """Equal in every field and every bit."""
    for key in ("dt", "integrator", "outputs", "inputs", "name"):
        assert getattr(a, key) == getattr(b, key), key
    assert list(a.populations) == list(b.populations)
    for name, population in a.populations.items():
        other = b.populations[name]
        assert (population.kind, population.n) == (other.kind, other.n)
        for (key, x), (_, y) in zip(population.parameters(), other.parameters(), strict=True):
            assert np.array_equal(x, y), (name, key)
    assert [p.name for p in a.projections] == [p.name for p in b.projections]
    for p, q in zip(a.projections, b.projections, strict=True):
        assert (p.source, p.target) == (q.source, q.target)
        x, y = (ordered(k) for k in (p, q))
        for mine, theirs in zip(x, y, strict=True):
            assert np.array_equal(mine, theirs), p.name


def ordered(p: Projection) -> list[np.ndarray]:
    """Its columns in an order that only depends on the synapses."""
    order = np.lexsort((p.weight, p.delay, p.post, p.pre))
    return [column[order] for column in (p.pre, p.post, p.weight, p.delay)]


def neuron(rng: np.random.Generator, kind: type[Population], n: int) -> Population:
    values: dict[str, Any] = {}
    for name in kind.parameter_names():
        if name == "t_ref" or (name == "bias" and rng.random() < 0.5):
            continue
        values[name] = rng.normal(size=n) if rng.random() < 0.5 else float(rng.normal())
        if name in (*kind.positive, *kind.not_negative):
            values[name] = np.abs(values[name]) + 0.01
    if "v_reset" in values:
        values["v_reset"] = np.broadcast_to(values["v_threshold"], (n,)) - rng.uniform(0.1, 2, n)
    return kind(n, **values)


def network(seed: int, kinds: tuple[type[Population], ...] = PLAIN) -> Network:
    """Any graph: recurrent, parallel, delayed, several synapses for a pair, diagonal, lone biases."""
    rng = np.random.default_rng(seed)
    populations: dict[str, Population] = {"in.put": SpikeInput(int(rng.integers(1, 5)))}
    if rng.random() < 0.3:
        populations["current"] = CurrentInput(2)
    for k in range(int(rng.integers(1, 5))):
        kind = kinds[int(rng.integers(len(kinds)))]
        populations[f"p{k} {kind.__name__}"] = neuron(rng, kind, int(rng.integers(1, 6)))
    if rng.random() < 0.5:
        populations["readout"] = neuron(rng, READOUTS[int(rng.integers(2))], 3)
    names = list(populations)
    rng.shuffle(names)
    populations = {name: populations[name] for name in names}
    sources = [k for k, p in populations.items() if p.spiking or isinstance(p, CurrentInput)]
    targets = [k for k, p in populations.items() if not isinstance(p, (SpikeInput, CurrentInput))]
    projections = []
    for _ in range(int(rng.integers(0, 8))):
        source, target = (str(rng.choice(k)) for k in (sources, targets))
        n, m = populations[source].n, populations[target].n
        count = int(rng.integers(1, 9))
        delay = rng.choice([0.0, 1e-3, 0.5], count) if rng.random() < 0.5 else 0.0
        pre, post = rng.integers(0, n, count), rng.integers(0, m, count)
        if n == m and rng.random() < 0.3:
            pre = post = np.arange(n)
            delay, count = 0.25, n
        label = str(rng.choice(["", "fc|1", "output"]))
        projections.append(
            Projection.sparse(source, target, pre, post, rng.normal(size=count), delay, label)
        )
    outputs = [str(rng.choice(targets))] if rng.random() < 0.5 else targets[::-1]
    return Network(populations, tuple(projections), 1e-3, "exact", tuple(outputs), "my net")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_read_back_it_is_equal(seed: int) -> None:
    net = network(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = write(net, Path(folder) / "net.nir")
        same(net, read(path))
        theirs = nir.read(path, type_check=False)  # or it wants an input before each neuron
        assert set(net.populations) <= set(theirs.nodes)
        assert doubts(path) == ()


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32))
def test_what_nir_has_no_field_for_is_kept_in_metadata(seed: int) -> None:
    net = network(seed, (*PLAIN, ALIF, ATRLIF))
    populations = {
        name: LIF(p.n, tau=p.tau, t_ref=np.linspace(0, 1, p.n)) if isinstance(p, LIF) else p
        for name, p in net.populations.items()
    }
    net = net.with_(populations=populations)
    with tempfile.TemporaryDirectory() as folder:
        path = write(net, Path(folder) / "net.nir", beyond="metadata")
        same(net, read(path))
        assert nir.read(path, type_check=False) is not None


@pytest.mark.parametrize(
    ("population", "named"),
    [
        (LIF(2, tau=0.1, t_ref=1e-3), "population 'n' (LIF): NIR has no field for t_ref"),
        (ALIF(2, tau=0.1, tau_adapt=0.1, adaptation=1), "(ALIF): NIR has no field for tau_adapt"),
        (ATRLIF(2, tau_syn=1, tau_mem=1, tau_adapt=1, tau_ref=1, adaptation=1),
         "(ATRLIF): NIR has no field for tau_adapt, tau_ref, adaptation"),
    ],
)  # fmt: skip
def test_what_nir_can_t_say_is_refused(tmp_path: Path, population: Population, named: str) -> None:
    net = Network({"x": SpikeInput(2), "n": population}, (), 1e-3)
    with pytest.raises(NetworkError) as caught:
        write(net, tmp_path / "net.nir")
    assert named in str(caught.value) and "beyond='metadata'" in str(caught.value)
    assert not (tmp_path / "net.nir").exists()
    write(net, tmp_path / "net.nir", beyond="metadata")


def small(**changes: Any) -> Network:
    populations = {"x": SpikeInput(2), "n": LIF(2, tau=0.1, bias=[1.0, 2.0])}
    projection = Projection.dense("x", "n", [[1.0, 2.0], [3.0, 0.0]], 2e-3)
    return Network(populations, (projection,), 1e-3, "euler").with_(**changes)


def test_others_find_plain_nodes(tmp_path: Path) -> None:
    graph = nir.read(write(small(), tmp_path / "net.nir"))
    assert type(graph.nodes["x->n"]).__name__ == "Affine"
    assert np.array_equal(graph.nodes["x->n"].weight, [[1, 2], [3, 0]])
    assert np.array_equal(graph.nodes["x->n"].bias, [1, 2])
    assert np.array_equal(graph.nodes["x->n delay"].delay, [2e-3, 2e-3])
    assert np.array_equal(graph.nodes["n"].tau, [0.1, 0.1])
    assert ("n", "output") in graph.edges
    assert nir.serialization.read_version(tmp_path / "net.nir") == "1.0.6"


def test_the_same_bytes_each_time(tmp_path: Path) -> None:
    first, second = (write(small(), tmp_path / name).read_bytes() for name in ("a.nir", "b.nir"))
    assert first == second


def test_what_the_file_states_is_not_contradicted(tmp_path: Path) -> None:
    path = write(small(), tmp_path / "net.nir")
    assert read(path).integrator == "euler"
    same(read(path), read(path, dt=1e-3, integrator="euler"))
    with pytest.raises(NetworkError, match=r"was written for dt 0\.001 s, not 0\.01"):
        read(path, dt=1e-2)
    for asked in ({"integrator": "exact"}, {"semantics": "snntorch"}):
        with pytest.raises(NetworkError, match="can't hold the network's semantics") as caught:
            read(path, **asked)
        assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    with pytest.raises(NetworkError, match="integrator is 'exact', the semantics say 'euler'"):
        read(path, integrator="exact", semantics=Semantics("euler"))


def test_weights_of_0_are_left_out_and_rules_written_out(tmp_path: Path) -> None:
    projections = (
        Projection.sparse("x", "n", [0, 1], [0, 1], [0.0, 2.0]),
        Projection.by_rule("x", "n", FixedInDegree(3), 0.5, seed=3),
    )
    back = read(write(small(projections=projections), tmp_path / "net.nir"))
    zero, rule = back.projections
    assert (zero.pre.tolist(), zero.post.tolist(), zero.weight.tolist()) == ([1], [1], [2.0])
    assert rule.synapses == 6 and (rule.weight == 0.5).all()


@pytest.mark.parametrize("name", ["", "a/b", ".."])
def test_names_that_hdf5_has_no_place_for(tmp_path: Path, name: str) -> None:
    with pytest.raises(NetworkError, match="rename it"):
        write(Network({name: LIF(1, tau=1.0)}, (), 1e-3), tmp_path / "net.nir")


def test_a_bias_without_any_source(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="needs a source"):
        write(Network({"n": LI(1, tau=1.0, bias=1.0)}, (), 1e-3), tmp_path / "net.nir")


def test_matrices_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nir_write, "LARGEST", 31)
    with pytest.raises(
        NetworkError, match=r"'x->n': NIR stores matrices whole, here 2 x 2, 32 bytes"
    ):
        write(small(), tmp_path / "net.nir")


def test_wrong_arguments(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="network is a int"):
        write(3, tmp_path / "net.nir")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="beyond is 'lose'"):
        write(small(), tmp_path / "net.nir", beyond="lose")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("place", "text", "part"),
    [
        ("node/metadata/neurohw", "{", "is no JSON"),
        ("node/metadata/neurohw", "[1]", "is no JSON"),
        ("node/metadata/neurohw", '{"dt": "soon"}', "dt"),
        ("node/metadata/neurohw", '{"dt": 0.001, "semantics": {"reset": 3}}', "reset is 3"),
        ("node/metadata/neurohw", '{"dt": 0.001, "semantics": {"spam": 3}}', "semantics are"),
        ("node/nodes/n/metadata/neurohw", '{"kind": "Spam"}', "'Spam'"),
        ("node/nodes/n/metadata/neurohw", '{"kind": "ALIF"}', "tau_adapt"),
    ],
)
def test_metadata_of_a_stranger(tmp_path: Path, place: str, text: str, part: str) -> None:
    path = write(small(), tmp_path / "net.nir")
    with h5py.File(path, "a") as f:
        del f[place]
        f[place] = text
    with pytest.raises((FileError, NetworkError)) as caught:
        read(path)
    assert part in str(caught.value) and "\n" not in str(caught.value)
