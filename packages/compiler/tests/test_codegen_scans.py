"""Scans, further reductions, picked classes and optimizers' updates, against their numpy kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from compiler_programs import ALL, EXACT, FLOATS, SUM, Program, externs, values

from lamella.tensor.extend import as_dtype

SHAPES = (
    ((0,), 0), ((1,), 0), ((17,), 0), ((1029,), 0), ((5, 33), 0), ((5, 33), 1), ((2, 3, 17), 1), ((3, 0), 1),
    ((4, 1), 1),
)  # fmt: skip


@pytest.mark.parametrize("dtype", ALL)
def test_scans(dtype: str) -> None:
    p = Program()
    for shape, dim in SHAPES:
        for special in (False, True) if dtype in FLOATS else (False,):
            x = p.input(values(dtype, shape, 3, special=special))
            p.output(f"cummax {shape} {dim} {special}", EXACT, *p.add("cummax", x, dim=dim))
            p.output(f"cummin {shape} {dim} {special}", EXACT, *p.add("cummin", x, dim=dim))
            if special:
                continue
            p.output(f"cumsum {shape} {dim}", SUM * 4, *p.add("cumsum", x, dim=dim))
            if shape[dim] < 40:
                p.output(f"cumprod {shape} {dim}", SUM, *p.add("cumprod", x, dim=dim))
            if dtype in FLOATS:
                p.output(f"logcumsumexp {shape} {dim}", SUM, *p.add("logcumsumexp", x, dim=dim))
    p.check()


def test_a_scan_shares_its_kernel() -> None:
    """What comes before and after runs in the same pass; a later reduction along the dim too."""
    p = Program()
    x = p.input(values("f32", (40, 300), 0))
    running = p.add("cumsum", p.add("exp", x)[0], dim=1)[0]
    scaled = p.add("mul", running, 0.5)[0]
    total = p.add("amax", scaled, dims=(1,), keepdim=True)[0]
    p.output("scan", SUM, p.add("div", scaled, total)[0])
    assert len(p.check().kernels) == 1


@pytest.mark.parametrize("dtype", ALL)
def test_more_reductions(dtype: str) -> None:
    p = Program()
    for shape, dims in (
        ((), ()),
        ((7,), (0,)),
        ((5, 33), (1,)),
        ((5, 33), (0, 1)),
        ((2, 3, 17), (1,)),
        ((3, 0), (1,)),
        ((1, 5), (0,)),
    ):
        for special in (False, True) if dtype in FLOATS else (False,):
            x = p.input(values(dtype, shape, 5, special=special))
            for keepdim in (False, True):
                label = f"{shape} {dims} {special}"
                p.output(f"count_nonzero {label}", EXACT, *p.add("count_nonzero", x, dims=dims, keepdim=keepdim))
                if not special:
                    p.output(f"nansum {label}", SUM, *p.add("nansum", x, dims=dims, keepdim=keepdim))
                if len(dims) == 1 and shape[dims[0]]:
                    for name in ("max_along", "min_along"):
                        p.output(f"{name} {label}", EXACT, *p.add(name, x, dim=dims[0], keepdim=keepdim))
    if dtype in FLOATS:
        holes = values(dtype, (9, 40), 6)
        holes[:, ::3] = np.nan
        p.output("nansum", SUM, *p.add("nansum", p.input(holes), dims=(1,), keepdim=False))
    p.check()


@pytest.mark.parametrize("dtype", ["f32", "bf16", "f64", "i32"])
def test_cross_products(dtype: str) -> None:
    p = Program()
    for a, b, dim in (((5, 3), (5, 3), -1), ((3, 33), (3, 33), -2), ((4, 1, 3), (2, 3), -1)):
        x, y = p.input(values(dtype, a, 1)), p.input(values(dtype, b, 2))
        p.output(f"cross {a}", SUM, *p.add("cross", x, y, dim=dim))
    p.check()


@pytest.mark.parametrize("dtype", FLOATS)
def test_statistics(dtype: str) -> None:
    """Unit composites whose bodies are loops: no step of a numpy kernel is left."""
    p = Program()
    for shape, dims in (((7,), (0,)), ((5, 33), (1,)), ((5, 33), (0, 1)), ((2, 3, 17), (0, 2))):
        x = p.input(values(dtype, shape, 5))
        for keepdim in (False, True):
            given = {"dims": dims, "keepdim": keepdim}
            p.output(f"mean {shape}", SUM, *p.add("mean", x, **given))
            p.output(f"logsumexp {shape}", SUM, *p.add("logsumexp", x, **given))
            p.output(f"var {shape}", SUM, *p.add("var", x, correction=1, **given))
            p.output(f"std {shape}", SUM, *p.add("std", x, correction=0, **given))
            for q in (0, 1, 2, 3.5, float("inf"), float("-inf")):
                p.output(f"norm {q} {shape}", SUM, *p.add("norm", x, p=q, **given))
    assert externs(p.check()) == []


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("ignore", [None, -100, 2])
def test_picked_classes(reduction: str, ignore: int | None) -> None:
    p = Program()
    params: dict[str, Any] = {"ignore_index": ignore, "reduction": reduction}
    for dtype in ("f32", "bf16"):
        for shape in ((40, 7), (3, 7, 5, 4)):
            target = np.random.default_rng(0).integers(0, 7, (shape[0], *shape[2:]))
            if ignore is not None:
                target[0] = ignore
            x, t = p.input(values(dtype, shape, 1)), p.input(target)
            p.output(f"pick_class {shape}", SUM, *p.add("pick_class", x, t, **params))
            g = p.input(values(dtype, target.shape if reduction == "none" else (), 2))
            p.output(f"pick_class_grad {shape}", SUM, *p.add("pick_class_grad", g, t, classes=7, **params))
    run = p.check()
    for bad in (7, -1):
        p.arrays[1][1] = bad
        with pytest.raises(IndexError, match="target"):
            run(p.arrays)


UPDATES: dict[str, tuple[int, tuple[float, ...], dict[str, Any]]] = {
    "damped_momentum": (1, (0.1, 0.9, 0.3, 0.01), {"nesterov": True}),
    "amsgrad": (3, (1e-3, 0.9, 0.999, 1e-8, 0.01), {"decoupled": True}),
    "rmsprop": (1, (1e-2, 0.9, 1e-8, 0.01), {}),
    "rmsprop_momentum": (3, (1e-2, 0.9, 1e-8, 0.01, 0.9), {"centered": True}),
    "adagrad": (1, (1e-2, 0.1, 1e-8, 0.01), {}),
    "ema": (0, (0.9,), {}),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_updates(dtype: str) -> None:
    p = Program()
    w, g = (p.input(values(dtype, (30, 7), k)) for k in range(2))
    states = [p.input(np.abs(values(dtype, (30, 7), 2)) + 1)] + [
        p.input(np.abs(values(dtype, (30, 7), k)) * 0.1) for k in (3, 4)
    ]
    for count in (0, 4):
        step = p.input(np.array(count, as_dtype(dtype).numpy))
        for name, (needed, scalars, params) in UPDATES.items():
            steps = [step] if name in ("damped_momentum", "amsgrad", "adagrad") else []
            p.output(f"{name} {count}", 256, *p.add(name, w, g, *states[:needed], *steps, *scalars, **params))
    assert externs(p.check()) == []


def test_scans_do_not_mix_up_chunks() -> None:
    """Many rows over several chunks, and a long column scan beside a plain map."""
    p = Program()
    x = p.input(values("f64", (3000, 70), 0))
    p.output("rows", SUM * 64, *p.add("cumsum", x, dim=1))
    p.output("columns", SUM * 64, *p.add("cumsum", x, dim=0))
    p.output("map", EXACT, *p.add("neg", x))
    p.check()


@pytest.mark.parametrize("literals", [1, 3])
def test_literals_beside_a_scan_are_not_what_it_carries(literals: int) -> None:
    """Numbers that kernels read from their table, the scan's own and the bounds of blocks have names of their own."""
    p = Program()
    x = p.input(values("f64", (3, 70), 0))
    y = p.add("cumprod", p.add("tanh", x)[0], dim=1)[0]
    for n in range(literals):
        y = p.add("mul", p.add("add", y, 0.37 + n)[0], 0.71)[0]
    p.output("scan", SUM, y)
    assert len(p.check().kernels) == 1
