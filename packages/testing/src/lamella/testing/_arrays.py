"""Arrays worth testing with: every dtype in shapes and memory layouts where kernels go wrong.

All are functions of a seed. Values are moderate (|x| < 4) and exact in the dtype asked for, so that a float64 oracle
may start from the very same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import lamella.tensor as lt
from lamella.tensor.extend import BOOL, COMPLEX, FLOAT, as_dtype

__all__ = [
    "ALL_DTYPES",
    "COMPLEX_DTYPES",
    "FLOAT_DTYPES",
    "INT_DTYPES",
    "LAYOUTS",
    "arrays",
    "layout_of",
    "normal_array",
    "special_values",
]

FLOAT_DTYPES = (lt.float64, lt.float32, lt.float16, lt.bfloat16)
INT_DTYPES = (lt.int64, lt.int32, lt.int16, lt.int8, lt.uint8)
COMPLEX_DTYPES = (lt.complex128, lt.complex64)
ALL_DTYPES = (*FLOAT_DTYPES, *INT_DTYPES, lt.bool_, *COMPLEX_DTYPES)

# name of a layout: shape
LAYOUTS = {
    "scalar": (),
    "empty": (0, 3),
    "one": (1,),
    "vector": (7,),
    "matrix": (3, 5),
    "cube": (2, 3, 4),
    "transposed": (4, 3),
    "strided": (3, 2),
    "reversed": (5,),
    "expanded": (3, 4),
    "offset": (3, 3),
}


def normal_array(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> Any:
    """Contiguous values of a dtype: normal floats, small integers (negative where it has them), coins for bool."""
    rng = np.random.default_rng([seed, *shape])
    kind = as_dtype(dtype)
    if kind.category == BOOL:
        return np.asarray(rng.random(shape) < 0.5)
    if kind.category == FLOAT:
        return np.asarray(np.clip(rng.standard_normal(shape), -3.9, 3.9)).astype(kind.numpy)
    if kind.category == COMPLEX:
        return np.asarray(rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(kind.numpy)
    low = 0 if kind.numpy.kind == "u" else -9
    return np.asarray(rng.integers(low, 10, shape)).astype(kind.numpy)


def layout_of(layout: str, dtype: Any, seed: int = 0) -> Any:
    """One array in a layout of LAYOUTS; KeyError for another name."""
    shape = LAYOUTS[layout]
    if layout == "transposed":
        return normal_array(shape[::-1], dtype, seed).T
    if layout == "strided":
        return normal_array((6, 5), dtype, seed)[::2, 1::3]
    if layout == "reversed":
        return normal_array(shape, dtype, seed)[::-1]
    if layout == "expanded":
        return np.broadcast_to(normal_array((1, shape[1]), dtype, seed), shape)
    if layout == "offset":
        return normal_array((4, 5), dtype, seed)[1:, 1:4]
    return normal_array(shape, dtype, seed)


def arrays(dtype: Any, seed: int = 0) -> Iterator[tuple[str, Any]]:
    """(layout, array) for every layout, of one dtype."""
    for layout in LAYOUTS:
        yield layout, layout_of(layout, dtype, seed)


def special_values(dtype: Any) -> Any:
    """What kernels get wrong in a floating or complex dtype: both zeros, infinities, nan, extremes, subnormals."""
    kind = as_dtype(dtype)
    if kind.category not in (FLOAT, COMPLEX):
        raise TypeError(f"special values are those of floating and complex dtypes, got {kind}")
    import ml_dtypes  # has the limits of bfloat16 and float8, which numpy's own finfo lacks

    info: Any = ml_dtypes.finfo(kind.numpy)  # type: ignore[no-untyped-call]
    limits = [float(v) for v in (info.max, info.min, info.tiny, info.smallest_subnormal)]
    return np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, *limits]).astype(kind.numpy)
