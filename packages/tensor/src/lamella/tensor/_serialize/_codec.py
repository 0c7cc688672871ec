"""An object as the pieces of a file, and back.

The metadata of the safetensors header carries the schema version, a JSON tree of the containers, and for every tensor
its kind, its metadata and its parts with a checksum each. Decoding checks all of it before it returns anything.
"""

from __future__ import annotations

import io
import json
import sys
import zlib
from collections.abc import Hashable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._errors import FileFormatError
from ._record import Rebuild, RecordOf, TensorRecord
from ._safetensors import CRC_KEY, DTYPES, MAX_HEADER_BYTES, Entry, layout, parse_header, parse_json, storable
from ._tree import Path, TreeError, expression, pack, unpack

__all__ = ["SCHEMA", "decode", "decode_stream", "encode"]

_Stream: TypeAlias = io.BytesIO | io.BufferedReader

SCHEMA = 1
_SCHEMA_KEY, _TREE_KEY = "lamella.schema", "lamella.tree"
# safetensors has no complex numbers that all its readers know: stored as pairs of floats
_COMPLEX: dict[np.dtype[Any], np.dtype[Any]] = {
    np.dtype(np.complex64): np.dtype(np.float32),
    np.dtype(np.complex128): np.dtype(np.float64),
}
_COMPLEX_NAMES = {dtype.name: dtype for dtype in _COMPLEX}


def encode(obj: object, record_of: RecordOf) -> list[bytes | memoryview]:
    """The bytes of a file that holds `obj`, in pieces; those of tensors are views of their memory.

    `record_of` gives the record of a tensor and None for anything else. TypeError and ValueError name the place.
    """
    encoder = _Encoder(record_of)
    root = pack(obj, encoder.tensor)
    tree = json.dumps({"root": root, "tensors": encoder.tensors}, separators=(",", ":"))
    head, arrays = layout(encoder.arrays, {_SCHEMA_KEY: str(SCHEMA), _TREE_KEY: tree})
    return [head, *(_bytes_of(array) for array in arrays if array.size)]


def _bytes_of(array: NDArray[Any]) -> memoryview:
    """The memory of a contiguous array."""
    return array.reshape(-1).view(np.uint8).data


class _Encoder:
    """Collects the tensors of one tree."""

    def __init__(self, record_of: RecordOf) -> None:
        if sys.byteorder != "little":
            raise NotImplementedError("save: files are little-endian and this machine is not")
        self.arrays: dict[str, NDArray[Any]] = {}
        self.tensors: list[dict[str, Any]] = []
        self._record_of = record_of
        self._index_of: dict[Hashable, int] = {}

    def tensor(self, value: object, path: Path) -> int | None:
        """The index of a tensor, stored at its first appearance; None for what is no tensor."""
        record = self._record_of(value)
        if record is None:
            return None
        if record.identity is not None:
            known = self._index_of.setdefault(record.identity, len(self.tensors))
            if known < len(self.tensors):
                return known
        name = ".".join(map(str, path)) or "tensor"
        parts = []
        for part, array in record.parts.items():
            place = expression(path) if len(record.parts) == 1 else f"part {part!r} of {expression(path)}"
            parts.append(self._part(part, array, name if len(record.parts) == 1 else f"{name}.{part}", place))
        self.tensors.append({"kind": record.kind, "meta": pack(dict(record.meta), _no_tensor), "parts": parts})
        return len(self.tensors) - 1

    def _part(self, part: str, array: NDArray[Any], name: str, place: str) -> dict[str, Any]:
        described: dict[str, Any] = {"part": part, "name": self._free(name)}
        stored = array if array.flags.c_contiguous else array.copy(order="C")
        if array.dtype in _COMPLEX:
            described["as"] = array.dtype.name
            stored = stored.reshape(-1).view(_COMPLEX[array.dtype]).reshape(*array.shape, 2)
        elif not storable(array.dtype):
            known = ", ".join(dtype.name for dtype in (*DTYPES.values(), *_COMPLEX))
            raise TypeError(f"save: {place} has the dtype {array.dtype}; expected one of {known}")
        described["crc32"] = zlib.crc32(_bytes_of(stored))
        self.arrays[described["name"]] = stored
        return described

    def _free(self, name: str) -> str:
        """A name that no other array has and that every reader can decode."""
        wanted = free = name.encode("utf-8", "replace").decode()
        count = 1
        while free in self.arrays or free == "__metadata__":
            count += 1
            free = f"{wanted}~{count}"
        return free


def _no_tensor(_value: object, _path: Path) -> None:
    return None


def decode(data: bytes, rebuild: Rebuild, source: str = "<bytes>") -> Any:
    """The object in `data`; `rebuild` makes the tensor of a record, once for all the places where it appears.

    FileFormatError for bytes that `encode` does not write. A ValueError, TypeError or LookupError of `rebuild` becomes
    one too.
    """
    return decode_stream(io.BytesIO(data), len(data), rebuild, source)


def decode_stream(stream: _Stream, size: int, rebuild: Rebuild, source: str) -> Any:
    """As `decode`, from a stream that holds `size` bytes."""
    if sys.byteorder != "little":
        raise NotImplementedError("load: files are little-endian and this machine is not")
    if size < 8:
        raise FileFormatError(source, f"the file has {size} bytes and ends inside the length of its header")
    length = int.from_bytes(_read(stream, 8, source), "little")
    if length > size - 8:
        raise FileFormatError(source, f"the header is said to have {length} bytes and {size - 8} are left")
    if length > MAX_HEADER_BYTES:
        raise FileFormatError(source, f"the header has {length} bytes; at most {MAX_HEADER_BYTES} are read")
    metadata, entries = parse_header(_read(stream, length, source), size - 8 - length, source)
    tree = _tree(metadata, source)
    arrays = {entry.name: _array(stream, entry, source) for entry in entries}
    try:
        return _Decoder(tree["tensors"], arrays, rebuild, source).root(tree["root"])
    except TreeError as error:
        raise FileFormatError(source, str(error)) from error


def _tree(metadata: dict[str, str], source: str) -> dict[str, Any]:
    if _SCHEMA_KEY not in metadata or _TREE_KEY not in metadata:
        raise FileFormatError(
            source, "a safetensors file without the tree that save() writes", "read it with the safetensors package"
        )
    if metadata[_SCHEMA_KEY] != str(SCHEMA):
        raise FileFormatError(
            source,
            f"the file has schema {metadata[_SCHEMA_KEY][:20]!r} and this version reads {SCHEMA}",
            "upgrade lamella-tensor, or load another copy of the file",
        )
    if CRC_KEY not in metadata:
        raise FileFormatError(source, "the header has no checksum")
    tree = parse_json(metadata[_TREE_KEY].encode("utf-8", "surrogatepass"), source, "tree")
    if not isinstance(tree, dict) or tree.keys() != {"root", "tensors"} or not isinstance(tree["tensors"], list):
        raise FileFormatError(source, "the tree is not made of root and tensors")
    return tree


def _read(stream: _Stream, count: int, source: str) -> bytes:
    out = bytearray(count)
    _fill(stream, memoryview(out), source)
    return bytes(out)


def _fill(stream: _Stream, out: memoryview, source: str) -> None:
    done = 0
    while done < len(out):
        got = stream.readinto(out[done:])
        if not got:
            raise FileFormatError(source, "the file became shorter while it was read")
        done += got


def _array(stream: _Stream, entry: Entry, source: str) -> NDArray[Any]:
    array = np.empty(entry.shape, entry.dtype)
    _fill(stream, _bytes_of(array), source)
    if entry.dtype == np.bool_ and (array.view(np.uint8) > 1).any():
        raise FileFormatError(source, f"tensor {entry.name[:80]!r} has a bool that is neither 0 nor 1")
    return array


class _Decoder:
    """Rebuilds the tensors of one tree, each once."""

    def __init__(self, tensors: list[Any], arrays: dict[str, NDArray[Any]], rebuild: Rebuild, source: str) -> None:
        self._arrays = arrays
        self._source = source
        self._rebuild = rebuild
        self._built: dict[int, object] = {}
        self._records = [self._record(described) for described in tensors]
        if arrays:
            raise FileFormatError(source, f"tensor {next(iter(arrays))[:80]!r} belongs to nothing in the tree")

    def root(self, node: Any) -> Any:
        """The object; every tensor must be used."""
        result = unpack(node, self._tensor)
        if len(self._built) != len(self._records):
            raise TreeError("a tensor has no place in the tree")
        return result

    def _tensor(self, index: int) -> object:
        if not 0 <= index < len(self._records):
            raise TreeError(f"the tree asks for tensor {index} of {len(self._records)}")
        if index not in self._built:
            record = self._records[index]
            try:
                self._built[index] = self._rebuild(record)
            except FileFormatError:
                raise
            except (ValueError, TypeError, LookupError) as error:
                raise FileFormatError(
                    self._source,
                    f"tensor {index} of kind {record.kind[:40]!r} cannot be rebuilt ({error})",
                    "if another package defines this kind, import that package first; if not, load another copy",
                ) from error
        return self._built[index]

    def _record(self, described: Any) -> TensorRecord:
        if not isinstance(described, dict) or described.keys() != {"kind", "meta", "parts"}:
            raise TreeError("a tensor is not described by kind, meta and parts")
        kind, parts = described["kind"], described["parts"]
        meta = unpack(described["meta"], _no_tensor_here)
        if not isinstance(kind, str) or not isinstance(parts, list) or not isinstance(meta, dict):
            raise TreeError("a tensor has a kind, meta or parts of the wrong type")
        arrays = dict(self._part(part) for part in parts)
        if len(arrays) != len(parts):
            raise TreeError("a tensor has a part twice")
        return TensorRecord(kind, arrays, meta)

    def _part(self, described: Any) -> tuple[str, NDArray[Any]]:
        if not isinstance(described, dict) or described.keys() - {"as"} != {"part", "name", "crc32"}:
            raise TreeError("a part of a tensor is not described by part, name and crc32")
        part, name = described["part"], described["name"]
        if not isinstance(part, str) or not isinstance(name, str) or name not in self._arrays:
            raise TreeError(f"the data of part {str(part)[:40]!r} is missing, or used twice")
        array = self._arrays.pop(name)
        if zlib.crc32(_bytes_of(array)) != described["crc32"]:
            raise FileFormatError(self._source, f"the data of tensor {name[:80]!r} does not match its checksum")
        return part, _as_complex(array, described["as"]) if "as" in described else array


def _as_complex(array: NDArray[Any], name: Any) -> NDArray[Any]:
    dtype = _COMPLEX_NAMES.get(name) if isinstance(name, str) else None
    if dtype is None or array.dtype != _COMPLEX[dtype] or array.shape[-1:] != (2,):
        raise TreeError(f"a part cannot be read as {str(name)[:40]!r}")
    return array.reshape(-1).view(dtype).reshape(array.shape[:-1])


def _no_tensor_here(_index: int) -> object:
    raise TreeError("the metadata of a tensor holds a tensor")
