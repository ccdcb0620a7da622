"""Populations, projections and outputs from the nodes of a flat NIR graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from neurohw.errors import FileError, NetworkError, UnknownName
from neurohw.network import Population, Projection
from neurohw.network.populations import MODELS
from neurohw_backends.nir_flat import LINEAR, NEURONS, PASSING
from neurohw_backends.nir_nodes import Floats, Nodes
from neurohw_backends.nir_paths import Term, merged

_LEAST = 1000
"""A time constant of dt over this decays to exactly 0 in a step: exp(-1000) is no double."""


class Import:
    """One flat graph on its way to populations and projections."""

    def __init__(self, nodes: Nodes, analogue: Sequence[str], dt: float, euler: bool) -> None:
        self.nodes, self.flat, self.order = nodes, nodes.flat, nodes.order
        self.path, self.dt, self.euler = nodes.path, dt, euler
        inputs = self.flat.of("Input")
        for name in analogue:
            if name not in inputs:
                raise UnknownName.of(f"input of {self.path}", name, inputs)
        self.analogue = {*analogue, *(k for k in inputs if self.kind(k) == "CurrentInput")}
        self.constants = self.biases()

    def kind(self, name: str) -> str:
        """The population that a node is: its type, or the model that this package noted in it."""
        node = self.flat.nodes[name]
        kind = node.ours.get("kind", node.type)
        if kind not in (*MODELS, *NEURONS, "Input"):
            raise FileError(f"{self.path}: node '{name}': metadata names a model '{kind}', unknown")
        return str(kind)

    def biases(self) -> dict[str, Floats]:
        """What each linear node gives when no neuron spikes."""
        out: dict[str, Floats] = {}
        for name in self.order:
            kind, total = self.flat.nodes[name].type, self.arriving(name, out)
            matrix = self.nodes.map(name) if total is not None else None
            if matrix is not None and total is not None:
                total = matrix @ total if isinstance(matrix, np.ndarray) else matrix.applied(total)
            if self.nodes.biased(name):
                bias = self.nodes.bias(name)
                total = bias if total is None else total + bias
            elif kind == "Scale" and total is not None:
                total = total * self.nodes.vector(name, "scale")
            if total is not None:
                out[name] = total
        return out

    def arriving(self, name: str, constants: Mapping[str, Floats]) -> Floats | None:
        parts = [constants[b] for b in self.flat.before[name] if b in constants]
        return np.sum(parts, axis=0) if parts else None

    def populations(self) -> dict[str, Population]:
        """Inputs first, then neurons in the order in which activity reaches them; or as noted."""
        made: dict[str, Population] = {}
        for name in self.reached():
            if self.flat.nodes[name].type == "Input":
                kind = "CurrentInput" if name in self.analogue else "SpikeInput"
                made[name] = MODELS[kind](self.nodes.size(name))
            elif self.flat.nodes[name].type in NEURONS:
                made[name] = self.neurons(name)
        noted = {name: _order(self.flat.nodes[name].ours) for name in made}
        return {name: made[name] for name in sorted(made, key=lambda k: noted[k])}

    def neurons(self, name: str) -> Population:
        node, kind = self.flat.nodes[name], self.kind(name)
        values: dict[str, Any] = {
            key: self.nodes.vector(name, key) for key in self.nodes.parameters(name)
        }
        if node.type == "Threshold":
            # No state: v is the input of the step, of which nothing is left in the next.
            threshold = values["threshold"]
            tau = self.dt if self.euler else self.dt / _LEAST
            values = {"tau": tau, "v_threshold": threshold, "v_reset": np.minimum(0, threshold - 1)}
            kind = "LIF"
        bias = self.arriving(name, self.constants)
        values["bias"] = 0.0 if bias is None else bias
        values.update(node.beyond)
        known = MODELS[kind].parameter_names()
        try:
            return MODELS[kind](
                self.nodes.size(name), **{k: v for k, v in values.items() if k in known}
            )
        except NetworkError as error:
            raise NetworkError(f"{self.path}: node '{name}': {error}") from None
        except TypeError:
            lacking = ", ".join(k for k in known if k not in values)
            raise FileError(
                f"{self.path}: node '{name}': a {kind} has {lacking or 'other parameters'} too"
            ) from None

    def reached(self) -> list[str]:
        """All nodes from the inputs on, breadth first; then from neurons that no input reaches."""
        found: dict[str, None] = {}
        for start in (self.flat.of("Input"), *([name] for name in self.flat.of(*NEURONS))):
            frontier = [name for name in start if name not in found]
            found.update(dict.fromkeys(frontier))
            while frontier:
                fresh = [k for k in self.flat.after[frontier.pop(0)] if k not in found]
                found.update(dict.fromkeys(fresh))
                frontier += fresh
        return list(found)

    def projections(self) -> list[Projection]:
        """Source by source: its terms through every linear node, to every population."""
        made: list[Projection] = []
        noted: dict[tuple[int, str], list[Projection]] = {}
        for source in self.reached():
            if self.flat.nodes[source].type not in ("Input", *NEURONS):
                continue
            terms = {source: [Term.identity(self.nodes.size(source))]}
            for name in self.order:
                arriving = [t for b in self.flat.before[name] for t in terms.get(b, ())]
                if arriving:
                    terms[name] = merged([u for t in arriving for u in self.apply(name, t)])
            for target in self.flat.of(*NEURONS):
                for before in self.flat.before[target]:
                    if before in terms and self.flat.nodes[source].type in ("LI", "CubaLI"):
                        self.nodes.fail(
                            source, f"never spikes, so it can't feed '{target}'; use a LIF"
                        )
                    found = [t.projection(source, target) for t in terms.get(before, ())]
                    ours = self.flat.nodes[before].ours if before in self.order else {}
                    if "projection" in ours:
                        noted.setdefault((_order(ours), str(ours["projection"])), []).extend(found)
                    elif "bias" not in ours:
                        made += found
        return [_joined(noted[key], key[1]) for key in sorted(noted)] + made

    def apply(self, name: str, term: Term) -> list[Term]:
        kind, matrix = self.flat.nodes[name].type, self.nodes.map(name)
        if matrix is not None:
            return term.through(matrix, self.nodes.label(name))
        if kind == "Scale":
            return [term.scaled(self.nodes.vector(name, "scale"))]
        if kind == "Delay":
            return [term.delayed(self.nodes.vector(name, "delay"))]
        return [term]

    def outputs(self) -> tuple[str, ...]:
        """The populations that feed Output nodes, directly or through pass-through nodes."""
        found: list[str] = []
        outputs = self.flat.of("Output")
        for output in sorted(outputs, key=lambda k: _order(self.flat.nodes[k].ours)):
            waiting = list(self.flat.before[output])
            while waiting:
                name = waiting.pop(0)
                kind = self.flat.nodes[name].type
                if kind in NEURONS:
                    found.append(name)
                elif kind in PASSING:
                    waiting += self.flat.before[name]
                elif kind in LINEAR:
                    self.nodes.fail(
                        output,
                        f"is fed by '{name}' ({kind}), which has no state to read out; put an LI "
                        f"or LIF node after '{name}', or name the populations to read out with "
                        "outputs=",
                    )
                else:
                    self.nodes.fail(
                        output, f"is fed by the input '{name}'; put neurons between them"
                    )
        return tuple(dict.fromkeys(found))


def _order(ours: Mapping[str, Any]) -> int:
    """The place that this package noted; -1 where it noted none."""
    order = ours.get("order", -1)
    return order if isinstance(order, int) else -1


def _joined(parts: list[Projection], name: str) -> Projection:
    """One projection of all these synapses."""
    first = parts[0]
    if len(parts) == 1:
        return replace(first, name=name)
    pre, post, weight, delay = (
        np.concatenate([getattr(p, key) for p in parts])
        for key in ("pre", "post", "weight", "delay")
    )
    return Projection.sparse(first.source, first.target, pre, post, weight, delay, name)
