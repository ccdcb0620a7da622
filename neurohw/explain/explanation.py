"""What an explanation says, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from textwrap import wrap
from typing import Any

from neurohw.explain.causes import Cause
from neurohw.explain.first import First
from neurohw.explain.ladder import Rung, size
from neurohw.explain.margins import Margin
from neurohw.explain.worst import Loss

WIDTH = 100
"""Columns of the text."""
SHOWN = 8
"""Lines of each list in the text."""


@dataclass(frozen=True)
class Explanation:
    """Why a chip differs from the model.

    ``rungs`` is the error budget from top to bottom, counted in ``measure``: 'spikes' changed, or
    'membrane' (rms, model units) where nothing spikes; the rungs' shares sum to ``whole``. ``causes``
    are the parts of the rungs, the largest rung first and in it the largest part first; ``divergence``
    the first spike that differs, None if none does; ``worst`` what quantising lost, ``margins`` the
    room in every register, ``advice`` what to change, the most effective first.
    """

    network: str
    chip: str
    measure: str
    populations: tuple[str, ...]
    trials: int
    steps: int
    spikes: int
    accuracy: float | None
    rungs: tuple[Rung, ...]
    causes: tuple[Cause, ...]
    divergence: First | None
    worst: tuple[Loss, ...]
    margins: tuple[Margin, ...]
    advice: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def whole(self) -> float:
        """The distance from the model that was meant to the chip, as the budget counts it."""
        return size(self.rungs[-1].whole, self.measure) if self.rungs else 0.0

    @property
    def largest(self) -> Rung | None:
        """The rung that changes most by itself; None if none changes anything."""
        most = max(self.rungs, key=lambda r: size(r.direct, self.measure), default=None)
        return most if most is not None and size(most.direct, self.measure) > 0 else None

    def as_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, numbers, strings and None, for JSON."""
        result = asdict(self)
        result["whole"] = self.whole
        for row, rung in zip(result["rungs"], self.rungs, strict=True):
            row["what"] = rung.what
        plain: dict[str, Any] = _plain(result)
        return plain

    def table(self) -> list[tuple[str, ...]]:
        """The budget as text, one row for each rung and one for the whole."""
        rows: list[tuple[str, ...]] = []
        for rung in self.rungs:
            d = rung.direct
            rows.append((
                rung.name, rung.note or count(size(d, self.measure), self.measure),
                count(rung.share, self.measure, sign=True), figure(d.rate_error),
                figure(d.van_rossum), figure(d.spike), percent(d.accuracy),
            ))  # fmt: skip
        if self.rungs:
            w = self.rungs[-1].whole
            rows.append((
                "whole", "", count(self.whole, self.measure), figure(w.rate_error),
                figure(w.van_rossum), figure(w.spike), percent(w.accuracy),
            ))  # fmt: skip
        return rows

    @property
    def head(self) -> tuple[str, ...]:
        """The columns of :meth:`table`."""
        unit = "spikes changed" if self.measure == "spikes" else "rms membrane"
        return (
            "rung",
            f"{unit} by it",
            "of the whole",
            "rate error (Hz)",
            "van Rossum",
            "SPIKE",
            "accuracy",
        )

    def __str__(self) -> str:
        """The budget and the main points, in 100 columns."""
        rows = [self.head, *self.table()]
        widths = [max(len(row[k]) for row in rows) for k in range(len(self.head))]
        lines = []
        for row in rows:
            cells = [
                row[0].ljust(widths[0]),
                *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)),
            ]
            lines.append("  ".join(cells).rstrip())
        lines.append("")
        for k, text in enumerate(self.advice, 1):
            lines += wrap(f"{k}. {text}", WIDTH, subsequent_indent="   ")
        if self.divergence is not None:
            lines += wrap(f"first difference: {self.divergence}", WIDTH, subsequent_indent="   ")
        for title, items in (
            ("lost", [f"{w.where}: {w.text}" for w in self.worst]),
            ("tightest registers", [margin_text(m) for m in self.margins if m.bits is not None]),
            ("note", list(self.notes)),
        ):
            for item in items[:SHOWN]:
                lines += wrap(f"{title}: {item}", WIDTH, subsequent_indent="   ")
        return "\n".join(lines)


def margin_text(m: Margin) -> str:
    """A margin in words."""
    bits = "unused" if m.bits is None else f"{m.bits:+.1f} bits in this run"
    proven = "" if m.proven is None else f", {m.proven:+.1f} in the worst case"
    over = f", {m.overflows:,} overflows" if m.overflows else ""
    return f"{m.register} of {m.population} ({m.form}): {bits}{proven}{over}"


def count(value: float, measure: str, sign: bool = False) -> str:
    """A distance of the budget as text."""
    plus = "+" if sign else ""
    return f"{int(value):{plus},}" if measure == "spikes" else f"{value:{plus}.4g}"


def figure(value: float | None) -> str:
    """A figure of a table, '-' where undefined."""
    return "-" if value is None else f"{value:.3g}"


def percent(value: float | None) -> str:
    """A share of trials, '-' where unknown."""
    return "-" if value is None else f"{100 * value:.2f} %"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
