"""Export to Intel's Lava: a script that stands alone, its data, live processes, and the proof.

lava-nc runs on Python 3.10 only, so this module never imports it except for live processes. It
writes ``NAME.py`` with inline metadata (PEP 723) and ``NAME.npz``; ``uv run NAME.py`` executes them
in an environment of its own. What comes back is compared with the emulator, every spike and every
register.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw import child, files
from neurohw.emulate.definition import neuron_key
from neurohw.emulate.plan import Plan, plan_run
from neurohw.emulate.store import load_kernel
from neurohw.errors import BackendMissing, CapacityError, ChildError, FileError
from neurohw.fixed import FixedPointNetwork, FixedPopulation
from neurohw.network.events import Spikes
from neurohw.network.inputs import Inputs
from neurohw.recording import Recording, Trace
from neurohw_backends.lava_program import join_program
from neurohw_backends.lava_ticks import generated_section
from neurohw_backends.lava_weights import (
    check_expressible,
    check_sums,
    message_bits,
    stored_weights,
)

FORMAT = 1
Arrays = dict[str, NDArray[Any]]


def export(
    network: FixedPointNetwork,
    inputs: Inputs,
    path: str | Path,
    *,
    steps: int | None = None,
    seed: int = 0,
) -> Path:
    """Write ``path`` (a .py) and the .npz beside it; returns the script's path.

    The program holds these inputs, trial beside trial as independent copies. CapacityError for what
    Lava can't run.
    """
    script = Path(path)
    if script.suffix != ".py":
        raise FileError(f"{script}: the Lava program is a script; give a name ending in .py")
    data = program_data(network, inputs, steps=steps, seed=seed)
    text = program_text(network)
    with files.replacing(script) as stream:  # the script appears only once its data is there
        stream.write(text.encode())
        files.write_npz(script.with_suffix(".npz"), data)
    return script


def program_text(network: FixedPointNetwork) -> str:
    """The script, with this network's generated neurons in it."""
    check_expressible(network)
    used = {p.neuron.name: p.neuron for p in network.populations.values() if not _native(p)}
    return join_program(generated_section(list(used.values())))


def program_data(
    network: FixedPointNetwork, inputs: Inputs, *, steps: int | None = None, seed: int = 0
) -> Arrays:
    """The arrays of the .npz: 'meta' as JSON, 'pop{k}.*' and 'proj{k}.*'."""
    plan = plan_run(network, inputs, steps, None, None, 1, seed, "count", None)
    check_expressible(network)
    check_sums(plan)
    data: Arrays = {}
    populations = [_source(data, k, name, plan) for k, name in enumerate(plan.spikes)]
    for place, (name, population) in enumerate(network.populations.items()):
        k = len(populations)
        populations.append(_population(data, k, population, place, plan))
        if name in plan.injected:
            data[f"pop{k}.current"] = plan.injected[name][population.neuron.port]
    projections: list[dict[str, Any]] = []
    for p in network.projections:
        for weight, exponent in stored_weights(network, p):
            q = len(projections)
            projections.append(
                {
                    "name": p.name, "source": p.source, "target": p.target, "exponent": exponent,
                    "message_bits": message_bits(plan, p.source),
                }
            )  # fmt: skip
            data[f"proj{q}.weight"] = weight
            for column in ("pre", "post", "delay"):
                data[f"proj{q}.{column}"] = getattr(p, column)
    meta = {
        "format": FORMAT, "kind": "neurohw lava program", "name": network.name, "dt": network.dt,
        "steps": plan.steps, "trials": plan.trials, "populations": populations,
        "projections": projections,
    }  # fmt: skip
    return {"meta": np.array(json.dumps(meta)), **data}


def _native(population: FixedPopulation) -> bool:
    """Whether Lava's own model can be it; a generated one takes its place otherwise."""
    lava = population.neuron.lava
    if lava is None or lava.model != "native":
        return False
    values = _values(population)
    return all(np.unique(lava.arguments[name](values)).size == 1 for name in lava.scalars)


def _values(population: FixedPopulation) -> dict[str, Any]:
    """What the formulas of a Lava binding may read: constants, codes, initial registers."""
    codes = {**population.parameters, **population.start()}
    return {
        **{name: float(v) for name, v in population.neuron.tick.constants.items()},
        **{name: v.astype(np.float64) for name, v in codes.items()},
    }


def _source(data: Arrays, k: int, name: str, plan: Plan) -> dict[str, Any]:
    spikes = plan.spikes[name]
    for column in ("trial", "step", "neuron"):
        data[f"pop{k}.spikes.{column}"] = getattr(spikes, column)
    if spikes.value is not None:
        data[f"pop{k}.spikes.value"] = spikes.value
    return {"name": name, "n": spikes.n, "kind": "spike_source"}


def _population(
    data: Arrays, k: int, population: FixedPopulation, place: int, plan: Plan
) -> dict[str, Any]:
    neuron, lava, start = population.neuron, population.neuron.lava, population.start()
    entry: dict[str, Any] = {
        "name": population.name, "n": population.n, "kind": "neuron", "neuron": neuron.name,
        "process": None, "model": "generated", "input": "a_in",
        "arguments": [], "registers": {r: r for r in neuron.tick.registers},
    }  # fmt: skip
    if lava is not None and (_native(population) or lava.model == "generated"):
        entry["process"] = lava.process or None
    if lava is not None and _native(population):
        entry["model"] = "native"
        for register, codes in population.initial.items():
            settled = lava.arguments.get(register) is not None
            if not settled and not np.array_equal(codes, _untouched(population)[register]):
                raise CapacityError(
                    f"population '{population.name}': Lava's {lava.process.rsplit('.')[-1]} takes no "
                    f"initial '{register}'; leave it as it starts"
                )
        values = _values(population)
        for name, formula in lava.arguments.items():
            value = np.asarray(formula(values))
            data[f"pop{k}.arg.{name}"] = (
                value if name in lava.fractions else np.rint(value).astype(np.int64)
            )
        entry["arguments"], entry["registers"] = list(lava.arguments), dict(lava.registers)
        return entry
    # what a spike carries is its value only where the chip's spikes carry one
    entry["binary"] = plan.network.chip.delivery.payload.bits == 1
    for name, codes in population.parameters.items():
        data[f"pop{k}.param.{name}"] = codes
    for register, codes in start.items():
        data[f"pop{k}.init.{register}"] = codes
    if neuron.tick.randoms:
        ones = np.ones(population.n, np.int64)
        data[f"pop{k}.param.n_"] = ones * population.n
        data[f"pop{k}.param.seed_"] = ones * plan.seed
        data[f"pop{k}.param.key_"] = ones * neuron_key(place, 0)
        data[f"pop{k}.init.tick_"] = 0 * ones
        entry["registers"]["tick_"] = "tick_"
        entry["record"] = list(neuron.tick.registers)
    return entry


def _untouched(population: FixedPopulation) -> dict[str, NDArray[np.int64]]:
    return FixedPopulation(
        population.name, population.n, population.neuron, population.parameters
    ).start()


def run(
    script: str | Path, *, timeout: float = 600.0, python: str | None = None, fast: bool = False
) -> Recording:
    """Execute an exported program in a process of its own and read back what Lava did.

    Uses this interpreter if it has lava-nc, else ``uv run`` with Python 3.10 (``python``, or one that
    is found, or one that uv fetches). ``fast`` replaces Lava's delay model by an equal, faster one.
    ChildError says what failed.
    """
    script = Path(script)
    out = script.with_suffix(".results.npz")
    command = [*_interpreter(python), str(script), "--out", str(out), "--timeout", f"{timeout:g}"]
    done = child.run([*command, *(["--fast-delays"] if fast else [])], timeout + 120)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        hint = ""
        if "interpreter" in said.lower() or "python" in said.lower():
            hint = "; install Python 3.10 (no 3.10 was found on PATH or in pyenv)"
        raise ChildError(f"{script.name} failed in Lava: {said}{hint}")
    return read_results(script, out)


def _interpreter(python: str | None) -> list[str]:
    if python is None and sys.version_info[:2] == (3, 10) and importlib.util.find_spec("lava"):
        return [sys.executable]
    # 'uv run' says in UV where it is, which need not be on PATH.
    program = shutil.which("uv") or os.environ.get("UV")
    if program is None and importlib.util.find_spec("uv") is None:
        raise BackendMissing(
            "running Lava needs uv: pip install uv; or a Python 3.10 environment with "
            "'pip install neurohw[lava]'"
        )
    uv = [program] if program else [sys.executable, "-m", "uv"]
    found = python or child.find_python("3.10")
    return [*uv, "run", "--quiet", *(["--python", found] if found else []), "--script"]


def read_results(script: Path, out: Path) -> Recording:
    """The results of a run as a Recording of register codes."""
    program = files.read_npz(script.with_suffix(".npz"))
    meta = files.read_meta(script.with_suffix(".npz"), program, "neurohw lava program", FORMAT)
    return as_recording(meta, files.read_npz(out), out)


def as_recording(meta: dict[str, Any], data: Arrays, where: object = "Lava") -> Recording:
    """A Recording from the program's 'meta' and the arrays that the runtime gives."""
    spikes, traces, sizes = {}, {}, {}
    try:
        for entry in meta["populations"]:
            name, n = entry["name"], int(entry["n"])
            sizes[name] = n
            trial, step, neuron = (data[f"spikes.{name}.{c}"] for c in ("trial", "step", "neuron"))
            spikes[name] = Spikes.of(n, trial, step, neuron, data.get(f"spikes.{name}.value"))
            if entry["kind"] == "neuron":
                traces[name] = {
                    r: Trace(data[f"trace.{name}.{r}"], np.arange(n))
                    for r in entry.get("record", entry["registers"])
                }
        said = json.loads(str(data["meta"]))
    except (KeyError, ValueError) as error:
        raise FileError(f"{where}: not complete ({error}); run the program again") from None
    version = said.get("lava", said.get("lava_nc", ""))
    return Recording(
        dt=float(meta["dt"]), steps=int(meta["steps"]), trials=int(meta["trials"]), sizes=sizes,
        spikes=spikes, traces=traces, source=f"lava-nc {version}",
    )  # fmt: skip


def build(network: FixedPointNetwork, inputs: Inputs, *, steps: int | None = None) -> Any:
    """Live Lava processes of the network, by population name in ``.processes``.

    Needs lava-nc in this interpreter (Python 3.10); BackendMissing otherwise. ``.run_config`` is what
    to run them with, ``.read()`` gives what they did.
    """
    if importlib.util.find_spec("lava") is None:
        version = ".".join(map(str, sys.version_info[:2]))
        raise BackendMissing(
            f"live Lava processes need lava-nc, which runs on Python 3.10 (this is {version}): "
            "pip install 'neurohw[lava]' there, or export a script and run it with uv"
        )
    return runtime(network).build(program_data(network, inputs, steps=steps))


def runtime(network: FixedPointNetwork) -> Any:
    """The exported script as a module."""
    return load_kernel(program_text(network))


def registers_in_lava(network: FixedPointNetwork) -> dict[str, Sequence[str]]:
    """The registers that Lava's results hold, by population: what a comparison must record."""
    return {
        name: list(p.neuron.lava.registers if p.neuron.lava and _native(p) else p.neuron.tick.registers)
        for name, p in network.populations.items()
    }  # fmt: skip
