"""lava-dl networks: codes taken as they are, layer by layer, and the ground truths of lava-dl itself.

The networks that lava-dl publishes are not part of this repository: ``NEUROHW_REAL`` names a folder
that has them as ``lavadl``; without it those tests are skipped.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neurohw_backends.lavadl import image_codes, read, write

from neurohw.chip import load_chip
from neurohw.emulate import emulate
from neurohw.errors import CapacityError, FileError, InputError, NetworkError
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.network import Inputs

REAL = Path(os.environ.get("NEUROHW_REAL", "/nonexistent")) / "lavadl"
NEURON = {"type": "CUBA", "iDecay": 1024, "vDecay": 409, "vThMant": 6, "refDelay": 1,
          "gradedSpike": False}  # fmt: skip


def published(name: str) -> Path:
    if not (REAL / name).exists():
        pytest.skip(f"NEUROHW_REAL has no lavadl/{name}")
    return REAL / name


def saved(path: Path, *layers: dict[str, Any]) -> Path:
    """A file as lava-dl's export_hdf5 writes it."""
    file = path / "net.net"
    with h5py.File(file, "w") as f:
        for k, layer in enumerate(layers):
            group = f.create_group(f"layer/{k}")
            group.create_dataset("type", (1,), "S10", [layer["type"].encode()])
            neuron = {**NEURON, **layer.get("neuron", {})}
            parts = {f"neuron/{key}": value for key, value in neuron.items() if value is not None}
            for key, value in {**layer, **parts}.items():
                if key not in ("type", "neuron") and value is not None:
                    group.create_dataset(key, data=value)
    return file


def dense(weight: Any, **changes: Any) -> dict[str, Any]:
    matrix = np.asarray(weight, np.float32)
    return {"type": "dense", "shape": [matrix.shape[0]], "weight": matrix, **changes}


def conv(shape: Any, weight: Any, **changes: Any) -> dict[str, Any]:
    base = {"stride": [1, 1], "padding": [0, 0], "dilation": [1, 1], "groups": 1}
    kernel = np.asarray(weight, np.float32)
    return {"type": "conv", "shape": shape, "weight": kernel[..., None], **base, **changes}


def spread(values: Any, n: int) -> np.ndarray:
    """One for each channel, for all of its pixels."""
    return np.repeat(np.asarray(values, np.int64), n // len(values))


def plain(layers: list[dict[str, Any]], maps: list[np.ndarray], spikes: np.ndarray) -> list[Any]:
    """lava-dl's integers, step by step: what each layer fires, (steps, n)."""
    fired: list[Any] = [spikes]
    for layer, matrix in zip(layers, maps):
        n, steps = matrix.shape[0], len(spikes)
        u, v, out = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros((steps, n), np.int64)
        before = layers[len(fired) - 2] if len(fired) > 1 else {}
        delay = spread(before.get("delay", [0]), matrix.shape[1])
        bias = spread(layer.get("bias", [0]), n)
        for t in range(steps):
            late = t - 1 - delay
            arrived = np.where(late >= 0, fired[-1][np.maximum(late, 0), np.arange(late.size)], 0)
            u = np.sign(u) * (np.abs(u) * (4096 - 1024) >> 12) + (matrix @ arrived << 6)
            v = np.sign(v) * (np.abs(v) * (4096 - 409) >> 12) + u + (bias << 6)
            out[t] = v > 6 << 6
            v[out[t] == 1] = 0
        fired.append(out)
    return fired[1:]


def check(path: Path, layers: list[dict[str, Any]], maps: list[np.ndarray], seed: int) -> None:
    network = read(path)
    raster = np.random.default_rng(seed).integers(0, 2, (1, 40, maps[0].shape[1]))
    got = emulate(network, Inputs.from_dense({"input": raster}))
    names = list(network.populations)
    for name, want in zip(names, plain(layers, maps, raster[0]), strict=True):
        assert np.array_equal(got.spikes[name].dense(1, 40)[0], want), name
        assert want.any()
    assert network.outputs == (names[-1],)


def test_dense_layers_with_biases_and_delays(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    w1, w2 = (2.0 * rng.integers(-3, 5, shape) for shape in ((5, 4), (3, 5)))
    layers = [
        dense(w1, bias=rng.integers(-1, 3, 5), delay=rng.integers(0, 5, 5).astype(np.float32)),
        dense(w2),
    ]
    check(saved(tmp_path, *layers), layers, [w1.astype(np.int64), w2.astype(np.int64)], 0)


def test_an_image_s_way_through_conv_pool_flatten_dense(tmp_path: Path) -> None:
    """Against the sums that define them; weights are PyTorch's, (out, in, y, x)."""
    rng = np.random.default_rng(7)
    # An input layer's neurons spike by the image alone; everything behind is in the chip's latency.
    k, fc = 2.0 * rng.integers(-3, 5, (3, 2, 2, 3)), 2.0 * rng.integers(-2, 4, (4, 3 * 2))
    layers = [
        {"type": "input", "shape": [2, 4, 5], "weight": [30.0], "bias": [5.0]},
        conv([3, 3, 3], k, bias=np.array([1, 0, 2]), delay=np.array([0, 2, 1], np.float32)),
        {"type": "pool", "shape": [3, 2, 1], "weight": np.full((1, 1, 2, 2, 1), 8.0),
         "kernelSize": [2, 2], "stride": [1, 2], "padding": [0, 0], "dilation": [1, 1]},
        {"type": "flatten", "shape": [6, 1, 1], "neuron": dict.fromkeys(NEURON)},
        dense(fc),
    ]  # fmt: skip
    path = saved(tmp_path, *layers)
    network = read(path)
    assert list(network.populations) == ["layer0", "layer1", "layer2", "layer4"]
    images = rng.random((2, 2, 4, 5))
    codes = image_codes(path, images)
    assert codes.shape == (2, 40)
    assert np.array_equal(codes.reshape(images.shape), np.trunc(60 * images - 25))
    got = emulate(network, None, steps=40, parameters={"layer0": {"bias_mant": codes[:1]}})
    shown = got.spikes["layer0"].dense(1, 40)[0]
    assert shown.any()
    first = np.zeros((27, 40), np.int64)
    for o, i, j, c, a, b in np.ndindex(3, 3, 3, 2, 2, 3):
        first[9 * o + 3 * i + j, 20 * c + 5 * (i + a) + j + b] += int(k[o, c, a, b])
    pool = np.zeros((6, 27), np.int64)
    for c, i, a, b in np.ndindex(3, 2, 2, 2):
        pool[2 * c + i, 9 * c + 3 * (i + a) + b] += 8
    wanted = plain([layers[1], layers[2], layers[4]], [first, pool, fc.astype(np.int64)], shown)
    for name, want in zip(("layer1", "layer2", "layer4"), wanted):
        assert np.array_equal(got.spikes[name].dense(1, 40)[0], want) and want.any(), name


def test_samples_follow_one_another_through_the_layers(tmp_path: Path) -> None:
    """Layer k is cleared before tick k and every interval: then nothing of a sample is left over."""
    rng = np.random.default_rng(2)
    path = saved(tmp_path, *(dense(2.0 * rng.integers(-3, 5, (4, 4))) for _ in range(3)))
    sample = rng.integers(0, 2, (9, 4))
    network = read(path, reset_interval=9)
    got = emulate(network, Inputs.from_dense({"input": np.tile(sample, (4, 1))[None]}))
    for k in range(3):
        raster = got.spikes[f"layer{k}"].dense(1, 36)[0]
        second, third = (raster[9 * s + k + 1 : 9 * s + k + 10] for s in (1, 2))
        assert second.any() and np.array_equal(second[:-1], third[:-1])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_written_and_read_back(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    rng = np.random.default_rng(seed)
    chip = load_chip("loihi2")
    sizes = [int(k) for k in rng.integers(1, 6, int(rng.integers(2, 5)))]
    populations, projections = {}, []
    for k, n in enumerate(sizes[1:]):
        du, dv, vth = (int(rng.integers(0, high)) for high in (4096, 4096, 2**17))
        codes = {"du": du, "dv": dv, "vth": vth, "bias_mant": rng.integers(-9, 9, n), "bias_exp": 6}
        populations[f"layer{k}"] = FixedPopulation.of(f"layer{k}", n, chip.neurons["lif"], codes)
        pre, post = np.nonzero(rng.random((sizes[k], n)) < 0.7)
        delay = rng.integers(0, 9, sizes[k])[pre] if k else 0
        weight = 2 * rng.integers(1, 128, pre.size) * rng.choice([-1, 1], pre.size)
        source = f"layer{k - 1}" if k else "input"
        projections.append(FixedProjection.of(source, f"layer{k}", pre, post, weight, delay))
    want = FixedPointNetwork(chip, 1e-3, {"input": sizes[0]}, populations, tuple(projections))
    got = read(write(want, tmp_path_factory.mktemp("n") / "net.net"))
    assert got.sizes == want.sizes
    for name, p in want.populations.items():
        for key, value in p.parameters.items():
            assert np.array_equal(got.populations[name].parameters[key], value), key
    for p, q in zip(want.projections, got.projections, strict=True):
        for key in ("pre", "post", "weight"):
            assert np.array_equal(getattr(p, key), getattr(q, key))
        assert np.array_equal(p.delay, q.delay)


ONE = dense(np.full((2, 2), 4.0))
BAD: dict[str, tuple[list[dict[str, Any]], type[Exception], str]] = {
    "neuron": ([dense([[2.0]], neuron={"type": "SDNN"})], NetworkError, "neurons of type SDNN"),
    "layer": ([ONE, {"type": "average", "shape": [1]}], NetworkError, "layer 1 (average) can't be"),
    "graded": ([dense([[2.0]], neuron={"gradedSpike": True})], NetworkError, "graded spikes"),
    "refractory": ([dense([[2.0]], neuron={"refDelay": 3})], NetworkError, "refDelay 3"),
    "fraction": ([dense([[2.5]])], NetworkError, "weight that is no whole number"),
    "large": ([dense([[300.0]])], CapacityError, "weights 300..300; Loihi holds -256..255"),
    "decay": ([dense([[2.0]], neuron={"iDecay": 0})], NetworkError, "iDecay 0"),
    "decay too large": ([dense([[2.0]], neuron={"vDecay": 9999})], CapacityError, "9999"),
    "sizes": ([ONE, dense(np.ones((1, 3)))], NetworkError, "layer 1 (dense) takes 3 values"),
    "conv first": ([conv([1, 1, 1], np.ones((1, 1, 1, 1)))], NetworkError, "no input layer"),
    "conv of a vector": ([ONE, conv([1, 1, 1], np.ones((1, 1, 1, 1)))], NetworkError, "takes images"),
    "last delay": ([dense([[2.0]], delay=[1.0])], NetworkError, "nothing follows it"),
    "biases": ([dense(np.ones((3, 1)), bias=[1.0, 2.0])], NetworkError, "2 biases"),
    "no threshold": ([dense([[2.0]], neuron={"vThMant": None})], NetworkError, "no 'vThMant'"),
    "shape": ([{**ONE, "shape": [0]}], FileError, "layer 0 has shape [0]"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_networks_that_can_t_be_read(tmp_path: Path, case: str) -> None:
    layers, kind, part = BAD[case]
    path = saved(tmp_path, *layers)
    with pytest.raises(kind) as caught:
        read(path)
    assert part in str(caught.value) and "\n" not in str(caught.value)


def test_other_files(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.net", "w") as f:
        f["node"] = 3
    with pytest.raises(FileError, match="no group 'layer'"):
        read(tmp_path / "other.net")
    with h5py.File(tmp_path / "gap.net", "w") as f:
        f["layer/1/type"] = "dense"
    with pytest.raises(FileError, match="has no layer 0 of 1"):
        read(tmp_path / "gap.net")
    with pytest.raises(FileError, match="no such file"):
        read(tmp_path / "none.net")
    with pytest.raises(InputError, match="the input layer takes"):
        image_codes(saved(tmp_path, {"type": "input", "shape": [1, 2, 2]}), np.ones((3, 3)))


def test_every_damage_gives_one_line(tmp_path: Path) -> None:
    data, bad = saved(tmp_path, ONE, ONE).read_bytes(), tmp_path / "bad.net"
    rng, refused, chip = np.random.default_rng(5), 0, load_chip("loihi2")
    for _ in range(150):
        broken = np.frombuffer(data, np.uint8).copy()
        broken[rng.integers(0, len(data), 20)] = rng.integers(0, 256, 20)
        bad.write_bytes(broken.tobytes())
        try:
            read(bad, chip=chip)
        except (FileError, NetworkError, CapacityError) as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 20


def test_what_the_format_has_no_place_for(tmp_path: Path) -> None:
    chip, path = load_chip("loihi2"), tmp_path / "net.net"
    base = {"du": 1, "dv": 1, "vth": 1, "bias_mant": 0, "bias_exp": 0}

    def made(codes: dict[str, Any], *columns: Any, loop: bool = False) -> FixedPointNetwork:
        n = FixedPopulation.of("n", 2, chip.neurons["lif"], {**base, **codes})
        p = FixedProjection.of("in", "n", *(columns or ([0], [0], [2])))
        loops = (FixedProjection.of("n", "n", [0], [0], [2]),) if loop else ()
        return FixedPointNetwork(chip, 1e-3, {"in": 2}, {"n": n}, (p, *loops), outputs=("n",))

    for network, part in (
        (made({"vth": [1, 2]}), "several vth"),
        (made({"bias_mant": 1}), "no multiple of 64"),
        (made({}, loop=True), "no chain"),
        (made({}, [0, 0], [0, 0], [2, 2]), "several synapses between two neurons"),
        (made({}, [0, 0], [0, 1], [2, 2], [0, 1]), "several delays from one neuron"),
        (made({}, [0], [0], [2], [1]), "delays the input's spikes"),
        (made({}, [0], [0], [2], [0], 1), "exponent 1"),
    ):
        with pytest.raises(NetworkError) as caught:
            write(network, path)
        assert part in str(caught.value) and not path.exists()


# lava-dl's own ground truths.


def test_oxford_layer_0() -> None:
    truth = np.load(published("oxford/oxford_gts.npz"))
    network = read(published("oxford/network.net"))
    inputs = Inputs.from_dense({"input": truth["in"].T[None]})
    got = emulate(network, inputs, record={"layer0": ["u"]})
    raster = got.spikes["layer0"].dense(1, 2000)[0].T
    assert raster.sum() == 1826 and np.array_equal(raster, truth["out"])


def test_tinynet_all_layers() -> None:
    """From the image to the last layer: every spike, and every current of the first convolution."""
    truth = np.load(published("tinynet/tinynet_gts.npz"))
    network = read(published("tinynet/tiny.net"), reset_interval=17)
    codes = truth["input_bias"].astype(np.int64).transpose(2, 1, 0).reshape(1, -1)
    got = emulate(
        network, None, steps=18, parameters={"layer0": {"bias_mant": codes}},
        record={"layer1": ["u"]},
    )  # fmt: skip

    def fired(k: int) -> np.ndarray:
        return got.spikes[f"layer{k}"].dense(1, 18)[0].T

    def want(key: str) -> np.ndarray:
        return truth[key][0].reshape(-1, 16).astype(np.int64)

    assert np.array_equal(fired(0)[:, :15], want("input")[:, 1:])
    u = got.trace("layer1", "u").values[0].T
    assert np.array_equal(u[:, :16], want("current") << 6)
    assert np.array_equal(fired(1)[:, 1:16], want("layer1")[:, 1:])
    assert np.array_equal(fired(2)[:, 2:17], want("output")[:, 1:])
    assert want("layer1").sum() == 1633 and want("output").sum() == 92
