"""Every event is a sweep over all neurons, whose threshold is tested each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neurohw.bench.limits.contest import Contest, Int, compiled, timed

if TYPE_CHECKING:
    from neurohw.fixed import FixedPointNetwork

TIME = 511
"""The word that says that time has passed."""


def queue_kernel(words, synapses, v, queue, flag, fired, threshold, leak):  # type: ignore[no-untyped-def]
    """tinyODIN works off ``words``; returns how many spikes, how many sweeps over synapses."""
    n, last = v.size, queue.size - 1
    spikes, sweeps, head, queued = 0, 0, 0, 0
    zero, low, high = np.int16(0), np.int16(-2048), np.int16(2047)
    for word in words:
        time = word == TIME
        if not time:
            queue[(head + queued) & last] = word
            queued += 1
        while time or queued:
            # What is served keeps its place until its sweep is over.
            any_ = np.uint8(0)
            if time:
                for j in range(n):
                    down, up = np.int16(v[j] - leak), np.int16(v[j] + leak)
                    x = min(up, zero) if v[j] < 0 else max(down, zero)
                    fire = x >= threshold
                    v[j] = zero if fire else x
                    flag[j] = fire
                    any_ |= np.uint8(fire)
            else:
                row = synapses[queue[head]]
                for j in range(n):
                    x = min(max(np.int16(v[j] + row[j]), low), high)
                    fire = x >= threshold
                    v[j] = zero if fire else x
                    flag[j] = fire
                    any_ |= np.uint8(fire)
                sweeps += 1
            if any_:
                for j in range(n):
                    if flag[j]:
                        fired[spikes] = j
                        spikes += 1
                        if queued <= last:
                            queue[(head + queued) & last] = j
                            queued += 1
            if not time:
                head = (head + 1) & last
                queued -= 1
            time = False
    return spikes, sweeps


def queue_network(seed: int = 0) -> FixedPointNetwork:
    """tinyODIN with all neurons and all synapses, as much inhibition as excitation."""
    from neurohw.chip import load_chip
    from neurohw.fixed import FixedPointNetwork, FixedPopulation

    chip, rng = load_chip("tinyodin"), np.random.default_rng(seed)
    codes = {"thr": 100, "leak": 8, "disable": 0}
    population = FixedPopulation.of("x", 256, chip.neurons["lif"], codes)
    memory = rng.integers(-7, 8, (256, 256))
    return FixedPointNetwork(chip, 1e-3, {}, {"x": population}, (), synapse_memory=memory)


def queue_contest(size: float = 1.0) -> Contest:
    """tinyODIN, word after word; both go on from where they were."""
    from neurohw.emulate.words import Kernel

    network, rng = queue_network(), np.random.default_rng(1)
    assert network.synapse_memory is not None
    words = rng.integers(0, 256, max(round(20_000 * size), 20))
    words[::10] = TIME
    runner, kernel = Kernel(network, False), compiled(queue_kernel)
    synapses, v = network.synapse_memory.astype(np.int8), np.zeros(256, np.int16)
    queue, fired = np.zeros(128, np.int64), np.zeros(1 << 22, np.int64)
    flag = np.zeros(256, np.uint8)
    sweeps = [0]

    def ours() -> tuple[float, Int]:
        seconds, _ = timed(lambda: runner.send(words, False, 1 << 40))
        return seconds, runner.fired()

    def limit() -> tuple[float, Int]:
        seconds, (spikes, sweeps[0]) = timed(
            lambda: kernel(words, synapses, v, queue, flag, fired, np.int16(100), np.int16(8))
        )
        return seconds, fired[:spikes].copy()

    return Contest("tinyodin", "queue", ours, limit, lambda fired: 256 * sweeps[0])
