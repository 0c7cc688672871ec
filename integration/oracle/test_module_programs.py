"""Programs over modules give the same in both libraries: results, or the class of the error."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import lamella.tensor as lt
from integration.oracle.module_programs import PROGRAMS
from lamella import nn

pytestmark = [
    pytest.mark.oracle,
    # the oracle tells when a backward hook sees no input or output that requires grad
    pytest.mark.filterwarnings("ignore:Full backward hook is firing"),
    pytest.mark.filterwarnings("ignore:For backward hooks to be called"),
]


def plain(value: Any) -> Any:
    """Without the library: tensors as their shape and rounded numbers."""
    if isinstance(value, (lt.Tensor, torch.Tensor)):
        return [tuple(value.shape), [round(float(x), 4) for x in value.detach().reshape(-1).tolist()]]
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return {k: plain(v) for k, v in value.items()} if isinstance(value, dict) else value


def outcome(program: Any, lib: Any, modules: Any) -> Any:
    try:
        return plain(program(lib, modules))
    except Exception as error:  # noqa: BLE001 - its class is what is compared
        return type(error).__name__


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_program(program: Any) -> None:
    assert outcome(program, lt, nn) == outcome(program, torch, torch.nn)
