"""Copies: repeated, on a diagonal, over a grid, with a part replaced."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["ERRORS", "FUNCTIONS", "VALUES"]

FUNCTIONS = [
    "copies_x.repeat(2, 1, 3)", "copies_x.repeat((1, 1, 1))", "copies_v.repeat(2, 3)", "copies_x.repeat(2, 1, 1, 2)",
    "copies_v[0].repeat(3)", "copies_v.repeat(0)", "copies_x.repeat([1, 0, 2])", "copies_v[:1].repeat(1, 1)",
    "copies_i.repeat(2)", "copies_v[0].repeat(())", "copies_v[:1].repeat(4)",
    "copies_v.repeat(repeats=(2, 2))", "lib.tile(copies_x, dims=(2,))",
    *(f"lib.zeros{s}.fill_diagonal_(2, wrap={w})" for s in ((7, 3), (2, 4)) for w in (True, False)),
    "lib.zeros(3, 3, 3).fill_diagonal_(1.5)", "(copies_x * 2)[0].fill_diagonal_(0)",
    "lib.tile(copies_x, (2, 1))", "copies_x.tile(3)", "copies_v.tile(2, 2)", "lib.tile(copies_x, (2, 1, 1, 1))",
    "lib.tile(copies_v, ())", "copies_v[0].tile((2, 2))",
    "lib.repeat_interleave(copies_x, 2)", "copies_x.repeat_interleave(3, 1)", "copies_x.repeat_interleave(1, -1)",
    "copies_x.repeat_interleave(copies_i[:2], 0)", "lib.repeat_interleave(copies_v, copies_i)",
    "copies_v.repeat_interleave(0)",
    "lib.repeat_interleave(copies_i)", "copies_x.repeat_interleave(lib.tensor(2), dim=2)",
    "copies_v[0].repeat_interleave(3)",
    "copies_x.repeat_interleave(lib.tensor([2]), 1)", "lib.repeat_interleave(copies_v, copies_i, output_size=6)",
    "lib.meshgrid(copies_v, copies_i.double(), indexing='ij')",
    "lib.meshgrid(copies_v, copies_v[:2], copies_v[1], indexing='xy')",
    "lib.meshgrid([copies_v], indexing='xy')", "lib.meshgrid(copies_i, copies_i[:3], indexing='xy')",
    "lib.cartesian_prod(copies_v, copies_v[:2])", "lib.cartesian_prod(copies_i, copies_i[:2], copies_i[1:2])",
    "lib.cartesian_prod(copies_v)", "lib.combinations(copies_v)", "lib.combinations(copies_i, 3)",
    "lib.combinations(copies_v, with_replacement=True)", "lib.combinations(copies_v, 1)",
    "lib.combinations(copies_v, 5)",
    "lib.combinations(copies_v, 0)",
    "lib.diag(copies_v)", "copies_v.diag(2)", "copies_x[0].diag(-1)", "lib.diag(copies_x[0], 9)", "copies_i.diag(-1)",
    "lib.diag_embed(copies_x)", "copies_x.diag_embed(1)", "lib.diag_embed(copies_x, -2, 0, 2)",
    "copies_i.diag_embed()",
    "lib.diag_embed(copies_x, offset=1, dim1=3, dim2=1)", "lib.diagflat(copies_x[:, 0])", "copies_v.diagflat(-1)",
    "lib.diagflat(copies_v[0])",
    "lib.diagonal_scatter(copies_x[0], copies_v[:3])", "copies_x.diagonal_scatter(copies_x[:, 0, :3], 1, 1, 2)",
    "lib.select_scatter(copies_x[0], copies_v, 0, -1)",
    "copies_x.select_scatter(copies_x[:, 0], 1, 2)", "lib.slice_scatter(copies_x, copies_x[:1] * 2, 0, 1)",
    "copies_x.slice_scatter(copies_x[:, :, :2] * 3, dim=2, start=0, end=4, step=2)",
    "copies_v.slice_scatter(copies_v[:2], 0, -2)",
    "copies_v.detach().as_strided_scatter(copies_x[0, :2, :2], (2, 2), (2, 1))",
    "lib.block_diag(copies_x[0], copies_v, copies_v[1])", "lib.block_diag(copies_i, copies_x[0])",
    "lib.block_diag(copies_v)",
    "lib.block_diag()", "lib.block_diag(copies_x[0, :0], copies_v[:2])",
    "lib.unravel_index(copies_i * 5, (2, 3, 4))", "lib.unravel_index(copies_i - 2, 3)",
    "lib.unravel_index(copies_i, ())",
    "copies_x.sum_to_size(3, 1)", "copies_x.sum_to_size((2, 1, 4))", "copies_x.sum_to_size(())",
    "copies_v.sum_to_size(4)",
    "lib.detach(copies_x) * 2",
    "lib.tril_indices(3, 4)", "lib.tril_indices(3, 2, 1)", "lib.tril_indices(2, 2, -2)",
    "lib.tril_indices(2, 3, offset=-1)",
    "lib.triu_indices(3, 4)", "lib.triu_indices(3, 2, -1)", "lib.triu_indices(2, 3, 5)", "lib.triu_indices(0, 3)",
    "lib.triu_indices(3, 3, dtype=lib.int32)",
]  # fmt: skip

ERRORS = [
    "lib.unravel_index(v, (2, 2))", "lib.unravel_index(i, (2, -2))", "x.sum_to_size(2, 4)", "x.sum_to_size(1, 3, 4)",
    "v.clone().fill_diagonal_(1)", "lib.zeros(2, 3, 2).fill_diagonal_(1)",
    "x.repeat(2)", "x.repeat(2, -1)", "x.repeat()", "lib.tile(x, (-1,))", "lib.repeat_interleave(x, -1)",
    "lib.repeat_interleave(x, lib.tensor([1, 2]), 1)", "lib.repeat_interleave(x, v, 1)", "lib.repeat_interleave(x)",
    "lib.repeat_interleave(v, lib.tensor([1, 1, 1, -1]))",
    "lib.repeat_interleave(v, lib.tensor([1, 1, 1, 1]), output_size=3)",
    "lib.repeat_interleave(x, 2, 2)", "lib.meshgrid(x, v, indexing='ij')", "lib.meshgrid(v, v, indexing='ji')",
    "lib.meshgrid(v, i[0], indexing='ij')", "lib.meshgrid(indexing='ij')", "lib.cartesian_prod(x)",
    "lib.combinations(x)", "lib.combinations(v, -1)", "lib.diag(lib.zeros(1, 1, 1))", "lib.diag(v[0])",
    "lib.diag_embed(v, 0, 0, -2)", "lib.diag_embed(v, 0, 2, 0)", "lib.diagonal_scatter(x, v)",
    "lib.select_scatter(x, v, 0, 3)", "lib.select_scatter(x, v, 1, 0)", "lib.slice_scatter(x, y, 0, 1)",
    "lib.slice_scatter(x, y, step=0)", "lib.block_diag(lib.zeros(1, 1, 1))", "lib.tril_indices(-1, 2)",
]  # fmt: skip

_RNG = np.random.default_rng(23)
VALUES: dict[str, Any] = {
    "copies_x": _RNG.normal(size=(2, 3, 4)), "copies_v": _RNG.normal(size=4), "copies_i": np.array([1, 2, 0, 3]),
}  # fmt: skip
