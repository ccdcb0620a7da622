"""Energies and times equal SANA-FE's; what is not published stays unknown."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import neurohw as nh
from neurohw.chip.model import Number
from neurohw.chip.prices import EVENTS, Price, Prices
from neurohw.errors import InputError
from neurohw.mapping.cost import cost, si
from neurohw.mapping.counts import active, arrivals, count
from neurohw.mapping.mesh import Mesh
from neurohw.mapping.traffic import Connections

GOLDEN = Path(__file__).parents[1] / "golden" / "mapping" / "sanafe229_loihi_energy.json"
CASES = json.loads(GOLDEN.read_text())
LOIHI = Mesh(8, 4, 4, "y")


def replayed(case):
    """Counts of a golden case: its neurons integrate and fire in integers, without a leak."""
    n, steps = case["N"], case["T"]
    pre, post = np.array(case["edges"]).T
    weights, bias = np.zeros((n, n), np.int64), np.array(case["bias"])
    np.add.at(weights, (post, pre), case["weights"])
    v, fired = np.zeros(n, np.int64), np.zeros(n, np.bool_)
    before = np.zeros((steps, n), np.int64)
    spikes = []
    for k in range(steps):
        before[k] = v
        v = v + bias + weights @ fired
        fired = v > case["threshold"]
        v[fired] = 0
        assert np.flatnonzero(fired).tolist() == sorted(case["spikes"][k])
        spikes += [(k, int(i)) for i in np.flatnonzero(fired)]
    columns = tuple(np.array(spikes).T)
    synapses = Connections.of(n, pre, post)
    came = arrivals(synapses, columns, steps)
    updates = active(case["core_of"], LOIHI, before, came, bias, columns)
    return count(case["core_of"], synapses, columns, steps, LOIHI, updates=updates)


@pytest.mark.parametrize("case", CASES, ids=[c["name"] for c in CASES])
def test_counts_energies_and_times_are_sanafes(case):
    counts = replayed(case)
    total = counts.totals
    names = {
        "synapse": "synaptic_events", "spike": "neurons_fired", "update": "neurons_updated",
        "packet": "packets_sent", "hop_x": "hops_x", "hop_y": "hops_y",
    }  # fmt: skip
    assert {k: total[k] for k in names} == {k: case[v] for k, v in names.items()}
    found = cost(counts, nh.load_chip("loihi1").prices)
    for part, joules in found.parts.items():
        assert joules == pytest.approx(case["energy"][part], rel=1e-12)
    assert found.energy == pytest.approx(case["energy"]["total"], rel=1e-12)
    assert found.time == pytest.approx(case["simple"]["sim_time"], rel=1e-12)
    assert found.status == "assumed" and found.sources == ("sanafe229",)


def small(updates=True):
    """Two cores of two neurons; neuron 0 fires at both steps, to both cores."""
    synapses = Connections.of(4, [0, 0, 0], [1, 2, 3])
    known = [[1, 0], [2, 2]] if updates else None
    return count(
        [0, 0, 1, 1], synapses, ([0, 1], [0, 0]), 2, Mesh(2, 1), updates=known
    )  # fmt: skip


def test_a_step_takes_what_its_busiest_core_takes_and_the_barrier():
    ns = {"neuron": 1, "update": 10, "spike": 100, "packet": 1000, "axon_in": 7, "synapse": 3}
    events = {k: Price(0.0, ns.get(k, 0.0), "here", "measured") for k in EVENTS}
    times = cost(small(), Prices(events, sync=((1, 5.0), (2, 50.0), (3, 500.0)))).times
    assert times == pytest.approx(
        np.array([2 + 10 + 100 + 2000 + 50, 2 + 20 + 100 + 2000 + 50]) * 1e-9
    )
    slow = {**events, "synapse": Price(0.0, 9000.0, "here", "measured")}
    assert cost(small(), Prices(slow, sync=((4, 0.0),))).times == pytest.approx([18007e-9] * 2)


def priced(**given):
    events = {k: Price(1.0, 1.0, "paper", "documented") for k in EVENTS if k not in given}
    events |= {k: v for k, v in given.items() if v is not None}
    return Prices(events, sync=((1, 1.0),), name="ours")


def test_what_has_no_price_has_no_energy_and_says_so():
    counts = small()
    found = cost(counts, priced(packet=None, hop_x=Price(None, 2.0, "paper", "documented")))
    assert found.energy is None and found.why_no_energy == "ours has no energy of packet, hop_x"
    assert found.parts["network"] is None and found.parts["synapse"] == 6e-12
    assert found.times is None and found.why_no_time == "ours has no latency of packet"
    assert "no energy: ours has no energy of packet, hop_x" in str(found)
    # hop_y is not passed, so it needs no price.
    assert cost(counts, priced(hop_y=None)).energy is not None
    unknown = cost(small(updates=False), priced())
    assert unknown.energy is None and "count(..., updates=...)" in unknown.why_no_energy
    free = Price(0.0, 0.0, "paper", "documented")
    assert cost(small(updates=False), priced(update=free)).energy is not None


@pytest.mark.parametrize("name", ["loihi2", "ranc", "tinyodin", "reckon", "xylo1", "xylo2"])
def test_a_chip_without_published_energies_has_counts_and_no_joules(name):
    found = cost(small(), nh.load_chip(name).prices, duration=1.0)
    assert found.energy is None and found.times is None and found.status == ""
    assert found.events["synapse"] == 6 and not found.energies and not found.static
    assert str(found).count("no price") == len(EVENTS)
    assert not re.search(r"[\d ][afpnµm]?J", str(found))


def test_the_status_is_the_worst_of_the_numbers_used():
    rows = {"synapse": "measured", "hop_y": "assumed"}
    made = {k: Price(1.0, 1.0, k, s) for k, s in rows.items()}
    table = replace(priced(**made), sync_status="measured", sync_source="clock")
    found = cost(small(), table)
    assert found.status == "documented"  # nothing passed along y
    assert found.sources == ("synapse", "paper", "clock")
    assert "documented numbers: ours (synapse, paper, clock)" in str(found)
    sure = replace(priced(synapse=made["synapse"]), sync_status="assumed", sync_source="guess")
    assert cost(small(), sure).status == "assumed"


def test_static_power_is_told_apart_and_needs_a_duration():
    table = priced()
    table = replace(
        table,
        static={"core": Number(2.0, "paper", "documented"), "chip": Number(5.0, "web", "assumed")},
    )
    found = cost(small(), table, duration=0.5, chips=3)
    assert found.static == pytest.approx({"core": 2e-3 * 2 * 0.5, "chip": 5e-3 * 3 * 0.5})
    assert found.status == "assumed" and found.energy == cost(small(), priced()).energy
    assert cost(small(), table).duration == pytest.approx(cost(small(), table).time)
    no_time = replace(table, sync=())
    assert not cost(small(), no_time).static
    with pytest.raises(InputError, match="duration is -1"):
        cost(small(), table, duration=-1)


def test_included_events_cost_nothing_and_are_named():
    table = Prices(
        {"synapse": Price(12.7, None, "paper", "documented")},
        included=frozenset(EVENTS) - {"synapse"}, name="SOP",
    )  # fmt: skip
    found = cost(small(updates=False), table)
    assert found.energy == pytest.approx(6 * 12.7e-12, rel=1e-12)
    assert "included" in str(found) and found.time is None
    assert found.why_no_time.startswith("SOP has no latency of neuron, ")


@pytest.mark.parametrize("name", nh.list_chips())
def test_the_table_fits_a_page(name):
    lines = str(cost(replayed(CASES[1]), nh.load_chip(name).prices, duration=0.04)).splitlines()
    assert max(map(len, lines)) <= 100
    assert len(lines) > 11


def test_prefixes():
    shown = {
        35.5e-12: "35.5 pJ", 1e-9: "1 nJ", 999.96e-9: "1 µJ", 0.0: "0 J", 1234.0: "1.234 kJ",
        2.5: "2.5 J", 1e-22: "0.0001 aJ", 3.00049e-3: "3 mJ", 1e18: "1e+06 TJ",
    }  # fmt: skip
    assert {k: si(k, "J") for k in shown} == shown
