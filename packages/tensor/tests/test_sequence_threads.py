"""Attention and recurrent layers over threads of the process: the results are those of one thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.tensor._ops import _parts, attention, recurrent
from lamella.tensor.extend import OPS

RNG = np.random.default_rng(2)


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = lt.get_num_threads()
    lt.set_num_threads(3)
    yield
    lt.set_num_threads(before)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


def both(name: str, arrays: tuple[Any, ...], params: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = OPS[name].rules["numpy"]
    results = []
    for threads in (False, True):
        monkeypatch.setattr(_parts, "SLEEPS", threads)
        out = kernel(*arrays, **params)
        results.append(out if isinstance(out, tuple) else (out,))
    for alone, shared in zip(*results, strict=True):
        np.testing.assert_allclose(shared, alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("p", [0.0, 0.3])
@pytest.mark.parametrize("block", [100, 4000])
def test_attention(causal: bool, p: float, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "_SCORES", block)
    q, k, v = normal(3, 4, 30, 8), normal(3, 1, 40, 8), normal(3, 1, 40, 6)
    slots = (7, 3) if p else (None, None)
    params = {"scale": 0.4, "causal": causal, "p": p}
    both("attention", (q, k, v, None, *slots), params, monkeypatch)
    o, lse = OPS["attention"].rules["numpy"](q, k, v, None, *slots, **params)
    both("attention_grad", (normal(*o.shape), None, q, k, v, None, *slots, o, lse), params, monkeypatch)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("sizes", [(12, 12, 12), (12, 9, 4, 1)])
def test_recurrent_layers(reverse: bool, sizes: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurrent, "_PRODUCT", 1)
    rows, given = sum(sizes), {"sizes": sizes, "reverse": reverse}
    h, c, gy = normal(12, 5), normal(12, 5), normal(rows, 5)

    both("rnn_layer", (normal(rows, 5), h, normal(5, 5)), {**given, "nonlinearity": "tanh"}, monkeypatch)
    y = np.tanh(normal(rows, 5))
    both("rnn_layer_grad", (gy, normal(5, 5), y), {**given, "nonlinearity": "tanh"}, monkeypatch)
    w = normal(20, 5)
    lstm = (normal(rows, 20), h, c, w, None)
    both("lstm_layer", lstm, given, monkeypatch)
    _, cells, gates = OPS["lstm_layer"].rules["numpy"](*lstm, **given)
    both("lstm_layer_grad", (gy, None, None, c, w, None, cells, gates), given, monkeypatch)
    gru = (normal(rows, 15), h, normal(15, 5), normal(5))
    both("gru_layer", gru, given, monkeypatch)
    y, gates = OPS["gru_layer"].rules["numpy"](*gru, **given)
    both("gru_layer_grad", (gy, None, h, gru[2], y, gates), given, monkeypatch)
