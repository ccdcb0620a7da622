"""Comparing runs: published values, brute-force twins, cases worked out by hand, and errors."""

from __future__ import annotations

import itertools
import json
from functools import cache

import numpy as np
import pytest

from neurohw.compare import (
    Divergence,
    TraceComparison,
    batch,
    compare,
    first_divergence,
    predictions,
    spikes,
    traces,
)
from neurohw.compare.pairs import Pairs
from neurohw.errors import InputError, UnknownName
from neurohw.network.events import Spikes
from neurohw.recording import Recording, Trace

A, B = np.array([1.0, 5.0, 9.0]) * 1e-3, np.array([1.0, 6.0, 9.0, 15.0]) * 1e-3
END = 20e-3
NONE = np.empty(0)

FIGURES = {
    "coincidence": (
        lambda a, b: spikes.coincidence(a, b, END, 1e-3),
        lambda p: batch.coincidence(p, 1e-3),
    ),
    "van_rossum": (lambda a, b: spikes.van_rossum(a, b, 2e-3), lambda p: batch.van_rossum(p, 2e-3)),
    "victor_purpura": (
        lambda a, b: spikes.victor_purpura(a, b, 400.0),
        lambda p: batch.victor_purpura(p, 400.0),
    ),
    "isi_distance": (lambda a, b: spikes.isi_distance(a, b, END), batch.isi_distance),
    "spike_distance": (lambda a, b: spikes.spike_distance(a, b, END), batch.spike_distance),
}


def random_trains(count, seed):
    """Trains on a 1 ms grid, edges and repeated times included: ties are where code breaks."""
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 21, rng.integers(0, 7)) * 1e-3 for _ in range(count)]


def recording(events, *, n=3, steps=20, trials=2, dt=1e-3, traces=None, name="out"):
    """A recording of one population from (trial, step, neuron) or (trial, step, neuron, value)."""
    columns = list(zip(*events, strict=True)) or [[], [], []]
    return Recording(
        dt, steps, trials, {name: n}, {name: Spikes.of(n, *columns)}, {name: traces or {}}
    )


# --- Figures of two trains


def test_published_values():
    # From pyspike 0.9 and elephant 1.2, in milliseconds there.
    assert spikes.victor_purpura(A, B, 1000.0) == pytest.approx(2.0, abs=1e-12)
    assert spikes.van_rossum(A, B, 2e-3) == pytest.approx(1.34003014, abs=1e-8)
    assert spikes.isi_distance(A, B, END) == pytest.approx(0.3475, abs=1e-12)
    assert spikes.spike_distance(A, B, END) == pytest.approx(0.20147438, abs=1e-8)
    assert spikes.rate_error(A, B, END) == pytest.approx(50.0)
    assert spikes.rate_error(B, A, END) == pytest.approx(-50.0)


def test_coincidence_by_hand():
    # 3 coincidences within 1 ms; by chance 2 * 200 Hz * 1 ms * 3 = 1.2; norm 3.5 and 1 - 0.4.
    assert spikes.coincidence(A, B, END, 1e-3) == pytest.approx((3 - 1.2) / 3.5 / 0.6)
    # Exactly on time only: 1 and 9 ms.
    assert spikes.coincidence(A, B, END, 0.0) == pytest.approx(2 / 3.5)
    # One spike can't be the partner of two.
    assert spikes.coincidence([5e-3], [4e-3, 6e-3], END, 1e-3) == pytest.approx(0.8 / 1.5 / 0.8)
    # The rate is that of b: chance is 1 * 0.2 one way, 2 * 0.1 the other way; norms differ.
    assert spikes.coincidence([4e-3, 6e-3], [5e-3], END, 1e-3) == pytest.approx(0.8 / 1.5 / 0.9)
    # The window is inclusive, whatever rounding does to steps of 0.1 ms.
    step = np.arange(1, 60) * 1e-4
    for k in range(step.size - 2):
        assert spikes.coincidence(step[k : k + 1], step[k + 2 : k + 3], 1.0, 2e-4) > 0.9
        assert spikes.coincidence(step[k : k + 1], step[k + 2 : k + 3], 1.0, 1.9e-4) < 0


def test_coincidence_is_undefined_for_crowded_trains():
    assert np.isnan(spikes.coincidence(A, B, END, 2.5e-3))  # 2 * 4 * 2.5 ms fill the 20 ms
    assert np.isfinite(spikes.coincidence(A, B, END, 2.4e-3))
    assert spikes.coincidence(B, B, END, 2.5e-3) == 1.0
    assert np.isnan(batch.coincidence(Pairs.of([A], [B], END), 2.5e-3)).all()


def test_empty_trains():
    for figure, _ in FIGURES.values():
        assert figure(NONE, NONE) == (1.0 if figure is FIGURES["coincidence"][0] else 0.0)
    for a, b in ((A, NONE), (NONE, A)):
        assert spikes.coincidence(a, b, END, 1e-3) == 0.0
        assert spikes.victor_purpura(a, b, 1000.0) == 3.0
    assert spikes.van_rossum([3e-3], NONE, 2e-3) == pytest.approx(1.0)
    # The interval of the empty train is the trial; those of the other are 15 ms, then 15 ms.
    assert spikes.isi_distance([5e-3], NONE, END) == pytest.approx(0.25 * 0.75 + 0.75 * 0.25)


def test_limits_of_the_parameters():
    assert spikes.victor_purpura(A, B, 0.0) == 1.0
    assert spikes.victor_purpura(A, B, np.inf) == 3.0
    pairs = Pairs.of([A, A, NONE], [B, A, A], END)
    assert batch.victor_purpura(pairs, 0.0).tolist() == [1.0, 0.0, 3.0]
    assert batch.victor_purpura(pairs, np.inf).tolist() == [3.0, 0.0, 3.0]
    # Long tau counts spikes; short tau counts the spikes without an exact partner, as a root.
    assert spikes.van_rossum(A, B, 1e6) == pytest.approx(1.0, abs=1e-6)
    assert spikes.van_rossum(A, B, 1e-9) == pytest.approx(np.sqrt(3))


def test_van_rossum_tells_nearly_equal_trains_apart():
    # One spike late by d: D = sqrt(2 - 2 exp(-d / tau)), lost to cancellation if summed naively.
    late = 1e-12
    assert spikes.van_rossum([1e-3], [1e-3 + late], 1.0) == pytest.approx(np.sqrt(2 * late), 1e-3)


def naive_coincidences(a, b, window):
    """The most pairs within the window with each spike in one pair at most."""
    few, many = sorted((list(a), list(b)), key=len)
    return max(
        sum(abs(x - y) <= window + 1e-12 for x, y in zip(few, chosen, strict=True))
        for chosen in itertools.permutations(many, len(few))
    )


def naive_van_rossum(a, b, tau):
    times = np.concatenate([a, b])
    sign = np.repeat([1.0, -1.0], [len(a), len(b)])
    return np.sqrt(max(0.0, sign @ np.exp(-np.abs(times[:, None] - times) / tau) @ sign))


def naive_victor_purpura(a, b, cost):
    @cache
    def least(i, j):
        if i == 0 or j == 0:
            return i + j
        move = cost * abs(a[i - 1] - b[j - 1])
        return min(least(i - 1, j) + 1, least(i, j - 1) + 1, least(i - 1, j - 1) + move)

    return least(len(a), len(b))


@pytest.mark.parametrize("seed", range(4))
def test_definitions_and_their_brute_force_twins(seed):
    rng = np.random.default_rng(seed)
    for _ in range(50):
        a, b = (np.sort(rng.integers(0, 21, rng.integers(0, 6)) * 1e-3) for _ in "ab")
        vr = naive_van_rossum(a, b, 2e-3)
        assert spikes.van_rossum(a, b, 2e-3) ** 2 == pytest.approx(vr**2, abs=1e-12)
        vp = naive_victor_purpura(tuple(a), tuple(b), 400.0)
        assert spikes.victor_purpura(a, b, 400.0) == pytest.approx(vp, abs=1e-12)
        if a.size + b.size and not np.array_equal(a, b):
            hits = naive_coincidences(a, b, 1e-3)
            chance = 0.1 * b.size
            gamma = (hits - chance * a.size) / ((a.size + b.size) / 2) / (1 - chance)
            assert spikes.coincidence(a, b, END, 1e-3) == pytest.approx(gamma, abs=1e-12)


@pytest.mark.parametrize("name", FIGURES)
def test_batch_equals_definition(name):
    one, many = FIGURES[name]
    a, b = random_trains(600, 1), random_trains(600, 2)
    a[:50] = b[:50]
    expected = [one(x, y) for x, y in zip(a, b, strict=True)]
    pairs = Pairs.of(a, b, END)
    assert pairs.identical[:50].all()
    assert not pairs.identical.all()
    np.testing.assert_allclose(many(pairs), expected, rtol=0, atol=1e-12)
    assert many(Pairs.of([], [], END)).shape == (0,)


def test_batch_of_long_trains():
    rng = np.random.default_rng(3)
    a, b = ([np.sort(rng.random(n)) for n in sizes] for sizes in ((150, 3, 0), (170, 90, 80)))
    pairs = Pairs.of(a, b, 1.0)
    for cost in (0.0, 3.0, 300.0):
        expected = [spikes.victor_purpura(x, y, cost) for x, y in zip(a, b, strict=True)]
        np.testing.assert_allclose(batch.victor_purpura(pairs, cost), expected, rtol=1e-12)
    expected = [spikes.van_rossum(x, y, 0.01) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(batch.van_rossum(pairs, 0.01), expected, rtol=1e-12)


def test_victor_purpura_in_blocks(monkeypatch):
    a, b = random_trains(200, 5), random_trains(200, 6)
    whole = batch.victor_purpura(Pairs.of(a, b, END), 50.0)
    monkeypatch.setattr(batch, "BLOCK", 20)
    np.testing.assert_array_equal(batch.victor_purpura(Pairs.of(a, b, END), 50.0), whole)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: spikes.isi_distance(A, B, 0.01), "spike train b: 0.015 s is outside 0..0.01 s"),
        (lambda: spikes.spike_distance([-1e-3], B, END), "spike train a: -0.001 s"),
        (lambda: spikes.van_rossum([np.nan], B, 1.0), "finite times"),
        (lambda: spikes.van_rossum([[1.0]], B, 1.0), r"shape \(1, 1\)"),
        (lambda: spikes.van_rossum(A, B, 0.0), "tau = 0.0: give a number, more than zero"),
        (lambda: spikes.victor_purpura(A, B, -1.0), "cost = -1.0: give a number, zero or more"),
        (lambda: spikes.coincidence(A, B, END, np.nan), "window = nan"),
        (lambda: spikes.rate_error(A, B, np.inf), "duration = inf"),
        (lambda: Pairs.of([A], [], END), "1 trains a against 0 trains b"),
        (lambda: Pairs.of([A], [B], 0.01), "trains b: 0.015 s is outside"),
        (lambda: traces.rmse([1, 2], [1]), r"shapes \(2,\) and \(1,\)"),
        (lambda: traces.largest([], []), "no samples"),
    ],
    ids=itertools.count(),
)
def test_errors_of_figures(call, text):
    with pytest.raises(InputError, match=text):
        call()


def test_traces():
    assert traces.rmse([1, 2, 3], [1, 5, -1]) == pytest.approx(np.sqrt(25 / 3))
    assert traces.largest([[1, 2, 3]], [[1, 5, -1]]) == (4.0, (0, 2))
    assert traces.largest([0, 0, 0], [0, -2, 2]) == (2.0, (1,))
    assert np.isnan(traces.rmse([], []))
    wide = np.array([2**31 - 1], np.int32)
    assert traces.largest(wide, -wide) == (2.0**32 - 2, (0,))


# --- First divergence


def test_first_divergence_goes_by_step_then_trial():
    a = recording([(0, 9, 0), (1, 3, 2), (1, 5, 0)])
    assert first_divergence(a, a) is None
    b = recording([(0, 4, 0), (1, 3, 2), (1, 5, 0)])
    assert first_divergence(a, b) == Divergence(0, 4, "out", 0, "spike", 0, 1)
    b = recording([(0, 9, 0), (1, 3, 1), (1, 5, 0)])
    assert first_divergence(a, b) == Divergence(1, 3, "out", 1, "spike", 0, 1)
    b = recording([(0, 8, 1), (1, 3, 2), (1, 8, 0), (1, 5, 0)])
    assert first_divergence(a, b) == Divergence(0, 8, "out", 1, "spike", 0, 1)


def test_first_divergence_sees_payloads_and_adds_repeated_events():
    a = recording([(0, 4, 1, 7)])
    assert first_divergence(a, recording([(0, 4, 1, 5)])) == Divergence(
        0, 4, "out", 1, "spike", 7, 5
    )
    assert first_divergence(a, recording([(0, 4, 1, 5), (0, 4, 1, 2)])) is None


def register(values, stride=1, neurons=None):
    values = np.asarray(values)
    neurons = np.arange(values.shape[2]) if neurons is None else np.array(neurons)
    return Trace(values, neurons.astype(np.int64), stride)


def test_first_divergence_in_registers():
    v = np.arange(2 * 10 * 3).reshape(2, 10, 3)
    changed = v.copy()
    changed[0, 4, 1] += 5
    changed[1, 3, :2] += 1  # sample 3 is step 6
    changed[1, 3, 2] -= 1
    a, b = recording([], traces={"v": register(v, 2)}), recording([], traces={"v": register(v, 2)})
    assert first_divergence(a, b) is None
    b = recording([], traces={"v": register(changed, 2)})
    found = first_divergence(a, b)
    assert found == Divergence(1, 6, "out", 0, "v", 39, 40)
    assert str(found) == (
        "first difference at step 6, trial 1, population 'out', neuron 0: register 'v' 39 in the "
        "reference, 40 in the other"
    )
    # The columns of a trace may come in any order; the lowest neuron is named.
    a, b = (recording([], traces={"v": register(x, 2, [2, 1, 0])}) for x in (v, changed))
    assert first_divergence(a, b) == Divergence(1, 6, "out", 0, "v", 41, 40)
    # An earlier spike comes first; at the same place the spike is named.
    assert first_divergence(a, recording([(1, 6, 0)], traces=b.traces["out"])).what == "spike"
    assert first_divergence(a, recording([(1, 6, 1)], traces=b.traces["out"])).what == "v"
    found = first_divergence(a, recording([(0, 9, 0)], traces=b.traces["out"]))
    assert (found.step, found.trial) == (6, 1)  # not the spike: trial 0, but later
    # Floats, other strides and other neurons are not compared.
    for other in (
        register(changed.astype(float), 2, [2, 1, 0]),
        register(changed, 3, [2, 1, 0]),
        register(changed, 2, [0, 1, 2]),
    ):
        assert first_divergence(a, recording([], traces={"v": other})) is None
    with pytest.raises(InputError, match=r"register 'v' of 'out' has shapes \(2, 10, 3\)"):
        first_divergence(a, recording([], traces={"v": register(v[:, :5], 2, [2, 1, 0])}))


def test_first_divergence_goes_by_the_order_of_populations():
    def two(x, y):
        spikes = {"x": Spikes.of(3, *x), "y": Spikes.of(3, *y)}
        return Recording(1e-3, 20, 1, {"x": 3, "y": 3}, spikes)

    none = ([], [], [])
    a, b = two(none, none), two(([0], [5], [2]), ([0], [5], [1]))
    assert first_divergence(a, b).population == "x"
    assert first_divergence(a, b, ["y", "x"]).population == "y"
    assert first_divergence(a, b, ["y"]).neuron == 1
    with pytest.raises(UnknownName, match="unknown population of both recordings 'z'"):
        first_divergence(a, b, ["z"])


# --- Decisions


def test_predictions():
    # Trial 0: neuron 2 twice; trial 1: neurons 1 and 2 once each, a tie; trial 2: silent.
    run = recording([(0, 1, 2), (0, 2, 2), (0, 3, 0), (1, 1, 2), (1, 5, 1)], trials=3)
    assert predictions(run, "out").tolist() == [2, 1, 0]
    assert predictions(run, "out").dtype == np.int64
    burst = recording([(0, 1, 0, 1), (0, 2, 0, 1), (0, 3, 1, 3)])  # a value is a number of spikes
    assert predictions(burst, "out").tolist() == [1, 0]
    v = np.zeros((2, 4, 3))
    v[0, -1], v[1, -1], v[:, 0] = [1, 3, 2], [5, 5, 1], [0, 0, 9]
    run = recording([], traces={"v": register(v)})
    assert predictions(run, "out").tolist() == [1, 0]
    assert predictions(run, "out", by="spikes").tolist() == [0, 0]
    run = recording([], traces={"v": register(v, 1, [2, 1, 0])})
    assert predictions(run, "out").tolist() == [1, 1]
    partial = recording([], traces={"v": register(v[..., :2], 1, [0, 1])})
    assert predictions(partial, "out").tolist() == [0, 0]
    with pytest.raises(InputError, match="can't decide by 'v'"):
        predictions(partial, "out", by="v")
    with pytest.raises(UnknownName, match="unknown population 'in'"):
        predictions(run, "in")


def test_accuracies():
    a = recording([(0, 1, 2), (1, 1, 1)])
    b = recording([(0, 1, 2), (1, 1, 0)])
    c = compare(a, b, outputs=["out"], labels=np.array([2, 0]))
    assert (c.same_decision, c.accuracy_reference, c.accuracy_other) == (0.5, 0.5, 1.0)
    c = compare(a, b, outputs=["out"])
    assert (c.same_decision, c.accuracy_reference, c.accuracy_other) == (0.5, None, None)
    assert compare(a, b).same_decision is None


def test_one_silent_network_still_decides_by_spikes():
    v = np.zeros((2, 4, 3))
    v[:, -1, 2] = 1
    quiet = recording([], traces={"v": register(v)})
    assert compare(quiet, quiet, outputs=["out"], labels=[2, 2]).accuracy_other == 1.0
    c = compare(recording([(0, 1, 1)]), quiet, outputs=["out"], labels=np.array([1, 2]))
    assert (c.accuracy_reference, c.accuracy_other) == (0.5, 0.0)


# --- Comparison


def test_identical_runs():
    run = recording([(0, 1, 2), (1, 3, 1)], traces={"v": register(np.ones((2, 20, 3), int))})
    c = compare(run, run, outputs=["out"])
    p = c.populations["out"]
    assert (p.spikes_reference, p.spikes_other, p.agreeing, p.agreement) == (2, 2, 2, 1.0)
    assert (p.gamma, p.trains, p.rate_error, p.rate_bias) == (1.0, 2, 0.0, 0.0)
    assert (p.van_rossum, p.victor_purpura, p.isi_distance, p.spike_distance) == (0, 0, 0, 0)
    assert c.divergence is None
    assert c.same_decision == 1.0
    assert p.traces["v"] == TraceComparison(0.0, 0.0, 0, 0, 0, 20)


def test_means_go_over_trains_with_a_spike():
    # Neuron 0, trial 0 moved by a step; neuron 2, trial 1 lost two spikes; the others are silent.
    a = recording([(0, 4, 0), (1, 2, 2), (1, 7, 2)])
    b = recording([(0, 5, 0)])
    c = compare(a, b, window=1e-3, tau=5e-3)
    p = c.populations["out"]
    assert (c.window, c.tau, c.cost) == (1e-3, 5e-3, 200.0)
    assert (p.size, p.trains, p.agreeing, p.agreement) == (3, 2, 0, 0.0)
    one, two = ([5e-3], [6e-3]), ([3e-3, 8e-3], [])
    for name, args in (
        ("van_rossum", (5e-3,)),
        ("victor_purpura", (200.0,)),
        ("isi_distance", (END,)),
        ("spike_distance", (END,)),
    ):
        figure = getattr(spikes, name)
        assert getattr(p, name) == pytest.approx((figure(*one, *args) + figure(*two, *args)) / 2)
    assert p.gamma == pytest.approx(0.5)  # 1 and 0
    assert (p.rate_error, p.rate_bias) == pytest.approx((50.0, -50.0))
    assert c.divergence == Divergence(1, 2, "out", 2, "spike", 1, 0)


def test_means_equal_those_of_the_definitions():
    rng = np.random.default_rng(7)
    rasters = rng.random((2, 4, 20, 5)) < 0.06
    runs = [
        Recording(1e-3, 20, 4, {"out": 5}, {"out": Spikes.from_dense(raster.astype(int))})
        for raster in rasters
    ]
    p = compare(*runs, tau=3e-3, window=1e-3).populations["out"]
    every = itertools.product(range(4), range(5))
    trains = [[run.times("out", *place) for run in runs] for place in every]
    trains = [(a, b) for a, b in trains if a.size + b.size]
    assert p.trains == len(trains) < 20
    for name, args in (
        ("coincidence", (END, 1e-3)),
        ("van_rossum", (3e-3,)),
        ("victor_purpura", (1 / 3e-3,)),
        ("isi_distance", (END,)),
        ("spike_distance", (END,)),
        ("rate_error", (END,)),
    ):
        expected = np.mean([getattr(spikes, name)(a, b, *args) for a, b in trains])
        field = {"coincidence": "gamma", "rate_error": "rate_bias"}.get(name, name)
        assert getattr(p, field) == pytest.approx(expected, abs=1e-12)
    assert p.agreeing == (rasters[0] & rasters[1]).sum()
    step, trial, neuron = np.argwhere((rasters[0] != rasters[1]).transpose(1, 0, 2))[0]
    d = compare(*runs).divergence
    assert (d.step, d.trial, d.neuron) == (step, trial, neuron)


def test_defaults_follow_dt_of_the_other():
    fine = recording([], steps=200, dt=1e-4)
    c = compare(fine, recording([]))
    assert (c.window, c.tau, c.cost) == pytest.approx((2e-3, 1e-2, 100.0))


def test_undefined_is_none_and_json():
    c = compare(recording([]), recording([]))
    p = c.populations["out"]
    assert p.trains == 0
    assert p.agreement is None
    assert p.gamma is None
    assert p.rate_bias is None
    json.dumps(c.as_dict(), allow_nan=False)
    assert ("out: coincidence Γ (±0.002 s)", "undefined") in c.rows()
    crowded = [(0, k, 0) for k in range(10)]
    c = compare(recording(crowded[:-1]), recording(crowded))
    assert c.populations["out"].gamma is None
    gap = {"u": register(np.full((2, 20, 3), np.nan))}
    c = compare(recording([], traces=gap), recording([(0, 1, 1)], traces=gap), cost=np.inf)
    d = json.loads(json.dumps(c.as_dict(), allow_nan=False))
    assert d["cost"] is None
    assert d["populations"]["out"]["traces"]["u"]["rmse"] is None
    assert d["divergence"]["step"] == 1
    assert d["populations"]["out"]["spikes_other"] == 1


@pytest.mark.parametrize(("fine", "ratio"), [(1e-4, 10), (1e-3 / 3, 3), (0.7e-3 / 8, 8)])
def test_fine_reference_against_coarse_run(fine, ratio):
    # Fine spikes at the end of a coarse step are at exactly its time, and inside it agree with it.
    coarse = fine * ratio
    other = recording([(0, k, 0) for k in range(0, 20, 2)], dt=coarse)
    on_time = [(0, (k + 1) * ratio - 1, 0) for k in range(0, 20, 2)]
    reference = recording(on_time, steps=20 * ratio, dt=fine)
    c = compare(reference, other)
    p = c.populations["out"]
    assert p.van_rossum == p.victor_purpura == p.spike_distance == 0.0
    assert p.gamma == 1.0
    assert p.agreement == 1.0
    assert c.divergence is None
    assert not c.same_steps
    assert ("first difference", "not defined: time steps differ") in c.rows()
    early = [(0, k * ratio, 0) for k in range(0, 20, 2)]
    p = compare(recording(early, steps=20 * ratio, dt=fine), other).populations["out"]
    assert p.agreement == 1.0
    assert p.victor_purpura > 0
    late = [(0, (k + 1) * ratio, 0) for k in range(0, 20, 2)]
    swapped = compare(other, recording(late, steps=20 * ratio, dt=fine)).populations["out"]
    assert swapped.agreement == 0.0
    # Two fine spikes in one coarse step: only one has a partner.
    p = compare(
        recording([(0, 0, 0), (0, 1, 0)], steps=20 * ratio, dt=fine),
        recording([(0, 0, 0)], dt=coarse),
    ).populations["out"]
    assert (p.agreeing, p.agreement) == (1, pytest.approx(2 / 3))


def test_traces_at_common_times():
    coarse = np.zeros((2, 20, 3))
    fine = np.zeros((2, 80, 3))
    fine[1, 4 * 7 + 3, 2] = 6.0  # the end of coarse step 7
    fine[0, 4 * 7 + 2, 1] = 99.0  # between coarse samples
    a = recording([], steps=80, dt=0.25e-3, traces={"v": register(fine)})
    t = compare(a, recording([], traces={"v": register(coarse)})).populations["out"].traces["v"]
    assert t == TraceComparison(np.sqrt(36 / 120), 6.0, 1, 7, 2, 20)
    # Same dt, strides 2 and 3: steps 0, 6, 12, 18.
    two, three = coarse[:, ::2].copy(), coarse[:, ::3].copy()
    three[0, 4, 1] = -2.0  # step 12
    two[0, 5, 1] = 9.0  # step 10, not common
    t = compare(
        recording([], traces={"v": register(two, 2)}),
        recording([], traces={"v": register(three, 3)}),
    ).populations["out"].traces["v"]  # fmt: skip
    assert t == TraceComparison(np.sqrt(4 / 24), 2.0, 0, 12, 1, 4)


def test_traces_that_cannot_be_compared_are_left_out():
    zeros = np.zeros((2, 20, 3))
    a = recording([], traces={"v": register(zeros), "u": register(zeros), "w": register(zeros)})
    b = {
        "v": register(zeros.astype(int)),  # codes against volts
        "u": register(zeros, 1, [2, 1, 0]),
    }
    assert not compare(a, recording([], traces=b)).populations["out"].traces
    # Samples at the end of fine step 0, 4, 8, ... are never at the end of a coarse step.
    fine = recording([], steps=80, dt=0.25e-3, traces={"v": register(zeros, 4)})
    assert not compare(fine, a).populations["out"].traces


def test_rows():
    run = recording([(0, 1, 2)], traces={"v": register(np.ones((2, 20, 3), int))})
    c = compare(run, run, outputs=["out"], labels=np.array([2, 1]))
    rows = dict(c.rows())
    assert rows["accuracy of the reference"] == "50.00 %"
    assert rows["first difference"] == "none"
    assert rows["out: spikes in agreement"] == "1 (100 %)"
    assert str(c).splitlines()[0].split("  ")[0] == "accuracy of the reference"
    lines = str(c).splitlines()
    assert all(line.endswith(text) for line, text in zip(lines, rows.values()))
    assert len({len(line) - len(text) for line, text in zip(lines, rows.values())}) == 1
    assert rows["out: v"] == "rms error 0, largest 0 at step 0, trial 0, neuron 0"


def test_only_common_populations():
    a = Recording(1e-3, 20, 1, {"x": 2, "y": 3}, {})
    b = Recording(1e-3, 20, 1, {"y": 3, "z": 1}, {})
    assert list(compare(a, b).populations) == ["y"]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda r: compare(r, recording([], trials=3)), "2 trials, the other 3"),
        (lambda r: compare(r, recording([], n=4)), "'out' has 3 neurons .* 4 in the other"),
        (lambda r: compare(r, recording([], steps=21)), "lasts 0.02 s .* 0.021 s"),
        (lambda r: compare(r, recording([], name="in")), "no common population"),
        (lambda r: compare(r, r, window=-1.0), "window = -1.0"),
        (lambda r: compare(r, r, tau=0.0), "tau = 0.0"),
        (lambda r: compare(r, r, labels=np.zeros(2, int)), "labels of shape"),
        (lambda r: compare(r, r, outputs=["out"], labels=np.zeros(3, int)), "labels of shape"),
        (lambda r: first_divergence(r, recording([], trials=3)), "2 trials, the other 3"),
        (lambda r: first_divergence(r, recording([], dt=2e-3)), "the other 20 of 0.002 s"),
        (lambda r: predictions(r, []), "have no neurons"),
    ],
    ids=itertools.count(),
)
def test_errors_of_comparison(call, text):
    with pytest.raises(InputError, match=text) as error:
        call(recording([]))
    assert "\n" not in str(error.value)
    with pytest.raises(UnknownName, match="output population 'x'"):
        compare(recording([]), recording([]), outputs=["x"])
