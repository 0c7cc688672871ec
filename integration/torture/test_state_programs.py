"""Programs whose behaviour hangs on what lies around them: flags, attributes, modules, modes, aliases, threads."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella import nn
from lamella.tensor.extend import default_generator


def f64(*shape: int, seed: int = 0) -> lt.Tensor:
    return lt.from_numpy(np.random.default_rng(seed).standard_normal(shape))


class Config:
    def __init__(self) -> None:
        self.deep = type("Deep", (), {})()
        self.deep.scale = 2.0
        self.unused = 0


def test_config_attribute_changed_between_calls(way: Any) -> None:
    config = Config()

    def program(x: lt.Tensor) -> lt.Tensor:
        c = config.deep  # a local alias: the guard must follow it
        return x * c.scale

    f = way(program)
    x = f64(3)
    for scale in (2.0, 3.0, 2.0):
        config.deep.scale = scale
        config.unused += 1
        np.testing.assert_array_equal(f(x).numpy(), x.numpy() * scale)
    if hasattr(f, "compiles"):
        assert f.compiles == 2, "the third call goes back to the first program, and `unused` is not read"


FLAG = True


def test_global_flag_flipped(way: Any) -> None:
    global FLAG

    def program(x: lt.Tensor) -> lt.Tensor:
        return x + 1.0 if FLAG else x - 1.0

    f = way(program)
    x = f64(3)
    for FLAG in (True, False, True):
        np.testing.assert_array_equal(f(x).numpy(), x.numpy() + (1.0 if FLAG else -1.0))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x: lt.Tensor) -> lt.Tensor:
        return self.norm(self.body(x)).relu()


def reference(net: Net, x: np.ndarray, training: bool) -> np.ndarray:
    y = x @ net.body.weight.detach().numpy().T + net.body.bias.detach().numpy()
    mean = y.mean(0) if training else net.norm.running_mean.numpy()
    var = y.var(0) if training else net.norm.running_var.numpy()
    y = (y - mean) / np.sqrt(var + net.norm.eps) * net.norm.weight.detach().numpy() + net.norm.bias.detach().numpy()
    return np.maximum(y, 0)


def test_module_replaced(way: Any) -> None:
    net = Net().to(lt.float64)
    f = way(net)
    x = f64(8, 4)
    for _ in range(3):
        np.testing.assert_allclose(f(x).detach().numpy(), reference(net, x.numpy(), True), rtol=1e-10, atol=1e-12)
        net.body = nn.Linear(4, 4).to(lt.float64)


def test_train_and_eval_switched(way: Any) -> None:
    net = Net().to(lt.float64)
    f = way(net)
    x = f64(8, 4)
    running = [net.norm.running_mean.numpy().copy(), net.norm.running_var.numpy().copy()]
    for training in (True, False, True, False):
        net.train(training)
        expected = reference(net, x.numpy(), training)
        np.testing.assert_allclose(f(x).detach().numpy(), expected, rtol=1e-10, atol=1e-12)
        if training:
            y = x.numpy() @ net.body.weight.detach().numpy().T + net.body.bias.detach().numpy()
            running = [0.9 * running[0] + 0.1 * y.mean(0), 0.9 * running[1] + 0.1 * y.var(0, ddof=1)]
        np.testing.assert_allclose(net.norm.running_mean.numpy(), running[0], rtol=1e-10)
        np.testing.assert_allclose(net.norm.running_var.numpy(), running[1], rtol=1e-10)
    if hasattr(f, "compiles"):
        assert f.compiles == 2


def test_aliasing_inputs(way: Any) -> None:
    def program(a: lt.Tensor, b: lt.Tensor) -> lt.Tensor:
        a.add_(1.0)
        return a * b

    f = way(program)
    base = np.arange(6.0)

    def expected(i: slice, j: slice) -> tuple[np.ndarray, np.ndarray]:
        memory = base.copy()
        memory[i] += 1
        return memory[i] * memory[j], memory

    first = slice(0, 3)
    cases = [(first, slice(3, 6)), (first, first), (first, slice(1, 4)), (first, slice(3, 6))]
    for i, j in cases:
        t = lt.from_numpy(base.copy())
        a = t[i]
        b = a if i == j else t[j]
        with warnings.catch_warnings():
            # overlapping but different inputs run uncompiled, and say so
            warnings.filterwarnings("ignore", message=".*shares memory", category=RuntimeWarning)
            got = f(a, b)
        product, memory = expected(i, j)
        np.testing.assert_array_equal(got.numpy(), product)
        np.testing.assert_array_equal(t.numpy(), memory)


def test_overlap_is_named(captured: Any) -> None:
    def program(a: lt.Tensor, b: lt.Tensor) -> lt.Tensor:
        a.add_(1.0)
        return a * b

    t = lt.from_numpy(np.arange(6.0))
    with pytest.warns(RuntimeWarning, match="shares memory"):
        captured(program)(t[0:3], t[1:4])


def test_exception_halfway_leaves_everything_unchanged(way: Any) -> None:
    net = Net().to(lt.float64)
    fail = {"now": True}

    def program(x: lt.Tensor) -> lt.Tensor:
        with lt.no_grad():
            net.body.weight.mul_(2.0)
        y = lt.dropout(net(x), 0.5)
        y.sum().backward()
        if fail["now"]:
            raise ValueError("halfway")
        return y

    f = way(program)
    captured = hasattr(f, "compiles")
    x = f64(8, 4)
    before = {k: v.numpy().copy() for k, v in net.state_dict().items()}
    state = lt.manual_seed(3).get_state()
    with pytest.raises(ValueError, match="halfway"):
        f(x)
    if not captured:
        return  # uncompiled, a program that raises has done what it did
    for key, value in net.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[key])
    assert default_generator.get_state() == state
    assert all(p.grad is None for p in net.parameters())
    fail["now"] = False
    got = f(x)
    doubled = before["body.weight"] * 2
    np.testing.assert_array_equal(net.body.weight.detach().numpy(), doubled)
    lt.manual_seed(3)
    mask = lt.dropout(lt.ones(8, 4, dtype=lt.float64), 0.5).numpy()
    np.testing.assert_allclose(got.detach().numpy(), reference(net, x.numpy(), True) * mask, rtol=1e-10, atol=1e-12)


def test_two_threads_and_recursion(way: Any) -> None:
    def program(x: lt.Tensor, depth: int) -> lt.Tensor:
        y = (x * 2.0).exp() + 1.0
        return y if depth == 0 else f(x * 0.5, depth - 1) + y

    f = way(program)

    def expected(x: np.ndarray, depth: int) -> np.ndarray:
        y = np.exp(x * 2) + 1
        return y if depth == 0 else expected(x * 0.5, depth - 1) + y

    def work(seed: int) -> None:
        for n in range(30):
            x = f64(3 + n % 2, seed=seed + n)
            np.testing.assert_allclose(f(x, 2).numpy(), expected(x.numpy(), 2), rtol=1e-12)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(work, 100 * i) for i in range(2)]:
            done.result()  # raises what the thread raised
    if hasattr(f, "compiles"):
        assert f.compiles == 2, "one program per shape, whichever thread came first"
