"""Host scalars of a compiled graph: one function of Python that computes all of them before the first step."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from lamella.tensor.extend import OPS, rule

__all__ = ["INPUT", "Row", "scalar_function"]

INPUT = ""  # the op of a scalar that is an input of the graph, whose position is its operand
_INFIX = {
    "scalar.add": "+", "scalar.sub": "-", "scalar.mul": "*", "scalar.div": "/", "scalar.floordiv": "//",
    "scalar.mod": "%",
    "scalar.pow": "**", "scalar.lt": "<", "scalar.le": "<=", "scalar.gt": ">", "scalar.ge": ">=", "scalar.eq": "==",
    "scalar.ne": "!=",
}  # fmt: skip


class Row(NamedTuple):
    """One scalar: its kind, a scalar op, and operands, which are numbers or the slots of earlier rows as "v0", "v1"."""

    kind: str
    op: str
    args: tuple[str | bool | int | float, ...]


def scalar_function(
    rows: Sequence[Row], name: str, *, native: Collection[int] = (), python: Sequence[int] = ()
) -> Callable[..., tuple[Any, ...]]:
    """`scalars(inputs, F, I)`: returns the slots in `python`, and writes those in `native` to F (f64) or I."""
    constants: dict[str, Any] = {}
    lines = ["def scalars(inputs, F=None, I=None):"]
    lines += [f"    v{slot} = {_expression(row, constants)}" for slot, row in enumerate(rows)]
    lines += [f"    {'F' if rows[slot].kind == 'f64' else 'I'}[{slot}] = v{slot}" for slot in sorted(native)]
    lines.append(f"    return ({''.join(f'v{slot}, ' for slot in python)})")
    exec(compile("\n".join(lines) + "\n", f"<scalars of {name}>", "exec"), constants)
    function: Callable[..., tuple[Any, ...]] = constants["scalars"]
    return function


def _expression(row: Row, constants: dict[str, Any]) -> str:
    if row.op == INPUT:
        return f"inputs[{row.args[0]}]"
    words = [a if isinstance(a, str) else _python(a) for a in row.args]
    infix = _INFIX.get(row.op)
    if infix is not None:
        text = f"{words[0]} {infix} {words[1]}"
    else:
        name = f"f_{row.op.replace('.', '_')}"
        constants[name] = rule(OPS[row.op], "numpy")
        text = f"{name}({', '.join(words)})"
    return text if row.kind == "bool" else f"{'float' if row.kind == 'f64' else 'int'}({text})"


def _python(number: bool | int | float) -> str:
    """A Python expression of a number; inf and nan have no literals."""
    return f"({number!r})" if math.isfinite(number) else f"float('{number!r}')"
