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
from neurohw.explain.likeness import choices_of_chip
from neurohw.explain.margins import margins
from neurohw.explain.twin import Ends, Probes, Twin, sums_only, supported
from neurohw.explain.wanted import derived
from neurohw.explain.worst import worst
from neurohw.fixed import FixedPointNetwork
from neurohw.network.checks import whole
from neurohw.network.inputs import Inputs
from neurohw.network.model import Network
from neurohw.network.semantics import Semantics, differences
from neurohw.recording import Recording

Progress = Callable[[int, int], None]
CHOICES: Mapping[str, tuple[str, ...]] = {
    "integrator": ("integrator",), "latency": ("latency",), "reset": ("reset", "reset_time"),
    "comparison": ("comparison",),
}  # fmt: skip
"""The rungs that a framework's semantics make, and the choices that each changes."""
CHAOS, CALM = 0.4, 0.15
"""Share of spikes changed, and mean rate error against the rate, of a network that amplifies errors."""
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
        meant = self._reference(1)
        chip = self._emulated(twin.fixed)
        held = twin.network.semantics
        equations, wanted = None, held
        if not self.obstacle:
            equations = twin.fixed.physical(twin.run(ON["equations"], self.probes))
            self.tick()
            measure = self._measure("spikes" if self._spiking(meant) else "membrane")
            wanted = choices_of_chip(twin, held, meant, equations, measure, self.probes, self.tick)
        author = self.semantics or held
        self.said = {
            name: differences(_with(author, wanted, choices), author)
            for name, choices in CHOICES.items()
        }
        top = self._stepped(author, held, meant)
        below = self._choices(author, wanted, held, meant)
        if self.substeps > 1:
            top, below = self._reference(self.substeps), [Stage("time step", meant), *below]
        if equations is None:
            below.append(Stage("chip", twin.fixed.physical(chip)))
        else:
            below += stages(twin, equations, chip, self.probes, self.tick)
        if self.image is not None:
            delivered = self._emulated(self.image.delivered)
            below.append(Stage("mapping", self.image.delivered.physical(delivered)))
        return self._explanation(top, below, meant if self.substeps > 1 else top, chip)

    def _explanation(
        self, top: Recording, below: Sequence[Stage], meant: Recording, chip: Recording
    ) -> Explanation:
        """What follows from the runs; ``meant`` is the top in steps of the chip."""
        twin = self.twin
        found, measure, start = rungs(top, below, self.names, self.outputs, self.labels)
        ends: Ends = {}
        if not self.obstacle:
            twin.run(ON["rounding"], None, ends)
        blamed = self._causes(found, below, top, chip, measure, ends)
        last = [s.recording for s in below if s.recording is not None][-1]
        return Explanation(
            network=twin.network.name, chip=twin.fixed.chip.name, measure=measure,
            populations=self.names, trials=twin.inputs.trials, steps=twin.steps,
            spikes=sum(top.spikes[n].count for n in self.names), accuracy=start.accuracy,
            rungs=tuple(found), causes=tuple(blamed),
            divergence=first(twin, not self.obstacle, meant, last, below, self.names),
            worst=tuple(worst(twin)), margins=tuple(margins(twin.fixed, ends, chip.overflows)),
            advice=advice(twin.fixed, found, blamed, measure), notes=tuple(self._notes(found)),
        )  # fmt: skip

    def _reference(self, substeps: int) -> Recording:
        twin, record = self.twin, {n: ["v"] for n in self.probes}
        found = reference(
            twin.network, twin.inputs, steps=twin.steps, record=record, substeps=substeps
        )
        self.tick()
        return found

    def _choices(
        self, author: Semantics, wanted: Semantics, held: Semantics, meant: Recording
    ) -> list[Stage]:
        """The rungs from the author's choices to those of the chip, one after the other."""
        now, found = author, list[Stage]()
        for name, choices in CHOICES.items():
            before, now = now, _with(now, wanted, choices)
            if before == now:
                found.append(Stage(name, None, SAME))
                continue
            found.append(Stage(name, self._stepped(now, held, meant)))
        return found

    def _stepped(self, semantics: Semantics, held: Semantics, meant: Recording) -> Recording:
        """The network under some choices; those of the float reference are its own run."""
        if semantics == held:
            return meant
        twin = self.twin
        return step_as(twin.network, twin.inputs, twin.steps, semantics, self.probes)

    def _spiking(self, recording: Recording) -> bool:
        return any(recording.spikes[n].count for n in self.names)

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
        runs: dict[str, Recording] = {}
        last = top
        for stage in below:
            last = stage.recording or last
            runs[stage.name] = last
        blamed: list[Cause] = []
        for rung in sorted(found, key=lambda r: -size(r.direct, measure)):
            if size(rung.direct, measure) <= 0:
                continue
            if rung.name == "mapping" and self.image is not None:
                blamed.append(self._mapped(self.image, size(rung.direct, measure)))
            if rung.name in CHOICES:
                blamed += self._chosen(rung, measure)
            if rung.name in ABOVE:
                blamed += causes(
                    self.twin, chip, rung.name, runs[ABOVE[rung.name]], self._measure(measure),
                    self.probes, ends, self.tick,
                )  # fmt: skip
        return blamed

    def _mapped(self, image: Image, effect: float) -> Cause:
        """What tables and memories lose."""
        have, wanted = image.delivered.synapses, self.twin.fixed.synapses
        detail = f"{have:,} of {wanted:,} synapses are delivered"
        losses = image.losses
        for k, cause in enumerate(losses.causes if losses is not None else ()):
            mine = losses.cause == k
            if mine.any():
                detail += (
                    f"; {cause}: {int(losses.times[mine].sum()):,} for one spike of each source"
                )
        return Cause(
            "mapping", "", "tables and memories", effect, detail, "more room for the mapping"
        )

    def _amplified(self, rung: Rung) -> bool:
        """Whether a rung changes most spikes but hardly how many there are."""
        d, twin = rung.direct, self.twin
        neurons = sum(twin.fixed.sizes[n] for n in self.names) * twin.inputs.trials
        rate = d.spikes / 2 / neurons / (twin.steps * twin.fixed.dt)
        return d.changed > CHAOS * d.spikes and (d.rate_error or 0.0) < CALM * rate

    def _chosen(self, rung: Rung, measure: str) -> list[Cause]:
        """What the author chooses and the chip does not."""
        what = "; ".join(self.said[rung.name])
        return [Cause(rung.name, "", what, size(rung.direct, measure), "", "train with that")]

    def _measure(self, measure: str) -> Callable[[Recording, Recording], float]:
        if measure == "spikes":
            return lambda a, b: changed(a, b, self.names)
        return lambda a, b: moved(a, b, self.names)

    def _notes(self, found: Sequence[Rung]) -> list[str]:
        notes = []
        if len(loud := [r for r in found if self._amplified(r)]) > 1:
            notes.append(
                f"rungs {', '.join(r.name for r in loud)} each change most spikes but hardly a rate: the "
                "network makes any error grow; judge it by rates, or by the first difference"
            )
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


def _with(semantics: Semantics, wanted: Semantics, choices: Sequence[str]) -> Semantics:
    """The semantics with some choices of the others."""
    return semantics.with_(**{k: getattr(wanted, k) for k in choices})
