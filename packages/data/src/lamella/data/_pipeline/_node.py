"""What every op of a pipeline says about itself: its name, its parameters, its sources, its user functions."""

from __future__ import annotations

from typing import Any

from lamella.data._pipeline._calls import UserFunction
from lamella.data._pipeline._random_access import RandomAccess
from lamella.data._pipeline._stream import Stream
from lamella.data._protocols import Dataset, fingerprint


class Node:
    """Base of all ops. `sources` are datasets or streams; `functions` are the user's own."""

    op: str = ""
    sources: tuple[Any, ...] = ()
    functions: tuple[UserFunction, ...] = ()

    def check_source(self, source: object) -> Any:
        """The source, if it is of the node's kind."""
        raise NotImplementedError

    def parameters(self) -> dict[str, Any]:
        """What the fingerprint holds beside the sources and the functions."""
        return {}

    @property
    def varies(self) -> bool:
        """Whether epochs differ."""
        return any(source.varies for source in self.sources)

    @property
    def batches(self) -> bool:
        """Whether records are batches: they stay whole, in columns of objects."""
        return any(source.batches for source in self.sources)

    def fingerprint(self) -> str:
        """Op, parameters and the fingerprints of the sources."""
        return f"{self._call()} of [{'; '.join(fingerprint(source) for source in self.sources)}]"

    def _call(self) -> str:
        given = [function.name for function in self.functions]
        given += [f"{name}={value!r}" for name, value in self.parameters().items()]
        return f"{self.op}({', '.join(given)})"

    def __repr__(self) -> str:
        sources = ", ".join(map(repr, self.sources))
        return f"{f'[{sources}]' if len(self.sources) != 1 else sources}.{self._call()}"


class RandomNode(Node, RandomAccess):
    """An op with positions: a pure function of (epoch, position)."""

    def check_source(self, source: object) -> RandomAccess:
        """The source, if it has positions."""
        return as_random_access(self.op, source)


class StreamNode(Node, Stream):
    """An op on streams."""

    def check_source(self, source: object) -> Stream:
        """The source, if it is a stream."""
        return as_stream(self.op, source)

    @property
    def repeatable(self) -> bool:
        """Whether every stream below is."""
        return all(source.repeatable for source in self.sources if isinstance(source, Stream))


def as_random_access(op: str, source: object) -> RandomAccess:
    """A source that must have positions; datasets of other makes are wrapped."""
    from lamella.data._pipeline._records import RecordDataset

    if isinstance(source, RandomAccess):
        return source
    if isinstance(source, Stream):
        raise TypeError(f"{op}: got a stream among datasets with positions; make them all streams with .stream()")
    if not isinstance(source, Dataset) or isinstance(source, (dict, str, bytes)):
        raise TypeError(
            f"{op}: expected a dataset (a length and a record per position), got {type(source).__name__}; wrap a "
            "mapping of columns in TableDataset"
        )
    return RecordDataset(source)


def as_stream(op: str, source: object) -> Stream:
    """A source that must be a stream."""
    if not isinstance(source, Stream):
        raise TypeError(
            f"{op}: expected a stream, got {type(source).__name__}; a dataset with positions becomes one by .stream()"
        )
    return source
