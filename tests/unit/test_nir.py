"""NIR import: graphs written with the nir library, and files that no one should trust."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurohw.errors import BackendMissing, FileError, NetworkError, NeurohwError, UnknownName
from neurohw.network import Network

nir = pytest.importorskip("nir", exc_type=ImportError)
h5py = pytest.importorskip("h5py", exc_type=ImportError)

from neurohw_backends import nir_hdf5, nir_paths  # noqa: E402
from neurohw_backends.nir import read  # noqa: E402

RNG = np.random.default_rng(5)
Shape = dict[str, Any]


def lif(n: int, **changes: Any) -> Any:
    full = {k: np.full(n, v) for k, v in {"tau": 2e-2, "r": 1.0, "v_leak": 0.0}.items()}
    return nir.LIF(**{**full, "v_threshold": np.ones(n), "v_reset": np.zeros(n), **changes})


def cuba(n: int, **changes: Any) -> Any:
    base = {"tau_syn": 5e-3, "tau_mem": 2e-2, "r": 2.0, "v_leak": 0.1, "w_in": 3.0}
    full = {k: np.full(n, v) for k, v in base.items()}
    return nir.CubaLIF(
        **{**full, "v_threshold": np.ones(n), "v_reset": np.full(n, -1.0), **changes}
    )


def write(path: Path, nodes: dict[str, Any], edges: list[tuple[str, str]]) -> Path:
    file = path / "net.nir"
    nir.write(file, nir.NIRGraph(nodes, edges, type_check=False))
    return file


def chain(path: Path, **nodes: Any) -> Path:
    return write(path, nodes, list(itertools.pairwise(nodes)))


def inp(n: int) -> Any:
    return nir.Input(np.array([n]))


def out(n: int) -> Any:
    return nir.Output(np.array([n]))


def weights(network: Network, source: str, target: str) -> dict[float, np.ndarray]:
    """Dense matrices of everything between two populations, summed by delay."""
    shape = network.populations[target].n, network.populations[source].n
    found: dict[float, np.ndarray] = {}
    for p in network.projections:
        if (p.source, p.target) == (source, target):
            for pre, post, w, d in zip(p.pre, p.post, p.weight, p.delay, strict=True):
                found.setdefault(float(d), np.zeros(shape))[post, pre] += w
    return found


def only(network: Network, source: str, target: str) -> np.ndarray:
    found = weights(network, source, target)
    assert list(found) == [0.0]
    return found[0.0]


def test_feed_forward_copies_every_parameter(tmp_path: Path) -> None:
    w1, w2 = RNG.normal(size=(4, 3)).astype(np.float32), RNG.normal(size=(2, 4))
    bias = RNG.normal(size=4).astype(np.float32)
    tau = np.linspace(1e-2, 2e-2, 4).astype(np.float32)
    file = chain(
        tmp_path, x=inp(3), fc1=nir.Affine(w1, bias), hidden=lif(4, tau=tau),
        fc2=nir.Linear(w2), top=cuba(2), y=out(2),
    )  # fmt: skip
    net = read(file, dt=1e-4, integrator="euler")
    assert list(net.populations) == ["x", "hidden", "top"]
    assert [p.kind for p in net.populations.values()] == ["SpikeInput", "LIF", "CubaLIF"]
    assert (net.outputs, net.inputs, net.dt, net.integrator, net.name) == (
        ("top",), ("x",), 1e-4, "euler", "net",
    )  # fmt: skip
    hidden, top = net.populations["hidden"], net.populations["top"]
    for array, expected in (
        (hidden.tau, tau), (hidden.bias, bias), (hidden.r, 1), (hidden.t_ref, 0),
        (top.tau_syn, 5e-3), (top.tau_mem, 2e-2), (top.r, 2), (top.v_leak, 0.1), (top.w_in, 3),
        (top.v_threshold, 1), (top.v_reset, -1), (top.bias, 0),
    ):  # fmt: skip
        assert array.dtype == np.float64
        assert np.array_equal(array, np.broadcast_to(expected, array.shape))
    assert np.array_equal(only(net, "x", "hidden"), w1)
    assert np.array_equal(only(net, "hidden", "top"), w2)


def test_readouts_and_if(tmp_path: Path) -> None:
    li = nir.LI(tau=np.full(2, 0.01), r=np.full(2, 3.0), v_leak=np.full(2, 0.5))
    cubali = nir.CubaLI(
        tau_syn=np.full(2, 0.01), tau_mem=np.full(2, 0.02), r=np.ones(2), v_leak=np.zeros(2),
        w_in=np.full(2, 7.0),
    )  # fmt: skip
    spike = nir.IF(r=np.full(2, 4.0), v_threshold=np.full(2, 2.0), v_reset=np.full(2, 0.5))
    nodes = {"x": inp(2), "if": spike, "li": li, "cubali": cubali, "a": out(2), "b": out(2)}
    edges = [("x", "if"), ("if", "li"), ("if", "cubali"), ("li", "a"), ("cubali", "b")]
    net = read(write(tmp_path, nodes, edges), dt=1e-3)
    assert net.outputs == ("li", "cubali")
    assert [net.populations[k].kind for k in ("if", "li", "cubali")] == ["IF", "LI", "CubaLI"]
    assert np.array_equal(net.populations["if"].v_reset, [0.5, 0.5])
    assert np.array_equal(net.populations["li"].v_leak, [0.5, 0.5])
    assert np.array_equal(net.populations["cubali"].w_in, [7.0, 7.0])
    assert np.array_equal(only(net, "if", "li"), np.eye(2))
    assert read(tmp_path / "net.nir", dt=1e-3, outputs=["if"]).outputs == ("if",)
    with pytest.raises(UnknownName, match="'spam'"):
        read(tmp_path / "net.nir", dt=1e-3, outputs=["spam"])


@pytest.mark.parametrize("kind", ["LIF", "CubaLIF", "IF"])
def test_old_files_without_v_reset_and_w_in(tmp_path: Path, kind: str) -> None:
    node = {"LIF": lif(2), "CubaLIF": cuba(2)}.get(kind) or nir.IF(np.ones(2), np.ones(2))
    file = chain(tmp_path, x=inp(2), n=node, y=out(2))
    with h5py.File(file, "a") as f:
        group = f["node/nodes/n"]
        del group["v_reset"]
        if kind == "CubaLIF":
            del group["w_in"]
    population = read(file, dt=1e-3).populations["n"]
    assert np.array_equal(population.v_reset, [0, 0])
    if kind == "CubaLIF":
        assert np.array_equal(population.w_in, [1, 1])


def test_linear_chain_is_composed_and_biases_add_up(tmp_path: Path) -> None:
    a, b = RNG.normal(size=(5, 3)), RNG.normal(size=(2, 5))
    ba, bb, scale = RNG.normal(size=5), RNG.normal(size=2), RNG.normal(size=5)
    file = chain(
        tmp_path, x=inp(3), a=nir.Affine(a, ba), s=nir.Scale(scale), b=nir.Affine(b, bb), n=lif(2),
        y=out(2),
    )  # fmt: skip
    net = read(file, dt=1e-3)
    assert np.allclose(only(net, "x", "n"), b @ np.diag(scale) @ a, rtol=1e-14)
    assert np.allclose(net.populations["n"].bias, b @ (scale * ba) + bb, rtol=1e-14)


def test_parallel_paths_and_biases_of_several_affines(tmp_path: Path) -> None:
    a, b, ba, bb = RNG.normal(size=(2, 3)), RNG.normal(size=(2, 3)), np.ones(2), np.full(2, 4.0)
    nodes = {
        "x": inp(3), "a": nir.Affine(a, ba), "b": nir.Affine(b, bb), "n": lif(2), "m": lif(2),
        "c": nir.Linear(2 * np.eye(2)), "y": out(2),
    }  # fmt: skip
    edges = [("x", "a"), ("x", "b"), ("a", "n"), ("b", "n"), ("n", "y"), ("m", "y")]
    net = read(write(tmp_path, nodes, [*edges, ("a", "c"), ("b", "c"), ("c", "m")]), dt=1e-3)
    assert [p.name for p in net.projections if p.target == "n"] == ["x->n", "x->n#2"]
    assert [p.name for p in net.projections if p.target == "m"] == ["x->m"]
    assert np.allclose(only(net, "x", "n"), a + b, rtol=1e-14)
    assert np.allclose(only(net, "x", "m"), 2 * (a + b), rtol=1e-14)
    assert np.array_equal(net.populations["n"].bias, [5, 5])
    assert np.array_equal(net.populations["m"].bias, [10, 10])
    assert set(net.outputs) == {"n", "m"}


def test_a_ladder_of_diamonds_does_not_explode(tmp_path: Path) -> None:
    nodes, edges = {"x": inp(1), "n": lif(1), "y": out(1)}, [("n", "y")]
    last = "x"
    for k in range(40):
        nodes |= {f"{s}{k}": nir.Scale(np.full(1, 0.5)) for s in "ab"}
        nodes[f"j{k}"] = nir.Scale(np.ones(1))
        edges += [(last, f"a{k}"), (last, f"b{k}"), (f"a{k}", f"j{k}"), (f"b{k}", f"j{k}")]
        last = f"j{k}"
    net = read(write(tmp_path, nodes, [*edges, (last, "n")]), dt=1e-3)
    assert np.array_equal(only(net, "x", "n"), [[1.0]])
    assert net.synapses == 1


def test_delay_before_and_after_a_matrix(tmp_path: Path) -> None:
    w = np.arange(1.0, 7.0).reshape(2, 3)
    before, after = np.array([1e-3, 2e-3, 3e-3]), np.array([10e-3, 20e-3])
    file = chain(
        tmp_path, x=inp(3), d=nir.Delay(before), a=nir.Affine(w, np.array([8.0, 9.0])),
        e=nir.Delay(after), n=lif(2), y=out(2),
    )  # fmt: skip
    net = read(file, dt=1e-3)
    (p,) = net.projections
    assert np.allclose(p.delay, after[p.post] + before[p.pre], rtol=1e-15)
    assert np.array_equal(p.weight, w[p.post, p.pre])
    assert np.array_equal(net.populations["n"].bias, [8, 9])


def test_delay_between_two_matrices_splits_by_its_values(tmp_path: Path) -> None:
    a, b = RNG.normal(size=(3, 2)), RNG.normal(size=(2, 3))
    delay = np.array([1e-3, 4e-3, 1e-3])
    file = chain(
        tmp_path, x=inp(2), a=nir.Linear(a), d=nir.Delay(delay), b=nir.Linear(b), n=lif(2), y=out(2)
    )
    found = weights(read(file, dt=1e-3), "x", "n")
    assert sorted(found) == [1e-3, 4e-3]
    for value, matrix in found.items():
        assert np.allclose(matrix, b @ np.diag(delay == value) @ a, rtol=1e-14)


def test_delay_on_a_direct_edge_and_from_a_current(tmp_path: Path) -> None:
    file = chain(
        tmp_path, x=inp(2), d=nir.Delay(np.array([1e-3, 0.0])), n=lif(2),
        e=nir.Delay(np.array([2e-3, 3e-3])), m=lif(2), y=out(2),
    )  # fmt: skip
    net = read(file, dt=1e-3, analogue=["x"])
    assert net.populations["x"].kind == "CurrentInput"
    first, second = net.projections
    assert np.array_equal(first.delay, [1e-3, 0.0]) and np.array_equal(second.delay, [2e-3, 3e-3])
    assert np.array_equal(first.pre, first.post) and np.array_equal(second.weight, [1.0, 1.0])


def test_recurrence_and_flatten(tmp_path: Path) -> None:
    w, rec = RNG.normal(size=(4, 6)), RNG.normal(size=(4, 4))
    nodes = {
        "x": nir.Input(np.array([2, 3])), "flat": nir.Flatten(np.array([2, 3]), 0),
        "w": nir.Linear(w),
        "n": lif(4), "rec": nir.Affine(rec, np.ones(4)), "same": lif(4), "y": out(4),
    }  # fmt: skip
    edges = [("x", "flat"), ("flat", "w"), ("w", "n"), ("n", "rec"), ("rec", "n"), ("n", "same")]
    net = read(write(tmp_path, nodes, [*edges, ("same", "same"), ("same", "y")]), dt=1e-3)
    assert np.array_equal(only(net, "x", "n"), w)
    assert np.array_equal(only(net, "n", "n"), rec)
    assert np.array_equal(only(net, "same", "same"), np.eye(4))
    assert np.array_equal(net.populations["n"].bias, np.ones(4))


def test_subgraphs_are_flattened(tmp_path: Path) -> None:
    w, rec = RNG.normal(size=(3, 2)), RNG.normal(size=(3, 3))
    inner = nir.NIRGraph(
        {"in": inp(3), "lif": cuba(3), "rec": nir.Linear(rec), "out": out(3)},
        [("in", "lif"), ("lif", "rec"), ("rec", "lif"), ("lif", "out")],
    )
    outer = nir.NIRGraph(
        {"a": inp(3), "core": inner, "z": out(3)}, [("a", "core"), ("core", "z")], type_check=False
    )
    file = chain(tmp_path, x=inp(2), w=nir.Affine(w, np.full(3, 0.5)), sub=outer, y=out(3))
    net = read(file, dt=1e-3)
    assert list(net.populations) == ["x", "sub.core.lif"]
    assert net.outputs == ("sub.core.lif",)
    assert np.array_equal(only(net, "x", "sub.core.lif"), w)
    assert np.array_equal(only(net, "sub.core.lif", "sub.core.lif"), rec)
    assert np.array_equal(net.populations["sub.core.lif"].bias, np.full(3, 0.5))


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    nodes = {"p": inp(2), "q": inp(2), "n": lif(2), "m": lif(2), "y": out(2), "z": out(2)}
    edges = [("p", "n"), ("q", "m"), ("n", "y"), ("m", "z")]
    net = read(write(tmp_path, nodes, edges), dt=1e-3, analogue=["q"])
    assert net.inputs == ("p", "q") and net.outputs == ("n", "m")
    assert [net.populations[k].kind for k in "pq"] == ["SpikeInput", "CurrentInput"]
    with pytest.raises(UnknownName, match="'r'"):
        read(tmp_path / "net.nir", dt=1e-3, analogue=["r"])


def test_shapes_that_mean_the_same_are_read(tmp_path: Path) -> None:
    nodes = {
        "x": nir.Input(np.array([1, 1, 3])), "w": nir.Linear(np.ones((2, 3))), "n": lif(2),
        "y": nir.Output(np.array([2, 1, 1])),
    }  # fmt: skip
    file = write(tmp_path, nodes, [("x", "w"), ("w", "n"), ("n", "y")])
    with pytest.raises(ValueError):
        nir.read(file)
    assert read(file, dt=1e-3).populations["x"].n == 3


def test_scalar_parameters_hold_for_all(tmp_path: Path) -> None:
    file = chain(tmp_path, x=inp(3), s=nir.Scale(np.ones(3)), n=lif(3), y=out(3))
    with h5py.File(file, "a") as f:
        for place in ("node/nodes/n/tau", "node/nodes/s/scale"):
            del f[place]
            f[place] = 0.25
    net = read(file, dt=1e-3)
    assert np.array_equal(net.populations["n"].tau, np.full(3, 0.25))
    assert np.array_equal(only(net, "x", "n"), 0.25 * np.eye(3))


def test_isolated_neurons_stay(tmp_path: Path) -> None:
    nodes = {"x": inp(1), "n": lif(1), "alone": lif(1, v_leak=np.full(1, 2.0)), "y": out(1)}
    net = read(write(tmp_path, nodes, [("x", "n"), ("n", "y")]), dt=1e-3)
    assert list(net.populations) == ["x", "n", "alone"]


BAD_GRAPHS: dict[str, tuple[dict[str, Any], list[tuple[str, str]], tuple[str, ...]]] = {
    "unsupported": (
        {"x": inp(2), "t": nir.I(np.ones(2)), "n": lif(2)},
        [("x", "t"), ("t", "n")], ("node 't'", "type I,", "LIF, CubaLIF, LI, CubaLI, IF, Threshold"),
    ),
    "missing node": (
        {"x": inp(2), "n": lif(2)}, [("x", "m")], ("edge 'x' -> 'm'", "'m'", "there are: n, x"),
    ),
    "double edge": ({"x": inp(2), "n": lif(2)}, [("x", "n"), ("x", "n")], ("is there twice",)),
    "into input": ({"x": inp(2), "n": lif(2)}, [("n", "x")], ("ends at an Input",)),
    "out of output": (
        {"x": inp(2), "y": out(2), "n": lif(2)}, [("x", "n"), ("y", "n")], ("starts at an Output",),
    ),
    "linear loop": (
        {"x": inp(2), "a": nir.Scale(np.ones(2)), "b": nir.Scale(np.ones(2)), "n": lif(2)},
        [("x", "a"), ("a", "b"), ("b", "a"), ("b", "n")], ("'a' -> 'b' -> 'a'", "without a neuron"),
    ),
    "no neurons": (
        {"x": inp(2), "a": nir.Scale(np.ones(2)), "y": out(2)}, [("x", "a"), ("a", "y")],
        ("has no neurons",),
    ),
    "output of linear": (
        {"x": inp(2), "n": lif(2), "a": nir.Scale(np.ones(2)), "y": out(2)},
        [("x", "n"), ("n", "a"), ("a", "y")], ("node 'y'", "'a' (Scale)", "outputs="),
    ),
    "output of input": (
        {"x": inp(2), "n": lif(2), "y": out(2)}, [("x", "n"), ("x", "y")],
        ("fed by the input 'x'",),
    ),
    "output of nothing": (
        {"x": inp(2), "n": lif(2), "y": out(2)}, [("x", "n")], ("node 'y'", "fed by nothing"),
    ),
    "linear of nothing": (
        {"x": inp(2), "n": lif(2), "a": nir.Scale(np.ones(2))}, [("x", "n"), ("a", "n")],
        ("node 'a' (Scale)", "fed by nothing"),
    ),
    "linear to nothing": (
        {"x": inp(2), "n": lif(2), "a": nir.Scale(np.ones(2))}, [("x", "n"), ("n", "a")],
        ("node 'a' (Scale)", "feeds nothing"),
    ),
    "idle input": ({"x": inp(2), "n": lif(2)}, [], ("node 'x' (Input)", "feeds nothing")),
    "readout spikes": (
        {"x": inp(1), "l": nir.LI(np.ones(1), np.ones(1), np.ones(1)), "n": lif(1)},
        [("x", "l"), ("l", "n")], ("node 'l' (LI)", "never spikes"),
    ),
    "shape": (
        {"x": inp(3), "w": nir.Linear(np.ones((2, 4))), "n": lif(2)}, [("x", "w"), ("w", "n")],
        ("node 'w' (Linear)", "takes 4 values", "'x' gives 3"),
    ),
    "shape at neurons": (
        {"x": inp(3), "n": lif(2)}, [("x", "n")], ("node 'n' (LIF)", "takes 2", "gives 3"),
    ),
    "shape at output": (
        {"x": inp(2), "n": lif(2), "y": out(5)}, [("x", "n"), ("n", "y")], ("takes 5", "gives 2"),
    ),
    "weight of 3 dimensions": (
        {"x": inp(2), "w": nir.Linear(np.ones((1, 2, 2))), "n": lif(2)}, [("x", "w"), ("w", "n")],
        ("node 'w'", "(1, 2, 2)"),
    ),
    "biases": (
        {"x": inp(2), "w": nir.Affine(np.ones((2, 2)), np.ones(3)), "n": lif(2)},
        [("x", "w"), ("w", "n")], ("node 'w'", "3 biases for 2 rows"),
    ),
    "nan": (
        {"x": inp(2), "w": nir.Linear(np.array([[1, 2], [np.nan, 1]])), "n": lif(2)},
        [("x", "w"), ("w", "n")], ("node 'w'", "weight[1, 0] = nan"),
    ),
    "infinite bias": (
        {"x": inp(1), "w": nir.Affine(np.ones((1, 1)), np.full(1, np.inf)), "n": lif(1)},
        [("x", "w"), ("w", "n")], ("node 'w'", "bias[0] = inf"),
    ),
    "negative tau": (
        {"x": inp(2), "n": lif(2, tau=np.array([1.0, -3.0]))}, [("x", "n")],
        ("node 'n'", "tau[1] is -3"),
    ),
    "negative delay": (
        {"x": inp(1), "d": nir.Delay(np.full(1, -2.0)), "n": lif(1)}, [("x", "d"), ("d", "n")],
        ("node 'd'", "-2 s"),
    ),
    "empty input": ({"x": inp(0), "n": lif(2)}, [("x", "n")], ("node 'x'", "extent 0")),
    "endless input": ({"x": inp(2**40), "n": lif(2)}, [("x", "n")], ("node 'x'", "134,217,728 allowed")),
    "subgraph with two inputs": (
        {"x": inp(1), "n": lif(1), "s": nir.NIRGraph(
            {"a": inp(1), "b": inp(1), "n": lif(1), "y": out(1)},
            [("a", "n"), ("b", "n"), ("n", "y")],
        )},
        [("x", "s"), ("s", "n")], ("subgraph 's'", "2 Input nodes"),
    ),
    "one name twice": (
        {"x": inp(1), "s.n": lif(1), "s": nir.NIRGraph(
            {"a": inp(1), "n": lif(1), "y": out(1)}, [("a", "n"), ("n", "y")],
        )},
        [("x", "s"), ("s", "s.n")], ("two nodes are called 's.n'",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_GRAPHS)
def test_bad_graphs(tmp_path: Path, case: str) -> None:
    nodes, edges, parts = BAD_GRAPHS[case]
    file = write(tmp_path, nodes, edges)
    with pytest.raises(NetworkError) as caught:
        read(file, dt=1e-3)
    assert_one_line(caught.value, file, *parts)


def assert_one_line(error: NeurohwError, file: Path, *parts: str) -> None:
    message = str(error)
    assert "\n" not in message and message.startswith(str(file)), message
    assert error.__suppress_context__ or error.__context__ is None
    for part in parts:
        assert part in message


def good(path: Path) -> Path:
    return chain(path, x=inp(2), w=nir.Linear(np.ones((2, 2))), n=lif(2), y=out(2))


def test_time_and_integrator_are_never_guessed(tmp_path: Path) -> None:
    file = good(tmp_path)
    with pytest.raises(NetworkError, match="NIR stores no time step; give dt"):
        read(file)
    with pytest.raises(NetworkError, match="dt is 0"):
        read(file, dt=0)
    with pytest.raises(NetworkError, match="integrator is 'midpoint'"):
        read(file, dt=1e-3, integrator="midpoint")


def test_missing_file_folder_and_other_content(tmp_path: Path) -> None:
    text = tmp_path / "text.nir"
    text.write_text("no HDF5")
    empty = tmp_path / "empty.nir"
    h5py.File(empty, "w").close()
    for file, part in ((tmp_path / "none.nir", "no such file"), (tmp_path, "no such file"),
                       (text, "not a readable"), (empty, "no NIR file")):  # fmt: skip
        with pytest.raises(FileError) as caught:
            read(file, dt=1e-3)
        assert_one_line(caught.value, file, part)


def test_every_truncation_and_damage_gives_one_line(tmp_path: Path) -> None:
    file = good(tmp_path)
    data = file.read_bytes()
    rng = np.random.default_rng(0)
    bad = tmp_path / "bad.nir"
    for cut in rng.integers(0, len(data), 40):
        bad.write_bytes(data[:cut])
        with pytest.raises(FileError) as caught:
            read(bad, dt=1e-3)
        assert_one_line(caught.value, bad)
    refused = 0
    for _ in range(200):
        broken = np.frombuffer(data, np.uint8).copy()
        broken[rng.integers(0, len(data), 20)] = rng.integers(0, 256, 20)
        bad.write_bytes(broken.tobytes())
        try:
            read(bad, dt=1e-3)
        except (FileError, NetworkError) as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 50


@pytest.mark.parametrize("size", [0, 2**64 - 16, 2**40])
def test_heaps_that_would_hang_the_library_are_refused(tmp_path: Path, size: int) -> None:
    file = good(tmp_path)
    data = bytearray(file.read_bytes())
    heap = data.find(b"GCOL")
    index = 0 if size == 0 else 1
    data[heap + 16 : heap + 18] = index.to_bytes(2, "little")
    data[heap + 24 : heap + 32] = size.to_bytes(8, "little")
    file.write_bytes(data)
    with pytest.raises(FileError) as caught:
        read(file, dt=1e-3)
    assert_one_line(caught.value, file, f"heap at byte {heap} is damaged")


def test_text_of_absurd_length(tmp_path: Path) -> None:
    file = good(tmp_path)
    with h5py.File(file) as f:
        offset = f["node/nodes/n/type"].id.get_offset()
    data = bytearray(file.read_bytes())
    data[offset + 3] = 255
    file.write_bytes(data)
    with pytest.raises(FileError) as caught:
        read(file, dt=1e-3)
    assert_one_line(caught.value, file, "node 'n': 'type'", "4,278,190,083 bytes")


def edit(file: Path, key: str, **options: Any) -> None:
    with h5py.File(file, "a") as f:
        if key in f:
            del f[key]
        if options:
            f.create_dataset(key, **options)


@pytest.mark.parametrize(
    ("key", "options", "part"),
    [
        ("node/type", {}, "no 'type'"),
        ("node/edges", {}, "no 'edges'"),
        ("node/nodes", {}, "no 'nodes'"),
        ("node/nodes/n/type", {}, "node 'n' has no 'type'"),
        ("node/nodes/n/type", {"data": 3}, "'type' is no text"),
        ("node/edges", {"data": np.ones((3, 2))}, "'edges' is no text"),
        ("node/edges", {"data": ["a", "b"]}, "'edges' has shape"),
        ("node/nodes/w/weight", {"data": np.ones((2, 2), "c16")}, "complex128"),
        ("node/nodes/w/weight", {"shape": (2, 2), "dtype": h5py.vlen_dtype("f8")}, "object"),
        ("node/nodes/w/weight", {"shape": (2**20, 2**20), "dtype": "f8"}, "(1048576, 1048576)"),
        ("node/nodes/w/weight",
         {"shape": (2**20, 2**20), "dtype": "f8", "chunks": (64, 64), "compression": "gzip"},
         "the file is damaged"),
        ("node/nodes/w/weight", {"shape": (2, 2), "dtype": "f8", "external": "/etc/hostname"},
         "another file"),
    ],
)  # fmt: skip
def test_hostile_fields(tmp_path: Path, key: str, options: dict[str, Any], part: str) -> None:
    file = good(tmp_path)
    edit(file, key, **options)
    with pytest.raises(FileError) as caught:
        read(file, dt=1e-3)
    assert_one_line(caught.value, file, part)


@pytest.mark.parametrize(
    ("key", "options", "part"),
    [
        ("node/nodes/n/tau", {}, "node 'n' (LIF) has no 'tau'"),
        ("node/nodes/n/r", {"data": np.ones(5)}, "takes 5 values"),
        ("node/nodes/n/r", {"data": np.ones((2, 0))}, "an empty r, shape (2, 0)"),
        ("node/nodes/x/shape", {"data": np.array([2.5])}, "extent 2.5"),
        ("node/type", {"data": "LIF"}, "single LIF"),
        ("node/nodes/n/type", {"data": "ALIF"}, "node 'n' is of type ALIF"),
    ],
)
def test_fields_of_another_shape(
    tmp_path: Path, key: str, options: dict[str, Any], part: str
) -> None:
    file = good(tmp_path)
    edit(file, key, **options)
    with pytest.raises(NetworkError) as caught:
        read(file, dt=1e-3)
    assert_one_line(caught.value, file, part)


def test_links_are_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as f:
        f["w"] = np.ones((2, 2))
    for link in (h5py.ExternalLink(str(other), "/w"), h5py.SoftLink("/node/nodes/n/tau")):
        file = good(tmp_path)
        with h5py.File(file, "a") as f:
            del f["node/nodes/w/weight"]
            f["node/nodes/w/weight"] = link
        with pytest.raises(FileError, match=r"'w\.weight' is a link"):
            read(file, dt=1e-3)


def test_a_graph_inside_itself_ends(tmp_path: Path) -> None:
    file = good(tmp_path)
    with h5py.File(file, "a") as f:
        f["node/nodes/again"] = f["node"]
    with pytest.raises(FileError, match="nested more than"):
        read(file, dt=1e-3)


def test_total_size_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = chain(
        tmp_path, x=inp(50), w=nir.Linear(np.ones((60, 50), np.int8)), n=lif(60), y=out(60)
    )
    read(file, dt=1e-3)
    monkeypatch.setattr(nir_hdf5, "LARGEST", 60 * 50 * 8)
    with pytest.raises(FileError, match="more than the 24,000 allowed"):
        read(file, dt=1e-3)


def test_composed_size_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = chain(
        tmp_path, x=inp(90), a=nir.Linear(np.ones((1, 90))), b=nir.Linear(np.ones((90, 1))),
        n=lif(90), y=out(90),
    )  # fmt: skip
    read(file, dt=1e-3)
    monkeypatch.setattr(nir_paths, "LARGEST", 90 * 90 * 8 - 1)
    with pytest.raises(NetworkError, match=r"node 'b' .*takes 64,800 bytes"):
        read(file, dt=1e-3)


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = good(tmp_path)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(BackendMissing, match=r"pip install h5py") as caught:
        read(file, dt=1e-3)
    assert "\n" not in str(caught.value)


def test_what_nir_reads_back_is_what_we_read(tmp_path: Path) -> None:
    w = RNG.normal(size=(4, 3)).astype(np.float32)
    file = chain(tmp_path, x=inp(3), w=nir.Linear(w), n=cuba(4), y=out(4))
    theirs, ours = nir.read(file), read(file, dt=1e-3)
    population = ours.populations["n"]
    for name, values in population.parameters():
        if name not in ("bias", "t_ref"):
            assert np.array_equal(values, getattr(theirs.nodes["n"], name))
    assert np.array_equal(only(ours, "x", "n"), theirs.nodes["w"].weight)
