"""`lamella.tensor.linalg` against numpy in float64, its derivatives where it has some, and bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
import lamella.tensor.linalg as la

R = np.random.default_rng(5)
A = R.standard_normal((2, 4, 4))
S = A @ A.mT + np.eye(4)
W = R.standard_normal((2, 3, 5))
V = R.standard_normal((2, 4))
C = R.standard_normal((4, 4)) + 1j * R.standard_normal((4, 4))
H = C @ C.conj().T + np.eye(4)
LOW = np.stack([np.outer(V[0], V[1])] * 2)
B = R.standard_normal((2, 4, 3))
U3 = R.standard_normal((2, 3))


def t(x: Any) -> lt.Tensor:
    return lt.from_numpy(np.ascontiguousarray(x))


def rebuilt(parts: Any) -> Any:
    """What a decomposition stands for."""
    if isinstance(parts, la.SVD):
        k = parts.S.shape[-1]
        u, s, v = (part.numpy() for part in parts)
        return (u[..., :k] * s[..., None, :]) @ v[..., :k, :]
    if isinstance(parts, la.Eigh):
        w, q = parts.eigenvalues.numpy(), parts.eigenvectors.numpy()
        return (q * w[..., None, :]) @ q.mT.conj()
    return parts.Q.numpy() @ parts.R.numpy()


VALUES: tuple[tuple[str, Any, Any], ...] = (
    ("cholesky", lambda: la.cholesky(t(S)), lambda: np.linalg.cholesky(S)),
    ("cholesky upper", lambda: la.cholesky(t(H), upper=True), lambda: np.linalg.cholesky(H).conj().T),
    ("det", lambda: la.det(t(A)), lambda: np.linalg.det(A)),
    ("slogdet sign", lambda: la.slogdet(t(A)).sign, lambda: np.sign(np.linalg.det(A))),
    ("slogdet", lambda: la.slogdet(t(A)).logabsdet, lambda: np.log(np.abs(np.linalg.det(A)))),
    ("eigh", lambda: rebuilt(la.eigh(t(S))), lambda: S),
    ("eigh complex", lambda: rebuilt(la.eigh(t(H))), lambda: H),
    ("eigh upper", lambda: la.eigh(t(np.triu(S)), UPLO="U").eigenvalues, lambda: np.linalg.eigvalsh(S)),
    ("eigvalsh", lambda: la.eigvalsh(t(S)), lambda: np.linalg.eigvalsh(S)),
    ("inv", lambda: la.inv(t(A)), lambda: np.linalg.inv(A)),
    ("rank", lambda: la.matrix_rank(t(LOW)), lambda: np.array([1, 1])),
    ("rank atol", lambda: la.matrix_rank(t(np.diag([3.0, 1.0, 0.1])), atol=0.5), lambda: 2),
    ("rank rtol", lambda: la.matrix_rank(t(np.diag([3.0, 1.0, 0.1])), rtol=0.5), lambda: 1),
    ("rank hermitian", lambda: la.matrix_rank(t(np.diag([3.0, -1.0, 0.0])), hermitian=True), lambda: 2),
    ("rank per matrix", lambda: la.matrix_rank(t(S), atol=t(np.array([0.0, 1e9]))), lambda: np.array([4, 0])),
    ("pinv", lambda: la.pinv(t(W)), lambda: np.linalg.pinv(W)),
    ("pinv of low rank", lambda: la.pinv(t(LOW)), lambda: np.linalg.pinv(LOW)),
    ("pinv complex", lambda: la.pinv(t(C[:, :2])), lambda: np.linalg.pinv(C[:, :2])),
    ("qr", lambda: rebuilt(la.qr(t(W))), lambda: W),
    ("qr complete", lambda: rebuilt(la.qr(t(W.mT), mode="complete")), lambda: W.mT),
    ("qr r", lambda: la.qr(t(W), mode="r").R, lambda: np.linalg.qr(W, mode="r")),
    ("svd", lambda: rebuilt(la.svd(t(W))), lambda: W),
    ("svd reduced", lambda: rebuilt(la.svd(t(C), full_matrices=False)), lambda: C),
    ("svdvals", lambda: la.svdvals(t(W)), lambda: np.linalg.svd(W, compute_uv=False)),
    ("solve matrices", lambda: la.solve(t(A), t(B)), lambda: np.linalg.inv(A) @ B),
    ("solve vectors", lambda: la.solve(t(A), t(V)), lambda: (np.linalg.inv(A) @ V[..., None])[..., 0]),
    ("solve vector", lambda: la.solve(t(A), t(V[0])), lambda: np.linalg.inv(A) @ V[0]),
    ("solve right", lambda: la.solve(t(A), t(S), left=False), lambda: S @ np.linalg.inv(A)),
    ("power", lambda: la.matrix_power(t(A), 5), lambda: np.linalg.matrix_power(A, 5)),
    ("power 0", lambda: la.matrix_power(t(A), 0), lambda: np.stack([np.eye(4)] * 2)),
    ("power -2", lambda: la.matrix_power(t(A), -2), lambda: np.linalg.matrix_power(A, -2)),
    ("matmul", lambda: la.matmul(t(A), t(S)), lambda: A @ S),
    ("outer", lambda: la.outer(t(V[0]), t(U3[0])), lambda: np.outer(V[0], U3[0])),
    ("vecdot", lambda: la.vecdot(t(A), t(S), dim=1), lambda: (A * S).sum(1)),
    ("vecdot complex", lambda: la.vecdot(t(C), t(H)), lambda: (C.conj() * H).sum(-1)),
    ("cross", lambda: la.cross(t(U3), t(U3[::-1])), lambda: np.cross(U3, U3[::-1])),
    ("cross dim", lambda: la.cross(t(W), t(W[::-1]), dim=1), lambda: np.cross(W, W[::-1], axis=1)),
    ("tensordot", lambda: la.tensordot(t(A), t(A.transpose(1, 2, 0))), lambda: np.tensordot(A, A.transpose(1, 2, 0))),
    ("tensordot all", lambda: la.tensordot(t(A), t(S), 3), lambda: np.tensordot(A, S, 3)),
    ("tensordot 0", lambda: la.tensordot(t(V), t(U3), 0), lambda: np.tensordot(V, U3, 0)),
    ("tensordot named", lambda: la.tensordot(t(A), t(V), ([0, -1], [0, 1])), lambda: (A * V[:, None]).sum((0, 2))),
    ("diagonal", lambda: la.diagonal(t(W)), lambda: np.diagonal(W, 0, -2, -1)),
    ("diagonal up", lambda: la.diagonal(t(W), offset=3), lambda: np.diagonal(W, 3, -2, -1)),
    ("diagonal down", lambda: la.diagonal(t(W), offset=-1, dim1=0, dim2=2), lambda: np.diagonal(W, -1, 0, 2)),
    ("diagonal outside", lambda: la.diagonal(t(W), offset=9), lambda: np.diagonal(W, 9, -2, -1)),
    *((f"matrix_norm {o}", lambda o=o: la.matrix_norm(t(W), o), lambda o=o: np.linalg.norm(W, o, (-2, -1)))
      for o in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)),
    *((f"matrix_norm {o} dims", lambda o=o: la.matrix_norm(t(W), o, (2, 0), True),
       lambda o=o: np.linalg.norm(W, o, (2, 0), keepdims=True)) for o in ("fro", "nuc", 1, -np.inf)),
    ("norm", lambda: la.norm(t(W)), lambda: np.sqrt((W**2).sum())),
    ("norm matrix", lambda: la.norm(t(V), 1), lambda: np.linalg.norm(V, 1)),
    ("norm vector", lambda: la.norm(t(V), 3, 1), lambda: np.linalg.norm(V, 3, 1)),
    ("norm dims", lambda: la.norm(t(W), "nuc", (0, 1)), lambda: np.linalg.norm(W, "nuc", (0, 1))),
    ("vector_norm", lambda: la.vector_norm(t(W), 1, (0, 2)), lambda: np.abs(W).sum((0, 2))),
)  # fmt: skip


@pytest.mark.parametrize(("ours", "expected"), [row[1:] for row in VALUES], ids=[row[0] for row in VALUES])
def test_values(ours: Any, expected: Any) -> None:
    found = ours()
    found = found.numpy() if isinstance(found, lt.Tensor) else found
    np.testing.assert_allclose(found, expected(), rtol=1e-9, atol=1e-9)
    assert np.shape(found) == np.shape(expected())


def test_single_precision_stays() -> None:
    assert la.svdvals(lt.ones(2, 3)).dtype is lt.float32
    assert la.pinv(lt.ones(2, 3)).dtype is lt.float32


NO_DERIVATIVE = ("cholesky", "det", "slogdet", "eigh", "eigvalsh", "inv", "matrix_rank", "pinv", "qr", "svd", "svdvals")


@pytest.mark.parametrize("name", NO_DERIVATIVE)
def test_a_tensor_that_requires_grad_is_refused(name: str) -> None:
    x = lt.tensor([[2.0, 0.0], [0.0, 1.0]], requires_grad=True)
    with pytest.raises(RuntimeError, match=rf"linalg\.{name} has no derivative yet: call it on x\.detach\(\)"):
        getattr(la, name)(x)
    with lt.no_grad():
        getattr(la, name)(x)


BAD = (
    ("la.cholesky(lt.ones(2))", ValueError, "cholesky needs square matrices in the last two dims"),
    ("la.inv(lt.ones(2, 3))", ValueError, r"inv needs square matrices .*\(2, 3\)"),
    ("la.inv(lt.zeros(2, 2))", la.LinAlgError, "Singular"),
    ("la.det(lt.ones(2, 2, dtype=lt.int64))", TypeError, "det needs float32, float64 or complex elements, got int64"),
    ("la.det(lt.ones(2, 2, dtype=lt.float16))", TypeError, "got float16"),
    ("la.svd([[1.0]])", TypeError, "svd"),
    ("la.qr(lt.ones(2, 2), mode='x')", ValueError, "mode must be"),
    ("la.eigh(lt.ones(2, 2), UPLO='x')", ValueError, "UPLO must be 'L' or 'U'"),
    ("la.solve(lt.ones(2, 2), lt.ones(3))", ValueError, "as many rows on the right"),
    ("la.solve(lt.eye(2), lt.ones(2, dtype=lt.float64))", TypeError, "one dtype"),
    ("la.solve(lt.eye(2), lt.ones(2), left=False)", ValueError, "left=False needs matrices"),
    ("la.solve(lt.eye(2), lt.ones(2, 3), left=False)", ValueError, "2 columns"),
    ("la.matrix_power(lt.eye(2), 1.5)", TypeError, "needs an int"),
    ("la.matrix_power(lt.ones(2, 3), 2)", ValueError, "square matrices"),
    ("la.matrix_norm(lt.eye(2), 3)", ValueError, "ord must be 'fro', 'nuc'"),
    ("la.matrix_norm(lt.eye(2), 'x')", ValueError, "ord must be 'fro', 'nuc'"),
    ("la.matrix_norm(lt.eye(2), dim=(0, -2))", ValueError, "two different dims"),
    ("la.norm(lt.ones(2, 2, 2), 2)", ValueError, "one or two dims"),
    ("la.cross(lt.ones(2), lt.ones(2))", ValueError, "size 3 along dim -1"),
    ("la.cross(lt.ones(3), lt.ones(2, 3))", ValueError, "as many dims on both sides"),
    ("la.outer(lt.eye(2), lt.ones(2))", ValueError, "the first vector must have 1 dim"),
    ("la.tensordot(lt.ones(2), lt.ones(3), 1)", ValueError, "equal sizes"),
    ("la.tensordot(lt.ones(2), lt.ones(3), 2)", ValueError, "over 2 dims"),
    ("la.diagonal(lt.ones(2))", ValueError, "at least two dims"),
    ("la.diagonal(lt.eye(2), dim1=1)", ValueError, "two different dims"),
)


@pytest.mark.parametrize(("code", "error", "message"), BAD, ids=[row[0] for row in BAD])
def test_bad_input(code: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        eval(code)
