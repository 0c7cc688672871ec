"""cache: a source read once and kept, in memory or in a file.

What is kept is epoch 0, so the source must be the same in every epoch. A file is named by the source's fingerprint (of
data in memory: by every value) and by what the user's functions do; where that cannot be told, the caller gives a key.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any, final

import numpy as np

from lamella.data._blocks import Block, concat_blocks, count_rows, objects, take_rows
from lamella.data._columns import Column
from lamella.data._pipeline._cache_file import cache_path, read_blocks, write_blocks
from lamella.data._pipeline._iterable import IterableDataset
from lamella.data._pipeline._node import Node, RandomNode, as_random_access
from lamella.data._pipeline._records import RecordDataset
from lamella.data._pipeline._routing import read_by_key
from lamella.data._pipeline._scan import scan
from lamella.data._pipeline._stream import Stream
from lamella.data._protocols import Digested, Fingerprinted, IndexArray, fingerprint


@final
class RandomCache(RandomNode):
    """The records of a source, from what the first use has kept. The source may be a stream: it has a length then."""

    op = "cache"

    def __init__(self, source: Any, folder: str | os.PathLike[str] | None = None, *, key: str | None = None) -> None:
        self.sources = (source if isinstance(source, Stream) else as_random_access(self.op, source),)
        if self.sources[0].varies:
            raise ValueError(
                "cache: its source differs from epoch to epoch (a shuffle, drawn augmentation), and one epoch would be "
                "given again and again; cache before that op"
            )
        if key is not None and (folder is None or not isinstance(key, str)):
            raise ValueError(
                f"cache: key is a text in the name of a file in folder, got key={key!r}, folder={folder!r}"
            )
        if folder is not None and not os.path.isdir(folder):
            raise FileNotFoundError(f"cache: no such folder: {os.fspath(folder)}; create it first")
        self.path = None if folder is None else cache_path(folder, self._content(key))
        self._lock = threading.Lock()
        self._kept: tuple[list[Block], IndexArray] | None = None

    def fingerprint(self) -> str:
        """The source's: keeping it changes nothing."""
        return fingerprint(self.sources[0])

    def _content(self, key: str | None) -> str:
        if key is not None:
            return f"{self.fingerprint()}; key={key}"
        digests = [function.digest() for node in _nodes(self) for function in node.functions]
        for leaf in _leaves(self):
            if isinstance(leaf, Digested):
                digests.append(leaf.content_digest())
            elif not _tells_content(leaf):
                raise ValueError(
                    f"cache: {leaf!r} has no fingerprint() that tells whether a file is still valid; define one, or "
                    "pass cache(folder, key=...) with a text that changes when the data does"
                )
        return f"{self.fingerprint()}; {' '.join(digests)}"

    def _read_source(self) -> Iterator[Block]:
        source = self.sources[0]
        return iter(source.open(0)) if isinstance(source, Stream) else (block for _, block in scan(source))

    @property
    def _blocks(self) -> tuple[list[Block], IndexArray]:
        if self._kept is None:
            with self._lock:
                if self._kept is None:
                    self._kept = self._load()
        return self._kept

    def _load(self) -> tuple[list[Block], IndexArray]:
        """The blocks, and where each ends."""
        if self.path is None:
            blocks = list(self._read_source())
            blocks = [concat_blocks(blocks)] if blocks else []
        else:
            if not os.path.exists(self.path):
                write_blocks(self.path, self._read_source())
            blocks = read_blocks(self.path)
        return blocks, np.cumsum([count_rows(block) for block in blocks], dtype=np.int64)

    def __len__(self) -> int:
        if not isinstance(self.sources[0], Stream):
            return len(self.sources[0])
        _, ends = self._blocks
        return int(ends[-1]) if len(ends) else 0

    def read(self, indices: IndexArray, epoch: int) -> Block:
        blocks, ends = self._blocks
        if not blocks:
            return objects([])
        owners = np.searchsorted(ends, indices, side="right").astype(np.int64)
        starts = np.concatenate([[0], ends[:-1]])
        return read_by_key(owners, indices - starts[owners], lambda rows, owner: take_rows(blocks[owner], rows))

    def whole_column(self, name: str) -> Column | None:
        blocks, _ = self._blocks
        return blocks[0].get(name) if len(blocks) == 1 and isinstance(blocks[0], dict) else None

    def __getstate__(self) -> dict[str, Any]:
        # What a file holds is mapped again by the other process; what lies in memory goes along.
        left_out = {"_lock"} if self.path is None else {"_lock", "_kept"}
        return {name: value for name, value in self.__dict__.items() if name not in left_out}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({"_kept": None, **state}, _lock=threading.Lock())


def _nodes(node: Node) -> Iterator[Node]:
    """The node and all ops behind it."""
    yield node
    for source in node.sources:
        if isinstance(source, Node):
            yield from _nodes(source)


def _leaves(node: Node) -> Iterator[Any]:
    """The datasets and streams that a pipeline starts from."""
    for inner in _nodes(node):
        for source in inner.sources:
            if not isinstance(source, Node):
                yield source.dataset if isinstance(source, RecordDataset) else source


def _tells_content(leaf: Any) -> bool:
    """Whether a source's fingerprint is its own, and not only the name of its class."""
    if isinstance(leaf, IterableDataset):
        return type(leaf).fingerprint is not IterableDataset.fingerprint
    return isinstance(leaf, Fingerprinted)
