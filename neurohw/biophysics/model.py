"""A model as data: equations, parameters in SI units with their sources, and where it starts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

from neurohw.biophysics.text import (
    Equation,
    in_order,
    names_in,
    parse_equations,
    parse_expression,
    parse_statements,
)
from neurohw.biophysics.units import SI, shown
from neurohw.errors import InputError, NetworkError, UnknownName

LIMITS = ("any", "non-negative", "positive")


@dataclass(frozen=True)
class Parameter:
    """A number in SI units; ``unit`` in Brian 2's notation, ``limit`` one of :data:`LIMITS`."""

    value: float
    unit: str
    meaning: str
    source: str
    limit: str = "any"

    def check(self, name: str) -> None:
        """InputError unless the value is finite and within its limit."""
        number = isinstance(self.value, (int, float)) and not isinstance(self.value, bool)
        if not number or not math.isfinite(self.value):
            raise InputError(f"{name} is {self.value!r}; give a finite number in SI units")
        low = {"any": False, "non-negative": self.value < 0, "positive": self.value <= 0}
        if low[self.limit]:
            raise InputError(
                f"{name} is {shown(self.value, self.unit)}; {self.meaning} must be {self.limit}"
            )


@dataclass(frozen=True)
class Drive:
    """What a stimulus is to a model: the variable that it sets, in which unit."""

    name: str
    unit: str
    meaning: str


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """A point model: what one patch of membrane, one cell or one channel does.

    ``equations`` see :mod:`neurohw.biophysics.text`. ``drive`` is the variable that a stimulus sets
    and holds for a step. ``start`` are values of the state variables in SI units; with ``rests``
    they are a first guess of the fixed point without stimulus, which is where a run begins.
    ``threshold`` is a condition: with a ``reset`` the statements there are carried out, without one
    a spike is counted where the condition becomes true. ``refractory`` names the parameter that
    says for how long equations marked ``(unless refractory)`` are held. ``events`` are statements by
    name that an arriving spike carries out. ``step`` is a time step in seconds that resolves the
    model, ``coarsest`` the longest one accepted. ``method`` is 'rk4', or 'euler' where noise is drawn.
    """

    name: str
    title: str
    summary: str
    equations: str
    parameters: Mapping[str, Parameter]
    start: Mapping[str, float]
    sources: tuple[str, ...]
    drive: Drive | None = None
    rests: bool = True
    threshold: str = ""
    reset: str = ""
    refractory: str = ""
    events: Mapping[str, str] = field(default_factory=dict)
    step: float = 1e-5
    coarsest: float = 5e-5
    method: str = "rk4"
    shows: tuple[str, ...] = ("v",)

    def __post_init__(self) -> None:
        for name in ("parameters", "start", "events"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        for name, parameter in self.parameters.items():
            parameter.check(f"{self.name}: {name}")
        if set(self.start) != set(self.states):
            raise NetworkError(
                f"{self.name}: start names {sorted(self.start)}, the state variables are "
                f"{sorted(self.states)}; give a value for each"
            )
        known = {*self.lines, *self.parameters, *SI, "dt"} | (
            {self.drive.name} if self.drive else set()
        )
        trees = [e.tree for e in self.lines.values()]
        for text in (self.reset, *self.events.values()):
            for name, tree in parse_statements(text, self.name):
                trees.append(tree)
                if name not in self.states:
                    raise UnknownName.of(f"state variable of {self.name}", name, self.states)
        if self.threshold:
            trees.append(parse_expression(self.threshold, self.name))
        for name in sorted(set().union(*map(names_in, trees)) - known):
            raise UnknownName.of(f"name in the equations of {self.name}", name, sorted(known))
        if self.refractory and self.refractory not in self.parameters:
            raise UnknownName.of(f"parameter of {self.name}", self.refractory, self.parameters)

    def __repr__(self) -> str:
        return f"<Model {self.name}>"

    @cached_property
    def lines(self) -> dict[str, Equation]:
        """The equations by name."""
        return {e.name: e for e in parse_equations(self.equations, self.name)}

    @cached_property
    def states(self) -> tuple[str, ...]:
        """Names of the state variables, in the order of their equations."""
        return tuple(e.name for e in self.lines.values() if e.kind == "state")

    @cached_property
    def named(self) -> tuple[Equation, ...]:
        """The equations that are no state variable, each after those it reads."""
        return tuple(in_order(self.lines, self.name))

    @property
    def recordable(self) -> tuple[str, ...]:
        """State variables and named expressions."""
        return (*self.states, *(e.name for e in self.named if e.kind == "name"))

    def value(self, name: str) -> float:
        """A parameter in SI units; UnknownName if there is none of that name."""
        if name not in self.parameters:
            raise UnknownName.of(f"parameter of {self.name}", name, self.parameters)
        return float(self.parameters[name].value)

    def with_(self, **values: float) -> Model:
        """The model with other parameter values, SI; InputError for one that can't be."""
        changed = dict(self.parameters)
        for name, value in values.items():
            self.value(name)
            changed[name] = replace(changed[name], value=value, source="changed by the caller")
        return replace(self, parameters=changed)

    def unit(self, name: str) -> str:
        """The SI unit of a variable, the drive or a parameter, in Brian 2's notation."""
        if self.drive and name == self.drive.name:
            return self.drive.unit
        if name in self.parameters:
            return self.parameters[name].unit
        if name not in self.lines:
            raise UnknownName.of(f"variable of {self.name}", name, self.recordable)
        return self.lines[name].unit
