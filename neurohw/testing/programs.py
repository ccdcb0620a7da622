"""Random programs that the analysis accepts, as neurons of a chip."""

from __future__ import annotations

import random

from neurohw.chip.model import Neuron
from neurohw.equations import compile_program
from neurohw.errors import EquationError
from neurohw.fixedpoint import Format, parse_format

_FORMATS = (
    "s8 wrap", "s8 clamp", "s12 clamp symmetric", "s16 wrap", "s16 clamp", "u8 wrap", "u7 clamp",
    "s24 wrap", "s24 clamp symmetric", "s32 wrap", "u16 clamp", "s40 clamp", "s20 wrap", "s24 fold",
)  # fmt: skip
TABLE = (0, 1, -1, 7, 64, -64, 999, -999, 4095, -4096, 12, 5, 300, -2, 31, 8)
"""Tables belong to a chip: every neuron that reads one reads the same."""

_BINARY = ("+", "-", "*", "&", "|", "^", "+", "-", "*")
_COMPARE = ("<", "<=", ">", ">=", "==", "!=")


def random_neuron(seed: int, draws: bool = False, name: str = "n") -> Neuron:
    """A neuron with up to four registers and up to eight assignments, ending in ``spike``.

    ``draws``: may use the chip's random numbers.
    """
    rng = random.Random(seed)
    while True:
        registers = {f"r{k}": _format(rng) for k in range(rng.randint(1, 4))}
        wires = {f"w{k}": _format(rng) for k in range(rng.randint(0, 3))} | {
            "spike": Format(1, False)
        }
        parameters = {
            f"p{k}": parse_format(rng.choice(["u4", "u12", "s9", "s16", "u1", "s24"]))
            for k in range(rng.randint(0, 3))
        }
        constants = {"c0": rng.randint(-5000, 5000), "c1": rng.randint(1, 12)}
        inputs = {"syn": parse_format(rng.choice(["s16 clamp", "s32 wrap", "s20 clamp"]))}
        text = _text(rng, registers, wires, parameters, constants, draws)
        try:
            program = compile_program(
                text, registers=registers, wires=wires, parameters=parameters, inputs=inputs,
                constants=constants, tables={"t0": TABLE},
            )  # fmt: skip
        except EquationError:
            continue
        return Neuron(
            name, f"random {seed}", "random", "assumed", program, None, text, {}, inputs=inputs
        )


def _format(rng: random.Random) -> Format:
    return parse_format(rng.choice(_FORMATS))


def _text(
    rng: random.Random, registers: dict[str, Format], wires: dict[str, Format],
    parameters: dict[str, Format], constants: dict[str, int], draws: bool,
) -> str:  # fmt: skip
    readable = [*registers, *parameters, *constants, "syn"]
    lines = []
    for _ in range(rng.randint(1, 5)):
        target = rng.choice([*registers, *registers, *(w for w in wires if w != "spike")])
        value = _expression(rng, readable, rng.randint(1, 4), draws)
        if target in registers and registers[target].overflow == "fold":
            value = f"wrap({value}, 32)"
        lines.append(f"{target} = {value}")
        if target not in readable:
            readable.append(target)
    for wire, form in wires.items():
        if wire != "spike" and wire not in readable:
            value = _expression(rng, readable, 1, draws)
            lines.append(f"{wire} = {f'wrap({value}, 32)' if form.overflow == 'fold' else value}")
            readable.append(wire)
    lines.append(f"spike = {_test(rng, readable, 2, draws)}")
    reset = rng.choice(list(registers))
    lines.append(f"{reset} = 0 if spike else {reset}")
    for k, line in enumerate(lines):
        target = line.split(" = ")[0]
        if target in wires and wires[target].overflow == "fold" and "wrap(" not in line:
            lines[k] = f"{target} = wrap({line.split(' = ', 1)[1]}, 32)"
    return "\n".join(lines)


def _expression(rng: random.Random, names: list[str], depth: int, draws: bool) -> str:
    if depth == 0 or rng.random() < 0.15:
        if rng.random() < 0.25:
            return str(rng.choice([0, 1, -1, 2, 7, 64, 255, -4096, 12345]))
        return rng.choice(names)
    kind = rng.randrange(12 if draws else 11)

    def part() -> str:
        return _expression(rng, names, depth - 1, draws)

    amount = rng.choice(["0", "1", "3", "8", "12", "c1", "16"])
    if kind <= 3:
        return f"({part()} {rng.choice(_BINARY)} {part()})"
    if kind == 4:
        return f"{rng.choice(['shr0', 'shrf', 'shrn', 'shre'])}({part()}, {amount})"
    if kind == 5:
        return (
            f"({part()} >> {amount})"
            if rng.random() < 0.5
            else f"({part()} << {rng.choice('01358')})"
        )
    if kind == 6:
        return f"({part()} if {_test(rng, names, depth - 1, draws)} else {part()})"
    if kind == 7:
        name = rng.choice(["min", "max"])
        return f"{name}({part()}, {part()})"
    if kind == 8:
        return rng.choice([
            f"abs({part()})", f"sign({part()})", f"-({part()})", f"~({part()})",
            f"fdiv({part()}, {rng.choice(['1', '3', '100', 'c1'])})",
        ])  # fmt: skip
    if kind == 9:
        return rng.choice([
            f"clamp({part()}, -100, {rng.choice(['0', '77', 'c1'])})", f"sat({part()}, 12)",
            f"wrap({part()}, {rng.choice(['9', '17', '32'])})",
        ])  # fmt: skip
    if kind == 10:
        return rng.choice([
            f"mulhi({part()}, {part()}, {rng.choice(['4', '20', '32'])})",
            f"shr0({part()} * {part()}, {rng.choice(['12', '24', '30'])})",
            f"table(t0, ({part()} & 15))", _test(rng, names, depth - 1, draws),
        ])  # fmt: skip
    return f"random({rng.choice(['1', '4', '8', '16'])})"


def _test(rng: random.Random, names: list[str], depth: int, draws: bool) -> str:
    inner = max(depth - 1, 0)
    left, right = (_expression(rng, names, inner, draws) for _ in range(2))
    test = f"({left} {rng.choice(_COMPARE)} {right})"
    if depth > 0 and rng.random() < 0.3:
        return f"({test} {rng.choice(['and', 'or'])} {_test(rng, names, depth - 1, draws)})"
    return f"(not {test})" if rng.random() < 0.1 else test
