"""A mutation check of a chip profile: does any vector notice one changed constant, comparison or
rounding?

    python tests/mutation/mutate.py CHIP[:VARIANT] [--sample N] [--seed S] [--match TEXT] [--order]
"""

from __future__ import annotations

import argparse
import collections
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from mutants import Mutant
from verdicts import Mutation, Verdict


def chosen(mutants: list[Mutant], sample: int, seed: int) -> list[Mutant]:
    """A fixed random sample, in the order of the profile; all if ``sample`` is 0."""
    if not sample or sample >= len(mutants):
        return mutants
    picked = np.random.default_rng(seed).choice(len(mutants), sample, replace=False)
    return [mutants[k] for k in sorted(picked.tolist())]


def main() -> int:
    """Judge mutants and print the survivors; 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("chip")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="so many, at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--match", default="", metavar="TEXT", help="those whose name has TEXT")
    parser.add_argument("--order", action="store_true", help="also exchange statements")
    parser.add_argument("--quick", action="store_true", help="first ticks only, nothing compiled")
    parser.add_argument("--proof", action="store_true", help="don't replay what is proven equal")
    parser.add_argument("--oracle", action="store_true", help="without own_* files")
    parser.add_argument("--files", action="append", metavar="PATTERN", help="only these files")
    parser.add_argument("--again", metavar="FILE", help="only what survived in this output")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    began = time.monotonic()
    mutation = Mutation(
        options.chip,
        quick=options.quick,
        order=options.order,
        kernel=not options.proof,
        files=options.files,
        own=not options.oracle,
    )
    mutants = [m for m in mutation.mutants if options.match in str(m)]
    if options.again:
        text = Path(options.again).read_text(encoding="utf-8")
        mutants = [m for m in mutants if f"  survived: {m} (" in text]
    mutants = chosen(mutants, options.sample, options.seed)
    print(
        f"{options.chip}: {len(mutants)} mutants; loaded in {time.monotonic() - began:.0f} s",
        flush=True,
    )
    if mutation.unreached:
        print(f"  no vector has: {', '.join(mutation.unreached)}")
    verdicts: list[Verdict] = []
    for mutant in mutants:
        verdict = mutation.verdict(mutant)
        verdicts.append(verdict)
        if options.verbose or verdict.result == "survived":
            print(f"  {verdict.result}: {mutant} ({verdict.how})", flush=True)
    counts = collections.Counter(v.result for v in verdicts)
    figures = ", ".join(f"{counts[k]} {k}" for k in ("refused", "equivalent", "killed", "survived"))
    print(f"{options.chip}: {len(mutants)} mutants, {figures}; {time.monotonic() - began:.0f} s")
    return 1 if counts["survived"] else 0


if __name__ == "__main__":
    sys.exit(main())
