"""From the data of an exported program to live Lava processes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from neurohw_backends.lava_connections import encode, merged
from neurohw_backends.lava_processes import (
    fast_delay_model,
    fixed_point_model,
    generated_model,
    import_lava,
    instrumented,
    lava_class,
    neuron_process,
    repeat_process,
)
from neurohw_backends.lava_script import (
    DENSE_ABOVE,
    DENSE_LIMIT,
    FAULT_BYTES,
    FORMAT,
    LARGEST_WEIGHT,
    LONGEST_DELAY,
    Arrays,
    Probe,
    shared,
)

# == program ==

# ---- from the data to live Lava processes --------------------------------------------------------


@dataclass
class Built:
    """The network as live Lava objects; run any member of each of ``components``."""

    meta: dict[str, Any]
    steps: int
    processes: dict[str, Any] = field(default_factory=dict)
    connections: list[Any] = field(default_factory=list)
    models: dict[type, type] = field(default_factory=dict)
    components: list[list[Any]] = field(default_factory=list)
    probes: dict[str, Probe] = field(default_factory=dict)
    events: dict[str, np.ndarray] = field(default_factory=dict)  # sources: int32 (steps, N)
    fault: np.ndarray = field(default_factory=lambda: shared((FAULT_BYTES,), np.uint8))

    @property
    def run_config(self) -> Any:
        from lava.magma.core.run_configs import Loihi2SimCfg

        return Loihi2SimCfg(select_tag="fixed_pt", exception_proc_model_map=self.models)

    def read(self) -> dict[str, np.ndarray]:
        """Results so far, as described at the top, without ``meta``."""
        results: dict[str, np.ndarray] = {}
        trials = int(self.meta["trials"])
        for population in self.meta["populations"]:
            name, n = population["name"], int(population["n"])
            probe = self.probes.get(name)
            raster = self.events[name] if probe is None else probe.spikes
            assert raster is not None
            step, column = np.nonzero(raster)
            value = raster[step, column]
            trial, neuron = np.divmod(column, n)
            order = np.lexsort((neuron, step, trial))
            for key, index in (("trial", trial), ("step", step), ("neuron", neuron)):
                results[f"spikes.{name}.{key}"] = index[order].astype(np.int32)
            if (value != 1).any():
                results[f"spikes.{name}.value"] = value[order].astype(np.int32)
            for register, trace in (probe.traces if probe else {}).items():
                wide = trace.astype(np.int64).reshape(len(trace), trials, n)
                results[f"trace.{name}.{register}"] = np.ascontiguousarray(wide.transpose(1, 0, 2))
        return results

    def add(self, process: Any, label: str, probe: Probe | None = None) -> Any:
        process.name = label
        process.proc_params["neurohw"] = probe or Probe(label, self.fault)
        return process


def load(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of a data file."""
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def read_meta(data: Arrays) -> dict[str, Any]:
    meta = json.loads(str(data["meta"]))
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise ValueError(f"the data is not of format {FORMAT}; export the network again")
    return meta


def argument(name: str, label: str, value: np.ndarray, n: int, trials: int) -> Any:
    """A Process argument with the exact Python type that Lava survives.

    Lava hands scalars on as they are: a float or a numpy integer where its model wants an int
    ends in a TypeError, or a hang, within the child process.
    """
    value = np.asarray(value)
    fraction = name.startswith("delta_")  # ATRLIF: k/4096 as a float is exact, an int is not
    if value.dtype.kind not in ("iuf" if fraction else "iub"):
        raise ValueError(f"{label}.{name}: dtype {value.dtype} where Lava needs an integer")
    if value.shape not in ((), (n,)):
        raise ValueError(f"{label}.{name}: shape {value.shape}, expected () or ({n},)")
    if name in ("bias_mant", "bias_exp") and (value.min() < -32768 or value.max() > 32767):
        raise ValueError(f"{label}.{name}: does not fit int16, Lava would wrap it silently")
    value = value.astype(np.float64 if fraction else np.int64)
    if (value == value.flat[0]).all():
        return value.flat[0].item()
    return np.tile(value, trials)


def per_neuron(data: Arrays, prefix: str, n: int, trials: int) -> dict[str, np.ndarray]:
    """``{prefix}{name}`` of the data by name: int64 (trials * n,)."""
    found = {}
    for key, value in data.items():
        if key.startswith(prefix):
            whole = np.broadcast_to(np.asarray(value, dtype=np.int64), (n,))
            found[key[len(prefix) :]] = np.tile(whole, trials)
    return found


def source_raster(data: Arrays, k: int, n: int, trials: int, steps: int) -> np.ndarray:
    """Events of a spike source as int32 (steps, trials * n); later events are left out."""
    prefix = f"pop{k}.spikes."
    trial, step, neuron = (
        np.asarray(data[prefix + key], dtype=np.int64) for key in ("trial", "step", "neuron")
    )
    value = np.asarray(data.get(prefix + "value", np.ones(step.size)), dtype=np.int32)
    for key, index, limit in (("trial", trial, trials), ("neuron", neuron, n)):
        if index.size and (index.min() < 0 or index.max() >= limit):
            raise ValueError(f"{prefix}{key}: outside 0..{limit - 1}")
    if step.size and step.min() < 0:
        raise ValueError(f"{prefix}step: negative")
    raster = np.zeros((steps, trials * n), dtype=np.int32)
    kept = step < steps
    raster[step[kept], (trial * n + neuron)[kept]] = value[kept]
    return raster


def injected_current(data: Arrays, k: int, n: int, trials: int, steps: int) -> np.ndarray | None:
    """Current into a population as int32 (steps, trials * n); zero after its last step."""
    if f"pop{k}.current" not in data:
        return None
    current = np.asarray(data[f"pop{k}.current"])
    if current.ndim != 3 or current.shape[0] != trials or current.shape[2] != n:
        raise ValueError(f"pop{k}.current: shape {current.shape}, not ({trials}, steps, {n})")
    whole = np.zeros((steps, trials * n), dtype=np.int32)
    given = min(steps, current.shape[1])
    whole[:given] = (
        current[:, :given].transpose(1, 0, 2).reshape(given, trials * n).astype(np.int32)
    )
    return whole


def build(data: Arrays, steps: int | None = None, fast_delays: bool = False) -> Built:
    """Live Lava processes of the network in ``data``, connected, nothing compiled or run yet."""
    import_lava()
    from lava.proc.io.source import RingBuffer

    meta = read_meta(data)
    steps = int(meta["steps"]) if steps is None else steps
    built = Built(meta, steps)
    built.models[RingBuffer] = instrumented(fixed_point_model(RingBuffer))
    for kind in ("sparse.process.Sparse", "dense.process.Dense", "sparse.process.DelaySparse"):
        connection = lava_class("lava.proc." + kind)
        built.models[connection] = instrumented(fixed_point_model(connection))
    if fast_delays:
        built.models[lava_class("lava.proc.sparse.process.DelaySparse")] = fast_delay_model()

    links: list[tuple[Any, Any]] = []
    for k, population in enumerate(meta["populations"]):
        build_population(built, data, k, population, links)
    for q, projection in enumerate(meta["projections"]):
        build_projection(built, data, q, projection, links)
    built.components = components(list(built.processes.values()), links)
    return built


def build_population(
    built: Built,
    data: Arrays,
    k: int,
    population: dict[str, Any],
    links: list[tuple[Any, Any]],
) -> None:
    from lava.proc.io.source import RingBuffer

    name, n, trials = population["name"], int(population["n"]), int(built.meta["trials"])
    if n < 1 or name in built.processes:
        raise ValueError(f"population '{name}': needs a neuron and a name of its own")
    if population["kind"] == "spike_source":
        raster = source_raster(data, k, n, trials, built.steps)
        built.events[name] = raster
        padded = raster if built.steps else np.zeros((1, trials * n), dtype=np.int32)
        built.processes[name] = built.add(RingBuffer(data=padded.T), name)
        return

    registers: dict[str, str] = dict(population["registers"])
    recorded = population.get("record", list(registers))
    options = {
        a: argument(a, name, data[f"pop{k}.arg.{a}"], n, trials)
        for a in population.get("arguments", [])
    }
    generated = population["model"] == "generated"
    probe = Probe(name, built.fault, attributes=registers)
    probe.spikes = shared((built.steps, trials * n), np.int32)
    width = np.int64 if generated else np.int32
    probe.traces = {r: shared((built.steps, trials * n), width) for r in recorded}
    if generated:
        probe.tick = globals().get(f"tick_{population['neuron']}")
        if probe.tick is None:
            raise ValueError(f"population '{name}': no function tick_{population['neuron']}")
        probe.binary = bool(population.get("binary", False))
        probe.parameters = per_neuron(data, f"pop{k}.param.", n, trials)
        probe.initial = per_neuron(data, f"pop{k}.init.", n, trials)
        if set(probe.initial) != set(registers):
            raise ValueError(f"population '{name}': pop{k}.init.* must name all its registers")

    if population["process"] is None:
        variables = {registers[r]: value for r, value in probe.initial.items()}
        process, model = neuron_process(population["neuron"], trials * n, variables)
        built.models[type(process)] = model
    else:
        process_class = lava_class(population["process"])
        process = process_class(shape=(trials * n,), **options)
        for key, value in options.items():
            if isinstance(value, np.ndarray) and hasattr(process, key):
                getattr(process, key).shape = value.shape  # Lava declares (1,) for du, vth_hi, ...
        if generated:
            known = list(process.vars.member_names)
            for register, attribute in registers.items():
                if attribute in known:
                    getattr(process, attribute).init = probe.initial[register]
            model = generated_model(process_class, known)
        else:
            model = instrumented(fixed_point_model(process_class))
        built.models.setdefault(process_class, model)
    built.processes[name] = built.add(process, name, probe)
    built.probes[name] = probe

    current = injected_current(data, k, n, trials, built.steps)
    if current is not None and built.steps:
        source = built.add(RingBuffer(data=current.T), f"current into {name}")
        source.s_out.connect(getattr(process, population.get("input", "a_in")))
        built.connections.append(source)
        links.append((source, process))


def build_projection(
    built: Built,
    data: Arrays,
    q: int,
    projection: dict[str, Any],
    links: list[tuple[Any, Any]],
) -> None:
    """Connect two populations by as many Lava connections as exact weights take."""
    from lava.utils.weightutils import SignMode
    from scipy.sparse import csr_matrix

    name, trials = projection["name"], int(built.meta["trials"])
    about = {p["name"]: p for p in built.meta["populations"]}
    source, target = built.processes[projection["source"]], built.processes[projection["target"]]
    n_pre, n_post = (int(about[projection[end]]["n"]) for end in ("source", "target"))
    pre, post, weight, delay = (
        np.asarray(data[f"proj{q}.{key}"], dtype=np.int64)
        for key in ("pre", "post", "weight", "delay")
    )
    for key, values, low, high in (
        ("pre", pre, 0, n_pre - 1),
        ("post", post, 0, n_post - 1),
        ("weight", weight, -LARGEST_WEIGHT, LARGEST_WEIGHT),
        ("delay", delay, 0, LONGEST_DELAY),
    ):
        if values.shape != pre.shape:
            raise ValueError(f"projection '{name}': {key} has another length than pre")
        if values.size and (values.min() < low or values.max() > high):
            raise ValueError(f"projection '{name}': {key} outside {low}..{high}")
    pre, post, delay, weight = merged(pre, post, delay, weight=weight)
    if weight.size == 0:
        return
    columns, rows = trials * n_pre, trials * n_post
    into = getattr(target, about[projection["target"]].get("input", "a_in"))
    message_bits = int(projection.get("message_bits", 0))
    exponent = int(projection["exponent"])
    for encoded in encode(pre, post, delay, weight, exponent, message_bits > 0):
        size, copies = encoded.pre.size, int(encoded.copy.max()) + 1
        trial = np.repeat(np.arange(trials), size)
        column = np.tile(encoded.pre + encoded.copy * columns, trials) + trial * n_pre
        at = (np.tile(encoded.post, trials) + trial * n_post, column)
        shape = (rows, copies * columns)
        weights = csr_matrix((np.tile(encoded.weight, trials).astype(np.int32), at), shape=shape)
        options = {
            "weight_exp": encoded.exponent,
            "num_weight_bits": encoded.bits,
            "sign_mode": getattr(SignMode, encoded.sign_mode),
            "num_message_bits": message_bits,
        }
        if encoded.delay.any():
            delays = csr_matrix((np.tile(encoded.delay, trials), at), shape=shape)
            kind = lava_class("lava.proc.sparse.process.DelaySparse")
            connection = kind(weights=weights, delays=delays, **options)
        elif weights.nnz > DENSE_ABOVE * rows * shape[1] and rows * shape[1] <= DENSE_LIMIT:
            kind = lava_class("lava.proc.dense.process.Dense")
            connection = kind(weights=weights.toarray(), **options)
        else:
            kind = lava_class("lava.proc.sparse.process.Sparse")
            connection = kind(weights=weights, **options)
        built.connections.append(built.add(connection, name))
        sender = source
        if copies > 1:
            sender, model = repeat_process(columns, copies)
            built.models[type(sender)] = model
            built.connections.append(built.add(sender, f"{name} repeated"))
            source.s_out.connect(sender.s_in)
            links.append((source, sender))
        sender.s_out.connect(connection.s_in)
        connection.a_out.connect(into)
        links += [(sender, connection), (connection, target)]


def components(processes: list[Any], links: list[tuple[Any, Any]]) -> list[list[Any]]:
    """Populations by connected part of the network: Lava runs what it reaches from one process.

    A part of spike sources alone is left out, there is nothing to compute.
    """
    leader: dict[int, int] = {}

    def find(key: int) -> int:
        while leader.setdefault(key, key) != key:
            key = leader[key]
        return key

    for one, other in links:
        leader[find(id(one))] = find(id(other))
    parts: dict[int, list[Any]] = {}
    for process in processes:
        parts.setdefault(find(id(process)), []).append(process)
    return [part for part in parts.values() if any(hasattr(p, "a_in") for p in part)]
