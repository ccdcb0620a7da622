"""The float model: populations, projections, inputs; SI units; names as in NIR."""

from neurohw.network.inputs import Inputs as Inputs
from neurohw.network.model import Network as Network
from neurohw.network.populations import ALIF as ALIF
from neurohw.network.populations import ATRLIF as ATRLIF
from neurohw.network.populations import IF as IF
from neurohw.network.populations import LI as LI
from neurohw.network.populations import LIF as LIF
from neurohw.network.populations import CubaLI as CubaLI
from neurohw.network.populations import CubaLIF as CubaLIF
from neurohw.network.populations import CurrentInput as CurrentInput
from neurohw.network.populations import Population as Population
from neurohw.network.populations import SpikeInput as SpikeInput
from neurohw.network.projections import Projection as Projection
