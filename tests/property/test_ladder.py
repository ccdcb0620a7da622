"""The budget of a ladder sums up to the last bit, whatever the runs are."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from neurohw.ladder.costs import NAMES, Cost, Precision, budget, cost
from neurohw.network.events import Spikes
from neurohw.recording import Recording

STEPS, DT = 200, 1e-3
AS = Precision.of_cell(DT)


@st.composite
def recordings(draw):
    """One cell, two trials, any spikes."""
    trains = [draw(st.sets(st.integers(0, STEPS - 1), max_size=25)) for _ in range(2)]
    trial = np.repeat([0, 1], [len(t) for t in trains])
    step = np.array([k for t in trains for k in sorted(t)], np.int64)
    spikes = Spikes.of(1, trial, step, np.zeros(step.size, np.int64))
    return Recording(DT, STEPS, 2, {"cell": 1}, {"cell": spikes})


@given(st.lists(recordings(), min_size=2, max_size=6))
@settings(max_examples=40, deadline=None)
def test_shares_sum_to_the_whole_exactly(runs):
    found = budget(runs, ["cell"], AS)
    assert len(found) == len(runs) - 1
    whole = cost(runs[0], runs[-1], ["cell"], AS)
    assert found[-1][1] == whole
    for name in NAMES:
        total = 0.0
        for _, _, share in found:
            total += getattr(share, name)
        assert total == getattr(whole, name)


@given(recordings())
@settings(max_examples=20, deadline=None)
def test_a_run_costs_nothing_against_itself(run):
    found = cost(run, run, ["cell"], AS)
    assert found == Cost()
    assert found.gamma == 1


@given(recordings(), recordings())
@settings(max_examples=20, deadline=None)
def test_a_rung_that_changes_nothing_costs_nothing(top, below):
    found = budget([top, below, below], ["cell"], AS)
    assert found[1] == (Cost(), found[0][1], Cost())
