"""Capture: a Python function becomes a guarded program over a graph, and its calls replay it."""

from ._disable import disable
from ._explain import explain
from ._function import CompiledFunction, compile

__all__ = ["CompiledFunction", "compile", "disable", "explain"]
