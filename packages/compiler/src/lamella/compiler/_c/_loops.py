"""Prints one scheduled kernel as C functions: `NAME(call, chunk)` and, where the grid is reduced, `NAME_total(call)`.

Sizes, strides and offsets other than 0 and 1 are not printed but read from `call->dims`, so kernels that differ only
in them print the same text and are compiled once. The order of every reduction follows from sizes and lanes alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lamella.compiler._c._helpers import C_TYPES, MEMORY_TYPES, Helpers, combine
from lamella.compiler._c._values import Val, Values, literal
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
    Position,
    Put,
    Reduce,
    Stage,
    Store,
)
from lamella.compiler._kernel._ir import FLOATS, ITEM_BYTES, used
from lamella.compiler._schedule import SUM_BLOCK_SERIAL, SUM_BLOCK_VECTOR, Schedule, stage_work, unroll

PARTIAL_ALIGN = 64


@dataclass(slots=True)
class Printed:
    """A printed kernel: `text` names itself "$KERNEL", `dims` are the sizes it reads, `partial_bytes` its scratch."""

    text: str
    dims: list[int]
    chunks: int
    partial_bytes: int
    has_total: bool


@dataclass(slots=True)
class Scope:
    """One C block: the values named in it, at how many lanes it computes, and where its lines go."""

    lanes: int
    env: dict[int, Val]
    indent: int
    unit: int = 0  # which of the unrolled accumulators this body feeds
    shift: int = 0  # how far its vector axis is ahead of the loop counter
    lines: list[str] = field(default_factory=list)


def print_kernel(kernel: Kernel, plan: Schedule, h: Helpers) -> Printed:
    """C text of `kernel` under a schedule; helpers it needs are collected in `h`."""
    return _Printer(kernel, plan, h).run()


def identity(combiner: str, dtype: str) -> str:
    """The value a combiner leaves others unchanged by."""
    match combiner:
        case "sum":
            return literal(0, dtype)
        case "prod":
            return literal(1, dtype)
        case "any":
            return "0"
        case "all":
            return "1"
    low = combiner in ("max", "largest", "argmax")
    if dtype in FLOATS:
        return literal(float("-inf") if low else float("inf"), dtype)
    bits = ITEM_BYTES[dtype] * 8
    if dtype.startswith("u"):
        return literal(0 if low else 2**bits - 1, dtype)
    return literal(-(2 ** (bits - 1)) if low else 2 ** (bits - 1) - 1, dtype)


class _Printer:
    def __init__(self, kernel: Kernel, plan: Schedule, h: Helpers) -> None:
        self.kernel, self.plan, self.h = kernel, plan, h
        self.values = Values(h, kernel.types)
        self.types = kernel.types
        self.dims: list[int] = []
        self.dim_names: list[str] = []
        self.lines: list[str] = []
        self.indent = 1
        self.grid_reduces: list[tuple[Stage, Reduce]] = []
        self.partial_bytes = 0
        self._positions: dict[Position, list[str]] = {}
        self._indirect: dict[tuple[Position, int], str] = {}
        axes = kernel.axes
        if plan.vector == "grid":
            self.vector_axis: int | None = len(kernel.grid) - 1
        else:
            self.vector_axis = len(axes) - 1 if plan.vector == "inner" else None
        self.extents = [self.dim(axis.extent, f"n_{axis.name}") for axis in axes]
        self.grid_extents, self.inner_extents = self.extents[: len(kernel.grid)], self.extents[len(kernel.grid) :]

    # -- runtime sizes ------------------------------------------------------------------------------------------------

    def dim(self, value: int, name: str) -> str:
        """A C name for a size known at run time only."""
        self.dims.append(value)
        self.dim_names.append(name)
        return name

    def stride(self, value: int) -> str:
        """A literal for 0 and 1, else a run-time size."""
        return str(value) if value in (0, 1) else self.dim(value, f"by{len(self.dims)}")

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    # -- whole functions ----------------------------------------------------------------------------------------------

    def run(self) -> Printed:
        kernel, plan = self.kernel, self.plan
        for stage, instr in kernel.instructions():
            if isinstance(instr, Reduce) and instr.over == "grid":
                self.grid_reduces.append((stage, instr))
        partials = self._partial_declarations()
        grid_stages = [s for s in kernel.stages if s.level.in_grid]
        total_stages = [s for s in kernel.stages if not s.level.in_grid]
        self._chunk_body(grid_stages)
        body, self.lines = self.lines, []
        if total_stages:
            self._total_body(total_stages)
        total, self.lines = self.lines, []
        head = self._declarations(partials)
        text = ["static void $KERNEL(const lm_call *call, int64_t chunk) {", *head, *body, "}"]
        if total_stages:
            text += ["static void $KERNEL_total(const lm_call *call, int64_t chunks) {", *head, *total, "}"]
        return Printed("\n".join(text) + "\n", self.dims, plan.chunks, self.partial_bytes, bool(total_stages))

    def _declarations(self, partials: list[str]) -> list[str]:
        lines = ["const int64_t *const d = call->dims;"] if self.dims else []
        lines += [f"const int64_t {name} = d[{slot}];" for slot, name in enumerate(self.dim_names)]
        for number, buffer in enumerate(self.kernel.buffers):
            const = "" if buffer.output else "const "
            memory = MEMORY_TYPES[buffer.dtype]
            lines.append(f"{const}{memory} *restrict b{number} = ({const}{memory} *)call->data[{number}];")
        for slot, dtype in enumerate(self.kernel.params):
            member = "f" if dtype in FLOATS else "i"
            truth = " != 0" if dtype == "bool" else ""
            lines.append(f"const {C_TYPES[dtype]} q{slot} = ({C_TYPES[dtype]})(call->scalars[{slot}].{member}{truth});")
        return ["    " + text for text in lines + partials]

    def _partial_declarations(self) -> list[str]:
        lines = []
        for stage, reduce in self.grid_reduces:
            for out in reduce.outs:
                dtype = self.types[out]
                points = self._inner_points() if stage.level is Level.INNER else 1
                size = self.plan.chunks * points * ITEM_BYTES[dtype]
                offset = self.dim(self.partial_bytes, f"at{out}")
                memory = MEMORY_TYPES[dtype]
                lines.append(f"{memory} *restrict g{out} = ({memory} *)(call->partial + {offset});")
                self.partial_bytes += -(-size // PARTIAL_ALIGN) * PARTIAL_ALIGN
        return lines

    def _inner_points(self) -> int:
        points = 1
        for axis in self.kernel.inner:
            points *= axis.extent
        return points

    def _chunk_body(self, stages: list[Stage]) -> None:
        plan, grid = self.plan, self.kernel.grid
        over_grid = plan.vector == "grid"
        outer = list(range(len(grid) - 1 if over_grid else len(grid)))
        per_chunk = self.dim(plan.rows_per_chunk, "rows_per_chunk")
        rows = " * ".join(self.extents[k] for k in outer) or "1"
        if over_grid:
            block, blocks = self.dim(plan.block, "block"), self.dim(plan.blocks, "blocks")
            self.line(f"const int64_t c0 = chunk % {blocks} * {block};")
            self.line(f"const int64_t c1 = lm_min(c0 + {block}, {self.extents[self._axis()]});")
            self.line(f"const int64_t r0 = chunk / {blocks} * {per_chunk};")
        else:
            self.line(f"const int64_t r0 = chunk * {per_chunk};")
        self.line(f"const int64_t r1 = lm_min(r0 + {per_chunk}, {rows});")
        self._locals()
        self._grid_accumulators()
        self._odometer_start(outer)
        self.line("for (int64_t r = r0; r < r1; ++r) {")
        self.indent += 1
        if over_grid:
            self._across_grid(stages)
        else:
            self._row(stages)
        self._odometer_step(outer)
        self.indent -= 1
        self.line("}")
        self._write_partials()

    def _axis(self) -> int:
        assert self.vector_axis is not None
        return self.vector_axis

    def _locals(self) -> None:
        if not self.kernel.locals:
            return
        points = " * ".join(self.inner_extents) or "1"
        lanes = self.plan.lanes if self.plan.vector == "grid" else 1
        sizes = [ITEM_BYTES[t] * lanes for t in self.kernel.locals]
        self.line(f"const int64_t points = ({points} + 63) / 64 * 64;")
        self.line(f"char *const scratch = (char *)lm_scratch(points * {sum(sizes)});")
        at = 0
        for number, dtype in enumerate(self.kernel.locals):
            memory = MEMORY_TYPES[dtype]
            self.line(f"{memory} *restrict t{number} = ({memory} *)(scratch + points * {at});")
            at += sizes[number]

    def _odometer_start(self, outer: list[int]) -> None:
        rest = "r0"
        for k in reversed(outer):
            name = self.kernel.grid[k].name
            if k == outer[0]:
                self.line(f"int64_t {name} = {rest};")
            else:
                self.line(f"int64_t {name} = {rest} % {self.extents[k]};")
                rest = f"{rest} / {self.extents[k]}"

    def _odometer_step(self, outer: list[int]) -> None:
        if not outer:
            return
        text = f"++{self.kernel.grid[outer[0]].name};"
        for k in outer[1:]:
            name = self.kernel.grid[k].name
            text = f"if (++{name} == {self.extents[k]}) {{ {name} = 0; {text} }}"
        self.line(text)

    # -- rows: the vector axis is the last inner axis, or there is none -----------------------------------------------

    def _row(self, stages: list[Stage]) -> None:
        env: dict[int, Val] = {}
        self._declare_counter(stages)
        for stage in stages:
            if stage.level is Level.INNER:
                self._inner_stage(stage, env)
            else:
                self._straight(stage, env)

    def _declare_counter(self, stages: list[Stage]) -> None:
        """The innermost counter outlives its loops: the tail goes on where the vectors stopped."""
        if any(stage.level.in_inner for stage in stages):
            self.line(f"int64_t {self.kernel.inner[-1].name};")

    def _straight(self, stage: Stage, env: dict[int, Val]) -> None:
        scope = Scope(1, env, self.indent)
        for instr in stage.body:
            self._emit(scope, instr)
        self.lines += scope.lines

    def _inner_stage(self, stage: Stage, env: dict[int, Val]) -> None:
        """Loop over the inner axes: unrolled vectors, single vectors, then single elements."""
        plan = self.plan
        lanes = plan.lanes if plan.vector == "inner" or not stage.level.in_grid else 1
        reduces = [i for i in stage.body if isinstance(i, Reduce) and i.over == "inner"]
        blocked = any(i.combiner == "sum" and self.types[i.args[0]] in FLOATS for i in reduces)
        units = unroll(stage) if reduces else 1
        masks = self._mask_widths(stage, env, lanes)
        for reduce in reduces:
            self._declare_accumulators(reduce, lanes, units, masks, blocked)
        axes = self.kernel.inner
        last = axes[-1].name
        for k, axis in enumerate(axes[:-1]):
            self.line(f"for (int64_t {axis.name} = 0; {axis.name} < {self.inner_extents[k]}; ++{axis.name}) {{")
            self.indent += 1
        end = self.inner_extents[-1]
        if blocked:
            self.line(f"for (int64_t from = 0; from < {end}; from += {SUM_BLOCK_VECTOR}) {{")
            self.indent += 1
            self.line(f"const int64_t to = lm_min(from + {SUM_BLOCK_VECTOR}, {end});")
            end = "to"
            for reduce in reduces:
                if self._is_float_sum(reduce):
                    self._declare_block(reduce, lanes, units)
        self.line(f"{last} = {'from' if blocked else '0'};")
        steps = [(lanes, units)] + ([(lanes, 1)] if units > 1 else []) if lanes > 1 else []
        for width, count in [*steps, (1, 1)]:
            ahead = width * count
            condition = f"{last} < {end}" if ahead == 1 else f"{last} + {ahead} <= {end}"
            self.line(f"for (; {condition}; {last} += {ahead}) {{")
            for unit in range(count):
                scope = Scope(width, dict(env), self.indent + 1, unit, unit * width)
                if count > 1:
                    self.line("  {")
                self._load_totals(scope, stage)
                for instr in stage.body:
                    self._emit(scope, instr)
                if width > 1:
                    self._fetch_ahead(scope, stage)
                self.lines += scope.lines
                if count > 1:
                    self.line("  }")
            self.line("}")
        if blocked:
            for reduce in reduces:
                if self._is_float_sum(reduce):
                    self._fold_block(reduce, units, lanes)
            self.indent -= 1
            self.line("}")
        for _ in axes[:-1]:
            self.indent -= 1
            self.line("}")
        for reduce in reduces:
            self._finish_accumulators(reduce, lanes, units, masks, blocked, env)

    def _fetch_ahead(self, scope: Scope, stage: Stage) -> None:
        """Fetch the next row's inputs from the longest stage, and the lines later stages will write from the first."""
        if not self.plan.prefetch or not stage.level.in_grid:
            return
        stages = [s for s in self.kernel.stages if s.level is Level.INNER]
        row = len(self.kernel.grid) - 1
        if stage is stages[0]:
            for later in stages[1:]:
                for instr in later.body:
                    if isinstance(instr, Store) and self._vector_stride(instr.position) == 1:
                        address = f"b{instr.buffer} + {self._address(scope, instr.position)}"
                        self._put(scope, f"__builtin_prefetch({address}, 1);")
        if stage is max(stages[1:], key=stage_work):
            done = set()
            for earlier in stages:
                for instr in earlier.body:
                    if isinstance(instr, Load) and instr.buffer not in done and self._streams(instr, row):
                        done.add(instr.buffer)
                        next_row = f"{self._address(scope, instr.position)} + {self._stride_names(instr.position)[row]}"
                        self._put(scope, f"__builtin_prefetch(b{instr.buffer} + {next_row});")

    def _streams(self, load: Load, row: int) -> bool:
        position = load.position
        plain = not self.kernel.buffers[load.buffer].output and load.mask is None and not position.indirect
        return plain and self._vector_stride(position) == 1 and position.strides[row] > 1

    # -- columns: the vector axis is the last grid axis ---------------------------------------------------------------

    def _across_grid(self, stages: list[Stage]) -> None:
        """Every stage for a few neighbouring grid points at once, then for single ones."""
        plan = self.plan
        name = self.kernel.grid[-1].name
        units = self._grid_units()
        self.line(f"int64_t {name} = c0;")
        steps = [(plan.lanes, units)] + ([(plan.lanes, 1)] if units > 1 else [])
        for width, count in [*steps, (1, 1)]:
            ahead = width * count
            condition = f"{name} < c1" if ahead == 1 else f"{name} + {ahead} <= c1"
            self.line(f"for (; {condition}; {name} += {ahead}) {{")
            self.indent += 1
            for unit in range(count):
                if count > 1:
                    self.line("{")
                env: dict[int, Val] = {}
                for stage in stages:
                    if stage.level is Level.INNER:
                        self._serial_stage(stage, env, width)
                    else:
                        scope = Scope(width, env, self.indent, unit, unit * width)
                        for instr in stage.body:
                            self._emit(scope, instr)
                        self.lines += scope.lines
                if count > 1:
                    self.line("}")
            self.indent -= 1
            self.line("}")

    def _serial_stage(self, stage: Stage, env: dict[int, Val], lanes: int) -> None:
        """Loop over the inner axes one point at a time, `lanes` grid points abreast."""
        reduces = [i for i in stage.body if isinstance(i, Reduce)]
        blocked = any(self._is_float_sum(i) for i in reduces)
        masks = self._mask_widths(stage, env, lanes)
        for reduce in reduces:
            for out in reduce.outs:
                kind, start = self._accumulator(reduce, out, lanes, masks)
                self.line(f"{kind} a{out}_0 = {start};")
        axes = self.kernel.inner
        for k, axis in enumerate(axes):
            extent = self.inner_extents[k]
            if blocked and k == len(axes) - 1:
                self.line(f"for (int64_t from = 0; from < {extent}; from += {SUM_BLOCK_SERIAL}) {{")
                self.indent += 1
                self.line(f"const int64_t to = lm_min(from + {SUM_BLOCK_SERIAL}, {extent});")
                for reduce in reduces:
                    if self._is_float_sum(reduce):
                        out = reduce.outs[0]
                        kind, start = self._accumulator(reduce, out, lanes, masks)
                        self.line(f"const {kind} s{out} = a{out}_0;")
                        self.line(f"a{out}_0 = {start};")
                self.line(f"for (int64_t {axis.name} = from; {axis.name} < to; ++{axis.name}) {{")
            else:
                self.line(f"for (int64_t {axis.name} = 0; {axis.name} < {extent}; ++{axis.name}) {{")
            self.indent += 1
        scope = Scope(lanes, dict(env), self.indent)
        for instr in stage.body:
            self._emit(scope, instr)
        self.lines += scope.lines
        for k in reversed(range(len(axes))):
            self.indent -= 1
            self.line("}")
            if blocked and k == len(axes) - 1:
                for reduce in reduces:
                    if self._is_float_sum(reduce):
                        self.line(f"a{reduce.outs[0]}_0 = s{reduce.outs[0]} + a{reduce.outs[0]}_0;")
                self.indent -= 1
                self.line("}")
        for reduce in reduces:
            for out in reduce.outs:
                env[out] = Val(f"a{out}_0", lanes, masks.get(out, 0))

    # -- accumulators -------------------------------------------------------------------------------------------------

    def _is_float_sum(self, reduce: Reduce) -> bool:
        return reduce.combiner == "sum" and self.types[reduce.args[0]] in FLOATS

    def _mask_widths(self, stage: Stage, env: dict[int, Val], lanes: int) -> dict[int, int]:
        """Bool accumulators are masks of one byte a lane."""
        return {o: 1 for i in stage.body if isinstance(i, Reduce) for o in i.outs if self.types[o] == "bool"}

    def _accumulator(self, reduce: Reduce, out: int, lanes: int, masks: dict[int, int]) -> tuple[str, str]:
        """C type and starting value of one accumulator."""
        dtype = self.types[out]
        start = identity(reduce.combiner, dtype)
        if reduce.combiner in ("argmax", "argmin") and out == reduce.outs[1]:
            start = "INT64_MAX"
        if dtype == "bool":
            return self.values.ctype(dtype, lanes, 1), self.values.mask(Val(start), 1, lanes)
        return self.values.ctype(dtype, lanes), self.values.vector(Val(start), dtype, lanes)

    def _declare_accumulators(
        self, reduce: Reduce, lanes: int, units: int, masks: dict[int, int], blocked: bool
    ) -> None:
        for out in reduce.outs:
            if lanes > 1:
                kind, start = self._accumulator(reduce, out, lanes, masks)
                if blocked and self._is_float_sum(reduce):
                    self.line(f"{kind} s{out} = {start};")
                else:
                    for unit in range(units):
                        self.line(f"{kind} a{out}_{unit} = {start};")
            kind, start = self._accumulator(reduce, out, 1, masks)
            self.line(f"{kind} e{out} = {start};")

    def _declare_block(self, reduce: Reduce, lanes: int, units: int) -> None:
        out = reduce.outs[0]
        for unit in range(units if lanes > 1 else 0):
            kind, start = self._accumulator(reduce, out, lanes, {})
            self.line(f"{kind} a{out}_{unit} = {start};")

    def _fold_block(self, reduce: Reduce, units: int, lanes: int) -> None:
        if lanes > 1:
            out = reduce.outs[0]
            self.line(f"s{out} = s{out} + {self._tree(reduce, out, units, lanes)};")

    def _tree(self, reduce: Reduce, out: int, units: int, lanes: int) -> str:
        parts = [f"a{out}_{unit}" for unit in range(units)]
        while len(parts) > 1:
            parts = [
                f"({combine(self.h, reduce.combiner, self.types[out], lanes, a, b)})"
                for a, b in zip(parts[::2], parts[1::2], strict=True)
            ]
        return parts[0]

    def _finish_accumulators(
        self, reduce: Reduce, lanes: int, units: int, masks: dict[int, int], blocked: bool, env: dict[int, Val]
    ) -> None:
        if len(reduce.outs) == 2:
            self._finish_pair(reduce, lanes, units, env)
            return
        out, dtype, combiner = reduce.outs[0], self.types[reduce.outs[0]], reduce.combiner
        kind = C_TYPES[dtype]
        if lanes == 1:
            self.line(f"const {kind} v{out} = e{out};")
        else:
            whole = f"s{out}" if blocked and self._is_float_sum(reduce) else self._tree(reduce, out, units, lanes)
            if dtype == "bool":
                anyone = self.h.call("any", "i8", lanes)
                across = f"{anyone}({whole})" if combiner == "any" else f"!{anyone}(~{whole})"
            else:
                across = f"{self.h.call('h' + combiner, dtype, lanes)}({whole})"
            self.line(f"const {kind} v{out} = {combine(self.h, combiner, dtype, 1, across, f'e{out}')};")
        env[out] = Val(f"v{out}")

    def _finish_pair(self, reduce: Reduce, lanes: int, units: int, env: dict[int, Val]) -> None:
        """argmax and argmin: bring all lanes and units into the scalar accumulator, in a fixed order."""
        best, at = reduce.outs
        if lanes > 1:
            base = C_TYPES[self.types[best]]
            for unit in range(units):
                self.line(f"{{ {base} x[{lanes}]; int64_t k[{lanes}];")
                self.line(f"  memcpy(x, &a{best}_{unit}, sizeof x); memcpy(k, &a{at}_{unit}, sizeof k);")
                take = self._take(reduce, 1, "x[l]", "k[l]", f"e{best}", f"e{at}")
                self.line(f"  for (int l = 0; l < {lanes}; ++l) if ({take}) {{ e{best} = x[l]; e{at} = k[l]; }} }}")
        for out in reduce.outs:
            env[out] = Val(f"e{out}")

    def _take(self, reduce: Reduce, lanes: int, x: str, k: str, best: str, at: str) -> str:
        """Whether (x, k) beats (best, at): NaN first, then the larger (smaller), then the earlier."""
        dtype = self.types[reduce.outs[0]]
        sign = ">" if reduce.combiner == "argmax" else "<"
        earlier = f"({k} < {at})"
        if lanes > 1:
            mask = self.h.mask_type(ITEM_BYTES[dtype], lanes)
            earlier = earlier if ITEM_BYTES[dtype] == 8 else f"__builtin_convertvector({k} < {at}, {mask})"
        if dtype not in FLOATS:
            return f"({x} {sign} {best}) | (({x} == {best}) & {earlier})"
        same = f"(({x} == {best}) | (({x} != {x}) & ({best} != {best})))"
        return f"({x} {sign} {best}) | (({x} != {x}) & ({best} == {best})) | ({same} & {earlier})"

    # -- reductions over the grid -------------------------------------------------------------------------------------

    def _grid_accumulators(self) -> None:
        units = self._grid_units()
        lanes = self.plan.lanes if self.plan.vector == "grid" else 1
        for stage, reduce in self.grid_reduces:
            for out in reduce.outs:
                kind, start = self._accumulator(reduce, out, 1, {})
                if stage.level is Level.INNER:
                    points = " * ".join(self.inner_extents)
                    self.line(f"g{out} += chunk * ({points});")
                    self.line(f"for (int64_t k = 0; k < {points}; ++k) g{out}[k] = {start};")
                    continue
                self.line(f"{kind} e{out} = {start};")
                if lanes > 1:
                    kind, start = self._accumulator(reduce, out, lanes, {})
                    for unit in range(units):
                        self.line(f"{kind} a{out}_{unit} = {start};")

    def _grid_units(self) -> int:
        """How many accumulators a reduction over the grid gets: several only where the grid is the vector axis."""
        if self.plan.vector != "grid" or self.kernel.inner:
            return 1
        return max([unroll(stage) for stage, _ in self.grid_reduces], default=1)

    def _write_partials(self) -> None:
        units = self._grid_units()
        lanes = self.plan.lanes if self.plan.vector == "grid" else 1
        for stage, reduce in self.grid_reduces:
            if stage.level is Level.INNER:
                continue
            env: dict[int, Val] = {}
            if lanes > 1:
                self._finish_accumulators(reduce, lanes, units, {}, False, env)
            for out in reduce.outs:
                self.line(f"g{out}[chunk] = {env[out].text if lanes > 1 else f'e{out}'};")

    def _total_body(self, stages: list[Stage]) -> None:
        env: dict[int, Val] = {}
        for stage, reduce in self.grid_reduces:
            if stage.level is Level.INNER:
                continue
            for out in reduce.outs:
                kind, start = self._accumulator(reduce, out, 1, {})
                self.line(f"{kind} e{out} = {start};")
                env[out] = Val(f"e{out}")
            self.line("for (int64_t c = 0; c < chunks; ++c) {")
            self.indent += 1
            if len(reduce.outs) == 2:
                best, at = reduce.outs
                take = self._take(reduce, 1, f"g{best}[c]", f"g{at}[c]", f"e{best}", f"e{at}")
                self.line(f"if ({take}) {{ e{best} = g{best}[c]; e{at} = g{at}[c]; }}")
            else:
                out = reduce.outs[0]
                pair = combine(self.h, reduce.combiner, self.types[out], 1, f"e{out}", f"g{out}[c]")
                self.line(f"e{out} = {pair};")
            self.indent -= 1
            self.line("}")
        self._declare_counter(stages)
        for stage in stages:
            if stage.level is Level.TOTAL_INNER:
                self._inner_stage(stage, env)
            else:
                self._straight(stage, env)

    def _load_totals(self, scope: Scope, stage: Stage) -> None:
        """In a total stage, combine the chunks' partial results of the current inner point."""
        if stage.level.in_grid:
            return
        wanted = {value for instr in stage.body for value in used(instr)}
        for home, reduce in self.grid_reduces:
            out = reduce.outs[0]
            if home.level is not Level.INNER or out not in wanted:
                continue
            dtype = self.types[out]
            kind, start = self._accumulator(reduce, out, scope.lanes, {})
            self._put(scope, f"{kind} v{out} = {start};")
            points = " * ".join(self.inner_extents)
            load = f"{self.h.call('ld', dtype, scope.lanes)}(g{out} + c * ({points}) + {self._inner_position(scope)})"
            pair = combine(self.h, reduce.combiner, dtype, scope.lanes, f"v{out}", load)
            self._put(scope, f"for (int64_t c = 0; c < chunks; ++c) v{out} = {pair};")
            scope.env[out] = Val(f"v{out}", scope.lanes, 1 if dtype == "bool" and scope.lanes > 1 else 0)

    # -- instructions -------------------------------------------------------------------------------------------------

    def _put(self, scope: Scope, text: str) -> None:
        scope.lines.append("    " * scope.indent + text)

    def _name(self, scope: Scope, out: int, val: Val) -> None:
        kind = self.values.ctype(self.types[out], val.lanes, val.mask)
        self._put(scope, f"const {kind} v{out} = {val.text};")
        scope.env[out] = Val(f"v{out}", val.lanes, val.mask)

    def _emit(self, scope: Scope, instr: Instr) -> None:
        env = scope.env
        match instr:
            case Const(out=out, value=value):
                env[out] = Val(literal(value, self.types[out]))
            case Param(out=out, slot=slot):
                env[out] = Val(f"q{slot}")
            case Index(out=out, axis=axis):
                self._name(scope, out, self._index(scope, axis, self.types[out]))
            case Load():
                self._load(scope, instr)
            case Store():
                self._store(scope, instr)
            case Get(out=out, local=local):
                dtype = self.types[out]
                load = self.h.call("ld", dtype, scope.lanes)
                mask = 1 if dtype == "bool" and scope.lanes > 1 else 0
                self._name(scope, out, Val(f"{load}({self._local(scope, local)})", scope.lanes, mask))
            case Put(local=local, value=value):
                dtype = self.types[value]
                store = self.h.call("st", dtype, scope.lanes)
                self._put(scope, f"{store}({self._local(scope, local)}, {self._operand(scope, value)});")
            case Apply(out=out, op=op, args=args):
                val = self.values.apply(op, self.types[out], [env[a] for a in args], [self.types[a] for a in args])
                self._name(scope, out, val)
            case Reduce():
                self._accumulate(scope, instr)
            case Check(condition=condition, code=code):
                val = env[condition]
                if val.lanes == 1:
                    self._put(scope, f"if (!{val.text}) *call->status = {code};")
                else:
                    test = self.h.call("any", f"i{val.mask * 8}", val.lanes)
                    self._put(scope, f"if ({test}(~{val.text})) *call->status = {code};")

    def _operand(self, scope: Scope, value: int) -> str:
        """A value at the lanes of its scope, bools as one-byte masks."""
        val, dtype = scope.env[value], self.types[value]
        if dtype == "bool":
            return self.values.mask(val, 1, scope.lanes)
        return self.values.vector(val, dtype, scope.lanes)

    def _axis_name(self, scope: Scope, axis: int) -> str:
        name = self.kernel.axes[axis].name
        return f"({name} + {scope.shift})" if axis == self.vector_axis and scope.shift else name

    def _index(self, scope: Scope, axis: int, dtype: str) -> Val:
        name = self._axis_name(scope, axis)
        name = name if dtype == "i64" else f"({C_TYPES[dtype]}){name}"
        if axis != self.vector_axis or scope.lanes == 1:
            return Val(name)
        kind = self.h.type(dtype, scope.lanes)
        steps = ", ".join(str(lane) for lane in range(scope.lanes))
        return Val(f"({self.h.call('splat', dtype, scope.lanes)}({name}) + ({kind}){{{steps}}})", scope.lanes)

    def _inner_position(self, scope: Scope) -> str:
        """The number of the current inner point."""
        text = ""
        for k, extent in enumerate(self.inner_extents):
            name = self._axis_name(scope, len(self.kernel.grid) + k)
            text = name if not text else f"({text}) * {extent} + {name}"
        return text

    def _local(self, scope: Scope, local: int) -> str:
        point = self._inner_position(scope)
        if self.plan.vector == "grid" and scope.lanes > 1:
            return f"t{local} + ({point}) * {scope.lanes}"
        return f"t{local} + {point}"

    def _address(self, scope: Scope, position: Position) -> str:
        key = position
        strides = self._stride_names(key)
        terms = [strides[-1]] if position.offset else []
        for axis, stride in enumerate(strides[:-1]):
            if position.strides[axis]:
                name = self._axis_name(scope, axis)
                terms.append(name if stride == "1" else f"{name} * {stride}")
        return " + ".join(terms) or "0"

    def _stride_names(self, position: Position) -> list[str]:
        names = self._positions.get(position)
        if names is None:
            names = [self.stride(s) for s in position.strides] + [self.stride(position.offset)]
            self._positions[position] = names
        return names

    def _vector_stride(self, position: Position) -> int:
        return position.strides[self.vector_axis] if self.vector_axis is not None else 0

    def _load(self, scope: Scope, instr: Load) -> None:
        dtype = self.kernel.buffers[instr.buffer].dtype
        address = self._address(scope, instr.position)
        step = self._vector_stride(instr.position)
        env, base = scope.env, f"b{instr.buffer}"
        varying = scope.lanes > 1 and (
            step != 0
            or any(env[v].lanes > 1 for v, _ in instr.position.indirect)
            or (instr.mask is not None and env[instr.mask].lanes > 1)
        )
        lanes = scope.lanes if varying else 1
        mask = 1 if dtype == "bool" and lanes > 1 else 0
        if instr.position.indirect or instr.mask is not None:
            text = self._load_at(scope, instr, address, step, lanes)
        elif lanes > 1 and step != 1:
            stride = self._stride_names(instr.position)[self._axis()]
            text = f"{self.h.call('lds', dtype, lanes)}({base} + {address}, {stride})"
        else:
            text = f"{self.h.call('ld', dtype, lanes)}({base} + {address})"
        self._name(scope, instr.out, Val(text, lanes, mask))

    def _load_at(self, scope: Scope, instr: Load, address: str, step: int, lanes: int) -> str:
        env, kind = scope.env, self.kernel.buffers[instr.buffer].dtype
        offset = f"({address})"
        if lanes > 1:
            offset = f"{self.h.call('splat', 'i64', lanes)}({address})"
            if step:
                stride = self._stride_names(instr.position)[self._axis()]
                steps = ", ".join(str(lane) for lane in range(lanes))
                offset += f" + ({self.h.type('i64', lanes)}){{{steps}}} * {stride}"
        for value, stride_value in instr.position.indirect:
            step_text = self._indirect_stride(instr.position, value, stride_value)
            offset += f" + {self.values.vector(env[value], 'i64', lanes)} * {step_text}"
        guard = Val("1") if instr.mask is None else env[instr.mask]
        return f"{self.h.call('ldat', kind, lanes)}(b{instr.buffer}, {offset}, {self.values.mask(guard, 1, lanes)})"

    def _indirect_stride(self, position: Position, value: int, stride: int) -> str:
        key = (position, value)
        if key not in self._indirect:
            self._indirect[key] = self.stride(stride)
        return self._indirect[key]

    def _store(self, scope: Scope, instr: Store) -> None:
        dtype = self.kernel.buffers[instr.buffer].dtype
        step = self._vector_stride(instr.position)
        address = f"b{instr.buffer} + {self._address(scope, instr.position)}"
        value = self._operand(scope, instr.value)
        if scope.lanes == 1:
            text = f"{self.h.call('st', dtype, 1)}({address}, {value});"
            if instr.mask is not None:
                text = f"if ({scope.env[instr.mask].text}) {text}"
        elif instr.mask is not None:
            stride = self._stride_names(instr.position)[self._axis()]
            mask = self.values.mask(scope.env[instr.mask], 1, scope.lanes)
            text = f"{self.h.call('stm', dtype, scope.lanes)}({address}, {stride}, {mask}, {value});"
        elif step != 1:
            stride = self._stride_names(instr.position)[self._axis()]
            text = f"{self.h.call('sts', dtype, scope.lanes)}({address}, {stride}, {value});"
        else:
            text = f"{self.h.call('st', dtype, scope.lanes)}({address}, {value});"
        self._put(scope, text)

    def _accumulate(self, scope: Scope, instr: Reduce) -> None:
        lanes = scope.lanes
        operands = [self._operand(scope, a) for a in instr.args]
        if instr.over == "grid" and self._home(instr) is Level.INNER:
            out, dtype = instr.outs[0], self.types[instr.outs[0]]
            at = f"g{out} + {self._inner_position(scope)}"
            old = f"{self.h.call('ld', dtype, lanes)}({at})"
            pair = combine(self.h, instr.combiner, dtype, lanes, old, operands[0])
            self._put(scope, f"{self.h.call('st', dtype, lanes)}({at}, {pair});")
            return
        serial = self.plan.vector == "grid" and instr.over == "inner"
        names = [f"a{o}_{scope.unit}" if lanes > 1 or serial else f"e{o}" for o in instr.outs]
        if len(names) == 2:
            self._accumulate_pair(scope, instr, operands, names)
            return
        pair = combine(self.h, instr.combiner, self.types[instr.outs[0]], lanes, names[0], operands[0])
        self._put(scope, f"{names[0]} = {pair};")

    def _accumulate_pair(self, scope: Scope, instr: Reduce, operands: list[str], names: list[str]) -> None:
        lanes, dtype = scope.lanes, self.types[instr.outs[0]]
        self._put(scope, "{")
        self._put(scope, f"  const {self.h.type(dtype, lanes)} x = {operands[0]};")
        self._put(scope, f"  const {self.h.type('i64', lanes)} k = {operands[1]};")
        take = self._take(instr, lanes, "x", "k", names[0], names[1])
        kind = "int" if lanes == 1 else self.h.mask_type(ITEM_BYTES[dtype], lanes)
        self._put(scope, f"  const {kind} take = {take};")
        wide = self.values.mask(Val("take", lanes, ITEM_BYTES[dtype]), 8, lanes)
        self._put(scope, f"  {names[0]} = {self.h.call('sel', dtype, lanes)}(take, x, {names[0]});")
        self._put(scope, f"  {names[1]} = {self.h.call('sel', 'i64', lanes)}({wide}, k, {names[1]}); }}")

    def _home(self, reduce: Reduce) -> Level:
        return next(stage.level for stage, r in self.grid_reduces if r is reduce)
