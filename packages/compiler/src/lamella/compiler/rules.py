"""The `lower` rules of tensor's ops, registered when `interfaces.discover("rules.lower")` first asks for them."""

from __future__ import annotations

from lamella.compiler._lower.rules import RULES
from lamella.tensor.extend import register_rules

__all__ = ["RULES"]

register_rules("lower", RULES)
