"""How far a run is from its reference: spikes, registers, decisions, and where they first part."""

from neurohw.compare.comparison import Comparison, compare
from neurohw.compare.decisions import predictions
from neurohw.compare.divergence import Divergence, first_divergence
from neurohw.compare.populations import PopulationComparison, TraceComparison

__all__ = [
    "Comparison",
    "Divergence",
    "PopulationComparison",
    "TraceComparison",
    "compare",
    "first_divergence",
    "predictions",
]
