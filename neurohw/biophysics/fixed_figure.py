"""The figure of word lengths: two spikes as short words have them, and what each length costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from neurohw.biophysics.fixed import FRACTION
from neurohw.biophysics.fixed_tables import STEP
from neurohw.biophysics.fixed_words import PARTS, WordLengths, crossings
from neurohw.report.style import CHIP, CYCLE, FLOAT, GREY, INK, drawn, new_figure, whole_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN: Final = {12: (INK, ":"), 14: (CYCLE[2], "--"), 16: (CHIP, "-")}
"""Words whose spikes are drawn."""
LOOKS: Final = ((CHIP, "o", "-"), (CYCLE[2], "s", "--"), (CYCLE[3], "^", ":"))


@drawn
def word_length_figure(found: WordLengths) -> Figure:
    """First and last spike; error of the last spike's time, and of the first one's shape, by bits."""
    figure = new_figure(8.8)
    first, last, time, shape = figure.subplot_mosaic(
        [["a", "b"], ["t", "t"], ["s", "s"]], height_ratios=[1.15, 1, 1]
    ).values()
    _spikes(first, last, found)
    _errors(time, found, found.late, "last spike off by (ms)", (0.1, "0.1 ms"))
    _errors(shape, found, found.misshapen, "first spike off by (mV)", (1.0, "1 mV"))
    time.axhline(found.time_step, color=GREY, lw=1.4, ls="-.", label="the time step")
    time.set_ylim(bottom=min(found.time_step, time.get_ylim()[0]) / 2)
    shape.set_xlabel("word length (bits: sign, 7 of mV, then fraction)")
    handles, labels = time.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, columnspacing=1.6)
    for axes in (time, shape):
        axes.axvline(FRACTION + 8, color=INK, lw=0.8, ls=":")
    _note(time, "s16.15", (FRACTION + 8, time.get_ylim()[1]), (4, -3), "top")
    return figure


def _spikes(first: Axes, last: Axes, found: WordLengths) -> None:
    ms = STEP * np.arange(1, found.meant.size + 1)
    goal = crossings(found.meant)
    for axes, at, before, after in ((first, goal[0], 1.9, 6.0), (last, goal[-1], 3.0, 3.9)):
        axes.plot(ms, found.meant, color=FLOAT, lw=4.0, alpha=0.45, label="float64")
        for bits, (colour, dashes) in SHOWN.items():
            for k in np.flatnonzero(found.bits == bits):
                axes.plot(ms, found.v[:, k], color=colour, ls=dashes, lw=1.7, label=f"{bits} bits")
        axes.set(xlim=(at - before, at + after), ylim=(-85, 50), xlabel="ms")
        whole_numbers(axes, "x")
    first.set(ylabel="v (mV)", title=f"first spike, {100 * found.current:g} µA/cm²")
    last.set_title("last spike")
    last.tick_params(labelleft=False)
    first.legend(loc="upper right", handlelength=1.6)


def _errors(
    axes: Axes, found: WordLengths, errors: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    what: str, limit: tuple[float, str],
) -> None:  # fmt: skip
    finite = errors[np.isfinite(errors)]
    top, end = 10 * finite.max(), found.bits[-1]
    rows = zip(errors, PARTS, LOOKS, strict=True)
    for k, (row, part, (colour, marker, dashes)) in enumerate(rows):
        good = np.isfinite(row)
        look: dict[str, Any] = {"color": colour, "marker": marker, "ms": 5}
        axes.plot(found.bits[good], row[good], **look, lw=1.6, ls=dashes, label=part)
        none = found.bits[~good]
        axes.plot(none, np.full(none.size, top / 2**k), **look, ls="none", mfc="white", mew=1.4)
    axes.axhline(limit[0], color=INK, lw=0.8)
    _note(axes, limit[1], (end, limit[0]), (0, -3), "top", "right")
    axes.set(yscale="log", ylabel=what, ylim=(finite.min() / 2, top * 2))
    if finite.size < errors.size:
        last = found.bits[~np.isfinite(errors).all(axis=0)].max()
        _note(axes, "open: missing", (last, top / 2), (9, 0), "center")
    axes.grid(color="#dddddd", lw=0.8)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    whole_numbers(axes, "x")


def _note(
    axes: Axes, text: str, at: tuple[float, float], by: tuple[float, float], va: str, ha: str = "left"
) -> None:  # fmt: skip
    axes.annotate(text, at, by, textcoords="offset points", va=va, ha=ha)
