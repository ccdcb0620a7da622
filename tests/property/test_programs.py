"""Random well-typed programs: the kernel and the array code give what the interpreter gives."""

import numpy as np
import pytest
from neurohw_backends.lava_ticks import generated_section

from neurohw.emulate import emulate, interpret
from neurohw.emulate.generate import Kind, Setting
from neurohw.emulate.ticks import Shape, Tick
from neurohw.equations.interpret import execute
from neurohw.equations.kernel_primitives import random_bits
from neurohw.errors import RegisterOverflow
from neurohw.fixed import FixedPointNetwork, FixedPopulation
from neurohw.testing import assert_same, random_neuron
from neurohw.testing.networks import random_values
from neurohw.testing.uncompiled import uncompile

N, STEPS = 48, 6


def case(seeds, chip, draws: bool = False):
    """A network with a population for each seed, every one with its own random program."""
    populations, injected, record = {}, {}, {}
    for seed in seeds:
        neuron = random_neuron(seed, draws, f"n{seed}")
        rng = np.random.default_rng(seed)
        parameters = {k: random_values(rng, f, N) for k, f in neuron.tick.parameters.items()}
        initial = {k: random_values(rng, f, N) for k, f in neuron.tick.registers.items()}
        name = f"x{seed}"
        populations[name] = FixedPopulation.of(name, N, neuron, parameters, initial)
        values = random_values(rng, neuron.tick.inputs["syn"], STEPS * N)
        injected[name] = values.reshape(STEPS, N)
        record[name] = list(neuron.tick.registers)
    return FixedPointNetwork(chip, 1e-3, {}, populations, ()), injected, record


def check(seeds, chip, draws: bool = False) -> None:
    network, injected, record = case(seeds, chip, draws)
    arguments = {"steps": STEPS, "record": record, "injected": injected, "seed": seeds[0]}
    try:
        expected = interpret(network, **arguments)
    except RegisterOverflow as error:
        with pytest.raises(RegisterOverflow) as got:
            emulate(network, **arguments)
        assert str(got.value) == str(error)
        return
    assert_same(expected, emulate(network, **arguments))


@pytest.mark.parametrize("block", range(4))
def test_jitted(loihi2, block):
    """Eight programs in one kernel: compiling takes as long as everything else."""
    check(range(8 * block, 8 * block + 8), loihi2, draws=block == 0)


@pytest.mark.parametrize("block", range(10))
def test_as_plain_python(loihi2, block, monkeypatch):
    """The same source without compilation: hundreds of programs in seconds."""
    uncompile(monkeypatch)
    for seed in range(1000 + 40 * block, 1040 + 40 * block):
        check([seed], loihi2, draws=seed % 3 == 0)


@pytest.mark.parametrize("block", range(4))
def test_arrays(block):
    """What a generated Lava process computes."""
    for seed in range(5000 + 40 * block, 5040 + 40 * block):
        neuron = random_neuron(seed)
        rng = np.random.default_rng(seed)
        namespace: dict = {"np": np, "Any": object}
        exec(generated_section([neuron]), namespace)
        program = neuron.tick
        parameters = {k: random_values(rng, f, N) for k, f in program.parameters.items()}
        state = {k: random_values(rng, f, N) for k, f in program.registers.items()}
        syn = random_values(rng, program.inputs["syn"], N)
        expected = []
        for j in range(N):
            cell = {k: int(v[j]) for k, v in (*state.items(), *parameters.items())} | {
                "syn": int(syn[j])
            }
            execute(program, cell)
            expected.append([cell[k] for k in (*program.registers, "spike")])
        spike = namespace["tick_n"](state, parameters, {"syn": syn})
        got = np.stack([*(state[k] for k in program.registers), spike], axis=1)
        assert np.array_equal(got, np.array(expected)), f"seed {seed}\n{neuron.text}"


def test_random_bits_are_uniform_and_independent_of_order():
    draws = np.array([random_bits(8, 5, 0, t, j, 0) for t in range(100) for j in range(100)])
    counts = np.bincount(draws, minlength=256)
    assert draws.min() == 0
    assert draws.max() == 255
    assert ((counts - 10000 / 256) ** 2 / (10000 / 256)).sum() < 350  # chi square, 255 degrees
    assert random_bits(8, 5, 0, 3, 7, 0) == draws[3 * 100 + 7]


def test_kernel_source_names_every_equation(loihi2):
    source = Tick(
        Kind(loihi2.neurons["lif"]),
        Setting(loihi2.delivery),
        Shape(sums={"syn": (-(2**31), 2**31 - 1)}),
    ).source()
    for line in loihi2.neurons["lif"].text.splitlines():
        assert f"# {line}" in source
