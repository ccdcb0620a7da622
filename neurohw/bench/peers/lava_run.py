# /// script
# requires-python = ">=3.10,<3.11"
# dependencies = ["lava-nc==0.10.*", "numpy<2", "scipy"]
# ///
"""Run one workload in Intel's Lava on the CPU: ``lava_run.py '{"n": 1000, ...}'`` prints JSON.

Fixed-point LIF; DelaySparse, or Sparse where all delays are one step. Lava's LIF has no refractory
time, so ``t_ref`` must be 0; no two synapses join the same neurons, for a matrix holds one. Lava
runs each process of the network in one of the operating system's. Their CPU time is known when
they have ended: it is measured for a run of the warm-up alone and for one of warm-up and timed part,
and the difference is what counts. Start-up and compilation, in both, cancel.
"""

from __future__ import annotations

import json
import logging
import math
import mmap
import os
import resource
import sys
import time
import warnings
from importlib.metadata import version
from typing import Any

import numpy as np

COUNT = np.frombuffer(mmap.mmap(-1, 8), np.int64)  # spikes, shared with the forked processes
UNIT = 6  # bits by which Lava shifts weights and thresholds
LARGEST = 255  # a stored weight
DECAY = 4096


def cpu() -> float:
    """User and system seconds of this process and of those of its children that have ended."""
    used = (resource.getrusage(k) for k in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in used)


def resident_mb() -> float:
    """Peak memory of this process and its living children; pages that they share count for each."""
    total, todo = 0, [os.getpid()]
    while todo:
        pid = todo.pop()
        try:
            with open(f"/proc/{pid}/status") as status:
                total += next(int(row.split()[1]) for row in status if row.startswith("VmHWM"))
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children") as children:
                    todo += map(int, children.read().split())
        except (OSError, StopIteration):
            continue  # it has just ended, or this system has no /proc
    return total / 1024


def codes(w: dict[str, Any]) -> dict[str, Any]:
    """The workload in Lava's integers: the largest weight is stored as LARGEST."""
    du = round(DECAY * (1 - math.exp(-w["dt"] / w["tau_syn"]))) - 1
    dv = round(DECAY * (1 - math.exp(-w["dt"] / w["tau_mem"])))
    # what the step adds to the membrane (mV) for a constant 1 pA, and for 1 pA that decays
    r, rates = 1e3 * w["tau_mem"] / w["c_m"], (w["dt"] / w["tau_mem"], w["dt"] / w["tau_syn"])
    constant = r * -math.expm1(-rates[0])
    decaying = r * rates[0] * (math.exp(-rates[1]) - math.exp(-rates[0])) / (rates[0] - rates[1])
    exponent = math.floor(math.log2(w["g"]))
    # codes for each mV
    scale = 2**UNIT * LARGEST * 2**exponent / (w["g"] * w["weight_e"] * decaying)
    drive = w["bias"]
    if isinstance(drive, list):  # evenly from low to high over the neurons of each kind
        kinds = round(0.8 * w["n"]), w["n"] - round(0.8 * w["n"])
        share = np.concatenate([(np.arange(m) + 0.5) / m for m in kinds])
        drive = drive[0] + (drive[1] - drive[0]) * share
    bias = np.broadcast_to(np.asarray(drive, float) * constant * scale, (w["n"],))
    bias_exp = max(0, math.ceil(math.log2(max(bias.max() / 4095, 1))))
    return {
        "du": du,
        "dv": dv,
        "vth": round(w["threshold"] * scale / 2**UNIT),
        "bias_exp": bias_exp,
        "bias": np.rint(bias / 2**bias_exp).astype(int),
        "excitatory": round(LARGEST * 2**exponent / w["g"]),
        "inhibitory": -LARGEST,
        "exponent": exponent,
    }


def connect(w: dict[str, Any], c: dict[str, Any], rng: np.random.Generator) -> list[Any]:
    """A connection of excitatory and one of inhibitory synapses, all from and to all neurons."""
    from lava.proc.sparse.process import DelaySparse, Sparse
    from lava.utils.weightutils import SignMode
    from scipy.sparse import csr_matrix

    n, first = w["n"], round(0.8 * w["n"])
    inhibitory = round(0.2 * w["k"])
    found = []
    for low, high, indegree, weight, exponent, mode in (
        (0, first, w["k"] - inhibitory, c["excitatory"], 0, SignMode.EXCITATORY),
        (first, n, inhibitory, c["inhibitory"], c["exponent"], SignMode.INHIBITORY),
    ):
        source = [rng.choice(np.arange(low, high), indegree, replace=False) for _ in range(n)]
        place = (np.repeat(np.arange(n), indegree), np.concatenate(source))
        weights = csr_matrix((np.full(n * indegree, weight), place), (n, n))
        options = {"weights": weights, "weight_exp": exponent, "sign_mode": mode}
        if w["delay_high"] == 1:
            found.append(Sparse(**options))
            continue
        delay = rng.integers(w["delay_low"], w["delay_high"] + 1, n * indegree) - 1
        delays = csr_matrix((delay, place), (n, n))
        found.append(DelaySparse(delays=delays, max_delay=w["delay_high"] - 1, **options))
    return found


def run(w: dict[str, Any], steps: int) -> dict[str, Any]:
    """Build, run ``steps`` and end; the CPU time of all of it, spikes, and peak memory."""
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.lif.models import PyLifModelBitAcc
    from lava.proc.lif.process import LIF

    class Counted(PyLifModelBitAcc):  # type: ignore[misc]
        def run_spk(self) -> None:
            super().run_spk()
            COUNT[0] += int(np.count_nonzero(self.s_out_buff))

    COUNT[0], began, clock = 0, cpu(), time.perf_counter()
    rng, c = np.random.default_rng(w["seed"]), codes(w)
    neurons = LIF(
        shape=(w["n"],),
        u=0,
        v=rng.integers(1, c["vth"] << UNIT, w["n"]),
        du=c["du"],
        dv=c["dv"],
        vth=c["vth"],
        bias_mant=c["bias"],
        bias_exp=c["bias_exp"],
    )
    connections = connect(w, c, rng)
    for connection in connections:
        neurons.s_out.connect(connection.s_in)
        connection.a_out.connect(neurons.a_in)
    config = Loihi2SimCfg(select_tag="fixed_pt", exception_proc_model_map={LIF: Counted})
    built = cpu() - began
    neurons.run(condition=RunSteps(num_steps=steps), run_cfg=config)
    memory = resident_mb()
    neurons.stop()
    return {
        "cpu": cpu() - began,
        "wall": time.perf_counter() - clock,
        "spikes": int(COUNT[0]),
        "memory": memory,
        "build": built,
    }


def main(w: dict[str, Any]) -> dict[str, Any]:
    if w["t_ref"]:
        sys.exit(f"Lava's LIF has no refractory time; t_ref is {w['t_ref']:g} s: make it 0")
    most = w["n"] - round(0.8 * w["n"])
    if round(0.2 * w["k"]) > most or w["k"] - round(0.2 * w["k"]) > w["n"] - most:
        sys.exit(
            f"k is {w['k']}, too many different sources among {w['n']} neurons; raise the scale"
        )
    import lava.proc.lif.models  # noqa: F401  imports belong to neither run

    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")  # of scipy, about how Lava builds its delay matrix
    base = resident_mb()
    warmup = max(1, round(w["warmup_s"] / w["dt"]))
    steps = round(w["run_s"] / w["dt"])
    run(w, 1)  # the first one pays for what Lava imports when it compiles
    short, whole = run(w, warmup), run(w, warmup + steps)
    spikes = whole["spikes"] - short["spikes"]
    return {
        "peer": "lava",
        "version": version("lava-nc"),
        "spikes": spikes,
        "seconds_bio": w["run_s"],
        "cpu_s": whole["cpu"] - short["cpu"],
        "wall_s": whole["wall"] - short["wall"],
        "build_s": short["build"],
        "rss_mb": whole["memory"],
        "base_mb": base,
        "threads": 1,
        "synapses": w["n"] * w["k"],
        "events": spikes * w["k"],
    }


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
