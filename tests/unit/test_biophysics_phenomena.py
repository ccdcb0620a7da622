"""What each point model must show, against the literature and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from neurohw import biophysics as bio
from neurohw.biophysics.channels import SODIUM, occupancy
from neurohw.biophysics.program import compile_model, derivatives

HH = bio.point_model("hodgkin-huxley")
DT = 2e-5


# --- equilibrium potentials ---------------------------------------------------------------------


def test_nernst() -> None:
    """Potassium at 5 and 100 mM: -77 mV at 25 °C, -80 mV at 37 °C (RT/F is 25.693 and 26.727 mV)."""
    assert bio.nernst(5, 100, celsius=25) * 1e3 == pytest.approx(-76.97, abs=0.01)
    assert bio.nernst(5, 100, celsius=37) * 1e3 == pytest.approx(-80.07, abs=0.01)
    assert bio.nernst(2, 1e-4, valence=2) == pytest.approx(bio.nernst(2, 1e-4) / 2)
    assert bio.nernst(7, 7) == 0


concentrations = some.floats(1e-3, 1e3)


@given(concentrations, concentrations, some.floats(1e-3, 1e3), some.sampled_from([1, -1]))
@settings(max_examples=50)
def test_ghk_of_one_ion_is_nernst(out: float, within: float, p: float, z: int) -> None:
    expected = bio.nernst(out, within, z)
    assert bio.ghk([p], [out], [within], [z]) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(
    some.lists(
        some.tuples(some.floats(1e-3, 1e3), concentrations, concentrations), min_size=2, max_size=5
    )
)
@settings(max_examples=50)
def test_rest_is_between_the_extremes(ions: list[tuple[float, float, float]]) -> None:
    weight, outside, inside = (list(column) for column in zip(*ions))
    each = [bio.nernst(o, i) for o, i in zip(outside, inside)]
    for rest in (bio.chord(weight, each), bio.ghk(weight, outside, inside)):
        assert min(each) - 1e-9 <= rest <= max(each) + 1e-9


def test_chord_of_hodgkin_and_huxley() -> None:
    """The rest of the full model is where its steady conductances balance."""
    v, m, h, n = bio.rest(HH)
    g = [1200 * m**3 * h, 360 * n**4, 3]
    assert bio.chord(g, [0.050, -0.077, -0.054387]) == pytest.approx(v, abs=1e-9)


# --- passive membrane ---------------------------------------------------------------------------


@pytest.mark.parametrize("area", [1e-9, 2e-8, 1e-7])
def test_passive_membrane(area: float) -> None:
    """63 % after one τ = r_m c_m whatever the area; steady change I r_m/A; jump-free."""
    cell = bio.point_model("passive").with_(area=area)
    current = 5e-3 * area  # 5 mV at any area
    drive = bio.constant(current, duration=0.06, dt=1e-4)
    run = bio.simulate(cell, drive, record=["v", "R", "C", "tau"])
    v = (bio.trace(run, "v", 0) + 0.065) / 5e-3
    assert v[99] == pytest.approx(1 - math.exp(-1), rel=1e-9)  # 10 ms
    np.testing.assert_allclose(v, 1 - np.exp(-drive.times / 0.010), rtol=1e-8)
    assert bio.trace(run, "R", 0)[0] == pytest.approx(1.0 / area)
    assert bio.trace(run, "C", 0)[0] == pytest.approx(0.01 * area)
    assert bio.trace(run, "tau", 0)[0] == pytest.approx(0.010)


# --- Hodgkin and Huxley -------------------------------------------------------------------------


def test_action_potential() -> None:
    """Rest -65 mV, peak near +40, after-hyperpolarisation towards E_K; rhythmic from 10 to 40 ms."""
    assert bio.rest(HH)[0] == pytest.approx(-0.065, abs=1e-4)
    assert bio.rest(HH)[1:] == pytest.approx([0.0529, 0.5961, 0.3177], abs=1e-3)
    run = bio.simulate(HH, bio.step(0.1, start=0.010, stop=0.040, duration=0.070))
    v, when = bio.trace(run, "v", 0), bio.times(run)
    assert v.max() == pytest.approx(0.040, abs=0.003)
    assert -0.077 < v.min() < -0.072
    assert ((when > 0.010) & (when < 0.042)).all()
    assert np.diff(when) == pytest.approx(0.0146, abs=5e-4)  # 68 1/s at 10 µA/cm²
    for gate in ("m", "h", "n"):
        assert 0 <= bio.trace(run, gate, 0).min() <= bio.trace(run, gate, 0).max() <= 1


def test_all_or_none() -> None:
    """Below the threshold no spike, above it all of nearly one height."""
    pulses = np.array([0.9, 0.99, 1.01, 1.2, 2.0]) * 0.0692
    run = bio.simulate(HH, bio.step(pulses, stop=1e-3, duration=0.02, dt=DT))
    peaks = bio.trace(run, "v").max(axis=1)
    assert (peaks[:2] < -0.03).all()
    assert (peaks[2:] > 0.03).all()


def test_rheobase_and_tonic_threshold() -> None:
    """One spike from 2.2 µA/cm², lasting firing from 6.2 to 6.3 at 50 1/s and more: two thresholds."""
    single = bio.rheobase(HH, 0.2, duration=0.05, dt=DT)
    assert single * 100 == pytest.approx(2.24, abs=0.05)
    curve = bio.fi_curve(HH, [0.055, 0.0615, 0.0632, 0.065, 0.068, 0.072], duration=0.3, dt=DT)
    assert (curve.rate[:2] == 0).all()
    assert (curve.rate[2:] > 49).all()
    found = bio.classify(curve)
    assert found.kind == "type II"
    assert 6.15 < found.onset * 100 < 6.35


def test_singular_rates_are_exact() -> None:
    """At -40 and -55 mV the rates are 0/0: their limits are 1/ms and 0.1/ms, and smooth beside."""
    program = compile_model(HH)
    for v, gate, rate in ((-0.040, 1, 1000.0), (-0.055, 3, 100.0)):
        for beside in (0.0, 1e-15, -1e-13, 1e-9):
            state = np.array([v + beside, 0.0, 0.0, 0.0])
            assert derivatives(program, state)[gate] == pytest.approx(rate, rel=1e-6)


def test_gating_curves() -> None:
    """x∞ and τx of 1952: half of n and h near -53 and -62 mV; h closes, m and n open; τ_n(rest) 5.5 ms."""
    v = np.linspace(-0.1, 0.05, 1501)
    curves = bio.steady_gates(HH, v)
    assert (np.diff(curves["m"][0]) > 0).all()
    assert (np.diff(curves["n"][0]) > 0).all()
    assert (np.diff(curves["h"][0]) < 0).all()
    half = {gate: v[np.abs(curves[gate][0] - 0.5).argmin()] for gate in "mhn"}
    assert half["h"] == pytest.approx(-0.0623, abs=1e-3)
    assert half["n"] == pytest.approx(-0.0531, abs=2e-3)
    assert half["m"] == pytest.approx(-0.0397, abs=2e-3)
    at_rest = {g: float(np.interp(-0.065, v, curves[g][1])) for g in "mhn"}
    assert at_rest["m"] * 1e3 == pytest.approx(0.237, abs=0.01)
    assert at_rest["h"] * 1e3 == pytest.approx(8.52, abs=0.1)
    assert at_rest["n"] * 1e3 == pytest.approx(5.46, abs=0.1)


def test_n_and_h_move_against_each_other() -> None:
    """The relation that lets four variables become two: n + h stays near 0.85 (FitzHugh 1961)."""
    run = bio.simulate(HH, bio.constant(0.1, duration=0.06, dt=DT))
    n, h = bio.trace(run, "n", 0)[1000:], bio.trace(run, "h", 0)[1000:]
    assert np.corrcoef(n, h)[0, 1] < -0.95
    slope, offset = np.polyfit(h, n, 1)
    assert slope == pytest.approx(-1.0, abs=0.15)
    assert offset == pytest.approx(0.85, abs=0.08)


def test_refractory_period() -> None:
    """No second spike for some ms, then a raised threshold, then, ringing, one below that at rest."""
    curve = bio.refractory_curve(HH, np.array([3, 5, 8, 10, 14, 18]) * 1e-3, 1.5, dt=DT)
    assert np.isinf(curve.threshold[:2]).all()
    later = curve.threshold[2:]
    assert np.isfinite(later).all()
    assert (np.diff(later) < 0).all()
    assert later[0] > 3 * curve.alone
    assert later[-1] < curve.alone
    assert curve.absolute == pytest.approx(0.005)
    assert 0.010 <= curve.relative <= 0.014


def test_strength_duration() -> None:
    """Short pulses need a constant charge; long ones the rheobase."""
    curve = bio.strength_duration(HH, np.array([0.1, 0.2, 2, 20]) * 1e-3, 2.0, dt=DT)
    charge = curve.width * curve.amplitude
    assert charge[0] == pytest.approx(charge[1], rel=0.02)
    assert charge[0] * 1e5 == pytest.approx(6.5, abs=0.2)  # 6.5 nC/cm²
    assert curve.amplitude[-1] == pytest.approx(curve.rheobase, rel=0.01)
    assert 1e-3 < curve.chronaxie < 3e-3


def test_accommodation() -> None:
    """What a step does a slow ramp to the same current does not."""
    run = bio.simulate(HH, bio.ramp(0.04, stop=[0.001, 0.15], duration=0.2, dt=DT), record=[])
    assert [bio.times(run, k).size for k in (0, 1)] == [1, 0]


def test_anode_break() -> None:
    run = bio.simulate(HH, bio.step([-0.1, -0.002], stop=0.03, duration=0.06, dt=DT), record=[])
    assert bio.times(run, 0).size == 1
    assert 0.030 < bio.times(run, 0)[0] < 0.040
    assert bio.times(run, 1).size == 0


def test_threshold_is_a_separatrix() -> None:
    """At one voltage a rested membrane fires and an inactivated one does not."""
    free = bio.constant(np.zeros(2), duration=0.01, dt=DT)
    run = bio.simulate(HH, free, start={"v": -0.057, "h": [0.6, 0.2], "n": [0.32, 0.6]})
    assert [bio.times(run, k).size for k in (0, 1)] == [1, 0]
    # And with the gates of rest it lies between -59 and -57 mV.
    free = bio.constant(np.zeros(3), duration=0.01, dt=DT)
    run = bio.simulate(HH, free, start={"v": [-0.060, -0.059, -0.057]})
    assert [bio.times(run, k).size for k in range(3)] == [0, 0, 1]


def test_temperature() -> None:
    """Q10 of 3: 3.8 at 18.5 °C; spikes are shorter."""
    assert bio.q10(18.5) == pytest.approx(3.82, abs=0.01)
    widths = []
    for celsius in (6.3, 18.5):
        model = HH.with_(phi=bio.q10(celsius))
        run = bio.simulate(model, bio.step(0.3, stop=1e-3, duration=0.02, dt=1e-5))
        widths.append((bio.trace(run, "v", 0) > -0.03).sum())
    assert 2.5 < widths[0] / widths[1] < 4


# --- channels -----------------------------------------------------------------------------------


def test_sodium_chain_is_m3h() -> None:
    """The occupancy of m₃h₁ follows m³h through any voltage, and nothing is lost."""
    model = bio.point_model("sodium-channel")
    clamp = bio.constant(-0.065, duration=0.01) + bio.step([0.04, 0.09], start=1e-3, duration=0.01)
    run = bio.simulate(model, clamp, record=["open_share", "gates", "m", "h", *SODIUM])
    for trial in (0, 1):
        share, gates = bio.trace(run, "open_share", trial), bio.trace(run, "gates", trial)
        assert gates.max() > 0.05
        assert np.abs(share - gates).max() < 5e-6  # what the step costs; see below
        states = {s: bio.trace(run, s, trial) for s in SODIUM}
        assert np.abs(sum(states.values()) - 1).max() < 1e-9
        m, h = float(bio.trace(run, "m", trial)[-1]), float(bio.trace(run, "h", trial)[-1])
        for name, expected in occupancy(m, h).items():
            assert states[name][-1] == pytest.approx(expected, abs=1e-6)
    exact = bio.integrate(model, clamp, trial=1).values
    assert np.abs(exact["open_share"] - exact["gates"]).max() < 1e-9


def test_conductance_variance_falls_with_the_channels() -> None:
    """Variance of the open share is p(1 − p)/N, exactly counted and by Langevin's equation."""
    clamp = bio.constant(-0.030, duration=0.5, dt=2e-5)
    for count in (400, 4000):
        run = bio.simulate_channels(clamp, count, count, clamped=True, seed=2)
        for name in ("m3h1", "n4_"):
            x = bio.trace(run, name, 0)
            assert x.var() * count / (x.mean() * (1 - x.mean())) == pytest.approx(1, abs=0.35)
    gates = {k: float(s[0]) for k, (s, _) in bio.steady_gates(HH, [-0.030]).items()}
    assert bio.trace(run, "n4_", 0).mean() == pytest.approx(gates["n"] ** 4, rel=0.05)


def test_langevin_variance() -> None:
    """At rest without sodium, held by a large leak: potassium's open share has p(1 − p)/N."""
    noise = bio.point_model("hodgkin-huxley-noise").with_(g_na=0, g_k=0, g_l=100, e_l=-0.040)
    quiet = bio.constant(0.0, duration=0.6, dt=2e-5)
    n = float(bio.steady_gates(HH, [-0.040])["n"][0][0])
    for count in (400, 4000):
        run = bio.simulate(noise.with_(n_na=count, n_k=count), quiet, record=["n4_"], seed=4)
        x = bio.trace(run, "n4_", 0)[5000:]
        assert x.mean() == pytest.approx(n**4, rel=0.15)
        assert x.var() * count / (n**4 * (1 - n**4)) == pytest.approx(1, abs=0.4)


@pytest.mark.parametrize("exact", [True, False])
def test_spontaneous_spikes_vanish(exact: bool) -> None:
    """Few channels fire by themselves (Chow & White 1996), many do not, and all agree as N grows."""
    noise, quiet = bio.point_model("hodgkin-huxley-noise"), bio.constant(0.0, duration=0.3, dt=2e-5)
    counts = []
    for area in (10e-12, 100e-12, 400e-12):
        n_na, n_k = bio.channel_counts(area)
        if exact:
            run = bio.simulate_channels(quiet, n_na, n_k, seed=1, stride=100)
        else:
            run = bio.simulate(noise.with_(n_na=n_na, n_k=n_k), quiet, record=[], seed=1)
        counts.append(bio.times(run).size)
    assert counts[0] > 5
    assert counts[0] > counts[1] >= counts[2] == 0
    assert bio.channel_counts(10e-12) == (600, 180)


def test_deterministic_limit() -> None:
    """1e12 channels are Hodgkin and Huxley's equations."""
    drive = bio.constant(0.1, duration=0.02)
    many = bio.point_model("hodgkin-huxley-noise").with_(n_na=1e12, n_k=1e12)
    a, b = bio.simulate(many, drive), bio.simulate(HH, drive)
    assert bio.times(a) == pytest.approx(bio.times(b), abs=3e-5)
    counted = bio.simulate_channels(
        bio.constant(0.1, duration=0.005, dt=2e-5), 60_000, 18_000, seed=1
    )
    assert bio.times(counted) == pytest.approx(bio.times(b)[:1], abs=2e-4)


# --- the plane ----------------------------------------------------------------------------------


def test_fitzhugh_nagumo() -> None:
    """Stable below I = 0.331 and above 1.419, where the trace 1 − v² − bφ is 0; between a limit cycle."""
    model, box = bio.point_model("fitzhugh-nagumo"), ((-3.0, 3.0), (-2.0, 3.0))
    for current in (0.0, 0.32, 0.34, 0.8, 1.41, 1.43):
        (point,) = bio.fixed_points(model, *box, current)
        v, w = point.state
        assert w == pytest.approx((v + 0.7) / 0.8, abs=1e-9)
        assert v - v**3 / 3 - w + current == pytest.approx(0, abs=1e-9)
        assert point.trace * 1e-3 == pytest.approx(1 - v * v - 0.064, rel=1e-6)
        assert point.determinant * 1e-6 == pytest.approx(0.08 * (1 - 0.8 * (1 - v * v)), rel=1e-6)
        assert (
            point.stable == (point.trace < 0 < point.determinant) == (not 0.331 < current < 1.419)
        )
        drive = bio.constant(current, duration=1.0, dt=2e-4)
        run = bio.simulate(model, drive, start={"v": v + 0.01, "w": w})
        swing = np.ptp(bio.trace(run, "v", 0)[-1000:])
        assert (swing > 1) == (not point.stable)
        assert (swing < 0.02) == point.stable


def test_nullclines_and_field() -> None:
    model = bio.point_model("fitzhugh-nagumo")
    x = np.linspace(-2, 2, 21)
    assert bio.nullcline(model, "v", x, (-3, 3), 0.5) == pytest.approx(x - x**3 / 3 + 0.5, abs=1e-6)
    assert bio.nullcline(model, "w", x, (-3, 4), 0.5) == pytest.approx((x + 0.7) / 0.8, abs=1e-6)
    plane = bio.phase_plane(model, (-2, 2), (-1, 1), 0.5, n=5)
    assert plane.dx[0, 2] == pytest.approx(1e3 * (0 - 0 + 1 + 0.5))
    assert plane.dy[4, 0] == pytest.approx(80 * (-2 + 0.7 - 0.8))


@pytest.mark.parametrize(("name", "low", "high", "kind", "onset"), [
    # Rinzel & Ermentrout (1998): saddle-node at 39.96; periodic orbits from 88.3 µA/cm² on.
    ("morris-lecar-1", 0.37, 0.43, "type I", 0.3996), ("morris-lecar-2", 0.86, 0.92, "type II", 0.883),
    # Wang & Buzsáki (1996): about 0.16 µA/cm²; and the EIF made to match it, in closed form.
    ("wang-buzsaki", 0.0010, 0.0030, "type I", 0.00160), ("eif", 0.0010, 0.0030, "type I", 0.00162),
    ("lif", 1.3e-9, 1.9e-9, "type I", 1.5e-9),
])  # fmt: skip
def test_excitability(name: str, low: float, high: float, kind: str, onset: float) -> None:
    model = bio.point_model(name)
    dt = {"wang-buzsaki": 5e-5, "eif": 5e-5}.get(name, 1e-4)
    curve = bio.onset_curve(model, low, high, points=8, rounds=1, duration=0.8, dt=dt)
    found = bio.classify(curve)
    assert found.kind == kind
    # What is near a saddle-node fires too rarely to be seen; the line through the squares leads there.
    at = found.origin if kind == "type I" else found.onset
    assert at == pytest.approx(onset, rel=0.03)
    assert (found.rate < 8) == (name != "morris-lecar-2" and name != "lif")
    if name == "morris-lecar-1":  # the law itself: rate² is a line
        on = curve.rate > 0
        x, y = curve.drive[on] - found.origin, curve.rate[on]
        slope = np.polyfit(np.log(x[x > 0]), np.log(y[x > 0]), 1)[0]
        assert slope == pytest.approx(0.5, abs=0.12)


# --- integrate and fire -------------------------------------------------------------------------


def test_lif_interval_is_the_closed_form() -> None:
    lif = bio.point_model("lif")
    for current in (1.6e-9, 2e-9, 5e-9):
        drive = bio.constant(current, duration=0.12, dt=1e-4)
        gaps = np.diff(bio.integrate(lif, drive, record=[], rtol=1e-12).spikes)
        assert gaps == pytest.approx(float(bio.lif_interval(lif, current)), rel=1e-9)
        # On the grid an interval is the next whole number of steps.
        on_grid = np.diff(bio.times(bio.simulate(lif, drive, record=[])))
        whole = math.ceil(round(float(bio.lif_interval(lif, current)) / 1e-4, 9)) * 1e-4
        assert on_grid == pytest.approx(whole, rel=1e-9)
    assert bio.lif_interval(lif, 1.5e-9) == math.inf


def test_lif_saturates() -> None:
    lif = bio.point_model("lif")
    curve = bio.fi_curve(lif, [1.4e-9, 2e-9, 1e-8, 1e-6, 1e-4], duration=0.3, dt=1e-5)
    assert curve.rate[0] == 0
    assert (np.diff(curve.rate) > 0).all()
    assert curve.rate[-1] == pytest.approx(1 / 0.002, rel=0.01)
    expected = 1 / bio.lif_interval(lif, curve.drive[1:4])
    assert curve.rate[1:4] == pytest.approx(expected, rel=0.01)


def test_lif_inputs() -> None:
    """Step, ramp, sine and random input; the raster is binary."""
    lif, grid = bio.point_model("lif"), {"duration": 0.5, "dt": 1e-4}
    ramp = bio.times(bio.simulate(lif, bio.ramp(4e-9, stop=0.5, **grid)))
    assert ramp[0] > 0.5 * 1.5 / 4
    assert (np.diff(ramp, 2) <= 1.01e-4).all()  # ever faster
    sine = bio.times(bio.simulate(lif, bio.sine(2e-9, 10.0, offset=5e-10, **grid)))
    phase = (sine * 10) % 1
    assert sine.size >= 5
    assert ((phase > 0.05) & (phase < 0.55)).all()
    noise = bio.ornstein_uhlenbeck(1.3e-9, 5e-10, 5e-3, seed=3, trials=50, **grid)
    assert noise.values.mean() == pytest.approx(1.3e-9, rel=0.02)
    assert noise.values.std() == pytest.approx(5e-10, rel=0.05)
    late = np.corrcoef(noise.values[:, :-50].ravel(), noise.values[:, 50:].ravel())[0, 1]
    assert late == pytest.approx(math.exp(-1), abs=0.05)
    run = bio.simulate(lif, noise, record=[])
    raster = run.spikes["lif"].dense(50, run.steps)
    assert set(np.unique(raster)) == {0, 1}
    cv = bio.irregularity(run, least=3)
    assert 0.4 < cv.mean() < 1.1  # below its threshold on average: irregular
    again = bio.ornstein_uhlenbeck(1.3e-9, 5e-10, 5e-3, seed=3, trials=50, **grid)
    assert (again.values == noise.values).all()


def test_spike_rate_adaptation() -> None:
    """The rate falls to a lower steady value with about τ_sra; without jumps it does not."""
    model, drive = bio.point_model("lif-sra"), bio.constant(3e-10, duration=1.0, dt=1e-4)
    when = bio.times(bio.simulate(model, drive, record=[]))
    gaps = np.diff(when)
    assert gaps[-1] > 1.1 * gaps[0]
    assert gaps[-1] == pytest.approx(gaps[-2], rel=0.01)
    settled = when[1:][gaps > gaps[0] + 0.9 * (gaps[-1] - gaps[0])][0]
    assert 0.05 < settled < 0.4
    assert bio.adaptation_index(when) > 0
    flat = bio.times(bio.simulate(model.with_(delta_g=0.0), drive, record=[]))
    assert bio.adaptation_index(flat) == pytest.approx(0, abs=1e-3)


def test_large_fast_conductance_is_a_relative_refractory_period() -> None:
    """A stronger stimulus fires earlier after a spike, unlike within a refractory time."""
    model = bio.point_model("lif-relative-refractory")
    drive = bio.constant([5e-10, 2e-9, 8e-9], duration=0.2, dt=5e-5)
    run = bio.simulate(model, drive, record=[])
    free = bio.simulate(model.with_(delta_g=0.0), drive, record=[])
    gaps = [float(np.diff(bio.times(run, k)).mean()) for k in range(3)]
    plain = [float(np.diff(bio.times(free, k)).mean()) for k in range(3)]
    assert gaps[0] > gaps[1] > gaps[2] > 1e-3
    assert (np.array(gaps) > np.array(plain)).all()
    # After 10 τ nothing is left of it: the threshold current is that of the plain cell.
    assert bio.rheobase(model, 1e-9, dt=1e-4) == bio.rheobase(
        model.with_(delta_g=0.0), 1e-9, dt=1e-4
    )


def test_current_adaptation_is_the_limit_of_the_conductance() -> None:
    """With E_K ever farther away and Δg (E_reset − E_K) kept, g_sra becomes the current w."""
    drive = bio.constant(3e-10, duration=0.5, dt=1e-4)
    jump = 1e-11
    current = bio.point_model("lif-current-adaptation").with_(delta_w=jump)
    expected = bio.times(bio.simulate(current, drive, record=[]))
    errors = []
    for e_k in (-0.2, -1.0, -20.0):
        middle = -0.0575 - e_k
        g_sra = bio.point_model("lif-sra").with_(e_k=e_k, delta_g=jump / middle)
        when = bio.times(bio.simulate(g_sra, drive, record=[]))
        errors.append(abs(when[10] - expected[10]))
    assert errors[2] <= errors[1] <= errors[0]
    assert errors[2] <= 1.01e-4


def test_threshold_adaptation() -> None:
    when = bio.times(
        bio.simulate(bio.point_model("lif-threshold-adaptation"),
                     bio.constant(3e-10, duration=1.0, dt=1e-4), record=[])
    )  # fmt: skip
    gaps = np.diff(when)
    assert gaps[-1] > 1.1 * gaps[0]
    assert bio.adaptation_index(when) > 0
    assert math.isnan(bio.adaptation_index([0.1, 0.2]))


def test_eif() -> None:
    """Rheobase g_L(V_T − E_L − Δ_T); as Wang-Buzsáki within 6 %; Δ_T → 0 is the LIF."""
    eif = bio.point_model("eif")
    assert bio.eif_rheobase(eif) * 100 == pytest.approx(0.162, abs=1e-3)
    currents = np.array([0.004, 0.008, 0.012])
    mine = bio.fi_curve(eif, currents, duration=0.5, dt=2e-5).rate
    theirs = bio.fi_curve(bio.point_model("wang-buzsaki"), currents, duration=0.5, dt=5e-5).rate
    assert mine == pytest.approx(theirs, rel=0.06)
    # A LIF with threshold V_T, τ = c/g, R = 1/g per area.
    lif = bio.point_model("lif").with_(
        tau_m=0.010, r_m=1.0, e_l=-0.065, v_threshold=-0.0599, v_reset=-0.068, t_ref=0.0017
    )
    limit = 1 / float(bio.lif_interval(lif, 0.012))
    rates = [
        bio.fi_curve(eif.with_(delta_t=d), [0.012], duration=0.5, dt=5e-6).rate[0]
        for d in (2e-3, 2e-4, 1e-5)
    ]
    errors = np.abs(np.array(rates) / limit - 1)
    assert errors[2] < errors[1] < errors[0]
    assert errors[2] < 0.02


# --- synapses -----------------------------------------------------------------------------------

REVERSAL = {"ampa": 0.0, "nmda": 0.0, "gaba-a": -0.070, "gaba-b": -0.095, "ach": 0.0}


@pytest.mark.parametrize("kind", REVERSAL)
def test_reversal(kind: str) -> None:
    """No potential at the reversal, one towards it on either side."""
    model, e = bio.point_model(f"synapse-{kind}"), REVERSAL[kind]
    burst = np.arange(5) * 5e-3
    assert abs(bio.psp(model, at=e, spikes=burst).peak) < 1e-12
    assert bio.psp(model, at=e - 0.02, spikes=burst).peak > 0
    assert bio.psp(model, at=e + 0.02, spikes=burst).peak < 0


def test_psp_shapes() -> None:
    """Current synapses have closed forms; receptors rise and fall in the order of their kinetics."""
    jump = bio.psp(bio.point_model("synapse-delta"))
    assert jump.peak == pytest.approx(0.1e-12 / 200e-12, rel=1e-6)
    t = jump.time[1:]
    np.testing.assert_allclose(jump.change[1:], 5e-4 * np.exp(-t / 0.020), rtol=1e-6)
    slow = bio.psp(bio.point_model("synapse-exponential"))
    t = slow.time[1:]
    form = 2e-11 / 10e-9 * 0.005 / (0.020 - 0.005) * (np.exp(-t / 0.020) - np.exp(-t / 0.005))
    np.testing.assert_allclose(slow.change[1:], form, atol=1e-9)
    assert slow.time_to_peak == pytest.approx(math.log(4) * 0.020 * 0.005 / 0.015, abs=2e-4)
    found = {k: bio.psp(bio.point_model(f"synapse-{k}"), at=-0.060, duration=0.6) for k in REVERSAL}
    peaks = [found[k].time_to_peak for k in ("ach", "ampa", "gaba-a", "nmda", "gaba-b")]
    assert peaks == sorted(peaks)
    assert found["nmda"].half_width > 4 * found["ampa"].half_width
    assert found["gaba-b"].time_to_peak > 0.1


def test_nmda_opens_when_depolarised() -> None:
    """Jahr & Stevens (1990): at 1 mM Mg²⁺ 5 % are free at -65 mV... and most at +20 mV."""
    nmda = bio.point_model("synapse-nmda")
    levels = np.array([-0.080, -0.065, -0.040, 0.020])
    run = bio.simulate(nmda, bio.constant(np.zeros(4), duration=1e-3, dt=1e-4), start={"v": levels})
    share = bio.trace(run, "open")[:, 0]
    assert share == pytest.approx(1 / (1 + np.exp(-62 * levels) / 3.57), rel=0.02)
    assert share[1] == pytest.approx(0.06, abs=0.01)
    peaks = [bio.psp(nmda, at=v).peak for v in (-0.080, -0.060, -0.040)]
    assert peaks[0] < peaks[1] < peaks[2]  # although the driving force falls
    bare = [bio.psp(nmda.with_(mg=0.0), at=v).peak for v in (-0.080, -0.060, -0.040)]
    assert bare[0] > bare[1] > bare[2]


def test_gaba_b_needs_a_burst() -> None:
    """Ten spikes do more than a hundred times what one does."""
    model = bio.point_model("synapse-gaba-b")
    one = bio.psp(model, duration=0.6).peak
    ten = bio.psp(model, spikes=np.arange(10) * 5e-3, duration=0.6).peak
    assert ten / one > 100


def test_shunting_inhibition() -> None:
    """Inhibition that does nothing at rest still takes from excitation."""
    cell = bio.load_model("lif-conductance").with_(
        e_i=-0.060, g_exc=5e-9, g_inh=5e-8, v_threshold=0.0
    )
    assert isinstance(cell, bio.Model)
    quiet = bio.constant(0.0, duration=0.05, dt=1e-4)
    change = {}
    for name, events in {"exc": {"exc": [0.01]}, "inh": {"inh": [0.009]},
                         "both": {"exc": [0.01], "inh": [0.009]}}.items():  # fmt: skip
        v = bio.trace(bio.simulate(cell, quiet.with_events(**events), record=["v"]), "v", 0) + 0.060
        change[name] = float(np.abs(v).max())
    assert change["inh"] < 1e-12
    assert change["both"] < 0.6 * change["exc"]


def test_gap_junction_equalises() -> None:
    pair, apart = bio.point_model("gap-junction"), []
    still = bio.constant(0.0, duration=0.02, dt=1e-5)
    for g in (0.0, 1e-9, 1e-7):
        start = {"v": -0.055, "v_2": -0.075}
        run = bio.simulate(pair.with_(g_gap=g), still, start=start)
        v, other = bio.trace(run, "v", 0), bio.trace(run, "v_2", 0)
        apart.append(float(v[-1] - other[-1]))
        # The mean knows nothing of the junction, the difference decays with C/(g_l + 2 g).
        assert (v + other)[-1] / 2 == pytest.approx(-0.065, abs=1e-9)
        assert apart[-1] == pytest.approx(
            0.020 * math.exp(-0.02 * (1e-8 + 2 * g) / 200e-12), rel=1e-6
        )
    assert apart[0] > apart[1] > apart[2]


# --- cascade ------------------------------------------------------------------------------------


def test_reverse_correlation_recovers_the_filter() -> None:
    model = bio.point_model("cascade")
    noise = bio.white_noise(1.5, seed=1, duration=20.0, trials=60)
    run = bio.simulate(model, noise, record=[], seed=2)
    lags, mean = bio.reverse_correlation(noise, run, 0.1)
    known = bio.cascade_filter(model, lags)
    assert np.corrcoef(mean, known)[0, 1] > 0.96
    shuffled = bio.white_noise(1.5, seed=9, duration=20.0, trials=60)
    assert abs(np.corrcoef(bio.reverse_correlation(shuffled, run, 0.1)[1], known)[0, 1]) < 0.5
