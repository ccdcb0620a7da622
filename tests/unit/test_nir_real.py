"""Trained networks from their files: every spike that the author's framework computed, or why not.

Networks that others published are not part of this repository. ``NEUROHW_REAL`` names a folder with
``nir`` (the files of the NIR paper) and ``lavadl``; without it what needs them is skipped.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from neurohw_backends import brian2, brian2_library
from neurohw_backends.nir import doubts, read

from neurohw.chip import load_chip
from neurohw.emulate import emulate
from neurohw.errors import NetworkError
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.in_step import delayed
from neurohw.network import ALIF, LIF, Inputs, Network, Projection, SpikeInput
from neurohw.network.semantics import PRESETS, Semantics

try:
    brian2_library.library()
except ImportError as error:
    pytest.skip(str(error), allow_module_level=True)

HERE = Path(__file__).parents[1] / "golden" / "real"
REAL = Path(os.environ.get("NEUROHW_REAL", "/nonexistent"))
TRIALS, STEPS = 150, 25


def unpacked(data: Any, key: str, n: int) -> np.ndarray:
    return np.unpackbits(data[key], axis=-1)[:TRIALS, :, :n]


def digits() -> np.ndarray:
    return unpacked(np.load(HERE / "digits.npz"), "spikes", 64)


def published(name: str) -> Path:
    path = REAL / name
    if not path.exists():
        pytest.skip(f"NEUROHW_REAL has no {name}")
    return path


def wrong(network: Network, expected: dict[str, np.ndarray], source: str) -> dict[str, int]:
    """Entries in which the float reference differs from what the framework computed."""
    late = delayed(network)
    got = brian2.reference(late.network, late.inputs(Inputs.from_dense({source: digits()})))
    return {
        name: int(
            (late.aligned(name, got.spikes[name], STEPS).dense(TRIALS, STEPS) != raster).sum()
        )
        for name, raster in expected.items()
    }


@pytest.mark.parametrize("name", ["lif", "cuba", "rlif"])
def test_snntorch_spike_by_spike(name: str) -> None:
    network = read(HERE / f"{name}.nir", dt=1e-4, integrator="euler")
    hidden, out = (k for k in network.populations if k != "input")
    reference = np.load(HERE / f"{name}.npz")
    n = network.populations[hidden].n
    expected = {hidden: unpacked(reference, "hidden", n), out: unpacked(reference, "out", 10)}
    assert min(raster.sum() for raster in expected.values()) > 2000
    assert wrong(network, expected, "input") == {hidden: 0, out: 0}


def test_alif_spike_by_spike() -> None:
    """The model adds before it decays: adaptation is kappa / rho where it decays before it is used."""
    z = np.load(HERE / "alif.npz")
    dt = 1e-3
    beta, rho, kappa = (float(z[k]) for k in ("beta", "rho", "kappa"))
    leak: dict[str, Any] = {"tau": dt / (1 - beta), "r": 1 / (1 - beta)}
    network = Network(
        {
            "in": SpikeInput(64),
            "hidden": ALIF(
                80, **leak, tau_adapt=dt / (1 - rho), adaptation=kappa / rho,
                v_threshold=z["theta0"], bias=z["b1"],
            ),
            "out": LIF(10, **leak, bias=z["b2"]),
        },
        (Projection.dense("in", "hidden", z["W1"]), Projection.dense("hidden", "out", z["W2"])),
        dt=dt,
        integrator="euler",
    )  # fmt: skip
    expected = {"hidden": unpacked(z, "hidden", 80), "out": unpacked(z, "out", 10)}
    assert wrong(network, expected, "in") == {"hidden": 0, "out": 0}


def stepped(network: Network, semantics: Semantics, spikes: np.ndarray) -> dict[str, np.ndarray]:
    """LIF layers by the meaning of Semantics, in order within a step, (trials, steps, n) each."""
    names = [k for k in network.populations if k not in network.inputs]
    rasters = {k: np.zeros((*spikes.shape[:2], network.populations[k].n)) for k in names}
    rasters["input"] = spikes
    v = {k: np.zeros((len(spikes), network.populations[k].n)) for k in names}
    before = {k: np.zeros_like(value) for k, value in v.items()}
    for t in range(spikes.shape[1]):
        for name in names:
            p: Any = network.populations[name]
            current = np.zeros_like(v[name]) + p.bias
            for projection in network.projections:
                if projection.target == name:
                    w = np.zeros((p.n, network.populations[projection.source].n))
                    np.add.at(w, (projection.post, projection.pre), projection.weight)
                    current += rasters[projection.source][:, t] @ w.T
            v[name] += network.dt / p.tau * (p.r * current - v[name])
            if semantics.reset_time == "next":
                v[name] -= before[name] * p.v_threshold
            above = (
                v[name] >= p.v_threshold
                if semantics.comparison == ">="
                else v[name] > p.v_threshold
            )
            rasters[name][:, t] = before[name] = above.astype(float)
            if semantics.reset_time == "same":
                drop = v[name] if semantics.reset == "zero" else p.v_threshold
                v[name] -= above * drop
    return rasters


def test_snntorch_s_defaults_are_its_preset_and_not_in_the_file() -> None:
    network = read(HERE / "lif_default.nir", dt=1e-4, integrator="euler")
    reference = np.load(HERE / "lif_default.npz")
    hidden = unpacked(reference, "hidden", 96)
    meant = stepped(network, PRESETS["snntorch"], digits())
    assert (meant["lif1"] != hidden).sum() == 0
    assert (meant["lif2"] != unpacked(reference, "out", 10)).sum() == 0
    for change in ({"reset": "zero", "reset_time": "same"}, {"reset_time": "same"}):
        other = stepped(network, PRESETS["snntorch"].with_(**change), digits())
        assert (other["lif1"] != hidden).sum() > 2000, change


def test_the_traps_are_named() -> None:
    for name in ("lif", "lif_default"):  # nothing in the files tells one from the other
        (reset,) = doubts(HERE / f"{name}.nir", dt=1e-4)
        assert "default is by subtraction, one step later" in reset
        assert doubts(HERE / f"{name}.nir", dt=1e-4, semantics=PRESETS["snntorch"]) == ()
    (bug,) = doubts(HERE / "cuba_rec.nir", dt=1e-4, semantics=PRESETS["norse"])
    assert "'lif1.lif'" in bug and "never resets its own membrane" in bug
    assert doubts(HERE / "rlif.nir", dt=1e-4, semantics=PRESETS["norse"]) == ()
    (dt, _) = doubts(HERE / "lif.nir", dt=1e-3)
    assert "gains are 1 at dt = 1e-4 s" in dt and "0.001" in dt
    (dt, _) = doubts(HERE / "cuba.nir")
    assert "read it with dt=1e-4" in dt


def test_semantics_that_a_network_can_t_hold_are_not_lost() -> None:
    try:
        network: Any = read(HERE / "lif_default.nir", dt=1e-4, semantics="snntorch")
    except NetworkError as error:
        assert "reset by subtracting the threshold, not reset to v_reset" in str(error)
    else:
        assert network.semantics == PRESETS["snntorch"]


@pytest.mark.skipif("semantics" not in Network.__dataclass_fields__, reason="not carried yet")
@pytest.mark.parametrize(
    ("name", "semantics"),
    [("lif", "norse"), ("cuba", "norse"), ("rlif", "norse"), ("lif_default", "snntorch")],
)
def test_the_reference_does_what_the_semantics_say(name: str, semantics: str) -> None:
    network = read(HERE / f"{name}.nir", dt=1e-4, semantics=semantics)
    got = brian2.reference(network, Inputs.from_dense({"input": digits()}))
    reference = np.load(HERE / f"{name}.npz")
    for population, key in zip([k for k in network.populations if k != "input"], ("hidden", "out")):
        want = unpacked(reference, key, network.populations[population].n)
        assert np.array_equal(got.spikes[population].dense(TRIALS, STEPS), want), population


# Published by others.

LIF_TRACES = "nir/01_lif"


def trace(platform: str) -> np.ndarray:
    """Input, voltage and spike of 1000 steps."""
    return np.loadtxt(published(f"{LIF_TRACES}/lif_{platform}.csv"), delimiter=",")


def test_the_nir_paper_s_lif_on_loihi_2() -> None:
    """All voltages, as the chip's register reads them, and the 4 spikes; and Lava's own voltages."""
    want = trace("lava_loihi_fixed")
    chip = load_chip("loihi2")
    codes = {"du": 4095, "dv": 163, "vth": 25, "bias_mant": 0, "bias_exp": 0}
    network = FixedPointNetwork(
        chip, 1e-4, {"in": 1}, {"lif": FixedPopulation.of("lif", 1, chip.neurons["lif"], codes)},
        (FixedProjection.of("in", "lif", [0], [0], [10]),),
    )  # fmt: skip
    inputs = Inputs.from_dense({"in": want[None, :, :1]})
    got = emulate(network, inputs, record={"lif": ["v", "probe"]})
    spikes = np.flatnonzero(want[:, 2])
    assert spikes.tolist() == [461, 511, 711, 761] == got.spikes["lif"].step.tolist()
    v, probe = (got.trace("lif", k).values[0, :, 0] for k in ("v", "probe"))
    assert np.array_equal(probe, want[:, 1]) and probe.size == 1000
    assert np.array_equal(v, trace("lava_cpu_fixed")[:, 1]) and (v != probe).sum() == 4


def test_the_nir_paper_s_lif_in_float() -> None:
    network = read(published(f"{LIF_TRACES}/lif_norse.nir"), dt=1e-4, integrator="euler")
    norse = trace("norse")
    inputs = Inputs.from_dense({"input": norse[None, :, :1]})
    got = brian2.reference(network, inputs, steps=1001, record={"1": ["v"]})
    v, step = got.trace("1", "v").values[0, :, 0], got.spikes["1"].step
    for platform, lag in (("norse", 1), ("lava_cpu_float", 0)):  # Lava has the chip's latency
        want = trace(platform)
        assert np.abs(v[lag : lag + 1000] - want[:, 1]).max() < 1e-7  # float32 there
        assert np.array_equal(step - lag, np.flatnonzero(want[:, 2]))


@pytest.mark.parametrize(
    ("file", "neurons", "synapses"),
    [
        ("01_lif/lif_norse.nir", 1, 1), ("01_lif/lif_rockpool.nir", 1, 1),
        ("01_lif/two_lif_neurons.nir", 2, 2),
        ("03_rnn/braille_noDelay_bias_zero.nir", 45, 38 * (12 + 38 + 7)),
        ("03_rnn/braille_noDelay_noBias_subtract.nir", 47, 40 * (12 + 40 + 7)),
    ],
)  # fmt: skip
def test_published_files_are_read_and_what_they_lack_is_named(
    file: str, neurons: int, synapses: int
) -> None:
    path = published(f"nir/{file}")
    network = read(path, dt=1e-4, integrator="euler")
    assert (network.neurons, network.synapses) == (neurons, synapses)
    assert "has no v_reset" in doubts(path, dt=1e-4)[0]


@pytest.mark.parametrize("model", ["bias_zero", "noBias_subtract"])
def test_published_subgraphs_that_are_broken(model: str) -> None:
    path = published(f"nir/03_rnn/extras/braille_noDelay_{model}_subgraph.nir")
    with pytest.raises(NetworkError) as caught:
        read(path, dt=1e-4)
    assert "edge 'lif1.input' -> 'lif1.lif' names the node 'lif', which is not in" in str(
        caught.value
    )
