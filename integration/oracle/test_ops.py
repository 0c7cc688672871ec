"""Every op with a twin in the oracle: values, dtypes and gradients side by side.

Values agree within one tolerance per dtype, dtypes are equal, gradients in float64 agree to 1e-10 for a random
cotangent of every differentiable output. An op without a row must be exempt with a reason.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import lamella.tensor as lt
from integration.oracle.inputs import arrays, numpy_of, ours, theirs, tolerance
from integration.oracle.row import Row
from integration.oracle.rows import EXEMPT, ROWS
from lamella import autograd
from lamella.tensor.extend import OPS

pytestmark = pytest.mark.oracle


def as_tuple(out: Any) -> tuple[Any, ...]:
    return tuple(out) if isinstance(out, (tuple, list)) else (out,)


def compare(mine: Any, other: Any, dtype: str) -> None:
    for a, b in zip(as_tuple(mine), as_tuple(other), strict=True):
        (got, got_dtype), (wanted, wanted_dtype) = numpy_of(a), numpy_of(b)
        assert got_dtype == wanted_dtype
        assert got.shape == wanted.shape
        rtol, atol = tolerance(got_dtype if got_dtype == dtype else min((got_dtype, dtype), key=_precision))
        np.testing.assert_allclose(got, wanted, rtol=rtol, atol=atol, equal_nan=True)


def _precision(dtype: str) -> float:
    # the less exact of two dtypes has the larger tolerance; a bool or integer computed from floats is exact
    return -tolerance(dtype)[0]


def test_every_op_has_a_row_or_a_reason() -> None:
    names = {name for name, op in OPS.items() if op.package == "lamella.tensor" and op.spec != "scalar"}
    covered = {row.op for row in ROWS}
    assert names - covered - EXEMPT.keys() == set()
    assert (covered | EXEMPT.keys()) - names == set()
    assert covered & EXEMPT.keys() == set()


@pytest.mark.parametrize(("row", "dtype"), [pytest.param(r, d, id=f"{r.name}-{d}") for r in ROWS for d in r.dtypes])
def test_values_and_dtypes(row: Row, dtype: str) -> None:
    operands = arrays(row.name, row.inputs, dtype)
    compare(row.ours(*map(ours, operands)), row.theirs(*map(theirs, operands)), dtype)


def _differentiable(row: Row) -> list[int]:
    return [i for i, one in enumerate(row.inputs) if one.floating]


@pytest.mark.parametrize("row", [pytest.param(r, id=r.name) for r in ROWS if r.grads])
def test_gradients(row: Row) -> None:
    operands = arrays(row.name, row.inputs, "float64")
    wanted = _differentiable(row)
    a, b = [ours(x) for x in operands], [theirs(x) for x in operands]
    for i in wanted:
        a[i].requires_grad_()
        b[i].requires_grad_()
    outs = list(zip(as_tuple(row.ours(*a)), as_tuple(row.theirs(*b)), strict=True))
    followed = [(x, y) for x, y in outs if y.requires_grad and x.requires_grad]
    # the oracle does not follow its residuals, which here carry gradients too
    assert all(x.requires_grad for x, y in outs if y.requires_grad)
    if not any(y.requires_grad for _, y in outs):
        assert not any(x.requires_grad for x, _ in outs)
        return
    rng = np.random.default_rng(1)
    cotangents = [rng.normal(size=tuple(y.shape)) for _, y in followed]
    inputs_a, inputs_b = [a[i] for i in wanted], [b[i] for i in wanted]
    mine = autograd.grad([x for x, _ in followed], inputs_a, [lt.tensor(c) for c in cotangents], allow_unused=True)
    other = torch.autograd.grad(
        [y for _, y in followed], inputs_b, [torch.tensor(c) for c in cotangents], allow_unused=True
    )
    for got, expected in zip(mine, other, strict=True):
        if expected is None or got is None:
            # an unused operand has no gradient in one library and zeros in the other
            for one in (got, expected):
                assert one is None or not numpy_of(one)[0].any()
            continue
        np.testing.assert_allclose(numpy_of(got)[0], numpy_of(expected)[0], rtol=1e-10, atol=1e-10)


_SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, np.inf, -np.inf, np.nan, 1e30, -1e30, 1e-30]
# `where` and `cast` have other operands or params; the sign of NaN is NaN here, as in numpy, and 0 in the oracle.
# At inf Bessel functions are inf and derivatives of digamma 0, where the oracle has NaN; logaddexp2 of two -1 is 0,
# and nearly so there.
_NOT_SPECIAL = ("where", "cast", "gelu", "sign", "i0", "i1", "logaddexp2", "polygamma")
_ELEMENTWISE = sorted(
    {r.op for r in ROWS if OPS[r.op].spec == "elementwise" and "f" not in OPS[r.op].refuses} - set(_NOT_SPECIAL)
)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", _ELEMENTWISE)
def test_special_values(name: str, dtype: str) -> None:
    row = next(r for r in ROWS if r.op == name)
    values = np.array(_SPECIAL, dtype)
    operands = [values] if len(row.inputs) == 1 else [values[:, None], values[None, :]]
    got, _ = numpy_of(row.ours(*map(ours, operands)))
    wanted, _ = numpy_of(row.theirs(*map(theirs, operands)))
    np.testing.assert_array_equal(np.isnan(got), np.isnan(wanted))
    np.testing.assert_array_equal(np.isinf(got), np.isinf(wanted))
    rtol, _ = tolerance(dtype)
    np.testing.assert_allclose(got, wanted, rtol=rtol, atol=0 if dtype == "float64" else 1e-37)
