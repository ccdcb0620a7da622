# /// script
# requires-python = ">=3.10,<3.11"
# dependencies = ["lava-nc==0.10.*", "numpy<2", "scipy"]
# ///
"""Run one fixed-point spiking network in Intel's Lava; write every spike and every register.

    uv run NAME.py [--data NAME.npz] [--out NAME.results.npz] [--steps N] [--fast-delays]

In Python, with lava-nc installed: ``build(load("NAME.npz"))`` gives the live Lava processes by
population name, ready to be connected to others; ``run(load("NAME.npz"))`` gives the results.

Time: data step s (from 0) is Lava time step s + 1. A spike of step s arrives at s + 1 + delay.
Trials are independent copies of the network side by side: Lava neuron = trial * n + neuron.

Data (npz, no pickle): ``meta`` (JSON), ``pop{k}.*`` per population, ``proj{q}.*`` per projection.
Results (npz): ``meta`` (JSON), ``spikes.{population}.trial/.step/.neuron`` (int32, sorted in that
order; ``.value`` int32 where a spike is not 1), ``trace.{population}.{register}`` (int64, shape
(trials, steps, n), the value after each step).
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib
import importlib.machinery
import importlib.metadata
import io
import itertools
import json
import mmap
import os
import platform
import signal
import sys
import tempfile
import threading
import time
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

Arrays = Mapping[str, np.ndarray]

FORMAT = 1
LONGEST_DELAY = 63  # Lava refuses more, inside the child process
FAULT_BYTES = 4096
DENSE_ABOVE = 0.3  # fill from which a dense matrix is the faster one
DENSE_LIMIT = 1 << 24  # weights; a dense matrix is copied a few times at start-up

# == generated neurons ==


class LavaRunError(RuntimeError):
    """A Lava child process raised, died or did not answer; the message is one line."""


# ---- shared memory: Lava's own Var.get() moves one element per message --------------------------


def shared(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Zeros of ``shape`` that the forked Lava processes and this one see alike."""
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    count = size // np.dtype(dtype).itemsize
    return np.frombuffer(mmap.mmap(-1, max(size, 1)), dtype=dtype, count=count).reshape(shape)


@dataclass
class Probe:
    """What one Lava process writes for this one to read; travels in ``proc_params["neurohw"]``."""

    label: str
    fault: np.ndarray  # uint8 (FAULT_BYTES,): a flag, then the message
    spikes: np.ndarray | None = None  # int32 (steps, trials * n)
    traces: dict[str, np.ndarray] = field(default_factory=dict)  # register: (steps, trials * n)
    attributes: dict[str, str] = field(default_factory=dict)  # register: attribute of the model
    # generated models only
    tick: Callable[..., Any] | None = None
    parameters: dict[str, np.ndarray] = field(default_factory=dict)
    initial: dict[str, np.ndarray] = field(default_factory=dict)

    def fail(self, error: BaseException) -> None:
        if self.fault[0]:
            return  # the first fault is the cause; what follows is its echo
        text = f"{self.label}: {type(error).__name__}: {error}".replace("\n", " ").encode()
        text = text[: FAULT_BYTES - 2]
        self.fault[1 : 1 + len(text)] = np.frombuffer(text, dtype=np.uint8)
        self.fault[0] = 1

    def record_spikes(self, step: int, values: np.ndarray) -> None:
        if self.spikes is not None and step < len(self.spikes) and values.any():
            self.spikes[step] = values  # rows without a spike stay untouched, unallocated pages

    def record_registers(self, step: int, value: Callable[[str], np.ndarray]) -> None:
        for register, trace in self.traces.items():
            if step < len(trace):
                trace[step] = value(register)


# ---- Lava process models ------------------------------------------------------------------------


def import_lava() -> None:
    """Import lava even where multiprocessing has chosen its start method already."""
    if "lava.magma.runtime.message_infrastructure.multiprocessing" not in sys.modules:
        import multiprocessing

        # Lava sets 'fork' without force and fails if anything came first, e.g. a numba thread pool
        multiprocessing.set_start_method(None, force=True)
        importlib.import_module("lava.magma.runtime.message_infrastructure.multiprocessing")


def fixed_point_model(process_class: type) -> type:
    """Lava's own fixed-point ProcessModel of a Lava Process class."""
    path = process_class.__module__
    for name in (path, path.rpartition(".")[0] + ".models"):
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError:
            continue
        for candidate in vars(module).values():
            if (
                isinstance(candidate, type)
                and getattr(candidate, "implements_process", None) is process_class
                and "fixed_pt" in getattr(candidate, "tags", ())
            ):
                return candidate
    raise ValueError(f"Lava has no fixed-point model of {path}.{process_class.__name__}")


@functools.cache
def instrumented(model_class: type) -> type:
    """``model_class`` with the same arithmetic, which also records and reports its faults."""

    class Instrumented(model_class):  # type: ignore[misc]
        def run_spk(self) -> None:
            probe: Probe | None = self.proc_params.get("neurohw")
            if probe is None:
                super().run_spk()
                return
            try:
                if probe.spikes is not None and self.time_step == 1:
                    tap_spikes(self, probe)
                super().run_spk()
                if probe.tick is None:
                    registers = probe.attributes
                    probe.record_registers(
                        self.time_step - 1, lambda name: getattr(self, registers[name])
                    )
            except Exception as error:
                probe.fail(error)
                raise

    Instrumented.__name__ = Instrumented.__qualname__ = "Instrumented" + model_class.__name__
    return Instrumented


def tap_spikes(model: Any, probe: Probe) -> None:
    """Let the output port of ``model`` record what it sends, whatever the model calls it."""
    send = model.s_out.send

    def record_and_send(values: np.ndarray) -> None:
        probe.record_spikes(model.time_step - 1, np.asarray(values))
        send(values)

    model.s_out.send = record_and_send


def generated_model(process_class: type, variables: list[str]) -> type:
    """A ProcessModel of ``process_class`` that calls the population's own tick function.

    Registers of the same name as a Var of the Process live in that Var, so ``get`` and ``set``
    work on them; the others live in the model.
    """
    from lava.magma.core.decorator import implements, requires, tag
    from lava.magma.core.model.py.model import PyLoihiProcessModel
    from lava.magma.core.model.py.ports import PyInPort, PyOutPort
    from lava.magma.core.model.py.type import LavaPyType
    from lava.magma.core.resources import CPU
    from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

    def run_spk(self: Any) -> None:
        probe: Probe = self.proc_params.get("neurohw")
        assert probe.tick is not None
        if self.time_step == 1:
            self.registers = {name: value.copy() for name, value in probe.initial.items()}
        state = self.registers
        mirrored = {r: a for r, a in probe.attributes.items() if a in variables}
        for register, attribute in mirrored.items():
            state[register] = np.asarray(getattr(self, attribute), dtype=np.int64)
        received = self.a_in.recv()  # int32: the sum over all projections wraps there
        spikes = np.asarray(probe.tick(state, probe.parameters, {"syn": received.astype(np.int64)}))
        sent = spikes.astype(np.int32)
        if sent.shape != received.shape or (sent != spikes).any():
            raise ValueError("the tick function must return one int32 spike value per neuron")
        for register, attribute in mirrored.items():
            setattr(self, attribute, np.array(state[register], dtype=np.int64))
        probe.record_registers(self.time_step - 1, state.__getitem__)
        self.s_out.send(sent)

    # 'int' makes Lava hand over a Var's initial value as it is, arrays included
    body: dict[str, Any] = {name: LavaPyType(int, np.int64) for name in variables}
    body["a_in"] = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    body["s_out"] = LavaPyType(PyOutPort.VEC_DENSE, np.int32)
    body["run_spk"] = run_spk
    model = type("Generated" + process_class.__name__, (PyLoihiProcessModel,), body)
    model = implements(proc=process_class, protocol=LoihiProtocol)(model)
    return instrumented(tag("fixed_pt")(requires(CPU)(model)))


_serial = itertools.count()


def own_module() -> types.ModuleType:
    """The module of our own Process classes.

    Lava's compiler executes every .py file beside the file of a Process class in search of models.
    This module names a file in a place that can't be a directory, so nothing is executed.
    """
    name = "neurohw_lava_processes"
    if name not in sys.modules:
        module = types.ModuleType(name)
        module.__file__ = os.path.join(os.devnull, name + ".py")
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        sys.modules[name] = module
    return sys.modules[name]


def own_class(name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
    module = own_module()
    unique = f"{name}{next(_serial)}"
    created = type(unique, bases, {**body, "__module__": module.__name__})
    setattr(module, unique, created)
    return created


def adopt(model: type) -> type:
    """Put a model beside our Process classes, where Lava's search finds it."""
    module = own_module()
    model.__module__ = module.__name__
    setattr(module, f"{model.__name__}Model{next(_serial)}", model)
    return model


def neuron_process(neuron: str, count: int, registers: Arrays) -> tuple[Any, type]:
    """A Process (a_in, s_out, one Var per register) of its own class, and its model."""
    from lava.magma.core.process.ports.ports import InPort, OutPort
    from lava.magma.core.process.process import AbstractProcess
    from lava.magma.core.process.variable import Var

    def __init__(self: Any, **options: Any) -> None:
        AbstractProcess.__init__(self, **options)
        self.a_in = InPort(shape=(count,))
        self.s_out = OutPort(shape=(count,))
        for name, value in registers.items():
            if hasattr(self, name):
                continue  # 'name', 'model', ...: taken by Lava; the register stays in the model
            setattr(self, name, Var(shape=(count,), init=value))

    process = own_class("Neuron_" + neuron, (AbstractProcess,), {"__init__": __init__})()
    return process, adopt(generated_model(type(process), list(process.vars.member_names)))


def repeat_process(count: int, times: int) -> tuple[Any, type]:
    """A Process that sends its input ``times`` over, in the same step: (count,) to (times*count,).

    A sum that is shifted right must be whole before the shift. Where a weight has too many bits
    for one synapse, the repeated source gives it several, within one connection.
    """
    from lava.magma.core.decorator import implements, requires, tag
    from lava.magma.core.model.py.model import PyLoihiProcessModel
    from lava.magma.core.model.py.ports import PyInPort, PyOutPort
    from lava.magma.core.model.py.type import LavaPyType
    from lava.magma.core.process.ports.ports import InPort, OutPort
    from lava.magma.core.process.process import AbstractProcess
    from lava.magma.core.resources import CPU
    from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

    def __init__(self: Any) -> None:
        AbstractProcess.__init__(self)
        self.s_in = InPort(shape=(count,))
        self.s_out = OutPort(shape=(times * count,))

    process = own_class("Repeat", (AbstractProcess,), {"__init__": __init__})()

    @implements(proc=type(process), protocol=LoihiProtocol)
    @requires(CPU)
    @tag("fixed_pt")
    class Repeat(PyLoihiProcessModel):  # type: ignore[misc]
        s_in = LavaPyType(PyInPort.VEC_DENSE, np.int32)
        s_out = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

        def run_spk(self) -> None:
            self.s_out.send(np.tile(self.s_in.recv(), times))

    return process, adopt(instrumented(Repeat))


@functools.cache
def fast_delay_model() -> type:
    """DelaySparse with the weights sorted once, by source: work per step follows the spikes.

    Same numbers as Lava's model, which builds its delay matrix anew at each step. The Var
    ``a_buff`` is not kept up to date.
    """
    from lava.utils.weightutils import clip_weights, truncate_weights

    slow = fixed_point_model(lava_class("lava.proc.sparse.process.DelaySparse"))

    class FastDelaySparse(slow):  # type: ignore[misc, valid-type]
        def prepare(self) -> None:
            options = self.proc_params
            mode = options.get("sign_mode")
            weights = clip_weights(self.weights, mode, num_bits=8)
            weights = truncate_weights(weights, mode, options.get("num_weight_bits"))
            entries = weights.tocoo()
            delay = np.asarray(self.delays[entries.row, entries.col]).ravel().astype(np.int64)
            count, sources = self.weights.shape
            self.slots = int(self.a_buff.shape[-1])
            order = np.argsort(entries.col, kind="stable")
            self.cell = (delay * count + entries.row)[order]
            self.value = entries.data.astype(np.int64)[order]
            self.first = np.searchsorted(entries.col[order], np.arange(sources + 1))
            self.pending = np.zeros((self.slots, count), dtype=np.int32)
            self.scratch = np.zeros(self.slots * count, dtype=np.int64)
            self.now = 0

        def run_spk(self) -> None:
            if self.time_step == 1:
                self.prepare()
            self.a_out.send(self.pending[self.now].copy())
            self.pending[self.now] = 0
            self.now = (self.now + 1) % self.slots
            arrived = self.s_in.recv()
            if self.num_message_bits.item() == 0:
                arrived = arrived.astype(bool)
            active = np.flatnonzero(arrived)
            fan_out = self.first[active + 1] - self.first[active]
            total = int(fan_out.sum())
            if total == 0:
                return
            begin = np.repeat(self.first[active] - (np.cumsum(fan_out) - fan_out), fan_out)
            synapse = begin + np.arange(total)
            value = self.value[synapse] * np.repeat(arrived[active].astype(np.int64), fan_out)
            cell = self.cell[synapse]
            np.add.at(self.scratch, cell, value)
            wrapped = self.scratch[cell].astype(np.int32)
            self.scratch[cell] = 0
            exponent: int = self.proc_params.get("weight_exp")
            shifted = wrapped << exponent if exponent > 0 else wrapped >> -exponent
            slot, target = np.divmod(cell, self.pending.shape[1])
            # a cell that comes twice has its whole sum twice, and is assigned, not added, twice
            self.pending[(self.now + slot) % self.slots, target] += shifted.astype(np.int32)

    return instrumented(FastDelaySparse)


def lava_class(path: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"unknown Lava Process '{path}'") from error


# ---- weights: the encodings that Lava's 8-bit synapses hold exactly ------------------------------


@dataclass
class Encoded:
    """Synapses of one Lava connection: int64 (synapses,) each, at most one per pair and copy."""

    sign_mode: str
    exponent: int
    pre: np.ndarray
    post: np.ndarray
    delay: np.ndarray
    weight: np.ndarray
    copy: np.ndarray  # which repetition of the source; all 0: the source itself

    def by_copy(self) -> list[Encoded]:
        """The same synapses as several connections from the source itself."""
        parts = []
        for one in range(int(self.copy.max()) + 1):
            of = self.copy == one
            columns = (self.pre[of], self.post[of], self.delay[of], self.weight[of])
            alone = np.zeros(int(of.sum()), dtype=np.int64)
            parts.append(Encoded(self.sign_mode, self.exponent, *columns, copy=alone))
        return parts


def pieces(weight: np.ndarray, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    """``weight`` as sums of values within [low, high]: index into ``weight``, and value."""
    index, rest = np.arange(weight.size), weight
    found = []
    while index.size:
        part = np.clip(rest, low, high)
        found.append((index, part))
        more = rest != part
        index, rest = index[more], (rest - part)[more]
    return np.concatenate([i for i, _ in found]), np.concatenate([v for _, v in found])


def rank_in_pair(pre: np.ndarray, post: np.ndarray) -> np.ndarray:
    """0, 1, 2, ... for the synapses that share their pair of neurons."""
    order = np.lexsort((post, pre))
    new = np.ones(order.size, dtype=bool)
    new[1:] = (np.diff(pre[order]) != 0) | (np.diff(post[order]) != 0)
    place = np.arange(order.size)
    rank = np.empty(order.size, dtype=np.int64)
    rank[order] = place - np.maximum.accumulate(np.where(new, place, 0))
    return rank


def encode(
    pre: np.ndarray, post: np.ndarray, delay: np.ndarray, weight: np.ndarray, exponent: int
) -> list[Encoded]:
    """Connections whose sums over spikes, shifted by ``exponent``, add up to exactly ours.

    Lava holds -255..0, 0..255, or with both signs the even numbers of -256..254: an odd weight
    is stored as its double under the next lower exponent. A connection has one weight and one
    delay per pair of neurons; what is more goes to further connections. But a right shift drops
    bits of the sum over all synapses of a delay, so there all stay in one connection, and the
    surplus comes from repetitions of the source.
    """
    low, high = int(weight.min()), int(weight.max())
    one_sided = low >= 0 or high <= 0
    if not (one_sided and low >= -255 and high <= 255) and (
        low >= -256 and high <= 254 and not (weight & 1).any()
    ):
        groups = [("MIXED", weight, -256, 254, 0)]
    elif one_sided:
        groups = [("EXCITATORY" if low >= 0 else "INHIBITORY", weight, -255, 255, 0)]
    elif exponent < 0 or (low >= -128 and high <= 127):
        groups = [("MIXED", weight, -128, 127, 1)]
    else:
        groups = [
            ("EXCITATORY", np.maximum(weight, 0), 0, 255, 0),
            ("INHIBITORY", np.minimum(weight, 0), -255, 0, 0),
        ]
    encoded = []
    for mode, part, least, most, doubled in groups:
        used = np.flatnonzero(part)
        index, value = pieces(part[used], least, most)
        index = used[index]
        of = Encoded(
            mode,
            exponent - doubled,
            pre[index],
            post[index],
            delay[index],
            value << doubled,
            rank_in_pair(pre[index], post[index]),
        )
        encoded += [of] if exponent < 0 else of.by_copy()
    return encoded


def merged(*columns: np.ndarray, weight: np.ndarray) -> list[np.ndarray]:
    """Equal rows of ``columns`` as one, their weights added; rows that add up to 0 dropped."""
    if weight.size == 0:
        return [*columns, weight]
    order = np.lexsort(columns[::-1])
    rows = [column[order] for column in columns]
    new = np.ones(order.size, dtype=bool)
    new[1:] = np.any([row[1:] != row[:-1] for row in rows], axis=0)
    starts = np.flatnonzero(new)
    total = np.add.reduceat(weight[order], starts)
    keep = total != 0
    return [row[starts][keep] for row in rows] + [total[keep]]


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
        ("weight", weight, -256, 255),
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
    for encoded in encode(pre, post, delay, weight, int(projection["exponent"])):
        size, copies = encoded.pre.size, int(encoded.copy.max()) + 1
        trial = np.repeat(np.arange(trials), size)
        column = np.tile(encoded.pre + encoded.copy * columns, trials) + trial * n_pre
        at = (np.tile(encoded.post, trials) + trial * n_post, column)
        shape = (rows, copies * columns)
        weights = csr_matrix((np.tile(encoded.weight, trials).astype(np.int32), at), shape=shape)
        options = {
            "weight_exp": encoded.exponent,
            "num_weight_bits": 8,
            "sign_mode": getattr(SignMode, encoded.sign_mode),
            "num_message_bits": int(projection.get("message_bits", 0)),
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


# ---- running -------------------------------------------------------------------------------------


def fault_text(fault: np.ndarray) -> str | None:
    if not fault[0]:
        return None
    return bytes(fault[1:]).rstrip(b"\0").decode(errors="replace")


def wait_for_end(runtime: Any, fault: np.ndarray, deadline: float) -> None:
    """Return when the run is over; raise as soon as a Lava process fails.

    Lava's own wait() may hang for ever: its processes wait for the one that has failed.
    """
    actors = runtime._messaging_infrastructure.actors
    pause = 0.0002
    while not all(port.probe() for port in runtime.service_to_runtime):
        text = fault_text(fault)
        if text is None:
            for actor in actors:
                if actor.exception:
                    error = actor.exception[0]
                    text = f"{type(error).__name__}: {error}".replace("\n", " ")
                elif not actor.is_alive():
                    text = f"a Lava process died with exit code {actor.exitcode}"
        if text is not None:
            raise LavaRunError(text)
        if time.monotonic() > deadline:
            raise LavaRunError("Lava did not finish within the time limit")
        time.sleep(pause)
        pause = min(2 * pause, 0.02)
    if (text := fault_text(fault)) is not None:
        raise LavaRunError(text)


def abort(runtime: Any) -> None:
    """End a broken Lava run; its own stop() would wait for the processes that no longer answer."""
    infrastructure = runtime._messaging_infrastructure
    runtime._is_started = False  # or the destructor calls that stop()
    for actor in infrastructure.actors if infrastructure else []:
        with contextlib.suppress(ValueError):  # joined already
            actor.kill()
    if infrastructure:
        infrastructure.stop()
    if runtime._watchdog_manager is not None:
        runtime._watchdog_manager.stop()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without what Lava prints on an exception that it raises anyway."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def run(
    data: Arrays,
    steps: int | None = None,
    fast_delays: bool = False,
    timeout: float = float("inf"),
) -> dict[str, np.ndarray]:
    """Run the network for ``steps`` (default: those of the data) and give back the results."""
    started = time.perf_counter()
    built = build(data, steps, fast_delays)
    deadline = time.monotonic() + timeout
    seconds = sum(run_component(built, part[0], deadline) for part in built.components)
    results = built.read()
    meta = {
        "format": FORMAT,
        "name": built.meta.get("name", ""),
        "steps": built.steps,
        "trials": int(built.meta["trials"]),
        "lava": importlib.metadata.version("lava-nc"),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "seconds": round(time.perf_counter() - started, 4),
        "run_seconds": round(seconds, 4),
    }
    results["meta"] = np.array(json.dumps(meta))
    return results


def run_component(built: Built, process: Any, deadline: float) -> float:
    """Run the part of the network that ``process`` belongs to; seconds after its start-up."""
    from lava.magma.core.run_conditions import RunSteps

    if built.steps == 0:
        return 0.0
    try:
        with quiet():
            process.create_runtime(run_cfg=built.run_config)
        begin = time.perf_counter()
        process.run(condition=RunSteps(num_steps=built.steps, blocking=False))
        wait_for_end(process.runtime, built.fault, deadline)
        process.wait()
        seconds = time.perf_counter() - begin
        process.stop()
        return seconds
    except BaseException:
        if process.runtime is not None:
            abort(process.runtime)
        raise


# ---- command line --------------------------------------------------------------------------------


def follow_parent() -> None:
    """In a forked child: die with the parent, leave Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        import ctypes

        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def watchdog(seconds: float, message: str) -> threading.Timer:
    """End this process and its children after ``seconds``, whatever they are waiting for."""

    def end() -> None:
        import multiprocessing

        print(message, file=sys.stderr, flush=True)
        for child in multiprocessing.active_children():
            with contextlib.suppress(Exception):
                child.kill()
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    return timer


def save(path: Path, results: Arrays) -> None:
    """Write under a temporary name, then rename: never half a file under the final name."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **dict(results))  # type: ignore[arg-type, unused-ignore]
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)  # mkstemp makes it private
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 1 with one line on stderr."""
    script = Path(__file__).resolve()
    parser = argparse.ArgumentParser(description="Run a fixed-point network in Intel's Lava.")
    parser.add_argument("--data", type=Path, default=script.with_suffix(".npz"))
    parser.add_argument("--out", type=Path, default=None, help="default: DATA.results.npz")
    parser.add_argument("--steps", type=int, default=None, help="default: those of the data")
    parser.add_argument("--timeout", type=float, default=600.0, metavar="SECONDS")
    parser.add_argument(
        "--fast-delays", action="store_true", help="own model for delays: same numbers, faster"
    )
    given = parser.parse_args(arguments)
    out: Path = given.out or given.data.with_suffix(".results.npz")
    prefix = f"{script.name}: error: "
    if given.steps is not None and given.steps < 0:
        parser.error("--steps must be 0 or more")

    os.register_at_fork(after_in_child=follow_parent)
    # inside run() the limit ends the run in order; the timer is for a hang anywhere else
    timer = watchdog(given.timeout + 2.0, f"{prefix}no end after {given.timeout:g} s")
    try:
        results = run(load(given.data), given.steps, given.fast_delays, given.timeout)
        save(out, results)
    except KeyboardInterrupt:
        print(prefix + "interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        text = str(error).replace("\n", " ")
        own = isinstance(error, (LavaRunError, ValueError, OSError))
        print(prefix + (text if own else f"{type(error).__name__}: {text}"), file=sys.stderr)
        return 1
    finally:
        timer.cancel()
    return 0


if __name__ == "__main__":
    sys.exit(main())
