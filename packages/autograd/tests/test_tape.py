"""backward() and grad() of tensors: what accumulates where, what is kept, what is freed, what is refused; hooks."""

from __future__ import annotations

import numpy as np
import pytest

from lamella.autograd import backward, grad
from lamella.tensor import (
    cat,
    enable_grad,
    float16,
    float32,
    float64,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
    tensor,
    zeros,
)
from lamella.testing import assert_close

X = np.array([0.5, -1.0, 2.0])


def leaf(a=X, dtype=float64):
    return tensor(np.asarray(a), dtype=dtype, requires_grad=True)


# -- accumulation


def test_gradients_add_up_over_calls_and_uses():
    x = leaf()
    for n in range(1, 4):
        (x * x + x).sum().backward()
        assert_close(x.grad, n * (2 * X + 1))


def test_two_leaves_do_not_share_the_memory_of_grad():
    a, b = leaf(), leaf()
    (a + b).sum().backward()
    a.grad.zero_()
    assert_close(b.grad, np.ones(3))
    a, b, c = leaf(), leaf(), leaf()
    (a + b + (c + 0.0)).backward(tensor(X, dtype=float64))
    a.grad += 1
    b.grad += 10
    assert_close(c.grad, X)


@pytest.mark.parametrize("create_graph", [False, True])
def test_no_grad_shares_memory_with_what_the_caller_holds(create_graph):
    x, given = leaf(), tensor(X.copy(), dtype=float64)
    seen: list[object] = []
    x.register_hook(seen.append)
    x.backward(given, create_graph=create_graph)
    (x * 1).backward(given, create_graph=create_graph)
    with no_grad():
        x.grad.mul_(0.0)
    assert_close(given, X)
    assert_close(seen[0], X)
    assert_close(seen[1], X)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x.reshape(3, 1).sum(),
        lambda x: x.expand(4, 3).sum(),
        lambda x: x[::2].sum(),
        lambda x: x.reshape(1, 3).permute(1, 0).sum(),
        lambda x: cat([x, x]).sum(),
        lambda x: x.sum(0, keepdim=True).sum(),
        lambda x: (x + 0).sum(),
    ],
)
def test_a_grad_owns_its_memory_and_can_be_written(f):
    x = leaf()
    f(x).backward()
    first = x.grad.numpy().copy()
    x.grad.add_(1.0)
    f(x).backward()
    assert_close(x.grad, 2 * first + 1)
    assert x.grad.numpy().flags.writeable
    assert x.grad.is_contiguous() or x.grad.numpy().base is None


def test_backward_with_create_graph_gives_each_leaf_a_grad_of_its_own():
    a, b = leaf(), leaf()
    (a + b).sum().backward(create_graph=True)
    assert a.grad is not b.grad
    with no_grad():
        a.grad.add_(1.0)
    assert_close(b.grad, np.ones(3))


def test_gradients_have_the_dtype_and_shape_of_their_leaf():
    x, w = leaf(dtype=float32), leaf(np.float64(2.0))
    half = leaf([1.0], dtype=float16)
    (x * w.reshape(1) * half).sum().backward()
    assert (x.grad.dtype, w.grad.dtype, half.grad.dtype) == (float32, float64, float16)
    assert (x.grad.shape, w.grad.shape, half.grad.shape) == ((3,), (), (1,))
    assert float(w.grad) == pytest.approx(X.sum())
    y = leaf(dtype=float32)
    (y.to(float64) * tensor(X, dtype=float64)).sum().backward()
    assert y.grad.dtype is float32
    z = leaf()
    (z * 2).backward(tensor(np.ones(3), dtype=float32))
    assert z.grad.dtype is float64


def test_broadcast_operands_get_summed_gradients():
    row, column, scalar = leaf(np.ones((1, 3))), leaf(np.ones((2, 1))), leaf(np.ones(()))
    (row * column * scalar).sum().backward()
    assert_close(row.grad, np.full((1, 3), 2.0))
    assert_close(column.grad, np.full((2, 1), 3.0))
    assert float(scalar.grad) == 6.0


def test_grad_can_be_assigned_and_cleared():
    x = leaf()
    x.grad = tensor(X, dtype=float64)
    (x * 2).sum().backward()
    assert_close(x.grad, X + 2)
    x.grad = None
    assert x.grad is None
    with pytest.raises(ValueError, match=r"\.grad must be"):
        x.grad = tensor(X[:2], dtype=float64)
    with pytest.raises(RuntimeError, match="only a leaf"):
        (x * 2).grad = tensor(X, dtype=float64)


# -- refused


def test_backward_refuses_by_name():
    x = leaf()
    with pytest.raises(RuntimeError, match=r"shape \(3,\) needs the gradient argument"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match="does not require grad"):
        tensor(1.0).backward()
    with pytest.raises(ValueError, match=r"has shape \(2,\), the tensor \(3,\)"):
        (x * 2).backward(tensor(X[:2]))
    with pytest.raises(TypeError, match="must be a tensor, got float"):
        (x * 2).backward(1.0)
    with pytest.raises(ValueError, match="1 gradients for 2 tensors"):
        backward([x * 2, x * 3], [tensor(X)])
    with pytest.raises(TypeError, match="must be a tensor or a sequence"):
        backward(3)
    with pytest.raises(TypeError, match="expected a tensor to differentiate"):
        backward([3])
    with pytest.raises(RuntimeError, match="input 0 of backward.. does not require grad"):
        (x * 2).sum().backward(inputs=[tensor(X)])
    with pytest.raises(TypeError, match="input 1 of backward.. must be a tensor, got int"):
        (x * 2).sum().backward(inputs=[x, 3])
    with pytest.raises(ValueError, match="only_inputs=False is not supported"):
        grad((x * 2).sum(), x, only_inputs=False)
    with pytest.raises(ValueError, match="is_grads_batched needs one batched tensor"):
        grad(x * 2, x, is_grads_batched=True)
    with pytest.raises(ValueError, match="inputs of backward"):
        (x * 2).sum().backward(inputs=[])


def test_a_second_backward_needs_retain_graph():
    x = leaf()
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(
        RuntimeError, match="backward.. already went through mul; call the first backward with retain_graph=True"
    ):
        y.backward()
    assert_close(x.grad, 4 * X)
    with pytest.raises(RuntimeError, match="graph was freed"):
        grad(y, x)


def test_only_the_walked_part_of_a_graph_is_freed():
    x = leaf()
    shared = x.exp()
    a, b = (shared * 2).sum(), (x * x).sum()
    a.backward()
    b.backward()
    with pytest.raises(RuntimeError, match="graph was freed"):
        (shared * 3).sum().backward()


# -- grad of tensors


def test_grad_of_leaves_and_of_results():
    x = leaf()
    y = x * x
    z = (y * y).sum()
    gx, gy = grad(z, [x, y], retain_graph=True)
    assert_close(gx, 4 * X**3)
    assert_close(gy, 2 * X**2)
    assert x.grad is None
    (same,) = grad(z, z, retain_graph=True)
    assert float(same) == 1.0
    assert_close(grad([z, y], x, [None, tensor(X, dtype=float64)])[0], 4 * X**3 + 2 * X * X)


def test_unused_inputs():
    x, other = leaf(), leaf()
    y = (x * x).sum()
    with pytest.raises(RuntimeError, match="input 1 was not used"):
        grad(y, [x, other], retain_graph=True)
    assert grad(y, [x, other], allow_unused=True, retain_graph=True)[1] is None
    zeros = grad(y, [x, other], materialize_grads=True, retain_graph=True)[1]
    assert_close(zeros, np.zeros(3))
    with pytest.raises(ValueError, match="materialize_grads"):
        grad(y, [other], materialize_grads=True, allow_unused=False)
    with pytest.raises(RuntimeError, match="input 0 of grad.. does not require grad"):
        grad(y, tensor(X))
    with pytest.raises(TypeError, match="input 0 of grad.. must be a tensor"):
        grad(y, [3])


def test_grad_walks_only_towards_its_inputs():
    x, w = leaf(), leaf()
    left = (w.exp() * 2).sum()
    total = (x * x).sum() + left
    grad(total, x)
    left.backward()  # its part of the graph was not touched
    assert_close(w.grad, 2 * np.exp(X))


def test_backward_into_chosen_leaves():
    x, w = leaf(), leaf()
    (x * w).sum().backward(inputs=x)
    assert_close(x.grad, X)
    assert w.grad is None
    assert x.grad.numpy().base is None


def test_create_graph_gives_higher_derivatives():
    x = leaf()
    (g,) = grad((x**4).sum(), x, create_graph=True)
    (h,) = grad(g.sum(), x, create_graph=True)
    (k,) = grad(h.sum(), x)
    assert_close(g, 4 * X**3)
    assert_close(h, 12 * X**2)
    assert_close(k, 24 * X)
    with no_grad():  # the graph of the gradient is wanted whatever the mode outside
        (g,) = grad_under_no_grad(x)
    assert g.requires_grad


def grad_under_no_grad(x):
    with enable_grad():
        y = (x**3).sum()
    return grad(y, x, create_graph=True)


def test_without_create_graph_nothing_is_recorded():
    x = leaf()
    (g,) = grad((x * x * x).sum(), x)
    assert not g.requires_grad
    v = leaf()
    (g,) = grad(x * x, x, v)  # a cotangent that requires grad does not make the gradient a result of it
    assert not g.requires_grad
    (g,) = grad(x * x, x, v, create_graph=True)
    assert_close(grad(g.sum(), v)[0], 2 * X)


def test_outputs_of_several_used_together():
    from lamella.tensor import batch_norm

    x = leaf(np.arange(12.0).reshape(4, 3) ** 1.5)
    y, mean, rstd = batch_norm(x)
    gx, gm = grad((y * y * mean).sum() + rstd.sum(), [x, mean], retain_graph=True)
    assert gx.shape == (4, 3)
    assert_close(gm, (y.detach() * y.detach()).sum(0))
    assert grad(rstd.sum(), mean, allow_unused=True)[0] is None


def test_a_batch_of_cotangents_in_one_walk():
    x, w, other = leaf(), leaf(), leaf()
    y = x * x.exp() + w
    batch = tensor(np.eye(3), dtype=float64)
    gx, gw, none = grad(y, [x, w, other], batch, is_grads_batched=True, allow_unused=True, retain_graph=True)
    assert_close(gx, np.diag((1 + X) * np.exp(X)))
    assert_close(gw, np.eye(3))
    assert none is None
    (g,) = grad([y, x * 2], x, [batch, batch * 3], is_grads_batched=True, create_graph=True)
    assert_close(g.detach(), np.diag((1 + X) * np.exp(X) + 6))
    assert_close(grad(g.sum(), x)[0], (2 + X) * np.exp(X))
    (zeros_,) = grad(y, [other], batch, is_grads_batched=True, materialize_grads=True, retain_graph=True)
    assert_close(zeros_, np.zeros(3))
    with pytest.raises(ValueError, match="is_grads_batched needs one batched tensor"):
        grad([y, y], x, [batch], is_grads_batched=True)


def test_inputs_by_name():
    x, w = leaf(), leaf()
    found = grad((x * w).sum(), {"x": x, "w": w})
    assert set(found) == {"x", "w"}
    assert_close(found["x"], X)
    with pytest.raises(RuntimeError, match="input 1 was not used"):
        grad((x * 2).sum(), {"x": x, "w": w})


# -- modes


def test_grad_modes():
    x = leaf()
    with no_grad():
        assert not (x * 2).requires_grad
        with enable_grad():
            assert (x * 2).requires_grad
        assert not is_grad_enabled()
    with set_grad_enabled(False):
        assert not (x + 1).requires_grad
    assert (x + 1).requires_grad

    @no_grad()
    def f(y):
        return y * 2

    assert not f(x).requires_grad
    assert is_grad_enabled()
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert is_grad_enabled()


def test_integers_and_comparisons_are_not_recorded():
    x = leaf()
    assert not (x > 0).requires_grad
    assert not x.argmax().requires_grad
    assert not x.detach().requires_grad
    assert not x.long().requires_grad
    assert not (x.long() * 2).requires_grad


def test_meta_tensors_have_gradients_without_values():
    m = zeros(3, 4, device="meta", requires_grad=True)
    (m * m).sum().backward()
    assert m.grad.shape == (3, 4)
    assert m.grad.device.kind == "meta"


# -- hooks


def test_hooks_on_leaves_and_results():
    x = leaf()
    seen = []
    y = x * 2
    first = y.register_hook(lambda g: seen.append(("y", g.numpy().copy())))
    x.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: seen.append(("x", g.numpy().copy())))
    (y * y).sum().backward()
    assert [n for n, _ in seen] == ["y", "x"]
    np.testing.assert_allclose(seen[0][1], 4 * X)
    np.testing.assert_allclose(seen[1][1], 80 * X)
    assert_close(x.grad, 80 * X)
    first.remove()
    first.remove()
    (x * 2).sum().backward()
    assert len(seen) == 3


def test_a_hook_sees_the_total_once():
    x = leaf()
    y = x * 1.0
    seen = []
    y.register_hook(lambda g: seen.append(g.numpy().copy()))
    (y * 2 + y * 3 + y).sum().backward()
    assert len(seen) == 1
    np.testing.assert_allclose(seen[0], np.full(3, 6.0))


def test_hooks_of_the_second_output():
    from lamella.tensor import batch_norm

    x = leaf(np.arange(12.0).reshape(4, 3))
    y, mean, rstd = batch_norm(x)
    mean.register_hook(lambda g: g * 0)
    rstd.register_hook(lambda g: g * 0)
    (mean.sum() + rstd.sum() + y.sum() * 0).backward()
    np.testing.assert_allclose(x.grad.numpy(), np.zeros((4, 3)), atol=1e-15)


def test_post_accumulate_hooks_see_the_tensor_and_may_clear_it():
    x = leaf()
    seen = []

    def step(t):
        seen.append(t.grad.numpy().copy())
        t.grad = None

    handle = x.register_post_accumulate_grad_hook(step)
    (x * 2).sum().backward()
    (x * 3).sum().backward()
    assert [s[0] for s in seen] == [2.0, 3.0]
    assert x.grad is None
    handle.remove()
    (x * 2).sum().backward()
    assert_close(x.grad, np.full(3, 2.0))


def test_node_prehooks():
    x = leaf()
    y = x * x
    z = y.sum()
    seen = []

    def scale(cotangents):
        seen.append(len(cotangents))
        return (cotangents[0] * 5,)

    handle = y.grad_fn.register_prehook(scale)
    z.backward(retain_graph=True)
    assert_close(x.grad, 10 * X)
    handle.remove()
    x.grad = None
    z.backward()
    assert_close(x.grad, 2 * X)
    assert seen == [1]


def test_hooks_refuse_by_name():
    x = leaf()
    for bad in (lambda g: 1.0, lambda g: g[:2]):
        y = x * 2
        y.register_hook(bad)
        with pytest.raises(TypeError, match="must return None or a tensor of shape"):
            y.sum().backward()
    y = x * 2
    y.grad_fn.register_prehook(lambda g: (*g, None))
    with pytest.raises(TypeError, match="tuple of 1 cotangents"):
        y.sum().backward()
    with pytest.raises(TypeError, match="must be callable"):
        x.register_hook(3)
    with pytest.raises(RuntimeError, match="needs a tensor that requires grad"):
        tensor(X).register_hook(lambda g: g)
    with pytest.raises(RuntimeError, match="leaf tensor"):
        (x * 2).register_post_accumulate_grad_hook(lambda t: None)


def test_what_a_hook_computes_is_recorded_only_with_create_graph():
    x, w = leaf(), leaf()
    recorded = []

    def hook(g):
        recorded.append((g * w).requires_grad)
        return g * w

    y = x * x
    y.register_hook(hook)
    (g,) = grad(y.sum(), x, retain_graph=True)
    assert recorded == [False]
    assert not g.requires_grad
    (g,) = grad(y.sum(), x, create_graph=True)
    assert recorded == [False, True]
    assert_close(grad(g.sum(), w)[0], 2 * X)


def test_graph_can_be_inspected():
    x = leaf()
    y = (x * 2).exp()
    assert y.grad_fn.name() == "ExpBackward0"
    assert repr(y.grad_fn) == "<exp backward>"
    inner = y.grad_fn.next_functions[0][0]
    assert inner.name() == "MulBackward0"
    assert inner.next_functions[1] == (None, 0)
    assert x.is_leaf
    assert x.grad_fn is None
    assert not y.is_leaf
