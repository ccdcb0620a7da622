"""Running a fixed-point network: the generated kernels, and the interpreter that defines them."""

from neurohw.emulate.definition import interpret as interpret
from neurohw.emulate.run import emulate as emulate
from neurohw.verbs import callable_package

callable_package(__name__)
