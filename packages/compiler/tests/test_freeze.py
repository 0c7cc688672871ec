"""Frozen modules against the modules in eval mode: values within tolerance, and what is folded away."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from lamella import nn
from lamella import tensor as lt
from lamella.compiler import CaptureError, explain, freeze
from lamella.graph import freeze as freeze_graph
from lamella.graph import interpret, parse, verify

BACKENDS = ("interpreter", "c")


def trained(*layers: Any) -> Any:
    """The layers after a training step or two, so that running statistics are none of the initial ones."""
    lt.manual_seed(0)
    model = nn.Sequential(*layers)
    shape = (6, 3, 8, 8) if isinstance(layers[0], nn.Conv2d) else (6, 3)
    for _ in range(2):
        model(lt.randn(*shape) * 2 + 1)
    return model.eval(), shape


# layers, ops that stay of those that could be folded
CASES: dict[str, tuple[Any, dict[str, int]]] = {
    "conv, norm, relu": (
        lambda: (nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()),
        {"conv": 1, "mul": 0, "add": 0, "rsqrt": 0},
    ),
    "without bias": (
        lambda: (nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.Conv2d(8, 4, 3), nn.BatchNorm2d(4)),
        {"conv": 2, "mul": 0, "add": 0, "rsqrt": 0},
    ),
    "grouped, not affine": (
        lambda: (nn.Conv2d(3, 6, 3, groups=3), nn.BatchNorm2d(6, affine=False)),
        {"conv": 1, "mul": 0, "add": 0, "rsqrt": 0},
    ),
    "linear": (
        lambda: (nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Dropout(0.5), nn.Linear(5, 2, bias=False)),
        {"linear": 2, "mul": 0, "add": 0, "rsqrt": 0, "dropout": 0},
    ),
    "a norm in front stays": (
        lambda: (nn.Conv2d(3, 3, 1), nn.ReLU(), nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3, padding=1)),
        {"conv": 2, "mul": 1, "add": 1, "rsqrt": 0},
    ),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", CASES)
def test_a_frozen_module_gives_what_eval_gives(name: str, backend: str) -> None:
    layers, stay = CASES[name]
    model, shape = trained(*layers())
    frozen = freeze(model, backend=backend)
    for n in (6, 2):
        x = lt.randn(n, *shape[1:])
        out = frozen(x)
        assert not out.requires_grad
        np.testing.assert_allclose(out.numpy(), model(x).detach().numpy(), rtol=2e-5, atol=2e-6)
    still = freeze(model, dynamic=False, backend=backend)
    np.testing.assert_array_equal(still(x).numpy(), out.numpy())
    ops = Counter(n.op.name for n in still.compiled.programs[0].graph.nodes)
    assert {op: ops[op] for op in stay} == stay
    assert "frozen over" in explain(frozen.compiled)


def test_a_frozen_module_is_a_copy() -> None:
    model, _ = trained(nn.Linear(3, 5), nn.BatchNorm1d(5))
    frozen = freeze(model, backend="interpreter")
    x = lt.randn(4, 3)
    before = frozen(x).numpy().copy()
    with lt.no_grad():
        for p in model.parameters():
            p.add_(1.0)
    model.train()
    np.testing.assert_array_equal(frozen(x).numpy(), before)
    np.testing.assert_allclose(frozen(x[:2]).numpy(), before[:2], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: nn.Linear(2, 2), ValueError, "freeze needs a module in eval mode, Linear is in training mode"),
        (
            lambda: nn.Sequential(nn.Linear(2, 2).eval(), nn.ReLU()).eval().append(nn.Dropout()),
            ValueError,
            r"2 is in training mode; call \.eval\(\) first",
        ),
        (lambda: lambda x: x, TypeError, "freeze needs a module, got function"),
        (lambda: 3, TypeError, "freeze needs a module, got int"),
    ],
)
def test_what_cannot_be_frozen_is_named(make: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        freeze(make())


def test_a_module_that_changes_state_is_refused() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", lt.zeros(()))

        def forward(self, x: Any) -> Any:
            self.calls.add_(1.0)
            return x * self.calls

    with pytest.raises(CaptureError, match=r"a frozen module cannot change anything, .* ends in `write %"):
        freeze(Counting().eval(), backend="interpreter")(lt.ones(2))


GRAPH = """graph g(%0: f32[2, 3], %1: f32[4, 3], %2: f32[4], %3: f32[1, 4]) {
  %4: f32[2, 4] = linear(%0, %1, %2)
  %5: f32[2, 4] = mul(%4, %3)
  %6: f32[2, 4] = sub(%5, 0.5)
  %7: f32[4] = exp(%2)
  return %6, %7, %2
}
"""


def test_a_graph_is_frozen_over_arrays() -> None:
    graph = parse(GRAPH)
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal(v.type.shape).astype(np.float32) for v in graph.inputs]
    frozen, arrays = freeze_graph(graph, {1: inputs[1], 2: inputs[2], 3: inputs[3]})
    verify(frozen)
    assert [n.op.name for n in frozen.nodes if n.op.name != "exp"] == ["linear"]
    found = interpret(frozen)([inputs[0], *arrays])
    for a, b in zip(found, interpret(graph)(inputs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_layer_that_is_used_twice_keeps_its_weights() -> None:
    graph = parse(GRAPH.replace("return %6, %7, %2", "return %6, %4"))
    frozen, _ = freeze_graph(graph, {i: np.ones(graph.inputs[i].type.shape, np.float32) for i in (1, 2, 3)})
    assert [n.op.name for n in frozen.nodes] == ["linear", "mul", "sub"]


@pytest.mark.parametrize(
    ("constants", "error", "words"),
    [
        ({7: np.ones(2, np.float32)}, ValueError, "graph 'g' has 4 inputs, there is none at 7"),
        ({2: np.ones(5, np.float32)}, TypeError, r"input 2 is f32\[4\], got float32\[5\]"),
        ({2: [1.0]}, TypeError, r"input 2 is f32\[4\], got list"),
    ],
)
def test_constants_that_do_not_fit_are_named(constants: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        freeze_graph(parse(GRAPH), constants)
