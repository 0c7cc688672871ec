"""Where tensor is installed alone, a test that asks for gradients in its own text or table is skipped, and says so.

A test that does not ask for them must pass without the package that computes them: its MissingPackage stays a failure.
"""

from __future__ import annotations

import inspect
from collections.abc import Generator

import pytest

from lamella.interfaces import MissingPackage, discover

ALONE = not discover("autograd")


def _asks_for_gradients(item: pytest.Item) -> bool:
    function = getattr(item, "function", None)
    table = getattr(getattr(item, "callspec", None), "params", {})
    return "requires_grad" in f"{inspect.getsource(function) if function else ''} {table}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    try:
        return (yield)
    except MissingPackage as missing:
        if ALONE and _asks_for_gradients(item):
            pytest.skip(str(missing))
        raise
