"""Ops that look up, write and move elements, against their numpy kernels; and what they promise about indices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from compiler_programs import EXACT, SUM, Program, values

from lamella.compiler.executor import compile_graph
from lamella.tensor.extend import as_dtype

DTYPES = ("f32", "bf16", "f64", "i16", "bool")


def _indices(shape: tuple[int, ...], size: int, seed: int, dtype: Any = np.int64) -> Any:
    return np.random.default_rng(seed).integers(-size, size, shape).astype(dtype)


@pytest.mark.parametrize("dtype", [*DTYPES, "f8e4m3"])
def test_lookups(dtype: str) -> None:
    p = Program()
    x = p.input(values(dtype, (7, 33), 1))
    for number, index in enumerate([_indices((2, 3), 7, 0), _indices((0,), 7, 0), np.array(-2, np.int32)]):
        i = p.input(index)
        for dim in (0, 1):
            p.output(f"take {number} {dim}", EXACT, *p.add("take", x, i, dim=dim))
    p.output("take of a 0-d", EXACT, *p.add("take", p.input(values(dtype, (), 2)), p.input(np.zeros(3, int)), dim=0))
    p.output("gather 0", EXACT, *p.add("gather", x, p.input(_indices((4, 33), 7, 1)), dim=0))
    p.output("gather 1", EXACT, *p.add("gather", x, p.input(_indices((5, 1029), 33, 2, np.int32)), dim=1))
    p.output("unsigned", EXACT, *p.add("take", x, p.input(np.array([3, 0], np.uint8)), dim=0))
    p.check()


@pytest.mark.parametrize("dtype", DTYPES)
def test_writes(dtype: str) -> None:
    p = Program()
    adds = dtype != "bool"
    i = p.input(_indices((2, 4), 7, 0))
    if adds:
        for shape, dim in (((2, 4, 70), 0), ((5, 2, 4), 1), ((2, 4), 0), ((3, 2, 4, 9), 1)):
            g = p.input(values(dtype, shape, 1))
            p.output(f"take_grad {shape}", SUM, *p.add("take_grad", g, i, dim=dim, size=7))
        none = p.input(values(dtype, (0, 3), 1))
        p.output("take_grad of nothing", SUM, *p.add("take_grad", none, p.input(np.zeros(0, int)), dim=0, size=4))
    x, v = p.input(values(dtype, (7, 33), 2)), p.input(values(dtype, (2, 4, 33), 3))
    for accumulate in (True, False) if adds else (False,):
        p.output(f"put {accumulate}", SUM, *p.add("put", x, i, v, dim=0, accumulate=accumulate))
        one = p.input(np.array(3))
        row = p.input(values(dtype, (33,), 3))
        p.output(f"put one {accumulate}", SUM, *p.add("put", x, one, row, dim=0, accumulate=accumulate))
    src = p.input(values(dtype, (7, 33), 4))
    for dim in (0, 1):
        j = p.input(_indices((6, 20), 7, dim))
        p.output(f"scatter {dim}", EXACT, *p.add("scatter", x, j, src, dim=dim))
        if adds:
            p.output(f"scatter_add {dim}", SUM, *p.add("scatter_add", x, j, src, dim=dim))
            for how in ("prod", "amax", "amin"):
                p.output(f"{how} {dim}", SUM, *p.add("scatter_reduce", x, j, src, dim=dim, reduce=how))
    order = np.argsort(np.random.default_rng(0).random((7, 5)), axis=0)
    p.output("place", EXACT, *p.add("place", p.input(values(dtype, (7, 5), 5)), p.input(order), dim=0, size=9))
    p.check()


def test_writes_along_a_dim_of_one_element() -> None:
    p = Program()
    x, v = p.input(values("f64", (5, 1, 3), 1)), p.input(values("f64", (5, 1, 3), 2))
    i, j = p.input(_indices((1,), 1, 0)), p.input(_indices((5, 1, 3), 1, 1))
    p.output("take_grad", SUM, *p.add("take_grad", v, i, dim=1, size=1))
    p.output("put", SUM, *p.add("put", x, i, v, dim=1, accumulate=True))
    p.output("scatter", EXACT, *p.add("scatter", x, j, v, dim=1))
    p.check()


def test_ravel_index() -> None:
    p = Program()
    a, b = p.input(_indices((4, 1), 5, 0)), p.input(_indices((6,), 3, 1, np.int16))
    p.output("ravel_index", EXACT, *p.add("ravel_index", a, b, sizes=(5, 3)))
    p.check()


WRONG = {
    "take": lambda p, x, i: p.add("take", x, i, dim=0),
    "gather": lambda p, x, i: p.add("gather", x, i, dim=0),
    "take_grad": lambda p, x, i: p.add("take_grad", x, p.add("reshape", i, shape=(4,))[0], dim=0, size=4),
    "scatter_add": lambda p, x, i: p.add("scatter_add", x, i, x, dim=0),
    "index": lambda p, x, i: p.add("ravel_index", i, i, sizes=(4, 4)),
}


@pytest.mark.parametrize("bad", [4, -5, 2**40])
@pytest.mark.parametrize("name", WRONG)
def test_an_index_out_of_range_raises(name: str, bad: int) -> None:
    p = Program()
    x, i = p.input(values("f32", (4, 1), 0)), p.input(np.zeros((4, 1), np.int64))
    run = compile_graph(p.b.build(WRONG[name](p, x, i)))
    run(p.arrays)
    p.arrays[1][2] = bad
    with pytest.raises(IndexError, match="out of range"):
        run(p.arrays)
    p.arrays[1][2] = -4
    run(p.arrays)


def test_sums_at_one_element_do_not_depend_on_threads() -> None:
    from lamella.tensor import get_num_threads, set_num_threads

    p = Program()
    g, i = p.input(values("f32", (3000, 200), 0)), p.input(_indices((3000,), 50, 1))
    run = compile_graph(p.b.build(p.add("take_grad", g, i, dim=0, size=50)))
    before = get_num_threads()
    try:
        found = []
        for threads in (1, 2):
            set_num_threads(threads)
            found.append(run(p.arrays)[0].tobytes())
    finally:
        set_num_threads(before)
    assert found[0] == found[1]


def test_padding_keeps_the_sign_of_its_zero() -> None:
    p = Program()
    run = compile_graph(p.b.build(p.add("pad", p.input(values("f32", (3,), 0)), pads=((1, 1),), value=-0.0)))
    assert np.signbit(run(p.arrays)[0][[0, -1]]).all()


def _full(*shape: int) -> tuple[tuple[int, int, int], ...]:
    return tuple((0, n, 1) for n in shape)


HEADS: tuple[Any, ...] = (("reshape", (4, 5, 2, 4)), ("permute", (0, 2, 1, 3)))
CHAINS: dict[str, tuple[tuple[int, ...], tuple[Any, ...]]] = {
    "slice": ((4, 5, 8), (("slice", (*_full(4, 5), (8, 16, 1))),)),
    "nothing": ((4, 5, 0), (("slice", (*_full(4, 5), (8, 8, 1))),)),
    "int": ((5, 24), (("slice", (2,)),)),
    "steps": ((4, 5, 12), (("slice", ((0, 4, 1), (4, -1, -1), (23, 0, -2))),)),
    "back": ((4, 5, 3), (("slice", ((0, 4, 1), (4, -1, -1), (5, 2, -1))),)),
    "heads": ((4, 2, 5, 4), (("slice", (*_full(4, 5), (8, 16, 1))), *HEADS)),
    "slices": ((2, 5), (("slice", ((1, 4, 1), (0, 5, 1), 3)), ("slice", ((1, 3, 1), (0, 5, 1))))),
    "diagonal": ((24, 4), (("diagonal", (1, 0, 1)),)),
    "windows": ((4, 5, 6, 4), (("unfold", (2, 4, 4)),)),
    "strided": ((3, 4), (("as_strided", ((3, 4), (9, 2), 2)),)),
}  # fmt: skip
OVERLAPPING: dict[str, tuple[tuple[int, ...], tuple[int, ...], tuple[Any, ...]]] = {
    "expand": ((3, 4, 5, 24), (4, 1, 24), (("expand", (3, 4, 5, 24)),)),
    "windows": ((4, 5, 7, 5), (4, 5, 24), (("unfold", (2, 5, 3)),)),
    "windows of a slice": ((4, 5, 3, 4), (4, 5, 24), (("slice", (*_full(4, 5), (3, 11, 1))), ("unfold", (2, 4, 2)))),
    "strided": ((3, 4), (5, 8), (("as_strided", ((3, 4), (1, 2), 2)),)),
}


@pytest.mark.parametrize("dtype", ["f32", "bf16", "bool", "i16"])
def test_views_and_their_transposes(dtype: str) -> None:
    p = Program()
    base = p.input(values(dtype, (4, 5, 24), 0))
    for label, (shape, chain) in CHAINS.items():
        g = p.input(values(dtype, shape, 1))
        p.output(f"grad {label}", EXACT, *p.add("view_grad", g, shape=(4, 5, 24), chain=chain))
        p.output(f"write {label}", EXACT, *p.add("view_write", base, g, chain=chain))
    p.output("diagonal", EXACT, *p.add("diagonal", base, place=(-1, 0, 1)))
    p.output("unfold", EXACT, *p.add("unfold", base, window=(2, 5, 3)))
    p.output("as_strided", EXACT, *p.add("as_strided", base, layout=((3, 4), (7, 1), 2)))
    turned = p.add("permute", base, dims=(2, 1, 0))[0]
    p.output("as_strided", EXACT, *p.add("as_strided", turned, layout=((3, 4), (7, 1), 2)))
    if dtype != "bool":
        for label, (shape, of, chain) in OVERLAPPING.items():
            g = p.input(values(dtype, shape, 1))
            p.output(f"grad {label}", SUM, *p.add("view_grad", g, shape=of, chain=chain))
    p.check()


def test_a_sum_of_gradients_of_slices_is_one_pass() -> None:
    """Three pieces that leave nothing out are written in place; of two, a pass reads each inside of its bounds."""
    for pieces, launches in ((3, 3), (2, 3)):
        p = Program()
        total = None
        for k in range(pieces):
            g = p.input(values("f32", (4, 2, 5, 4), k))
            chain = (("slice", (*_full(4, 5), (8 * k, 8 * k + 8, 1))), *HEADS)
            term = p.add("view_grad", g, shape=(4, 5, 24), chain=chain)[0]
            total = term if total is None else p.add("add", total, term)[0]
        p.output("sum", EXACT, total)
        assert len(p.check().kernels) == launches


@pytest.mark.parametrize(("dim", "read_too"), [(0, False), (1, False), (2, False), (2, True)])
def test_copies_in_another_shape_go_where_they_are_joined(dim: int, read_too: bool) -> None:
    p, parts = Program(), []
    for k in range(3):
        heads = p.add("permute", p.input(values("f32", (4, 2, 5, 4), k)), dims=(0, 2, 1, 3))[0]
        parts.append(p.add("reshape", heads, shape=(4, 5, 8))[0])
    if read_too:
        p.output("one of them", EXACT, *p.add("neg", parts[1]))
    p.output("joined", EXACT, *p.add("cat", *parts, dim=dim))
    assert len(p.check().kernels) == 3 + read_too, "a pass a part, and none before it"


@pytest.mark.parametrize("dtype", ["f32", "bf16", "bool", "i16"])
def test_moves(dtype: str) -> None:
    p = Program()
    for shape in ((4, 5, 24), (1, 1, 3), (2, 0, 3)):
        x, y = p.input(values(dtype, shape, 0)), p.input(values(dtype, shape, 1))
        made = p.add("maximum", x, y)[0]
        for dim in (0, 1, 2):
            p.output(f"cat {shape} {dim}", EXACT, *p.add("cat", x, made, y, dim=dim))
            p.output(f"stack {shape} {dim}", EXACT, *p.add("stack", x, made, dim=dim + 1))
        for diagonal in (-2, 0, 1):
            p.output(f"tril {shape}", EXACT, *p.add("tril", x, diagonal=diagonal))
            p.output(f"triu {shape}", EXACT, *p.add("triu", x, diagonal=diagonal))
        p.output(f"block_diag {shape}", EXACT, *p.add("block_diag", x, y))
        p.output(f"roll {shape}", EXACT, *p.add("roll", x, shifts=(3, -2, 1), dims=(0, 2, 2)))
        p.output(f"pad {shape}", EXACT, *p.add("pad", x, pads=((1, 2), (0, 0), (3, 4)), value=1))
        if 0 not in shape:
            for mode in ("reflect", "replicate", "circular"):
                pads = ((1, 2), (0, 0), (3, 4)) if shape[0] > 1 else ((0, 0), (0, 0), (2, 1))
                around = p.add("pad_around", x, pads=pads, mode=mode)
                p.output(f"{mode} {shape}", EXACT, *around)
                if dtype != "bool":
                    p.output(f"{mode} back {shape}", SUM, *p.add("pad_around_grad", *around, pads=pads, mode=mode))
    p.output("cast", EXACT, *p.add("cast", p.add("cat", x, y, dim=0)[0], dtype=as_dtype("f32")))
    p.check()
