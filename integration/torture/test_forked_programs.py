"""Programs that branch on tensors, loop on them, or talk to the outside while they are captured."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella import nn
from lamella.compiler import CaptureError
from lamella.compiler import compile as capture
from lamella.tensor.extend import default_generator

ORDERS = list(itertools.permutations([(1, 1), (1, -1), (-1, 1), (-1, -1)]))


class Halves(nn.Module):
    """Two halves of a forward with a branch on a tensor between them, and another at the end."""

    def __init__(self) -> None:
        super().__init__()
        lt.manual_seed(4)
        self.first = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.2))
        self.second = nn.Linear(4, 4)
        self.other = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.to(lt.float64)

    def forward(self, x: Any) -> Any:
        h = self.first(x)
        if x[:, 0].sum() > 0:
            h = self.second(h).tanh()
        else:
            h = self.norm(self.other(h)) * lt.rand(4, dtype=lt.float64)
        loss = (h * h).mean()
        return loss if x[:, 1].sum() > 0 else h.exp().mean()


def trained(net: Halves, call: Any, order: Any) -> list[Any]:
    out: list[Any] = []
    lt.manual_seed(0)
    for n, (a, b) in enumerate([*order, *order]):
        x = lt.from_numpy((np.random.default_rng(n).random((5, 3)) + 0.1) * np.array([a, b, 1.0]))
        for p in net.parameters():
            p.grad = None
        loss = call(x)
        loss.backward()
        with lt.no_grad():
            for p in net.parameters():
                if p.grad is not None:
                    p.sub_(p.grad * 0.1)
        grads = [None if p.grad is None else p.grad.numpy().copy() for p in net.parameters()]
        state = [v.detach().numpy().copy() for v in net.state_dict().values()]
        out.append(([loss.item()], grads, state, default_generator.get_state()["offset"]))
    return out


@pytest.mark.parametrize("order", ORDERS[::5], ids=str)
def test_one_backward_across_both_halves_in_every_order_of_branches(captured: Any, order: Any) -> None:
    eager, net = Halves(), Halves()
    expected = trained(eager, eager, order)
    f = captured(net)
    got = trained(net, f, order)
    for a, b in zip(expected, got, strict=True):
        assert a[3] == b[3]
        for x, y in zip([*a[0], *a[1], *a[2]], [*b[0], *b[1], *b[2]], strict=True):
            assert (x is None) == (y is None)
            if x is not None:
                np.testing.assert_allclose(y, x, rtol=1e-7, atol=1e-10)
    assert f.compiles == 4


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_every_order_of_branches(order: Any) -> None:
    eager, net = Halves().eval(), Halves().eval()
    f = capture(net, backend="interpreter", fullgraph=True)
    for a, b in zip(trained(eager, eager, order), trained(net, f, order), strict=True):
        for x, y in zip([*a[0], *a[2]], [*b[0], *b[2]], strict=True):
            np.testing.assert_allclose(y, x, rtol=1e-7, atol=1e-10)
    assert f.compiles == 4


def halvings(x: Any) -> Any:
    n = 0
    while x.abs().max() > 1.0:
        x = x / 2.0
        n += 1
    return x, n


def test_a_while_on_a_tensor_up_to_the_limit_and_then_the_advice(way: Any) -> None:
    f = way(halvings)
    for n in (0, 1, 5, 7, 5):
        y, count = f(lt.full((3,), 2.0**n))
        assert count == n
        np.testing.assert_array_equal(y.numpy(), 1.0)
    if not hasattr(f, "compiles"):
        return
    assert f.compiles == 4
    strict = capture(halvings, backend=f.backend, fullgraph=True)
    advice = r"test_forked_programs\.py:\d+ in halvings .*while_loop"
    with pytest.raises(CaptureError, match=advice):
        strict(lt.full((3,), 2.0**9))
    with pytest.warns(RuntimeWarning, match=advice):
        assert f(lt.full((3,), 2.0**9))[1] == 9
    assert f(lt.full((3,), 2.0**11))[1] == 11  # the advice is given once


def test_a_print_and_a_list_append_inside(way: Any, capsys: pytest.CaptureFixture[str]) -> None:
    history: list[float] = []
    net = nn.Linear(2, 1)

    def step(x: Any) -> Any:
        loss = net(x).square().mean()
        loss.backward()
        history.append(loss.item())
        print(f"loss {history[-1]:.2f}")  # noqa: T201
        return loss

    f = way(step)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        losses = [f(lt.ones(3, 2)).item() for _ in range(3)]
    assert history == losses
    assert capsys.readouterr().out == "".join(f"loss {v:.2f}\n" for v in losses)
    if not hasattr(f, "compiles"):
        assert not caught
        return
    [warning] = caught
    assert "test_forked_programs.py" in str(warning.message)
    grads = net.weight.grad.numpy().copy()
    strict = capture(step, backend=f.backend, fullgraph=True)
    with pytest.raises(CaptureError, match=r"print\(\) at .*test_forked_programs\.py:\d+"):
        strict(lt.ones(3, 2))
    assert history == losses
    assert capsys.readouterr().out == ""
    np.testing.assert_array_equal(net.weight.grad.numpy(), grads)
