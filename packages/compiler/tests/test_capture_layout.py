"""Views and copies that rearrange elements in a captured program, under vmap and with gradients: as uncompiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamella.autograd as la
import lamella.tensor as lt
from lamella.compiler import compile as capture

PROGRAMS: dict[str, Callable[[Any], Any]] = {
    "diagonal": lambda x: x.diagonal(1, 0, 1) * 2,
    "windows": lambda x: x.unfold(1, 2, 1).sum(-1),
    "parts": lambda x: lt.cat(x.chunk(2, 1)[::-1], 1) + x.unbind(1)[0].unsqueeze(1),
    "written": lambda x: write(x * 1),
    "repeated": lambda x: x.tile(2).repeat_interleave(2, 0),
    "rolled": lambda x: lt.roll(x, 1, 0).rot90() * 2,
    "padded": lambda x: lt.pad(x[None], (1, 1), "reflect"),
    "triangles": lambda x: lt.tril(x) @ lt.triu(x, 1).T,
    "blocks": lambda x: lt.block_diag(x, x.diag_embed()[0]),
    "grid": lambda x: lt.meshgrid(x[0], x[:, 0])[1] + 1,
    "scattered": lambda x: x.select_scatter(x[0] * 2, 0, 1),
    "chosen": lambda x: lt.combinations(x[0], 2) * lt.tril_indices(2, 4)[0, 0],
}


def write(y: Any) -> Any:
    y.diagonal().add_(1)
    y.unfold(1, 2, 2).mul_(2)
    return y


@pytest.mark.parametrize("name", PROGRAMS)
def test_captured_mapped_and_differentiated(name: str) -> None:
    program = PROGRAMS[name]
    a = np.random.default_rng(3).standard_normal((2, 3, 4))
    x = lt.from_numpy(a[0])
    wanted = program(x).numpy()
    np.testing.assert_allclose(capture(program)(x).numpy(), wanted)
    mapped = la.vmap(program)(lt.from_numpy(a)).numpy()
    np.testing.assert_allclose(mapped[0], wanted)
    np.testing.assert_allclose(mapped[1], program(lt.from_numpy(a[1])).numpy())

    def loss(z: Any) -> Any:
        return (program(z) ** 2).sum()

    slopes = []
    for call in (loss, capture(loss)):
        leaf = lt.from_numpy(a[0].copy()).requires_grad_()
        call(leaf).backward()
        slopes.append(leaf.grad.numpy())
    np.testing.assert_allclose(slopes[0], slopes[1])


def test_strides_over_memory_are_refused() -> None:
    with pytest.raises(Exception, match="as_strided needs the memory of the tensor"):
        capture(lambda x: (x * 1).as_strided((2,), (1,)))(lt.ones(4))
    with pytest.raises(Exception, match=r"write x = x.unsqueeze\(...\)"):
        capture(lambda x: (x * 1).unsqueeze_(0) + 1)(lt.ones(4))
