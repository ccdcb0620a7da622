"""Random networks against brian2-loihi, every register at every step; README.md: how to install it.

It computes with integers in float64, which is exact as long as a membrane times a decay has 53 bits:
the networks stay below that. Each population and each projection has parameters of its own, as the
package wants it, so a network has several.
"""

import gc
import warnings

import numpy as np
import pytest

from neurohw.chip import load_chip
from neurohw.emulate import emulate, interpret
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.network.events import Spikes
from neurohw.network.inputs import Inputs

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # escape sequences that later Pythons refuse
    brian2_loihi = pytest.importorskip(
        "brian2_loihi", reason="needs brian2-loihi 0.5.2, see README.md"
    )
    import brian2

SEEDS = 100
BLOCK = 10
EXACT = 1 << 41
"""What a membrane must stay below: with the 12 bits of a decay, 53."""
REGISTERS = {"u": "I", "v": "v"}
"""Ours and the package's name."""


@pytest.fixture(autouse=True)
def numpy_target():
    """brian2 without a compiler, and what the package sets for everyone put back.

    brian2 keeps much of each network and looks through all of it before each run, but for what is
    frozen.
    """
    target, dt = brian2.prefs.codegen.target, brian2.defaultclock.dt
    brian2.prefs.codegen.target = "numpy"
    gc.freeze()
    yield
    gc.unfreeze()
    brian2.prefs.codegen.target = target
    brian2.defaultclock.dt = dt


def one(rng, ends, low, high):
    """An integer low..high: often one of the ends, else of any size."""
    kind = rng.random()
    if kind < 0.3:
        return int(rng.choice(ends))
    size = int(np.exp(rng.uniform(0, np.log(high - low + 1)))) - 1
    return low + size if kind < 0.7 else int(rng.integers(low, high + 1))


def random_network(seed):
    """A network of one to three populations and its input raster (steps, axons)."""
    rng = np.random.default_rng(seed)
    chip = load_chip("loihi1:brian2")
    steps, axons = int(rng.integers(100, 200)), int(rng.integers(1, 10))
    largest = int(rng.choice([-1, 2, 4, 7]))
    exponents = range(max(-8, largest - 7), largest + 1)
    populations = {}
    for k in range(rng.integers(1, 4)):
        name, n = f"p{k}", int(rng.integers(1, 12))
        values = {
            "decay_u": one(rng, [0, 1, 4095, 4096], 0, 4096),
            "decay_v": one(rng, [0, 1, 4095, 4096], 0, 4096),
            "vth": one(rng, [0, 1, 131071], 0, int(rng.choice([500, 131071]))),
            "refract": one(rng, [1, 1, 1, 2, 64], 1, 64),
            "bias_mant": 0, "bias_exp": 0, "vmin_exp": 23, "vmax_exp": 7,
        }  # fmt: skip
        # Not of u, which brian2-loihi lets decay only after the first step.
        start = {"v": rng.integers(-(1 << 24), 1 << 24, n)} if seed % 4 == 0 else {}
        populations[name] = FixedPopulation.of(name, n, chip.neurons["lif"], values, start)
    sizes = {"in": axons, **{k: p.n for k, p in populations.items()}}
    pairs = [("in", k) for k in populations]
    for _ in range(rng.integers(1, 5)):
        pairs.append((str(rng.choice([*sizes])), str(rng.choice([*populations]))))
    projections = []
    for source, target in pairs:
        mode = str(rng.choice(["mixed", "mixed", "excitatory", "inhibitory"]))
        low, high = {"mixed": (-256, 254), "excitatory": (0, 255)}.get(mode, (-256, 0))
        synapses = int(rng.integers(1, sizes[source] * sizes[target] + 2))  # some pairs twice
        weight = rng.integers(low, high + 1, synapses)
        at_end = rng.random(synapses) < 0.2
        projections.append(
            FixedProjection.of(
                source,
                target,
                rng.integers(0, sizes[source], synapses),
                rng.integers(0, sizes[target], synapses),
                np.where(at_end, rng.choice([low, high], synapses), weight),
                delay=one(rng, [0, 0, 1, 62], 0, 62),
                exponent=int(rng.choice(exponents)),
                bits=int(rng.integers(1, 9)),
                mode=mode,
                name=f"{source} to {target}, {len(projections)}",
            )
        )
    network = FixedPointNetwork(
        chip, 1e-3, {"in": axons}, populations, tuple(projections), name=f"seed {seed}",
        input_latency=0,
    )  # fmt: skip
    raster = rng.random((steps, axons)) < rng.choice([0.02, 0.1, 0.5])
    raster[rng.integers(0, steps), 0] = True
    return network, raster


def in_brian2_loihi(network, raster):
    """u, v and spikes of every population, each (steps, n)."""
    step, axon = np.nonzero(raster)
    groups = {"in": brian2_loihi.LoihiSpikeGeneratorGroup(raster.shape[1], axon, step)}
    monitors = {}
    for name, p in network.populations.items():
        code = {k: int(v[0]) for k, v in p.parameters.items()}
        group = brian2_loihi.LoihiNeuronGroup(
            p.n, refractory=code["refract"], threshold_v_mant=code["vth"],
            decay_v=code["decay_v"], decay_I=code["decay_u"],
        )  # fmt: skip
        for register, codes in p.initial.items():
            setattr(group, REGISTERS[register], codes)
        groups[name] = group
        found = {k: brian2_loihi.LoihiStateMonitor(group, v) for k, v in REGISTERS.items()}
        monitors[name] = {**found, "spikes": brian2_loihi.LoihiSpikeMonitor(group)}
    synapses = []
    for p in network.projections:
        mode = getattr(brian2_loihi.synapse_sign_mode, p.mode.upper())
        made = brian2_loihi.LoihiSynapses(
            groups[p.source], groups[p.target], delay=int(p.delay[0]), w_exp=p.exponent,
            sign_mode=mode, num_weight_bits=p.bits,
        )  # fmt: skip
        made.connect(i=p.pre, j=p.post)
        made.w = p.weight
        synapses.append(made)
    listed = [m for of_one in monitors.values() for m in of_one.values()]
    brian2_loihi.LoihiNetwork(*groups.values(), *synapses, *listed).run(len(raster))
    result = {}
    for name, of_one in monitors.items():
        fired = np.zeros((len(raster), network.sizes[name]))
        spikes = of_one["spikes"]
        fired[np.rint(spikes.t_ * 1000).astype(int), np.asarray(spikes.i)] = 1
        values = {k: np.asarray(getattr(of_one[k], v)).T for k, v in REGISTERS.items()}
        result[name] = {**values, "spikes": fired}
    return result


@pytest.mark.parametrize("first", range(0, SEEDS, BLOCK))
def test_random_networks(first):
    spikes = 0
    for seed in range(first, first + BLOCK):
        network, raster = random_network(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = in_brian2_loihi(network, raster)
        step, axon = np.nonzero(raster)
        fired = Spikes.of(raster.shape[1], np.zeros_like(step), step, axon)
        inputs = Inputs(len(raster), spikes={"in": fired})
        record = {name: list(REGISTERS) for name in network.populations}
        for execute in (emulate, interpret) if seed == first else (emulate,):
            got = execute(network, inputs, record=record)
            for name, values in expected.items():
                assert max(abs(values["u"]).max(), abs(values["v"]).max()) < EXACT, seed
                found = {k: got.trace(name, k).values[0] for k in REGISTERS}
                found["spikes"] = got.spikes[name].dense(1, len(raster))[0]
                for k, value in values.items():
                    where = np.argwhere(value != found[k])
                    assert not where.size, (seed, execute.__name__, name, k, where[0].tolist())
        assert not any(sum(o.values()) for o in got.overflows.values())
        spikes += sum(got.spikes[name].count for name in network.populations)
    assert spikes
