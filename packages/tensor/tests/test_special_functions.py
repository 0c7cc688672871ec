"""The error bounds that the special functions state, against SciPy, over the ranges where their formulas change."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.tensor.extend import OPS, dispatch

special = pytest.importorskip("scipy.special")
F64, F32 = np.float64, np.float32


def i1(x: Any) -> Any:
    return dispatch(OPS["i1"], (x,))


_LINE = np.linspace
_SMALL = 10.0 ** _LINE(-300, 300, 1201)
# name: (ours, reference, points, bound in double, bound in single); bounds are of |error| / max(1, |value|), or of
# |error| / |value| for those in RELATIVE
CASES: dict[str, tuple[Callable[..., Any], Callable[..., Any], Any, float, float]] = {
    "erf": (lt.erf, special.erf, _LINE(-7, 7, 20001), 4.5e-16, 4.5e-7),
    "erfc": (lt.erfc, special.erfc, _LINE(-7, 9, 20001), 1e-14, 1e-6),
    "erfinv": (lt.erfinv, special.erfinv, np.tanh(_LINE(-18, 18, 20001)), 4e-15, 1e-6),
    "sigmoid": (lt.sigmoid, special.expit, _LINE(-80, 80, 20001), 1e-15, 5e-7),
    "lgamma": (lt.lgamma, special.gammaln, np.concatenate([_LINE(1e-3, 50, 20001), _SMALL]), 2e-15, 1.2e-7),
    "lgamma-left": (lt.lgamma, special.gammaln, _LINE(-20.3, 0.7, 20011), 2e-14, 1.2e-7),
    "digamma": (lt.digamma, special.digamma, np.concatenate([_LINE(1e-3, 50, 20001), _SMALL]), 2e-15, 1.2e-7),
    "digamma-left": (lt.digamma, special.digamma, _LINE(-20.3, 0.7, 20011), 1e-11, 1.2e-7),
    "trigamma": (lambda x: x.polygamma(1), lambda x: special.polygamma(1, x), _LINE(1e-2, 50, 20001), 2e-14, 1.2e-7),
    "tetragamma": (lambda x: x.polygamma(2), lambda x: special.polygamma(2, x), _LINE(0.02, 50, 20001), 2e-14, 1.2e-7),
    "pentagamma": (lambda x: x.polygamma(3), lambda x: special.polygamma(3, x), _LINE(0.05, 50, 20001), 2e-14, 1.2e-7),
    "i0": (lt.i0, special.i0, _LINE(-80, 80, 20001), 2e-15, 1.2e-7),
    "i1": (i1, special.i1, _LINE(-80, 80, 20001), 2e-15, 1.2e-7),
}
RELATIVE = {"erfc", "erfinv", "sigmoid", "trigamma", "tetragamma", "pentagamma", "i0", "i1"}


@pytest.mark.parametrize("dtype", (F64, F32))
@pytest.mark.parametrize("name", CASES)
def test_stated_bounds(name: str, dtype: Any) -> None:
    ours, reference, points, double, single = CASES[name]
    with np.errstate(all="ignore"):
        x = points.astype(dtype)
        x = x[np.isfinite(x) & ((x != 0) | (points == 0))]
        wanted = reference(x.astype(F64))
        keep = np.isfinite(wanted) & (np.abs(wanted) < np.finfo(dtype).max)
        if name in RELATIVE:
            keep &= np.abs(wanted) > np.finfo(dtype).tiny
    got = ours(lt.from_numpy(x)).numpy()
    assert got.dtype == dtype
    size = np.abs(wanted[keep]) if name in RELATIVE else np.maximum(1, np.abs(wanted[keep]))
    error = np.abs(got.astype(F64)[keep] - wanted[keep]) / np.where(size == 0, 1, size)
    worst = int(error.argmax())
    assert error[worst] < (double if dtype is F64 else single), f"at {x[keep][worst]!r}"


def test_lgamma_near_its_zeros_is_relative() -> None:
    # SciPy's own error there is 1e-11: the first two terms of the series about 1 and 2 are the reference
    step = np.array([-1e-6, 1e-7, 3e-8])
    euler = 0.5772156649015329
    for at, slope, bend in ((1.0, -euler, np.pi**2 / 12), (2.0, 1 - euler, np.pi**2 / 12 - 0.5)):
        d = (at + step) - at
        np.testing.assert_allclose(lt.lgamma(lt.from_numpy(at + step)).numpy(), d * slope + d * d * bend, rtol=1e-11)


def test_erf_of_its_inverse_is_exact_to_rounding() -> None:
    y = np.concatenate([np.linspace(-1, 1, 2001)[1:-1], [1e-12, -1e-300, 0.0, 1 - 1e-9]])
    back = np.vectorize(math.erf)(lt.erfinv(lt.from_numpy(y)).numpy())
    assert np.abs(back - y).max() < 3e-16


# (function, points, values), by the definitions
AT_POLES: tuple[tuple[Callable[..., Any], list[float], list[float]], ...] = (
    (lt.lgamma, [0.0, -0.0, -1.0, -5.0, np.inf, -np.inf, np.nan], [np.inf] * 6 + [np.nan]),
    (lt.digamma, [0.0, -0.0, -1.0, np.inf, np.nan], [-np.inf, np.inf, np.nan, np.inf, np.nan]),
    (lambda x: x.polygamma(1), [0.0, -3.0, np.inf, np.nan], [np.inf, np.inf, 0.0, np.nan]),
    (lt.erfinv, [1.0, -1.0, 1.5, -2.0, 0.0, np.nan], [np.inf, -np.inf, np.nan, np.nan, 0.0, np.nan]),
    (lt.erfc, [np.inf, -np.inf, 0.0, 30.0, np.nan], [0.0, 2.0, 1.0, 0.0, np.nan]),
    (lt.i0, [0.0, np.inf, -np.inf, np.nan], [1.0, np.inf, np.inf, np.nan]),
    (i1, [0.0, np.inf, -np.inf, np.nan], [0.0, np.inf, -np.inf, np.nan]),
    (lt.sinc, [0.0, 0.5, np.nan], [1.0, 2 / np.pi, np.nan]),
)


@pytest.mark.parametrize("dtype", (F64, F32))
@pytest.mark.parametrize("case", range(len(AT_POLES)))
def test_poles_and_limits(case: int, dtype: Any) -> None:
    function, points, values = AT_POLES[case]
    got = function(lt.from_numpy(np.array(points, dtype))).numpy()
    np.testing.assert_allclose(got, np.array(values, dtype), rtol=1e-6)


@pytest.mark.parametrize("name", ("erfc", "erfinv", "sigmoid", "lgamma", "digamma", "i0"))
def test_blocks_and_threads_change_no_value(name: str) -> None:
    x = np.random.default_rng(0).uniform(0.05, 0.95, 300_001).astype(F32)
    function = getattr(lt, name)
    whole = function(lt.from_numpy(x)).numpy()
    few = np.concatenate([function(lt.from_numpy(part)).numpy() for part in np.array_split(x, 301)])
    np.testing.assert_array_equal(whole, few)
    np.testing.assert_array_equal(function(lt.from_numpy(x[::3])).numpy(), whole[::3])


@pytest.mark.parametrize("dtype", (F64, F32))
@pytest.mark.parametrize("name", CASES)
def test_an_element_alone_has_the_bits_it_has_among_others(name: str, dtype: Any) -> None:
    function, _, points, *_ = CASES[name]
    x = np.random.default_rng(1).permutation(points)[:1500].astype(dtype)
    whole = function(lt.from_numpy(x)).numpy()
    alone = np.concatenate([function(lt.from_numpy(x[i : i + 1])).numpy() for i in range(500)])
    np.testing.assert_array_equal(whole[:500], alone)
    three = np.concatenate([function(lt.from_numpy(part)).numpy() for part in np.array_split(x, 500)])
    np.testing.assert_array_equal(whole, three)
