"""Reading a TOML table strictly: every key asked for by name and type, none left over."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from neurohw.chip.positions import Path, Positions
from neurohw.errors import EquationError, ProfileError


class Table:
    """One table of a profile; ``finish`` raises for keys that nobody asked for.

    ``changed`` are the paths whose values are not those of the file.
    """

    def __init__(
        self,
        data: Mapping[str, Any],
        path: Path,
        file: str,
        positions: Positions,
        changed: frozenset[Path] = frozenset(),
    ) -> None:
        self.data, self.path, self.file, self.positions = data, path, file, positions
        self.changed = changed
        self.asked: set[str] = set()

    @property
    def name(self) -> str:
        """The dotted path of the table."""
        return ".".join(self.path) or "the profile"

    def label(self, key: str) -> str:
        """The dotted path of a key."""
        return ".".join((*self.path, key))

    def error(self, message: str, key: str = "") -> ProfileError:
        """A ProfileError that points at the value of ``key``."""
        path = (*self.path, key) if key else self.path
        return ProfileError(f"{self._where(path, self.positions.value(path))}: {message}")

    def misnamed(self, message: str, key: str) -> ProfileError:
        """A ProfileError that points at ``key`` itself."""
        path = (*self.path, key)
        return ProfileError(f"{self._where(path, self.positions.key(path))}: {message}")

    def located(self, error: EquationError, key: str) -> EquationError:
        """An error inside the text of ``key``, moved to its place in the file."""
        path = (*self.path, key)
        line, column = self.positions.inside(path, error.line, error.column)
        where = self._where(path, (line, column))
        return EquationError(f"{where}: {error.message}", line, column)

    def _where(self, path: Path, place: tuple[int, int]) -> str:
        for k in range(len(path) + 1):
            if path[:k] in self.changed:
                return f"{self.file} with another '{'.'.join(path[:k])}'"
        return f"{self.file}:{place[0]}:{place[1]}"

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self.data

    def get(self, key: str, kind: type | tuple[type, ...], what: str, default: Any = None) -> Any:
        """The value of ``key``, which must be of ``kind``; required if there is no default."""
        self.asked.add(key)
        if key not in self.data:
            if default is not None:
                return default
            spare = [k for k in self.data if k not in self.asked]
            for near in difflib.get_close_matches(key, spare, n=1, cutoff=0.7):
                raise self.misnamed(f"[{self.name}] has '{near}'; did you mean '{key}'?", near)
            raise self.error(f"[{self.name}] has no '{key}'; give {what}")
        value = self.data[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.error(f"{self.label(key)} is {_shown(value)}; it must be {what}", key)
        if isinstance(value, int) and abs(value) >= 2**63:
            raise self.error(f"{self.label(key)} is {_shown(value)}; TOML holds 64 bits", key)
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """A string."""
        return self.verbatim(key, default).strip()

    def verbatim(self, key: str, default: str | None = None) -> str:
        """A string with the space around it, as error positions count."""
        return str(self.get(key, str, "a text in quotes", default))

    def names(self, key: str, known: Iterable[str], what: str) -> tuple[str, ...]:
        """A list, empty if missing, of names that must be among the ``known``."""
        names = self.get(key, list, f"a list of {what}s", [])
        for name in names:
            if not isinstance(name, str) or name not in known:
                listed = ", ".join(known) or "none"
                raise self.error(
                    f"{self.label(key)}: {name!r} is no {what}; there are: {listed}", key
                )
        return tuple(names)

    def choice(self, key: str, options: tuple[str, ...], default: str | None = None) -> Any:
        """One of several words (what the caller types as a Literal)."""
        value = self.get(key, str, "one of " + ", ".join(options), default)
        if value not in options:
            near = difflib.get_close_matches(value, options, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            listed = ", ".join(options)
            raise self.error(f"{self.label(key)} is '{value}'; it is one of: {listed}{hint}", key)
        return value

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """An integer within bounds."""
        value = int(self.get(key, int, f"an integer {low}..{high}", default))
        if not low <= value <= high:
            raise self.error(f"{self.label(key)} is {value}; it must be in {low}..{high}", key)
        return value

    def flag(self, key: str) -> bool:
        """true or false; false if missing."""
        return bool(self.get(key, bool, "true or false", False))

    def table(self, key: str, required: bool = True) -> Table:
        """A table inside this one (empty if it may be missing and is)."""
        data = self.get(key, dict, "a table", None if required else {})
        return Table(data, (*self.path, key), self.file, self.positions, self.changed)

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
                f"{self.label('source')} is '{value}'; [sources] has: {listed}. Add it there, with the "
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
                hint = f"did you mean '{near[0]}'? it" if near else "it"
                known = ", ".join(sorted(self.asked))
                raise self.misnamed(
                    f"unknown key '{key}' in [{self.name}]; {hint} may have: {known}", key
                )


def _shown(value: Any) -> str:
    """The value for a message; not the whole of a table or a huge number."""
    if isinstance(value, (dict, list)):
        return "a table" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and abs(value) >= 2**63:
        return f"an integer of {value.bit_length()} bits"
    return repr(value)
