"""How weights become codes: which steps a method takes beyond scaling by the largest weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from neurohw.errors import NetworkError, UnknownName

QUANTILES = (1.0, 0.9995, 0.999, 0.995, 0.99, 0.98, 0.95)


@dataclass(frozen=True)
class Method:
    """The steps that a quantiser takes; without any of them it is the plain one.

    ``clip``: shares of each projection's weights that keep their size, the larger ones end at the
    largest of these; the share that leaves the least squared error is taken. ``rounding``:
    ``nearest``, or ``feedback``, where each weight of a neuron makes up for the error of those
    before it. ``groups``: weights of different sign and size get modes and exponents of their own, where
    a chip's projections have these. ``each``: neurons may get scales of their own, so that the largest
    weight of each is a large code. ``measure``: scale, clip, rounding, thresholds and biases are chosen
    by what the chip does with sample input, population by population. A method with ``rounding`` by
    feedback uses the sample too if there is one.
    """

    name: str
    clip: tuple[float, ...] = (1.0,)
    rounding: Literal["nearest", "feedback"] = "nearest"
    groups: bool = False
    each: bool = False
    measure: bool = False

    def __post_init__(self) -> None:
        if not self.clip or not all(0.5 <= share <= 1 for share in self.clip):
            raise NetworkError(f"method '{self.name}': clip is {self.clip}; give shares 0.5..1")
        if self.rounding not in ("nearest", "feedback"):
            raise NetworkError(
                f"method '{self.name}': rounding is {self.rounding!r}; it is 'nearest' or 'feedback'"
            )

    @property
    def plain(self) -> bool:
        """Whether it takes no step beyond scaling by the largest weight."""
        return not (self.groups or self.measure or self.rounding != "nearest") and self.clip == (
            1.0,
        )


METHODS = {
    m.name: m
    for m in (
        Method("plain"),
        Method("percentile", clip=QUANTILES),
        Method("feedback", rounding="feedback"),
        Method("grouped", groups=True),
        Method(
            "calibrated", clip=QUANTILES, rounding="feedback", groups=True, each=True, measure=True
        ),
    )
}


def method_of(method: str | Method) -> Method:
    """The method of this name, or the one given."""
    if isinstance(method, Method):
        return method
    if not isinstance(method, str) or method not in METHODS:
        raise UnknownName.of("method", method, METHODS)
    return METHODS[method]
