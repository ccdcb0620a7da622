"""Physical parameters to codes: the formulas, the scale, the record, and the limits."""

import numpy as np
import pytest

import neurohw as nh
from neurohw.errors import CapacityError
from neurohw.quantise.headroom import Phase, worst_case
from neurohw.quantise.weights import round_weights


def one(population, weight=1.0, delay=0.0, dt=1e-3, integrator="exact", n_in=4):
    matrix = weight * np.linspace(-1, 1, population.n * n_in).reshape(population.n, n_in)
    return nh.Network(
        {"in": nh.SpikeInput(n_in), "x": population},
        [nh.Projection.dense("in", "x", matrix, delay)],
        dt=dt,
        integrator=integrator,
    )


def entries(fixed):
    return {(e.population, e.parameter): e for e in fixed.record.parameters}


def test_decays_follow_the_integrator(loihi2):
    population = nh.CubaLIF(3, tau_syn=5e-3, tau_mem=20e-3)
    exact = nh.quantise(one(population), loihi2).populations["x"].parameters
    euler = nh.quantise(one(population, integrator="euler"), loihi2).populations["x"].parameters
    assert exact["du"][0] == round(4096 * (1 - np.exp(-1 / 5))) - 1
    assert exact["dv"][0] == round(4096 * (1 - np.exp(-1 / 20)))
    assert euler["du"][0] == round(4096 / 5) - 1
    assert euler["dv"][0] == round(4096 / 20)


def test_realised_values_are_near_the_wanted_ones(loihi2):
    fixed = nh.quantise(one(nh.CubaLIF(3, tau_syn=5e-3, tau_mem=20e-3, bias=0.3)), loihi2)
    for key, tolerance in (
        ("tau_syn", 1e-3),
        ("tau_mem", 4e-3),
        ("v_threshold", 2e-3),
        ("bias", 2e-2),
    ):
        assert entries(fixed)["x", key].worst < tolerance, key
        assert entries(fixed)["x", key].worst > 0, key


def test_the_network_is_not_changed(loihi2):
    network = one(nh.LIF(3, tau=0.01))
    before = network.projections[0].weight.copy()
    nh.quantise(network, loihi2)
    assert np.array_equal(network.projections[0].weight, before)
    with pytest.raises(ValueError, match="read-only"):
        network.projections[0].weight[0] = 0


def test_nothing_overflows_in_the_worst_case(loihi2):
    """Every source spiking at every step, all with the sign that hurts."""
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(20, 30))
    for sign in (1, -1):
        network = nh.Network(
            {"in": nh.SpikeInput(30), "x": nh.CubaLIF(20, tau_syn=5e-3, tau_mem=20e-3)},
            [nh.Projection.dense("in", "x", sign * np.abs(weight))],
            dt=1e-3,
        )
        fixed = nh.quantise(network, loihi2)
        inputs = nh.Inputs.from_dense({"in": np.ones((400, 30))})
        run = nh.emulate(fixed, inputs, record={"x": ["u", "v"]})
        assert not run.overflows
        margin = {h.register: h for h in fixed.record.headroom}
        reached = max(
            abs(int(run.trace("x", "v").values.min())), int(run.trace("x", "v").values.max())
        )
        assert margin["v"].margin >= 0
        assert reached <= margin["v"].reach
        if sign < 0:
            assert reached > 0.9 * margin["v"].reach  # the bound is tight, not just safe


def test_headroom_knows_what_has_no_bound(loihi2):
    fixed = nh.quantise(one(nh.IF(3)), loihi2)
    margin = {h.register: h.margin for h in fixed.record.headroom}
    assert margin["v"] == float("-inf")
    assert margin["u"] > 0


def test_headroom_equals_a_closed_form(loihi2):
    neuron = loihi2.neurons["lif"]
    codes = {"du": 819, "dv": 205, "vth": 1000, "bias_mant": 50, "bias_exp": 1}
    arrays = {k: np.array([v]) for k, v in codes.items()}
    initial = {"u": np.zeros(1, np.int64), "v": np.zeros(1, np.int64)}
    reach = worst_case([Phase(neuron.tick, {"syn": (-300, 500)})], arrays, initial)
    u = 500 * 64 / (820 / 4096)
    v = (u + 100) / (205 / 4096)
    assert reach["u"][1] == pytest.approx(u, rel=0.01)
    assert reach["v"][1] == pytest.approx(v, rel=0.02)
    assert reach["u"][1] >= u - 5
    assert reach["v"][1] >= v - 100


@pytest.mark.parametrize("weight", [1e-3, 1.0, 1e3])
def test_weights_use_their_bits_at_any_size(loihi2, weight):
    fixed = nh.quantise(one(nh.LIF(5, tau=0.01, v_threshold=3 * weight), weight), loihi2)
    projection = fixed.projections[0]
    assert np.abs(projection.weight).max() >= 128
    assert fixed.record.weights[0].rms_error < 0.01


def test_all_excitatory_weights_get_the_finer_mode(loihi2):
    network = nh.Network(
        {"in": nh.SpikeInput(50), "x": nh.LIF(4, tau=0.01, v_threshold=5)},
        [nh.Projection.dense("in", "x", np.random.default_rng(0).random((4, 50)))],
        dt=1e-3,
    )
    projection = nh.quantise(network, loihi2).projections[0]
    assert projection.mode == "excitatory"
    assert projection.weight.max() == 255


def test_projections_of_different_size_get_their_own_exponents(loihi2):
    rng = np.random.default_rng(1)
    network = nh.Network(
        {"a": nh.SpikeInput(9), "b": nh.SpikeInput(9), "x": nh.LIF(5, tau=0.01)},
        [
            nh.Projection.dense("a", "x", rng.normal(size=(5, 9))),
            nh.Projection.dense("b", "x", rng.normal(size=(5, 9)) / 16),
        ],
        dt=1e-3,
    )
    first, second = nh.quantise(network, loihi2).projections
    assert 3 <= first.exponent - second.exponent <= 5


def test_round_weights_is_the_nearest_of_the_lattice(loihi2):
    wanted = np.array([-200.2, -3.0, 0.4, 77.7, 253.9])
    result = round_weights(wanted, loihi2)
    assert result.mode.name == "mixed"
    unit = 2.0**result.exponent
    for mantissa, real in zip(result.mantissa, wanted, strict=True):
        lattice = np.arange(result.mode.low, result.mode.high + 1, result.mode.step) * unit
        assert abs(mantissa * unit - real) == pytest.approx(np.abs(lattice - real).min())


def test_delays_in_ticks(loihi2):
    fixed = nh.quantise(one(nh.LIF(5, tau=0.01), delay=3.4e-3), loihi2)
    assert set(fixed.projections[0].delay.tolist()) == {3}
    assert fixed.record.weights[0].moved_delays == 20
    assert fixed.record.weights[0].worst_delay == pytest.approx(0.4e-3)


@pytest.mark.parametrize(
    ("population", "delay", "says"),
    [
        (nh.LIF(5, tau=1e3), 0.0, "dv would be"),
        (nh.LIF(5, tau=0.01), 0.2, "200 ticks; loihi2 holds 0..63"),
        (nh.LIF(5, tau=0.01, t_ref=9.0), 0.0, "refractory would be 9000; u12 holds 0..4095"),
    ],
)
def test_what_the_chip_can_not_hold_is_an_error_or_a_recorded_clip(loihi2, population, delay, says):
    network = one(population, delay=delay)
    with pytest.raises(CapacityError, match=says) as error:
        nh.quantise(network, loihi2)
    assert "on_limit='clip'" in str(error.value)
    fixed = nh.quantise(network, loihi2, on_limit="clip")
    assert fixed.record.clips


def test_a_model_the_chip_has_not(prototype):
    population = nh.ATRLIF(
        2, tau_syn=5e-3, tau_mem=0.02, tau_adapt=0.1, tau_ref=5e-3, adaptation=0.1
    )
    with pytest.raises(CapacityError, match=r"'x' is a ATRLIF; prototype can be: ALIF"):
        nh.quantise(one(population), prototype)


def test_a_chip_that_is_too_small():
    small = nh.load_chip(
        "prototype", {"limits.cores.value": 1, "limits.neurons_per_core.value": 16}
    )
    with pytest.raises(CapacityError, match="20 neurons, prototype has room for 16: 4 too many"):
        nh.quantise(one(nh.LIF(20, tau=0.01)), small)


@pytest.mark.parametrize("chip", ["loihi2", "prototype"])
@pytest.mark.parametrize(
    "population",
    [
        nh.LIF(6, tau=0.02, bias=0.3, v_leak=0.1, v_reset=-0.2, t_ref=3e-3),
        nh.CubaLIF(6, tau_syn=5e-3, tau_mem=0.02, bias=0.2, v_leak=-0.1),
        nh.CubaLIF(6, tau_syn=0.02, tau_mem=0.02),
        nh.IF(6, r=100.0, bias=0.5),
        nh.ALIF(6, tau=0.02, tau_adapt=0.1, adaptation=0.3, bias=0.2),
        nh.LI(6, tau=0.02, bias=0.1, v_leak=0.2),
        nh.CubaLI(6, tau_syn=5e-3, tau_mem=0.02, bias=0.2),
    ],
    ids=["LIF", "CubaLIF", "equal taus", "IF", "ALIF", "LI", "CubaLI"],
)
def test_every_model_stays_near_its_float_self(chip, population, request):
    """On every chip that has it: the membrane follows brian2 until rounding moves a spike."""
    network = one(population, weight=4.0, n_in=10)
    fixed = nh.quantise(network, request.getfixturevalue(chip))
    inputs = nh.Inputs.from_dense({"in": np.random.default_rng(5).random((3, 40, 10)) < 0.2})
    on_chip = fixed.physical(nh.emulate(fixed, inputs, record={"x": ["v"]}))
    meant = nh.reference(network, inputs, record={"x": ["v"]})
    first = slice(0, 6)
    v, w = on_chip.trace("x", "v").values[:, first], meant.trace("x", "v").values[:, first]
    size = np.abs(w).max()
    assert size > 0.1
    assert np.median(np.abs(v - w)) < 0.02 * size
    a, b = on_chip.spikes["x"].count, meant.spikes["x"].count
    assert abs(a - b) <= 0.1 * max(a, b, 10)


def test_a_record_is_json(loihi2):
    import json

    fixed = nh.quantise(one(nh.IF(3)), loihi2)
    json.dumps(fixed.record.as_dict(), allow_nan=False)
    assert all(len(row) == 6 for row in fixed.record.rows())


def test_currents_arrive_one_step_later(loihi2):
    network = nh.Network(
        {"in": nh.CurrentInput(2), "x": nh.LIF(3, tau=0.02)},
        [nh.Projection.dense("in", "x", np.array([[1.0, 0], [0, 1], [1, -1]]))],
        dt=1e-3,
    )
    fixed = nh.quantise(network, loihi2)
    current = np.zeros((1, 10, 2))
    current[0, 2] = [1.5, 0.5]
    inputs = nh.Inputs.from_dense(currents={"in": current})
    on_chip = fixed.physical(nh.emulate(fixed, inputs, record={"x": ["v"]}))
    meant = nh.reference(network, inputs, record={"x": ["v"]})
    v, w = on_chip.trace("x", "v").values[0], meant.trace("x", "v").values[0]
    assert not v[:3].any()
    assert w[3, 0] == pytest.approx(1.5 * (1 - np.exp(-1 / 20)))
    assert np.abs(v - w).max() < 0.02 * np.abs(w).max()


def test_a_scale_of_its_own_resolves_weak_neurons():
    """Neuron k's weights are 2^-k: with one scale the last ones are a few codes, else all fill it."""
    weight = 2.0 ** -np.arange(6)[:, None] * np.random.default_rng(1).uniform(-1, 2, (6, 8))
    net = nh.Network(
        {"in": nh.SpikeInput(8), "x": nh.LIF(6, tau=10e-3, v_threshold=0.3 * 2.0**-np.arange(6))},
        [nh.Projection.dense("in", "x", weight)], dt=1e-3,
    )  # fmt: skip
    chip = nh.load_chip("loihi2", {"weight.bits": 5})
    one, own = (nh.quantise(net, chip, scale=s) for s in ("population", "neuron"))

    def largest(fixed):
        p = fixed.projections[0]
        return [int(np.abs(p.weight[p.post == j]).max()) for j in range(6)]

    assert largest(one)[-1] <= 16
    assert min(largest(own)) >= 100
    inputs = nh.Inputs.from_dense({"in": np.random.default_rng(2).random((200, 8)) < 0.3})
    meant = nh.reference(net, inputs)
    errors = [
        np.abs(nh.emulate(f, inputs).spikes["x"].counts(1) - meant.spikes["x"].counts(1)).sum()
        for f in (one, own)
    ]
    assert errors[1] < errors[0]


def test_a_bias_becomes_spikes_where_the_neuron_has_none():
    net = nh.Network(
        {"in": nh.SpikeInput(2), "x": nh.IF(3, v_threshold=1.0, bias=[0.0, 125.0, 250.0])},
        [nh.Projection.dense("in", "x", np.full((3, 2), 500.0))], dt=1e-3,
    )  # fmt: skip
    fixed = nh.quantise(net, nh.load_chip("tinyodin"))
    assert fixed.constant == ("bias",)
    run = nh.emulate(fixed, nh.Inputs(41, 1, {}), steps=41)
    # v gains bias * dt at each step: an eighth and a quarter of the threshold.
    assert run.spikes["x"].counts(1)[0].tolist() == [0, 5, 10]
