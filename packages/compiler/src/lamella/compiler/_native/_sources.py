"""The C of library kernels as it is compiled, a family and a real type at a time: it begins with the functions of
generated code that the families call, so that exp and tanh are written once.
"""

from __future__ import annotations

import re

from lamella.compiler._c._helpers import Helpers
from lamella.compiler._kernel._ir import ITEM_BYTES
from lamella.compiler._target import Target

__all__ = ["family_of", "library_source"]

_FUNCTIONS = ("splat", "fma", "exp", "tanh", "sigmoid", "max", "hsum", "hmax")
_SCALARS = ("log",)


def family_of(text: str, symbol: str) -> str:
    """The family of library.c that a function belongs to, as the macro that asks for it."""
    for family, entries in re.findall(r"#ifdef (LM_\w+)\n((?:LM_ENTRY\(\w+\)\n)+)#endif", text):
        if f"LM_ENTRY({symbol})" in entries:
            return str(family)
    raise AssertionError(f"library.c has no entry {symbol}")


def library_source(text: str, family: str, bits: int, target: Target) -> str:
    """One family of library.c for reals of so many bits, with the vectors of the target in front."""
    return f"#define {family}\n#define LM_BITS {bits}\n{_functions(target)}{text}"


def _functions(target: Target) -> str:
    """Vectors and functions of them for f32 and f64, under names that end in the type."""
    helpers, names = Helpers(fma=target.fma, vector_bytes=target.vector_bytes), []
    for dtype in ("f32", "f64"):
        lanes = target.vector_bytes // ITEM_BYTES[dtype]
        names.append(f"#define lm_vector_{dtype} {helpers.type(dtype, lanes)}u")
        names.append(f"#define lm_mask_{dtype} {helpers.mask_type(ITEM_BYTES[dtype], lanes)}")
        names += [f"#define lm_{name}_{dtype} {helpers.call(name, dtype, lanes)}" for name in _FUNCTIONS]
        names += [f"#define lm_{name}_{dtype} {helpers.call(name, dtype, 1)}" for name in _SCALARS]
    head = ['#include "lamella.h"', f"#define LM_VECTOR {target.vector_bytes}"]
    return "\n".join([*head, helpers.source(), *names, ""])
