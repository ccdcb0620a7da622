"""Do what a study still has to do, and keep every result the moment it is there."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurohw import files
from neurohw.errors import FileError, NetworkError
from neurohw.machine import cores
from neurohw.study.content import Blobs
from neurohw.study.evaluate import Answer, Evaluator
from neurohw.study.lock import locked
from neurohw.study.metrics import columns
from neurohw.study.model import Study, Task
from neurohw.study.pool import Pool
from neurohw.study.results import NAME, Results, Row, flat, read_rows, write_csv
from neurohw.study.tasks import Plan, plan


@dataclass(frozen=True)
class Progress:
    """How far a study is: tasks in all, done (failed ones among them), and seconds left, if known."""

    total: int
    done: int
    failed: int
    left: float | None = None


@dataclass(frozen=True)
class Finished:
    """A study's rows, in the order of its tasks; ``ran`` of them now, the others before."""

    rows: tuple[Row, ...]
    ran: int

    @property
    def failed(self) -> list[Row]:
        """Rows of tasks that came to an error."""
        return [row for row in self.rows if row["error"] is not None]


def standing(study: Study, folder: str | Path) -> Progress:
    """How far a study is, without doing anything."""
    tasks = plan(study).tasks
    rows = [row for row in read_rows(Path(folder) / NAME) if row["id"] in tasks]
    return Progress(len(tasks), len(rows), sum(row.get("error") is not None for row in rows))


def run_study(
    study: Study,
    folder: str | Path,
    *,
    workers: int | None = None,
    dask: str = "",
    retry: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Finished:
    """Run the tasks that ``folder`` has no result of; write results.jsonl, .csv and a plot there.

    ``workers``: processes on this machine, by default one for each core; 0 runs in this process,
    without ``timeout_s``. ``dask``: the address of a Dask scheduler to use instead. ``retry`` also
    runs tasks that came to an error. A result is kept when it is there: a study that is interrupted
    or killed goes on where it was. InputError if another study runs in the folder.
    """
    from neurohw.study.pareto import draw

    work = plan(study)
    folder = Path(folder)
    files.check_folder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{folder}: can't be made ({error.strerror})") from None
    with locked(folder / "study.lock"), contextlib.closing(Results(folder / NAME)) as results:
        if retry:
            mine = [results.rows[k] for k in work.tasks if k in results.rows]
            results.drop(row["id"] for row in mine if row.get("error") is not None)
        todo = {k: task for k, task in work.tasks.items() if k not in results.rows}
        if todo:
            _check(todo, work.blobs)
            _run(study, work, todo, results, workers, dask, progress)
        rows = tuple(results.rows[k] for k in work.tasks)
        write_csv(folder / "results.csv", rows)
        draw(study, rows, folder / "pareto.png")
    return Finished(rows, len(todo))


def _run(
    study: Study, work: Plan, todo: Mapping[str, Task], results: Results, workers: int | None,
    dask: str, progress: Callable[[Progress], None] | None,
) -> None:  # fmt: skip
    before = [results.rows[k] for k in work.tasks if k in results.rows]
    failed = sum(row.get("error") is not None for row in before)
    total, done = len(work.tasks), len(before)
    report = progress or (lambda _: None)
    report(Progress(total, done, failed))
    given = {k: task.as_dict() for k, task in todo.items()}
    ends: list[float] = []
    with contextlib.closing(_outcomes(given, work.blobs, workers, dask, study.timeout)) as found:
        for k, answer in found:
            results.append(row_of(study, k, work.tasks[k], answer))
            done, failed = done + 1, failed + (answer["error"] is not None)
            ends.append(time.monotonic())
            report(Progress(total, done, failed, _left(ends, total - done)))


def _left(ends: list[float], tasks: int) -> float | None:
    """Seconds for the remaining tasks, from when others ended; the first also paid for the start."""
    if not tasks:
        return 0.0
    return None if len(ends) < 3 else (ends[-1] - ends[0]) / (len(ends) - 1) * tasks


def _outcomes(
    tasks: Mapping[str, Mapping[str, Any]], blobs: Blobs, workers: int | None, dask: str,
    timeout: float | None,
) -> Generator[tuple[str, Answer]]:  # fmt: skip
    if dask:
        from neurohw.entry import load_backend

        yield from load_backend("dask").outcomes(tasks, blobs, address=dask, timeout=timeout)
        return
    number = cores() if workers is None else workers
    if not number:
        evaluator = Evaluator(blobs, None)
        yield from ((k, evaluator.answer(task)) for k, task in tasks.items())
        return
    with Pool(blobs, number, timeout, 1 if number > 1 else None) as pool:
        yield from pool.outcomes(tasks)


def row_of(study: Study, label: str, task: Task, answer: Answer) -> Row:
    """A row of the table: id, axes, figures, error, seconds, version. What is missing is None."""
    return flat({
        "id": label,
        **task.axes,
        **{name: answer["figures"].get(name) for name in columns(study.metrics)},
        "error": answer["error"],
        "seconds": None if answer["seconds"] is None else round(answer["seconds"], 4),
        "neurohw": task.content["neurohw"],
    })  # fmt: skip


def _check(todo: Mapping[str, Task], blobs: Blobs) -> None:
    """What is wrong with the files or metrics of the first task is so for all: raise it now.

    A network that can't be at its time step may be possible at another.
    """
    with contextlib.suppress(NetworkError):
        Evaluator(blobs).model(next(iter(todo.values())).as_dict())
