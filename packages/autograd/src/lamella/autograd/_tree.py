"""Nested tuples, lists, dicts and named tuples as flat lists, with a comparable description of their structure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["flatten", "map_leaves", "unflatten"]

_LEAF = "*"


def flatten(tree: Any, none_is_leaf: bool = False) -> tuple[list[Any], Any]:
    """(leaves, structure); None is a structure of its own unless said otherwise."""
    leaves: list[Any] = []

    def walk(t: Any) -> Any:
        if t is None and not none_is_leaf:
            return None
        if isinstance(t, dict):
            return (dict, tuple(t), tuple(walk(v) for v in t.values()))
        if isinstance(t, (tuple, list)):
            return (type(t), None, tuple(walk(v) for v in t))
        leaves.append(t)
        return _LEAF

    spec = walk(tree)
    return leaves, spec


def unflatten(leaves: list[Any], spec: Any) -> Any:
    """The tree of a structure with these leaves."""
    rest = iter(leaves)

    def build(s: Any) -> Any:
        if s is None:
            return None
        if s == _LEAF:
            return next(rest)
        kind, keys, parts = s
        values = [build(p) for p in parts]
        if kind is dict:
            return dict(zip(keys, values, strict=True))
        return kind(*values) if issubclass(kind, tuple) and kind is not tuple else kind(values)

    return build(spec)


def map_leaves(fn: Callable[[Any, str], Any], tree: Any, where: str) -> Any:
    """The tree with fn(leaf, where) in place of every leaf."""
    leaves, spec = flatten(tree)
    return unflatten([fn(leaf, where) for leaf in leaves], spec)
