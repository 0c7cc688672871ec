"""The table of printed texts that the unit tests hold us to is what the oracle prints."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import lamella.tensor as lt

pytestmark = pytest.mark.oracle

TABLE = Path(__file__).parents[2] / "packages" / "tensor" / "tests" / "tables" / "printing.txt"
BLOCKS = [block.partition("\n") for block in TABLE.read_text(encoding="utf-8").removeprefix(">>> ").split("\n>>> ")]
NAMES = {"nan": math.nan, "inf": math.inf, "v": lambda n: [3 * math.sin(k + 1) for k in range(n)]}


@pytest.fixture(autouse=True)
def _defaults() -> Iterator[None]:
    torch.set_printoptions(profile="default")
    yield
    torch.set_printoptions(profile="default")
    lt.set_printoptions(profile="default")


@pytest.mark.parametrize(("line", "expected"), [(line, text) for line, _, text in BLOCKS])
def test_the_table_is_the_oracles(line: str, expected: str) -> None:
    code, _, options = line.partition("  # ")
    torch.set_printoptions(**eval(f"dict({options})", NAMES))
    assert repr(eval(code, {**NAMES, "lib": torch})).replace("torch.", "lamella.") == expected.rstrip("\n")


@pytest.mark.parametrize("seed", range(20))
def test_random_tensors_print_alike(seed: int) -> None:
    # no dtype in the text: its module's name has another length, and lines would break elsewhere
    generator = torch.Generator().manual_seed(seed)
    rank = seed % 5
    shape = [int(n) for n in torch.randint(1, 9, (rank,), generator=generator)]
    values = torch.randn(shape, generator=generator) * 10.0 ** float(torch.randint(-6, 9, (), generator=generator))
    kinds = (values, values.round(), values.to(torch.int64), values > 0, torch.complex(values, -values))
    options = {"threshold": (5, 1000)[seed % 2], "edgeitems": seed % 4, "precision": seed % 6}
    torch.set_printoptions(**options)
    lt.set_printoptions(**options)
    for value in kinds:
        assert repr(lt.from_numpy(value.numpy())) == repr(value)


@pytest.mark.parametrize(
    ("text", "spec"),
    [("lib.tensor(2.5)", ""), ("lib.tensor(2.5)", "8.3f"), ("lib.tensor(7)", "x"), ("lib.tensor(True)", ""),
     ("lib.tensor(1e-3, dtype=lib.float64)", "e"), ("lib.ones(2)", ""), ("lib.tensor(0.1)", "")],
)  # fmt: skip
def test_format(text: str, spec: str) -> None:
    assert format(eval(text, {"lib": lt}), spec) == format(eval(text, {"lib": torch}), spec)
