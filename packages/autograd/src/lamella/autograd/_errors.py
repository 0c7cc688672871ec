"""The error of a second walk through a graph that the first one freed."""

from __future__ import annotations

__all__ = ["GraphFreedError"]


class GraphFreedError(RuntimeError):
    """backward() reached a node whose saved tensors an earlier backward() let go."""
