"""Pictures of an image: how full cores are, where spikes go on the mesh, how far they travel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neurohw.report.style import CHIP, CYCLE, FLOAT, INK, drawn, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from neurohw.mapping.summary import Summary

SHOWN = 4
"""Resources that one figure shows, the fullest ones."""


@drawn
def occupancy(summary: Summary) -> Figure:
    """Each core in use by its fullest resources, as shares of what a core has."""
    used = np.unique(summary.image.core[summary.image.core >= 0])
    shares = {
        k.replace("_", " "): 100 * v[used] / summary.limits[k]
        for k, v in summary.used.items() if k in summary.limits
    }  # fmt: skip
    fullest = sorted(shares, key=lambda k: -float(shares[k].max(initial=0)))[:SHOWN]
    figure = new_figure(0.9 + 1.35 * max(len(fullest), 1))
    rows = figure.subplots(max(len(fullest), 1), 1, sharex=True, squeeze=False)[:, 0]
    for k, (axes, key) in enumerate(zip(rows, fullest)):
        values = np.sort(shares[key])[::-1]
        edges = np.arange(values.size + 1) + 0.5
        axes.stairs(values, edges, fill=True, color=CYCLE[k % len(CYCLE)], alpha=0.85)
        axes.set_ylim(0, max(100.0, 1.05 * float(values.max(initial=0))))
        axes.axhline(100, color=INK, lw=1.4, ls="--")
        axes.set_yticks([0, 50, 100])
        axes.set_title(f"{key}: fullest core {values.max(initial=0):.1f} %")
    rows[len(rows) // 2].set_ylabel("used (% of a core)")
    rows[-1].set_xlabel(f"cores in use, fullest first ({used.size:,})")
    return figure


@drawn
def traffic(summary: Summary) -> Figure:
    """Packets a step that leave and reach each tile of the mesh, and pass its links where a run was
    counted."""
    net = summary.image.network
    cores = net.chip.cores
    assert cores is not None
    width, height = cores.width * net.chips, cores.height
    every = np.arange(summary.packets.shape[0])
    tile = every // cores.per_tile
    x, y = (tile % width, tile // width) if cores.order == "x" else (tile // height, tile % height)
    passing: NDArray[np.float64] = np.zeros((height, width))
    remote = summary.packets - np.diag(np.diag(summary.packets))
    np.add.at(passing, (y, x), remote.sum(axis=1) + remote.sum(axis=0))
    figure = new_figure(max(2.4, min(6.4, 1.3 + 5.2 * height / width)))
    axes = figure.add_subplot()
    picture = axes.imshow(passing, origin="lower", cmap="cividis", aspect="equal", vmin=0)
    bar = figure.colorbar(picture, ax=axes, shrink=0.85)
    bar.set_label("packets a step, sent and received")
    if width * height <= 64:
        top = float(passing.max())
        for j in range(height):
            for i in range(width):
                value = passing[j, i]
                ink = "white" if value < 0.6 * top or top == 0 else "black"
                axes.text(i, j, f"{value:.3g}", ha="center", va="center", color=ink, fontsize=10)
    axes.set_xlabel("tile along x")
    axes.set_ylabel("tile along y")
    for axis, n in ((axes.xaxis, width), (axes.yaxis, height)):
        axis.set_ticks(np.arange(0, n, max(1, -(-n // 10))))
    axes.set_title(f"Traffic on the mesh: {summary.remote:,.4g} packets a step between cores")
    return figure


@drawn
def hops(summary: Summary) -> Figure:
    """How many packets a step pass how many links."""
    figure = new_figure(2.9)
    axes = figure.add_subplot()
    most = int(summary.hops.max(initial=0))
    remote = summary.packets - np.diag(np.diag(summary.packets))
    found = np.bincount(summary.hops.ravel(), weights=remote.ravel(), minlength=most + 1)
    shown = int(np.flatnonzero(found)[-1]) + 1 if found.any() else 1
    axes.bar(np.arange(shown), found[:shown], color=FLOAT, width=0.85)
    axes.axvline(summary.hops_a_packet, color=CHIP, lw=2, ls="--")
    axes.set_xticks(np.arange(0, shown, max(1, shown // 12)))
    axes.set_xlim(-0.7, shown - 0.3)
    axes.set_xlabel("links between tiles that a packet passes")
    axes.set_ylabel("packets a step")
    axes.set_title(f"How far spikes travel: {summary.hops_a_packet:.2f} links on average (dashed)")
    axes.grid(axis="y", color="#dddddd", lw=0.8)
    return figure
