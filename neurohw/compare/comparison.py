"""Compare two recordings of one network, figure by figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isclose, isfinite
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.compare.decisions import MEMBRANE, decides_by_membrane, predictions
from neurohw.compare.divergence import (
    Divergence,
    common_populations,
    first_divergence,
    same_trials,
)
from neurohw.compare.populations import PopulationComparison, compare_population
from neurohw.compare.spikes import positive
from neurohw.errors import InputError, UnknownName
from neurohw.recording import Recording


@dataclass(frozen=True)
class Comparison:
    """How far ``other`` is from ``reference``.

    ``window`` (s), ``tau`` (s) and ``cost`` (1/s) are what the spike-train figures were computed
    with. ``same_steps`` says whether both have the same dt; if not, ``divergence`` is None because
    steps can't be told apart, otherwise None means that the recordings are identical.
    ``same_decision`` and the accuracies are shares of trials, 0 to 1; None without outputs or
    labels.
    """

    populations: Mapping[str, PopulationComparison]
    window: float
    tau: float
    cost: float
    same_steps: bool
    divergence: Divergence | None
    same_decision: float | None = None
    accuracy_reference: float | None = None
    accuracy_other: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "populations", MappingProxyType(dict(self.populations)))

    def as_dict(self) -> dict[str, Any]:
        """Plain dicts, numbers, strings and None; what is undefined or not finite is None."""
        result = {k: v for k, v in vars(self).items() if k not in ("populations", "divergence")}
        result["divergence"] = None if self.divergence is None else asdict(self.divergence)
        result["populations"] = {
            name: {**vars(p), "traces": {k: dict(vars(t)) for k, t in p.traces.items()}}
            for name, p in self.populations.items()
        }
        plain: dict[str, Any] = _plain(result)
        return plain

    def __str__(self) -> str:
        rows = self.rows()
        width = max(len(label) for label, _ in rows)
        return "\n".join(f"{label:{width}}  {text}" for label, text in rows)

    def rows(self) -> list[tuple[str, str]]:
        """(label, text) for a table, the most telling rows first."""
        return list(self._rows())

    def _rows(self) -> Iterator[tuple[str, str]]:
        shares = (
            ("accuracy of the reference", self.accuracy_reference),
            ("accuracy of the other", self.accuracy_other),
            ("trials with the same decision", self.same_decision),
        )
        for label, share in shares:
            if share is not None:
                yield label, f"{100 * share:.2f} %"
        if not self.same_steps:
            yield "first difference", "not defined: time steps differ"
        else:
            yield "first difference", "none" if self.divergence is None else str(self.divergence)
        for name, p in self.populations.items():
            yield f"{name}: spikes", f"{p.spikes_reference} reference, {p.spikes_other} other"
            share = None if p.agreement is None else 100 * p.agreement
            yield f"{name}: spikes in agreement", f"{p.agreeing} ({_text(share, ' %')})"
            yield f"{name}: coincidence Γ (±{self.window:g} s)", _text(p.gamma)
            yield f"{name}: van Rossum (tau {self.tau:g} s)", _text(p.van_rossum)
            yield f"{name}: Victor-Purpura (cost {self.cost:g} /s)", _text(p.victor_purpura)
            yield f"{name}: ISI-distance", _text(p.isi_distance)
            yield f"{name}: SPIKE-distance", _text(p.spike_distance)
            yield (
                f"{name}: rate error",
                f"{_text(p.rate_error, ' Hz')}, bias {_text(p.rate_bias, ' Hz')}",
            )
            for register, t in p.traces.items():
                place = f"step {t.step}, trial {t.trial}, neuron {t.neuron}"
                errors = f"rms error {t.rmse:.6g}, largest {t.largest:.6g} at {place}"
                yield f"{name}: {register}", errors


def _text(value: float | None, unit: str = "") -> str:
    return "undefined" if value is None else f"{value:.6g}{unit}"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, float) and not isfinite(value):
        return None
    return value


def compare(
    reference: Recording,
    other: Recording,
    *,
    outputs: Sequence[str] = (),
    labels: NDArray[np.int64] | None = None,
    window: float | None = None,
    tau: float | None = None,
    cost: float | None = None,
) -> Comparison:
    """All figures of every population that is in both recordings.

    ``window`` of Γ (2 dt of the other), ``tau`` of van Rossum (10 dt) in seconds, ``cost`` of
    Victor-Purpura in 1/s (1 / tau). The decision is the neuron of ``outputs`` with the most spikes,
    or with the largest last ``v`` if no output spikes in either recording, see
    :func:`predictions`; ``labels`` int64 (trials,) are the right classes. The recordings may differ
    in dt: times are compared in seconds, and for exact agreement the finer spikes are put into the
    coarser steps. InputError if trials, durations, sizes of common populations or labels don't fit;
    UnknownName for an output that is not in both.
    """
    names = common_populations(reference, other)
    same_trials(reference, other)
    if not isclose(reference.duration, other.duration, rel_tol=1e-9):
        raise InputError(
            f"a trial lasts {reference.duration} s in the reference, {other.duration} s in the "
            "other; run both for the same time"
        )
    tau = positive("tau", 10 * other.dt if tau is None else tau)
    window = positive("window", 2 * other.dt if window is None else window, zero=True)
    cost = positive("cost", 1 / tau if cost is None else cost, zero=True, infinite=True)
    same_steps = reference.steps == other.steps
    return Comparison(
        {
            name: compare_population(reference, other, name, window=window, tau=tau, cost=cost)
            for name in names
        },
        window, tau, cost, same_steps,
        first_divergence(reference, other) if same_steps else None,
        *_decisions(reference, other, outputs, labels, names),
    )  # fmt: skip


def _decisions(
    reference: Recording,
    other: Recording,
    outputs: Sequence[str],
    labels: NDArray[np.int64] | None,
    names: Sequence[str],
) -> tuple[float | None, float | None, float | None]:
    """Share of trials decided alike, and of those decided rightly by each."""
    if isinstance(outputs, str):
        outputs = [outputs]
    for name in outputs:
        if name not in names:
            raise UnknownName.of("output population", name, names)
    if labels is not None and (not outputs or np.shape(labels) != (reference.trials,)):
        raise InputError(
            f"labels of shape {np.shape(labels)} for outputs {list(outputs)} in "
            f"{reference.trials} trials; name the outputs and give one label a trial"
        )
    if not outputs:
        return None, None, None
    # One silent network does not make the decision a matter of membranes.
    membrane = all(decides_by_membrane(r, outputs) for r in (reference, other))
    by = MEMBRANE if membrane else "spikes"
    a, b = (predictions(r, outputs, by=by) for r in (reference, other))
    same = float(np.mean(a == b))
    if labels is None:
        return same, None, None
    right = np.asarray(labels)
    return same, float(np.mean(a == right)), float(np.mean(b == right))
