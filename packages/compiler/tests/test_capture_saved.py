"""What a compiled forward saves for its backward is checked like the saved tensors of single ops: a write in between
raises where it raises uncompiled, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.compiler import compile as capture

BACKENDS = ("interpreter", "c")


def values(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape) + 2.0


def halved(t: lt.Tensor) -> None:
    with lt.no_grad():
        t.mul_(0.5)


def reshaped_then_written(a: lt.Tensor, b: lt.Tensor) -> Any:
    y = lt.outer(a.reshape(-1)[:3], b.reshape(-1)[:2])
    a.mul_(0.5)
    return (y,)


def written_then_saved(a: lt.Tensor, b: lt.Tensor) -> Any:
    a.mul_(0.5)
    return (a * b,)


def written_twice(a: lt.Tensor, b: lt.Tensor) -> Any:
    a.mul_(0.5)
    y = a * b
    a.add_(1.0)
    return (y,)


def written_piece(a: lt.Tensor, b: lt.Tensor) -> Any:
    y = a * b
    a[0].mul_(0.5)
    return (y,)


def view_saved(a: lt.Tensor, b: lt.Tensor) -> Any:
    a.mul_(2.0)
    return (a[1:] * b[1:],)


def one_spoiled(a: lt.Tensor, b: lt.Tensor) -> Any:
    y, z = a * b, b * 3.0
    a.add_(1.0)
    return z, y


def reshaped_after_a_write(a: lt.Tensor, b: lt.Tensor) -> Any:
    a.mul_(0.5)
    return (a.T.reshape(-1) * b.T.reshape(-1),)


def result_written_inside(a: lt.Tensor, b: lt.Tensor) -> Any:
    y = b.exp()
    z = y * 2.0
    y.add_(1.0)
    return z, y


# (a, b) -> results, of which the first is followed backward; b requires grad
PROGRAMS: dict[str, Callable[[lt.Tensor, lt.Tensor], Any]] = {
    "input": lambda a, b: (a * b,),
    "two results": lambda a, b: (b * 3.0, a * b),
    "two results that share a way": lambda a, b: (lambda y: (y * 3.0, y * a))(b * 2.0),
    "view of an input": lambda a, b: (a[1:] * b[1:],),
    "reshaped input": lambda a, b: (a.reshape(-1) * b.reshape(-1),),
    "transposed input": lambda a, b: (a.T * b.T,),
    "reshaped transpose": lambda a, b: (a.T.reshape(-1) * b.T.reshape(-1),),
    "contiguous input": lambda a, b: (a.contiguous() * b,),
    "copied input": lambda a, b: (a.clone() * b,),
    "copied view": lambda a, b: (a[1:].clone() * b[1:],),
    "cast to its own dtype": lambda a, b: (a.to(lt.float64) * b,),
    "times one": lambda a, b: ((a * 1.0) * b,),
    "plus nothing": lambda a, b: ((a + 0.0) * b,),
    "twice negated": lambda a, b: (a.neg().neg() * b,),
    "input not saved": lambda a, b: (a + b,),
    "result": lambda a, b: (b.exp(),),
    "result and what follows": lambda a, b: (lambda y: (y * 2.0, y))(b.exp()),
    "view of a result": lambda a, b: (lambda y: (y * 2.0, y[0]))(b.exp()),
    "reshaped result": lambda a, b: (lambda y: (y * 2.0, y.reshape(-1)))(b.exp()),
    "detached result": lambda a, b: (lambda y: (y * 2.0, y.detach()))(b.exp()),
    "computed twice": lambda a, b: (b.exp() * 2.0, b.exp()),
    "computed twice, both returned": lambda a, b: (b.exp(), b.exp()),
    "copied result": lambda a, b: (lambda y: (y * 2.0, y.clone()))(b.exp()),
    "view of what is saved": lambda a, b: (lambda y: (y * 2.0, y.T[0]))(b.exp()),
    "saved as a view": lambda a, b: (lambda y: (y.T.exp(), y))(b * a),
    "written input": written_then_saved,
    "view of a written input": view_saved,
    "input written twice": written_twice,
    "reshaped, then written": reshaped_then_written,
    "piece written": written_piece,
    "reshaped after a write": reshaped_after_a_write,
    "one of two spoiled": one_spoiled,
    "result written inside": result_written_inside,
}  # fmt: skip
INPUTS: dict[str, Callable[[], lt.Tensor]] = {
    "row-major": lambda: lt.from_numpy(values(3, 4)),
    "column-major": lambda: lt.from_numpy(np.asfortranarray(values(3, 4))),
    "every other": lambda: lt.from_numpy(values(3, 8)[:, ::2]),
    "view of a tensor": lambda: lt.from_numpy(values(4, 4))[:3],
}
# what is written between the call and its backward
WRITES: dict[str, Callable[[Any, Any, Any], None]] = {
    "nothing": lambda a, b, out: None,
    "the input": lambda a, b, out: halved(a),
    "a view of the input": lambda a, b, out: halved(a[1]),
    "the parameter": lambda a, b, out: halved(b),
    "the first result": lambda a, b, out: halved(out[0]),
    "the last result": lambda a, b, out: halved(out[-1]),
    "a view of the last result": lambda a, b, out: halved(out[-1].view(-1)) if out[-1].is_contiguous() else None,
}


def outcome(f: Any, source: Callable[[], lt.Tensor], write: Callable[[Any, Any, Any], None], followed: int) -> Any:
    """The gradient, or that it was refused because of a write."""
    a, b = source(), lt.from_numpy(values(3, 4, seed=1)).requires_grad_()
    out = f(a, b)
    if followed >= len(out) or not out[followed].requires_grad:
        return "not followed"
    write(a, b, out)
    try:
        out[followed].sum().backward()
    except RuntimeError as error:
        assert "modified in place" in str(error)
        return "refused"
    assert b.grad is not None
    return b.grad.numpy()


@pytest.mark.filterwarnings("ignore:.*a reshape .or contiguous.*:RuntimeWarning")
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_write_before_backward_is_noticed_as_uncompiled(name: str) -> None:
    program = PROGRAMS[name]
    for backend in BACKENDS:
        compiled = capture(program, backend=backend)
        for kind, source in INPUTS.items():
            for write, between in WRITES.items():
                for followed in (0, 1):
                    want = outcome(program, source, between, followed)
                    got = outcome(compiled, source, between, followed)
                    where = f"{kind}, {backend}, {write} written, result {followed}"
                    assert isinstance(got, str) == isinstance(want, str), where
                    if isinstance(want, str):
                        assert got == want, where
                    else:
                        np.testing.assert_allclose(got, want, rtol=1e-12, err_msg=where)
