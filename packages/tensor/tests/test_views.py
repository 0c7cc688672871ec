"""Views and writing through them, against numpy doing the same to its own memory."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamella.tensor as lt
from lamella.tensor.extend import cell_of
from lamella.testing import assert_close


@st.composite
def shapes(draw: Any, max_rank: int = 4, max_size: int = 4) -> tuple[int, ...]:
    return tuple(draw(st.lists(st.integers(0, max_size), min_size=0, max_size=max_rank)))


@st.composite
def basic_index(draw: Any, shape: tuple[int, ...]) -> Any:
    entries: list[Any] = []
    for n in shape[: draw(st.integers(0, len(shape)))]:
        kinds = ["slice", "slice", *(["int"] if n else [])]
        if draw(st.sampled_from(kinds)) == "int":
            entries.append(draw(st.integers(-n, n - 1)))
        else:
            bound = st.none() | st.integers(-n - 2, n + 2)
            entries.append(slice(draw(bound), draw(bound), draw(st.sampled_from([None, 1, 2, 3, -1, -2]))))
    if draw(st.booleans()):
        entries.insert(draw(st.integers(0, len(entries))), None)
    if draw(st.booleans()):
        at = draw(st.integers(0, len(entries)))
        tail = sum(e is not None for e in entries[at:])
        # what stands behind the dots indexes the last dims, whose sizes may differ: slices fit any size
        entries[at:] = [...] + [
            slice(e.start, e.stop, e.step) if isinstance(e, slice) else slice(None) for e in entries[at:]
        ][:tail]
    return tuple(entries)


def numbered(shape: tuple[int, ...]) -> Any:
    return np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_basic_index_is_numpys_and_a_view(data: Any) -> None:
    a = numbered(data.draw(shapes()))
    index = data.draw(basic_index(a.shape))
    t = lt.from_numpy(a)
    got, expected = t[index], a[index]
    assert_close(got, expected)
    if got.numel():
        assert np.shares_memory(got.numpy(), a)
        got.fill_(-1.0)
        assert (a[index] == -1).all()
        assert int((a == -1).sum()) == got.numel()


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_assignment_is_numpys(data: Any) -> None:
    a = numbered(data.draw(shapes()))
    index = data.draw(basic_index(a.shape))
    ours, theirs = lt.from_numpy(a.copy()), a.copy()
    target = theirs[index].shape
    value = np.asarray(numbered(data.draw(st.sampled_from([target, target[-1:], ()]))) + 100)
    ours[index] = lt.from_numpy(value) if data.draw(st.booleans()) else value
    theirs[index] = value
    assert_close(ours, theirs)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_index_tensors_and_masks(data: Any) -> None:
    shape = data.draw(shapes().filter(lambda s: len(s) > 0 and min(s) > 0))
    a = numbered(shape)
    t = lt.from_numpy(a)
    dim = data.draw(st.integers(0, len(shape) - 1))
    at = np.array(data.draw(st.lists(st.integers(-shape[dim], shape[dim] - 1), max_size=5)), np.int64)
    if data.draw(st.booleans()) and at.size:
        at = at.reshape(1, -1)
    lead = (slice(None),) * dim
    assert_close(t[(*lead, lt.from_numpy(at))], a[(*lead, at)])
    assert_close(lt.take(t, lt.from_numpy(at), dim), np.take(a, at, dim))
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=a.size, max_size=a.size))).reshape(shape)
    assert_close(t[lt.from_numpy(mask)], a[mask])
    rows = mask.reshape(shape[0], -1)[:, 0]
    assert_close(t[lt.from_numpy(rows)], a[rows])
    theirs = a.copy()
    theirs[mask] = -5
    ours = t.clone()
    ours[lt.from_numpy(mask)] = -5
    assert_close(ours, theirs)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_broadcasting_is_numpys(data: Any) -> None:
    full = data.draw(shapes())

    def part() -> tuple[int, ...]:
        kept = full[data.draw(st.integers(0, len(full))) :]
        return tuple(1 if data.draw(st.booleans()) else n for n in kept)

    a, b = numbered(part()), np.asarray(numbered(part()) + 0.5)
    expected = np.asarray(a + b)
    x, y = lt.from_numpy(a), lt.from_numpy(b)
    assert_close(x + y, expected)
    assert_close(x.expand(expected.shape) + y, expected)
    assert (x.to("meta") + y.to("meta")).shape == expected.shape
    assert_close(lt.where(x < y, x, y), np.where(a < b, a, b))


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_reshapes_and_permutations_come_back(data: Any) -> None:
    shape = data.draw(shapes())
    t = lt.from_numpy(numbered(shape))
    dims = data.draw(st.permutations(range(len(shape))))
    back = tuple(int(i) for i in np.argsort(dims)) if dims else ()
    p = t.permute(*dims)
    assert_close(p, t.numpy().transpose(dims))
    assert_close(p.permute(back), t)
    assert_close(p.reshape(-1), t.numpy().transpose(dims).reshape(-1))
    assert_close(p.reshape(-1).reshape(p.shape).permute(back), t)
    assert_close(p.contiguous(), p)
    assert p.contiguous().is_contiguous()
    if t.numel():
        assert_close(t.reshape(*shape[:-1], -1), t) if shape else None
    assert p.stride() == tuple(s // 4 for s in p.numpy().strides)


def test_views_of_views_written_in_place() -> None:
    a = numbered((4, 6))
    base = lt.from_numpy(a.copy())
    inner = base[1:3].permute(1, 0)[::2].reshape(-1, 2)[1]
    inner.mul_(10)
    a[1:3].T[::2].reshape(-1, 2)  # numpy copies here for a transpose that is strided; ours is the same
    expected = a.copy()
    expected[1:3, 2] *= 10
    assert_close(base, expected)
    sibling = base.reshape(24)
    sibling[0] = -1.0
    assert base[0, 0].item() == -1.0
    assert inner._view.base is base
    base.zero_()
    assert inner.tolist() == [0.0, 0.0]
    assert sibling.sum().item() == 0.0


def test_reshape_of_what_is_no_view_is_a_copy() -> None:
    t = lt.arange(6).reshape(2, 3)
    copy = t.T.reshape(6)
    copy.zero_()
    assert t.sum().item() == 15
    with pytest.raises(ValueError, match=r"strides \(1, 3\) cannot be viewed as \(6,\); use reshape"):
        t.T.view(6)
    assert t.view(-1).tolist() == [0, 1, 2, 3, 4, 5]
    assert t.view_as(lt.zeros(3, 2)).shape == (3, 2)


def test_versions_are_shared_by_views_and_detached_twins() -> None:
    t = lt.zeros(4)
    v, d = t[1:], t.detach()
    cell = cell_of(t)
    assert cell_of(v) is cell is cell_of(d) is cell_of(v[1:]) is cell_of(t.data)
    before = cell.version
    for write in (
        lambda: v.add_(1),
        lambda: d.mul_(2),
        lambda: t.copy_(lt.ones(4)),
        lambda: operator.setitem(t, 0, 5.0),
    ):
        write()
        assert cell.version == before + 1
        before = cell.version
    assert cell.writer is not None
    assert cell.writer[0].co_filename == __file__
    assert cell_of(t.clone()) is not cell


def test_expanded_memory_is_not_written() -> None:
    e = lt.zeros(3, 1).expand(3, 4)
    for write in (lambda: e.add_(1), lambda: e.zero_(), lambda: operator.setitem(e, 0, 1.0), lambda: e[0].fill_(1)):
        with pytest.raises(RuntimeError, match=r"expanded tensor shares memory.*write into x.contiguous\(\)"):
            write()
    c = e.contiguous()
    c += 1
    assert c.sum().item() == 12
    assert lt.zeros(3, 1).expand(-1, 2).shape == (3, 2)


def test_read_only_memory_is_not_written() -> None:
    a = np.zeros(3, np.float32)
    a.flags.writeable = False
    t = lt.from_numpy(a)
    for write in (lambda: t.add_(1.0), lambda: t.copy_(lt.ones(3)), lambda: operator.setitem(t, 0, 1.0)):
        with pytest.raises(RuntimeError, match=r"read-only numpy memory and cannot be written; write into a clone\(\)"):
            write()
    assert t.clone().add_(1.0).tolist() == [1.0, 1.0, 1.0]


def test_overlapping_operands_of_one_write() -> None:
    t = lt.arange(6).to(lt.float32)
    t[1:].add_(t[:-1])
    assert t.tolist() == [0.0, 1.0, 3.0, 5.0, 7.0, 9.0]
    t[1:] = t[:-1]
    assert t.tolist() == [0.0, 0.0, 1.0, 3.0, 5.0, 7.0]
    m = lt.arange(4).reshape(2, 2)
    m.copy_(m.T)
    assert m.tolist() == [[0, 2], [1, 3]]


IN_PLACE = {
    "add_": (lambda t: t.add_(2.0), lambda a: a + 2),
    "sub_": (lambda t: t.sub_(t), lambda a: a - a),
    "mul_": (lambda t: t.mul_(lt.tensor([1.0, 2.0])), lambda a: a * np.array([1.0, 2.0])),
    "div_": (lambda t: t.div_(2), lambda a: a / 2),
    "pow_": (lambda t: t.pow_(2), lambda a: a**2),
    "maximum_": (lambda t: t.maximum_(1.0), lambda a: np.maximum(a, 1)),
    "neg_": (lambda t: t.neg_(), lambda a: -a),
    "exp_": (lambda t: t.exp_(), np.exp),
    "relu_": (lambda t: t.relu_(), lambda a: np.maximum(a, 0)),
    "clamp_": (lambda t: t.clamp_(-1, 1), lambda a: np.clip(a, -1, 1)),
    "lerp_": (lambda t: t.lerp_(lt.ones(2, 2), 0.25), lambda a: a + (1 - a) * 0.25),
    "fill_": (lambda t: t.fill_(7), lambda a: np.full_like(a, 7)),
    "iadd": (lambda t: operator.iadd(t, 1), lambda a: a + 1),
    "isub": (lambda t: operator.isub(t, 1.5), lambda a: a - 1.5),
    "imul": (lambda t: operator.imul(t, lt.tensor(2.0, dtype=lt.float64)), lambda a: a * 2),
    "itruediv": (lambda t: operator.itruediv(t, 4), lambda a: a / 4),
    "ipow": (lambda t: operator.ipow(t, 2), lambda a: a**2),
    "ifloordiv": (lambda t: operator.ifloordiv(t, 2.0), lambda a: np.floor(a / 2)),
    "imod": (lambda t: operator.imod(t, 2.0), lambda a: np.mod(a, 2)),
}


@pytest.mark.parametrize("dtype", (lt.float32, lt.float64, lt.float16, lt.bfloat16), ids=repr)
@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place_twins(name: str, dtype: lt.DType) -> None:
    ours: Any
    reference: Any
    ours, reference = IN_PLACE[name]
    a = np.array([[-1.5, 0.5], [2.0, 3.0]]).astype(dtype.numpy)
    t = lt.from_numpy(a.copy())
    memory, view = t.numpy(), t[0]
    assert ours(t) is t
    assert t.numpy() is memory
    assert t.dtype is dtype
    assert_close(t, reference(a.astype(np.float64)), like=dtype, factor=2)
    assert_close(view, t[0])


def test_values_written_through_brackets() -> None:
    for dtype in (lt.float32, lt.bfloat16, lt.int64, lt.bool_, lt.complex64):
        a = np.zeros((3, 4), dtype.numpy)
        t = lt.from_numpy(a.copy())
        version = cell_of(t)
        for index, value in (((1, 2), 1), ((slice(None), 0), True), ((..., 3), 1), (2, np.ones((1, 4)))):
            a[index] = value
            before = version.version
            t[index] = lt.from_numpy(np.asarray(value, dtype.numpy)) if isinstance(value, np.ndarray) else value
            assert version.version == before + 1
        assert_close(t, a)
    t = lt.arange(5)
    t[1:] = t[:-1]
    assert t.tolist() == [0, 0, 1, 2, 3]
    t[0] = 2.9
    assert t[0].item() == 2
    with pytest.raises(OverflowError, match="inf is no"):
        t[0] = float("inf")
    t.copy_(t.flip(0))
    assert t.tolist() == [3, 2, 1, 0, 2]


def test_in_place_refuses_what_does_not_fit() -> None:
    t = lt.zeros(2, 3)
    with pytest.raises(
        ValueError, match=r"add_ on a tensor of shape \(2, 3\) cannot take operands of shape \(4, 2, 3\)"
    ):
        t.add_(lt.zeros(4, 2, 3))
    with pytest.raises(ValueError, match=r"cannot expand \(2,\) to \(2, 3\)"):
        t.copy_(lt.zeros(2))
    i = lt.zeros(2, dtype=lt.int32)
    with pytest.raises(
        TypeError, match="add_ would put float32 values into a int32 tensor; use add and keep its result"
    ):
        i.add_(1.5)
    with pytest.raises(TypeError, match="div_ would put float32 values into a int32"):
        i.div_(2)
    assert i.add_(300).tolist() == [300, 300]


BAD_INDEX = (
    ("x[3]", IndexError, "index 3 is out of range for dim 0 of size 2"),
    ("x[0, -4]", IndexError, "index -4 is out of range for dim 1 of size 3"),
    ("x[0, 0, 0]", IndexError, "too many indices: 3 for a tensor of 2 dims"),
    ("x[..., ...]", IndexError, "one Ellipsis"),
    ("x['a']", TypeError, "an index is made of ints, slices, None, Ellipsis, bools and index tensors, got 'a'"),
    ("x[0.5]", TypeError, "an index is made of ints"),
    ("x[lt.tensor([0.5])]", TypeError, "an index tensor is of signed integers or a bool mask, got float32"),
    ("x[lt.tensor([1, 0], dtype=lt.uint8)]", TypeError, r"a uint8 mask is .to\(bool\), uint8 positions are"),
    ("x[lt.tensor([2])]", IndexError, "index 2 is out of range for dim 0 of size 2"),
    ("x[:, lt.tensor([0, -4])]", IndexError, "index -4 is out of range for dim 1 of size 3"),
    ("x[[0, 1], [0, 3]]", IndexError, "index 3 is out of range for dim 1 of size 3"),
    ("x[[0, 1], [0, 1, 2]]", IndexError, r"are broadcast together, which \(2,\), \(3,\) are not"),
    ("x[[0], [0], [0]]", IndexError, "too many indices: 3 for a tensor of 2 dims"),
    (
        "x[lt.tensor([True, False, True])]",
        IndexError,
        r"a mask of shape \(3,\) does not match the dims \(2,\) it stands at, of a tensor of shape \(2, 3\)",
    ),
    ("x[0, x > 0]", IndexError, "too many indices: 3 for a tensor of 2 dims"),
    ("x.__setitem__([2], 1.0)", IndexError, "index 2 is out of range for dim 0 of size 2"),
    ("x.__setitem__(([0], [3]), 1.0)", IndexError, "index 3 is out of range for dim 1 of size 3"),
    ("x.__setitem__([0, 1], lt.ones(2))", ValueError, r"shape \(2,\) does not broadcast to the indexed shape \(2, 3\)"),
    ("x.__setitem__(x > 0, lt.ones(2))", ValueError, r"shape \(2,\) does not broadcast to the indexed shape \(0,\)"),
    ("x[None].expand(2, 2, 3).__setitem__([0], 1.0)", RuntimeError, "an expanded tensor shares memory"),
    ("x.requires_grad_().__setitem__([0], 1.0)", RuntimeError, "a leaf tensor that requires grad is written"),
    ("x.requires_grad_()[0].__setitem__([0], 1.0)", RuntimeError, "a view of a leaf tensor that requires grad"),
    ("lt.from_numpy(np.broadcast_to(1.0, (3,))).__setitem__([0], 1.0)", RuntimeError, "read-only numpy memory"),
    ("x.__setitem__(0, lt.ones(4))", ValueError, r"cannot expand \(4,\) to \(3,\)"),
)


@pytest.mark.parametrize(("expression", "error", "message"), BAD_INDEX, ids=lambda v: str(v)[:20])
def test_bad_index(expression: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        eval(expression, {"x": lt.zeros(2, 3), "lt": lt, "np": np})


def test_forms_of_an_index() -> None:
    a = numbered((3, 4))
    t = lt.from_numpy(a)
    for index in (np.int64(1), (np.int32(0), -1), [0, 2], [], None, (), ..., (None, 0), slice(-10, None, -1)):
        assert_close(t[index], a[:0] if isinstance(index, list) and not index else a[index], message=str(index))
    assert_close(t[lt.tensor(1)], a[1])
    assert_close(t[lt.tensor([[0, 1], [2, 2]])], a[np.array([[0, 1], [2, 2]])])
    assert [x.tolist() for x in t] == a.tolist()
    assert len(t) == 3
    assert_close(t.split(2)[1], a[2:])
    assert [p.shape for p in lt.zeros(0, 4).split(2)] == [(0, 4)]


def test_meta_views() -> None:
    m = lt.zeros(4, 6, device="meta")
    for v in (m.view(24), m[1:3, ::2], m.T, m[0], m.expand(2, 4, 6), m.unsqueeze(1), m.detach(), m[:, None]):
        assert v.device == "meta"
    assert m.view(2, -1).shape == (2, 12)
    m += 1
    m[0] = 3.0
    with pytest.raises(RuntimeError, match=r"item\(\) needs values, and a meta tensor has none"):
        m[0, 0].item()
    assert "device='meta'" in repr(m)
