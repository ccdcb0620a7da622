"""Methods beyond the plain one: what each step does, what is recorded, and what they come to."""

import hashlib
import itertools

import numpy as np
import pytest

import neurohw as nh
from neurohw.errors import InputError, NetworkError, UnknownName
from neurohw.quantise.activity import FAR, NEAR, Activity, assumed
from neurohw.quantise.feedback import Lattice, damped, fed_back, without
from neurohw.quantise.groups import may_group
from neurohw.quantise.method import METHODS, Method
from neurohw.quantise.sample import Calibration
from neurohw.quantise.scale import clipped

HARD = {"weight.bits": 4}


@pytest.fixture(scope="module")
def network():
    rng = np.random.default_rng(3)
    return nh.Network(
        {
            "in": nh.SpikeInput(20),
            "x": nh.LIF(12, tau=8e-3, v_threshold=1.0, bias=rng.normal(0, 0.1, 12)),
            "out": nh.LI(3, tau=10e-3),
        },
        [
            nh.Projection.dense("in", "x", rng.normal(0.8, 1.5, (12, 20))),
            nh.Projection.dense("x", "x", rng.normal(0, 0.7, (12, 12)), name="again"),
            nh.Projection.dense("x", "out", rng.normal(0, 1, (3, 12))),
        ],
        dt=1e-3,
    )  # fmt: skip


@pytest.fixture(scope="module")
def sample(network):
    raster = np.random.default_rng(4).random((16, 30, 20)) < 0.2
    inputs = nh.Inputs.from_dense({"in": raster})
    meant = nh.reference(network, inputs, steps=32, record={"out": ["v"]})
    return Calibration(inputs, meant)


@pytest.fixture(scope="module")
def hard():
    return nh.load_chip("loihi2", HARD)


def wrong_spikes(fixed, sample):
    from neurohw.quantise.judge import different_spikes

    return different_spikes(fixed, sample)


@pytest.fixture(scope="module")
def plain(network, hard):
    return nh.quantise(network, hard)


@pytest.fixture(scope="module")
def better(network, sample, hard):
    return nh.quantise(network, hard, method="calibrated", calibration=sample)


def test_calibrated_loses_far_fewer_spikes(network, sample, plain, better):
    assert wrong_spikes(better, sample) < 0.5 * wrong_spikes(plain, sample)
    fresh = nh.Inputs.from_dense({"in": np.random.default_rng(9).random((16, 30, 20)) < 0.2})
    meant = nh.reference(network, fresh, steps=32)
    unseen = Calibration(fresh, meant)
    assert wrong_spikes(better, unseen) < 0.7 * wrong_spikes(plain, unseen)
    assert any("errors on the sample" in note for note in better.record.notes)


@pytest.mark.parametrize(
    ("chip", "digest"),
    [("loihi1", "ba66f3ec06758548"), ("loihi2", "c549f7bfab1173fb"),
     ("tinyodin", "52fad12dac390806")],
)  # fmt: skip
def test_plain_codes_are_what_they_were_before_there_were_methods(network, chip, digest):
    """Digests of every code, made by the quantiser that scaled by the largest weight only."""
    fixed = nh.quantise(network, nh.load_chip(chip), on_limit="clip")
    found = hashlib.sha256()
    for p in fixed.projections:
        found.update(
            f"{p.name} {p.port} {p.exponent} {p.mode} {p.weight.tolist()} {p.delay.tolist()} ".encode()
        )
    for name, p in fixed.populations.items():
        for key, value in sorted({**p.parameters, **p.initial}.items()):
            found.update(f"{name} {key} {value.tolist()} ".encode())
    assert found.hexdigest()[:16] == digest


def published(network, chip, bits, by_neuron):
    """The network with weights as published converters make them: integers of so many bits, scaled by
    the largest weight of a layer (sinabs, discretize) or of each neuron (rockpool, channel_quantize),
    with thresholds and biases on the same grid, as float numbers again."""
    top = 2 ** (bits - 1) - 1
    populations, projections = dict(network.populations), []
    unit = {}
    for name in ("x", "out"):
        largest = np.zeros(populations[name].n)
        for p in network.projections:
            if p.target == name:
                np.maximum.at(largest, p.post, np.abs(p.weight))
        unit[name] = (largest if by_neuron else np.full_like(largest, largest.max())) / top
    for p in network.projections:
        weight = np.rint(p.weight / unit[p.target][p.post]) * unit[p.target][p.post]
        projections.append(
            nh.Projection.sparse(p.source, p.target, p.pre, p.post, weight, p.delay, p.name)
        )
    x = populations["x"]
    populations["x"] = nh.LIF(
        x.n, tau=x.tau, bias=np.rint(x.bias / unit["x"]) * unit["x"],
        v_threshold=np.maximum(np.rint(x.v_threshold / unit["x"]), 1) * unit["x"],
    )  # fmt: skip
    return nh.quantise(network.with_(populations=populations, projections=tuple(projections)), chip)


@pytest.mark.parametrize("by_neuron", [False, True])
def test_calibrated_beats_published_procedures(network, sample, better, by_neuron):
    """At the weights' 4 bits, theirs even run with the chip's full 8."""
    theirs = published(network, nh.load_chip("loihi2"), 4, by_neuron)
    assert wrong_spikes(better, sample) < wrong_spikes(theirs, sample)


def test_feedback_beats_nearest_codes(network, sample, hard, plain):
    better = nh.quantise(network, hard, method="feedback", calibration=sample)
    assert wrong_spikes(better, sample) < wrong_spikes(plain, sample)
    assert [p.exponent for p in better.projections] == [p.exponent for p in plain.projections]
    assert "sample activity" in better.record.notes[0]
    assert "even activity" in nh.quantise(network, hard, method="feedback").record.notes[0]


def test_groups_have_exponents_of_their_own(network, sample, hard):
    method = Method("grouped and measured", groups=True, measure=True)
    fixed = nh.quantise(network, hard, method=method, calibration=sample)
    parts = [p for p in fixed.projections if p.name.startswith("in->x")]
    assert len(parts) > 2
    assert len({p.exponent for p in parts}) > 1
    found = sorted(
        itertools.chain.from_iterable(zip(p.pre.tolist(), p.post.tolist(), strict=True) for p in parts)
    )  # fmt: skip
    origin = network.projections[0]
    assert found == sorted(zip(origin.pre.tolist(), origin.post.tolist(), strict=True))
    assert {w.projection for w in fixed.record.weights} == {p.name for p in fixed.projections}


@pytest.mark.parametrize(
    ("chip", "may"),
    [("loihi1", True), ("loihi2", True), ("prototype", True), ("reckon", False), ("xylo2", False),
     ("spinnaker1", False), ("ranc", False)],
)  # fmt: skip
def test_only_some_chips_can_group(chip, may):
    assert may_group(nh.load_chip(chip)) == may


def test_percentile_clips_an_outlier():
    """One weight of 8 among thousands around 0.1: with 4 bits the others would vanish."""
    rng = np.random.default_rng(0)
    weight = rng.normal(0, 0.1, (16, 64))
    weight[0, 0] = 8.0
    network = nh.Network(
        {"in": nh.SpikeInput(64), "x": nh.LIF(16, tau=0.01, v_threshold=1.0)},
        [nh.Projection.dense("in", "x", weight)], dt=1e-3,
    )  # fmt: skip
    chip = nh.load_chip("prototype", {"weight.bits": 3})
    strict = Method("half", clip=(0.99,))
    kept = clipped(weight.ravel(), 0.99)
    assert kept.max() < 0.5
    assert (kept[np.abs(kept) < kept.max()] == weight.ravel()[np.abs(kept) < kept.max()]).all()
    # What is cut off weighs more than what is won: 8 squared against 1024 times 0.01.
    plain, best = (nh.quantise(network, chip, method=m) for m in ("plain", "percentile"))
    assert best.record.weights[0].rms_error <= plain.record.weights[0].rms_error
    assert nh.quantise(network, chip, method=strict).record.notes


@pytest.mark.parametrize("seed", range(3))
def test_feedback_is_near_the_best_point_of_the_lattice(seed):
    """Against all points within two codes of the aim, in four dimensions."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(12, 4))
    moments, aim = root.T @ root + 3 * np.ones((4, 4)), rng.uniform(-5, 5, 4)
    lattice = Lattice(np.full(4, 0.7), np.full(4, -20.0), np.full(4, 20.0))
    metric = damped(moments)

    def cost(x):
        return float((x - aim) @ metric @ (x - aim))

    found = fed_back(aim, lattice, moments)
    near = np.rint(aim / 0.7)
    best = min(
        cost((near + shift) * 0.7) for shift in itertools.product((-2, -1, 0, 1, 2), repeat=4)
    )
    assert cost(found) <= cost(lattice.nearest(aim))
    assert cost(found) <= 1.5 * best


def test_moments_are_those_of_the_equations():
    """Two sources, a delay, a synapse and a membrane: z by hand, step by step; steps at which the
    membrane is near what separates those with a spike from those without count most."""
    rng = np.random.default_rng(1)
    raster = (rng.random((9, 2, 2)) < 0.4).astype(np.float32)
    fired = rng.random((9, 2, 1)) < 0.2
    activity = Activity({"a": raster}, fired)
    pre, delay = np.array([1, 0], np.int32), np.array([1, 3])
    aim = np.array([2.0, -1.0, 0.1])
    found = activity.moments(0, [("a", pre, delay)], (0.5, 0.8), (0.5, 0.8), aim)
    held = np.zeros((9, 2, 3))
    for trial in range(2):
        y, z = np.zeros(3), np.zeros(3)
        for t in range(9):
            s = [raster[t - d, trial, k] if t >= d else 0 for k, d in ((1, 1), (0, 3))]
            y = 0.5 * y + np.array([*s, 1.0])
            z = 0.8 * z + y
            held[t, trial] = z
            if fired[t, trial, 0]:
                z = np.zeros(3)
    v, spiked = held @ aim, fired[:, :, 0]
    threshold = (np.quantile(v[~spiked], 0.999) + np.quantile(v[spiked], 0.001)) / 2
    weight = np.exp(-(((v - threshold) / (NEAR * abs(threshold))) ** 2) / 2) + FAR
    total = np.einsum("tk,tki,tkj->ij", weight / weight.sum(), held, held)
    np.testing.assert_allclose(found.chip, total, rtol=1e-5)
    silent = Activity({"a": raster}, None).moments(
        0, [("a", pre, delay)], (0.5, 0.8), (0.5, 0.8), aim
    )
    assert silent.chip.shape == found.chip.shape
    assert np.abs(silent.chip - found.chip).max() > 0.1
    # Another decay on the chip: weights move so that the same z comes nearest.
    other = Activity({"a": raster}, fired).moments(
        0, [("a", pre, delay)], (0.5, 0.8), (0.5, 0.7), aim
    )
    assert np.abs(other.refitted(np.ones(3)) - 1).max() > 0.01


def test_a_free_column_takes_the_best_value():
    rng = np.random.default_rng(2)
    root = rng.normal(size=(9, 4))
    moments = root.T @ root
    rest, row = without(moments, 3)
    error = rng.normal(size=3)
    best = np.append(error, -row @ error)
    assert error @ rest @ error == pytest.approx(best @ moments @ best)
    assert (moments @ best)[3] == pytest.approx(0, abs=1e-9)


def test_assumed_moments_have_an_inverse():
    m = assumed(6, 0.3, 0.9).chip
    assert np.linalg.eigvalsh(m).min() > 0


def test_what_is_asked_wrongly(network, hard, sample):
    with pytest.raises(UnknownName, match="did you mean 'calibrated'"):
        nh.quantise(network, hard, method="calibrate")
    with pytest.raises(InputError, match="give calibration=INPUTS"):
        nh.quantise(network, hard, method="calibrated")
    with pytest.raises(InputError, match="calibration is a list"):
        nh.quantise(network, hard, method="calibrated", calibration=[1])
    with pytest.raises(InputError, match="run it on these inputs"):
        Calibration(sample.inputs.first(2), sample.meant)
    with pytest.raises(NetworkError, match=r"give shares 0.5..1"):
        Method("x", clip=(0.2,))
    with pytest.raises(NetworkError, match="'nearest' or 'feedback'"):
        Method("x", rounding="down")


def test_names_of_methods_are_their_keys():
    assert all(m.name == k for k, m in METHODS.items())
    assert [k for k, m in METHODS.items() if m.plain] == ["plain"]


def test_a_readout_is_calibrated_by_its_membrane(sample, plain, better):
    errors = []
    for f in (plain, better):
        run = f.physical(nh.emulate(f, sample.inputs, steps=32, record={"out": ["v"]}))
        v, w = run.trace("out", "v").values, sample.meant.trace("out", "v").values
        errors.append(float(((v - w) ** 2).sum()))
    assert errors[1] < errors[0]


def test_by_rule_stays_plain(hard):
    network = nh.Network(
        {"in": nh.SpikeInput(8), "x": nh.LIF(8, tau=0.01)},
        [nh.Projection.by_rule("in", "x", nh.FixedInDegree(4), nh.Normal(0.3, 0.1), seed=1)],
        dt=1e-3,
    )
    fixed = nh.quantise(network, hard, method="grouped")
    assert "by rule" in fixed.record.notes[0]
    assert codes_of_tables(fixed) == codes_of_tables(nh.quantise(network, hard))


def codes_of_tables(fixed):
    return [(p.name, p.exponent, p.weight_table.tolist()) for p in fixed.projections]
