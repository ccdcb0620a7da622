"""Biophysical neurons in s16.15 against float64: integration by scipy, quadrature, and literature."""

import json
import math

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

import neurohw as nh
from neurohw.biophysics import fixed
from neurohw.biophysics.conductances import HODGKIN_HUXLEY, WANG_BUZSAKI
from neurohw.biophysics.fixed_tables import BITS, STEP, gate_tables, power_table, table_changes
from neurohw.biophysics.fixed_words import crossings, in_float, word_lengths
from neurohw.biophysics.integrate_and_fire import EIF, eif_rheobase
from neurohw.biophysics.simple import FITZHUGH_NAGUMO, PASSIVE
from neurohw.cli import main
from neurohw.errors import CapacityError, InputError
from neurohw.network.events import Spikes
from neurohw.testing.plain import Outcome, plain

ONE = 2**15


@pytest.fixture(scope="module")
def chip():
    return nh.load_chip("biophysical")


def alone(neuron, codes, start, ticks, record="v"):
    """One neuron without input in plain integers: its register after each tick, and its spikes."""
    made, outcome = plain(neuron.tick), Outcome()
    place = {k: made.names.index(k) for k in (*neuron.tick.registers, "spike", record)}
    state = dict.fromkeys(neuron.tick.registers, 0) | {k: int(v) for k, v in start.items()}
    rest = {k: int(v) for k, v in codes.items()} | dict.fromkeys(neuron.tick.inputs, 0)

    def rows():
        for k in range(ticks):
            if k:
                state.update({name: outcome.rows[-1][place[name]] for name in state})
            now = {**rest, **state}
            yield (k, *(now[name] for name in made.given))

    made.run(rows(), None, None, outcome)
    found = np.array([[row[place[record]], row[place["spike"]]] for row in outcome.rows])
    return found[:, 0], np.flatnonzero(found[:, 1])


# Tables -------------------------------------------------------------------------------------------


def test_the_profile_holds_the_tables_that_the_rates_give(chip):
    tables = {k: list(v) for k, v in chip.neurons["hodgkin_huxley"].tick.tables.items()}
    assert tables == {**gate_tables(), "power": power_table()}


def test_the_tables_are_the_rates_of_1952():
    """Hodgkin & Huxley (1952), equations 12, 13, 20, 21, 23, 24, at rest and at 0 mV."""
    tables = {k: np.array(v) / 2**BITS for k, v in gate_tables(spacing=0).items()}
    for v in (-65, 0):
        e = math.exp
        u = -(v + 65)  # their potential, and sign
        rates = {
            "m": (0.1 * (u + 25) / (e((u + 25) / 10) - 1), 4 * e(u / 18)),
            "h": (0.07 * e(u / 20), 1 / (e((u + 30) / 10) + 1)),
            "n": (0.01 * (u + 10) / (e((u + 10) / 10) - 1), 0.125 * e(u / 80)),
        }
        for gate, (a, b) in rates.items():
            assert tables[f"{gate}_inf"][v + 100] == pytest.approx(a / (a + b), abs=1e-9)
            assert tables[f"{gate}_rate"][v + 100] == pytest.approx(1 - e(-(a + b) / 64), abs=1e-9)


def test_other_tables(chip):
    finer = nh.load_chip("biophysical", table_changes(spacing=2)).neurons["hodgkin_huxley"].tick
    assert len(finer.tables["m_inf"]) == 641
    assert finer.tables["m_inf"][::2] == chip.neurons["hodgkin_huxley"].tick.tables["m_inf"]
    warm = table_changes(HODGKIN_HUXLEY.with_(phi=3.0))
    assert np.mean(np.divide(warm["tables.n_rate"], gate_tables()["n_rate"])) == pytest.approx(
        3, rel=0.02
    )
    for call in (
        lambda: gate_tables(spacing=3), lambda: gate_tables(spacing=True), lambda: gate_tables(PASSIVE),
        lambda: table_changes(WANG_BUZSAKI),
    ):  # fmt: skip
        with pytest.raises(InputError):
            call()


# Hodgkin-Huxley -----------------------------------------------------------------------------------


def squid(current, duration):
    """The continuous model at a current in uA/cm2, its equations written out again: DOP853."""

    def rates(v):
        x = np.array([-(v + 40) / 10, -(v + 55) / 10])
        linear = x / np.expm1(x)
        return (
            np.array([linear[0], 0.07 * np.exp(-(v + 65) / 20), 0.1 * linear[1]]),
            np.array([
                4 * np.exp(-(v + 65) / 18), 1 / (np.exp(-(v + 35) / 10) + 1),
                0.125 * np.exp(-(v + 65) / 80),
            ]),
        )  # fmt: skip

    def slope(_, y):
        v, m, h, n = y
        a, b = rates(v)
        ionic = 120 * m**3 * h * (v - 50) + 36 * n**4 * (v + 77) + 0.3 * (v + 54.387)
        return [current - ionic, *(a * (1 - y[1:]) - b * y[1:])]

    def up(_, y):
        return y[0]

    up.direction = 1
    a, b = rates(-65.0)
    start = [-65.0, *(a / (a + b))]
    return solve_ivp(
        slope, (0, duration), start, "DOP853", rtol=1e-9, atol=1e-9, events=up, dense_output=True
    )


LADDER = np.array([0.01, 0.06, 0.066, 0.08, 0.1, 0.15, 0.2, 0.3])
"""Currents, A/m2."""


@pytest.fixture(scope="module")
def ladder(chip):
    """The neuron in s16.15 at each current for 100 ms: mV, (ticks, 8)."""
    neuron, ticks = chip.neurons["hodgkin_huxley"], int(100 / STEP)
    runs = [alone(neuron, *fixed.hodgkin_huxley(current=i), ticks)[0] for i in LADDER]
    return np.array(runs).T / ONE


def width(v, level=0.0):
    """Milliseconds above 0 mV of the first spike."""
    up, down = crossings(v), crossings(-v)
    return down[0] - up[0]


def test_the_action_potential(ladder):
    """s16.15 against the continuous model at 10 uA/cm2: times, peak, width and after-hyperpolarisation."""
    meant = squid(10, 50)
    v = ladder[: int(50 / STEP), 4]
    late = crossings(v) - meant.t_events[0]
    assert late.size == 4
    assert np.abs(late).max() < 0.02
    goal = meant.sol(STEP * np.arange(1, v.size + 1))[0]
    assert v.max() == pytest.approx(goal.max(), abs=0.05)
    assert v.max() == pytest.approx(40.3, abs=0.2)
    assert v.min() == pytest.approx(goal.min(), abs=0.01)
    assert v.min() < -75
    assert width(v) == pytest.approx(width(goal), abs=0.002)
    # All of it: as far off as the spikes are late, on the steepest slope of a spike.
    assert np.abs(v - goal).max() < 0.02 * np.abs(np.diff(goal)).max() / STEP


def test_repetitive_firing_starts_at_a_finite_rate(ladder):
    """No spike at 1, one after the step at 6, a train at 6.6 uA/cm2 and above: type II."""
    trains = [crossings(v) for v in ladder.T]
    counts = np.array([t.size for t in trains])
    assert counts[0] == 0
    assert counts[1] <= 2
    rates = np.array([1e3 / np.diff(t)[-3:].mean() for t in trains[2:]])
    assert rates[0] > 45  # Hz
    assert (np.diff(rates) > 0).all()
    meant = in_float(LADDER, 100.0)
    goal = [crossings(v) for v in meant.T]
    assert counts.tolist() == [t.size for t in goal]
    expected = np.array([1e3 / np.diff(t)[-3:].mean() for t in goal[2:]])
    assert rates == pytest.approx(expected, rel=2e-3)  # the slowest, near its onset, is off most


def test_the_same_scheme_in_float_converges():
    """It is of second order: a quarter of the time step, a sixteenth of the error."""
    goal = squid(10, 50).t_events[0]
    off = [np.abs(crossings(in_float(0.1, 50, s)[:, 0], s) - goal)[-1] for s in (STEP, STEP / 2)]
    assert off[0] < 0.004
    assert off[0] / off[1] == pytest.approx(4, rel=0.15)


def test_how_many_bits(chip):
    found = word_lengths(chip, range(10, 31, 1), (0.1, 0.12), 50.0)
    late, shape = found.late, found.misshapen
    assert found.needed(0.1, late[0]) == 17
    assert found.needed(1.0, shape[0]) == 12
    assert late[0, -1] == late[1, -1] == late[2, -1] < 0.02  # what the tables cost
    assert np.isinf(late[0, :4]).all()  # 13 bits and less don't fire repetitively
    assert (np.diff(np.log(shape[0, 6:10])) < 0).all()
    assert found.time_step < 0.004
    assert found.needed(1e-9, late[0]) is None


def test_finer_tables_cost_less(chip):
    """Entries twice as dense: what linear interpolation costs goes down four times."""
    finer, off = nh.load_chip("biophysical", table_changes(spacing=2)), []
    goal = crossings(in_float(0.1)[:, 0])
    for each in (chip, finer):
        codes, start = fixed.hodgkin_huxley(current=0.1, frac=22)
        v, _ = alone(each.neurons["hodgkin_huxley"], codes, start, int(50 / STEP))
        off.append(crossings(v.astype(float)) - goal)
    assert off[0][-1] / off[1][-1] == pytest.approx(4, rel=0.1)


def test_registers_of_16_bits(chip):
    """With 8 bits behind the point 16-bit registers hold every state: same run, bit for bit."""
    formats = {"v": "s16", **dict.fromkeys(("m", "h", "n", "g_exc", "g_inh"), "u16")}
    short = {f"neuron.hodgkin_huxley.registers.{k}": f"{f} clamp" for k, f in formats.items()}
    neuron = nh.load_chip("biophysical", short).neurons["hodgkin_huxley"]
    codes, start = fixed.hodgkin_huxley(current=0.1, frac=8)
    ticks = int(20 / STEP)
    v, spikes = alone(neuron, codes, start, ticks)
    whole, others = alone(chip.neurons["hodgkin_huxley"], codes, start, ticks)
    assert np.array_equal(v, whole)
    assert spikes.tolist() == others.tolist() and spikes.size == 2
    assert np.abs(whole).max() < 2**15


def test_synapses_of_hodgkin_huxley(chip):
    """An excitatory volley makes it fire; the same with inhibition doesn't; v keeps off both ends."""
    synapse = fixed.synapses(1e-3 * STEP, e_inh=-0.080, frac=15, unit=23, shift=3)
    codes, start = fixed.hodgkin_huxley(synapse=synapse)
    cells = nh.FixedPopulation.of("x", 3, chip.neurons["hodgkin_huxley"], codes, start)
    weight = ONE >> 3  # of 1 mS/cm2
    exc = nh.FixedProjection.of("in", "x", [0, 0], [0, 1], weight, port="exc", name="e")
    inh = nh.FixedProjection.of("in", "x", [0, 0], [1, 2], 7 * weight, port="inh", name="i")
    net = nh.FixedPointNetwork(chip, 1e-3 * STEP, {"in": 1}, {"x": cells}, (exc, inh))
    inputs = nh.Inputs(800, 1, {"in": Spikes.of(1, [0], [64], [0])})
    found = nh.interpret(net, inputs, record={"x": ["v", "g_inh"]})
    v = found.trace("x", "v").values[0] / ONE
    assert found.spikes["x"].counts(1).tolist() == [[1, 0, 0]]
    assert np.ptp(v[:65], axis=0).max() < 0.01
    assert -80 < v[:, 2].min() < -68
    g = found.trace("x", "g_inh").values[0, :, 1] / ONE
    assert g[65] == pytest.approx(7 * math.exp(-STEP / 10), rel=1e-4)
    assert g[-1] == pytest.approx(
        7 * math.exp(-(len(g) - 65) * STEP / 10), abs=0.01
    )  # rounded down


# Conductance synapses -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def potentials(chip):
    """Eight cells, a volley at 5 ms; v in mV (ticks, 8) of 0.1 ms."""
    dt, mv = 1e-4, 1e-3
    #            EPSP  IPSP  both  at e_exc  at e_inh  below e_inh  strong  fires
    rest = mv * np.array([-60, -60, -60, 0, -70, -80, -60, -60.0])
    reversal = mv * np.array([-70, -70, -60, -70, -70, -70, -70, -70.0])
    ceiling = mv * np.array([100] * 7 + [-50])
    codes, start = fixed.cond_lif(
        dt,
        e_l=rest,
        v_threshold=ceiling,
        synapse=fixed.synapses(dt, 5e-3, 10e-3, 0.0, reversal, shift=4),
    )
    cells = nh.FixedPopulation.of("x", 8, chip.neurons["cond_lif"], codes, start)
    unit = ONE >> 4
    exc = nh.FixedProjection.of(
        "in",
        "x",
        [0] * 5,
        [0, 2, 3, 6, 7],
        [unit, unit, unit, 31 * unit, 5 * unit],
        port="exc",
        name="e",
    )
    inh = nh.FixedProjection.of(
        "in", "x", [0] * 4, [1, 2, 4, 5], [unit, 8 * unit, unit, unit], port="inh", name="i"
    )
    net = nh.FixedPointNetwork(chip, dt, {"in": 1}, {"x": cells}, (exc, inh))
    run = nh.emulate(
        net, nh.Inputs(600, 1, {"in": Spikes.of(1, [0], [49], [0])}), record={"x": ["v"]}
    )
    return run.trace("x", "v").values[0] / ONE, run.spikes["x"]


def psp(e_l, synapses):
    """v of the continuous cell from the volley on: (g, tau, e) of each synapse, in leaks, ms, mV."""

    def slope(t, v):
        return (e_l - v + sum(g * np.exp(-t / tau) * (e - v) for g, tau, e in synapses)) / 20

    return solve_ivp(slope, (0, 55), [e_l], "DOP853", rtol=1e-10, atol=1e-10, dense_output=True).sol


@pytest.mark.parametrize(
    ("cell", "e_l", "synapses"),
    [(0, -60, [(1, 5, 0)]), (1, -60, [(1, 10, -70)]), (2, -60, [(1, 5, 0), (8, 10, -60)]),
     (5, -80, [(1, 10, -70)])],
)  # fmt: skip
def test_a_psp_is_the_continuous_one(potentials, cell, e_l, synapses):
    """From the tick of its arrival on; the conductance is held for a tick, so 1 % of a PSP."""
    v = potentials[0][:, cell]
    goal = psp(e_l, synapses)(0.1 * np.arange(1, 551))[0]
    size = np.abs(goal - e_l).max()
    assert np.array_equal(v[:50], np.full(50, float(e_l)))
    assert np.abs(v[50:] - goal).max() < 0.012 * size
    assert size > 1.4


def test_reversal_and_shunt(potentials):
    v, _ = potentials
    assert (v[:, 3] == 0).all()  # no PSP at e_exc
    assert (v[:, 4] == -70).all()  # nor at e_inh
    assert v[:, 1].min() < -61.5 and v[:, 1].max() == -60
    assert v[:, 5].max() > -79 and v[:, 5].min() == -80  # inhibition depolarises from below
    # Inhibition that reverses at rest is silent alone and divides the EPSP.
    assert (v[:, 2] >= -60).all()
    assert 0.1 < (v[:, 2].max() + 60) / (v[:, 0].max() + 60) < 0.5
    assert -10 < v[:, 6].max() < 0  # thirty leaks pull to 0 mV and not beyond


def test_it_fires_and_is_refractory(potentials):
    v, spikes = potentials
    assert set(spikes.neuron.tolist()) == {7}
    first = spikes.step[0]
    assert (v[first : first + 51, 7] == -60).all()
    assert (np.diff(spikes.step) > 50).all()


# The others ---------------------------------------------------------------------------------------


def test_eif_intervals(chip):
    """Intervals at constant currents equal the integral of dV over dV/dt."""
    dt, value = 2e-5, EIF.value
    e_l, v_t, d, peak, reset = (
        1e3 * value(k) for k in ("e_l", "v_t", "delta_t", "v_peak", "v_reset")
    )
    tau = 1e3 * value("c_m") / value("g_l")
    rheobase = eif_rheobase(EIF)
    for current in (1.5 * rheobase, 3 * rheobase):
        drive = 1e3 * current / value("g_l")

        def slow(v, i=drive):
            return tau / (e_l - v + i + d * np.exp((v - v_t) / d))

        goal = 1e3 * value("t_ref") + quad(slow, reset, peak, epsabs=1e-9, limit=200)[0]
        codes, start = fixed.eif(dt, current=current)
        ticks = int(3.4 * goal / (1e3 * dt))
        _, spikes = alone(chip.neurons["eif"], codes, start, ticks)
        assert np.diff(spikes)[-1] * dt * 1e3 == pytest.approx(goal, abs=0.04)  # two ticks
    codes, start = fixed.eif(dt, current=0.99 * rheobase)
    v, spikes = alone(chip.neurons["eif"], codes, start, 6000)
    assert spikes.size == 0 and v[-1] / ONE < v_t


def test_fitzhugh_nagumo(chip):
    """A limit cycle between 0.33 and 1.42 only; its period that of the continuous model."""
    dt, neuron = 1 / 16, chip.neurons["fitzhugh_nagumo"]
    swing = {}
    for stimulus in (0.31, 0.35, 1.4, 1.44):
        codes, start = fixed.fitzhugh_nagumo(dt, stimulus=stimulus)
        v, _ = alone(neuron, codes, start, 12_000)
        swing[stimulus] = np.ptp(v[-2000:]) / ONE
    assert swing[0.31] < 0.05 and swing[1.44] < 0.3
    assert swing[0.35] > 2.5 and swing[1.4] > 1.0
    codes, start = fixed.fitzhugh_nagumo(dt, stimulus=0.5)
    _, spikes = alone(neuron, codes, start, 6000)

    def slope(_, y):
        v, w = y
        return v - v**3 / 3 - w + 0.5, 0.08 * (v + 0.7 - 0.8 * w)

    def up(_, y):
        return y[0] - 1

    up.direction = 1
    at = [FITZHUGH_NAGUMO.start[k] for k in "vw"]
    goal = solve_ivp(slope, (0, 375), at, "DOP853", rtol=1e-9, atol=1e-9, events=up).t_events[0]
    assert spikes.size == goal.size == 10
    period = (spikes[-1] - spikes[3]) * dt / (spikes.size - 4)
    assert period == pytest.approx(np.diff(goal)[3:].mean(), rel=3e-3)


def published(a, b, c, d, current, ms):
    """Izhikevich's program for one neuron in float64: when it spikes."""
    v, u, spikes = -65.0, b * -65.0, []
    for t in range(ms):
        for _ in range(2):
            v += 0.5 * (0.04 * v**2 + 5 * v + 140 - u + current)
        u += a * (b * v - u)
        if v >= 30:
            v, u = c, u + d
            spikes.append(t)
    return np.array(spikes)


CELLS = {
    "regular spiking": (0.02, 0.2, -65.0, 8.0), "intrinsically bursting": (0.02, 0.2, -55.0, 4.0),
    "chattering": (0.02, 0.2, -50.0, 2.0), "fast spiking": (0.1, 0.2, -65.0, 2.0),
    "low threshold": (0.02, 0.25, -65.0, 2.0),
}  # fmt: skip


def test_izhikevich(chip):
    counts, bursts = {}, {}
    for name, cell in CELLS.items():
        goal = published(*cell, 10.0, 1000)
        _, spikes = alone(chip.neurons["izhikevich"], *fixed.izhikevich(*cell, current=10.0), 1000)
        # Steps of 0.5 ms leave the upstroke unresolved: what follows depends on the last bit.
        assert abs(spikes.size - goal.size) <= max(1, 0.08 * goal.size), name
        assert np.abs(spikes[:4] - goal[:4]).max() <= 1, name
        counts[name], bursts[name] = spikes.size, np.diff(spikes).min()
    assert counts["fast spiking"] > 2 * counts["regular spiking"] > 20
    assert counts["regular spiking"] < counts["chattering"]
    assert bursts["chattering"] <= 5 < 20 < bursts["regular spiking"]


# Codes, files, commands ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: fixed.hodgkin_huxley(frac=1), "frac is 1; the chip takes 2 .. 22 bits"),
        (lambda: fixed.hodgkin_huxley(frac=9.5), "frac is 9.5"),
        (lambda: fixed.hodgkin_huxley(unit=31), "unit is 31"),
        (lambda: fixed.hodgkin_huxley(current=math.nan), "nan"),
        (lambda: fixed.izhikevich("a", 0.2, -65, 8), "a is no array of numbers"),
        (lambda: fixed.cond_lif(1e-4, drive=math.inf), "drive is inf"),
        (lambda: fixed.synapses(1e-4, tau_exc=0.0), "time constant is 0; give finite seconds above 0"),
        (lambda: fixed.cond_lif(0.0), "dt is 0"),
        (lambda: fixed.cond_lif(1e-4, tau_m="x"), "tau_m is no array of numbers"),
        (lambda: fixed.cond_lif(1e-4, e_l="x"), "e_l is no array of numbers"),
        (lambda: fixed.fitzhugh_nagumo(math.nan), "dt is nan"),
        (lambda: word_lengths(nh.load_chip("prototype")), "unknown neuron of prototype"),
        (lambda: word_lengths(nh.load_chip("biophysical"), [9]), "bits has 9"),
        (lambda: word_lengths(nh.load_chip("biophysical"), [12.5]), "bits holds float64"),
        (lambda: word_lengths(nh.load_chip("biophysical"), [12], 0.0), "makes no spike"),
        (lambda: in_float("x"), "current is no array"),
        (lambda: fixed.code("x", 1e300), "x is 1e"),
        (lambda: fixed.eif(1e-4, HODGKIN_HUXLEY), "unknown parameter of hodgkin-huxley 'v_peak'"),
    ],
)  # fmt: skip
def test_what_is_refused(call, said):
    with pytest.raises(nh.NeurohwError) as error:
        call()
    assert said in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_codes_that_do_not_fit(chip):
    codes, start = fixed.izhikevich(1.5, 0.2, -65, 8)
    with pytest.raises(CapacityError, match="a"):
        nh.FixedPopulation.of("x", 1, chip.neurons["izhikevich"], codes, start)


def test_commands(capsys):
    for neuron in ("cond_lif", "hodgkin_huxley"):
        assert main(["chips", "biophysical", "--show-kernel", neuron]) == 0
    assert main(["chips", "biophysical"]) == 0
    assert "no vendor's implementation" in capsys.readouterr().out
    assert main(["chips", "verify", "biophysical"]) == 0
    assert "has no vectors" in capsys.readouterr().out
    assert main(["chips", "--json"]) == 0
    row = next(r for r in json.loads(capsys.readouterr().out) if r["name"] == "biophysical")
    assert row["vectors"]["files"] == 0
