"""Reductions of a million elements against a wider type: the bounds that docs/decisions/0011-reductions.md states.

u is half a unit in the last place of the type that accumulates, v of the type of the result; C(n) counts the roundings
that one element's share of a sum of n can go through.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt

N = 1_000_000
# how the elements lie, and over which dims they are reduced
LAYOUTS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "flat": (lambda a: a, None),
    "strided": (lambda a: np.repeat(a, 2)[::2], None),
    "reversed": (lambda a: a[::-1], None),
    "rows": (lambda a: a.reshape(1000, 1000), 1),
    "short-rows": (lambda a: a.reshape(-1, 8), 1),
    "columns": (lambda a: a.reshape(1000, 1000), 0),
    "long-columns": (lambda a: a.reshape(-1, 4), 0),
    "middle": (lambda a: a.reshape(10, 1000, 100), 1),
    "rows-of-a-transpose": (lambda a: a.reshape(1000, 1000).T, 1),
    "columns-of-a-transpose": (lambda a: a.reshape(4, -1).T, 0),
    "columns-of-a-slice": (lambda a: np.repeat(a.reshape(1000, 1000), 2, 1)[:, ::2], 0),
    "both-of-a-transpose": (lambda a: a.reshape(1000, 1000).T, (0, 1)),
    "outer-and-inner": (lambda a: a.reshape(100, 100, 100), (0, 2)),
}
DTYPES = (lt.float64, lt.float32, lt.float16, lt.bfloat16)
HALF_UNIT = {lt.float64: 2.0**-53, lt.float32: 2.0**-24, lt.float16: 2.0**-11, lt.bfloat16: 2.0**-8}


def roundings(n: int, dtype: lt.DType) -> float:
    return n if dtype is lt.float64 else 256 * math.ceil(math.log(n, 256)) + 64


class Case:
    """One array: what is asked, the exact answer, and what the bounds are made of."""

    def __init__(self, case: tuple[lt.DType, str], center: float, scale: float) -> None:
        dtype, layout = case
        make, self.dim = LAYOUTS[layout]
        values = np.random.default_rng(1).standard_normal(N) * scale + center
        self.array = make(values.astype(dtype.numpy))
        self.tensor = lt.from_numpy(self.array)
        wide = np.longdouble if dtype is lt.float64 else np.float64
        self.exact = self.array.astype(wide)
        self.axis = tuple(range(self.array.ndim)) if self.dim is None else self.dim
        self.n = self.exact.size // self.exact.sum(self.axis).size
        self.u = HALF_UNIT[lt.float64 if dtype is lt.float64 else lt.float32]
        self.v = HALF_UNIT[dtype]
        self.c = roundings(self.n, dtype)

    def check(self, got: Any, exact: Any, error: Any) -> None:
        found = got.numpy().astype(exact.dtype)
        assert found.shape == exact.shape
        # the result itself is rounded once, below the range of float16 by an absolute amount
        last = self.v * np.abs(exact) * 1.01 + (2.0**-25 if got.dtype is lt.float16 else 0.0)
        assert (np.abs(found - exact) <= error + last).all()

    @property
    def mean_size(self) -> Any:
        return np.abs(self.exact).mean(self.axis)

    def var_error(self, var: Any) -> Any:
        return (self.c + 4) * self.u * var + (self.c * self.u * self.mean_size) ** 2


def cases(*layouts: str) -> list[tuple[lt.DType, str]]:
    return [(dtype, layout) for dtype in DTYPES for layout in layouts or LAYOUTS]


@pytest.mark.parametrize("case", cases(), ids=str)
def test_sums_and_means(case: Any) -> None:
    c = Case(case, 0.0, 1.0)
    c.check(c.tensor.sum(c.dim), c.exact.sum(c.axis), c.c * c.u * np.abs(c.exact).sum(c.axis))
    c.check(c.tensor.nansum(c.dim), c.exact.sum(c.axis), c.c * c.u * np.abs(c.exact).sum(c.axis))
    c.check(c.tensor.mean(c.dim), c.exact.mean(c.axis), (c.c + 1) * c.u * c.mean_size)


@pytest.mark.parametrize("case", cases(), ids=str)
def test_variances_far_from_zero(case: Any) -> None:
    c = Case(case, 50.0, 1.0)
    var = c.exact.var(c.axis, ddof=1)
    c.check(c.tensor.var(c.dim), var, c.var_error(var))
    c.check(c.tensor.std(c.dim), np.sqrt(var), c.var_error(var) / np.sqrt(var))
    if case[0] is lt.float32:
        # a difference of two large squares would keep two digits; this keeps all but the last
        assert (np.abs(c.tensor.var(c.dim).numpy() / var - 1) < 3e-6).all()


@pytest.mark.parametrize("case", cases(), ids=str)
def test_norms(case: Any) -> None:
    c = Case(case, 0.0, 1.0)
    exact = np.sqrt((c.exact**2).sum(c.axis))
    c.check(c.tensor.norm(2, c.dim), exact, (c.c + 2) * c.u * exact)
    size = np.abs(c.exact).sum(c.axis)
    if case[0] is not lt.float16:  # a million absolute values are beyond it
        c.check(c.tensor.norm(1, c.dim), size, c.c * c.u * size)
    assert (c.tensor.norm(math.inf, c.dim).numpy() == np.abs(c.array).max(c.axis)).all()


@pytest.mark.parametrize("case", cases(), ids=str)
def test_logsumexp(case: Any) -> None:
    c = Case(case, 3.0, 2.0)
    exact = np.log(np.exp(c.exact).sum(c.axis))
    spread = np.ptp(c.exact)  # the error of x - max, which exp makes a relative one
    c.check(c.tensor.logsumexp(c.dim), exact, (c.c + 4 + spread) * c.u + 2 * c.u * np.abs(exact))


@pytest.mark.parametrize("case", cases(), ids=str)
def test_products(case: Any) -> None:
    c = Case(case, 1.0, 0.0005)
    exact = c.exact.prod(c.axis)
    c.check(c.tensor.prod(c.dim), exact, c.n * c.u * exact)


@pytest.mark.parametrize(
    "case",
    cases("flat", "strided", "rows", "columns", "long-columns", "middle", "rows-of-a-transpose", "columns-of-a-slice"),
    ids=str,
)
def test_running_sums(case: Any) -> None:
    c = Case(case, 0.0, 1.0)
    dim = 0 if c.dim is None else c.dim
    size = np.abs(c.exact).cumsum(dim)
    # in float64 the totals are carried in the type itself
    carried = 34 + (c.n / 32 if case[0] is lt.float64 else 0)
    c.check(c.tensor.cumsum(dim), c.exact.cumsum(dim), carried * c.u * size)


@pytest.mark.parametrize("case", cases("flat", "strided", "rows", "columns", "middle", "rows-of-a-transpose"), ids=str)
def test_running_products(case: Any) -> None:
    c = Case(case, 1.0, 0.0005)
    dim = 0 if c.dim is None else c.dim
    exact = c.exact.cumprod(dim)
    # float64 is multiplied in itself, everything else in float64
    c.check(c.tensor.cumprod(dim), exact, c.array.shape[dim] * 2.0**-53 * exact)


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-35, 1e38, math.inf, -math.inf, math.nan])
def test_running_products_out_of_range(value: float) -> None:
    a = np.random.default_rng(4).uniform(0.5, 1.5, 5000).astype(np.float32)
    a[[40, 900]] = value
    got = lt.from_numpy(a).cumprod(0).numpy()
    expected = a.astype(np.float64).cumprod().astype(np.float32)
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    np.testing.assert_array_equal(np.signbit(got), np.signbit(expected))


@pytest.mark.parametrize("where", [5, 31, 32, 999_000])
@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_running_sums_before_what_is_not_finite(value: float, where: int) -> None:
    a = np.ones(N, np.float32)
    a[where] = value
    got = lt.from_numpy(a).cumsum(0).numpy()
    np.testing.assert_array_equal(got[:where], np.arange(1, where + 1))
    np.testing.assert_array_equal(got[where:], np.full(N - where, value))


@pytest.mark.parametrize("dtype", [lt.int64, lt.int32, lt.uint8, lt.bool_], ids=repr)
def test_integers_are_exact(dtype: lt.DType) -> None:
    a = np.random.default_rng(2).integers(0, 2 if dtype is lt.bool_ else 100, (1000, 1000)).astype(dtype.numpy)
    for make in (lambda a: a, lambda a: a.T, lambda a: a[::2, ::-3]):
        part = make(a)
        for dim in (None, 0, 1):
            t = lt.from_numpy(part)
            np.testing.assert_array_equal(t.sum(dim).numpy(), part.sum(dim, dtype=np.int64))
            np.testing.assert_array_equal(t.count_nonzero(dim).numpy(), np.count_nonzero(part, dim))
            if dim is not None:
                np.testing.assert_array_equal(t.cumsum(dim).numpy(), part.cumsum(dim, dtype=np.int64))
                np.testing.assert_array_equal(t.cummax(dim).values.numpy(), np.maximum.accumulate(part, dim))


@pytest.mark.parametrize("layout", ["flat", "rows", "columns", "rows-of-a-transpose"])
@pytest.mark.parametrize("dtype", [lt.float32, lt.float16, lt.int64], ids=repr)
def test_running_extremes(dtype: lt.DType, layout: str) -> None:
    make, dim = LAYOUTS[layout]
    rng = np.random.default_rng(3)
    falling = -np.sort(rng.standard_normal(N)) * 50
    for values in (rng.standard_normal(N) * 50, falling, -falling):
        a = make(values.astype(dtype.numpy))
        axis = 0 if dim is None else dim
        for name, ufunc in (("cummax", np.maximum), ("cummin", np.minimum)):
            best, index = getattr(lt, name)(lt.from_numpy(a), axis)
            expected = ufunc.accumulate(a, axis)
            np.testing.assert_array_equal(best.numpy(), expected)
            at = np.arange(a.shape[axis]).reshape([-1 if d == axis else 1 for d in range(a.ndim)])
            np.testing.assert_array_equal(index.numpy(), np.maximum.accumulate((a == expected) * at, axis))
