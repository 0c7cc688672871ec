"""The C files of the runtime, as they are compiled: the library begins with the functions of generated code that its
families call, so that exp and tanh are written once.
"""

from __future__ import annotations

from pathlib import Path

from lamella.compiler._c._helpers import Helpers
from lamella.compiler._kernel._ir import ITEM_BYTES
from lamella.compiler._schedule import Target

__all__ = ["source_of"]

_LIBRARY = "library.c"
_FUNCTIONS = ("splat", "fma", "exp", "tanh", "sigmoid", "max", "hsum", "hmax")
_SCALARS = ("log",)


def source_of(path: Path, target: Target) -> str:
    """The text of a C file as it is compiled: the library with the vectors of the target in front."""
    text = path.read_text(encoding="utf-8")
    return _functions(target) + text if path.name == _LIBRARY else text


def _functions(target: Target) -> str:
    """Vectors and functions of them for f32 and f64, under names that end in the type."""
    helpers, names = Helpers(fma=target.fma), []
    for dtype in ("f32", "f64"):
        lanes = target.vector_bytes // ITEM_BYTES[dtype]
        names.append(f"#define lm_vector_{dtype} {helpers.type(dtype, lanes)}u")
        names.append(f"#define lm_mask_{dtype} {helpers.mask_type(ITEM_BYTES[dtype], lanes)}")
        names += [f"#define lm_{name}_{dtype} {helpers.call(name, dtype, lanes)}" for name in _FUNCTIONS]
        names += [f"#define lm_{name}_{dtype} {helpers.call(name, dtype, 1)}" for name in _SCALARS]
    head = ['#include "lamella.h"', f"#define LM_VECTOR {target.vector_bytes}"]
    return "\n".join([*head, helpers.source(), *names, ""])
