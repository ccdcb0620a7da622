"""Formats: what a store keeps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurohw.fixedpoint import Format, fold, parse_format


@pytest.mark.parametrize(
    ("text", "value", "kept"),
    [
        ("s8 wrap", 127, 127),
        ("s8 wrap", 128, -128),
        ("s8 wrap", -129, 127),
        ("s8 wrap", 256 * 5 + 3, 3),
        ("u8 wrap", 256, 0),
        ("u8 wrap", -1, 255),
        ("s8 clamp", 1000, 127),
        ("s8 clamp", -1000, -128),
        ("s8 clamp symmetric", -1000, -127),
        ("u8 clamp", -1, 0),
        ("s8 fold", 128, 128),
        ("s8 fold", 129, -127),
        ("s8 fold", -128, 128),
        ("s8 fold", -127, -127),
        ("s8 fold", 400, 144),
        ("int", 10**30, 10**30),
    ],
)
def test_store(text, value, kept):
    assert parse_format(text).store(value) == kept


def test_store_without_a_mode_refuses():
    with pytest.raises(OverflowError):
        parse_format("u4").store(16)


@given(st.sampled_from(["s", "u"]), st.integers(2, 60), st.sampled_from(["wrap", "clamp"]),
       st.integers(-(2**70), 2**70))  # fmt: skip
def test_store_keeps_what_fits_and_is_idempotent(sign, bits, mode, value):
    form = parse_format(f"{sign}{bits} {mode}")
    kept = form.store(value)
    assert form.holds(kept)
    assert form.store(kept) == kept
    assert (kept == value) == form.holds(value)
    if mode == "wrap":
        assert (kept - value) % 2**bits == 0


@given(st.integers(3, 30), st.integers(-(2**40), 2**40))
def test_fold_takes_one_turn(bits, value):
    turn = 2**bits
    assert fold(value, bits) - value in (0, -turn, turn)
    if abs(value) < turn:
        assert -turn // 2 < fold(value, bits) <= turn // 2


@pytest.mark.parametrize(
    "text",
    ["s0", "s1", "u0", "s65", "u64", "x8", "s8 wrapp", "s8  wrap", "8", "", "u8 clamp symmetric"],
)
def test_impossible_formats_are_refused(text):
    with pytest.raises(ValueError, match=r"'"):
        parse_format(text)


def test_storage_is_the_smallest_dtype():
    assert parse_format("u7").storage == "int8"
    assert parse_format("u8").storage == "int16"
    assert parse_format("s24 fold").storage == "int32"
    assert parse_format("s33 wrap").storage == "int64"
    assert str(Format(24, True, "clamp symmetric")) == "s24 clamp symmetric"
