"""Protocols that have at least two implementers; they are structural, so an implementer imports nothing from here.

An array is named only by what every plain array has (`shape`, `dtype`); this package does not import numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

__all__ = ["GraphExecutor", "Storage"]


@runtime_checkable
class Storage(Protocol):
    """A logical array made of named plain parts (a quantized block, a shard).

    Saving, moving and accounting use only this.
    """

    kind: str
    """Name under which files store it; `discover("storage")` finds the class again."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Logical shape in elements."""
        ...

    @property
    def dtype(self) -> Any:
        """Logical numpy dtype of one element."""
        ...

    @property
    def ndim(self) -> int:
        """Number of dims."""
        ...

    @property
    def kernels(self) -> Mapping[str, Callable[..., Any]]:
        """Kernels over this storage by op name: `(*operands, **params)`, an operand of it passed as the storage itself.

        Composites without one run their body, every other op raises and names `dense()`.
        """
        ...

    def parts(self) -> Mapping[str, Any]:
        """Plain arrays by name; together with `meta` they are the whole value."""
        ...

    def meta(self) -> Mapping[str, Any]:
        """JSON-like scalars that the parts do not carry."""
        ...

    @classmethod
    def from_parts(cls, parts: Mapping[str, Any], meta: Mapping[str, Any]) -> Storage:
        """Rebuild the storage; raises ValueError where parts and meta disagree."""
        ...

    def dense(self) -> Any:
        """The same value as one plain array."""
        ...


class GraphExecutor(Protocol):
    """Turns a graph into a callable over plain arrays: outputs first, then the values of its effects."""

    def __call__(self, graph: Any) -> Callable[[Sequence[Any]], list[Any]]: ...
