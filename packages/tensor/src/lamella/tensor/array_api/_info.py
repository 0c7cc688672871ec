"""What this implementation can do, as the standard asks for it: `__array_namespace_info__`."""

from __future__ import annotations

from typing import Any

from .._device import CPU, Device
from .._dtype import DType
from ._array import checked_device
from ._creation import DEFAULTS
from ._dtypes import KINDS

__all__ = ["__array_namespace_info__"]


class __array_namespace_info__:
    """The capabilities, data types and devices of this namespace."""

    __slots__ = ()

    def capabilities(self) -> dict[str, Any]:
        """Boolean masks and shapes that depend on values are there; numpy's limit of dims."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> Device:
        """The CPU."""
        return CPU

    def default_dtypes(self, *, device: Any = None) -> dict[str, DType]:
        """The data types that functions choose when none is named."""
        checked_device(device)
        return dict(DEFAULTS)

    def dtypes(self, *, device: Any = None, kind: str | tuple[str, ...] | None = None) -> dict[str, DType]:
        """The data types by name, all or those of some kinds; ValueError for an unknown kind."""
        checked_device(device)
        if kind is None:
            words: tuple[str, ...] = ("bool", "numeric")
        else:
            words = kind if isinstance(kind, tuple) else (kind,)
        for word in words:
            if word not in KINDS:
                raise ValueError(f"kind must be one of {', '.join(map(repr, KINDS))}, got {word!r}")
        return {dtype.name: dtype for word in words for dtype in KINDS[word]}

    def devices(self) -> list[Device]:
        """All devices."""
        return [CPU]
