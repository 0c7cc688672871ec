"""Reductions in C: accumulators of vectors and of single elements, and partial results of chunks.

The order of every reduction follows from sizes and lanes alone. Float sums are folded into a second accumulator block
by block, so their error grows with the logarithm of a row more than with its length.
"""

from __future__ import annotations

from lamella.compiler._c._text import Scope, Text
from lamella.compiler._c._types import C_TYPES, MEMORY_TYPES
from lamella.compiler._c._values import Val, literal
from lamella.compiler._kernel import Level, Reduce, Scan, Stage
from lamella.compiler._kernel._ir import FLOATS, INT_RANGE, ITEM_BYTES, used
from lamella.compiler._schedule import unroll

PARTIAL_ALIGN = 64


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
    low = combiner in ("max", "largest", "argmax", "logaddexp")
    if dtype in FLOATS:
        return literal(float("-inf") if low else float("inf"), dtype)
    return literal(INT_RANGE[dtype][0 if low else 1], dtype)


class Reductions:
    """Prints every reduction of one kernel."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self.grid_reduces: list[tuple[Stage, Reduce]] = [
            (stage, instr)
            for stage, instr in text.kernel.instructions()
            if isinstance(instr, Reduce) and instr.over == "grid"
        ]
        self.partial_bytes = 0

    def partial_declarations(self) -> list[str]:
        lines = []
        for stage, reduce in self.grid_reduces:
            for out in reduce.outs:
                dtype = self.text.types[out]
                points = self.text.inner_points() if stage.level is Level.INNER else 1
                size = self.text.plan.chunks * points * ITEM_BYTES[dtype]
                offset = self.text.dim(self.partial_bytes, f"at{out}")
                memory = MEMORY_TYPES[dtype]
                lines.append(f"{memory} *restrict g{out} = ({memory} *)(call->partial + {offset});")
                self.partial_bytes += -(-size // PARTIAL_ALIGN) * PARTIAL_ALIGN
        return lines

    def is_float_sum(self, reduce: Reduce) -> bool:
        return reduce.combiner == "sum" and self.text.types[reduce.args[0]] in FLOATS

    def accumulator(self, reduce: Reduce, out: int, lanes: int) -> tuple[str, str]:
        """C type and starting value of one accumulator."""
        if out in reduce.outs[1:]:
            return self._started("INT64_MAX", out, lanes)
        return self._started(identity(reduce.combiner, self.text.types[out]), out, lanes)

    def _started(self, start: str, out: int, lanes: int) -> tuple[str, str]:
        dtype = self.text.types[out]
        if dtype == "bool":
            return self.text.values.ctype(dtype, lanes, 1), self.text.values.mask(Val(start), 1, lanes)
        return self.text.values.ctype(dtype, lanes), self.text.values.vector(Val(start), dtype, lanes)

    def declare_accumulators(self, reduce: Reduce, lanes: int, units: int, blocked: bool) -> None:
        for out in reduce.outs:
            if lanes > 1:
                kind, start = self.accumulator(reduce, out, lanes)
                if blocked and self.is_float_sum(reduce):
                    self.text.line(f"{kind} {self.text.own(f's{out}')} = {start};")
                else:
                    for unit in range(units):
                        self.text.line(f"{kind} {self.text.own(f'a{out}_{unit}')} = {start};")
            kind, start = self.accumulator(reduce, out, 1)
            self.text.line(f"{kind} {self.text.own(f'e{out}')} = {start};")

    def declare_block(self, reduce: Reduce, lanes: int, units: int) -> None:
        out = reduce.outs[0]
        for unit in range(units if lanes > 1 else 0):
            kind, start = self.accumulator(reduce, out, lanes)
            self.text.line(f"{kind} {self.text.own(f'a{out}_{unit}')} = {start};")

    def fold_block(self, reduce: Reduce, units: int, lanes: int) -> None:
        if lanes > 1:
            name = self.text.own(f"s{reduce.outs[0]}")
            self.text.line(f"{name} = {name} + {self._tree(reduce, reduce.outs[0], units, lanes)};")

    def _tree(self, reduce: Reduce, out: int, units: int, lanes: int) -> str:
        parts = [self.text.own(f"a{out}_{unit}") for unit in range(units)]
        while len(parts) > 1:
            parts = [
                f"({self.text.h.combine(reduce.combiner, self.text.types[out], lanes, a, b)})"
                for a, b in zip(parts[::2], parts[1::2], strict=True)
            ]
        return parts[0]

    def finish_accumulators(self, reduce: Reduce, lanes: int, units: int, blocked: bool, env: dict[int, Val]) -> None:
        if len(reduce.outs) == 2:
            self._finish_pair(reduce, lanes, units, env)
            return
        out, dtype, combiner = reduce.outs[0], self.text.types[reduce.outs[0]], reduce.combiner
        kind, name, single = C_TYPES[dtype], self.text.own(f"v{out}"), self.text.own(f"e{out}")
        if lanes == 1:
            self.text.line(f"const {kind} {name} = {single};")
        else:
            whole = self._tree(reduce, out, units, lanes)
            if blocked and self.is_float_sum(reduce):
                whole = self.text.own(f"s{out}")
            if dtype == "bool":
                anyone = self.text.h.call("any", "i8", lanes)
                across = f"{anyone}({whole})" if combiner == "any" else f"!{anyone}(~{whole})"
            else:
                across = f"{self.text.h.call('h' + combiner, dtype, lanes)}({whole})"
            self.text.line(f"const {kind} {name} = {self.text.h.combine(combiner, dtype, 1, across, single)};")
        env[out] = Val(name)

    def _finish_pair(self, reduce: Reduce, lanes: int, units: int, env: dict[int, Val]) -> None:
        """argmax and argmin: bring all lanes and units into the scalar accumulator, in a fixed order."""
        best, at = reduce.outs
        first, second = (self.text.own(f"e{out}") for out in reduce.outs)
        if lanes > 1:
            base = C_TYPES[self.text.types[best]]
            for unit in range(units):
                self.text.line(f"{{ {base} x[{lanes}]; int64_t k[{lanes}];")
                values, places = (self.text.own(f"a{out}_{unit}") for out in reduce.outs)
                self.text.line(f"  memcpy(x, &{values}, sizeof x); memcpy(k, &{places}, sizeof k);")
                take = self.take(reduce, 1, "x[l]", "k[l]", first, second)
                self.text.line(
                    f"  for (int l = 0; l < {lanes}; ++l) if ({take}) {{ {first} = x[l]; {second} = k[l]; }} }}"
                )
        env[best], env[at] = Val(first), Val(second)

    def take(self, reduce: Reduce, lanes: int, x: str, k: str, best: str, at: str) -> str:
        """Whether (x, k) beats (best, at): NaN first, then the larger (smaller), then the earlier."""
        dtype = self.text.types[reduce.outs[0]]
        sign = ">" if reduce.combiner == "argmax" else "<"
        earlier = f"({k} < {at})"
        if lanes > 1:
            mask = self.text.h.mask_type(ITEM_BYTES[dtype], lanes)
            earlier = earlier if ITEM_BYTES[dtype] == 8 else f"__builtin_convertvector({k} < {at}, {mask})"
        if dtype not in FLOATS:
            return f"({x} {sign} {best}) | (({x} == {best}) & {earlier})"
        same = f"(({x} == {best}) | (({x} != {x}) & ({best} != {best})))"
        return f"({x} {sign} {best}) | (({x} != {x}) & ({best} == {best})) | ({same} & {earlier})"

    def start_scans(self, stage: Stage, lanes: int) -> None:
        """What a scan carries from point to point."""
        for instr in stage.body:
            if isinstance(instr, Scan):
                start = identity(instr.combiner, self.text.types[instr.out])
                kind, start = self._started(start, instr.out, lanes)
                self.text.line(f"{kind} carry{instr.out} = {start};")

    def scan(self, scope: Scope, instr: Scan) -> None:
        """Combine what is carried with this point's value, which is then also the result."""
        dtype, carried = self.text.types[instr.out], f"carry{instr.out}"
        value = self.text.operand(scope, instr.arg)
        self.text.put(scope, f"{carried} = {self.text.h.combine(instr.combiner, dtype, scope.lanes, carried, value)};")
        mask = 1 if dtype == "bool" and scope.lanes > 1 else 0
        self.text.name(scope, instr.out, Val(carried, scope.lanes, mask))

    def grid_accumulators(self) -> None:
        units = self.grid_units()
        lanes = self.text.plan.lanes if self.text.plan.vector == "grid" else 1
        for stage, reduce in self.grid_reduces:
            for out in reduce.outs:
                kind, start = self.accumulator(reduce, out, 1)
                if stage.level is Level.INNER:
                    points = " * ".join(self.text.inner_extents)
                    self.text.line(f"g{out} += chunk * ({points});")
                    self.text.line(f"for (int64_t k = 0; k < {points}; ++k) g{out}[k] = {start};")
                    continue
                self.text.line(f"{kind} e{out} = {start};")
                if lanes > 1:
                    kind, start = self.accumulator(reduce, out, lanes)
                    for unit in range(units):
                        self.text.line(f"{kind} a{out}_{unit} = {start};")

    def grid_units(self) -> int:
        """How many accumulators a reduction over the grid gets: several only where the grid is the vector axis."""
        if self.text.plan.vector != "grid" or self.text.kernel.inner:
            return 1
        return max([unroll(stage) for stage, _ in self.grid_reduces], default=1)

    def write_partials(self) -> None:
        units = self.grid_units()
        lanes = self.text.plan.lanes if self.text.plan.vector == "grid" else 1
        for stage, reduce in self.grid_reduces:
            if stage.level is Level.INNER:
                continue
            env: dict[int, Val] = {}
            if lanes > 1:
                self.finish_accumulators(reduce, lanes, units, False, env)
            for out in reduce.outs:
                self.text.line(f"g{out}[chunk] = {env[out].text if lanes > 1 else f'e{out}'};")

    def load_totals(self, scope: Scope, stage: Stage) -> None:
        """In a total stage, combine the chunks' partial results of the current inner point."""
        if stage.level.in_grid:
            return
        wanted = {value for instr in stage.body for value in used(instr)}
        for home, reduce in self.grid_reduces:
            out = reduce.outs[0]
            if home.level is not Level.INNER or out not in wanted:
                continue
            dtype = self.text.types[out]
            kind, start = self.accumulator(reduce, out, scope.lanes)
            self.text.put(scope, f"{kind} v{out} = {start};")
            points = " * ".join(self.text.inner_extents)
            at = f"g{out} + c * ({points}) + {self.text.inner_position(scope)}"
            load = f"{self.text.h.call('ld', dtype, scope.lanes)}({at})"
            pair = self.text.h.combine(reduce.combiner, dtype, scope.lanes, f"v{out}", load)
            self.text.put(scope, f"for (int64_t c = 0; c < chunks; ++c) v{out} = {pair};")
            scope.env[out] = Val(f"v{out}", scope.lanes, 1 if dtype == "bool" and scope.lanes > 1 else 0)

    def accumulate(self, scope: Scope, instr: Reduce) -> None:
        lanes = scope.lanes
        operands = [self.text.operand(scope, a) for a in instr.args]
        if instr.over == "grid" and self._home(instr) is Level.INNER:
            out, dtype = instr.outs[0], self.text.types[instr.outs[0]]
            at = f"g{out} + {self.text.inner_position(scope)}"
            old = f"{self.text.h.call('ld', dtype, lanes)}({at})"
            pair = self.text.h.combine(instr.combiner, dtype, lanes, old, operands[0])
            self.text.put(scope, f"{self.text.h.call('st', dtype, lanes)}({at}, {pair});")
            return
        serial = self.text.plan.vector == "grid" and instr.over == "inner"
        names = [f"a{o}_{scope.unit}" if lanes > 1 or serial else f"e{o}" for o in instr.outs]
        if instr.over == "inner":
            names = [self.text.own(name) for name in names]
        if len(names) == 2:
            self._accumulate_pair(scope, instr, operands, names)
            return
        pair = self.text.h.combine(instr.combiner, self.text.types[instr.outs[0]], lanes, names[0], operands[0])
        self.text.put(scope, f"{names[0]} = {pair};")

    def _accumulate_pair(self, scope: Scope, instr: Reduce, operands: list[str], names: list[str]) -> None:
        lanes, dtype = scope.lanes, self.text.types[instr.outs[0]]
        self.text.put(scope, "{")
        self.text.put(scope, f"  const {self.text.h.type(dtype, lanes)} x = {operands[0]};")
        self.text.put(scope, f"  const {self.text.h.type('i64', lanes)} k = {operands[1]};")
        take = self.take(instr, lanes, "x", "k", names[0], names[1])
        kind = "int" if lanes == 1 else self.text.h.mask_type(ITEM_BYTES[dtype], lanes)
        self.text.put(scope, f"  const {kind} take = {take};")
        wide = self.text.values.mask(Val("take", lanes, ITEM_BYTES[dtype]), 8, lanes)
        self.text.put(scope, f"  {names[0]} = {self.text.h.call('sel', dtype, lanes)}(take, x, {names[0]});")
        self.text.put(scope, f"  {names[1]} = {self.text.h.call('sel', 'i64', lanes)}({wide}, k, {names[1]}); }}")

    def _home(self, reduce: Reduce) -> Level:
        return next(stage.level for stage, r in self.grid_reduces if r is reduce)
