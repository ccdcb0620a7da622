"""Convolutions, pools and thresholds in NIR files, against the sums that define them."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurohw.errors import NetworkError
from neurohw.network import Inputs, Network

nir = pytest.importorskip("nir", exc_type=ImportError)

from neurohw_backends import brian2, nir_sparse  # noqa: E402
from neurohw_backends.nir import read  # noqa: E402
from neurohw_backends.nir_sparse import Sparse, convolution  # noqa: E402

RNG = np.random.default_rng(11)
Pads = tuple[tuple[int, int], tuple[int, int]]


def lif(*shape: int, **changes: Any) -> Any:
    base = {"tau": 2e-2, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0}
    return nir.LIF(**{**{k: np.full(shape, v) for k, v in base.items()}, **changes})


def chain(path: Path, **nodes: Any) -> Path:
    file = path / "net.nir"
    edges = list(itertools.pairwise(nodes))
    nir.write(file, nir.NIRGraph(nodes, edges, type_check=False))
    return file


def inp(*shape: int) -> Any:
    return nir.Input(np.array(shape))


def out(*shape: int) -> Any:
    return nir.Output(np.array(shape))


def dense(network: Network, source: str, target: str) -> np.ndarray:
    matrix = np.zeros((network.populations[target].n, network.populations[source].n))
    for p in network.projections:
        if (p.source, p.target) == (source, target):
            assert not p.delay.any()
            np.add.at(matrix, (p.post, p.pre), p.weight)
    return matrix


def correlate(
    x: np.ndarray, weight: np.ndarray, stride: tuple[int, int], pads: Pads,
    dilation: tuple[int, int] = (1, 1), groups: int = 1,
) -> np.ndarray:  # fmt: skip
    """The definition, pixel by pixel, on an image (channels, y, x) with zeros around it."""
    x = np.pad(x, ((0, 0), *pads))
    n_out, each, ky, kx = weight.shape
    rows = (x.shape[1] - dilation[0] * (ky - 1) - 1) // stride[0] + 1
    columns = (x.shape[2] - dilation[1] * (kx - 1) - 1) // stride[1] + 1
    y = np.zeros((n_out, rows, columns))
    for o, i, j, c, a, b in itertools.product(
        *(range(k) for k in (n_out, rows, columns, each, ky, kx))
    ):
        channel = o // (n_out // groups) * each + c
        at = x[channel, i * stride[0] + a * dilation[0], j * stride[1] + b * dilation[1]]
        y[o, i, j] += weight[o, c, a, b] * at
    return y


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_convolution_is_the_sum_that_defines_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = int(rng.integers(1, 3))
    shape = groups * int(rng.integers(1, 3)), int(rng.integers(1, 3))
    weight = rng.integers(-3, 4, (*shape, *rng.integers(1, 4, 2))).astype(float)
    ranges = ((4, 8), (1, 4), (1, 3))
    size, stride, dilation = (tuple(int(k) for k in rng.integers(*r, 2)) for r in ranges)
    low, high = (tuple(int(k) for k in rng.integers(0, 3, 2)) for _ in range(2))
    pads = ((low[0], high[0]), (low[1], high[1]))
    if any(dilation[a] * (weight.shape[2 + a] - 1) >= size[a] + sum(pads[a]) for a in (0, 1)):
        with pytest.raises(NetworkError, match="does not fit"):
            convolution(weight, size, stride, pads, dilation, groups, "conv")
        return
    made = convolution(weight, size, stride, pads, dilation, groups, "conv")
    x = rng.integers(-5, 6, (shape[1] * groups, *size)).astype(float)
    expected = correlate(x, weight, stride, pads, dilation, groups)
    assert made.shape == (expected.size, x.size)
    assert np.array_equal(made.applied(x.ravel()), expected.ravel())
    pairs = made.post * x.size + made.pre
    assert np.unique(pairs).size == pairs.size and (made.weight != 0).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_sparse_products_and_sums_are_those_of_matrices(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = rng.integers(1, 9, 3)
    a, c = (rng.integers(-2, 3, (n[1], n[0])).astype(float) for _ in range(2))
    b = rng.integers(-2, 3, (n[2], n[1])).astype(float)
    for expected, got in (
        (b @ a, Sparse.of(b).after(Sparse.of(a), "here")),
        (a + c, Sparse.of(a).plus(Sparse.of(c))),
        (np.arange(n[1])[:, None] * a, Sparse.of(a).scaled(np.arange(n[1]))),
    ):
        matrix = np.zeros(got.shape)
        np.add.at(matrix, (got.post, got.pre), got.weight)
        assert np.array_equal(matrix, expected)
        assert (got.weight != 0).all() or got.weight.size == np.count_nonzero(a)


def test_products_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = RNG.normal(size=(30, 20)), RNG.normal(size=(25, 30))
    whole = Sparse.of(b).after(Sparse.of(a), "here")
    monkeypatch.setattr(nir_sparse, "_CHUNK", 50)
    pieces = Sparse.of(b).after(Sparse.of(a), "here")
    assert np.array_equal(whole.pre, pieces.pre) and np.array_equal(whole.post, pieces.post)
    assert np.allclose(pieces.weight, whole.weight, rtol=1e-12)


def test_conv_pool_flatten_linear_between_populations(tmp_path: Path) -> None:
    """What a network for an event camera looks like: images all the way, then a classifier."""
    k1, b1 = RNG.normal(size=(4, 2, 3, 3)), RNG.normal(size=4)
    k2 = RNG.normal(size=(6, 4, 3, 3))
    fc = RNG.normal(size=(5, 6 * 2 * 2))
    file = chain(
        tmp_path, x=inp(2, 10, 12),
        conv1=nir.Conv2d((10, 12), k1, (1, 1), (1, 1), (1, 1), 1, b1), n1=lif(4, 10, 12),
        pool=nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        conv2=nir.Conv2d((5, 6), k2, (2, 2), 0, 1, 1, np.zeros(6)), n2=lif(6, 2, 2),
        flat=nir.Flatten({"input": np.array([6, 2, 2])}, 0, -1), fc=nir.Linear(fc), n3=lif(5),
        y=out(5),
    )  # fmt: skip
    net = read(file, dt=1e-3)
    assert [p.n for p in net.populations.values()] == [240, 480, 24, 5]
    assert np.array_equal(net.populations["n1"].bias, np.repeat(b1, 120))
    image = RNG.normal(size=(2, 10, 12))
    first = correlate(image, k1, (1, 1), ((1, 1), (1, 1)))
    assert np.allclose(dense(net, "x", "n1") @ image.ravel(), first.ravel(), rtol=1e-12)
    spikes = RNG.integers(0, 2, (4, 10, 12)).astype(float)
    pooled = correlate(spikes, np.ones((4, 1, 2, 2)), (2, 2), ((0, 0), (0, 0)), groups=4)
    second = correlate(pooled, k2, (2, 2), ((0, 0), (0, 0)))
    assert np.allclose(dense(net, "n1", "n2") @ spikes.ravel(), second.ravel(), atol=1e-12)
    assert np.array_equal(dense(net, "n2", "n3"), fc)


def test_average_pool_and_padding_same(tmp_path: Path) -> None:
    k = RNG.normal(size=(3, 1, 4, 2))
    file = chain(
        tmp_path, x=inp(1, 5, 6), conv=nir.Conv2d((5, 6), k, 1, "same", 1, 1, np.zeros(3)),
        pool=nir.AvgPool2d(np.array([2, 3]), np.array([2, 3]), np.array([1, 0])), n=lif(3, 3, 2),
        y=out(3, 3, 2),
    )  # fmt: skip
    net = read(file, dt=1e-3)
    image = RNG.normal(size=(1, 5, 6))
    same = correlate(image, k, (1, 1), ((1, 2), (0, 1)))  # the odd zero comes last
    average = np.full((3, 1, 2, 3), 1 / 6)
    expected = correlate(same, average, (2, 3), ((1, 1), (0, 0)), groups=3)
    assert expected.shape == (3, 3, 2)
    assert np.allclose(dense(net, "x", "n") @ image.ravel(), expected.ravel(), atol=1e-12)


def test_conv1d_with_groups_and_a_constant_through_a_pool(tmp_path: Path) -> None:
    k, bias = RNG.normal(size=(4, 1, 3)), RNG.normal(size=2)
    nodes = {
        "x": inp(2, 9), "a": nir.Conv1d(9, RNG.normal(size=(2, 2, 1)), 1, "valid", 1, 1, bias),
        "b": nir.Conv1d(9, k, 2, 1, 2, 2, np.zeros(4)), "n": lif(4, 4), "y": out(4, 4),
    }  # fmt: skip
    net = read(chain(tmp_path, **nodes), dt=1e-3)
    held = np.broadcast_to(bias[:, None, None], (2, 1, 9))
    expected = correlate(held, k[:, :, None, :], (1, 2), ((0, 0), (1, 1)), (1, 2), 2)
    assert np.allclose(net.populations["n"].bias, expected.ravel(), rtol=1e-12)


def test_shapes_that_the_file_lacks_are_learnt(tmp_path: Path) -> None:
    """Flat populations, one number for all, no input_shape: as older exporters leave it."""
    k = RNG.normal(size=(2, 1, 2, 2))
    pool = nir.SumPool2d(np.array([2]), np.array([2]), np.array([0]))
    file = chain(
        tmp_path, x=inp(1, 6, 6), a=nir.Conv2d((6, 6), k, 1, (1, 1), 1, 1, np.zeros(2)), n=lif(98),
        pool=pool, m=lif(1), b=nir.Conv2d((3, 3), np.ones((1, 2, 3, 3)), 1, 0, 1, 1, np.zeros(1)),
        z=lif(1), y=out(1),
    )  # fmt: skip
    with h5py.File(file, "a") as f:
        for name in "ab":
            del f[f"node/nodes/{name}/input_shape"]
        for key in ("tau", "r", "v_leak", "v_threshold", "v_reset"):
            del f[f"node/nodes/m/{key}"]
            f[f"node/nodes/m/{key}"] = 0.5 * (key != "v_reset")
    net = read(file, dt=1e-3)
    assert [p.n for p in net.populations.values()] == [36, 98, 18, 1]
    spikes = RNG.integers(0, 2, (2, 7, 7)).astype(float)
    expected = correlate(spikes, np.ones((2, 1, 2, 2)), (2, 2), ((0, 0), (0, 0)), groups=2)
    assert np.array_equal(dense(net, "n", "m") @ spikes.ravel(), expected.ravel())
    assert np.array_equal(dense(net, "m", "z"), np.ones((1, 18)))


def test_parameters_for_each_channel_hold_for_its_pixels(tmp_path: Path) -> None:
    per_channel = np.array([1.0, 2.0])
    conv = nir.Conv2d((3, 3), np.ones((2, 1, 2, 2)), 1, 0, 1, 1, np.zeros(2))
    file = chain(tmp_path, x=inp(1, 3, 3), c=conv, n=lif(2, 2, 2), y=out(2, 2, 2))
    for shape in ((2,), (2, 1, 1)):
        with h5py.File(file, "a") as f:
            del f["node/nodes/n/v_threshold"]
            f["node/nodes/n/v_threshold"] = per_channel.reshape(shape)
        got = read(file, dt=1e-3).populations["n"].v_threshold
        assert np.array_equal(got, np.repeat(per_channel, 4))


@pytest.mark.parametrize("integrator", ["exact", "euler"])
def test_a_threshold_spikes_with_its_input_and_forgets_it(tmp_path: Path, integrator: str) -> None:
    w = np.array([[2.0, -1.0], [0.4, 0.7], [0.0, 0.0]])
    threshold = np.array([1.0, 0.5, -0.5])
    file = chain(tmp_path, x=inp(2), w=nir.Linear(w), n=nir.Threshold(threshold), y=out(3))
    net = read(file, dt=1e-3, integrator=integrator)
    raster = RNG.integers(0, 2, (1, 60, 2))
    got = brian2.reference(net, Inputs.from_dense({"x": raster}), record={"n": ["v"]})
    arrived = np.concatenate([np.zeros((1, 2)), raster[0, :-1]]) @ w.T
    fired = arrived > threshold
    assert np.array_equal(got.spikes["n"].dense(1, 60)[0], fired)
    v = got.trace("n", "v").values[0]
    assert np.array_equal(v[~fired], arrived[~fired]) and 0 < fired.sum() < fired.size


def changed(**fields: Any) -> Any:
    """A convolution with fields that the library would not let it be made with."""
    node = nir.Conv2d((3, 3), np.ones((1, 1, 1, 1)), 1, 0, 1, 1, np.zeros(1))
    for key, value in fields.items():
        setattr(node, key, value)
    return node


BAD: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "kernel larger than the image": (
        {"c": nir.Conv2d((3, 3), np.ones((1, 1, 5, 3)), 1, 0, 1, 1, np.zeros(1)), "n": lif(1)},
        ("node 'c' (Conv2d)", "5 x 3", "3 x 3"),
    ),
    "other image": (
        {"c": nir.Conv2d((4, 4), np.ones((1, 1, 3, 3)), 1, 0, 1, 1, np.zeros(1)), "n": lif(4)},
        ("node 'c' (Conv2d)", "takes 16 values", "'x' gives 9"),
    ),
    "groups": (
        {"c": nir.Conv2d((3, 3), np.ones((3, 1, 1, 1)), 1, 0, 1, 2, np.zeros(3)), "n": lif(27)},
        ("node 'c' (Conv2d)", "3 output channels in 2 groups"),
    ),
    "stride 0": (
        {"c": changed(stride=0), "n": lif(9)},
        ("node 'c' (Conv2d)", "stride 0"),
    ),
    "same with a stride": (
        {"c": nir.Conv2d((3, 3), np.ones((1, 1, 1, 1)), 2, "same", 1, 1, np.zeros(1)), "n": lif(4)},
        ("node 'c' (Conv2d)", "'same' with stride 1"),
    ),
    "biases": (
        {"c": nir.Conv2d((3, 3), np.ones((1, 1, 1, 1)), 1, 0, 1, 1, np.zeros(2)), "n": lif(9)},
        ("node 'c' (Conv2d)", "2 biases for 1"),
    ),
    "weight": (
        {"c": changed(weight=np.ones((1, 9))), "n": lif(1)},
        ("node 'c' (Conv2d)", "(out, in, y, x)"),
    ),
    "pool without an image": (
        {"w": nir.Linear(np.ones((9, 9))),
         "p": nir.SumPool2d(np.array([2, 2]), np.array([1, 1]), np.array([0, 0])), "n": lif(4)},
        ("node 'p' (SumPool2d)", "shape is not known"),
    ),
    "window larger than the image": (
        {"p": nir.AvgPool2d(np.array([4, 4]), np.array([1, 1]), np.array([0, 0])), "n": lif(1)},
        ("node 'p' (AvgPool2d)", "window of 4 x 4", "3 x 3"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_windows_that_can_t_be(tmp_path: Path, case: str) -> None:
    nodes, parts = BAD[case]
    for node in nodes.values():  # the library would refuse some of them itself
        node.input_type, node.output_type = {"input": np.array([1])}, {"output": np.array([1])}
    file = chain(tmp_path, x=inp(1, 3, 3), **nodes)
    with pytest.raises(NetworkError) as caught:
        read(file, dt=1e-3)
    message = str(caught.value)
    assert message.startswith(str(file)) and "\n" not in message
    for part in parts:
        assert part in message


def test_synapses_of_a_convolution_are_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conv = nir.Conv2d((9, 9), np.ones((2, 1, 3, 3)), 1, 0, 1, 1, np.zeros(2))
    file = chain(tmp_path, x=inp(1, 9, 9), c=conv, n=lif(2, 7, 7), y=out(98))
    read(file, dt=1e-3)
    with monkeypatch.context() as patch:
        patch.setattr(nir_sparse, "LARGEST", 24 * 882 - 1)
        with pytest.raises(NetworkError, match="has 882 synapses and takes 21,168 bytes"):
            read(file, dt=1e-3)
    weight = np.broadcast_to(np.float64(1), (1, 1, 600, 600))
    with pytest.raises(
        NetworkError, match="pool: a kernel of 600 x 600 .* 262,144 weights allowed"
    ):
        convolution(weight, (600, 600), (1, 1), ((0, 0), (0, 0)), (1, 1), 1, "pool")
