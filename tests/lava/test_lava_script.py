"""The Lava script against plain Python integers: every spike, every register, every step.

Needs lava-nc 0.10 (Python 3.10); skipped elsewhere. The oracle below follows the rules that Lava's
fixed-point models apply: one loop per neuron and synapse, no numpy arithmetic.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from neurohw_backends.lava_program import join_program

SCRIPT = Path(tempfile.mkdtemp(prefix="neurohw-lava-")) / "program.py"
SCRIPT.write_text(join_program())
LIF = "lava.proc.lif.process.LIF"
pytestmark = pytest.mark.filterwarnings("default")  # lava's own imports warn


@pytest.fixture(scope="module")
def script() -> types.ModuleType:
    if sys.version_info[:2] != (3, 10):
        pytest.skip("lava-nc 0.10 needs Python 3.10")
    pytest.importorskip("lava")
    return load_script(SCRIPT, "lava_script_under_test")


def load_script(path: Path, name: str) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


# ---- oracle --------------------------------------------------------------------------------------


def wrap32(x: int) -> int:
    return (x + 2**31) % 2**32 - 2**31


def decay(x: int, factor: int) -> int:
    """x * factor / 4096, toward zero."""
    product = x * factor
    return (abs(product) >> 12) * (1 if product >= 0 else -1)


def wrap24(x: int) -> int:
    if x > 2**23:
        return x - 2**24
    return x + 2**24 if x <= -(2**23) else x


def clip24(x: int) -> int:
    return max(-(2**23) + 1, min(2**23 - 1, x))


def lif(state: dict[str, int], p: dict[str, Any], syn: int) -> int:
    state["u"] = wrap24(wrap32(decay(state["u"], 4095 - p["du"]) + wrap32(syn << 6)))
    bias = p.get("bias_mant", 0) << p.get("bias_exp", 0)
    state["v"] = clip24(wrap32(decay(state["v"], 4096 - p["dv"]) + state["u"] + bias))
    if state["v"] <= p["vth"] << 6:
        return 0
    state["v"] = 0
    return 1


def lif_refractory(state: dict[str, int], p: dict[str, Any], syn: int) -> int:
    if state["hold"] == 0:
        spike = lif(state, p, syn)
        state["hold"] = p["refractory"] * spike
        return spike
    state["u"] = wrap24(wrap32(decay(state["u"], 4095 - p["du"]) + wrap32(syn << 6)))
    state["hold"] -= 1
    return 0


def atrlif(state: dict[str, int], p: dict[str, Any], syn: int) -> int:
    k = {name: int(p["delta_" + name] * 4096) for name in ("i", "v", "theta", "r")}
    theta_0, step = p["theta_0"] * 64, p["theta_step"] * 64
    bias = p.get("bias_mant", 0)
    state["i"] = wrap24(wrap32(decay(state["i"], 4095 - k["i"]) + syn * 64))
    state["v"] = clip24(wrap32(decay(state["v"], 4096 - k["v"]) + state["i"] + bias))
    state["theta"] = decay(state["theta"] - theta_0, 4096 - k["theta"]) + theta_0
    state["r"] = decay(state["r"], 4096 - k["r"])
    if state["v"] - state["r"] < state["theta"]:
        return 0
    state["r"] += 2 * state["theta"]
    state["theta"] += step
    return 1


RULES = {"lif": lif, "lif_refractory": lif_refractory, "atrlif": atrlif}


def simulate(net: Net, steps: int) -> dict[str, np.ndarray]:
    """Results as the script would give them."""
    out: dict[str, np.ndarray] = {}
    for name, pop in net.populations.items():
        for register in pop.get("registers", ()):
            shape = (net.trials, steps, pop["n"])
            out[f"trace.{name}.{register}"] = np.zeros(shape, np.int64)
    events: dict[str, list[tuple[int, int, int]]] = {name: [] for name in net.populations}
    for trial in range(net.trials):
        simulate_trial(net, steps, trial, out, events)
    for name, rows in events.items():
        for column, key in enumerate(("trial", "step", "neuron")):
            out[f"spikes.{name}.{key}"] = np.array([r[column] for r in sorted(rows)], np.int32)
    return out


def simulate_trial(
    net: Net,
    steps: int,
    trial: int,
    out: dict[str, np.ndarray],
    events: dict[str, list[tuple[int, int, int]]],
) -> None:
    states = {
        name: [
            {r: int(np.broadcast_to(value, pop["n"])[i]) for r, value in pop["init"].items()}
            for i in range(pop["n"])
        ]
        for name, pop in net.populations.items()
        if "init" in pop
    }
    arriving: dict[tuple[str, int, int], int] = {}  # (population, step, neuron): input
    for s in range(steps):
        fired: dict[str, set[int]] = {}
        for name, pop in net.populations.items():
            if "events" in pop:
                fired[name] = {n for t, when, n in pop["events"] if (t, when) == (trial, s)}
            else:
                fired[name] = set()
                for i, state in enumerate(states[name]):
                    syn = arriving.get((name, s, i), 0)
                    if "current" in pop and s < pop["current"].shape[1]:
                        syn += int(pop["current"][trial, s, i])
                    parameters = {
                        key: np.broadcast_to(value, pop["n"])[i].item()
                        for key, value in pop["parameters"].items()
                    }
                    if RULES[pop["neuron"]](state, parameters, wrap32(syn)):
                        fired[name].add(i)
                    for register in pop["registers"]:
                        out[f"trace.{name}.{register}"][trial, s, i] = state[register]
            events[name] += [(trial, s, i) for i in sorted(fired[name])]
        for proj in net.projections:
            sums: dict[tuple[int, int], int] = {}
            for pre, post, weight, delay in proj["synapses"]:
                if pre in fired[proj["source"]]:
                    sums[delay, post] = sums.get((delay, post), 0) + weight
            for (delay, post), total in sums.items():
                exponent = proj["exponent"]
                value = total << exponent if exponent > 0 else total >> -exponent
                key = (proj["target"], s + 1 + delay, post)
                arriving[key] = arriving.get(key, 0) + value


# ---- networks ------------------------------------------------------------------------------------


class Net:
    """A network for the oracle, and the same as a data file of the script."""

    def __init__(self, steps: int = 60, trials: int = 1) -> None:
        self.steps, self.trials = steps, trials
        self.populations: dict[str, dict[str, Any]] = {}
        self.projections: list[dict[str, Any]] = []

    def source(self, name: str, n: int, events: list[tuple[int, int, int]]) -> None:
        self.populations[name] = {"n": n, "events": events}

    def neurons(
        self, name: str, n: int, neuron: str, init: dict[str, Any], **parameters: Any
    ) -> dict[str, Any]:
        about = {"n": n, "neuron": neuron, "init": init, "parameters": parameters}
        self.populations[name] = {**about, "registers": list(init), "process": LIF, "args": None}
        return self.populations[name]

    def lif(self, name: str, n: int, **parameters: Any) -> dict[str, Any]:
        return self.neurons(name, n, "lif", {"u": 0, "v": 0}, **parameters)

    def connect(
        self, source: str, target: str, synapses: list[tuple[int, int, int, int]], exponent: int = 0
    ) -> None:
        about = {"source": source, "target": target, "exponent": exponent, "synapses": synapses}
        self.projections.append(about)

    def random(
        self,
        r: np.random.Generator,
        source: str,
        target: str,
        low: int,
        high: int,
        delay: int = 0,
        exponent: int = 0,
        fill: float = 0.5,
        even: bool = False,
        parallel: int = 1,
    ) -> None:
        synapses = []
        for _ in range(parallel):
            for pre in range(self.populations[source]["n"]):
                for post in range(self.populations[target]["n"]):
                    if r.random() < fill:
                        w = int(r.integers(low, high + 1))
                        d = int(r.integers(0, delay + 1))
                        synapses.append((pre, post, w - w % 2 if even else w, d))
        self.connect(source, target, synapses, exponent)

    def data(self) -> dict[str, np.ndarray]:
        arrays: dict[str, np.ndarray] = {}
        populations = []
        for k, (name, pop) in enumerate(self.populations.items()):
            if "events" in pop:
                populations.append({"name": name, "n": pop["n"], "kind": "spike_source"})
                columns = np.array(pop["events"], np.int32).reshape(-1, 3)
                for c, key in enumerate(("trial", "step", "neuron")):
                    arrays[f"pop{k}.spikes.{key}"] = columns[:, c]
                continue
            native = pop.get("model", "native") == "native"
            args = {**pop["parameters"], **(pop["init"] if native else {})}
            if pop["neuron"] == "atrlif":
                args.pop("theta")  # Lava ignores it and starts from theta_0
            if not native:
                args = pop["args"] or {}
                for key, value in pop["parameters"].items():
                    whole = np.broadcast_to(np.asarray(value, np.int64), pop["n"])
                    arrays[f"pop{k}.param.{key}"] = whole.copy()
                for key, value in pop["init"].items():
                    whole = np.broadcast_to(np.asarray(value, np.int64), pop["n"])
                    arrays[f"pop{k}.init.{key}"] = whole.copy()
            for key, value in args.items():
                arrays[f"pop{k}.arg.{key}"] = np.asarray(value)
            if "current" in pop:
                arrays[f"pop{k}.current"] = pop["current"]
            populations.append(
                {
                    "name": name,
                    "n": pop["n"],
                    "kind": "neuron",
                    "neuron": pop["neuron"],
                    "process": pop["process"],
                    "model": "native" if native else "generated",
                    "arguments": list(args),
                    "registers": {r: r for r in pop["registers"]},
                    "input": "a_in",
                }
            )
        for q, proj in enumerate(self.projections):
            columns = np.array(proj["synapses"], np.int32).reshape(-1, 4)
            for c, key in enumerate(("pre", "post", "weight", "delay")):
                arrays[f"proj{q}.{key}"] = columns[:, c]
        meta = {
            "format": 1,
            "name": "test",
            "dt": 0.001,
            "steps": self.steps,
            "trials": self.trials,
            "populations": populations,
            "projections": [
                {
                    "name": f"{p['source']} to {p['target']} {q}",
                    "source": p["source"],
                    "target": p["target"],
                    "exponent": p["exponent"],
                }
                for q, p in enumerate(self.projections)
            ],
        }
        arrays["meta"] = np.array(json.dumps(meta))
        return arrays


def write(path: Path, net: Net) -> None:
    np.savez(path, **net.data())  # type: ignore[arg-type, unused-ignore]


def poisson(
    r: np.random.Generator, n: int, steps: int, rate: float, trials: int = 1
) -> list[tuple[int, int, int]]:
    hit = np.argwhere(r.random((trials, steps, n)) < rate)
    return [(int(t), int(s), int(i)) for t, s, i in hit]


def compare(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert set(found) - {"meta"} == set(expected)
    for key, value in expected.items():
        assert found[key].dtype == value.dtype, key
        assert found[key].shape == value.shape, key
        np.testing.assert_array_equal(found[key], value, err_msg=key)


def check(script: types.ModuleType, net: Net, fast_delays: bool = False) -> dict[str, np.ndarray]:
    found = script.run(net.data(), fast_delays=fast_delays, timeout=120.0)
    compare(found, simulate(net, net.steps))
    return dict(found)


def spiking(results: dict[str, np.ndarray], *names: str) -> None:
    """The comparison is not one of silence with silence."""
    for name in names:
        assert results[f"spikes.{name}.step"].size > 3, name


# ---- tests without lava ----


@pytest.mark.parametrize("exponent", [2, 0, -1, -6])
@pytest.mark.parametrize("seed", range(20))
def test_encoded_weights_are_legal_and_whole(seed: int, exponent: int) -> None:
    script = load_script(SCRIPT, "lava_script_without_lava")
    r = np.random.default_rng(seed)
    low, high = [(0, 256), (-255, 1), (-256, 256), (-128, 128), (-700, 0), (-900, 900)][seed % 6]
    count = int(r.integers(1, 60))
    pre, post, delay = r.integers(0, 4, count), r.integers(0, 4, count), r.integers(0, 3, count)
    weight = r.integers(low, high, count)
    if seed % 5 == 0:
        weight &= ~1
    pre, post, delay, weight = script.merged(pre, post, delay, weight=weight)
    if weight.size == 0:
        return
    parts = script.encode(pre, post, delay, weight, exponent)
    expected = {tuple(row[:3]): row[3] << 9 for row in zip(pre, post, delay, weight, strict=True)}
    found: dict[tuple[int, ...], int] = {}
    legal = {"EXCITATORY": (0, 255), "INHIBITORY": (-255, 0), "MIXED": (-256, 254)}
    for part in parts:
        assert legal[part.sign_mode][0] <= part.weight.min()
        assert part.weight.max() <= legal[part.sign_mode][1]
        assert part.sign_mode != "MIXED" or not (part.weight & 1).any()
        places = list(zip(part.pre, part.post, part.copy, strict=True))
        assert len(places) == len(set(places))
        if exponent >= 0:
            assert not part.copy.any()
        for *key, value in zip(part.pre, part.post, part.delay, part.weight, strict=True):
            found[tuple(key)] = found.get(tuple(key), 0) + (value << (part.exponent - exponent + 9))
    assert found == expected
    assert exponent >= 0 or len(parts) == 1  # a right shift needs the whole sum


# ---- tests with lava -----------------------------------------------------------------------------


def test_lif_chain_with_parameters_per_neuron(script: types.ModuleType) -> None:
    r = np.random.default_rng(1)
    net = Net()
    net.source("in", 5, poisson(r, 5, net.steps, 0.4))
    net.lif("a", 6, du=r.integers(0, 4096, 6), dv=r.integers(0, 900, 6), vth=[90, 20, 3, 77, 8, 60])
    net.lif("b", 4, du=1000, dv=100, vth=40, bias_mant=np.array([100, 3, -5, 7]), bias_exp=3)
    net.populations["b"]["init"] = {"u": np.array([5, -90, 3000, 0]), "v": np.array([1, 2, -3, 0])}
    net.random(r, "in", "a", 0, 255)
    net.random(r, "a", "b", 0, 120)
    spiking(check(script, net), "a", "b")


@pytest.mark.parametrize("fast", [False, True], ids=["lava_delays", "fast_delays"])
@pytest.mark.parametrize("exponent", [3, 0, -1, -3])
def test_recurrent_with_delays(script: types.ModuleType, fast: bool, exponent: int) -> None:
    r = np.random.default_rng(10 + exponent)
    net = Net()
    net.source("in", 4, poisson(r, 4, net.steps, 0.5))
    net.lif("a", 7, du=800, dv=300, vth=60)
    net.random(r, "in", "a", 1, 255, delay=3)
    net.random(r, "a", "a", -128, 127, delay=9, exponent=exponent)
    net.random(r, "a", "a", -90, 101, delay=0, exponent=exponent)
    spiking(check(script, net, fast), "a")


@pytest.mark.parametrize(
    ("delay", "fast"), [(0, False), (4, False), (4, True)], ids=["no_delay", "lava", "fast"]
)
@pytest.mark.parametrize("exponent", [2, 0, -2, -5])
@pytest.mark.parametrize(
    ("low", "high", "even"),
    [
        (0, 255, False),
        (-255, 0, False),
        (-256, -200, False),
        (-256, 254, True),
        (-127, 127, False),
        (-256, 255, False),
    ],
)
def test_every_weight_range(
    script: types.ModuleType,
    low: int,
    high: int,
    even: bool,
    exponent: int,
    delay: int,
    fast: bool,
) -> None:
    r = np.random.default_rng(high - low + exponent + 9)
    net = Net(steps=30)
    net.source("in", 6, poisson(r, 6, net.steps, 0.5))
    net.lif("a", 5, du=500, dv=200, vth=10)
    net.random(r, "in", "a", low, high, delay=delay, exponent=exponent, even=even)
    net.projections[0]["synapses"] += [(0, 0, low, 0), (1, 1, high, 0)]
    check(script, net, fast)


@pytest.mark.parametrize("fast", [False, True], ids=["lava_delays", "fast_delays"])
@pytest.mark.parametrize("exponent", [1, 0, -1, -4])
def test_parallel_synapses_all_count(script: types.ModuleType, exponent: int, fast: bool) -> None:
    r = np.random.default_rng(3)
    net = Net()
    net.source("in", 3, poisson(r, 3, net.steps, 0.4))
    net.lif("a", 4, du=700, dv=100, vth=100)
    net.random(r, "in", "a", 100, 255, delay=2, exponent=exponent, parallel=6)
    net.random(r, "in", "a", -255, 255, delay=2, exponent=exponent, parallel=5)
    net.connect("in", "a", [(0, 0, 255, 0)] * 5 + [(1, 1, -256, 1)] * 4, exponent)
    net.connect("in", "a", [(0, 0, 7, 0), (0, 0, -7, 0)], exponent)
    net.connect("in", "a", [], exponent)
    check(script, net, fast)


def test_excitation_and_inhibition_at_the_extremes(script: types.ModuleType) -> None:
    """u wraps and v saturates as in Lava, not as in 24-bit two's complement."""
    net = Net(steps=80)
    net.source("in", 8, [(0, s, i) for s in range(80) for i in range(8)])
    net.lif("up", 3, du=0, dv=0, vth=131071)
    net.lif("down", 3, du=0, dv=0, vth=131071)
    everywhere = [(i, j, 255, 0) for i in range(8) for j in range(3)]
    net.connect("in", "up", everywhere, 6)
    net.connect("in", "down", [(i, j, -w, d) for i, j, w, d in everywhere], 6)
    results = check(script, net)
    assert (np.diff(results["trace.up.u"], axis=1) < 0).any()
    assert results["trace.down.v"].min() == -(2**23) + 1


def test_trials_are_independent_copies(script: types.ModuleType) -> None:
    r = np.random.default_rng(5)
    net = Net(trials=3)
    net.source("in", 4, poisson(r, 4, net.steps, 0.4, net.trials))
    net.lif("a", 5, du=900, dv=[1, 20, 300, 4000, 0], vth=50)
    net.random(r, "in", "a", -100, 255, delay=2, exponent=-1)
    net.random(r, "a", "a", -256, 255, delay=1, exponent=-2)
    results = check(script, net)
    assert set(results["spikes.a.trial"].tolist()) == {0, 1, 2}


def test_injected_current_has_no_delay(script: types.ModuleType) -> None:
    r = np.random.default_rng(6)
    net = Net(trials=2)
    a = net.lif("a", 3, du=4095, dv=4095, vth=100)
    a["current"] = r.integers(-200, 300, (2, net.steps - 5, 3))
    results = check(script, net)
    spiking(results, "a")
    np.testing.assert_array_equal(results["trace.a.u"][0, 0], a["current"][0, 0] * 64)


def test_atrlif(script: types.ModuleType) -> None:
    r = np.random.default_rng(7)
    net = Net(steps=100, trials=2)
    net.source("in", 6, poisson(r, 6, net.steps, 0.5, 2))
    for name, delta_i in (("a", 409 / 4096), ("b", r.integers(0, 4096, 5) / 4096)):
        pop = net.neurons(
            name,
            5,
            "atrlif",
            {"i": 0, "v": 0, "theta": 11 * 64, "r": 0},
            delta_i=delta_i,
            delta_v=700 / 4096,
            delta_theta=np.array([1, 2, 30, 400, 4095]) / 4096,
            delta_r=0.25,
            theta_0=11,
            theta_step=5,
            bias_mant=20,
        )
        pop["process"] = "lava.proc.atrlif.process.ATRLIF"
        net.random(r, "in", name, -40, 200)
    spiking(check(script, net), "a", "b")


def tick_lif_refractory(
    state: dict[str, Any], parameters: dict[str, Any], inputs: dict[str, Any]
) -> Any:
    rows = []
    n = inputs["syn"].size
    assert inputs["syn"].dtype == np.int64
    spikes = []
    for i in range(n):
        one = {name: int(value[i]) for name, value in state.items()}
        p = {name: int(value[i]) for name, value in parameters.items()}
        spikes.append(lif_refractory(one, p, int(inputs["syn"][i])))
        rows.append(one)
    for name in state:
        state[name] = np.array([row[name] for row in rows], dtype=np.int64)
    return np.array(spikes, dtype=np.int64)


@pytest.mark.parametrize("n", [4, 1])
@pytest.mark.parametrize("process", ["lava.proc.lif.process.LIFRefractory", None])
def test_generated_neuron(
    script: types.ModuleType, monkeypatch: pytest.MonkeyPatch, process: str | None, n: int
) -> None:
    monkeypatch.setattr(script, "tick_lif_refractory", tick_lif_refractory, raising=False)
    r = np.random.default_rng(8)
    net = Net(trials=2)
    net.source("in", 4, poisson(r, 4, net.steps, 0.7, 2))
    for name, hold in (("a", 3), ("b", np.arange(n) + 1)):
        start = {"u": 0, "v": np.arange(n), "hold": 0}
        pop = net.neurons(
            name, n, "lif_refractory", start, du=900, dv=60, vth=70, refractory=hold, bias_mant=300
        )
        pop.update(model="generated", process=process)
        if process:
            pop["args"] = {"du": 900, "dv": 60, "vth": np.arange(n) + 70, "bias_mant": 300}
    net.lif("c", 3, du=900, dv=60, vth=20)
    net.random(r, "in", "a", 100, 255)
    net.random(r, "a", "b", 10, 255, delay=2)
    net.random(r, "b", "c", -100, 255)
    spiking(check(script, net), "a", "b")


@pytest.mark.parametrize("fast", [False, True], ids=["lava_delays", "fast_delays"])
@pytest.mark.parametrize("delay", [0, 3])
def test_graded_spikes(script: types.ModuleType, delay: int, fast: bool) -> None:
    """With message bits a spike carries its value; u without memory shows the weighted sum."""
    net = Net(steps=12)
    net.source("in", 2, [(0, 1, 0), (0, 1, 1), (0, 4, 1)])
    net.lif("a", 1, du=4095, dv=0, vth=131071)
    net.connect("in", "a", [(0, 0, 100, delay), (1, 0, -50, delay)], -2)
    data = net.data()
    data["pop0.spikes.value"] = np.array([3, -7, 1], np.int32)
    meta = json.loads(str(data["meta"]))
    meta["projections"][0]["message_bits"] = 8
    data["meta"] = np.array(json.dumps(meta))
    results = script.run(data, fast_delays=fast)
    expected = np.zeros(12, np.int64)
    expected[[2 + delay, 5 + delay]] = 64 * ((300 + 350) >> 2), 64 * (-50 >> 2)
    np.testing.assert_array_equal(results["trace.a.u"][0, :, 0], expected)
    assert results["spikes.in.value"].tolist() == [3, -7, 1]


def test_process_without_the_neighbours_of_its_file(
    script: types.ModuleType, tmp_path: Path
) -> None:
    """Lava executes the .py files beside a Process class; ours must not lead it to any."""
    trap = tmp_path / "ran"
    (tmp_path / "junk.py").write_text(f"open({str(trap)!r}, 'w').close()\nraise SystemExit('junk')")
    net = generated_net()
    write(tmp_path / "net.npz", net)
    text = SCRIPT.read_text().replace("# == generated neurons ==", TICK)
    (tmp_path / "net.py").write_text(text)
    done = command(tmp_path, "net.py")
    assert done.returncode == 0, done.stderr
    assert not trap.exists()
    assert "junk" not in done.stderr
    with np.load(tmp_path / "net.results.npz", allow_pickle=False) as archive:
        found = {key: archive[key] for key in archive.files}
    compare(found, simulate(net, net.steps))
    meta = json.loads(str(found["meta"]))
    assert meta["lava"].startswith("0.10") and meta["seconds"] > 0
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".part")] == []


TICK = """
def tick_lif_refractory(state, parameters, inputs):
    def decay(x, factor):
        product = x * factor
        return np.sign(product) * (np.abs(product) >> 12)
    free = state["hold"] == 0
    state["u"] = decay(state["u"], 4095 - parameters["du"]) + (inputs["syn"] << 6)
    v = decay(state["v"], 4096 - parameters["dv"]) + state["u"]
    spike = free & (v > parameters["vth"] << 6)
    state["v"] = np.where(free, np.where(spike, 0, v), state["v"])
    state["hold"] = np.where(spike, parameters["refractory"], np.maximum(state["hold"] - 1, 0))
    return spike.astype(np.int64)
"""


def generated_net() -> Net:
    r = np.random.default_rng(9)
    net = Net()
    net.source("in", 4, poisson(r, 4, net.steps, 0.6))
    pop = net.neurons(
        "a",
        3,
        "lif_refractory",
        {"u": 0, "v": 0, "hold": 0},
        du=900,
        dv=60,
        vth=70,
        refractory=2,
    )
    pop.update(model="generated", process=None)
    net.random(r, "in", "a", 20, 120)
    return net


def command(folder: Path, name: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, name, *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_parts_without_connections_and_other_step_counts(script: types.ModuleType) -> None:
    r = np.random.default_rng(11)
    net = Net(steps=20)
    net.source("idle", 2, [(0, 1, 1), (0, 3, 0)])
    net.lif("alone", 2, du=1, dv=1, vth=5, bias_mant=100)
    net.source("in", 2, poisson(r, 2, 40, 0.5))
    net.lif("a", 2, du=1, dv=1, vth=90)
    net.random(r, "in", "a", 200, 255, fill=1.0)
    for steps in (0, 1, 20, 40):
        compare(script.run(net.data(), steps=steps), simulate(net, steps))


def test_live_processes_can_be_run_by_hand(script: types.ModuleType) -> None:
    r = np.random.default_rng(12)
    net = Net(steps=20)
    net.source("in", 3, poisson(r, 3, 20, 0.5))
    net.lif("a", 3, du=100, dv=100, vth=30)
    net.random(r, "in", "a", 100, 255, fill=1.0)
    built = script.build(net.data())
    assert set(built.processes) == {"in", "a"}
    from lava.magma.core.run_conditions import RunSteps

    lif_process = built.processes["a"]
    try:
        for steps in (8, 12):
            lif_process.run(condition=RunSteps(num_steps=steps), run_cfg=built.run_config)
        v = lif_process.v.get()
    finally:
        lif_process.stop()
    results = built.read()
    compare(results, simulate(net, 20))
    np.testing.assert_array_equal(v, results["trace.a.v"][0, -1])


def test_fault_in_a_child_process_is_raised(
    script: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tick(state: Any, parameters: Any, inputs: Any) -> Any:
        if state["v"][0] == 7:
            raise ZeroDivisionError("on\npurpose")
        state["v"] = state["v"] + 1
        return np.zeros(3, np.int64)

    monkeypatch.setattr(script, "tick_lif_refractory", tick, raising=False)
    net = generated_net()
    net.lif("b", 3, du=1, dv=1, vth=5)
    net.connect("a", "b", [(0, 0, 5, 2)])
    net.connect("b", "a", [(0, 0, 5, 2)])
    begin = time.monotonic()
    with pytest.raises(script.LavaRunError, match="^a: ZeroDivisionError: on purpose$"):
        script.run(net.data())
    assert time.monotonic() - begin < 20
    import multiprocessing

    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(
    ("tick", "expected"),
    [
        ("raise KeyError('v')", "a: KeyError: 'v'"),
        ("return np.zeros(2, np.int64)", "one int32 spike value per neuron"),
        ("import os; os._exit(3)", "died with exit code 3"),
        ("import time; time.sleep(1000)", "within the time limit"),
    ],
)
def test_error_is_one_line_and_no_hang(
    script: types.ModuleType, tmp_path: Path, tick: str, expected: str
) -> None:
    write(tmp_path / "net.npz", generated_net())
    function = f"def tick_lif_refractory(state, parameters, inputs):\n    {tick}\n"
    text = SCRIPT.read_text().replace("# == generated neurons ==", function)
    (tmp_path / "net.py").write_text(text)
    done = command(tmp_path, "net.py", "--timeout", "8")
    assert done.returncode == 1
    assert done.stderr.startswith("net.py: error: ")
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "net.results.npz").exists()


def test_bad_data_is_one_line(script: types.ModuleType, tmp_path: Path) -> None:
    net = Net(steps=5)
    net.lif("a", 2, du=0.5, dv=0, vth=5)
    write(tmp_path / "float.npz", net)
    done = command(tmp_path, str(SCRIPT), "--data", "float.npz")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "a.du: dtype float64 where Lava needs an integer" in done.stderr
    done = command(tmp_path, str(SCRIPT), "--data", "missing.npz")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc to look for children")
def test_killed_script_leaves_no_children(script: types.ModuleType, tmp_path: Path) -> None:
    write(tmp_path / "net.npz", generated_net())
    function = "def tick_lif_refractory(s, p, i):\n    import time; time.sleep(1000)\n"
    text = SCRIPT.read_text().replace("# == generated neurons ==", function)
    (tmp_path / "net_to_kill.py").write_text(text)
    with subprocess.Popen(
        [sys.executable, "net_to_kill.py", "--data", "net.npz"], cwd=tmp_path
    ) as process:
        until = time.monotonic() + 20
        while len(running(tmp_path)) < 4 and time.monotonic() < until:
            time.sleep(0.1)
        assert len(running(tmp_path)) >= 4
        process.kill()
    until = time.monotonic() + 5
    while running(tmp_path) and time.monotonic() < until:
        time.sleep(0.1)
    assert running(tmp_path) == []


def running(folder: Path) -> list[int]:
    """Processes that are at work in ``folder`` and run the script that is killed."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                here = os.readlink(entry / "cwd") == str(folder)
                if here and b"net_to_kill" in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found
