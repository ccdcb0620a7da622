"""The models there are, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from neurohw.biophysics import channels, circuit, conductances, simple, synapses
from neurohw.biophysics import integrate_and_fire as fire
from neurohw.biophysics.cable import Cable, myelinated_axon, passive_cable, squid_axon
from neurohw.biophysics.cascade import CASCADE
from neurohw.biophysics.circuit import Circuit
from neurohw.biophysics.model import Model
from neurohw.errors import UnknownName

_ALL: tuple[Model | Cable | Circuit, ...] = (
    simple.PASSIVE, conductances.HODGKIN_HUXLEY, conductances.WANG_BUZSAKI,
    conductances.MORRIS_LECAR_1, conductances.MORRIS_LECAR_2, channels.SODIUM_CHANNEL,
    channels.LANGEVIN, simple.FITZHUGH_NAGUMO, fire.LIF, fire.LIF_SRA, fire.LIF_RELATIVE,
    fire.LIF_CURRENT, fire.LIF_THRESHOLD, fire.EIF, *synapses.SYNAPSES, synapses.GAP_JUNCTION,
    circuit.COBA, circuit.BALANCED, passive_cable(), squid_axon(), myelinated_axon(), CASCADE,
)  # fmt: skip
MODELS: Mapping[str, Model | Cable | Circuit] = MappingProxyType({m.name: m for m in _ALL})
"""By name: point models, cables, and the balanced network."""


def list_models() -> list[str]:
    """Their names, from the membrane up."""
    return list(MODELS)


def load_model(name: str) -> Model | Cable | Circuit:
    """The model of that name; UnknownName, with the nearest one, if there is none."""
    if name not in MODELS:
        raise UnknownName.of("model", name, MODELS)
    return MODELS[name]


def point_model(name: str) -> Model:
    """As :func:`load_model`, for those that are no cable and no network."""
    model = load_model(name)
    if not isinstance(model, Model):
        raise UnknownName.of(
            "point model", name, [k for k, m in MODELS.items() if isinstance(m, Model)]
        )
    return model
