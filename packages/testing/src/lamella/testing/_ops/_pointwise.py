"""Samples of elementwise ops of complex numbers."""

from __future__ import annotations

from .._arrays import COMPLEX_DTYPES, FLOAT_DTYPES
from ._sample import OpSample, normal

__all__ = ["SAMPLES"]

SAMPLES = (OpSample("conj", "", (normal(3, 4),), {}, (*FLOAT_DTYPES, *COMPLEX_DTYPES)),)
