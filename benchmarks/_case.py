"""The kinds of case a story can hold.

A case has sides, each a function that imports what it needs and returns the names that the timed statement uses: all
sides run one statement. `measure` turns times into rows. A story that needs another way to measure subclasses Case.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from benchmarks._row import Measured

if TYPE_CHECKING:
    from benchmarks._bench import Bench

__all__ = ["UNITS", "Bound", "Case", "CaseFailed", "Probe", "Race", "Setup"]

Setup = Callable[[], dict[str, Any]]

UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


class CaseFailed(RuntimeError):
    """A case could not be measured; the message says why."""


class Case(ABC):
    """One named question of a story."""

    environment: Mapping[str, str] = {}  # variables of every side's process
    only_named = False  # left out unless it is asked for by name

    def __init__(self, name: str, statement: str = "", sides: Mapping[str, Setup] | None = None) -> None:
        self.name = name
        self.statement = statement
        self.sides = dict(sides or {})

    @abstractmethod
    def measure(self, bench: Bench) -> list[Measured]:
        """Measure and return the rows; CaseFailed when that is impossible."""


class Race(Case):
    """The same statement on both sides, interleaved; `limit` is on the ratio of the medians."""

    def __init__(
        self, name: str, statement: str, *, ours: Setup, torch: Setup, limit: float | None, unit: str = "us"
    ) -> None:
        super().__init__(name, statement, {"ours": ours, "torch": torch})
        self.limit = limit
        self.unit = unit

    def measure(self, bench: Bench) -> list[Measured]:
        """One row: time a call."""
        seconds = bench.race(self)
        scale = UNITS[self.unit]
        return [
            Measured(
                case=self.name, metric="time", unit=self.unit, ours=seconds["ours"] * scale,
                peer=seconds["torch"] * scale, peer_name=bench.torch_name, limit=self.limit,
            )
        ]  # fmt: skip


class Bound(Case):
    """The time of a call of ours against a stated number of seconds."""

    def __init__(self, name: str, statement: str, *, ours: Setup, bound_seconds: float, unit: str = "us") -> None:
        super().__init__(name, statement, {"ours": ours})
        self.bound_seconds = bound_seconds
        self.unit = unit

    def measure(self, bench: Bench) -> list[Measured]:
        """One row: time a call over the bound."""
        scale = UNITS[self.unit]
        ours = bench.race(self)["ours"] * scale
        return [
            Measured(
                case=self.name, metric="time", unit=self.unit, ours=ours,
                peer=self.bound_seconds * scale, peer_name="bound", limit=1.0,
            )
        ]  # fmt: skip


class Probe(Case):
    """A value that a fresh process finds out about itself, the median of several processes, against a bound."""

    def __init__(
        self, name: str, statement: str, *, ours: Setup, metric: str, unit: str, bound: float, processes: int = 5
    ) -> None:
        super().__init__(name, statement, {"ours": ours})
        self.metric = metric
        self.unit = unit
        self.bound = bound
        self.processes = processes

    def measure(self, bench: Bench) -> list[Measured]:
        """One row: the value over the bound."""
        turns: list[dict[str, str]] = [{}] * (1 if bench.quick else self.processes)
        ours = bench.probe(self, "ours", turns)
        return [
            Measured(
                case=self.name, metric=self.metric, unit=self.unit, ours=ours,
                peer=self.bound, peer_name="bound", limit=1.0,
            )
        ]  # fmt: skip
