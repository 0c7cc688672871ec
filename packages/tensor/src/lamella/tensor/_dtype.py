"""The element types and how two of them combine.

A `DType` is a name for a numpy dtype: one object per type, so identity is equality. Promotion follows PyTorch:
categories (bool < int < float < complex), 0-d tensors and Python numbers never raise a tensor above the category they
share with it.
"""

from __future__ import annotations

from typing import Any, Final

import ml_dtypes
import numpy as np

__all__ = ["BY_NAME", "BY_NUMPY", "DType", "as_dtype", "from_numpy_dtype", "limits", "promote"]


class DType:
    """An element type: `name` (numpy's word), `short` (the word of the graph text), `numpy` (its numpy dtype),
    `category` 0-3.
    """

    __slots__ = ("category", "itemsize", "name", "numpy", "short")

    def __init__(self, name: str, short: str, numpy_type: Any, category: int) -> None:
        self.name = name
        self.short = short
        self.numpy: np.dtype[Any] = np.dtype(numpy_type)
        self.itemsize = self.numpy.itemsize
        self.category = category

    @property
    def is_floating_point(self) -> bool:
        """True for real floating types."""
        return self.category == FLOAT

    @property
    def is_complex(self) -> bool:
        """True for complex types."""
        return self.category == COMPLEX

    @property
    def is_signed(self) -> bool:
        """True for types that hold negative numbers."""
        return self.numpy.kind not in "bu"

    def to_complex(self) -> DType:
        """The complex type of the same width; TypeError where there is none."""
        if self.category == COMPLEX:
            return self
        if self is float32 or self is float64:
            return complex64 if self is float32 else complex128
        raise TypeError(f"{self} has no complex type of its width; use float32 or float64")

    def to_real(self) -> DType:
        """The type of the real and the imaginary part; itself where it is not complex."""
        if self.category != COMPLEX:
            return self
        return float32 if self is complex64 else float64

    def __repr__(self) -> str:
        return f"lamella.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return (as_dtype, (self.name,))


BOOL: Final = 0
INT: Final = 1
FLOAT: Final = 2
COMPLEX: Final = 3

bool_ = DType("bool", "bool", np.bool_, BOOL)
uint8 = DType("uint8", "u8", np.uint8, INT)
uint16 = DType("uint16", "u16", np.uint16, INT)
uint32 = DType("uint32", "u32", np.uint32, INT)
uint64 = DType("uint64", "u64", np.uint64, INT)
int8 = DType("int8", "i8", np.int8, INT)
int16 = DType("int16", "i16", np.int16, INT)
int32 = DType("int32", "i32", np.int32, INT)
int64 = DType("int64", "i64", np.int64, INT)
float8_e4m3fn = DType("float8_e4m3fn", "f8e4m3", ml_dtypes.float8_e4m3fn, FLOAT)
float8_e5m2 = DType("float8_e5m2", "f8e5m2", ml_dtypes.float8_e5m2, FLOAT)
float16 = DType("float16", "f16", np.float16, FLOAT)
bfloat16 = DType("bfloat16", "bf16", ml_dtypes.bfloat16, FLOAT)
float32 = DType("float32", "f32", np.float32, FLOAT)
float64 = DType("float64", "f64", np.float64, FLOAT)
complex64 = DType("complex64", "c64", np.complex64, COMPLEX)
complex128 = DType("complex128", "c128", np.complex128, COMPLEX)

_ALL = (
    bool_, uint8, uint16, uint32, uint64, int8, int16, int32, int64,
    float8_e4m3fn, float8_e5m2, float16, bfloat16, float32, float64, complex64, complex128,
)  # fmt: skip
BY_NUMPY: dict[np.dtype[Any], DType] = {d.numpy: d for d in _ALL}
BY_NAME: dict[str, DType] = {d.name: d for d in _ALL} | {d.short: d for d in _ALL}

# numpy's Python-number types for the builtin ones, so that `dtype=float` and `dtype=np.float32` work too.
_PYTHON: dict[type, DType] = {bool: bool_, int: int64, float: float32, complex: complex64}


def from_numpy_dtype(dtype: np.dtype[Any]) -> DType:
    """The DType of a numpy dtype; TypeError for what a tensor cannot hold (strings, objects, structs)."""
    try:
        return BY_NUMPY[dtype]
    except KeyError:
        native = dtype.newbyteorder("=")
        if native in BY_NUMPY:
            return BY_NUMPY[native]
        raise TypeError(
            f"a tensor cannot hold numpy dtype {dtype}; convert it to one of {', '.join(d.name for d in _ALL)}"
        ) from None


def as_dtype(dtype: Any) -> DType:
    """Accepts a DType, its name, a numpy dtype or type, or bool/int/float/complex.

    TypeError naming the argument otherwise.
    """
    if isinstance(dtype, DType):
        return dtype
    if isinstance(dtype, str) and dtype in BY_NAME:
        return BY_NAME[dtype]
    if isinstance(dtype, type) and dtype in _PYTHON:
        return _PYTHON[dtype]
    try:
        return from_numpy_dtype(np.dtype(dtype))
    except (TypeError, ValueError):
        raise TypeError(f"dtype must be a lamella dtype such as lamella.tensor.float32, got {dtype!r:.60}") from None


# written out: a captured program may ask for it
_LARGEST = {
    float8_e4m3fn: 448.0,
    float8_e5m2: 57344.0,
    float16: 65504.0,
    bfloat16: 3.3895313892515355e38,
    float32: 3.4028234663852886e38,
    float64: 1.7976931348623157e308,
}


def limits(dtype: DType) -> tuple[float, float]:
    """The smallest and the largest finite number of a floating dtype."""
    largest = _LARGEST[dtype]
    return -largest, largest


def promote(a: DType, b: DType) -> DType:
    """The type in which two tensors of equal standing combine (torch's lattice: any float beats any int)."""
    if a is b:
        return a
    if a.category != b.category:
        high, low = (a, b) if a.category > b.category else (b, a)
        if high is complex64 and low is float64:
            return complex128
        return high
    if a.category == FLOAT and (a.itemsize < 4 or b.itemsize < 4) and a.itemsize == b.itemsize:
        return float32  # f16 with bf16, or two float8 kinds: neither holds the other
    if a.category == FLOAT:
        return a if a.itemsize > b.itemsize else b
    return (
        from_numpy_dtype(_promote_ints(a.numpy, b.numpy))
        if a.category == INT
        else (a if a.itemsize > b.itemsize else b)
    )


def _promote_ints(a: np.dtype[Any], b: np.dtype[Any]) -> np.dtype[Any]:
    both = np.promote_types(a, b)
    if both.kind == "f":  # uint64 with a signed type: numpy leaves the integers, a tensor stays in them
        raise TypeError(f"no integer type holds both {a} and {b}; cast one of them first")
    return both
