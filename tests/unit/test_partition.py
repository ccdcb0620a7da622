"""Partitioning: four networks with published figures, capacities, errors, the door to libraries."""

from __future__ import annotations

import sys
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest

from neurohw.errors import CapacityError, InputError, NetworkError, NeurohwError, UnknownName
from neurohw.mapping.graph import Graph, in_axons, km1, loads, out_axons
from neurohw.mapping.partition import ALGORITHMS, partition, refine
from neurohw.mapping.partition.foreign import installed

K = 64
LIBRARIES = ("metis", "mtkahypar")
ANNEALING = import_module("neurohw.mapping.partition.multilevel")


def graph_of(rows):
    pre = np.repeat(np.arange(len(rows)), [len(r) for r in rows])
    return Graph.of(len(rows), pre, np.concatenate([np.asarray(r, int) for r in rows]))


def conv():
    """Four feature layers of a convolution, 3 x 3, neurons by row, column, channel."""
    shapes = [(28, 28, 2), (26, 26, 4), (24, 24, 6), (11, 11, 16)]
    first = np.cumsum([0] + [h * w * c for h, w, c in shapes])
    pre, post = [], []
    for i in range(3):
        (_, width, channels), (rows, columns, kernels) = shapes[i : i + 2]
        stride = 2 if i == 2 else 1
        y, x, c, dy, dx, d = np.indices((rows, columns, kernels, 3, 3, channels)).reshape(6, -1)
        post.append(first[i + 1] + (y * columns + x) * kernels + c)
        pre.append(first[i] + ((y * stride + dy) * width + x * stride + dx) * channels + d)
    return Graph.of(int(first[-1]), np.concatenate(pre), np.concatenate(post))


def rewired(rng, targets, n):
    """One in ten targets replaced by any vertex, as the random stream of the published nets has it."""
    chosen = rng.random(len(targets)) < 0.1
    return [int(rng.integers(n)) if c else t for c, t in zip(chosen, targets, strict=True)]


def ring(n=10_000, k=50):
    rng, rows = np.random.default_rng(0), []
    for i in range(n):
        near = [(i + d) % n for d in range(-k // 2, k // 2 + 1) if d]
        rows.append([t for t in rewired(rng, near, n) if t != i])
    return graph_of(rows)


def torus(side=100, radius=4):
    """Neighbours within a distance on a torus, their numbers shuffled."""
    rng, n = np.random.default_rng(0), side * side
    number = rng.permutation(n)
    steps = range(-radius, radius + 1)
    near = [(a, b) for a in steps for b in steps if 0 < a * a + b * b <= radius * radius]
    rows = [[]] * n
    for i in range(n):
        y, x = divmod(i, side)
        targets = [((y + a) % side) * side + (x + b) % side for a, b in near]
        rows[number[i]] = [number[t] for t in rewired(rng, targets, n) if t != i]
    return graph_of(rows)


def random_net(n=10_000, p=0.01):
    rng = np.random.default_rng(0)
    return graph_of([rng.choice(n, int(n * p), replace=False) for _ in range(n)])


NETS = {"conv": conv, "ring": ring, "torus": torus, "random": random_net}


@pytest.fixture(scope="module")
def nets():
    return {name: make() for name, make in NETS.items()}


def five_percent(graph):
    return [int(np.ceil(1.05 * graph.n / K))]


@pytest.mark.parametrize(
    ("name", "n", "edges", "cost", "axons"),
    [
        ("conv", 9664, 277_632, 16_334, 426),
        ("ring", 10_000, 499_771, 50_490, 1006),
        ("torus", 10_000, 479_799, 333_353, 5487),
        ("random", 10_000, 1_000_000, 500_816, 8033),
    ],
)
def test_declared_order_costs_what_was_counted_before(nets, name, n, edges, cost, axons):
    """km1 and the most in-axons of 64 contiguous chunks, counted with sets in another program."""
    graph = nets[name]
    parts = ALGORITHMS["chunks"](graph, K, capacity=five_percent(graph), seed=0)
    assert (graph.n, graph.edges) == (n, edges)
    assert km1(graph, parts, K) == cost
    assert in_axons(graph, parts, K).max() == axons
    assert out_axons(graph, parts, K).sum() == in_axons(graph, parts, K).sum()


def test_in_axons_of_a_random_net_as_expected(nets):
    """A part of m vertices is reached by N (1 - (1 - p)^m) sources of N, on average."""
    graph = nets["random"]
    parts = ALGORITHMS["scattered"](graph, K, capacity=five_percent(graph), seed=1)
    m = loads(graph, parts, K)[:, 0]
    expected = graph.n * (1 - 0.99**m)
    assert in_axons(graph, parts, K).mean() == pytest.approx(expected.mean(), rel=5e-3)


# METIS 5 by recursive bisection gets 9,203, mt-KaHyPar 1.7 7,935 (and 8,294 in its deterministic preset),
# KaHyPar 1.3.7 7,885 on this network.
def test_convolution_is_divided_as_well_as_by_kahypar(nets):
    graph = nets["conv"]
    found = partition(graph, K, method="multilevel", capacity=five_percent(graph), seed=0)
    assert found.km1 <= 8000
    assert found.km1 == km1(graph, found.parts, K)
    assert loads(graph, found.parts, K).max() <= five_percent(graph)[0]


# By METIS, recursively: 59,136, 51,950 and 492,739.
@pytest.mark.parametrize(
    ("name", "most"), [("torus", 60_610), ("ring", 50_490), ("random", 480_000)]
)
def test_with_a_tenth_of_the_effort(nets, name, most, monkeypatch):
    monkeypatch.setattr(ANNEALING, "EFFORT", 4e7)
    monkeypatch.setattr(import_module("neurohw.mapping.partition.refine"), "EFFORT", 1e7)
    graph = nets[name]
    parts = ALGORITHMS["multilevel"](graph, K, capacity=five_percent(graph), seed=1)
    assert km1(graph, parts, K) <= most
    assert loads(graph, parts, K).max() <= five_percent(graph)[0]


def test_no_slack_at_all():
    """Cliques in shuffled order, parts of exactly their size: only exchanges are possible."""
    number = np.random.default_rng(3).permutation(64)
    pre, post = np.divmod(np.arange(64 * 64), 64)
    same = pre // 8 == post // 8
    graph = Graph.of(64, number[pre[same]], number[post[same]])
    parts = ALGORITHMS["multilevel"](graph, 8, capacity=[8], seed=0)
    assert km1(graph, parts, 8) == 0


def test_what_fits_in_one_part_goes_there():
    rng = np.random.default_rng(0)
    graph = Graph.of(300, rng.integers(0, 300, 3000), rng.integers(0, 300, 3000))
    assert partition(graph, 8, capacity=[300]).km1 == 0


def test_a_busy_vertex_counts_for_more():
    """0 reaches 2 and 3, as 1 does; only one of the two can be with them."""

    def of(*rates):
        return Graph.of(4, [0, 0, 1, 1], [2, 3, 2, 3], activity=rates)

    for busy in (0, 1):
        graph = of(*(5.5 if v == busy else 0.25 for v in range(4)))
        found = partition(graph, 2, capacity=[3])
        assert found.parts[busy] == found.parts[2] == found.parts[3]
        assert found.km1 == 0.25


def test_capacities_of_several_resources():
    rng = np.random.default_rng(5)
    bits = rng.integers(1, 100, 200)
    weights = np.stack([np.ones(200, int), bits], axis=1)
    graph = Graph.of(200, rng.integers(0, 200, 900), rng.integers(0, 200, 900), weights=weights)
    capacity = [60, int(1.1 * bits.sum() / 8)]
    for name in ("chunks", "scattered", "multilevel"):
        parts = ALGORITHMS[name](graph, 8, capacity=capacity, seed=2)
        assert (loads(graph, parts, 8) <= capacity).all()
        assert loads(graph, parts, 8).sum(axis=0).tolist() == [200, bits.sum()]


def test_parts_of_different_capacity():
    graph = Graph.of(100, np.arange(99), np.arange(1, 100))
    capacity = np.array([[50], [30], [15], [5]])
    for name in ("chunks", "scattered", "multilevel"):
        parts = ALGORITHMS[name](graph, 4, capacity=capacity, seed=0)
        assert loads(graph, parts, 4).tolist() == capacity.tolist()
    assert km1(graph, ALGORITHMS["chunks"](graph, 4, capacity=capacity, seed=0), 4) == 3


LINE = Graph.of(10, np.arange(9), np.arange(1, 10))
HEAVY = Graph.of(3, [0], [1], weights=[[1, 4], [1, 4], [1, 4]])


@pytest.mark.parametrize(
    ("graph", "k", "capacity", "error", "words"),
    [
        (LINE, 3, [3], CapacityError, "takes 10 of resource 0, 3 parts hold 9: 1 too much"),
        (HEAVY, 2, [3, 3], CapacityError, "takes 12 of resource 1, 2 parts hold 6"),
        (HEAVY, 5, [3, 3], CapacityError, "vertex 0 takes 4 of resource 1"),
        (HEAVY, 2, [3, 7], CapacityError, "1 of 3 vertices found no part of 2"),
        (LINE, 3, [3, 3], InputError, r"capacity has shape (2,); give (1,) or (3, 1)"),
        (LINE, 3, 4, InputError, "capacity has shape ()"),
        (LINE, 3, [-1], InputError, "capacity has -1"),
        (LINE, 0, [10], InputError, "parts of a graph is 0"),
        (LINE, 3, [np.nan], InputError, "capacity holds float64"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["auto", "chunks", "scattered", "multilevel"])
def test_what_does_not_fit(graph, k, capacity, error, words, method):
    with pytest.raises(error) as caught:
        partition(graph, k, method=method, capacity=capacity)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((3, [0, 3], [1, 1]), "pre has 3; give integers in 0..2"),
        ((3, [0], [-1]), "post has -1"),
        ((3, [0, 1], [1]), "pre has 2 entries, post 1"),
        ((0, [0], [0]), "edges between no vertices"),
        ((3, [0.5], [1]), "pre holds float64"),
        ((2, [0], [1], [1, np.inf]), "activity[1] is inf"),
        ((2, [0], [1], [-1, 1]), "activity[0] is -1"),
        ((2, [0], [1], [1]), "activity has shape (1,) for 2 vertices"),
        ((2, [0], [1], None, [[2], [1]]), "column 0 of weights counts neurons"),
        ((2, [0], [1], None, [1, 1]), "weights have shape (2,)"),
        ((2, [0], [1], None, [[1, 2**61], [1, 0]]), "weights has 2305843009213693952"),
        ((2, [0], [1], None, [[1, 2**53], [1, 2]]), "weights sum to 9.0072e+15, above 2**53"),
    ],
)
def test_what_is_no_graph(arguments, words):
    with pytest.raises(NetworkError) as caught:
        Graph.of(*arguments)
    assert words in str(caught.value)


def test_other_wrong_input():
    with pytest.raises(UnknownName, match="did you mean 'metis'"):
        partition(LINE, 2, method="metiss", capacity=[9])
    with pytest.raises(NetworkError, match=r"parts have shape \(3,\)"):
        km1(LINE, [0, 0, 1], 2)
    with pytest.raises(NetworkError, match="parts has 2"):
        refine(LINE, [2] * 10, 2, capacity=[9])
    with pytest.raises(InputError, match="rounds is -1"):
        refine(LINE, [0] * 10, 2, capacity=[10], rounds=-1)
    with pytest.raises(NeurohwError, match="seed"):
        partition(LINE, 2, method="multilevel", capacity=[9], seed=-1)
    heavy = Graph.of(4, [], [], weights=[[1, 3], [1, 3], [1, 2], [1, 2]])
    with pytest.raises(CapacityError, match="can't be repaired"):
        refine(heavy, [0, 0, 1, 1], 2, capacity=[4, 5])


def test_empty_graphs():
    none = Graph.of(0, [], [])
    assert partition(none, 3, capacity=[1]).parts.size == 0
    alone = Graph.of(5, [], [])
    assert partition(alone, 2, capacity=[3]).km1 == 0


def fake(monkeypatch, **libraries):
    """Backends that exist as far as the core can see."""

    def load(name):
        if name not in libraries:
            raise UnknownName.of("backend", name, libraries)
        return SimpleNamespace(available=lambda: True, partition=libraries[name])

    monkeypatch.setattr("neurohw.mapping.partition.foreign.load_backend", load)


def test_auto_takes_what_a_library_found_if_it_is_better(monkeypatch):
    """Two cliques, interleaved; annealing without any effort leaves them as they are."""
    monkeypatch.setattr(ANNEALING, "multilevel", ALGORITHMS["chunks"])
    pre, post = np.divmod(np.arange(400), 20)
    same = pre % 2 == post % 2
    graph = Graph.of(20, pre[same], post[same])
    fake(monkeypatch, metis=lambda graph, k, capacity, seed: np.arange(20) % 2)
    found = partition(graph, 2, capacity=[10])
    assert found.tried["metis"] == found.km1 == 0
    assert set(found.tried) == {"chunks", "multilevel", "metis"}


def test_a_library_above_the_capacity_is_repaired(monkeypatch):
    fake(monkeypatch, metis=lambda graph, k, capacity, seed: np.zeros(10, int))
    parts = ALGORITHMS["metis"](LINE, 3, capacity=[4], seed=0)
    assert loads(LINE, parts, 3).max() <= 4
    with pytest.raises(UnknownName, match="unknown backend 'mtkahypar'"):
        partition(LINE, 3, method="mtkahypar", capacity=[4])


def test_libraries_are_not_imported_with_the_core():
    assert not {"pymetis", "mtkahypar"} & set(sys.modules) or any(map(installed, LIBRARIES))


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_library_divides_a_torus_about_as_well(name):
    if not installed(name):
        pytest.skip(f"{name} is not installed")
    graph = torus(30)
    own, theirs = (
        ALGORITHMS[method](graph, 8, capacity=[118], seed=0) for method in ("multilevel", name)
    )
    assert km1(graph, theirs, 8) <= 1.15 * km1(graph, own, 8)
    assert loads(graph, theirs, 8).max() <= 118
