"""Reading a TOML table strictly: every key asked for by name and type, none left over."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from neurohw.chip.positions import Path
from neurohw.errors import EquationError, ProfileError


class Table:
    """One table of a profile; ``finish`` raises for keys that nobody asked for."""

    def __init__(
        self,
        data: Mapping[str, Any],
        path: Path,
        file: str,
        positions: Mapping[Path, tuple[int, int]],
    ) -> None:
        self.data, self.path, self.file, self.positions = data, path, file, positions
        self.asked: set[str] = set()

    @property
    def name(self) -> str:
        """The dotted path of the table."""
        return ".".join(self.path) or "the profile"

    def place(self, key: str = "") -> tuple[int, int]:
        """Line and column of ``key``, or of the nearest table that holds it; (1, 1) if unknown."""
        path: Path = (*self.path, key) if key else self.path
        while path:
            if path in self.positions:
                return self.positions[path]
            path = path[:-1]
        return 1, 1

    def error(self, message: str, key: str = "") -> ProfileError:
        """A ProfileError that points at ``key``."""
        line, column = self.place(key)
        return ProfileError(f"{self.file}:{line}:{column}: {message}")

    def located(self, error: EquationError, key: str) -> EquationError:
        """An error inside the text of ``key``, moved to its place in the file."""
        line, column = self.place(key)
        shift = column - 1 if error.line <= 1 else 0
        return error.located(self.file, line + max(error.line, 1) - 1, shift + max(error.column, 1))

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self.data

    def get(self, key: str, kind: type | tuple[type, ...], what: str, default: Any = None) -> Any:
        """The value of ``key``, which must be of ``kind``; required if there is no default."""
        self.asked.add(key)
        if key not in self.data:
            if default is not None:
                return default
            raise self.error(f"[{self.name}] has no '{key}'; give {what}")
        value = self.data[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.error(f"{self.name}.{key} is {value!r}; it must be {what}", key)
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """A string."""
        return str(self.get(key, str, "a text in quotes", default)).strip()

    def choice(self, key: str, options: tuple[str, ...], default: str | None = None) -> Any:
        """One of several words (what the caller types as a Literal)."""
        value = self.get(key, str, "one of " + ", ".join(options), default)
        if value not in options:
            near = difflib.get_close_matches(value, options, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            listed = ", ".join(options)
            raise self.error(f"{self.name}.{key} is '{value}'; it is one of: {listed}{hint}", key)
        return value

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """An integer within bounds."""
        value = int(self.get(key, int, f"an integer {low}..{high}", default))
        if not low <= value <= high:
            raise self.error(f"{self.name}.{key} is {value}; it must be in {low}..{high}", key)
        return value

    def table(self, key: str, required: bool = True) -> Table:
        """A table inside this one (empty if it may be missing and is)."""
        data = self.get(key, dict, "a table", None if required else {})
        return Table(data, (*self.path, key), self.file, self.positions)

    def tables(self, key: str) -> Iterator[tuple[str, Table]]:
        """Every table inside the table ``key``, by name."""
        outer = self.table(key)
        for name in outer.data:
            yield name, outer.table(name)

    def source(self, sources: Mapping[str, str]) -> str:
        """The 'source' of this table, which must be one of the profile's sources."""
        value = self.text("source")
        if value not in sources:
            listed = ", ".join(sources) or "none"
            raise self.error(
                f"{self.name}.source is '{value}'; [sources] has: {listed}. Add it there, with the "
                "document, version and date",
                "source",
            )
        return value

    def status(self) -> Any:
        """The 'status' of this table."""
        return self.choice("status", ("documented", "measured", "assumed"))

    def finish(self) -> None:
        """Raise if a key was never asked for."""
        for key in self.data:
            if key not in self.asked:
                near = difflib.get_close_matches(key, self.asked, n=1, cutoff=0.5)
                hint = f"; did you mean '{near[0]}'?" if near else ""
                known = ", ".join(sorted(self.asked))
                raise self.error(
                    f"unknown key '{key}' in [{self.name}]{hint} It may have: {known}", key
                )
