"""Figures for a lecture: one function for each kind of picture, each returns a matplotlib Figure.

Save one with ``figure.savefig("name.png", dpi=200)``. Units are the field's: mV, ms, µA/cm².
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neurohw.biophysics.curves import Curve
from neurohw.biophysics.gating import steady_gates
from neurohw.biophysics.model import Model
from neurohw.biophysics.stimulus import Stimulus
from neurohw.biophysics.units import SHOWN
from neurohw.errors import InputError
from neurohw.recording import Recording
from neurohw.report.style import CYCLE, DASHES, INK, drawn, new_figure, time_unit, whole_numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
POINTS = 4000
"""As many samples of a curve as a figure can show."""


def axis_label(what: str, unit: str) -> str:
    """``what (unit)`` in the field's unit."""
    label = SHOWN.get(unit, (1.0, unit))[1]
    return f"{what} ({label})" if label else what


def scale(unit: str) -> float:
    """What SI values of this unit are multiplied with to be shown."""
    return SHOWN.get(unit, (1.0, unit))[0]


_KINDS = {"1": "gates", "volt": "potential", "siemens": "conductance", "amp": "current"}


def _groups(model: Model, variables: Sequence[str]) -> list[tuple[str, str, list[str]]]:
    """(label, unit, names): potentials of cells first; then what has one unit together."""
    groups: dict[tuple[bool, str], list[str]] = {}
    for name in sorted(variables, key=lambda k: k != "v"):
        cell = name == "v" or name.startswith("v_")
        groups.setdefault((not cell, model.unit(name)), []).append(name)
    return [
        (names[0] if len(names) == 1 else _KINDS.get(unit, ""), unit, names)
        for (_, unit), names in groups.items()
    ]


def _thin(n: int) -> slice:
    return slice(None, None, max(1, n // POINTS))


@drawn
def trace_figure(
    model: Model, recording: Recording, stimulus: Stimulus | None = None, *, trial: int = 0,
    title: str | None = None,
) -> Figure:  # fmt: skip
    """What was recorded of one trial over time: the potential, the gates, and the stimulus below."""
    traces = recording.traces[model.name]
    if not traces:
        raise InputError(f"nothing was recorded of {model.name}; give record=...")
    groups = _groups(model, list(traces))
    drive = stimulus is not None and model.drive is not None and bool(stimulus.values.any())
    heights = [3.0 if k == 0 else 1.8 for k in range(len(groups))] + [0.9] * drive
    figure = new_figure(0.75 * sum(heights) + 0.9)
    axes = np.atleast_1d(figure.subplots(len(heights), sharex=True, height_ratios=heights))
    factor, unit = time_unit(recording.duration)
    for (label, what, names), ax in zip(groups, axes):
        for k, name in enumerate(names):
            trace = traces[name]
            t = (trace.steps() + 1) * recording.dt * factor
            every = _thin(t.size)
            ax.plot(
                t[every], trace.values[trial, every, 0] * scale(what), color=CYCLE[k % 6],
                linestyle=DASHES[k % 4], linewidth=1.6, label=name,
            )  # fmt: skip
        ax.set_ylabel(axis_label(label, what))
        if len(names) > 1:
            ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=1.4)
    when = recording.times(model.name, trial, 0) * factor
    if model.reset and when.size:  # the potential itself does not show the spike
        axes[0].plot(
            when, np.full(when.size, 1.03), "|", color=CYCLE[1], markersize=9, markeredgewidth=1.5,
            transform=axes[0].get_xaxis_transform(), clip_on=False,
        )  # fmt: skip
    if drive and stimulus is not None and model.drive is not None:
        values = stimulus.values[min(trial, len(stimulus.values) - 1)]
        values = np.broadcast_to(values, (stimulus.steps,)) * scale(model.drive.unit)
        every = _thin(values.size)
        axes[-1].plot(stimulus.times[every] * factor, values[every], color=INK, linewidth=1.4)
        axes[-1].set_ylabel(axis_label(model.drive.name, model.drive.unit).replace(" (", "\n("))
    axes[-1].set_xlabel(f"time ({unit})")
    axes[0].set_title(
        model.title if title is None else title, pad=12 if model.reset and when.size else None
    )
    figure.align_ylabels()
    return figure


@drawn
def raster_figure(
    recordings: Mapping[str, Recording] | Recording, *, title: str = "Spikes", neurons: int = 100
) -> Figure:
    """A tick for each spike, a row for each trial or neuron; several recordings above one another."""
    named = {"": recordings} if isinstance(recordings, Recording) else dict(recordings)
    rows: list[tuple[str, Floats]] = []
    for label, recording in named.items():
        (population,) = recording.spikes
        n = min(recording.sizes[population], neurons)
        for trial in range(recording.trials):
            for neuron in range(n):
                first = trial == neuron == 0
                rows.append((label if first else "", recording.times(population, trial, neuron)))
    figure = new_figure(min(1.3 + 0.35 * len(rows), 4.2))
    ax = figure.subplots()
    duration = max(r.duration for r in named.values())
    factor, unit = time_unit(duration)
    ax.eventplot(
        [times * factor for _, times in rows], colors=INK, linelengths=0.75,
        linewidths=1.4 if len(rows) < 30 else 0.9,
    )  # fmt: skip
    if any(label for label, _ in rows):
        ax.set_yticks([k for k, (label, _) in enumerate(rows) if label],
                      [label for label, _ in rows if label])  # fmt: skip
    else:
        ax.set_ylabel("neuron" if all(r.trials == 1 for r in named.values()) else "trial")
        whole_numbers(ax, "y")
    ax.set(xlabel=f"time ({unit})", xlim=(0, duration * factor), ylim=(len(rows) - 0.4, -0.6))
    ax.set_title(title)
    return figure


@drawn
def fi_figure(curves: Mapping[str, Curve] | Curve, *, title: str = "Rate over current") -> Figure:
    """Firing rate over a constant stimulus, one line for each curve."""
    named = {curves.model.title: curves} if isinstance(curves, Curve) else dict(curves)
    figure = new_figure(3.6)
    ax = figure.subplots()
    units = {c.model.drive.unit for c in named.values() if c.model.drive}
    if len(units) != 1:
        raise InputError(
            f"the curves are over {', '.join(sorted(units))}; draw those of one unit together"
        )
    (unit,) = units
    for k, (label, curve) in enumerate(named.items()):
        ax.plot(
            curve.drive * scale(unit), curve.rate, color=CYCLE[k % 6], linestyle=DASHES[k % 4],
            marker="os^vD*"[k % 6], markersize=4, linewidth=1.6, label=label,
        )  # fmt: skip
    if len(named) > 1:
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    ax.set(xlabel=axis_label("current", unit), ylabel="rate (1/s)", ylim=(0, None))
    ax.set_title(title)
    return figure


@drawn
def gating_figure(model: Model, *, low: float = -0.100, high: float = 0.050) -> Figure:
    """Where the gates of a model settle, and their time constants, over the potential in V."""
    v = np.linspace(low, high, 301)
    figure = new_figure(4.6)
    top, bottom = figure.subplots(2, sharex=True)
    for k, (name, (steady, tau)) in enumerate(steady_gates(model, v).items()):
        style = {"color": CYCLE[k], "linestyle": DASHES[k % 4], "linewidth": 1.8, "label": name}
        top.plot(v * 1e3, steady, **style)
        bottom.plot(v * 1e3, tau * 1e3, **style)
    top.set(ylabel="steady value x∞", ylim=(-0.03, 1.03))
    top.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    bottom.set(xlabel="v (mV)", ylabel="time constant τ (ms)", ylim=(0, None))
    top.set_title(f"Gates: {model.title}")
    return figure
