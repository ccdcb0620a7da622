"""Replaying an oracle's vectors: every case run, every recorded value compared exactly."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from neurohw.chip.model import Chip
from neurohw.emulate import emulate, interpret
from neurohw.emulate.words import emulate_words
from neurohw.errors import FileError, InputError, NeurohwError, one_line
from neurohw.network.checks import whole
from neurohw.vectors.case import Case, Check, TableCase, WordCase
from neurohw.vectors.find import LARGEST, Reader, reader_of, vector_files
from neurohw.vectors.prefix import of_steps, of_words
from neurohw.vectors.results import Difference, FileReplay, Replay, Run


def replay(
    chip: Chip,
    folder: str | Path | None = None,
    files: Sequence[str] | None = None,
    run: Run = "kernel",
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Replay:
    """Replay the vectors of the chip's oracle, those that ship or those in ``folder``.

    files: patterns of file names, to choose among them.
    limit: with the interpreter, steps or words that it runs of each case; they are compared with the
        kernel, whose whole run is compared with the vectors.
    progress: called with (files done, files in all).

    A file that can't be read or a case that can't be run is a result with an ``error``.
    """
    if run not in ("kernel", "interpreter"):
        raise InputError(f"run is {run!r}; it is 'kernel' or 'interpreter'")
    if limit is not None:
        whole("limit", limit, 1)
        if run == "kernel":
            raise InputError("limit is for the interpreter; the kernel runs every case in full")
    paths = vector_files(chip, folder, files)
    found = []
    for k, path in enumerate(paths):
        if progress is not None:
            progress(k, len(paths))
        found.append(_file(path, chip, reader_of(chip, path), run, limit))
    if progress is not None:
        progress(len(paths), len(paths))
    return Replay(chip.name, run, tuple(found))


def _file(path: Path, chip: Chip, reader: Reader, run: Run, limit: int | None) -> FileReplay:
    began = time.perf_counter()
    compared = different = 0
    first: Difference | None = None
    error, cases, chips = "", [], set()
    try:
        if path.stat().st_size > LARGEST:
            raise FileError(f"has over {LARGEST:,} bytes; split it")
        # Vectors are of the datapath, some larger than the chip: its capacities do not count.
        cases = list(reader(path, replace(chip, limits={})))
    except Exception as problem:  # a damaged file makes a reader raise nearly everything
        error = f"can't be read as vectors of {chip.name} ({_said(problem)}); get it again"
    for case in cases:
        if not isinstance(case, TableCase):
            chips.add(case.network.chip.name)
        try:
            checks = _checks(case, run, limit)
        except Exception as problem:
            error = error or f"{case.name} can't be run ({_said(problem)})"
            continue
        for check in checks:
            size, count, difference = compare(case.name, check)
            compared, different = compared + size, different + count
            first = first or difference
    seconds = time.perf_counter() - began
    return FileReplay(
        path.name, len(cases), compared, different, first, seconds, one_line(error),
        tuple(sorted(chips or {chip.name} if cases else ())),
    )  # fmt: skip


def _said(problem: Exception) -> str:
    text = str(problem).split("\n", maxsplit=1)[0]
    return text if isinstance(problem, NeurohwError) else f"{type(problem).__name__}: {text}"


def _checks(case: Case | WordCase | TableCase, run: Run, limit: int | None) -> Sequence[Check]:
    if isinstance(case, TableCase):
        return case.check()
    if isinstance(case, WordCase):
        if limit is not None:
            return of_words(case, limit)
        interpreted = run == "interpreter"
        log = emulate_words(case.network, case.words, interpreted=interpreted, **case.options)
        return case.check(log)
    if limit is not None:
        return of_steps(case, limit)
    return case.check((interpret if run == "interpreter" else emulate)(case.network, **case.run))


def compare(name: str, check: Check) -> tuple[int, int, Difference | None]:
    """Values compared, values different, and the first of these.

    Of logs of different lengths the common part is compared; what is left over is different.
    """
    expected, got = np.asarray(check.expected), np.asarray(check.got)
    what, left = f"{name}: {check.what}", 0
    size = max(expected.size, got.size)
    shapes = Difference(what, (), f"shape {expected.shape}", f"shape {got.shape}")
    if expected.shape != got.shape:
        if not expected.ndim == got.ndim > 0 or expected.shape[1:] != got.shape[1:]:
            return max(size, 1), max(size, 1), shapes
        left = abs(expected.size - got.size)
        length = min(len(expected), len(got))
        expected, got = expected[:length], got[:length]
    unequal = np.asarray(expected != got)
    count = int(np.count_nonzero(unequal))
    if not count:
        return size, left, shapes if left else None
    index = tuple(int(k) for k in np.unravel_index(int(np.argmax(unequal)), unequal.shape))
    values = expected[index].item(), got[index].item()
    return size, count + left, Difference(what, index, *values)
