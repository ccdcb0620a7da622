"""The plot: quality against each cost; the best joined and numbered as in the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from neurohw.report.style import CHIP, FLOAT, GREY, INK, drawn, label, new_figure, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from neurohw.study.pareto import Front

NUMBERED: Final = 12
"""Points of the front that get their number."""
UNITS: Final = {"bits": "weights and registers (bits)", "energy": "energy (J)"}


@drawn
def scatter(name: str, found: Front, reference: float | None = None) -> Figure:
    """``reference``: the accuracy in floating point."""
    figure = new_figure(3.9 * len(found.costs) + 0.3)
    for k, cost in enumerate(found.costs):
        axes = figure.add_subplot(len(found.costs), 1, k + 1)
        _panel(axes, found, k, reference)
        axes.set_xlabel(UNITS.get(cost, cost))
        axes.set_ylabel(label(found.metric.replace("_", " "), 30))
    figure.axes[0].set_title(title(label(name, 40), "what is best for its cost"))
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, columnspacing=1.6)
    return figure


def _panel(axes: Axes, found: Front, k: int, reference: float | None) -> None:
    others = [c for c in found.all if c not in found.best]
    for group, colour, size, text in (
        (others, GREY, 5, f"others ({len(others)})"),
        (found.best, CHIP, 7, f"best ({len(found.best)})"),
    ):
        if not group:
            continue
        x, y = [c.costs[k] for c in group], [c.quality for c in group]
        spread = [[c.quality - c.ends[0] for c in group], [c.ends[1] - c.quality for c in group]]
        axes.errorbar(
            x, y, yerr=spread if any(map(any, spread)) else None, ls="none", marker="o", ms=size,
            color=colour, mec="white", mew=0.8, elinewidth=1.0, ecolor=colour, label=text,
            zorder=3 if group is found.best else 2,
        )  # fmt: skip
    if len(found.costs) == 1:
        axes.step(
            [c.costs[k] for c in found.best], [c.quality for c in found.best], where="post",
            color=CHIP, lw=1.4, zorder=2,
        )  # fmt: skip
    if reference is not None:
        axes.axhline(reference, color=FLOAT, lw=1.4, ls="--", label="floating point", zorder=1)
    for number, c in enumerate(found.best[:NUMBERED], start=1):
        axes.annotate(
            str(number), (c.costs[k], c.quality), (-5, 4 if found.more else -4),
            textcoords="offset points", ha="right", va="bottom" if found.more else "top",
            color=INK, weight="bold", zorder=5,
        )  # fmt: skip
    _limits(axes, found, k)


def _limits(axes: Axes, found: Front, k: int) -> None:
    from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter

    costs = [c.costs[k] for c in found.all]
    if min(costs) > 0 and max(costs) > 20 * min(costs):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.xaxis.set_major_formatter(EngFormatter())
    if max(costs) == min(costs):
        axes.set_xlim(costs[0] * 0.5, costs[0] * 1.5 or 1.0)
    axes.margins(x=0.08, y=0.16)
    axes.grid(color="#dddddd", lw=0.8)
