"""save and load of tensors: what comes back is what was saved, by the storage protocol, or an error names the place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.tensor import FileFormatError
from lamella.tensor._serialize import TensorRecord
from lamella.tensor._serialize import save as write
from lamella.testing.storage import BlockInt8, quantize_blocks

DTYPES = (lt.bool_, lt.uint8, lt.int64, lt.float16, lt.bfloat16, lt.float8_e4m3fn, lt.float32, lt.float64, lt.complex64)


def values(dtype: lt.DType, shape: tuple[int, ...]) -> lt.Tensor:
    return lt.from_numpy(np.asarray(np.random.default_rng(0).standard_normal(shape) * 4).astype(dtype.numpy))


@pytest.mark.parametrize("dtype", DTYPES, ids=repr)
@pytest.mark.parametrize("shape", [(), (0, 3), (1,), (4, 5)])
def test_a_tensor_comes_back(dtype: lt.DType, shape: tuple[int, ...], tmp_path: Path) -> None:
    x = values(dtype, shape)
    lt.save(x, tmp_path / "x")
    y = lt.load(tmp_path / "x")
    assert (y.dtype, y.shape, y.requires_grad) == (dtype, shape, False)
    assert y.numpy().tobytes() == x.numpy().tobytes()


def test_a_view_is_saved_by_its_elements(tmp_path: Path) -> None:
    x = lt.arange(24).reshape(4, 6)
    lt.save([x.T, x[::-2, 1::2]], tmp_path / "x")
    transposed, part = lt.load(tmp_path / "x")
    np.testing.assert_array_equal(transposed.numpy(), x.numpy().T)
    np.testing.assert_array_equal(part.numpy(), x.numpy()[::-2, 1::2])


def test_structure_numbers_and_ties_come_back(tmp_path: Path) -> None:
    x = lt.ones(3)
    tree: dict[Any, Any] = {"a": x, "again": [x, (1, 2.5, "word", None, True)], 7: {"nan": float("nan")}}
    lt.save(tree, tmp_path / "t")
    back = lt.load(tmp_path / "t")
    assert list(back) == ["a", "again", 7]
    assert back["again"][0] is back["a"], "one tensor is stored once and comes back as one"
    assert back["again"][1] == (1, 2.5, "word", None, True)
    assert back[7]["nan"] != back[7]["nan"]
    back["a"].add_(1.0)
    assert x.tolist() == [1.0, 1.0, 1.0]


def test_requires_grad_comes_back(tmp_path: Path) -> None:
    pytest.importorskip("lamella.autograd")
    lt.save({"w": lt.ones(2, requires_grad=True), "detached": lt.ones(2)}, tmp_path / "w")
    back = lt.load(tmp_path / "w")
    assert back["w"].requires_grad
    assert back["w"].is_leaf
    assert not back["detached"].requires_grad


def test_another_storage_comes_back_in_its_own_parts(tmp_path: Path) -> None:
    q = quantize_blocks(values(lt.float32, (3, 10)), 4)
    lt.save({"q": q}, tmp_path / "q")
    back = lt.load(tmp_path / "q")["q"]
    assert isinstance(back.storage(), BlockInt8)
    for name, part in q.storage().parts().items():
        np.testing.assert_array_equal(back.storage().parts()[name], part)
    np.testing.assert_array_equal(back.dense().numpy(), q.dense().numpy())


def test_what_has_no_values_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="a meta tensor has no values to save"):
        lt.save({"m": lt.zeros(2, device="meta")}, tmp_path / "m")
    assert not list(tmp_path.iterdir()), "nothing is left behind"


def test_a_tensor_of_an_open_transform_is_refused(tmp_path: Path) -> None:
    autograd = pytest.importorskip("lamella.autograd")

    def inside(x: lt.Tensor) -> lt.Tensor:
        lt.save(x, tmp_path / "x")
        return x

    with pytest.raises(TypeError, match="a tensor of an open transform or capture cannot be saved"):
        autograd.vmap(inside)(lt.ones(2, 3))
    assert not list(tmp_path.iterdir())


FORGED = {
    "a storage that nobody provides": (TensorRecord("no_such", {"data": np.ones(2)}, {"storage": {}}), "no_such"),
    "a dense tensor of two parts": (TensorRecord("dense", {"data": np.ones(2), "b": np.ones(2)}, {}), "one part"),
    "a storage without its meta": (TensorRecord("block_int8", {"data": np.ones(2)}, {}), "storage"),
    "integers that require grad": (TensorRecord("dense", {"data": np.arange(2)}, {"requires_grad": True}), "int64"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_record_is_one_error(name: str, tmp_path: Path) -> None:
    record, said = FORGED[name]
    write(lt.ones(1), tmp_path / "f", lambda _: record)
    with pytest.raises(FileFormatError, match=said):
        lt.load(tmp_path / "f")
