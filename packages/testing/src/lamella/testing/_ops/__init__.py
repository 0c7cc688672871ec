"""Samples of every op of the written set, one row each, one file per family."""

from ._sample import OpSample
from ._table import op_samples

__all__ = ["OpSample", "op_samples"]
