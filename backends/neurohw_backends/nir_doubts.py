"""What a NIR file can't say about the network in it, told from the traces its writer left.

Known writers leave marks. snnTorch's exporter knows no time step and writes constants for 1e-4 s: there
``r dt / tau`` and ``w_in dt / tau_syn`` are exactly 1; a recurrent layer becomes the nodes ``NAME.lif``
and ``NAME.w_rec``. Reset mode and delay are dropped by it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neurohw.network.semantics import Semantics
from neurohw_backends.nir_file import Node, load, version
from neurohw_backends.nir_flat import Flat, flatten

SNNTORCH_DT = 1e-4
"""Seconds, hard-coded in snntorch/export_nir.py of snnTorch 1.0."""

_SPIKING = ("LIF", "CubaLIF", "IF")
_CLOSE = 1e-5


def doubts(
    path: str | Path, *, dt: float | None = None, semantics: Semantics | None = None
) -> tuple[str, ...]:
    """What to ask the author of a NIR file, one line each; none for a file that says it all.

    ``dt`` and ``semantics``: what the network is about to be read with; what these settle is not asked,
    what they contradict is named.
    """
    path = Path(path)
    root = load(path)
    if "semantics" in root.ours:
        return ()
    flat = flatten(path, root)
    spiking = {name: flat.nodes[name] for name in flat.of(*_SPIKING)}
    found: list[str] = []
    fitted = bool(spiking) and all(_unit_gain(node) for node in spiking.values())
    if fitted and dt is None:
        found.append("gains are 1 at dt = 1e-4 s, as snnTorch exports: read it with dt=1e-4")
    elif fitted and dt is not None and abs(dt - SNNTORCH_DT) > _CLOSE * SNNTORCH_DT:
        found.append(f"gains are 1 at dt = 1e-4 s, as snnTorch exports, not at the {dt:g} s given")
    elif dt is None:
        found.append("no time step is stored: ask for it")
    if semantics is None and spiking:
        found.append(_reset(spiking, fitted, version(path)))
    found += _recurrent(flat) if fitted and version(path).startswith("1.") else []
    return tuple(found)


def _unit_gain(node: Node) -> bool:
    pairs = {"LIF": (("r", "tau"),), "CubaLIF": (("r", "tau_mem"), ("w_in", "tau_syn"))}
    for gain, tau in pairs.get(node.type, ()):
        if gain not in node.values or tau not in node.values:
            return False
        ratio = node.values[gain].astype(np.float64) * SNNTORCH_DT
        if not np.allclose(ratio, node.values[tau], rtol=_CLOSE, atol=0):
            return False
    return node.type in pairs


def _reset(spiking: dict[str, Node], fitted: bool, written: str) -> str:
    lacking = [name for name, node in spiking.items() if "v_reset" not in node.values]
    if lacking:
        return (
            f"'{lacking[0]}' has no v_reset (nir {written or 'unknown'}): reset to 0 is assumed, by "
            "subtraction is possible"
        )
    if fitted:
        return (
            "v_reset = 0 is what snnTorch writes for any reset: its default is by subtraction, one "
            "step later (semantics='snntorch')"
        )
    return "reset is to v_reset at once, as NIR says; by subtraction can't be stored"


def _recurrent(flat: Flat) -> list[str]:
    return [
        f"'{name}' is a recurrent layer of snnTorch: RSynaptic of 1.0.0 with reset_delay=False never "
        "resets its own membrane, so its spikes don't follow from the file"
        for name in flat.of("CubaLIF")
        if name.endswith(".lif") and f"{name[:-4]}.w_rec" in flat.nodes
    ]  # fmt: skip
