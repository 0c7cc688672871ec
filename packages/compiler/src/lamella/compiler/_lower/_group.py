"""Which loops share a kernel.

Ops become items (an elementwise map or a reduction over one index space) and join a group: a group has one index space,
split into grid and inner axes by its first reduction. An item joins where every value it needs from the group is at
hand at the same point, and everything else it needs is complete before the group runs. Groups and extern steps run in
the order they were opened, so a group may only take items whose other operands come from earlier ones: fusion never
makes a cycle, and the whole pass is linear.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lamella.compiler._kernel._ir import PAIRED
from lamella.compiler._lower._limits import Limits
from lamella.compiler._lower._refs import Counter, Operand, Ref, Root, Table
from lamella.compiler._lower._steps import (
    Call,
    Extern,
    Group,
    Item,
    Step,
    memory_read,
    reads_memory,
    step_of,
    steps_of,
)
from lamella.tensor.extend import Op

MOST_ITEMS = 64  # items a kernel may have: compile time grows with them
MOST_BUFFERS = 24
MOST_COLUMNS = 1 << 16  # elements of a result accumulated per chunk of the grid
SMALL = 1  # elements up to which unrelated loops share a kernel: single numbers


def fit(operands: Iterable[Operand]) -> bool:
    """Whether one kernel may read all these."""
    return len({root for o in operands if (root := memory_read(o)) is not None}) <= MOST_BUFFERS


class Grouper:
    """Places items into groups in program order."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.steps: list[Step] = []
        self.readers: dict[Root, Group] = {}
        self.small: dict[tuple[int, ...], Group] = {}
        self.barrier = 0  # the first step that takes items

    def close(self) -> None:
        """Let what follows join no step that is there: it would be computed early, and kept."""
        self.barrier = len(self.steps)

    def extern(self, op: Op, source: str) -> Extern:
        """Open an extern step."""
        step = Extern(len(self.steps), op=op, source=source)
        self.steps.append(step)
        return step

    def call(self, symbol: str, source: str) -> Call:
        """Open a step of a library kernel."""
        step = Call(len(self.steps), symbol=symbol, source=source)
        self.steps.append(step)
        return step

    def made(self, root: Root) -> None:
        """Place what makes a root, if that had to wait for somebody who reads it from memory."""
        item, root.pending = root.pending, None
        if item is not None:
            self.place(item, root.shape, None)

    def place(self, item: Item, space: tuple[int, ...], dims: frozenset[int] | None, near: Root | None = None) -> None:
        """Put an item that runs over `space` (reducing `dims`) into a group, opening one if none takes it.

        Tried in turn: groups that make its operands, groups that read what it reads, the group that makes `near`, and
        for small spaces any group over the same one.
        """
        for operand in item.operands:
            root = memory_read(operand)
            if root is not None and root.pending is not None:
                self.made(root)
        if item.target is not None:  # it goes through its inner axes in order, which other loops had better not
            self._open(item, space, dims, small=False)
            return
        candidates: list[Group] = []
        for operand in item.operands:
            if reads_memory(operand):
                for step in steps_of(operand.root):
                    if isinstance(step, Group) and step.index >= self.barrier and step not in candidates:
                        candidates.append(step)
        candidates.sort(key=lambda g: g.index)
        if len(candidates) > 1:
            self._merge(candidates)
        needs = _earliest(item)
        others = [self.readers.get(r) for o in item.operands if (r := memory_read(o)) is not None]
        if near is not None and isinstance(found := step_of(near), Group):
            others.append(found)
        small = _product(space) <= SMALL
        if small:
            others.append(self.small.get(space))
        for other in others:
            while other is not None and other.merged is not None:
                other = other.merged
            if other is not None and other.index >= self.barrier and other not in candidates:
                candidates.insert(0, other)
        for group in reversed(candidates):
            if group.merged is not None:
                continue
            if group.index >= needs:
                if self._join(group, item, space, dims):
                    return
            elif not group.read and self._join_later(group, item, space, dims):
                return
        self._open(item, space, dims, small=small)

    def _join_later(self, group: Group, item: Item, space: tuple[int, ...], dims: frozenset[int] | None) -> bool:
        """Put an item into a group that runs before what the item needs: as nothing has read it, it may run last."""
        if any(root in group.made for root in _complete(item)):
            return False
        before, group.index = group.index, len(self.steps)
        if not self._join(group, item, space, dims):
            group.index = before
            return False
        self.steps[before] = Step(before, merged=group)
        self.steps.append(group)
        return True

    def _open(self, item: Item, space: tuple[int, ...], dims: frozenset[int] | None, *, small: bool) -> None:
        group = Group(len(self.steps), space=space)
        self.steps.append(group)
        if small:
            self.small[space] = group
        if not self._join(group, item, space, dims):
            raise AssertionError(f"an empty group takes any item, not {item.source}")
        group.closed = item.target is not None

    # -- joining ------------------------------------------------------------------------------------------------------

    def _join(self, group: Group, item: Item, space: tuple[int, ...], dims: frozenset[int] | None) -> bool:
        if len(group.items) >= MOST_ITEMS or group.closed:
            return False
        axes = self._axes(group, item, space)
        if axes is None:
            return False
        rank = len(group.space)
        reads = [_place(s, axes, rank) if (s := _strides(o)) is not None else () for o in item.operands]
        level = self._level(group, item, reads, axes, space)
        if level is None:
            return False
        in_grid, in_inner, inner, over = level
        if dims is not None:
            over_axes = frozenset(axes[d] for d in dims if space[d] != 1)
            if item.scan or item.target is not None:
                decided = self._in_order(group, over_axes, in_grid, in_inner)
            else:
                paired = item.combiner in PAIRED
                decided = self._reduction(group, over_axes, in_grid, in_inner, paired=paired)
            if decided is None:
                return False
            inner, over, in_grid, in_inner = decided
            if not self._compatible(group, inner):
                return False
        refs = {r for o in item.operands if (r := memory_read(o)) is not None and r not in group.made}
        if len(group.roots | refs) + sum(r.stored for r in group.made) > MOST_BUFFERS:
            return False
        self._add(group, item, space, axes, reads, inner, over, in_grid, in_inner)
        group.roots |= refs
        for root in refs:
            self.readers[root] = group
        return True

    def _axes(self, group: Group, item: Item, space: tuple[int, ...]) -> tuple[int, ...] | None:
        """For each dim of the item's space, the axis of the group it runs along."""
        if space == group.space:
            return tuple(range(len(space)))
        long = [k for k, n in enumerate(group.space) if n != 1]
        mine = [k for k, n in enumerate(space) if n != 1]
        if [group.space[k] for k in long] == [space[k] for k in mine]:
            found = dict(zip(mine, long, strict=True))
        elif len(space) == len(group.space) and all(group.space[k] == space[k] for k in mine):
            found = {k: k for k in mine}
        else:
            found = self._match(group, item, space, mine)
            if len(found) != len(mine) or len(set(found.values())) != len(mine):
                return None
        return tuple(found.get(k, -1) for k in range(len(space)))

    def _match(self, group: Group, item: Item, space: tuple[int, ...], mine: list[int]) -> dict[int, int]:
        """An item over fewer axes is placed by the strides of what it reads from the group."""
        found: dict[int, int] = {}
        for operand in item.operands:
            maker = group.made.get(operand.root) if reads_memory(operand) else None
            if maker is None or not isinstance(operand, Ref):
                continue
            for dim in mine:
                for axis, stride in enumerate(maker.position):
                    if stride and stride == operand.strides[dim] and group.space[axis] == space[dim]:
                        found[dim] = axis
        return found

    def _level(
        self, group: Group, item: Item, reads: list[tuple[int, ...]], axes: tuple[int, ...], space: tuple[int, ...]
    ) -> tuple[bool, bool, frozenset[int] | None, str] | None:
        """Where the item runs: (over the grid, over the inner axes), or None where a value is not at hand there."""
        long = group.axis_set()
        mine = frozenset(a for a in axes if a >= 0 and group.space[a] != 1)
        inner = group.inner
        totals = False
        for operand, strides in zip(item.operands, reads, strict=True):
            if not reads_memory(operand):
                continue
            maker = group.made.get(operand.root)
            if maker is None:
                if any(step.index >= group.index for step in steps_of(operand.root)):
                    return None
                continue
            if strides != maker.position or operand.offset:
                return None
            totals = totals or not maker.in_grid
        if totals:
            if inner is None or not mine <= inner:
                return None
            if mine and mine != inner & long:
                return None
            return False, bool(mine), inner, ""
        if mine == long:
            return True, True, inner, ""
        if inner is not None and mine == long - inner:
            return True, False, inner, ""
        return None

    def _reduction(
        self, group: Group, over: frozenset[int], in_grid: bool, in_inner: bool, *, paired: bool
    ) -> tuple[frozenset[int], str, bool, bool] | None:
        """(inner axes, what the reduction runs over, level of its argument) or None where the group cannot do it."""
        long = group.axis_set()
        inner = group.inner
        if not in_grid:
            if inner is not None and in_inner and over == inner & long:
                return inner, "inner", in_grid, in_inner
            return None
        if inner is None:
            if over == long:
                return frozenset(), "grid", True, True
            if not paired and self.crosses(group.space, over):
                return long - over, "grid", True, True
            return over, "inner", True, True
        inside, outside = inner & long, long - inner
        if not in_inner and inside:
            return (inner, "grid", True, False) if over == outside else None
        if over == inside and inside:
            return inner, "inner", True, True
        if paired:
            return None  # (value, position) pairs cross one level at a time
        if over == outside and _product(group.space[k] for k in inside) <= MOST_COLUMNS:
            return inner, "grid", True, True
        if over == long:
            return inner, "both", True, True
        return None

    def crosses(self, space: tuple[int, ...], over: frozenset[int]) -> bool:
        """Whether a group that starts with a reduction of these dims reduces its grid, and not rows one by one."""
        long = frozenset(k for k, n in enumerate(space) if n != 1)
        over, kept = over & long, long - over
        columns, rows = (_product(space[k] for k in dims) for dims in (kept, over))
        leading = bool(over) and all(k < m for k in over for m in kept)
        return over == long or (leading and columns <= MOST_COLUMNS and rows >= self.limits.least_rows)

    def _in_order(
        self, group: Group, over: frozenset[int], in_grid: bool, in_inner: bool
    ) -> tuple[frozenset[int], str, bool, bool] | None:
        """A scan or update runs at every point, and its dims are the inner axes."""
        fits = in_grid and in_inner and (group.inner is None or group.inner & group.axis_set() == over)
        return (over if group.inner is None else group.inner, "", True, True) if fits else None

    def _compatible(self, group: Group, inner: frozenset[int]) -> bool:
        return group.inner is None or group.inner == inner

    def _add(
        self,
        group: Group,
        item: Item,
        space: tuple[int, ...],
        axes: tuple[int, ...],
        reads: list[tuple[int, ...]],
        inner: frozenset[int] | None,
        over: str,
        in_grid: bool,
        in_inner: bool,
    ) -> None:
        group.inner = inner
        item.reads, item.over, item.in_grid, item.in_inner = reads, over, in_grid, in_inner
        if over:
            kept = [k for k, n in enumerate(space) if n != 1 and axes[k] in _kept(group, over, in_grid, in_inner)]
        else:
            kept = [k for k, n in enumerate(space) if n != 1]
        strides, step = [0] * len(group.space), 1
        for dim in reversed(kept):
            strides[axes[dim]] = step
            step *= space[dim]
        item.position = tuple(strides)
        if item.root.inside is not None:
            item.place = _place(item.root.inside.strides, axes, len(group.space))
        group.items.append(item)
        if over:  # what consumers see is one level down
            item.in_grid, item.in_inner = {
                "inner": (in_grid, False), "grid": (False, in_inner), "both": (False, False),
            }[over]  # fmt: skip
        group.made[item.root] = item
        item.root.step = group
        for root in [*(memory_read(o) for o in item.operands), *item.after]:
            if root is not None and root not in group.made:
                for source in steps_of(root):
                    group.needs = max(group.needs, source.index)
                    source.read = source.read or source is not group

    # -- merging ------------------------------------------------------------------------------------------------------

    def _merge(self, candidates: list[Group]) -> None:
        """Two groups over one space become one where the later needs nothing from between, or the earlier can wait."""
        first = candidates[0]
        for group in candidates[1:]:
            fits = (
                group.space == first.space
                and not group.closed
                and not first.closed
                and (group.inner == first.inner or group.inner is None or first.inner is None)
                and (group.needs <= first.index or not first.read)
                and len(group.items) + len(first.items) <= MOST_ITEMS
                and len(group.roots | first.roots) <= MOST_BUFFERS
                and self._readable(first, group)
            )
            if not fits:
                first = group
                continue
            before = first.index
            if group.needs > before:
                self.steps[first.index] = Step(first.index, merged=first)
                self.steps[group.index], first.index = first, group.index
            first.items += group.items
            first.made |= group.made
            first.roots = (first.roots | group.roots) - set(first.made)
            first.needs = max(first.needs, group.needs if group.needs != before else -1)
            first.inner = first.inner if group.inner is None else group.inner
            first.read = first.read or group.read
            group.merged = first

    def _readable(self, first: Group, group: Group) -> bool:
        """Whether all that `group` reads from `first` is at hand at the same point, and levels stay as they are."""
        for item in group.items:
            for operand, strides in zip(item.operands, item.reads, strict=True):
                if reads_memory(operand):
                    maker = first.made.get(operand.root)
                    if maker is not None and (strides != maker.position or operand.offset or not maker.in_grid):
                        return False
                    if any(part in first.made for part in operand.root.parts):
                        return False
            if any(root in first.made for root in _complete(item)):
                return False
        return True


def _earliest(item: Item) -> int:
    """The first step that may take an item: what it reads anywhere must be complete before that step starts."""
    needs = [step.index for o in item.operands if reads_memory(o) for step in steps_of(o.root)]
    needs += [step.index + 1 for root in _complete(item) if (step := step_of(root)) is not None]
    return max(needs, default=-1)


def _complete(item: Item) -> list[Root]:
    """What must be complete before the item's step starts, with the parts of what is put together."""
    roots = [*(o.ref.root for o in item.operands if isinstance(o, Table)), *item.after]
    return [r for root in roots for r in (root, *root.parts)]


def _strides(operand: Operand) -> tuple[int, ...] | None:
    if isinstance(operand, Table):
        return operand.ref.strides
    return operand.strides if isinstance(operand, Ref | Counter) else None


def _kept(group: Group, over: str, in_grid: bool, in_inner: bool) -> frozenset[int]:
    long = group.axis_set()
    inner = group.inner or frozenset()
    if over == "inner":
        return long - inner if in_grid else frozenset()
    if over == "grid":
        return long & inner if in_inner else frozenset()
    return frozenset()


def _place(strides: tuple[int, ...], axes: tuple[int, ...], rank: int) -> tuple[int, ...]:
    out = [0] * rank
    for stride, axis in zip(strides, axes, strict=True):
        if axis >= 0:
            out[axis] = stride
    return tuple(out)


def _product(numbers: Any) -> int:
    result = 1
    for n in numbers:
        result *= n
    return result
