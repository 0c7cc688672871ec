"""Where operands of several dtypes meet: the casts that the dispatcher inserts, so that kernels and graphs never see
a mixture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._base import TensorBase
from ._dtype import (
    BOOL,
    BY_NUMPY,
    COMPLEX,
    FLOAT,
    INT,
    DType,
    bool_,
    complex64,
    complex128,
    float32,
    float64,
    from_numpy_dtype,
    int64,
    promote,
)
from ._op import Op
from ._scalar import SymScalar

__all__ = [
    "default_complex", "default_float", "fitted", "get_default_dtype", "meet", "normalized", "number_category",
    "of_category", "refusal", "result_type", "set_default_dtype",
]  # fmt: skip

_PYTHON: dict[str, Any] = {"b": bool, "i": int, "u": int, "f": float, "V": float, "c": complex}
# ml_dtypes' floats are of numpy's kind V
_CATEGORY = {"b": BOOL, "i": INT, "u": INT, "f": FLOAT, "V": FLOAT, "c": COMPLEX}

_default: list[DType] = [float32]


def get_default_dtype() -> DType:
    """The floating dtype that Python floats and integer division become."""
    return _default[0]


def set_default_dtype(dtype: DType) -> None:
    """Set it; TypeError unless floating."""
    if not isinstance(dtype, DType) or dtype.category != FLOAT:
        raise TypeError(f"the default dtype must be a floating lamella dtype, got {dtype!r}")
    _default[0] = dtype


def default_float() -> DType:
    """Same as get_default_dtype, for internal readers."""
    return _default[0]


def default_complex() -> DType:
    """What Python complex numbers become: the complex type of the default dtype's width, at least complex64."""
    return complex128 if _default[0] is float64 else complex64


def number_category(x: Any) -> int:
    """The category of a Python number or a symbolic scalar (which says it as `.category`)."""
    if isinstance(x, bool):
        return BOOL
    if isinstance(x, int):
        return INT
    if isinstance(x, float):
        return FLOAT
    if isinstance(x, complex):
        return COMPLEX
    if isinstance(x, np.generic) and x.dtype.kind in _CATEGORY:
        return _CATEGORY[x.dtype.kind]
    if not isinstance(x, SymScalar):
        raise TypeError(f"expected a number, got {type(x).__name__}")
    category: int = x.category
    return category


def of_category(category: int) -> DType:
    """What a Python number of a category becomes."""
    if category == BOOL:
        return bool_
    if category == INT:
        return int64
    if category == FLOAT:
        return _default[0]
    return default_complex()


def result_type(args: Sequence[Any]) -> DType:
    """The dtype in which tensors and numbers combine: dims before 0-d before numbers; each raises only the category."""
    dims: DType | None = None
    zero: DType | None = None
    number = -1
    for a in args:
        if isinstance(a, TensorBase):
            dtype = from_numpy_dtype(a._data.dtype)
            if a._data.ndim:
                dims = dtype if dims is None else promote(dims, dtype)
            else:
                zero = dtype if zero is None else promote(zero, dtype)
        elif a is not None:
            number = max(number, number_category(a))
    result = dims
    if zero is not None and (result is None or zero.category > result.category):
        result = zero if result is None else _raise_to(result, zero)
    if number >= 0 and (result is None or number > result.category):
        result = of_category(number) if result is None else _raise_to(result, of_category(number))
    if result is None:
        raise TypeError("no operand to take a dtype from")
    return result


def _raise_to(low: DType, high: DType) -> DType:
    # a complex raises floats to the complex type of their own width: float32 to complex64, float64 to complex128
    if high.category == COMPLEX and low.category == FLOAT:
        return complex128 if low is float64 else complex64
    return high


def meet(op: Op, args: Sequence[Any]) -> DType | None:
    """The dtype the operands must be brought to, or None where they agree; TypeError for kinds that an op refuses."""
    first = None
    same = True
    number = -1
    for a in args:
        if isinstance(a, TensorBase):
            dtype = a._data.dtype
            if first is None:
                first = dtype
            elif dtype is not first and dtype != first:
                same = False
        elif a is not None:
            number = max(number, number_category(a))
    if op.refuses:
        _refuse(op, args)
    if first is not None and same:
        category = _CATEGORY[first.kind]
        if number <= category and (op.promotes != "float" or category >= FLOAT):
            # an integer beside integers may not fit, and ml_dtypes would go on in float32: the caller brings them in
            agree = number < 0 or (first.kind != "V" and (category != INT or number != INT))
            return None if agree else from_numpy_dtype(first)
    target = result_type(args)
    return _default[0] if op.promotes == "float" and target.category < FLOAT else target


def _refuse(op: Op, args: Sequence[Any]) -> None:
    for a in args:
        kind = a._data.dtype.kind if isinstance(a, TensorBase) else "c" if type(a) is complex else ""
        if kind and kind in op.refuses:
            met = kind
            if op.name != "sub":  # bools have no difference, not even from a number
                target = result_type(args)
                met = (_default[0] if op.promotes == "float" and target.category < FLOAT else target).numpy.kind
            if met in op.refuses:
                raise TypeError(refusal(op.name, met))


def refusal(name: str, kind: str) -> str:
    """What is wrong with a bool or complex operand of an op, and what to do."""
    if kind == "c":
        return f"{name} is not defined for complex numbers; take the abs, or work on real and imaginary parts"
    if kind in "fV":
        return f"{name} is defined for integers and bools, not for floating tensors; compare first, or use .to(int64)"
    if kind in "iu":
        return f"{name} is defined for floating tensors, not for integers; convert them with .to({_default[0].name})"
    advice = "use logical_not or a != b, or cast" if name in ("neg", "sub") else "cast"
    return f"{name} of bool tensors has no meaning; {advice} them with .to(int64)"


def fitted(op: Op, number: int, dtype: DType) -> int:
    """A Python integer beside a tensor of an integer dtype: itself where it fits.

    Where it does not, sums, differences and products wrap it, for they wrap themselves; comparisons keep it, as
    they are exact; OverflowError for every other op.
    """
    bits: int = 8 * dtype.itemsize
    signed = dtype.numpy.kind == "i"
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    if low <= number <= high or op.promotes == "bool":
        return number
    if op.name not in ("add", "sub", "mul"):
        raise OverflowError(f"{op.name}: {number} does not fit the tensor's {dtype}; cast the tensor first")
    wrapped = number & ((1 << bits) - 1)
    return wrapped - (1 << bits) if signed and wrapped > high else wrapped


def normalized(op: Op, args: Sequence[Any]) -> tuple[Any, ...]:
    """Operands with numpy's scalars and subclasses of Python's numbers as plain numbers; TypeError for all else."""
    out: list[Any] = []
    for i, a in enumerate(args):
        if isinstance(a, (TensorBase, SymScalar)) or (a is None and i in op.optional):
            out.append(a)
        elif isinstance(a, np.generic) and (a.dtype in BY_NUMPY or a.dtype.kind in "fc"):
            out.append(_PYTHON[a.dtype.kind](a))  # item() of a long double is itself
        elif isinstance(a, int):
            out.append(int(a))
        elif isinstance(a, (float, complex)):
            out.append(float(a) if isinstance(a, float) else complex(a))
        else:
            what = op.operands[0 if op.variadic else i]
            advice = "wrap it with from_numpy(...)" if isinstance(a, np.ndarray) else "make one with tensor(...)"
            raise TypeError(f"{op.name}: {what} must be a tensor or a number, got {type(a).__name__}; {advice}")
    return tuple(out)
