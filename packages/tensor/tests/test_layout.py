"""Padding, rolling, joining and triangles as functions: beside numpy, over the cases that their arguments have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.testing import assert_close

A = np.random.default_rng(5).standard_normal((2, 3, 4))
NAMES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@pytest.mark.parametrize("shape", [(3, 4), (300, 400), (400, 300), (2, 260, 130), (1, 70000), (70000, 1), (0, 3)])
@pytest.mark.parametrize("diagonal", [0, 1, -1, 63, -64, 65, 200, -200, 100000, -100000])
def test_triangles(shape: tuple[int, ...], diagonal: int) -> None:
    a = np.arange(1.0, np.prod(shape) + 1).reshape(shape)
    t = lt.from_numpy(a)
    np.testing.assert_array_equal(lt.tril(t, diagonal).numpy(), np.tril(a, diagonal))
    np.testing.assert_array_equal(lt.triu(t, diagonal).numpy(), np.triu(a, diagonal))


@pytest.mark.parametrize("mode", NAMES)
@pytest.mark.parametrize("pads", [(2, 1), (0, 3), (3, 0), (1, 2, 2, 1), (0, 0, 0, 2)])
def test_padding_by_own_elements(mode: str, pads: tuple[int, ...]) -> None:
    pairs = [(0, 0)] * (3 - len(pads) // 2) + [(pads[i], pads[i + 1]) for i in range(len(pads) - 2, -1, -2)]
    got = lt.pad(lt.from_numpy(A), pads, mode)
    np.testing.assert_array_equal(got.numpy(), np.pad(A, pairs, mode=NAMES[mode]))  # type: ignore[call-overload]


def line(*values: float) -> Any:
    return np.array([values])


# negative widths cut; what PyTorch gives for them
CUT: tuple[tuple[tuple[int, int], str, Any], ...] = (
    ((-1, 2), "constant", line(1, 2, 3, 0, 0)),
    ((-4, 2), "constant", line(0, 0)),
    ((-3, -1), "constant", np.zeros((1, 0))),
    ((-3, 3), "reflect", line(3, 2, 1, 0)),
    ((-2, 2), "replicate", line(2, 3, 3, 3)),
    ((-2, 2), "circular", line(2, 3, 2, 3)),
    ((-1, -1), "circular", line(1, 2)),
)


@pytest.mark.parametrize(("pads", "mode", "wanted"), CUT, ids=lambda v: str(v)[:20])
def test_negative_widths_cut(pads: tuple[int, int], mode: str, wanted: Any) -> None:
    t = lt.from_numpy(line(0, 1, 2, 3))
    got = lt.pad(t, pads, mode)
    np.testing.assert_array_equal(got.numpy(), wanted)
    got.fill_(9)
    assert t.tolist() == [[0, 1, 2, 3]], "a padded tensor is a copy"


FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "pad-value": (
        lambda x: lt.pad(x, (1, 0), value=-2.0),
        lambda a: np.pad(a, ((0, 0), (0, 0), (1, 0)), constant_values=-2),
    ),
    "pad-number": (lambda x: lt.pad(x[0, 0, 0], ()), lambda a: a[0, 0, 0]),
    "pad-nothing": (lambda x: lt.pad(x, ()), lambda a: a),
    "roll": (lambda x: x.roll(5), lambda a: np.roll(a, 5)),
    "roll-dims": (lambda x: lt.roll(x, (1, -3), (0, 2)), lambda a: np.roll(a, (1, -3), (0, 2))),
    "roll-twice": (lambda x: lt.roll(x, (1, 1), (1, 1)), lambda a: np.roll(a, 2, 1)),
    "flip": (lambda x: lt.flip(x, 0, -1), lambda a: np.flip(a, (0, 2))),
    "flip-none": (lambda x: x.flip(()), lambda a: a),
    "fliplr": (lt.fliplr, np.fliplr),
    "flipud": (lt.flipud, np.flipud),
    "rot90": (lambda x: lt.rot90(x, 3, (1, 2)), lambda a: np.rot90(a, 3, (1, 2))),
    "rot90-back": (lambda x: x.rot90(-1, (2, 0)), lambda a: np.rot90(a, -1, (2, 0))),
    "hstack": (lambda x: lt.hstack([x, x[:, :1]]), lambda a: np.hstack([a, a[:, :1]])),
    "vstack": (lambda x: lt.vstack([x[0], x[0, 0]]), lambda a: np.vstack([a[0], a[0, 0]])),
    "dstack": (lambda x: lt.dstack([x[0], x[1]]), lambda a: np.dstack([a[0], a[1]])),
    "dstack-vectors": (lambda x: lt.dstack([x[0, 0], x[1, 0]]), lambda a: np.dstack([a[0, 0], a[1, 0]])),
    "column_stack": (lambda x: lt.column_stack([x[0], x[1, :, 0]]), lambda a: np.column_stack([a[0], a[1, :, 0]])),
    "cat-empty": (lambda x: lt.cat([lt.zeros(0, dtype=x.dtype), x, x], 1), lambda a: np.concatenate([a, a], 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_against_numpy(name: str) -> None:
    ours, reference = FUNCTIONS[name]
    t = lt.from_numpy(A.copy())
    got = ours(t)
    assert_close(got, reference(A))
    assert not np.shares_memory(got.numpy(), t.numpy())


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", [lt.float32, lt.int64, lt.bfloat16], ids=repr)
def test_large_copies(dtype: lt.DType, threads: int) -> None:
    # in strips and over threads from 2**18 elements on
    before = lt.get_num_threads()
    a = np.arange(600 * 700).reshape(600, 700).astype(np.int16).astype(dtype.numpy)
    t = lt.from_numpy(a)
    flat = a.reshape(2, 3, 100, 700)
    lt.set_num_threads(threads)
    try:
        pairs = (
            (t.T.contiguous(), a.T),
            (lt.from_numpy(flat).permute(3, 0, 2, 1).contiguous(), flat.transpose(3, 0, 2, 1)),
            (lt.flip(t, 0, 1), a[::-1, ::-1]),
            (lt.cat([t, t[:, :7], t], 1), np.concatenate([a, a[:, :7], a], 1)),
            (lt.stack([t, t.flip(0)], 2), np.stack([a, a[::-1]], 2)),
            (lt.pad(t, (1, 2)), np.pad(a, ((0, 0), (1, 2)))),
            (lt.pad(t[None], (3, 4), "circular")[0], np.pad(a, ((0, 0), (3, 4)), mode="wrap")),
        )
    finally:
        lt.set_num_threads(before)
    for got, wanted in pairs:
        np.testing.assert_array_equal(got.numpy(), wanted)
    with pytest.raises(ValueError, match=r"cat along dim 1 needs equal shapes elsewhere, got \(600, 700\), \(1, 700\)"):
        lt.cat([t, t[:1]], 1)


def test_padding_values() -> None:
    i = lt.tensor([1, 2])
    assert lt.pad(i, (1, 0), value=2.7).tolist() == [2, 1, 2], "as a cast does"
    assert lt.pad(i, (0, 1), value=np.float32(3)).tolist() == [1, 2, 3]
    assert lt.pad(i > 1, (1, 1), value=True).tolist() == [True, False, True, True]
    assert lt.pad(i.to(lt.bfloat16), (1, 0), value=float("-inf")).tolist() == [float("-inf"), 1.0, 2.0]
    assert lt.pad(i.to(lt.complex64), (1, 0), value=1j).tolist() == [1j, 1, 2]
    with pytest.raises((OverflowError, ValueError), match="pad"):
        lt.pad(i, (1, 0), value=float("inf"))


def test_cat_and_stack_promote() -> None:
    i, x = lt.tensor([1, 2]), lt.tensor([0.5, 1.5])
    assert lt.cat([i, x]).dtype is lt.float32
    assert lt.stack([x, i.to(lt.float64)]).dtype is lt.float64
    assert lt.cat([i, lt.tensor([])]).dtype is lt.float32, "an empty tensor takes part in promotion"
    assert lt.hstack([lt.tensor(1), lt.tensor(2.5)]).tolist() == [1.0, 2.5]


BAD: tuple[tuple[str, type[Exception], str], ...] = (
    ("lt.pad(x, (1, 2.5))", TypeError, r"pad takes two ints per dim from the last on, got \(1, 2.5\)"),
    ("lt.pad(x, (1, 1), 'mirror')", ValueError, "mode is one of constant, reflect, replicate, circular, got 'mirror'"),
    ("lt.pad(x, (1, 1), value='a')", TypeError, "pad: value is a number, got str"),
    ("lt.pad(x, (1, 1), value=x)", TypeError, "pad: value is a number, got Tensor"),
    ("lt.pad(x, (3, 0), 'reflect')", ValueError, r"padding smaller than the size 3 of dim 1, got \(3, 0\)"),
    ("lt.pad(x[:, :0], (1, 0), 'replicate')", ValueError, "at least one element to repeat along dim 1"),
    ("lt.roll(x, (1, 2), 0)", ValueError, "roll needs one shift for each dim, got 2 shifts and 1 dims"),
    ("lt.roll(x, 1.5)", TypeError, "roll takes ints as shifts, got 1.5"),
    ("lt.rot90(x, 1, (0, -2))", ValueError, "rot90 needs two different dims"),
    ("lt.rot90(x[0])", ValueError, r"rot90 needs a tensor of at least two dims, got shape \(3,\)"),
    ("lt.fliplr(x[0])", ValueError, "fliplr needs at least two dims"),
    ("lt.tril(x[0])", ValueError, r"a triangle needs at least two dims, got shape \(3,\)"),
    ("lt.cat(x)", TypeError, "cat needs a tuple or list of tensors, got Tensor"),
    ("lt.cat([x, x[0]])", ValueError, r"cat along dim 0 needs equal shapes elsewhere, got \(2, 3\), \(3,\)"),
    ("lt.stack([])", ValueError, "stack needs at least one tensor"),
    ("lt.hstack([x, 1.0])", TypeError, "hstack needs a tensor, got float"),
)  # fmt: skip


@pytest.mark.parametrize(("expression", "error", "message"), BAD, ids=[b[0] for b in BAD])
def test_bad_input(expression: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        eval(expression, {"x": lt.zeros(2, 3), "lt": lt})
