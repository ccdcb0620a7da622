"""The table through which a kernel finds its arrays: names to places, addresses and numbers.

A kernel reads ``array_at(_t, k, dtype)`` where Python would pass an array. Whoever fills a
table keeps the arrays alive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass
class Slots:
    """Places in a table by name, in the order in which they are asked for while text is made;
    ``dtypes`` of arrays, '' for numbers."""

    places: dict[str, int] = field(default_factory=dict)
    dtypes: dict[str, str] = field(default_factory=dict)
    size: int = 0

    def number(self, name: str, table: str = "_t") -> str:
        """Text that reads a number."""
        return f"{table}[{self._place(name, '')}]"

    def array(self, name: str, dtype: str, table: str = "_t") -> str:
        """Text that makes an array from its address and size."""
        return f"array_at({table}, {self._place(name, dtype)}, _{dtype})"

    def declare(self, names: Sequence[tuple[str, str]]) -> list[str]:
        """Statements that give arrays and numbers (dtype '') their names."""
        return [f"{n} = {self.array(n, d) if d else self.number(n)}" for n, d in names]

    def _place(self, name: str, dtype: str) -> int:
        if name not in self.places:
            self.places[name], self.dtypes[name] = self.size, dtype
            self.size += 2 if dtype else 1
        return self.places[name]


class Table:
    """One part's values for the slots of a kernel, int64; ``row`` is a row of the table of all."""

    def __init__(self, slots: Slots, row: NDArray[np.int64]) -> None:
        self.slots, self.row = slots, row
        self.held: dict[str, NDArray[np.generic]] = {}

    def put(self, name: str, value: NDArray[np.generic] | int) -> None:
        """Fill a slot; names that this kernel does not read are left out."""
        place = self.slots.places.get(name)
        if place is None:
            return
        dtype = self.slots.dtypes[name]
        if not isinstance(value, np.ndarray):
            self.row[place] = value
            return
        assert value.dtype == np.dtype(dtype) and value.flags.c_contiguous, (
            name,
            value.dtype,
            dtype,
        )
        self.held[name] = value
        self.row[place], self.row[place + 1] = value.ctypes.data, value.size

    def missing(self) -> list[str]:
        """Arrays of the kernel that nobody gave."""
        return [n for n, d in self.slots.dtypes.items() if d and n not in self.held]


class Tables:
    """All tables of one part: of the driver, of the delivery, and of each kind of neuron."""

    def __init__(
        self, row: NDArray[np.int64], driver: Slots, delivery: Slots, kinds: Sequence[Slots]
    ) -> None:
        self.driver = Table(driver, row)
        self.delivery = Table(delivery, np.zeros(delivery.size, np.int64))
        self.kinds = [Table(k, np.zeros(k.size, np.int64)) for k in kinds]
        self.samples: list[int] = []
        self.sampled: list[NDArray[np.generic]] = []

    def put(self, name: str, value: NDArray[np.generic] | int, kind: int | None = None) -> None:
        """Fill a slot wherever it is read, or in the table of one kind."""
        every = [self.driver, self.delivery, *self.kinds] if kind is None else [self.kinds[kind]]
        for table in every:
            table.put(name, value)

    def sample(
        self, register: NDArray[np.generic], which: NDArray[np.int64], place: NDArray[np.int64],
        trace: NDArray[np.int64], width: int,
    ) -> None:  # fmt: skip
        """Record neurons ``which`` of a register into columns ``place`` of a trace."""
        held = (register, which, place.astype(np.int64), trace)
        self.sampled += held
        self.samples += [*(a.ctypes.data for a in held), register.itemsize, which.size, width]

    def close(self) -> None:
        """Link the tables, when everything is in them."""
        samples = np.array(self.samples, np.int64)
        self.sampled.append(samples)
        self.driver.put("_samples", samples.ctypes.data)
        self.driver.put("_sampled", samples.size)
        self.driver.put("_deliver_table", self.delivery.row.ctypes.data)
        tables = np.array([k.row.ctypes.data for k in self.kinds], np.int64)
        self.driver.put("_update_table", tables)
        for table in (self.driver, self.delivery, *self.kinds):
            assert not table.missing(), table.missing()
