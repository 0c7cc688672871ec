"""Matrix products; r is the root of the number of elements."""

from __future__ import annotations

from benchmarks.sweep._row import SweepRow

__all__ = ["ROWS"]

ROWS: tuple[SweepRow, ...] = (
    SweepRow("matmul", "m @ w"),
    SweepRow("matmul-vector", "m @ v"),
    SweepRow("mm-transposed", "m @ w.T", ("f32",)),
    SweepRow("dot", "lib.dot(x, y)"),
    SweepRow("outer", "lib.outer(v, v)"),
    SweepRow("bmm", "lib.bmm(x.view(4, -1, 5), y.view(4, 5, -1))", ("f32",), sizes=("100",)),
    SweepRow("bmm-small", "lib.bmm(x.view(-1, 10, 10), y.view(-1, 10, 10))", ("f32", "i64")),
    SweepRow("baddbmm", "lib.baddbmm(x.view(-1, 10, 10), x.view(-1, 10, 10), y.view(-1, 10, 10))", ("f32",)),
    SweepRow("addmm", "lib.addmm(m, w, m)", ("f32", "i64")),
    SweepRow("einsum", "lib.einsum('ij,kj->ik', m, w)", ("f32",)),
    SweepRow("einsum-rows", "lib.einsum('ij,ij->i', m, w)", ("f32", "i64")),
    SweepRow("einsum-batch", "lib.einsum('bij,bjk->bik', x.view(-1, 10, 10), y.view(-1, 10, 10))", ("f32",)),
    SweepRow("einsum-three", "lib.einsum('i,ij,j->', v, m, v)", ("f32",)),
    SweepRow("tensordot", "lib.tensordot(m, w, 1)", ("f32",)),
    SweepRow("kron", "lib.kron(v, v)", ("f32", "i64")),
    SweepRow("cross", "lib.cross(m[:, :3], w[:, :3], 1)", ("f32", "i64")),
    SweepRow("cdist", "lib.cdist(m, w)", ("f32",), sizes=("100", "10k")),
    SweepRow("linear", "F.linear(m, w, v)", ("f32", "bf16")),
    SweepRow("bilinear", "F.bilinear(m[:8], m[:8], w.view(1, r, r))", ("f32",), sizes=("100", "10k")),
)
