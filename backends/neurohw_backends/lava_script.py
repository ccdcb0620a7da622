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

import mmap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# == program ==

Arrays = Mapping[str, np.ndarray]

FORMAT = 1
LONGEST_DELAY = 63  # Lava refuses more, inside the child process
LARGEST_WEIGHT = 1024  # what is beyond a synapse's 8 bits comes from repetitions of its source
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
    binary: bool = False  # a spike is 1, whatever the equations assign
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
