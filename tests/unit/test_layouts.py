"""Which layout a network gets, and what it stores."""

from dataclasses import replace

import numpy as np
import pytest

from neurohw import machine
from neurohw.emulate import called, layouts, sparse_rows
from neurohw.emulate.layouts import lay_out
from neurohw.errors import CapacityError
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection

CODES = {"du": 700, "dv": 200, "vth": 1000, "bias_mant": 10, "bias_exp": 0}


def network(chip, n, k, weight, delays=4, seed=0):
    """``n`` neurons with ``k`` synapses each on average; ``weight(rng, pre)`` gives the codes."""
    rng = np.random.default_rng(seed)
    pre, post = rng.integers(0, n, (2, n * k))
    parts = [
        FixedProjection.of(
            "net", "net", pre[m], post[m], weight(rng, pre[m]), rng.integers(0, delays, m.sum()),
            name=name,
        ) for name, m in (("a", pre < n // 2), ("b", pre >= n // 2))
    ]  # fmt: skip
    neurons = FixedPopulation.of("net", n, chip.neurons["lif"], CODES)
    return FixedPointNetwork(chip, 1e-3, {}, {"net": neurons}, tuple(parts))


def laid(net, parts=1):
    return lay_out(net, parts, dict.fromkeys(net.sizes, 1), {}, False)


def signed(rng, pre):
    return rng.integers(1, 100, pre.size) * (1 if (pre < 100).any() else -1)


def test_short_rows_are_flat_and_long_ones_are_not(loihi2, monkeypatch):
    assert laid(network(loihi2, 400, 10, signed)).sparse.kind == "flat"
    long = network(loihi2, 200, 150, signed)
    found = laid(long).sparse
    assert (found.kind, found.runs, found.span) == ("slots", 1, 4)
    monkeypatch.setattr(sparse_rows, "CACHE", 1)
    found = laid(long)
    assert (found.sparse.kind, found.slots) == ("deferred", 1)


def test_a_segment_has_as_many_delays_as_keep_their_sums_near(loihi2):
    """Few enough for a first-level cache, and alike; a part's are more, its columns being fewer."""
    wide = network(loihi2, 5000, 400, lambda rng, pre: np.where(pre < 2500, 7, -30), delays=10)
    for parts, runs, span in ((1, 3, 4), (2, 2, 5)):
        found = laid(wide, parts)
        assert (found.sparse.runs, found.sparse.span) == (runs, span)
        assert int(found.sparse.target.max()) < span * found.stride
        assert np.diff(found.sparse.start.astype(np.int64)).sum() == wide.synapses


def test_full_rows_with_one_delay_are_dense(loihi2):
    ones = network(loihi2, 100, 60, lambda rng, pre: np.ones(pre.size, np.int64), delays=1)
    found = laid(ones)
    assert (found.sparse.kind, found.dense_dtype) == ("none", "int8")


@pytest.mark.parametrize(
    ("weight", "stored", "size"),
    [
        (lambda rng, pre: np.where(pre < 100, 7, -30), 0, 2),
        (signed, 1, 3),
        (lambda rng, pre: rng.integers(-250, 250, pre.size) // 2 * 2, 1, 3),
    ],
    ids=["one weight a source", "one sign a source", "even weights"],
)
def test_weights_are_as_narrow_as_can_be(loihi2, weight, stored, size):
    sparse = laid(network(loihi2, 200, 150, weight)).sparse
    assert sparse.weight.size == stored * sparse.target.size
    assert sparse.target.itemsize + stored * sparse.weight.itemsize == size


def test_wide_weights_share_a_word_with_their_target(loihi2):
    net = network(loihi2, 200, 150, lambda rng, pre: rng.integers(-120, 120, pre.size) * 2)
    assert not laid(net).sparse.words
    wider = tuple(replace(p, exponent=2 * k) for k, p in enumerate(net.projections))
    found = laid(replace(net, projections=wider)).sparse
    assert found.words
    assert found.packed.itemsize == 4


def test_sums_in_the_unit_that_weights_share(loihi2):
    found = laid(network(loihi2, 200, 150, lambda rng, pre: np.where(pre < 100, 85, -255)))
    assert found.units[0, 0] == 85
    assert found.row == "int16"


def test_parts_hold_every_synapse(loihi2):
    net = network(loihi2, 400, 40, signed)
    for parts in (1, 2, 3):
        sparse = laid(net, parts).sparse
        held = sparse.packed if sparse.kind == "flat" else sparse.target
        assert np.count_nonzero(held) <= held.size
        assert held.size >= net.synapses


def test_what_memory_does_not_hold_is_one_line(loihi2, monkeypatch):
    monkeypatch.setattr(machine, "SMALL", 0)
    monkeypatch.setattr(machine, "available", lambda: 1000)
    with pytest.raises(CapacityError, match=r"would need .* GB, .* GB of memory are free") as error:
        laid(network(loihi2, 200, 150, signed))
    assert "\n" not in str(error.value)


def test_nothing_is_forced_by_default():
    assert layouts.FORCED is None


@pytest.mark.parametrize("degree", [10, 150], ids=["flat", "slots"])
def test_python_lays_out_as_the_machine_does(loihi2, monkeypatch, degree):
    """Few synapses stay Python's: the arrays are the same."""
    net = network(loihi2, 120, degree, signed)
    found = []
    for few in (0, 1 << 30):
        monkeypatch.setattr(called, "FEW", few)
        found.append(laid(net, 2).sparse)
    compiled, plain = found
    assert compiled.kind == plain.kind
    for key in ("start", "packed", "target", "weight", "sign"):
        assert np.array_equal(getattr(compiled, key), getattr(plain, key)), key
    assert compiled.start.max() > 0


def test_columns_of_a_table_are_synapses_too(loihi2):
    """Columns that are not contiguous give the same layout."""
    net = network(loihi2, 200, 150, signed)
    apart = tuple(
        replace(p, **{k: np.stack([getattr(p, k)] * 2, axis=1)[:, 0]
                      for k in ("pre", "post", "weight", "delay")}) for p in net.projections
    )  # fmt: skip
    first, second = laid(net).sparse, laid(replace(net, projections=apart)).sparse
    assert np.array_equal(first.start, second.start)
    assert np.array_equal(first.target, second.target)
    assert np.array_equal(first.weight, second.weight)
