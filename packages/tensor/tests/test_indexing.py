"""Square brackets with index tensors and masks, read and written, beside numpy: laws over random expressions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamella.tensor as lt


@st.composite
def entries(draw: Any, n: int) -> Any:
    """One entry for a dim of size n."""
    kind = draw(st.sampled_from(("int", "slice", "whole", "list", "matrix", "mask")))
    where = st.integers(-n, n - 1)
    if kind == "int":
        return draw(where)
    if kind == "slice":
        return slice(draw(where), draw(st.none() | where), draw(st.sampled_from((None, 1, 2, -1))))
    if kind == "whole":
        return slice(None)
    if kind == "list":
        return np.array(draw(st.lists(where, min_size=2, max_size=2)))
    if kind == "matrix":
        return np.array([[draw(where)], [draw(where)]])
    # two or no places: they broadcast with the lists
    mask = np.zeros(n, np.bool_)
    mask[list(draw(st.sets(st.integers(0, n - 1), min_size=2, max_size=2)))] = True
    return mask


@st.composite
def expressions(draw: Any) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """A shape and an index into it."""
    shape = tuple(draw(st.lists(st.integers(2, 4), min_size=1, max_size=4)))
    index: list[Any] = [draw(entries(n)) for n in shape[: draw(st.integers(1, len(shape)))]]
    for _ in range(draw(st.integers(0, 1))):
        index.insert(draw(st.integers(0, len(index))), None)
    if draw(st.booleans()):
        dims = sum(e is not None for e in index)
        index = [*index, ...] if dims < len(shape) else [..., *index]
    return shape, tuple(index)


def without_ints(array: Any, index: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """The array after its ints, and the rest of the index: numpy counts ints among the index arrays, torch does not."""
    ints = tuple(e if isinstance(e, int) or e is Ellipsis else slice(None) for e in index if e is not None)
    whole = ints if any(e is Ellipsis for e in ints) else (*ints, ...)  # an array even where nothing but ints is left
    return array[whole], tuple(e for e in index if not isinstance(e, int))


def given_to_us(index: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(lt.from_numpy(e) if isinstance(e, np.ndarray) and e.ndim == 2 else e for e in index)


@settings(max_examples=300, deadline=None)
@given(expressions())
def test_what_is_read_is_what_numpy_reads(case: tuple[tuple[int, ...], tuple[Any, ...]]) -> None:
    shape, index = case
    a = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    inner, rest = without_ints(a, index)
    for t in (lt.from_numpy(a.copy()), lt.from_numpy(a.copy()).requires_grad_()):
        got = t[given_to_us(index)]
        np.testing.assert_array_equal(got.detach().numpy(), inner[rest])
        assert got.requires_grad == t.requires_grad


@settings(max_examples=300, deadline=None)
@given(expressions(), st.booleans())
def test_what_is_written_is_what_numpy_writes(case: tuple[tuple[int, ...], tuple[Any, ...]], followed: bool) -> None:
    shape, index = case
    a = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    t = lt.from_numpy(a.copy())
    if followed:
        t = t.requires_grad_() * 1
    inner, rest = without_ints(a, index)
    value = -1 - np.arange(inner[rest].size, dtype=np.float64).reshape(inner[rest].shape)
    version = t._version
    t[given_to_us(index)] = value
    inner[rest] = value
    np.testing.assert_array_equal(t.detach().numpy(), a)
    assert t._version > version


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 2), st.integers(-4, 3)), min_size=1, max_size=9), st.booleans())
def test_accumulation_adds_at_every_mention(places: list[tuple[int, int]], both: bool) -> None:
    at = np.array(places)
    index = (at[:, 0], at[:, 1]) if both else (at[:, :1],)
    a = np.zeros((3, 4, 2))
    value = np.arange(1.0, 1 + a[index].size).reshape(a[index].shape)
    got = lt.zeros(3, 4, 2, dtype=lt.float64).index_put(index, lt.from_numpy(value), accumulate=True)
    np.add.at(a, index, value)
    np.testing.assert_array_equal(got.numpy(), a)


X = np.arange(24.0).reshape(2, 3, 4)
FORMS: tuple[tuple[Any, tuple[int, ...]], ...] = (
    ((True,), (1, 2, 3, 4)),
    ((False,), (0, 2, 3, 4)),
    ((slice(None), True, [0, 1]), (2, 2, 4)),
    ((lt.tensor(1),), (3, 4)),
    ((0, slice(None), [0, 1, 2, 3, 0]), (3, 5)),
    (([0, 1], slice(None), [0, 1]), (2, 3)),
    ((slice(None), [0, 1], [0, 1]), (2, 2)),
    (([0, 1], 0, [0, 1]), (2,)),
    (([[0], [1]], slice(None), [0, 1, 2]), (2, 3, 3)),
    ((range(2), None, [1, 0]), (2, 1, 4)),
    (([],), (0, 3, 4)),
)  # fmt: skip


@pytest.mark.parametrize(("index", "shape"), FORMS, ids=lambda v: str(v)[:30])
def test_shapes_of_forms(index: Any, shape: tuple[int, ...]) -> None:
    assert lt.from_numpy(X)[index].shape == shape
    assert lt.from_numpy(X).requires_grad_()[index].shape == shape


def test_the_last_of_several_values_stays() -> None:
    for followed in (False, True):
        t = lt.zeros(3, 2).requires_grad_(followed) * 1
        t[[1, 1, 1]] = lt.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
        assert t.tolist() == [[0, 0], [5, 6], [0, 0]]


def test_a_value_that_shares_the_memory_is_read_before_it_is_written() -> None:
    t = lt.arange(5)
    t[[1, 2, 3, 4]] = t[:4]
    assert t.tolist() == [0, 0, 1, 2, 3]


def test_views_see_what_is_written_through_an_index() -> None:
    base = lt.zeros(2, 3)
    view, row = base.T, base[1]
    view[[0, 2], 1] = lt.tensor([1.0, 2.0])
    assert row.tolist() == [1, 0, 2]
    assert base.index_put_((lt.tensor([1]),), lt.tensor(1.0), accumulate=True) is base
    assert row.tolist() == [2, 1, 3]


def test_a_mask_takes_a_row_or_a_value_for_each() -> None:
    t = lt.zeros(3, 2)
    mask = lt.tensor([True, False, True])
    t[mask] = lt.tensor([1.0, 2.0])
    assert t.tolist() == [[1, 2], [0, 0], [1, 2]]
    t[mask] = lt.tensor([[3, 4], [5, 6]])
    assert t.tolist() == [[3, 4], [0, 0], [5, 6]]
    t[t > 4] = -1
    assert t.tolist() == [[3, 4], [0, 0], [-1, -1]]


def test_a_tensor_is_a_container() -> None:
    t = lt.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert 3.0 in t
    assert 5 not in t
    assert lt.tensor(2.0) in t
    assert [r.tolist() for r in reversed(t)] == [[3, 4], [1, 2]]
    with pytest.raises(TypeError, match="membership of a str"):
        assert "a" in t
