"""What a forward keeps for its backward, and `memory_budget`: fewer bytes, the same bits."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from lamella import nn, optim
from lamella import tensor as lt
from lamella.compiler import CaptureError, compile
from lamella.compiler._capture import _budget, _record
from lamella.compiler._capture._dynamic import Dynamic
from lamella.graph import executor as interpreter
from lamella.graph import size_bytes
from lamella.nn import functional as F

BACKENDS = ("interpreter", "c")


def program(fn: Any, *args: Any, backend: str = "interpreter", budget: int | None = None) -> Any:
    return _record.Attempt(fn, args, {}, backend, Dynamic(False, {}), budget).record()


def masked(x: Any, w: Any) -> Any:
    """A mask, a cast and elementwise steps between two products."""
    h = x @ w
    h = lt.where(h > 0, h * 2.0 + 1.0, -h)
    return lt.tanh((h * h).to(lt.float32) @ w)


def inputs() -> tuple[Any, Any]:
    lt.manual_seed(0)
    return lt.randn(64, 48), lt.randn(48, 48).requires_grad_()


def kept(found: Any) -> int:
    """Bytes between forward and backward that are not the caller's."""
    given = set(found.graph.inputs)
    return sum(size_bytes(v) for v in {*found.graph.outputs[len(found.results.outputs) :]} if v not in given)


def whole(forward: Any, backward: Any, *_: Any) -> Any:
    return forward, backward


def test_a_forward_keeps_what_is_dear_to_compute_again(monkeypatch: pytest.MonkeyPatch) -> None:
    x, w = inputs()
    chosen = program(masked, x, w)
    monkeypatch.setattr(_record, "fitted", whole)
    plain = program(masked, x, w)
    assert kept(chosen) < kept(plain)
    assert "where" in [n.op.name for n in chosen.backward.graph.nodes]
    assert "matmul" not in [n.op.name for n in chosen.backward.graph.nodes if n.region]


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradients_are_the_same_bits(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x, w = inputs()

    def gradient(budget: int | None) -> list[bytes]:
        w.grad = None
        y = compile(masked, backend=backend, memory_budget=budget)(x, w)
        y.sum().backward()
        return [y.detach().numpy().tobytes(), w.grad.numpy().tobytes()]

    with monkeypatch.context() as patch:
        patch.setattr(_record, "fitted", whole)
        expected = gradient(None)
    assert gradient(None) == expected
    assert gradient(64 * 48 * 4 * 7) == expected


def test_what_the_caller_may_write_is_not_kept_in_the_place_of_a_copy() -> None:
    def scaled(x: Any) -> Any:
        return lt.sigmoid(x * 2.0)

    x = lt.randn(8, 8)
    y = compile(scaled, backend="interpreter")(x.clone().requires_grad_())
    z = (x * 1.0).requires_grad_()
    found = compile(scaled, backend="interpreter")(z)
    with lt.no_grad():
        z.add_(1.0)  # the backward of sigmoid reads its result, never x
    found.sum().backward()
    y.sum().backward()
    np.testing.assert_allclose(z.grad.numpy(), (2 * y * (1 - y)).detach().numpy(), rtol=1e-6)


def step_of(depth: int, width: int = 32, rows: int = 256) -> Any:
    """A whole training step of a deep network, whose activations are most of its memory."""
    lt.manual_seed(0)
    layers: list[Any] = []
    for _ in range(depth):
        layers += [nn.Linear(width, width), nn.GELU(), nn.Dropout(0.1)]
    model = nn.Sequential(*layers, nn.LayerNorm(width))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    x = lt.randn(rows, width)

    def step() -> Any:
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), x)
        loss.backward()
        optimizer.step()
        return loss

    return step, model


def least_of(depth: int, backend: str) -> int:
    """The least that the error of a step names."""
    with pytest.raises(CaptureError, match="does not fit into a memory_budget of 1000 bytes") as refused:
        compile(step_of(depth)[0], backend=backend, memory_budget=1000)()
    found = re.search(r"down to (\d+) bytes", str(refused.value))
    assert found is not None
    return int(found[1])


def trained(backend: str, budget: int | None) -> tuple[list[Any], Any]:
    """(losses and parameters after two steps, the program)."""
    step, model = step_of(4)
    compiled = compile(step, backend=backend, memory_budget=budget)
    losses = [compiled().detach().numpy() for _ in range(2)]
    return losses + [p.detach().numpy() for p in model.parameters()], compiled.programs[0]


def test_a_step_within_a_budget_gives_the_same_bits() -> None:
    expected, plain = trained("interpreter", None)
    budget = least_of(4, "interpreter")
    assert budget < interpreter.planned_bytes(plain.graph)
    found, program = trained("interpreter", budget)
    assert interpreter.planned_bytes(program.graph) <= budget
    assert [a.tobytes() for a in found] == [a.tobytes() for a in expected]


def test_a_native_step_within_a_budget() -> None:
    planner = _budget.planner_of("c")
    expected, plain = trained("c", None)
    budget = least_of(4, "c")
    assert budget < planner(plain.graph)
    found, program = trained("c", budget)
    assert program.run.memory.arena_bytes <= planner(program.graph) <= budget
    for a, b in zip(found, expected, strict=True):
        # a sum inside of another kernel may run in other chunks
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_least_that_is_reached_is_named_and_can_be_asked_for(backend: str) -> None:
    step, _ = step_of(3)
    least = least_of(3, backend)
    with pytest.raises(CaptureError, match=rf"a memory_budget of {least - 1} bytes: .* down to {least} bytes"):
        compile(step, backend=backend, memory_budget=least - 1)()
    compile(step, backend=backend, memory_budget=least)()


def wide_step() -> Any:
    """A training step whose hidden values are most of its memory, each of which follows from another."""
    lt.manual_seed(0)
    model = nn.Sequential(*[part for _ in range(4) for part in (nn.Linear(32, 128), nn.GELU(), nn.Linear(128, 32))])
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    x = lt.randn(256, 32)

    def step() -> Any:
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), x)
        loss.backward()
        optimizer.step()
        return loss

    return step, model


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_step_computes_again_what_costs_no_time(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(least: int) -> tuple[Any, list[Any]]:
        monkeypatch.setattr(_budget, "_LEAST_PEAK_BYTES", least)
        step, model = wide_step()
        compiled = compile(step, backend=backend)
        losses = [compiled().detach().numpy() for _ in range(2)]
        return compiled.programs[0], losses + [p.detach().numpy() for p in model.parameters()]

    kept, expected = run(1 << 40)
    spared, found = run(0)
    again = [node.op.name for node in spared.graph.nodes if node.region]
    assert again.count("gelu") == 3, "of the last layer nothing is kept for long"
    assert "matmul" not in again
    assert "linear" not in again
    planner = _budget.planner_of(backend)
    assert planner(spared.graph) < 0.85 * planner(kept.graph)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    if backend == "interpreter":
        assert [a.tobytes() for a in found] == [a.tobytes() for a in expected]


def test_draws_are_never_repeated() -> None:
    step, _ = step_of(6)
    plain = program(step)
    budget = interpreter.planned_bytes(plain.graph) * 3 // 4
    less = program(step, budget=budget)
    assert [n.op.name for n in less.graph.nodes].count("dropout") == 6
    assert len(less.graph.nodes) > len(plain.graph.nodes)


@pytest.mark.parametrize(
    ("budget", "error", "words"),
    [
        (0, ValueError, "memory_budget must be at least 1 byte, got 0"),
        (-5, ValueError, "memory_budget must be at least 1 byte, got -5"),
        (1e6, TypeError, r"memory_budget must be a number of bytes, an int, got 1000000\.0"),
        ("1GB", TypeError, "memory_budget must be a number of bytes, an int, got '1GB'"),
        (True, TypeError, "memory_budget must be a number of bytes, an int, got True"),
    ],
)
def test_a_budget_is_a_number_of_bytes(budget: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        compile(lambda x: x, memory_budget=budget)


def test_a_backend_that_plans_nothing_cannot_keep_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    class Backend:
        NAME = "c"

    monkeypatch.setattr(_budget, "discover", lambda kind: (Backend,))
    with pytest.raises(ValueError, match="backend 'c' does not plan its memory"):
        compile(lambda x: x, memory_budget=1000)
