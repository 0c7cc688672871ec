"""The safetensors container: 8 bytes of header length, a JSON header, then the arrays without holes.

`layout` writes it so that any safetensors reader can read it; `parse_header` trusts nothing: after it, every entry lies
inside the file, none overlap, nothing is left over, and each has the size that its dtype and shape ask for.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from .._errors import FileFormatError

__all__ = ["CRC_KEY", "DTYPES", "MAX_HEADER_BYTES", "Entry", "layout", "parse_header", "parse_json", "storable"]

DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "U8": np.dtype(np.uint8),
    "U16": np.dtype(np.uint16),
    "U32": np.dtype(np.uint32),
    "U64": np.dtype(np.uint64),
    "I8": np.dtype(np.int8),
    "I16": np.dtype(np.int16),
    "I32": np.dtype(np.int32),
    "I64": np.dtype(np.int64),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F32": np.dtype(np.float32),
    "F64": np.dtype(np.float64),
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}

MAX_HEADER_BYTES = 64 << 20
# A value takes up to about 100 bytes once parsed and as little as 2 in the file.
_MAX_VALUES = 8_000_000
_MAX_DIMS = 64
CRC_KEY = "lamella.crc32"


@dataclass(frozen=True)
class Entry:
    """One array of the file; begin and end count bytes from the end of the header."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int
    end: int


def layout(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> tuple[bytes, list[NDArray[Any]]]:
    """The length and header bytes, and the arrays in the order in which they follow.

    Wide items come first: with a header padded to 8 bytes every array is aligned. ValueError for too large a header.
    """
    order = sorted(arrays, key=lambda name: -arrays[name].dtype.itemsize)
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    position = 0
    for name in order:
        array = arrays[name]
        end = position + array.nbytes
        header[name] = {"dtype": _NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [position, end]}
        position = end
    header["__metadata__"][CRC_KEY] = _header_crc(header)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER_BYTES or _value_count(text) > _MAX_VALUES:
        raise ValueError(
            f"save: the tree of containers takes {len(text)} bytes as JSON; at most {MAX_HEADER_BYTES} bytes and "
            f"{_MAX_VALUES} values can be loaded again: store long lists of numbers as tensors"
        )
    return len(text).to_bytes(8, "little") + text, [arrays[name] for name in order]


def _value_count(text: bytes) -> int:
    """An upper bound of the JSON values in a text."""
    return text.count(b",") + text.count(b"[") + text.count(b"{") + 1


def _header_crc(header: dict[str, Any]) -> str:
    """The checksum of everything in a header but the checksum."""
    metadata = {key: value for key, value in header["__metadata__"].items() if key != CRC_KEY}
    text = json.dumps({**header, "__metadata__": metadata}, sort_keys=True, separators=(",", ":"))
    return f"{zlib.crc32(text.encode()):08x}"


def parse_json(text: bytes, source: str, what: str) -> Any:
    """JSON without duplicate keys or NaN literals, within bounds; FileFormatError otherwise."""
    if _value_count(text) > _MAX_VALUES:
        raise FileFormatError(source, f"the {what} has more than {_MAX_VALUES} values")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise FileFormatError(source, f"the {what} has a key twice")
        return result

    def constant(word: str) -> Any:
        raise FileFormatError(source, f"the {what} has the number {word}, which is not JSON")

    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=unique, parse_constant=constant)
    except FileFormatError:
        raise
    except RecursionError as error:
        raise FileFormatError(source, f"the {what} nests too deep") from error
    except ValueError as error:  # not UTF-8, not JSON, or a number of thousands of digits
        raise FileFormatError(source, f"the {what} is not JSON ({error})") from error


def parse_header(text: bytes, data_size: int, source: str) -> tuple[dict[str, str], list[Entry]]:
    """Metadata and entries, in the order of the data, of a header that is followed by `data_size` bytes."""
    header = parse_json(text, source, "header")
    if not isinstance(header, dict):
        raise FileFormatError(source, "the header is not a JSON object")
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise FileFormatError(source, "the header has no __metadata__ of strings")
    entries = [_entry(name, value, source) for name, value in header.items() if name != "__metadata__"]
    entries.sort(key=lambda entry: (entry.begin, entry.end))
    position = 0
    for entry in entries:
        if entry.begin != position:
            wrong = "overlaps another" if entry.begin < position else "leaves a gap before it"
            raise FileFormatError(source, f"tensor {entry.name[:80]!r} {wrong}")
        position = entry.end
    if position != data_size:
        raise FileFormatError(source, f"the header describes {position} bytes of data and {data_size} are there")
    if CRC_KEY in metadata and metadata[CRC_KEY] != _header_crc(header):
        raise FileFormatError(source, "the header does not match its checksum")
    return metadata, entries


def _entry(name: str, value: Any, source: str) -> Entry:
    where = f"tensor {name[:80]!r}"
    if not isinstance(value, dict) or value.keys() != {"dtype", "shape", "data_offsets"}:
        raise FileFormatError(source, f"{where} is not described by dtype, shape and data_offsets")
    dtype = DTYPES.get(value["dtype"]) if isinstance(value["dtype"], str) else None
    if dtype is None:
        raise FileFormatError(
            source, f"{where} has the dtype {str(value['dtype'])[:40]!r}; expected one of {', '.join(DTYPES)}"
        )
    shape, offsets = value["shape"], value["data_offsets"]
    if not _counts(shape) or len(shape) > _MAX_DIMS:
        raise FileFormatError(source, f"{where} has a shape that is not a list of at most {_MAX_DIMS} sizes")
    if not _counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise FileFormatError(source, f"{where} has data_offsets that are not a begin and an end")
    # numpy refuses shapes that overflow even where another size is 0
    if math.prod(max(size, 1) for size in shape) * dtype.itemsize >= 1 << 63:
        raise FileFormatError(source, f"{where} has a shape of more than 2**63 bytes")
    begin, end = offsets
    size = math.prod(shape) * dtype.itemsize
    if end - begin != size:
        raise FileFormatError(source, f"{where} has {end - begin} bytes of data; its dtype and shape ask for {size}")
    return Entry(name, dtype, tuple(shape), begin, end)


def _counts(values: Any) -> bool:
    """Whether this is a list of non-negative ints."""
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def storable(dtype: np.dtype[Any]) -> bool:
    """Whether arrays of this dtype can be written."""
    return dtype in _NAMES
