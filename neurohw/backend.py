"""What backends are asked for: reading files, simulating in floating point, exporting.

The object behind a backend's entry point (``neurohw.entry``) has one or more of the functions below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from neurohw.entry import load_backend
from neurohw.errors import InputError
from neurohw.fixed import FixedPointNetwork
from neurohw.network.inputs import Inputs
from neurohw.network.model import Network
from neurohw.network.semantics import Integrator, Semantics
from neurohw.recording import Recording


class Reader(Protocol):
    """Reads a foreign file into a Network."""

    def read(
        self, path: str | Path, *, dt: float | None, integrator: Integrator | None,
        semantics: str | Semantics | None, outputs: Sequence[str], analogue: Sequence[str],
    ) -> Network: ...  # fmt: skip


class Reference(Protocol):
    """Simulates a Network in floating point."""

    def reference(
        self, network: Network, inputs: Inputs, *, steps: int | None,
        record: Mapping[str, Sequence[str]] | None, neurons: Mapping[str, Sequence[int]] | None,
        stride: int, substeps: int, progress: Callable[[int, int], None] | None,
    ) -> Recording: ...  # fmt: skip


class Exporter(Protocol):
    """Writes a FixedPointNetwork as a program for a foreign simulator, and runs it there."""

    def export(
        self, network: FixedPointNetwork, inputs: Inputs, path: str | Path, *, steps: int | None
    ) -> Path: ...

    def run(self, script: Path, *, timeout: float, python: str | None, fast: bool) -> Recording: ...


def reference(
    network: Network | Any,
    inputs: Inputs | Any,
    *,
    steps: int | None = None,
    record: Mapping[str, Sequence[str]] | Sequence[str] | None = None,
    neurons: Mapping[str, Sequence[int]] | None = None,
    stride: int = 1,
    substeps: int = 1,
    backend: str = "brian2",
    progress: Callable[[int, int], None] | None = None,
) -> Recording:
    """The network in floating point: what its author means.

    With ``substeps`` 1 it is stepped at the network's own dt with its own integrator, exactly where
    that exists; with more, at ``dt / substeps`` and always exactly: the difference between the two is
    what discretisation costs. ``record`` names variables (``v``, ``i``, ...) by population; traces are
    float64 in the units of the model. A model of ``neurohw.biophysics`` and its stimulus are taken too;
    ``record`` then lists variables.
    """
    if not isinstance(network, Network):
        return cast(
            Recording,
            load_backend(backend).biophysics(network, inputs, record=record, stride=stride),
        )
    if record is not None and not isinstance(record, Mapping):
        raise InputError(f"record is {record!r}; give a dictionary by population")
    simulator = cast(Reference, load_backend(backend))
    return simulator.reference(
        network, inputs, steps=steps, record=record, neurons=neurons, stride=stride,
        substeps=substeps, progress=progress,
    )  # fmt: skip


def export(
    backend: str,
    network: FixedPointNetwork,
    inputs: Inputs,
    path: str | Path,
    *,
    steps: int | None = None,
) -> Path:
    """Write the network as a program for ``backend`` ('lava'); returns the script's path."""
    return cast(Exporter, load_backend(backend)).export(network, inputs, path, steps=steps)
