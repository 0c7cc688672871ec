"""Nested containers as JSON and back.

None, bool, str, finite floats and 64-bit ints are themselves; a list is an array; the rest is an object of one key:
{"tuple": [...]}, {"dict": [[key, value], ...]}, {"tensor": index}, {"int": "0x..."}, {"float": "nan"}. Types are kept
exactly, so a subclass (a namedtuple, numpy's float64) is refused instead of coming back as something else; only the
shape of a tensor comes back as the plain tuple that it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, TypeAlias

from .._size import Size

__all__ = ["MAX_DEPTH", "Path", "TreeError", "expression", "pack", "unpack"]

Path: TypeAlias = tuple[str | int, ...]

MAX_DEPTH = 64
_CONTAINERS = (list, tuple, dict, Size)
_INT64 = range(-(1 << 63), 1 << 63)
_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_HEXADECIMAL = re.compile(r"-?0x[0-9a-f]+", re.ASCII)


class TreeError(Exception):
    """A JSON value that is no tree; the text says what is wrong."""


def expression(path: Path) -> str:
    """A path as the Python expression that reaches it."""
    return "obj" + "".join(f"[{key!r}]" for key in path)


def pack(value: object, tensor: Callable[[object, Path], int | None]) -> Any:
    """`value` as JSON values; `tensor` gives the index of a leaf that is a tensor, or None.

    TypeError for another leaf or key; ValueError for containers that hold themselves or nest deeper than MAX_DEPTH.
    """
    return _pack(value, (), tensor, set())


def _pack(value: object, path: Path, tensor: Callable[[object, Path], int | None], open_ids: set[int]) -> Any:
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return value
    if isinstance(value, int) and kind is int:
        return value if value in _INT64 else {"int": hex(value)}
    if isinstance(value, float) and kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, list | tuple | dict) and kind in _CONTAINERS:
        if id(value) in open_ids:
            raise ValueError(f"save: {expression(path)} contains itself; expected a tree of containers")
        if len(path) >= MAX_DEPTH:
            raise ValueError(f"save: {expression(path[:3])}... nests deeper than {MAX_DEPTH} containers; flatten it")
        open_ids.add(id(value))
        if isinstance(value, dict):
            pairs = []
            for key, item in value.items():
                if type(key) is not str and type(key) is not int:
                    raise TypeError(
                        f"save: {expression(path)} has the key {key!r} of type {type(key).__name__}; "
                        "expected keys of type str or int"
                    )
                packed_key = _pack(key, path, tensor, open_ids)
                pairs.append([packed_key, _pack(item, (*path, key), tensor, open_ids)])
            packed: Any = {"dict": pairs}
        else:
            items = [_pack(item, (*path, i), tensor, open_ids) for i, item in enumerate(value)]
            packed = items if isinstance(value, list) else {"tuple": items}
        open_ids.remove(id(value))
        return packed
    index = tensor(value, path)
    if index is None:
        raise TypeError(
            f"save: {expression(path)} is a {kind.__module__}.{kind.__qualname__}; expected a tensor, dict, list, "
            "tuple, str, int, float, bool or None, exactly these types: convert it"
        )
    return {"tensor": index}


def unpack(node: Any, tensor: Callable[[int], object]) -> Any:
    """The value that `pack` made into `node`; `tensor` gives the tensor of an index or raises TreeError."""
    return _unpack(node, tensor, 0)


def _unpack(node: Any, tensor: Callable[[int], object], depth: int) -> Any:
    if node is None or isinstance(node, bool | str):
        return node
    if isinstance(node, int):
        return _small(node)
    if isinstance(node, float):
        if not math.isfinite(node):
            raise TreeError("a number is too large for a float")
        return node
    if depth >= MAX_DEPTH:
        raise TreeError(f"containers nest deeper than {MAX_DEPTH}")
    if isinstance(node, list):
        return [_unpack(item, tensor, depth + 1) for item in node]
    if len(node) != 1:
        raise TreeError(f"a node has {len(node)} kinds; expected one")
    ((kind, content),) = node.items()
    if kind == "dict" and isinstance(content, list):
        return _dict(content, tensor, depth)
    if kind == "tuple" and isinstance(content, list):
        return tuple(_unpack(item, tensor, depth + 1) for item in content)
    if kind == "tensor" and isinstance(content, int) and not isinstance(content, bool):
        return tensor(content)
    if kind == "int":
        return _big(content)
    if kind == "float" and isinstance(content, str) and content in _FLOATS:
        return _FLOATS[content]
    raise TreeError(f"a node of kind {kind[:40]!r} is unknown or has the wrong content")


def _dict(pairs: list[Any], tensor: Callable[[int], object], depth: int) -> dict[str | int, Any]:
    result: dict[str | int, Any] = {}
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2:
            raise TreeError("an entry of a dict is not a pair")
        key = _key(pair[0])
        if key in result:
            raise TreeError(f"a dict has the key {str(key)[:40]!r} twice")
        result[key] = _unpack(pair[1], tensor, depth + 1)
    return result


def _key(node: Any) -> str | int:
    if isinstance(node, str):
        return node
    if isinstance(node, int) and not isinstance(node, bool):
        return _small(node)
    if isinstance(node, dict) and node.keys() == {"int"}:
        return _big(node["int"])
    raise TreeError("a dict has a key that is neither str nor int")


def _small(node: int) -> int:
    if node not in _INT64:
        raise TreeError("an integer of more than 64 bits is not written in hexadecimal")
    return node


def _big(content: Any) -> int:
    if not isinstance(content, str) or not _HEXADECIMAL.fullmatch(content) or (value := int(content, 16)) in _INT64:
        raise TreeError("a hexadecimal integer is not one, or fits 64 bits")
    return value
