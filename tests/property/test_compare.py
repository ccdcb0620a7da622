"""Spike-train figures against pyspike and elephant on random trains, to 1e-9."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from neurohw.compare import batch, spikes
from neurohw.compare.pairs import Pairs

END = 20.0

# Whole numbers make ties within and between trains, floats make the general case. Spikes nearer
# than 1e-3 but not equal would test how the other library rounds.
whole = st.lists(st.integers(0, 20).map(float), max_size=8)
fine = st.lists(st.integers(0, 20_000).map(lambda k: k / 1000), max_size=12)
trains = st.one_of(whole, fine).map(lambda t: np.sort(np.array(t, dtype=np.float64)))


def quietly_import(name):
    """The module, or a skip; other people's warnings are not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name)


def both(name, a, b, *args):
    """The definition's result and the batch's, which have to be the same."""
    one = getattr(spikes, name)(a, b, *args)
    pair = Pairs.of([b, a], [a, b], END)
    options = () if name in ("isi_distance", "spike_distance") else args
    reverse, many = getattr(batch, name)(pair, *options)
    assert many == pytest.approx(one, abs=1e-12)
    assert reverse == pytest.approx(one, abs=1e-9)  # all four are symmetric
    return one


@given(trains, trains)
@example(np.array([0.0]), np.array([3.0, 8.0]))  # edges that chance rarely meets
@example(np.array([END]), np.array([3.0, 8.0, END]))
@example(np.array([]), np.array([0.0, END]))
@example(np.array([END]), np.array([END]))
@settings(max_examples=300, deadline=None)
@pytest.mark.parametrize("name", ["isi_distance", "spike_distance"])
def test_as_in_pyspike(name, a, b):
    pyspike = quietly_import("pyspike")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = getattr(pyspike, name)(pyspike.SpikeTrain(a, END), pyspike.SpikeTrain(b, END))
    ours = both(name, a, b, END)
    assert 0 <= ours <= 1 + 1e-12
    if np.unique(a).tolist() == np.unique(b).tolist() == [END]:
        # pyspike divides 0 by 0 in the last interval, which has no length; the trains are equal.
        assert ours == 0
        assert np.isnan(theirs)
    else:
        assert ours == pytest.approx(theirs, abs=1e-9)


def elephant_distance(name, a, b, **options):
    quantities, neo = quietly_import("quantities"), quietly_import("neo")
    elephant = quietly_import("elephant.spike_train_dissimilarity")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pair = [neo.SpikeTrain(t, units="s", t_stop=END) for t in (a, b)]
        units = {"cost_factor": quantities.Hz, "time_constant": quantities.s}
        options = {k: v * units[k] for k, v in options.items()}
        return float(getattr(elephant, name)(pair, **options)[0, 1])


@given(trains, trains, st.floats(0.01, 10))
@settings(max_examples=200, deadline=None)
def test_victor_purpura_as_in_elephant(a, b, cost):
    theirs = elephant_distance("victor_purpura_distance", a, b, cost_factor=cost)
    assert both("victor_purpura", a, b, cost) == pytest.approx(theirs, abs=1e-9)


@given(trains, trains, st.floats(0.1, 10))
@settings(max_examples=200, deadline=None)
def test_van_rossum_as_in_elephant(a, b, tau):
    theirs = elephant_distance("van_rossum_distance", a, b, time_constant=tau)
    # Squares: elephant's is a difference of large numbers, whose root amplifies rounding near 0.
    assert both("van_rossum", a, b, tau) ** 2 == pytest.approx(theirs**2, abs=1e-9)
