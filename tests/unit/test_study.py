"""Studies that run: every task once, whatever is killed; the rows what the library computes."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurohw as nh
from neurohw.cli import main
from neurohw.errors import BackendMissing, ChildError, FileError, InputError
from neurohw.study import load_study, pool, run_study
from neurohw.study.figure import scatter
from neurohw.study.lock import locked
from neurohw.study.pareto import COSTS, Candidate, Front, front
from neurohw.study.read import parse_study
from neurohw.study.results import Results, read_rows
from neurohw.study.tasks import plan

nir = pytest.importorskip("nir", exc_type=ImportError)

STUDY = """\
name = "tiny"
chip = "prototype"
metrics = ["spikes", "overflows"]
{top}
[network]
file = "tiny.nir"
dt = 1e-3
[inputs]
file = "tiny.npz"
[axes]
"weight.bits" = [8, 5]
{axes}
"""


def lif(n):
    one = np.ones(n)
    return nir.LIF(tau=one * 1e-2, r=one, v_leak=one * 0, v_threshold=one * 0.5)


@pytest.fixture(scope="session")
def material(tmp_path_factory):
    """A network of six neurons and its input, in files."""
    folder = tmp_path_factory.mktemp("material")
    rng = np.random.default_rng(1)
    nodes = {
        "input": nir.Input({"input": np.array([3])}), "w1": nir.Linear(rng.normal(3, 2, (4, 3))),
        "hidden": lif(4), "w2": nir.Linear(rng.normal(3, 2, (2, 4))), "out": lif(2),
        "output": nir.Output({"output": np.array([2])}),
    }  # fmt: skip
    names = list(nodes)
    graph = nir.NIRGraph(nodes, list(itertools.pairwise(names)), type_check=False)
    nir.write(folder / "tiny.nir", graph)
    spikes = (rng.random((6, 20, 3)) < 0.4).astype(np.uint8)
    np.savez(folder / "tiny.npz", spikes=spikes, labels=rng.integers(0, 2, 6))
    return folder


@pytest.fixture
def study(material, tmp_path):
    """Write a study beside the material; gives its path."""

    def write(axes="", top=""):
        for name in ("tiny.nir", "tiny.npz"):
            (tmp_path / name).write_bytes((material / name).read_bytes())
        path = tmp_path / "study.toml"
        path.write_text(STUDY.format(axes=axes, top=top))
        return path

    return write


def results(rows):
    """Rows by id without what differs from run to run."""
    found = {row["id"]: {k: v for k, v in row.items() if k != "seconds"} for row in rows}
    assert len(found) == len(rows)
    return found


def test_rows_are_what_the_library_computes(study, tmp_path):
    path = study(
        '"inputs.samples" = [2, 6]\n[quantise]\non_limit = "clip"\n',
    )
    text = path.read_text().replace(
        '"spikes"', '"accuracy", "hidden.gamma", "spike_agreement", "van_rossum", "spikes"'
    )
    path.write_text(text)
    finished = run_study(load_study(path), tmp_path / "out", workers=0)
    assert len(finished.rows) == finished.ran == 4
    assert not finished.failed
    net = nh.load_network(tmp_path / "tiny.nir", dt=1e-3)
    inputs = nh.load_inputs(tmp_path / "tiny.npz", net)
    for row in finished.rows:
        few = inputs.first(row["inputs.samples"])
        steps = few.steps + net.latency()
        chip = nh.load_chip("prototype", {"weight.bits": row["weight.bits"]})
        fixed = nh.quantise(net, chip, on_limit="clip")
        ran = nh.emulate(fixed, few, steps=steps)
        meant = nh.reference(net, few, steps=steps)
        found = nh.compare(meant, ran, outputs=net.outputs, labels=few.labels)
        assert row["accuracy"] == found.accuracy_other
        assert row["hidden.gamma"] == found.populations["hidden"].gamma
        neurons = [found.populations[k] for k in ("hidden", "out")]
        assert row["spikes"] == sum(p.spikes_other for p in neurons)
        share = 2 * sum(p.agreeing for p in neurons)
        assert row["spike_agreement"] == share / sum(
            p.spikes_reference + p.spikes_other for p in neurons
        )
        mean = sum(p.van_rossum * p.trains for p in neurons) / sum(p.trains for p in neurons)
        assert row["van_rossum"] == pytest.approx(mean)
        state = 6 * (20 + 20 + 4)
        assert row["bits"] == 20 * row["weight.bits"] + state


def test_what_is_done_is_not_done_again(study, tmp_path):
    loaded = load_study(study("seed = [0, 1, 2]"))
    out = tmp_path / "out"
    first = run_study(loaded, out, workers=0)
    before = (out / "results.jsonl").read_bytes()
    again = run_study(loaded, out, workers=0)
    assert (first.ran, again.ran) == (6, 0)
    assert again.rows == first.rows
    assert (out / "results.jsonl").read_bytes() == before
    lines = before.splitlines(keepends=True)
    (out / "results.jsonl").write_bytes(b"".join(lines[:2] + lines[3:]) + lines[2][:-5])
    assert run_study(loaded, out, workers=0).ran == 1
    more = load_study(study("seed = [0, 1, 2, 3]"))
    assert run_study(more, out, workers=0).ran == 2
    assert len(read_rows(out / "results.jsonl")) == 8


def test_csv_is_in_the_order_of_the_study(study, tmp_path):
    run_study(load_study(study("seed = [5, 3]")), tmp_path / "out", workers=2)
    lines = (tmp_path / "out" / "results.csv").read_text().splitlines()
    assert lines[0] == "id,weight.bits,seed,spikes,overflows,bits,error,seconds,neurohw"
    assert [line.split(",")[1:3] for line in lines[1:]] == [
        ["8", "5"], ["8", "3"], ["5", "5"], ["5", "3"],
    ]  # fmt: skip


@settings(deadline=None)
@given(st.data())
def test_torn_line_is_cut_off(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("torn") / "results.jsonl"
    rows = [{"id": f"{k}", "text": "ö" * k} for k in range(4)]
    whole = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    at = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:at])
    kept = whole[:at].count(b"\n")
    assert read_rows(path) == rows[:kept]
    assert path.read_bytes() == whole[:at]  # reading changes nothing
    found = Results(path)
    found.append({"id": "new"})
    found.close()
    assert read_rows(path) == [*rows[:kept], {"id": "new"}]
    assert path.read_bytes().count(b"\n") == kept + 1


def test_lines_that_are_no_rows(tmp_path):
    path = tmp_path / "results.jsonl"
    for line in ("no json", "[1]", '{"id": 3}', "[" * 100_000):
        path.write_text(f'{{"id": "a"}}\n{line}\n')
        with pytest.raises(FileError, match=r"results.jsonl:2: is no row"):
            Results(path)


def test_failed_tasks_have_a_row_and_run_again_only_when_told(study, tmp_path, capsys):
    path, out = study('"neuron.lif.registers.v" = ["s16 clamp", "s99 clamp"]'), tmp_path / "out"
    finished = run_study(load_study(path), out, workers=0)
    assert len(finished.failed) == 2
    for row in finished.failed:
        assert row["neuron.lif.registers.v"] == "s99 clamp"
        assert "prototype.toml with another 'neuron.lif.registers.v'" in row["error"]
        assert row["spikes"] is None
    assert run_study(load_study(path), out, workers=0).ran == 0
    assert run_study(load_study(path), out, workers=0, retry=True).ran == 2
    assert len((out / "results.jsonl").read_text().splitlines()) == 4
    assert main(["study", str(path), "-o", str(out), "--workers", "0"]) == 0
    assert "2 failed, such as:" in capsys.readouterr().out


SLOW = """
import sys, time
from pathlib import Path
from neurohw.study import load_study, run_study
run_study(load_study(sys.argv[1]), sys.argv[2], workers=0, progress=lambda p: time.sleep(0.02))
"""


def test_killed_again_and_again_every_task_is_done_once(study, tmp_path):
    path, out = study(f"seed = {list(range(12))}"), tmp_path / "out"
    file = out / "results.jsonl"
    command = [sys.executable, "-c", SLOW, str(path), str(out)]
    wait = np.random.default_rng(7)
    for _ in range(2):
        before = len(read_rows(file))
        with subprocess.Popen(command) as process:
            while process.poll() is None and len(read_rows(file)) < before + 3:
                time.sleep(0.002)
            time.sleep(wait.uniform(0, 0.1))
            assert process.poll() is None
            process.kill()
    data = file.read_bytes()
    file.write_bytes(data[:-7])  # torn while it was written
    finished = run_study(load_study(path), out, workers=0)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert finished.ran == 24 - (data.count(b"\n") - 1)
    whole = run_study(load_study(path), tmp_path / "whole", workers=0)
    assert results(rows) == results(whole.rows)
    assert len(rows) == 24


def test_processes_give_the_same_rows_also_when_killed(study, tmp_path):
    loaded = load_study(study(f"seed = {list(range(6))}"))
    here = run_study(loaded, tmp_path / "here", workers=0)
    work = plan(loaded)
    tasks = {k: task.as_dict() for k, task in work.tasks.items()}
    found = {}
    with pool.Pool(work.blobs, 2) as workers:
        for label, answer in workers.outcomes(tasks):
            assert label not in found
            found[label] = answer
            if len(found) in (1, 5):
                os.kill(workers.running[0].process.pid, signal.SIGKILL)
        processes = [w.process for w in workers.running]
    assert all(p.poll() is not None for p in processes)
    assert {k: a["error"] for k, a in found.items()} == dict.fromkeys(tasks)
    for row in here.rows:
        assert all(row[k] == v for k, v in found[row["id"]]["figures"].items())


STUB = """
import sys
sys.stdin.readline()
print('{"ready": true}', flush=True)
for line in sys.stdin:
"""


def test_a_task_that_kills_its_worker(monkeypatch):
    monkeypatch.setattr(pool, "START", STUB + "    import os; os.kill(os.getpid(), 9)")
    with pool.Pool({}, 2) as workers:
        found = dict(workers.outcomes({"a": {}, "b": {}}))
    assert [found[k]["error"] for k in "ab"] == ["its worker died 3 times, at last of SIGKILL"] * 2


def test_a_task_that_takes_too_long(monkeypatch):
    told = "    import time; time.sleep('slow' in line and 60)\n"
    answer = '    print(\'{"figures": {}, "error": null, "seconds": 0}\', flush=True)'
    monkeypatch.setattr(pool, "START", STUB + told + answer)
    with pool.Pool({}, 1, timeout=2) as workers:
        found = dict(workers.outcomes({"a": {"slow": 1}, "b": {}}))
    assert found["a"]["error"] == "took longer than timeout_s = 2 s"
    assert found["b"]["error"] is None


def test_workers_that_can_not_start(monkeypatch):
    monkeypatch.setattr(pool, "START", "raise SystemExit('no library')")
    with (
        pool.Pool({}, 2) as workers,
        pytest.raises(ChildError, match=r"can't start \(exit code 1: no library\)"),
    ):
        list(workers.outcomes({"a": {}}))
    monkeypatch.setattr(pool, "START", STUB + '    print(\'{"missing": "no brian2"}\', flush=True)')
    with pool.Pool({}, 1) as workers, pytest.raises(BackendMissing, match="no brian2"):
        list(workers.outcomes({"a": {}}))


def test_workers_die_with_their_parent():
    script = (
        "import time\nfrom neurohw.study.pool import Pool\n"
        "p = Pool({}, 1)\np._start(1)\np.running[0].receive()  # that it is ready\n"
        "print(p.running[0].process.pid, flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.kill()
    until = time.monotonic() + 20
    while _lives(child):
        assert time.monotonic() < until
        time.sleep(0.02)


def _lives(process: int) -> bool:
    """Whether a process is there and no zombie."""
    shown = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False
    )
    return bool(shown.stdout.strip()) and not shown.stdout.strip().startswith("Z")


def test_interrupted_it_ends_and_keeps_what_is_done(study, tmp_path):
    path, out = study(f"seed = {list(range(2000))}"), tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "neurohw",
        "study",
        str(path),
        "-o",
        str(out),
        "--workers",
        "1",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while len(read_rows(out / "results.jsonl")) < 2:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=20)[1]
    assert process.returncode == 130
    assert "the same command goes on" in said
    assert "Traceback" not in said
    assert 2 <= len(read_rows(out / "results.jsonl")) < 4000


def test_one_study_at_a_time_in_a_folder(study, tmp_path):
    loaded, out = load_study(study()), tmp_path / "out"
    out.mkdir()
    with locked(out / "study.lock"), pytest.raises(InputError, match="another study runs"):
        run_study(loaded, out, workers=0)
    assert run_study(loaded, out, workers=0).ran == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('"spikes"', '"nowhere.gamma"'), "unknown population of metric 'nowhere.gamma'"),
        (("tiny.npz", "tiny.nir"), "not a readable .npz"),
        (("tiny.nir", "tiny.npz"), "networks are read from .nir files"),
        (("[axes]", 'analogue = ["x"]\n[axes]'), "unknown key 'analogue'"),
        (("dt = 1e-3", 'dt = 1e-3\nanalogue = ["x"]'), "unknown input"),
    ],
)
def test_what_is_wrong_for_all_tasks_is_said_at_once(study, tmp_path, capsys, change, said):
    path = study()
    path.write_text(path.read_text().replace(*change))
    out = tmp_path / "out"
    assert main(["study", str(path), "-o", str(out), "--workers", "0"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert "neurohw-study-" not in error  # where a worker puts files is nobody's business
    assert not read_rows(out / "results.jsonl")


def test_command_line(study, tmp_path, capsys, monkeypatch):
    path = study('seed = [0, 1]\n"neuron.lif.tick:shr0" = ["shr0", "shre"]')
    path.write_text(path.read_text().replace('"spikes"', '"accuracy", "accuracy_reference"'))
    monkeypatch.chdir(tmp_path)
    assert main(["study", str(path), "--dry-run"]) == 0
    assert "tiny: 8 tasks, 0 done (0 failed), 8 to do" in capsys.readouterr().out
    assert not (tmp_path / "study-results").exists()
    assert main(["study", str(path), "--workers", "0"]) == 0
    shown = capsys.readouterr()
    assert "best accuracy for its cost" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 100
    assert main(["study", str(path), "--dry-run", "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert (counts["tasks"], counts["done"], counts["to_do"]) == (8, 8, 0)
    assert main(["study", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ran"] == 0
    assert told["costs"] == ["bits"]
    assert {b["rows"] for b in told["best"]} == {2}  # seeds are averaged
    assert (tmp_path / "study-results" / "pareto.png").read_bytes().startswith(b"\x89PNG")


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), max_size=12))
def test_front_is_what_nothing_beats(points):
    study = replace(parse_study(STUDY.format(axes="", top="")), axes=("k",), metrics=("accuracy",))
    rows = [
        {"id": str(k), "k": k, "accuracy": a / 3, "bits": b, "energy": e, "error": None}
        for k, (a, b, e) in enumerate(points)
    ]
    found = front(study, [*rows, {"id": "x", "k": -1, "accuracy": None, "error": "failed"}])
    if not points:
        assert found is None
        return
    assert found is not None
    assert found.costs == COSTS

    def beaten(k):
        a, b, e = points[k]
        return any(
            x >= a and y <= b and z <= e and (x, y, z) != (a, b, e) for x, y, z in points
        )  # fmt: skip

    best = {c.settings["k"] for c in found.best}
    assert best == {k for k in range(len(points)) if not beaten(k)}


def test_plot_has_a_panel_for_each_cost():
    candidates = tuple(
        Candidate({"k": k}, k / 5, (k / 5 - 0.01, k / 5 + 0.01), (2.0**k, 30.0 - k), 3)
        for k in range(5)
    )
    figure = scatter("plot", Front("accuracy", True, COSTS, candidates, candidates[2:]), 0.9)
    assert [axes.get_xlabel() for axes in figure.axes] == [
        "weights and registers (bits)",
        "energy (J)",
    ]
    numbers = [[t.get_text() for t in axes.texts] for axes in figure.axes]
    assert numbers == [["1", "2", "3"]] * 2


def test_dask_gives_the_same_rows_with_a_worker_killed(study, tmp_path):
    distributed = pytest.importorskip("distributed")

    loaded = load_study(study(f"seed = {list(range(15))}"))
    here = run_study(loaded, tmp_path / "here", workers=0)
    killed = []

    def kill(progress):
        if progress.done == 5 and not killed:
            killed.append(next(iter(cluster.workers.values())).pid)
            os.kill(killed[0], signal.SIGKILL)

    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        address = cluster.scheduler_address
        there = run_study(loaded, tmp_path / "there", dask=address, progress=kill)
    assert killed
    assert results(there.rows) == results(here.rows)
    with pytest.raises(InputError, match="is no address"):
        run_study(loaded, tmp_path / "nowhere", dask="nowhere://x")


def test_read_by_pandas(study, tmp_path):
    pandas = pytest.importorskip("pandas")
    run_study(load_study(study("seed = [0, 1]")), tmp_path / "out", workers=0)
    table = pandas.read_json(tmp_path / "out" / "results.jsonl", lines=True)
    assert list(table["weight.bits"]) == [8, 8, 5, 5]
    same = pandas.read_csv(tmp_path / "out" / "results.csv")
    assert list(same.columns) == list(table.columns)


def test_paths_are_relative_to_the_study(study, tmp_path, monkeypatch):
    path = study()
    profile = Path(nh.load_chip("prototype").path).read_text()
    (tmp_path / "own.toml").write_text(profile.replace('name = "prototype"', 'name = "own"'))
    path.write_text(path.read_text().replace('"prototype"', '"./own.toml"'))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert not run_study(load_study(path), "out", workers=0).failed
