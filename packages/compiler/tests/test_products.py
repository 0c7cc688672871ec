"""matmul from the step table, by our own products and by BLAS: every layout, batch and dtype beside the interpreter;
copies where needed.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from lamella.compiler._image import numpy_dtype
from lamella.compiler._native import _load
from lamella.compiler.executor import compile_graph, get_num_threads, set_num_threads
from lamella.graph import interpret, parse
from lamella.tensor.extend import openblas

DTYPES = ("f32", "f64", "f16", "bf16")
BY = ("own", "blas")
ROUNDING = {"f32": 2e-5, "f64": 1e-13, "f16": 4e-3, "bf16": 3e-2}

CUT = "%2: T[5, 7] = slice(%0; index="
HEADS = """%2: T[2, 4, 5, 7] = permute(%0; dims=(0, 2, 1, 3))
  %3: T[2, 4, 7, 6] = permute(%1; dims=(0, 2, 3, 1))"""

# (operands as they are given, their views before the product, the product)
LAYOUTS = {
    "plain": ("[5, 7]", "[7, 3]", "", "%0", "%1", "[5, 3]"),
    "left transposed": ("[7, 5]", "[7, 3]", "%2: T[5, 7] = permute(%0; dims=(1, 0))", "%2", "%1", "[5, 3]"),
    "right transposed": ("[5, 7]", "[3, 7]", "%2: T[7, 3] = permute(%1; dims=(1, 0))", "%0", "%2", "[5, 3]"),
    "with itself": ("[5, 5]", "[5, 5]", "%2: T[5, 5] = permute(%0; dims=(1, 0))", "%0", "%2", "[5, 5]"),
    "columns of a wider one": ("[5, 9]", "[7, 3]", CUT + "((0, 5, 1), (1, 8, 1)))", "%2", "%1", "[5, 3]"),
    "every other column": ("[5, 14]", "[7, 3]", CUT + "((0, 5, 1), (0, 14, 2)))", "%2", "%1", "[5, 3]"),
    "rows backwards": ("[5, 7]", "[7, 3]", CUT + "((4, -1, -1), (0, 7, 1)))", "%2", "%1", "[5, 3]"),
    "one row everywhere": ("[1, 7]", "[7, 3]", "%2: T[5, 7] = expand(%0; shape=(5, 7))", "%2", "%1", "[5, 3]"),
    "vector left": ("[7]", "[7, 3]", "", "%0", "%1", "[3]"),
    "one number as a vector": ("[1]", "[7, 3]", "%2: T[7] = expand(%0; shape=(7,))", "%2", "%1", "[3]"),
    "a vector backwards": ("[5, 7]", "[7]", "%2: T[7] = slice(%1; index=((6, -1, -1),))", "%0", "%2", "[5]"),
    "vector right": ("[5, 7]", "[7]", "", "%0", "%1", "[5]"),
    "vectors": ("[7]", "[7]", "", "%0", "%1", "[]"),
    "outer": ("[5, 1]", "[1, 3]", "", "%0", "%1", "[5, 3]"),
    "batch": ("[4, 5, 7]", "[4, 7, 3]", "", "%0", "%1", "[4, 5, 3]"),
    "batch of one matrix": ("[4, 5, 7]", "[7, 3]", "", "%0", "%1", "[4, 5, 3]"),
    "one matrix of a batch": ("[5, 7]", "[4, 7, 3]", "", "%0", "%1", "[4, 5, 3]"),
    "batches meet": ("[4, 1, 5, 7]", "[2, 7, 3]", "", "%0", "%1", "[4, 2, 5, 3]"),
    "heads": ("[2, 5, 4, 7]", "[2, 6, 4, 7]", HEADS, "%2", "%3", "[2, 4, 5, 6]"),
    "batch of vectors": ("[4, 1, 7]", "[4, 7, 3]", "", "%0", "%1", "[4, 1, 3]"),
    "nothing inside": ("[5, 0]", "[0, 3]", "", "%0", "%1", "[5, 3]"),
    "no rows": ("[0, 7]", "[7, 3]", "", "%0", "%1", "[0, 3]"),
    "no matrices": ("[0, 5, 7]", "[7, 3]", "", "%0", "%1", "[0, 5, 3]"),
}  # fmt: skip
COPIED = {"every other column", "rows backwards", "one row everywhere", "one number as a vector", "a vector backwards"}


@pytest.fixture
def by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Who multiplies: our own products, or BLAS as where it has a unit of its own."""
    if request.param == "blas":
        blas = _load.runtime().blas
        if blas is None:
            pytest.skip("numpy's BLAS was not found")
        monkeypatch.setattr(_load.runtime(), "blas", blas._replace(symbol="cblas_sgemm$NEWLAPACK$ILP64"))
        monkeypatch.setattr(_load, "_UNIT_WORK", 0)
    return str(request.param)


def product(case: str, dtype: str) -> Any:
    a, b, views, left, right, out = LAYOUTS[case]
    text = f"graph p(%0: T{a}, %1: T{b}) {{\n  {views}\n  %9: T{out} = matmul({left}, {right})\n  return %9\n}}"
    return parse(text.replace(": T[", f": {dtype}["))


def given(graph: Any, dtype: str) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(v.type.shape).astype(numpy_dtype(dtype)) for v in graph.inputs]


@pytest.mark.parametrize("by", BY, indirect=True)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", LAYOUTS)
def test_every_layout(case: str, dtype: str, by: str) -> None:
    graph = product(case, dtype)
    run = compile_graph(graph)
    inputs = given(graph, dtype)
    (got,), (want,) = run(inputs), interpret(graph)(inputs)
    assert got.dtype == want.dtype
    np.testing.assert_allclose(
        got.astype(np.float64), want.astype(np.float64), rtol=ROUNDING[dtype], atol=ROUNDING[dtype]
    )
    assert "extern" not in run.explain()
    assert ("lm_matmul" in run.explain()) == (by == "blas")
    if dtype == "f32":
        assert len(run.kernels) == (case in COPIED), "transposes and slices are read where they lie"


LARGE = {
    "rows": ((700, 300), (300, 200)),
    "columns": ((100, 300), (300, 900)),
    "batch": ((40, 64, 96), (40, 96, 64)),
    "few of a batch": ((3, 512, 256), (3, 256, 192)),
    "rows and columns": ((1030, 330), (330, 900)),
    "columns and rows": ((900, 330), (330, 1030)),
    "each of a batch": ((2, 700, 500), (2, 500, 400)),
}


@pytest.mark.parametrize("by", BY, indirect=True)
@pytest.mark.parametrize("case", LARGE)
@pytest.mark.usefixtures("by")
def test_large_products_in_chunks_do_not_depend_on_threads(case: str) -> None:
    a, b = (np.random.default_rng(1).standard_normal(shape) for shape in LARGE[case])
    left, right = (f"f32{list(x.shape)}" for x in (a, b))
    graph = parse(
        f"graph p(%0: {left}, %1: {right}) {{\n  %2: f32{list((a @ b).shape)} = matmul(%0, %1)\n  return %2\n}}"
    )
    run, inputs = compile_graph(graph), [a.astype(np.float32), b.astype(np.float32)]
    before, found = get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            set_num_threads(threads)
            found.append(run(inputs)[0])
    finally:
        set_num_threads(before)
    np.testing.assert_allclose(found[0], a @ b, rtol=1e-3, atol=1e-3)
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)


def test_blas_gets_its_threads_back() -> None:
    blas = openblas()
    if blas is None:
        assert not (_load.runtime().blas or _load.Blas("", True, False)).held
        return
    run, before = compile_graph(product("plain", "f32")), blas.get()
    run(given(product("plain", "f32"), "f32"))
    assert blas.get() == before
    with pytest.raises(TypeError, match="input 0"):
        run([None, None])
    assert blas.get() == before


def test_products_need_no_blas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_load.runtime(), "blas", None)
    graph = product("batch", "f32")
    run, inputs = compile_graph(graph), given(graph, "f32")
    assert "lm_product" in run.explain()
    np.testing.assert_allclose(run(inputs)[0], interpret(graph)(inputs)[0], rtol=1e-5)


# one row, few rows, a tile and more; nothing, one, some and more than a panel is deep; single columns to several panels
ROWS, DEPTHS, COLUMNS = (1, 3, 4, 8, 15, 130), (0, 1, 33, 1030), (1, 16, 33, 65)
WAYS = ("as they lie", "left across", "right across", "both across")


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("m", ROWS)
def test_products_of_any_size(m: int, way: str, dtype: str) -> None:
    rng, kind = np.random.default_rng(m), {"f32": np.float32, "f64": np.float64}[dtype]
    for k in DEPTHS:
        for n in COLUMNS:
            a, b = rng.standard_normal((m, k)).astype(kind), rng.standard_normal((k, n)).astype(kind)
            given, views = [a, b], ""
            names = ["%0", "%1"]
            for at, side in enumerate(("left", "right")):
                if way in (f"{side} across", "both across"):
                    shape = list(given[at].shape)
                    views += f"  %{at + 2}: {dtype}{shape} = permute(%{at}; dims=(1, 0))\n"
                    given[at], names[at] = np.ascontiguousarray(given[at].T), f"%{at + 2}"
            head = ", ".join(f"%{at}: {dtype}{list(x.shape)}" for at, x in enumerate(given))
            text = f"graph p({head}) {{\n{views}  %9: {dtype}[{m}, {n}] = matmul({', '.join(names)})\n  return %9\n}}"
            want = a.astype(np.float64) @ b.astype(np.float64)
            near = (1e-5 if dtype == "f32" else 1e-13) * max(1, k) ** 0.5
            np.testing.assert_allclose(
                compile_graph(parse(text))(given)[0], want, rtol=near, atol=near, err_msg=f"{k} {n}"
            )


def test_a_left_side_whose_lines_meet_in_the_cache() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((70, 1024)).astype("f4"), rng.standard_normal((70, 40)).astype("f4")
    text = (
        "graph p(%0: f32[70, 1024], %1: f32[70, 40]) {\n  %2: f32[1024, 70] = permute(%0; dims=(1, 0))\n"
        "  %3: f32[1024, 40] = matmul(%2, %1)\n  return %3\n}"
    )
    np.testing.assert_allclose(compile_graph(parse(text))([a, b])[0], a.T @ b, rtol=1e-4, atol=1e-4)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # that is what is tested
def test_a_forked_child_multiplies() -> None:
    text = "graph p(%0: f32[700, 300], %1: f32[300, 200]) {\n  %2: f32[700, 200] = matmul(%0, %1)\n  return %2\n}"
    run, before = compile_graph(parse(text)), get_num_threads()
    inputs = [np.random.default_rng(0).standard_normal(shape).astype(np.float32) for shape in ((700, 300), (300, 200))]
    try:
        set_num_threads(2)
        want = run(inputs)[0]
        child = os.fork()
        if child == 0:
            os._exit(0 if all(np.array_equal(run(inputs)[0], want) for _ in range(5)) else 1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        np.testing.assert_array_equal(run(inputs)[0], want)
    finally:
        set_num_threads(before)
