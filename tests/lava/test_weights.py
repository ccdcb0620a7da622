"""What is exported adds up to what the chip delivers; what Lava can't be is refused. No Lava here."""

import json

import numpy as np
import pytest
from neurohw_backends import lava
from neurohw_backends.lava_connections import encode, merged
from neurohw_backends.lava_weights import stored_weights

from neurohw.chip import load_chip, parse_chip, profile_folder
from neurohw.errors import CapacityError
from neurohw.fixed import FixedCurrent, FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.network import Inputs
from neurohw.network.events import Spikes
from neurohw.weights import delivered


def one(chip, kind="lif", weights=(1,), exponent=0, n=1, **options):
    """A network of one population, with an input for each weight."""
    neuron = chip.neurons[kind]
    projections, inputs = (), {}
    if weights:
        inputs = {"input": len(weights)}
        projection = options.pop("projection", {})
        projections = (
            FixedProjection.of(
                "input", "x", np.arange(len(weights)), 0, weights, 0, exponent, **projection
            ),
        )
    codes = dict.fromkeys(neuron.tick.parameters, 0)
    populations = {"x": FixedPopulation.of("x", n, neuron, codes)}
    return FixedPointNetwork(chip, 1e-3, inputs, populations, projections, **options)


def lava_holds(weight, mode, bits):
    """Lava's clip_weights and truncate_weights."""
    sign = -1 if mode == "INHIBITORY" else 1
    mixed = mode == "MIXED"
    clipped = np.clip(sign * weight, -256 * mixed, 255)
    dropped = 8 - bits + mixed
    return sign * ((clipped >> dropped) << dropped)


@pytest.mark.parametrize("mode", ["", "mixed", "excitatory", "inhibitory"])
@pytest.mark.parametrize("bits", [None, 0, 1, 5, 8, 9])
@pytest.mark.parametrize("name", ["loihi2", "loihi1", "loihi1:brian2"])
def test_connections_deliver_what_the_chip_does(name, bits, mode):
    chip = load_chip(name)
    rng = np.random.default_rng(5)
    for exponent in (chip.weight.exponent[0], -1, 0, 1, chip.weight.exponent[1]):
        weights = rng.integers(-256, 256, 40)
        options = {"projection": {"bits": bits, "mode": mode}}
        network = one(chip, weights=tuple(weights.tolist()), exponent=exponent, **options)
        p = network.projections[0]
        shifted = exponent < 0 and chip.weight.right_shift == "sum"  # the sum, by Lava itself
        of_one = delivered(chip, p.weight, 0 if shifted else exponent, bits, network.mixed(p))
        expected = of_one << (10 + exponent if shifted else 10)
        for graded in (False, True):
            found = np.zeros(40, np.int64)
            for weight, of in stored_weights(network, p):
                pre, post, delay, stored = merged(p.pre, p.post, p.delay, weight=weight)
                if not stored.size:
                    continue
                parts = encode(pre, post, delay, stored, of, graded)
                assert len(parts) == 1 or not shifted
                for part in parts:
                    assert shifted or not part.copy.any()
                    assert part.bits == 8 or (graded and shifted)
                    held = lava_holds(part.weight, part.sign_mode, part.bits)
                    np.add.at(found, part.pre, held << (10 + part.exponent))
            np.testing.assert_array_equal(found, expected)


def test_values_need_message_bits(loihi2):
    network = one(loihi2, "ternary")
    spikes = {"input": Spikes.of(1, [0, 0], [0, 1], [0, 0], [-3, 7])}
    for inputs, bits in ((Inputs(3, 1, spikes), 24), (Inputs(3), 0)):
        data = lava.program_data(network, inputs)
        assert json.loads(str(data["meta"]))["projections"][0]["message_bits"] == bits
    assert "pop0.spikes.value" not in data
    data = lava.program_data(network, Inputs(3, 1, spikes))
    assert data["pop0.spikes.value"].tolist() == [-3, 7]


def test_ternary_neurons_send_with_message_bits(loihi2):
    network = one(loihi2, "ternary", weights=())
    back = FixedProjection.of("x", "x", [0], [0], [3])
    network = FixedPointNetwork(loihi2, 1e-3, {}, network.populations, (back,))
    data = lava.program_data(network, Inputs(3))
    assert json.loads(str(data["meta"]))["projections"][0]["message_bits"] == 2


def small(name, kind=None):
    chip = load_chip(name)
    return one(chip, kind or next(iter(chip.neurons)), weights=())


def late():
    text = (profile_folder() / "prototype.toml").read_text()
    assert "latency = 1" in text
    return one(parse_chip(text.replace("latency = 1", "latency = 2")), weights=())


REFUSED = {
    "ordered": (lambda: small("reckon"), "reckon's engine is 'ordered'"),
    "ring buffer": (lambda: small("spinnaker1"), "engine is 'ring buffer'"),
    "queue": (lambda: small("tinyodin"), "engine is 'queue'"),
    "latency": (late, "delivers after 2 ticks"),
    "input latency": (lambda: one(load_chip("loihi2"), input_latency=0), "after 0 ticks"),
    "inputs": (lambda: small("loihi1", "lif_noise"), "has the inputs syn, noise"),
    "relay": (lambda: small("ranc"), "is a relay"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case, tmp_path):
    make, words = REFUSED[case]
    with pytest.raises(CapacityError, match=words) as caught:
        lava.export(make(), Inputs(3), tmp_path / "program.py")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_sums_beyond_32_bits_are_refused():
    """An input of 48 bits, or one that saturates, is no longer what Lava's 32 bits give."""
    chip = load_chip("loihi1:brian2")
    neuron = one(chip, weights=()).populations
    current = FixedCurrent("drive->x", "drive", "x", np.array([[1.0]]))
    network = FixedPointNetwork(
        chip, 1e-3, {"drive": 1}, neuron, (), (current,), spiking_inputs={"drive": False}
    )
    most = np.full((1, 3, 1), 2.0**31 - 1)
    lava.program_data(network, Inputs(3, 1, {}, {"drive": most}))
    with pytest.raises(CapacityError, match="can reach 2147483648, Lava adds in 32 bits"):
        lava.program_data(network, Inputs(3, 1, {}, {"drive": -most - 1}))


def test_a_sum_that_the_chip_wraps_elsewhere_is_refused():
    """Before its right shift a sum wraps at the input's width; Lava's at 32 bits."""
    text = (profile_folder() / "loihi2.toml").read_text()
    chip = parse_chip(
        text.replace('inputs = { syn = "s32 wrap" }', 'inputs = { syn = "s20 wrap" }')
    )
    network = one(chip, "alif", weights=(255,), exponent=-1)
    for value, fits in ((2**11, True), (2**12, False)):
        inputs = Inputs(3, 1, {"input": Spikes.of(1, [0], [0], [0], [value])})
        if fits:
            lava.program_data(network, inputs)
            continue
        with pytest.raises(CapacityError, match="its sum can reach 1044480 before the right shift"):
            lava.program_data(network, inputs)
