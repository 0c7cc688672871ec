"""Views and copies that rearrange elements in a captured program, under vmap and with gradients: as uncompiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamella.autograd as la
import lamella.tensor as lt
from lamella.compiler import compile as capture
from lamella.graph import CaptureError

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


RESHAPES: dict[str, Callable[[Any], Any]] = {
    "a row": lambda x: x[1].reshape(2, 2),
    "leading rows": lambda x: x[1:].reshape(-1),
    "leading columns": lambda x: x[:, :2].reshape(-1),
    "every other row": lambda x: x[::2].reshape(-1),
    "one column": lambda x: x[:, 1].reshape(3, 1),
    "transposed": lambda x: x.t().reshape(-1),
    "transposed twice": lambda x: x.t().t().reshape(2, 6),
    "a column of a row": lambda x: x[:1].t().reshape(2, 2),
    "new dims": lambda x: x[None, :, None].reshape(-1),
    "dims split": lambda x: x.t().reshape(2, 2, 3),
    "diagonal": lambda x: x.diagonal().reshape(3, 1),
    "windows": lambda x: x.unfold(1, 2, 2).reshape(-1),
    "overlapping windows": lambda x: x.unfold(1, 3, 1).reshape(-1),
    "contiguous": lambda x: x[1:].contiguous(),
    "transposed and contiguous": lambda x: x.t().contiguous(),
    "bits": lambda x: x[1].view(lt.int64).reshape(2, 2),
}


@pytest.mark.parametrize("backend", ["interpreter", "c"])
@pytest.mark.parametrize("name", RESHAPES)
def test_a_reshape_is_a_view_where_it_is_one_uncompiled(name: str, backend: str) -> None:
    program = RESHAPES[name]

    def inside(x: Any) -> Any:
        y = program(x)
        y.mul_(2)
        return y

    for fn in (program, inside):
        memory = []
        for call in (fn, capture(fn, backend=backend, fullgraph=True)):
            x = lt.arange(12.0, dtype=lt.float64).reshape(3, 4)
            y = call(x)
            before = x.tolist()
            y.zero_()
            memory.append((before, x.tolist()))
        assert memory[0] == memory[1]


@pytest.mark.parametrize("name", [n for n in RESHAPES if n != "bits"])
def test_a_write_to_what_backward_needs_is_noticed_where_it_is_uncompiled(name: str) -> None:
    def outside(a: Any, b: Any) -> Any:
        return RESHAPES[name](a) * RESHAPES[name](b)

    def inside(a: Any, b: Any) -> Any:
        out = outside(a, b)
        a.mul_(0.5)
        return out

    for fn in (outside, inside):
        slopes: list[Any] = []
        for call in (fn, capture(fn, backend="interpreter", fullgraph=True)):
            a = lt.arange(12.0).reshape(3, 4)
            b = lt.ones(3, 4, requires_grad=True)
            out = call(a, b)
            if fn is outside:
                a.mul_(0.5)
            try:
                out.sum().backward()
            except RuntimeError as error:
                assert "modified in place" in str(error)
                slopes.append("modified in place")
            else:
                slopes.append(b.grad.tolist())
        assert slopes[0] == slopes[1]


RUNS = ("a row", "leading rows", "new dims", "contiguous", "bits")


@pytest.mark.parametrize("name", RESHAPES)
def test_with_named_sizes(name: str) -> None:
    """The layout of what is in one piece is known for all sizes; near what is not, a write is refused."""

    def fn(x: Any) -> Any:
        y = RESHAPES[name](x)
        x.mul_(2)
        return y * 1

    call = capture(fn, backend="interpreter", fullgraph=True, dynamic=True)
    if name not in RUNS:
        with pytest.raises(CaptureError, match="not row-major"):
            call(lt.ones(3, 4, dtype=lt.float64))
        return
    for rows in (3, 5):
        x = lt.arange(4.0 * rows, dtype=lt.float64).reshape(rows, 4)
        assert call(x.clone()).tolist() == fn(x).tolist()


def test_what_an_unknown_layout_decides_is_refused() -> None:
    def f(a: Any, b: Any) -> Any:
        out = a.reshape(-1) * b
        a.mul_(0.5)
        return out

    with pytest.raises(CaptureError, match="saved for backward, after a write"):
        capture(f, fullgraph=True)(lt.arange(12.0).reshape(3, 4).t(), lt.ones(12, requires_grad=True))
