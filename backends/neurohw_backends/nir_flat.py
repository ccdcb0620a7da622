"""A nested NIR graph as one flat list of nodes and edges, its structure checked.

The Input and Output nodes of a subgraph become pass-through nodes; nodes of a subgraph ``sub`` are
called ``sub.name``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from neurohw.errors import NetworkError
from neurohw_backends.nir_file import Node

NEURONS = ("LIF", "CubaLIF", "LI", "CubaLI", "IF", "Threshold")
CONVOLUTIONS = ("Conv1d", "Conv2d")
POOLS = ("SumPool2d", "AvgPool2d")
PASSING = ("Flatten", "Identity", "Pass")
LINEAR = ("Affine", "Linear", "Scale", "Delay", *CONVOLUTIONS, *POOLS, *PASSING)
SUPPORTED = ("Input", "Output", *NEURONS, *LINEAR[:-1], "NIRGraph")


@dataclass
class Flat:
    """Nodes by full name, and who feeds whom, in an order that does not depend on the file's."""

    nodes: dict[str, Node] = field(default_factory=dict)
    after: dict[str, list[str]] = field(default_factory=dict)
    before: dict[str, list[str]] = field(default_factory=dict)

    def of(self, *types: str) -> list[str]:
        """Names of the nodes of these types, in order."""
        return [name for name, node in self.nodes.items() if node.type in types]


def flatten(path: Path, root: Node) -> Flat:
    """The flat graph; NetworkError for unsupported nodes and edges that lead nowhere."""
    if root.type != "NIRGraph":
        raise NetworkError(
            f"{path}: holds a single {root.type} node; wrap it in a NIRGraph with an Input and an "
            "Output"
        )
    flat = Flat()
    _add(path, flat, root, "")
    for name in flat.nodes:
        flat.after[name].sort()
        flat.before[name].sort()
    return flat


def _add(path: Path, flat: Flat, graph: Node, prefix: str) -> None:
    for key, node in graph.nodes.items():
        name = prefix + key
        if node.type == "NIRGraph":
            _add(path, flat, node, f"{name}.")
            continue
        if node.type not in SUPPORTED:
            raise NetworkError(
                f"{path}: node '{name}' is of type {node.type}, which can't be imported; supported "
                f"are {', '.join(SUPPORTED)}"
            )
        if name in flat.nodes:
            raise NetworkError(f"{path}: two nodes are called '{name}'; rename one of them")
        inner = prefix and node.type in ("Input", "Output")
        flat.nodes[name] = Node("Pass", node.values) if inner else node
        flat.after[name], flat.before[name] = [], []
    seen = set()
    for edge in graph.edges:
        label = f"{path}: edge '{prefix}{edge[0]}' -> '{prefix}{edge[1]}'"
        for end in edge:
            if end not in graph.nodes:
                there = ", ".join([*graph.nodes][:12]) + ", ..." * (len(graph.nodes) > 12)
                raise NetworkError(
                    f"{label} names the node '{end}', which is not in the graph"
                    f"{f' {prefix[:-1]!r}' if prefix else ''}; there are: {there or 'none'}"
                )
        if edge in seen:
            raise NetworkError(f"{label} is there twice; keep one, or double the weights")
        seen.add(edge)
        source = prefix + _port(label, graph, edge[0], "Output")
        target = prefix + _port(label, graph, edge[1], "Input")
        if flat.nodes[target].type == "Input":
            raise NetworkError(f"{label} ends at an Input; inputs take none")
        if flat.nodes[source].type == "Output":
            raise NetworkError(f"{label} starts at an Output; outputs feed nothing")
        flat.after[source].append(target)
        flat.before[target].append(source)


def _port(label: str, graph: Node, end: str, kind: str) -> str:
    """The node behind an edge's end: a subgraph stands for its only Input or Output."""
    node, name = graph.nodes[end], end
    while node.type == "NIRGraph":
        ports = [key for key, inner in node.nodes.items() if inner.type == kind]
        if len(ports) != 1:
            raise NetworkError(
                f"{label}: the subgraph '{name}' has {len(ports)} {kind} nodes; the edge needs "
                "exactly 1; flatten the subgraph"
            )
        name, node = f"{name}.{ports[0]}", node.nodes[ports[0]]
    return name


def linear_order(path: Path, flat: Flat) -> list[str]:
    """The linear nodes, each after those that feed it; NetworkError if they form a loop."""
    linear = set(flat.of(*LINEAR))
    waiting = {name: sum(b in linear for b in flat.before[name]) for name in linear}
    ready = sorted(name for name, count in waiting.items() if not count)
    order = []
    while ready:
        name = ready.pop(0)
        order.append(name)
        for follower in flat.after[name]:
            if follower in linear:
                waiting[follower] -= 1
                if not waiting[follower]:
                    ready.append(follower)
    if len(order) < len(linear):
        raise NetworkError(
            f"{path}: {_loop(flat, linear - set(order))} is a loop without a neuron in it; put a "
            "population into it"
        )
    return order


def _loop(flat: Flat, stuck: set[str]) -> str:
    """One loop among nodes that all wait for each other, as text: walk back until one repeats."""
    walk = [min(stuck)]
    while walk.count(walk[-1]) < 2:
        walk.append(next(b for b in flat.before[walk[-1]] if b in stuck))
    loop = walk[walk.index(walk[-1]) :][::-1]
    return " -> ".join(f"'{name}'" for name in loop[:8]) + (" ..." if len(loop) > 8 else "")
