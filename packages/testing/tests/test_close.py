"""assert_close says yes and no where it should, and says where."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.testing import ALL_DTYPES, LAYOUTS, arrays, assert_close, special_values, tolerance_of

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=repr)
def test_equal_is_close(dtype: lt.DType) -> None:
    found = dict(arrays(dtype))
    assert found.keys() == LAYOUTS.keys()
    for layout, a in found.items():
        assert a.shape == LAYOUTS[layout]
        assert a.dtype == dtype.numpy
        assert_close(lt.from_numpy(a), a.copy(), check_dtype=True)


ACCEPTED: tuple[tuple[Any, Any], ...] = (
    (1.0, 1.0 + 1e-15),
    (np.float32(1), np.float32(1) + np.float32(1e-6)),
    ([NAN, INF, -INF], [NAN, INF, -INF]),
    (1, 1.0),
    (np.float16(1.0), 1.003),  # the narrower dtype counts
    (1j, 1j + 1e-15),
    ([], []),
    (2**62, 2**62),
)
REFUSED: tuple[tuple[Any, Any, str], ...] = (
    (1.0, 1.0 + 1e-13, r"1 of 1 values differ .*worst at \(\): got .*1.0.*, expected .*1.00"),
    ([1, 2], [1, 3], r"1 of 2 values differ .*worst at \(1,\): got .*2.*, expected .*3"),
    ([1.0], [[1.0]], r"shapes differ: got \(1,\), expected \(1, 1\)"),
    ([NAN, 1.0], [1.0, 1.0], r"nan at different places, 1 of 2; first at \(0,\)"),
    ([INF], [-INF], r"\+inf at different places"),
    ([INF], [1e308], r"\+inf at different places"),
    ([1.0], [-INF], "-inf at different places"),
    ([complex(0, NAN)], [0j], "imaginary part: nan at different places"),
    (2**62, 2**62 + 1, "1 of 1 values differ"),
    (True, False, "1 of 1 values differ"),
)


@pytest.mark.parametrize(("a", "b"), ACCEPTED)
def test_accepted(a: Any, b: Any) -> None:
    assert_close(a, b)
    assert_close(b, a)


@pytest.mark.parametrize(("a", "b", "message"), REFUSED)
def test_refused(a: Any, b: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        assert_close(a, b)
    with pytest.raises(AssertionError, match="of the loss: "):
        assert_close(a, b, message="of the loss")


def test_tolerance_is_chosen_by_dtype_and_factor() -> None:
    assert tolerance_of("int32").relative == 0.0
    assert tolerance_of(lt.float16).relative > tolerance_of(lt.float32).relative > tolerance_of(lt.float64).relative
    assert_close(1.0, 1.0 + 1e-6, like=lt.float32)
    with pytest.raises(AssertionError):
        assert_close(1.0, 1.0 + 1e-5, like=lt.float32)
    assert_close(1.0, 1.0 + 1e-5, like=lt.float32, factor=4)
    with pytest.raises(AssertionError, match="dtypes differ: got float32, expected float64"):
        assert_close(lt.ones(1), np.ones(1), check_dtype=True)


def test_tensors_of_every_kind() -> None:
    from lamella.testing.storage import quantize_blocks

    assert_close(quantize_blocks(lt.ones(2, 4)), lt.ones(2, 4))
    with pytest.raises(TypeError, match="cannot hold numpy dtype"):
        assert_close(["a"], ["a"])


def test_special_values() -> None:
    values = special_values(lt.bfloat16)
    assert np.isnan(values.astype(np.float32)).sum() == 1
    assert np.isinf(values.astype(np.float32)).sum() == 2
    assert (values != 0).sum() == len(values) - 2
    with pytest.raises(TypeError, match="special values are those of floating and complex dtypes, got lamella.int8"):
        special_values(lt.int8)
