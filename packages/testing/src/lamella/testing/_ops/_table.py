"""The whole table, and its selection."""

from __future__ import annotations

from lamella.tensor.extend import OPS

from . import (
    _activation,
    _elementwise,
    _indexing,
    _layout,
    _loss,
    _movement,
    _network,
    _pointwise,
    _product,
    _sequence,
    _statistics,
    _window,
)
from ._sample import OpSample

__all__ = ["op_samples"]

FAMILIES = (
    _activation,
    _elementwise,
    _indexing,
    _layout,
    _loss,
    _movement,
    _network,
    _pointwise,
    _product,
    _sequence,
    _statistics,
    _window,
)
_ALL: tuple[OpSample, ...] = tuple(sample for family in FAMILIES for sample in family.SAMPLES)


def op_samples(*names: str) -> tuple[OpSample, ...]:
    """The samples of the named ops, or of every op but host scalars; KeyError for an op without samples."""
    if not names:
        return _ALL
    for name in names:
        if name not in OPS or not any(s.op_name == name for s in _ALL):
            raise KeyError(f"no samples of an op named {name!r}")
    return tuple(s for s in _ALL if s.op_name in names)
