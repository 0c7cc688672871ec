"""The statements of one printed function: values, accesses and checks, each made where it is first needed.

A scope remembers what is at hand; asking for the same load or operation again gives the same name. A value from an
earlier loop over a row is computed again from memory and row values, so no loop hands tiles to the next and nothing
that one thread stores is loaded by another.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lamella.compiler._kernel import (
    Apply,
    Check,
    Const,
    Get,
    Index,
    Instr,
    Kernel,
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
)
from lamella.compiler._kernel._ir import NARROW, defined, used
from lamella.compiler._triton._open import elsewhere, fixed, is_open, product, same
from lamella.compiler._triton._reduce import carry_on, identity, scan, updated
from lamella.compiler._triton._schedule import Part
from lamella.compiler._triton._values import COL, POINTERS, ROW, TYPES, Val, as_tensor, literal, operation

BIG = 2**31  # element numbers from here on need 64 bits


@dataclass(slots=True)
class Scope:
    """One block of statements: the values named in it and the texts that already have a name."""

    indent: int
    env: dict[int, Val] = field(default_factory=dict)
    names: dict[object, str] = field(default_factory=dict)

    def child(self, deeper: int = 1) -> Scope:
        """A block inside this one: it sees all that is at hand, and its own names end with it."""
        return Scope(self.indent + deeper, dict(self.env), dict(self.names))


class Body:
    """Prints statements of one function of a kernel."""

    def __init__(self, kernel: Kernel, part: Part, *, total: bool) -> None:
        self.kernel, self.part, self.total = kernel, part, total
        self.types = kernel.types
        self.lines: list[str] = []
        self.arguments: dict[str, str] = {}  # name -> type, in order of first use
        self.sizes: dict[str, int | float] = {}  # the open numbers among them
        self._named_sizes: dict[object, str] = {}
        self.flat = not part.cols  # tiles have one dim only
        self.wide = max([b.size for b in kernel.buffers], default=0) >= BIG or part.row_count * part.col_count >= BIG
        self.makers: dict[int, Instr] = {v: i for _, i in kernel.instructions() for v in defined(i)}
        self.put: dict[int, int] = {i.local: i.value for _, i in kernel.instructions() if isinstance(i, Put)}
        self.stored: dict[int, int] = {i.buffer: i.value for _, i in kernel.instructions() if isinstance(i, Store)}
        self.row_masked = is_open(part.row_count) or part.row_count != part.chunks * part.row_steps * part.row_tile
        columns = part.col_tile * (part.col_blocks if part.col_blocks != 1 else -(-part.col_count // part.col_tile))
        self.col_masked = is_open(part.col_count) or part.col_count != columns or part.col_count == 0

    # -- text ---------------------------------------------------------------------------------------------------------

    def line(self, scope: Scope, text: str) -> None:
        """Add a statement."""
        self.lines.append("    " * scope.indent + text)

    def argument(self, name: str, kind: str) -> str:
        """Note that the function takes this argument."""
        self.arguments.setdefault(name, kind)
        return name

    def number(self, n: int, role: str = "") -> str:
        """The text of a number: an open one is an argument, of this name or one that it shares with its equals."""
        if not is_open(n):
            return str(n)
        return self._size(n, role, "i64" if self.wide else "i32")

    def _size(self, n: int | float, role: str, kind: str) -> str:
        name = role or self._named_sizes.setdefault((n, elsewhere(n), kind), f"n{len(self._named_sizes)}")
        self.sizes[name] = float(n) if isinstance(n, float) else int(n)
        return self.argument(name, kind)

    def _literal(self, value: bool | int | float, dtype: str) -> Val:
        """A literal, or where it is open an argument."""
        if not is_open(value):
            return Val(literal(value, dtype), 0, True)
        kind = {"f64": "fp64", "f32": "fp32"}.get(dtype, "i64")
        name = self._size(value, "", kind)
        return Val(name if kind != "i64" or dtype == "i64" else f"{name}.to(tl.{TYPES[dtype]})")

    def shape(self, bits: int) -> str:
        """The shape of a tile that varies along `bits`."""
        rows, cols = self.part.row_tile if bits & ROW else 1, self.part.col_tile if bits & COL else 1
        return f"[{rows}]" if self.flat else f"[{rows}, {cols}]"

    def open_rows(self, scope: Scope, first: str) -> None:
        """Name the rows of the tile that starts at `first`, and those that exist."""
        side = "" if self.flat else "[:, None]"
        if not self.part.rows:
            self.line(scope, f"r = tl.zeros({self.shape(ROW)}, tl.int32)")
            return
        start = f"({first}).to(tl.int64)" if self.wide else first
        where = f"{start} + tl.arange(0, {self.part.row_tile})"
        self.line(scope, f"r = ({where}){side}" if side else f"r = {where}")
        if self.row_masked:
            self.line(scope, f"rm = r < {self.number(self.part.row_count, 'rows')}")

    def open_columns(self, scope: Scope, first: str) -> None:
        """Name the columns of the tile that starts at `first`, and those that exist."""
        lanes = f"tl.arange(0, {self.part.col_tile})"
        lanes = f"{lanes}.to(tl.int64)" if self.wide else lanes
        self.line(scope, f"c = {lanes}[None, :]" if first == "0" else f"c = ({first} + {lanes})[None, :]")
        if self.col_masked:
            self.line(scope, f"cm = c < {self.number(self.part.col_count, 'cols')}")

    def mask(self, scope: Scope, bits: int) -> str | None:
        """Which points of a tile that varies along `bits` exist; None where all do."""
        row, col = bool(bits & ROW) and self.row_masked and bool(self.part.rows), bool(bits & COL) and self.col_masked
        if row and col:
            return self.named(scope, "m", "rm & cm", "m")
        return "rm" if row else "cm" if col else None

    def limits(self, scope: Scope, bits: int, guard: Val | None, only: str | None = None) -> str:
        """The mask of an access: points that exist, where `guard` holds, in programs where `only` does; "" for none."""
        texts = [f"({only})" if only else None, self.mask(scope, bits)]
        texts.append(None if guard is None else as_tensor(guard, "bool"))
        return " & ".join(t for t in texts if t)

    def named(self, scope: Scope, key: object, text: str, name: str) -> str:
        """The name of a text, making it if it has none here."""
        found = scope.names.get(key)
        if found is None:
            found = scope.names[key] = name
            self.line(scope, f"{name} = {text}")
        return found

    # -- positions ----------------------------------------------------------------------------------------------------

    def _axis(self, scope: Scope, axis: int) -> Val:
        """The index along one axis, out of the number of the row or column."""
        along_rows = axis in self.part.rows
        axes, base, bits = (self.part.rows, "r", ROW) if along_rows else (self.part.cols, "c", COL)
        at = axes.index(axis)
        after = product(max(1, self.kernel.axes[k].extent) for k in axes[at + 1 :])
        whole = fixed(after, 1)
        text = base if whole else f"{base} // {self.number(after)}"
        if at:
            text = f"{text if whole else f'({text})'} % {self.number(max(1, self.kernel.axes[axis].extent))}"
        if text == base:
            return Val(base, bits)
        return Val(self.named(scope, ("axis", axis), text, self.kernel.axes[axis].name), bits)

    def _terms(self, scope: Scope, axes: tuple[int, ...], base: str, strides: tuple[int, ...]) -> list[str]:
        """The part of an element number that `axes` give: one product where they are walked as one."""
        if all(fixed(strides[a], 0) for a in axes):
            return []
        last = strides[axes[-1]]
        after = 1
        straight = True
        for axis in reversed(axes):
            straight = straight and same(strides[axis], last * after)
            after *= self.kernel.axes[axis].extent
        moving = [a for a in axes if not fixed(strides[a], 0)]
        pairs = [(base, last)] if straight else [(self._axis(scope, a).text, strides[a]) for a in moving]
        return [name if fixed(stride, 1) else f"{name} * {self.number(stride)}" for name, stride in pairs]

    def offset(self, scope: Scope, position: Position, need: int) -> tuple[str, int]:
        """An element number and what it varies along, made to vary along `need` at least."""
        rows = self._terms(scope, self.part.rows, "r", position.strides) if self.part.rows else []
        cols = self._terms(scope, self.part.cols, "c", position.strides) if self.part.cols else []
        terms = ([] if fixed(position.offset, 0) else [self.number(position.offset)]) + rows + cols
        bits = (ROW if rows else 0) | (COL if cols else 0)
        for value, stride in position.indirect:
            at = self.value(scope, value)
            bits |= at.bits
            terms.append(f"{as_tensor(at, 'i64')} * {self.number(stride)}")
        terms += self.spread(bits, need)
        return " + ".join(terms) or "0", bits | need

    def spread(self, bits: int, need: int) -> list[str]:
        """Terms of value 0 that give an element number the shape it lacks."""
        terms = []
        if need & ROW and not bits & ROW and (self.part.row_tile > 1 or not bits & COL):
            terms.append("r * 0")
        if need & COL and not bits & COL and self.part.col_tile > 1:
            terms.append("c * 0")
        return terms

    # -- values -------------------------------------------------------------------------------------------------------

    def value(self, scope: Scope, number: int) -> Val:
        """A value by its number, made here if it is not at hand."""
        found = scope.env.get(number)
        if found is None:
            found = scope.env[number] = self._make(scope, self.makers[number], number)
        return found

    def _make(self, scope: Scope, instr: Instr, number: int) -> Val:
        match instr:
            case Const(value=value) | Size(value=value):
                return self._literal(value, self.types[number])
            case Param(slot=slot):
                return self._param(scope, slot)
            case Index(axis=axis):
                at = self._axis(scope, axis)
                dtype = self.types[number]
                if dtype == "i32" and not self.wide:
                    return at
                return self._new(scope, ("index", axis, dtype), f"{at.text}.to(tl.{TYPES[dtype]})", number, at.bits)
            case Load():
                return self._load(scope, instr)
            case Get(local=local):
                return self.value(scope, self.put[local])
            case Apply(op=op, args=args):
                values = [self.value(scope, a) for a in args]
                text = operation(op, self.types[number], values, [self.types[a] for a in args])
                bits = 0
                for each in values:
                    bits |= each.bits
                return self._new(scope, (op, self.types[number], text), text, number, bits)
            case Scan():
                return self.scan(scope, instr)
            case Reduce():
                return self.total_value(scope, instr, number)
            case _:
                raise AssertionError(f"{instr} makes no value")

    def total_value(self, scope: Scope, reduce: Reduce, number: int) -> Val:
        """A value reduced over the grid; functions of totals give it."""
        raise AssertionError(f"%{number} of {reduce} is read before its stage has run")

    def scan(self, scope: Scope, instr: Scan) -> Val:
        """Combine the columns of a tile with those before; where a row takes several tiles, with what is carried."""
        out, bits, start = instr.out, ROW | COL, identity(instr.combiner, self.types[instr.arg])
        x = self.named(scope, ("full", out), self.full(scope, instr.arg, bits, start), f"x{out}")
        text = scan(instr, x, self.types)
        if not self.part.loops_over_columns:
            return self._new(scope, ("scan", out), text, out, bits)
        self.line(scope, f"s{out} = {text}")
        self.line(scope, f"v{out} = {carry_on(instr, f'carry{out}', f's{out}')}")
        last = f"c == tl.minimum(c0 + {self.part.col_tile}, {self.number(self.part.col_count, 'cols')}) - 1"
        truth = self.types[out] == "bool"
        kept = f"tl.where({last}, v{out}, {'False' if truth else '0'})" + ".to(tl.int32)" * truth
        back = " != 0" if truth else f".to(tl.{TYPES[self.types[out]]})"  # sums of small types are wide
        self.line(scope, f"carry{out} = tl.sum({kept}, 1, keep_dims=True){back}")
        return Val(f"v{out}", bits)

    def start_scans(self, scope: Scope, stage: Stage) -> None:
        """Declare what the scans of a stage carry from tile to tile, those of earlier stages that it needs included."""
        wanted: dict[int, Scan] = {}
        waiting = [v for i in stage.body for v in used(i) if isinstance(i, Store | Update | Check | Reduce)]
        seen: set[int] = set()
        while waiting:
            value = waiting.pop()
            if value in seen or value in scope.env:
                continue
            seen.add(value)
            maker = self.makers[value]
            if isinstance(maker, Scan):
                wanted[maker.out] = maker
            if isinstance(maker, Get):
                waiting.append(self.put[maker.local])
            elif isinstance(maker, Load) and self.kernel.buffers[maker.buffer].output:
                waiting.append(self.stored[maker.buffer])
            else:
                waiting += used(maker)
        for out, instr in sorted(wanted.items()):
            start, kind = identity(instr.combiner, self.types[out]), TYPES[self.types[out]]
            self.line(scope, f"carry{out} = tl.full({self.shape(ROW)}, {start}, tl.{kind})")

    def full(self, scope: Scope, value: int, bits: int, around: str) -> str:
        """A value at every point of a tile, `around` where no point is."""
        val, dtype = self.value(scope, value), self.types[value]
        text = as_tensor(val, dtype)
        mask = self.mask(scope, bits)
        if mask is not None:
            text = f"tl.where({mask}, {text}, {around})"
        if val.bits & bits != bits and self.shape(val.bits) != self.shape(bits):
            text = f"tl.broadcast_to({text}, {self.shape(bits)})"
        return text

    def _new(self, scope: Scope, key: object, text: str, number: int, bits: int) -> Val:
        return Val(self.named(scope, key, text, f"v{number}"), bits)

    def _param(self, scope: Scope, slot: int) -> Val:
        dtype = self.kernel.params[slot]
        name = self.argument(f"q{slot}", {"f64": "fp64", "f32": "fp32"}.get(dtype, "i64"))
        if dtype == "bool":
            return Val(self.named(scope, ("param", slot), f"{name} != 0", f"q{slot}_true"))
        return Val(name)

    # -- memory -------------------------------------------------------------------------------------------------------

    def pointer(self, buffer: int) -> str:
        """The argument that points to a buffer."""
        return self.argument(f"b{buffer}", POINTERS[self.kernel.buffers[buffer].dtype])

    def _load(self, scope: Scope, instr: Load) -> Val:
        buffer = self.kernel.buffers[instr.buffer]
        if buffer.output:
            return self._stored_value(scope, instr.buffer)
        if fixed(buffer.size, 0):
            return Val(literal(0, self.types[instr.out]), 0, True)
        guard = None if instr.mask is None else self.value(scope, instr.mask)
        offset, bits = self.offset(scope, instr.position, guard.bits if guard else 0)
        mask = self.limits(scope, bits, guard)
        access = f"tl.load({self.pointer(instr.buffer)} + {offset}{f', mask={mask}, other=0' if mask else ''})"
        return self._new(scope, ("load", access), widened(access, buffer.dtype), instr.out, bits)

    def _stored_value(self, scope: Scope, buffer: int) -> Val:
        """An output read back where it was written: the value itself, rounded as memory rounds it."""
        stored, dtype = self.value(scope, self.stored[buffer]), self.kernel.buffers[buffer].dtype
        if dtype not in NARROW:
            return stored
        text = operation(f"round_{dtype}", "f32", [stored], ["f32"])
        return Val(self.named(scope, ("back", text), text, f"back{buffer}"), stored.bits)

    def store(self, scope: Scope, instr: Store, need: int, only: str | None) -> None:
        """Write a value where the tile and the instruction's own mask say so; `only` limits it to one program."""
        value = self.value(scope, instr.value)
        dtype = self.kernel.buffers[instr.buffer].dtype
        offset, bits = self.offset(scope, instr.position, need)
        mask = self.limits(scope, bits, None if instr.mask is None else self.value(scope, instr.mask), only)
        text = narrowed(as_tensor(value, self.types[instr.value]), dtype)
        where = f"{self.pointer(instr.buffer)} + {offset}"
        self.line(scope, f"tl.store({where}, {text}{f', mask={mask}' if mask else ''})")

    def update(self, scope: Scope, instr: Update, need: int) -> None:
        """Combine a value into an element; the barrier orders it before what other threads do there next."""
        value, dtype = self.value(scope, instr.value), self.kernel.buffers[instr.buffer].dtype
        guard = None if instr.mask is None else self.value(scope, instr.mask)
        offset, bits = self.offset(scope, instr.position, need)
        mask = self.limits(scope, bits, guard)
        place = f"at{instr.buffer}"
        self.line(scope, f"{place} = {self.pointer(instr.buffer)} + {offset}")
        text = as_tensor(value, self.types[instr.value])
        if instr.combiner != "last":
            old = f"old{instr.buffer}"
            access = f"tl.load({place}{f', mask={mask}, other=0' if mask else ''})"
            self.line(scope, f"{old} = {widened(access, dtype)}")
            self.line(scope, f"new{instr.buffer} = {updated(instr, old, text)}")
            text = f"new{instr.buffer}"
        self.line(scope, f"tl.store({place}, {narrowed(text, dtype)}{f', mask={mask}' if mask else ''})")
        if not self.flat:
            self.line(scope, "tl.debug_barrier()")

    def check(self, scope: Scope, instr: Check, kind_bits: int) -> None:
        """Note an error: every point that fails writes the same value, so their order does not matter."""
        condition = self.value(scope, instr.condition)
        status = self.argument("status", "*i32")
        text = as_tensor(condition, "bool")
        terms = [str(instr.code), *self.spread(0, kind_bits)]
        mask = " & ".join(t for t in (self.mask(scope, kind_bits), f"~{text}") if t)
        self.line(scope, f"tl.store({status} + {' + '.join(terms)}, 1, mask={mask})")


def widened(text: str, dtype: str) -> str:
    """Loaded memory as the type arithmetic has."""
    match dtype:
        case "bool":
            return f"{text} != 0"
        case "f16":
            return f"{text}.to(tl.float32)"
        case _ if dtype in NARROW:
            return f"lm_widen_{dtype}({text})"
        case _:
            return text


def narrowed(text: str, dtype: str) -> str:
    """A value as the type memory has; half types round once."""
    match dtype:
        case "bool":
            return f"{text}.to(tl.uint8)"
        case "f16":
            return f"{text}.to(tl.float16)"
        case _ if dtype in NARROW:
            return f"lm_narrow_{dtype}({text})"
        case _:
            return text
