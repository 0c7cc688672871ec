"""What a kernel computes that is the same at every point: numbers made of parameters and of single elements read."""

from __future__ import annotations

from lamella.compiler._kernel._ir import Apply, Const, Instr, Kernel, Load, Param, Size


def invariants(kernel: Kernel, *, in_grid: bool) -> dict[int, Instr]:
    """Instructions by the value they give, in order, from the stages over the grid or from those after it."""
    found: dict[int, Instr] = {}
    for stage in kernel.stages:
        if stage.level.in_grid is not in_grid:
            continue
        for instr in stage.body:
            match instr:
                case Const(out=out) | Param(out=out) | Size(out=out):
                    found[out] = instr
                case Load(out=out, buffer=buffer, position=position, mask=None):
                    if not (kernel.buffers[buffer].output or any(position.strides) or position.indirect):
                        found[out] = instr
                case Apply(out=out, args=args) if all(arg in found for arg in args):
                    found[out] = instr
    return found
