"""Spike events: which neuron, at which step, in which trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from neurohw.errors import InputError
from neurohw.network.checks import MOST, integers
from neurohw.ordering import order_by

Int32 = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Spikes:
    """Spikes of ``n`` neurons as int32 columns sorted by trial, then step, then neuron.

    ``value`` is the payload of a graded spike, or how many spikes there were; None means all 1.
    """

    n: int
    trial: Int32
    step: Int32
    neuron: Int32
    value: Int32 | None = None

    @property
    def count(self) -> int:
        """Number of events."""
        return int(self.step.size)

    @classmethod
    def of(
        cls,
        n: int,
        trial: ArrayLike,
        step: ArrayLike,
        neuron: ArrayLike,
        value: ArrayLike | None = None,
    ) -> Spikes:
        """From event columns in any order; each of shape (events,)."""
        named = (("trial", trial), ("step", step), ("neuron", neuron))
        columns = [np.atleast_1d(integers(f"spikes: {k}", c)).astype(np.int32) for k, c in named]
        shapes = [c.shape for c in columns]
        if len(set(shapes)) > 1 or len(shapes[0]) != 1:
            raise InputError(
                f"spikes: trial, step and neuron have shapes {shapes}; give three lists, an entry of "
                "each for every spike"
            )
        order = order_by(columns)
        payload = None if value is None else integers("spikes: value", value, -MOST)
        if payload is not None and payload.shape != shapes[0]:
            raise InputError(f"spikes: value has shape {payload.shape}, trial {shapes[0]}")
        first, second, third = (c[order] for c in columns)
        return cls.in_order(n, first, second, third, None if payload is None else payload[order])

    @classmethod
    def in_order(
        cls, n: int, trial: Int32, step: Int32, neuron: Int32,
        value: NDArray[np.signedinteger] | None = None,
    ) -> Spikes:  # fmt: skip
        """From columns that are sorted: they are kept, and can't be written to any more."""
        payload = None
        if value is not None and not (value == 1).all():
            payload = integers("spikes: value", value, -MOST).astype(np.int32, copy=False)
        for array in (trial, step, neuron):
            array.setflags(write=False)
        return cls(n, trial, step, neuron, payload)

    @classmethod
    def from_dense(cls, raster: NDArray[np.generic], what: str = "spikes") -> Spikes:
        """From a raster (trials, steps, n) or (steps, n) of whole numbers, 0 where silent."""
        array = np.asarray(raster)
        if array.ndim == 2:
            array = array[None]
        if array.ndim != 3:
            raise InputError(
                f"{what}: shape {np.shape(raster)}; give (steps, n) or (trials, steps, n)"
            )
        if array.dtype.kind == "f":
            whole = np.isfinite(array) & (array == np.round(array))
            if not whole.all():
                bad = array[~whole].ravel()[0]
                raise InputError(
                    f"{what}: {bad} is not a number of spikes; spikes are whole numbers, analogue "
                    "values go to a CurrentInput"
                )
        elif array.dtype.kind not in "biu":
            raise InputError(f"{what}: dtype {array.dtype} holds no numbers of spikes")
        least, most = (array.min().item(), array.max().item()) if array.size else (0, 0)
        if least < 0 or most > MOST:
            bad = least if least < 0 else most
            raise InputError(f"{what}: {bad} is no number of spikes; it must be in 0..{MOST}")
        trial, step, neuron = np.nonzero(array)
        number = array[trial, step, neuron].astype(np.int64)
        return cls.of(array.shape[2], trial, step, neuron, number)

    @classmethod
    def none(cls, n: int) -> Spikes:
        """No spikes at all."""
        empty = np.empty(0, np.int32)
        return cls(n, empty, empty, empty)

    def dense(self, trials: int, steps: int) -> NDArray[np.int32]:
        """The raster (trials, steps, n), int32; repeated events add up."""
        raster = np.zeros((trials, steps, self.n), np.int32)
        value = 1 if self.value is None else self.value
        np.add.at(raster, (self.trial, self.step, self.neuron), value)
        return raster

    def counts(self, trials: int) -> NDArray[np.int64]:
        """Spikes of each neuron in each trial, (trials, n)."""
        weights = None if self.value is None else self.value.astype(np.float64)
        flat = np.bincount(
            self.trial.astype(np.int64) * self.n + self.neuron, weights, minlength=trials * self.n
        )
        return flat.reshape(trials, self.n).astype(np.int64)

    def in_trial(self, trial: int) -> Spikes:
        """The events of one trial, renumbered as trial 0."""
        low, high = np.searchsorted(self.trial, [trial, trial + 1])
        part = slice(int(low), int(high))
        value = None if self.value is None else self.value[part]
        return Spikes(
            self.n, np.zeros_like(self.trial[part]), self.step[part], self.neuron[part], value
        )

    def same_as(self, other: Spikes) -> bool:
        """Whether both hold exactly the same events."""
        mine = 1 if self.value is None else self.value
        theirs = 1 if other.value is None else other.value
        return bool(
            self.n == other.n
            and np.array_equal(self.trial, other.trial)
            and np.array_equal(self.step, other.step)
            and np.array_equal(self.neuron, other.neuron)
            and np.array_equal(
                np.broadcast_to(mine, self.step.shape), np.broadcast_to(theirs, self.step.shape)
            )
        )


def joined(parts: Sequence[NDArray[Any]], dtype: DTypeLike = np.int32) -> NDArray[Any]:
    """The parts of a column in one array; itself if there is one."""
    return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, dtype), *parts])
