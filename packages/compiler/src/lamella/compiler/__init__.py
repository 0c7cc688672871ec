"""Capture, fusion, memory planning and native code for Lamella graphs."""

from lamella.graph import CaptureError

from . import cache
from ._capture import CompiledFunction, compile, disable, explain, mark_dynamic

__version__ = "0.1.0"

__all__ = ["CaptureError", "CompiledFunction", "__version__", "cache", "compile", "disable", "explain", "mark_dynamic"]
