"""Every row of the rewrite tables: it holds for an example of each dtype it is meant for, and changes no bit of it.

The examples of rows are made from their patterns: a name becomes an input, and the numbers of the pattern stay. What
looks like algebra and is not stands in the list of traps, which must keep their values.
"""

from __future__ import annotations

import inspect
import itertools
from typing import Any

import numpy as np
import pytest

from lamella.graph import GraphBuilder, TensorType, canonicalize, infer_types, interpret, parse, simplify, verify
from lamella.graph._passes._layout import compose_index, tidy_index
from lamella.graph._passes._pattern import Call, Name, read
from lamella.graph._passes._rewrite import Row, Step, Table, rewrite
from lamella.graph._passes._rules_algebra import ALGEBRA
from lamella.graph._passes._rules_canonical import CANONICAL
from lamella.tensor.extend import OPS, as_dtype

ROWS = [r for r in (*ALGEBRA, *CANONICAL) if isinstance(r, Row)]
STEPS = [r for r in CANONICAL if isinstance(r, Step)]
DTYPES = ("f32", "f64", "f16", "bf16", "i64", "i32", "u8", "bool", "c64")
SHAPE = (3, 8)
NUMBERS = (2.0, -3.5, 0.1, 4, -1, 3, 5e-324, float("inf"))

# what stands for the params of a pattern: {name of the pattern: shape of x, {param: value}}
PARAMS: dict[str, list[tuple[tuple[int, ...], dict[str, Any]]]] = {
    "reshape(x, shape=a)": [((3, 8), {"a": (3, 8)})],
    "expand(x, shape=a)": [((3, 8), {"a": (3, 8)}), ((3, 8), {"a": (1, 3, 8)})],
    "permute(x, dims=a)": [((3, 8), {"a": (0, 1)}), ((3, 1, 8), {"a": (1, 0, 2)})],
    "slice(x, index=a)": [
        ((3, 8), {"a": ((0, 3, 1), (0, 8, 1))}),
        ((1, 8), {"a": (0, (0, 8, 1))}),
        ((3, 8), {"a": ((0, 3, 2), (1, 8, 4))}),
    ],
    "flip(flip(x, dims=a), dims=a)": [((3, 8), {"a": (0, 1)})],
    "reshape(reshape(x, shape=a), shape=b)": [((3, 8), {"a": (24,), "b": (4, 6)})],
    "permute(permute(x, dims=a), dims=b)": [((2, 3, 4), {"a": (1, 2, 0), "b": (0, 2, 1)})],
    "expand(expand(x, shape=a), shape=b)": [((3, 1), {"a": (3, 8), "b": (2, 3, 8)})],
    "slice(slice(x, index=a), index=b)": [
        ((9, 8), {"a": ((1, 9, 2), (7, -1, -1)), "b": ((0, 3, 2), (1, 8, 3))}),
        ((9, 8), {"a": (4, (7, -1, -2)), "b": (2,)}),
    ],
    "reshape(full(c, shape=a, dtype=k), shape=b)": [((3, 8), {"a": (3, 8), "b": (24,), "k": "f32"})],
    "expand(full(c, shape=a, dtype=k), shape=b)": [((3, 8), {"a": (1, 8), "b": (3, 8), "k": "f32"})],
    "where(w, full(1, shape=a, dtype=k), 0)": [((3, 8), {"a": (8,), "k": k}) for k in ("f32", "i64", "f16")],
    "slice(pad(x, pads=a, value=v), index=b)": [
        ((3, 8), {"a": ((1, 0), (2, 3)), "v": 7.0, "b": ((1, 3, 1), (3, 10, 1))})
    ],
    "pad(x, pads=a, value=v)": [((3, 8), {"a": ((0, 0), (0, 0)), "v": 0.0})],
    "pad(pad(x, pads=a, value=v), pads=b, value=v)": [
        ((3, 8), {"a": ((1, 0), (2, 3)), "b": ((0, 1), (1, 0)), "v": -0.0})
    ],
}
CASTS = [
    {"a": as_dtype(a), "b": as_dtype(b)} for a, b in itertools.product((*DTYPES, "f8e4m3", "f8e5m2", "i8"), repeat=2)
]


def values(dtype: Any, shape: tuple[int, ...], rng: Any) -> Any:
    """Random numbers of every size, and at random places those that are special."""
    kind, size = dtype.kind, int(np.prod(shape))
    if kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if kind in "iu":
        info = np.iinfo(dtype)
        special = np.array([info.min, info.max, 0, 1, info.max - 1], dtype)
        out = rng.integers(info.min, info.max, size, dtype, endpoint=True)
    else:
        special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, 6e-8, -6e-8, 65504.0, 1e30], np.float64).astype(
            dtype
        )
        wide = rng.standard_normal(size) * 10.0 ** rng.integers(-6, 6, size)
        out = (wide + 1j * rng.standard_normal(size) if kind == "c" else wide).astype(dtype)
    at = rng.random(size) < 0.5
    out[at] = rng.choice(special, int(at.sum()))
    return out.reshape(shape)


def same_values(left: list[Any], right: list[Any]) -> None:
    """Equal bits, two NaNs being the same."""
    for a, b in zip(left, right, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        whole = a.dtype.kind in "biu"
        nan = np.zeros(a.shape, bool) if whole else np.isnan(a)
        np.testing.assert_array_equal(nan, nan if whole else np.isnan(b))
        assert np.ascontiguousarray(a)[~nan].tobytes() == np.ascontiguousarray(b)[~nan].tobytes()


def example(row: Row, short: str, shape: tuple[int, ...], given: dict[str, Any]) -> Any:
    """The pattern of a row as a graph over inputs of one dtype; None where the ops refuse it."""
    builder = GraphBuilder("example")
    made: dict[str, Any] = dict(given)

    def build(term: Any) -> Any:
        if isinstance(term, Name):
            if term.word not in made:
                word = "bool" if term.word == "w" else short
                x = builder.input(TensorType(as_dtype(word), shape))
                if row.when is not None and "walk" in inspect.signature(row.when).parameters:
                    # the row asks where x comes from: from an op whose results are never -0.0
                    (x,) = builder.add(OPS["abs"], (x,), {}, infer_types(OPS["abs"], (x,), {}))
                made[term.word] = x
            return made[term.word]
        if not isinstance(term, Call):
            return term
        args = tuple([build(a) for a in term.args])
        params = {k: made[v.word] if isinstance(v, Name) else v for k, v in term.params}
        return builder.add(OPS[term.op], args, params, infer_types(OPS[term.op], args, params))[0]

    try:
        out = build(read(row.pattern))
        # something after it, so that it is no result and its memory is nobody's
        result = builder.add(OPS["stack"], (out, out), {"dim": 0}, infer_types(OPS["stack"], (out, out), {"dim": 0}))
    except (TypeError, ValueError):
        return None
    return verify(builder.build(result))


def cases(row: Row) -> Any:
    term = read(row.pattern)
    names = {t.word for t in _names(term)}
    numbers = [dict(zip(("c", "d"), pair, strict=True)) for pair in itertools.product(NUMBERS, repeat=2)]
    numbers = [{k: v for k, v in n.items() if k in names} for n in numbers]
    numbers = [n for i, n in enumerate(numbers) if n not in numbers[:i]]
    if row.pattern.startswith("cast("):
        return [(SHAPE, p) for p in CASTS] if "b" in row.pattern else [(SHAPE, {"a": as_dtype(d)}) for d in DTYPES]
    params = PARAMS.get(row.pattern, [(SHAPE, {})])
    if "a" in {n for n in names if n not in "xyzwgcd"} and row.pattern not in PARAMS:
        pytest.fail(f"PARAMS has no example of {row.pattern}")
    return [
        (shape, {k: as_dtype(v) if k == "k" else v for k, v in p.items()} | n) for shape, p in params for n in numbers
    ]


def _names(term: Any) -> Any:
    if isinstance(term, Name):
        yield term
    elif isinstance(term, Call):
        for a in (*term.args, *[v for _, v in term.params]):
            yield from _names(a)


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r.pattern}->{r.replacement}")
def test_a_row_holds_and_changes_no_bit(row: Row) -> None:
    rng = np.random.default_rng(1)
    held = 0
    for short in DTYPES:
        for shape, given in cases(row):
            graph = example(row, short, shape, given)
            if graph is None:
                continue
            before = graph
            fired: list[Any] = []
            graph = verify(rewrite(graph, Table([row]), fired))
            if not fired:
                continue
            inputs = [values(v.type.dtype.numpy, v.type.shape, rng) for v in graph.inputs]
            try:
                expected = interpret(before)(inputs)
            except OverflowError:
                continue  # the number is none of the dtype
            if expected[0].dtype != before.outputs[0].type.dtype.numpy:
                continue  # no graph holds such a pair: the number is a tensor there
            held += 1
            same_values(interpret(graph)(inputs), expected)
            once: list[Any] = []
            rewrite(graph, Table([row]), once)
            assert not [
                r
                for r in once
                if r.pattern == row.pattern and row.replacement.startswith(row.pattern.partition("(")[0])
            ]
    assert held, f"no example makes {row.pattern} -> {row.replacement} hold"


# graphs for the steps, as bodies after the head; the last value is what the run returns
HEAD = "graph g(%0: f32[4, 6], %1: f32[1, 6], %2: f32[2, 6], %3: f64, %4: i64[4, 6], %5: f32[1, 1]) {\n"
EXAMPLES: dict[str, list[str]] = {
    "slice(cat(..., x, ...)) -> x": [
        "%10: f32[6, 6] = cat(%0, %2; dim=0)\n%11: f32[2, 6] = slice(%10; index=((4, 6, 1), (0, 6, 1)))\n"
        "%12: f32[2, 6] = neg(%11)\nreturn %12"
    ],
    "cat(slice(x), slice(x), ...) -> x": [
        "%10: f32[4, 2] = slice(%0; index=((0, 4, 1), (0, 2, 1)))\n"
        "%11: f32[4, 4] = slice(%0; index=((0, 4, 1), (2, 6, 1)))\n"
        "%12: f32[4, 6] = cat(%10, %11; dim=1)\n%13: f32[4, 6] = exp(%12)\nreturn %13"
    ],
    "take(x, arange(a, b)) -> slice(x)": [
        "%10: i64[3] = arange(1, 4, 1; dtype=i64)\n%11: f32[4, 3] = take(%0, %10; dim=1)\n"
        "%12: f32[4, 3] = neg(%11)\nreturn %12"
    ],
    "take_grad(g, arange(a, b)) -> pad(add(g, 0))": [
        "%10: i64[4] = arange(1, 5, 1; dtype=i64)\n%11: f32[7, 6] = take_grad(%0, %10; dim=0, size=7)\nreturn %11",
        "%10: i64[4] = arange(0, 4, 1; dtype=i64)\n%11: f32[4, 6] = take_grad(%0, %10; dim=0, size=4)\nreturn %11",
        "%10: i64[4] = arange(0, 4, 1; dtype=i64)\n%11: i64[5, 6] = take_grad(%4, %10; dim=0, size=5)\nreturn %11",
    ],
    "view_grad(g, view) -> the view undone, or pad(g)": [
        "%10: f32[6, 9] = view_grad(%0; shape=(6, 9), "
        'chain=(("slice", ((1, 5, 1), (0, 6, 1))),))\nreturn %10',
        "%10: f32[4, 5, 6] = view_grad(%0; shape=(4, 5, 6), "
        'chain=(("slice", ((0, 4, 1), 2, (0, 6, 1))),))\nreturn %10',
        '%10: f32[24] = view_grad(%0; shape=(24,), chain=(("reshape", (4, 6)),))\n%11: f32[24] = neg(%10)\nreturn %11',
        '%10: f32[2, 3, 4] = view_grad(%0; shape=(2, 3, 4), chain=(("permute", (2, 1, 0)), ("reshape", (4, 6))))\n'
        "%11: f32[2, 3, 4] = neg(%10)\nreturn %11",
        '%10: f32[4, 6] = view_grad(%0; shape=(4, 6), chain=(("alias", None),))\n%11: f32[4, 6] = neg(%10)\nreturn %11',
        '%10: i64[4, 9] = view_grad(%4; shape=(4, 9), chain=(("slice", ((0, 4, 1), (3, 9, 1))),))\nreturn %10',
    ],
    "sum over dims of size 1 -> add(x, 0)": [
        "%10: f32[6] = sum(%1; dims=(0,), keepdim=False)\nreturn %10",
        "%10: f32[1, 6] = sum(%1; dims=(0,), keepdim=True)\nreturn %10",
        "%10: f32[6] = amax(%1; dims=(0,), keepdim=False)\nreturn %10",
        "%10: f32[6] = prod(%1; dims=(0,), keepdim=False)\nreturn %10",
    ],
    "op(expand(x), y) -> op(x, y)": [
        "%10: f32[4, 6] = expand(%1; shape=(4, 6))\n%11: f32[4, 6] = mul(%10, %0)\nreturn %11",
        "%10: f32[4, 6] = expand(%1; shape=(4, 6))\n%11: bool[4, 6] = lt(%0, %10)\nreturn %11",
    ],
    "op(expand(x)) -> expand(op(x))": [
        "%10: f32[4, 6] = expand(%1; shape=(4, 6))\n%11: f32[4, 6] = exp(%10)\n%12: f32[4, 6] = mul(%11, %3)\n"
        "%13: f32[4, 6] = sub(%12, %0)\nreturn %13"
    ],
    "op(x, full(c)) -> op(x, c)": [
        "%10: f32[] = full(0.1; shape=(), dtype=f32)\n%11: f32[4, 6] = mul(%10, %0)\nreturn %11",
        "%10: f32[4, 6] = full(-0.0; shape=(4, 6), dtype=f32)\n%11: f32[4, 6] = sub(%10, %0)\nreturn %11",
        "%10: f32[4, 6] = full(-3.5; shape=(4, 6), dtype=f32)\n%11: f32[4, 6] = mul(%1, %10)\n"
        "%12: f32[4, 6] = add(%11, %0)\nreturn %12",
        "%10: i64[6] = full(3; shape=(6,), dtype=i64)\n%11: bool[4, 6] = lt(%10, %4)\nreturn %11",
        "%10: bool[4, 6] = isnan(%0)\n%11: f32[] = full(nan; shape=(), dtype=f32)\n"
        "%12: f32[4, 6] = where(%10, %11, %0)\nreturn %12",
    ],
    "op(c, x) -> op(x, c)": [
        "%10: f32[4, 6] = add(1.5, %0)\nreturn %10",
        "%10: f32[4, 6] = mul(%3, %0)\n%11: f32[4, 6] = mul(%10, %0)\nreturn %11",
    ],
    "lt(c, x) -> gt(x, c)": ["%10: bool[4, 6] = lt(0.5, %0)\nreturn %10", "%10: bool[4, 6] = ge(%1, %0)\nreturn %10"],
}  # fmt: skip


@pytest.mark.parametrize("step", STEPS, ids=lambda s: s.name)
def test_a_step_holds_and_changes_no_bit(step: Step) -> None:
    assert step.name in EXAMPLES, f"EXAMPLES has no graph for {step.name!r}"
    rng = np.random.default_rng(2)
    for body in EXAMPLES[step.name]:
        graph = verify(parse(f"{HEAD}{body}\n}}"))
        fired: list[Any] = []
        found = verify(rewrite(graph, Table([step]), fired))
        assert step in fired, body
        inputs = [0.5 if i == 3 else values(v.type.dtype.numpy, v.type.shape, rng) for i, v in enumerate(graph.inputs)]
        same_values(interpret(found)(inputs), interpret(graph)(inputs))
        same_values(interpret(simplify(graph))(inputs), interpret(graph)(inputs))


# what must stay: (body, an op that is still there afterwards)
TRAPS = [
    ("%10: f32[4, 6] = add(%0, 0.0)\nreturn %10", "add"),
    ("%10: f32[4, 6] = add(%0, 0)\nreturn %10", "add"),
    ("%10: f32[4, 6] = sub(%0, -0.0)\nreturn %10", "sub"),
    ("%10: f32[4, 6] = sub(0.0, %0)\nreturn %10", "sub"),
    ("%10: f32[4, 6] = mul(%0, 0.0)\nreturn %10", "mul"),
    ("%10: f32[4, 6] = sub(%0, %0)\nreturn %10", "sub"),
    ("%10: f32[4, 6] = div(%0, %0)\nreturn %10", "div"),
    ("%10: f32[4, 6] = div(%0, 3.0)\nreturn %10", "div"),
    ("%10: f32[4, 6] = div(%0, 1.1754943508222875e-38)\nreturn %10", "div"),
    ("%10: f32[4, 6] = sub(%0, %1)\n%11: f32[4, 6] = neg(%10)\nreturn %11", "neg"),
    ("%10: f32[4, 6] = mul(%0, 0.1)\n%11: f32[4, 6] = mul(%10, 10.0)\nreturn %11", "mul"),
    ("%10: f32[4, 6] = add(%0, 1.0)\n%11: f32[4, 6] = add(%10, -1.0)\nreturn %11", "add"),
    ("%10: bool[4, 6] = lt(%0, %1)\n%11: bool[4, 6] = logical_not(%10)\nreturn %11", "logical_not"),
    ("%10: f16[4, 6] = cast(%0; dtype=f16)\n%11: f32[4, 6] = cast(%10; dtype=f32)\nreturn %11", "cast"),
    ("%10: f32[4, 6] = cast(%4; dtype=f32)\n%11: f64[4, 6] = cast(%10; dtype=f64)\nreturn %11", "cast"),
    ("%10: bool[4, 6] = eq(%0, %0)\nreturn %10", "eq"),
    # what is tiny and negative is -0.0 in float32
    ("%10: f32[4, 6] = full(-1e-60; shape=(4, 6), dtype=f32)\n%11: f32[4, 6] = add(%10, 0)\n"
     "%12: f32[4, 6] = reciprocal(%11)\nreturn %12", "add"),
    ("%10: bool[4, 6] = isnan(%0)\n%11: f32[4, 6] = full(1.0; shape=(4, 6), dtype=f32)\n"
     "%12: f32[4, 6] = where(%10, %11, -1e-60)\n%13: f32[4, 6] = add(%12, 0)\n%14: f32[4, 6] = reciprocal(%13)\n"
     "return %14", "add"),
    ("%10: f32[4, 6] = abs(%0)\n%11: f32[5, 6] = pad(%10; pads=((0, 1), (0, 0)), value=-1e-60)\n"
     "%12: f32[5, 6] = add(%11, 0)\n%13: f32[5, 6] = reciprocal(%12)\nreturn %13", "add"),
    # complex numbers have zeros with signs of their own
    ("%10: c64[1, 6] = cast(%1; dtype=c64)\n%11: c64[1, 6] = neg(%10)\n"
     "%12: c64[6] = sum(%11; dims=(0,), keepdim=False)\nreturn %12", "add"),
    ("%10: c64[4, 6] = cast(%0; dtype=c64)\n%11: c64[4, 6] = neg(%10)\n%12: c64[4, 6] = mul(%11, %11)\n"
     "%13: i64[4] = arange(0, 4, 1; dtype=i64)\n%14: c64[7, 6] = take_grad(%12, %13; dim=0, size=7)\nreturn %14",
     "add"),
    ("%10: c64[4, 6] = cast(%0; dtype=c64)\n%11: c128[4, 6] = cast(%10; dtype=c128)\n"
     "%12: u8[4, 6] = cast(%11; dtype=u8)\nreturn %12", "cast"),
    ("%10: f32[4, 6] = maximum(%0, %1)\n%11: f32[4, 6] = maximum(%1, %0)\n%12: f32[8, 6] = cat(%10, %11; dim=0)\n"
     "return %12", "maximum"),
    ("%10: f32[4, 6] = expand(%1; shape=(4, 6))\n%11: f32[6] = sum(%10; dims=(0,), keepdim=False)\nreturn %11", "sum"),
    ("%10: i64[2] = arange(3, 5, 1; dtype=i64)\n%11: f32[2, 6] = take(%2, %10; dim=0)\nreturn %11", "take"),
    ("%10: f32[4, 6] = exp(%0)\n%11: f32[4, 6] = log(%10)\nreturn %11", "log"),
    ("%10: f32[4, 6] = mul(%0, 1)\nreturn %10", "mul"),  # a result has memory of its own
    ("%10: f32[4, 6] = copy(%0)\nreturn %10", "copy"),
    ("%10: f32[6, 4] = reshape(%0; shape=(6, 4))\n%11: f32[24] = reshape(%10; shape=(24,))\nreturn %11", "reshape"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "op"), TRAPS)
def test_what_looks_like_algebra_stays(body: str, op: str) -> None:
    graph = verify(parse(f"{HEAD}{body}\n}}"))
    found = verify(simplify(graph))
    assert op in [n.op.name for n in found.nodes]
    if op == "take":
        return  # it raises at run time, and must
    rng = np.random.default_rng(3)
    inputs = [0.5 if i == 3 else values(v.type.dtype.numpy, v.type.shape, rng) for i, v in enumerate(graph.inputs)]
    same_values(interpret(found)(inputs), interpret(graph)(inputs))
    shared = [np.shares_memory(r, x) for r in interpret(found)(inputs) for x in inputs if isinstance(x, np.ndarray)]
    assert shared == [
        np.shares_memory(r, x) for r in interpret(graph)(inputs) for x in inputs if isinstance(x, np.ndarray)
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            "%10: f32[4, 6] = add(%0, %1)\n%11: f32[6, 4] = permute(%10; dims=(1, 0))\n"
            "%12: f32[4, 6] = permute(%11; dims=(1, 0))\n%13: f32[24] = reshape(%12; shape=(24,))",
            "%10: f32[4, 6] = add(%1, %0)\n%11: f32[2, 12] = reshape(%10; shape=(2, 12))\n"
            "%13: f32[24] = reshape(%11; shape=(24,))",
        ),
        (
            "%10: f32[4, 6] = mul(2.0, %0)\n%11: f32[2, 6] = slice(%10; index=((0, 4, 2), (0, 6, 1)))\n"
            "%12: f32[1, 6] = slice(%11; index=((1, 2, 1), (0, 6, 1)))\n%13: f32[6] = reshape(%12; shape=(6,))",
            "%10: f32[4, 6] = mul(%0, 2.0)\n%11: f32[1, 6] = slice(%10; index=((2, 3, 1), (0, 6, 1)))\n"
            "%13: f32[6] = reshape(%11; shape=(6,))",
        ),
        (
            "%10: bool[4, 6] = gt(%1, %0)\n%11: f32[4, 6] = copy(%0)\n%13: f32[4, 6] = where(%10, %11, 0.0)",
            "%10: bool[4, 6] = lt(%0, %1)\n%13: f32[4, 6] = where(%10, %0, 0.0)",
        ),
    ],
)  # fmt: skip
def test_equal_programs_have_one_form(first: str, second: str) -> None:
    def form(body: str) -> list[Any]:
        graph = canonicalize(
            verify(parse(f"{HEAD}{body}\n%14: {body.split('%13: ')[1].split(' =')[0]} = neg(%13)\nreturn %14\n}}"))
        )
        return [(n.op.name, [getattr(a, "type", a) for a in n.args], n.params) for n in graph.nodes]

    assert form(first) == form(second)


def test_slices_of_slices_take_the_same_places() -> None:
    rng = np.random.default_rng(4)
    x = np.arange(11)

    def cut(n: int) -> tuple[int, int, int]:
        start, stop = (int(i) for i in rng.integers(-n - 1, n + 2, 2))
        step = int(rng.choice([-3, -2, -1, 1, 2, 3]))
        start, stop, step = slice(start, stop, step).indices(n)
        return (start, stop, step) if range(start, stop, step) else (0, 0, 1)

    def taken(a: Any, e: Any) -> Any:
        return a[slice(e[0], e[1] if e[1] >= 0 or e[2] > 0 else None, e[2])]

    for _ in range(400):
        first = cut(11)
        middle = taken(x, first)
        second = cut(len(middle))
        (entry,) = compose_index((first,), (second,))
        np.testing.assert_array_equal(taken(x, entry), taken(middle, second))
        np.testing.assert_array_equal(taken(x, tidy_index((first,))[0]), middle)
