"""The ring buffer: every synapse adds its weight to an entry of the ring; then the neurons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from neurohw.bench.limits.contest import Contest, Int, compiled, timed

if TYPE_CHECKING:
    from neurohw.fixed import FixedPointNetwork

SLOTS = 32
"""Ticks that the ring holds."""


def ring_kernel(  # type: ignore[no-untyped-def]
    steps, now, n, start, place, weight, ring, exc, inh, v, refract, flag, fired, offset, shift,
    first, decay, membrane, left, rest, threshold, reset, quiet,
):  # fmt: skip
    """``steps`` ticks of SpiNNaker's IF_curr_exp from tick ``now`` on; returns how many spiked.

    ``start``: where the synapses of each neuron begin; ``place``: delay, type and target of each
    as a distance in the ring (ticks, 2, n). ``fired`` takes step * n + neuron.
    """
    mask = np.uint64(ring.size - 1)
    count = 0
    for step in range(now, now + steps):
        row = np.uint64(step * 2 * n) & mask
        low = np.int64(row)
        excites, inhibits = ring[low : low + n], ring[low + n : low + 2 * n]
        for j in range(n):
            e = min(excites[j], np.uint32(65535))
            i = min(inhibits[j], np.uint32(65535))
            excites[j] = 0
            inhibits[j] = 0
            x = np.int64(np.int32(exc[j] + ((np.int64(e) << shift) * first >> 32)))
            y = np.int64(np.int32(inh[j] + ((np.int64(i) << shift) * first >> 32)))
            drive = np.int64(np.int32(x - y + offset))
            a = np.int64(np.int32((drive * membrane >> 15) + rest))
            gap = np.int64(np.int32(a - v[j]))
            u = np.int64(np.int32(a - (gap * left >> 15)))
            awake = refract[j] <= 0
            u = u if awake else np.int64(v[j])
            pause = 0 if awake else refract[j] - 1
            spike = u >= threshold
            v[j] = reset if spike else u
            refract[j] = quiet if spike else pause
            exc[j] = x * decay >> 32
            inh[j] = y * decay >> 32
            flag[j] = spike
        before = count
        for j in range(n):
            fired[count] = step * n + j
            count += flag[j]
        for k in range(before, count):
            j = fired[k] - step * n
            for s in range(start[j], start[j + 1]):
                ring[(row + place[s]) & mask] += weight[s]
    return count


def ring_network(n: int, k: int, seed: int = 0) -> FixedPointNetwork:
    """``n`` neurons of SpiNNaker, 80 % excitatory, ``k`` synapses from each, 1 to 16 ticks long."""
    from neurohw.chip import load_chip
    from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection

    chip, one, rng = load_chip("spinnaker1"), 32768, np.random.default_rng(seed)
    codes = {
        "v_init": 0, "v_rest": 0, "c_m": 20 * one, "tau_m": 20 * one, "i_offset": 40 * one,
        "reset": 0, "t_refrac": 2 * one, "refract_init": 0, "ts": one, "thr": 20 * one,
        "tau_exc": 5 * one, "i_exc_init": 0, "tau_inh": 5 * one, "i_inh_init": 0, "shift_exc": 6,
        "shift_inh": 6,
    }  # fmt: skip
    initial = {"v": rng.integers(0, 20 * one, n)}
    population = FixedPopulation.of("x", n, chip.neurons["lif"], codes, initial)
    excitatory = n * 4 // 5
    projections = []
    for port, low, high, mean in (
        ("exc", 0, excitatory, 130_000 // k), ("inh", excitatory, n, 780_000 // k),
    ):  # fmt: skip
        pre = np.repeat(np.arange(low, high), k)
        weight = rng.integers(mean // 2, mean * 3 // 2, pre.size)
        target, delay = rng.integers(0, n, pre.size), rng.integers(0, 16, pre.size)
        projections.append(
            FixedProjection.of("x", "x", pre, target, weight, delay, name=port, port=port)
        )
    return FixedPointNetwork(chip, 1e-3, {}, {"x": population}, tuple(projections))


def ring_contest(size: float = 1.0) -> Contest:
    """SpiNNaker 1: both go on from where they were."""
    from neurohw.emulate.session import Session

    n, k, steps = 2048, 200, max(round(200 * size), 1)
    network = ring_network(n, k)
    session, by_hand, kernel = (
        Session(network, threads=1),
        _ring_arrays(network),
        compiled(ring_kernel),
    )
    fan_out = np.diff(by_hand["start"])
    fired = np.zeros(n * steps + 1, np.int64)
    now = [0, 0]

    def ours() -> tuple[float, Int]:
        seconds, run = timed(lambda: session.run(steps))
        spikes = run.spikes["x"]
        now[0] += steps
        return seconds, (spikes.step.astype(np.int64) + now[0] - steps) * n + spikes.neuron

    def limit() -> tuple[float, Int]:
        seconds, count = timed(lambda: kernel(steps, now[1], n, fired=fired, **by_hand))
        now[1] += steps
        return seconds, fired[:count].copy()

    return Contest("spinnaker1", "ring buffer", ours, limit, lambda x: int(fan_out[x % n].sum()))


def _ring_arrays(network: FixedPointNetwork) -> dict[str, Any]:
    population = network.populations["x"]
    n, begin = population.n, population.start()
    p = network.projections
    pre = np.concatenate([q.pre for q in p])
    delay = np.concatenate([q.delay for q in p]).astype(np.int64)
    port = np.concatenate([np.full(q.pre.size, q.port == "inh", np.int64) for q in p])
    post = np.concatenate([q.post for q in p])
    place = ((delay + 1) * 2 + port) * n + post
    order = np.lexsort((place, pre))
    start = np.zeros(n + 1, np.int64)
    np.cumsum(np.bincount(pre, minlength=n), out=start[1:])
    codes = {name: int(x[0]) for name, x in {**population.parameters, **begin}.items()}
    return {
        "start": start, "place": place[order].astype(np.uint32),
        "weight": np.concatenate([q.weight for q in p])[order].astype(np.uint16),
        "ring": np.zeros(SLOTS * 2 * n, np.uint32), "exc": np.zeros(n, np.int32),
        "inh": np.zeros(n, np.int32), "v": begin["v"].astype(np.int32),
        "refract": np.zeros(n, np.int32), "flag": np.zeros(n, np.uint8),
        "offset": codes["i_offset"], "shift": codes["shift_exc"], "first": codes["init_exc"],
        "decay": codes["decay_exc"], "membrane": codes["r_membrane"], "left": codes["exp_tc"],
        "rest": codes["v_rest"], "threshold": codes["thr"], "reset": codes["reset"],
        "quiet": codes["t_refract"],
    }  # fmt: skip
