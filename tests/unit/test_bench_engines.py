"""The hand-written limits of the delivery engines: on small networks they fire as we do."""

import numpy as np
import pytest

from neurohw.bench.engines import CONTESTS, EngineSpeed, measure
from neurohw.errors import UnknownName


@pytest.mark.parametrize("chip", CONTESTS)
def test_the_hand_written_kernel_fires_as_we_do(chip):
    """Two runs in a row, with spikes and synaptic events in them."""
    contest = CONTESTS[chip](0.05)
    events = 0
    for _ in range(2):
        (seconds, ours), (least, limit) = contest.ours(), contest.limit()
        assert np.array_equal(ours, limit)
        assert ours.size > 0
        assert min(seconds, least) >= 0
        events += contest.count(ours)
    assert events > 10_000


def test_measure_gives_a_row_for_each_chip():
    (row,) = measure(rounds=1, size=0.02, chips=["tinyodin"])
    assert isinstance(row, EngineSpeed)
    assert (row.chip, row.engine) == ("tinyodin", "queue")
    assert row.events > 0
    with pytest.raises(UnknownName, match="chip with a limit"):
        measure(chips=["loihi1"])
