"""Pooling over one, two and three dims: largest, mean, p-norm, by window or by output size, and back.

An unbatched input [C, ...] is taken as a batch of one and returned without the batch dim.
"""

from __future__ import annotations

import math
from typing import Any

from lamella import tensor as lt
from lamella.tensor import Tensor
from lamella.tensor.extend import OPS, dispatch

from ._arguments import need_tensor
from ._window import batched, ints

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d",
    "adaptive_max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "lp_pool1d", "lp_pool2d", "lp_pool3d",
    "max_pool1d", "max_pool2d", "max_pool3d", "max_unpool1d", "max_unpool2d", "max_unpool3d",
]  # fmt: skip

_max_pool = OPS["max_pool"]
_max_pool_grad = OPS["max_pool_grad"]
_avg_pool = OPS["avg_pool"]


def _max(
    n: int, input: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, both: bool
) -> Any:
    name = f"max_pool{n}d"
    x, single = batched(input, n, name)
    kernel = ints(kernel_size, n, name, "kernel_size", 1)
    params = {
        "kernel": kernel,
        "stride": kernel if stride is None else ints(stride, n, name, "stride", 1),
        "padding": ints(padding, n, name, "padding", 0),
        "dilation": ints(dilation, n, name, "dilation", 1),
        "ceil": bool(ceil_mode),
    }
    y, indices = dispatch(_max_pool, (x,), params)
    if single:
        y = y.squeeze(0)
    if not both:
        return y
    return y, indices.squeeze(0) if single else indices


def max_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Largest value of each window of [N, C, L]; with return_indices also where it lies, in int64.

    The stride is the window unless given, padding counts as -inf, ceil_mode lets a last window run over the edge.
    """
    return _max(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Largest value of each window of [N, C, H, W]; with return_indices also where it lies (h * W + w), in int64.

    The stride is the window unless given, padding counts as -inf, ceil_mode lets a last window run over the edge.
    """
    return _max(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Largest value of each window of [N, C, D, H, W]; with return_indices also where it lies in the volume, in int64.

    The stride is the window unless given, padding counts as -inf, ceil_mode lets a last window run over the edge.
    """
    return _max(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _avg(
    n: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor:
    name = f"avg_pool{n}d"
    x, single = batched(input, n, name)
    if divisor_override is not None and (not isinstance(divisor_override, int) or divisor_override == 0):
        raise ValueError(f"{name}: divisor_override is an int other than 0, or None, got {divisor_override!r}")
    kernel = ints(kernel_size, n, name, "kernel_size", 1)
    params = {
        "kernel": kernel,
        "stride": kernel if stride is None else ints(stride, n, name, "stride", 1),
        "padding": ints(padding, n, name, "padding", 0),
        "ceil": bool(ceil_mode),
        "count_pad": bool(count_include_pad),
        "divisor": divisor_override,
    }
    y: Tensor = dispatch(_avg_pool, (x,), params)
    return y.squeeze(0) if single else y


def avg_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Mean of each window of [N, C, L]; padding counts as zeros, in the divisor where count_include_pad."""
    return _avg(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Mean of each window of [N, C, H, W]; padding counts as zeros, in the divisor where count_include_pad.

    The stride is the window unless given; divisor_override replaces the number of elements.
    """
    return _avg(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Mean of each window of [N, C, D, H, W]; padding counts as zeros, in the divisor where count_include_pad.

    The stride is the window unless given; divisor_override replaces the number of elements.
    """
    return _avg(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _lp(n: int, input: Any, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool) -> Tensor:
    name = f"lp_pool{n}d"
    x = need_tensor(input, name, "input")
    kernel = ints(kernel_size, n, name, "kernel_size", 1)
    mean = _avg(n, lt.pow(x, norm_type), kernel, stride, 0, ceil_mode, True, None)
    # the root of a negative sum is taken as 0, and its sign kept out of the power
    total = lt.sign(mean) * lt.relu(lt.abs(mean)) * math.prod(kernel)
    return lt.pow(total, 1.0 / norm_type)


def lp_pool1d(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """(sum of x**p)**(1/p) of each window of [N, C, L], p = norm_type."""
    return _lp(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """(sum of x**p)**(1/p) of each window of [N, C, H, W], p = norm_type."""
    return _lp(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """(sum of x**p)**(1/p) of each window of [N, C, D, H, W], p = norm_type."""
    return _lp(3, input, norm_type, kernel_size, stride, ceil_mode)


def _output_sizes(value: Any, x: Tensor, n: int, name: str) -> tuple[int, ...]:
    """The sizes asked for; None keeps the input's."""
    given = tuple(value) if isinstance(value, (tuple, list)) else (value,) * n
    if len(given) == 1:
        given = given * n
    if len(given) != n or not all(v is None or (isinstance(v, int) and v > 0) for v in given):
        raise ValueError(f"{name}: output_size is a positive int, None or {n} of them, got {value!r}")
    return tuple(size if v is None else v for v, size in zip(given, x.shape[2:], strict=True))


def _even(sizes: tuple[int, ...], out: tuple[int, ...]) -> tuple[int, ...] | None:
    """The window that cuts the sizes into `out` equal parts, if one does."""
    if any(s % o for s, o in zip(sizes, out, strict=True)):
        return None
    return tuple(s // o for s, o in zip(sizes, out, strict=True))


def _adaptive_avg(n: int, input: Any, output_size: Any) -> Tensor:
    name = f"adaptive_avg_pool{n}d"
    x, single = batched(input, n, name)
    out = _output_sizes(output_size, x, n, name)
    kernel = _even(tuple(x.shape[2:]), out)
    if kernel is not None:
        params = {"kernel": kernel, "stride": kernel, "padding": (0,) * n}
        y: Tensor = dispatch(_avg_pool, (x,), {**params, "ceil": False, "count_pad": True, "divisor": None})
    else:
        y = x
        # the dims that shrink most go first
        for d in sorted(range(n), key=lambda d: out[d] / x.shape[2 + d]):
            area = {"dim": 2 + d, "n": x.shape[2 + d], "out": out[d], "kind": "area"}
            y = dispatch(OPS["resample"], (y,), {**area, "scale": None, "align": False, "transposed": False})
    return y.squeeze(0) if single else y


def adaptive_avg_pool1d(input: Any, output_size: Any) -> Tensor:
    """Means over equal parts of [N, C, L], as many as output_size says."""
    return _adaptive_avg(1, input, output_size)


def adaptive_avg_pool2d(input: Any, output_size: Any) -> Tensor:
    """Means over equal parts of [N, C, H, W]; output_size is an int or a pair, None keeping a dim."""
    return _adaptive_avg(2, input, output_size)


def adaptive_avg_pool3d(input: Any, output_size: Any) -> Tensor:
    """Means over equal parts of [N, C, D, H, W]; output_size is an int or a triple, None keeping a dim."""
    return _adaptive_avg(3, input, output_size)


def _adaptive_max(n: int, input: Any, output_size: Any, both: bool) -> Any:
    name = f"adaptive_max_pool{n}d"
    x, single = batched(input, n, name)
    sizes = tuple(x.shape[2:])
    out = _output_sizes(output_size, x, n, name)
    kernel = _even(sizes, out)
    if kernel is not None:
        y, indices = _max(n, x, kernel, kernel, 0, 1, False, True)
    else:
        y, indices = _largest_of_parts(x, sizes, out)
    if single:
        y, indices = y.squeeze(0), indices.squeeze(0)
    return (y, indices) if both else y


def _largest_of_parts(x: Tensor, sizes: tuple[int, ...], out: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Parts of different sizes: each is read as a table of the largest size, a short one repeating its last element."""
    n = len(sizes)
    parts = x.detach()
    place = lt.zeros((1,) * (2 * n), dtype=lt.int64)
    for d, (size, o) in enumerate(zip(sizes, out, strict=True)):
        first = [i * size // o for i in range(o)]
        last = [-(-(i + 1) * size // o) - 1 for i in range(o)]
        longest = max(b - a for a, b in zip(first, last, strict=True)) + 1
        rows = [[min(a + k, b) for k in range(longest)] for a, b in zip(first, last, strict=True)]
        index = lt.tensor(rows)
        parts = lt.take(parts, index, 2 + 2 * d)  # [.., o, longest, ..]
        shape = (*(1,) * (2 * d), o, longest, *(1,) * (2 * (n - 1 - d)))
        place = place * size + index.reshape(shape)
    order = (*range(0, 2 * n, 2), *range(1, 2 * n, 2))
    table = parts.permute(0, 1, *[2 + d for d in order]).reshape(*x.shape[:2], *out, -1)
    places = place.permute(*order).reshape(math.prod(out), -1)
    best = lt.argmax(table, -1).reshape(*x.shape[:2], -1)
    count = places.shape[1]
    flat = lt.take(places.reshape(-1), best + lt.arange(math.prod(out)) * count, 0)
    y = lt.gather(x.reshape(*x.shape[:2], -1), 2, flat)
    return y.reshape(*x.shape[:2], *out), flat.reshape(*x.shape[:2], *out)


def adaptive_max_pool1d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Largest values over equal parts of [N, C, L]; with return_indices also where they lie."""
    return _adaptive_max(1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Largest values over equal parts of [N, C, H, W]; with return_indices also where they lie."""
    return _adaptive_max(2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Largest values over equal parts of [N, C, D, H, W]; with return_indices also where they lie."""
    return _adaptive_max(3, input, output_size, return_indices)


def _unpool(n: int, input: Any, indices: Any, kernel_size: Any, stride: Any, padding: Any, output_size: Any) -> Tensor:
    name = f"max_unpool{n}d"
    x, single = batched(input, n, name)
    index = need_tensor(indices, name, "indices")
    if index.shape != input.shape:
        raise ValueError(f"{name} needs indices of the shape of input {input.shape}, got {index.shape}")
    kernel = ints(kernel_size, n, name, "kernel_size", 1)
    steps = kernel if stride is None else ints(stride, n, name, "stride", 1)
    around = ints(padding, n, name, "padding", 0)
    sizes = tuple((s - 1) * t - 2 * p + k for s, t, p, k in zip(x.shape[2:], steps, around, kernel, strict=True))
    if output_size is not None:
        asked = tuple(output_size)[-n:]
        if len(asked) != n or any(abs(a - s) >= t for a, s, t in zip(asked, sizes, steps, strict=True)):
            raise ValueError(
                f"{name}: output_size {tuple(output_size)} must be within one stride {steps} of {sizes}, which pooling "
                f"by {kernel} could have made into {tuple(x.shape[2:])}"
            )
        sizes = asked
    if single:
        index = index.unsqueeze(0)
    count = math.prod(sizes)
    if index.numel() and not (int(index.amin().item()) >= 0 and int(index.amax().item()) < count):
        raise IndexError(f"{name}: indices must lie in [0, {count}) for the output {sizes}")
    y: Tensor = dispatch(_max_pool_grad, (x, index), {"shape": (*x.shape[:2], *sizes)})
    return y.squeeze(0) if single else y


def max_unpool1d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """The values [N, C, L] of a max_pool1d back where they came from, zeros elsewhere; values that meet add up."""
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """The values [N, C, H, W] of a max_pool2d back where they came from, zeros elsewhere; values that meet add up."""
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """The values [N, C, D, H, W] of a max_pool3d back in their places, zeros elsewhere; values that meet add up."""
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)
