"""Reading the [cost] of a profile: energies in pJ, latencies in ns, powers in mW."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

from neurohw.chip.model import Number
from neurohw.chip.prices import EVENTS, STATIC, Price, Prices
from neurohw.chip.table import Table

LARGEST = 1e15


def read_prices(table: Table, sources: Mapping[str, str]) -> Prices | None:
    """The prices in ``[cost]``, None if it is empty; ProfileError if they can't be."""
    if not table.data:
        return None
    name = table.text("name")
    included = table.names("included", EVENTS, "event")
    events = {}
    for key in (k for k in EVENTS if table.has(k)):
        if key in included:
            raise table.error(f"'{key}' has a price and is in 'included'; keep one", key)
        entry = table.table(key)
        energy, latency = _number(entry, "energy"), _number(entry, "latency")
        if energy is None and latency is None:
            raise entry.error(f"{entry.name} has neither energy nor latency; give one or both")
        events[key] = Price(energy, latency, entry.source(sources), entry.status())
        entry.finish()
    static = {}
    inner = table.table("static", required=False)
    for key in (k for k in STATIC if inner.has(k)):
        entry = inner.table(key)
        power = _number(entry, "power", required=True) or 0.0
        static[key] = Number(power, entry.source(sources), entry.status())
        entry.finish()
    inner.finish()
    prices = Prices(events, static=static, included=frozenset(included), name=name)
    if table.has("sync"):
        prices = _with_sync(prices, table.table("sync"), sources)
    table.asked.update(EVENTS)
    table.finish()
    return prices


def _number(table: Table, key: str, required: bool = False) -> float | None:
    if not required and not table.has(key):
        table.asked.add(key)
        return None
    value = float(table.get(key, (int, float), "a number from 0 up"))
    if not (math.isfinite(value) and 0 <= value <= LARGEST):
        raise table.error(f"{table.label(key)} is {value:g}; it must be in 0..{LARGEST:g}", key)
    return value


def _with_sync(prices: Prices, table: Table, sources: Mapping[str, str]) -> Prices:
    tiles = table.get("tiles", list, "a list of numbers of active tiles")
    times = table.get("latency", list, "a list of ns, one for each of 'tiles'")
    if not tiles or any(type(t) is not int or not 0 < t < 2**31 for t in tiles):
        raise table.error("tiles is a list of whole numbers from 1 up", "tiles")
    if any(a >= b for a, b in pairwise(tiles)):
        raise table.error(f"tiles is {tiles}; the numbers must rise", "tiles")
    good = all(type(t) in (int, float) and 0 <= t <= LARGEST for t in times)
    if len(times) != len(tiles) or not good:
        raise table.error(f"latency needs {len(tiles)} numbers from 0 up, one a tile", "latency")
    found = Prices(
        prices.events, tuple((t, float(ns)) for t, ns in zip(tiles, times, strict=True)),
        prices.static, prices.included, prices.name, table.source(sources), table.status(),
    )  # fmt: skip
    table.finish()
    return found
