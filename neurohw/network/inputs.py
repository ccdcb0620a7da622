"""What a run is fed with: spikes and currents by population, over steps, in one or many trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.errors import InputError, UnknownName
from neurohw.network.checks import integers, numbers, whole
from neurohw.network.events import Spikes


@dataclass(frozen=True, eq=False)
class Inputs:
    """Input of ``trials`` independent runs of ``steps`` time steps each.

    ``spikes`` holds events by the name of a SpikeInput, ``currents`` float64 arrays (trials, steps,
    n) by the name of a CurrentInput, ``labels`` the right class of each trial, where known. Each
    trial starts from the initial state. A spike at step k acts on its targets from step k + 1 on.
    """

    steps: int
    trials: int = 1
    spikes: Mapping[str, Spikes] = field(default_factory=dict)
    currents: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    labels: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", whole("inputs: steps", self.steps))
        object.__setattr__(self, "trials", whole("inputs: trials", self.trials))
        _by_name(spikes=self.spikes, currents=self.currents)
        for name, spikes in self.spikes.items():
            if not isinstance(spikes, Spikes):
                raise InputError(
                    f"input '{name}' is a {type(spikes).__name__}; give Spikes, or arrays to "
                    "Inputs.from_dense"
                )
            for what, column, limit in (
                ("trial", spikes.trial, self.trials),
                ("step", spikes.step, self.steps),
                ("neuron", spikes.neuron, spikes.n),
            ):
                if column.size and (column.min() < 0 or column.max() >= limit):
                    bad = column[(column < 0) | (column >= limit)][0]
                    raise InputError(f"input '{name}': {what} {bad} is outside 0..{limit - 1}")
        currents = {k: numbers(f"input '{k}'", v) for k, v in self.currents.items()}
        for name, current in currents.items():
            if current.ndim != 3 or current.shape[:2] != (self.trials, self.steps):
                raise InputError(
                    f"input '{name}': shape {current.shape}; it must be (trials, steps, n) = "
                    f"({self.trials}, {self.steps}, n)"
                )
            if not np.isfinite(current).all():
                raise InputError(f"input '{name}' has a value that is not finite")
        if self.labels is not None:
            labels = integers("labels", self.labels)
            if labels.shape != (self.trials,):
                raise InputError(
                    f"labels have shape {labels.shape} for {self.trials} trials; give one a trial"
                )
            object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "spikes", MappingProxyType(dict(self.spikes)))
        object.__setattr__(self, "currents", MappingProxyType(currents))

    @classmethod
    def from_dense(
        cls,
        spikes: Mapping[str, ArrayLike] | None = None,
        currents: Mapping[str, ArrayLike] | None = None,
        labels: ArrayLike | None = None,
    ) -> Inputs:
        """From arrays (steps, n) or (trials, steps, n) by population name."""
        _by_name(spikes=spikes or {}, currents=currents or {})
        rasters = {k: _raster(f"input '{k}'", v) for k, v in (spikes or {}).items()}
        analogue = {k: numbers(f"input '{k}'", v) for k, v in (currents or {}).items()}
        for name in rasters.keys() & analogue.keys():
            raise InputError(f"input '{name}' is given twice, as spikes and as currents; keep one")
        arrays = {**rasters, **analogue}
        if not arrays:
            raise InputError("no input given; name at least one input population")
        arrays = {k: v[None] if v.ndim == 2 else v for k, v in arrays.items()}
        shapes = {k: v.shape for k, v in arrays.items()}
        for name, shape in shapes.items():
            if len(shape) != 3:
                raise InputError(
                    f"input '{name}': shape {shape}; give (steps, n) or (trials, steps, n)"
                )
        if len({shape[:2] for shape in shapes.values()}) > 1:
            raise InputError(f"inputs differ in trials or steps: {shapes}")
        trials, steps = next(iter(shapes.values()))[:2]
        return cls(
            steps=int(steps),
            trials=int(trials),
            spikes={k: Spikes.from_dense(arrays[k], f"input '{k}'") for k in rasters},
            currents={k: arrays[k] for k in analogue},
            labels=None if labels is None else integers("labels", labels),
        )

    def first(self, trials: int) -> Inputs:
        """The first ``trials`` trials only."""
        keep = min(whole("trials", trials, high=2**63), self.trials)
        cut = {}
        for name, s in self.spikes.items():
            k = int(np.searchsorted(s.trial, keep))
            value = None if s.value is None else s.value[:k]
            cut[name] = Spikes(s.n, s.trial[:k], s.step[:k], s.neuron[:k], value)
        return Inputs(
            self.steps,
            keep,
            cut,
            {k: v[:keep] for k, v in self.currents.items()},
            None if self.labels is None else self.labels[:keep],
        )

    def check(self, sizes: Mapping[str, int], spiking: Mapping[str, bool]) -> None:
        """Raise unless every input here fits an input population of that name, kind and size."""
        for name in (*self.spikes, *self.currents):
            if name not in sizes:
                raise UnknownName.of("input population", name, sizes)
        for name, spikes in self.spikes.items():
            if not spiking[name]:
                raise InputError(f"input '{name}' takes currents; spikes were given")
            if spikes.n != sizes[name]:
                raise InputError(
                    f"input '{name}' has {sizes[name]} channels; the spikes have {spikes.n}"
                )
        for name, current in self.currents.items():
            if spiking[name]:
                raise InputError(f"input '{name}' takes spikes; currents were given")
            if current.shape[2] != sizes[name]:
                raise InputError(
                    f"input '{name}' has {sizes[name]} channels; the currents have "
                    f"{current.shape[2]}"
                )


def _by_name(**given: object) -> None:
    for what, value in given.items():
        if not isinstance(value, Mapping):
            kind = type(value).__name__
            raise InputError(f"{what} is a {kind}; give a dictionary by input population")


def _raster(what: str, value: ArrayLike) -> NDArray[Any]:
    try:
        return np.asarray(value)
    except ValueError:
        raise InputError(f"{what} has rows of unequal lengths; give (trials, steps, n)") from None
