"""Every rule of every op, from the table of samples: central differences judge gradients, a Python loop judges
batching.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lamella.autograd import grad, jvp, vjp, vmap
from lamella.tensor import Tensor, float64, from_numpy, stack
from lamella.tensor.extend import MissingRule, dispatch
from lamella.testing import assert_close, gradcheck, gradgradcheck, op_samples

SAMPLES = [s for s in op_samples() if float64 in s.dtypes]
DIFFERENTIABLE = [s for s in SAMPLES if s.wrt]
SIZE = 3
TIGHT = {"rtol": 1e-6, "atol": 1e-7}


def ids(samples):
    return [s.id for s in samples]


def function_of(sample):
    params = sample.params(float64)

    def fn(*xs):
        return dispatch(sample.op, xs, params)

    return fn


def floating(out):
    return [o for o in (out if isinstance(out, tuple) else (out,)) if o.dtype.is_floating_point]


def over(sample, which):
    """(the sample as a function of the operands `which`, those operands)."""
    xs = sample.tensors(float64)

    def fn(*given):
        full = list(xs)
        for i, g in zip(which, given, strict=True):
            full[i] = g
        return function_of(sample)(*full)

    return fn, tuple(xs[i] for i in which)


def random_like(t, seed):
    return from_numpy(np.random.default_rng(seed).standard_normal(t.shape))


@pytest.mark.parametrize("sample", DIFFERENTIABLE, ids=ids(DIFFERENTIABLE))
def test_gradients_equal_central_differences(sample):
    gradcheck(function_of(sample), sample.tensors(float64, requires_grad=True), **TIGHT)


@pytest.mark.parametrize("sample", DIFFERENTIABLE, ids=ids(DIFFERENTIABLE))
def test_second_gradients_equal_central_differences_of_the_first(sample):
    gradgradcheck(function_of(sample), sample.tensors(float64, requires_grad=True), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("sample", DIFFERENTIABLE, ids=ids(DIFFERENTIABLE))
def test_each_operand_alone_gets_the_gradient_it_gets_among_others(sample):
    fn = function_of(sample)
    together = sample.tensors(float64, requires_grad=True)
    outs = floating(fn(*together))
    cotangents = [random_like(o, n) for n, o in enumerate(outs)]

    def followed(outs):  # of several outputs of a body, one may not depend on an operand
        return [(o, c) for o, c in zip(outs, cotangents, strict=True) if o.requires_grad]

    chosen = followed(outs)
    expected = grad(
        [o for o, _ in chosen], [together[i] for i in sample.wrt], [c for _, c in chosen], allow_unused=True
    )
    for i, want in zip(sample.wrt, expected, strict=True):
        xs = list(sample.tensors(float64))
        xs[i] = xs[i].requires_grad_()
        chosen = followed(floating(fn(*xs)))
        (found,) = grad([o for o, _ in chosen], [xs[i]], [c for _, c in chosen], allow_unused=True)
        if want is None:
            assert found is None
        else:
            assert_close(found, want)


@pytest.mark.parametrize("sample", DIFFERENTIABLE, ids=ids(DIFFERENTIABLE))
def test_a_cotangent_for_one_output_alone(sample):
    # the others are missing, not zero: rules must take None
    fn = function_of(sample)
    count = len(floating(fn(*sample.tensors(float64))))
    for at in range(count):

        def one(*xs, at=at):
            return floating(fn(*xs))[at]

        xs = sample.tensors(float64, requires_grad=True)
        if one(*xs).requires_grad:
            gradcheck(one, xs, **TIGHT)


@pytest.mark.parametrize("sample", DIFFERENTIABLE, ids=ids(DIFFERENTIABLE))
def test_forward_mode_agrees_with_backward_and_with_differences(sample):
    fn, primals = over(sample, sample.wrt)
    tangents = tuple(random_like(p, n) for n, p in enumerate(primals))
    value, moved = jvp(lambda *xs: tuple(floating(fn(*xs))), primals, tangents)
    plain = floating(fn(*primals))
    pulled, back = vjp(lambda *xs: tuple(floating(fn(*xs))), *primals)
    cotangents = tuple(random_like(o, 10 + n) for n, o in enumerate(plain))
    grads = back(cotangents)
    for v, p, q in zip(value, plain, pulled, strict=True):
        assert_close(v, p)
        assert_close(q, p)
    forward = sum(float((m * c).sum()) for m, c in zip(moved, cotangents, strict=True))
    backward = sum(float((g * t).sum()) for g, t in zip(grads, tangents, strict=True))
    assert forward == pytest.approx(backward, rel=1e-9, abs=1e-9)
    eps = 1e-6
    up, down = (floating(fn(*[p + t * (s * eps) for p, t in zip(primals, tangents, strict=True)])) for s in (1, -1))
    for m, u, d in zip(moved, up, down, strict=True):
        np.testing.assert_allclose(m.numpy(), (u.numpy() - d.numpy()) / (2 * eps), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("sample", DIFFERENTIABLE, ids=ids(DIFFERENTIABLE))
def test_forward_mode_of_one_operand_alone(sample):
    for i in sample.wrt:
        fn, primals = over(sample, (i,))
        tangents = (random_like(primals[0], i),)
        _, moved = jvp(lambda x, fn=fn: tuple(floating(fn(x))), primals, tangents)
        _, back = vjp(lambda x, fn=fn: tuple(floating(fn(x))), *primals)
        cotangents = tuple(random_like(m, 3 + n) for n, m in enumerate(moved))
        forward = sum(float((m * c).sum()) for m, c in zip(moved, cotangents, strict=True))
        backward = float((back(cotangents)[0] * tangents[0]).sum())
        assert forward == pytest.approx(backward, rel=1e-9, abs=1e-9)


def batched(sample):
    """The operands that can be mapped over."""
    return [i for i, a in enumerate(sample.tensors(float64)) if isinstance(a, Tensor)]


def combinations(sample):
    of = batched(sample)
    return [c for n in range(1, len(of) + 1) for c in itertools.combinations(of, n)]


MAPPABLE = [s for s in SAMPLES if s.op.spec != "creation" and not s.op.mutates and batched(s)]
UPDATES = [s for s in SAMPLES if s.op.mutates]


@pytest.mark.parametrize("sample", UPDATES, ids=ids(UPDATES))
def test_a_missing_rule_is_named(sample):
    with pytest.raises(MissingRule, match=rf"op '{sample.op_name}' .* no rule of kind 'batch'"):
        vmap(function_of(sample), in_dims=tuple(0 if i == 0 else None for i in range(len(sample.operands))))(
            *[stack([x, x]) if i == 0 else x for i, x in enumerate(sample.tensors(float64))]
        )


def in_rows(sample, chosen):
    """One list of operands per example: the chosen ones differ, the others are the same."""
    first = sample.tensors(float64)
    rows = [sample.tensors(float64, seed=n) for n in range(SIZE)]
    return [[rows[n][i] if i in chosen else first[i] for i in range(len(first))] for n in range(SIZE)]


def stacked(rows, chosen, dim=0):
    def place(i):
        d = dim if dim >= 0 else dim % (rows[0][i].ndim + 1)
        return stack([r[i] for r in rows], min(d, rows[0][i].ndim))

    args = [place(i) if i in chosen else rows[0][i] for i in range(len(rows[0]))]
    dims = [
        min(dim if dim >= 0 else dim % (rows[0][i].ndim + 1), rows[0][i].ndim) if i in chosen else None
        for i in range(len(rows[0]))
    ]
    return args, tuple(dims)


def roundings(sample):
    """How much more a kernel may differ from the body that replaces it: recurrent layers take steps one on another, and
    the gradients of conv and of norms sum in another order.
    """
    return (
        64
        if "_layer" in sample.op_name
        else 8
        if sample.op_name.startswith(("batch_norm", "layer_norm", "conv"))
        else 1
    )


@pytest.mark.parametrize("sample", MAPPABLE, ids=ids(MAPPABLE))
def test_vmap_equals_a_loop(sample):
    fn = function_of(sample)
    for chosen in combinations(sample):
        rows = in_rows(sample, chosen)
        expected = [fn(*r) for r in rows]
        for dim in (0, 1, -1):
            args, dims = stacked(rows, chosen, dim)
            found = vmap(fn, in_dims=dims)(*args)
            for k, f in enumerate(found if isinstance(found, tuple) else (found,)):
                wanted = stack([e[k] if isinstance(e, tuple) else e for e in expected])
                assert_close(f, wanted, factor=roundings(sample))


@pytest.mark.parametrize("sample", MAPPABLE, ids=ids(MAPPABLE))
def test_vmap_within_vmap_equals_two_loops(sample):
    fn = function_of(sample)
    of = batched(sample)
    inner, outer = of[:1], of[-1:]
    rows = in_rows(sample, of)
    xs = list(rows[0])
    expected = []
    for m in range(SIZE):
        line = []
        for n in range(SIZE):
            args = list(xs)
            args[inner[0]] = rows[n][inner[0]]
            if outer != inner:
                args[outer[0]] = rows[m][outer[0]]
            else:
                args[inner[0]] = rows[(n + m) % SIZE][inner[0]]
            line.append(fn(*args))
        expected.append(line)
    args = list(xs)
    if outer != inner:
        args[inner[0]] = stack([r[inner[0]] for r in rows])
        args[outer[0]] = stack([r[outer[0]] for r in rows])
    else:
        args[inner[0]] = stack([stack([rows[(n + m) % SIZE][inner[0]] for n in range(SIZE)]) for m in range(SIZE)])
    first = tuple(0 if i in inner else None for i in range(len(xs)))
    second = tuple(0 if i in outer else None for i in range(len(xs)))
    found = vmap(vmap(fn, in_dims=first), in_dims=second)(*args)
    for k, f in enumerate(found if isinstance(found, tuple) else (found,)):
        want = stack([stack([e[k] if isinstance(e, tuple) else e for e in line]) for line in expected])
        assert_close(f, want, factor=roundings(sample))


MAPPED_GRADIENTS = [s for s in DIFFERENTIABLE if batched(s)]


@pytest.mark.parametrize("sample", MAPPED_GRADIENTS, ids=ids(MAPPED_GRADIENTS))
def test_vmap_of_the_gradient_equals_a_loop_of_gradients(sample):
    fn = function_of(sample)
    wrt = sample.wrt

    def gradient(*xs):
        def loss(*chosen):
            full = list(xs)
            for i, c in zip(wrt, chosen, strict=True):
                full[i] = c
            return sum(((o * o).sum() for o in floating(fn(*full))), start=xs[wrt[0]].sum() * 0.0)

        return grad(loss, tuple(range(len(wrt))))(*[xs[i] for i in wrt])

    for chosen in combinations(sample):
        rows = in_rows(sample, chosen)
        expected = [gradient(*r) for r in rows]
        args, dims = stacked(rows, chosen)
        found = vmap(gradient, in_dims=dims)(*args)
        for k, f in enumerate(found):
            assert_close(f, stack([e[k] for e in expected]), factor=roundings(sample))


@pytest.mark.parametrize("sample", MAPPED_GRADIENTS, ids=ids(MAPPED_GRADIENTS))
def test_the_gradient_of_vmap_equals_that_of_a_loop(sample):
    fn = function_of(sample)
    wrt = sample.wrt

    def total(outs):
        return sum(((o * o).sum() for o in floating(outs)), start=from_numpy(np.zeros(())))

    for chosen in combinations(sample):
        rows = in_rows(sample, chosen)
        args, dims = stacked(rows, chosen)

        def mapped(*given, args=args, dims=dims):
            full = list(args)
            for i, g in zip(wrt, given, strict=True):
                full[i] = g
            return total(vmap(fn, in_dims=dims)(*full))

        def looped(*given, args=args, chosen=chosen):
            full = list(args)
            for i, g in zip(wrt, given, strict=True):
                full[i] = g
            outs = [fn(*[full[i][n] if i in chosen else full[i] for i in range(len(full))]) for n in range(SIZE)]
            return sum((total(o) for o in outs), start=from_numpy(np.zeros(())))

        at = tuple(range(len(wrt)))
        starts = [args[i] for i in wrt]
        for f, e in zip(grad(mapped, at)(*starts), grad(looped, at)(*starts), strict=True):
            assert_close(f, e, factor=100)


@pytest.mark.parametrize("sample", MAPPED_GRADIENTS, ids=ids(MAPPED_GRADIENTS))
def test_forward_mode_of_vmap_and_vmap_of_forward_mode(sample):
    fn, primals = over(sample, sample.wrt)

    def flat(*xs):
        return tuple(floating(fn(*xs)))

    tangents = [tuple(random_like(p, 7 * n + k) for k, p in enumerate(primals)) for n in range(SIZE)]
    expected = [jvp(flat, primals, t)[1] for t in tangents]
    several = tuple(stack([t[k] for t in tangents]) for k in range(len(primals)))
    found = vmap(lambda *t: jvp(flat, primals, t)[1])(*several)
    repeated = tuple(stack([p] * SIZE) for p in primals)
    other = jvp(vmap(flat), repeated, several)[1]
    for k, (f, o) in enumerate(zip(found, other, strict=True)):
        want = stack([e[k] for e in expected])
        assert_close(f, want)
        assert_close(o, want)
