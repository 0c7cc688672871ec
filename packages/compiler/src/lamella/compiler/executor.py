"""The compiler as a graph executor, found by `interfaces.discover("executor")`."""

from __future__ import annotations

import functools
from typing import Any

from lamella.compiler import _executable
from lamella.compiler._executable import CompiledGraph
from lamella.compiler._native._load import get_num_threads, set_num_threads
from lamella.compiler._toolchain import CompileError, CompilerMissing
from lamella.graph import Graph, staged

__all__ = [
    "NAME",
    "CompileError",
    "CompiledGraph",
    "CompilerMissing",
    "compile_graph",
    "compile_step",
    "get_num_threads",
    "planned_bytes",
    "set_num_threads",
]

NAME = "c"


def compile_graph(graph: Graph) -> Any:
    """Compile a graph to native code; CompilerMissing where there is no C compiler."""
    return staged(graph, _executable.compile_graph)


def planned_bytes(graph: Graph) -> int:
    """Bytes of all that a run of the graph allocates, at its peak; of a graph that runs in stages, of all of them."""
    from lamella.compiler._peak import planned_bytes  # which lowers the graph

    return planned_bytes(graph)


def compile_step(graph: Graph) -> Any:
    """Like `compile_graph`, but the array of a `write` effect may be the input itself, already written."""
    return staged(graph, functools.partial(_executable.compile_graph, in_place=True))
