"""What a network's author leaves unsaid: how it is stepped, how it resets, when spikes arrive.

Two simulators that read the same equations can differ in five choices. Each preset is what one
framework or chip chooses by default; ``SOURCES`` says where that is written. What a preset can't
say: sinabs and Rockpool let a neuron spike several times in a step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from neurohw.errors import NetworkError, UnknownName

Integrator = Literal["exact", "euler"]
Reset = Literal["zero", "subtract"]
ResetTime = Literal["same", "next"]
Comparison = Literal[">", ">="]

_CHOICES: Mapping[str, tuple[object, ...]] = {
    "integrator": ("exact", "euler"),
    "reset": ("zero", "subtract"),
    "reset_time": ("same", "next"),
    "latency": (0, 1),
    "comparison": (">", ">="),
}
_WORDS: Mapping[tuple[str, object], str] = {
    ("integrator", "exact"): "stepped exactly, exp(-dt/tau)",
    ("integrator", "euler"): "Euler steps, 1 - dt/tau",
    ("reset", "zero"): "reset to v_reset",
    ("reset", "subtract"): "reset by subtracting the threshold",
    ("reset_time", "same"): "in the step of the spike",
    ("reset_time", "next"): "in the step after the spike",
    ("latency", 0): "spikes pass through all layers in one step",
    ("latency", 1): "a spike acts one step later",
    ("comparison", ">"): "a neuron spikes above its threshold",
    ("comparison", ">="): "a neuron spikes at its threshold",
}


@dataclass(frozen=True)
class Semantics:
    """How a network is meant to be stepped.

    ``integrator``: ``exact`` multiplies by ``exp(-dt/tau)``, ``euler`` by ``1 - dt/tau``. ``reset``:
    ``zero`` sets ``v = v_reset``, ``subtract`` takes ``v_threshold - v_reset`` off. ``reset_time``:
    ``same`` step as the spike, or the ``next``, after the leak and with that step's input:
    ``v[t+1] = beta v[t] + I[t+1] - s[t] v_threshold``. ``latency``: steps from a spike to its
    earliest effect on the next population; with 0 a recurrent spike still takes one step.
    ``comparison``: a spike if ``v > v_threshold`` or if ``v >= v_threshold``.
    """

    integrator: Integrator = "exact"
    reset: Reset = "zero"
    reset_time: ResetTime = "same"
    latency: int = 1
    comparison: Comparison = ">"

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if isinstance(value, bool) or value not in choices:
                given = " or ".join(repr(c) for c in choices)
                raise NetworkError(f"semantics: {name} is {value!r}; it is {given}")

    def with_(self, **changes: object) -> Semantics:
        """The same with some choices replaced."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def as_dict(self) -> dict[str, Any]:
        """The choices by name, as plain text and numbers."""
        return asdict(self)

    def __str__(self) -> str:
        said = [_WORDS[f.name, getattr(self, f.name)] for f in fields(self)]
        return f"{said[0]}; {said[1]} {said[2]}; {said[3]}; {said[4]}"


PRESETS: Mapping[str, Semantics] = {
    "nir": Semantics("exact", "zero", "same", 1, ">"),
    "snntorch": Semantics("euler", "subtract", "next", 0, ">"),
    "norse": Semantics("euler", "zero", "same", 0, ">"),
    "sinabs": Semantics("exact", "subtract", "same", 0, ">="),
    "rockpool": Semantics("exact", "subtract", "same", 0, ">="),
    "lava": Semantics("euler", "zero", "same", 1, ">"),
    "loihi": Semantics("euler", "zero", "same", 1, ">"),
    "spinnaker": Semantics("exact", "zero", "same", 1, ">="),
}
"""The defaults of frameworks and chips; for what a network was really made with, see its author."""

SOURCES: Mapping[str, str] = {
    "nir": "J. E. Pedersen et al., Neuromorphic Intermediate Representation, 2024: equations of LIF",
    "snntorch": "snnTorch 1.0.0, snn.Leaky: reset_mechanism='subtract', reset_delay=True",
    "norse": "Norse 1.1.0, functional/lif_box.py: lif_box_feed_forward_step",
    "sinabs": "sinabs 3.1.3, layers/lif.py: MembraneSubtract(); activation: SingleSpike, MultiSpike",
    "rockpool": "Rockpool 3.1.0, nn/modules/torch/lif_torch.py: StepPWL, subtractive reset",
    "lava": "lava-nc 0.10, proc.lif.models: LIF; a spike is received in the next time step",
    "loihi": "M. Davies et al., Loihi: a neuromorphic manycore processor, IEEE Micro, 2018",
    "spinnaker": "sPyNNaker 7.4, threshold_types/threshold_type_static.h",
}
"""Where each preset is written."""


def preset(name: str) -> Semantics:
    """The semantics of a framework or chip; UnknownName lists those there are."""
    if name not in PRESETS:
        raise UnknownName.of("semantics", name, PRESETS)
    return PRESETS[name]


def parse(values: object) -> Semantics:
    """Semantics from what :meth:`Semantics.as_dict` gave; NetworkError for anything else."""
    known = {f.name for f in fields(Semantics)}
    if not isinstance(values, dict) or not set(values) <= known:
        raise NetworkError(f"semantics are {values!r}; give {', '.join(sorted(known))}")
    return Semantics(**values)


def differences(wanted: Semantics, held: Semantics) -> list[str]:
    """What differs, one text for each choice: 'reset by ..., not reset to ...'."""
    return [
        f"{_WORDS[f.name, getattr(wanted, f.name)]}, not {_WORDS[f.name, getattr(held, f.name)]}"
        for f in fields(Semantics) if getattr(wanted, f.name) != getattr(held, f.name)
    ]  # fmt: skip


def require(wanted: Semantics, held: Semantics, who: str, advice: str) -> None:
    """NetworkError that names every choice of ``wanted`` which ``who`` would silently lose."""
    lost = differences(wanted, held)
    if lost:
        raise NetworkError(f"{who} can't hold the network's semantics: {'; '.join(lost)}: {advice}")
