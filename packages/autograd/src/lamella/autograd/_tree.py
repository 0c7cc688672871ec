"""Nested tuples, lists, dicts and named tuples as flat lists, with a comparable description of their structure.

No function here is nested in another: a closure that calls itself is a cycle, and would keep the leaves alive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["flatten", "map_leaves", "unflatten"]

_LEAF = "*"


def flatten(tree: Any, none_is_leaf: bool = False) -> tuple[list[Any], Any]:
    """(leaves, structure); None is a structure of its own unless said otherwise."""
    leaves: list[Any] = []
    return leaves, _walk(tree, leaves, none_is_leaf)


def _walk(tree: Any, leaves: list[Any], none_is_leaf: bool) -> Any:
    if tree is None and not none_is_leaf:
        return None
    if isinstance(tree, dict):
        return (dict, tuple(tree), tuple([_walk(v, leaves, none_is_leaf) for v in tree.values()]))
    if isinstance(tree, (tuple, list)):
        return (type(tree), None, tuple([_walk(v, leaves, none_is_leaf) for v in tree]))
    leaves.append(tree)
    return _LEAF


def unflatten(leaves: list[Any], spec: Any) -> Any:
    """The tree of a structure with these leaves."""
    return _build(iter(leaves), spec)


def _build(rest: Iterator[Any], spec: Any) -> Any:
    if spec is None:
        return None
    if spec == _LEAF:
        return next(rest)
    kind, keys, parts = spec
    values = [_build(rest, p) for p in parts]
    if kind is dict:
        return dict(zip(keys, values, strict=True))
    # a named tuple takes its fields one by one
    return kind(*values) if issubclass(kind, tuple) and kind is not tuple else kind(values)


def map_leaves(fn: Callable[[Any, str], Any], tree: Any, where: str) -> Any:
    """The tree with fn(leaf, where) in place of every leaf."""
    leaves, spec = flatten(tree)
    return unflatten([fn(leaf, where) for leaf in leaves], spec)
