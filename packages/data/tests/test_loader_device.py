"""Page-locked memory and copies to a device, over a CuPy made of numpy; `nox -s gpu` asks the real one."""

import sys
import threading
import types
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest

from lamella.data import DataLoader, DevicePrefetcher, TableDataset, prefetch_to_device


class DeviceArray:
    """An array that only CuPy may touch."""

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.values = np.zeros(shape, dtype)

    def set(self, array: np.ndarray[Any, Any], stream: Any = None) -> None:
        assert stream.entered
        assert array.flags.c_contiguous
        stream.copies.append((self, array))


class Stream:
    """Copies when it is waited for, as a busy GPU would."""

    made: ClassVar[list["Stream"]] = []

    def __init__(self, non_blocking: bool = False) -> None:
        assert non_blocking
        self.copies: list[tuple[DeviceArray, np.ndarray[Any, Any]]] = []
        self.entered = False
        self.thread = threading.current_thread().name
        Stream.made.append(self)

    def __enter__(self) -> "Stream":
        self.entered = True
        return self

    def __exit__(self, *error: object) -> None:
        self.entered = False

    def synchronize(self) -> None:
        for target, source in self.copies:
            target.values[...] = source


class Device:
    def __init__(self, number: int | None = None) -> None:
        self.number = number

    def __enter__(self) -> "Device":
        return self

    def __exit__(self, *error: object) -> None:
        pass


@pytest.fixture
def cupy(monkeypatch: pytest.MonkeyPatch) -> Any:
    module: Any = types.ModuleType("cupy")
    module.locked, module.threads = [], []

    def alloc(size: int) -> memoryview:
        memory = bytearray(size + 64)  # CuPy hands out more than was asked for
        module.threads.append(threading.current_thread().name)
        module.locked.append(np.frombuffer(memory, np.uint8).__array_interface__["data"][0])
        return memoryview(memory)

    module.empty = DeviceArray
    module.cuda = types.SimpleNamespace(
        runtime=types.SimpleNamespace(getDeviceCount=lambda: 1, CUDARuntimeError=RuntimeError),
        alloc_pinned_memory=alloc,
        Stream=Stream,
        Device=Device,
    )
    Stream.made.clear()
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


@pytest.fixture
def no_cupy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)


class Pair(NamedTuple):
    x: Any
    name: Any


def table(rows: int) -> TableDataset:
    return TableDataset({"id": np.arange(rows), "x": np.arange(2.0 * rows).reshape(rows, 2)})


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", ["positions", "stream", "iterated"])
def test_pinned_batches_lie_in_page_locked_memory(cupy: Any, workers: int, kind: str) -> None:
    records = [{"id": number, "x": np.array([2.0 * number, 2.0 * number + 1])} for number in range(10)]
    data: Any = {"positions": table(10), "stream": table(10).stream(), "iterated": iter(records)}[kind]
    loader = DataLoader(data, 4, pin_memory=True, num_workers=min(workers, 1 + (kind != "iterated")))
    for number, batch in enumerate(loader):
        for name in ("id", "x"):
            array = batch[name].numpy()
            assert array.__array_interface__["data"][0] in cupy.locked
            assert np.array_equal(array, table(10).column(name)[4 * number : 4 * number + 4])
    assert number == 2
    assert len(cupy.locked) == 6  # once each
    assert {thread.startswith("lamella-data") for thread in cupy.threads} == {workers > 0}


def test_pinning_keeps_structure_text_and_empty_arrays(cupy: Any) -> None:
    records = [Pair(np.zeros((0, 3)), "a"), Pair(np.ones((0, 3)), "b")]
    (batch,) = DataLoader(records, 2, pin_memory=True)
    assert type(batch) is Pair
    assert batch.x.shape == (2, 0, 3)
    assert batch.name == ["a", "b"]


@pytest.mark.usefixtures("no_cupy")
def test_without_a_gpu_pinning_is_a_warning_in_every_pass() -> None:
    loader = DataLoader(table(4), 4, pin_memory=True)
    for _ in range(2):
        with pytest.warns(UserWarning, match="pin_memory=True, but there is no GPU") as caught:
            assert len(list(loader)) == 1
        assert caught[0].filename == __file__


def test_a_machine_without_a_device_has_no_gpu(cupy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_driver() -> int:
        raise RuntimeError("cudaErrorNoDevice")

    for count in (lambda: 0, no_driver):
        monkeypatch.setattr(cupy.cuda.runtime, "getDeviceCount", count)
        with pytest.raises(RuntimeError, match="needs a GPU and CuPy"):
            prefetch_to_device(DataLoader(table(4)), "cuda")


@pytest.mark.parametrize("pinned", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 9])
def test_batches_arrive_on_the_device_in_order(cupy: Any, depth: int, pinned: bool) -> None:
    loader = DataLoader(table(22), 4, shuffle=True, pin_memory=pinned)
    alone = DataLoader(table(22), 4, shuffle=True)
    ahead = prefetch_to_device(loader, "cuda:0", depth)
    assert len(ahead) == 6
    for _ in range(2):
        for there, here in zip(ahead, alone, strict=True):
            for name in ("id", "x"):
                assert isinstance(there[name], DeviceArray)
                assert np.array_equal(there[name].values, here[name].numpy())
    sources = [source.__array_interface__["data"][0] for stream in Stream.made for _, source in stream.copies]
    assert len(sources) == 24
    assert set(sources) <= set(cupy.locked)
    assert len(cupy.locked) == 24  # a batch that is page-locked already is not copied once more
    assert all(stream.thread.startswith("lamella-data-device") for stream in Stream.made)


@pytest.mark.parametrize("stop", [0, 1, 3, 6])
def test_a_state_tells_of_what_was_given_and_not_of_what_is_on_its_way(stop: int) -> None:
    def make() -> DevicePrefetcher:
        return prefetch_to_device(DataLoader(table(22), 4, shuffle=True), "cpu", depth=3)

    def ids(batches: Any) -> list[list[int]]:
        return [batch["id"].numpy().tolist() for batch in batches]

    whole = make()
    epochs = [ids(whole), ids(whole)]
    ahead = make()
    batches = iter(ahead)
    taken = ids(next(batches) for _ in range(stop))
    state = ahead.state_dict()
    assert state["step"] == stop
    resumed = make()
    resumed.load_state_dict(state)
    assert taken + ids(resumed) == epochs[0]
    assert ids(resumed) == epochs[1]
    assert resumed.state_dict() == DataLoader(table(22), 4, shuffle=True).state_dict() | {"epoch": 2}
    resumed.set_epoch(0)
    assert ids(resumed) == epochs[0]


def test_errors_come_through_and_a_pass_left_early_ends() -> None:
    class Broken:
        def __len__(self) -> int:
            return 5

        def __getitem__(self, index: int) -> int:
            if index == 3:
                raise OSError("disk on fire")
            return index

    batches = iter(prefetch_to_device(DataLoader(Broken(), 1), "cpu"))
    assert [int(next(batches).numpy()[0]) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="disk on fire") as caught:
        next(batches)
    assert any("record 3 of Broken" in note for note in caught.value.__notes__)
    for _ in prefetch_to_device(DataLoader(table(20), 4), "cpu"):
        break
    for thread in threading.enumerate():
        if thread.name.startswith("lamella-data-device"):
            thread.join(30)
            assert not thread.is_alive()
    assert list(prefetch_to_device([1, 2, 3], "cpu")) == [1, 2, 3]


BAD: list[tuple[str, Any, dict[str, Any], type[Exception], str]] = [
    ("loader", 3, {}, TypeError, "loader must be iterable, got int"),
    ("device", [1], {"device": "tpu"}, ValueError, "device must be 'cuda', 'cuda:N' or 'cpu', got 'tpu'"),
    ("number", [1], {"device": "cuda:x"}, ValueError, "got 'cuda:x'"),
    ("depth", [1], {"device": "cpu", "depth": 0}, ValueError, "depth must be an int >= 1, got 0"),
    ("gpu", [1], {"device": "cuda"}, RuntimeError, "device 'cuda' needs a GPU and CuPy"),
]


@pytest.mark.usefixtures("no_cupy")
@pytest.mark.parametrize(("loader", "options", "error", "message"), [row[1:] for row in BAD], ids=[r[0] for r in BAD])
def test_bad_arguments(loader: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        prefetch_to_device(loader, **options)
    with pytest.raises(TypeError, match="a list has no position; pass a DataLoader"):
        prefetch_to_device([1], "cpu").state_dict()
