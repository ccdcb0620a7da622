"""With enough bits the chip becomes the model: what proves the equations, not only the bits."""

import numpy as np
import pytest

import neurohw as nh

WIDE = {
    "weight.bits": 30,
    "weight.mantissa": "s32",
    "weight.modes": [{"name": "signed", "min": "-2**bits", "max": "2**bits - 1", "step": 1}],
    "weight.exponent.min": 0,
    "weight.exponent.max": 0,
}
NEURON = {
    "registers.u": "s40 clamp",
    "registers.v": "s40 clamp symmetric",
    "parameters.du": "u28",
    "parameters.dv": "u28",
    "parameters.vth": "u37",
    "parameters.bias_mant": "s38",
    "wires.x": "s44 wrap",
    "wires.y": "s44 wrap",
    "constants.decay_bits": 28,
    "constants.unit_bits": 0,
    "constants.bias_max": 2**37 - 1,
}


@pytest.fixture(scope="module")
def wide():
    """loihi2 with 40-bit registers, 28-bit decays and 30-bit weights."""
    changes = dict(WIDE)
    for neuron in ("lif", "lif_refractory"):
        changes |= {f"neuron.{neuron}.{key}": value for key, value in NEURON.items()}
    return nh.load_chip("loihi2", changes)


def network(kind: str, integrator: str, seed: int, t_ref: float = 0.0) -> nh.Network:
    rng = np.random.default_rng(seed)
    n, dt = 20, 1e-3
    common = {
        "r": rng.uniform(0.5, 2, n),
        "v_leak": rng.uniform(-0.1, 0.1, n),
        "v_threshold": rng.uniform(0.8, 1.2, n),
        "v_reset": rng.uniform(-0.2, 0.0, n),
        "bias": rng.uniform(-0.05, 0.1, n),
        "t_ref": t_ref,
    }
    tau = rng.uniform(5e-3, 30e-3, n)
    if kind == "LIF":
        population = nh.LIF(n, tau=tau, **common)
        gain = 20.0
    else:
        tau_syn = rng.uniform(3e-3, 10e-3, n)
        population = nh.CubaLIF(n, tau_syn=tau_syn, tau_mem=tau, w_in=1.5, **common)
        gain = 25.0
    w_in = gain * rng.normal(0.05, 0.1, (n, 12))
    w_rec = gain * rng.normal(0, 0.02, (n, n)) * (rng.random((n, n)) < 0.3)
    delays = dt * rng.integers(0, 6, (n, n))
    return nh.Network(
        {"in": nh.SpikeInput(12), "x": population},
        [nh.Projection.dense("in", "x", w_in), nh.Projection.dense("x", "x", w_rec, delays)],
        dt=dt,
        integrator=integrator,
    )


@pytest.mark.parametrize("integrator", ["exact", "euler"])
@pytest.mark.parametrize(("kind", "t_ref"), [("LIF", 0.0), ("CubaLIF", 0.0), ("CubaLIF", 4e-3)])
def test_converges_to_brian2(wide, kind, t_ref, integrator):
    net = network(kind, integrator, seed=4, t_ref=t_ref)
    rng = np.random.default_rng(1)
    inputs = nh.Inputs.from_dense({"in": rng.random((2, 200, 12)) < 0.1})
    fixed = nh.quantise(net, wide)
    chip = fixed.physical(nh.emulate(fixed, inputs, record={"x": ["v"]}))
    meant = nh.reference(net, inputs, record={"x": ["v"]})
    assert chip.spikes["x"].count > 300
    assert chip.spikes["x"].same_as(meant.spikes["x"])
    v, w = chip.trace("x", "v").values, meant.trace("x", "v").values
    threshold = net.populations["x"].v_threshold - net.populations["x"].v_reset
    assert np.abs((v - w) / threshold).max() < 1e-6
    assert not chip.overflows


def test_the_ordinary_chip_does_not(loihi2):
    """The bound means something: 8-bit weights are a thousand times further away."""
    net = network("CubaLIF", "exact", seed=4)
    rng = np.random.default_rng(1)
    inputs = nh.Inputs.from_dense({"in": rng.random((1, 30, 12)) < 0.1})
    fixed = nh.quantise(net, loihi2)
    chip = fixed.physical(nh.emulate(fixed, inputs, record={"x": ["v"]}))
    meant = nh.reference(net, inputs, record={"x": ["v"]})
    difference = np.abs(chip.trace("x", "v").values - meant.trace("x", "v").values)
    assert difference.max() > 1e-3
