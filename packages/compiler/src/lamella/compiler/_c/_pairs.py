"""Combiners that carry two values, in C: how an accumulator takes in a value, another accumulator, and its own lanes.

An accumulator is two C variables. "welford" has a third, how many numbers a lane has taken in: it is the same for all
lanes, so it is a scalar, and what is divided by it is divided once for all of them. Several numbers for each lane are
taken in as a block (Chan, Golub & LeVeque 1979): their own mean and distances first, then one division for them all.
Its means are relative to one of the numbers, the shift: differences of means far from 0 are then not those of two
rounded large numbers. All accumulators of a row share one.
"""

from __future__ import annotations

from lamella.compiler._c._text import Text
from lamella.compiler._c._types import C_TYPES
from lamella.compiler._c._values import Val, literal
from lamella.compiler._kernel import Reduce
from lamella.compiler._kernel._ir import FLOATS, ITEM_BYTES, PARTIAL, least_finite


def is_counted(reduce: Reduce) -> bool:
    """Whether accumulators have a count beside what they carry."""
    return reduce.combiner == "welford"


def in_blocks(reduce: Reduce) -> bool:
    """Whether an accumulator takes in several numbers for each lane at once."""
    return reduce.combiner in PARTIAL and len(reduce.args) == 1


def count_of(names: list[str]) -> str:
    """The C name of an accumulator's count."""
    return f"n{names[0]}"


def shifted(name: str, shift: str) -> str:
    """The C expression of a number relative to a shift."""
    return f"({name} - {shift})"


class Pairs:
    """Statements on accumulators of two values; `names` are their C names."""

    def __init__(self, text: Text) -> None:
        self.text, self.h = text, text.h

    def start_shift(self, reduce: Reduce, lanes: int, shift: str) -> list[str]:
        """Declare a shift, and whether it is known."""
        kind = self.h.type(self._dtype(reduce), lanes)
        return [f"{kind} {shift} = {self._zero(reduce, lanes)};", f"int has{shift} = 0;"]

    def first(self, reduce: Reduce, lanes: int, shift: str, values: list[str]) -> list[str]:
        """Let the number closest to 0 be the shift if none is known."""
        lines = [*self.shift_of(reduce, lanes, shift, values), f"has{shift} = 1;"]
        return [f"if (!has{shift}) {{", *("  " + line for line in lines), "}"]

    def shift_of(self, reduce: Reduce, lanes: int, shift: str, values: list[str]) -> list[str]:
        """Let the number closest to 0 be the shift; where it is not finite 0 is.

        Not the first one: a mean is no better than the last place of the shift.
        """
        dtype = self._dtype(reduce)
        select, size = self.h.call("sel", dtype, lanes), self.h.call("abs", dtype, lanes)
        zero = self._zero(reduce, lanes)
        lines = [f"{shift} = {values[0]};"]
        lines += [f"{shift} = {select}({size}({v}) < {size}({shift}), {v}, {shift});" for v in values[1:]]
        lines.append(f"{shift} = {select}({shift} - {shift} == {zero}, {shift}, {zero});")
        return lines

    def _zero(self, reduce: Reduce, lanes: int) -> str:
        return self.text.values.vector(Val(literal(0, self._dtype(reduce))), self._dtype(reduce), lanes)

    def take(self, reduce: Reduce, lanes: int, names: list[str], values: list[str]) -> list[str]:
        """Take in the values of one point."""
        match reduce.combiner:
            case "welford":
                return self.block(reduce, lanes, names, values)
            case "softmax":
                one = self.text.values.vector(Val(literal(1, self._dtype(reduce))), self._dtype(reduce), lanes)
                return [self._powers(reduce, lanes, names, [values[0], one])]
            case _:
                return self._better(reduce, lanes, names, values)

    def block(self, reduce: Reduce, lanes: int, names: list[str], values: list[str]) -> list[str]:
        """Take a few numbers for each lane into means and distances; a power of two, so that equal ones stay exact."""
        dtype = self._dtype(reduce)
        if len(values) == 1:
            spread = f"{values[0]} - {values[0]}"  # 0, but of infinity NaN
            return self._moments(reduce, lanes, names, [values[0], spread], literal(1, dtype))
        merge = self._moments(reduce, lanes, names, ["b", "q"], literal(len(values), dtype))
        return ["{", *("  " + line for line in [*self._own_moments(reduce, lanes, values), *merge]), "}"]

    def _own_moments(self, reduce: Reduce, lanes: int, values: list[str]) -> list[str]:
        """Mean b and squared distances q of a few numbers for each lane."""
        dtype, kind = self._dtype(reduce), self.h.type(self._dtype(reduce), lanes)
        fma = self.h.call("fma", dtype, lanes)
        total = self._sum(values)
        mean = f"{total} * {literal(1 / len(values), dtype)}" if len(values) > 1 else total
        lines = [f"const {kind} b = {mean};", f"{kind} c = {values[0]} - b, q = c * c;"]
        return lines + [f"c = {value} - b; q = {fma}(c, c, q);" for value in values[1:]]

    def _sum(self, terms: list[str]) -> str:
        while len(terms) > 1:
            terms = [f"({a} + {b})" for a, b in zip(terms[::2], terms[1::2], strict=True)]
        return terms[0]

    # -- the inner loop of a row: what only non-finite numbers need waits until its end -------------------------------

    def start_row(self, reduce: Reduce, lanes: int, names: list[str]) -> list[str]:
        """Declare what `row_block` needs beside the accumulator."""
        kind = self.h.type(self._dtype(reduce), lanes)
        return [f"{kind} t{names[0]} = {self._zero(reduce, lanes)};"] if is_counted(reduce) else []

    def row_block(self, reduce: Reduce, lanes: int, names: list[str], values: list[str]) -> list[str]:
        """Take in a few numbers for each lane; `end_row` must follow."""
        dtype, (first, second) = self._dtype(reduce), names
        if is_counted(reduce):
            lines = self._own_moments(reduce, lanes, values)
            lines += self._moments(reduce, lanes, names, ["b", "q"], literal(len(values), dtype), "advance")
            lines.append(f"t{first} = t{first} + b;")  # infinite or NaN where the mean should be
        else:
            most, least, exp = (self.h.call(name, dtype, lanes) for name in ("most", "least", "exp"))
            splat, some = self.h.call("splat", dtype, lanes), self.h.call("anylane", dtype, lanes)
            high = first
            for value in values:
                high = f"{most}({value}, {high})"
            finite = f"{splat}({literal(-least_finite(dtype), dtype)})"
            lines = [
                f"const {self.h.type(dtype, lanes)} b = {least}({finite}, {high});",  # seldom larger than before
                f"if ({some}(b > {first})) {{ {second} = {second} * {exp}({first} - b); {first} = b; }}",
                f"{second} = {second} + {self._sum([f'{exp}({value} - {first})' for value in values])};",
            ]
        return ["{", *("  " + line for line in lines), "}"]

    def end_row(self, reduce: Reduce, lanes: int, names: list[str]) -> list[str]:
        """Make of what `row_block` did what the combiner says of NaN and infinity."""
        dtype, (first, second) = self._dtype(reduce), names
        select = self.h.call("sel", dtype, lanes)
        if is_counted(reduce):
            return [f"{first} = {select}({second} == {second}, {first}, t{first});"]
        splat = self.h.call("splat", dtype, lanes)
        top, one = (f"{splat}({literal(value, dtype)})" for value in (float("inf"), 1))
        infinite = f"{second} == {top}"
        return [
            f"{first} = {select}({infinite}, {top}, {first});",
            f"{second} = {select}({infinite}, {one}, {second});",
        ]

    def merge(self, reduce: Reduce, lanes: int, names: list[str], others: list[str], count: str = "") -> list[str]:
        """Take in another accumulator, of `count` numbers."""
        match reduce.combiner:
            case "welford":
                inside = self._moments(reduce, lanes, names, others, count)
                return [f"if ({count} > 0) {{", *("  " + line for line in inside), "}"]
            case "softmax":
                return [self._powers(reduce, lanes, names, others)]
            case _:
                beats = self.beats(reduce, 1, *others, *names)
                return [f"if ({beats}) {{ {names[0]} = {others[0]}; {names[1]} = {others[1]}; }}"]

    def across(self, reduce: Reduce, lanes: int, names: list[str], single: list[str]) -> list[str]:
        """Bring the lanes of an accumulator into a single one, in an order that follows from their number."""
        dtype = self._dtype(reduce)
        base, kind = C_TYPES[dtype], self.h.type(dtype, lanes)
        first, second = names
        match reduce.combiner:
            case "welford":
                total, count = self.h.call("hsum", dtype, lanes), count_of(names)
                return [
                    "{",
                    f"  const {base} b = {total}({first}) * {literal(1 / lanes, dtype)};",
                    f"  const {kind} c = {first} - b;",
                    f"  const {base} q = {total}({second} + c * (c * {count})), k = {count} * {literal(lanes, dtype)};",
                    *("  " + line for line in self.merge(reduce, 1, single, ["b", "q"], "k")),
                    "}",
                ]
            case "softmax":
                top, total = (self.h.call(name, dtype, lanes) for name in ("hlargest", "hsum"))
                power = f"{self.h.call('power', dtype, lanes)}({first}, {self.h.call('splat', dtype, lanes)}(b))"
                return [
                    "{",
                    f"  const {base} b = {top}({first});",
                    f"  const {base} q = {total}({second} * {power});",
                    *("  " + line for line in self.merge(reduce, 1, single, ["b", "q"])),
                    "}",
                ]
            case _:
                one = self.merge(reduce, 1, single, ["x[l]", "k[l]"])[0]
                return [
                    f"{{ {base} x[{lanes}]; int64_t k[{lanes}];",
                    f"  memcpy(x, &{first}, sizeof x); memcpy(k, &{second}, sizeof k);",
                    f"  for (int l = 0; l < {lanes}; ++l) {one} }}",
                ]

    def _dtype(self, reduce: Reduce) -> str:
        return self.text.types[reduce.outs[0]]

    def _moments(
        self, reduce: Reduce, lanes: int, names: list[str], others: list[str], more: str, how: str = "moments"
    ) -> list[str]:
        kind, count = C_TYPES[self._dtype(reduce)], count_of(names)
        merge = self.h.call(how, self._dtype(reduce), lanes)
        return [
            f"{{ const {kind} f = {more} / ({count} + {more});",
            f"  {merge}(&{names[0]}, &{names[1]}, {', '.join(others)}, f, {count} * f);",
            f"  {count} += {more}; }}",
        ]

    def _powers(self, reduce: Reduce, lanes: int, names: list[str], others: list[str]) -> str:
        merge = self.h.call("powers", self._dtype(reduce), lanes)
        return f"{merge}(&{names[0]}, &{names[1]}, {', '.join(others)});"

    def _better(self, reduce: Reduce, lanes: int, names: list[str], values: list[str]) -> list[str]:
        """argmax and argmin: keep the better of what is there and a value with its position."""
        dtype = self._dtype(reduce)
        kind = "int" if lanes == 1 else self.h.mask_type(ITEM_BYTES[dtype], lanes)
        wide = self.text.values.mask(Val("take", lanes, ITEM_BYTES[dtype]), 8, lanes)
        return [
            "{",
            f"  const {self.h.type(dtype, lanes)} x = {values[0]};",
            f"  const {self.h.type('i64', lanes)} k = {values[1]};",
            f"  const {kind} take = {self.beats(reduce, lanes, 'x', 'k', *names)};",
            f"  {names[0]} = {self.h.call('sel', dtype, lanes)}(take, x, {names[0]});",
            f"  {names[1]} = {self.h.call('sel', 'i64', lanes)}({wide}, k, {names[1]}); }}",
        ]

    def beats(self, reduce: Reduce, lanes: int, x: str, k: str, best: str, at: str) -> str:
        """Whether (x, k) goes before (best, at): NaN first, then the larger (smaller), then the earlier."""
        dtype = self._dtype(reduce)
        sign = ">" if reduce.combiner == "argmax" else "<"
        earlier = f"({k} < {at})"
        if lanes > 1:
            mask = self.h.mask_type(ITEM_BYTES[dtype], lanes)
            earlier = earlier if ITEM_BYTES[dtype] == 8 else f"__builtin_convertvector({k} < {at}, {mask})"
        if dtype not in FLOATS:
            return f"({x} {sign} {best}) | (({x} == {best}) & {earlier})"
        same = f"(({x} == {best}) | (({x} != {x}) & ({best} != {best})))"
        return f"({x} {sign} {best}) | (({x} != {x}) & ({best} == {best})) | ({same} & {earlier})"
