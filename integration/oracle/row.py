"""What a row of the oracle's table says: one op, its twin, its operands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from integration.oracle.inputs import FLOATS, In
from lamella.tensor.extend import OPS, dispatch

__all__ = ["Row"]


@dataclass(frozen=True)
class Row:
    """One op with one set of params; `label` tells rows of one op apart."""

    op: str
    theirs: Callable[..., Any]
    inputs: tuple[In, ...]
    params: dict[str, Any]
    dtypes: tuple[str, ...] = FLOATS
    label: str = ""
    grads: bool = True
    extra: tuple[Any, ...] = ()  # operands behind the inputs that are no tensors

    @property
    def name(self) -> str:
        """Unique name of the row."""
        return f"{self.op}-{self.label}" if self.label else self.op

    def ours(self, *tensors: Any) -> Any:
        """The op on tensors of ours."""
        return dispatch(OPS[self.op], (*tensors, *self.extra), self.params)
