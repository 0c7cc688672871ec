"""bisect names the pass, rule or backend that was made wrong on purpose; minify keeps the failure and little else."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamella.compiler import bisect, minify
from lamella.compiler._capture._backward import PASSES
from lamella.compiler._debug import _bisect, _minify
from lamella.graph import Graph, Node, TensorType, interpret, parse, rule_passes, simplify, to_text
from lamella.tensor.extend import OPS

PROGRAM = """graph step(%0: f32[6, 8], %1: f32[5, 8], %2: f32[5], %3: i64[6], %4: f64) {
  %5: f32[6, 5] = linear(%0, %1, %2)
  %6: f32[6, 5] = erf(%5)
  %7: f32[6, 5] = mul(%6, %4)
  %8: f32[6] = sum(%7; dims=(1,), keepdim=False)
  %9: f32[6, 8] = tanh(%0)
  %10: f32[6, 8] = sub(%9, %0)
  %11: f32[6, 8] = take(%10, %3; dim=0)
  %12: f32[48] = reshape(%11; shape=(48,))
  %13: f32[] = sum(%12; dims=(0,), keepdim=False)
  return %8, %13
  grad grad[0] <- %11
}
"""


def inputs() -> list[Any]:
    rng = np.random.default_rng(0)
    shapes = ((6, 8), (5, 8), (5,))
    return [*[rng.standard_normal(s).astype(np.float32) for s in shapes], rng.integers(0, 6, 6), 0.5]


def wrong(old: str, new: str) -> Any:
    """A pass that puts one op in the place of another."""

    def replaced(graph: Graph) -> Graph:
        nodes = [
            Node(OPS[new], n.args, n.params, n.outputs, n.region, n.source) if n.op.name == old else n
            for n in graph.nodes
        ]
        return graph.replace(nodes)

    return replaced


def broken(op: str, by: float = 1.0) -> Any:
    """An executor whose kernel of one op is wrong in its last element."""

    def make(graph: Graph) -> Any:
        def run(values: list[Any]) -> list[Any]:
            nodes = list(graph.nodes)
            made = [v for n in nodes for v in n.outputs]
            at = [i for i, n in enumerate(nodes) if n.op.name == op]
            if not at:
                return interpret(graph)(values)
            head = graph.replace(nodes[: at[0] + 1], [v for n in nodes[: at[0] + 1] for v in n.outputs], ())
            found = interpret(head)(values)
            known = dict(zip(made, found, strict=False)) | dict(zip(graph.inputs, values, strict=True))
            known[nodes[at[0]].outputs[0]].reshape(-1)[-1:] += by
            rest = Graph("rest", list(known), nodes[at[0] + 1 :], graph.outputs, graph.effects)
            return interpret(rest)(list(known.values()))

        return run

    return make


def test_nothing_is_wrong() -> None:
    assert bisect(parse(PROGRAM), inputs()) is None


def test_the_wrong_pass_is_named() -> None:
    bad = wrong("tanh", "sin")
    found = bisect(parse(PROGRAM), inputs(), passes=(*PASSES[:3], bad, *PASSES[3:]), backend=None)
    assert found is not None
    assert (found.stage, found.rule) == ("replaced", None)
    assert "elements differ, at [" in found.problem
    assert "tanh" in to_text(found.before)
    assert "sin" in to_text(found.after)


def test_the_wrong_rule_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def turned(graph: Graph) -> Graph:
        nodes = [Node(n.op, n.args[::-1], n.params, n.outputs) if n.op.name == "sub" else n for n in graph.nodes]
        return graph.replace(nodes)

    turned.__name__ = "sub(x, y) -> sub(y, x)"

    def table(graph: Graph) -> Graph:
        return turned(simplify(graph))

    rules = [*rule_passes(simplify), turned]
    monkeypatch.setattr(_bisect, "rule_passes", lambda pass_: rules if pass_ is table else rule_passes(pass_))
    found = bisect(parse(PROGRAM), inputs(), passes=(*PASSES[:2], table), backend=None)
    assert found is not None
    assert (found.stage, found.rule) == ("table", "sub(x, y) -> sub(y, x)")
    assert str(found).startswith("table, by its rule sub(x, y) -> sub(y, x): result 1: ")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (lambda g: g.replace(g.nodes[1:]), "the graph is not valid any more: .* used before it is defined"),
        (lambda g: [][0], "it raised IndexError"),
    ],
)
def test_a_pass_that_breaks_is_named(bad: Any, words: str) -> None:
    found = bisect(parse(PROGRAM), inputs(), passes=(bad,), backend=None)
    assert found is not None
    assert found.after is None
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(found.problem)


def test_the_wrong_backend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_bisect, "executor_of", lambda name: broken("erf"))
    found = bisect(parse(PROGRAM), inputs(), backend="interpreter")
    assert found is not None
    assert (found.stage, found.after) == ("backend interpreter", None)
    assert found.problem.startswith("result 0: 1 of 6 elements differ, at [5]")


def test_a_wrong_kernel_is_all_that_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_minify, "executor_of", lambda name: broken("erf"))
    found = minify(parse(PROGRAM), inputs())
    assert [n.op.name for n in found.graph.nodes] == ["erf"]
    assert found.graph.inputs[0].type == TensorType(found.graph.inputs[0].type.dtype, (1, 1))
    assert [x.tolist() for x in found.inputs] == [[[0.0]]]
    assert found.problem == "result 0: 1 of 1 elements differ, at [0, 0] 1.0 where 0.0 was expected"


def test_a_check_of_ones_own_and_indices() -> None:
    def check(graph: Graph, values: list[Any]) -> bool:
        names = [n.op.name for n in graph.nodes]
        return "take" in names and "sub" in names

    found = minify(parse(PROGRAM), inputs(), check)
    assert [n.op.name for n in found.graph.nodes] == ["sub", "take"]
    assert max(n for v in found.graph.inputs for n in v.type.shape) == 1
    assert found.problem is None
    interpret(found.graph)(found.inputs)


def test_a_reproducer_is_files_that_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_minify, "executor_of", lambda name: broken("mul"))
    found = minify(parse(PROGRAM), inputs())
    assert [n.op.name for n in found.graph.nodes] == ["mul"]
    script = found.save(tmp_path / "case")
    assert parse((tmp_path / "case" / "reproducer.graph").read_text("ascii")) == found.graph
    runpy.run_path(str(script))
    assert capsys.readouterr().out == f"{found.graph}\nNone\n"  # the backend of the script is not the broken one


def test_a_graph_that_does_not_fail_is_refused() -> None:
    with pytest.raises(ValueError, match="graph 'step' does not fail on these inputs"):
        minify(parse(PROGRAM), inputs(), lambda graph, values: False)
