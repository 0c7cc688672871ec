"""Rows of the first ops: arithmetic, reductions, products, layout, indexing, windows, unit composites."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

import lamella.tensor as lt
from integration.oracle.inputs import DTYPES, FLOATS, INTS, In
from integration.oracle.row import Row

__all__ = ["EXEMPT", "ROWS"]


_M = In((3, 4))
_P = In((3, 4), "positive")
_NUMBERS = (*FLOATS, *INTS)


def _unary(op: str, function: Callable[..., Any], one: In = _M, dtypes: tuple[str, ...] = FLOATS) -> Row:
    return Row(op, function, (one,), {}, dtypes)


def _binary(op: str, function: Callable[..., Any], dtypes: tuple[str, ...] = _NUMBERS, b: In = _M) -> list[Row]:
    return [
        Row(op, function, (_M, b), {}, dtypes),
        Row(op, function, (In((2, 3, 1)), In((4,), b.kind)), {}, dtypes, "broadcast"),
        Row(op, function, (In((0, 3)), In((1, 3), b.kind)), {}, dtypes, "empty"),
        Row(op, function, (In(()), In((), b.kind)), {}, dtypes, "scalar"),
    ]


def _reduction(op: str, function: Callable[..., Any], dtypes: tuple[str, ...], one: In, empty: bool) -> list[Row]:
    shape = (2, 3, 4)
    full = In(shape, one.kind)
    rows = [
        Row(op, lambda x: function(x, (1,), False), (full,), {"dims": (1,), "keepdim": False}, dtypes, "middle"),
        Row(op, lambda x: function(x, (0, 2), True), (full,), {"dims": (0, 2), "keepdim": True}, dtypes, "outer"),
        Row(op, lambda x: function(x, (0, 1, 2), False), (full,), {"dims": (0, 1, 2), "keepdim": False}, dtypes),
    ]
    if empty:
        none = In((0, 3), one.kind)
        rows.append(
            Row(op, lambda x: function(x, (0,), False), (none,), {"dims": (0,), "keepdim": False}, dtypes, "empty")
        )
    return rows


def _prod(x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
    # the oracle takes one dim at a time
    for d in sorted(dims, reverse=True):
        x = torch.prod(x, d, keepdim)
    return x


def _over(name: str) -> Callable[..., Any]:
    function = getattr(torch, name)
    return lambda x, dims, keepdim: function(x, dims, keepdim=keepdim)


_ELEMENTWISE = [
    _unary("neg", torch.neg, dtypes=_NUMBERS),
    _unary("abs", torch.abs, dtypes=_NUMBERS),
    _unary("sign", torch.sign, dtypes=_NUMBERS),
    _unary("exp", torch.exp, dtypes=DTYPES),
    _unary("log", torch.log, _P, DTYPES),
    _unary("log1p", torch.log1p, _P, DTYPES),
    _unary("sqrt", torch.sqrt, _P, DTYPES),
    _unary("rsqrt", torch.rsqrt, _P, DTYPES),
    _unary("sin", torch.sin, dtypes=DTYPES),
    _unary("cos", torch.cos, dtypes=DTYPES),
    _unary("tanh", torch.tanh, dtypes=DTYPES),
    _unary("sigmoid", torch.sigmoid, dtypes=DTYPES),
    _unary("erf", torch.erf, dtypes=DTYPES),
    _unary("reciprocal", torch.reciprocal, _P, DTYPES),
    _unary("relu", torch.relu, dtypes=_NUMBERS),
    _unary("floor", torch.floor, dtypes=_NUMBERS),
    _unary("logical_not", torch.logical_not, dtypes=DTYPES),
    _unary("isnan", torch.isnan, dtypes=DTYPES),
    *_binary("add", torch.add, DTYPES),
    *_binary("sub", torch.sub),
    *_binary("mul", torch.mul, DTYPES),
    *_binary("div", torch.div, DTYPES, _P),
    *_binary("maximum", torch.maximum, DTYPES),
    *_binary("minimum", torch.minimum, DTYPES),
    *[
        row
        for name in ("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or")
        for row in _binary(name, getattr(torch, name), DTYPES)
    ],
    Row("pow", torch.pow, (_P, _M), {}),
    Row("pow", torch.pow, (In((2, 3, 1), "positive"), In((4,))), {}, label="broadcast"),
    Row("pow", lambda x: x**3, (_M,), {}, _NUMBERS, "cube", extra=(3,)),
    Row("pow", lambda x: x**0.5, (_P,), {}, label="root", extra=(0.5,)),
    Row("where", torch.where, (In((3, 4), "mask"), _M, _M), {}, DTYPES),
    Row("where", torch.where, (In((3, 1), "mask"), _M, In((4,))), {}, DTYPES, "broadcast"),
    Row("copy", torch.clone, (_M,), {}, DTYPES),
    *[
        Row("cast", lambda x, name=name: x.to(getattr(torch, name)), (_P,), {"dtype": getattr(lt, ours)}, DTYPES, name)
        for name, ours in (
            ("float64", "float64"),
            ("float32", "float32"),
            ("bfloat16", "bfloat16"),
            ("int32", "int32"),
            ("bool", "bool_"),
        )
    ],
]

_BOOLEAN = tuple(d for d in DTYPES if d != "uint8")  # for which the oracle keeps an older rule: it gives uint8

_REDUCTIONS = [
    *_reduction("sum", _over("sum"), DTYPES, _M, True),
    *_reduction("prod", _prod, (*FLOATS, "int64", "int32"), _P, True),
    *_reduction("amax", _over("amax"), DTYPES, _M, False),
    *_reduction("amin", _over("amin"), DTYPES, _M, False),
    *_reduction("any", _over("any"), _BOOLEAN, _M, True),
    *_reduction("all", _over("all"), _BOOLEAN, _M, True),
    *[
        Row(
            name,
            lambda x, f=f, dim=dim, keep=keep: f(x, dim, keep),
            (In((5, 7)),),
            {"dim": dim, "keepdim": keep},
            _NUMBERS,
            f"{dim}-{keep}",
        )
        for name, f in (("argmax", torch.argmax), ("argmin", torch.argmin))
        for dim, keep in ((None, False), (0, False), (1, True))
    ],
    Row("cumsum", lambda x: torch.cumsum(x, 1), (In((3, 5)),), {"dim": 1}, DTYPES),
]

_PRODUCTS = [
    Row("matmul", torch.matmul, (In(a), In(b)), {}, (*FLOATS, "int64", "int32"), f"{len(a)}-{len(b)}")
    for a, b in (
        ((3, 5), (5, 4)), ((5,), (5,)), ((5,), (5, 4)), ((3, 5), (5,)), ((2, 1, 3, 5), (4, 5, 2)), ((2, 3, 5), (5,)),
        ((0, 5), (5, 4)),
    )
]  # fmt: skip

_LAYOUT = [
    Row("reshape", lambda x: x.reshape(4, 6), (In((2, 3, 4)),), {"shape": (4, 6)}, DTYPES),
    Row("permute", lambda x: x.permute(2, 0, 1), (In((2, 3, 4)),), {"dims": (2, 0, 1)}, DTYPES),
    Row("expand", lambda x: x.expand(2, 3, 4), (In((3, 1)),), {"shape": (2, 3, 4)}, DTYPES),
    Row("slice", lambda x: x[1, :, 0:3:2], (In((2, 3, 4)),), {"index": (1, (0, 3, 1), (0, 3, 2))}, DTYPES),
    Row("alias", lambda x: x.view_as(x), (_M,), {}, DTYPES),
    Row("detach", lambda x: x.detach(), (_M,), {}, DTYPES, grads=False),
    Row("cat", lambda *xs: torch.cat(xs, 1), (In((3, 2)), In((3, 0)), In((3, 4))), {"dim": 1}, DTYPES),
]

_INDEXING = [
    Row("take", lambda x, i: x[:, i], (In((3, 5)), In((2, 4), "index", 5)), {"dim": 1}, DTYPES),
    Row(
        "take_grad", lambda g, i: torch.zeros(5, 4, dtype=g.dtype).index_add(0, i, g),
        (In((6, 4)), In((6,), "index", 5)), {"dim": 0, "size": 5}, (*FLOATS, "int64"),
    ),
    Row("gather", lambda x, i: torch.gather(x, 1, i), (In((3, 5)), In((3, 4), "index", 5)), {"dim": 1}, DTYPES),
    Row(
        "scatter_add", lambda x, i, s: x.scatter_add(1, i, s), (In((3, 5)), In((3, 6), "index", 5), In((3, 6))),
        {"dim": 1}, (*FLOATS, "int64"),
    ),
]  # fmt: skip


def _layer_norm(x: Any, w: Any, b: Any) -> Any:
    y, mean, rstd = torch.native_layer_norm(x, w.shape, w, b, 1e-5)
    return y, mean, rstd


def _batch_norm(x: Any, w: Any, b: Any) -> Any:
    y, mean, rstd = torch.native_batch_norm(x, w, b, None, None, True, 0.1, 1e-5)
    return y, mean, rstd


def _cross_entropy(p: dict[str, Any]) -> Callable[..., Any]:
    return lambda x, t: (functional.cross_entropy(x, t, **p), functional.log_softmax(x, 1))


def _cross_entropy_grad(p: dict[str, Any]) -> Callable[..., Any]:
    def gradient(g: Any, logp: Any, target: Any) -> Any:
        keep = target != p["ignore_index"]
        picked = functional.one_hot(torch.where(keep, target, 0), logp.shape[1]).to(logp.dtype)
        smooth = picked * (1 - p["label_smoothing"]) + p["label_smoothing"] / logp.shape[1]
        each = g[:, None] if p["reduction"] == "none" else g / keep.sum() if p["reduction"] == "mean" else g
        return (logp.exp() - smooth) * keep[:, None] * each

    return gradient


_FULL = ("float64", "float32")  # the oracle's residuals have no half types, or other ones

_LOSSES: list[dict[str, Any]] = [
    {"label_smoothing": 0.0, "ignore_index": -100, "reduction": "mean"},
    {"label_smoothing": 0.1, "ignore_index": 2, "reduction": "mean"},
    {"label_smoothing": 0.1, "ignore_index": 2, "reduction": "sum"},
    {"label_smoothing": 0.0, "ignore_index": 2, "reduction": "none"},
]

_UNITS = [
    Row("linear", functional.linear, (In((2, 3, 5)), In((4, 5)), In((4,))), {}),
    Row("linear", functional.linear, (In((3, 5)), In((4, 5))), {}, label="no-bias", extra=(None,)),
    Row("softmax", lambda x: torch.softmax(x, 1), (In((3, 5, 2)),), {"dim": 1}),
    Row("log_softmax", lambda x: torch.log_softmax(x, 1), (In((3, 5, 2)),), {"dim": 1}),
    Row("gelu", lambda x: functional.gelu(x), (_M,), {"approximate": "none"}),
    Row("gelu", lambda x: functional.gelu(x, approximate="tanh"), (_M,), {"approximate": "tanh"}, label="tanh"),
    Row("layer_norm", _layer_norm, (In((2, 3, 5)), In((5,)), In((5,))), {"ndims": 1, "eps": 1e-5}, _FULL),
    Row("layer_norm", _layer_norm, (In((2, 3, 5)), In((3, 5)), In((3, 5))), {"ndims": 2, "eps": 1e-5}, _FULL, "two"),
    Row("batch_norm", _batch_norm, (In((4, 3, 2, 5)), In((3,)), In((3,))), {"eps": 1e-5}, _FULL),
    *[
        Row(
            "cross_entropy", _cross_entropy(p), (In((6, 5)), In((6,), "index", 5)), p, _FULL,
            "-".join(map(str, p.values())),
        )
        for p in _LOSSES
    ],
    *[
        Row(
            "cross_entropy_grad", _cross_entropy_grad(p),
            (In((6,) if p["reduction"] == "none" else ()), In((6, 5)), In((6,), "index", 5)), p, _FULL,
            "-".join(map(str, p.values())),
        )
        for p in _LOSSES
    ],
    *[
        Row("softmax_grad", lambda g, y: y * (g - (g * y).sum(1, True)), (x, x), {"dim": 1}, ("float64",), label)
        for x, label in ((_M, ""), (In((300, 400)), "many"))
    ],
    Row("log_softmax_grad", lambda g, y: g - y.exp() * g.sum(1, True), (_M, _M), {"dim": 1}, _FULL),
    Row("softmax", lambda x: torch.softmax(x, 1), (In((300, 400)),), {"dim": 1}, label="large"),
    Row("log_softmax", lambda x: torch.log_softmax(x, 1), (In((300, 400)),), {"dim": 1}, label="large"),
    Row("relu_grad", lambda g, y: torch.where(y > 0, g, 0.0), (_M, _M), {}, FLOATS),
    Row("relu_grad", lambda g, y: torch.where(y > 0, g, 0.0), (In((70, 80)), In((70, 80))), {}, FLOATS, "many"),
    Row(
        "linear_weight_grad", lambda g, x: g.flatten(0, 1).T @ x.flatten(0, 1), (In((2, 3, 4)), In((2, 3, 5))), {},
        _FULL,
    ),
]  # fmt: skip


ROWS = [*_ELEMENTWISE, *_REDUCTIONS, *_PRODUCTS, *_LAYOUT, *_INDEXING, *_UNITS]

EXEMPT = {
    "dropout": "draws from a stream of its own, whose vectors are published",
    "rand": "a stream of its own, whose vectors are published",
    "randn": "a stream of its own, whose vectors are published",
    "bernoulli": "a stream of its own, whose vectors are published",
    "randint": "a stream of its own, whose vectors are published",
    "randperm": "a stream of its own, whose vectors are published",
    "full": "no operand: compared in test_functions",
    "arange": "no operand: compared in test_functions",
    "view_write": "the oracle writes through views in place and has no functional twin",
    "sgd": "compared over steps in test_functions",
    "momentum": "compared over steps in test_functions",
    "adam": "compared over steps in test_functions",
    **dict.fromkeys(
        ("damped_momentum", "amsgrad", "rmsprop", "rmsprop_momentum", "adagrad"),
        "compared over steps in test_optimizers",
    ),
    "ema": "an average of parameters, which the oracle keeps in a class: compared with numpy in packages/optim",
}
