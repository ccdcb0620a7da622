"""A chip as loaded: formats, equations, delivery, weights, delays, limits. All of it data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from neurohw.equations import Program
from neurohw.formulas import Formula

Status = Literal["documented", "measured", "assumed"]


@dataclass(frozen=True)
class Number:
    """A figure with where it comes from and how sure it is."""

    value: float
    source: str
    status: Status


@dataclass(frozen=True)
class Requirement:
    """A condition on physical parameters that the neuron can't do without, and what to do if not."""

    test: Formula
    otherwise: str


@dataclass(frozen=True)
class FromPhysical:
    """How one kind of float population becomes codes of one neuron.

    ``codes`` are evaluated in order, each may read those before it; ``weight`` is the factor from a
    float weight to weight units; ``initial`` sets registers at the start; ``realised`` says which
    physical value a code stands for; ``registers`` turns a register into a physical trace.
    """

    kind: str
    require: tuple[Requirement, ...]
    codes: Mapping[str, Formula]
    weight: Formula
    initial: Mapping[str, Formula]
    realised: Mapping[str, Formula]
    registers: Mapping[str, Formula]
    may_vanish: frozenset[str]


@dataclass(frozen=True)
class LavaBinding:
    """The Lava process that a neuron is: class path, whose arithmetic, constructor arguments as
    formulas of the codes, and the attribute that holds each register. ``fractions`` are
    arguments that are no integers, ``scalars`` those it takes once for all its neurons."""

    process: str
    model: Literal["native", "generated"]
    arguments: Mapping[str, Formula]
    registers: Mapping[str, str]
    fractions: tuple[str, ...] = ()
    scalars: tuple[str, ...] = ()


@dataclass(frozen=True)
class Neuron:
    """One neuron of a chip: its equations (``tick``, and ``start`` once before the first tick)."""

    name: str
    summary: str
    source: str
    status: Status
    tick: Program
    start: Program | None
    text: str
    from_physical: Mapping[str, FromPhysical]
    lava: LavaBinding | None = None
    start_text: str = ""

    @property
    def port(self) -> str:
        """The input that synapses add to."""
        return next(iter(self.tick.inputs))

    @property
    def spikes(self) -> bool:
        """Whether the equations assign ``spike``."""
        return "spike" in self.tick.targets


@dataclass(frozen=True)
class WeightMode:
    """Mantissas that a projection may hold together: low, low + step, ... up to high."""

    name: str
    low: int
    high: int
    step: int


@dataclass(frozen=True)
class WeightFormat:
    """Weights are ``mantissa * 2^exponent``, one exponent and one mode for each projection.

    ``right_shift``: where a negative exponent drops bits, of each ``synapse`` or of the ``sum`` of
    all synapses of a projection that arrive with the same delay.
    """

    bits: int
    modes: tuple[WeightMode, ...]
    exponent: tuple[int, int]
    right_shift: Literal["sum", "synapse"]
    source: str
    status: Status


@dataclass(frozen=True)
class DelayFormat:
    """Delays in ticks beyond the mandatory one, held by each ``synapse`` or each ``axon``."""

    low: int
    high: int
    where: Literal["synapse", "axon"]
    source: str
    status: Status


@dataclass(frozen=True)
class Delivery:
    """How synaptic events reach the neuron: the engine, and ticks from spike to first arrival."""

    engine: Literal["summed"]
    latency: int
    source: str
    status: Status


@dataclass(frozen=True)
class Oracle:
    """What the profile was verified against, and what that claim covers."""

    name: str
    claim: str
    vectors: str


@dataclass(frozen=True)
class Chip:
    """Everything a profile says. ``path`` is the file it came from, '' if made otherwise."""

    name: str
    title: str
    notes: str
    oracle: Oracle
    sources: Mapping[str, str]
    neurons: Mapping[str, Neuron]
    delivery: Delivery
    weight: WeightFormat
    delay: DelayFormat
    limits: Mapping[str, Number] = field(default_factory=dict)
    path: str = ""
