"""Graphs with named sizes in Triton's interpreter: one text serves all sizes; results are the graph interpreter's."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import program_suite as suite
import pytest

import lamella.tensor as lt
from lamella.autograd import grad
from lamella.compiler import compile as captured
from lamella.compiler._newest import MOST
from lamella.compiler._triton import _program
from lamella.compiler._triton._print import Function
from lamella.compiler._triton._program import Programs
from lamella.compiler._triton._run import Interpreter, Runners
from lamella.graph import Graph, bound, interpret, parse
from lamella.nn import functional

SIZES = ((5, 9), (40, 4), (8, 70), (67, 6))  # rows, columns


def _x(n: int, m: int) -> Any:
    return lt.tensor(np.random.default_rng(n + m).normal(0, 1, (n, m)).astype(np.float32))


def _index(n: int, below: int) -> Any:
    return lt.tensor(np.random.default_rng(n).integers(0, below, n))


def _layer_norm_gradients(x: Any, w: Any, b: Any) -> Any:
    x, w, b = (t.detach().requires_grad_() for t in (x, w, b))
    centred = x - x.mean(-1, keepdim=True)
    y = centred * lt.rsqrt((centred * centred).mean(-1, keepdim=True) + 1e-5) * w + b
    return (y, *grad((y * y).sum(), [x, w, b]))


def _embedding_gradient(x: Any, index: Any) -> Any:
    x = x.detach().requires_grad_()
    return grad((functional.embedding(index, x) ** 2).sum(), [x])[0]


def _cross_entropy_gradient(x: Any, target: Any) -> Any:
    x = x.detach().requires_grad_()
    loss = functional.cross_entropy(x, target, label_smoothing=0.1)
    return loss.detach(), grad(loss, [x])[0]


Arguments = Callable[[int, int], tuple[Any, ...]]
PROGRAMS: dict[str, tuple[Callable[..., Any], Arguments]] = {
    "softmax": (lambda x: x.softmax(-1) * 2, lambda n, m: (_x(n, m),)),
    "softmax down": (lambda x: x.softmax(0), lambda n, m: (_x(n, m),)),
    "sums": (lambda x: (x.sum(0), x.sum(1), x.sum(), x.mean(0), x.std(1)), lambda n, m: (_x(n, m),)),
    "extremes": (lambda x: (x.amax(0), x.argmax(1), x.argmin(), x.prod(0)), lambda n, m: (_x(n, m),)),
    "layer norm": (_layer_norm_gradients, lambda n, m: (_x(n, m), _x(1, m)[0].clone(), _x(2, m)[1].clone())),
    "cross entropy": (_cross_entropy_gradient, lambda n, m: (_x(n, m), _index(n, m))),
    "scans": (lambda x: (x.cumsum(1), x.cumsum(0)), lambda n, m: (_x(n, m),)),
    "turned": (lambda x: (x.T.exp(), x.T.reshape(-1) + 1), lambda n, m: (_x(n, m),)),
    "slices": (lambda x: lt.cat([x[1:] * 2, x[:-1], x[::2]], 0), lambda n, m: (_x(n, m),)),
    "positions": (lambda x: x + lt.arange(x.shape[0]).unsqueeze(1) / x.shape[1], lambda n, m: (_x(n, m),)),
    "embedding": (_embedding_gradient, lambda n, m: (_x(n, m), _index(2 * n, n))),
    "half": (lambda x: (x.to(lt.bfloat16) * 3).softmax(1), lambda n, m: (_x(n, m),)),
    "rows only": (lambda x, w: (x * w).softmax(-1).sum(0), lambda n, m: (_x(n, 24), _x(2, 24)[0])),
    "divided": (lambda x: x.reshape(-1, 5, x.shape[1]).sum(1), lambda n, m: (_x(5 * n, m),)),
}


class Open:
    """A graph with named sizes as the interpreter runs it."""

    def __init__(self, graph: Graph, folder: Path) -> None:
        self.programs = Programs(graph)
        self.run = Runners(self.programs, Interpreter(folder))

    def check(self, inputs: list[Any]) -> dict[str, Function]:
        """Run beside the graph's interpreter; gives the functions that these sizes take."""
        sizes = self.programs.met(inputs)
        graph = bound(self.programs.graph, dict(zip(self.programs.names, sizes, strict=True)))
        with np.errstate(all="ignore"):
            want = interpret(graph)(inputs)
        for number, (g, w) in enumerate(zip(self.run(inputs), want, strict=True)):
            suite.agree(g, w, f"{graph.name} {sizes}: result {number}")
        return self.programs.of(sizes).functions


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def graph_of(name: str, first: tuple[int, int] = SIZES[0]) -> Graph:
    """What a capture with open sizes gives."""
    function, arguments = PROGRAMS[name]
    compiled = captured(function, dynamic=None if name == "rows only" else True, backend="interpreter", fullgraph=True)
    compiled(*arguments(*first))
    if name == "rows only":  # what changes is open, and nothing else
        compiled(*arguments(first[0] + 1, first[1]))
    graph: Graph = compiled.programs[0].graph
    return graph


def arrays(name: str, n: int, m: int) -> list[Any]:
    return [t.numpy() for t in PROGRAMS[name][1](n, m)]


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("name", PROGRAMS)
def test_one_text_serves_all_sizes(name: str, folder: Path) -> None:
    program = Open(graph_of(name), folder)
    texts = [program.check(arrays(name, n, m)) for n, m in SIZES]
    assert texts[0], "nothing was printed"
    assert all(text == texts[0] for text in texts), "other sizes were printed anew"


def test_whole_tiles_at_several_sizes_beside_numpy(folder: Path) -> None:
    """The tiles that a GPU gets, with rows that take one of them, a part, and several."""
    program = Open(graph_of("softmax"), folder)
    for n, m in ((3, 2048), (2, 5), (4, 5000)):
        x = _x(n, m).numpy()
        (y,) = program.run([x])
        e = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
        np.testing.assert_allclose(y, 2 * e / e.sum(1, keepdims=True), rtol=2e-6)
    assert len(program.programs.functions.by_name) == 1


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize(("n", "m"), [(5, 5), (3, 9), (2, 2), (2, 40)])
@pytest.mark.parametrize("name", ["sums", "slices", "turned", "layer norm"])
def test_sizes_that_happen_to_agree_may_print_anew_and_are_right(name: str, n: int, m: int, folder: Path) -> None:
    Open(graph_of(name), folder).check(arrays(name, n, m))


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("name", ["softmax", "sums", "layer norm", "cross entropy"])
def test_where_no_other_sizes_are_found_every_number_is_open(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_program, "other_sizes", lambda sizes: [])
    program = Open(graph_of(name), folder)
    texts = [program.check(arrays(name, n, m)) for n, m in SIZES]
    assert all(text == texts[0] for text in texts)


def test_sizes_that_are_fixed_stay_in_the_text() -> None:
    programs = Programs(parse("graph g(%0: f32[n0, 64]) {\n  %1: f32[n0, 64] = softmax(%0; dim=1)\n  return %1\n}\n"))
    (function,) = programs.of((7,)).functions.values()
    assert "c = tl.arange(0, 64)" in function.text  # a whole row in registers
    assert [name for name, _ in function.arguments] == ["rows", "b0", "b1"]


GRAPH = "graph g(%0: f32[n0, n1], %1: f32[n1]) {\n  %2: f32[n0, n1] = add(%0, %1)\n  return %2\n}\n"


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        (None, "graph 'g' has the named sizes n0, n1, got sizes={}: give each a number"),
        ({"n0": 3}, "has the named sizes n0, n1, got sizes={'n0': 3}"),
        ({"n0": 3, "n1": 4, "n2": 5}, "has the named sizes n0, n1"),
        ({"n0": 3, "n1": -4}, "the size n1 must be an int from 0 on, got -4"),
        ({"n0": 3, "n1": 4.0}, "the size n1 must be an int from 0 on, got 4.0"),
    ],
)
def test_wrong_examples_of_sizes(sizes: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("[", r"\[").replace("{", r"\{")):
        Programs(parse(GRAPH)).given(sizes)


def test_sizes_of_a_graph_without_names() -> None:
    with pytest.raises(ValueError, match="has the named sizes none, got"):
        Programs(parse(GRAPH.replace("n0", "3").replace("n1", "4"))).given({"n0": 3})


def test_a_size_that_no_input_tells() -> None:
    with pytest.raises(ValueError, match="no dim of an input is the size n0, so no call would tell it"):
        Programs(parse("graph g(%0: f32[{2*n0}]) {\n  %1: f32[{2*n0}] = exp(%0)\n  return %1\n}\n"))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], r"input 0 must be f32\[n0, n1\], whose dim 0 is n0"),
        ([3.0, np.zeros(4, np.float32)], r"input 0 must be f32\[n0, n1\], whose dim 0 is n0"),
        ([np.zeros(4, np.float32), np.zeros(4, np.float32)], r"input 0 must be f32\[n0, n1\], whose dim 1 is n1"),
        ([np.zeros((3, 4), np.float32), np.zeros(5, np.float32)], r"input 1 must be f32\[4\], got float32\[5\]"),
        ([np.zeros((3, 4), np.float32)], "takes 2 inputs, got 1"),
    ],
)
def test_wrong_inputs(inputs: list[Any], message: str, folder: Path) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        Open(parse(GRAPH), folder).run(inputs)


def test_only_so_many_programs_are_kept(folder: Path) -> None:
    program = Open(parse(GRAPH), folder)
    for n in range(2, MOST + 12):
        program.check([np.ones((n, 3), np.float32), np.ones(3, np.float32)])
    assert len(program.programs._made) == len(program.run._runners) == MOST
    assert len(program.programs.functions.by_name) == 1
