"""pack by concatenating and cutting: all tokens one after another, cut into rows of one length wherever they end.

Over a dataset with positions, row i begins at token i * stride: where its documents lie follows from their lengths,
which a column in memory knows and which are else read once. Documents are numbered as the records of the source.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any, NamedTuple, final

import numpy as np

from lamella.data._arguments import check_int
from lamella.data._blocks import Block, count_rows
from lamella.data._pipeline._node import Node, RandomNode, StreamNode
from lamella.data._pipeline._packing import Packing, cut_windows
from lamella.data._pipeline._random_access import RandomAccess
from lamella.data._pipeline._scan import refuse_varying, scan
from lamella.data._pipeline._state import State, read_state
from lamella.data._pipeline._stream import StreamIterator
from lamella.data._protocols import Array, IndexArray
from lamella.data._ragged import Ragged, concat_ragged, offsets_of


class PackBase(Node):
    """What all packings share."""

    op = "pack"
    packing: Packing

    def __init__(self, source: Any, packing: Packing) -> None:
        self.sources = (self.check_source(source),)
        self.packing = packing
        if self.sources[0].batches:
            raise ValueError("pack: records are batches after batch() or bucket(); pack before batching")

    def parameters(self) -> dict[str, Any]:
        given = {field: getattr(self.packing, field) for field in self.packing.__slots__}
        return {**given, "dtype": str(self.packing.dtype)}


class Documents(NamedTuple):
    """The documents of a dataset: how many tokens each has, and the tokens where they lie in memory."""

    name: str | None
    lengths: IndexArray
    tokens: Ragged | None


class RandomPackBase(PackBase, RandomNode):
    """A packing of a dataset with positions, whose documents' lengths are found out when first asked for."""

    def __init__(self, source: Any, packing: Packing) -> None:
        super().__init__(source, packing)
        refuse_varying(self.op, self.sources[0])
        self._lock = threading.Lock()
        self._found: Any = None

    def prepare(self, documents: Documents) -> Any:
        """What is kept of the documents."""
        raise NotImplementedError

    @property
    def found(self) -> Any:
        """The result of `prepare`, made once."""
        if self._found is None:
            with self._lock:
                if self._found is None:
                    self._found = self.prepare(_find_documents(self.sources[0], self.packing))
        return self._found

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())


def _find_documents(source: RandomAccess, packing: Packing) -> Documents:
    if len(source) == 0:
        return Documents(packing.column, np.empty(0, np.int64), None)
    first = source.read(np.zeros(1, np.int64), 0)
    name, _ = packing.tokens_of(first)
    column = None if name is None else source.whole_column(name)
    if isinstance(column, (Ragged, np.ndarray)):
        _, tokens = packing.tokens_of({name: column})
        return Documents(name, tokens.lengths, tokens)
    lengths = [packing.tokens_of(block)[1].lengths for _, block in scan(source)]
    return Documents(name, np.concatenate(lengths), None)


class _Joined(NamedTuple):
    """All documents as one sequence."""

    documents: Documents
    ends: IndexArray  # where each begins in it, and where the last ends
    grid: Array | None  # the rows as they lie in memory, where nothing is between or beside the tokens


@final
class RandomPack(RandomPackBase):
    """Rows cut from the joined documents of a dataset with positions."""

    def prepare(self, documents: Documents) -> _Joined:
        packing, tokens = self.packing, documents.tokens
        ends = offsets_of(documents.lengths + (packing.separator is not None))
        plain = packing.separator is None and packing.overlap == 0 and packing.drop_last and not packing.extras
        if tokens is None or documents.name is None or not plain:
            return _Joined(documents, ends, None)
        rows = packing.rows(int(ends[-1]))
        return _Joined(documents, ends, tokens.flat()[: rows * packing.length].reshape(rows, packing.length))

    def __len__(self) -> int:
        return self.packing.rows(int(self.found.ends[-1]))

    def read(self, indices: IndexArray, epoch: int) -> Block:
        (name, _, tokens), ends, grid = self.found
        if grid is not None:
            # Fresh memory once: the gathered rows are small enough to stay in the cache until they are cast.
            rows = grid.take(indices, axis=0)
            return {name: rows if self.packing.dtype is None else rows.astype(self.packing.dtype, copy=False)}
        starts = indices * self.packing.stride
        if tokens is not None:
            return cut_windows(self.packing, name, tokens, ends, starts, 0)
        stops = np.minimum(starts + self.packing.length, ends[-1])
        firsts, lasts = np.searchsorted(ends, starts, side="right") - 1, np.searchsorted(ends, stops, side="left")
        parts = [np.arange(*span, dtype=np.int64) for span in zip(firsts.tolist(), lasts.tolist(), strict=True)]
        needed = np.unique(np.concatenate([np.empty(0, np.int64), *parts]))
        _, read = self.packing.tokens_of(self.sources[0].read(needed, epoch))
        # A row's documents follow one another in the source, and so they do among those that were read.
        local = self.packing.ends(read)
        places = local[np.searchsorted(needed, firsts)] + starts - ends[firsts]
        return cut_windows(self.packing, name, read, local, places, needed)


@final
class StreamPack(PackBase, StreamNode):
    """Rows cut from the joined documents of a stream."""

    def open(self, epoch: int, state: State | None = None) -> StreamIterator:
        names = ("source", "held", "gone", "offset", "document")
        inner, held, gone, offset, number = (None, 0, 0, 0, 0) if state is None else read_state(self.op, state, *names)
        return _Packed(self, self.sources[0].open(epoch, inner), held, gone, offset, number)


class _Held(NamedTuple):
    state: State  # of the source before the block
    rows: int  # documents of the block
    gone: int  # of them, already behind the first one held


class _Packed(StreamIterator):
    """Holds the documents from the one in which the next row begins; its state is where that one lies, and in how many
    blocks of the source it and those behind it are.
    """

    def __init__(
        self, node: StreamPack, source: StreamIterator, held: int, gone: int, offset: int, number: int
    ) -> None:
        self._packing, self._source = node.packing, source
        self._blocks: deque[_Held] = deque()
        self._tokens: Ragged | None = None
        self._name: str | None = None
        self._number = number  # of the first document held
        self._offset = check_int(node.op, "offset", offset, 0)  # of the next row in it
        for block in range(held):
            if not self._load(0 if block else gone):
                raise ValueError(f"pack: the stream ends before the saved place; was its source changed? {node!r}")

    def state(self) -> State:
        at, gone = (self._blocks[0].state, self._blocks[0].gone) if self._blocks else (self._source.state(), 0)
        held = len(self._blocks)
        return {"source": at, "held": held, "gone": gone, "offset": self._offset, "document": self._number}

    def __next__(self) -> Block:
        while True:
            more = self._load(0)
            if self._tokens is None:
                raise StopIteration
            ends = self._packing.ends(self._tokens)
            left = int(ends[-1]) - self._offset
            stride = self._packing.stride
            # Until the end only whole rows: what is left may go on in the next block.
            rows = max((left - self._packing.overlap) // stride, 0) if more else self._last_rows(left)
            if rows:
                starts = self._offset + np.arange(rows) * stride
                block = cut_windows(self._packing, self._name, self._tokens, ends, starts, self._number)
                self._drop(ends, self._offset + rows * stride)
                return block
            if not more:
                self._tokens = None
                raise StopIteration

    def _last_rows(self, left: int) -> int:
        begun = self._number > 0 or self._offset > 0
        rest = self._packing.overlap if begun else 0
        return 1 if left > rest and not self._packing.drop_last else 0

    def _load(self, gone: int) -> bool:
        at = self._source.state()
        block = next(self._source, None)
        if block is None:
            return False
        rows = count_rows(block)
        self._name, tokens = self._packing.tokens_of(block)
        self._blocks.append(_Held(at, rows, gone))
        held = tokens[gone:]
        self._tokens = held if self._tokens is None else concat_ragged([self._tokens, held])
        return True

    def _drop(self, ends: IndexArray, start: int) -> None:
        """Let go of the documents before the one that place `start` lies in."""
        first = min(int(np.searchsorted(ends, start, side="right")) - 1, len(ends) - 1)
        self._offset = start - int(ends[first])
        self._number += first
        assert self._tokens is not None
        self._tokens = self._tokens[first:] if first < len(self._tokens) else None
        while self._blocks and first >= self._blocks[0].rows - self._blocks[0].gone:
            held = self._blocks.popleft()
            first -= held.rows - held.gone
        if first:
            self._blocks[0] = self._blocks[0]._replace(gone=self._blocks[0].gone + first)
