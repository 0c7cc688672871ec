"""Values that kernels compute again where they read them, instead of one writing them to memory for the others.

A cheap map over what is in memory anyway (a difference from a mean, a product with a scale) costs its readers nothing
that they would notice beside the memory. It is done only where every reader outside its kernel can: each reads the
value point by point and loads about as many bytes as the value itself has, or fewer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lamella.compiler._kernel._ir import ITEM_BYTES, value_type
from lamella.compiler._lower._group import MOST_BUFFERS, MOST_ITEMS
from lamella.compiler._lower._refs import Operand, Ref, Root, Scalar
from lamella.compiler._lower._steps import Call, Extern, Group, Item, Step, memory_read, step_of

MOST_WORK = 6  # work of what is computed again for one value


def compute_again(steps: list[Step], make: Callable[[tuple[int, ...], str], Root]) -> None:
    """Give every reader of a cheap value its own copy of the formula; `make` makes roots."""
    _Again(steps, make).run()


@dataclass(slots=True)
class _Cost:
    """What computing a value again takes: work, bytes that were not loaded before, and items."""

    work: int = 0
    loaded: int = 0
    items: int = 0


class _Again:
    def __init__(self, steps: list[Step], make: Callable[[tuple[int, ...], str], Root]) -> None:
        self.steps, self.make = steps, make
        self.readers: dict[Root, list[Step]] = {}  # steps that read a value from memory
        for step in steps:
            for root in _read(step):
                self.readers.setdefault(root, []).append(step)
        self.copies: dict[tuple[Root, int], Root] = {}
        self.gone: set[Root] = set()  # computed again by all readers

    def run(self) -> None:
        for step in list(self.steps):
            if isinstance(step, Group):
                for item in list(step.items):
                    self._value(item)

    def _value(self, item: Item) -> None:
        readers = self.readers.get(item.root, [])
        if item.root.stored or not readers or not _plain(item):
            return
        groups = [step for step in readers if isinstance(step, Group)]
        if len(groups) == len(readers) and all(self._fits(item, group) for group in groups):
            self.gone.add(item.root)
            for group in groups:
                self._copy(item.root, group)

    def _fits(self, item: Item, group: Group) -> bool:
        """Whether a group may compute a value where it reads it."""
        if group.closed or not _pointwise(item.root, group):
            return False
        cost, new = _Cost(), set[Root]()
        if not self._add(item.root, group, cost, new, first=True):
            return False
        size = item.root.size * ITEM_BYTES[item.root.dtype]
        return (
            cost.work <= MOST_WORK
            and cost.loaded <= size * 5 // 4
            and len(group.items) + cost.items <= MOST_ITEMS
            and len(_read(group) | new) + sum(r.stored or r in self.readers for r in group.made) <= MOST_BUFFERS
        )

    def _add(self, root: Root, group: Group, cost: _Cost, new: set[Root], *, first: bool = False) -> bool:
        if (root, group.index) in self.copies:
            return True
        if root in group.made:
            return False
        if not first and self._in_memory(root):
            if root not in new and root not in _read(group):
                cost.loaded += root.size * ITEM_BYTES[root.dtype]
                new.add(root)
            return True
        item = _maker(root)
        if item is None or not _plain(item):
            return False
        cost.work, cost.items = cost.work + item.cost, cost.items + 1
        return all(
            (self._in_memory(o.root) or _at_its_point(o)) and self._add(o.root, group, cost, new)
            for o in item.operands
            if isinstance(o, Ref)
        )

    def _in_memory(self, root: Root) -> bool:
        return root.step is None or root.stored or (root in self.readers and root not in self.gone)

    def _copy(self, root: Root, group: Group) -> Root:
        """The root that a group's items read instead of `root`, and before them its item."""
        found = self.copies.get((root, group.index))
        if found is not None or (self._in_memory(root) and root not in self.gone):
            return found or root
        item = _maker(root)
        assert item is not None
        again = self.make(root.shape, root.dtype)
        again.step = group
        place = _placed(root, group)
        operands: list[Operand] = [
            replace(o, root=self._copy(o.root, group)) if isinstance(o, Ref) else o for o in item.operands
        ]
        reads = [place(o.strides) if isinstance(o, Ref) else () for o in operands]
        copy = Item(again, operands, item.body, item.cost, item.source, position=place(root.strides), reads=reads)
        before = sum(number == group.index for _, number in self.copies)
        group.items.insert(before, copy)  # copies read nothing else that the group makes
        group.made[again] = copy
        self.copies[root, group.index] = again
        for other in group.items:
            other.operands = [
                replace(o, root=again) if isinstance(o, Ref) and o.root is root else o for o in other.operands
            ]
        return again


def _read(step: Step) -> set[Root]:
    """What a step reads that others make."""
    operands: Iterable[Any] = ()
    made: Mapping[Root, Item] = {}
    if isinstance(step, Group):
        operands, made = [o for item in step.items for o in item.operands], step.made
    elif isinstance(step, Call | Extern):
        operands = step.operands
    return {root for o in operands if (root := memory_read(o)) is not None and root not in made}


def _maker(root: Root) -> Item | None:
    step = step_of(root)
    return step.made.get(root) if isinstance(step, Group) else None


def _plain(item: Item) -> bool:
    """A cheap map that may be computed anywhere."""
    root = item.root
    mapped = not (item.over or item.scan or item.target or item.after or root.inside or root.parts)
    known = all(
        isinstance(o, bool | int | float | Scalar) or (isinstance(o, Ref) and not o.root.generator)
        for o in item.operands
    )
    return mapped and known and item.cost <= MOST_WORK and value_type(root.dtype) == root.dtype


def _long(shape: tuple[int, ...]) -> list[int]:
    return [k for k, n in enumerate(shape) if n != 1]


def _placed(root: Root, group: Group) -> Callable[[tuple[int, ...]], tuple[int, ...]]:
    """Strides along a root's dims as strides along a group's axes."""
    axes = dict(zip(_long(group.space), _long(root.shape), strict=True))
    return lambda strides: tuple(strides[axes[k]] if k in axes else 0 for k in range(len(group.space)))


def _at_its_point(x: Ref) -> bool:
    """Whether an item reads a value where it was computed: its dims in their order, all of it."""
    mine = [(x.shape[k], x.strides[k]) for k in _long(x.shape)]
    return not x.offset and mine == [(x.root.shape[k], x.root.strides[k]) for k in _long(x.root.shape)]


def _pointwise(root: Root, group: Group) -> bool:
    """Whether a group reads a root at its own point alone, in all its space."""
    if [group.space[k] for k in _long(group.space)] != [root.shape[k] for k in _long(root.shape)]:
        return False
    here = _placed(root, group)(root.strides)
    for item in group.items:
        for operand, strides in zip(item.operands, item.reads, strict=True):
            if memory_read(operand) is root:
                if not isinstance(operand, Ref) or operand.offset or strides != here:
                    return False
    return True
