"""The launcher against a stand-in for CuPy and the driver, which reads parameters as a kernel would.

Order, types, hidden pointers to scratch memory, threads, stream, and what is refused. Nothing runs on a GPU here.
"""

from __future__ import annotations

import ctypes
import dataclasses
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import program_suite as suite
import pytest

from lamella.compiler._triton._compile import DeviceFunction
from lamella.compiler._triton._cuda import Cuda, CudaError, Driver
from lamella.compiler._triton._print import Function
from lamella.compiler._triton._program import Launches, Programs, TritonProgram
from lamella.compiler._triton._run import Runner, Runners
from lamella.compiler.triton import compile_graph
from lamella.graph import Graph, parse


class DeviceArray(np.ndarray):
    """A numpy array with CuPy's way to its address."""

    @property
    def data(self) -> Any:
        return SimpleNamespace(ptr=self.ctypes.data)


class Pretend:
    """CuPy's names that the launcher uses, over numpy; every allocation is aligned as CuPy's are."""

    ndarray = DeviceArray
    lib = np.lib

    def __init__(self) -> None:
        self.cuda = SimpleNamespace(
            Device=lambda: SimpleNamespace(id=0), get_current_stream=lambda: SimpleNamespace(ptr=77)
        )
        self.made: list[int] = []

    def empty(self, shape: Any, dtype: Any) -> DeviceArray:
        count = int(np.prod(shape)) * np.dtype(dtype).itemsize
        self.made.append(count)
        block = np.zeros(count + 64, np.uint8)
        start = -block.ctypes.data % 64
        return block[start : start + count].view(dtype).reshape(shape).view(DeviceArray)

    zeros = empty

    def ascontiguousarray(self, array: Any) -> Any:
        return array

    def array(self, values: Any, dtype: Any, order: str) -> Any:
        return np.array(values, dtype, order=order).view(DeviceArray)

    def matmul(self, a: Any, b: Any) -> Any:
        return np.matmul(a, b)


@dataclasses.dataclass
class Launched:
    handle: int
    programs: int
    threads: int
    shared: int
    stream: int
    words: list[int]


class Recorder:
    """A driver that reads every parameter where its pointer says, as 8 bytes."""

    def __init__(self) -> None:
        self.loaded: list[tuple[str, int]] = []
        self.launched: list[Launched] = []

    def load(self, cubin: bytes, name: str, shared_bytes: int) -> int:
        assert cubin[:4] == b"\x7fELF"
        self.loaded.append((name, shared_bytes))
        return 1000 + len(self.loaded)

    def launch(self, function: int, programs: int, threads: int, shared: int, stream: int, arguments: Any) -> None:
        words = [ctypes.c_uint64.from_address(address).value for address in arguments]
        self.launched.append(Launched(function, programs, threads, shared, stream, words))


def found(functions: list[DeviceFunction]) -> Callable[[Function], DeviceFunction]:
    """Compiled functions as a machine asks for them."""
    by_name = {f.function.name: f for f in functions}
    return lambda function: by_name[function.name]


def prepared(graph: Graph) -> tuple[Any, Pretend, Recorder, Runner]:
    made = compile_graph(graph, 90)
    pretend, recorder = Pretend(), Recorder()
    machine = Cuda(found(made.functions), pretend, recorder)
    return made, pretend, recorder, Runner(TritonProgram(graph), machine)


def programs(graph: Graph) -> int:
    """How many programs the one launch of a graph has."""
    (step,) = [step for step in TritonProgram(graph).steps if isinstance(step, Launches)]
    (launch,) = step.launches
    return launch.programs


def test_parameters_arrive_in_order_with_hidden_pointers_null() -> None:
    graph = parse("""
graph scaled(%0: f32[64, 128], %1: f64, %2: i64) {
  %3: f32[64, 128] = softmax(%0; dim=1)
  %4: f32[64, 128] = mul(%3, %1)
  %5: f32[64, 128] = add(%4, %2)
  return %5
}
""")
    made, pretend, recorder, run = prepared(graph)
    x = pretend.empty((64, 128), np.float32)
    (y,) = run([x, 2.5, -3])
    (function,) = made.functions
    (launched,) = recorder.launched
    known = {"b": {x.ctypes.data, y.ctypes.data}, "q": {np.float64(2.5).view(np.uint64), np.int64(-3).view(np.uint64)}}
    names = [name for name, _ in function.function.arguments]
    seen: dict[str, set[int]] = {"b": set(), "q": set()}
    for name, word in zip(names, launched.words, strict=False):
        seen[name[0]].add(word)
    assert seen == known
    assert launched.words[len(names) :] == [0] * (len(function.resources.parameters) - len(names))
    assert launched.programs == programs(graph)
    assert launched.threads == 32 * function.function.num_warps
    assert (launched.shared, launched.stream) == (function.compiled.shared_bytes, 77)
    run([x, 2.5, -3])
    assert len(recorder.loaded) == 1, "a kernel is loaded once a device"


def test_other_sizes_launch_the_same_kernel_with_other_numbers() -> None:
    graph = suite.open_graph("open_softmax")
    made = compile_graph(graph, 90, {"n0": 3, "n1": 5})
    pretend, recorder = Pretend(), Recorder()
    run = Runners(Programs(graph), Cuda(found(made.functions), pretend, recorder))
    for n, m in ((3, 5), (1000, 70), (4, 100_000)):
        (y,) = run([pretend.empty((n, m), np.float32)])
        assert y.shape == (n, m)
    assert len(recorder.loaded) == 1
    assert [launched.programs for launched in recorder.launched] == [3, 1000, 4]
    names = [name for name, _ in made.functions[0].function.arguments]
    for launched, wanted in zip(recorder.launched, ((3, 5), (1000, 70), (4, 100_000)), strict=True):
        given = {name: word & 0xFFFFFFFF for name, word in zip(names, launched.words, strict=False)}
        assert (given["rows"], given["cols"], given["n0"]) == (*wanted, wanted[1])


def test_scratch_memory_is_given_where_a_kernel_asks_for_it() -> None:
    made = compile_graph(suite.graph("softmax"), 90)
    asks = [
        dataclasses.replace(f, compiled=dataclasses.replace(f.compiled, global_scratch_bytes=128))
        for f in made.functions
    ]
    pretend, recorder = Pretend(), Recorder()
    run = Runner(TritonProgram(suite.graph("softmax")), Cuda(found(asks), pretend, recorder))
    run([pretend.empty((suite.ROWS, suite.COLUMNS), np.float32)])
    given, hidden = len(asks[0].function.arguments), recorder.launched[0].words
    assert hidden[given] != 0
    assert hidden[given + 1] == 0
    assert 128 * programs(suite.graph("softmax")) in pretend.made


def test_parameters_that_are_no_scratch_are_refused() -> None:
    made = compile_graph(suite.graph("softmax"), 90)
    (f,) = made.functions
    needs = dataclasses.replace(f.resources, parameters=(*f.resources.parameters, (200, 8)))
    pretend = Pretend()
    run = Runner(
        TritonProgram(suite.graph("softmax")),
        Cuda(found([dataclasses.replace(f, resources=needs)]), pretend, Recorder()),
    )
    with pytest.raises(CudaError, match="takes 5 parameters where 2 and scratch were expected"):
        run([pretend.empty((suite.ROWS, suite.COLUMNS), np.float32)])


def test_memory_off_its_alignment_is_refused() -> None:
    _, pretend, _, run = prepared(suite.graph("softmax"))
    shifted = pretend.empty((suite.ROWS * suite.COLUMNS + 1,), np.float32)[1:].reshape(suite.ROWS, suite.COLUMNS)
    with pytest.raises(CudaError, match="aligned to 16 bytes"):
        run([shifted])


def test_products_are_the_array_modules_and_other_steps_are_refused_by_name() -> None:
    product = parse("graph p(%0: f32[8, 8]) {\n  %1: f32[8, 8] = matmul(%0, %0)\n  return %1\n}\n")
    _, pretend, recorder, run = prepared(product)
    x = pretend.empty((8, 8), np.float32)
    x[...] = np.arange(64).reshape(8, 8)
    (y,) = run([x])
    np.testing.assert_array_equal(np.asarray(y), np.asarray(x) @ np.asarray(x))
    assert recorder.launched == []
    text = "graph s(%0: f32[8]) {\n  %1: f32[8], %2: i64[8] = sort(%0; dim=0, descending=False)\n  return %1\n}\n"
    with pytest.raises(TypeError, match="sort has no kernel on a GPU: run it outside"):
        prepared(parse(text))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "takes 1 inputs, got 0"),
        ([np.zeros((17, 1029), np.float32)], "input 0 must be"),
        ([3.0], "input 0 must be"),
    ],
)
def test_wrong_inputs_are_named(given: list[Any], message: str) -> None:
    _, _, _, run = prepared(suite.graph("softmax"))
    with pytest.raises((TypeError, ValueError), match=message):
        run(given)


def test_without_a_driver_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> Any:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", nothing)
    with pytest.raises(CudaError, match=r"no NVIDIA driver: libcuda\.so\.1"):
        Driver()
