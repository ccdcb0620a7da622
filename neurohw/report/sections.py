"""The tables of the page: spikes compared, quantisation, headroom, cost, equations, provenance."""

from __future__ import annotations

import platform

import numpy as np

from neurohw import __version__
from neurohw.compare import Comparison
from neurohw.report.html import bullets, esc, paragraph, pre, table
from neurohw.report.material import Material
from neurohw.report.summary import distance, pooled_agreement, share, span

FIGURES_NOTE = (
    "Γ: 1 if all spikes coincide, 0 if no more than by chance. The distances are 0 for equal "
    "trains; van Rossum and Victor-Purpura grow by about 1 with each spike that differs, ISI and "
    "SPIKE end at 1. All are means over spike trains, one neuron in one trial."
)


def _figure(value: float | None, form: str = ".3g") -> str:
    return "–" if value is None or not np.isfinite(value) else f"{value:{form}}"


def comparison_tables(c: Comparison | None) -> str:
    """Per population: the figures of its spikes."""
    if c is None:
        return ""
    head = (
        "population", "spikes, float", "spikes, chip", "agree", "Γ", "van Rossum",
        "Victor-Purpura", "ISI", "SPIKE", "rate error (Hz)", "rate bias (Hz)",
    )  # fmt: skip
    rows = [
        (
            name, f"{p.spikes_reference:,}", f"{p.spikes_other:,}",
            share(p.agreement) if p.agreement is not None else "–", _figure(p.gamma),
            _figure(p.van_rossum), _figure(p.victor_purpura), _figure(p.isi_distance),
            _figure(p.spike_distance), _figure(p.rate_error), _figure(p.rate_bias, "+.3g"),
        )
        for name, p in c.populations.items() if p.trains or p.spikes_other
    ]  # fmt: skip
    caption = (
        f"Spikes by population: Γ within ±{span(c.window)}, van Rossum with tau {span(c.tau)}, "
        f"Victor-Purpura with cost {c.cost:g} /s"
    )
    return table(head, rows, caption) + paragraph(FIGURES_NOTE, "soft")


def trace_table(c: Comparison | None) -> str:
    """Error of every variable that was recorded in both."""
    if c is None:
        return ""
    rows = [
        (name, variable, _figure(t.rmse), _figure(t.largest), t.trial, t.step, t.neuron)
        for name, p in c.populations.items() for variable, t in p.traces.items()
    ]  # fmt: skip
    head = ("population", "variable", "rms error", "largest error", "trial", "step", "neuron")
    caption = "Errors of traces in model units, and where the largest is"
    return table(head, rows, caption, text=2) if rows else ""


def causes_table(m: Material) -> str:
    """What the time step costs, what the integers cost, and both together."""
    if not m.parts:
        return ""
    names = {
        "discretisation": ("the time step and its integrator", "fine", "float"),
        "quantisation": ("the chip's integers", "float", "chip"),
        "whole": ("both together", "fine", "chip"),
    }
    rows = []
    for part, c in m.parts.items():
        text, a, b = names[part]
        same = "–"
        if a in m.decisions and b in m.decisions:
            few = min(m.decisions[a].size, m.decisions[b].size)
            same = share(float(np.mean(m.decisions[a][:few] == m.decisions[b][:few])))
        far = _figure(distance(c, m.layers))
        agreement = pooled_agreement(c, m.layers)
        rows.append((part, text, far, "–" if agreement is None else share(agreement), same))
    head = ("error", "caused by", "van Rossum", "agreeing spikes", "same decision")
    return table(head, rows, "Where the distance from the model comes from", text=2)


def quantisation_tables(m: Material) -> str:
    """Wanted and realised values, then what was clipped and what else there is to say."""
    record = m.fixed.record
    if record is None:
        return paragraph("The network was written in integers; there is no record of quantising.")
    rows = record.rows()
    rows = rows[: len(rows) - len(record.headroom)]
    head = ("what", "parameter", "wanted", "on the chip", "worst error", "note")
    parts = [table(head, rows, "Every parameter as wanted and as the chip holds it", text=6)]
    for title, lines in (("Clipped", record.clips), ("Notes", record.notes)):
        if lines:
            parts.append(f"<h3>{title}</h3>{bullets(lines)}")
    return "\n".join(parts)


def headroom_table(m: Material) -> str:
    """Worst case against what each register holds, and how often it overflowed in this run."""
    record, rows = m.fixed.record, []
    counts = {(p, r): n for p, row in m.chip.overflows.items() for r, n in row.items()}
    for h in () if record is None else record.headroom:
        tick = m.fixed.populations[h.population].neuron.tick
        form = {**tick.inputs, **tick.targets}.get(h.register, "")
        reach = "unbounded" if np.isinf(h.reach) else f"{h.reach:,.0f}"
        margin = f"{h.margin:+.1f}" if np.isfinite(h.margin) else "none"
        count = counts.pop((h.population, h.register), 0)
        rows.append((h.population, h.register, form, reach, f"{h.limit:,}", margin, f"{count:,}"))
    rows += [(p, r, "", "–", "–", "–", f"{n:,}") for (p, r), n in counts.items()]
    head = ("population", "register", "format", "worst case", "holds", "margin (bits)", "overflows")
    note = (
        "Worst case: every source spikes at every step, with weights of one sign. A register with "
        "a negative margin could overflow; the last column counts what did in this run."
    )
    caption = "Headroom of every register, and overflows"
    return table(head, rows, caption, text=3) + paragraph(note, "soft") if rows else ""


def cost_tables(m: Material) -> str:
    """Synaptic operations and spikes, in all, per trial and per step."""
    chip, parts = m.chip, []
    if chip.synaptic_events:
        synapses = {p.name: p.synapses for p in m.fixed.projections}
        operations = [(n, synapses.get(n, 0), count) for n, count in chip.synaptic_events.items()]
        operations.append(("all", m.fixed.synapses, sum(chip.synaptic_events.values())))
        rows = [
            (
                name, f"{have:,}", f"{count:,}", f"{count / chip.trials:,.1f}",
                f"{count / chip.trials / chip.steps:,.1f}",
            )
            for name, have, count in operations
        ]  # fmt: skip
        text = f"Synaptic operations in {chip.trials:,} trials of {chip.steps:,} steps"
        head = ("projection", "synapses", "operations", "per trial", "per step")
        parts.append(table(head, rows, text))
    spikes = []
    for name, s in chip.spikes.items():
        each = s.count / chip.trials / s.n
        spikes.append((
            name, f"{s.n:,}", f"{s.count:,}", f"{s.count / chip.trials:,.1f}", f"{each:,.3g}",
            f"{each / chip.duration:,.4g}",
        ))  # fmt: skip
    columns = ("population", "neurons", "spikes", "per trial", "per neuron and trial", "rate (Hz)")
    parts.append(table(columns, spikes, "Spikes on the chip") if spikes else "")
    return "\n".join(parts)


def equations(m: Material) -> str:
    """The integer equations of every neuron in use, with formats and who uses it."""
    users: dict[str, list[str]] = {}
    for name, population in m.fixed.populations.items():
        users.setdefault(population.neuron.name, []).append(name)
    parts = []
    for neuron in {p.neuron.name: p.neuron for p in m.fixed.populations.values()}.values():
        tick = neuron.tick
        source = m.fixed.chip.sources.get(neuron.source, neuron.source)
        facts = [("used by", ", ".join(users[neuron.name])), ("source", source),
                 ("status", neuron.status)]  # fmt: skip
        for what, formats in (("registers", tick.registers), ("wires", tick.wires),
                              ("parameters", tick.parameters), ("input", tick.inputs)):  # fmt: skip
            facts.append((what, ", ".join(f"{k}: {form}" for k, form in formats.items())))
        facts.append(("constants", ", ".join(f"{k} = {v}" for k, v in tick.constants.items())))
        if neuron.start is not None:
            names = dict.fromkeys(a.target for a in neuron.start.assigns)
            facts.append(("set before the first step", ", ".join(names)))
        parts.append(f"<h3>{esc(neuron.name)}: {esc(neuron.summary)}</h3>{facts_list(facts)}")
        parts.append(pre(neuron.text.strip("\n")))
    return "\n".join(parts)


def facts_list(facts: list[tuple[str, str]]) -> str:
    """Pairs of a term and its text, those without text left out."""
    items = "".join(f"<dt>{esc(k)}</dt><dd>{esc(v)}</dd>" for k, v in facts if v)
    return f"<dl>{items}</dl>"


def provenance(m: Material) -> str:
    """Versions, sources and the chip's own claim; no date, so that equal runs give equal pages."""
    chip = m.fixed.chip
    facts = [
        ("chip profile", f"{chip.name}: {chip.title}"), ("verified against", chip.oracle.name),
        ("claim", chip.oracle.claim), ("notes", " ".join(chip.notes.split())),
        *((f"source {k}", v) for k, v in chip.sources.items()),
        ("chip run", m.chip.source),
        ("float reference", m.reference.source if m.reference is not None else "none"),
        ("fine reference", m.fine.source if m.fine is not None else ""),
        ("versions", f"neurohw {__version__}, Python {platform.python_version()}, "
         f"numpy {np.__version__}"),
    ]  # fmt: skip
    return facts_list(facts) + (f"<h3>Command</h3>{pre(m.command)}" if m.command else "")
