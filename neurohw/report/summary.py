"""The top of the page: the few numbers that matter, and what they say in words."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import numpy as np

from neurohw.compare import Comparison
from neurohw.quantise.record import percent
from neurohw.report.html import bullets, esc
from neurohw.report.material import Material


def span(seconds: float) -> str:
    """A time as text, in the unit in which it reads well."""
    for factor, unit in ((1.0, "s"), (1e3, "ms")):
        if seconds * factor > 0.9999:
            return f"{seconds * factor:.4g} {unit}"
    return f"{seconds * 1e6:.4g} µs"


def share(value: float | None) -> str:
    """A share as text; never rounded up to all or down to nothing."""
    if value is None:
        return "undefined"
    text = f"{100 * value:.2f}"
    if (text == "100.00" and value < 1) or (text == "0.00" and value > 0):
        text = f"{100 * value:.2g}" if value < 0.5 else "over 99.99"
    return f"{text} %"


def number(value: float) -> str:
    """A count, shortened from a million on."""
    return f"{value:,.0f}" if value < 999_999.5 else f"{value / 1e6:,.4g} M"


def pooled_agreement(comparison: Comparison, names: tuple[str, ...]) -> float | None:
    """Share of agreeing spikes over several populations; None if nobody spiked."""
    found = [comparison.populations[n] for n in names if n in comparison.populations]
    spikes = sum(p.spikes_reference + p.spikes_other for p in found)
    return 2 * sum(p.agreeing for p in found) / spikes if spikes else None


def distance(comparison: Comparison, names: tuple[str, ...]) -> float | None:
    """Root mean square over populations, by spike trains, of their mean van Rossum distance."""
    found = [comparison.populations[n] for n in names if n in comparison.populations]
    known = [(p.trains, p.van_rossum) for p in found if p.van_rossum is not None]
    total = sum(trains for trains, _ in known)
    return sqrt(sum(t * d * d for t, d in known) / total) if total else None


def overflows(m: Material) -> int:
    """How many stores on the chip changed their value."""
    return sum(sum(counts.values()) for counts in m.chip.overflows.values())


def summary(m: Material) -> str:
    """The cards and the sentences."""
    cards = "".join(
        f"<li><b>{esc(value)}</b><span>{esc(what)}</span></li>" for value, what in _cards(m)
    )
    return f'<ul class="cards">{cards}</ul>\n{bullets(_sentences(m))}'


def _cards(m: Material) -> Iterator[tuple[str, str]]:
    for name, text in (("float", "accuracy of the float model"), ("chip", "accuracy on the chip")):
        accuracy = m.accuracy(name)
        if accuracy is not None:
            yield share(accuracy), text
    if {"float", "chip"} <= set(m.decisions):
        same = float(np.mean(m.decisions["float"] == m.decisions["chip"]))
        yield share(same), "of trials decided alike"
    if m.comparison is not None:
        agreement = pooled_agreement(m.comparison, m.layers)
        if agreement is not None:
            yield share(agreement), "of spikes agree exactly"
    operations = sum(m.chip.synaptic_events.values()) / m.chip.trials
    yield number(operations), "synaptic operations per trial"
    yield number(overflows(m)), "overflows on the chip"


def _sentences(m: Material) -> Iterator[str]:
    yield from _decisions(m)
    yield from _spikes(m)
    yield from _readouts(m)
    yield from _causes(m)
    yield from _quantising(m)
    count = overflows(m)
    if count:
        worst = max(
            ((n, name, r) for name, counts in m.chip.overflows.items() for r, n in counts.items()),
        )
        yield (
            f"{count:,} times a value did not fit and the chip's overflow rule changed it, most "
            f"often in register {worst[2]} of {worst[1]} ({worst[0]:,} times)."
        )
    else:
        yield "No register overflowed on the chip."


def _decisions(m: Material) -> Iterator[str]:
    chip, meant = m.accuracy("chip"), m.accuracy("float")
    trials = m.chip.trials
    if chip is not None and meant is not None:
        yield (
            f"The float model decides {share(meant)} of {trials:,} trials rightly, the chip "
            f"{share(chip)}."
        )
    elif chip is not None:
        yield f"The chip decides {share(chip)} of {trials:,} trials rightly."
    if {"float", "chip"} <= set(m.decisions):
        other = int(np.sum(m.decisions["float"] != m.decisions["chip"]))
        if other:
            yield f"They decide differently in {other:,} of {trials:,} trials."
        else:
            yield f"They decide alike in every one of {trials:,} trials."


def _spikes(m: Material) -> Iterator[str]:
    c = m.comparison
    if c is None:
        yield "There is no float reference: this page shows the chip alone."
        return
    found = [c.populations[n] for n in m.layers if n in c.populations]
    agreement = pooled_agreement(c, m.layers)
    if agreement is not None:
        both = sum(p.agreeing for p in found)
        only = sum(p.spikes_reference for p in found) - both
        other = sum(p.spikes_other for p in found) - both
        yield (
            f"{share(agreement)} of the neurons' spikes agree in trial, neuron and step: {both:,} "
            f"are in both, {only:,} in the float model only, {other:,} on the chip only."
        )
    d = c.divergence
    if d is not None:
        at = span((d.step + 1) * m.chip.dt)
        where = f"step {d.step} ({at}) of trial {d.trial}, neuron {d.neuron} of {d.population}"
        if d.what == "spike":
            who = "on the chip only" if d.other else "in the float model only"
            yield f"The first difference is a spike {who}: {where}."
        else:
            yield f"The first difference is in register {d.what}: {where}."
    elif c.same_steps:
        yield "Every spike is the same in both."


def _readouts(m: Material) -> Iterator[str]:
    for name, spikes in m.chip.spikes.items():
        meant = m.network.populations.get(name)
        silent = meant is not None and name not in m.network.inputs and not meant.spiking
        if silent and spikes.count:
            yield (
                f"{name} is a readout and never spikes in the float model, but on the chip its "
                f"register meets the end of its range: it spikes {spikes.count:,} times."
            )


def _causes(m: Material) -> Iterator[str]:
    if not m.parts:
        return
    step, integers = (distance(m.parts[k], m.layers) for k in ("discretisation", "quantisation"))
    if not step and not integers:
        yield "Neither the time step nor the integers move any spike."
        return
    low, high = sorted((step or 0.0, integers or 0.0))
    figures = (
        f"the time step moves the spikes by a van Rossum distance of {step or 0:.3g}, the chip's "
        f"integers by {integers or 0:.3g}"
    )
    if high < 1.2 * low:
        yield f"Both causes weigh about the same: {figures}."
    elif (step or 0.0) > (integers or 0.0):
        yield f"The largest cause is discretisation, not quantisation: {figures}."
    else:
        yield f"The largest cause is quantisation, not discretisation: {figures}."


def _quantising(m: Material) -> Iterator[str]:
    record = m.fixed.record
    if record is None:
        return
    if record.weights:
        w = max(record.weights, key=lambda e: e.rms_error)
        yield (
            f"Quantising moves the weights by up to {percent(w.rms_error)} rms ({w.projection}); "
            f"{sum(e.vanished for e in record.weights):,} of "
            f"{sum(e.synapses for e in record.weights):,} became 0."
        )
    if record.parameters:
        # A code's error is that of the parameter it stands for, unless nothing physical shows it.
        p = max(record.parameters, key=lambda e: e.worst / (1 + e.parameter.startswith("code ")))
        yield (
            f"The parameter with the largest error is {p.parameter} of {p.population}: "
            f"{percent(p.worst)}." if p.worst else "Every parameter is held exactly."
        )  # fmt: skip
    if record.clips:
        yield f"{len(record.clips)} parameters or delays met a limit of the chip and were clipped."
