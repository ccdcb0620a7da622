"""Tables, progress and JSON on a terminal of 100 columns or less."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

WIDTH = 100
PATIENCE = 0.5
"""Seconds before a progress bar appears: what is over sooner needs none."""

Progress = Callable[[int, int], None]


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; the first column to the left, cells wrapped rather than cut."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    grid = Table(
        title=Text(printable(title)), box=box.SIMPLE_HEAD, title_justify="left", title_style="bold",
        header_style="bold", pad_edge=False,
    )  # fmt: skip
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(printable(cell)) for cell in row))
    _console().print(grid)


def line(text: str = "") -> None:
    """Print text as it is, but for what would command the terminal."""
    print(printable(text))


def printable(text: str) -> str:
    """``text`` with control characters spelt out, line breaks excepted."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def as_json(value: Any) -> None:
    """Print JSON; a value that JSON can't hold is a mistake of ours."""
    print(json.dumps(value, indent=2, allow_nan=False))


@contextlib.contextmanager
def progress(label: str, quiet: bool = False) -> Iterator[Progress]:
    """A bar on stderr for work that turns out to take longer than a moment."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(), console=Console(stderr=True), transient=True,
    )  # fmt: skip
    task = bar.add_task(label, total=None)
    began = time.monotonic()

    def update(done: int, total: int) -> None:
        if not bar.live.is_started and time.monotonic() - began > PATIENCE:
            bar.start()
        bar.update(task, completed=done, total=total)

    try:
        yield update
    finally:
        bar.stop()


@contextlib.contextmanager
def waiting(label: str, quiet: bool = False) -> Iterator[None]:
    """A spinner on stderr for work that reports no progress."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(label):
        yield


def _console() -> Any:
    from rich.console import Console

    console = Console(highlight=False)
    return Console(highlight=False, width=min(WIDTH, console.width)) if console.is_terminal else (
        Console(highlight=False, width=WIDTH)
    )  # fmt: skip
