"""Products of vectors and matrices, and over any dims. Operands have one dtype, unless elements only meet in pairs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

from .. import _pointwise as p
from .._base import TensorBase
from .._contraction import best_order, contract
from .._creation import eye
from .._dims import dim_of
from .._dispatch import view_of
from .._dtype import bool_, from_numpy_dtype
from .._op import OPS
from .._promotion import refusal
from .._state import tls
from .common import require_float, run, tensor_of, to_dtype
from .complexes import conj
from .elementwise import where
from .movement import expand, reshape

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = [
    "bmm", "chain_matmul", "cross", "dot", "ger", "inner", "kron", "matmul", "matrix_power", "mm", "mv", "outer",
    "tensordot", "vdot",
]  # fmt: skip
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS = (
    "bmm", "cross", "dot", "ger", "inner", "kron", "matmul", "matrix_power", "mm", "mv", "outer", "vdot",
)  # fmt: skip
IN_PLACE: tuple[str, ...] = ()

_FEW, _MANY = 4096, 1 << 15  # products for which a call counts, and from which memory does
_RESHAPE = OPS["reshape"]


def of_rank(name: str, x: Any, rank: int, what: str) -> Tensor:
    """x as a tensor of so many dims; ValueError otherwise."""
    t = tensor_of(x, name)
    if t._data.ndim != rank:
        raise ValueError(f"{name}: {what} must have {rank} dim{'s' * (rank > 1)}, got shape {tuple(t._data.shape)}")
    return t


def one_dtype(name: str, *tensors: Any) -> None:
    """TypeError for tensors of several dtypes; autocast brings them together by itself."""
    first = tensors[0]._data.dtype
    for t in tensors:
        if t._data.dtype != first and tls.autocast is None:
            given = ", ".join(str(from_numpy_dtype(one._data.dtype)) for one in tensors)
            raise TypeError(f"{name} needs tensors of one dtype, got {given}; cast them with .to(dtype)")


def contracted(name: str, *tensors: Any) -> None:
    """TypeError unless sums of products can be taken of these: they have one dtype, and it is not bool."""
    one_dtype(name, *tensors)
    if tensors[0]._data.dtype.kind == "b":
        raise TypeError(refusal(name, "b"))


def _meeting(name: str, left: Any, right: Any, over: str) -> None:
    if left != right:
        raise ValueError(f"{name}: {over} must be equal, got {left} and {right}")


def matmul(a: Any, b: Any) -> Tensor:
    """Matrix product with broadcasting batch dims; 1-d operands are vectors, as in numpy."""
    return tensor_of(a, "matmul") @ tensor_of(b, "matmul")


def _vectors(name: str, x: Any, y: Any) -> tuple[Tensor, Tensor]:
    if isinstance(x, TensorBase) and isinstance(y, TensorBase):  # two that fit, soon found
        one, two = x._data, y._data
        if one.ndim == 1 and one.shape == two.shape and one.dtype == two.dtype:
            return cast("Tensor", x), cast("Tensor", y)
    a, b = of_rank(name, x, 1, "the first vector"), of_rank(name, y, 1, "the second vector")
    _meeting(name, a._data.shape[0], b._data.shape[0], "the sizes of the vectors")
    one_dtype(name, a, b)
    return a, b


def dot(x: Any, tensor: Any) -> Tensor:
    """Sum of the products of two vectors [N] of one dtype; complex ones are not conjugated."""
    a, b = _vectors("dot", x, tensor)
    return a @ b


def vdot(x: Any, other: Any) -> Tensor:
    """Sum of conj(x) * other over two vectors [N] of one dtype."""
    a, b = _vectors("vdot", x, other)
    return conj(a) @ b


def mv(x: Any, vec: Any) -> Tensor:
    """Matrix [N, M] times vector [M], of one dtype."""
    a, b = of_rank("mv", x, 2, "the matrix"), of_rank("mv", vec, 1, "the vector")
    one_dtype("mv", a, b)
    return a @ b


def mm(x: Any, mat2: Any) -> Tensor:
    """Matrix [N, M] times matrix [M, P], of one dtype."""
    a, b = of_rank("mm", x, 2, "the first matrix"), of_rank("mm", mat2, 2, "the second matrix")
    one_dtype("mm", a, b)
    return a @ b


def bmm(x: Any, mat2: Any) -> Tensor:
    """Matrices [B, N, M] times matrices [B, M, P] of one dtype, one by one; nothing broadcasts."""
    a, b = batches("bmm", x, mat2)
    return a @ b


def batches(name: str, x: Any, y: Any) -> tuple[Tensor, Tensor]:
    """Two batches of as many matrices, of one dtype."""
    a, b = of_rank(name, x, 3, "the first batch"), of_rank(name, y, 3, "the second batch")
    if a._data.shape[0] != b._data.shape[0]:
        _meeting(name, a._data.shape[0], b._data.shape[0], "the numbers of matrices")
    one_dtype(name, a, b)
    return a, b


def outer(x: Any, vec2: Any) -> Tensor:
    """All products [N, M] of the elements of vectors [N] and [M]."""
    a, b = of_rank("outer", x, 1, "the first vector"), of_rank("outer", vec2, 1, "the second vector")
    one, two = a._data, b._data
    column = view_of(_RESHAPE, a, (one.shape[0], 1))
    count = one.shape[0] * two.shape[0]
    if count > _FEW and one.dtype == two.dtype and one.dtype.kind != "b" and tls.autocast is None:
        if count > _MANY or a.requires_grad or b.requires_grad:
            # as a product of matrices, whose gradients are such too: those of `mul` are sums of outer products
            return column @ view_of(_RESHAPE, b, (1, two.shape[0]))
    return p.mul(column, b)


def ger(x: Any, vec2: Any) -> Tensor:
    """`outer` by its older name."""
    return outer(x, vec2)


def inner(x: Any, other: Any) -> Tensor:
    """Sums of products over the last dims: [..., N] and [---, N] give [..., ---]; a number multiplies all."""
    a, b = tensor_of(x, "inner"), tensor_of(other, "inner")
    if not a._data.ndim or not b._data.ndim:
        return p.mul(a, b)
    _meeting("inner", a._data.shape[-1], b._data.shape[-1], "the last sizes")
    return tensordot(a, b, ([-1], [-1]))


def tensordot(a: Any, b: Any, dims: Any = 2) -> Tensor:
    """Sum of products over the last `dims` dims of `a` with the first of `b`, or over the two lists of dims named.

    The dims left of `a`, then those of `b`, are the result's. A size of 1 stands for every size.
    """
    x, y = tensor_of(a, "tensordot"), tensor_of(b, "tensordot")
    contracted("tensordot", x, y)
    first, second = _summed_dims(dims, x._data.ndim, y._data.ndim)
    sizes = [(x._data.shape[i], y._data.shape[j]) for i, j in zip(first, second, strict=True)]
    if any(m != n and 1 not in (m, n) for m, n in sizes):
        shapes = f"{tuple(x._data.shape)} and {tuple(y._data.shape)}"
        raise ValueError(f"tensordot needs equal sizes along dims {first} and {second} of shapes {shapes}")
    left = [f"a{d}" for d in range(x._data.ndim)]
    right = [left[first[second.index(d)]] if d in second else f"b{d}" for d in range(y._data.ndim)]
    kept = [left[d] for d in range(len(left)) if d not in first]
    output = (*kept, *[right[d] for d in range(len(right)) if d not in second])
    out = contract((x, y), (tuple(left), tuple(right)), output)
    # integers stay what they are, also where a size of 1 makes a plain sum of one side
    return to_dtype(out, x.dtype) if x._data.dtype.kind in "iu" else out


def _summed_dims(dims: Any, rank_a: int, rank_b: int) -> tuple[list[int], list[int]]:
    if isinstance(dims, TensorBase):
        dims = tensor_of(dims, "tensordot").tolist()
    if isinstance(dims, int):
        if not 0 <= dims <= min(rank_a, rank_b):
            raise ValueError(f"tensordot over {dims} dims of tensors of {rank_a} and {rank_b} dims")
        return list(range(rank_a - dims, rank_a)), list(range(dims))
    if not isinstance(dims, Sequence) or len(dims) != 2 or not all(isinstance(side, Sequence) for side in dims):
        raise TypeError(f"tensordot: dims is an int or two lists of dims, got {dims!r}")
    first, second = [dim_of(d, rank_a) for d in dims[0]], [dim_of(d, rank_b) for d in dims[1]]
    if len(first) != len(second):
        raise ValueError(f"tensordot needs as many dims of both tensors, got {len(first)} and {len(second)}")
    if len(set(first)) < len(first) or len(set(second)) < len(second):
        raise ValueError(f"tensordot: a dim appears twice in {tuple(dims)}")
    return first, second


def vecdot(x: Any, y: Any, *, dim: int = -1) -> Tensor:
    """Sum of conj(x) * y along a dim of two tensors of one dtype; the other dims broadcast."""
    a, b = tensor_of(x, "linalg.vecdot"), tensor_of(y, "linalg.vecdot")
    if a._data.dtype.kind != "c":
        require_float(a, "linalg.vecdot")
    one_dtype("linalg.vecdot", a, b)
    product = p.mul(conj(a), b)
    at = dim_of(dim, product._data.ndim)
    return run("sum", (product,), dims=(at,), keepdim=False) if product._data.ndim else product


def kron(x: Any, other: Any) -> Tensor:
    """Kronecker product: every element of x times all of `other`; missing dims are in front, of size 1."""
    a, b = tensor_of(x, "kron"), tensor_of(other, "kron")
    rank = max(a._data.ndim, b._data.ndim)
    if a._data.ndim == b._data.ndim == 1:
        return view_of(_RESHAPE, outer(a, b), (a._data.shape[0] * b._data.shape[0],))
    left = (1,) * (rank - a._data.ndim) + tuple(a._data.shape)
    right = (1,) * (rank - b._data.ndim) + tuple(b._data.shape)
    spread_left = [n for size in left for n in (size, 1)]
    spread_right = [n for size in right for n in (1, size)]
    product = p.mul(reshape(a, tuple(spread_left)), reshape(b, tuple(spread_right)))
    return reshape(product, tuple([m * n for m, n in zip(left, right, strict=True)]))


def cross(x: Any, other: Any, dim: int | None = None) -> Tensor:
    """Cross product along a dim of size 3, by default the first such; the other dims broadcast."""
    a = tensor_of(x, "cross")
    if dim is None:
        sizes = tuple(a._data.shape)
        if 3 not in sizes:
            raise ValueError(f"cross needs a dim of size 3, got shape {sizes}")
        dim = sizes.index(3)
    return cross_along("cross", a, other, dim)


def cross_along(name: str, x: Any, other: Any, dim: int) -> Tensor:
    """The cross product along a dim that is given."""
    a, b = tensor_of(x, name), tensor_of(other, name)
    shapes = f"{tuple(a._data.shape)} and {tuple(b._data.shape)}"
    if a._data.ndim != b._data.ndim:
        raise ValueError(f"{name} needs as many dims on both sides, got shapes {shapes}")
    one_dtype(name, a, b)
    at = dim_of(dim, a._data.ndim)
    if not a._data.ndim or a._data.shape[at] != 3 or b._data.shape[at] != 3:
        raise ValueError(f"{name} needs size 3 along dim {dim}, got shapes {shapes}")
    return run("cross", (a, b), dim=at - a._data.ndim)


def matrix_power(x: Any, n: int) -> Tensor:
    """Square matrices [..., N, N] times themselves, inverted first for a negative n; the identity for 0."""
    t = tensor_of(x, "matrix_power")
    if isinstance(n, bool) or not isinstance(n, int):
        raise TypeError(f"matrix_power needs an int, got {n!r}")
    shape = tuple(t._data.shape)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise ValueError(f"matrix_power needs square matrices in the last two dims, got shape {shape}")
    if n == 0:
        ones = expand(eye(shape[-1], dtype=from_numpy_dtype(t._data.dtype)), shape)
        return p.add(ones, nothing_of(t)) if t.requires_grad else run("copy", (ones,))
    if n < 0:
        from ..linalg import inv

        t, n = inv(t), -n
    if n == 1:
        return run("copy", (t,))
    found: Tensor | None = None
    power = t
    while n > 1:  # by the binary digits of n
        if n & 1:
            found = power if found is None else matmul(found, power)
        n >>= 1
        power = matmul(power, power)
    return power if found is None else matmul(found, power)


def nothing_of(t: Tensor) -> Tensor:
    """Zeros that have a gradient of 0 for t; a factor of 0 would let NaN through."""
    return where(run("full", (True,), shape=(), dtype=bool_), 0.0, t)


def chain_matmul(*matrices: Any) -> Tensor:
    """The product of matrices in the order of the fewest multiplications; of one, a view of it."""
    given = matrices[0] if len(matrices) == 1 and isinstance(matrices[0], (tuple, list)) else matrices
    if not given:
        raise ValueError("chain_matmul needs at least one matrix")
    chain = [of_rank("chain_matmul", m, 2, f"matrix {i}") for i, m in enumerate(given)]
    return run("alias", (chain[0],)) if len(chain) == 1 else _multiplied("chain_matmul", chain)


def multi_dot(tensors: Sequence[Any]) -> Tensor:
    """The product of at least two matrices in the order of the fewest multiplications.

    The first and the last may be vectors, a row and a column.
    """
    name = "linalg.multi_dot"
    if not isinstance(tensors, (tuple, list)):
        raise TypeError(f"{name} needs a tuple or list of tensors, got {type(tensors).__name__}")
    if len(tensors) < 2:
        raise ValueError(f"{name} needs at least two tensors, got {len(tensors)}")
    chain = []
    for i, m in enumerate(tensors):
        t = tensor_of(m, name)
        vector = t._data.ndim == 1 and i in (0, len(tensors) - 1)
        t = t if vector else of_rank(name, t, 2, f"tensor {i}")
        chain.append(reshape(t, *((1, -1) if i == 0 else (-1, 1))) if vector else t)
    product = _multiplied(name, chain)
    rows, columns = tensors[0]._data.ndim == 2, tensors[-1]._data.ndim == 2
    sizes = product._data.shape
    return reshape(product, (*sizes[: int(rows)], *sizes[2 - int(columns) :]))


def _multiplied(name: str, chain: list[Tensor]) -> Tensor:
    one_dtype(name, *chain)
    for i, (a, b) in enumerate(pairwise(chain)):
        if a._data.shape[1] != b._data.shape[0]:
            shapes = f"{tuple(a._data.shape)} and {tuple(b._data.shape)}"
            raise ValueError(f"{name}: matrices {i} and {i + 1} of shapes {shapes} do not meet in one size")
    order = best_order((*[t._data.shape[0] for t in chain], chain[-1]._data.shape[1]))

    def product(tree: Any) -> Tensor:
        return chain[tree] if isinstance(tree, int) else matmul(product(tree[0]), product(tree[1]))

    return product(order)
