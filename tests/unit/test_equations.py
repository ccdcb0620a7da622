"""The language: what is in it, what is refused and where, and what the analysis proves."""

import itertools

import numpy as np
import pytest

from neurohw.equations import array_primitives, compile_program, kernel_primitives
from neurohw.equations.interpret import execute
from neurohw.equations.primitives import PRIMITIVES
from neurohw.errors import EquationError
from neurohw.fixedpoint import fold, parse_format

VALUES = [
    0,
    1,
    -1,
    2,
    -2,
    3,
    5,
    -5,
    7,
    8,
    -8,
    100,
    -100,
    4095,
    -4096,
    2**23,
    -(2**23),
    2**31 - 1,
    -(2**31),
]


def program(text, **formats):
    registers = {k: parse_format(v) for k, v in (formats or {"v": "s16 clamp"}).items()}
    return compile_program(
        text,
        registers=registers,
        parameters={"p": parse_format("u8"), "q": parse_format("s32")},
        inputs={"syn": parse_format("s16 clamp")},
        wires={"w": parse_format("s32 wrap"), "spike": parse_format("u1")},
        constants={"c": 3},
        tables={"t": (1, 2, 3, 4)},
    )


def value_of(text, **values):
    p = program(f"x = {text}", x="s62")
    cell = {"x": 0, "p": 0, "q": 0, "syn": 0, **values}
    execute(p, cell)
    return cell["x"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("shr0(-7, 1)", -3),
        ("shrf(-7, 1)", -4),
        ("-7 >> 1", -4),
        ("shrn(-7, 1)", -3),
        ("shrn(5, 1)", 3),
        ("shre(5, 1)", 2),
        ("shre(7, 1)", 4),
        ("shre(-5, 1)", -2),
        ("shre(9, 0)", 9),
        ("fdiv(-7, 2)", -4),
        ("mulhi(7, 3, 2)", 5),
        ("clamp(9, -1, 4)", 4),
        ("wrap(130, 8)", -126),
        ("sat(-300, 8)", -128),
        ("sign(-9) + abs(-4) + min(1, 2) + max(1, 2)", 6),
        ("1 if 2 > 3 else 7", 7),
        ("(2 > 1) + (2 >= 2) + (1 != 1)", 2),
        ("1 < 2 < 3", 1),
        ("1 < 3 < 2", 0),
        ("not 5", 0),
        ("(3 and 2) + (0 or 9)", 2),
        ("~5 & 0xff | 1 << 9 ^ 2", (~5 & 0xFF) | ((1 << 9) ^ 2)),
        ("table(t, 2)", 3),
        ("c * p", 9),
    ],
)
def test_values(text, value):
    assert value_of(text, p=3) == value


@pytest.mark.parametrize("name", sorted(set(PRIMITIVES) - {"random"}))
def test_the_three_forms_of_every_primitive_agree(name):
    """Definition, kernel form and array form, over edge values; and the bounds hold."""
    primitive = PRIMITIVES[name]
    short = {"min": "min_", "max": "max_", "abs": "abs_"}.get(name, name)
    kernel, array = getattr(kernel_primitives, short), getattr(array_primitives, short)
    domain = dict(primitive.domain)
    choices = [
        [v for v in ([1, 2, 3, 12, 31] if k in domain and name != "fdiv" else VALUES)
         if domain.get(k, (-(2**63), 2**63))[0] <= v <= domain.get(k, (0, 2**63))[1]]
        for k in range(primitive.arity)
    ]  # fmt: skip
    count = 0
    for arguments in itertools.product(*choices):
        if name == "clamp" and arguments[1] > arguments[2]:
            continue
        expected = primitive.define(*arguments)
        assert kernel(*arguments) == expected, arguments
        as_arrays = [np.array([a], np.int64) for a in arguments]
        for position in primitive.literal:
            as_arrays[position] = arguments[position]
        assert int(np.asarray(array(*as_arrays))[0]) == expected, arguments
        low, high = primitive.bounds(*((a, a) for a in arguments))
        assert low <= expected <= high
        count += 1
    assert count >= 5


def test_wide_products_are_exact():
    rng = np.random.default_rng(0)
    for _ in range(2000):
        a, b = int(rng.integers(-(2**39), 2**39)), int(rng.integers(-(2**28), 2**28))
        assert kernel_primitives.wide_shrf(a, b, 28, 14) == (a * b) >> 28
        assert kernel_primitives.wide_shr0(a, b, 28, 14) == PRIMITIVES["shr0"].define(a * b, 28)
        both = np.array([a]), np.array([b])
        assert array_primitives.wide_shrf(*both, 28, 14)[0] == (a * b) >> 28
        assert array_primitives.wide_shr0(*both, 28, 14)[0] == PRIMITIVES["shr0"].define(a * b, 28)


def test_kernel_stores_equal_formats():
    for value in VALUES:
        assert kernel_primitives.fold(value, 24) == fold(value, 24)
        assert kernel_primitives.uwrap(value, 9) == parse_format("u9 wrap").store(value)
        assert array_primitives.fold(np.array([value]), 24)[0] == fold(value, 24)


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("v = v +", 1, 8, "invalid syntax"),
        ("v = 1\nv = v / 2", 2, 5, "Div is not in the language"),
        ("v = v.real", 1, 5, "Attribute"),
        ("v = [1][0]", 1, 5, "Subscript"),
        ("v = 1.5", 1, 5, "only integers"),
        ("v = 'a'", 1, 5, "only integers"),
        ("v = True", 1, 5, "only integers"),
        ("for i in v: v = 1", 1, 1, "only assignments"),
        ("import os", 1, 1, "only assignments"),
        ("v[0] = 1", 1, 1, "one name"),
        ("v = w = 2", 1, 1, "only assignments"),
        ("v = exec(1)", 1, 5, "unknown primitive 'exec'"),
        ("v = shr0(v)", 1, 5, "takes 2 arguments"),
        ("v = shr0(v, n=1)", 1, 5, "plain arguments"),
        ("v = v + volt", 1, 9, "'volt' is not declared"),
        ("v = w", 1, 5, "wire 'w' is read before"),
        ("p = 1", 1, 1, "no register"),
        ("z = 1", 1, 1, "not declared"),
        ("v = v << 63", 1, 10, "the shift can be 63..63"),
        ("v = v << q", 1, 10, "the shift can be"),
        ("v = v >> -1", 1, 10, "must stay in 0..62"),
        ("v = q * q * q", 1, 5, "beyond 64 bits"),
        ("v = fdiv(v, p)", 1, 13, "can be 0..255; it must stay in 1"),
        ("v = table(t, p)", 1, 14, "the index of 't' can be 0..255"),
        ("v = table(u, 1)", 1, 5, "unknown table 'u'"),
        ("v = mulhi(v, v, p)", 1, 17, "must be a constant"),
        ("v = clamp(v, p, 3)", 1, 5, "lower bound can exceed"),
        ("  v = 1\n  v = oops", 2, 7, "'oops' is not declared"),
        ("v = " + "(" * 150 + "v" + " + 1)" * 150, 1, None, "deep"),
    ],
)
def test_errors_point_at_the_place(text, line, column, says):
    with pytest.raises(EquationError) as error:
        program(text)
    assert says in error.value.message
    assert error.value.line == line
    if column is not None:
        assert error.value.column == column


def test_texts_that_are_too_long_are_refused():
    with pytest.raises(EquationError, match="at most 20000"):
        program("v = 1\n" * 5000)


def test_what_is_proven_needs_no_check():
    p = program("v = shr0(v, 1) + (syn >> 1)\nw = v * 3\nspike = w > 5")
    assert [p.may_overflow(k) for k in range(3)] == [False, False, False]
    assert p.ranges[0] == (-16384 - 16384, 16383 + 16383)
    assert program("v = v + syn").may_overflow(0)


def test_conditions_that_can_not_happen_narrow_the_range():
    assert program("v = 1 if p >= 0 else q").ranges[0] == (1, 1)
    assert program("v = 5 if p > 300 else 2").ranges[0] == (2, 2)
