"""Patterns of rewrite rules, written as expressions: `add(x, neg(y))`, `cast(cast(x, dtype=a), dtype=b)`.

A name in the place of an operand stands for a tensor; `c` and `d` stand for Python numbers; a number stands for itself
(0 is not -0.0, and no number is a bool); `None` is an operand that is absent. A keyword is a param: a name takes its
value, anything else must equal it. A name met twice must be the same both times. Where an op commutes, both orders are
tried. The same text, read as a replacement, is built from what the names stand for.
"""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from lamella.tensor.extend import OPS

from .._constant import key
from .._graph import Arg, Node, Value
from .._types import TensorType

__all__ = ["COMMUTING", "NUMBERS", "Call", "Name", "Pattern", "read"]

COMMUTING: Final = frozenset({"add", "mul", "eq", "ne", "logical_and", "logical_or", "logical_xor"})
NUMBERS: Final = frozenset({"c", "d"})

Bindings: TypeAlias = dict[str, Any]
Producers: TypeAlias = Mapping[Arg, Node]
_Match: TypeAlias = Callable[[Any, Bindings, Producers], bool]


@dataclass(frozen=True, slots=True)
class Call:
    """An op over terms: names, numbers, None or further calls."""

    op: str
    args: tuple[Any, ...]
    params: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Name:
    """What a rule calls an operand or a param."""

    word: str


Term: TypeAlias = Call | Name | None | bool | int | float


def read(text: str) -> Any:
    """The term that a text stands for; ValueError for anything else than calls of ops, names and constants."""
    return _term(ast.parse(text, mode="eval").body, text)


def _term(node: ast.expr, text: str) -> Any:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id not in OPS:
            raise ValueError(f"{text!r}: there is no op {node.func.id!r}")
        params = tuple([(str(k.arg), _term(k.value, text)) for k in node.keywords])
        return Call(node.func.id, tuple([_term(a, text) for a in node.args]), params)
    if isinstance(node, ast.Name):
        return Name(node.id)
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        number = node.operand.value
        if isinstance(number, int | float | complex):
            return -number
    raise ValueError(f"{text!r}: a rule is made of calls of ops, names and constants")


class Pattern:
    """A term that nodes are held against."""

    def __init__(self, term: Call) -> None:
        self.term = term
        self._orders = [_node(order) for order in _orders(term)]

    def match(self, node: Node, producers: Producers) -> Bindings | None:
        """What the names stand for, or None."""
        for matches in self._orders:
            found: Bindings = {}
            if matches(node, found, producers):
                return found
        return None


def _orders(term: Any) -> Iterator[Any]:
    """The term with the operands of commuting ops in every order."""
    if not isinstance(term, Call):
        yield term
        return
    for args in itertools.product(*[list(_orders(a)) for a in term.args]):
        yield Call(term.op, args, term.params)
        if term.op in COMMUTING and args[0] != args[1]:
            yield Call(term.op, args[::-1], term.params)


def _node(term: Call) -> Callable[[Node, Bindings, Producers], bool]:
    op, args = OPS[term.op], [_operand(a) for a in term.args]
    params = [(name, _param(value)) for name, value in term.params]

    def matches(node: Node, found: Bindings, producers: Producers) -> bool:
        if node.op is not op or len(node.args) != len(args):
            return False
        for match, arg in zip(args, node.args, strict=True):
            if not match(arg, found, producers):
                return False
        return all(match(node.params[name], found, producers) for name, match in params)

    return matches


def _operand(term: Any) -> _Match:
    if isinstance(term, Call):
        inner = _node(term)

        def call(arg: Any, found: Bindings, producers: Producers) -> bool:
            node = producers.get(arg) if type(arg) is Value else None
            return node is not None and len(node.outputs) == 1 and inner(node, found, producers)

        return call
    if isinstance(term, Name):
        number, word = term.word in NUMBERS, term.word

        def name(arg: Any, found: Bindings, _: Producers) -> bool:
            right = (
                type(arg) is int or type(arg) is float
                if number
                else type(arg) is Value and type(arg.type) is TensorType
            )
            return right and _bind(word, arg, found)

        return name
    if term is None:
        return lambda arg, _, __: arg is None

    def constant(arg: Any, _: Bindings, __: Producers) -> bool:
        if type(arg) is not int and type(arg) is not float:
            return False
        return bool(arg == term) and math.copysign(1, arg) == math.copysign(1, term)

    return constant


def _param(term: Any) -> _Match:
    if isinstance(term, Name):
        word = term.word
        return lambda value, found, _: _bind(word, value, found)
    return lambda value, _, __: bool(key(value) == key(term))


def _bind(word: str, value: Any, found: Bindings) -> bool:
    if word not in found:
        found[word] = value
        return True
    return bool(key(found[word]) == key(value))
