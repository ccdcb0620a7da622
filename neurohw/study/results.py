"""The results file: a JSON object a line, appended whole, safe against being killed at any moment."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from neurohw import files
from neurohw.errors import FileError

Row = dict[str, Any]
NAME = "results.jsonl"


def read_rows(path: Path) -> list[Row]:
    """All whole rows of a results file, the last of each id; a torn last line counts as not there."""
    return list(_parse(path, _whole(path)).values())


class Results:
    """A results file that is appended to. Rows are known by their ``id``."""

    def __init__(self, path: Path) -> None:
        """Open or create; a torn last line is cut off. FileError for lines that are no rows."""
        self.path = path
        whole = _whole(path)
        self.rows = _parse(path, whole)
        self.handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        os.ftruncate(self.handle, len(whole))

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a row: in one write, on the disk when this returns, or not at all."""
        line = _line(row)
        size = os.fstat(self.handle).st_size
        try:
            written = os.write(self.handle, line)
            if written < len(line):
                raise OSError(28, "no space left")
            os.fsync(self.handle)
        except OSError as error:
            os.ftruncate(self.handle, size)
            raise FileError(
                f"{self.path}: can't be written ({error.strerror}); what it holds is kept"
            ) from None
        self.rows[row["id"]] = dict(row)

    def drop(self, ids: Iterable[str]) -> None:
        """Take rows out; the file is replaced as a whole."""
        gone = set(ids) & self.rows.keys()
        if not gone:
            return
        self.rows = {k: row for k, row in self.rows.items() if k not in gone}
        self.close()
        with files.replacing(self.path) as stream:
            stream.writelines(map(_line, self.rows.values()))
        self.handle = os.open(self.path, os.O_RDWR | os.O_APPEND)

    def close(self) -> None:
        """Close the file."""
        os.close(self.handle)


def flat(row: Mapping[str, Any]) -> Row:
    """Tables within a row become columns with dots."""
    return dict(_leaves(row, ""))


def _leaves(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """All rows as CSV, complete or not there; a column for each key of any row."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(key)) for key in columns])
    files.write_text(path, out.getvalue())


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (list, dict, bool)) else value


def _line(row: Mapping[str, Any]) -> bytes:
    return json.dumps(row, allow_nan=False).encode() + b"\n"


def _whole(path: Path) -> bytes:
    """What a results file holds up to its last line break; nothing if there is no file."""
    try:
        data = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise FileError(f"{path}: can't be read ({error.strerror})") from None
    return data[: data.rfind(b"\n") + 1]


def _parse(path: Path, data: bytes) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for k, line in enumerate(data.splitlines(), start=1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict) or not isinstance(row.get("id"), str):
            raise FileError(
                f"{path}:{k}: is no row of a study; remove the line or use another folder"
            )
        rows[row["id"]] = row
    return rows
