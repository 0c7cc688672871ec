"""The table: every op of the written set that has a twin in the oracle, and how each library spells it.

A row runs an op through the dispatcher with canonical params, beside the oracle's function of the same operands.
`EXEMPT` names the ops without a twin, with the reason. `FUNCTIONS` are texts over `lib`, and `VALUES` what they name
beside the operands that all texts know; `ERRORS` are texts that both libraries refuse. Every file of this folder is a
family; a test holds them together against the op set.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from integration.oracle.row import Row

__all__ = ["ERRORS", "EXEMPT", "FUNCTIONS", "ROWS", "VALUES"]

_FAMILIES = [
    importlib.import_module(f"{__name__}.{path.stem}")
    for path in sorted(Path(__file__).parent.glob("*.py"))
    if path.stem != "__init__"
]
ROWS: list[Row] = [row for family in _FAMILIES for row in getattr(family, "ROWS", ())]
EXEMPT: dict[str, str] = {name: why for family in _FAMILIES for name, why in getattr(family, "EXEMPT", {}).items()}
ERRORS: list[str] = [text for family in _FAMILIES for text in getattr(family, "ERRORS", ())]
FUNCTIONS: list[str] = [text for family in _FAMILIES for text in getattr(family, "FUNCTIONS", ())]
VALUES: dict[str, Any] = {name: value for family in _FAMILIES for name, value in getattr(family, "VALUES", {}).items()}
