"""How far a run is from its reference: spikes, registers, decisions, and where they first part."""

from neurohw.compare.comparison import Comparison, compare
from neurohw.compare.decisions import predictions
from neurohw.compare.divergence import Divergence, first_divergence
from neurohw.compare.populations import PopulationComparison, TraceComparison
from neurohw.verbs import callable_package

__all__ = [
    "Comparison",
    "Divergence",
    "PopulationComparison",
    "TraceComparison",
    "compare",
    "first_divergence",
    "predictions",
]

callable_package(__name__)
