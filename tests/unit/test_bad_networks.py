"""The Python interface with wrong types, shapes and values: one line, never numpy's exceptions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from neurohw.chip import load_chip
from neurohw.emulate import emulate
from neurohw.errors import CapacityError, InputError, NetworkError, NeurohwError, UnknownName
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.network import (
    LI,
    LIF,
    CurrentInput,
    Inputs,
    Network,
    Population,
    Projection,
    SpikeInput,
)
from neurohw.network.events import Spikes
from neurohw.quantise import quantise

NAN, HUGE = float("nan"), 10**400
DENSE, SPARSE = Projection.dense, Projection.sparse
ONES = np.ones((2, 3))
RASTER = np.zeros((2, 5, 3))


def refused(make: Callable[[], object], said: str, kind: type[NeurohwError] = NetworkError) -> None:
    with pytest.raises(kind) as caught:
        make()
    assert str(caught.value).isprintable()
    assert said in str(caught.value)


def network(**changes: Any) -> Network:
    fields: dict[str, Any] = {
        "populations": {"in": SpikeInput(3), "a": LIF(2, tau=1e-2)},
        "projections": (DENSE("in", "a", ONES),),
        "dt": 1e-3,
    }
    return Network(**fields | changes)


@pytest.mark.parametrize("n", [0, -1, 2.0, "3", None, True, NAN, [1], 2**31, 2**70])
def test_numbers_of_neurons(n: Any) -> None:
    refused(lambda: LIF(n, tau=1e-2), "LIF: n is ")
    assert LIF(np.int64(3), tau=1e-2).n == 3


@pytest.mark.parametrize(
    ("tau", "said"),
    [
        (0, "LIF.tau[0] is 0; it must be greater than 0"),
        ([1, -1], "LIF.tau[1] is -1"),
        (NAN, "LIF.tau[0] is nan; every parameter must be finite"),
        (float("inf"), "is inf"),
        (None, "is nan"),
        ([1, None], "LIF.tau[1] is nan"),
        ("3", "LIF.tau is no array of numbers (it has dtype <U1)"),
        (1j, "complex128"),
        (np.datetime64("2020"), "datetime64"),
        (HUGE, "int too large to convert to float"),
        ({}, "LIF.tau is no array of numbers"),
        ([1, 2, 3], "shape (3,) does not fit 2 neurons; give a number or 2 numbers"),
        ([[1, 2]], "shape (1, 2) does not fit 2 neurons"),
        ([[1], [2, 3]], "rows of equal length"),
    ],
)
def test_parameters(tau: Any, said: str) -> None:
    refused(lambda: LIF(2, tau=tau), said)


def test_parameters_against_each_other() -> None:
    refused(lambda: LIF(2, tau=1, v_threshold=0), "above v_reset")
    refused(lambda: LIF(2, tau=1, t_ref=-1), "LIF.t_ref[0] is -1; it must be 0 or more")


@pytest.mark.parametrize(
    "dt", [0, -1, NAN, float("inf"), "1e-3", None, True, [1e-3], 1e300, 1e-300, HUGE, 1j]
)
def test_time_steps(dt: Any) -> None:
    refused(lambda: network(dt=dt), "give the time step in seconds")
    assert network(dt=np.float32(0.5)).dt == 0.5


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"integrator": "eulr"}, "integrator is 'eulr'; it is 'exact' or 'euler'"),
        ({"integrator": "euler", "dt": 0.1}, "a.tau is 0.01 s, shorter than the time step 0.1 s"),
        ({"populations": {}}, "no population"),
        ({"populations": [LIF(2, tau=1)]}, "populations is a list; give a dictionary"),
        ({"populations": {"a": 3}}, "population 'a' is a int, no model"),
        ({"populations": {"a": LIF}}, "population 'a' is a type, no model"),
        ({"populations": {"a": Population(3)}}, "population 'a' is a Population, no model"),
        ({"populations": {3: LIF(2, tau=1)}}, "population 3: a name is a text"),
        ({"projections": None}, "projections is a NoneType; give a list"),
        ({"projections": DENSE("a", "a", np.eye(2))}, "projections is a Projection; give a list"),
        ({"projections": "ab"}, "projections is a str"),
        ({"projections": [3]}, "3 in projections is no Projection"),
        ({"projections": [DENSE("in", "a", ONES.T)]}, "target index 2 is outside 'a'"),
        ({"projections": [DENSE("a", "in", ONES.T)]}, "ends at the input 'in'"),
    ],
)
def test_networks(changes: dict[str, Any], said: str) -> None:
    refused(lambda: network(**changes), said)


def test_names_of_populations() -> None:
    for make in (
        lambda: network(outputs=("b",)), lambda: network(outputs="b"),
        lambda: network(outputs=(3,)), lambda: network(projections=[DENSE("im", "a", ONES)]),
        lambda: network(projections=[DENSE(["in"], "a", ONES)]),  # type: ignore[arg-type]
        lambda: network(populations={"a\nb\x1b[31m": LIF(2, tau=1)}, projections=(), outputs="x"),
    ):  # fmt: skip
        refused(make, "there are: ", UnknownName)
    assert network(outputs="a").outputs == ("a",)
    silent = {"in": SpikeInput(3), "a": LI(2, tau=1)}
    refused(
        lambda: network(populations=silent, projections=[DENSE("a", "a", np.eye(2))]),
        "starts at 'a', a LI, which never spikes",
    )
    wrong = Projection("in", "a", *(np.array([x]) for x in (-1, 0, 1.0, 0.0)))
    refused(lambda: network(projections=[wrong]), "source index -1 is outside 'in'")


@pytest.mark.parametrize(
    ("weight", "said"),
    [
        (None, "weight has shape ()"),
        ([1, 2], "weight has shape (2,); give a matrix (n_target, n_source)"),
        (np.ones((2, 3, 4)), "weight has shape (2, 3, 4)"),
        (np.full((2, 3), NAN), "weight of synapse 0 (0 -> 0) is nan"),
        (np.full((2, 3), np.inf), "weight of synapse 0 (0 -> 0) is inf"),
        ([[1, 2], [3]], "weight is no array of numbers"),
        ("a", "weight is no array of numbers"),
        ([["1"]], "weight is no array of numbers"),
        ([[1j]], "weight is no array of numbers"),
        ([[HUGE]], "int too large"),
        ([[object()]], "weight is no array of numbers"),
    ],
)
def test_matrices(weight: Any, said: str) -> None:
    refused(lambda: DENSE("in", "a", weight), said)


@pytest.mark.parametrize(
    ("delay", "said"),
    [
        (-1, "a delay is -1 s; delays are 0 or more"),
        (NAN, "delay of synapse 0 (0 -> 0) is nan"),
        ("a", "delay is no array of numbers"),
        (1j, "delay is no array of numbers"),
        ([1, 2], "delay has shape (2,), weight has (2, 3)"),
    ],
)
def test_delays(delay: Any, said: str) -> None:
    refused(lambda: DENSE("in", "a", ONES, delay), said)


@pytest.mark.parametrize(
    ("pre", "post", "weight", "said"),
    [
        ([0], [0, 1], 1, "1 pre indices but 2 post indices"),
        ([-1], [0], 1, "pre has -1; give integers in 0..2147483647"),
        ([2**31], [0], 1, "pre has 2147483648"),
        ([0], [2**63], 1, "post has 9223372036854775808"),
        ([2**70], [0], 1, "pre holds object values"),
        ([0.5], [0], 1, "pre holds float64 values"),
        ([True], [0], 1, "pre holds bool values"),
        (None, [0], 1, "pre holds object values"),
        ([[0]], [[0]], 1, "pre has shape (1, 1); give one list"),
        ([[0], [1, 2]], [0], 1, "pre has rows of unequal lengths"),
        ([0], [0], [1, 2], "weight has shape (2,) for 1 synapses"),
        ([0], [0], "a", "weight is no array of numbers"),
        ([0], [0], NAN, "weight of synapse 0 (0 -> 0) is nan"),
    ],
)
def test_lists_of_synapses(pre: Any, post: Any, weight: Any, said: str) -> None:
    refused(lambda: SPARSE("in", "a", pre, post, weight), said)


@pytest.mark.parametrize("value", [0, -1, 2.5, "5", None, True, NAN, [3], 2**31, 2**40])
def test_steps_and_trials(value: Any) -> None:
    refused(lambda: Inputs(value), "steps is", InputError)
    refused(lambda: Inputs(1, value), "trials is", InputError)


@pytest.mark.parametrize(
    ("raster", "said"),
    [
        (None, "shape ()"),
        ([], "shape (0,); give (steps, n) or (trials, steps, n)"),
        ([[1, 2], [3]], "rows of unequal lengths"),
        ([["a"]], "holds no numbers of spikes"),
        ([[None]], "holds no numbers of spikes"),
        ([[1j]], "holds no numbers of spikes"),
        ([[2**70]], "holds no numbers of spikes"),
        ([[-1]], "-1 is no number of spikes"),
        ([[2**40]], "1099511627776 is no number of spikes"),
        ([[1e300]], "1e+300 is no number of spikes"),
        ([[0.5]], "0.5 is not a number of spikes"),
        (np.zeros((0, 3)), "steps is 0"),
    ],
)
def test_rasters(raster: Any, said: str) -> None:
    refused(lambda: Inputs.from_dense({"in": raster}), said, InputError)


@pytest.mark.parametrize("current", ["a", [["1"]], [[1, 2], [3]], [[1j]], [[HUGE]], [[NAN]]])
def test_currents(current: Any) -> None:
    refused(lambda: Inputs.from_dense(currents={"in": current}), "input 'in'", InputError)


@pytest.mark.parametrize(
    "labels",
    [
        [1], [1, 2, 3], [[1, 2]], 3, "ab", ["1", "2"], [0.5, 1], [NAN, 1], [None, 1], [-1, 0],
        [True, False], [2**70, 1],
    ],
)  # fmt: skip
def test_labels(labels: Any) -> None:
    refused(lambda: Inputs.from_dense({"in": RASTER}, labels=labels), "labels h", InputError)
    assert Inputs.from_dense({"in": RASTER}, labels=[1, 2]).labels is not None


def test_inputs_of_other_kinds() -> None:
    for make, said in (
        (Inputs.from_dense, "no input given"),
        (lambda: Inputs.from_dense([RASTER]), "spikes is a list; give a dictionary"),  # type: ignore[arg-type]
        (lambda: Inputs(5, 2, {"in": RASTER}), "give Spikes, or arrays to Inputs.from_dense"),  # type: ignore[dict-item]
        (lambda: Inputs(5, 2, None), "spikes is a NoneType"),  # type: ignore[arg-type]
        (lambda: Inputs(5, 2, {}, {"in": RASTER + 1j}), "is no array of numbers"),  # type: ignore[dict-item]
        (lambda: Inputs.from_dense({"a": RASTER, "b": RASTER[:1]}), "differ in trials or steps"),
        (lambda: Inputs.from_dense({"in": RASTER}).first(0), "trials is 0"),
        (lambda: Inputs.from_dense({"in": RASTER}).first("a"), "trials is 'a'"),  # type: ignore[arg-type]
        (lambda: Spikes.of(3, [0], [0, 1], [0]), "have shapes"),
        (lambda: Spikes.of(3, [0.5], [0], [0]), "trial holds float64 values"),
        (lambda: Spikes.of(3, [2**40], [0], [0]), "trial has 1099511627776"),
        (lambda: Spikes.of(3, [0], [0], [0], [1, 2]), "value has shape (2,)"),
    ):  # fmt: skip
        refused(make, said, InputError)  # type: ignore[arg-type]


def test_quantise_says_what_it_takes() -> None:
    chip = load_chip("prototype")
    refused(lambda: quantise(None, chip), "network is a NoneType")
    refused(lambda: quantise(network(), "prototype"), "chip is a str; give what load_chip")
    refused(lambda: quantise(network(), chip, on_limit="clp"), "it is 'error' or 'clip'")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"populations": {"a": LIF(10**6, tau=1)}, "projections": ()}, "995,904 too many"),
        (
            {
                "populations": {"in": SpikeInput(2000), "a": LIF(2000, tau=1)},
                "projections": [DENSE("in", "a", np.ones((2000, 2000)))],
            },
            "4,000,000 synapses, prototype has room for 1,048,576",
        ),
        ({"projections": [DENSE("in", "a", ONES, 1e300)]}, "1e+303 ticks; prototype holds 0..15"),
        (
            {"populations": {"in": SpikeInput(3), "a": LIF(2, tau=1e-2, t_ref=1e300)}},
            "refractory would be 1e+303; u4 holds 0..15. Change t_ref",
        ),
    ],
)
def test_what_is_too_much_for_a_chip(changes: dict[str, Any], said: str) -> None:
    chip = load_chip("prototype")
    refused(lambda: quantise(network(**changes), chip), said, CapacityError)


@pytest.fixture(scope="module")
def fixed() -> FixedPointNetwork:
    return quantise(network(), load_chip("prototype"))


def test_runs(fixed: FixedPointNetwork) -> None:
    inputs = Inputs.from_dense({"in": np.ones((5, 3), int)})
    twice = Inputs(3, 1, {"in": Spikes.of(3, [0, 0], [0, 0], [1, 1])})
    cases: list[tuple[dict[str, Any], str]] = [
        ({"inputs": None}, "neither inputs nor steps given"),
        ({"inputs": [1]}, "inputs is a list; give Inputs"),
        ({"inputs": twice}, "the spike of channel 1 at step 0 of trial 0 twice"),
        (
            {"inputs": Inputs.from_dense({"in": np.full((5, 3), 2)})},
            "spikes of prototype are binary",
        ),
        (
            {"inputs": Inputs.from_dense({"in": np.ones((5, 4))})},
            "has 3 channels; the spikes have 4",
        ),
        ({"inputs": Inputs.from_dense({"im": np.ones((5, 3))})}, "input population 'im'"),
        ({"inputs": Inputs.from_dense(currents={"in": ONES})}, "takes spikes; currents were given"),
        *(({"steps": s}, "steps is ") for s in (0, -1, 2.5, "5", True, 2**31, 2**40, 2**70, NAN)),
        *(({"stride": s}, "stride is ") for s in (0, -1, 2.5, "5", True, 2**70)),
        *(({"seed": s}, "seed is ") for s in (-1, 2**32, 2.5, "5", None, NAN)),
        ({"on_overflow": "rais"}, "it is 'count' or 'raise'"),
        ({"record": ["a"]}, "record is ['a']; give a dictionary"),
        ({"record": {"a": None}}, "record['a'] is None"),
        ({"record": {"b": ["v"]}}, "unknown population 'b'"),
        ({"record": {"a": ["w"]}}, "unknown register of lif ('a') 'w'"),
        ({"neurons": {"a": [0]}}, "no register of it is recorded"),
        *(
            ({"record": {"a": ["v"]}, "neurons": {"a": n}}, "neurons of 'a' h")
            for n in ([2], [-1], [0.5], [True], "a", None, [NAN], 2**70, [[0], [1, 1]])
        ),
        ({"injected": {"b": 1}}, "unknown population 'b'"),
        ({"injected": {"a": np.ones((5, 2))}}, "injected['a'] holds float64 values"),
        ({"injected": {"a": np.ones((5, 3), int)}}, "has shape (1, 5, 3); give integers"),
        ({"injected": {"a": np.full((5, 2), 2**62)}}, "injected['a'] has 4611686018427387904"),
        ({"injected": {"a": np.full((5, 2), 2**63, np.uint64)}}, "has 9223372036854775808"),
    ]
    for options, said in cases:
        refused(lambda options=options: emulate(fixed, **{"inputs": inputs} | options), said,
                NeurohwError)  # type: ignore[misc]  # fmt: skip
    refused(lambda: emulate(network(), inputs), "quantise it for a chip first", InputError)  # type: ignore[arg-type]


def test_currents_that_are_too_large() -> None:
    populations = {"in": CurrentInput(3), "a": LIF(2, tau=1e-2)}
    fixed = quantise(network(populations=populations), load_chip("prototype"))
    for values in ([1e300] * 3, [1e308] * 3, [1e308, -1e308, 1e308]):
        inputs = Inputs.from_dense(currents={"in": [values] * 5})
        refused(lambda inputs=inputs: emulate(fixed, inputs), "make it smaller", InputError)  # type: ignore[misc]


def test_codes_and_synapses_by_hand(fixed: FixedPointNetwork) -> None:
    neuron = fixed.populations["a"].neuron
    codes = dict.fromkeys(neuron.tick.parameters, 0)
    of = FixedPopulation.of
    for given, said in (
        ({"vth": 10**6}, "a.vth[0] is 1000000; u17 holds 0..131071: choose a code inside"),
        ({"vth": np.uint64(2**64 - 1)}, "a.vth has 18446744073709551615"),
        ({"vth": 1.0}, "a.vth holds float64 values"),
        ({"vth": None}, "a.vth holds object values"),
        ({"vth": [1, 2, 3]}, "a.vth has shape (3,) for 2 neurons"),
        ({"vth": [[1], [1, 2]]}, "a.vth has rows of unequal lengths"),
        ({"vht": 1}, "did you mean 'vth'"),
    ):
        refused(lambda given=given: of("a", 2, neuron, {**codes, **given}), said, NeurohwError)  # type: ignore[misc]
    refused(lambda: of("a", 2, neuron, {}), "no code for parameter")
    refused(lambda: of("a", 0, neuron, codes), "n is 0", InputError)
    make = FixedProjection.of
    for columns, said in (
        (([0], [0, 1], [1]), "post has shape (2,), pre (1,)"),
        (([0], [0], [1.7]), "weight holds float64 values"),
        (([0], [0], [2**40]), "weight has 1099511627776"),
        ((None, [0], [1]), "pre holds object values"),
    ):
        refused(lambda columns=columns: make("in", "a", *columns), said)  # type: ignore[misc]
    population = of("a", 2, neuron, codes)

    def whole(projection: FixedProjection) -> FixedPointNetwork:
        return FixedPointNetwork(fixed.chip, 1e-3, {"in": 1}, {"a": population}, (projection,))

    for projection, said in (
        (make("in", "a", [-1], [0], [1]), "pre index outside 0..0"),
        (make("in", "a", [0], [9], [1]), "post index outside 0..1"),
        (make("in", "a", [0], [0], [999]), "weights 999..999 are in no weight mode"),
        (make("in", "a", [0], [0], [1], 99), "a delay of 99 ticks; prototype holds 0..15"),
        (make("in", "a", [0], [0], [1], exponent=99), "exponent 99 is outside 0..8"),
        (make("im", "a", [0], [0], [1]), "'im': there are: in, a"),
    ):
        refused(lambda projection=projection: whole(projection), said, NeurohwError)  # type: ignore[misc]
