"""Recurrent layers in captured steps: loops stay loops, so that a graph does not grow with the sequence; rows of packed
sequences have a loop for each batch size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import lamella.nn as nn
import lamella.tensor as lt
from lamella.autograd import grad, vmap
from lamella.compiler import compile as capture
from lamella.graph import decompose
from lamella.tensor import Tensor
from lamella.tensor.extend import OPS, dispatch, last_state
from lamella.testing import assert_close

LAYERS: dict[str, Callable[[], Any]] = {
    "rnn": lambda: nn.RNN(3, 4),
    "rnn relu": lambda: nn.RNN(3, 4, nonlinearity="relu"),
    "lstm": lambda: nn.LSTM(3, 4, 2),
    "lstm bidirectional": lambda: nn.LSTM(3, 4, bidirectional=True),
    "lstm projected": lambda: nn.LSTM(3, 4, proj_size=2),
    "gru": lambda: nn.GRU(3, 4, 2),
    "gru without bias": lambda: nn.GRU(3, 4, bias=False, bidirectional=True),
}


def stepped(layer: Any, x: Any) -> Callable[[], Tensor]:
    def step() -> Tensor:
        layer.zero_grad()
        y, state = layer(x)
        loss: Tensor = sum([(s * s).sum() for s in (state if isinstance(state, tuple) else (state,))])  # type: ignore[assignment]
        loss = loss + ((y if isinstance(y, Tensor) else y.data) ** 2).mean()
        loss.backward()
        return loss

    return step


def check(layer: Any, step: Callable[[], Tensor], backend: str) -> Any:
    wanted = step()
    gradients = [p.grad.clone() for p in layer.parameters()]
    captured = capture(step, backend=backend)
    assert_close(captured(), wanted)
    for p, g in zip(layer.parameters(), gradients, strict=True):
        assert_close(p.grad, g)
    return decompose(captured.programs[0].graph)


def loops(graph: Any) -> int:
    return sum(node.op.name == "scan" for node in graph.nodes)


@pytest.mark.parametrize(("name", "backend"), [*[(name, "interpreter") for name in LAYERS], ("lstm", "c")])
def test_a_step_has_the_gradients_of_eager(name: str, backend: str) -> None:
    lt.manual_seed(0)
    layer = LAYERS[name]().double()
    graph = check(layer, stepped(layer, lt.randn(5, 2, 3, dtype=lt.float64)), backend)
    directions = layer.num_layers * (2 if layer.bidirectional else 1)
    assert loops(graph) == 2 * directions  # one ahead, one back


def test_a_graph_does_not_grow_with_the_sequence() -> None:
    lt.manual_seed(0)
    layer = nn.LSTM(3, 4, 2)
    short, long = (check(layer, stepped(layer, lt.randn(n, 2, 3)), "interpreter") for n in (3, 40))
    assert len(short.nodes) == len(long.nodes) < 200
    assert sum(len(r.nodes) for r in long.regions()) < 150


SIZES = (4, 4, 3, 3, 1, 1)  # rows of each step, as in a packed sequence
# op -> widths of the operands behind the rows, and more params
OPERANDS: dict[str, tuple[list[tuple[int, ...]], int, dict[str, Any]]] = {
    "rnn_layer": ([(4, 3), (3, 3)], 3, {"nonlinearity": "tanh"}),
    "lstm_layer": ([(4, 3), (4, 3), (12, 3)], 12, {}),
    "gru_layer": ([(4, 3), (9, 3), (3,)], 9, {}),
}


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", OPERANDS)
def test_packed_rows_have_a_loop_for_each_batch_size(name: str, reverse: bool) -> None:
    shapes, width, params = OPERANDS[name]
    lt.manual_seed(0)
    operands = [lt.randn(*shape, dtype=lt.float64) for shape in [(sum(SIZES), width), *shapes]]
    more = [None] if name == "lstm_layer" else []

    def loss(*xs: Tensor) -> Tensor:
        out = dispatch(OPS[name], (*xs, *more), {"sizes": SIZES, "reverse": reverse, **params})
        y = out if isinstance(out, Tensor) else out[0]
        return (y**2).sum() + last_state(y, SIZES, reverse).sum()

    gradients = grad(loss, tuple(range(len(operands))))
    captured = capture(gradients, backend="interpreter")
    for ours, wanted in zip(captured(*operands), gradients(*operands), strict=True):
        assert_close(ours, wanted)
    assert loops(decompose(captured.programs[0].graph)) == 3 * 2


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_transforms_go_through_the_loop(name: str) -> None:
    lt.manual_seed(0)
    layer = LAYERS[name]().double().requires_grad_(False)
    xs = lt.randn(3, 4, 2, 3, dtype=lt.float64)

    def penalty(x: Tensor) -> Tensor:
        return (grad(lambda x: (layer(x)[0] ** 3).sum())(x) ** 2).sum()

    assert_close(capture(grad(penalty), backend="interpreter")(xs[0]), grad(penalty)(xs[0]))
    each = vmap(lambda x: layer(x)[0])
    assert_close(capture(each, backend="interpreter")(xs), each(xs))
