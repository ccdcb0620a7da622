"""Beside other simulators, in one run: `pytest tests/benchmarks/test_bench.py --benchmark-only`.

Times in the tables are CPU time of a million synaptic events, run phase only; the numbers in
parentheses are ratios. `neurohw bench` does the same at full size, in turns.
"""

from statistics import median

import pytest

import neurohw as nh
from neurohw.bench.measure import Missing, run_own
from neurohw.bench.peer import run_peer
from neurohw.bench.workloads import LAVA, W1, W2, W3, fixed_network

WORKLOADS = {w.name: w for w in (W1.scaled(0.2), W2, W3.scaled(0.1))}
ROUNDS = 3
COSTS: dict[str, list[float]] = {}


@pytest.fixture(scope="module")
def networks():
    chip = nh.load_chip("loihi2")
    made = {}

    def get(w):
        if w.name not in made:
            made[w.name] = fixed_network(w, chip)
        return made[w.name]

    return get


class Clock:
    """What pytest-benchmark reads: it moves on by what a run cost, wherever that was spent."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1e-9  # it looks for the smallest step that a clock makes
        return self.now


CLOCK = Clock()
pytestmark = pytest.mark.benchmark(timer=CLOCK)


def timed(benchmark, run, w):
    """Rate (Hz) and CPU seconds of an event, medians of the rounds."""
    results = []

    def once():
        found = run()
        if isinstance(found, Missing):
            pytest.skip(found.reason)
        results.append(found)
        CLOCK.now += 1e6 * found.cost

    benchmark.pedantic(once, rounds=ROUNDS)
    rate = median(r.spikes / r.seconds_bio / w.n for r in results)
    benchmark.extra_info.update(rate_hz=rate)
    return rate, median(r.cost for r in results)


@pytest.mark.parametrize("name", [*WORKLOADS, LAVA.name])
def test_own(benchmark, networks, name):
    benchmark.group, w = name, WORKLOADS.get(name, LAVA)
    fixed = networks(w)
    rate, cost = timed(benchmark, lambda: run_own(fixed, w.steps, w.warmup), w)
    COSTS[name] = [rate, cost]
    assert rate > 0


@pytest.mark.parametrize("peer", ["nest", "brian2"])
@pytest.mark.parametrize("name", WORKLOADS)
def test_peer(benchmark, networks, name, peer):
    benchmark.group, w = name, WORKLOADS[name]
    against(benchmark, networks, w, peer)


def test_lava(benchmark, networks):
    benchmark.group = LAVA.name
    against(benchmark, networks, LAVA, "lava")


def against(benchmark, networks, w, peer):
    def run():
        found = run_peer(peer, w, timeout=600)
        return found if isinstance(found, Missing) else found.result()

    rate, cost = timed(benchmark, run, w)
    if w.name not in COSTS:  # alone, or another order
        own = run_own(networks(w), w.steps, w.warmup)
        COSTS[w.name] = [own.spikes / own.seconds_bio / w.n, own.cost]
    benchmark.extra_info["ratio"] = cost / COSTS[w.name][1]
    # equal networks: the same rate, but for what is drawn
    assert rate == pytest.approx(COSTS[w.name][0], rel=0.15)
