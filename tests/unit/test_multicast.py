"""Multicast tables: what third-party mappers made, the traps, the errors."""

import json
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from neurohw.errors import CapacityError, InputError, NeurohwError
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
from neurohw.mapping.multicast.elements import elements_of

GOLDEN = Path(__file__).parents[1] / "golden" / "mapping"
E, NE, N, W, SW, S, LOCAL = (1 << k for k in range(7))


def core(*cores):
    return sum(1 << (6 + p) for p in cores)


def read(name):
    return json.loads((GOLDEN / name).read_text())


def tables_of(grid, chips):
    """Tables of a golden file; ``sources`` are arrival links, null the chip's own cores."""
    tables = {}
    for chip, entries in chips.items():
        columns = [np.array([e[c] for e in entries], np.int64) for c in ("key", "mask", "route")]
        links = [e.get("sources", []) for e in entries]
        arrivals = [sum(LOCAL if k is None else 1 << k for k in ks) for ks in links]
        tables[tuple(map(int, chip.split(",")))] = Table.of(*columns, np.array(arrivals, np.int64))
    return Tables.of(grid, tables)


@cache
def cases():
    """name: (nets, raw tables with arrivals, {compression: tables})."""
    found = {}
    compressed = read("spinnaker_compress_pacman741.json")
    for case in read("spinnaker_routing_rig241.json"):
        grid, place = Grid(case["width"], case["height"], case["torus"]), case["placements"]
        sinks = [[(tuple(place[s]), case["cores"][s]) for s in n["sinks"]] for n in case["nets"]]
        nets = Nets.of(
            grid, [n["key"] for n in case["nets"]], [n["mask"] for n in case["nets"]],
            [place[n["source"]] for n in case["nets"]], sinks,
        )  # fmt: skip
        sets = {k: case[k] for k in ("tables", "default_removed")}
        sets |= {"rig_ordered_covering": case["ordered_covering"], **compressed[case["name"]]}
        sets = {k: tables_of(grid, t) for k, t in sets.items()}
        found[case["name"]] = nets, sets["tables"], sets
    for case in read("spinnaker_pacman741_e2e.json"):
        grid = Grid(case["width"], case["height"])
        slices = [s for s in case["sources"] if s["sinks"]]
        nets = Nets.of(
            grid, [s["key"] for s in slices], [s["mask"] for s in slices],
            [s["xyp"][:2] for s in slices], [[((x, y), p) for x, y, p in s["sinks"]] for s in slices],
            [s["atoms"][1] - s["atoms"][0] + 1 for s in slices],
        )  # fmt: skip
        kinds = ("basic", "merged", "pair", "ordered_covering", "range")
        sets = {k: tables_of(grid, case[k]) for k in kinds}
        found[case["name"]] = nets, shown(sets["basic"], nets), sets
    return found


def shown(tables, nets):
    net, keys = nets.probes()
    return with_arrivals(tables, nets.sources[net], keys)


def sent(tables, nets):
    """Wrong packets, and the traversals of links by each."""
    net, keys = nets.probes()
    result = deliver_all(tables, nets.sources[net], keys)
    return result.wrong(nets, net), result.links


CASES = ["tiny_layered_4x4", "tiny_random_4x4", "brunel_2500_2pop", "feedforward_5pop"]


@pytest.mark.parametrize("name", CASES)
def test_their_tables_deliver(name):
    """None of these tables has the fault of the trap below: all packets arrive, by the same links."""
    nets, raw, sets = cases()[name]
    wrong, links = sent(raw, nets)
    assert wrong.size == 0
    for tables in sets.values():
        wrong, taken = sent(tables, nets)
        assert wrong.size == 0 and np.array_equal(taken, links)


@pytest.mark.parametrize("name", CASES)
def test_the_definition_agrees(name):
    nets, _, sets = cases()[name]
    net, keys = nets.probes()
    for tables in sets.values():
        links = sent(tables, nets)[1]
        for i in range(0, net.size, 11):
            one = deliver(nets.grid, tables, nets.grid.chip(nets.sources[net[i]]), int(keys[i]))
            here = slice(nets.start[net[i]], nets.start[net[i] + 1])
            chips = [nets.grid.chip(c) for c in nets.chips[here]]
            assert one.reaches_once({(*c, int(p)) for c, p in zip(chips, nets.cores[here])})
            assert one.links == links[i]


PAIR = {
    "tiny_layered_4x4": 80,
    "tiny_random_4x4": 79,
    "brunel_2500_2pop": 10,
    "feedforward_5pop": 8,
}
"""Entries of PACMAN's pair compression."""


@pytest.mark.parametrize("name", CASES)
def test_ours_are_no_longer_than_pair(name):
    """In total and on every chip, from raw tables, from merged ones, with and without the nets."""
    nets, raw, sets = cases()[name]
    assert sets["pair"].total == PAIR[name]
    links = sent(raw, nets)[1]
    start = [raw, *(sets[k] for k in ("default_removed", "merged", "range") if k in sets)]
    for tables in start:
        for known in (nets, None):
            ours = minimise_all(tables, known, effort=5000)
            wrong, taken = sent(ours, nets)
            assert wrong.size == 0 and np.array_equal(taken, links)
            assert ours.total <= PAIR[name] and (ours.sizes <= sets["pair"].sizes).all()


def test_ours_are_shorter_where_keys_in_use_are_known():
    nets, raw, _ = cases()["brunel_2500_2pop"]
    assert minimise_all(raw, nets, effort=5000).total == 9


@pytest.mark.parametrize("name", CASES)
def test_default_routed_entries_are_those_that_rig_removes(name):
    nets, raw, sets = cases()[name]
    ours = without_defaults(raw)
    assert sent(ours, nets)[0].size == 0
    if "default_removed" in sets:
        assert np.array_equal(ours.entries.keys, sets["default_removed"].entries.keys)


@pytest.mark.parametrize("name", CASES)
def test_our_own_way(name):
    """Trees of our own reach the same targets, by no more links."""
    nets, raw, _ = cases()[name]
    own = build(nets)
    wrong, links = sent(own, nets)
    assert wrong.size == 0
    assert links.sum() <= sent(raw, nets)[1].sum()
    for tables in (without_defaults(own), minimise_all(own, nets, effort=1000)):
        wrong, taken = sent(tables, nets)
        assert wrong.size == 0 and np.array_equal(taken, links)


def populations(sizes, grid, cores=16, per=60, grouped=True):
    """All to all between populations, slices on chips in order."""
    atoms = np.concatenate([np.minimum(per, s - np.arange(0, s, per)) for s in sizes])
    population = np.repeat(np.arange(len(sizes)), [-(-s // per) for s in sizes])
    n = atoms.size
    chip, p = np.arange(n) // cores, 1 + np.arange(n) % cores
    keys, masks = allocate_keys(atoms, chip * len(sizes) + population if grouped else None)
    return Nets.packed(
        grid, keys, masks, chip, np.full(n, n), np.tile(chip, n), np.tile(p, n), atoms
    )  # fmt: skip


def faulty(grid, table):
    """The rule of SpiNNMachine 7.4.1: one link, straight on; whether there are cores isn't asked."""
    links = table.routes & ((1 << grid.links) - 1)
    return default_routed(grid, Table.of(table.keys, table.masks, links, table.arrivals))


def test_the_trap():
    """{local cores} + {straight on} is no default route: without the entry the cores miss out."""
    grid = Grid(12, 12)
    nets = populations([2000, 500], grid)
    raw = build(nets)
    dropped = faulty(grid, raw.entries)
    trap = dropped & ~default_routed(grid, raw.entries)
    assert trap.any() and (raw.entries.routes[trap] >> np.uint64(6) != 0).all()
    start = np.concatenate([[0], np.cumsum(~dropped)])[raw.start]
    bad = Tables.packed(grid, start, raw.entries.take(~dropped))
    lost = sent(bad, nets)[0]
    assert lost.size > 0
    for tables in (without_defaults(raw), minimise_all(raw, nets, effort=1000)):
        assert sent(tables, nets)[0].size == 0
    net, keys = nets.probes()
    i = int(lost[0])
    one = deliver(grid, bad, grid.chip(nets.sources[net[i]]), int(keys[i]))
    assert not one.looped and one.dropped_at is None
    assert 0 < len(one.cores) < nets.start[1]


@pytest.mark.parametrize(
    ("arrivals", "links", "served"),
    [
        (W, E, True),
        (SW, NE, True),
        (W, E | core(1), False),
        (W, core(1), False),
        (W, N, False),
        (W, E | N, False),
        (W | LOCAL, E, False),
        (LOCAL, E, False),
        (W | SW, E, False),
        (0, E, False),
        (W, 0, False),
    ],
)  # fmt: skip
def test_what_the_default_route_serves(arrivals, links, served):
    table = Table.of([0], [0xFFFFFFFF], [links], [arrivals])
    assert default_routed(Grid(4, 4), table).tolist() == [served]


def test_a_removed_entry_must_not_fall_to_a_later_one():
    grid = Grid(4, 4)
    shadowed = Table.of([4, 0], [0xFFFFFFFF, 0xFFFFFFF0], [E, core(3)], [W, W])
    apart = Table.of([64, 0], [0xFFFFFFFF, 0xFFFFFFF0], [E, core(3)], [W, W])
    for table, entries in ((shadowed, 2), (apart, 1)):
        assert without_defaults(Tables.of(grid, {(1, 1): table})).total == entries
        assert len(minimise(grid, table)) == entries


def test_by_hand():
    """A packet goes straight on where nothing is said, and is dropped at its source."""
    grid = Grid(4, 1)
    tables = {
        (0, 0): Table.of([8], [0xFFFFFFF8], [E | core(0)]),
        (2, 0): Table.of([8], [0xFFFFFFFF], [core(1, 2)]),
    }
    one = deliver(grid, tables, (0, 0), 8)
    assert one.cores == (((0, 0, 0), 1), ((2, 0, 1), 1), ((2, 0, 2), 1))
    assert (one.links, one.hops, one.dropped_at, one.looped) == (2, 2, None, False)
    ring = deliver(grid, tables, (0, 0), 9)  # nothing at (2, 0) stops it
    assert ring.looped and ring.cores[0][1] > 1
    assert deliver(grid, tables, (0, 0), 16).dropped_at == (0, 0)
    edge = deliver(Grid(3, 1, wraps=False), {(0, 0): tables[0, 0]}, (0, 0), 8)
    assert edge.dropped_at == (2, 0) and edge.links == 3 and not edge.looped


def test_the_first_match_wins_and_order_is_exploited():
    """Two frequent keys between rare ones: the general entry stands below those that it would catch."""
    table = Table.of([0, 1, 2, 3], [0xFFFFFFFF] * 4, [E, N, E, E])
    small = minimise(Grid(2, 2), table)
    assert small.routes.tolist() == [N, E]
    assert small.keys.tolist() == [1, 0] and small.masks[1] & 3 == 0


def test_rare_and_frequent():
    """A hundred keys of one route and ten others, mixed: eleven entries."""
    rng = np.random.default_rng(0)
    routes = np.concatenate([np.full(100, E), N << np.arange(10)])
    keys = rng.permutation(110)
    table = Table.of(keys, np.full(110, 0xFFFFFFFF), routes)
    assert len(minimise(Grid(2, 2), table)) == 11


def test_the_check_of_a_result():
    """A lost, a wrong, and a caught key are each seen; so is one that only part of an entry's keys have."""
    grid, used = Grid(2, 2), (np.array([0, 4, 8], np.uint32), np.array([0xFFFFFFFC] * 3, np.uint32))
    elements = elements_of(grid, Table.of([0, 4], [0xFFFFFFFC] * 2, [N, E]), used)
    assert elements.hold(Table.of([0, 4], [0xFFFFFFFC] * 2, [N, E]))
    assert elements.hold(Table.of([4, 0], [0xFFFFFFFC, 0xFFFFFFF8], [E, N]))
    assert not elements.hold(Table.of([0], [0xFFFFFFFC], [N]))
    assert not elements.hold(Table.of([0, 4], [0xFFFFFFFC] * 2, [N, N]))
    assert not elements.hold(Table.of([0, 4], [0xFFFFFFF4, 0xFFFFFFFC], [N, E]))
    assert not elements.hold(Table.of([5, 0, 4], [0xFFFFFFFF, *[0xFFFFFFFC] * 2], [N, N, E]))


def test_a_result_that_delivers_otherwise_is_not_given(monkeypatch):
    own = nets()
    raw = build(own)
    module = sys.modules["neurohw.mapping.multicast.minimise"]
    monkeypatch.setattr(module, "minimise", lambda grid, table, *_: table.take(np.arange(0)))
    assert minimise_all(raw, own) is raw


def test_slices_in_groups_share_entries():
    nets = populations([8000, 2000], Grid(12, 12))
    assert minimise_all(build(nets), nets, effort=1000).total <= 34
    loose = populations([8000, 2000], Grid(12, 12), grouped=False)
    assert (
        minimise_all(build(loose), loose, effort=1000).sizes.max() <= 22
    )  # pair, PACMAN's placement


def test_many_nets():
    """960 slices with 16 targets each at random: seven per cent less than pair compression."""
    rng = np.random.default_rng(0)
    grid, n, fan = Grid(8, 8), 960, 16
    keys, masks = allocate_keys(np.full(n, 2048))
    chip, p = np.arange(n) // 15, 1 + np.arange(n) % 15
    targets = np.concatenate([rng.choice(n, fan, replace=False) for _ in range(n)])
    nets = Nets.packed(grid, keys, masks, chip, np.full(n, fan), chip[targets], p[targets])
    raw = build(nets)
    small = minimise_all(raw, nets, effort=2000)
    assert sent(small, nets)[0].size == 0
    assert (raw.total, without_defaults(raw).total) == (19669, 17285)
    assert small.total < 14700  # pair: 15280
    tables = [raw[grid.chip(c)] for c in range(0, 64, 16)]
    sizes = [sum(len(minimise(grid, t, effort=e)) for t in tables) for e in (2000, 20000)]
    assert sizes[1] < sizes[0]


def test_a_table_that_stays_too_long():
    grid = Grid(2, 2, entries=3)
    table = Table.of(np.arange(5), np.full(5, 0xFFFFFFFF), N << np.arange(5))
    with pytest.raises(CapacityError) as error:
        minimise_all(Tables.of(grid, {(1, 0): table}))
    text = str(error.value)
    assert "chip (1, 0)" in text and "5" in text and "3" in text and "\n" not in text


def nets(**changed):
    given = {
        "keys": [0, 8], "masks": [0xFFFFFFF8] * 2, "sources": [(0, 0), (1, 1)],
        "targets": [[((1, 0), 2)], [((0, 1), 3)]], "atoms": [8, 5],
    }  # fmt: skip
    return Nets.of(Grid(2, 2), **(given | changed))


def one_chip(cores, route):
    return Tables.of(Grid(1, 1, cores=cores), {(0, 0): Table.of([0], [0], [route])})


WRONG = {
    "no chips": (lambda: Grid(0, 3), "0 x 3"),
    "too many chips": (lambda: Grid(1 << 11, 1 << 10), "1048576"),
    "links": (lambda: Grid(2, 2, vectors=((1, 0), (0, 1), (-1, 0))), "opposite"),
    "cores": (lambda: Grid(2, 2, cores=58), "57 cores"),
    "entries": (lambda: Grid(2, 2, entries=0), "0 entries"),
    "unreached": (lambda: route(Grid(2, 2, vectors=((1, 0), (-1, 0))), (0, 0), [(1, 1)]), "every chip"),
    "off the grid": (lambda: Grid(2, 2).index((2, 0)), "(2, 0)"),
    "a core": (lambda: nets(targets=[[((1, 0), 18)], [((0, 1), 3)]]), "core 18"),
    "no targets": (lambda: nets(targets=[[((1, 0), 2)], []]), "net 1"),
    "shared keys": (lambda: nets(keys=[8, 8]), "nets 0 and 1"),
    "unaligned": (lambda: nets(keys=[0, 4]), "net 1"),
    "atoms": (lambda: nets(atoms=[8, 9]), "net 1"),
    "lengths": (lambda: nets(sources=[(0, 0)]), "1 sources"),
    "a key outside its mask": (lambda: Table.of([3], [2], [1]), "entry 0"),
    "a long key": (lambda: Table.of([1 << 32], [2], [1]), "4294967296"),
    "columns": (lambda: Table.of([0], [2], [1, 2]), "2 routes"),
    "floats": (lambda: Table.of([0.5], [2], [1]), "float64"),
    "a route beyond": (lambda: one_chip(cores=2, route=256), "2 cores"),
    "probes": (lambda: deliver_all(build(nets()), [0], [0, 1]), "1 sources, 2 keys"),
    "a probe's chip": (lambda: deliver_all(build(nets()), [4], [0]), "0 to 3"),
    "no atoms": (lambda: allocate_keys([3, 0]), "slice 1"),
    "half atoms": (lambda: allocate_keys([0.5]), "float64"),
    "groups": (lambda: allocate_keys([3, 1], [0]), "2 slices"),
    "keys run out": (lambda: allocate_keys([1 << 31, 1 << 31, 1]), "4294967297"),
    "a slice too large": (lambda: allocate_keys([(1 << 32) + 1]), "4294967297"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_wrong(what):
    make, part = WRONG[what]
    with pytest.raises(NeurohwError) as error:
        make()
    text = str(error.value)
    assert part in text and "\n" not in text
    assert isinstance(error.value, (InputError, CapacityError))


def test_values_cannot_be_changed():
    own = nets()
    tables = build(own)
    for array in (own.keys, own.cores, tables.start, tables.entries.routes, own.grid.neighbours):
        with pytest.raises(ValueError):
            array[0] = 1


def test_empty():
    grid = Grid(3, 3)
    none = Nets.of(grid, [], [], [], [])
    tables = build(none)
    assert tables.total == 0 and list(tables) == [] and (1, 1) not in tables
    assert minimise_all(tables, none).total == minimise_all(tables).total == 0
    assert allocate_keys([])[0].size == 0
    assert route(grid, (1, 1), [(1, 1)]).traversals == 0
