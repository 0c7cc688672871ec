"""Matrix products of integers through the floating products of BLAS, exactly.

numpy multiplies integer matrices in a plain loop. A sum of K products below 2**53 is exact in float64 in every order,
so operands of few bits take one floating product; wider ones are cut into digits, whose products are shifted together
in int64, where they wrap as the plain loop wraps.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

__all__ = ["integer_product"]

_WORTH = 20000  # multiplications from which the detour pays
_MOST = 10  # floating products above which the plain loop is no slower
_SINGLE, _DOUBLE = 24, 53


def integer_product(a: Any, b: Any) -> Any:
    """np.matmul of two integer arrays of one dtype, the same in every bit."""
    inner = a.shape[-1]
    if a.size * (b.shape[-1] if b.ndim > 1 else 1) < _WORTH or b.ndim == 1 or a.ndim == 1 or not b.size:
        return np.matmul(a, b)
    bits_a, bits_b, bits_k = _bits(a), _bits(b), inner.bit_length()
    if bits_a + bits_b + bits_k <= _DOUBLE:
        wide = np.float32 if bits_a + bits_b + bits_k <= _SINGLE else np.float64
        return np.matmul(a.astype(wide), b.astype(wide)).astype(np.int64).astype(a.dtype, copy=False)
    cut = _digits(bits_a, bits_b, _DOUBLE - bits_k)
    if cut is None:
        return np.matmul(a, b)
    (count_a, width_a), (count_b, width_b) = cut
    parts_a, parts_b = _cut(a, count_a, width_a), _cut(b, count_b, width_b)
    total: Any = None
    for i, x in enumerate(parts_a):
        for j, y in enumerate(parts_b):
            shift = i * width_a + j * width_b
            if shift < 64:
                product = np.matmul(x, y).astype(np.int64)
                if shift:
                    np.left_shift(product, shift, out=product)
                total = product if total is None else np.add(total, product, out=total)
    return total.astype(a.dtype, copy=False)


def _bits(x: Any) -> int:
    """The b with |x| <= 2**b for every element."""
    return max(int(x.max()), -int(x.min()), 1).bit_length()


@lru_cache(maxsize=256)
def _digits(bits_a: int, bits_b: int, room: int) -> Any:
    """((digits, their bits) of a, the same of b) with the fewest products of which each fits `room` bits."""
    best = None
    for count_a in range(1, 5):
        for count_b in range(1, 5):
            width_a, width_b = -(-bits_a // count_a), -(-bits_b // count_b)
            if width_a + width_b > room:
                continue
            count = sum(i * width_a + j * width_b < 64 for i in range(count_a) for j in range(count_b))
            if count <= _MOST and (best is None or count < best[0]):
                best = (count, ((count_a, width_a), (count_b, width_b)))
    return None if best is None else best[1]


def _cut(x: Any, count: int, width: int) -> list[Any]:
    """Digits of x to the base 2**width, least first, in float64; the last has the sign."""
    if count == 1:
        return [x.astype(np.float64)]
    mask = x.dtype.type((1 << width) - 1)
    low = [((x >> x.dtype.type(i * width)) & mask).astype(np.float64) for i in range(count - 1)]
    return [*low, (x >> x.dtype.type((count - 1) * width)).astype(np.float64)]
