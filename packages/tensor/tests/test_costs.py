"""Costs: derived from factor specs where these tell, never missing for an op of the written set."""

from __future__ import annotations

import numpy as np
import pytest

from lamella.tensor.costs import factor_sizes
from lamella.tensor.extend import OPS, MetaArray, rule
from lamella.testing import op_samples

F32 = np.dtype(np.float32)


@pytest.mark.parametrize(
    ("spec", "shapes", "expected"),
    [
        ("... m k, ... k n -> ... m n; reduce k", [(2, 3), (3, 5)], {"...": 1, "m": 2, "k": 3, "n": 5}),
        ("... m k, ... k n -> ... m n; reduce k", [(7, 2, 3), (3, 5)], {"...": 7, "m": 2, "k": 3, "n": 5}),
        ("... m k, ... k n -> ... m n; reduce k", [(4, 1, 2, 3), (6, 3, 5)], {"...": 24, "m": 2, "k": 3, "n": 5}),
    ],
)
def test_factor_sizes(spec: str, shapes: list[tuple[int, ...]], expected: dict[str, int]) -> None:
    assert factor_sizes(spec, shapes) == expected


def test_matmul_and_convolution() -> None:
    a, b = MetaArray((8, 2, 3), F32), MetaArray((3, 5), F32)
    assert rule(OPS["matmul"], "cost")(a, b) == (2 * 8 * 2 * 3 * 5, 4 * (48 + 15 + 80))
    x, w = MetaArray((2, 4, 9, 9), F32), MetaArray((6, 2, 3, 3), F32)
    params = {"stride": (2, 2), "padding": (1, 1), "dilation": (1, 1), "groups": 2}
    flops, moved = rule(OPS["conv"], "cost")(x, w, None, **params)
    assert flops == 2 * (2 * 6 * 5 * 5) * (2 * 3 * 3)
    assert moved == 4 * (2 * 4 * 81 + 6 * 2 * 9 + 2 * 6 * 25)
    g = MetaArray((2, 6, 5, 5), F32)
    for name, operands, shape in (("conv_input_grad", (g, w), x.shape), ("conv_weight_grad", (g, x), w.shape)):
        assert rule(OPS[name], "cost")(*operands, shape=shape, **params)[0] == flops


def test_views_are_free_and_elementwise_counts_results() -> None:
    x = MetaArray((4, 6), F32)
    assert rule(OPS["permute"], "cost")(x, dims=(1, 0)) == (0, 0)
    assert rule(OPS["add"], "cost")(x, MetaArray((6,), F32)) == (24, 4 * (24 + 6 + 24))
    assert rule(OPS["sum"], "cost")(x, dims=(1,), keepdim=False) == (24, 4 * (24 + 4))


def test_every_op_of_the_written_set_has_a_cost() -> None:
    for name, op in OPS.items():
        if op.package == "lamella.tensor":
            assert callable(rule(op, "cost")), name


def test_costs_are_whole_numbers_on_every_sample() -> None:
    for sample in op_samples():
        dtype = sample.dtypes[0]
        arrays = sample.arrays(dtype)
        metas = [MetaArray(a.shape, a.dtype) if isinstance(a, np.ndarray) else a for a in arrays]
        flops, moved = rule(sample.op, "cost")(*metas, **sample.params(dtype))
        for count in (flops, moved):
            assert type(count) is int, sample.op
            assert count >= 0, sample.op


def test_recurrent_layers_cost_a_product_a_step_both_ways() -> None:
    rows, batch, k = 12, 4, 8
    x, h, w = MetaArray((rows, 4 * k), F32), MetaArray((batch, k), F32), MetaArray((4 * k, k), F32)
    params = {"sizes": (batch,) * 3, "reverse": False}
    product = rows * 2 * 4 * k * k
    forward = rule(OPS["lstm_layer"], "cost")(x, h, h, w, None, **params)[0]
    states, gates = MetaArray((rows, k), F32), MetaArray((rows, 4 * k), F32)
    backward = rule(OPS["lstm_layer_grad"], "cost")(states, None, None, h, w, None, states, gates, **params)[0]
    for flops in (forward, backward):
        assert product <= flops <= 2 * product
