"""What a row says of a library kernel, and which operands it takes as they lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lamella.compiler._lower._refs import Ref

Params = Mapping[str, Any]
ITEM_BYTES = {"f32": 4, "f64": 8}
FLOATS = frozenset({"f16", "bf16", *ITEM_BYTES})
"""Storage types whose values a kernel of the library sees as one of ITEM_BYTES."""


def whole(ref: Ref) -> bool:
    """Contiguous memory, all of its root."""
    return ref.whole


def nothing(_: Sequence[Any], __: Params) -> int:
    """No scratch."""
    return 0


def always(_: tuple[int, ...]) -> bool:
    """BLAS is kept at one thread while a graph with this step runs."""
    return True


def never(_: tuple[int, ...]) -> bool:
    """No sizes."""
    return False


@dataclass(frozen=True, slots=True)
class Library:
    """An op as a C function `symbol` of the runtime, or of a family in `_native/library/`.

    `blas` is the function of the runtime that does the same by BLAS, for sizes of which `by_blas(dims)` is true.
    `accepts(types, params)` sees the node's operands as TensorType, ScalarType, number or None. `dims(operands,
    params)` gives the sizes that the function reads, the bytes of an element first, and `scratch` how many bytes it
    works in; both see refs, host scalars, numbers or None. Operands that do not fit as they lie are copied, half types
    come and go as f32. The function finds pointers to tensor operands (0 for None), results and scratch in `data`,
    numbers in `scalars`; results are contiguous and in planned memory, and those in `spare` are 0 where nothing reads
    them: the function then leaves them out. A value k > 0 that it returns raises `errors[k - 1]`. `holds(dims)` is
    false where no product is BLAS's, or on one thread of itself.
    """

    symbol: str
    dims: Callable[[Sequence[Any], Params], tuple[int, ...]]
    accepts: Callable[[Sequence[Any], Params], bool]
    scratch: Callable[[Sequence[Any], Params], int] = nothing
    fits: Callable[[Ref], bool] = whole
    errors: tuple[Exception, ...] = ()
    blas: str = ""
    by_blas: Callable[[tuple[int, ...]], bool] = never
    holds: Callable[[tuple[int, ...]], bool] = always
    spare: frozenset[int] = frozenset()
