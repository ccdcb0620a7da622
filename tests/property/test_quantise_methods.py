"""Any network, any method: codes that fit, the same twice, plain as ever, never worse than plain."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

import neurohw as nh
from neurohw.errors import CapacityError
from neurohw.quantise.feedback import Lattice, damped, fed_back
from neurohw.quantise.judge import different_spikes
from neurohw.quantise.method import METHODS, Method
from neurohw.quantise.sample import Calibration
from neurohw.quantise.scale import clipped

FEW = settings(deadline=None, max_examples=4, suppress_health_check=[HealthCheck.too_slow])
CHIPS = {
    "loihi2": nh.load_chip("loihi2", {"weight.bits": 4}),
    "prototype": nh.load_chip("prototype", {"weight.bits": 3}),
    "tinyodin": nh.load_chip("tinyodin"),
}


@st.composite
def networks(draw):
    """A population of LIF neurons, recurrent or not, with weights of very different size."""
    seed, n, m = draw(st.integers(0, 999)), draw(st.integers(1, 6)), draw(st.integers(1, 8))
    rng = np.random.default_rng(seed)
    spread = draw(st.sampled_from([0.0, 1.0, 3.0]))
    weight = rng.normal(size=(n, m)) * np.exp(spread * rng.normal(size=(n, m)))
    projections = [nh.Projection.dense("in", "x", weight)]
    if draw(st.booleans()):
        projections.append(nh.Projection.dense("x", "x", rng.normal(size=(n, n))))
    bias = rng.normal(0, 0.1, n) if draw(st.booleans()) else 0.0
    population = nh.LIF(n, tau=10e-3, v_threshold=1.0, bias=bias)
    return nh.Network({"in": nh.SpikeInput(m), "x": population}, projections, dt=1e-3)


def quantised(network, chip, **how):
    """Clipped where the chip can't hold it; not an example where no weight mode holds the weights."""
    try:
        return nh.quantise(network, chip, on_limit="clip", **how)
    except CapacityError as error:
        assert "fit no weight mode" in str(error)
        reject()


def sample_of(network, chip):
    """Spikes of the plain chip stand in for the float model: what matters is that they are fixed."""
    raster = np.random.default_rng(5).random((4, 20, network.populations["in"].n)) < 0.3
    inputs = nh.Inputs.from_dense({"in": raster})
    fine = quantised(network, nh.load_chip("loihi2"))
    return Calibration(inputs, nh.emulate(fine, inputs, steps=21))


def codes(fixed):
    projections = [
        (p.name, p.port, p.exponent, p.mode, p.weight.tobytes(), p.delay.tobytes())
        for p in fixed.projections
    ]
    parameters = [
        (name, k, v.tobytes())
        for name, p in fixed.populations.items()
        for k, v in {**p.parameters, **p.initial}.items()
    ]
    return projections, parameters


@pytest.mark.parametrize("chip", CHIPS)
@FEW
@given(network=networks(), method=st.sampled_from(["percentile", "feedback", "grouped"]))
def test_codes_fit_and_are_the_same_twice(chip, network, method):
    chip = CHIPS[chip]
    one, two = (quantised(network, chip, method=method) for _ in range(2))
    assert codes(one) == codes(two)
    modes = {m.name: m for m in chip.weight.modes}
    for p in one.projections:
        mode = modes[p.mode]
        assert p.weight.min() >= mode.low
        assert p.weight.max() <= mode.high
        assert not (p.weight % mode.step).any()
        assert chip.weight.exponent[0] <= p.exponent <= chip.weight.exponent[1]
    for p in one.populations.values():
        for name, form in p.neuron.tick.parameters.items():
            assert form.low <= p.parameters[name].min() <= p.parameters[name].max() <= form.high
    assert sum(p.synapses for p in one.projections) == sum(
        p.synapses for p in quantised(network, chip).projections
    )


@pytest.mark.parametrize("chip", ["loihi2", "prototype"])
@settings(FEW, max_examples=3)
@given(network=networks())
def test_calibrated_is_never_worse_on_its_sample(chip, network):
    chip = CHIPS[chip]
    sample = sample_of(network, chip)
    quick = Method("quick", rounding="feedback", measure=True)
    one, two = (quantised(network, chip, method=quick, calibration=sample) for _ in range(2))
    assert codes(one) == codes(two)
    plain = quantised(network, chip)
    assert different_spikes(one, sample) <= different_spikes(plain, sample)


@pytest.mark.parametrize("chip", ["loihi2", "prototype"])
@FEW
@given(network=networks())
def test_a_method_without_steps_is_the_plain_one(chip, network):
    chip = CHIPS[chip]
    plain = quantised(network, chip)
    for method in ("plain", METHODS["plain"], Method("nothing")):
        other = quantised(network, chip, method=method)
        assert codes(other) == codes(plain)
        assert other.record.as_dict() == plain.record.as_dict()


@given(st.integers(0, 9999), st.integers(1, 12), st.floats(0.05, 2.0))
@settings(deadline=None, max_examples=60)
def test_feedback_stays_on_the_lattice_and_is_no_worse_than_nearest(seed, m, step):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(rng.integers(1, 20), m))
    moments, aim = root.T @ root, rng.normal(0, 3, m)
    low, high = np.full(m, -float(rng.integers(0, 6))), np.full(m, float(rng.integers(1, 6)))
    lattice = Lattice(np.full(m, step), low, high)
    found = fed_back(aim, lattice, moments)
    code = np.rint(found / step)
    np.testing.assert_allclose(code * step, found)
    assert (code >= low).all()
    assert (code <= high).all()

    def cost(x):
        return (x - aim) @ damped(moments) @ (x - aim)

    assert cost(found) <= cost(lattice.nearest(aim)) * (1 + 1e-9) + 1e-12


@given(st.integers(0, 9999), st.integers(1, 40), st.floats(0.5, 1.0))
def test_clipping_keeps_the_share(seed, m, share):
    weights = np.random.default_rng(seed).normal(size=m)
    kept = clipped(weights, share)
    assert np.sum(kept == weights) >= share * m - 1
    assert (np.sign(kept) == np.sign(weights)).all()
    assert (np.abs(kept) <= np.abs(weights)).all()
