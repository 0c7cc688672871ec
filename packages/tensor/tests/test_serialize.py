"""Saving and loading at the level of plain arrays: what goes around, what is refused, what a crash leaves behind."""

import errno
import json
import math
import os
import pickle
import signal
import stat
import subprocess
import sys
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamella.tensor._serialize import FileFormatError, TensorRecord, decode, encode, load, save
from lamella.tensor._serialize._safetensors import CRC_KEY, DTYPES, _header_crc
from lamella.tensor._serialize._tree import MAX_DEPTH

Array = np.ndarray[Any, Any]


class Tensor:
    """A stand-in: an array and a flag."""

    def __init__(self, array: Any, flag: bool = False) -> None:
        self.array: Array = np.asarray(array)
        self.flag = flag


class Quantized:
    """A stand-in for a storage of several parts."""

    def __init__(self, values: Array, scale: Array, axis: int | None) -> None:
        self.values, self.scale, self.axis = values, scale, axis


def record_of(value: object) -> TensorRecord | None:
    if isinstance(value, Tensor):
        return TensorRecord("dense", {"data": value.array}, {"flag": value.flag}, identity=id(value))
    if isinstance(value, Quantized):
        return TensorRecord("quantized", {"values": value.values, "scale": value.scale}, {"axis": value.axis})
    return None


def rebuild(record: TensorRecord) -> object:
    if record.kind == "dense":
        return Tensor(record.parts["data"], record.meta["flag"])
    if record.kind == "quantized":
        return Quantized(record.parts["values"], record.parts["scale"], record.meta["axis"])
    raise ValueError(f"unknown kind {record.kind!r}")


def to_bytes(obj: object) -> bytes:
    return b"".join(encode(obj, record_of))


def around(obj: object) -> Any:
    return decode(to_bytes(obj), rebuild)


def same(a: Any, b: Any) -> bool:
    """Equal in structure, types and bits."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(type(x) is type(y) for x, y in zip(a, b, strict=True)) and same_all(a, b)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, Tensor):
        return a.flag is b.flag and same(a.array, b.array)
    if isinstance(a, Quantized):
        return a.axis == b.axis and same(a.values, b.values) and same(a.scale, b.scale)
    if isinstance(a, np.ndarray):
        return bool(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())
    if isinstance(a, float):
        return math.isnan(b) if math.isnan(a) else math.copysign(1, a) == math.copysign(1, b) and a == b
    return bool(a == b)


def same_all(a: dict[Any, Any], b: dict[Any, Any]) -> bool:
    return all(same(a[key], b[key]) for key in a)


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.integers(2**62, 2**200), st.floats(), st.text())
STORED = [*DTYPES.values(), np.dtype(np.complex64), np.dtype(np.complex128)]


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    dtype = draw(st.sampled_from(STORED))
    shape = tuple(draw(st.lists(st.integers(0, 3), max_size=3)))
    size = math.prod(shape) * dtype.itemsize
    raw = np.frombuffer(draw(st.binary(min_size=size, max_size=size)), np.uint8)
    array = (raw > 127).view(dtype) if dtype == np.bool_ else raw.view(dtype)
    array = array.reshape(shape)
    return Tensor(array.T if draw(st.booleans()) else array, draw(st.booleans()))


TREES = st.recursive(
    st.one_of(SCALARS, tensors()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.one_of(st.text(max_size=5), st.integers()), inner, max_size=4),
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(TREES)
def test_everything_comes_back(tree: Any) -> None:
    assert same(around(tree), tree)


@settings(max_examples=50, deadline=None)
@given(TREES)
def test_the_safetensors_library_reads_the_same_arrays(tree: Any) -> None:
    safetensors = pytest.importorskip("safetensors")
    stored = {
        name: (info["dtype"], info["shape"], bytes(info["data"]))
        for name, info in safetensors.deserialize(to_bytes(tree))
    }
    expected = encode_arrays(tree)
    assert stored.keys() == expected.keys()
    for name, array in expected.items():
        assert stored[name][1] == list(array.shape)
        assert stored[name][2] == array.tobytes()


def encode_arrays(tree: Any) -> dict[str, Array]:
    """What a file of `tree` holds, collected through this package's own reader."""
    from lamella.tensor._serialize._safetensors import parse_header

    data = to_bytes(tree)
    length = int.from_bytes(data[:8], "little")
    _, entries = parse_header(data[8 : 8 + length], len(data) - 8 - length, "test")
    body = data[8 + length :]
    return {e.name: np.frombuffer(body[e.begin : e.end], e.dtype).reshape(e.shape) for e in entries}


def test_other_readers_see_the_names_of_the_tree(tmp_path: Path) -> None:
    numpy_reader = pytest.importorskip("safetensors.numpy")
    weight = Tensor(np.arange(6, dtype=np.float32).reshape(2, 3))
    model = {"conv.weight": weight, "blocks": [{"bias": Tensor(np.float64(2))}], "q": Quantized(*quantized_parts())}
    path = tmp_path / "model.safetensors"
    save({"model": model, "tied": weight}, path, record_of)
    loaded = numpy_reader.load_file(path)
    assert set(loaded) == {"model.conv.weight", "model.blocks.0.bias", "model.q.values", "model.q.scale"}
    assert np.array_equal(loaded["model.conv.weight"], weight.array)


def quantized_parts() -> tuple[Array, Array, int | None]:
    return np.array([[1, -2], [3, 127]], np.int8), np.array([0.5, 0.25], np.float32), 0


def test_names_that_collide_are_told_apart() -> None:
    tree = {
        "a.b": Tensor(1.0),
        "a": {"b": Tensor(2.0)},
        "__metadata__": Tensor(3.0),
        "\ud800": Tensor(4.0),
        "?": Tensor(5.0),
    }
    assert same(around(tree), tree)
    assert set(encode_arrays(tree)) == {"a.b", "a.b~2", "__metadata__~2", "?", "?~2"}


def test_tied_tensors_are_stored_once_and_come_back_tied() -> None:
    shared = Tensor(np.zeros(1000))
    twin = Tensor(np.zeros(1000))
    tree = {"in": shared, "out": [shared], "twin": twin}
    assert len(to_bytes(tree)) < 2 * 8000 + 2000
    loaded = around(tree)
    assert loaded["in"] is loaded["out"][0]
    assert loaded["in"] is not loaded["twin"]


def test_storages_of_several_parts_come_back() -> None:
    tree = [Quantized(*quantized_parts())]
    assert same(around(tree), tree)


def test_loaded_arrays_own_aligned_writable_memory() -> None:
    tree = [Tensor(np.ones(3, np.int8)), Tensor(np.ones(2)), Tensor(np.ones((2, 2), np.complex128))]
    for tensor in around(tree):
        assert tensor.array.flags.writeable
        assert tensor.array.flags.aligned
        tensor.array[...] = 0


def test_the_same_object_gives_the_same_bytes() -> None:
    tree = {"b": Tensor([1, 2]), "a": 1.5}
    assert to_bytes(tree) == to_bytes(tree)


Point = namedtuple("Point", "x y")
CYCLE: list[Any] = []
CYCLE.append({"again": CYCLE})


def nest(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


REFUSED: dict[str, tuple[Any, type[Exception], str]] = {
    "bytes": ({"a": [b"x"]}, TypeError, r"obj\['a'\]\[0\] is a builtins.bytes; expected a tensor"),
    "numpy scalar": ([np.float32(1)], TypeError, r"numpy\.float32"),
    "float subclass": ([np.float64(1)], TypeError, r"numpy\.float64"),
    "ordered": (OrderedDict(a=1), TypeError, "OrderedDict.*exactly these types"),
    "namedtuple": (Point(1, 2), TypeError, "Point"),
    "set": ({1}, TypeError, "set"),
    "bool key": ({True: 1}, TypeError, "key True of type bool"),
    "float key": ({"a": {1.5: 1}}, TypeError, r"obj\['a'\] has the key 1.5 of type float"),
    "none key": ({None: 1}, TypeError, "NoneType"),
    "cycle": (CYCLE, ValueError, r"obj\[0\]\['again'\] contains itself"),
    "depth": (nest(MAX_DEPTH + 1), ValueError, "nests deeper than 64"),
    "dtype": (
        {"w": Tensor(np.zeros(2, ">f4"))},
        TypeError,
        r"obj\['w'\] has the dtype >f4; expected one of bool, uint8",
    ),
    "part dtype": (
        [Quantized(np.array(["x"]), np.zeros(1), None)],
        TypeError,
        r"part 'values' of obj\[0\] has the dtype <U1",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_saved_is_named(name: str, tmp_path: Path) -> None:
    value, error, message = REFUSED[name]
    path = tmp_path / "x"
    save("old", path, record_of)
    with pytest.raises(error, match=message):
        save(value, path, record_of)
    assert load(path, rebuild) == "old"
    assert os.listdir(tmp_path) == ["x"]


def test_the_deepest_tree_goes_around() -> None:
    assert around(nest(MAX_DEPTH)) == nest(MAX_DEPTH)
    shared = [1]
    assert around([shared, shared]) == [[1], [1]]


def test_too_large_a_tree_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lamella.tensor._serialize._safetensors._MAX_VALUES", 100)
    with pytest.raises(ValueError, match=r"100 values.*tensors"):
        to_bytes(list(range(200)))


# Files --------------------------------------------------------------------------------------------------------------


def test_save_keeps_permissions_and_follows_links(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    save(1, real, record_of)
    if os.name != "nt":
        real.chmod(0o600)
        link.symlink_to(real)
        save(2, link, record_of)
        assert link.is_symlink()
        assert stat.S_IMODE(real.stat().st_mode) == 0o600
        assert load(real, rebuild) == 2


def test_odd_paths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"folder.*does not exist; create it"):
        save(1, tmp_path / "no" / "x", record_of)
    with pytest.raises(ValueError, match="not a regular file"):
        save(1, tmp_path, record_of)
    with pytest.raises(FileFormatError, match="not a regular file"):
        load(tmp_path, rebuild)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing", rebuild)
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(FileFormatError, match="not a regular file"):
            load(tmp_path / "pipe", rebuild)


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "disk full"), KeyboardInterrupt(), MemoryError()])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(
    call: str, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    save("old", path, record_of)

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(type(error)):
        save("new", path, record_of)
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["x"]
    assert load(path, rebuild) == "old"


def test_a_folder_that_cannot_be_synced_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not here")
        whole(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    save(1, tmp_path / "x", record_of)
    assert load(tmp_path / "x", rebuild) == 1


INTERRUPTED = """
import sys
import numpy as np
from lamella.tensor._serialize import TensorRecord, save
arrays = [np.full(1 << 20, i, np.uint8) for i in range(40)]
print("ready", flush=True)
while True:
    save(arrays, sys.argv[1], lambda v: TensorRecord("d", {"data": v}) if isinstance(v, np.ndarray) else None)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal that interrupts another process alone")
@pytest.mark.parametrize("which", ["SIGINT", "SIGKILL"])
def test_an_interrupted_program_leaves_a_whole_file(which: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    save([], path, record_of)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    program = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    assert program.stdout is not None
    assert program.stdout.readline() == b"ready\n"
    while path.stat().st_size < 1000:  # until the first whole save: after that, another is always under way
        assert program.poll() is None
    program.send_signal(getattr(signal, which))
    program.communicate()
    loaded = load(path, lambda record: record.parts["data"])
    assert [int(a[0]) for a in loaded] == list(range(40))
    if which == "SIGINT":
        assert os.listdir(tmp_path) == ["x"]


# Hostile files ------------------------------------------------------------------------------------------------------

Edit = Callable[[dict[str, Any]], None]
SAMPLE = {"w": Tensor(np.arange(6, dtype=np.float32).reshape(2, 3)), "b": Tensor([True, False]), "z": Tensor(1 + 2j)}


def edited(edit: Edit, tree_edit: Edit | None = None) -> bytes:
    """The sample with an edited header whose checksum is right again: what a careful attacker would send."""
    data = to_bytes(SAMPLE)
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    if tree_edit is not None:
        tree = json.loads(header["__metadata__"]["lamella.tree"])
        tree_edit(tree)
        header["__metadata__"]["lamella.tree"] = json.dumps(tree)
    edit(header)
    metadata = header.get("__metadata__")
    if isinstance(metadata, dict) and CRC_KEY in metadata:
        metadata[CRC_KEY] = _header_crc(header)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def put(*path: str, value: Any) -> Edit:
    def edit(header: dict[str, Any]) -> None:
        at: Any = header
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value

    return edit


def with_text(text: bytes) -> bytes:
    return len(text).to_bytes(8, "little") + text


def nothing(_: dict[str, Any]) -> None:
    return None


def drop(*path: str) -> Edit:
    def edit(header: dict[str, Any]) -> None:
        at: Any = header
        for key in path[:-1]:
            at = at[key]
        del at[path[-1]]

    return edit


def tensor_edit(**changes: Any) -> Edit:
    return lambda tree: tree["tensors"][0].update(changes)


def part_edit(**changes: Any) -> Edit:
    return lambda tree: tree["tensors"][0]["parts"][0].update(changes)


META = "__metadata__"
HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "has 0 bytes"),
    "short": (b"1234567", "has 7 bytes"),
    "length": ((2**63).to_bytes(8, "little") + b"{}", "said to have 9223372036854775808 bytes and 2 are left"),
    "large": ((65 << 20).to_bytes(8, "little") + bytes(65 << 20), "at most 67108864"),
    "not json": (with_text(b"hello"), "header is not JSON"),
    "not utf-8": (with_text(b'{"\xff":1}'), "header is not JSON"),
    "nan": (with_text(b'{"a":NaN}'), "NaN"),
    "digits": (with_text(b'{"a":' + b"1" * 5000 + b"}"), "header is not JSON"),
    "list": (with_text(b"[]"), "not a JSON object"),
    "number": (with_text(b"1"), "not a JSON object"),
    "depth bomb": (with_text(b"[" * 200_000), "too deep|not JSON"),
    "closed depth bomb": (with_text(b"[" * 200_000 + b"]" * 200_000), "too deep"),
    "value bomb": (with_text(b"[" + b"0," * 9_000_000 + b"0]"), "more than 8000000 values"),
    "duplicate": (with_text(b'{"__metadata__":{},"__metadata__":{}}'), "key twice"),
    "no metadata": (edited(drop(META)), "no __metadata__"),
    "metadata type": (edited(put(META, "x", value=1)), "no __metadata__ of strings"),
    "foreign": (edited(drop(META, "lamella.tree")), "read it with the safetensors package"),
    "newer": (edited(put(META, "lamella.schema", value="2")), "schema '2'.*upgrade"),
    "no checksum": (edited(drop(META, CRC_KEY)), "no checksum"),
    "entry type": (edited(put("w", value=[])), "'w' is not described"),
    "entry keys": (edited(put("w", "more", value=1)), "'w' is not described"),
    "dtype": (edited(put("w", "dtype", value="F31")), "'w' has the dtype 'F31'; expected one of BOOL"),
    "dtype type": (edited(put("w", "dtype", value=[])), "has the dtype"),
    "shape type": (edited(put("w", "shape", value=6)), "not a list"),
    "shape bool": (edited(put("w", "shape", value=[True, 6])), "not a list"),
    "shape float": (edited(put("w", "shape", value=[2.0, 3])), "not a list"),
    "shape negative": (edited(put("w", "shape", value=[-2, -3])), "not a list"),
    "shape long": (edited(put("w", "shape", value=[1] * 65)), "at most 64"),
    "shape huge": (edited(put("w", "shape", value=[2**62, 2**62])), r"more than 2\*\*63"),
    "shape huge and empty": (edited(put("w", "shape", value=[0, 2**63])), r"more than 2\*\*63"),
    "shape wrong": (edited(put("w", "shape", value=[2, 4])), "24 bytes of data; its dtype and shape ask for 32"),
    "offsets type": (edited(put("w", "data_offsets", value={})), "begin and an end"),
    "offsets count": (edited(put("w", "data_offsets", value=[0])), "begin and an end"),
    "offsets order": (edited(put("w", "data_offsets", value=[24, 0])), "begin and an end"),
    "offsets bounds": (edited(put("w", "data_offsets", value=[2**40, 2**40 + 24])), "gap"),
    "overlap": (edited(put("w", "data_offsets", value=[0, 24])), "overlaps"),
    "left over": (to_bytes(SAMPLE) + b"\0", "describes 42 bytes of data and 43"),
    "truncated": (to_bytes(SAMPLE)[:-1], "describes 42 bytes of data and 41"),
    "bool": (to_bytes(SAMPLE)[:-1] + b"\2", "neither 0 nor 1"),
    "bit": (to_bytes(SAMPLE)[:-1] + b"\1", "data of tensor 'b' does not match its checksum"),
    "tree json": (edited(put(META, "lamella.tree", value="{")), "tree is not JSON"),
    "tree surrogate": (edited(put(META, "lamella.tree", value="\ud800")), "tree is not JSON"),
    "tree type": (edited(put(META, "lamella.tree", value="[]")), "root and tensors"),
    "tree bomb": (edited(put(META, "lamella.tree", value="[" * 100_000 + "]" * 100_000)), "tree nests too deep"),
    "tree deep": (edited(nothing, put("root", value=nest(65))), "deeper than 64"),
    "tree kind": (edited(nothing, put("root", value={"pickle": "x"})), "kind 'pickle'"),
    "tree kinds": (edited(nothing, put("root", value={"list": [], "dict": []})), "2 kinds"),
    "tree content": (edited(nothing, put("root", value={"tuple": 1})), "wrong content"),
    "tree big": (edited(nothing, put("root", value=2**70)), "hexadecimal"),
    "tree small": (edited(nothing, put("root", value={"int": "0x5"})), "fits 64 bits"),
    "tree hex": (edited(nothing, put("root", value={"int": "0x5_0"})), "hexadecimal"),
    "tree float": (edited(put(META, "lamella.tree", value='{"root":1e999,"tensors":[]}'), None), "belongs|too large"),
    "tree nan": (edited(nothing, put("root", value={"float": "NAN"})), "kind 'float'"),
    "pair": (edited(nothing, put("root", value={"dict": [["a"]]})), "not a pair"),
    "key type": (edited(nothing, put("root", value={"dict": [[1.5, 1]]})), "neither str nor int"),
    "key bool": (edited(nothing, put("root", value={"dict": [[True, 1]]})), "neither str nor int"),
    "key twice": (edited(nothing, put("root", value={"dict": [["a", 1], ["a", 2]]})), "'a' twice"),
    "index": (edited(nothing, put("root", value={"tensor": 3})), "tensor 3 of 3"),
    "negative index": (edited(nothing, put("root", value={"tensor": -1})), "tensor -1 of 3"),
    "bool index": (edited(nothing, put("root", value={"tensor": True})), "wrong content"),
    "unused": (edited(nothing, put("root", value={"tensor": 0})), "no place in the tree"),
    "record": (edited(nothing, put("tensors", value=[1])), "kind, meta and parts"),
    "record keys": (edited(nothing, tensor_edit(more=1)), "kind, meta and parts"),
    "record kind": (edited(nothing, tensor_edit(kind=1)), "wrong type"),
    "record meta": (edited(nothing, tensor_edit(meta=1)), "wrong type"),
    "record meta tensor": (edited(nothing, tensor_edit(meta={"tensor": 0})), "metadata of a tensor holds a tensor"),
    "record unknown": (
        edited(nothing, tensor_edit(kind="magic")),
        "kind 'magic' cannot be rebuilt.*import that package",
    ),
    "record incomplete": (edited(nothing, tensor_edit(meta={"dict": []})), "cannot be rebuilt"),
    "part": (edited(nothing, tensor_edit(parts=[1])), "part, name and crc32"),
    "part twice": (
        edited(nothing, lambda t: t["tensors"][0]["parts"].append({**t["tensors"][1]["parts"][0]})),
        "part twice",
    ),
    "part missing": (edited(nothing, part_edit(name="q")), "missing, or used twice"),
    "part shared": (edited(nothing, part_edit(name="b")), "checksum|used twice"),
    "part name": (edited(nothing, part_edit(name=[])), "missing, or used twice"),
    "part crc": (edited(nothing, part_edit(crc32=True)), "checksum"),
    "part as": (edited(nothing, part_edit(**{"as": "complex64"})), "cannot be read as 'complex64'"),
    "part as type": (edited(nothing, part_edit(**{"as": 1})), "cannot be read as"),
    "no parts": (edited(nothing, tensor_edit(parts=[])), "belongs to nothing"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_raise_one_error(name: str, tmp_path: Path) -> None:
    data, message = HOSTILE[name]
    path = tmp_path / "hostile"
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match=message) as caught:
        load(path, rebuild)
    assert str(caught.value).startswith(str(path))
    assert caught.value.advice


def test_the_hostile_editor_itself_changes_nothing() -> None:
    assert same(decode(edited(nothing, nothing), rebuild), SAMPLE)


def test_the_error_keeps_its_fields_in_a_pickle() -> None:
    error = pickle.loads(pickle.dumps(FileFormatError("a.st", "too short", "get another")))
    assert (error.source, error.problem, error.advice) == ("a.st", "too short", "get another")
    assert str(error) == "a.st: too short; get another"
    assert isinstance(error, ValueError)


# Golden file --------------------------------------------------------------------------------------------------------

GOLDEN = Path(__file__).parent / "vectors" / "schema-1.safetensors"


def golden_object() -> Any:
    """What schema-1.safetensors holds; `python test_serialize.py` wrote it, and it is never written again."""
    shared = Tensor(np.array([[1.5, -2.0], [np.inf, 0.0]], np.float32), flag=True)
    every = {d.name: Tensor(np.array([[0, 1], [1, 0]]).astype(d)) for d in STORED}
    return {
        "model": {"weight": shared, "tied": shared, "empty": Tensor(np.zeros((0, 3)))},
        "dtypes": every,
        "quantized": Quantized(*quantized_parts()),
        "scalars": [None, True, -1, 2**63, -(2**100), 0.1, -0.0, math.nan, math.inf, -math.inf, "text \u00e9 \ud800"],
        "tuple": ((), (1, [2, (3,)])),
        7: {"int key": {-(2**70): "big"}},
    }


def test_a_file_of_schema_1_keeps_loading() -> None:
    loaded = load(GOLDEN, rebuild)
    assert same(loaded, golden_object())
    assert loaded["model"]["weight"] is loaded["model"]["tied"]


if __name__ == "__main__":
    save(golden_object(), GOLDEN, record_of)
