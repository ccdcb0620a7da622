# /// script
# requires-python = ">=3.10"
# dependencies = ["brian2>=2.8", "setuptools"]
# ///
"""Run one workload in Brian2's C++ standalone mode: ``brian2_run.py '{"n": 1000, ...}'`` prints JSON.

Needs a C++ compiler. The program that Brian2 writes (float64, -O3 -march=native) runs the warm-up
and then the timed part; lines put between the two into its ``main`` read the CPU clock of the
process, so build, compilation and warm-up are not in it. Spikes are counted in the reset statement.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

# clock() is user + system of all threads. VmHWM is the program's own peak; getrusage would count
# this Python, which it was forked from.
MARK = 'std::cerr.precision(9); std::cerr << "clock " << (double)std::clock() / CLOCKS_PER_SEC << std::endl;'
PEAK = (
    '{ std::ifstream s("/proc/self/status"); std::string row; while (std::getline(s, row)) '
    'if (row.compare(0, 5, "VmHWM") == 0) std::cerr << row << std::endl; }'
)
EQUATIONS = """
dv/dt = (x + bias) / c - v / tau_mem : 1 (unless refractory)
dx/dt = -x / tau_syn : 1
bias : 1
fired : integer
"""


def cpu() -> float:
    """User and system seconds of this process and of its ended children, the compiler among them."""
    used = (resource.getrusage(k) for k in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in used)


def build(w: dict[str, Any], folder: str) -> tuple[Any, Any]:
    """Neurons and synapses; the program is compiled in ``folder``."""
    import brian2 as b
    import numpy as np

    b.set_device("cpp_standalone", build_on_run=False, directory=folder)
    b.prefs.codegen.cpp.extra_compile_args_gcc = ["-w", "-O3", "-march=native", "-std=c++11"]
    b.prefs.core.default_float_dtype = np.float64
    b.prefs.devices.cpp_standalone.openmp_threads = w["threads"] if w["threads"] > 1 else 0
    b.defaultclock.dt = w["dt"] * b.second
    b.seed(w["seed"])
    rng = np.random.default_rng(w["seed"])
    n, k = w["n"], w["k"]
    spaces = {
        "c": 1e-3 * w["c_m"] * b.second,  # pA / (mV / s)
        "tau_mem": w["tau_mem"] * b.second,
        "tau_syn": w["tau_syn"] * b.second,
        "warmup": w["warmup_s"] * b.second,
        "threshold": w["threshold"],
        "start": w["reset"],
    }
    neurons = b.NeuronGroup(
        n,
        EQUATIONS,
        threshold="v > threshold",
        reset="v = start; fired += int(t >= warmup - dt / 2)",
        # Brian2 counts the step of the spike too; NEST and Loihi hold t_ref / dt steps after it
        refractory=(w["t_ref"] + w["dt"]) * b.second,
        method="exact",
        namespace=spaces,
    )
    neurons.v = rng.uniform(w["reset"], w["threshold"], n)
    excitatory, inhibitory = round(0.8 * n), round(0.2 * k)
    drive = w["bias"]
    if isinstance(drive, list):  # evenly from low to high over the neurons of each kind
        share = [(np.arange(m) + 0.5) / m for m in (excitatory, n - excitatory)]
        neurons.bias = drive[0] + (drive[1] - drive[0]) * np.concatenate(share)
    else:
        neurons.bias = drive
    source = np.concatenate(
        [
            rng.integers(0, excitatory, n * (k - inhibitory)),
            rng.integers(excitatory, n, n * inhibitory),
        ]
    ).astype(np.int32)
    target = np.concatenate(
        [np.repeat(np.arange(n), k - inhibitory), np.repeat(np.arange(n), inhibitory)]
    ).astype(np.int32)
    order = np.argsort(source, kind="stable")  # rows of one source together, as NEST and we store
    source, target = source[order], target[order]
    synapses = b.Synapses(neurons, neurons, "w : 1", on_pre="x_post += w")
    synapses.connect(i=source, j=target)
    synapses.w = np.where(source < excitatory, w["weight_e"], -w["g"] * w["weight_e"])
    steps = rng.integers(w["delay_low"], w["delay_high"] + 1, n * k)
    synapses.delay = steps * w["dt"] * b.second
    network = b.Network(neurons, synapses)
    network.run(w["warmup_s"] * b.second)
    b.device.insert_code("main", MARK)
    network.run(w["run_s"] * b.second)
    b.device.insert_code("main", MARK + PEAK)
    b.device.build(directory=folder, compile=True, run=False)
    return neurons, synapses


def main(w: dict[str, Any]) -> dict[str, Any]:
    began = cpu()
    import brian2
    import numpy as np

    # short-lived folder: standalone writes each synapse to disk and back
    with tempfile.TemporaryDirectory() as folder:
        neurons, _ = build(w, folder)
        built = cpu() - began
        done = subprocess.run(
            ["./main"], cwd=folder, capture_output=True, text=True, timeout=3600, check=False
        )
        if done.returncode:
            sys.exit(f"brian2's program failed: {(done.stderr.strip() or 'no message')[-200:]}")
        clock = [float(x) for x in re.findall(r"clock (\S+)", done.stderr)]
        wall = float(Path(folder, "results", "last_run_info.txt").read_text().split()[0])
        peak = re.search(r"VmHWM:\s+(\d+)", done.stderr)
        fired = next(Path(folder, "results").glob(f"_dynamic*{neurons.name}*fired*"), None)
        fired = fired or next(Path(folder, "results").glob(f"*{neurons.name}_fired*"))
        spikes = int(np.fromfile(fired, dtype=np.int32).sum())
    return {
        "peer": "brian2",
        "version": brian2.__version__,
        "spikes": spikes,
        "seconds_bio": w["run_s"],
        "cpu_s": clock[1] - clock[0],
        "wall_s": wall,
        "build_s": built,
        "rss_mb": int(peak[1]) / 1024 if peak else None,
        "base_mb": 0.0,
        "threads": w["threads"],
        "synapses": w["n"] * w["k"],
        "events": spikes * w["k"],
    }


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
