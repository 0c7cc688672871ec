"""Reductions in C: accumulators of vectors and of single elements, and partial results of chunks.

The order of every reduction follows from sizes and lanes alone. Float sums, and what else rounds at every step, are
folded into a second accumulator block by block, so their error grows with the logarithm of a row more than with its
length. `_pairs` prints what is done to accumulators of two values.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamella.compiler._c._pairs import Pairs, count_of, in_blocks, is_counted, shifted
from lamella.compiler._c._text import Scope, Text
from lamella.compiler._c._types import C_TYPES, MEMORY_TYPES
from lamella.compiler._c._values import Val, literal
from lamella.compiler._kernel import Level, Reduce, Scan, Stage
from lamella.compiler._kernel._ir import FLOATS, INT_RANGE, ITEM_BYTES, PARTIAL, least_finite, used
from lamella.compiler._schedule import unroll

PARTIAL_ALIGN = 64


def identity(combiner: str, dtype: str) -> str:
    """The value a combiner leaves others unchanged by."""
    match combiner:
        case "sum" | "welford":
            return literal(0, dtype)
        case "softmax":
            return literal(least_finite(dtype), dtype)
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
        self.pairs = Pairs(text)
        self.grid_reduces: list[tuple[Stage, Reduce]] = [
            (stage, instr)
            for stage, instr in text.kernel.instructions()
            if isinstance(instr, Reduce) and instr.over == "grid"
        ]
        self.partial_bytes = 0

    def partial_declarations(self) -> list[str]:
        lines = []
        for stage, reduce in self.grid_reduces:
            points = self.text.inner_points() if stage.level is Level.INNER else 1
            names = [f"g{out}" for out in reduce.outs]
            for out, name in zip(reduce.outs, names, strict=True):
                lines.append(self._partial(name, f"at{out}", out, points))
            if is_counted(reduce):
                out = reduce.outs[0]
                lines.append(self._partial(count_of(names), f"atn{out}", out, 1))
                lines.append(self._partial(f"k{names[0]}", f"atk{out}", out, points))
        return lines

    def _partial(self, name: str, place: str, out: int, points: int) -> str:
        dtype = self.text.types[out]
        size = self.text.plan.chunks * points * ITEM_BYTES[dtype]
        offset = self.text.dim(self.partial_bytes, place)
        self.partial_bytes += -(-size // PARTIAL_ALIGN) * PARTIAL_ALIGN
        memory = MEMORY_TYPES[dtype]
        return f"{memory} *restrict {name} = ({memory} *)(call->partial + {offset});"

    def folds(self, reduce: Reduce) -> bool:
        """Whether a reduction rounds at every step, so that long rows are reduced block by block."""
        return reduce.combiner in PARTIAL or (reduce.combiner == "sum" and self.text.types[reduce.args[0]] in FLOATS)

    def _names(self, reduce: Reduce, pattern: str) -> list[str]:
        return [self.text.own(pattern.format(out)) for out in reduce.outs]

    def _shift(self, reduce: Reduce) -> str:
        name = f"k{reduce.outs[0]}"
        return self.text.own(name) if reduce.over == "inner" else name

    def _print(self, lines: list[str]) -> None:
        for line in lines:
            self.text.line(line)

    def _put(self, scope: Scope, lines: list[str]) -> None:
        for line in lines:
            self.text.put(scope, line)

    def accumulator(self, reduce: Reduce, out: int, lanes: int) -> tuple[str, str]:
        """C type and starting value of one accumulator."""
        if out in reduce.outs[1:]:
            start = literal(0, self.text.types[out]) if reduce.combiner in PARTIAL else "INT64_MAX"
            return self._started(start, out, lanes)
        return self._started(identity(reduce.combiner, self.text.types[out]), out, lanes)

    def _started(self, start: str, out: int, lanes: int) -> tuple[str, str]:
        dtype = self.text.types[out]
        if dtype == "bool":
            return self.text.values.ctype(dtype, lanes, 1), self.text.values.mask(Val(start), 1, lanes)
        return self.text.values.ctype(dtype, lanes), self.text.values.vector(Val(start), dtype, lanes)

    def declare(self, reduce: Reduce, lanes: int, pattern: str) -> None:
        """An accumulator: the names are `pattern` with the number of each value."""
        names = self._names(reduce, pattern)
        for out, name in zip(reduce.outs, names, strict=True):
            kind, start = self.accumulator(reduce, out, lanes)
            self.text.line(f"{kind} {name} = {start};")
        if is_counted(reduce):
            self.text.line(f"{C_TYPES[self.text.types[reduce.outs[0]]]} {count_of(names)} = 0;")

    def declare_accumulators(self, reduce: Reduce, lanes: int, units: int, blocked: bool) -> None:
        if lanes > 1:
            if blocked and self.folds(reduce):
                self.declare(reduce, lanes, "s{}")
            else:
                self.declare_block(reduce, lanes, units)
        self.declare(reduce, 1, "e{}")
        if in_blocks(reduce):
            self._print(self.pairs.start_row(reduce, 1, self._names(reduce, "e{}")))
        if is_counted(reduce):
            self._print(self.pairs.start_shift(reduce, 1, self._shift(reduce)))

    def declare_block(self, reduce: Reduce, lanes: int, units: int) -> None:
        for unit in range(self._sets(reduce, units) if lanes > 1 else 0):
            self.declare(reduce, lanes, f"a{{}}_{unit}")
        if in_blocks(reduce) and lanes > 1:
            self._print(self.pairs.start_row(reduce, lanes, self._names(reduce, "a{}_0")))

    def _end_row(self, reduce: Reduce, lanes: int, pattern: str) -> None:
        if in_blocks(reduce):
            self._print(self.pairs.end_row(reduce, lanes, self._names(reduce, pattern)))

    def _sets(self, reduce: Reduce, units: int) -> int:
        """Accumulators that unrolled bodies feed: one each, or one that takes in what they give together."""
        return 1 if in_blocks(reduce) else units

    def fold_block(self, reduce: Reduce, units: int, lanes: int) -> None:
        if lanes == 1:
            return
        if in_blocks(reduce):
            self._end_row(reduce, lanes, "a{}_0")
            names = self._names(reduce, "a{}_0")
            self._print(self.pairs.merge(reduce, lanes, self._names(reduce, "s{}"), names, count_of(names)))
            return
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
            for out, name in zip(reduce.outs, self._finish_pair(reduce, lanes, units, blocked), strict=True):
                env[out] = Val(name)
            if is_counted(reduce):
                self.text.line(f"{env[reduce.outs[0]].text} += {self._shift(reduce)};")
            return
        out, dtype, combiner = reduce.outs[0], self.text.types[reduce.outs[0]], reduce.combiner
        kind, name, single = C_TYPES[dtype], self.text.own(f"v{out}"), self.text.own(f"e{out}")
        if lanes == 1:
            self.text.line(f"const {kind} {name} = {single};")
        else:
            whole = self._tree(reduce, out, units, lanes)
            if blocked and self.folds(reduce):
                whole = self.text.own(f"s{out}")
            if dtype == "bool":
                anyone = self.text.h.call("any", "i8", lanes)
                across = f"{anyone}({whole})" if combiner == "any" else f"!{anyone}(~{whole})"
            else:
                across = f"{self.text.h.call('h' + combiner, dtype, lanes)}({whole})"
            self.text.line(f"const {kind} {name} = {self.text.h.combine(combiner, dtype, 1, across, single)};")
        env[out] = Val(name)

    def _finish_pair(self, reduce: Reduce, lanes: int, units: int, blocked: bool) -> list[str]:
        """Bring all lanes and units into the single accumulator, in a fixed order; its names."""
        blocked = blocked and self.folds(reduce)
        single = self._names(reduce, "e{}")
        self._end_row(reduce, 1, "e{}")
        if lanes > 1 and not blocked:
            self._end_row(reduce, lanes, "a{}_0")
        for unit in range(self._sets(reduce, units) if lanes > 1 else 0):
            names = self._names(reduce, "s{}" if blocked else f"a{{}}_{unit}")
            self._print(self.pairs.across(reduce, lanes, names, single))
        return single

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
            if stage.level is not Level.INNER:
                self.declare_accumulators(reduce, lanes, units, blocked=False)
                continue
            for out in reduce.outs:
                _, start = self.accumulator(reduce, out, 1)
                points = " * ".join(self.text.inner_extents)
                self.text.line(f"g{out} += chunk * ({points});")
                self.text.line(f"for (int64_t k = 0; k < {points}; ++k) g{out}[k] = {start};")
            if is_counted(reduce):
                self.text.line(f"kg{reduce.outs[0]} += chunk * ({' * '.join(self.text.inner_extents)});")

    def grid_units(self) -> int:
        """How many accumulators a reduction over the grid gets: several only where the grid is the vector axis."""
        if self.text.plan.vector != "grid" or self.text.kernel.inner:
            return 1
        return max([unroll(stage) for stage, _ in self.grid_reduces], default=1)

    def write_partials(self) -> None:
        units = self.grid_units()
        lanes = self.text.plan.lanes if self.text.plan.vector == "grid" else 1
        for stage, reduce in self.grid_reduces:
            count = f"ng{reduce.outs[0]}[chunk]"
            if stage.level is Level.INNER:
                if is_counted(reduce):
                    self.text.line(f"{count} = ({C_TYPES[self.text.types[reduce.outs[0]]]})(r1 - r0);")
                continue
            env: dict[int, Val] = {}
            if len(reduce.outs) == 2:
                self._finish_pair(reduce, lanes, units, blocked=False)
            elif lanes > 1:
                self.finish_accumulators(reduce, lanes, units, False, env)
            for out in reduce.outs:
                self.text.line(f"g{out}[chunk] = {env[out].text if env else f'e{out}'};")
            if is_counted(reduce):
                self.text.line(f"{count} = ne{reduce.outs[0]};")
                self.text.line(f"kg{reduce.outs[0]}[chunk] = {self._shift(reduce)};")

    def load_totals(self, scope: Scope, stage: Stage) -> None:
        """In a total stage, combine the chunks' partial results of the current inner point."""
        if stage.level.in_grid:
            return
        wanted = {value for instr in stage.body for value in used(instr)}
        for home, reduce in self.grid_reduces:
            if home.level is not Level.INNER or wanted.isdisjoint(reduce.outs):
                continue
            points, position = " * ".join(self.text.inner_extents), self.text.inner_position(scope)
            loads = []
            for out in reduce.outs:
                kind, start = self.accumulator(reduce, out, scope.lanes)
                self.text.put(scope, f"{kind} v{out} = {start};")
                if is_counted(reduce) and out == reduce.outs[0]:
                    self.text.put(scope, f"{C_TYPES[self.text.types[out]]} nv{out} = 0;")
                load = self.text.h.call("ld", self.text.types[out], scope.lanes)
                loads.append(f"{load}(g{out} + c * ({points}) + {position})")
                truth = self.text.types[out] == "bool" and scope.lanes > 1
                scope.env[out] = Val(f"v{out}", scope.lanes, 1 if truth else 0)
            if len(reduce.outs) == 2:
                self._load_pair(scope, reduce, loads)
                continue
            (out,) = reduce.outs
            pair = self.text.h.combine(reduce.combiner, self.text.types[out], scope.lanes, f"v{out}", loads[0])
            self.text.put(scope, f"for (int64_t c = 0; c < chunks; ++c) v{out} = {pair};")

    def _load_pair(self, scope: Scope, reduce: Reduce, loads: list[str]) -> None:
        names, shift, lanes = [f"v{out}" for out in reduce.outs], "", scope.lanes
        if is_counted(reduce):
            load = self.text.h.call("ld", self.text.types[reduce.outs[0]], lanes)
            points = " * ".join(self.text.inner_extents)
            shift = f"{load}(kg{reduce.outs[0]} + c * ({points}) + {self.text.inner_position(scope)})"
            self._put(scope, self._chunks(reduce, lanes, names, loads, shift))
            return
        others = self._partial_names(reduce)
        lines = [
            f"{self.text.h.type(self.text.types[out], lanes)} {name} = {load};"
            for out, name, load in zip(reduce.outs, others, loads, strict=True)
        ]
        lines += self.pairs.end_row(reduce, lanes, others)
        self._put(scope, self._chunks(reduce, lanes, names, others, shift, lines))

    def _chunks(
        self, reduce: Reduce, lanes: int, names: list[str], others: list[str], theirs: str, first: Sequence[str] = ()
    ) -> list[str]:
        """Bring the partial results of all chunks c, relative to `theirs`, into an accumulator that is declared.

        `first` comes before they are read.
        """
        before, after = list[str](), list[str]()
        if is_counted(reduce):
            shift = f"k{names[0]}"
            before, after = self.pairs.start_shift(reduce, lanes, shift), [f"{names[0]} += {shift};"]
            first = self.pairs.first(reduce, lanes, shift, [theirs])
            others = [f"({shifted(theirs, shift)} + {others[0]})", others[1]]
        merge = [*first, *self.pairs.merge(reduce, lanes, names, others, f"ng{reduce.outs[0]}[c]")]
        return [*before, "for (int64_t c = 0; c < chunks; ++c) {", *("  " + line for line in merge), "}", *after]

    def total(self, reduce: Reduce) -> list[Val]:
        """Combine the chunks' partial results of what has one for each chunk."""
        self.declare(reduce, 1, "e{}")
        names, others = self._names(reduce, "e{}"), self._names(reduce, "g{}[c]")
        if len(names) == 2:
            self._print(self._chunks(reduce, 1, names, others, f"kg{reduce.outs[0]}[c]"))
        else:
            dtype = self.text.types[reduce.outs[0]]
            pair = self.text.h.combine(reduce.combiner, dtype, 1, names[0], others[0])
            self._print(["for (int64_t c = 0; c < chunks; ++c) {", f"    {names[0]} = {pair};", "}"])
        return [Val(name) for name in names]

    # -- reductions of two values that take in several points at once -------------------------------------------------

    def open_block(self, reduces: list[Reduce], lanes: int, units: int) -> None:
        """Name what unrolled bodies give to one accumulator."""
        for reduce in reduces:
            if in_blocks(reduce) and lanes > 1:
                kind = self.text.h.type(self.text.types[reduce.outs[0]], lanes)
                self.text.line(f"  {kind} {', '.join(self._given(reduce, units))};")

    def close_block(self, reduces: list[Reduce], lanes: int, units: int) -> None:
        """Take in what the bodies gave."""
        for reduce in reduces:
            if in_blocks(reduce) and lanes > 1:
                names = self._names(reduce, "a{}_0")
                given, first = self._given(reduce, units), []
                if is_counted(reduce):
                    shift = self._shift(reduce)
                    first = self.pairs.first(reduce, 1, shift, [f"{given[0]}[{lane}]" for lane in range(lanes)])
                    given = [shifted(value, shift) for value in given]
                block = self.pairs.row_block(reduce, lanes, names, given)
                self._print(["  " + line for line in [*first, *block]])

    def _given(self, reduce: Reduce, units: int) -> list[str]:
        return [self.text.own(f"w{reduce.outs[0]}_{unit}") for unit in range(units)]

    def open_point(self, scope: Scope, stage: Stage, rows: int) -> None:
        """Before the rows abreast reach an inner point: what they give to its partial results."""
        pairs = self._pairs_of(stage)
        self._put(scope, ["{"] if pairs else [])
        for reduce in pairs:
            for out, name in zip(reduce.outs, self._partial_names(reduce), strict=True):
                kind = self.text.h.type(self.text.types[out], scope.lanes)
                load = self.text.h.call("ld", self.text.types[out], scope.lanes)
                self.text.put(scope, f"{kind} {name} = {load}(g{out} + {self.text.inner_position(scope)});")
            out = reduce.outs[0]
            kind, load = (make(self.text.types[out], scope.lanes) for make in (self.text.h.type, self._load))
            self.text.put(scope, f"{kind} {', '.join(self._from_rows(reduce, rows))};")
            if is_counted(reduce):
                self.text.put(scope, f"{kind} k{out} = {load}(kg{out} + {self.text.inner_position(scope)});")

    def _load(self, dtype: str, lanes: int) -> str:
        return self.text.h.call("ld", dtype, lanes)

    def close_point(self, scope: Scope, stage: Stage, rows: int) -> None:
        """Behind them: store the partial results."""
        pairs = self._pairs_of(stage)
        for reduce in pairs:
            names = self._partial_names(reduce)
            if is_counted(reduce):
                base, shift = C_TYPES[self.text.types[reduce.outs[0]]], f"k{reduce.outs[0]}"
                given = self._from_rows(reduce, rows)
                store = self.text.h.call("st", self.text.types[reduce.outs[0]], scope.lanes)
                self.text.put(scope, f"{base} {count_of(names)} = ({base})(r - r0);")
                chosen = self.pairs.shift_of(reduce, scope.lanes, shift, given)
                chosen.append(f"{store}(kg{reduce.outs[0]} + {self.text.inner_position(scope)}, {shift});")
                self._put(scope, ["if (r == r0) {", *("  " + line for line in chosen), "}"])
                given = [shifted(value, shift) for value in given]
                self._put(scope, self.pairs.block(reduce, scope.lanes, names, given))
            else:
                self._put(scope, self.pairs.row_block(reduce, scope.lanes, names, self._from_rows(reduce, rows)))
            for out, name in zip(reduce.outs, names, strict=True):
                store = self.text.h.call("st", self.text.types[out], scope.lanes)
                self.text.put(scope, f"{store}(g{out} + {self.text.inner_position(scope)}, {name});")
        self._put(scope, ["}"] if pairs else [])

    def _pairs_of(self, stage: Stage) -> list[Reduce]:
        """Reductions of two values that keep the inner axes."""
        if stage.level is not Level.INNER:
            return []
        return [reduce for home, reduce in self.grid_reduces if home is stage and len(reduce.outs) == 2]

    def _partial_names(self, reduce: Reduce) -> list[str]:
        return [f"p{out}" for out in reduce.outs]

    def _from_rows(self, reduce: Reduce, rows: int) -> list[str]:
        return [f"y{reduce.outs[0]}_{row}" for row in range(rows)]

    # -- rows side by side, each one point after the other ------------------------------------------------------------

    def open_serial(self, reduce: Reduce, lanes: int) -> None:
        """Declare what rows side by side are reduced in."""
        self.declare(reduce, lanes, "a{}_0")
        if is_counted(reduce):
            self._print(self.pairs.start_shift(reduce, lanes, self._shift(reduce)))

    def close_serial(self, reduce: Reduce) -> None:
        """What is reduced is there."""
        if is_counted(reduce):
            self.text.line(f"a{reduce.outs[0]}_0 = a{reduce.outs[0]}_0 + {self._shift(reduce)};")

    def open_serial_block(self, reduce: Reduce, lanes: int) -> None:
        """Put aside what has been reduced so far."""
        names, kept = self._names(reduce, "a{}_0"), self._names(reduce, "s{}")
        for out, name, keep in zip(reduce.outs, names, kept, strict=True):
            kind, start = self.accumulator(reduce, out, lanes)
            const = "const " if len(names) == 1 else ""
            self.text.line(f"{const}{kind} {keep} = {name};")
            self.text.line(f"{name} = {start};")
        if is_counted(reduce):
            kind, count = C_TYPES[self.text.types[reduce.outs[0]]], count_of(names)
            self.text.line(f"{kind} {count_of(kept)} = {count}; {count} = 0;")

    def close_serial_block(self, reduce: Reduce, lanes: int) -> None:
        """Bring the block into it."""
        names, kept = self._names(reduce, "a{}_0"), self._names(reduce, "s{}")
        if len(names) == 1:
            self.text.line(f"{names[0]} = {kept[0]} + {names[0]};")
            return
        self._print(self.pairs.merge(reduce, lanes, kept, names, count_of(names)))
        for name, keep in zip(names, kept, strict=True):
            self.text.line(f"{name} = {keep};")
        if is_counted(reduce):
            self.text.line(f"{count_of(names)} = {count_of(kept)};")

    # -- one point ----------------------------------------------------------------------------------------------------

    def accumulate(self, scope: Scope, instr: Reduce) -> None:
        lanes = scope.lanes
        operands = [self.text.operand(scope, a) for a in instr.args]
        kept = instr.over == "grid" and self._home(instr) is Level.INNER
        if kept and len(instr.outs) == 1:
            out, dtype = instr.outs[0], self.text.types[instr.outs[0]]
            at = f"g{out} + {self.text.inner_position(scope)}"
            old = f"{self.text.h.call('ld', dtype, lanes)}({at})"
            pair = self.text.h.combine(instr.combiner, dtype, lanes, old, operands[0])
            self.text.put(scope, f"{self.text.h.call('st', dtype, lanes)}({at}, {pair});")
            return
        serial = self.text.plan.vector == "grid" and instr.over == "inner"
        block = in_blocks(instr) and not kept and not serial
        if kept or (block and lanes > 1):
            given = self._from_rows(instr, self.text.row + 1) if kept else self._given(instr, scope.unit + 1)
            self.text.put(scope, f"{given[-1]} = {operands[0]};")
            return
        names = [f"a{o}_{scope.unit}" if lanes > 1 or serial else f"e{o}" for o in instr.outs]
        if instr.over == "inner":
            names = [self.text.own(name) for name in names]
        if is_counted(instr):
            shift, wide = self._shift(instr), lanes if serial else 1
            whole = [operands[0]] if wide == lanes else [f"{operands[0]}[{lane}]" for lane in range(lanes)]
            self._put(scope, self.pairs.first(instr, wide, shift, whole))
            operands = [shifted(operands[0], shift), *operands[1:]]
        if len(operands) == 2 and instr.combiner in PARTIAL:  # a row's own partial result
            points = f"({C_TYPES[self.text.types[instr.outs[0]]]})({' * '.join(self.text.inner_extents)})"
            self._put(scope, self.pairs.merge(instr, lanes, names, operands, points))
        elif block:
            self._put(scope, self.pairs.row_block(instr, 1, names, operands))
        elif len(names) == 2:
            self._put(scope, self.pairs.take(instr, lanes, names, operands))
        else:
            pair = self.text.h.combine(instr.combiner, self.text.types[instr.outs[0]], lanes, names[0], operands[0])
            self.text.put(scope, f"{names[0]} = {pair};")

    def _home(self, reduce: Reduce) -> Level:
        return next(stage.level for stage, r in self.grid_reduces if r is reduce)
