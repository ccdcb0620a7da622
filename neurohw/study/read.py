"""From a TOML file to a Study, with every mistake reported at its line and column."""

from __future__ import annotations

import itertools
import math
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from neurohw.chip.positions import Positions
from neurohw.chip.table import Table
from neurohw.errors import FileError, InputError, ProfileError, UnknownName
from neurohw.study.keys import OWN, REQUIRED, TOP, fault_of, is_own, kinds_of
from neurohw.study.metrics import DEFAULT, METRICS, is_metric
from neurohw.study.model import Settings, Study

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LARGEST = 10_000_000
MOST = 1_000_000
"""Tasks of one study."""


def load_study(path: str | Path) -> Study:
    """The study that a TOML file describes. FileError or InputError say where it can't be."""
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST:
            raise FileError(f"{path}: has over {LARGEST:,} bytes; a study is a short text")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FileError(f"{path}: can't be read ({error.strerror})") from None
    except (UnicodeDecodeError, ValueError):
        raise FileError(f"{path}: is not UTF-8 text") from None
    return parse_study(text, str(path), path.parent)


def parse_study(text: str, file: str = "study", folder: Path = Path()) -> Study:
    """A study from its text; the names of files in it are relative to ``folder``."""
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        match = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        place = f":{match[1]}:{match[2]}" if match else ""
        if "(at end of document)" in str(error):
            place = f":{len(text.splitlines()) or 1}:1"
        raise FileError(f"{file}{place}: not valid TOML: {str(error).split(' (at')[0]}") from None
    try:
        return _Reader(Table(data, (), file, Positions(text)), folder).study()
    except ProfileError as error:  # what a Table raises; this is no profile
        raise InputError(str(error)) from None


class _Reader:
    """One file on its way to a Study."""

    def __init__(self, top: Table, folder: Path) -> None:
        self.top, self.folder = top, folder
        self.places: dict[str, str] = {}

    def study(self) -> Study:
        top = self.top
        name = top.text("name", Path(top.file).stem)
        base: dict[str, Any] = {"seed": 0}
        for key in TOP:
            if top.has(key):
                self.place(key, (key,))
                base[key] = self.sound(key, top.get(key, object, ""), (key,))
        for outer, keys in OWN.items():
            table = top.table(outer, required=False)
            for key in keys:
                if table.has(key):
                    self.place(f"{outer}.{key}", (outer, key))
                    value = table.get(key, object, "")
                    base[f"{outer}.{key}"] = self.sound(f"{outer}.{key}", value, (outer, key))
            table.finish()
        base.update(self.flat("set"))
        axes, points = self.points()
        timeout = top.get("timeout_s", (int, float), "seconds", 0)
        if not 0 <= timeout < math.inf:
            raise top.error(f"timeout_s is {timeout}; give seconds, or leave it out", "timeout_s")
        metrics = self.metrics(axes)
        top.finish()
        study = Study(
            name, base, axes, points, metrics, self.folder, float(timeout) or None, top.file,
            self.places,
        )  # fmt: skip
        for key in REQUIRED:
            if not all(key in base or key in p for p in points):
                raise InputError(f"{top.file}: has no '{key}'; give {kinds_of(key)[1]}")
        return study

    def metrics(self, axes: tuple[str, ...]) -> tuple[str, ...]:
        names = self.top.get("metrics", list, "a list of names", list(DEFAULT))
        for k, name in enumerate(names):
            if not is_metric(name):
                unknown = str(UnknownName.of("metric", name, METRICS))
                raise self.fault(("metrics", str(k)), unknown)
        twice = {n for n in names if names.count(n) > 1} | set(names) & set(axes)
        if twice or not names:
            what = f"'{min(twice)}' is there twice" if twice else "is empty"
            raise self.top.error(f"metrics: {what}; name each figure once", "metrics")
        return tuple(names)

    def points(self) -> tuple[tuple[str, ...], tuple[Settings, ...]]:
        """The keys that vary, and all combinations: the product of the axes, then those listed."""
        groups: list[list[dict[str, Any]]] = []
        axes: list[str] = []
        for key, values in self.columns(self.top.table("axes", required=False), ("axes",)).items():
            axes.append(key)
            groups.append([{key: v} for v in values])
        for k, data in enumerate(self.top.get("zip", list, "tables [[zip]]", [])):
            group = self.columns(self.inner(data, "zip", k), ("zip", str(k)))
            if len({len(v) for v in group.values()}) != 1:
                sizes = (
                    ", ".join(f"{key} has {len(v)}" for key, v in group.items()) or "it is empty"
                )
                raise self.fault(("zip", str(k)), f"the keys of a [[zip]] change together: {sizes}")
            axes += group
            groups.append([dict(zip(group, row)) for row in zip(*group.values())])
        axes += self.seeds(groups)
        twice = [key for key in axes if axes.count(key) > 1]
        if twice:
            raise InputError(f"{self.places[twice[0]]}: '{twice[0]}' is an axis twice; keep one")
        number = math.prod(map(len, groups))
        listed = self.top.get("points", list, "tables [[points]]", [])
        if number + len(listed) > MOST:
            raise InputError(
                f"{self.top.file}: comes to {number + len(listed):,} tasks; a study has up to {MOST:,}"
            )
        product = [
            {k: v for part in parts for k, v in part.items()}
            for parts in itertools.product(*groups)
        ]  # fmt: skip
        points = product if groups or not listed else []
        for k, data in enumerate(listed):
            self.inner(data, "points", k)
            point = dict(self.flatten(data, ("points", str(k))))
            points.append(point)
            axes += [key for key in point if key not in axes]
        return tuple(axes), tuple(points)

    def inner(self, data: Any, key: str, k: int) -> Table:
        if not isinstance(data, dict):
            raise self.top.error(f"every entry of {key} is a table: [[{key}]]", key)
        return Table(data, (key, str(k)), self.top.file, self.top.positions)

    def seeds(self, groups: list[list[dict[str, Any]]]) -> list[str]:
        if not self.top.has("seeds"):
            return []
        self.place("seed", ("seeds",))
        value = self.top.get("seeds", (int, list), "how many seeds, or a list of them")
        if isinstance(value, int) and not 1 <= value <= MOST:
            raise self.top.error(f"seeds is {value}; give 1..{MOST}, or a list", "seeds")
        values = list(range(value)) if isinstance(value, int) else value
        self.check_values("seed", values, ("seeds",))
        groups.append([{"seed": v} for v in values])
        return ["seed"]

    def columns(self, table: Table, path: tuple[str, ...]) -> dict[str, list[Any]]:
        """Lists by dotted key; tables within tables are keys with dots."""
        found: dict[str, list[Any]] = {}
        for key, inner, values in self.leaves(table.data, path, ""):
            if not isinstance(values, list):
                raise self.fault(inner, f"axis '{key}' is {values!r}; give a list of values")
            self.check_values(key, values, inner)
            found[key] = values
        return found

    def check_values(self, key: str, values: list[Any], path: tuple[str, ...]) -> None:
        self.place(key, path)
        if not values:
            raise self.fault(path, f"axis '{key}' is empty; give at least one value")
        for k, value in enumerate(values):
            self.sound(key, value, (*path, str(k)))
            if any(value == v and type(value) is type(v) for v in values[:k]):
                raise self.fault((*path, str(k)), f"axis '{key}' has {value!r} twice; drop one")

    def flat(self, key: str) -> dict[str, Any]:
        """The table ``key`` as values by dotted key."""
        return dict(self.flatten(self.top.table(key, required=False).data, (key,), profile=True))

    def flatten(
        self, data: Mapping[str, Any], path: tuple[str, ...], profile: bool = False
    ) -> Iterator[tuple[str, Any]]:
        for key, inner, value in self.leaves(data, path, ""):
            if profile and is_own(key):
                raise self.fault(inner, f"[set] is for keys of the profile; '{key}' stands outside")
            self.place(key, inner)
            yield key, self.sound(key, value, inner)

    def leaves(
        self, data: Mapping[str, Any], path: tuple[str, ...], prefix: str
    ) -> Iterator[tuple[str, tuple[str, ...], Any]]:
        for key, value in data.items():
            label = f"{prefix}{key}"
            if isinstance(value, dict) and value:
                yield from self.leaves(value, (*path, key), f"{label}.")
            else:
                yield label, (*path, key), value

    def sound(self, key: str, value: Any, path: tuple[str, ...]) -> Any:
        """The value, if it is of the kind that the key takes."""
        fault = fault_of(key, value)
        if fault:
            raise self.fault(path, fault)
        return value

    def place(self, key: str, path: tuple[str, ...]) -> None:
        line, column = self.top.positions.key(path)
        self.places.setdefault(key, f"{self.top.file}:{line}:{column}")

    def fault(self, path: tuple[str, ...], message: str) -> InputError:
        line, column = self.top.positions.value(path)
        return InputError(f"{self.top.file}:{line}:{column}: {message}")
