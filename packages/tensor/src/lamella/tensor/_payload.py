"""What a tensor of a transform level holds in place of memory: a whole tensor of a lower level, and what the level
adds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._state import Level

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = ["Batched", "Dual", "Payload"]


class Batched:
    """A payload whose dim 0 is the batch (when `batched`) or which is the same for every example."""

    __slots__ = ("batched", "level", "owned", "tensor")

    def __init__(self, tensor: Tensor, level: Level, batched: bool, owned: bool = True) -> None:
        self.tensor = tensor
        self.level = level
        self.batched = batched
        # made inside the level: only then may a batched value be written into an unbatched payload
        self.owned = owned

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        shape: tuple[int, ...] = self.tensor._data.shape
        return shape[1:] if self.batched else shape

    @property
    def ndim(self) -> int:
        """Number of dims of one example."""
        return len(self.shape)

    @property
    def dtype(self) -> Any:
        """numpy dtype."""
        return self.tensor._data.dtype


class Dual:
    """A primal and its tangent (None stands for zeros)."""

    __slots__ = ("level", "owned", "tangent", "tensor")

    def __init__(self, tensor: Tensor, level: Level, tangent: Tensor | None, owned: bool = True) -> None:
        self.tensor = tensor
        self.level = level
        self.tangent = tangent
        self.owned = owned

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the primal."""
        shape: tuple[int, ...] = self.tensor._data.shape
        return shape

    @property
    def ndim(self) -> int:
        """Number of dims."""
        return len(self.shape)

    @property
    def dtype(self) -> Any:
        """numpy dtype."""
        return self.tensor._data.dtype


Payload = Batched | Dual
