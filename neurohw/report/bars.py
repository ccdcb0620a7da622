"""Figures of weights, errors, decisions and cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neurohw.compare import Comparison
from neurohw.errors import UnknownName
from neurohw.fixed import FixedPointNetwork, FixedProjection
from neurohw.network import Network, Projection
from neurohw.recording import Recording
from neurohw.report.style import (
    CHIP,
    CYCLE,
    FLOAT,
    drawn,
    label,
    new_figure,
    title,
    whole_numbers,
)  # fmt: skip

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
CLASSES, BARS, COLUMNS = 20, 30, 64
"""Classes, bars and histogram columns that can still be read."""


def realised_weights(fixed: FixedPointNetwork, projection: FixedProjection) -> Floats | None:
    """What the stored codes stand for, float64 (synapses,) in units of the float weights.

    code * 2**exponent / factor, with the factor by which quantising multiplied the weights of the
    target neuron; None where that is not known, and NaN for a neuron whose factor is 0.
    """
    population = fixed.populations[projection.target]
    if population.meaning is None:
        return None
    meaning = population.meaning
    factor = np.asarray(meaning.rules.weight(meaning.values, meaning.functions), np.float64)
    each = np.broadcast_to(factor, (population.n,))[projection.post]
    codes = (
        projection.weight * 2.0**projection.exponent * (-1 if _negative(fixed, projection) else 1)
    )
    return np.asarray(np.divide(codes, each, out=np.full(codes.shape, np.nan), where=each != 0))


def _negative(fixed: FixedPointNetwork, projection: FixedProjection) -> bool:
    """Whether these are the negative weights of a projection, stored as their sizes."""
    meaning = fixed.populations[projection.target].meaning
    ports = meaning.rules.ports if meaning else ("", "")
    return ports[0] != ports[1] and projection.port == ports[1]


def origin(network: Network, name: str) -> Projection | None:
    """The float projection that one on the chip was made from: all of it or the weights of one sign.

    None for what the chip's host adds.
    """
    known = {p.name: p for p in network.projections}
    return known.get(name) or known.get(name.rpartition(" (")[0])


def _meant(network: Network, fixed: FixedPointNetwork, projection: FixedProjection) -> Floats:
    """The float weights of a projection on the chip: of one sign, where the chip keeps them apart."""
    whole = origin(network, projection.name)
    if whole is None:
        raise UnknownName.of("projection", projection.name, [p.name for p in network.projections])
    meaning = fixed.populations[projection.target].meaning
    if meaning is None or meaning.rules.ports[0] == meaning.rules.ports[1]:
        return np.asarray(whole.weight)
    factor = np.asarray(meaning.rules.weight(meaning.values, meaning.functions), np.float64)
    below = (
        whole.weight * np.broadcast_to(factor, (fixed.populations[whole.target].n,))[whole.post] < 0
    )
    return np.asarray(whole.weight[below == _negative(fixed, projection)])


def _edges(before: Floats, after: Floats) -> Floats:
    """Bins that hold equally many codes each, where the codes are evenly spaced."""
    both = np.concatenate([before, after[np.isfinite(after)]])
    low, high = float(both.min()), float(both.max())
    if high <= low:
        return np.array([low - 0.5, low + 0.5])
    values = np.unique(after[np.isfinite(after)])
    gaps = np.diff(values)
    step = float(gaps.min()) if gaps.size else 0.0
    if step > 0 and np.allclose(np.rint(gaps / step), gaps / step, atol=1e-6):
        # Between codes, never on one: bin k holds the codes k * each ... k * each + each - 1.
        each = max(1, int(np.ceil((high - low) / step / COLUMNS)))
        first, last = np.floor(low / step / each), np.ceil(high / step / each)
        return np.asarray((np.arange(first, last + 2) * each - 0.5) * step)
    return np.linspace(low, high, COLUMNS + 1)


@drawn
def weight_histograms(network: Network, fixed: FixedPointNetwork, projection: str) -> Figure:
    """Weights of one projection, as meant above and as the chip holds them below."""
    stored = {p.name: p for p in fixed.projections}
    if projection not in stored:
        raise UnknownName.of("projection on the chip", projection, stored)
    before = _meant(network, fixed, stored[projection])
    real = realised_weights(fixed, stored[projection])
    known, codes = real is not None, stored[projection].weight
    step = 2.0 ** stored[projection].exponent
    after = np.asarray(codes * step, np.float64) if real is None else real
    figure = new_figure(3.7)
    top, bottom = figure.subplots(2, 1, sharex=known, sharey=known)
    gone = int(((codes == 0) & (before != 0)).sum()) if codes.shape == before.shape else 0
    for axes, values, colour, text in (
        (top, before, FLOAT, title(label(projection, 50), f"float: {before.size:,} weights, "
         f"{np.unique(before).size:,} different")),
        (bottom, after, CHIP, f"on the chip: {np.unique(codes).size:,} different codes, "
         f"{gone:,} became 0"),
    ):  # fmt: skip
        if values.size:
            edges = _edges(before, after) if known else _edges(values, values)
            bins = [float(x) for x in edges]
            axes.hist(values[np.isfinite(values)], bins=bins, color=colour, alpha=0.9)
        axes.set_title(text)
        axes.set_ylabel("synapses")
        whole_numbers(axes, "y")
    unit = "current of one spike, model units" if known else "weight units of the chip"
    bottom.set_xlabel(f"weight ({unit})")
    return figure


@drawn
def synaptic_operations(chip: Recording) -> Figure:
    """Synaptic operations of a trial, mean over trials, by projection: the largest first."""
    events = sorted(chip.synaptic_events.items(), key=lambda item: -item[1])
    bars = {label(name, 28): count / chip.trials for name, count in events[:BARS]}
    if len(events) > BARS:
        rest = events[BARS:]
        bars[f"{len(rest)} more"] = sum(count for _, count in rest) / chip.trials
    figure = new_figure(1.0 + 0.34 * max(len(bars), 1))
    axes = figure.add_subplot()
    places = range(len(bars))
    axes.barh(places, list(bars.values()), color=CHIP, height=0.66)
    for place, value in zip(places, bars.values(), strict=True):
        axes.annotate(
            f"{value:,.0f}" if value >= 10 else f"{value:.3g}", (value, place), (4, 0),
            textcoords="offset points", va="center", fontsize=10.5,
        )  # fmt: skip
    axes.set_yticks(list(places), list(bars))
    axes.invert_yaxis()
    axes.margins(x=0.16)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.6g}")
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlim(left=0)
    axes.set_ylabel("projection")
    axes.set_xlabel("synaptic operations per trial")
    return figure


@drawn
def confusion(labels: NDArray[np.int64], decisions: Mapping[str, NDArray[np.int64]]) -> Figure:
    """How often each class was taken for each: one matrix for each entry of ``decisions``."""
    classes = 1 + max(int(x.max(initial=0)) for x in (labels, *decisions.values()))
    figure = new_figure(3.5 if len(decisions) > 1 else 5.0)
    panels = figure.subplots(1, len(decisions), squeeze=False)[0]
    for k, (axes, (name, decided)) in enumerate(zip(panels, decisions.items(), strict=True)):
        counts = np.zeros((classes, classes), np.int64)
        np.add.at(counts, (labels, decided), 1)
        _matrix(axes, counts)
        right = 100 * np.trace(counts) / max(counts.sum(), 1)
        axes.set_title(f"{label(name)}: {right:.1f} % right")
        axes.set_xlabel("decided class")
        if k == 0:
            axes.set_ylabel("true class")
    return figure


def _matrix(axes: Axes, counts: NDArray[np.int64]) -> None:
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1.15)
    size = 9.5 if len(counts) <= 10 else 6.5
    for row, column in zip(*np.nonzero(counts), strict=True):
        dark = share[row, column] > 0.55
        axes.text(
            column, row, f"{counts[row, column]}", ha="center", va="center", fontsize=size,
            color="white" if dark else "black", fontweight="normal" if row == column else "bold",
        )  # fmt: skip
    ticks = range(0, len(counts), 1 if len(counts) <= 10 else 2)
    axes.set_xticks(list(ticks))
    axes.set_yticks(list(ticks))
    axes.spines[:].set_visible(True)


@drawn
def error_bars(parts: Mapping[str, Comparison], populations: tuple[str, ...]) -> Figure:
    """Mean van Rossum distance of every population, one bar for each of ``parts``."""
    shown = populations[:BARS]
    figure = new_figure(1.3 + 0.28 * len(parts) * len(shown))
    axes = figure.add_subplot()
    thick = 0.8 / len(parts)
    for k, (name, part) in enumerate(parts.items()):
        values = [part.populations[p].van_rossum or 0.0 for p in shown]
        places = np.arange(len(shown)) + (k - (len(parts) - 1) / 2) * thick
        axes.barh(
            places, values, height=thick * 0.9, color=CYCLE[k % len(CYCLE)],
            hatch=("", "//", "..")[k % 3], edgecolor="white", linewidth=0, label=name,
        )  # fmt: skip
        for place, value in zip(places, values, strict=True):
            axes.annotate(
                f"{value:.3g}", (value, float(place)), (4, 0), textcoords="offset points",
                va="center", fontsize=10,
            )  # fmt: skip
    axes.set_yticks(range(len(shown)), [label(p, 24) for p in shown])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    tau = next(iter(parts.values())).tau
    axes.set_xlabel(f"mean van Rossum distance, tau {tau * 1e3:g} ms (no unit; 0 is identical)")
    axes.set_ylabel("population")
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(parts))
    return figure
