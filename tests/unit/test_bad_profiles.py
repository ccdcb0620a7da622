"""Profiles with mistakes: one line that names the thing, at the right line and column."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from neurohw.chip import load_chip, parse_chip
from neurohw.chip.positions import Positions
from neurohw.errors import EquationError, FileError, NeurohwError, ProfileError

PROFILE = '''\
format = 1
name = "tiny"
title = "a chip for tests"

[oracle]
name = "none"
claim = "none"

[sources]
here = "this file"

[limits]
neurons = { value = 8, source = "here", status = "assumed" }

[delivery]
engine = "summed"
latency = 1
source = "here"
status = "assumed"

[weight]
bits = 8
exponent = { min = 0, max = 7 }
right_shift = "sum"
source = "here"
status = "assumed"

[[weight.modes]]
name = "signed"
min = "-2**(bits - 1)"
max = "2**(bits - 1) - 1"
step = 1

[[weight.modes]]
name = "positive"
min = 0
max = "2**bits - 1"
step = 1

[delay]
min = 0
max = 3
where = "synapse"
source = "here"
status = "assumed"

[tables]
ramp = [0, 1, 2, 3]

[neuron.lif]
summary = "leaky"
source = "here"
status = "assumed"
inputs = { syn = "s16 clamp" }
registers = { v = "s16 clamp" }
parameters = { keep = "u9", vth = "u15" }
constants = { half = 128 }
wires = { spike = "u1" }
tick = """
v = shr0(v * keep, 8) + syn   # a comment
spike = v > vth
v = 0 if spike else v
"""

[neuron.lif.from_physical.LIF]
codes.keep = "256 * decay(tau)"
codes.vth = "scale * v_threshold"
weight = "scale * r"
realised.tau = "time_constant(keep / 256)"
may_vanish = ["keep"]
'''
TICK = PROFILE[PROFILE.index("tick = ") : PROFILE.index("[neuron.lif.from")].rstrip()


def swap(old: str, new: str) -> str:
    assert PROFILE.count(old) == 1, old
    return PROFILE.replace(old, new)


def fails(text: str, said: str = "", kind: type[NeurohwError] = ProfileError) -> str:
    """The message for ``text``; the error must point at the place marked with a ¦ in it."""
    clean = text.replace("¦", "")
    with pytest.raises(kind) as caught:
        parse_chip(clean, "p.toml")
    message = str(caught.value)
    assert "\n" not in message
    assert message.isprintable()
    assert said in message
    if "¦" in text:
        before = text.replace("\r\n", "\n").split("¦")[0]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        assert message.startswith(f"p.toml:{line}:{column}: "), message
    return message


def test_the_profile_itself_is_right() -> None:
    chip = parse_chip(PROFILE)
    assert chip.neurons["lif"].text.startswith("v = shr0")
    assert [m.high for m in chip.weight.modes] == [127, 255]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("format = 1", "format = ¦= 1", "not valid TOML"),
        ("format = 1", "format = ¦2", "format is 2; this version reads format 1"),
        ("format = 1", "format = ¦true", "an integer"),
        ("format = 1", "format = ¦0x" + "f" * 5000, "format is an integer of 20000 bits"),
        ("format = 1", "format = ¦1979-05-27", "format is datetime.date"),
        ('"tiny"', '"¦Tiny"', "small letters"),
        ('"tiny"', '"¦a\\nb"', r"'a\nb'"),
        ('"tiny"', '"¦\\u001b[31m"', r"'\x1b[31m'"),
        ('"tiny"', '"¦[bold]x"', "'[bold]x'"),
        ("latency = 1", "¦latencie = 1", "did you mean 'latency'"),
        ("latency = 1", "latency = 1\n¦foo = 1", "unknown key 'foo' in [delivery]; it may have"),
        ("latency = 1", "latency = ¦17", "latency is 17; it must be in 1..16"),
        ("latency = 1", "latency = ¦{ a = 1 }", "latency is a table"),
        ("bits = 8", "bits = ¦8.0", "weight.bits is 8.0"),
        ("bits = 8", "bits = ¦nan", "weight.bits is nan"),
        ("{ min = 0, max = 7 }", "{ min = 7, max = ¦0 }", "weight.exponent.max is 0"),
        ("{ min = 0, max = 7 }", "{ min = 0, max = 7, ¦mox = 1 }", "did you mean 'max'"),
        ('"-2**(bits - 1)"', '"-2**(¦bitz - 1)"', "reads 'bitz'"),
        ('"-2**(bits - 1)"', '"1 + ¦decay(bits)"', "'decay' is no function"),
        ('"-2**(bits - 1)"', '"¦-2**(bits**99)"', "it must be a whole number"),
        ('"-2**(bits - 1)"', '"¦0/0"', "nan; it must be a whole number"),
        ('"-2**(bits - 1)"', '"¦bits/3"', "2.66"),
        ('"-2**(bits - 1)"', '"¦' + "9" * 400 + '"', "too large for float64"),
        ('"-2**(bits - 1)"', '"bits + ¦exp()"', "exp takes 1 argument, 0 given"),
        ('"-2**(bits - 1)"', '"¦min(1, 2, bits)"', "min takes 2 arguments, 3 given"),
        ('"-2**(bits - 1)"', '"¦().__class__"', "Attribute is not in the language"),
        ('max = "2**bits - 1"', 'max = "2**¦birs - 1"', "reads 'birs'"),
        ("value = 8", "value = ¦0", "limits.neurons.value is 0"),
        ("neurons = {", "¦neuron = {", "unknown limit 'neuron'"),
        ("ramp = [0, 1, 2, 3]", "ramp = ¦[0, 1.5]", "a list of integers"),
        ("ramp = [0, 1, 2, 3]", '¦"a = 1; import os #" = [1]', "is no name"),
        ("half = 128", '¦"a-b" = 128', "'a-b' is no name"),
        ("half = 128", "¦np = 128", "'np' is a word of the language"),
        ("half = 128", "half = ¦1.5", "constants.half is 1.5"),
        ('v = "s16 clamp" }', 'v = "¦s0" }', "'s0' has 0 bits"),
        ('v = "s16 clamp" }', 'v = "¦s99 wrap" }', "'s99 wrap' has 99 bits"),
        ('v = "s16 clamp" }', 'v = "¦u8 clamp symmetric" }', "only a signed register"),
        ('v = "s16 clamp" }', 'v = "¦s16\\nclamp" }', r"s16\nclamp"),
        ('v = "s16 clamp" }', 'v = "¦int" }', "only a wire has no width"),
        ('v = "s16 clamp" }', "v = ¦16 }", "registers.v is 16"),
        ('v = "s16 clamp" }', 'v = "s16 clamp", ¦import = "u1" }', "'import' is no name"),
        ('v = "s16 clamp" }', 'v = "s16 clamp", ¦fold = "u1" }', "word of the language"),
        ('syn = "s16 clamp" }', 'count = "s16 clamp" }', "no input that synapses write to"),
        ('spike = "u1" }', 'spike = "u1", odd = "u1" }', "wire 'odd' is never assigned"),
        ("[neuron.lif.from_physical.LIF]", "¦[neuron.lif.from_physical.LIFF]", "kind 'LIFF'"),
        ('codes.vth = "scale * v_threshold"\n', "", "no formula for 'vth'"),
        ('"256 * decay(tau)"', '"256 * decay(¦tou)"', "reads 'tou'"),
        ('"256 * decay(tau)"', '"  256 * decay(¦tou)"', "reads 'tou'"),
        ('"256 * decay(tau)"', '"256 * ¦open(tau)"', "'open' is no function"),
        ('"256 * decay(tau)"', '"256 * ¦coupling(tau)"', "coupling takes 2 arguments, 1 given"),
        ('"256 * decay(tau)"', '"¦(lambda: 1)()"', "no function"),
        ('"256 * decay(tau)"', '"¦True"', "only numbers"),
        ('"256 * decay(tau)"', "\"¦'a'\"", "not in the language"),
        ('"256 * decay(tau)"', '"256 * ¦* decay(tau)"', "invalid syntax"),
        ('"256 * decay(tau)"', '"' + "-" * 900 + '1"', "over 50 deep"),
        ('"256 * decay(tau)"', '"¦' + "1+" * 2000 + '1"', "4001 characters; at most 2000"),
        ('"256 * decay(tau)"', "¦[1]", "a formula in quotes"),
        ("realised.tau =", "¦realised.tua =", "realised.tua: there is only"),
        ('["keep"]', '¦["kep"]', "'kep' is no parameter; there are: keep, vth"),
        ('["keep"]', '¦[["keep"]]', "is no parameter"),
        ("may_vanish", '¦require."tau > dt" = "x"\nmay_vanish', "reads 'dt'"),
        ("may_vanish", '¦require."tau >" = "x"\nmay_vanish', "invalid syntax"),
        (
            "[neuron.lif.from_",
            '[neuron.lif.lava]\nmodel = "native"\nprocess = "¦os.system"\n[neuron.lif.from_',
            "no class path in lava",
        ),
    ],
)
def test_mistakes_are_named_where_they_are(old: str, new: str, said: str) -> None:
    if said.startswith(("unknown limit", "realised.tua")):
        new = new.replace("¦", "")  # these point at the value
    fails(swap(old, new), said)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("", "[delivery] has no 'status'; give one of documented"),
        ('status = "assumd"', "did you mean 'assumed'"),
    ],
)
def test_every_figure_has_a_status_and_a_source(status: str, said: str) -> None:
    block = 'latency = 1\nsource = "here"\nstatus = "assumed"'
    fails(swap(block, f'latency = 1\nsource = "here"\n{status}'), said)
    fails(swap(block, 'latency = 1\nstatus = "assumed"'), "[delivery] has no 'source'")
    fails(swap(block, block.replace('"here"', '"¦her"')), "[sources] has: here. Add it there")


@pytest.mark.parametrize(
    "text",
    [
        "", "name = 'x'", "\x00", PROFILE[:900], PROFILE + "\x1b[31m", "x = " + "[" * 100_000,
        "x = 1" + "0" * 5000, PROFILE + "\n[weight]\n", ".".join(["a"] * 5000) + " = 1\n" + PROFILE,
    ],
)  # fmt: skip
def test_texts_that_are_no_profile(text: str) -> None:
    assert fails(text).startswith("p.toml")


def test_a_text_that_ends_early_names_its_last_line() -> None:
    assert fails("format = 1\nname = ").startswith("p.toml:2:")


@pytest.mark.parametrize(
    ("equations", "said"),
    [
        ("v = ¦foo", "'foo' is not declared"),
        ("v = ¦keeep", "did you mean 'keep'"),
        ("v = v\nv = 1 + ¦foo", "'foo'"),
        ("v = 1 +¦", "invalid syntax"),
        ("¦for x in v:\n    v = 1", "no loops"),
        ("¦import os", "only assignments"),
        ("v = ¦v.real", "Attribute is not in the language"),
        ("v = ¦().__class__.__bases__()", "call a primitive by its name"),
        ("v = ¦eval(v)", "unknown primitive 'eval'"),
        ("v = ¦(lambda: 1)()", "call a primitive"),
        ("v = ¦'a'", "only integers"),
        ("v = ¦1.5", "only integers"),
        ("v = ¦True", "only integers"),
        ("v = ¦v / 2", "use shr0"),
        ("v = ¦v ** 2", "use <<"),
        ("v = v << ¦99999999999", "it must stay in 0..62"),
        ("v = v >> ¦-1", "it must stay in 0..62"),
        ("v = ¦" + "9" * 4000, "the number has 13288 bits"),
        ("v = ¦0x" + "f" * 9000, "the number has 36000 bits"),
        ("v = ¦v * v * v * v * v", "beyond 64 bits"),
        ("v = -¦9223372036854775809", "64 bits; there are 63 and a sign"),
        ("v = ¦spike\nspike = v > vth", "read before it is assigned"),
        ("¦keep = 3", "can't be assigned"),
        ("¦syn = 3", "can't be assigned"),
        ("¦other = 3", "declare it under 'registers' or 'wires'"),
        ("v = table(ramp, ¦syn)", "it must stay in 0..3"),
        ("v = ¦table(rump, 1)", "unknown table 'rump'; there are: ramp"),
        ("v = fdiv(v, ¦syn)", "it must stay in 1.."),
        ("v = fdiv(v, ¦0)", "it must stay in 1.."),
        ("v = wrap(v, ¦keep)", "it must be a constant"),
        ("v = sat(v, ¦99)", "it must stay in 2..62"),
        ("v = ¦shr0(v)", "takes 2 arguments, 1 given"),
        ("v = ¦" + "v < " * 3000 + "v", "a chain of 3000 tests is too long"),
        ("v = ¦" + "v and " * 2000 + "v", "a chain of 2001 tests is too long"),
        ("v = " + "abs(" * 150 + "v" + ")" * 150, "nested over 100 deep"),
        ("v = " + "(" * 3000 + "v" + ")" * 3000, "nested"),
        ("v = " + "-" * 5000 + "v", ""),
        ("v = v " + " " * 10**6 + "+ v", "at most 20000"),
        ("¦", "there is no assignment"),
    ],
)
def test_equations_that_are_not_in_the_language(equations: str, said: str) -> None:
    text = PROFILE.replace(TICK, f'tick = """\n{equations}\n"""')
    if said in ("invalid syntax", "there is no assignment") or "4000" in said:
        text = text.replace("¦", "")
    fails(text, said, EquationError)


@pytest.mark.parametrize(
    "tick",
    [
        'tick = """¦foo = 1\n"""',
        'tick = """v = 1 + ¦foo\nspike = v > vth"""',
        'tick = """   v = 1 + ¦foo"""',
        'tick = """\n    v = 1\n    v = ¦foo + 1\n    """',
        'tick = """\n\n\n    v = 1\n    # note\n\n    v = ¦foo + 1\n"""',
        'tick = """\n\tv = 1\n\tv = ¦foo + 1\n"""',
        "tick = '''\n    v = 1\n    v = ¦foo + 1\n'''",
        "tick = 'v = ¦foo'",
        'tick = "v = 1\\nv = ¦foo"',
        'tick = "v = \\t1\\u0020+ ¦foo"',
        'tick = """\nv = 1 + \\\n    v + ¦foo\n"""',
        '"tick"   =   """\n  v = ¦foo\n"""',
    ],
)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_places_inside_equations(tick: str, ends: str) -> None:
    text = PROFILE.replace(TICK, tick).replace("\n", ends)
    fails(text, "'foo'", EquationError)


@pytest.mark.parametrize(
    "codes",
    [
        'codes = { keep = "1 + ¦foo", vth = 1 }',
        'codes = { keep = "(1 +  2)", vth = "1 + ¦foo" }',
        "codes.keep = '1 + ¦foo'\ncodes.vth = 1",
        'codes . "keep" = "1 + ¦foo"\ncodes.vth = 1',
        'codes.keep = """\n  (1 +\n    ¦foo)\n"""\ncodes.vth = 1',
        '[neuron.lif.from_physical.LIF.codes]\nkeep = "1 + ¦foo"\nvth = 1\n'
        "[neuron.lif.from_physical.LIF.realised]",
        '"codes".keep = "1 + \\u0020¦foo"\ncodes.vth = 1',
        'note = "a, keep = 1 # [x]"\ncodes = { keep = "1, keep = {" , vth = 1 }',
    ],
)
def test_places_inside_formulas(codes: str) -> None:
    start = PROFILE.index("codes.keep")
    head, tail = PROFILE[:start], 'weight = "scale"\n'
    if codes.startswith("note"):
        fails(head + codes + "\n" + tail)
        return
    if codes.startswith("["):
        codes, tail = tail + codes, ""
    fails(head + codes + "\n" + tail, "reads 'foo'", EquationError)


def test_positions_of_arrays_comments_and_quotes() -> None:
    text = (
        '# a = 1\na = [ # ]\n  { b = "x" }, { b = \'y\' },\n]\n"q.r" = 2 # "\n'
        '[[t]]\nk = """a"b""""\n[[t]]\nk = 3\n[t.u]\nm = 1979-05-27 07:32:00\nn = -1e3\n'
    )
    places = Positions(text)
    assert places.value(("a", "0", "b")) == (3, 10)
    assert places.value(("a", "1", "b")) == (3, 23)
    assert places.key(("a", "1", "b")) == (3, 18)
    assert places.value(("q.r",)) == (5, 9)
    assert places.value(("t", "0", "k")) == (7, 8)
    assert places.value(("t", "1", "k")) == (9, 5)
    assert places.value(("t", "1", "u", "n")) == (12, 5)
    assert places.value(("t", "1", "u", "missing")) == (10, 1)
    assert places.value(("missing",)) == (1, 1)


def test_changes_are_not_blamed_on_the_file(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(PROFILE)
    for changes, said in (
        ({"weight.bits": 99}, "with another 'weight.bits': weight.bits is 99"),
        ({"neuron.lif.tick": "v = foo"}, "with another 'neuron.lif.tick': 'foo' is not"),
        ({"weight.bist": 1}, "'weight.bist' can't be changed: there are only bits"),
        ({"foo.bar": 1}, "there is no table 'foo'"),
        ({"": 1}, "'' can't be changed"),
        ({"..": 1}, "'..' can't be changed"),
        ({"weight": 3}, "weight is 3; it must be a table"),
    ):
        with pytest.raises(ProfileError) as caught:
            load_chip(path, changes)
        assert said in str(caught.value)
        assert not re.search(r"toml:\d", str(caught.value))


def test_files_that_are_no_profile(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "other.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "huge.toml").write_bytes(b"#" * 2_000_000)
    for name, said in (
        ("none.toml", "no such profile"), ("folder.toml", "no such profile"),
        ("other.toml", "is not UTF-8 text"), ("huge.toml", "over 1,000,000 bytes"),
        ("a\0b.toml", r"a\x00b.toml: no such profile"),
    ):  # fmt: skip
        with pytest.raises(FileError, match=re.escape(said)):
            load_chip(tmp_path / name)
    for name, said in (("prototipe", "did you mean 'prototype'"), ("", "unknown chip ''")):
        with pytest.raises(LookupError, match=said):
            load_chip(name)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text("\ufeff" + PROFILE, encoding="utf-8")
    assert load_chip(tmp_path / "p.toml").name == "tiny"


def test_equations_that_python_would_warn_about_do_not_warn() -> None:
    assert "only integers" in fails(
        PROFILE.replace(TICK, "tick = '''\nv = \"\\d\"\n'''"), kind=EquationError
    )


def test_messages_stay_short() -> None:
    message = fails(swap('"tiny"', '"' + "A" * 100_000 + '"'))
    assert len(message) < 1100
    assert message.endswith("use small letters, digits, '_' and '-'")
