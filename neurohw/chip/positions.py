"""Where each key and value of a TOML file stands, so that an error can point at it.

``tomllib`` keeps no positions. This scan knows just enough of TOML to walk a file that ``tomllib``
has already accepted: keys, strings, arrays and inline tables.
"""

from __future__ import annotations

import re

Path = tuple[str, ...]

_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN = re.compile(r"[^,\]}\n#]*")
_ESCAPE = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[ \t]*\n[ \t\n]*|.)")


class Positions:
    """Offsets by path of keys. Entry k of an array has the path of the array and 'k' behind it."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.at = 0
        self.keys: dict[Path, int] = {}
        self.values: dict[Path, int] = {}
        self.strings: dict[Path, tuple[int, bool]] = {}
        self._arrays: dict[Path, int] = {}
        self._document()

    def key(self, path: Path) -> tuple[int, int]:
        """Line and column (from 1) of the last key of ``path``, or of the nearest table."""
        return self._place(self.keys.get(path, self._nearest(path)))

    def value(self, path: Path) -> tuple[int, int]:
        """Line and column of a value, of a text its first character; or of the nearest table."""
        return self._place(self._nearest(path))

    def inside(self, path: Path, line: int, column: int) -> tuple[int, int]:
        """Where ``line`` and ``column`` of the text at ``path`` are in the file."""
        if path not in self.strings or line < 1:
            return self.value(path)
        at, literal = self.strings[path]
        here = (1, 1)
        while here < (line, max(column, 1)) and at < len(self.text):
            escape = None if literal else _ESCAPE.match(self.text, at)
            said = escape[0] if escape else self.text[at]
            ends = said in ("\n", "\\n", "\\u000a", "\\u000A")
            if ends and here[0] == line:
                break
            at += len(said)
            if ends:
                here = (here[0] + 1, 1)
            elif not (escape and "\n" in said):
                here = (here[0], here[1] + 1)
        return self._place(at)

    def statement(self, path: Path) -> tuple[int, int, int]:
        """Offsets of a statement that is there: of its key, of its value, and behind that."""
        key = self.at = self.keys[path]
        self._path()
        self._peek()
        self.at += 1
        self._peek()
        value = self.at
        self._value(path)
        return key, value, self.at

    def _nearest(self, path: Path) -> int:
        while path:
            if path in self.values:
                return self.values[path]
            path = path[:-1]
        return 0

    def _place(self, at: int) -> tuple[int, int]:
        return self.text.count("\n", 0, at) + 1, at - self.text.rfind("\n", 0, at)

    # The scan. Nothing here fails: text that it can't follow ends it.

    def _peek(self) -> str:
        match = _BLANK.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.text[self.at : self.at + 1]

    def _document(self) -> None:
        table: Path = ()
        while head := self._peek():
            start = self.at
            if head == "[":
                double = self.text.startswith("[[", start)
                self.at += 1 + double
                table = self._header(self._path(), double)
                self.values.setdefault(table, start)
                self.keys.setdefault(table, start)
                self._peek()
                self.at += 1 + double
            else:
                self._pair(table)

    def _header(self, names: Path, double: bool) -> Path:
        path: Path = ()
        for k, name in enumerate(names, start=1):
            path = (*path, name)
            if double and k == len(names):
                self._arrays[path] = self._arrays.get(path, -1) + 1
                self.values.setdefault(path, self.text.rfind("[[", 0, self.at))
            if path in self._arrays:
                path = (*path, str(self._arrays[path]))
        return path

    def _pair(self, table: Path) -> None:
        self._peek()
        start = self.at
        names = self._path()
        for k in range(1, len(names) + 1):
            self.keys.setdefault((*table, *names[:k]), start)
            self.values.setdefault((*table, *names[:k]), start)
        if self._peek() == "=":
            self.at += 1
            self._value((*table, *names))

    def _path(self) -> Path:
        names = []
        while head := self._peek():
            if head in "\"'":
                start, end = self._string()
                names.append(self.text[start:end])
            else:
                bare = _BARE.match(self.text, self.at)
                self.at = bare.end() if bare else len(self.text)
                names.append(bare[0] if bare else "")
            if self._peek() != ".":
                break
            self.at += 1
        return tuple(names)

    def _value(self, path: Path) -> None:
        head = self._peek()
        self.values[path] = self.at
        if head and head in "\"'":
            self.values[path], _ = self._string()
            self.strings[path] = (self.values[path], head == "'")
        elif head and head in "[{":
            self.at += 1
            count = 0
            while (head := self._peek()) and head not in "]}":
                if head == ",":
                    self.at += 1
                elif self.text[self.values[path]] == "{":
                    self._pair(path)
                else:
                    self._value((*path, str(count)))
                    count += 1
            self.at += 1
        else:
            plain = _PLAIN.match(self.text, self.at)
            self.at = max(plain.end() if plain else 0, self.at + 1)

    def _string(self) -> tuple[int, int]:
        """Start and end of what is between the quotes; moves behind them."""
        quote = self.text[self.at]
        size = 3 if self.text.startswith(3 * quote, self.at) else 1
        start = at = self.at + size
        if size == 3 and self.text.startswith("\n", at):
            start = at = at + 1
        while at < len(self.text) and not self.text.startswith(size * quote, at):
            at += 2 if quote == '"' and self.text[at] == "\\" else 1
        while size == 3 and self.text.startswith(quote, at + 3):
            at += 1
        self.at = at + size
        return start, at
