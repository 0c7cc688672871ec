"""Products that plan their steps by shapes, captured: as uncompiled, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
import lamella.tensor.linalg as la
from lamella.compiler import compile as capture
from lamella.testing import assert_close

PRODUCTS: dict[str, Callable[..., Any]] = {
    "einsum": lambda a, b, c: lt.einsum("ij,jk,ik->i", a, b, c),
    "diagonal": lambda a, b, c: lt.einsum("ii->i", a[:, :3]),
    "tensordot": lambda a, b, c: lt.tensordot(a, b, 1),
    "addmm": lambda a, b, c: lt.addmm(c, a, b, beta=0.5, alpha=2),
    "addmm without input": lambda a, b, c: lt.addmm(c, a, b, beta=0),
    "kron": lambda a, b, c: lt.kron(a, b),
    "outer": lambda a, b, c: lt.outer(a[0], b[:, 0]),
    "multi_dot": lambda a, b, c: la.multi_dot([a, b, c.mT]),
    "cdist": lambda a, b, c: lt.cdist(a, b.mT, 3),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_as_uncompiled(name: str) -> None:
    rng = np.random.default_rng(3)
    arrays = [rng.standard_normal(shape) for shape in ((3, 4), (4, 2), (3, 2))]
    results = []
    for f in (PRODUCTS[name], capture(PRODUCTS[name])):
        xs = [lt.from_numpy(a).requires_grad_() for a in arrays]
        out = f(*xs)
        (out * out).sum().backward()
        results.append([out.detach(), *[x.grad for x in xs]])
    for plain, compiled in zip(*results, strict=True):
        assert (plain is None) == (compiled is None)
        if plain is not None:
            assert_close(compiled, plain.numpy())
