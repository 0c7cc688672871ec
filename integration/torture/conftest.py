"""The three ways in which every torture program runs: as written, captured and interpreted, captured and compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import lamella.tensor as lt
from lamella.compiler import compile as capture


@pytest.fixture(params=["eager", "interpreter", "c"])
def way(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    """Wraps a function or module the way this run asks for."""
    lt.manual_seed(0)
    if request.param == "eager":
        return lambda fn: fn
    backend = request.param
    return lambda fn: capture(fn, backend=backend)


@pytest.fixture(params=["interpreter", "c"])
def captured(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    """The captured ways alone, for what only capture can get wrong."""
    lt.manual_seed(0)
    backend = request.param
    return lambda fn: capture(fn, backend=backend)
