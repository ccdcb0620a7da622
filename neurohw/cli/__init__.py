"""The command line: the only part that prints and sets exit codes.

Exit codes: 0 done; 1 a verification found a difference; 2 wrong usage or input; 3 something needed
is not installed, or a child process failed; 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

EPILOG = """\
examples:
  neurohw demo                                   a trained network on a chip, from start to report
  neurohw chips                                  the chips there are
  neurohw chips verify                           replay the vectors that the chips are held to
  neurohw chips loihi2 --show-kernel lif         what a neuron computes, as generated code
  neurohw run NET.nir --dt 1e-4 --integrator euler --chip loihi2 --input spikes.npz -o out/
  neurohw quantise NET.nir --dt 1e-4 --chip ./mychip.toml
  neurohw explain NET.nir --dt 1e-4 --chip loihi2 --input spikes.npz -o out/
  neurohw map NET.nir --dt 1e-4 --chip loihi1 --input spikes.npz
  neurohw study study.toml                       a sweep over settings; goes on where it was
  neurohw models hodgkin-huxley --plot hh.png    the biology that silicon abstracts from
  neurohw ladder hodgkin_huxley --chip loihi2    what each abstraction costs, down to the chip
  neurohw compare out/reference.npz out/chip.npz
  neurohw export lava NET.nir --dt 1e-4 --chip loihi2 --input spikes.npz -o net.py --verify

exit codes: 0 done, 1 a verification found a difference, 2 wrong input, 3 something is missing or a
child process failed, 130 interrupted
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    from neurohw.errors import BackendMissing, ChildError, NeurohwError

    for stream in (sys.stdout, sys.stderr):  # a terminal may not have our Greek letters
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        parser = build_parser()
        options = parser.parse_args(_joined(sys.argv[1:] if arguments is None else arguments))
        if not getattr(options, "run", None):
            parser.print_help()
            return 2
        return int(options.run(options))
    except (BackendMissing, ChildError) as error:
        return _fail(error, 3)
    except NeurohwError as error:
        return _fail(error, 2)
    except MemoryError:
        return _fail("not enough memory; run fewer trials (--trials) or record less", 2)
    except BrokenPipeError:
        # The reader of our output is gone; keep Python from complaining when it flushes at exit.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _fail(f"{error.filename or 'file'}: {error.strerror or error}", 2)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the arguments, instead of in one line below the usage."""

    def error(self, message: str) -> NoReturn:
        from neurohw.errors import one_line

        self.exit(2, f"{self.prog}: {one_line(message)}; see '{self.prog} --help'\n")


def build_parser() -> argparse.ArgumentParser:
    """The parser with every command; imports nothing heavy."""
    from neurohw import __version__
    from neurohw.cli import (
        bench,
        chips,
        compare,
        demo,
        explain,
        export,
        ladder,
        map,
        models,
        quantise,
        run,
        study,
    )

    parser = Parser(
        prog="neurohw",
        description="Run a spiking network exactly as a digital neuromorphic chip would, bit for bit; "
        "say how far that is from the model you meant; hand it on to Lava.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"neurohw {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for module in (
        demo, run, explain, chips, quantise, map, compare, export, study, bench, models, ladder,
    ):  # fmt: skip
        module.add(commands)
    return parser


def _joined(arguments: Sequence[str]) -> list[str]:
    """'chips verify' and 'chips new' are commands of two words."""
    from neurohw.cli.chips import VERBS

    if len(arguments) > 1 and arguments[0] == "chips" and arguments[1] in VERBS:
        return [f"chips {arguments[1]}", *arguments[2:]]
    return list(arguments)


def _fail(message: object, code: int) -> int:
    from neurohw.errors import one_line

    print(f"neurohw: {one_line(str(message))}", file=sys.stderr)
    return code
