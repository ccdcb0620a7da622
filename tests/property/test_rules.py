"""Synapses by rule: the same in any blocks, as many as promised, and spread as they should be."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurohw as nh
from neurohw.fixed import FixedProjection
from neurohw.network import edges
from neurohw.testing import assert_same

WEIGHTS, DELAYS = np.arange(100, dtype=np.int32), np.arange(16, dtype=np.int32)
RULES = st.one_of(
    st.builds(nh.FixedInDegree, st.integers(0, 20), st.booleans()),
    st.builds(nh.FixedTotal, st.integers(0, 400)),
    st.builds(nh.Probability, st.floats(0, 1), st.booleans()),
    st.builds(
        nh.Distance, st.floats(0, 1), st.floats(0.5, 9), st.floats(0, 12), st.just(0), st.booleans()
    ),
)


def columns(rule, sizes, seed, same=False, most=1 << 18, tables=(WEIGHTS, DELAYS)):
    found = [[np.zeros(0, np.int32)] * 4]
    for block in edges.blocks(rule, *sizes, seed, *tables, most, same):
        found.append([column.copy() for column in block])
    return [np.concatenate([f[k] for f in found]) for k in range(4)]


@settings(max_examples=150, deadline=None)
@given(
    rule=RULES, n=st.integers(2, 30), m=st.integers(1, 30), seed=st.integers(0, 2**64 - 1),
    most=st.integers(1, 90), same=st.booleans(),
)  # fmt: skip
def test_any_blocks_are_the_same_synapses(rule, n, m, seed, most, same):
    sizes = (n, n) if same else (n, m)
    whole = columns(rule, sizes, seed, same)
    parts = columns(rule, sizes, seed, same, most)
    for a, b in zip(whole, parts):
        assert a.dtype == np.int32 and np.array_equal(a, b)
    pre, post = whole[:2]
    assert pre.size == edges.count(rule, *sizes, seed, same)
    if pre.size:
        assert pre.min() >= 0 and pre.max() < sizes[0]
        assert post.min() >= 0 and post.max() < sizes[1]
    if isinstance(rule, nh.FixedInDegree):
        assert np.array_equal(np.bincount(post, minlength=sizes[1]), np.full(sizes[1], rule.k))
        assert np.all(np.diff(post) >= 0)
    else:
        assert np.all(np.diff(pre) >= 0)
    if isinstance(rule, (nh.Probability, nh.Distance)):
        assert np.unique(pre.astype(np.int64) * sizes[1] + post).size == pre.size
    if same and not getattr(rule, "self_connections", True):
        assert not (pre == post).any()


@pytest.mark.parametrize(
    "rule",
    [nh.FixedInDegree(200), nh.FixedTotal(60_000), nh.Probability(0.2), nh.Distance(0.9, 40, 100)],
)
def test_threads_in_any_order(rule):
    made = edges.plan(rule, 300, 300, 77)
    cuts = made.cuts(999)
    assert len(cuts) > 10
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(made.block, *cut, WEIGHTS, DELAYS) for cut in reversed(cuts)]
    found = [job.result() for job in reversed(jobs)]
    for k, column in enumerate(columns(rule, (300, 300), 77)):
        assert np.array_equal(np.concatenate([f[k] for f in found]), column)


def test_blocks_that_are_kept_stay():
    kept = list(edges.blocks(nh.FixedTotal(5000), 50, 50, 1, WEIGHTS, DELAYS, 100))
    whole = columns(nh.FixedTotal(5000), (50, 50), 1)
    for k in range(4):
        assert np.array_equal(np.concatenate([b[k] for b in kept]), whole[k])


def chi(counts, expected):
    """Chi-square in standard deviations from its mean: a normal variable for many cells."""
    freedom = counts.size - 1
    return (np.sum((counts - expected) ** 2 / expected) - freedom) / np.sqrt(2 * freedom)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "rule", [nh.FixedInDegree(1000), nh.FixedTotal(500_000), nh.Probability(0.5)]
)
def test_draws_are_uniform_and_independent(rule, seed):
    pre, post, weight, delay = (c.astype(np.int64) for c in columns(rule, (1000, 500), seed))
    m = pre.size
    variance = 0.5 if isinstance(rule, nh.Probability) else 1.0  # of a binomial against a Poisson
    if not isinstance(rule, nh.FixedInDegree):
        assert abs(chi(np.bincount(post, minlength=500), m / 500) + (1 - variance) * 15.8) < 13
    cells = [
        (np.bincount(weight, minlength=100), 100), (np.bincount(delay, minlength=16), 16),
        (np.bincount(weight * 16 + delay, minlength=1600), 1600),
        (np.bincount(pre % 50 * 100 + weight, minlength=5000), 5000),
        (np.bincount(post % 50 * 16 + delay, minlength=800), 800),
        (np.bincount(weight[1:] * 100 + weight[:-1], minlength=10_000), 10_000),
    ]  # fmt: skip
    for counts, n in cells:
        assert abs(chi(counts, counts.sum() / n)) < 5, n
    if not isinstance(rule, nh.Probability):
        pairs = np.bincount(pre // 10 * 50 + post // 10, minlength=5000)
        assert abs(chi(pairs, m / 5000)) < 5


@pytest.mark.parametrize("p", [1e-4, 0.003, 0.1, 0.5, 0.97, 1.0])
def test_probability_is_met(p):
    n, m = 2000, 1500
    found = edges.count(nh.Probability(p), n, m, 5)
    assert abs(found - n * m * p) <= 4.5 * np.sqrt(n * m * p * (1 - p)) + 1e-9
    if p == 0.1:
        pre, post, *_ = columns(nh.Probability(p), (n, m), 5)
        for counts, cells, of in ((np.bincount(pre), n, m), (np.bincount(post), m, n)):
            assert counts.size == cells
            assert counts.var() == pytest.approx(of * p * (1 - p), rel=0.15)


def test_distance_falls_as_it_should():
    rule = nh.Distance(0.8, 10.0, 30.0)
    pre, post, *_ = columns(rule, (1000, 1000), 3)
    apart = np.abs((post - pre + 500) % 1000 - 500)
    assert apart.max() <= 30
    for d in (0, 5, 12, 25):
        pairs = 1000 if d == 0 else 2000
        chance = 0.8 * np.exp(-(d**2) / 200)
        assert abs(np.sum(apart == d) - pairs * chance) < 5 * np.sqrt(pairs * chance)
    x, y = (columns(nh.Distance(1.0, 1e6, 2.0, width=20), (400, 400), 3)[k] for k in (0, 1))
    assert x.size == 400 * 13  # the points of a grid within 2 of one: 1 + 4 + 4 + 4
    across = np.abs((y % 20 - x % 20 + 10) % 20 - 10)
    down = np.abs((y // 20 - x // 20 + 10) % 20 - 10)
    assert (across**2 + down**2).max() == 4


def test_python_and_kernel_mix_alike():
    assert [edges.mixed(99, k) for k in (1, 2, 3)] == edges.draws(99, 3).tolist()
    # The first numbers of splitmix64 from 0, as its reference implementation gives them.
    assert edges.mixed(0, 1) == 0xE220A8397B1DCDAF and edges.mixed(0, 2) == 0x6E789E6AA1B965F4


def rule_network(rule, seed):
    populations = {
        "E": nh.CubaLIF(40, 5e-3, 20e-3, bias=np.linspace(0.5, 2.5, 40)),
        "I": nh.CubaLIF(10, 5e-3, 20e-3, bias=0.9),
    }
    made = [
        nh.Projection.by_rule("E", "I", rule, nh.Normal(0.8, 0.2), nh.Uniform(0, 9e-3), seed),
        nh.Projection.by_rule("I", "E", rule, nh.Uniform(-1.0, -0.4), nh.Uniform(0, 9e-3), seed),
        nh.Projection.by_rule("E", "E", rule, nh.Normal(0.0, 0.3), 2e-3, seed),
    ]
    return nh.Network(populations, made, dt=1e-3)


@pytest.mark.parametrize(
    "rule",
    [
        nh.FixedInDegree(12, self_connections=False), nh.FixedTotal(200),
        nh.Probability(0.3, self_connections=False), nh.Distance(0.9, 5, 9),
    ],
)  # fmt: skip
def test_a_run_by_rule_is_a_run_by_list(rule, loihi2):
    network = rule_network(rule, 11)
    by_rule = nh.quantise(network, loihi2)
    lists = tuple(
        FixedProjection.of(
            p.source, p.target, p.pre, p.post, p.weight, p.delay, p.exponent, p.name, p.port, p.bits,
            p.mode,
        )
        for p in by_rule.projections
    )  # fmt: skip
    by_list = nh.FixedPointNetwork(
        by_rule.chip, by_rule.dt, by_rule.inputs, by_rule.populations, lists
    )
    record = {"E": ["v", "u"], "I": ["v", "u"]}
    fast, slow = (nh.emulate(net, steps=120, record=record) for net in (by_rule, by_list))
    assert_same(fast, slow)
    assert_same(fast, nh.interpret(by_rule, steps=120, record=record))
    assert fast.spikes["E"].count > 20 and fast.spikes["I"].count > 5
