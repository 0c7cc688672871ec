"""The sizes of windows that slide over images, as the library kernels read them (`lm_window`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamella.compiler._library._row import FLOATS, Params
from lamella.tensor.extend import OPS, MetaArray, rule

_AXES = 3
_Ints = Sequence[int]


def window(
    counts: tuple[int, int, int, int], sizes: _Ints, kernel: _Ints, out: _Ints, stride: _Ints, padding: _Ints,
    dilation: _Ints,
) -> tuple[int, ...]:  # fmt: skip
    """Images, groups, channels of a group in and out; then sizes an axis, with leading axes of size 1."""
    lead = _AXES - len(kernel)
    words = [*counts]
    for values, fill in ((sizes, 1), (kernel, 1), (out, 1), (stride, 1), (padding, 0), (dilation, 1)):
        words += [*[fill] * lead, *values]
    return tuple(words)


def slides(type_: Any, kernel: _Ints) -> bool:
    """Whether the kernels take images of this type: real floats with one to three spatial dims."""
    return type_.dtype.short in FLOATS and 1 <= len(kernel) <= _AXES


def out_sizes(name: str, operands: Sequence[Any], params: Params) -> tuple[int, ...]:
    """Spatial sizes of an op's (first) result, by its own shape rule."""
    metas = [None if x is None else MetaArray(x.shape, np.dtype(np.float32)) for x in operands]
    made = rule(OPS[name], "shape")(*metas, **params)
    first = made[0] if isinstance(made, tuple) else made
    return tuple(first.shape[2:])
