"""`lamella.tensor.fft` against numpy, in both precisions, and bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
import lamella.tensor.fft as ft

R = np.random.default_rng(6)
REAL = R.standard_normal((3, 4, 6))
COMPLEX = REAL + 1j * R.standard_normal((3, 4, 6))

LINES = dict.fromkeys(("fft", "ifft", "irfft", "hfft"), COMPLEX) | dict.fromkeys(("rfft", "ihfft"), REAL)
SPACES = {"fftn": COMPLEX, "ifftn": COMPLEX, "irfftn": COMPLEX, "rfftn": REAL}
PLANES = {"fft2": COMPLEX, "ifft2": COMPLEX, "irfft2": COMPLEX, "rfft2": REAL}


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("name", [*LINES, *SPACES, *PLANES])
def test_values(name: str, single: bool) -> None:
    x = (LINES | SPACES | PLANES)[name]
    if single:
        x = x.astype(np.complex64 if x.dtype.kind == "c" else np.float32)
    key, value = ("n", "dim") if name in LINES else ("s", "dim")
    calls: list[dict[str, Any]] = [{}, {"norm": "ortho"}, {"norm": "forward"}]
    calls += [{key: 5}, {value: 0, key: 2}] if name in LINES else [{key: (5, 3)}, {value: (0, 1), key: (2, 7)}]
    for call in calls:
        found = getattr(ft, name)(lt.from_numpy(x), **call).numpy()
        given = {{"dim": "axis" if name in LINES else "axes"}.get(k, k): v for k, v in call.items()}
        if name in SPACES and "s" in call and "dim" not in call:
            given["axes"] = (-2, -1)
        expected = getattr(np.fft, name)(x.astype(np.complex128 if x.dtype.kind == "c" else np.float64), **given)
        np.testing.assert_allclose(found, expected, rtol=1e-5 if single else 1e-12, atol=1e-5 if single else 1e-12)
        assert found.dtype.itemsize * (2 if single else 1) == expected.dtype.itemsize


def test_integers_become_the_default_float() -> None:
    assert ft.fft(lt.tensor([1, 2, 3])).dtype is lt.complex64
    assert ft.rfftn(lt.tensor([True, False])).dtype is lt.complex64


def test_frequencies_and_shifts() -> None:
    assert ft.fftfreq(5, 0.5).dtype is lt.float32
    np.testing.assert_array_equal(ft.fftfreq(5, 0.5, dtype=lt.float64).numpy(), np.fft.fftfreq(5, 0.5))
    np.testing.assert_array_equal(ft.rfftfreq(6, dtype=lt.float64).numpy(), np.fft.rfftfreq(6))
    x = lt.from_numpy(REAL)
    for name in ("fftshift", "ifftshift"):
        for dim in (None, 1, (0, 2)):
            np.testing.assert_array_equal(getattr(ft, name)(x, dim).numpy(), getattr(np.fft, name)(REAL, dim))


BAD = (
    ("ft.fft(lt.ones(3, requires_grad=True))", RuntimeError, r"fft\.fft has no derivative yet"),
    ("ft.fft(lt.ones(3), norm='x')", ValueError, "norm must be None, 'backward'"),
    ("ft.rfft(lt.ones(3, dtype=lt.complex64))", TypeError, "is for real tensors, got complex64"),
    ("ft.fft(lt.ones(3, dtype=lt.float16))", TypeError, "needs float32, float64 or complex elements, got float16"),
    ("ft.fft(lt.ones(3), n=0)", ValueError, "fft.fft needs lengths of at least 1, got 0"),
    ("ft.fft(3)", TypeError, "fft"),
    ("ft.fftfreq(3, dtype=lt.int64)", TypeError, "gives floating numbers"),
)


@pytest.mark.parametrize(("code", "error", "message"), BAD, ids=[row[0] for row in BAD])
def test_bad_input(code: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        eval(code)
