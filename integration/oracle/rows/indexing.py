"""Reading and writing through indices and masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from integration.oracle.inputs import DTYPES, FLOATS, INTS, In
from integration.oracle.row import Row

__all__ = ["EXEMPT", "FUNCTIONS", "ROWS", "VALUES"]

_NUMBERS = (*FLOATS, *INTS)
_FULL = ("float64", "float32")
_X, _AT = In((3, 5)), In((3, 4), "index", 5)


def _reduced(name: str) -> Row:
    # half types: the oracle rounds after every step, we once at the end; the gradients of extremes are in FUNCTIONS
    return Row(
        "scatter_reduce", lambda x, i, s: x.scatter_reduce(1, i, s, name), (_X, _AT, In((3, 4))),
        {"dim": 1, "reduce": name}, (*_FULL, *INTS) if name == "prod" else _NUMBERS, name,
    )  # fmt: skip


ROWS = [
    Row(
        "put", lambda x, i, v: x.index_put((torch.arange(3)[:, None], i), v, accumulate=True),
        (_X, In((6,), "index", 5), In((3, 6))), {"dim": 1, "accumulate": True}, (*_FULL, *INTS), "add",
    ),
    # one index: which of several values stays is left open by the oracle
    Row(
        "put", lambda x, i, v: x.index_copy(0, i, v), (_X, In((1,), "index", 3), In((1, 5))),
        {"dim": 0, "accumulate": False}, DTYPES,
    ),
    Row("scatter", lambda x, i, s: x.scatter(1, i, s), (_X, In((3, 1), "index", 5), In((3, 1))), {"dim": 1}, DTYPES),
    *map(_reduced, ("prod", "amax", "amin")),
]  # fmt: skip
EXEMPT = {"ravel_index": "the oracle has no function for it; every expression of several index tensors shows it"}

FUNCTIONS = [
    # brackets
    "gather_x[gather_i, gather_n[0, 0, :3]]", "gather_x[:, gather_i]", "gather_x[:, gather_i, gather_j]",
    "gather_x[gather_i, :, gather_j]", "gather_x[gather_i, None, :, gather_j]", "gather_x[0, :, gather_i]",
    "gather_x[gather_i, 0, gather_j]", "gather_x[gather_i[:, None], gather_i, ::2]", "gather_x[..., gather_k]",
    "gather_x[gather_k3]", "gather_x[:, 0, gather_k]", "gather_x[gather_k3, 1]", "gather_x[True, gather_i]",
    "gather_x[None, True, 0]", "gather_x[False]", "gather_x[gather_i, :, gather_k]", "gather_x[gather_i[0]]",
    "gather_x[[2, 0], 1:, [0, 3]]", "gather_x[(0, 2), None]",
    "gather_x.index_put((gather_i, gather_i), gather_v[:3, None] * gather_x[0, 0])",
    "gather_x.index_put((gather_i, gather_n[0, 0, :3]), gather_v[0], accumulate=True)",
    "gather_x.clone().index_put_((gather_i,), gather_x[0], accumulate=True)",
    "gather_x.index_put((gather_k3,), gather_v[0])",
    # along a dim
    "lib.index_select(gather_x, 2, gather_j)", "gather_x.index_select(-3, gather_i)",
    "lib.take_along_dim(gather_x, gather_n, 1)", "lib.take_along_dim(gather_x, gather_n)",
    "lib.take_along_dim(gather_x, gather_n[:1], 2)", "lib.take(gather_x, gather_n)", "gather_x.take(gather_i)",
    "gather_x.put(gather_i, gather_v[:3])", "gather_x.put(gather_i * 2, gather_v[:3], accumulate=True)",
    "lib.scatter(gather_x, 0, gather_n[:1], gather_x[:1])", "gather_x.scatter(2, gather_n[..., :1], 1.5)",
    "gather_x.scatter(2, gather_n[..., :1], value=2)",
    "gather_x.detach().scatter(1, gather_n, 1.5, reduce='add')",
    "lib.scatter_add(gather_x, 2, gather_n, gather_x)", "gather_x.clone().scatter_add_(0, gather_n, gather_x)",
    *(
        f"gather_x.scatter_reduce({dim}, gather_n, gather_y, {name!r}, include_self={own})"
        for name, dim in (("sum", 0), ("prod", 1), ("mean", 2), ("amax", 1), ("amin", 0))
        for own in (True, False)
    ),
    *(f"gather_t.scatter_reduce(0, gather_i, gather_t[:3], {name!r})" for name in ("amax", "amin", "prod", "mean")),
    *(
        f"(gather_n * 5 - 7).scatter_reduce(1, gather_n, gather_n - 4, {name!r}, include_self={own})"
        for name in ("sum", "prod", "mean", "amax", "amin")
        for own in (True, False)
    ),
    "lib.index_add(gather_x, 2, gather_j, gather_x[..., :3], alpha=-2)",
    "gather_v.index_add(0, gather_i, gather_v[:3])",
    "gather_x.clone().index_add_(1, gather_i, gather_x)", "gather_x.index_copy(0, gather_i[:1], gather_x[:1])",
    "lib.index_fill(gather_x, 1, gather_i, 3)", "gather_x.index_fill(2, gather_i, 0.5)",
    # masks
    "lib.masked_select(gather_x, gather_k3[..., None])", "gather_x.masked_select(gather_k)",
    "lib.masked_select(gather_v, gather_x.detach() > 0)",
    "gather_x.masked_scatter(gather_k, gather_y)", "gather_x.clone().masked_scatter_(gather_k3[..., None], gather_y)",
    "lib.nonzero(gather_k3)", "lib.nonzero(gather_n, as_tuple=True)", "gather_k.nonzero()", "lib.argwhere(gather_n)",
    "lib.where(gather_k3)", "lib.nonzero(lib.tensor(2))", "lib.nonzero(lib.tensor(0), as_tuple=True)",
    # a tensor as a container
    "[row.sum() for row in gather_x]", "[r for r in reversed(gather_v)]", "3 in gather_n", "gather_v[1] in gather_v",
]  # fmt: skip

_RNG = np.random.default_rng(11)
VALUES: dict[str, Any] = {
    "gather_x": _RNG.normal(size=(3, 3, 4)), "gather_y": _RNG.normal(size=(3, 3, 4)), "gather_v": _RNG.normal(size=4),
    "gather_t": np.array([0.0, 2.0, -1.0, 2.0]), "gather_i": np.array([1, 2, 0]), "gather_j": np.array([3, 0, 1]),
    "gather_n": _RNG.integers(0, 3, (3, 3, 4)), "gather_k": np.array([True, False, True, True]),
    "gather_k3": _RNG.random((3, 3)) < 0.5,
}  # fmt: skip
