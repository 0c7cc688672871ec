"""The passes of the pipeline on captured steps with their gradients: the same bits as without them, and what goes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from lamella import nn
from lamella import tensor as lt
from lamella.compiler._capture import _backward, _record
from lamella.compiler._capture._dynamic import Dynamic
from lamella.graph import Graph, verify
from lamella.nn import functional as F

VALUES = (0.0, -0.0, 1.0, -2.5, 1e-30, 3e20, float("inf"), float("nan"))


def special(*shape: int) -> Any:
    """A tensor with zeros of both signs, infinities and NaN among random numbers."""
    rng = np.random.default_rng(sum(shape))
    x = rng.standard_normal(shape).astype(np.float32)
    at = rng.random(shape) < 0.2
    x[at] = rng.choice(np.float32(VALUES), int(at.sum()))
    return lt.tensor(x)


def split_heads() -> Any:
    """Three parts of one projection, each used on its own."""
    x = special(4, 6, 12).requires_grad_()

    def step() -> Any:
        q, k, v = (p.view(4, 6, 2, 2).transpose(1, 2) for p in x.split(4, 2))
        loss = ((q * k).sum() * v).sum()
        loss.backward()
        return x.grad

    return step


def rows() -> Any:
    """A loop over the rows of a tensor, beside a use of the whole."""
    x = special(7, 3).requires_grad_()
    w = special(3).requires_grad_()

    def step() -> Any:
        h = x.sum(0)
        for row in x.unbind(0):
            h = h * 0.5 + row * w
        (h.sum() + (x * 2).sum()).backward()
        return x.grad, w.grad

    return step


def positions() -> Any:
    """Embeddings at counted positions, the mask of a causal attention, and a dropout of nothing."""
    table = special(9, 4).requires_grad_()
    x = special(2, 6, 4)

    def step() -> Any:
        y = x + F.embedding(lt.arange(6), table)
        mask = lt.arange(6).unsqueeze(1) >= lt.arange(6)
        scores = lt.where(mask, y @ y.transpose(1, 2) / 2.0, 0.0)
        (scores * 1.0).sum().backward()
        return table.grad, scores

    return step


def chunks() -> Any:
    """Gates cut out of one product, as recurrent cells and gated units do."""
    lt.manual_seed(0)
    layer = nn.Linear(5, 8)
    x = special(3, 5)

    def step() -> Any:
        layer.zero_grad()
        a, b = layer(x).chunk(2, dim=-1)
        loss = -(-(a * lt.sigmoid(b))).mean()
        loss.backward()
        return loss, layer.weight.grad, layer.bias.grad

    return step


PROGRAMS = {
    # program: (ops that go, at most so many that stay)
    split_heads: {"view_grad": 0, "pad": 0, "cat": 1},
    rows: {"view_grad": 0, "pad": 0, "cat": 1},
    positions: {"take": 0, "take_grad": 0},
    chunks: {"view_grad": 0, "pad": 0, "cat": 1},
}


def captured(step: Any, monkeypatch: pytest.MonkeyPatch, passes: Any) -> tuple[Graph, list[Any]]:
    with monkeypatch.context() as patch:
        if passes is not None:
            patch.setattr(_backward, "PASSES", passes)
            patch.setattr(_record, "PASSES", passes)
        program = _record.Attempt(step, (), {}, "interpreter", Dynamic(False, {})).record()
    inputs, _ = program.guard.fetch((), {})
    return program.graph, program.run(inputs)


@pytest.mark.parametrize("make", PROGRAMS, ids=lambda f: f.__name__)
def test_gradients_keep_their_bits(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    step = make()
    plain, expected = captured(step, monkeypatch, ())
    graph, found = captured(step, monkeypatch, None)
    verify(graph)
    assert len(graph.nodes) < len(plain.nodes)
    ops = Counter(node.op.name for node in graph.nodes)
    assert {name: ops[name] for name in PROGRAMS[make]} == PROGRAMS[make]
    for a, b in zip(found, expected, strict=True):
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b)
            np.testing.assert_array_equal(np.signbit(a) & ~np.isnan(a), np.signbit(b) & ~np.isnan(b))
        else:
            assert repr(a) == repr(b)
