"""Functions of indices and masks beside numpy over dtypes, their in-place twins, and their errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.testing import FLOAT_DTYPES, INT_DTYPES

RNG = np.random.default_rng(5)
X, Y = RNG.integers(-6, 7, (3, 4)), RNG.integers(1, 5, (3, 4))
AT = RNG.integers(0, 3, (3, 4))
ROWS = np.array([2, 0, 2])
MASK = RNG.random((3, 4)) < 0.5
REDUCE: dict[str, Callable[[list[Any]], Any]] = {
    "sum": np.sum, "prod": np.prod, "amax": np.max, "amin": np.min, "mean": np.mean,
}  # fmt: skip


def into_columns(reduce: str, own: bool) -> Any:
    """Every element of X with what AT and Y send to it, combined; alone where nothing is sent."""
    out = X.astype(np.float64)
    for i, j in np.ndindex(3, 4):
        sent = [Y[k, j] for k in range(3) if AT[k, j] == i]
        if sent:
            out[i, j] = REDUCE[reduce]([X[i, j], *sent] if own else sent)
    return out


def into_rows(reduce: str, own: bool) -> Any:
    out = X.astype(np.float64)
    for i in range(3):
        sent = [Y[k] for k in range(3) if ROWS[k] == i]
        if sent:
            out[i] = REDUCE[reduce](np.stack([X[i], *sent] if own else sent), axis=0)  # type: ignore[call-arg]
    return out


def changed(fn: Callable[[Any], None]) -> Any:
    out = X.astype(np.float64).copy()
    fn(out)
    return out


def assign(index: Any, value: Any) -> Any:
    return changed(lambda a: a.__setitem__(index, value))


# text over x, y in a dtype, at, rows, mask -> what numpy says; the twins in place are made from the first word
CASES: tuple[tuple[str, Any], ...] = (
    ("x.take(at)", X.reshape(-1)[AT]),
    ("x.take(rows, 1)", X[:, ROWS]),
    ("x.index_select(-1, rows)", X[:, ROWS]),
    ("lt.take_along_dim(x, at, 0)", np.take_along_axis(X, AT, 0)),
    ("lt.take_along_dim(x, at[:, :1], 1)", np.take_along_axis(X, AT[:, :1], 1)),
    ("lt.take_along_dim(x[:1], at, 1)", np.take_along_axis(np.repeat(X[:1], 3, 0), AT, 1)),
    ("x.put(rows * 3, y[0, :3])", changed(lambda a: np.put(a, ROWS * 3, Y[0, :3]))),
    ("x.put(rows, y[0, :3], accumulate=True)", changed(lambda a: np.add.at(a[0], ROWS, Y[0, :3]))),
    ("x.index_put((rows, rows), y[0, 0])", assign((ROWS, ROWS), Y[0, 0])),
    ("x.index_put((None, rows), y[:, :1], accumulate=True)", changed(lambda a: np.add.at(a.T, ROWS, Y[:, 0]))),
    ("x.index_put((mask,), y[0, 0], True)", X + MASK * Y[0, 0]),
    ("x.index_add(0, rows, y)", into_rows("sum", True)),
    ("x.index_add(0, rows, y, alpha=2)", 2 * into_rows("sum", True) - X),
    ("x.index_copy(0, rows[1:], y[1:])", assign(ROWS[1:], Y[1:])),
    ("x.index_fill(1, rows, 3)", assign((slice(None), ROWS), 3)),
    ("x.scatter(0, at[:1], y)", assign((AT[0], np.arange(4)), Y[0])),
    ("x.scatter(0, at[:1], 2)", assign((AT[0], np.arange(4)), 2)),
    ("x.scatter(0, at, y, reduce='add')", into_columns("sum", True)),
    ("x.scatter(0, at, y, reduce='multiply')", into_columns("prod", True)),
    ("x.scatter_add(0, at, y)", into_columns("sum", True)),
    *(
        (f"x.scatter_reduce(0, at, y, {name!r}, include_self={own})", into_columns(name, own))
        for name in REDUCE
        for own in (True, False)
    ),
    *(
        (f"x.index_reduce(0, rows, y, {name!r}, include_self={own})", into_rows(name, own))
        for name in REDUCE
        if name != "sum"
        for own in (True, False)
    ),
    ("x.masked_select(mask)", X[MASK]),
    ("lt.masked_select(x, mask[:1])", X[:, MASK[0]].reshape(-1)),
    ("x.masked_scatter(mask, y)", changed(lambda a: np.place(a, MASK, Y.reshape(-1)))),
)
IN_PLACE = [c for c in CASES if c[0].startswith(("x.put", "x.index_", "x.scatter", "x.masked_scatter"))]
IN_PLACE = [c for c in IN_PLACE if "select" not in c[0]]


def scope(dtype: lt.DType) -> dict[str, Any]:
    at = {"at": AT, "rows": ROWS, "mask": MASK}
    named = {name: lt.from_numpy(a) for name, a in at.items()}
    return {"lt": lt, "x": lt.tensor(X, dtype=dtype), "y": lt.tensor(Y, dtype=dtype), **named}


def wanted(values: Any, dtype: lt.DType) -> Any:
    """Values in a dtype: rounded down and wrapped for integers."""
    return (np.floor(values).astype(np.int64) if dtype in INT_DTYPES else values).astype(dtype.numpy)


@pytest.mark.parametrize("dtype", [*FLOAT_DTYPES, *[d for d in INT_DTYPES if d.numpy.kind == "i"]], ids=repr)
@pytest.mark.parametrize(("text", "values"), CASES, ids=[c[0] for c in CASES])
def test_values_are_those_of_numpy(text: str, values: Any, dtype: lt.DType) -> None:
    got = eval(text, scope(dtype))
    assert got.dtype == dtype
    np.testing.assert_allclose(
        got.numpy().astype(np.float64),
        wanted(values, dtype).astype(np.float64),
        rtol=0.01 if dtype.numpy.itemsize < 4 else 1e-6,
    )


@pytest.mark.parametrize(("text", "values"), IN_PLACE, ids=[c[0] for c in IN_PLACE])
def test_twins_write_in_place(text: str, values: Any) -> None:
    names = scope(lt.float64)
    text = text.replace("(", "_(", 1)
    before = names["x"]._version
    assert eval(text, names) is names["x"]
    np.testing.assert_allclose(names["x"].numpy(), values)
    assert names["x"]._version > before


@pytest.mark.parametrize("layout", ["transposed", "strided", "expanded"])
def test_layouts_do_not_matter(layout: str) -> None:
    a = np.arange(16.0).reshape(4, 4)
    x = {
        "transposed": a.T,
        "strided": np.arange(64.0).reshape(8, 8)[::2, ::2],
        "expanded": np.broadcast_to(a[0], (4, 4)),
    }
    value = x[layout]
    t, at = lt.from_numpy(np.ascontiguousarray(value)), np.array([[3, 1, 0, 1]] * 4).T
    same = lt.from_numpy(value) if layout != "expanded" else lt.expand(lt.from_numpy(a[0]), (4, 4))
    index = lt.from_numpy(at)
    for dim in (0, 1):
        for fn in (
            lambda v, dim=dim: v.gather(dim, index),
            lambda v, dim=dim: v.scatter_add(dim, index, v),
            lambda v, dim=dim: v.scatter(dim, index, v.clone()),
            lambda v, dim=dim: v.index_add(dim, index[:, 0], v),
            lambda v, dim=dim: v[index[:, 0], index[:, 0]],
        ):
            np.testing.assert_array_equal(fn(same).numpy(), fn(t).numpy())


@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3), (0, 3), (2, 1, 3)])
def test_nonzero(shape: tuple[int, ...]) -> None:
    a = (np.arange(np.prod(shape, dtype=int)) % 3).reshape(shape)
    np.testing.assert_array_equal(lt.nonzero(lt.from_numpy(a)).numpy(), np.argwhere(a))
    np.testing.assert_array_equal(lt.argwhere(lt.from_numpy(a)).numpy(), np.argwhere(a))
    apart = lt.nonzero(lt.from_numpy(a), as_tuple=True)
    for mine, theirs in zip(apart, np.nonzero(a if shape else a.reshape(1)), strict=True):
        assert mine.dtype == lt.int64
        np.testing.assert_array_equal(mine.numpy(), theirs)
    assert [t.tolist() for t in lt.where(lt.from_numpy(a))] == [t.tolist() for t in apart]


@pytest.mark.parametrize("width", [1, 3, 40])
@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("high", [3, 500])
def test_sums_of_many_rows(width: int, dim: int, high: int) -> None:
    """Large operands take other loops than small ones: single elements, passes over rows, sums of runs."""
    rng = np.random.default_rng(width + dim)
    at, values = rng.integers(0, high, 1200), rng.integers(-9, 9, (1200, width)).astype(np.float32)
    expected = np.zeros((high, width), np.float32)
    np.add.at(expected, at, values)
    base = rng.integers(-9, 9, (high, width)).astype(np.float32)
    if dim:
        values, expected, base = values.T, expected.T, base.T
    got = lt.from_numpy(base).index_add(dim, lt.from_numpy(at), lt.from_numpy(values))
    np.testing.assert_array_equal(got.numpy(), base + expected)
    x = lt.zeros(expected.shape).requires_grad_()
    x.index_select(dim, lt.from_numpy(at)).backward(lt.from_numpy(np.ascontiguousarray(values)))
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), expected)


BAD: tuple[tuple[str, type[Exception], str], ...] = (
    ("x.index_select(0, at)", ValueError, r"index_select needs a 1-d index, got shape \(3, 4\)"),
    ("x.index_select(2, rows)", IndexError, "dim 2 is out of range"),
    ("x.index_select(0, rows.float())", TypeError, "take needs an integer index, got float32"),
    ("x.index_add(0, rows, y[:2])", ValueError, r"with 3 indices needs a source of shape \(3, 4\), got \(2, 4\)"),
    (
        "x.index_add(0, rows, y.double())",
        TypeError,
        "index_add needs a source of x's dtype lamella.float32",
    ),
    ("x.long().index_add(0, rows, y.long(), alpha=0.5)", TypeError, "alpha 0.5 for lamella.int64 must be an integer"),
    ("x.index_add(0, rows + 1, y)", IndexError, "index_put: index 3 is out of range for dim 0 of size 3"),
    ("x.index_copy(0, rows - 9, y)", IndexError, "index_put: index -9 is out of range for dim 0 of size 3"),
    ("x.index_fill(0, rows, y)", ValueError, r"index_fill needs a number or a 0-d tensor as value, got shape \(3, 4\)"),
    ("x.index_reduce(0, rows, y, 'sum')", ValueError, "sums are index_add's"),
    ("x.index_put(rows, y)", TypeError, "index_put needs a tuple of index tensors, got Tensor"),
    ("x.index_put((rows,), 1.0)", TypeError, "index_put needs a tensor, got float"),
    ("x.index_put((rows,), y[:2])", ValueError, r"shape \(2, 4\) does not broadcast to the indexed shape \(3, 4\)"),
    ("x.put(rows, y)", ValueError, "put needs as many source elements as indices, got 12 and 3"),
    ("x.take(rows + 10)", IndexError, "take: index 12 is out of range for dim 0 of size 12"),
    ("lt.take_along_dim(x, rows, 0)", ValueError, r"needs indices of x's rank, got shapes \(3, 4\) and \(3,\)"),
    ("x.scatter(0, at)", TypeError, "scatter needs src or value, one of them"),
    ("x.scatter(0, at, y[:2])", ValueError, r"scatter needs src \(2, 4\) at least as large as index \(3, 4\)"),
    ("x.scatter(0, at + 1, y)", IndexError, "scatter: index 3 is out of range for dim 0 of size 3"),
    ("x.scatter(0, at, y, reduce='max')", ValueError, "reduce is 'add', 'multiply' or None, got 'max'; scatter_reduce"),
    ("x.scatter_add(0, at, y.long())", TypeError, "scatter_add needs a source of x's dtype"),
    (
        "x.scatter_reduce(0, at, y, 'max')",
        ValueError,
        "'sum', 'prod', 'mean', 'amax', 'amin', got 'max'",
    ),
    ("(x * 1j).scatter_reduce(0, at, y * 1j, 'amax')", TypeError, "no amax of complex numbers"),
    ("x.bool().scatter_reduce(0, at, y.bool(), 'mean')", TypeError, "no mean of bools"),
    ("x.gather(0, at[:, :1].expand(3, 9))", ValueError, "must have the rank of x"),
    (
        "x.masked_select(at)",
        TypeError,
        r"a bool mask, got lamella.int64; convert it with .to\(bool\)",
    ),
    ("x.masked_select(mask[:, :2])", ValueError, "do not broadcast"),
    ("x.masked_scatter(mask | True, y[:2])", ValueError, "a source element for each of 12 chosen ones, got 8"),
    ("lt.where(mask, x)", TypeError, "a condition and two values, or a condition alone"),
    ("x.scatter_(0, at, y.double())", TypeError, "scatter needs a source of x's dtype"),
    ("x.requires_grad_().scatter_(0, at, y)", RuntimeError, "a leaf tensor that requires grad is written in place"),
    ("x[:1].expand(3, 4).scatter_add_(0, at, y)", RuntimeError, "an expanded tensor shares memory"),
    ("lt.zeros(3, device='meta').nonzero()", RuntimeError, "needs values, and a meta tensor has none"),
)


@pytest.mark.parametrize(("text", "error", "message"), BAD, ids=[b[0] for b in BAD])
def test_bad_input_is_named(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        eval(text, scope(lt.float32))
