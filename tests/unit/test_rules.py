"""Connections by rule: descriptions, tables, networks of them, and what they are refused for."""

import dataclasses
import subprocess
import sys
from statistics import NormalDist

import numpy as np
import pytest

import neurohw as nh
from neurohw.bench import networks, pd14, statistics
from neurohw.bench.start import spread_v
from neurohw.errors import NetworkError, NeurohwError
from neurohw.fixed import FixedProjection
from neurohw.fixed_rules import FixedRuleProjection
from neurohw.network import random_projection
from neurohw.network.events import Spikes
from neurohw.network.random_projection import RuleProjection
from neurohw.quantise import sampled


def pair(rule, *, n=(80, 20), weight=1.5, delay=0.0, seed=3, **projection):
    populations = {"E": nh.CubaLIF(n[0], 5e-3, 20e-3, bias=2.0), "I": nh.CubaLIF(n[1], 5e-3, 20e-3)}
    p = nh.Projection.by_rule("E", "I", rule, weight, delay, seed=seed, **projection)
    return nh.Network(populations, [p], dt=1e-3)


def listed(network):
    return network.with_(projections=tuple(p.stored() for p in network.projections))


def refused(make, *parts):
    with pytest.raises(NeurohwError) as error:
        make()
    text = str(error.value)
    assert "\n" not in text
    for part in parts:
        assert part in text, text


def test_tables_are_mid_quantiles():
    normal = nh.Normal(3.0, 0.5).table(1000)
    assert normal.dtype == np.float64 and normal.shape == (1000,)
    assert np.all(np.diff(normal) > 0)
    assert normal.mean() == pytest.approx(3.0, abs=1e-12)
    assert normal.std() == pytest.approx(0.5, rel=2e-3)
    assert normal[250] == pytest.approx(NormalDist(3.0, 0.5).inv_cdf(0.2505), abs=1e-9)
    assert nh.Uniform(2.0, 4.0).table(4).tolist() == [2.25, 2.75, 3.25, 3.75]
    assert nh.Uniform(1.0, 3.0, step=0.5).table().tolist() == [1.0, 1.5, 2.0, 2.5, 3.0]
    assert nh.Constant(7).table().tolist() == [7.0]
    assert nh.Normal(7, 0).table().tolist() == [7.0]
    assert nh.Uniform(7, 7).table().tolist() == [7.0]


def test_truncation_draws_again():
    half = nh.Normal(0.0, 1.0, low=0.0).table()
    assert half.min() > 0
    # The mean of the upper half of a standard normal variable is sqrt(2 / pi).
    assert half.mean() == pytest.approx(np.sqrt(2 / np.pi), rel=1e-3)
    tail = nh.Normal(0.0, 1.0, low=9.0).table()
    assert tail.min() >= 9.0 and np.all(np.diff(tail) > 0)
    assert np.allclose(nh.Normal(0.0, 1.0, high=-9.0).table()[::-1], -tail)


def test_numbers_are_constants_and_columns_are_lists():
    network = pair(nh.FixedInDegree(7), weight=2, delay=3e-3)
    (p,) = network.projections
    assert isinstance(p, RuleProjection) and isinstance(p, nh.Projection)
    assert network.synapses == p.synapses == 140
    assert set(p.weight) == {2.0} and set(p.delay) == {3e-3}
    assert p.pre.dtype == p.post.dtype == np.int32
    assert p.pre is p.pre
    assert not p.pre.flags.writeable
    sparse = nh.Projection.sparse("E", "I", p.pre, p.post, p.weight, p.delay)
    for column in ("pre", "post", "weight", "delay"):
        assert np.array_equal(getattr(sparse, column), getattr(p, column))
    assert network.latency() == 0 and p.shortest() == 3e-3


def test_a_network_is_a_function_of_its_seed():
    one, same, other = (pair(nh.FixedInDegree(9), seed=s).projections[0] for s in (1, 1, 2))
    assert np.array_equal(one.pre, same.pre)
    assert not np.array_equal(one.pre, other.pre)
    rules = [nh.Projection.by_rule("E", "I", nh.FixedInDegree(9), 1.0, seed=1) for _ in "ab"]
    twins = nh.Network(pair(nh.FixedInDegree(9)).populations, rules, dt=1e-3).projections
    assert [p.name for p in twins] == ["E->I", "E->I#2"]
    assert not np.array_equal(twins[0].pre, twins[1].pre)


def test_the_first_synapses_stay_what_they_were():
    """A change of the generator changes everybody's networks: it needs a new name."""
    p = pair(nh.FixedTotal(1000), delay=nh.Uniform(1e-3, 4e-3, step=1e-3)).projections[0]
    assert [int(x) for x in (p.pre.sum(), p.post.sum(), (p.pre * p.post).sum())] == EXPECTED[:3]
    assert int(np.rint(p.delay * 1e3) @ np.arange(1000)) == EXPECTED[3]


EXPECTED = [39965, 9515, 378921, 1247852]


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (lambda: nh.FixedInDegree(-1), ("FixedInDegree: k is -1",)),
        (lambda: nh.FixedInDegree(1.5), ("k is 1.5", "whole number")),
        (lambda: nh.FixedTotal(True), ("synapses is True",)),
        (lambda: nh.Probability(1.1), ("Probability: p is 1.1", "0..1")),
        (lambda: nh.Distance(0.5, 0.0, 3), ("sigma is 0.0",)),
        (lambda: nh.Normal(0, -1), ("sd is -1",)),
        (lambda: nh.Normal(0, 1, 2, 1), ("low 2 is not below high 1",)),
        (lambda: nh.Normal(0, 1, 50, 51), ("has no part",)),
        (lambda: nh.Uniform(2, 1), ("Uniform: high is 1",)),
        (lambda: nh.Uniform(0, 1, 1e-9), ("more than 65536 values",)),
        (lambda: nh.Constant(float("nan")), ("value is nan",)),
        (lambda: nh.Projection.by_rule("a", "b", 3, 1.0), ("a -> b", "rule is 3")),
        (lambda: nh.Projection.by_rule("a", "b", nh.FixedTotal(3), "x"), ("weight is 'x'",)),
        (lambda: nh.Projection.by_rule("a", "b", nh.FixedTotal(3), 1, -1), ("a delay is -1 s",)),
        (lambda: nh.Projection.by_rule("a", "b", nh.FixedTotal(3), 1, seed=1.5), ("seed is 1.5",)),
        (
            lambda: nh.Projection.by_rule("a", "b", nh.Probability(0.5), 1).synapses,
            ("'a->b'", "put it into a Network"),
        ),
        (lambda: pair(nh.Distance(1, 1, 1, width=7)).synapses, ("80 and 20", "rows of 7")),
        (
            lambda: pair(nh.FixedTotal(10**9)).projections[0].pre,
            ("'E->I'", "1,000,000,000", "50,000,000"),
        ),
    ],
)
def test_refusals(make, parts):
    refused(make, *parts)


def test_wrong_ends_are_refused():
    p = nh.Projection.by_rule("E", "nobody", nh.FixedTotal(3), 1.0)
    refused(lambda: nh.Network({"E": nh.LIF(3, tau=1e-2)}, [p], dt=1e-3), "nobody")
    one = nh.Projection.by_rule("E", "E", nh.FixedInDegree(2, self_connections=False), 1.0)
    network = nh.Network({"E": nh.LIF(1, tau=1e-2)}, [one], dt=1e-3)
    refused(lambda: network.projections[0].pre, "self-connections on 1 neuron")


@pytest.mark.parametrize("rule", [nh.FixedInDegree(40), nh.FixedTotal(900), nh.Probability(0.4)])
def test_quantised_table_is_quantised_list(rule, loihi2):
    network = pair(rule, weight=nh.Normal(2.0, 0.4), delay=nh.Uniform(0.0, 15e-3))
    by_rule, by_list = nh.quantise(network, loihi2), nh.quantise(listed(network), loihi2)
    (p,), (q,) = by_rule.projections, by_list.projections
    assert isinstance(p, FixedRuleProjection) and type(q) is FixedProjection
    assert (p.name, p.exponent, p.mode, p.port) == (q.name, q.exponent, q.mode, q.port)
    assert by_rule.synapses == by_list.synapses
    for column in ("pre", "post", "weight", "delay"):
        got = getattr(p, column)
        assert got.dtype == np.int32 and np.array_equal(got, getattr(q, column)), column
    assert by_rule.record == by_list.record
    assert dataclasses.replace(p, name="other").synapses == p.synapses


def test_blocks_of_a_list_are_its_slices():
    p = FixedProjection.of("a", "b", [0, 1, 2, 3, 4], 0, 7)
    parts = list(p.blocks(2))
    assert [b[0].size for b in parts] == [2, 2, 1]
    for k, column in enumerate((p.pre, p.post, p.weight, p.delay)):
        assert np.array_equal(np.concatenate([b[k] for b in parts]), column)


def test_signs_of_their_own_inputs():
    chip = nh.load_chip("spinnaker1")
    both = nh.quantise(pair(nh.FixedTotal(300), weight=nh.Normal(0.0, 1.0)), chip)
    assert [type(p) for p in both.projections] == [FixedProjection, FixedProjection]
    negative = nh.quantise(pair(nh.FixedTotal(300), weight=nh.Uniform(-3.0, -1.0)), chip)
    (p,) = negative.projections
    assert isinstance(p, FixedRuleProjection) and p.port and p.weights.min() > 0
    lists = nh.quantise(listed(pair(nh.FixedTotal(300), weight=nh.Uniform(-3.0, -1.0))), chip)
    assert np.array_equal(p.weight, lists.projections[0].weight)


def test_each_neuron_its_own_scale_makes_lists(loihi2):
    fixed = nh.quantise(pair(nh.FixedTotal(300)), loihi2, scale="neuron")
    assert type(fixed.projections[0]) is FixedProjection


def test_large_networks_are_sampled(loihi2, monkeypatch):
    rule, weight = nh.FixedInDegree(300), nh.Normal(0.6, 0.1)
    network = pair(rule, n=(2000, 500), weight=weight, delay=nh.Uniform(0.0, 15e-3))
    whole = nh.quantise(network, loihi2)
    monkeypatch.setattr(sampled, "LISTED", 1000)
    monkeypatch.setattr(random_projection, "MOST_STORED", 1000)
    found = nh.quantise(network, loihi2)
    (p,), (q,) = found.projections, whole.projections
    assert "pre" not in vars(p)
    assert (p.mode, p.exponent) == (q.mode, q.exponent)
    scales = found.record.scales["I"], whole.record.scales["I"]
    assert scales[0] == pytest.approx(scales[1], rel=0.05)
    assert p.weights.max() == pytest.approx(q.weights.max(), abs=4)
    entry = found.record.weights[0]
    assert entry.synapses == 150_000
    assert entry.rms_error == pytest.approx(whole.record.weights[0].rms_error, rel=0.3)
    refused(lambda: p.pre, "150,000 synapses by rule")
    fresh = pair(rule, n=(2000, 500))
    refused(lambda: nh.quantise(fresh, loihi2, scale="neuron"), "150,000", "1,000")
    late = pair(rule, n=(2000, 500), delay=nh.Normal(60e-3, 2e-3))
    refused(lambda: nh.quantise(late, loihi2), "the delay of synapse", "0..63")
    clipped = nh.quantise(late, loihi2, on_limit="clip")
    assert clipped.projections[0].delays.max() == 63 and "clipped" in clipped.record.clips[0]


def test_several_chips_hold_more():
    small = {"limits.cores.value": 1, "limits.neurons_per_core.value": 16}
    chip = nh.load_chip("prototype", small)
    network = pair(nh.FixedTotal(10), n=(10, 10))
    refused(lambda: nh.quantise(network, chip), "has room for 16: 4 too many", ", or chips=2")
    assert nh.quantise(network, chip, chips=2).chips == 2
    refused(lambda: nh.quantise(network, chip, chips=0), "chips is 0")
    wide = pair(nh.FixedTotal(10), n=(40, 10))
    refused(lambda: nh.quantise(wide, chip, chips=2), "2 chips prototype have room for 32", "=4")


def test_fan_in_stays_that_of_a_neuron():
    network = pair(nh.FixedInDegree(5000))
    refused(lambda: nh.quantise(network, nh.load_chip("loihi1"), chips=9), "5,000 fan-in", "4,096")


def test_rules_need_no_numba():
    code = (
        "import sys, neurohw as nh; nh.FixedTotal(3); nh.Projection.by_rule('a', 'b', nh.FixedTotal(3),"
        " 1.0); assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_errors_are_of_the_network():
    with pytest.raises(NetworkError):
        nh.FixedTotal(-1)


def test_a_microcircuit_by_its_numbers(loihi2):
    full = networks.microcircuit()
    assert (full.neurons, full.synapses) == (77_169, 298_880_968)  # INM-6's package at scale 1
    assert len(full.projections) == 55 and full.dt == 1e-4
    # 0.15 mV at the peak are 87.8 pA, the weight that the package prints for C 250 pF, 10 and 0.5 ms.
    assert pd14.PSP / pd14.peak(10e-3, 0.5e-3, 250e-12) == pytest.approx(87.8e-12, rel=1e-3)
    small = networks.microcircuit(0.01, seed=4)
    assert small.neurons == 771 and small.synapses == pytest.approx(2_988_810, abs=30)
    alone = small.with_(projections=())
    fixed = pd14.initial_v(nh.quantise(alone, loihi2), seed=1)
    p = fixed.populations["L4E"]
    volts = pd14.REST + p.initial["v"] / p.meaning.scale
    assert volts.mean() == pytest.approx(pd14.V0_MEAN[2], abs=1.5e-3)
    assert volts.std() == pytest.approx(pd14.V0_SD[2], rel=0.2)
    assert set(p.initial["u"]) == {0}
    again = pd14.initial_v(nh.quantise(alone, loihi2), seed=1)
    assert np.array_equal(again.populations["L4E"].initial["v"], p.initial["v"])
    refused(lambda: networks.microcircuit(0.0), "scale is 0.0")


@pytest.mark.parametrize(
    ("network", "spread", "low", "high"),
    [
        (networks.balanced(500, 50, w=30.0, drive=(500.0, 500.0)), (0.0, 20e-3), 15, 60),
        (networks.brunel(1000), (10e-3, 20e-3), 5, 150),
        (networks.vogels_abbott(1000, p=0.08), (-60e-3, -50e-3), 2, 100),
    ],
)
def test_ready_networks_are_alive(network, spread, low, high, loihi2):
    fixed = spread_v(nh.quantise(network, loihi2), dict.fromkeys("EI", nh.Uniform(*spread)), 1)
    run = nh.emulate(fixed, steps=round(0.3 / network.dt))
    for rate in statistics.rates(run, start=0.1).values():
        assert low < rate < high


def recording(steps=1000, **trains):
    spikes = {}
    for name, train in trains.items():
        step, neuron = np.nonzero(train)
        spikes[name] = Spikes.of(train.shape[1], np.zeros(step.size, int), step, neuron)
    return nh.Recording(1e-3, steps, 1, {k: v.shape[1] for k, v in trains.items()}, spikes)


def test_statistics_of_known_trains():
    clock = np.zeros((1000, 3), bool)
    clock[::10] = True
    poisson = np.random.default_rng(0).random((1000, 400)) < 0.05
    run = recording(clock=clock, poisson=poisson)
    assert statistics.rates(run) == {"clock": 100.0, "poisson": poisson.mean() * 1000}
    assert statistics.rates(run, start=0.5)["clock"] == 100.0
    assert np.array_equal(statistics.interval_cv(run, "clock"), np.zeros(3))
    # Steps of a Bernoulli train are geometric: their deviation over mean is sqrt(1 - p).
    assert statistics.interval_cv(run, "poisson").mean() == pytest.approx(0.95**0.5, abs=0.05)
    together = statistics.correlations(run, "clock")
    assert together.shape == (3,) and np.allclose(together, 1)
    apart = statistics.correlations(run, "poisson")
    assert apart.shape == (199 * 100,) and abs(apart.mean()) < 0.005
    assert apart.std() == pytest.approx(1 / np.sqrt(500), rel=0.05)
    silent = recording(quiet=np.zeros((1000, 5), bool))
    assert statistics.correlations(silent, "quiet").size == 0
    assert statistics.interval_cv(silent, "quiet").size == 0
    (row,) = statistics.against(run, {"clock": 80.0}, spread={"clock": 5.0})
    assert (row.relative, row.inside) == (0.25, False)
    assert statistics.against(run, {"clock": 80.0})[0].inside is None
    refused(lambda: statistics.rates(run, 2.0), "start is 2 s")
    refused(lambda: statistics.correlations(run, "clock", bin_width=1.5e-3), "0.0015 s")
    refused(lambda: statistics.against(run), "L23E")
