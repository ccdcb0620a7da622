"""The table: every simulator on every workload, in at most 100 columns of text."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10

from neurohw.bench.measure import Span
from neurohw.bench.outcome import Line, Outcome

COLUMNS = (
    "workload", "simulator", "threads", "CPU s/bio s", "M ev/s", "ratio", "rate Hz", "B/syn",
)  # fmt: skip
NOTE = """\
CPU: user + system seconds of the run phase, for one simulated second, median of the rounds
M ev/s: million synaptic events per CPU second; B/syn: bytes of memory for each synapse
ratio: CPU time of an event over neurohw's in the same round, median (least..most)"""


def rows(outcomes: Sequence[Outcome]) -> list[tuple[str, ...]]:
    """Cells for COLUMNS; the workload's name only in its first row."""
    found = []
    for outcome in outcomes:
        for k, line in enumerate(outcome.lines()):
            found.append((outcome.workload if k == 0 else "", *_cells(line)))
    return found


def _cells(line: Line) -> tuple[str, ...]:
    memory = line.bytes_per_synapse
    return (
        line.simulator, str(line.threads), digits(line.cpu.median),
        digits(line.speed.median / 1e6), ratio_text(line.ratio), digits(line.rate.median),
        "-" if memory is None else digits(memory),
    )  # fmt: skip


def ratio_text(ratio: Span | None) -> str:
    """'12.3 (11.0..13.9)'; the median alone where there was one round."""
    if ratio is None:
        return "-"
    if ratio.low == ratio.high:
        return digits(ratio.median)
    return f"{digits(ratio.median)} ({digits(ratio.low)}..{digits(ratio.high)})"


def digits(value: float) -> str:
    """Three digits that count, never an exponent."""
    if not value:
        return "0"
    places = 2 - floor(log10(abs(value)))
    return f"{value:,.{min(max(places, 0), 6)}f}"
