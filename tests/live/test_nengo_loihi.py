"""Random networks against nengo-loihi's emulator of Loihi 1, every register at every step.

README.md says how to install it. The blocks, axons and synapses of the emulator are given integers
directly; weights go through its own rounding. Half of the networks have noise: what its generator
draws is drawn here once more and injected.
"""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from neurohw.chip import load_chip
from neurohw.emulate import emulate, interpret
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.network.events import Spikes
from neurohw.network.inputs import Inputs

with warnings.catch_warnings():
    # It was not tested with nengo 4, it says.
    warnings.simplefilter("ignore")
    pytest.importorskip("nengo_loihi", reason="needs nengo-loihi 1.1.0, see README.md")
    from nengo_loihi.block import Axon, LoihiBlock, Synapse, SynapseConfig
    from nengo_loihi.builder.discretize import array_to_int, discretize_weights
    from nengo_loihi.emulator import EmulatorInterface
    from nengo_loihi.inputs import SpikeInput

SEEDS = 100
BLOCK = 10
REGISTERS = {"u": "current", "v": "voltage", "wait": "ref_count"}
"""Ours and the emulator's name."""


def some(rng, n, ends, low, high):
    """Integers low..high: near a third at one of the ends, the others spread over all sizes."""
    size = np.exp(rng.uniform(0, np.log(high - low + 1), n)).astype(np.int64) - 1
    found = np.where(rng.random(n) < 0.5, low + size, rng.integers(low, high + 1, n))
    return np.where(rng.random(n) < 0.3, rng.choice(ends, n), found)


def codes(rng, n, noise):
    """Codes of n neurons: everything the registers hold."""
    leaky = rng.random() < 0.7  # what does not forget soon saturates, and then hides its past
    found = {
        "decay_u": some(rng, n, [0, 1, 4094, 4095], 0, 4095),
        "decay_v": some(rng, n, [0, 1, 4095], 0, 4095),
        "vth": some(rng, n, [0, 1, 131071] if not leaky else [1, 2000], 0, 131071),
        "refract": some(rng, n, [0, 1, 1, 1, 2, 63], 0, 63),
        "bias_mant": some(rng, n, [-4095, 0, 0, 4095], -4095, 4095),
        "bias_exp": rng.integers(0, 8, n),
        "vmin_exp": some(rng, n, [0, 23], 0, 23),
        "vmax_exp": some(rng, n, [7], 0, 7),
    }
    if leaky:
        found["decay_u"] = np.maximum(found["decay_u"], 200)
        found["bias_exp"] = rng.integers(0, 4, n)
    if noise:
        found |= {
            "noise_exp": rng.integers(0, 16, n),
            "noise_offset": some(rng, n, [-128, -2, 0, 127], -128, 127),
            "noise_at_membrane": rng.integers(0, 2, n),
        }
    return found


def random_network(seed):
    """A network of one or two populations, its input raster (steps, axons), and the noise's draws.

    No two synapses of a projection join the same pair: of such, the emulator counts only one.
    """
    rng = np.random.default_rng(seed)
    chip = load_chip("loihi1")
    steps, axons = int(rng.integers(100, 200)), int(rng.integers(1, 12))
    populations = {}
    for name in ("a", "b")[: rng.integers(1, 3)]:
        n, neuron = int(rng.integers(1, 16)), str(rng.choice(["lif", "lif_noise"]))
        start = {}
        if rng.random() < 0.3:
            start = {
                "u": some(rng, n, [-(1 << 23), (1 << 23) - 1], -(1 << 23), (1 << 23) - 1),
                "v": some(rng, n, [1 - (1 << 23), (1 << 23) - 1], 1 - (1 << 23), (1 << 23) - 1),
            }
        values = codes(rng, n, neuron == "lif_noise")
        populations[name] = FixedPopulation.of(name, n, chip.neurons[neuron], values, start)
    sizes = {"in": axons, **{k: p.n for k, p in populations.items()}}
    largest = int(rng.choice([-2, 1, 4, 7]))  # 7: what one spike adds may wrap the sum
    projections = []
    for target in populations:
        for source in [*sizes, *rng.choice([*sizes], rng.integers(0, 3))]:
            mode = str(rng.choice(["mixed", "mixed", "excitatory", "inhibitory"]))
            low, high = {"mixed": (-256, 255), "excitatory": (0, 255)}.get(mode, (-256, 0))
            shape = (sizes[source], sizes[target])
            weight = some(rng, shape, [low, high], low, high)
            pre, post = np.nonzero(rng.random(shape) < rng.choice([0.2, 0.6, 1.0]))
            projections.append(
                FixedProjection.of(
                    source,
                    target,
                    pre,
                    post,
                    weight[pre, post],
                    exponent=int(rng.integers(-7, largest + 1)),
                    bits=int(rng.choice(SynapseConfig.WEIGHT_BITS_MAP[1:])),
                    mode=mode,
                    name=f"{source} to {target}, {len(projections)}",
                )
            )
    network = FixedPointNetwork(
        chip, 1e-3, {"in": axons}, populations, tuple(projections), name=f"seed {seed}",
        input_latency=0,
    )  # fmt: skip
    raster = rng.random((steps, axons)) < rng.choice([0.02, 0.1, 0.5])
    raster[0] = False  # the emulator has no input at its first step
    draw = np.random.RandomState(seed)
    draws = [draw.randint(-127, 128, size=network.neurons, dtype=np.int32) for _ in range(steps)]
    return network, raster, np.array(draws, np.int64)


def block_of(population):
    """The population as the emulator's block."""
    block = LoihiBlock(population.n, label=population.name)
    it, code = block.compartment, {k: v.astype(np.int32) for k, v in population.parameters.items()}
    it.decay_u, it.decay_v = code["decay_u"], code["decay_v"]
    it.scale_u = it.scale_v = False
    it.vth, it.refract_delay = code["vth"] << 6, code["refract"]
    it.bias = code["bias_mant"] << code["bias_exp"]
    it.vmin, it.vmax = 1 - (1 << code["vmin_exp"]), (1 << (9 + 2 * code["vmax_exp"])) - 1
    if "noise_exp" in code:
        it.enable_noise[:] = True
        it.noise_exp, it.noise_offset = code["noise_exp"], code["noise_offset"]
        it.noise_at_membrane = code["noise_at_membrane"].astype(bool)
    return block


def connect(network, p, source, target):
    """Synapses on the block ``target``, rounded by nengo-loihi, and the axon that reaches them."""
    weight = np.zeros((network.sizes[p.source], network.sizes[p.target]))
    weight[p.pre, p.post] = p.weight
    synapse = Synapse(len(weight), label=p.name)
    synapse.set_weights(weight)
    synapse.format(
        weight_bits=SynapseConfig.WEIGHT_BITS_MAP.index(p.bits), weight_exp=p.exponent,
        fanout_type=int(p.mode == "mixed"),
    )  # fmt: skip
    for row in synapse.weights:
        array_to_int(row, discretize_weights(synapse.synapse_cfg, row))
    target.add_synapse(synapse)
    axon = Axon(len(weight), label=p.name)
    axon.target = synapse
    source.add_axon(axon)


def in_nengo_loihi(network, raster, seed):
    """u, v, wait and spikes of every population, each (steps, n)."""
    blocks = {name: block_of(p) for name, p in network.populations.items()}
    spikes = SpikeInput(raster.shape[1])
    for p in network.projections:
        connect(network, p, spikes if p.source == "in" else blocks[p.source], blocks[p.target])
    for t in range(1, len(raster)):
        spikes.add_spikes(t, np.flatnonzero(raster[t]))
    model = SimpleNamespace(blocks=list(blocks.values()), inputs=[spikes], probes=[], dt=1e-3)
    emulator = EmulatorInterface(model, seed=seed)
    state, places = emulator.compartment, emulator.block_info.slices
    for name, population in network.populations.items():
        for register, codes in population.initial.items():
            getattr(state, REGISTERS[register])[places[blocks[name]]] = codes
    names = {**REGISTERS, "spikes": "spiked"}
    rows = {k: [] for k in names}
    for _ in raster:
        emulator.step()
        for ours, its in names.items():
            rows[ours].append(getattr(state, its).astype(np.int64))
    return {
        name: {k: np.array(v)[:, places[block]] for k, v in rows.items()}
        for name, block in blocks.items()
    }


@pytest.mark.parametrize("first", range(0, SEEDS, BLOCK))
def test_random_networks(first):
    spikes = overflows = 0
    for seed in range(first, first + BLOCK):
        network, raster, draws = random_network(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # each overflow, and each bit that rounding loses
            expected = in_nengo_loihi(network, raster, seed)
        ends = np.cumsum([0, *(p.n for p in network.populations.values())])
        noise = {
            name: {"noise": draws[:, low:high]}
            for (name, p), low, high in zip(network.populations.items(), ends, ends[1:])
            if "noise" in p.neuron.ports
        }
        step, axon = np.nonzero(raster)
        fired = Spikes.of(raster.shape[1], np.zeros_like(step), step, axon)
        run = {
            "inputs": Inputs(len(raster), spikes={"in": fired}), "injected": noise,
            "record": {name: list(REGISTERS) for name in network.populations},
        }  # fmt: skip
        for execute in (emulate, interpret) if seed == first else (emulate,):
            got = execute(network, **run)
            for name, values in expected.items():
                found = {k: got.trace(name, k).values[0] for k in REGISTERS}
                found["spikes"] = got.spikes[name].dense(1, len(raster))[0]
                for k, value in values.items():
                    where = np.argwhere(value != found[k])
                    assert not where.size, (seed, execute.__name__, name, k, where[0].tolist())
        spikes += sum(s.count for s in got.spikes.values())
        overflows += sum(sum(o.values()) for o in got.overflows.values())
    assert spikes and overflows
