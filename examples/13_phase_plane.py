"""FitzHugh-Nagumo in the phase plane: nullclines, fixed points, stability, a limit cycle; type I and II."""

from pathlib import Path

from neurohw import biophysics as bio

out = Path("out")
out.mkdir(exist_ok=True)
model = bio.point_model("fitzhugh-nagumo")
box = ((-2.5, 2.5), (-1.0, 2.5))

for current in (0.0, 0.32, 0.34, 1.0, 1.41, 1.43):
    (point,) = bio.fixed_points(model, *box, current)
    # Rates are per second; per unit of time of the model they are a thousandth.
    trace, determinant = 1e-3 * point.trace, 1e-6 * point.determinant
    print(f"I = {current:4.2f}: trace {trace:+.3f}, determinant {determinant:.3f}, {point.kind}")

paths = {}
for label, start in (("small kick", -0.9), ("larger kick", -0.5)):
    run = bio.simulate(model, bio.constant(0.0, duration=0.1, dt=5e-5), start={"v": start})
    paths[label] = bio.trace(run, "v", 0), bio.trace(run, "w", 0)
rest = bio.fixed_points(model, *box, 0.0)
plane = bio.phase_plane(model, *box, 0.0)
bio.phase_figure(plane, rest, paths, title="FitzHugh-Nagumo at rest: excitable").savefig(
    out / "phase_rest.png", dpi=150
)
bio.portrait(model).savefig(out / "phase_cycle.png", dpi=150)

# How firing sets in: from zero rate on, or with a jump.
curves = {}
for name, low, high in (("morris-lecar-1", 0.30, 0.60), ("morris-lecar-2", 0.80, 1.10)):
    cell = bio.point_model(name)
    curve = bio.onset_curve(cell, low, high, points=8, duration=1.5, rounds=1, dt=1e-4)
    found = bio.classify(curve)
    curves[f"{name}: {found.kind}"] = curve
    print(f"{name}: {found.kind}, from {100 * found.onset:.1f} µA/cm² on at {found.rate:.1f} 1/s")
bio.fi_figure(curves, title="Morris-Lecar").savefig(out / "excitability.png", dpi=150)
