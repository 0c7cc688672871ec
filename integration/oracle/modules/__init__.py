"""The modules' tables, one file a family: every file of this folder has `ROWS`."""

from __future__ import annotations

import importlib
import pkgutil

from integration.oracle.module_row import ModuleRow

__all__ = ["ROWS"]

ROWS: list[ModuleRow] = [
    row for found in pkgutil.iter_modules(__path__) for row in importlib.import_module(f"{__name__}.{found.name}").ROWS
]
