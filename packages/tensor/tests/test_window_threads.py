"""Convolution of batches and images too large for one piece: over threads or in turn, it is the same sum.

The reference is numpy's sliding windows in float64; what BLAS was told is taken back.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.tensor._blas import openblas
from lamella.tensor._ops import _parts, convolution
from lamella.tensor.extend import OPS, dispatch

WINDOW = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "groups": 2}
RNG = np.random.default_rng(2)


def reference(x: Any, w: Any) -> Any:
    full = np.pad(x, ((0, 0), (0, 0), (1, 1), (2, 2)))
    view = np.lib.stride_tricks.sliding_window_view(full, (3, 5), (2, 3))[:, :, ::2, :, :, ::2]
    halves = zip(np.split(view, 2, 1), np.split(w, 2, 0), strict=True)
    return np.concatenate([np.einsum("nchwij,ocij->nohw", v, part) for v, part in halves], 1)


@pytest.fixture(params=["threads", "in turn"])
def way(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_parts, "SLEEPS", request.param == "threads")


@pytest.mark.parametrize("chunk", [1 << 21, 1 << 14, 1 << 10], ids=["batch", "images", "rows"])
@pytest.mark.parametrize("n", [1, 7])
@pytest.mark.usefixtures("way")
def test_convolution_and_its_gradients(n: int, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolution, "_CHUNK_BYTES", chunk)
    monkeypatch.setattr(convolution, "_SHARED_BYTES", 1)
    x, w = RNG.normal(size=(n, 4, 11, 9)), RNG.normal(size=(6, 2, 3, 3))
    y = reference(x, w)
    g = RNG.normal(size=y.shape)
    tx, tw, tg = lt.tensor(x), lt.tensor(w), lt.tensor(g)
    np.testing.assert_allclose(dispatch(OPS["conv"], (tx, tw, None), WINDOW).numpy(), y, rtol=1e-12, atol=1e-12)
    gx = dispatch(OPS["conv_input_grad"], (tg, tw), {"shape": x.shape, **WINDOW}).numpy()
    gw = dispatch(OPS["conv_weight_grad"], (tg, tx), {"shape": w.shape, **WINDOW}).numpy()
    # the three are one bilinear form: <g, conv(x, w)> in every direction
    dx, dw = RNG.normal(size=x.shape), RNG.normal(size=w.shape)
    np.testing.assert_allclose((gx * dx).sum(), (g * reference(dx, w)).sum(), rtol=1e-11)
    np.testing.assert_allclose((gw * dw).sum(), (g * reference(x, dw)).sum(), rtol=1e-11)


def test_blas_gets_its_threads_back(monkeypatch: pytest.MonkeyPatch) -> None:
    found = openblas()
    if found is None:
        pytest.skip("numpy came without OpenBLAS")
    monkeypatch.setattr(_parts, "SLEEPS", True)
    before = found.get()

    def work(_: int) -> None:
        _parts.with_products(2, lambda start, stop: None)

    def fail(start: int, stop: int) -> None:
        raise RuntimeError("in a kernel")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(200)))
    with pytest.raises(RuntimeError, match="in a kernel"):
        _parts.with_products(2, fail)
    assert found.get() == before


@pytest.mark.parametrize(
    ("first", "given", "expected"),
    [("", None, "18 True"), ("import numpy;", None, "None False"), ("", "26", "26 False"), ("", "10", "10 True")],
)
def test_what_the_import_sets(first: str, given: str | None, expected: str) -> None:
    env = {k: v for k, v in os.environ.items() if k != "OPENBLAS_THREAD_TIMEOUT"}
    if given is not None:
        env["OPENBLAS_THREAD_TIMEOUT"] = given
    program = (
        f"{first}import os, lamella.tensor; from lamella.tensor import _blas;"
        "print(os.environ.get('OPENBLAS_THREAD_TIMEOUT'), _blas.SLEEPS)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env, check=True)
    assert done.stdout.strip() == expected
