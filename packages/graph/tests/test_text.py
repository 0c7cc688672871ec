"""The law of the text form: parse(print(g)) == g and print(parse(print(g))) == print(g), for any graph."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from lamella.graph import Effect, Graph, GraphError, Node, ScalarType, TensorType, Value, parse, to_text
from lamella.tensor.extend import OPS, DType, as_dtype

DTYPES = [
    as_dtype(w)
    for w in (
        "bool",
        "u8",
        "u16",
        "u32",
        "u64",
        "i8",
        "i16",
        "i32",
        "i64",
        "f16",
        "bf16",
        "f32",
        "f64",
        "c64",
        "c128",
        "f8e4m3",
        "f8e5m2",
    )
]

texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=12)
labels = st.one_of(texts, st.sampled_from(["args[0].weight", "grad[3]", "a.b", "region", "from", "x]"]))
floats = st.floats(allow_nan=True, allow_infinity=True, allow_subnormal=True)
atoms = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(10**399), 10**399), floats, texts, st.sampled_from(DTYPES)
)
params = st.recursive(atoms, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=6)
numbers = st.one_of(st.booleans(), st.integers(), floats, st.complex_numbers())
sizes = st.integers(0, (1 << 63) - 1)
types = st.one_of(
    st.builds(TensorType, st.sampled_from(DTYPES), st.lists(sizes, max_size=4).map(tuple)),
    st.builds(ScalarType, st.sampled_from(["i64", "f64", "bool"])),
)
sources = st.one_of(
    st.none(), st.tuples(st.one_of(texts, st.just("a.py"), st.just("C:\\x.py")), st.integers(0, 10**9 - 1))
)


@st.composite
def graphs(draw: Any) -> Graph:
    """Graphs that are SSA and otherwise anything: the text form does not ask whether types fit."""
    ids = iter(draw(st.permutations(range(40))))
    values: list[Value] = [Value(next(ids), t) for t in draw(st.lists(types, max_size=4))]
    inputs = list(values)
    nodes = []
    for _ in range(draw(st.integers(0, 5))):
        known = [*map(st.just, values)]
        args = draw(st.lists(st.one_of(st.none(), numbers, *known), max_size=4))
        named = draw(st.dictionaries(st.from_regex(r"[a-z_][a-zA-Z0-9_]{0,6}", fullmatch=True), params, max_size=3))
        outputs = tuple(Value(next(ids), t) for t in draw(st.lists(types, min_size=1, max_size=3)))
        op = OPS[draw(st.sampled_from(sorted(OPS)))]
        nodes.append(Node(op, tuple(args), named, outputs, draw(st.integers(0, 5)), draw(sources)))
        values.extend(outputs)
    known = [*map(st.just, values)]
    constants = st.one_of(st.none(), numbers, texts, *known)
    effects = [
        Effect(kind, t, draw(constants))
        for kind, t in draw(st.lists(st.tuples(st.sampled_from(["grad", "state"]), labels)))
    ]
    if values:
        effects += [Effect("write", draw(st.one_of(*known)), draw(constants)) for _ in range(draw(st.integers(0, 2)))]
    labelled = [draw(st.one_of(st.none(), labels)) for _ in inputs]
    return Graph(draw(texts), inputs, nodes, draw(st.lists(constants, max_size=4)), effects, labelled)


@given(graphs())
@settings(max_examples=300, deadline=None)
def test_round_trip(graph: Graph) -> None:
    text = to_text(graph)
    assert text.isascii()
    again = parse(text)
    assert again == graph
    assert to_text(again) == text


@given(params)
def test_params_round_trip_exactly(value: Any) -> None:
    def exact(x: Any) -> Any:
        if isinstance(x, tuple):
            return tuple(map(exact, x))
        return (type(x), x.hex() if isinstance(x, float) else x)

    out = Value(0, ScalarType("i64"))
    text = to_text(Graph("g", [], [Node(OPS["full"], (), {"p": value}, (out,))], []))
    assert exact(parse(text).nodes[0].params["p"]) == exact(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (float("-inf"), "-inf"),
        (-0.0, "-0.0"),
        (0.0, "0.0"),
        (1, "1"),
        (True, "True"),
        (1e22, "1e+22"),
        (5e-324, "5e-324"),
        (None, "None"),
        ('a"b\\\n\u00e9\U0001f600', '"a\\"b\\\\\\n\\xe9\\U0001f600"'),
        ((), "()"),
        ((1,), "(1,)"),
        ((1, (2.0, "x"), None), '(1, (2.0, "x"), None)'),
        (as_dtype("bfloat16"), "bf16"),
        (as_dtype("bool"), "bool"),
        ("\ud83d\ude00", '"\\ud83d\\ude00"'),
    ],
)
def test_constants_print_as_written(value: Any, text: str) -> None:
    out = Value(0, ScalarType("i64"))
    printed = to_text(Graph("g", [], [Node(OPS["full"], (), {"p": value}, (out,))], []))
    assert f"full(; p={text})" in printed
    again = parse(printed).nodes[0].params["p"]
    assert repr(again) == repr(value)
    assert isinstance(again, DType) == isinstance(value, DType)


@pytest.mark.parametrize("value", [[1], {1}, b"x", 1 + 2j, 10**400, object, (1, [2]), type("F", (float,), {})(1.0)])
def test_what_has_no_text_is_refused(value: Any) -> None:
    out = Value(0, ScalarType("i64"))
    node = Node(OPS["full"], (), {"p": (value,)}, (out,))
    with pytest.raises(GraphError, match="a graph cannot hold"):
        to_text(Graph("g", [], [node], []))


def test_comments_and_layout_are_free() -> None:
    text = """# a graph
    graph "two words" ( %0 : f32 [ 2 , 3 ] ) { # not a source
      %7:f32[2,3]=exp(%0)# m.py:3
      %9: f32[2, 3],
        = neg(%7)
    return %9 }"""
    with pytest.raises(GraphError):
        parse(text)
    graph = parse(text.replace("f32 [", "f32[").replace("3],", "3]"))
    assert graph.name == "two words"
    assert [n.source for n in graph.nodes] == [("m.py", 3), None]
    assert to_text(graph).splitlines()[1:3] == ["  %7: f32[2, 3] = exp(%0)   # m.py:3", "  %9: f32[2, 3] = neg(%7)"]


def test_equality_is_structural_and_exact() -> None:
    base = "graph g(%0: f64[2]) {\n  %1: f64[2] = add(%0, 1.0)   # a.py:1\n  return %1\n}\n"
    assert parse(base) == parse(base)
    for old, new in [
        ("1.0", "1"),
        ("1.0", "True"),
        ("add", "sub"),
        ("a.py:1", "a.py:2"),
        ("f64[2]", "f64[3]"),
        ("%1", "%2"),
        ("graph g", "graph h"),
        ("return %1", "return %0"),
        ("1.0)", "1.0) region 1"),
        ("return %1", "return %1\n write %0 <- %1"),
        ("%0: f64[2]", "%0: f64[2] from x"),
    ]:
        assert parse(base) != parse(base.replace(old, new)), (old, new)
    assert parse(base.replace("1.0", "0.0")) != parse(base.replace("1.0", "-0.0"))
    assert parse(base.replace("1.0", "nan")) == parse(base.replace("1.0", "nan"))
