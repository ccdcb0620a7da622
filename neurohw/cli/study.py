"""``neurohw study``: a sweep over settings of a chip, resumable, with a table of what is best."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurohw.cli.options import Commands, command, json_option, place

if TYPE_CHECKING:
    from neurohw.study import Finished, Progress, Study
    from neurohw.study.pareto import Front

EVERY = 10.0
"""Seconds between lines of progress where there is no terminal."""
SHOWN = 20
"""Rows of the table of the best."""


def add(commands: Commands) -> None:
    parser = command(
        commands, "study", "run a sweep over settings of a chip; go on where it was interrupted",
        "  neurohw study study.toml                       results in study-results/\n"
        "  neurohw study study.toml --dry-run             how many tasks, how many done\n"
        "  neurohw study study.toml --retry               also what came to an error\n"
        "  neurohw study study.toml --dask tcp://host:8786 -o out/",
    )  # fmt: skip
    parser.add_argument(
        "study", metavar="STUDY.toml", help="what to run: see examples/09_study.toml"
    )
    parser.add_argument(
        "-o", "--output", type=place, metavar="FOLDER",
        help="where results are, and go (default: the study's name and -results)",
    )  # fmt: skip
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--workers", type=_count, metavar="N",
        help="processes on this machine (default: its cores; 0: in this process)",
    )  # fmt: skip
    where.add_argument("--dask", default="", metavar="ADDRESS", help="use a Dask cluster instead")
    parser.add_argument("--retry", action="store_true", help="run failed tasks again")
    parser.add_argument("--dry-run", action="store_true", help="only say what there is to do")
    json_option(parser)
    parser.set_defaults(run=run)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) > 4096:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of processes")
    return int(text)


def run(options: argparse.Namespace) -> int:
    from neurohw.cli import console
    from neurohw.study import load_study, run_study
    from neurohw.study.run import standing

    study = load_study(options.study)
    folder = Path(options.output or f"{Path(options.study).stem}-results")
    if options.dry_run:
        now = standing(study, folder)
        counts = {
            "tasks": now.total, "done": now.done, "failed": now.failed, "to_do": now.total - now.done
        }  # fmt: skip
        if options.json:
            console.as_json({"study": study.name, "folder": str(folder), **counts})
        else:
            console.line(
                f"{study.name}: {now.total:,} tasks, {now.done:,} done ({now.failed:,} failed), "
                f"{now.total - now.done:,} to do; results in {folder}"
            )
        return 0
    try:
        with _progress(study.name, options.json) as report:
            finished = run_study(
                study, folder, workers=options.workers, dask=options.dask, retry=options.retry,
                progress=report,
            )  # fmt: skip
    except KeyboardInterrupt:
        print(f"neurohw: what is done is in {folder}; the same command goes on", file=sys.stderr)
        raise
    _show(study, finished, folder, options.json)
    return 0


def _show(study: Study, finished: Finished, folder: Path, as_json: bool) -> None:
    from neurohw.cli import console
    from neurohw.study.pareto import front

    found = front(study, finished.rows)
    if as_json:
        console.as_json({
            "study": study.name, "folder": str(folder), "tasks": len(finished.rows),
            "ran": finished.ran, "failed": len(finished.failed),
            "metric": found.metric if found else None, "costs": list(found.costs) if found else [],
            "best": [
                {**c.settings, found.metric: c.quality, **dict(zip(found.costs, c.costs)),
                 "rows": c.rows} for c in found.best
            ] if found else [],
        })  # fmt: skip
        return
    if found:
        _table(found, study)
    failed = finished.failed
    if failed:
        console.line(
            f"{len(failed):,} failed, such as: {textwrap.shorten(failed[0]['error'], 160)}"
        )
        console.line("--retry runs them again")
    console.line(
        f"{len(finished.rows):,} tasks, {finished.ran:,} of them now: {folder / 'results.csv'}"
        + (f", {folder / 'pareto.png'}" if found else "")
    )


def _table(found: Front, study: Study) -> None:
    from neurohw.cli import console

    keys = list(dict.fromkeys(k for c in found.best for k in c.settings))
    varying = [k for k in keys if len({json.dumps(c.settings.get(k)) for c in found.all}) > 1]
    width = max(8, (console.WIDTH - 14 * (len(found.costs) + 3)) // max(len(varying), 1) - 2)
    rows = [
        (
            str(number), *(_cell(c.settings.get(k), width) for k in varying),
            f"{c.quality:.4g}", *(f"{x:,.0f}" if x >= 1000 else f"{x:.4g}" for x in c.costs),
            str(c.rows),
        )
        for number, c in enumerate(found.best[:SHOWN], start=1)
    ]  # fmt: skip
    more = f", {SHOWN} of {len(found.best)}" if len(found.best) > SHOWN else ""
    console.table(
        f"{study.name}: best {found.metric} for its cost{more}",
        ("", *(_head(k, varying) for k in varying), found.metric, *found.costs, "seeds"),
        rows,
    )


def _head(key: str, keys: list[str]) -> str:
    """The end of a key, as short as tells it from the others."""
    parts = key.split(".")
    for k in range(1, len(parts)):
        end = ".".join(parts[-k:])
        if sum(other == end or other.endswith(f".{end}") for other in keys) == 1:
            return end
    return key


def _cell(value: Any, width: int) -> str:
    text = value if isinstance(value, str) else "-" if value is None else json.dumps(value)
    text = " ".join(text.split())
    return text if len(text) <= width else f"{text[: width - 1]}…"


@contextlib.contextmanager
def _progress(name: str, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """A bar with the time left on a terminal; elsewhere a line every some seconds; on stderr."""
    if quiet:
        yield lambda _: None
        return
    if not sys.stderr.isatty():
        yield _lines(name)
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    bar = Bar(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"),
        console=Console(stderr=True), transient=True,
    )  # fmt: skip
    task = bar.add_task(name, total=None, state="")
    with bar:
        yield lambda p: bar.update(task, completed=p.done, total=p.total, state=state(p))


def _lines(name: str) -> Callable[[Progress], None]:
    last = time.monotonic()

    def report(now: Progress) -> None:
        nonlocal last
        if time.monotonic() - last >= EVERY:
            last = time.monotonic()
            print(f"{name}: {state(now)}", file=sys.stderr, flush=True)

    return report


def state(now: Progress) -> str:
    """'312 of 1,000, 3 failed, 4 min left'"""
    parts = [f"{now.done:,} of {now.total:,}"]
    if now.failed:
        parts.append(f"{now.failed:,} failed")
    if now.left is not None:
        parts.append(f"{duration(now.left)} left")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"
