"""Multicast on random machines: every packet reaches its targets once, whatever is done to the tables."""

from collections import deque
from itertools import pairwise

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from neurohw.mapping.multicast import (
    Grid,
    Nets,
    Table,
    Tables,
    allocate_keys,
    build,
    default_routed,
    deliver,
    deliver_all,
    minimise,
    minimise_all,
    route,
    with_arrivals,
    without_defaults,
)
from neurohw.mapping.multicast.deliver import lookup
from neurohw.mapping.multicast.paths import shortest

MESH = ((1, 0), (0, 1), (-1, 0), (0, -1))
GRIDS = st.builds(
    Grid, st.integers(1, 5), st.integers(1, 5), st.booleans(), cores=st.integers(1, 18)
) | st.builds(
    Grid, st.integers(1, 5), st.integers(1, 5), st.booleans(), st.just(MESH), st.integers(1, 40)
)
SEEDS = st.integers(0, 2**32 - 1)


def random_nets(grid, seed):
    """Some with targets on a few chips, as neighbours have them, so that tables can shrink."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    atoms = rng.integers(1, int(rng.choice([2, 70, 300])), n)
    keys, masks = allocate_keys(atoms, rng.integers(0, 4, n) if rng.random() < 0.5 else None)
    pool = rng.integers(0, grid.chips, int(rng.integers(1, 6)))
    near = rng.random() < 0.5
    targets = []
    for _ in range(n):
        size = int(rng.integers(1, 2 if near else 12))
        chips = rng.choice(pool, size) if near else rng.integers(0, grid.chips, size)
        cores = rng.integers(0, 1 if near else grid.cores, size, endpoint=near)
        targets.append([(grid.chip(c), min(int(p), grid.cores - 1)) for c, p in zip(chips, cores)])
    sources = [grid.chip(c) for c in rng.integers(0, grid.chips, n)]
    return Nets.of(grid, keys, masks, sources, targets, atoms)


def check(tables, nets):
    """Every first and last key arrives; the traversals of links by each."""
    net, keys = nets.probes()
    sent = deliver_all(tables, nets.sources[net], keys)
    assert sent.wrong(nets, net).size == 0
    assert sent.traffic.sum() == sent.links.sum()
    return sent.links


@settings(max_examples=80, deadline=None)
@given(grid=GRIDS, seed=SEEDS)
def test_all_tables_deliver_alike(grid, seed):
    nets = random_nets(grid, seed)
    raw = build(nets)
    links = check(raw, nets)
    without = without_defaults(raw)
    small = minimise_all(raw, nets, effort=300)
    blind = minimise_all(raw, effort=300)
    again = minimise_all(without, nets, effort=300)
    for tables in (without, small, blind, again):
        assert np.array_equal(check(tables, nets), links)
        assert (tables.sizes <= raw.sizes).all()
    assert (blind.sizes <= without.sizes).all()
    assert (again.sizes <= without.sizes).all()
    shown = with_arrivals(raw, nets.sources, nets.keys)
    assert np.array_equal(shown.entries.arrivals, raw.entries.arrivals)
    threaded = minimise_all(raw, nets, effort=300, threads=3)
    for name in ("keys", "masks", "routes", "arrivals"):
        assert np.array_equal(getattr(threaded.entries, name), getattr(small.entries, name))


@settings(max_examples=150, deadline=None)
@given(grid=GRIDS, seed=SEEDS)
def test_definition_and_kernel_agree_on_any_tables(grid, seed):
    """On tables that lose, duplicate and loop packets too."""
    rng = np.random.default_rng(seed)
    bits = grid.links + grid.cores
    tables = {}
    for c in range(grid.chips):
        n = int(rng.integers(0, 4))
        masks = rng.integers(0, 16, n)
        routes = [
            sum(1 << int(b) for b in rng.integers(0, bits, rng.integers(0, 3))) for _ in range(n)
        ]
        routes = [sum({1 << b for b in range(bits) if r >> b & 1}) for r in routes]
        tables[grid.chip(c)] = Table.of(
            rng.integers(0, 16, n) & masks, masks, np.array(routes, np.uint64)
        )
    packed = Tables.of(grid, tables)
    sources, keys = rng.integers(0, grid.chips, 12), rng.integers(0, 16, 12)
    sent = deliver_all(packed, sources, keys)
    for i in range(12):
        one = deliver(grid, tables, grid.chip(sources[i]), int(keys[i]))
        assert one.looped == sent.looped[i]
        if one.looped:
            continue
        assert (one.dropped_at is not None) == sent.dropped[i]
        assert one.links == sent.links[i]
        here = slice(sent.start[i], sent.start[i + 1])
        copies = sorted(
            (*grid.chip(c), p) for c, p in zip(sent.chips[here].tolist(), sent.cores[here].tolist())
        )
        assert [core for core, times in one.cores for _ in range(times)] == copies


@settings(max_examples=150, deadline=None)
@given(grid=GRIDS, seed=SEEDS)
def test_trees(grid, seed):
    """Each chip entered once, over links that are there, to every target; no longer than one by one."""
    rng = np.random.default_rng(seed)
    source = grid.chip(rng.integers(grid.chips))
    targets = [grid.chip(c) for c in rng.integers(0, grid.chips, rng.integers(0, 12))]
    tree = route(grid, source, targets)
    assert tree.chip[0] == grid.index(source) and tree.parent[0] == -1
    assert np.unique(tree.chip).size == tree.chip.size
    assert set(grid.indices(targets).tolist()) <= set(tree.chip.tolist())
    for node in range(1, tree.chip.size):
        parent = tree.parent[node]
        assert parent < node
        assert grid.neighbours[tree.chip[parent], tree.link[node]] == tree.chip[node]
    leaves = set(range(tree.chip.size)) - set(tree.parent.tolist())
    assert {int(tree.chip[k]) for k in leaves} <= set(grid.indices([source, *targets]).tolist())
    alone = [route(grid, source, [t]).traversals for t in set(targets)]
    assert tree.traversals <= sum(alone)
    assert alone == [distance(grid, source, t) for t in set(targets)]


def distance(grid, source, target):
    """Links from one chip to another: breadth first over the machine itself."""
    far, queue = {grid.index(source): 0}, deque([grid.index(source)])
    while queue:
        chip = queue.popleft()
        for there in grid.neighbours[chip].tolist():
            if there >= 0 and there not in far:
                far[there] = far[chip] + 1
                queue.append(there)
    return far[grid.index(target)]


@settings(max_examples=30, deadline=None)
@given(grid=GRIDS)
def test_steps_lead_where_they_say(grid):
    hops, steps = shortest(grid)
    assert np.array_equal(hops, steps.sum(axis=1))
    x, y = (steps @ np.array(grid.vectors)).T
    if grid.wraps:
        place = x % grid.width + grid.width * (y % grid.height)
    else:
        place = x + grid.width - 1 + (2 * grid.width - 1) * (y + grid.height - 1)
    assert np.array_equal(place, np.arange(hops.size))


@settings(max_examples=150, deadline=None)
@given(seed=SEEDS, overlapping=st.booleans())
def test_a_minimised_table_is_the_same_function(seed, overlapping):
    """Every key of an eight-bit space, against the definition; also where entries overlap."""
    rng = np.random.default_rng(seed)
    grid = Grid(2, 2, cores=4)
    n = int(rng.integers(1, 30))
    if overlapping:
        masks = rng.integers(0, 256, n) | ~np.int64(255) & 0xFFFFFFFF
        keys = rng.integers(0, 256, n) & masks
    else:
        keys, masks = allocate_keys(rng.integers(1, 9, n))
    arrivals = 1 << rng.integers(0, 7, n)
    straight = rng.random(n) < 0.3
    routes = rng.choice(1 << rng.integers(0, 10, 3), n)
    onward = 1 << np.append(grid.opposites, 0)[np.log2(arrivals).astype(int)]
    table = Table.of(keys, masks, np.where(straight, onward, routes), arrivals)
    small = minimise(grid, table, effort=300)
    assert len(small) <= len(table)
    served = default_routed(grid, table)
    for key in range(256):
        first = next((e for e in range(n) if key & int(masks[e]) == int(keys[e])), None)
        if first is not None:
            found = lookup(small, key)
            assert found == int(table.routes[first]) or (found is None and served[first])


@settings(max_examples=200, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 5000), max_size=60),
    groups=st.none() | st.integers(1, 6),
    seed=SEEDS,
)
@example(sizes=[1 << 31, 1 << 31], groups=None, seed=0)
@example(sizes=[1 << 32], groups=1, seed=0)
def test_key_blocks(sizes, groups, seed):
    """Disjoint, aligned, just large enough; a group's lie in a block that no other has keys in."""
    member = None if groups is None else np.random.default_rng(seed).integers(0, groups, len(sizes))
    keys, masks = allocate_keys(np.array(sizes, dtype=np.int64), member)
    assert keys.dtype == masks.dtype == np.uint32
    spans = []
    for size, key, mask in zip(sizes, keys.tolist(), masks.tolist()):
        block = (1 << 32) - mask
        assert block // 2 < size <= block and block & (block - 1) == 0
        assert key % block == 0 and (key | (size - 1)) & ~mask & 0xFFFFFFFF == size - 1
        spans.append((key, key + block))
    ordered = sorted(spans)
    assert all(a[1] <= b[0] for a, b in pairwise(ordered))
    if member is None:
        assert max((end for _, end in spans), default=0) == sum(end - key for key, end in spans)
        return
    for g in set(member.tolist()):
        own = [s for s, m in zip(spans, member) if m == g]
        size = 1 << (sum(end - key for key, end in own) - 1).bit_length()
        low = own[0][0] // size * size
        for span, m in zip(spans, member):
            assert (low <= span[0] < low + size) == (m == g)
