"""Kernels that work on blocks of rows or images: however these are cut up, in turn or over threads, values are numpy's.

Blocks are made tiny here; the references are written over whole arrays in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.tensor._ops import _parts, softmax
from lamella.tensor.extend import OPS, dispatch

RNG = np.random.default_rng(4)
INNER = 40
GRADS = ("softmax_grad", "log_softmax_grad")


@pytest.fixture(params=[(1 << 30, 1 << 30), (512, 1 << 30), (512, 1)], ids=["whole", "in turn", "threads"])
def _cut(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    block, large = request.param
    monkeypatch.setattr(_parts, "_BLOCK_BYTES", block)
    monkeypatch.setattr(_parts, "_LARGE", large)
    monkeypatch.setattr(softmax, "_BLOCK_BYTES", block)


def norm(x: Any, weight: Any, bias: Any, centred: bool) -> tuple[Any, ...]:
    """(y, mean or zeros, 1 / spread) over the last dim."""
    mean = x.mean(-1, keepdims=True) * centred
    rstd = 1 / np.sqrt(np.square(x - mean).mean(-1, keepdims=True) + 1e-5)
    return (x - mean) * rstd * weight + bias, mean, rstd


def norm_grads(g: Any, x: Any, weight: Any, centred: bool) -> tuple[Any, ...]:
    _, mean, rstd = norm(x, weight, 0, centred)
    hat, s = (x - mean) * rstd, g * weight
    of_x = rstd * (s - centred * s.mean(-1, keepdims=True) - hat * (s * hat).mean(-1, keepdims=True))
    return of_x, (g * hat).sum((0, 1)), g.sum((0, 1))


def softmaxes(g: Any, x: Any) -> tuple[Any, ...]:
    """(softmax, its logarithm, gradients of x of both) along the last dim."""
    e = np.exp(x - x.max(-1, keepdims=True))
    y = e / e.sum(-1, keepdims=True)
    return y, np.log(y), y * (g - (g * y).sum(-1, keepdims=True)), g - y * g.sum(-1, keepdims=True)


def operands(dtype: lt.DType, layout: str, rows: int) -> list[Any]:
    """g, x [5, rows, 40] in the given layout, weight and bias [40]: all rounded to dtype."""
    shape = (5, rows, INNER)
    g, x, w, b = (lt.tensor(RNG.normal(size=s) + 0.5).to(dtype) for s in (shape, shape, INNER, INNER))
    if layout == "permuted":
        x = x.permute(2, 1, 0).contiguous().permute(2, 1, 0)
    elif layout == "expanded":
        g, x = g[:1].expand(*shape), x[:, :1].expand(*shape)
    elif layout == "one gradient":
        g = g[0, 0, 0].expand(*shape)  # as that of a sum
    return [g, x, w, b]


# of one rounding to the type, and some more where sums are taken in it
TOLERANCE = {lt.float64: 1e-13, lt.float32: 2e-6, lt.float16: 2e-3, lt.bfloat16: 1e-2}


def check(got: Any, expected: Any, dtype: lt.DType, terms: float = 1) -> None:
    """Within some roundings of as many terms of about 1 as may cancel in a result."""
    bound = TOLERANCE[dtype]
    for f, e in zip(got, expected, strict=True):
        assert f.shape == e.shape
        np.testing.assert_allclose(f.to(lt.float64).numpy(), e, bound, bound * np.abs(e).max(initial=terms))


@pytest.mark.parametrize("layout", ["plain", "permuted", "expanded", "one gradient", "no rows"])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.usefixtures("_cut")
def test_rows_in_blocks(dtype: lt.DType, layout: str) -> None:
    tensors = operands(dtype, layout, 0 if layout == "no rows" else 7)
    g, x, w, b = tensors
    ng, nx, nw, nb = (t.to(lt.float64).numpy() for t in tensors)
    wide = lt.float32 if dtype.itemsize < 4 else dtype
    params = {"ndims": 1, "eps": 1e-5}
    y, mean, rstd = dispatch(OPS["layer_norm"], (x, w, b), params)
    ny, nmean, nrstd = norm(nx, nw, nb, True)
    check([y], [ny], dtype)
    check([mean, rstd], [nmean, nrstd], wide)
    y, rstd = dispatch(OPS["rms_norm"], (x, w), params)
    check([y], norm(nx, nw, 0, False)[:1], dtype)
    check([rstd], norm(nx, nw, 0, False)[2:], wide)
    if x.numel():
        soft, log_soft, soft_grad, log_soft_grad = softmaxes(ng, nx)
        check([lt.softmax(x, -1), lt.log_softmax(x, -1)], [soft, log_soft], dtype)
    if dtype is not wide:
        return  # the steps of the backward rules work in the wide type
    for centred in (True, False):
        _, nmean, nrstd = norm(nx, nw, nb, centred)
        stats = [lt.tensor(nmean).to(dtype) if centred else None, lt.tensor(nrstd).to(dtype)]
        check(dispatch(OPS["layer_norm_grad"], (g, x, *stats, w), {"ndims": 1}), norm_grads(ng, nx, nw, centred), dtype)
        plain = dispatch(OPS["layer_norm_input_grad"], (g, x, *stats, None), {"ndims": 1})
        check([plain], norm_grads(ng, nx, 1.0, centred)[:1], dtype)
    if x.numel():
        got = [
            dispatch(OPS[n], (g, lt.tensor(v).to(dtype)), {"dim": 2})
            for n, v in zip(GRADS, (soft, log_soft), strict=True)
        ]
        check(got, [soft_grad, log_soft_grad], dtype)


@pytest.mark.parametrize("shape", [(13, 5, 40), (70, 5), (6, 5, 3, 40), (9, 5, 1)])
@pytest.mark.parametrize("layout", ["plain", "permuted", "one gradient"])
@pytest.mark.parametrize("dtype", [lt.float64, lt.float32])
@pytest.mark.usefixtures("_cut")
def test_batch_norm_in_blocks(dtype: lt.DType, layout: str, shape: tuple[int, ...]) -> None:
    g, x, w, b = (lt.tensor(RNG.normal(size=s) + 0.5).to(dtype) for s in (shape, shape, 5, 5))
    if layout == "permuted":
        x = x.transpose(0, -1).contiguous().transpose(0, -1)
    elif layout == "one gradient":
        g = g[(0,) * g.ndim].expand(*shape)
    ng, nx, nw, nb = (t.to(lt.float64).numpy() for t in (g, x, w, b))
    axes = tuple(d for d in range(len(shape)) if d != 1)

    def channel(v: Any) -> Any:
        return v.reshape(1, 5, *(1,) * (len(shape) - 2))

    mean, rstd = nx.mean(axes), 1 / np.sqrt(nx.var(axes) + 1e-5)
    hat = (nx - channel(mean)) * channel(rstd)
    got = lt.batch_norm(x, w, b)
    check(got, [hat * channel(nw) + channel(nb), mean, rstd], dtype)
    of_w, of_b = (ng * hat).sum(axes), ng.sum(axes)
    count = nx.size / 5
    of_x = channel(nw * rstd) * (ng - channel(of_b) / count - hat * channel(of_w) / count)
    check(dispatch(OPS["batch_norm_grad"], (g, x, *got[1:], w), {}), [of_x, of_w, of_b], dtype, count)


def test_gradients_do_not_depend_on_threads() -> None:
    x = lt.tensor(RNG.normal(size=(700, 400)), dtype=lt.float32)
    rstd, w = lt.ones(700, 1), lt.ones(400)
    first = dispatch(OPS["layer_norm_grad"], (x, x, None, rstd, w), {"ndims": 1})
    for _ in range(5):
        again = dispatch(OPS["layer_norm_grad"], (x, x, None, rstd, w), {"ndims": 1})
        assert all((a == b).all() for a, b in zip(first, again, strict=True))
