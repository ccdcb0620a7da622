"""Networks and spikes from and to NIR files, the exchange format of the training frameworks.

NIR holds seconds but no time step, no integration scheme and no reset mode beyond ``v_reset``; what
it leaves open the caller states (``dt``, ``integrator`` or ``semantics``) and nothing is guessed.
Files that this package wrote say it in their metadata.
J. E. Pedersen et al., Neuromorphic Intermediate Representation, 2024.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neurohw.errors import NetworkError
from neurohw.network import Network
from neurohw.network.semantics import Semantics, parse, preset, require
from neurohw_backends.nir_data import read_inputs, read_recording
from neurohw_backends.nir_data_write import write_inputs, write_recording
from neurohw_backends.nir_doubts import doubts
from neurohw_backends.nir_file import Node, load
from neurohw_backends.nir_flat import NEURONS, Flat, flatten, linear_order
from neurohw_backends.nir_import import Import
from neurohw_backends.nir_nodes import Nodes
from neurohw_backends.nir_shapes import find_shapes
from neurohw_backends.nir_write import write

__all__ = [
    "doubts",
    "read",
    "read_inputs",
    "read_recording",
    "write",
    "write_inputs",
    "write_recording",
]


def read(
    path: str | Path,
    *,
    dt: float | None = None,
    integrator: str | None = None,
    semantics: str | Semantics | None = None,
    outputs: Sequence[str] = (),
    analogue: Sequence[str] = (),
) -> Network:
    """The network in a NIR file, stepped with ``dt`` seconds.

    ``integrator`` is ``exact`` (the default) or ``euler``: how the framework that wrote the file steps
    it. ``semantics`` says that and more: a preset's name ('snntorch', 'norse', ...) or Semantics. A
    file that :func:`write` made states all three itself; they may be left out then.
    Populations are named as the nodes, those of a subgraph ``sub.node``. Input nodes become
    SpikeInput populations, or CurrentInput where ``analogue`` names them; ``outputs`` names the
    populations to read out, by default those that feed Output nodes. Linear nodes between
    populations (Affine, Linear, Scale, Delay, Conv1d, Conv2d, SumPool2d, AvgPool2d, Flatten) are
    composed into projections, one for each edge that ends at a population and each delay inside the
    composition; biases add up in the target's ``bias``. A Threshold node becomes a LIF that forgets
    its input within the step. Images are flattened row by row, (channel, y, x). All values are
    float64 copies of the stored ones.

    FileError for a file that is no NIR file, NetworkError for a graph that can't be imported or whose
    own statements are contradicted, BackendMissing without h5py.
    """
    path = Path(path)
    root = load(path)
    flat = flatten(path, root)
    order = linear_order(path, flat)
    step, meant = _time(path, root, dt), _semantics(path, root, integrator, semantics)
    _check_ends(path, flat, order, bool(root.ours))
    nodes = Nodes(path, flat, order)
    find_shapes(nodes)
    graph = Import(nodes, analogue, step, meant.integrator == "euler")
    return Network(
        populations=graph.populations(),
        projections=tuple(graph.projections()),
        dt=step,
        outputs=tuple(outputs) or graph.outputs(),
        name=str(root.ours.get("name", path.stem)),
        semantics=meant,
    )


def _time(path: Path, root: Node, dt: float | None) -> float:
    stated = root.ours.get("dt")
    if stated is not None and dt is not None and float(dt) != stated:
        raise NetworkError(
            f"{path}: was written for dt {stated:g} s, not {dt:g}; leave dt out, or change it in the "
            "network that was read, with_(dt=...)"
        )
    step = stated if dt is None else dt
    if step is None:
        raise NetworkError(
            f"{path}: NIR stores no time step; give dt in seconds (snnTorch exports for 1e-4)"
        )
    return step


def _semantics(
    path: Path, root: Node, integrator: str | None, semantics: str | Semantics | None
) -> Semantics:
    """What the caller says, or the file; an error where they, or two of the arguments, disagree."""
    said: Semantics | None = None
    if semantics is not None:
        said = preset(semantics) if isinstance(semantics, str) else semantics
        if integrator is not None and integrator != said.integrator:
            raise NetworkError(
                f"{path}: integrator is '{integrator}', the semantics say '{said.integrator}'; give one"
            )
    if "semantics" in root.ours:
        stored = parse(root.ours["semantics"])
        wanted = said or stored.with_(integrator=integrator or stored.integrator)
        require(
            stored, wanted, f"{path}: what was asked for",
            "leave semantics and integrator out, or change them in the network that was read",
        )  # fmt: skip
        return stored
    if integrator not in (None, "exact", "euler"):
        raise NetworkError(f"integrator is {integrator!r}; it is 'exact' or 'euler'")
    return said or Semantics(integrator or "exact")  # type: ignore[arg-type]


def _check_ends(path: Path, flat: Flat, order: list[str], idle: bool) -> None:
    """NetworkError for a graph without neurons, and for nodes that lead nowhere.

    ``idle``: whether an input may feed nothing, as in a network that was written so.
    """
    if not flat.of(*NEURONS):
        raise NetworkError(
            f"{path}: has no neurons; add one of {', '.join(NEURONS)} between its inputs and outputs"
        )
    inputs = [] if idle else flat.of("Input")
    ends = (
        (flat.after, inputs + order, "feeds nothing; remove it or add an edge from it"),
        (
            flat.before,
            (*flat.of("Output"), *order),
            "is fed by nothing; remove it or add an edge to it",
        ),
    )
    for edges, names, message in ends:
        for name in names:
            if not edges[name]:
                Nodes(path, flat, order).fail(name, message)
