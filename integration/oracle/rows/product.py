"""Products of vectors and matrices, sums of products over labels: values, dtypes, gradients, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from integration.oracle.inputs import FLOATS, INTS, In
from integration.oracle.row import Row

__all__ = ["ERRORS", "FUNCTIONS", "ROWS", "VALUES"]

_FULL = ("float64", "float32")
_CROSS = (*FLOATS, *INTS)
_MODES = {False: "donot_use_mm_for_euclid_dist", True: "use_mm_for_euclid_dist"}

ROWS = [
    Row("cross", lambda x, y: torch.linalg.cross(x, y, dim=-2), (In((2, 3, 4)), In((1, 3, 4))), {"dim": -2}, _CROSS),
    *[
        Row(
            "cdist", lambda x, y, p=p: torch.cdist(x, y, p, _MODES[False]), (In((2, 4, 3)), In((2, 5, 3))),
            {"p": p, "mm": False}, _FULL, str(p),
        )
        for p in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, float("inf"))
    ],
    Row(
        "cdist", lambda x, y: torch.cdist(x, y, 2, _MODES[True]), (In((4, 3)), In((5, 3))), {"p": 2.0, "mm": True},
        _FULL, "mm",
    ),
]  # fmt: skip

_RNG = np.random.default_rng(13)


def _ints(*shape: int) -> Any:
    return _RNG.integers(-9, 9, shape)


def _complex(*shape: int) -> Any:
    return _RNG.normal(size=shape) + 1j * _RNG.normal(size=shape)


_HOLES = _RNG.normal(size=(3, 5))
_HOLES[1, 2] = np.nan
_HOLES[0, 0] = np.inf

VALUES: dict[str, Any] = {
    "pr_a": _RNG.normal(size=(3, 4)), "pr_b": _RNG.normal(size=(4, 5)), "pr_c": _RNG.normal(size=(3, 5)),
    "pr_u": _RNG.normal(size=4), "pr_w": _RNG.normal(size=3), "pr_s": _RNG.normal(size=(4, 4)),
    "pr_p": _RNG.normal(size=(2, 3, 4)), "pr_q": _RNG.normal(size=(2, 4, 5)), "pr_r": _RNG.normal(size=(2, 3, 5)),
    "pr_holes": _HOLES, "pr_one": _RNG.normal(size=(1, 5)), "pr_number": _RNG.normal(size=()), "pr_i": _ints(3, 4),
    "pr_j": _ints(4, 5), "pr_k": _ints(3, 5), "pr_n": _ints(4), "pr_i8": _ints(4).astype(np.int8),
    "pr_z": _complex(3, 4), "pr_z1": _complex(4), "pr_flag": _RNG.random((3, 4)) < 0.5, "pr_flags": np.ones(4, bool),
    "pr_f32": _RNG.normal(size=(3, 4)).astype(np.float32), "pr_m3": _RNG.normal(size=(3, 3)),
    "pr_diag": _RNG.normal(size=(3, 3, 2)), "pr_v5": _RNG.normal(size=5), "pr_none": np.zeros((3, 0)),
    "pr_void": np.zeros((0, 5)),
}  # fmt: skip

_ADDED = ("", ", beta=0.5, alpha=2", ", beta=0", ", alpha=0", ", beta=0, alpha=3.0")

FUNCTIONS = [
    # matmul over ranks
    "pr_u @ pr_u", "pr_u @ pr_b", "pr_a @ pr_u", "pr_p @ pr_q", "pr_p @ pr_b", "pr_a @ pr_q", "pr_u @ pr_q",
    "pr_p @ pr_u", "pr_p[:, None] @ pr_q[None, :1]", "pr_none @ pr_void", "lib.zeros(0) @ lib.zeros(0)", "pr_i @ pr_j",
    "pr_i @ pr_n", "pr_z @ pr_z1", "lib.matmul(pr_i8, pr_i8)", "lib.matmul(pr_z, pr_z.T)", "pr_none.T @ pr_a",
    "pr_p[:0] @ pr_q[:0]",
    # two operands by name
    "lib.dot(pr_u, pr_u)", "pr_u.dot(pr_s[1])", "pr_n.dot(pr_n)", "lib.dot(pr_z1, pr_z1)",
    "lib.vdot(pr_z1, pr_z1 * 2j)", "pr_u.vdot(pr_s[0])", "lib.inner(pr_a, pr_u)", "pr_p.inner(pr_a)",
    "lib.inner(pr_a, pr_number)", "lib.inner(pr_u, pr_u)", "lib.inner(pr_i, pr_n)", "lib.inner(pr_number, pr_n)",
    "lib.outer(pr_u, pr_w)", "pr_u.ger(pr_w)", "lib.ger(pr_w, pr_u)", "lib.outer(pr_n, pr_u)",
    "lib.outer(pr_flags, pr_flags)", "lib.outer(pr_u[:0], pr_w)", "pr_i8.outer(pr_n)", "lib.mv(pr_a, pr_u)",
    "pr_i.mv(pr_n)", "lib.mm(pr_a, pr_b)", "pr_i.mm(pr_j)", "lib.mm(pr_none, pr_void)", "lib.bmm(pr_p, pr_q)",
    "pr_p.bmm(pr_q[:, :, :2])", "lib.bmm(pr_p[:0], pr_q[:0])", "lib.bmm(pr_p[:, :, :0], pr_q[:, :0])",
    "lib.kron(pr_a, pr_m3)", "pr_u.kron(pr_a)", "lib.kron(pr_number, pr_a)", "lib.kron(pr_p, pr_w)",
    "lib.kron(pr_i, pr_a)", "lib.kron(pr_flags, pr_flags)", "lib.cross(pr_a, pr_a.flip(0) * 2, dim=0)",
    "pr_w.cross(pr_m3[0], dim=0)", "lib.cross(pr_i[:, :3], pr_k[:, 2:], 1)",
    "lib.cross(pr_m3[None], pr_diag[..., 0][None].expand(2, 3, 3), -1)", "lib.cross(pr_z, pr_z * pr_z, 0)",
    "lib.trace(pr_m3)", "pr_c.trace()",
    # sums with a factor
    *(f"lib.addmm(pr_c, pr_a, pr_b{more})" for more in _ADDED),
    *(f"lib.addmm(pr_holes, pr_a, pr_b{more})" for more in _ADDED), "lib.addmm(pr_v5, pr_a, pr_b)",
    "lib.addmm(pr_number, pr_a, pr_b, beta=0.5)", "lib.addmm(pr_w[:, None], pr_a, pr_b)",
    "lib.addmm(pr_k, pr_i, pr_j, alpha=-2, beta=3)", "pr_c.addmm(pr_none, pr_void, beta=2)",
    "lib.addmm(pr_c, pr_a, pr_b, beta=True)", *(f"lib.addmv(pr_w, pr_a, pr_u{more})" for more in _ADDED),
    "pr_number.addmv(pr_a, pr_u)", "lib.addmv(pr_k[:, 0], pr_i, pr_n)",
    *(f"lib.addr(pr_a, pr_w, pr_u{more})" for more in _ADDED), "lib.addr(pr_u, pr_w, pr_u)",
    "lib.addr(pr_i, pr_n[:3], pr_n, alpha=2)", "lib.addr(pr_i, pr_w, pr_u)",
    "lib.addr(pr_flag, pr_flags[:3], pr_flags)", "lib.addr(pr_flag, pr_flags[:3], pr_flags, beta=False)",
    *(f"lib.addbmm(pr_c, pr_p, pr_q{more})" for more in _ADDED), "pr_v5.addbmm(pr_p, pr_q)",
    "lib.addbmm(pr_c, pr_p[:0], pr_q[:0])", *(f"lib.baddbmm(pr_r, pr_p, pr_q{more})" for more in _ADDED),
    "lib.baddbmm(pr_c, pr_p, pr_q, beta=2)", "pr_number.baddbmm(pr_p, pr_q)",
    "pr_holes.clone().addmm_(pr_a, pr_b, beta=0)", "pr_c.clone().addmm_(pr_a, pr_b, alpha=0.5)",
    "pr_w.clone().addmv_(pr_a, pr_u)", "pr_a.clone().addr_(pr_w, pr_u, beta=2)", "pr_c.clone().addbmm_(pr_p, pr_q)",
    "pr_r.clone().baddbmm_(pr_p, pr_q, beta=0.5)", "lib.addr(pr_i, pr_w.detach().half(), pr_n, beta=2.0)",
    "lib.addr(pr_f32, pr_w.detach(), pr_n)",
    # sums of products over labels
    "lib.einsum('...,jj', pr_f32[0], pr_m3)", "lib.einsum('ji,kk->i', pr_i, pr_k[:, :3])",
    "lib.einsum('ji,k->k', pr_i, pr_i8)", "lib.tensordot(pr_i8, pr_i8[:1], 1)", "lib.einsum('ij,jk->ik', pr_a, pr_b)",
    "lib.einsum('ij,jk', pr_a, pr_b)", "lib.einsum('ij,jk->ki', pr_a, pr_b)", "lib.einsum('ij,kj->ik', pr_a, pr_s)",
    "lib.einsum('ij,jk->', pr_a, pr_b)", "lib.einsum('ij,jk->j', pr_a, pr_b)", "lib.einsum('ji', pr_a)",
    "lib.einsum('ij->ji', pr_a)", "lib.einsum('ij', pr_a)", "lib.einsum('ii->i', pr_m3)", "lib.einsum('ii', pr_m3)",
    "lib.einsum('iij->ij', pr_diag)", "lib.einsum('iij->j', pr_diag)", "lib.einsum('i->', pr_u)",
    "lib.einsum('ij->j', pr_a)", "lib.einsum('ij->j', pr_i)", "lib.einsum('ij,ij->i', pr_i, pr_i)",
    "lib.einsum('i,i', pr_n, pr_n)", "lib.einsum('bij,bjk->bik', pr_p, pr_q)", "lib.einsum('bij,bjk->kbi', pr_p, pr_q)",
    "lib.einsum('bij,jk->bik', pr_p, pr_b)", "lib.einsum('ij,bjk->bik', pr_a, pr_q)",
    "lib.einsum('bij,bij->b', pr_p, pr_p)", "lib.einsum('bij,bij->bi', pr_p, pr_p)",
    "lib.einsum('bij,bij->bij', pr_p, pr_p)", "lib.einsum('bij,bik->jk', pr_p, pr_r)",
    "lib.einsum('bij,bik->bjk', pr_p, pr_r)", "lib.einsum('...ij,...jk->...ik', pr_p, pr_b)",
    "lib.einsum('...ij,...jk', pr_a, pr_q)", "lib.einsum('...ij,...jk->ik', pr_p, pr_b)",
    "lib.einsum('i...,i...', pr_a, pr_a)", "lib.einsum('...,...', pr_p, pr_a)", "lib.einsum('i...->...', pr_p)",
    "lib.einsum('ij->ij...', pr_a)", "lib.einsum('...i->i...', pr_p)", "lib.einsum('ij,jk,kl->il', pr_a, pr_b, pr_c.T)",
    "lib.einsum('i,j,k->ijk', pr_u, pr_w, pr_v5)", "lib.einsum('ij,j,jk->ik', pr_a, pr_u, pr_b)",
    "lib.einsum('bij,bjk,bik->b', pr_p, pr_q, pr_r)", "lib.einsum('ij,,jk', pr_a, pr_number, pr_b)",
    "lib.einsum(',', pr_number, pr_number)", "lib.einsum('', pr_number)", "lib.einsum('i,j->ij', pr_n, pr_u)",
    "lib.einsum('ij,jk', pr_a, pr_one)", "lib.einsum('ij,ij->ij', pr_c, pr_one)", "lib.einsum('aB,Bc', pr_a, pr_b)",
    "lib.einsum('Ba,ac', pr_a, pr_b)", "lib.einsum(' i j , j k -> i k ', [pr_a, pr_b])",
    "lib.einsum(pr_a, [0, 1], pr_b, [1, 2])", "lib.einsum(pr_a, [0, 1], pr_b, [1, 2], [2, 0])",
    "lib.einsum(pr_p, [..., 1], pr_b, [1, 2], [..., 2])", "lib.einsum(pr_a, (51, 3))",
    "lib.einsum('ij,jk->ik', pr_z, pr_z.T)", "lib.einsum('i,i->i', pr_flags, pr_flags)",
    "lib.einsum('ij,jk', pr_none, pr_void)", "lib.einsum('ij->i', pr_none)",
    "lib.einsum('ij,ij,ij->i', pr_i, pr_i, pr_i)", "lib.einsum('ij,jk->ik', pr_i, pr_j)",
    "lib.einsum('ik,kj,ij->', pr_a, pr_b, pr_c)", "lib.tensordot(pr_a, pr_b, 1)", "lib.tensordot(pr_p, pr_p, 3)",
    "lib.tensordot(pr_p, pr_q, 0)", "lib.tensordot(pr_p, pr_r, dims=([0, 1], [0, 1]))",
    "lib.tensordot(pr_p, pr_q, ([2, 0], [1, 0]))", "lib.tensordot(pr_p, pr_s, [[-1], [-2]])",
    "lib.tensordot(pr_i, pr_i)", "lib.tensordot(pr_c, pr_one, ([1, 0], [1, 0]))",
    "lib.tensordot(pr_a, pr_b, lib.tensor([[1], [0]]))", "lib.tensordot(pr_z, pr_z, 2)",
    "lib.tensordot(pr_none, pr_void, 1)",
    # distances
    "lib.cdist(pr_a, pr_s)", "lib.cdist(pr_a, pr_s, 1)", "lib.cdist(pr_a, pr_s, p=3.5)",
    "lib.cdist(pr_a, pr_s, float('inf'))", "lib.cdist(pr_a, pr_s, 0)", "lib.cdist(pr_a, pr_a)",
    "lib.cdist(pr_a, pr_a, 1.0)", "lib.cdist(pr_a, pr_a, p=1.5)", "lib.cdist(pr_a, pr_a, p=0.5)",
    "lib.cdist(pr_p, pr_a)", "lib.cdist(pr_p[:, None], pr_p)", "lib.cdist(pr_p[:1], pr_p, 1)",
    "lib.cdist(pr_a, pr_s, compute_mode='use_mm_for_euclid_dist')",
    "lib.cdist(pr_a.expand(10, 3, 4).reshape(30, 4), pr_s)",
    "lib.cdist(pr_a, pr_s, compute_mode='donot_use_mm_for_euclid_dist')", "lib.cdist(pr_a[:0], pr_s)",
    "lib.cdist(pr_none, pr_none)", "lib.cdist(pr_none, pr_none, 1)", "lib.cdist(pr_f32, pr_f32[:2])",
    # several matrices
    "lib.linalg.multi_dot([pr_a, pr_b, pr_c.T, pr_a])", "lib.linalg.multi_dot([pr_w, pr_a, pr_b])",
    "lib.linalg.multi_dot((pr_a, pr_b, pr_v5))", "lib.linalg.multi_dot([pr_w, pr_a, pr_u])",
    "lib.linalg.multi_dot([pr_u, pr_u])", "lib.matrix_power(pr_m3, 5)", "pr_s.matrix_power(1)",
    "lib.matrix_power(pr_i[:, :3], 3)", "lib.matrix_power(pr_diag.permute(2, 0, 1).detach(), 0)",
    "lib.linalg.vecdot(pr_p, pr_u)", "lib.linalg.vecdot(pr_z, pr_z * 2j, dim=0)",
]  # fmt: skip

ERRORS = [
    # ranks
    "lib.dot(pr_a, pr_a)", "lib.dot(pr_u, pr_number)", "lib.vdot(pr_a, pr_u)", "lib.mv(pr_a, pr_b)",
    "lib.mv(pr_u, pr_u)", "lib.mm(pr_p, pr_q)", "lib.mm(pr_a, pr_u)", "lib.bmm(pr_a, pr_b)", "lib.bmm(pr_p, pr_b)",
    "lib.outer(pr_a, pr_u)", "lib.ger(pr_u, pr_a)", "lib.addmm(pr_c, pr_p, pr_q)", "lib.addmv(pr_w, pr_a, pr_b)",
    "lib.addr(pr_a, pr_a, pr_u)", "lib.addbmm(pr_c, pr_a, pr_b)", "lib.baddbmm(pr_r, pr_a, pr_b)", "lib.trace(pr_p)",
    "lib.chain_matmul(pr_a, pr_q)", "lib.linalg.multi_dot([pr_a, pr_q])", "lib.linalg.multi_dot([pr_a, pr_u, pr_b])",
    "lib.matrix_power(pr_u, 2)",
    # sizes
    "lib.dot(pr_u, pr_w)", "lib.mv(pr_a, pr_w)", "lib.mm(pr_a, pr_c)", "lib.bmm(pr_p, pr_r)", "lib.bmm(pr_p, pr_q[:1])",
    "lib.inner(pr_a, pr_w)", "lib.addmm(pr_w, pr_a, pr_b)", "lib.addmm(pr_r, pr_a, pr_b)",
    "lib.addmv(pr_u, pr_a, pr_u)", "lib.addr(pr_w, pr_w, pr_u)", "lib.addbmm(pr_a, pr_p, pr_q)",
    "lib.addbmm(pr_c, pr_p, pr_r)", "lib.baddbmm(pr_a, pr_p, pr_q)", "pr_v5.clone().addmm_(pr_a, pr_b)",
    "pr_w[:1].clone().addmv_(pr_a, pr_u)", "lib.chain_matmul(pr_a, pr_a)", "lib.linalg.multi_dot([pr_a, pr_b, pr_a])",
    "lib.matrix_power(pr_a, 2)", "lib.cross(pr_w, pr_m3)", "lib.cross(pr_s, pr_s)", "lib.cross(pr_a, pr_a, dim=1)",
    "lib.linalg.vecdot(pr_a, pr_w)", "lib.linalg.multi_dot([pr_a])", "lib.linalg.multi_dot([])", "pr_w[:, None] @ pr_b",
    "lib.mm(pr_w[:, None], pr_a)", "lib.bmm(pr_p[:, :, :1], pr_q)",
    # dtypes
    "lib.addr(pr_i, pr_n[:3], pr_n, beta=2.0)", "lib.addr(pr_a, pr_w, pr_u, beta=True)", "lib.trace(pr_flag)",
    "lib.linalg.vecdot(pr_n, pr_n)", "lib.tensordot(pr_i, pr_a, 0)", "pr_f32 @ pr_b", "pr_i @ pr_b",
    "lib.matmul(pr_u, pr_n)", "pr_z @ pr_b", "pr_n @ pr_flags", "pr_flag @ pr_flags", "lib.dot(pr_flags, pr_flags)",
    "lib.mm(pr_flag, pr_flag.T)", "lib.tensordot(pr_flag, pr_flag)", "lib.dot(pr_n, pr_u)", "lib.mm(pr_f32, pr_b)",
    "lib.mv(pr_f32, pr_u)", "lib.bmm(pr_p, pr_q.float())", "lib.inner(pr_f32, pr_u)",
    "lib.addmm(pr_c.float(), pr_a, pr_b)", "lib.addmm(pr_c, pr_f32, pr_b)", "lib.addmm(pr_k, pr_a, pr_b)",
    "lib.addmv(pr_w, pr_f32, pr_u)", "lib.addbmm(pr_c.float(), pr_p, pr_q)", "lib.baddbmm(pr_r, pr_p, pr_q.float())",
    "lib.tensordot(pr_f32, pr_b, 1)", "lib.einsum('ij,jk', pr_f32, pr_b)", "lib.cross(pr_f32, pr_a, 0)",
    "lib.linalg.vecdot(pr_f32, pr_a)", "lib.linalg.multi_dot([pr_f32, pr_b])",
    "lib.addr(pr_i, pr_n[:3], pr_n, alpha=0.5)", "pr_i.clone().addr_(pr_w, pr_u)",
    "lib.einsum('ij,j', pr_flag, pr_flags)", "lib.addmm(pr_c, pr_a, pr_b, beta=1j)", "lib.cdist(pr_u, pr_a)",
    "lib.cdist(pr_a, pr_c)", "lib.cdist(pr_i, pr_i)", "lib.cdist(pr_z, pr_z)", "lib.cdist(pr_a, pr_f32)",
    "lib.cdist(pr_a, pr_a, -1)", "lib.cdist(pr_a, pr_a, compute_mode='no')", "lib.cdist(pr_a, pr_a, compute_mode=1)",
    "lib.cdist(pr_p, pr_p.expand(2, 2, 3, 4)[:, 0][:0])", "lib.cdist(lib.cat([pr_p, pr_p[:1]]), pr_p)",
    # equations and lists of dims
    "lib.einsum('ij')", "lib.einsum(3, pr_a)", "lib.einsum('ij', 3)", "lib.einsum('i', pr_a)",
    "lib.einsum('ijk', pr_a)", "lib.einsum('ij,jk', pr_a)", "lib.einsum('ij', pr_a, pr_b)",
    "lib.einsum('ij->ii', pr_a)", "lib.einsum('ij->k', pr_a)", "lib.einsum('i.j', pr_a)", "lib.einsum('i1', pr_a)",
    "lib.einsum('......', pr_a)", "lib.einsum('ij->i......', pr_a)", "lib.einsum('ij,jk', pr_a, pr_c)",
    "lib.einsum('ii', pr_a)", "lib.einsum('ij-ik', pr_a)", "lib.einsum('ij->i->j', pr_a)", "lib.einsum(pr_a, [0, 52])",
    "lib.einsum(pr_a, [0, 'a'])", "lib.einsum(pr_a, [0, -1])", "lib.einsum(pr_a)", "lib.einsum('ii', pr_s[:, :1])",
    "lib.einsum('...ij,...jk', pr_p, lib.ones(3, 4, 2, dtype=lib.float64))", "lib.tensordot(pr_a, pr_b, 3)",
    "lib.tensordot(pr_a, pr_b, -1)", "lib.tensordot(pr_a, pr_b, 2)", "lib.tensordot(pr_a, pr_b, (1, 0))",
    "lib.tensordot(pr_a, pr_b, ([0, 1], [0]))", "lib.tensordot(pr_s, pr_s, ([0, 0], [0, 1]))",
    "lib.tensordot(pr_a, pr_b, ([2], [0]))",
]  # fmt: skip
