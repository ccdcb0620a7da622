"""A batch of parameter variants: each trial is the run of a network that has those parameters."""

from dataclasses import replace

import numpy as np
import pytest

import neurohw as nh
from neurohw.errors import InputError, UnknownName
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.network.events import Spikes
from neurohw.testing import assert_same

STEPS, TRIALS = 60, 3
RECORD = {"a": ["u", "v"], "b": ["v"]}
VTH = [60, 400, 131071]
"""The last is the largest that the format holds, and is not reached here."""


def random_projection(rng, source, target, sizes, low, high, delays=1, **more):
    n, m = sizes[source], sizes[target]
    pre, post = np.nonzero(rng.random((n, m)) < 0.3)
    weight, delay = (rng.integers(*ends, pre.size) for ends in ((low, high), (0, delays)))
    return FixedProjection.of(source, target, pre, post, weight, delay, **more)


@pytest.fixture(scope="module")
def network(loihi2):
    """An input and two populations that drive each other, with delays; a bias for some."""
    rng = np.random.default_rng(5)
    sizes = {"in": 9, "a": 14, "b": 6}
    lif = loihi2.neurons["lif"]
    codes = {"du": 900, "dv": 300, "vth": 90, "bias_mant": np.arange(14) * 9, "bias_exp": 1}
    populations = {
        "a": FixedPopulation.of("a", 14, lif, codes),
        "b": FixedPopulation.of("b", 6, lif, {**codes, "bias_mant": 0}, {"v": 500}),
    }
    projections = tuple(
        random_projection(rng, source, target, sizes, -20, 60, 4)
        for source, target in (("in", "a"), ("a", "b"), ("b", "a"))
    )
    return FixedPointNetwork(loihi2, 1e-3, {"in": 9}, populations, projections)


@pytest.fixture(scope="module")
def inputs():
    rng = np.random.default_rng(6)
    return nh.Inputs.from_dense({"in": rng.random((1, STEPS, 9)) < 0.2})


def with_codes(network, name, trial, codes):
    """The network whose population has those codes of a trial, checked as any others are."""
    p = network.populations[name]
    mine = {k: np.asarray(v)[trial] for k, v in codes.items()}
    made = FixedPopulation.of(
        name, p.n, p.neuron, {**p.parameters, **mine}, p.initial, p.meaning, p.alias
    )
    return replace(network, populations={**network.populations, name: made})


def apart(network, inputs, parameters, steps=STEPS, record=None, execution=nh.emulate, **more):
    """Separate runs of networks with the parameters of each trial."""
    trials = max(len(v) for by in parameters.values() for v in by.values())
    runs = []
    for trial in range(trials):
        own = network
        for name, codes in parameters.items():
            own = with_codes(own, name, trial, codes)
        given = inputs.trial(trial) if inputs is not None and inputs.trials > 1 else inputs
        runs.append(execution(own, given, steps=steps, record=record, **more))
    return runs


def assert_each(runs, batch):
    """Trial by trial every spike and register, and the sums of all counters."""
    assert batch.trials == len(runs)
    for trial, run in enumerate(runs):
        for name, spikes in run.spikes.items():
            assert spikes.same_as(batch.spikes[name].in_trial(trial)), (trial, name)
        for name, registers in run.traces.items():
            for register, trace in registers.items():
                got = batch.traces[name][register].values[trial]
                assert np.array_equal(trace.values[0], got), (trial, name, register)
    events, overflows = {}, {}
    for run in runs:
        for name, count in run.synaptic_events.items():
            events[name] = events.get(name, 0) + count
        for name, by in run.overflows.items():
            mine = overflows.setdefault(name, {})
            for register, count in by.items():
                mine[register] = mine.get(register, 0) + count
    assert dict(batch.synaptic_events) == events
    assert {k: dict(v) for k, v in batch.overflows.items()} == overflows


PARAMETERS = {
    "one a trial": {"a": {"vth": VTH}},
    "one a trial and neuron": {
        "a": {"vth": np.random.default_rng(1).integers(20, 300, (TRIALS, 14))}
    },
    "several": {
        "a": {
            "vth": [60, 150, 30],
            "dv": [0, 4095, 17],
            "bias_mant": np.arange(42).reshape(3, 14) * 90,
        },
        "b": {"vth": [40, 30, 20], "du": np.full((3, 6), 4095)},
    },
}


@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS)
def test_each_trial_is_a_run_of_its_own(network, inputs, parameters):
    batch = nh.emulate(network, inputs, record=RECORD, parameters=parameters)
    assert_each(apart(network, inputs, parameters, record=RECORD), batch)
    counts = [batch.spikes["a"].in_trial(k).count for k in range(TRIALS)]
    assert len(set(counts)) == TRIALS, "the parameters must matter"


@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS)
def test_the_definition_says_the_same(network, inputs, parameters):
    more = {"record": RECORD, "parameters": parameters}
    batch = nh.interpret(network, inputs, **more)
    assert_same(batch, nh.emulate(network, inputs, **more))
    assert_each(apart(network, inputs, parameters, record=RECORD, execution=nh.interpret), batch)


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_threads_change_nothing(network, inputs, threads):
    more = {"record": RECORD, "parameters": {"a": {"vth": [60, 70, 80, 90, 400]}}}
    one = nh.emulate(network, inputs, threads=1, **more)
    assert_same(one, nh.emulate(network, inputs, threads=threads, **more))


def test_without_inputs(network):
    """The bias alone drives, less from trial to trial."""
    vth = [5, 12, 40]
    runs = apart(network, None, {"a": {"vth": vth}}, record=RECORD)
    batch = nh.emulate(network, steps=STEPS, record=RECORD, parameters={"a": {"vth": vth}})
    assert_each(runs, batch)
    counts = [batch.spikes["a"].in_trial(k).count for k in range(3)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[2]


def test_one_trial_and_one_code(network, inputs):
    """A number holds for all trials; several inputs may each have their own parameters."""
    for given in (75, [75], [[75] * 14]):
        got = nh.emulate(network, inputs, record=RECORD, parameters={"a": {"vth": given}})
        assert_each(apart(network, inputs, {"a": {"vth": [75]}}, record=RECORD), got)
    rng = np.random.default_rng(9)
    raster = rng.random((TRIALS, STEPS, 9)) < 0.2
    many = nh.Inputs.from_dense({"in": raster})
    batch = nh.emulate(network, many, record=RECORD, parameters={"a": {"vth": VTH}})
    runs = [
        nh.emulate(
            with_codes(network, "a", k, {"vth": VTH}), nh.Inputs.from_dense({"in": raster[k]}),
            record=RECORD,
        ) for k in range(TRIALS)
    ]  # fmt: skip
    assert_each(runs, batch)


def test_a_network_runs_as_before_after_a_batch(network, inputs):
    before = nh.emulate(network, inputs, record=RECORD)
    nh.emulate(network, inputs, parameters={"a": {"vth": VTH}})
    assert_same(before, nh.emulate(network, inputs, record=RECORD))


def test_registers_that_start_from_parameters(loihi2):
    """Lava's ATRLIF starts its threshold register at theta_0: each trial at its own."""
    codes = {"k_i": 500, "k_v": 200, "k_theta": 90, "k_r": 300, "theta_0": 50, "theta_step": 9,
             "bias_mant": 700, "bias_exp": 0}  # fmt: skip
    x = FixedPopulation.of("x", 4, loihi2.neurons["atrlif"], codes)
    network = FixedPointNetwork(loihi2, 1e-3, {}, {"x": x}, ())
    parameters = {"x": {"theta_0": [[10, 20, 30, 40], [50] * 4, [100, 7, 3, 0]]}}
    more = {"steps": 40, "record": {"x": ["theta", "v"]}}
    batch = nh.emulate(network, parameters=parameters, **more)
    assert_each(apart(network, None, parameters, **more), batch)
    assert_same(nh.interpret(network, parameters=parameters, **more), batch)


def test_xylo():
    """The ordered engine fills its arrays again for each trial."""
    chip = nh.load_chip("xylo2")
    rng = np.random.default_rng(3)
    codes = {"dash_syn": 3, "dash_syn2": 2, "dash_mem": 4, "vth": 500, "offset": 0}
    sizes = {"in": 5, "a": 7}
    a = FixedPopulation.of("a", 7, chip.neurons["hidden"], codes)
    projections = tuple(
        random_projection(rng, source, "a", sizes, -10, 60, exponent=2, port=port)
        for source, port in (("in", "w1"), ("a", "w2"))
    )
    network = FixedPointNetwork(chip, 1e-3, {"in": 5}, {"a": a}, projections)
    inputs = nh.Inputs.from_dense({"in": rng.integers(0, 3, (1, 40, 5))})
    parameters = {
        "a": {
            "vth": [200, 500, 2000],
            "offset": rng.integers(-40, 40, (3, 7)),
            "dash_mem": [1, 4, 9],
        }
    }
    more = {"record": {"a": ["isyn", "isyn2", "vmem"]}}
    batch = nh.emulate(network, inputs, parameters=parameters, **more)
    assert_same(nh.interpret(network, inputs, parameters=parameters, **more), batch)
    assert_each(apart(network, inputs, parameters, steps=40, **more), batch)
    assert_same(batch, nh.emulate(network, inputs, parameters=parameters, threads=2, **more))
    counts = {batch.spikes["a"].in_trial(k).count for k in range(3)}
    assert len(counts) == 3


def test_reckon():
    """Events by index, and generators that start again in each trial."""
    chip = nh.load_chip("reckon")
    rng = np.random.default_rng(8)
    codes = {"growth": -3000, "thr": 400, "rst_mode": 1, "stochastic": 1, "noisy": 1,
             "noise_str": 9, "reached": 1}  # fmt: skip
    sizes = {"in": 5, "x": 6}
    x = FixedPopulation.of("x", 6, chip.neurons["lif"], codes)
    projections = tuple(
        random_projection(rng, source, "x", sizes, -20, 100, port=port)
        for source, port in (("in", "inp"), ("x", "rec"))
    )
    network = FixedPointNetwork(chip, 1e-3, {"in": 5}, {"x": x}, projections, input_latency=0)
    inputs = nh.Inputs.from_dense({"in": rng.random((1, 40, 5)) < 0.4})
    parameters = {"x": {"thr": [80, 400, 150], "growth": rng.integers(-4096, 0, (3, 6))}}
    more = {"record": {"x": ["u"]}}
    batch = nh.emulate(network, inputs, parameters=parameters, **more)
    assert_same(nh.interpret(network, inputs, parameters=parameters, **more), batch)
    assert_each(apart(network, inputs, parameters, steps=40, **more), batch)
    assert len({batch.spikes["x"].in_trial(k).count for k in range(3)}) == 3


WRONG = {
    "population": ({"c": {"vth": VTH}}, UnknownName, "unknown population 'c'"),
    "parameter": ({"a": {"vht": VTH}}, UnknownName, "parameter of lif 'vht'.*vth"),
    "register": ({"a": {"v": VTH}}, UnknownName, "parameter of lif 'v'"),
    "too large": ({"a": {"vth": [1, 2, 1 << 17]}}, InputError, "131072|131,072"),
    "too small": ({"a": {"vth": [-1, 2, 3]}}, InputError, "-1"),
    "floats": ({"a": {"vth": [1.5, 2, 3]}}, InputError, "vth"),
    "text": ({"a": {"vth": "large"}}, InputError, "vth"),
    "trials differ": ({"a": {"vth": VTH, "dv": [1, 2]}}, InputError, r"'dv'.*\(2,\).*3 trials"),
    "neurons differ": ({"a": {"vth": np.ones((3, 5), int)}}, InputError, r"\(3, 5\).*\(3, 14\)"),
    "three axes": ({"a": {"vth": np.ones((3, 14, 1), int)}}, InputError, r"\(3, 14, 1\)"),
    "no codes": ({"a": {"vth": []}}, InputError, "vth"),
    "not by parameter": ({"a": VTH}, InputError, "codes by parameter"),
    "not by population": ([VTH], InputError, "dictionary by population"),
}


@pytest.mark.parametrize(("parameters", "error", "says"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("execution", [nh.emulate, nh.interpret], ids=["emulate", "interpret"])
def test_what_is_refused(network, inputs, execution, parameters, error, says):
    with pytest.raises(error, match=says) as caught:
        execution(network, inputs, parameters=parameters)
    assert "\n" not in str(caught.value)


def test_as_many_parameters_as_trials(network):
    two = nh.Inputs.from_dense({"in": np.zeros((2, 5, 9))})
    with pytest.raises(InputError, match="2 trials"):
        nh.emulate(network, two, parameters={"a": {"vth": VTH}})


@pytest.mark.parametrize("execution", [nh.emulate, nh.interpret], ids=["emulate", "interpret"])
def test_chips_with_a_queue_take_none(execution):
    chip = nh.load_chip("tinyodin")
    name, neuron = next(iter(chip.neurons.items()))
    codes = dict.fromkeys(neuron.tick.parameters, 0)
    x = FixedPopulation.of(name, 1, neuron, codes)
    network = FixedPointNetwork(chip, 1e-3, {"in": 1}, {name: x}, ())
    inputs = nh.Inputs(3, spikes={"in": Spikes.none(1)})
    with pytest.raises(InputError, match="tinyodin takes no parameters by trial"):
        execution(network, inputs, parameters={name: {next(iter(codes)): [0, 1]}})
