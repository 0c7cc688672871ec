"""Texts that are not graphs: each is refused with its line, its column and what was expected, and no text crashes or
hangs the parser.
"""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamella.graph import GraphError, ParseError, parse, to_text, verify

HEAD = "graph g(%0: f32[2]) {\n"
NODE = "  %1: f32[2] = exp(%0)\n"


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("", 1, 1, "expected the word 'graph', found the end of the text"),
        ("grap", 1, 1, "expected the word 'graph', found 'grap'"),
        ("graphs g() {}", 1, 1, "expected the word 'graph'"),
        ("graph", 1, 6, "expected the name of the graph"),
        ("graph g(", 1, 9, "expected a new value such as %0"),
        ("graph g(%0 f32[2])", 1, 12, "expected ':' and a type after a new value, found 'f32[2])'"),
        ("graph g(%0: f31[2])", 1, 13, "'f31' is not a dtype; the dtypes are bool u8"),
        ("graph g(%0: f32)", 1, 13, "a tensor of no dims is written f32[]"),
        ("graph g(%0: f32[2.5])", 1, 18, "expected ',' or ']' after a size"),
        ("graph g(%0: f32[n])", 1, 17, "expected a size, found 'n])'"),
        ("graph g(%0: f32[-1])", 1, 17, "expected a size"),
        (f"graph g(%0: f32[{1 << 63}])", 1, 17, "a size must be below 2**63"),
        (f"graph g(%0: f32[{'9' * 5000}])", 1, 17, "a size of at most 19 digits"),
        (f"graph g(%0: f32[{'1, ' * 64}1])", 1, 16, "at most 64 dims"),
        ("graph g(%0: f32[2], %0: f32[2])", 1, 21, "%0 is defined twice"),
        ("graph g(%1234567890: f32[2])", 1, 9, "expected a new value"),
        ("graph g(%0: i64 from )", 1, 22, "expected the source of the input"),
        ("graph g(%0: i64 %1)", 1, 17, "expected ',' or ')' after an input"),
        ("graph g()", 1, 10, "expected '{' before the nodes"),
        ("graph g() {\n", 2, 1, "expected a node starting with '%', or 'return', found the end of the text"),
        (HEAD + "  %1: f32[2] = exq(%0)\n", 2, 16, "there is no op named 'exq'"),
        (HEAD + "  %1: f32[2] exp(%0)\n", 2, 14, "expected '=' or ',' after the outputs"),
        (HEAD + "  %1: f32[2] = exp(%1)\n", 2, 20, "%1 is used before it is defined"),
        (HEAD + "  %1: f32[2] = exp(%5)\n", 2, 20, "%5 is used before it is defined"),
        (HEAD + "  %0: f32[2] = exp(%0)\n", 2, 3, "%0 is defined twice"),
        (HEAD + "  %1: f32[2], %1: i64[] = exp(%0)\n", 2, 15, "%1 is defined twice"),
        (HEAD + "  %1: f32[2] = exp(%0 %0)\n", 2, 23, "expected ',' or ')' after an operand"),
        (
            HEAD + "  %1: f32[2] = exp(x)\n",
            2,
            20,
            "expected a value such as %0, a number, True, False or None, found 'x)'",
        ),
        (HEAD + '  %1: f32[2] = exp("x")\n', 2, 20, "expected a value such as %0"),
        (HEAD + "  %1: f32[2] = exp(1e999)\n", 2, 20, "the float is out of range"),
        (HEAD + f"  %1: f32[2] = exp({'1' * 500})\n", 2, 20, "an int has at most 400 digits"),
        (HEAD + "  %1: f32[2] = exp(1.2.3)\n", 2, 20, "expected a value"),
        (HEAD + "  %1: f32[2] = exp(complex(1, 2.0))\n", 2, 28, "written as floats"),
        (HEAD + "  %1: f32[2] = exp(%0; dim)\n", 2, 24, "expected a param such as dim=0"),
        (
            HEAD + "  %1: f32[2] = exp(%0; dim=)\n",
            2,
            28,
            "expected a number, True, False, None, a dtype, a string or a tuple",
        ),
        (HEAD + "  %1: f32[2] = exp(%0; dim=%0)\n", 2, 28, "expected a number, True, False, None, a dtype"),
        (HEAD + "  %1: f32[2] = exp(%0; d=1, d=2)\n", 2, 29, "param 'd' is given twice"),
        (HEAD + "  %1: f32[2] = exp(%0; d=(1))\n", 2, 28, "expected ',' after the only item of a tuple"),
        (HEAD + "  %1: f32[2] = exp(%0; d=(1, 2\n", 3, 1, "expected ')' or ',' after an item of a tuple"),
        (HEAD + f"  %1: f32[2] = exp(%0; d={'(' * 100000})\n", 2, 58, "tuples nest at most 32 deep"),
        (HEAD + '  %1: f32[2] = exp(%0; d="a\n")\n', 2, 26, "expected a string in double quotes"),
        (HEAD + '  %1: f32[2] = exp(%0; d="\\q")\n', 2, 26, "expected a string in double quotes"),
        (HEAD + '  %1: f32[2] = exp(%0; d="\u00e9")\n', 2, 26, "expected a string in double quotes"),
        (HEAD + '  %1: f32[2] = exp(%0; d="\\U00110000")\n', 2, 26, "expected a string in double quotes"),
        (HEAD + "  %1: f32[2] = exp(%0\n", 3, 1, "expected ',' or ')' after an operand, found the end of the text"),
        (HEAD + "  %1: f32[2] = exp(%0) region x\n", 2, 31, "expected the number of a region"),
        (HEAD + NODE + "  return %2\n}", 3, 10, "%2 is used before it is defined"),
        (HEAD + NODE + "  return %1,\n}", 4, 1, "expected a value such as %0, a number"),
        (
            HEAD + NODE + "  return %1\n  wrote %0 <- %1\n}",
            4,
            3,
            "expected ',' and another output, an effect starting with 'write'",
        ),
        (HEAD + NODE + "  return %1\n  write x <- %1\n}", 4, 9, "expected a value such as %0"),
        (HEAD + NODE + "  return\n  grad <- %1\n}", 4, 8, "expected the label of a gradient"),
        (HEAD + NODE + "  return\n  state s = %1\n}", 4, 11, "expected '<-' before the value of an effect"),
        (HEAD + NODE + "  return %1\n} x", 4, 3, "expected the end of the text, found 'x'"),
    ],
)
def test_errors_name_the_place_and_what_was_expected(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert message in str(caught.value)
    assert (caught.value.line, caught.value.column) == (line, column), str(caught.value)
    assert len(str(caught.value)) < 400


def test_only_str_is_text() -> None:
    with pytest.raises(TypeError, match="as str, got bytes"):
        parse(b"graph g() {\n  return\n}\n")  # type: ignore[arg-type]


@given(st.text())
def test_any_text_is_a_graph_or_a_parse_error(text: str) -> None:
    with contextlib.suppress(ParseError):
        parse(text)


@pytest.mark.fuzz
def test_mutations_of_real_texts(golden: Path) -> None:
    text = golden.read_text("ascii")
    rng = random.Random(0)
    marks = '%:=(),;[]{}<-"#\\ \n019azN.\u00e9\x00'
    for _ in range(300):
        chars = list(text)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(chars))
            action = rng.random()
            if action < 0.4:
                chars[at] = rng.choice(marks)
            elif action < 0.7:
                del chars[at : at + rng.randint(1, 20)]
            else:
                chars.insert(at, rng.choice(marks))
        mutated = "".join(chars)
        try:
            graph = parse(mutated)
        except ParseError:
            continue
        assert parse(to_text(graph)) == graph
        with contextlib.suppress(GraphError):
            verify(graph)
