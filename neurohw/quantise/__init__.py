"""Network x Chip -> FixedPointNetwork, with a record of every error made."""

from neurohw.quantise.network import quantise as quantise
from neurohw.quantise.record import QuantisationRecord as QuantisationRecord
from neurohw.verbs import callable_package

callable_package(__name__)
