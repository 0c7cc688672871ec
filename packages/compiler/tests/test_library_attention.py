"""Attention and its gradients by library kernels, beside the interpreter: sizes around panels and blocks of rows,
masks, causal or not, heads as views; what the kernels do not take runs in loops; threads change nothing.
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

# batch, rows, keys, width, width of the values
SIZES = {
    "small": ((2, 3), 5, 7, 4, 4),
    "one": ((), 1, 1, 1, 1),
    "panels": ((4,), 64, 64, 32, 32),
    "around panels": ((2, 1), 33, 65, 20, 70),
    "more rows than keys": ((), 70, 33, 32, 8),
    "several ranges of rows": ((1, 2), 300, 300, 8, 40),
    "no keys": ((3,), 3, 0, 4, 4),
    "no rows": ((3,), 0, 3, 4, 4),
}  # fmt: skip
MASKS = ("none", "bool", "added")
ROUNDING = {"f32": 3e-4, "f64": 1e-11, "f16": 1e-2, "bf16": 6e-2}


def attention(size: str, dtype: str, mask: str, causal: bool, *, grad: bool, gl: bool = True) -> Any:
    batch, rows, keys, width, out = SIZES[size]
    shapes = {"q": (*batch, rows, width), "k": (*batch, keys, width), "v": (*batch, keys, out)}
    stat = dtype if dtype in ("f32", "f64") else "f32"
    names = {name: f"{dtype}{list(shape)}" for name, shape in shapes.items()}
    if mask != "none":
        names["mask"] = f"{'bool' if mask == 'bool' else dtype}{[rows, keys]}"
    o, lse = f"{dtype}{[*batch, rows, out]}", f"{stat}{[*batch, rows]}"
    if grad:
        names |= {"go": o, "o": o, "lse": lse} | ({"gl": lse} if gl else {})
    number = {name: f"%{i}" for i, name in enumerate(names)}
    heads = ", ".join(f"{number[name]}: {kind}" for name, kind in names.items())
    params = f"scale=0.3, causal={causal}, p=0.0"
    qkv = f"%0, %1, %2, {number.get('mask', 'None')}, None, None"
    if not grad:
        call = f"%20: {o}, %21: {lse} = attention({qkv}; {params})\n  return %20, %21"
    else:
        made = ", ".join(f"%{20 + i}: {stat}{list(s)}" for i, s in enumerate(shapes.values()))
        given = f"{number['go']}, {number.get('gl', 'None')}, {qkv}, {number['o']}, {number['lse']}"
        call = f"{made} = attention_grad({given}; {params})\n  return %20, %21, %22"
    return parse(f"graph a({heads}) {{\n  {call}\n}}"), number


def inputs_of(graph: Any, number: dict[str, str]) -> list[Any]:
    rng, found = np.random.default_rng(0), []
    for value in graph.inputs:
        kind = numpy_dtype(value.type.dtype.short)
        found.append(
            (rng.standard_normal(value.type.shape) if kind != np.bool_ else rng.random(value.type.shape) < 0.6).astype(
                kind
            )
        )
    at = number.get("mask")
    mask = None if at is None else found[int(at[1:])]
    if mask is not None and len(mask):
        mask[0] = False if mask.dtype == np.bool_ else -np.inf  # a row that may look at nothing
    if "lse" in number:  # as forward gives them
        q, k = (x.astype(np.float64) for x in found[:2])
        s = 0.3 * q @ k.swapaxes(-1, -2)
        if mask is not None:
            s = np.where(mask, s, -np.inf) if mask.dtype == np.bool_ else s + mask.astype(np.float64)
        with np.errstate(all="ignore"):
            lse = np.log(np.exp(s).sum(-1))
        place = int(number["lse"][1:])
        found[place] = lse.astype(found[place].dtype)
    return found


def check(graph: Any, inputs: list[Any], dtype: str) -> None:
    run = compile_graph(graph)
    assert "extern" not in run.explain()
    assert "library lm_attention" in run.explain()
    for got, want in zip(run(inputs), interpret(graph)(inputs), strict=True):
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got.astype(float), want.astype(float), rtol=ROUNDING[dtype], atol=ROUNDING[dtype])


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("size", SIZES)
def test_attention(size: str, mask: str, causal: bool, grad: bool) -> None:
    graph, number = attention(size, "f32", mask, causal, grad=grad, gl=causal)
    check(graph, inputs_of(graph, number), "f32")


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("dtype", ["f64", "f16", "bf16"])
def test_every_dtype(dtype: str, grad: bool) -> None:
    for mask in MASKS:
        graph, number = attention("small", dtype, mask, False, grad=grad)
        check(graph, inputs_of(graph, number), dtype)


HEADS = """graph heads(%0: f32[2, 9, 36]) {
  %1: f32[2, 9, 12] = slice(%0; index=((0, 2, 1), (0, 9, 1), (0, 12, 1)))
  %2: f32[2, 9, 12] = slice(%0; index=((0, 2, 1), (0, 9, 1), (12, 24, 1)))
  %3: f32[2, 9, 12] = slice(%0; index=((0, 2, 1), (0, 9, 1), (24, 36, 1)))
  %4: f32[2, 9, 3, 4] = reshape(%1; shape=(2, 9, 3, 4))
  %5: f32[2, 9, 3, 4] = reshape(%2; shape=(2, 9, 3, 4))
  %6: f32[2, 9, 3, 4] = reshape(%3; shape=(2, 9, 3, 4))
  %7: f32[2, 3, 9, 4] = permute(%4; dims=(0, 2, 1, 3))
  %8: f32[2, 3, 9, 4] = permute(%5; dims=(0, 2, 1, 3))
  %9: f32[2, 3, 9, 4] = permute(%6; dims=(0, 2, 1, 3))
  %10: f32[2, 3, 9, 4], %11: f32[2, 3, 9] = attention(%7, %8, %9, None, None, None; scale=0.5, causal=True, p=0.0)
  return %10, %11
}"""


def test_heads_are_read_where_they_lie() -> None:
    graph = parse(HEADS)
    check(graph, [np.random.default_rng(3).standard_normal((2, 9, 36)).astype(np.float32)], "f32")
    assert not compile_graph(graph).kernels, "views of the projections are not copied"


def test_batch_dims_meet() -> None:
    graph = parse(
        "graph meet(%0: f32[4, 5, 8], %1: f32[2, 1, 6, 8], %2: f32[6, 3], %3: bool[2, 1, 5, 6]) {\n"
        "  %4: f32[2, 4, 5, 3], %5: f32[2, 4, 5] = attention(%0, %1, %2, %3, None, None; "
        "scale=1.0, causal=False, p=0.0)\n"
        "  return %4, %5\n}"
    )
    rng = np.random.default_rng(4)
    x = [rng.standard_normal(v.type.shape).astype(np.float32) for v in graph.inputs[:3]]
    check(graph, [*x, rng.random((2, 1, 5, 6)) < 0.7], "f32")


@pytest.mark.parametrize("grad", [False, True])
def test_threads_change_nothing(grad: bool) -> None:
    graph, number = attention("several ranges of rows", "f32", "none", True, grad=grad)
    run, inputs, before, found = compile_graph(graph), inputs_of(graph, number), get_num_threads(), []
    try:
        for threads in (1, 2, 4):
            set_num_threads(threads)
            found.append(run(inputs))
    finally:
        set_num_threads(before)
    for others in found[1:]:
        for one, other in zip(found[0], others, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_a_compiled_step(dropout: float) -> None:
    q, k, v = (lt.randn(2, 3, 9, 8, requires_grad=True) for _ in range(3))

    def gradients() -> Any:
        for x in (q, k, v):
            x.grad = None
        y = nn.functional.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=True)
        loss = (y**2).sum()
        loss.backward()
        return loss

    lt.manual_seed(5)
    want = gradients().detach().numpy()
    wanted = [x.grad.numpy().copy() for x in (q, k, v)]
    run = compile(gradients)
    lt.manual_seed(5)
    np.testing.assert_allclose(run().detach().numpy(), want, rtol=1e-5)
    for x, grad in zip((q, k, v), wanted, strict=True):
        np.testing.assert_allclose(x.grad.numpy(), grad, rtol=1e-3, atol=1e-5)
    assert ("library lm_attention_grad" in explain(run)) == (not dropout), "dropped weights are drawn in loops"
