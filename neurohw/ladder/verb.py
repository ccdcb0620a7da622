"""The verbs: climb down from a biophysical model, or from a network, to a chip."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from neurohw.backend import reference
from neurohw.biophysics import Model, Stimulus, constant, simulate
from neurohw.biophysics.library import load_model
from neurohw.chip import Chip, load_chip
from neurohw.compare.spikes import coincidence
from neurohw.errors import InputError
from neurohw.explain.ladder import Stage
from neurohw.fixed import FixedPointNetwork
from neurohw.ladder.cell import CELL, Cell, as_cell, cell, divided, holds, only_cell
from neurohw.ladder.costs import Precision, budget
from neurohw.ladder.descend import STAGES, WORDS, descend
from neurohw.ladder.fit import EVALUATIONS, Fit, fit
from neurohw.ladder.models import checked, simpler, thousandth
from neurohw.ladder.probe import Answer, Probe, coarser, finest, measure, passive, probe
from neurohw.ladder.result import Ladder, Rung, spikes
from neurohw.network.checks import whole
from neurohw.network.inputs import Inputs
from neurohw.network.model import Network
from neurohw.recording import Recording

Progress = Callable[[int, int], None]
Step = tuple[str, str, Recording, str]
"""A rung before it is measured: name, what changes, recording, note."""
SIMPLE = ("lif", "alif")
FINER = 10
"""Steps of the float network at the top for each of the chip's."""
FIT_STEP = 1e-4
"""Seconds: the step at which candidates are tried; the fitted model is then run at the finest."""


class _Count:
    """Progress over a number of pieces of work that is known about."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.done, self.total, self.progress = 0, total, progress

    def __call__(self) -> None:
        self.done += 1
        if self.progress:
            self.progress(min(self.done, self.total), self.total)


def ladder(
    model: Model | str, chip: Chip | str, *, simple: str | None = None, dt: float = 1e-3,
    duration: float = 0.5, trials: int = 4, seed: int = 0, progress: Progress | None = None,
) -> Ladder:  # fmt: skip
    """From a model that spikes to a chip: EIF, LIF or adaptive LIF, time step, each limit, the chip.

    Each simpler model is fitted to the one above on its f-I curve and on spike times for a noisy current
    (:mod:`neurohw.ladder.fit`); all are judged on ``trials`` of ``duration`` seconds of another noisy
    current. ``simple``: 'lif' or 'alif', by default the one that fits better, if the chip has it.
    ``dt``: the chip's time step in seconds. UnknownName or InputError for a model that has no ladder,
    CapacityError for a chip that has no such neuron or takes no currents.
    """
    top = load_model(model.replace("_", "-")) if isinstance(model, str) else model
    checked(top)  # type: ignore[arg-type]
    assert isinstance(top, Model)
    target = load_chip(chip) if isinstance(chip, str) else chip
    if simple is not None and simple not in SIMPLE:
        raise InputError(f"simple is {simple!r}; it is 'lif' or 'alif'")
    whole("trials", trials, 1, 1000)
    whole("seed", seed, 0, 2**31 - 1)
    if not 0.05 <= duration <= 100:
        raise InputError(f"duration is {duration!r}; give seconds for each trial, 0.05 to 100")
    return _Descent(top, target, simple, dt, duration, trials, seed, progress).run()


class _Descent:
    """One model on its way down to one chip."""

    def __init__(
        self, top: Model, chip: Chip, simple: str | None, dt: float, duration: float, trials: int,
        seed: int, progress: Progress | None,
    ) -> None:  # fmt: skip
        self.top, self.chip, self.dt, self.seed = top, chip, dt, seed
        self.duration, self.trials = duration, trials
        self.fine = finest(top)
        divided(dt, self.fine, duration)
        self.precision = Precision.of_cell(dt)
        self.notes: list[str] = []
        self.kinds = self._kinds(simple)
        self.fits: dict[str, Fit] = {}
        self.training: dict[str, float] = {}
        fits = len(self.kinds) + (not top.reset)
        self.tick = _Count(fits * EVALUATIONS + STAGES + 1, progress)

    def _kinds(self, simple: str | None) -> tuple[str, ...]:
        """The simplest models that the chip can hold, before any of them is fitted."""
        mv = thousandth(self.top)
        usual = {"c_m": 1e-2, "g_l": 1.0, "e_l": 0.0, "v_threshold": 15 * mv, "v_reset": 0.0}
        own = {"lif": {"t_ref": 2e-3}, "alif": {"tau_theta": 0.1, "delta_theta": mv}}
        quiet = constant(0.0, duration=4 * self.dt, dt=self.dt)
        held = []
        for kind in (simple,) if simple else SIMPLE:
            made = cell(simpler(kind, self.top, {**usual, **own[kind]}, 0.0), quiet, self.dt)
            trouble = holds(self.chip, made)
            if not trouble:
                held.append(kind)
            elif kind == "lif" or simple:
                made.quantised(self.chip)  # raises, with the reason
            else:
                self.notes.append(f"{self.chip.name} has no adaptive LIF; a LIF was fitted alone")
        return tuple(held)

    def run(self) -> Ladder:
        rest = passive(self.top, self.fine)
        p = probe(
            self.top, rest, seed=self.seed, duration=self.duration, trials=self.trials, dt=self.fine
        )
        biology = self._run(self.top, p.held)
        if not spikes(biology):
            raise InputError(
                f"{self.top.name} does not spike in {self.duration:g} s of noise; make it longer"
            )
        above, target = self.top, measure(self.top, p, rest)
        steps: list[Step] = []
        if not self.top.reset:
            found = self._fit("eif", above, target, p)
            above, target = found.model, measure(found.model, p)
            steps.append(("eif", "", self._run(above, p.held), ""))
        simple = self._simple(above, target, p)
        steps.append((simple.name, "", self._run(simple, p.held), ""))
        made = cell(simple, p.held, self.dt)
        for stage in self._chip(made):
            now = steps[-1][2] if stage.recording is None else only_cell(stage.recording, made)
            steps.append((stage.name, WORDS[stage.name], now, stage.note))
        drive, units = checked(self.top)
        return Ladder(
            model=self.top.name, chip=self.chip.name, dt=self.dt, window=self.precision.window,
            tau=self.precision.tau, top=biology,
            rungs=_rungs(self.top.name, biology, steps, [CELL], self.precision),
            fits=self.fits, training=self.training, drive_unit=drive.unit, unit=units[0],
            current=coarser(p.held, round(self.dt / self.fine)).values, notes=tuple(self.notes),
        )  # fmt: skip

    def _run(self, model: Model, stimulus: Stimulus) -> Recording:
        return as_cell(simulate(model, stimulus, record=["v"], seed=self.seed))

    def _fit(
        self, kind: str, above: Model, target: Answer, p: Probe, bound: float = math.inf
    ) -> Fit:
        k = max(round(FIT_STEP / p.dt), 1)
        found = fit(kind, above, target, p, k=k, bound=bound, tick=self.tick)
        trains = measure(found.model, p, target.passive).trains
        each = [
            coincidence(a, b, p.train.duration, self.precision.window)
            for a, b in zip(target.trains, trains, strict=True)
        ]
        self.fits[kind] = found
        self.training[kind] = float(np.mean(np.nan_to_num(each)))
        return found

    def _simple(self, above: Model, target: Answer, p: Probe) -> Model:
        """The better of the simplest models, of those that the chip can hold with these numbers."""
        found: list[Fit] = []
        for kind in self.kinds:
            bound = min((f.loss for f in found), default=math.inf)
            found.append(self._fit(kind, above, target, p, bound))
        found.sort(key=lambda f: f.loss)
        if len(found) > 1:
            a, b = found
            self.notes.append(
                f"{a.model.name} kept, with a loss of {a.loss:.3g}; {b.model.name} {b.loss:.3g}"
            )
        for one in found:
            if not holds(self.chip, cell(one.model, p.held, self.dt)):
                return one.model
        cell(found[0].model, p.held, self.dt).quantised(self.chip)  # raises, with the reason
        return found[0].model

    def _chip(self, made: Cell) -> list[Stage]:
        fixed = made.quantised(self.chip)
        steps = made.inputs.steps
        meant = reference(made.network, made.inputs, steps=steps, record={CELL: ["v"]})
        self.tick()
        record = {CELL: ["v"]} if "v" in fixed.populations[CELL].neuron.formats else None
        below = descend(
            made.network, fixed, made.inputs, steps, seed=self.seed, record=record, tick=self.tick
        )
        return [Stage("time step", meant), *below]


def network_ladder(
    network: Network, fixed: FixedPointNetwork, inputs: Inputs, *, steps: int | None = None,
    substeps: int = FINER, seed: int = 0, progress: Progress | None = None,
) -> Ladder:  # fmt: skip
    """From a network solved ``substeps`` times finer to the chip: time step, weights, parameters, state.

    ``fixed`` is ``network`` as :func:`neurohw.quantise` made it. InputError if they do not belong together.
    """
    if not isinstance(network, Network) or not isinstance(fixed, FixedPointNetwork):
        raise InputError(
            f"a ladder takes a Network and what quantise made of it, not a {type(network).__name__} and a "
            f"{type(fixed).__name__}"
        )
    steps = inputs.steps + network.latency() if steps is None else whole("steps", steps)
    whole("substeps", substeps, 2, 1000)
    tick = _Count(STAGES + 2, progress)
    names = [n for n in network.populations if n not in network.inputs]

    def run(substeps: int) -> Recording:
        found = reference(network, inputs, steps=steps, substeps=substeps)
        tick()
        return found

    top = run(substeps)
    stages = [
        Stage("time step", run(1)),
        *descend(network, fixed, inputs, steps, seed=seed, tick=tick),
    ]
    taken: list[Step] = []
    last = top
    for stage in stages:
        last = stage.recording or last
        taken.append((stage.name, WORDS[stage.name], last, stage.note))
    dt, precision = network.dt, Precision.of_network(network.dt)
    return Ladder(
        model=network.name, chip=fixed.chip.name, dt=dt, window=precision.window, tau=precision.tau,
        top=top, rungs=_rungs(network.name, top, taken, names, precision), names=tuple(names),
    )  # fmt: skip


def _rungs(
    model: str, top: Recording, steps: Sequence[Step], names: Sequence[str], precision: Precision
) -> tuple[Rung, ...]:
    costs = budget([top, *(s[2] for s in steps)], names, precision)
    above = [model, *(s[0] for s in steps[:-1])]
    return tuple(
        Rung(name, what or f"fitted to {over}", spikes(run, names), direct, far, share, run, note)
        for (name, what, run, note), (direct, far, share), over in zip(
            steps, costs, above, strict=True
        )
    )
