"""Running: the same bits in any process and thread, what is refused, what is recorded."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import neurohw as nh
from neurohw.emulate.generate import Kind, Setting
from neurohw.emulate.store import cache_folder, load_kernel, make_room
from neurohw.emulate.ticks import Shape, Tick
from neurohw.errors import CapacityError, InputError, RegisterOverflow, UnknownName
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.testing import assert_same, random_inputs, random_network

COUNT = """
import neurohw as nh
from neurohw.testing import random_inputs, random_network
network = random_network(12, nh.load_chip("prototype"), largest=30, kinds=("alif",))
run = nh.emulate(network, random_inputs(12, network, steps=40), seed=9)
print(sum(s.count for s in run.spikes.values()), dict(run.synaptic_events))
"""


def chain(chip, **codes):
    """An input that drives a neuron that drives another; delay 2 in between."""
    neuron = chip.neurons["lif"]
    given = {"du": 4095, "dv": 0, "vth": 10, "bias_mant": 0, "bias_exp": 0} | codes
    populations = {n: FixedPopulation.of(n, 1, neuron, given) for n in ("a", "b")}
    return FixedPointNetwork(
        chip,
        1e-3,
        {"in": 1},
        populations,
        (
            FixedProjection.of("in", "a", [0], [0], [20]),
            FixedProjection.of("a", "b", [0], [0], [20], [2]),
        ),
    )


def test_latency_and_delay(loihi2):
    inputs = nh.Inputs(10, spikes={"in": nh.network.events.Spikes.of(1, [0], [3], [0])})
    run = nh.emulate(chain(loihi2), inputs, record={"b": ["u"]})
    assert run.spikes["in"].step.tolist() == [3]
    assert run.spikes["a"].step.tolist() == [4]
    assert run.spikes["b"].step.tolist() == [7]
    assert run.trace("b", "u").values[0, :, 0].tolist() == [0] * 7 + [20 * 64] + [0] * 2
    assert run.synaptic_events == {"in->a": 1, "a->b": 1}


def test_the_same_in_threads(loihi2):
    network = random_network(21, loihi2, largest=40)
    inputs = random_inputs(21, network, steps=80)
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: nh.emulate(network, inputs), range(8)))
    for run in runs[1:]:
        assert_same(runs[0], run)


def test_the_same_in_another_process(prototype):
    network = random_network(12, prototype, largest=30, kinds=("alif",))
    run = nh.emulate(network, random_inputs(12, network, steps=40), seed=9)
    here = f"{sum(s.count for s in run.spikes.values())} {dict(run.synaptic_events)}"
    done = subprocess.run(
        [sys.executable, "-c", COUNT], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == here


def test_the_seed_matters_where_the_chip_draws(prototype):
    network = random_network(12, prototype, largest=30, kinds=("alif",))
    inputs = random_inputs(12, network, steps=40)
    record = {"p0": ["v"]}
    first, again, other = (
        nh.emulate(network, inputs, seed=s, record=record).trace("p0", "v").values
        for s in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_kernels_are_cached_on_disk(tmp_path, monkeypatch):
    """A second process finds the machine code that the first left, and needs no numba; what is not whole
    is made again."""
    environment = {**os.environ, "NEUROHW_CACHE_DIR": str(tmp_path)}
    environment.pop("NUMBA_DISABLE_JIT", None)

    def run():
        done = subprocess.run(
            [sys.executable, "-c", COUNT + "import sys; print('numba' in sys.modules)"], env=environment,
            timeout=300, check=True, capture_output=True, text=True,
        )  # fmt: skip
        found = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.o")}
        return found, done.stdout.splitlines()

    before, (count, compiled) = run()
    assert before
    assert compiled == "True"
    assert run() == (before, [count, "False"])
    broken = min(before)
    broken.write_bytes(broken.read_bytes()[:-1])
    after, (again, compiled) = run()
    assert (again, compiled) == (count, "True")
    assert {p for p in before if after[p] != before[p]} == {broken}
    monkeypatch.setenv("NEUROHW_CACHE_DIR", str(tmp_path / "new"))
    assert cache_folder() == tmp_path / "new"


def test_a_full_cache_loses_what_was_not_used_for_longest(tmp_path, monkeypatch):
    monkeypatch.setattr("neurohw.emulate.store.ROOM", 1000)
    for k in range(12):
        path = tmp_path / ("__pycache__" if k % 2 else ".") / f"kernel_{k:020x}.o"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(100))
        os.utime(path, (1000 + k, 1000))
    os.utime(tmp_path / f"kernel_{0:020x}.o", (2000, 1000))
    theirs = {"other.json", "kernel_weights.csv"}
    for name in theirs:
        (tmp_path / name).write_bytes(bytes(5000))
    make_room.cache_clear()
    make_room(tmp_path)
    left = {p.name for p in tmp_path.rglob("*.*") if p.is_file()}
    assert left == theirs | {f"kernel_{k:020x}.o" for k in (0, 8, 9, 10, 11)}
    make_room.cache_clear()
    make_room(tmp_path / "none")


def test_kernels_need_a_compiler(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "neurohw", "demo", "--out", str(tmp_path / "demo")], timeout=300,
        env={**os.environ, "NEUROHW_CACHE_DIR": str(tmp_path), "NUMBA_DISABLE_JIT": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "NUMBA_DISABLE_JIT is set" in done.stderr and "Traceback" not in done.stderr


def test_a_tampered_cache_file_is_replaced(loihi2, tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROHW_CACHE_DIR", str(tmp_path))
    source = (
        Tick(
            Kind(loihi2.neurons["li"]),
            Setting(loihi2.delivery),
            Shape(sums={"syn": (-(2**31), 2**31 - 1)}),
        ).source()
        + "\n# only here\n"
    )
    module = load_kernel(source)
    path = tmp_path / f"{module.__name__.replace('neurohw_', '')}.py"
    path.write_text("raise SystemExit('not ours')")
    monkeypatch.setattr("neurohw.emulate.store._LOADED", {})
    load_kernel(source)
    assert path.read_text() == source


def test_overflow_without_a_mode_names_everything(loihi2):
    chip = nh.load_chip("loihi2", {"neuron.lif.registers.v": "s24"})
    network = chain(chip, vth=131071, bias_mant=4095, bias_exp=7)
    with pytest.raises(RegisterOverflow) as error:
        nh.emulate(network, nh.Inputs(100))
    text = str(error.value)
    for part in ("a.v of neuron 0", "tick 16", "trial 0", "s24 holds -8388608..8388607"):
        assert part in text, text


def test_overflows_are_counted_by_register(loihi2):
    network = chain(loihi2, vth=131071, bias_mant=4095, bias_exp=7)
    run = nh.emulate(network, nh.Inputs(50))
    assert run.overflows["a"]["v"] > 0
    assert set(run.overflows) == {"a", "b"}


def test_a_population_at_rest_is_skipped(loihi2):
    """A broken neuron is found only if it is computed: at rest it must not be."""
    network = chain(loihi2)
    inputs = nh.Inputs(4000)
    quiet = nh.emulate(network, inputs, record={"a": ["v"]})
    assert not quiet.trace("a", "v").values.any()
    busy = chain(loihi2, bias_mant=1)
    assert nh.emulate(busy, inputs).spikes["a"].count == 4000 // 641


def test_what_is_refused(loihi2):
    network = chain(loihi2)
    inputs = nh.Inputs(5)
    with pytest.raises(UnknownName, match="register of lif .* 'w'"):
        nh.emulate(network, inputs, record={"a": ["w"]})
    with pytest.raises(UnknownName, match="did you mean 'a'|unknown population 'aa'"):
        nh.emulate(network, inputs, record={"aa": ["v"]})
    with pytest.raises(InputError, match="neurons of 'a'.* 7"):
        nh.emulate(network, inputs, record={"a": ["v"]}, neurons={"a": [7]})
    with pytest.raises(InputError, match="stride"):
        nh.emulate(network, inputs, stride=0)
    with pytest.raises(InputError, match="seed"):
        nh.emulate(network, inputs, seed=-1)
    with pytest.raises(CapacityError, match=r"300; loihi2 stores -256..255"):
        FixedPointNetwork(
            loihi2, 1e-3, {"in": 1}, {"a": network.populations["a"]},
            (FixedProjection.of("in", "a", [0], [0], [300]),),
        )  # fmt: skip


def test_what_a_binary_chip_refuses():
    chip = nh.load_chip("prototype")
    network = random_network(1, chip)
    size = network.inputs["input"]
    with pytest.raises(InputError, match="binary"):
        nh.emulate(network, nh.Inputs.from_dense({"input": np.full((5, size), 3)}))
    name = next(iter(network.populations))
    with pytest.raises(CapacityError, match="in no weight mode"):
        FixedPointNetwork(
            chip, 1e-3, {"in": 1}, {name: network.populations[name]},
            (FixedProjection.of("in", name, [0], [0], [300]),),
        )  # fmt: skip


def test_recording_survives_its_file(loihi2, tmp_path):
    network = random_network(4, loihi2, largest=20)
    inputs = random_inputs(4, network, steps=30, trials=2)
    record = {n: list(p.neuron.tick.registers) for n, p in network.populations.items()}
    run = nh.emulate(network, inputs, record=record)
    run.save(tmp_path / "run.npz")
    assert_same(run, nh.load_recording(tmp_path / "run.npz"))
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]
