"""The executable specification of the kernel IR: every pass that makes a kernel is followed by `verify`.

Refuses: a value read before or outside where it lives, a wrong type, an access that can leave its buffer, two grid
points that write one element, and reading back an output anywhere but where the same point wrote it.
"""

from __future__ import annotations

from lamella.compiler._kernel._ir import (
    BINARY_BITS,
    BINARY_FLOAT,
    BINARY_INT,
    BINARY_SAME,
    BITS,
    COMBINERS,
    COMPARE,
    FLOATS,
    INTS,
    OPERATIONS,
    PAIRED,
    PARTIAL,
    ROUND,
    SCANS,
    STORAGE_TYPES,
    UNARY_FLOAT,
    UNARY_SAME,
    UPDATES,
    VALUE_TYPES,
    WORDS,
    Apply,
    Check,
    Const,
    Get,
    Index,
    Instr,
    Kernel,
    Level,
    Load,
    Param,
    Position,
    Put,
    Reduce,
    Scan,
    Size,
    Stage,
    Store,
    Update,
    defined,
    used,
    value_type,
)
from lamella.compiler._kernel._text import instr_text


class KernelError(ValueError):
    """A kernel breaks a rule of the IR; the message names the instruction."""


def result_type(op: str, args: tuple[str, ...]) -> str | None:
    """The type `op` gives on operands of these types, or None where it has none (a cast chooses its own)."""
    if op in UNARY_FLOAT:
        return args[0] if len(args) == 1 and args[0] in FLOATS else None
    if op in UNARY_SAME:
        return args[0] if len(args) == 1 and args[0] != "bool" else None
    if op in BINARY_SAME:
        if len(args) != 2 or args[0] != args[1] or args[0] == "bool":
            return None
        if op == "div" and args[0] not in FLOATS:
            return None
        return args[0]
    if op in BINARY_FLOAT | BINARY_INT | WORDS:
        allowed = FLOATS if op in BINARY_FLOAT else INTS if op in BINARY_INT else {"u64"}
        return args[0] if len(args) == 2 and args[0] == args[1] and args[0] in allowed else None
    if op in BITS:
        return BITS[op].get(args[0]) if len(args) == 1 else None
    if op in BINARY_BITS:
        return args[0] if len(args) == 2 and args[0] == args[1] and args[0] in INTS | {"bool"} else None
    if op in COMPARE:
        return "bool" if len(args) == 2 and args[0] == args[1] else None
    if op == "select":
        return args[1] if len(args) == 3 and args[0] == "bool" and args[1] == args[2] else None
    if op == "not":
        return args[0] if len(args) == 1 and args[0] in INTS | {"bool"} else None
    if op in ROUND:
        return "f32" if args == ("f32",) else None
    if op == "isnan":
        return "bool" if len(args) == 1 and args[0] in FLOATS else None
    return None


def verify(kernel: Kernel) -> None:
    """Raise KernelError if `kernel` breaks a rule."""
    _Verifier(kernel).run()


class _Verifier:
    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.home: dict[int, tuple[int, Level]] = {}  # value -> (stage number, level it lives at)
        self.stored: dict[int, tuple[Level, Position]] = {}
        self.put: set[int] = set()
        self.total_inner: set[int] = set()  # reduced over the grid in a looping stage: lives once per inner point
        self.inner_results: set[tuple[str, tuple[int, ...]]] = set()  # what reductions over the inner axes gave

    def run(self) -> None:
        kernel = self.kernel
        names = [axis.name for axis in kernel.axes]
        if len(set(names)) != len(names):
            raise KernelError(f"axis names repeat: {names}")
        if any(axis.extent < 0 for axis in kernel.axes):
            raise KernelError("an axis has a negative extent")
        for number, buffer in enumerate(kernel.buffers):
            if buffer.dtype not in STORAGE_TYPES:
                raise KernelError(f"b{number} has unknown type {buffer.dtype!r}")
        for dtype in (*kernel.params, *kernel.locals):
            if dtype not in VALUE_TYPES:
                raise KernelError(f"unknown value type {dtype!r}")
        seen_total = False
        for number, stage in enumerate(kernel.stages):
            if stage.level.in_grid and seen_total:
                raise KernelError("a grid stage follows a total stage")
            seen_total = seen_total or not stage.level.in_grid
            for instr in stage.body:
                self._instruction(number, stage, instr)
        unwritten = [n for n, b in enumerate(kernel.buffers) if b.output and n not in self.stored]
        if unwritten:
            raise KernelError(f"output b{unwritten[0]} is never written")

    def _fail(self, instr: Instr, why: str) -> KernelError:
        return KernelError(f"{why}: {instr_text(self.kernel, instr)}")

    def _instruction(self, number: int, stage: Stage, instr: Instr) -> None:
        for value in used(instr):
            self._visible(number, stage, instr, value)
        match instr:
            case Load() | Store() | Update():
                self._access(stage, instr)
            case Get(local=local):
                if local not in self.put:
                    raise self._fail(instr, "local is read before it is written")
                if stage.level is not Level.INNER:
                    raise self._fail(instr, "row-local buffers live in inner stages")
            case Put(local=local):
                if not 0 <= local < len(self.kernel.locals):
                    raise self._fail(instr, "no such local")
                if stage.level is not Level.INNER:
                    raise self._fail(instr, "row-local buffers live in inner stages")
                self.put.add(local)
            case Index(axis=axis):
                if not self._axis_live(stage, axis):
                    raise self._fail(instr, "this stage does not loop over that axis")
            case Reduce():
                self._reduce(stage, instr)
            case Scan():
                self._scan(stage, instr)
        self._type(instr)
        for value in defined(instr):
            if value in self.home:
                raise self._fail(instr, f"%{value} is assigned twice")
            self.home[value] = (number, self._level(stage, instr))

    def _level(self, stage: Stage, instr: Instr) -> Level:
        if not isinstance(instr, Reduce):
            return stage.level
        in_grid, in_inner = stage.level.value
        return Level((in_grid, False)) if instr.over == "inner" else Level((False, in_inner))

    def _visible(self, number: int, stage: Stage, instr: Instr, value: int) -> None:
        if value not in self.home:
            raise self._fail(instr, f"%{value} is read before it is assigned")
        home, level = self.home[value]
        if level.in_grid != stage.level.in_grid:
            raise self._fail(instr, f"%{value} does not live across the end of the grid")
        if level.in_inner and value in self.total_inner:
            if stage.level is not Level.TOTAL_INNER:
                raise self._fail(instr, f"%{value} lives once per inner point")
        elif level.in_inner and home != number:
            raise self._fail(instr, f"%{value} lives in one stage only; use a local")
        elif level != stage.level and home == number:
            raise self._fail(instr, f"%{value} is complete only after its stage")

    def _reduce(self, stage: Stage, instr: Reduce) -> None:
        carried = COMBINERS.get(instr.combiner)
        rows = instr.combiner in PARTIAL and instr.over == "grid" and stage.level is Level.ROW and self._of_rows(instr)
        given = carried if instr.combiner in PAIRED or rows else 1
        if carried is None or len(instr.args) != given or len(instr.outs) != carried:
            raise self._fail(instr, "wrong combiner or number of values")
        if instr.over == "inner":
            if not stage.level.in_inner:
                raise self._fail(instr, "this stage does not loop over the inner axes")
            self.inner_results.add((instr.combiner, instr.outs))
        elif instr.over == "grid":
            if not stage.level.in_grid:
                raise self._fail(instr, "this stage does not loop over the grid")
            if stage.level.in_inner:
                self.total_inner.update(instr.outs)
                if instr.combiner in PAIRED:
                    raise self._fail(instr, "values with positions are reduced over the grid only in row stages")
        else:
            raise self._fail(instr, "reductions go over 'inner' or 'grid'")
        types = self.kernel.types
        boolean = instr.combiner in ("any", "all")
        if boolean != (types[instr.args[0]] == "bool"):
            raise self._fail(instr, "any and all combine bools, the others numbers")
        if instr.combiner in PARTIAL and types[instr.args[0]] not in FLOATS:
            raise self._fail(instr, "means and sums of powers are those of floats")
        for k, out in enumerate(instr.outs):
            if types[out] != types[instr.args[min(k, len(instr.args) - 1)]]:
                raise self._fail(instr, "a reduction keeps its type")
        if instr.combiner in PAIRED and types[instr.args[1]] != "i64":
            raise self._fail(instr, "the second value is an i64 index")

    def _of_rows(self, instr: Reduce) -> bool:
        """Whether the arguments are what the same combiner gave over the inner axes, in its order."""
        return (instr.combiner, instr.args) in self.inner_results

    def _scan(self, stage: Stage, instr: Scan) -> None:
        if instr.combiner not in SCANS:
            raise self._fail(instr, "unknown combiner")
        if stage.level is not Level.INNER:
            raise self._fail(instr, "scans live in inner stages")
        kind = self.kernel.types[instr.arg]
        if self.kernel.types[instr.out] != kind or (kind == "bool") != (instr.combiner in ("any", "all")):
            raise self._fail(instr, "a scan keeps its type; any and all combine bools, the others numbers")

    def _axis_live(self, stage: Stage, axis: int) -> bool:
        in_grid = 0 <= axis < len(self.kernel.grid)
        in_inner = len(self.kernel.grid) <= axis < len(self.kernel.axes)
        return (in_grid and stage.level.in_grid) or (in_inner and stage.level.in_inner)

    def _access(self, stage: Stage, instr: Load | Store | Update) -> None:
        kernel = self.kernel
        if not 0 <= instr.buffer < len(kernel.buffers):
            raise self._fail(instr, "no such buffer")
        buffer, position = kernel.buffers[instr.buffer], instr.position
        if len(position.strides) != len(kernel.axes):
            raise self._fail(instr, "one stride per axis is needed")
        for axis, stride in enumerate(position.strides):
            if stride and not self._axis_live(stage, axis):
                raise self._fail(instr, f"this stage does not loop over {kernel.axes[axis].name}")
        for value, _ in position.indirect:
            if kernel.types[value] != "i64":
                raise self._fail(instr, "an indirect index is an i64")
        if instr.mask is not None and kernel.types[instr.mask] != "bool":
            raise self._fail(instr, "a mask is a bool")
        free = instr.mask is not None or bool(position.indirect)
        if not free and all(axis.extent for axis in kernel.axes):
            terms = [s * (a.extent - 1) for s, a in zip(position.strides, kernel.axes, strict=True)]
            low = position.offset + sum(t for t in terms if t < 0)
            high = position.offset + sum(t for t in terms if t > 0)
            if low < 0 or high >= buffer.size:
                raise self._fail(instr, f"reaches {low}..{high} of {buffer.size} elements")
        if isinstance(instr, Store):
            self._store(stage, instr)
        elif isinstance(instr, Update):
            self._update(stage, instr)
        elif buffer.output and self.stored.get(instr.buffer) != (stage.level, position):
            raise self._fail(instr, "an output is read back only where the same point wrote it")

    def _store(self, stage: Stage, instr: Store) -> None:
        buffer = self.kernel.buffers[instr.buffer]
        if not buffer.output:
            raise self._fail(instr, "not an output")
        if instr.buffer in self.stored:
            raise self._fail(instr, "an output is written once")
        if instr.position.indirect:
            raise self._fail(instr, "stores are affine: two points could write one element")
        empty = any(axis.extent == 0 for axis in self.kernel.axes)
        for axis, stride in enumerate(instr.position.strides):
            if not stride and not empty and self._axis_live(stage, axis) and self.kernel.axes[axis].extent > 1:
                raise self._fail(instr, f"all points along {self.kernel.axes[axis].name} write one element")
        self.stored[instr.buffer] = (stage.level, instr.position)

    def _update(self, stage: Stage, instr: Update) -> None:
        position, axes = instr.position, self.kernel.axes
        if not self.kernel.buffers[instr.buffer].output:
            raise self._fail(instr, "not an output")
        if instr.combiner not in UPDATES or len(instr.extents) != len(position.indirect):
            raise self._fail(instr, "unknown combiner, or an index without an extent")
        if not stage.level.in_grid or instr.buffer in self.stored:
            raise self._fail(instr, "updates run at grid points, and nothing else writes their output")
        steps = [(abs(s), a.extent) for s, a in zip(position.strides, axes, strict=True) if a.extent > 1]
        if 0 in [s for s, _ in steps[: sum(a.extent > 1 for a in self.kernel.grid)]]:
            raise self._fail(instr, "all points along a grid axis update one element")
        steps += [(abs(s), n) for (_, s), n in zip(position.indirect, instr.extents, strict=True) if n > 1]
        reach = 0
        for stride, extent in sorted(step for step in steps if step[0]):
            if stride <= reach:
                raise self._fail(instr, "two grid points may update one element")
            reach += stride * (extent - 1)
        self.stored[instr.buffer] = (stage.level, position)

    def _type(self, instr: Instr) -> None:
        kernel, types = self.kernel, self.kernel.types
        for value in defined(instr):
            if types.get(value) not in VALUE_TYPES:
                raise self._fail(instr, f"%{value} has no known type")
        match instr:
            case Const(out=out, value=literal):
                kind = bool if types[out] == "bool" else float if types[out] in FLOATS else int
                right = type(literal) is kind
            case Size(out=out, value=literal):
                right = types[out] == "i64" or (types[out] == "i32" and abs(literal) < 2**31)
            case Param(out=out, slot=slot):
                right = 0 <= slot < len(kernel.params) and types[out] == kernel.params[slot]
            case Index(out=out, axis=axis):
                right = types[out] == "i64" or (types[out] == "i32" and kernel.axes[axis].extent < 2**31)
            case Load(out=out, buffer=buffer):
                right = types[out] == value_type(kernel.buffers[buffer].dtype)
            case Store(buffer=buffer, value=value) | Update(buffer=buffer, value=value):
                right = types[value] == value_type(kernel.buffers[buffer].dtype)
            case Get(out=out, local=local):
                right = types[out] == kernel.locals[local]
            case Put(local=local, value=value):
                right = types[value] == kernel.locals[local]
            case Check(condition=condition):
                right = types[condition] == "bool"
            case Apply(out=out, op=op, args=args):
                if op not in OPERATIONS:
                    raise self._fail(instr, f"unknown operation {op!r}")
                if op == "cast":
                    right = len(args) == 1
                else:
                    right = types[out] == result_type(op, tuple(types[a] for a in args))
            case _:
                right = True
        if not right:
            raise self._fail(instr, "operand or result type does not fit")
