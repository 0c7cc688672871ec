"""Records of what is to be done: items, the groups of loops that they join, and the other steps of a program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from lamella.compiler._kernel import KernelBuilder
from lamella.compiler._lower._refs import Operand, Ref, Root, Scalar, Table
from lamella.tensor.extend import Op

Body = Callable[[KernelBuilder, list[int]], int]
# What an update writes to: (index value, elements a step moves, steps) terms, and a mask or None.
Target = Callable[[KernelBuilder, list[int]], tuple[tuple[tuple[int, int, int], ...], int | None]]


@dataclass(eq=False, slots=True)
class Step:
    """One entry of the execution order: a group of loops, a library kernel, or an extern call."""

    index: int
    merged: Group | None = None
    read: bool = False  # by another step, which must come later


@dataclass(eq=False, slots=True)
class Item:
    """One elementwise map, or one reduction, scan or update with a map's result.

    A scan combines what came before along the inner axes, in order; an update (an item with a `target`) combines values
    into elements of what it stands inside of, in order. `after` names arrays that must be complete before it starts.
    """

    root: Root
    operands: list[Operand]
    body: Body
    cost: int
    source: str
    combiner: str = ""
    take: int = 0  # which of the values that the combiner carries
    over: str = ""  # "", "inner", "grid" or "both"
    scan: bool = False
    target: Target | None = None
    after: tuple[Root, ...] = ()
    in_grid: bool = True
    in_inner: bool = True
    position: tuple[int, ...] = ()  # strides of the result along the group's axes
    reads: list[tuple[int, ...]] = field(default_factory=list)  # strides of each operand along the group's axes
    place: tuple[int, ...] = ()  # strides along the group's axes of the part of an array that the result is


@dataclass(eq=False, slots=True)
class Group(Step):
    """Items over one index space."""

    space: tuple[int, ...] = ()
    inner: frozenset[int] | None = None  # None until a reduction decides
    items: list[Item] = field(default_factory=list)
    made: dict[Root, Item] = field(default_factory=dict)
    needs: int = -1  # the latest step it depends on
    roots: set[Root] = field(default_factory=set)  # read or written: bounds the number of buffers
    closed: bool = False  # takes no further items

    def axis_set(self) -> frozenset[int]:
        """Axes longer than 1."""
        return frozenset(k for k, n in enumerate(self.space) if n != 1)


@dataclass(eq=False, slots=True)
class Extern(Step):
    """A call of an op's own kernel on whole arrays."""

    op: Op = field(kw_only=True)
    operands: list[Any] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)
    roots: list[Root] = field(default_factory=list)
    source: str = ""

    @property
    def name(self) -> str:
        """The op's."""
        return self.op.name


@dataclass(eq=False, slots=True)
class Call(Step):
    """A library kernel on whole arrays: refs or None, then host scalars and numbers.

    Of the roots, those that are not stored are left out.
    """

    symbol: str = ""
    operands: list[Ref | None] = field(default_factory=list)
    scalars: list[Scalar | bool | int | float] = field(default_factory=list)
    dims: tuple[int, ...] = ()
    scratch_bytes: int = 0
    errors: int = 0  # codes of its errors come after this one
    fails: bool = False  # whether it has any
    holds: bool = True  # whether BLAS would use threads of its own
    roots: list[Root] = field(default_factory=list)
    source: str = ""


def step_of(root: Root) -> Step | None:
    """The step that makes a root, after merges."""
    step = root.step
    while step is not None and step.merged is not None:
        step = step.merged
    root.step = step
    return step


def steps_of(root: Root) -> list[Step]:
    """The steps that make a root, part by part if it is put together."""
    return [step for r in root.parts or [root] if (step := step_of(r)) is not None]


def memory_read(operand: Any) -> Root | None:
    """The array of an operand that is an array that something else makes, at the item's own point or anywhere."""
    if isinstance(operand, Table):
        return operand.ref.root
    return operand.root if reads_memory(operand) else None


def reads_memory(operand: Any) -> TypeGuard[Ref]:
    """Whether an operand is an array that something else makes, not one that is computed where it is read."""
    return isinstance(operand, Ref) and operand.root.generator is None
