"""Random register states, the ends of every format included: the kernels' text computes what the
definition computes, for every program of every neuron that ships."""

import numpy as np
import pytest

from neurohw.chip import load_chip
from neurohw.emulate.streams import Stream
from neurohw.emulate.ticks import Tick
from neurohw.equations.interpret import execute
from neurohw.equations.kernel_primitives import random_bits
from neurohw.testing.plain import Outcome, plain
from neurohw.testing.states import compare_states, draw_codes, main

NEURONS = [
    (chip.name, neuron)
    for chip in map(load_chip, (
        "loihi1", "loihi2", "odin", "prototype", "ranc", "reckon", "spinnaker1", "tinyodin",
        "truenorth", "truenorth:paicore", "xylo1", "xylo2",
    ))
    for neuron in chip.neurons
]  # fmt: skip


@pytest.mark.parametrize(("name", "neuron"), NEURONS)
def test_kernel_equals_definition(name, neuron):
    chip = load_chip(name)
    for result in compare_states(chip.neurons[neuron], chip, 5_000):
        assert result.different == 0, str(result)
        assert result.failed < result.states


@pytest.mark.parametrize(("name", "neuron"), NEURONS)
def test_function_equals_interpreter(name, neuron):
    """The function made of the tree is the interpreter: values, overflows, failures, draws."""
    chip = load_chip(name)
    neuron = chip.neurons[neuron]
    for program in [*neuron.programs.values(), *([neuron.start] if neuron.start else [])]:
        check_function(program, chip, name)


def check_function(program, chip, name):
    """The same states through both."""
    rng = np.random.default_rng([5, *name.encode()])
    made, n = plain(program), 400
    formats = {**program.registers, **program.parameters, **program.inputs}
    columns = [draw_codes(rng, formats[k], n).tolist() for k in made.given]
    streams = [{k: Stream(g, g.seed[0]) for k, g in chip.generators.items()} for _ in range(2)]
    outcome = Outcome()
    made.run(
        zip(range(n), *columns, strict=True),
        lambda number, bits, site: random_bits(bits, 3, 0, number, 0, site),
        lambda key: streams[0][key].draw(), outcome,
    )  # fmt: skip
    overflows, failures = [], {}
    for j, values in enumerate(zip(*columns, strict=True) if columns else [()] * n):
        cell = dict(zip(made.given, values, strict=True))
        try:
            execute(
                program, cell,
                lambda bits, site, j=j: random_bits(bits, 3, 0, j, 0, site),
                lambda k, _, value, j=j: overflows.append((j, k, value)),
                lambda key: streams[1][key].draw(),
            )  # fmt: skip
        except OverflowError:
            failures[j] = overflows[-1][1:]
            assert outcome.rows[j] is None
        else:
            assert outcome.rows[j] == tuple(cell[k] for k in made.names)
    assert outcome.overflows == [o[:2] for o in overflows]
    assert outcome.failures == failures


def test_a_wrong_kernel_is_found(monkeypatch, prototype):
    """The comparison can fail: a kernel whose reset is off by one."""
    source = Tick.source

    def wrong(tick: Tick) -> str:
        text = source(tick)
        assert "v = select((spike != _c0), _c0, v)" in text
        return text.replace(
            "v = select((spike != _c0), _c0, v)", "v = select((spike != _c0), _c1, v)"
        )

    monkeypatch.setattr(Tick, "source", wrong)
    result, narrow = compare_states(prototype.neurons["lif"], prototype, 1_000)
    assert narrow.different > 50
    assert result.different > 50
    assert "v is 0, the kernel has 1" in result.first


def test_states_that_no_register_holds_fail_on_both_sides():
    """Formats without an overflow mode: which store fails, and at which value."""
    chip = load_chip("loihi2", {"neuron.lif.registers.v": "s24", "neuron.lif.wires.y": "s30"})
    results = list(compare_states(chip.neurons["lif"], chip, 3_000))
    assert [str(r) for r in results if r.different] == []
    assert 100 < results[0].failed < 2_900


def test_command_line(capsys):
    assert main(["prototype", "li", "-n", "500"]) == 0
    assert capsys.readouterr().out.startswith("prototype li.tick: 500 states, ")


def test_draws_reach_the_ends():
    rng = np.random.default_rng(0)
    form = load_chip("loihi2").neurons["lif"].tick.parameters["bias_mant"]
    found = draw_codes(rng, form, 2_000)
    assert {form.low, form.high, 0} <= set(found.tolist())
    assert np.unique(found).size > 500
