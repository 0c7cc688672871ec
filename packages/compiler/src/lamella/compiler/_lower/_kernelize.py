"""Builds the kernel of a group: axes, stages, and which values are kept, recomputed or parked in row-local buffers.

An item over the inner axes belongs to the first stage in which its operands are known: a value reduced over the inner
axes is known one stage later. A value used again in a later stage is read back if it was stored, recomputed if that is
cheap, and otherwise kept in a row-local buffer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lamella.compiler._kernel import Kernel, KernelBuilder, Level, Position
from lamella.compiler._kernel._ir import PAIRED, PARTIAL, value_type
from lamella.compiler._lower._refs import Counter, Operand, Ref, Root, Scalar, Table
from lamella.compiler._lower._steps import Group, Item, reads_memory

CHEAP = 6  # work below which a value is recomputed rather than kept
AT_HAND = 2  # work up to which it is not even read back from memory: one value and one operation
CHEAP_LONG = 24  # the same for rows that leave the nearest cache
LONG_ROW = 16384


@dataclass(slots=True)
class Made:
    """A kernel with what its buffers and parameters stand for."""

    kernel: Kernel
    buffers: list[Root]
    scalars: list[int]


def kernelize(group: Group, long_row: int = LONG_ROW) -> Made:
    """The kernel of a finished group; `Root.stored` says which results must reach memory.

    In rows beyond `long_row` elements more is computed again.
    """
    return _Kernelizer(group, long_row).run()


@dataclass(slots=True)
class _Axes:
    """The group's axes after merging neighbours: for each kernel axis the group axis whose stride it has."""

    grid: list[int] = field(default_factory=list)
    inner: list[int] = field(default_factory=list)
    extents: dict[int, int] = field(default_factory=dict)

    def position(self, offset: int, strides: tuple[int, ...]) -> Position:
        return Position(offset, tuple(strides[a] for a in self.grid + self.inner))


class _Kernelizer:
    def __init__(self, group: Group, long_row: int) -> None:
        self.group = group
        self.inner_set = group.inner if group.inner is not None else frozenset[int]()
        self.axes = self._merge_axes()
        self.has_inner = bool(self.axes.inner)
        extents = self.axes.extents
        self.b = KernelBuilder(tuple(extents[a] for a in self.axes.grid), tuple(extents[a] for a in self.axes.inner))
        self.buffers: list[Root] = []
        self.buffer_of: dict[Root, int] = {}
        self.scalars: list[int] = []
        self.slot_of: dict[Scalar, int] = {}
        self.stage_of: dict[Root, int] = {}
        self.values: dict[Root, int] = {}  # values at hand in the open stage
        self.carried: dict[Root, tuple[int, ...]] = {}  # all that the reduction of a value carries
        self.lasting: set[Root] = set()  # those that outlive it: row values and reduced ones
        self.local_of: dict[Root, int] = {}
        self.written: set[Root] = set()
        self.waiting: dict[Level, list[Item]] = {level: [] for level in Level}  # reduced, to be stored at that level
        self.level, self.now = Level.ROW, 0
        row = 1
        for a in self.axes.inner:
            row *= extents[a]
        self.cheap = CHEAP_LONG if row > long_row else CHEAP

    # -- axes ---------------------------------------------------------------------------------------------------------

    def _merge_axes(self) -> _Axes:
        """Drop axes of length 1 and merge neighbours that every access walks as one."""
        group = self.group
        vectors = {tuple(item.position) for item in group.items}
        for item in group.items:
            vectors.update(strides for strides in [*item.reads, item.place] if strides)
        axes = _Axes()
        for axis, extent in enumerate(group.space):
            if extent == 1:
                continue
            side = axes.inner if axis in self.inner_set else axes.grid
            if side and all(v[side[-1]] == v[axis] * extent for v in vectors):
                axes.extents[axis] = axes.extents.pop(side[-1]) * extent
                side[-1] = axis
            else:
                side.append(axis)
                axes.extents[axis] = extent
        return axes

    # -- stages -------------------------------------------------------------------------------------------------------

    def run(self) -> Made:
        items = self._needed()
        for item in items:
            self.stage_of[item.root] = self._stage_number(item)
        blocks: dict[tuple[Level, int], list[Item]] = {}
        for item in items:
            blocks.setdefault((self._level_of(item), self.stage_of[item.root]), []).append(item)
        last = max((stage for _, stage in blocks), default=-1)
        self._park(items)
        for stage in range(-1, last + 1):
            for level in (Level.INNER, Level.ROW):
                self._block(level, stage, blocks.get((level, stage), []))
        self.lasting = {
            root for root in self.lasting if self.group.made[root].over and not self.group.made[root].in_grid
        }
        for stage in range(-1, last + 2):
            for level in (Level.TOTAL_INNER, Level.TOTAL):
                if stage >= 0 or level is Level.TOTAL:
                    self._block(level, stage, blocks.get((level, stage), []))
        source = tuple(dict.fromkeys(item.source for item in items))
        return Made(self.b.finish(source, lean=True), self.buffers, self.scalars)

    def _needed(self) -> list[Item]:
        """Items whose value reaches memory, in order."""
        wanted: set[Root] = set()
        kept = []
        for item in reversed(self.group.items):
            if item.root.stored or item.root in wanted:
                kept.append(item)
                wanted.update(o.root for o in item.operands if reads_memory(o) and o.root in self.group.made)
        return kept[::-1]

    def _level_of(self, item: Item) -> Level:
        """Where the item's body runs: for a reduction, where its argument lives."""
        in_grid, in_inner = item.in_grid, item.in_inner
        if item.over in ("inner", "both"):
            in_inner = True
        if item.over in ("grid", "both"):
            in_grid = True
        return Level((in_grid, in_inner and self.has_inner))

    def _result_level(self, item: Item) -> Level:
        return Level((item.in_grid, item.in_inner and self.has_inner))

    def _stage_number(self, item: Item) -> int:
        """Stages go -1 (rows only), then inner 0, rows 0, inner 1, ...; a reduced value is known after its stage."""
        level = self._level_of(item)
        stage = 0 if level.in_inner else -1
        for operand in item.operands:
            maker = self.group.made.get(operand.root) if reads_memory(operand) else None
            if maker is None or self._result_level(maker).in_grid != level.in_grid:
                continue  # memory, or a total, which is complete before any total stage
            crossed = bool(maker.over) and self._level_of(maker).in_grid != level.in_grid
            known = -1 if crossed else self.stage_of[maker.root]
            late = level.in_inner and not self._result_level(maker).in_inner
            stage = max(stage, known + 1 if late else known)
        return stage

    def _park(self, items: list[Item]) -> None:
        """Give row-local buffers to values that later stages need and that are dear to compute again."""
        for item in items:
            if self._level_of(item) is Level.INNER:
                for operand in item.operands:
                    if isinstance(operand, Ref):
                        self._consider(operand.root, self.stage_of[item.root])

    def _consider(self, root: Root, stage: int) -> None:
        maker = None if root.generator is not None else self.group.made.get(root)
        if maker is None or maker.over or self._level_of(maker) is not Level.INNER:
            return
        if self.stage_of[root] >= stage or root in self.local_of or self._reads_back(root):
            return
        if self._work(root) > self.cheap:
            self.local_of[root] = self.b.local(value_type(root.dtype))
            return
        for operand in maker.operands:
            if isinstance(operand, Ref):
                self._consider(operand.root, stage)

    def _reads_back(self, root: Root) -> bool:
        return root.stored and value_type(root.dtype) == root.dtype

    def _work(self, root: Root) -> int:
        """Rough work to compute a value again from memory, kept values and row values."""
        maker = None if root.generator is not None else self.group.made.get(root)
        if maker is None or root in self.local_of:
            return 1
        if maker.over or not self._level_of(maker).in_inner:
            return 0
        total = maker.cost
        for operand in maker.operands:
            if isinstance(operand, Ref) and total <= CHEAP_LONG:
                total += 1 if self._reads_back(operand.root) else self._work(operand.root)
        return total

    def _block(self, level: Level, number: int, items: list[Item]) -> None:
        waiting, self.waiting[level] = self.waiting[level], []
        if not items and not waiting:
            return
        self.level, self.now = level, number
        self.b.open(level)
        self.values = {root: value for root, value in self.values.items() if root in self.lasting}
        for item in waiting:
            if item.over == "both" and level is Level.ROW:
                carried = self.carried[item.root] if item.combiner in PARTIAL else (self.values[item.root],)
                self.values[item.root] = self.b.reduce(item.combiner, *carried, over="grid")[item.take]
                if item.root.stored:
                    self.waiting[Level.TOTAL].append(item)
            else:
                self._store(item)
        for item in items:
            if item.over:
                self._reduce(item)
            else:
                if item.target is None:
                    self._value(item.root)
                if item.root.stored:
                    self._store(item)
        if level is Level.INNER:
            for root, local in self.local_of.items():
                if self.stage_of[root] == number:
                    self.b.put(local, self._value(root))

    # -- items --------------------------------------------------------------------------------------------------------

    def _reduce(self, item: Item) -> None:
        values = [self._operand(o, r) for o, r in zip(item.operands, item.reads, strict=True)]
        first = item.body(self.b, values)
        args = [first, values[1]] if item.combiner in PAIRED else [self._typed(first, item.root)]
        outs = self.carried[item.root] = self.b.reduce(
            item.combiner, *args, over="grid" if item.over == "grid" else "inner"
        )
        self.values[item.root] = outs[item.take]
        self.lasting.add(item.root)
        if item.over == "both":
            self.waiting[Level.ROW].append(item)
        elif item.root.stored:
            self.waiting[self._result_level(item)].append(item)

    def _store(self, item: Item) -> None:
        root = item.root
        number = self._buffer(root, output=True)
        if root.inside is None:
            self.b.store(number, self.axes.position(0, item.position), self._value(root))
            self.written.add(root)
            return
        at = self.axes.position(root.inside.offset, item.place)
        if item.target is None:
            self.b.store(number, at, self._value(root))
            return
        values = [self._operand(o, r) for o, r in zip(item.operands, item.reads, strict=True)]
        value = self._typed(item.body(self.b, values), root)
        terms, mask = item.target(self.b, values)
        self.b.update(number, at, value, item.combiner, terms, mask)

    def _value(self, root: Root) -> int:
        """The value of a root made in this group, in the open stage."""
        found = self.values.get(root)
        if found is not None:
            return found
        item = self.group.made[root]
        earlier = self.stage_of[root] < self.now and self._level_of(item).in_inner
        if earlier and root in self.written and self._reads_back(root) and self._work(root) > AT_HAND:
            value = self.b.load(self.buffer_of[root], self.axes.position(0, item.position))
        elif earlier and root in self.local_of:
            value = self.b.get(self.local_of[root])
        else:
            values = [self._operand(o, r) for o, r in zip(item.operands, item.reads, strict=True)]
            value = self._typed(item.body(self.b, values), root)
            if item.scan:
                value = self.b.scan(item.combiner, value)
        self.values[root] = value
        if not self._level_of(item).in_inner:
            self.lasting.add(root)
        return value

    def _typed(self, value: int, root: Root) -> int:
        return self.b.cast(value, value_type(root.dtype))

    def _operand(self, operand: Operand, strides: tuple[int, ...]) -> int:
        b = self.b
        if isinstance(operand, Ref):
            if operand.root.generator is not None:
                return self._generate(operand, strides)
            if operand.root in self.group.made:
                return self._value(operand.root)
            number = self._buffer(operand.root, output=False)
            return b.load(number, self.axes.position(operand.offset, strides))
        if isinstance(operand, Table):
            number = self._buffer(operand.ref.root, output=False)
            return b.table(number, self.axes.position(operand.ref.offset, strides))
        if isinstance(operand, Scalar):
            slot = self.slot_of.get(operand)
            if slot is None:
                slot = self.slot_of[operand] = b.param_slot(operand.kind)
                self.scalars.append(operand.slot)
            return b.param(slot)
        if isinstance(operand, Counter):
            return self._counter(strides, operand.dtype)
        kind = "bool" if isinstance(operand, bool) else "i64" if isinstance(operand, int) else "f64"
        return b.const(operand, kind)

    def _generate(self, ref: Ref, strides: tuple[int, ...]) -> int:
        """The value of a generator where a ref looks: its only position is the linear one."""
        item = ref.root.generator
        assert item is not None
        values = []
        for operand in item.operands:
            if isinstance(operand, Counter):
                at = self._counter(strides, operand.dtype)
                values.append(self.b.apply("add", at, self.b.size(ref.offset, operand.dtype)))
            else:
                values.append(self._operand(operand, ()))
        return self._typed(item.body(self.b, values), ref.root)

    def _counter(self, strides: tuple[int, ...], dtype: str) -> int:
        b, total = self.b, None
        for number, axis in enumerate(self.axes.grid + self.axes.inner):
            if strides[axis]:
                term = b.index(number, dtype)
                if strides[axis] != 1:
                    term = b.apply("mul", term, b.size(strides[axis], dtype))
                total = term if total is None else b.apply("add", total, term)
        return b.const(0, dtype) if total is None else total

    def _buffer(self, root: Root, *, output: bool) -> int:
        number = self.buffer_of.get(root)
        if number is None:
            home = root if root.inside is None else root.inside.root
            number = self.buffer_of[root] = self.b.buffer(home.dtype, home.size, output=output)
            self.buffers.append(home)
        return number
