"""A model's text as a small stack program, so that one kernel runs every model.

Parameters and units are folded into constants. Slots hold numbers by name: state variables first,
then the drive, named and drawn expressions, and the derivatives. The same program is run by
:func:`evaluate` over numpy arrays (nullclines, Jacobians, scipy) and by the kernel in ``machine``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.biophysics.model import Model
from neurohw.biophysics.text import names_in, parse_expression, parse_statements
from neurohw.biophysics.units import SI

Floats = NDArray[np.float64]

CODES = {
    name: code for code, name in enumerate((
        "const", "load", "store", "Add", "Sub", "Mult", "Div", "Pow", "neg", "exp", "log", "sqrt",
        "tanh", "cosh", "sin", "abs", "exprel", "int", "clip", "randn", "rand", "Lt", "LtE", "Gt",
        "GtE", "ipow",
    ))
}  # fmt: skip
"""Number of each instruction; ``machine`` has the same numbers."""
_DEPTH = {"const": 1, "load": 1, "randn": 1, "rand": 1, "store": -1, "clip": -2,
          **dict.fromkeys(("Add", "Sub", "Mult", "Div", "Pow", "Lt", "LtE", "Gt", "GtE"), -1)}  # fmt: skip


@dataclass(frozen=True)
class Program:
    """A model bound to its parameters and a time step.

    ``code`` int64 (n, 2): instruction and argument; ``constants`` float64. ``parts``: by name, the
    range of instructions that computes it ('rhs', 'drawn', 'threshold', 'reset', 'event NAME').
    ``slots``: index by name; 'd NAME' is the derivative of a state variable.
    """

    code: NDArray[np.int64]
    constants: Floats
    parts: Mapping[str, tuple[int, int]]
    slots: Mapping[str, int]
    states: tuple[str, ...]
    depth: int


def compile_model(model: Model, dt: float = 1.0, varying: Sequence[str] = ()) -> Program:
    """The program of a model; names were checked when the model was made.

    ``varying``: parameters that are slots instead of constants.
    """
    return _Compiler(model, dt, varying).program()


class _Compiler:
    def __init__(self, model: Model, dt: float, varying: Sequence[str]) -> None:
        self.model = model
        fixed = {k: float(p.value) for k, p in model.parameters.items() if k not in varying}
        self.fixed = {**SI, **fixed, "dt": dt}
        drive = [model.drive.name] if model.drive else []
        names = [*model.states, *drive, *varying, *(e.name for e in model.named)]
        names += [f"d {name}" for name in model.states]
        self.slots = {name: k for k, name in enumerate(names)}
        self.code: list[tuple[int, int]] = []
        self.constants: list[float] = []
        self.depth = self.deepest = 0

    def program(self) -> Program:
        model, parts = self.model, {}
        named = [(e.name, e.tree) for e in model.named if e.kind == "name"]
        rates = [(f"d {n}", model.lines[n].tree) for n in model.states]
        parts["rhs"] = self.part([*named, *rates])
        parts["named"] = self.part(named)
        if "Im" in model.lines:
            current = model.lines["Im"].tree
            slow = [r for r in rates if r[0] != "d v"]
            parts["gates"] = self.part([*self.needed(named, [t for _, t in slow]), *slow])
            parts["Im"] = self.part([*self.needed(named, [current]), ("Im", current)])
        parts["drawn"] = self.part([(e.name, e.tree) for e in model.named if e.kind == "drawn"])
        if model.threshold:
            condition = parse_expression(model.threshold, model.name)
            parts["threshold"] = self.part([("", condition)])
            if isinstance(condition, ast.Compare):
                margin = ast.BinOp(condition.left, ast.Sub(), condition.comparators[0])
                parts["margin"] = self.part([("", margin)])
        if model.reset:
            parts["reset"] = self.part(parse_statements(model.reset, model.name))
        for name, text in model.events.items():
            parts[f"event {name}"] = self.part(parse_statements(text, model.name))
        return Program(
            np.array(self.code, np.int64).reshape(-1, 2), np.array(self.constants or [0.0]), parts,
            self.slots, model.states, self.deepest + 1,
        )  # fmt: skip

    @staticmethod
    def needed(
        named: list[tuple[str, ast.expr]], trees: list[ast.expr]
    ) -> list[tuple[str, ast.expr]]:
        """Those of the named expressions that the trees read, directly or not, in order."""
        read = set().union(*map(names_in, trees))
        kept = []
        for name, tree in reversed(named):
            if name in read:
                kept.append((name, tree))
                read |= names_in(tree)
        return kept[::-1]

    def part(self, assignments: Iterable[tuple[str, ast.expr]]) -> tuple[int, int]:
        start = len(self.code)
        for name, tree in assignments:
            self.push(tree)
            if name:
                self.emit("store", self.slots[name])
        self.depth = 0
        return start, len(self.code)

    def emit(self, what: str, argument: int = 0) -> None:
        self.code.append((CODES[what], argument))
        self.depth += _DEPTH.get(what, 0)
        self.deepest = max(self.deepest, self.depth)

    def push(self, node: ast.expr) -> None:
        value = self.constant(node)
        if value is not None:
            self.constants.append(value)
            self.emit("const", len(self.constants) - 1)
        elif isinstance(node, ast.Name):
            self.emit("load", self.slots[node.id])
        elif isinstance(node, ast.BinOp):
            self.push(node.left)
            power = self.constant(node.right) if isinstance(node.op, ast.Pow) else None
            if power in {2.0, 3.0, 4.0}:
                self.emit("ipow", int(power or 0))
                return
            self.push(node.right)
            self.emit(type(node.op).__name__)
        elif isinstance(node, ast.UnaryOp):
            self.push(node.operand)
            if isinstance(node.op, ast.USub):
                self.emit("neg")
        elif isinstance(node, ast.Compare):
            self.push(node.left)
            self.push(node.comparators[0])
            self.emit(type(node.ops[0]).__name__)
        else:
            assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            for argument in node.args:
                self.push(argument)
            self.emit(node.func.id)

    def constant(self, node: ast.expr) -> float | None:
        """The value of an expression of parameters, units and numbers only, else None."""
        if isinstance(node, ast.Constant):
            return float(node.value)  # type: ignore[arg-type]
        if isinstance(node, ast.Name):
            return self.fixed.get(node.id)
        if isinstance(node, ast.UnaryOp):
            inner = self.constant(node.operand)
            return inner if inner is None or isinstance(node.op, ast.UAdd) else -inner
        if isinstance(node, ast.BinOp):
            left, right = self.constant(node.left), self.constant(node.right)
            if left is None or right is None:
                return None
            with np.errstate(all="ignore"):
                return float(_BINARY[type(node.op).__name__](np.float64(left), np.float64(right)))
        return None


def exprel(x: Any) -> Any:
    """``(exp(x) - 1) / x``, which is 1 at 0."""
    x = np.asarray(x, np.float64)
    near = np.abs(x) < 1e-16
    with np.errstate(all="ignore"):
        return np.where(near, 1.0, np.expm1(x) / np.where(near, 1.0, x))


_BINARY: dict[str, Any] = {
    "Add": np.add, "Sub": np.subtract, "Mult": np.multiply, "Div": np.true_divide,
    "Pow": np.power, "Lt": np.less, "LtE": np.less_equal, "Gt": np.greater,
    "GtE": np.greater_equal,
}  # fmt: skip
_UNARY: dict[str, Any] = {
    "neg": np.negative, "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "tanh": np.tanh,
    "cosh": np.cosh, "sin": np.sin, "abs": np.abs, "exprel": exprel,
    "int": lambda x: np.asarray(x, np.float64),
}  # fmt: skip
_NAMES = {code: name for name, code in CODES.items()}


def evaluate(program: Program, part: str, slots: list[Any]) -> Any:
    """Run one part over ``slots`` (numbers or arrays that broadcast), which it changes.

    Noise is 0 here: this is the deterministic skeleton. The value is what is left on the stack.
    """
    stack: list[Any] = []
    first, last = program.parts[part]
    for code, argument in program.code[first:last].tolist():
        name = _NAMES[code]
        if name == "const":
            stack.append(program.constants[argument])
        elif name == "load":
            stack.append(slots[argument])
        elif name == "store":
            slots[argument] = stack.pop()
        elif name in _BINARY:
            right = stack.pop()
            stack[-1] = _BINARY[name](stack[-1], right)
        elif name in _UNARY:
            stack[-1] = _UNARY[name](stack[-1])
        elif name == "ipow":
            stack[-1] = np.power(stack[-1], argument)
        elif name == "clip":
            high, low = stack.pop(), stack.pop()
            stack[-1] = np.clip(stack[-1], low, high)
        else:
            stack.append(0.0)
    return stack[-1] if stack else None


def derivatives(program: Program, states: Any, drive: Any = 0.0) -> Any:
    """Time derivatives in SI units, (states, ...), at ``states`` of the same shape."""
    values = np.asarray(states, np.float64)
    slots: list[Any] = [0.0] * len(program.slots)
    slots[: len(values)] = list(values)
    n = len(program.states)
    # The drive, where there is one, stands behind the states.
    if any(k == n and not name.startswith("d ") for name, k in program.slots.items()):
        slots[n] = drive
    with np.errstate(all="ignore"):
        evaluate(program, "rhs", slots)
    shape = np.broadcast_shapes(values.shape[1:], np.shape(drive))
    return np.stack(
        [np.broadcast_to(slots[program.slots[f"d {s}"]], shape) for s in program.states]
    )


def named(program: Program, states: Mapping[str, Any], drive: Any = 0.0, *names: str) -> list[Any]:
    """The named expressions at the states (those left out are 0), one value each."""
    slots: list[Any] = [0.0] * len(program.slots)
    for name, value in states.items():
        slots[program.slots[name]] = np.asarray(value, np.float64)
    n = len(program.states)
    if any(k == n and not name.startswith("d ") for name, k in program.slots.items()):
        slots[n] = drive
    with np.errstate(all="ignore"):
        evaluate(program, "named", slots)
    return [slots[program.slots[name]] for name in names]
