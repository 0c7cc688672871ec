"""Sampling images at the points of a grid (Jaderberg et al. 2015), composed of gathers and weights.

Coordinates are x, y(, z) in [-1, 1]; the gradient flows to the image and to the grid.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from lamella import tensor as lt
from lamella.tensor import Tensor
from lamella.tensor.extend import whole

from ._arguments import need_tensor

__all__ = ["affine_grid", "grid_sample"]

_SLOPE = -0.75  # of the cubic kernel (Keys 1981)


def affine_grid(theta: Any, size: Any, align_corners: bool | None = None) -> Tensor:
    """Points [N, H, W, 2] (or [N, D, H, W, 3]) of an output of `size` under maps theta [N, 2, 3] (or [N, 3, 4])."""
    t = need_tensor(theta, "affine_grid", "theta")
    sizes = tuple(whole(s, "affine_grid: a size") for s in (size if isinstance(size, (tuple, list)) else (size,)))
    n = len(sizes) - 2
    if n not in (2, 3) or t.shape != (sizes[0], n, n + 1):
        raise ValueError(
            f"affine_grid needs theta [N, 2, 3] for size (N, C, H, W) or [N, 3, 4] for (N, C, D, H, W), got {t.shape} "
            f"and {sizes}"
        )
    if min(sizes) < 1:
        raise ValueError(f"affine_grid: size must be positive, got {sizes}")
    base = []
    for d, length in enumerate(sizes[2:]):
        at = lt.linspace(-1.0, 1.0, length, dtype=t.dtype) if length > 1 else lt.zeros(1, dtype=t.dtype)
        if not align_corners:
            at = at * ((length - 1) / length)
        base.append(at.reshape(*(1,) * d, -1, *(1,) * (n - 1 - d)).expand(sizes[2:]))
    points = lt.stack([*reversed(base), lt.ones(sizes[2:], dtype=t.dtype)], -1).reshape(1, -1, n + 1)
    return lt.matmul(points, t.transpose(1, 2)).reshape(sizes[0], *sizes[2:], n)


def _unnormalized(coordinate: Tensor, size: int, align: bool) -> Tensor:
    return (coordinate + 1) * ((size - 1) / 2) if align else ((coordinate + 1) * size - 1) * 0.5


def _reflected(at: Tensor, low: float, high: float) -> Tensor:
    """at mirrored at the borders low and high until it lies between them."""
    span = high - low
    if span <= 0:
        return at * 0.0
    away = lt.abs(at - low)
    turns = lt.floor(away / span).detach()
    rest = away - turns * span
    odd = turns - 2 * lt.floor(turns / 2)
    return lt.where(odd == 0, rest, span - rest) + low


def _placed(at: Tensor, size: int, mode: str, align: bool) -> Tensor:
    """Coordinates brought into the image as the padding mode says; zeros leaves them."""
    if mode == "zeros":
        return at
    if mode == "reflection":
        at = _reflected(at, 0.0, size - 1.0) if align else _reflected(at, -0.5, size - 0.5)
    return lt.clamp(at, 0, size - 1)


class _Image:
    """The image [N, C, ...] as one row a pixel, read at integer coordinates [N, P] a dim."""

    def __init__(self, x: Tensor, points: int) -> None:
        self.sizes = tuple(x.shape[2:])
        self.flat = x.reshape(*x.shape[:2], -1)
        self.index_shape = (*x.shape[:2], points)

    def at(self, places: tuple[Tensor, ...]) -> Tensor:
        """[N, C, P]; places outside are read at the border."""
        flat: Any = 0
        for place, size in zip(places, self.sizes, strict=True):
            flat = flat * size + lt.clamp(place, 0, size - 1)
        return lt.gather(self.flat, 2, flat.unsqueeze(1).expand(self.index_shape))

    def inside(self, places: tuple[Tensor, ...]) -> Tensor:
        """[N, P]: whether a place lies in the image."""
        out: Any = None
        for place, size in zip(places, self.sizes, strict=True):
            within = (place >= 0) & (place < size)
            out = within if out is None else out & within
        return out  # type: ignore[no-any-return]


def _whole(at: Tensor) -> Tensor:
    # a NaN, or a place no integer can say, is outside of every image
    far = lt.where(lt.abs(at) < 2.0**30, at, -(2.0**30))
    return far.to(lt.int64)


def _nearest(image: _Image, at: list[Tensor], place: Callable[..., Tensor]) -> Tensor:
    near = tuple(_whole(_half_to_even(place(a, d).detach())) for d, a in enumerate(at))
    return image.at(near) * image.inside(near).unsqueeze(1).to(image.flat.dtype)


def _half_to_even(at: Tensor) -> Tensor:
    low = lt.floor(at)
    part = at - low
    odd = low - 2 * lt.floor(low / 2)
    return lt.where((part > 0.5) | ((part == 0.5) & (odd != 0)), low + 1, low)


def _linear(image: _Image, at: list[Tensor], place: Callable[..., Tensor]) -> Tensor:
    placed = [place(a, d) for d, a in enumerate(at)]
    low = [lt.floor(p.detach()) for p in placed]
    part = [p - q for p, q in zip(placed, low, strict=True)]
    total: Any = None
    for corner in itertools.product((0, 1), repeat=len(at)):
        places = tuple(_whole(q + c) for q, c in zip(low, corner, strict=True))
        weight: Any = image.inside(places).to(image.flat.dtype)
        for p, c in zip(part, corner, strict=True):
            weight = weight * (p if c else 1 - p)
        term = image.at(places) * weight.unsqueeze(1)
        total = term if total is None else total + term
    return total  # type: ignore[no-any-return]


def _cubic_weights(t: Tensor) -> list[Tensor]:
    a = _SLOPE

    def near(d: Tensor) -> Tensor:
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def far(d: Tensor) -> Tensor:
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def _cubic(image: _Image, at: list[Tensor], place: Callable[..., Tensor]) -> Tensor:
    low = [lt.floor(a.detach()) for a in at]
    weights = [_cubic_weights(a - q) for a, q in zip(at, low, strict=True)]
    total: Any = None
    for i, j in itertools.product(range(4), repeat=2):
        # the padding applies to every one of the 16 neighbours
        places = (_whole(place(low[0] + (i - 1), 0)), _whole(place(low[1] + (j - 1), 1)))
        weight = weights[0][i] * weights[1][j] * image.inside(places).to(image.flat.dtype)
        term = image.at(places) * weight.unsqueeze(1)
        total = term if total is None else total + term
    return total  # type: ignore[no-any-return]


_MODES: dict[str, Callable[..., Tensor]] = {"bilinear": _linear, "nearest": _nearest, "bicubic": _cubic}
_PADDING = ("zeros", "border", "reflection")


def grid_sample(
    input: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Tensor:
    """input [N, C, H, W] at the points grid [N, H', W', 2] as [N, C, H', W'] (with D and 3 for volumes).

    mode is bilinear, nearest or, for images, bicubic; what lies outside is zeros, the border, or a reflection;
    align_corners puts -1 and 1 at the centres of the corner pixels instead of their edges.
    """
    x, points = need_tensor(input, "grid_sample", "input"), need_tensor(grid, "grid_sample", "grid")
    n = x.ndim - 2
    if n not in (2, 3) or points.ndim != x.ndim or points.shape[-1] != n or points.shape[0] != x.shape[0]:
        raise ValueError(
            f"grid_sample needs input [N, C, H, W] and grid [N, H', W', 2], or both with D and 3 coordinates, got "
            f"{x.shape} and {points.shape}"
        )
    if mode not in _MODES:
        raise ValueError(f"grid_sample: mode is one of {', '.join(_MODES)}, got {mode!r}")
    if mode == "bicubic" and n != 2:
        raise ValueError(f"grid_sample: bicubic is for input [N, C, H, W], got shape {x.shape}")
    if padding_mode not in _PADDING:
        raise ValueError(f"grid_sample: padding_mode is one of {', '.join(_PADDING)}, got {padding_mode!r}")
    if x.dtype != points.dtype:
        raise TypeError(f"grid_sample needs one dtype, got {x.dtype} and {points.dtype}; cast one with .to(dtype)")
    if min(x.shape[2:]) < 1:
        raise ValueError(f"grid_sample needs at least one pixel, got input {x.shape}")
    align = bool(align_corners)
    flat = points.reshape(x.shape[0], -1, n)
    # the last coordinate of a point is that of the first spatial dim
    at = [_unnormalized(flat[..., n - 1 - d], x.shape[2 + d], align) for d in range(n)]

    def place(coordinate: Tensor, d: int) -> Tensor:
        return _placed(coordinate, x.shape[2 + d], padding_mode, align)

    y = _MODES[mode](_Image(x, flat.shape[1]), at, place)
    return y.reshape(*x.shape[:2], *points.shape[1:-1])
