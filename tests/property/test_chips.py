"""Random networks that use all that a chip has: the kernels give what the interpreter gives, in every
register, wire and input, for every chip that ships."""

from dataclasses import replace

import pytest

from neurohw.chip import load_chip
from neurohw.emulate import emulate, interpret
from neurohw.emulate.words import emulate_words
from neurohw.errors import NeurohwError
from neurohw.testing import assert_same
from neurohw.testing.equality import assert_same_log
from neurohw.testing.full import full_inputs, full_network, random_words

CHIPS = (
    "loihi1",
    "loihi2",
    "prototype",
    "ranc",
    "reckon",
    "spinnaker1",
    "truenorth",
    "xylo1",
    "xylo2",
)
QUEUES = ("odin", "tinyodin")


def both(define, run):
    """What both give, None if both refuse with the same line."""
    try:
        expected = define()
    except NeurohwError as error:
        with pytest.raises(type(error)) as got:
            run()
        assert str(got.value) == str(error)
        return None
    return expected, run()


@pytest.mark.parametrize("name", CHIPS)
def test_kernel_equals_interpreter(name):
    """All neurons of the chip in one network, everything recorded: one kernel for each chip."""
    chip = load_chip(name)
    ran = spikes = overflows = 0
    for seed in range(6):
        network = full_network(seed, chip, largest=8)
        inputs = full_inputs(seed, network, steps=20, trials=1 + seed % 2)
        record = {k: list(p.neuron.formats) for k, p in network.populations.items()}
        options = {"record": record, "seed": seed}
        found = both(
            lambda n=network, i=inputs, o=options: interpret(n, i, **o),
            lambda n=network, i=inputs, o=options: emulate(n, i, **o),
        )
        if found is not None:
            assert_same(*found)
            ran += 1
            got = found[1]
            spikes += sum(s.count for k, s in got.spikes.items() if k in network.populations)
            overflows += sum(sum(v.values()) for v in got.overflows.values())
    assert ran >= 3
    assert spikes > 100
    assert overflows > 0


@pytest.mark.parametrize("name", QUEUES)
def test_words(name):
    """Any words, any synapses, waiting or pressing: every operation, register, spike and synapse."""
    chip = load_chip(name)
    spikes = changes = ran = 0
    for seed in range(6):
        network = full_network(seed, chip, largest=6)
        words = random_words(seed, network, 60)
        options = {"saturate": seed % 2 == 1, "limit": 400}
        found = both(
            lambda n=network, w=words, o=options: emulate_words(n, w, interpreted=True, **o),
            lambda n=network, w=words, o=options: emulate_words(n, w, **o),
        )
        if found is not None:
            assert_same_log(*found)
            ran += 1
            spikes += found[1].spikes[0].size
            changes += found[1].changes[0].size
    assert ran >= 2
    assert spikes > 20
    assert changes > 0 or name == "tinyodin"


@pytest.mark.parametrize("name", QUEUES)
def test_time_steps(name, monkeypatch):
    """The same chips, driven in steps; neurons that excite each other without end are stopped."""
    monkeypatch.setattr("neurohw.emulate.stepped.LIMIT", 200)
    chip = load_chip(name)
    ran = 0
    for seed in range(20, 24):
        network = full_network(seed, chip, largest=6)
        loop = {**network.configuration, "open_loop": int(seed % 4 != 0)}
        network = replace(network, configuration=loop)
        inputs = full_inputs(seed, network, steps=6, trials=1 + seed % 2)
        record = {k: list(p.neuron.tick.registers) for k, p in network.populations.items()}
        found = both(
            lambda n=network, i=inputs, r=record: interpret(n, i, record=r),
            lambda n=network, i=inputs, r=record: emulate(n, i, record=r),
        )
        if found is not None:
            assert_same(*found)
            ran += 1
    assert ran >= 2
