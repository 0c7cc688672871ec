"""The `lower` rules of tensor's ops, registered when `interfaces.discover("rules.lower")` first asks for them.

`LIBRARY` names the ops that are kernels in C, `EXTERN` says of the others why they are no loop.
"""

from __future__ import annotations

from lamella.compiler._library import LIBRARY
from lamella.compiler._lower._extern import EXTERN
from lamella.compiler._lower.rules import RULES
from lamella.tensor.extend import register_rules

__all__ = ["EXTERN", "LIBRARY", "RULES"]

register_rules("lower", RULES)
