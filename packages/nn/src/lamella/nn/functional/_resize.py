"""Resizing images: interpolation in every mode, one dim after the other."""

from __future__ import annotations

import math
from typing import Any

from lamella.tensor import Tensor
from lamella.tensor.extend import OPS, dispatch

from ._arguments import need_tensor
from ._pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

__all__ = ["interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]

# mode: (kind of resampling, ranks of the input it is for)
_MODES = {
    "nearest": ("nearest", (3, 4, 5)),
    "nearest-exact": ("nearest-exact", (3, 4, 5)),
    "area": ("area", (3, 4, 5)),
    "linear": ("linear", (3,)),
    "bilinear": ("linear", (4,)),
    "trilinear": ("linear", (5,)),
    "bicubic": ("cubic", (4,)),
}
_ALIGNED = ("linear", "cubic")
_AREA = {3: adaptive_avg_pool1d, 4: adaptive_avg_pool2d, 5: adaptive_avg_pool3d}


def _each(value: Any, n: int, name: str, kind: Any) -> tuple[Any, ...]:
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * n
    if len(values) != n or not all(isinstance(v, kind) and v > 0 for v in values):
        raise ValueError(f"interpolate: {name} is a positive number or {n} of them for this input, got {value!r}")
    return values


def interpolate(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resize the spatial dims of [N, C, L], [N, C, H, W] or [N, C, D, H, W] to `size`, or by `scale_factor`.

    Modes: nearest, nearest-exact, area, linear (3-d input), bilinear and bicubic (4-d), trilinear (5-d); bicubic is
    Keys 1981 with slope -0.75. align_corners keeps the corner pixels in place; antialias widens the kernel where
    bilinear or bicubic shrink an image. ValueError where the arguments do not fit.
    """
    x = need_tensor(input, "interpolate", "input")
    if mode not in _MODES:
        raise ValueError(f"interpolate: mode is one of {', '.join(_MODES)}, got {mode!r}")
    kind, ranks = _MODES[mode]
    if x.ndim not in ranks:
        raise ValueError(
            f"interpolate: mode {mode!r} takes input with {' or '.join(map(str, ranks))} dims, got {x.shape}"
        )
    if align_corners is not None and kind not in _ALIGNED:
        raise ValueError(f"interpolate: align_corners is for linear, bilinear, bicubic and trilinear, not for {mode!r}")
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ValueError(f"interpolate: antialias is for bilinear and bicubic, not for {mode!r}")
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate takes either size or scale_factor")
    n = x.ndim - 2
    scales: tuple[float | None, ...] = (None,) * n
    if size is not None:
        if recompute_scale_factor:
            raise ValueError("interpolate: recompute_scale_factor is for scale_factor, not for size")
        sizes = _each(size, n, "size", int)
    else:
        scales = tuple(float(s) for s in _each(scale_factor, n, "scale_factor", (int, float)))
        sizes = tuple(math.floor(s * f) for s, f in zip(x.shape[2:], scales, strict=True))  # type: ignore[operator]
        if min(sizes) < 1:
            raise ValueError(f"interpolate: scale_factor {scale_factor} leaves nothing of input {x.shape}")
        if recompute_scale_factor:
            scales = (None,) * n
    if kind == "area":
        return _AREA[x.ndim](x, sizes)
    return _resampled(x, sizes, scales, f"antialiased-{kind}" if antialias else kind, bool(align_corners))


def _resampled(x: Tensor, sizes: Any, scales: Any, kind: str, align: bool) -> Tensor:
    y = x
    # dims that shrink go first, the ones that grow most last
    for d in sorted(range(len(sizes)), key=lambda d: sizes[d] / x.shape[2 + d]):
        n, out, scale = x.shape[2 + d], sizes[d], scales[d]
        # the same grid: nothing moves, unless a scale that does not divide shifts it
        if n == out and (scale in (None, 1.0) or align):
            continue
        params = {"dim": 2 + d, "n": n, "out": out, "kind": kind, "scale": scale, "align": align, "transposed": False}
        y = dispatch(OPS["resample"], (y,), params)
    return y if y is not x else x.clone()


def upsample(
    input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Tensor:
    """interpolate under its older name."""
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Any, size: Any = None, scale_factor: Any = None) -> Tensor:
    """interpolate by the nearest pixel."""
    return interpolate(input, size, scale_factor, "nearest")


def upsample_bilinear(input: Any, size: Any = None, scale_factor: Any = None) -> Tensor:
    """interpolate [N, C, H, W] bilinearly with aligned corners."""
    return interpolate(input, size, scale_factor, "bilinear", True)
