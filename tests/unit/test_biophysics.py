"""The biophysical models: three integrators agree, wrong input is told so, and what the command shows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from neurohw import biophysics as bio
from neurohw.biophysics.program import CODES, compile_model, derivatives
from neurohw.biophysics.text import parse_equations, parse_expression
from neurohw.cli import main
from neurohw.errors import InputError, NetworkError, NeurohwError, UnknownName

DRIVES = {
    "passive": (1e-10, 0.02, 1e-4), "hodgkin-huxley": (0.1, 0.012, 2e-5),
    "wang-buzsaki": (0.02, 0.012, 2e-5), "morris-lecar-1": (0.5, 0.08, 1e-4),
    "fitzhugh-nagumo": (0.5, 0.02, 1e-4), "lif": (2e-9, 0.05, 1e-4), "lif-sra": (4e-10, 0.08, 1e-4),
    "lif-relative-refractory": (8e-10, 0.05, 1e-4), "lif-current-adaptation": (4e-10, 0.08, 1e-4),
    "lif-threshold-adaptation": (4e-10, 0.08, 1e-4), "eif": (0.01, 0.03, 2e-5),
    "sodium-channel": (-0.02, 0.002, 1e-5), "gap-junction": (1e-10, 0.02, 1e-4),
}  # fmt: skip
EVENTS = ["lif-conductance", *(n for n in bio.list_models() if n.startswith("synapse-"))]


def case(name: str) -> tuple[bio.Model, bio.Stimulus]:
    model = bio.point_model(name)
    if name in EVENTS:
        quiet = bio.constant(0.0, duration=0.03, dt=1e-4)
        if name == "lif-conductance":
            return model, quiet.with_events(exc=[0.005] * 20 + [0.012] * 9, inh=[0.007, 0.014])
        return model, quiet.with_events(spike=[0.005, 0.005, 0.012])
    value, duration, dt = DRIVES[name]
    return model, bio.step(value, start=0.1 * duration, duration=duration, dt=dt)


@pytest.mark.parametrize("name", [*DRIVES, *EVENTS])
def test_brian_computes_the_same(name: str) -> None:
    """The text in Brian 2's hands, its units checked, is the program in ours: every sample and spike."""
    model, stimulus = case(name)
    ours, theirs = bio.simulate(model, stimulus), bio.reference(model, stimulus)
    assert theirs.source.startswith("brian2")
    assert ours.spikes[name].same_as(theirs.spikes[name])
    for variable in model.shows:
        a, b = bio.trace(ours, variable), bio.trace(theirs, variable)
        assert a.shape == (1, stimulus.steps)
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9 * np.abs(b).max())


@pytest.mark.parametrize("name", [*DRIVES, *EVENTS])
def test_scipy_computes_the_same(name: str) -> None:
    """An adaptive integrator at 1e-10: a fixed step costs its fourth order, spikes up to a step."""
    model, stimulus = case(name)
    ours, exact = bio.simulate(model, stimulus), bio.integrate(model, stimulus)
    when = bio.times(ours)
    assert when.size == exact.spikes.size
    if model.reset:  # each spike is late by up to a step, and so is all that follows
        late = when - exact.spikes
        assert (late > -1e-12).all()
        assert (np.diff(late, prepend=0) < 1.5 * stimulus.dt).all()
        until = int(exact.spikes[0] / stimulus.dt) if exact.spikes.size else stimulus.steps
    else:
        assert ((when - exact.spikes >= -1e-6) & (when - exact.spikes < 1.01 * stimulus.dt)).all()
        until = stimulus.steps
    for variable in model.shows:
        a, b = bio.trace(ours, variable, 0)[:until], exact.values[variable][:until]
        np.testing.assert_allclose(a, b, rtol=0, atol=5e-4 * max(float(np.ptp(b)), 1e-12))


def test_stiff_and_explicit_integrators_agree() -> None:
    model, stimulus = case("hodgkin-huxley")
    a = bio.integrate(model, stimulus, method="LSODA", rtol=1e-11)
    b = bio.integrate(model, stimulus, method="DOP853", rtol=1e-11)
    assert a.spikes == pytest.approx(b.spikes, abs=1e-9)
    assert np.abs(a.values["v"] - b.values["v"]).max() < 1e-7


def test_the_step_is_of_fourth_order() -> None:
    model = bio.point_model("fitzhugh-nagumo")
    errors = []
    for dt in (4e-4, 2e-4, 1e-4):
        drive = bio.constant(0.2, duration=0.004, dt=dt)
        ours = bio.trace(bio.simulate(model, drive, record=["v"]), "v", 0)[-1]
        exact = bio.integrate(model, drive, record=["v"], rtol=1e-12).values["v"][-1]
        errors.append(abs(ours - exact))
    assert 10 < errors[0] / errors[1] < 22
    assert 10 < errors[1] / errors[2] < 22


@pytest.mark.parametrize("name", ["hodgkin-huxley-noise", "cascade"])
def test_noise_runs_in_brian(name: str) -> None:
    model = bio.point_model(name)
    quiet = bio.constant(0.0, duration=20 * model.step, dt=model.step)
    a = bio.reference(model, quiet, seed=3)
    b = bio.reference(model, quiet, seed=3)
    for variable in model.shows:
        assert (bio.trace(a, variable) == bio.trace(b, variable)).all()
        assert np.isfinite(bio.trace(a, variable)).all()


def test_trials_are_independent() -> None:
    """A trial does not depend on its neighbours, with noise, spikes and events."""
    lif = bio.point_model("lif")
    many = bio.step(np.linspace(1e-9, 4e-9, 20), duration=0.05, dt=1e-4)
    together = bio.simulate(lif, many)
    for trial in (0, 7, 19):
        one = replace(many, values=many.values[[trial]], trials=1)
        alone = bio.simulate(lif, one)
        assert (bio.trace(alone, "v", 0) == bio.trace(together, "v", trial)).all()
        assert (bio.times(alone) == bio.times(together, trial)).all()
    ampa = bio.point_model("synapse-ampa")
    quiet = bio.constant(np.zeros(3), duration=0.02, dt=1e-4)
    own = quiet.with_events(spike=[[0.002, 0.004], [0.006, np.nan], [np.nan, np.nan]])
    v = bio.trace(bio.simulate(ampa, own), "g")
    assert [int((np.diff(row) > 1e-10).sum()) for row in v] == [2, 1, 0]
    np.testing.assert_allclose(v, bio.trace(bio.reference(ampa, own), "g"), atol=1e-20)
    noise = bio.point_model("hodgkin-huxley-noise")
    three = bio.constant(np.zeros(3), duration=5e-4)
    alone = bio.simulate(noise, bio.constant(0.0, duration=5e-4), seed=6)
    v = bio.trace(bio.simulate(noise, three, seed=5), "v")
    assert (bio.trace(alone, "v", 0) == v[1]).all()
    assert (v[0] != v[2]).any()


def test_reference_and_recording(tmp_path: Path) -> None:
    """A Recording like all others: it can be written, read and compared."""
    from neurohw import load_recording

    model, stimulus = case("lif")
    run = bio.simulate(model, stimulus, stride=7)
    run.save(tmp_path / "run.npz")
    back = load_recording(tmp_path / "run.npz")
    assert back.spikes["lif"].same_as(run.spikes["lif"])
    assert (bio.trace(back, "v") == bio.trace(run, "v")).all()
    assert bio.trace(run, "v").shape == (1, -(-stimulus.steps // 7))


@pytest.mark.parametrize(("change", "words"), [
    ({"g_na": -1.0}, "g_na is -0.1 mS/cm²; maximal sodium conductance must be non-negative"),
    ({"c_m": 0.0}, "c_m is 0 µF/cm²; membrane capacitance per area must be positive"),
    ({"g_k": float("nan")}, "g_k is nan"), ({"phi": "2"}, "phi is '2'"), ({"g_kk": 1.0}, "did you mean"),
])  # fmt: skip
def test_impossible_parameters(change: dict[str, Any], words: str) -> None:
    with pytest.raises(NeurohwError, match=words.replace("²", ".").replace("/", ".")) as caught:
        bio.point_model("hodgkin-huxley").with_(**change)
    assert "\n" not in str(caught.value)


def quiet(**changes: Any) -> bio.Stimulus:
    return bio.constant(0.0, **{"duration": 0.01, "dt": 1e-5, **changes})


@pytest.mark.parametrize(("action", "words"), [
    (lambda m: bio.simulate(m, quiet(dt=1e-3)), "dt of 1 ms is too coarse for hodgkin-huxley; take 0.05"),
    (lambda m: bio.simulate(m.with_(c_m=1e-6), quiet()), "is too coarse for hodgkin-huxley; take 0.000"),
    (lambda m: quiet(dt=-1e-5), "dt is -1e-05"), (lambda m: quiet(duration=0.0), "duration is 0.0"),
    (lambda m: quiet(dt=1e-12, duration=1.0), "steps; at most"),
    (lambda m: bio.simulate(m, quiet(), record=["vv"]), "unknown variable of hodgkin-huxley 'vv'"),
    (lambda m: bio.simulate(m, quiet(), start={"q": 1}), "unknown state variable"),
    (lambda m: bio.simulate(m, quiet(), start={"v": [0, 1]}), "start of v has shape"),
    (lambda m: bio.simulate(m, quiet().with_events(spike=[0.001])), "unknown event of hodgkin-huxley"),
    (lambda m: quiet().with_events(spike=[0.5]), "is outside 0..0.01"),
    (lambda m: bio.simulate(m, bio.constant(1e9, duration=0.01)), "diverged in trial 0"),
    (lambda m: bio.constant(float("inf"), duration=0.01), "not finite"),
    (lambda m: bio.step([1, 2], stop=[1, 2, 3], duration=0.01), "trials"),
    (lambda m: quiet() + quiet(duration=0.02), "can't be added"),
    (lambda m: bio.load_model("hodgkin"), "unknown model 'hodgkin'"),
    (lambda m: bio.point_model("axon"), "unknown point model 'axon'"),
    (lambda m: bio.phase_plane(m, (0, 1), (0, 1)), "4 state variables; a phase plane needs 2"),
    (lambda m: bio.steady_gates(bio.point_model("lif"), [0.0]), "has no gates"),
    (bio.psp, "has no synapse"), (lambda m: bio.nernst(0, 1), "outside is 0"),
    (lambda m: bio.nernst(1, 1, 0), "valence is 0"), (lambda m: bio.nernst(1, 1, 1, -300), "temperature"),
    (lambda m: bio.chord([-1, 1], [0, 0]), "conductance is -1"),
    (lambda m: bio.ghk([1], [1, 2], [1]), "give a permeability"),
    (lambda m: bio.squid_axon(-1e-6), "diameter is -1e-06; it must be positive"),
    (lambda m: bio.myelinated_axon(nodes=1), "nodes is 1"),
    (lambda m: bio.squid_axon().with_(g_na=-1.0), "g_na is -1; it must be non-negative"),
    (lambda m: bio.classify(bio.fi_curve(m, [0.0, 0.1], duration=0.02)), "does not show how firing"),
    (lambda m: bio.ornstein_uhlenbeck(0, 1, -1.0, seed=1, duration=0.1), "tau is -1.0"),
    (lambda m: bio.simulate_channels(quiet(), 0, 1), "n_na is 0"),
    (lambda m: bio.simulate_channels(quiet(dt=1e-4), 1, 1), "too coarse"),
    (lambda m: bio.integrate(bio.point_model("cascade"), quiet(dt=1e-3)), "draws noise"),
])  # fmt: skip
def test_wrong_input_is_told_in_one_line(action: Any, words: str) -> None:
    with pytest.raises(NeurohwError) as caught:
        action(bio.point_model("hodgkin-huxley"))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "words"), [
    ("dv/dt = __import__('os') : 1", "not in the language"), ("dv/dt = v.real : 1", "not in the language"),
    ("dv/dt = exp(v, v) : 1", "not in the language"), ("v = 1", "is no equation"),
    ("dv/dt = 1 : 1\ndv/dt = 2 : 1", "defined twice"), ("dv/dt = (1 : 1", "can't be parsed"),
    ("dv/dt = [v for v in v] : 1", "not in the language"), ("dv/dt = 1e999 : 1", "not in the language"),
    ("dv/dt = " + "-" * 100 + "v : 1", "not in the language"), ("dv/dt = 1 : 1\n" * 5000, "characters"),
])  # fmt: skip
def test_what_is_no_equation(text: str, words: str) -> None:
    with pytest.raises(NetworkError, match=words) as caught:
        parse_equations(text, "mine")
    assert "\n" not in str(caught.value)


def test_a_model_is_checked_when_it_is_made() -> None:
    lif = bio.point_model("lif")
    with pytest.raises(UnknownName, match="name in the equations of lif 'r_q'"):
        replace(lif, equations=lif.equations.replace("r_m", "r_q"))
    with pytest.raises(UnknownName, match="unknown state variable"):
        replace(lif, reset="w = 0")
    with pytest.raises(NetworkError, match="start names"):
        replace(lif, start={})
    with pytest.raises(NetworkError, match="circle"):
        _ = replace(lif, equations=lif.equations + "\na = b : 1\nb = a : 1").named


numbers = some.floats(-3, 3).map(lambda x: f"({x:.3f})")
leaves = some.sampled_from(["x", "y", "p", "2*mV", "ms"]) | numbers
trees = some.recursive(
    leaves,
    lambda inner: some.one_of(
        some.builds("({} {} {})".format, inner, some.sampled_from("+-*/"), inner),
        some.builds("({}**{})".format, inner, some.integers(2, 5)),
        some.builds("{}({})".format, some.sampled_from(["exp", "tanh", "exprel", "abs", "-"]), inner),
        some.builds("int({} {} {})".format, inner, some.sampled_from(["<", "<=", ">", ">="]), inner),
    ),
    max_leaves=12,
)  # fmt: skip


@given(trees, some.floats(-2, 2), some.floats(-2, 2))
@settings(max_examples=80, deadline=None)
def test_kernel_and_numpy_run_programs_alike(text: str, x: float, y: float) -> None:
    """The kernel against the definition over numpy, and that against Python's own arithmetic."""
    from neurohw.biophysics.machine import execute

    model = bio.Model(
        "mine", "", "", f"dx/dt = {text} : 1\ndy/dt = 0*x : 1", {"p": bio.Parameter(0.7, "1", "", "")},
        {"x": 0.0, "y": 0.0}, (), rests=False,
    )  # fmt: skip
    program = compile_model(model)
    by_numpy = float(derivatives(program, np.array([x, y]))[0])
    slots = np.zeros((len(program.slots), 2))
    slots[:2] = np.array([[x], [y]])
    stack = np.zeros((program.depth, 2))
    execute(program.code, program.constants, *program.parts["rhs"], slots, stack, 0, 2)
    by_kernel = slots[program.slots["d x"]]
    assert by_kernel[0] == by_kernel[1] or np.isnan(by_kernel).all()
    if np.isfinite(by_numpy) and abs(by_numpy) < 1e200:
        assert by_kernel[0] == pytest.approx(by_numpy, rel=1e-9, abs=1e-9)
    tree = parse_expression(text, "mine")
    names = {"x": x, "y": y, "p": 0.7, "mV": 1e-3, "ms": 1e-3}
    np_names = {k: np.float64(v) for k, v in names.items()}
    functions = {"exp": np.exp, "tanh": np.tanh, "abs": np.abs, "cosh": np.cosh, "int": np.float64,
                 "exprel": lambda z: np.expm1(z) / z if z else np.float64(1)}  # fmt: skip
    with np.errstate(all="ignore"):
        value = float(_value(tree, np_names, functions))
    if np.isfinite(value) and abs(value) < 1e200:
        assert by_numpy == pytest.approx(value, rel=1e-9, abs=1e-9)


def _value(node: Any, names: dict[str, Any], functions: dict[str, Any]) -> Any:
    import ast
    import operator as op

    if isinstance(node, ast.Constant):
        return np.float64(node.value)
    if isinstance(node, ast.Name):
        return names[node.id]
    if isinstance(node, ast.UnaryOp):
        value = _value(node.operand, names, functions)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.Call):
        return functions[node.func.id](*(_value(a, names, functions) for a in node.args))  # type: ignore[attr-defined]
    kinds = {ast.Add: op.add, ast.Sub: op.sub, ast.Mult: op.mul, ast.Div: op.truediv, ast.Pow: op.pow,
             ast.Lt: op.lt, ast.LtE: op.le, ast.Gt: op.gt, ast.GtE: op.ge}  # fmt: skip
    if isinstance(node, ast.Compare):
        left, right = node.left, node.comparators[0]
        return kinds[type(node.ops[0])](*(_value(n, names, functions) for n in (left, right)))
    return kinds[type(node.op)](*(_value(n, names, functions) for n in (node.left, node.right)))


def test_every_parameter_has_a_source() -> None:
    for name in bio.list_models():
        model = bio.load_model(name)
        point = model if isinstance(model, bio.Model) else (
            model.membrane if isinstance(model, bio.Cable) else model.cell
        )  # fmt: skip
        assert model.sources
        for parameter in point.parameters.values():
            assert parameter.source
            assert parameter.meaning
    assert len(CODES) == 26  # the kernel knows as many instructions


def test_the_command(capsys: Any, tmp_path: Path) -> None:
    assert main(["models"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in bio.list_models())
    assert max(map(len, listed.splitlines())) <= 100
    for name in ("hodgkin-huxley", "myelinated-axon", "balanced", "synapse-nmda"):
        assert main(["models", name]) == 0
        shown = capsys.readouterr().out
        assert "Parameters" in shown
        assert max(map(len, shown.splitlines())) <= 109
    assert main(["models", "--json"]) == 0
    found = {m["name"]: m for m in json.loads(capsys.readouterr().out)}
    assert found["hodgkin-huxley"]["parameters"]["g_na"]["value"] == 1200
    path = tmp_path / "f.png"
    assert main(["models", "fitzhugh-nagumo", "--plot", str(path)]) == 0
    assert path.read_bytes().startswith(b"\x89PNG")
    capsys.readouterr()
    for arguments, words in (
        (["hodgkin-huxley", "--plot", "x.doc"], "name it .png"), (["nothing"], "unknown model"),
        (["lif", "--dt", "1", "--plot", str(path)], "at least one dt"), (["--plot", "x.png"], "of which"),
        (["lif", "--dt", "0.01", "--plot", str(path)], "too coarse"), (["axon", "--gates", "x"], "no point"),
    ):  # fmt: skip
        assert main(["models", *arguments]) == 2
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1


@pytest.mark.parametrize("name", [
    "hodgkin-huxley", "fitzhugh-nagumo", "lif", "synapse-nmda", "lif-conductance", "cable", "axon",
    "hodgkin-huxley-noise",
])  # fmt: skip
def test_portraits(name: str) -> None:
    figure = bio.portrait(bio.load_model(name))
    assert figure.axes
    for axes in figure.axes:
        assert axes.get_ylabel() or axes.get_xlabel()


def test_figures_refuse_what_they_cannot_draw() -> None:
    lif, hh = bio.point_model("lif"), bio.point_model("hodgkin-huxley")
    curves = {
        "a": bio.Curve(lif, np.zeros(1), np.zeros(1)),
        "b": bio.Curve(hh, np.zeros(1), np.zeros(1)),
    }
    with pytest.raises(InputError, match="one unit"):
        bio.fi_figure(curves)
    empty = bio.simulate(lif, quiet(dt=1e-4), record=[])
    with pytest.raises(InputError, match="nothing was recorded"):
        bio.trace_figure(lif, empty)
    assert bio.raster_figure(empty).axes
