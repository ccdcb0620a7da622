"""Every event is a sweep over all neurons, one of time too; a full queue loses spikes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from neurohw.bench.limits.contest import Contest, Int, compiled, timed

if TYPE_CHECKING:
    from neurohw.fixed import FixedPointNetwork

N = 256
TIME = 127
"""The word that says that time has passed."""


def closed_loop_kernel(words, weight, core, leak, thr, queue, flag, fired):  # type: ignore[no-untyped-def]
    """ODIN's LIF without learning, closed loop; ``fired`` takes the neurons that spike, in order.

    weight: int8 (n, n), unmapped 0. Words are spikes of a neuron, or the time of all; each waits until
    the queue is empty. Returns spikes and sweeps over synapses.
    """
    n, last = core.size, queue.size - 1
    spikes, sweeps, head, queued = 0, 0, 0, 0
    zero, full = np.int16(0), np.int16(255)
    for word in words:
        time = word == TIME
        if not time:
            queue[head] = word >> 8
            queued = 1
        while True:
            # What is served keeps its place until its sweep is over.
            any_ = np.uint8(0)
            if time:
                for j in range(n):
                    s = max(np.int16(core[j] - leak[j]), zero)
                    fire = s >= thr[j]
                    core[j] = zero if fire else s
                    flag[j] = fire
                    any_ |= np.uint8(fire)
            else:
                row = weight[queue[head]]
                for j in range(n):
                    s = min(max(np.int16(core[j] + row[j]), zero), full)
                    fire = s >= thr[j]
                    core[j] = zero if fire else s
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
            if queued == 0:
                break
    return spikes, sweeps


def closed_loop_network(seed: int = 0) -> FixedPointNetwork:
    """All neurons, 6 % of the synapses mapped, every fifth source inhibits; all of row 0."""
    from neurohw.chip import load_chip
    from neurohw.fixed import FixedPointNetwork, FixedPopulation

    chip, rng = load_chip("odin"), np.random.default_rng(seed)
    codes = dict.fromkeys(chip.neurons["lif"].tick.parameters, 0) | {
        "leak_str": rng.integers(0, 8, N), "leak_en": rng.integers(0, 2, N),
        "thr": rng.integers(40, 80, N),
    }  # fmt: skip
    population = FixedPopulation.of("x", N, chip.neurons["lif"], codes)
    memory = rng.integers(0, 8, (N, N))  # what is not mapped has a weight too, which doesn't act
    memory |= 8 * (rng.random((N, N)) < 0.06) | 16 * (rng.random((N, 1)) < 0.2)
    memory[0] = 8 | 7  # takes more neurons to their thresholds at once than the queue has places
    return FixedPointNetwork(chip, 1e-3, {}, {"x": population}, (), synapse_memory=memory)


def closed_loop_words(count: int) -> Int:
    """Spikes of any neuron, every twentieth word the time."""
    words = np.random.default_rng(1).integers(0, N, count) << 8 | 7
    words[::20] = TIME
    return words


def closed_loop_contest(size: float = 1.0) -> Contest:
    """ODIN, word after word; both go on from where they were."""
    from neurohw.emulate.words import Kernel

    network, words = closed_loop_network(), closed_loop_words(max(round(20_000 * size), 20))
    runner, kernel = Kernel(network, False), compiled(closed_loop_kernel)
    arrays, sweeps = closed_loop_arrays(network), [0]

    def ours() -> tuple[float, Int]:
        seconds, _ = timed(lambda: runner.send(words, False, 1 << 40))
        return seconds, runner.fired()

    def limit() -> tuple[float, Int]:
        seconds, (spikes, sweeps[0]) = timed(lambda: kernel(words, **arrays))
        return seconds, arrays["fired"][:spikes].copy()

    return Contest("odin", "queue", ours, limit, lambda _: N * sweeps[0])


def closed_loop_arrays(network: FixedPointNetwork) -> dict[str, Any]:
    """What the kernel is given, its membranes at 0."""
    codes, memory = network.populations["x"].parameters, network.synapse_memory
    assert memory is not None
    weight = np.where(memory & 8, np.where(memory & 16, -1, 1) * (memory & 7), 0)
    return {
        "weight": weight.astype(np.int8), "core": np.zeros(N, np.int16),
        "leak": (codes["leak_str"] * codes["leak_en"]).astype(np.int16),
        "thr": codes["thr"].astype(np.int16), "queue": np.zeros(32, np.int64),
        "flag": np.zeros(N, np.uint8), "fired": np.zeros(1 << 20, np.int64),
    }  # fmt: skip
