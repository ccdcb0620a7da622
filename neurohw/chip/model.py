"""A chip as loaded: formats, equations, delivery, weights, delays, limits. All of it data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from neurohw.chip.cores import Cores
from neurohw.chip.machine import Machine
from neurohw.equations import Program
from neurohw.fixedpoint import Format
from neurohw.formulas import Formula

if TYPE_CHECKING:
    from neurohw.chip.prices import Prices

Status = Literal["documented", "measured", "assumed"]
BINARY = Format(1, False)
"""The payload of a spike that carries nothing but itself."""


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
    float weight to weight units, and ``ports`` the inputs that positive and negative weights go to
    ('' for the first; where they differ a negative weight is stored as its size); ``initial`` sets
    registers at the start; ``realised`` says which physical value a code stands for; ``registers``
    turns a register into a physical trace. ``by_source``: the inputs that inputs and neurons of the
    network write to, where these differ. ``bias_spikes``: the neuron has no bias; the host sends it
    as a channel that spikes at every step, and the formulas see a bias of 0.
    """

    kind: str
    require: tuple[Requirement, ...]
    codes: Mapping[str, Formula]
    weight: Formula
    initial: Mapping[str, Formula]
    realised: Mapping[str, Formula]
    registers: Mapping[str, Formula]
    may_vanish: frozenset[str]
    ports: tuple[str, str] = ("", "")
    by_source: tuple[str, str] = ("", "")
    bias_spikes: bool = False


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
    """One neuron of a chip: the equations of each phase, and what they read.

    ``tick`` runs at every tick, ``start`` once before the first, ``phases`` are the others:
    ``event`` for each synaptic event, and what the operations of a queue engine name. ``inputs``
    are what synapses write to. ``aliased`` is the input that takes the spikes of other neurons
    within the tick. A ``relay`` passes on within the tick: the axon of a crossbar.
    ``reset`` is what the equations do where a model only says that a neuron resets.
    """

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
    inputs: Mapping[str, Format] = field(default_factory=dict)
    aliased: str = ""
    relay: bool = False
    reset: Literal["zero", "subtract"] = "zero"
    phases: Mapping[str, Program] = field(default_factory=dict)
    phase_texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def ports(self) -> tuple[str, ...]:
        """The inputs that synapses write to."""
        return tuple(k for k in self.inputs or self.tick.inputs if k != "count")

    @property
    def port(self) -> str:
        """The first of them."""
        return self.ports[0]

    @property
    def programs(self) -> dict[str, Program]:
        """All equations that run during ticks and events, by phase; the tick first."""
        return {"tick": self.tick, **self.phases}

    @property
    def spikes(self) -> bool:
        """Whether the equations assign ``spike``."""
        return any(a.target == "spike" for p in self.programs.values() for a in p.assigns)

    @property
    def formats(self) -> dict[str, Format]:
        """Formats of everything that is stored: inputs, registers, wires."""
        found: dict[str, Format] = dict(self.inputs)
        for program in self.programs.values():
            found.update(program.inputs)
            found.update(program.targets)
        return found

    @property
    def random(self) -> bool:
        """Whether any phase draws random numbers."""
        return any(p.randoms or p.drawn for p in self.programs.values())


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

    ``delivered``: what a synapse delivers, as equations of ``weight`` (its mantissa), ``exponent``,
    ``bits`` and ``mixed``, where that is not mantissa * 2^exponent; ``mantissa`` then is what may be
    stored, the modes are what of it the quantiser uses.

    ``right_shift``: where a negative exponent drops bits, of each ``synapse`` or of the ``sum`` of
    all synapses of a projection that arrive with the same delay.
    """

    bits: int
    modes: tuple[WeightMode, ...]
    exponent: tuple[int, int]
    right_shift: Literal["sum", "synapse"]
    source: str
    status: Status
    mantissa: Format | None = None
    delivered: Program | None = None
    delivered_text: str = ""


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
    """How synaptic events reach the neuron: the engine, and ticks from spike to first arrival.

    ``payload``: the format of what a spike carries, ``input_payload`` of what an input's does.
    ``order`` of the ordered engine: one ``source`` after the other, or all sources of one
    ``index`` together.
    """

    engine: Literal["summed", "ring buffer", "ordered", "queue"]
    latency: int
    source: str
    status: Status
    payload: Format = BINARY
    input_payload: Format = BINARY
    order: Literal["source", "index"] = "source"

    @property
    def binary(self) -> bool:
        """Whether a spike carries nothing but itself."""
        return self.payload.bits == 1 and self.input_payload.bits == 1


@dataclass(frozen=True)
class Generator:
    """A shift register that makes a stream of bits: s_n = s_(n-a) xor e_n, where e_n is bit
    ``order[n]`` of the seed for n below L, and s_(n-L) after; a and L are ``taps``.

    Neuron j draws ``bits`` of them, the first as bit 0, from lane j mod ``lanes``.
    """

    name: str
    bits: int
    taps: tuple[int, int]
    lanes: int
    seed: tuple[int, ...]
    order: tuple[int, ...]
    source: str
    status: Status

    def entering(self, seed: int) -> int:
        """The bits of a seed in the order in which they enter, the first as bit 0."""
        return sum((seed >> bit & 1) << n for n, bit in enumerate(self.order))


@dataclass(frozen=True)
class Oracle:
    """What the profile was verified against, what that claim covers, and its vectors: a folder of
    tests/golden, which is also the name of their format, and the files in it."""

    name: str
    claim: str
    vectors: str
    files: tuple[str, ...] = ("*",)


@dataclass(frozen=True)
class Origin:
    """What a chip was read from: a profile's text, one of its variants, and changes by dotted key."""

    text: str
    changes: Mapping[str, Any]
    variant: str


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
    generators: Mapping[str, Generator] = field(default_factory=dict)
    machine: Machine | None = None
    variants: tuple[str, ...] = ()
    prices: Prices | None = None
    cores: Cores | None = None
    origin: Origin | None = field(default=None, compare=False, repr=False)
