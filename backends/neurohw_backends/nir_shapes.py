"""The shapes of a NIR graph's nodes: what each gives per step.

Files differ in what they store. A population of images may be stored flat, or its parameters as one
number each; a convolution may lack its input_shape, a pool always does. What a node lacks is learnt
from the nodes before it.
"""

from __future__ import annotations

from math import prod

from neurohw_backends.nir_flat import CONVOLUTIONS, NEURONS, POOLS
from neurohw_backends.nir_nodes import Nodes, Shape
from neurohw_backends.nir_windows import window_of


def find_shapes(nodes: Nodes) -> None:
    """Fill in ``nodes.shapes``; NetworkError where sizes disagree or a shape can't be known."""
    flat, shapes = nodes.flat, nodes.shapes
    single = []
    for name in flat.of("Input", *NEURONS):
        if flat.nodes[name].type in NEURONS and flat.before[name] and _numbers_only(nodes, name):
            single.append(name)
        else:
            shapes[name] = nodes.own_shape(name)
    while True:
        _linear(nodes)
        if _learnt(nodes, single):
            continue
        if not single:
            break
        stuck = single.pop(0)
        shapes[stuck] = nodes.own_shape(stuck)
    for name in nodes.order:
        if name not in shapes:
            nodes.fail(
                name,
                "takes images but their shape is not known; give it in input_shape, or store the "
                "shape (channels, y, x) in the node before it",
            )
    for name in flat.of(*NEURONS, "Output"):
        if name not in shapes:
            shapes[name] = nodes.own_shape(name)
        nodes.arriving(name, nodes.size(name))


def _numbers_only(nodes: Nodes, name: str) -> bool:
    """Whether a population's parameters are one number each, for as many neurons as values arrive."""
    return all(nodes.value(name, key).ndim == 0 for key in nodes.parameters(name))


def _linear(nodes: Nodes) -> None:
    """Shapes of the linear nodes whose sources are known, in order."""
    for name in nodes.order:
        known = all(b in nodes.shapes for b in nodes.flat.before[name])
        if known and name not in nodes.shapes:
            shape = _of_linear(nodes, name)
            if shape is not None:
                nodes.shapes[name] = shape


def _learnt(nodes: Nodes, single: list[str]) -> bool:
    """Whether a population took the shape of what reaches it; shapes after it are found anew."""
    shapes, flat = nodes.shapes, nodes.flat
    for name in flat.of(*NEURONS):
        arriving = max((shapes.get(b, ()) for b in flat.before[name]), key=len, default=())
        if name in single and arriving:
            single.remove(name)
            shapes[name] = arriving
            return True
        flat_yet = len(shapes.get(name, (1, 1))) < 2 <= len(arriving)
        if flat_yet and prod(arriving) == nodes.size(name) and set(arriving) != {1}:
            shapes[name] = arriving
            for follower in nodes.order:
                shapes.pop(follower, None)
            return True
    return False


def _of_linear(nodes: Nodes, name: str) -> Shape | None:
    kind = nodes.flat.nodes[name].type
    if kind in ("Affine", "Linear"):
        rows, columns = nodes.matrix(name).shape
        nodes.arriving(name, columns)
        nodes.check_bias(name, rows)
        return (rows,)
    shape = nodes.arriving(name, None)
    if kind in (*CONVOLUTIONS, *POOLS):
        window = window_of(nodes, name)
        if window is None:
            return None
        nodes.arriving(name, window.takes)
        nodes.check_bias(name, window.weight.shape[0])
        channels, y, x = window.gives(nodes.label(name))
        return (channels, x) if kind == "Conv1d" else (channels, y, x)
    if kind in ("Scale", "Delay"):
        key = kind.lower()
        value = nodes.value(name, key)
        if key == "delay" and (value < 0).any():
            nodes.fail(name, f"has a delay of {value.min():g} s; delays are 0 or more")
        if value.size not in (1, prod(shape)) and value.ndim < 2:
            nodes.arriving(name, value.size)
        return value.shape if value.ndim > len(shape) and value.size == prod(shape) else shape
    return _flattened(nodes, name, shape) if kind == "Flatten" else shape


def _flattened(nodes: Nodes, name: str, shape: Shape) -> Shape:
    """Dimensions start_dim to end_dim as one; as in NIR, counted without a batch."""
    values = nodes.flat.nodes[name].values
    first, last = (
        int(nodes.value(name, key).reshape(-1)[0]) if key in values else default
        for key, default in (("start_dim", 0), ("end_dim", -1))
    )
    first, last = (k + len(shape) if k < 0 else k for k in (first, last))
    if not 0 <= first <= last < len(shape):
        return (prod(shape),)
    return (*shape[:first], prod(shape[first : last + 1]), *shape[last + 1 :])
