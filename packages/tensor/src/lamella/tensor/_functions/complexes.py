"""Complex numbers: parts, conjugates, polar form, and views of them as pairs. The dims of a pair are the last."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .. import _pointwise as p
from .._dtype import FLOAT, from_numpy_dtype
from .._meta import broadcast_shapes
from .common import run, tensor_of
from .elementwise import where
from .joining import stack
from .movement import expand

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = [
    "adjoint", "angle", "complex", "conj", "conj_physical", "imag", "is_complex", "is_conj", "is_floating_point",
    "is_nonzero", "polar", "real", "resolve_conj", "resolve_neg", "view_as_complex", "view_as_real",
]  # fmt: skip
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS = (
    "adjoint", "angle", "conj", "conj_physical", "is_complex", "is_conj", "is_nonzero", "resolve_conj", "resolve_neg",
)  # fmt: skip
IN_PLACE = ("conj_physical",)


def is_complex(x: Any) -> bool:
    """Whether the dtype is complex."""
    return bool(tensor_of(x, "is_complex")._data.dtype.kind == "c")


def is_floating_point(x: Any) -> bool:
    """Whether the dtype is real floating."""
    return from_numpy_dtype(tensor_of(x, "is_floating_point")._data.dtype).category == FLOAT


def is_nonzero(x: Any) -> bool:
    """Whether the only element is not 0; ValueError for more elements."""
    t = tensor_of(x, "is_nonzero")
    if t.numel() != 1:
        raise ValueError(f"is_nonzero needs a tensor of one element, got shape {t.shape}")
    return bool(t)


def view_as_real(x: Any) -> Tensor:
    """A view of complex numbers [...] as pairs [..., 2]."""
    return run("view_as_real", (tensor_of(x, "view_as_real"),))


def view_as_complex(x: Any) -> Tensor:
    """A view of pairs [..., 2], neighbours in memory, as complex numbers [...]."""
    return run("view_as_complex", (tensor_of(x, "view_as_complex"),))


def real(x: Any) -> Tensor:
    """The real part: a view of complex numbers, x itself of real ones."""
    t = tensor_of(x, "real")
    return view_as_real(t)[..., 0] if is_complex(t) else t


def imag(x: Any) -> Tensor:
    """The imaginary part, a view; TypeError for real dtypes."""
    t = tensor_of(x, "imag")
    if not is_complex(t):
        raise TypeError(f"imag needs a complex tensor, got {t.dtype}")
    return view_as_real(t)[..., 1]


def conj(x: Any) -> Tensor:
    """The complex conjugate, in memory of its own; x itself for real dtypes."""
    t = tensor_of(x, "conj")
    return run("conj", (t,)) if is_complex(t) else t


def conj_physical(x: Any) -> Tensor:
    """The complex conjugate, a copy; of real dtypes too."""
    return run("conj", (tensor_of(x, "conj_physical"),))


def resolve_conj(x: Any) -> Tensor:
    """x: conjugates are never lazy here."""
    return tensor_of(x, "resolve_conj")


def resolve_neg(x: Any) -> Tensor:
    """x: negation is never lazy here."""
    return tensor_of(x, "resolve_neg")


def is_conj(x: Any) -> bool:
    """False: conjugates are never lazy here."""
    tensor_of(x, "is_conj")
    return False


def adjoint(x: Any) -> Tensor:
    """The conjugate transpose of the last two dims."""
    return conj(tensor_of(x, "adjoint").mT)


def angle(x: Any) -> Tensor:
    """The angle of a complex number in (-pi, pi]; of a real one 0, or pi where it is negative."""
    t = tensor_of(x, "angle")
    if is_complex(t):
        return p.atan2(imag(t), real(t))
    if from_numpy_dtype(t._data.dtype).category < FLOAT:
        t = p.mul(t, 1.0)
    return where(p.isnan(t), t, where(p.lt(t, 0), math.pi, p.mul(t.detach(), 0.0)))


def complex(real: Any, imag: Any) -> Tensor:
    """Complex numbers of two parts of one dtype, float32 or float64."""
    a, b = tensor_of(real, "complex"), tensor_of(imag, "complex")
    if a.dtype is not b.dtype or a._data.dtype.kind != "f" or a._data.dtype.itemsize < 4:
        raise TypeError(f"complex needs two float32 or two float64 tensors, got {a.dtype} and {b.dtype}")
    if a.shape != b.shape:
        shape = broadcast_shapes(a.shape, b.shape)
        a, b = expand(a, shape), expand(b, shape)
    return view_as_complex(stack([a, b], -1))


def polar(abs: Any, angle: Any) -> Tensor:
    """Complex numbers of absolute value and angle: abs * (cos(angle) + i sin(angle))."""
    size, turn = tensor_of(abs, "polar"), tensor_of(angle, "polar")
    if size.dtype is not turn.dtype or size._data.dtype.kind != "f" or size._data.dtype.itemsize < 4:
        raise TypeError(f"polar needs two float32 or two float64 tensors, got {size.dtype} and {turn.dtype}")
    return complex(p.mul(size, p.cos(turn)), p.mul(size, p.sin(turn)))
