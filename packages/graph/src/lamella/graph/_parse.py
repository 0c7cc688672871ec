"""Reading the text form: a scannerless recursive descent over compiled patterns, one pass, no backtracking beyond a
token.

Invariant: what parses is SSA (ids defined once, before use) over known ops, and printing it gives the canonical text.
Hostile text is bounded in length, nesting, digits and rank, and every refusal is a ParseError that names line, column
and what was expected. `# FILE:LINE` after a node is its source; every other comment is skipped.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final, NoReturn

from lamella.tensor.extend import OPS

from ._constant import MAX_INT_DIGITS, MAX_TUPLE_DEPTH
from ._errors import ParseError
from ._graph import Effect, Graph, Node, Value
from ._polynomial import SIZE_NAME, Polynomial, parsed
from ._text import LABEL, NAME
from ._types import DTYPES, MAX_RANK, SCALAR_KINDS, ScalarType, TensorType, Type

__all__ = ["MAX_TEXT", "parse"]

MAX_TEXT: Final = 1 << 26  # characters; a 2,000-op graph has about 150,000

_STRING_BODY: Final = r'"((?:[ !#-\[\]-~]|\\(?:["\\nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U00(?:0[0-9a-f]|10)[0-9a-f]{4}))*+)"'
_SKIP: Final = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_STRING: Final = re.compile(_STRING_BODY)
_SOURCE: Final = re.compile(rf"[ \t]*+#[ \t]*+(?:{_STRING_BODY}|([!$-~]+)):([0-9]{{1,9}})[ \t\r]*+(?=\n|\Z)")
_ID: Final = re.compile(r"%([0-9]{1,9})(?![0-9])")
_CONTINUES: Final = re.compile(r"[A-Za-z0-9_]")
_EFFECT: Final = re.compile(r"(?:write|grad|state)\b")
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*+")
_SIZE: Final = re.compile(rf"{SIZE_NAME.pattern}(?![A-Za-z0-9_])|\{{[^{{}}\n]{{1,4000}}\}}")
_NATURAL: Final = re.compile(r"[0-9]++")
_NUMBER: Final = re.compile(r"-?(?:inf|nan|[0-9]++(\.[0-9]*+)?+([eE][+-]?[0-9]++)?+)(?![A-Za-z0-9_.])")
_PARAM: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*+)[ \t]*+=")
_CONSTANTS: Final = {"None": None, "True": True, "False": False}
_MAX_SIZE_DIGITS: Final = 19


def parse(text: str) -> Graph:
    """The graph that `text` describes; ParseError where it is not one, TypeError where it is not a str."""
    if not isinstance(text, str):
        raise TypeError(f"parse takes the text of a graph as str, got {type(text).__name__}")
    if len(text) > MAX_TEXT:
        raise ParseError(1, 1, f"the text has {len(text)} characters, more than the limit of {MAX_TEXT}")
    parser = _Parser(text)
    graph = parser.graph()
    parser.skip()
    if parser.at < len(text):
        parser.fail("the end of the text")
    return graph


class _Parser:
    """A position in the text, and the values defined so far by id."""

    __slots__ = ("at", "depth", "text", "values")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0
        self.values: dict[int, Value] = {}

    # -- tokens

    def fail(self, expected: str) -> NoReturn:
        at = self.at
        rest = self.text[at : at + 24].split("\n", 1)[0].rstrip()
        found = "the end of the text" if at >= len(self.text) else ascii(rest) if rest else "the end of the line"
        self.error(f"expected {expected}, found {found}", at)

    def error(self, message: str, at: int) -> NoReturn:
        line = self.text.count("\n", 0, at) + 1
        raise ParseError(line, at - (self.text.rfind("\n", 0, at) + 1) + 1, message)

    def skip(self) -> None:
        match = _SKIP.match(self.text, self.at)
        assert match is not None  # the pattern matches the empty text
        self.at = match.end()

    def sees(self, mark: str) -> bool:
        self.skip()
        return self.text.startswith(mark, self.at)

    def accept(self, mark: str) -> bool:
        if self.sees(mark):
            self.at += len(mark)
            return True
        return False

    def expect(self, mark: str, where: str) -> None:
        if not self.accept(mark):
            self.fail(f"{mark!r} {where}")

    def take(self, pattern: re.Pattern[str], expected: str) -> re.Match[str]:
        self.skip()
        match = pattern.match(self.text, self.at)
        if match is None:
            self.fail(expected)
        self.at = match.end()
        return match

    def keyword(self, word: str) -> bool:
        self.skip()
        end = self.at + len(word)
        if self.text.startswith(word, self.at) and not _CONTINUES.match(self.text, end):
            self.at = end
            return True
        return False

    def name(self, bare: re.Pattern[str], expected: str) -> str:
        if self.sees('"'):
            return self.string()
        return self.take(bare, expected)[0]

    def string(self) -> str:
        return _unescape(
            self.take(
                _STRING, 'a string in double quotes, ASCII, with \\x, \\u, \\U, \\n, \\r, \\t, \\\\ and \\" escapes'
            )[1]
        )

    def natural(self, expected: str, digits: int) -> int:
        match = self.take(_NATURAL, expected)
        if len(match[0]) > digits:
            self.error(
                f"{expected} of at most {digits} digits is allowed here, found {len(match[0])} digits", match.start()
            )
        return int(match[0])

    # -- the grammar

    def graph(self) -> Graph:
        if not self.keyword("graph"):
            self.fail("the word 'graph'")
        return self.rest_of_graph()

    def rest_of_graph(self) -> Graph:
        name = self.name(NAME, "the name of the graph")
        self.expect("(", "before the inputs")
        inputs: list[Value] = []
        sources: list[str | None] = []
        while not self.accept(")"):
            if inputs:
                self.expect(",", "or ')' after an input")
            inputs.append(self.definition())
            sources.append(self.name(LABEL, "the source of the input") if self.keyword("from") else None)
        self.expect("{", "before the nodes")
        nodes: list[Node] = []
        while self.sees("%"):
            nodes.append(self.node())
        if not self.keyword("return"):
            self.fail("a node starting with '%', or 'return'")
        outputs = self.returned()
        effects: list[Effect] = []
        while not self.accept("}"):
            effects.append(self.effect())
        return Graph(name, inputs, nodes, outputs, effects, sources)

    def definition(self) -> Value:
        start, id = self.id("a new value such as %0")
        if id in self.values:
            self.error(f"%{id} is defined twice", start)
        self.expect(":", "and a type after a new value")
        value = Value(id, self.type())
        self.values[id] = value
        return value

    def id(self, expected: str) -> tuple[int, int]:
        match = self.take(_ID, expected)
        return match.start(), int(match[1])

    def use(self) -> Value:
        start, id = self.id("a value such as %0")
        value = self.values.get(id)
        if value is None:
            self.error(f"%{id} is used before it is defined", start)
        return value

    def type(self) -> Type:
        expected = "a type such as f32[2, 3] or i64"
        match = self.take(_WORD, expected)
        word = match[0]
        if self.text.startswith("[", self.at):
            if word not in DTYPES:
                self.error(f"{word[:24]!a} is not a dtype; the dtypes are {' '.join(DTYPES)}", match.start())
            return TensorType(DTYPES[word], self.shape())
        if word not in SCALAR_KINDS:
            self.error(f"expected {expected}, found {word[:24]!a}; a tensor of no dims is written f32[]", match.start())
        return ScalarType(word)

    def shape(self) -> tuple[Any, ...]:
        start = self.at
        self.expect("[", "before the sizes")
        sizes: list[Any] = []
        while not self.accept("]"):
            if sizes:
                self.expect(",", "or ']' after a size")
            self.skip()
            at = self.at
            sizes.append(self.named_size() or self.natural("a size", _MAX_SIZE_DIGITS))
            if type(sizes[-1]) is int and sizes[-1] >= 1 << 63:
                self.error(f"a size must be below 2**63, found {sizes[-1]}", at)
            if len(sizes) > MAX_RANK:
                self.error(f"a tensor has at most {MAX_RANK} dims", start)
        return tuple(sizes)

    def named_size(self) -> Polynomial | None:
        """A size known by name, or an expression of such sizes in braces; None where something else stands."""
        self.skip()
        match = _SIZE.match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        try:
            return parsed(match[0])
        except ValueError as error:
            self.error(str(error), match.start())

    def node(self) -> Node:
        types: dict[int, Type] = {}
        while True:
            at, id = self.id("a new value such as %0")
            if id in self.values or id in types:
                self.error(f"%{id} is defined twice", at)
            self.expect(":", "and a type after a new value")
            types[id] = self.type()
            if not self.accept(","):
                break
        self.expect("=", "or ',' after the outputs of a node")
        self.skip()
        at = self.at
        name = self.name(NAME, "the name of an op")
        op = OPS.get(name)
        if op is None:
            self.error(f"there is no op named {name[:60]!a}; the package that defines it may not be imported", at)
        self.expect("(", "before the operands")
        args: list[Any] = []
        while not (self.sees(")") or self.sees(";")):
            if args:
                self.expect(",", "or ')' after an operand")
            args.append(self.use() if self.sees("%") else self.number_or_none())
        params = self.params() if self.accept(";") else {}
        self.expect(")", "after the operands and params")
        end = self.at
        region = 0
        if self.keyword("region"):
            region = self.natural("the number of a region", 9)
        else:
            self.at = end  # looking for the word has skipped the comment that is the source
        source = self.source()
        outputs = tuple([Value(id, type) for id, type in types.items()])
        # Only now: a node does not see its own outputs.
        self.values.update((v.id, v) for v in outputs)
        return Node(op, tuple(args), params, outputs, region, source)

    def params(self) -> dict[str, Any]:
        params: dict[str, Any] = {}
        while True:
            match = self.take(_PARAM, "a param such as dim=0")
            if match[1] in params:
                self.error(f"param {match[1][:60]!a} is given twice", match.start())
            params[match[1]] = self.region() if self.keyword("graph") else self.constant(0)
            if not self.accept(","):
                return params

    def region(self) -> Graph:
        """A graph as a param: its ids are its own."""
        if self.depth >= MAX_TUPLE_DEPTH:
            self.error(f"graphs nest at most {MAX_TUPLE_DEPTH} deep", self.at)
        outer, self.values = self.values, {}
        self.depth += 1
        found = self.rest_of_graph()
        self.depth -= 1
        self.values = outer
        return found

    def source(self) -> tuple[str, int] | None:
        match = _SOURCE.match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return (match[2] if match[1] is None else _unescape(match[1]), int(match[3]))

    def returned(self) -> list[Any]:
        outputs: list[Any] = []
        if self.sees("}") or _EFFECT.match(self.text, self.at):
            return outputs
        while True:
            if self.sees("%"):
                outputs.append(self.use())
            else:
                outputs.append(self.string() if self.sees('"') else self.number_or_none())
            if not self.accept(","):
                return outputs

    def effect(self) -> Effect:
        target: Value | str
        if self.keyword("write"):
            kind, target = "write", self.use()
        elif self.keyword("grad"):
            kind, target = "grad", self.name(LABEL, "the label of a gradient")
        elif self.keyword("state"):
            kind, target = "state", self.name(LABEL, "the label of a location")
        else:
            self.fail("',' and another output, an effect starting with 'write', 'grad' or 'state', or '}'")
        self.expect("<-", "before the value of an effect")
        if self.sees("%"):
            return Effect(kind, target, self.use())
        return Effect(kind, target, self.string() if self.sees('"') else self.number_or_none())

    # -- constants

    def number_or_none(self) -> Any:
        if self.keyword("complex"):
            self.expect("(", "after 'complex'")
            real = self.real()
            self.expect(",", "after the real part")
            imag = self.real()
            self.expect(")", "after the imaginary part")
            return complex(real, imag)
        for word, value in _CONSTANTS.items():
            if self.keyword(word):
                return value
        return self.number("a value such as %0, a number, True, False or None")

    def real(self) -> float:
        at = self.at
        value = self.number("a float")
        if type(value) is not float:
            self.error("the parts of a complex number are written as floats, such as 1.0", at)
        return float(value)

    def number(self, expected: str) -> int | float:
        match = self.take(_NUMBER, expected)
        text = match[0]
        if text[-1] in "fn" or match[1] is not None or match[2] is not None:
            value = float(text)
            if math.isinf(value) and text[-1] != "f":
                self.error("the float is out of range; write inf if that is meant", match.start())
            return value
        digits = len(text.lstrip("-"))
        if digits > MAX_INT_DIGITS:
            self.error(f"an int has at most {MAX_INT_DIGITS} digits, found {digits}", match.start())
        return int(text)

    def constant(self, depth: int) -> Any:
        if self.sees('"'):
            return self.string()
        if self.sees("("):
            return self.tuple(depth)
        size = self.named_size()
        if size is not None:
            return size
        word = _WORD.match(self.text, self.at)
        if word is not None and word[0] in DTYPES:
            self.at = word.end()
            return DTYPES[word[0]]
        for name, value in _CONSTANTS.items():
            if self.keyword(name):
                return value
        return self.number("a number, True, False, None, a dtype, a string or a tuple")

    def tuple(self, depth: int) -> tuple[Any, ...]:
        if depth >= MAX_TUPLE_DEPTH:
            self.error(f"tuples nest at most {MAX_TUPLE_DEPTH} deep", self.at)
        self.expect("(", "before a tuple")
        items: list[Any] = []
        while not self.accept(")"):
            items.append(self.constant(depth + 1))
            if not self.accept(","):
                if len(items) == 1:
                    self.fail("',' after the only item of a tuple")
                self.expect(")", "or ',' after an item of a tuple")
                break
        return tuple(items)


def _unescape(body: str) -> str:
    return body.encode("ascii").decode("unicode_escape")
