"""Counts equal a count by hand, and hold what must hold of any placement."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurohw.chip.prices import EVENTS, Price, Prices
from neurohw.errors import InputError
from neurohw.mapping.cost import cost
from neurohw.mapping.counts import count
from neurohw.mapping.mesh import Mesh
from neurohw.mapping.traffic import Connections

MESHES = st.builds(
    Mesh, st.integers(1, 5), st.integers(1, 5), st.integers(1, 3), st.sampled_from(["x", "y"]),
    st.booleans(),
)  # fmt: skip


@st.composite
def runs(draw):
    """A mesh, cores of neurons, synapses as pairs, spikes as pairs, steps."""
    mesh = draw(MESHES)
    n, steps = draw(st.integers(1, 10)), draw(st.integers(1, 5))
    neuron, step = st.integers(0, n - 1), st.integers(0, steps - 1)
    cores = draw(st.lists(st.integers(-1, mesh.cores - 1), min_size=n, max_size=n))
    pairs = draw(st.lists(st.tuples(neuron, neuron), max_size=40))
    pairs = [(a, b) for a, b in pairs if cores[b] >= 0]  # the host takes no spikes
    spikes = draw(st.lists(st.tuples(step, neuron), max_size=20, unique=True))
    return mesh, cores, pairs, spikes, steps


def columns(spikes):
    return [s for s, _ in spikes], [i for _, i in spikes]


def counted(run, **options):
    mesh, cores, pairs, spikes, steps = run
    synapses = Connections.of(len(cores), [a for a, _ in pairs], [b for _, b in pairs])
    return count(cores, synapses, columns(spikes), steps, mesh, **options)


def at(mesh, core):
    tile = core // mesh.cores_per_tile
    return (
        (tile % mesh.width, tile // mesh.width)
        if mesh.order == "x"
        else (tile // mesh.height, tile % mesh.height)
    )


def way(mesh, source, target):
    """Link by link, first along x: (x, y, direction) of each; round the torus where that is shorter."""
    (x, y), (a, b) = at(mesh, source), at(mesh, target)
    found = []
    for axis, size in ((0, mesh.width), (1, mesh.height)):
        here, there = ((x, a), (y, b))[axis]
        up, down = (there - here) % size, (here - there) % size
        forward = up <= down if mesh.wraps else there > here
        while here != there:
            found.append((here, y, "E" if forward else "W") if axis == 0 else
                         (a, here, "N" if forward else "S"))  # fmt: skip
            here = (here + (1 if forward else -1)) % size
    return found


def by_hand(run, multicast=False):
    mesh, cores, pairs, spikes, _ = run
    found = {
        k: Counter() for k in ("spikes", "events", "messages_in", "packets_out", "packets", "links")
    }
    for step, i in spikes:
        targets = [cores[b] for a, b in pairs if a == i]
        tree = []
        for core in set(targets):
            found["events"][step, core] += targets.count(core)
            found["messages_in"][step, core] += 1
        if cores[i] < 0:
            continue
        found["spikes"][step, cores[i]] += 1
        for core in set(targets):
            found["packets"][cores[i], core] += 1
            tree += way(mesh, cores[i], core)
        found["packets_out"][step, cores[i]] += min(len(set(targets)), 1 if multicast else 99)
        found["links"].update(set(tree) if multicast else tree)
    return found


def link_id(mesh, x, y, direction):
    tile = y * mesh.width + x if mesh.order == "x" else x * mesh.height + y
    return 4 * tile + "ENWS".index(direction)


def full(counter, shape):
    table = np.zeros(shape, np.int64)
    for key, value in counter.items():
        table[key] += value
    return table


@pytest.mark.parametrize("casting", ["unicast", "multicast"])
@settings(max_examples=150, deadline=None)
@given(run=runs())
def test_counts_are_those_by_hand(casting, run):
    mesh, cores, _, _, steps = run
    counts, hand = counted(run, casting=casting), by_hand(run, casting == "multicast")
    for name in ("spikes", "events", "messages_in", "packets_out"):
        assert np.array_equal(getattr(counts, name), full(hand[name], (steps, mesh.cores))), name
    assert np.array_equal(counts.packets, full(hand["packets"], (mesh.cores, mesh.cores)))
    links = Counter({link_id(mesh, *k): v for k, v in hand["links"].items()})
    assert np.array_equal(counts.links, full(links, mesh.links))
    assert np.array_equal(
        counts.neurons, np.bincount([c for c in cores if c >= 0], minlength=mesh.cores)
    )
    assert not any(a.flags.writeable for a in (counts.events, counts.packets, counts.links))
    assert counts.hops_x == sum(v for (*_, d), v in hand["links"].items() if d in "EW")
    assert counts.hops_y == sum(v for (*_, d), v in hand["links"].items() if d in "NS")


@settings(max_examples=100, deadline=None)
@given(run=runs())
def test_traffic_identities(run):
    mesh, cores, pairs, spikes, _ = run
    counts, tree = counted(run), counted(run, casting="multicast")
    total = counts.totals
    reached = {i: {cores[b] for a, b in pairs if a == i} for i in range(len(cores))}
    sent = [i for _, i in spikes if cores[i] >= 0]
    assert total["packet"] == sum(len(reached[i]) for i in sent) == counts.packets.sum()
    assert total["axon_in"] == total["packet"] + counts.from_host
    assert counts.from_host == sum(len(reached[i]) for _, i in spikes if cores[i] < 0)
    assert counts.links.sum() == total["hop_x"] + total["hop_y"]
    assert total["router"] == counts.links.sum() + total["packet"]
    source, target = np.nonzero(counts.packets)
    number = counts.packets[source, target]
    assert total["hop_x"] == (number * mesh.hops_x(source, target)).sum()
    assert total["hop_y"] == (number * mesh.hops_y(source, target)).sum()
    assert counts.own_core <= total["local"] <= total["packet"]
    assert (tree.links <= counts.links).all()
    assert tree.totals["packet"] == sum(bool(reached[i]) for i in sent)
    for name in ("synapse", "spike", "axon_in"):
        assert tree.totals[name] == total[name]
    if counts.links.any():
        link, most = counts.peak_link
        assert most == counts.links.max() == counts.links[link]


@settings(max_examples=100, deadline=None)
@given(run=runs(), seed=st.integers(0, 2**32 - 1))
def test_what_neurons_do_does_not_depend_on_where_they_are(run, seed):
    mesh, cores, pairs, spikes, steps = run
    moved = np.random.default_rng(seed).permutation(mesh.cores)
    there = (mesh, [moved[c] if c >= 0 else -1 for c in cores], pairs, spikes, steps)
    a, b = counted(run), counted(there)
    for name in ("spikes", "events", "messages_in", "packets_out"):
        assert np.array_equal(getattr(a, name), getattr(b, name)[:, moved])
    assert np.array_equal(a.packets, b.packets[np.ix_(moved, moved)])
    assert a.own_core == b.own_core


@settings(max_examples=60, deadline=None)
@given(run=runs(), data=st.data())
def test_a_multiplicity_is_as_many_edges(run, data):
    mesh, cores, pairs, spikes, steps = run
    several = Counter(pairs)
    edges = sorted(several)
    offsets = np.searchsorted([a for a, _ in edges], np.arange(len(cores) + 1))
    times = np.array([several[e] for e in edges], np.int64)
    synapses = Connections(offsets, np.array([b for _, b in edges], np.int32), times)
    counts = count(cores, synapses, columns(spikes), steps, mesh)
    assert np.array_equal(counts.events, counted(run).events)
    assert counts.totals == counted(run).totals
    assert synapses.fan_out.sum() == len(pairs)
    order = data.draw(st.permutations(spikes))
    again = count(cores, synapses, columns(order), steps, mesh)
    assert np.array_equal(again.events, counts.events)


@settings(max_examples=100, deadline=None)
@given(mesh=MESHES, data=st.data())
def test_a_route_is_as_long_as_its_hops_and_gets_there(mesh, data):
    cores = st.integers(0, mesh.cores - 1)
    a, b = data.draw(cores), data.draw(cores)
    route = mesh.route(a, b)
    assert [link_id(mesh, *link) for link in way(mesh, a, b)] == route.tolist()
    assert route.size == mesh.hops_x(a, b) + mesh.hops_y(a, b)
    if mesh.wraps:
        assert mesh.hops_x(a, b) <= mesh.width // 2 and mesh.hops_y(a, b) <= mesh.height // 2
    assert mesh.hops_x(a, b) == mesh.hops_x(b, a)


PRICE = st.floats(0, 1e4, allow_subnormal=False)


@settings(max_examples=100, deadline=None)
@given(run=runs(), energies=st.lists(PRICE, min_size=len(EVENTS), max_size=len(EVENTS)),
       factor=st.floats(0.25, 4))  # fmt: skip
def test_cost_is_linear_in_counts_and_in_prices(run, energies, factor):
    counts = counted(run)
    counts = replace(counts, updates=counts.spikes)

    def table(by):
        return Prices({
            k: Price(by * e, by * e, "here", "assumed") for k, e in zip(EVENTS, energies)
        }, sync=((1, by * 7.0),))  # fmt: skip

    one, many = cost(counts, table(1.0)), cost(counts, table(factor))
    total = sum(counts.totals[k] * e for k, e in zip(EVENTS, energies)) * 1e-12
    assert one.energy == pytest.approx(total, rel=1e-12, abs=1e-30)
    assert many.energy == pytest.approx(factor * total, rel=1e-12, abs=1e-30)
    assert sum(one.parts.values()) == pytest.approx(one.energy, rel=1e-12, abs=1e-30)
    assert many.time == pytest.approx(factor * one.time, rel=1e-12)

    mesh, cores, pairs, spikes, steps = run
    later = [(s + steps, i) for s, i in spikes]
    twice = counted((mesh, cores, pairs, spikes + later, 2 * steps))
    both = cost(replace(twice, updates=twice.spikes), table(1.0))
    assert both.energy == pytest.approx(2 * one.energy, rel=1e-12, abs=1e-30)
    assert both.time == pytest.approx(2 * one.time, rel=1e-12)


PAIR = Connections.of(2, [0, 1], [1, 0])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Mesh(0, 1), "mesh: width is 0"),
        (lambda: Mesh(2, 2, 1, "z"), "order is 'z'"),
        (lambda: Mesh(1 << 15, 1 << 15), "cores; at most"),
        (lambda: Mesh(2, 2).hops_x(0, 4), "core has 4"),
        (lambda: Connections.of(2, [0], [2]), "post has 2"),
        (lambda: Connections(np.array([0, 2]), np.array([0], np.int32)), "number of edges, 1"),
        (lambda: Connections(np.array([0, 1]), np.array([3], np.int32)), "target 3 of 1 neurons"),
        (lambda: Connections(PAIR.offsets, PAIR.targets, np.array([1])), "for 2 edges"),
        (lambda: count([0], PAIR, ([], []), 1, Mesh(1, 1)), "for 2 neurons"),
        (lambda: count([0, 1], PAIR, ([], []), 1, Mesh(1, 1)), "core_of has 1"),
        (lambda: count([0, -1], PAIR, ([], []), 1, Mesh(1, 1)), "on the host (core -1)"),
        (lambda: count([0, 0], PAIR, ([1], [0]), 1, Mesh(1, 1)), "step has 1"),
        (lambda: count([0, 0], PAIR, ([0], [2]), 1, Mesh(1, 1)), "neuron has 2"),
        (lambda: count([0, 0], PAIR, ([0, 0], [1]), 1, Mesh(1, 1)), "for every spike"),
        (lambda: count([0, 0], PAIR, ([], []), 1 << 30, Mesh(9, 9)), "steps at a time"),
        (lambda: count([0, 0], PAIR, ([], []), 1, Mesh(1 << 14, 1)), "count chip by chip"),
        (lambda: count([0, 0], PAIR, ([], []), 1, Mesh(1, 1), updates=[[1, 2]]), "(steps, cores)"),
        (lambda: count([0, 0], PAIR, ([], []), 1, Mesh(1, 1), casting="broad"), "casting"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(make, said):
    with pytest.raises(InputError) as caught:
        make()
    assert said in str(caught.value)
