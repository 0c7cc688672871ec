"""One captured program: its guard, its executable, and the commit of its effects, all at the end of a run.

Until the executor has returned nothing outside has changed; the commit that follows only copies and assigns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamella.graph import CaptureError, Graph, Trace, Value
from lamella.tensor import Tensor
from lamella.tensor.extend import MetaArray, SymScalar, user_location, wrap

from ._backward import Backward
from ._effects import Effect, commit_effects
from ._fetch import Fetched
from ._pieces import Leaf
from ._results import Results
from ._segments import Path, Segment

__all__ = ["Program", "commit_plan"]


class Program:
    """One entry of a compiled function's cache."""

    __slots__ = (
        "__weakref__",
        "_repeated",
        "_run",
        "_single",
        "backward",
        "commits",
        "effects",
        "graph",
        "guard",
        "keys",
        "path",
        "plain",
        "results",
    )

    def __init__(
        self,
        graph: Graph,
        run: Callable[[list[Any]], list[Any]],
        guard: Any,
        results: Results,
        commits: list[tuple[Any, ...]],
        backward: Backward | None,
        path: Path | None = None,
        effects: tuple[Effect, ...] = (),
    ) -> None:
        self.graph = graph
        self._run = run
        self.guard = guard
        self.results = results
        self.commits = commits
        self.backward = backward
        self.path = path
        self.effects = effects  # assignments to Python objects
        outputs = graph.outputs if path is None else path.leaf.graph.outputs
        seen: set[Any] = set()
        repeated = []
        for i, m in enumerate(results.made):
            if m.output >= 0:
                value = outputs[m.output]
                if value in seen:
                    repeated.append(i)
                seen.add(value)
        self._repeated = frozenset(repeated)
        self.keys: tuple[Any, ...] = () if path is None else path.keys  # what its forks were answered
        self._single = results.single and not commits and not effects and backward is None
        # `call` where there is nothing to do but run, without the way there
        self.plain = _plain_call(run, results.build) if self._single and path is None else None

    def call(self, inputs: list[Any], fetched: list[Tensor]) -> Any:
        """What the function returns, and its effects; a program without forks."""
        return self._finish(self._run(inputs), fetched, inputs)

    @property
    def run(self) -> Callable[[list[Any]], list[Any]]:
        """The executable; of a program that forks, that of its end."""
        return self._run if self.path is None else self.path.leaf.run

    @property
    def forked(self) -> Path:
        """How it forks; AssertionError for a program that does not."""
        if self.path is None:
            raise AssertionError("this program has no forks")
        return self.path

    def begins_with(self, segment: Segment) -> bool:
        """Whether it is a leaf of the tree over a segment."""
        return self.path is not None and self.path.segments[0] is segment

    def of(self, _: tuple[int, ...] = ()) -> Program:
        """Itself: it has no open sizes."""
        return self

    def end(self, leaf: Leaf, env: dict[int, Any], fetched: list[Tensor]) -> Any:
        """Run the leaf of a forked program, after its segments, and commit."""
        values = leaf.values(env)
        if self._single and self.results.build is next:
            return wrap(values[0])
        given = () if self.backward is None else [env[i] for i in self.forked.takes]
        return self._finish(values, fetched, given)

    def _finish(self, values: list[Any], fetched: list[Tensor], inputs: Sequence[Any]) -> Any:
        if self.commits:
            _commit(self.commits, values[len(self.graph.outputs) :], fetched)
        made = self.results.tensors(values, fetched, self._repeated)
        if self.backward is not None:
            self.backward.connect(made, values, fetched, inputs)
        built = self.results.build(self.results.leaves(made, values, fetched))
        if not self.effects:
            return built
        result, *assigned = built
        commit_effects(self.effects, iter(assigned), fetched)
        return result


def _plain_call(run: Callable[[list[Any]], list[Any]], build: Any) -> Callable[[list[Any], list[Tensor]], Any]:
    """The call of a program with one output and nothing else to do."""
    single = getattr(run, "single", None)
    if build is not next:
        return lambda inputs, _: build(iter((wrap(run(inputs)[0]),)))
    if single is None:
        return lambda inputs, _: wrap(run(inputs)[0])
    return lambda inputs, _: wrap(single(inputs))


def _commit(commits: list[tuple[Any, ...]], values: list[Any], fetched: list[Tensor]) -> None:
    place = None
    for commit, value in zip(commits, values, strict=True):
        kind = commit[0]
        if kind == "write":
            t = fetched[commit[1]]
            if value is not t._data:  # else the program has written it
                np.copyto(t._data, value)
            cell = t._cell
            if cell is not None:
                if place is None:
                    place = user_location(4)
                cell.version += 1
                cell.writer = place
                if t._view is not None:
                    t._view.version = cell.version
        elif kind == "grad":
            fetched[commit[1]]._edge.grad = None if value is None else wrap(value.copy() if commit[2] else value)
        elif kind == "number":
            dict.__setitem__(commit[1], commit[2], value)
        else:
            commit[1].seek(value)


def commit_plan(trace: Trace, fetched: Fetched, taken: set[Value]) -> list[tuple[Any, ...]]:
    """Declare the effects of a trace in its graph, in the order in which they are committed."""
    commits: list[tuple[Any, ...]] = []
    index = {id(t._data): (t, v) for t, v in trace.tensors}
    for root in trace.written.values():
        t, target = index[id(root._data)]
        value = trace.value_of(root)
        if value is not target:
            trace.builder.write(target, value)
            commits.append(("write", fetched.at(t)))
    born = {id(leaf) for leaf in trace.leaves}
    for n, (leaf, before, current, _) in enumerate(trace.grads.values()):
        if current is before or id(leaf) in born:
            continue
        if before is not None and current is not None and current._data is before._data:
            continue  # the same memory under another handle: what was written to it is an effect of its own
        owner = fetched.at(fetched.owner(leaf))
        if current is None:
            trace.builder.grad(f"grad[{n}]", None)
            commits.append(("grad", owner, False))
            continue
        if type(current._data) is not MetaArray:
            raise CaptureError(
                "a captured program assigned an older tensor to .grad, which a graph cannot repeat; assign a clone()"
            )
        value = trace.value_of(current)
        trace.builder.grad(f"grad[{n}]", value)
        commits.append(("grad", owner, value in taken))
        taken.add(value)
    for container, key, before, _, current in trace.numbers.values():
        if isinstance(current, SymScalar):
            if trace.numbers[(id(container), key)][3] is current.value:
                continue
            trace.builder.state(f"number {key!r}", current.value)
        elif current == before and type(current) is type(before):
            continue
        else:
            trace.builder.state(f"number {key!r}", current)
        commits.append(("number", container, key))
    for generator, _, offset, current in trace.generators.values():
        if not isinstance(current, SymScalar) or current.value is not offset:
            trace.builder.state("offset", current.value if isinstance(current, SymScalar) else current)
            commits.append(("seek", generator))
    return commits
