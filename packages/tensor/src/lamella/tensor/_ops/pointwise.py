"""Elementwise ops of complex numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._meta import MetaArray
from .._op import Op, register_rules

__all__: list[str] = []


def _conj_shape(x: Any) -> MetaArray:
    return MetaArray(x.shape, x.dtype)


Op("conj", "x", "elementwise", promotes="same")
register_rules("numpy", {"conj": np.conjugate})
register_rules("shape", {"conj": _conj_shape})
