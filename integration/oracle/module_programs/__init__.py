"""Programs over modules, functions of (tensors, nn): every file of this folder has `PROGRAMS`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

__all__ = ["PROGRAMS"]

PROGRAMS: list[Callable[[Any, Any], Any]] = [
    program
    for found in pkgutil.iter_modules(__path__)
    for program in importlib.import_module(f"{__name__}.{found.name}").PROGRAMS
]
