"""Collects the backward rules of every family into the table `vjp`."""

from __future__ import annotations

from lamella.tensor.extend import register_rules

from . import _composite, _elementwise, _movement, _window
from ._exempt import EXEMPT
from ._row import NONE

TABLE = dict.fromkeys(EXEMPT["vjp"], NONE) | _elementwise.VJP | _movement.VJP | _window.VJP | _composite.VJP
register_rules("vjp", TABLE)

__all__ = ["TABLE"]
