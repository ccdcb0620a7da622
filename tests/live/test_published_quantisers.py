"""Calibrated weights against what published converters make of them, run from their own packages.

The hidden layer of a trained classifier at 8 bits: every procedure's integers, ours too, run in the
same float64 recipe with the same decays, so that only weights, biases and thresholds differ. Spikes that
are not snnTorch's are counted, on trials that were not used to calibrate.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import neurohw as nh

pytestmark = pytest.mark.filterwarnings("ignore")  # theirs, on import
REAL = Path(__file__).parents[1] / "golden" / "real"
SAMPLE = 30


def rockpool(w, b, threshold, bits):
    """Two synapses, one without weights: with one, channel_quantize 3.1.0 rounds the bias unscaled."""
    found = pytest.importorskip("rockpool.transform.quantize_methods", reason="needs rockpool")
    n, m = w.shape
    w_in = np.zeros((m, n, 2))
    w_in[:, :, 0] = w.T
    for quantise in (found.global_quantize, found.channel_quantize):
        q = quantise(
            w_in, np.zeros((n, n, 2)), np.zeros((n, 1)), np.full(n, threshold), np.ones(1),
            *(np.ones(k) for k in (n, 1, n, n, 1)), b.copy(), bits_per_weight=bits,
            bits_per_threshold=24,
        )  # fmt: skip
        yield q["weights_in"][:, :, 0].T, q["bias"], q["threshold"]


def sinabs(w, b, threshold, bits):
    """The one file, because importing its package installs a device driver."""
    torch = pytest.importorskip("torch", reason="needs sinabs")
    layers = pytest.importorskip("sinabs.layers", reason="needs sinabs")
    package = Path(layers.__file__).parents[1]
    spec = importlib.util.spec_from_file_location(
        "discretize", package / "backend" / "dynapcnn" / "discretize.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.DYNAPCNN_WEIGHT_PRECISION_BITS, module.DYNAPCNN_STATE_PRECISION_BITS = bits, 24
    conv = torch.nn.Conv2d(w.shape[1], w.shape[0], 1)
    conv.weight.data = torch.tensor(w[:, :, None, None], dtype=torch.float32)
    conv.bias.data = torch.tensor(b, dtype=torch.float32)
    spike = layers.IAF(spike_threshold=torch.tensor(threshold), min_v_mem=-1.0)
    conv, spike = module.discretize_conv_spike(conv, spike)
    yield (
        conv.weight.data.numpy()[:, :, 0, 0].astype(float),
        conv.bias.data.numpy().astype(float), float(spike.spike_threshold),
    )  # fmt: skip


def lava(w, b, threshold, bits):
    """Rounded to what the mixed mode holds, so that truncating, which is of no good, changes nothing."""
    found = pytest.importorskip("lava.utils.weightutils", reason="needs lava-nc 0.10")
    low, high = -(2**bits), 2**bits - 2
    scale = min(low / w.min(), high / w.max())
    mixed = found.SignMode.MIXED
    codes = found.clip_weights(2 * np.rint(w * scale / 2), mixed, bits)
    codes = found.truncate_weights(codes, mixed, bits, bits)
    yield codes, np.rint(b * scale), np.rint(threshold * scale)


@pytest.fixture(scope="module")
def trained():
    """The network; weights, biases, threshold and decay as they act; input and hidden rasters."""
    net = nh.load_network(REAL / "lif.nir", dt=1e-4, integrator="euler")
    p, synapses = net.populations["lif1"], net.projections[0]
    gain = p.r * net.dt / p.tau
    w = np.zeros((p.n, 64))
    w[synapses.post, synapses.pre] = synapses.weight
    rasters = (
        np.unpackbits(np.load(REAL / file)[key], axis=-1)[:, :, :n].astype(bool)
        for file, key, n in (("digits.npz", "spikes", 64), ("lif.npz", "hidden", p.n))
    )
    return net, w * gain[:, None], p.bias * gain, 1.0, 1 - net.dt / p.tau, *rasters


def wrong(w, b, threshold, trained, strict=True):
    """Missing and extra hidden spikes on trials after the sample, as a share of all."""
    decay, spikes, meant = trained[-3], trained[-2][SAMPLE:], trained[-1][SAMPLE:]
    v, errors = np.zeros((len(meant), len(b))), 0
    for k in range(meant.shape[1]):
        v = v * decay + spikes[:, k] @ w.T + b
        fired = v > threshold if strict else v >= threshold
        v[fired] = 0
        errors += int((fired != meant[:, k]).sum())
    return errors / meant.sum()


@pytest.fixture(scope="module")
def ours(trained):
    net, spikes = trained[0], trained[-2]
    sample = nh.Inputs.from_dense({"input": spikes[:SAMPLE]})
    fixed = nh.quantise(net, nh.load_chip("loihi2"), method="calibrated", calibration=sample)
    codes, w = fixed.populations["lif1"].parameters, np.zeros(trained[1].shape)
    for p in fixed.projections:
        if p.target == "lif1":
            w[p.post, p.pre] = p.weight * 2.0 ** (p.exponent + 6)
    bias = codes["bias_mant"] * 2.0 ** codes["bias_exp"]
    return wrong(w, bias, codes["vth"] * 64.0, trained)


@pytest.mark.parametrize("procedure", [rockpool, sinabs, lava])
def test_calibrated_is_no_worse(procedure, trained, request):
    assert wrong(*trained[1:4], trained) == 0
    # With many bits theirs is the network: nothing was lost on the way to here.
    for codes in procedure(*trained[1:4], 16):
        assert wrong(*codes, trained) < 0.002
    for codes in procedure(*trained[1:4], 8):
        theirs = min(wrong(*codes, trained, strict) for strict in (True, False))
        assert request.getfixturevalue("ours") <= theirs
