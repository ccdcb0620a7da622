"""The ordered engine and relays, on examples that can be checked by hand."""

import numpy as np
import pytest

from neurohw.chip import load_chip
from neurohw.emulate import emulate, interpret
from neurohw.emulate.streams import Stream
from neurohw.errors import CapacityError
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.network.events import Spikes
from neurohw.network.inputs import Inputs
from neurohw.testing import assert_same


@pytest.fixture(scope="module")
def xylo():
    return load_chip("xylo1")


@pytest.fixture(scope="module")
def reckon():
    return load_chip("reckon")


def run(network, spikes, steps, record):
    """What both executions give: {channel: [(step, value), ...]} into the input 'in'."""
    events = [(0, s, j, v) for j, mine in spikes.items() for s, v in mine]
    columns = np.array(events, np.int64).reshape(-1, 4).T
    inputs = Inputs(steps, spikes={"in": Spikes.of(network.inputs["in"], *columns)})
    expected = interpret(network, inputs, record=record)
    assert_same(expected, emulate(network, inputs, record=record))
    return expected


def outputs(chip, n=1, **codes):
    """Xylo's output neurons with a dead membrane leak and a current that hardly decays."""
    given = {"dash_syn": 15, "dash_mem": 0, "vth": 32767} | codes
    return FixedPopulation.of("x", n, chip.neurons["output"], given)


def xylo_network(chip, population, *projections, inputs=3, **more):
    return FixedPointNetwork(
        chip, 1e-3, {"in": inputs}, {population.name: population}, projections, **more
    )


def trace(recording, name, register):
    return recording.trace(name, register).values[0, :, 0].tolist()


def test_each_event_saturates(xylo):
    """32000 + 2000 is held at 32767 before -3000 comes: the order of the sources counts."""
    weights = [125, 8, -12]  # times 2^8: 32000, 2048, -3072
    for order, expected in (([0, 1, 2], 32767 - 3072), ([0, 2, 1], 32000 + 2048 - 3072)):
        q = FixedProjection.of("in", "x", [0, 1, 2], [0] * 3, [weights[k] for k in order], 0, 8)
        network = xylo_network(xylo, outputs(xylo), q)
        got = run(network, {j: [(0, 1)] for j in range(3)}, 2, {"x": ["isyn"]})
        # In tick 1 the events come first, then the current decays by 1, as dash 15 makes it.
        assert trace(got, "x", "isyn") == [0, expected - 1]
        assert got.overflows.get("x", {}).get("isyn", 0) == (1 if order == [0, 1, 2] else 0)


def test_payload_is_a_count_in_one_event(xylo):
    """Three spikes in one step are one event with count 3, which saturates once."""
    q = FixedProjection.of("in", "x", [0], [0], [127], 0, 7)  # 16256
    network = xylo_network(xylo, outputs(xylo), q, inputs=1)
    got = run(network, {0: [(0, 3)]}, 2, {"x": ["isyn", "count"]})
    assert trace(got, "x", "count") == [0, 3]
    assert trace(got, "x", "isyn") == [0, 32766]
    assert got.overflows == {"x": {"isyn": 1}}
    assert got.synaptic_events == {"in->x": 1}


def test_inputs_are_limited_to_their_payload(xylo):
    """An input of xylo carries at most 15 in a step."""
    q = FixedProjection.of("in", "x", [0], [0], [2])
    got = run(xylo_network(xylo, outputs(xylo), q, inputs=1), {0: [(0, 99)]}, 2, {"x": ["isyn"]})
    assert trace(got, "x", "isyn") == [0, 29]


def test_input_latency(xylo):
    """With latency 0 an input acts in its own tick, with 2 two ticks later; by default with 1."""
    q = FixedProjection.of("in", "x", [0], [0], [100])
    for latency, at in ((0, 1), (None, 2), (2, 3)):
        network = xylo_network(xylo, outputs(xylo), q, inputs=1, input_latency=latency)
        got = run(network, {0: [(1, 1)]}, 4, {"x": ["isyn"]})
        assert trace(got, "x", "isyn") == [0] * at + list(range(99, 99 - (4 - at), -1))


def hidden(chip, alias, start):
    """Hidden neurons without input that spike in tick 0 floor(start / 100) times."""
    codes = {"dash_syn": 0, "dash_syn2": 0, "dash_mem": 15, "vth": 100}
    initial = {"vmem": np.array(start) + 1}  # the leak of dash 15 takes 1
    return FixedPopulation.of("h", len(start), chip.neurons["hidden"], codes, initial, alias=alias)


def sent(got):
    """What each neuron of 'h' sent in tick 0."""
    spikes = got.spikes["h"].in_trial(0)
    value = np.ones(spikes.count, int) if spikes.value is None else spikes.value
    first = spikes.step == 0
    return dict(zip(spikes.neuron[first].tolist(), value[first].tolist(), strict=True))


def test_alias_chain_forwards(xylo):
    """0 -> 1 -> 2: each adds what it got to its own, in the order of the neurons."""
    network = xylo_network(xylo, hidden(xylo, [1, 2, -1], [200, 100, 300]), inputs=1)
    assert sent(run(network, {}, 1, {"h": ["vmem", "received"]})) == {0: 2, 1: 3, 2: 6}


def test_alias_chain_backwards(xylo):
    """2 -> 1 -> 0: a neuron that ran already gets the spikes, and does not pass them on."""
    network = xylo_network(xylo, hidden(xylo, [-1, 0, 1], [200, 100, 300]), inputs=1)
    assert sent(run(network, {}, 1, {"h": ["vmem", "received"]})) == {0: 3, 1: 4, 2: 3}


def test_alias_saturates(xylo):
    """Counts are five bits: 20 own after 20 received are 31, and the threshold is taken 11 times."""
    network = xylo_network(xylo, hidden(xylo, [1, -1], [2000, 2000]), inputs=1)
    got = run(network, {}, 1, {"h": ["vmem", "received"]})
    assert sent(got) == {0: 20, 1: 31}
    assert got.trace("h", "vmem").values[0, 0].tolist() == [0, 900]
    # Backwards the sum is stored into the aliased input of a neuron that ran: 40 becomes 31.
    network = xylo_network(xylo, hidden(xylo, [-1, 0], [2000, 2000]), inputs=1)
    assert sent(run(network, {}, 1, {"h": ["vmem", "received"]})) == {0: 31, 1: 20}


LIF = {"growth": 0, "thr": 50, "rst_mode": 1, "stochastic": 0, "noisy": 0, "noise_str": 0,
       "reached": 1}  # fmt: skip


def reckon_network(chip, populations, projections, **more):
    return FixedPointNetwork(
        chip, 1e-3, {"in": 2}, {p.name: p for p in populations}, projections, **more
    )


def lif(chip, name="x", n=1, **codes):
    return FixedPopulation.of(name, n, chip.neurons["lif"], LIF | codes)


def test_latency_0_events_come_after_the_tick(reckon):
    """Input of step 1 is in the membrane at the end of tick 1 and is tested in tick 2; the spike of
    tick 2 reaches the other neuron at the end of tick 2."""
    network = reckon_network(
        reckon, [lif(reckon), lif(reckon, "y")],
        (
            FixedProjection.of("in", "x", [0], [0], [60], port="inp"),
            FixedProjection.of("x", "y", [0], [0], [7], port="rec"),
        ), input_latency=0,
    )  # fmt: skip
    got = run(network, {0: [(1, 1)]}, 4, {"x": ["u"], "y": ["u"]})
    assert trace(got, "x", "u") == [0, 60, 0, 0]
    assert got.spikes["x"].step.tolist() == [2]
    assert trace(got, "y", "u") == [0, 0, 7, 7]


def test_one_event_for_each_index(reckon):
    """Sources of one index deliver in one event: 100 - 100 is 0; of two indices in two events, and the
    first saturates: 32700 + 100 is 32767, less 100 is 32667."""
    for second, expected in ((0, 32700), (1, 32667)):
        population = FixedPopulation.of(
            "x", 1, reckon.neurons["lif"], LIF | {"thr": 32767}, {"u": 32700}
        )
        other = lif(reckon, "y", 2, thr=0)  # spikes whenever it may
        pre, weight = [0], [100]
        network = reckon_network(
            reckon, [population, other],
            (
                FixedProjection.of("in", "x", pre, [0], weight, port="inp"),
                FixedProjection.of("y", "x", [second], [0], [-100], port="rec"),
            ), input_latency=0,
        )  # fmt: skip
        # In tick 0 nothing has begun; in tick 1 both neurons of y spike.
        got = run(network, {0: [(1, 1)]}, 2, {"x": ["u"]})
        assert got.spikes["y"].step.tolist() == [1, 1]
        assert trace(got, "x", "u")[1] == expected


def test_draws_advance_only_when_asked(reckon):
    """Two neurons draw noise from one generator; the one that is not noisy leaves it alone, and so
    does a population to which no source of the index projects."""
    stream = Stream(reckon.generators["noise"], 5)
    draws = [stream.draw() for _ in range(4)]
    noise = [((d ^ 0x8000) - 0x8000) >> 4 for d in draws]  # signed 16 bits, shifted
    codes = LIF | {"noisy": np.array([1, 0, 1]), "noise_str": 4, "thr": 32767}
    # Below 0 with positive weights the membrane does not saturate.
    population = FixedPopulation.of("x", 3, reckon.neurons["lif"], codes, {"u": -20000})
    silent = lif(reckon, "y", 1, noisy=1)
    network = reckon_network(
        reckon, [silent, population],
        (FixedProjection.of("in", "x", [0, 0, 0], [0, 1, 2], [10, 20, 30], port="inp"),),
        input_latency=0, seeds={"noise": (5,)},
    )  # fmt: skip
    got = run(network, {0: [(0, 1), (2, 1)]}, 3, {"x": ["u"], "y": ["u"]})
    values = got.trace("x", "u").values[0].tolist()
    once = [10 + noise[0] - 20000, 20 - 20000, 30 + noise[1] - 20000]
    twice = [once[0] + 10 + noise[2], once[1] + 20, once[2] + 30 + noise[3]]
    assert values == [once, once, twice]
    assert trace(got, "y", "u") == [0, 0, 0]


def test_lanes(reckon):
    """Even neurons round with one register, odd ones with the other, and only when they round."""
    streams = [Stream(reckon.generators["rounding"], seed) for seed in (1, 9)]
    n, growth, start = 4, 100, 1000
    codes = LIF | {"growth": np.full(n, growth), "thr": 32767, "stochastic": np.array([1, 1, 0, 1])}
    population = FixedPopulation.of("x", n, reckon.neurons["lif"], codes, {"u": start, "begun": 1})
    network = reckon_network(reckon, [population], (), seeds={"rounding": (1, 9)})
    got = run(network, {}, 1, {"x": ["u", "r"]})
    drawn = [streams[0].draw(), streams[1].draw(), 0, streams[1].draw()]
    assert got.trace("x", "r").values[0, 0].tolist() == drawn
    product = start * (32768 + growth)
    rest, whole = product & 32767, product >> 15
    expected = [whole + (k != 2 and rest >= drawn[k]) for k in range(n)]
    assert got.trace("x", "u").values[0, 0].tolist() == expected


def test_one_input_has_inputs_or_neurons_in_both(reckon):
    """The two can't deliver at one input together, whoever runs it."""
    network = reckon_network(
        reckon, [lif(reckon)],
        (
            FixedProjection.of("in", "x", [0], [0], [1], port="inp"),
            FixedProjection.of("x", "x", [0], [0], [1], port="inp"),
        ),
    )  # fmt: skip
    messages = []
    for how in (interpret, emulate):
        with pytest.raises(CapacityError) as error:
            how(network, Inputs(2))
        messages.append(str(error.value))
    assert messages[0] == messages[1]
    assert "\n" not in messages[0]


def crossbar(chip, *projections):
    axons = FixedPopulation.of("a", 2, chip.neurons["axon"], {})
    codes = {"reset": 0, "leak": 0, "pos": 5, "neg": -256, "mode": 0}
    neurons = FixedPopulation.of("x", 1, chip.neurons["neuron"], codes)
    return FixedPointNetwork(chip, 1e-3, {"in": 3}, {"x": neurons, "a": axons}, projections)


def test_relay_merges_and_passes_on_within_the_tick():
    """Two spikes for the same axon and tick are one; the axon's weight acts in the same tick."""
    network = crossbar(
        load_chip("ranc"),
        FixedProjection.of("in", "a", [0, 1, 2], [0, 0, 1], [1, 1, 1], [0, 0, 2]),
        FixedProjection.of("a", "x", [0, 1], [0, 0], [3, 4]),
    )
    got = run(network, {0: [(0, 1)], 1: [(0, 1)], 2: [(0, 1)]}, 6, {"x": ["v"], "a": ["packets"]})
    assert got.trace("a", "packets").values[0, :, 0].tolist() == [0, 2, 0, 0, 0, 0]
    # Tick 1: +3 once. Tick 3, after a delay of 2: +4 is 7, at least 5: a spike, and the reset.
    assert trace(got, "x", "v") == [0, 3, 3, 0, 0, 0]
    assert got.spikes["x"].step.tolist() == [3]
    assert got.spikes["a"].step.tolist() == [1, 3]
    assert got.synaptic_events == {"in->a": 3, "a->x": 2}


def test_relayed_spikes_come_back_a_tick_later():
    """Neuron to axon has the chip's latency, axon to neuron has none: one tick for a turn."""
    network = crossbar(
        load_chip("ranc"),
        FixedProjection.of("in", "a", [0], [0], [1]),
        FixedProjection.of("a", "x", [0, 1], [0, 0], [6, 6]),
        FixedProjection.of("x", "a", [0], [1], [1]),
    )
    got = run(network, {0: [(0, 1)]}, 6, {"x": ["v"], "a": ["packets"]})
    assert got.spikes["x"].step.tolist() == [1, 2, 3, 4, 5]
    assert got.trace("a", "packets").values[0, :, 1].tolist() == [0, 0, 1, 1, 1, 1]


def test_switches_alike_or_of_a_neuron_or_of_a_trial(reckon):
    """A kernel knows switches that are set alike everywhere, and reads those that are not."""
    rng = np.random.default_rng(1)
    weight = rng.integers(-60, 128, (8, 6))
    pre, post = (k.ravel() for k in np.indices(weight.shape))
    given = Inputs.from_dense({"in": rng.random((3, 40, 8)) < 0.3})
    one, other = np.ones(6, int), np.arange(6) % 2
    found = []
    for reset, noisy, varied in (
        (one, one, None), (1 - one, one, None), (other, one, None), (one, other, None),
        (one, one, [[0], [1], [0]]),
    ):  # fmt: skip
        population = lif(reckon, n=6, thr=4000, rst_mode=reset, noisy=noisy, growth=-300)
        network = FixedPointNetwork(
            reckon, 1e-3, {"in": 8}, {"x": population},
            (FixedProjection.of("in", "x", pre, post, weight.ravel(), 0, 4, port="inp"),),
        )  # fmt: skip
        options = {"record": {"x": ["u"]}}
        if varied is not None:
            options["parameters"] = {"x": {"rst_mode": np.array(varied) * one}}
        expected = interpret(network, given, **options)
        assert_same(expected, emulate(network, given, **options))
        assert expected.spikes["x"].count > 50
        found.append(expected.trace("x", "u").values[1])
    assert not np.array_equal(found[0], found[1])
    assert np.array_equal(found[4], found[0])
