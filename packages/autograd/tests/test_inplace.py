"""Writes under autograd: views of views, siblings, detached twins, and the blame for a saved value that was
overwritten.
"""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest

from lamella.autograd import Function, checkpoint, grad
from lamella.tensor import float64, no_grad, tensor, zeros
from lamella.testing import assert_close, gradcheck

X = np.array([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7]])


def leaf(a=X):
    return tensor(np.asarray(a), dtype=float64, requires_grad=True)


def into_view(x):
    y = x * 1.0
    y[0] = x[1] * 3
    return y * y


def into_view_of_view(x):
    y = x * 2.0
    v = y.permute(1, 0)[1:].reshape(2, 2)
    w = v[:, 1]
    w *= x[0, :2]
    v += x[1, :2].exp()
    return y * y + y


def siblings(x):
    y = x * 1.0
    a, b = y[0], y[:, 0]
    b *= 3.0
    c = a * 2.0
    a += b.sum()
    return c.sum() + (b * y[:, 1]).sum() + (a * a).sum()


def base_then_view(x):
    y = x * 1.0
    v = y[0]
    y *= x
    return v * y[1] + v.exp()


def read_before_and_after(x):
    y = x * 1.0
    before = y.clone().exp()
    y.add_(before)
    y[0].sin_()
    return y * before


def overwritten(x):
    y = x.exp().clone()
    y.copy_(x * x)
    y[:, 1] = 0.0
    return y


def into_constant(x):
    y = zeros(2, 3, dtype=float64)
    y[0] = x[0]
    y[1] += x[1] * x[0]
    v = y[:, 1:]
    v *= 2.0
    return y * x


def by_number(x):
    y = x * x
    y += 1
    y *= 2
    y -= x
    y /= 4
    y **= 2
    y.clamp_(-50.0, 50.0)
    return y


def row_by_row(x):
    y = zeros(2, 3, dtype=float64)
    for i in range(2):
        y[i] = x[i] * (y[i - 1].clone() if i else 1.0)
    return y


def masked(x):
    y = x * 1.0
    y[x > 0] = 0.0
    return y * x


def expanded_read(x):
    y = x * 1.0
    e = y[:1].expand(4, 3)
    y *= x
    return e * 2.0


PROGRAMS = [
    into_view,
    into_view_of_view,
    siblings,
    base_then_view,
    read_before_and_after,
    overwritten,
    into_constant,
    by_number,
    row_by_row,
    masked,
    expanded_read,
]


@pytest.mark.parametrize("f", PROGRAMS)
def test_gradients_through_writes(f):
    gradcheck(f, [leaf()])
    np.testing.assert_allclose(grad(lambda x: f(x).sum())(tensor(X, dtype=float64)).numpy(), backward_of(f), atol=1e-12)


def backward_of(f):
    x = leaf()
    f(x).sum().backward()
    return x.grad.numpy()


@pytest.mark.parametrize("f", PROGRAMS)
def test_second_gradients_through_writes(f):
    gradcheck(
        lambda x: grad((f(x) * f(x)).sum(), x, create_graph=True)[0] if x.requires_grad else first(f, x), [leaf()]
    )


def first(f, x):
    y = x.detach().requires_grad_()
    from lamella.tensor import enable_grad

    with enable_grad():
        return grad((f(y) * f(y)).sum(), y)[0].detach()


# -- leaves


def test_a_leaf_is_not_written_while_recording():
    x = leaf()
    for write in (lambda: x.add_(1), lambda: x.zero_(), lambda: x.__setitem__(0, 1.0), lambda: x[0].mul_(2)):
        with pytest.raises(RuntimeError, match="leaf tensor that requires grad is written in place"):
            write()
    with no_grad():
        x.add_(1)
        x[0] = 0.0
    assert x.is_leaf
    assert_close(x.detach(), np.stack([np.zeros(3), X[1] + 1]))
    (x * x).sum().backward()


def test_a_write_under_no_grad_keeps_the_graph():
    x = leaf()
    y = x * 2.0
    with no_grad():
        y.add_(1.0)
    y.sum().backward()
    assert_close(x.grad, np.full((2, 3), 2.0))


def test_a_view_made_under_no_grad_is_not_followed():
    x = leaf()
    y = x * 2.0
    with no_grad():
        v = y[0]
    assert not v.requires_grad
    v.mul_(3.0)
    assert_close(y.detach()[0], X[0] * 6)
    y.sum().backward()
    assert_close(x.grad, np.full((2, 3), 2.0))


def test_detached_twins_share_memory_and_version():
    x = leaf()
    y = x.exp()
    d = y.detach()
    assert not d.requires_grad
    d.zero_()
    with pytest.raises(RuntimeError, match="gradient of exp.*modified in place"):
        y.sum().backward()
    z = x * 2
    z.detach_()
    assert not z.requires_grad


def test_requires_grad_of_a_view_follows_its_base():
    y = zeros(2, 3, dtype=float64)
    v = y[0]
    assert not v.requires_grad
    y.mul_(leaf())
    assert v.requires_grad
    assert v.grad_fn is not None


# -- blame


def here():
    return inspect.currentframe().f_back.f_lineno


def places(error):
    found = re.findall(r"at (\S+?):(\d+) in ([\w<>]+)", str(error))
    return [(int(line), name) for file, line, name in found if file.endswith("test_inplace.py")]


def multiply(a, b):
    return a * b  # the op of the helper


def overwrite(t):
    t.add_(1.0)  # the write of the helper


def line_of(fn, text):
    lines, start = inspect.getsourcelines(fn)
    return start + next(i for i, line in enumerate(lines) if text in line)


def test_the_error_names_the_line_of_the_op_and_of_the_write():
    x = leaf()
    y = x * 2
    z = y * y
    op = here() - 1
    y.add_(1)
    write = here() - 1
    with pytest.raises(RuntimeError, match="gradient of mul") as caught:
        z.sum().backward()
    me = "test_the_error_names_the_line_of_the_op_and_of_the_write"
    assert places(caught.value) == [(op, me), (write, me)]
    assert "version 1, saved at 0" in str(caught.value)


def test_the_error_names_the_lines_inside_helpers():
    x = leaf()
    y = x * 2
    z = multiply(y, y)
    overwrite(y)
    with pytest.raises(RuntimeError) as caught:
        z.sum().backward()
    assert places(caught.value) == [(line_of(multiply, "a * b"), "multiply"), (line_of(overwrite, "add_"), "overwrite")]


WRITES = {
    "add_": lambda y: y.add_(1.0),
    "iadd": lambda y: y.__iadd__(1.0),
    "setitem": lambda y: y.__setitem__(0, 1.0),
    "mask": lambda y: y.__setitem__(y > 0, 1.0),
    "view": lambda y: y[0].mul_(2.0),
    "view of view": lambda y: y.T[1:].mul_(2.0),
    "copy_": lambda y: y.copy_(y.detach() * 2),
    "zero_": lambda y: y.zero_(),
    "fill_": lambda y: y.fill_(2.0),
    "clamp_": lambda y: y.clamp_(0.0, 1.0),
    "exp_": lambda y: y.exp_(),
    "detached": lambda y: y.detach().mul_(2.0),
    "normal_": lambda y: y.normal_(),
    "tensor": lambda y: y.add_(leaf()),
}
OPS_THAT_SAVE = {
    "mul": lambda x, y: y * y,
    "div": lambda x, y: x / y,
    "pow": lambda x, y: y**3,
    "number power": lambda x, y: 2.0**y,
    "exp": lambda x, y: (y * 1).exp() * y,
    "matmul": lambda x, y: x.T @ y,
    "prod": lambda x, y: y.prod(),
    "amax": lambda x, y: y.amax(0),
    "sin": lambda x, y: y.sin(),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("op", OPS_THAT_SAVE)
def test_every_write_is_noticed_by_every_op_that_saved(op, write):
    x = leaf(np.abs(X) + 0.5)
    y = x * 1.0
    out = OPS_THAT_SAVE[op](x, y)
    with no_grad() if write != "tensor" else _nothing():
        WRITES[write](y)
    with pytest.raises(RuntimeError, match="modified in place after that") as caught:
        out.sum().backward()
    assert [name for _, name in places(caught.value)] == ["<lambda>", "<lambda>"]
    lines = [line for line, _ in places(caught.value)]
    assert lines == [OPS_THAT_SAVE[op].__code__.co_firstlineno, WRITES[write].__code__.co_firstlineno]


class _nothing:  # noqa: N801
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def test_a_saved_output_that_is_written_is_noticed():
    x = leaf()
    for op in ("exp", "tanh", "sigmoid", "reciprocal"):
        y = getattr(x, op)()
        y.mul_(2.0) if op != "tanh" else y[0].mul_(2.0)
        with pytest.raises(RuntimeError, match=f"gradient of {op}"):
            y.sum().backward()


def test_writes_that_harm_nobody_are_allowed():
    x = leaf()
    y = x * 2.0  # saves nothing of y
    y.add_(1.0)
    y.mul_(3.0)
    y.sum().backward()
    assert_close(x.grad, np.full((2, 3), 6.0))


def test_a_write_after_a_save_of_another_tensor_is_allowed():
    x = leaf()
    w = tensor(X, dtype=float64)
    z = (x * w).sum()
    x2 = x * 1.0
    x2.zero_()
    z.backward()
    assert_close(x.grad, X)


class Keeps(Function):
    """Saves its input."""

    @staticmethod
    def forward(ctx, a):
        ctx.save_for_backward(a)
        return a * 2

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0]


def test_functions_and_checkpoints_notice_writes_too():
    for call, name in ((Keeps.apply, "Keeps"), (lambda t: checkpoint(lambda a: a * a, t), "checkpoint")):
        x = leaf()
        y = x * 1.0
        z = call(y)
        overwrite(y)
        with pytest.raises(RuntimeError, match=f"gradient of {name}.*modified in place") as caught:
            z.sum().backward()
        assert places(caught.value)[1] == (line_of(overwrite, "add_"), "overwrite")


def test_expanded_tensors_refuse_writes():
    y = (leaf() * 1.0)[:, :1].expand(2, 3)
    with pytest.raises(RuntimeError, match="shares memory among its elements"):
        y.add_(1.0)
