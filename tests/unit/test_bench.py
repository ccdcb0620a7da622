"""The benchmark's parts, small: what a workload is, whose turn it is, what the table says."""

import json
import sys

import numpy as np
import pytest

from neurohw.bench import measure, peer, table
from neurohw.bench.ceiling import FOOTPRINTS
from neurohw.bench.contest import chosen_peers
from neurohw.bench.figure import check_path, roofline, save
from neurohw.bench.measure import Missing, Result, interleave
from neurohw.bench.outcome import OWN, Outcome
from neurohw.bench.workloads import LAVA, W2, W3, WORKLOADS, Workload, fixed_network, network
from neurohw.cli import main
from neurohw.errors import InputError, NeurohwError

TINY = W2.scaled(0.05)


def result(cpu=1.0, events=1_000_000, **more):
    return Result(cpu, cpu, 1.0, events, 12_345, **more)


@pytest.mark.parametrize("name", WORKLOADS)
def test_workload_survives_json(name):
    w = WORKLOADS[name]
    assert Workload.from_json(w.as_json()) == w
    assert json.loads(w.as_json())["delay_high"] == w.delay_high


def test_scaling_keeps_what_a_neuron_gets():
    half = W3.scaled(0.5)
    assert half.n == 50_000
    assert half.k == W3.k
    assert half.synapses * 2 == W3.synapses
    assert W2.footprint == 1000 * 16 * 2


@pytest.mark.parametrize(
    "change", [{"n": 0}, {"k": 0}, {"delay_low": 17}, {"threads": 0}, {"n": 1}], ids=str
)
def test_bad_workload(change):
    with pytest.raises(InputError, match="workload w2"):
        Workload(**{**W2.__dict__, **change})


@pytest.mark.parametrize("scale", [0, -1, float("nan"), 1e9])
def test_bad_scale(scale):
    with pytest.raises(InputError, match="scale is"):
        W2.scaled(scale)


def test_network_is_the_workload():
    net = network(TINY)
    assert (net.neurons, net.synapses, net.dt) == (50, 5000, 1e-3)
    incoming = np.zeros(40, int)
    for p in net.projections:
        assert (p.weight > 0).all() == (p.source == "E")
        # neurohw counts delays from the end of the step of the spike
        assert set(np.rint(p.delay / 1e-3)) <= set(range(16))
        if p.target == "E":
            incoming += np.bincount(p.post, minlength=40)
    assert (incoming == 100).all()


def test_membranes_start_between_reset_and_threshold(loihi2):
    fixed = fixed_network(TINY, loihi2)
    for p in fixed.populations.values():
        v = p.initial["v"]
        assert v.min() >= 0
        assert (v <= p.parameters["vth"] << 6).all()
        assert np.unique(v).size > 0.9 * p.n


def test_turns():
    seen, told = [], []

    def runs(name, answer):
        def run():
            seen.append(name)
            return answer

        return run

    done = interleave(
        {"a": runs("a", result()), "b": runs("b", Missing("b: gone")), "c": runs("c", result(3.0))},
        3, lambda *x: told.append(x),
    )  # fmt: skip
    assert "".join(seen) == "abcacac"
    assert told[0] == ("a", 0, 9)
    assert done.missing == {"b": "b: gone"}
    assert {k: len(v) for k, v in done.results.items()} == {"a": 3, "c": 3}
    assert measure.ratio(done.results["c"], done.results["a"]).median == pytest.approx(3)


def test_who_gives_up_late_is_out():
    answers = iter([result(), Missing("late")])
    done = interleave({"a": lambda: next(answers)}, 2)
    assert done.results == {}
    assert done.missing == {"a": "late"}


def test_no_rounds():
    with pytest.raises(InputError, match="rounds is 0"):
        interleave({}, 0)


def test_ratio_is_of_pairs():
    slow = (result(10.0), result(40.0), result(20.0))
    fast = (result(1.0), result(2.0), result(1.0))
    span = measure.ratio(slow, fast)
    assert (span.low, span.median, span.high) == pytest.approx((10, 20, 20))


@pytest.fixture
def outcomes():
    """The widest that can be expected: large ratios, long names."""
    rounds = measure.Rounds(
        {
            OWN: (result(0.105, 151_390_000), result(0.11, 151_390_000)),
            "brian2": (result(5.9, 157_213_000), result(6.1, 157_213_000)),
            "lava": (
                result(76.54, threads=16, bytes_per_synapse=3456.7),
                result(79.99, threads=16),
            ),
        },
        {"nest": "nest: not installed; install uv"},
    )
    return [Outcome("microcircuit", 77_169, 298_880_968, 10 << 20, rounds)]


@pytest.mark.parametrize("value", ["0.000123", "0.0123", "1.23", "12.3", "123", "123,457"])
def test_digits(value):
    assert table.digits(float(value.replace(",", ""))) == value


def test_table_fits(outcomes, capsys):
    from neurohw.cli import console

    rows = table.rows(outcomes)
    assert [row[1] for row in rows] == [OWN, "brian2", "lava"]
    assert [row[0] for row in rows] == ["microcircuit", "", ""]
    rows[2] = (*rows[2][:5], "7,654 (6,543..8,765)", *rows[2][6:])
    console.table("Speed", table.COLUMNS, rows)
    lines = capsys.readouterr().out.rstrip().splitlines()
    assert max(map(len, lines)) <= 100
    assert len(lines) == 4 + len(rows)  # nothing is wrapped
    assert max(map(len, table.NOTE.splitlines())) <= 100


def test_figure(outcomes, tmp_path):
    ceiling = [(size, 3e9 / (1 + size / 2**20)) for size in FOOTPRINTS]
    figure = roofline(outcomes, ceiling)
    axes = figure.axes[0]
    assert "KiB" in axes.get_xlabel()
    assert "per CPU second" in axes.get_ylabel()
    assert {t.get_text() for t in axes.texts} == {"microcircuit"}
    for name in ("a.png", "a.svg"):
        save(figure, tmp_path / name)
        assert (tmp_path / name).stat().st_size > 5000


def test_figure_of_nothing(tmp_path):
    save(roofline([], []), tmp_path / "empty.png")
    with pytest.raises(InputError, match=r"a\.txt: a figure's name ends in \.png"):
        check_path(tmp_path / "a.txt")


@pytest.mark.parametrize("text", ["nest,nest", "neuron", ""])
def test_unknown_peers(text):
    with pytest.raises(NeurohwError):
        chosen_peers(text)


def test_peers_by_name():
    assert chosen_peers("none") == ()
    assert chosen_peers("lava, nest") == ("lava", "nest")


def test_peer_that_is_not_there(monkeypatch):
    monkeypatch.setenv("NEUROHW_BENCH_NEST", "/no/such/python")
    missing = peer.run_peer("nest", TINY)
    assert missing == Missing(
        "nest: no program '/no/such/python'; set NEUROHW_BENCH_NEST to a Python with it"
    )


def test_no_peer_and_no_uv(monkeypatch):
    for name in ("NEUROHW_BENCH_LAVA", "UV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(peer.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(peer.shutil, "which", lambda name: None)
    missing = peer.run_peer("lava", LAVA)
    assert isinstance(missing, Missing)
    assert missing.reason.startswith("lava: not installed; install uv")


def test_peer_without_its_simulator(monkeypatch):
    monkeypatch.setenv("NEUROHW_BENCH_NEST", sys.executable)
    if peer.importlib.util.find_spec("nest"):
        pytest.skip("nest is installed here")
    missing = peer.run_peer("nest", TINY, timeout=60)
    assert isinstance(missing, Missing)
    assert "No module named 'nest'" in missing.reason
    assert "\n" not in missing.reason


@pytest.mark.parametrize(
    "program", ["print('banner only')", "print('{}')", "print('[1]')", "pass"], ids=str
)
def test_peer_that_prints_something_else(monkeypatch, tmp_path, program):
    script = tmp_path / "odd.py"
    script.write_text(program)
    monkeypatch.setitem(peer.PEERS, "nest", (str(script), "nest", None))
    monkeypatch.setenv("NEUROHW_BENCH_NEST", sys.executable)
    missing = peer.run_peer("nest", TINY, timeout=60)
    assert isinstance(missing, Missing)
    assert missing.reason.startswith("nest: no result in what it printed")


def test_peer_that_hangs(monkeypatch, tmp_path):
    script = tmp_path / "slow.py"
    script.write_text("import time; time.sleep(60)")
    monkeypatch.setitem(peer.PEERS, "nest", (str(script), "nest", None))
    monkeypatch.setenv("NEUROHW_BENCH_NEST", sys.executable)
    missing = peer.run_peer("nest", TINY, timeout=1)
    assert isinstance(missing, Missing)
    assert "was stopped after 1 s" in missing.reason


def test_own_run(loihi2):
    run = measure.run_own(fixed_network(TINY, loihi2), 20, 10)
    assert run.cpu_s > 0
    assert run.events == pytest.approx(run.spikes * TINY.k, rel=0.3)
    assert 5 < run.spikes / run.seconds_bio / TINY.n < 100


def test_command(tmp_path, capsys):
    out = tmp_path / "bench.json"
    code = main(
        ["bench", "w2", "--scale", "0.05", "--peers", "none", "--rounds", "1", "--json", str(out)]
    )
    assert code == 0
    text = capsys.readouterr().out
    assert "neurohw" in text
    assert max(map(len, text.splitlines())) <= 100
    (found,) = json.loads(out.read_text())["workloads"]
    assert found["neurons"] == 50
    assert len(found["runs"][OWN]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--peers", "neuron"], "unknown peer 'neuron'"),
        (["--scale", "0"], "scale is 0"),
        (["--figure", "x.txt"], "a figure's name ends in"),
    ],
    ids=str,
)
def test_command_refuses(arguments, message, capsys):
    assert main(["bench", "w2", *arguments]) == 2
    assert message in capsys.readouterr().err
