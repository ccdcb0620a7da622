"""Figures of spikes and membranes over time; those of weights, errors and cost are in ``bars``.

Each function returns a matplotlib Figure. ``reference`` is the float simulation, or None to show
the chip alone. Shape tells the two apart as well as colour does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.errors import InputError
from neurohw.recording import Recording, Trace
from neurohw.report.matching import Match, by_divergence, match, some_neurons, some_steps
from neurohw.report.style import (
    CHIP,
    CYCLE,
    DASHES,
    FLOAT,
    GREY,
    INK,
    drawn,
    label,
    new_figure,
    time_unit,
    title,
    whole_numbers,
)  # fmt: skip

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NEURONS, SPIKES, SAMPLES, BINS = 100, 3000, 400, 150
"""As much as is legible in one figure: rows and spikes of a raster, samples of a trace, bins."""


@drawn
def raster(
    reference: Recording | None, chip: Recording, population: str, trial: int = 0,
    *, neurons: range | None = None, steps: range | None = None,
) -> Figure:  # fmt: skip
    """Spikes of one trial: those in both, those of the float model only, those of the chip only.

    Shows ``neurons`` and ``steps``, by default as many as are legible, where the two differ most;
    the title says which.
    """
    found = match(reference, chip, population, trial)
    if neurons is None:
        neurons = some_neurons(found, NEURONS)
    found = found.part(neurons, range(found.steps))
    if steps is None:
        steps = some_steps(found, SPIKES)
    found = found.part(neurons, steps)
    height = 1.5 + min(max(0.12 * len(neurons), 1.3), 4.0)
    figure = new_figure(height)
    axes = figure.add_subplot()
    factor, unit = time_unit(found.steps * found.dt)
    row = (height - 1.5) * 72 / len(neurons)
    _raster_marks(axes, found, factor, row, alone=reference is None)
    axes.set_xlim(steps.start * found.dt * factor, (steps.stop + 0.5) * found.dt * factor)
    axes.set_ylim(neurons.start - 0.7, neurons.stop - 0.3)
    axes.set_xlabel(f"time ({unit})")
    axes.set_ylabel("neuron (index)")
    whole_numbers(axes, "y")
    axes.set_title(_part_title(f"{label(population)}, trial {trial}", found, neurons, steps))
    _legend(figure, axes, 3)
    return figure


def _raster_marks(axes: Axes, found: Match, factor: float, row: float, alone: bool) -> None:
    tick, mark = min(max(row * 0.85, 4.5), 11.0), min(max(row * 0.95, 5.0), 8.0)
    kinds: list[tuple[str, NDArray[np.int64], dict[str, Any]]] = [
        ("spikes" if alone else "in both", found.both,
         {"marker": "|", "color": INK, "ms": tick, "mew": 1.3}),
        ("float only", found.only_reference,
         {"marker": "o", "color": FLOAT, "ms": mark, "mew": 1.4, "mfc": "none"}),
        ("chip only", found.only_chip,
         {"marker": "x", "color": CHIP, "ms": mark, "mew": 1.6}),
    ]  # fmt: skip
    for name, (_, step, neuron), look in kinds[: 1 if alone else 3]:
        time = (step + 1) * found.dt * factor
        axes.plot(time, neuron, linestyle="none", label=f"{name} ({step.size:,})", **look)


def _part_title(what: str, found: Match, neurons: range, steps: range) -> str:
    parts = []
    if len(neurons) < found.n:
        parts.append(f"neurons {neurons.start}–{neurons.stop - 1} of {found.n:,}")
    if len(steps) < found.steps:
        parts.append(f"steps {steps.start}–{steps.stop - 1} of {found.steps:,}")
    return title(what, "; ".join(parts)) if parts else what


def _legend(figure: Figure, axes: Axes, columns: int) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=columns, columnspacing=1.6,
        handletextpad=0.6, borderpad=0.2,
    )  # fmt: skip


@drawn
def traces(
    reference: Recording | None, chip: Recording, population: str, variable: str = "v",
    trial: int = 0, *, neurons: Sequence[int] | None = None, threshold: ArrayLike | None = None,
    unit: str = "model units",
) -> Figure:  # fmt: skip
    """One variable of a few neurons, float against fixed point, with the spikes of both on top.

    ``chip`` holds physical traces, as ``FixedPointNetwork.physical`` gives them. ``neurons``: by
    default the four that diverge first. ``threshold``: a number, or one for each neuron.
    """
    there = chip.trace(population, variable)
    if neurons is None:
        order = by_divergence(reference, chip, population, trial, variable)
        neurons = [j for j in order if j in there.neurons][:4]
    if not len(neurons):
        raise InputError(f"no neuron of '{population}' has '{variable}' recorded; record some")
    theirs = None
    if reference is not None:
        theirs = reference.traces.get(population, {}).get(variable)
    figure = new_figure(1.25 + 1.25 * len(neurons))
    panels = figure.subplots(len(neurons), 1, sharex=True, squeeze=False)[:, 0]
    factor, time = time_unit(chip.duration)
    found = match(reference, chip, population, trial)
    mine = np.isin(found.differing()[2], neurons)
    first = int(found.differing()[1][mine].min()) if mine.any() else 0
    steps = _around(first, found.steps)
    n = chip.sizes[population]
    levels = None if threshold is None else np.broadcast_to(np.asarray(threshold, float), (n,))
    for axes, neuron in zip(panels, neurons, strict=True):
        if levels is not None:
            axes.axhline(levels[neuron], color=GREY, lw=1.2, ls=(0, (4, 3)), label="threshold")
        few = len(steps) <= 60
        if theirs is not None and reference is not None:
            look = {"color": FLOAT, "lw": 2.4, "marker": "o" if few else "", "ms": 5.5, "mfc": "w"}
            _line(axes, theirs, trial, neuron, reference.dt * factor, label="float", **look)
        look = {"color": CHIP, "lw": 1.3, "marker": "s" if few else "", "ms": 3.2}
        _line(axes, there, trial, neuron, chip.dt * factor, label="chip", **look)
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + 0.3 * (high - low))
        for recording, at, marker, colour, name in (
            (reference, 0.94, "v", FLOAT, "spike, float"), (chip, 0.83, "^", CHIP, "spike, chip"),
        ):  # fmt: skip
            if recording is not None and population in recording.spikes:
                times = recording.times(population, trial, neuron) * factor
                axes.plot(
                    times, np.full(times.size, at), ls="none", marker=marker, ms=6.5, mew=1.3,
                    color=colour, mfc="none" if marker == "v" else colour, label=name,
                    transform=axes.get_xaxis_transform(),
                )  # fmt: skip
        axes.set_ylabel(f"neuron {neuron}")
        axes.set_xlim(steps.start * found.dt * factor, (steps.stop + 0.5) * found.dt * factor)
        axes.locator_params(axis="y", nbins=4)
    panels[-1].set_xlabel(f"time ({time})")
    figure.supylabel(f"{variable} ({unit})", fontsize=11)
    what = f"{variable} of {label(population)}, trial {trial}"
    panels[0].set_title(_part_title(what, found, range(found.n), steps))
    _legend(figure, panels[0], 5)
    return figure


def _around(first: int, steps: int) -> range:
    """Up to ``SAMPLES`` steps, from somewhat before the ``first`` difference."""
    low = max(min(first - SAMPLES // 5, steps - SAMPLES), 0)
    return range(low, min(low + SAMPLES, steps))


def _line(axes: Axes, trace: Trace, trial: int, neuron: int, step: float, **look: Any) -> None:
    column = np.flatnonzero(trace.neurons == neuron)
    if column.size:
        time = (trace.steps() + 1) * step
        axes.plot(time, trace.values[trial, :, column[0]], **look)


@drawn
def agreement(reference: Recording, chip: Recording, populations: Sequence[str]) -> Figure:
    """Share of spikes of all trials that agree, over time: where the difference grows."""
    figure = new_figure(3.0)
    axes = figure.add_subplot()
    for k, name in enumerate(populations):
        found = match(reference, chip, name)
        width = -(-found.steps // BINS)
        bins = -(-found.steps // width)
        both, other = (
            np.bincount(columns[1] // width, minlength=bins)
            for columns in (found.both, found.differing())
        )
        spikes = 2 * both + other
        with np.errstate(invalid="ignore"):
            share = np.where(spikes > 0, 200 * both / np.maximum(spikes, 1), np.nan)
        factor, unit = time_unit(found.steps * found.dt)
        time = (np.arange(bins) + 1) * width * found.dt * factor
        axes.plot(
            time, share, color=CYCLE[k % len(CYCLE)], ls=DASHES[k % len(DASHES)], lw=2,
            marker="osD^v"[k % 5] if bins <= 60 else "", ms=5, label=label(name, 24),
        )  # fmt: skip
        axes.set_xlabel(f"time ({unit})")
    axes.set_ylim(-3, 103)
    axes.set_ylabel("agreeing spikes (%)")
    axes.set_title("Spikes in both, of all spikes at that time, all trials")
    axes.grid(axis="y", color="#dddddd", lw=0.8)
    _legend(figure, axes, 4)
    return figure
