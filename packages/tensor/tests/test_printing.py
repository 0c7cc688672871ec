"""What tensors print: the texts of tables/printing.txt, options, and what Python's format makes of a tensor.

The table holds an expression, the options behind `#`, and what PyTorch prints for it with `torch.` as `lamella.`; the
oracle's session holds it to PyTorch again.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.tensor.extend import BY_NAME
from lamella.testing import special_values

TABLE = Path(__file__).parent / "tables" / "printing.txt"
BLOCKS = [block.partition("\n") for block in TABLE.read_text(encoding="utf-8").removeprefix(">>> ").split("\n>>> ")]
NAMES = {"lib": lt, "nan": math.nan, "inf": math.inf, "v": lambda n: [3 * math.sin(k + 1) for k in range(n)]}


@pytest.fixture(autouse=True)
def _defaults() -> Any:
    lt.set_printoptions(profile="default")
    yield
    lt.set_printoptions(profile="default")
    lt.set_default_dtype(lt.float32)


@pytest.mark.parametrize(("line", "expected"), [(line, text) for line, _, text in BLOCKS])
def test_the_table(line: str, expected: str) -> None:
    code, _, options = line.partition("  # ")
    if "requires_grad" in code:
        pytest.importorskip("lamella.autograd")
    lt.set_printoptions(**eval(f"dict({options})", NAMES))
    assert repr(eval(code, NAMES)) == expected.rstrip("\n")


def test_every_dtype_and_special_value_has_a_text() -> None:
    for dtype in BY_NAME.values():
        assert repr(lt.zeros(2, dtype=dtype)).startswith("tensor([")
    for dtype in (lt.float16, lt.bfloat16, lt.float32, lt.complex64):
        assert "nan" in repr(lt.from_numpy(special_values(dtype)))


def test_the_default_dtype_goes_without_saying() -> None:
    lt.set_default_dtype(lt.float64)
    assert repr(lt.tensor([0.5])) == "tensor([0.5000])"
    assert repr(lt.tensor([0.5j])) == "tensor([0.+0.5000j])"
    assert repr(lt.tensor([0.5], dtype=lt.float32)) == "tensor([0.5000], dtype=lamella.float32)"
    assert repr(lt.tensor([1j], dtype=lt.complex64)) == "tensor([0.+1.j], dtype=lamella.complex64)"


def test_a_subclass_says_its_name() -> None:
    class Named(lt.Tensor):
        __slots__ = ()

    class Own(lt.Tensor):
        __slots__ = ()

        def __repr__(self) -> str:
            return f"<{super().__repr__()}>"

    assert repr(Named([[1, 2], [3, 4]])) == "Named([[1, 2],\n       [3, 4]])"
    assert repr(Own([1])) == "<tensor([1])>"


def test_a_view_shows_what_was_written_elsewhere() -> None:
    x = lt.zeros(2, 2)
    row = x[0]
    x += 1
    assert repr(row) == "tensor([1., 1.])"


def test_only_the_edges_of_a_large_tensor_are_read() -> None:
    million = lt.from_numpy(np.broadcast_to(np.float32(2), (10**6, 10**6)))
    assert repr(million).splitlines()[0] == "tensor([[2., 2., 2.,  ..., 2., 2., 2.],"


def test_options_are_kept_and_given_back() -> None:
    default = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}
    assert lt.get_printoptions() == default
    with lt.printoptions(profile="short", linewidth=30, sci_mode=True):
        inside = {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 30, "sci_mode": True}
        assert lt.get_printoptions() == inside
        with pytest.raises(KeyError), lt.printoptions(precision=7):
            raise KeyError(lt.get_printoptions()["precision"])
        assert lt.get_printoptions() == inside
    assert lt.get_printoptions() == default
    lt.set_printoptions(profile="full")
    assert lt.get_printoptions() == default | {"threshold": math.inf}


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"precision": -1}, ValueError, "precision must be an int, at least 0, got -1"),
        ({"precision": 2.5}, ValueError, "precision must be an int"),
        ({"precision": "4"}, TypeError, "precision must be an int, at least 0, got '4'"),
        ({"edgeitems": -3}, ValueError, "edgeitems must be an int, at least 0, got -3"),
        ({"linewidth": 0}, ValueError, "linewidth must be an int, at least 1, got 0"),
        ({"threshold": -1}, ValueError, "threshold must be a number of elements, at least 0 or math.inf, got -1"),
        ({"threshold": math.nan}, ValueError, "threshold must be"),
        ({"threshold": [1]}, TypeError, "threshold must be"),
        ({"sci_mode": "auto"}, TypeError, "sci_mode must be True, False or None, got 'auto'"),
        ({"sci_mode": 2}, ValueError, "sci_mode must be"),
        ({"profile": "long"}, ValueError, "profile must be one of default, short, full, got 'long'"),
        ({"profile": 3}, ValueError, "profile must be one of"),
        ({"suppress": True}, TypeError, "suppress"),
    ],
)
def test_bad_options_change_nothing(options: dict[str, Any], error: Any, match: str) -> None:
    before = lt.get_printoptions()
    with pytest.raises(error, match=match):
        lt.set_printoptions(**{"linewidth": 33} | options)
    assert lt.get_printoptions() == before


@pytest.mark.parametrize(
    ("value", "spec", "expected"),
    [
        (2.5, "", "2.5"), (2.5, ".3f", "2.500"), (3, "5d", "    3"), (True, "", "True"), (1 + 2j, ".1f", "1.0+2.0j"),
        (1e-7, ".1e", "1.0e-07"), ([1, 2], "", "tensor([1, 2])"), ([0.5], "", "tensor([0.5000])"),
    ],
)  # fmt: skip
def test_format(value: Any, spec: str, expected: str) -> None:
    assert format(lt.tensor(value), spec) == expected


def test_format_of_what_has_no_one_value() -> None:
    with pytest.raises(TypeError, match=r"format '.2f' needs a tensor without dims, got shape \(1,\)"):
        format(lt.ones(1), ".2f")
    with pytest.raises(TypeError, match="needs a tensor without dims"):
        format(lt.ones(2, device="meta"), "d")
    assert f"{lt.ones((), device='meta')}" == "tensor(..., device='meta', size=())"
    with pytest.raises(RuntimeError, match="meta tensor has none"):
        format(lt.ones((), device="meta"), ".2f")
    with pytest.raises(ValueError, match="format code"):
        format(lt.tensor(1.5), "d")
