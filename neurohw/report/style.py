"""How every figure looks, and how it becomes a PNG; matplotlib's own settings stay as they are."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, ParamSpec

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")

# Okabe and Ito 2008: told apart by colour-blind eyes too.
INK: Final = "#000000"
FLOAT: Final = "#0072B2"
CHIP: Final = "#D55E00"
GREY: Final = "#8a8a8a"
CYCLE: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES: Final = ("-", "--", "-.", ":")

WIDTH: Final = 6.4
"""Inches; at 120 CSS pixels an inch a full column, where 11 points are 18 pixels: 8 on a phone."""
DPI: Final = 120

_STYLE: Final[dict[str, Any]] = {
    "font.family": ["DejaVu Sans"], "font.size": 11.0, "axes.titlesize": 11.5,
    "axes.titlelocation": "left", "axes.labelsize": 11.0, "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5, "legend.fontsize": 10.5, "legend.frameon": False,
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
    "figure.facecolor": "white", "axes.facecolor": "white", "text.parse_math": False,
    "axes.unicode_minus": True,
}  # fmt: skip


@contextmanager
def styled() -> Iterator[None]:
    """Inside, matplotlib has the report's settings, whatever the user's are."""
    import matplotlib.style

    with matplotlib.style.context(["default", _STYLE]), warnings.catch_warnings():
        # A name may hold letters that the font lacks; they are drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph")
        yield


def drawn(build: Callable[P, Figure]) -> Callable[P, Figure]:
    """A figure function whose figure is made, and laid out once, in the report's style."""

    @wraps(build)
    def function(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with styled():
            figure = build(*args, **kwargs)
            figure.draw_without_rendering()
        return figure

    return function


def new_figure(height: float) -> Figure:
    """An empty figure of the report's width and ``height`` inches, on an Agg canvas."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def png(figure: Figure) -> tuple[bytes, int, int]:
    """The figure as PNG at twice its resolution, 256 colours; width and height in CSS pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    engine, dpi = figure.get_layout_engine(), figure.dpi
    canvas = FigureCanvasAgg(figure)
    try:
        figure.set_layout_engine("none")  # it was laid out when it was made
        figure.set_dpi(2 * DPI)
        with styled():
            canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        image = Image.fromarray(pixels).convert("RGB")
    finally:
        figure.set_dpi(dpi)
        figure.set_layout_engine(engine)
    out = BytesIO()
    image.quantize(256, dither=Image.Dither.NONE).save(out, format="png", optimize=True)
    return out.getvalue(), image.width // 2, image.height // 2


def label(text: object, limit: int = 40) -> str:
    """A name fit for a figure: one line, printable, not longer than ``limit`` characters."""
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def title(*parts: str) -> str:
    """The parts on one line if that fits a figure, else the last on a second line."""
    line = ", ".join(parts)
    return line if len(line) <= 54 else ", ".join(parts[:-1]) + "\n" + parts[-1]


def time_unit(duration: float) -> tuple[float, str]:
    """(factor, unit): seconds times factor are the unit in which ``duration`` reads well."""
    for factor, unit in ((1e6, "µs"), (1e3, "ms")):
        if duration * factor < 2000:
            return factor, unit
    return 1.0, "s"


def whole_numbers(axes: Axes, which: str) -> None:
    """Ticks of the ``x`` or ``y`` axis at whole numbers only, few enough to read."""
    from matplotlib.ticker import MaxNLocator

    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(MaxNLocator(nbins=6, integer=True))
