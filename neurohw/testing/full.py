"""Random networks that use everything a chip has, and words for chips that have a queue."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurohw.chip.model import Chip, Neuron
from neurohw.equations.interpret import execute
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.fixedpoint import Format
from neurohw.network.events import Spikes
from neurohw.network.inputs import Inputs

Codes = NDArray[np.int64]
Rng = np.random.Generator
Taken = dict[tuple[str, str], str]
"""the one source that each input of a population has, where the chip allows one"""


def full_network(
    seed: int, chip: Chip, *, largest: int = 20, kinds: tuple[str, ...] = ()
) -> FixedPointNetwork:
    """One population or two of each of the chip's neurons, or of those in ``kinds``, with all that
    the chip has: every input, weights over all that is stored, delays, latency of inputs, aliases,
    seeds, a synapse memory, a configuration."""
    rng = np.random.default_rng([seed, 2])
    machine = chip.machine
    if machine is not None:
        largest = min(largest, machine.neurons // 8)
    inputs = {f"in{k}": int(rng.integers(1, largest + 1)) for k in range(int(rng.integers(1, 3)))}
    populations: dict[str, FixedPopulation] = {}
    for kind in kinds or tuple(chip.neurons):
        for _ in range(2 if rng.random() < 0.3 else 1):
            name, neuron = f"p{len(populations)}", chip.neurons[kind]
            populations[name] = _population(rng, name, neuron, int(rng.integers(1, largest + 1)))
    sizes = {**inputs, **{name: p.n for name, p in populations.items()}}
    taken: Taken = {}
    projections = []
    for k in range(int(rng.integers(2, 4 + 2 * len(populations)))):
        ends = _ends(rng, chip, populations, sizes, taken, first=k == 0)
        if ends is not None:
            projections.append(_projection(rng, chip, f"q{k}", *ends, populations, sizes))
    shown = machine.configuration if machine is not None else {}
    memory = None
    if machine is not None:
        # Every neuron has a source even if no projection says so; most rows are weak.
        projections = projections if rng.random() < 0.5 else []
        if not projections:
            memory = random_memory(rng, chip)
    return FixedPointNetwork(
        chip, 1e-3, inputs, populations, tuple(projections), name=f"full-{seed}",
        input_latency=None if rng.random() < 0.3 else int(rng.choice([0, 1, 2, 5])),
        seeds={
            k: rng.integers(0, 1 << g.taps[1], g.lanes).tolist()
            for k, g in chip.generators.items() if rng.random() < 0.7
        },
        configuration={
            k: int(rng.integers(form.low, form.high + 1)) for k, form in shown.items()
            if rng.random() < 0.7
        }, synapse_memory=memory,
    )  # fmt: skip


def full_inputs(
    seed: int, network: FixedPointNetwork, steps: int = 40, trials: int = 1
) -> Inputs:  # fmt: skip
    """Spikes at a random rate with silent stretches; where inputs carry values, of every size that
    they may have, and beyond where the chip limits them itself."""
    rng = np.random.default_rng([seed, 3])
    form, spikes = network.chip.delivery.input_payload, {}
    for name, n in network.inputs.items():
        raster = rng.random((trials, steps, n)) < rng.choice([0.02, 0.2, 0.9])
        raster[:, steps // 3 : 2 * steps // 3] = False
        trial, step, neuron = np.nonzero(raster)
        value = None
        if form.bits > 1 and rng.random() < 0.9:
            value = spread(rng, form, trial.size)
            if form.overflow != "error":
                value = np.where(rng.random(trial.size) < 0.2, value * 3, value)
        spikes[name] = Spikes.of(n, trial, step, neuron, value)
    return Inputs(steps, trials, spikes)


def random_words(seed: int, network: FixedPointNetwork, n: int) -> Codes:
    """Words for a chip that has a queue: any, and the ones that end a step, in bursts."""
    machine = network.chip.machine
    assert machine is not None
    rng = np.random.default_rng([seed, 4])
    words = rng.integers(machine.word.low, machine.word.high + 1, n)
    spikes = []
    for address in range(network.neurons):
        cell = {**network.configuration, "address": address}
        execute(machine.step_spike.program, cell)
        spikes.append(cell["value"])
    kind = np.repeat(rng.integers(0, 6, -(-n // 4)), 4)[:n]
    words = np.where(kind < 3, rng.choice(spikes, n), words)
    return np.where(kind == 3, rng.choice(machine.step_end, n), words)


def random_memory(rng: Rng, chip: Chip) -> Codes:
    """Every stored code, those of no synapse included; in most rows only few."""
    machine = chip.machine
    assert machine is not None
    shape = (machine.neurons, machine.neurons)
    codes = rng.integers(machine.synapse.low, machine.synapse.high + 1, shape)
    dense = rng.choice([0.02, 0.3, 1.0], (machine.neurons, 1))
    return np.where(rng.random(shape) < dense, codes, 0)


def spread(rng: Rng, form: Format, n: int) -> Codes:
    """Values of a format: mostly all alike small, uniform, or at its ends."""
    low, high = form.low, form.high
    kind = int(rng.integers(4))
    if kind == 0:
        return rng.integers(low, high, n, endpoint=True)
    if kind == 1:
        return np.asarray(rng.choice([low, high, max(low, 0), min(1, high)], n), np.int64)
    size = 1 << int(rng.integers(0, form.bits))
    return np.clip(rng.integers(-size, size + 1, n), low, high)


def _population(rng: Rng, name: str, neuron: Neuron, n: int) -> FixedPopulation:
    formats = neuron.tick.parameters
    if neuron.start is None:
        codes = {k: _parameter(rng, k, form, n) for k, form in formats.items()}
    else:
        codes = _startable(rng, neuron, n)
    started = {a.target for a in neuron.start.assigns} if neuron.start else set()
    initial = {}
    if rng.random() < 0.5:
        initial = {
            k: spread(rng, form, n) for k, form in neuron.tick.registers.items() if k not in started
        }
    alias = None
    if neuron.aliased and rng.random() < 0.8:
        alias = np.where(rng.random(n) < 0.6, rng.integers(0, n, n), -1)
    return FixedPopulation.of(name, n, neuron, codes, initial, alias=alias)


def _parameter(rng: Rng, name: str, form: Format, n: int) -> Codes:
    """Codes of a parameter; thresholds are often low, so that there are spikes."""
    values = spread(rng, form, n)
    if name.startswith(("vth", "thr", "theta", "alpha", "pos")) and rng.random() < 0.7:
        values = np.abs(values) >> int(rng.integers(form.bits // 2, max(form.bits, 1)))
    if name in ("refractory", "refract", "wait"):
        values = np.minimum(values, int(rng.integers(0, 8)))
    if name in ("disable", "noisy") and rng.random() < 0.7:
        values = values * 0
    if name == "reached" and rng.random() < 0.8:
        values = values * 0 + 1
    return np.clip(values, form.low, form.high)


def _startable(rng: Rng, neuron: Neuron, n: int) -> dict[str, Codes]:
    """Codes from which the start equations go through: no register refuses a value."""
    formats = neuron.tick.parameters
    rows: list[dict[str, int]] = []
    assert neuron.start is not None
    while len(rows) < n:
        drawn = {k: _parameter(rng, k, form, 8).tolist() for k, form in formats.items()}
        for j in range(8):
            row = {k: v[j] for k, v in drawn.items()}
            try:
                execute(neuron.start, dict.fromkeys(neuron.tick.registers, 0) | row)
            except OverflowError:
                continue
            rows.append(row)
    return {k: np.array([row[k] for row in rows[:n]], np.int64) for k in formats}


def _ends(
    rng: Rng, chip: Chip, populations: dict[str, FixedPopulation], sizes: dict[str, int],
    taken: Taken, first: bool,
) -> tuple[str, str, str] | None:  # fmt: skip
    """Source, target and input of a projection. Relays send to others, and get from others."""
    relays = [k for k, p in populations.items() if p.neuron.relay]
    source = str(rng.choice([k for k in sizes if k not in populations] if first else list(sizes)))
    targets = list(populations)
    if source in relays:
        targets = [k for k in targets if k not in relays]
    elif relays and rng.random() < 0.8:
        targets = relays
    if not targets:
        return None
    target = str(rng.choice(targets))
    port = str(rng.choice(populations[target].neuron.ports))
    if (
        chip.delivery.engine == "ordered"
        and chip.delivery.order == "index"
        and taken.setdefault((target, port), source) != source
    ):
        source = taken[target, port]
    return source, target, port


def _projection(
    rng: Rng, chip: Chip, name: str, source: str, target: str, port: str,
    populations: dict[str, FixedPopulation], sizes: dict[str, int],
) -> FixedProjection:  # fmt: skip
    fill = float(rng.choice([0.05, 0.3, 1.0]))
    pre, post = np.nonzero(rng.random((sizes[source], sizes[target])) < fill)
    if chip.machine is None and rng.random() < 0.3 and pre.size:
        again = rng.integers(0, pre.size, 1 + pre.size // 10)
        pre, post = np.concatenate([pre, pre[again]]), np.concatenate([post, post[again]])
    mode = chip.weight.modes[int(rng.integers(len(chip.weight.modes)))]
    raw, bits = chip.weight.mantissa, None
    named = mode.name if rng.random() < 0.5 else ""
    if raw is not None and rng.random() < 0.7:
        weight = spread(rng, raw, pre.size)
        bits = int(rng.integers(1, chip.weight.bits + 1)) if rng.random() < 0.5 else None
    else:
        steps = (mode.high - mode.low) // mode.step
        kind = int(rng.integers(3))
        drawn = rng.integers(0, steps + 1, pre.size)
        drawn = rng.choice([0, steps], pre.size) if kind == 0 else drawn
        weight = mode.low + mode.step * drawn
        if kind == 1:
            weight = np.clip(weight // 16 // mode.step * mode.step, mode.low, mode.high)
    form = populations[target].neuron.inputs[port]
    if not form.signed and form.overflow == "error":
        weight = np.abs(weight) if raw is not None else np.maximum(weight, 0)
        weight = np.minimum(weight, mode.high)
    low, high = chip.weight.exponent
    exponent = int(rng.integers(low, high + 1)) if rng.random() < 0.6 else max(0, low)
    far = int(
        rng.choice([chip.delay.low, min(chip.delay.low + 3, chip.delay.high), chip.delay.high])
    )
    delay = rng.integers(chip.delay.low, far + 1, pre.size)
    if populations.get(source) is not None and populations[source].neuron.relay:
        delay = delay * (rng.random() < 0.3)
        delay = np.maximum(delay, chip.delay.low)
    return FixedProjection.of(
        source, target, pre, post, weight, delay, exponent, name, port, bits, named
    )
