"""Numbers that come out of tensors: they stay symbolic as long as Python does not look at them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella import nn, optim
from lamella.compiler import compile as capture


@pytest.fixture(params=["interpreter", "c"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def total(x: Any) -> float:
    return float(x.sum())


def wrapped(fn: Any) -> Any:
    def call(*args: Any) -> Any:
        return fn(*args)

    return call


def item(x: Any) -> Any:
    return x.sum().item()


def of_an_item(x: Any) -> Any:
    return float(x.sum().item())


def of_a_tensor(x: Any) -> Any:
    return float(x.sum()), int(x.sum())


def in_containers(x: Any) -> Any:
    loss = x.sum()
    return {"loss": float(loss), "more": [int(loss), (loss.item(), loss)]}


def by_a_name(x: Any) -> Any:
    value: float = float(x.sum())
    y = x * 2.0
    return value, y, value


def by_a_call(x: Any) -> Any:
    value = total(x)
    return x + 1.0, value


by_a_lambda = lambda x: float(x.sum())  # noqa: E731 - a lambda is what is tested
by_a_wrapper = wrapped(of_an_item)


def arithmetic(x: Any) -> Any:
    n = x.sum().item()
    return n * 2.0 + 1.0, -n, n // 3, n % 3, n**2, abs(n), n > 1.0, divmod(n, 3)


def asked_for_its_type(x: Any) -> Any:
    n, k = x.sum().item(), (x > 0).sum().item()
    return n if isinstance(n, float) else x, [isinstance(n, int), isinstance(k, int), isinstance(k, float), k + True]


def as_a_factor(x: Any) -> Any:
    return x * x.sum().item()


def as_a_bound(x: Any) -> Any:
    return x.clamp(max=x.mean().item())


def twice(x: Any) -> Any:
    y = x * x.sum().item()
    return y / y.sum().item(), y.sum().item()


def filled(x: Any) -> Any:
    return lt.full((2,), x.sum().item(), dtype=lt.float64)


def integers(x: Any) -> Any:
    n = (x > 0).sum().item()
    return n, n / 2, (x > 0).any().item(), n + 1


def written(x: Any) -> Any:
    x.mul_(x.sum().item())
    return x.sum().item()


def read_before_a_write(x: Any) -> Any:
    n, m = x[0, 0].item(), x.reshape(12)[:1].permute(0).item()
    x.mul_(2.0)
    return n, m


def read_before_a_write_of_one(x: Any) -> Any:
    y = x.sum().reshape(1)
    TOTAL.copy_(y)
    before = TOTAL.item()
    TOTAL.add_(1.0)
    return before, TOTAL.item(), TOTAL.permute(0).item()


def carried_over(x: Any) -> Any:
    old = CARRIED.item(), CARRIED.permute(0).item()
    CARRIED.copy_(x.sum().reshape(1))
    return [float(v) for v in old]


def carried_over_a_fork(x: Any) -> Any:
    old = CARRIED.permute(0)
    y = old * 1.0 if x[0, 0] > -100 else x
    CARRIED.add_(x.sum())
    return y + old.clone(), CARRIED.item()


TOTAL = lt.zeros(1, dtype=lt.float64)
CARRIED = lt.zeros(1, dtype=lt.float64)

PROGRAMS = [
    asked_for_its_type,
    read_before_a_write, read_before_a_write_of_one, carried_over, carried_over_a_fork,
    item, of_an_item, of_a_tensor, in_containers, by_a_name, by_a_call, by_a_lambda, by_a_wrapper, arithmetic,
    as_a_factor, as_a_bound, twice, filled, integers, written,
]  # fmt: skip


def flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [v for item in value.values() for v in flat(item)]
    if isinstance(value, (list, tuple)):
        return [v for item in value for v in flat(item)]
    return [value]


@pytest.mark.parametrize("fn", PROGRAMS, ids=lambda f: f.__name__)
def test_numbers_come_out_as_python_numbers(fn: Callable[..., Any], backend: str) -> None:
    compiled = capture(fn, backend=backend)
    for seed in range(3):
        TOTAL.zero_()
        CARRIED.fill_(7.0)
        values = np.random.default_rng(seed).standard_normal((3, 4))
        inputs = [lt.from_numpy(values.copy()) for _ in range(2)]
        got = flat(compiled(inputs[0]))
        TOTAL.zero_()
        CARRIED.fill_(7.0)
        expected = flat(fn(inputs[1]))
        assert [type(v) for v in got] == [type(v) for v in expected]
        for a, b in zip(got, expected, strict=True):
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-12)
        np.testing.assert_allclose(inputs[0].numpy(), inputs[1].numpy(), rtol=1e-12)
    assert compiled.compiles == 1, "the numbers are not guarded"


@pytest.mark.parametrize("dtype", [lt.float32, lt.float16, lt.bfloat16, lt.int32, lt.uint8, lt.bool])
def test_every_dtype_has_its_number(dtype: Any, backend: str) -> None:
    compiled = capture(lambda x: x.max().item(), backend=backend)
    x = lt.tensor([0, 1, 3]).to(dtype)
    assert compiled(x) == x.max().item()
    assert type(compiled(x)) is type(x.max().item())


def test_a_division_by_zero_raises_when_it_happens(backend: str) -> None:
    compiled = capture(lambda x: 1.0 / x.sum().item(), backend=backend)
    assert compiled(lt.ones(2)) == 0.5
    with pytest.raises(ZeroDivisionError):
        compiled(lt.zeros(2))


def test_item_needs_one_element() -> None:
    with pytest.raises(ValueError, match="item.. needs a tensor of one element"):
        capture(lambda x: x.item(), backend="interpreter")(lt.ones(2))


def looked_at(x: Any) -> Any:
    return float(x.sum()) + 1.0


def compared(x: Any) -> Any:
    return [max(float(x.sum()), 3.0)]


def sorted_list(x: Any) -> Any:
    return sorted(map(float, [x[0], x[1]]))


def cosine(x: Any) -> Any:
    return math.cos(x.sum())


def through_a_function(x: Any) -> Any:
    return str(total(x))


def kept_by_a_closure(x: Any) -> Any:
    value = float(x.sum())
    return (lambda: value)()


def assigned_twice(x: Any) -> Any:
    value = float(x.sum())
    value = value * 2
    return value


def shadowed(x: Any) -> Any:
    float = abs  # noqa: A001 - a builtin under another meaning is what is tested
    return float(int(x.sum()))


def condition(x: Any) -> Any:
    return 1 if int(x.sum()) else 2


@pytest.mark.parametrize(
    "fn",
    [
        looked_at, compared, sorted_list, cosine, through_a_function, kept_by_a_closure, assigned_twice, shadowed,
        condition,
    ],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_a_number_that_the_program_looks_at_forks(fn: Callable[..., Any], backend: str) -> None:
    compiled = capture(fn, backend=backend, fullgraph=True)
    for value in (1.0, 2.0, 0.25, 1.0, 2.0, 0.25):
        x = lt.full((2,), value, dtype=lt.float64)
        assert compiled(x) == fn(x)
        assert type(compiled(x)) is type(fn(x))
    assert compiled.compiles == 3


def test_a_training_step_that_returns_its_loss_is_one_program(backend: str) -> None:
    def build() -> Any:
        lt.manual_seed(0)
        net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.3), nn.Linear(8, 1))
        opt = optim.AdamW(net.parameters(), lr=1e-2)
        x = lt.randn(5, 4)

        def step() -> float:
            opt.zero_grad()
            loss = net(x).square().mean()
            loss.backward()
            opt.step()
            return float(loss.item())

        return step, net

    losses = []
    for wrap in (lambda f: f, lambda f: capture(f, backend=backend)):
        step, net = build()
        step = wrap(step)
        losses.append([step() for _ in range(5)])
        state = [p.detach().numpy() for p in net.parameters()]
        losses.append(state)
    np.testing.assert_allclose(losses[0], losses[2], rtol=1e-4)
    for a, b in zip(losses[1], losses[3], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)
    assert step.compiles == 1
