"""The texts of reductions: identities, how two partial results combine, and how a tile folds along an axis.

Order follows from sizes and tiles alone. NaN goes through max, min and arg-reductions as in the C target.
"""

from __future__ import annotations

from lamella.compiler._kernel import Reduce, Scan, Update
from lamella.compiler._kernel._ir import FLOATS, INTS, ITEM_BYTES, PAIRED, UNSIGNED, least_finite
from lamella.compiler._triton._values import TYPES, literal

LAST_POSITION = str(2**63 - 1)
_COMBINE = {
    "sum": "{a} + {b}", "prod": "{a} * {b}", "any": "{a} | {b}", "all": "{a} & {b}", "max": "lm_max({a}, {b})",
    "min": "lm_min({a}, {b})", "largest": "lm_largest({a}, {b})", "logaddexp": "lm_logaddexp({a}, {b})",
}  # fmt: skip

_TOGETHER = {"welford": "moments", "softmax": "powers"}  # the library's functions of all that is carried


def carried(reduce: Reduce, types: dict[int, str]) -> list[tuple[str, str]]:
    """(what its names end with, type) of each value that a reduction carries from tile to tile.

    With a mean goes how many numbers it is of (fewer where tiles hang over the end), and how far it is from what stands
    in its place, one of the numbers or near them: differences of means far from 0 are then exact.
    """
    values = [(str(out), types[out]) for out in reduce.outs]
    if reduce.combiner == "welford":
        values += [(f"{reduce.outs[0]}{end}", values[0][1]) for end in ("n", "d")]
    return values


def finished(reduce: Reduce, names: list[str]) -> list[str]:
    """Statements that make of all that is carried, in variables, what the reduction gives."""
    return [f"{names[0]} = {names[0]} + {names[3]}"] if reduce.combiner == "welford" else []


def identities(reduce: Reduce, types: dict[int, str]) -> list[str]:
    """For each value carried, the literal that leaves others unchanged."""
    first = identity(reduce.combiner, types[reduce.args[0]])
    match reduce.combiner:
        case "welford":
            return [first, "0.0", "0.0", "0.0"]
        case "softmax":
            return [first, "0.0"]
        case combiner if combiner in PAIRED:
            return [first, LAST_POSITION]
        case _:
            return [first]


def of_points(reduce: Reduce, given: list[str], number: str, place: str) -> list[str]:
    """All that is carried of one number at each point of a tile, or of rows' partial results.

    `number` is how many there are, `place` the name of the first text.
    """
    if reduce.combiner != "welford":
        return given if len(given) > 1 else [given[0], number]
    squares = given[1] if len(given) > 1 else f"{given[0]} - {given[0]}"  # 0, but of infinity NaN
    return [f"tl.where({given[0]} - {given[0]} == 0.0, {given[0]}, 0.0)", squares, number, f"{given[0]} - {place}"]


def identity(combiner: str, dtype: str) -> str:
    """The literal that a combiner leaves others unchanged by."""
    if combiner == "softmax":
        return literal(least_finite(dtype), dtype)
    fixed = {"sum": "0", "prod": "1", "any": "False", "all": "True", "welford": "0"}.get(combiner)
    if fixed is not None:
        return fixed + ".0" * (dtype in FLOATS)
    low = combiner in ("max", "largest", "argmax", "logaddexp")
    if dtype in FLOATS:
        return 'float("-inf")' if low else 'float("inf")'
    bits = 8 * ITEM_BYTES[dtype]
    if dtype in UNSIGNED:
        return str(0 if low else 2**bits - 1)
    return str(-(2 ** (bits - 1)) if low else 2 ** (bits - 1) - 1)


def combine(reduce: Reduce, old: list[str], new: list[str]) -> list[str]:
    """Statements that bring `new` into the accumulators named `old`."""
    if reduce.combiner in _TOGETHER:
        return [f"{', '.join(old)} = lm_{_TOGETHER[reduce.combiner]}({', '.join([*old, *new])})"]
    if reduce.combiner in PAIRED:
        take = f"take{reduce.outs[0]}"
        return [
            f"{take} = lm_beats_{reduce.combiner}({new[0]}, {new[1]}, {old[0]}, {old[1]})",
            f"{old[0]} = tl.where({take}, {new[0]}, {old[0]})",
            f"{old[1]} = tl.where({take}, {new[1]}, {old[1]})",
        ]
    return [f"{old[0]} = {_COMBINE[reduce.combiner].format(a=old[0], b=new[0])}"]


def fold(reduce: Reduce, names: list[str], results: list[str], axis: int, types: dict[int, str]) -> str:
    """A statement that folds tiles along an axis, keeping it with length 1."""
    dtype = types[reduce.args[0]]
    kind = "_int" if dtype in INTS else ""
    if reduce.combiner in _TOGETHER:
        least = [identity("softmax", dtype)] if reduce.combiner == "softmax" else []
        given = ", ".join([*names, *least, str(axis)])
        return f"{', '.join(results)} = lm_{_TOGETHER[reduce.combiner]}_over({given})"
    if reduce.combiner in PAIRED:
        return f"{results[0]}, {results[1]} = lm_{reduce.combiner}{kind}_over({names[0]}, {names[1]}, {axis})"
    (x,), (out,) = names, results
    small = f".to(tl.{TYPES[dtype]})" if dtype in INTS and ITEM_BYTES[dtype] < 4 else ""
    match reduce.combiner:
        case "sum":
            text = f"tl.sum({x}, {axis}, keep_dims=True){small}"
        case "prod":
            text = f"tl.reduce({x}, {axis}, lm_product, keep_dims=True)"
        case "any":
            text = f"tl.max({x}.to(tl.int32), {axis}, keep_dims=True) != 0"
        case "all":
            text = f"tl.min({x}.to(tl.int32), {axis}, keep_dims=True) != 0"
        case combiner if dtype in FLOATS:
            text = f"lm_{combiner}_over({x}, {axis})"
        case combiner:
            text = f"tl.{'min' if combiner == 'min' else 'max'}({x}, {axis}, keep_dims=True){small}"
    return f"{out} = {text}"


def scan(instr: Scan, x: str, types: dict[int, str]) -> str:
    """An expression that combines each column of a tile with all before it."""
    dtype = types[instr.arg]
    small = f".to(tl.{TYPES[dtype]})" if dtype in INTS and ITEM_BYTES[dtype] < 4 else ""
    if instr.combiner == "sum":
        return f"tl.cumsum({x}, 1){small}"
    function = {"prod": "lm_product", "any": "lm_or", "all": "lm_and"}.get(instr.combiner, f"lm_{instr.combiner}")
    return f"tl.associative_scan({x}, 1, {function})"


def carry_on(instr: Scan, carried: str, x: str) -> str:
    """An expression that combines what is carried from tile to tile with a tile's own scan."""
    return _COMBINE[instr.combiner].format(a=carried, b=x)


def updated(instr: Update, old: str, value: str) -> str:
    """The new value of an element."""
    return _COMBINE[instr.combiner].format(a=old, b=value)
