"""Every example runs, prints something, and stays short."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


def test_there_are_examples():
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_example(path, capsys):
    assert len(path.read_text().splitlines()) < 60
    runpy.run_path(str(path))
    assert capsys.readouterr().out.strip()
