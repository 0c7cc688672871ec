"""Named sizes as host scalars of a graph, for what computes with a size beside tensors and floats."""

from __future__ import annotations

from typing import Any

from lamella.tensor.extend import OPS

from ._graph import GraphBuilder, Value
from ._polynomial import Polynomial
from ._types import ScalarType

__all__ = ["SizeValues"]


class SizeValues:
    """Computes each polynomial once in a graph under construction."""

    def __init__(self, builder: GraphBuilder) -> None:
        self._builder = builder
        self._made: dict[Polynomial, Any] = {}

    def of(self, p: Polynomial) -> Any:
        """The value of a polynomial; a number where it has no names."""
        found = p.number if p.number is not None else self._made.get(p)
        if found is None:
            found = self._made[p] = self._sum(p)
        return found

    def _sum(self, p: Polynomial) -> Any:
        total: Any = None
        for monomial, coefficient in p.terms:
            product: Any = coefficient if coefficient != 1 or not monomial else None
            for atom in monomial:
                if atom.args:
                    factor = self._apply("floordiv" if atom.name == "//" else "mod", *map(self.of, atom.args))
                else:
                    factor = self._apply("size", name=atom.name)
                product = factor if product is None else self._apply("mul", product, factor)
            total = product if total is None else self._apply("add", total, product)
        return total

    def _apply(self, op: str, *args: Any, **params: Any) -> Value:
        made: Value = self._builder.add(OPS[f"scalar.{op}"], args, params, [ScalarType("i64")])[0]
        return made
