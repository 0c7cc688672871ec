"""Printing a graph: one line a node, in a form that `parse` reads back to an equal graph.

Invariant: the text is a function of the structure alone, ASCII only; a node takes one line, and those of the graphs
among its params, which `node_line` counts. Every NaN prints as `nan`. What has no text (a constant that is not static)
is refused here, not printed as something else.
"""

from __future__ import annotations

import re
from typing import Any, Final

from lamella.tensor.extend import DType

from ._constant import MAX_INT_DIGITS, is_static
from ._errors import GraphError
from ._graph import Effect, Graph, Node, Value
from ._polynomial import Polynomial

__all__ = ["constant_text", "effect_text", "node_line", "node_text", "to_text"]

WIDTH: Final = 120
NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*+")
LABEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.\[\]]*+")
FILE: Final = re.compile(r"(?:[!$-~])++")  # printable ASCII without blank, quote and '#'


def to_text(graph: Graph, *, lines: bool = True) -> str:
    """The whole graph as text, ending in a newline; GraphError for a constant without a text form.

    Without `lines` nodes do not tell which line they come from.
    """
    return "\n".join(_lines(graph, lines)) + "\n"


def _lines(graph: Graph, told: bool = True) -> list[str]:
    lines = _header(graph)
    for node in graph.nodes:
        lines += [f"  {line}" for line in node_text(node, lines=told).split("\n")]
    lines.append(f"  return {', '.join(map(_arg_text, graph.outputs))}".rstrip())
    lines += [f"  {effect_text(effect)}" for effect in graph.effects]
    lines.append("}")
    return lines


def node_line(graph: Graph, index: int) -> int:
    """The line, counted from 1, on which node `index` begins; one past the last node: that of `return`."""
    inside = sum([len(_lines(region)) - 1 for node in graph.nodes[:index] for region in node.regions()])
    return len(_header(graph)) + 1 + index + inside


def node_text(node: Node, *, lines: bool = True) -> str:
    """One node as it stands in the text, without indentation: several lines where a param is a graph."""
    outputs = ", ".join([f"%{v.id}: {v.type}" for v in node.outputs])
    inside = ", ".join([_arg_text(a) for a in node.args])
    if node.params:
        names = [n for n in node.op.params if n in node.params]
        names += [n for n in node.params if n not in names]
        inside += "; " + ", ".join([f"{n}={_param_text(node.params[n], lines)}" for n in names])
    text = f"{outputs} = {_word(node.op.name, NAME)}({inside})"
    if node.region:
        text += f" region {node.region}"
    if lines and node.source is not None:
        text += f"   # {_word(node.source[0], FILE)}:{node.source[1]}"
    return text


def effect_text(effect: Effect) -> str:
    """One effect as it stands in the text, without indentation."""
    target = f"%{effect.target.id}" if isinstance(effect.target, Value) else _word(effect.target, LABEL)
    return f"{effect.kind} {target} <- {_arg_text(effect.value)}"


def _param_text(value: Any, lines: bool) -> str:
    return "\n".join(_lines(value, lines)) if type(value) is Graph else constant_text(value)


def constant_text(value: Any) -> str:
    """A constant as text: numbers as Python writes them, dtypes by their short name, strings in double quotes."""
    kind = type(value)
    if kind is DType:
        return str(value.short)
    if kind is Polynomial:
        return str(value.word)
    if kind is str:
        return quote(value)
    if kind is complex:
        return f"complex({value.real!r}, {value.imag!r})"
    if kind is tuple and is_static(value):
        return f"({', '.join(map(constant_text, value))}{',' if len(value) == 1 else ''})"
    if not is_static(value):
        raise GraphError(
            f"a graph cannot hold {_short(value)}: it must be None, a bool, int, float, complex, str, DType or a tuple"
        )
    return repr(value)


def quote(text: str) -> str:
    """A string in double quotes, ASCII only; every Python string reads back exactly, lone surrogates included."""
    return '"' + text.encode("unicode_escape").decode("ascii").replace('"', '\\"') + '"'


def _word(text: str, bare: re.Pattern[str]) -> str:
    return text if bare.fullmatch(text) else quote(text)


def _arg_text(arg: Any) -> str:
    return f"%{arg.id}" if type(arg) is Value else constant_text(arg)


def _header(graph: Graph) -> list[str]:
    inputs = [
        f"%{v.id}: {v.type}" + ("" if s is None else f" from {_word(s, LABEL)}")
        for v, s in zip(graph.inputs, graph.sources, strict=True)
    ]
    name = f"graph {_word(graph.name, NAME)}"
    line = f"{name}({', '.join(inputs)}) {{"
    if len(line) <= WIDTH or not inputs:
        return [line]
    return [f"{name}(", *(f"  {text}," for text in inputs[:-1]), f"  {inputs[-1]}", ") {"]


def _short(value: Any) -> str:
    if type(value) is int:
        return f"an int of more than {MAX_INT_DIGITS} digits"
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} of type {type(value).__name__}"
