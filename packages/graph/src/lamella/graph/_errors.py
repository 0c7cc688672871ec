"""The errors of this package: a graph that breaks a rule of the IR, a text that is not a graph, a program that cannot
be captured.
"""

from __future__ import annotations

from typing import Any

from lamella.tensor.extend import tls

__all__ = ["CaptureError", "GraphError", "ParseError"]


class GraphError(ValueError):
    """A graph breaks a rule of the IR; the message names the node and its line in the printed text."""


class ParseError(GraphError):
    """A text is not a graph: `line` and `column` count from 1 and the message says what was expected there."""

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(f"line {line}, column {column}: {message}")
        self.line = line
        self.column = column


class CaptureError(RuntimeError):
    """A program did something that a captured graph cannot repeat; the message names the line and what to do.

    Nothing has changed. `place` is the line as `file:line`, where it is known.
    """

    def __init__(self, message: str, place: str | None = None) -> None:
        super().__init__(message)
        self.place = place
        # a program may catch what is raised inside it: the open traces remember it
        trace: Any = tls.trace
        while hasattr(trace, "refusal"):
            trace.refusal = trace.refusal or self
            trace = getattr(trace, "parent", None)
