"""The page of an explanation: error budget, who is to blame, the first difference, room in registers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from neurohw.explain.explanation import Explanation, count, figure, percent
from neurohw.explain.ladder import size
from neurohw.report.html import bullets, document, esc, paragraph, picture, section, table
from neurohw.report.sections import facts_list
from neurohw.report.style import CHIP, FLOAT, GREY, drawn, label, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROWS = 40
"""Rows of a table of the page."""
_KINDS = {
    "clipped": "met the end of a format", "vanished": "became 0", "moved": "time constant moved",
    "identical": "became identical",
}  # fmt: skip


def explain_page(e: Explanation, title: str = "", command: str = "") -> str:
    """The page of one explanation, as text: one file, nothing loaded, no script."""
    title = title or f"Why {e.network} differs on {e.chip}"
    parts = [
        ("advice", "What to change first", (_cards(e), bullets(e.advice))),
        ("budget", "Error budget", budget_parts(e)),
        ("causes", "Who is to blame", (_causes(e),)),
        ("divergence", "The first difference", tuple(_first(e))),
        ("worst", "What quantising lost", (_worst(e),)),
        ("margins", "Room in registers", tuple(_margins(e))),
        ("notes", "Notes", (bullets(e.notes), paragraph(command, "soft") if command else "")),
    ]
    written = [(name, text, section(name, text, *body)) for name, text, body in parts]
    return document(title, f"<h1>{esc(title)}</h1>", written)


def budget_parts(e: Explanation) -> tuple[str, ...]:
    """Figure, table and note of the error budget."""
    unit = "spikes changed" if e.measure == "spikes" else "rms membrane (model units)"
    alt = "; ".join(
        f"{r.name}: {count(size(r.direct, e.measure), e.measure)} by itself, "
        f"{count(r.share, e.measure, sign=True)} of the whole" for r in e.rungs
    )  # fmt: skip
    rows = []
    for r in e.rungs:
        d = r.direct
        rows.append((
            r.name, r.note or count(size(d, e.measure), e.measure),
            count(r.share, e.measure, sign=True), count(size(r.whole, e.measure), e.measure),
            figure(d.rate_error), figure(d.van_rossum), figure(d.victor_purpura), figure(d.isi),
            figure(d.spike), percent(d.accuracy),
        ))  # fmt: skip
    head = (
        "rung", f"{unit} by itself", "of the whole", "from the top", "rate error (Hz)",
        "van Rossum", "Victor-Purpura", "ISI", "SPIKE", "accuracy",
    )  # fmt: skip
    note = (
        "By itself: the distance between two neighbours, the one above and this rung. Of the whole: what "
        "the distance from the top grows by; it may be negative, where one error makes up for another, "
        "and the rungs sum to the whole exactly."
    )
    words = facts_list([(r.name, r.what) for r in e.rungs])
    figure_ = picture(waterfall(e), alt, f"From the model above to the chip below, in {unit}.")
    return (
        figure_,
        table(head, rows, "The error budget, rung by rung"),
        words,
        paragraph(note, "soft"),
    )


@drawn
def waterfall(e: Explanation) -> Figure:
    """The error budget as bars: what each rung changes by itself, and its share of the whole."""
    drawing = new_figure(1.5 + 0.52 * (len(e.rungs) + 1))
    axes = drawing.add_subplot()
    before, most = 0.0, 1e-12
    for row, rung in enumerate(e.rungs):
        alone, share = size(rung.direct, e.measure), rung.share
        after = before + share
        grows = share >= 0
        axes.barh(
            row - 0.2, share, left=before, height=0.36, color=CHIP if grows else FLOAT,
            hatch="" if grows else "///", edgecolor="white", linewidth=0,
        )  # fmt: skip
        axes.barh(row + 0.2, alone, height=0.26, color="white", edgecolor=GREY, linewidth=1.2)
        axes.plot([after, after], [row - 0.38, row + 0.62], color=GREY, lw=0.9, ls=":")
        end = max(before, after)
        _say(axes, end, row - 0.2, count(share, e.measure, sign=True) if share else "0")
        if alone:
            _say(axes, alone, row + 0.2, f"{count(alone, e.measure)} by itself")
        before, most = after, max(most, end, alone)
    last = len(e.rungs)
    axes.barh(last, e.whole, height=0.5, color="#444444")
    _say(axes, e.whole, last, count(e.whole, e.measure))
    axes.set_yticks(range(last + 1), [*(label(r.name, 16) for r in e.rungs), "the whole"])
    axes.invert_yaxis()
    axes.set_xlim(0, most * 1.3)
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.6g}")
    axes.set_xlabel("spikes changed" if e.measure == "spikes" else "rms membrane (model units)")
    _legend(drawing, axes)
    return drawing


def _say(axes: Axes, x: float, y: float, text: str) -> None:
    axes.annotate(
        text, (x, y), (4, 0), textcoords="offset points", va="center", fontsize=10.5
    )  # fmt: skip


def _legend(drawing: Figure, axes: Axes) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=CHIP, label="adds to the whole"),
        Patch(facecolor=FLOAT, hatch="///", edgecolor="white", label="takes from it"),
        Patch(facecolor="white", edgecolor=GREY, label="by itself"),
    ]
    drawing.legend(handles=handles, loc="outside lower center", ncols=3)


def _cards(e: Explanation) -> str:
    last = e.rungs[-1].whole if e.rungs else None
    facts = [
        (count(e.whole, e.measure), "spikes changed" if e.measure == "spikes" else "rms membrane")
    ]
    if e.measure == "spikes" and last is not None:
        facts.append((percent(last.changed / last.spikes if last.spikes else 0.0), "of all spikes"))
    largest = e.largest
    facts.append((largest.name if largest else "none", "largest rung"))
    if e.accuracy is not None and last is not None:
        facts += [
            (percent(e.accuracy), "accuracy of the model"),
            (percent(last.accuracy), "on the chip"),
        ]
    items = "".join(f"<li><b>{esc(v)}</b><span>{esc(k)}</span></li>" for v, k in facts)
    return f'<ul class="cards">{items}</ul>'


def _causes(e: Explanation) -> str:
    rows = [
        (
            c.rung, c.what, c.detail,
            c.remedy + ("" if c.left is None else f", leaves {count(c.left, e.measure)}"),
            count(c.effect, e.measure),
        )
        for c in e.causes[:ROWS]
    ]  # fmt: skip
    if not rows:
        return ""
    head = ("rung", "part", "what is wrong with it", "what would help", "by itself")
    note = (
        "By itself: the distance that this part alone makes from the rung above. Parts do not sum to "
        "their rung, because errors meet in the same neurons."
    )
    return table(head, rows, "Each part of a rung alone", text=4) + paragraph(note, "soft")


def _first(e: Explanation) -> Iterator[str]:
    d = e.divergence
    if d is None:
        yield paragraph("No spike differs.")
        return
    text = str(d)
    yield paragraph(text[0].upper() + text[1:] + ".")
    rows = []
    for v in d.values:
        step = f"{v.step} *" if v.step == d.step else str(v.step)
        physical = [figure5(v.chip_physical), figure5(v.real_physical)]
        rows.append((step, v.register, f"{v.chip:,}", figure5(v.real), *physical))
    head = ("step", "register", "code on the chip", "in real numbers", "chip, model units",
            "real numbers, model units")  # fmt: skip
    yield table(head, rows, "What stood in the registers (*: the step that differs)", text=2)
    codes = [(name, f"{code:,}", figure5(real)) for name, code, real in d.codes]
    if codes:
        yield table(("code", "on the chip", "in real numbers"), codes, "The neuron's parameters")


def figure5(value: float | None) -> str:
    """A value with enough digits to tell two registers apart."""
    return "–" if value is None else f"{value:,.6g}"


def _worst(e: Explanation) -> str:
    rows = [(_KINDS[w.kind], w.where, w.text) for w in e.worst[:ROWS]]
    if not rows:
        return paragraph("Nothing vanished, clipped, moved or became identical.")
    return table(("what", "where", "how"), rows, "The worst parameters", text=3)


def _margins(e: Explanation) -> Iterator[str]:
    rows = []
    for m in e.margins[:ROWS]:
        reached = "–" if m.reached is None else f"{m.reached[0]:,.0f} .. {m.reached[1]:,.0f}"
        run = "–" if m.bits is None else f"{m.bits:+.1f}"
        proven = "–" if m.proven is None else f"{m.proven:+.1f}"
        rows.append((m.population, m.register, m.form, reached, run, proven, f"{m.overflows:,}"))
    if rows:
        head = (
            "population",
            "register",
            "format",
            "reached",
            "bits to spare",
            "in the worst case",
            "overflows",
        )
        yield table(head, rows, "Margin of every register, the tightest first", text=3)
        yield paragraph(
            "Reached in this run before anything was stored, if nothing overflowed. A negative margin "
            "says how many bits more it would have taken; –: unused, or no bound is proven.", "soft",
        )  # fmt: skip
