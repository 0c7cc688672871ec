"""minify(): from a graph that fails to the smallest one found that still does, with inputs, on disk.

A part of a program is a graph of its own: what it reads of the rest are inputs, with the values that the interpreter
gives them. So nodes are taken away in halves, quarters and single ones, as long as the rest fails; then results, then
sizes of dims, and at last the values of the inputs are made plain.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import lamella.tensor as lt
from lamella.graph import Graph, Node, TensorType, Value, dce, infer_types, interpret, to_text, verify

from .._capture._record import executor_of
from ._compare import differs, outcome

__all__ = ["Reproducer", "minify"]

Check = Callable[[Graph, list[Any]], bool]


@dataclass(frozen=True)
class Reproducer:
    """The smallest failing graph found, and inputs that make it fail; `problem` says how, if the check was ours."""

    graph: Graph
    inputs: list[Any]
    problem: str | None

    def save(self, folder: Any, name: str = "reproducer") -> Path:
        """Write NAME.graph (its text), NAME.inputs (tensors and numbers) and NAME.py (a program that runs both); the
        path of the program.
        """
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        (path / f"{name}.graph").write_text(to_text(self.graph), encoding="ascii")
        held = [lt.from_numpy(np.ascontiguousarray(x)) if isinstance(x, np.ndarray) else x for x in self.inputs]
        lt.save(held, str(path / f"{name}.inputs"))
        script = path / f"{name}.py"
        script.write_text(_SCRIPT.format(name=name, problem=self.problem or "it fails"), encoding="utf-8")
        return script


_SCRIPT = textwrap.dedent('''\
    """Runs a graph that was found to fail: {problem}"""

    from pathlib import Path

    import lamella.tensor as lt
    from lamella.compiler import bisect
    from lamella.graph import parse

    here = Path(__file__).parent
    graph = parse((here / "{name}.graph").read_text("ascii"))
    inputs = [x.numpy() if isinstance(x, lt.Tensor) else x for x in lt.load(str(here / "{name}.inputs"))]
    print(graph)
    print(bisect(graph, inputs))
''')


def minify(graph: Graph, inputs: Sequence[Any], check: Check | None = None, *, backend: str = "c") -> Reproducer:
    """The smallest graph found for which `check(graph, inputs)` is still true, with its inputs.

    Without a check: the backend raises or differs from the interpreter beyond the tolerance of the dtypes. ValueError
    where the whole graph does not fail.
    """
    verify(graph)
    make = executor_of(backend) if check is None else interpret

    def compared(g: Graph, values: list[Any]) -> bool:
        return differs(outcome(make, g, values), outcome(interpret, g, values), exact=False) is not None

    search = _Search(check or compared)
    given = list(inputs)
    if not search.fails(graph, given):
        raise ValueError(
            f"graph {graph.name!r} does not fail on these inputs, so that there is nothing to make smaller"
        )
    graph, given = search.nodes(graph, given)
    graph, given = search.results(graph, given)
    graph, given = search.sizes(graph, given)
    given = search.values(graph, given)
    problem = None
    if check is None:
        problem = differs(outcome(make, graph, given), outcome(interpret, graph, given), exact=False)
    return Reproducer(graph, given, problem)


class _Search:
    """The steps of the search; each gives a graph and inputs that still fail."""

    def __init__(self, check: Check) -> None:
        self._check = check

    def fails(self, graph: Graph, inputs: list[Any]) -> bool:
        """Whether a candidate is a valid graph that fails."""
        try:
            verify(graph)
            interpret(graph)(inputs)
        except Exception:  # noqa: BLE001 - no candidate: where the oracle fails nothing can be compared
            return False
        return bool(self._check(graph, inputs))

    def nodes(self, graph: Graph, inputs: list[Any]) -> tuple[Graph, list[Any]]:
        """Take nodes away, in ever smaller pieces."""
        known = _all_values(graph, inputs)
        nodes = list(graph.nodes)
        size = max(1, len(nodes) // 2)
        while True:
            at = 0
            while at < len(nodes) and len(nodes) > 1:
                rest = nodes[:at] + nodes[at + size :]
                found = _part(graph, rest, known) if rest else None
                if found is not None and self.fails(*found):
                    nodes = rest
                else:
                    at += size
            if size == 1:
                break
            size = max(1, size // 2)
        found = _part(graph, nodes, known)
        if found is not None and self.fails(*found):
            return found
        return graph, inputs  # it only fails with its effects, or as a whole

    def results(self, graph: Graph, inputs: list[Any]) -> tuple[Graph, list[Any]]:
        """Return fewer values."""
        outputs = list(graph.outputs)
        for value in list(outputs):
            fewer = [v for v in outputs if v is not value]
            candidate = _without_unread(dce(graph.replace(graph.nodes, fewer, ())), inputs)
            if fewer and self.fails(*candidate):
                outputs = fewer
        candidate = _without_unread(dce(graph.replace(graph.nodes, outputs, ())), inputs)
        return candidate if self.fails(*candidate) else (graph, inputs)

    def sizes(self, graph: Graph, inputs: list[Any]) -> tuple[Graph, list[Any]]:
        """Make dims smaller, all of one size together, wherever the shape rules agree."""
        tried: set[int] = set()
        while True:
            sizes = {n for v in graph.inputs if isinstance(v.type, TensorType) for n in v.type.shape if n > 1} - tried
            if not sizes:
                return graph, inputs
            size = max(sizes)
            tried.add(size)
            for smaller in sorted({1, 2, 3, size // 4, size // 2} - {0, size}):
                if smaller > size:
                    continue
                found = _resized(graph, inputs, size, smaller)
                if found is not None and self.fails(*found):
                    graph, inputs = found
                    break

    def values(self, graph: Graph, inputs: list[Any]) -> list[Any]:
        """Make inputs plain: zeros, ones, or whole numbers."""
        for i, x in enumerate(inputs):
            if not isinstance(x, np.ndarray):
                continue
            for plain in (np.zeros_like(x), np.ones_like(x), np.arange(x.size).reshape(x.shape).astype(x.dtype)):
                candidate = [*inputs[:i], plain, *inputs[i + 1 :]]
                if self.fails(graph, candidate):
                    inputs = candidate
                    break
        return inputs


def _all_values(graph: Graph, inputs: list[Any]) -> dict[Value, Any]:
    """What every value of the graph is on these inputs."""
    made = [v for node in graph.nodes for v in node.outputs]
    found = interpret(graph.replace(graph.nodes, made, ()))(inputs)
    known = {v: np.array(x) if isinstance(x, np.ndarray) else x for v, x in zip(made, found, strict=True)}
    return known | dict(zip(graph.inputs, inputs, strict=True))


def _part(graph: Graph, nodes: list[Node], known: Mapping[Value, Any]) -> tuple[Graph, list[Any]] | None:
    """Some nodes as a graph: inputs are what they read of others, results what none of them reads."""
    made = {v for node in nodes for v in node.outputs}
    read = list(dict.fromkeys([a for node in nodes for a in node.args if type(a) is Value]))
    wanted = {v for v in graph.results() if type(v) is Value}
    seen = set(read)
    outputs = [v for node in nodes for v in node.outputs if v not in seen or v in wanted]
    inputs = [v for v in read if v not in made]
    if not outputs:
        return None
    return Graph(graph.name, inputs, nodes, outputs), [known[v] for v in inputs]


def _without_unread(graph: Graph, inputs: list[Any]) -> tuple[Graph, list[Any]]:
    read = {a for node in graph.nodes for a in node.args} | set(graph.results())
    keep = [i for i, v in enumerate(graph.inputs) if v in read]
    sources = [graph.sources[i] for i in keep]
    rest = Graph(graph.name, [graph.inputs[i] for i in keep], graph.nodes, graph.outputs, (), sources)
    return rest, [inputs[i] for i in keep]


def _resized(graph: Graph, inputs: list[Any], size: int, smaller: int) -> tuple[Graph, list[Any]] | None:
    """The graph with one size replaced by another in inputs and params; None where the shape rules refuse."""
    names: dict[Value, Value] = {}
    given: list[Any] = []
    for value, x in zip(graph.inputs, inputs, strict=True):
        if not isinstance(value.type, TensorType):
            names[value] = value
            given.append(x)
            continue
        shape = tuple([smaller if n == size else n for n in value.type.shape])
        names[value] = Value(value.id, TensorType(value.type.dtype, shape))
        small = x[tuple([slice(0, n) for n in shape]) + (...,)]
        whole = small.dtype.kind in "iu"
        # indices into what became smaller stay inside
        given.append((small % max(smaller, 1)).astype(small.dtype) if whole else small.copy())
    nodes = []
    try:
        for node in graph.nodes:
            args = tuple([names[a] if type(a) is Value else a for a in node.args])
            params = {n: _replaced(p, size, smaller) for n, p in node.params.items()}
            types = infer_types(node.op, args, params)
            outputs = tuple([Value(v.id, t) for v, t in zip(node.outputs, types, strict=True)])
            names.update(zip(node.outputs, outputs, strict=True))
            nodes.append(Node(node.op, args, params, outputs, node.region, node.source))
    except (TypeError, ValueError, IndexError):
        return None
    outputs_ = [names[v] if type(v) is Value else v for v in graph.outputs]
    return Graph(graph.name, [names[v] for v in graph.inputs], nodes, outputs_, (), graph.sources), given


def _replaced(param: Any, size: int, smaller: int) -> Any:
    if type(param) is tuple:
        return tuple([_replaced(p, size, smaller) for p in param])
    return smaller if type(param) is int and param == size else param
