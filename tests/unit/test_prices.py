"""Prices: what a profile may say, and what the shipped ones say."""

import math
import re
from pathlib import Path

import pytest

import neurohw as nh
from neurohw.chip import parse_chip
from neurohw.chip.model import Number
from neurohw.chip.prices import EVENTS, PARTS, Price, Prices
from neurohw.errors import NeurohwError, ProfileError

PROFILES = Path(__file__).parents[2] / "hw_profiles"
BASE = re.sub(
    r"(?ms)^\[cost\].*?(?=^\[neuron)", "", (PROFILES / "prototype.toml").read_text(encoding="utf-8")
)
GOOD = """
[cost]
name = "mine"
included = ["local", "router"]
synapse = { energy = 23.6, latency = 3.5, source = "neurohw", status = "documented" }
spike = { energy = 5, source = "neurohw", status = "assumed" }
static.chip = { power = 1.5, source = "neurohw", status = "measured" }
sync = { tiles = [1, 4], latency = [100, 250.5], source = "neurohw", status = "measured" }
"""


def test_every_event_is_part_of_one_component():
    assert sorted(k for keys in PARTS.values() for k in keys) == sorted(EVENTS)


def test_a_profile_says_prices():
    prices = parse_chip(BASE + GOOD).prices
    assert prices.name == "mine" and prices.included == {"local", "router"}
    assert prices.events == {
        "synapse": Price(23.6, 3.5, "neurohw", "documented"),
        "spike": Price(5.0, None, "neurohw", "assumed"),
    }
    assert prices.static == {"chip": Number(1.5, "neurohw", "measured")}
    assert prices.sync == ((1, 100.0), (4, 250.5))
    assert (prices.sync_source, prices.sync_status) == ("neurohw", "measured")
    assert [prices.barrier(k) for k in (0, 1, 3, 4, 99)] == [100, 100, 100, 250.5, 250.5]
    assert Prices({}).barrier(1) is None


def test_no_section_or_an_empty_one_is_no_prices():
    assert parse_chip(BASE).prices is None
    assert parse_chip(BASE + "[cost]\n").prices is None
    changed = parse_chip(BASE + GOOD, changes={"cost.synapse.energy": 1})
    assert changed.prices.events["synapse"].energy == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("synapse =", "sinapse =", "unknown key 'sinapse' in [cost]; did you mean 'synapse'?"),
        ("energy = 23.6", "energy = -1", "cost.synapse.energy is -1; it must be in 0..1e+15"),
        ("energy = 23.6", "energy = nan", "cost.synapse.energy is nan; it must be in"),
        ("energy = 23.6", "energy = inf", "cost.synapse.energy is inf; it must be in"),
        ("energy = 23.6", "energy = true", "it must be a number from 0 up"),
        ("energy = 23.6", 'energy = "low"', "it must be a number from 0 up"),
        ("energy = 23.6, latency = 3.5, ", "", "has neither energy nor latency"),
        ("latency = 3.5,", "latenzy = 3.5,", "unknown key 'latenzy' in [cost.synapse]"),
        ('source = "neurohw", status = "documented"', 'source = "web", status = "assumed"',
         "cost.synapse.source is 'web'; [sources] has: neurohw"),
        ('"documented"', '"sure"', "cost.synapse.status is 'sure'"),
        ('"local", ', '"lokal", ', "'lokal' is no event"),
        ('"local", ', '"spike", ', "'spike' has a price and is in 'included'"),
        ('name = "mine"\n', "", "[cost] has no 'name'"),
        ("static.chip", "static.board", "unknown key 'board' in [cost.static]"),
        ("power = 1.5, ", "", "[cost.static.chip] has no 'power'"),
        ("tiles = [1, 4]", "tiles = [4, 1]", "tiles is [4, 1]; the numbers must rise"),
        ("tiles = [1, 4]", "tiles = [0, 4]", "tiles is a list of whole numbers from 1 up"),
        ("tiles = [1, 4]", "tiles = []", "tiles is a list of whole numbers from 1 up"),
        ("latency = [100, 250.5]", "latency = [100]", "latency needs 2 numbers"),
        ("latency = [100, 250.5]", "latency = [100, -1]", "latency needs 2 numbers"),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_at_its_place(old, new, said):
    assert old in GOOD
    with pytest.raises(ProfileError) as caught:
        parse_chip(BASE + GOOD.replace(old, new, 1), "mine.toml")
    message = str(caught.value)
    assert said in message and re.match(r"mine\.toml:\d+:\d+: ", message)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Price(-1.0, None, "x", "assumed"), "energy is -1.0"),
        (lambda: Price(1.0, math.nan, "x", "assumed"), "latency is nan"),
        (lambda: Prices({"synaps": Price(1.0, 1.0, "x", "assumed")}), "did you mean 'synapse'"),
        (lambda: Prices({}, included=frozenset({"axon"})), "unknown event"),
        (lambda: Prices({"spike": Price(1.0, 1.0, "x", "assumed")}, included=frozenset({"spike"})),
         "keep one"),
        (lambda: Prices({}, sync=((2, 1.0), (1, 1.0))), "rising"),
        (lambda: Prices({}, sync=((1, math.inf),)), "sync takes inf ns"),
        (lambda: Prices({}, static={"board": Number(1.0, "x", "assumed")}), "unknown static"),
        (lambda: Prices({}, static={"chip": Number(-1.0, "x", "assumed")}), "-1.0 mW"),
    ],
)  # fmt: skip
def test_prices_are_checked(make, said):
    with pytest.raises(NeurohwError, match=re.escape(said)):
        make()


def test_shipped_prices():
    """Which chips have prices, and how sure they are: only what somebody published."""
    known = {}
    for name in nh.list_chips():
        chip = nh.load_chip(name)
        if chip.prices is not None:
            known[name] = {p.status for p in chip.prices.events.values()}
            assert {p.source for p in chip.prices.events.values()} <= chip.sources.keys()
            assert not set(EVENTS) - chip.prices.events.keys() - chip.prices.included
    assert known == {
        "loihi1": {"assumed"}, "odin": {"documented"}, "prototype": {"assumed"},
        "spinnaker1": {"assumed", "documented"}, "truenorth": {"assumed"},
    }  # fmt: skip
    assert nh.load_chip("odin").prices.events["synapse"].energy == 12.7
    assert nh.load_chip("spinnaker1").prices.events["router"].energy == 40 * 25  # bits, pJ a bit
    assert nh.load_chip("truenorth:paicore").prices is None
