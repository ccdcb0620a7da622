"""Figures and the page: nothing loaded, nothing unescaped, labels and numbers where they belong."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from neurohw import report
from neurohw.chip import load_chip
from neurohw.compare import compare
from neurohw.emulate import emulate
from neurohw.errors import InputError, UnknownName
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.network import LI, LIF, Inputs, Network, Projection, SpikeInput
from neurohw.network.events import Spikes
from neurohw.quantise import quantise
from neurohw.recording import Recording, Trace
from neurohw.report.bars import _edges, realised_weights
from neurohw.report.html import esc, table
from neurohw.report.matching import by_divergence, match, some_neurons, some_steps
from neurohw.report.style import label, png, time_unit, title
from neurohw.report.summary import number, share, span

HOSTILE = '<script src="http://evil/x.js">alert("1 & 2")</script>'
DT, STEPS, TRIALS = 1e-3, 20, 4
VOID = {"meta", "link", "img", "br", "hr"}


class Tags(HTMLParser):
    """Collects tags, texts and attributes; fails on a tag that closes what is not open."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag
        self.open.pop()

    def handle_data(self, data):
        self.text.append(data)


def parsed(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    tags.close()
    assert tags.open == []
    return tags


def shifted(chip: Recording, physical: Recording, layer: str) -> Recording:
    """A float run that differs: one spike removed, one a step later, membranes a bit off."""
    s = chip.spikes[layer]
    step = s.step.copy()
    step[0] += 1
    spikes = {**chip.spikes, layer: Spikes.of(s.n, s.trial[:-1], step[:-1], s.neuron[:-1])}
    traces = {
        name: {k: Trace(t.values + 0.01, t.neurons, t.stride) for k, t in variables.items()}
        for name, variables in physical.traces.items()
    }
    return Recording(chip.dt, chip.steps, chip.trials, chip.sizes, spikes, traces, source="by hand")


@pytest.fixture(scope="module")
def run():
    return make("hidden")


def make(layer: str):
    rng = np.random.default_rng(3)
    net = Network(
        {"in": SpikeInput(5), layer: LIF(6, tau=10e-3), "out": LIF(3, tau=5e-3)},
        (
            Projection.dense("in", layer, rng.normal(3.0, 2.0, (6, 5))),
            Projection.dense(layer, "out", rng.normal(2.0, 2.0, (3, 6))),
        ),
        dt=DT,
    )
    fixed = quantise(net, load_chip("loihi2"))
    inputs = Inputs.from_dense(
        {"in": rng.random((TRIALS, STEPS, 5)) < 0.4}, labels=np.arange(TRIALS) % 3
    )
    chip = emulate(fixed, inputs, record={layer: ["v"], "out": ["v"]})
    reference = shifted(chip, fixed.physical(chip), layer)
    comparison = compare(reference, fixed.physical(chip), outputs=net.outputs, labels=inputs.labels)
    return {
        "network": net, "fixed": fixed, "inputs": inputs, "reference": reference, "chip": chip,
        "comparison": comparison,
    }  # fmt: skip


@pytest.fixture(scope="module")
def page(run):
    return report.run_page(**run, title="A title", command="neurohw run net.nir --chip 'a b'")


@pytest.fixture
def undrawn(monkeypatch):
    """Figures are made but not painted, where only the text counts."""
    monkeypatch.setattr("matplotlib.figure.Figure.draw_without_rendering", lambda figure: None)
    monkeypatch.setattr("neurohw.report.html.png", lambda figure: (b"\x89PNG", 640, 400))


# --- The page


def test_page_is_whole_and_loads_nothing(page):
    tags = parsed(page)
    assert page.startswith("<!DOCTYPE html>")
    assert not {"script", "iframe", "object", "embed", "base"} & {tag for tag, _ in tags.seen}
    for tag, attributes in tags.seen:
        for key in ("src", "href", "srcset", "data", "action", "poster"):
            value = attributes.get(key)
            if value is not None:
                assert value.startswith(("data:", "#")), (tag, value)
        assert not any(key.startswith("on") for key in attributes)
    style = re.search(r"<style>(.*)</style>", page, re.DOTALL)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    assert "prefers-color-scheme" in style[1]


def test_links_lead_somewhere(page):
    tags = parsed(page)
    ids = [a["id"] for _, a in tags.seen if "id" in a]
    assert len(ids) == len(set(ids))
    links = [a["href"][1:] for tag, a in tags.seen if tag == "a"]
    assert links
    assert set(links) <= set(ids)


def test_page_has_figures_with_alternatives(page, run):
    images = [a for tag, a in parsed(page).seen if tag == "img"]
    # Rasters of input and two layers, agreement, confusion, traces, weights, operations.
    assert len(images) == 3 + 1 + 1 + 2 + 2 + 1
    for image in images:
        kind, data = image["src"].split(",", 1)
        assert kind == "data:image/png;base64"
        assert base64.b64decode(data, validate=True).startswith(b"\x89PNG")
        assert len(image["alt"]) > 20
        assert int(image["width"]) > 300


def test_page_says_the_numbers(page, run):
    text = " ".join(" ".join(parsed(page).text).split())
    c, chip = run["comparison"], run["chip"]
    assert f"{100 * c.accuracy_other:.2f} %" in text
    assert share(c.same_decision) in text
    p = c.populations["hidden"]
    assert f"{p.spikes_reference:,}" in text
    assert f"{sum(chip.synaptic_events.values()) / TRIALS:,.0f} synaptic operations" in text
    assert run["fixed"].chip.oracle.claim in text
    assert "v = 0 if spike else v" in text
    assert "neurohw run net.nir --chip 'a b'" in text
    assert f"step {c.divergence.step} " in text
    for row in run["fixed"].record.rows()[:8]:
        assert row[2] in text
        assert row[3] in text


def test_page_is_the_same_every_time(page, run):
    again = report.run_page(**run, title="A title", command="neurohw run net.nir --chip 'a b'")
    assert again == page


def test_hostile_names_are_text():
    made = make(HOSTILE)
    made["network"] = made["network"].with_(name=HOSTILE)
    page = report.run_page(**made, title=HOSTILE, command=HOSTILE)
    tags = parsed(page)
    assert "script" not in {tag for tag, _ in tags.seen}
    assert "<script" not in page
    assert any(HOSTILE in text for text in tags.text)
    assert any(HOSTILE in (a.get("alt") or "") for _, a in tags.seen)


def test_page_without_reference_or_labels(run, undrawn):
    made = {**run, "reference": None, "comparison": None}
    made["inputs"] = Inputs(STEPS, TRIALS, run["inputs"].spikes)
    page = report.run_page(**made)
    text = " ".join(parsed(page).text)
    assert "no float reference" in text
    assert "accuracy" not in text
    assert "Membranes" in text


def test_page_of_integers_written_by_hand(run, undrawn):
    neuron = run["fixed"].chip.neurons["lif"]
    codes = dict.fromkeys(neuron.tick.parameters, 1)
    fixed = FixedPointNetwork(
        run["fixed"].chip, DT, {"in": 5},
        {n: FixedPopulation.of(n, k, neuron, codes) for n, k in (("hidden", 6), ("out", 3))},
        (FixedProjection.of("in", "hidden", [0, 1], [0, 5], [64, -32]),), outputs=("out",),
    )  # fmt: skip
    chip = emulate(fixed, run["inputs"], record={"out": ["v"]})
    made = {**run, "fixed": fixed, "chip": chip, "reference": None, "comparison": None}
    text = " ".join(parsed(report.run_page(**made)).text)
    assert "written in integers" in text
    assert "Membranes" not in text


def test_a_silent_network(run, undrawn):
    inputs = Inputs(STEPS, TRIALS, {"in": Spikes.none(5)}, labels=run["inputs"].labels)
    chip = emulate(run["fixed"], inputs)
    made = {**run, "inputs": inputs, "chip": chip, "reference": chip, "comparison": None}
    text = " ".join(parsed(report.run_page(**made)).text)
    assert "Every spike is the same in both" in text
    assert "accuracy" not in text  # silence decides nothing


@pytest.mark.parametrize(("finer", "cause"), [(False, "quantisation"), (True, "discretisation")])
def test_the_largest_cause_is_named(run, undrawn, finer, cause):
    reference, physical = run["reference"], run["fixed"].physical(run["chip"])
    # Either the float model is on the side of the fine reference, or on the side of the chip.
    meant = run["chip"] if finer else reference
    spikes = {
        k: Spikes.of(s.n, s.trial, s.step * 2 + 1, s.neuron) for k, s in reference.spikes.items()
    }
    fine = Recording(DT / 2, STEPS * 2, TRIALS, reference.sizes, spikes)
    made = {**run, "reference": meant, "comparison": compare(meant, physical), "fine": fine}
    page = report.run_page(**made)
    assert f"The largest cause is {cause}" in page
    given = report.run_page(**made, fine_comparison=compare(fine, meant))
    assert f"The largest cause is {cause}" in given


def test_overflows_are_counted_on_the_page(run, undrawn):
    chip = Recording(**{**run["chip"].__dict__, "overflows": {"hidden": {"v": 1234}}})
    text = " ".join(parsed(report.run_page(**{**run, "chip": chip})).text)
    assert "1,234 times a value did not fit" in text


def test_a_readout_that_spikes_on_the_chip_is_named(undrawn):
    net = Network(
        {"in": SpikeInput(1), "read": LI(1, tau=1.0)},
        (Projection.dense("in", "read", [[1.0]]),), dt=DT,
    )  # fmt: skip
    fixed = quantise(net, load_chip("loihi2"))
    inputs = Inputs.from_dense({"in": np.ones((STEPS, 1))})
    chip = emulate(fixed, inputs)
    spikes = {**chip.spikes, "read": Spikes.of(1, [0, 0], [3, 5], [0, 0])}
    chip = Recording(**{**chip.__dict__, "spikes": spikes})
    page = report.run_page(
        network=net, fixed=fixed, inputs=inputs, reference=None, chip=chip, comparison=None
    )
    assert "read is a readout" in page
    assert "it spikes 2 times" in page


# --- Figures


def texts(figure):
    """Every label of a figure's axes, with its legend."""
    found = [t.get_text() for legend in figure.legends for t in legend.get_texts()]
    for axes in figure.axes:
        found += [axes.get_xlabel(), axes.get_ylabel(), axes.get_title(loc="left")]
    return found


def test_every_figure_has_labels_and_units(run):
    net, fixed, chip = run["network"], run["fixed"], run["chip"]
    reference, physical = run["reference"], fixed.physical(run["chip"])
    decisions = {"chip": np.zeros(TRIALS, np.int64)}
    made = {
        "time (ms)": [
            report.raster(reference, chip, "hidden"),
            report.raster(None, chip, "in", 1),
            report.traces(reference, physical, "hidden", threshold=1.0),
            report.traces(None, physical, "out", neurons=[2]),
            report.agreement(reference, chip, ["hidden", "out"]),
        ],
        "weight (current of one spike, model units)": [
            report.weight_histograms(net, fixed, "in->hidden")
        ],
        "synaptic operations per trial": [report.synaptic_operations(chip)],
        "decided class": [report.confusion(run["inputs"].labels, decisions)],
    }
    for wanted, figures in made.items():
        for figure in figures:
            assert wanted in texts(figure)
            # A panel that shares its time axis has its label below.
            assert all(axes.get_ylabel() for axes in figure.axes)
            data, width, height = png(figure)
            assert data.startswith(b"\x89PNG")
            assert width > 300
            assert height > 100
    whole = report.error_bars({"whole": run["comparison"]}, ("hidden", "out"))
    assert any("van Rossum" in text for text in texts(whole))


def test_raster_sorts_spikes_by_hand():
    def recording(events):
        return Recording(DT, 10, 1, {"p": 3}, {"p": Spikes.of(3, *zip(*events, strict=True))})

    a = recording([(0, 1, 0), (0, 4, 1), (0, 5, 2)])
    b = recording([(0, 1, 0), (0, 5, 1), (0, 5, 2), (0, 9, 2)])
    found = match(a, b, "p", 0)
    assert found.both.T.tolist() == [[0, 1, 0], [0, 5, 2]]
    assert found.only_reference.T.tolist() == [[0, 4, 1]]
    assert found.only_chip.T.tolist() == [[0, 5, 1], [0, 9, 2]]
    assert by_divergence(a, b, "p", 0) == [1, 2, 0]
    labels = texts(report.raster(a, b, "p"))
    assert {"in both (2)", "float only (1)", "chip only (2)"} <= set(labels)


def test_finer_steps_are_put_into_coarser_ones():
    fine = Recording(DT / 4, 40, 1, {"p": 1}, {"p": Spikes.of(1, [0, 0], [3, 4], [0, 0])})
    chip = Recording(DT, 10, 1, {"p": 1}, {"p": Spikes.of(1, [0, 0], [0, 2], [0, 0])})
    found = match(fine, chip, "p")
    assert found.both[1].tolist() == [0]
    assert found.only_reference[1].tolist() == [1]
    assert found.only_chip[1].tolist() == [2]


def test_large_populations_are_cut_where_they_differ():
    rng = np.random.default_rng(0)
    columns = np.zeros(20000, int), rng.integers(0, 5000, 20000), rng.integers(0, 1000, 20000)
    a = Recording(DT, 5000, 1, {"p": 1000}, {"p": Spikes.of(1000, *columns)})
    step = columns[1].copy()
    step[(columns[2] >= 700) & (step > 4000)] -= 7
    b = Recording(DT, 5000, 1, {"p": 1000}, {"p": Spikes.of(1000, columns[0], step, columns[2])})
    found = match(a, b, "p", 0)
    shown = some_neurons(found, 100)
    assert len(shown) == 100
    assert shown.start >= 700
    steps = some_steps(found, 300)
    part = found.part(range(1000), steps)
    assert 0 < part.both.shape[1] + 5 * part.differing().shape[1] <= 300
    assert part.differing().size
    found_texts = texts(report.raster(a, b, "p", steps=range(4000, 4500)))
    part_title = f"neurons {shown.start}–{shown.stop - 1} of 1,000; steps 4000–4499 of 5,000"
    assert any(part_title in text for text in found_texts)


def test_realised_weights_are_what_the_record_says(run):
    for p, meant, entry in zip(
        run["fixed"].projections, run["network"].projections, run["fixed"].record.weights,
        strict=True,
    ):  # fmt: skip
        real = realised_weights(run["fixed"], p)
        assert np.abs(real - meant.weight).max() == pytest.approx(entry.worst, rel=1e-9)
        steps = np.diff(np.unique(real)) / entry.step
        assert np.allclose(steps, np.rint(steps), atol=1e-9)


@pytest.mark.parametrize("codes", [5, 64, 65, 130, 256])
def test_histogram_bins_hold_equally_many_codes(codes):
    after = (np.arange(codes) - codes // 2) * 0.1
    edges = _edges(after, after)
    counts, _ = np.histogram(after, edges)
    assert counts.sum() == codes
    assert len(set(counts[1:-2])) <= 1
    assert counts.size <= 68
    assert np.abs(edges[:, None] - after[None]).min() > 0.04


def test_histogram_bins_of_other_weights():
    for after in ([1.0, 1.0], [0.0, 0.1, np.pi], [np.nan, 2.0, 3.0]):
        values = np.array(after)
        edges = _edges(np.array([0.5, 2.5]), values)
        assert (np.diff(edges) > 0).all()
        assert edges[0] <= 0.5
        assert edges[-1] >= np.nanmax(values)


def test_errors_name_what_is_missing(run):
    chip, fixed = run["chip"], run["fixed"]
    with pytest.raises(UnknownName, match="did you mean 'in->hidden'"):
        report.weight_histograms(run["network"], fixed, "in->hiden")
    with pytest.raises(UnknownName, match="recorded register"):
        report.traces(None, fixed.physical(chip), "hidden", "w")
    with pytest.raises(InputError, match="record some"):
        report.traces(None, fixed.physical(chip), "hidden", neurons=[])


def test_matplotlib_is_left_as_it_was(run):
    import matplotlib as mpl

    mpl.rcParams["axes.labelsize"] = 3.0
    try:
        before = dict(mpl.rcParams)
        figure = report.raster(None, run["chip"], "hidden")
        png(figure)
        assert dict(mpl.rcParams) == before
        assert figure.axes[0].xaxis.label.get_size() == 11.0
    finally:
        mpl.rcdefaults()


def test_matplotlib_is_imported_only_when_drawing():
    code = "import sys, json, neurohw.report; print(json.dumps(list(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(out.stdout)
    assert "matplotlib" not in loaded
    assert "PIL" not in loaded


def test_names_that_fonts_and_mathtext_dislike(run):
    for name in ("a$b$c_d^{", "層1 \U0001f9e0", "x\n\ty\x00"):
        chip = run["chip"]
        renamed = Recording(
            DT, STEPS, TRIALS, {name: 6}, {name: chip.spikes["hidden"]},
            synaptic_events={name: 5},
        )  # fmt: skip
        png(report.raster(None, renamed, name))
        png(report.synaptic_operations(renamed))


# --- Pieces of text


def test_text_pieces():
    assert esc("a<b>&\"'\x00\ud800") == "a&lt;b&gt;&amp;&quot;&#x27;\ufffd\ufffd"
    assert label("x" * 50) == "x" * 39 + "…"
    assert label("a\nb") == "a\ufffdb"
    assert [share(x) for x in (None, 0.0, 1.0, 0.5)] == [
        "undefined", "0.00 %", "100.00 %", "50.00 %",
    ]  # fmt: skip
    assert share(0.999999) == "over 99.99 %"
    assert share(1e-6) == "0.0001 %"
    assert [span(x) for x in (1e-4, 1e-3, 2.7e-3, 1.0)] == ["100 µs", "1 ms", "2.7 ms", "1 s"]
    assert [number(x) for x in (0, 999_999, 5_172_392)] == ["0", "999,999", "5.172 M"]
    assert title("a", "b") == "a, b"
    assert title("a" * 30, "b", "c" * 30) == "a" * 30 + ", b\n" + "c" * 30
    assert [time_unit(x)[1] for x in (1e-4, 5e-3, 1.9, 3.0)] == ["µs", "ms", "ms", "s"]
    assert "<td class=n>&lt;1</td>" in table(("a", "b"), [("x", "<1")], "c")
