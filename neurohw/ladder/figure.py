"""The ladder drawn: the same current through every model, and below what each rung costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neurohw.ladder.result import Ladder
from neurohw.recording import Recording
from neurohw.report.style import CHIP, CYCLE, FLOAT, GREY, INK, drawn, label, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
SHOWN = {"amp/meter**2": (100.0, "µA/cm²"), "amp": (1e9, "nA"), "1": (1.0, "no unit")}
COLOURS = (INK, CYCLE[2], FLOAT, CHIP)


@drawn
def ladder_figure(
    found: Ladder, *, trial: int = 0, start: float = 0.1, seconds: float = 0.2
) -> Figure:
    """Membranes of the model, the simpler ones and the chip over ``seconds``, and the budget as bars.

    The bars alone for a network.
    """
    rows = len(found.rungs) + 1
    if found.current is None:
        figure = new_figure(1.7 + 0.44 * rows)
        _bars(figure.add_subplot(), found)
        return figure
    shown = _shown(found)
    figure = new_figure(1.6 + 0.95 * len(shown) + 1.2 + 0.42 * rows)
    ratios = [0.7, *[1.0] * len(shown), 0.4 + 0.44 * rows]
    axes = figure.subplots(len(ratios), 1, height_ratios=ratios)
    span = (min(start, found.top.duration / 4), min(start + seconds, found.top.duration))
    _current(axes[0], found, trial, span)
    for ax, colour, (name, run) in zip(axes[1:-1], COLOURS, shown, strict=False):
        _membrane(ax, found, name, run, trial, span, colour)
    for ax in axes[: len(shown)]:
        ax.tick_params(labelbottom=False)
    axes[len(shown)].set_xlabel("time (ms)")
    _bars(axes[-1], found)
    return figure


def _shown(found: Ladder) -> list[tuple[str, Recording]]:
    runs = [(found.model, found.top)]
    runs += [(r.name, r.recording) for r in found.rungs if r.name in found.fits]
    return [*runs, (found.chip, found.rungs[-1].recording)]


def _current(ax: Axes, found: Ladder, trial: int, span: tuple[float, float]) -> None:
    assert found.current is not None
    factor, unit = SHOWN[found.drive_unit]
    time = np.arange(found.current.shape[1]) * found.dt
    inside = (time >= span[0]) & (time < span[1])
    ax.plot(1e3 * time[inside], factor * found.current[trial][inside], color=GREY, lw=1.1)
    ax.set_xlim(1e3 * span[0], 1e3 * span[1])
    ax.set_ylabel(unit)
    ax.set_title(f"current that no model was fitted to, {found.model} to {found.chip}")


def _membrane(
    ax: Axes, found: Ladder, name: str, run: Recording, trial: int, span: tuple[float, float],
    colour: str,
) -> None:  # fmt: skip
    factor, unit = (1e3, "mV") if found.unit == "volt" else (1.0, "v")
    low, high = 0.0, 1.0
    traces = run.traces.get("cell", {})
    if "v" in traces:
        trace = traces["v"]
        v = factor * np.asarray(trace.values[trial, :, 0], np.float64)
        time = (trace.steps() + 1) * run.dt
        inside = (time >= span[0]) & (time < span[1])
        ax.plot(1e3 * time[inside], v[inside], color=colour, lw=1.2)
        low, high = float(v[inside].min()), float(v[inside].max())
    room = max(high - low, 1e-9)
    when = run.times("cell", trial, 0)
    when = when[(when >= span[0]) & (when < span[1])]
    ax.vlines(1e3 * when, high + 0.12 * room, high + 0.42 * room, color=colour, lw=1.8)
    ax.set_ylim(low - 0.08 * room, high + 0.5 * room)
    ax.set_xlim(1e3 * span[0], 1e3 * span[1])
    ax.set_ylabel(unit)
    ax.set_title(f"{name}, {when.size} spikes here", pad=3)
    ax.locator_params(axis="y", nbins=3)


def _bars(ax: Axes, found: Ladder) -> None:
    """Coincidence lost: as a waterfall from the model above to the chip below."""
    before, ends = 0.0, [1e-3]
    for row, rung in enumerate(found.rungs):
        share, alone = rung.share.coincidence, rung.direct.coincidence
        after, grows = before + share, share >= 0
        ax.barh(
            row - 0.2, share, left=before, height=0.34, color=CHIP if grows else FLOAT,
            hatch="" if grows else "///", edgecolor="white", linewidth=0,
        )  # fmt: skip
        ax.barh(row + 0.22, alone, height=0.24, color="white", edgecolor=GREY, linewidth=1.2)
        end = max(before, after)
        text = "same" if rung.note == "same" else f"{share:+.3f}" if share else "0"
        _say(ax, end, row - 0.2, text)
        if alone:
            _say(ax, alone, row + 0.24, f"{alone:.3f}")
        before = after
        ends += [end, alone]
    last = len(found.rungs)
    ax.barh(last, found.whole.coincidence, height=0.5, color="#444444")
    _say(ax, found.whole.coincidence, last, f"{found.whole.coincidence:.3f}")
    ax.set_yticks(range(last + 1), [*(label(r.name, 16) for r in found.rungs), "the whole"])
    ax.invert_yaxis()
    ax.set_xlim(min(0.0, before), 1.18 * max(ends))
    ax.set_xlabel(f"coincidence lost, 1 - Γ (±{1e3 * found.window:g} ms)")
    _legend(ax)


def _say(ax: Axes, x: float, y: float, text: str) -> None:
    ax.annotate(text, (x, y), (4, 0), textcoords="offset points", va="center", fontsize=10)


def _legend(ax: Axes) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=CHIP, label="adds to the whole"),
        Patch(facecolor=FLOAT, hatch="///", edgecolor="white", label="takes from it"),
        Patch(facecolor="white", edgecolor=GREY, label="from the rung above"),
    ]
    ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.42, -0.14), ncols=3)
