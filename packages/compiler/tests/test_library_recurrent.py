"""Recurrent layers and the steps of their backward rules by library kernels, beside the interpreter: packed sizes, both
directions, widths around a vector and a block of units, every operand that may be missing; threads change nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella import nn
from lamella.compiler import compile, explain
from lamella.compiler._image import numpy_dtype
from lamella.compiler.executor import compile_graph, get_num_threads, set_num_threads
from lamella.graph import interpret, parse

SIZES = {"plain": (3, 3, 3), "packed": (5, 4, 4, 1), "one row": (1,), "no steps": (), "many": (70, 2)}
UNITS = (1, 5, 64, 100)
ROUNDING = {"f32": 2e-4, "f64": 1e-11, "f16": 4e-3, "bf16": 4e-2}

Operands = list[tuple[int, ...] | None]


def layer(op: str, sizes: tuple[int, ...], k: int, *, out: int = 0, extra: bool) -> tuple[Operands, Operands]:
    """Shapes of the operands and results of an op: with `extra` all that may be missing, `out` output weights."""
    rows, n, state = sum(sizes), max(sizes, default=0), out or k
    w_out = (out, k) if out else None
    match op:
        case "rnn_layer":
            return [(rows, k), (n, k), (k, k)], [(rows, k)]
        case "rnn_layer_grad":
            return [(rows, k), (k, k), (rows, k)], [(rows, k), (n, k)]
        case "gru_layer":
            return [(rows, 3 * k), (n, k), (3 * k, k), (k,) if extra else None], [(rows, k), (rows, 4 * k)]
        case "gru_layer_grad":
            gates = (rows, 4 * k)
            given: Operands = [(rows, k), gates if extra else None, (n, k), (3 * k, k), (rows, k), gates]
            return given, [(rows, 3 * k), (rows, k), (n, k)]
        case "lstm_layer":
            given = [(rows, 4 * k), (n, state), (n, k), (4 * k, state), w_out]
            return given, [(rows, state), (rows, k), (rows, 4 * k)]
        case _:
            gates, y, cells = (rows, 4 * k), (rows, state), (rows, k)
            free: Operands = [cells, gates] if extra else [None, None]
            return [y, *free, (n, k), (4 * k, state), w_out, cells, gates], [gates, y, (n, state), (n, k)]


OPS = tuple(f"{cell}_layer{step}" for cell in ("rnn", "gru", "lstm") for step in ("", "_grad"))
STATS = {"gru_layer": (1,), "lstm_layer": (2,)}  # results that stay float32 for halves, as all of a backward step do


def graph_of(op: str, dtype: str, shapes: tuple[Operands, Operands], params: str) -> Any:
    given, made = shapes
    names = [f"%{i}" for i in range(len(given))]
    half = dtype in ("f16", "bf16")
    heads = [f"{name}: {dtype}{list(s)}" for name, s in zip(names, given, strict=True) if s is not None]
    words = [name if s is not None else "None" for name, s in zip(names, given, strict=True)]
    wide = [half and (op.endswith("grad") or i in STATS.get(op, ())) for i in range(len(made))]
    outs = [
        f"%{20 + i}: {'f32' if w else dtype}{list(s or ())}" for i, (s, w) in enumerate(zip(made, wide, strict=True))
    ]
    results = ", ".join(f"%{20 + i}" for i in range(len(made)))
    call = f"{', '.join(outs)} = {op}({', '.join(words)}; {params})"
    return parse(f"graph layer({', '.join(heads)}) {{\n  {call}\n  return {results}\n}}")


def inputs_of(graph: Any, seed: int = 0) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [(rng.standard_normal(v.type.shape) / 2).astype(numpy_dtype(v.type.dtype.short)) for v in graph.inputs]


def check(graph: Any, dtype: str) -> None:
    run, inputs = compile_graph(graph), inputs_of(graph)
    assert "extern" not in run.explain()
    assert "library" in run.explain()
    for got, want in zip(run(inputs), interpret(graph)(inputs), strict=True):
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got.astype(float), want.astype(float), rtol=ROUNDING[dtype], atol=ROUNDING[dtype])


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("sizes", SIZES)
def test_every_layer(op: str, sizes: str) -> None:
    for k in UNITS:
        for reverse in (False, True):
            shapes = layer(op, SIZES[sizes], k, extra=reverse)
            for kind in ("tanh", "relu") if op.startswith("rnn") else ("",):
                end = f', nonlinearity="{kind}"' if kind else ""
                check(graph_of(op, "f32", shapes, f"sizes={SIZES[sizes]}, reverse={reverse}{end}"), "f32")


@pytest.mark.parametrize("dtype", ["f64", "f16", "bf16"])
@pytest.mark.parametrize("op", OPS)
def test_every_dtype(op: str, dtype: str) -> None:
    end = ', nonlinearity="tanh"' if op.startswith("rnn") else ""
    shapes = layer(op, SIZES["packed"], 20, extra=True)
    check(graph_of(op, dtype, shapes, f"sizes={SIZES['packed']}, reverse=True{end}"), dtype)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("units", "out"), [(5, 3), (100, 70), (70, 1)])
def test_output_weights(units: int, out: int, reverse: bool) -> None:
    for op in ("lstm_layer", "lstm_layer_grad"):
        shapes = layer(op, SIZES["packed"], units, out=out, extra=not reverse)
        check(graph_of(op, "f32", shapes, f"sizes={SIZES['packed']}, reverse={reverse}"), "f32")


@pytest.mark.parametrize("op", OPS)
def test_threads_change_nothing(op: str) -> None:
    end = ', nonlinearity="tanh"' if op.startswith("rnn") else ""
    graph = graph_of(op, "f32", layer(op, (9, 9, 4), 200, extra=True), f"sizes=(9, 9, 4), reverse=False{end}")
    run, inputs, before, found = compile_graph(graph), inputs_of(graph), get_num_threads(), []
    try:
        for threads in (1, 2, 4):
            set_num_threads(threads)
            found.append(run(inputs))
    finally:
        set_num_threads(before)
    for others in found[1:]:
        for one, other in zip(found[0], others, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("layer_class", [nn.LSTM, nn.GRU, nn.RNN])
def test_a_compiled_backward_is_one_kernel_a_layer(layer_class: Any) -> None:
    lt.manual_seed(0)
    model, x = layer_class(4, 6, 2), lt.randn(5, 3, 4)

    def gradients() -> Any:
        model.zero_grad()
        loss = (model(x)[0] ** 2).sum()
        loss.backward()
        return loss

    want = gradients().detach().numpy()
    wanted = [p.grad.numpy().copy() for p in model.parameters()]
    run = compile(gradients)
    np.testing.assert_allclose(run().detach().numpy(), want, rtol=1e-5)
    for p, grad in zip(model.parameters(), wanted, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), grad, rtol=1e-4, atol=1e-5)
    assert explain(run).count("_layer_grad: ") == 2


def test_a_gradient_of_a_gradient_is_taken_through_the_body() -> None:
    lt.manual_seed(0)
    model = nn.GRU(3, 4)
    x = lt.randn(2, 1, 3, requires_grad=True)

    def slopes() -> Any:
        from lamella.autograd import grad

        (g,) = grad((model(x)[0] ** 2).sum(), x, create_graph=True)
        (g2,) = grad((g**2).sum(), x)
        return g2

    np.testing.assert_allclose(compile(slopes)().numpy(), slopes().numpy(), rtol=1e-4, atol=1e-6)
