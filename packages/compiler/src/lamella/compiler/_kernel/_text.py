"""The text form of a kernel, for people, tests and structural comparison; it says all that the IR holds."""

from __future__ import annotations

from lamella.compiler._kernel._ir import (
    Apply,
    Axis,
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
    Store,
    Update,
)


def kernel_text(kernel: Kernel) -> str:
    """One line an instruction, grouped by stage."""
    head = f"kernel grid({_axes(kernel.grid)}) inner({_axes(kernel.inner)}) {{"
    lines = [head]
    if kernel.source:
        lines.append(f"  # {' '.join(kernel.source)}")
    for number, buffer in enumerate(kernel.buffers):
        lines.append(f"  {'out' if buffer.output else 'in'} b{number}: {buffer.dtype}[{buffer.size}]")
    lines += [f"  param q{number}: {dtype}" for number, dtype in enumerate(kernel.params)]
    lines += [f"  local t{number}: {dtype}" for number, dtype in enumerate(kernel.locals)]
    for stage in kernel.stages:
        lines.append(f"  {stage.level.name.lower()}:")
        lines += [f"    {instr_text(kernel, instr)}" for instr in stage.body]
    return "\n".join([*lines, "}"]) + "\n"


def instr_text(kernel: Kernel, instr: Instr) -> str:
    """One instruction, as kernel_text prints it."""

    def name(value: int) -> str:
        return f"%{value}"

    def typed(value: int) -> str:
        return f"%{value}: {kernel.types.get(value, '?')}"

    match instr:
        case Const(out=out, value=value):
            return f"{typed(out)} = const {value!r}"
        case Size(out=out, value=value):
            return f"{typed(out)} = size {value}"
        case Param(out=out, slot=slot):
            return f"{typed(out)} = param q{slot}"
        case Index(out=out, axis=axis):
            return f"{typed(out)} = index {_axis_name(kernel, axis)}"
        case Load(out=out, buffer=buffer, position=position, mask=mask):
            guard = "" if mask is None else f" if {name(mask)}"
            return f"{typed(out)} = load b{buffer}[{_position(kernel, position)}]{guard}"
        case Store(buffer=buffer, position=position, value=value, mask=mask):
            guard = "" if mask is None else f" if {name(mask)}"
            return f"store b{buffer}[{_position(kernel, position)}] <- {name(value)}{guard}"
        case Get(out=out, local=local):
            return f"{typed(out)} = get t{local}"
        case Put(local=local, value=value):
            return f"put t{local} <- {name(value)}"
        case Apply(out=out, op=op, args=args):
            return f"{typed(out)} = {op}({', '.join(map(name, args))})"
        case Reduce(outs=outs, combiner=combiner, args=args, over=over):
            return f"{', '.join(map(typed, outs))} = {combiner} over {over} ({', '.join(map(name, args))})"
        case Scan(out=out, combiner=combiner, arg=arg):
            return f"{typed(out)} = scan {combiner} ({name(arg)})"
        case Update(buffer=buffer, position=position, value=value, combiner=combiner, extents=extents, mask=mask):
            guard = "" if mask is None else f" if {name(mask)}"
            bounds = f" within {', '.join(map(str, extents))}" if extents else ""
            return f"update b{buffer}[{_position(kernel, position)}{bounds}] {combiner} {name(value)}{guard}"
        case Check(condition=condition, code=code):
            return f"check {name(condition)} else error {code}"


def _axes(axes: tuple[Axis, ...]) -> str:
    return ", ".join(f"{a.name}={a.extent}" for a in axes)


def _axis_name(kernel: Kernel, axis: int) -> str:
    return kernel.axes[axis].name if 0 <= axis < len(kernel.axes) else f"axis{axis}"


def _position(kernel: Kernel, position: Position) -> str:
    terms = [str(position.offset)] if position.offset else []
    for axis, stride in enumerate(position.strides):
        if stride:
            terms.append(_axis_name(kernel, axis) + ("" if stride == 1 else f"*{stride}"))
    terms += [f"%{value}*{stride}" for value, stride in position.indirect]
    return " + ".join(terms) or "0"
