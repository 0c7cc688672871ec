"""Capture, fusion, memory planning and native code for Lamella graphs."""

from typing import TYPE_CHECKING

from lamella.graph import CaptureError
from lamella.interfaces import on_demand

from . import cache
from ._capture import CompiledFunction, FrozenModule, compile, disable, explain, freeze, mark_dynamic

if TYPE_CHECKING:
    from ._debug import Culprit, Reproducer, bisect, minify
else:  # for whoever looks for a fault
    __getattr__ = on_demand(__name__, {"_debug": ("Culprit", "Reproducer", "bisect", "minify")})

__version__ = "0.1.0"

__all__ = [
    "CaptureError",
    "CompiledFunction",
    "Culprit",
    "FrozenModule",
    "Reproducer",
    "__version__",
    "bisect",
    "cache",
    "compile",
    "disable",
    "explain",
    "freeze",
    "mark_dynamic",
    "minify",
]
