"""Why a chip does something else than the model: the error budget, rung by rung."""

from neurohw.explain.causes import Cause
from neurohw.explain.explain import explain
from neurohw.explain.explanation import Explanation
from neurohw.explain.first import First
from neurohw.explain.ladder import Rung
from neurohw.explain.margins import Margin
from neurohw.explain.worst import Loss
from neurohw.verbs import callable_package

__all__ = ["Cause", "Explanation", "First", "Loss", "Margin", "Rung", "explain"]

callable_package(__name__)
