"""shuffle: orders that are functions of (seed, epoch); all of a dataset with positions, windows of a stream."""

from __future__ import annotations

from typing import Any, SupportsIndex, final

import numpy as np

from lamella.data._arguments import check_int, check_seed
from lamella.data._blocks import Block, count_rows, take_rows
from lamella.data._permutation import KeyedPermutation
from lamella.data._pipeline._cursor import Cursor
from lamella.data._pipeline._node import Node, RandomNode, StreamNode
from lamella.data._pipeline._state import State, read_state
from lamella.data._pipeline._stream import StreamIterator
from lamella.data._protocols import IndexArray

# Places of an order computed at once where they are asked for in a row: spreads the permutation's fixed cost thinly.
_PIECE = 16384


class _Shuffle(Node):
    op = "shuffle"
    seed: int

    @property
    def varies(self) -> bool:
        return True


@final
class RandomShuffle(_Shuffle, RandomNode):
    """shuffle of a dataset with positions: the order of DataLoader(shuffle=True) with the same seed."""

    def __init__(self, source: Any, seed: SupportsIndex = 0) -> None:
        self.sources = (self.check_source(source),)
        self.seed = check_seed(self.op, seed)
        self._ahead: tuple[int, int, IndexArray] | None = None

    def parameters(self) -> dict[str, Any]:
        return {"seed": self.seed}

    def __len__(self) -> int:
        return len(self.sources[0])

    def read(self, indices: IndexArray, epoch: int) -> Block:
        return self.sources[0].read(self._positions(indices, epoch), epoch)

    def records(self, indices: IndexArray, epoch: int) -> list[Any]:
        found: list[Any] = self.sources[0].records(self._positions(indices, epoch), epoch)
        return found

    def _positions(self, indices: IndexArray, epoch: int) -> IndexArray:
        """The records at places `indices` of the order; places in a row come from a piece computed ahead."""
        order = KeyedPermutation(len(self), (self.seed, epoch))
        if not len(indices):
            return indices
        first, last = int(indices[0]), int(indices[-1])
        piece = first // _PIECE
        if piece != last // _PIECE or last - first != len(indices) - 1 or last >= len(self):
            return order[indices]
        ahead = self._ahead
        if ahead is None or ahead[:2] != (epoch, piece):
            places = np.arange(piece * _PIECE, min((piece + 1) * _PIECE, len(self)))
            ahead = self._ahead = (epoch, piece, order[places])  # one assignment: threads would store the same
        return ahead[2][indices - piece * _PIECE]


@final
class StreamShuffle(_Shuffle, StreamNode):
    """shuffle of a stream, window by window."""

    def __init__(self, source: Any, seed: SupportsIndex = 0, *, window: SupportsIndex = 4096) -> None:
        self.sources = (self.check_source(source),)
        self.seed = check_seed(self.op, seed)
        self.window = check_int(self.op, "window", window, 1)

    def parameters(self) -> dict[str, Any]:
        return {"seed": self.seed, "window": self.window}

    def open(self, epoch: int, state: State | None = None) -> StreamIterator:
        inner, number = (None, 0) if state is None else read_state(self.op, state, "source", "window")
        return _Windows(self, self.sources[0].cursor(epoch, inner), epoch, number)


class _Windows(StreamIterator):
    def __init__(self, node: StreamShuffle, cursor: Cursor, epoch: int, number: int) -> None:
        self._node, self._cursor, self._epoch, self._number = node, cursor, epoch, number

    def __next__(self) -> Block:
        block = self._cursor.take(self._node.window)
        if block is None:
            raise StopIteration
        order = KeyedPermutation(count_rows(block), (self._node.seed, self._epoch, self._number))
        self._number += 1
        return take_rows(block, order[np.arange(count_rows(block))])

    def state(self) -> State:
        return {"source": self._cursor.state(), "window": self._number}

    def skip(self, rows: int) -> int:
        # Whole windows only, and none that may be cut short by the end.
        windows = rows // self._node.window
        if not windows:
            return 0
        passed = self._cursor.skip(windows * self._node.window)
        self._number += -(-passed // self._node.window)
        return passed
