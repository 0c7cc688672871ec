"""The compiler as a graph executor, found by `interfaces.discover("executor")`."""

from __future__ import annotations

from lamella.compiler._executable import CompiledGraph, compile_graph

__all__ = ["NAME", "CompiledGraph", "compile_graph"]

NAME = "c"
