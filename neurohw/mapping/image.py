"""The image of a chip: what its cores and tables hold, and the network that follows from that alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurohw.fixed import FixedPointNetwork, FixedProjection
from neurohw.mapping.synapses import Form
from neurohw.recording import Recording

if TYPE_CHECKING:
    from neurohw.mapping.wires import Wires

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]


@dataclass(frozen=True)
class End:
    """A projection without its synapses: populations and the form (its number) that they are stored in."""

    name: str
    source: str
    target: str
    form: int


@dataclass(frozen=True, eq=False)
class Losses:
    """Spikes that tables lead nowhere: one of ``source``, int32 (n,), is lost ``times`` times for the
    reason ``causes[cause]`` at core ``place`` (-1: nowhere yet)."""

    causes: tuple[str, ...]
    source: Int32
    cause: Int32
    place: Int32
    times: Int32

    @classmethod
    def of(cls, cause: str, source: Int32, place: Int32) -> Losses:
        """One loss of each of these for one reason."""
        n = source.size
        return cls((cause,), source, np.zeros(n, np.int32), place, np.ones(n, np.int32))

    def and_also(self, other: Losses) -> Losses:
        """Both."""
        moved = other.cause + np.int32(len(self.causes))
        return Losses(
            (*self.causes, *other.causes), np.concatenate([self.source, other.source]),
            np.concatenate([self.cause, moved]), np.concatenate([self.place, other.place]),
            np.concatenate([self.times, other.times]),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class ChipImage:
    """Cores, memories and routing tables, as the chip addresses them.

    ``network`` has populations, codes and inputs, but no synapses: these are in ``arrays``, tables and
    memories by name, alone. ``core`` and ``slot`` int32 (vertices,) say where each vertex is, inputs
    first; -1 for one whose spikes the host sends. ``ends`` and ``forms`` name the projections.
    """

    network: FixedPointNetwork
    core: Int32
    slot: Int32
    arrays: Mapping[str, NDArray[Any]]
    ends: tuple[End, ...]
    forms: tuple[Form, ...]
    method: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "arrays", MappingProxyType(dict(self.arrays)))
        for array in (self.core, self.slot, *self.arrays.values()):
            array.setflags(write=False)

    @property
    def cores(self) -> int:
        """Cores in use."""
        return int(np.unique(self.core[self.core >= 0]).size)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of all that the image holds, in hexadecimal digits."""
        from neurohw.mapping.store import content

        digest = hashlib.sha256()
        meta, arrays = content(self)
        digest.update(meta.encode())
        for name in sorted(arrays):
            array = np.ascontiguousarray(arrays[name])
            digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()

    @cached_property
    def followed(self) -> tuple[FixedPointNetwork, Losses]:
        """The network that spikes meet if they follow the tables, and which of them get lost."""
        from neurohw.mapping.follow import follow

        return follow(self)

    @cached_property
    def wires(self) -> Wires:
        """The units that work on cores, and what a spike of each touches."""
        from neurohw.mapping.wires import wires

        return wires(self)

    @property
    def delivered(self) -> FixedPointNetwork:
        """The network that spikes meet if they follow the tables."""
        return self.followed[0]

    @property
    def losses(self) -> Losses:
        """Spikes that tables lead nowhere."""
        return self.followed[1]

    def counted(self, recording: Recording) -> Recording:
        """The recording of a run of this image, with the spikes that were lost, by cause and core."""
        losses = self.losses
        if not losses.source.size:
            return recording
        fired = np.concatenate(
            [np.bincount(recording.spikes[k].neuron, minlength=n) if k in recording.spikes else np.zeros(n)
             for k, n in self.network.sizes.items()]
        )  # fmt: skip
        lost: dict[str, int] = {}
        columns = (losses.source, losses.cause, losses.place, losses.times)
        for source, cause, place, times in zip(*(c.tolist() for c in columns), strict=True):
            if fired[source]:
                where = f"{losses.causes[cause]}, core {place}"
                lost[where] = lost.get(where, 0) + int(fired[source]) * times
        return replace(recording, lost=lost)


def projection(
    image: ChipImage, end: End, columns: tuple[Int32, Int32, Int32, Int32]
) -> FixedProjection:
    """A projection from what was read: pre, post, weight and delay, sorted by pre and post."""
    form = image.forms[end.form]
    return FixedProjection(
        end.name, end.source, end.target, *columns, form.exponent, form.mode, form.port,
        None if form.bits == image.network.chip.weight.bits else form.bits,
    )  # fmt: skip
