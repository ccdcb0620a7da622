"""How far two runs of one network are apart, in one row of figures over all its neurons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from neurohw.compare import Comparison, compare
from neurohw.network.events import Spikes
from neurohw.recording import Recording


@dataclass(frozen=True)
class Distance:
    """From one run to another, over all populations but inputs.

    ``changed``: spikes that only one of both has, of the ``spikes`` of both together. ``rate_error``
    in Hz and ``van_rossum``, ``victor_purpura``, ``isi`` and ``spike`` are means over spike trains,
    None without spikes. ``membrane``: root mean square difference of the membranes of outputs that
    never spike, in the model's unit. ``accuracy`` is that of the second run, ``same_decision`` the
    share of trials that both decide alike.
    """

    changed: int = 0
    spikes: int = 0
    rate_error: float | None = None
    van_rossum: float | None = None
    victor_purpura: float | None = None
    isi: float | None = None
    spike: float | None = None
    membrane: float | None = None
    accuracy: float | None = None
    same_decision: float | None = None


def distance(
    a: Recording, b: Recording, names: Sequence[str], outputs: Sequence[str],
    labels: NDArray[np.int64] | None,
) -> Distance:  # fmt: skip
    """From ``a`` to ``b`` over the populations ``names``."""
    c = compare(a, b, outputs=outputs, labels=labels if outputs else None)
    found = [c.populations[k] for k in names]
    errors = [t.rmse for p in found for k, t in p.traces.items() if k == "v"]
    return Distance(
        changed=sum(p.spikes_reference + p.spikes_other - 2 * p.agreeing for p in found),
        spikes=sum(p.spikes_reference + p.spikes_other for p in found),
        rate_error=_mean(c, names, "rate_error"), van_rossum=_mean(c, names, "van_rossum"),
        victor_purpura=_mean(c, names, "victor_purpura"), isi=_mean(c, names, "isi_distance"),
        spike=_mean(c, names, "spike_distance"),
        membrane=sqrt(sum(e * e for e in errors) / len(errors)) if errors else None,
        accuracy=c.accuracy_other, same_decision=c.same_decision,
    )  # fmt: skip


def _mean(c: Comparison, names: Sequence[str], figure: str) -> float | None:
    """The mean over all spike trains."""
    found = [(c.populations[k].trains, getattr(c.populations[k], figure)) for k in names]
    total = sum(trains for trains, value in found if value is not None)
    if not total:
        return None
    return float(sum(trains * value for trains, value in found if value is not None) / total)


def places(spikes: Spikes, steps: int) -> NDArray[np.int64]:
    """One number for each event, by trial, step and neuron."""
    return (spikes.trial.astype(np.int64) * steps + spikes.step) * spikes.n + spikes.neuron


def changed(a: Recording, b: Recording, names: Sequence[str]) -> int:
    """Spikes that only one of both has."""
    total = 0
    for name in names:
        one, other = a.spikes.get(name), b.spikes.get(name)
        if one is None or other is None:
            total += sum(s.count for s in (one, other) if s is not None)
        else:
            total += int(np.setxor1d(places(one, a.steps), places(other, b.steps)).size)
    return total


def moved(a: Recording, b: Recording, names: Sequence[str]) -> float:
    """Root mean square difference of recorded membranes."""
    squares = [
        float(np.mean((b.traces[k]["v"].values - a.traces[k]["v"].values) ** 2))
        for k in names if "v" in a.traces.get(k, {}) and "v" in b.traces.get(k, {})
    ]  # fmt: skip
    return sqrt(sum(squares) / len(squares)) if squares else 0.0


def same(a: Recording, b: Recording, names: Sequence[str]) -> bool:
    """Whether both have the same spikes, and the same values of what both recorded."""

    def traces(r: Recording, name: str) -> Mapping[str, NDArray[np.float64]]:
        return {k: t.values for k, t in r.traces.get(name, {}).items()}

    for name in names:
        if not a.spikes[name].same_as(b.spikes[name]):
            return False
        one, other = traces(a, name), traces(b, name)
        if any(not np.array_equal(one[k], other[k]) for k in one.keys() & other.keys()):
            return False
    return True
