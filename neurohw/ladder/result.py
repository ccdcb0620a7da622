"""What a ladder says, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from textwrap import wrap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.biophysics.units import shown
from neurohw.ladder.costs import Cost
from neurohw.ladder.fit import Fit
from neurohw.recording import Recording

WIDTH = 100
HEAD = (
    "rung", "spikes", "Γ", "rate (Hz)", "van Rossum", "SPIKE", "Γ to top", "Γ lost here",
    "SPIKE added",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Rung:
    """One step down: a simpler model, a coarser step, one limit of the chip more.

    ``direct`` is from the rung above to this one, ``whole`` from the top to this one, ``share`` what
    ``whole`` grows by here: it may be negative, where one error makes up for another; the shares of
    all rungs sum to the last ``whole`` exactly. ``recording`` in the unit of the model.
    """

    name: str
    what: str
    spikes: int
    direct: Cost
    whole: Cost
    share: Cost
    recording: Recording
    note: str = ""


@dataclass(frozen=True, eq=False)
class Ladder:
    """From ``model``, the top, to ``chip``, rung by rung, on currents or inputs held out of every fit.

    ``fits``: the simpler models, by name, each with its parameters and the f-I curve; ``training``: Γ
    on the current that each was fitted to. ``top`` is the recording of the model, ``current`` (trials,
    steps) what drove it, where it is a cell; ``names`` the populations that are compared; ``window``
    the precision of Γ in seconds, ``tau`` of the van Rossum distance.
    """

    model: str
    chip: str
    dt: float
    window: float
    tau: float
    top: Recording
    rungs: tuple[Rung, ...]
    fits: Mapping[str, Fit] = field(default_factory=dict)
    training: Mapping[str, float] = field(default_factory=dict)
    current: NDArray[np.float64] | None = None
    drive_unit: str = ""
    unit: str = "volt"
    notes: tuple[str, ...] = ()
    names: tuple[str, ...] = ("cell",)

    @property
    def whole(self) -> Cost:
        """From the model to the chip."""
        return self.rungs[-1].whole if self.rungs else Cost()

    @property
    def largest(self) -> Rung | None:
        """The rung that costs most coincidence by itself; None if none costs any."""
        most = max(self.rungs, key=lambda r: r.direct.coincidence, default=None)
        return most if most is not None and most.direct.coincidence > 0 else None

    def as_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, numbers and strings, for JSON; spike times in seconds by trial."""
        return {
            "model": self.model, "chip": self.chip, "dt": self.dt, "window": self.window,
            "tau": self.tau, "whole": asdict(self.whole), "notes": list(self.notes),
            "top": {"spikes": spikes(self.top, self.names), "trains": _trains(self.top)},
            "rungs": [
                {
                    "name": r.name, "what": r.what, "note": r.note, "spikes": r.spikes,
                    "direct": asdict(r.direct), "whole": asdict(r.whole), "share": asdict(r.share),
                    "trains": _trains(r.recording),
                }
                for r in self.rungs
            ],
            "fits": {
                name: {
                    "above": f.above, "loss": f.loss, "evaluations": f.evaluations,
                    "gamma_training": self.training[name],
                    "parameters": {
                        k: {"value": p.value, "unit": p.unit, "meaning": p.meaning}
                        for k, p in f.model.parameters.items()
                    },
                    "currents": f.currents.tolist(), "rate_wanted": f.wanted.tolist(),
                    "rate": f.rate.tolist(),
                }
                for name, f in self.fits.items()
            },
        }  # fmt: skip

    def table(self) -> list[tuple[str, ...]]:
        """One row for the top, one for each rung, one for the whole; columns :data:`HEAD`."""
        rows = [(self.model, f"{spikes(self.top, self.names):,}", *[""] * (len(HEAD) - 2))]
        for r in self.rungs:
            d = r.direct
            own = (
                (f"{d.gamma:.3f}", f"{d.rate:.3g}", f"{d.van_rossum:.3g}", f"{d.spike:.3g}")
                if not r.note else (r.note, "", "", "")
            )  # fmt: skip
            rows.append((
                r.name, f"{r.spikes:,}", *own, f"{r.whole.gamma:.3f}",
                _signed(r.share.coincidence), _signed(r.share.spike),
            ))  # fmt: skip
        w = self.whole
        rows.append((
            "whole", "", "", f"{w.rate:.3g}", f"{w.van_rossum:.3g}", f"{w.spike:.3g}", f"{w.gamma:.3f}",
            f"{w.coincidence:.3f}", f"{w.spike:.3f}",
        ))  # fmt: skip
        return rows

    def words(self) -> list[str]:
        """What was fitted, and how to read the table."""
        found = []
        for name, f in self.fits.items():
            values = ", ".join(
                f"{k} {shown(p.value, p.unit)}" for k, p in f.model.parameters.items()
            )
            found.append(
                f"{name}, fitted to {f.above}: {values}; f-I curve within {f.rate_error:.2g} Hz rms, "
                f"Γ {self.training[name]:.3f} on the current it was fitted to"
            )
        found += [f"note: {n}" for n in self.notes]
        found.append(
            f"Γ: spikes within {1e3 * self.window:g} ms coincide; van Rossum with {1e3 * self.tau:g} ms. "
            "The four figures on the left are from the rung above; what is lost sums to the whole."
        )
        return found

    def __str__(self) -> str:
        """The budget and the fits, in 100 columns."""
        rows = [HEAD, *self.table()]
        widths = [max(len(row[k]) for row in rows) for k in range(len(HEAD))]
        lines = [
            "  ".join(
                c.ljust(w) if k == 0 else c.rjust(w)
                for k, (c, w) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]  # fmt: skip
        for text in self.words():
            lines += wrap(text, WIDTH, subsequent_indent="   ")
        return "\n".join(lines)


def _signed(value: float) -> str:
    """A share, with its sign; '0' only if it is."""
    return f"{value:+.3g}" if 0 < abs(value) < 5e-4 else f"{value:+.3f}" if value else "0"


def spikes(r: Recording, names: Sequence[str] = ("cell",)) -> int:
    """Spikes of a recording in these populations, all trials."""
    return sum(r.spikes[k].count for k in names)


def _trains(r: Recording) -> list[list[float]] | None:
    """Spike times of each trial, for a cell; None for a network."""
    if len(r.sizes) != 1 or set(r.sizes.values()) != {1}:
        return None
    (name,) = r.sizes
    return [r.times(name, t, 0).tolist() for t in range(r.trials)]
