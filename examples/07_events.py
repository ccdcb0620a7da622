"""ODIN, event by event: a neuron learns which of its two inputs comes just before its spike."""

import numpy as np

import neurohw as nh
from neurohw.emulate.words import emulate_words

chip = nh.load_chip("odin")
codes = dict.fromkeys(chip.neurons["lif"].tick.parameters, 0)
# A membrane above thetamem strengthens the synapse of a spike that arrives, one below weakens it,
# as long as the neuron's calcium is between th1 and the other two.
codes |= {"thr": 30, "leak_en": 1, "leak_str": 127}
codes |= {"ca_en": 1, "thetamem": 8, "th1": 1, "th2": 7, "th3": 7}
one = nh.FixedPopulation.of("x", 1, chip.neurons["lif"], codes, {"calcium": 3})
mapped, excitatory = 8, 0
memory = np.zeros((256, 256), int)
memory[[1, 2], 0] = excitatory | mapped | 3  # inputs 1 and 2 start with weight 3
network = nh.FixedPointNetwork(
    chip, 1e-3, {}, {"x": one}, (), synapse_memory=memory, configuration={"open_loop": 1}
)


def spike(address):
    return address << 8 | 0x07


def push(weight):  # a virtual synapse, which drives neuron 0 whatever its weights
    return 0 << 8 | weight << 5 | 0x01


# Input 1 arrives on an empty membrane, input 2 after three pushes; one more makes the neuron spike.
# A time reference of neuron 0 then empties it. Its calcium counts spikes; at 7 it stops learning.
leak = 0 << 8 | 0xFF
words = [leak, spike(1), *[push(7)] * 3, spike(2), *[push(7)] * 2] * 5
log = emulate_words(network, words)
print(f"{len(words)} words, {log.operations} operations, {len(log.spikes[0])} spikes")
for operation, row, _, code in zip(*log.changes, strict=True):
    print(f"operation {operation:2d}: weight of input {row} is now {code & 7}")
