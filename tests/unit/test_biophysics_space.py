"""Cables, axons and the balanced network: closed forms, the literature, Brian 2 and scipy."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from neurohw import biophysics as bio
from neurohw.biophysics.program import compile_model, derivatives
from neurohw.errors import NeurohwError


def steady(cable: bio.Cable) -> np.ndarray:
    """Change of the potential along a passive cable after 20 τ of a current at one end."""
    run = bio.simulate_cable(cable, bio.constant(1e-11, duration=0.2, dt=1e-3))
    return run.trace(cable.name, "v").values[0, -1] - cable.membrane.value("e_l")


@pytest.mark.parametrize("diameter", [1e-6, 4e-6])
def test_steady_decay(diameter: float) -> None:
    """exp(−x/λ) on a long cable, cosh on a short sealed one, λ = √(d/4 · r_m/R_i) ∝ √d (Rall 1977)."""
    lam = float(bio.length_constant(diameter, 1.0, 1.0))
    assert lam == pytest.approx(math.sqrt(diameter / 4))
    long = bio.passive_cable(diameter, length=10 * lam, compartments=500)
    change, near = steady(long), long.x < 3 * lam
    fitted = -1 / np.polyfit(long.x[near], np.log(change[near]), 1)[0]
    assert fitted == pytest.approx(lam, rel=1e-3)
    short = bio.passive_cable(diameter, length=lam, compartments=200)
    change = steady(short)
    form = bio.sealed_profile(short.x, lam, lam)
    np.testing.assert_allclose(change / change[0], form / form[0], rtol=1e-3)
    # Input resistance of the long one: R_∞ = (r_m R_i)^½ 2 / (π d^1.5).
    r_in = 2 / (math.pi * diameter**1.5)
    assert steady(long)[0] / 1e-11 == pytest.approx(r_in * math.exp(-long.x[0] / lam), rel=1e-3)


def pulse(cable: bio.Cable, duration: float, dt: float) -> bio.Stimulus:
    return bio.axon_pulse(cable, duration, dt)


@pytest.mark.parametrize("kind", ["bare", "myelinated"])
def test_brian_computes_the_same(kind: str) -> None:
    """Brian 2's SpatialNeuron, compartment by compartment, gates and all."""
    bare = bio.squid_axon(length=0.01, compartments=20)
    cable = bare if kind == "bare" else bio.myelinated_axon(nodes=4, segments=4)
    stimulus = pulse(cable, 6e-4, 5e-6 if kind == "bare" else 4e-6)
    record = ["v", "m", "h", "n"]
    ours = bio.simulate_cable(cable, stimulus, record=record, stride=2)
    theirs = bio.reference(cable, stimulus, record=record, stride=2)
    for name in record:
        a, b = (r.trace(cable.name, name).values for r in (ours, theirs))
        assert a.shape == (1, -(-stimulus.steps // 2), cable.n)
        assert np.abs(a - b).max() < 1e-9
    assert ours.spikes[cable.name].count > 0
    assert ours.spikes[cable.name].same_as(theirs.spikes[cable.name])


def test_scipy_computes_the_same() -> None:
    """The method of lines by LSODA: the error of the implicit step is of first order and vanishes."""
    from scipy import integrate

    cable, duration = bio.squid_axon(length=0.01, compartments=12), 8e-4
    n, program = cable.n, compile_model(cable.membrane)
    # Half of the difference of neighbours flows to each; the pulse is that of axon_pulse.
    coupling = cable.coupling()
    amplitude = float(pulse(cable, duration, 1e-6).values.max())

    def rates(t: float, y: np.ndarray, current: float) -> np.ndarray:
        x = y.reshape(n, -1).T
        rate = derivatives(program, x)
        flow = np.zeros(n)
        flow[:-1] += coupling * np.diff(x[0])
        flow[1:] -= coupling * np.diff(x[0])
        flow[0] += current
        rate[0] += flow / cable.area / cable.values("c_m")
        return np.asarray(rate.T.ravel())

    y = np.tile(bio.rest(cable.membrane), n)
    for start, stop, current in ((0, 1e-4, 0.0), (1e-4, 3e-4, amplitude), (3e-4, duration, 0.0)):
        answer = integrate.solve_ivp(
            rates,
            (start, stop),
            y,
            "LSODA",
            rtol=1e-7,
            atol=1e-9,
            args=(current,),
            lband=4,
            uband=4,
        )
        y = answer.y[:, -1]
    exact = y.reshape(n, -1)[:, 0]
    errors = []
    for dt in (2e-6, 1e-6):
        run = bio.simulate_cable(cable, pulse(cable, duration, dt))
        errors.append(np.abs(run.trace("axon", "v").values[0, -1] - exact).max())
    assert np.ptp(exact) > 0.03
    assert errors[1] < 1e-3
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.3)


def test_squid_axon() -> None:
    """Hodgkin & Huxley (1952) computed 18.8 m/s for axon 17 and measured 21.2; ∝ √d."""
    speeds = []
    for share in (1.0, 4.0):
        scale = math.sqrt(share)
        cable = bio.squid_axon(476e-6 * share, 0.06 * scale)
        run = bio.simulate_cable(cable, pulse(cable, 0.0045, 2e-6), stride=1000)
        speeds.append(bio.velocity(cable, run))
    assert speeds[0] == pytest.approx(18.8, rel=0.015)
    assert speeds[1] / speeds[0] == pytest.approx(2, rel=1e-3)


def test_myelinated_axon() -> None:
    """Velocity ∝ d; several times that of the bare axon; it jumps; and fails without a sheath."""
    speeds = {}
    for d in (5e-6, 10e-6):
        fibre = bio.myelinated_axon(d)
        run = bio.simulate_cable(fibre, pulse(fibre, 0.0022, 4e-6), stride=1000)
        speeds[d] = bio.velocity(fibre, run)
    assert speeds[10e-6] / speeds[5e-6] == pytest.approx(2, rel=0.01)
    bare = bio.squid_axon(10e-6, 0.005, axial=1.1)
    run = bio.simulate_cable(bare, pulse(bare, 0.0045, 5e-6), stride=1000)
    assert speeds[10e-6] > 5 * bio.velocity(bare, run) > 5
    ill = bio.myelinated_axon(10e-6, demyelinated=range(10, 11))
    run = bio.simulate_cable(ill, pulse(ill, 0.003, 4e-6), stride=1000)
    assert math.isnan(bio.velocity(ill, run))
    reached = ill.x[np.isfinite(bio.arrivals(ill, run))].max() / ill.length.sum()
    assert 0.45 < reached < 0.55  # as far as the bare internode


def test_saltatory_conduction() -> None:
    """Between nodes there is next to no delay: the inward sodium current is at the nodes only."""
    fibre = bio.myelinated_axon()
    run = bio.simulate_cable(fibre, pulse(fibre, 0.0016, 4e-6), record=["v"])
    v = run.trace(fibre.name, "v").values[0]
    node = fibre.own["g_na"] > 0
    # The steepest rise of an internode's middle is less than its nodes': it is driven, they drive.
    slope = np.diff(v, axis=0).max(axis=0)
    inner = np.flatnonzero(node)[5:15]
    assert (slope[inner] > slope[inner + 5]).all()
    # The sheath's capacitive charge for a spike is a small part of what a bare axon needs.
    charge = fibre.area * fibre.values("c_m")
    assert charge[~node].sum() < 0.02 * fibre.area.sum() * 0.01


def test_balanced_network() -> None:
    """Excitation and inhibition cancel, what remains is irregular firing: CV near 1, no common clock."""
    network = bio.load_model("balanced")
    assert isinstance(network, bio.Circuit)
    quiet = bio.constant(0.0, duration=0.5, dt=2e-4)
    run = bio.reference(network, quiet, record=["v", "g_e", "g_i"], stride=5)
    cv = bio.irregularity(run, 0.1, least=3)
    assert cv.size > 0.8 * network.n
    assert 0.8 < cv.mean() < 1.3
    rate = run.spikes["balanced"].count / network.n / run.duration
    assert 5 < rate < 80
    g_e, g_i = (run.trace("balanced", k).values[0, 100:].mean() for k in ("g_e", "g_i"))
    v = run.trace("balanced", "v").values[0, 100:].mean()
    pull, push = g_e * (0 - v), g_i * (-0.080 - v)
    assert push < 0 < pull
    assert abs(pull + push + 1e-8 * (-0.060 - v)) < 0.35 * pull
    # Without inhibition it is a clock at the refractory limit.
    alone = replace(network, excitatory=80, inhibitory=20, in_exc=30, in_inh=0)
    free = bio.reference(alone, bio.constant(0.0, duration=0.3, dt=2e-4), record=[])
    assert bio.irregularity(free, 0.05).mean() < 0.3
    source, target = network.synapses()
    assert source.size == network.n * (network.in_exc + network.in_inh)
    assert (np.bincount(target) == network.in_exc + network.in_inh).all()
    assert (source[target == 3] < network.excitatory).sum() == network.in_exc


NETWORK = bio.load_model("balanced")


@pytest.mark.parametrize(("action", "words"), [
    (lambda: bio.simulate_cable(bio.squid_axon(), bio.constant(0.0, duration=1e-3, dt=1e-4)), "for axon"),
    (lambda: bio.simulate_cable(bio.squid_axon(), bio.constant(0.0, duration=1e-4), record=["w"]), "'w'"),
    (lambda: bio.reference(bio.squid_axon(), bio.constant(0.0, duration=1e-4), start={"v": 0}), "rests"),
    (lambda: bio.reference(NETWORK, bio.constant(1.0, duration=0.1, dt=1e-4)), "by itself"),
    (lambda: bio.reference(NETWORK, bio.constant(0.0, duration=1, dt=1e-3)), "too coarse for lif"),
    (lambda: replace(NETWORK, in_inh=101), "in_inh is 101"),  # type: ignore[type-var]
    (lambda: replace(NETWORK, delay=-1.0), "delay is -1.0"),  # type: ignore[type-var]
    (lambda: replace(bio.squid_axon(), at=500), "compartment of the stimulus is 500"),
    (lambda: bio.squid_axon(compartments=10**6), "compartments is 1000000"),
    (lambda: bio.squid_axon().with_(g_q=1.0), "'g_q'"),
    (lambda: bio.myelinated_axon(demyelinated=range(50, 51)), "demyelinated internode is 50"),
])  # fmt: skip
def test_wrong_input_is_told_in_one_line(action: object, words: str) -> None:
    with pytest.raises(NeurohwError) as caught:
        action()  # type: ignore[operator]
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
