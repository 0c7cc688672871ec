"""The published vector file against the package, against numpy's own Philox, and against its author."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from lamella.tensor import _random as rng

VECTORS = Path(__file__).parent / "vectors"
DOCUMENT: dict[str, Any] = json.loads((VECTORS / "rng-v1.json").read_text())
CASES = DOCUMENT["cases"]
FLOATS = {"float64": np.uint64, "float32": np.uint32, "float16": np.uint16, "bfloat16": np.uint16}


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rng_reference", VECTORS / "rng_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def dtype_of(name: str) -> np.dtype[Any]:
    return np.dtype(ml_dtypes.bfloat16) if name == "bfloat16" else np.dtype(name)


def hexadecimal(values: np.ndarray[Any, Any], width: int) -> list[str]:
    return [f"{int(v):0{width}x}" for v in values]


def test_the_file_is_what_the_plain_python_reference_writes(reference: ModuleType) -> None:
    assert (VECTORS / "rng-v1.json").read_text() == reference.text()


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['seed']}-{c['offset']}-{c['attempt']}")
def test_words(case: dict[str, Any]) -> None:
    words = rng.words(case["seed"], case["offset"], 12, case["attempt"])
    assert hexadecimal(words, 16) == case["words"]


FIRST_ATTEMPTS = [c for c in CASES if c["attempt"] == 0]


@pytest.mark.parametrize("case", FIRST_ATTEMPTS, ids=lambda c: f"{c['seed']}-{c['offset']}")
def test_draws(case: dict[str, Any]) -> None:
    seed, offset = case["seed"], case["offset"]
    for name, unsigned in FLOATS.items():
        draws = rng.uniform(seed, offset, (3, 4), dtype_of(name))
        assert draws.dtype == dtype_of(name)
        assert hexadecimal(draws.view(unsigned).ravel(), np.dtype(unsigned).itemsize * 2) == case[name], name
    for row in case["bernoulli"]:
        assert rng.bernoulli(seed, offset, row["p"], (12,)).astype(int).tolist() == row["bits"], row["p"]
    for row in case["randint"]:
        assert rng.randint(seed, offset, row["low"], row["high"], (12,)).tolist() == row["values"], row
    assert rng.randperm(seed, offset, 12).tolist() == case["randperm"]
    for name, unsigned in (("normal64", np.uint64), ("normal32", np.uint32)):
        draws = rng.normal(seed, offset, (12,), np.dtype(f"float{name[-2:]}"))
        assert hexadecimal(draws.view(unsigned), np.dtype(unsigned).itemsize * 2) == case[name], name


@pytest.mark.parametrize("seed", [0, 5, 2**64 - 1])
def test_seed_zero_offset_is_numpys_stream(seed: int) -> None:
    assert np.array_equal(rng.words(seed, 0, 200_001), np.random.Philox(key=seed).random_raw(200_001))


def test_large_draws_follow_the_reference(reference: ModuleType) -> None:
    """Elements far into a draw, where chunks, threads and vector loops have taken over."""
    n, at = 300_000, [0, 1, 65_535, 65_536, 131_071, 299_999]
    stream = {i: reference.words(9, 7 + i, 1)[0] for i in at}
    for width in (32, 64):
        normals = rng.normal(9, 7, (n,), np.dtype(f"float{width}"))
        assert [float(normals[i]) for i in at] == [reference.normal(stream[i], width) for i in at]
    coins = rng.bernoulli(9, 7, 0.3, (n,))
    assert [int(coins[i]) for i in at] == [reference.bernoulli(stream[i], 0.3) for i in at]
