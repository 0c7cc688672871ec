"""Convolution and pooling by library kernels: a table of windows, each op beside the interpreter in every real dtype;
threads change nothing.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from lamella.compiler._account import account
from lamella.compiler._image import numpy_dtype
from lamella.compiler._native import _load
from lamella.compiler.executor import compile_graph, get_num_threads, set_num_threads
from lamella.graph import interpret, parse
from lamella.tensor.extend import OPS, MetaArray, rule

DTYPES = ("f32", "f64", "f16", "bf16")
ROUNDING = {"f32": 2e-4, "f64": 1e-11, "f16": 2e-2, "bf16": 1e-1}

# n, groups, channels of a group in and out, sizes, kernel, stride, padding, dilation
CONVOLUTIONS = {
    "same": (2, 1, 3, 9, (8, 8), (3, 3), (1, 1), (1, 1), (1, 1)),
    "odd everything": (3, 1, 3, 5, (9, 7), (3, 2), (2, 3), (1, 0), (1, 2)),
    "groups": (2, 2, 3, 4, (11, 13), (3, 3), (2, 2), (1, 1), (2, 1)),
    "depthwise": (2, 4, 1, 1, (9, 18), (3, 3), (1, 1), (1, 1), (1, 1)),
    "depthwise with stride": (2, 5, 1, 2, (17, 33), (3, 5), (2, 1), (1, 2), (1, 1)),
    "many channels": (2, 1, 16, 12, (6, 5), (3, 3), (1, 1), (1, 1), (1, 1)),
    "one by one": (2, 1, 4, 6, (5, 5), (1, 1), (1, 1), (0, 0), (1, 1)),
    "one by one, every other": (2, 2, 4, 6, (5, 5), (1, 1), (2, 2), (0, 0), (1, 1)),
    "one by one, padded": (2, 1, 3, 4, (4, 4), (1, 1), (1, 1), (1, 1), (1, 1)),
    "one dim": (1, 1, 2, 3, (19,), (5,), (3,), (2,), (2,)),
    "three dims": (2, 1, 2, 3, (5, 6, 7), (3, 2, 3), (1, 2, 1), (1, 0, 1), (1, 1, 2)),
    "no images": (0, 1, 2, 3, (5, 6), (3, 3), (1, 1), (1, 1), (1, 1)),
    "one element": (1, 1, 1, 1, (1, 1), (1, 1), (1, 1), (0, 0), (1, 1)),
    "kernel smaller than its stride": (3, 1, 2, 3, (10, 10), (2, 2), (3, 3), (0, 0), (1, 1)),
    "images in several boxes": (60, 1, 9, 4, (12, 12), (3, 3), (1, 1), (1, 1), (1, 1)),
    "an image in several boxes": (1, 1, 16, 8, (60, 90), (3, 3), (2, 1), (1, 1), (1, 1)),
    "a long line in several boxes": (1, 1, 40, 2, (2, 700), (3, 3), (1, 1), (1, 1), (1, 1)),
    "channels in blocks": (2, 1, 75, 9, (6, 5), (3, 3), (1, 1), (1, 1), (1, 1)),
    "a kernel as deep as a block": (1, 1, 2, 5, (21, 20), (19, 19), (1, 1), (1, 2), (1, 1)),
    "many channels out": (1, 1, 9, 301, (9, 11), (3, 3), (1, 1), (1, 1), (1, 1)),
    "small images": (37, 1, 5, 11, (3, 3), (3, 3), (1, 1), (1, 1), (1, 1)),
    "one by one, small images": (37, 1, 6, 11, (3, 3), (1, 1), (1, 1), (0, 0), (1, 1)),
    "one by one, in several boxes": (3, 2, 70, 9, (41, 43), (1, 1), (1, 1), (0, 0), (1, 1)),
    "lines as wide as a vector": (2, 1, 3, 7, (8, 16), (3, 3), (1, 1), (1, 1), (1, 1)),
    "lines as wide as two vectors": (2, 1, 3, 7, (5, 32), (3, 3), (1, 1), (1, 1), (1, 1)),
}  # fmt: skip
LARGE = {case for case in CONVOLUTIONS if "in several boxes" in case or "many channels out" in case}


def graph_of(op: str, shapes: list[tuple[int, ...]], dtype: str, outs: list[str], params: dict[str, Any]) -> Any:
    """A graph of one op over fresh inputs; `outs` are the types of its results."""
    heads = ", ".join(f"%{k}: {dtype}{list(shape)}" for k, shape in enumerate(shapes))
    given = ", ".join(f"%{k}" for k in range(len(shapes)))
    if op == "conv" and len(shapes) == 2:
        given += ", None"
    names = [f"%{10 + k}" for k in range(len(outs))]
    made = ", ".join(f"{name}: {out}" for name, out in zip(names, outs, strict=True))
    words = ", ".join(f"{key}={value!r}" for key, value in params.items())
    return parse(f"graph one({heads}) {{\n  {made} = {op}({given}; {words})\n  return {', '.join(names)}\n}}")


def convolution(case: str, op: str, dtype: str, bias: bool = True) -> Any:
    n, groups, c, o, sizes, kernel, stride, padding, dilation = CONVOLUTIONS[case]
    params = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    x, w = (n, groups * c, *sizes), (groups * o, c, *kernel)
    y = rule(OPS["conv"], "shape")(*(MetaArray(s, np.dtype("f4")) for s in (x, w)), None, **params).shape
    if op == "conv":
        return graph_of(op, [x, w, *([(groups * o,)] if bias else [])], dtype, [f"{dtype}{list(y)}"], params)
    given, made = ([y, w], x) if op == "conv_input_grad" else ([y, x], w)
    return graph_of(op, given, dtype, [f"{dtype}{list(made)}"], {"shape": made, **params})


def check(graph: Any, dtype: str, inputs: list[Any] | None = None) -> None:
    run = compile_graph(graph)
    if inputs is None:
        rng = np.random.default_rng(0)
        inputs = [rng.standard_normal(v.type.shape).astype(numpy_dtype(v.type.dtype.short)) for v in graph.inputs]
    assert "extern" not in run.explain()
    for got, want in zip(run(inputs), interpret(graph)(inputs), strict=True):
        assert got.dtype == want.dtype
        close = ROUNDING[dtype] * math.sqrt(max(1, want.size and float(np.abs(want.astype(float)).max())))
        np.testing.assert_allclose(got.astype(float), want.astype(float), rtol=ROUNDING[dtype], atol=close)


@pytest.mark.parametrize("op", ["conv", "conv_input_grad", "conv_weight_grad"])
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolution(case: str, op: str) -> None:
    for dtype in ("f32",) if case in LARGE else DTYPES:
        check(convolution(case, op, dtype), dtype)


@pytest.fixture
def unit(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where BLAS has a unit of its own for products."""
    blas = _load.runtime().blas
    if blas is None or not blas.wide:
        pytest.skip("no BLAS with wide sizes")
    monkeypatch.setattr(_load.runtime(), "blas", blas._replace(symbol="cblas_sgemm$NEWLAPACK$ILP64"))
    monkeypatch.setattr(_load, "_UNIT_WORK", 0)


@pytest.mark.usefixtures("unit")
@pytest.mark.parametrize("op", ["conv", "conv_input_grad", "conv_weight_grad"])
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolution_by_blas(case: str, op: str) -> None:
    graph = convolution(case, op, "f32")
    (dims,) = [step.dims for step in compile_graph(graph).steps]
    assert dims[-1] == 1
    check(graph, "f32")


def test_convolution_needs_no_blas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_load.runtime(), "blas", None)
    for op in ("conv", "conv_weight_grad"):
        check(convolution("odd everything", op, "f32"), "f32")


def test_convolution_without_a_bias() -> None:
    check(convolution("groups", "conv", "f32", bias=False), "f32")
    check(convolution("depthwise", "conv", "f32", bias=False), "f32")


def test_what_lies_beside_a_window_does_not_leak_into_it() -> None:
    graph = convolution("depthwise", "conv_weight_grad", "f32")
    g, x = (np.random.default_rng(1).standard_normal(v.type.shape).astype(np.float32) for v in graph.inputs)
    x[:, :, :, -1] = np.inf
    g[:, :, :, -2:] = 0
    want = interpret(graph)([g, x])[0]
    np.testing.assert_array_equal(np.isnan(compile_graph(graph)([g, x])[0]), np.isnan(want))


# sizes, kernel, stride, padding, dilation, ceil
POOLS = {
    "halves": ((8, 8), (2, 2), (2, 2), (0, 0), (1, 1), False),
    "ceil": ((9, 7), (3, 2), (2, 2), (1, 1), (1, 1), True),
    "dilated": ((9, 7), (3, 3), (1, 1), (1, 1), (2, 1), False),
    "long lines": ((5, 70), (3, 3), (2, 3), (1, 1), (1, 2), False),
    "thirds of odd rows": ((9, 37), (3, 3), (2, 2), (1, 1), (1, 1), False),
    "halves of long rows": ((4, 106), (2, 2), (2, 2), (0, 0), (1, 1), False),
    "every other of padded rows": ((6, 50), (3, 5), (2, 2), (1, 2), (1, 2), True),
    "rows cut short": ((7, 7), (2, 2), (2, 2), (0, 0), (1, 1), False),
    "volumes": ((4, 6, 12), (2, 2, 2), (2, 2, 2), (0, 0, 0), (1, 1, 1), False),
    "one dim": ((40,), (5,), (3,), (2,), (1,), True),
    "three dims": ((5, 6, 7), (2, 3, 2), (2, 1, 2), (1, 1, 0), (1, 1, 1), True),
    "the whole plane": ((7, 19), (7, 19), (7, 19), (0, 0), (1, 1), False),
    "the whole plane, stride 1": ((7, 19), (7, 19), (1, 1), (0, 0), (1, 1), False),
    "one element": ((1, 1), (1, 1), (1, 1), (0, 0), (1, 1), False),
}


def pooling(case: str, op: str, dtype: str, planes: tuple[int, int] = (2, 3), **average: Any) -> Any:
    sizes, kernel, stride, padding, dilation, ceil = POOLS[case]
    params: dict[str, Any] = {"kernel": kernel, "stride": stride, "padding": padding, "ceil": ceil}
    params |= average or {"dilation": dilation}
    x = (*planes, *sizes)
    name = "avg_pool" if average else "max_pool"
    made = rule(OPS[name], "shape")(MetaArray(x, np.dtype("f4")), **params)
    y = list((made if average else made[0]).shape)
    if op == "max_pool":
        return graph_of(op, [x], dtype, [f"{dtype}{y}", f"i64{y}"], params)
    if op == "avg_pool":
        return graph_of(op, [x], dtype, [f"{dtype}{y}"], params)
    return graph_of(op, [tuple(y)], dtype, [f"{dtype}{list(x)}"], {"shape": x, **params})


@pytest.mark.parametrize("case", POOLS)
def test_the_largest_and_where_it_is(case: str) -> None:
    rng = np.random.default_rng(0)
    for dtype in DTYPES:
        graph = pooling(case, "max_pool", dtype)
        run = compile_graph(graph)
        assert "extern" not in run.explain()
        for special in (None, np.nan, -np.inf):
            x = np.round(rng.standard_normal(graph.inputs[0].type.shape) * 3)  # with ties
            if special is not None:
                x[rng.random(x.shape) < 0.6] = special
            x = x.astype(numpy_dtype(dtype))
            for got, want in zip(run([x]), interpret(graph)([x]), strict=True):
                np.testing.assert_array_equal(got.astype(float), want.astype(float))


def bits(values: Any) -> Any:
    """What tells -0 from 0 and one NaN from another."""
    return values.view(f"u{values.dtype.itemsize}")


@pytest.mark.parametrize("case", POOLS)
@pytest.mark.parametrize("planes", [(2, 3), (11, 17)])
def test_the_largest_alone(case: str, planes: tuple[int, int]) -> None:
    for dtype in DTYPES if planes == (2, 3) else ("f32",):
        graph = pooling(case, "max_pool", dtype, planes)
        alone = graph.replace(graph.nodes, graph.outputs[:1])
        run, both = compile_graph(alone), compile_graph(graph)
        x = np.random.default_rng(0).integers(-2, 3, graph.inputs[0].type.shape).astype(numpy_dtype(dtype))
        x[x == 2] = np.nan
        x[x == -2] = -np.inf
        x[(x == 0) & (np.arange(x.size).reshape(x.shape) % 2 == 0)] = -0.0
        np.testing.assert_array_equal(bits(run([x])[0]), bits(both([x])[0]))
        np.testing.assert_array_equal(run([x])[0].astype(float), interpret(alone)([x])[0].astype(float))
        (step,) = [s for s in account(run) if s.name == "library lm_max_pool"]
        y = graph.outputs[0].type.shape
        assert step.bytes == {"f64": 8}.get(dtype, 4) * (x.size + math.prod(y))


@pytest.mark.parametrize("case", POOLS)
def test_the_gradient_of_the_largest(case: str) -> None:
    for dtype in ("f32", "f64"):
        made = pooling(case, "max_pool", dtype)
        x = np.random.default_rng(0).standard_normal(made.inputs[0].type.shape).astype(numpy_dtype(dtype))
        _, indices = interpret(made)([x])
        y = list(indices.shape)
        graph = parse(
            f"graph g(%0: {dtype}{y}, %1: i64{y}) {{\n  %2: {dtype}{list(x.shape)} = max_pool_grad(%0, %1; "
            f"shape={x.shape!r})\n  return %2\n}}"
        )
        g = np.random.default_rng(1).standard_normal(indices.shape).astype(numpy_dtype(dtype))
        check(graph, dtype, [g, indices])
        outside = indices.copy()
        outside.flat[-1] = math.prod(x.shape[2:])
        with pytest.raises(IndexError, match="max_pool_grad: an index lies outside"):
            compile_graph(graph)([g, outside])


@pytest.mark.parametrize("case", POOLS)
@pytest.mark.parametrize("count_pad", [True, False])
@pytest.mark.parametrize("divisor", [None, 3])
def test_the_mean_and_its_gradient(case: str, count_pad: bool, divisor: int | None) -> None:
    for dtype in DTYPES:
        for op in ("avg_pool", "avg_pool_grad"):
            check(pooling(case, op, dtype, count_pad=count_pad, divisor=divisor), dtype)


@pytest.mark.parametrize(
    ("case", "op"),
    [(case, op) for case in sorted(LARGE) for op in ("conv", "conv_input_grad", "conv_weight_grad")]
    + [("depthwise", "conv"), ("depthwise", "conv_weight_grad")]
    + [("long lines", op) for op in ("max_pool", "avg_pool", "avg_pool_grad")],
)  # fmt: skip
def test_threads_change_nothing(case: str, op: str) -> None:
    average = {"count_pad": True, "divisor": None} if op.startswith("avg") else {}
    graph = convolution(case, op, "f32") if case in CONVOLUTIONS else pooling(case, op, "f32", (40, 9), **average)
    run, rng = compile_graph(graph), np.random.default_rng(2)
    inputs = [rng.standard_normal(v.type.shape).astype(np.float32) for v in graph.inputs]
    before, found = get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            set_num_threads(threads)
            found.append(run(inputs))
    finally:
        set_num_threads(before)
    for others in found[1:]:
        for one, other in zip(found[0], others, strict=True):
            np.testing.assert_array_equal(one, other)
