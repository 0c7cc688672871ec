"""Nothing keeps a tensor alive but its users: reference counts free everything, with the collector switched off."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


X = lt.rand(8)
M = lt.rand(4, 4)

ROUNDS: dict[str, Callable[[], Any]] = {
    "operators": lambda: (X + X) * 2.0 - X / 3.0,
    "functions": lambda: lt.exp(X).relu().sum(),
    "views": lambda: M[1:].T[::2].reshape(-1)[0],
    "writes": lambda: M.clone()[0].add_(1.0),
    "composites": lambda: lt.layer_norm(lt.linear(M, M), (4,)).softmax(-1),
    "indexing": lambda: M[lt.tensor([0, 1])],
    "draws": lambda: lt.rand(8) + lt.randn(8),
    "refused": lambda: refused(),
    "no_grad": lambda: quiet(),
}


def refused() -> None:
    try:
        X + M
    except ValueError:
        return
    raise AssertionError("shapes (8,) and (4, 4) do not broadcast")


def quiet() -> Any:
    with lt.no_grad():
        return X + X


@pytest.mark.parametrize("name", ROUNDS)
def test_a_round_leaves_no_block(name: str) -> None:
    step = ROUNDS[name]
    for _ in range(2500):  # caches fill: the interpreter keeps up to 2000 freed tuples of one length
        step()
    before = sys.getallocatedblocks()
    for _ in range(1000):
        step()
    assert sys.getallocatedblocks() - before < 200


def test_a_million_small_tensors() -> None:
    add = lt.add
    x = lt.ones(2)
    for _ in range(1000):
        x = x + 1.0
    before = sys.getallocatedblocks()
    for _ in range(250_000):
        y = x + x
        y = add(y, 1.0)
        y = y[0]
        y.relu()
    assert sys.getallocatedblocks() - before < 500


def test_a_view_keeps_its_base_and_nothing_else() -> None:
    base = lt.zeros(1000)
    memory = weakref.ref(base)
    view = base[10:20][::2]
    del base
    assert memory() is not None
    assert view.tolist() == [0.0] * 5
    del view
    assert memory() is None


def test_results_keep_no_operand() -> None:
    a, b = lt.ones(3), lt.ones(3)
    seen = [weakref.ref(a), weakref.ref(b)]
    c = (a + b).exp() * 2.0
    d = a.detach()
    del a, b
    assert [r() for r in seen][1] is None
    assert c.shape == d.shape
    del d
    assert [r() for r in seen] == [None, None]


def test_numpy_memory_outlives_the_tensor_and_the_other_way_round() -> None:
    a = np.arange(4.0)
    t = lt.from_numpy(a)
    del a
    assert t.tolist() == [0, 1, 2, 3]
    n = t.numpy()
    del t
    assert n.tolist() == [0, 1, 2, 3]
