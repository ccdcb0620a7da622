"""Which settings are best: those that no other beats in quality and in every cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurohw import files
from neurohw.errors import FileError
from neurohw.study.metrics import METRICS, of_population
from neurohw.study.model import Study, canonical
from neurohw.study.results import Row

COSTS = ("bits", "energy")
"""Columns that cost something, drawn where rows have them; less is better."""
LESS = ("van_rossum", "victor_purpura", "isi_distance", "spike_distance", "rate_error")
"""Figures of a population of which less is better."""


@dataclass(frozen=True)
class Candidate:
    """Settings, alike but for the seed: the mean quality, its ends, the mean costs, how many rows."""

    settings: dict[str, Any]
    quality: float
    ends: tuple[float, float]
    costs: tuple[float, ...]
    rows: int


@dataclass(frozen=True)
class Front:
    """All candidates, and the best, by rising cost. ``metric`` is the quality, ``more`` its sense."""

    metric: str
    more: bool
    costs: tuple[str, ...]
    all: tuple[Candidate, ...]
    best: tuple[Candidate, ...]


def front(study: Study, rows: Sequence[Row]) -> Front | None:
    """The Pareto front of accuracy, or of the first other metric with a sense, against the costs.

    A candidate is on it if none is at least as good in everything and better in something. None if
    no row has a quality and a cost.
    """
    done = [row for row in rows if row.get("error") is None]
    for metric in ("accuracy", *study.metrics):
        with_it = [row for row in done if _number(row.get(metric))]
        costs = tuple(c for c in COSTS if with_it and all(_number(r.get(c)) for r in with_it))
        if metric in study.metrics and _better(metric) and metric not in COSTS and costs:
            break
    else:
        return None
    more = _better(metric) == "more"
    found = candidates(study, with_it, metric, costs)
    best = [a for a in found if not any(_beats(b, a, more) for b in found)]
    best.sort(key=lambda c: (c.costs, c.quality if not more else -c.quality))
    return Front(metric, more, costs, tuple(found), tuple(best))


def candidates(
    study: Study, rows: Sequence[Row], metric: str, costs: tuple[str, ...]
) -> list[Candidate]:
    """Rows that differ in their seed only, as one."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(canonical(_settings(study, row)), []).append(row)
    made = []
    for group in groups.values():
        qualities = [float(row[metric]) for row in group]
        costs_of = tuple(_mean([float(row[c]) for row in group]) for c in costs)
        ends = (min(qualities), max(qualities))
        settings = _settings(study, group[0])
        made.append(Candidate(settings, _mean(qualities), ends, costs_of, len(group)))
    return made


def _mean(values: list[float]) -> float:
    """The mean, which rounding does not move beyond the ends."""
    return min(max(math.fsum(values) / len(values), min(values)), max(values))


def _settings(study: Study, row: Row) -> dict[str, Any]:
    """What a row was run with, the seed left out."""
    keys = [key for key in study.axes if key != "seed"]
    return {k: v for k, v in row.items() if any(k == a or k.startswith(f"{a}.") for a in keys)}


def _beats(a: Candidate, b: Candidate, more: bool) -> bool:
    """Whether ``a`` is nowhere worse than ``b`` and somewhere better."""
    sign = -1 if more else 1
    left, right = (sign * a.quality, *a.costs), (sign * b.quality, *b.costs)
    return all(x <= y for x, y in zip(left, right)) and left != right


def _better(metric: str) -> str:
    if metric in METRICS:
        return METRICS[metric].better
    pair = of_population(metric)
    if pair is None or pair[1] not in (*LESS, "agreement", "gamma"):
        return ""
    return "less" if pair[1] in LESS else "more"


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def draw(study: Study, rows: Sequence[Row], path: Path) -> Front | None:
    """Write the plot; nothing, and away with an old one, if there is nothing to draw."""
    found = front(study, rows)
    if found is None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise FileError(f"{path}: can't be removed ({error.strerror})") from None
        return None
    from neurohw.report.style import png
    from neurohw.study.figure import scatter

    with files.replacing(path) as stream:
        stream.write(png(scatter(study.name, found, _line(study, rows, found)))[0])
    return found


def _line(study: Study, rows: Sequence[Row], found: Front) -> float | None:
    """The accuracy in floating point, if it is the same for all rows."""
    if found.metric != "accuracy":
        return None
    values = {row.get("accuracy_reference") for row in rows if row.get("error") is None}
    value = values.pop() if len(values) == 1 else None
    return float(value) if _number(value) else None  # type: ignore[arg-type]
