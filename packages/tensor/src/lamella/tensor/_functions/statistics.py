"""Variance, norms, medians, correlation, differences and integrals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .. import _pointwise as pw
from .._arguments import number, whole
from .._dims import dim_of, dims_of, the_dim
from .._dispatch import dispatch
from .._dtype import BOOL, COMPLEX, FLOAT, DType, float32, from_numpy_dtype
from .._op import OPS
from .._promotion import default_float, refusal
from .common import require_float, run, selected, tensor_of, to_dtype
from .elementwise import where
from .joining import cat
from .movement import narrow, permute, reshape
from .product import matmul
from .views import diagonal

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = [
    "corrcoef", "cov", "cumulative_trapezoid", "diff", "dist", "logsumexp", "median", "mode", "nanmedian",
    "norm", "renorm", "softmin", "std", "std_mean", "trace", "trapezoid", "trapz", "var",
    "var_mean",
]  # fmt: skip
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS = (
    "corrcoef", "cov", "diff", "dist", "logsumexp", "median", "mode", "nanmedian", "norm",
    "renorm", "std", "trace", "var",
)  # fmt: skip
IN_PLACE = ("renorm",)


def _spread(name: str, x: Any, dim: Any, unbiased: Any, correction: Any, keepdim: Any) -> tuple[Tensor, Tensor]:
    if isinstance(dim, bool):
        if unbiased is not None:
            raise TypeError(f"{name}: unbiased is given twice, {dim} in place of a dim and {unbiased}")
        dim, unbiased = None, dim
    if unbiased is not None:
        if correction is not None:
            raise TypeError(f"{name}: give unbiased or correction, not both")
        correction = int(bool(unbiased))
    t = tensor_of(x, name)
    correction = 1 if correction is None else correction
    if isinstance(correction, bool) or not isinstance(correction, (int, float)):
        raise TypeError(f"{name}: correction is a number, got {correction!r}")
    params = {"dims": dims_of(dim, t._data.ndim), "correction": float(correction), "keepdim": bool(keepdim)}
    out, mean = dispatch(OPS[name], (t,), params)
    return out, mean


def _with_mean(name: str, x: Any, dim: Any, unbiased: Any, correction: Any, keepdim: Any) -> tuple[Tensor, Tensor]:
    out, mean = _spread(name, x, dim, unbiased, correction, keepdim)
    mean = to_dtype(mean, from_numpy_dtype(x._data.dtype))
    return out, mean if keepdim else reshape(mean, tuple(out._data.shape))


def var(
    x: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Any = None,
    keepdims: bool | None = None,
) -> Tensor:
    """Variance over dims, `correction` (1) subtracted from the count; NaN where nothing is left to divide by.

    `unbiased` is the older word: True for a correction of 1, False for 0; `var(x, False)` is over all dims.
    """
    return _spread("var", x, the_dim(dim, axis), unbiased, correction, keepdim if keepdims is None else keepdims)[0]


def std(
    x: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Any = None,
    keepdims: bool | None = None,
) -> Tensor:
    """Standard deviation over dims: the root of `var`, with gradient 0 where it is 0."""
    return _spread("std", x, the_dim(dim, axis), unbiased, correction, keepdim if keepdims is None else keepdims)[0]


def var_mean(
    x: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Any = None,
) -> tuple[Tensor, Tensor]:
    """(variance, mean) over dims."""
    return _with_mean("var", x, the_dim(dim, axis), unbiased, correction, keepdim)


def std_mean(
    x: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Any = None,
) -> tuple[Tensor, Tensor]:
    """(standard deviation, mean) over dims."""
    return _with_mean("std", x, the_dim(dim, axis), unbiased, correction, keepdim)


def _spread_body(x: Any, *, dims: tuple[int, ...], correction: float, keepdim: bool) -> Any:
    w = to_dtype(x, float32) if x._data.dtype.itemsize < 4 else x
    n = math.prod([x._data.shape[d] for d in dims])
    mean = pw.div(run("sum", (w,), dims=dims, keepdim=True), n)
    centred = pw.sub(w, mean)
    total = run("sum", (pw.mul(centred, centred),), dims=dims, keepdim=keepdim)
    return pw.div(total, max(n - correction, 0.0)), mean


def _var_body(x: Any, **params: Any) -> Any:
    out, mean = _spread_body(x, **params)
    return to_dtype(out, from_numpy_dtype(x._data.dtype)), mean


def _std_body(x: Any, **params: Any) -> Any:
    out, mean = _spread_body(x, **params)
    return to_dtype(pw.sqrt(out), from_numpy_dtype(x._data.dtype)), mean


def logsumexp(x: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None) -> Tensor:
    """log(sum(exp(x))) over dims, without overflow; -inf over an empty dim; integers become the default float."""
    t = tensor_of(x, "logsumexp")
    if from_numpy_dtype(t._data.dtype).category < FLOAT:
        t = to_dtype(t, default_float())
    return run("logsumexp", (t,), dims=dims_of(the_dim(dim, axis), t._data.ndim), keepdim=bool(keepdim))


def _logsumexp_body(x: Any, *, dims: tuple[int, ...], keepdim: bool) -> Any:
    dtype = from_numpy_dtype(x._data.dtype)
    w = to_dtype(x, float32) if x._data.dtype.itemsize < 4 else x
    kept = tuple(1 if d in dims else n for d, n in enumerate(x._data.shape))
    if 0 in [x._data.shape[d] for d in dims]:
        out = pw.log(run("sum", (w,), dims=dims, keepdim=True))
    else:
        top = run("amax", (w,), dims=dims, keepdim=True)
        top = where(pw.eq(pw.abs(top), math.inf), 0.0, top)
        out = pw.add(pw.log(run("sum", (pw.exp(pw.sub(w, top)),), dims=dims, keepdim=True)), top)
    shape = kept if keepdim else tuple(n for d, n in enumerate(kept) if d not in dims)
    return to_dtype(reshape(out, shape), dtype)


def vector_norm(x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None) -> Tensor:
    """sum(|x|**ord)**(1/ord) over dims (all by default), for ord = 0 the number of nonzeros, for +-inf the extreme."""
    t = tensor_of(x, "vector_norm")
    if dtype is not None:
        t = to_dtype(t, dtype)
    if isinstance(ord, bool) or not isinstance(ord, (int, float)):
        raise TypeError(f"a vector norm's order is a number, got {ord!r}")
    return run("norm", (t,), p=float(ord), dims=dims_of(dim, t._data.ndim), keepdim=bool(keepdim))


def norm(
    x: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: DType | None = None, *, axis: Any = None
) -> Tensor:
    """The norm of order p (a number, or 'fro' for 2) of the elements over dims, all by default."""
    if isinstance(p, str) or p is None:
        if p not in ("fro", None):
            raise ValueError(f"norm: p is a number or 'fro', got {p!r}; norms of matrices are in linalg.matrix_norm")
        p = 2
    return vector_norm(x, p, the_dim(dim, axis), keepdim, dtype=dtype)


def _norm_body(x: Any, *, p: float, dims: tuple[int, ...], keepdim: bool) -> Any:
    out_dtype = from_numpy_dtype(x._data.dtype)
    size = pw.abs(to_dtype(x, float32) if x._data.dtype.itemsize < 4 else x)
    if out_dtype.category == COMPLEX:
        out_dtype = from_numpy_dtype(size._data.dtype)

    def total(v: Any) -> Any:
        return run("sum", (v,), dims=dims, keepdim=keepdim)

    if p == 2:
        out = pw.sqrt(total(pw.mul(size, size)))
    elif p == 0:
        out = total(pw.ne(size, 0.0))
    elif math.isinf(p):
        out = run("amax" if p > 0 else "amin", (size,), dims=dims, keepdim=keepdim)
    elif p == 1:
        out = total(size)
    else:
        out = pw.pow(total(pw.pow(size, p)), 1 / p)
    return to_dtype(out, out_dtype)


def dist(x: Any, y: Any, p: float = 2) -> Tensor:
    """The norm of order p of all elements of x - y."""
    return vector_norm(pw.sub(tensor_of(x, "dist"), tensor_of(y, "dist")), p)


def renorm(x: Any, p: float, dim: int, maxnorm: float) -> Tensor:
    """x with every slice along dim whose norm of order p is above maxnorm scaled down to it."""
    t = require_float(x, "renorm")
    rank = t._data.ndim
    if rank < 2:
        raise ValueError(f"renorm needs at least 2 dims, got shape {tuple(t._data.shape)}")
    p, maxnorm = number(p, "renorm: p"), number(maxnorm, "renorm: maxnorm")
    if not p > 0 or not maxnorm >= 0:
        raise ValueError(f"renorm needs p > 0 and maxnorm >= 0, got p={p} and maxnorm={maxnorm}")
    at = dim_of(dim, rank)
    size = vector_norm(t, p, tuple(d for d in range(rank) if d != at), True)
    factor = where(size > maxnorm, pw.div(maxnorm, pw.add(size, 1e-7)), 1.0)
    return pw.mul(t, factor)


def softmin(x: Any, dim: Any = None, *, axis: Any = None, dtype: DType | None = None) -> Tensor:
    """softmax of -x along dim."""
    t = tensor_of(x, "softmin")
    t = require_float(t if dtype is None else to_dtype(t, dtype), "softmin")
    at = the_dim(dim, axis)
    if at is None:
        raise TypeError("softmin needs a dim, e.g. softmin(x, dim=-1)")
    return run("softmax", (pw.neg(t),), dim=dim_of(at, t._data.ndim))


def _middle(name: str, x: Any, dim: Any, keepdim: Any, skip_nan: bool) -> Any:
    t = tensor_of(x, name)
    if dim is None:
        return run(name, (t,), dims=tuple(range(t._data.ndim)), keepdim=bool(keepdim))
    return selected("median_along", t, dim, keepdim=bool(keepdim), skip_nan=skip_nan)


def median(x: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None) -> Any:
    """The lower of the two middle values of all, or Selected(values, indices) along a dim; NaN wins."""
    return _middle("median", x, the_dim(dim, axis), keepdim, False)


def nanmedian(x: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None) -> Any:
    """`median` of the elements that are not NaN; NaN where there are none."""
    return _middle("nanmedian", x, the_dim(dim, axis), keepdim, True)


def mode(x: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None) -> Any:
    """Selected(values, indices): the value that is most frequent along a dim (the last by default).

    Among equally frequent ones it is the smallest; the index is that of its last appearance.
    """
    at = the_dim(dim, axis)
    return selected("mode", tensor_of(x, "mode"), -1 if at is None else at, keepdim=bool(keepdim))


def trace(x: Any) -> Tensor:
    """Sum of the diagonal of a matrix."""
    t = tensor_of(x, "trace")
    if t._data.ndim != 2:
        raise ValueError(f"trace needs a matrix, got shape {tuple(t._data.shape)}")
    if t._data.dtype.kind == "b":
        raise TypeError(refusal("trace", "b"))
    return run("sum", (diagonal(t),), dims=(0,), keepdim=False)


def cov(x: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Tensor:
    """Covariances of the variables in the rows of x [variables, observations]; a 1-d x is one variable.

    `fweights` (integers) count observations, `aweights` weigh them.
    """
    t, correction = tensor_of(x, "cov"), whole(correction, "cov: correction")
    if t._data.ndim > 2:
        raise ValueError(f"cov needs at most 2 dims, got shape {tuple(t._data.shape)}")
    if from_numpy_dtype(t._data.dtype).category == BOOL:
        raise TypeError("cov needs numbers, got a bool tensor; convert it with .to(float32)")
    flat = t._data.ndim < 2
    t = reshape(t, 1, -1) if flat else t
    count = t._data.shape[1]
    weights = _cov_weights(fweights, aweights, count)
    if from_numpy_dtype(t._data.dtype).category < FLOAT:
        t = to_dtype(t, default_float())
    dtype = from_numpy_dtype(t._data.dtype)
    if weights is None:
        centred = pw.sub(t, pw.div(run("sum", (t,), dims=(1,), keepdim=True), count))
        scaled, norm_factor = centred, float(max(count - correction, 0))
        out = pw.div(matmul(scaled, _transposed(centred)), norm_factor)
    else:
        w = to_dtype(weights, dtype)
        total = run("sum", (w,), dims=(0,), keepdim=False)
        centred = pw.sub(t, pw.div(run("sum", (pw.mul(t, w),), dims=(1,), keepdim=True), total))
        left = total
        if correction:
            a = w if aweights is None else pw.mul(w, to_dtype(aweights, dtype))
            each = run("sum", (a,), dims=(0,), keepdim=False) if aweights is not None else total
            left = pw.sub(total, pw.mul(pw.div(each, total), float(correction)))
        out = pw.div(matmul(pw.mul(centred, w), _transposed(centred)), pw.maximum(left, 0.0))
    return reshape(out, ()) if flat else out


def _transposed(m: Any) -> Any:
    out = permute(m, 1, 0)
    return run("conj", (out,)) if from_numpy_dtype(m._data.dtype).category == COMPLEX else out


def _cov_weights(fweights: Any, aweights: Any, count: int) -> Any:
    for name, w in (("fweights", fweights), ("aweights", aweights)):
        if w is not None and tuple(tensor_of(w, "cov")._data.shape) != (count,):
            raise ValueError(f"cov: {name} needs one weight an observation, ({count},), got {tuple(w._data.shape)}")
    if fweights is not None and fweights._data.dtype.kind not in "iu":
        raise TypeError(f"cov: fweights are counts, integers, got {fweights.dtype}")
    if aweights is not None and from_numpy_dtype(aweights._data.dtype).category != FLOAT:
        raise TypeError(f"cov: aweights are floating, got {aweights.dtype}")
    if fweights is None or aweights is None:
        return aweights if fweights is None else fweights
    return pw.mul(aweights, fweights)


def corrcoef(x: Any) -> Tensor:
    """Correlations of the variables in the rows of x, clipped to [-1, 1]; a 1-d x gives 1."""
    c = cov(x)
    if c._data.ndim == 0:
        return pw.div(c, c)
    spread = pw.sqrt(diagonal(c))
    out = pw.div(pw.div(c, reshape(spread, -1, 1)), reshape(spread, 1, -1))
    if from_numpy_dtype(out._data.dtype).category == COMPLEX:
        return out
    return pw.minimum(pw.maximum(out, -1.0), 1.0)


def diff(x: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Tensor:
    """n-th differences of neighbours along a dim, with tensors put before and behind it first."""
    t = tensor_of(x, "diff")
    if not t._data.ndim:
        raise ValueError("diff needs at least one dim, got a 0-d tensor")
    n = whole(n, "diff: n")
    if n < 0:
        raise ValueError(f"diff needs n >= 0, got {n}")
    at = dim_of(dim, t._data.ndim)
    parts = [part for part in (prepend, t, append) if part is not None]
    if len(parts) > 1:
        t = cat(parts, at)
    step = pw.ne if from_numpy_dtype(t._data.dtype).category == BOOL else pw.sub
    for _ in range(min(n, t._data.shape[at])):
        left = t._data.shape[at] - 1
        t = step(narrow(t, at, 1, left), narrow(t, at, 0, left))
    return t


def trapezoid(y: Any, x: Any = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """Integral of y along a dim by the trapezoidal rule, at places x or at distances dx (1)."""
    areas, at = _trapezoids("trapezoid", y, x, dx, dim)
    return run("sum", (areas,), dims=(at,), keepdim=False)


trapz = trapezoid


def cumulative_trapezoid(y: Any, x: Any = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """Running integral of y along a dim by the trapezoidal rule: one element fewer than y."""
    areas, at = _trapezoids("cumulative_trapezoid", y, x, dx, dim)
    return run("cumsum", (areas,), dim=at)


def _trapezoids(name: str, y: Any, x: Any, dx: Any, dim: int) -> tuple[Any, int]:
    t = tensor_of(y, name)
    if not t._data.ndim:
        raise ValueError(f"{name} needs at least one dim, got a 0-d tensor")
    at = dim_of(dim, t._data.ndim)
    n = t._data.shape[at]
    if x is not None and dx is not None:
        raise TypeError(f"{name}: give the places x or their distance dx, not both")
    width: Any = 1.0 if dx is None else dx
    if x is not None:
        places = tensor_of(x, name)
        if places._data.ndim == 1:
            places = reshape(places, [-1 if d == at else 1 for d in range(t._data.ndim)])
        along_x = places._data.ndim - t._data.ndim + at
        if along_x < 0 or not places._data.ndim:
            raise ValueError(f"{name}: y has {n} values along dim {at}, x needs as many, got {tuple(places.shape)}")
        if places._data.shape[along_x] != n:
            raise ValueError(f"{name}: y has {n} values along dim {at} and x {places._data.shape[along_x]} places")
        width = diff(places, 1, along_x)
    if n == 0:
        return pw.mul(t, 1.0), at
    both = pw.add(narrow(t, at, 1, n - 1), narrow(t, at, 0, n - 1))
    return pw.div(pw.mul(both, width), 2.0), at


OPS["var"].body, OPS["std"].body = _var_body, _std_body
OPS["norm"].body, OPS["logsumexp"].body = _norm_body, _logsumexp_body
