"""The door to foreign libraries: a backend is found by name through an entry point.

Third parties use the same door: a package that declares an entry point in the group
``neurohw.backends`` is a backend. The object behind it has one or more of the functions below; the
core imports no backend and no backend's library until it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol, cast

from neurohw.errors import BackendMissing, UnknownName
from neurohw.fixed import FixedPointNetwork
from neurohw.network.inputs import Inputs
from neurohw.network.model import Integrator, Network
from neurohw.recording import Recording

GROUP = "neurohw.backends"


class Reader(Protocol):
    """Reads a foreign file into a Network."""

    def read(
        self, path: str | Path, *, dt: float, integrator: Integrator, outputs: Sequence[str],
        analogue: Sequence[str],
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


def list_backends() -> list[str]:
    """Names of the installed backends."""
    return sorted({e.name for e in metadata.entry_points(group=GROUP)})


def load_backend(name: str) -> Any:
    """The backend of that name; UnknownName, or BackendMissing if what it needs is not there."""
    for entry in metadata.entry_points(group=GROUP):
        if entry.name == name:
            try:
                return entry.load()
            except ImportError as error:
                raise BackendMissing(
                    f"backend '{name}' can't be imported ({error}); install what it needs with pip"
                ) from None
    raise UnknownName.of("backend", name, list_backends())


def reference(
    network: Network,
    inputs: Inputs,
    *,
    steps: int | None = None,
    record: Mapping[str, Sequence[str]] | None = None,
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
    float64 in the units of the model.
    """
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
