"""Views: parts, dims elsewhere, diagonals, windows; a test holds that they share memory and have the same strides."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["ERRORS", "FUNCTIONS", "VALUES"]

FUNCTIONS = [
    # parts
    *(f"lib.chunk(views_x, {n}, {d})" for n, d in ((1, 0), (2, 1), (3, 2), (5, -1), (9, 2))), "views_e.chunk(3)",
    *(f"lib.split(views_x, {s}, {d})" for s, d in ((1, 0), (2, 1), (3, 2), (9, -1), ([1, 3, 1, 0], 2))),
    "views_v.split(2)", "views_v.split([3, 3])", "views_e.split(2)", "views_e.split(0)", "views_x.split((1, 1))",
    "views_x.split_with_sizes([2, 3], 2)", "lib.split(views_v, split_size_or_sections=4)",
    "views_v.split(split_size=4)",
    *(f"lib.tensor_split(views_x, {s}, 2)" for s in (2, 3, 7, (1, 3), [2, 1], [-2, 9])),
    "lib.tensor_split(views_v, lib.tensor([1, 4]))", "views_v.tensor_split(lib.tensor(4))",
    "views_v.tensor_split(())",
    "lib.hsplit(views_x, 3)", "lib.hsplit(views_v, [1, 2])", "views_v.hsplit(2)", "views_x.vsplit([1])",
    "lib.vsplit(views_x, 2)", "lib.dsplit(views_x, (1, 4))", "views_x.dsplit(5)",
    "lib.unbind(views_x)", "views_x.unbind(-1)", "views_v.unbind()", "lib.unbind(views_e)",
    "list(views_x.unbind(1))[2]",
    "lib.select(views_x, 1, -1)", "views_x.select(-1, 2)", "views_v.select(0, 1)", "lib.narrow(views_x, 2, -2, 1)",
    "views_x.narrow(1, 3, 0)", "lib.narrow(views_x, 0, lib.tensor(1), 1)",
    # dims elsewhere
    "lib.movedim(views_x, 0, 2)", "views_x.movedim((0, 1), (-1, 0))", "lib.moveaxis(views_x, [2, 0], [0, 1])",
    "views_x.moveaxis(1, 1)", "lib.swapaxes(views_x, 0, -1)", "views_x.swapdims(1, 2)", "lib.swapdims(views_x, 0, 0)",
    "lib.t(views_x[0])", "views_v.t()", "lib.t(views_v[0])", "views_x[1].T", "views_x.mT", "views_x.mH",
    "views_x[0].H",
    "lib.adjoint(views_x)", "lib.movedim(views_v[0], 0, 0)", "lib.transpose(views_x, -3, 2)",
    # other shapes
    "lib.unflatten(views_v, 0, (2, 3))", "views_x.unflatten(-1, (1, -1, 5))", "views_x.unflatten(1, [3])",
    "lib.ravel(views_x)", "views_x.mT.ravel()", "views_x[:, 1:2].ravel()", "views_x.flatten(0, 1)",
    "views_x.mT.flatten(1)", "lib.flatten(views_v[0])", "views_x[:1].squeeze((0, 1))",
    "views_x[:1, :1].squeeze((0, 1))",
    "views_x[:1].squeeze(())", "views_x[:1, :, :1].squeeze()", "lib.squeeze(views_x[:, :1], -2)",
    "views_x.unsqueeze(-2)", "views_v.reshape_as(views_x[:1, :2, :3])", "views_x.view_as(views_x.mT)",
    "views_v[:1].expand_as(views_x)", "lib.broadcast_to(views_v[:5], (2, 3, 5))",
    "views_x[:1].broadcast_to((2, -1, -1))",
    "lib.broadcast_tensors(views_x, views_v[:5])", "lib.broadcast_tensors(views_v)",
    "tuple(lib.broadcast_shapes((2, 1), (3,), 1, ()))", "tuple(lib.broadcast_shapes())",
    "lib.atleast_1d(views_v[0])", "lib.atleast_2d(views_v)", "lib.atleast_3d(views_v)", "lib.atleast_3d(views_x[0])",
    "lib.atleast_1d(views_x, views_v[1])", "lib.atleast_2d((views_v, views_v[0]))", "lib.atleast_3d(views_v[0])",
    "views_x.view(3, 10)[:, 2]", "views_x.view(-1).view(5, 6)", "views_x[:, :, 1:4].view(6, 3)",
    "views_x[:, 1:].view(2, 10)", "views_x[:, :, :1].view(6)", "views_x.transpose(0, 1).view(3, 2, 5, 1)",
    # diagonals and windows
    "lib.diagonal(views_x)", "views_x.diagonal(1)", "views_x.diagonal(-1, 1, 2)", "lib.diagonal(views_x, 2, 0, 2)",
    "lib.diagonal(views_x, offset=-2, dim1=-1, dim2=-2)", "views_x.diagonal(9)", "views_x.diagonal(-9, 2, 0)",
    "views_x.mT.diagonal(0, 0, 1)", "views_x[:, ::2].diagonal(0, 1, 2)",
    "views_v.unfold(0, 2, 1)", "views_x.unfold(2, 3, 1)", "views_x.unfold(-1, 2, 3)", "views_x.unfold(1, 3, 5)",
    "views_x.unfold(0, 2, 1)", "views_x.mT.unfold(1, 2, 2)", "views_x.unfold(2, 0, 2)", "views_v[0].unfold(0, 1, 1)",
    "views_x.unfold(1, 2, 1).unfold(2, 4, 1)", "views_x.unfold(2, 2, 1).sum(-1)",
    "lib.as_strided(views_v, (2, 3), (1, 1))", "views_v.as_strided((3, 2), (2, 1))",
    "views_v.as_strided((2,), (3,), 1)",
    "views_x.as_strided((4, 4), (7, 1), 2)", "views_x.mT.as_strided((2, 2), (5, 0))", "views_v.as_strided((), (), 5)",
    "views_x.as_strided((0, 3), (1, 1), 30)",
    # by keyword
    "views_x.permute(dims=(2, 0, 1))", "lib.permute(views_x, dims=[0, 2, 1])", "lib.reshape(views_x, shape=(5, -1))",
    "views_x.reshape(shape=(30,))", "views_x.view(size=(6, 5))", "views_v.expand(size=(2, 6))",
    "lib.broadcast_to(views_v, size=(2, 6))", "lib.swapaxes(views_x, axis0=0, axis1=2)",
    "lib.transpose(views_x, dim0=0, dim1=1)", "views_x.narrow(dim=2, start=1, length=2)",
    "lib.unbind(views_x, dim=1)", "lib.movedim(views_x, source=0, destination=1)",
    "views_x.unfold(dimension=2, size=2, step=2)", "views_x.as_strided(size=(2,), stride=(3,), storage_offset=1)",
    "lib.chunk(views_x, chunks=2, dim=-1)", "lib.narrow_copy(views_x, 1, 1, 2)", "views_x.unsafe_chunk(2, 2)[1] * 1",
    # memory formats
    "views_c.contiguous(memory_format=lib.channels_last).stride()",
    "views_c.is_contiguous(memory_format=lib.channels_last)",
    "views_c.contiguous(memory_format=lib.channels_last)",
    "views_c.mT.clone(memory_format=lib.preserve_format).stride()",
    "views_c.to(memory_format=lib.channels_last).is_contiguous(memory_format=lib.channels_last)",
    "lib.clone(views_c.mT, memory_format=lib.contiguous_format).stride()",
    "views_c[None].contiguous(memory_format=lib.channels_last_3d).stride()",
    "views_c.permute(1, 0, 3, 2).clone(memory_format=lib.preserve_format).stride()",
    # writes through them reach the memory
    "lib.diagonal(views_x.clone()).fill_(2)", "views_x.clone().unfold(2, 2, 2).mul_(3)",
    *(
        f"(lambda y: ({write}, y * 1)[1])(views_x * 2)"
        for write in (
            "y.diagonal(0, 1, 2).mul_(3)", "y.unfold(2, 2, 3).zero_()", "y.as_strided((2, 3), (11, 1), 1).mul_(-1)",
            "y.narrow(1, 2, 1).add_(views_v[:5])", "y.select(2, 1).copy_(views_v[:3])", "y.movedim(0, -1)[0].neg_()",
            "y.unflatten(2, (5, 1))[..., 0].add_(1)", "y.swapaxes(0, 2)[1].mul_(2)",
            "y.diagonal(0, 1, 2)[0].copy_(views_v[:3])",
            "y[1].diagonal(1).unfold(0, 2, 2).mul_(views_v[:2])", "y.view(6, 5).t().diagonal()[1:].fill_(0.5)",
        )
    ),
]  # fmt: skip

ERRORS = [
    "x.contiguous(memory_format=lib.channels_last)", "x.clone(memory_format=3)",

    "lib.chunk(x, 0)", "lib.chunk(x, 2, 2)", "v[0].chunk(2)", "lib.split(x, -1)", "lib.split(x, [1, 1])",
    "lib.split(x, [4, -1])", "lib.split(x, 1.5)", "v[0].split(1)", "lib.tensor_split(x, 0)", "v[0].tensor_split(1)",
    "lib.tensor_split(x, v)", "lib.hsplit(x, 3)", "lib.vsplit(v, 2)", "lib.dsplit(x, 2)", "lib.hsplit(v[0], 1)",
    "lib.unbind(v[0])", "lib.unbind(x, 2)", "x.select(0, 3)", "v[0].select(0, 0)", "x.narrow(0, 0, -1)",
    "v[0].narrow(0, 0, 1)", "lib.movedim(x, 0, 2)", "lib.movedim(x, (0, 1), 0)", "lib.movedim(x, (0, 0), (0, 1))",
    "lib.swapaxes(x, 0, 2)", "x.unflatten(1, (3, 2))", "x.unflatten(1, (-1, -1))", "x.unflatten(2, (1, 1))",
    "x.unflatten(1, ())", "lib.diagonal(v)", "lib.diagonal(x, 0, 1, -1)", "lib.diagonal(x, 0, 0, 2)",
    "x.unfold(1, 5, 1)", "x.unfold(1, 2, 0)", "x.unfold(2, 1, 1)", "x.unfold(0, -1, 1)", "v[0].unfold(0, 2, 1)",
    "x.as_strided((3, 5), (5, 1))", "x.as_strided((2,), (1, 1))", "x.as_strided((2,), (-1,), 3)",
    "x.as_strided((1,), (1,), 12)", "x.as_strided((1,), (1,), -1)", "x[:2].as_strided((13,), (1,))",
    "lib.broadcast_to(x, (3, 5))", "lib.broadcast_tensors(x, m)", "lib.broadcast_shapes((2,), (3,))",
    "lib.broadcast_shapes((2, -3))", "v.mT", "v.expand_as(m)", "x.reshape_as(m)", "x.view_as(m)", "x.t().view(-1)",
    "x[:, :2].view(-1)", "lib.t(lib.ones(1, 1, 1))", "lib.zeros(2, 2, 2).H",
]  # fmt: skip

_RNG = np.random.default_rng(19)
VALUES: dict[str, Any] = {
    "views_x": _RNG.normal(size=(2, 3, 5)), "views_v": _RNG.normal(size=6), "views_e": np.zeros((0, 2)),
    "views_c": _RNG.normal(size=(2, 3, 4, 5)),
}  # fmt: skip
