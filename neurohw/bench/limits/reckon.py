"""In order, index by index: every synapse is a saturating addition to a membrane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.bench.limits.contest import Contest, Int, compiled, timed

if TYPE_CHECKING:
    from neurohw.fixed import FixedPointNetwork

N = 256
"""Neurons and inputs."""
EXPONENT = 4


def by_index_kernel(given, inp, rec, u, growth, thr, fired):  # type: ignore[no-untyped-def]
    """ReckOn's LIF, reset by subtraction, rounding down; returns how many spikes it put into ``fired``,
    each as step * n + neuron.

    given: bool (ticks, n). inp, rec: int16 (n, n), a row for each source, shifted by their exponent.
    The sum of two weights fits in 16 bits, which saturate once for each index.
    """
    n = u.size
    low, high = np.int32(-32768), np.int32(32767)
    spikes = np.zeros(n, np.bool_)
    count = 0
    for step in range(len(given)):
        events = given[step]
        if step > 0:
            for j in range(n):
                x = np.int32(u[j])
                spike = x >= thr[j]
                decayed = x + ((x * growth[j]) >> 15)
                u[j] = np.int16(decayed - thr[j] if spike else decayed)
                spikes[j] = spike
        for p in range(n):
            if spikes[p]:
                fired[count] = step * n + p
                count += 1
            if events[p] and spikes[p]:
                for j in range(n):
                    x = np.int32(u[j]) + np.int32(inp[p, j]) + np.int32(rec[p, j])
                    u[j] = np.int16(min(max(x, low), high))
            elif events[p] or spikes[p]:
                row = inp[p] if events[p] else rec[p]
                for j in range(n):
                    u[j] = np.int16(min(max(np.int32(u[j]) + np.int32(row[j]), low), high))
    return count


def by_index_network(seed: int = 0) -> FixedPointNetwork:
    """All inputs and neurons, a fifth of the synapses, membranes that saturate."""
    from neurohw.chip import load_chip
    from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection

    chip, rng = load_chip("reckon"), np.random.default_rng(seed)
    growth = np.where(rng.random(N // 2) < 0.2, 0, rng.integers(-4000, 12, N // 2))
    codes: dict[str, ArrayLike] = dict.fromkeys(chip.neurons["lif"].tick.parameters, 0)
    # Two neurons share a word of these.
    codes["growth"] = np.repeat(growth, 2)
    codes["thr"] = np.repeat(rng.integers(500, 4000, N // 2), 2)
    codes["reached"] = 1
    population = FixedPopulation.of("x", N, chip.neurons["lif"], codes)
    projections = []
    for source, port in (("in", "inp"), ("x", "rec")):
        pre, post = np.nonzero(rng.random((N, N)) < 0.2)
        weight = rng.integers(-45, 46, pre.size)
        projections.append(
            FixedProjection.of(source, "x", pre, post, weight, 0, EXPONENT, name=port, port=port)
        )
    return FixedPointNetwork(chip, 1e-3, {"in": N}, {"x": population}, tuple(projections))


def by_index_raster(steps: int) -> NDArray[np.bool_]:
    """Spikes of the inputs, (ticks, n)."""
    return np.random.default_rng(1).random((steps, N)) < 0.03


def by_index_contest(size: float = 1.0) -> Contest:
    """ReckOn: both start again each time."""
    from neurohw.emulate.ordered_run import OrderedEngine
    from neurohw.emulate.plan import plan_run
    from neurohw.network import Inputs

    network, given = by_index_network(), by_index_raster(max(round(3000 * size), 1))
    plan = plan_run(
        network, Inputs.from_dense({"in": given}), None, None, None, 1, 0, "count", None
    )
    engine, kernel = OrderedEngine(plan), compiled(by_index_kernel)
    arrays, fired = by_index_arrays(network), np.zeros(given.size, np.int64)

    def ours() -> tuple[float, Int]:
        seconds, run = timed(engine.run)
        spikes = run.spikes["x"]
        return seconds, spikes.step.astype(np.int64) * N + spikes.neuron

    def limit() -> tuple[float, Int]:
        arrays["u"][:] = 0
        seconds, count = timed(lambda: kernel(given, fired=fired, **arrays))
        return seconds, fired[:count].copy()

    return Contest("reckon", "ordered", ours, limit, lambda x: N * (x.size + int(given.sum())))


def by_index_arrays(network: FixedPointNetwork) -> dict[str, Any]:
    """What the kernel is given, its membranes at 0."""
    population, arrays = network.populations["x"], {}
    for p in network.projections:
        arrays[p.port] = np.zeros((N, N), np.int16)
        np.add.at(arrays[p.port], (p.pre, p.post), (p.weight << EXPONENT).astype(np.int16))
    growth, thr = (population.parameters[k].astype(np.int32) for k in ("growth", "thr"))
    return {**arrays, "u": np.zeros(N, np.int16), "growth": growth, "thr": thr}
