"""Fixtures of the graph tests: a short way to write graphs, and inputs for any graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamella.graph import Graph, GraphBuilder, ScalarType, TensorType, Value, infer_types
from lamella.tensor.extend import OPS, as_dtype


class Maker:
    """Writes a graph node by node; types come from the shape rules."""

    def __init__(self, name: str = "g") -> None:
        self.builder = GraphBuilder(name)

    def tensor(self, dtype: str, *shape: int, source: str | None = None) -> Value:
        return self.builder.input(TensorType(as_dtype(dtype), shape), source)

    def scalar(self, kind: str, source: str | None = None) -> Value:
        return self.builder.input(ScalarType(kind), source)

    def op(self, name: str, *args: Any, region: int = 0, source: tuple[str, int] | None = None, **params: Any) -> Any:
        types = infer_types(OPS[name], args, params)
        outputs = self.builder.add(OPS[name], args, params, types, region, source)
        return outputs[0] if len(outputs) == 1 else outputs

    def build(self, *outputs: Any) -> Graph:
        return self.builder.build(outputs)


@pytest.fixture
def make() -> type[Maker]:
    return Maker


@pytest.fixture
def inputs_of() -> Callable[..., list[Any]]:
    """Inputs a graph accepts: small positive numbers, so that logarithms, indices and denominators are in range."""

    def inputs(graph: Graph, seed: int = 0) -> list[Any]:
        rng = np.random.default_rng(seed)
        found: list[Any] = []
        for value in graph.inputs:
            if isinstance(value.type, ScalarType):
                found.append({"i64": 3, "f64": 0.5, "bool": True}[value.type.kind])
                continue
            dtype, shape = value.type.dtype.numpy, value.type.shape
            if dtype.kind in "biu":
                found.append(rng.integers(0, 2, shape).astype(dtype))
            else:
                found.append(rng.uniform(0.5, 2.0, shape).astype(dtype))
        return found

    return inputs


@pytest.fixture
def same() -> Callable[[Sequence[Any], Sequence[Any]], None]:
    """Bitwise equality of two lists of results: kinds, dtypes, shapes and every bit."""

    def check(left: Sequence[Any], right: Sequence[Any]) -> None:
        assert len(left) == len(right)
        for a, b in zip(left, right, strict=True):
            assert type(a) is type(b)
            if isinstance(a, np.ndarray):
                assert (a.dtype, a.shape) == (b.dtype, b.shape)
                assert a.tobytes() == b.tobytes()
            else:
                assert repr(a) == repr(b)

    return check


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "golden" in metafunc.fixturenames:
        files = sorted((Path(__file__).parent / "golden").glob("*.graph"))
        metafunc.parametrize("golden", files, ids=[f.stem for f in files])
