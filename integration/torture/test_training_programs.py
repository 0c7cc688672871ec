"""Whole training steps: captured once, equal to what they do uncompiled, step after step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamella.autograd as la
import lamella.tensor as lt
from lamella import nn, optim
from lamella.compiler import compile as capture
from lamella.optim import lr_scheduler


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        # no bias before the norm: its true gradient is 0, and Adam would turn the rounding noise of it into whole steps
        self.first = nn.Linear(6, 16, bias=False)
        self.norm = nn.BatchNorm1d(16)
        self.drop = nn.Dropout(0.25)
        self.last = nn.Linear(16, 4)

    def forward(self, x: lt.Tensor) -> lt.Tensor:
        return self.last(self.drop(self.norm(self.first(x)).relu()))


def build(dtype: Any) -> tuple[Net, optim.AdamW, Any, lt.Tensor, lt.Tensor]:
    lt.manual_seed(7)
    net = Net().to(dtype)
    opt = optim.AdamW(net.parameters(), lr=1e-2, weight_decay=0.01)
    schedule = lr_scheduler.CosineAnnealingLR(opt, T_max=1000)
    rng = np.random.default_rng(0)
    x = lt.from_numpy(rng.standard_normal((32, 6))).to(dtype)
    y = lt.from_numpy(rng.integers(0, 4, 32))
    return net, opt, schedule, x, y


def train(steps: int, dtype: Any, wrap: Callable[[Any], Any]) -> tuple[list[float], dict[str, np.ndarray], Any]:
    net, opt, schedule, x, y = build(dtype)

    def step() -> lt.Tensor:
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        opt.step()
        schedule.step()
        return loss

    run = wrap(step)
    losses = [run().item() for _ in range(steps)]
    state = {k: v.numpy().copy() for k, v in net.state_dict().items()}
    return losses, state, run


@pytest.fixture(scope="module")
def eager_run() -> tuple[list[float], dict[str, np.ndarray], Any]:
    return train(1000, lt.float64, lambda f: f)


@pytest.mark.parametrize("backend", ["interpreter", "c"])
def test_a_thousand_adamw_steps_are_one_compile(backend: str, eager_run: Any) -> None:
    losses, state, _ = eager_run
    got, final, run = train(1000, lt.float64, lambda f: capture(f, backend=backend))
    assert run.compiles == 1
    # dropout draws from the same slots: a single different mask bit would show at once
    np.testing.assert_allclose(got, losses, rtol=1e-8)
    for key, value in state.items():
        np.testing.assert_allclose(final[key], value, rtol=1e-8, atol=1e-12, err_msg=key)
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("backend", ["interpreter", "c"])
def test_first_steps_in_float32(backend: str) -> None:
    eager, _, _ = train(20, lt.float32, lambda f: f)
    got, _, run = train(20, lt.float32, lambda f: capture(f, backend=backend))
    assert run.compiles == 1
    np.testing.assert_allclose(got, eager, rtol=1e-4)


@pytest.mark.parametrize("backend", ["interpreter", "c"])
def test_dropout_masks_are_bit_equal(backend: str) -> None:
    x = lt.ones(64, 33)

    def program() -> lt.Tensor:
        return lt.dropout(x, 0.3)

    f = capture(program, backend=backend)
    lt.manual_seed(11)
    eager = [program().numpy().copy() for _ in range(3)]
    lt.manual_seed(11)
    for mask in eager:
        np.testing.assert_array_equal(f().numpy(), mask)
    assert f.compiles == 1


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, 8)
        self.head = nn.Linear(8, 10, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens: lt.Tensor) -> lt.Tensor:
        return self.head(self.embed(tokens).tanh())


def test_tied_weights(way: Any) -> None:
    def run(wrap: Any) -> tuple[list[float], np.ndarray]:
        lt.manual_seed(1)
        net = Tied().to(lt.float64)
        opt = optim.SGD(net.parameters(), lr=0.5)
        tokens = lt.from_numpy(np.random.default_rng(0).integers(0, 10, 24))
        target = lt.from_numpy(np.random.default_rng(1).integers(0, 10, 24))

        def step() -> lt.Tensor:
            opt.zero_grad()
            loss = nn.functional.cross_entropy(net(tokens), target)
            loss.backward()
            opt.step()
            return loss

        f = wrap(step)
        losses = [f().item() for _ in range(20)]
        assert net.head.weight is net.embed.weight
        return losses, net.head.weight.detach().numpy().copy()

    expected = run(lambda f: f)
    losses, weight = run(way)
    np.testing.assert_allclose(losses, expected[0], rtol=1e-10)
    np.testing.assert_allclose(weight, expected[1], rtol=1e-10)
    assert losses[-1] < losses[0]


def test_gradient_accumulation_over_three_micro_steps(way: Any) -> None:
    def run(wrap: Any) -> tuple[list[float], np.ndarray, Any]:
        lt.manual_seed(2)
        net = nn.Linear(5, 3).to(lt.float64)
        opt = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        rng = np.random.default_rng(3)
        batches = [(lt.from_numpy(rng.standard_normal((4, 5))), lt.from_numpy(rng.integers(0, 3, 4))) for _ in range(9)]

        def micro(x: lt.Tensor, y: lt.Tensor, last: bool) -> lt.Tensor:
            loss = nn.functional.cross_entropy(net(x), y) / 3.0
            loss.backward()
            if last:
                opt.step()
                opt.zero_grad()
            return loss

        f = wrap(micro)
        losses = [f(x, y, i % 3 == 2).item() for i, (x, y) in enumerate(batches * 4)]
        return losses, net.weight.detach().numpy().copy(), f

    expected = run(lambda f: f)
    losses, weight, f = run(way)
    np.testing.assert_allclose(losses, expected[0], rtol=1e-10)
    np.testing.assert_allclose(weight, expected[1], rtol=1e-10)
    if hasattr(f, "compiles"):
        assert f.compiles == 3, "no gradient yet, a gradient there, the step at the end"


def test_checkpoint_with_dropout(way: Any) -> None:
    def run(wrap: Any, kept: bool) -> tuple[list[float], np.ndarray]:
        lt.manual_seed(5)
        net = nn.Sequential(nn.Linear(6, 12), nn.Dropout(0.5), nn.Linear(12, 12)).to(lt.float64)
        head = nn.Linear(12, 2).to(lt.float64)
        opt = optim.AdamW([*net.parameters(), *head.parameters()], lr=1e-2)
        x = lt.from_numpy(np.random.default_rng(0).standard_normal((16, 6)))

        def step() -> lt.Tensor:
            opt.zero_grad()
            h = net(x) if kept else la.checkpoint(net, x)
            loss = (lt.dropout(head(h), 0.25) ** 2.0).mean()
            loss.backward()
            opt.step()
            return loss

        f = wrap(step)
        return [f().item() for _ in range(10)], head.weight.detach().numpy().copy()

    expected = run(lambda f: f, kept=True)
    losses, weight = run(way, kept=False)
    np.testing.assert_allclose(losses, expected[0], rtol=1e-10)
    np.testing.assert_allclose(weight, expected[1], rtol=1e-10)
