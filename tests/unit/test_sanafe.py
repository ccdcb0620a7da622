"""SANA-FE's files hold what they must; where sanafe is installed, its answers are our counts."""

import importlib.util
import os
import re
import sys

import numpy as np
import pytest
from neurohw_backends import sanafe

import neurohw as nh
from neurohw.chip.prices import EVENTS, Price, Prices
from neurohw.errors import BackendMissing, ChildError, InputError
from neurohw.mapping.cost import cost
from neurohw.mapping.counts import count
from neurohw.mapping.mesh import Mesh
from neurohw.mapping.traffic import Connections

PYTHON = os.environ.get("NEUROHW_SANAFE_PYTHON") or (
    sys.executable if importlib.util.find_spec("sanafe") else None
)
needs_sanafe = pytest.mark.skipif(PYTHON is None, reason="sanafe is not installed")
NET = Connections.of(4, [0, 0, 1, 3, 3], [1, 2, 3, 0, 0])
HOMES = [0, 5, 5, 3]
MESH = Mesh(3, 2, 2)
SPIKES = ([0, 2, 1, 2], [0, 0, 3, 1])


@pytest.fixture(scope="module")
def prices():
    return nh.load_chip("loihi1").prices


def lines(path):
    return [line.strip() for line in path.read_text().splitlines()]


def test_a_network_that_replays_spikes(tmp_path, prices):
    folder = sanafe.export(tmp_path / "net", HOMES, NET, MESH, prices, spikes=SPIKES)
    network = lines(folder / "network.yaml")
    assert [x for x in network if re.match(r"- \d", x)] == [
        "- 0: [soma: {spikes: [1, 0, 1]}]", "- 1: [soma: {spikes: [0, 0, 1]}]", "- 2: []",
        "- 3: [soma: {spikes: [0, 1]}]",
    ]  # fmt: skip
    edges = [x for x in network if "->" in x]
    assert edges == [f"- n.{i} -> n.{j}: [weight: 0]" for i, j in
                     ((0, 1), (0, 2), (1, 3), (3, 0), (3, 0))]  # fmt: skip
    # Tile 2 is at (2, 0), which SANA-FE counts as 2 * 2 + 0; tile 1 at (1, 0) as 2.
    assert [x for x in network if "core:" in x] == [
        '- n.0: [core: 0.0, soma: "unit[0]"]', '- n.1: [core: 4.1, soma: "unit[0]"]',
        '- n.2: [core: 4.1, soma: "unit[1]"]', '- n.3: [core: 2.1, soma: "unit[0]"]',
    ]  # fmt: skip
    assert sorted(p.name for p in folder.iterdir()) == ["architecture.yaml", "network.yaml"]


def test_an_architecture_with_our_prices(tmp_path, prices):
    sanafe.export(tmp_path, HOMES, NET, MESH, prices, spikes=SPIKES)
    found = dict(
        line.removeprefix("- ").split(": ", 1)
        for line in lines(tmp_path / "architecture.yaml")
        if ": " in line
    )
    assert (found["width"], found["height"], found["max_neurons_supported"]) == ("3", "2", "2")
    text = (tmp_path / "architecture.yaml").read_text()
    assert "tile[0..5]" in text and "core[0..1]" in text and "unit[0..1]" in text
    expected = {
        "process_spike": (35.5, 3.8), "access_neuron": (51.2, 6.0), "update_neuron": (21.6, 3.7),
        "spike_out": (69.3, 30.0), "message_in": (0.0, 16.0), "message_out": (111.0, 5.1),
        "east_hop": (3.0, 4.1), "west_hop": (3.0, 4.1), "north_hop": (4.2, 6.5),
        "south_hop": (4.2, 6.5), "update": (0.0, 0.0),
    }  # fmt: skip
    for what, (pj, ns) in expected.items():
        assert float(found[f"energy_{what}"]) == pytest.approx(pj * 1e-12, rel=1e-15)
        assert float(found[f"latency_{what}"]) == pytest.approx(ns * 1e-9, rel=1e-15)
    table = re.findall(r"(\d+): ([\d.e-]+)", found["latency_sync"])
    assert [int(k) for k, _ in table] == [1, 2, 4, 29]
    assert [float(v) for _, v in table] == pytest.approx([600e-9, 1e-6, 1.4e-6, 1.8e-6], rel=1e-12)


def test_a_network_that_integrates_and_fires(tmp_path, prices):
    neurons = sanafe.IntegrateFire(
        np.full(4, 9), np.array([1, 0, -2, 3]), np.array([5, -6, 7, 8, 9])
    )
    sanafe.export(tmp_path, HOMES, NET, MESH, prices, neurons=neurons)
    network = lines(tmp_path / "network.yaml")
    assert any(x.startswith("- 2: [soma: {threshold: 9, bias: -2, reset: 0,") for x in network)
    assert "- n.0 -> n.2: [weight: -6]" in network
    assert '- n.2: [core: 4.1, soma: "unit"]' in network
    assert "model: leaky_integrate_fire" in lines(tmp_path / "architecture.yaml")


def free(**changed):
    price = Price(1.0, 1.0, "here", "assumed")
    none = Price(0.0, 0.0, "here", "assumed")
    events = {k: none if k in ("local", "router") else price for k in EVENTS} | changed
    return Prices({k: v for k, v in events.items() if v}, name="ours")


def test_what_sanafe_can_not_hold(tmp_path):
    price = Price(1.0, 1.0, "here", "assumed")
    ones = np.ones(4, np.int64)
    for said, options in {
        "routes on meshes without": {"mesh": Mesh(3, 2, 2, wraps=True)},
        "ours has no energy of 'packet'": {"prices": free(packet=None)},
        "ours has no energy of 'spike'": {"prices": free(spike=Price(None, 1.0, "x", "assumed"))},
        "a price of 'router'": {"prices": free(router=price)},
        "give either spikes": {"spikes": None},
        "fires twice in one step": {"spikes": ([1, 1], [2, 2])},
        "core_of has shape (3,)": {"core_of": [0, 0, 0]},
        "neurons: weights has shape": {
            "spikes": None, "neurons": sanafe.IntegrateFire(ones, ones, ones)
        },
        "neurons: bias has": {
            "spikes": None, "neurons": sanafe.IntegrateFire(ones, ones << 30, np.ones(5, np.int64))
        },
    }.items():  # fmt: skip
        given = {
            "core_of": HOMES,
            "synapses": NET,
            "mesh": MESH,
            "prices": free(),
            "spikes": SPIKES,
        }
        with pytest.raises(InputError, match=re.escape(said)):
            sanafe.export(tmp_path / "none", **{**given, **options})
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif(importlib.util.find_spec("sanafe") is not None, reason="sanafe is installed")
def test_without_sanafe_the_error_says_how_to_get_it(tmp_path, prices):
    sanafe.export(tmp_path, HOMES, NET, MESH, prices, spikes=SPIKES)
    with pytest.raises(BackendMissing, match="pip install sanafe==2.2.9"):
        sanafe.run(tmp_path, 3, 60)
    with pytest.raises(ChildError, match="no program"):
        sanafe.run(tmp_path, 3, 60, python=str(tmp_path / "python"))


@needs_sanafe
@pytest.mark.parametrize("order", ["x", "y"])
def test_sanafe_counts_as_we_do(tmp_path, prices, order):
    rng = np.random.default_rng(7)
    n, steps, mesh = 60, 25, Mesh(5, 3, 2, order)
    synapses = Connections.of(n, rng.integers(0, n, 400), rng.integers(0, n, 400))
    homes = rng.integers(0, mesh.cores, n)
    spikes = np.nonzero(rng.random((steps, n)) < 0.1)
    folder = sanafe.export(tmp_path, homes, synapses, mesh, prices, spikes=spikes)
    theirs = sanafe.run(folder, steps, 120, PYTHON)
    counts = count(homes, synapses, spikes, steps, mesh)
    counts = count(homes, synapses, spikes, steps, mesh, updates=counts.spikes)
    ours = cost(counts, prices)
    assert np.array_equal(theirs.step, spikes[0]) and np.array_equal(theirs.neuron, spikes[1])
    total = counts.totals
    assert theirs.packets == total["packet"] and theirs.synaptic_events == total["synapse"]
    assert theirs.fired == theirs.updates == total["spike"]
    for part, joules in ours.parts.items():
        assert theirs.energy[part] == pytest.approx(joules, rel=1e-12)
    assert theirs.energy["total"] == pytest.approx(ours.energy, rel=1e-12)
    assert theirs.time == pytest.approx(ours.time, rel=1e-12)


@needs_sanafe
def test_a_failure_of_sanafe_is_one_line(tmp_path, prices):
    folder = sanafe.export(tmp_path, HOMES, NET, MESH, prices, spikes=SPIKES)
    (folder / "network.yaml").write_text("network: {}\n")
    with pytest.raises(ChildError, match="SANA-FE failed"):
        sanafe.run(folder, 3, 60, PYTHON)
