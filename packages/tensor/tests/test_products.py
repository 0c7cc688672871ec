"""Products of matrices and vectors: integers to the last bit, every rank, beside numpy; bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamella.tensor as lt
import lamella.tensor.linalg as la

INTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
R = np.random.default_rng(7)


def t(x: Any) -> lt.Tensor:
    return lt.from_numpy(np.array(x, order="C"))


def wrapped(a: Any, b: Any) -> Any:
    """The product in Python's integers, cut to the dtype."""
    exact = np.dot(a.astype(object), b.astype(object))
    return (exact % (1 << (8 * a.dtype.itemsize))).astype(np.uint64).astype(a.dtype)


@pytest.mark.parametrize("dtype", INTS)
@pytest.mark.parametrize("bits", [3, 20, 40, 64])
def test_integer_products_wrap_as_integers_do(dtype: str, bits: int) -> None:
    info = np.iinfo(dtype)
    top = min(int(info.max), (1 << (bits - 1)) - 1)
    low = max(int(info.min), -top - 1)
    for rows, inner, columns in ((30, 31, 29), (2, 500, 25)):  # both beyond the size from which BLAS is used
        a = R.integers(low, top, (rows, inner), dtype, endpoint=True)
        b = R.integers(low, top, (inner, columns), dtype, endpoint=True)
        a[0], b[:, 0] = low, low  # the extremes, whose products are the largest
        a[1], b[:, 1] = top, top
        out = (t(a) @ t(b)).numpy()
        assert out.dtype == dtype
        np.testing.assert_array_equal(out, wrapped(a, b))


@given(st.integers(1, 63), st.integers(1, 63), st.booleans())
@settings(deadline=None, max_examples=60)
def test_int64_products_are_exact_for_every_pair_of_widths(first: int, second: int, flipped: bool) -> None:
    a = R.integers(-(1 << first), (1 << first) - 1, (20, 40), endpoint=True)
    b = R.integers(-(1 << second), (1 << second) - 1, (30, 40), endpoint=True).T
    x = t(a).flip(0) if flipped else t(a)
    np.testing.assert_array_equal((x @ t(b)).numpy(), wrapped(a[::-1] if flipped else a, b))


RANKS = [
    ((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((2, 3), (3, 4)), ((5, 2, 3), (3,)), ((3,), (5, 3, 2)),
    ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((5, 2, 3), (5, 3, 4)), ((4, 1, 2, 3), (5, 3, 2)), ((2, 1), (1, 4)),
    ((5, 2, 1), (1, 4)), ((0,), (0,)), ((2, 0), (0, 3)), ((0, 3), (3, 2)), ((2, 3), (3, 0)), ((0, 2, 3), (3, 4)),
    ((5, 2, 0), (0, 4)), ((0, 1), (1, 4)), ((2, 60, 50), (50, 8)), ((3, 40, 40), (3, 40, 30)), ((60, 50), (2, 50, 8)),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int32", "complex128"])
@pytest.mark.parametrize(("left", "right"), RANKS)
def test_every_rank(left: Any, right: Any, dtype: str) -> None:
    a, b = (R.integers(-9, 9, shape).astype(dtype) for shape in (left, right))  # exact in every dtype
    out = (t(a) @ t(b)).numpy()
    want = np.matmul(a, b)
    assert out.shape == want.shape
    assert out.dtype == want.dtype
    np.testing.assert_array_equal(out, want)


def test_columns_times_rows_of_half_types_round_once() -> None:
    a, b = lt.randn(7, 1, dtype=lt.bfloat16), lt.randn(1, 5, dtype=lt.bfloat16)
    assert lt.equal(a @ b, (a.float() * b.float()).to(lt.bfloat16))


A, B, C = (R.standard_normal(shape) for shape in ((3, 4), (4, 5), (3, 5)))
P, Q = R.standard_normal((2, 3, 4)), R.standard_normal((2, 4, 5))
U, W = R.standard_normal(4), R.standard_normal(3)
Z = R.standard_normal(4) + 1j * R.standard_normal(4)
S = R.standard_normal((3, 3))

VALUES: tuple[tuple[str, Any, Any], ...] = (
    ("dot", lambda: lt.dot(t(U), t(A[1])), lambda: np.dot(U, A[1])),
    ("dot complex", lambda: t(Z).dot(t(Z)), lambda: np.dot(Z, Z)),
    ("vdot", lambda: lt.vdot(t(Z), t(Z * 2j)), lambda: np.vdot(Z, Z * 2j)),
    ("inner", lambda: lt.inner(t(P), t(A)), lambda: np.inner(P, A)),
    ("inner of a number", lambda: lt.inner(t(P), lt.tensor(2.0)), lambda: 2 * P),
    ("outer", lambda: lt.outer(t(U), t(W)), lambda: np.outer(U, W)),
    ("ger", lambda: t(W).ger(t(U)), lambda: np.outer(W, U)),
    ("mv", lambda: lt.mv(t(A), t(U)), lambda: A @ U),
    ("mm", lambda: t(A).mm(t(B)), lambda: A @ B),
    ("bmm", lambda: lt.bmm(t(P), t(Q)), lambda: P @ Q),
    ("addmm", lambda: lt.addmm(t(C), t(A), t(B), beta=0.5, alpha=-2), lambda: C / 2 - 2 * (A @ B)),
    ("addmm of a row", lambda: lt.addmm(t(C[0]), t(A), t(B)), lambda: C[0] + A @ B),
    ("addmm of NaN", lambda: lt.addmm(t(C * np.nan), t(A), t(B), beta=0), lambda: A @ B),
    ("addmv", lambda: lt.addmv(t(W), t(A), t(U), beta=2), lambda: 2 * W + A @ U),
    ("addr", lambda: lt.addr(t(A), t(W), t(U), alpha=3), lambda: A + 3 * np.outer(W, U)),
    ("addbmm", lambda: lt.addbmm(t(C), t(P), t(Q), beta=0.5), lambda: C / 2 + (P @ Q).sum(0)),
    ("baddbmm", lambda: lt.baddbmm(t(C), t(P), t(Q), alpha=0.5), lambda: C + (P @ Q) / 2),
    ("in place", lambda: t(C).addmm_(t(A), t(B), alpha=2), lambda: C + 2 * (A @ B)),
    ("tensordot", lambda: lt.tensordot(t(P), t(Q), ([2, 0], [1, 0])), lambda: np.tensordot(P, Q, ([2, 0], [1, 0]))),
    ("tensordot of a 1", lambda: lt.tensordot(t(A), t(B[:1]), 1), lambda: A.sum(1)[:, None] * B[0]),
    ("kron", lambda: lt.kron(t(A), t(S)), lambda: np.kron(A, S)),
    ("kron of ranks", lambda: t(U).kron(t(P)), lambda: np.kron(U, P)),
    ("cross", lambda: lt.cross(t(A), t(A[::-1])), lambda: np.cross(A, A[::-1], axis=0)),
    ("cross dim", lambda: t(S).cross(t(S.T), 1), lambda: np.cross(S, S.T, axis=1)),
    ("cross broadcasts", lambda: la.cross(t(S), t(S[:1])), lambda: np.cross(S, S[:1])),
    ("matrix_power", lambda: t(S).matrix_power(6), lambda: np.linalg.matrix_power(S, 6)),
    ("matrix_power 1", lambda: lt.matrix_power(t(S), 1), lambda: S),
    ("matrix_power -3", lambda: lt.matrix_power(t(S), -3), lambda: np.linalg.matrix_power(S, -3)),
    ("chain_matmul", lambda: lt.chain_matmul(t(A), t(B), t(C.T), t(S)), lambda: A @ B @ C.T @ S),
    ("chain_matmul of one", lambda: lt.chain_matmul(t(A)), lambda: A),
    ("multi_dot", lambda: la.multi_dot([t(W), t(A), t(B), t(C.T)]), lambda: W @ A @ B @ C.T),
    ("multi_dot vectors", lambda: la.multi_dot([t(W), t(A), t(U)]), lambda: np.asarray(W @ A @ U)),
    ("vecdot", lambda: la.vecdot(t(P), t(U)), lambda: P @ U),
)


@pytest.mark.parametrize(("name", "ours", "reference"), VALUES, ids=[row[0] for row in VALUES])
def test_values(name: str, ours: Any, reference: Any) -> None:
    out, want = ours().numpy(), np.asarray(reference())
    assert out.shape == want.shape
    np.testing.assert_allclose(out, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_sums_of_half_types_round_once(dtype: str) -> None:
    x, a, b = (lt.randn(6, 6).to(getattr(lt, dtype)) for _ in range(3))
    exact = lt.addmm(x.double(), a.double(), b.double(), beta=0.5, alpha=3)
    assert lt.equal(lt.addmm(x, a, b, beta=0.5, alpha=3), exact.float().to(x.dtype))


@st.composite
def equations(draw: Any) -> tuple[str, list[tuple[int, ...]]]:
    """An equation of one to four operands and their shapes: repeated letters, sizes of 0 and 1, ellipses, results."""
    sizes = {letter: draw(st.sampled_from([0, 1, 2, 3])) for letter in "abcD"}
    dots = draw(st.lists(st.integers(1, 3), max_size=2))
    words, shapes = [], []
    for _ in range(draw(st.integers(1, 4))):
        letters = draw(st.lists(st.sampled_from("abcD"), max_size=3))
        flat = {one: draw(st.sampled_from([1, sizes[one], sizes[one]])) for one in sorted(set(letters))}
        shape = [flat[one] for one in letters]  # a size of 1 broadcasts
        if draw(st.booleans()):
            at, width = draw(st.integers(0, len(letters))), draw(st.integers(0, len(dots)))
            shape[at:at] = [draw(st.sampled_from([1, n])) for n in dots[len(dots) - width :]]
            letters.insert(at, "...")
        words.append("".join(letters))
        shapes.append(tuple(shape))
    equation = ",".join(words)
    if draw(st.booleans()):
        seen = sorted(set(equation) - set(",."))
        kept = draw(st.permutations(draw(st.lists(st.sampled_from(seen), unique=True)))) if seen else []
        if "..." in equation:  # numpy wants it in the result
            kept = [*kept]
            kept.insert(draw(st.integers(0, len(kept))), "...")
        equation += "->" + "".join(kept)
    return equation, shapes


@given(equations(), st.booleans())
@settings(deadline=None, max_examples=300)
def test_einsum_is_numpy_s(case: tuple[str, list[tuple[int, ...]]], whole: bool) -> None:
    equation, shapes = case
    arrays = [R.integers(-4, 5, shape) for shape in shapes]
    if not whole:
        arrays = [a.astype(np.float64) for a in arrays]  # whole numbers still: sums in any order are exact
    out, want = lt.einsum(equation, *[t(a) for a in arrays]).numpy(), np.asarray(np.einsum(equation, *arrays))
    assert out.shape == want.shape
    assert out.dtype == want.dtype
    np.testing.assert_array_equal(out, want)


def test_einsum_forms() -> None:
    x, y = t(A), t(B)
    want = A @ B
    for out in (
        lt.einsum("ij,jk", x, y),
        lt.einsum(" i j, j k -> i k", [x, y]),
        lt.einsum(x, [0, 1], y, [1, 2]),
        lt.einsum(x, [0, 1], y, [1, 2], [0, 2]),
        lt.einsum(x, [..., 51], y, [51, 3], [..., 3]),
    ):
        np.testing.assert_allclose(out.numpy(), want, rtol=1e-12)
    # sums behind an ellipsis that the result lacks
    np.testing.assert_allclose(lt.einsum("i...->i", t(P)).numpy(), P.sum((1, 2)), rtol=1e-12)
    square = t(S)
    lt.einsum("ii->i", square)[:] = 0.0  # a view of the diagonal
    assert square.trace().item() == 0.0
    view = lt.einsum("ij->ij", square)
    assert view is not square
    view[0, 1] = 7.0
    assert square[0, 1].item() == 7.0


def test_sums_of_integers_alone_are_wide() -> None:
    a, b = R.integers(-99, 99, (3, 4), np.int32), R.integers(-99, 99, (4, 5), np.int32)
    for equation in ("ij,jk->k", "ij,jk->", "ij,jk,j->k"):
        arrays = [a, b, b[:, 0]][: equation.count(",") + 1]
        out = lt.einsum(equation, *[t(x) for x in arrays])
        assert out.dtype is lt.int64
        assert out.tolist() == np.einsum(equation, *[x.astype(np.int64) for x in arrays]).tolist()
    assert lt.einsum("ij,jk->ik", t(a), t(b)).dtype is lt.int32


def test_several_operands_meet_in_a_good_order() -> None:
    # from left to right the first product alone would have 10**9 elements
    x, y, z = lt.ones(1000, 1), lt.ones(1000, 1000), lt.ones(1000)
    assert lt.einsum("ia,jk,k->ia", x, y, z).shape == (1000, 1)
    assert la.multi_dot([lt.ones(5000, 1), lt.ones(1, 5000), lt.ones(5000, 1)]).shape == (5000, 1)


@pytest.mark.parametrize("p", [0.0, 0.7, 1.0, 2.0, 3.0, float("inf")])
@pytest.mark.parametrize("shape", [(7, 5, 3), (40, 1000, 5), (40, 90, 300), (1, 1, 2000), (3, 4, 0)])
def test_distances_over_blocks(shape: tuple[int, int, int], p: float) -> None:
    rows, others, columns = shape
    x, y = R.integers(-3, 4, (2, rows, columns)).astype(float), R.standard_normal((2, others, columns))
    y[:, 0] = x[:, 0]
    out = lt.cdist(t(x), t(y), p, compute_mode="donot_use_mm_for_euclid_dist").numpy()
    size = np.abs(x[:, :, None] - y[:, None])
    if p == np.inf:
        want = size.max(-1, initial=0)
    else:
        want = (size != 0).sum(-1) if p == 0 else (size**p).sum(-1) ** (1 / p)
    np.testing.assert_allclose(out, want, rtol=1e-12, atol=1e-12)
    if p == 2:
        np.testing.assert_allclose(lt.cdist(t(x), t(y)).numpy(), want, rtol=1e-12, atol=1e-6)


BAD: tuple[tuple[str, type[Exception], str], ...] = (
    ("k @ k", TypeError, "matmul of bool tensors has no meaning; cast them"),
    ("x @ x[0, 0]", ValueError, "matmul needs at least one dim on both sides"),
    ("x @ lt.zeros(5, 2, 3)", ValueError, "the inner dims 3 and 2 differ"),
    ("lt.zeros(4, 2, 3) @ lt.zeros(5, 3, 2)", ValueError, "do not broadcast"),
    ("lt.ones(2, 1) @ lt.ones(3, 4)", ValueError, "the inner dims 1 and 3 differ"),
    ("lt.ones(2, 1) @ lt.ones(0, 4)", ValueError, "the inner dims 1 and 0 differ"),
    ("lt.ones(5, 2, 1) @ lt.ones(3, 4)", ValueError, "the inner dims 1 and 3 differ"),
    ("x @ i.T", TypeError, "matmul needs tensors of one dtype, got float32 and int64"),
    ("lt.tensordot(k, k)", TypeError, "tensordot of bool"),
    ("lt.einsum('ij,ij->i', k, k)", TypeError, "einsum of bool tensors"),
    ("lt.trace(k)", TypeError, "trace of bool tensors"),
    ("la.vecdot(i, i)", TypeError, "vecdot needs a floating tensor"),
    ("lt.addr(i, i[:, 0], i[0], beta=2.0)", TypeError, "addr: beta of integer tensors must be an integer, got 2.0"),
    ("lt.addr(x, x[:, 0], x[0], alpha=True)", TypeError, "addr: alpha is a bool only for bool tensors"),
    ("lt.dot(x, x)", ValueError, r"dot: the first vector must have 1 dim, got shape \(2, 3\)"),
    ("lt.dot(x[0], x[:, 0])", ValueError, "dot: the sizes of the vectors must be equal, got 3 and 2"),
    ("lt.dot(x[0], x[0].double())", TypeError, "dot needs tensors of one dtype, got lamella.float32, lamella.float64"),
    ("x.mm(x[0])", ValueError, r"mm: the second matrix must have 2 dims, got shape \(3,\)"),
    ("x.mm(x)", ValueError, "the inner dims 3 and 2 differ"),
    ("lt.bmm(x, x)", ValueError, "bmm: the first batch must have 3 dims"),
    ("lt.bmm(lt.ones(2, 3, 4), lt.ones(1, 4, 3))", ValueError, "the numbers of matrices must be equal, got 2 and 1"),
    ("lt.outer(x, x[0])", ValueError, "outer: the first vector must have 1 dim"),
    ("lt.inner(x, x[:, 0])", ValueError, "inner: the last sizes must be equal, got 3 and 2"),
    ("lt.addmm(x, x, x.T)", ValueError, r"a tensor of shape \(2, 3\) does not broadcast to .* shape \(2, 2\)"),
    ("lt.addmm(i, x, x.T)", TypeError, "addmm needs tensors of one dtype, got lamella.int64, lamella.float32"),
    ("lt.addmm(i, i, i.T, beta=0.5)", TypeError, "addmm: beta of integer tensors must be an integer, got 0.5"),
    ("lt.addmm(x, x, x.T, alpha=1j)", TypeError, "addmm: alpha of real tensors must be real"),
    ("lt.addbmm(x, lt.ones(2, 3, 4), lt.ones(2, 3, 4))", ValueError, "addbmm of .*: 4 and 3 differ"),
    ("x[0, :2].addmm_(x, x.T)", ValueError, "addmm_"),
    ("lt.tensordot(x, x, 3)", ValueError, "tensordot over 3 dims of tensors of 2 and 2 dims"),
    ("lt.tensordot(x, x, 1)", ValueError, r"equal sizes along dims \[1\] and \[0\]"),
    ("lt.tensordot(x, x, (1, 0))", TypeError, "dims is an int or two lists"),
    ("lt.tensordot(x, x, ([0, 1], [0]))", ValueError, "as many dims of both"),
    ("lt.tensordot(x, x, ([0, 0], [0, 1]))", ValueError, "a dim appears twice"),
    ("lt.cross(x[:, :2], x[:, :2])", ValueError, r"cross needs a dim of size 3, got shape \(2, 2\)"),
    ("lt.cross(x, x[0])", ValueError, "as many dims on both sides"),
    ("lt.cross(x, x[:, :2])", ValueError, "size 3 along dim 1"),
    ("lt.matrix_power(x, 2)", ValueError, "square matrices"),
    ("lt.chain_matmul()", ValueError, "at least one matrix"),
    ("lt.chain_matmul(x, x)", ValueError, r"matrices 0 and 1 of shapes \(2, 3\) and \(2, 3\) do not meet"),
    ("la.multi_dot([x])", ValueError, "at least two tensors, got 1"),
    ("la.multi_dot([x, x[0], x])", ValueError, "tensor 1 must have 2 dims"),
    ("lt.cdist(x, x.T)", ValueError, r"needs rows .*, got shapes \(2, 3\) and \(3, 2\)"),
    ("lt.cdist(x[0], x)", ValueError, "needs rows"),
    ("lt.cdist(i, i)", TypeError, "cdist needs a floating tensor"),
    ("lt.cdist(x, x.double())", TypeError, "cdist needs tensors of one dtype"),
    ("lt.cdist(x, x, -1)", ValueError, "cdist needs an order p >= 0, got -1"),
    ("lt.cdist(x, x, float('nan'))", ValueError, "cdist needs an order p >= 0, got nan"),
    ("lt.cdist(x, x, compute_mode='mm')", ValueError, "compute_mode must be one of .*, got 'mm'"),
    ("lt.einsum('ij')", ValueError, "at least one tensor"),
    ("lt.einsum(3, x)", TypeError, "needs an equation such as"),
    ("lt.einsum('i', x)", ValueError, "einsum 'i' names 1 dims of operand 0, which has 2"),
    ("lt.einsum('ij,jk', x)", ValueError, "names 2 tensors, got 1"),
    ("lt.einsum('ij,jk', x, x)", ValueError, "'j' has size 2 in operand 1 of shape .* and 3 before it"),
    ("lt.einsum('ii', x)", ValueError, "'i' is repeated in operand 0 of shape .* for sizes 2 and 3"),
    ("lt.einsum('ij->ii', x)", ValueError, "'i' appears twice in the result"),
    ("lt.einsum('ij->k', x)", ValueError, "'k' of the result is in no operand"),
    ("lt.einsum('i.j', x)", ValueError, "'.' is no letter"),
    ("lt.einsum('i1', x)", ValueError, "'1' is no letter"),
    ("lt.einsum('......', x)", ValueError, "at most one '...'"),
    ("lt.einsum('ij,kj', x, x.double())", TypeError, "einsum needs tensors of one dtype"),
    ("lt.einsum('ij', 3)", TypeError, "einsum needs a tensor, got int"),
    ("lt.einsum(x, [0, 52])", ValueError, "a number from 0 to 51 or Ellipsis, got 52"),
    ("lt.einsum(x, x)", TypeError, "needs a list of numbers behind each tensor"),
)


@pytest.mark.parametrize(("text", "kind", "message"), BAD)
def test_bad_input(text: str, kind: type[Exception], message: str) -> None:
    x = lt.ones(2, 3)
    with pytest.raises(kind, match=message):
        eval(text, {"lt": lt, "la": la, "x": x, "k": x > 0, "i": x.to(lt.int64)})
