"""Samples of convolution, pooling, unfolding and resampling, in one, two and three dims."""

from __future__ import annotations

from typing import Any

from .._arrays import FLOAT_DTYPES
from ._sample import OpSample, distinct, index, normal, number

__all__ = ["SAMPLES"]


def _conv(n: int, stride: int = 1, padding: int = 0, dilation: int = 1, groups: int = 1, **more: Any) -> dict[str, Any]:
    window = {"stride": (stride,) * n, "padding": (padding,) * n, "dilation": (dilation,) * n, "groups": groups}
    return {**window, **more}


def _max(
    kernel: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...], dilation: int = 1, ceil: bool = False
) -> dict[str, Any]:
    window = {"kernel": kernel, "stride": stride, "padding": padding}
    return {**window, "dilation": (dilation,) * len(kernel), "ceil": ceil}


def _avg(
    kernel: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...], ceil: bool = False, **more: Any
) -> dict[str, Any]:
    window = {"kernel": kernel, "stride": stride, "padding": padding, "ceil": ceil, "count_pad": True, "divisor": None}
    return {**window, **more}


def _resample(kind: str, n: int, out: int, dim: int = 2, **more: Any) -> dict[str, Any]:
    given = {"dim": dim, "n": n, "out": out, "kind": kind, "scale": None, "align": False, "transposed": False}
    return {**given, **more}


NONE = number(None)
_COLUMNS = {"kernel": (2, 3), "stride": (1, 2), "padding": (1, 0), "dilation": (2, 1)}
SAMPLES = (
    OpSample("conv", "", (normal(2, 3, 5, 4), normal(4, 3, 3, 2), normal(4)), _conv(2), FLOAT_DTYPES),
    OpSample("conv", "strided", (normal(2, 2, 6, 5), normal(3, 2, 2, 3), NONE), _conv(2, 2, 1), FLOAT_DTYPES),
    OpSample("conv", "groups", (normal(1, 4, 5, 5), normal(6, 2, 2, 2), NONE), _conv(2, 1, 1, 2, 2), FLOAT_DTYPES),
    OpSample("conv", "pointwise", (normal(2, 4, 3, 2), normal(6, 2, 1, 1), NONE), _conv(2, groups=2), FLOAT_DTYPES),
    OpSample("conv", "1d", (normal(2, 2, 7), normal(3, 2, 3), NONE), _conv(1, 2, 1), FLOAT_DTYPES),
    OpSample("conv", "3d", (normal(1, 2, 3, 4, 3), normal(2, 2, 2, 2, 1), NONE), _conv(3, 1, 0), FLOAT_DTYPES),
    OpSample(
        "conv_input_grad",
        "",
        (normal(2, 3, 3, 3), normal(3, 2, 2, 3)),
        _conv(2, 2, 1, shape=(2, 2, 5, 6)),
        FLOAT_DTYPES,
    ),
    OpSample("conv_input_grad", "1d", (normal(1, 2, 3), normal(2, 1, 2)), _conv(1, 2, shape=(1, 1, 7)), FLOAT_DTYPES),
    OpSample(
        "conv_weight_grad",
        "",
        (normal(2, 3, 3, 3), normal(2, 2, 5, 6)),
        _conv(2, 2, 1, shape=(3, 2, 2, 3)),
        FLOAT_DTYPES,
    ),
    OpSample("max_pool", "", (distinct(1, 2, 4, 6),), _max((2, 2), (2, 2), (0, 0)), FLOAT_DTYPES),
    OpSample("max_pool", "overlap", (distinct(1, 1, 5, 5),), _max((3, 2), (1, 2), (1, 1)), FLOAT_DTYPES),
    OpSample("max_pool", "ceil-dilated", (distinct(1, 2, 8),), _max((2,), (3,), (1,), 2, True), FLOAT_DTYPES),
    OpSample("max_pool", "3d", (distinct(1, 1, 3, 4, 2),), _max((2, 2, 2), (1, 2, 1), (0, 0, 0)), FLOAT_DTYPES),
    OpSample(
        "max_pool_grad", "", (normal(1, 2, 2, 3), index(1, 2, 2, 3, high=24)), {"shape": (1, 2, 4, 6)}, FLOAT_DTYPES
    ),
    OpSample("avg_pool", "", (normal(1, 2, 4, 6),), _avg((2, 2), (2, 2), (0, 0)), FLOAT_DTYPES),
    OpSample("avg_pool", "overlap", (normal(1, 1, 5, 5),), _avg((3, 2), (1, 2), (1, 1)), FLOAT_DTYPES),
    OpSample("avg_pool", "ceil", (normal(2, 1, 8),), _avg((3,), (2,), (1,), True, count_pad=False), FLOAT_DTYPES),
    OpSample("avg_pool", "whole", (normal(1, 2, 2, 3),), _avg((2, 3), (2, 3), (0, 0), divisor=5), FLOAT_DTYPES),
    OpSample(
        "avg_pool_grad", "", (normal(1, 1, 5, 3),), _avg((3, 2), (1, 2), (1, 1), shape=(1, 1, 5, 5)), FLOAT_DTYPES
    ),
    OpSample("im2col", "", (normal(2, 2, 4, 5),), _COLUMNS, FLOAT_DTYPES),
    OpSample("col2im", "", (normal(1, 12, 8),), {"sizes": (4, 5), **_COLUMNS}, FLOAT_DTYPES),
    OpSample("resample", "linear", (normal(1, 2, 4),), _resample("linear", 4, 7), FLOAT_DTYPES),
    OpSample("resample", "corners", (normal(4, 2),), _resample("linear", 4, 6, 0, align=True), FLOAT_DTYPES),
    OpSample("resample", "cubic", (normal(1, 1, 4, 2),), _resample("cubic", 4, 6, scale=1.4), FLOAT_DTYPES),
    OpSample("resample", "area", (normal(1, 2, 7),), _resample("area", 7, 3), FLOAT_DTYPES),
    OpSample("resample", "nearest", (normal(2, 3),), _resample("nearest", 3, 5, 1), FLOAT_DTYPES),
    OpSample("resample", "antialiased", (normal(1, 6),), _resample("antialiased-linear", 6, 3, 1), FLOAT_DTYPES),
    OpSample("resample", "transposed", (normal(1, 7),), _resample("linear", 4, 7, 1, transposed=True), FLOAT_DTYPES),
)
