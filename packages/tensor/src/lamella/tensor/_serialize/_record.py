"""What this package knows of a tensor: named plain arrays, and how the storage that holds them is called.

The caller of `encode` and `decode` turns tensors into records and back, so this package imports no Tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from numpy.typing import NDArray

__all__ = ["Rebuild", "RecordOf", "TensorRecord"]


@dataclass(frozen=True, eq=False)
class TensorRecord:
    """One tensor: the name of its storage kind, its plain arrays by part name, and metadata of plain values.

    `meta` may hold what `save` takes, tensors excepted. Records of equal `identity` are one tensor: it is stored
    once and comes back as one object; None is never equal. A loaded record has identity None.
    """

    kind: str
    parts: Mapping[str, NDArray[Any]]
    meta: Mapping[str, Any] = field(default_factory=dict)
    identity: Hashable | None = None


RecordOf: TypeAlias = Callable[[object], TensorRecord | None]
Rebuild: TypeAlias = Callable[[TensorRecord], object]
