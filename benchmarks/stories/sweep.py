"""Every op at three sizes and dtypes, forward and forward with backward, beside torch eager.

The rows go one by one through a pair of processes. The table shows the median of the ratios, the share of rows above 3
and the largest ratio; every row stands in the file of `--json`, and the slow ones in the table too. bfloat16 is judged
apart, by size: generated kernels are to mend that. `--case FAMILY` looks at one family.
"""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import Any

from benchmarks._bench import Bench
from benchmarks._case import Case
from benchmarks._row import Measured
from benchmarks.sweep import FAMILIES
from benchmarks.sweep._row import prepared, variants

__all__ = ["CASES"]

_ABOVE = 3.0
_WORST = 10.0
_SHARE = 0.05
_HALF_LIMITS = {"100": 1.5, "10k": 12.0, "1M": 12.0}


class _Rows:
    """Callables by row and variant, made when they are first asked for."""

    def __init__(self, lib: Any, functional: Any) -> None:
        self._lib, self._functional = lib, functional
        self._rows = {row.name: row for rows in FAMILIES.values() for row in rows}
        self._made: dict[tuple[str, str, str, str], Any] = {}

    def __call__(self, name: str, dtype: str, size: str, way: str) -> Any:
        key = (name, dtype, size, way)
        if key not in self._made:
            self._made.clear()  # operands of one row at a time
            self._made[key] = prepared(self._lib, self._functional, self._rows[name], dtype, size, way)
        return self._made[key]


def _ours() -> dict[str, Any]:
    import lamella.tensor as lt
    from lamella.nn import functional

    return {"row": _Rows(lt, functional)}


def _torch() -> dict[str, Any]:
    import torch

    return {"row": _Rows(torch, torch.nn.functional)}


class Sweep(Case):
    """The rows of some families in some dtypes."""

    def __init__(self, name: str, families: tuple[str, ...], dtypes: tuple[str, ...], only_named: bool) -> None:
        super().__init__(name, "", {"ours": _ours, "torch": _torch})
        self.only_named = only_named
        self.halves = dtypes == ("bf16",)
        rows = [row for family in families for row in FAMILIES[family]]
        self.chosen = [(row.name, *v) for row in rows for v in variants(row) if v[0] in dtypes]

    def measure(self, bench: Bench) -> list[Measured]:
        """A few rows of summary and one of detail for every variant."""
        bench.turns, bench.blocks, bench.block_seconds = (2, 2, 0.002) if bench.quick else (3, 3, 0.004)
        chosen = [one for one in self.chosen if not bench.quick or one[2] != "1M"]
        statements = [f"row{one!r}()" for one in chosen]
        found = [
            (size, self._row("-".join((name, dtype, size, way)), seconds, bench.torch_name))
            for (name, dtype, size, way), seconds in zip(chosen, bench.races(self, statements), strict=True)
        ]
        return [*self._summary(found), *(one for _, one in found)]

    def _row(self, name: str, seconds: dict[str, float], peer: str) -> Measured:
        ours, theirs = seconds["ours"] * 1e6, seconds["torch"] * 1e6
        limit = None if self.halves else _WORST
        return Measured(
            case=name, metric="time", unit="us", ours=ours, peer=theirs, peer_name=peer, limit=limit,
            detail=self.halves or ours <= theirs * _ABOVE,
        )  # fmt: skip

    def _summary(self, found: list[tuple[str, Measured]]) -> list[Measured]:
        def against(metric: str, value: float, bound: float) -> Measured:
            return Measured(
                case=self.name, metric=metric, unit="", ours=value, peer=bound, peer_name="bound", limit=1.0
            )

        sizes: dict[str, list[float]] = {}
        for size, one in found:
            sizes.setdefault(size, []).append(one.ratio)
        if self.halves:
            return [against(f"median {s}", statistics.median(v), _HALF_LIMITS[s]) for s, v in sizes.items()]
        ratios = [one.ratio for _, one in found]
        by_size = [against(f"median {s}", statistics.median(v), 1.0) for s, v in sizes.items()]
        return [
            against("median", statistics.median(ratios), 1.0),
            against(f"share above {_ABOVE:g}", sum(r > _ABOVE for r in ratios) / len(ratios), _SHARE),
            *(replace(one, limit=None) for one in by_size),
        ]


_FULL = ("f32", "i64")
CASES = [
    Sweep("f32-i64", tuple(FAMILIES), _FULL, only_named=False),
    Sweep("bf16", tuple(FAMILIES), ("bf16",), only_named=False),
    *(Sweep(family, (family,), _FULL, only_named=True) for family in FAMILIES),
]
