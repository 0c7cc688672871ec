"""Prints one kernel as Triton functions: `NAME`, and `NAME_total` where something is reduced over the grid.

Here are programs and loops; `_body` prints statements, `_reduce` the texts of reductions, `_values` operations. The
text holds all sizes but the open ones, so with its arguments it is the key of its compiled form; the functions it calls
come before it, from `_library`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lamella.compiler._kernel import Check, Get, Kernel, Level, Put, Reduce, Stage, Store, Update
from lamella.compiler._kernel._ir import PARTIAL, defined
from lamella.compiler._triton._body import Body, Scope, narrowed, widened
from lamella.compiler._triton._library import closure
from lamella.compiler._triton._open import is_open, product, several
from lamella.compiler._triton._reduce import carried, combine, finished, fold, identities, of_points
from lamella.compiler._triton._schedule import Part, power_above, schedule
from lamella.compiler._triton._values import COL, POINTERS, ROW, TYPES, Val

PARTIAL_ROWS = 32  # partial results that a total brings together in one step

HEAD = """import triton
import triton.language as tl
from triton.language.extra import libdevice
"""
_LIBRARY_CALL = re.compile(r"\blm_\w+")


@dataclass(frozen=True, slots=True)
class Function:
    """What is compiled: `arguments` are (name, Triton type) of buffers b3, scalars q1, partials p0, status, sizes."""

    name: str
    text: str
    arguments: tuple[tuple[str, str], ...]
    num_warps: int


@dataclass(frozen=True, slots=True)
class Launch:
    """One start of a function: how many programs, and the open sizes by name."""

    function: Function
    programs: int
    sizes: Mapping[str, int | float]


@dataclass(frozen=True, slots=True)
class Partial:
    """Scratch memory that hands results from the first function to the second."""

    dtype: str
    size: int


@dataclass(frozen=True, slots=True)
class Printed:
    """A printed kernel; function names start with "$KERNEL"."""

    launches: tuple[Launch, ...]
    partials: tuple[Partial, ...]

    @property
    def functions(self) -> tuple[Function, ...]:
        """What is launched."""
        return tuple([launch.function for launch in self.launches])

    @property
    def text(self) -> str:
        """All functions, without what they call."""
        return "\n\n".join(f.text for f in self.functions)


def module_text(texts: Iterable[str]) -> str:
    """A whole Python module of printed functions: imports, library functions, then these."""
    texts = list(texts)
    used = {name for text in texts for name in _LIBRARY_CALL.findall(text)}
    return "\n\n".join([HEAD, *closure(used), *texts])


def print_kernel(kernel: Kernel) -> Printed:
    """Triton text of a kernel under its schedule."""
    plan = schedule(kernel)
    partials = _Partials(kernel, plan.main)
    launches = [_Main(kernel, plan.main, partials).run()]
    if plan.total is not None:
        launches.append(_Total(kernel, plan.total, partials).run())
    return Printed(tuple(launches), tuple(partials.made))


class _Partials:
    """The partial results of a kernel: one for each value reduced over the grid and each chunk of it."""

    def __init__(self, kernel: Kernel, main: Part) -> None:
        self.made: list[Partial] = []
        self.number: dict[str, int] = {}  # by what their names end with
        self.row: dict[str, int] = {}  # elements of one partial result
        self.kept: set[int] = set()  # values with a partial result for each inner point
        self.chunks = main.chunks
        self.reduces: list[Reduce] = []
        points = product(axis.extent for axis in kernel.inner)
        for stage, instr in kernel.instructions():
            if isinstance(instr, Reduce) and instr.over == "grid":
                self.reduces.append(instr)
                keeps = stage.level is Level.INNER and bool(kernel.inner)
                self.kept.update(instr.outs if keeps else ())
                for key, dtype in carried(instr, kernel.types):
                    self.number[key] = len(self.made)
                    self.row[key] = points if keeps else 1
                    self.made.append(Partial(dtype, int(self.chunks) * int(self.row[key])))

    def keeps_row(self, reduce: Reduce) -> bool:
        """Whether a partial result has an element for each inner point."""
        return reduce.outs[0] in self.kept


class _Printer(Body):
    """What both functions of a kernel share."""

    suffix = ""

    def __init__(self, kernel: Kernel, part: Part, partials: _Partials, *, total: bool) -> None:
        super().__init__(kernel, part, total=total)
        self.partials = partials
        levels = {stage.level for stage in kernel.stages}
        self.stages = [stage for stage in kernel.stages if stage.level.in_grid is not total]
        tile_levels = (Level.INNER, Level.TOTAL_INNER)
        # without inner axes columns are grid axes, so what lives at a grid point lives at each element of a tile
        self.tile_levels = tile_levels if kernel.inner or self.flat else tuple(levels)

    def bits(self, stage: Stage) -> int:
        """What a stage runs over: elements of the tile, or its rows."""
        if self.flat:
            return ROW
        return ROW | COL if stage.level in self.tile_levels else ROW

    def partial(self, key: str, dtype: str) -> str:
        """The argument that points to partial results of a value, by what its names end with."""
        return self.argument(f"p{self.partials.number[key]}", POINTERS[dtype])

    def names(self, reduce: Reduce, prefix: str) -> list[str]:
        """Names of all that a reduction carries."""
        return [f"{prefix}{key}" for key, _ in carried(reduce, self.types)]

    def function(self) -> Launch:
        """What has been printed."""
        name = f"$KERNEL{self.suffix}"
        head = ["@triton.jit", f"def {name}({', '.join(self.arguments)}):", *self._document()]
        text = "\n".join(head + self.lines) + "\n"
        function = Function(name, text, tuple(self.arguments.items()), self.part.num_warps)
        return Launch(function, int(self.part.programs), self.sizes)

    def _document(self) -> list[str]:
        kernel, part = self.kernel, self.part
        what = " ".join(kernel.source) or "kernel"
        axes = ", ".join(f"{a.name}{'' if is_open(a.extent) else f'={a.extent}'}" for a in kernel.axes) or "no axes"
        programs = "programs" if is_open(part.programs) else f"{part.programs} programs"
        tile = f"{part.row_tile} rows" if self.flat else f"{part.row_tile} x {part.col_tile}"
        lines = [f'    """{what}{": totals of its partial results" if self.total else ""}', ""]
        lines.append(f"    Axes {axes}; {programs} of {part.num_warps} warps, tiles of {tile}.")
        for name in self.arguments:
            if name not in self.sizes and name.startswith("b"):
                buffer = kernel.buffers[int(name[1:])]
                size = "..." if is_open(buffer.size) else buffer.size
                lines.append(f"    {name}: {buffer.dtype}[{size}], {'written' if buffer.output else 'read'}")
        if self.sizes:
            lines.append(f"    {', '.join(self.sizes)}: from sizes")
        return [*lines, '    """']

    def straight(self, scope: Scope, stage: Stage, only: str | None) -> None:
        """A stage without a loop: all its values, stores, checks and reductions where they stand."""
        for instr in stage.body:
            match instr:
                case Store():
                    self.store(scope, instr, self.bits(stage), only)
                case Update():
                    self.update(scope, instr, self.bits(stage))
                case Check():
                    self.check(scope, instr, self.bits(stage))
                case Reduce():
                    self.reduce(scope, stage, instr)
                case Put() | Get():
                    pass  # a value put aside is made again, or still at hand, where it is asked for
                case _ if self.bits(stage) == ROW:
                    for value in defined(instr):
                        self.value(scope, value)
                case _:
                    pass

    def gather(self, scope: Scope, reduce: Reduce, bits: int, prefix: str) -> list[str]:
        """Names of a reduction's operands as whole tiles."""
        texts = [
            self.full(scope, arg, bits, identity)
            for arg, identity in zip(reduce.args, identities(reduce, self.types), strict=False)
        ]
        names = self.names(reduce, prefix)
        if reduce.combiner not in PARTIAL:
            return [self._gathered(scope, text, name) for text, name in zip(texts, names, strict=True)]
        given = [self._gathered(scope, text, f"y{out}") for text, out in zip(texts, reduce.outs, strict=False)]
        known = reduce.combiner == "softmax" and len(given) > 1
        texts = of_points(reduce, given, "" if known else self._number(scope, reduce, bits), names[0])
        pairs = zip(texts, names, strict=True)
        return [t if t.isidentifier() else self.named(scope, ("carried", n), t, n) for t, n in pairs]

    def _number(self, scope: Scope, reduce: Reduce, bits: int) -> str:
        """How many numbers there are at each point of a tile: one or none, or those of a row."""
        kind, each = TYPES[self.types[reduce.outs[0]]], "1.0"
        if len(reduce.args) > 1:
            points = product(axis.extent for axis in self.kernel.inner)
            each = f"{self.number(points)}.to(tl.{kind})" if is_open(points) else f"{int(points)}.0"
        mask, number = self.mask(scope, bits), f"tl.full({self.shape(bits)}, {each}, tl.{kind})"
        text = number if mask is None else f"tl.where({mask}, {number}, 0.0)"
        return self.named(scope, ("number", text), text, f"number{reduce.outs[0]}")

    def _gathered(self, scope: Scope, text: str, name: str) -> str:
        return text if text.isidentifier() else self.named(scope, ("full", text), text, name)

    def accumulators(self, scope: Scope, reduce: Reduce, bits: int) -> list[str]:
        """Declare the accumulators of a reduction."""
        names, start = self.names(reduce, "a"), identities(reduce, self.types)
        for name, (_, dtype), identity in zip(names, carried(reduce, self.types), start, strict=True):
            self.line(scope, f"{name} = tl.full({self.shape(bits)}, {identity}, tl.{TYPES[dtype]})")
        return names

    def across(self, scope: Scope, reduce: Reduce, names: list[str]) -> None:
        """Fold tiles along their columns into values of rows."""
        outs = self.names(reduce, "v")
        self.line(scope, fold(reduce, names, outs, 1, self.types))
        self._known(scope, reduce, outs)

    def _known(self, scope: Scope, reduce: Reduce, names: list[str]) -> None:
        for text in finished(reduce, names):
            self.line(scope, text)
        for out, name in zip(reduce.outs, names, strict=False):
            scope.env[out] = Val(name, ROW)

    def loop_over_columns(self, scope: Scope, stage: Stage, only: str | None) -> None:
        """A stage over a row that takes several tiles."""
        reduces = [i for i in stage.body if isinstance(i, Reduce) and i.over == "inner"]
        names = {r.outs[0]: self.accumulators(scope, r, ROW | COL) for r in reduces}
        self.start_scans(scope, stage)
        self.line(scope, f"for c0 in range(0, {self.number(self.part.col_count, 'cols')}, {self.part.col_tile}):")
        inside = scope.child()
        self.open_columns(inside, "c0")
        for instr in stage.body:
            match instr:
                case Store():
                    self.store(inside, instr, ROW | COL, only)
                case Update():
                    self.update(inside, instr, ROW | COL)
                case Check():
                    self.check(inside, instr, ROW | COL)
                case Reduce(over="inner"):
                    for text in combine(instr, names[instr.outs[0]], self.gather(inside, instr, ROW | COL, "x")):
                        self.line(inside, text)
                case Reduce():
                    self.reduce(inside, stage, instr)
                case _:
                    pass
        for reduce in reduces:
            self.across(scope, reduce, names[reduce.outs[0]])

    def reduce(self, scope: Scope, stage: Stage, reduce: Reduce) -> None:
        """A reduction met in a stage."""
        if reduce.over == "inner" and reduce.combiner == "welford":  # a whole row: sums do
            x = self._gathered(scope, self.full(scope, reduce.args[0], ROW | COL, "0.0"), f"x{reduce.outs[0]}")
            mean, squares = (f"v{out}" for out in reduce.outs)
            number = self._number(scope, reduce, ROW | COL)
            self.line(scope, f"{mean}, {squares} = lm_moments_of({x}, {number}, 1)")
            scope.env.update({out: Val(f"v{out}", ROW) for out in reduce.outs})
        elif reduce.over == "inner":
            self.across(scope, reduce, self.gather(scope, reduce, ROW | COL, "x"))
        else:
            self.grid_reduce(scope, stage, reduce)

    def grid_reduce(self, scope: Scope, stage: Stage, reduce: Reduce) -> None:
        """A reduction over the grid met in a stage."""
        raise AssertionError("only stages over the grid reduce it")


class _Main(_Printer):
    """The function over the grid."""

    def __init__(self, kernel: Kernel, part: Part, partials: _Partials) -> None:
        super().__init__(kernel, part, partials, total=False)
        self.home = {r.outs[0]: stage for stage, r in kernel.instructions() if isinstance(r, Reduce)}
        self.tiles: dict[int, list[str]] = {}  # what the tiles of a program came to, by the first value

    def run(self) -> Launch:
        part, top = self.part, Scope(1)
        self.line(top, "pid = tl.program_id(0)")
        chunk = "pid"
        if several(part.col_blocks):
            blocks = self.number(part.col_blocks, "blocks")
            self.line(top, f"chunk = pid // {blocks}")
            self.line(top, f"block = pid % {blocks}")
            chunk = "chunk"
        if part.cols and not part.loops_over_columns:
            self.open_columns(top, f"block * {part.col_tile}" if several(part.col_blocks) else "0")
        inside = top
        if several(part.row_steps):
            steps = self.number(part.row_steps, "steps")
            for reduce in self.partials.reduces:
                if not self._in_memory(reduce):
                    self.tiles[reduce.outs[0]] = self.accumulators(top, reduce, self.bits(self._home(reduce)))
            self.line(top, f"for step in range({steps}):")
            inside = top.child()
            first = f"({chunk} * {steps} + step)" + f" * {part.row_tile}" * (part.row_tile > 1)
        else:
            first = f"{chunk} * {part.row_tile}" if part.row_tile > 1 else chunk
        self.open_rows(inside, first)
        self._stages(inside)
        for reduce in self.partials.reduces:
            if not self._in_memory(reduce):
                self._leave(top, reduce, chunk)
        return self.function()

    def _stages(self, scope: Scope) -> None:
        first_block = "block == 0" if several(self.part.col_blocks) else None
        for stage in self.stages:
            tile = self.bits(stage) == ROW | COL
            self.line(scope, f"# {'every element' if tile or self.flat else 'every row'}")
            if tile and self.part.loops_over_columns:
                self.loop_over_columns(scope, stage, None)
            else:
                self.straight(scope, stage, None if tile else first_block)
        if several(self.part.row_steps) and any(map(self._in_memory, self.partials.reduces)):
            self.line(scope, "tl.debug_barrier()  # the next row adds to what other threads of this program stored")

    def _home(self, reduce: Reduce) -> Stage:
        return self.home[reduce.outs[0]]

    def _in_memory(self, reduce: Reduce) -> bool:
        """Whether partial results are too long for registers: a program then adds to its own row of them."""
        return self.part.loops_over_columns and self.partials.keeps_row(reduce)

    def grid_reduce(self, scope: Scope, stage: Stage, reduce: Reduce) -> None:
        names = self.gather(scope, reduce, self.bits(stage), "x")
        if self._in_memory(reduce):
            self._add_to_memory(scope, reduce, names)
        elif several(self.part.row_steps):
            for text in combine(reduce, self.tiles[reduce.outs[0]], names):
                self.line(scope, text)
        else:
            self.tiles[reduce.outs[0]] = names

    def _add_to_memory(self, scope: Scope, reduce: Reduce, names: list[str]) -> None:
        values = carried(reduce, self.types)
        if self.part.row_tile > 1:
            results = self.names(reduce, "s")
            self.line(scope, fold(reduce, names, results, 0, self.types))
            names = results
        mask = self.mask(scope, COL)
        where = [
            f"{self.partial(key, dtype)} + pid * {self.number(self.partials.row[key])} + c" for key, dtype in values
        ]
        if several(self.part.row_steps):
            guard = f"(step > 0) & {mask}" if mask else "step > 0"
            kept = self.names(reduce, "a")
            for name, place, (_, dtype) in zip(kept, where, values, strict=True):
                self.line(scope, f"{name} = {widened(f'tl.load({place}, mask={guard}, other=0)', dtype)}")
            for name, start in zip(kept, identities(reduce, self.types), strict=True):
                self.line(scope, f"{name} = tl.where(step > 0, {name}, {start})")
            for text in combine(reduce, kept, names):
                self.line(scope, text)
            names = kept
        for name, place, (_, dtype) in zip(names, where, values, strict=True):
            self.line(scope, f"tl.store({place}, {narrowed(name, dtype)}{f', mask={mask}' if mask else ''})")

    def _leave(self, scope: Scope, reduce: Reduce, chunk: str) -> None:
        """Fold what the tiles of this program came to and store it as its partial result."""
        names = self.tiles[reduce.outs[0]]
        bits = self.bits(self._home(reduce))
        results = self.names(reduce, "g")
        keeps = self.partials.keeps_row(reduce)
        if bits == ROW | COL and not keeps:
            folded = self.names(reduce, "x")
            self.line(scope, fold(reduce, names, folded, 1, self.types))
            names = folded
        self.line(scope, fold(reduce, names, results, 0, self.types))
        for (key, dtype), name in zip(carried(reduce, self.types), results, strict=True):
            place = (
                f"{chunk} * {self.number(self.partials.row[key])} + c"
                if keeps
                else f"{chunk} + tl.zeros({self.shape(0)}, tl.int32)"
            )
            mask = self.mask(scope, COL) if keeps else None
            value = narrowed(name, dtype)
            self.line(
                scope, f"tl.store({self.partial(key, dtype)} + {place}, {value}{f', mask={mask}' if mask else ''})"
            )


class _Total(_Printer):
    """The function of totals: it combines the partial results of all chunks in order and runs the total stages."""

    suffix = "_total"

    def __init__(self, kernel: Kernel, part: Part, partials: _Partials) -> None:
        super().__init__(kernel, part, partials, total=True)
        self.reduce_of = {out: r for r in partials.reduces for out in r.outs}

    def run(self) -> Launch:
        part, top = self.part, Scope(1)
        if several(part.col_blocks):
            self.line(top, "block = tl.program_id(0)")
        self.open_rows(top, "0")
        if part.cols and not part.loops_over_columns:
            self.open_columns(top, f"block * {part.col_tile}" if several(part.col_blocks) else "0")
        for stage in self.stages:
            tile = self.bits(stage) == ROW | COL
            self.line(top, f"# {'every element of the row' if tile else 'once'}")
            if tile and part.loops_over_columns:
                self.loop_over_columns(top, stage, None)
            else:
                self.straight(top, stage, None if tile or not several(part.col_blocks) else "block == 0")
        return self.function()

    def total_value(self, scope: Scope, reduce: Reduce, number: int) -> Val:
        """Bring the partial results of all chunks together."""
        if reduce.over != "grid":
            return super().total_value(scope, reduce, number)
        keeps = self.partials.keeps_row(reduce)
        for out, val in zip(reduce.outs, self._collect(scope, reduce, keeps), strict=False):
            scope.env[out] = val
        return scope.env[number]

    def _collect(self, scope: Scope, reduce: Reduce, keeps: bool) -> list[Val]:
        chunks, results = self.partials.chunks, self.names(reduce, "v")
        tile = min(PARTIAL_ROWS if keeps else 1024, power_above(chunks))
        names = self.names(reduce, "a")
        if several(chunks, tile):
            shape = f"[{tile}, {self.part.col_tile}]" if keeps else self._line_shape(tile)
            values = zip(names, carried(reduce, self.types), identities(reduce, self.types), strict=True)
            for name, (_, dtype), identity in values:
                self.line(scope, f"{name} = tl.full({shape}, {identity}, tl.{TYPES[dtype]})")
            self.line(scope, f"for k0 in range(0, {self.number(chunks, 'chunks')}, {tile}):")
            inside = scope.child()
            for text in combine(reduce, names, self._read(inside, reduce, keeps, tile, "k0 + ")):
                self.line(inside, text)
        else:
            names = self._read(scope, reduce, keeps, tile, "")
        axis = 0 if keeps or self.flat else 1
        self.line(scope, fold(reduce, names, results, axis, self.types))
        for text in finished(reduce, results):
            self.line(scope, text)
        return [Val(name, COL if keeps else 0) for name in results]

    def _line_shape(self, tile: int) -> str:
        return f"[{tile}]" if self.flat else f"[1, {tile}]"

    def _read(self, scope: Scope, reduce: Reduce, keeps: bool, tile: int, start: str) -> list[str]:
        """Tiles of partial results, chunks along the axis that is folded."""
        side = "[:, None]" if keeps else "" if self.flat else "[None, :]"
        at, lanes = f"k{reduce.outs[0]}", f"tl.arange(0, {tile})"
        self.line(scope, f"{at} = ({start}{lanes}){side}" if side else f"{at} = {start}{lanes}")
        names = []
        values = zip(carried(reduce, self.types), identities(reduce, self.types), strict=True)
        for (key, dtype), identity in values:
            chunks = self.partials.chunks
            ragged = is_open(chunks) or chunks % tile != 0 or chunks == 0
            masks = [f"({at} < {self.number(chunks, 'chunks')})"] if ragged else []
            masks += [m for m in [self.mask(scope, COL)] if m and keeps]
            row = f"{at} * {self.number(self.partials.row[key])} + c" if keeps else at
            where = f"{self.partial(key, dtype)} + {row}"
            mask = " & ".join(masks)
            text = widened(f"tl.load({where}{f', mask={mask}, other=0' if mask else ''})", dtype)
            self.line(scope, f"x{key} = {text}")
            if mask:
                self.line(scope, f"x{key} = tl.where({mask}, x{key}, {identity})")
            names.append(f"x{key}")
        return names
