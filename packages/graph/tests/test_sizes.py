"""Sizes known by name: the algebra against Python's ints, what is decided and recorded, text, binding to numbers."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamella.graph import CaptureError, GraphError, Size, Sizes, bound, interpret, named_sizes, parse, to_text, verify
from lamella.graph._polynomial import Polynomial, constant, named, parsed

NAMES = ("n0", "n1", "n2")
SIZES = st.fixed_dictionaries({name: st.integers(2, 50) for name in NAMES})
STEPS = st.lists(
    st.tuples(st.sampled_from(["+", "-", "*", "//", "%"]), st.one_of(st.sampled_from(NAMES), st.integers(-6, 6))),
    max_size=6,
)
OPERATIONS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv, "%": operator.mod}


def _built(start: str, steps: list[Any], sizes: dict[str, int]) -> tuple[Polynomial, int] | None:
    p, value = named(start), sizes[start]
    for word, operand in steps:
        q, other = (named(operand), sizes[operand]) if isinstance(operand, str) else (constant(operand), operand)
        if word in ("//", "%") and (other == 0 or len(p.terms) > 4):
            return None
        p, value = OPERATIONS[word](p, q), OPERATIONS[word](value, other)
    return p, value


@given(st.sampled_from(NAMES), STEPS, SIZES)
def test_polynomials_compute_as_ints_do(start: str, steps: list[Any], sizes: dict[str, int]) -> None:
    built = _built(start, steps, sizes)
    if built is None:
        return
    p, value = built
    assert p.value(sizes) == value
    assert eval(p.text, dict(sizes)) == value  # the text is Python
    assert parsed(p.word).value(sizes) == value
    low, high = p.bounds({name: (n, n + 3) for name, n in sizes.items()})
    assert low <= value
    assert high is None or value <= high


@given(st.sampled_from(NAMES), STEPS, SIZES)
def test_a_sum_is_canonical(start: str, steps: list[Any], sizes: dict[str, int]) -> None:
    built = _built(start, [s for s in steps if s[0] in "+-*"], sizes)
    assert built is not None
    p, q = built[0], named("n1") + constant(3)
    assert (p + q, p * q, p - p) == (q + p, q * p, constant(0))
    assert (p * q).divided(q) == p


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(4*n0*n1) // (2*n0)", "2*n1"),
        ("(n0*n0 - 1) // (n0 - 1)", "n0 + 1"),
        ("(128*n0) % 64", "0"),
        ("n0 // 2", "((n0) // (2))"),
        ("n0 - n0", "0"),
    ],
)
def test_divisions_that_leave_no_rest_are_done(text: str, expected: str) -> None:
    assert parsed(text).text == expected


@pytest.mark.parametrize("text", ["", "n", "m0", "n0 / 2", "n0 ** 2", "f(n0)", "1.5", "n0 // 0", "n0 +", "(" * 500])
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="sizes"):
        parsed(text)


def _two() -> tuple[Sizes, Size, Size]:
    sizes = Sizes()
    return sizes, sizes.new(8), sizes.new(12)


def test_comparisons_are_decided_by_difference_and_bounds_without_a_guard() -> None:
    sizes, a, b = _two()
    assert all((a * b == b * a, a + 1 > a, a != 1, a != 0, a >= 2, a != -1, a * 4 // 4 == a))
    assert all((bool(a), abs(a) == a, max(1, a) == a, math.prod((a, b, 3)) == 3 * a * b))
    assert not sizes.decisions
    assert not sizes.fixed


def test_other_comparisons_are_decided_by_the_sizes_at_hand_and_recorded() -> None:
    sizes, a, b = _two()
    assert all((a < b, a != b, a % 2 == 0, a <= 8))
    conditions = [text for text, _ in sizes.conditions()]
    assert all(eval(text, {"n0": 8, "n1": 12}) for text in conditions)
    assert not all(eval(text, {"n0": 9, "n1": 12}) for text in conditions)
    assert not all(eval(text, {"n0": 8, "n1": 8}) for text in conditions)


USES: list[Any] = [
    int, float, str, lambda n: range(n), lambda n: [0] * n, lambda n: f"{n}", lambda n: np.zeros(n), math.sqrt,
    lambda n: n in {4, 9}, lambda n: {8: "eight"}[n], lambda n: {(4,): 1}.get((n,)), lambda n: round(n, -1), np.sqrt,
    lambda n: n & 7, lambda n: 3 << n, lambda n: n ^ n, lambda n: ~n,
]  # fmt: skip


@pytest.mark.parametrize("use", USES)
def test_what_python_needs_as_an_int_fixes_the_size_and_says_where(use: Any) -> None:
    sizes, a, _ = _two()
    result, expected = use(a), use(8)
    np.testing.assert_array_equal(result, expected)
    assert any("test_sizes.py" in words and "not 8" in words for _, words in sizes.conditions())
    assert not all(eval(text, {"n0": 9, "n1": 12}) for text, _ in sizes.conditions())


def test_a_size_answers_as_an_int_when_asked_for_its_class() -> None:
    _, a, _ = _two()
    assert isinstance(a, int)
    assert not isinstance(a, (bool, float))


def test_dividing_by_a_size_that_may_be_zero_is_guarded() -> None:
    sizes, a, _ = _two()
    assert a * (a - 3) // (a - 3) == a
    assert not all(eval(text, {"n0": 3, "n1": 12}) for text, _ in sizes.conditions())
    for divide in (lambda: (a * a - 64) // (a - 8), lambda: a % (a - 8), lambda: 3 // (a - 8), lambda: 3 % (a - 8)):
        with pytest.raises(ZeroDivisionError):
            divide()


def test_a_range_of_one_number_is_guarded() -> None:
    sizes = Sizes()
    sizes.narrow(sizes.new(8), 8, 8)
    assert [eval(text, {"n0": n}) for n in (7, 8, 9) for text, _ in sizes.conditions()] == [False, True, False]


def test_a_size_of_another_or_a_finished_capture_is_refused() -> None:
    sizes, a, b = _two()
    _, other, _ = _two()
    with pytest.raises(CaptureError, match="used in another"):
        a + other
    sizes.closed = True
    assert all((a == a, a != b))
    with pytest.raises(CaptureError, match="finished capture"):
        operator.lt(a, b)


TEXT = """\
graph scaled(%0: f32[n0, 4], %1: f32[{n0 + 1}, 4]) {
  %2: f32[{4*n0}] = reshape(%0; shape=({4*n0},))
  %3: i64 = scalar.size(; name="n0")
  %4: f32[{4*n0}] = mul(%2, %3)
  return %4
}
"""


def test_a_graph_with_open_sizes_prints_parses_and_is_bound() -> None:
    graph = parse(TEXT)
    assert to_text(graph) == TEXT
    assert named_sizes(graph) == {"n0"}
    with pytest.raises(GraphError, match=r"open sizes \(n0\)"):
        verify(graph)
    for n in (2, 5):
        one = verify(bound(graph, {"n0": n}))
        x = np.arange(4.0 * n, dtype=np.float32).reshape(n, 4)
        (y,) = interpret(one)([x, np.zeros((n + 1, 4), np.float32)])
        np.testing.assert_array_equal(y, x.reshape(-1) * n)
    with pytest.raises(KeyError):
        bound(graph, {"n1": 2})
