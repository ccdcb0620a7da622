"""ReckOn and ODIN beside their limits: `pytest -n 0 -s --benchmark-only` on this file.

A kernel written by hand for one chip does the same integer arithmetic in the same order and nothing
else: no register recorded, no overflow counted, arrays as narrow as they can be. That is the limit. What
is printed is the CPU time of our kernel and of the hand-written one, in turns.
"""

import numpy as np
import pytest
from numba import njit

import neurohw as nh
from neurohw.bench import engines
from neurohw.bench.engines import Contest
from neurohw.bench.measure import cpu
from neurohw.emulate.log import DROPPED
from neurohw.emulate.ordered_run import OrderedEngine
from neurohw.emulate.plan import plan_run
from neurohw.emulate.words import Kernel, emulate_words

N = 256
"""Neurons of either chip, and inputs of ReckOn."""
ROUNDS = 9


@njit(cache=True, nogil=True)
def reckon_by_hand(given, inp, rec, u, growth, thr, fired):
    """ReckOn's LIF, reset by subtraction, rounding down; returns how many spikes it put into ``fired``,
    each as step * N + neuron.

    given: bool (ticks, N). inp, rec: int16 (N, N), a row for each source, shifted by their exponent.
    The sum of two weights fits in 16 bits, which saturate once for each index.
    """
    low, high = np.int32(-32768), np.int32(32767)
    spikes = np.zeros(N, np.bool_)
    count = 0
    for step in range(len(given)):
        events = given[step]
        if step > 0:
            for j in range(N):
                x = np.int32(u[j])
                spike = x >= thr[j]
                decayed = x + ((x * growth[j]) >> 15)
                u[j] = np.int16(decayed - thr[j] if spike else decayed)
                spikes[j] = spike
        for p in range(N):
            if spikes[p]:
                fired[count] = step * N + p
                count += 1
            if events[p] and spikes[p]:
                for j in range(N):
                    x = np.int32(u[j]) + np.int32(inp[p, j]) + np.int32(rec[p, j])
                    u[j] = np.int16(min(max(x, low), high))
            elif events[p] or spikes[p]:
                row = inp[p] if events[p] else rec[p]
                for j in range(N):
                    u[j] = np.int16(min(max(np.int32(u[j]) + np.int32(row[j]), low), high))
    return count


@njit(cache=True, nogil=True)
def odin_by_hand(words, weight, core, leak, thr, queue, fired):
    """ODIN's LIF without learning, closed loop; ``fired`` takes the neurons that spike, in order.

    weight: int8 (N, N), unmapped 0. Words are spikes of a neuron, or 127, the time of all; each
    waits until the queue is empty. A full queue loses a spike. Returns spikes and sweeps.
    """
    spikes, sweeps, head, queued = 0, 0, 0, 0
    flag = np.zeros(N, np.uint8)
    zero, full = np.int16(0), np.int16(255)
    for word in words:
        time = word == 127
        if not time:
            queue[head] = word >> 8
            queued = 1
        while True:
            # What is served keeps its place until its sweep is over.
            any_ = np.uint8(0)
            if time:
                for j in range(N):
                    s = max(np.int16(core[j] - leak[j]), zero)
                    fire = s >= thr[j]
                    core[j] = zero if fire else s
                    flag[j] = fire
                    any_ |= np.uint8(fire)
            else:
                row = weight[queue[head]]
                for j in range(N):
                    s = min(max(np.int16(core[j] + row[j]), zero), full)
                    fire = s >= thr[j]
                    core[j] = zero if fire else s
                    flag[j] = fire
                    any_ |= np.uint8(fire)
                sweeps += 1
            if any_:
                for j in range(N):
                    if flag[j]:
                        fired[spikes] = j
                        spikes += 1
                        if queued < 32:
                            queue[(head + queued) & 31] = j
                            queued += 1
            if not time:
                head = (head + 1) & 31
                queued -= 1
            time = False
            if queued == 0:
                break
    return spikes, sweeps


def reckon_network():
    """All inputs, neurons and a fifth of the synapses; codes in the ranges of ReckOn's vectors."""
    chip, rng = nh.load_chip("reckon"), np.random.default_rng(0)
    codes = dict.fromkeys(chip.neurons["lif"].tick.parameters, 0) | {
        "growth": np.repeat(np.where(rng.random(N // 2) < 0.2, 0, rng.integers(-4000, 12, N // 2)), 2),
        "thr": np.repeat(rng.integers(500, 4000, N // 2), 2), "reached": 1,
    }  # fmt: skip
    population = nh.FixedPopulation.of("x", N, chip.neurons["lif"], codes)
    projections = []
    for source, port in (("in", "inp"), ("x", "rec")):
        pre, post = np.nonzero(rng.random((N, N)) < 0.2)
        weight = rng.integers(-45, 46, pre.size)
        projections.append(
            nh.FixedProjection.of(source, "x", pre, post, weight, 0, 4, name=port, port=port)
        )
    return nh.FixedPointNetwork(chip, 1e-3, {"in": N}, {"x": population}, tuple(projections))


def reckon_raster(steps):
    return np.random.default_rng(1).random((steps, N)) < 0.03


def reckon_arrays(network):
    population, arrays = network.populations["x"], {}
    for p in network.projections:
        arrays[p.port] = np.zeros((N, N), np.int16)
        np.add.at(arrays[p.port], (p.pre, p.post), p.weight << 4)
    growth, thr = (population.parameters[k].astype(np.int32) for k in ("growth", "thr"))
    return {**arrays, "u": np.zeros(N, np.int16), "growth": growth, "thr": thr}


def reckon_contest(steps=3000):
    """Both start again each time; a run gives step * N + neuron of every spike."""
    network, given = reckon_network(), reckon_raster(steps)
    inputs = nh.Inputs.from_dense({"in": given})
    engine = OrderedEngine(plan_run(network, inputs, None, None, None, 1, 0, "count", None))
    arrays, fired = reckon_arrays(network), np.zeros(steps * N, np.int64)

    def ours():
        began = cpu()
        run = engine.run()
        seconds, spikes = cpu() - began, run.spikes["x"]
        return seconds, spikes.step.astype(np.int64) * N + spikes.neuron

    def limit():
        arrays["u"][:] = 0
        began = cpu()
        spikes = reckon_by_hand(given, **arrays, fired=fired)
        return cpu() - began, fired[:spikes].copy()

    return Contest("reckon", "ordered", ours, limit, lambda x: N * (x.size + int(given.sum())))


def odin_network():
    """All neurons, 6 % of the synapses mapped, every fifth source inhibits; all of row 0."""
    chip, rng = nh.load_chip("odin"), np.random.default_rng(0)
    codes = dict.fromkeys(chip.neurons["lif"].tick.parameters, 0) | {
        "leak_str": rng.integers(0, 8, N), "leak_en": rng.integers(0, 2, N),
        "thr": rng.integers(40, 80, N),
    }  # fmt: skip
    population = nh.FixedPopulation.of("x", N, chip.neurons["lif"], codes)
    memory = rng.integers(0, 8, (N, N))  # what is not mapped has a weight too, which doesn't act
    memory |= 8 * (rng.random((N, N)) < 0.06) | 16 * (rng.random((N, 1)) < 0.2)
    memory[0] = 8 | 7  # takes more neurons to their thresholds at once than the queue has places
    return nh.FixedPointNetwork(chip, 1e-3, {}, {"x": population}, (), synapse_memory=memory)


def odin_words(count):
    words = np.random.default_rng(1).integers(0, N, count) << 8 | 7
    words[::20] = 127
    return words


def odin_arrays(network):
    codes, memory = network.populations["x"].parameters, network.synapse_memory
    weight = np.where(memory & 8, np.where(memory & 16, -1, 1) * (memory & 7), 0)
    return {
        "weight": weight.astype(np.int8), "core": np.zeros(N, np.int16),
        "leak": (codes["leak_str"] * codes["leak_en"]).astype(np.int16),
        "thr": codes["thr"].astype(np.int16), "queue": np.zeros(32, np.uint8),
        "fired": np.zeros(1 << 20, np.int64),
    }  # fmt: skip


def odin_contest(count=20_000):
    """Word after word; both go on from where they were. A run gives the neurons in order."""
    network, words = odin_network(), odin_words(count)
    runner, arrays, sweeps = Kernel(network, False), odin_arrays(network), [0]

    def ours():
        began = cpu()
        runner.send(words, False, 1 << 40)
        return cpu() - began, runner.fired()

    def limit():
        began = cpu()
        spikes, sweeps[0] = odin_by_hand(words, **arrays)
        return cpu() - began, arrays["fired"][:spikes].copy()

    return Contest("odin", "queue", ours, limit, lambda _: N * sweeps[0])


CONTESTS = {"reckon": reckon_contest, "odin": odin_contest}


def test_reckon_fires_as_by_hand():
    """Every spike of 256 inputs and 256 neurons, in 300 ticks in which membranes saturate too."""
    network, given = reckon_network(), reckon_raster(300)
    run = nh.emulate(network, nh.Inputs.from_dense({"in": given}))
    fired = np.zeros(300 * N, np.int64)
    count = reckon_by_hand(given, **reckon_arrays(network), fired=fired)
    spikes = run.spikes["x"]
    assert np.array_equal(spikes.step * N + spikes.neuron.astype(np.int64), fired[:count])
    assert 1000 < spikes.count < 300 * N // 2
    assert run.overflows["x"]["s"] > 100  # the order of the sources counts


def test_odin_fires_as_by_hand():
    """Every spike of 1,000 words to 256 neurons, in order, and how many sweeps it took."""
    network, words = odin_network(), odin_words(1000)
    log = emulate_words(network, words, record=False)
    arrays = odin_arrays(network)
    spikes, sweeps = odin_by_hand(words, **arrays)
    assert log.spikes[1].tolist() == arrays["fired"][:spikes].tolist()
    assert np.count_nonzero(log.type == 1) == sweeps
    assert spikes > 100
    assert np.count_nonzero(log.spikes[2] == DROPPED) > 0


@pytest.mark.benchmark(group="beside the limit")
@pytest.mark.parametrize("chip", CONTESTS)
def test_ratio(benchmark, chip, monkeypatch):
    contest = CONTESTS[chip]()
    monkeypatch.setitem(engines.CONTESTS, chip, lambda size: contest)
    (row,) = benchmark.pedantic(engines.measure, (ROUNDS,), {"chips": [chip]}, rounds=1)
    benchmark.extra_info.update(times_the_limit=row.factor)
    print(f"\n{row}")
