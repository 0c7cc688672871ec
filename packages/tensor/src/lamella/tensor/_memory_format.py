"""The orders in which the dims of a tensor may lie in memory: PyTorch's memory formats, as objects and as what they ask
of a layout.

`channels_last` puts the channels of images [N, C, H, W] beside one another in memory; the shape stays as it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["MemoryFormat", "channels_last", "channels_last_3d", "contiguous_format", "order_of", "preserve_format"]


class MemoryFormat:
    """An order of dims in memory, by its name."""

    __slots__ = ("name", "order")

    def __init__(self, name: str, order: tuple[int, ...] = ()) -> None:
        self.name = name
        self.order = order  # of the dims in memory, outermost first, where the format is for one rank only

    def __repr__(self) -> str:
        return f"lamella.{self.name}"

    def __reduce__(self) -> str:
        return self.name


contiguous_format = MemoryFormat("contiguous_format")
preserve_format = MemoryFormat("preserve_format")
channels_last = MemoryFormat("channels_last", (0, 2, 3, 1))
channels_last_3d = MemoryFormat("channels_last_3d", (0, 2, 3, 4, 1))


def order_of(data: Any, memory_format: Any, name: str) -> tuple[int, ...]:
    """The order of dims, outermost first, in which a format wants a storage to lie; TypeError and ValueError for what
    is no format, and for a rank that it is not for.
    """
    if not isinstance(memory_format, MemoryFormat):
        raise TypeError(f"{name}: memory_format is one such as lamella.tensor.channels_last, got {memory_format!r}")
    rank = data.ndim
    if memory_format.order:
        if rank != len(memory_format.order):
            raise ValueError(
                f"{name}: {memory_format} is for tensors of {len(memory_format.order)} dims, got shape {data.shape}"
            )
        return memory_format.order
    rows = tuple(range(rank))
    if memory_format is preserve_format and type(data) is np.ndarray and not data.flags.c_contiguous:
        order = tuple(sorted(rows, key=lambda d: -data.strides[d]))
        return order if data.transpose(order).flags.c_contiguous else rows
    return rows
