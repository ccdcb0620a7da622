"""The figures of a page, each with words for those who can't see it, and why that trial."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurohw.report import bars, figures
from neurohw.report.html import paragraph, picture
from neurohw.report.matching import match
from neurohw.report.material import Material

MOST = 12
"""Figures of one kind on a page; further populations are named, not drawn."""


def rasters(m: Material) -> str:
    """Spikes of one trial: the inputs, then each layer in both runs."""
    trial, _ = m.trial()
    names = [*m.spiking_inputs, *m.layers]
    parts = [paragraph(f"{_which_trial(m)} A spike is drawn at the end of its step.")]
    for name in names[:MOST]:
        reference = None if name in m.network.inputs else m.reference
        found = match(reference, m.chip, name, trial)
        alt = f"Spike raster of {name}, trial {trial}: "
        if reference is None:
            alt += f"{found.both.shape[1]} spikes."
        else:
            alt += (
                f"{found.both.shape[1]} spikes in both, {found.only_reference.shape[1]} in the "
                f"float model only, {found.only_chip.shape[1]} on the chip only."
            )
        parts.append(picture(figures.raster(reference, m.chip, name, trial), alt))
    return "\n".join([*parts, _left_out(names)])


def _which_trial(m: Material) -> str:
    trial, why = m.trial()
    text = f"Trial {trial} of 0 to {m.chip.trials - 1:,}: {why}."
    said = [f"the {k} {'model ' * (k == 'float')}decides {m.decisions[k][trial]}"
            for k in ("float", "chip") if k in m.decisions]  # fmt: skip
    if m.labels is not None and said:
        text += f" Its class is {m.labels[trial]}; {', '.join(said)}."
    return text


def _left_out(names: list[str]) -> str:
    rest = names[MOST:]
    return paragraph(f"Not drawn: {', '.join(rest)}.", "soft") if rest else ""


def agreement(m: Material) -> str:
    """Where in time the spikes part."""
    c = m.comparison
    if m.reference is None or c is None:
        return ""
    names = [n for n in m.layers if n in c.populations and c.populations[n].trains][:7]
    if not names:
        return ""
    shares = ", ".join(f"{n} {100 * (c.populations[n].agreement or 0):.1f} %" for n in names)
    alt = f"Share of agreeing spikes over time; in all: {shares}."
    return picture(figures.agreement(m.reference, m.chip, names), alt)


def error_bars(m: Material) -> str:
    """What the time step moves, what the integers move."""
    names = tuple(n for n in m.layers if any(c.populations[n].van_rossum for c in m.parts.values()))
    if not names:
        return ""
    far = {
        n: ", ".join(f"{k} {c.populations[n].van_rossum or 0:.3g}" for k, c in m.parts.items())
        for n in names[: bars.BARS]
    }
    text = "; ".join(f"{n}: {values}" for n, values in far.items())
    caption = (
        "Discretisation: from a reference with smaller steps to the float model at the chip's "
        "step. Quantisation: from there to the chip. The two need not add up to the whole."
    )
    return picture(bars.error_bars(m.parts, names), f"Mean van Rossum distance. {text}.", caption)


def confusion(m: Material) -> str:
    """True against decided classes, if there are few enough."""
    shown = {k: v for k, v in m.decisions.items() if k != "fine"}
    if m.labels is None or not shown:
        return ""
    most = max(int(x.max(initial=0)) for x in (m.labels, *shown.values()))
    if most >= bars.CLASSES or m.labels.min(initial=0) < 0:
        return paragraph(f"No figure: over {bars.CLASSES} classes, or negative ones.", "soft")
    text = ", ".join(f"{k} {100 * (m.accuracy(k) or 0):.1f} % right" for k in shown)
    return picture(
        bars.confusion(m.labels, shown), f"True against decided classes: {text}.",
        "Trials by true and decided class; mistakes are bold.",
    )  # fmt: skip


def traces(m: Material) -> str:
    """Membranes of the neurons that diverge first."""
    trial, _ = m.trial()
    parts, names = [], []
    for name, variable in m.common_traces():
        names.append(f"{variable} of {name}")
        if len(names) > MOST:
            continue
        threshold = _threshold(m, name) if variable == "v" else None
        figure = figures.traces(m.reference, m.physical, name, variable, trial, threshold=threshold)
        alt = f"{variable} of the neurons of {name} that diverge first, trial {trial}."
        parts.append(picture(figure, alt))
    if not parts:
        return ""
    text = f"Trial {trial}, as above. The neurons whose spikes differ first come first."
    return "\n".join([paragraph(text), *parts, _left_out(names)])


def _threshold(m: Material, name: str) -> NDArray[np.float64] | None:
    """The float threshold where it is constant."""
    p = m.network.populations[name]
    fixed = "v_threshold" in p.parameter_names() and "adaptation" not in p.parameter_names()
    return np.asarray(getattr(p, "v_threshold")) if fixed else None  # noqa: B009


def weights(m: Material) -> str:
    """Weights of each projection before and after."""
    parts, names = [], []
    steps = {} if m.fixed.record is None else {e.projection: e for e in m.fixed.record.weights}
    for p in m.fixed.projections:
        names.append(p.name)
        if len(names) > MOST or not p.synapses or bars.origin(m.network, p.name) is None:
            continue
        e = steps.get(p.name)
        caption = ""
        if e is not None:
            caption = (
                f"Mode {e.mode}, exponent {e.exponent}, step {e.step:.3g}; error "
                f"{100 * e.rms_error:.3g} % rms, at most {e.worst:.3g}."
            )
        alt = f"Weights of {p.name} before and after quantising. {caption}".strip()
        parts.append(picture(bars.weight_histograms(m.network, m.fixed, p.name), alt, caption))
    if m.fixed.currents:
        given = ", ".join(c.name for c in m.fixed.currents)
        parts.append(paragraph(f"Applied by the host, not stored as codes: {given}.", "soft"))
    return "\n".join([*parts, _left_out(names)])


def operations(m: Material) -> str:
    """Synaptic operations of each projection."""
    events = m.chip.synaptic_events
    if not events:
        return ""
    text = ", ".join(f"{k} {v / m.chip.trials:,.0f}" for k, v in events.items())
    return picture(bars.synaptic_operations(m.chip), f"Synaptic operations per trial: {text}.")
