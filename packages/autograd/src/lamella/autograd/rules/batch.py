"""Collects the batching rules of every family into the table `batch`, with those that the factor spec gives."""

from __future__ import annotations

from lamella.tensor.extend import OPS, register_rules

from ._batching import elementwise, reduction, view
from ._families import collected

__all__ = ["TABLE"]

_BY_SPEC = {"elementwise": elementwise, "reduce": reduction, "view": view}
_WRITTEN = collected("BATCH")

TABLE = _WRITTEN | {
    name: _BY_SPEC[op.spec]
    for name, op in OPS.items()
    if op.package == "lamella.tensor" and op.spec in _BY_SPEC and name not in _WRITTEN
}
register_rules("batch", TABLE)
