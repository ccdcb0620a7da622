"""neurohw: run a spiking network exactly as a digital neuromorphic chip would.

    import neurohw as nh

    net = nh.load_network("network.nir", dt=1e-4, integrator="euler")
    chip = nh.load_chip("loihi2")
    fixed = nh.quantise(net, chip)
    inputs = nh.load_inputs("spikes.npz", net)
    on_chip = nh.emulate(fixed, inputs, record={"lif1": ["v"]})
    meant = nh.reference(net, inputs, record={"lif1": ["v"]})
    print(nh.compare(meant, fixed.physical(on_chip)))

Names are imported on first use, so that ``import neurohw`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "ALIF": "network", "ATRLIF": "network", "CubaLI": "network", "CubaLIF": "network",
    "CurrentInput": "network", "IF": "network", "Inputs": "network", "LI": "network",
    "LIF": "network", "Network": "network", "Population": "network", "Projection": "network",
    "SpikeInput": "network", "Constant": "network", "Distance": "network",
    "FixedInDegree": "network", "FixedTotal": "network", "Normal": "network",
    "Probability": "network", "Uniform": "network", "Chip": "chip", "list_chips": "chip",
    "load_chip": "chip", "parse_chip": "chip", "FixedPointNetwork": "fixed",
    "FixedPopulation": "fixed",
    "FixedProjection": "fixed", "quantise": "quantise", "QuantisationRecord": "quantise",
    "emulate": "emulate", "interpret": "emulate", "Recording": "recording", "Trace": "recording",
    "load_recording": "recording", "compare": "compare", "Comparison": "compare",
    "load_inputs": "loading", "load_network": "loading", "export": "backend",
    "reference": "backend", "NeurohwError": "errors", "Session": "emulate.session",
    "explain": "explain", "Explanation": "explain", "map_network": "mapping.map",
    "ChipImage": "mapping.image", "load_image": "mapping.store", "save_image": "mapping.store",
    "ladder": "ladder", "network_ladder": "ladder", "Semantics": "network.semantics",
}  # fmt: skip

__all__ = sorted([*_HOMES, "__version__"])  # noqa: PLE0605

if TYPE_CHECKING:
    from neurohw.backend import export as export
    from neurohw.backend import reference as reference
    from neurohw.chip import Chip as Chip
    from neurohw.chip import list_chips as list_chips
    from neurohw.chip import load_chip as load_chip
    from neurohw.chip import parse_chip as parse_chip
    from neurohw.compare import Comparison as Comparison
    from neurohw.compare import compare as compare
    from neurohw.emulate import emulate as emulate
    from neurohw.emulate import interpret as interpret
    from neurohw.emulate.session import Session as Session
    from neurohw.errors import NeurohwError as NeurohwError
    from neurohw.explain import Explanation as Explanation
    from neurohw.explain.explain import explain as explain
    from neurohw.fixed import FixedPointNetwork as FixedPointNetwork
    from neurohw.fixed import FixedPopulation as FixedPopulation
    from neurohw.fixed import FixedProjection as FixedProjection
    from neurohw.ladder.verb import ladder as ladder
    from neurohw.ladder.verb import network_ladder as network_ladder
    from neurohw.loading import load_inputs as load_inputs
    from neurohw.loading import load_network as load_network
    from neurohw.mapping.image import ChipImage as ChipImage
    from neurohw.mapping.map import map_network as map_network
    from neurohw.mapping.store import load_image as load_image
    from neurohw.mapping.store import save_image as save_image
    from neurohw.network import ALIF as ALIF
    from neurohw.network import ATRLIF as ATRLIF
    from neurohw.network import IF as IF
    from neurohw.network import LI as LI
    from neurohw.network import LIF as LIF
    from neurohw.network import Constant as Constant
    from neurohw.network import CubaLI as CubaLI
    from neurohw.network import CubaLIF as CubaLIF
    from neurohw.network import CurrentInput as CurrentInput
    from neurohw.network import Distance as Distance
    from neurohw.network import FixedInDegree as FixedInDegree
    from neurohw.network import FixedTotal as FixedTotal
    from neurohw.network import Inputs as Inputs
    from neurohw.network import Network as Network
    from neurohw.network import Normal as Normal
    from neurohw.network import Population as Population
    from neurohw.network import Probability as Probability
    from neurohw.network import Projection as Projection
    from neurohw.network import SpikeInput as SpikeInput
    from neurohw.network import Uniform as Uniform
    from neurohw.network.semantics import Semantics as Semantics
    from neurohw.quantise import QuantisationRecord as QuantisationRecord
    from neurohw.quantise import quantise as quantise
    from neurohw.recording import Recording as Recording
    from neurohw.recording import Trace as Trace
    from neurohw.recording import load_recording as load_recording


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'neurohw' has no attribute '{name}'")
    # `quantise`, `compare` and `emulate` are packages too: bind the verb before a later import of
    # a submodule can put the package in its place.
    value = getattr(importlib.import_module(f"neurohw.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
