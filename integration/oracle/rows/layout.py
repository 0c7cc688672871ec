"""Copies that put elements at other places: padding, rolling, mirroring, joining, triangles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from integration.oracle.inputs import DTYPES, FLOATS, In
from integration.oracle.row import Row

__all__ = ["ERRORS", "FUNCTIONS", "ROWS", "VALUES"]

_M = In((3, 4))
_LINE = In((2, 3, 4))
_AROUND: list[tuple[str, tuple[int, ...], tuple[tuple[int, int], ...]]] = [
    ("reflect", (3, 1), ((0, 0), (0, 0), (3, 1))),
    ("replicate", (0, 5), ((0, 0), (0, 0), (0, 5))),
    ("circular", (2, 4), ((0, 0), (0, 0), (2, 4))),
]


def _transposed(mode: str, pads: tuple[int, ...], shape: tuple[int, ...]) -> Callable[..., Any]:
    def gradient(g: Any) -> Any:
        x = torch.zeros(shape, dtype=g.dtype, requires_grad=True)
        return torch.autograd.grad(functional.pad(x, pads, mode), x, g, create_graph=True)[0]

    return gradient


ROWS = [
    Row(
        "pad", lambda x: functional.pad(x, (2, 0, 1, 3), value=1), (_M,), {"pads": ((1, 3), (2, 0)), "value": 1}, DTYPES
    ),
    # the oracle reflects no integers
    *(
        Row("pad_around", lambda x, m=m, p=p: functional.pad(x, p, m), (_LINE,), {"pads": q, "mode": m}, FLOATS, m)
        for m, p, q in _AROUND
    ),
    *(
        Row(
            "pad_around_grad", _transposed(m, p, (2, 3, 4)), (In((2, 3, 4 + sum(p))),), {"pads": q, "mode": m},
            ("float64", "float32"), m,
        )
        for m, p, q in _AROUND
    ),
    Row("flip", lambda x: x.flip((0, 1)), (_M,), {"dims": (0, 1)}, DTYPES),
    Row("roll", lambda x: x.roll((1, -6), (0, 1)), (_M,), {"shifts": (1, -6), "dims": (0, 1)}, DTYPES),
    Row("diagonal", lambda x: x.diagonal(-1, 2, 0), (_LINE,), {"place": (-1, 2, 0)}, DTYPES),
    Row("unfold", lambda x: x.unfold(2, 3, 1), (_LINE,), {"window": (2, 3, 1)}, DTYPES),
    Row(
        "as_strided", lambda x: x.as_strided((2, 3), (5, 2), 1), (_M,), {"layout": ((2, 3), (5, 2), 1)}, DTYPES
    ),
    Row(
        "view_grad", lambda g: torch.zeros(3, 4, dtype=g.dtype).diagonal_scatter(g, 1), (In((3,)),),
        {"shape": (3, 4), "chain": (("diagonal", (1, 0, 1)),)}, DTYPES,
    ),
    Row("stack", lambda *xs: torch.stack(xs, 1), (_M, _M, _M), {"dim": 1}, DTYPES),
    Row("block_diag", lambda *xs: torch.block_diag(*xs), (_M, In((1, 2))), {}, DTYPES),
    Row("tril", lambda x: x.tril(1), (_LINE,), {"diagonal": 1}, DTYPES),
    Row("triu", lambda x: x.triu(-1), (_LINE,), {"diagonal": -1}, DTYPES),
    Row("triu", lambda x: x.triu(3), (In((300, 400)),), {"diagonal": 3}, FLOATS, "large"),
]  # fmt: skip

FUNCTIONS = [
    "lib.roll(layout_x, 2)", "lib.flip(layout_x, dims=(0,))", "layout_x.flip(dims=[1, 2])",
    "lib.roll(layout_x, shifts=1, dims=2)",
    "lib.rot90(layout_i, k=2, dims=[0, 1])", "lib.roll(layout_x, 3, 1)", "layout_x.roll((1, -1), (0, 2))",
    "lib.roll(layout_x, (1, 2), (1, 1))",
    "layout_i.roll(-1, -1)", "lib.roll(layout_x, -25)", "layout_e.roll(1, 0)",
    "lib.flip(layout_x, (0, -1))", "layout_x.flip(1)", "layout_x.flip(0, 2)", "layout_x.flip([1])",
    "layout_x.flip(())",
    "layout_x.fliplr()", "lib.flipud(layout_x)", "lib.fliplr(layout_i)",
    *(f"lib.rot90(layout_i, {k})" for k in (-1, 0, 1, 2, 3, 5)), "layout_x.rot90(1, (2, 0))",
    "layout_x.rot90(3, [1, 2])",
    "layout_x.tril()", "lib.triu(layout_x, 1)", "layout_x.triu(diagonal=-1)", "lib.tril(layout_x, -5)",
    "lib.triu(layout_x, -5)", "layout_i.tril(9)", "layout_x.clone().tril_(1)", "layout_x.clone().triu_()",
    "lib.cat([layout_x, layout_x[:, :1]], 1)", "lib.cat((layout_x, layout_e))", "lib.cat([layout_e, layout_x], -1)",
    "lib.cat([layout_e, layout_i])", "lib.cat([layout_v, layout_e, layout_v])",
    "lib.cat([layout_i, layout_x[0, :, :2]], 1)",
    "lib.cat([layout_k, layout_i], 1)", "lib.concat([layout_i, layout_i], dim=1)",
    "lib.concatenate((layout_v, layout_v))",
    "lib.cat([layout_v.float(), layout_v])", "lib.cat([layout_v[:1], layout_i[0]])", "lib.cat([layout_e, layout_e])",
    "lib.stack([layout_i, layout_x[0, :, :3]], 1)", "lib.stack((layout_v, layout_v), dim=-1)",
    "lib.stack([layout_v[0], layout_v[1]])", "lib.stack([layout_v[0].float(), layout_v[1]])",
    "lib.hstack([layout_x, layout_x[:, :1]])", "lib.hstack([layout_v, layout_v[0]])",
    "lib.hstack((layout_i, layout_k))",
    "lib.vstack([layout_v, layout_x[0]])", "lib.vstack([layout_v[0], layout_v[:1]])",
    "lib.row_stack([layout_i, layout_k])",
    "lib.dstack([layout_v, layout_v])", "lib.dstack([layout_i, layout_k])", "lib.dstack([layout_v[0], layout_v[1]])",
    "lib.dstack([layout_x, layout_x])", "lib.column_stack([layout_v, layout_x[0].T])",
    "lib.column_stack([layout_v, layout_v])",
    "lib.column_stack([layout_v[0], layout_v[:1]])",
]  # fmt: skip

ERRORS = [
    "lib.roll(x, (1, 2), 0)", "lib.roll(x, 1, 2)", "lib.roll(x, ())", "lib.roll(x, 1.5, 0)", "lib.rot90(x, 1, (0,))",
    "lib.rot90(x, 1, (0, 0))", "lib.rot90(v)", "lib.fliplr(v)", "lib.flipud(v[0])", "lib.tril(v)", "lib.triu(v[0])",
    "lib.tril(x, 0.5)", "lib.cat([x, v])", "lib.cat([x, lib.zeros(0, 2, 3)])", "lib.cat([x, y], 2)", "lib.cat(3)",
    "lib.cat([x[0, 0]])", "lib.stack([x, v])", "lib.stack([x, y], 3)", "lib.hstack([])", "lib.vstack([x, m])",
    "lib.dstack([x, m])", "lib.column_stack([x, m])", "lib.cat([x, 1.0])",
]  # fmt: skip

_RNG = np.random.default_rng(17)
VALUES: dict[str, Any] = {
    "layout_x": _RNG.normal(size=(2, 3, 4)), "layout_v": _RNG.normal(size=4), "layout_e": np.zeros(0),
    "layout_i": _RNG.integers(-5, 5, (3, 3)), "layout_k": _RNG.random((3, 3)) < 0.5,
}  # fmt: skip
