"""A session: what emulate does, step by step."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import neurohw as nh
from neurohw.emulate import lane
from neurohw.emulate.run import Found, parts_for
from neurohw.errors import InputError, RegisterOverflow, UnknownName
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection

STEPS, CHANNELS = 50, 16
TAKE = Found.take
REGISTERS = {"a": ["u", "v"], "b": ["u", "v"]}


def random_projection(rng, source, target, sizes, low, high, delays):
    pre, post = np.nonzero(rng.random((sizes[source], sizes[target])) < 0.1)
    weight, delay = (rng.integers(*ends, pre.size) for ends in ((low, high), (0, delays)))
    return FixedProjection.of(source, target, pre, post, weight, delay)


@pytest.fixture(scope="module")
def network(loihi2):
    """290 neurons, enough for two threads; two populations, an input, delays up to 6."""
    rng = np.random.default_rng(2)
    sizes = {"in": CHANNELS, "a": 200, "b": 90}
    codes = {"du": 700, "dv": 200, "vth": 120, "bias_exp": 3}
    populations = {
        name: FixedPopulation.of(
            name, sizes[name], loihi2.neurons["lif"],
            {**codes, "bias_mant": rng.integers(0, 90, sizes[name])},
            {"v": rng.integers(0, 5000, sizes[name])},
        )
        for name in ("a", "b")
    }  # fmt: skip
    projections = tuple(
        random_projection(rng, source, target, sizes, -60, 60, 7)
        for source, target in (("in", "a"), ("a", "b"), ("b", "a"), ("a", "a"))
    )
    return FixedPointNetwork(loihi2, 1e-3, {"in": CHANNELS}, populations, projections)


@pytest.fixture(scope="module")
def raster():
    return np.random.default_rng(4).random((STEPS, CHANNELS)) < 0.2


@pytest.fixture(scope="module")
def runs(network, raster):
    """The whole run with the input and without it."""
    inputs = nh.Inputs.from_dense({"in": raster[None]})
    return {
        True: nh.emulate(network, inputs, record=REGISTERS, threads=1),
        False: nh.emulate(network, steps=STEPS, record=REGISTERS, threads=1),
    }


def assert_step(run, session, fired, step):
    """Spikes and registers after a step are those of the run at that step."""
    assert set(fired) == set(REGISTERS)
    for name, registers in REGISTERS.items():
        spikes = run.spikes[name]
        expected = spikes.neuron[spikes.step == step]
        assert fired[name].dtype == np.int32
        assert np.array_equal(fired[name], expected), (step, name)
        for register in registers:
            values = session.register(name, register)
            assert values.dtype == np.int64
            wanted = run.trace(name, register).values[0, step]
            assert np.array_equal(values, wanted), (step, name, register)


def assert_rest(run, rest, begin):
    """The spikes of a Recording that began at a step of the run."""
    assert (rest.trials, rest.steps) == (1, run.steps - begin)
    for name in REGISTERS:
        spikes, late = run.spikes[name], run.spikes[name].step >= begin
        assert np.array_equal(rest.spikes[name].step, spikes.step[late] - begin), name
        assert np.array_equal(rest.spikes[name].neuron, spikes.neuron[late]), name


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("given", [True, False], ids=["input", "alone"])
def test_stepping_is_emulate(network, raster, runs, given, threads):
    run = runs[given]
    assert min(run.spikes[name].count for name in REGISTERS) > 100
    with nh.Session(network, threads=threads) as session:
        assert session.engine.parts == threads
        for step in range(STEPS):
            spikes = {"in": np.flatnonzero(raster[step])} if given else None
            fired = session.step(spikes)
            assert_step(run, session, fired, step)
        assert session.now == STEPS
        overflows = {name: dict(by) for name, by in run.overflows.items()}
        assert session.overflows == overflows


@pytest.mark.parametrize("threads", [1, 2])
def test_run_goes_on_where_steps_ended(network, raster, threads):
    """Spikes that are on their way when run() begins arrive in it, and step() goes on after it."""
    steps, begin, more = 60, 13, 5
    cut = np.zeros((steps, CHANNELS), bool)
    cut[:begin] = raster[:begin]
    cut[steps - more :] = raster[:more]
    run = nh.emulate(network, nh.Inputs.from_dense({"in": cut[None]}), record=REGISTERS)
    with nh.Session(network, threads=threads) as session:
        for step in range(begin):
            assert_step(run, session, session.step({"in": np.flatnonzero(cut[step])}), step)
        rest = session.run(steps - more - begin)
        assert session.now == steps - more
        late = {
            name: run.spikes[name].step[run.spikes[name].step < steps - more] for name in REGISTERS
        }
        for name, step in late.items():
            assert np.array_equal(rest.spikes[name].step, step[step >= begin] - begin)
        assert rest.spikes["in"].count == 0
        for step in range(steps - more, steps):
            assert_step(run, session, session.step({"in": np.flatnonzero(cut[step])}), step)


def test_run_alone_is_emulate(network, runs):
    with nh.Session(network) as session:
        assert_rest(runs[False], session.run(STEPS), 0)
    with nh.Session(network) as session:
        first, second = session.run(20), session.run(STEPS - 20)
        assert first.steps == 20
        assert_rest(runs[False], second, 20)


def test_what_step_takes(network, runs, raster):
    """Channels in any order, as a list or unsigned; an input without spikes may be named."""
    forms = (list, lambda c: c[::-1], lambda c: c.astype(np.uint8), tuple)
    with nh.Session(network) as session:
        for step in range(12):
            channels = forms[step % 4](np.flatnonzero(raster[step]))
            assert_step(runs[True], session, session.step({"in": channels}), step)
    with nh.Session(network) as session:
        for step in range(12):
            given = ({}, {"in": []}, {"in": np.zeros(0, int)}, None)[step % 4]
            assert_step(runs[False], session, session.step(given), step)


def test_sessions_do_not_share_state(network, runs):
    with nh.Session(network) as one, nh.Session(network) as other:
        other.run(7)
        for step in range(5):
            assert_step(runs[False], one, one.step(), step)


def test_the_start_is_in_the_registers(network):
    with nh.Session(network) as session:
        assert np.array_equal(session.register("a", "v"), network.populations["a"].initial["v"])
        assert not session.register("b", "u").any()


WRONG = {
    "input": ({"out": [1]}, UnknownName, "unknown spiking input 'out'"),
    "population": ({"a": [1]}, UnknownName, "spiking input 'a'"),
    "too high": ({"in": [3, CHANNELS]}, InputError, "'in'.* outside 0..15"),
    "negative": ({"in": [-1]}, InputError, "outside 0..15"),
    "floats": ({"in": np.array([1.0, 2.0])}, InputError, "float64.*list of channels"),
    "a raster": ({"in": np.ones(CHANNELS, bool)}, InputError, "bool.*list of channels"),
    "two axes": ({"in": [[1, 2]]}, InputError, r"\(1, 2\)"),
    "a number": ({"in": 3}, InputError, "list of channels"),
    "too many": ({"in": [1] * 17}, InputError, "twice"),
}


@pytest.mark.parametrize(("given", "error", "says"), WRONG.values(), ids=WRONG)
def test_what_step_refuses(network, runs, given, error, says):
    """In one line, and the session goes on as if it had not been asked."""
    with nh.Session(network) as session:
        with pytest.raises(error, match=says) as caught:
            session.step(given)
        assert "\n" not in str(caught.value)
        assert session.now == 0
        assert_step(runs[False], session, session.step(), 0)


def test_unknown_registers(network):
    with nh.Session(network) as session:
        with pytest.raises(UnknownName, match="register of lif 'w'") as caught:
            session.register("a", "w")
        assert "\n" not in str(caught.value)
        with pytest.raises(UnknownName, match="unknown population 'aa'"):
            session.register("aa", "v")
        with pytest.raises(UnknownName, match="unknown population 'in'"):
            session.register("in", "v")
        with pytest.raises(UnknownName, match="register of lif 'vth'"):
            session.register("a", "vth")


@pytest.mark.parametrize(("chip", "neuron"), [("tinyodin", "lif"), ("xylo2", "hidden")])
def test_chips_that_run_as_a_whole(chip, neuron):
    chip = nh.load_chip(chip)
    kind = chip.neurons[neuron]
    x = FixedPopulation.of("x", 1, kind, dict.fromkeys(kind.tick.parameters, 1))
    network = FixedPointNetwork(chip, 1e-3, {"in": 1}, {"x": x}, ())
    with pytest.raises(InputError, match=rf"{chip.name} has the engine .*emulate\(\)") as caught:
        nh.Session(network)
    assert "\n" not in str(caught.value)


def test_what_a_session_refuses(network):
    with pytest.raises(InputError, match="on_overflow"):
        nh.Session(network, on_overflow="stop")
    with pytest.raises(InputError, match="seed"):
        nh.Session(network, seed=-1)
    with nh.Session(network) as session, pytest.raises(InputError, match="steps"):
        session.run(-1)


@pytest.fixture(scope="module")
def driven(loihi2):
    """One neuron whose v reaches its end under a constant bias: it is clamped there."""
    codes = {"du": 4095, "dv": 0, "vth": 131071, "bias_mant": 4095, "bias_exp": 7}
    x = FixedPopulation.of("x", 2, loihi2.neurons["lif"], codes)
    return FixedPointNetwork(loihi2, 1e-3, {}, {"x": x}, ())


def test_overflows_are_counted(driven):
    run = nh.emulate(driven, steps=40)
    with nh.Session(driven) as session:
        for _ in range(40):
            session.step()
        assert session.overflows == {k: dict(v) for k, v in run.overflows.items()} != {}


def test_raising_at_the_first_overflow(driven):
    with pytest.raises(RegisterOverflow) as whole:
        nh.emulate(driven, steps=40, on_overflow="raise")
    with nh.Session(driven, on_overflow="raise") as session:
        with pytest.raises(RegisterOverflow) as stepped:
            list(map(session.step, [None] * 40))
        assert str(stepped.value) == str(whole.value)
        assert f"at tick {session.now} of trial 0" in str(stepped.value)
    with nh.Session(driven, on_overflow="raise") as session:
        with pytest.raises(RegisterOverflow) as ran:
            session.run(40)
        assert str(ran.value) == str(whole.value)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_full_buffer_of_spikes_is_emptied(network, raster, runs, threads, monkeypatch):
    """Kernels stop when the next tick's spikes might not fit, and go on when these were taken."""
    monkeypatch.setattr(lane, "EVENTS", 100)
    stretches = []
    monkeypatch.setattr(
        Found, "take", lambda self, lane, a, b: (stretches.append((a, b)), TAKE(self, lane, a, b))
    )
    run = nh.emulate(
        network, nh.Inputs.from_dense({"in": raster[None]}), record=REGISTERS, threads=threads
    )
    assert 1 < len(stretches) < STEPS // 2, len(stretches)
    assert stretches[0][0] == 0 and stretches[-1][1] == STEPS
    assert all(a[1] == b[0] for a, b in pairwise(stretches))
    assert_rest(runs[True], run, 0)
    for name, registers in REGISTERS.items():
        for register in registers:
            assert np.array_equal(
                run.trace(name, register).values, runs[True].trace(name, register).values
            )
    with nh.Session(network, threads=threads) as session:
        assert_rest(runs[False], session.run(STEPS), 0)


def test_threads_that_would_only_cost_time(network, monkeypatch):
    assert parts_for(network, 1, None) == 1
    assert parts_for(network, 1, 2) == 2
    assert parts_for(network, 1, 100) == network.neurons // 64
    assert parts_for(network, 5, 2) == 1  # trials run side by side
    monkeypatch.undo()
    assert parts_for(network, 1, 2) == 1


def test_raising_where_buffers_are_full(driven, monkeypatch):
    with pytest.raises(RegisterOverflow) as whole:
        nh.emulate(driven, steps=40, on_overflow="raise")
    monkeypatch.setattr(lane, "EVENTS", 100)
    with pytest.raises(RegisterOverflow) as stopped:
        nh.emulate(driven, steps=40, on_overflow="raise", threads=1)
    assert str(stopped.value) == str(whole.value)


def test_the_seed_is_that_of_emulate(prototype):
    """A chip that draws random numbers: the same draws as in a whole run, others with another seed."""
    alif = nh.ALIF(30, tau=20e-3, tau_adapt=200e-3, adaptation=0.5, bias=4.0)
    net = nh.Network({"x": alif}, [], dt=1e-3)
    fixed = nh.quantise(net, prototype)
    run = nh.emulate(fixed, steps=40, seed=3, record={"x": ["v"]})
    ended = {}
    for seed in (3, 4):
        with nh.Session(fixed, seed=seed) as session:
            session.run(17)
            for _ in range(17, 40):
                session.step()
            ended[seed] = session.register("x", "v")
    assert np.array_equal(ended[3], run.trace("x", "v").values[0, -1])
    assert not np.array_equal(ended[3], ended[4])


def test_inputs_that_spike_always(network):
    """Constant inputs are the host's bias: they spike at every step, without being given."""
    always = replace(network, constant=("in",))
    inputs = nh.Inputs.from_dense({"in": np.ones((1, 12, CHANNELS))})
    run = nh.emulate(network, inputs, record=REGISTERS)
    with nh.Session(always) as session:
        for step in range(12):
            assert_step(run, session, session.step(), step)
    with nh.Session(always) as session:
        late = session.run(5), session.run(7)
    for k, (part, begin) in enumerate(zip(late, (0, 5), strict=True)):
        for name, spikes in part.spikes.items():
            whole = run.spikes[name]
            mine = (whole.step >= begin) & (whole.step < begin + part.steps)
            assert np.array_equal(spikes.neuron, whole.neuron[mine]), (k, name)
            assert np.array_equal(spikes.step + begin, whole.step[mine])


def test_a_run_counts_its_own_overflows(network):
    with nh.Session(network) as session:
        counts = [session.run(40).overflows for _ in range(2)]
        total = session.overflows
    for name, by in total.items():
        for site, count in by.items():
            assert sum(c.get(name, {}).get(site, 0) for c in counts) == count
