# /// script
# requires-python = ">=3.10"
# dependencies = ["nest-simulator==3.10.*"]
# ///
"""Run one workload in NEST: ``nest_run.py '{"n": 1000, ...}'`` prints one line of JSON.

The run phase alone is timed: user + system CPU of this process around the second ``Simulate``. The
first one is the warm-up; it also builds NEST's connection tables. Nothing is recorded.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from typing import Any

os.environ["PYNEST_QUIET"] = "1"  # no banner: stdout holds one line of JSON


def cpu() -> float:
    """User and system seconds of this process, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_mb() -> float:
    """Peak resident memory of this program; getrusage would count what it was forked from."""
    try:
        with open("/proc/self/status") as status:
            return next(int(row.split()[1]) for row in status if row.startswith("VmHWM")) / 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS: bytes


def drive(bias: float | list[float], n: int) -> list[float]:
    """The constant currents of the neurons of one kind: the same, or evenly from low to high."""
    if not isinstance(bias, list):
        return [bias] * n
    return [bias[0] + (bias[1] - bias[0]) * (k + 0.5) / n for k in range(n)]


def main(w: dict[str, Any]) -> dict[str, Any]:
    import nest  # type: ignore[import-not-found, unused-ignore]

    base, began = peak_mb(), cpu()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.local_num_threads = w["threads"]
    nest.resolution = 1e3 * w["dt"]
    nest.rng_seed = w["seed"] + 1
    neurons = nest.Create(
        "iaf_psc_exp",
        w["n"],
        {
            "C_m": w["c_m"],
            "tau_m": 1e3 * w["tau_mem"],
            "tau_syn_ex": 1e3 * w["tau_syn"],
            "tau_syn_in": 1e3 * w["tau_syn"],
            "t_ref": 1e3 * w["t_ref"],
            "E_L": 0.0,
            "V_reset": w["reset"],
            "V_th": w["threshold"],
            "V_m": nest.random.uniform(w["reset"], w["threshold"]),
        },
    )
    excitatory, inhibitory = round(0.8 * w["n"]), round(0.2 * w["k"])
    neurons.I_e = drive(w["bias"], excitatory) + drive(w["bias"], w["n"] - excitatory)
    delay = nest.random.uniform_int(w["delay_high"] - w["delay_low"] + 1) + w["delay_low"]
    for source, indegree, weight in (
        (neurons[:excitatory], w["k"] - inhibitory, w["weight_e"]),
        (neurons[excitatory:], inhibitory, -w["g"] * w["weight_e"]),
    ):
        nest.Connect(
            source,
            neurons,
            {"rule": "fixed_indegree", "indegree": indegree},
            {"synapse_model": "static_synapse", "weight": weight, "delay": delay * nest.resolution},
        )
    build = cpu() - began
    nest.Simulate(1e3 * w["warmup_s"])
    began, clock = cpu(), time.perf_counter()
    nest.Simulate(1e3 * w["run_s"])
    used, wall = cpu() - began, time.perf_counter() - clock
    spikes, synapses = int(nest.local_spike_counter), int(nest.num_connections)
    return {
        "peer": "nest",
        "version": nest.__version__,
        "spikes": spikes,
        "seconds_bio": w["run_s"],
        "cpu_s": used,
        "wall_s": wall,
        "build_s": build,
        "rss_mb": peak_mb(),
        "base_mb": base,
        "threads": w["threads"],
        "synapses": synapses,
        "events": round(spikes * synapses / w["n"]),
    }


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
