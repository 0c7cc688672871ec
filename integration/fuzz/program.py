"""A random program: lines of Python over a few inputs, each of which runs, with what it takes to run it again."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field, replace
from typing import Any

import lamella.tensor as lt
from lamella.nn import functional

from .templates import FAMILIES, STATEMENTS

__all__ = ["INPUTS", "Line", "Program", "make"]

INPUTS = ("a", "b", "c", "w", "i")
_SIZES = (1, 2, 3, 5, 8)
_NAMES = {"lt": lt, "F": functional}
_MOST_ELEMENTS = 20_000
_FLOAT64 = 0.6  # the share of programs in float64, where rounding hides nothing


@dataclass(frozen=True)
class Line:
    """`name = text`, or a copy of `source` with a statement on it."""

    name: str
    text: str
    source: str = ""

    def render(self) -> list[str]:
        """As Python, without indentation."""
        if not self.source:
            return [f"{self.name} = {self.text}"]
        return [f"{self.name} = {self.source}.clone()", self.text]

    def uses(self) -> set[str]:
        """The names it reads."""
        return set(re.findall(r"\b(?:[abcwi]|v\d+)\b", f"{self.source} {self.text}")) - {self.name}


@dataclass(frozen=True)
class Program:
    """What `seed` made; `outputs` are summed, with weights that differ, into a loss where `backward`."""

    seed: int
    dtype: Any
    shapes: dict[str, tuple[int, ...]]
    lines: list[Line]
    outputs: list[str]
    backward: bool
    writes_input: bool = False
    families: frozenset[str] = field(default_factory=frozenset)

    def source(self) -> str:
        """The function `program`, as Python."""
        body = [text for line in self.lines for text in line.render()]
        if self.writes_input:
            body.append("a.mul_(0.5)")
        return "\n".join(
            [
                f"def program({', '.join(INPUTS)}):",
                *(f"    {t}" for t in body),
                f"    return ({', '.join(self.outputs)},)",
            ]
        )

    def inputs(self) -> dict[str, Any]:
        """Fresh inputs, always the same."""
        generator = lt.Generator().manual_seed(self.seed)
        made = {
            name: lt.rand(self.shapes[name], dtype=self.dtype, generator=generator) * 2.0 - 1.0 for name in INPUTS[:-1]
        }
        made["i"] = lt.randint(0, 100, self.shapes["i"], generator=generator)
        if self.backward:
            for name in "bcw" if self.writes_input else "abcw":
                made[name].requires_grad_()
        return made

    def pruned(self, outputs: list[str]) -> Program:
        """The program of some outputs, without the lines that none of them needs."""
        wanted, kept = set(outputs), []
        for line in reversed(self.lines):
            if line.name in wanted:
                kept.append(line)
                wanted |= line.uses()
        return replace(self, lines=kept[::-1], outputs=outputs)


def _usable(value: Any) -> bool:
    if not isinstance(value, lt.Tensor) or not value.numel() or value.numel() > _MOST_ELEMENTS or value.ndim > 5:
        return False
    return bool(lt.isfinite(value).all()) if value.is_floating_point() else True


def make(seed: int) -> Program:
    """The program of a seed; it has run once."""
    rng = random.Random(seed)
    dtype = lt.float64 if rng.random() < _FLOAT64 else lt.float32
    n, m, k = (rng.choice(_SIZES) for _ in range(3))
    shapes: dict[str, tuple[int, ...]] = {
        "a": rng.choice([(n, m), (k, n, m)]),
        "b": rng.choice([(n, m), (m,), (n, 1)]), "c": rng.choice([(n, m), (m, m), (m,)]),
        "w": (8, 8), "i": (rng.choice((1, 4)),),
    }  # fmt: skip
    program = Program(seed, dtype, shapes, [], ["a"], rng.random() < 0.6, rng.random() < 0.1)
    values: dict[str, Any] = dict(program.inputs())
    floats = ["a", "b", "c"]
    families: set[str] = set()
    length, tries = rng.randint(2, 14), 0
    while len(program.lines) < length and tries < 12 * length:
        tries += 1
        kind = rng.choice([*FAMILIES, "write"])
        line = _line(rng, kind, floats, f"v{len(program.lines)}")
        scope = {**_NAMES, **values}
        try:
            exec("\n".join(line.render()), scope)
        except (ValueError, IndexError, TypeError, RuntimeError, NotImplementedError, OverflowError, ZeroDivisionError):
            continue  # this line does not fit these shapes; another will
        value = scope[line.name]
        if not _usable(value) or value.dtype is not dtype:
            continue
        if float(value.detach().abs().amax()) > 50.0:
            line = replace(line, text=f"lt.tanh({line.text} * 0.01)") if not line.source else line
            if line.source:
                continue
            exec("\n".join(line.render()), scope)
            value = scope[line.name]
        values[line.name] = value
        floats.append(line.name)
        program.lines.append(line)
        families.add(kind)
    outputs = sorted({floats[-1], *rng.sample(floats, min(2, len(floats)))})
    return replace(program.pruned(outputs), families=frozenset(families))


def _line(rng: random.Random, kind: str, floats: list[str], name: str) -> Line:
    # late values more often, so that programs are deep
    picks = {v: rng.choice(floats[-6:] if rng.random() < 0.8 else floats) for v in "xy"}
    text = rng.choice(STATEMENTS if kind == "write" else FAMILIES[kind])
    text = re.sub(r"\b[xy]\b", lambda match: picks[match[0]], text)
    if kind != "write":
        return Line(name, text)
    return Line(name, re.sub(r"\bo\b", name, text), picks["x"])
