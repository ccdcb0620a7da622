"""The hand-written limits of the delivery engines: on small networks they fire as we do."""

import numpy as np
import pytest

import neurohw as nh
from neurohw.bench.engines import CONTESTS, EngineSpeed, measure
from neurohw.bench.limits import odin, reckon
from neurohw.emulate.log import DROPPED
from neurohw.emulate.words import emulate_words
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


def test_membranes_of_reckon_saturate():
    """So that the order of the sources counts."""
    given = nh.Inputs.from_dense({"in": reckon.by_index_raster(300)})
    run = nh.emulate(reckon.by_index_network(), given)
    assert 1000 < run.spikes["x"].count < 300 * reckon.N // 2
    assert run.overflows["x"]["s"] > 100


def test_the_queue_of_odin_overflows():
    """So that it counts which spike is lost."""
    log = emulate_words(odin.closed_loop_network(), odin.closed_loop_words(1000), record=False)
    assert np.count_nonzero(log.spikes[2] == DROPPED) > 0


def test_command(capsys, tmp_path):
    from neurohw.cli import main

    place = tmp_path / "engines.json"
    assert main(["bench", "engines", "--rounds", "1", "--scale", "0.02", "--json", str(place)]) == 0
    shown = capsys.readouterr().out
    for chip in CONTESTS:
        assert chip in shown
    assert '"factor"' in place.read_text()


@pytest.mark.parametrize("option", [("--figure", "x.png"), ("--chip", "xylo2"), ("--threads", "2")])
def test_options_that_would_say_nothing(capsys, option):
    from neurohw.cli import main

    assert main(["bench", "engines", *option]) == 2
    assert f"bench engines has no {option[0]}; leave it out" in capsys.readouterr().err
