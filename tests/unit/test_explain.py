"""explain names the fault that was planted, says what it did, and sums up."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

import neurohw as nh
from neurohw.chip.load import parse_chip
from neurohw.errors import InputError
from neurohw.explain import Explanation, explain
from neurohw.network.semantics import Semantics, preset
from neurohw.quantise import quantise
from neurohw.testing.uncompiled import uncompile

TRIALS, STEPS, HIDDEN = 4, 60, 20
TICK = """
i = shrn(i * keep_i, 16) + syn
awake = wait == 0
v = {} + i + offset if awake else v
spike = awake and v > vth
v = 0 if spike else v
wait = refractory if spike else max(wait - 1, 0)
"""
FORMATS = {"i": "s28 clamp", "v": "s28 clamp", "wait": "u4"}


@pytest.fixture(autouse=True)
def _plain(monkeypatch):
    """Kernels as plain Python: these networks are too small to be worth compiling."""
    uncompile(monkeypatch)


@cache
def chip(decay: str = "shrn(v * keep_v, 16)", v: str = "s28 clamp") -> nh.Chip:
    """A chip that differs from the model nowhere that it shows: 16 bits of weights and decays."""
    origin = nh.load_chip("prototype").origin
    assert origin is not None
    changes = {
        "weight.bits": 16, "neuron.lif.constants.decay_bits": 16, "neuron.lif.tick": TICK.format(decay),
        "neuron.lif.registers": {**FORMATS, "v": v}, "neuron.lif.inputs": {"syn": "s28 clamp"},
        "neuron.lif.parameters": {
            "keep_i": "u17", "keep_v": "u17", "vth": "u24", "offset": "s24", "refractory": "u4",
        },
    }  # fmt: skip
    return parse_chip(origin.text, "fine.toml", changes)


def network(outlier: float = 1.0, delay: float = 0.0) -> nh.Network:
    rng = np.random.default_rng(2)
    into = rng.normal(0.4, 0.5, (HIDDEN, 12))
    into[0, 0] *= outlier
    hidden = nh.CubaLIF(HIDDEN, tau_syn=5e-3, tau_mem=2e-2, r=rng.uniform(9.9, 10.1, HIDDEN))
    return nh.Network(
        {"in": nh.SpikeInput(12), "hidden": hidden, "out": nh.LIF(4, tau=1e-2, r=10.0)},
        [
            nh.Projection.dense("in", "hidden", into, delay),
            nh.Projection.dense("hidden", "out", rng.normal(0.3, 0.3, (4, HIDDEN))),
        ],
        dt=1e-3,
    )


@cache
def inputs() -> nh.Inputs:
    rng = np.random.default_rng(3)
    raster = rng.random((TRIALS, STEPS, 12)) < 0.1
    return nh.Inputs.from_dense({"in": raster}, labels=np.arange(TRIALS) % 4)


@cache
def sound() -> Explanation:
    return explain(network(), quantise(network(), chip()), inputs())


def threshold() -> tuple[nh.Network, nh.FixedPointNetwork]:
    fixed = quantise(network(), chip())
    hidden = fixed.populations["hidden"]
    vth = hidden.parameters["vth"].copy()
    vth[7] //= 4
    clipped = replace(hidden, parameters={**hidden.parameters, "vth": vth})
    return network(), replace(fixed, populations={**fixed.populations, "hidden": clipped})


def narrow() -> tuple[nh.Network, nh.FixedPointNetwork]:
    """v one bit too narrow for the threshold of the hidden neurons, all else as it was."""
    fixed = quantise(network(), chip())
    bits = int(fixed.populations["hidden"].parameters["vth"].max()).bit_length()
    other = chip(v=f"s{bits} clamp")
    populations = {k: replace(p, neuron=other.neurons["lif"]) for k, p in fixed.populations.items()}
    return network(), replace(fixed, chip=other, populations=populations)


def rounding() -> tuple[nh.Network, nh.FixedPointNetwork]:
    """The same codes on a chip that cuts off 14 bits of the membrane at every tick."""
    net = network()
    return net, quantise(net, chip("(shrf(v * keep_v, 30) << 14)"))


def vanished() -> tuple[nh.Network, nh.FixedPointNetwork]:
    net = network(outlier=3000.0)
    return net, quantise(net, nh.load_chip("prototype"))


def delays() -> tuple[nh.Network, nh.FixedPointNetwork]:
    net = network(delay=20e-3)
    return net, quantise(net, chip(), on_limit="clip")


@dataclass(frozen=True)
class Fault:
    """What is planted, and what must be said of it first."""

    plant: object
    rung: str
    what: str
    detail: str
    remedy: str


FAULTS = {
    "one clipped threshold": Fault(
        threshold, "parameters", "vth (v_threshold) of hidden, neuron 7", "neuron 7: ", "a value"
    ),
    "one wrong rounding": Fault(
        rounding, "rounding", "v of hidden", "v = (shrf(v * keep_v, 30) << 14) + i", ""
    ),
    "a register one bit too narrow": Fault(
        narrow, "overflow", "register v of hidden", "times a value did not fit s", "2 more bits"
    ),
    "weights that vanish": Fault(
        vanished, "weights", "weights of in->hidden", "of 240 became 0", "times the median weight"
    ),
    "delays too long": Fault(
        delays, "delays", "delays of in->hidden", "15 ticks instead of 20", "shorter delays"
    ),
}  # fmt: skip


def test_a_chip_that_does_what_the_model_does():
    e = sound()
    assert e.whole == 0 and e.largest is None and not e.causes and e.divergence is None
    assert e.advice == ("Nothing to change: prototype does what the model does.",)
    assert e.spikes > 500  # there was something to lose


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_named_first(name):
    fault = FAULTS[name]
    net, fixed = fault.plant()
    e = explain(net, fixed, inputs())
    assert e.largest is not None and e.largest.name == fault.rung
    first = e.causes[0]
    assert (first.rung, first.what) == (fault.rung, fault.what)
    assert fault.detail in first.detail and fault.remedy in first.remedy
    assert first.what in e.advice[0] and first.detail in e.advice[0]
    assert first.effect > 0.5 * e.largest.direct.changed > 10
    assert sum(r.share for r in e.rungs) == e.whole > 0
    assert e.rungs[-1].whole.changed == e.whole
    assert e.divergence is not None and e.divergence.rung == fault.rung
    assert len({v.step for v in e.divergence.values}) >= 2
    assert max(map(len, str(e).splitlines())) <= 100
    json.dumps(e.as_dict(), allow_nan=False)


def test_the_registers_of_the_first_difference_are_the_chips():
    net, fixed = threshold()
    e = explain(net, fixed, inputs())
    d = e.divergence
    assert d is not None and (d.population, d.neuron, d.chip, d.meant) == ("hidden", 7, 1, 0)
    on_chip = nh.emulate(fixed, inputs(), steps=e.steps, record={"hidden": ["i", "v"]})
    for v in d.values:
        if v.register in ("i", "v"):
            assert v.chip == on_chip.trace("hidden", v.register).values[d.trial, v.step, d.neuron]
            assert v.real is not None and v.chip_physical is not None
    code, real = next((code, real) for name, code, real in d.codes if name == "vth")
    assert code == int(np.rint(real)) // 4
    lost = [w for w in e.worst if w.kind == "clipped"]
    assert [w.where for w in lost] == ["vth of hidden"] and "neuron 7" in lost[0].text


def test_what_quantising_lost():
    net, fixed = vanished()
    e = explain(net, fixed, inputs())
    vanished_ = next(w for w in e.worst if w.kind == "vanished")
    weight = fixed.projections[0].weight
    gone = np.sum(weight == 0)
    assert vanished_.where == "in->hidden" and vanished_.share == gone / weight.size > 0.9
    assert "tau_mem of hidden" in [w.where for w in e.worst if w.kind == "moved"]


def test_neurons_that_became_identical():
    rng = np.random.default_rng(0)
    net = nh.Network(
        {"in": nh.SpikeInput(3), "a": nh.LIF(9, tau=1e-2, v_threshold=1 + 1e-6 * np.arange(9))},
        [nh.Projection.dense("in", "a", rng.normal(2, 1, (9, 3)))], dt=1e-3,
    )  # fmt: skip
    one = nh.Inputs.from_dense({"in": rng.random((2, 30, 3)) < 0.4})
    e = explain(net, quantise(net, nh.load_chip("prototype")), one)
    assert [w.text for w in e.worst if w.kind == "identical"] == ["9 different neurons became 1"]


def test_margins_say_what_it_takes():
    net, fixed = narrow()
    e = explain(net, fixed, inputs())
    tight = next(m for m in e.margins if (m.population, m.register) == ("hidden", "v"))
    assert tight.bits is not None and -2.0 <= tight.bits < -1.0 and tight.overflows > 0


def test_readouts_that_never_spike_are_counted_by_their_membranes():
    rng = np.random.default_rng(4)
    net = nh.Network(
        {"in": nh.SpikeInput(6), "out": nh.LI(3, tau=1e-2)},
        [nh.Projection.dense("in", "out", rng.normal(0, 1, (3, 6)))], dt=1e-3,
    )  # fmt: skip
    some = nh.Inputs.from_dense({"in": rng.random((3, 40, 6)) < 0.3}, labels=[0, 1, 2])
    e = explain(net, quantise(net, nh.load_chip("prototype")), some)
    assert e.measure == "membrane" and e.divergence is None
    assert e.whole > 0 and abs(sum(r.share for r in e.rungs) - e.whole) < 1e-12
    assert e.causes and e.rungs[-1].whole.accuracy is not None
    assert "membrane" in str(e)


def test_a_chip_that_cant_be_taken_apart_has_one_rung():
    rng = np.random.default_rng(5)
    net = nh.Network(
        {"in": nh.SpikeInput(4), "a": nh.LIF(5, tau=2e-2, r=20.0)},
        [nh.Projection.dense("in", "a", rng.normal(0.5, 0.5, (5, 4)))], dt=1e-3,
    )  # fmt: skip
    some = nh.Inputs.from_dense({"in": rng.random((1, 40, 4)) < 0.3})
    e = explain(net, quantise(net, nh.load_chip("odin"), on_limit="clip"), some)
    assert e.rungs[-1].name == "chip" and e.whole == e.rungs[-1].direct.changed
    assert "event by event" in e.notes[0]


def test_an_image_that_loses_synapses_is_a_rung():
    net = network()
    fixed = quantise(net, chip())
    p = fixed.projections[0]
    keep = p.pre != 0
    less = replace(
        p, pre=p.pre[keep], post=p.post[keep], weight=p.weight[keep], delay=p.delay[keep]
    )
    delivered = replace(fixed, projections=(less, *fixed.projections[1:]))
    image = SimpleNamespace(delivered=delivered, losses=None)
    e = explain(net, fixed, inputs(), image=image)
    assert e.largest is not None and e.largest.name == "mapping" == e.rungs[-1].name
    assert e.whole == e.largest.share > 0
    assert e.divergence is not None and e.divergence.rung == "mapping"
    assert e.causes[0].detail == f"{delivered.synapses} of {fixed.synapses} synapses are delivered"


def test_the_time_step_is_a_rung_if_asked_for():
    e = explain(network(), quantise(network(), chip()), inputs(), substeps=4)
    assert e.rungs[0].name == "time step"
    assert e.rungs[0].direct.changed == e.whole > 0
    assert e.divergence is None  # steps of two sizes can't be told apart


@pytest.mark.parametrize(
    ("semantics", "rung"),
    [
        (Semantics(integrator="euler"), "integrator"), (Semantics(reset="subtract"), "reset"),
        (Semantics(reset_time="next"), "reset"), (Semantics(comparison=">="), None),
        (preset("nir"), None),
    ],
)  # fmt: skip
def test_each_choice_of_a_framework_is_a_rung(semantics, rung):
    e = explain(network(), quantise(network(), chip()), inputs(), semantics=semantics)
    changed = [r.name for r in e.rungs if r.direct.changed]
    assert changed == ([rung] if rung else [])
    assert sum(r.share for r in e.rungs) == e.whole


def test_latency_alone_costs_nothing_without_biases_and_feedback():
    """Layer d of such a network spikes d steps later, and otherwise the same."""
    e = explain(network(), quantise(network(), chip()), inputs(), semantics=Semantics(latency=0))
    assert [r.direct.changed for r in e.rungs] == [0] * len(e.rungs) and e.spikes > 500


def test_a_threshold_that_is_met_exactly():
    net = nh.Network(
        {"in": nh.SpikeInput(1), "a": nh.IF(1, r=1000.0, v_threshold=2.0)},
        [nh.Projection.dense("in", "a", [[1.0]])], dt=1e-3,
    )  # fmt: skip
    one = nh.Inputs.from_dense({"in": np.ones((1, 12, 1))})
    fixed = quantise(net, nh.load_chip("prototype"))
    e = explain(net, fixed, one, semantics=Semantics(comparison=">="))
    assert [r.name for r in e.rungs if r.direct.changed] == ["comparison"]


def test_wrong_arguments_say_so_in_one_line():
    net, fixed = network(), quantise(network(), chip())
    with pytest.raises(InputError, match="explain takes a Network"):
        explain(fixed, fixed, inputs())  # type: ignore[arg-type]
    other = net.with_(projections=(net.projections[1],))
    with pytest.raises(InputError, match="is none of the network's"):
        explain(other, fixed, inputs())
    fewer = nh.Projection.dense("in", "hidden", np.ones((HIDDEN, 11)))
    with pytest.raises(InputError, match="synapses on the chip"):
        explain(net.with_(projections=(fewer, net.projections[1])), fixed, inputs())
    with pytest.raises(InputError, match="leave one out"):
        explain(net, fixed, inputs(), semantics=preset("norse"), substeps=2)
    bare = replace(fixed.populations["hidden"], meaning=None)
    written = replace(fixed, populations={**fixed.populations, "hidden": bare})
    with pytest.raises(InputError, match="written in integers"):
        explain(net, written, inputs())


def test_the_choices_of_a_chip_are_found_in_its_equations():
    """Xylo resets by subtraction; a model meant so has no cost of reset there."""
    rng = np.random.default_rng(0)
    net = nh.Network(
        {"in": nh.SpikeInput(8), "a": nh.CubaLIF(9, tau_syn=8e-3, tau_mem=2e-2, r=10.0)},
        [nh.Projection.dense("in", "a", rng.normal(0.5, 0.6, (9, 8)))], dt=1e-3,
    )  # fmt: skip
    some = nh.Inputs.from_dense({"in": rng.random((3, 60, 8)) < 0.15})
    fixed = quantise(net, nh.load_chip("xylo2"), on_limit="clip")
    e = explain(net, fixed, some)
    cost = {r.name: r.direct.changed for r in e.rungs}
    assert cost["reset"] > 50 and cost["equations"] == cost["comparison"] == 0
    cause = next(c for c in e.causes if c.rung == "reset")
    assert cause.what.startswith("reset by subtracting the threshold, not reset to v_reset")
    meant = explain(net, fixed, some, semantics=Semantics(reset="subtract"))
    cost = {r.name: r.direct.changed for r in meant.rungs}
    assert cost["reset"] == cost["equations"] == 0 and cost["parameters"] > 0


def test_a_network_with_semantics_of_its_own_is_compared_with_itself():
    """Its author's choices are those of its reference, and the chip's: no rung between them."""
    semantics = preset("sinabs").with_(latency=1)
    rng = np.random.default_rng(0)
    net = nh.Network(
        {"in": nh.SpikeInput(8), "hidden": nh.LIF(6, tau=2e-2, r=10.0)},
        [nh.Projection.dense("in", "hidden", rng.normal(0.3, 0.4, (6, 8)))],
        dt=1e-3, semantics=semantics,
    )  # fmt: skip
    given = nh.Inputs.from_dense({"in": rng.random((2, 40, 8)) < 0.2})
    found = explain(net, quantise(net, nh.load_chip("xylo2")), given, semantics=semantics)
    notes = {r.name: r.note for r in found.rungs}
    assert notes["reset"] == notes["comparison"] == notes["integrator"] == "same"
    assert found.spikes == nh.reference(net, given, steps=41).spikes["hidden"].count > 20
