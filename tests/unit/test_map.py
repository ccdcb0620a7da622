"""Mapping to chips: what just fits and what does not, networks of every shape, several chips."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import neurohw as nh
from neurohw.errors import CapacityError, InputError, UnknownName
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.mapping.contest import compete, methods, objective_of
from neurohw.mapping.map import mesh_of
from neurohw.mapping.spent import cost_of
from neurohw.mapping.summary import summarise, used
from neurohw.mapping.usage import DoesNotFit, core_limits
from neurohw.testing.equality import assert_same

CHIPS = ["loihi1", "loihi2", "spinnaker1", "xylo1", "xylo2", "odin", "tinyodin", "reckon", "truenorth",
         "ranc", "prototype"]  # fmt: skip
of = FixedProjection.of


def population(chip: Any, name: str, n: int, kind: str = "", **given: Any) -> FixedPopulation:
    kinds = [k for k, v in chip.neurons.items() if not v.relay]
    neuron = chip.neurons[kind or kinds[0]]
    codes = {k: given.get(k, np.clip(1, f.low, f.high)) for k, f in neuron.tick.parameters.items()}
    return FixedPopulation.of(name, n, neuron, codes)


def network(chip: Any, inputs: int, populations: Any, projections: Any = (), **more: Any) -> Any:
    return FixedPointNetwork(
        chip, 1e-3, {"in": inputs} if inputs else {}, {p.name: p for p in populations},
        tuple(projections), **more,
    )  # fmt: skip


def columns(net: FixedPointNetwork) -> list[Any]:
    return [
        sorted(zip(*(c.tolist() for c in (p.pre, p.post, p.weight, p.delay)), strict=True))
        for p in net.projections
    ]


def maps(net: FixedPointNetwork, **how: Any) -> Any:
    image = nh.map_network(net, **how)
    assert columns(image.delivered) == columns(net)
    assert image.losses.source.size == 0
    return image


def refused(
    net: FixedPointNetwork, resource: str, has: int, limit: int, by: str = "", **how: Any
) -> None:
    """DoesNotFit that says in one line and in a table what is exceeded, by how much and by whom."""
    with pytest.raises(DoesNotFit) as caught:
        nh.map_network(net, **how)
    error = caught.value
    assert str(error).isprintable() and net.chip.name in str(error)
    found = {e.resource: e for e in error.excesses}
    assert (found[resource].used, found[resource].limit) == (has, limit)
    assert by in found[resource].responsible
    lines = error.table.splitlines()
    assert max(map(len, lines)) <= 100
    name = resource.replace("_", " ")
    assert any(
        line.startswith(name) and f"{has:,}" in line and f"{limit:,}" in line for line in lines
    )
    assert all(e.advice in error.table for e in error.excesses)
    worst = max(error.excesses, key=lambda e: e.used / e.limit)
    assert worst.advice in str(error) and f"{worst.used:,} of {worst.limit:,}" in str(error)


def small(chip: str = "prototype", **limits: int) -> Any:
    return nh.load_chip(chip, {f"limits.{k}.value": v for k, v in limits.items()})


# Limits: what just fits, and one more.


def test_neurons_that_may_not_share_a_core() -> None:
    """Every kind of neuron has cores of its own on Loihi 2, so three kinds need three."""
    chip = small("loihi2", cores=2)
    kinds = list(chip.neurons)[:3]
    pops = [population(chip, k, 2, k) for k in kinds]
    assert maps(network(chip, 0, pops[:2])).cores == 2
    refused(network(chip, 0, pops), "cores", 3, 2)


def test_parameters_that_a_core_has_once() -> None:
    chip = small("loihi1", cores=2)
    pops = [population(chip, f"p{k}", 3, "lif", vmin_exp=k) for k in range(3)]
    image = maps(network(chip, 0, pops[:2]))
    assert {int(c) for c in image.core[:3]} != {int(c) for c in image.core[3:]}
    refused(network(chip, 0, pops), "cores", 3, 2)


@pytest.mark.parametrize(
    ("resource", "parameter", "most"),
    [("sets of compartments", "decay_u", 32), ("sets of thresholds", "vth", 16)],
)
def test_parameters_that_a_core_has_few_of(resource: str, parameter: str, most: int) -> None:
    chip = small("loihi1", cores=1)

    def kinds(n: int) -> Any:
        return network(
            chip, 0, [population(chip, "a", n, "lif", **{parameter: np.arange(1, n + 1)})]
        )

    assert maps(kinds(most)).cores == 1
    refused(kinds(most + 1), resource, most + 1, most, "'a'")
    # With another core there is room.
    more = small("loihi1", cores=2)
    net = kinds(most + 1)
    pops = [FixedPopulation.of("a", most + 1, more.neurons["lif"], net.populations["a"].parameters)]
    image = maps(network(more, 0, pops))
    assert image.cores == 2 and used(image, 2)[resource].sum() >= most + 1


@pytest.mark.parametrize("excess", [0, 1])
def test_input_axons(excess: int) -> None:
    chip, n = small(input_axons=5), 5 + excess
    net = network(chip, n, [population(chip, "a", 1)], [of("in", "a", range(n), [0] * n, 1)])
    if excess:
        refused(net, "input_axons", 6, 5, "'a'")
    else:
        assert used(maps(net), 16)["input_axons"].max() == 5


@pytest.mark.parametrize("excess", [0, 1])
def test_output_axons(excess: int) -> None:
    """A neuron with targets on four cores, each of one neuron."""
    chip = small(output_axons=4 - excess, neurons_per_core=1)
    net = network(
        chip,
        0,
        [population(chip, "a", 1), population(chip, "b", 4)],
        [of("a", "b", [0] * 4, range(4), 1)],
    )
    if excess:
        refused(net, "output_axons", 4, 3, "'a'")
    else:
        assert used(maps(net), 16)["output_axons"].max() == 4


@pytest.mark.parametrize("excess", [0, 1])
def test_synapse_bits(excess: int) -> None:
    """A row of the prototype: 16 bits before a group, weight, delay and index, to a word of 32."""
    chip = small(synapse_bits=7 * 64 - excess)
    net = network(chip, 7, [population(chip, "a", 1)], [of("in", "a", range(7), [0] * 7, 100, 3)])
    bits = int(used(maps(network(small(), 7, [population(small(), "a", 1)], net.projections)), 16)[
        "synapse_bits"].max())  # fmt: skip
    tight = small(synapse_bits=bits - excess)
    net = network(tight, 7, [population(tight, "a", 1)], net.projections)
    if excess:
        refused(net, "synapse_bits", bits, bits - 1, "'a'")
    else:
        maps(net)


@pytest.mark.parametrize("excess", [0, 1])
def test_synapse_formats(excess: int) -> None:
    chip, many = small("loihi1", synapse_formats=3), 3 + excess
    made = [of("in", "a", [0], [0], 8, 0, k, f"q{k}") for k in range(many)]
    net = network(chip, 1, [population(chip, "a", 1)], made)
    if excess:
        refused(net, "synapse_formats", 4, 3, "'a'")
    else:
        maps(net)


@pytest.mark.parametrize("name", ["truenorth", "ranc"])
def test_axons_and_copies_of_a_crossbar(name: str) -> None:
    """An axon for each digit of a source's weights; a neuron is there once for each axon it drives."""
    chip = nh.load_chip(name)
    for weight, axons in ((1, 1), (7, 3), (-8, 1), (-1, 4)):
        sources = of("in", "a", range(64), [0] * 64, weight)
        full = network(chip, 64, [population(chip, "a", 1)], [sources])
        assert used(maps(full), chip.cores.count)["input_axons"].max() == 64 * axons
    # A delay of its own makes further axons of the same sources.
    two = [
        of("in", "a", range(32), [0] * 32, 1, 0, 0, "x"),
        of("in", "a", range(32), [0] * 32, 1, 1, 0, "y"),
    ]
    maps(network(chip, 32, [population(chip, "a", 1)], two))
    # A weight of 14 units is two sets of types.
    heavy = [
        of("in", "a", range(30), [0] * 30, 1, 0, 0, "x"),
        of("in", "b", range(30), [0] * 30, 7, 0, 1, "z"),
    ]
    heavy.append(of("in", "b", range(30), [0] * 30, -1, 1, 0, "y"))
    with pytest.raises(DoesNotFit, match="input axons"):
        nh.map_network(
            network(chip, 30, [population(chip, "a", 1), population(chip, "b", 1)], heavy)
        )


def test_a_router_has_so_many_entries() -> None:
    rng = np.random.default_rng(0)
    pre, post = np.nonzero(rng.random((60, 60)) < 0.3)
    chip = small("spinnaker1", neurons_per_core=1)
    net = network(chip, 0, [population(chip, "a", 60)], [of("a", "a", pre, post, 1)])
    most = int(np.diff(maps(net).arrays["router.start"]).max())
    exact, tight = (
        small("spinnaker1", neurons_per_core=1, table_entries=n) for n in (most, max(most // 4, 1))
    )
    maps(network(exact, 0, [population(exact, "a", 60)], net.projections))
    with pytest.raises(CapacityError, match="rout|table") as caught:
        nh.map_network(network(tight, 0, [population(tight, "a", 60)], net.projections))
    assert str(caught.value).isprintable()


def test_weights_that_a_crossbar_cannot_hold() -> None:
    odin = nh.load_chip("odin")
    net = network(odin, 1, [population(odin, "a", 2)], [of("in", "a", [0, 0], [0, 1], [1, -1])])
    with pytest.raises(CapacityError, match=r"in\[0\] has weights of both signs"):
        nh.map_network(net)
    for name in ("odin", "tinyodin", "reckon"):
        chip = nh.load_chip(name)
        twice = [of("in", "a", [0], [1], 1, name=k) for k in ("x", "y")]
        with pytest.raises(CapacityError, match=r"a\[1\] has two synapses from in\[0\]"):
            nh.map_network(network(chip, 1, [population(chip, "a", 2)], twice))


def test_cores_are_as_many_as_there_are() -> None:
    chip = nh.load_chip("prototype")
    net = network(chip, 0, [population(chip, "a", 40)])
    for wrong in (0, 17, "all", 2.5, True):
        with pytest.raises(InputError, match="cores is"):
            nh.map_network(net, cores=wrong)  # type: ignore[arg-type]
    assert maps(net, cores=16).cores == 16
    assert maps(net).cores == 1
    with pytest.raises(UnknownName, match="chunks"):
        nh.map_network(net, cores=2, method="by hand")
    with pytest.raises(UnknownName, match="placement"):
        nh.map_network(net, cores=2, placement="by hand")
    with pytest.raises(InputError, match="seed"):
        nh.map_network(net, seed=-1)
    with pytest.raises(InputError, match="quantise"):
        nh.map_network(chip)  # type: ignore[arg-type]
    for wrong_activity in ({"a": -1.0}, {"a": [1.0, 2.0]}, 3):
        with pytest.raises(InputError, match="activity"):
            nh.map_network(net, activity=wrong_activity)  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="activity"):
        nh.map_network(net, activity={"nobody": 1.0})


# Networks of every shape.


@pytest.mark.parametrize("name", CHIPS)
def test_networks_that_are_hardly_there(name: str) -> None:
    chip = nh.load_chip(name)
    one, four = population(chip, "a", 1), population(chip, "a", 4)
    for net in (
        network(chip, 3, [four]),
        network(chip, 0, [four], [of("a", "a", [0, 1], [1, 2], 1)]),
        network(chip, 0, [one]),
        network(chip, 0, [one], [of("a", "a", [0], [0], 1)]),
        network(chip, 3, [four], [of("in", "a", [], [], [])]),
        network(
            chip, 3, [four, population(chip, "deaf", 2)], [of("in", "a", [0, 2], [1, 1], [0, 1])]
        ),
    ):
        image = maps(net)
        assert image.cores >= 1
        assert {k: v.sum() for k, v in used(image, mesh_of(chip.cores).cores).items()}[
            "neurons"
        ] >= 1


def test_several_projections_between_the_same_populations() -> None:
    """Exponents, delays and inputs keep them apart, and where nothing does their order."""
    chip = nh.load_chip("loihi1")
    pops = [population(chip, "a", 6)]
    made = [
        of("a", "a", [0, 0, 1], [1, 2, 0], [8, 16, -8], 0, 0, "plain"),
        of("a", "a", [0, 0, 1], [1, 2, 0], [16, 24, 8], 0, 0, "again"),
        of("a", "a", [0, 0, 1], [1, 2, 0], [8, 16, -8], 5, 2, "late"),
        of("a", "a", [0, 0], [1, 1], [8, 8], [1, 2], 0, "twice"),
    ]
    net = network(chip, 0, pops, made)
    for cores in (None, 3):
        maps(net, cores=cores)
    chip = nh.load_chip("spinnaker1")
    ports = chip.neurons["lif"].ports
    assert len(ports) > 1
    made = [
        of("a", "a", [0, 1], [1, 1], [3, 4], k, 0, f"q{k}", port) for k, port in enumerate(ports)
    ]
    image = maps(network(chip, 0, [population(chip, "a", 4, "lif")], made), cores=2)
    assert [p.port for p in image.delivered.projections] == list(ports)


def test_by_rule_currents_and_aliases() -> None:
    """What has no list of synapses, or needs none, runs as the network does."""
    chip = nh.load_chip("loihi2")
    float_net = nh.Network(
        {"in": nh.SpikeInput(8), "x": nh.CurrentInput(2), "a": nh.CubaLIF(20, tau_syn=5e-3, tau_mem=2e-2,
                                                                          v_threshold=1.0)},
        [nh.Projection.by_rule("in", "a", nh.FixedInDegree(3), nh.Normal(0.6, 0.2), seed=1),
         nh.Projection.by_rule("a", "a", nh.Probability(0.1), nh.Normal(0.2, 0.3), seed=2),
         nh.Projection.dense("x", "a", np.full((20, 2), 0.1))], 1e-3,
    )  # fmt: skip
    fixed = nh.quantise(float_net, chip)
    rng = np.random.default_rng(0)
    inputs = nh.Inputs(
        30, 1, nh.Inputs.from_dense({"in": rng.random((1, 30, 8)) < 0.3}).spikes,
        {"x": rng.random((1, 30, 2))},
    )  # fmt: skip
    image = maps(fixed, cores=4)
    assert_same(nh.emulate(fixed, inputs), nh.emulate(image, inputs))
    chip = nh.load_chip("xylo2")
    hidden = population(chip, "a", 4)
    aliased = FixedPopulation.of("a", 4, hidden.neuron, hidden.parameters, alias=[1, -1, -1, 0])
    image = maps(network(chip, 2, [aliased], [of("in", "a", [0, 1], [0, 3], 60)]))
    assert image.delivered.populations["a"].alias is not None


def test_a_memory_without_projections_stays() -> None:
    chip = nh.load_chip("tinyodin")
    memory = np.zeros((256, 256), np.int64)
    memory[4, :4] = 7
    net = network(chip, 1, [population(chip, "a", 4)], synapse_memory=memory)
    inputs = nh.Inputs.from_dense({"in": np.ones((1, 5, 1), np.uint8)})
    image = maps(net)
    assert_same(nh.emulate(net, inputs), nh.emulate(image, inputs))


# Several chips.


def test_two_chips_hold_what_one_does_not() -> None:
    chip = small(neurons_per_core=2)
    pops = [population(chip, "a", 40)]
    ring = [of("a", "a", range(40), np.roll(np.arange(40), 1), 5, 1)]
    with pytest.raises(CapacityError, match="chips=2"):
        network(chip, 0, pops, ring)
    net = network(chip, 0, pops, ring, chips=2)
    image = maps(net)
    assert 20 <= image.cores <= 32 and image.core.max() < 32
    assert used(image, 32)["neurons"].max() <= 2
    summary = summarise(image)
    assert summary.packets.shape == (32, 32) and summary.remote >= 19
    assert core_limits(chip)["neurons"] == 2


# Ways side by side.


def test_the_contest() -> None:
    chip = nh.load_chip("prototype")
    rng = np.random.default_rng(1)
    pre, post = np.nonzero(rng.random((30, 30)) < 0.1)
    net = network(
        chip,
        2,
        [population(chip, "a", 30)],
        [of("a", "a", pre, post, 9), of("in", "a", [0, 1], [0, 1], 99)],
    )
    recording = nh.emulate(net, nh.Inputs.from_dense({"in": np.ones((1, 20, 2), np.uint8)}))
    entries = compete(net, activity=recording, objective={"traffic": 1, "makespan": 1}, cores=4)
    assert {e.method for e in entries} == set(methods())
    assert [e.value for e in entries] == sorted(e.value for e in entries)
    assert next(e for e in entries if e.method == "chunks").value == pytest.approx(2.0)
    for e in entries:
        assert e.summary is not None
        assert columns(e.summary.image.delivered) == columns(net)
        assert cost_of(e.summary.image, recording).energy > 0  # type: ignore[operator]
    for wrong in ("speed", {"traffic": -1.0}, {"traffic": 0.0}, {"traffic": float("nan")}):
        with pytest.raises(InputError, match="objective"):
            objective_of(wrong)
    with pytest.raises(InputError, match="needs the spikes of a run"):
        compete(net, objective="makespan")
    tight = small(input_axons=1)
    none = compete(
        network(tight, 2, [population(tight, "a", 1)], [of("in", "a", [0, 1], [0, 0], 1)])
    )
    assert all(e.summary is None and "input axons" in e.why_not for e in none)


@pytest.mark.parametrize("name", ["spinnaker1", "truenorth"])
def test_tables_lead_from_chip_to_chip(name: str) -> None:
    """Several machines side by side are one wide mesh to routers and offsets."""
    chip = nh.load_chip(name)
    rng = np.random.default_rng(1)
    pre, post = np.nonzero(rng.random((300, 300)) < 0.01)
    net = network(chip, 0, [population(chip, "a", 300)], [of("a", "a", pre, post, 1)], chips=3)
    image = maps(net, cores=200 if name == "spinnaker1" else 30, placement="identity")
    mesh = mesh_of(chip.cores, 3)
    x, _ = mesh.place(image.core)
    assert x.max() < 3 * chip.cores.width
    if name == "spinnaker1":
        assert image.core.max() >= chip.cores.count
        return
    a = image.arrays
    home = np.repeat(np.arange(a["neuron.first"].size - 1), np.diff(a["neuron.first"]))
    sends = np.flatnonzero(a["neuron.axon"] >= 0)
    x, y = mesh.place(home[sends])
    to = x + a["neuron.dx"][sends] + mesh.width * (y + a["neuron.dy"][sends])
    assert set(to.tolist()) <= set(image.core.tolist())
