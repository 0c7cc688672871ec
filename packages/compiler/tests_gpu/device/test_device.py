"""The suite of programs on a GPU beside the graph's interpreter; run by `nox -s gpu`, never without a GPU."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import cupy
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "helpers"))

import program_suite as suite

from lamella.compiler.triton import ARCHITECTURES, compile_graph, runs_on
from lamella.graph import interpret

HALF = {name for name in suite.SUITE if "bf16" in name} | {"gelu_tanh", "casts"}  # CuPy has no bfloat16


def architecture() -> int:
    """What to compile for on this device."""
    here = int(cupy.cuda.Device().compute_capability)
    return next(arch for arch in ARCHITECTURES if runs_on(arch, here))


def on_device(given: list[Any]) -> list[Any]:
    return [cupy.asarray(a) if isinstance(a, np.ndarray) else a for a in given]


@pytest.mark.parametrize("name", sorted(set(suite.SUITE) - HALF))
def test_suite(name: str) -> None:
    graph = suite.graph(name)
    given = suite.inputs(graph)
    run = compile_graph(graph, architecture())
    got = [cupy.asnumpy(a) for a in run(on_device(given))]
    again = [cupy.asnumpy(a) for a in run(on_device(given))]
    with np.errstate(all="ignore"):
        want = interpret(graph)(given)
    for number, (g, same, w) in enumerate(zip(got, again, want, strict=True)):
        np.testing.assert_array_equal(g, same, err_msg=f"{name} {number}: two runs differ")
        suite.agree(g, w, f"{name}: result {number}")


def test_errors_arrive() -> None:
    graph = suite.graph("cross_entropy")
    run = compile_graph(graph, architecture())
    logits, target = suite.inputs(graph)
    target[3] = suite.COLUMNS
    with pytest.raises(IndexError, match="target"):
        run(on_device([logits, target]))


def test_other_streams() -> None:
    graph = suite.graph("softmax")
    run = compile_graph(graph, architecture())
    given = on_device(suite.inputs(graph))
    (want,) = run(given)
    stream = cupy.cuda.Stream(non_blocking=True)
    cupy.cuda.Device().synchronize()
    with stream:
        (got,) = run(given)
    stream.synchronize()
    np.testing.assert_array_equal(cupy.asnumpy(got), cupy.asnumpy(want))


def test_report_bandwidth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prints microseconds and GB/s of row kernels at 4096 x 1024 beside a copy of the same size; asserts no speed."""
    monkeypatch.setattr(suite, "ROWS", 4096)
    monkeypatch.setattr(suite, "COLUMNS", 1024)
    moved = 2 * 4096 * 1024 * 4
    for name in ("softmax", "layer_norm", "gelu", "rms_norm"):
        graph = suite.graph(name)
        run, given = compile_graph(graph, architecture()), on_device(suite.inputs(graph))
        seconds = _seconds(lambda run=run, given=given: run(given))
        print(f"{name}: {seconds * 1e6:.1f} us, {moved / seconds / 1e9:.0f} GB/s")  # noqa: T201
    x = cupy.zeros((4096, 1024), np.float32)
    seconds = _seconds(lambda: x.copy())
    print(f"copy: {seconds * 1e6:.1f} us, {moved / seconds / 1e9:.0f} GB/s")  # noqa: T201


def _seconds(call: Any, repeats: int = 50) -> float:
    for _ in range(3):
        call()
    cupy.cuda.Device().synchronize()
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    cupy.cuda.Device().synchronize()
    return (time.perf_counter() - start) / repeats
