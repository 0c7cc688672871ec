"""Capture: a Python function becomes a guarded program over a graph, and its calls replay it."""

from ._dynamic import mark_dynamic
from ._explain import explain
from ._function import CompiledFunction, compile, disable

__all__ = ["CompiledFunction", "compile", "disable", "explain", "mark_dynamic"]
