"""Reductions, scans, sorting, searching, statistics."""

from __future__ import annotations

from benchmarks.sweep._row import SweepRow

__all__ = ["ROWS"]

_FLOATS = ("f32", "bf16")
_BOTH = ("f32", "i64")

ROWS: tuple[SweepRow, ...] = (
    *(SweepRow(op, f"lib.{op}(x)") for op in ("sum", "amax", "amin")),
    *(SweepRow(f"{op}-rows", f"lib.{op}(m, 1)") for op in ("sum", "amax")),
    *(SweepRow(f"{op}-columns", f"lib.{op}(m, 0)") for op in ("sum", "amax")),
    *(SweepRow(op, f"lib.{op}(x)", _FLOATS) for op in ("mean", "var", "std")),
    *(SweepRow(f"{op}-rows", f"lib.{op}(m, 1)", _FLOATS) for op in ("mean", "var", "logsumexp", "softmax")),
    *(SweepRow(f"{op}-columns", f"lib.{op}(m, 0)", _FLOATS) for op in ("mean", "var", "logsumexp", "softmax")),
    SweepRow("log_softmax", "lib.log_softmax(m, 1)", _FLOATS),
    SweepRow("norm", "lib.norm(x)", _FLOATS),
    SweepRow("norm-rows", "lib.norm(m, dim=1)", _FLOATS),
    SweepRow("prod", "lib.prod(p)", ("f32",)),
    SweepRow("nansum", "lib.nansum(x)", ("f32",)),
    *(SweepRow(op, f"lib.{op}(x)", _BOTH, False) for op in ("argmax", "argmin", "any", "all", "count_nonzero")),
    SweepRow("argmax-rows", "lib.argmax(m, 1)", _BOTH, False),
    SweepRow("max-rows", "lib.max(m, 1)", _BOTH),
    SweepRow("median", "lib.median(x)", _BOTH, False),
    SweepRow("quantile", "lib.quantile(x, 0.3)", ("f32",)),
    SweepRow("cumsum", "lib.cumsum(x, 0)", _BOTH),
    SweepRow("cumsum-columns", "lib.cumsum(m, 0)", _BOTH),
    SweepRow("cumprod", "lib.cumprod(p, 0)", ("f32",)),
    SweepRow("cummax", "lib.cummax(x, 0)", _BOTH),
    SweepRow("logcumsumexp", "lib.logcumsumexp(x, 0)", ("f32",)),
    SweepRow("sort", "lib.sort(x)", _BOTH),
    SweepRow("sort-rows", "lib.sort(m, 1)", _BOTH),
    SweepRow("argsort", "lib.argsort(x)", _BOTH, False),
    SweepRow("topk", "lib.topk(x, 10)", _BOTH),
    SweepRow("topk-rows", "lib.topk(m, 5, 1)", _BOTH),
    SweepRow("kthvalue", "lib.kthvalue(x, 10)", _BOTH),
    SweepRow("unique", "lib.unique(x)", ("i64",), False),
    SweepRow("searchsorted", "lib.searchsorted(t, x)", ("f32",), False),
    SweepRow("bucketize", "lib.bucketize(x, t)", ("f32",), False),
    SweepRow("bincount", "lib.bincount(p)", ("i64",), False),
    SweepRow("histc", "lib.histc(x, 50)", ("f32",), False),
    SweepRow("diff", "lib.diff(x)", _BOTH),
    SweepRow("cov", "lib.cov(m)", ("f32",), sizes=("100", "10k")),
    SweepRow("multinomial", "lib.multinomial(p, 16)", ("f32",), False, ("100", "10k")),
)
