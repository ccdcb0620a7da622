"""From the squid's axon to Loihi 2: what each abstraction of a neuron costs, rung by rung."""

from pathlib import Path

from neurohw.ladder import ladder, ladder_figure
from neurohw.report.style import png

# Each model is fitted to the one above: on its f-I curve, and on spike times for a noisy current.
# What follows is measured on noise of another seed.
found = ladder("hodgkin-huxley", "loihi2", simple="lif", duration=0.4, trials=3)

for name, fit in found.fits.items():
    print(f"{name}, fitted to {fit.above}:")
    for parameter, p in fit.model.parameters.items():
        print(f"  {parameter:12} {p.value:10.4g} {p.unit:20} {p.meaning}")

print(f"{'rung':12}  spikes  Γ from above  Γ from the axon  lost here")
print(f"{found.model}")
for rung in found.rungs:
    print(
        f"{rung.name:12} {rung.spikes:7d} {rung.direct.gamma:13.3f} {rung.whole.gamma:16.3f} "
        f"{rung.share.coincidence:+10.3f}"
    )
print(f"Γ is lost by {found.whole.coincidence:.3f} in all: it is what the rungs sum to")
if found.largest is not None:
    print(f"most of it by: {found.largest.name} ({found.largest.what})")

Path("out").mkdir(exist_ok=True)
Path("out/squid_to_loihi.png").write_bytes(png(ladder_figure(found))[0])
print("figure: out/squid_to_loihi.png")
