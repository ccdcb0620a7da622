"""Which bits of a chip does a recurrent network need? Take them from the prototype one at a time."""

from pathlib import Path

import neurohw as nh

folder = Path(__file__).parent / "digits"
net = nh.load_network(folder / "rlif.nir", dt=1e-4, integrator="euler")
inputs = nh.load_inputs(folder / "test_data.npz", net).first(200)
steps = inputs.steps + net.latency()
sample = inputs.first(60)
meant = nh.reference(net, inputs, steps=steps)

profile = (nh.chip.profile_folder() / "prototype.toml").read_text()
coarse = profile.replace("decay_bits = 12", "decay_bits = 8").replace("random(12)", "random(8)")
small = profile.replace('v = "s20 clamp"', 'v = "s16 clamp"').replace('vth = "u17"', 'vth = "u15"')
modes = profile.partition('[[weight.modes]]\nname = "excitatory"')
signed = modes[0] + "[delay]" + modes[2].partition("[delay]")[2]

for name, text in (
    ("as it is", profile),
    ("decays in 256ths", coarse),
    ("a membrane of 16 bits", small),
    ("a sign in every weight", signed),
):
    fixed = nh.quantise(net, nh.parse_chip(text), method="calibrated", calibration=sample)
    got = nh.compare(meant, nh.emulate(fixed, inputs, steps=steps))
    print(f"{name:24} {got.populations['lif1.lif'].agreement:6.1%} of hidden spikes as meant")
