"""The gradient checks pass what is right and fail what is wrong; wrong gradients are made with detach."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.testing import gradcheck, gradgradcheck

autograd: Any = pytest.importorskip("lamella.autograd")


def leaf(*shape: int, seed: int = 0) -> lt.Tensor:
    return lt.from_numpy(np.random.default_rng(seed).standard_normal(shape)).requires_grad_()


def test_right_gradients_pass() -> None:
    for check in (gradcheck, gradgradcheck):
        check(lambda x, y: x * y + lt.exp(x), [leaf(2, 3), leaf(3, seed=1)])
        check(lambda x: (x.sin(), x.sum()), [leaf(3)])
        check(lambda x, n: x * n, [leaf(3), 2.0])
        check(lambda x, c: lt.where(c > 0, x, -x), [leaf(3), lt.arange(3)])
        check(lambda x: x.reshape(-1)[::2], [leaf(2, 3)])
        check(lambda x: x * x, [leaf()])
        check(lambda x: x * 2, [leaf(0, 2)])


def wrong_first(x: Any) -> Any:
    return x * x.detach()


def wrong_second(x: Any) -> Any:
    # the value is x**2 and the gradient 2x, made of a part that forgets how it depends on x
    return x * x.detach() * 2 - (x.detach() * x.detach())


def test_wrong_gradients_fail() -> None:
    with pytest.raises(
        AssertionError, match="d output 0 / d input 0: backward and central differences disagree in 3 of 9"
    ):
        gradcheck(wrong_first, [leaf(3)])
    gradcheck(wrong_second, [leaf(3)])
    with pytest.raises(AssertionError, match="disagree"):
        gradgradcheck(wrong_second, [leaf(3)])
    with pytest.raises(AssertionError, match="d output 0 / d input 1"):
        gradcheck(lambda x, y: x * y.detach(), [leaf(2), leaf(2, seed=1)])


def test_what_cannot_be_checked_says_so() -> None:
    with pytest.raises(ValueError, match="at least one input that requires grad"):
        gradcheck(lambda x: x, [lt.ones(2)])
    with pytest.raises(TypeError, match="needs float64 inputs, input 0 is lamella.float32; make it with dtype=float64"):
        gradcheck(lambda x: x, [lt.ones(2, requires_grad=True)])
    with pytest.raises(TypeError, match=r"returns tensors, got \['float'\]"):
        gradcheck(lambda x: 1.0, [leaf(2)])


def test_missing_autograd_is_named() -> None:
    code = """
        import importlib.util
        real = importlib.util.find_spec
        importlib.util.find_spec = lambda name, *a: None if name == "lamella.autograd" else real(name, *a)
        from lamella.testing import gradcheck
        try:
            gradcheck(lambda x: x, [])
        except ImportError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == (
        "a gradient check needs the package lamella-autograd; install it with: pip install lamella-autograd\n"
    )


def test_the_answer_is_a_bool_or_an_error() -> None:
    assert gradcheck(lambda x: x * x, leaf(3)) is True
    assert gradcheck(wrong_first, [leaf(3)], raise_exception=False) is False
    assert gradgradcheck(wrong_second, [leaf(3)], raise_exception=False) is False
    with pytest.raises(RuntimeError, match="disagree"):  # torch's kind of error, and a test's
        gradcheck(wrong_first, [leaf(3)])


def test_tolerances_and_step() -> None:
    slightly = lambda x: x * x + x.detach() * x * 1e-4  # noqa: E731
    assert gradcheck(slightly, [leaf(3)])
    with pytest.raises(AssertionError, match="disagree"):
        gradcheck(slightly, [leaf(3)], rtol=1e-6, atol=1e-7)
    with pytest.raises(AssertionError, match="disagree"):
        gradcheck(lambda x: x * x * x, [leaf(3)], eps=0.1, rtol=1e-6, atol=1e-7)


def test_fast_mode_and_forward_mode() -> None:
    f = lambda x, y: ((x * y).sin(), x.sum())  # noqa: E731
    assert gradcheck(f, [leaf(2, 3), leaf(3, seed=1)], fast_mode=True, check_forward_ad=True)
    assert gradcheck(f, [leaf(2, 3), leaf(3, seed=1)], check_forward_ad=True, check_backward_ad=False)
    assert gradgradcheck(f, [leaf(2, 3), leaf(3, seed=1)], fast_mode=True, check_fwd_over_rev=True)
    assert not gradcheck(wrong_first, [leaf(3)], fast_mode=True, raise_exception=False)
    with pytest.raises(AssertionError, match="forward mode and central differences disagree"):
        gradcheck(wrong_first, [leaf(3)], check_forward_ad=True, check_backward_ad=False)


class _Wrong(autograd.Function):  # type: ignore[misc]
    """x * 2, with a backward that is wrong in the way its argument says."""

    generate_vmap_rule = True
    calls = 0

    @staticmethod
    def forward(ctx: Any, x: Any, how: str) -> Any:
        ctx.how = how
        ctx.set_materialize_grads(False)
        return x * 2, x * 3

    @staticmethod
    def backward(ctx: Any, a: Any, b: Any) -> Any:
        _Wrong.calls += 1
        if ctx.how == "undefined":
            return (a * 2 if a is not None else b * 0) + (b * 3 if b is not None else a), None
        total = sum((g * n for g, n in ((a, 2), (b, 3)) if g is not None), start=lt.zeros(3, dtype=lt.float64))
        if ctx.how == "random":
            total = total * (1 + 1e-7 * _Wrong.calls)
        if ctx.how == "batched" and a is not None and a._flags & 4:
            total = total * 2
        return total, None


@pytest.mark.parametrize(
    ("how", "options", "message"),
    [
        ("undefined", {}, "disagree|missing cotangents"),
        ("random", {}, "not deterministic"),
        ("batched", {"check_batched_grad": True}, "under vmap differs"),
    ],
)
def test_other_ways_to_be_wrong(how: str, options: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        gradcheck(lambda x: _Wrong.apply(x, how), [leaf(3)], **options)


def test_tolerated_noise_and_checks_left_out() -> None:
    assert gradcheck(lambda x: _Wrong.apply(x, "random"), [leaf(3)], nondet_tol=1e-4)
    assert gradcheck(lambda x: _Wrong.apply(x, "batched"), [leaf(3)])
    assert gradcheck(lambda x: x * x, [leaf(3)], check_batched_grad=True, check_batched_forward_grad=True)


def test_given_cotangents() -> None:
    assert gradgradcheck(lambda x: x * x, [leaf(3)], [leaf(3, seed=5)])
    with pytest.raises(ValueError, match="2 grad_outputs for 1 outputs"):
        gradgradcheck(lambda x: x * x, [leaf(3)], [leaf(3), leaf(3)])
