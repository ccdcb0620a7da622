"""The integer-equation language: parse, prove ranges, interpret, generate kernels."""

from neurohw.equations.program import Program as Program
from neurohw.equations.program import compile_program as compile_program
