"""Where each key of a TOML file stands, so that an error about a value can point at it.

``tomllib`` keeps no positions. This scan knows just enough of TOML to find table headers, keys and
multi-line strings in a file that ``tomllib`` has already accepted.
"""

from __future__ import annotations

import re

Path = tuple[str, ...]

_HEADER = re.compile(r"^\s*\[\[?\s*(?P<path>[^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"^(?P<lead>\s*)(?P<key>[A-Za-z0-9_.\"'>=< +-]+?)\s*=\s*(?P<value>.*)$")
_INLINE = re.compile(r"[{,]\s*([A-Za-z0-9_\"-]+)\s*=\s*")


def find_positions(text: str) -> dict[Path, tuple[int, int]]:
    """Line and column (from 1) of every value by its path of keys.

    For a multi-line string it is the place of its first character, on the line after the quotes
    when it starts with a line break. Entries of an array of tables share their table's path.
    """
    found: dict[Path, tuple[int, int]] = {}
    table: Path = ()
    closing = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if closing:
            if closing in line:
                closing = ""
            continue
        header = _HEADER.match(line)
        if header and "=" not in header["path"].split("#")[0]:
            table = _split(header["path"])
            found[table] = (number, line.index("[") + 1)
            continue
        key = _KEY.match(line)
        if key is None or line.lstrip().startswith("#"):
            continue
        path = table + _split(key["key"])
        value, column = key["value"], key.start("value") + 1
        quotes = value[:3]
        if quotes in ('"""', "'''") and quotes not in value[3:]:
            closing = quotes
            found[path] = (number, column + 3) if value[3:].strip() else (number + 1, 1)
            continue
        shift = 3 if quotes in ('"""', "'''") else 1 if value[:1] in "\"'" else 0
        found[path] = (number, column + shift)
        if value.startswith("{"):
            for inner in _INLINE.finditer(value):
                place = (number, column + inner.end())
                found[(*path, inner[1].strip('"'))] = place
    return found


def _split(path: str) -> Path:
    parts = re.findall(r"\"([^\"]*)\"|'([^']*)'|([^.\s]+)", path)
    return tuple(a or b or c for a, b, c in parts)
