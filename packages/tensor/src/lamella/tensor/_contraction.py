"""Sums of products of several tensors whose dims have labels: which pair is multiplied when, and how.

A label that several operands have is one index; what the output lacks is summed over. Every step is a view, a sum, a
product of elements or a `matmul`, so the rules of these ops hold for the whole. A plan is made once for labels and
shapes; `contract` only follows it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from ._dispatch import dispatch, view_of
from ._dtype import from_numpy_dtype, promote
from ._op import OPS
from ._scalar import remembered
from ._state import tls

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = ["best_order", "contract"]

_Labels = tuple[str, ...]
_Step = tuple[str, int, Any]


def contract(
    tensors: Sequence[Any], terms: tuple[_Labels, ...], output: _Labels, meet: Callable[[], None] | None = None
) -> Tensor:
    """The sum over all labels that `output` lacks of the products of tensors, whose dims `terms` label.

    A dim of size 1 stands for every size of its label. `meet` is called where a `matmul` takes part, to refuse
    operands of several dtypes. ValueError for sizes of a label that differ.
    """
    steps = _plan(terms, output, tuple([tuple(t._data.shape) for t in tensors]))
    if not steps:
        return cast("Tensor", dispatch(OPS["alias"], (tensors[0],)))
    found = list(tensors)
    for name, at, param in steps:
        t = found[at]
        if name == "sum":
            found[at] = dispatch(OPS["sum"], (t,), {"dims": param, "keepdim": False})
        elif name == "mul":
            found.append(dispatch(OPS["mul"], _together(t, found[param])))
        elif name == "matmul":
            if meet is not None:
                meet()
            left, right = _together(t, found[param])
            found.append(left @ right)
        else:
            found[at] = view_of(OPS[name], t, param)
    return cast("Tensor", found[-1])


def _together(a: Any, b: Any) -> tuple[Any, Any]:
    """Two operands in one dtype, where they have several or a sum of integers has become wide.

    Every dim counts, as a tensor whose dims are summed is no number yet. Autocast does the same by itself.
    """
    first, second = (from_numpy_dtype(t._data.dtype) for t in (a, b))
    if first is second or tls.autocast is not None:
        return a, b
    to = {"dtype": promote(first, second)}
    return dispatch(OPS["cast"], (a,), to), dispatch(OPS["cast"], (b,), to)


class _Planner:
    """The labels and sizes of operands while steps are added that change them."""

    def __init__(self, terms: tuple[_Labels, ...], output: _Labels, shapes: tuple[tuple[int, ...], ...]) -> None:
        self.terms = list(terms)
        self.output = output
        self.steps: list[_Step] = []
        self.sizes = _sizes(terms, shapes)
        for at, shape in enumerate(shapes):
            self._single(at, shape)

    def _shape(self, labels: Sequence[str]) -> tuple[int, ...]:
        return tuple([self.sizes[one] for one in labels])

    def _single(self, at: int, shape: tuple[int, ...]) -> None:
        """Repeated labels become their diagonal, and dims of size 1 of a longer label go."""
        labels = self.terms[at]
        while len(set(labels)) < len(labels):
            labels, shape = self._diagonal(at, labels, shape)
        kept = [d for d, one in enumerate(labels) if shape[d] == self.sizes[one]]
        if len(kept) < len(labels):
            self.steps.append(("reshape", at, tuple([shape[d] for d in kept])))
        self.terms[at] = tuple([labels[d] for d in kept])

    def _diagonal(self, at: int, labels: _Labels, shape: tuple[int, ...]) -> tuple[_Labels, tuple[int, ...]]:
        twice = next(one for one in labels if labels.count(one) > 1)
        first = labels.index(twice)
        second = labels.index(twice, first + 1)
        rest = [d for d in range(len(labels)) if d not in (first, second)]
        self.steps.append(("diagonal", at, (0, first, second)))
        return (*[labels[d] for d in rest], twice), (*[shape[d] for d in rest], shape[first])

    def _permute(self, at: int, order: tuple[int, ...]) -> None:
        if order != tuple(range(len(order))):
            self.steps.append(("permute", at, order))

    def _ordered(self, at: int, wanted: Sequence[str]) -> None:
        """The operand's dims in the order of labels `wanted`."""
        labels = self.terms[at]
        self._permute(at, tuple([labels.index(one) for one in wanted]))

    def _reshaped(self, at: int, old: tuple[int, ...], new: tuple[int, ...]) -> None:
        if new != old:
            self.steps.append(("reshape", at, new))

    def summed(self, at: int, needed: set[str]) -> None:
        """Sum over the labels that nobody needs."""
        labels = self.terms[at]
        dims = tuple([d for d, one in enumerate(labels) if one not in needed])
        if dims:
            self.steps.append(("sum", at, dims))
            self.terms[at] = tuple([one for one in labels if one in needed])

    def pair(self, a: int, b: int, needed: set[str]) -> None:
        """Replace two operands by their product, summed over what nobody needs; it becomes the last operand."""
        left_labels, right_labels = self.terms[a], self.terms[b]
        shared = [one for one in left_labels if one in right_labels]
        batch = [one for one in shared if one in needed]
        inner = [one for one in shared if one not in needed]
        rows = [one for one in left_labels if one not in shared]
        columns = [one for one in right_labels if one not in shared]
        count, sizes = self._shape(batch), (self._shape(rows), self._shape(columns))
        if inner:
            self._ordered(a, (*batch, *rows, *inner))
            self._ordered(b, (*batch, *inner, *columns))
            k, (m, n) = math.prod(self._shape(inner)), (math.prod(s) for s in sizes)
            lead = (math.prod(count),) if batch else ()
            # a vector is one, unless it comes in a batch
            left = (*lead, m, k) if rows or batch else (k,)
            right = (*lead, k, n) if columns or batch else (k,)
            self._reshaped(a, self._shape((*batch, *rows, *inner)), left)
            self._reshaped(b, self._shape((*batch, *inner, *columns)), right)
            self.steps.append(("matmul", a, b))
            made = (*lead, *((m,) if rows or batch else ()), *((n,) if columns or batch else ()))
        else:
            self._ordered(a, (*batch, *rows))
            self._ordered(b, (*batch, *columns))
            if columns and (rows or batch):
                self._reshaped(a, (*count, *sizes[0]), (*count, *sizes[0], *(1,) * len(columns)))
            if rows and (columns or batch):
                self._reshaped(b, (*count, *sizes[1]), (*count, *(1,) * len(rows), *sizes[1]))
            self.steps.append(("mul", a, b))
            made = (*count, *sizes[0], *sizes[1])
        self.terms.append((*batch, *rows, *columns))
        self._reshaped(len(self.terms) - 1, made, (*count, *sizes[0], *sizes[1]))

    def run(self) -> tuple[_Step, ...]:
        """All steps: sums of single operands, pairs until one is left, its dims in the order of the output."""
        left = list(range(len(self.terms)))
        for at in left:
            self.summed(at, self._needed([other for other in left if other != at]))
        while len(left) > 1:
            a, b = (left[0], left[1]) if len(left) == 2 else self._cheapest(left)
            left = [at for at in left if at not in (a, b)]
            self.pair(a, b, self._needed(left))
            left.append(len(self.terms) - 1)
        self._ordered(left[0], self.output)
        return tuple(self.steps)

    def _needed(self, others: Sequence[int]) -> set[str]:
        return set(self.output).union(*[self.terms[at] for at in others])

    def _cheapest(self, left: list[int]) -> tuple[int, int]:
        """The pair whose product grows least beyond its factors, and of these the one with the least work."""

        def cost(pair: tuple[int, int]) -> tuple[int, int]:
            together = set(self.terms[pair[0]]) | set(self.terms[pair[1]])
            kept = together & self._needed([at for at in left if at not in pair])
            growth = math.prod(self._shape(list(kept))) - sum(math.prod(self._shape(self.terms[at])) for at in pair)
            return growth, math.prod(self._shape(list(together)))

        return min(((a, b) for i, a in enumerate(left) for b in left[i + 1 :]), key=cost)


def _sizes(terms: tuple[_Labels, ...], shapes: tuple[tuple[int, ...], ...]) -> dict[str, int]:
    """Label to size; 1 only where all operands have it so."""
    sizes: dict[str, int] = {}
    for at, (labels, shape) in enumerate(zip(terms, shapes, strict=True)):
        for d, (one, n) in enumerate(zip(labels, shape, strict=True)):
            first = labels.index(one)
            if first < d and shape[first] != n:
                raise ValueError(
                    f"{one!r} is repeated in operand {at} of shape {shape} for sizes {shape[first]} and {n}"
                )
            if sizes.get(one, 1) not in (1, n) and n != 1:
                raise ValueError(f"{one!r} has size {n} in operand {at} of shape {shape} and {sizes[one]} before it")
            sizes[one] = n if sizes.get(one, 1) == 1 else sizes[one]
    return sizes


@remembered(maxsize=512)
def _plan(terms: tuple[_Labels, ...], output: _Labels, shapes: tuple[tuple[int, ...], ...]) -> tuple[_Step, ...]:
    return _Planner(terms, output, shapes).run()


@remembered(maxsize=128)
def best_order(sizes: tuple[int, ...]) -> Any:
    """How to multiply matrices of sizes[i] by sizes[i + 1] with the fewest multiplications.

    A number is a matrix, a pair the product of its parts: ((0, 1), 2) is (A0 @ A1) @ A2.
    """
    count = len(sizes) - 1
    cost: dict[tuple[int, int], int] = {(i, i): 0 for i in range(count)}
    tree: dict[tuple[int, int], Any] = {(i, i): i for i in range(count)}
    for span in range(1, count):
        for i in range(count - span):
            j = i + span
            work = [(cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)]
            cost[i, j], k = min(work)
            tree[i, j] = (tree[i, k], tree[k + 1, j])
    return tree[0, count - 1]
