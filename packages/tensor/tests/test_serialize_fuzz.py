"""Deterministic mutations of whole files: each loads as exactly what was saved or raises FileFormatError, only that.

LAMELLA_FUZZ=1 runs twenty times as many. Memory is watched, so that no claimed size is believed before it is checked.
"""

import json
import math
import os
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from lamella.tensor._serialize import FileFormatError, TensorRecord, decode, encode
from lamella.tensor._serialize._safetensors import CRC_KEY, _header_crc

pytestmark = pytest.mark.fuzz

PER_KIND = 1000 * (20 if os.environ.get("LAMELLA_FUZZ") else 1)
# Parsing holds the header as text, as values and as the canonical text of its checksum.
MEMORY_FACTOR = 60


def record_of(value: object) -> TensorRecord | None:
    return TensorRecord("array", {"data": value}, identity=id(value)) if isinstance(value, np.ndarray) else None


def rebuild(record: TensorRecord) -> object:
    if record.kind != "array":
        raise ValueError(f"unknown kind {record.kind!r}")
    return record.parts["data"]


def samples() -> list[Any]:
    tied = np.arange(12, dtype=np.float32).reshape(3, 4)
    return [
        {"model": {"weight": tied, "bias": np.ones(3, ml_dtypes.bfloat16)}, "tied": [tied], "step": 12, "lr": 0.1},
        [np.array([True, False]), (1, "two", None, 2**80, math.nan), {3: np.zeros((0, 5), np.int8), "c": np.array(1j)}],
        {"optimizer": {i: {"m": np.full(5, i, np.float64), "flag": i % 2 == 0} for i in range(12)}},
        "a bare string",
    ]


FILES = [b"".join(encode(sample, record_of)) for sample in samples()]


def canonical(value: Any) -> Any:
    """A value that compares equal exactly for the same structure, types, ties and bits."""
    seen: dict[int, int] = {}

    def walk(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            assert value.flags.writeable
            number = seen.setdefault(id(value), len(seen))
            return ("array", number, value.dtype.name, value.shape, value.tobytes())
        if isinstance(value, dict):
            return ("dict", [(type(k).__name__, k, walk(v)) for k, v in value.items()])
        if isinstance(value, list | tuple):
            return (type(value).__name__, [walk(v) for v in value])
        assert value is None or type(value) in (bool, int, float, str)
        return (type(value).__name__, repr(value))

    return walk(value)


ORIGINALS = [canonical(sample) for sample in samples()]


def flip(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 8])):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def flip_in_header(rng: random.Random, data: bytes) -> bytes:
    length = int.from_bytes(data[:8], "little")
    return flip(rng, data[: 8 + length]) + data[8 + length :]


def truncate(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def extend(rng: random.Random, data: bytes) -> bytes:
    return data + rng.randbytes(rng.randrange(1, 40))


def splice(rng: random.Random, data: bytes) -> bytes:
    other = rng.choice(FILES)
    start, end = sorted(rng.randrange(len(other) + 1) for _ in range(2))
    at = rng.randrange(len(data) + 1)
    drop = rng.choice([0, end - start, rng.randrange(len(data))])
    return data[:at] + other[start:end] + data[at + drop :]


def overwrite(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    count = rng.randrange(1, 64)
    filler = rng.choice([bytes(count), b"\xff" * count, b"[" * count, b"9" * count, rng.randbytes(count)])
    return data[:at] + filler + data[at + count :]


def relength(rng: random.Random, data: bytes) -> bytes:
    length = int.from_bytes(data[:8], "little")
    new = rng.choice(
        [0, 1, length - 1, length + 1, len(data) - 8, len(data), 2**31, 2**63, 2**64 - 1, rng.getrandbits(64)]
    )
    return new.to_bytes(8, "little") + data[8:]


NUMBERS: list[Any] = [True, -1, 0, 1, 2, 2**31, 2**63 - 1, 2**63, 2**64, 10**40, 0.5, 1e308]
TEXTS: list[Any] = ["", "F32", "F64", "BOOL", "C64", "a" * 300, "\ud800", "0x5", "nan"]
LISTS: list[Any] = [[], [0], [2**62, 4], [0, 2**62], [0] * 70]
NODES: list[Any] = [{}, {"tensor": 0}, {"tuple": []}, {"dict": [[1, 2]]}]
ENTRIES: list[Any] = [
    {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
    {"part": "data", "name": "x", "crc32": 0},
]
STRANGE: list[Any] = [None, *NUMBERS, *TEXTS, *LISTS, *NODES, *ENTRIES]


def edit_json(rng: random.Random, value: Any) -> Any:
    """The value with one place changed, removed, doubled or exchanged."""
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], dict | list):
                walk(node[key])

    walk(value)
    if not places:
        return rng.choice(STRANGE)
    node, key = rng.choice(places)
    what = rng.randrange(6)
    if what == 0:
        del node[key]
    elif what == 1:
        other, other_key = rng.choice(places)
        node[key] = json.loads(json.dumps(other[other_key]))
    elif what == 2 and isinstance(node, dict):
        node[rng.choice(["", "data", "dtype", "x", "__metadata__", "tensor", "dict"])] = node.pop(key)
    elif what == 3 and isinstance(node, list):
        node.insert(rng.randrange(len(node) + 1), json.loads(json.dumps(node[key])))
    elif what == 4 and isinstance(node[key], int):
        node[key] += rng.choice([-1, 1, 4, -4, 2**32])
    else:
        node[key] = json.loads(json.dumps(rng.choice(STRANGE)))
    return value


def forge(rng: random.Random, data: bytes, in_tree: bool) -> bytes:
    """An edited header, or tree in it, with a right checksum: only the deeper checks can find it."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    for _ in range(rng.choice([1, 1, 2, 3])):
        if in_tree:
            tree = edit_json(rng, json.loads(header["__metadata__"]["lamella.tree"]))
            header["__metadata__"]["lamella.tree"] = json.dumps(tree)
        else:
            header = edit_json(rng, header)
        if not isinstance(header, dict) or not isinstance(header.get("__metadata__"), dict):
            break
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    if isinstance(metadata, dict) and CRC_KEY in metadata:
        metadata[CRC_KEY] = _header_crc(header)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def forge_header(rng: random.Random, data: bytes) -> bytes:
    return forge(rng, data, in_tree=False)


def forge_tree(rng: random.Random, data: bytes) -> bytes:
    return forge(rng, data, in_tree=True)


Mutation = Callable[[random.Random, bytes], bytes]
BLIND: list[Mutation] = [flip, flip_in_header, truncate, extend, splice, overwrite, relength]
FORGED: list[tuple[Mutation, int]] = [(forge_header, 0), (forge_tree, 0), (forge_tree, 1)]


def run(mutation: Mutation, seed: int) -> list[tuple[int, Any]]:
    """The outcomes that were not refused; any error but FileFormatError is the test's failure."""
    rng = random.Random(f"{mutation.__name__} {seed}")
    loaded = []
    tracemalloc.start()
    try:
        for _ in range(PER_KIND):
            which = rng.randrange(len(FILES))
            data = mutation(rng, FILES[which])
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            try:
                value = decode(data, rebuild, "fuzzed")
            except FileFormatError as error:
                assert str(error).startswith("fuzzed: ")
            else:
                loaded.append((which, canonical(value)))
            assert tracemalloc.get_traced_memory()[1] - before < MEMORY_FACTOR * len(data) + 200_000
    finally:
        tracemalloc.stop()
    return loaded


@pytest.mark.parametrize("mutation", BLIND, ids=lambda m: m.__name__)
def test_damage_is_found_or_does_not_matter(mutation: Mutation) -> None:
    """Checksums cover everything but the blanks after the header: what loads is what was saved, to the bit."""
    for which, value in run(mutation, 0):
        assert value in ORIGINALS if mutation is splice else value == ORIGINALS[which]


@pytest.mark.parametrize(("mutation", "seed"), FORGED, ids=lambda m: getattr(m, "__name__", str(m)))
def test_forged_files_load_whole_or_not_at_all(mutation: Mutation, seed: int) -> None:
    loaded = run(mutation, seed)
    assert len(loaded) < PER_KIND * 0.9  # most edits break something; `canonical` has checked what loads


def test_every_prefix_of_a_file_is_refused(tmp_path: Path) -> None:
    for length in range(len(FILES[0])):
        with pytest.raises(FileFormatError):
            decode(FILES[0][:length], rebuild)
