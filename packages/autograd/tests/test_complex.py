"""Gradients of complex tensors: of a real value L by z they are dL/dRe z + i dL/dIm z, in every mode.

Every op that takes complex operands is judged by central differences of the real and imaginary parts, from the table
of samples: an op that accepts them and has no right gradient fails by name.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lamella.autograd import Function, checkpoint, grad, jvp, vjp, vmap
from lamella.tensor import (
    Tensor,
    angle,
    complex64,
    complex128,
    float32,
    float64,
    polar,
    sgn,
    tensor,
    view_as_complex,
    view_as_real,
)  # fmt: skip
from lamella.tensor import complex as complex_of
from lamella.tensor.extend import OPS, MetaArray, dispatch, rule
from lamella.testing import assert_close, gradcheck, gradgradcheck, op_samples

Z = np.array([0.5 + 1.0j, -1.0 + 0.25j, 2.0 - 0.75j])
X = np.array([0.5, -1.0, 2.0])

# they compute something of complex operands, which has no meaning: the kernels do not look
MEANINGLESS = frozenset(
    ("cross_entropy", "elu", "gelu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "log_softmax", "softmax")
)


def leaf(a=Z):
    a = np.asarray(a)
    return tensor(a, dtype=complex128 if a.dtype.kind == "c" else float64, requires_grad=True)


def conj(z):
    return dispatch(OPS["conj"], (z,))


def real(z):
    return z.to(float64)


def function_of(sample):
    params = sample.params(complex128)
    return lambda *xs: dispatch(sample.op, xs, params)


def takes_complex(sample):
    try:
        with np.errstate(all="ignore"):
            function_of(sample)(*sample.tensors(complex128, requires_grad=True))
    except (TypeError, ValueError, NotImplementedError):
        return False
    except np.exceptions.ComplexWarning:
        # a kernel for real numbers that does not look: it has no complex result to differentiate
        return False
    return True


CANDIDATES = [
    dataclasses.replace(s, dtypes=(complex128,))
    for s in op_samples()
    if s.wrt and float64 in s.dtypes and s.op_name not in MEANINGLESS
]
SAMPLES = [s for s in CANDIDATES if takes_complex(s)]


def test_the_table_covers_what_takes_complex_operands():
    names = {s.op_name for s in SAMPLES}
    assert {
        "abs", "add", "cast", "cat", "cos", "cumsum", "div", "exp", "gather", "linear", "log", "log1p", "matmul",
        "mul", "permute", "pow", "prod", "reciprocal", "rsqrt", "scatter_add", "sin", "slice", "sqrt", "sub", "sum",
        "take", "tanh", "view_write", "where", "acosh", "asin", "cosh", "exp2", "expm1", "log2", "sinc", "sinh", "tan",
    } <= names  # fmt: skip


@pytest.mark.parametrize("sample", SAMPLES, ids=[s.id for s in SAMPLES])
def test_every_op_in_every_mode(sample):
    xs = sample.tensors(complex128, requires_grad=True)
    gradcheck(
        function_of(sample), xs, rtol=1e-6, atol=1e-7, check_forward_ad=True, check_batched_grad=True,
        check_grad_dtypes=True,
    )  # fmt: skip
    gradgradcheck(function_of(sample), xs, rtol=1e-5, atol=1e-6)


# the step of an op without a meaning has none, though its composition has a derivative
MEANT = [s for s in SAMPLES if s.op_name.removesuffix("_grad") not in MEANINGLESS]


@pytest.mark.parametrize("sample", MEANT, ids=[s.id for s in MEANT])
def test_kernels_and_shape_rules_agree_on_what_they_take(sample):
    """What runs recorded, as a composition perhaps, runs plainly and in a trace."""
    xs = sample.tensors(complex128)
    out = function_of(sample)(*xs)
    metas = [MetaArray(x.shape, x._data.dtype) if isinstance(x, Tensor) else x for x in xs]
    shaped = rule(sample.op, "shape")(*metas, **sample.params(complex128))
    outs, shapes = [x if isinstance(x, tuple) else (x,) for x in (out, shaped)]
    assert [(tuple(o.shape), o._data.dtype) for o in outs] == [(tuple(m.shape), m.dtype) for m in shapes]


def test_the_convention():
    z = leaf()
    real(z * conj(z)).sum().backward()
    assert_close(z.grad, 2 * Z)
    z = leaf()
    abs(z).sum().backward()
    assert_close(z.grad, Z / np.abs(Z))
    z = leaf()
    z.exp().backward(tensor(Z, dtype=complex128))
    assert_close(z.grad, Z * np.conj(np.exp(Z)))
    assert z.grad.dtype is complex128


def test_abs_at_zero_is_flat():
    z = leaf([0j, 1j])
    abs(z).sum().backward()
    assert_close(z.grad, np.array([0, 1j]))


@pytest.mark.parametrize(
    "f",
    [
        lambda x, z: abs(x * z),
        lambda x, z: abs(z / (x + 3.0)),
        lambda x, z: abs(x - z * 2j),
        lambda x, z: real(z * x * 1j),
        lambda x, z: abs((x.to(complex128) @ z) * z),
        lambda x, z: real(x.to(complex128).exp() * (1 + 2j)),
        lambda x, z: abs(z ** (x + 4.0)),
        lambda x, z: abs(2.0**z),
        lambda x, z: abs(z**2 + z**1.5),
        lambda x, z: abs((x + 3.0) ** z),
        lambda x, z: abs((-2.0) ** z),
        lambda x, z: abs((1 + 2j) ** z),
    ],
)
def test_real_and_complex_operands_together(f):
    x, z = leaf(X), leaf()
    gradcheck(f, [x, z], rtol=1e-6, atol=1e-7, check_forward_ad=True, check_grad_dtypes=True)
    gradgradcheck(f, [x, z], rtol=1e-5, atol=1e-6)
    gx, gz = grad(f(x, z).sum(), [x, z], allow_unused=True)
    assert gx is None or gx.dtype is float64
    assert gz is None or gz.dtype is complex128


PAIRS = np.array([[0.5, 1.0], [-1.0, 0.25], [2.0, -0.75]])
OF_PAIRS = {
    "there and back": lambda x: view_as_real(view_as_complex(x) * (1 + 2j)),
    "abs": lambda x: abs(view_as_complex(x)),
    "parts": lambda x: view_as_complex(x).exp().imag * view_as_complex(x).real,
    "complex": lambda x: abs(complex_of(x[:, 0], x[:, 1]) ** 2 + 1j),
    "polar": lambda x: polar(x[:, 0], x[:, 1]).imag,
    "angle": lambda x: angle(view_as_complex(x)),
    "sgn": lambda x: sgn(view_as_complex(x)).real,
    "adjoint": lambda x: abs(view_as_complex(x.reshape(1, 3, 2)).adjoint() * 1j + 1),
}


@pytest.mark.parametrize("name", OF_PAIRS)
def test_views_of_pairs(name):
    f, x = OF_PAIRS[name], leaf(PAIRS)
    gradcheck(f, [x], rtol=1e-6, atol=1e-7, check_forward_ad=True, check_batched_grad=True)
    gradgradcheck(f, [x], rtol=1e-5, atol=1e-6)


def test_parts_are_views_that_can_be_written():
    z = tensor(Z, dtype=complex128)
    z.imag = tensor([1.0, 2.0, 3.0], dtype=float64)
    z.real += 1.0
    assert_close(z, Z.real + 1 + 1j * np.array([1.0, 2.0, 3.0]))
    w = leaf()
    y = w * 1.0
    y.real.mul_(3.0)
    abs(y * y).sum().backward()
    scaled = 3 * Z.real + 1j * Z.imag
    assert_close(w.grad, 2 * (3 * scaled.real + 1j * scaled.imag))


def test_broadcast_operands():
    gradcheck(lambda a, b: abs(a * b), [leaf(Z), leaf(Z.reshape(3, 1))])
    gradcheck(lambda a, b: abs(a * b), [leaf(X), leaf(Z.reshape(3, 1))])


def test_in_place_and_views():
    def f(z):
        y = z * 1.0
        y[1:] *= z[:2]
        y += z
        return abs(y * y)

    gradcheck(f, [leaf()], check_forward_ad=True)
    gradgradcheck(f, [leaf()])


def test_smaller_dtypes():
    z = tensor(Z, dtype=complex64, requires_grad=True)
    x = tensor(X, dtype=float32, requires_grad=True)
    abs(z * x).sum().backward()
    assert (z.grad.dtype, x.grad.dtype) == (complex64, float32)


def test_transforms():
    z = tensor(Z, dtype=complex128)
    value = lambda z: abs(z.exp()).sum()  # noqa: E731
    assert_close(grad(value)(z), np.exp(Z.real).astype(complex))
    both = np.stack([Z, Z * 2])
    assert_close(vmap(grad(value))(tensor(both)), np.exp(both.real).astype(complex))
    out, back = vjp(lambda z: z.exp(), z)
    assert_close(back(out)[0], np.exp(Z) * np.conj(np.exp(Z)))
    assert_close(jvp(lambda z: z.exp(), (z,), (z,))[1], Z * np.exp(Z))
    assert_close(jvp(value, (z,), (z,))[1], (np.exp(Z.real) * Z.real).sum())


def test_functions_and_checkpoints():
    class Cube(Function):
        @staticmethod
        def forward(ctx, z):
            ctx.save_for_backward(z)
            return z**3

        @staticmethod
        def backward(ctx, g):
            return g * conj(3 * ctx.saved_tensors[0] ** 2)

    gradcheck(Cube.apply, [leaf()])
    gradgradcheck(Cube.apply, [leaf()])
    gradcheck(lambda z: abs(checkpoint(lambda t: t.exp() * t, z)), [leaf()])


def test_only_a_real_value_has_an_implicit_gradient():
    z = leaf()
    with pytest.raises(RuntimeError, match=r"complex128 tensor needs the gradient argument: only a real value"):
        z.sum().backward()
    with pytest.raises(RuntimeError, match="grad needs a function with a real value, got lamella.complex128"):
        grad(lambda t: t.sum())(tensor(Z))
