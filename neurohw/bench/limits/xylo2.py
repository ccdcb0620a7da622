"""In order, source by source: every synapse is a saturating addition to a register."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from neurohw.bench.limits.contest import Contest, Int, compiled, timed

if TYPE_CHECKING:
    from neurohw.fixed import FixedPointNetwork


def ordered_kernel(  # type: ignore[no-untyped-def]
    steps, n, start, place, weight, current, vmem, due, due_count, fired, fired_count, dash_syn,
    dash_mem, threshold, offset,
):  # fmt: skip
    """``steps`` ticks of Xylo's hidden neurons; returns how many events there were.

    ``place``: the register that a synapse adds to in ``current`` (2, n). A neuron sends ``fired_count``
    spikes at step * n + neuron in ``fired``; thresholds are positive.
    """
    waiting = 0
    count = 0
    for step in range(steps):
        for k in range(waiting):
            spikes = np.int32(due_count[k])
            for s in range(start[due[k]], start[due[k] + 1]):
                x = np.int32(current[place[s]] + spikes * np.int32(weight[s]))
                current[place[s]] = min(max(x, np.int32(-32768)), np.int32(32767))
        waiting = 0
        for j in range(n):
            a, b, v = np.int32(current[j]), np.int32(current[n + j]), np.int32(vmem[j])
            by = a >> dash_syn
            a -= by + np.int32((a > 0) & (by == 0))
            by = b >> dash_syn
            b -= by + np.int32((b > 0) & (by == 0))
            current[j] = a
            current[n + j] = b
            by = v >> dash_mem
            leak = by + np.int32((v > 0) & (by == 0))
            x = min(max(a + b - leak, np.int32(-32768)), np.int32(32767))
            x = min(max(x + offset, np.int32(-32768)), np.int32(32767))
            v = min(max(v + x, np.int32(-32768)), np.int32(32767))
            own = np.int32(0)
            while v >= threshold and own < 31:
                v -= threshold
                own += np.int32(1)
            vmem[j] = v
            if own > 0:
                due[waiting] = j
                due_count[waiting] = own
                waiting += 1
                fired[count] = step * n + j
                fired_count[count] = own
                count += 1
    return count


def ordered_network(n: int, k: int, seed: int = 0) -> FixedPointNetwork:
    """``n`` hidden neurons of Xylo 2, half of the ``k`` synapses from each on either current."""
    from neurohw.chip import load_chip
    from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection

    chip, rng = load_chip("xylo2"), np.random.default_rng(seed)
    codes = {"dash_syn": 2, "dash_syn2": 2, "dash_mem": 4, "vth": 1000, "offset": 80}
    initial = {"vmem": rng.integers(0, 1000, n)}
    population = FixedPopulation.of("x", n, chip.neurons["hidden"], codes, initial)
    projections = []
    for port in ("w1", "w2"):
        pre, post = np.repeat(np.arange(n), k // 2), rng.integers(0, n, n * (k // 2))
        weight = rng.integers(-60, 50, pre.size)
        projections.append(FixedProjection.of("x", "x", pre, post, weight, name=port, port=port))
    return FixedPointNetwork(chip, 1e-3, {}, {"x": population}, tuple(projections))


def ordered_contest(size: float = 1.0) -> Contest:
    """Xylo 2: both start again each time."""
    from neurohw.emulate.ordered_run import OrderedEngine
    from neurohw.emulate.plan import plan_run

    n, steps = 1000, max(round(1000 * size), 1)
    network = ordered_network(n, 100)
    engine = OrderedEngine(plan_run(network, None, steps, None, None, 1, 0, "count", None))
    arrays, kernel = _ordered_arrays(network, steps), compiled(ordered_kernel)
    initial = arrays["vmem"].copy()
    fan_out = np.diff(arrays["start"])

    def ours() -> tuple[float, Int]:
        seconds, run = timed(engine.run)
        spikes = run.spikes["x"]
        value = np.ones(spikes.count, np.int64) if spikes.value is None else spikes.value
        return seconds, (spikes.step.astype(np.int64) * n + spikes.neuron) * 32 + value

    def limit() -> tuple[float, Int]:
        arrays["vmem"][:], arrays["current"][:] = initial, 0
        seconds, count = timed(lambda: kernel(steps, n, **arrays))
        return seconds, arrays["fired"][:count] * 32 + arrays["fired_count"][:count]

    def count(fired: Int) -> int:
        delivered = fired[fired // (32 * n) < steps - 1]
        return int(fan_out[delivered // 32 % n].sum())

    return Contest("xylo2", "ordered", ours, limit, count)


def _ordered_arrays(network: FixedPointNetwork, steps: int) -> dict[str, Any]:
    population, p = network.populations["x"], network.projections
    n = population.n
    pre = np.concatenate([q.pre for q in p])
    number = np.concatenate([np.full(q.pre.size, k) for k, q in enumerate(p)])
    post = np.concatenate([q.post for q in p])
    order = np.lexsort((post, number, pre))
    start = np.zeros(n + 1, np.int64)
    np.cumsum(np.bincount(pre, minlength=n), out=start[1:])
    codes = {name: int(x[0]) for name, x in population.parameters.items()}
    return {
        "start": start, "place": (number * n + post)[order].astype(np.uint16),
        "weight": np.concatenate([q.weight for q in p])[order].astype(np.int16),
        "current": np.zeros(2 * n, np.int16), "vmem": population.start()["vmem"].astype(np.int16),
        "due": np.zeros(n, np.int64), "due_count": np.zeros(n, np.int64),
        "fired": np.zeros(n * steps, np.int64), "fired_count": np.zeros(n * steps, np.int64),
        "dash_syn": codes["dash_syn"], "dash_mem": codes["dash_mem"],
        "threshold": np.int32(codes["vth"]), "offset": np.int32(codes["offset"]),
    }  # fmt: skip
