"""Sweeps: one network over many settings of a chip, resumable, each task known by its content."""

from neurohw.study.model import Study as Study
from neurohw.study.read import load_study as load_study
from neurohw.study.run import Finished as Finished
from neurohw.study.run import Progress as Progress
from neurohw.study.run import run_study as run_study
