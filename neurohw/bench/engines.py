"""How far the delivery engines are from what their chips' arithmetic costs at least.

Each engine runs a random network of one chip, and so does a kernel written by hand for that chip
and that network: the same integer arithmetic in the same order, and nothing else. No register is
recorded, no overflow counted, parameters are numbers, arrays as narrow as they can be. That kernel
is the limit. Both must give the same spikes, or nothing is reported.

ring buffer (SpiNNaker 1): every synapse adds its weight to an entry of the ring; then the neurons.
ordered (Xylo 2): every synapse is a saturating addition to a register, source by source.
queue (tinyODIN): every event is a sweep over all neurons, whose threshold is tested each time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurohw.bench.measure import cpu
from neurohw.errors import NeurohwError, UnknownName

if TYPE_CHECKING:
    from neurohw.fixed import FixedPointNetwork

Int = NDArray[np.int64]
Run = Callable[[], tuple[float, Int]]
ROUNDS = 7


@dataclass(frozen=True)
class EngineSpeed:
    """CPU seconds that ``events`` synaptic events take, ticks included: ours, the hand-written
    kernel's, and the median over the rounds of how many times longer ours is."""

    chip: str
    engine: str
    events: int
    ours_s: float
    limit_s: float
    factor: float


@dataclass(frozen=True)
class Contest:
    """One network, run by us and by hand. A run gives CPU seconds and what it fired, as numbers
    that are equal where the spikes are; called again, both go on or both start again.
    ``count`` says how many synaptic events those spikes were."""

    chip: str
    engine: str
    ours: Run
    limit: Run
    count: Callable[[Int], int]


def measure(
    rounds: int = ROUNDS, size: float = 1.0, chips: Sequence[str] = ()
) -> list[EngineSpeed]:
    """Every engine against its limit, in turns; ``size`` scales how much each run does.

    ``chips`` are those of ``CONTESTS``, by default all. Raises NeurohwError if ours and the
    hand-written kernel do not fire alike.
    """
    found = []
    for chip in chips or CONTESTS:
        if chip not in CONTESTS:
            raise UnknownName.of("chip with a limit", chip, CONTESTS)
        contest = CONTESTS[chip](size)
        results = [_round(contest) for _ in range(rounds + 1)][1:]
        ours, limit, events = (list(column) for column in zip(*results, strict=True))
        factor = median(a / max(b, 1e-9) for a, b in zip(ours, limit, strict=True))
        found.append(
            EngineSpeed(
                chip, contest.engine, int(median(events)), median(ours), median(limit), factor
            )
        )
    return found


def _round(contest: Contest) -> tuple[float, float, int]:
    ours, fired = contest.ours()
    limit, expected = contest.limit()
    if not np.array_equal(fired, expected):
        raise NeurohwError(
            f"{contest.chip}: {fired.size} spikes by us and {expected.size} by the hand-written "
            "kernel are not the same: one of them is wrong"
        )
    return ours, limit, contest.count(fired)


@cache
def _compiled(kernel: Callable[..., Any]) -> Callable[..., Any]:
    import numba

    made: Callable[..., Any] = numba.njit(nogil=True)(kernel)
    return made


def _timed(function: Callable[[], Any]) -> tuple[float, Any]:
    began = cpu()
    result = function()
    return cpu() - began, result


# ------------------------------------------------------------------------------- the ring buffer

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
        _compiled(ring_kernel),
    )
    fan_out = np.diff(by_hand["start"])
    fired = np.zeros(n * steps + 1, np.int64)
    now = [0, 0]

    def ours() -> tuple[float, Int]:
        seconds, run = _timed(lambda: session.run(steps))
        spikes = run.spikes["x"]
        now[0] += steps
        return seconds, (spikes.step.astype(np.int64) + now[0] - steps) * n + spikes.neuron

    def limit() -> tuple[float, Int]:
        seconds, count = _timed(lambda: kernel(steps, now[1], n, fired=fired, **by_hand))
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


# ----------------------------------------------------------------------------------- the ordered


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
    arrays, kernel = _ordered_arrays(network, steps), _compiled(ordered_kernel)
    initial = arrays["vmem"].copy()
    fan_out = np.diff(arrays["start"])

    def ours() -> tuple[float, Int]:
        seconds, run = _timed(engine.run)
        spikes = run.spikes["x"]
        value = np.ones(spikes.count, np.int64) if spikes.value is None else spikes.value
        return seconds, (spikes.step.astype(np.int64) * n + spikes.neuron) * 32 + value

    def limit() -> tuple[float, Int]:
        arrays["vmem"][:], arrays["current"][:] = initial, 0
        seconds, count = _timed(lambda: kernel(steps, n, **arrays))
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


# ------------------------------------------------------------------------------------- the queue


def queue_kernel(words, synapses, v, queue, fired, threshold, leak):  # type: ignore[no-untyped-def]
    """tinyODIN works off ``words``; returns how many spikes, how many sweeps over synapses."""
    n = v.size
    spikes = sweeps = head = queued = 0
    for word in words:
        if word == 511:
            for j in range(n):
                x = v[j]
                x = min(x + leak, np.int16(0)) if x < 0 else max(x - leak, np.int16(0))
                v[j] = x
                if x >= threshold:
                    v[j] = 0
                    fired[spikes] = j
                    spikes += 1
                    if queued < queue.size:
                        queue[(head + queued) & (queue.size - 1)] = j
                        queued += 1
        else:
            queue[(head + queued) & (queue.size - 1)] = word
            queued += 1
        while queued:
            row = synapses[queue[head]]
            sweeps += 1
            for j in range(n):
                x = min(max(v[j] + row[j], np.int16(-2048)), np.int16(2047))
                v[j] = x
                if x >= threshold:
                    v[j] = 0
                    fired[spikes] = j
                    spikes += 1
                    if queued < queue.size:
                        queue[(head + queued) & (queue.size - 1)] = j
                        queued += 1
            head = (head + 1) & (queue.size - 1)
            queued -= 1
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
    words[::10] = 511
    runner, kernel = Kernel(network, False), _compiled(queue_kernel)
    synapses, v = network.synapse_memory.astype(np.int8), np.zeros(256, np.int16)
    queue, fired = np.zeros(128, np.int64), np.zeros(1 << 22, np.int64)
    sweeps = [0]

    def ours() -> tuple[float, Int]:
        seconds, _ = _timed(lambda: runner.send(words, False, 1 << 40))
        return seconds, runner.fired()

    def limit() -> tuple[float, Int]:
        seconds, (spikes, sweeps[0]) = _timed(
            lambda: kernel(words, synapses, v, queue, fired, np.int16(100), np.int16(8))
        )
        return seconds, fired[:spikes].copy()

    return Contest("tinyodin", "queue", ours, limit, lambda fired: 256 * sweeps[0])


CONTESTS: dict[str, Callable[[float], Contest]] = {
    "spinnaker1": ring_contest,
    "xylo2": ordered_contest,
    "tinyodin": queue_contest,
}
