"""The interpreter: values against plain numpy, inputs refused by name, nothing kept, nothing written, errors that name
the node.
"""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import numpy as np
import pytest

from lamella.graph import GraphError, interpret, parse
from lamella.tensor.extend import OPS, MissingRule, Op, register_rules


def graph(body: str, head: str = "%0: f32[2, 3] from x, %1: f64 from lr") -> Any:
    return parse(f"graph g({head}) {{\n{body}}}\n")


X = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_values_agree_with_numpy() -> None:
    run = interpret(
        graph(
            "  %2: f32[3, 2] = permute(%0; dims=(1, 0))\n  %3: f32[2, 2] = matmul(%0, %2)\n"
            "  %4: f64 = scalar.mul(%1, 3)\n"
            "  %5: f32[2, 2] = mul(%3, %4)\n  %6: f32[] = sum(%5; dims=(0, 1), keepdim=False)\n"
            "  return %5, %6, %4, None, 7\n"
        )
    )
    product, total, scale, nothing, seven = run([X, 0.5])
    np.testing.assert_array_equal(product, (X @ X.T) * np.float32(1.5))
    np.testing.assert_array_equal(total, ((X @ X.T) * np.float32(1.5)).sum())
    assert (scale, nothing, seven) == (1.5, None, 7)


@pytest.mark.parametrize("op", ["neg", "exp", "abs", "floor", "relu", "isnan", "copy"])
def test_results_of_no_dims_stay_arrays(op: str) -> None:
    out = "bool[]" if op == "isnan" else "f32[]"
    run = interpret(graph(f"  %1: {out} = {op}(%0)\n  %2: f32[] = add(%0, %0)\n  return %1, %2\n", "%0: f32[]"))
    for result in run([np.asarray(1.5, np.float32)]):
        assert type(result) is np.ndarray
        assert result.shape == ()


@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        ([X], ValueError, "graph 'g' takes 2 inputs, got 1"),
        ([X, 0.5, 1], ValueError, "takes 2 inputs, got 3"),
        ([X.astype(np.float64), 0.5], TypeError, r"input 0 \(x\) must be f32\[2, 3\], got float64\[2, 3\]"),
        ([X.T, 0.5], TypeError, r"input 0 \(x\) must be f32\[2, 3\], got float32\[3, 2\]"),
        ([[1.0], 0.5], TypeError, r"input 0 \(x\) must be f32\[2, 3\], got list"),
        ([X, 1], TypeError, r"input 1 \(lr\) must be f64, got 1 of type int"),
        ([X, np.float64(1)], TypeError, r"input 1 \(lr\) must be f64, got np.float64\(1.0\) of type float64"),
    ],
)
def test_inputs_are_checked(inputs: list[Any], error: type[Exception], message: str) -> None:
    run = interpret(graph("  return %0, %1\n"))
    with pytest.raises(error, match=message):
        run(inputs)


def test_effect_tensors_never_share_memory_with_inputs() -> None:
    run = interpret(
        graph(
            "  %2: f32[4] = reshape(%0; shape=(4,))\n  %3: f32[2, 2] = reshape(%2; shape=(2, 2))\n  return %2\n"
            "  write %0 <- %1\n  write %1 <- %3\n  grad g <- %2\n",
            "%0: f32[2, 2], %1: f32[2, 2]",
        )
    )
    a, b = np.ones((2, 2), np.float32), np.zeros((2, 2), np.float32)
    view, *effects = run([a, b])
    assert np.shares_memory(view, a)
    for effect in effects:
        assert not any(np.shares_memory(effect, x) for x in (a, b))
    a[...], b[...] = effects[0], effects[1]
    assert (a == 0).all()
    assert (b == 1).all()


def test_errors_name_the_node() -> None:
    run = interpret(graph("  %2: f32[2] = take(%0, %1; dim=0)   # model.py:7\n  return %2\n", "%0: f32[3], %1: i64[2]"))
    with pytest.raises(IndexError) as caught:
        run([np.zeros(3, np.float32), np.asarray([0, 3])])
    assert "while interpreting graph 'g' at `%2: f32[2] = take(%0, %1; dim=0)   # model.py:7`" in caught.value.__notes__


def test_a_scalar_that_leaves_its_kind_is_an_error() -> None:
    run = interpret(graph("  %1: i64 = scalar.pow(2, %0)\n  return %1\n", "%0: i64"))
    assert run([5]) == [32]
    with pytest.raises(GraphError, match=r"scalar.pow gave 0.5 of type float, declared is i64"):
        run([-1])


def test_numpy_warnings_are_values() -> None:
    run = interpret(graph("  %1: f32[2] = div(%0, 0.0)\n  %2: f32[2] = log(%0)\n  return %1, %2\n", "%0: f32[2]"))
    quotient, logs = run([np.asarray([0.0, -1.0], np.float32)])
    np.testing.assert_array_equal(quotient, np.asarray([np.nan, -np.inf], np.float32))
    np.testing.assert_array_equal(logs, np.asarray([-np.inf, np.nan], np.float32))


def test_arrays_are_let_go_after_their_last_use() -> None:
    alive: list[int] = []
    seen: list[weakref.ref[Any]] = []

    def kernel(x: Any) -> Any:
        out = x + 1
        alive.append(sum(ref() is not None for ref in seen))
        seen.append(weakref.ref(out))
        return out

    op = Op("graph.test.count", "x", "elementwise")
    try:
        register_rules("numpy", {op.name: kernel})
        body = "".join(f"  %{i + 1}: f32[1] = {op.name}(%{i})\n" for i in range(20))
        run = interpret(graph(body + "  return %20\n", "%0: f32[1]"))
        gc.disable()
        try:
            [result] = run([np.zeros(1, np.float32)])
        finally:
            gc.enable()
    finally:
        del OPS[op.name]
    assert result[0] == 20
    assert max(alive) <= 1, "a chain keeps the array in use and no other"
    del result
    assert not any(ref() is not None for ref in seen), "a run keeps nothing"


def test_runs_may_overlap_in_threads() -> None:
    body = "  %2: f32[2, 3] = mul(%0, %1)\n" + "".join(f"  %{i + 1}: f32[2, 3] = add(%{i}, %0)\n" for i in range(2, 60))
    run = interpret(graph(body + "  return %60\n"))
    expected = [run([X, float(k)])[0] for k in range(8)]
    found: list[Any] = [None] * 8

    def work(k: int) -> None:
        for _ in range(20):
            found[k] = run([X, float(k)])[0]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_op_without_kernel_and_body_is_named() -> None:
    op = Op("graph.test.nokernel", "x", "elementwise")
    try:
        with pytest.raises(MissingRule, match=r"'graph.test.nokernel'.* has no rule of kind 'numpy'"):
            interpret(graph(f"  %1: f32[1] = {op.name}(%0)\n  return %1\n", "%0: f32[1]"))
    finally:
        del OPS[op.name]


def test_a_write_through_a_chain_does_not_depend_on_strides() -> None:
    # the base is column-major here: its reshape is a copy in memory, and the write must still arrive
    run = interpret(
        graph(
            "  %2: f32[3, 2] = permute(%0; dims=(1, 0))\n  %3: f32[3, 2] = neg(%2)\n"
            '  %4: f32[3, 2] = view_write(%3, %1; chain=(("reshape", (6,)),))\n  return %4\n',
            "%0: f32[2, 3], %1: f32[6]",
        )
    )
    [found] = run([X, np.arange(6, dtype=np.float32)])
    np.testing.assert_array_equal(found, np.arange(6, dtype=np.float32).reshape(3, 2))
