"""Statistics over dims, scans, sorting, selections along a dim and lookups."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from integration.oracle.inputs import DTYPES, FLOATS, INTS, In
from integration.oracle.row import Row

__all__ = ["EXEMPT", "FUNCTIONS", "ROWS", "VALUES"]

_NUMBERS = (*FLOATS, *INTS)
_FULL = ("float64", "float32")
_X = In((3, 5))
_LAST: dict[str, Any] = {"dims": (1,), "keepdim": False}
_OUTER: dict[str, Any] = {"dims": (0, 2), "keepdim": True}


def _along(op: str, theirs: Callable[..., Any], params: dict[str, Any], dtypes: tuple[str, ...], label: str) -> Row:
    # the oracle leaves open which of equal elements it takes: values of integers, values and gradients of floats
    return Row(op, theirs, (_X,), params, dtypes, label)


def _spread(name: str) -> list[Row]:
    function = getattr(torch, f"{name}_mean")

    def theirs(dims: tuple[int, ...], correction: float, keepdim: bool) -> Callable[..., Any]:
        def both(x: Any) -> Any:
            # our mean is a residual: its dims stay, and half types have it in float32
            y, _ = function(x, dims, correction=correction, keepdim=keepdim)
            wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
            return y, wide.mean(dims, keepdim=True)

        return both

    rows = []
    for label, dims, correction, keepdim in (("last", (2,), 1.0, False), ("outer", (0, 2), 0.0, True)):
        params = {"dims": dims, "correction": correction, "keepdim": keepdim}
        rows.append(Row(name, theirs(**params), (In((2, 3, 4)),), params, FLOATS, label))
    return rows


ROWS = [
    Row("nansum", lambda x: torch.nansum(x, (0, 2), True), (In((2, 3, 4)),), _OUTER, DTYPES),
    Row("count_nonzero", lambda x: torch.count_nonzero(x, 1), (_X,), _LAST, DTYPES),
    Row("mean", lambda x: torch.mean(x, (0, 2), True), (In((2, 3, 4)),), _OUTER, FLOATS),
    Row("mean", lambda x: torch.mean(x, 1), (_X,), _LAST, FLOATS, "last"),
    *_spread("var"),
    *_spread("std"),
    *[
        Row("norm", lambda x, p=p: torch.linalg.vector_norm(x, p, (1,)), (_X,), {"p": p, **_LAST}, _FULL, str(p))
        for p in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, math.inf, -math.inf)
    ],
    Row("norm", lambda x: torch.linalg.vector_norm(x, 2, (0, 2), True), (In((2, 3, 4)),), {"p": 2.0, **_OUTER}),
    Row("logsumexp", lambda x: torch.logsumexp(x, (1,)), (_X,), _LAST),
    Row("logsumexp", lambda x: torch.logsumexp(x, (0, 2), True), (In((2, 3, 4)),), _OUTER, label="outer"),
    Row("median", torch.median, (_X,), {"dims": (0, 1), "keepdim": False}, _NUMBERS),
    Row("nanmedian", torch.nanmedian, (_X,), {"dims": (0, 1), "keepdim": False}, _NUMBERS),
    _along("cumprod", lambda x: torch.cumprod(x, 1), {"dim": 1}, DTYPES, ""),
    _along("cumprod", lambda x: torch.cumprod(x, 0), {"dim": 0}, FLOATS, "first"),
    _along("logcumsumexp", lambda x: torch.logcumsumexp(x, 1), {"dim": 1}, FLOATS, ""),
    _along("cummax", lambda x: torch.cummax(x, 1), {"dim": 1}, DTYPES, ""),
    _along("cummin", lambda x: torch.cummin(x, 0), {"dim": 0}, DTYPES, ""),
    *[
        _along(
            "sort", lambda x, d=down: torch.sort(x, dim=1, descending=d, stable=True),
            {"dim": 1, "descending": down}, DTYPES, str(down),
        )
        for down in (False, True)
    ],
    _along(
        "argsort", lambda x: torch.argsort(x, dim=0, descending=True, stable=True),
        {"dim": 0, "descending": True}, DTYPES, "",
    ),
    *[
        _along(
            "topk", lambda x, best=best: torch.topk(x, 2, 1, best), {"k": 2, "dim": 1, "largest": best}, _FULL,
            str(best),
        )
        for best in (False, True)
    ],
    _along("kthvalue", lambda x: torch.kthvalue(x, 2, 1, True), {"k": 2, "dim": 1, "keepdim": True}, _FULL, ""),
    *[
        _along(
            "median_along", lambda x, f=f: f(x, 1, True), {"dim": 1, "skip_nan": skip, "keepdim": True}, _FULL,
            str(skip),
        )
        for f, skip in ((torch.median, False), (torch.nanmedian, True))
    ],
    _along("mode", lambda x: torch.mode(x, 1, True), {"dim": 1, "keepdim": True}, _FULL, ""),
    _along("max_along", lambda x: torch.max(x, 1), {"dim": 1, "keepdim": False}, DTYPES, ""),
    _along("min_along", lambda x: torch.min(x, 0, True), {"dim": 0, "keepdim": True}, DTYPES, ""),
    Row(
        "place", lambda x, i: torch.zeros(4, 5, dtype=x.dtype).scatter(0, i, x),
        (In((1, 5)), In((1, 5), "index", 4)), {"dim": 0, "size": 4}, DTYPES,
    ),
    Row("isin", torch.isin, (_X, In((4,))), {"assume_unique": False}, (*INTS, "float64", "float32")),
    *[
        Row(
            "searchsorted", lambda s, v, r=right: torch.searchsorted(s, v, right=r),
            (In((1,)), _X), {"right": right}, ("float64", "float32", "int64", "int32"), str(right),
        )
        for right in (False, True)
    ],
]  # fmt: skip

EXEMPT = {"multinomial": "draws from uniforms of our own; its laws are tested in packages/tensor"}

_RNG = np.random.default_rng(11)
_ZEROS = _RNG.normal(size=(3, 4))
_ZEROS[0, 1] = _ZEROS[1, 0] = _ZEROS[1, 2] = 0.0
_HOLES = _RNG.normal(size=(4, 5))
_HOLES[0, 2] = _HOLES[3, :] = np.nan
_SPECIAL = np.array([[np.nan, 1.0, np.inf, -np.inf, -0.0, 0.0], [2.0, -1.0, 2.0, -1.0, np.nan, np.nan]])

VALUES: dict[str, Any] = {
    "st_zeros": _ZEROS, "st_holes": _HOLES, "st_special": _SPECIAL, "st_row": _RNG.normal(size=7),
    "st_ints": _RNG.integers(-3, 4, (4, 6)), "st_counts": _RNG.integers(0, 6, 20),
    "st_flags": _RNG.random((3, 4)) < 0.5,
    "st_q": np.array([0.0, 0.25, 0.6, 1.0]), "st_sorted": np.sort(_RNG.normal(size=(3, 6))),
    "st_weights": _RNG.random(20), "st_f32": _RNG.normal(size=(3, 4)).astype(np.float32),
    "st_half": _RNG.normal(size=(3, 4)).astype(np.float16), "st_cube": _RNG.normal(size=(2, 3, 4)),
}  # fmt: skip

_QUANTILES = [
    f"lib.{name}({of}, {q}, {dim}, {keep}, interpolation='{how}')"
    for how in ("linear", "lower", "higher", "midpoint", "nearest")
    for name, of, q, dim, keep in (
        ("quantile", "x", "0.3", 1, False),
        ("quantile", "x", "st_q.detach()", None, False),
        ("quantile", "x", "st_q.detach()", 0, True),
        ("nanquantile", "st_holes", "0.4", 1, False),
        ("nanquantile", "st_holes", "st_q.detach()", 0, True),
    )
]

FUNCTIONS = [
    # reductions and their signatures
    "lib.sum(st_ints, 1, dtype=lib.float64)", "lib.sum(st_f32, dtype=lib.float64)", "x.prod(1, dtype=lib.float32)",
    "lib.nansum(st_holes)", "lib.nansum(st_holes, 1, True)", "lib.nanmean(st_holes)", "lib.nanmean(st_holes, 0)",
    "x.var()", "x.var(False)", "x.var(1, False)", "x.var(1, True, True)",
    "x.var((0, 1), correction=2)", "x.std(True)", "x.std(0, unbiased=False)",
    "x.std(1, keepdim=True, correction=0)", "lib.var_mean(x, 1)", "lib.var_mean(x)", "lib.std_mean(x, (0, 1))",
    "lib.std_mean(x, 0, keepdim=True, correction=0)", "lib.std(x * 0, 0)", "lib.var(st_half, 1)",
    "lib.aminmax(x)", "lib.aminmax(x, dim=1)", "x.aminmax(dim=0, keepdim=True)",
    "x.max()", "x.max(1)", "x.max(0, True)", "lib.max(x, y)", "x.min()", "x.min(-1)", "lib.min(x, 1, keepdim=True)",
    "lib.min(x, y)", "x.max(1).values + x.min(1).values", "x.max(1).indices", "lib.tensor(2.5).max(0)",
    "st_special.max(1)", "st_special.amin(1)", "st_special.argmax(1)", "st_ints.max(0).values", "x.argmax()",
    "x.argmin(1, keepdim=True)", "lib.count_nonzero(st_ints)", "lib.count_nonzero(st_ints, (0, 1))",
    "lib.any(st_ints, (0, 1))", "lib.all(st_ints, (0,), True)", "lib.any(x)", "x.all(1)", "st_zeros.prod()",
    "st_zeros.prod(1)", "st_zeros.prod(0, keepdim=True)", "x.prod()",
    # medians, modes, quantiles
    "x.median()", "x.median(1)", "x.median(0, True)", "st_holes.median()", "st_holes.median(1).values",
    "lib.nanmedian(st_holes)", "lib.nanmedian(st_holes, 0)", "st_row.median()", "x.mode(1)", "lib.mode(x, 0, True)",
    "st_ints.mode(1).values", "st_ints.mode()", "lib.quantile(st_row, 0.5)", *_QUANTILES,
    "lib.quantile(st_holes, 0.5, 1)", "lib.quantile(st_row, lib.tensor(0.37, dtype=lib.float64))",
    # norms and what is made of them
    "x.norm()", "x.norm(1)", "x.norm(3, 1)", "x.norm('fro', (0, 1))", "x.norm(float('inf'), 0, True)",
    "lib.norm(x.detach(), 0, 1)", "lib.norm(x, p=0.5, dim=1)", "lib.norm(x * 0)", "lib.norm(x * 0, 1.5)",
    "lib.norm(x, dim=0)",
    "lib.norm(st_f32, dtype=lib.float64)", "lib.dist(x, y)", "lib.dist(x, y, 1)", "lib.dist(x, v, 3)",
    "lib.renorm(x, 2, 0, 1.0)", "x.renorm(1, 1, 0.5)", "lib.trace(x)", "x.t().trace()", "lib.trace(st_ints)",
    "lib.logsumexp(x, (0, 1))", "x.logsumexp(1, True)", "lib.logsumexp(st_ints.double(), 1)",
    "lib.cov(x)", "x.cov(correction=0)", "lib.cov(st_row)", "lib.corrcoef(x)", "lib.corrcoef(st_row)",
    "lib.cov(st_cube[0], fweights=st_counts[:4].detach())", "lib.cov(x, aweights=st_weights[:4].detach())",
    "lib.cov(x, correction=0, fweights=st_counts[:4] + 1, aweights=st_weights[:4].detach())",
    "lib.diff(x)", "lib.diff(x, 2, 0)", "x.diff(dim=1, prepend=y[:, :1], append=y)", "lib.diff(st_flags)",
    "lib.diff(st_ints, n=0)", "lib.trapezoid(x)", "lib.trapezoid(x, dx=0.5, dim=0)", "lib.trapz(x, y)",
    "lib.trapezoid(x, v)", "lib.cumulative_trapezoid(x, dim=1)", "lib.cumulative_trapezoid(x, y, dim=0)",
    # scans
    "x.cumsum(0)", "st_ints.cumsum(1, dtype=lib.float32)", "st_flags.cumsum(1)", "x.cumprod(0)", "st_zeros.cumprod(1)",
    "st_zeros.cumprod(0)", "st_ints.cumprod(1, dtype=lib.float64)", "x.cummax(0)", "x.cummin(1)",
    "st_special.cummax(1)", "st_special.cummin(1)", "st_ints.cummax(1)", "lib.logcumsumexp(x, 0)",
    "lib.logcumsumexp(st_row * 100, 0)", "lib.tensor(3.0).cumsum(0)", "lib.tensor(3.0).cummax(0)",
    # order
    "x.sort()", "x.sort(0, descending=True)", "lib.sort(st_special, dim=1, stable=True)",
    "lib.sort(st_special, dim=1, descending=True, stable=True)", "lib.sort(st_ints, stable=True)",
    "lib.sort(st_ints, descending=True, stable=True)", "x.argsort()", "x.argsort(0, True)",
    "lib.argsort(st_ints, dim=1, stable=True)", "lib.msort(x)", "x.topk(2)", "x.topk(3, 0)",
    "lib.topk(x, 1, largest=False)",
    "st_ints.topk(3, 1).values", "st_special.detach().topk(3).values",
    "st_special.detach().topk(2, largest=False).values",
    "x.topk(0)", "x.kthvalue(2)", "x.kthvalue(1, 0, True)", "st_special.kthvalue(5).values", "lib.tensor(1.5).sort()",
    "lib.tensor(1.5).topk(1)", "st_flags.sort(dim=1, stable=True)",
    # distinct elements, places, counts
    "lib.unique(st_ints)", "st_ints.unique(return_inverse=True, return_counts=True)", "lib.unique(st_ints, dim=0)",
    "lib.unique(st_counts, return_counts=True)", "lib.unique(st_ints % 2, dim=1, return_inverse=True)",
    "lib.unique_consecutive(st_counts)",
    "lib.unique_consecutive(st_counts // 3, return_inverse=True, return_counts=True)",
    "lib.unique_consecutive(st_ints // 4, dim=0, return_inverse=True)", "lib.unique(st_flags)",
    "lib.searchsorted(st_sorted.detach(), x)", "lib.searchsorted(st_sorted[0].detach(), x, right=True)",
    "lib.searchsorted(st_sorted[0].detach(), 0.1)", "lib.searchsorted(st_sorted.detach(), x, out_int32=True)",
    "lib.searchsorted(st_row.detach(), x, sorter=st_row.argsort(), side='right')",
    "lib.bucketize(x, st_sorted[0].detach())", "lib.bucketize(x, st_sorted[0].detach(), right=True, out_int32=True)",
    "lib.bucketize(0.3, st_sorted[0].detach())", "lib.isin(st_ints, st_counts[:3])",
    "lib.isin(st_ints, st_counts[:3], invert=True)", "lib.isin(st_ints, 2)", "lib.isin(2, st_ints)",
    "lib.bincount(st_counts)", "st_counts.bincount(minlength=9)", "lib.bincount(st_counts, st_weights.detach())",
    "lib.histc(st_f32, 5)", "lib.histc(st_row.detach(), 4, -1, 1)", "lib.histogram(st_row.detach(), 4)",
    "lib.histogram(st_row.detach(), st_sorted[0].detach())",
    "lib.histogram(st_row.detach(), 3, range=(-1.0, 1.0), density=True)",
    "lib.histogram(st_weights.detach(), 4, weight=st_weights.detach())",
    "lib.histogramdd(x.detach()[:, :2], [2, 3])[0]",
    "lib.histogramdd(x.detach()[:, :2], [2, 2], range=[-2.0, 2.0, -1.0, 1.0], density=True)[0]",
]  # fmt: skip
