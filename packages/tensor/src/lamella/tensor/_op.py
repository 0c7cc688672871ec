"""Ops: values with a name, to which every concern attaches its rule.

There is one kind of operation. A primitive has kernels; a composite has a body over other ops. Nothing here knows
what a rule does: tables are registered per kind, and the modules that hold them are found through
`interfaces.discover` at the first miss. A missing rule raises by name where it is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from lamella.interfaces import discover

from ._dtype import BY_NUMPY

__all__ = ["OPS", "MissingRule", "Op", "register_rules", "rule"]

SPECS: Final = frozenset({"elementwise", "reduce", "view", "creation", "scalar", "control", "opaque"})


class MissingRule(NotImplementedError):
    """An op has no rule of the kind that was asked for; the message names both."""


class Op:
    """A named operation.

    `signature` is `"operands; params"`: operands are tensors or numbers, `*xs` is variadic, `bias?` may be None;
    params are static keywords. `spec` is one of SPECS or an einsum-like factor spec such as `'b m k, b k n -> b m n;
    reduce k'`. A composite has a `body`; `unit=True` says that it has its own vjp and is seen as one op by autograd
    and traces. `outputs` counts results; `mutates[i]` is the operand that output i replaces; `differentiable` lists
    outputs that carry gradients.
    """

    __slots__ = (
        "__weakref__", "_unpack", "body", "differentiable", "mutates", "name", "operands", "optional", "outputs",
        "package", "params", "plans", "promotes", "refuses", "rules", "settled", "spec", "step", "unit", "variadic",
    )  # fmt: skip

    package: str
    body: Callable[..., Any] | None

    def __init__(
        self,
        name: str,
        signature: str,
        spec: str,
        *,
        outputs: int = 1,
        body: Callable[..., Any] | None = None,
        unit: bool = False,
        step: bool = False,
        mutates: tuple[int, ...] = (),
        differentiable: tuple[int, ...] | None = None,
        promotes: str = "",
        refuses: str = "",
        package: str = "lamella.tensor",
    ) -> None:
        if name in OPS:
            raise ValueError(f"an op named {name!r} exists already, in {OPS[name].package}")
        if spec not in SPECS and "->" not in spec:
            raise ValueError(f"op {name!r}: spec {spec!r} is neither one of {sorted(SPECS)} nor a factor spec")
        left, _, right = signature.partition(";")
        operands = [w.strip() for w in left.split(",") if w.strip()]
        self.name = name
        self.package = package
        self.variadic = len(operands) == 1 and operands[0].startswith("*")
        self.operands = tuple(w.strip("*?") for w in operands)
        self.optional = frozenset(i for i, w in enumerate(operands) if w.endswith("?"))
        self.params = tuple(w.strip() for w in right.split(",") if w.strip())
        self.spec = spec
        self.outputs = outputs
        self.body = body
        self.unit = unit
        # a step of a backward rule that a trace keeps as one node where no gradient of it is recorded
        self.step = step
        self.mutates = mutates
        self.differentiable = tuple(range(outputs)) if differentiable is None else differentiable
        # "" no promotion, "same" operands meet in one dtype, "float" they meet in a floating dtype, "bool" compare:
        # meet, then bool
        self.promotes = promotes
        # kinds of numpy dtypes ("b" bool, "c" complex) for which the op has no meaning
        self.refuses = refuses
        # dtypes in which operands of one dtype need no promotion and are not refused
        self.settled = _settled(refuses, promotes == "float")
        self.rules: dict[str, Any] = {}
        # what a recorder worked out for a set of operands that need gradients, by their bit mask: autograd's alone
        self.plans: dict[int, Any] = {}
        OPS[name] = self

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_named, (self.name,))


OPS: dict[str, Op] = {}


@cache
def _settled(refuses: str, floats_only: bool) -> frozenset[Any]:
    return frozenset(d for d in BY_NUMPY if d.kind not in refuses and (not floats_only or d.kind in "fVc"))


def _named(name: str) -> Op:
    # a bound method of the table would pickle the table
    return OPS[name]


def register_rules(kind: str, table: Mapping[str, Any]) -> None:
    """Attach a table `{op name: rule}`; KeyError for an op that does not exist, ValueError for a rule given twice."""
    for name, value in table.items():
        op = OPS.get(name)
        if op is None:
            raise KeyError(f"rule table {kind!r} names the op {name!r}, which does not exist")
        if kind in op.rules:
            raise ValueError(f"op {name!r} has a rule of kind {kind!r} already")
        op.rules[kind] = value


def rule(op: Op, kind: str) -> Any:
    """The rule of `kind` of `op`; loads the providers of the kind at the first miss and raises MissingRule by name."""
    found = op.rules.get(kind)
    if found is None:
        if kind in ("vjp", "jvp", "batch", "lower", "cost"):
            discover("rules." + kind)
            found = op.rules.get(kind)
        if found is None:
            raise MissingRule(f"op {op.name!r} (of {op.package}) has no rule of kind {kind!r}")
    return found
