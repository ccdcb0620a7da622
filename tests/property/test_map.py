"""Networks on chips: every spike reaches its targets and only those, whatever the mapping does.

Arrays of images are read here once more, packet by packet and bit by bit in plain Python, from what
their docstrings say.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurohw as nh
from neurohw.chip.read_cores import count_bits
from neurohw.mapping.image import ChipImage
from neurohw.mapping.map import mesh_of
from neurohw.mapping.schemes import scheme
from neurohw.mapping.spent import counts_of
from neurohw.mapping.summary import summarise, used
from neurohw.mapping.synapses import synapses
from neurohw.mapping.usage import core_limits
from neurohw.testing.equality import assert_same
from neurohw.testing.full import full_inputs
from neurohw.testing.networks import random_inputs, random_network

SEEDS = st.integers(0, 2**32 - 1)
KINDS = {  # one neuron of each chip: the fewest kernels
    "loihi1": "lif", "loihi2": "lif", "spinnaker1": "lif", "xylo1": "hidden", "xylo2": "hidden",
    "odin": "lif", "tinyodin": "lif", "reckon": "lif", "truenorth": "neuron", "ranc": "neuron",
    "prototype": "lif",
}  # fmt: skip
MANY = [k for k in KINDS if nh.load_chip(k).cores.routing != "local"]
ROWS = [k for k in KINDS if nh.load_chip(k).cores.memory == "rows"]


def mappable(name, seed, largest=10):
    """A random network of the chip without what it can't hold: two synapses in one crossing, two signs
    of a source, weights beyond its axons' types; of an event chip a few synapses at least."""
    chip = nh.load_chip(name)
    kinds = (KINDS[name],) if name != "loihi1" or seed % 3 else ()
    net = random_network(seed, chip, largest=min(largest, 7 if "xylo" in name else 99), kinds=kinds)
    net = replace(net, synapse_memory=None)
    if chip.cores.memory == "rows":
        return net
    seen, kept = set(), []
    for p in net.projections:
        keep = []
        for k, key in enumerate(
            zip(p.pre.tolist(), p.post.tolist(), p.delay.tolist(), strict=True)
        ):
            ends = (p.source, p.target, *key[: 2 if chip.cores.memory == "crossbar" else 3])
            if ends not in seen and (chip.cores.memory == "crossbar" or k % 5 == 0):
                seen.add(ends)
                keep.append(k)
        columns = {c: getattr(p, c)[keep] for c in ("pre", "post", "weight", "delay")}
        if chip.cores.signed_rows:
            columns["weight"] = np.abs(columns["weight"])
        if chip.cores.types:
            columns["weight"] = np.clip(columns["weight"], -8, 7)
            columns["delay"] = columns["delay"] % 3
        exponent = p.exponent % 2 if chip.cores.types else p.exponent
        kept.append(replace(p, exponent=exponent, **columns))
    return replace(net, projections=tuple(kept))


def inputs_for(net, seed, steps=20):
    summed = net.chip.delivery.engine == "summed" and not net.chip.cores.types
    return (random_inputs if summed else full_inputs)(seed, net, steps=steps)


def wanted(net):
    """Synapses as (source, target, weight, delay, form) in one numbering of vertices."""
    s = synapses(net)
    columns = (s.source, s.target, s.weight, s.delay, s.form[s.projection] if s.form.size else [])
    return Counter(zip(*(np.asarray(c).tolist() for c in columns), strict=True))


# The plain readers.


def row(image, r):
    """The synapses (form, code, delay, slot) of one row, from its bits."""
    a, spec = image.arrays, image.network.chip.cores.row
    words = int.from_bytes(np.asarray(a["rows.words"], "<u8").tobytes(), "little")
    at, end = int(a["rows.at"][r]), int(a["rows.at"][r] + a["rows.length"][r])
    first = int(a["rows.table_first"][a["rows.core"][r]])
    count, found = count_bits(spec), []

    def take(bits):
        nonlocal at
        value = words >> at & ((1 << bits) - 1)
        at += bits
        return value

    while at < end:
        begin = at
        many, kind = take(count), take(spec.header - count)
        if not many and spec.strided:
            break
        dense = a["rows.tables"][first + (0 if spec.typed else kind)][1]
        slot = take(spec.index) if dense else None
        for k in range(many or 1 << count):
            start = at
            _, _, wide, late = a["rows.tables"][first + (0 if spec.typed else kind)].tolist()
            code, delay = take(wide), take(late)
            kind = take(spec.typed) if spec.typed else kind
            place = slot + k if dense else take(spec.index)
            at = start + -(-(at - start) // spec.pad) * spec.pad
            found.append((int(a["rows.tables"][first + kind][0]), code, delay, place))
        at = begin + -(-(at - begin) // spec.word) * spec.word
    return found


def arrive(image, source, core, r, late=0):
    """What a row delivers to the neurons in the slots of its core."""
    assert image.arrays["rows.core"][r] == core
    there = {(c, s): v for v, (c, s) in enumerate(zip(image.core.tolist(), image.slot.tolist()))}
    for form, code, delay, slot in row(image, r):
        f = image.forms[form]
        yield source, there[core, slot], f.low + f.step * code, delay + late, form


def follow_axons(image):
    a = image.arrays
    for v in range(image.core.size):
        for k in range(a["out.first"][v], a["out.first"][v + 1]):
            core, axon = int(a["out.core"][k]), int(a["out.axon"][k])
            late = int(a["out.delay"][k]) if "out.delay" in a else 0
            assert 0 <= axon < a["in.first"][core + 1] - a["in.first"][core]
            yield from arrive(image, v, core, int(a["in.first"][core]) + axon, late)


def follow_keys(image):
    """Through routers on a grid: east, north-east, north, west, south-west, south."""
    a, cores = image.arrays, image.network.chip.cores
    links = [(1, 0), (1, 1), (0, 1), (-1, 0), (-1, -1), (0, -1)]
    start = a["router.start"]
    table = [
        list(zip(*(a[f"router.{k}"][start[t] : start[t + 1]].tolist() for k in ("key", "mask", "route"))))
        for t in range(cores.tiles)
    ]  # fmt: skip
    for v, (home, slot) in enumerate(zip(image.core.tolist(), image.slot.tolist())):
        if not a["mask"][home]:
            continue
        key = int(a["key"][home]) | slot
        tile = home // cores.per_tile
        way = [(tile % cores.width, tile // cores.width, None)]
        for x, y, came in way:
            assert 0 <= x < cores.width and 0 <= y < cores.height and len(way) < 500
            hits = [route for k, m, route in table[x + cores.width * y] if key & m == k]
            route = hits[0] if hits else 1 << came
            way += [(x + dx, y + dy, d) for d, (dx, dy) in enumerate(links) if route >> d & 1]
            for p in range(cores.per_tile):
                if not route >> (len(links) + p) & 1:
                    continue
                core = (x + cores.width * y) * cores.per_tile + p
                entries = range(a["master.first"][core], a["master.first"][core + 1])
                mine = [e for e in entries if key & int(a["master.mask"][e]) == a["master.key"][e]]
                (e,) = mine
                assert key - int(a["master.key"][e]) < a["master.atoms"][e]
                r = int(a["master.row"][e]) + key - int(a["master.key"][e])
                yield from arrive(image, v, core, r)


def follow_crossbar(image):
    a, cores, net = image.arrays, image.network.chip.cores, image.network
    inputs, n = sum(net.inputs.values()), net.neurons
    wide = net.chip.machine.neurons if net.chip.machine else n
    bits = int.from_bytes(a["crossbar.bytes"].tobytes(), "little")
    for v in range(image.core.size):
        r = v - inputs if v >= inputs else v + n
        for j in range(n):
            if not a["used"][r * wide + j]:
                assert not cores.signed_rows or not bits >> ((r * wide + j) * cores.word) & 8
                continue
            code = bits >> (r * wide + j) * cores.word & ((1 << cores.word) - 1)
            top = 1 << (cores.word - 1)
            if cores.signed_rows:
                assert code & top
                weight = (code - top) * (-1 if a["crossbar.sign"][r] else 1)
            else:
                weight = (code ^ top) - top
            yield v, inputs + j, weight, 0, int(a["form"][r * wide + j])


def follow_relative(image):
    """Weights of a source's axons on a core add up; a copy of a neuron hears what the neuron hears."""
    a, cores = image.arrays, image.network.chip.cores
    first, axons = a["neuron.first"].tolist(), a["axon.first"].tolist()
    bits = int.from_bytes(a["crossbar"].tobytes(), "little")
    begin = [0]
    for c in range(len(first) - 1):
        begin.append(begin[-1] + (axons[c + 1] - axons[c]) * (first[c + 1] - first[c]))
    packets = []
    for c in range(len(first) - 1):
        for s in range(first[c], first[c + 1]):
            if a["neuron.axon"][s] >= 0:
                x = c % cores.width + int(a["neuron.dx"][s])
                y = c // cores.width + int(a["neuron.dy"][s])
                assert 0 <= x < cores.width and 0 <= y < cores.height
                to = x + y * cores.width
                packets.append((int(a["neuron.vertex"][s]), to, int(a["neuron.axon"][s]),
                                int(a["neuron.delay"][s])))  # fmt: skip
    host = ("vertex", "core", "axon", "delay")
    packets += list(zip(*(a[f"input.{k}"].tolist() for k in host), strict=True))
    total = Counter()
    for source, to, axon, delay in packets:
        number = axons[to] + axon
        assert number < axons[to + 1]
        wide = first[to + 1] - first[to]
        line = bits >> begin[to] + axon * wide & ((1 << wide) - 1)
        for k in range(wide):
            if line >> k & 1:
                s = first[to] + k
                weight = int(a["neuron.weights"][s, a["axon.type"][number]])
                form = int(a["axon.form"][number])
                total[source, int(a["neuron.vertex"][s]), s, delay, form] += weight
    copies = Counter(a["neuron.vertex"].tolist())
    merged = {}
    for (source, target, _, delay, form), weight in total.items():
        merged.setdefault((source, target, delay, form), []).append(weight)
    for (source, target, delay, form), weights in merged.items():
        assert weights == [weights[0]] * copies[target]
        assert weights[0] % (1 << image.forms[form].exponent) == 0
        yield source, target, weights[0] >> image.forms[form].exponent, delay, form
    zero = ("source", "target", "delay", "form")
    for source, target, delay, form in zip(*(a[f"zero.{k}"].tolist() for k in zero), strict=True):
        yield source, target, 0, delay, form


FOLLOW = {"axons": follow_axons, "multicast": follow_keys, "relative": follow_relative}


def plain(image):
    cores = image.network.chip.cores
    way = follow_crossbar if cores.memory == "crossbar" else FOLLOW.get(cores.routing, follow_axons)
    return Counter(way(image))


def check(net, image):
    """All that is true of any image."""
    chip, cores = net.chip, net.chip.cores
    assert image.core.dtype == image.slot.dtype == np.int32
    inputs = sum(net.inputs.values())
    neurons = list(zip(image.core[inputs:].tolist(), image.slot[inputs:].tolist()))
    assert all(c >= 0 and s >= 0 for c, s in neurons)
    placed = [(c, s) for c, s in zip(image.core.tolist(), image.slot.tolist()) if c >= 0]
    assert len(set(placed)) == len(placed)
    mesh = mesh_of(cores, net.chips)
    assert image.core.max() < mesh.cores
    assert (image.core[:inputs] < 0).all() or cores.routing == "multicast"
    assert image.cores == len({c for c, _ in placed})
    limits, here = core_limits(chip), used(image, mesh.cores)
    for key, values in here.items():
        assert values.shape == (mesh.cores,)
        assert (values <= limits.get(key, 1 << 62)).all(), key
    assert here["neurons"].sum() >= len(placed)
    if "input_axons" in here and "output_axons" in here:
        heard = synapses(net).source
        host = image.core[heard] < 0
        if not host.any():
            assert here["input_axons"].sum() == here["output_axons"].sum()
        assert here["input_axons"].sum() >= np.unique(heard).size
    if "router.start" in image.arrays:
        assert np.diff(image.arrays["router.start"]).max() <= chip.limits["table_entries"].value
    for k in cores.shared:
        for c in {c for c, _ in placed}:
            codes = {int(p.parameters[k][j]) for name, p in net.populations.items()
                     if k in p.parameters for j in range(p.n) if home(net, image, name, j) == c}  # fmt: skip
            assert len(codes) <= 1
    assert image.losses.source.size == 0
    assert plain(image) == wanted(net)
    delivered = image.delivered
    assert wanted(delivered) == wanted(net)
    for p, q in zip(net.projections, delivered.projections, strict=True):
        assert (p.name, p.source, p.target, p.exponent, p.mode) == (
            q.name, q.source, q.target, q.exponent, q.mode,
        )  # fmt: skip
        assert net.port(p) == delivered.port(q)
        assert in_order(p) == in_order(q)


def home(net, image, name, j):
    sizes = list(net.sizes.items())
    at = sum(n for k, n in sizes[: [k for k, _ in sizes].index(name)])
    return int(image.core[at + j])


def in_order(p):
    return sorted(zip(*(c.tolist() for c in (p.pre, p.post, p.weight, p.delay)), strict=True))


def cores_of(name):
    return None if nh.load_chip(name).cores.routing == "local" else 3


@pytest.mark.parametrize("name", KINDS)
@given(seed=SEEDS)
@settings(max_examples=3, deadline=None)
def test_every_spike_reaches_its_targets(name, seed, tmp_path_factory):
    net = mappable(name, seed)
    image = nh.map_network(net, cores=cores_of(name), seed=seed % 5)
    check(net, image)
    again = nh.map_network(mappable(name, seed), cores=cores_of(name), seed=seed % 5)
    assert again.hash == image.hash
    path = tmp_path_factory.mktemp("image") / "image.npz"
    nh.save_image(image, path)
    loaded = nh.load_image(path)
    assert loaded.hash == image.hash
    assert plain(loaded) == wanted(net)
    for k, p in net.populations.items():
        for what in ("parameters", "initial"):
            mine, theirs = getattr(p, what), getattr(loaded.network.populations[k], what)
            assert {a: b.tolist() for a, b in mine.items()} == {
                a: b.tolist() for a, b in theirs.items()
            }


@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize("method", ["chunks", "scattered", "multilevel"])
def test_every_way_to_divide_and_to_place(name, method):
    net = mappable(name, 11)
    found = set()
    for placement in ("identity", "assignment") if method == "chunks" else ("curve", "swaps"):
        image = nh.map_network(net, cores=4, method=method, placement=placement, seed=3)
        check(net, image)
        found.add(image.core.tobytes())
    assert found


@pytest.mark.parametrize("name", KINDS)
def test_the_image_runs_as_the_network_does(name):
    """Spikes, registers, overflows and event counts, in kernels and by the definition."""
    net = mappable(name, 4)
    inputs = inputs_for(net, 4)
    image = nh.map_network(net, cores=cores_of(name))
    record = {k: list(p.neuron.tick.registers) for k, p in net.populations.items()}
    expected = nh.emulate(net, inputs, record=record)
    got = nh.emulate(image, inputs, record=record)
    assert_same(expected, got)
    assert not got.lost
    assert_same(expected, nh.interpret(image, inputs, record=record))


def moved(net, image, core):
    """The same parts on other cores."""
    s = synapses(net)
    arrays = scheme(net.chip.cores).build(net.chip, s, core, image.slot)
    return ChipImage(image.network, core, image.slot, arrays, image.ends, image.forms)


@pytest.mark.parametrize("name", MANY)
@given(seed=SEEDS)
@settings(max_examples=3, deadline=None)
def test_other_cores_change_counts_not_spikes(name, seed):
    net = mappable(name, seed)
    image = nh.map_network(net, cores=3)
    total = net.chip.cores.count if name != "truenorth" else 500
    there = np.random.default_rng(seed).permutation(total).astype(np.int32)
    core = np.where(image.core >= 0, there[np.minimum(image.core, total - 1)], -1).astype(np.int32)
    other = moved(net, image, core)
    check(net, other)
    assert other.hash != image.hash or (core == image.core).all()


@pytest.mark.parametrize("name", ["loihi2", "spinnaker1", "truenorth", "prototype"])
def test_counts_of_events_do_not_depend_on_cores(name):
    net = mappable(name, 4)
    recording = nh.emulate(net, inputs_for(net, 4))
    totals = []
    for seed, way in enumerate(("chunks", "scattered")):
        image = nh.map_network(net, cores=3, method=way, seed=seed)
        counts = counts_of(image, recording)
        if name != "truenorth":  # where an event is a bit of the crossbar, copies included
            assert counts.totals["synapse"] == sum(recording.synaptic_events.values())
            totals.append((counts.totals["synapse"], counts.totals["spike"]))
        summary = summarise(image, None, recording)
        assert counts.totals["hop_x"] + counts.totals["hop_y"] >= 0
        assert summary.remote >= 0 and summary.makespan > 0
    assert len(set(totals)) <= 1


@pytest.mark.parametrize("name", ["truenorth", "ranc"])
@given(seed=SEEDS)
@settings(max_examples=3, deadline=None)
def test_offsets_are_hops(name, seed):
    """|dx| + |dy| of every packet is what the mesh says that it passes; both have nine bits."""
    net = mappable(name, seed)
    image = nh.map_network(net, cores=5)
    a, cores = image.arrays, net.chip.cores
    mesh = mesh_of(cores)
    at = np.repeat(np.arange(a["neuron.first"].size - 1), np.diff(a["neuron.first"]))
    sends = np.flatnonzero(a["neuron.axon"] >= 0)
    dx, dy = a["neuron.dx"][sends].astype(int), a["neuron.dy"][sends].astype(int)
    assert (np.abs(dx) < 256).all() and (np.abs(dy) < 256).all()
    x, y = at[sends] % cores.width + dx, at[sends] // cores.width + dy
    to = x + y * cores.width
    hops = mesh.hops_x(at[sends], to) + mesh.hops_y(at[sends], to)
    assert (hops == np.abs(dx) + np.abs(dy)).all()
    assert set(to.tolist()) <= set(image.core.tolist())
