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
from neurohw.network.rules import Constant as Constant
from neurohw.network.rules import Distance as Distance
from neurohw.network.rules import FixedInDegree as FixedInDegree
from neurohw.network.rules import FixedTotal as FixedTotal
from neurohw.network.rules import Normal as Normal
from neurohw.network.rules import Probability as Probability
from neurohw.network.rules import Uniform as Uniform
