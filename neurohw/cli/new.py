"""``neurohw chips new``: a profile to edit, and what to do with it."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from neurohw.cli.options import Commands, command, place

TEMPLATE = "prototype"
TAKEN = ("verify", "new")
"""Words that follow ``neurohw chips`` and so are no names of chips."""


def add(commands: Commands) -> None:
    parser = command(
        commands, "chips new", "start a chip of your own from a template, and say what to edit",
        "  neurohw chips new mychip                       writes mychip.toml\n"
        "  neurohw chips new mychip --like loihi2 -o chips/mychip.toml",
    )  # fmt: skip
    parser.add_argument("name", metavar="NAME", help="small letters, digits, '_' and '-'")
    parser.add_argument(
        "-o", "--output", type=place, metavar="FILE.toml", help="default: NAME.toml here"
    )
    parser.add_argument(
        "--like", default=TEMPLATE, metavar="CHIP", help=f"what to copy (default {TEMPLATE})"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from neurohw import files
    from neurohw.chip import load_chip, parse_chip, profile_folder
    from neurohw.cli import console
    from neurohw.errors import FileError, InputError

    name = options.name
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", name) or name in TAKEN:
        raise InputError(f"'{name}' is no name of a chip; use small letters, digits, '_' and '-'")
    if ":" in options.like[2:]:
        raise InputError(f"--like {options.like}: a variant is part of its chip; name the chip")
    path = Path(options.output or f"{name}.toml")
    if path.suffix != ".toml":
        raise FileError(f"{path}: a profile ends in .toml; name one")
    if path.exists():
        raise FileError(f"{path}: is there already; remove it or choose another name")
    like = load_chip(options.like)
    text = renamed(Path(like.path).read_text(encoding="utf-8-sig"), name, like.name)
    chip = parse_chip(text, str(path))
    files.write_text(path, text)
    file = str(path) if "/" in str(path) else f"./{path}"
    neuron = next(iter(chip.neurons))
    for line in (
        f"{path}: a copy of {like.name}, which already runs. Edit, in this order:",
        "  title, notes, [oracle]    what the chip is, and what it is held to (claim no more)",
        "  [sources]                 documents; each table's `source` and `status` name one",
        "  [limits] [delivery]       neurons, synapses; ticks from a spike to its arrival",
        "  [weight] [delay]          bits, exponents, modes; delays in ticks",
        f"  [neuron.{neuron}]".ljust(28) + "registers and their formats, and the equations",
        f"  [neuron.{neuron}.from_physical.*]  how a model's parameters become its codes",
        f"check it:  neurohw chips {file}    and    neurohw chips {file} --show-kernel {neuron}",
        f"run it:    neurohw run NET.nir --dt 1e-4 --chip {file} --input spikes.npz -o out/",
        f"all keys:  {profile_folder() / 'README.md'}",
    ):
        console.line(line)
    return 0


def renamed(text: str, name: str, like: str) -> str:
    """The text of a profile with its own name, title and oracle; comments stay.

    Its vectors and variants are left out: they are claims about the original.
    """
    from neurohw.chip.positions import Positions

    places = Positions(text)
    text = places.text
    edits = []
    for path, value in {
        ("name",): name,
        ("title",): f"{name}: a copy of {like}, to be changed",
        ("oracle", "name"): "none: not compared with anything yet",
        ("oracle", "claim"): "its kernels equal the integer interpreter; nothing else was compared",
    }.items():
        _, start, end = places.statement(path)
        edits.append((start, end, f'"{value}"'))
    for path in (("oracle", "vectors"), ("oracle", "files")):
        if path in places.keys:
            start, _, end = places.statement(path)
            rest = re.compile(r"[ \t]*(#[^\n]*)?\n?").match(text, end)
            edits.append((start, rest.end() if rest else end, ""))
    starts = sorted((at, path[0] == "variant") for path, at in places.keys.items())
    for (at, drop), (after, _) in zip(starts, [*starts[1:], (len(text), False)], strict=True):
        if drop:
            edits.append((at, after, ""))
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text.rstrip() + "\n"
