"""Studies from text: what they come to, and every mistake in one line that points at it."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurohw.chip.find import profile_folder
from neurohw.errors import NeurohwError
from neurohw.network.events import Spikes
from neurohw.network.inputs import Inputs
from neurohw.study import load_study
from neurohw.study.evaluate import retimed
from neurohw.study.model import Task
from neurohw.study.read import parse_study
from neurohw.study.tasks import plan

HEAD = """\
chip = "prototype"
metrics = ["spikes"]
[network]
file = "digits:lif"
dt = 1e-4
[inputs]
file = "digits"
"""
AXES = HEAD + "[axes]\n"


def ids(text: str, folder: Path = Path()) -> list[str]:
    return list(plan(parse_study(text, folder=folder)).tasks)


def test_product_zip_points_and_seeds():
    text = "seeds = 3\n" + AXES + (
        'weight.bits = [8, 4]\n"quantise.scale" = ["population", "neuron"]\n'
        '[[zip]]\n"inputs.samples" = [1, 2]\n"neuron.lif.registers.v" = ["s20 clamp", "s12 wrap"]\n'
        '[[points]]\n"weight.bits" = 2\n'
        '[[points]]\n"weight.bits" = 8\n"quantise.scale" = "population"\n"inputs.samples" = 1\n'
    )  # fmt: skip
    tasks = list(plan(parse_study(text)).tasks.values())
    assert len(tasks) == 2 * 2 * 2 * 3 + 1  # the second point is one of the product
    assert {t.axes["seed"] for t in tasks} == {0, 1, 2}
    pairs = {(t.axes["inputs.samples"], t.axes["neuron.lif.registers.v"]) for t in tasks[:-1]}
    assert pairs == {(1, "s20 clamp"), (2, "s12 wrap")}
    # What a point does not name is as the study or the profile has it.
    assert tasks[-1].axes == {
        "weight.bits": 2, "quantise.scale": "population", "inputs.samples": None,
        "neuron.lif.registers.v": "s20 clamp", "seed": 0,
    }  # fmt: skip


def test_points_alone_and_nothing_at_all():
    assert len(ids(HEAD)) == 1
    assert len(ids(HEAD + '[[points]]\nseed = 4\n[[points]]\n"weight.bits" = 2\n')) == 2


def test_words_are_replaced_in_texts():
    text = (
        AXES
        + '"neuron.lif.tick:shr0" = ["shr0", "shre"]\n"neuron.lif.tick:decay_bits" = ["decay_bits", 9]\n'
    )
    changes = [t.content["chip"]["changes"] for t in plan(parse_study(text)).tasks.values()]
    assert changes[0] == {}  # the profile as it is
    ticks = [c["neuron.lif.tick"] for c in changes[1:]]
    assert "i = shr0(i * keep_i, 9)" in ticks[0]
    assert "i = shre(i * keep_i, decay_bits)" in ticks[1]
    assert "i = shre(i * keep_i, 9)" in ticks[2]


def test_a_set_value_holds_for_all_but_the_axis():
    text = (
        HEAD
        + '[set]\nweight.bits = 5\n[axes]\n"neuron.lif.registers.i" = ["s20 clamp", "s9 clamp"]\n'
    )
    for task in plan(parse_study(text)).tasks.values():
        assert task.content["chip"]["changes"]["weight.bits"] == 5


def test_id_is_the_digest_of_what_decides():
    task = Task({"seed": 1}, {"seed": 1, "network": {"dt": 0.5}}, {"chip": "any name"})
    text = b'{"axes":{"seed":1},"network":{"dt":0.5},"seed":1}'
    assert task.id == hashlib.sha256(text).hexdigest()


def test_ids_do_not_depend_on_order_or_time():
    lines = ['"weight.bits" = [8, 4]', '"seed" = [0, 1]', '"network.dt" = [1e-4, 2e-4]']
    found = [ids(AXES + "\n".join(order)) for order in itertools.permutations(lines)]
    assert all(set(f) == set(found[0]) for f in found)
    assert ids(AXES + "\n".join(lines)) == found[0]


@pytest.fixture
def own_files(tmp_path):
    """A study of its own network, input and profile: texts and bytes to change."""
    digits = Path(__file__).parents[2] / "examples" / "digits"
    contents = {
        "net.nir": (digits / "lif.nir").read_bytes(),
        "x.npz": (digits / "test_data.npz").read_bytes(),
        "chip.toml": (profile_folder() / "prototype.toml").read_bytes(),
    }
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    text = HEAD.replace("digits:lif", "net.nir").replace("digits", "x.npz")
    return tmp_path, text.replace('"prototype"', '"./chip.toml"')


@pytest.mark.parametrize("name", ["net.nir", "x.npz"])
def test_other_content_makes_other_tasks(own_files, name):
    folder, text = own_files
    before = ids(text, folder)
    (folder / "moved").mkdir()
    for file in ("net.nir", "x.npz", "chip.toml"):
        (folder / "moved" / file).write_bytes((folder / file).read_bytes())
    assert ids(text, folder / "moved") == before  # the same elsewhere
    (folder / name).write_bytes((folder / name).read_bytes() + b"\0")
    assert not set(ids(text, folder)) & set(before)


def test_another_profile_makes_other_tasks_but_not_a_comment(own_files):
    folder, text = own_files
    before = ids(text, folder)
    chip = folder / "chip.toml"
    chip.write_text(chip.read_text() + "\n# a remark\n")
    assert ids(text, folder) == before
    chip.write_text(chip.read_text().replace("awake and v > vth", "awake and v >= vth"))
    assert not set(ids(text, folder)) & set(before)


@pytest.mark.parametrize(
    "change",
    [
        ("dt = 1e-4", "dt = 2e-4"), ("dt = 1e-4", 'dt = 1e-4\nintegrator = "euler"'),
        ('"spikes"', '"overflows"'), ('"prototype"', '"loihi2"'), ("chip", "seed = 7\nchip"),
        ('file = "digits"', 'file = "digits"\nsamples = 3'), ("digits:lif", "digits:rlif"),
        ('file = "digits"', 'file = "digits"\ndt = 1e-5'), ("[inputs]", "[set]\nweight.bits=4\n[inputs]"),
        ("[inputs]", '[quantise]\non_limit = "clip"\n[inputs]'),
        ("[inputs]", "[reference]\nsubsteps = 2\n[inputs]"),
    ],
)  # fmt: skip
def test_each_setting_decides(change):
    assert HEAD.count(change[0])
    assert not set(ids(HEAD)) & set(ids(HEAD.replace(*change)))


def test_another_version_makes_other_tasks(monkeypatch):
    before = ids(HEAD)
    monkeypatch.setattr("neurohw.study.tasks.__version__", "0.0.0")
    assert not set(ids(HEAD)) & set(before)


MISTAKES = [
    ('chip = "prototype', "study.toml:1:", "not valid TOML"),
    (HEAD.replace("metrics", "metric"), "study.toml:2:1", "unknown key 'metric'"),
    (HEAD.replace("dt =", "dtt ="), "study.toml:5:1", "unknown key 'dtt'"),
    (HEAD.replace("dt = 1e-4\n", ""), "study.toml:", "has no 'network.dt'"),
    (HEAD.replace("1e-4", "0"), "study.toml:5:6", "network.dt is 0"),
    (HEAD.replace("1e-4", "nan"), "study.toml:5:6", "network.dt is nan"),
    (HEAD.replace("1e-4", '"fast"'), "study.toml:5:7", "it must be the time step in seconds"),
    (HEAD.replace('"spikes"', '"spike"'), "study.toml:2:13", "did you mean 'spikes'"),
    (HEAD.replace('"spikes"', '"spikes", "spikes"'), "study.toml:2:", "'spikes' is there twice"),
    (HEAD.replace('"spikes"', "3"), "study.toml:2:12", "unknown metric '3'"),
    (HEAD.replace('["spikes"]', "[]"), "study.toml:2:", "metrics: is empty"),
    (HEAD.replace("prototype", "prototyp"), "", "did you mean 'prototype'"),
    (HEAD.replace("prototype", "./no.toml"), "no.toml", "no such profile"),
    (HEAD.replace("digits:lif", "no.nir"), "no.nir", "no such file"),
    (HEAD.replace('"digits"', '"no.npz"'), "no.npz", "no such file"),
    (AXES + '"weight.bits" = []', "study.toml:9:", "axis 'weight.bits' is empty"),
    (AXES + '"weight.bits" = 4', "study.toml:9:17", "give a list of values"),
    (AXES + '"weight.bits" = [4, 4]', "study.toml:9:21", "has 4 twice"),
    (AXES + '"weight.bit" = [4]', "study.toml:9:1", "did you mean 'bits'"),
    (AXES + '"wait.bits" = [4]', "study.toml:9:1", "did you mean 'weight'"),
    (AXES + '"weight.bits.x" = [4]', "study.toml:9:1", "unknown key in [weight.bits]"),
    (AXES + '"neuron.lif.tick:shl" = ["x"]', "study.toml:9:1", "has no word 'shl'"),
    (AXES + '"neuron.lif.tick:shr0" = [[1]]', "study.toml:9:1", "by a word, not [1]"),
    (AXES + "seed = [-1]", "study.toml:9:9", "seed is -1"),
    (AXES + "seed = [true]", "study.toml:9:9", "seed is True"),
    (AXES + '"quantise.on_limit" = ["ignore"]', "study.toml:9:25", "'error' or 'clip'"),
    (AXES + '"quantise.limit" = ["clip"]', "study.toml:9:22", "unknown key of [quantise] 'limit'"),
    (AXES + '"weight.bits" = [2020-01-01]', "study.toml:9:18", "give text, numbers"),
    (AXES + "error = [1]", "study.toml:9:10", "is a column of every row"),
    (AXES + "spikes = [1]", "study.toml:2:", "metrics: 'spikes' is there"),
    (AXES + "seed = [1]\n[[zip]]\nseed = [2]", "study.toml:9:1", "'seed' is an axis twice"),
    (HEAD + "[[zip]]\nseed = [1]\nweight.bits = [1, 2]", "study.toml:8:1", "seed has 1, weight.bits has 2"),
    (HEAD + "[[zip]]", "study.toml:8:1", "it is empty"),
    (HEAD + "[set]\nseed = 1", "study.toml:9:", "for keys of the profile"),
    ("zip = [1]\n" + HEAD, "study.toml:1:", "every entry of zip is a table"),
    ("points = 1\n" + HEAD, "study.toml:1:10", "tables [[points]]"),
    ("seeds = 0\n" + HEAD, "study.toml:1:9", "seeds is 0"),
    ("timeout_s = -1\n" + HEAD, "study.toml:1:13", "timeout_s is -1"),
    ("seeds = 1000\n" + AXES + '"weight.bits" = [1,2]\n"inputs.samples" = '
     f"{list(range(1, 600))}", "study.toml", "1,198,000 tasks"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place", "said"), MISTAKES, ids=range(len(MISTAKES)))
def test_mistakes_are_one_line_that_points_at_them(tmp_path, text, place, said):
    path = tmp_path / "study.toml"
    path.write_text(text)
    with pytest.raises(NeurohwError) as caught:
        plan(load_study(path))
    message = str(caught.value)
    assert said in message
    assert place in message
    assert message.isprintable()


def test_files_that_are_no_text(tmp_path):
    path = tmp_path / "study.toml"
    with pytest.raises(NeurohwError, match="can't be read"):
        load_study(path)
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(NeurohwError, match="UTF-8"):
        load_study(path)


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_retimed_spikes_stay_at_their_time(steps, over, under, seed):
    """At the end of the step of a spike, old or new, the same moment; none is lost."""
    rng = np.random.default_rng(seed)
    raster = (rng.random((2, steps, 3)) < 0.4).astype(int)
    inputs = Inputs.from_dense({"in": raster}, {"c": rng.normal(size=(2, steps, 1))})
    dt, new = over * 1e-4, under * 1e-4
    found = retimed(inputs, dt, new)
    assert found.steps == -(-steps * over // under)
    wanted = np.zeros((2, found.steps, 3), int)
    for trial, step, neuron in zip(*np.nonzero(raster)):
        wanted[trial, -(-(step + 1) * over // under) - 1, neuron] += 1  # ceil((k + 1) dt / new) - 1
    assert np.array_equal(found.spikes["in"].dense(2, found.steps), wanted)
    assert isinstance(found.spikes["in"], Spikes)
    for k in range(found.steps):
        at = min(-(-(k + 1) * under // over) - 1, steps - 1)
        assert np.array_equal(found.currents["c"][:, k], inputs.currents["c"][:, at])
