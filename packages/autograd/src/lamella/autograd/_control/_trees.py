"""Operands, carries and results of control flow: trees of tensors, their leaves by name, and what two of them must
share.
"""

from __future__ import annotations

from typing import Any

from lamella.tensor import Tensor, full
from lamella.tensor.extend import SymScalar

from .._transforms import described
from .._tree import flatten

__all__ = ["Branch", "branch", "check_branches", "check_like", "check_tree", "named", "tensors_of"]


def named(tree: Any, name: str) -> list[tuple[str, Any]]:
    """(where it stands, leaf) of every leaf: `carry['h'][0]`."""
    found: list[tuple[str, Any]] = []
    _walk(tree, name, found)
    return found


def _walk(tree: Any, name: str, found: list[tuple[str, Any]]) -> None:
    if tree is None:
        return
    if isinstance(tree, dict):
        for key, value in tree.items():
            _walk(value, f"{name}[{key!r}]", found)
    elif isinstance(tree, tuple) and hasattr(tree, "_fields"):
        for field, value in zip(tree._fields, tree, strict=True):
            _walk(value, f"{name}.{field}", found)
    elif isinstance(tree, (tuple, list)):
        for i, value in enumerate(tree):
            _walk(value, f"{name}[{i}]", found)
    else:
        found.append((name, tree))


def tensors_of(tree: Any, name: str) -> tuple[list[Tensor], Any]:
    """(leaves as tensors, structure); a number becomes a 0-d tensor, TypeError naming the leaf for anything else."""
    leaves, spec = flatten(tree)
    out = []
    for (where, _), leaf in zip(named(tree, name), leaves, strict=True):
        if isinstance(leaf, (bool, int, float, complex, SymScalar)):
            leaf = full((), leaf)
        elif not isinstance(leaf, Tensor):
            raise TypeError(f"{where} must be a tensor or a number, got {type(leaf).__name__}")
        leaf.requires_grad  # noqa: B018 - brings a stale view up to date
        out.append(leaf)
    return out, spec


def check_tree(wanted: Any, given: Any, spec: Any, other: Any, first: str, second: str) -> None:
    """ValueError where two trees differ in structure: it names a leaf that only one of them has."""
    if spec == other:
        return
    ours, theirs = ([where for where, _ in named(tree, "")] for tree in (wanted, given))
    lacking = [f"{first}{w}" for w in ours if w not in theirs]
    extra = [f"{second}{w}" for w in theirs if w not in ours]
    detail = f"; {lacking[0]} has no counterpart" if lacking else f"; {extra[0]} has no counterpart" if extra else ""
    raise ValueError(f"{second} must have the structure of {first}: {_shown(wanted)}, got {_shown(given)}{detail}")


Branch = tuple[Any, list[Tensor], Any]


def branch(tree: Any, name: str) -> Branch:
    """(tree, leaves, structure) of what a branch of a cond returned."""
    return (tree, *tensors_of(tree, f"cond: the result of {name}"))


def check_branches(a: Branch, b: Branch) -> None:
    """ValueError where the results of true_fn and false_fn differ, naming the leaf."""
    whose = ("cond: the result of true_fn", "cond: the result of false_fn")
    check_tree(a[0], b[0], a[2], b[2], *whose)
    check_like(a[1], b[1], [where for where, _ in named(a[0], "")], *whose)


def check_like(wanted: list[Tensor], given: list[Tensor], names: list[str], first: str, second: str) -> None:
    """ValueError naming the first leaf that differs in dtype or shape."""
    for a, b, where in zip(wanted, given, names, strict=True):
        if a.dtype is not b.dtype or a.shape != b.shape:
            raise ValueError(f"{second}{where} must be like {first}{where}, {described(a)}, got {described(b)}")


def _shown(tree: Any) -> str:
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{k!r}: {_shown(v)}" for k, v in tree.items()) + "}"
    if isinstance(tree, (tuple, list)):
        name = type(tree).__name__ if hasattr(tree, "_fields") else ""
        left, right = "()" if isinstance(tree, tuple) else "[]"
        inside = ", ".join(map(_shown, tree))
        return f"{name}{left}{inside}{',' if left == '(' and len(tree) == 1 and not name else ''}{right}"
    return "None" if tree is None else "*"
