"""Looking at graphs, gradient edges, and hooks of saved tensors."""

from __future__ import annotations

import numpy as np
import pytest

from lamella.autograd import Function, backward, checkpoint, grad, vmap
from lamella.autograd.graph import (
    GradientEdge,
    allow_mutation_on_saved_tensors,
    disable_saved_tensors_hooks,
    get_gradient_edge,
    increment_version,
    save_on_cpu,
    saved_tensors_hooks,
)
from lamella.tensor import batch_norm, float64, inference_mode, layer_norm, linear, tensor, zeros
from lamella.testing import assert_close

X = np.array([0.5, -1.0, 2.0])


def leaf(a=X):
    return tensor(np.asarray(a), dtype=float64, requires_grad=True)


def test_nodes_can_be_looked_at():
    x = leaf()
    y = (x * 2).exp()
    node = y.grad_fn
    assert node.name() == "ExpBackward0"
    assert node.op_name == "exp"
    node.metadata["mine"] = 3
    assert y.grad_fn.metadata == {"mine": 3}
    assert node.next_functions[0][0].metadata == {}
    names = []
    stack = [node]
    while stack:
        at = stack.pop()
        names.append(at.name())
        stack.extend(n for n, _ in at.next_functions if n is not None)
    assert names == ["ExpBackward0", "MulBackward0", "AccumulateGrad"]


def test_gradient_edges_stand_for_tensors():
    x = leaf()
    y = x * 2
    edge = get_gradient_edge(y)
    assert edge == GradientEdge(y.grad_fn, 0)
    z = (y * y).sum()
    out = get_gradient_edge(z)
    del y, z
    (g,) = grad(out, edge, retain_graph=True)
    assert_close(g, 4 * X)
    (g,) = grad(out, [get_gradient_edge(x)], retain_graph=True)
    assert_close(g, 8 * X)
    backward(out, retain_graph=True, inputs=[get_gradient_edge(x)])
    assert_close(x.grad, 8 * X)
    (g,) = grad(edge, x, tensor(X, dtype=float64))
    assert_close(g, 2 * X)
    _, mean, _ = batch_norm(leaf(np.arange(6.0).reshape(2, 3)))
    assert get_gradient_edge(mean).output_nr == 1
    (g,) = grad(mean.sum(), get_gradient_edge(mean))
    assert_close(g, np.ones(3))
    (unused,) = grad((x * 2).sum(), get_gradient_edge(mean), materialize_grads=True)
    assert_close(unused, np.zeros(3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: get_gradient_edge(3), TypeError, "needs a tensor, got int"),
        (lambda x: get_gradient_edge(tensor(X)), RuntimeError, "requires grad"),
        (lambda x: grad(get_gradient_edge(x * 2), x), RuntimeError, r"gradient edge of shape \(3,\) needs"),
        (lambda x: grad((x * 2).sum(), GradientEdge((x * 2).grad_fn, 1)), IndexError, "output 1 of .* which has 1"),
        (lambda x: saved_tensors_hooks(3, lambda t: t), TypeError, "must be callable"),
        (lambda x: increment_version([3]), TypeError, "takes tensors, got int"),
        (lambda x: save_on_cpu(pin_memory=True), ValueError, "pinned"),
        (lambda x: save_on_cpu(device_type="cuda"), ValueError, "'cuda'"),
        (lambda x: disable_saved_tensors_hooks(3), TypeError, "needs a message, got int"),
    ],
)
def test_wrong_uses_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(leaf())


def test_writes_that_went_past_are_counted_by_hand():
    x = leaf()
    y = x * 1.0
    z = y * y
    before = y._version
    increment_version(y)
    assert y._version == before + 1
    with pytest.raises(RuntimeError, match="modified in place"):
        z.sum().backward()
    with inference_mode():
        t = tensor(X)
    with pytest.raises(RuntimeError, match="counts no versions"):
        increment_version(t)


# -- saved tensors


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        return g * 3 * ctx.saved_tensors[0] ** 2


PROGRAMS = {
    "elementwise": lambda x: (x * x.exp() + x / (x * x + 1.0)).sum(),
    "own output": lambda x: x.exp().tanh().sum(),
    "matmul": lambda x: (x.reshape(3, 1) @ x.reshape(1, 3)).sum(),
    "linear": lambda x: linear(x.reshape(1, 3), (x * 2).reshape(1, 3)).sum(),
    "residuals": lambda x: layer_norm(x * x, 3).pow(3).sum(),
    "function": lambda x: Cube.apply(x).sum(),
    "checkpoint": lambda x: checkpoint(lambda t: t.exp() * t, x).sum(),
    "view and write": lambda x: _written(x),
}


def _written(x):
    y = x * x
    y[1:] *= x[1:]
    return (y * y).sum()


@pytest.mark.parametrize("name", PROGRAMS)
def test_hooks_see_what_is_saved_and_give_it_back(name):
    f = PROGRAMS[name]
    x = leaf()
    (plain,) = grad(f(x), x, create_graph=True)
    (second,) = grad((plain * plain).sum(), x)
    packed = []

    def pack(t):
        assert not t.requires_grad
        packed.append(t.clone())
        return len(packed) - 1

    with saved_tensors_hooks(pack, lambda n: packed[n] * 1.0):
        y = f(x)
        assert packed
    (g,) = grad(y, x, create_graph=True)
    assert_close(g, plain.detach())
    assert_close(grad((g * g).sum(), x)[0], second)


@pytest.mark.parametrize("context", [save_on_cpu, allow_mutation_on_saved_tensors])
def test_copies_are_not_watched(context):
    x = leaf()
    y = x * 1.0
    with context():
        z = y * y
    y.mul_(100.0)
    z.sum().backward()
    assert_close(x.grad, 2 * X)


def test_save_on_cpu_of_meta_tensors():
    m = zeros(3, 4, device="meta", requires_grad=True)
    with save_on_cpu():
        y = (m * m).sum()
    y.backward()
    assert (m.grad.device.kind, m.grad.shape) == ("meta", (3, 4))


def test_the_innermost_pair_counts_and_the_mode_ends():
    x = leaf()
    seen = []
    with saved_tensors_hooks(lambda t: seen.append("outer") or t, lambda t: t):
        with saved_tensors_hooks(lambda t: seen.append("inner") or t, lambda t: t):
            x.exp()
        x.sin()
    x.cos()
    assert seen == ["inner", "outer"]


def test_hooks_under_vmap():
    seen = []
    with saved_tensors_hooks(lambda t: seen.append(t.shape) or t, lambda t: t):
        g = vmap(grad(lambda t: (t * t.exp()).sum()))(tensor(np.stack([X, X]), dtype=float64))
    assert_close(g, np.stack([(1 + X) * np.exp(X)] * 2))
    assert (3,) in seen


@pytest.mark.parametrize(
    ("pack", "unpack", "message"),
    [
        (lambda t: t.mul_(2.0), lambda t: t, "wrote into the one it was given"),
        (lambda t: 3, lambda n: n, "must return a tensor, got int"),
        (lambda t: t, lambda t: t[:2], r"must return what was packed, float64\[3\], got float64\[2\]"),
        (lambda t: t, lambda t: t.float(), r"got float32\[3\]"),
    ],
)
def test_wrong_hooks_are_refused(pack, unpack, message):
    x = leaf()
    y = x * 1.0
    with pytest.raises((RuntimeError, TypeError), match=message), saved_tensors_hooks(pack, unpack):
        y.exp().sum().backward()


def test_hooks_can_be_forbidden():
    with disable_saved_tensors_hooks("not here"):
        with pytest.raises(RuntimeError, match="not here"), save_on_cpu():
            pass
        leaf().exp()
    with save_on_cpu(), pytest.raises(RuntimeError, match="too late"), disable_saved_tensors_hooks("too late"):
        pass
    with save_on_cpu():
        pass
