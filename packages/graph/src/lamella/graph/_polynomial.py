"""Integer polynomials over atoms: what sizes known by name are compared and simplified with.

An atom is a named size, or a floor division or remainder of two polynomials that has no simpler form. A polynomial is a
sum of products in canonical order, so that equal polynomials are equal in Python and may be keys.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias

__all__ = ["SIZE_NAME", "Bounds", "Polynomial", "Ranges", "constant", "named", "parsed"]

Bounds: TypeAlias = tuple[int, int | None]  # lowest, highest or None
Ranges: TypeAlias = Mapping[str, Bounds]

SIZE_NAME: Final = re.compile(r"n[0-9]{1,6}")
_OPERATIONS: Final[Mapping[Any, Callable[[Any, Any], Polynomial]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_ENDLESS: Final[Bounds] = (-(2**63), None)


@dataclass(frozen=True)
class Atom:
    """A named size, or the function "//" or "%" of two polynomials."""

    name: str
    args: tuple[Polynomial, ...] = ()

    @cached_property
    def text(self) -> str:
        """As Python writes it, over the names of sizes."""
        if not self.args:
            return self.name
        a, b = self.args
        return f"(({a.text}) {self.name} ({b.text}))"

    def value(self, sizes: Mapping[str, int]) -> int:
        """What it is where the named sizes are known; KeyError for an unknown one."""
        if not self.args:
            return sizes[self.name]
        a, b = (p.value(sizes) for p in self.args)
        return a // b if self.name == "//" else a % b

    def bounds(self, ranges: Ranges) -> Bounds:
        """Between what it lies."""
        if not self.args:
            return ranges[self.name]
        (low, high), (least, most) = (p.bounds(ranges) for p in self.args)
        if least <= 0 or low < 0:
            return _ENDLESS
        if self.name == "%":
            return 0, None if most is None else most - 1
        return 0 if most is None else low // most, None if high is None else high // least


@dataclass(frozen=True)
class Polynomial:
    """A sum of products; `terms` are (monomial, coefficient) in canonical order, without zeros."""

    terms: tuple[tuple[tuple[Atom, ...], int], ...]

    @property
    def number(self) -> int | None:
        """Its value where it has no atoms."""
        if not self.terms:
            return 0
        (monomial, coefficient), *more = self.terms
        return coefficient if not more and not monomial else None

    @cached_property
    def text(self) -> str:
        """As Python writes it, over the names of sizes."""
        parts = []
        for monomial, coefficient in self.terms:
            factors = [a.text for a in monomial]
            if coefficient != 1 or not factors:
                factors.insert(0, str(coefficient))
            parts.append("*".join(factors))
        return " + ".join(parts) or "0"

    @property
    def word(self) -> str:
        """As the text of graphs has it: a bare name, or an expression in braces."""
        alone = len(self.terms) == 1 and self.terms[0][1] == 1 and len(self.terms[0][0]) == 1
        return self.text if alone and not self.terms[0][0][0].args else f"{{{self.text}}}"

    @cached_property
    def names(self) -> frozenset[str]:
        """The named sizes in it."""
        found: set[str] = set()
        for monomial, _ in self.terms:
            for atom in monomial:
                found |= {atom.name} if not atom.args else atom.args[0].names | atom.args[1].names
        return frozenset(found)

    def value(self, sizes: Mapping[str, int]) -> int:
        """What it is where the named sizes are known; KeyError for an unknown one."""
        return sum(c * math.prod(a.value(sizes) for a in monomial) for monomial, c in self.terms)

    def bounds(self, ranges: Ranges) -> Bounds:
        """Between what it lies, by interval arithmetic."""
        low, high = 0, 0
        lowless, highless = False, False
        for monomial, c in self.terms:
            least, most = _product([a.bounds(ranges) for a in monomial])
            ends = (None if least is None else c * least, None if most is None else c * most)
            bottom, top = ends if c > 0 else ends[::-1]
            low, lowless = (low, True) if bottom is None else (low + bottom, lowless)
            high, highless = (high, True) if top is None else (high + top, highless)
        return _ENDLESS[0] if lowless else low, None if highless else high

    def __add__(self, other: Polynomial) -> Polynomial:
        sums = dict(self.terms)
        for monomial, c in other.terms:
            sums[monomial] = sums.get(monomial, 0) + c
        return _made(sums)

    def __neg__(self) -> Polynomial:
        return Polynomial(tuple((m, -c) for m, c in self.terms))

    def __sub__(self, other: Polynomial) -> Polynomial:
        return self + -other

    def __mul__(self, other: Polynomial) -> Polynomial:
        products: dict[tuple[Atom, ...], int] = {}
        for m, c in self.terms:
            for n, d in other.terms:
                key = tuple(sorted((*m, *n), key=_by_text))
                products[key] = products.get(key, 0) + c * d
        return _made(products)

    def __floordiv__(self, other: Polynomial) -> Polynomial:
        exact = self.divided(other)
        return Polynomial((((Atom("//", (self, other)),), 1),)) if exact is None else exact

    def __mod__(self, other: Polynomial) -> Polynomial:
        if self.divided(other) is not None:
            return ZERO
        return Polynomial((((Atom("%", (self, other)),), 1),))

    def divided(self, other: Polynomial) -> Polynomial | None:
        """The quotient where the division leaves no rest for any sizes, by long division; None where it may."""
        if other.number == 0:
            raise ZeroDivisionError("a size is divided by zero")
        rest, quotient = self, ZERO
        lead, by = other.terms[0]
        for _ in range(len(self.terms) * len(other.terms) + 1):
            if not rest.terms:
                return quotient
            monomial, c = rest.terms[0]
            left = _without(monomial, lead)
            if left is None or c % by:
                return None
            step = Polynomial(((left, c // by),))
            quotient, rest = quotient + step, rest - step * other
        return None


def constant(n: int) -> Polynomial:
    """A number."""
    return _made({(): n})


def named(name: str) -> Polynomial:
    """A size that is known by its name."""
    return Polynomial((((Atom(name),), 1),))


def parsed(text: str) -> Polynomial:
    """What `text` and `word` print; ValueError for anything else."""
    try:
        tree = ast.parse(text.removeprefix("{").removesuffix("}").strip(), mode="eval")
        return _of(tree.body)
    except (SyntaxError, RecursionError, MemoryError):
        raise ValueError(f"{text[:60]!r} is not an expression of sizes") from None


def _of(node: ast.expr) -> Polynomial:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return constant(node.value)
    if isinstance(node, ast.Name) and SIZE_NAME.fullmatch(node.id):
        return named(node.id)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_of(node.operand)
    operation = _OPERATIONS.get(type(node.op)) if isinstance(node, ast.BinOp) else None
    if operation is None or not isinstance(node, ast.BinOp):
        raise ValueError(f"{ast.unparse(node)[:60]!r} does not belong in an expression of sizes")
    try:
        return operation(_of(node.left), _of(node.right))
    except ZeroDivisionError:
        raise ValueError("an expression of sizes divides by zero") from None


def _made(terms: Mapping[tuple[Atom, ...], int]) -> Polynomial:
    # by degree first: long division then takes leading terms from the front
    kept = [(m, c) for m, c in terms.items() if c]
    return Polynomial(tuple(sorted(kept, key=lambda term: (-len(term[0]), [a.text for a in term[0]]))))


def _by_text(atom: Atom) -> str:
    return atom.text


def _without(monomial: tuple[Atom, ...], part: tuple[Atom, ...]) -> tuple[Atom, ...] | None:
    left = list(monomial)
    for atom in part:
        if atom not in left:
            return None
        left.remove(atom)
    return tuple(left)


def _product(factors: list[Bounds]) -> tuple[int | None, int | None]:
    """The bounds of a product; None where there is no bound."""
    if any(low < 0 for low, _ in factors):
        return None, None  # signs are not followed: sizes and what is made of them are seldom negative
    low, high = 1, 1
    endless = False
    for least, most in factors:
        low *= least
        if most is None:
            endless = True
        else:
            high *= most
    return low, None if endless else high


ZERO: Final = Polynomial(())
