"""beta * x + alpha * (a product), composed. With beta = 0, NaN and infinities of x do not count."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import _pointwise as p
from .._base import TensorBase
from .._dtype import BOOL, COMPLEX, FLOAT, float32, float64, from_numpy_dtype, int32, int64
from .._promotion import result_type
from .._state import tls
from .common import tensor_of, to_dtype
from .movement import permute, reshape
from .product import batches, matmul, nothing_of, of_rank, one_dtype, outer

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["addbmm", "addmm", "addmv", "addr", "baddbmm"]
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS = ("addbmm", "addmm", "addmv", "addr", "baddbmm")
IN_PLACE = ("addbmm", "addmm", "addmv", "addr", "baddbmm")

# factors that need no look beside a dtype
_PLAIN = {
    **dict.fromkeys((float32.numpy, float64.numpy), frozenset((int, float))),
    **dict.fromkeys((int32.numpy, int64.numpy), frozenset((int,))),
}


def addmm(x: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * x + alpha * (mat1 [N, M] @ mat2 [M, P]), all of one dtype; x broadcasts to [N, P]."""
    a, b = of_rank("addmm", mat1, 2, "mat1"), of_rank("addmm", mat2, 2, "mat2")
    return _total("addmm", x, (a, b), matmul, beta, alpha)


def addmv(x: Any, mat: Any, vec: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * x + alpha * (mat [N, M] @ vec [M]), all of one dtype; x broadcasts to [N]."""
    a, b = of_rank("addmv", mat, 2, "mat"), of_rank("addmv", vec, 1, "vec")
    return _total("addmv", x, (a, b), matmul, beta, alpha)


def addr(x: Any, vec1: Any, vec2: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * x + alpha * outer(vec1 [N], vec2 [M]); x broadcasts to [N, M], dtypes meet."""
    a, b = of_rank("addr", vec1, 1, "vec1"), of_rank("addr", vec2, 1, "vec2")
    return _total("addr", x, (a, b), outer, beta, alpha)


def addbmm(x: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * x + alpha * (the sum over B of batch1 [B, N, M] @ batch2 [B, M, P]); x broadcasts to [N, P]."""
    return _total("addbmm", x, batches("addbmm", batch1, batch2), _summed_batch, beta, alpha)


def baddbmm(x: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * x + alpha * (batch1 [B, N, M] @ batch2 [B, M, P]), all of one dtype; x broadcasts to [B, N, P]."""
    return _total("baddbmm", x, batches("baddbmm", batch1, batch2), matmul, beta, alpha)


def _summed_batch(a: Any, b: Any) -> Tensor:
    (count, rows, inner), (_, other, columns) = a._data.shape, b._data.shape
    if inner != other:
        raise ValueError(f"addbmm of {tuple(a._data.shape)} and {tuple(b._data.shape)}: {inner} and {other} differ")
    # one product, whose inner sum runs over the batch too
    return matmul(reshape(permute(a, 1, 0, 2), (rows, count * inner)), reshape(b, (count * inner, columns)))


def _total(name: str, x: Any, factors: Any, product: Callable[..., Tensor], beta: Any, alpha: Any) -> Tensor:
    t = tensor_of(x, name)
    dtype = t._data.dtype
    plain = _PLAIN.get(dtype, ())
    if type(beta) in plain and type(alpha) in plain:
        if factors[0]._data.dtype == dtype == factors[1]._data.dtype and tls.autocast is None:
            return _sum(name, t, product(*factors), beta, alpha)
    if product is outer:
        target = result_type((t, *factors))
        t, *factors = (to_dtype(v, target) for v in (t, *factors))
    else:
        one_dtype(name, t, *factors)
    dtypes = [from_numpy_dtype(v._data.dtype) for v in (t, *factors)]
    category = max(dtype.category for dtype in dtypes)
    beta, alpha = (
        _number(name, what, value, category, strict=product is outer)
        for what, value in (("beta", beta), ("alpha", alpha))
    )
    if category == FLOAT and all(dtype is dtypes[0] for dtype in dtypes) and dtypes[0].itemsize < 4:
        # in float32, so that the sum is rounded once
        wide = _sum(name, to_dtype(t, float32), product(*[to_dtype(v, float32) for v in factors]), beta, alpha)
        return to_dtype(wide, dtypes[0])
    made = product(*factors)
    if tls.autocast is not None and product is not outer:  # the product is of low precision there, and so is the sum
        t = to_dtype(t, from_numpy_dtype(made._data.dtype))
    return _sum(name, t, made, beta, alpha)


def _sum(name: str, t: Tensor, product: Tensor, beta: Any, alpha: Any) -> Tensor:
    old, shape = tuple(t._data.shape), tuple(product._data.shape)
    if old != shape and not _fits(old, shape):
        raise ValueError(f"{name}: a tensor of shape {old} does not broadcast to the product's shape {shape}")
    if alpha != 1:
        product = p.mul(product, alpha)
    if beta != 0:
        return p.add(product, t if beta == 1 else p.mul(t, beta))
    return p.add(product, nothing_of(t)) if t.requires_grad else product


def _fits(old: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    return len(old) <= len(shape) and all(m in (1, n) for m, n in zip(old[::-1], shape[::-1], strict=False))


def _number(name: str, what: str, value: Any, category: int, strict: bool) -> Any:
    """A factor that the dtype can hold; a strict one is no float beside integers, and a bool only beside bools."""
    if isinstance(value, TensorBase):
        value = tensor_of(value, name).item()
    if isinstance(value, complex) and category < COMPLEX:
        raise TypeError(f"{name}: {what} of real tensors must be real, got {value}")
    if category < FLOAT and isinstance(value, float):
        if strict or not value.is_integer():
            raise TypeError(f"{name}: {what} of integer tensors must be an integer, got {value}")
        value = int(value)
    if strict and isinstance(value, bool) and category > BOOL:
        raise TypeError(f"{name}: {what} is a bool only for bool tensors, got {value}")
    return bool(value) if category == BOOL else value
