"""Hand a recurrent network with delays on to Lava: a script that 'uv run' executes anywhere."""

import tempfile
from pathlib import Path

import numpy as np

import neurohw as nh

rng = np.random.default_rng(0)
n = 50
weight = rng.normal(0, 0.3, (n, n)) * (rng.random((n, n)) < 0.1)
net = nh.Network(
    {"in": nh.SpikeInput(20), "net": nh.CubaLIF(n, tau_syn=5e-3, tau_mem=20e-3, t_ref=2e-3)},
    [
        nh.Projection.dense("in", "net", rng.random((n, 20))),
        nh.Projection.dense("net", "net", weight, delay=1e-3 * rng.integers(0, 10, (n, n))),
    ],
    dt=1e-3,
)
inputs = nh.Inputs.from_dense({"in": rng.random((100, 20)) < 0.3})
fixed = nh.quantise(net, nh.load_chip("loihi2"))
print("spikes here:", nh.emulate(fixed, inputs).spikes["net"].count)

with tempfile.TemporaryDirectory() as folder:
    script = nh.export("lava", fixed, inputs, Path(folder) / "recurrent.py")
    print(f"{script.name}: {len(script.read_text().splitlines())} lines; uv run {script.name}")
