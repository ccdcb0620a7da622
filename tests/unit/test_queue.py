"""Chips with a queue, on examples that can be checked by hand."""

import numpy as np
import pytest

from neurohw.chip import load_chip
from neurohw.emulate import emulate, interpret
from neurohw.emulate.log import DROPPED, OPEN, PUSHED
from neurohw.emulate.words import emulate_words
from neurohw.errors import InputError
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.network.events import Spikes
from neurohw.network.inputs import Inputs
from neurohw.testing import assert_same
from neurohw.testing.equality import assert_same_log

LEAK, SPIKE, VIRTUAL = 0, 1, 2
"""Numbers of tinyODIN's operations in logs."""
ALL_LEAK = 511


@pytest.fixture(scope="module")
def tiny():
    return load_chip("tinyodin")


def network(chip, n, thr=100, leak=0, memory=None, v=0, disable=0, **configuration):
    """n neurons in one population 'x'; ``memory``: {(row, neuron): code}."""
    codes = np.zeros((256, 256), np.int64)
    for place, code in (memory or {}).items():
        codes[place] = code
    parameters = {"thr": thr, "leak": leak, "disable": disable}
    population = FixedPopulation.of("x", n, chip.neurons["lif"], parameters, {"v": v})
    configuration = {"max_neuron": n - 1, **configuration}
    return FixedPointNetwork(
        chip, 1e-3, {}, {"x": population}, (), synapse_memory=codes, configuration=configuration
    )


def run(net, words, **options):
    """What both executions log."""
    expected = emulate_words(net, words, interpreted=True, **options)
    assert_same_log(expected, emulate_words(net, words, **options))
    return expected


def virtual(weight, neuron):
    return 1 << 9 | (weight & 15) << 4 | neuron


def test_a_sweep_in_the_order_of_neurons(tiny):
    """Row 1 gives 3, -2, 0 to neurons 0, 1, 2; the log says what ran, for which word, how long."""
    net = network(tiny, 3, memory={(1, 0): 3, (1, 1): -2})
    log = run(net, [1, 1])
    assert log.registers["x"]["v"].tolist() == [[3, -2, 0], [6, -4, 0]]
    assert log.type.tolist() == [SPIKE, SPIKE]
    assert log.argument.tolist() == [1, 1]
    assert log.event.tolist() == [0, 1]
    assert log.cycles.tolist() == [6, 6]
    assert log.spikes[0].size == 0


def test_virtual_and_leak(tiny):
    """A weight of its own; leak toward 0 that does not pass it; one neuron's leak only."""
    net = network(tiny, 3, leak=5)
    log = run(net, [virtual(7, 0), virtual(-8, 1), ALL_LEAK, 256 | 1, 256 | 1])
    assert log.registers["x"]["v"].tolist() == [
        [7, 0, 0], [7, -8, 0], [2, -3, 0], [2, 0, 0], [2, 0, 0],
    ]  # fmt: skip
    assert log.type.tolist() == [VIRTUAL, VIRTUAL, LEAK, LEAK, LEAK]
    assert log.cycles.tolist() == [2, 2, 6, 2, 2]


def test_a_spike_goes_into_the_queue(tiny):
    """0 excites 1, 1 excites 2; 2 has no synapses: its sweep changes nothing."""
    net = network(tiny, 3, thr=5, memory={(0, 1): 6, (1, 2): 6})
    log = run(net, [virtual(5, 0)])
    assert log.type.tolist() == [VIRTUAL, SPIKE, SPIKE, SPIKE]
    assert log.argument.tolist()[1:] == [0, 1, 2]
    assert [c.tolist() for c in log.spikes] == [[0, 1, 2], [0, 1, 2], [PUSHED] * 3]
    assert [c.tolist() for c in log.output] == [[0, 1, 2], [0, 1, 2]]
    assert not log.registers["x"]["v"][-1].any()


def test_open_loop_and_disabled(tiny):
    """In open loop a spike is seen and not fed back; a disabled neuron is reset and silent."""
    log = run(network(tiny, 2, thr=5, open_loop=1), [virtual(5, 0)])
    assert [c.tolist() for c in log.spikes] == [[0], [0], [OPEN]]
    assert log.operations == 1
    log = run(network(tiny, 2, thr=5, disable=1), [virtual(7, 0)])
    assert log.spikes[0].size == 0
    assert log.registers["x"]["v"].tolist() == [[0, 0]]


def test_source_control_shows_what_is_served(tiny):
    """The bus carries the events of neurons after their sweep, not the spikes."""
    log = run(network(tiny, 2, thr=5, source_control=1), [virtual(5, 0)])
    assert log.type.tolist() == [VIRTUAL, SPIKE]
    assert [c.tolist() for c in log.output] == [[1], [0]]


def test_membrane_saturates_and_is_counted(tiny):
    log = run(network(tiny, 1, thr=4095, v=2045), [virtual(7, 0)])
    assert log.registers["x"]["v"].tolist() == [[2047]]
    assert log.overflows == {"x": {"s": 1}}


def test_a_full_queue_loses_spikes(tiny):
    """200 neurons fire in one sweep: the served item keeps its place, 127 of 128 are free."""
    n = 200
    net = network(tiny, n, thr=5, memory={(255, j): 7 for j in range(n)})
    log = run(net, [255], record=False)
    fate = log.spikes[2]
    assert fate[log.spikes[0] == 0].tolist() == [PUSHED] * 127 + [DROPPED] * 73


def test_words_wait_or_take_turns(tiny):
    """Without ``saturate`` the queue is worked off before the next word; with it, in turn."""
    net = network(tiny, 3, thr=5, memory={(0, 1): 1})
    words = [virtual(5, 0), virtual(1, 2), virtual(1, 2)]
    assert run(net, words).event.tolist() == [0, 0, 1, 2]
    saturated = run(net, words, saturate=True)
    # accept, serve (neuron 0 fires: its item goes behind), accept, serve the spike, accept, ...
    assert saturated.type.tolist() == [VIRTUAL, SPIKE, VIRTUAL, VIRTUAL]
    assert saturated.event.tolist() == [0, 1, 2, 2]


def test_idle_only_words_wait_for_an_empty_queue():
    """ODIN's bistability waits even when the host always has a word: the spike is served first."""
    odin = load_chip("odin")
    codes = dict.fromkeys(odin.neurons["lif"].tick.parameters, 0) | {"thr": 4}
    population = FixedPopulation.of("x", 2, odin.neurons["lif"], codes)
    memory = np.zeros((256, 256), np.int64)
    memory[0, 1] = 8 | 5  # mapped, weight 5: drifts up
    memory[0, 0] = 8 | 2  # drifts down
    net = FixedPointNetwork(odin, 1e-3, {}, {"x": population}, (), synapse_memory=memory)
    spike_of_0, drift_of_row_0 = 0x0007, 0x0080
    # The sweep of row 0 takes neuron 1 to its threshold, so the queue is not empty when the drift's
    # turn comes.
    log = run(net, [spike_of_0, drift_of_row_0], saturate=True)
    assert log.type.tolist() == [1, 1, 4]
    assert log.argument.tolist() == [0, 1, drift_of_row_0]
    operation, row, neuron, code = (c.tolist() for c in log.changes)
    assert list(zip(operation, row, neuron, code, strict=True)) == [
        (2, 0, 0, 8 | 1), (2, 0, 1, 8 | 6),
    ]  # fmt: skip


def test_a_loop_without_end_is_one_line(tiny):
    """Two neurons that fire each other for ever."""
    net = network(tiny, 2, thr=5, memory={(0, 1): 7, (1, 0): 7})
    messages = []
    for interpreted in (False, True):
        with pytest.raises(InputError) as error:
            emulate_words(net, [virtual(5, 0)], limit=500, interpreted=interpreted)
        messages.append(str(error.value))
    assert messages[0] == messages[1]
    assert messages[0].startswith("tinyodin is not at rest after 500 operations")
    assert "\n" not in messages[0]


def test_in_time_steps(tiny):
    """The host sends a step's spikes and then the leak; a spike belongs to its step."""
    codes = {"thr": 10, "leak": 1, "disable": 0}
    population = FixedPopulation.of("x", 2, tiny.neurons["lif"], codes)
    net = FixedPointNetwork(
        tiny, 1e-3, {"in": 1}, {"x": population},
        (
            FixedProjection.of("in", "x", [0], [0], [6]),
            FixedProjection.of("x", "x", [0], [1], [4]),
        ),
    )  # fmt: skip
    inputs = Inputs(4, spikes={"in": Spikes.of(1, [0, 0, 0], [0, 1, 3], [0, 0, 0])})
    got = interpret(net, inputs, record={"x": ["v"]})
    assert_same(got, emulate(net, inputs, record={"x": ["v"]}))
    # 6 - 1; 5 + 6 fires, 1 gets 4 - 1; then the leak alone; 6 - 1 again.
    assert got.trace("x", "v").values[0].tolist() == [[5, 0], [0, 3], [0, 2], [5, 1]]
    assert got.spikes["x"].step.tolist() == [1]
    assert got.synaptic_events == {"in->x": 3, "x->x": 1}
