"""neurohw explain: the table, the page, the JSON, and errors in one line."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from neurohw.cli import main
from neurohw.explain.distance import Distance
from neurohw.explain.explanation import Explanation
from neurohw.explain.ladder import Rung
from neurohw.report.budget import explain_page, waterfall
from neurohw.report.style import png
from neurohw.testing.uncompiled import uncompile

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
ARGUMENTS = [
    "explain", str(DIGITS / "cuba.nir"), "--dt", "1e-4", "--integrator", "euler", "--input",
    str(DIGITS / "test_data.npz"), "--trials", "4",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _plain(monkeypatch):
    uncompile(monkeypatch)


class Page(HTMLParser):
    """The texts of a page, its tags balanced."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.said: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "img", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.said.append(data)


def test_table_page_and_json(tmp_path, capsys):
    assert main([*ARGUMENTS, "--chip", "prototype", "-o", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert "What to change first:" in out and "First difference" in out
    assert max(map(len, out.split("What to change")[0].splitlines())) <= 100
    page = (tmp_path / "out" / "explanation.html").read_text(encoding="utf-8")
    found = json.loads((tmp_path / "out" / "explanation.json").read_text())
    assert sum(r["share"] for r in found["rungs"]) == found["whole"] > 0
    read = Page(page)
    assert not read.open and "http:" not in page and "<script" not in page
    for text in (*found["advice"], found["causes"][0]["what"], found["margins"][0]["form"]):
        assert text in read.said, text
    alt = re.search(r'alt="([^"]*)"', page)
    assert alt is not None and "rounding:" in alt[1]


def test_json_and_nothing_else(capsys):
    assert main([*ARGUMENTS, "--chip", "prototype", "--meant", "snntorch", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    cost = {r["name"]: r["direct"]["changed"] for r in found["rungs"]}
    assert cost["latency"] > 0 and cost["reset"] > 0 and cost["integrator"] == 0
    assert {"rungs", "causes", "divergence", "worst", "margins", "advice"} <= set(found)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--chip", "prototype", "--meant", "snntorhc"], "did you mean 'snntorch'?"),
        (["--chip", "nothing"], "nothing"),
        (["--chip", "prototype", "--meant", "nir", "--fine", "4"], "leave one out"),
        (["--chip", "prototype", "--fine", "0"], "no whole number"),
    ],
)
def test_errors_in_one_line(more, message, capsys):
    try:
        code = main([*ARGUMENTS, *more])
    except SystemExit as error:
        code = int(error.code or 0)
    err = capsys.readouterr().err
    assert code == 2 and message in err and len(err.strip().splitlines()) == 1


def explanation(shares: list[float], directs: list[float], measure: str) -> Explanation:
    """An explanation of nothing, with these rungs."""
    rungs, total = [], 0.0
    for k, (share, direct) in enumerate(zip(shares, directs, strict=True)):
        total += share
        one, whole = (
            Distance(changed=int(x), membrane=float(x), spikes=100) for x in (direct, total)
        )
        name = ("equations", "delays", "parameters", "weights", "rounding", "overflow")[k]
        rungs.append(Rung(name, one, whole, share))
    return Explanation(
        "<net>", "chip & co", measure, ("a",), 1, 1, 0, None, tuple(rungs), (), None, (), (), ()
    )


@pytest.mark.parametrize("measure", ["spikes", "membrane"])
@pytest.mark.parametrize("shares", [[5, -3, 1, 0, 0, 2], [0] * 6, [1e-9, 0, 0, 0, 0, 0]])
def test_the_page_of_any_budget(shares, measure):
    """Nothing differs, errors that make up for one another, names that must be escaped."""
    e = explanation([float(s) for s in shares], [abs(s) for s in shares], measure)
    text = explain_page(e)
    assert not Page(text).open and "<net>" not in text and "&lt;net&gt;" in text
    _, width, height = png(waterfall(e))
    assert width > 600 and 300 < height < 1200
    assert np.isfinite(e.whole)
