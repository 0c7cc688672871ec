"""Laws over random operands: which dtype they meet in (against the table made with PyTorch), which shape they broadcast
to (against numpy), what conversions keep.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import lamella.tensor as lt
from lamella.tensor.extend import BY_NAME

TABLE = json.loads((Path(__file__).parent / "tables" / "promotion.json").read_text(encoding="utf-8"))
NAMES = TABLE["dtypes"]
AT = {name: i for i, name in enumerate(NAMES)}
CATEGORY = {n: BY_NAME[n].category for n in NAMES}

names = st.sampled_from(NAMES)


def meeting(a: str, b: str) -> str:
    found: str = TABLE["tensor_tensor"][a][AT[b]]
    return found


# -- dtypes


@given(names, names)
def test_promotion_commutes_and_is_an_upper_bound(a: str, b: str) -> None:
    x, y = BY_NAME[a], BY_NAME[b]
    met = lt.promote_types(x, y)
    assert met.name == meeting(a, b)
    assert met is lt.promote_types(y, x)
    assert lt.promote_types(x, x) is x
    assert lt.promote_types(x, lt.bool) is x
    assert lt.promote_types(met, x) is lt.promote_types(met, y) is met
    assert lt.can_cast(x, met)
    assert lt.can_cast(y, met)


@given(names, names, names)
def test_promotion_associates_where_it_does_in_the_table(a: str, b: str, c: str) -> None:
    x, y, z = BY_NAME[a], BY_NAME[b], BY_NAME[c]
    left, right = lt.promote_types(lt.promote_types(x, y), z), lt.promote_types(x, lt.promote_types(y, z))
    assert (left.name, right.name) == (meeting(meeting(a, b), c), meeting(a, meeting(b, c)))
    assert left is right


@st.composite
def operands(draw: Any) -> list[tuple[str, int]]:
    """One to four operands: (dtype, dims), where dims of -1 is a Python number."""
    kinds = draw(st.lists(st.tuples(names, st.sampled_from((-1, 0, 1, 2))), min_size=1, max_size=4))
    assume(any(dims >= 0 for _, dims in kinds))
    return kinds


def made(kind: tuple[str, int]) -> Any:
    name, dims = kind
    if dims >= 0:
        return lt.ones((2,) * dims, dtype=BY_NAME[name])
    return (True, 2, 0.5, 2j)[CATEGORY[name]]


def raised(low: str, category: int, high: str) -> str:
    """A dtype in a category above its own: PyTorch's complex of a float has its width, at least complex64."""
    if category <= CATEGORY[low]:
        return low
    if CATEGORY[low] == 2:
        return "complex128" if low == "float64" else "complex64"
    return high


def expected(kinds: list[tuple[str, int]]) -> str:
    """Tensors with dims meet by the table; 0-d tensors, and after them numbers, raise only the category."""
    result = ""
    for chosen in ([n for n, d in kinds if d > 0], [n for n, d in kinds if d == 0]):
        group = ""
        for name in chosen:
            group = meeting(group, name) if group else name
        if group:
            result = raised(result, CATEGORY[group], group) if result else group
    numbers = [CATEGORY[n] for n, d in kinds if d < 0]
    if numbers:
        result = raised(result, max(numbers), ("bool", "int64", "float32", "complex64")[max(numbers)])
    return result


@settings(max_examples=300, deadline=None)
@given(operands(), st.randoms(use_true_random=False))
def test_several_operands_meet_in_any_order(kinds: list[tuple[str, int]], random: Any) -> None:
    assert lt.result_type(*map(made, kinds)).name == expected(kinds)
    random.shuffle(kinds)
    assert lt.result_type(*map(made, kinds)).name == expected(kinds)


@settings(max_examples=200, deadline=None)
@given(operands())
def test_ops_meet_where_result_type_says(kinds: list[tuple[str, int]]) -> None:
    assume(len(kinds) >= 2)
    a, b = made(kinds[0]), made(kinds[1])
    assume(isinstance(a, lt.Tensor) or isinstance(b, lt.Tensor))
    met = lt.result_type(a, b)
    assert lt.add(a, b).dtype is lt.mul(b, a).dtype is met
    assert lt.where(lt.tensor(True), a, b).dtype is met
    tensors = [t for t in (a, b) if isinstance(t, lt.Tensor) and t.ndim == 1]
    if len(tensors) == 2:
        assert lt.cat(tensors).dtype is lt.stack(tensors).dtype is met


# -- shapes


@st.composite
def shapes(draw: Any, fit: bool = True) -> list[tuple[int, ...]]:
    """Two or three shapes that broadcast; for fit=False, any."""
    whole = draw(st.lists(st.integers(0, 3), max_size=4))
    out = []
    for _ in range(draw(st.integers(2, 3))):
        start = draw(st.integers(0, len(whole)))
        shape = [n if draw(st.booleans()) else 1 for n in whole[start:]]
        if not fit and shape:
            shape[draw(st.integers(0, len(shape) - 1))] = draw(st.integers(0, 4))
        out.append(tuple(shape))
    return out


BINARY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "maximum": np.maximum, "minimum": np.minimum, "eq": np.equal,
    "lt": np.less, "atan2": np.arctan2, "copysign": np.copysign,
}  # fmt: skip


def numbers(shape: tuple[int, ...], start: int) -> Any:
    return np.sin(np.arange(start, start + int(np.prod(shape)), dtype=np.float64)).reshape(shape)


@settings(max_examples=200, deadline=None)
@given(shapes(), st.sampled_from(sorted(BINARY)))
def test_binary_ops_broadcast_as_numpy_does(given_shapes: list[tuple[int, ...]], name: str) -> None:
    a, b = (numbers(s, 10 * i) for i, s in enumerate(given_shapes[:2]))
    out, wanted = getattr(lt, name)(lt.from_numpy(a), lt.from_numpy(b)), BINARY[name](a, b)
    assert out.shape == wanted.shape == lt.broadcast_shapes(a.shape, b.shape)
    np.testing.assert_allclose(out.numpy(), wanted, rtol=1e-15, atol=0)
    meta = getattr(lt, name)(lt.from_numpy(a).to("meta"), lt.from_numpy(b).to("meta"))
    assert (meta.shape, meta.dtype) == (out.shape, out.dtype)


@settings(max_examples=200, deadline=None)
@given(shapes(fit=False))
def test_what_numpy_does_not_broadcast_is_refused(given_shapes: list[tuple[int, ...]]) -> None:
    arrays = [numbers(s, 0) for s in given_shapes]
    tensors = [lt.from_numpy(a) for a in arrays]
    try:
        wanted = np.broadcast_shapes(*given_shapes)
    except ValueError:
        with pytest.raises(ValueError, match="broadcast"):
            lt.broadcast_shapes(*given_shapes)
        with pytest.raises(ValueError, match="broadcast"):
            lt.broadcast_tensors(*tensors)
        if len(tensors) == 2:
            with pytest.raises(ValueError, match=r"do not broadcast|differs"):
                lt.add(*tensors)
        return
    assert lt.broadcast_shapes(*given_shapes) == wanted
    assert [t.shape for t in lt.broadcast_tensors(*tensors)] == [wanted] * len(tensors)


@settings(max_examples=150, deadline=None)
@given(shapes())
def test_where_and_in_place_ops_broadcast_into_their_target(given_shapes: list[tuple[int, ...]]) -> None:
    arrays = [numbers(s, 7 * i) for i, s in enumerate(given_shapes)]
    a, b, c = (*arrays, arrays[0])[:3]
    out = lt.where(lt.from_numpy(a) > 0, lt.from_numpy(b), lt.from_numpy(c))
    np.testing.assert_array_equal(out.numpy(), np.where(a > 0, b, c))
    wanted = np.broadcast_shapes(a.shape, b.shape)
    target = lt.from_numpy(a.copy())
    if wanted == a.shape:
        np.testing.assert_array_equal(target.mul_(lt.from_numpy(b)).numpy(), a * b)
        np.testing.assert_array_equal(target.copy_(lt.from_numpy(b)).numpy(), np.broadcast_to(b, a.shape))
    else:
        with pytest.raises(ValueError, match="shape"):
            target.mul_(lt.from_numpy(b))


# -- conversions


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5), st.sampled_from([n for n in NAMES if CATEGORY[n] == 1]))
def test_casts_between_integers_wrap(values: list[int], name: str) -> None:
    kind = BY_NAME[name]
    bits = 8 * kind.itemsize
    low = -(2 ** (bits - 1)) if kind.is_signed else 0
    got = lt.tensor(values, dtype=lt.int64).to(kind).tolist()
    assert got == [(v - low) % 2**bits + low for v in values]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(width=32), min_size=1, max_size=5),
    st.sampled_from(["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"]),
)
def test_casts_to_narrow_floats_round_to_the_nearest(values: list[float], name: str) -> None:
    kind = BY_NAME[name]
    x = lt.tensor(values, dtype=lt.float64)
    got = x.to(kind).double().numpy()
    grid = _all_numbers(name)
    for value, found in zip(values, got.tolist(), strict=True):
        if np.isnan(value):
            assert np.isnan(found)
            continue
        if abs(value) > grid[-1]:
            continue  # saturation and overflow are rows of the table of edges
        distance = np.abs(grid - value)
        assert abs(found - value) == distance.min()
    np.testing.assert_array_equal(x.to(kind).double().to(kind).double().numpy(), got)


def _all_numbers(name: str) -> Any:
    """Every finite number of a dtype, sorted."""
    kind = BY_NAME[name]
    bits = np.arange(2 ** (8 * kind.itemsize), dtype=f"u{kind.itemsize}")
    found = bits.view(kind.numpy).astype(np.float64)
    return np.sort(found[np.isfinite(found)])


@settings(max_examples=100, deadline=None)
@given(st.integers(-5, 5), st.integers(-5, 5), st.sampled_from([-3, -2, -1, 1, 2, 3]), st.sampled_from([1, 0.5, 0.25]))
def test_ranges_are_those_of_numpy(start: int, end: int, step: int, unit: float) -> None:
    if (end - start) * step < 0:
        with pytest.raises(ValueError, match="goes the other way than its step"):
            lt.arange(start * unit, end * unit, step * unit)
        return
    got = lt.arange(start * unit, end * unit, step * unit, dtype=lt.float64)
    assert got.tolist() == np.arange(start * unit, end * unit, step * unit).tolist()


@settings(max_examples=100, deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.integers(2, 40))
def test_linspace_holds_its_ends_and_is_even(start: float, end: float, steps: int) -> None:
    got = lt.linspace(start, end, steps, dtype=lt.float64).numpy()
    assert (got[0], got[-1]) == (start, end)
    np.testing.assert_allclose(got, np.linspace(start, end, steps), rtol=1e-13, atol=1e-9)
    back = lt.linspace(end, start, steps, dtype=lt.float64).flip(0).numpy()
    middle = np.arange(steps) * 2 == steps - 1  # which is counted from the end
    np.testing.assert_array_equal(got[~middle], back[~middle])
