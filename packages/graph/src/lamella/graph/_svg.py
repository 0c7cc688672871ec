"""A graph as an SVG picture: boxes in layers, from the inputs down to results and effects.

A box is a node: its op, what it makes, its params; hovering shows its whole text and source line. Colours tell what an
op does to memory (see `_FILLS`), recomputed regions have a dashed frame and their number. Inputs stand right above
their first reader. The graphs of control flow ops follow below, each under its name. The picture is a function of the
structure alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from ._graph import Graph, Node, Value
from ._picture import call_text
from ._text import constant_text, effect_text, node_text

__all__ = ["to_svg"]

_CHAR: Final = 6.7  # width of a character of the font below
_LINE: Final = 15
_GAP: Final = 18
_LAYER_GAP: Final = 34
_MARGIN: Final = 20
_LONGEST: Final = 46
_SWEEPS: Final = 4
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_FILLS: Final = {
    "input": "#ffffff",
    "scalar": "#ffffff",
    "view": "#eeeeee",
    "creation": "#f6f3d8",
    "elementwise": "#dcebfa",
    "reduce": "#dff3df",
    "control": "#ecdff7",
    "product": "#fbe3cd",
    "other": "#fdf3ea",
    "return": "#ffffff",
    "effect": "#f9dcdc",
}


@dataclass(eq=False)
class _Box:
    """One box: where it stands, its text, and the boxes that it reads."""

    lines: list[str]
    kind: str
    title: str
    sources: list[_Box] = field(default_factory=list)
    region: int = 0
    layer: int = 0
    x: float = 0.0
    y: float = 0.0

    @property
    def width(self) -> float:
        return _CHAR * max(map(len, self.lines)) + 16

    @property
    def height(self) -> float:
        return float(_LINE * len(self.lines) + 8)


def to_svg(graph: Graph) -> str:
    """The picture as a whole SVG document."""
    parts: list[str] = []
    width, height = _panel(graph, f"graph {graph.name}", _MARGIN, parts)
    for label, inner in _nested(graph, ""):
        wide, high = _panel(inner, label, height + _MARGIN, parts)
        width, height = max(width, wide), high
    body = "\n".join(parts)
    size = f'width="{width + _MARGIN:.0f}" height="{height + _MARGIN:.0f}"'
    box = f'viewBox="0 0 {width + _MARGIN:.0f} {height + _MARGIN:.0f}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} font-family="monospace" font-size="11">\n'
        '<rect width="100%" height="100%" fill="white"/>\n'
        '<defs><marker id="tip" viewBox="0 0 6 6" refX="6" refY="3" markerWidth="6" markerHeight="6" orient="auto">'
        '<path d="M0 0L6 3L0 6z" fill="#777"/></marker></defs>\n'
        f"{body}\n</svg>\n"
    )


def _nested(graph: Graph, path: str) -> Iterable[tuple[str, Graph]]:
    for node in graph.nodes:
        for name, inner in node.params.items():
            if type(inner) is Graph:
                label = f"{path}{node.op.name} %{node.outputs[0].id}, {name}"
                yield label, inner
                yield from _nested(inner, f"{label} / ")


def _panel(graph: Graph, label: str, top: float, parts: list[str]) -> tuple[float, float]:
    """Draw one graph below `top`; (right, bottom)."""
    parts.append(_text(_MARGIN, top + _LINE, label, ' font-weight="bold"'))
    boxes = _boxes(graph)
    layers = _layers(boxes)
    _order(layers)
    bottom = _place(layers, top + 2 * _LINE)
    parts += [_edge(source, box) for box in boxes for source in dict.fromkeys(box.sources)]
    parts += [_drawn(box) for box in boxes]
    right = max([box.x + box.width for box in boxes], default=0.0)
    return max(right, _MARGIN + _CHAR * len(label)), bottom


# -- boxes


def _boxes(graph: Graph) -> list[_Box]:
    made: dict[Any, _Box] = {}
    boxes: list[_Box] = []
    for value, source in zip(graph.inputs, graph.sources, strict=True):
        text = f"%{value.id}: {value.type}"
        lines = [_short(text), *([_short(source)] if source else [])]
        made[value] = _Box(lines, "input", text + (f" from {source}" if source else ""))
        boxes.append(made[value])
    for node in graph.nodes:
        box = _Box(_lines(node), _kind(node), _title(node), [made[a] for a in node.args if a in made], node.region)
        made.update(dict.fromkeys(node.outputs, box))
        boxes.append(box)
    results = [_named(v) for v in graph.outputs]
    if results:
        text = f"return {', '.join(results)}"
        boxes.append(_Box([_short(text)], "return", text, [made[v] for v in graph.outputs if v in made]))
    for effect in graph.effects:
        text = effect_text(effect)
        boxes.append(_Box([_short(text)], "effect", text, [made[effect.value]] if effect.value in made else []))
    return boxes


def _lines(node: Node) -> list[str]:
    lines = [node.op.name + (f"   region {node.region}" if node.region else "")]
    lines += [f"%{v.id}: {v.type}" for v in node.outputs]
    numbers = [constant_text(a) for a in node.args if type(a) is not Value and a is not None]
    if numbers:
        lines.append("with " + ", ".join(numbers))
    params = [f"{n}={constant_text(v)}" for n, v in node.params.items() if type(v) is not Graph]
    return [_short(line) for line in [*lines, *params]]


def _title(node: Node) -> str:
    where = f"   {node.source[0]}:{node.source[1]}" if node.source is not None else ""
    made = ", ".join([f"%{v.id}: {v.type}" for v in node.outputs])
    return f"{made} = {call_text(node)}{where}" if node.regions() else node_text(node)


def _kind(node: Node) -> str:
    spec = node.op.spec
    if "->" in spec or node.op.name in ("linear", "conv", "conv_input_grad", "conv_weight_grad", "attention"):
        return "product"
    return spec if spec in _FILLS else "other"


def _named(value: Any) -> str:
    return f"%{value.id}" if type(value) is Value else constant_text(value)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


# -- where they stand


def _layers(boxes: list[_Box]) -> list[list[_Box]]:
    for box in boxes:  # in the order of the program: what a box reads has its layer
        box.layer = 1 + max([s.layer for s in box.sources], default=0)
    readers: dict[_Box, int] = {}
    for box in boxes:
        for source in box.sources:
            readers[source] = min(readers.get(source, box.layer), box.layer)
    for box in boxes:
        if not box.sources:
            box.layer = readers.get(box, 1) - 1
    end = max([box.layer for box in boxes if box.kind not in ("return", "effect")], default=0) + 1
    layers: list[list[_Box]] = [[] for _ in range(end + 1)]
    for box in boxes:
        layers[end if box.kind in ("return", "effect") else box.layer].append(box)
    return [layer for layer in layers if layer]


def _order(layers: list[list[_Box]]) -> None:
    """Boxes near what they read and what reads them: sweeps of averages down and up."""
    readers: dict[_Box, list[_Box]] = {}
    for layer in layers:
        for box in layer:
            for source in box.sources:
                readers.setdefault(source, []).append(box)
    place = {box: float(i) for layer in layers for i, box in enumerate(layer)}
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for layer in layers if down else reversed(layers):
            near = {box: box.sources if down else readers.get(box, []) for box in layer}
            wish = {
                box: sum(place[o] for o in near[box]) / len(near[box]) if near[box] else place[box] for box in layer
            }
            layer.sort(key=wish.__getitem__)
            place.update({box: float(i) for i, box in enumerate(layer)})


def _place(layers: list[list[_Box]], top: float) -> float:
    wide = max([_layer_width(layer) for layer in layers], default=0.0)
    y = top
    for layer in layers:
        x = _MARGIN + (wide - _layer_width(layer)) / 2
        for box in layer:
            box.x, box.y = x, y
            x += box.width + _GAP
        y += max(box.height for box in layer) + _LAYER_GAP
    return y


def _layer_width(layer: list[_Box]) -> float:
    return sum(box.width + _GAP for box in layer) - _GAP


# -- SVG


def _escaped(text: str) -> str:
    """Text as XML holds it: other characters than it allows become question marks."""
    return "".join(
        c if c in "\t\n" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff" else "?" for c in text
    ).translate(_ESCAPES)


def _text(x: float, y: float, text: str, style: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}"{style}>{_escaped(text)}</text>'


def _edge(source: _Box, box: _Box) -> str:
    x0, y0 = source.x + source.width / 2, source.y + source.height
    x1, y1 = box.x + box.width / 2, box.y
    middle = (y0 + y1) / 2
    path = f"M{x0:.1f} {y0:.1f}C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}"
    return f'<path class="edge" d="{path}" fill="none" stroke="#999" marker-end="url(#tip)"/>'


def _drawn(box: _Box) -> str:
    round_ = 9 if box.kind in ("input", "scalar", "return") else 2
    dashes = ' stroke-dasharray="4 2"' if box.region or box.kind == "effect" else ""
    frame = f'x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="{round_}"'
    lines = [
        _text(box.x + 8, box.y + _LINE * (i + 1) - 1, line, "" if i or box.kind == "input" else ' font-weight="bold"')
        for i, line in enumerate(box.lines)
    ]
    return (
        f'<g class="{box.kind}"><title>{_escaped(box.title)}</title>'
        f'<rect {frame} fill="{_FILLS[box.kind]}" stroke="#555"{dashes}/>{"".join(lines)}</g>'
    )
