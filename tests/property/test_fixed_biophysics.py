"""The biophysical neurons: kernels, as text and compiled, give what the interpreter gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurohw.biophysics.fixed import hodgkin_huxley
from neurohw.chip import load_chip
from neurohw.emulate import emulate, interpret
from neurohw.equations.interpret import execute
from neurohw.testing import assert_same
from neurohw.testing.full import full_inputs, full_network
from neurohw.testing.plain import Outcome, plain
from neurohw.testing.states import compare_states, draw_codes
from neurohw.testing.uncompiled import uncompile

CHIP = load_chip("biophysical")


@pytest.mark.parametrize("neuron", ["eif", "hodgkin_huxley"])
def test_kernel_equals_definition(neuron):
    """Any state and code that the formats hold: every register, wire, spike and overflow, compiled, of
    the two whose text has all that the others' have."""
    for result in compare_states(CHIP.neurons[neuron], CHIP, 2_000):
        assert result.different == 0, str(result)
        assert result.failed == 0
        assert result.spikes > 50


def test_networks(monkeypatch):
    """All neurons in one network, with delays, everything recorded: the kernels' text as Python."""
    uncompile(monkeypatch)
    spikes = overflows = 0
    for seed in range(16):
        network = full_network(seed, CHIP, largest=6)
        inputs = full_inputs(seed, network, steps=12, trials=1 + seed % 2)
        record = {k: list(p.neuron.formats) for k, p in network.populations.items()}
        expected = interpret(network, inputs, record=record)
        got = emulate(network, inputs, record=record)
        assert_same(expected, got)
        spikes += sum(s.count for k, s in got.spikes.items() if k in network.populations)
        overflows += sum(sum(v.values()) for v in got.overflows.values())
    assert spikes > 600
    assert overflows > 600


def run(program, **given):
    """One execution in plain integers."""
    cell = dict.fromkeys((*program.registers, *program.parameters, *program.inputs), 0) | given
    execute(program, cell)
    return cell


def some(neuron, seed, **given):
    """Random codes for everything that is not given."""
    program, rng = CHIP.neurons[neuron].tick, np.random.default_rng(seed)
    forms = {**program.registers, **program.parameters, **program.inputs}
    drawn = {k: int(draw_codes(rng, form, 2)[1]) for k, form in forms.items()}
    return run(program, **{**drawn, **given})


# Below the highest threshold that there is: nothing spikes.
any_code = st.integers(-(2**31), 2**31 - 2)
conductance = st.integers(0, 2**26 - 1)


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(any_code, any_code, any_code),
    any_code,
    conductance,
    conductance,
    st.integers(0, 2**32 - 1),
)
def test_a_potential_stays_between_the_reversal_potentials(reversal, v, g_exc, g_inh, step):
    """Whatever the conductances: within a tick of two time constants v goes at most to the outermost
    of where it is drawn to, beyond that at most twice the way."""
    e_l, e_exc, e_inh = reversal
    codes = {"thr": 2**31 - 1, "e_l": e_l, "e_exc": e_exc, "e_inh": e_inh, "v": v, "step": step,
             "g_exc": g_exc, "g_inh": g_inh}  # fmt: skip
    cell = run(CHIP.neurons["cond_lif"].tick, **codes)
    after = codes["thr"] if cell["spike"] else cell["v"]
    ends = (*reversal, v)
    constants = step * (32768 + g_exc + g_inh) / 2**47
    beyond = 0 if constants < 2 else max(ends) - min(ends)
    # A product is off by a half of the last place, and here multiplied by up to 2^11.
    slack = 3 + 2 * step / 2**32
    low, high = min(ends) - beyond - slack, max(ends) + beyond + slack
    assert max(low, -(2**31)) <= after <= min(high, 2**31 - 1)


@settings(max_examples=100, deadline=None)
@given(any_code, conductance, conductance, st.integers(0, 2**32 - 1))
def test_nothing_moves_where_everything_reverses(e, g_exc, g_inh, step):
    codes = {"thr": 2**31 - 1, "e_l": e, "e_exc": e, "e_inh": e, "v": e, "step": step}
    after = run(CHIP.neurons["cond_lif"].tick, **codes, g_exc=g_exc, g_inh=g_inh)
    assert after["v"] == e


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 22), st.integers(4, 30))
def test_gates_stay_fractions(seed, frac, unit):
    """From any potential, gates between 0 and 1 stay there, and fit the word."""
    rng = np.random.default_rng(seed)
    gates = {k: int(rng.integers(0, 1 << unit, endpoint=True)) for k in "mhn"}
    v = int(rng.integers(-(100 << frac), 60 << frac))
    after = some("hodgkin_huxley", seed, frac=frac, unit=unit, v=v, **gates)
    assert all(0 <= after[k] <= 1 << unit for k in "mhn")


@settings(max_examples=60, deadline=None)
@given(st.integers(8, 22), st.floats(-0.1, 0.3))
def test_a_tick_is_the_float_tick(frac, current):
    """One tick from rest differs from float64 by a few units of the last place."""
    codes, start = hodgkin_huxley(frac=frac, unit=30, current=current)
    after = run(
        CHIP.neurons["hodgkin_huxley"].tick, **{k: int(v) for k, v in {**codes, **start}.items()}
    )
    total = 0.3 + 120 * 0.0529324853**3 * 0.5961207535 + 36 * 0.3176769141**4
    rest = 120 * 0.0529324853**3 * 0.5961207535 * 115 - 36 * 0.3176769141**4 * 12 + 0.3 * 10.613
    moved = (rest + 100 * current) / (64 + total / 2)
    assert abs((after["v"] - int(start["v"])) / 2**frac - moved) < 3 * 2.0**-frac + 1e-6


def test_function_equals_interpreter():
    """The function made of the tree, against the tree."""
    rng = np.random.default_rng(3)
    for neuron in CHIP.neurons.values():
        program = neuron.tick
        made, outcome = plain(program), Outcome()
        forms = {**program.registers, **program.parameters, **program.inputs}
        columns = [draw_codes(rng, forms[k], 60).tolist() for k in made.given]
        rows = list(zip(*columns, strict=True))
        made.run(((j, *row) for j, row in enumerate(rows)), None, None, outcome)
        for row, found in zip(rows, outcome.rows, strict=True):
            cell = run(program, **dict(zip(made.given, row, strict=True)))
            assert found == tuple(cell[k] for k in made.names)
