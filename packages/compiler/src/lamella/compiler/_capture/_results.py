"""How a call's results come out of a run: which values are outputs of the graph, and which are inputs or views made
anew on top of them.

`made` are tensors over memory of their own: outputs of the graph, and aliases of inputs that carry another history.
The compiled backward is hung on these; `leaves`, what the function returns, are picked from them or replayed from
them as views.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lamella.graph import CaptureError, Trace, Value, bind, plain
from lamella.tensor import Tensor, set_grad_enabled
from lamella.tensor.extend import MetaArray, SymScalar, detached, replay, wrap

from ._fetch import Fetched
from ._tree import Converted

__all__ = ["Made", "Results", "plan_results"]


class Made:
    """One tensor over memory of its own, as the trace had it."""

    __slots__ = ("born", "fetch", "output", "tensor")

    def __init__(self, tensor: Tensor, output: int, fetch: int, born: bool) -> None:
        self.tensor: Any = tensor
        self.output = output  # position among the outputs of the graph, or -1
        self.fetch = fetch  # position among the fetched tensors, or -1
        self.born = born  # a leaf of autograd that the program made


class Results:
    """The plan for one program's result."""

    __slots__ = ("build", "made", "outputs", "single", "steps")

    def __init__(self, made: list[Made], steps: list[tuple[Any, ...]], outputs: list[Value], build: Any) -> None:
        self.made = made
        self.steps = steps
        self.outputs = outputs
        self.build = build
        self.single = steps == [("made", 0)] and len(made) == 1 and made[0].output == 0 and not made[0].born

    def tensors(self, values: list[Any], fetched: list[Tensor], repeated: frozenset[int]) -> list[Tensor]:
        """The `made` tensors of one run; an array that stands for two results is copied for the second."""
        out = []
        for i, m in enumerate(self.made):
            if m.output < 0:
                t = detached(fetched[m.fetch])
            else:
                t = wrap(values[m.output].copy() if i in repeated else values[m.output])
            if m.born:
                t.requires_grad_()
            out.append(t)
        return out

    def bound(self, sizes: Mapping[str, int]) -> Results:
        """The plan with numbers in the place of named sizes."""
        if not sizes:
            return self
        steps = [tuple([bind(part, sizes) for part in step]) for step in self.steps]
        return Results(self.made, steps, self.outputs, self.build)

    def leaves(self, made: list[Tensor], values: list[Any], fetched: list[Tensor]) -> Iterator[Any]:
        """What the function returns, leaf by leaf."""
        done: list[Any] = []
        for step in self.steps:
            kind = step[0]
            if kind == "made":
                leaf: Any = made[step[1]]
            elif kind == "older":
                leaf = fetched[step[1]]
            elif kind == "view":
                source = made[step[2]] if step[1] == "made" else fetched[step[2]]
                leaf = _replayed(source, step[3], step[4])
            elif kind == "same":
                leaf = done[step[1]]
            elif kind == "scalar":
                leaf = values[step[1]]
            else:
                leaf = step[2](values[step[1]])
            done.append(leaf)
        return iter(done)


def _replayed(source: Tensor, chain: Any, follows: bool) -> Any:
    if follows:
        return replay(source, chain)
    with set_grad_enabled(False):
        return replay(source, chain)


def plan_results(trace: Trace, leaves: list[Any], fetched: Fetched, build: Any) -> Results:
    """The plan for the leaves of a function's result, and the graph outputs that it needs."""
    made: list[Made] = []
    outputs: list[Value] = []
    steps: list[tuple[Any, ...]] = []
    seen: dict[int, int] = {}
    position: dict[int, int] = {}
    born = {id(leaf) for leaf in trace.leaves}

    def make(t: Tensor) -> int:
        at = position.get(id(t))
        if at is None:
            at = position[id(t)] = len(made)
            is_born = id(t._edge) in born
            if is_born and trace.grads.get(id(t._edge), [None, None, None])[2] is not None:
                raise CaptureError(
                    "the program returns a leaf tensor that it made, with a .grad, which a replay cannot give it; "
                    "return the .grad too"
                )
            if type(t._data) is MetaArray:
                made.append(Made(t, len(outputs), -1, is_born))
                outputs.append(trace.value_of(t))
            else:
                made.append(Made(t, -1, fetched.at(_owner_of(t, fetched)), is_born))
        return at

    for at, leaf in enumerate(leaves):
        if id(leaf) in seen:
            steps.append(("same", seen[id(leaf)]))
            continue
        seen[id(leaf)] = at
        if isinstance(leaf, SymScalar):
            steps.append(("scalar", len(outputs)))
            outputs.append(leaf.value)
            continue
        if isinstance(leaf, Converted):
            steps.append(("converted", len(outputs), leaf.kind))
            outputs.append(leaf.number.value)
            continue
        view = leaf._view
        older = fetched.known(leaf)
        if older:
            steps.append(("older", fetched.at(leaf)))
        elif view is None or (leaf._edge is not None and not view.differentiable):
            steps.append(("made", make(leaf)))
        elif type(view.base._data) is MetaArray:
            steps.append(("view", "made", make(view.base), plain(view.chain), view.differentiable))
        else:
            steps.append(("view", "older", fetched.at(view.base), plain(view.chain), view.differentiable))
    return Results(made, steps, outputs, build)


def _owner_of(t: Tensor, fetched: Fetched) -> Tensor:
    """The older tensor whose memory t shares."""
    found = fetched.reached(t)
    return t if found is None else found.tensor
