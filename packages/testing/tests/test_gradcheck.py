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

pytest.importorskip("lamella.autograd")


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
