"""A ladder recovers what it is made of, sums up, goes down to several chips, and says what can't be."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest

import neurohw as nh
from neurohw import biophysics as bio
from neurohw.cli import main
from neurohw.errors import CapacityError, InputError, NeurohwError, UnknownName
from neurohw.ladder import Ladder, ladder, ladder_figure, network_ladder
from neurohw.ladder.cell import CELL, as_cell, cell, only_cell
from neurohw.ladder.costs import NAMES, Precision, budget
from neurohw.ladder.descend import descend
from neurohw.ladder.fit import fit
from neurohw.ladder.models import simpler
from neurohw.ladder.probe import measure, passive, probe
from neurohw.quantise import quantise

FITTED = {
    "c_m": 1e-9, "g_l": 1e-7, "e_l": -0.065, "v_threshold": -0.050, "v_reset": -0.068, "t_ref": 2e-3,
}  # fmt: skip
DT = 5e-5
CABLE = next(n for n in bio.list_models() if isinstance(bio.load_model(n), bio.Cable))


@pytest.fixture
def few(monkeypatch):
    """Short searches: these tests are not about how good a fit can be."""
    monkeypatch.setattr("neurohw.ladder.fit.MOST", (15, 30))
    monkeypatch.setattr("neurohw.ladder.fit.BEST", 1)


@cache
def axon() -> Ladder:
    """From Hodgkin-Huxley to Loihi 2; the searches are cut short."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neurohw.ladder.fit.MOST", (25, 40))
        patch.setattr("neurohw.ladder.fit.BEST", 1)
        return ladder("hodgkin_huxley", "loihi2", simple="lif", duration=0.3, trials=3)


def lif(**changes):
    return simpler("lif", bio.point_model("lif"), {**FITTED, **changes}, -0.065)


def refitted(kind: str, model: bio.Model):
    rest = passive(model, DT)
    p = probe(model, rest, seed=0, duration=0.3, trials=1, dt=DT)
    return fit(kind, model, measure(model, p, rest), p)


def test_lif_is_recovered_from_lif(monkeypatch):
    monkeypatch.setattr("neurohw.ladder.fit.MOST", (40, 60))
    monkeypatch.setattr("neurohw.ladder.fit.BEST", 1)
    made = lif()
    found = refitted("lif", made).model
    span = made.value("v_threshold") - made.value("e_l")
    assert found.value("c_m") == pytest.approx(made.value("c_m"), rel=0.01)
    assert found.value("g_l") == pytest.approx(made.value("g_l"), rel=0.01)
    assert found.value("e_l") == pytest.approx(made.value("e_l"), abs=0.01 * span)
    assert found.value("v_threshold") == pytest.approx(made.value("v_threshold"), abs=0.01 * span)


def test_eif_of_wang_buzsaki_is_that_of_the_literature(monkeypatch):
    """Fourcaud-Trocmé et al. (2003) fitted the same model by hand: V_T -59.9 mV, Δ_T 3.48 mV."""
    monkeypatch.setattr("neurohw.ladder.fit.MOST", (25, 30))
    monkeypatch.setattr("neurohw.ladder.fit.BEST", 1)
    model, known = bio.point_model("wang-buzsaki"), bio.point_model("eif")
    rest = passive(model, 5e-5)
    p = probe(model, rest, seed=0, duration=0.3, trials=1, dt=5e-5)
    found = fit("eif", model, measure(model, p, rest), p, k=4).model
    assert found.value("g_l") == pytest.approx(known.value("g_l"), rel=0.1)
    assert found.value("c_m") == pytest.approx(known.value("c_m"), rel=0.2)
    assert found.value("v_t") == pytest.approx(known.value("v_t"), abs=1e-3)
    assert found.value("delta_t") == pytest.approx(known.value("delta_t"), rel=0.25)


def test_passive_measurements_are_those_of_the_cell():
    found = passive(lif(c_m=2e-9, g_l=5e-8), DT, 0.4)
    assert found.rest == pytest.approx(-0.065, abs=1e-6)
    assert found.conductance == pytest.approx(5e-8, rel=1e-3)
    assert found.tau == pytest.approx(0.040, abs=2 * DT)


def test_axon_keeps_most_of_its_spikes_as_eif():
    found = axon()
    assert [r.name for r in found.rungs][:3] == ["eif", "lif", "time step"]
    assert found.rungs[-1].name == "chip"
    assert found.rungs[0].direct.gamma > 0.4
    assert found.rungs[1].direct.gamma > 0.6
    assert found.whole.gamma > 0.25
    assert found.largest is not None and found.largest.name in ("eif", "lif", "time step")


def test_axon_sums_up_exactly():
    found = axon()
    for name in NAMES:
        total = 0.0
        for rung in found.rungs:
            total += getattr(rung.share, name)
        assert total == getattr(found.whole, name)


def test_text_fits_and_json_is_plain():
    found = axon()
    text = str(found)
    assert max(map(len, text.splitlines())) <= 100
    assert "eif, fitted to hodgkin-huxley" in text and "mS/cm²" in text
    plain = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert plain["fits"]["lif"]["parameters"]["t_ref"]["unit"] == "second"
    assert len(plain["rungs"][-1]["trains"]) == 3
    assert plain["rungs"][-1]["spikes"] == sum(map(len, plain["rungs"][-1]["trains"]))


def test_figure_has_every_model_and_the_budget():
    drawn = ladder_figure(axon())
    titles = [a.get_title(loc="left") for a in drawn.axes]
    for name in ("hodgkin-huxley", "eif", "lif", "loihi2"):
        assert any(t.startswith(f"{name}, ") for t in titles)
    assert [t.get_text() for t in drawn.axes[-1].get_yticklabels()][-1] == "the whole"


@pytest.mark.parametrize("chip", ["loihi2", "prototype", "spinnaker1"])
def test_down_to_a_chip(chip):
    model = lif()
    noise = bio.ornstein_uhlenbeck(1.2e-9, 1e-9, 5e-3, seed=3, duration=0.3, dt=DT, trials=2)
    made = cell(model, noise, 1e-3)
    fixed = made.quantised(nh.load_chip(chip))
    below = descend(made.network, fixed, made.inputs, made.inputs.steps, record={CELL: ["v"]})
    assert [s.name for s in below] == [
        "equations", "delays", "weights", "parameters", "rounding", "overflow", "chip",
    ]  # fmt: skip
    top = as_cell(bio.simulate(model, noise, record=["v"]))
    chip_run = only_cell(below[-1].recording, made)
    assert top.spikes[CELL].count > 10
    found = budget([top, chip_run], [CELL], Precision.of_cell(1e-3))
    assert found[0][0].gamma > 0.6
    # The last rung is what the switches together are, spike by spike.
    taken = next(s for s in reversed(below[:-1]) if s.recording is not None)
    assert taken.recording.spikes[CELL].same_as(below[-1].recording.spikes[CELL])
    v = chip_run.traces[CELL]["v"].values
    assert v.min() > -0.09
    assert v.max() < -0.045


def test_one_step_is_sent_ahead():
    noise = bio.step([1e-9], start=0.002, duration=0.01, dt=DT)
    sent = cell(lif(), noise, 1e-3).inputs.currents["current"][0, :, 0]
    assert sent.tolist() == pytest.approx([0, 10, 10, 10, 10, 10, 10, 10, 10, 0])


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (("hodgkin-huxley", "xylo2"), CapacityError, "no refractory time"),
        (("hodgkin-huxley", "odin"), CapacityError, "no refractory time"),
        (("passive", "loihi2"), InputError, "passive takes no current or has no spikes"),
        ((CABLE, "loihi2"), InputError, "no point model"),
        (("hodgkin-huxly", "loihi2"), UnknownName, "did you mean 'hodgkin-huxley'"),
        (("lif", "loihi9"), NeurohwError, "loihi9"),
    ],
)  # fmt: skip
def test_what_can_not_be_is_said_in_one_line(arguments, error, text):
    with pytest.raises(error) as caught:
        ladder(*arguments)
    assert text in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "text"),
    [({"simple": "eif"}, "'lif' or 'alif'"), ({"duration": 0.0}, "0.05 to 100"),
     ({"dt": 7e-5}, "no multiple")],
)  # fmt: skip
def test_bad_options(options, text):
    with pytest.raises(InputError, match=text):
        ladder("lif", "loihi2", **options)


def test_chip_without_adaptive_neurons_says_so():
    with pytest.raises(CapacityError, match="is a ALIF"):
        ladder("lif", "spinnaker1", simple="alif")


def network() -> tuple[nh.Network, nh.Inputs]:
    rng = np.random.default_rng(2)
    net = nh.Network(
        {"in": nh.SpikeInput(8), "out": nh.LIF(5, tau=15e-3, t_ref=2e-3)},
        [nh.Projection.dense("in", "out", rng.normal(2.0, 2.0, (5, 8)))], dt=1e-3,
    )  # fmt: skip
    return net, nh.Inputs.from_dense({"in": rng.random((2, 120, 8)) < 0.15})


def test_network_goes_down_in_the_order_of_the_design():
    net, inputs = network()
    chip = nh.load_chip("prototype", {"weight.bits": 4})
    found = network_ladder(net, quantise(net, chip, on_limit="clip"), inputs)
    assert [r.name for r in found.rungs] == [
        "time step", "equations", "delays", "weights", "parameters", "rounding", "overflow", "chip",
    ]  # fmt: skip
    weights = next(r for r in found.rungs if r.name == "weights")
    assert weights.direct.spike > 0
    assert sum(r.share.spike for r in found.rungs) == found.whole.spike > 0
    assert len(ladder_figure(found).axes) == 1


def test_command_line(few, capsys, tmp_path):
    place = tmp_path / "ladder.png"
    code = main([
        "ladder", "lif", "--chip", "loihi2", "--simple", "lif", "--duration", "0.2", "--trials",
        "1", "--plot", str(place), "--json",
    ])  # fmt: skip
    assert code == 0
    out = capsys.readouterr().out
    assert json.loads(out)["rungs"][0]["name"] == "lif"
    assert place.stat().st_size > 10_000
    assert main(["ladder", "lif", "--chip", "loihi2", "--input", "x.npz"]) == 2
    assert "--input is not for a model" in capsys.readouterr().err
    assert main(["ladder", "net.nir", "--chip", "loihi2"]) == 2
    assert "--input" in capsys.readouterr().err
