"""Random fixed-point networks that use a chip to its ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurohw.chip.model import Chip, Neuron, WeightMode
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.fixedpoint import Format
from neurohw.network.events import Spikes
from neurohw.network.inputs import Inputs
from neurohw.testing.full import full_network


def random_network(
    seed: int, chip: Chip, *, largest: int = 60, kinds: tuple[str, ...] = ()
) -> FixedPointNetwork:
    """Populations of one of the chip's neurons, or of all of them, recurrent, with delays and
    weights up to the ends of their formats. ``kinds`` restricts the neurons.

    One or all, not any mixture: each set of neurons is a kernel that has to be compiled. Chips that
    are not plain sums (queues, events in order, relays) get a ``full_network``.
    """
    relays = any(n.relay for n in chip.neurons.values())
    if relays or chip.delivery.engine != "summed":
        return full_network(seed, chip, largest=largest, kinds=kinds)
    rng = np.random.default_rng(seed)
    neurons = [n for n in chip.neurons.values() if not kinds or n.name in kinds]
    inputs = {"input": int(rng.integers(1, largest + 1))}
    if rng.random() < 0.5:
        neurons = [neurons[int(rng.integers(len(neurons)))]] * int(rng.integers(1, 4))
    populations = {}
    for k, neuron in enumerate(neurons):
        n = int(rng.integers(1, largest + 1))
        populations[f"p{k}"] = FixedPopulation.of(
            f"p{k}", n, neuron, random_codes(rng, neuron, n), _initial(rng, neuron, n)
        )
    sizes = {**inputs, **{name: p.n for name, p in populations.items()}}
    projections = []
    for k in range(int(rng.integers(1, 7))):
        source = "input" if k == 0 else str(rng.choice(list(sizes)))
        target = "p0" if k == 0 else str(rng.choice(list(populations)))
        projections.append(_projection(rng, chip, f"q{k}", source, target, sizes))
    return FixedPointNetwork(
        chip, 1e-3, inputs, populations, tuple(projections), name=f"random-{seed}"
    )


def random_codes(rng: np.random.Generator, neuron: Neuron, n: int) -> dict[str, NDArray[np.int64]]:
    """Codes for every parameter: sometimes one for all, sometimes at the ends of the format.

    Thresholds are kept low enough for spikes to happen.
    """
    codes = {}
    for name, form in neuron.tick.parameters.items():
        size = n if rng.random() < 0.5 else 1
        values = random_values(rng, form, size)
        if name in ("vth", "theta_0", "theta_step", "step"):
            values = np.abs(values) >> int(rng.integers(form.bits // 2, form.bits - 2))
        if name in ("wait", "refractory"):
            values = np.minimum(values, int(rng.integers(0, 8)))
        codes[name] = np.array(np.broadcast_to(values, (n,)))
    return codes


def random_values(rng: np.random.Generator, form: Format, n: int) -> NDArray[np.int64]:
    """Values of a format: uniform, small, or exactly at its ends."""
    low, high = form.low, form.high
    shape = rng.integers(3)
    if shape == 0:
        return rng.integers(low, high, n, endpoint=True)
    if shape == 1:
        bits = int(rng.integers(1, form.bits + 1))
        return np.clip(rng.integers(-(2**bits // 2), 2**bits // 2 + 1, n), low, high)
    ends = np.array([low, high, max(low, min(high, 0)), max(low, min(high, 1)), low + 1, high - 1])
    return np.asarray(rng.choice(ends, n), dtype=np.int64)


def _initial(rng: np.random.Generator, neuron: Neuron, n: int) -> dict[str, NDArray[np.int64]]:
    if rng.random() < 0.6:
        return {}
    started = {a.target for a in neuron.start.assigns} if neuron.start else set()
    return {
        name: random_values(rng, form, n)
        for name, form in neuron.tick.registers.items() if name != "wait" and name not in started
    }  # fmt: skip


def _projection(
    rng: np.random.Generator, chip: Chip, name: str, source: str, target: str, sizes: dict[str, int]
) -> FixedProjection:
    mode: WeightMode = chip.weight.modes[int(rng.integers(len(chip.weight.modes)))]
    fill = float(rng.choice([0.02, 0.2, 1.0]))
    pre, post = np.nonzero(rng.random((sizes[source], sizes[target])) < fill)
    if rng.random() < 0.2 and pre.size:
        again = rng.integers(0, pre.size, 1 + pre.size // 10)
        pre, post = np.concatenate([pre, pre[again]]), np.concatenate([post, post[again]])
    steps = (mode.high - mode.low) // mode.step
    kind = rng.integers(3)
    if kind == 0:
        weight = mode.low + mode.step * rng.integers(0, steps + 1, pre.size)
    elif kind == 1:
        weight = rng.choice([mode.low, mode.low + steps * mode.step], pre.size)
    else:
        small = mode.low + mode.step * rng.integers(0, steps + 1, pre.size)
        weight = np.clip(small // 16 // mode.step * mode.step, mode.low, mode.high)
    longest = int(
        rng.choice([chip.delay.low, min(chip.delay.low + 3, chip.delay.high), chip.delay.high])
    )
    delay = rng.integers(chip.delay.low, longest + 1, pre.size)
    low, high = chip.weight.exponent
    exponent = int(rng.integers(low, high + 1)) if rng.random() < 0.5 else max(0, low)
    return FixedProjection.of(source, target, pre, post, weight, delay, exponent, name)


def random_inputs(
    seed: int, network: FixedPointNetwork, steps: int = 60, trials: int = 1
) -> Inputs:
    """Spikes at a random rate, with silent stretches so that populations can fall quiet."""
    rng = np.random.default_rng([seed, 1])
    spikes = {}
    for name, n in network.inputs.items():
        raster = rng.random((trials, steps, n)) < rng.choice([0.02, 0.2, 0.9])
        raster[:, steps // 3 : 2 * steps // 3] = False
        spikes[name] = Spikes.from_dense(raster)
    return Inputs(steps, trials, spikes)
