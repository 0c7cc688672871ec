"""Every module with a twin in the oracle: state_dict of the one loads into the other, then values and gradients.

Outputs, gradients of inputs and of parameters, and buffers after the call agree to 1e-5 (float32) or 1e-10 (float64)
of the largest magnitude of each tensor.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import lamella.tensor as lt
from integration.oracle.inputs import arrays, numpy_of, ours, theirs
from integration.oracle.module_row import ModuleRow
from integration.oracle.modules import ROWS
from lamella import autograd, nn

pytestmark = pytest.mark.oracle

_SHARE = {"float32": 1e-5, "float64": 1e-10}  # of the largest magnitude


def _tensors(out: Any) -> list[Any]:
    if isinstance(out, (tuple, list)):
        return [t for o in out for t in _tensors(o)]
    return [] if out is None else [out]


def _agree(what: str, mine: Any, other: Any, dtype: str) -> None:
    (got, got_dtype), (wanted, wanted_dtype) = numpy_of(mine), numpy_of(other)
    assert got_dtype == wanted_dtype, what
    assert got.shape == wanted.shape, what
    if not wanted.size or wanted.dtype.kind not in "fc":
        np.testing.assert_array_equal(got, wanted, err_msg=what)
        return
    allowed = _SHARE[dtype] * np.abs(wanted).max(initial=0, where=np.isfinite(wanted))
    np.testing.assert_allclose(got, wanted, rtol=0, atol=allowed, equal_nan=True, err_msg=what)


def _built(row: ModuleRow, dtype: str) -> tuple[Any, Any]:
    """The module of both libraries with the oracle's parameters."""
    torch.manual_seed(1)
    other = eval(row.text, {"nn": torch.nn, "lib": torch}).to(getattr(torch, dtype)).train(row.train)
    mine = eval(row.text, {"nn": nn, "lib": lt}).to(getattr(lt, dtype)).train(row.train)
    with torch.no_grad():
        for p in other.parameters():  # ones and zeros would hide a parameter that is not used
            p.add_(torch.rand_like(p) * 0.1)
    state = {name: lt.tensor(value.numpy()) for name, value in other.state_dict().items()}
    assert list(mine.state_dict()) == list(state)
    mine.load_state_dict(state, strict=True)
    return mine, other


# the oracle tells that it copies where an even kernel keeps the size
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize(("row", "dtype"), [pytest.param(r, d, id=f"{r.name}-{d}") for r in ROWS for d in r.dtypes])
def test_module(row: ModuleRow, dtype: str) -> None:
    mine, other = _built(row, dtype)
    if row.same_repr:
        assert repr(mine) == repr(other)
    operands = arrays(row.text, row.inputs, dtype)
    a, b = [ours(x) for x in operands], [theirs(x) for x in operands]
    for x, y in zip(a, b, strict=True):
        if y.is_floating_point():
            x.requires_grad_()
            y.requires_grad_()
    out_a = _tensors(eval(row.call, {"m": mine, "xs": a, "nn": nn, "lib": lt}))
    out_b = _tensors(eval(row.call, {"m": other, "xs": b, "nn": torch.nn, "lib": torch}))
    for i, (x, y) in enumerate(zip(out_a, out_b, strict=True)):
        assert x.requires_grad == y.requires_grad, f"output {i}"
        _agree(f"output {i}", x, y, dtype)
    for (name, x), (_, y) in zip(mine.named_buffers(), other.named_buffers(), strict=True):
        _agree(f"buffer {name}", x, y, dtype)
    followed = [(x, y) for x, y in zip(out_a, out_b, strict=True) if y.requires_grad]
    assert followed, "no output carries a gradient"
    rng = np.random.default_rng(5)
    cotangents = [np.asarray(rng.normal(size=tuple(y.shape)), dtype) for _, y in followed]
    wrt = [
        *[(f"input {i}", x, y) for i, (x, y) in enumerate(zip(a, b, strict=True)) if y.requires_grad],
        *[(n, p, q) for (n, p), (_, q) in zip(mine.named_parameters(), other.named_parameters(), strict=True)],
    ]
    got = autograd.grad(
        [x for x, _ in followed], [x for _, x, _ in wrt], [lt.tensor(c) for c in cotangents], allow_unused=True
    )
    wanted = torch.autograd.grad(
        [y for _, y in followed], [y for _, _, y in wrt], [torch.tensor(c) for c in cotangents], allow_unused=True
    )
    for (name, _, _), g, e in zip(wrt, got, wanted, strict=True):
        assert (g is None) == (e is None), name
        if e is not None:
            _agree(f"gradient of {name}", g, e, dtype)
