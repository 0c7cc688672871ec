"""Products of matrices and vectors: integers to the last bit, every rank, beside numpy; bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamella.tensor as lt

INTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
R = np.random.default_rng(7)


def t(x: Any) -> lt.Tensor:
    return lt.from_numpy(np.ascontiguousarray(x))


def wrapped(a: Any, b: Any) -> Any:
    """The product in Python's integers, cut to the dtype."""
    exact = np.dot(a.astype(object), b.astype(object))
    return (exact % (1 << (8 * a.dtype.itemsize))).astype(np.uint64).astype(a.dtype)


@pytest.mark.parametrize("dtype", INTS)
@pytest.mark.parametrize("bits", [3, 20, 40, 64])
def test_integer_products_wrap_as_integers_do(dtype: str, bits: int) -> None:
    info = np.iinfo(dtype)
    top = min(int(info.max), (1 << (bits - 1)) - 1)
    low = max(int(info.min), -top - 1)
    for rows, inner, columns in ((30, 31, 29), (2, 500, 25)):  # both beyond the size from which BLAS is used
        a = R.integers(low, top, (rows, inner), dtype, endpoint=True)
        b = R.integers(low, top, (inner, columns), dtype, endpoint=True)
        a[0], b[:, 0] = low, low  # the extremes, whose products are the largest
        a[1], b[:, 1] = top, top
        out = (t(a) @ t(b)).numpy()
        assert out.dtype == dtype
        np.testing.assert_array_equal(out, wrapped(a, b))


@given(st.integers(1, 63), st.integers(1, 63), st.booleans())
@settings(deadline=None, max_examples=60)
def test_int64_products_are_exact_for_every_pair_of_widths(first: int, second: int, flipped: bool) -> None:
    a = R.integers(-(1 << first), (1 << first) - 1, (20, 40), endpoint=True)
    b = R.integers(-(1 << second), (1 << second) - 1, (30, 40), endpoint=True).T
    x = t(a).flip(0) if flipped else t(a)
    np.testing.assert_array_equal((x @ t(b)).numpy(), wrapped(a[::-1] if flipped else a, b))


RANKS = [
    ((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((2, 3), (3, 4)), ((5, 2, 3), (3,)), ((3,), (5, 3, 2)),
    ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((5, 2, 3), (5, 3, 4)), ((4, 1, 2, 3), (5, 3, 2)), ((2, 1), (1, 4)),
    ((5, 2, 1), (1, 4)), ((0,), (0,)), ((2, 0), (0, 3)), ((0, 3), (3, 2)), ((2, 3), (3, 0)), ((0, 2, 3), (3, 4)),
    ((5, 2, 0), (0, 4)), ((0, 1), (1, 4)), ((2, 60, 50), (50, 8)), ((3, 40, 40), (3, 40, 30)), ((60, 50), (2, 50, 8)),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int32", "complex128"])
@pytest.mark.parametrize(("left", "right"), RANKS)
def test_every_rank(left: Any, right: Any, dtype: str) -> None:
    a, b = (R.integers(-9, 9, shape).astype(dtype) for shape in (left, right))  # exact in every dtype
    out = (t(a) @ t(b)).numpy()
    want = np.matmul(a, b)
    assert out.shape == want.shape
    assert out.dtype == want.dtype
    np.testing.assert_array_equal(out, want)


def test_columns_times_rows_of_half_types_round_once() -> None:
    a, b = lt.randn(7, 1, dtype=lt.bfloat16), lt.randn(1, 5, dtype=lt.bfloat16)
    assert lt.equal(a @ b, (a.float() * b.float()).to(lt.bfloat16))


BAD: tuple[tuple[str, type[Exception], str], ...] = (
    ("k @ k", TypeError, "matmul of bool tensors has no meaning; cast them"),
    ("k[0] @ x.T", TypeError, "matmul of bool tensors"),
    ("x @ x[0, 0]", ValueError, "matmul needs at least one dim on both sides"),
    ("x @ lt.zeros(5, 2, 3)", ValueError, "the inner dims 3 and 2 differ"),
    ("lt.zeros(4, 2, 3) @ lt.zeros(5, 3, 2)", ValueError, "do not broadcast"),
)


@pytest.mark.parametrize(("text", "kind", "message"), BAD)
def test_bad_input(text: str, kind: type[Exception], message: str) -> None:
    x = lt.ones(2, 3)
    with pytest.raises(kind, match=message):
        eval(text, {"lt": lt, "x": x, "k": x > 0, "i": x.to(lt.int64)})
