"""Sorting columns as numpy.lexsort does."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from neurohw.ordering import order_by

NUMBERS = st.one_of(st.integers(0, 3), st.integers(0, 2**31 - 1), st.integers(-3, 3))


@given(st.integers(1, 3), st.data())
def test_the_order_is_that_of_lexsort(width, data):
    rows = data.draw(st.lists(st.tuples(*[NUMBERS] * width), max_size=40))
    columns = [np.array([r[k] for r in rows], np.int32) for k in range(width)]
    assert order_by(columns).tolist() == np.lexsort(columns[::-1]).tolist()


def test_many_rows():
    rng = np.random.default_rng(0)
    columns = [rng.integers(0, 200, 100_000).astype(np.int32) for _ in range(2)]
    order = order_by(columns)
    assert np.array_equal(order, np.lexsort(columns[::-1]))
    assert np.array_equal(order_by([c[order] for c in columns]), np.arange(100_000))
