"""Writes docs/op-rules.md: which op has which rule, what is derived from what, and why a cell is empty.

`outputs()` returns {path relative to this folder: text}; `nox -s generate` writes it, and a test fails when it is
stale. An op without a rule that is neither derived nor exempted is an error here, so a gap cannot be published.
"""

from __future__ import annotations

from typing import Any

from lamella.autograd.rules import EXEMPT
from lamella.interfaces import discover
from lamella.tensor.extend import OPS, Op

KINDS = ("shape", "numpy", "vjp", "jvp", "batch", "lower", "cost", "precision")
FILLED = "rule"
SCALAR = "a number of the host, not an array"

DERIVED = {
    "body": "a composite: what its body's ops give",
    "diagonal": "an elementwise op: its Jacobian is diagonal, so the vjp applied to the tangent",
    "unbatched": "made from host scalars, the same for every example; random draws follow vmap's `randomness`",
    "library": "a kernel in C that works on whole arrays",
    "extern": "a step of its own, which calls the op's numpy kernel on planned buffers, for a reason below",
    "graphs": "control flow: what the ops of its graphs give",
    "widest": "under autocast it runs in the dtype its operands meet in",
}


def cell(op: Op, kind: str) -> tuple[str, str]:
    """(mark, reason) of one cell; LookupError naming op and kind where nothing accounts for it."""
    exempt = EXEMPT.get(kind, {}).get(op.name)
    if exempt is not None:
        return "-", exempt
    if op.spec == "scalar" and kind != "numpy":
        return "-", SCALAR
    if kind == "lower" and op.name in _lowering("LIBRARY"):
        return "library", DERIVED["library"]
    if kind in op.rules:
        return FILLED, ""
    if kind == "precision":
        return "widest", DERIVED["widest"]
    if kind == "jvp" and op.spec == "elementwise" and "vjp" in op.rules:
        return "diagonal", DERIVED["diagonal"]
    if op.spec == "control" and kind in ("vjp", "jvp", "batch"):
        return "graphs", DERIVED["graphs"]
    if op.body is not None and kind != "cost":
        return "body", DERIVED["body"]
    if kind == "batch" and op.spec == "creation":
        return "unbatched", DERIVED["unbatched"]
    if kind == "lower" and op.name in _lowering("EXTERN"):
        return "extern", _lowering("EXTERN")[op.name]
    raise LookupError(f"op {op.name!r} has no rule of kind {kind!r}: add one, or exempt it with a reason")


def _lowering(table: str) -> dict[str, Any]:
    """Ops that lower otherwise than by a rule, as the installed compiler names them."""
    return {name: row for module in discover("rules.lower") for name, row in getattr(module, table, {}).items()}


def ops() -> list[Op]:
    """Every op of the installed layers, with all rules loaded."""
    for kind in ("vjp", "jvp", "batch", "lower", "cost"):
        discover("rules." + kind)
    ours = [op for op in OPS.values() if op.package.startswith("lamella.")]  # none that a user or a test has made
    return sorted(ours, key=lambda op: (op.package, op.spec == "scalar", op.name))


def table() -> str:
    """The page."""
    reasons: dict[str, list[str]] = {}
    rows = []
    scalars = [op for op in ops() if op.spec == "scalar"]
    for op in ops():
        cells = []
        for kind in KINDS:
            mark, reason = cell(op, kind)
            cells.append(mark)
            if mark in ("-", "extern") and op.spec != "scalar":
                reasons.setdefault(f"{kind}: {reason}", []).append(op.name)
        if op.spec != "scalar":
            rows.append(f"| `{signature(op)}` | {describe(op)} | {' | '.join(cells)} |")
        elif op is scalars[0]:
            rows.append(f"| `scalar.*` ({len(scalars)} ops) | scalar | {' | '.join(cells)} |")
    lines = [
        "# Op x rule",
        "",
        "Written by `nox -s generate` from packages/autograd/generate.py; edit that file, or the tables it reads.",
        "",
        f"A cell is `{FILLED}` (a row of a table), derived, or `-` (exempt). Reasons stand below. Derived means:",
        "",
        *[f"- `{mark}`: {meaning}." for mark, meaning in DERIVED.items()],
        "",
        f"| op | spec | {' | '.join(KINDS)} |",
        f"|---|---|{'---|' * len(KINDS)}",
        *rows,
        "",
        "## Reasons",
        "",
        f"- `scalar.*`: {SCALAR}",
        *[f"- {reason}: {', '.join(f'`{n}`' for n in names)}" for reason, names in sorted(reasons.items())],
    ]
    return "\n".join(lines) + "\n"


def signature(op: Op) -> str:
    """The op as it is called: operands, then params."""
    operands = [f"{'*' if op.variadic else ''}{n}{'?' if i in op.optional else ''}" for i, n in enumerate(op.operands)]
    inside = ", ".join(operands) + (f"; {', '.join(op.params)}" if op.params else "")
    results = f" -> {op.outputs}" if op.outputs != 1 else ""
    return f"{op.name}({inside}){results}"


def describe(op: Op) -> str:
    """Spec of an op, and whether it is a composite."""
    kind = op.spec if "->" not in op.spec else f"`{op.spec}`"
    return f"{kind}, unit" if op.unit else f"{kind}, composite" if op.body is not None else kind


def outputs() -> dict[str, Any]:
    """Every generated file of this package."""
    return {"../../docs/op-rules.md": table()}
