"""Dendrites and axons: a chain of cylinders, each with a membrane, coupled by the axial resistance.

``c_m ∂V/∂t = I_m + (1 / (π d R_i)) ∂/∂x (π d²/4 ∂V/∂x)``, sealed at both ends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.biophysics.conductances import (
    HH_CHANNELS,
    HH_PARAMETERS,
    HH_RATES,
    HH_START,
    HODGKIN_HUXLEY,
    q10,
)
from neurohw.biophysics.model import Model, Parameter
from neurohw.errors import InputError, UnknownName
from neurohw.network.checks import numbers, whole

Floats = NDArray[np.float64]
HH_AXON: Final = "Hodgkin & Huxley, J. Physiol. 117, 500 (1952), p. 524: axon 17, 18.5 °C"
FH62: Final = "FitzHugh, Biophys. J. 2, 11 (1962); sheath: Tasaki, Am. J. Physiol. 181, 639 (1955)"
MOST: Final = 20_000


@dataclass(frozen=True, eq=False)
class Cable:
    """Compartments in a row.

    ``membrane`` is a model that names its current density into the cell ``Im`` and has a potential ``v``;
    ``length``, ``diameter`` float64 (n,) in m, ``axial`` Ω m. ``own`` replaces parameters of the
    membrane by values for each compartment, (n,). A stimulus is a current in A into compartment ``at``.
    """

    name: str
    title: str
    summary: str
    membrane: Model
    length: Floats
    diameter: Floats
    axial: Parameter
    at: int = 0
    own: Mapping[str, Floats] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    step: float = 5e-6
    coarsest: float = 5e-5

    def __post_init__(self) -> None:
        length = np.atleast_1d(numbers(f"{self.name}: length", self.length))
        n = whole(f"compartments of {self.name}", length.size, 2, MOST)
        for what, value, positive in (
            ("length", length, True), ("diameter", self.diameter, True),
            *((k, v, self._limit(k) == "positive") for k, v in self.own.items()),
        ):  # fmt: skip
            array = numbers(f"{self.name}: {what}", value)
            if array.shape not in {(), (n,)} or not np.isfinite(array).all():
                raise InputError(
                    f"{self.name}: {what} has shape {array.shape}; give ({n},) finite values"
                )
            low = array <= 0 if positive else array < 0
            if low.any() and (positive or self._limit(what) != "any"):
                bad = float(np.atleast_1d(array)[np.atleast_1d(low)][0])
                limit = "positive" if positive else "non-negative"
                raise InputError(f"{self.name}: {what} is {bad:g}; it must be {limit}")
        self.axial.check(f"{self.name}: axial")
        whole(f"{self.name}: compartment of the stimulus", self.at, 0, n - 1)
        object.__setattr__(self, "length", length)
        object.__setattr__(self, "diameter", np.broadcast_to(self.diameter, (n,)).astype(float))
        own = {k: np.broadcast_to(v, (n,)).astype(float) for k, v in self.own.items()}
        object.__setattr__(self, "own", MappingProxyType(own))

    def _limit(self, name: str) -> str:
        if name in {"length", "diameter"}:
            return "positive"
        if name not in self.membrane.parameters:
            raise UnknownName.of(
                f"parameter of {self.membrane.name}", name, self.membrane.parameters
            )
        return self.membrane.parameters[name].limit

    @property
    def n(self) -> int:
        """Compartments."""
        return int(self.length.size)

    @cached_property
    def x(self) -> Floats:
        """Middle of each compartment from the first end, in m."""
        return np.cumsum(self.length) - self.length / 2

    @property
    def area(self) -> Floats:
        """Membrane of each compartment, m²."""
        return np.asarray(np.pi * self.diameter * self.length, np.float64)

    def values(self, name: str) -> Floats:
        """A membrane parameter in each compartment, SI."""
        fixed = np.full(self.n, self.membrane.value(name))
        return np.asarray(self.own.get(name, fixed), np.float64)

    def coupling(self) -> Floats:
        """Conductance between each compartment and the next in S, (n - 1,): half of each in series."""
        half = self.axial.value * self.length / (2 * np.pi * (self.diameter / 2) ** 2)
        return np.asarray(1 / (half[:-1] + half[1:]), np.float64)

    def with_(self, **values: ArrayLike) -> Cable:
        """The cable with other values of membrane parameters: a number, or one for each compartment."""
        given = {k: np.asarray(numbers(f"{self.name}: {k}", v)) for k, v in values.items()}
        return replace(self, own={**self.own, **given})


def length_constant(diameter: ArrayLike, r_m: float, r_i: float) -> Floats:
    """``λ = √((d/4) r_m / R_i)`` in m, of an endless passive cylinder; Ω m² and Ω m.

    W. Rall, in Handbook of Physiology 1, 39 (1977).
    """
    return np.asarray(np.sqrt(np.asarray(diameter, np.float64) / 4 * r_m / r_i), np.float64)


def sealed_profile(x: ArrayLike, length: float, lam: float) -> Floats:
    """Steady potential along a cylinder sealed at ``length`` over that at its driven end, x = 0.

    ``cosh((L − x)/λ) / cosh(L/λ)``, Rall (1977); ``exp(−x/λ)`` where L ≫ λ.
    """
    return np.asarray(np.cosh((length - np.asarray(x, np.float64)) / lam) / math.cosh(length / lam))


PASSIVE_MEMBRANE: Final = Model(
    name="leak",
    title="Leak",
    summary="A passive patch of membrane.",
    equations="""\
dv/dt = Im/c_m : volt
Im = (e_l - v)/r_m : amp/meter**2
""",
    parameters={
        "r_m": Parameter(1.0, "ohm*meter**2", "specific membrane resistance", "chosen", "positive"),
        "c_m": Parameter(0.01, "farad/meter**2", "specific capacitance", "chosen", "positive"),
        "e_l": Parameter(-0.065, "volt", "leak reversal potential", "chosen"),
    },
    start={"v": -0.065},
    sources=("Rall, in Handbook of Physiology 1, 39 (1977)",),
    step=1e-4,
    coarsest=1e-3,
)


def passive_cable(diameter: float = 2e-6, length: float = 5e-3, compartments: int = 200) -> Cable:
    """A passive dendrite, driven at one end; λ is 0.71 mm at the defaults' 2 µm."""
    n = whole("compartments", compartments, 2, MOST)
    return Cable(
        "cable", "Passive cable", "A dendrite: a steady potential decays as exp(-x/λ).",
        PASSIVE_MEMBRANE, np.full(n, length / n), np.full(n, diameter),
        Parameter(1.0, "ohm*meter", "axial resistivity", "chosen", "positive"),
        sources=PASSIVE_MEMBRANE.sources, step=1e-4, coarsest=1e-3,
    )  # fmt: skip


def squid_axon(
    diameter: float = 476e-6, length: float = 0.06, compartments: int = 120, celsius: float = 18.5,
    axial: float = 0.354,
) -> Cable:  # fmt: skip
    """The giant axon of 1952 as a cable: 18.8 m/s at 238 µm radius, 35.4 Ω cm and 18.5 °C."""
    n = whole("compartments", compartments, 2, MOST)
    membrane = HODGKIN_HUXLEY.with_(phi=q10(celsius))
    return Cable(
        "axon", "Unmyelinated axon", "Hodgkin-Huxley membrane on a cable: the spike travels.",
        membrane, np.full(n, length / n), np.full(n, diameter),
        Parameter(axial, "ohm*meter", "axial resistivity", HH_AXON, "positive"), sources=(HH_AXON,),
    )  # fmt: skip


def myelinated_axon(
    diameter: float = 10e-6, nodes: int = 21, segments: int = 10, celsius: float = 18.5,
    demyelinated: range = range(0),
) -> Cable:  # fmt: skip
    """Nodes of Ranvier with Hodgkin-Huxley channels between passive, well insulated internodes.

    ``diameter`` is that of the axon inside the sheath. Nodes are 2.5 µm long; internodes 100 outer
    diameters at a g-ratio of 0.7. The sheath has the capacitance and the leak of Tasaki's frog fibre
    per length, which depend on the g-ratio only: so velocity is proportional to the diameter
    (W. A. H. Rushton, J. Physiol. 115, 101 (1951)). ``demyelinated``: numbers of internodes, 0 to
    ``nodes - 2``, that have lost their sheath: a bare membrane without channels but its leak.
    """
    whole("nodes", nodes, 2, MOST)
    whole("segments", segments, 1, 1000)
    for k in demyelinated:
        whole("demyelinated internode", k, 0, nodes - 2)
    is_node = np.zeros(nodes + (nodes - 1) * segments, bool)
    is_node[:: segments + 1] = True
    between = np.zeros(is_node.size, int)
    between[~is_node] = np.repeat(np.arange(nodes - 1), segments)
    bare = is_node | (~is_node & np.isin(between, list(demyelinated)))
    girth = np.pi * diameter
    return Cable(
        "myelinated-axon", "Myelinated axon",
        "Channels at the nodes, insulation between them: the spike jumps.", MYELINATED.with_(
            phi=q10(celsius)
        ),
        np.where(is_node, NODE, INTERNODE * diameter / segments), np.full(is_node.size, diameter),
        Parameter(1.1, "ohm*meter", "axial resistivity", FH62, "positive"),
        own={
            "g_na": np.where(is_node, 12_000.0, 0.0), "g_k": np.where(is_node, 3_600.0, 0.0),
            "g_l": np.where(is_node, 30.0, np.where(bare, 3.0, SHEATH_LEAK / girth)),
            "c_m": np.where(bare, 0.01, SHEATH_CAPACITANCE / girth),
            # An internode has nothing but its leak, which must not pull it from the nodes' rest.
            "e_l": np.where(is_node, -0.054387, -0.065),
        },
        sources=(FH62, "nodes: Hodgkin & Huxley's channels, ten times as dense (chosen)"),
        step=2e-6, coarsest=2e-5,
    )  # fmt: skip


NODE: Final = 2.5e-6
"""Length of a node in m."""
INTERNODE: Final = 100 / 0.7
"""Length of an internode in axon diameters: 100 outer diameters, g-ratio 0.7."""
SHEATH_CAPACITANCE: Final = 1.6e-9
"""Capacitance of the sheath per length, F/m: 16 pF/cm, Tasaki, Am. J. Physiol. 181, 639 (1955)."""
SHEATH_LEAK: Final = 1 / 2.9e5
"""Leak of the sheath per length, S/m: 1 / (29 MΩ cm), Tasaki (1955)."""
MYELINATED: Final = Model(
    name="node",
    title="Node of Ranvier",
    summary="Hodgkin-Huxley channels, ten times as dense.",
    equations="dv/dt = Im/c_m : volt\n" + HH_CHANNELS + HH_RATES,
    parameters=HH_PARAMETERS,
    start=HH_START,
    sources=(FH62,),
    shows=("v",),
)
