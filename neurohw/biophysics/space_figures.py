"""Figures of state space and of space: the phase plane, the profile of a cable, a spike that travels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neurohw.biophysics.cable import Cable
from neurohw.biophysics.figures import axis_label, scale
from neurohw.biophysics.phase import FixedPoint, PhasePlane
from neurohw.recording import Recording
from neurohw.report.style import CYCLE, DASHES, INK, drawn, new_figure, time_unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
ARROWS = 18


@drawn
def phase_figure(
    plane: PhasePlane, points: Sequence[FixedPoint] = (),
    trajectories: Mapping[str, tuple[Floats, Floats]] = {}, *, title: str | None = None,
) -> Figure:  # fmt: skip
    """Vector field (arrows of one length), nullclines, fixed points (full: stable) and trajectories.

    ``trajectories``: by label the two state variables over time, in SI units.
    """
    model = plane.model
    first, second = model.states
    kx, ky = scale(model.unit(first)), scale(model.unit(second))
    figure = new_figure(4.4)
    ax = figure.subplots()
    x, y = plane.x * kx, plane.y * ky
    step = max(1, plane.x.size // ARROWS)
    at = slice(step // 2, None, step)
    # Arrows show the direction on the page, where both axes are of one length.
    along = plane.dx[at, at] / np.ptp(plane.x)
    up = plane.dy[at, at] / np.ptp(plane.y)
    size = np.hypot(along, up)
    size[size == 0] = 1
    ax.quiver(
        x[at], y[at], along / size, up / size, color="#a8a8a8", angles="uv", scale=ARROWS * 1.4,
        width=0.0035, pivot="mid",
    )  # fmt: skip
    ax.contour(x, y, plane.dx, levels=[0], colors=[CYCLE[0]], linestyles=["-"], linewidths=2)
    ax.contour(x, y, plane.dy, levels=[0], colors=[CYCLE[1]], linestyles=["--"], linewidths=2)
    ax.plot([], [], color=CYCLE[0], linewidth=2, label=f"d{first}/dt = 0")
    ax.plot([], [], color=CYCLE[1], linestyle="--", linewidth=2, label=f"d{second}/dt = 0")
    for k, (label, (one, two)) in enumerate(trajectories.items()):
        color = (INK, CYCLE[2], CYCLE[3], CYCLE[4])[k % 4]
        ax.plot(
            one * kx,
            two * ky,
            color=color,
            linewidth=1.6,
            linestyle=DASHES[(k // 4) % 4],
            label=label,
        )
        ax.plot(one[0] * kx, two[0] * ky, marker="s", color=color, markersize=5)
    for point in points:
        ax.plot(
            point.state[0] * kx, point.state[1] * ky, "o", markersize=9, markeredgecolor=INK,
            markeredgewidth=1.6, markerfacecolor=INK if point.stable else "white", label=point.kind,
            linestyle="none",
        )  # fmt: skip
    ax.set(
        xlabel=axis_label(first, model.unit(first)), ylabel=axis_label(second, model.unit(second))
    )
    ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=1.6)
    ax.set_title(model.title if title is None else title)
    return figure


@drawn
def profile_figure(
    profiles: Mapping[str, tuple[Floats, Floats]], expected: Mapping[str, tuple[Floats, Floats]] = {},
    *, title: str = "Steady potential along a cable",
) -> Figure:  # fmt: skip
    """Change of the potential (V) over place (m); ``expected`` as thin dashed lines over the others."""
    figure = new_figure(3.6)
    ax = figure.subplots()
    for k, (label, (x, v)) in enumerate(profiles.items()):
        ax.plot(x * 1e3, v * 1e3, color=CYCLE[k % 6], linewidth=2.6, alpha=0.85, label=label)
    for label, (x, v) in expected.items():
        ax.plot(x * 1e3, v * 1e3, color=INK, linewidth=1.1, linestyle="--", label=label)
    ax.set(xlabel="place x (mm)", ylabel="change of v (mV)", ylim=(0, None), xlim=(0, None))
    ax.legend(loc="best")
    ax.set_title(title)
    return figure


@drawn
def travel_figure(
    cable: Cable, recording: Recording, *, trial: int = 0, title: str | None = None
) -> Figure:
    """A travelling spike: the potential over place and time, and over time at three places."""
    trace = recording.trace(cable.name, "v")
    v = np.asarray(trace.values[trial]) * 1e3
    factor, unit = time_unit(recording.duration)
    t = (trace.steps() + 1) * recording.dt * factor
    figure = new_figure(5.2)
    top, bottom = figure.subplots(2, sharex=True, height_ratios=[2, 1.2])
    edges = np.concatenate([[0.0], np.cumsum(cable.length)]) * 1e3
    half = (t[1] - t[0]) / 2 if t.size > 1 else 0.5
    image = top.pcolormesh(
        np.concatenate([t - half, [t[-1] + half]]), edges, v.T, cmap="cividis", rasterized=True
    )
    bar = figure.colorbar(image, ax=[top, bottom], shrink=0.6, aspect=25)
    bar.set_label("v (mV)")
    total = cable.length.sum()
    for k, share in enumerate((0.25, 0.5, 0.75)):
        at = int(np.abs(cable.x - share * total).argmin())
        top.axhline(cable.x[at] * 1e3, color="white", linewidth=0.9, linestyle=DASHES[k])
        bottom.plot(t, v[:, at], color=CYCLE[k], linestyle=DASHES[k], linewidth=1.6,
                    label=f"{cable.x[at] * 1e3:.3g} mm")  # fmt: skip
    bottom.legend(loc="lower center", bbox_to_anchor=(0.5, 0.97), ncols=3)
    top.set_ylabel("place x (mm)")
    bottom.set(xlabel=f"time ({unit})", ylabel="v (mV)", xlim=(0, t[-1]))
    top.set_title(cable.title if title is None else title)
    return figure
