"""What a dataset and an order must offer; structural, so nothing needs to inherit from this package.

A dataset is anything random-access: a length and a record per position. Batched reading, a fingerprint and Arrow export
are abilities of their own, each a small protocol, and are asked for with isinstance. Streams are another type and not
served here. Datasets speak numpy; only the loader makes Tensors.
"""

from __future__ import annotations

from collections.abc import Sized
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
IndexArray: TypeAlias = npt.NDArray[np.int64]
# What is asked of a dataset at once: positions, or keys of any other kind that a sampler gives.
Keys: TypeAlias = IndexArray | list[Any]


@runtime_checkable
class Dataset(Protocol):
    """Random access: `len(dataset)` records, `dataset[i]` for 0 <= i < len; a record is any nesting of arrays and
    numbers.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


@runtime_checkable
class BatchedDataset(Protocol):
    """A dataset that reads many records at once: `gather(int64[k])` gives fresh arrays, each k long, in the record's
    structure.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...

    def gather(self, indices: IndexArray, /) -> Any: ...


@runtime_checkable
class EpochDataset(Protocol):
    """A dataset whose records may differ from epoch to epoch (drawn augmentation, an order of its own):
    `read(int64[k], epoch)` gives what `gather` would, of that epoch.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...

    def read(self, indices: IndexArray, epoch: int, /) -> Any: ...


@runtime_checkable
class Fingerprinted(Protocol):
    """Something whose content a checkpoint can recognise: equal content gives equal text, in any process."""

    def fingerprint(self) -> str: ...


@runtime_checkable
class Digested(Protocol):
    """Something that can be read whole to tell whether any value changed, where a fingerprint only samples it."""

    def content_digest(self) -> str: ...


@runtime_checkable
class IndexedSampler(Protocol):
    """An order that is a formula: `indices(epoch, start, stop)` gives positions [start, stop) of that epoch's order,
    and depends on nothing else.
    """

    def __len__(self) -> int: ...

    def indices(self, epoch: int, start: int, stop: int) -> IndexArray: ...


@runtime_checkable
class ArrowStream(Protocol):
    """The Arrow C stream interface: pyarrow tables, record batches, polars and pandas frames."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


def fingerprint(subject: object) -> str:
    """The subject's own fingerprint, or its type and length where it has none."""
    if isinstance(subject, Fingerprinted):
        return subject.fingerprint()
    length = f"len={len(subject)}" if isinstance(subject, Sized) else ""
    return f"{type(subject).__qualname__}({length})"
