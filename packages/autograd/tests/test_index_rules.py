"""Square brackets with index tensors under gradients, forward mode and batching, read and written in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.autograd import gradcheck, gradgradcheck, vmap
from lamella.tensor import Tensor, tensor

ROWS, COLUMNS = tensor([2, 0]), tensor([[1], [3]])
MASK = tensor([[True, False, True, False], [False] * 4, [True, True, False, False]])


def _randn(*shape: int, seed: int = 0) -> Tensor:
    return tensor(np.random.default_rng(seed).normal(size=shape))


def _set(index: Any) -> Callable[[Tensor, Tensor], Tensor]:
    def run(x: Tensor, v: Tensor) -> Tensor:
        y = x.clone()
        y[index] = v
        return y * y

    return run


def _add(index: Any) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda x, v: lt.square(x.index_put(index, v, accumulate=True))


READ: dict[str, Callable[[Tensor], Tensor]] = {
    "rows": lambda x: x[ROWS] ** 2,
    "both": lambda x: x[ROWS, COLUMNS] ** 2,
    "apart": lambda x: x[:, None][ROWS, :, COLUMNS, None] ** 2,
    "mask": lambda x: x[MASK] ** 2,
    "mask-rows": lambda x: x[tensor([True, False, True]), 1:] ** 2,
    "repeated": lambda x: x[[1, 1, 0], [2, 2, 2]] ** 2,
}
WRITE: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], tuple[int, ...]]] = {
    "rows": (_set(ROWS), (2, 4)),
    "row-spread": (_set(ROWS), (4,)),
    "both": (_set((ROWS, COLUMNS)), (2, 2)),
    "view-and-index": (_set((slice(None, None, 2), ROWS)), (2, 2)),
    "mask": (_set(MASK), (4,)),
    "mask-values": (_set((MASK,)), (4,)),
    "add": (_add((ROWS, COLUMNS)), (2, 2)),
    "add-repeated": (_add((tensor([1, 1, 1]),)), (3, 4)),
}


@pytest.mark.parametrize("name", READ)
def test_reading_has_both_gradients_and_a_tangent(name: str) -> None:
    fn = READ[name]
    x = _randn(3, 4).requires_grad_()
    assert gradcheck(fn, (x,), check_forward_ad=True)
    assert gradgradcheck(fn, (x,))


@pytest.mark.parametrize("name", WRITE)
def test_writing_has_both_gradients_and_a_tangent(name: str) -> None:
    fn, shape = WRITE[name]
    if name == "mask":
        shape = ()
    inputs = (_randn(3, 4).requires_grad_(), _randn(*shape, seed=1).requires_grad_())
    assert gradcheck(fn, inputs, check_forward_ad=True)
    assert gradgradcheck(fn, inputs)


@pytest.mark.parametrize("name", [n for n in WRITE if not n.startswith("mask")])
@pytest.mark.parametrize("in_dims", [(0, 0), (0, None), (None, 0)])
def test_writing_under_vmap_is_a_loop(name: str, in_dims: tuple[int | None, ...]) -> None:
    fn, shape = WRITE[name]
    xs, vs = _randn(5, 3, 4), _randn(5, *shape, seed=1)
    args = [a if d == 0 else a[0] for a, d in zip((xs, vs), in_dims, strict=True)]
    loop = lt.stack([fn(*(a[k] if d == 0 else a for a, d in zip(args, in_dims, strict=True))) for k in range(5)])
    np.testing.assert_array_equal(vmap(fn, in_dims=in_dims)(*args).numpy(), loop.numpy())


def test_indices_of_each_example() -> None:
    xs, at = _randn(5, 3, 4), tensor(np.random.default_rng(2).integers(-3, 3, (5, 2)))
    fns: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
        lambda x, i: x[i],
        lambda x, i: x[i, i],
        lambda x, i: x[:, i],
        lambda x, i: x[i[0]],
        lambda x, i: x[i, :, None][:, i],
        lambda x, i: x.index_put((i, i), x[0, :2], accumulate=True),
        lambda x, i: _set((slice(None), i))(x, x[:, :2] * 2),
        lambda x, i: x.index_add(0, i, x[:2]),
        lambda x, i: x.scatter_reduce(0, lt.expand(lt.unsqueeze(i % 3, 1), (2, 4)), x[:2], "amax"),
    )
    for fn in fns:
        loop = lt.stack([fn(x, i) for x, i in zip(xs, at, strict=True)])
        np.testing.assert_array_equal(vmap(fn)(xs, at).numpy(), loop.numpy())
        np.testing.assert_array_equal(vmap(lambda i, fn=fn: fn(xs[0], i))(at).numpy()[0], fn(xs[0], at[0]).numpy())


def test_per_example_values_go_into_their_own_tensor_only() -> None:
    shared = _randn(3, 4)

    def write(v: Tensor) -> Tensor:
        shared[ROWS] = v
        return shared

    with pytest.raises(RuntimeError, match="into a tensor"):
        vmap(write)(_randn(5, 2, 4))


def test_a_mask_of_each_example_selects_no_known_count() -> None:
    with pytest.raises(RuntimeError, match=r"the size of x\[mask\] depends on the values of the mask"):
        vmap(lambda x: x[x > 0])(_randn(5, 3))
    # to fill needs none
    xs = _randn(5, 3)

    def fill(x: Tensor) -> Tensor:
        y = x * 1
        y[x > 0] = 0.0
        return y

    np.testing.assert_array_equal(vmap(fill)(xs).numpy(), np.minimum(xs.numpy(), 0))


def test_views_and_versions_after_a_write() -> None:
    x = _randn(3, 4).requires_grad_()
    y = x * 1
    row, saved = y[1], y * y
    y[[1], [0]] = 5.0
    row.sum().backward()
    assert x.grad is not None
    expected = np.zeros((3, 4))
    expected[1, 1:] = 1
    np.testing.assert_array_equal(x.grad.numpy(), expected)
    with pytest.raises(RuntimeError, match="in place"):
        saved.sum().backward()


def test_gradients_flow_through_iteration() -> None:
    x = _randn(3, 2).requires_grad_()
    sum((k + 1) * row.sum() for k, row in enumerate(x)).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[1, 1], [2, 2], [3, 3]]
