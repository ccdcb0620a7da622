"""The same models by scipy's integrators: adaptive, at a tight tolerance, with spikes located exactly.

What a fixed step costs is the distance from here. P. Virtanen et al., Nat. Methods 17, 261 (2020).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.biophysics.model import Model
from neurohw.biophysics.phase import scales
from neurohw.biophysics.program import Program, compile_model
from neurohw.biophysics.run import Run, diverged, held, prepare
from neurohw.biophysics.stimulus import Stimulus
from neurohw.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Solution:
    """``spikes`` in seconds (spikes,), and by variable its values at ``times`` (samples,), both SI."""

    times: Floats
    values: Mapping[str, Floats]
    spikes: Floats


def integrate(
    model: Model, stimulus: Stimulus, *, record: Sequence[str] | None = None, stride: int = 1,
    start: Mapping[str, ArrayLike] | None = None, trial: int = 0, method: str = "DOP853",
    rtol: float = 1e-10,
) -> Solution:  # fmt: skip
    """One trial of the model on the stimulus by ``scipy.integrate.solve_ivp``.

    ``method`` 'DOP853' or 'LSODA' (stiff models). Values are those at the end of steps, after resets,
    as in :func:`simulate`; spikes are where the threshold is reached, not on the grid. InputError for models
    that draw noise.
    """
    run = prepare(model, stimulus, record=record, stride=stride, start=start)
    if model.method == "euler":
        raise InputError(f"{model.name} draws noise; an adaptive integrator has no use for it")
    if not 0 <= trial < stimulus.trials:
        raise InputError(f"trial is {trial}; there are {stimulus.trials}")
    with np.errstate(all="ignore"):  # a trial step may leave the range of exp
        return _Piecewise(run, trial, method, rtol).solution()


class _Piecewise:
    """Smooth pieces between changes of the drive, arriving spikes, resets and ends of refractoriness."""

    def __init__(self, run: Run, trial: int, method: str, rtol: float) -> None:
        self.run, self.model, self.method, self.rtol = run, run.model, method, rtol
        self.program: Program = compile_model(run.model, run.stimulus.dt)
        self.x = run.start[trial].copy()
        self.slots = np.zeros((len(self.program.slots), 1))
        self.stack = np.zeros((self.program.depth, 1))
        self.held, self.free = held(run.model), 0.0
        values = run.stimulus.values
        self.drive = values[min(trial, len(values) - 1)]
        dt, steps = run.stimulus.dt, run.stimulus.steps
        self.sample_at = np.arange(0, steps, run.stride) + 1
        self.grid = self.sample_at.astype(np.float64) * dt
        self.events: dict[int, list[str]] = {}
        for number, step, name in run.stimulus.event_steps():
            if number == trial:
                self.events.setdefault(step + 1, []).append(name)
        jumps = np.flatnonzero(np.diff(self.drive)) + 1
        self.stops = sorted({steps, *map(int, jumps), *self.events})
        self.dt, self.spikes = dt, list[float]()
        self.rows: list[Floats] = []

    def solution(self) -> Solution:
        step = 0
        for stop in self.stops:
            self.value = self.drive[min(step, self.drive.size - 1)]
            if self.model.drive:
                self.slots[len(self.x), 0] = self.value
            grid = self.grid[(self.sample_at > step) & (self.sample_at <= stop)]
            self.piece(step * self.dt, stop * self.dt, grid)
            for name in self.events.get(stop, ()):
                self.statements(f"event {name}")
                if self.rows and stop in self.sample_at:
                    self.rows[-1] = self.sample()
            step = stop
        values = np.reshape(self.rows, (len(self.rows), len(self.run.record)))
        named = {name: values[:, k] for k, name in enumerate(self.run.record)}
        return Solution(self.grid, named, np.array(self.spikes))

    def piece(self, t: float, end: float, grid: Floats) -> None:
        """From ``t`` to ``end`` at a constant drive, over as many spikes as there are."""
        from scipy.integrate import solve_ivp

        def crossing(_: float, x: Floats) -> float:
            return self.margin(x)

        fires = bool(self.model.threshold)
        crossing.terminal, crossing.direction = bool(self.model.reset), 1.0  # type: ignore[attr-defined]
        while t < end - 1e-12 * end:
            still = self.free > t + 1e-15
            until = min(end, self.free) if still else end
            todo = grid[(grid > t + 1e-12 * end) & (grid <= until + 1e-12 * end)]
            events = [crossing] if fires and not (still and self.model.reset) else []
            answer = solve_ivp(
                lambda _, x, still=still: self.rates(x, still), (t, until), self.x, self.method,
                t_eval=np.unique([*np.minimum(todo, until), until]), events=events, rtol=self.rtol,
                atol=self.rtol * 1e-2 * scales(self.model), max_step=1e-2,
            )  # fmt: skip
            if answer.status < 0 or not np.isfinite(answer.y).all():
                raise diverged(self.model, self.dt, 0)
            t, reached = until, None
            if events and answer.t_events[0].size:
                self.spikes += answer.t_events[0].tolist()
                if self.model.reset:
                    t = float(answer.t_events[0][0])
                    reached = answer.y_events[0][0]
            for moment, state in zip(answer.t, answer.y.T):
                if moment in todo and moment <= t:
                    self.x = state
                    self.rows.append(self.sample())
            self.x = answer.y[:, -1].copy() if reached is None else reached.copy()
            if reached is not None:
                self.statements("reset")
                self.free = t + (
                    self.model.value(self.model.refractory) if self.model.refractory else 0
                )

    def rates(self, x: Floats, still: bool) -> Floats:
        self.execute("rhs", x)
        rate = self.slots[-len(x) :, 0].copy()
        if still:
            rate[self.held] = 0.0
        return rate

    def margin(self, x: Floats) -> float:
        """What the threshold compares, left side less right side."""
        self.execute("named", x)
        self.execute("margin", x)
        return float(self.stack[0, 0])

    def statements(self, part: str) -> None:
        self.execute(part, self.x)
        self.x = self.slots[: len(self.x), 0].copy()

    def sample(self) -> Any:
        self.rates(self.x, False)
        return np.array([self.slots[self.program.slots[name], 0] for name in self.run.record])

    def execute(self, part: str, x: Floats) -> None:
        """Run a part of the program at the state ``x``."""
        from neurohw.biophysics.machine import execute

        p = self.program
        self.slots[: len(x), 0] = x
        execute(p.code, p.constants, *p.parts[part], self.slots, self.stack, 0, 1)
