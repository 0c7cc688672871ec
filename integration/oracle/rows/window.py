"""Convolution, pooling, unfolding and resampling ops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from integration.oracle.inputs import In
from integration.oracle.row import Row

__all__ = ["ROWS"]

_EXACT = ("float64", "float32")
_WINDOWS: list[dict[str, Any]] = [
    {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1},
    {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "groups": 1},
    {"stride": (2, 2), "padding": (1, 1), "dilation": (1, 1), "groups": 2},
    {"stride": (2,), "padding": (1,), "dilation": (2,), "groups": 2},
    {"stride": (1, 2, 1), "padding": (0, 1, 1), "dilation": (1, 1, 2), "groups": 1},
]
_SIZES = {1: (9,), 2: (7, 8), 3: (4, 5, 6)}


def _conv(n: int) -> Callable[..., Any]:
    return getattr(functional, f"conv{n}d")  # type: ignore[no-any-return]


def _convolutions() -> list[Row]:
    rows = []
    for i, window in enumerate(_WINDOWS):
        n = len(window["stride"])
        x, w = (2, 4, *_SIZES[n]), (6, 4 // window["groups"], *(3, 3, 2)[:n])
        fn = _conv(n)
        out = tuple(fn(torch.zeros(x), torch.zeros(w), **window).shape)
        conv = lambda a, b, c=None, f=fn, k=window: f(a, b, c, **k)  # noqa: E731
        of_x, of_w = getattr(torch.nn.grad, f"conv{n}d_input"), getattr(torch.nn.grad, f"conv{n}d_weight")
        rows += [
            Row("conv", conv, (In(x), In(w)), window, label=str(i), extra=(None,)),
            Row("conv", conv, (In(x), In(w), In((6,))), window, label=f"bias{i}"),
            Row(
                "conv_input_grad", lambda g, b, f=of_x, k=window, s=x: f(s, b, g, **k), (In(out), In(w)),
                {"shape": x, **window}, _EXACT, str(i),
            ),
            Row(
                "conv_weight_grad", lambda g, a, f=of_w, k=window, s=w: f(a, s, g, **k), (In(out), In(x)),
                {"shape": w, **window}, _EXACT, str(i),
            ),
        ]  # fmt: skip
    return rows


_MAX: list[dict[str, Any]] = [
    {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0), "dilation": (1, 1), "ceil": False},
    {"kernel": (3, 2), "stride": (1, 2), "padding": (1, 1), "dilation": (1, 2), "ceil": True},
]
_AVG: list[dict[str, Any]] = [
    {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0), "ceil": False, "count_pad": True, "divisor": None},
    {"kernel": (3, 2), "stride": (2, 2), "padding": (1, 1), "ceil": True, "count_pad": False, "divisor": None},
    {"kernel": (3, 2), "stride": (1, 2), "padding": (1, 1), "ceil": True, "count_pad": True, "divisor": 5},
]
_IMAGE = (2, 3, 6, 9)


def _pulled(forward: Callable[..., Any], shape: tuple[int, ...]) -> Callable[..., Any]:
    """The transpose of a linear map."""
    return lambda g: torch.func.vjp(forward, torch.zeros(shape, dtype=g.dtype))[1](g)[0]


def _max_pool_grad(g: Any, indices: Any) -> Any:
    flat = torch.zeros(*_IMAGE[:2], _IMAGE[2] * _IMAGE[3], dtype=g.dtype)
    return flat.scatter_add(2, indices.flatten(2), g.flatten(2)).reshape(_IMAGE)


def _pools() -> list[Row]:
    rows = [
        Row("max_pool", lambda x, p=p: functional.max_pool2d(x, *p.values(), return_indices=True), (In(_IMAGE),), p,
            label=str(i))
        for i, p in enumerate(_MAX)
    ]  # fmt: skip
    for i, p in enumerate(_AVG):
        pool = lambda x, p=p: functional.avg_pool2d(x, *p.values())  # noqa: E731
        out = tuple(pool(torch.zeros(_IMAGE)).shape)
        rows += [
            Row("avg_pool", pool, (In(_IMAGE),), p, label=str(i)),
            Row("avg_pool_grad", _pulled(pool, _IMAGE), (In(out),), {"shape": _IMAGE, **p}, _EXACT, str(i)),
        ]
    indices = In((2, 3, 3, 4), "index", 54)
    rows.append(Row("max_pool_grad", _max_pool_grad, (In((2, 3, 3, 4)), indices), {"shape": _IMAGE}, _EXACT))
    return rows


_COLUMNS: dict[str, Any] = {"kernel": (2, 3), "stride": (1, 2), "padding": (1, 0), "dilation": (2, 1)}


def _columns() -> list[Row]:
    def window() -> tuple[Any, ...]:
        return tuple(_COLUMNS[k] for k in ("kernel", "dilation", "padding", "stride"))

    return [
        Row("im2col", lambda x: functional.unfold(x, *window()), (In(_IMAGE),), _COLUMNS),
        Row(
            "col2im", lambda x: functional.fold(x, (6, 9), *window()), (In((2, 18, 24)),), {"sizes": (6, 9), **_COLUMNS}
        ),
    ]


def _resamples() -> list[Row]:
    modes = (
        ("nearest", "nearest", None),
        ("linear", "linear", False),
        ("linear", "linear", True),
        ("area", "area", None),
    )
    rows = []
    for kind, mode, align in modes:
        for n, out in ((5, 8), (8, 5)):
            resize = lambda x, out=out, mode=mode, align=align: functional.interpolate(  # noqa: E731
                x, out, mode=mode, align_corners=align
            )
            params = {"dim": 2, "n": n, "out": out, "kind": kind, "scale": None, "align": bool(align)}
            label = f"{kind}{bool(align)}{n}"
            dtypes = _EXACT if kind != "linear" else ("float64",)  # the oracle rounds its weights to float32
            rows += [
                Row("resample", resize, (In((2, 3, n)),), {**params, "transposed": False}, dtypes, label),
                Row(
                    "resample", _pulled(resize, (2, 3, n)), (In((2, 3, out)),), {**params, "transposed": True}, dtypes,
                    f"{label}-transposed",
                ),
            ]  # fmt: skip
    return rows


def _batch_norm_grad(g: Any, x: Any, mean: Any, rstd: Any, weight: Any) -> Any:
    return torch.ops.aten.native_batch_norm_backward(
        g, x, weight, None, None, mean, rstd, True, 1e-5, [True, True, True]
    )


def _layer_norm_grad(g: Any, x: Any, mean: Any, rstd: Any, weight: Any) -> Any:
    return torch.ops.aten.native_layer_norm_backward(
        g, x, weight.shape, mean, rstd, weight, torch.zeros_like(weight), [True, True, True]
    )


_LAYER = (In((4, 3, 5)), In((4, 3, 5)), In((4, 3, 1)), In((4, 3, 1), "positive"), In((5,)))
_STEPS = [
    Row("layer_norm_grad", _layer_norm_grad, _LAYER, {"ndims": 1}, _EXACT, grads=False),
    Row(
        "layer_norm_input_grad", lambda *xs: _layer_norm_grad(*xs)[0], _LAYER, {"ndims": 1}, _EXACT, grads=False,
    ),
    Row(
        "batch_norm_grad", _batch_norm_grad,
        (In((4, 3, 2, 5)), In((4, 3, 2, 5)), In((3,)), In((3,), "positive"), In((3,))), {}, _EXACT, grads=False,
    )
]  # fmt: skip

ROWS = [*_STEPS, *_convolutions(), *_pools(), *_columns(), *_resamples()]
