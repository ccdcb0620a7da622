"""For tests, ours and other people's: random programs and networks, golden vectors, equality.

Everything is made from a seed, so that a failure can be repeated by its number.
"""

from neurohw.testing.equality import assert_same as assert_same
from neurohw.testing.full import full_inputs as full_inputs
from neurohw.testing.full import full_network as full_network
from neurohw.testing.networks import random_inputs as random_inputs
from neurohw.testing.networks import random_network as random_network
from neurohw.testing.programs import random_neuron as random_neuron
