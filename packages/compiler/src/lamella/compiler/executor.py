"""The compiler as a graph executor, found by `interfaces.discover("executor")`."""

from __future__ import annotations

from lamella.compiler._executable import CompiledGraph, compile_graph
from lamella.compiler._native._load import get_num_threads, set_num_threads
from lamella.compiler._toolchain import CompileError, CompilerMissing

__all__ = [
    "NAME",
    "CompileError",
    "CompiledGraph",
    "CompilerMissing",
    "compile_graph",
    "get_num_threads",
    "set_num_threads",
]

NAME = "c"
