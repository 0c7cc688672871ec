"""Capture: a Python function becomes a guarded program over a graph, and its calls replay it."""

from ._disable import disable
from ._dynamic import mark_dynamic
from ._explain import explain
from ._frozen import FrozenModule, freeze
from ._function import CompiledFunction, compile

__all__ = ["CompiledFunction", "FrozenModule", "compile", "disable", "explain", "freeze", "mark_dynamic"]
