"""Capture, fusion, memory planning and native code for Lamella graphs."""

from lamella.graph import CaptureError

from . import cache
from ._capture import CompiledFunction, FrozenModule, compile, disable, explain, freeze, mark_dynamic
from ._debug import Culprit, Reproducer, bisect, minify

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
