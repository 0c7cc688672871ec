"""Collects the forward rules of every family into the table `jvp`."""

from __future__ import annotations

from lamella.tensor.extend import register_rules

from ._families import collected

TABLE = collected("JVP")
register_rules("jvp", TABLE)

__all__ = ["TABLE"]
