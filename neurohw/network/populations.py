"""Populations of the float model: what each neuron does, in SI units, named as in NIR.

Every parameter is a scalar or an array of shape ``(n,)`` and is kept as a read-only float64 array
``(n,)``. Voltages, currents and resistances have no fixed unit (a trained network has none); times
are seconds. ``bias`` is a constant input current, what NIR writes as the bias of an Affine node.

In all of them ``I`` is the input current: the sum over projections of ``weight`` for each spike,
held for one time step ``dt`` of the network, plus ``bias``, plus what current inputs add. Where a
synaptic filter follows (CubaLIF, CubaLI, ATRLIF) a spike carries its charge ``weight * dt`` at once.
Reset is to ``v_reset`` in the step of the spike; the threshold test is strict, ``v > v_threshold``.
Equations as in J. E. Pedersen et al., Neuromorphic Intermediate Representation, 2024.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.errors import NetworkError
from neurohw.network.checks import MOST, numbers

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Population:
    """``n`` neurons of one kind. Abstract; use one of the subclasses."""

    n: int

    spiking: ClassVar[bool] = True
    positive: ClassVar[tuple[str, ...]] = ()
    not_negative: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if isinstance(self.n, bool) or not isinstance(self.n, (int, np.integer)) or self.n < 1:
            raise NetworkError(f"{self.kind}: n is {self.n!r}; a population has 1 neuron or more")
        if self.n > MOST:
            raise NetworkError(
                f"{self.kind}: n is {self.n}; a population has {MOST:,} neurons or fewer"
            )
        object.__setattr__(self, "n", int(self.n))
        for name in self.parameter_names():
            object.__setattr__(self, name, self._array(name, getattr(self, name)))
        for name in self.positive:
            self._check(name, getattr(self, name) <= 0, "greater than 0")
        for name in self.not_negative:
            self._check(name, getattr(self, name) < 0, "0 or more")
        if hasattr(self, "v_threshold") and hasattr(self, "v_reset"):
            low = self.v_threshold <= self.v_reset
            self._check("v_threshold", low, "above v_reset, or the neuron fires at every step")

    @property
    def kind(self) -> str:
        """Name of the model: LIF, CubaLIF, ..."""
        return type(self).__name__

    @classmethod
    def parameter_names(cls) -> tuple[str, ...]:
        """Names of the physical parameters, in declaration order."""
        return tuple(f.name for f in fields(cls) if f.name != "n")

    def parameters(self) -> Iterator[tuple[str, Floats]]:
        """Each parameter's name and its float64 array of shape (n,)."""
        for name in self.parameter_names():
            yield name, getattr(self, name)

    def _array(self, name: str, value: Any) -> Floats:
        array = numbers(f"{self.kind}.{name}", value, NetworkError)
        try:
            array = np.array(np.broadcast_to(array, (self.n,)))
        except ValueError:
            raise NetworkError(
                f"{self.kind}.{name}: shape {array.shape} does not fit {self.n} neurons; give a number "
                f"or {self.n} numbers"
            ) from None
        if not np.isfinite(array).all():
            where = int(np.flatnonzero(~np.isfinite(array))[0])
            raise NetworkError(
                f"{self.kind}.{name}[{where}] is {array[where]}; every parameter must be finite"
            )
        array.setflags(write=False)
        return array

    def _check(self, name: str, bad: NDArray[np.bool_], rule: str) -> None:
        if bad.any():
            where = int(np.flatnonzero(bad)[0])
            value = getattr(self, name)[where]
            raise NetworkError(f"{self.kind}.{name}[{where}] is {value:g}; it must be {rule}")


@dataclass(frozen=True, eq=False)
class SpikeInput(Population):
    """``n`` channels that spike when the inputs of a run say so."""


@dataclass(frozen=True, eq=False)
class CurrentInput(Population):
    """``n`` analogue channels; a projection from here adds ``weight @ value`` to the current."""

    spiking: ClassVar[bool] = False


@dataclass(frozen=True, eq=False)
class LIF(Population):
    """Leaky integrate-and-fire: ``tau dv/dt = (v_leak - v) + r I``.

    Held at ``v_reset`` for ``t_ref`` seconds after each spike.
    """

    tau: ArrayLike
    r: ArrayLike = 1.0
    v_leak: ArrayLike = 0.0
    v_threshold: ArrayLike = 1.0
    v_reset: ArrayLike = 0.0
    t_ref: ArrayLike = 0.0
    bias: ArrayLike = 0.0

    positive: ClassVar[tuple[str, ...]] = ("tau",)
    not_negative: ClassVar[tuple[str, ...]] = ("t_ref",)


@dataclass(frozen=True, eq=False)
class CubaLIF(Population):
    """LIF behind an exponential synapse: ``tau_syn di/dt = -i + w_in I``,
    ``tau_mem dv/dt = (v_leak - v) + r i``."""

    tau_syn: ArrayLike
    tau_mem: ArrayLike
    r: ArrayLike = 1.0
    v_leak: ArrayLike = 0.0
    v_threshold: ArrayLike = 1.0
    v_reset: ArrayLike = 0.0
    w_in: ArrayLike = 1.0
    t_ref: ArrayLike = 0.0
    bias: ArrayLike = 0.0

    positive: ClassVar[tuple[str, ...]] = ("tau_syn", "tau_mem")
    not_negative: ClassVar[tuple[str, ...]] = ("t_ref",)


@dataclass(frozen=True, eq=False)
class LI(Population):
    """Leaky integrator, a readout that never spikes: ``tau dv/dt = (v_leak - v) + r I``."""

    tau: ArrayLike
    r: ArrayLike = 1.0
    v_leak: ArrayLike = 0.0
    bias: ArrayLike = 0.0

    spiking: ClassVar[bool] = False
    positive: ClassVar[tuple[str, ...]] = ("tau",)


@dataclass(frozen=True, eq=False)
class CubaLI(Population):
    """Leaky integrator behind an exponential synapse (CubaLIF without a threshold)."""

    tau_syn: ArrayLike
    tau_mem: ArrayLike
    r: ArrayLike = 1.0
    v_leak: ArrayLike = 0.0
    w_in: ArrayLike = 1.0
    bias: ArrayLike = 0.0

    spiking: ClassVar[bool] = False
    positive: ClassVar[tuple[str, ...]] = ("tau_syn", "tau_mem")


@dataclass(frozen=True, eq=False)
class IF(Population):
    """Integrate-and-fire without leak: ``dv/dt = r I``."""

    r: ArrayLike = 1.0
    v_threshold: ArrayLike = 1.0
    v_reset: ArrayLike = 0.0
    t_ref: ArrayLike = 0.0
    bias: ArrayLike = 0.0

    not_negative: ClassVar[tuple[str, ...]] = ("t_ref",)


@dataclass(frozen=True, eq=False)
class ALIF(Population):
    """LIF whose threshold rises with each spike and decays back:
    ``tau dv/dt = (v_leak - v) + r I``, ``tau_adapt da/dt = -a``, spike if ``v > v_threshold + a``,
    then ``v = v_reset`` and ``a += adaptation``.
    """

    tau: ArrayLike
    tau_adapt: ArrayLike
    adaptation: ArrayLike
    r: ArrayLike = 1.0
    v_leak: ArrayLike = 0.0
    v_threshold: ArrayLike = 1.0
    v_reset: ArrayLike = 0.0
    bias: ArrayLike = 0.0

    positive: ClassVar[tuple[str, ...]] = ("tau", "tau_adapt")
    not_negative: ClassVar[tuple[str, ...]] = ("adaptation",)


@dataclass(frozen=True, eq=False)
class ATRLIF(Population):
    """Adaptive threshold with relative refractoriness and no reset, Lava's adaptive LIF:
    ``tau_syn di/dt = -i + w_in I``, ``tau_mem dv/dt = -v + r i``,
    ``tau_adapt dtheta/dt = v_threshold - theta``, ``tau_ref dref/dt = -ref``; spike if
    ``v - ref >= theta``, then ``ref += 2 theta`` and ``theta += adaptation``.
    """

    tau_syn: ArrayLike
    tau_mem: ArrayLike
    tau_adapt: ArrayLike
    tau_ref: ArrayLike
    adaptation: ArrayLike
    r: ArrayLike = 1.0
    v_threshold: ArrayLike = 1.0
    w_in: ArrayLike = 1.0
    bias: ArrayLike = 0.0

    positive: ClassVar[tuple[str, ...]] = ("tau_syn", "tau_mem", "tau_adapt", "tau_ref")
    not_negative: ClassVar[tuple[str, ...]] = ("adaptation",)


MODELS: dict[str, type[Population]] = {
    model.__name__: model
    for model in (SpikeInput, CurrentInput, LIF, CubaLIF, LI, CubaLI, IF, ALIF, ATRLIF)
}
