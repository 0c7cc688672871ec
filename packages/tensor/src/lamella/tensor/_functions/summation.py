"""`einsum`: reading its equation, or its lists of numbers. What it computes is in `_contraction`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .._base import TensorBase
from .._contraction import contract
from .common import tensor_of
from .product import contracted

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["einsum"]
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS: tuple[str, ...] = ()
IN_PLACE: tuple[str, ...] = ()

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DOTS = "..."


def einsum(equation: Any, *operands: Any) -> Tensor:
    """The sum of products of tensors that an equation names, such as "bij,bjk->bik".

    A letter is a dim; letters that the part behind "->" lacks are summed over. Without that part, letters that appear
    once are the result's, in the order of the alphabet, behind the dims of "...". A letter twice in a term takes the
    diagonal; "..." stands for further dims, which broadcast. Instead of an equation, each tensor may be followed by a
    list of numbers below 52 or Ellipsis, with a last list for the result. Where sums of products are taken, the dtypes
    must agree.
    """
    tensors: Sequence[Any] = operands
    if isinstance(equation, TensorBase):
        equation, tensors = _from_lists((equation, *operands))
    else:
        if not isinstance(equation, str):
            raise TypeError(f"einsum needs an equation such as 'ij,jk->ik', got {type(equation).__name__}")
        if len(operands) == 1 and isinstance(operands[0], (tuple, list)):
            tensors = operands[0]
    if not tensors:
        raise ValueError("einsum needs at least one tensor behind its equation")
    found = [tensor_of(t, "einsum") for t in tensors]
    terms, output = _read(equation, tuple([t._data.ndim for t in found]))
    try:
        return contract(found, terms, output, lambda: contracted("einsum", *found))
    except ValueError as error:
        raise ValueError(f"einsum {equation!r}: {error}") from None


def _from_lists(given: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """The equation and the tensors of the form einsum(x, [0, 1], y, [1, 2], [0, 2])."""
    pairs = len(given) // 2
    terms = [_term(given[2 * i + 1]) for i in range(pairs)]
    last = f"->{_term(given[-1])}" if len(given) % 2 else ""
    return ",".join(terms) + last, [given[2 * i] for i in range(pairs)]


def _term(labels: Any) -> str:
    if not isinstance(labels, (tuple, list)):
        raise TypeError(f"einsum without an equation needs a list of numbers behind each tensor, got {labels!r}")
    letters = []
    for one in labels:
        if one is not Ellipsis and (type(one) is not int or not 0 <= one < len(_LETTERS)):
            raise ValueError(f"einsum: a dim is a number from 0 to 51 or Ellipsis, got {one!r}")
        letters.append(_DOTS if one is Ellipsis else _LETTERS[one])
    return "".join(letters)


@lru_cache(maxsize=256)
def _read(equation: str, ranks: tuple[int, ...]) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """The labels of every operand's dims and of the result's; dims of "..." are numbered from the last one."""
    left, arrow, right = equation.partition("->")
    words = [_split(equation, word) for word in left.split(",")]
    if len(words) != len(ranks):
        raise ValueError(f"einsum {equation!r} names {len(words)} tensors, got {len(ranks)}")
    widths = [_width(equation, word, rank, at) for at, (word, rank) in enumerate(zip(words, ranks, strict=True))]
    terms = tuple([_filled(word, width) for word, width in zip(words, widths, strict=True)])
    widest = max(widths)
    letters = [one for word in words for one in word if one != _DOTS]
    if not arrow:
        once = sorted(one for one in set(letters) if letters.count(one) == 1)
        return terms, _filled((_DOTS, *once), widest)
    output = _split(equation, right)
    for one in output:
        if output.count(one) > 1:
            raise ValueError(f"einsum {equation!r}: {one!r} appears twice in the result")
        if one != _DOTS and one not in letters:
            raise ValueError(f"einsum {equation!r}: {one!r} of the result is in no operand")
    return terms, _filled(output, widest)


def _split(equation: str, word: str) -> tuple[str, ...]:
    """The letters of a term, and its ellipsis as one of them."""
    word = word.replace(" ", "")
    before, dots, behind = word.partition(_DOTS)
    found = (*before, *([dots] if dots else []), *behind)
    for one in found:
        if one != _DOTS and one not in _LETTERS:
            raise ValueError(f"einsum {equation!r}: {one!r} is no letter; a term has letters and at most one '...'")
    return found


def _width(equation: str, word: tuple[str, ...], rank: int, at: int) -> int:
    """How many dims the ellipsis of a term stands for."""
    named = len(word) - (_DOTS in word)
    if named > rank or (named < rank and _DOTS not in word):
        raise ValueError(f"einsum {equation!r} names {named} dims of operand {at}, which has {rank}")
    return rank - named


def _filled(word: tuple[str, ...], width: int) -> tuple[str, ...]:
    dots = [f"{_DOTS}{i}" for i in range(width, 0, -1)]
    return tuple([label for one in word for label in (dots if one == _DOTS else [one])])
