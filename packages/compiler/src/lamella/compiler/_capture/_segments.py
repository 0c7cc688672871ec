"""A forked program in pieces: pure segments, each ending in a number that Python looks at, and a leaf with all results
and effects.

Segments are shared by the programs that begin alike: one segment gives what any of them needs later. A run keeps the
values it has, by id, which is the same in every capture of one path, until no program that its answers can still lead
to needs them.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from lamella.graph import CaptureError, Graph, Node, Value, size_bytes

from ._budget import held_bytes
from ._forks import Fork
from ._pieces import Env, Leaf, Piece, Run, Section
from ._refused import Refusal

_T = TypeVar("_T")

__all__ = ["Path", "Segment", "Segments", "Step"]


class Segment:
    """The nodes between two forks; `piece` is what runs, once a path goes through it."""

    def __init__(
        self, traced: Graph, n: int, span: tuple[int, int], fork: Fork, compile_graph: Callable[[Graph], Run]
    ) -> None:
        name = f"{traced.name}_{n}"
        nodes = traced.nodes[slice(*span)]
        made = {*_made(nodes)}
        # bound sizes have made other values, of the same ids
        [number] = [v for v in (*traced.inputs, *_made(traced.nodes)) if v.id == fork.value.id]
        read = {number, *[a for node in nodes for a in node.args if type(a) is Value]}
        self.body = Graph(name, sorted(read - made, key=lambda v: v.id), nodes, [number])
        self.kind = fork.kind
        self.place = fork.place
        self.number = number.id
        self.read = _read_of(self.body)  # the id of a tensor made here, where the number is only its element
        if self.read is not None:
            # one read in Python is less than a stage of its own
            span = (span[0], span[1] - 1)
        self.section = Section(traced, name, span)
        if self.read is not None:
            self.section.always = frozenset({self.read})
        elif number in made:
            self.section.always = frozenset({self.number})
        self.compile_graph = compile_graph
        self._piece: Piece | None = None
        self._refusal: Refusal | None = None  # captures beyond this segment that failed

    @property
    def piece(self) -> Piece:
        """What runs; AssertionError before a path goes through it."""
        if self._piece is None:
            raise AssertionError("no path goes through this segment yet")
        return self._piece

    def same(self, other: Segment) -> bool:
        """Whether another capture recorded the same."""
        return self.kind is other.kind and self.body == other.body

    def planned(self, piece: Piece) -> Piece:
        """Run this piece from the next call on, unless that which runs is the same; the one that does."""
        old = self._piece
        if old is None or old.shape.gives != piece.shape.gives or old.fit != piece.fit:
            self._piece = old = piece
        return old

    def refused(self, error: CaptureError) -> None:
        """A capture of another way from here could not be made."""
        if self._refusal is None:
            self._refusal = Refusal(error, None)
        else:
            self._refusal.again(error)

    def check(self) -> None:
        """CaptureError where another attempt is not due yet."""
        if self._refusal is not None:
            self._refusal.check()


def _made(nodes: Sequence[Node]) -> list[Value]:
    return [v for node in nodes for v in node.outputs]


def _read_of(body: Graph) -> int | None:
    last = body.nodes[-1] if body.nodes else None
    if last is None or last.op.name != "scalar.item" or last.outputs[0] is not body.outputs[0]:
        return None
    tensor = last.args[0]
    return tensor.id if type(tensor) is Value and tensor in _made(body.nodes) else None


class Step(NamedTuple):
    """One segment of a path as it runs: the piece, and by id what nobody needs behind its answer, what somebody does,
    and what the path itself does.
    """

    piece: Piece
    dead: tuple[int, ...]
    kept: frozenset[int]
    needed: frozenset[int]


class Path:
    """How a program forks: the graph as it was traced, the segments with the answers that lead on, and the leaf.

    The first `results` of the graph's outputs are the user's; the others are kept for the backward `after`. `plan` is
    replaced whole where another path makes shared segments give more: a run sticks to what it began with.
    """

    __slots__ = ("__weakref__", "after", "compile_graph", "graph", "held", "keys", "made_at", "plan", "section",
                 "segments", "sizes", "takes")  # fmt: skip

    def __init__(
        self,
        graph: Graph,
        outputs: Sequence[Any],
        segments: tuple[Segment, ...],
        keys: tuple[Any, ...],
        first: int,
        results: int,
        after: Graph | None,
        compile_graph: Callable[[Graph], Run],
    ) -> None:
        self.graph = graph = graph.replace(graph.nodes, outputs)
        self.segments = segments
        self.keys = keys
        self.section = Section(graph, graph.name, (first, len(graph.nodes)), graph.outputs, graph.effects)
        self.takes = tuple([v.id for v in graph.inputs])
        self.after = after
        self.held = held_bytes(graph, graph.outputs[results:], {*self.takes})  # what the leaf leaves for the backward
        made = [(n, v) for n, segment in enumerate(segments) for v in _made(segment.body.nodes)]
        self.made_at = {v.id: n for n, v in made}  # which segment makes a value
        self.sizes = {v.id: size_bytes(v) for _, v in made}
        self.compile_graph = compile_graph
        self.plan: tuple[tuple[Step, ...], Leaf] | None = None

    @property
    def planned(self) -> tuple[tuple[Step, ...], Leaf]:
        """The segments as they run, and the end."""
        if self.plan is None:
            raise AssertionError("this path is not planned yet")
        return self.plan

    @property
    def leaf(self) -> Leaf:
        """The end."""
        return self.planned[1]

    def environment(self, inputs: list[Any]) -> Env:
        """The values that a run has at its start, by id."""
        return dict(zip(self.takes, inputs, strict=True))

    def begins(self, segments: Sequence[Segment], keys: Sequence[Any]) -> bool:
        """Whether it goes through these segments with these answers."""
        n = len(segments)
        return self.keys[:n] == tuple(keys) and all(a is b for a, b in zip(self.segments[:n], segments, strict=False))


class Segments:
    """The segments and paths of one compiled function, found by what comes before them: programs that begin alike share
    segments.

    They live as long as a program that has them.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._after: weakref.WeakKeyDictionary[Any, list[weakref.ref[Segment]]] = weakref.WeakKeyDictionary()
        self._paths: weakref.WeakKeyDictionary[Segment, list[weakref.ref[Path]]] = weakref.WeakKeyDictionary()

    def _shared(self, before: Segment | None, new: Segment) -> Segment:
        """The segment that stands after another in an earlier program, where it is the same; else the new one."""
        known = self._after.setdefault(self if before is None else before, [])
        for found in _alive(known):
            if found.same(new):
                return found
        known.append(weakref.ref(new))
        return new

    def along(
        self, traced: Graph, forks: Sequence[Fork], ends: Sequence[int], compile_graph: Callable[[Graph], Run]
    ) -> tuple[Segment, ...]:
        """The segments of a traced graph; `ends` says after how many nodes each fork stands."""
        found: list[Segment] = []
        start = 0
        for n, (fork, end) in enumerate(zip(forks, ends, strict=True)):
            new = Segment(traced, n, (start, end), fork, compile_graph)
            found.append(self._shared(found[-1] if found else None, new))
            start = end
        return tuple(found)

    def paths(self, root: Segment) -> list[Path]:
        """The paths that begin with a segment, oldest first."""
        return list(_alive(self._paths.get(root, [])))

    def add(self, path: Path) -> None:
        """Remember a path."""
        self._paths.setdefault(path.segments[0], []).append(weakref.ref(path))


def _alive(references: list[weakref.ref[_T]]) -> Iterator[_T]:
    references[:] = [reference for reference in references if reference() is not None]
    for reference in references:
        found = reference()
        if found is not None:
            yield found
