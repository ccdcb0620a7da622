"""The Lava processes and process models of an exported program."""

from __future__ import annotations

import functools
import importlib
import importlib.machinery
import importlib.metadata
import itertools
import os
import sys
import types
from typing import Any

import numpy as np

from neurohw_backends.lava_script import Arrays, Probe

# == program ==

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
        if probe.binary:
            spikes = spikes != 0
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
