"""``neurohw chips verify``: replay what the oracles left, value by value."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from neurohw.cli.options import Commands, command, json_option

if TYPE_CHECKING:
    from neurohw.chip import Chip
    from neurohw.vectors.results import Replay

WORDS = {
    "equal": "equal", "different": "DIFFERENT", "error": "ERROR",
    "nothing compared": "nothing to compare",
}  # fmt: skip


def add(commands: Commands) -> None:
    parser = command(
        commands, "chips verify", "replay the oracles' vectors, compare every value",
        "  neurohw chips verify                        every chip and variant that ships\n"
        "  neurohw chips verify xylo1 loihi1:brian2\n"
        "  neurohw chips verify ./mychip.toml --vectors ~/vectors\n"
        "  neurohw chips verify tinyodin --interpreter    slow: plain Python integers\n"
        "exit code 1 if a value differs or a file can't be replayed",
    )  # fmt: skip
    parser.add_argument(
        "chips", nargs="*", metavar="NAME|FILE.toml", help="which chips; all by default"
    )
    parser.add_argument(
        "--vectors", metavar="FOLDER", help="vectors from here instead of those that ship"
    )
    parser.add_argument(
        "--interpreter", action="store_true", help="run the interpreter instead of the kernels"
    )
    json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from neurohw.chip import load_chip
    from neurohw.cli import console, verified

    named = [load_chip(name) for name in options.chips]
    chips = named or [chip for chip in shipped() if chip.oracle.vectors]
    results = replay_all(chips, options.vectors, options.interpreter, options.json)
    if not options.vectors and not options.interpreter:
        for chip, result in zip(chips, results, strict=True):
            if result.files:
                verified.keep(chip, result)
    failed = [r for r in results if r.verdict in ("different", "error")]
    if options.json:
        console.as_json([r.as_dict() for r in results])
        return 1 if failed else 0
    console.table(
        "Vectors replayed", ("chip", "files", "values compared", "different", "seconds", "result"),
        [_row(result) for result in results],
    )  # fmt: skip
    if any(f.file.startswith("own_") for r in results for f in r.replayed):
        console.line("own: made by this project's interpreter, to notice changes; no oracle's word")
    for chip, result in zip(chips, results, strict=True):
        if result.verdict == "nothing compared":
            console.line(f"{chip.name}: {_why(chip, result)}")
    if failed:
        console.line(f"first: {failed[0].chip}: {failed[0].first}")
    return 1 if failed else 0


def shipped() -> list[Chip]:
    """Every chip that ships, each followed by its variants."""
    from neurohw.chip import list_chips, load_chip

    found = []
    for name in list_chips():
        chip = load_chip(name)
        found += [chip, *(load_chip(f"{name}:{variant}") for variant in chip.variants)]
    return found


def replay_all(
    chips: Sequence[Chip], folder: str | None, interpreted: bool, quiet: bool
) -> list[Replay]:
    """The results of all chips, with one progress bar."""
    from neurohw.cli import console
    from neurohw.vectors.find import vector_files
    from neurohw.vectors.replay import replay

    counts = [len(vector_files(chip, folder)) for chip in chips]
    total, done, results = sum(counts), 0, []
    with console.progress("replaying", quiet) as bar:
        for chip, count in zip(chips, counts, strict=True):

            def step(k: int, _: int, before: int = done) -> None:
                bar(before + k, total)

            kind: Any = "interpreter" if interpreted else "kernel"
            results.append(replay(chip, folder, run=kind, progress=step))
            done += count
    return results


def _row(result: Replay) -> tuple[str, ...]:
    elsewhere = sorted({c for f in result.replayed for c in f.chips} - {result.chip})
    name = f"{result.chip} (as {', '.join(elsewhere)})" if elsewhere else result.chip
    own = sum(f.file.startswith("own_") for f in result.replayed)
    files = f"{len(result.replayed) - own}{f' + {own} own' if own else ''}"
    return (
        name, files, f"{result.compared:,}", f"{result.different:,}",
        f"{result.seconds:.1f}", WORDS[result.verdict],
    )  # fmt: skip


def _why(chip: Chip, result: Replay) -> str:
    if not chip.oracle.vectors:
        return f"has no vectors (oracle: {chip.oracle.name})"
    if not result.files:
        return f"there are no files {', '.join(chip.oracle.files)} of '{chip.oracle.vectors}' there"
    return f"none of {len(result.files)} files holds anything that this chip claims"
