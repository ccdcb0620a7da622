"""Loops without branches beside the general ones, on random programs and networks: both give what the
interpreter gives. Most run as plain Python, which costs no compilation."""

from dataclasses import replace

import numpy as np
import pytest

from neurohw.chip import load_chip
from neurohw.emulate import emulate, interpret
from neurohw.emulate.folded import folded, starts, still
from neurohw.emulate.ordered_run import OrderedEngine
from neurohw.emulate.saturation import saturating
from neurohw.emulate.words import _small, emulate_words
from neurohw.equations import compile_program
from neurohw.errors import NeurohwError
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.fixedpoint import parse_format
from neurohw.network.inputs import Inputs
from neurohw.testing import assert_same, random_neuron
from neurohw.testing.equality import assert_same_log
from neurohw.testing.full import full_network, random_words
from neurohw.testing.networks import random_values
from neurohw.testing.uncompiled import load_uncompiled_call

N, SOURCES, STEPS = 13, 11, 6
NO = {"ordered": ("is_straight_tick", "is_straight_events"), "queue": ("is_straight",)}


@pytest.fixture(scope="module")
def reckon():
    return load_chip("reckon")


@pytest.fixture(scope="module")
def odin():
    return load_chip("odin")


@pytest.fixture
def plain(monkeypatch):
    """Kernels as plain Python; their texts are kept."""
    texts = []

    def load(source, name):
        texts.append(source)
        return load_uncompiled_call(source, name)

    for module in ("ordered_run", "words"):
        monkeypatch.setattr(f"neurohw.emulate.{module}.Called", load)
    return texts


@pytest.fixture
def general(monkeypatch):
    """No loop is straight."""
    for module, names in (("loops", NO["ordered"]), ("sweeps", NO["queue"])):
        for name in names:
            monkeypatch.setattr(f"neurohw.emulate.{module}.{name}", lambda *_: False)


def event_neuron(seed):
    """A random program as the event of a neuron, and once more as its tick, where the input is 37."""
    neuron = random_neuron(seed, name=f"n{seed}")
    p = neuron.tick
    tick = compile_program(
        neuron.text.replace("syn", "c2"), registers=p.registers, wires=p.wires,
        parameters=p.parameters, constants={**p.constants, "c2": 37}, tables=p.tables,
    )  # fmt: skip
    return replace(
        neuron, tick=tick, phases={"event": p}, phase_texts={"event": neuron.text}, inputs=p.inputs
    )


def by_index(seeds, chip):
    """A population for each seed, all driven by one input and by the first population."""
    neurons = {f"n{seed}": event_neuron(seed) for seed in seeds}
    chip = replace(chip, neurons=neurons)
    populations, projections = {}, []
    for seed in seeds:
        neuron, rng, name = neurons[f"n{seed}"], np.random.default_rng(seed), f"x{seed}"
        # Where all are alike, kernels know parameters of one bit and registers that nothing moves.
        alike = seed % 2 == 0
        given = [
            {
                k: np.full(N, random_values(rng, f, 1)[0]) if alike else random_values(rng, f, N)
                for k, f in forms.items()
            }
            for forms in (neuron.tick.parameters, neuron.tick.registers)
        ]
        if seed % 3 == 0:
            given[1] = {k: 0 * v for k, v in given[1].items()}
        populations[name] = FixedPopulation.of(name, N, neuron, *given)
        source = "in" if seed % 4 else f"x{seeds[0]}"
        sources = SOURCES if source == "in" else N
        pre, post = np.nonzero(rng.random((sources, N)) < 0.7)
        weight = rng.integers(-128, 128, pre.size)
        projections.append(
            FixedProjection.of(source, name, pre, post, weight, 0, seed % 8, name=f"q{seed}")
        )
    return FixedPointNetwork(chip, 1e-3, {"in": SOURCES}, populations, tuple(projections))


def check_by_index(seeds, chip):
    network = by_index(seeds, chip)
    raster = np.random.default_rng(seeds[0]).random((2, STEPS, SOURCES)) < 0.3
    inputs = Inputs.from_dense({"in": raster})
    record = {k: list(p.neuron.formats) for k, p in network.populations.items()}
    expected = interpret(network, inputs, record=record)
    assert_same(expected, emulate(network, inputs, record=record))
    # What is not recorded may be left out.
    assert_same(interpret(network, inputs), emulate(network, inputs))
    return sum(sum(v.values()) for v in expected.overflows.values())


@pytest.mark.parametrize("block", range(6))
def test_random_events(reckon, block, plain):
    overflows = 0
    for seed in range(7000 + 20 * block, 7020 + 20 * block):
        overflows += check_by_index([seed], reckon)
    assert overflows > 0
    assert sum("def events_" in t and "widest_vectors()" in t for t in plain) > 30


def test_random_events_in_general(reckon, plain, general):
    for seed in range(7000, 7020):
        check_by_index([seed], reckon)
    assert not any("widest_vectors()" in t for t in plain)


def test_compiled(reckon):
    """Four programs in one kernel, as LLVM makes it."""
    assert check_by_index(range(8000, 8004), reckon) > 0


@pytest.mark.parametrize("name", ["odin", "tinyodin"])
@pytest.mark.parametrize("kind", ["straight", "general"])
def test_words(name, kind, plain, request, monkeypatch):
    """More neurons than eight, in several populations; synapses that learn; every entry of the log,
    which is handed over in pieces."""
    monkeypatch.setattr("neurohw.emulate.words.CHUNK", 7)
    if kind == "general":
        request.getfixturevalue("general")
    chip = load_chip(name)
    spikes = changes = ran = 0
    for seed in range(40, 50):
        kinds = () if seed % 3 or name == "tinyodin" else ("lif",)
        network = full_network(seed, chip, largest=32, kinds=kinds)
        # Neurons that excite each other without end show nothing.
        loop = {**network.configuration, "open_loop": int(seed % 4 != 0)}
        network = replace(network, configuration=loop)
        words = random_words(seed, network, 25)
        options = {"saturate": seed % 2 == 1, "limit": 150, "record": seed % 4 == 0}
        try:
            expected = emulate_words(network, words, interpreted=True, **options)
        except NeurohwError as error:
            with pytest.raises(type(error)) as got:
                emulate_words(network, words, **options)
            assert str(got.value) == str(error)
            continue
        log = emulate_words(network, words, **options)
        assert_same_log(expected if options["record"] else replace(expected, registers={}), log)
        ran, spikes, changes = ran + 1, spikes + log.spikes[0].size, changes + log.changes[0].size
    assert ran >= 2
    assert spikes > 20
    assert changes > 20 or name == "tinyodin"
    assert all(("widest_vectors()" in t) == (kind == "straight") for t in plain)


@pytest.mark.parametrize("first", [0, 5, 2**31 - 8, 2**31, 2**40])
@pytest.mark.parametrize("most", [7, 8, 2**31 - 1, 2**31, 2**50])
def test_logs_in_32_bits(first, most):
    """The first column is counted on, and nothing is lost where 32 bits do not hold it."""
    rows = np.array([[0, 3], [most, -most]])
    assert _small(rows, first).tolist() == [[first, 3], [most + first, -most]]
    assert rows[0, 0] == 0


def lif(odin, n=9, initial=None, **codes):
    given = dict.fromkeys(odin.neurons["lif"].tick.parameters, 0) | {"thr": 60} | codes
    return FixedPopulation.of("x", n, odin.neurons["lif"], given, initial)


CALCIUM = {"calcium": 0, "caleak_cnt": 0, "up": 0, "down": 0}


def test_what_stands_still(odin):
    """Without calcium nothing that learning reads ever moves; with it all of it may."""
    neuron = odin.neurons["lif"]
    for codes, initial, expected in (
        ({"ca_en": 0}, None, CALCIUM),
        ({"ca_en": 1}, None, {}),
        ({"ca_en": 0}, {"calcium": 3}, CALCIUM | {"calcium": 3}),
        # Set at the start, cleared by the first event: not one number.
        ({"ca_en": 0}, {"up": 1}, {k: 0 for k in CALCIUM if k != "up"}),
        ({"ca_en": 0}, {"down": np.arange(9) % 2}, {k: 0 for k in CALCIUM if k != "down"}),
    ):
        members = [lif(odin, initial=initial, **codes)]
        known = codes | {"disable": 0, "leak_en": 0}
        assert still(neuron, known, starts(members)) == expected


@pytest.mark.parametrize("initial", [{"up": 1}, {"down": 1}, {"up": 1, "core": 50}, {}])
def test_learning_from_how_it_starts(odin, initial, plain):
    """The first event may learn from what registers hold, though calcium is off."""
    memory = np.random.default_rng(3).integers(0, 32, (256, 256))
    network = FixedPointNetwork(
        odin, 1e-3, {}, {"x": lif(odin, initial=initial)}, (), synapse_memory=memory
    )
    words = np.array([5 << 8 | 7, 6 << 8 | 7, 127, 5 << 8 | 7])
    log = emulate_words(network, words, interpreted=True)
    assert_same_log(log, emulate_words(network, words))
    assert (log.changes[0].size > 0) == bool({"up", "down"} & set(initial))


SUM = "s = u + syn\n"
HIGH, LOW = "u >= 0 and syn >= 0 and s < 0", "u < 0 and syn < 0 and s >= 0"


def signs(high=HIGH, low=LOW, top=7, bottom=-8, before=SUM, syn="s4 clamp", s="s4 wrap"):
    """A saturating sum of four bits, or what looks like one."""
    text = f"{before}y = {top} if {high} else {bottom} if {low} else s\nu = y\n"
    registers, wires = {"u": parse_format("s4 wrap")}, {k: parse_format(s) for k in ("s", "y")}
    return text, compile_program(
        text, registers=registers, wires=wires, inputs={"syn": parse_format(syn)}
    )


ALIKE = (
    {"top": 6},
    {"bottom": -7},
    {"high": "u >= 0 and s < 0"},
    {"high": "u >= 0 and syn > 0 and s < 0"},
    {"high": "(u >= 0 or syn >= 0) and s < 0"},
    {"low": "u < 0 and syn < 0 and s > 0"},
    {"high": LOW, "low": HIGH},
    {"before": f"{SUM}u = 0 - u\n"},
    {"before": "s = u - syn\n"},
    {"before": f"{SUM}s = s + 1\n"},
    {"before": f"{SUM}s = 0 - s\n"},
    {"syn": "s6 clamp"},
    {"s": "s4 clamp"},
)


@pytest.mark.parametrize("change", [{}, {"before": "s = syn + u + 0\n"}, *ALIKE])
def test_sums_tested_by_signs(reckon, change, plain):
    """All pairs of four bits (and more for what is only alike), with every overflow counted."""
    text, program = signs(**change)
    steps = folded(program, {}, ())
    reads = {k: f.reads for k, f in (*program.registers.items(), *program.inputs.items())}
    assert bool(saturating(program, steps, reads)) == (change not in ALIKE)
    tick = compile_program("u = u", registers=program.registers)
    neuron = replace(
        random_neuron(0, name="sum"), tick=tick, phases={"event": program},
        phase_texts={"event": text}, inputs=program.inputs, text="u = u",
    )  # fmt: skip
    n, low = 16, -40
    population = FixedPopulation.of("x", n, neuron, {}, {"u": np.arange(-8, 8)})
    pre, post = (k.ravel() for k in np.indices((-2 * low, n)))
    network = FixedPointNetwork(
        replace(reckon, neurons={"sum": neuron}), 1e-3, {"in": -2 * low}, {"x": population},
        (FixedProjection.of("in", "x", pre, post, pre + low),),
    )  # fmt: skip
    # In each trial one weight meets every membrane.
    inputs = Inputs.from_dense({"in": np.eye(-2 * low, dtype=bool)[:, None].repeat(2, 1)})
    record = {"x": ["u", "s", "y"]}
    expected = interpret(network, inputs, record=record)
    assert_same(expected, emulate(network, inputs, record=record))
    assert_same(interpret(network, inputs), emulate(network, inputs))
    assert expected.overflows["x"]["s"] > 0
    assert ("_held_" in plain[0]) == (change not in ALIKE)


@pytest.mark.parametrize("sizes", [(8, 8), (16, 3), (1, 9)])
def test_spikes_in_order(reckon, sizes, plain):
    """Spikes of several populations, one as large as all neurons' input, in several trials, handed
    over in pieces."""
    codes = dict.fromkeys(reckon.neurons["lif"].tick.parameters, 0) | {"thr": 20, "reached": 1}
    populations = {
        f"x{k}": FixedPopulation.of(f"x{k}", n, reckon.neurons["lif"], codes)
        for k, n in enumerate(sizes)
    }
    rng, total = np.random.default_rng(5), sum(sizes)
    projections = []
    for k, n in enumerate(sizes):
        pre, post = (i.ravel() for i in np.indices((total, n)))
        weight = rng.integers(-20, 60, pre.size)
        projections.append(
            FixedProjection.of("in", f"x{k}", pre, post, weight, name=f"q{k}", port="inp")
        )
        pre, post = (i.ravel() for i in np.indices((sizes[0], n)))
        weight = rng.integers(-30, 10, pre.size)
        projections.append(
            FixedProjection.of("x0", f"x{k}", pre, post, weight, name=f"r{k}", port="rec")
        )
    network = FixedPointNetwork(reckon, 1e-3, {"in": total}, populations, tuple(projections))
    inputs = Inputs.from_dense({"in": rng.random((3, 30, total)) < 0.2})
    expected = interpret(network, inputs)
    assert_same(expected, emulate(network, inputs))
    assert all(expected.spikes[name].count > 5 for name in populations)


def test_buffers_of_few_events(reckon, plain, monkeypatch):
    """A buffer that holds no more than the spikes of one tick is emptied after each."""
    monkeypatch.setattr("neurohw.emulate.ordered_run.EVENTS", 1)
    calls = []
    once = OrderedEngine._one_trial
    monkeypatch.setattr(
        OrderedEngine, "_one_trial", lambda *a: calls.append(len(f := once(*a))) or f
    )
    test_spikes_in_order(reckon, (16, 3), plain)
    assert max(calls) > 5


def test_a_draw_that_nobody_reads_moves_its_generator():
    """It remains, unless the chip would not draw; what only computes for nobody is left out."""
    program = compile_program(
        "x = draw(lfsr)\ny = draw(lfsr, c == 1)\nz = u + 1\nu = u",
        registers={"u": parse_format("s8 clamp")},
        wires={k: parse_format("s16 clamp") for k in "xyz"},
        parameters={"c": parse_format("u1")}, generators={"lfsr": 4},
    )  # fmt: skip
    assert [s.assign.target for s in folded(program, {}, ())] == ["x", "y"]
    assert [s.assign.target for s in folded(program, {"c": 0}, ())] == ["x"]
