"""Views of every kind beside numpy's, alone and in chains: values, strides, and that a write reaches the base."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamella.tensor as lt
from lamella.testing import assert_close

A = np.random.default_rng(7).standard_normal((2, 3, 4))
windows = np.lib.stride_tricks.sliding_window_view

# name -> ours, numpy's; all share the memory of x
VIEWS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "chunk": (lambda x: x.chunk(3, 2)[1], lambda a: a[..., 2:4]),
    "split-sizes": (lambda x: lt.split(x, [1, 3], -1)[1], lambda a: a[..., 1:]),
    "tensor_split": (lambda x: x.tensor_split(3, 2)[0], lambda a: np.array_split(a, 3, 2)[0]),
    "tensor_split-at": (lambda x: lt.tensor_split(x, (1, -1), 2)[1], lambda a: np.array_split(a, (1, -1), 2)[1]),
    "hsplit": (lambda x: lt.hsplit(x, 3)[2], lambda a: np.hsplit(a, 3)[2]),
    "vsplit": (lambda x: x.vsplit((1,))[0], lambda a: np.vsplit(a, (1,))[0]),
    "dsplit": (lambda x: lt.dsplit(x, 2)[1], lambda a: np.dsplit(a, 2)[1]),
    "unbind": (lambda x: x.unbind(1)[2], lambda a: a[:, 2]),
    "select": (lambda x: x.select(-1, -2), lambda a: a[..., -2]),
    "narrow": (lambda x: x.narrow(2, -3, 2), lambda a: a[..., 1:3]),
    "movedim": (lambda x: lt.movedim(x, (0, 2), (2, 0)), lambda a: np.moveaxis(a, (0, 2), (2, 0))),
    "movedim-one": (lambda x: x.movedim(0, -1), lambda a: np.moveaxis(a, 0, -1)),
    "swapaxes": (lambda x: x.swapaxes(0, 2), lambda a: a.swapaxes(0, 2)),
    "unflatten": (lambda x: x.unflatten(2, (2, -1)), lambda a: a.reshape(2, 3, 2, 2)),
    "ravel": (lambda x: lt.ravel(x), lambda a: a.ravel()),
    "squeeze": (lambda x: x[:1, :, :1].squeeze((0, 1, 2)), lambda a: a[0, :, 0]),
    "diagonal": (lambda x: x.diagonal(1, 1, 2), lambda a: a.diagonal(1, 1, 2)),
    "diagonal-below": (lambda x: lt.diagonal(x, -1), lambda a: a.diagonal(-1)),
    "diagonal-far": (lambda x: lt.diagonal(x, 7), lambda a: a.diagonal(7)),
    "unfold": (lambda x: x.unfold(2, 2, 2), lambda a: windows(a, 2, 2)[:, :, ::2]),
    "unfold-middle": (lambda x: x.unfold(1, 2, 1), lambda a: windows(a, 2, 1)),
    "as_strided": (lambda x: x.as_strided((2, 4), (12, 2), 3), lambda a: a.reshape(2, 12)[:, 3:10:2]),
    "as_strided-view": (lambda x: x[1].as_strided((2, 2), (4, 1)), lambda a: a[1, :2, :2]),
    "as_strided-back": (lambda x: x[1].as_strided((24,), (1,), 0), lambda a: a.reshape(-1)),
    "as_strided-permuted": (lambda x: x.mT.as_strided((3,), (4,), 12), lambda a: a[1, :, 0]),
    "broadcast_to": (lambda x: x[:, :1].broadcast_to((2, 5, 4)), lambda a: np.broadcast_to(a[:, :1], (2, 5, 4))),
    "broadcast_tensors": (
        lambda x: lt.broadcast_tensors(x[:, :1], x)[0],
        lambda a: np.broadcast_arrays(a[:, :1], a)[0],
    ),
    "atleast_3d": (lambda x: lt.atleast_3d(x[0]), lambda a: np.atleast_3d(a[0])),
    "atleast_2d": (lambda x: lt.atleast_2d(x[0, 0]), lambda a: np.atleast_2d(a[0, 0])),
    "meshgrid": (
        lambda x: lt.meshgrid(x[0, 0], x[0, :, 0], indexing="xy")[0],
        lambda a: np.meshgrid(a[0, 0], a[0, :, 0], copy=False)[0],
    ),
}


@pytest.mark.parametrize("dtype", [lt.float64, lt.bfloat16, lt.int16], ids=repr)
@pytest.mark.parametrize("name", VIEWS)
def test_views_against_numpy(name: str, dtype: lt.DType) -> None:
    ours, reference = VIEWS[name]
    a = (A * 10).astype(dtype.numpy)
    got, wanted = ours(lt.from_numpy(a)), reference(a)
    assert_close(got, wanted)
    used = [i for i, n in enumerate(wanted.shape) if n > 1]
    assert [got.numpy().strides[i] for i in used] == [wanted.strides[i] for i in used]
    if wanted.size:
        assert np.shares_memory(got.numpy(), a)


COPIES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "repeat": (lambda x: x.repeat(2, 1, 3), lambda a: np.tile(a, (2, 1, 3))),
    "repeat-ones": (lambda x: x.repeat(1, 1, 1), lambda a: a),
    "repeat-element": (lambda x: x[0, 0, :1].repeat(3), lambda a: np.tile(a[0, 0, :1], 3)),
    "repeat-new": (lambda x: x.repeat(2, 1, 1, 1), lambda a: np.tile(a, (2, 1, 1, 1))),
    "tile": (lambda x: lt.tile(x, (2,)), lambda a: np.tile(a, 2)),
    "repeat_interleave": (lambda x: x.repeat_interleave(2, 1), lambda a: np.repeat(a, 2, 1)),
    "repeat_interleave-flat": (lambda x: lt.repeat_interleave(x, 3), lambda a: np.repeat(a, 3)),
    "repeat_interleave-once": (lambda x: x.repeat_interleave(1, 0), lambda a: a),
    "repeat_interleave-each": (
        lambda x: x.repeat_interleave(lt.tensor([2, 0, 1]), 1),
        lambda a: np.repeat(a, [2, 0, 1], 1),
    ),
    "diag": (lambda x: lt.diag(x[0, 0], -1), lambda a: np.diag(a[0, 0], -1)),
    "diag-of": (lambda x: x[0].diag(1), lambda a: np.diag(a[0], 1)),
    "diagflat": (lambda x: lt.diagflat(x[0]), lambda a: np.diagflat(a[0])),
    "diag_embed": (lambda x: x.diag_embed()[1, 2], lambda a: np.diag(a[1, 2])),
    "block_diag": (
        lambda x: lt.block_diag(x[0], x[1, :1]),
        lambda a: np.block([[a[0], np.zeros((3, 4))], [np.zeros((1, 4)), a[1, :1]]]),
    ),
    "cartesian_prod": (
        lambda x: lt.cartesian_prod(x[0, 0], x[0, :, 0]),
        lambda a: np.array([(p, q) for p in a[0, 0] for q in a[0, :, 0]]),
    ),
    "combinations": (
        lambda x: lt.combinations(x[0, 0]),
        lambda a: np.array([(a[0, 0, i], a[0, 0, j]) for i in range(4) for j in range(i + 1, 4)]),
    ),
    "slice_scatter": (lambda x: lt.slice_scatter(x, x[..., :2], 2, 0, None, 2)[..., 2], lambda a: a[..., 1]),
    "select_scatter": (lambda x: x.select_scatter(x[:, 0], 1, -1)[:, 2], lambda a: a[:, 0]),
    "diagonal_scatter": (lambda x: x[0].diagonal_scatter(x[1, :, 0]).diagonal(), lambda a: a[1, :, 0]),
}


@pytest.mark.parametrize("name", COPIES)
def test_copies_against_numpy(name: str) -> None:
    ours, reference = COPIES[name]
    t = lt.from_numpy(A.copy())
    got = ours(t)
    assert_close(got, reference(A))
    assert not np.shares_memory(got.numpy(), t.numpy())


def test_places_and_sums() -> None:
    places = np.arange(24).reshape(4, 6)
    for got, wanted in zip(
        lt.unravel_index(lt.from_numpy(places), (2, 3, 4)), np.unravel_index(places, (2, 3, 4)), strict=True
    ):
        assert_close(got, wanted)
    x = lt.from_numpy(A)
    assert_close(x.sum_to_size(3, 1), A.sum((0, 2))[:, None])
    assert x.sum_to_size(2, 3, 4) is x


def test_places_of_triangles() -> None:
    for rows, cols, k in ((3, 4, 0), (4, 2, 1), (3, 3, -2), (0, 3, 0), (2, 2, 9)):
        assert_close(lt.tril_indices(rows, cols, k), np.stack(np.tril_indices(rows, k, cols)))
        assert_close(lt.triu_indices(rows, cols, k), np.stack(np.triu_indices(rows, k, cols)))
    assert lt.tril_indices(2, 2, dtype="int32").dtype is lt.int32
    assert lt.triu_indices(3, 3, device="meta").shape == (2, 6)


# -- chains of views


def _split(draw: Any, t: Any, a: Any) -> Any:
    dim = draw(st.integers(0, a.ndim - 1))
    parts = draw(st.integers(1, 3))
    i = draw(st.integers(0, parts - 1))
    return t.tensor_split(parts, dim)[i], np.array_split(a, parts, dim)[i]


def _move(draw: Any, t: Any, a: Any) -> Any:
    p, q = draw(st.integers(-a.ndim, a.ndim - 1)), draw(st.integers(-a.ndim, a.ndim - 1))
    return t.movedim(p, q), np.moveaxis(a, p, q)


def _select(draw: Any, t: Any, a: Any) -> Any:
    dim = draw(st.integers(0, a.ndim - 1))
    i = draw(st.integers(-a.shape[dim], a.shape[dim] - 1)) if a.shape[dim] else None
    return (t, a) if i is None else (t.select(dim, i), a[(slice(None),) * dim + (i, ...)])


def _step(draw: Any, t: Any, a: Any) -> Any:
    index = (slice(None),) * draw(st.integers(0, a.ndim - 1)) + (slice(None, None, 2),)
    return t[index], a[index]


def _diagonal(draw: Any, t: Any, a: Any) -> Any:
    if a.ndim < 2:
        return t, a
    first, second = draw(st.permutations(range(a.ndim)))[:2]
    k = draw(st.integers(-2, 2))
    wanted = a.diagonal(k, first, second)
    wanted.flags.writeable = True
    return t.diagonal(k, first, second), wanted


def _unfold(draw: Any, t: Any, a: Any) -> Any:
    dim = draw(st.integers(0, a.ndim - 1))
    if not a.shape[dim]:
        return t, a
    size = draw(st.integers(1, a.shape[dim]))  # as far apart as they are wide: elements are shown once
    step = (slice(None),) * dim + (slice(None, None, size),)
    return t.unfold(dim, size, size), windows(a, size, dim, writeable=True)[step]


def _unflatten(draw: Any, t: Any, a: Any) -> Any:
    dim = draw(st.integers(0, a.ndim - 1))
    n = a.shape[dim]
    if n % 2:
        return t.unsqueeze(dim), np.expand_dims(a, dim)
    return t.unflatten(dim, (2, n // 2)), a.reshape(*a.shape[:dim], 2, n // 2, *a.shape[dim + 1 :])


STEPS = (_split, _move, _select, _step, _diagonal, _unfold, _unflatten)


@given(st.data())
@settings(max_examples=250, deadline=None)
def test_chains_of_views_are_numpys(data: Any) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    a = np.arange(float(np.prod(shape))).reshape(shape)
    base = lt.from_numpy(a.copy())
    t, view = base, a
    for step in data.draw(st.lists(st.sampled_from(STEPS), max_size=5)):
        if view.ndim:
            t, view = step(data.draw, t, view)
    assert_close(t, view)
    used = [i for i, n in enumerate(view.shape) if n > 1]
    assert not view.size or [t.stride(i) * 8 for i in used] == [view.strides[i] for i in used]
    if view.size:
        assert t.storage_offset() * 8 == view.ctypes.data - a.ctypes.data
        assert t.data_ptr() - base.data_ptr() == view.ctypes.data - a.ctypes.data
    value = np.asarray(np.arange(float(view.size)).reshape(view.shape) + 100)
    view[...] = value
    t.copy_(lt.from_numpy(value))
    assert_close(base, a)


# -- what a tensor says about its memory


def test_memory_of_views() -> None:
    x = lt.from_numpy(np.zeros((3, 4), np.float32))
    v = x[1:, 2]
    assert (v.storage_offset(), v.stride(), v.stride(0), v.nbytes, v.itemsize, v.element_size()) == (
        6,
        (4,),
        4,
        8,
        4,
        4,
    )
    assert v.data_ptr() == x.data_ptr() + 24
    assert x.storage_offset() == 0
    assert v.is_set_to(x[1:, 2])
    assert not v.is_set_to(x[:2, 2])
    assert not x.is_set_to(x.clone())
    assert lt.zeros(0).data_ptr() == 0
    m = lt.zeros(2, 3, device="meta")
    assert (m.data_ptr(), m.nbytes, m.storage_offset()) == (0, 24, 0)
    assert m.unfold(1, 2, 1).shape == (2, 2, 2)
    assert m.as_strided((2, 2), (1, 1)).shape == (2, 2)


def test_memory_formats() -> None:
    a = np.arange(120.0).reshape(2, 3, 4, 5)
    x = lt.from_numpy(a)
    last = x.contiguous(memory_format=lt.channels_last)
    assert (last.shape, last.stride()) == (x.shape, (60, 1, 15, 3))
    assert last.is_contiguous(memory_format=lt.channels_last)
    assert not last.is_contiguous()
    assert not x.is_contiguous(lt.channels_last)
    assert last.contiguous(lt.channels_last) is last
    assert last.contiguous().stride() == x.stride()
    assert_close(last, a)
    for same in (last.clone(memory_format=lt.preserve_format), x.to(memory_format=lt.channels_last)):
        assert same.stride() == last.stride()
        assert not np.shares_memory(same.numpy(), last.numpy())
    assert last.clone(memory_format=lt.contiguous_format).is_contiguous()
    assert x.to("float32", memory_format=lt.channels_last).stride() == last.stride()
    assert x[..., ::2].clone(memory_format=lt.preserve_format).is_contiguous()
    assert x[None].contiguous(memory_format=lt.channels_last_3d).stride() == (120, 1, 40, 10, 2)
    meta = lt.zeros(2, 3, 4, 5, device="meta")
    assert not meta.is_contiguous(lt.channels_last)
    assert lt.zeros(2, 3, 1, 1, device="meta").is_contiguous(lt.channels_last)
    assert repr(lt.channels_last) == "lamella.channels_last"
    assert pickle.loads(pickle.dumps(lt.channels_last)) is lt.channels_last


def test_memory_format_of_a_leaf() -> None:
    pytest.importorskip("lamella.autograd")
    a = np.arange(120.0).reshape(2, 3, 4, 5)
    leaf = lt.from_numpy(a).contiguous(memory_format=lt.channels_last).requires_grad_()
    (leaf.clone(memory_format=lt.channels_last) * lt.from_numpy(a)).sum().backward()
    assert_close(leaf.grad, a)
    with lt.no_grad():
        leaf.add_(1.0)
    assert_close(leaf.detach(), a + 1)


def test_diagonal_filled_in_place() -> None:
    for shape, wrap in (((7, 3), True), ((7, 3), False), ((2, 5), True), ((3, 3, 3), False)):
        wanted = np.zeros(shape)
        np.fill_diagonal(wanted, 2.0, wrap)
        assert_close(lt.zeros(*shape, dtype=lt.float64).fill_diagonal_(2, wrap), wanted)


def test_dims_changed_in_place() -> None:
    x = lt.arange(6).reshape(2, 3).clone()
    memory = x.numpy()
    assert x.t_() is x
    assert (x.shape, x.stride()) == ((3, 2), (1, 3))
    assert x.unsqueeze_(0).shape == (1, 3, 2)
    assert x.transpose_(1, 2).shape == (1, 2, 3)
    assert x.swapaxes_(0, 1).squeeze_(1).shape == (2, 3)
    assert x.squeeze_().shape == (2, 3)
    x[0] = 9
    assert memory.tolist() == [[9, 9, 9], [3, 4, 5]]
    base = lt.zeros(3, 4)
    row = base[1]
    row.unsqueeze_(1).add_(2)  # a view may: its base stays what it is
    assert row.shape == (4, 1)
    assert base.sum(1).tolist() == [0, 8, 0]
    with pytest.raises(RuntimeError, match=r"transpose_ on a tensor that has views or is saved; write x = x.transpose"):
        base.transpose_(0, 1)
    assert base.shape == (3, 4)


def test_dims_of_followed_tensors_changed_in_place() -> None:
    pytest.importorskip("lamella.autograd")
    w = lt.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    with pytest.raises(RuntimeError, match=r"t_ on a leaf tensor that requires grad; write x = x.t\(...\)"):
        w.t_()
    y = w * 2
    y.t_()
    y[0] *= 10
    (y * lt.arange(6).reshape(3, 2)).sum().backward()
    assert w.grad.tolist() == [[0.0, 4.0, 8.0], [20.0, 6.0, 10.0]]  # type: ignore[union-attr]


BAD: tuple[tuple[str, type[Exception], str], ...] = (
    ("x.permute(1, 0, dims=(0, 1))", TypeError, r"permute takes them by position or by keyword, got \(1, 0\) and"),
    ("x[0].fill_diagonal_(1)", ValueError, r"needs a matrix, or more dims of one size, got shape \(3,\)"),
    ("x.contiguous(memory_format=lt.channels_last)", ValueError, r"channels_last is for tensors of 4 dims, got shape"),
    ("x.contiguous(memory_format=lt.preserve_format)", ValueError, "preserve_format is no order of its own"),
    ("x.clone(memory_format='C')", TypeError, "clone: memory_format is one such as lamella.*, got 'C'"),
    ("x.chunk(0)", ValueError, "chunk needs a positive number of chunks, got 0"),
    ("x.split([1, 2])", ValueError, r"split: sizes \[1, 2\] do not add up to the size 2 of dim 0"),
    ("x.split('a')", TypeError, "split takes a size or a list of sizes, got 'a'"),
    ("lt.tensor(1.0).split(1)", ValueError, "split needs a tensor with dims, got a 0-d tensor"),
    ("x.tensor_split(1.5)", TypeError, "tensor_split takes a number of parts or a list of indices, got 1.5"),
    ("x.tensor_split(x)", TypeError, "tensor_split takes an integer tensor of at most one dim"),
    ("x.hsplit(2)", ValueError, "hsplit: dim 1 of size 3 is not cut into 2 equal parts; use tensor_split"),
    ("x.dsplit(1)", ValueError, r"dsplit needs a tensor of at least 3 dims, got shape \(2, 3\)"),
    ("x.select(0, 2)", IndexError, "select: index 2 is out of range for dim 0 of size 2"),
    ("x.movedim((0, 1), (0,))", ValueError, "movedim needs as many sources as destinations"),
    ("x.movedim((0, 0), (0, 1))", ValueError, "movedim needs each dim once"),
    ("x.unflatten(1, (2, 2))", ValueError, r"unflatten: sizes \(2, 2\) do not multiply to the size 3 of dim 1"),
    ("x.diagonal(0, 1, 1)", ValueError, "diagonal needs two different dims, got 1 and 1 of 2"),
    ("x.unfold(1, 4, 1)", ValueError, "unfold: windows of 4 elements do not fit dim 1 of size 3"),
    ("x.unfold(1, 2, 0)", ValueError, "unfold needs a positive step, got 0"),
    ("x.unfold(1, 2, 1).zero_()", RuntimeError, r"a tensor of windows shares memory.*write into x.contiguous\(\)"),
    ("x.as_strided((2, 2), (1, 0)).zero_()", RuntimeError, "a tensor of windows shares memory"),
    ("x.as_strided((7,), (1,))", ValueError, r"from element 0 on reaches element 6, and the storage has 6"),
    ("x[1].as_strided((2, 2), (3, 1))", ValueError, "from element 3 on reaches element 7, and the storage has 6"),
    ("x.as_strided((2,), (-1,), 3)", ValueError, "as_strided needs strides of at least 0"),
    ("x.as_strided((2,), (1, 1))", ValueError, "as_strided needs one stride for each dim"),
    ("lt.from_numpy(np.zeros((2, 4))[:, :2]).as_strided((2,), (2,))", ValueError, "over memory with gaps"),
    ("x.mT.as_strided_scatter(x[0], (3,), (1,))", ValueError, "as_strided_scatter needs a contiguous tensor"),
    ("x.set_(x)", NotImplementedError, "set_ is not supported: a tensor keeps its memory; assign x = other"),
    ("x.resize_(3)", NotImplementedError, "resize_ is not supported"),
    ("x.resize_as_(x)", NotImplementedError, "resize_as_ is not supported"),
    ("x.untyped_storage()", NotImplementedError, "untyped_storage is not supported: ask data_ptr"),
    ("x.repeat(2)", ValueError, r"repeat needs a number for each of the 2 dims, got \(2,\)"),
    ("x.repeat_interleave(-1)", ValueError, "repeat_interleave needs repeats of at least 0, got -1"),
    ("x.repeat_interleave(0.5)", TypeError, "repeat_interleave takes an int or an integer tensor, got 0.5"),
    ("x.repeat_interleave(lt.tensor([1]), 0, output_size=3)", ValueError, "output_size is 3, and the repeats make 2"),
    ("x.repeat_interleave(lt.arange(4), 0)", ValueError, "repeat_interleave needs 2 repeats, one for each element"),
    ("lt.meshgrid(x)", ValueError, r"meshgrid needs vectors, got a tensor of shape \(2, 3\)"),
    ("lt.meshgrid(x[0], lt.arange(2))", TypeError, "meshgrid needs one dtype, got float32, int64"),
    ("lt.meshgrid(x[0], indexing='yx')", ValueError, "indexing is 'ij' or 'xy', got 'yx'"),
    ("lt.diag(x[None])", ValueError, r"diag needs a vector or a matrix, got shape \(1, 2, 3\); use diagonal"),
    ("lt.diag_embed(x, 0, 1, -2)", ValueError, "diag_embed needs two different dims"),
    ("x.diagonal_scatter(x[0])", ValueError, r"cannot write a value of shape \(3,\) through a view of shape \(2,\)"),
    ("x.diagonal_scatter(x[0, :1])", ValueError, r"a value of shape \(1,\) through a view of shape \(2,\)"),
    ("x.slice_scatter(x[:1], 0, 5)", ValueError, r"a value of shape \(1, 3\) through a view of shape \(0, 3\)"),
    ("x.select_scatter(x[0], 0, 2)", IndexError, "select_scatter: index 2 is out of range"),
    ("x.slice_scatter(x, step=0)", ValueError, "slice_scatter needs a positive step, got 0"),
    ("lt.block_diag(x[None])", ValueError, r"block_diag needs tensors of at most two dims, got shape \(1, 2, 3\)"),
    ("lt.unravel_index(x, (2,))", TypeError, "unravel_index needs integer positions, got lamella.float32"),
    ("x.sum_to_size(3, 3)", ValueError, r"sum_to_size: \(3, 3\) does not expand to the shape \(2, 3\)"),
    ("lt.tril_indices(-1, 2)", ValueError, "tril_indices needs sizes of at least 0, got -1 and 2"),
    ("lt.tril_indices(1, 2, dtype=lt.float32)", TypeError, "tril_indices gives integers"),
    ("lt.broadcast_shapes((2,), (3,))", ValueError, "do not broadcast"),
    ("lt.atleast_1d(1.0)", TypeError, "atleast_1d needs a tensor, got float"),
)  # fmt: skip


@pytest.mark.parametrize(("expression", "error", "message"), BAD, ids=[b[0] for b in BAD])
def test_bad_input(expression: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        eval(expression, {"x": lt.zeros(2, 3), "lt": lt, "np": np})


def test_forms_of_functions() -> None:
    x = lt.zeros(2, 3)
    assert lt.broadcast_shapes((2, 1), 3, ()) == (2, 3)
    assert [p.shape for p in lt.zeros(0, 2).chunk(3)] == [(0, 2)] * 3
    assert [p.shape for p in x.split(5)] == [(2, 3)]
    assert lt.broadcast_tensors(x)[0] is x
    assert lt.atleast_1d(x) is x
    assert [t.shape for t in lt.atleast_2d(lt.tensor(1.0), x[0])] == [(1, 1), (1, 3)]
    assert lt.block_diag().shape == (1, 0)
    assert lt.repeat_interleave(lt.tensor([2, 0, 1])).tolist() == [0, 0, 2]
    assert lt.meshgrid([x[0], x[:, 0]])[0].shape == (3, 2)
    with pytest.raises(ValueError, match="as_strided needs the memory of the tensor"):
        lt.zeros(4, device="meta")[1:].as_strided((2,), (1,))
