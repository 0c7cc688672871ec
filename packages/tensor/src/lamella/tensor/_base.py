"""The slots of a tensor and how one is made; everything a user sees is added by the classes above.

`_data` storage, `_flags` bits of `_state`, `_edge` what made it for autograd, `_cell` its version cell (None while
nobody watches), `_view` its base.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._meta import MetaArray
from ._payload import Batched, Dual
from ._state import FOREIGN, INFERENCE, LEVEL, VIEW
from ._version import Cell

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = ["TensorBase", "View", "bind", "cell_of", "level_of", "set_edge", "wrap", "wrap_parts", "wrap_view"]


class View:
    """Where a view comes from: its base, the chain of view-table steps, the version it was made at, and whether
    autograd follows it. `wrap_view` fills the slots, which is sooner than a constructor.
    """

    __slots__ = ("base", "chain", "differentiable", "version")

    base: Tensor
    chain: tuple[tuple[str, Any], ...]
    differentiable: bool
    version: int


class TensorBase:
    """The bare handle."""

    __slots__ = ("__weakref__", "_cell", "_data", "_edge", "_flags", "_view")

    _data: Any
    _flags: int
    _edge: Any
    _cell: Cell | None
    _view: View | None


_new = object.__new__
_class: Any = TensorBase


def bind(cls: type[Tensor]) -> None:
    """Name the final tensor class; called once, by the module that defines it."""
    global _class
    _class = cls


def wrap(data: Any) -> Tensor:
    """A fresh tensor over a storage, not yet watched or recorded."""
    t: Tensor = _new(_class)
    kind = type(data)
    if kind is np.ndarray:
        t._flags = 0
    elif kind is Batched or kind is Dual:
        t._flags = LEVEL
    elif isinstance(data, (np.ndarray, np.generic)):
        data = np.asarray(data)
        t._flags = 0
    else:
        t._flags = FOREIGN
    t._data = data
    t._edge = None
    t._cell = None
    t._view = None
    return t


def wrap_view(data: Any, base: Tensor, step: tuple[str, Any], differentiable: bool) -> Tensor:
    """A tensor whose storage shares memory with `base` (itself perhaps a view), one step of the view table away."""
    t = wrap(data)
    cell = base._cell
    if cell is None:
        cell = cell_of(base)
    t._cell = cell
    t._view = view = _new(View)
    parent = base._view
    if parent is None:
        view.base = base
        view.chain = (step,)
        view.differentiable = differentiable
    else:
        view.base = parent.base
        view.chain = (*parent.chain, step)
        view.differentiable = differentiable and parent.differentiable
    view.version = cell.version
    t._flags |= VIEW | (base._flags & INFERENCE)
    return t


def wrap_parts(
    parts: list[Any], base: Tensor, name: str, params: list[Any], differentiable: bool
) -> tuple[Tensor, ...]:
    """`wrap_view` for many arrays over the memory of one plain tensor, each by its own step."""
    cell = base._cell
    if cell is None:
        cell = cell_of(base)
    parent = base._view
    chain: tuple[Any, ...] = ()
    if parent is not None:
        base, chain, differentiable = parent.base, parent.chain, differentiable and parent.differentiable
    version, kind = cell.version, _class
    out = []
    for data, param in zip(parts, params, strict=True):
        t: Tensor = _new(kind)
        t._flags = VIEW
        t._data = data
        t._edge = None
        t._cell = cell
        t._view = view = _new(View)
        view.base = base
        view.chain = (*chain, (name, param))
        view.differentiable = differentiable
        view.version = version
        out.append(t)
    return tuple(out)


def cell_of(t: TensorBase) -> Cell:
    """The version cell of a tensor, made at the first call; a wrapper shares its payload's."""
    cell = t._cell
    if cell is None:
        cell = cell_of(t._data.tensor) if t._flags & LEVEL else Cell()
        t._cell = cell
    return cell


def set_edge(t: TensorBase, edge: Any) -> None:
    """Attach or remove what autograd follows, keeping the flag in step."""
    t._edge = edge
    t._flags = (t._flags | 1) if edge is not None else (t._flags & ~1)


def level_of(t: TensorBase) -> Any:
    """The transform level a tensor belongs to, or None at the bottom."""
    return t._data.level if t._flags & LEVEL else None


def is_meta(data: Any) -> bool:
    """Whether a storage only knows its shape."""
    return type(data) is MetaArray
