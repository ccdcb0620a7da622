"""Import of networks from NIR files, the exchange format of the training frameworks.

NIR holds seconds but no time step, no integration scheme and no reset mode beyond ``v_reset``; what
it leaves open the caller states (``dt``, ``integrator``) and nothing is guessed.
J. E. Pedersen et al., Neuromorphic Intermediate Representation, 2024.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, cast

import numpy as np

from neurohw.errors import NetworkError, UnknownName
from neurohw.network import Network, Population, Projection
from neurohw.network.model import Integrator
from neurohw.network.populations import MODELS
from neurohw_backends.nir_file import Node, load
from neurohw_backends.nir_flat import LINEAR, NEURONS, Flat, flatten, linear_order
from neurohw_backends.nir_paths import Floats, Term, merged

_OPTIONAL = {"v_reset": 0.0, "w_in": 1.0}
_MAX_CHANNELS = 2**31 - 1


def read(
    path: str | Path,
    *,
    dt: float,
    integrator: str = "exact",
    outputs: Sequence[str] = (),
    analogue: Sequence[str] = (),
) -> Network:
    """The network in a NIR file, stepped with ``dt`` seconds.

    ``integrator`` is ``exact`` or ``euler``: how the framework that wrote the file steps it.
    Populations are named as the nodes, those of a subgraph ``sub.node``. Input nodes become
    SpikeInput populations, or CurrentInput where ``analogue`` names them; ``outputs`` names the
    populations to read out, by default those that feed Output nodes. Linear nodes between
    populations (Affine, Linear, Scale, Delay, Flatten) are composed into projections, one for each
    edge that ends at a population and each delay inside the composition; Affine biases add up in
    the target's ``bias``. All values are float64 copies of the stored ones.

    FileError for a file that is no NIR file, NetworkError for a graph that can't be imported,
    BackendMissing without h5py.
    """
    path = Path(path)
    flat = flatten(path, load(path))
    order = linear_order(path, flat)
    graph = _Import(path, flat, order, analogue)
    return Network(
        populations=graph.populations(),
        projections=tuple(graph.projections()),
        dt=dt,
        integrator=cast(Integrator, integrator),
        outputs=tuple(outputs) or graph.outputs(),
        name=path.stem,
    )


class _Import:
    """One flat graph on its way to populations and projections."""

    def __init__(self, path: Path, flat: Flat, order: list[str], analogue: Sequence[str]) -> None:
        self.path, self.flat, self.order = path, flat, order
        self.checked: dict[tuple[str, str], Floats] = {}
        inputs = flat.of("Input")
        if not flat.of(*NEURONS):
            raise NetworkError(
                f"{path}: has no neurons; add one of {', '.join(NEURONS)} between its inputs and "
                "outputs"
            )
        for name in analogue:
            if name not in inputs:
                raise UnknownName.of(f"input of {path}", name, inputs)
        self.analogue = set(analogue)
        for name in (*inputs, *order):
            if not flat.after[name]:
                self.fail(name, "feeds nothing; remove it or add an edge from it")
        for name in (*flat.of("Output"), *order):
            if not flat.before[name]:
                self.fail(name, "is fed by nothing; remove it or add an edge to it")
        self.sizes = {name: self.own_size(name) for name in (*inputs, *flat.of(*NEURONS))}
        for name in order:
            self.sizes[name] = self.linear_size(name)
        for name in flat.of(*NEURONS, "Output"):
            expected = self.own_size(name)
            self.incoming(name, expected)
            self.sizes[name] = expected
        self.constants = self.biases()

    def fail(self, name: str, message: str) -> NoReturn:
        kind = self.flat.nodes[name].type
        label = "Input or Output of a subgraph" if kind == "Pass" else kind
        raise NetworkError(f"{self.path}: node '{name}' ({label}) {message}")

    # Sizes. Shapes count by their number of elements only: (1, 1, 64) is 64 channels.

    def value(self, name: str, key: str) -> Floats:
        if (name, key) not in self.checked:
            self.checked[name, key] = self.checked_value(name, key)
        return self.checked[name, key]

    def checked_value(self, name: str, key: str) -> Floats:
        values = self.flat.nodes[name].values
        if key not in values:
            self.fail(name, f"has no '{key}'; export the file again")
        array = values[key].astype(np.float64)
        if not np.isfinite(array).all():
            where = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
            at = f"{list(where)}" if where else ""
            self.fail(name, f"has {key}{at} = {array[where]}; every parameter must be finite")
        return array

    def own_size(self, name: str) -> int:
        """Channels of an Input or Output, neurons of a population."""
        node = self.flat.nodes[name]
        if node.type in NEURONS:
            return max((self.value(name, k).size for k in self.parameters(node)), default=1)
        size = 1
        for extent in self.value(name, "shape").reshape(-1).tolist():
            if extent < 1 or extent != int(extent):
                self.fail(name, f"has an extent {extent:g} in its shape; give whole numbers from 1")
            size *= int(extent)
        if size > _MAX_CHANNELS:
            self.fail(name, f"has {size:,} channels, more than the {_MAX_CHANNELS:,} allowed")
        return size

    def parameters(self, node: Node) -> list[str]:
        names = [k for k in MODELS[node.type].parameter_names() if k not in ("bias", "t_ref")]
        return [k for k in names if k in node.values or k not in _OPTIONAL]

    def incoming(self, name: str, expected: int | None) -> int:
        """Channels that arrive at a node, the same from every side; ``expected`` of them."""
        for source in self.flat.before[name]:
            if expected is None:
                expected = self.sizes[source]
            if self.sizes[source] != expected:
                self.fail(
                    name,
                    f"takes {expected} values but '{source}' gives {self.sizes[source]}; check "
                    "the shapes of both",
                )
        assert expected is not None
        return expected

    def linear_size(self, name: str) -> int:
        kind = self.flat.nodes[name].type
        if kind in ("Affine", "Linear"):
            weight = self.matrix(name)
            self.incoming(name, weight.shape[1])
            if kind == "Affine" and self.value(name, "bias").size not in (1, weight.shape[0]):
                bias = self.value(name, "bias").size
                self.fail(name, f"has {bias} biases for {weight.shape[0]} rows of its weight")
            return int(weight.shape[0])
        if kind in ("Scale", "Delay"):
            size = self.value(name, kind.lower()).size
            if kind == "Delay" and (self.value(name, "delay") < 0).any():
                low = self.value(name, "delay").min()
                self.fail(name, f"has a delay of {low:g} s; delays are 0 or more")
            return self.incoming(name, None if size == 1 else size)
        return self.incoming(name, None)

    def matrix(self, name: str) -> Floats:
        weight = self.value(name, "weight")
        if weight.ndim != 2 or not weight.size:
            self.fail(name, f"has a weight of shape {weight.shape}; give (outputs, inputs)")
        return weight

    def vector(self, name: str, key: str, n: int) -> Floats:
        return np.array(np.broadcast_to(self.value(name, key).reshape(-1), (n,)))

    # Constants, terms, and what is made from them.

    def biases(self) -> dict[str, Floats]:
        """What each linear node gives when no neuron spikes."""
        out: dict[str, Floats] = {}
        for name in self.order:
            kind, n = self.flat.nodes[name].type, self.sizes[name]
            total = self.arriving(name, out)
            if kind in ("Affine", "Linear") and total is not None:
                total = self.matrix(name) @ total
            if kind == "Affine":
                bias = self.vector(name, "bias", n)
                total = bias if total is None else total + bias
            elif kind == "Scale" and total is not None:
                total = total * self.vector(name, "scale", n)
            if total is not None:
                out[name] = total
        return out

    def arriving(self, name: str, constants: Mapping[str, Floats]) -> Floats | None:
        parts = [constants[b] for b in self.flat.before[name] if b in constants]
        return np.sum(parts, axis=0) if parts else None

    def populations(self) -> dict[str, Population]:
        """Inputs first, then neurons in the order in which activity reaches them."""
        made: dict[str, Population] = {}
        for name in self.reached():
            node = self.flat.nodes[name]
            if node.type == "Input":
                kind = "CurrentInput" if name in self.analogue else "SpikeInput"
                made[name] = MODELS[kind](self.sizes[name])
            elif node.type in NEURONS:
                made[name] = self.neurons(name, node)
        return made

    def neurons(self, name: str, node: Node) -> Population:
        values: dict[str, Any] = {}
        for key in self.parameters(node):
            value = self.value(name, key).reshape(-1)
            values[key] = value[0] if value.size == 1 else value
        bias = self.arriving(name, self.constants)
        values["bias"] = 0.0 if bias is None else bias
        try:
            return MODELS[node.type](self.sizes[name], **values)
        except NetworkError as error:
            raise NetworkError(f"{self.path}: node '{name}': {error}") from None

    def reached(self) -> list[str]:
        """All nodes from the inputs on, breadth first; then from neurons that no input reaches."""
        found: list[str] = []
        for start in (self.flat.of("Input"), *([name] for name in self.flat.of(*NEURONS))):
            frontier = [name for name in start if name not in found]
            found += frontier
            while frontier:
                name = frontier.pop(0)
                fresh = [k for k in self.flat.after[name] if k not in found]
                found, frontier = found + fresh, frontier + fresh
        return found

    def projections(self) -> list[Projection]:
        """Source by source: its terms through every linear node, to every population."""
        made = []
        for source in self.reached():
            if self.flat.nodes[source].type not in ("Input", *NEURONS):
                continue
            terms = {source: [Term.identity(self.sizes[source])]}
            for name in self.order:
                arriving = [t for b in self.flat.before[name] for t in terms.get(b, ())]
                if arriving:
                    terms[name] = merged([u for t in arriving for u in self.apply(name, t)])
            for target in self.flat.of(*NEURONS):
                for before in self.flat.before[target]:
                    if before in terms and self.flat.nodes[source].type in ("LI", "CubaLI"):
                        self.fail(source, f"never spikes, so it can't feed '{target}'; use a LIF")
                    made += [t.projection(source, target) for t in terms.get(before, ())]
        return made

    def apply(self, name: str, term: Term) -> list[Term]:
        kind, n = self.flat.nodes[name].type, self.sizes[name]
        if kind in ("Affine", "Linear"):
            return term.through(self.matrix(name), f"{self.path}: node '{name}' ({kind})")
        if kind == "Scale":
            return [term.scaled(self.vector(name, "scale", n))]
        if kind == "Delay":
            return [term.delayed(self.vector(name, "delay", n))]
        return [term]

    def outputs(self) -> tuple[str, ...]:
        """The populations that feed Output nodes, directly or through pass-through nodes."""
        found: list[str] = []
        for output in self.flat.of("Output"):
            waiting = list(self.flat.before[output])
            while waiting:
                name = waiting.pop(0)
                kind = self.flat.nodes[name].type
                if kind in NEURONS:
                    found.append(name)
                elif kind in ("Pass", "Flatten"):
                    waiting += self.flat.before[name]
                elif kind in LINEAR:
                    self.fail(
                        output,
                        f"is fed by '{name}' ({kind}), which has no state to read out; put an LI "
                        f"or LIF node after '{name}', or name the populations to read out with "
                        "outputs=",
                    )
                else:
                    self.fail(output, f"is fed by the input '{name}'; put neurons between them")
        return tuple(dict.fromkeys(found))
