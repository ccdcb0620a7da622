"""A sweep over settings of a chip, from Python: the rows, and what is best for its bits."""

import tempfile
from pathlib import Path

from neurohw.study import load_study, run_study
from neurohw.study.pareto import front

study = load_study(Path(__file__).with_suffix(".toml"))
with tempfile.TemporaryDirectory() as folder:  # keep it, and a second run has nothing to do
    finished = run_study(study, folder, workers=0)

for row in finished.rows:
    settings = {key: row[key] for key in study.axes}
    print(f"{row['bits']:6,} bits: accuracy {row['accuracy']:.0%}  {settings}")

best = front(study, finished.rows)
print(
    "best for their bits:",
    *(f"{c.costs[0]:,.0f} bits, {c.quality:.0%}" for c in best.best),
    sep="\n  ",
)
