"""Custom ops: one node everywhere, differentiable and batchable where rules are given, missing rules by name."""

from __future__ import annotations

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.autograd import custom_op, grad, jvp, vmap
from lamella.tensor.extend import MissingRule
from lamella.testing import gradcheck, gradgradcheck

CALLS: list[type] = []


@custom_op("tests::power_and_log", outputs=2)
def power_and_log(x, shift=None, *, n=2):
    CALLS.append(type(x))
    array = x.numpy()
    return lt.from_numpy(array**n), lt.from_numpy(np.log(array if shift is None else array + shift.numpy()))


@power_and_log.register_fake
def _(x, shift=None, *, n=2):
    return lt.empty_like(x), lt.empty_like(x)


def _setup(ctx, inputs, keywords, output):
    x, shift = inputs
    ctx.save_for_backward(x, shift)
    ctx.n = keywords["n"]


def _backward(ctx, gp, gl):
    x, shift = ctx.saved_tensors
    inner = gl / (x if shift is None else x + shift)
    return gp * ctx.n * x ** (ctx.n - 1) + inner, None if shift is None else inner


power_and_log.register_autograd(_backward, setup_context=_setup)


@power_and_log.register_vmap
def _(info, in_dims, x, shift=None, *, n=2):
    if in_dims[0] is None:
        x = x.expand(info.batch_size, *x.shape)
    if shift is not None and in_dims[1] is None:
        shift = shift.expand(info.batch_size, *shift.shape)
    return power_and_log(x, shift, n=n), (0, 0)


@custom_op("tests::bare")
def bare(x):
    return x * 2.0


bare.register_fake(lambda x: lt.empty_like(x))


def leaf(seed=0):
    return lt.from_numpy(np.random.default_rng(seed).uniform(0.5, 2.0, (2, 3))).requires_grad_()


def test_values_and_gradients():
    x, shift = leaf(), leaf(1)
    power, log = power_and_log(x, n=3)
    np.testing.assert_array_equal(power.detach().numpy(), x.detach().numpy() ** 3)
    np.testing.assert_array_equal(log.detach().numpy(), np.log(x.detach().numpy()))
    gradcheck(lambda x: power_and_log(x, n=3), [x])
    gradcheck(lambda x, s: power_and_log(x, s), [x, shift])
    gradgradcheck(lambda x, s: power_and_log(x, s), [x, shift])


def test_vmap_and_its_gradient():
    x, shift = leaf(), leaf(1)[0].detach()
    found = vmap(power_and_log, in_dims=(0, None))(x, shift)
    for f, w in zip(found, power_and_log(x, shift.expand(2, 3)), strict=True):
        np.testing.assert_array_equal(f.detach().numpy(), w.detach().numpy())
    per = vmap(grad(lambda x: power_and_log(x, n=3)[0].sum()))(x)
    np.testing.assert_allclose(per.detach().numpy(), 3 * x.detach().numpy() ** 2)


def test_the_function_runs_outside_every_mode():
    CALLS.clear()
    with lt.autocast("cpu"):
        vmap(lambda x: power_and_log(x)[0])(leaf())
    assert [lt.Tensor] == CALLS


def test_shapes_alone():
    power, _ = power_and_log(lt.empty(4, 5, device="meta"))
    assert power.shape == (4, 5)
    assert power.device.kind == "meta"


def test_missing_rules_are_named():
    y = bare(leaf())
    with pytest.raises(MissingRule, match=r"tests::bare has no gradient; give it one with register_autograd"):
        y.sum().backward()
    with pytest.raises(MissingRule, match=r"tests::bare has no rule for vmap; give it one with register_vmap"):
        vmap(bare)(leaf())
    with pytest.raises(RuntimeError, match=r"tests\.bare.*jvp"):
        jvp(bare, (leaf(),), (leaf(),))
    shapeless = custom_op("tests::shapeless", lambda x: x.clone())
    with pytest.raises(MissingRule, match=r"tests::shapeless has no shape rule; give it one with register_fake"):
        shapeless(leaf())


WRONG = [
    (lambda: custom_op("power", lambda x: x), ValueError, "'package::name'"),
    (lambda: custom_op("tests::bare", lambda x: x), ValueError, "exists already, in tests"),
    (lambda: custom_op("tests::a", lambda x: x, mutates_args=("x",)), ValueError, "cannot write its arguments"),
    (lambda: custom_op("tests::a", lambda x: x, outputs=0), ValueError, "outputs must be a positive int"),
    (lambda: custom_op("tests::a", lambda *xs: xs), ValueError, r"fixed number of arguments, not \*xs"),
    (lambda: custom_op("tests::a", lambda *, n: n), ValueError, "needs a tensor"),
    (lambda: bare.register_fake(lambda x: x), ValueError, "tests::bare has a fake already"),
    (lambda: bare(3.0), TypeError, "x must be a tensor, got float; what is no tensor is a keyword-only"),
    (lambda: bare(), TypeError, "missing a required argument: 'x'"),
    (lambda: power_and_log(leaf(), m=3), TypeError, "unexpected keyword argument 'm'"),
]


@pytest.mark.parametrize(("make", "kind", "message"), WRONG)
def test_bad_input(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


def made(name, fn, fake, **options):
    op = custom_op(f"tests::{name}", fn, **options)
    op.register_fake(fake)
    return op


BROKEN = [
    (
        made("shape", lambda x: x.sum(), lambda x: lt.empty_like(x)),
        RuntimeError,
        "and its shape rule",
    ),
    (made("dtype", lambda x: x.float(), lambda x: lt.empty_like(x)), RuntimeError, r"output 0 is float32\[2, 3\]"),
    (made("alias", lambda x: x.view(3, 2), lambda x: x.new_empty((3, 2))), RuntimeError, "shares memory with an input"),
    (made("count", lambda x: (x, x), lambda x: lt.empty_like(x)), TypeError, r"must return 1 tensor\(s\), got tuple"),
]


@pytest.mark.parametrize(("op", "kind", "message"), BROKEN)
def test_a_function_that_does_not_do_what_it_says(op, kind, message):
    with pytest.raises(kind, match=message):
        op(leaf())


def test_a_backward_of_another_length():
    op = made("length", lambda x: x * 2, lambda x: lt.empty_like(x))
    op.register_autograd(lambda ctx, g: (g, g))
    with pytest.raises(RuntimeError, match="must return 1 gradients, one a tensor of the op, got 2"):
        op(leaf()).sum().backward()
