"""The ladder: a model fitted to the one above it, then down to a chip; what every rung costs.

import neurohw as nh
from neurohw.ladder import ladder

found = ladder("hodgkin-huxley", "loihi2")
print(found)  # Hodgkin-Huxley, EIF, LIF, the chip's time step, each of its limits, the chip
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neurohw.ladder.costs import Cost
from neurohw.ladder.fit import Fit
from neurohw.ladder.result import Ladder, Rung
from neurohw.ladder.verb import ladder, network_ladder
from neurohw.verbs import callable_package

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Cost", "Fit", "Ladder", "Rung", "ladder", "ladder_figure", "network_ladder"]

callable_package(__name__)


def ladder_figure(found: Ladder, **options: Any) -> Figure:
    """See :func:`neurohw.ladder.figure.ladder_figure`."""
    from neurohw.ladder.figure import ladder_figure

    return ladder_figure(found, **options)
