"""Creation and draws inside a captured program: the numbers of the eager call, and a generator that moves as far."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import lamella.tensor as lt
from lamella.autograd import vmap
from lamella.compiler import compile as capture
from lamella.testing import assert_close

Program = Callable[[Any], Any]

CREATION: dict[str, Program] = {
    "arange": lambda x: x + lt.arange(0, 1.5, 0.5),
    "linspace": lambda x: x + lt.linspace(0, 1, 3),
    "logspace": lambda x: x + lt.logspace(0, 1, 3),
    "eye": lambda x: (lt.eye(3) * x).sum(0),
    "window": lambda x: x * lt.hann_window(3),
    "vander": lambda x: lt.vander(x, 3).sum(1),
    "full of a tensor": lambda x: x + lt.full((3,), x[0]),
    "new": lambda x: x + x.new_ones(3) + x.new_full((3,), 2),
    "fill_": lambda x: lt.zeros(3).fill_(2.0) + x,
    "zero_": lambda x: (x * 1).zero_() + x,
    "as_tensor": lambda x: lt.as_tensor(x) + lt.as_tensor([1.0, 2.0, 3.0]),
    "strided": lambda x: x + lt.empty_strided((3,), (2,)),
    "like": lambda x: x + lt.zeros_like(x) + lt.full_like(x, 3),
}
DRAWS: dict[str, Program] = {
    "bernoulli": lambda x: lt.bernoulli(x.sigmoid()) + x * 0,
    "bernoulli_": lambda x: (x * 0).bernoulli_(0.5),
    "normal": lambda x: lt.normal(x, 1.0),
    "poisson": lambda x: lt.poisson(x.abs() * 5),
    "exponential_": lambda x: (x * 0).exponential_(),
    "uniform_": lambda x: (x * 0).uniform_(-1, 1),
    "normal_": lambda x: (x * 0).normal_(1, 2),
    "random_": lambda x: (x * 0).random_(5),
    "geometric_": lambda x: (x * 0).geometric_(0.3),
    "randint_like": lambda x: lt.randint_like(x, 5),
    "complex": lambda x: lt.randn(3, dtype=lt.complex64).abs() + x,
    "randperm": lambda x: x[lt.randperm(3)],
}


@pytest.mark.parametrize("name", [*CREATION, *DRAWS])
def test_captured_as_called(name: str) -> None:
    program = (CREATION | DRAWS)[name]
    captured = capture(program)
    x = lt.tensor([1.0, -2.0, 3.0])
    with lt.fork_rng():
        for seed in range(2):
            lt.manual_seed(seed)
            wanted, end = program(x), lt.default_generator.position()
            lt.manual_seed(seed)
            assert_close(captured(x), wanted)
            assert lt.default_generator.position() == end


@pytest.mark.parametrize("name", CREATION)
def test_creation_inside_vmap(name: str) -> None:
    rows = lt.tensor([[1.0, -2.0, 3.0], [2.0, 0.5, -1.0]])
    assert_close(vmap(CREATION[name])(rows), lt.stack([CREATION[name](row) for row in rows]))


@pytest.mark.parametrize("name", DRAWS)
def test_draws_inside_vmap(name: str) -> None:
    rows = lt.tensor([[1.0, -2.0, 3.0]]).expand(40, 3)
    with pytest.raises(RuntimeError, match="inside vmap: say vmap"):
        vmap(DRAWS[name])(rows)
    same = vmap(DRAWS[name], randomness="same")(rows)
    different = vmap(DRAWS[name], randomness="different")(rows)
    assert same.shape == different.shape == (40, 3)
    assert len({tuple(row) for row in same.tolist()}) == 1
    assert len({tuple(row) for row in different.tolist()}) > 1
