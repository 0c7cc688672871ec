"""Writes docs/op-set.md, every op that a graph may hold, what it takes, gives and means, from the op table; and the
picture docs/graph.svg.

`outputs()` returns {path relative to this folder: text}; `nox -s generate` writes it, and a test fails when it is
stale. An op without a row of the kind `meaning` is an error here, by name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lamella.graph import decompose, parse, to_svg
from lamella.interfaces import discover
from lamella.tensor.extend import FLOAT, OPS, MetaArray, Op, as_dtype, rule
from lamella.tensor.meanings import NUMERICS, Meaning

SECTIONS = (
    ("Elementwise", "elementwise", "Operands broadcast; the result has their common shape."),
    (
        "Reductions",
        "reduce",
        "`dims` is sorted and counts from 0; these dims go, or stay as 1 with `keepdim`. No dims reduce nothing.",
    ),
    (
        "Products and other ops with a factor spec",
        "->",
        "What the spec names on its left alone is summed.",
    ),
    ("Views", "view", "The result may share memory with its operand."),
    ("Creation", "creation", "`shape` and `dtype` are those of the result."),
    (
        "Other ops",
        "opaque",
        "Shapes stand in the text; where they do not, the result has the shape of the first operand.",
    ),
    ("Control flow", "control", "Params may be graphs; see the text form in the README of lamella-graph."),
    ("Host scalars", "scalar", "Operands and result are `i64`, `f64` or `bool`, never tensors."),
)
KINDS = {"bool": "bool", "int": "i64", "float": "f32", "complex": "c64"}
GOLDEN = Path(__file__).parent / "tests" / "golden"

INTRO = f"""# The op set

Written by `nox -s generate` from packages/graph/generate.py and the op table; edit these, not this page.

A graph holds these ops and no others. Operands stand before the semicolon: tensors, and where a dtype is named, Python
numbers or host scalars in their place, which are read in the dtype of the tensor beside them and never change it.
`x?` may be `None`, `*xs` is any number of operands. Params stand after the semicolon and are constants. All tensor
operands have one dtype already, of the kinds that the table names: promotion is a `cast` in the graph.

## Numerics

{chr(10).join(f"- **{word}**: {text}." for word, text in NUMERICS.items())}

Two NaNs are the same value everywhere: sign and payload mean nothing. Fused and reordered code must keep this table;
`ieee`, `exact` and `test` ops are bit for bit, the others stay inside of their bounds.

## What a decomposition must produce

A composite (marked `composite` or `unit`) may be replaced by its body, and by any other program that gives, for all
operands that the shape rule takes,

1. as many outputs, of the same dtypes and shapes, residuals included;
2. values within the numerics of the op: the same bits for `ieee`, `exact` and `test`, the bounds else;
3. results in memory of their own, never an operand itself;
4. the same region and source line as the node it stands for, and the same draws: seed and offset are passed on.

The bodies in use, as ops in their order, stand at the end.
"""


def accepts(op: Op) -> str:
    """The kinds of dtypes that the shape rule takes in all tensor operands, with the result's where it differs."""
    words = []
    for word, short in KINDS.items():
        dtype = as_dtype(short)
        if dtype.numpy.kind in op.refuses or (op.promotes == "float" and dtype.category < FLOAT):
            continue
        metas = [None if i in op.optional else MetaArray((2, 2), dtype.numpy) for i, _ in enumerate(op.operands)]
        if op.name == "where":
            metas[0] = MetaArray((2, 2), np.dtype(bool))
        try:
            out = rule(op, "shape")(*metas, **{p: _param(p) for p in op.params})
        except (TypeError, ValueError):
            continue
        first = out[0] if type(out) is tuple else out
        made = next(
            k for k, v in {"bool": "b", "int": "iu", "float": "fV", "complex": "c"}.items() if first.dtype.kind in v
        )
        words.append(word if made == word or op.name == "cast" else f"{word} to {made}")
    return ", ".join(words)


def _param(name: str) -> Any:
    return {"dtype": as_dtype("f32"), "approximate": "none", "dims": (0,), "keepdim": False}.get(name, 1)


def signature(op: Op) -> str:
    """The op as it is called: operands, then params."""
    operands = [f"{'*' if op.variadic else ''}{n}{'?' if i in op.optional else ''}" for i, n in enumerate(op.operands)]
    inside = ", ".join(operands) + (f"; {', '.join(op.params)}" if op.params else "")
    results = f" -> {op.outputs}" if op.outputs != 1 else ""
    return f"{op.name}({inside}){results}"


def notes(op: Op) -> str:
    """What else a reader of the graph has to know."""
    found = ["unit" if op.unit else "composite"] if op.body is not None else []
    if "->" in op.spec:
        found.append(f"`{op.spec}`")
    if op.mutates:
        pairs = ", ".join(f"{op.operands[a]} by output {i}" for i, a in enumerate(op.mutates))
        found.append(f"replaces {pairs}")
    if op.differentiable != tuple(range(op.outputs)):
        with_gradient = ", ".join(map(str, op.differentiable))
        found.append(f"gradient of output {with_gradient} only" if op.differentiable else "no gradient")
    return "; ".join(found)


def meaning(op: Op) -> Meaning:
    """The row of an op; LookupError naming it where there is none."""
    if op.spec == "scalar":
        return Meaning("", "host")
    found: Meaning | None = op.rules.get("meaning")
    if found is None:
        raise LookupError(
            f"op {op.name!r} of {op.package} has no row of kind 'meaning': say what it gives and how it rounds"
        )
    if found.numerics not in NUMERICS:
        raise LookupError(f"op {op.name!r}: {found.numerics!r} is no word of NUMERICS")
    return found


def written() -> list[Op]:
    """The written op set: ops of ours, and none that a user or a test has made."""
    return [op for op in OPS.values() if op.package.startswith("lamella.")]


def section(title: str, spec: str, intro: str) -> list[str]:
    """One table."""
    some = sorted(
        [op for op in written() if op.spec == spec or (spec == "->" and "->" in op.spec)], key=lambda op: op.name
    )
    lines = [f"## {title}", "", intro, ""]
    if spec == "scalar":
        return [*lines, ", ".join(f"`{signature(op)}`" for op in some) + ".", ""]
    kinds = spec in ("elementwise", "reduce", "->")
    lines += [
        f"| op |{' dtypes |' if kinds else ''} result | numerics | notes |",
        f"|---|{'---|' if kinds else ''}---|---|---|",
    ]
    for op in some:
        text, numerics = meaning(op)
        cells = [f"`{signature(op)}`", *([accepts(op)] if kinds else []), text.replace("|", "\\|"), numerics, notes(op)]
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, ""]


def bodies() -> list[str]:
    """The ops of each composite's body, in order, on the stored graphs."""
    found: dict[str, str] = {}
    for path in sorted(GOLDEN.glob("*.graph")):
        graph = parse(path.read_text("ascii"))
        for node in graph.nodes:
            if node.op.body is not None and node.op.name not in found:
                made = decompose(graph.replace([node], node.outputs, []))
                found[node.op.name] = " ".join(n.op.name for n in made.nodes)
    return ["## Bodies", "", *[f"- `{name}`: {ops}" for name, ops in sorted(found.items())]]


def page() -> str:
    """The whole page."""
    discover("rules.meaning")
    lines = [INTRO]
    for title, spec, intro in SECTIONS:
        lines += section(title, spec, intro)
    return "\n".join([*lines, *bodies()]) + "\n"


def outputs() -> dict[str, str]:
    """Every generated file of this package."""
    example = parse((GOLDEN / "passes" / "split.after.graph").read_text("ascii"))
    return {"../../docs/op-set.md": page(), "../../docs/graph.svg": to_svg(example)}
