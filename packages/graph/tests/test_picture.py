"""Pictures: valid XML whatever the names, one box a node, nothing on top of anything; rails that say who reads what."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from lamella.graph import Graph, parse, to_picture, to_svg

SVG = "{http://www.w3.org/2000/svg}"


def boxes(text: str) -> list[Any]:
    return ET.fromstring(text).findall(f"{SVG}g")


def graphs_of(graph: Graph) -> list[Graph]:
    return [graph, *graph.regions()]


def test_every_node_has_a_box_and_its_text(golden: Path) -> None:
    graph = parse(golden.read_text("ascii"))
    found = boxes(to_svg(graph))
    some = graphs_of(graph)
    wanted = sum(len(g.inputs) + len(g.nodes) + bool(g.outputs) + len(g.effects) for g in some)
    assert len(found) == wanted
    titles = [box.findtext(f"{SVG}title") for box in found]
    for inner in some:
        for node in inner.nodes:
            assert any(f"{node.op.name}(" in str(title) and f"%{node.outputs[0].id}" in str(title) for title in titles)
    edges = ET.fromstring(to_svg(graph)).findall(f"{SVG}path[@class='edge']")
    assert bool(edges) == any(g.nodes or g.outputs for g in some)


def test_boxes_do_not_overlap_and_edges_go_down(golden: Path) -> None:
    root = ET.fromstring(to_svg(parse(golden.read_text("ascii"))))
    frames = [
        {k: float(box.find(f"{SVG}rect").get(k)) for k in ("x", "y", "width", "height")}
        for box in boxes(to_svg(parse(golden.read_text("ascii"))))
    ]
    for i, a in enumerate(frames):
        for b in frames[:i]:
            apart = a["x"] + a["width"] <= b["x"] or b["x"] + b["width"] <= a["x"]
            assert apart or a["y"] + a["height"] <= b["y"] or b["y"] + b["height"] <= a["y"]
    for edge in root.findall(f"{SVG}path[@class='edge']"):
        numbers = [float(n) for n in re.findall(r"[\d.]+", str(edge.get("d")))]
        assert numbers[1] < numbers[-1]
    assert all(f["x"] + f["width"] <= float(str(root.get("width"))) for f in frames)
    assert all(f["y"] + f["height"] <= float(str(root.get("height"))) for f in frames)


@given(st.text(max_size=20), st.text(max_size=20))
@settings(max_examples=100, deadline=None)
def test_any_name_gives_valid_xml(name: str, label: str) -> None:
    graph = parse("graph g(%0: f32[2]) {\n  %1: f32[2] = exp(%0)\n  return %1\n}\n")
    named = Graph(name, graph.inputs, graph.nodes, graph.outputs, (), (label,))
    assert len(boxes(to_svg(named))) == 3
    to_picture(named).encode("utf-8", "surrogatepass")


REGIONS = """graph g(%0: f32[2] from x, %1: f32[2]) {
  %2: f32[2] = exp(%0)
  %3: f32[2] = exp(%0) region 1
  %4: f32[2] = add(%2, %3)
  return %4
  write %1 <- %4
  grad grad[0] <- None
}
"""


def test_regions_and_effects_are_drawn() -> None:
    found = {box.get("class"): box for box in boxes(to_svg(parse(REGIONS)))}
    texts = ["".join(box.itertext()) for box in boxes(to_svg(parse(REGIONS)))]
    assert any("exp   region 1" in text for text in texts)
    assert any("write %1 <- %4" in text for text in texts)
    assert any("grad grad[0] <- None" in text for text in texts)
    assert found["effect"].find(f"{SVG}rect").get("stroke-dasharray") is not None


def test_rails() -> None:
    assert to_picture(parse(REGIONS)) == (
        "graph 'g'\n"
        "●     %0: f32[2] from 'x'\n"
        "├─●   exp(%0) -> %2: f32[2]\n"
        "└─│─● exp(%0) -> %3: f32[2]   region 1\n"
        "●─┴─┘ add(%2, %3) -> %4: f32[2]\n"
        "│     return %4\n"
        "╵     write %1 <- %4\n"
        "      grad grad[0] <- None\n"
    )


def test_a_dead_value_ends_at_once_and_control_flow_shows_its_graphs(golden: Path) -> None:
    text = to_picture(parse(golden.read_text("ascii")))
    graph = parse(golden.read_text("ascii"))
    assert text.count("return") == len(graphs_of(graph))
    for inner in graph.regions():
        assert f"graph {inner.name!r}" in text


def test_the_picture_of_the_readme_is_the_picture() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    graph = parse(
        "graph gate(%0: f32[4, 2], %1: f32[3, 2]) {\n  %2: f32[4, 3] = linear(%0, %1, None)\n"
        "  %3: f32[4, 3] = sigmoid(%2)\n  %4: f32[4, 3] = mul(%2, %3)\n  return %4\n}\n"
    )
    assert to_picture(graph) in readme


@pytest.mark.parametrize("count", [1, 40])
def test_wide_graphs_keep_their_rails_apart(count: int) -> None:
    head = ", ".join(f"%{i}: f32[2]" for i in range(count))
    body = "".join(f"  %{count + i}: f32[2] = exp(%{i})\n" for i in range(count))
    names = ", ".join(f"%{count + i}" for i in range(count))
    text = to_picture(parse(f"graph g({head}) {{\n{body}  return {names}\n}}\n"))
    assert text.splitlines()[-1].count("┴") == max(count - 2, 0)
    assert text.count("●") == 2 * count
