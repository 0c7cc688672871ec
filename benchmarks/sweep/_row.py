"""One row of the sweep and the callables that time it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["DTYPES", "SIZES", "SweepRow", "operands", "prepared", "variants"]

SIZES = {"100": 100, "10k": 10_000, "1M": 1_000_000}
DTYPES = {"f32": "float32", "bf16": "bfloat16", "i64": "int64"}
_ALL = ("f32", "bf16", "i64")


@dataclass(frozen=True)
class SweepRow:
    """An op as a text; `dtypes` it is defined for, whether the text has a gradient, the sizes it makes sense for."""

    name: str
    text: str
    dtypes: tuple[str, ...] = _ALL
    grad: bool = True
    sizes: tuple[str, ...] = tuple(SIZES)


def variants(row: SweepRow) -> list[tuple[str, str, str]]:
    """(dtype, size, "forward" or "backward") of a row; integers have no gradient."""
    return [
        (dtype, size, way)
        for dtype in row.dtypes
        for size in row.sizes
        for way in (("forward", "backward") if row.grad and dtype != "i64" else ("forward",))
    ]


def _image_shape(n: int) -> tuple[int, int, int, int]:
    return {100: (1, 1, 10, 10), 10_000: (1, 4, 50, 50), 1_000_000: (4, 16, 125, 125)}[n]


def operands(lib: Any, dtype: str, n: int) -> dict[str, Any]:
    """What the texts name, of about n elements: vectors, a square matrix, an image batch, indices, a mask.

    x and y [n] are normal, p and q positive, u in (0, 1); m and w [r, r] and v [r] with r the root of n, t [r] sorted;
    i [n] indexes n elements, j [r] and ij [r, r] index r; k [n] and km [r, r] are masks.
    """
    rng = np.random.default_rng(0)
    r = math.isqrt(n)
    kind = getattr(lib, DTYPES[dtype])

    def made(values: Any) -> Any:
        return lib.from_numpy(np.ascontiguousarray(values)).to(kind)

    def real(*shape: int) -> Any:
        if dtype == "i64":
            return made(rng.integers(-50, 50, shape))
        return made(rng.standard_normal(shape).astype(np.float32))

    def above(*shape: int) -> Any:
        if dtype == "i64":
            return made(rng.integers(1, 50, shape))
        return made((rng.random(shape) + 0.5).astype(np.float32))

    out = {"x": real(n), "y": real(n), "p": above(n), "q": above(n), "m": real(r, r), "w": real(r, r), "v": real(r)}
    out["u"] = made(rng.integers(0, 2, n) if dtype == "i64" else (rng.random(n) * 0.98 + 0.01).astype(np.float32))
    out["t"] = lib.from_numpy(np.sort(rng.standard_normal(r)).astype(np.float32)).to(kind)
    if dtype != "i64":
        out["img"] = real(*_image_shape(n))
    out["i"] = lib.from_numpy(rng.integers(0, n, n))
    out["j"] = lib.from_numpy(rng.integers(0, r, r))
    out["ij"] = lib.from_numpy(rng.integers(0, r, (r, r)))
    out["k"] = lib.from_numpy(rng.random(n) < 0.5)
    out["km"] = lib.from_numpy(rng.random((r, r)) < 0.5)
    out["r"] = r
    out["n"] = n
    return out


def prepared(lib: Any, functional: Any, row: SweepRow, dtype: str, size: str, way: str) -> Callable[[], Any]:
    """A function that runs the row once: the forward pass, or forward and backward with a fixed cotangent."""
    names = operands(lib, dtype, SIZES[size])
    used = {name: value for name, value in names.items() if name in compile(row.text, row.name, "eval").co_names}
    scope = {**used, "lib": lib, "F": functional}
    forward: Callable[[], Any] = eval(f"lambda: {row.text}", scope)  # the texts are this folder's
    if way == "forward":
        return forward
    leaves = [v for v in used.values() if hasattr(v, "requires_grad_") and v.is_floating_point()]
    for leaf in leaves:
        leaf.requires_grad_()

    def first() -> Any:
        out = forward()
        return out[0] if isinstance(out, (tuple, list)) else out

    result = first()
    # not ones_like: PyTorch's has the strides of the result, and a row of views would copy in one library alone
    cotangent = lib.ones(tuple(result.shape), dtype=result.dtype)

    def both() -> None:
        first().backward(cotangent)
        for leaf in leaves:
            leaf.grad = None

    return both
