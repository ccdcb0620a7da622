"""The verb: climb down the ladder, measure every rung, find who is to blame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from neurohw.backend import reference
from neurohw.emulate import emulate
from neurohw.errors import InputError
from neurohw.explain.advise import advice
from neurohw.explain.author import step_as
from neurohw.explain.causes import ABOVE, MOST, Cause, causes
from neurohw.explain.distance import changed, moved
from neurohw.explain.explanation import Explanation
from neurohw.explain.first import first
from neurohw.explain.ladder import ON, SAME, Image, Rung, Stage, rungs, size, stages
from neurohw.explain.likeness import likeness
from neurohw.explain.margins import margins
from neurohw.explain.twin import Ends, Probes, Twin, sums_only, supported
from neurohw.explain.wanted import derived
from neurohw.explain.worst import worst
from neurohw.fixed import FixedPointNetwork
from neurohw.network.checks import whole
from neurohw.network.inputs import Inputs
from neurohw.network.model import Network
from neurohw.network.semantics import Semantics
from neurohw.recording import Recording

Progress = Callable[[int, int], None]
REFERENCE = Semantics()
"""What the float reference does, but for its integrator, which is the network's."""
CHOICES: Mapping[str, tuple[str, ...]] = {
    "integrator": ("integrator",), "latency": ("latency",), "reset": ("reset", "reset_time"),
    "comparison": ("comparison",),
}  # fmt: skip
"""The rungs that a framework's semantics make, and the choices that each changes."""
READ_OUT = 1000
"""Neurons that an output may have for their membranes to be compared."""


def explain(
    network: Network,
    fixed: FixedPointNetwork,
    inputs: Inputs,
    *,
    steps: int | None = None,
    image: Image | None = None,
    semantics: Semantics | None = None,
    substeps: int = 1,
    seed: int = 0,
    progress: Progress | None = None,
) -> Explanation:
    """Why the chip differs from the model: the error budget, rung by rung, and who is to blame.

    ``fixed`` is ``network`` as :func:`neurohw.quantise` made it, ``image`` its cores and tables, if
    mapping is to be a rung. ``steps``: by default those of the inputs and as many more as spikes need
    to the outputs. ``semantics``: how the author's framework steps the network, if not as the float
    reference does; each choice that differs is a rung. With ``substeps`` above 1 the ladder starts at
    the model solved that much finer, and what the time step costs is a rung; not both. ``progress``
    is called with runs done and to do.

    Raises InputError if the networks do not belong together or a population was written in integers.
    """
    if not isinstance(network, Network) or not isinstance(fixed, FixedPointNetwork):
        raise InputError(
            f"explain takes a Network and what quantise made of it, not a {type(network).__name__} and a "
            f"{type(fixed).__name__}"
        )
    steps = inputs.steps + network.latency() if steps is None else whole("steps", steps)
    substeps = whole("substeps", substeps, 1, 1000)
    if semantics is not None and substeps > 1:
        raise InputError(
            "explain starts either at a framework's semantics or at a fine time step; leave one out"
        )
    twin = Twin.of(network, fixed, inputs, steps, seed)
    return _Explaining(twin, image, semantics, substeps, progress).run()


class _Explaining:
    def __init__(
        self, twin: Twin, image: Image | None, semantics: Semantics | None, substeps: int,
        progress: Progress | None,
    ) -> None:  # fmt: skip
        self.twin, self.image, self.substeps = twin, image, substeps
        self.semantics = semantics
        net = twin.network
        self.names = tuple(n for n in net.populations if n not in net.inputs)
        self.obstacle = supported(twin.fixed)
        self.progress, self.done = progress, 0
        self.total = 4 + (len(ON) + 3 * MOST if not self.obstacle else 0)
        readout = [n for n in net.outputs if n in self.names and net.populations[n].n <= READ_OUT]
        self.probes: Probes = {
            n: (registers, range(net.populations[n].n))
            for n in readout if (registers := self._membrane(n))
        }  # fmt: skip
        labels = twin.inputs.labels
        classes = sum(net.populations[n].n for n in net.outputs)
        known = labels is not None and int(labels.max(initial=0)) < classes
        self.labels = labels if known else None
        self.outputs = net.outputs if set(net.outputs) <= set(self.names) else ()

    def tick(self) -> None:
        self.done += 1
        if self.progress:
            self.progress(min(self.done, self.total), self.total)

    def _membrane(self, name: str) -> list[str]:
        """Registers that the membrane of an output is read from, if it never spikes."""
        population = self.twin.fixed.populations[name]
        if self.twin.network.populations[name].spiking or population.meaning is None:
            return []
        formula = population.meaning.rules.registers.get("v")
        return [r for r in population.neuron.formats if formula and r in formula.names]

    def run(self) -> Explanation:
        twin = self.twin
        top, above = self._meant()
        chip = self._emulated(twin.fixed)
        if self.obstacle:
            below = [*above, Stage("chip", twin.fixed.physical(chip))]
        else:
            below = [*above, *stages(twin, chip, self.probes, self.tick)]
        if self.image is not None:
            delivered = self._emulated(self.image.delivered)
            below.append(Stage("mapping", self.image.delivered.physical(delivered)))
        found, measure, start = rungs(top, below, self.names, self.outputs, self.labels)
        ends: Ends = {}
        if not self.obstacle:
            twin.run(ON["rounding"], None, ends)
        blamed = self._causes(found, below, top, chip, measure, ends)
        last = [s.recording for s in below if s.recording is not None][-1]
        meant = top if self.substeps == 1 else above[0].recording  # in steps of the chip
        assert meant is not None
        return Explanation(
            network=twin.network.name, chip=twin.fixed.chip.name, measure=measure,
            populations=self.names, trials=twin.inputs.trials, steps=twin.steps,
            spikes=sum(top.spikes[n].count for n in self.names),
            accuracy=start.accuracy, rungs=tuple(found),
            causes=tuple(blamed),
            divergence=first(twin, not self.obstacle, meant, last, below, self.names),
            worst=tuple(worst(twin)), margins=tuple(margins(twin.fixed, ends, chip.overflows)),
            advice=advice(twin.fixed, found, blamed, measure), notes=tuple(self._notes()),
        )  # fmt: skip

    def _meant(self) -> tuple[Recording, list[Stage]]:
        """The top of the ladder, and the rungs from there to the model as its author steps it."""
        twin = self.twin
        record = {n: ["v"] for n in self.probes}

        def run(substeps: int) -> Recording:
            found = reference(
                twin.network, twin.inputs, steps=twin.steps, record=record, substeps=substeps,
            )  # fmt: skip
            self.tick()
            return found

        meant = run(1)
        if self.substeps > 1:
            return run(self.substeps), [Stage("time step", meant)]
        held = self._held()
        if self.semantics is None:
            return meant, [Stage(name, None, SAME) for name in CHOICES]
        now = self.semantics
        top, found, last = self._stepped(now, held, meant), list[Stage](), meant
        for name, choices in CHOICES.items():
            changed_ = now.with_(**{k: getattr(held, k) for k in choices})
            if changed_ == now:
                found.append(Stage(name, None, SAME))
                continue
            now = changed_
            last = self._stepped(now, held, meant)
            found.append(Stage(name, last))
        return top, found

    def _held(self) -> Semantics:
        """The choices of the float reference."""
        return REFERENCE.with_(integrator=self.twin.network.integrator)

    @staticmethod
    def _bottom(below: Sequence[Stage], top: Recording) -> Recording:
        """The run of the model that the chip's equations are compared with."""
        above = [s for s in below if s.name in ("time step", *CHOICES) and s.recording is not None]
        return (above[-1].recording if above else None) or top

    def _stepped(self, semantics: Semantics, held: Semantics, meant: Recording) -> Recording:
        """The network under some semantics: those of the float reference are its own run."""
        if semantics == held:
            return meant
        twin = self.twin
        return step_as(twin.network, twin.inputs, twin.steps, semantics, self.probes)

    def _emulated(self, fixed: FixedPointNetwork) -> Recording:
        found = emulate(
            fixed, self.twin.inputs, steps=self.twin.steps, seed=self.twin.seed,
            record={n: registers for n, (registers, _) in self.probes.items()},
        )  # fmt: skip
        self.tick()
        return found

    def _causes(
        self, found: Sequence[Rung], below: Sequence[Stage], top: Recording, chip: Recording,
        measure: str, ends: Ends,
    ) -> list[Cause]:  # fmt: skip
        if self.obstacle:
            return []
        runs: dict[str, Recording] = {}
        last = top
        for stage in below:
            last = stage.recording or last
            runs[stage.name] = last
        blamed: list[Cause] = []
        for rung in sorted(found, key=lambda r: -size(r.direct, measure)):
            if rung.name == "equations" and size(rung.direct, measure) > 0:
                blamed += likeness(
                    self.twin, self._held(), self._bottom(below, top), runs["equations"],
                    self._measure(measure), self.probes, self.tick,
                )  # fmt: skip
            if rung.name in ABOVE and size(rung.direct, measure) > 0:
                above = runs[ABOVE[rung.name]]
                blamed += causes(
                    self.twin,
                    chip,
                    rung.name,
                    above,
                    self._measure(measure),
                    self.probes,
                    ends,
                    self.tick,
                )
        return blamed

    def _measure(self, measure: str) -> Callable[[Recording, Recording], float]:
        if measure == "spikes":
            return lambda a, b: changed(a, b, self.names)
        return lambda a, b: moved(a, b, self.names)

    def _notes(self) -> list[str]:
        notes = []
        if self.obstacle:
            notes.append(f"{self.obstacle}: its budget has one rung")
        elif not sums_only(self.twin.fixed):
            notes.append("rung 'overflow' includes the order of events within a tick")
        for name, population in self.twin.fixed.populations.items():
            if not self.obstacle and not derived(population):
                notes.append(
                    f"{name}: what {self.twin.fixed.chip.name} derives from codes at the start is whole "
                    "from rung 'equations' on"
                )
        return notes
