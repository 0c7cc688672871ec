"""Prints one scheduled kernel as C functions: `NAME(call, chunk)` and, where the grid is reduced, `NAME_total(call)`.

Here are the loops; `_memory` prints accesses, `_reduce` accumulators, `_values` operations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lamella.compiler._c._helpers import Helpers
from lamella.compiler._c._memory import Memory
from lamella.compiler._c._pairs import in_blocks
from lamella.compiler._c._reduce import Reductions
from lamella.compiler._c._text import Scope, Text
from lamella.compiler._c._types import C_TYPES, MEMORY_TYPES
from lamella.compiler._c._values import Val
from lamella.compiler._kernel import (
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
    Put,
    Reduce,
    Scan,
    Size,
    Stage,
    Store,
    Update,
)
from lamella.compiler._kernel._invariant import invariants
from lamella.compiler._kernel._ir import FLOATS, ITEM_BYTES, defined
from lamella.compiler._schedule import HEAVY, MOST_UNITS, SUM_BLOCK_SERIAL, SUM_BLOCK_VECTOR, Schedule, in_order, unroll

PACKED = 6  # work from which a function of row values is computed for several rows at once
_WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(slots=True)
class Printed:
    """A printed kernel: `text` names itself "$KERNEL", `dims` are the sizes it reads, `partial_bytes` its scratch."""

    text: str
    dims: list[int]
    chunks: int
    partial_bytes: int
    has_total: bool


def print_kernel(
    kernel: Kernel,
    plan: Schedule,
    h: Helpers,
    shared: frozenset[int] = frozenset(),
    streams: frozenset[int] = frozenset(),
) -> Printed:
    """C text of `kernel` under a schedule; helpers it needs are collected in `h`.

    Buffers in `shared` may be the same memory as another one; all others are disjoint. Vectors go to buffers in
    `streams` past the caches, where the machine can.
    """
    return _Printer(kernel, plan, h, shared, streams).run()


def _read(declarations: list[str], body: list[str]) -> list[str]:
    """A body after those declarations that it, or one of them, reads."""
    words = set(_WORD.findall("\n".join(body)))
    kept: list[str] = []
    for line in reversed(declarations):
        declared, _, value = line.partition(" = ")
        if declared.split()[-1].lstrip("*") in words:
            words.update(_WORD.findall(value))
            kept.append(line)
    return [*reversed(kept), *body]


class _Printer:
    def __init__(
        self, kernel: Kernel, plan: Schedule, h: Helpers, shared: frozenset[int], streams: frozenset[int]
    ) -> None:
        self.shared, self.streams = shared, streams
        self.text = Text(kernel, plan, h)
        self.memory = Memory(self.text, streams)
        self.reductions = Reductions(self.text)
        self.constant: dict[int, Val] = {}  # values that are the same at every point

    def run(self) -> Printed:
        kernel, plan = self.text.kernel, self.text.plan
        partials = self.reductions.partial_declarations()
        grid_stages = [s for s in kernel.stages if s.level.in_grid]
        total_stages = [s for s in kernel.stages if not s.level.in_grid]
        self._chunk_body(grid_stages)
        body, self.text.lines = self.text.lines, []
        if total_stages:
            self._total_body(total_stages)
        total, self.text.lines = self.text.lines, []
        head = self._declarations(partials)
        text = ["void $KERNEL(const lm_call *call, int64_t chunk) {", *_read(head, body), "}"]
        if total_stages:
            text += ["void $KERNEL_total(const lm_call *call, int64_t chunks) {", *_read(head, total), "}"]
        return Printed(
            "\n".join(text) + "\n", self.text.dims, plan.chunks, self.reductions.partial_bytes, bool(total_stages)
        )

    def _declarations(self, partials: list[str]) -> list[str]:
        lines = ["const int64_t *const d = call->dims;"] if self.text.dims else []
        for slot, name in enumerate(self.text.dim_names):
            kind = self.text.numbers.get(slot)
            value = f"d[{slot}]" if kind is None else f"({kind})lm_number(d[{slot}])"
            lines.append(f"const {kind or 'int64_t'} {name} = {value};")
        for number, buffer in enumerate(self.text.kernel.buffers):
            const = "" if buffer.output else "const "
            memory = MEMORY_TYPES[buffer.dtype]
            alone = "" if number in self.shared else "restrict "
            lines.append(f"{const}{memory} *{alone}b{number} = ({const}{memory} *)call->data[{number}];")
        for slot, dtype in enumerate(self.text.kernel.params):
            member = "f" if dtype in FLOATS else "i"
            truth = " != 0" if dtype == "bool" else ""
            lines.append(f"const {C_TYPES[dtype]} q{slot} = ({C_TYPES[dtype]})(call->scalars[{slot}].{member}{truth});")
        return ["    " + text for text in lines + partials]

    def _chunk_body(self, stages: list[Stage]) -> None:
        plan, grid = self.text.plan, self.text.kernel.grid
        over_grid = plan.vector == "grid"
        outer = list(range(len(grid) - 1 if over_grid else len(grid)))
        per_chunk = self.text.dim(plan.rows_per_chunk, "rows_per_chunk")
        rows = " * ".join(self.text.extents[k] for k in outer) or "1"
        if over_grid:
            block, blocks = self.text.dim(plan.block, "block"), self.text.dim(plan.blocks, "blocks")
            self.text.line(f"const int64_t c0 = chunk % {blocks} * {block};")
            self.text.line(f"const int64_t c1 = lm_min(c0 + {block}, {self.text.extents[self.text.axis()]});")
            self.text.line(f"const int64_t r0 = chunk / {blocks} * {per_chunk};")
        else:
            self.text.line(f"const int64_t r0 = chunk * {per_chunk};")
        self.text.line(f"const int64_t r1 = lm_min(r0 + {per_chunk}, {rows});")
        self._invariants(in_grid=True)
        self._locals()
        self.reductions.grid_accumulators()
        self._odometer_start(outer)
        if plan.abreast > 1:
            self.text.line("int64_t r = r0;")
        for count in sorted({plan.abreast, 1}, reverse=True):
            start = "" if plan.abreast > 1 else "int64_t r = r0"
            head = f"{start}; r < r1; ++r" if count == 1 else f"; r + {count} <= r1; r += {count}"
            self.text.line(f"for ({head}) {{")
            self.text.indent += 1
            if over_grid:
                self._across_grid(stages)
            else:
                self._rows(stages, count)
            self._odometer_step(outer, count)
            self.text.indent -= 1
            self.text.line("}")
        if self.streams:
            self.text.line("lm_drain();")
        self.reductions.write_partials()

    def _invariants(self, *, in_grid: bool) -> None:
        """What is the same at every point is computed once a chunk."""
        self.constant = {}
        scope = Scope(1, self.constant, self.text.indent)
        for instr in invariants(self.text.kernel, in_grid=in_grid).values():
            self._emit(scope, instr)
        self.text.lines += scope.lines

    def _locals(self) -> None:
        if not self.text.kernel.locals:
            return
        points = " * ".join(self.text.inner_extents) or "1"
        lanes = self.text.plan.lanes if self.text.plan.vector == "grid" else 1
        sizes = [ITEM_BYTES[t] * lanes for t in self.text.kernel.locals]
        self.text.line(f"const int64_t points = ({points} + 63) / 64 * 64;")
        self.text.line(f"char *const scratch = (char *)lm_scratch(points * {sum(sizes) * self.text.plan.abreast});")
        at = 0
        for number, dtype in enumerate(self.text.kernel.locals):
            memory = MEMORY_TYPES[dtype]
            self.text.line(f"{memory} *restrict t{number} = ({memory} *)(scratch + points * {at});")
            at += sizes[number] * self.text.plan.abreast

    def _odometer_start(self, outer: list[int]) -> None:
        rest = "r0"
        for k in reversed(outer):
            name = self.text.kernel.grid[k].name
            if k == outer[0]:
                self.text.line(f"int64_t {name} = {rest};")
            else:
                self.text.line(f"int64_t {name} = {rest} % {self.text.extents[k]};")
                rest = f"{rest} / {self.text.extents[k]}"

    def _odometer_step(self, outer: list[int], rows: int) -> None:
        if not outer:
            return
        text = f"++{self.text.kernel.grid[outer[0]].name};"
        if rows > 1:  # along the only axis
            text = f"{self.text.kernel.grid[outer[0]].name} += {rows};"
        for k in outer[1:]:
            name = self.text.kernel.grid[k].name
            text = f"if (++{name} == {self.text.extents[k]}) {{ {name} = 0; {text} }}"
        self.text.line(text)

    def _rows(self, stages: list[Stage], rows: int) -> None:
        """Every stage for a row, or for several abreast: one is worked on while another waits for its sums."""
        envs = [dict(self.constant) for _ in range(rows)]
        self._declare_counter(stages)
        for stage in stages:
            if stage.level is Level.INNER:
                self._inner_stage(stage, envs)
            else:
                self._straight(stage, envs)

    def _each(self, envs: list[dict[int, Val]]) -> Iterator[dict[int, Val]]:
        """The rows abreast, one after the other."""
        for row, env in enumerate(envs):
            self.text.row = row
            yield env
        self.text.row = 0

    def _declare_counter(self, stages: list[Stage]) -> None:
        """The innermost counter outlives its loops: the tail goes on where the vectors stopped."""
        if any(stage.level.in_inner for stage in stages):
            self.text.line(f"int64_t {self.text.kernel.inner[-1].name};")

    def _straight(self, stage: Stage, envs: list[dict[int, Val]]) -> None:
        """What runs once a row; functions that are dear are computed for the rows abreast as one vector."""
        for instr in stage.body:
            if isinstance(instr, Apply) and self._together(instr, envs):
                self._packed(instr, envs)
                continue
            for env in self._each(envs):
                scope = Scope(1, env, self.text.indent)
                self._emit(scope, instr)
                self.text.lines += scope.lines

    def _together(self, instr: Apply, envs: list[dict[int, Val]]) -> bool:
        if len(envs) == 1 or instr.out in self.constant or HEAVY.get(instr.op, 1) < PACKED:
            return False
        return {self.text.types[v] for v in (instr.out, *instr.args)} == {"f32"}

    def _packed(self, instr: Apply, envs: list[dict[int, Val]]) -> None:
        rows = len(envs)
        kind = self.text.h.type("f32", rows)
        args = [Val(f"({kind}){{{', '.join(env[a].text for env in envs)}}}", rows) for a in instr.args]
        val = self.text.values.apply(instr.op, "f32", args, ["f32"] * len(args))
        self.text.line(f"const {kind} p{instr.out} = {val.text};")
        for row, env in enumerate(envs):
            env[instr.out] = Val(f"p{instr.out}[{row}]")

    def _inner_stage(self, stage: Stage, envs: list[dict[int, Val]]) -> None:
        """Loop over the inner axes: unrolled vectors, single vectors, then single elements."""
        plan = self.text.plan
        lanes = plan.lanes if plan.vector == "inner" or not stage.level.in_grid else 1
        lanes = 1 if in_order(stage) else lanes
        self.reductions.start_scans(stage, 1)
        reduces = [i for i in stage.body if isinstance(i, Reduce) and i.over == "inner"]
        sums = [i for i in reduces if self.reductions.folds(i)] if plan.sum_blocks else []
        blocked = bool(sums)
        most = MOST_UNITS if any(in_blocks(i) for i in reduces) else plan.units
        units = min(unroll(stage), most) if reduces else 1
        for _ in self._each(envs):
            for reduce in reduces:
                self.reductions.declare_accumulators(reduce, lanes, units, blocked)
        axes = self.text.kernel.inner
        last = axes[-1].name
        for k, axis in enumerate(axes[:-1]):
            self.text.line(
                f"for (int64_t {axis.name} = 0; {axis.name} < {self.text.inner_extents[k]}; ++{axis.name}) {{"
            )
            self.text.indent += 1
        end = self.text.inner_extents[-1]
        if blocked:
            self.text.line(f"for (int64_t from = 0; from < {end}; from += {SUM_BLOCK_VECTOR}) {{")
            self.text.indent += 1
            self.text.line(f"const int64_t to = lm_min(from + {SUM_BLOCK_VECTOR}, {end});")
            end = "to"
            for _ in self._each(envs):
                for reduce in sums:
                    self.reductions.declare_block(reduce, lanes, units)
        self.text.line(f"{last} = {'from' if blocked else '0'};")
        steps = [(lanes, units)] + ([(lanes, 1)] if units > 1 else []) if lanes > 1 else []
        for width, count in [*steps, (1, 1)]:
            ahead = width * count
            condition = f"{last} < {end}" if ahead == 1 else f"{last} + {ahead} <= {end}"
            self.text.line(f"for (; {condition}; {last} += {ahead}) {{")
            for _ in self._each(envs):
                self.reductions.open_block(reduces, width, count)
            for unit in range(count):
                point = Scope(width, {}, self.text.indent + 1, unit, unit * width)
                self.reductions.open_point(point, stage, len(envs))
                self.text.lines += point.lines
                for env in self._each(envs):
                    scope = Scope(width, dict(env), self.text.indent + 1, unit, unit * width)
                    if count * len(envs) > 1:
                        self.text.line("  {")
                    self.reductions.load_totals(scope, stage)
                    for instr in stage.body:
                        self._emit(scope, instr)
                    if width > 1:
                        self.memory.fetch_ahead(scope, stage)
                    self.text.lines += scope.lines
                    if count * len(envs) > 1:
                        self.text.line("  }")
                point.lines = []
                self.reductions.close_point(point, stage, len(envs))
                self.text.lines += point.lines
            for _ in self._each(envs):
                self.reductions.close_block(reduces, width, count)
            self.text.line("}")
        if blocked:
            for _ in self._each(envs):
                for reduce in sums:
                    self.reductions.fold_block(reduce, units, lanes)
            self.text.indent -= 1
            self.text.line("}")
        for _ in axes[:-1]:
            self.text.indent -= 1
            self.text.line("}")
        for env in self._each(envs):
            for reduce in reduces:
                self.reductions.finish_accumulators(reduce, lanes, units, blocked, env)

    def _across_grid(self, stages: list[Stage]) -> None:
        """Every stage for a few neighbouring grid points at once, then for single ones."""
        plan = self.text.plan
        name = self.text.kernel.grid[-1].name
        units, totals = self.reductions.grid_units(), [reduce for _, reduce in self.reductions.grid_reduces]
        self.text.line(f"int64_t {name} = c0;")
        steps = [(plan.lanes, units)] + ([(plan.lanes, 1)] if units > 1 else [])
        for width, count in [*steps, (1, 1)]:
            ahead = width * count
            condition = f"{name} < c1" if ahead == 1 else f"{name} + {ahead} <= c1"
            self.text.line(f"for (; {condition}; {name} += {ahead}) {{")
            self.text.indent += 1
            self.reductions.open_block(totals, width, count)
            for unit in range(count):
                if count > 1:
                    self.text.line("{")
                env = dict(self.constant)
                for stage in stages:
                    if stage.level is Level.INNER:
                        self._serial_stage(stage, env, width)
                    else:
                        scope = Scope(width, env, self.text.indent, unit, unit * width)
                        for instr in stage.body:
                            self._emit(scope, instr)
                        self.text.lines += scope.lines
                if count > 1:
                    self.text.line("}")
            self.reductions.close_block(totals, width, count)
            self.text.indent -= 1
            self.text.line("}")

    def _serial_stage(self, stage: Stage, env: dict[int, Val], lanes: int) -> None:
        """Loop over the inner axes one point at a time, `lanes` grid points abreast."""
        reduces = [i for i in stage.body if isinstance(i, Reduce)]
        self.reductions.start_scans(stage, lanes)
        folded = [i for i in reduces if self.reductions.folds(i)]
        blocked = bool(folded)
        for reduce in reduces:
            self.reductions.open_serial(reduce, lanes)
        axes = self.text.kernel.inner
        for k, axis in enumerate(axes):
            extent = self.text.inner_extents[k]
            if blocked and k == len(axes) - 1:
                self.text.line(f"for (int64_t from = 0; from < {extent}; from += {SUM_BLOCK_SERIAL}) {{")
                self.text.indent += 1
                self.text.line(f"const int64_t to = lm_min(from + {SUM_BLOCK_SERIAL}, {extent});")
                for reduce in folded:
                    self.reductions.open_serial_block(reduce, lanes)
                self.text.line(f"for (int64_t {axis.name} = from; {axis.name} < to; ++{axis.name}) {{")
            else:
                self.text.line(f"for (int64_t {axis.name} = 0; {axis.name} < {extent}; ++{axis.name}) {{")
            self.text.indent += 1
        scope = Scope(lanes, dict(env), self.text.indent)
        for instr in stage.body:
            self._emit(scope, instr)
        self.text.lines += scope.lines
        for k in reversed(range(len(axes))):
            self.text.indent -= 1
            self.text.line("}")
            if blocked and k == len(axes) - 1:
                for reduce in folded:
                    self.reductions.close_serial_block(reduce, lanes)
                self.text.indent -= 1
                self.text.line("}")
        for reduce in reduces:
            self.reductions.close_serial(reduce)
            for out in reduce.outs:
                env[out] = Val(f"a{out}_0", lanes, 1 if self.text.types[out] == "bool" and lanes > 1 else 0)

    def _total_body(self, stages: list[Stage]) -> None:
        self._invariants(in_grid=False)
        env = dict(self.constant)
        for stage, reduce in self.reductions.grid_reduces:
            if stage.level is Level.INNER:
                continue
            env.update(zip(reduce.outs, self.reductions.total(reduce), strict=True))
        self._declare_counter(stages)
        for stage in stages:
            if stage.level is Level.TOTAL_INNER:
                self._inner_stage(stage, [env])
            else:
                self._straight(stage, [env])

    def _emit(self, scope: Scope, instr: Instr) -> None:
        env = scope.env
        if scope.env is not self.constant and any(out in self.constant for out in defined(instr)):
            return
        match instr:
            case Const(out=out, value=value):
                env[out] = Val(self.text.number(out, value))
            case Size(out=out, value=value):
                name = self.text.size(value)
                env[out] = Val(name if self.text.types[out] == "i64" else f"((int32_t){name})")
            case Param(out=out, slot=slot):
                env[out] = Val(f"q{slot}")
            case Index(out=out, axis=axis):
                self.text.name(scope, out, self._index(scope, axis, self.text.types[out]))
            case Load():
                self.memory.load(scope, instr)
            case Store():
                self.memory.store(scope, instr)
            case Get(out=out, local=local):
                dtype = self.text.types[out]
                load = self.text.h.call("ld", dtype, scope.lanes)
                mask = 1 if dtype == "bool" and scope.lanes > 1 else 0
                self.text.name(scope, out, Val(f"{load}({self.memory.local(scope, local)})", scope.lanes, mask))
            case Put(local=local, value=value):
                dtype = self.text.types[value]
                store = self.text.h.call("st", dtype, scope.lanes)
                self.text.put(scope, f"{store}({self.memory.local(scope, local)}, {self.text.operand(scope, value)});")
            case Apply(out=out, op=op, args=args):
                val = self.text.values.apply(
                    op, self.text.types[out], [env[a] for a in args], [self.text.types[a] for a in args]
                )
                self.text.name(scope, out, val)
            case Reduce():
                self.reductions.accumulate(scope, instr)
            case Scan():
                self.reductions.scan(scope, instr)
            case Update():
                self.memory.update(scope, instr)
            case Check(condition=condition, code=code):
                val = env[condition]
                if val.lanes == 1:
                    self.text.put(scope, f"if (!{val.text}) *call->status = {code};")
                else:
                    test = self.text.h.call("any", f"i{val.mask * 8}", val.lanes)
                    self.text.put(scope, f"if ({test}(~{val.text})) *call->status = {code};")

    def _index(self, scope: Scope, axis: int, dtype: str) -> Val:
        name = self.text.axis_name(scope, axis)
        name = name if dtype == "i64" else f"({C_TYPES[dtype]}){name}"
        if axis != self.text.vector_axis or scope.lanes == 1:
            return Val(name)
        kind = self.text.h.type(dtype, scope.lanes)
        steps = ", ".join(str(lane) for lane in range(scope.lanes))
        return Val(f"({self.text.h.call('splat', dtype, scope.lanes)}({name}) + ({kind}){{{steps}}})", scope.lanes)
