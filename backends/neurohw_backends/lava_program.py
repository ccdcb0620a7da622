"""The text of an exported program: modules of this package, joined into one file that stands alone.

Each piece is an ordinary module, checked like any other; below its marker begins what the program
takes over. Imports from the standard library are gathered at the top, imports between the pieces
fall away, and generated neurons come where the first piece leaves room for them.
"""

from __future__ import annotations

from pathlib import Path

PIECES = ("lava_script", "lava_processes", "lava_connections", "lava_build", "lava_running")
BODY = "# == program ==\n"
NEURONS = "# == generated neurons ==\n"
FUTURE = "from __future__ import annotations\n"


def join_program(neurons: str = NEURONS) -> str:
    """The whole script, with ``neurons`` (source text) in its place."""
    heads, bodies = [], []
    for piece in PIECES:
        text = Path(__file__).with_name(f"{piece}.py").read_text(encoding="utf-8")
        head, body = text.split(BODY)
        heads.append(head)
        bodies.append(body.strip("\n"))
    title = heads[0].split(FUTURE)[0]
    plain: set[str] = set()
    named: dict[str, set[str]] = {}
    for line in (line for head in heads for line in head.split(FUTURE)[1].splitlines()):
        if line.startswith("import ") and "numpy" not in line:
            plain.add(line)
        elif line.startswith("from ") and "neurohw_backends" not in line:
            module, names = line.removeprefix("from ").split(" import ")
            named.setdefault(module, set()).update(names.split(", "))
    lines = [f"from {module} import {', '.join(sorted(named[module]))}" for module in sorted(named)]
    top = "\n".join([*sorted(plain), *lines, "", "import numpy as np"])
    bodies[0] = bodies[0].replace(NEURONS, neurons)
    return f"{title}{FUTURE}\n{top}\n\n" + "\n\n\n".join(bodies) + "\n"
