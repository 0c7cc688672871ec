"""The protocols are structural: an implementer imports nothing from here, and lacks nothing that they name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from lamella.interfaces import GraphExecutor, Storage


class Parts:
    """As little as a storage can be."""

    kind = "parts"
    shape = (2,)
    ndim = 1
    dtype = "float32"
    kernels: Mapping[str, Callable[..., Any]] = {}

    def parts(self) -> Mapping[str, Any]:
        return {"a": [1.0, 2.0]}

    def meta(self) -> Mapping[str, Any]:
        return {}

    @classmethod
    def from_parts(cls, parts: Mapping[str, Any], meta: Mapping[str, Any]) -> Parts:
        return cls()

    def dense(self) -> Any:
        return [1.0, 2.0]


def test_a_storage_is_known_by_its_members() -> None:
    assert isinstance(Parts(), Storage)
    assert not isinstance(object(), Storage)


@pytest.mark.parametrize(
    "member", ("kind", "shape", "ndim", "dtype", "kernels", "parts", "meta", "from_parts", "dense")
)
def test_every_member_counts(member: str) -> None:
    body = {k: v for k, v in vars(Parts).items() if k != member and not k.startswith("__")}
    assert not isinstance(type("Lacking", (), body)(), Storage)


def test_an_executor_is_any_function_of_a_graph() -> None:
    def executor(graph: Any) -> Callable[[Sequence[Any]], list[Any]]:
        return lambda inputs: [graph, *inputs]

    chosen: GraphExecutor = executor
    assert chosen("g")([1]) == ["g", 1]
