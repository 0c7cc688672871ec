"""Reading and accumulating through indices and masks."""

from __future__ import annotations

from benchmarks.sweep._row import SweepRow

__all__ = ["ROWS"]

_BOTH = ("f32", "i64")

ROWS: tuple[SweepRow, ...] = (
    SweepRow("slice", "x[1:-1]"),
    SweepRow("int", "m[3]"),
    SweepRow("index", "x[i]"),
    SweepRow("index-rows", "m[j]", _BOTH),
    SweepRow("index-columns", "m[:, j]", _BOTH),
    SweepRow("index-both", "m[j, j]", _BOTH),
    SweepRow("mask", "x[k]", _BOTH),
    SweepRow("masked_select", "lib.masked_select(x, k)", _BOTH),
    SweepRow("index_select", "lib.index_select(m, 0, j)"),
    SweepRow("gather", "lib.gather(m, 1, ij)"),
    SweepRow("take_along_dim", "lib.take_along_dim(m, ij, 1)", _BOTH),
    SweepRow("scatter", "m.scatter(1, ij, w)"),
    SweepRow("scatter_add", "m.scatter_add(1, ij, w)"),
    SweepRow("scatter_add-first", "m.scatter_add(0, ij, w)", _BOTH),
    SweepRow("scatter_reduce", "m.scatter_reduce(1, ij, w, 'amax')", _BOTH),
    SweepRow("index_add", "m.index_add(0, j, w)", _BOTH),
    SweepRow("index_add-vector", "x.index_add(0, i, y)", _BOTH),
    SweepRow("index_copy", "m.index_copy(0, j, w)", _BOTH),
    SweepRow("index_fill", "m.index_fill(0, j, 1)", _BOTH),
    SweepRow("index_put", "x.index_put((i,), y)", _BOTH),
    SweepRow("index_put-accumulate", "x.index_put((i,), y, accumulate=True)", _BOTH),
    SweepRow("nonzero", "lib.nonzero(k)", ("f32",), False),
    SweepRow("embedding", "F.embedding(j, m)", ("f32",)),
)
