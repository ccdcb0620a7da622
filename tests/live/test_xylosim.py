"""Random networks against SynSense's simulator, every register at every tick, where installed.

README.md says how to install it. Each network is written as a vector file and read back, so the
reader of the golden vectors is tested too.
"""

import importlib

import numpy as np
import pytest

from neurohw.chip import load_chip
from neurohw.emulate import emulate, interpret
from neurohw.vectors import xylo

pytest.importorskip("xylosim", reason="needs xylosim 0.1.3, see README.md")

STEPS = 60
BLOCK = 10
SEEDS = 100


def thresholds(rng, n):
    """Some of ordinary size, some small, some that no one would choose: 0, negative, extreme."""
    kind = rng.integers(0, 10, n)
    found = rng.integers(20, 3000, n)
    found[kind == 0] = rng.integers(1, 40, n)[kind == 0]
    found[kind == 1] = rng.integers(-32768, 32768, n)[kind == 1]
    found[kind == 2] = rng.choice([-32768, -32767, -16385, -16384, -1, 0, 1, 32767], n)[kind == 2]
    return found.astype(np.int16)


def random_network(seed, version):
    """The arrays of a vector file, without what the oracle records."""
    rng = np.random.default_rng(seed)
    channels, n, outputs = (int(rng.integers(1, high)) for high in (7, 12, 4))
    size, bias = int(rng.choice([10, 60, 128])), int(rng.choice([1, 50, 2000, 32768]))

    def weights(*shape):
        drawn = rng.integers(-size, size, shape)
        return np.where(rng.random(shape) < 0.6, drawn, 0).astype(np.int8)

    has_bias = version == "v2" and bool(rng.integers(0, 4))
    alias = np.where(rng.random(n) < rng.choice([0.0, 0.5]), rng.integers(0, n, n), -1)
    wide = rng.random() < 0.3
    return {
        "version": np.array(version),
        "w_in": weights(channels, n, 2), "w_rec": weights(n, n, 2), "w_out": weights(n, outputs),
        "weight_shift": rng.integers(0, 12 if wide else 4, 3).astype(np.int8),
        "threshold": thresholds(rng, n), "threshold_out": thresholds(rng, outputs),
        "dash_mem": rng.integers(0, 16, n).astype(np.int8),
        "dash_mem_out": rng.integers(0, 16, outputs).astype(np.int8),
        "dash_syn": rng.integers(0, 16, (n, 2)).astype(np.int8),
        "dash_syn_out": rng.integers(0, 16, outputs).astype(np.int8),
        "has_bias": np.array(has_bias),
        "bias": rng.integers(-bias, bias, n).astype(np.int16),
        "bias_out": rng.integers(-bias, bias, outputs).astype(np.int16),
        "alias": alias.astype(np.int16),
        "input_counts": (rng.random((STEPS, channels)) < 0.3).astype(np.uint8)
        * rng.integers(1, 25, (STEPS, channels)).astype(np.uint8),
    }  # fmt: skip


def record(data):
    """Run the network in xylosim and add what it did at every tick."""
    module = importlib.import_module(f"xylosim.{data['version']}")

    def synapses(weight):
        rows = weight if weight.ndim == 3 else weight[:, :, None]
        return [
            [module.XyloSynapse(int(j), int(s), int(row[j, s])) for j, s in np.argwhere(row)]
            for row in rows
        ]

    # The layer keeps pointers to the synapses: the lists must live as long as it does.
    alive = [synapses(data[k]) for k in ("w_in", "w_rec", "w_out")]
    bias = [data["bias"].tolist(), data["bias_out"].tolist()]
    layer = module.XyloLayer(
        *alive, [[a] if a >= 0 else [] for a in data["alias"].tolist()],
        data["threshold"].tolist(), data["threshold_out"].tolist(),
        *([bool(data["has_bias"]), *bias] if data["version"] == "v2" else []),
        *data["weight_shift"].tolist(),
        data["dash_mem"].tolist(), data["dash_mem_out"].tolist(),
        data["dash_syn"].tolist(), data["dash_syn_out"][:, None].tolist(), "network",
    )  # fmt: skip
    spikes = layer.evolve(data["input_counts"].tolist())
    return {
        **data,
        "isyn": np.array(layer.rec_i_syn).T, "isyn2": np.array(layer.rec_i_syn2).T,
        "vmem": np.array(layer.rec_v_mem).T,
        "hidden_spikes": np.array(layer.rec_recurrent_spikes),
        "isyn_out": np.array(layer.rec_i_syn_out).T, "vmem_out": np.array(layer.rec_v_mem_out).T,
        "out_spikes": np.array(spikes),
    }  # fmt: skip


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("first", range(0, SEEDS, BLOCK))
def test_random_networks(version, first, tmp_path):
    chip = load_chip(f"xylo{version[1]}")
    for seed in range(first, first + BLOCK):
        path = tmp_path / f"random{seed}_{version}.npz"
        np.savez(path, **record(random_network(seed, version)))
        (case,) = xylo.cases(path, chip)
        for run in (emulate, interpret) if seed == first else (emulate,):
            for check in case.check(run(case.network, **case.run)):
                where = np.argwhere(check.expected != check.got)
                assert not where.size, (case.name, run.__name__, check.what, where[0].tolist())
