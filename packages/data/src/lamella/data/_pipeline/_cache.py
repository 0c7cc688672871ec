"""cache: a source read once and kept, in memory."""

from __future__ import annotations

import threading
from typing import Any, final

from lamella.data._blocks import Block, concat_blocks, count_rows, objects, take_rows
from lamella.data._pipeline._node import RandomNode, as_random_access
from lamella.data._pipeline._scan import scan
from lamella.data._pipeline._stream import Stream
from lamella.data._protocols import IndexArray


@final
class RandomCache(RandomNode):
    """The records of a source that is the same in every epoch, from memory after the first use."""

    op = "cache"

    def __init__(self, source: Any) -> None:
        self.sources = (source if isinstance(source, Stream) else as_random_access(self.op, source),)
        if self.sources[0].varies:
            raise ValueError(
                "cache: its source differs from epoch to epoch (a shuffle, drawn augmentation), and one epoch would be "
                "given again and again; cache before that op"
            )
        self._lock = threading.Lock()
        self._kept: Block | None = None

    @property
    def _block(self) -> Block:
        with self._lock:
            if self._kept is None:
                source = self.sources[0]
                blocks = list(source.open(0)) if isinstance(source, Stream) else [block for _, block in scan(source)]
                self._kept = concat_blocks(blocks) if blocks else objects([])
        return self._kept

    def __len__(self) -> int:
        source = self.sources[0]
        return count_rows(self._block) if isinstance(source, Stream) else len(source)

    def read(self, indices: IndexArray, epoch: int) -> Block:
        return take_rows(self._block, indices)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())
