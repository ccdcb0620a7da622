"""A generated neuron kernel beside one written by hand: `pytest tests/benchmarks --benchmark-only`.

Both run Loihi 2's refractory LIF on the same neurons and leave the same registers; the hand-written
one counts no overflows and skips nothing. The ratio of the medians is what generality costs.
"""

import numpy as np
import pytest
from numba import njit

import neurohw as nh
from neurohw.emulate.session import Session
from neurohw.fixed import FixedPointNetwork, FixedPopulation

N, TICKS = 20_000, 300
CODES = {"du": 741, "dv": 200, "vth": 20_000, "bias_exp": 4, "refractory": 2}


@njit(cache=True)
def by_hand(ticks, u, v, wait, bias, fired, du, dv, limit, shift, refractory):
    """u and v decay in 4096ths toward 0, in 32 bits: products are split at 12 bits."""
    one, mask = np.int32(1), np.int32(4095)
    ku, kv = np.int32(4095 - du), np.int32(4096 - dv)
    count = 0
    for _ in range(ticks):
        any_ = np.int32(0)
        for j in range(u.size):
            low = np.int32(np.int32(u[j] & mask) * ku)
            up = one if (u[j] < 0 and np.int32(low & mask) != 0) else np.int32(0)
            u[j] = np.int32(np.int32(u[j] >> 12) * ku) + (low >> 12) + up
            low = np.int32(np.int32(v[j] & mask) * kv)
            up = one if (v[j] < 0 and np.int32(low & mask) != 0) else np.int32(0)
            y = np.int32(np.int32(v[j] >> 12) * kv) + (low >> 12) + up + u[j] + (bias[j] << shift)
            x = v[j] if wait[j] != 0 else y
            spike = one if x > limit else np.int32(0)
            v[j] = 0 if spike != 0 else x
            wait[j] = refractory if spike != 0 else (wait[j] - 1 if wait[j] > 0 else 0)
            fired[j] = spike
            any_ |= spike
        if any_:
            for j in range(u.size):
                count += fired[j]
    return count


@pytest.fixture(scope="module")
def start():
    rng = np.random.default_rng(0)
    return rng.integers(0, 1_000_000, N), rng.integers(0, 4095, N)


def network(start):
    chip = nh.load_chip("loihi2")
    v, bias = start
    neurons = FixedPopulation.of(
        "net", N, chip.neurons["lif_refractory"], {**CODES, "bias_mant": bias}, {"v": v}
    )
    return FixedPointNetwork(chip, 1e-3, {}, {"net": neurons}, ())


@pytest.mark.benchmark(group="20,000 neurons, 300 ticks")
def test_generated(benchmark, start):
    with Session(network(start), threads=1) as session:
        benchmark.pedantic(session.run, (TICKS,), rounds=9, warmup_rounds=1)


@pytest.mark.benchmark(group="20,000 neurons, 300 ticks")
def test_by_hand(benchmark, start):
    state, run = hand(start)
    benchmark.pedantic(run, (TICKS,), rounds=9, warmup_rounds=1)
    with Session(network(start), threads=1) as session:
        for _ in range(10):
            session.run(TICKS)
        for name in ("u", "v", "wait"):
            assert np.array_equal(session.register("net", name), state[name]), name


def hand(start):
    v, bias = (x.astype(np.int32) for x in start)
    state = {"u": np.zeros(N, np.int32), "v": v, "wait": np.zeros(N, np.int16)}
    fired, bias = np.zeros(N, np.uint8), bias.astype(np.int16)

    def run(ticks):
        return by_hand(
            ticks, *state.values(), bias, fired, CODES["du"], CODES["dv"], CODES["vth"] << 6,
            CODES["bias_exp"], CODES["refractory"],
        )  # fmt: skip

    return state, run
