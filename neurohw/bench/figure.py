"""The figure: events per second against the memory that they are added to, under what is possible."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from neurohw import files
from neurohw.bench.outcome import OWN, Outcome
from neurohw.errors import InputError
from neurohw.report.style import CHIP, CYCLE, GREY, INK, drawn, label, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS: Final = ("png", "svg", "pdf")
LOOKS: Final = {
    OWN: (CHIP, "o"), "nest": (CYCLE[0], "s"), "brian2": (CYCLE[2], "^"), "lava": (CYCLE[3], "D"),
}  # fmt: skip
"""Colour and marker of each simulator: shape tells them apart as well as colour."""
ASIDE: Final = {OWN: 1.0, "nest": 0.9, "brian2": 1.11, "lava": 1.0}
"""Factors of x, so that two of the same speed are both seen."""


@drawn
def roofline(outcomes: Sequence[Outcome], ceiling: Sequence[tuple[int, float]]) -> Figure:
    """``ceiling``: (bytes, events/s) as ``measure_ceiling`` gives it; events are per CPU second."""
    figure = new_figure(4.6)
    axes = figure.add_subplot()
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    if ceiling:
        x, y = [size / 1024 for size, _ in ceiling], [speed for _, speed in ceiling]
        # Above it is who adds to a part of the sums at a time, which a smaller cache holds.
        axes.plot(x, y, color=INK, lw=2.2, label="random scatter-add, one core", zorder=2)
    for name, (colour, marker) in LOOKS.items():
        points = [
            (o.footprint / 1024 * ASIDE[name], line.speed.median)
            for o in outcomes for line in o.lines()
            if line.simulator == name and line.speed.median > 0
        ]  # fmt: skip
        if points:
            axes.plot(
                *zip(*points), ls="none", marker=marker, ms=9, color=colour, mec="white", mew=1.0,
                label=name, zorder=4, clip_on=False,
            )  # fmt: skip
    _name_workloads(axes, outcomes)
    _limits(axes, outcomes, ceiling)
    axes.set_xlabel("accumulator: neurons × delay steps × 2 bytes (KiB)")
    axes.set_ylabel("synaptic events per CPU second")
    axes.set_title("Delivering spikes, beside adding at random places")
    axes.grid(axis="y", color="#dddddd", lw=0.8)
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside lower center", ncols=3, columnspacing=1.6, handletextpad=0.6)
    return figure


def _name_workloads(axes: Axes, outcomes: Sequence[Outcome]) -> None:
    """A dotted line through the simulators of a workload, and its name below the slowest."""
    names: dict[float, list[str]] = {}
    speeds: dict[float, list[float]] = {}
    for outcome in outcomes:
        x = outcome.footprint / 1024
        found = [line.speed.median for line in outcome.lines() if line.speed.median > 0]
        if found:
            names.setdefault(x, []).append(label(outcome.workload, 20))
            speeds.setdefault(x, []).extend(found)
    for x, found in speeds.items():
        axes.plot([x, x], [min(found), max(found)], color=GREY, lw=1.2, ls=":", zorder=3)
        side = "left" if x == min(speeds) else "right" if x == max(speeds) else "center"
        axes.annotate(
            ", ".join(names[x]), (x, min(found)), (0, -9), textcoords="offset points",
            ha=side if len(speeds) > 1 else "center", va="top", weight="bold", zorder=5,
            bbox={"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.85},
        )  # fmt: skip


def _limits(axes: Axes, outcomes: Sequence[Outcome], ceiling: Sequence[tuple[int, float]]) -> None:
    from matplotlib.ticker import FuncFormatter

    sizes = [size / 1024 for size, _ in ceiling] + [o.footprint / 1024 for o in outcomes]
    speeds = [s for _, s in ceiling] + [
        line.speed.median for o in outcomes for line in o.lines() if line.speed.median > 0
    ]
    if sizes:
        axes.set_xlim(min(sizes) / 1.4, max(sizes) * 1.4)
    if speeds:
        axes.set_ylim(min(speeds) / 6, max(speeds) * 2.2)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}" if x >= 1 else f"{x:g}"))
    axes.yaxis.set_major_formatter(FuncFormatter(_events))


def _events(value: float, _: float = 0) -> str:
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g} {letter}"
    return f"{value:g}"


def check_path(path: str | Path) -> None:
    """InputError unless the name ends in a kind of picture that can be written."""
    if Path(path).suffix.lower().lstrip(".") not in KINDS:
        raise InputError(f"{path}: a figure's name ends in .{', .'.join(KINDS)}")
    files.check_folder(Path(path).parent)


def save(figure: Figure, path: str | Path) -> None:
    """Write the figure, as what the name ends in."""
    check_path(path)
    out = BytesIO()
    with styled():
        figure.savefig(out, format=Path(path).suffix.lower().lstrip("."), dpi=240)
    with files.replacing(path) as stream:
        stream.write(out.getvalue())
