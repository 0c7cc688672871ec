"""save and load: trees of tensors and scalars in one checked safetensors file, through the storage protocol."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from lamella.interfaces import discover

from ._base import TensorBase, wrap
from ._meta import MetaArray
from ._state import FOREIGN, GRAD, LEVEL, TRACED, tls

if TYPE_CHECKING:
    from lamella.interfaces import Storage

    from ._serialize import TensorRecord

__all__ = ["load", "save"]


def save(obj: Any, path: str | os.PathLike[str]) -> None:
    """Write a tree of dicts, lists, tuples, tensors and plain scalars to one file, whole or not at all.

    A tensor that stands in several places is stored once and comes back as one. TypeError names the place of what
    cannot be stored.
    """
    from ._serialize import save as write  # json and zlib are not needed before the first file

    write(obj, path, _record)


def load(path: str | os.PathLike[str]) -> Any:
    """The tree that `save` wrote, whole; FileFormatError (a ValueError) for a damaged file or one of another kind."""
    from ._serialize import load as read

    return read(path, _rebuild)


def _record(obj: object) -> TensorRecord | None:
    if not isinstance(obj, TensorBase):
        return None
    from ._serialize import TensorRecord

    if obj._flags & (LEVEL | TRACED) or tls.trace is not None:
        raise TypeError("a tensor of an open transform or capture cannot be saved; save it outside")
    grad = obj._flags & GRAD != 0
    data = obj._data
    identity = (id(data), grad)
    if type(data) is MetaArray:
        raise TypeError("a meta tensor has no values to save")
    if not obj._flags & FOREIGN:
        return TensorRecord("dense", {"data": data}, {"requires_grad": grad}, identity)
    return TensorRecord(data.kind, dict(data.parts()), {"requires_grad": grad, "storage": dict(data.meta())}, identity)


def _rebuild(record: TensorRecord) -> Any:
    if record.kind == "dense":
        if set(record.parts) != {"data"}:
            raise ValueError(f"a dense tensor has one part, 'data', got {sorted(record.parts)}")
        t = wrap(np.asarray(record.parts["data"]))
    else:
        t = wrap(_storage(record.kind).from_parts(record.parts, record.meta["storage"]))
    if record.meta.get("requires_grad"):
        t.requires_grad_()
    return t


def _storage(kind: str) -> type[Storage]:
    for module in discover("storage"):
        found: type[Storage] | None = module.STORAGES.get(kind)
        if found is not None:
            return found
    raise ValueError(f"no installed package provides the tensor storage {kind!r}")
