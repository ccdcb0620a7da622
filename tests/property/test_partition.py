"""Partitioning on random graphs: what holds for every algorithm, and km1 against a plain count."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from neurohw.errors import BackendMissing, CapacityError, UnknownName
from neurohw.mapping.graph import Graph, in_axons, km1, loads, out_axons
from neurohw.mapping.partition import ALGORITHMS, multilevel, partition, refine
from neurohw.mapping.partition.hypergraph import Hypergraph

COLUMNS = st.integers(1, 3)


@st.composite
def problems(draw, columns=COLUMNS):
    """(graph, k, capacity): few vertices or none connected, parts more than vertices, loose and tight."""
    n = draw(st.integers(1, 24))
    k = draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    edges = draw(st.sampled_from([0, 1, n, 4 * n, 12 * n]))
    reach = draw(st.sampled_from([1, 3, n]))  # near neighbours, or anyone
    pre = rng.integers(0, n, edges)
    post = (pre + rng.integers(0, reach + 1, edges)) % n
    activity = draw(st.sampled_from([None, rng.random(n), rng.integers(0, 3, n).astype(float)]))
    c = draw(columns)
    weights = np.ones((n, c), np.int64)
    weights[:, 1:] = rng.integers(0, 6, (n, c - 1))
    even = -(-weights.sum(axis=0) // k)
    slack = draw(st.sampled_from([0, 1, 5]))
    capacity = even + slack if c == 1 else even + slack + weights.max(axis=0)
    if draw(st.booleans()):  # parts of different sizes, none smaller
        capacity = capacity + rng.integers(0, 3, (k, c))
    return Graph.of(n, pre, post, activity, weights), k, capacity


def rows(graph):
    return [
        set(graph.targets[a:b].tolist())
        for a, b in zip(graph.offsets[:-1], graph.offsets[1:], strict=True)
    ]


def divided(name, graph, k, capacity, seed):
    """The algorithm's parts, or None where it is not installed or finds that nothing fits."""
    try:
        return ALGORITHMS[name](graph, k, capacity=capacity, seed=seed)
    except (UnknownName, BackendMissing):
        pytest.skip(f"{name} is not installed")
    except CapacityError:
        # One column always fits; several are a packing problem.
        assert graph.weights.shape[1] > 1
        return None


@pytest.mark.parametrize("name", ALGORITHMS)
@given(problem=problems(), seed=st.integers(0, 2**31 - 1))
@settings(max_examples=60, deadline=None)
def test_every_vertex_has_one_part_within_the_capacity(name, problem, seed):
    graph, k, capacity = problem
    parts = divided(name, graph, k, capacity, seed)
    if parts is None:
        return
    assert parts.dtype == np.int32
    assert parts.shape == (graph.n,)
    assert parts.min() >= 0
    assert parts.max() < k
    assert (loads(graph, parts, k) <= capacity).all()
    again = divided(name, graph, k, capacity, seed)
    np.testing.assert_array_equal(parts, again)


@given(problem=problems(), seed=st.integers(0, 1000), rounds=st.sampled_from([0, 1, 7, None]))
@settings(max_examples=100, deadline=None)
def test_refining_never_costs(problem, seed, rounds):
    graph, k, capacity = problem
    start = divided("scattered", graph, k, capacity, seed)
    if start is None:
        return
    better = refine(graph, start, k, capacity=capacity, seed=seed, rounds=rounds)
    assert km1(graph, better, k) <= km1(graph, start, k)
    assert (loads(graph, better, k) <= capacity).all()
    np.testing.assert_array_equal(
        better, refine(graph, start, k, capacity=capacity, seed=seed, rounds=rounds)
    )


@given(problem=problems(columns=st.just(1)), seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_refining_repairs(problem, seed):
    graph, k, capacity = problem
    rng = np.random.default_rng(seed)
    parts = refine(graph, rng.integers(0, k, graph.n), k, capacity=capacity, seed=seed, rounds=2)
    assert (loads(graph, parts, k) <= capacity).all()


@given(problem=problems(), seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_auto_is_never_above_chunks(problem, seed):
    graph, k, capacity = problem
    start = divided("chunks", graph, k, capacity, seed)
    if start is None:
        return
    found = partition(graph, k, capacity=capacity, seed=seed)
    assert found.km1 == km1(graph, found.parts, k) == min(found.tried.values())
    assert found.km1 <= km1(graph, start, k) == found.tried["chunks"]
    assert (loads(graph, found.parts, k) <= capacity).all()


@given(problem=problems(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=200, deadline=None)
def test_metrics_are_a_plain_count(problem, seed):
    graph, k, _ = problem
    parts = np.random.default_rng(seed).integers(0, k, graph.n)
    cost, into, out, load = 0.0, [0] * k, [0] * k, np.zeros((k, graph.weights.shape[1]), int)
    for v, targets in enumerate(rows(graph)):
        cost += graph.activity[v] * (len({parts[v]} | {parts[u] for u in targets}) - 1)
        for b in {parts[u] for u in targets}:
            into[b] += 1
            out[parts[v]] += 1
        load[parts[v]] += graph.weights[v]
    assert km1(graph, parts, k) == pytest.approx(cost, rel=1e-12)
    assert in_axons(graph, parts, k).tolist() == into
    assert out_axons(graph, parts, k).tolist() == out
    np.testing.assert_array_equal(loads(graph, parts, k), load)


@given(
    n=st.integers(1, 12),
    edges=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=60),
    dtype=st.sampled_from([np.int8, np.uint16, np.int32, np.uint64]),
)
@example(n=1, edges=[], dtype=np.int32)
@settings(max_examples=200, deadline=None)
def test_a_graph_holds_distinct_targets(n, edges, dtype):
    edges = [(a % n, b % n) for a, b in edges]
    pre, post = (np.array([e[i] for e in edges], dtype) for i in (0, 1))
    graph = Graph.of(n, pre, post)
    assert [sorted(r) for r in rows(graph)] == [
        sorted({b for a, b in edges if a == v}) for v in range(n)
    ]
    assert graph.edges == len(set(edges))
    assert all(
        (np.diff(graph.targets[a:b]) > 0).all() for a, b in zip(graph.offsets, graph.offsets[1:])
    )
    turned = graph.reversed()
    assert [sorted(r) for r in rows(turned)] == [
        sorted({a for a, b in edges if b == v}) for v in range(n)
    ]


@given(problem=problems(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_merging_keeps_the_cost_of_a_coarse_division(problem, seed):
    """λ - 1 of a division that keeps clusters together is the same on every level."""
    graph, k, _ = problem
    rng = np.random.default_rng(seed)
    fine = Hypergraph.of(graph)
    _, label = np.unique(rng.integers(0, graph.n, graph.n), return_inverse=True)
    coarse = fine.merged(label.astype(np.int32), int(label.max()) + 1)
    parts = rng.integers(0, k, coarse.n)
    cost = sum(
        rate * (len(set(parts[coarse.pins[a:b]].tolist())) - 1)
        for rate, a, b in zip(coarse.rates, coarse.ends, coarse.ends[1:])
    )
    assert cost == pytest.approx(km1(graph, parts[label], k), rel=1e-12)
    assert coarse.weights.sum() == graph.weights.sum()
    nets = [tuple(sorted(coarse.pins[a:b])) for a, b in zip(coarse.ends, coarse.ends[1:])]
    assert len(set(nets)) == len(nets)


@given(problem=problems(columns=st.just(1)), seed=st.integers(0, 1000), room=st.integers(16, 60))
@settings(max_examples=40, deadline=None)
def test_large_tables_are_avoided(problem, seed, room):
    """Many parts are first grouped, then refined so many at a time; the rules stay the same."""
    graph, k, capacity = problem
    with pytest.MonkeyPatch.context() as patch:
        for module in ("multilevel", "refine"):
            patch.setattr(import_module(f"neurohw.mapping.partition.{module}"), "TABLE", room)
        parts = multilevel(graph, k, capacity=capacity, seed=seed)
        assert (loads(graph, parts, k) <= capacity).all()
        start = ALGORITHMS["chunks"](graph, k, capacity=capacity, seed=seed)
        assert km1(graph, parts, k) <= km1(graph, start, k)
