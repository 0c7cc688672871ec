"""Collects the backward rules of every family into the table `vjp`."""

from __future__ import annotations

from lamella.tensor.extend import register_rules

from ._families import collected, exempt
from ._row import NONE

TABLE = collected("VJP", dict.fromkeys(exempt()["vjp"], NONE))
register_rules("vjp", TABLE)

__all__ = ["TABLE"]
