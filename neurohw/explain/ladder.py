"""The ladder: runs from the model that its author meant down to the chip, each one step further.

The first run is the float reference, the last the emulated chip. Between them the chip's own
equations run in real numbers (:mod:`neurohw.explain.twin`) and its limits are switched on one after
the other: delays, parameters, weights, rounding, overflow, mapping.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from neurohw.explain.distance import Distance, distance, same
from neurohw.explain.settings import Settings
from neurohw.explain.twin import Probes, Twin
from neurohw.fixed import FixedPointNetwork
from neurohw.recording import Recording

WORDS: Mapping[str, str] = {
    "time step": "the model solved on a fine grid -> as its author steps it",
    "integrator": "the author's time stepping -> the chip's",
    "latency": "spikes pass all layers in one step -> each layer takes one",
    "reset": "the author's reset -> the chip's",
    "comparison": "the author's threshold test -> the chip's",
    "equations": "the model -> the chip's equations in real numbers",
    "delays": "delays -> the ticks that the chip holds",
    "parameters": "thresholds, decays, biases -> codes",
    "weights": "weights -> stored weights",
    "rounding": "real numbers in registers -> integers, rounded as the equations say",
    "overflow": "registers without end -> formats that clamp or wrap",
    "mapping": "every spike arrives -> what tables and memories deliver",
    "chip": "the model -> the chip, which can't be taken apart",
}
"""What each rung changes."""
SAME = "same"
"""What the table says of a rung whose two sides are the same by construction."""
ON = {
    "equations": Settings(),
    "delays": Settings(delays=True),
    "parameters": Settings(delays=True, parameters=True),
    "weights": Settings(delays=True, parameters=True, weights=True),
    "rounding": Settings(delays=True, parameters=True, weights=True, rounding=True),
    "overflow": Settings(True, True, True, True, True),
}
"""The limits in force from each rung on."""


class Image(Protocol):
    """A network mapped to cores: what its tables deliver, and what they lose."""

    @property
    def delivered(self) -> FixedPointNetwork: ...

    @property
    def losses(self) -> Any: ...


@dataclass(frozen=True)
class Rung:
    """One step of the ladder.

    ``direct`` is from the rung above to this one, ``whole`` from the top of the ladder to this one.
    ``share`` is what the distance of the whole grows by here, in spikes changed, or in rms membrane
    where nothing spikes: it may be negative, where one error makes up for another; the shares of all
    rungs sum to the whole exactly. ``note`` says why nothing differs, if it is so by construction.
    """

    name: str
    direct: Distance
    whole: Distance
    share: float
    note: str = ""

    @property
    def what(self) -> str:
        """What is different from here on."""
        return WORDS[self.name]


@dataclass(frozen=True, eq=False)
class Stage:
    """A rung's recording in physical units; None if it is the one above, unchanged."""

    name: str
    recording: Recording | None
    note: str = ""


def stages(
    twin: Twin, equations: Recording, chip: Recording, probes: Probes, tick: Callable[[], None]
) -> list[Stage]:
    """The rungs of the chip, from its equations in real numbers to the chip itself.

    ``equations`` is the run of the former, in physical units, ``chip`` that of the latter, in codes.
    """
    found, physical = [Stage("equations", equations)], twin.fixed.physical
    late = any((s.delay != s.steps).any() for s in twin.synapses)
    for name, settings in ON.items():
        if name == "overflow":
            found.append(Stage(name, physical(chip)))
        elif name == "delays" and not late:
            found.append(Stage(name, None, SAME))
        elif name != "equations":
            found.append(Stage(name, physical(twin.run(settings, probes))))
            tick()
    return found


def rungs(
    top: Recording, below: Sequence[Stage], names: Sequence[str], outputs: Sequence[str],
    labels: Any,
) -> tuple[list[Rung], str, Distance]:  # fmt: skip
    """The budget from recordings, what it is counted in ('spikes' or 'membrane'), and the top itself."""
    recordings = [top, *(s.recording for s in below if s.recording is not None)]
    spiking = any(r.spikes[k].count for r in recordings for k in names)
    measure = "spikes" if spiking else "membrane"
    nothing = distance(top, top, names, outputs, labels)
    before, whole, found = top, nothing, []
    for stage in below:
        now, last = stage.recording, whole
        if now is None or same(before, now, names):
            direct = replace(nothing, accuracy=whole.accuracy, spikes=_spikes(before, names) * 2)
        else:
            direct = distance(before, now, names, outputs, labels)
            whole = distance(top, now, names, outputs, labels)
            before = now
        share = size(whole, measure) - size(last, measure)
        found.append(Rung(stage.name, direct, whole, share, stage.note))
    return found, measure, nothing


def size(d: Distance, measure: str) -> float:
    """A distance as the budget counts it."""
    return d.changed if measure == "spikes" else d.membrane or 0.0


def _spikes(r: Recording, names: Sequence[str]) -> int:
    return sum(r.spikes[k].count for k in names)
