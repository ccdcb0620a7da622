"""Cables: how far a potential spreads, how fast a spike travels, and what myelin is for."""

from pathlib import Path

import numpy as np

from neurohw import biophysics as bio

out = Path("out")
out.mkdir(exist_ok=True)

profiles = {}
for diameter in (1e-6, 4e-6):
    dendrite = bio.passive_cable(diameter)
    run = bio.simulate_cable(dendrite, bio.constant(1e-11, duration=0.15, dt=5e-4))
    change = run.trace("cable", "v").values[0, -1] - dendrite.membrane.value("e_l")
    near = dendrite.x < 1e-3
    fitted = -1 / np.polyfit(dendrite.x[near], np.log(change[near]), 1)[0]
    ideal = float(bio.length_constant(diameter, 1.0, 1.0))
    print(
        f"{1e6 * diameter:g} µm: λ = {1e3 * fitted:.3f} mm, by √(d/4 · r_m/R_i) {1e3 * ideal:.3f}"
    )
    profiles[f"{1e6 * diameter:g} µm"] = dendrite.x, change
bio.profile_figure(profiles).savefig(out / "cable.png", dpi=150)

squid = bio.squid_axon()
run = bio.simulate_cable(squid, bio.axon_pulse(squid, 0.0045), stride=4)
print(f"squid axon, 18.5 °C: {bio.velocity(squid, run):.1f} m/s; 18.8 in 1952")
bio.travel_figure(squid, run).savefig(out / "axon.png", dpi=150)

bare = bio.squid_axon(10e-6, 0.006, axial=1.1)
run = bio.simulate_cable(bare, bio.axon_pulse(bare, 0.005), stride=1000)
print(f"bare axon of 10 µm: {bio.velocity(bare, run):.2f} m/s")
for diameter in (5e-6, 10e-6, 20e-6):
    fibre = bio.myelinated_axon(diameter)
    run = bio.simulate_cable(fibre, bio.axon_pulse(fibre, 0.0022), stride=10)
    print(f"myelinated axon of {1e6 * diameter:g} µm: {bio.velocity(fibre, run):.1f} m/s")
    if diameter == 10e-6:
        bio.travel_figure(fibre, run).savefig(out / "myelin.png", dpi=150)

ill = bio.myelinated_axon(10e-6, demyelinated=range(10, 11))
run = bio.simulate_cable(ill, bio.axon_pulse(ill, 0.0025), stride=5)
reached = np.nanmax(np.where(np.isfinite(bio.arrivals(ill, run)), ill.x, np.nan))
print(
    f"one internode bare: the spike ends at {1e3 * reached:.1f} of {1e3 * ill.length.sum():.1f} mm"
)
bio.travel_figure(ill, run, title="One internode without myelin").savefig(
    out / "demyelinated.png", dpi=150
)
