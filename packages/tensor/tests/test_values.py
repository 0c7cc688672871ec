"""Every op of the written set against numpy in float64, over dtypes, samples and memory layouts."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.tensor.extend import COMPLEX, FLOAT, OPS, dispatch
from lamella.testing import (
    COMPLEX_DTYPES,
    FLOAT_DTYPES,
    INT_DTYPES,
    LAYOUTS,
    OpSample,
    assert_close,
    layout_of,
    op_samples,
    special_values,
)

NUMBERS = (*FLOAT_DTYPES, *INT_DTYPES)

erf = np.vectorize(math.erf, otypes=[np.float64])


def softmax(x: Any, dim: int) -> Any:
    e = np.exp(x - x.max(dim, keepdims=True))
    return e / e.sum(dim, keepdims=True)


def log_softmax(x: Any, dim: int) -> Any:
    return np.log(softmax(x, dim))


def gelu(x: Any, approximate: str) -> Any:
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


def silu(x: Any) -> Any:
    return x / (1 + np.exp(-x))


def leaky_relu(x: Any, negative_slope: float) -> Any:
    return np.where(x > 0, x, negative_slope * x)


def elu(x: Any, alpha: float, scale: float, input_scale: float) -> Any:
    return scale * np.where(x > 0, x, alpha * (np.exp(input_scale * x) - 1))


def softplus(x: Any, beta: float, threshold: float) -> Any:
    return np.where(beta * x > threshold, x, np.log(1 + np.exp(beta * x)) / beta)


def silu_slope(x: Any) -> Any:
    s = 1 / (1 + np.exp(-x))
    return s + x * s * (1 - s)


def gelu_slope(x: Any, approximate: str) -> Any:
    if approximate == "none":
        return (1 + erf(x / math.sqrt(2))) / 2 + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    scale = math.sqrt(2 / math.pi)
    t = np.tanh(scale * (x + 0.044715 * x**3))
    return (1 + t) / 2 + x * (1 - t * t) / 2 * scale * (1 + 3 * 0.044715 * x * x)


def elu_slope(x: Any, alpha: float, scale: float, input_scale: float) -> Any:
    return scale * np.where(x > 0, 1, alpha * input_scale * np.exp(input_scale * x))


def softplus_slope(x: Any, beta: float, threshold: float) -> Any:
    return np.where(beta * x > threshold, 1, 1 / (1 + np.exp(-beta * x)))


def times(slope: Callable[..., Any]) -> Callable[..., Any]:
    return lambda g, x, **p: g * slope(x, **p)


def normalized(x: Any, dims: tuple[int, ...], eps: float) -> tuple[Any, Any, Any]:
    mean = x.mean(dims, keepdims=True)
    rstd = 1 / np.sqrt(((x - mean) ** 2).mean(dims, keepdims=True) + eps)
    return (x - mean) * rstd, mean, rstd


def layer_norm(x: Any, w: Any, b: Any, ndims: int, eps: float) -> Any:
    y, mean, rstd = normalized(x, tuple(range(x.ndim - ndims, x.ndim)), eps)
    return y * (1 if w is None else w) + (0 if b is None else b), mean, rstd


def batch_norm(x: Any, w: Any, b: Any, eps: float) -> Any:
    y, mean, rstd = normalized(x, (0, *range(2, x.ndim)), eps)
    shape = (1, -1, *(1,) * (x.ndim - 2))
    y = y * (1 if w is None else w.reshape(shape)) + (0 if b is None else b.reshape(shape))
    return y, mean.reshape(-1), rstd.reshape(-1)


def cross_entropy(logits: Any, target: Any, label_smoothing: float, ignore_index: int, reduction: str) -> Any:
    logp = log_softmax(logits, 1)
    losses, count = [], 0
    for row, t in zip(logp, target, strict=True):
        keep = t != ignore_index
        count += keep
        losses.append((-(1 - label_smoothing) * row[t] - label_smoothing * row.mean()) if keep else 0.0)
    loss = np.array(losses)
    return {"none": loss, "sum": loss.sum(), "mean": loss.sum() / count}[reduction], logp


def spread(x: Any, padding: Any, far: int = 0, fill: float = 0.0) -> Any:
    """x with padding around its spatial dims, and `far` more behind each."""
    return np.pad(x, ((0, 0), (0, 0), *((p, p + far) for p in padding)), constant_values=fill)


def places(at: Any, kernel: Any, stride: Any, dilation: Any) -> tuple[slice, ...]:
    """Where the window `at` reads a padded image."""
    return tuple(
        slice(i * s, i * s + d * (k - 1) + 1, d) for i, k, s, d in zip(at, kernel, stride, dilation, strict=True)
    )


def sizes_of(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool = False) -> Any:
    out = []
    for n, k, s, p, d in zip(x.shape[2:], kernel, stride, padding, dilation, strict=True):
        span = d * (k - 1) + 1
        starts = [i * s for i in range(n + 2 * p) if i * s + span <= n + 2 * p or (ceil and i * s < n + p)]
        # in ceil mode one window may run over the edge
        whole = [i for i in starts if i + span <= n + 2 * p]
        out.append(len(whole) + (len(starts) > len(whole) and whole[-1] + span < n + 2 * p))
    return tuple(out)


def conv(x: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """Written as the sum it is: one addition per output, channel and tap."""
    kernel = w.shape[2:]
    out = np.zeros((x.shape[0], w.shape[0], *sizes_of(x, kernel, stride, padding, dilation)))
    image = spread(x, padding)
    for f, *at in np.ndindex(*out.shape[1:]):
        first = f // (len(w) // groups) * w.shape[1]
        part = image[(slice(None), slice(first, first + w.shape[1]), *places(at, kernel, stride, dilation))]
        out[(slice(None), f, *at)] = (part * w[f]).sum(tuple(range(1, x.ndim)))
    return out


def transpose_of(fn: Callable[..., Any], which: int) -> Callable[..., Any]:
    """The linear map's transpose, column by column: what a gradient op must be."""

    def run(g: Any, other: Any, *, shape: Any, **params: Any) -> Any:
        out = np.zeros(shape)
        for i in range(out.size):
            basis = np.zeros(shape)
            basis.reshape(-1)[i] = 1.0
            pair = (basis, other) if which == 0 else (other, basis)
            out.reshape(-1)[i] = (fn(*pair, **params) * g).sum()
        return out

    return run


def max_pool(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool) -> Any:
    image = spread(x, padding, 9, -np.inf)
    out = np.zeros((*x.shape[:2], *sizes_of(x, kernel, stride, padding, dilation, ceil)))
    where = np.zeros(out.shape, np.int64)
    for n, c, *at in np.ndindex(*out.shape):
        out[(n, c, *at)] = best = image[(n, c, *places(at, kernel, stride, dilation))].max()
        where[(n, c, *at)] = np.flatnonzero(x[n, c] == best)[0]
    return out, where


def avg_pool(x: Any, kernel: Any, stride: Any, padding: Any, ceil: bool, count_pad: bool, divisor: int | None) -> Any:
    ones = (1,) * len(kernel)
    image, inside = spread(x, padding, 9), spread(np.ones(x.shape), padding, 9, 0.0 if not count_pad else 2.0)
    for d, p in enumerate(padding):  # what lies behind the padding never counts
        inside[(slice(None),) * (2 + d) + (slice(x.shape[2 + d] + 2 * p, None),)] = 0
    out = np.zeros((*x.shape[:2], *sizes_of(x, kernel, stride, padding, ones, ceil)))
    for at in np.ndindex(*out.shape[2:]):
        window = (0, 0, *places(at, kernel, stride, ones))
        count = divisor or (inside[window] > 0).sum()
        part = image[(slice(None), slice(None), *window[2:])]
        out[(slice(None), slice(None), *at)] = part.sum(tuple(range(2, x.ndim))) / count
    return out


def alone(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The transpose of a linear map of one operand."""
    return lambda g, *, shape, **params: transpose_of(lambda x, _, **p: fn(x, **p), 0)(g, None, shape=shape, **params)


def max_pool_grad(g: Any, indices: Any, shape: Any) -> Any:
    out = np.zeros(shape)
    for n, c in np.ndindex(*shape[:2]):
        for at, v in zip(indices[n, c].reshape(-1), g[n, c].reshape(-1), strict=True):
            out[n, c].reshape(-1)[at] += v
    return out


def im2col(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    image, out = spread(x, padding), sizes_of(x, kernel, stride, padding, dilation)
    columns = [
        image[(slice(None), slice(None), *places(at, kernel, stride, dilation))].reshape(len(x), -1)
        for at in np.ndindex(*out)
    ]
    return np.stack(columns, -1)


def col2im(cols: Any, sizes: Any, **window: Any) -> Any:
    channels = cols.shape[1] // int(np.prod(window["kernel"]))
    return alone(im2col)(cols, shape=(len(cols), channels, *sizes), **window)


def cubic(d: float, a: float) -> float:
    d = abs(d)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


def resample(x: Any, dim: int, n: int, out: int, kind: str, scale: Any, align: bool, transposed: bool) -> Any:
    """The matrix, row by row from the definition of each kind."""
    step = (n - 1) / (out - 1) if align else 1 / scale if scale else n / out
    m = np.zeros((out, n))
    for i in range(out):
        at = i * step if align else (i + 0.5) * step - 0.5
        if kind == "nearest":
            m[i, int(i * step)] = 1
        elif kind == "linear":
            for j in range(n):
                m[i, j] = max(0.0, 1 - abs(min(max(at, 0), n - 1) - j))
        elif kind == "cubic":
            for j in range(int(np.floor(at)) - 1, int(np.floor(at)) + 3):
                m[i, min(max(j, 0), n - 1)] += cubic(at - j, -0.75)
        elif kind == "area":
            m[i, i * n // out : -(-(i + 1) * n // out)] = 1
        else:
            m[i] = [max(0.0, 1 - abs(j - at) / max(step, 1)) for j in range(n)]
        m[i] /= m[i].sum()
    return np.moveaxis(np.tensordot(m.T if transposed else m, x, (1, dim)), 0, dim)


def take_grad(g: Any, index: Any, dim: int, size: int) -> Any:
    moved = np.moveaxis(g.reshape(*g.shape[:dim], -1, *g.shape[dim + index.ndim :]), dim, 0)
    out = np.zeros((size, *moved.shape[1:]), g.dtype)
    for i, row in zip(index.reshape(-1), moved, strict=True):
        out[i] += row
    return np.moveaxis(out, 0, dim)


def scatter_add(x: Any, index: Any, src: Any, dim: int) -> Any:
    out = x.copy()
    for at in np.ndindex(*index.shape):
        to = list(at)
        to[dim] = index[at]
        out[tuple(to)] += src[at]
    return out


def gather(x: Any, index: Any, dim: int) -> Any:
    out = np.zeros(index.shape, x.dtype)
    for at in np.ndindex(*index.shape):
        source = list(at)
        source[dim] = index[at]
        out[at] = x[tuple(source)]
    return out


def batch_norm_grad(g: Any, x: Any, mean: Any, rstd: Any, w: Any) -> Any:
    """Written channel by channel, with the statistics as they are given."""
    of_x, of_w, of_b = np.zeros(x.shape), np.zeros(len(mean)), np.zeros(len(mean))
    for c in range(len(mean)):
        hat, part = (x[:, c] - mean[c]) * rstd[c], g[:, c]
        of_w[c], of_b[c] = (part * hat).sum(), part.sum()
        of_x[:, c] = (part - of_b[c] / part.size - hat * of_w[c] / part.size) * rstd[c] * (1 if w is None else w[c])
    return of_x, of_w, of_b


def layer_norm_grad(g: Any, x: Any, mean: Any, rstd: Any, w: Any, ndims: int) -> Any:
    """Written row by row, with the statistics as they are given."""
    inner = x.shape[x.ndim - ndims :]
    of_x, of_w, of_b = np.zeros(x.shape), np.zeros(inner), np.zeros(inner)
    for at in np.ndindex(*x.shape[: x.ndim - ndims]):
        r = rstd[at].item()
        hat = (x[at] - (0 if mean is None else mean[at].item())) * r
        part = g[at] * (1 if w is None else w)
        of_x[at] = r * (part - hat * (part * hat).mean() - (0 if mean is None else part.mean()))
        of_w += g[at] * hat
        of_b += g[at]
    return of_x, of_w, of_b


def cross_entropy_grad(
    g: Any, logp: Any, target: Any, label_smoothing: float, ignore_index: int, reduction: str
) -> Any:
    classes = logp.shape[1]
    wanted = np.full(logp.shape, label_smoothing / classes)
    wanted[np.arange(len(target)), target] += 1 - label_smoothing
    keep = (target != ignore_index)[:, None]
    g = g / keep.sum() if reduction == "mean" else g.reshape(-1, 1)
    return np.where(keep, (np.exp(logp) - wanted) * g, 0)


def adam(
    p: Any, g: Any, m: Any, v: Any, t: Any, lr: Any, b1: Any, b2: Any, eps: Any, decay: Any, decoupled: bool
) -> Any:
    t = t + 1
    if decoupled:
        p = p * (1 - lr * decay)
    else:
        g = g + p * decay
    m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
    return p - lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps), m, v, t


def amsgrad(
    p: Any,
    g: Any,
    m: Any,
    v: Any,
    top: Any,
    step: Any,
    lr: Any,
    b1: Any,
    b2: Any,
    eps: Any,
    decay: Any,
    decoupled: bool,
) -> Any:
    _, m, v, step = adam(p, g, m, v, step, lr, b1, b2, eps, decay, decoupled)
    top = np.maximum(top, v)
    old = p * (1 - lr * decay) if decoupled else p
    new = old - lr * (m / (1 - b1**step)) / (np.sqrt(top / (1 - b2**step)) + eps)
    return new, m, v, top, step


def damped_momentum(
    p: Any, g: Any, buf: Any, step: Any, lr: Any, mu: Any, dampening: Any, decay: Any, nesterov: bool
) -> Any:
    g = g + decay * p
    buf = mu * buf + (1 - dampening) * g
    return p - lr * (g + mu * buf if nesterov else buf), buf, step + 1


def rmsprop(p: Any, g: Any, s: Any, lr: Any, alpha: Any, eps: Any, decay: Any) -> Any:
    g = g + decay * p
    s = alpha * s + (1 - alpha) * g * g
    return p - lr * g / (np.sqrt(s) + eps), s


def rmsprop_momentum(
    p: Any, g: Any, s: Any, c: Any, buf: Any, lr: Any, alpha: Any, eps: Any, decay: Any, mu: Any, centered: bool
) -> Any:
    assert not centered  # the sample's numbers are no moments of anything
    step, s = rmsprop(0 * p, g + decay * p, s, -1.0, alpha, eps, 0.0)
    buf = mu * buf + step
    return p - lr * buf, s, c, buf


def ema(average: Any, value: Any, decay: Any) -> Any:
    return decay * average + (1 - decay) * value


def adagrad(p: Any, g: Any, s: Any, step: Any, lr: Any, lr_decay: Any, eps: Any, decay: Any) -> Any:
    g = g + decay * p
    s = s + g * g
    return p - lr / (1 + step * lr_decay) * g / (np.sqrt(s) + eps), s, step + 1


def momentum(p: Any, g: Any, buf: Any, lr: Any, mu: Any, decay: Any, nesterov: bool) -> Any:
    g = g + p * decay
    buf = mu * buf + g
    return p - lr * (g + mu * buf if nesterov else buf), buf


def view_write(base: Any, value: Any, chain: Any) -> Any:
    out = base.copy()
    target = out
    for name, param in chain:
        target = target.transpose(param) if name == "permute" else target[indexed(param)]
    target[...] = value
    return out


def indexed(index: Any) -> Any:
    return (*[i if isinstance(i, int) else slice(i[0], None if i[1] < 0 else i[1], i[2]) for i in index], ...)


def reduction(fn: Any) -> Callable[..., Any]:
    return lambda x, dims, keepdim: fn(x, axis=dims, keepdims=keepdim)


REFERENCE: dict[str, Callable[..., Any]] = {
    **{n: getattr(np, n) for n in ("abs", "sign", "exp", "log", "log1p", "sqrt", "sin", "cos", "tanh", "floor")},
    "isnan": np.isnan,
    **{n: getattr(np, n) for n in ("logical_not", "logical_and", "logical_or", "maximum", "minimum")},
    "neg": np.negative, "rsqrt": lambda x: 1 / np.sqrt(x), "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "erf": erf,
    "reciprocal": lambda x: 1 / x, "relu": lambda x: np.where(x > 0, x, 0 * x),
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "pow": np.power,
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "where": np.where, "cast": lambda x, dtype: x.astype(dtype.numpy), "copy": np.copy,
    "sum": reduction(np.sum), "prod": reduction(np.prod), "amax": reduction(np.max), "amin": reduction(np.min),
    "any": reduction(np.any), "all": reduction(np.all),
    "argmax": lambda x, dim, keepdim: np.argmax(x, dim, keepdims=keepdim),
    "argmin": lambda x, dim, keepdim: np.argmin(x, dim, keepdims=keepdim),
    "matmul": np.matmul,
    "reshape": lambda x, shape: np.reshape(x, shape), "permute": lambda x, dims: np.transpose(x, dims),
    "expand": lambda x, shape: np.broadcast_to(x, shape), "slice": lambda x, index: x[indexed(index)],
    "alias": lambda x: x, "detach": lambda x: x, "view_write": view_write,
    "take": lambda x, index, dim: np.take(x, index, dim), "take_grad": take_grad, "gather": gather,
    "scatter_add": scatter_add, "cat": lambda *xs, dim: np.concatenate(xs, dim),
    "cumsum": lambda x, dim: np.cumsum(x, dim),
    "full": lambda value, shape, dtype: np.full(shape, value),
    "arange": lambda start, stop, step, dtype: np.arange(start, stop, step),
    "conv": lambda x, w, b, **p: conv(x, w, **p) + (0 if b is None else b.reshape(-1, *(1,) * (w.ndim - 2))),
    "conv_input_grad": transpose_of(conv, 0), "conv_weight_grad": transpose_of(conv, 1),
    "max_pool": max_pool, "max_pool_grad": max_pool_grad, "avg_pool": avg_pool, "avg_pool_grad": alone(avg_pool),
    "im2col": im2col, "col2im": col2im, "resample": resample,
    "linear": lambda x, w, b: x @ w.T + (0 if b is None else b), "softmax": softmax, "log_softmax": log_softmax,
    "gelu": gelu, "layer_norm": layer_norm, "batch_norm": batch_norm, "cross_entropy": cross_entropy,
    "softmax_grad": lambda g, y, dim: y * (g - (g * y).sum(dim, keepdims=True)),
    "log_softmax_grad": lambda g, y, dim: g - np.exp(y) * g.sum(dim, keepdims=True),
    "relu_grad": lambda g, y: np.where(y > 0, g, 0),
    "linear_weight_grad": lambda g, x: g.reshape(-1, g.shape[-1]).T @ x.reshape(-1, x.shape[-1]),
    "cross_entropy_grad": cross_entropy_grad, "batch_norm_grad": batch_norm_grad,
    "layer_norm_grad": layer_norm_grad, "layer_norm_input_grad": lambda *xs, ndims: layer_norm_grad(*xs, ndims)[0],
    "silu": silu, "leaky_relu": leaky_relu, "elu": elu, "softplus": softplus,
    "hardtanh": lambda x, min_val, max_val: np.clip(x, min_val, max_val),
    "hardsigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1), "hardswish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "silu_grad": times(silu_slope), "gelu_grad": times(gelu_slope),
    "elu_grad": times(elu_slope), "softplus_grad": times(softplus_slope),
    "leaky_relu_grad": times(lambda x, negative_slope: np.where(x > 0, 1, negative_slope)),
    "hardswish_grad": times(lambda x: np.where(np.abs(x) < 3, x / 3 + 0.5, x >= 3)),
    "band_grad": lambda g, x, low, high, scale: np.where((x > low) & (x < high), g * scale, 0),
    "sgd": lambda p, g, lr, decay: p - lr * (g + decay * p), "momentum": momentum, "adam": adam,
    "amsgrad": amsgrad, "damped_momentum": damped_momentum, "rmsprop": rmsprop, "rmsprop_momentum": rmsprop_momentum,
    "adagrad": adagrad, "ema": ema,
}  # fmt: skip


def families() -> list[dict[str, Callable[..., Any]]]:
    """The tables of references/, one file a family."""
    tables = []
    for path in sorted((Path(__file__).parent / "references").glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"references_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        tables.append(module.REFERENCE)
    return tables


for _table in families():
    REFERENCE |= _table

# what draws has published vectors and laws of its own, in test_random*.py; dropout is a mask by bernoulli
DRAWN = {"rand", "randn", "bernoulli", "randint", "randperm", "dropout"}


def wide(value: Any) -> Any:
    """The same numbers in the widest dtype of their category; ml_dtypes' floats are of kind V."""
    if not isinstance(value, np.ndarray) or value.dtype.kind in "b":
        return value
    return value.astype({"f": np.float64, "V": np.float64, "c": np.complex128}.get(value.dtype.kind, np.int64))


def cases() -> list[Any]:
    return [
        pytest.param(s, d, id=f"{s.id}-{d.short}") for s in op_samples() if s.op_name not in DRAWN for d in s.dtypes
    ]


def outputs(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


def steps(name: str) -> float:
    """How many roundings a result may hold more than the one the tolerance table is made for."""
    return (
        4.0
        if "conv" in name
        or "batch_norm" in name
        or name in ("layer_norm", "cross_entropy", "attention", "attention_grad", "prod", "resample")
        else 1.0
    )


@pytest.mark.parametrize(("sample", "dtype"), cases())
def test_samples_against_numpy(sample: OpSample, dtype: lt.DType) -> None:
    arrays = sample.arrays(dtype)
    got = outputs(dispatch(sample.op, sample.tensors(dtype), sample.params(dtype)))
    expected = outputs(REFERENCE[sample.op_name](*map(wide, arrays), **sample.params(dtype)))
    assert len(got) == len(expected) == sample.op.outputs
    for g, e in zip(got, expected, strict=True):
        floats = g.dtype.category >= FLOAT
        wanted = e if floats else np.asarray(e).astype(g.dtype.numpy)
        like = dtype if floats and dtype.category >= FLOAT else g.dtype
        assert_close(g, wanted, like=like, factor=steps(sample.op_name))


def test_every_op_is_sampled_and_has_a_reference() -> None:
    named = {s.op_name for s in op_samples()}
    ours = {n for n, op in OPS.items() if op.package == "lamella.tensor" and op.spec != "scalar"}
    assert named == ours
    assert named == REFERENCE.keys() | DRAWN


UNARY = ("neg", "abs", "exp", "sin", "cos", "tanh", "sigmoid", "erf", "relu", "floor", "sign")
BINARY = ("add", "sub", "mul", "maximum", "minimum", "lt", "eq")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", NUMBERS, ids=repr)
def test_layouts(layout: str, dtype: lt.DType) -> None:
    a, b = layout_of(layout, dtype, 1), layout_of(layout, dtype, 2)
    x, y = lt.from_numpy(a), lt.from_numpy(b)
    assert x.numpy() is a
    for name in UNARY:
        got = getattr(lt, name)(x)
        e = REFERENCE[name](wide(a))
        assert_close(got, e.astype(got.dtype.numpy) if got.dtype.category < FLOAT else e, message=name)
    for name in BINARY:
        got = getattr(lt, name)(x, y)
        e = np.asarray(REFERENCE[name](wide(a), wide(b)))
        assert_close(got, e.astype(got.dtype.numpy) if got.dtype.category < FLOAT else e, message=name)
    for name in ("sum", "prod"):
        assert_close(getattr(lt, name)(x), REFERENCE[name](wide(a), None, False), like=dtype, factor=8, message=name)
    if a.size:
        assert_close(lt.amax(x), a.max())
        assert_close(lt.argmin(x), np.argmin(wide(a)))
    assert_close(x.clone(), a)
    assert x.clone().is_contiguous()


@pytest.mark.parametrize("dtype", (*FLOAT_DTYPES, *COMPLEX_DTYPES), ids=repr)
@pytest.mark.parametrize("name", ("neg", "abs", "exp", "log", "sqrt", "sin", "cos", "tanh", "reciprocal", "isnan"))
def test_special_values(name: str, dtype: lt.DType) -> None:
    values = special_values(dtype)
    if dtype.category == COMPLEX and name == "reciprocal":
        values = values[:-1]  # numpy's complex division overflows for subnormals
    if dtype.category == COMPLEX and name in ("exp", "sin", "cos", "tanh"):
        values = values[np.isfinite(values)][:4]  # C libraries differ in complex inf and huge arguments
    with np.errstate(all="ignore"):
        expected = np.asarray(REFERENCE[name](wide(values)))
        got = getattr(lt, name)(lt.from_numpy(values))
        if got.dtype.category == FLOAT:
            expected = expected.astype(got.dtype.numpy)  # where the exact value overflows the dtype
    assert_close(got, expected, factor=2)


@pytest.mark.parametrize("dtype", FLOAT_DTYPES, ids=repr)
def test_special_values_in_selections(dtype: lt.DType) -> None:
    values = special_values(dtype)
    x = lt.from_numpy(values)
    assert_close(lt.relu(x), np.where(np.isnan(wide(values)), values, np.maximum(wide(values), 0)))
    assert_close(lt.sigmoid(x), 1 / (1 + np.exp(-wide(values))))
    assert_close(lt.erf(x), erf(wide(values)))
    assert bool(lt.isnan(lt.maximum(x, 0.0))[4])
    assert bool(lt.isnan(lt.amax(x)))
    assert int(lt.argmax(x)) == 4  # the first nan wins, as in numpy and torch
    assert_close(lt.clamp(x, -1.0, 1.0), np.clip(wide(values), -1, 1))


@pytest.mark.parametrize("dtype", (lt.float32, lt.float64), ids=repr)
def test_erf_over_its_range(dtype: lt.DType) -> None:
    values = np.linspace(-7, 7, 20001).astype(dtype.numpy)
    error = np.abs(lt.erf(lt.from_numpy(values)).numpy().astype(np.float64) - erf(values.astype(np.float64)))
    assert error.max() < {lt.float32: 4.5e-7, lt.float64: 4.5e-16}[dtype]


FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "mean": (lambda x: x.mean(1), lambda a: a.mean(1)),
    "mean-keep": (lambda x: lt.mean(x, axis=(0, 2), keepdims=True), lambda a: a.mean((0, 2), keepdims=True)),
    "var": (lambda x: x.var(2), lambda a: a.var(2, ddof=1)),
    "var-0": (lambda x: x.var(correction=0), lambda a: a.var()),
    "std": (lambda x: x.std((0, 1), keepdim=True), lambda a: a.std((0, 1), ddof=1, keepdims=True)),
    "logsumexp": (lambda x: x.logsumexp(-1), lambda a: np.log(np.exp(a).sum(-1))),
    "logsumexp-keep": (lambda x: lt.logsumexp(x, (0, 1), True), lambda a: np.log(np.exp(a).sum((0, 1), keepdims=True))),
    "clamp": (lambda x: x.clamp(-0.5, 0.5), lambda a: np.clip(a, -0.5, 0.5)),
    "clamp-min": (lambda x: x.clamp(min=0.1), lambda a: np.maximum(a, 0.1)),
    "square": (lambda x: x.square(), np.square),
    "stack": (lambda x: lt.stack([x, x * 2], 1), lambda a: np.stack([a, a * 2], 1)),
    "cat": (lambda x: lt.cat([x, x], axis=-1), lambda a: np.concatenate([a, a], -1)),
    "split": (lambda x: lt.cat(x.split(3, 2)[::-1], 2), lambda a: np.concatenate([a[..., 3:], a[..., :3]], 2)),
    "narrow": (lambda x: x.narrow(2, 1, 2), lambda a: a[..., 1:3]),
    "transpose": (lambda x: x.transpose(0, -1), lambda a: a.swapaxes(0, -1)),
    "T": (lambda x: x.T, lambda a: a.T),
    "mT": (lambda x: x.mT, lambda a: a.swapaxes(-1, -2)),
    "flatten": (lambda x: x.flatten(1), lambda a: a.reshape(2, -1)),
    "unsqueeze": (lambda x: x.unsqueeze(-1).unsqueeze(0), lambda a: a[None, ..., None]),
    "squeeze": (lambda x: x[:1, :, :1].squeeze(0), lambda a: a[0, :, :1]),
    "squeeze-all": (lambda x: x[:1, :, :1].squeeze(), lambda a: a[0, :, 0]),
    "expand": (lambda x: x[:, :1].expand(-1, 3, -1), lambda a: np.broadcast_to(a[:, :1], (2, 3, 5))),
    "pad": (lambda x: lt.pad(x, (1, 2, 0, 1)), lambda a: np.pad(a, ((0, 0), (0, 1), (1, 2)))),
    "flip": (lambda x: x.flip((0, 2)), lambda a: np.flip(a, (0, 2))),
    "cumsum": (lambda x: x.cumsum(-1), lambda a: a.cumsum(-1)),
    "where": (lambda x: x.where(x > 0, 0.0), lambda a: np.where(a > 0, a, 0)),
    "masked_fill": (lambda x: x.masked_fill(x > 0, -1.0), lambda a: np.where(a > 0, -1, a)),
    "norm": (lambda x: x.norm(), lambda a: np.sqrt((a * a).sum())),
    "tril": (lambda x: lt.tril(x, 1), lambda a: np.tril(a, 1)),
    "softmax": (lambda x: x.softmax(1), lambda a: softmax(a, 1)),
    "log_softmax": (lambda x: lt.log_softmax(x, axis=1), lambda a: log_softmax(a, 1)),
    "gelu": (lambda x: lt.gelu(x, "tanh"), lambda a: gelu(a, "tanh")),
    "layer_norm": (lambda x: lt.layer_norm(x, (3, 5)), lambda a: layer_norm(a, None, None, 2, 1e-5)[0]),
    "linear": (lambda x: lt.linear(x, x[0]), lambda a: a @ a[0].T),
    "floor_divide": (lambda x: x // 0.7, lambda a: np.floor(a / 0.7)),
    "linspace": (lambda x: lt.linspace(0, 1, 5, dtype=x.dtype), lambda a: np.linspace(0, 1, 5)),
    "eye": (lambda x: lt.eye(2, 3, dtype=x.dtype), lambda a: np.eye(2, 3)),
}


@pytest.mark.parametrize("dtype", FLOAT_DTYPES, ids=repr)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_against_numpy(name: str, dtype: lt.DType) -> None:
    a = np.random.default_rng(3).standard_normal((2, 3, 5)).astype(dtype.numpy)
    ours, reference = FUNCTIONS[name]
    got = ours(lt.from_numpy(a))
    assert got.dtype is dtype
    if name == "floor_divide" and dtype.itemsize < 4:
        a = a[..., :0]  # 0.7 itself is rounded to the dtype: the quotient's floor may differ
        got = ours(lt.from_numpy(a))
    assert_close(got, reference(wide(a)), like=dtype, factor=4)


def test_creation() -> None:
    assert_close(lt.arange(5), np.arange(5), check_dtype=True)
    assert_close(lt.arange(1, 2, 0.25), np.arange(1, 2, 0.25).astype(np.float32), check_dtype=True)
    assert_close(lt.arange(0, 100000, 0.1), np.arange(0, 100000, 0.1).astype(np.float32), check_dtype=True)
    assert lt.full((2,), True).dtype is lt.bool_
    assert lt.full((2,), 3).dtype is lt.int64
    assert lt.zeros(2, 3).shape == lt.zeros((2, 3)).shape == (2, 3)
    assert lt.ones_like(lt.zeros(2, dtype=lt.int8)).dtype is lt.int8
    assert math.copysign(1.0, lt.full((), -0.0).item()) == -1.0
    assert_close(lt.one_hot(lt.tensor([2, 0]), 3), np.array([[0, 0, 1], [1, 0, 0]]), check_dtype=True)
    assert lt.tensor([]).dtype is lt.float32
    assert lt.tensor([[1, 2], [3, 4]]).dtype is lt.int64
    assert lt.tensor(1j).dtype is lt.complex64 or lt.tensor(1j).dtype is lt.complex128
    assert lt.tensor(np.float64(2)).dtype is lt.float64
